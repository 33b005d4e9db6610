"""What a program takes: seconds, CPU seconds of all cores, peak memory. Standard library only.

Run as a program it is the small parent of the one measured: the peak memory that Linux reports of a
child is at least what the process that started it had, and this one has 15 MB.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


class FailedError(Exception):
    """A measured program ended with an error; the text is its last line."""


@dataclass(frozen=True)
class Spent:
    """What a program took.

    Attributes:
        frames: that went through it.
        seconds: from start to end, or as long as its own clock ran.
        cpu: seconds of all cores together, which other programs beside it hardly change.
        peak: memory of its largest process in MB.
        note: what it had to say.
    """

    frames: int
    seconds: float
    cpu: float
    peak: float
    note: str = ""

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.frames / self.seconds

    @property
    def cost(self) -> float:
        """CPU milliseconds a frame."""
        return 1000 * self.cpu / self.frames


def measure(call: Sequence[object], frames: int = 0) -> Spent:
    """Runs a program and measures it, by its own clock where it has one (see `clock`).

    Args:
        call: The program and its arguments.
        frames: Where it does not say itself how many went through it.

    Raises:
        FailedError: It ended with an error.
    """
    parent = [sys.executable, __file__, *map(str, call)]
    done = subprocess.run(parent, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise FailedError(said[-1] if said else f"exit code {done.returncode}")
    return Spent(**{"frames": frames} | json.loads(done.stdout))


def clock(work: Callable[[], int], note: str = "") -> None:
    """In a measured program: times only this, which returns the frames that it saw."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    frames = work()
    seconds, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
    print(json.dumps({"frames": frames, "seconds": seconds, "cpu": cpu, "note": note}))


def main() -> int:
    """Runs the program that the arguments name, and prints what it spent as JSON."""
    with tempfile.TemporaryFile("w+") as out:
        begin = time.perf_counter()
        child = subprocess.Popen(sys.argv[1:], stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        last = (out.read().splitlines() or [""])[-1]
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    spent = {
        "seconds": seconds,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": kilobytes / 1024,
    }
    print(json.dumps(spent | (json.loads(last) if last.startswith('{"frames"') else {})))
    return abs(child.returncode)


def program(name: str) -> Path:
    """A program of this folder."""
    return Path(__file__).with_name(name)


if __name__ == "__main__":
    sys.exit(main())
