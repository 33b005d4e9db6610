"""The commands over many walked movies: search, join, sum up, look what is done."""

import logging
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import FILTERS, MARGIN_OPTION, PLACES, Here, job_of, options, verbosity
from pipeline.cli.printing import fitted, log_to_stderr
from pipeline.errors import MiningError
from pipeline.faces import EMOTIONS, clock
from pipeline.settings import Job

if TYPE_CHECKING:
    from pipeline.archive.archive import Archive
    from pipeline.archive.search import Found

log = logging.getLogger(__name__)

MOMENT = "{:>5} {:20} {:12} {:8} {:>9} {:>7} {:>6} {:>5}  {}"
TOTAL = "{:20} {:12} {:>9} {:>7} {:>7}" + " {:>8}" * 7
STATE = "{:12} {}"

ARCHIVE = options(
    click.argument("folders", nargs=-1, type=Here(path_type=Path)),
    click.option(
        "--index", type=click.Path(file_okay=False, path_type=Path),
        help="Keep the archive's tables in this folder, not beside each faces.csv.",
    ),
)  # fmt: skip


def archive_of(
    folders: tuple[Path, ...], index: Path | None, job: Job, quiet: bool
) -> AbstractContextManager["Archive"]:
    """Opens the archive that is asked for, with a bar over the movies whose tables are made."""
    from tqdm import tqdm

    from pipeline.archive.archive import open_archive
    from pipeline.disk.find import all_there, find_walks, without_failed

    def shown(made: Sequence[Path]) -> Iterable[Path]:
        return tqdm(made, "tables", unit="movie", disable=True if quiet else None)

    found = all_there(find_walks(folders or [job.output], job.output))
    return open_archive(without_failed(found), index, shown)


@click.command()
@ARCHIVE
@FILTERS
@MARGIN_OPTION
@click.option(
    "--top",
    type=click.IntRange(0),
    default=200,
    show_default=True,
    help="Show so many moments of all movies; 0 shows all.",
)
@click.option(
    "--order",
    type=click.Choice(["probability", "length", "time"]),
    default="probability",
    show_default=True,
    help="Surest first, longest first, or movie by movie.",
)
@click.option(
    "--csv",
    "listed",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the moments into this file.",
)
@click.option(
    "--sheet",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write sheet.jpg into this folder: a line of faces for each moment.",
)
@click.option(
    "--pick",
    "picked",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also crop the faces of all moments, and a sheet of them, into this folder.",
)
@PLACES
@verbosity
def search_command(
    folders: tuple[Path, ...],
    index: Path | None,
    top: int,
    order: str,
    listed: Path | None,
    sheet: Path | None,
    picked: Path | None,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Find steady moments in all movies that were walked.

    FOLDERS are those of movies, or of movies' folders at any depth; --output where none is given.
    The first search makes a table beside each faces.csv, later ones only what changed. Names are
    those in faces.csv: `mine-video name` brings them to the photos of today.

    \b
    Example:
        mine-video search output/ --person rdj --emotion happy --repeat 8 --top 200
    """
    log_to_stderr(quiet, verbose)
    from pipeline.archive.search import MOMENT_COLUMNS, warn_of_old_names, write_moments
    from pipeline.archive.search import search as find
    from pipeline.cli import overwrite

    job = job_of(given)
    if listed:
        overwrite.check_overwrite("--csv", listed, overwrite.begins_with(",".join(MOMENT_COLUMNS)))
    with archive_of(folders, index, job, quiet) as archive:
        warn_of_old_names(archive, job)
        found = find(archive, job, top, order)
    _tell(found)
    if listed:
        write_moments(found.moments, listed)
        click.echo(listed)
    if found.moments and (sheet or picked):
        _gather(found, job, sheet, picked)


def _tell(found: "Found") -> None:
    header = ("", "movie", "person", "emotion", "start", "seconds", "frames", "sure", "folder")
    click.echo(MOMENT.format(*header))
    for n, m in enumerate(found.moments, 1):
        seconds, sure = f"{m.stop - m.start:.1f}", f"{m.probability:.2f}"
        what = fitted(m.entry.facts.movie), m.person, m.emotion
        cells = (*what, clock(m.start), seconds, m.length, sure, m.entry.folder)
        click.echo(MOMENT.format(n, *map(str, cells)))
    click.echo(f"{len(found.moments)} of {found.count} moments", err=True)


def _gather(found: "Found", job: Job, sheet: Path | None, picked: Path | None) -> None:
    """Writes crops and sheets; a movie that is gone stops no other."""
    from pipeline.archive import gather

    films, failed = gather.films(found.moments, job.pick)
    if picked:
        count, more = gather.write_all(films, picked, job.pick.margin)
        failed += more
        click.echo(f"{picked}: {count} crops")
    for place in dict.fromkeys(p for p in (sheet, picked) if p):
        sheets, more = gather.write_sheet(found.moments, films, place)
        failed += more
        for path in sheets:
            click.echo(path)
    if failed:
        raise MiningError(f"{len(failed)} movies are missing, see above; the others are done")


@click.command()
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

    if to.suffix.lower() not in WRITERS:  # Rather now than when all tables are made.
        told = f"{to} is to end in {' or '.join(WRITERS)}"
        raise click.BadParameter(told, param_hint="--to")
    overwrite.check_overwrite("--to", to, is_joined)
    job = job_of(given)
    with archive_of(folders, index, job, quiet) as archive:
        click.echo(f"{to}: {join(archive, to)} rows of {len(archive.entries)} movies")


@click.command()
@ARCHIVE
@PLACES
@verbosity
def stats_command(
    folders: tuple[Path, ...], index: Path | None, quiet: bool, verbose: bool, **given: Any
) -> None:
    """Tell the screen time and the looks of each person in each movie.

    \b
    Example:
        mine-video stats output/
    """
    log_to_stderr(quiet, verbose)
    from pipeline.archive.totals import totals

    job = job_of(given)
    with archive_of(folders, index, job, quiet) as archive:
        click.echo(TOTAL.format("movie", "person", "seconds", "tracks", "faces", *EMOTIONS))
        for t in totals(archive):
            shares = [f"{share:.3f}" for share in t.shares.values()]
            cells = (t.person, f"{t.seconds:.1f}", t.tracks, t.faces, *shares)
            click.echo(TOTAL.format(fitted(t.entry.facts.movie), *map(str, cells)))


@click.command()
@click.argument("folders", nargs=-1, type=Here(path_type=Path))
@PLACES
@verbosity
def status_command(folders: tuple[Path, ...], quiet: bool, verbose: bool, **given: Any) -> None:
    """Tell which movies are done, unfinished, failed or out of date, and why.

    \b
    Example:
        mine-video status output/
    """
    log_to_stderr(quiet, verbose)
    from collections import Counter

    from pipeline.archive.status import states
    from pipeline.disk.find import find_walks
    from pipeline.people import gallery

    job, known = job_of(given), ""
    try:
        if job.known_faces.is_dir():
            known = gallery.digest(job.known_faces, job.tolerance)
    except MiningError as error:  # Of a photo: the walks can be told all the same.
        log.warning("%s", error)
    count: Counter[str] = Counter()
    for s in states(find_walks(folders or [job.output], job.output), known):
        count[s.state] += 1
        click.echo(STATE.format(s.state, s.folder) + (f": {s.detail}" if s.detail else ""))
    click.echo(", ".join(f"{n} {state}" for state, n in sorted(count.items())), err=True)
