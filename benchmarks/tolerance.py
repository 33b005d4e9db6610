"""What the tolerances are worth: pairs of faces whose people are known, by their distance.

python benchmarks/tolerance.py PHOTOS_DIR CLIPS...

Who is in a photo its name tells, digits at the end left out (`anna.jpg`, `anna2.jpg`). A clip is a
movie or a folder of movies; who is in it tells a `truth.csv` beside it or above it (columns clip,
person): a clip is used where all its lines name one person (no `a+b`), by its longest track. People
of clips are one where folder and name are the same.

Printed: the share of pairs of the same and of different people within each tolerance, per pair of
faces, and for the mean of a track against everybody's photos and tracks, as naming does it; and for
the tracks that an occlusion cuts, the halves of tracks against tracks that share a frame.
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
from pipeline.models.registry import face_models, tolerances
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
from pipeline.settings import Job, WalkSettings

STEPS = (0.60, 0.70, 0.75, 0.80, 0.90, 0.97, 1.06, 1.10, 1.15, 1.20, 1.25, 1.30)
SAME_STEPS = (0.50, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95)
MOVIES = (".mp4", ".mov", ".mkv", ".avi", ".webm", ".gif")


@dataclass(slots=True)
class Source:
    """Faces of one person in one photo or clip: pairs are made across sources only."""

    name: str
    person: str
    embedding: Floats


@dataclass(slots=True)
class Cut:
    """Distances of what an occlusion would cut, and of what is two people for certain."""

    halves: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)


def photos(folder: Path) -> Iterator[Source]:
    """The usable photos of a folder; the others are told."""
    models = face_models(WalkSettings())
    for path in sorted(folder.iterdir()):
        try:
            embedding = embed(path, models)[None]
        except MiningError as error:
            logging.warning("%s", error)
        else:
            yield Source(path.name, re.sub(r"\d*$", "", path.stem), embedding)


def movies(places: list[Path]) -> Iterator[Path]:
    """The movies that are given, and those in folders that are."""
    for place in places:
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        yield from (path for path in found if path.suffix.lower() in MOVIES)


def person_of(movie: Path) -> str:
    """The one person of a clip, by the nearest truth.csv; "" where it has several, or none."""
    for folder in movie.absolute().parents[:2]:
        if (folder / "truth.csv").exists():
            truth = pd.read_csv(folder / "truth.csv", comment="#", keep_default_na=False)
            there = set(truth.loc[truth["clip"] == movie.name, "person"]) - {"-"}
            alone = len(there) == 1 and not any("+" in name for name in there)
            return there.pop() if alone else ""
    return ""


def walked(movie: Path, output: Path) -> tuple[pd.DataFrame, tracks_npz.Tracks]:
    """Rows and tracks of a movie, walked with the default settings."""
    job = Job(output=output, known_faces=output / "nobody")
    walked = finished(mine.walk(movie, job, lambda _: lambda *_: None))
    return walked.rows, walked.tracks


def cut(rows: pd.DataFrame, tracks: tracks_npz.Tracks, found: Cut) -> None:
    """Adds the two halves of each clear track, and clear tracks that share a frame."""
    numbers, mean = templates(tracks.embedding, tracks.track)
    clear = dict(zip(numbers, clearness(tracks.quality, tracks.track) >= CLEAR, strict=True))
    for number in (n for n in numbers if clear[n]):
        own = np.flatnonzero(tracks.track == number)
        own = own[np.argsort(tracks.frame[own], kind="stable")]
        if len(own) >= 2:
            half = (np.arange(len(own)) >= len(own) // 2).astype(np.int64)
            _, (first, second) = templates(tracks.embedding[own], half)
            found.halves.append(float(np.linalg.norm(first - second)))
    place = {int(number): n for n, number in enumerate(numbers)}
    pairs = {tuple(sorted(pair)) for pair in together(rows)}
    found.beside += [
        float(np.linalg.norm(mean[place[a]] - mean[place[b]]))
        for a, b in pairs
        if clear[a] and clear[b]
    ]


def pairs(sources: list[Source]) -> tuple[list[float], list[float]]:
    """Distances of faces of two sources: of one person, and of two."""
    same: list[float] = []
    other: list[float] = []
    for one, two in combinations(sources, 2):
        kind = same if one.person == two.person else other
        kind += between(one.embedding, two.embedding).ravel().tolist()
    return same, other


def against_gallery(sources: list[Source]) -> tuple[list[float], list[float]]:
    """Distances of the mean of each source to the other sources of its person, and to people."""
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
        print(f"\nFarthest of the same {same.max():.2f}, nearest of different {other.min():.2f}.")


def main() -> None:
    """Prints Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("clips", type=Path, nargs="+")
    args = parser.parse_args()
    sources, found = list(photos(args.photos)), Cut()
    with tempfile.TemporaryDirectory() as output:
        for movie in movies(args.clips):
            rows, tracks = walked(movie, Path(output) / movie.parent.name)
            cut(rows, tracks, found)
            person = person_of(movie)
            if person and len(tracks.track):
                longest = rows["track"].value_counts().idxmax()
                own = tracks.embedding[tracks.track == longest]
                sources.append(Source(movie.name, f"{movie.parent.name}/{person}", own))
    people = {s.person for s in sources}
    print(f"{len(sources)} photos and clips of {len(people)} people: {', '.join(sorted(people))}")
    own = tolerances(WalkSettings()).name
    print(f"Naming has {own:g}; a track that goes on after an occlusion {SAME_TRACK:g}.")
    lines("pair of faces", pairs(sources), STEPS)
    lines("mean of a track, to a person", against_gallery(sources), STEPS)
    lines("halves of a track, and tracks in one frame", (found.halves, found.beside), SAME_STEPS)


if __name__ == "__main__":
    main()
