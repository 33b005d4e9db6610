"""How sure a look is: the chance that the emotion of a run is right around a frame."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from pipeline.faces import EMOTIONS, Flags, Floats, Ints, Numbers
from pipeline.pick.decoder import LEAST

REACH = 750_000
"""Microseconds to either side of a frame of which the run's frames are its evidence.

The whole run would vouch for a part of it in which the face looks otherwise.
"""

SLOPE, INTERCEPT = 4.3, -0.1
"""From evidence to the logarithm of the odds that the label is right."""

WEIGHING = (REACH, SLOPE, INTERCEPT)
"""What a table of sure looks depends on, beside those of `decoder`."""


ALONE = tuple(range(len(EMOTIONS)))
"""Each emotion is a class of its own."""

AnyFloats = TypeVar("AnyFloats", Floats, Numbers, Ints)


def look_sure(means: Numbers, label: Ints) -> Floats:
    """The chance that the label of each row is right, by the frames of its run around it.

    The evidence is the margin of the label in the geometric mean of their probabilities: 1 if
    nothing else is possible, 0 if something else is as probable. A logistic curve makes it a
    chance.

    Args:
        means: `(n, 7)` from `nearby_means`, and `in_classes` where emotions are joined.
        label: `(n,)` positions in `EMOTIONS`, one for all rows of a run.

    Returns:
        `(n,)` from 0 to 1.

    Source: `benchmarks/looks.py` fits the curve and compares other kinds of evidence.
    """
    evidence = margins(means, label)
    return (1 / (1 + np.exp(-(SLOPE * evidence + INTERCEPT)))).astype(np.float32)


def in_classes(probabilities: AnyFloats, of: Sequence[int]) -> AnyFloats:
    """Adds up the probabilities of each class, in the column of its first emotion.

    Args:
        probabilities: `(n, 7)`.
        of: `(7,)` from `settings.classes`.

    Returns:
        `(n, 7)`, 0 in the columns of the other emotions of a class.

    >>> in_classes(np.array([[0.1, 0.2, 0.7]]), [0, 0, 2]).round(3).tolist()
    [[0.3, 0.0, 0.7]]
    """
    sums = np.zeros(probabilities.shape)
    for emotion, first in enumerate(of):
        sums[:, first] += probabilities[:, emotion]
    return sums.astype(probabilities.dtype)


def margins(probabilities: AnyFloats, label: Ints) -> AnyFloats:
    """How far each row's label is ahead of the most probable other: `(n,)` from -1 to 1.

    >>> margins(np.array([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1]]), np.array([0, 1])).round(3).tolist()
    [0.5, -0.5]
    """
    chosen: Flags = np.arange(probabilities.shape[1]) == label[:, None]
    others = np.where(chosen, -np.inf, probabilities).max(axis=1, initial=-np.inf)
    return np.asarray(probabilities[chosen] - others, probabilities.dtype)


def nearby_means(probabilities: Floats, time: Numbers, run: Ints) -> Numbers:
    """The geometric mean of the probabilities of a run within `REACH` of each row: `(n, 7)`.

    Rows sum to 1 again. Times are compared in whole microseconds, as SQL does in `archive`.
    """
    micro = microseconds(time)
    order = np.lexsort((micro, run))
    # Runs one after the other on one axis of time, further apart than `REACH`.
    length = int(np.ptp(micro)) + 2 * REACH if len(micro) else 0
    place = (micro + run * length)[order]
    low = np.searchsorted(place, place - REACH, side="left")
    high = np.searchsorted(place, place + REACH, side="right")
    logs = np.log(np.maximum(probabilities.astype(np.float64), LEAST))[order]
    sums = np.concatenate([np.zeros((1, logs.shape[1])), np.cumsum(logs, axis=0)])
    means = np.empty_like(logs)
    means[order] = np.exp((sums[high] - sums[low]) / (high - low)[:, None])
    return np.asarray(means / means.sum(axis=1, keepdims=True))


def microseconds(time: Numbers) -> Ints:
    """Times in whole microseconds, the digits of faces.csv.

    >>> microseconds(np.array([0.04, 1.5])).tolist()
    [40000, 1500000]
    """
    return np.asarray(np.rint(time * 1e6), np.int64)
