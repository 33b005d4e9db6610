"""The commands over many walked movies: search, table, stats and status."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import (
    ALLOW_REMOTE,
    FILTERS,
    JSON_OPTION,
    MARGIN_OPTION,
    ONE_EACH,
    PLACES,
    EmotionChoice,
    Here,
    OneOf,
    Whole,
    job_of,
    options,
    verbosity,
)
from pipeline.cli.printing import Output, aligned, echo_line, fitted, log_to_stderr, output_of
from pipeline.cli.sections import command
from pipeline.errors import MiningError
from pipeline.faces import ANY, EMOTIONS, clock, visible
from pipeline.settings import Job

if TYPE_CHECKING:
    from pipeline.archive.archive import Archive
    from pipeline.archive.search import Found
    from pipeline.archive.status import State
    from pipeline.archive.totals import Total

log = logging.getLogger(__name__)

MOMENT = "{:>5} {:20} {:12} {:8} {:>9} {:>7} {:>6} {:>9} {:>8}{}  {}"
PROMINENCE = " {:>10}"
TOTAL = "{:20} {:12} {:>9}{} {:>7} {:>7}" + " {:>8}" * 7
LOOK = " {:>9}"
STATE = "{:12} {}"

ARCHIVE = options(
    click.argument("folders", nargs=-1, type=Here(path_type=Path)),
    click.option(
        "--index", type=click.Path(file_okay=False, path_type=Path),
        help="Keep the archive's tables in this folder instead of beside each faces.csv.",
    ),
)  # fmt: skip


def archive_of(
    folders: tuple[Path, ...], index: Path | None, job: Job, quiet: bool
) -> AbstractContextManager["Archive"]:
    """Opens the archive of the given folders; a progress bar counts the tables being made."""
    from tqdm import tqdm

    from pipeline.archive.archive import open_archive
    from pipeline.disk.find import all_there, find_walks, without_failed

    def with_bar(outdated: Sequence[Path]) -> Iterable[Path]:
        return tqdm(outdated, "tables", unit="movie", disable=True if quiet else None)

    walks = all_there(find_walks(folders or [job.output], job.output))
    return open_archive(without_failed(walks), index, with_bar)


def _refuse_speech(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    """Says why a search knows no subtitles, rather than that there is no such option."""
    if value:
        from pipeline.archive.search import NO_SUBTITLES

        raise click.BadParameter(NO_SUBTITLES, ctx, option)


NO_SPEECH = options(
    *(
        click.option(
            name, is_flag=name == "--silent-only", hidden=True, expose_value=False,
            callback=_refuse_speech, help="Of pick, export and annotate: refused.",
        )
        for name in ("--after", "--silent-only", "--subtitles")
    )
)  # fmt: skip


@command()
@ARCHIVE
@FILTERS
@ONE_EACH
@NO_SPEECH
@MARGIN_OPTION
@ALLOW_REMOTE
@click.option(
    "--top",
    type=Whole(0),
    default=200,
    show_default=True,
    help="Show at most this many moments; 0 shows all.",
)
@click.option(
    "--order",
    type=OneOf(["sure", "strength", "probability", "length", "time"]),
    default="sure",
    show_default=True,
    help="Surest emotion first, strongest, most probable, longest, or movie by movie.",
)
@click.option(
    "--csv",
    "listed",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the moments to this file.",
)
@click.option(
    "--timeline",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write one timeline with a clip for each moment, in this order, to this .otio or "
    ".xml file (OpenTimelineIO, Final Cut Pro 7 XML); needs the extra `edit`.",
)
@click.option(
    "--sheet",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write sheet.jpg into this folder, with a row of faces for each moment.",
)
@click.option(
    "--pick",
    "picked",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write the crops of all moments and a sheet of them into this folder.",
)
@PLACES
@JSON_OPTION
@verbosity
def search_command(
    folders: tuple[Path, ...],
    index: Path | None,
    top: int,
    order: str,
    listed: Path | None,
    timeline: Path | None,
    sheet: Path | None,
    picked: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Find steady moments in all walked movies.

    FOLDERS are movies' folders, or folders that hold them at any depth; the default is --output.
    The first search makes a table beside each faces.csv; later searches only remake tables that
    are out of date. Names are those in faces.csv: run `mine-video name` after you change photos.

    \b
    Example:
        mine-video search output/ --person rdj --emotion happy --repeat 8 --top 200
    """
    log_to_stderr(quiet, verbose)
    from pipeline.archive.search import search as find_moments
    from pipeline.archive.search import warn_of_old_names, why_nothing, write_moments
    from pipeline.cli import overwrite

    job = job_of(given)
    if listed:
        overwrite.check_overwrite("--csv", listed, overwrite.begins_with("movie,folder,person,"))
    if timeline:
        _check_timeline(timeline)
    with archive_of(folders, index, job, quiet) as archive:
        warn_of_old_names(archive, job)
        found = find_moments(archive, job, top, order)
        told = f"{len(found.moments)} of {found.count} moments"
        if not found.moments:
            told = f"no moments; {why_nothing(archive, job)}"
    with output_of("search", as_json=as_json) as output:
        output.tell(count=found.count)
        output.add(found.moments, lambda: _print_moments(found))
        click.echo(visible(told), err=True)
        if listed:
            write_moments(found.moments, listed)
            output.file(listed)
        missing = _write_timeline(found, timeline, job, output) if timeline else 0
        if not found.moments:
            _tell_earlier(sheet, picked)
        elif sheet or picked:
            missing = max(missing, _write_crops_and_sheets(found, job, sheet, picked, output))
        if missing:
            movies = "1 movie is" if missing == 1 else f"{missing} movies are"
            raise MiningError(f"{movies} missing, see above; the others are done")


