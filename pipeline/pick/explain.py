"""Explains why faces were kept or not, and what to try if none was."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate
from math import ceil, floor
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.disk.tracks_npz import Tracks
from pipeline.faces import EMOTIONS, REJECTED, UNKNOWN, clock, written
from pipeline.pick.select import FROM, decided, filters, long_enough, run_seconds
from pipeline.settings import JOIN, PickSettings

ADJECTIVES = {"disgust": "disgusted", "fear": "afraid", "surprise": "surprised"}
"""How somebody with an emotion looks; the other emotions are adjectives already."""


OF_THE_LOOK = ("repeat", "sure", "min-prob")
"""Filters by the look itself."""


def adjective(emotion: str) -> str:
    """How somebody with an emotion, or a class of them, looks.

    >>> adjective("happy"), adjective("fear+sad")
    ('happy', 'afraid or sad')
    """
    return " or ".join(ADJECTIVES.get(one, one) for one in emotion.split(JOIN))


def funnel(
    rows: pd.DataFrame, seen: pd.DataFrame, left: dict[str, int], kept: int, person: str
) -> dict[str, int]:
    """Counts the faces left after each step, from all faces of the movie to those kept.

    Args:
        rows: All faces, from `select.steadied`.
        seen: The person's faces with the emotion, from `select.wanted`.
        left: Faces left after each filter, from `select.steady`.
        kept: Faces left after thinning.
        person: A name or "unknown".
    """
    of_person = int((rows["person"] == written(person)).sum())
    return {"faces": len(rows), "person": of_person, "emotion": len(seen), **left, "per-run": kept}


def absent(rows: pd.DataFrame, tracks: Tracks, wanted: tuple[str, str], tolerance: float) -> str:
    """Says why no face shows the person with the emotion, and what to try.

    Args:
        rows: All faces, from `select.steadied`.
        tracks: With the distances to the known people.
        wanted: The person (a name or "unknown") and the emotion.
        tolerance: Largest distance at which a face gets a name.
    """
    person, emotion = wanted
    of_person = rows[rows["person"] == written(person)]
    if len(of_person):
        return f"{_never(person)} {adjective(emotion)} here ({_counts(of_person)})"
    if person not in tracks.people or not np.isfinite(tracks.far).any():
        return "no such face in the movie"
    return _nearest_track(rows, tracks, person, tolerance)


def _never(person: str) -> str:
    return "faces without a name never look" if person == UNKNOWN else f"{person} never looks"


def _counts(rows: pd.DataFrame) -> str:
    """Counts the faces by emotion, the most frequent first: "neutral 1,575 faces, fear 2"."""
    counts = rows["label"].map(lambda label: EMOTIONS[label]).value_counts()
    (most, count), *others = counts.items()
    first = f"{most} {count:,} {'face' if count == 1 else 'faces'}"
    return ", ".join([first, *(f"{emotion} {n:,}" for emotion, n in others)])


def held_back(seen: pd.DataFrame, settings: PickSettings, size: tuple[int, int]) -> str:
    """Says why none of the person's faces with the emotion was kept, and which options to try.

    Args:
        seen: Those faces, from `select.wanted`; at least one.
        settings: From `PickSettings.at`.
        size: Width and height of the movie's picture in pixels.
    """
    others = seen[~decided(seen, REJECTED)]
    if len(others) == len(seen):
        return _filtered(seen, settings, size)
    reason = f"; of the others, {_filtered(others, settings, size)}" if len(others) else ""
    count = len(seen) - len(others)
    return f"{count} {'face was' if count == 1 else 'faces were'} rejected in the review{reason}"


def _filtered(seen: pd.DataFrame, settings: PickSettings, size: tuple[int, int]) -> str:
    """Says which filter nothing passes, and values of all options that keep a face together."""
    masks = filters(seen, settings, size)
    gates = {name: mask for name, mask in masks.items() if name not in OF_THE_LOOK}
    through = seen[_all(seen, gates.values())]
    if len(through):
        reason, options = _steadier(seen, through, settings)
        return f"{reason}; try {' '.join(options)}"
    passed = accumulate(gates.values(), np.logical_and)
    left = {"": len(seen), **{name: int(m.sum()) for name, m in zip(gates, passed, strict=True)}}
    none = next(name for name, count in left.items() if not count)
    rest = _all(seen, (mask for name, mask in gates.items() if name != none))
    steady = rest & _all(seen, (masks[name] for name in OF_THE_LOOK))
    value = _laxer(none, seen[steady if steady.any() else rest])
    if value is None:
        return _nothing_left(none, left, [])
    laxer: dict[str, Any] = {none.replace("-", "_"): value}
    reached = rest & filters(seen, replace(settings, **laxer), size)[none]
    _, more = _steadier(seen, seen[reached], settings)
    return _nothing_left(none, left, [f"--{none} {value}", *more])


def _all(seen: pd.DataFrame, masks: Iterable[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    return np.logical_and.reduce([np.ones(len(seen), bool), *masks])


def _steadier(
    seen: pd.DataFrame, rows: pd.DataFrame, settings: PickSettings
) -> tuple[str, list[str]]:
    """Says why no face is steady, sure and probable enough, and with which options one is.

    Args:
        seen: All rows of each run.
        rows: Those of them that pass all other filters; at least one.
        settings: From `PickSettings.at`.
    """
    sure = _reached(rows["look_sure"], settings.sure)
    sure_enough = rows[rows["look_sure"] >= sure]
    probability = _reached(sure_enough["probability"], settings.min_prob)
    probable = sure_enough[sure_enough["probability"] >= probability].index
    # The surest faces may be in a run that is too short: then several options must change at once.
    longest, of_wanted = _longest(seen, probable, settings)
    misses = [
        (sure < settings.sure, f"--sure {sure:g}", f"at most {sure:.2f} sure"),
        (
            probability < settings.min_prob,
            f"--min-prob {probability:g}", f"at most {probability:.2f} probable",
        ),
        (not long_enough(seen, settings)[probable].any(), f"--repeat {longest}", of_wanted),
    ]  # fmt: skip
    reasons = [reason for missed, _, reason in misses if missed]
    return next(iter(reasons), ""), [option for missed, option, _ in misses if missed]


def _nothing_left(none: str, left: dict[str, int], options: list[str]) -> str:
    """Says which filter leaves none, and what to try.

    >>> _nothing_left("alone", {"": 30, "with": 24, "alone": 0}, [])
    '--alone keeps none of the 24 faces that pass the filters before it; leave it out'
    """
    rest, of = left[list(left)[list(left).index(none) - 1]], left[""]
    if rest == of:
        faces = "not the only face" if of == 1 else f"none of {of:,} faces"
    elif rest == 1:
        faces = "not the only face that passes the filters before it"
    else:
        faces = f"none of the {rest:,} faces that pass the filters before it"
    advice = "leave it out"
    if none in (FROM, "after"):
        other = "other words, " if none == "after" else ""
        advice = f"try {other}a longer --within, or leave it out"
    elif options:
        advice = f"try {' '.join(options)}"
    return f"--{none} keeps {faces}; {advice}"


def _laxer(none: str, rows: pd.DataFrame) -> int | None:
    """The value of a filter by size, sharpness or turn that keeps one of these faces, if any."""
    if not len(rows):
        return None
    side = np.minimum(rows["x2"] - rows["x1"], rows["y2"] - rows["y1"])
    laxer = {
        "min-size": floor(side.max()),
        "min-sharpness": floor(rows["sharpness"].max()),
        "max-yaw": ceil(rows["yaw"].abs().min()),
    }
    return laxer.get(none)


def _longest(seen: pd.DataFrame, faces: "pd.Index[int]", settings: PickSettings) -> tuple[str, str]:
    """The value of --repeat that keeps the longest run with one of these faces, and its length."""
    if not settings.repeat_seconds:
        longest = int(seen.loc[faces, "run_length"].max())
        return f"{longest}", f"longest run is {longest} of {settings.repeat} frames"
    # Rounded down, so that the run passes.
    seconds = max(0.01, float(np.floor(run_seconds(seen)[faces].max() * 100 + 0.01) / 100))
    return f"{seconds:g}s", f"longest run lasts {seconds:g} of {settings.repeat_seconds:g} s"


def _reached(values: "pd.Series[float]", least: float) -> float:
    """The limit that the highest value passes: `least`, or that value rounded down."""
    if (values >= least).any():
        return least
    return float(np.floor(float(values.max()) * 100) / 100)


def _nearest_track(rows: pd.DataFrame, tracks: Tracks, person: str, tolerance: float) -> str:
    """Names the track that is nearest to a person whom no track was named after."""
    column = list(tracks.people).index(person)
    numbers, far = np.unique(tracks.track), tracks.far[:, column]
    nearest_to_person = np.flatnonzero(tracks.far.argmin(axis=1) == column)
    if len(nearest_to_person) and float(far[nearest_to_person].min()) > tolerance:
        found = f"no face within tolerance {tolerance:g}"
        best = nearest_to_person[far[nearest_to_person].argmin()]
        # Rounded up, so that the track is within the proposed tolerance.
        advice = f"try --tolerance {np.ceil(far[best] * 100) / 100:g}, or add a photo like it"
    else:
        # A larger tolerance would not help: another rule of naming refuses every near track.
        found, best = f"no face is named {person}", far.argmin()
        advice = (
            f"it is as near to somebody else, in one frame with a nearer face of {person}, or "
            f"refused by a photo in {person}/not/; perhaps {person} is not in this movie"
        )
    begin = clock(float(rows.loc[rows["track"] == numbers[best], "time"].min()))
    return (
        f"{found}; the nearest is at {begin} "
        f"(track {numbers[best]}), distance {far[best]:.2f}; {advice}"
    )
