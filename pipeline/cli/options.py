"""The options that commands share, and what they are made into."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields
from math import isnan
from pathlib import Path
from typing import Any, TypeVar
from unicodedata import normalize

import click

from pipeline.faces import EMOTIONS
from pipeline.models.registry import DETECTORS, RECOGNIZERS
from pipeline.movie.remote import is_remote, path_or_url
from pipeline.settings import DEVICES, OWN_SUBTITLES, Job, PickSettings, WalkSettings

Command = TypeVar("Command", bound=Callable[..., Any])

WALK, PICK, JOB = WalkSettings(), PickSettings(), Job()

RAY_HEAD = re.compile(r"([\w.-]+|\[[\da-fA-F:]+\]):\d{1,5}")
"""Of a Ray cluster: a name, a number, or one of IPv6 in brackets; and the port."""


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Duration(click.ParamType[dict[str, float]]):
    """Frames, as a whole number, or seconds, as a number and an s."""

    name = "frames|seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, float]:
        """Gives the fields of `PickSettings` that the text means."""
        text = str(value).strip()
        if text.isdecimal() and int(text) >= 1:
            return {"repeat": int(text)}
        with suppress(ValueError):
            seconds = float(text.removesuffix("s"))
            if text.endswith("s") and 0 < seconds < float("inf"):
                return {"repeat_seconds": seconds}
        told = f"{value!r} is neither frames, as 8, nor seconds, as 0.5s"
        raise click.BadParameter(told, ctx, param)


class Anywhere(click.Path):
    """A path, or a URL as s3://bucket/movie.mp4."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Gives a `Path`, or a `Url` in its place."""
        found = path_or_url(os.fspath(value))
        return found if is_remote(found) else super().convert(value, param, ctx)


class Here(click.Path):
    """A path: what is read and written there all the time cannot be at a URL."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Gives a `Path`."""
        if is_remote(path_or_url(os.fspath(value))):
            told = (
                "movies may be URLs, and --output of `mine-video walk --ray`; copy the folder here"
            )
            self.fail(f"{value} is a URL: only {told}, and give its path.", param, ctx)
        return super().convert(value, param, ctx)


class Cluster(click.ParamType[str]):
    """Where a Ray cluster is."""

    name = "local|auto|host:port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Gives the text, if a cluster may be there."""
        text = str(value)
        if text not in ("local", "auto") and not RAY_HEAD.fullmatch(text):
            self.fail(f"{text!r} is neither local, nor auto, nor HOST:PORT.", param, ctx)
        return text


class Real(click.FloatRange):
    """A number in a range; `nan` is in none, though it lies below and above no border."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Gives the number."""
        number = float(super().convert(value, param, ctx))
        if isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


