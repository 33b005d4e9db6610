"""Selects rows of faces.csv: labels over time, runs, the repeater and the gates."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from shlex import quote

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import PeopleError
from pipeline.faces import ACCEPTED, ANY, EMOTIONS, REJECTED, UNKNOWN, Floats, Ints, written
from pipeline.pick import evidence
from pipeline.pick.apex import heights, millionths, rises
from pipeline.pick.change import changed
from pipeline.pick.company import COMPANY, accompanied
from pipeline.pick.decoder import decoded, seconds_since
from pipeline.pick.steady import positions, run_lengths, runs, segments, smooth
from pipeline.pick.strength import NEUTRAL, strength
from pipeline.settings import AUTO, PickSettings, Smoothing, classes, members

FROM = "from"
"""The column, and the filter, of a change of look."""

SLACK_SECONDS = 0.002
"""Seconds by which a run may be too short: containers store milliseconds."""


def steadied(
    rows: pd.DataFrame, stride: int, settings: PickSettings, emotions: tuple[str, ...] = (ANY,)
) -> pd.DataFrame:
    """Adds the columns that the repeater needs to the rows of faces.csv.

    Args:
        rows: As `faces_csv.read_faces` returns them.
        stride: Source frames between neighbouring rows.
        settings: From `PickSettings.at`; `smooth` and `gap` are used, and what is asked of other
            faces.
        emotions: What is wanted; a run shows any emotions of one class.

    Returns:
        The rows sorted by track and frame, with `label`, `probability` and `ahead` (see `looks`),
        `run` (number of the run), `run_length` (source frames), `look_sure` (the chance that the
        label is right, see `evidence`), `strength`, `position` (row within its run, from 0),
        `faces` (number of faces in the frame), the columns of `accompanied`, and, if they are asked
        for, `from` (whether the look is a change, see `change`) and `level` to find the peak or
        onset by, see `apex`.
    """
    rows = rows.sort_values(["track", "frame"], kind="stable", ignore_index=True)
    frame, track = rows["frame"].to_numpy(), rows["track"].to_numpy()
    probabilities, time = rows[list(EMOTIONS)].to_numpy(np.float32), rows["time"].to_numpy()
    of = classes(emotions, settings.from_)
    label, probability, ahead = looks(rows, stride, settings.smooth, of)
    joint = np.array(of)[label]
    run = runs(frame, track, joint, stride + settings.gap)
    means = evidence.in_classes(evidence.nearby_means(probabilities, time, run), of)
    rows = rows.assign(
        label=label,
        probability=probability,
        ahead=ahead,
        run=run,
        run_length=run_lengths(frame, run, stride),
        look_sure=evidence.look_sure(means, joint),
        strength=strength(means, joint, rows["person"], of[NEUTRAL]),
        position=positions(run),
        faces=rows.groupby("frame")["frame"].transform("size"),
    )
    if settings.peak or settings.onset:
        parts = evidence.in_classes(millionths(probabilities), of)
        measure = heights if settings.peak else rises
        rows = rows.assign(level=measure(parts, time, track, joint))
    if settings.from_:
        before = rows["label"].isin(members(settings.from_))
        held = before & _steadily(rows, settings)
        rows = rows.assign(**{FROM: ~before & changed(rows, held, settings.within)})
    return rows.assign(**accompanied(rows, settings))


def looks(
    rows: pd.DataFrame, stride: int, smoothing: Smoothing, of: Sequence[int] = evidence.ALONE
) -> tuple[Ints, Floats, Floats]:
    """How each face looks, the probability of that look's class, and how far it is ahead.

    Args:
        rows: Rows of faces.csv sorted by track and frame.
        stride: Source frames between neighbouring rows.
        smoothing: `AUTO` decodes each track as a sequence; its probability is the network's own
            of that look in the frame. A number of frames takes the look that is the most probable
            in the mean over them, and that mean.
        of: `(7,)` from `settings.classes`.

    Returns:
        `(n,)` positions in `EMOTIONS`, `(n,)` probabilities from 0 to 1, and `(n,)` their
        distances to the most probable other class, from -1 to 1.
    """
    frame, track = rows["frame"].to_numpy(), rows["track"].to_numpy()
    probabilities = rows[list(EMOTIONS)].to_numpy(np.float32)
    if smoothing == AUTO:
        label = decoded(probabilities, seconds_since(rows["time"].to_numpy(), track)).argmax(axis=1)
    else:
        segment = segments(frame, track, stride)
        probabilities = smooth(probabilities, segment, window(smoothing, stride))
        label = probabilities.argmax(axis=1)
    joint, chosen = evidence.in_classes(probabilities, of), np.array(of)[label]
    return label, joint[np.arange(len(rows)), chosen], evidence.margins(joint, chosen)


def window(smooth: int, stride: int) -> int:
    """The width in rows of a moving mean that is `smooth` source frames wide, always odd.

    >>> window(5, 1), window(5, 2), window(5, 3), window(13, 4)
    (5, 3, 1, 3)
    """
    return max(1, smooth // stride) | 1


def wanted(rows: pd.DataFrame, person: str, emotion: str) -> pd.DataFrame:
    """The rows of one person with one emotion.

    Args:
        rows: From `steadied`.
        person: A name, or "unknown" for faces without a name.
        emotion: One of `EMOTIONS`, or a class of them.
    """
    return rows[(rows["person"] == written(person)) & rows["label"].isin(members(emotion))]


def decided(rows: pd.DataFrame, decision: str) -> "pd.Series[bool]":
    """Whether the review made this decision about each row's face and present label.

    Args:
        rows: From `steadied`, with the columns that `match.applied` adds.
        decision: `ACCEPTED` or `REJECTED`.
    """
    if decision not in rows:
        return pd.Series(data=False, index=rows.index)
    # A face may be rejected as happy and accepted as sad: there is one bit for each emotion.
    bits, label = rows[decision].to_numpy(np.int64), rows["label"].to_numpy(np.int64)
    return pd.Series((bits >> label) % 2 == 1, index=rows.index)


def filters(
    rows: pd.DataFrame, settings: PickSettings, size: tuple[int, int]
) -> dict[str, NDArray[np.bool_]]:
    """The rows that each filter lets pass, the repeater first, by the name of its option.

    If the review rejected any face, the filter `REJECTED` comes before all others, and then what is
    asked of other faces. Accepted faces pass every filter after these.

    Args:
        rows: From `steadied`; `silent_only` needs `spoken` from `speech.with_speech`, `after`
            needs `reacts` from `speech.with_reactions`.
        settings: From `PickSettings.at`.
        size: Width and height of the movie's picture in pixels.
    """
    # float64 with the digits of faces.csv: in float32 1100.1 - 1050.1 is less than 50.
    measured = rows[["x1", "y1", "x2", "y2", "sharpness", "yaw"]].to_numpy(np.float64).round(1)
    x1, y1, x2, y2, sharpness, yaw = measured.T
    edge = np.minimum.reduce([x1, y1, size[0] - x2, size[1] - y2]).round(1)
    side = np.minimum(x2 - x1, y2 - y1).round(1)
    passing = {
        "repeat": long_enough(rows, settings).to_numpy(),
        "sure": rows["look_sure"].to_numpy() >= settings.sure,
        "min-prob": rows["probability"].to_numpy() >= settings.min_prob,
        "min-size": side >= settings.min_size,
        "min-sharpness": sharpness >= settings.min_sharpness,
        "max-yaw": np.abs(yaw) <= settings.max_yaw,
        "single-face": (rows["faces"].to_numpy() == 1) | (not settings.single_face),
        "border": (edge >= (settings.border or 0)) | (settings.border is None),
    } | ({"silent-only": ~_spoken(rows).to_numpy()} if settings.silent_only else {})
    not_rejected = {REJECTED: ~decided(rows, REJECTED).to_numpy()} if REJECTED in rows else {}
    if settings.min_margin is not None:
        passing["min-margin"] = rows["ahead"].to_numpy() >= np.float32(settings.min_margin)
    asked = {name: rows[name].to_numpy(bool) for name in (*COMPANY, FROM) if name in rows}
    if settings.after is not None:  # A run reacts if it begins so.
        asked["after"] = rows.groupby("run")["reacts"].transform("first").to_numpy(bool)
    accepted = decided(rows, ACCEPTED).to_numpy()
    return not_rejected | asked | {name: mask | accepted for name, mask in passing.items()}


def _steadily(rows: pd.DataFrame, settings: PickSettings) -> "pd.Series[bool]":
    """Whether each row shows its look steadily and surely, and the review did not reject it."""
    sure = rows["look_sure"] >= settings.sure
    return long_enough(rows, settings) & sure & ~decided(rows, REJECTED)


def long_enough(rows: pd.DataFrame, settings: PickSettings) -> "pd.Series[bool]":
    """Whether the run of each row passes the repeater.

    Args:
        rows: All rows of each run, from `steadied`.
        settings: From `PickSettings.at`.
    """
    by_frames = rows["run_length"] >= settings.repeat
    if not settings.repeat_seconds:
        return by_frames
    seconds = run_seconds(rows)
    return (seconds >= settings.repeat_seconds - SLACK_SECONDS).where(seconds > 0, by_frames)


def run_seconds(rows: pd.DataFrame) -> "pd.Series[float]":
    """How long the run of each row lasts by the times of its frames; 0 for a run of one frame.

    The last frame of a run is taken to last as long as its others do on average: the next frame
    may be far away, or nobody may be seen in it.

    Args:
        rows: All rows of each run, from `steadied`.
    """
    runs = rows.groupby("run")
    shown, frames = (
        runs[name].transform("max") - runs[name].transform("min") for name in ("time", "frame")
    )
    return (shown * rows["run_length"] / frames.clip(lower=1)).astype("float64")


def _spoken(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Whether anybody speaks during the run of each row."""
    return rows.groupby("run")["spoken"].transform("any").astype(bool)


