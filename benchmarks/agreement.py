"""Whether a walk gives what a slower one of the same movie gives: faces, names, emotions, crops."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from pipeline.disk import faces_csv
from pipeline.faces import EMOTIONS, Ints, iou

BOX = ["x1", "y1", "x2", "y2"]
MIN_IOU = 0.6
FACES, NAMES, LABELS, CROPS = 0.99, 1.0, 0.97, 0.97
"""Least shares of faces found again, same names, same emotions, same crops."""

MAX_CHANGE = 0.03
"""Largest mean difference of a probability."""


class Figure(NamedTuple):
    """One figure of an agreement."""

    what: str
    value: float
    wanted: str
    holds: bool


def pairs(ours: pd.DataFrame, theirs: pd.DataFrame) -> Ints:
    """Rows `(n, 2)` of both walks that are one face: one to one in each frame, most IoU in all."""
    found: list[Ints] = []
    groups = theirs.groupby("frame").indices
    for frame, rows in ours.groupby("frame").indices.items():
        others = groups.get(frame)
        if others is None:
            continue
        boxes = (w[BOX].to_numpy(np.float32) for w in (ours.iloc[rows], theirs.iloc[others]))
        overlap = iou(*boxes)
        a, b = linear_sum_assignment(overlap, maximize=True)
        same = overlap[a, b] >= MIN_IOU
        found.append(np.column_stack([rows[a[same]], others[b[same]]]))
    return np.concatenate(found) if found else np.empty((0, 2), np.int64)


def crops(folder: Path) -> Iterator[tuple[int, int, str]]:
    """Frame, track and emotion of each crop that was picked from a walk."""
    for listed in sorted(folder.glob("*/*/crops.csv")):
        rows = pd.read_csv(listed, usecols=["frame", "track", "emotion"])
        yield from rows[["frame", "track", "emotion"]].itertuples(index=False, name=None)


def same_crops(folders: tuple[Path, Path], ours: pd.DataFrame, theirs: pd.DataFrame) -> float:
    """Share of the crops of frame, face and emotion that both walks gave, of the larger number."""
    places = [zip(rows["frame"], rows["track"], strict=True) for rows in (ours, theirs)]
    where = [{place: number for number, place in enumerate(each)} for each in places]
    twins = dict(pairs(ours, theirs).tolist())
    mine = {(twins.get(where[0][f, t], ("no twin", f, t)), e) for f, t, e in crops(folders[0])}
    yours = {(where[1][f, t], e) for f, t, e in crops(folders[1])}
    return len(mine & yours) / max(len(mine), len(yours), 1)


def compare(ours: Path, theirs: Path) -> list[Figure]:
    """Figures of a walk against another, both with all their crops picked.

    Args:
        ours: Folder of the walk that is judged.
        theirs: Folder of the one that it is held against.
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
