"""labels.csv: what somebody decided of picked crops.

`output/<movie>/labels.csv` has a row for each crop that was decided on, and `judge` reads it as
truth. `emotion` holds what the face looks like: that of the crop's folder where it was accepted,
else another, `none` ("something else"), or nothing where it is not the person, for then nothing is
said of the emotion.
"""

import csv
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import files
from pipeline.disk.crop_file import CROP_NAME
from pipeline.disk.crops_csv import CROP_COLUMNS
from pipeline.errors import TableError
from pipeline.faces import ACCEPTED, BOX, EMOTIONS, REJECTED
from pipeline.judge.score import NONE, TRACK_COLUMN, TRUTH, WALK_COLUMN

LABELS = "labels.csv"

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

MOST_COLUMNS_LISTED = 3
"""Columns that are named where they are missing."""

Stamp = tuple[int, int, int]


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


def file_stamp(path: Path) -> Stamp:
    """Changes when a file is replaced; zeros where there is none.

    Raises:
        TableError: It cannot be looked at.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0, 0
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror})") from error
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(path: Path) -> pd.DataFrame:
    rows, lines = read_text(path, LABEL_COLUMNS)
    labels = pd.DataFrame(rows, columns=[*LABEL_COLUMNS], dtype=object)
    if len(labels) == 0:
        return labels
    for why, bad in _faults(labels).items():
        if bad.any():
            raise TableError(f"{path}, line {lines[int(bad.argmax())]}: {why}; {_remedy(path)}")
    return labels


def read_text(path: Path, columns: tuple[str, ...]) -> tuple[list[list[str]], list[int]]:
    """The cells of a table that this program wrote, and the line on which each row ends.

    A spreadsheet may have saved it since, with semicolons and a mark that it is UTF-8.

    Raises:
        TableError: It is torn, or has other columns.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        first = text.partition("\n")[0]
        between = ";" if ";" in first and "," not in first else ","
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=between)
        header = next(reader, [])
        numbered = [(row, reader.line_num) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TableError(f"{path}: cannot be read ({error}); {_remedy(path)}") from error
    if tuple(header) != columns:
        missing = [column for column in columns if column not in header]
        which = ", ".join(missing[:MOST_COLUMNS_LISTED]) + (
            ", …" if len(missing) > MOST_COLUMNS_LISTED else ""
        )
        why = f"{which} missing" if missing else "others are there, or in another order"
        raise TableError(
            f"{path}: its columns are not those it was made with ({why}); {_remedy(path)}"
        )
    for row, line in numbered:
        if len(row) != len(columns):
            raise TableError(f"{path}, line {line}: torn or changed; {_remedy(path)}")
    if not text.endswith("\n"):
        raise TableError(f"{path}: its last line is torn; {_remedy(path)}")
    return [row for row, _ in numbered], [line for _, line in numbered]


def _remedy(path: Path) -> str:
    if path.name == LABELS:
        return "put it right, or move it away: judge reads it anywhere, the pick only here"
    return "pick again"


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
        f"the decision is neither {ACCEPTED} nor {REJECTED}": ~accepted
        & (labels["decision"] != REJECTED),
        "the emotion is none": ~looks.isin([*EMOTIONS, NONE, ""]),
        "emotion and decision contradict each other": accepted != (looks == labels["picked"]),
        "person, file or copy is no name": names.isna().any(axis=1) | crops.isna(),
    }


def bad_numbers(rows: pd.DataFrame, numbers: list[str], counts: list[str]) -> "pd.Series[bool]":
    """Which rows of text hold something else where a number, or a whole one from 0, must be."""
    found = rows[numbers].apply(pd.to_numeric, errors="coerce").astype("float64")
    whole = rows[counts].apply(lambda column: column.str.fullmatch(r"\d{1,15}"))
    return ~(np.isfinite(found).all(axis=1) & whole.astype(bool).all(axis=1))


def write_labels(folder: Path, labels: pd.DataFrame) -> None:
    """Replaces labels.csv.

    Raises:
        OutputError: It cannot be written.
    """
    path = folder / LABELS
    write_text(path, LABEL_COLUMNS, labels.to_numpy().tolist())
    _newest.put(path, file_stamp(path), labels)


def replace_label(folder: Path, old: dict[str, str] | None, new: dict[str, str] | None) -> None:
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


def write_text(path: Path, columns: tuple[str, ...], rows: list[list[str]]) -> None:
    """Replaces a table of text.

    Raises:
        OutputError: It cannot be written.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    with files.replacing(path) as file:
        file.write(text.getvalue().encode())


def labels_as_dicts(labels: pd.DataFrame) -> list[dict[str, str]]:
    """The rows one by one."""
    return [dict(zip(LABEL_COLUMNS, row, strict=True)) for row in labels.to_numpy().tolist()]


def label_of(crop: dict[str, str], emotion: str, walk: str, copy: str = "") -> dict[str, str]:
    """The row of a crop.

    Args:
        crop: Its row in crops.csv.
        emotion: What it looks like: that of its folder accepts it, any other, `NONE` for something
            else, and "" for another person's face, reject it.
        walk: Fingerprint of the walk that it was picked from.
        copy: Name of the photo that was put into the gallery for it.
    """
    decision = ACCEPTED if emotion == crop["emotion"] else REJECTED
    told = {"emotion": emotion, WALK_COLUMN: walk, "decision": decision, "copy": copy}
    return {c: told[c] if c in told else crop[NAMED.get(c, c)] for c in LABEL_COLUMNS}


def crop_of(label: dict[str, str]) -> dict[str, str]:
    """The row of crops.csv that a label was made of."""
    told = {"video": label["clip"], "frame": label["first"], "emotion": label["picked"]}
    return {c: told[c] if c in told else label[c] for c in CROP_COLUMNS}
