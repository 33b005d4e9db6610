"""Writes report.html: a movie and its pick in one file that needs no other file or server."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline import __version__
from pipeline.disk.manifest import Manifest
from pipeline.disk.pick_json import unfinished_lines
from pipeline.disk.report_html import MADE_NOW, REPORT, report_line
from pipeline.disk.walked import Walked
from pipeline.faces import EMOTIONS, UNKNOWN, clock
from pipeline.files import replacing
from pipeline.people.presence import Presence, durations, shared_screen, who_is_who
from pipeline.pick.choose import Choice
from pipeline.report import tiles
from pipeline.report.colours import EMOTION_COLOURS
from pipeline.report.tiles import Tiles
from pipeline.report.timeline import (
    STEADY,
    TICK,
    UNSTEADY,
    Timeline,
    cut_alpha,
    drawn,
    timeline,
    write_timeline,
)
from pipeline.settings import Job, PickSettings, members, option_words

TIMELINE = "timeline.png"

MOST_FACES = 1500
"""Faces for the timeline and the cast, at most, spread over time and people."""

MOST_PAIRS = 12
"""Pairs of people that are listed at once; the others are folded away."""

PORTRAIT_SIDE = 64
"""Pixels of those faces; a walk keeps no larger ones."""

NEUTRAL_AT_NIGHT = "#5c5c5c"
"""Colour of neutral on a dark page, where a light grey would stand out most of all."""

HIGHEST, LOWEST, ALL = 34, 18, 800
"""Pixels of a lane at most and at least, and of all lanes together unless `LOWEST` needs more."""

ROOM = 48
"""Pixels of the timeline's height besides the lanes."""

CUT_SHARE = 1.3 * TICK
"""Height of the cuts below the lanes, with the room around them, as a share of a lane."""

MOST_EARLIER = 8
"""People with a look of earlier picks that are listed by name."""

HIDDEN = {"margin", "repeat_seconds", "per_run"}
"""Settings of a pick that do not filter, or that the summary shows in another way."""

