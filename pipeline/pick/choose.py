"""Which faces are kept of each wanted person and emotion, and why: stage two without files."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from pipeline import faces
from pipeline.disk.tracks_npz import Tracks
from pipeline.pick import select
from pipeline.pick.explain import funnel, hint
from pipeline.pick.thin import thin
from pipeline.settings import Job, PickSettings


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One person and emotion.

    Attributes:
        person: a name or "unknown".
        emotion: one of `EMOTIONS`, or "any" where the person has no face at all.
        seen: the person's rows with that emotion, of `select.steadied`.
        kept: those that are steady, pass every gate, and are left after thinning; those that
            somebody accepted too, and none that was rejected.
        funnel: faces left after each step.
        hint: what to try where nothing was kept, else "".
    """

    person: str
    emotion: str
    seen: pd.DataFrame
    kept: pd.DataFrame
    funnel: dict[str, int]
    hint: str


def choose(
    rows: pd.DataFrame,
    tracks: Tracks,
    job: Job,
    settings: PickSettings,
    size: tuple[int, int],
    tolerance: float,
) -> Iterator[Choice]:
    """Chooses the rows to crop.

    Args:
        rows: Of `select.steadied`.
        tracks: The movie's.
        job: Whom and what is wanted.
        settings: With `repeat` in frames.
        size: width and height of the movie's picture.
        tolerance: largest distance of a known face.

    Yields:
        Every wanted person and emotion, whether or not something was kept.
    """
    for person, emotion in select.choices(rows, job.people, job.emotions):
        seen = select.wanted(rows, person, emotion)
        steady, left = select.steady(seen, settings, size)
        kept = _thinned(steady, tracks, settings.per_run) if settings.per_run else steady
        why = "" if len(kept) else hint(rows, seen, tracks, person, settings, tolerance)
        steps = funnel(rows, seen, left, len(kept), person)
        yield Choice(person, emotion, seen, kept, steps, why)


def _thinned(rows: pd.DataFrame, tracks: Tracks, per_run: int) -> pd.DataFrame:
    """The best few of each run, and those that somebody accepted beside them."""
    chosen = rows.index.isin(thin(rows, tracks, per_run).index)
    return rows[chosen | select.decided(rows, faces.ACCEPTED)]
