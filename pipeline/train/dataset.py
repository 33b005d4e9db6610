"""Labelled faces: read once, kept as arrays, looked at; nothing here knows a network."""

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
"""Of the arrays beside a CSV file."""

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
        votes: `(n, 10)` FER+ votes in the order of `VOTES`, `(0, 10)` where there are none.
        classes: names of the labels.
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

    A CSV file is parsed once; its arrays are kept in a hidden file beside it, as long as the CSV
    stays what it is.

    Args:
        path: Kaggle's `fer2013.csv` (emotion, pixels, Usage), its later layouts, or a folder with
            a folder of pictures for each class.
        votes: Microsoft's `fer2013new.csv`.

    Raises:
        DataError: Something cannot be read; the message says in which line.
    """
    if not path.exists():
        raise DataError(
            f"{path}: there is no such file; fetch fer2013.csv from Kaggle's "
            '"Challenges in Representation Learning: Facial Expression Recognition"'
        )
    rows = read_folder(path) if path.is_dir() else _cached(path)
    given = (
        np.zeros((0, len(VOTES)), np.float32) if votes is None else read_votes(votes, rows.usage)
    )
    return Dataset(rows.faces, rows.labels, rows.usage, given)


def without(data: Dataset, emotions: tuple[str, ...]) -> Dataset:
    """The data without the rows of some classes, the others counted anew.

    Raises:
        DataError: Fewer than two classes would be left.
    """
    kept = [i for i, name in enumerate(data.classes) if name not in emotions]
    if len(kept) < 2:
        raise DataError(
            f"without {', '.join(emotions)}: {len(kept)} classes left, wanted 2 or more"
        )
    places = np.full(len(data.classes), NO_LABEL)
    places[kept] = np.arange(len(kept))
    rest = rows_without(data, emotions)
    return replace(rest, labels=places[rest.labels], classes=tuple(data.classes[i] for i in kept))


def rows_without(data: Dataset, emotions: tuple[str, ...]) -> Dataset:
    """The data without the rows of some classes; the others keep their numbers.

    That is what a network of fewer classes is evaluated on.
    """
    return subset(data, np.flatnonzero(left(data, emotions)))


def left(data: Dataset, emotions: tuple[str, ...]) -> Flags:
    """Which rows are of none of those classes, `(n,)`."""
    dropped = [data.classes.index(name) for name in emotions if name in data.classes]
    return ~np.isin(data.labels, dropped)


def subset(data: Dataset, rows: Ints) -> Dataset:
    """The data of those rows, in that order."""
    votes = data.votes[rows] if data.has_votes else data.votes
    return replace(
        data, faces=data.faces[rows], labels=data.labels[rows], usage=data.usage[rows], votes=votes
    )


def first_equal_faces(faces: Image) -> Ints:
    """For each face the first row with the same pixels, `(n,)`.

    >>> first_equal_faces(np.array([[[1]], [[2]], [[1]]], np.uint8)).tolist()
    [0, 1, 0]
    """
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(f.tobytes(), i) for i, f in enumerate(faces)], np.int64)


def seen_in_training(data: Dataset) -> Flags:
    """Which rows of the tests have the very pixels of a training row, `(n,)`."""
    same = first_equal_faces(data.faces)
    trained = same[data.usage == TRAINING]
    return (data.usage != TRAINING) & np.isin(same, trained)


def distribution(labels: Ints, n_classes: int) -> Floats:
    """Share of each class, `(n_classes,)`; zeros where there are no labels.

    >>> distribution(np.array([0, 0, 0, 2]), 3).tolist()
    [0.75, 0.0, 0.25]
    """
    counts = np.bincount(labels, minlength=n_classes)
    return (counts / max(1, counts.sum())).astype(np.float32)


def ferplus_shares(data: Dataset) -> Floats:
    """Shares of the FER+ votes for `data.classes`, `(n, k)`; zeros where nobody gave one."""
    columns = [VOTES.index(FERPLUS_CLASSES[EMOTIONS.index(name)]) for name in data.classes]
    votes = data.votes[:, columns]
    return (votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)).astype(np.float32)


def ferplus_majority(data: Dataset) -> Ints:
    """What most FER+ voters saw, `(n,)`; NO_LABEL where that is none of `data.classes`.

    Contempt, "unknown" and "not a face" are none of them. Of equal counts the first in the order
    of `VOTES` wins.
    """
    place = {VOTES.index(FERPLUS_CLASSES[EMOTIONS.index(c)]): i for i, c in enumerate(data.classes)}
    table = np.array([place.get(i, NO_LABEL) for i in range(len(VOTES))])
    return np.where(data.votes.sum(axis=1) > 0, table[data.votes.argmax(axis=1)], NO_LABEL)


def _cached(path: Path) -> Rows:
    """The rows of a CSV file, from the arrays beside it where these are of that very file."""
    place, mark = path.with_name(f".{path.name}.npz"), _mark(path)
    with suppress(TableError):
        kept = read_arrays(place, dict.fromkeys(("mark", "faces", "labels", "usage")))
        if str(kept["mark"]) == mark:
            return Rows(kept["faces"], kept["labels"], kept["usage"])
    rows = read_csv(path)
    try:
        with replacing(place) as file:
            np.savez(file, mark=mark, faces=rows.faces, labels=rows.labels, usage=rows.usage)
    except OutputError as error:
        log.info("%s; the next call reads %s again", error, path)
    return rows


def _mark(path: Path) -> str:
    """What tells one state of a file from another."""
    facts = path.stat()
    return hashlib.sha256(
        f"{CACHE_FORMAT} {facts.st_size} {facts.st_mtime_ns}".encode()
    ).hexdigest()
