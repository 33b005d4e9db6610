"""Which rows are picked: smoothed labels, runs, the repeater and the gates, all on columns."""

from collections.abc import Iterator
from difflib import get_close_matches

import numpy as np
import pandas as pd

from pipeline.errors import PeopleError
from pipeline.faces import ACCEPTED, ANY, EMOTIONS, REJECTED, UNKNOWN
from pipeline.pick.steady import positions, run_lengths, runs, segments, smooth
from pipeline.settings import PickSettings


def steadied(rows: pd.DataFrame, stride: int, settings: PickSettings) -> pd.DataFrame:
    """Adds what the repeater decides on to the rows of faces.csv.

    Args:
        rows: As `faces_csv.read_faces` gives them.
        stride: source frames between neighbouring rows.
        settings: `smooth` is used.

    Returns:
        The rows by track and frame, with `label` (position in `EMOTIONS` of the highest smoothed
        probability), `probability` (that one), `run` (number of the run), `run_length` (source
        frames), `position` (row in its run, from 0) and `faces` (in the frame).
    """
    rows = rows.sort_values(["track", "frame"], kind="stable", ignore_index=True)
    frame, track = rows["frame"].to_numpy(), rows["track"].to_numpy()
    probabilities = rows[list(EMOTIONS)].to_numpy(np.float32)
    rows_of_mean = window(settings.smooth, stride)
    smoothed = smooth(probabilities, segments(frame, track, stride), rows_of_mean)
    label = smoothed.argmax(axis=1)
    run = runs(frame, track, label, stride + settings.gap)
    return rows.assign(
        label=label,
        probability=smoothed.max(axis=1),
        run=run,
        run_length=run_lengths(frame, run, stride),
        position=positions(run),
        faces=rows.groupby("frame")["frame"].transform("size"),
    )


def window(smooth: int, stride: int) -> int:
    """Rows of the moving mean over so many source frames, an odd number.

    >>> window(5, 1), window(5, 2), window(5, 3), window(13, 4)
    (5, 3, 1, 3)
    """
    return max(1, smooth // stride) | 1


def wanted(rows: pd.DataFrame, person: str, emotion: str) -> pd.DataFrame:
    """The rows of one person ("unknown" for nobody's) with one emotion.

    Args:
        rows: Of `steadied`.
        person: A name or "unknown".
        emotion: One of `EMOTIONS`.
    """
    name = "" if person == UNKNOWN else person
    return rows[(rows["person"] == name) & (rows["label"] == EMOTIONS.index(emotion))]


def decided(rows: pd.DataFrame, decision: str) -> "pd.Series[bool]":
    """Whether somebody decided so of each row, for the emotion that it looks now.

    Args:
        rows: Of `steadied`, with what `match.applied` adds.
        decision: `ACCEPTED` or `REJECTED`.
    """
    if decision not in rows:
        return pd.Series(data=False, index=rows.index)
    bits, label = rows[decision].to_numpy(np.int64), rows["label"].to_numpy(np.int64)
    return pd.Series((bits >> label) % 2 == 1, index=rows.index)


def filters(
    rows: pd.DataFrame, settings: PickSettings, size: tuple[int, int]
) -> dict[str, "pd.Series[bool]"]:
    """What each filter lets pass, the repeater first, by its option's name.

    Before all of them stands what was rejected, where anything was; what was accepted passes all.

    Args:
        rows: Of `steadied`, for `silent_only` with `spoken` of `speech.with_speech`.
        settings: With `repeat` in frames.
        size: Width and height of the movie's picture in pixels.
    """
    # float64 with the digits of faces.csv: in float32 1100.1 - 1050.1 is less than 50.
    measured = rows[["x1", "y1", "x2", "y2", "sharpness", "yaw"]].astype("float64").round(1)
    x1, y1, x2, y2, sharpness, yaw = (measured[name] for name in measured)
    width, height = size
    edges = pd.DataFrame({"left": x1, "top": y1, "right": width - x2, "bottom": height - y2})
    edge, side = edges.min(axis=1).round(1), (x2 - x1).clip(upper=y2 - y1).round(1)
    passing = {
        "repeat": rows["run_length"] >= settings.repeat,
        "min-prob": rows["probability"] >= settings.min_prob,
        "min-size": side >= settings.min_size,
        "min-sharpness": sharpness >= settings.min_sharpness,
        "max-yaw": yaw.abs() <= settings.max_yaw,
        "single-face": (rows["faces"] == 1) | (not settings.single_face),
        "border": (edge >= (settings.border or 0)) | (settings.border is None),
    } | ({"silent-only": ~_spoken(rows)} if settings.silent_only else {})
    left = {REJECTED: ~decided(rows, REJECTED)} if REJECTED in rows else {}
    accepted = decided(rows, ACCEPTED)
    return left | {name: mask | accepted for name, mask in passing.items()}


def _spoken(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Whether anybody speaks while the run of each row lasts."""
    return rows.groupby("run")["spoken"].transform("any").astype(bool)


def steady(
    rows: pd.DataFrame, settings: PickSettings, size: tuple[int, int] = (0, 0)
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Of `wanted` rows those whose run is long enough and that pass every gate.

    Returns:
        The rows, and how many are left after each filter, by its option's name.
    """
    passed = pd.Series(data=True, index=rows.index)
    left: dict[str, int] = {}
    for name, mask in filters(rows, settings, size).items():
        passed &= mask
        left[name] = int(passed.sum())
    return rows[passed], left


def choices(
    rows: pd.DataFrame, people: tuple[str, ...], emotions: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Each person and emotion to pick: "any" is everybody seen, or every emotion."""
    seen = set(rows["person"])
    everybody = [*sorted(seen - {""}), *([UNKNOWN] if "" in seen else [])]
    asked = [person for person in people if person != ANY]
    named = list(dict.fromkeys([*asked, *(everybody if ANY in people else ())]))
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
        there = f"{where} has {', '.join(sorted(known))}" if known else f"{where} has nobody"
        raise PeopleError(
            f"nobody is called {name!r}{hint} {there}; any and unknown go too; "
            "for somebody new put a photo NAME.jpg into the folder of known faces"
        )
