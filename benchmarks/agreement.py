"""Compares a walk with a slower walk of the same movie: faces, names, emotions and crops."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.disk import faces_csv
from pipeline.faces import EMOTIONS, Ints, iou
from pipeline.walk.track import match

BOX = ["x1", "y1", "x2", "y2"]
MIN_IOU = 0.6
FACES, NAMES, LABELS, CROPS = 0.99, 1.0, 0.97, 0.97
"""Least shares of faces in both walks, of equal names, equal emotions and equal crops."""

MAX_CHANGE = 0.03
"""Largest mean difference of a probability."""


class Figure(NamedTuple):
    """One figure of the comparison."""

    what: str
    value: float
    wanted: str
    holds: bool


def pairs(ours: pd.DataFrame, theirs: pd.DataFrame) -> Ints:
    """Pairs the rows of the same face in both walks, `(n, 2)`: one to one, by the greatest IoU."""
    matches: list[Ints] = []
    groups = theirs.groupby("frame").indices
    for frame, rows in ours.groupby("frame").indices.items():
        others = groups.get(frame)
        if others is None:
            continue
        one, other = (w[BOX].to_numpy(np.float32) for w in (ours.iloc[rows], theirs.iloc[others]))
        overlap = iou(one, other)
        same = [pair for pair in match(one, other) if overlap[pair] >= MIN_IOU]
        a, b = np.array(same, np.int64).reshape(-1, 2).T
        matches.append(np.column_stack([rows[a], others[b]]))
    return np.concatenate(matches) if matches else np.empty((0, 2), np.int64)


def crops(folder: Path) -> Iterator[tuple[int, int, str]]:
    """Gives frame, track and emotion of each crop that was picked from a walk."""
    for listed in sorted(folder.glob("*/*/crops.csv")):
        rows = pd.read_csv(listed, usecols=["frame", "track", "emotion"])
        yield from rows[["frame", "track", "emotion"]].itertuples(index=False, name=None)


def same_crops(folders: tuple[Path, Path], ours: pd.DataFrame, theirs: pd.DataFrame) -> float:
    """Gives the crops (frame, face, emotion) of both walks as a share of the larger number."""
    keys = [zip(rows["frame"], rows["track"], strict=True) for rows in (ours, theirs)]
    row_of = [{key: number for number, key in enumerate(of_walk)} for of_walk in keys]
    twins = dict(pairs(ours, theirs).tolist())
    mine = {(twins.get(row_of[0][f, t], ("no twin", f, t)), e) for f, t, e in crops(folders[0])}
    yours = {(row_of[1][f, t], e) for f, t, e in crops(folders[1])}
    return len(mine & yours) / max(len(mine), len(yours), 1)


def compare(ours: Path, theirs: Path) -> list[Figure]:
    """Compares two walks whose crops were all picked.

    Args:
        ours: Folder of the walk to judge.
        theirs: Folder of the reference walk.
    """
    first, second = (faces_csv.read_faces(folder / "faces.csv") for folder in (ours, theirs))
    both = pairs(first, second)
    a, b = first.iloc[both[:, 0]], second.iloc[both[:, 1]]
    p, q = (rows[list(EMOTIONS)].to_numpy() for rows in (a, b))
    shares = (
        ("faces of either found in both", len(both) / max(len(first), len(second), 1), FACES),
        ("same name", float((a["person"].to_numpy() == b["person"].to_numpy()).mean()), NAMES),
        ("same emotion", float((p.argmax(axis=1) == q.argmax(axis=1)).mean()), LABELS),
        ("same crops, `--repeat 8`", same_crops((ours, theirs), first, second), CROPS),
    )
    change = float(np.abs(p - q).mean())
    return [
        *(Figure(what, share, f">= {least}", share >= least) for what, share, least in shares),
        Figure("mean change of a probability", change, f"<= {MAX_CHANGE}", change <= MAX_CHANGE),
    ]
