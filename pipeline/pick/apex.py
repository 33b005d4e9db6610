"""The one face of a run: where its look is at its height, or where it begins.

Sums are of whole millionths, so that `archive/one_each.sql` finds the same frame: of equal ones the
most probable, then the first.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd

from pipeline.faces import EMOTIONS, Ints, Numbers
from pipeline.pick.evidence import in_classes, microseconds

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


def prominences(rows: pd.DataFrame, peaks: pd.DataFrame, of: Sequence[int]) -> Numbers:
    """How far each peak stands out in its track, see `prominence`.

    Args:
        rows: From `select.steadied`.
        peaks: Some of them, at the heights of their runs.
        of: `(7,)` from `settings.classes`.

    Returns:
        `(n,)` from 0 to 1.
    """
    track, frame = (rows[name].to_numpy(np.int64) for name in ("track", "frame"))

    @cache
    def ground(number: int, look: int) -> tuple[Ints, Numbers]:
        """The frames of a track, and how high a look is there."""
        low, high = np.searchsorted(track, [number, number + 1])
        around, alike = rows.iloc[low:high], np.zeros(high - low, np.int64)
        parts = in_classes(millionths(around[list(EMOTIONS)].to_numpy(np.float32)), of)
        time = around["time"].to_numpy(np.float64)
        return frame[low:high], heights(parts, time, alike, alike + look)

    found = []
    columns = (peaks[name].tolist() for name in ("track", "label", "frame"))
    for number, label, peak in zip(*columns, strict=True):
        frames, level = ground(number, of[label])
        found.append(prominence(level, int(np.searchsorted(frames, peak))) / 1e6)
    return np.array(found, np.float64)


def prominence(level: Numbers, peak: int) -> float:
    """How far one must come down from a peak to reach higher ground, or else the lowest.

    Args:
        level: `(n,)` heights.
        peak: A position in it.

    Source: topographic prominence.

    >>> [prominence(np.array([1, 5, 3, 4, 2, 9, 0]), peak) for peak in (1, 3, 5)]
    [3.0, 1.0, 9.0]
    """
    higher = np.flatnonzero(level > level[peak])
    nearest = np.searchsorted(higher, peak)
    ways = [level[h : peak + 1] for h in higher[:nearest][-1:]]
    ways += [level[peak : h + 1] for h in higher[nearest:][:1]]
    return float(level[peak] - max((way.min() for way in ways), default=level.min()))


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
