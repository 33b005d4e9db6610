"""labels.csv: the decisions of the review.

`output/<movie>/labels.csv` has one row for each crop with a decision, and `judge` reads it as
truth. The column `emotion` says how the face looks: the emotion, or class of emotions, of the
crop's folder if the crop was accepted, else another emotion or `none` ("something else"). It is
empty for "not this person", which says nothing about the emotion.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.disk.crop_file import CROP_NAME
from pipeline.disk.crops_csv import ADDED_COLUMNS, CROP_COLUMNS
from pipeline.disk.report_html import mark_outdated
from pipeline.disk.text_table import Stamp, bad_numbers, file_stamp, read_text, write_text
from pipeline.errors import TableError
from pipeline.faces import ACCEPTED, BOX, EMOTIONS, NO_EMOTION, REJECTED, UNKNOWN
from pipeline.settings import JOIN, is_look

LABELS = "labels.csv"

TRUTH = ("clip", "person", "first", "last", "emotion")
"""The columns that every table of labels has; the frames `first` to `last` are inclusive."""

TRACK_COLUMN, WALK_COLUMN = "track", "walk"
"""The track of a labelled face, and the fingerprint of the walk that numbered the track."""

OPEN = "open"
"""The decision of a label that is being taken back: its crop and photo are still to be moved."""

NAMED = {"clip": "video", "first": "frame", "last": "frame", "picked": "emotion"}
"""Columns of labels.csv that have another name in crops.csv."""

LABEL_KEY = ["person", "picked", "file"]
"""The columns that identify a label: the person and emotion of its crop, and the crop's file."""

OWN_LABEL_COLUMNS = (*TRUTH, TRACK_COLUMN, WALK_COLUMN, "picked", "decision", *BOX, "file", "copy")
LABEL_COLUMNS = (
    *OWN_LABEL_COLUMNS,
    *(c for c in CROP_COLUMNS if c not in (*OWN_LABEL_COLUMNS, *NAMED.values())),
)
"""The columns of labels.csv. They include all of crops.csv, so that a crop can be listed again.

`copy` is the name of the photo that "not this person" put into the gallery. It is kept even after
another decision has removed the photo.
"""

IN_FOLDER = re.compile(r"(?!\.\.?$)[^/\\\x00]*")
"""A file name without a path, or an empty text."""

ASIDE = "rejected"
"""The folder of rejected crops, within the folder of their person and emotion."""

LABELS_REMEDY = "correct it, or move it away: judge --truth reads it anywhere, a pick only here"

Label = dict[str, str]
"""A row of labels.csv; all values are text."""


def read_labels(folder: Path) -> pd.DataFrame:
    """Reads the labels of a movie's folder, as text; empty if there are none.

    Raises:
        TableError: The file is damaged, or was edited and contradicts itself.
    """
    path = folder / LABELS
    stamp = file_stamp(path)
    labels = _newest.get(path, stamp)
    if labels is None:
        labels = _read(path) if any(stamp) else pd.DataFrame(columns=[*LABEL_COLUMNS], dtype=object)
        _newest.put(path, stamp, labels)
    return labels


class _Newest:
    """Keeps the labels read or written last: checking thousands takes longer than writing them."""

    def __init__(self) -> None:
        self._held: tuple[Path, Stamp, pd.DataFrame] | None = None

    def get(self, path: Path, stamp: Stamp) -> pd.DataFrame | None:
        held = self._held  # Read once: another thread may replace it at any time.
        return held[2] if held and held[:2] == (path, stamp) else None

    def put(self, path: Path, stamp: Stamp, labels: pd.DataFrame) -> None:
        self._held = path, stamp, labels


_newest = _Newest()


def _read(path: Path) -> pd.DataFrame:
    rows, lines = read_text(path, LABEL_COLUMNS, LABELS_REMEDY, ADDED_COLUMNS)
    labels = pd.DataFrame(rows, columns=[*LABEL_COLUMNS], dtype=object)
    if len(labels) == 0:
        return labels
    for why, bad in _faults(labels).items():
        if bad.any():
            raise TableError(f"{path}, line {lines[int(bad.argmax())]}: {why}; {LABELS_REMEDY}")
    return labels


