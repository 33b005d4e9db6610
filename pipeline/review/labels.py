"""labels.csv: what somebody decided of picked crops.

`output/<movie>/labels.csv` has a row for each crop that was decided on, and `judge` reads it as
truth. `emotion` holds what the face looks like: that of the crop's folder where it was accepted,
else another, `none` ("something else"), or nothing where it is not the person, for then nothing is
said of the emotion.
"""

import re
from pathlib import Path

import pandas as pd

from pipeline.disk.crop_file import CROP_NAME
from pipeline.disk.crops_csv import CROP_COLUMNS
from pipeline.disk.text_table import Stamp, bad_numbers, file_stamp, read_text, write_text
from pipeline.errors import TableError
from pipeline.faces import ACCEPTED, BOX, EMOTIONS, NO_EMOTION, REJECTED, UNKNOWN

LABELS = "labels.csv"

TRUTH = ("clip", "person", "first", "last", "emotion")
"""The columns that every table of labels has, frames inclusive."""

TRACK_COLUMN, WALK_COLUMN = "track", "walk"
"""The track of a labelled face, and the fingerprint of the walk that numbered it."""

OPEN = "open"
"""The decision of a label that is being taken back: its crop and photo have still to move."""

NAMED = {"clip": "video", "first": "frame", "last": "frame", "picked": "emotion"}
"""Columns of labels.csv that have another name in crops.csv."""

LABEL_KEY = ["person", "picked", "file"]
"""By these a label is told from all others: whose crop it is, and which."""

OWN_LABEL_COLUMNS = (*TRUTH, TRACK_COLUMN, WALK_COLUMN, "picked", "decision", *BOX, "file", "copy")
LABEL_COLUMNS = (
    *OWN_LABEL_COLUMNS,
    *(c for c in CROP_COLUMNS if c not in (*OWN_LABEL_COLUMNS, *NAMED.values())),
)
"""Of labels.csv: all of crops.csv is among them, so that a crop can be listed there again.

`copy` is the name of the photo that "not this person" put into the gallery, even where something
else was decided since, which took it out again.
"""

IN_FOLDER = re.compile(r"(?!\.\.?$)[^/\\\x00]*")
"""A name of something in a folder, and of nothing elsewhere; or none."""

ASIDE = "rejected"
"""The folder of rejected crops, in that of their person and emotion."""

LABELS_REMEDY = "put it right, or move it away: judge reads it anywhere, the pick only here"

Label = dict[str, str]
"""A row of labels.csv, all of it text."""


def read_labels(folder: Path) -> pd.DataFrame:
    """The labels of a movie's folder, all of them as text; empty where there are none.

    Raises:
        TableError: The file is torn, or was changed so that it contradicts itself.
    """
    path = folder / LABELS
    now = file_stamp(path)
    labels = _newest.get(path, now)
    if labels is None:
        labels = _read(path) if any(now) else pd.DataFrame(columns=[*LABEL_COLUMNS], dtype=object)
        _newest.put(path, now, labels)
    return labels


class _Newest:
    """The labels that were read or written last: to check thousands takes longer than to write."""

    def __init__(self) -> None:
        self._held: tuple[Path, Stamp, pd.DataFrame] | None = None

    def get(self, path: Path, now: Stamp) -> pd.DataFrame | None:
        held = self._held  # Another thread may put others there.
        return held[2] if held and held[:2] == (path, now) else None

    def put(self, path: Path, now: Stamp, labels: pd.DataFrame) -> None:
        self._held = path, now, labels


_newest = _Newest()


def _read(path: Path) -> pd.DataFrame:
    rows, lines = read_text(path, LABEL_COLUMNS, LABELS_REMEDY)
    labels = pd.DataFrame(rows, columns=[*LABEL_COLUMNS], dtype=object)
    if len(labels) == 0:
        return labels
    for why, bad in _faults(labels).items():
        if bad.any():
            raise TableError(f"{path}, line {lines[int(bad.argmax())]}: {why}; {LABELS_REMEDY}")
    return labels


