"""Follows faces through a shot by the overlap of their boxes."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipeline.faces import Floats, Ints, iou
from pipeline.settings import WalkSettings

MIN_IOU = 0.3
"""Least overlap of two boxes of one face, however many frames lie between."""

MAX_GAP = 25
"""Source frames after which a face that is not seen any more is forgotten."""


BRIDGE = 2
"""Detections after which a face is no longer interpolated back to where it was seen last."""


def longest_gap(settings: WalkSettings) -> int:
    """`MAX_GAP`, or the frames of `BRIDGE` detections where those are more.

    >>> longest_gap(WalkSettings()), longest_gap(WalkSettings(every=10, detect_every=3))
    (25, 60)
    """
    return max(MAX_GAP, BRIDGE * settings.every * settings.detect_every)


def match(before: Floats, after: Floats) -> list[tuple[int, int]]:
    """Pairs boxes that overlap, with the greatest total overlap; each box once at most.

    Args:
        before: `(n, 4)`.
        after: `(m, 4)`.

    Returns:
        Pairs of positions, rising in the first.

    Source: Bochinski et al., "High-speed tracking-by-detection without using image information",
    AVSS 2017, with the assignment of Kuhn (1955) in place of the greedy one.
    """
    overlap = iou(before, after)
    overlap[overlap < MIN_IOU] = 0
    pairs = zip(*linear_sum_assignment(-overlap), strict=True)
    return [(int(i), int(j)) for i, j in pairs if overlap[i, j] > 0]


@dataclass(slots=True)
class _Track:
    number: int
    frame: int
    box: Floats


class Tracker:
    """Gives numbers to the faces of one part, from 0, in order of appearance.

    Args:
        max_gap: source frames after which a face that is not seen any more is forgotten.
    """

    def __init__(self, max_gap: int = MAX_GAP) -> None:
        self._max_gap = max_gap
        self._live: list[_Track] = []
        self._count = 0

    def cut(self) -> None:
        """Forgets all faces: nobody is followed across a cut."""
        self._live = []

    def update(self, frame: int, boxes: Floats) -> Ints:
        """Gives the track number of each box `(n, 4)` found in `frame`, `(n,)`."""
        self._live = [t for t in self._live if frame - t.frame <= self._max_gap]
        before = np.array([t.box for t in self._live], np.float32).reshape(-1, 4)
        numbers = np.full(len(boxes), -1, np.int64)
        for i, j in match(before, boxes):
            track = self._live[i]
            track.frame, track.box = frame, boxes[j]
            numbers[j] = track.number
        for j in np.flatnonzero(numbers < 0).tolist():
            self._live.append(_Track(self._count, frame, boxes[j]))
            numbers[j] = self._count
            self._count += 1
        return numbers
