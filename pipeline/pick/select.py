"""Which rows are picked: smoothed labels, runs, the repeater and the gates, all on columns."""

from collections.abc import Iterator
from difflib import get_close_matches

import numpy as np
import pandas as pd

from pipeline.errors import PeopleError
from pipeline.faces import EMOTIONS
from pipeline.pick.smooth import segments, smooth
from pipeline.pick.steady import run_lengths, runs
from pipeline.settings import PickSettings

UNKNOWN = "unknown"
ANY = "any"


def steadied(rows: pd.DataFrame, stride: int, settings: PickSettings) -> pd.DataFrame:
    """Adds what the repeater decides on to the rows of faces.csv.

    Args:
        rows: As `table.read_faces` gives them.
        stride: source frames between neighbouring rows.
        settings: `smooth` is used.

    Returns:
        The rows by track and frame, with `label` (position in `EMOTIONS` of the highest smoothed
        probability), `probability` (that one), `run` (number of the run), `run_length` (source
        frames) and `position` (row in its run, from 0).
    """
    rows = rows.sort_values(["track", "frame"], kind="stable", ignore_index=True)
    frame, track = rows["frame"].to_numpy(), rows["track"].to_numpy()
    segment = segments(frame, track, stride)
    window = max(1, settings.smooth // stride) | 1
    smoothed = smooth(rows[list(EMOTIONS)].to_numpy(np.float32), segment, window)
    label = smoothed.argmax(axis=1)
    run = runs(label, segment)
    return rows.assign(
        label=label,
        probability=smoothed.max(axis=1),
        run=run,
        run_length=run_lengths(frame, run, stride),
        position=np.arange(len(run)) - np.searchsorted(run, run, side="left"),
    )


def wanted(rows: pd.DataFrame, person: str, emotion: str) -> pd.DataFrame:
    """The rows of one person ("unknown" for nobody's) with one emotion.

    Args:
        rows: Of `steadied`.
        person: A name or "unknown".
        emotion: One of `EMOTIONS`.
    """
    name = "" if person == UNKNOWN else person
    return rows[(rows["person"] == name) & (rows["label"] == EMOTIONS.index(emotion))]


def steady(rows: pd.DataFrame, settings: PickSettings) -> pd.DataFrame:
    """Of `wanted` rows those whose run is long enough, then those that pass every gate."""
    kept = rows[rows["run_length"] >= settings.repeat]
    return kept[kept["probability"] >= settings.min_prob]


def choices(
    rows: pd.DataFrame, people: tuple[str, ...], emotions: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Each person and emotion to pick: "any" is everybody seen, or every emotion."""
    everybody = [*sorted(set(rows["person"]) - {""}), UNKNOWN]
    named = everybody if ANY in people else list(dict.fromkeys(people))
    feelings = EMOTIONS if ANY in emotions else tuple(dict.fromkeys(emotions))
    for person in named:
        for emotion in feelings:
            yield person, emotion


def check_people(people: tuple[str, ...], known: set[str], where: str) -> None:
    """Checks that everybody who is asked for is known.

    Raises:
        PeopleError: A name is not, with those there are and the nearest one.
    """
    for name in people:
        if name in known or name in (ANY, UNKNOWN):
            continue
        near = get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        there = ", ".join(sorted(known)) or "nobody"
        raise PeopleError(
            f"nobody is called {name!r}{hint} {where} has: {there}, any, unknown; "
            "for somebody new put a photo NAME.jpg into the folder of known faces"
        )
