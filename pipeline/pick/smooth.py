"""Smooths probabilities over time: one odd frame does not break a smile."""

import numpy as np

from pipeline.faces import Floats, Ints


def segments(frame: Ints, track: Ints, stride: int) -> Ints:
    """Numbers the stretches without a break: one track, each row at most one stride after the last.

    Args:
        frame: `(n,)`, rows ordered by track, then frame.
        track: `(n,)`.
        stride: source frames between neighbouring rows.

    Returns:
        `(n,)` from 0, rising.

    >>> segments(np.array([1, 2, 4, 5, 5, 6]), np.array([0, 0, 0, 0, 1, 1]), 1).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    broken = (np.diff(track) != 0) | (np.diff(frame) > stride)
    return np.concatenate([np.zeros(min(len(frame), 1), np.int64), np.cumsum(broken)])


def smooth(probabilities: Floats, segment: Ints, rows: int) -> Floats:
    """Centred moving mean over `rows` rows, cut off at the ends of each segment.

    Args:
        probabilities: `(n, k)`.
        segment: `(n,)` rising; the mean never crosses from one to the next.
        rows: length of the window, odd.

    Returns:
        `(n, k)`; rows that summed to 1 still do.
    """
    if rows <= 1 or len(segment) == 0:
        return probabilities
    rows = min(rows, 2 * len(segment) + 1)  # Beyond 64 bits it would not be a number.
    place = np.arange(len(segment))
    low = np.maximum(place - rows // 2, np.searchsorted(segment, segment, side="left"))
    high = np.minimum(place + rows // 2 + 1, np.searchsorted(segment, segment, side="right"))
    sums = np.concatenate(
        [np.zeros((1, probabilities.shape[1])), np.cumsum(probabilities, axis=0, dtype=np.float64)]
    )
    return ((sums[high] - sums[low]) / (high - low)[:, None]).astype(np.float32)