def options(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Joins options into one decorator, first one shown first."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


OUTPUT_OPTION = click.option(
    "--output", type=Here(file_okay=False, path_type=Path), default=JOB.output,
    show_default=True, help="Folder of the movies' folders.",
)  # fmt: skip

OUTPUT_ANYWHERE = click.option(
    "--output", type=Anywhere(file_okay=False, path_type=Path), default=JOB.output,
    show_default=True, help="Folder of the movies' folders; with --ray a URL, too.",
)  # fmt: skip

KNOWN = options(
    click.option(
        "--known-faces", type=Here(file_okay=False, path_type=Path),
        default=JOB.known_faces, show_default=True,
        help="Folder of photos: NAME.jpg or NAME/*.jpg is a person.",
    ),
    click.option(
        "--tolerance", type=Real(0, 2), show_default="that of the recognizer: sface .97, dlib .38",
        help="Largest distance of a face to a known person.",
    ),
)  # fmt: skip

PLACES = options(OUTPUT_OPTION, KNOWN)

WIDTH_OPTION = click.option(
    "--width", type=click.IntRange(160), default=WALK.width, show_default=True,
    help="Pixels across of the picture that the detector sees; more finds smaller faces.",
)  # fmt: skip

NETWORK_OPTIONS = options(
    click.option(
        "--detector", type=click.Choice(list(DETECTORS)), default=WALK.detector,
        show_default=True,
        help="What finds faces; hog and cnn are slower, and need the extra `dlib`.",
    ),
    click.option(
        "--recognizer", type=click.Choice(list(RECOGNIZERS)), default=WALK.recognizer,
        show_default=True, help="What tells people apart; the others need the extra `dlib`.",
    ),
    click.option(
        "--emotion-model", "emotion", default=WALK.emotion, show_default=True,
        metavar="NAME|PATH", help="What reads emotions: ours, or an .onnx or .keras file of yours.",
    ),
    click.option(
        "--device", type=click.Choice(DEVICES), default=JOB.device, show_default=True,
        help="Where the ONNX networks run; cuda needs onnxruntime-gpu.",
    ),
)  # fmt: skip

WALKING = options(
    click.option(
        "--every", type=click.IntRange(1), default=WALK.every, show_default=True,
        help="Analyse every N-th frame.",
    ),
    click.option(
        "--detect-every", type=click.IntRange(1, 30), default=WALK.detect_every, show_default=True,
        help="Of those, run the detector on every N-th; follow faces between.",
    ),
    WIDTH_OPTION,
    click.option(
        "--start", type=Real(0), default=WALK.start, show_default=True,
        help="Begin at this second.",
    ),
    click.option("--end", type=Real(0), help="Stop at this second."),
    click.option("--align", is_flag=True, help="Turn faces upright for the emotion network."),
    NETWORK_OPTIONS,
    click.option(
        "--workers", type=click.IntRange(1), show_default="the cores, or all of a cluster",
        help="Most processes that walk side by side; the result is the same.",
    ),
    click.option(
        "--ray", type=Cluster(), metavar="local|auto|HOST:PORT",
        help="Walk on a Ray cluster: of this machine alone, of which it is part, or whose head is "
        "there; needs the extra `cluster`.",
    ),
    click.option("--rewalk", is_flag=True, help="Walk again, dropping an earlier walk."),
)  # fmt: skip

FILTERS = options(
    click.option(
        "--person", "people", multiple=True, default=JOB.people, show_default=True,
        help="Whom to pick: a known name, unknown, or any; may be repeated.",
    ),
    click.option(
        "--emotion", "emotions", multiple=True, default=JOB.emotions, show_default=True,
        type=click.Choice([*EMOTIONS, "any"], case_sensitive=False), metavar="EMOTION",
        help=f"What to pick: {', '.join(EMOTIONS)}, or any; may be repeated.",
    ),
    click.option(
        "--repeat", type=Duration(), default=str(PICK.repeat), show_default=True,
        help="Frames, or seconds as in 0.5s, that an emotion must hold for; 1 filters nothing.",
    ),
    click.option(
        "--smooth", type=click.IntRange(1), default=PICK.smooth, show_default=True,
        help="Frames over which probabilities are averaged first; 1 is none.",
    ),
    click.option(
        "--gap", type=click.IntRange(0), default=PICK.gap, show_default=True,
        help="Frames that may look otherwise, or be missing, within a run.",
    ),
    click.option(
        "--min-prob", type=Real(0, 1), default=PICK.min_prob, show_default=True,
        help="Least averaged probability.",
    ),
    click.option(
        "--min-size", type=Real(0), default=PICK.min_size, show_default=True,
        help="Least pixels of the face's shorter side.",
    ),
    click.option(
        "--min-sharpness", type=Real(0), default=PICK.min_sharpness,
        show_default=True, help="Least sharpness, as in faces.csv.",
    ),
    click.option(
        "--max-yaw", type=Real(0, 90), default=PICK.max_yaw, show_default=True,
        help="Most degrees that a face may be turned to either side.",
    ),
    click.option("--single-face", is_flag=True, help="Only frames with one face."),
    click.option(
        "--border", type=click.IntRange(0), show_default="it may leave the picture",
        help="Pixels that the face must keep from the picture's edge.",
    ),
)  # fmt: skip

SPEECH = options(
    click.option(
        "--silent-only", is_flag=True, help="Only runs while which nobody speaks, by --subtitles.",
    ),
    click.option(
        "--subtitles", default=JOB.subtitles, metavar="FILE|own",
        help="What is spoken: a file, or own for the movie's own text track.",
    ),
    click.option(
        "--subtitle-offset", type=Real(-86400, 86400), default=JOB.subtitle_offset,
        show_default=True, help="Seconds added to the times of all subtitles.",
    ),
    click.option(
        "--subtitle-encoding", default=JOB.subtitle_encoding, show_default="found out",
        help="Encoding of the file of subtitles.",
    ),
)  # fmt: skip

MARGIN_OPTION = click.option(
    "--margin", type=Real(0, 10), default=PICK.margin, show_default=True,
    help="Room around the face in a crop, as a share of its box.",
)  # fmt: skip

PICKING = options(
    FILTERS,
    SPEECH,
    click.option(
        "--per-run", type=click.IntRange(0), default=PICK.per_run, show_default=True,
        help="Keep so many faces of each run, the best and most different; 0 keeps all.",
    ),
    MARGIN_OPTION,
    click.option("--explain", is_flag=True, help="Say how many faces each step leaves."),
    click.option(
        "--compare", is_flag=True, help="Also write compare.jpg: with the filters and without.",
    ),
    click.option(
        "--report/--no-report", default=JOB.report, show_default=True,
        help="Write report.html and timeline.png of the movie.",
    ),
)  # fmt: skip

MOVIES = click.argument("movies", nargs=-1, required=True, type=Anywhere(path_type=Path))

FOLDERS = click.argument("folders", nargs=-1, required=True, type=Here(path_type=Path))

MOVED = click.option("--movie", type=Anywhere(path_type=Path), help="Where the movie is, if moved.")


def verbosity(command: Command) -> Command:
    """Adds -q and -v."""
    return options(
        click.option("-q", "--quiet", is_flag=True, help="Only warnings and errors."),
        click.option("-v", "--verbose", is_flag=True, help="Say more."),
    )(command)


def check_single(
    places: Sequence[Path], movie: Path | None = None, subtitles: str = OWN_SUBTITLES
) -> None:
    """Refuses for several movies what belongs to one.

    Raises:
        UsageError: A path or a file of subtitles is given, and several movies are.
    """
    if len(places) > 1 and movie is not None:
        raise click.UsageError("--movie goes with one folder only")
    if len(places) > 1 and subtitles not in ("", OWN_SUBTITLES):
        raise click.UsageError("--subtitles FILE goes with one movie only; own goes with several")


def folders_of(places: Sequence[Path], job: Job, movie: Path | None = None) -> list[Path]:
    """The movies' folders that are given, see `disk.find.find_walks`; failed walks are left out.

    Args:
        places: As they were typed.
        job: Its `output` and `subtitles` are used.
        movie: Where the movie of the only folder is.

    Raises:
        UsageError: See `check_single`.
        TableError: There is no walk in any of them.
    """
    from pipeline.disk.find import find_walks, without_failed

    check_single(places, movie, job.subtitles)  # What is misuse need not be there.
    found = without_failed(find_walks(places, job.output))
    check_single(found, movie, job.subtitles)
    return found


def job_of(given: dict[str, Any]) -> Job:
    """The settings that the options give; those not asked for keep their defaults."""

    def of(kind: type[Any]) -> dict[str, Any]:
        return {f.name: given[f.name] for f in fields(kind) if f.name in given}

    given |= given.pop("repeat", {})  # Frames or seconds.
    if "ray" in given and given["workers"] is None:
        given["workers"] = cores() if given["ray"] in (None, "local") else sys.maxsize
    if "people" in given:  # Some systems take é apart; names of photos are composed too.
        given["people"] = tuple(normalize("NFC", name) for name in given["people"])
    if given.get("smooth", 1) % 2 == 0:
        raise click.BadParameter("an odd number, so that it has a middle", param_hint="--smooth")
    for option in ("silent_only", "subtitle_offset", "subtitle_encoding"):
        if given.get(option) and not given["subtitles"]:
            hint = f"--{option.replace('_', '-')}"
            raise click.BadParameter("needs --subtitles FILE, or own", param_hint=hint)
    if given.get("end") is not None and given["end"] <= given["start"]:
        raise click.BadParameter("must be after --start", param_hint="--end")
    own = of(Job)
    return Job(**own, walk=WalkSettings(**of(WalkSettings)), pick=PickSettings(**of(PickSettings)))
