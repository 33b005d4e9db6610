"""The command line. Results go to standard output, progress and messages to standard error.

Exit codes: 0 done (no match is no error), 1 the world stands in the way, 2 misuse, 3 a bug,
130 Ctrl-C.
"""

import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from io import TextIOWrapper
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from unicodedata import normalize

import click

from pipeline import __version__
from pipeline.errors import MiningError
from pipeline.faces import EMOTIONS, clock
from pipeline.models.registry import DETECTORS, RECOGNIZERS
from pipeline.settings import DEVICES, Job, PickSettings, WalkSettings

if TYPE_CHECKING:
    from pipeline.mine import Outcome, StartProgress
    from pipeline.people.who import Presence

log = logging.getLogger(__name__)

Command = TypeVar("Command", bound=Callable[..., Any])

ROW = "{:20} {:12} {:8} {:>7} {:>7} {:>5}  {}"
WHO = "{:20} {:12} {:>9} {:>7} {:>7} {:>9}  {}"
CAST_ROW = "{:>6} {:>9} {:>6} {:>6}  {:30} {}"

WALK, PICK, JOB = WalkSettings(), PickSettings(), Job()


class DefaultGroup(click.Group):
    """`mine-video movie.mp4 …` is short for `mine-video mine movie.mp4 …`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts the default command before arguments that begin with none."""
        own = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        if args and args[0] not in own | self.commands.keys():
            late = [a for a in args if a in self.commands and not Path(a).exists()]
            if args[0].startswith("-") and late:
                raise click.UsageError(f"options stand behind the command: mine-video {late[0]} …")
            args.insert(0, "mine")
        return super().parse_args(ctx, args)


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


