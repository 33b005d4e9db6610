"""Which rows train, which choose the best epoch, which are the test; and what is learnt of each."""

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
"""Share of FER+ voters who see no face, from which a row is not trained on."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows of a data set, each kind in ascending order, none in two of them."""

    training: Ints
    validation: Ints
    test: Ints


def split(data: Dataset, settings: TrainSettings) -> Split:
    """Parts the rows as the settings say.

    Rows with the same pixels are never parted in a random split or in folds; in the official one
    568 of them are, and `clean` takes those out of training.

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
    found = Split(training, parts.validation, parts.test)
    for name in ("training", "validation"):
        if len(getattr(found, name)) == 0:
            raise DataError(
                f"no rows are left for {name}: {len(data):,} rows, {settings.split} split"
            )
    return found


def _official(data: Dataset, same: Ints, settings: TrainSettings) -> Split:
    """Kaggle's parts; where nothing is for validation, it is drawn from the training rows."""
    training, validation, test = (
        np.flatnonzero(data.usage == part) for part in (TRAINING, PUBLIC, PRIVATE)
    )
    if len(validation) + len(test) == 0:
        raise DataError(
            "the data name no parts (a column Usage, or folders train and test); "
            "use --split random or --split folds"
        )
    if len(validation) == 0:
        chosen = np.isin(same, _some(same[training], settings.validation_share, settings.seed))
        validation, training = training[chosen[training]], training[~chosen[training]]
    return Split(training, validation, test)


def _drawn(same: Ints, settings: TrainSettings) -> Split:
    """Random parts, or one of the folds as the test."""
    groups = np.random.default_rng(settings.seed).permutation(np.unique(same))
    if settings.split == "folds":
        tested = groups[settings.fold - 1 :: settings.folds]
    else:
        tested = groups[: round(len(groups) * settings.test_share)]
    rest = groups[~np.isin(groups, tested)]
    validated = _some(rest, settings.validation_share, settings.seed)
    test, validation = np.isin(same, tested), np.isin(same, validated)
    return Split(*(np.flatnonzero(part) for part in (~test & ~validation, validation, test)))


def _some(groups: Ints, share: float, seed: int) -> Ints:
    """A share of different numbers, drawn at random, at least one of them."""
    drawn = np.random.default_rng(seed + 1).permutation(np.unique(groups))
    return drawn[: max(1, round(len(drawn) * share))]


def clean(data: Dataset, same: Ints, parts: Split) -> Flags:
    """Which rows may be trained on: in no other part, of one label, and a face by FER+, `(n,)`.

    Args:
        data: All rows.
        same: Of `identities`.
        parts: Whose validation and test rows must not be known from training.
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
    """How often each of `rows` is shown, as probabilities `(n,)`.

    With balance b a class of share p is shown in proportion to p to the power of 1 - b.

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
    """Which of `rows` come when in an epoch: a function of seed and epoch alone.

    Each comes once; with `balance` they are drawn, seldom classes more often, as many in all.
    """
    draw = np.random.default_rng((settings.seed, epoch))
    if settings.balance == 0:
        return draw.permutation(rows)
    weights = row_weights(data, rows, settings.balance).astype(np.float64)
    return draw.choice(rows, len(rows), p=weights / weights.sum())


def targets(data: Dataset, n_heads: int, settings: TrainSettings) -> Floats:
    """What the heads are to answer, `(n, n_heads, k)`, rows of 1, or of 0 where nothing is known.

    Raises:
        DataError: FER+ votes or teachers are wanted and not there.
    """
    labels = np.eye(len(data.classes), dtype=np.float32)[data.labels]
    heads = [_blended(data, labels, settings.ferplus_share) if n_heads == 1 else labels]
    if n_heads == 2:
        _need_votes(data, "a two-headed network learns them with its second head")
        heads.append(dataset.ferplus_shares(data))
    found = np.stack(heads, axis=1)
    found = (1 - settings.smoothing) * found + settings.smoothing * found.sum(
        axis=2, keepdims=True
    ) / len(data.classes)
    if settings.teachers is not None:
        taught = _teachers(settings.teachers, data)[:, :n_heads]
        known = found.sum(axis=2, keepdims=True) > 0
        found = np.where(known, (1 - settings.distill) * found + settings.distill * taught, taught)
    return found.astype(np.float32)


def _blended(data: Dataset, labels: Floats, share: float) -> Floats:
    """Labels with that share of the FER+ votes mixed in, where anybody voted."""
    if share == 0:
        return labels
    _need_votes(data, "--ferplus-share mixes them into the labels")
    votes = dataset.ferplus_shares(data)
    known = votes.sum(axis=1, keepdims=True) > 0
    return np.where(known, (1 - share) * labels + share * votes, labels)


def _need_votes(data: Dataset, reason: str) -> None:
    if not data.has_votes:
        raise DataError(
            f"there are no FER+ votes, and {reason}; give Microsoft's fer2013new.csv with "
            "--ferplus, or choose another --network"
        )


def _teachers(path: Path, data: Dataset) -> Floats:
    """Other networks' probabilities for both label sets, `(n, 2, 7)`."""
    if data.classes != EMOTIONS:
        raise DataError(f"{path}: teachers know all {len(EMOTIONS)} classes; leave --without out")
    if not path.is_file():
        raise DataError(f"{path}: there is no such file; --teachers is an .npz with hard and fp")
    try:
        given = read_arrays(path, dict.fromkeys(("hard", "fp")))
        found = np.stack([given["hard"], given["fp"]], axis=1).astype(np.float32)
    except (TableError, ValueError) as error:
        raise DataError(f"{path}: not the teachers' .npz with hard and fp ({error})") from error
    if found.shape != (len(data), 2, len(EMOTIONS)):
        raise DataError(f"{path}: probabilities {found.shape}, wanted {(len(data), 2, 7)}")
    return found / found.sum(axis=2, keepdims=True)
