"""Finds steady moments over all movies of an archive."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path

from pipeline import files
from pipeline.archive import index
from pipeline.archive.archive import Archive, ArchiveMovie, printable
from pipeline.archive.totals import totals
from pipeline.disk.pick_json import line_to_type
from pipeline.disk.text_table import csv_text
from pipeline.disk.walked import finished
from pipeline.errors import PeopleError, TableError
from pipeline.faces import ANY, EMOTIONS, UNKNOWN, written
from pipeline.models.registry import tolerances
from pipeline.people import gallery
from pipeline.pick import apex, decoder, evidence, select, strength
from pipeline.pick.choose import choose
from pipeline.settings import AUTO, Job, PickSettings, classes, members

log = logging.getLogger(__name__)

ORDERS = ("sure", "strength", "probability", "length", "time")
"""How moments are sorted: the surest, strongest, most probable or longest first, or by time."""

TOP = 200
"""Moments that a search returns by default, at most."""

LARGEST_SETTING = 1 << 53
"""Larger settings are cut to this, since SQL's integers are finite; no movie has as many frames."""

NO_SUBTITLES = (
    "an archive's tables hold no subtitles; give --after and --silent-only to `mine-video pick`, "
    "`export` or `annotate`"
)

MOMENT_COLUMNS = (
    "movie", "folder", "person", "emotion", "start", "stop", "seconds", "first", "last", "track",
    "length", "faces", "look_sure", "strength", "probability", "prominence",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """One steady run of a person and emotion, from the first to the last face that passes.

    Attributes:
        entry: The movie.
        person: A name or "unknown".
        emotion: One of `EMOTIONS`, or a class of them.
        track: Number of the face's track.
        first: Frame of the first face that passes every filter.
        last: Frame of the last one.
        start: Seconds of the first one.
        stop: Seconds of the last one.
        seconds: On screen, from `start` until the last frame is gone.
        length: Source frames that the run covers.
        faces: Number of faces that pass.
        look_sure: The chance that their emotion is right, in the mean.
        strength: The greatest strength of them, see `pick.strength`.
        probability: Mean of the probabilities of the faces that pass, see `select.looks`.
        prominence: How far the peak stands out in its track, 0 to 1, see `pick.apex`; NaN if no
            peak was asked for.
    """

    entry: ArchiveMovie
    person: str
    emotion: str
    track: int
    first: int
    last: int
    start: float
    stop: float
    seconds: float
    length: int
    faces: int
    look_sure: float
    strength: float
    probability: float
    # Not compared: NaN differs even from itself.
    prominence: float = field(compare=False)


@dataclass(frozen=True, slots=True)
class Found:
    """The moments to show, and the number of all that match."""

    moments: tuple[Moment, ...]
    count: int


def search(archive: Archive, job: Job, top: int = TOP, order: str = ORDERS[0]) -> Found:
    """Finds the moments that `mine-video pick` would crop, in all movies at once.

    Names are those in faces.csv; `mine-video name` updates them after photos have changed.

    Args:
        archive: The movies to search.
        job: People, emotions and what makes a run steady; thinning and margin are ignored.
        top: Number of moments at most; 0 for all.
        order: One of `ORDERS`.

    Raises:
        PeopleError: A wanted person is in none of the movies.
        TableError: A table is damaged, or the subtitles are asked of, which no table has.
    """
    if job.pick.after or job.pick.silent_only:
        raise TableError(NO_SUBTITLES)
    if order not in ORDERS:
        raise ValueError(f"order must be one of {', '.join(ORDERS)}, not {order!r}")
    if top < 0:
        raise ValueError(f"top must be 0 or more, not {top}")
    _check_people(archive, job)
    entries = prepare_faces(archive, job)
    if not entries:
        return Found((), 0)
    rows = archive.ask("moments", ordering=order, top=min(top, LARGEST_SETTING) or LARGEST_SETTING)
    emotions = dict(enumerate(EMOTIONS))
    emotions |= {members(emotion)[0]: emotion for emotion in job.emotions if emotion != ANY}
    moments = (
        Moment(entries[number], person or UNKNOWN, emotions[label], *rest)
        for number, person, label, *rest, _ in rows
    )
    return Found(tuple(moments), rows[0][-1] if rows else 0)


def _check_people(archive: Archive, job: Job) -> None:
    """Checks that every wanted person is in some movie.

    Raises:
        PeopleError: One is in none; it says whether only the names must be brought up to date.
    """
    known = index.names(entry.facts for entry in archive.entries) - {""}
    absent = [name for name in job.named if name not in known | {ANY, UNKNOWN}]
    with_photos = gallery.photos(job.known_faces) if absent else {}
    for name in absent:
        if name in with_photos:
            raise PeopleError(
                f"{name} is in none of the walked movies, or they were named before {name} had "
                f"photos: then run `{_naming(archive.entries, job)}`"
            )
    select.check_people(job.named, known, "the walked movies")


def _naming(entries: Sequence[ArchiveMovie], job: Job) -> str:
    """The line that names some movies anew: by their folder, or the one that holds the first."""
    first = entries[0].folder
    folder = first if len(entries) == 1 else first.parent
    return line_to_type("name", folder, known_faces=job.known_faces)


def why_nothing(archive: Archive, job: Job) -> str:
    """Says why nothing is found, and what to try, by the movie where it was likeliest.

    That is the one in which a wanted person shows the wanted looks for the most seconds, or else
    is on screen for the most. Only its rows are read.

    Args:
        archive: The movies that were searched.
        job: What was searched for.

    Raises:
        TableError: The movie's walk is damaged.
    """
    entry = _likeliest(archive, job)
    walked = finished(entry.folder)
    settings = job.pick.whole.at(entry.facts.rate)
    rows = select.steadied(walked.rows, walked.stride, settings, job.emotions)
    tolerance = tolerances(walked.manifest.settings, job.tolerance).name
    choices = [*choose(rows, walked.tracks, job, settings, walked.size, tolerance)]
    most = max(choices, key=lambda choice: len(choice.seen), default=None)
    hint = most.hint if most else "no such face in the movie"
    whose = f", {most.person} {most.emotion}" if most and len(choices) > 1 else ""
    likeliest = "the likeliest is " if whose or len(archive.entries) > 1 else ""
    return f"{likeliest}{printable(entry.facts.movie)}{whose}: {hint}"


def _likeliest(archive: Archive, job: Job) -> ArchiveMovie:
    """The movie with the most seconds of the wanted people and looks, or of the people alone."""
    for emotions in (job.emotions, (ANY,)):
        found = totals(archive, emotions)
        own = [total for total in found if ANY in job.people or total.person in job.people]
        if own:
            return max(own, key=lambda total: total.look_seconds).entry
    return archive.entries[0]


def prepare_faces(archive: Archive, job: Job) -> list[ArchiveMovie]:
    """Makes the view `kept` over the movies that show a wanted person; returns the movies."""
    people = None if ANY in job.people else [written(name) for name in job.people]
    entries = [
        entry for entry in archive.entries
        if people is None or not set(people).isdisjoint(entry.facts.people)
    ]  # fmt: skip
    if not entries:
        return []
    repeats = [min(job.pick.at(entry.facts.rate).repeat, LARGEST_SETTING) for entry in entries]
    archive.over(entries, repeats)
    labels = None if ANY in job.emotions else [members(emotion)[0] for emotion in job.emotions]
    of = classes(job.emotions, job.pick.from_)
    values = {"people": people, "labels": labels, "least_repeat": min(repeats), **_gates(job.pick)}
    values["least_seconds"] = job.pick.repeat_seconds - select.SLACK_SECONDS
    archive.ask(*_scripts(job.pick, of), **values, classes=list(of))
    return entries


def _scripts(settings: PickSettings, of: Sequence[int]) -> Iterator[str]:
    """The SQL files, each on top of the one before, that find the rows to keep."""
    yield from ("faces", "classes")
    if settings.smooth != index.STORED.smooth:
        yield from ("averaged", "runs")
    elif settings.gap != index.STORED.gap or of != evidence.ALONE:
        yield from ("decoded", "runs")
    else:
        yield "stored"
    yield "by_seconds" if settings.repeat_seconds else "by_frames"
    yield "changed" if settings.from_ else "unchanged"
    yield "company" if settings.with_ or settings.without or settings.alone else "anywhere"
    yield "passing"
    yield "one_each" if settings.peak or settings.onset else "whole"


def _gates(settings: PickSettings) -> dict[str, float | bool | list[str] | None]:
    """The filters, and what they are reckoned by, as numbers that SQL can hold."""
    return {
        "smooth": 1 if settings.smooth == AUTO else min(settings.smooth, LARGEST_SETTING),
        "gap": min(settings.gap, LARGEST_SETTING),
        "sure": settings.sure,
        "least": decoder.LEAST,
        "reach": evidence.REACH,
        "slope": evidence.SLOPE,
        "intercept": evidence.INTERCEPT,
        "min_prob": settings.min_prob,
        "min_margin": settings.min_margin,
        "farthest": strength.FARTHEST,
        "never": strength.SMALLEST,
        "min_size": float(settings.min_size),
        "min_sharpness": float(settings.min_sharpness),
        "max_yaw": float(settings.max_yaw),
        "single_face": settings.single_face,
        "border": None if settings.border is None else float(settings.border),
        "with_": [written(name) for name in settings.with_],
        "without": [written(name) for name in settings.without],
        "alone": settings.alone,
        "onset": settings.onset,
        "nearby": apex.NEARBY,
        "same_frame": settings.same_frame,
        "from_": members(settings.from_)[0] if settings.from_ else None,
        "within": round(settings.within * 1e6),
    }


def warn_of_old_names(archive: Archive, job: Job) -> None:
    """Warns of movies whose names came from other photos, or another tolerance, than today's."""
    if not job.known_faces.is_dir():
        return
    digest = gallery.digest(job.known_faces, job.tolerance)
    old = [entry for entry in archive.entries if entry.facts.gallery != digest]
    if old:
        log.warning(
            "the names in %d of %d movies are from other photos or another --tolerance (the first "
            "is %s); update them with `%s`",
            len(old), len(archive.entries), old[0].folder, _naming(old, job),
        )  # fmt: skip


def write_moments(moments: Iterable[Moment], path: Path) -> None:
    """Writes moments as CSV, in the given order.

    Raises:
        OutputError: The file cannot be written.
    """
    rows: list[Iterable[object]] = [MOMENT_COLUMNS]
    for m in moments:
        who = [printable(m.entry.facts.movie), printable(m.entry.folder), m.person, m.emotion]
        times = (f"{time:.3f}" for time in (m.start, m.stop, m.seconds))
        when = [*times, m.first, m.last, m.track, m.length, m.faces]
        values = (m.look_sure, m.strength, m.probability, m.prominence)
        measures = ("" if isnan(value) else f"{value:.4f}" for value in values)
        rows.append([*who, *when, *measures])
    files.clear_earlier(path)
    with files.replacing(path, "file with --csv") as file:
        file.write(csv_text(rows).encode(errors="backslashreplace"))
