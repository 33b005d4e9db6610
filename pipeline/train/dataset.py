"""Reads labelled faces into arrays, and counts and filters them, without any network."""

import hashlib
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.disk.npz import read_arrays
from pipeline.errors import DataError, OutputError, TableError
from pipeline.faces import EMOTIONS, Flags, Floats, Image, Ints
from pipeline.files import replacing
from pipeline.train.formats import USAGES, VOTES, Rows, read_csv, read_folder, read_votes

log = logging.getLogger(__name__)

TRAINING, PUBLIC, PRIVATE = range(len(USAGES))

CACHE_FORMAT = 1
"""Version of the cached arrays beside a CSV file."""

FERPLUS_CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
"""The FER+ columns that stand for `EMOTIONS`, in that order."""

NO_LABEL = -1


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Labelled faces as parallel arrays.

    Attributes:
        faces: `(n, 48, 48)` grey.
        labels: `(n,)` positions in `classes`.
        usage: `(n,)` TRAINING, PUBLIC or PRIVATE.
        votes: `(n, 10)` FER+ votes in the order of `VOTES`; `(0, 10)` without FER+.
        classes: The names of the labels.
    """

    faces: Image
    labels: Ints
    usage: Ints
    votes: Floats
    classes: tuple[str, ...] = EMOTIONS

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def has_votes(self) -> bool:
        """Whether FER+ votes were given."""
        return len(self.votes) > 0


def read_dataset(path: Path, votes: Path | None = None) -> Dataset:
    """Reads labelled faces.

    A CSV file is parsed once; its arrays are cached in a hidden file beside it until the CSV
    changes.

    Args:
        path: Kaggle's `fer2013.csv` (emotion, pixels, Usage), its later layouts, or a folder with
            a folder of pictures for each class.
        votes: Microsoft's `fer2013new.csv`.

    Raises:
        DataError: A file cannot be read or has a wrong line; the message says which.
    """
    if not path.exists():
        raise DataError(
            f"{path}: no such file; download fer2013.csv from Kaggle's competition "
            '"Challenges in Representation Learning: Facial Expression Recognition"'
        )
    rows = read_folder(path) if path.is_dir() else _cached(path)
    no_votes = np.zeros((0, len(VOTES)), np.float32)
    ferplus = no_votes if votes is None else read_votes(votes, rows.usage)
    return Dataset(rows.faces, rows.labels, rows.usage, ferplus)


def without(data: Dataset, emotions: tuple[str, ...]) -> Dataset:
    """Drops some classes with their rows; the remaining classes get new numbers.

    Raises:
        DataError: Fewer than two classes would be left.
    """
    kept = [i for i, name in enumerate(data.classes) if name not in emotions]
    if len(kept) < 2:
        classes = "1 class" if len(kept) == 1 else f"{len(kept)} classes"
        raise DataError(
            f"--without {' --without '.join(emotions)}: {classes} left, wanted at least 2; "
            "drop fewer"
        )
    new_numbers = np.full(len(data.classes), NO_LABEL)
    new_numbers[kept] = np.arange(len(kept))
    rest = rows_without(data, emotions)
    classes_left = tuple(data.classes[i] for i in kept)
    return replace(rest, labels=new_numbers[rest.labels], classes=classes_left)


def rows_without(data: Dataset, emotions: tuple[str, ...]) -> Dataset:
    """Drops the rows of some classes; all classes keep their numbers.

    Networks without these classes are evaluated on such data.
    """
    return subset(data, np.flatnonzero(left(data, emotions)))


def left(data: Dataset, emotions: tuple[str, ...]) -> Flags:
    """Tells which rows are not of these classes, `(n,)`."""
    dropped = [data.classes.index(name) for name in emotions if name in data.classes]
    return ~np.isin(data.labels, dropped)


def subset(data: Dataset, rows: Ints) -> Dataset:
    """Gives the data of these rows, in this order."""
    votes = data.votes[rows] if data.has_votes else data.votes
    return replace(
        data, faces=data.faces[rows], labels=data.labels[rows], usage=data.usage[rows], votes=votes
    )


def first_equal_faces(faces: Image) -> Ints:
    """Gives for each face the first row with the same pixels, `(n,)`.

    >>> first_equal_faces(np.array([[[1]], [[2]], [[1]]], np.uint8)).tolist()
    [0, 1, 0]
    """
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(f.tobytes(), i) for i, f in enumerate(faces)], np.int64)


def seen_in_training(data: Dataset) -> Flags:
    """Tells which test rows have the same pixels as a training row, `(n,)`."""
    first_rows = first_equal_faces(data.faces)
    trained = first_rows[data.usage == TRAINING]
    return (data.usage != TRAINING) & np.isin(first_rows, trained)


def distribution(labels: Ints, n_classes: int) -> Floats:
    """Gives the share of each class, `(n_classes,)`; zeros if there are no labels.

    >>> distribution(np.array([0, 0, 0, 2]), 3).tolist()
    [0.75, 0.0, 0.25]
    """
    counts = np.bincount(labels, minlength=n_classes)
    return (counts / max(1, counts.sum())).astype(np.float32)


def ferplus_shares(data: Dataset) -> Floats:
    """Gives the shares of FER+ votes for `data.classes`, `(n, k)`; zeros for a row without any."""
    columns = [VOTES.index(FERPLUS_CLASSES[EMOTIONS.index(name)]) for name in data.classes]
    votes = data.votes[:, columns]
    return (votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)).astype(np.float32)


def ferplus_majority(data: Dataset) -> Ints:
    """Gives the class with the most FER+ votes, `(n,)`; NO_LABEL if it is not in `data.classes`.

    Contempt, "unknown" and "not a face" have no class. Ties go to the first in the order of
    `VOTES`.
    """
    label = {VOTES.index(FERPLUS_CLASSES[EMOTIONS.index(c)]): i for i, c in enumerate(data.classes)}
    table = np.array([label.get(i, NO_LABEL) for i in range(len(VOTES))])
    return np.where(data.votes.sum(axis=1) > 0, table[data.votes.argmax(axis=1)], NO_LABEL)


def _cached(path: Path) -> Rows:
    """Gives the rows of a CSV file, from the cache beside it if that is up to date."""
    cache, mark = path.with_name(f".{path.name}.npz"), _mark(path)
    with suppress(TableError):
        arrays = read_arrays(cache, dict.fromkeys(("mark", "faces", "labels", "usage")))
        if str(arrays["mark"]) == mark:
            return Rows(arrays["faces"], arrays["labels"], arrays["usage"])
    rows = read_csv(path)
    try:
        with replacing(cache) as file:
            np.savez(file, mark=mark, faces=rows.faces, labels=rows.labels, usage=rows.usage)
    except OutputError as error:  # Only a cache: reading goes on without it.
        log.info("%s; the next run will parse %s again", error, path)
    return rows


def _mark(path: Path) -> str:
    """Identifies the state of a file by its size and time of change."""
    facts = path.stat()
    return hashlib.sha256(
        f"{CACHE_FORMAT} {facts.st_size} {facts.st_mtime_ns}".encode()
    ).hexdigest()
