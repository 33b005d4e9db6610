"""The commands `live`, for the terminal, and `web`, for the browser."""

import re
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
    Whole,
    cores,
    job_of,
    verbosity,
)
from pipeline.cli.printing import log_to_stderr
from pipeline.cli.sections import command
from pipeline.cli.signals import interrupted_once
from pipeline.errors import PIP

NAME = re.compile(r"[a-z\d]([a-z\d.-]*[a-z\d])?", re.IGNORECASE)
"""The name of a computer."""

OUTPUT_FILE = click.Path(dir_okay=False, path_type=Path)


@command()
@click.option(
    "--camera",
    show_default="0",
    metavar="NUMBER|URL",
    help="Number of the webcam, from 0, or the URL of a network camera.",
)
@click.option(
    "--source",
    type=OUTPUT_FILE,
    help="A recorded movie to play at its own speed instead of the camera.",
)
@click.option(
    "--save-crops",
    "crops",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write one face per second into this folder: 48x48, grey, centred.",
)
@click.option("--record", type=OUTPUT_FILE, help="Write the annotated stream to this MP4.")
@click.option(
    "--csv", "table", type=OUTPUT_FILE, help="Write a row for each face, as in faces.csv."
)
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
    """Print once a second how the faces on camera look, until Ctrl-C.

    Times are the time of day, or the movie's own. Frames that come faster than they can be
    analysed are dropped; -v prints the delay.

    \b
    Example:
        mine-video live --source movie.mp4 --record out.mp4
    """  # fmt: skip
    log_to_stderr(quiet, verbose)
    if camera is not None and source is not None:
        raise click.UsageError("give --camera or --source, not both")
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
        # An MP4 is playable only once it is closed, so a second Ctrl-C must not cut that short.
        with interrupted_once():
            click.echo("Reading video stream ...")
            frames = Movie(source) if source is not None else Camera(camera or "0")
            with closing(frames):
                click.echo("Preprocessing ...")
                outputs = StreamOutputs(crops, record, table)
                stream.live(frames, Reader.of(job_of(given), cores()), outputs, click.echo)
    except KeyboardInterrupt:
        saved = " What was recorded is saved." if any((crops, record, table)) else ""
        click.echo(f"mine-video: Stopped.{saved}", err=True)
        sys.exit(130)


def _check_apart(paths: dict[str, Path | None]) -> None:
    """Refuses options that would write one file over another.

    Raises:
        UsageError: Two options name the same file or folder.
    """
    given = [(option, path) for option, path in paths.items() if path is not None]
    for (option, path), (other_option, other) in combinations(given, 2):
        linked = path.exists() and other.exists() and path.samefile(other)
        if linked or path.resolve() == other.resolve():
            raise click.UsageError(
                f"{option} and {other_option} are both {other}; give different paths"
            )


@command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; another than this lets other computers connect.",
)
@click.option(
    "--port",
    type=Whole(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 picks a free one.",
)
@click.option(
    "--cert",
    "certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificate for HTTPS, as PEM; needs --key.",
)
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Private key of the certificate, as PEM without a password.",
)
@click.option(
    "--public-name",
    default="",
    metavar="NAME",
    help="Name by which other computers reach this one, as in the certificate.",
)
@click.option(
    "--videos",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("videos"),
    show_default=True,
    help="Folder of the movies to choose from.",
)
@click.option(
    "--camera",
    default="0",
    show_default=True,
    metavar="NUMBER|URL",
    help="Camera that the page Live shows: a number, from 0, or the URL of a network camera.",
)
@click.option(
    "--max-upload",
    type=Real(0.1, 1000),
    default=20.0,
    show_default=True,
    help="Largest uploaded picture, in megabytes.",
)
@WIDTH_OPTION
@NETWORK_OPTIONS
@PLACES
@verbosity
def web_command(
    host: str,
    port: int,
    certificate: Path | None,
    key: Path | None,
    public_name: str,
    videos: Path,
    camera: str,
    max_upload: float,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Serve the browser pages until Ctrl-C.

    The pages analyse a photo, show a live stream, mine movies, review crops and name people.
    Open the address that it prints: only browsers that bring its token are let in.

    Needs the extra `web`: pip install 'mine-video[web]'.

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
            f"{error.name} is not installed; run {PIP} install 'mine-video[web]'"
        ) from error
    from pipeline.web.app import WebSettings
    from pipeline.web.serve import Listening, serve

    if (certificate is None) != (key is None):
        raise click.UsageError("--cert and --key need each other")
    if public_name and not NAME.fullmatch(public_name):
        raise click.BadParameter(
            f"{public_name!r} is not a name such as faces.example.org; leave out https:// and the "
            "port",
            param_hint="--public-name",
        )

    host = "127.0.0.1" if host == "localhost" else host
    try:
        ip_address(host)
    except ValueError as error:
        message = f"{host!r} is not an IP address; give one of this computer, such as 127.0.0.1"
        raise click.BadParameter(message, param_hint="--host") from error
    if not videos.is_dir():
        click.echo(
            f"mine-video: no folder {videos}/ here, so there are no movies to choose from", err=True
        )
    click.echo("mine-video: open this address in a browser; Ctrl-C ends it", err=True)
    settings = WebSettings(
        job_of(given | {"workers": cores()}), videos, camera, round(max_upload * 1e6)
    )
    try:
        place = Listening(host, port, certificate, key, public_name.lower())
        serve(settings, place, cores(), click.echo)
    except KeyboardInterrupt:
        sys.exit(130)
