"""Finds the faces that labels are about, by frame and box, so that later picks heed decisions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.faces import ACCEPTED, BOX, EMOTIONS, NO_EMOTION, REJECTED, Ints, Numbers, iou
from pipeline.pick.evidence import ALONE
from pipeline.pick.learn import Taught
from pipeline.review.labels import TRACK_COLUMN, WALK_COLUMN
from pipeline.settings import JOIN, members

SAME_FACE = 0.5
"""Least IoU of two boxes of one frame that show the same face, also between different walks."""

STRETCH = 2.0
"""Seconds of a track whose labels are one witness."""

PAIR_BLOCK = 64
"""Number of pairs of boxes compared at a time: `iou` compares all boxes of a block with all."""


def matches(faces: pd.DataFrame, labels: pd.DataFrame) -> Ints:
    """Finds the face that each label is about, by frame and box: track numbers change with a walk.

    Args:
        faces: With `frame` and `BOX`, in any order.
        labels: From `labels.read_labels`.

    Returns:
        `(n,)` position in `faces` of the face that overlaps most, -1 if none overlaps by
        `SAME_FACE`.
    """
    positions = np.full(len(labels), -1, np.int64)
    if len(labels) == 0 or len(faces) == 0:
        return positions
    wanted = _numbered(labels, "first")
    in_frames = faces["frame"].isin(wanted["frame"]).to_numpy()
    candidates = faces.loc[in_frames, ["frame", *BOX]].assign(face=np.flatnonzero(in_frames))
    pairs = wanted.merge(candidates, on="frame", suffixes=("", "_face"))
    label_boxes, face_boxes = (
        pairs[[f"{side}{end}" for side in BOX]].to_numpy(np.float32) for end in ("", "_face")
    )
    blocks = [slice(i, i + PAIR_BLOCK) for i in range(0, len(pairs), PAIR_BLOCK)]
    overlap = [np.diagonal(iou(label_boxes[block], face_boxes[block])) for block in blocks]
    pairs = pairs.assign(overlap=np.concatenate([*overlap, np.zeros(0, np.float32)]))
    # Ascending: of several faces the last one written below overlaps most.
    best = pairs[pairs["overlap"] >= SAME_FACE].sort_values("overlap", kind="stable")
    positions[best["position"].to_numpy(np.int64)] = best["face"].to_numpy(np.int64)
    return positions


def _numbered(labels: pd.DataFrame, frame: str) -> pd.DataFrame:
    """Frame and box of rows of text as numbers, with the row's position."""
    numbers = labels[[frame, *BOX]].astype("float64").rename(columns={frame: "frame"})
    return numbers.assign(position=np.arange(len(labels))).astype({"frame": "int64"})


def labels_of_crops(crops: pd.DataFrame, labels: pd.DataFrame) -> Ints:
    """Finds the label of each crop of one person and emotion.

    Args:
        crops: Rows of crops.csv as text, of one folder.
        labels: From `labels.read_labels`.

    Returns:
        `(n,)` position in `labels`, -1 for a crop without a decision.
    """
    label_of_crop = np.full(len(crops), -1, np.int64)
    if len(crops) == 0 or len(labels) == 0:
        return label_of_crop
    person, emotion = crops[["person", "emotion"]].iloc[0]
    about = (labels["picked"] == emotion) & _concerns(labels, person)
    of_person = (labels["person"] == person).to_numpy()
    # Labels of the folder's person come last, so that they replace others of the same face below.
    positions = np.concatenate(
        [np.flatnonzero(about & ~of_person), np.flatnonzero(about & of_person)]
    )
    crop = matches(_numbered(crops, "frame"), labels.iloc[positions])
    label_of_crop[crop[crop >= 0]] = positions[crop >= 0]
    return label_of_crop


def same_look(crops: Sequence[dict[str, str]], labels: pd.DataFrame) -> list[int]:
    """Finds labels about the emotion of the faces of crops, whatever names the faces had.

    Args:
        crops: Rows of crops.csv as text, of one emotion.
        labels: From `labels.read_labels`.

    Returns:
        Positions in `labels`.
    """
    if not crops:
        return []
    about = (labels["picked"] == crops[0]["emotion"]) & (labels["emotion"] != "")
    face = matches(_numbered(pd.DataFrame(crops), "frame"), labels[about])
    return [int(position) for position in np.flatnonzero(about)[face >= 0]]


def _concerns(labels: pd.DataFrame, person: Any) -> "pd.Series[bool]":
    """Whether a label concerns a person's face; "not this person" concerns only that person's."""
    return (labels["emotion"] != "") | (labels["person"] == person)


