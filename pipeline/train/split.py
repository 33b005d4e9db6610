"""Splits rows into training, validation and test, and computes their targets and order."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.disk.npz import read_arrays
from pipeline.errors import DataError, TableError
from pipeline.faces import EMOTIONS, Flags, Floats, Ints
from pipeline.train import dataset
from pipeline.train.dataset import PRIVATE, PUBLIC, TRAINING, Dataset
from pipeline.train.formats import VOTES
from pipeline.train.settings import TrainSettings

NO_FACE = 0.5
"""A row is not trained on from this share of FER+ votes for "not a face"."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Disjoint rows of a data set, each kind in ascending order; validation chooses the epoch."""

    training: Ints
    validation: Ints
    test: Ints


def split(data: Dataset, settings: TrainSettings) -> Split:
    """Splits the rows as the settings say.

    A random split and folds never separate rows with the same pixels. The official split separates
    568 of them, and `clean` takes those out of training.

    Raises:
        DataError: The data name no parts, or too few rows are left.
    """
    same = dataset.first_equal_faces(data.faces)
    parts = (
        _official(data, same, settings) if settings.split == "official" else _drawn(same, settings)
    )
    training = parts.training
    if settings.clean:
        training = training[clean(data, same, parts)[training]]
    if settings.limit:
        drawn = np.random.default_rng(settings.seed).permutation(training)[: settings.limit]
        training = np.sort(drawn)
    result = Split(training, parts.validation, parts.test)
    for name in ("training", "validation"):
        if len(getattr(result, name)) == 0:
            rows = "1 row" if len(data) == 1 else f"{len(data):,} rows"
            raise DataError(f"no rows are left for {name}: {rows} in all, {settings.split} split")
    return result


def _official(data: Dataset, same: Ints, settings: TrainSettings) -> Split:
    """Gives Kaggle's parts; draws validation from the training rows if there is none."""
    training, validation, test = (
        np.flatnonzero(data.usage == part) for part in (TRAINING, PUBLIC, PRIVATE)
    )
    if len(validation) + len(test) == 0:
        raise DataError(
            "the data name no parts (a column Usage, or folders train/ and test/); "
            "use --split random or --split folds"
        )
    if len(validation) == 0:
        chosen = np.isin(same, _draw(same[training], settings.validation_share, settings.seed))
        validation, training = training[chosen[training]], training[~chosen[training]]
    return Split(training, validation, test)


def _drawn(same: Ints, settings: TrainSettings) -> Split:
    """Gives random parts, or parts with one of the folds as the test."""
    groups = np.random.default_rng(settings.seed).permutation(np.unique(same))
    if settings.split == "folds":
        tested = groups[settings.fold - 1 :: settings.folds]
    else:
        tested = groups[: round(len(groups) * settings.test_share)]
    rest = groups[~np.isin(groups, tested)]
    validated = _draw(rest, settings.validation_share, settings.seed)
    test, validation = np.isin(same, tested), np.isin(same, validated)
    return Split(*(np.flatnonzero(part) for part in (~test & ~validation, validation, test)))


def _draw(groups: Ints, share: float, seed: int) -> Ints:
    """Draws a share of the different numbers at random, at least one."""
    drawn = np.random.default_rng(seed + 1).permutation(np.unique(groups))
    return drawn[: max(1, round(len(drawn) * share))]


def clean(data: Dataset, same: Ints, parts: Split) -> Flags:
    """Tells which rows may be trained on, `(n,)`.

    Their pixels are in no other part and have only one label, and FER+ voters saw a face.

    Args:
        data: All rows.
        same: The result of `dataset.first_equal_faces`.
        parts: The split whose validation and test rows must not be seen in training.
    """
    elsewhere = np.isin(same, same[np.concatenate([parts.validation, parts.test])])
    first = data.labels[same]
    ambiguous = np.isin(same, same[data.labels != first])
    keep = ~(elsewhere | ambiguous)
    if data.has_votes:
        total = np.maximum(data.votes.sum(axis=1), 1)
        keep &= data.votes[:, VOTES.index("NF")] / total < NO_FACE
    return keep


