"""Chooses the faces to keep for each wanted person and emotion, without touching files."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline import faces
from pipeline.disk.tracks_npz import Tracks
from pipeline.pick import select
from pipeline.pick.apex import prominences
from pipeline.pick.explain import absent, funnel, held_back
from pipeline.pick.thin import thin
from pipeline.settings import Job, PickSettings, classes


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The faces of one person with one emotion.

    Attributes:
        person: a name or "unknown".
        emotion: one of `EMOTIONS`, or a class of them.
        seen: the person's rows with that emotion, from `select.steadied`.
        kept: the rows that are steady, pass every gate and are left after thinning, the surest
            runs first. Faces accepted in the review are always kept, rejected ones never. Peaks
            have a `prominence`, see `apex`.
        funnel: number of faces left after each step.
        hint: what to try if nothing was kept, else "".
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
        rows: From `select.steadied`.
        tracks: The movie's tracks.
        job: The wanted people and emotions.
        settings: With `repeat` in frames.
        size: Width and height of the movie's picture in pixels.
        tolerance: Largest distance at which a face gets a name.

    Yields:
        One choice for each wanted person and emotion, even if nothing was kept.
    """
    for person, emotion in select.choices(rows, job.people, job.emotions):
        seen = select.wanted(rows, person, emotion)
        steady, left = select.steady(seen, settings, size)
        if settings.peak:
            of = classes(job.emotions, settings.from_)
            steady = steady.assign(prominence=prominences(rows, steady, of))
        kept = _thinned(steady, tracks, settings.per_run) if settings.per_run else steady
        advice = ""
        if not len(seen):
            advice = absent(rows, tracks, (person, emotion), tolerance)
        elif not len(kept):
            advice = held_back(seen, settings, size)
        steps = funnel(rows, seen, left, len(kept), person)
        yield Choice(person, emotion, seen, _surest_first(kept), steps, advice)


def _surest_first(rows: pd.DataFrame) -> pd.DataFrame:
    """Sorts the runs by how sure they are in the mean, and the rows of a run by time."""
    if len(rows) == 0:  # As most people have but a few of the looks.
        return rows
    sure = rows.groupby("run")["look_sure"].transform("mean")
    return rows.iloc[np.lexsort((rows["frame"], rows["run"], -sure))]


def _thinned(rows: pd.DataFrame, tracks: Tracks, per_run: int) -> pd.DataFrame:
    """Keeps the best few faces of each run, and every face accepted in the review."""
    chosen = rows.index.isin(thin(rows, tracks, per_run).index)
    return rows[chosen | select.decided(rows, faces.ACCEPTED)]
