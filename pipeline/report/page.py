"""report.html: all of a movie and its pick in one file that needs nothing else."""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline import __version__
from pipeline.disk.manifest import Manifest
from pipeline.disk.walked import Walked
from pipeline.faces import EMOTIONS, UNKNOWN, clock
from pipeline.files import replacing
from pipeline.people.presence import Presence, durations, who_is_who
from pipeline.pick.choose import Choice
from pipeline.report import plots, tiles
from pipeline.report.colours import EMOTION_COLOURS
from pipeline.report.tiles import Tiles
from pipeline.report.timeline import Timeline, timeline, write_timeline
from pipeline.settings import Job, PickSettings

REPORT, TIMELINE = "report.html", "timeline.png"

MOST_FACES = 1500
"""Faces for the timeline and the cast, evenly over time and people."""

PORTRAIT_SIDE = 64

NEUTRAL_AT_NIGHT = "#5c5c5c"
"""Of neutral bars on a dark page: there a light grey would stand out most of all."""

HIDDEN = {"margin", "repeat_seconds", "per_run"}
"""Settings of a pick that filter nothing of the timeline, or stand there as another one."""


def write_report(
    walked: Walked, steadied: pd.DataFrame, job: Job, choices: Sequence[Choice]
) -> Path:
    """Writes timeline.png and report.html into a movie's folder.

    Args:
        walked: The movie, whose crops are written already; those of earlier picks are shown too,
            unless they are of another walk or bear other names.
        steadied: Its rows, of `select.steadied`.
        job: What was wanted.
        choices: What the pick gave, for the funnel.

    Returns:
        The path of report.html.

    Raises:
        OutputError: One of them cannot be written.
    """
    folder, walk, rows = walked.folder, walked.manifest, walked.rows
    settings = job.pick.at(walk.scan.stream.rate)
    seconds = durations(rows["frame"].to_numpy(), walk.scan.times, walked.stride)
    people = list(who_is_who(rows, walked.tracks, seconds))
    line = timeline(steadied, people, walk, settings, walked.tracks.starts)
    write_timeline(folder / TIMELINE, line, walked.name)
    crops, older = tiles.read_crops(folder, rows)
    faces, shown = _faces(walked), tiles.evenly(crops, tiles.MOST)
    page = _rendered(
        movie=walked.name,
        version=__version__,
        headline=_headline(walked, line, len(crops)),
        summary=dict(_summary(walk, job, settings)),
        steps=_steps(choices),
        cast=list(_cast(people, faces)),
        height=plots.height(len(people)),
        tick=line.tick,
        crops=(len(shown), len(crops)),
        older=older,
        sheets={
            "face": tiles.pack([tiles.from_bytes(j) for j in faces["thumb"]], PORTRAIT_SIDE),
            "crop": _crop_tiles(shown),
        },
        data=_data(line, _shares(line), faces, shown),
    )
    with replacing(folder / REPORT) as file:
        file.write(page.encode())
    return folder / REPORT


# --- what is told -------------------------------------------------------------------------------


def _headline(walked: Walked, line: Timeline, crops: int) -> list[str]:
    """The movie in one line."""
    known = len(set(walked.rows["person"]) - {""})
    return [
        clock(line.end - line.begin),
        f"{len(walked.rows):,} faces in {walked.rows['track'].nunique():,} tracks",
        f"{known:,} known {'person' if known == 1 else 'people'}",
        f"{crops:,} crops",
    ]


