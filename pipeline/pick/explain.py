"""Says why faces were kept or not, and what to try where none was."""

import numpy as np
import pandas as pd

from pipeline.disk.tracks_npz import Tracks
from pipeline.faces import EMOTIONS, REJECTED, UNKNOWN, clock
from pipeline.pick.select import decided
from pipeline.settings import PickSettings


def funnel(
    rows: pd.DataFrame, seen: pd.DataFrame, left: dict[str, int], kept: int, person: str
) -> dict[str, int]:
    """How many faces are left after each step, from all that were seen to those kept.

    Args:
        rows: All, of `select.steadied`.
        seen: The person's with the emotion, of `select.wanted`.
        left: Of `select.steady`.
        kept: After thinning.
        person: A name or "unknown".
    """
    mine = int((rows["person"] == ("" if person == UNKNOWN else person)).sum())
    return {"faces": len(rows), "person": mine, "emotion": len(seen), **left, "per-run": kept}


def hint(
    rows: pd.DataFrame,
    seen: pd.DataFrame,
    tracks: Tracks,
    person: str,
    settings: PickSettings,
    tolerance: float,
) -> str:
    """Why nothing was kept, and a line to try.

    Args:
        rows: All, of `select.steadied`.
        seen: The person's with the emotion, of `select.wanted`.
        tracks: With the distances to the known people.
        person: A name or "unknown".
        settings: With `repeat` in frames.
        tolerance: largest distance of a known face.
    """
    if len(seen):
        return _undecided(seen, settings)
    mine = rows[rows["person"] == ("" if person == UNKNOWN else person)]
    if len(mine):
        looks = mine["label"].map(lambda label: EMOTIONS[label]).value_counts()
        there = ", ".join(f"{emotion} {count}" for emotion, count in looks.items())
        return f"never looks so ({there} faces)"
    if person not in tracks.people or not np.isfinite(tracks.far).any():
        return "no such face in the movie"
    return _distance(rows, tracks, person, tolerance)


def _undecided(seen: pd.DataFrame, settings: PickSettings) -> str:
    """What was rejected is not missing: only of the others it is said why they are not kept."""
    left = seen[~decided(seen, REJECTED)]
    if len(left) == len(seen):
        return _steadiness(seen, settings)
    others = f"; of the others, {_steadiness(left, settings)}" if len(left) else ""
    count = len(seen) - len(left)
    return f"{count} {'face was' if count == 1 else 'faces were'} rejected in the review{others}"


def _steadiness(seen: pd.DataFrame, settings: PickSettings) -> str:
    """Both options at once where the surest faces are of a run that is too short."""
    surest = float(seen["probability"].max())
    sure = min(settings.min_prob, float(np.floor(surest * 100) / 100))
    longest = int(seen.loc[seen["probability"] >= sure, "run_length"].max())
    try_repeat = f" --repeat {longest}" if longest < settings.repeat else ""
    if surest < settings.min_prob:
        return f"at most {surest:.2f} sure; try --min-prob {sure:g}{try_repeat}"
    if try_repeat:
        return f"longest run is {longest} of {settings.repeat} frames; try{try_repeat}"
    steady = seen["run_length"] >= settings.repeat
    if settings.silent_only and seen["spoken"].groupby(seen["run"]).transform("any")[steady].all():
        return "somebody speaks in every steady run; leave out --silent-only"
    return "all steady faces are held back by other options; --explain says by which"


def _distance(rows: pd.DataFrame, tracks: Tracks, person: str, tolerance: float) -> str:
    """Names the track that comes nearest to a person who was not found."""
    column = list(tracks.people).index(person)
    numbers, far = np.unique(tracks.track), tracks.far[:, column]
    own = np.flatnonzero(tracks.far.argmin(axis=1) == column)
    if len(own) and float(far[own].min()) > tolerance:
        best = own[far[own].argmin()]
        advice = f"try --tolerance {np.ceil(far[best] * 100) / 100:g}, or add a photo like it"
    else:
        best = far.argmin()
        advice = (
            "which is nearer to somebody else, beside one of that name, or refused by a photo in "
            f"{person}/not: not in this movie?"
        )
    begin = clock(float(rows.loc[rows["track"] == numbers[best], "time"].min()))
    return (
        f"nobody within tolerance {tolerance:g}; nearest is the face at {begin} "
        f"(track {numbers[best]}), distance {far[best]:.2f}; {advice}"
    )