def steady(
    rows: pd.DataFrame, settings: PickSettings, size: tuple[int, int] = (0, 0)
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Selects the rows whose run is long enough and that pass every gate, or one of each run.

    Args:
        rows: From `wanted`.
        settings: From `PickSettings.at`.
        size: Width and height of the movie's picture in pixels.

    Returns:
        The rows, and the number left after each filter, by the name of its option.
    """
    passed = np.ones(len(rows), bool)
    left: dict[str, int] = {}
    for name, mask in filters(rows, settings, size).items():
        passed &= mask
        left[name] = int(passed.sum())
    kept = rows[passed]
    if settings.peak or settings.onset:
        highest = kept.sort_values(
            ["level", "probability", "frame"], ascending=[False, False, True]
        )
        kept = kept.loc[highest.drop_duplicates("run").index.sort_values()]
        left["peak" if settings.peak else "onset"] = len(kept)
    return kept, left


def choices(
    rows: pd.DataFrame, people: tuple[str, ...], emotions: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Each pair of person and emotion to pick; "any" stands for everybody seen, or all emotions."""
    seen = set(rows["person"])
    everybody = [*sorted(seen - {""}), *([UNKNOWN] if "" in seen else [])]
    named = [person for person in people if person != ANY]
    # `dict.fromkeys`: each person once, in the order of the options.
    wanted_people = list(dict.fromkeys([*named, *(everybody if ANY in people else ())]))
    wanted_emotions = EMOTIONS if ANY in emotions else tuple(dict.fromkeys(emotions))
    for person in wanted_people:
        for emotion in wanted_emotions:
            yield person, emotion


def check_people(people: tuple[str, ...], known: set[str], where: str) -> None:
    """Checks that every wanted person is known.

    Args:
        people: Names, "any" or "unknown".
        known: The names that exist.
        where: What holds them, for the message.

    Raises:
        PeopleError: A name is unknown; the message lists the known names and suggests the nearest.
    """
    for name in people:
        if name in known or name in (ANY, UNKNOWN):
            continue
        several = [part.strip() for part in name.split(",")]
        if len(several) > 1 and known.issuperset(several):
            each = " ".join(f"--person {quote(person)}" for person in several)
            raise PeopleError(f"{name!r} is several people; give the option once for each: {each}")
        small = {person.casefold(): person for person in sorted(known, reverse=True)}
        similar = get_close_matches(name.casefold(), small, n=1)
        suggestion = f" Did you mean {small[similar[0]]!r}?" if similar else ""
        names = ", ".join(sorted(known)) or "nobody"
        raise PeopleError(
            f"No person {name!r} in {where}.{suggestion} Known: {names}; any and unknown work "
            "too. To add a person, put a photo NAME.jpg into the folder of known faces"
        )
