"""The commands `name` and `cast`, which say who is who."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import (
    ALLOW_REMOTE,
    FOLDERS,
    JSON_OPTION,
    PLACES,
    Anywhere,
    Here,
    PersonName,
    Whole,
    folders_of,
    job_of,
    verbosity,
)
from pipeline.cli.printing import WhoTable, aligned, each, echo_line, log_to_stderr, output_of
from pipeline.cli.sections import command
from pipeline.faces import clock
from pipeline.settings import Job

if TYPE_CHECKING:
    from pipeline.cast.folder import PrintedMember
    from pipeline.people.album import Album

log = logging.getLogger(__name__)

CAST_ROW = "{:>6} {:>9} {:>6} {:>6}  {:30} {:20} {}"


@command()
@click.argument("folders", nargs=-1, type=Here(path_type=Path))
@click.option(
    "--rename",
    nargs=2,
    type=PersonName(),
    metavar="OLD NEW",
    help="First move OLD's photos to NEW; if NEW has photos too, the two become one person.",
)
@click.option(
    "--cast",
    "adopted",
    nargs=2,
    multiple=True,
    type=(Whole(1), PersonName()),
    metavar="N NAME",
    help="First copy the photos of number N of the unknown cast to NAME; may be repeated.",
)
@PLACES
@JSON_OPTION
@verbosity
def name_command(
    folders: tuple[Path, ...],
    rename: tuple[str, str] | None,
    adopted: tuple[tuple[int, str], ...],
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Name faces by the current photos, and print who is who.

    FOLDERS are the movies' folders (or folders of many of them), their faces.csv files, or their
    names under --output; with --rename they may be left out. Needs neither the movies nor another
    walk. The table lists, for each person, the time on screen, tracks, faces, the mean distance to
    the photos, and the nearest other person.

    \b
    Example:
        mine-video name output/movie
        mine-video name output/movie --rename rdj robert
        mine-video name output/movie --cast 3 host --cast 5 host
    """
    log_to_stderr(quiet, verbose)
    from pipeline import mine as program
    from pipeline.disk.manifest import movie_name
    from pipeline.disk.pick_json import line_to_type
    from pipeline.disk.walked import finished
    from pipeline.opened import check_nameable
    from pipeline.people.album import Album

    if not folders and (adopted or rename is None):
        raise click.UsageError("give the folder of a movie, or --rename OLD NEW")
    job = job_of(given)
    walks = folders_of(folders, job)
    for folder in walks if rename or adopted else ():
        check_nameable(finished(folder))  # Before any photo is moved or copied.
    album = Album(job)
    _change_gallery(walks, rename, adopted, job, album)
    if not walks and job.output.is_dir():
        line = line_to_type("name", job.output, known_faces=job.known_faces)
        log.info("walked movies keep the old name until `%s`", line)
    with output_of("name", as_json=as_json) as output:
        table = WhoTable(output)
        each(walks, lambda f: table.add(movie_name(f), program.identify(f, job, album)))


def _change_gallery(
    folders: list[Path],
    rename: tuple[str, str] | None,
    adopted: tuple[tuple[int, str], ...],
    job: Job,
    album: "Album",
) -> None:
    """Moves and copies photos before the movies are named by them."""
    if rename is not None:
        from pipeline.people.rename import rename as move
        from pipeline.people.rename import was_moved

        if was_moved(job.known_faces, *rename):
            log.warning(
                "nobody is called %s, so their photos seem to belong to %s already; only the faces "
                "are named again", *rename,
            )  # fmt: skip
        else:
            for path in move(job.known_faces, *rename):
                log.info("%s is now %s: %s", *rename, path)
    if adopted:
        from pipeline.cast.adopt import adopt

        adopt(folders, adopted, job, album)


@command()
@FOLDERS
@PLACES
@click.option(
    "--movie",
    "movies",
    multiple=True,
    type=Anywhere(path_type=Path),
    help="Path of a movie, if it was moved; may be repeated.",
)
@ALLOW_REMOTE
@JSON_OPTION
@verbosity
def cast_command(
    folders: tuple[Path, ...],
    movies: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Sort the unknown faces into people, one cast for all the movies.

    FOLDERS are the movies' folders (or folders of many of them), their faces.csv files, or their
    names under --output. Writes photos of each person to cast/1, cast/2 and so on by screen time,
    cast/sheet.jpg with a row for each person, and cast.csv with a row for each track. They are
    written to the movie's folder, or for several movies to the folder that holds theirs. Look at
    the sheet, then name people with `mine-video name --cast`.

    \b
    Example:
        mine-video cast output/movie
        mine-video name output/movie --cast 1 host
    """
    log_to_stderr(quiet, verbose)
    from pipeline.cast import cast as casting
    from pipeline.disk.pick_json import line_to_type

    job = job_of(given)
    members = casting.cast(folders_of(folders, job), job, movies)
    with output_of("cast", as_json=as_json) as output:
        output.add(members, lambda: _print_cast(members))
    if members:
        sheet = min(Path(members[0].folder).parent.glob("sheet*.jpg"), key=lambda p: len(p.name))
        line = line_to_type("name", *folders, "--cast", "1", "NAME", known_faces=job.known_faces)
        log.info("look at %s, then name people: %s", sheet, line)


def _print_cast(members: "list[PrintedMember]") -> None:
    if members:
        titles = "number", "screen", "tracks", "photos", "folder", "may be", "movies"
        click.echo(aligned(CAST_ROW, *titles))
    for m in members:
        may_be = f"{m.offer} {m.sure:.2f}" if m.offer else ""
        cells = m.number, clock(m.seconds), m.tracks, len(m.photos), m.folder, may_be
        echo_line(aligned(CAST_ROW, *map(str, cells), ", ".join(m.movies)))
