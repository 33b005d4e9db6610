"""How good probabilities are, with 95 % intervals."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from pipeline.faces import Flags, Floats, Ints

Z = 1.959964
"""The normal distribution has 95 % within so many standard deviations."""

RESAMPLES = 1000
BINS = 15

Measure = Callable[[Ints, Floats], float]
"""From labels `(n,)` and probabilities `(n, k)` to a number."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval.

    Attributes:
        value: NaN where there is nothing to measure.
        low: of the interval.
        high: of the interval.
        n: rows that it was measured on.
    """

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


def share(right: Flags) -> Estimate:
    """How many are right, with Wilson's interval.

    >>> str(share(np.array([True] * 8 + [False] * 2)))
    '0.800 (0.490-0.943)'

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA
    1927.
    """
    n = len(right)
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    p = float(np.mean(right))
    middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return Estimate(p, max(0.0, middle - half), min(1.0, middle + half), n)


def resampled(measure: Measure, labels: Ints, probability: Floats) -> Estimate:
    """A measure with the interval that holds 95 % of its values on rows drawn anew (bootstrap)."""
    n = len(labels)
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    draw = np.random.default_rng(0)
    rows = (draw.integers(0, n, n) for _ in range(RESAMPLES))
    found = [measure(labels[i], probability[i]) for i in rows]
    low, high = (float(q) for q in np.nanquantile(found, [0.025, 0.975]))
    return Estimate(measure(labels, probability), low, high, n)


def confusion(labels: Ints, answers: Ints, n_classes: int) -> Ints:
    """Counts `(k, k)`: a row for each true class, a column for each answer.

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    counts = np.bincount(labels * n_classes + answers, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes)


def balanced_accuracy(labels: Ints, probability: Floats) -> float:
    """The mean recall of the classes that occur."""
    counts = confusion(labels, probability.argmax(axis=1), probability.shape[1])
    there = counts.sum(axis=1) > 0
    return float((counts.diagonal()[there] / counts.sum(axis=1)[there]).mean())


def calibration_error(labels: Ints, probability: Floats) -> float:
    """How far the highest probability is from how often it is right: the mean over 15 bins.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017, equation 3.
    """
    sure = probability.max(axis=1)
    right = (probability.argmax(axis=1) == labels).astype(np.float64)
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=right - sure, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))


def squared_error(labels: Ints, probability: Floats) -> float:
    """Mean squared difference of the probabilities from 0 and 1, over rows and classes."""
    wanted: NDArray[np.float64] = np.eye(probability.shape[1])[labels]
    return float(((probability - wanted) ** 2).mean())


def precision_and_recall(labels: Ints, answers: Ints, kind: int) -> tuple[Estimate, Estimate]:
    """Of one class: how many answers are right, and how many faces are found."""
    return share(labels[answers == kind] == kind), share(answers[labels == kind] == kind)
