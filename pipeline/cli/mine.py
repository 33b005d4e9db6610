"""The commands that walk movies, pick faces and measure both."""

import logging
import shlex
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import (
    FOLDERS,
    JSON_OPTION,
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
    SmoothingType,
    Whole,
    check_asked,
    check_single,
    folders_of,
    job_of,
    tell_everybody,
    verbosity,
    where_the_other_is_given,
)
from pipeline.cli.printing import (
    Bar,
    Failures,
    Table,
    bar,
    crop_bar,
    each,
    log_to_stderr,
    output_of,
)
from pipeline.cli.sections import command
from pipeline.faces import UNKNOWN
from pipeline.movie.remote import is_remote
from pipeline.settings import Job

if TYPE_CHECKING:
    from pipeline.report.outcome import Outcome
    from pipeline.spread.walk import Ended

log = logging.getLogger(__name__)


@command()
@MOVIES
@PICKING
@WALKING
@PLACES
@JSON_OPTION
@verbosity
def mine_command(
    movies: tuple[Path, ...], as_json: bool, quiet: bool, verbose: bool, **given: Any
) -> None:
    """Walk movies, name the faces, and crop the ones you ask for.

    MOVIES are video files, folders of them, quoted patterns such as 'films/**/*.mkv', or URLs.

    \b
    Example:
        mine-video movie.mp4 --person rdj --emotion happy --repeat 8
    """
    log_to_stderr(quiet, verbose)
    from pipeline import mine as program
    from pipeline.people.album import Album

    job = job_of(given)
    album = Album(job)
    paths = expanded(movies)
    check_single(paths, subtitles=given["subtitles"])
    everybody = tell_everybody()
    with output_of("mine", as_json=as_json) as output:
        table = Table(output, explain=given["explain"])
        if given["ray"] is None:

            def mine_one(movie: Path) -> None:
                name = movie.name
                outcomes = program.mine(movie, job, bar(name, quiet), crop_bar(name, quiet), album)
                table.add(name, outcomes)
                if everybody:
                    _tell_next(outcomes, job)

            each(paths, mine_one)
            return
        program.check_wanted(job, album)  # Fails now rather than after hours of walking.
        failures = Failures(len(paths))
        walks = list(on_cluster(paths, job, given["ray"], failures, quiet=quiet))
        for walk in walks:
            with failures.alone():
                crops = crop_bar(walk.movie.name, quiet)
                table.add(walk.movie.name, program.pick(walk.folder, job, walk.movie, crops, album))
        failures.tell()


def _tell_next(outcomes: "Sequence[Outcome]", job: Job) -> None:
    """Says how to pick one person and look, by an example that has moments, if need be neutral."""
    from pipeline.disk.pick_json import Wanted

    kept = [outcome for outcome in outcomes if outcome.steady]
    if kept:
        one = min(
            kept, key=lambda outcome: (outcome.person == UNKNOWN, outcome.emotion == "neutral")
        )
        job = replace(job, people=(one.person,), emotions=(one.emotion,))
        log.info(
            "to pick one of them with one look, from the same walk: mine-video pick %s %s",
            shlex.quote(str(one.folder.parent.parent)),
            " ".join(Wanted.of(job, str(job.known_faces)).options),
        )


@command()
@MOVIES
@WALKING
@OUTPUT_ANYWHERE
@KNOWN
@verbosity
def walk_command(movies: tuple[Path, ...], quiet: bool, verbose: bool, **given: Any) -> None:
    """Write a row for each face to output/MOVIE/faces.csv, without picking.

    MOVIES are video files, folders of them, quoted patterns such as 'films/**/*.mkv', or URLs.

    \b
    Example:
        mine-video walk movie.mp4 --every 2
    """
    log_to_stderr(quiet, verbose)
    from pipeline import mine as program
    from pipeline.people.album import Album

    job = job_of(given)
    if is_remote(job.output) and given["ray"] is None:
        message = "a URL needs --ray; `--ray local` walks on this machine and writes to the URL"
        raise click.BadParameter(message, param_hint="--output")
    paths = expanded(movies)
    if given["ray"] is None:
        album = Album(job)

        def walk_one(movie: Path) -> None:
            folder = program.walk(movie, job, bar(movie.name, quiet), album)
            click.echo(folder / "faces.csv")

        each(paths, walk_one)
        return
    failures = Failures(len(paths))
    for walk in on_cluster(paths, job, given["ray"], failures, quiet=quiet):
        click.echo(walk.folder / "faces.csv")
    failures.tell()


