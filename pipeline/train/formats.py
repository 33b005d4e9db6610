"""Reads FER2013 and the FER+ votes in all their layouts, and checks every line."""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from pipeline.crops import EMOTION_SIDE, resized
from pipeline.disk.text_table import delimiter_of
from pipeline.errors import DataError
from pipeline.faces import EMOTIONS, Floats, Image, Ints
from pipeline.files import content, open_file

FACE_PIXELS = EMOTION_SIDE**2

USAGES = ("Training", "PublicTest", "PrivateTest")
"""Kaggle's names of the parts; their positions are the numbers in `Rows.usage`."""

VOTES = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt",
    "unknown", "NF",
)  # fmt: skip
"""The columns of fer2013new.csv; NF is "not a face".

Source: Barsoum et al., "Training deep networks for facial expression recognition with
crowd-sourced label distribution", ICMI 2016.
"""

PARTS = {
    "train": 0, "training": 0, "validation": 1, "val": 1, "public": 1, "publictest": 1,
    "test": 2, "private": 2, "privatetest": 2,
}  # fmt: skip
"""Names of folders that hold a part of the data, with a folder for each class in them."""

ALIASES = {"anger": "angry", "fearful": "fear", "happiness": "happy", "sadness": "sad",
           "surprised": "surprise", "disgusted": "disgust"}  # fmt: skip
"""Other names of the classes in some data sets."""

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Labelled faces as parallel arrays.

    Attributes:
        faces: `(n, 48, 48)` grey.
        labels: `(n,)` positions in `EMOTIONS`.
        usage: `(n,)` positions in `USAGES`; all 0 if the data name no parts.
    """

    faces: Image
    labels: Ints
    usage: Ints


def read_csv(path: Path) -> Rows:
    """Reads `fer2013.csv`, or Kaggle's later `train.csv` and `icml_face_data.csv`.

    Columns may be in any order, with spaces around their names; Usage may be missing.

    Raises:
        DataError: The file cannot be read, or a line is wrong.
    """
    faces, labels, usage = [], [], []
    with _lines(path) as lines:
        for number, row in _records(path, lines, ("emotion", "pixels"), ("Usage",)):
            where = f"{path}:{number}"
            labels.append(_label(row["emotion"], where))
            faces.append(_pixels(row["pixels"], where))
            usage.append(_usage(row.get("Usage", USAGES[0]), where))
    if not faces:
        raise DataError(f"{path}: has no faces below its header; use Kaggle's fer2013.csv")
    pixels = np.stack(faces).reshape(-1, EMOTION_SIDE, EMOTION_SIDE)
    return Rows(pixels, np.array(labels), np.array(usage))


def read_votes(path: Path, usage: Ints) -> Floats:
    """Reads the FER+ votes of the same rows, `(n, 10)` in the order of `VOTES`.

    Args:
        path: Microsoft's fer2013new.csv.
        usage: The parts of the rows; those in the votes must be the same.

    Raises:
        DataError: The file cannot be read, or its votes are for other rows.
    """
    votes: list[list[float]] = []
    with _lines(path) as lines:
        for number, row in _records(path, lines, VOTES, ("Usage",)):
            where = f"{path}:{number}"
            if len(votes) < len(usage):
                _check_usage(row.get("Usage"), int(usage[len(votes)]), where)
            votes.append([_count(row[name], name, where) for name in VOTES])
    if len(votes) != len(usage):
        raise DataError(
            f"{path}: has votes on {len(votes):,} faces, but there are {len(usage):,} faces; "
            "its rows must match those of your fer2013.csv one by one"
        )
    return np.array(votes, np.float32)


def read_folder(folder: Path) -> Rows:
    """Reads pictures sorted into folders: `happy/*.png`, or `train/happy/*.png` and so on.

    Pictures become grey and 48x48. They must be cropped to the face.

    Raises:
        DataError: A folder is not named after a class, or a picture cannot be read.
    """
    parts = {PARTS[p.name.lower()]: p for p in _folders(folder) if p.name.lower() in PARTS}
    faces, labels, usage = [], [], []
    for part, part_folder in sorted(parts.items()) or [(0, folder)]:
        for path, label in _labelled(part_folder):
            faces.append(_picture(path))
            labels.append(label)
            usage.append(part)
    if not faces:
        raise DataError(
            f"{folder}: has no pictures; wanted a folder for each of {', '.join(EMOTIONS)}, "
            "or folders train/ and test/ that contain them"
        )
    return Rows(np.stack(faces), np.array(labels), np.array(usage))


def read_unlabelled(folder: Path) -> Image:
    """Reads all pictures below a folder as grey faces, `(n, 48, 48)`, in order of their paths.

    Raises:
        DataError: There are none, or one cannot be read.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES)
    if not paths:
        raise DataError(
            f"{folder}: has no pictures; wanted faces without labels, cropped like those of "
            "`mine-video live --save-crops`"
        )
    return np.stack([_picture(path) for path in paths])


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _labelled(folder: Path) -> Iterator[tuple[Path, int]]:
    """Gives the pictures in a folder of classes, in order of names, with their labels."""
    for class_folder in _folders(folder):
        name = class_folder.name.lower()
        name = ALIASES.get(name, name)
        if name not in EMOTIONS:
            raise DataError(
                f"{class_folder}: {class_folder.name!r} is not an emotion; wanted "
                f"{', '.join(EMOTIONS)}; rename the folder or move it away"
            )
        for path in sorted(class_folder.iterdir()):
            if path.suffix.lower() in PICTURES and not path.name.startswith("."):
                yield path, EMOTIONS.index(name)


