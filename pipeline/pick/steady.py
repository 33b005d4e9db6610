"""Smooths probabilities by a moving mean, and finds runs of one label, on plain arrays.

Smoothing keeps a single odd frame from breaking a smile in two; the repeater then counts how long
each run lasts. `decoder` does more than a mean.
"""

import numpy as np

from pipeline.faces import Floats, Ints


def segments(frame: Ints, track: Ints, stride: int) -> Ints:
    """Numbers the unbroken stretches: rows of one track, each at most one stride after the last.

    Args:
        frame: `(n,)` frame numbers, rows ordered by track, then frame.
        track: `(n,)` track numbers.
        stride: Source frames between neighbouring rows.

    Returns:
        `(n,)` segment numbers from 0, rising.

    >>> segments(np.array([1, 2, 4, 5, 5, 6]), np.array([0, 0, 0, 0, 1, 1]), 1).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    broken = (np.diff(track) != 0) | (np.diff(frame) > stride)
    return np.concatenate([np.zeros(min(len(frame), 1), np.int64), np.cumsum(broken)])


def smooth(probabilities: Floats, segment: Ints, rows: int) -> Floats:
    """Takes a centred moving mean over `rows` rows, cut off at the ends of each segment.

    Args:
        probabilities: `(n, k)`, from 0 to 1.
        segment: `(n,)` rising; the mean never crosses from one segment to the next.
        rows: Length of the window, odd.

    Returns:
        `(n, k)`; rows that summed to 1 still do.
    """
    if rows <= 1 or len(segment) == 0:
        return probabilities
    rows = min(rows, 2 * len(segment) + 1)  # A user's number may not fit into 64 bits.
    position = np.arange(len(segment))
    low = np.maximum(position - rows // 2, np.searchsorted(segment, segment, side="left"))
    high = np.minimum(position + rows // 2 + 1, np.searchsorted(segment, segment, side="right"))
    # Differences of cumulative sums take the same time for every window. float64, because float32
    # loses digits as the sum grows over a long movie.
    sums = np.concatenate(
        [np.zeros((1, probabilities.shape[1])), np.cumsum(probabilities, axis=0, dtype=np.float64)]
    )
    return ((sums[high] - sums[low]) / (high - low)[:, None]).astype(np.float32)


def runs(frame: Ints, track: Ints, label: Ints, reach: int) -> Ints:
    """Numbers the runs: rows of one track with one label, each at most `reach` after the last.

    Args:
        frame: `(n,)` frame numbers, rows ordered by track, then frame.
        track: `(n,)` track numbers.
        label: `(n,)` positions in `EMOTIONS`.
        reach: Largest number of source frames from a row to the next of its run: the stride plus
            the gap that a run may bridge. Rows with other labels may lie in between.

    Returns:
        `(n,)` run numbers from 0, in order of first appearance.

    >>> frame, track = np.array([0, 1, 2, 3, 4, 4]), np.array([0, 0, 0, 0, 0, 1])
    >>> label = np.array([3, 3, 6, 3, 3, 3])
    >>> runs(frame, track, label, 1).tolist(), runs(frame, track, label, 2).tolist()
    ([0, 0, 1, 2, 2, 3], [0, 0, 1, 0, 0, 2])
    """
    if len(frame) == 0:
        return np.zeros(0, np.int64)
    # Sorted by label before frame, so that rows with other labels do not part a run.
    order = np.lexsort((frame, label, track))
    broken = (np.diff(track[order]) != 0) | (np.diff(label[order]) != 0)
    broken |= np.diff(frame[order]) > reach
    run = np.empty(len(frame), np.int64)
    run[order] = np.concatenate([[0], np.cumsum(broken)])
    _, first, inverse = np.unique(run, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def run_lengths(frame: Ints, run: Ints, stride: int) -> Ints:
    """The number of source frames that each row's run covers: last - first + stride.

    Args:
        frame: `(n,)` frame numbers.
        run: `(n,)` run numbers from 0.
        stride: Source frames between neighbouring rows.

    Returns:
        `(n,)` source frames.

    >>> run_lengths(np.array([4, 6, 8, 8]), np.array([0, 0, 0, 1]), 2).tolist()
    [6, 6, 6, 2]
    """
    if len(run) == 0:
        return np.zeros(0, np.int64)
    first = np.full(run.max() + 1, np.iinfo(np.int64).max)
    last = np.zeros_like(first)
    np.minimum.at(first, run, frame)
    np.maximum.at(last, run, frame)
    return np.asarray((last - first + stride)[run])


def positions(run: Ints) -> Ints:
    """The position of each row within its run, from 0.

    >>> positions(np.array([0, 0, 1, 0, 1])).tolist()
    [0, 1, 0, 2, 1]
    """
    order = np.argsort(run, kind="stable")
    position = np.empty(len(run), np.int64)
    position[order] = np.arange(len(run)) - np.searchsorted(run[order], run[order])
    return position