def _print_moments(found: "Found") -> None:
    names = "movie", "person", "emotion", "start", "seconds", "run", "look sure", "strength"
    peaks = any(not isnan(m.prominence) for m in found.moments)
    click.echo(aligned(MOMENT, "", *names, PROMINENCE.format("prominence") * peaks, "folder"))
    for n, m in enumerate(found.moments, 1):
        seconds, sure, strength = f"{m.seconds:.1f}", f"{m.look_sure:.2f}", f"{m.strength:.2f}"
        who = fitted(m.entry.facts.movie), m.person, m.emotion
        peak = PROMINENCE.format(f"{m.prominence:.2f}") * peaks
        cells = (*who, clock(m.start), seconds, m.length, sure, strength, peak, m.entry.folder)
        echo_line(aligned(MOMENT, n, *map(str, cells)))


def _check_timeline(path: Path) -> None:
    """Refuses a timeline that cannot be written, before the search."""
    from pipeline.cli import overwrite
    from pipeline.export.formats import JOINED, check_installed

    kind = path.suffix.lower().removeprefix(".")
    if kind not in JOINED:
        message = f"{path} must end in {' or '.join(f'.{kind}' for kind in JOINED)}"
        raise click.BadParameter(message, param_hint="--timeline")
    check_installed([kind], "--timeline of")
    overwrite.check_overwrite("--timeline", path, is_timeline)


def is_timeline(path: Path) -> bool:
    """Whether a file may be a timeline that a search wrote."""
    from pipeline.export.timelines import JOINED_TITLE
    from pipeline.files import open_file

    with open_file(path) as file:
        beginning = file.read(400)
    kinds = b'"OTIO_SCHEMA": "Timeline.', b"<!DOCTYPE xmeml>"
    title = f'"name": "{JOINED_TITLE}"'.encode(), f"<name>{JOINED_TITLE}</name>".encode()
    return any(
        kind in beginning and name in beginning for kind, name in zip(kinds, title, strict=True)
    )


def _write_timeline(found: "Found", path: Path, job: Job, output: Output) -> int:
    """Writes a timeline; where there is nothing to show, one of an earlier search goes.

    Returns the number of movies that are missing.
    """
    from pipeline.export.joined import write_joined
    from pipeline.files import remove

    moments = [(m.entry.folder, m.person, m.emotion, m.first, m.last) for m in found.moments]
    written, failed = write_joined(moments, path, allow_remote=job.allow_remote)
    if written:
        output.file(path)
    elif path.exists():
        remove([path])
        log.warning("%s: removed, since no moment is left to show", path)
    return len(failed)


def _tell_earlier(*folders: Path | None) -> None:
    """Says of what earlier searches wrote that it stays, since there is nothing new."""
    for folder in dict.fromkeys(folders):
        if folder and folder.exists():
            log.warning("%s: nothing is added; what is there is of an earlier search", folder)


def _write_crops_and_sheets(
    found: "Found", job: Job, sheet: Path | None, picked: Path | None, output: Output
) -> int:
    """Writes crops and sheets; a missing movie does not stop the others.

    Returns the number of movies that are missing.
    """
    from pipeline.archive import gather

    films, failed = gather.films(found.moments, job)
    if picked:
        count, more = gather.write_all(films, picked, job.pick.margin)
        failed += more
        output.file(picked, line=f"{picked}: {count} crop{'' if count == 1 else 's'}")
    for folder in dict.fromkeys(p for p in (sheet, picked) if p):
        sheets, more = gather.write_sheet(found.moments, films, folder)
        failed += more
        for path in sheets:
            output.file(path)
    return len(failed)


