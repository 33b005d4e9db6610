"""Sorts tracks into people: average linkage without a matrix of distances, for films of any size.

A track is the plain mean of its faces' unit embeddings, not brought to unit length. Its length
tells how many different looks it holds, so that short and long tracks compare: with means of unit
length, the distance of two people shrinks as their tracks grow. Two clusters are as far apart as
the root of the mean squared distance of their faces, which is `sqrt(2 - 2 a @ b)` of their plain
means `a` and `b`. So only the means are kept, half a kilobyte a track.

Average linkage never brings a cluster nearer to the others by joining two of them. All pairs of
clusters that are each other's nearest can therefore be joined at once, in rounds, with the same
outcome as joining the nearest pair again and again. Tracks that share a frame are infinitely far
apart, and stay so whatever they are joined with.

Source: Murtagh, "A survey of recent advances in hierarchical clustering algorithms", 1983.
"""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

import numpy as np
import pandas as pd

from pipeline.faces import Floats, Ints, Numbers
from pipeline.models.cards import Tolerances

Pairs = set[tuple[int, int]]
"""Pairs of positions."""

BLOCK_COSINES = 1 << 23
"""Cosines that are computed at once: 32 MB."""

NEVER = -2.0
"""The cosine of tracks that are two people: below every other."""


def plain_means(embedding: Floats, track: Ints) -> tuple[Ints, Floats]:
    """The plain mean of each track's faces.

    Args:
        embedding: `(m, d)` unit length.
        track: `(m,)` whose they are.

    Returns:
        The tracks `(t,)` rising, and `(t, d)`, each of length 1 or less.
    """
    tracks, inverse, count = np.unique(track, return_inverse=True, return_counts=True)
    total = np.zeros((len(tracks), embedding.shape[1]))
    np.add.at(total, inverse, embedding)
    return tracks, (total / np.maximum(count, 1)[:, None]).astype(np.float32)


def clearness(quality: Floats, track: Ints) -> Floats:
    """The quality of each track's best face `(t,)`, tracks rising."""
    tracks, inverse = np.unique(track, return_inverse=True)
    best = np.zeros(len(tracks), np.float32)
    np.maximum.at(best, inverse, quality)
    return best


def unit(mean: Floats) -> Floats:
    """Rows brought to length 1."""
    length = np.linalg.norm(mean, axis=1, keepdims=True)
    return (mean / np.maximum(length, 1e-12)).astype(np.float32)


def between(one: Floats, other: Floats) -> Floats:
    """Distances `(n, m)` of embeddings `(n, d)` and `(m, d)`.

    Of plain means it is the root of the mean squared distance of their faces.
    """
    return np.sqrt(np.clip(2 - 2 * one @ other.T, 0, None))


def together(rows: pd.DataFrame) -> Pairs:
    """Pairs of track numbers that share a frame, both ways round."""
    crowded = rows.loc[rows.duplicated("frame", keep=False), ["frame", "track"]]
    pairs = crowded.merge(crowded, on="frame")
    pairs = pairs.loc[pairs["track_x"] != pairs["track_y"], ["track_x", "track_y"]]
    return {(int(a), int(b)) for a, b in pairs.drop_duplicates().itertuples(index=False)}