PLACES = options(
    click.option(
        "--output", type=click.Path(file_okay=False, path_type=Path), default=JOB.output,
        show_default=True, help="Folder of the movies' folders.",
    ),
    click.option(
        "--known-faces", type=click.Path(file_okay=False, path_type=Path),
        default=JOB.known_faces, show_default=True,
        help="Folder of photos: NAME.jpg or NAME/*.jpg is a person.",
    ),
    click.option(
        "--tolerance", type=Real(0, 2), default=JOB.tolerance, show_default=True,
        help="Largest distance of a face to a known person.",
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
    click.option(
        "--width", type=click.IntRange(160), default=WALK.width, show_default=True,
        help="Pixels across of the picture that the detector sees; more finds smaller faces.",
    ),
    click.option(
        "--start", type=Real(0), default=WALK.start, show_default=True,
        help="Begin at this second.",
    ),
    click.option("--end", type=Real(0), help="Stop at this second."),
    click.option("--align", is_flag=True, help="Turn faces upright for the emotion network."),
    click.option(
        "--detector", type=click.Choice(list(DETECTORS)), default=WALK.detector,
        show_default=True, help="What finds faces; hog and cnn are dlib's, and slower.",
    ),
    click.option(
        "--recognizer", type=click.Choice(list(RECOGNIZERS)), default=WALK.recognizer,
        show_default=True, help="What tells people apart; face_recognition must be installed.",
    ),
    click.option(
        "--emotion-model", "emotion", default=WALK.emotion, show_default=True,
        metavar="NAME|PATH", help="What reads emotions: ours, or an .onnx or .keras file of yours.",
    ),
    click.option(
        "--device", type=click.Choice(DEVICES), default=JOB.device, show_default=True,
        help="Where the ONNX networks run; cuda needs onnxruntime-gpu.",
    ),
    click.option(
        "--workers", type=click.IntRange(1), default=cores, show_default="the cores",
        help="Processes that walk side by side; the result is the same.",
    ),
    click.option("--rewalk", is_flag=True, help="Walk again, dropping an earlier walk."),
)  # fmt: skip

PICKING = options(
    click.option(
        "--person", "people", multiple=True, default=JOB.people, show_default=True,
        help="Whom to pick: a known name, unknown, or any; may be repeated.",
    ),
    click.option(
        "--emotion", "emotions", multiple=True, default=JOB.emotions, show_default=True,
        type=click.Choice([*EMOTIONS, "any"]), metavar="EMOTION",
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
    click.option(
        "--per-run", type=click.IntRange(0), default=PICK.per_run, show_default=True,
        help="Keep so many faces of each run, the best and most different; 0 keeps all.",
    ),
    click.option(
        "--margin", type=Real(0, 10), default=PICK.margin, show_default=True,
        help="Room around the face in a crop, as a share of its box.",
    ),
    click.option("--explain", is_flag=True, help="Say how many faces each step leaves."),
    click.option(
        "--compare", is_flag=True, help="Also write compare.jpg: with the filters and without.",
    ),
)  # fmt: skip

MOVIES = click.argument("movies", nargs=-1, required=True, type=click.Path(path_type=Path))


@click.group(cls=DefaultGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mine-video")
def main() -> None:
    """Pick the steady faces of a person and an emotion out of movies.

    Put a photo of each person into known_faces/, then:

    \b
        mine-video movie.mp4 --person rdj --emotion happy --repeat 8

    walks the movie once, and crops the faces into output/movie/rdj/happy/. A second call, with
    other people or emotions, takes seconds.
    """


def verbosity(command: Command) -> Command:
    """Adds -q and -v."""
    return options(
        click.option("-q", "--quiet", is_flag=True, help="Only warnings and errors."),
        click.option("-v", "--verbose", is_flag=True, help="Say more."),
    )(command)


@main.command()
@MOVIES
@PICKING
@WALKING
@PLACES
@verbosity
def mine(movies: tuple[Path, ...], quiet: bool, verbose: bool, **given: Any) -> None:
    """Walk movies, name the faces, and crop those that are wanted.

    \b
    Example:
        mine-video movie.mp4 --person rdj --emotion happy --repeat 8
    """
    _log_to_stderr(quiet, verbose)
    from pipeline import mine as program

    job = job_of(given)
    shown = Table(explain=given["explain"])

    def one(movie: Path) -> None:
        shown.add(movie.name, program.mine(movie, job, bar(movie.name, quiet)))

    each(movies, one)


@main.command()
@MOVIES
@WALKING
@PLACES
@verbosity
def walk(movies: tuple[Path, ...], quiet: bool, verbose: bool, **given: Any) -> None:
    """Write one row a face into output/MOVIE/faces.csv, without picking.

    \b
    Example:
        mine-video walk movie.mp4 --every 2
    """
    _log_to_stderr(quiet, verbose)
    from pipeline import mine as program

    job = job_of(given)
    each(movies, lambda m: click.echo(program.walk(m, job, bar(m.name, quiet)) / "faces.csv"))


@main.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@PICKING
@PLACES
@click.option("--movie", type=click.Path(path_type=Path), help="Where the movie is, if moved.")
@verbosity
def pick(
    folders: tuple[Path, ...], movie: Path | None, quiet: bool, verbose: bool, **given: Any
) -> None:
    """Crop faces of movies that were walked.

    FOLDERS are those of the movies, their faces.csv, or their names under --output.

    \b
    Example:
        mine-video pick output/movie --person rdj --emotion sad --repeat 12
    """
    _log_to_stderr(quiet, verbose)
    from pipeline import mine as program

    if movie is not None and len(folders) > 1:
        raise click.UsageError("--movie goes with one folder only")
    job = job_of(given)
    shown = Table(explain=given["explain"])

    def one(place: Path) -> None:
        folder = folder_of(place, job)
        shown.add(program.movie_name(folder), program.pick(folder, job, movie))

    each(folders, one)


@main.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
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
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=JOB.output,
    show_default=True,
    help="Folder of the movies' folders.",
)
@click.option(
    "--movie", type=click.Path(path_type=Path), help="With --sample: where the movie is, if moved."
)
@verbosity
def judge(
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
    _log_to_stderr(quiet, verbose)
    from pipeline import assess

    if (truth is None) == (sample is None):
        raise click.UsageError("give either --truth FILE or --sample N")
    job = job_of(given)
    places = [folder_of(folder, job) for folder in folders]
    if sample is not None:
        for place in places:
            click.echo(assess.write_sample(place, sample, movie))
    elif truth is not None:
        for line in assess.judge(places, truth, job.pick):
            click.echo(line)


@main.command()
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path))
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
def name(
    folders: tuple[Path, ...],
    rename: tuple[str, str] | None,
    adopted: tuple[tuple[int, str], ...],
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Name the faces of movies by the photos of today, and tell who is who.

    FOLDERS are those of the movies, their faces.csv, or their names under --output. Neither the
    movies nor another walk are needed. The table gives for each person the time on screen, tracks,
    faces, the mean distance to the photos, and who else is nearest.

    \b
    Example:
        mine-video name output/movie
        mine-video name output/movie --rename guest sophie
        mine-video name output/movie --cast 3 host --cast 5 host
    """
    _log_to_stderr(quiet, verbose)
    from pipeline import mine as program

    if not folders and (adopted or rename is None):
        raise click.UsageError("give the folder of a movie, or --rename OLD NEW")
    job = job_of(given)
    for place in folders if rename or adopted else ():  # Before anything is moved or copied.
        program.finished(folder_of(place, job))
    _change_gallery(folders, rename, adopted, job)
    shown = WhoTable()

    def one(place: Path) -> None:
        folder = folder_of(place, job)
        shown.add(program.movie_name(folder), program.identify(folder, job))

    each(folders, one)


def _change_gallery(
    folders: tuple[Path, ...],
    rename: tuple[str, str] | None,
    adopted: tuple[tuple[int, str], ...],
    job: Job,
) -> None:
    """Moves and copies photos, before the movies are named by them."""
    if rename is not None:
        from pipeline.people.rename import rename as move

        for place in move(job.known_faces, *rename):
            log.info("%s is now %s: %s", *rename, place)
    if adopted:
        from pipeline.casting import adopt

        adopt([folder_of(folder, job) for folder in folders], adopted, job)


@main.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@PLACES
@click.option(
    "--movie",
    "movies",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Where a movie is, if moved; may be repeated.",
)
@verbosity
def cast(
    folders: tuple[Path, ...], movies: tuple[Path, ...], quiet: bool, verbose: bool, **given: Any
) -> None:
    """Sort the faces without a name into people, one cast for all the movies.

    FOLDERS are those of the movies, their faces.csv, or their names under --output. The cast lies
    in the movie's folder, that of several movies in the folder that holds theirs: photos of each
    person in cast/1, cast/2 and so on by screen time, cast/sheet.jpg with a line for each, and
    cast.csv with a line for each track. Look at the sheet, then give names.

    \b
    Example:
        mine-video cast output/movie
        mine-video name output/movie --cast 1 host
    """
    _log_to_stderr(quiet, verbose)
    from pipeline import casting

    job = job_of(given)
    places = [folder_of(folder, job) for folder in folders]
    found = casting.cast(places, job, movies)
    if found:
        click.echo(CAST_ROW.format("number", "screen", "tracks", "photos", "folder", "movies"))
    for one in found:
        told = one.number, clock(one.seconds), one.tracks, len(one.photos), one.folder
        click.echo(CAST_ROW.format(*map(str, told), ", ".join(one.movies)))


def each(paths: Sequence[Path], do: Callable[[Path], None]) -> None:
    """Does something with each movie or folder; one that fails does not stop the others.

    Raises:
        MiningError: The only one failed, or some of several did (each was named before).
    """
    failed: list[MiningError] = []
    for path in paths:
        try:
            do(path)
        except MiningError as error:
            if len(paths) == 1:
                raise
            click.echo(f"mine-video: {error}", err=True)
            failed.append(error)
    if failed:
        raise MiningError(f"{len(failed)} of {len(paths)} failed, see above; the others are done")


def _there(path: Path) -> bool:
    """Whether a file is there; nothing is where one may not look, or too long a name."""
    with suppress(OSError):
        return path.exists()
    return False


def folder_of(place: Path, job: Job) -> Path:
    """A movie's folder, given as such, as its faces.csv, or as a name under the output folder."""
    if place.name == "faces.csv":
        return place.parent
    named = job.output / place
    return named if not _there(place / "walk.json") and _there(named) else place


def job_of(given: dict[str, Any]) -> Job:
    """The settings that the options give; those not asked for keep their defaults."""

    def of(kind: type[Any]) -> dict[str, Any]:
        return {f.name: given[f.name] for f in fields(kind) if f.name in given}

    given |= given.pop("repeat", {})  # Frames or seconds.
    if "people" in given:  # Some systems take é apart; names of photos are composed too.
        given["people"] = tuple(normalize("NFC", name) for name in given["people"])
    if given.get("smooth", 1) % 2 == 0:
        raise click.BadParameter("an odd number, so that it has a middle", param_hint="--smooth")
    if given.get("end") is not None and given["end"] <= given["start"]:
        raise click.BadParameter("must be after --start", param_hint="--end")
    own = of(Job)
    return Job(**own, walk=WalkSettings(**of(WalkSettings)), pick=PickSettings(**of(PickSettings)))


def bar(name: str, quiet: bool) -> "StartProgress":
    """A progress bar on a terminal: frames, frames a second, faces found, time left."""

    def begin(total: int) -> Callable[[int, int], None]:
        from tqdm import tqdm

        shown = tqdm(
            total=total, desc=name, unit="frame", smoothing=0.05, dynamic_ncols=True,
            disable=True if quiet else None,
        )  # fmt: skip
        found = 0

        def tell(frames: int, faces: int) -> None:
            nonlocal found
            found += faces
            if faces:
                shown.set_postfix_str(f"{found} faces", refresh=False)
            shown.update(frames)
            if shown.n >= total:
                shown.close()

        return tell

    return begin


class Table:
    """What was picked, one line for each movie, person and emotion, as it comes."""

    def __init__(self, *, explain: bool) -> None:
        self._begun = False
        self._explain = explain

    def add(self, name: str, outcomes: Sequence["Outcome"]) -> None:
        """Prints a movie's lines, under a header where they are the first."""
        if not self._begun:
            click.echo(ROW.format("movie", "person", "emotion", "seen", "steady", "runs", "folder"))
            self._begun = True
        for o in outcomes:
            what = str(o.folder) if o.steady else f"- {o.hint}"
            click.echo(ROW.format(name, o.person, o.emotion, o.seen, o.steady, o.runs, what))
            if self._explain:
                steps = " > ".join(f"{step} {count}" for step, count in o.funnel.items())
                click.echo(f"{'':20} {steps}")


class WhoTable:
    """Who is who, one line for each movie and person, as it comes."""

    def __init__(self) -> None:
        self._begun = False

    def add(self, movie: str, people: Sequence["Presence"]) -> None:
        """Prints a movie's lines, under a header where they are the first."""
        if not self._begun:
            header = ("movie", "person", "seconds", "tracks", "faces", "distance", "nearest other")
            click.echo(WHO.format(*header))
            self._begun = True
        for p in people:
            distance = "-" if isnan(p.distance) else f"{p.distance:.2f}"
            other = f"{p.other} {p.other_distance:.2f}" if p.other else "-"
            name = p.person or "unknown"
            row = (movie, name, f"{p.seconds:.1f}", p.tracks, p.faces, distance, other)
            click.echo(WHO.format(*row))
        if not people:
            click.echo(f"{movie:20} - no face was found")


def _log_to_stderr(quiet: bool, verbose: bool) -> None:
    level = logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr, force=True)
    logging.getLogger("pipeline").setLevel(level)


@contextmanager
def _exit_codes() -> Iterator[None]:
    """Turns what went wrong into a message and an exit code."""
    try:
        yield
    except MiningError as error:
        click.echo(f"mine-video: {error}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo(
            "\nmine-video: stopped; finished parts are kept, the same line goes on (not --rewalk)",
            err=True,
        )
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception:
        traceback.print_exc()
        click.echo("mine-video: this is a bug; please report it with the lines above", err=True)
        sys.exit(3)


def run() -> None:
    """The program `mine-video`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # A movie's name may be no text.
            stream.reconfigure(errors="backslashreplace")
    with _exit_codes():
        main(prog_name="mine-video", standalone_mode=False)
