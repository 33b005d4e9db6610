"""Tracks faces through a shot by the overlap of their boxes."""

from dataclasses import dataclass

import numpy as np

from pipeline.faces import Floats, Ints, Numbers, iou
from pipeline.settings import WalkSettings

MIN_IOU = 0.3
"""Least overlap (IoU) of two boxes of one face, however many frames are between them."""

MAX_GAP = 25
"""Source frames after which a face that is no longer seen is forgotten."""


BRIDGE = 2
"""A face is interpolated back to its last detection if that is at most this many detections ago."""


def longest_gap(settings: WalkSettings) -> int:
    """The larger of `MAX_GAP` and the source frames between `BRIDGE` detections.

    >>> longest_gap(WalkSettings()), longest_gap(WalkSettings(every=10, detect_every=3))
    (25, 60)
    """
    return max(MAX_GAP, BRIDGE * settings.every * settings.detect_every)


def match(before: Floats, after: Floats) -> list[tuple[int, int]]:
    """Pairs overlapping boxes so that the total overlap is greatest; uses each box at most once.

    Args:
        before: Boxes `(n, 4)`.
        after: Boxes `(m, 4)`.

    Returns:
        Pairs of positions in `before` and `after`, in ascending order of the first.

    Source: Bochinski et al., "High-speed tracking-by-detection without using image information",
    AVSS 2017, with the assignment of Kuhn (1955) in place of the greedy one.
    """
    overlap = iou(before, after)
    overlap[overlap < MIN_IOU] = 0
    if len(before) > len(after):
        pairs = sorted((i, j) for j, i in enumerate(assignment(-overlap.T)))
    else:
        pairs = list(enumerate(assignment(-overlap)))
    return [(i, j) for i, j in pairs if overlap[i, j] > 0]


def assignment(cost: Floats | Numbers) -> list[int]:
    """Gives every row a column of its own, so that the costs sum to the least.

    Args:
        cost: `(n, m)`, not more rows than columns.

    Returns:
        The column of each row.

    Source: Jonker and Volgenant, "A shortest augmenting path algorithm for dense and sparse linear
    assignment problems", Computing 38 (1987), without its initialisation.

    >>> assignment(np.array([[1.0, 2, 9], [1, 9, 9]]))
    [1, 0]
    """
    rows, columns = cost.shape
    row_price, price = np.zeros(rows), np.zeros(columns + 1)
    owner = np.full(columns + 1, -1)  # The row of each column; one more holds the row to place.
    for row in range(rows):
        owner[columns], column = row, columns
        least, way = np.full(columns, np.inf), np.zeros(columns, np.int64)
        passed = np.zeros(columns + 1, bool)
        while owner[column] >= 0:
            passed[column] = True
            own = owner[column]
            dearer = cost[own] - row_price[own] - price[:-1]
            nearer = ~passed[:-1] & (dearer < least)
            least[nearer], way[nearer] = dearer[nearer], column
            column = int(np.where(passed[:-1], np.inf, least).argmin())
            step = least[column]
            row_price[owner[passed]] += step
            price[passed] -= step
            least[~passed[:-1]] -= step
        while column != columns:
            owner[column] = owner[way[column]]
            column = int(way[column])
    return np.argsort(owner[:-1], kind="stable")[columns - rows :].tolist()


@dataclass(slots=True)
class _Track:
    number: int
    frame: int
    box: Floats


class Tracker:
    """Numbers the faces of one part from 0, in order of appearance.

    Args:
        max_gap: Source frames after which a face that is no longer seen is forgotten.
    """

    def __init__(self, max_gap: int = MAX_GAP) -> None:
        self._max_gap = max_gap
        self._live: list[_Track] = []
        self._count = 0

    def cut(self) -> None:
        """Forgets all faces: tracks end at a cut."""
        self._live = []

    def update(self, frame: int, boxes: Floats) -> Ints:
        """Gives the track numbers `(n,)` of the boxes `(n, 4)` that were found in `frame`."""
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
