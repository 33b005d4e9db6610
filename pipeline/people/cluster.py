"""The unknown cast: tracks of nobody's faces, sorted into people. No files.

Linkage and threshold were measured on the demo and twelve clips, 13 movies with ten people whose
faces are large and sharp enough: every track cut into stretches of one second, 309 in all, the mean
embedding of each clustered, stretches at the same time kept apart. Clusters (of them with several
people in) by threshold:

| linkage | .30 | .34 | .36 | .38 | .40 | .42 | .44 | .46 | .50 |
|---|---|---|---|---|---|---|---|---|---|
| average | 12 (0) | 12 (0) | 11 (0) | 11 (0) | 11 (0) | 9 (2) | 9 (2) | 7 (4) | 5 (3) |
| complete | 16 (0) | 12 (0) | 12 (0) | 12 (0) | 12 (0) | 12 (0) | 11 (1) | 10 (1) | 7 (2) |

Stretches of four seconds: average 11 (0) from .30 to .40, 10 (1) at .42; complete 11 (0) from .36
to .40. Without the limits `MIN_QUALITY` and `MIN_SIDE` some cluster is mixed from .36 on: the poor
faces of all people look alike, and a poor embedding spoils the mean of its track.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from pipeline.faces import Floats, Ints
from pipeline.people.naming import templates

THRESHOLD = 0.36
"""Mean distance beyond which two clusters stay two: of those that gave the fewest pieces the one
farthest from mixing people (see above)."""

MIN_QUALITY = 0.2
"""Embeddings of poorer faces are not looked at (see above)."""

MIN_SIDE = 40
"""Pixels across; tracks whose every face is smaller stay out of the cast (see above)."""

MIN_FRAMES = 8
"""Tracks that last less stay out of the cast: most are a head that passes, or no face."""

NEVER = 1e9
"""The distance of two tracks that are two people: no mean with it in comes near the threshold."""


def cluster(mean: Floats, apart: set[tuple[int, int]], threshold: float = THRESHOLD) -> Ints:
    """Sorts tracks into people: average linkage, cut where clusters are `threshold` apart.

    Tracks that share a frame are two people whatever they look like; average linkage keeps them
    apart, for the mean distance of two clusters with such a pair between them is huge.

    Args:
        mean: `(n, d)` unit embeddings of tracks. Takes 4 n² bytes twice: 800 MB for 10,000.
        apart: pairs of positions that are two people; one way round will do.
        threshold: from 0 to 2.

    Returns:
        `(n,)` numbers from 0; equal numbers are one person. Which number means nothing.

    Source: average linkage, Sokal and Michener, 1958; nearest-neighbour chains, Müllner, "Modern
    hierarchical, agglomerative clustering algorithms", 2011, as scipy has it.
    """
    count = len(mean)
    if count < 2:
        return np.zeros(count, np.int64)
    distance = pdist(mean.astype(np.float64))
    pairs = np.array([sorted(pair) for pair in apart], np.int64).reshape(-1, 2)
    low, high = pairs.T
    distance[low * count - low * (low + 1) // 2 + high - low - 1] = NEVER
    labels: Ints = fcluster(linkage(distance, "average"), threshold, "distance").astype(np.int64)
    return labels - 1


def numbered(labels: Ints, weight: NDArray[np.float64]) -> Ints:
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


def from_centre(mean: Floats, labels: Ints) -> Floats:
    """The distance of each track to its cluster's centre.

    Args:
        mean: `(n, d)` unit embeddings of tracks.
        labels: `(n,)` cluster of each.

    Returns:
        `(n,)` from 0 to 2.
    """
    groups, centre = templates(mean, labels)
    own = centre[np.searchsorted(groups, labels)]
    return np.linalg.norm(mean - own, axis=1).astype(np.float32)
