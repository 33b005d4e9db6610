"""Explains why faces were kept or not, and what to try if none was."""

import numpy as np
import pandas as pd

from pipeline.disk.tracks_npz import Tracks
from pipeline.faces import EMOTIONS, REJECTED, UNKNOWN, clock, written
from pipeline.pick.company import COMPANY
from pipeline.pick.select import FROM, decided, long_enough, run_seconds
from pipeline.settings import JOIN, PickSettings

ADJECTIVES = {"disgust": "disgusted", "fear": "afraid", "surprise": "surprised"}
"""How somebody with an emotion looks; the other emotions are adjectives already."""


ASKED = (*COMPANY, FROM, "after")
"""Filters by other faces and lines, which come before the repeater."""


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


def held_back(seen: pd.DataFrame, left: dict[str, int], settings: PickSettings) -> str:
    """Says why none of the person's faces with the emotion was kept, and which options to try.

    Args:
        seen: Those faces, from `select.wanted`; at least one.
        left: Faces left after each filter, from `select.steady`.
        settings: From `PickSettings.at`.
    """
    others = seen[~decided(seen, REJECTED)]
    if len(others) == len(seen):
        return _unsteady(seen, left, settings)
    reason = f"; of the others, {_unsteady(others, left, settings)}" if len(others) else ""
    count = len(seen) - len(others)
    return f"{count} {'face was' if count == 1 else 'faces were'} rejected in the review{reason}"


def _unsteady(seen: pd.DataFrame, left: dict[str, int], settings: PickSettings) -> str:
    """Says which filter nothing passes, and values of all options that keep a face together."""
    none = next(name for name, count in left.items() if not count)
    if none in ASKED:
        return _nothing_left(none, {"": len(seen)} | left)
    sure = _reached(seen["look_sure"], settings.sure)
    sure_enough = seen[seen["look_sure"] >= sure]
    probability = _reached(sure_enough["probability"], settings.min_prob)
    probable = sure_enough[sure_enough["probability"] >= probability]
    # The surest faces may be in a run that is too short: then several options must change at once.
    steady = long_enough(seen, settings)
    longest, of_wanted = _longest(seen, probable.index, settings)
    misses = {
        f"--sure {sure:g}": sure < settings.sure,
        f"--min-prob {probability:g}": probability < settings.min_prob,
        f"--repeat {longest}": not steady[probable.index].any(),
    }
    reasons = (
        f"at most {sure:.2f} sure",
        f"at most {probability:.2f} probable",
        of_wanted,
    )
    if any(misses.values()):
        reason = next(r for r, missed in zip(reasons, misses.values(), strict=True) if missed)
        return f"{reason}; try {' '.join(option for option, missed in misses.items() if missed)}"
    if settings.silent_only and seen["spoken"].groupby(seen["run"]).transform("any")[steady].all():
        return "somebody speaks in every steady run; leave out --silent-only"
    laxer = _laxer(probable[steady[probable.index]], settings)
    return _nothing_left(none, {"": len(seen)} | left, laxer.get(none))


def _nothing_left(none: str, left: dict[str, int], value: int | None = None) -> str:
    """Says which filter leaves none, and which value to try, or what else.

    >>> _nothing_left("alone", {"": 30, "with": 24, "alone": 0})
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
    elif value:
        advice = f"try --{none} {value}"
    return f"--{none} keeps {faces}; {advice}"


def _laxer(rows: pd.DataFrame, settings: PickSettings) -> dict[str, int]:
    """Values of filters by size, sharpness and turn that keep one of these faces.

    A filter that one of them passes has none: it is another filter that drops that face.
    """
    side = np.minimum(rows["x2"] - rows["x1"], rows["y2"] - rows["y1"])
    size, sharpness = np.floor(side.max()), np.floor(rows["sharpness"].max())
    yaw = np.ceil(rows["yaw"].abs().min())
    laxer = {
        "min-size": (size, size < settings.min_size),
        "min-sharpness": (sharpness, sharpness < settings.min_sharpness),
        "max-yaw": (yaw, yaw > settings.max_yaw),
    }
    return {name: int(value) for name, (value, is_laxer) in laxer.items() if is_laxer}


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