def _picture(path: Path) -> Image:
    try:
        # Not cv2.imread, which takes no name that is not ASCII on Windows.
        data = np.frombuffer(content(path), np.uint8)
        grey = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if len(data) else None
    except (OSError, cv2.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); delete or replace it") from error
    if grey is None:
        raise DataError(f"{path}: not a picture, or damaged; delete or replace it")
    return resized(grey, EMOTION_SIDE) if grey.shape != (EMOTION_SIDE,) * 2 else grey


@contextmanager
def _lines(path: Path) -> Iterator[Iterable[str]]:
    """Opens a text file; turns errors of reading it into a `DataError`."""
    try:
        with open_file(path) as file:
            yield io.TextIOWrapper(file, "utf-8-sig", newline="")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a CSV file ({error})") from error


def _records(
    path: Path, lines: Iterable[str], wanted: tuple[str, ...], maybe: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Gives the rows of a CSV file with their line numbers, as dicts of these columns."""
    lines = iter(lines)
    first = next(lines, "")
    # Somebody may have saved the table with a spreadsheet since.
    reader = csv.reader(chain([first], lines), delimiter=delimiter_of(first))
    header = [name.strip().lower() for name in next(reader, [])]
    missing = [name for name in wanted if name.lower() not in header]
    if missing:
        raise DataError(
            f"{path}:1: no column {', '.join(missing)}; found {', '.join(header) or 'nothing'}; "
            f"wanted {', '.join(wanted)}, and optionally {', '.join(maybe)}"
        )
    columns = {n: header.index(n.lower()) for n in (*wanted, *maybe) if n.lower() in header}
    for row in reader:
        if not any(row):
            continue
        if len(row) != len(header):
            raise DataError(
                f"{path}:{reader.line_num}: {len(row)} columns, wanted {len(header)} as in the "
                "header; the file may be incomplete: download it again"
            )
        yield reader.line_num, {name: row[i].strip() for name, i in columns.items()}


def _label(text: str, where: str) -> int:
    if text not in "0123456" or len(text) != 1:
        raise DataError(
            f"{where}: emotion is {text!r}, wanted 0 to 6 ({', '.join(EMOTIONS)} in that order)"
        )
    return int(text)


def _pixels(text: str, where: str) -> Image:
    """Parses the face of a row, `(2304,)`."""
    try:
        numbers = np.fromstring(text, np.int64, sep=" ")
    except (ValueError, DeprecationWarning) as error:
        word = _first_non_number(text)
        raise DataError(f"{where}: pixels contain {word!r}, wanted whole numbers") from error
    if len(numbers) != FACE_PIXELS or numbers.min() < 0 or numbers.max() > 255:
        spread = f" from {numbers.min()} to {numbers.max()}" if len(numbers) else ""
        raise DataError(
            f"{where}: {len(numbers)} pixels{spread}, wanted {FACE_PIXELS} from 0 to 255; "
            "download the file again, or delete the line"
        )
    return numbers.astype(np.uint8)


def _first_non_number(text: str) -> str:
    return next((word for word in text.split() if not word.isdecimal()), text)[:20]


def _usage(text: str, where: str) -> int:
    if text not in USAGES:
        raise DataError(f"{where}: Usage is {text!r}, wanted {', '.join(USAGES)}")
    return USAGES.index(text)


def _check_usage(text: str | None, wanted: int, where: str) -> None:
    if text is not None and text != USAGES[wanted]:
        raise DataError(
            f"{where}: Usage is {text!r}, but {USAGES[wanted]!r} in the same row of the faces; "
            "its rows must match those of your fer2013.csv one by one"
        )


def _count(text: str, name: str, where: str) -> int:
    if not text.isdecimal():
        raise DataError(f"{where}: {name} is {text!r}, wanted a number of votes from 0")
    return int(text)
