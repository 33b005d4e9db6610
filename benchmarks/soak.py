"""Whether memory grows with a movie's length, and what a second worker saves.

python benchmarks/soak.py [MOVIE] [--only memory|speed]

Walks loops of the movie, each in a process of its own: 2 and 30 minutes for memory, 10 minutes for
speed. One that does other things beside it makes the machine's figures worse.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from pathlib import Path

import av
from av.video.stream import VideoStream

SHORT, LONG, SPEED = 2, 30, 10
"""Minutes of the loops."""


def loop(movie: Path, path: Path, minutes: float) -> Path:
    """Repeats a movie's packets, without decoding them, up to a key frame after so many minutes."""
    with av.open(str(movie)) as source, av.open(str(path), "w") as target:
        film = source.streams.video[0]
        copy = target.add_stream_from_template(film)
        assert isinstance(copy, VideoStream)
        packets = [p for p in source.demux(film) if p.pts is not None and p.dts is not None]
        end = max((p.pts or 0) + (p.duration or 0) for p in packets)
        length = end - min(p.pts or 0 for p in packets)
        last = round(60 * minutes / Fraction(film.time_base or 1))
        for turn in count():
            source.seek(0)  # Packets are used up when they are written: each turn reads them anew.
            for packet in source.demux(film):
                if packet.pts is None or packet.dts is None:
                    continue
                packet.pts += turn * length
                packet.dts += turn * length
                if packet.is_keyframe and packet.pts >= last:
                    return path
                packet.stream = copy
                target.mux(packet)
    return path


@dataclass(frozen=True)
class Walked:
    """What a walk in a process of its own took.

    Attributes:
        rows: faces found.
        seconds: from start to end.
        cpu: seconds of all cores together, which other programs beside it hardly change.
        peak: memory of its largest process in MB.
    """

    rows: int
    seconds: float
    cpu: float
    peak: float


def walk(movie: Path, output: Path, workers: int) -> Walked:
    """Walks a movie in a child process."""
    call = [
        sys.executable, "-c", "from pipeline.cli import run; run()", "walk", str(movie),
        "--output", str(output), "--workers", str(workers), "-q",
    ]  # fmt: skip
    begin = time.perf_counter()
    child = subprocess.Popen(call, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begin
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"the walk of {movie} failed")
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    with (output / movie.stem / "faces.csv").open() as lines:
        rows = sum(1 for _ in lines) - 1
    return Walked(rows, seconds, usage.ru_utime + usage.ru_stime, kilobytes / 1024)


def memory(movie: Path, folder: Path) -> None:
    """Prints whether peak memory grows with the length of the movie."""
    print("| minutes | rows | seconds | peak memory, MB | growth |\n|---|---|---|---|---|")
    first = 0.0
    for minutes in (SHORT, LONG):
        w = walk(loop(movie, folder / f"{minutes}.mp4", minutes), folder / "one", 1)
        first = first or w.peak
        growth = f"{100 * (w.peak / first - 1):.1f} %"
        print(f"| {minutes} | {w.rows:,} | {w.seconds:.0f} | {w.peak:.0f} | {growth} |", flush=True)


def speed(movie: Path, folder: Path) -> None:
    """Prints what a second worker saves."""
    film = loop(movie, folder / f"{SPEED}.mp4", SPEED)
    print("| workers | seconds | ratio | seconds of all cores |\n|---|---|---|---|")
    first = 0.0
    for workers in (1, 2):
        w = walk(film, folder / str(workers), workers)
        first = first or w.seconds
        print(
            f"| {workers} | {w.seconds:.1f} | {first / w.seconds:.2f} | {w.cpu:.1f} |", flush=True
        )


def main() -> None:
    """Prints two Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("movie", type=Path, nargs="?", default=Path("videos/demo.mp4"))
    parser.add_argument("--only", choices=["memory", "speed"], help="one of the two tables")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before\n")
        for what in (memory, speed):
            if given.only in (None, what.__name__):
                what(given.movie, Path(name))
                print(f"\nload {os.getloadavg()[0]:.1f} after\n")


if __name__ == "__main__":
    main()
