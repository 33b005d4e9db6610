"""The commands for video editors: the annotated movie, clips, supercuts and timelines."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import (
    FILTERS,
    FOLDERS,
    LEARN_OPTION,
    MOVED,
    PLACES,
    SPEECH,
    Command,
    OneOf,
    Real,
    Whole,
    folders_of,
    job_of,
    options,
    verbosity,
)
from pipeline.cli.printing import Header, aligned, bar, each, echo_line, fitted, log_to_stderr
from pipeline.cli.sections import FormatsCommand, command
from pipeline.export.formats import FORMATS, check_installed

if TYPE_CHECKING:
    from pipeline.export.export import Exported

EXPORT_ROW = "{:20} {:12} {:8} {:>5} {:>5} {:>9}  {}"

FLAGGED = ("clips", "supercut", "edl", "otio", "xml")
"""Formats with a flag of their own, as all had before there were many."""


def _formats_option(command: Command) -> Command:
    """Adds --format, and the flags of `FLAGGED`."""
    flags = [
        click.option(f"--{kind}", is_flag=True, hidden=True, help=f"Short for --format {kind}.")
        for kind in FLAGGED
    ]
    return options(
        click.option(
            "--format", "kinds", multiple=True, type=OneOf(list(FORMATS)), metavar="NAME",
            help="What to write, see the table below; may be repeated.",
        ),
        *flags,
    )(command)  # fmt: skip


QUALITY_OPTION = click.option(
    "--quality", type=Whole(0, 51), default=18, show_default=True,
    help="x264's constant rate factor: lower means better quality and larger files.",
)  # fmt: skip


@command()
@FOLDERS
@FILTERS
@LEARN_OPTION
@SPEECH
@QUALITY_OPTION
@PLACES
@MOVED
@verbosity
def annotate_command(
    folders: tuple[Path, ...],
    quality: int,
    movie: Path | None,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Write the movie with boxes, names, emotions and bars drawn on it.

    FOLDERS are the movies' folders (or folders of many of them), their faces.csv files, or their
    names under --output. Faces that pass the filters are highlighted. The sound is kept.

    \b
    Example:
        mine-video annotate output/movie --repeat 12
    """
    log_to_stderr(quiet, verbose)
    from pipeline.disk.manifest import movie_name
    from pipeline.export import export as program
    from pipeline.people.album import Album

    job = job_of(given)
    album = Album(job)

    def annotate_one(folder: Path) -> None:
        progress = bar(movie_name(folder), quiet)
        click.echo(program.annotate(folder, job, progress, movie, album, quality=quality))

    each(folders_of(folders, job, movie), annotate_one)


@click.command(cls=FormatsCommand, formats={name: form.told for name, form in FORMATS.items()})
@FOLDERS
@_formats_option
@click.option(
    "--padding",
    type=Real(0),
    default=0.0,
    show_default=True,
    help="Seconds to add around each run; stretches that overlap are joined.",
)
@QUALITY_OPTION
@FILTERS
@LEARN_OPTION
@SPEECH
@PLACES
@MOVED
@verbosity
def export_command(
    folders: tuple[Path, ...],
    kinds: tuple[str, ...],
    padding: float,
    quality: int,
    movie: Path | None,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Write the steady runs as films, and for editing and other programs.

    FOLDERS are the movies' folders (or folders of many of them), their faces.csv files, or their
    names under --output. Cuts are exact to the frame. The files are written to
    <person>/<emotion>/ in the movie's folder, or, where one file holds everybody, to that folder.

    \b
    Example:
        mine-video export output/movie --person rdj --emotion happy --supercut --format edl
    """  # fmt: skip
    log_to_stderr(quiet, verbose)
    flags = [kind for kind in FLAGGED if given.pop(kind)]
    kinds = tuple(dict.fromkeys([*flags, *kinds]))
    if not kinds:
        raise click.UsageError(f"choose what to write: --format {', '.join(FORMATS)}")
    check_installed(kinds)
    from pipeline.disk.manifest import movie_name
    from pipeline.export import export as program
    from pipeline.people.album import Album

    job, settings = job_of(given), program.ExportSettings(kinds, padding, quality)
    album = Album(job)
    header = Header(EXPORT_ROW, "movie", "person", "emotion", "runs", "cuts", "seconds", "files")

    def export_one(folder: Path) -> None:
        name = movie_name(folder)
        outcomes = program.export(folder, job, settings, bar(name, quiet), movie, album)
        header.show()
        for outcome in outcomes:
            _print_outcome(name, outcome)

    each(folders_of(folders, job, movie), export_one)


def _print_outcome(name: str, o: "Exported") -> None:
    """Prints a line for a person and emotion with the first file, then the others and the hint."""
    first, *others = [*map(str, o.files), *([f"- {o.hint}"] if o.hint or not o.files else [])]
    seconds = f"{o.seconds:.1f}"
    echo_line(
        aligned(EXPORT_ROW, fitted(name), o.person, o.emotion, o.runs, o.cuts, seconds, first)
    )
    for other in others:
        echo_line(aligned(EXPORT_ROW, *[""] * 6, other))
