"""Writes tidy tables: one row a moment, and one row a person in a shot."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from pipeline.disk.text_table import csv_text
from pipeline.errors import OutputError
from pipeline.export.findings import Findings
from pipeline.faces import EMOTIONS, UNKNOWN
from pipeline.people.presence import durations, one_a_frame

EXPORTED_MOMENT = (
    "video", "person", "emotion", "shot", "track", "first", "last", "begin", "end", "seconds",
    "timecode_in", "timecode_out", "probability", "look_sure",
)  # fmt: skip

EXPORTED_SHOT = (
    "video", "shot", "first", "last", "begin", "end", "seconds", "timecode_in", "timecode_out",
    "person", "on_screen", "tracks", "look", *EMOTIONS,
)  # fmt: skip


def moment_table(found: Findings) -> bytes:
    """Makes a table of the moments in order of time.

    `first` and `last` are frames, `begin` and `end` the seconds at which the first frame begins
    and the last one ends, `timecode_out` that of the frame after the last, as editors count.
    """
    rows = (
        (
            found.video, moment.person, moment.emotion, moment.shot, moment.track,
            *_span(found, moment.first, moment.stop),
            round(moment.probability, 4), round(moment.look_sure, 4),
        )
        for moment in found.stretches
    )  # fmt: skip
    return csv_text([EXPORTED_MOMENT, *rows]).encode(errors="backslashreplace")


def shot_table(found: Findings) -> bytes:
    """Makes a table of who is in each shot, how long, and how they look.

    It has everybody, whoever was asked for: a row for each person in a shot, the longest on screen
    first, and one without a person for a shot without a face. `on_screen` and the columns of the
    emotions are seconds, and the emotions' sum is `on_screen`; `look` is the one that lasts
    longest. Where several unknown people are in one frame, the largest face counts.

    Raises:
        OutputError: An earlier version walked the movie, and noted no shots.
    """
    if not len(found.shots):
        raise OutputError(
            f"{found.video}: an earlier version walked it, and noted no shots; walk it again with "
            "mine-video walk --rewalk"
        )
    people = _people(found)
    rows = [
        (found.video, shot, *_span(found, first, stop), *person)
        for shot, (first, stop) in enumerate(zip(found.shots[:-1], found.shots[1:], strict=True))
        for person in people.get(shot, [("", 0.0, 0, "", *[0.0] * len(EMOTIONS))])
    ]
    return csv_text([EXPORTED_SHOT, *rows]).encode(errors="backslashreplace")


def _span(found: Findings, first: int, stop: int) -> tuple[Any, ...]:
    """First and last frame, begin, end and length in seconds, and the two timecodes."""
    begin, end = (float(found.film.edges[frame]) for frame in (first, stop))
    low, high = (found.clock.start + number for number in found.clock.span(first, stop))
    counting = found.clock.counting
    return (
        int(first), int(stop) - 1, round(begin, 6), round(end, 6), round(end - begin, 6),
        counting.text(low), counting.text(high),
    )  # fmt: skip


def _people(found: Findings) -> dict[int, list[tuple[Any, ...]]]:
    """What is told of each person, by the position of the shot."""
    rows = one_a_frame(found.faces)
    times = found.film.scan.times
    seconds = durations(rows["frame"].to_numpy(np.int64), times, found.stride)
    shot = np.searchsorted(found.shots, rows["frame"].to_numpy(), side="right") - 1
    told: dict[int, list[tuple[Any, ...]]] = {}
    timed = rows.assign(place=shot, seconds=seconds)
    for (place, person), own in timed.groupby(["place", "person"], sort=True):
        told.setdefault(int(str(place)), []).append((str(person) or UNKNOWN, *_told(own)))
    for people in told.values():
        people.sort(key=lambda one: -one[1])
    return told


def _told(own: pd.DataFrame) -> Iterator[Any]:
    """Yields time on screen, number of tracks, the longest look, and the seconds of each."""
    lasting = np.bincount(own["label"], own["seconds"], len(EMOTIONS))
    yield round(float(lasting.sum()), 3)
    yield own["track"].nunique()
    yield EMOTIONS[int(lasting.argmax())]
    yield from (round(float(seconds), 3) for seconds in lasting)
