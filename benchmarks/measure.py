"""Measures seconds, CPU seconds and peak memory of a program, with the standard library only.

This file also runs as the small parent of the measured program: Linux reports as the peak memory of
a child at least the memory of the process that started it, which is 15 MB for this one.
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
    """A measured program ended with an error; the message is the last line that it printed."""


@dataclass(frozen=True)
class Spent:
    """What a program took.

    Attributes:
        frames: The frames that it processed.
        seconds: Seconds from start to end, or by its own clock.
        cpu: CPU seconds of all cores together, which other running programs hardly change.
        peak: Peak memory of its largest process, in MB.
        note: A remark from the program.
    """

    frames: int
    seconds: float
    cpu: float
    peak: float
    note: str = ""

    @property
    def rate(self) -> float:
        """Frames per second."""
        return self.frames / self.seconds

    @property
    def cost(self) -> float:
        """CPU milliseconds per frame."""
        return 1000 * self.cpu / self.frames


def measure(call: Sequence[object], frames: int = 0) -> Spent:
    """Runs a program and measures it, by its own clock if it has one (see `clock`).

    Args:
        call: The program and its arguments.
        frames: The number of frames, if the program does not report it.

    Raises:
        FailedError: The program ended with an error.
    """
    parent = [sys.executable, __file__, *map(str, call)]
    done = subprocess.run(parent, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = done.stderr.strip().splitlines()
        raise FailedError(errors[-1] if errors else f"exit code {done.returncode}")
    return Spent(**{"frames": frames} | json.loads(done.stdout))


def clock(work: Callable[[], int], note: str = "") -> None:
    """Times only `work`, which returns a number of frames; for use in a measured program."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    frames = work()
    seconds, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
    print(json.dumps({"frames": frames, "seconds": seconds, "cpu": cpu, "note": note}))


def main() -> int:
    """Runs the program in the arguments, and prints what it took as JSON."""
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
    """Gives the path of a program in this folder."""
    return Path(__file__).with_name(name)


if __name__ == "__main__":
    sys.exit(main())
