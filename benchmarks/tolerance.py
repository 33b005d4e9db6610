"""Measures tolerances by the distances of pairs of faces of known people.

python benchmarks/tolerance.py PHOTOS_DIR CLIPS...

The name of a photo without digits at the end is the person's (`anna.jpg`, `anna2.jpg`). A clip is a
movie or a folder of movies. A `truth.csv` in the folder of the movie or the one above (columns
clip, person) says who is in it: a movie is used, by its longest track, if all its lines name the
same person (no `a+b`). People of clips are the same if folder and name are the same.

Prints the share of pairs of the same and of different people within each tolerance: for pairs of
faces; for the mean of a track and the photos and tracks of each person, as naming does it; and, for
tracks that an occlusion cuts, for the halves of tracks and for tracks that share a frame.
"""

import argparse
import logging
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import mine
from pipeline.disk import tracks_npz
from pipeline.disk.walked import finished
from pipeline.errors import MiningError
from pipeline.faces import Floats
from pipeline.models.registry import face_models
from pipeline.people.naming import (
    CLEAR,
    NEAREST,
    SAME_TRACK,
    between,
    clearness,
    templates,
    together,
)
from pipeline.people.photo import embed
from pipeline.settings import TOLERANCE, Job, WalkSettings

STEPS = (0.30, 0.32, 0.34, 0.36, 0.38, 0.40, 0.42, 0.44, 0.46, 0.50)
SAME_STEPS = (0.20, 0.24, 0.26, 0.28, 0.30, 0.32, 0.34, 0.36, 0.38)
MOVIES = (".mp4", ".mov", ".mkv", ".avi", ".webm", ".gif")


@dataclass(slots=True)
class Source:
    """Faces of one person in one photo or clip; pairs are made only across sources."""

    name: str
    person: str
    embedding: Floats


@dataclass(slots=True)
class Cut:
    """Distances of the halves of tracks (one person), and of tracks in one frame (two people)."""

    halves: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)


def photos(folder: Path) -> Iterator[Source]:
    """Gives the usable photos of a folder; logs a warning for each unusable one."""
    models = face_models(WalkSettings())
    for path in sorted(folder.iterdir()):
        try:
            embedding = embed(path, models)[None]
        except MiningError as error:
            logging.warning("%s", error)
        else:
            yield Source(path.name, re.sub(r"\d*$", "", path.stem), embedding)


def movies(clips: list[Path]) -> Iterator[Path]:
    """Gives the movies among these paths and in these folders."""
    for clip in clips:
        paths = sorted(clip.rglob("*")) if clip.is_dir() else [clip]
        yield from (path for path in paths if path.suffix.lower() in MOVIES)


def person_of(movie: Path) -> str:
    """Gives the person in a clip by the nearest truth.csv; "" if there is none, or several."""
    for folder in movie.absolute().parents[:2]:
        if (folder / "truth.csv").exists():
            truth = pd.read_csv(folder / "truth.csv", comment="#", keep_default_na=False)
            people = set(truth.loc[truth["clip"] == movie.name, "person"]) - {"-"}
            alone = len(people) == 1 and not any("+" in name for name in people)
            return people.pop() if alone else ""
    return ""


def walked(movie: Path, output: Path) -> tuple[pd.DataFrame, tracks_npz.Tracks]:
    """Walks a movie with the default settings; gives its rows and tracks."""
    job = Job(output=output, known_faces=output / "nobody")
    walked = finished(mine.walk(movie, job, lambda _: lambda *_: None))
    return walked.rows, walked.tracks


def cut(rows: pd.DataFrame, tracks: tracks_npz.Tracks, distances: Cut) -> None:
    """Adds the two halves of each clear track, and clear tracks that share a frame."""
    numbers, mean = templates(tracks.embedding, tracks.track)
    clear = dict(zip(numbers, clearness(tracks.quality, tracks.track) >= CLEAR, strict=True))
    for number in (n for n in numbers if clear[n]):
        of_track = np.flatnonzero(tracks.track == number)
        of_track = of_track[np.argsort(tracks.frame[of_track], kind="stable")]
        if len(of_track) >= 2:
            half = (np.arange(len(of_track)) >= len(of_track) // 2).astype(np.int64)
            _, (first, second) = templates(tracks.embedding[of_track], half)
            distances.halves.append(float(np.linalg.norm(first - second)))
    position = {int(number): n for n, number in enumerate(numbers)}
    pairs = {tuple(sorted(pair)) for pair in together(rows)}
    distances.beside += [
        float(np.linalg.norm(mean[position[a]] - mean[position[b]]))
        for a, b in pairs
        if clear[a] and clear[b]
    ]


def pairs(sources: list[Source]) -> tuple[list[float], list[float]]:
    """Gives the distances of faces of different sources: of the same person, and of two people."""
    same: list[float] = []
    other: list[float] = []
    for one, two in combinations(sources, 2):
        kind = same if one.person == two.person else other
        kind += between(one.embedding, two.embedding).ravel().tolist()
    return same, other


def against_gallery(sources: list[Source]) -> tuple[list[float], list[float]]:
    """Gives the distances of each source's mean to its person's other sources, and to others."""
    same: list[float] = []
    other: list[float] = []
    for one in sources:
        mean = templates(one.embedding, np.zeros(len(one.embedding), np.int64))[1]
        for person in sorted({s.person for s in sources}):
            known = [s.embedding for s in sources if s.person == person and s is not one]
            if known:
                far = np.sort(between(mean, np.concatenate(known))[0])[:NEAREST].mean()
                (same if person == one.person else other).append(float(far))
    return same, other


def lines(what: str, kinds: tuple[list[float], list[float]], steps: tuple[float, ...]) -> None:
    """Prints a Markdown table."""
    same, other = (np.array(kind) for kind in kinds)
    print(f"\n| {what} within | same ({len(same):,}) | different ({len(other):,}) |\n|---|---|---|")
    for step in steps:
        shares = [f"{(far <= step).mean():.4f}" if len(far) else "-" for far in (same, other)]
        print(f"| {step:.2f} | {shares[0]} | {shares[1]} |")
    if len(other) and len(same):
        print(f"\nLargest distance of the same person {same.max():.2f}, ", end="")
        print(f"smallest of different people {other.min():.2f}.")


def main() -> None:
    """Prints Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("clips", type=Path, nargs="+")
    args = parser.parse_args()
    sources, distances = list(photos(args.photos)), Cut()
    with tempfile.TemporaryDirectory() as output:
        for movie in movies(args.clips):
            rows, tracks = walked(movie, Path(output) / movie.parent.name)
            cut(rows, tracks, distances)
            person = person_of(movie)
            if person and len(tracks.track):
                longest = rows["track"].value_counts().idxmax()
                embedding = tracks.embedding[tracks.track == longest]
                sources.append(Source(movie.name, f"{movie.parent.name}/{person}", embedding))
    people = {s.person for s in sources}
    print(f"{len(sources)} photos and clips of {len(people)} people: {', '.join(sorted(people))}")
    print(f"Naming uses {TOLERANCE:g}, joining tracks after an occlusion {SAME_TRACK:g}.")
    lines("pair of faces", pairs(sources), STEPS)
    lines("mean of a track, to a person", against_gallery(sources), STEPS)
    both = distances.halves, distances.beside
    lines("halves of a track, and tracks in one frame", both, SAME_STEPS)


if __name__ == "__main__":
    main()