def applied(rows: pd.DataFrame, labels: pd.DataFrame, of: Sequence[int] = ALONE) -> pd.DataFrame:
    """Adds the decisions of the review to rows of faces.csv, for `select.filters`.

    Args:
        rows: As `faces_csv.read_faces` returns them.
        labels: From `labels.read_labels`.
        of: `(7,)` from `settings.classes`.

    Returns:
        The rows, with columns `ACCEPTED` and `REJECTED` if there is any such decision. Bit n is set
        if the face was accepted or rejected as `EMOTIONS[n]`. Who was rejected as a class is none
        of its emotions; who was accepted as one is any of them where all are one class.
    """
    if len(rows) == 0 or len(labels) == 0:
        return rows
    face = matches(rows, labels)
    person = rows["person"].to_numpy()[face]
    applies = (face >= 0) & _concerns(labels, person).to_numpy(bool)
    looks = [members(name) for name in labels["picked"]]
    bit = np.array([sum(1 << n for n in several) for several in looks], np.int64)
    whole = np.array([len({of[n] for n in several}) == 1 for several in looks], bool)
    for decision in (ACCEPTED, REJECTED):
        so_decided = applies & (labels["decision"] == decision).to_numpy(bool)
        so_decided &= whole | (decision == REJECTED)
        bits = np.zeros(len(rows), np.int64)
        np.bitwise_or.at(bits, face[so_decided], bit[so_decided])
        if bits.any():
            rows = rows.assign(**{decision: bits})
    return rows


def taught(rows: pd.DataFrame, labels: pd.DataFrame) -> Taught:
    """Finds what the labels of the review say of rows, for `learn.learnt`.

    "Not this person" says nothing of how a face looks, and is left out.

    Args:
        rows: As `faces_csv.read_faces` returns them.
        labels: From `labels.read_labels`.
    """
    labels = labels[labels["decision"].isin([ACCEPTED, REJECTED]) & (labels["emotion"] != "")]
    face = matches(rows, labels)
    labels, face = labels[face >= 0], face[face >= 0]
    nothing = (labels["emotion"] == NO_EMOTION).to_numpy(bool)
    told = labels["emotion"].where(~nothing, labels["picked"]).str.split(JOIN)
    looks = np.array([[name in names for name in EMOTIONS] for names in told], bool)
    looks = looks.reshape(-1, len(EMOTIONS)) != nothing[:, None]
    place = rows.iloc[face]
    stretch = stretches(place["track"].to_numpy(np.int64), place["time"].to_numpy(np.float64))
    rejected = (labels["decision"] == REJECTED).to_numpy(bool)
    return Taught(face, looks, rejected, stretch)


def stretches(track: Ints, time: Numbers) -> Ints:
    """Numbers faces by moments: a track's faces belong together until `STRETCH` without any.

    Args:
        track: `(n,)` track numbers.
        time: `(n,)` seconds.

    >>> stretches(np.array([0, 0, 1, 0]), np.array([1.9, 2.1, 2.1, 9.0])).tolist()
    [0, 0, 2, 1]
    """
    order = np.lexsort((time, track))
    parted = (np.diff(track[order]) != 0) | (np.diff(time[order]) > STRETCH)
    stretch = np.empty(len(order), np.int64)
    stretch[order] = np.concatenate([np.zeros(min(len(order), 1), np.int64), np.cumsum(parted)])
    return stretch


def followed(
    labels: pd.DataFrame, rows: pd.DataFrame, known: set[str], owners: dict[str, str]
) -> pd.DataFrame:
    """Gives labels the present names of their faces, which may have changed since the decision.

    "Not this person" is about the person and not about the face. If that person was renamed, the
    photos that the label put into not/ moved along and give the new name. Without such a photo, or
    if the face is not found, the label keeps its name.

    Args:
        labels: From `labels.read_labels`.
        rows: As `faces_csv.read_faces` returns them, named by today's gallery.
        known: The people in that gallery.
        owners: The person of each photo in not/, by the photo's file name.
    """
    is_stranger = (labels["emotion"] == "").to_numpy(bool)
    gone = ~labels["person"].isin({*known, ""})
    moved = labels[is_stranger & gone & labels["copy"].isin(owners)]
    new_names = dict(zip(moved["person"], moved["copy"].map(owners), strict=True))
    current = labels["person"].map(lambda name: new_names.get(name, name))
    names = current.to_numpy(object, copy=True)
    face = matches(rows, labels)
    follows_face = (face >= 0) & ~is_stranger
    names[follows_face] = rows["person"].to_numpy()[face[follows_face]]
    return labels.assign(person=pd.Series(names, labels.index, dtype=object))


def renewed(labels: pd.DataFrame, rows: pd.DataFrame, walk: str) -> pd.DataFrame:
    """Gives labels of an earlier walk the track numbers of this one, for `judge`.

    Args:
        labels: From `labels.read_labels`.
        rows: All faces of this walk.
        walk: The fingerprint of this walk.
    """
    face = matches(rows, labels)
    old = (face >= 0) & (labels[WALK_COLUMN] != walk)
    tracks = labels[TRACK_COLUMN].to_numpy(dtype=object, copy=True)
    tracks[old] = rows[TRACK_COLUMN].to_numpy()[face[old]].astype(str)
    return labels.assign(track=tracks, walk=labels[WALK_COLUMN].where(~old, walk))
