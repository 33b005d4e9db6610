"""The commands that show faces as they happen: in the terminal, and in the browser."""

import sys
from contextlib import closing
from ipaddress import ip_address
from itertools import combinations
from pathlib import Path
from typing import Any

import click

from pipeline.cli.options import (
    KNOWN,
    NETWORK_OPTIONS,
    PLACES,
    WIDTH_OPTION,
    Real,
    cores,
    job_of,
    verbosity,
)
from pipeline.cli.printing import log_to_stderr
from pipeline.cli.signals import interrupted_once

OUTPUT_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--camera",
    show_default="0",
    metavar="NUMBER|URL",
    help="The webcam, from 0, or the address of a network camera.",
)
@click.option(
    "--source", type=OUTPUT_FILE, help="A recorded movie, played at its own speed, instead."
)
@click.option(
    "--save-crops",
    "crops",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a face a second there: 48x48, grey, centred.",
)
@click.option("--record", type=OUTPUT_FILE, help="Write the annotated stream as MP4.")
@click.option("--csv", "table", type=OUTPUT_FILE, help="Write a row a face, as in faces.csv.")
@WIDTH_OPTION
@NETWORK_OPTIONS
@KNOWN
@verbosity
def live_command(
    camera: str | None,
    source: Path | None,
    crops: Path | None,
    record: Path | None,
    table: Path | None,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Tell once a second how the faces before the camera look, until Ctrl-C.

    Times are those of the day, or of the movie. Frames for which there is no time are dropped;
    -v tells how far behind it is.

    \b
    Example:
        mine-video live --source movie.mp4 --record out.mp4
    """  # fmt: skip
    log_to_stderr(quiet, verbose)
    if camera is not None and source is not None:
        raise click.UsageError("--camera or --source, not both")
    _check_apart({"--source": source, "--save-crops": crops, "--record": record, "--csv": table})
    from pipeline.cli import overwrite
    from pipeline.disk.faces_csv import HEADER
    from pipeline.live import stream
    from pipeline.live.keep import StreamOutputs
    from pipeline.live.reader import Reader
    from pipeline.movie.camera import Camera, Movie
    from pipeline.movie.encode import is_own

    if record is not None:
        overwrite.check_overwrite("--record", record, is_own)
    if table is not None:
        overwrite.check_overwrite("--csv", table, overwrite.begins_with(HEADER))
    try:
        with interrupted_once():  # A recording is whole only when it is closed.
            click.echo("Reading video stream ...")
            shown = Movie(source) if source is not None else Camera(camera or "0")
            with closing(shown):
                click.echo("Preprocessing ...")
                kept = StreamOutputs(crops, record, table)
                stream.live(shown, Reader.of(job_of(given), cores()), kept, click.echo)
    except KeyboardInterrupt:
        told = "; what was to be kept is kept" if any((crops, record, table)) else ""
        click.echo(f"mine-video: stopped{told}", err=True)
        sys.exit(130)


def _check_apart(places: dict[str, Path | None]) -> None:
    """Refuses to write one file over another.

    Raises:
        UsageError: Two options name one place.
    """
    given = [(option, path) for option, path in places.items() if path is not None]
    for (option, path), (other, place) in combinations(given, 2):
        linked = path.exists() and place.exists() and path.samefile(place)
        if linked or path.resolve() == place.resolve():
            raise click.UsageError(f"{option} and {other} are both {place}; give different places")


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; others than this computer's own ask for a token.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--videos",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("videos"),
    show_default=True,
    help="Folder of the movies that can be chosen.",
)
@click.option(
    "--camera",
    default="0",
    show_default=True,
    metavar="NUMBER|URL",
    help="The camera of this computer that Live shows, or the address of a network camera.",
)
@click.option(
    "--max-upload",
    type=Real(0.1, 1000),
    default=20.0,
    show_default=True,
    help="Megabytes that a picture may have.",
)
@WIDTH_OPTION
@NETWORK_OPTIONS
@PLACES
@verbosity
def web_command(
    host: str,
    port: int,
    videos: Path,
    camera: str,
    max_upload: float,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Serve pages for the browser, until Ctrl-C.

    A picture's faces, the live stream; mine movies, look through the crops, name the people.

    Needs the extra `web_command`: pip install 'mine-video[web]'.

    \b
    Example:
        mine-video web --port 8080
    """  # fmt: skip
    log_to_stderr(quiet, verbose)
    try:
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise click.ClickException(
            f"{error.name} is not installed; type pip install 'mine-video[web]'"
        ) from error
    from pipeline.web.app import WebSettings
    from pipeline.web.serve import serve

    host = "127.0.0.1" if host == "localhost" else host
    try:
        ip_address(host)
    except ValueError as error:
        told = f"{host!r} is no address of this computer; give one, as 127.0.0.1"
        raise click.BadParameter(told, param_hint="--host") from error
    if not videos.is_dir():
        click.echo(f"mine-video: {videos}/ is no folder here: no movie can be chosen", err=True)
    settings = WebSettings(
        job_of(given | {"workers": cores()}), videos, camera, round(max_upload * 1e6)
    )
    try:
        serve(settings, host, port, cores(), click.echo)
    except KeyboardInterrupt:
        sys.exit(130)
