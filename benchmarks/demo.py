"""How fast the demo is walked and picked, against bare decoding, in one run.

python benchmarks/demo.py [MOVIE]
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2

from pipeline import manifest, mine, table
from pipeline.settings import Job


def timed(what: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begin = time.perf_counter()
    what()
    return time.perf_counter() - begin


def decode(movie: Path) -> None:
    """Bare decoding with OpenCV, its own number of threads."""
    film = cv2.VideoCapture(str(movie))
    while film.read()[0]:
        pass
    film.release()


def silent(_: int) -> Callable[[int, int], None]:
    """Shows no progress."""
    return lambda *_: None


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("movie", type=Path, nargs="?", default=Path("videos/demo.mp4"))
    movie = parser.parse_args().movie
    with tempfile.TemporaryDirectory() as folder:
        job = Job(people=("any",), emotions=("happy",), output=Path(folder))
        bare = timed(lambda: decode(movie))
        walk = timed(lambda: mine.walk(movie, job, silent))
        place = manifest.folder_for(movie, job.output)
        pick = timed(lambda: mine.pick(place, job))
        frames = len(manifest.read(place).scan)
        faces = len(table.read_faces(place / "faces.csv"))
    print(f"{movie.name}: {frames} frames, {faces} faces, {os.cpu_count()} cores\n")
    print("| step | seconds | frames a second | of bare decoding |\n|---|---|---|---|")
    for name, seconds in (
        ("bare decoding (OpenCV)", bare),
        ("walk, with start-up", walk),
        ("pick happy faces of everybody", pick),
    ):
        print(f"| {name} | {seconds:.1f} | {frames / seconds:.0f} | {bare / seconds:.2f} |")


if __name__ == "__main__":
    main()
