"""The commands that walk movies, pick faces and measure both."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import (
    FOLDERS,
    KNOWN,
    MOVED,
    MOVIES,
    OUTPUT_ANYWHERE,
    OUTPUT_OPTION,
    PICK,
    PICKING,
    PLACES,
    WALKING,
    Real,
    check_single,
    folders_of,
    job_of,
    verbosity,
)
from pipeline.cli.printing import Bar, Failures, Table, bar, crop_bar, each, log_to_stderr
from pipeline.movie.remote import is_remote
from pipeline.settings import Job

if TYPE_CHECKING:
    from pipeline.spread.walk import Ended


@click.command()
@MOVIES
@PICKING
@WALKING
@PLACES
@verbosity
def mine_command(movies: tuple[Path, ...], quiet: bool, verbose: bool, **given: Any) -> None:
    """Walk movies, name the faces, and crop those that are wanted.

    MOVIES are files, folders of them, patterns in quotes as 'films/**/*.mkv', or URLs.

    \b
    Example:
        mine-video movie.mp4 --person rdj --emotion happy --repeat 8
    """
    log_to_stderr(quiet, verbose)
    from pipeline import mine as program
    from pipeline.people.album import Album

    job = job_of(given)
    album = Album(job)
    shown = Table(explain=given["explain"])
    found = expanded(movies)
    check_single(found, subtitles=given["subtitles"])
    if given["ray"] is None:

        def one(movie: Path) -> None:
            name = movie.name
            told = program.mine(movie, job, bar(name, quiet), crop_bar(name, quiet), album)
            shown.add(name, told)

        each(found, one)
        return
    program.check_wanted(job, album)  # Rather now than after hours.
    failures = Failures(len(found))
    walked = list(on_cluster(found, job, given["ray"], failures, quiet=quiet))
    for done in walked:
        with failures.alone():
            crops = crop_bar(done.movie.name, quiet)
            shown.add(done.movie.name, program.pick(done.folder, job, done.movie, crops, album))
    failures.tell()


@click.command()
@MOVIES
@WALKING
@OUTPUT_ANYWHERE
@KNOWN
@verbosity
def walk_command(movies: tuple[Path, ...], quiet: bool, verbose: bool, **given: Any) -> None:
    """Write one row a face into output/MOVIE/faces.csv, without picking.

    MOVIES are files, folders of them, patterns in quotes as 'films/**/*.mkv', or URLs.

    \b
    Example:
        mine-video walk movie.mp4 --every 2
    """
    log_to_stderr(quiet, verbose)
    from pipeline import mine as program
    from pipeline.people.album import Album

    job = job_of(given)
    if is_remote(job.output) and given["ray"] is None:
        told = "a URL needs --ray: `--ray local` walks on this machine and writes there"
        raise click.BadParameter(told, param_hint="--output")
    found = expanded(movies)
    if given["ray"] is None:
        album = Album(job)

        def one(movie: Path) -> None:
            folder = program.walk(movie, job, bar(movie.name, quiet), album)
            click.echo(folder / "faces.csv")

        each(found, one)
        return
    failures = Failures(len(found))
    for done in on_cluster(found, job, given["ray"], failures, quiet=quiet):
        click.echo(done.folder / "faces.csv")
    failures.tell()


@click.command()
@FOLDERS
@PICKING
@PLACES
@MOVED
@verbosity
def pick_command(
    folders: tuple[Path, ...], movie: Path | None, quiet: bool, verbose: bool, **given: Any
) -> None:
    """Crop faces of movies that were walked.

    FOLDERS are those of the movies or folders of many of them, their faces.csv, or their names
    under --output.

    \b
    Example:
        mine-video pick output/movie --person rdj --emotion sad --repeat 12
    """
    log_to_stderr(quiet, verbose)
    from pipeline import mine as program
    from pipeline.disk.manifest import movie_name
    from pipeline.people.album import Album

    job = job_of(given)
    album = Album(job)
    shown = Table(explain=given["explain"])

    def one(folder: Path) -> None:
        name = movie_name(folder)
        shown.add(name, program.pick(folder, job, movie, crop_bar(name, quiet), album))

    each(folders_of(folders, job, movie), one)


@click.command()
@FOLDERS
@click.option(
    "--truth",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Labels: clip, person, first, last, emotion; or a sample.csv that you filled in.",
)
@click.option(
    "--sample",
    type=click.IntRange(1, 1000),
    help="Write sample.csv and sample.jpg with so many random faces, to be labelled by hand.",
)
@click.option(
    "--smooth",
    type=click.IntRange(1),
    default=PICK.smooth,
    show_default=True,
    help="Frames of the smoothing that is compared with none.",
)
@click.option(
    "--min-prob",
    type=Real(0, 1),
    default=PICK.min_prob,
    show_default=True,
    help="Least averaged probability that is compared with none.",
)
@OUTPUT_OPTION
@MOVED
@verbosity
def judge_command(
    folders: tuple[Path, ...],
    truth: Path | None,
    sample: int | None,
    movie: Path | None,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Measure precision, recall and yield of the repeater on movies that were walked.

    Prints a table for --repeat 1 to 25, plain, with smoothing, and with smoothing and --min-prob;
    the same for each emotion goes into judge.csv, a plot into judge.png. Intervals hold 95 % of
    the results when whole runs are drawn anew; neighbouring frames are no independent samples.

    \b
    Example:
        mine-video judge output/movie --sample 100
        mine-video judge output/movie --truth output/movie/sample.csv
    """  # fmt: skip
    log_to_stderr(quiet, verbose)
    from pipeline.judge import judge as assess

    if (truth is None) == (sample is None):
        raise click.UsageError("give either --truth FILE or --sample N")
    job = job_of(given)
    places = folders_of(folders, job, movie)
    if sample is not None:
        each(places, lambda place: click.echo(assess.write_sample(place, sample, movie)))
    elif truth is not None:
        for line in assess.judge(places, truth, job.pick):
            click.echo(line)


def on_cluster(
    movies: list[Path], job: Job, address: str, failures: Failures, *, quiet: bool
) -> "Iterator[Ended]":
    """Walks movies on a Ray cluster; gives each that is done, as soon as it is."""
    from pipeline.spread.walk import walk_on_cluster

    with closing(Bar("all movies", quiet=quiet)) as shown:
        for ended in walk_on_cluster(movies, job, address, shown):
            with shown.aside():
                if ended.error is None:
                    yield ended
                    continue
                with failures.alone():
                    raise ended.error


def expanded(given: tuple[Path, ...]) -> list[Path]:
    """The movies that files, folders and patterns stand for."""
    from pipeline.disk.find import find_movies

    return find_movies(given)