def _summary(
    walk: Manifest, job: Job, settings: PickSettings
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Terms and what they are in this movie."""
    stream, (first, stop), every = walk.scan.stream, walk.span, walk.settings.every
    rate = f"{stream.rate:.6g} frames a second" if stream.rate else "of unknown rate"
    yield "Picture", (f"{stream.width} × {stream.height},", f"{stream.codec},", rate)
    thinned = (f", one in {every} analysed",) if every > 1 else ()
    yield "Frames", (f"{stop - first:,} of {len(walk.scan):,}", *thinned)
    yield "Walk", tuple(walk.options) or ("default settings",)
    yield "Pick", tuple(_pick_options(job, settings))
    yield "Networks", tuple(f"{what}: {_network(name)}" for what, name in walk.models.items())
    if walk.scan.warnings:
        yield "Warnings", walk.scan.warnings


def _network(identity: str) -> str:
    """A network's name, and of its hash as much as tells it from others."""
    return " ".join(word[:12] for word in str(identity).split())


def _pick_options(job: Job, settings: PickSettings) -> Iterator[str]:
    """What to type for the same pick."""
    yield from (f"--person {quote(person)}" for person in job.people)
    yield from (f"--emotion {emotion}" for emotion in job.emotions)
    if job.tolerance is not None:
        yield f"--tolerance {job.tolerance:g}"
    for name, value in asdict(settings).items():
        if name not in HIDDEN and value is not None and value is not False:
            yield f"--{name.replace('_', '-')}" + ("" if value is True else f" {value:.15g}")
    if settings.per_run:
        yield f"--per-run {settings.per_run}"
    if job.subtitles:
        yield f"--subtitles {quote(job.subtitles)} --subtitle-offset {job.subtitle_offset}"


def _steps(choices: Sequence[Choice]) -> dict[str, Any]:
    """The funnel: how many faces each step left, without the steps that took nothing away."""
    rows = [choice for choice in choices if len(choice.seen)]
    names = list(rows[0].funnel) if rows else []
    told = [
        name
        for before, name in zip(["", *names], names, strict=False)
        if name in ("faces", "person", "emotion", "repeat", "min-prob")
        or any(choice.funnel[name] != choice.funnel[before] for choice in rows)
    ]
    return {
        "names": told,
        "rows": [
            (choice.person, choice.emotion, [choice.funnel[name] for name in told], choice.hint)
            for choice in rows
        ],
    }


def _cast(people: Sequence[Presence], faces: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Everybody by screen time, with the best of their faces."""
    quality = faces["quality"].to_numpy()
    for one in people:
        own = np.flatnonzero(faces["person"] == one.person)
        yield {
            "name": one.person or UNKNOWN,
            "face": int(own[quality[own].argmax()]) if len(own) else -1,
            "time": clock(one.seconds),
            "tracks": one.tracks,
            "faces": one.faces,
            "sure": None if np.isnan(one.sure) else f"{one.sure:.2f}",
            "distance": None if np.isnan(one.distance) else f"{one.distance:.2f}",
            "other": f"{one.other} {one.other_distance:.2f}" if one.other else "",
        }


def _shares(line: Timeline) -> pd.DataFrame:
    """Of each person's time on screen, the part of each emotion, `(people, emotions)`."""
    seconds = np.zeros((len(line.people), len(EMOTIONS)))
    length = line.bars["end"] - line.bars["begin"]
    np.add.at(seconds, (line.bars["lane"].to_numpy(), line.bars["label"].to_numpy()), length)
    whole = seconds.sum(axis=1, keepdims=True)
    return pd.DataFrame(seconds / np.maximum(whole, 1e-9), columns=list(EMOTIONS))


# --- pictures -----------------------------------------------------------------------------------


def _faces(walked: Walked) -> pd.DataFrame:
    """The walk's small pictures: the best of each person in each stretch of time.

    Returns:
        `person`, `time`, `frame`, `quality` and `thumb`, by time; at most `MOST_FACES`, or one of
        each person where there are more people.
    """
    tracks = walked.tracks
    known = walked.rows[["frame", "track", "person", "time"]]
    kept = slice(0, len(tracks.thumb))
    found = pd.DataFrame(
        {"frame": tracks.frame[kept], "track": tracks.track[kept], "quality": tracks.quality[kept]}
    ).assign(thumb=tracks.thumb.tolist())
    found = found.merge(known, on=["frame", "track"]).sort_values(
        ["quality", "frame", "track"], ascending=[False, True, True]
    )
    since = found["time"] - found["time"].min()
    length, best = 1.0, found
    while len(best) > MOST_FACES and length < 2 * max(1.0, since.max()):
        cell = found.assign(cell=since // length)
        best = found[~cell.duplicated(["person", "cell"])]
        length *= 2
    return best.sort_values(["time", "track"], ignore_index=True)


def _crop_tiles(crops: pd.DataFrame) -> Tiles:
    opened = [tiles.from_file(path) for path in crops["path"]]
    return tiles.pack(opened, tiles.side_for(len(crops)))


# --- the page -----------------------------------------------------------------------------------


def _data(
    line: Timeline, shares: pd.DataFrame, faces: pd.DataFrame, crops: pd.DataFrame
) -> dict[str, Any]:
    """What the page's script works on; tables as columns."""
    names = sorted(set(crops["person"]))
    lanes = {name: lane for lane, name in enumerate(line.people)}
    return {
        "people": line.people,
        "emotions": EMOTIONS,
        "colours": {"light": EMOTION_COLOURS, "dark": (*EMOTION_COLOURS[:-1], NEUTRAL_AT_NIGHT)},
        "across": tiles.TILES_ACROSS,
        "faces": {
            "lane": [lanes[name or UNKNOWN] for name in faces["person"]],
            "time": faces["time"].round(3).tolist(),
        },
        "crops": {
            "people": names,
            "person": [names.index(name) for name in crops["person"]],
            "emotion": crops["emotion"].tolist(),
            "time": crops["time"].round(3).tolist(),
            "probability": crops["probability"].round(3).tolist(),
            "run": crops["run"].tolist(),
            "length": crops["run_length"].tolist(),
            "line": crops["line"].tolist(),
            "file": crops["file"].tolist(),
        },
        "plots": {
            "timeline": plots.item(plots.timeline_plot(line)),
            "shares": plots.item(plots.shares_plot(line.people, shares)),
        },
    }


def _rendered(**told: Any) -> str:
    """Fills in the page; every name is escaped, and only these very scripts may run."""
    pages = Environment(
        loader=PackageLoader("pipeline.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    source = partial(_source, pages)
    scripts = [plots.script(), source("report.js")]
    return pages.get_template("report.html").render(
        **{**told, "data": _json(told["data"])},
        emotions=list(zip(EMOTIONS, EMOTION_COLOURS, strict=True)),
        neutral_at_night=NEUTRAL_AT_NIGHT,
        across=tiles.TILES_ACROSS,
        style=Markup(source("report.css")),  # noqa: S704 - our own file.
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - our own, and Bokeh's.
        hashes=[_hash(script) for script in scripts],
        base64=lambda data: base64.b64encode(data).decode(),
    )


def _source(pages: Environment, name: str) -> str:
    """A file of the page, as it is."""
    assert pages.loader is not None
    return pages.loader.get_source(pages, name)[0]


def _json(data: Any) -> Markup:
    """JSON that may stand in a <script>: no `<` in it, so that nothing in it ends that."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - see above.


def _hash(script: str) -> str:
    """What a Content-Security-Policy names a script by."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
