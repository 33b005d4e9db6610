"""Finds the stretches of a movie to export: the runs that a pick keeps, with padding."""

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
        first: Its first frame.
        stop: One past its last frame.
        runs: Number of runs in it.
    """

    first: int
    stop: int
    runs: int = 1


@dataclass(frozen=True, slots=True)
class Reel:
    """The cuts to export for one person and emotion.

    Attributes:
        video: The name of the movie's file.
        stem: What the names of the exported files begin with.
        person: A name or "unknown".
        emotion: One of `EMOTIONS`.
        cuts: In order of time; they neither overlap nor touch.
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
    """Returns the whole runs of which at least one face was kept, with padding.

    A run covers its last row's stride too. Faces rejected in the review are left out: they split a
    run into pieces, which count as runs of their own.

    Args:
        choice: Returned by `pick.choose`. It may be thinned by `--per-run`, since one kept face is
            enough; but if the run was split, a piece without a kept face is lost.
        edges: Returned by `pick.speech.borders`.
        stride: Source frames between neighbouring rows.
        padding: Seconds added before and after each run, even over rejected faces. Cuts that then
            overlap or touch are joined.
    """
    rejected = select.decided(choice.seen, faces.REJECTED)
    seen = choice.seen.assign(piece=rejected.groupby(choice.seen["run"]).cumsum())[~rejected]
    pieces = seen.assign(kept=seen.index.isin(choice.kept.index)).groupby(["run", "piece"])
    frames = pieces.agg(min=("frame", "min"), max=("frame", "max"), kept=("kept", "any"))
    frames = frames[frames["kept"]].sort_values(["min", "max"])
    runs = zip(frames["min"].tolist(), frames["max"].tolist(), strict=True)
    return tuple(merged(_padded(first, last + stride, edges, padding) for first, last in runs))


def _padded(first: int, stop: int, edges: Numbers, padding: float) -> Cut:
    """Adds the frames that lie completely within the padding."""
    last = len(edges) - 1
    stop, slack = min(stop, last), 1e-6  # Seconds: sums of decimal fractions are inexact.
    before = int(np.searchsorted(edges, edges[first] - padding - slack, side="left"))
    after = int(np.searchsorted(edges, edges[stop] + padding + slack, side="right")) - 1
    return Cut(min(before, first), max(stop, min(after, last)))


def merged(ordered: Iterator[Cut]) -> Iterator[Cut]:
    """Joins cuts that overlap or touch.

    Args:
        ordered: The cuts, ordered by their first frame.

    >>> list(merged(iter([Cut(0, 5), Cut(5, 9), Cut(6, 8), Cut(10, 11)])))
    [Cut(first=0, stop=9, runs=3), Cut(first=10, stop=11, runs=1)]
    """
    previous: Cut | None = None
    for cut in ordered:
        if previous and cut.first <= previous.stop:
            previous = Cut(previous.first, max(previous.stop, cut.stop), previous.runs + cut.runs)
            continue
        if previous:
            yield previous
        previous = cut
    if previous:
        yield previous