def _faults(labels: pd.DataFrame) -> dict[str, "pd.Series[bool]"]:
    """Maps each kind of fault, in words, to the rows that have it."""
    accepted, emotion, picked = (
        labels["decision"] == ACCEPTED, labels["emotion"], labels["picked"],
    )  # fmt: skip
    pairs = zip(emotion, picked, strict=True)
    part = np.array([one in look.split(JOIN) for one, look in pairs], bool)
    names = labels[["person", "file", "copy"]].apply(lambda names: names.map(IN_FOLDER.fullmatch))
    crops = labels["file"].map(CROP_NAME.fullmatch)
    return {
        "a number is missing or invalid": bad_numbers(
            labels, [*BOX, "time", "probability"], ["first", TRACK_COLUMN, "run_length"]
        ),
        "first and last must be the same frame": labels["first"] != labels["last"],
        "picked is not an emotion": ~picked.map(is_look).astype(bool),
        f"the decision is neither {ACCEPTED} nor {REJECTED}": ~labels["decision"].isin(
            [ACCEPTED, REJECTED, OPEN]
        ),
        f"the emotion is neither empty, {NO_EMOTION} nor one of {', '.join(EMOTIONS)}": (
            ~(emotion.isin([NO_EMOTION, ""]) | emotion.map(is_look))
        ),
        "emotion and decision contradict each other": (
            (accepted != (emotion == picked)) | (part & ~accepted)
        ),
        "person, file or copy is not a valid name": names.isna().any(axis=1) | crops.isna(),
    }


def write_labels(folder: Path, labels: pd.DataFrame) -> None:
    """Replaces labels.csv.

    Raises:
        OutputError: The file cannot be written.
    """
    mark_outdated(folder)
    path = folder / LABELS
    write_text(path, LABEL_COLUMNS, labels.to_numpy().tolist())
    _newest.put(path, file_stamp(path), labels)


def replace_labels(folder: Path, old: Sequence[Label], new: Sequence[Label]) -> None:
    """Removes the labels `old` from labels.csv and appends the labels `new`, in one write.

    Earlier labels about the crops of `new`, such as those that a crash left open, go too.

    Raises:
        TableError: The labels cannot be read.
        OutputError: They cannot be written.
    """
    labels = read_labels(folder)
    gone = {label_key(label) for label in (*old, *new)}
    keys = zip(*(labels[column] for column in LABEL_KEY), strict=True)
    kept = labels[np.array([key not in gone for key in keys], bool)]
    fresh = pd.DataFrame(new, columns=[*LABEL_COLUMNS], dtype=object)
    write_labels(folder, pd.concat([kept, fresh], ignore_index=True))


def label_key(label: Label) -> tuple[str, ...]:
    """What identifies a label, see `LABEL_KEY`."""
    return tuple(label[column] for column in LABEL_KEY)


def labels_as_dicts(labels: pd.DataFrame) -> list[Label]:
    """Converts a table of labels to a list of its rows."""
    return [dict(zip(LABEL_COLUMNS, row, strict=True)) for row in labels.to_numpy().tolist()]


def is_not_person(label: Label) -> bool:
    """Whether a label is "not this person"."""
    return label["decision"] == REJECTED and label["emotion"] == ""


def taken_back(label: Label) -> Label:
    """The label while its decision is being taken back."""
    return {**label, "decision": OPEN, "emotion": ""}


def folder_of_label(folder: Path, label: Label) -> Path:
    """The folder of the person and emotion that a label is about."""
    return folder / (label["person"] or UNKNOWN) / label["picked"]


def label_of(crop: dict[str, str], emotion: str, walk: str, copy: str = "") -> Label:
    """Makes the label of a crop.

    Args:
        crop: The crop's row in crops.csv.
        emotion: How the face looks. The emotion of the crop's folder, or one of the class that it
            is for, accepts it; another emotion, `NO_EMOTION` (something else) or "" (not this
            person) rejects it.
        walk: Fingerprint of the walk that the crop was picked from.
        copy: Name of the photo that was put into the gallery for the label.
    """
    if emotion in crop["emotion"].split(JOIN):
        emotion = crop["emotion"]
    decision = ACCEPTED if emotion == crop["emotion"] else REJECTED
    values = {"emotion": emotion, WALK_COLUMN: walk, "decision": decision, "copy": copy}
    return {c: values[c] if c in values else crop[NAMED.get(c, c)] for c in LABEL_COLUMNS}


def crop_of(label: Label) -> dict[str, str]:
    """The row of crops.csv that a label was made from."""
    values = {"video": label["clip"], "frame": label["first"], "emotion": label["picked"]}
    return {c: values[c] if c in values else label[c] for c in CROP_COLUMNS}
