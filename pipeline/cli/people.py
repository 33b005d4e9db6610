"""The commands that tell who is who."""

import logging
from pathlib import Path
from typing import Any

import click

from pipeline.cli.options import FOLDERS, PLACES, Anywhere, Here, folders_of, job_of, verbosity
from pipeline.cli.printing import WhoTable, each, log_to_stderr
from pipeline.faces import clock
from pipeline.settings import Job

log = logging.getLogger(__name__)

CAST_ROW = "{:>6} {:>9} {:>6} {:>6}  {:30} {:20} {}"


@click.command()
@click.argument("folders", nargs=-1, type=Here(path_type=Path))
@click.option(
    "--rename",
    nargs=2,
    metavar="OLD NEW",
    help="First move OLD's photos to NEW; where NEW is somebody too, the two become one.",
)
@click.option(
    "--cast",
    "adopted",
    nargs=2,
    multiple=True,
    type=(click.IntRange(1), str),
    metavar="N NAME",
    help="First copy the photos of number N of the movies' cast to NAME; may be repeated.",
)
@PLACES
@verbosity
def name_command(
    folders: tuple[Path, ...],
    rename: tuple[str, str] | None,
    adopted: tuple[tuple[int, str], ...],
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Name the faces of movies by the photos of today, and tell who is who.

    FOLDERS are those of the movies or folders of many of them, their faces.csv, or their names
    under --output. Neither the movies nor another walk are needed. The table gives for each person
    the time on screen, tracks, faces, the mean distance to the photos, and who else is nearest.

    \b
    Example:
        mine-video name output/movie
        mine-video name output/movie --rename guest sophie
        mine-video name output/movie --cast 3 host --cast 5 host
    """
    log_to_stderr(quiet, verbose)
    from pipeline import mine as program
    from pipeline.disk.manifest import movie_name
    from pipeline.disk.walked import finished
    from pipeline.people.album import Album

    if not folders and (adopted or rename is None):
        raise click.UsageError("give the folder of a movie, or --rename OLD NEW")
    job = job_of(given)
    found = folders_of(folders, job)
    for folder in found if rename or adopted else ():  # Before anything is moved or copied.
        finished(folder)
    _change_gallery(found, rename, adopted, job)
    shown = WhoTable()
    album = Album(job)
    each(found, lambda f: shown.add(movie_name(f), program.identify(f, job, album)))


def _change_gallery(
    folders: list[Path],
    rename: tuple[str, str] | None,
    adopted: tuple[tuple[int, str], ...],
    job: Job,
) -> None:
    """Moves and copies photos, before the movies are named by them."""
    if rename is not None:
        from pipeline.disk import tracks_npz
        from pipeline.people.rename import rename as move
        from pipeline.people.rename import was_moved

        named = {
            p for f in folders for p in tracks_npz.read_tracks(f / "tracks.npz").people.tolist()
        }
        if was_moved(job.known_faces, *rename, named):
            log.warning("%s has no photos, %s has: none is moved, faces are named anew", *rename)
        else:
            for place in move(job.known_faces, *rename):
                log.info("%s is now %s: %s", *rename, place)
    if adopted:
        from pipeline.cast.adopt import adopt

        adopt(folders, adopted, job)


@click.command()
@FOLDERS
@PLACES
@click.option(
    "--movie",
    "movies",
    multiple=True,
    type=Anywhere(path_type=Path),
    help="Where a movie is, if moved; may be repeated.",
)
@verbosity
def cast_command(
    folders: tuple[Path, ...], movies: tuple[Path, ...], quiet: bool, verbose: bool, **given: Any
) -> None:
    """Sort the faces without a name into people, one cast for all the movies.

    FOLDERS are those of the movies or folders of many of them, their faces.csv, or their names
    under --output. The cast lies in the movie's folder, that of several movies in the folder that
    holds theirs: photos of each person in cast/1, cast/2 and so on by screen time, cast/sheet.jpg
    with a line for each, and cast.csv with a line for each track. Look at the sheet, then give
    names.

    \b
    Example:
        mine-video cast output/movie
        mine-video name output/movie --cast 1 host
    """
    log_to_stderr(quiet, verbose)
    from pipeline.cast import cast as casting

    job = job_of(given)
    found = casting.cast(folders_of(folders, job), job, movies)
    if found:
        names = "number", "screen", "tracks", "photos", "folder", "may be", "movies"
        click.echo(CAST_ROW.format(*names))
    for one in found:
        may_be = f"{one.offer}, too: {one.sure:.2f}" if one.offer else ""
        told = one.number, clock(one.seconds), one.tracks, len(one.photos), one.folder, may_be
        click.echo(CAST_ROW.format(*map(str, told), ", ".join(one.movies)))