_templates = Environment(
    loader=PackageLoader("pipeline.report", "page"), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip
"""Made once: compiling the page takes a fifth of the time of a small report."""


def write_report(
    walked: Walked,
    steadied: pd.DataFrame,
    job: Job,
    choices: Sequence[Choice],
    whole: Sequence[Path] = (),
) -> Path:
    """Writes timeline.png and report.html into a movie's folder.

    Args:
        walked: The movie; its crops are written already. Crops of earlier picks are shown too,
            unless another walk found them or their people have other names now.
        steadied: Its rows, of `select.steadied`.
        job: What was wanted.
        choices: The choices of the pick, for the funnel.
        whole: Folders that the pick has filled, and has not noted as finished yet.

    Returns:
        The path of report.html.

    Raises:
        OutputError: One of the files cannot be written.
    """
    folder, walk, rows = walked.folder, walked.manifest, walked.rows
    settings = job.pick.at(walk.scan.stream.rate)
    seconds = durations(rows["frame"].to_numpy(), walk.scan.times, walked.stride)
    people = list(who_is_who(rows, walked.tracks, seconds))
    line = timeline(steadied, people, walk, settings, walked.tracks.starts)
    write_timeline(folder / TIMELINE, line, walked.name)
    crops, older = tiles.read_crops(folder, rows, walk)
    faces, shown = _faces(walked), tiles.tiled(crops, tiles.MOST)
    page = _rendered(
        movie=walked.name,
        version=__version__,
        made=MADE_NOW,
        # By its name alone: whoever opens the page may have moved it, and need not know more.
        anew=report_line(Path(folder.name), job.known_faces),
        stopped=unfinished_lines(folder, whole),
        headline=_headline(walked, line, crops),
        summary=dict(_summary(walk, job, settings)),
        steps=_steps(choices),
        cast=list(_cast(people, faces)),
        pairs=list(_pairs(shared_screen(rows, seconds))),
        most_pairs=MOST_PAIRS,
        height=_height(len(people)),
        shares=list(_shares(line)),
        tick=line.tick,
        looks=[
            (name, EMOTION_COLOURS[members(name)[0]]) for name in shown["emotion"].cat.categories
        ],
        crops=(len(shown), len(crops)),
        older=older,
        earlier=_earlier(crops, choices),
        sheets={
            "face": tiles.pack([tiles.from_bytes(j) for j in faces["thumb"]], PORTRAIT_SIDE),
            "crop": _crop_tiles(shown),
        },
        data=_data(line, faces, shown),
    )
    with replacing(folder / REPORT) as file:
        # The path of a file of subtitles may be undecodable.
        file.write(page.encode(errors="backslashreplace"))
    return folder / REPORT


# --- cast, summary and funnel -------------------------------------------------------------------


def _headline(walked: Walked, line: Timeline, crops: pd.DataFrame) -> list[str]:
    """The facts in the line below the title."""
    known = len(set(walked.rows["person"]) - {""})
    faces, tracks = len(walked.rows), walked.rows["track"].nunique()
    return [
        clock(line.end - line.begin),
        f"{_count(faces, 'face')} in {_count(tracks, 'track')}",
        f"{known:,} known {'person' if known == 1 else 'people'}",
        f"{_count(len(crops), 'crop')} of {_count(int(crops['best'].sum()), 'moment')}",
    ]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _summary(
    walk: Manifest, job: Job, settings: PickSettings
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields the terms of the summary with their values in this movie."""
    stream, (first, stop), every = walk.scan.stream, walk.span, walk.settings.every
    rate = f"{stream.rate:.6g} frames a second" if stream.rate else "unknown frame rate"
    yield "Picture", (f"{stream.width} × {stream.height},", f"{stream.codec},", rate)
    thinned = (f", one in {every} analysed",) if every > 1 else ()
    yield "Frames", (f"{stop - first:,} of {len(walk.scan):,}", *thinned)
    yield "Walk", tuple(walk.options) or ("default settings",)
    yield "Last pick", tuple(_pick_options(job, settings))
    yield "Networks", tuple(f"{task}: {_network(name)}" for task, name in walk.models.items())
    if walk.scan.warnings:
        yield "Warnings", walk.scan.warnings


def _network(identity: str) -> str:
    """A network's name with shortened hashes."""
    return re.sub(r"\b[0-9a-f]{13,}\b", lambda digits: digits[0][:12], str(identity))


def _pick_options(job: Job, settings: PickSettings) -> Iterator[str]:
    """Yields the options that repeat this pick."""
    yield from (f"--person {quote(person)}" for person in job.people)
    yield from (f"--emotion {emotion}" for emotion in job.emotions)
    if job.tolerance is not None:
        yield f"--tolerance {job.tolerance:g}"
    if settings.repeat_seconds:
        yield f"--repeat {settings.repeat_seconds:.15g}s"
    hidden = HIDDEN | ({"repeat"} if settings.repeat_seconds else set())
    hidden |= {"within"} if not (settings.from_ or settings.after) else set()
    for name, value in asdict(settings).items():
        if name not in hidden:
            yield from option_words(name, value)
    if job.learn:
        yield "--learn"
    if settings.per_run:
        yield f"--per-run {settings.per_run}"
    if job.subtitles:
        yield f"--subtitles {quote(job.subtitles)} --subtitle-offset {job.subtitle_offset}"


def _steps(choices: Sequence[Choice]) -> dict[str, Any]:
    """The funnel: how many faces each step left, without optional steps that filtered nothing."""
    rows = [choice for choice in choices if len(choice.seen)]
    names = list(rows[0].funnel) if rows else []
    shown = [
        name
        for before, name in zip(["", *names], names, strict=False)
        if name in ("faces", "person", "emotion", "repeat", "sure")
        or any(choice.funnel[name] != choice.funnel[before] for choice in rows)
    ]
    return {
        "names": shown,
        "rows": [
            (choice.person, choice.emotion, [choice.funnel[name] for name in shown], choice.hint)
            for choice in rows
        ],
    }


def _earlier(crops: pd.DataFrame, choices: Sequence[Choice]) -> str:
    """The people and looks whose crops the last pick did not write; "" if there are none."""
    last = {(choice.person, choice.emotion) for choice in choices if len(choice.kept)}
    names = [
        f"{person} {emotion}"
        for person, emotion in sorted(set(zip(crops["person"], crops["emotion"], strict=True)))
        if (person, emotion) not in last
    ]
    more = f" and {len(names) - MOST_EARLIER} more" if len(names) > MOST_EARLIER else ""
    return ", ".join(names[:MOST_EARLIER]) + more


def _cast(people: Sequence[Presence], faces: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yields everybody by screen time, with the index of their best face, or -1 for none."""
    quality = faces["quality"].to_numpy()
    for one in people:
        indices = np.flatnonzero(faces["person"] == one.person)
        yield {
            "name": one.person or UNKNOWN,
            "face": int(indices[quality[indices].argmax()]) if len(indices) else -1,
            "time": clock(one.seconds),
            "tracks": one.tracks,
            "faces": one.faces,
            "sure": None if np.isnan(one.sure) else f"{one.sure:.2f}",
            "distance": None if np.isnan(one.distance) else f"{one.distance:.2f}",
            "other": f"{one.other} {one.other_distance:.2f}" if one.other else "",
        }


def _pairs(pairs: pd.DataFrame) -> Iterator[tuple[str, str, str, int]]:
    """Yields who appears with whom, for how long in one picture, and in how many shots."""
    for person, other, seconds, shots in pairs.itertuples(index=False):
        yield person, other, clock(seconds) if seconds else "", shots


def _shares(line: Timeline) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Yields the emotions of each person with their shares of the time on screen, in percent."""
    seconds = np.zeros((len(line.people), len(EMOTIONS)))
    length = line.bars["end"] - line.bars["begin"]
    np.add.at(seconds, (line.bars["lane"].to_numpy(), line.bars["label"].to_numpy()), length)
    for person, own in zip(line.people, seconds, strict=True):
        shares = own / max(float(own.sum()), 1e-9)
        yield person, [(look, f"{shares[look]:.1%}") for look in np.flatnonzero(own).tolist()]


def _height(lanes: int) -> int:
    """Height of a timeline with this number of lanes, in pixels.

    >>> _height(3), _height(50)
    (150, 948)
    """
    lane = min(HIGHEST, max(LOWEST, ALL // max(1, lanes)))
    return ROOM + lane * max(1, lanes)


# --- pictures -----------------------------------------------------------------------------------


def _faces(walked: Walked) -> pd.DataFrame:
    """Chooses among the walk's small pictures: the best of each person in each stretch of time.

    Returns:
        `person`, `time`, `frame`, `quality` and `thumb`, ordered by time; at most `MOST_FACES`, or
        one of each person if there are more people than that.
    """
    tracks = walked.tracks
    known = walked.rows[["frame", "track", "person", "time"]]
    pictured = slice(0, len(tracks.thumb))  # Empty for a walk without pictures.
    faces = pd.DataFrame(
        {
            "frame": tracks.frame[pictured],
            "track": tracks.track[pictured],
            "quality": tracks.quality[pictured],
        }
    ).assign(thumb=tracks.thumb.tolist())
    faces = faces.merge(known, on=["frame", "track"]).sort_values(
        ["quality", "frame", "track"], ascending=[False, True, True]
    )
    since = faces["time"] - faces["time"].min()
    length, best = 1.0, faces
    # Doubles the stretches until few enough faces are left, at the latest with one for all time.
    while len(best) > MOST_FACES and length < 2 * max(1.0, since.max()):
        cell = faces.assign(cell=since // length)
        best = faces[~cell.duplicated(["person", "cell"])]
        length *= 2
    return best.sort_values(["time", "track"], ignore_index=True)


def _crop_tiles(crops: pd.DataFrame) -> Tiles:
    opened = [tiles.from_file(path) for path in crops["path"]]
    return tiles.pack(opened, tiles.side_for(len(crops)))


# --- the page -----------------------------------------------------------------------------------


def _data(line: Timeline, faces: pd.DataFrame, crops: pd.DataFrame) -> dict[str, Any]:
    """Collects the data that report.js works on; tables are stored by columns."""
    names = sorted(set(crops["person"]))
    lanes = {name: lane for lane, name in enumerate(line.people)}
    best = crops["best"].to_numpy(bool)
    return {
        "people": line.people,
        "emotions": crops["emotion"].cat.categories.tolist(),
        "colours": {"light": EMOTION_COLOURS, "dark": (*EMOTION_COLOURS[:-1], NEUTRAL_AT_NIGHT)},
        "across": tiles.TILES_ACROSS,
        "faces": {
            "lane": [lanes[name or UNKNOWN] for name in faces["person"]],
            "time": faces["time"].round(3).tolist(),
        },
        "crops": {
            "people": names,
            "person": [names.index(name) for name in crops["person"]],
            "emotion": crops["emotion"].cat.codes.tolist(),
            "time": crops["time"].round(3).tolist(),
            "sure": crops["look_sure"].round(3).tolist(),
            "probability": crops["probability"].round(3).tolist(),
            "run": crops["run"].tolist(),
            "length": crops["run_length"].tolist(),
            "line": crops["line"].tolist(),
            "file": crops["file"].tolist(),
        },
        "moments": {
            "crop": np.flatnonzero(best).tolist(),
            "start": crops["start"][best].round(3).tolist(),
            "seconds": crops["seconds"][best].round(3).tolist(),
            "sure": crops["moment_sure"][best].round(3).tolist(),
            "probability": crops["moment_probability"][best].round(3).tolist(),
        },
        "timeline": _drawing(line),
    }


def _drawing(line: Timeline) -> dict[str, Any]:
    """What report.js draws the timeline from; the bars in the order in which they are drawn."""
    bars = drawn(line.bars)
    return {
        "begin": line.begin,
        "end": line.end,
        "heights": (UNSTEADY, STEADY),
        "cuts": line.cuts.round(3).tolist(),
        "cutAlpha": cut_alpha(line),
        "cutShare": CUT_SHARE,
        "tick": TICK,
        "bars": {
            "lane": bars["lane"].tolist(),
            "begin": bars["begin"].round(3).tolist(),
            "end": bars["end"].round(3).tolist(),
            "label": bars["label"].tolist(),
            "probability": bars["probability"].astype("float64").round(3).tolist(),
            "steady": bars["steady"].astype("int64").tolist(),
        },
    }


def _rendered(**values: Any) -> str:
    """Fills in the template. Names are escaped, and the page's policy runs only our script."""
    script = _source("report.js")
    return _templates.get_template("report.html").render(
        **{**values, "data": _json(values["data"])},
        emotions=list(zip(EMOTIONS, EMOTION_COLOURS, strict=True)),
        neutral_at_night=NEUTRAL_AT_NIGHT,
        across=tiles.TILES_ACROSS,
        style=Markup(_source("report.css")),  # noqa: S704 - our own file.
        script=Markup(script),  # noqa: S704 - our own.
        hash=_hash(script),
        base64=lambda data: base64.b64encode(data).decode(),
    )


def _source(name: str) -> str:
    """Reads a file of the page without filling anything in."""
    assert _templates.loader is not None
    return _templates.loader.get_source(_templates, name)[0]


def _json(data: Any) -> Markup:
    """Makes JSON that is safe inside <script>: without `<`, no text in it can end the script."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - see above.


def _hash(script: str) -> str:
    """The hash by which a Content-Security-Policy names a script."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
