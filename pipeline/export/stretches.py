"""Which stretches of a movie are exported: the runs that a pick keeps, with room around them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline import faces
from pipeline.faces import Numbers
from pipeline.pick import select
from pipeline.pick.choose import Choice


@dataclass(frozen=True, slots=True)
class Cut:
    """A stretch of a movie.

    Attributes:
        first: its first frame.
        stop: one past its last frame.
        runs: how many runs lie in it.
    """

    first: int
    stop: int
    runs: int = 1


@dataclass(frozen=True, slots=True)
class Reel:
    """What is exported of one person and emotion.

    Attributes:
        video: the movie's name.
        stem: what the files' names begin with.
        person: a name or "unknown".
        emotion: one of `EMOTIONS`.
        cuts: rising, apart.
    """

    video: str
    stem: str
    person: str
    emotion: str
    cuts: tuple[Cut, ...]

    @property
    def spans(self) -> list[tuple[int, int]]:
        """First frame and one past the last of each cut."""
        return [(cut.first, cut.stop) for cut in self.cuts]


def cuts(choice: Choice, edges: Numbers, stride: int, padding: float) -> tuple[Cut, ...]:
    """The runs of which a face is kept, whole, from the first row to the last and the stride.

    What was rejected in the review is left out: a run is cut in two there, each a run of its own.

    Args:
        choice: Of `pick.choose`; how far `--per-run` thinned it matters only where it was rejected.
        edges: Of `pick.speech.borders`.
        stride: source frames between neighbouring rows.
        padding: seconds around each run, rejected or not; where these overlap or touch, cuts are
            one.
    """
    rejected = select.decided(choice.seen, faces.REJECTED)
    seen = choice.seen.assign(piece=rejected.groupby(choice.seen["run"]).cumsum())[~rejected]
    pieces = seen.assign(kept=seen.index.isin(choice.kept.index)).groupby(["run", "piece"])
    frames = pieces.agg(min=("frame", "min"), max=("frame", "max"), kept=("kept", "any"))
    frames = frames[frames["kept"]].sort_values(["min", "max"])
    runs = zip(frames["min"].tolist(), frames["max"].tolist(), strict=True)
    return tuple(merged(_padded(first, last + stride, edges, padding) for first, last in runs))


def _padded(first: int, stop: int, edges: Numbers, padding: float) -> Cut:
    """Whole frames that lie within the padding; none that only begin in it."""
    last = len(edges) - 1
    stop, slack = min(stop, last), 1e-6  # Seconds: what float64 makes of thousandths.
    before = int(np.searchsorted(edges, edges[first] - padding - slack, side="left"))
    after = int(np.searchsorted(edges, edges[stop] + padding + slack, side="right")) - 1
    return Cut(min(before, first), max(stop, min(after, last)))


def merged(found: Iterator[Cut]) -> Iterator[Cut]:
    """Joins cuts that overlap or touch.

    Args:
        found: By their first frame.

    >>> list(merged(iter([Cut(0, 5), Cut(5, 9), Cut(6, 8), Cut(10, 11)])))
    [Cut(first=0, stop=9, runs=3), Cut(first=10, stop=11, runs=1)]
    """
    held: Cut | None = None
    for cut in found:
        if held and cut.first <= held.stop:
            held = Cut(held.first, max(held.stop, cut.stop), held.runs + cut.runs)
            continue
        if held:
            yield held
        held = cut
    if held:
        yield held
