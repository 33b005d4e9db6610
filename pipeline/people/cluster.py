"""Sorts the tracks of faces without a name into people. Reads and writes no files.

Linkage and threshold were measured on the demo and twelve clips: 13 movies with ten people whose
faces are large and sharp enough. Every track was cut into stretches of one second, 309 in all, and
the mean embeddings of the stretches were clustered; stretches at the same time were kept apart.
Number of clusters (and of those that mix people) by threshold:

| linkage | .30 | .34 | .36 | .38 | .40 | .42 | .44 | .46 | .50 |
|---|---|---|---|---|---|---|---|---|---|
| average | 12 (0) | 12 (0) | 11 (0) | 11 (0) | 11 (0) | 9 (2) | 9 (2) | 7 (4) | 5 (3) |
| complete | 16 (0) | 12 (0) | 12 (0) | 12 (0) | 12 (0) | 12 (0) | 11 (1) | 10 (1) | 7 (2) |

Stretches of four seconds: average 11 (0) from .30 to .40, 10 (1) at .42; complete 11 (0) from .36
to .40. Without the limits `MIN_QUALITY` and `MIN_SIDE`, some cluster mixes people from .36 on: poor
faces of all people look alike, and one poor embedding spoils the mean of its track.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from pipeline.faces import Floats, Ints
from pipeline.people.naming import templates

THRESHOLD = 0.36
"""Mean distance above which two clusters are two people: of the thresholds with the fewest clusters
the one farthest from mixing people (see above)."""

MIN_QUALITY = 0.2
"""Embeddings of faces with a lower quality are ignored (see above)."""

MIN_SIDE = 40
"""Tracks whose faces are all smaller than this, in pixels, stay out of the cast (see above)."""

MIN_FRAMES = 8
"""Tracks of fewer source frames stay out of the cast: most are a head passing by, or no face."""

NEVER = 1e9
"""Distance between tracks that must be two people: any mean that includes it is too large."""


def cluster(mean: Floats, apart: set[tuple[int, int]], threshold: float = THRESHOLD) -> Ints:
    """Sorts tracks into people: average linkage, cut where clusters are `threshold` apart.

    Two tracks that share a frame are two people, however alike they look. Average linkage keeps
    them apart, because the mean distance between clusters with such a pair is huge.

    Args:
        mean: `(n, d)` unit embeddings of tracks. Memory: twice 4 n² bytes, 800 MB for 10,000.
        apart: Pairs of positions that are two people, in either order.
        threshold: Distance from 0 to 2.

    Returns:
        `(n,)` numbers from 0; equal numbers are one person. The order of the numbers means nothing.

    Source: average linkage, Sokal and Michener, 1958; nearest-neighbour chains, Müllner, "Modern
    hierarchical, agglomerative clustering algorithms", 2011, as scipy has it.
    """
    count = len(mean)
    if count < 2:
        return np.zeros(count, np.int64)
    distance = pdist(mean.astype(np.float64))
    pairs = np.array([sorted(pair) for pair in apart], np.int64).reshape(-1, 2)
    low, high = pairs.T
    # Position of each pair in SciPy's condensed distance matrix.
    distance[low * count - low * (low + 1) // 2 + high - low - 1] = NEVER
    labels: Ints = fcluster(linkage(distance, "average"), threshold, "distance").astype(np.int64)
    return labels - 1


def numbered(labels: Ints, weight: NDArray[np.float64]) -> Ints:
    """Numbers clusters from 1, the heaviest first.

    Args:
        labels: `(n,)` cluster of each track.
        weight: `(n,)` weight of each track, such as its seconds.

    Returns:
        `(n,)` new numbers; equally heavy clusters are in the order of their first tracks.

    >>> numbered(np.array([5, 2, 5, 9]), np.array([1.0, 3.0, 1.0, 2.0])).tolist()
    [2, 1, 2, 3]
    """
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    # Rounded, so that rounding errors do not order clusters of equal weight.
    total = np.bincount(inverse, weights=weight, minlength=len(first)).round(6)
    order = np.lexsort((first, -total))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    return rank[inverse]


def from_centre(mean: Floats, labels: Ints) -> Floats:
    """The distance of each track to the centre of its cluster.

    Args:
        mean: `(n, d)` unit embeddings of tracks.
        labels: `(n,)` cluster of each track.

    Returns:
        `(n,)` distances from 0 to 2.
    """
    clusters, centres = templates(mean, labels)
    centre_of_track = centres[np.searchsorted(clusters, labels)]
    return np.linalg.norm(mean - centre_of_track, axis=1).astype(np.float32)
