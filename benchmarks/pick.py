"""Measures stage two on the rows of a long movie, and on the crops of a shorter one.

python benchmarks/pick.py [MOVIE]

The movie's packets are looped to at least ten minutes. The rows and their names are made up, so
that neither a walk nor networks are needed: tracks of 40 to 120 frames whose emotion changes every
few frames, about one face per frame.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
import pandas as pd

from pipeline import mine
from pipeline.disk import faces_csv, manifest, tracks_npz
from pipeline.disk.manifest import Manifest
from pipeline.disk.walked import finished
from pipeline.faces import EMOTIONS, FaceRow
from pipeline.models.registry import tolerances
from pipeline.movie.scan import Scan, scan_movie
from pipeline.movie.stream import fingerprint
from pipeline.people import gallery
from pipeline.pick import select
from pipeline.pick.choose import choose
from pipeline.settings import Job, PickSettings, WalkSettings

ROWS = 260_000
SECONDS = 600
CROPS = 500
PEOPLE = ("anna", "ben", "carl", "")
NOBODY = Path("no-photos-here")
Result = TypeVar("Result")


def timed(what: Callable[[], Result]) -> tuple[float, Result]:
    """Gives the seconds that a call takes, and its result."""
    begin = time.perf_counter()
    result = what()
    return time.perf_counter() - begin, result


def loop(movie: Path, target: Path, seconds: float) -> Path:
    """Repeats the movie's packets without decoding until it is at least `seconds` long."""
    begin = 0
    with av.open(str(movie)) as film, av.open(str(target), "w") as out:
        source = film.streams.video[0]
        stream = out.add_stream_from_template(source)
        ticks = round(seconds / float(source.time_base or 1))
        while begin < ticks:
            film.seek(0)
            length = 0
            for packet in film.demux(source):
                if packet.pts is not None and packet.dts is not None:
                    length = max(length, packet.pts + (packet.duration or 1))
                    packet.pts, packet.dts = packet.pts + begin, packet.dts + begin
                    packet.stream = stream
                    out.mux(packet)
            begin += length
    return target