@command()
@ARCHIVE
@click.option(
    "--to",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("faces.parquet"),
    show_default=True,
    help="The file to write, .csv or .parquet.",
)
@PLACES
@verbosity
def table_command(
    folders: tuple[Path, ...],
    index: Path | None,
    to: Path,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Join the rows of many movies into one CSV or Parquet file.

    \b
    Example:
        mine-video table output/*/ --to all.csv
    """
    log_to_stderr(quiet, verbose)
    from pipeline.archive.totals import WRITERS, is_joined, join
    from pipeline.cli import overwrite

    if to.suffix.lower() not in WRITERS:  # Fails before the tables are made, which takes long.
        message = f"{to} must end in {' or '.join(WRITERS)}"
        raise click.BadParameter(message, param_hint="--to")
    overwrite.check_overwrite("--to", to, is_joined)
    job = job_of(given)
    with archive_of(folders, index, job, quiet) as archive:
        count = len(archive.entries)
        click.echo(f"{to}: {join(archive, to)} rows of {count} movie{'' if count == 1 else 's'}")


# Who always picks one look does not ask for it alone in every sum.
@command(apart=("emotions",))
@ARCHIVE
@click.option(
    "--emotion", "emotions", multiple=True, default=(ANY,), metavar="EMOTION",
    show_default="all, movie by movie", type=EmotionChoice([*EMOTIONS, ANY], case_sensitive=False),
    help="Only rows with this look, the most seconds of it first; may be repeated, and counts "
    "together then.",
)  # fmt: skip
@click.option("--by-movie", is_flag=True, help="A row for each movie, of all its people together.")
@PLACES
@JSON_OPTION
@verbosity
def stats_command(
    folders: tuple[Path, ...],
    index: Path | None,
    by_movie: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Print each person's screen time and emotions in each movie.

    Seconds end in s; the share of each emotion, in %, is of the seconds of all faces in the row.
    Looks are those of the default --smooth, without filters.

    \b
    Example:
        mine-video stats output/
        mine-video stats output/ --emotion angry --by-movie
    """  # fmt: skip
    log_to_stderr(quiet, verbose)
    from pipeline.archive.totals import totals
    from pipeline.pick.explain import adjective

    job = job_of(given)
    with archive_of(folders, index, job, quiet) as archive:
        found = totals(archive, job.emotions, by_movie=by_movie)
        count = len(archive.entries)
    look = "" if ANY in job.emotions else "+".join(job.emotions)
    with output_of("stats", as_json=as_json) as output:
        output.add(found, lambda: _print_totals(found, look))
    if look and not found:
        where = "the movie" if count == 1 else f"any of {count} movies"
        click.echo(f"no face in {where} looks {adjective(look)}", err=True)


def _print_totals(found: "Sequence[Total]", look: str) -> None:
    """Prints the table, with a column of the seconds of a look if one is asked for."""
    asked = LOOK.format(look) if look else ""
    heads = "movie", "person", "on screen", asked, "tracks", "faces", *EMOTIONS
    click.echo(aligned(TOTAL, *heads))
    films = {(t.entry.folder, t.entry.facts.movie) for t in found}
    names = Counter(name for _, name in films)
    for t in found:
        shares = [f"{100 * share:.1f} %" for share in t.shares.values()]
        asked = LOOK.format(f"{t.look_seconds:.1f} s") if look else ""
        cells = (t.person, f"{t.seconds:.1f} s", asked, t.tracks, t.faces, *shares)
        # Films of one name are told apart by their folders.
        alone = names[t.entry.facts.movie] == 1
        movie = t.entry.facts.movie if alone else t.entry.folder.name
        echo_line(aligned(TOTAL, fitted(movie), *map(str, cells)))


@command()
@click.argument("folders", nargs=-1, type=Here(path_type=Path))
@PLACES
@JSON_OPTION
@verbosity
def status_command(
    folders: tuple[Path, ...], as_json: bool, quiet: bool, verbose: bool, **given: Any
) -> None:
    """List which movies are done, unfinished, failed or out of date, and why.

    \b
    Example:
        mine-video status output/
    """
    log_to_stderr(quiet, verbose)
    from pipeline.archive.status import states
    from pipeline.disk.find import find_walks
    from pipeline.people import gallery

    job, known = job_of(given), ""
    try:
        if job.known_faces.is_dir():
            known = gallery.digest(job.known_faces, job.tolerance)
    except MiningError as error:  # A bad photo must not hide the states of the walks.
        log.warning("%s", error)
    count: Counter[str] = Counter()
    with output_of("status", as_json=as_json) as output:
        for state in states(find_walks(folders or [job.output], job.output), known):
            count[state.state] += 1
            output.add([state], partial(_print_state, state))
    click.echo(", ".join(f"{n} {state}" for state, n in sorted(count.items())), err=True)


def _print_state(s: "State") -> None:
    other = bool(s.movie) and Path(s.movie).stem != s.folder.name
    film = f" ({s.movie})" if other else ""
    echo_line(STATE.format(s.state, s.folder) + film + (f": {s.detail}" if s.detail else ""))
