"""Measures the quality of probabilities, with 95 % intervals."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from pipeline.faces import Flags, Floats, Ints

Z = 1.959964
"""95 % of the normal distribution is within this many standard deviations."""

RESAMPLES = 1000
BINS = 15

Measure = Callable[[Ints, Floats], float]
"""Maps labels `(n,)` and probabilities `(n, k)` to a number."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval.

    Attributes:
        value: The figure; NaN if there is nothing to measure.
        low: Lower end of the interval.
        high: Upper end of the interval.
        n: The number of rows measured.
    """

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


def share(right: Flags) -> Estimate:
    """Measures the share of right answers, with Wilson's interval.

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
    """Applies a measure, with an interval of 95 % of its values on resampled rows (bootstrap)."""
    n = len(labels)
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    rng = np.random.default_rng(0)
    samples = (rng.integers(0, n, n) for _ in range(RESAMPLES))
    values = [measure(labels[rows], probability[rows]) for rows in samples]
    low, high = (float(q) for q in np.nanquantile(values, [0.025, 0.975]))
    return Estimate(measure(labels, probability), low, high, n)


def confusion(labels: Ints, answers: Ints, n_classes: int) -> Ints:
    """Counts `(k, k)`: a row for each true class, a column for each answer.

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    counts = np.bincount(labels * n_classes + answers, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes)


def balanced_accuracy(labels: Ints, probability: Floats) -> float:
    """Measures the mean recall of the classes that occur."""
    counts = confusion(labels, probability.argmax(axis=1), probability.shape[1])
    occurs = counts.sum(axis=1) > 0
    return float((counts.diagonal()[occurs] / counts.sum(axis=1)[occurs]).mean())


def calibration_error(labels: Ints, probability: Floats) -> float:
    """Measures how far confidence and accuracy differ, as the weighted mean over 15 bins.

    Confidence is the highest probability of a face.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017, equation 3.
    """
    confidence = probability.max(axis=1)
    right = (probability.argmax(axis=1) == labels).astype(np.float64)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))


def squared_error(labels: Ints, probability: Floats) -> float:
    """Measures the mean squared difference of probabilities from 0 and 1 over rows and classes."""
    wanted: NDArray[np.float64] = np.eye(probability.shape[1])[labels]
    return float(((probability - wanted) ** 2).mean())


def precision_and_recall(labels: Ints, answers: Ints, kind: int) -> tuple[Estimate, Estimate]:
    """Measures one class: the share of its answers that are right, and of its faces found."""
    return share(labels[answers == kind] == kind), share(answers[labels == kind] == kind)
