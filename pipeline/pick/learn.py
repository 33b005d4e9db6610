"""Learns from reviewed faces how the network misreads a film, and corrects its probabilities.

A correction adds a bias to each of the seven log-probabilities. It has no slope: a few wrong faces
would flatten all the others, and `evidence` would call none of them sure. It is held near no
correction at all, and used only where it foretells labels that it has not seen better than none.
Where every reviewed face was right there is nothing to correct: whoever looks through happy faces
alone would else teach that everybody is happy.

Source: vector scaling without the slopes, Guo et al., "On calibration of modern neural networks",
ICML 2017, section 4.2.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.faces import EMOTIONS, Flags, Floats, Ints, Numbers
from pipeline.pick.decoder import LEAST

PRIOR = 10.0
"""How strongly a correction is held to none.

Source: `benchmarks/learn.py`: of 4, 10 and 20 the one that helped most and harmed nowhere.
"""

FOLDS = 5
"""Parts into which the stretches are divided; each is foretold by what the others teach."""

PERSON_LABELS = 20
"""Labels from which a person has a correction of their own."""

CLOSE_ENOUGH = 1e-7
"""Steps of a bias that are too small to be taken."""

NONE: Numbers = np.zeros(len(EMOTIONS))
"""The biases that change nothing."""


HOW = "reject some faces in Review (mine-video web), at two moments or more"


@dataclass(frozen=True, slots=True)
class Teaching:
    """What the labels of a film, or of a person in it, taught.

    Attributes:
        person: A name, or "" for the whole film.
        labels: Number of labels.
        stretches: Number of stretches they lie in; the labels of one count as one.
        gain: What the correction adds to the mean logarithm of the probability of labels that were
            held out. NaN if no face was rejected, or if all labels are of one stretch.
    """

    person: str
    labels: int
    stretches: int
    gain: float

    @property
    def used(self) -> bool:
        """Whether the correction is applied."""
        return self.gain > 0

    def __str__(self) -> str:
        labels = "1 label" if self.labels == 1 else f"{self.labels} labels"
        of = f"{labels} of {self.person or 'this film'}"
        if self.used:
            return f"{of}: those held out become {np.exp(self.gain):.2f} times as probable; used"
        if np.isnan(self.gain):
            return f"{of}: nothing to learn; {HOW}"
        instead = "; the film's correction stays" if self.person else ""
        return f"{of}: no gain on those held out; not used{instead}"


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """Labelled faces.

    Attributes:
        row: `(n,)` positions of rows.
        looks: `(n, 7)` whether the face may look so: one look, or all but the one rejected.
        rejected: `(n,)` whether the pick was wrong.
        stretch: `(n,)` number of the stretch that each belongs to.
    """

    row: Ints
    looks: Flags
    rejected: Flags
    stretch: Ints

    def of(self, chosen: Flags) -> "Taught":
        """Some of them."""
        return Taught(
            self.row[chosen], self.looks[chosen], self.rejected[chosen], self.stretch[chosen]
        )


def learnt(rows: pd.DataFrame, taught: Taught) -> tuple[pd.DataFrame, list[Teaching]]:
    """Corrects the probabilities of rows by what the review teaches.

    Args:
        rows: Rows of faces.csv.
        taught: The reviewed faces among them.

    Returns:
        The rows, corrected where that gains, and the lessons: that of the film, then those of
        people with `PERSON_LABELS` labels or more, which start from it.
    """
    looks = rows[list(EMOTIONS)].to_numpy(np.float32)
    film, lesson = _lesson("", looks, taught, NONE)
    corrected, lessons = corrected_looks(looks, film), [lesson]
    person = rows["person"].to_numpy()
    names, counts = np.unique(person[taught.row].astype(np.str_), return_counts=True)
    for name in names[(counts >= PERSON_LABELS) & (names != "")].tolist():
        mine = taught.of(person[taught.row] == name)
        own, lesson = _lesson(name, looks, mine, film)
        lessons.append(lesson)
        of_person = person == name
        corrected[of_person] = corrected_looks(looks[of_person], own)
    return rows.assign(**dict(zip(EMOTIONS, corrected.T, strict=True))), lessons


def _lesson(person: str, looks: Floats, taught: Taught, start: Numbers) -> tuple[Numbers, Teaching]:
    """The correction to use, `start` if nothing is gained by another one, and the lesson."""
    gain = held_out_gain(looks, taught, start)
    stretches = len(np.unique(taught.stretch))
    lesson = Teaching(person, len(taught.row), stretches, gain)
    return (correction_of(looks, taught, start) if lesson.used else start), lesson


def held_out_gain(looks: Floats, taught: Taught, start: Numbers) -> float:
    """The mean gain in log-probability of stretches that a correction was not fitted to."""
    stretches = np.unique(taught.stretch)
    if len(stretches) < 2 or not taught.rejected.any():
        return float("nan")
    gains = []
    for fold in range(min(FOLDS, len(stretches))):
        held = np.isin(taught.stretch, stretches[fold::FOLDS])
        seen, unseen = taught.of(~held), taught.of(held)
        correction = correction_of(looks, seen, start)
        gains += [_fit(looks, one, correction) - _fit(looks, one, start) for one in _alone(unseen)]
    return float(np.mean(gains))


def _alone(taught: Taught) -> Iterator[Taught]:
    """The labels of each stretch."""
    for stretch in np.unique(taught.stretch):
        yield taught.of(taught.stretch == stretch)


def _fit(looks: Floats, taught: Taught, correction: Numbers) -> float:
    """The mean logarithm of the probability of labels, each stretch weighing the same."""
    right = (corrected_looks(looks[taught.row], correction) * taught.looks).sum(axis=1)
    return float((_weights(taught) * np.log(np.maximum(right, LEAST))).sum())


def _weights(taught: Taught) -> Numbers:
    """A weight for each label, so that each stretch weighs the same; they sum to 1."""
    _, inverse, counts = np.unique(taught.stretch, return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[inverse] / len(counts))


def correction_of(looks: Floats, taught: Taught, start: Numbers) -> Numbers:
    """The correction that makes the labels most probable, held near `start`.

    Args:
        looks: `(rows, 7)` what the network says.
        taught: The labels.
        start: `(7,)` biases.

    Returns:
        `(7,)` biases.
    """
    logs = np.log(np.maximum(looks[taught.row].astype(np.float64), LEAST))
    weights = _weights(taught) * len(np.unique(taught.stretch))

    def descent(correction: Numbers) -> tuple[float, Numbers]:
        """What to make small, and the step down, by the curvature's part that is never negative."""
        chance, away = _softmax(logs + correction), correction - start
        right = np.maximum((chance * taught.looks).sum(axis=1, keepdims=True), 1e-12)
        value = PRIOR / 2 * (away**2).sum() - (weights * np.log(right[:, 0])).sum()
        pull = (chance - chance * taught.looks / right) * weights[:, None]
        weighted = chance * weights[:, None]
        curvature = np.diag(weighted.sum(axis=0) + PRIOR) - chance.T @ weighted
        return float(value), np.linalg.solve(curvature, pull.sum(axis=0) + PRIOR * away)

    found, (least, step) = start, descent(start)
    while np.abs(step).max() > CLOSE_ENOUGH:
        value, onward = descent(found - step)
        if value < least:
            found, least, step = found - step, value, onward
        else:
            step = step / 2
    return found


def corrected_looks(looks: Floats, correction: Numbers) -> Floats:
    """Applies a correction to `(n, 7)` probabilities; rows sum to 1 again.

    >>> looks = np.full((1, 7), 1 / 7, np.float32)
    >>> corrected_looks(looks, np.array([0, 0, 0, np.log(3), 0, 0, 0])).round(2)
    array([[0.11, 0.11, 0.11, 0.33, 0.11, 0.11, 0.11]], dtype=float32)
    """
    if (correction == NONE).all():
        return looks.copy()
    logs = np.log(np.maximum(looks.astype(np.float64), LEAST))
    return _softmax(logs + correction).astype(np.float32)


def _softmax(logs: Numbers) -> Numbers:
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