def row_weights(data: Dataset, rows: Ints, balance: float) -> Floats:
    """Gives the probabilities `(n,)` with which each of `rows` is shown.

    With balance b, a class of share p is shown in proportion to p to the power of 1 - b.

    >>> one = np.zeros(4, np.int64)
    >>> data = Dataset(np.zeros((4, 48, 48), np.uint8), np.array([0, 0, 0, 1]), one,
    ...                np.zeros((0, 10), np.float32))
    >>> [f"{weight:.3f}" for weight in row_weights(data, np.arange(4), 1.0)]
    ['0.167', '0.167', '0.167', '0.500']
    """
    shares = dataset.distribution(data.labels[rows], len(data.classes))
    weights = shares[data.labels[rows]].astype(np.float64) ** -balance
    return (weights / weights.sum()).astype(np.float32)


def order(data: Dataset, rows: Ints, settings: TrainSettings, epoch: int) -> Ints:
    """Gives the order of `rows` in an epoch, which depends on seed and epoch only.

    Each row comes once. With `balance`, as many rows are drawn with replacement, those of rare
    classes more often.
    """
    # A resumed run must see the same order: no state is carried from epoch to epoch.
    rng = np.random.default_rng((settings.seed, epoch))
    if settings.balance == 0:
        return rng.permutation(rows)
    weights = row_weights(data, rows, settings.balance).astype(np.float64)
    return rng.choice(rows, len(rows), p=weights / weights.sum())


def targets(data: Dataset, n_heads: int, settings: TrainSettings) -> Floats:
    """Computes the targets of the heads, `(n, n_heads, k)`; each sums to 1, or to 0 if unknown.

    Raises:
        DataError: The settings need FER+ votes or teachers that are missing.
    """
    labels = np.eye(len(data.classes), dtype=np.float32)[data.labels]
    heads = [_blended(data, labels, settings.ferplus_share) if n_heads == 1 else labels]
    if n_heads == 2:
        _need_votes(data, "the second head of a two-headed network learns them")
        heads.append(dataset.ferplus_shares(data))
    target = np.stack(heads, axis=1)
    # Smoothing by the sum keeps unknown targets at 0.
    target = (1 - settings.smoothing) * target + settings.smoothing * target.sum(
        axis=2, keepdims=True
    ) / len(data.classes)
    if settings.teachers is not None:
        taught = _teachers(settings.teachers, data)[:, :n_heads]
        known = target.sum(axis=2, keepdims=True) > 0
        mixed = (1 - settings.distill) * target + settings.distill * taught
        target = np.where(known, mixed, taught)
    return target.astype(np.float32)


def _blended(data: Dataset, labels: Floats, share: float) -> Floats:
    """Mixes this share of FER+ votes into the labels of rows that have votes."""
    if share == 0:
        return labels
    _need_votes(data, "--ferplus-share mixes them into the labels")
    votes = dataset.ferplus_shares(data)
    known = votes.sum(axis=1, keepdims=True) > 0
    return np.where(known, (1 - share) * labels + share * votes, labels)


def _need_votes(data: Dataset, reason: str) -> None:
    if not data.has_votes:
        raise DataError(
            f"no FER+ votes, but {reason}; give Microsoft's fer2013new.csv with --ferplus, or "
            "choose another --network"
        )


def _teachers(path: Path, data: Dataset) -> Floats:
    """Reads other networks' probabilities for both sets of labels, `(n, 2, 7)`."""
    if data.classes != EMOTIONS:
        raise DataError(
            f"{path}: teachers answer for all {len(EMOTIONS)} classes; use --teachers without "
            "--without"
        )
    if not path.is_file():
        raise DataError(f"{path}: no such file; --teachers is an .npz with arrays hard and fp")
    try:
        arrays = read_arrays(path, dict.fromkeys(("hard", "fp")))
        probability = np.stack([arrays["hard"], arrays["fp"]], axis=1).astype(np.float32)
    except (TableError, ValueError) as error:
        raise DataError(
            f"{path}: not an .npz of teachers with arrays hard and fp ({error})"
        ) from error
    if probability.shape != (len(data), 2, len(EMOTIONS)):
        wanted = (len(data), 2, len(EMOTIONS))
        raise DataError(
            f"{path}: hard and fp together have shape {probability.shape}, wanted {wanted}: the "
            "teachers' answers for each row of the data"
        )
    return probability / probability.sum(axis=2, keepdims=True)