def made_up(count: int, scan: Scan, name: str) -> pd.DataFrame:
    """Makes rows like those of `faces_csv.read_faces`, about one face per frame."""
    random = np.random.default_rng(0)
    lengths = random.integers(40, 121, 2 * count // 80)
    lengths = lengths[: np.searchsorted(np.cumsum(lengths), count) + 1]
    track = np.repeat(np.arange(len(lengths)), lengths)[:count]
    frame = np.arange(len(track)) % len(scan)
    looks = np.repeat(random.integers(0, 7, len(track)), random.integers(1, 30, len(track)))
    probabilities = random.dirichlet(np.full(7, 0.5), len(track)) * 0.4
    probabilities[np.arange(len(track)), looks[: len(track)]] += 0.6
    x, y, side = random.uniform(0, 400, (3, len(track))) / [[1.0], [2.0], [4.0]]
    numbers = {
        "frame": frame, "time": scan.times[frame], "shot": track, "track": track, "detected": 1,
        "x1": x, "y1": y, "x2": x + 40 + side, "y2": y + 50 + side, "score": 0.9,
        "sharpness": random.uniform(10, 400, len(track)),
        "yaw": random.uniform(-60, 60, len(track)), "pitch": random.uniform(-20, 20, len(track)),
        "roll": 0.0, "video": name, "person": np.array(PEOPLE, dtype=object)[track % len(PEOPLE)],
        "distance": 0.2, "sure": 0.9, **dict(zip(EMOTIONS, probabilities.T, strict=True)),
    }  # fmt: skip
    rows = pd.DataFrame(numbers)[list(FaceRow._fields)]
    return rows.sort_values(["frame", "track"], ignore_index=True)


def write_walk(movie: Path, folder: Path, rows: pd.DataFrame, scan: Scan) -> None:
    """Writes the files that a walk would have written."""
    settings = WalkSettings()
    identity = fingerprint(movie)
    models = {"detector": "made up"}
    walk = Manifest(movie, identity, settings, models, scan, ((0, len(scan)),))
    folder.mkdir()
    manifest.write(folder, walk)
    faces_csv.write_faces(folder / "faces.csv", [rows])
    random = np.random.default_rng(1)
    firsts = rows.drop_duplicates("track").sort_values("track")
    track = np.repeat(firsts["track"].to_numpy(), 3)
    frame = np.repeat(firsts["frame"].to_numpy(), 3) + np.tile([0, 15, 30], len(firsts))
    embedding = random.normal(size=(len(track), 128)).astype(np.float32)
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    quality = np.full(len(track), 0.5, np.float32)
    tracks = tracks_npz.Tracks(
        embedding, track, frame, quality, walk.fingerprint,
        people=np.array(sorted(set(PEOPLE) - {""})),
        far=np.full((len(firsts), len(PEOPLE) - 1), 0.2, np.float32),
        gallery=gallery.digest(NOBODY, Job().tolerance),  # So that a pick does not name anew.
        person=np.arange(len(firsts)) % len(PEOPLE) - 1,
    )  # fmt: skip
    tracks_npz.write_tracks(folder / "tracks.npz", tracks)


def long_scan(scan: Scan, frames: int) -> Scan:
    """Gives the scan of a longer movie, as far as rows need it."""
    step = int(np.median(np.diff(scan.pts)))
    return replace(scan, pts=np.arange(frames) * step)


def chosen(
    rows: pd.DataFrame, tracks: tracks_npz.Tracks, settings: PickSettings, size: tuple[int, int]
) -> int:
    """Counts the rows kept for all people and emotions."""
    steadied, tolerance = select.steadied(rows, 1, settings), tolerances(WalkSettings()).name
    choices = choose(steadied, tracks, Job(), settings, size, tolerance)
    return sum(len(choice.kept) for choice in choices)


def listing(folder: Path) -> Iterator[str]:
    """Gives lines with the seconds for reading, and for filtering and listing everybody."""
    walked = finished(folder)
    seconds, rows = timed(lambda: walked.rows)
    yield f"| read | {seconds:.2f} | {len(rows):,} rows |"
    tracks, size = walked.tracks, walked.size
    for repeat in (8, 1):
        for per_run in (0, 3):
            settings = PickSettings(repeat=repeat, per_run=per_run)
            seconds, count = timed(partial(chosen, rows, tracks, settings, size))
            what = f"filter and list, --repeat {repeat} --per-run {per_run}"
            yield f"| {what} | {seconds:.2f} | {count:,} rows |"


def fitting_repeat(folder: Path) -> int:
    """Finds the `--repeat` that keeps about `CROPS` happy faces of anna."""
    rows = faces_csv.read_faces(folder / "faces.csv")
    steadied = select.steadied(rows, 1, PickSettings())
    lengths = select.wanted(steadied, "anna", "happy")["run_length"].sort_values(ascending=False)
    return int(lengths.iloc[min(CROPS, len(lengths)) - 1])


def crops(folder: Path) -> Iterator[str]:
    """Gives lines with the seconds for picking about `CROPS` faces, all of them and thinned."""
    repeat = fitting_repeat(folder)
    for settings in (
        PickSettings(repeat=repeat),
        PickSettings(repeat=repeat, per_run=3),
        PickSettings(repeat=1, per_run=3),
    ):
        job = Job(("anna",), ("happy",), pick=settings, known_faces=NOBODY)
        seconds, (outcome,) = timed(partial(mine.pick, folder, job))
        what = f"pick, --repeat {settings.repeat} --per-run {settings.per_run}"
        yield f"| {what} | {seconds:.2f} | {outcome.steady:,} crops |"


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("movie", type=Path, nargs="?", default=Path("videos/demo.mp4"))
    movie = parser.parse_args().movie
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        film = loop(movie, scratch / "long.mp4", SECONDS)
        scan = scan_movie(film)
        write_walk(film, scratch / "short", made_up(len(scan), scan, film.name), scan)
        hours = long_scan(scan, ROWS)
        write_walk(film, scratch / "long", made_up(ROWS, hours, film.name), hours)
        lines = [*listing(scratch / "long"), *crops(scratch / "short")]
    print(
        f"{film.name}: {len(scan)} frames, {scan.stream.width} x {scan.stream.height}, "
        f"{os.cpu_count()} cores\n"
    )
    print("| step | seconds | gives |\n|---|---|---|")
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
