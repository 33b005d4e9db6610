"""Which faces somebody decided of: the rows that later picks know again, by frame and box."""

from typing import Any

import numpy as np
import pandas as pd

from pipeline.faces import ACCEPTED, BOX, EMOTIONS, REJECTED, Ints, iou
from pipeline.review.labels import TRACK_COLUMN, WALK_COLUMN

SAME_FACE = 0.5
"""Least IoU of two boxes of one frame that are the same face, whatever the walk's settings."""

PAIR_BLOCK = 64
"""Pairs of boxes that are compared at a time."""


def matches(faces: pd.DataFrame, labels: pd.DataFrame) -> Ints:
    """Finds the face that each label is of, by frame and box: tracks change with the walk.

    Args:
        faces: With `frame` and `BOX`, in any order.
        labels: Of `read`.

    Returns:
        `(n,)` the position in `faces` of the one that overlaps most, -1 where none overlaps
        by `SAME_FACE`.
    """
    found = np.full(len(labels), -1, np.int64)
    if len(labels) == 0 or len(faces) == 0:
        return found
    wanted = _numbered(labels, "first")
    near = faces["frame"].isin(wanted["frame"]).to_numpy()
    there = faces.loc[near, ["frame", *BOX]].assign(face=np.flatnonzero(near))
    pairs = wanted.merge(there, on="frame", suffixes=("", "_face"))
    ours, theirs = (
        pairs[[f"{side}{end}" for side in BOX]].to_numpy(np.float32) for end in ("", "_face")
    )
    blocks = [slice(i, i + PAIR_BLOCK) for i in range(0, len(pairs), PAIR_BLOCK)]
    overlap = [np.diagonal(iou(ours[block], theirs[block])) for block in blocks]
    pairs = pairs.assign(overlap=np.concatenate([*overlap, np.zeros(0, np.float32)]))
    best = pairs[pairs["overlap"] >= SAME_FACE].sort_values("overlap", kind="stable")
    found[best["place"].to_numpy(np.int64)] = best["face"].to_numpy(np.int64)
    return found


def _numbered(labels: pd.DataFrame, frame: str) -> pd.DataFrame:
    """Frame, box and place of rows that are text."""
    numbers = labels[[frame, *BOX]].astype("float64").rename(columns={frame: "frame"})
    return numbers.assign(place=np.arange(len(labels))).astype({"frame": "int64"})


def labels_of_crops(crops: pd.DataFrame, labels: pd.DataFrame) -> Ints:
    """Finds the label of each crop of one person and emotion.

    Args:
        crops: Rows of crops.csv as text, of one folder.
        labels: Of `read`.

    Returns:
        `(n,)` the position in `labels`, -1 where nothing is decided.
    """
    found = np.full(len(crops), -1, np.int64)
    if len(crops) == 0 or len(labels) == 0:
        return found
    person, emotion = crops[["person", "emotion"]].iloc[0]
    about = (labels["picked"] == emotion) & _concerns(labels, person)
    own = (labels["person"] == person).to_numpy()
    # Those of the folder's own person come last, and so go before others of the same face.
    places = np.concatenate([np.flatnonzero(about & ~own), np.flatnonzero(about & own)])
    face = matches(_numbered(crops, "frame"), labels.iloc[places])
    found[face[face >= 0]] = places[face >= 0]
    return found


def same_look(crop: dict[str, str], labels: pd.DataFrame) -> list[int]:
    """Finds labels that say how the face of a crop looks, whoever it was taken for.

    Args:
        crop: A row of crops.csv as text.
        labels: Of `labels.read_labels`.

    Returns:
        Positions in `labels`.
    """
    about = (labels["picked"] == crop["emotion"]) & (labels["emotion"] != "")
    face = matches(_numbered(pd.DataFrame([crop]), "frame"), labels[about])
    return [int(place) for place in np.flatnonzero(about)[face >= 0]]


def _concerns(labels: pd.DataFrame, person: Any) -> "pd.Series[bool]":
    """Whether a label speaks of somebody's face; "not this person" does of that person's only."""
    return (labels["emotion"] != "") | (labels["person"] == person)


def applied(rows: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Adds what was decided to rows of faces.csv, for `select.filters` to heed.

    Args:
        rows: As `faces_csv.read_faces` gives them.
        labels: Of `read`.

    Returns:
        The rows, with columns `ACCEPTED` and `REJECTED` where there is any: bit n is set where the
        face was, as `EMOTIONS[n]`.
    """
    if len(rows) == 0 or len(labels) == 0:
        return rows
    face = matches(rows, labels)
    person = rows["person"].to_numpy()[face]
    sound = (face >= 0) & _concerns(labels, person).to_numpy(bool)
    bit = 1 << labels["picked"].map(EMOTIONS.index).to_numpy(np.int64)
    for decision in (ACCEPTED, REJECTED):
        told = sound & (labels["decision"] == decision).to_numpy(bool)
        bits = np.zeros(len(rows), np.int64)
        np.bitwise_or.at(bits, face[told], bit[told])
        if bits.any():
            rows = rows.assign(**{decision: bits})
    return rows


def followed(
    labels: pd.DataFrame, rows: pd.DataFrame, known: set[str], owners: dict[str, str]
) -> pd.DataFrame:
    """Gives labels the names that their faces have by now, of who got one, changed or lost it.

    "Not this person" is not said of the face but of that person: who it is, is told by the photos
    that it put into the gallery, for they were moved with the person's. Where there is none it
    stays with the old name, for whose face that is, nobody knows any more; as does a label whose
    face is not found.

    Args:
        labels: Of `read`.
        rows: As `faces_csv.read_faces` gives them, named by today's gallery.
        known: Who is in that gallery.
        owners: By the name of each photo of who somebody is not, that person.
    """
    is_stranger = (labels["emotion"] == "").to_numpy(bool)
    gone = ~labels["person"].isin({*known, ""})
    moved = labels[is_stranger & gone & labels["copy"].isin(owners)]
    now = dict(zip(moved["person"], moved["copy"].map(owners), strict=True))
    names = labels["person"].map(lambda name: now.get(name, name)).to_numpy(object, copy=True)
    face = matches(rows, labels)
    told = (face >= 0) & ~is_stranger
    names[told] = rows["person"].to_numpy()[face[told]]
    return labels.assign(person=pd.Series(names, labels.index, dtype=object))


def renewed(labels: pd.DataFrame, rows: pd.DataFrame, walk: str) -> pd.DataFrame:
    """Gives labels of an earlier walk the tracks of this one, which `judge` goes by.

    Args:
        labels: Of `labels.read_labels`.
        rows: All faces of the walk.
        walk: Its fingerprint.
    """
    face = matches(rows, labels)
    old = (face >= 0) & (labels[WALK_COLUMN] != walk)
    tracks = labels[TRACK_COLUMN].to_numpy(dtype=object, copy=True)
    tracks[old] = rows[TRACK_COLUMN].to_numpy()[face[old]].astype(str)
    return labels.assign(track=tracks, walk=labels[WALK_COLUMN].where(~old, walk))
