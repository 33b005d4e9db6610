"""Compares the frames of movies with what plain decoding shows, and their rows with each other.

python benchmarks/readings.py [--known FOLDER] MOVIE…

Columns: frames here and by FFmpeg; the largest difference of their times from the first frame on,
where FFmpeg's own rise; how many frames are the picture that FFmpeg shows at the same place; the
frames of parts that begin anywhere and differ from the whole (none should); with --known, rows by
name. Warnings stand below a movie.
"""

import argparse
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
import numpy as np

from pipeline import mine
from pipeline.disk.walked import finished
from pipeline.faces import Image
from pipeline.movie import decode
from pipeline.movie.scan import Scan, scan_movie
from pipeline.settings import Job
from pipeline.walk.part import silent

SIDE = 32
"""Pictures are compared in this size, since here they may be mirrored, turned or fitted in."""

ALIKE = 12.0
"""Mean difference of grey below which two pictures are one; one of two fields gives 4."""

EVERY = 9
"""Parts begin at every so many frames."""


def shown(path: Path, number: int) -> tuple[list[float], list[Image]]:
    """The times and small grey pictures of all frames, in the order of FFmpeg's decoder."""
    times: list[float] = []
    pictures: list[Image] = []
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams.video if s.index == number)
        for packet in container.demux(stream):
            if packet.size == 0 and packet.pts is not None:
                continue
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                times.append(float("nan") if frame.time is None else frame.time)
                pictures.append(np.asarray(frame.to_ndarray(format="gray"), np.uint8))
    return times, pictures


def small(image: Image) -> Image:
    """A picture as grey of `SIDE` by `SIDE`."""
    return np.asarray(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def ours(path: Path, scan: Scan, start: int, stop: int) -> dict[int, Image]:
    """Decodes frames as a walk does; their pictures, by number."""
    return {frame.index: frame.image for frame in decode.decode_frames(path, scan, start, stop)}


def unturned(image: Image, scan: Scan) -> Image:
    """The picture as it is stored."""
    turned = np.rot90(image, -scan.stream.rotation)
    return turned[:, ::-1] if scan.stream.mirrored else turned


def differing(path: Path, scan: Scan, whole: dict[int, Image]) -> int:
    """The number of frames that are others if decoding begins elsewhere."""
    wrong = 0
    for start in range(0, len(scan), EVERY):
        part = ours(path, scan, start, start + EVERY)
        wanted = {n for n in whole if start <= n < start + EVERY}
        wrong += len(wanted ^ part.keys())
        wrong += sum(not np.array_equal(part[n], whole[n]) for n in wanted & part.keys())
    return wrong


def rows(path: Path, known: Path) -> str:
    """The rows of a walk by name."""
    with TemporaryDirectory() as output:
        job = Job(output=Path(output), known_faces=known)
        people = Counter(finished(mine.walk(path, job, silent)).rows["person"])
    return ", ".join(f"{person or 'nobody'} {n}" for person, n in sorted(people.items()))


def line(path: Path, scan: Scan, known: Path | None) -> str:
    """The figures of a movie."""
    whole = ours(path, scan, 0, len(scan))
    times, pictures = shown(path, scan.stream.number)
    off = "-"
    if len(times) == len(scan) and (np.diff(times) > 0).all():
        theirs = np.array(times) - times[0]
        off = f"{np.abs(theirs - scan.times + scan.times[0]).max():.4f}"
    same = 0
    for n, picture in enumerate(pictures):
        if n in whole:
            stored = np.ascontiguousarray(unturned(whole[n], scan))
            grey = small(cv2.cvtColor(stored, cv2.COLOR_RGB2GRAY))
            same += bool(np.abs(grey.astype(int) - small(picture)).mean() < ALIKE)
    wrong = differing(path, scan, whole)
    found = rows(path, known) if known else ""
    return f"{len(whole):5}/{len(times):5} {off:>8} {same:5} {wrong:5}  {found}"


def main() -> None:
    """Prints a line for each movie."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("movies", nargs="+", type=Path, metavar="MOVIE")
    parser.add_argument("--known", type=Path, help="walk the movies, with these known faces")
    options = parser.parse_args()
    print(f"{'movie':20} {'frames':>11} {'off by':>8} {'same':>5} {'parts':>5}  rows")
    for path in options.movies:
        scan = scan_movie(path)
        print(f"{path.name:20} {line(path, scan, options.known)}")
        for warning in scan.warnings:
            print(f"    {warning}")


if __name__ == "__main__":
    main()
