"""Compares the frames of movies with what plain decoding shows, and their rows with a clean copy's.

python benchmarks/readings.py [--known FOLDER] MOVIE…

Columns: frames here and by FFmpeg; the largest difference of their times from the first frame on,
where FFmpeg's own rise; how many frames are the picture that FFmpeg shows at the same place; the
frames of parts that begin anywhere and differ from the whole (none should). With --known, of a
walk: rows here and of the same pictures in a plain MP4; the mean over the latter of how much the
box here overlaps (0 where there is none, or of another person); the largest difference of their
times; rows by name. Warnings stand below a movie.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
import numpy as np
import pandas as pd

from pipeline import mine
from pipeline.disk.walked import finished
from pipeline.faces import Floats, Image, iou, median_step
from pipeline.movie import decode
from pipeline.movie.encode import FilmPicture, write_mp4
from pipeline.movie.scan import Scan, scan_movie
from pipeline.settings import Job
from pipeline.walk.part import silent

SIDE = 32
"""Pictures are compared in this size, since here they may be mirrored, turned or fitted in."""

ALIKE = 12.0
"""Mean difference of grey below which two pictures are one; one of two fields gives 4."""

EVERY = 9
"""Parts begin at every so many frames."""

TICKS, SHARP = 90_000, 12
"""Ticks a second and quality (CRF) of the clean copy."""


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


def fitted(picture: Image, first: Image) -> Image:
    """A picture in the shape of the first one, with borders if its own is another."""
    scale = min(np.divide(first.shape, picture.shape))
    if picture.shape == first.shape:
        return picture
    inner = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    top, left = ((a - b) // 2 for a, b in zip(first.shape, inner.shape, strict=True))
    canvas = np.zeros_like(first)
    canvas[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return canvas


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


def clean_copy(path: Path, scan: Scan, pictures: dict[int, Image]) -> Path:
    """Writes the pictures that were decoded into a plain MP4."""
    ticks = np.round((scan.times - scan.times[0]) * TICKS).astype(int)
    lasts = np.append(np.diff(ticks), round(TICKS * median_step(scan.times)) or 1)
    film = (FilmPicture(pictures[n], int(ticks[n]), int(lasts[n])) for n in sorted(pictures))
    write_mp4(path, film, Fraction(1, TICKS), quality=SHARP)
    return path


def walked(path: Path, known: Path, output: Path) -> pd.DataFrame:
    """The rows of a walk, with times from the first frame on."""
    found = finished(mine.walk(path, Job(output=output, known_faces=known), silent))
    return found.rows.assign(time=found.rows["time"] - found.manifest.scan.times[0])


def overlaps(rows: pd.DataFrame, clean: pd.DataFrame) -> Iterator[float]:
    """How much the nearest box of the same frame and person overlaps each clean one."""
    groups = dict(list(rows.groupby(["frame", "person"])))
    for key, group in clean.groupby(["frame", "person"]):
        here = groups.get(key)
        shared = np.zeros((len(group), 1)) if here is None else iou(_boxes(group), _boxes(here))
        yield from shared.max(axis=1).tolist()


def _boxes(rows: pd.DataFrame) -> Floats:
    return rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float32)


def against_clean(path: Path, scan: Scan, pictures: dict[int, Image], known: Path) -> str:
    """The figures of a movie's rows."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        rows = walked(path, known, place / "here")
        copy = clean_copy(place / "clean.mp4", scan, pictures)
        clean = walked(copy, known, place / "there")
    both = rows.merge(clean, on="frame", suffixes=("", "_clean"))
    off = (both["time"] - both["time_clean"]).abs().max() if len(both) else 0.0
    people = ", ".join(f"{p or 'nobody'} {n}" for p, n in sorted(Counter(rows["person"]).items()))
    overlap = float(np.mean(list(overlaps(rows, clean)) or [1.0]))
    return f"{len(rows):5}/{len(clean):5} {overlap:8.3f} {off:8.4f}  {people}"


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
            same += bool(
                np.abs(grey.astype(int) - small(fitted(picture, pictures[0]))).mean() < ALIKE
            )
    wrong = differing(path, scan, whole)
    found = against_clean(path, scan, whole, known) if known else ""
    return f"{len(whole):5}/{len(times):5} {off:>8} {same:5} {wrong:5} {found}"


def main() -> None:
    """Prints a line for each movie."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("movies", nargs="+", type=Path, metavar="MOVIE")
    parser.add_argument("--known", type=Path, help="walk the movies, with these known faces")
    options = parser.parse_args()
    rows = f"{'rows':>11} {'overlap':>8} {'off by':>8}" if options.known else ""
    print(f"{'movie':20} {'frames':>11} {'off by':>8} {'same':>5} {'parts':>5} {rows}")
    for path in options.movies:
        scan = scan_movie(path)
        print(f"{path.name:20} {line(path, scan, options.known)}")
        for warning in scan.warnings:
            print(f"    {warning}")


if __name__ == "__main__":
    main()