def _faults(labels: pd.DataFrame) -> dict[str, "pd.Series[bool]"]:
    """Which rows are wrong, by what is wrong."""
    accepted, looks = labels["decision"] == ACCEPTED, labels["emotion"]
    names = labels[["person", "file", "copy"]].apply(lambda names: names.map(IN_FOLDER.fullmatch))
    crops = labels["file"].map(CROP_NAME.fullmatch)
    return {
        "a number is missing or not one": bad_numbers(
            labels, [*BOX, "time", "probability"], ["first", TRACK_COLUMN, "run_length"]
        ),
        "first and last must be the frame": labels["first"] != labels["last"],
        "picked is no emotion": ~labels["picked"].isin(EMOTIONS),
        f"the decision is neither {ACCEPTED} nor {REJECTED}": ~labels["decision"].isin(
            [ACCEPTED, REJECTED, OPEN]
        ),
        "the emotion is none": ~looks.isin([*EMOTIONS, NO_EMOTION, ""]),
        "emotion and decision contradict each other": accepted != (looks == labels["picked"]),
        "person, file or copy is no name": names.isna().any(axis=1) | crops.isna(),
    }


def write_labels(folder: Path, labels: pd.DataFrame) -> None:
    """Replaces labels.csv.

    Raises:
        OutputError: It cannot be written.
    """
    path = folder / LABELS
    write_text(path, LABEL_COLUMNS, labels.to_numpy().tolist())
    _newest.put(path, file_stamp(path), labels)


def replace_label(folder: Path, old: Label | None, new: Label | None) -> None:
    """Takes a label out of labels.csv, and puts another in, at the end.

    Raises:
        TableError: The labels cannot be read.
        OutputError: They cannot be written.
    """
    labels = read_labels(folder)
    if old:
        same = (labels[LABEL_KEY] == [old[column] for column in LABEL_KEY]).all(axis=1)
        labels = labels[~same]
    fresh = pd.DataFrame([new] if new else [], columns=[*LABEL_COLUMNS], dtype=object)
    write_labels(folder, pd.concat([labels, fresh], ignore_index=True))


def labels_as_dicts(labels: pd.DataFrame) -> list[Label]:
    """The rows one by one."""
    return [dict(zip(LABEL_COLUMNS, row, strict=True)) for row in labels.to_numpy().tolist()]


def is_not_person(label: Label) -> bool:
    """Whether a label says that the face is not the person's, and nothing of its emotion."""
    return label["decision"] == REJECTED and label["emotion"] == ""


def taken_back(label: Label) -> Label:
    """A label whose decision is being taken back."""
    return {**label, "decision": OPEN, "emotion": ""}


def folder_of_label(folder: Path, label: Label) -> Path:
    """The folder of the person and emotion that a label is about."""
    return folder / (label["person"] or UNKNOWN) / label["picked"]


def label_of(crop: dict[str, str], emotion: str, walk: str, copy: str = "") -> Label:
    """The row of a crop.

    Args:
        crop: Its row in crops.csv.
        emotion: What it looks like: that of its folder accepts it, any other, `NO_EMOTION` for
            something else, and "" for another person's face, reject it.
        walk: Fingerprint of the walk that it was picked from.
        copy: Name of the photo that was put into the gallery for it.
    """
    decision = ACCEPTED if emotion == crop["emotion"] else REJECTED
    told = {"emotion": emotion, WALK_COLUMN: walk, "decision": decision, "copy": copy}
    return {c: told[c] if c in told else crop[NAMED.get(c, c)] for c in LABEL_COLUMNS}


def crop_of(label: Label) -> dict[str, str]:
    """The row of crops.csv that a label was made of."""
    told = {"video": label["clip"], "frame": label["first"], "emotion": label["picked"]}
    return {c: told[c] if c in told else label[c] for c in CROP_COLUMNS}