@command()
@where_the_other_is_given
@FOLDERS
@PICKING
@PLACES
@MOVED
@JSON_OPTION
@verbosity
def pick_command(
    folders: tuple[Path, ...],
    movie: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Crop faces from movies that were walked before.

    FOLDERS are the movies' folders (or folders of many of them), their faces.csv files, or their
    names under --output.

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
    walks = folders_of(folders, job, movie)
    check_asked(folders)
    tell_everybody()
    with output_of("pick", as_json=as_json) as output:
        table = Table(output, explain=given["explain"])

        def pick_one(folder: Path) -> None:
            name = movie_name(folder)
            table.add(name, program.pick(folder, job, movie, crop_bar(name, quiet), album))

        each(walks, pick_one)


@command()
@FOLDERS
@PLACES
@MOVED
@verbosity
def report_command(
    folders: tuple[Path, ...], movie: Path | None, quiet: bool, verbose: bool, **given: Any
) -> None:
    """Write report.html and timeline.png anew, with the names, decisions and crops of now.

    FOLDERS are the movies' folders (or folders of many of them), their faces.csv files, or their
    names under --output. Every pick writes them, too; use this after `name`, or after decisions in
    the review. What is steady is told by the settings of the last pick.

    \b
    Example:
        mine-video report output/movie
    """
    log_to_stderr(quiet, verbose)
    from pipeline import mine as program
    from pipeline.people.album import Album

    job = job_of(given)
    album = Album(job)
    each(
        folders_of(folders, job, movie),
        lambda folder: click.echo(program.report(folder, job, movie, album)),
    )


@command()
@FOLDERS
@click.option(
    "--truth",
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV of labels: clip, person, first, last, emotion; or a sample.csv that you filled in.",
)
@click.option(
    "--sample",
    type=Whole(1, 1000),
    help="Write sample.csv and sample.jpg with this many faces to label by hand, drawn in turn "
    "from each person and track.",
)
@click.option(
    "--smooth",
    type=SmoothingType(),
    default=PICK.smooth,
    show_default=True,
    help="Smoothing to compare with none, with a mean of 5 frames and with auto.",
)
@click.option(
    "--sure",
    type=Real(0, 1),
    default=PICK.sure,
    show_default=True,
    help="Lowest chance that the emotion is right, to compare with no limit.",
)
@click.option(
    "--min-prob",
    type=Real(0, 1),
    default=PICK.min_prob,
    show_default=True,
    help="Lowest probability of the emotion in a frame, to compare with no limit.",
)
@OUTPUT_OPTION
@MOVED
@JSON_OPTION
@verbosity
def judge_command(
    folders: tuple[Path, ...],
    truth: Path | None,
    sample: int | None,
    movie: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Measure the precision, recall and yield of --repeat on walked movies.

    FOLDERS are the movies' folders (or folders of many of them), their faces.csv files, or their
    names under --output. Prints a table for --repeat 1 to 25: without smoothing, with a mean of 5
    frames, with --smooth auto, and with it and --sure; and says which setting fits best. Writes
    the same for each emotion to judge.csv and a plot to judge.png. The 95 % intervals come from
    resampling whole runs, because neighbouring frames are not independent samples.

    \b
    Example:
        mine-video judge output/movie --sample 100
        mine-video judge output/movie --truth output/movie/sample.csv
    """  # fmt: skip
    log_to_stderr(quiet, verbose)
    from pipeline.judge import judge as assess
    from pipeline.judge.sample import SAMPLE, SAMPLE_SHEET, write_sample

    if (truth is None) == (sample is None):
        raise click.UsageError("give either --truth FILE or --sample N")
    job = job_of(given)
    walks = folders_of(folders, job, movie)
    with output_of("judge", as_json=as_json) as output:
        if sample is not None:

            def draw(walk: Path) -> None:
                advice = write_sample(walk, sample, movie, allow_remote=job.allow_remote)
                told.append(advice)
                output.file(walk / SAMPLE, walk / SAMPLE_SHEET, line=advice)

            told: list[str] = []
            each(walks, draw)
            output.tell(advice="\n".join(told), recommended=None)
        elif truth is not None:
            judged = assess.judge(walks, truth, job.pick)
            output.tell(advice=judged.advice, recommended=judged.recommended)
            output.add(judged.scores, lambda: click.echo("\n".join(assess.lines(judged))))
            for path in judged.files:
                output.file(path)


def on_cluster(
    movies: list[Path], job: Job, address: str, failures: Failures, *, quiet: bool
) -> "Iterator[Ended]":
    """Walks movies on a Ray cluster; yields each as soon as it is done."""
    from pipeline.spread.walk import walk_on_cluster

    with closing(Bar("all movies", quiet=quiet)) as progress:
        for ended in walk_on_cluster(movies, job, address, progress):
            with progress.aside():
                if ended.error is None:
                    yield ended
                    continue
                with failures.alone():
                    raise ended.error


def expanded(paths: tuple[Path, ...]) -> list[Path]:
    """Lists the movies that the given files, folders and patterns stand for."""
    from pipeline.disk.find import find_movies

    return find_movies(paths)
