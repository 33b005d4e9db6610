"""The repeater: an emotion counts only where it holds for some frames."""

import numpy as np

from pipeline.faces import Ints


def runs(label: Ints, segment: Ints) -> Ints:
    """Numbers the runs: neighbouring rows of one segment with one label.

    Args:
        label: `(n,)`.
        segment: `(n,)` rising.

    Returns:
        `(n,)` from 0, rising.

    >>> runs(np.array([3, 3, 6, 3, 3]), np.array([0, 0, 0, 0, 1])).tolist()
    [0, 0, 1, 2, 3]
    """
    broken = (np.diff(label) != 0) | (np.diff(segment) != 0)
    return np.concatenate([np.zeros(min(len(label), 1), np.int64), np.cumsum(broken)])


def run_lengths(frame: Ints, run: Ints, stride: int) -> Ints:
    """Source frames that each row's run covers: last - first + stride.

    Args:
        frame: `(n,)` rising in each run.
        run: `(n,)` from 0, rising.
        stride: source frames between neighbouring rows.

    Returns:
        `(n,)`.

    >>> run_lengths(np.array([4, 6, 8, 8]), np.array([0, 0, 0, 1]), 2).tolist()
    [6, 6, 6, 2]
    """
    if len(run) == 0:
        return np.zeros(0, np.int64)
    first = np.searchsorted(run, run, side="left")
    last = np.searchsorted(run, run, side="right") - 1
    return np.asarray(frame[last] - frame[first] + stride)
