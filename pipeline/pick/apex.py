"""The one face of a run: where its look is at its height, or where it begins.

Sums are of whole millionths, so that `archive/one_each.sql` finds the same frame: of equal ones the
most probable, then the first.
"""

import numpy as np

from pipeline.faces import Ints, Numbers
from pipeline.pick.evidence import microseconds

NEARBY = 200_000
"""Microseconds to either side of a frame over which its probabilities are smoothed.

Shorter than a blink of the network would be no smoothing; longer is flat over a short smile.
"""


def heights(parts: Ints, time: Numbers, track: Ints, label: Ints) -> Numbers:
    """The mean probability of each row's look in the frames of its track within `NEARBY`.

    Args:
        parts: `(n, 7)` probabilities of classes in millionths.
        time: `(n,)` seconds, rising within a track.
        track: `(n,)` track numbers, the rows of a track together.
        label: `(n,)` classes.

    Returns:
        `(n,)` millionths; the apex of a run is its highest row.
    """
    return _means(parts, time, track, label, NEARBY, NEARBY)


def rises(parts: Ints, time: Numbers, track: Ints, label: Ints) -> Numbers:
    """How much more probable each row's look is from it on than up to it, see `heights`.

    Returns:
        `(n,)` millionths; the onset of a run is its steepest row.
    """
    after = _means(parts, time, track, label, 0, NEARBY)
    return after - _means(parts, time, track, label, NEARBY, 0)


def millionths(probabilities: Numbers) -> Ints:
    """Probabilities in whole millionths.

    >>> millionths(np.array([0.25, 1.0])).tolist()
    [250000, 1000000]
    """
    return np.asarray(np.rint(probabilities.astype(np.float64) * 1e6), np.int64)


def _means(parts: Ints, time: Numbers, track: Ints, label: Ints, back: int, ahead: int) -> Numbers:
    micro = microseconds(time)
    # Tracks one after the other on one axis of time, further apart than any reach.
    length = int(np.ptp(micro)) + 2 * NEARBY if len(micro) else 0
    place = micro + np.unique(track, return_inverse=True)[1] * length
    order = np.argsort(place, kind="stable")
    low = np.searchsorted(place[order], place - back, side="left")
    high = np.searchsorted(place[order], place + ahead, side="right")
    sums = np.concatenate(
        [np.zeros((1, parts.shape[1]), np.int64), np.cumsum(parts[order], axis=0)]
    )
    return np.asarray((sums[high, label] - sums[low, label]) / (high - low))