def neighbours(pairs: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    """What each position is paired with."""
    found: dict[int, set[int]] = {}
    for a, b in pairs:
        found.setdefault(a, set()).add(b)
        found.setdefault(b, set()).add(a)
    return found


def clusters(mean: Floats, clear: Floats, apart: Pairs, tolerances: Tolerances) -> Ints:
    """Sorts all tracks of one or several films into people.

    Poor tracks make no cluster and move none, for their embeddings say little. Each joins the
    nearest cluster that is near enough and shares no frame with it, or else stays alone.

    Args:
        mean: `(t, d)` of `plain_means`.
        clear: `(t,)` of `clearness`.
        apart: pairs of positions that share a frame.
        tolerances: The network's.

    Returns:
        `(t,)` numbers from 0; equal numbers are one person.
    """
    good = np.flatnonzero(clear >= tolerances.clear)
    place = {int(t): i for i, t in enumerate(good)}
    pairs = [(place[a], place[b]) for a, b in apart if a in place and b in place]
    label = np.full(len(mean), -1, np.int64)
    label[good] = average_linkage(mean[good], pairs, tolerances.cast)
    count = int(label.max(initial=-1)) + 1
    centre = cluster_means(mean[good], label[good], count)
    poor, beside = np.flatnonzero(label < 0), neighbours(apart)
    nearest, distance = _nearest(mean[poor], centre)
    # Of equally near tracks the order is that of their embeddings, not that of the tracks.
    order = np.lexsort(mean[poor].round(5).T[::-1]).tolist()
    queue = [(round(float(distance[r]), 5), n, int(nearest[r])) for n, r in enumerate(order)]
    heapify(queue)
    while queue:
        far, n, own = heappop(queue)
        track = int(poor[order[n]])
        taken = [int(label[other]) for other in beside.get(track, ())]
        taken = [k for k in taken if 0 <= k < len(centre)]
        if far > tolerances.cast:
            continue
        if own in taken:  # Its next one waits for its turn: somebody may be nearer to that.
            near = between(mean[track : track + 1], centre)[0]
            near[taken] = np.inf
            heappush(queue, (round(float(near.min()), 5), n, int(near.argmin())))
        else:
            label[track] = own
    alone = np.flatnonzero(label < 0)
    label[alone] = count + np.arange(len(alone))
    return label


def _nearest(one: Floats, other: Floats) -> tuple[Ints, Floats]:
    """The nearest of `other` to each of `one` `(n,)`, and how far it is; inf without any."""
    nearest, distance = np.full(len(one), -1, np.int64), np.full(len(one), np.inf, np.float32)
    step = max(1, BLOCK_COSINES // max(1, len(other)))
    for begin in range(0, len(one) if len(other) else 0, step):
        far = between(one[begin : begin + step], other)
        nearest[begin : begin + step] = far.argmin(axis=1)
        distance[begin : begin + step] = far.min(axis=1)
    return nearest, distance


def cluster_means(mean: Floats, label: Ints, count: int) -> Floats:
    """The plain mean of each cluster's tracks `(count, d)`; zeros for a cluster without any."""
    total = np.zeros((count, mean.shape[1]))
    np.add.at(total, label, mean)
    size = np.maximum(np.bincount(label, minlength=count), 1)
    return (total / size[:, None]).astype(np.float32)


def numbered(labels: Ints, weight: Numbers) -> Ints:
    """Numbers clusters from 1, the heaviest first.

    Args:
        labels: `(n,)` cluster of each track.
        weight: `(n,)` of each track, such as its seconds.

    Returns:
        `(n,)`; of equally heavy clusters the one whose first track comes first is first.

    >>> numbered(np.array([5, 2, 5, 9]), np.array([1.0, 3.0, 1.0, 2.0])).tolist()
    [2, 1, 2, 3]
    """
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    whole = np.bincount(inverse, weights=weight, minlength=len(first)).round(6)
    order = np.lexsort((first, -whole))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    return rank[inverse]


def average_linkage(mean: Floats, apart: Iterable[tuple[int, int]], threshold: float) -> Ints:
    """Joins clusters until all are farther apart than the threshold.

    The order of the tracks makes no difference, but for tracks with the very same embedding.

    Args:
        mean: `(n, d)` of `plain_means`.
        apart: pairs of positions that are two people; one way round will do.
        threshold: from 0 to 2.

    Returns:
        `(n,)` numbers from 0, in order of each cluster's first track; equal ones are one person.

    >>> corner = np.eye(3, dtype=np.float32)[[0, 1, 0, 1]]
    >>> average_linkage(corner, [], 0.9).tolist(), average_linkage(corner, [(0, 2)], 0.9).tolist()
    ([0, 1, 0, 1], [0, 1, 2, 1])
    """
    order = np.lexsort(mean.T[::-1])
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    linkage = _Linkage(mean[order], ((int(place[a]), int(place[b])) for a, b in apart))
    linkage.run(1 - threshold**2 / 2)
    return _numbered(linkage.labels()[place])


class _Linkage:
    """Clusters in the making; each is called by the least position of a track of it."""

    def __init__(self, mean: Floats, apart: Iterable[tuple[int, int]]) -> None:
        count = len(mean)
        self._sum = mean.astype(np.float64)
        self._size = np.ones(count)
        self._centre = mean.astype(np.float32)
        self._parent = np.arange(count)
        self._apart = neighbours((a, b) for a, b in apart if a != b)
        self._nearest = np.full(count, -1, np.int64)
        self._cosine = np.full(count, NEVER, np.float32)

    def run(self, least: float) -> None:
        """Joins until no two clusters have a mean cosine of `least`."""
        active = stale = np.arange(len(self._centre))
        while len(stale):
            self._look(stale, active)
            # Who has no neighbour is nobody's neighbour, now and later: joining brings none nearer.
            active = active[self._cosine[active] >= least]
            alive = np.zeros(len(self._centre), bool)
            alive[active] = True
            ones, others = self._mutual(active)
            for one, other in zip(ones.tolist(), others.tolist(), strict=True):
                self._join(one, other)
            alive[others] = False
            active = active[alive[active]]
            changed = ~alive
            changed[ones] = True
            stale = active[changed[active] | changed[self._nearest[active]]]

    def _look(self, rows: Ints, active: Ints) -> None:
        """Finds the nearest cluster of each of `rows`.

        Of equally near ones it is the one whose position differs in the lowest bit, which pairs
        them off: were it the first one for all, a film of one picture would take a round a track.
        """
        centre = self._centre[active]
        step = max(1, BLOCK_COSINES // max(1, len(active)))
        for begin in range(0, len(rows), step):
            part = rows[begin : begin + step]
            cosine = self._centre[part] @ centre.T
            cosine[np.arange(len(part)), np.searchsorted(active, part)] = NEVER
            for i, row in enumerate(part.tolist()):
                if row in self._apart:
                    others = np.fromiter(self._apart[row], np.int64)
                    at = np.searchsorted(active, others).clip(max=len(active) - 1)
                    cosine[i, at[active[at] == others]] = NEVER
            best = cosine.max(axis=1)
            nearest = active[cosine.argmax(axis=1)]
            tied = np.count_nonzero(cosine == best[:, None], axis=1) > 1
            for k in np.flatnonzero(tied).tolist():
                equal = active[cosine[k] == best[k]]
                nearest[k] = equal[(equal ^ part[k]).argmin()]
            self._nearest[part], self._cosine[part] = nearest, best

    def _mutual(self, active: Ints) -> tuple[Ints, Ints]:
        """The pairs that are each other's nearest, the lower position first."""
        nearest = self._nearest[active]
        mutual = (self._nearest[nearest] == active) & (active < nearest)
        if len(active) and not mutual.any():  # Equal cosines, unequally rounded: the nearest pair.
            mutual = np.arange(len(active)) == self._cosine[active].argmax()
        pairs = np.sort(np.stack([active[mutual], nearest[mutual]]), axis=0)
        return pairs[0], pairs[1]

    def _join(self, one: int, other: int) -> None:
        self._sum[one] += self._sum[other]
        self._size[one] += self._size[other]
        self._centre[one] = self._sum[one] / self._size[one]
        self._parent[other] = one
        for third in self._apart.pop(other, ()):
            self._apart[third].discard(other)
            self._apart[third].add(one)
            self._apart.setdefault(one, set()).add(third)

    def labels(self) -> Ints:
        """The cluster of each track `(n,)`."""
        parent = self._parent
        while (parent[parent] != parent).any():
            parent = parent[parent]
        return parent


def _numbered(labels: Ints) -> Ints:
    """Numbers from 0 in order of each label's first place."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
