"""Finds the stretches of a movie to export: the runs that a pick keeps, with padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

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
class Stretch:
    """A moment as it is exported: a steady run of one face, whole.

    Attributes:
        person: A name or "unknown".
        emotion: One of `EMOTIONS`.
        first: Its first frame.
        stop: One past its last frame.
        shot: Number of its shot.
        track: Number of its track.
        probability: The network's own of the emotion, 0 to 1, the mean of the kept faces.
        look_sure: Chance that the emotion is right, 0 to 1, likewise.
    """

    person: str
    emotion: str
    first: int
    stop: int
    shot: int
    track: int
    probability: float
    look_sure: float

    @property
    def title(self) -> str:
        """What an editor reads of it: person, emotion and probability.

        >>> Stretch("rdj", "happy", 10, 20, 1, 3, 0.934, 0.99).title
        'rdj · happy · 93 %'
        """
        return f"{self.person} · {self.emotion} · {round(100 * self.probability)} %"

    @property
    def note(self) -> str:
        """What a marker says besides: how sure the emotion is, and the frames.

        >>> Stretch("rdj", "happy", 10, 20, 1, 3, 0.934, 0.99).note
        'sure 99 %, frames 10 to 19'
        """
        return f"sure {round(100 * self.look_sure)} %, frames {self.first} to {self.stop - 1}"


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
    def clip_names(self) -> list[str]:
        """What an editor reads of each cut: person, emotion and a number.

        >>> Reel("movie.mp4", "movie", "rdj", "happy", (Cut(0, 5), Cut(9, 12))).clip_names
        ['rdj happy 001', 'rdj happy 002']
        """
        name = faces.visible(f"{self.person} {self.emotion}")
        return [f"{name} {number:03d}" for number in range(1, len(self.cuts) + 1)]


def exported_runs(choice: Choice, frames: int, stride: int) -> list[Stretch]:
    """Returns the whole runs of which at least one face was kept, in order of time.

    A run covers its last row's stride too. Faces rejected in the review are left out: they split a
    run into pieces, which count as runs of their own.

    Args:
        choice: Returned by `pick.choose`. It may be thinned by `--per-run`, since one kept face is
            enough; but if the run was split, a piece without a kept face is lost.
        frames: Number of frames of the movie.
        stride: Source frames between neighbouring rows.
    """
    rejected = select.decided(choice.seen, faces.REJECTED)
    seen = choice.seen.assign(piece=rejected.groupby(choice.seen["run"]).cumsum())[~rejected]
    kept = seen.index.isin(choice.kept.index)
    means = {f"mean_{name}": seen[name].where(kept) for name in ("probability", "look_sure")}
    runs = seen.assign(kept=kept, **means).groupby(["run", "piece"]).agg(
        first=("frame", "min"), last=("frame", "max"), shot=("shot", "first"),
        track=("track", "first"), kept=("kept", "any"),
        probability=("mean_probability", "mean"), look_sure=("mean_look_sure", "mean"),
    )  # fmt: skip
    ordered = runs[runs["kept"]].sort_values(["first", "last"]).to_records(index=False)
    return [_stretch(choice, row, frames, stride) for row in ordered]


def _stretch(choice: Choice, row: Any, frames: int, stride: int) -> Stretch:
    return Stretch(
        person=choice.person,
        emotion=choice.emotion,
        first=int(row.first),
        stop=min(int(row.last) + stride, frames),
        shot=int(row.shot),
        track=int(row.track),
        probability=float(row.probability),
        look_sure=float(row.look_sure),
    )


def cuts(runs: Sequence[Stretch], edges: Numbers, padding: float) -> tuple[Cut, ...]:
    """Returns the stretches of one person and emotion with padding, without overlap.

    Args:
        runs: Returned by `exported_runs`.
        edges: Returned by `pick.speech.borders`.
        padding: Seconds added before and after each run, even over rejected faces. Cuts that then
            overlap or touch are joined.
    """
    return tuple(merged(_padded(run.first, run.stop, edges, padding) for run in runs))


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
