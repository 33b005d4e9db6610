"""The options that commands share, and how they become a `Job`."""

import logging
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from math import isnan
from pathlib import Path
from typing import Any, TypeVar
from unicodedata import normalize

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from pipeline.faces import ANY, EMOTIONS
from pipeline.models.registry import DETECTORS, EMOTION_MODELS, RECOGNIZERS
from pipeline.movie.remote import is_remote, path_or_url
from pipeline.settings import (
    AUTO,
    DEVICES,
    JOIN,
    MOST_WITHIN,
    OWN_SUBTITLES,
    Job,
    PickSettings,
    Smoothing,
    WalkSettings,
    classes,
    job_from,
)

log = logging.getLogger(__name__)

Command = TypeVar("Command", bound=Callable[..., Any])

WALK, PICK, JOB = WalkSettings(), PickSettings(), Job()

MEANT = {
    "joy": "happy", "happiness": "happy", "smile": "happy", "smiling": "happy", "anger": "angry",
    "rage": "angry", "mad": "angry", "sadness": "sad", "grief": "sad", "crying": "sad",
    "afraid": "fear", "scared": "fear", "shock": "surprise", "calm": "neutral",
}  # fmt: skip
"""Other words for emotions, which a message leads from."""

RAY_HEAD = re.compile(r"([\w.-]+|\[[\da-fA-F:]+\]):\d{1,5}")
"""Address of a Ray cluster's head: a host name, an IPv4 or bracketed IPv6 address; and a port."""


def cores() -> int:
    """Counts the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Duration(click.ParamType[dict[str, float]]):
    """A number of frames, such as `8`, or of seconds, such as `0.5s`."""

    name = "frames|seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, float]:
        """Returns the field of `PickSettings` that the text sets."""
        text = str(value).strip()
        if text.isdecimal() and int(text) >= 1:
            return {"repeat": int(text)}
        with suppress(ValueError):
            seconds = float(text.removesuffix("s"))
            if text.endswith("s") and 0 < seconds < float("inf"):
                return {"repeat_seconds": seconds}
        message = f"{value!r} is neither frames, such as 8, nor seconds, such as 0.5s"
        raise click.BadParameter(message, ctx, param)


class SmoothingType(click.ParamType[Smoothing]):
    """`auto`, or an odd number of frames."""

    name = "auto|frames"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Smoothing:
        """Returns the value of `PickSettings.smooth`."""
        text = str(value).strip().lower()
        if text == AUTO:
            return AUTO
        if not text.isdecimal() or int(text) % 2 == 0:
            message = f"{value!r} is neither auto nor an odd number of frames, such as 5"
            raise click.BadParameter(message, ctx, param)
        return int(text)


class Anywhere(click.Path):
    """A path, or a URL such as s3://bucket/movie.mp4."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns a `Path`, or a `Url` if the text is one."""
        place = path_or_url(os.fspath(value))
        return place if is_remote(place) else super().convert(value, param, ctx)


class Here(click.Path):
    """A local path: folders that are read and written all the time cannot be at a URL."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns a `Path`."""
        if is_remote(path_or_url(os.fspath(value))):
            self.fail(
                f"{value} is a URL: only movies may be URLs, and --output of `mine-video walk "
                "--ray`. Copy the folder to this machine and give its path.",
                param, ctx,
            )  # fmt: skip
        return super().convert(value, param, ctx)


class Cluster(click.ParamType[str]):
    """The address of a Ray cluster."""

    name = "local|auto|host:port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the text, if it can be a cluster's address."""
        text = str(value)
        if text not in ("local", "auto") and not RAY_HEAD.fullmatch(text):
            self.fail(f"{text!r} is not local, auto or HOST:PORT.", param, ctx)
        return text


class Whole(click.IntRange):
    """A whole number in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Returns the number."""
        try:
            int(value)
        except ValueError:  # Click would say "not a valid integer range".
            self.fail(f"{value!r} is not a whole number.", param, ctx)
        return int(super().convert(value, param, ctx))


class Real(click.FloatRange):
    """A number in a range; refuses `nan`, which compares false with both ends of any range."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Returns the number."""
        number = float("nan")
        with suppress(ValueError):  # Click would say "not a valid float range".
            number = float(value)
        if isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return float(super().convert(value, param, ctx))


class SecondsType(Real):
    """A number of seconds, such as `2s` or `0.5`."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Returns the number."""
        return super().convert(str(value).strip().removesuffix("s"), param, ctx)


class Listed:
    """A type whose values are separated by commas in an environment variable."""

    def split_envvar_value(self, rv: str) -> list[str]:
        """Splits the text of the variable."""
        return [part.strip() for part in rv.split(",")]


class PersonName(Listed, click.types.StringParamType):
    """A person's name; shells complete those of the photos, and of the movies on the line."""

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - click's own.
        incomplete: str,
    ) -> list[CompletionItem]:
        """Lists the names that begin so."""
        from pipeline.cli.completion import known_names

        return [CompletionItem(name) for name in known_names(ctx) if name.startswith(incomplete)]


class Companion(PersonName):
    """Somebody else: a known name, or unknown."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the name."""
        if value == ANY:
            self.fail(
                "any is nobody in particular; --alone is without anybody. Who is on screen with "
                "whom stands in the movie's report.html: mine-video report output/movie",
                param, ctx,
            )  # fmt: skip
        return str(value)


class OneOf(click.Choice[str]):
    """One of some words; suggests the nearest to a wrong one."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Lists the words."""
        similar = get_close_matches(str(value), self.choices, n=1)
        told = super().get_invalid_choice_message(value, ctx)
        return told + (f" Did you mean {similar[0]!r}?" if similar else "")


class EmotionChoice(Listed, OneOf):
    """An emotion, several joined to one class by `+`, or any."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Lists the emotions, and names the one that another word for it means."""
        meant = MEANT.get(str(value).lower())
        told = super().get_invalid_choice_message(value, ctx)
        return told.partition(" Did you mean")[0] + f" Did you mean {meant!r}?" if meant else told

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the emotion in small letters, or the class with its emotions in their order."""
        several = [part for part in re.split(r"[\s,;]+", str(value)) if part]
        if len(several) > 1:
            each = " ".join(f"--emotion {part}" for part in several)
            message = f"{value!r} is several; give the option once for each: {each}; or join them"
            self.fail(f"{message} to one: --emotion {JOIN.join(several)}", param, ctx)
        names = {
            super(EmotionChoice, self).convert(one, param, ctx) for one in str(value).split(JOIN)
        }
        if len(names) > 1 and ANY in names:
            self.fail(f"{value!r}: any is all of them; join emotions.", param, ctx)
        return JOIN.join(name for name in self.choices if name in names)


def options(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Joins options into one decorator; --help lists them in the given order."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def with_defaults(**values: Any) -> Callable[[Command], Command]:
    """Gives options of the decorators below it other defaults, by the names of parameters."""

    def decorate(command: Command) -> Command:
        for option in command.__click_params__:  # type: ignore[attr-defined]
            if option.name in values:
                option.default, option.show_default = values[option.name], True
        return command

    return decorate


def where_the_other_is_given(command: Command) -> Command:
    """Says in the help of --person and --emotion what `check_asked` asks for."""
    for option in command.__click_params__:  # type: ignore[attr-defined]
        if option.name in ("people", "emotions"):
            option.show_default = "any, where the other one is given"
    return command


OUTPUT_OPTION = click.option(
    "--output", type=Here(file_okay=False, path_type=Path), default=JOB.output,
    show_default=True, help="Folder that holds a folder for each movie.",
)  # fmt: skip

OUTPUT_ANYWHERE = click.option(
    "--output", type=Anywhere(file_okay=False, path_type=Path), default=JOB.output,
    show_default=True, help="Folder that holds a folder for each movie; with --ray also a URL.",
)  # fmt: skip

KNOWN = options(
    click.option(
        "--known-faces", type=Here(file_okay=False, path_type=Path),
        default=JOB.known_faces, show_default=True,
        help="Folder of photos: NAME.jpg or NAME/*.jpg for each person.",
    ),
    click.option(
        "--tolerance", type=Real(0, 2), show_default="the recognizer's: sface .97, dlib .38",
        help="Largest distance at which the faces that look most like a person get that name; "
        "others get it only where they surely are that person.",
    ),
)  # fmt: skip

PLACES = options(OUTPUT_OPTION, KNOWN)

WIDTH_OPTION = click.option(
    "--width", type=Whole(160), default=WALK.width, show_default=True,
    help="Width in pixels of the frames that the detector sees; wider finds smaller faces.",
)  # fmt: skip

NETWORK_OPTIONS = options(
    click.option(
        "--detector", type=OneOf(list(DETECTORS)), default=WALK.detector,
        show_default=True,
        help="Network that finds faces; hog and cnn are slower and need the extra `dlib`.",
    ),
    click.option(
        "--recognizer", default=WALK.recognizer, show_default=True, metavar="NAME|PATH",
        help=f"Network that tells people apart: {', '.join(RECOGNIZERS)} (the last two need the "
        "extra `dlib`), or your own .onnx file.",
    ),
    click.option(
        "--emotion-model", "emotion", default=WALK.emotion, show_default=True,
        metavar="NAME|PATH",
        help=f"Network that reads emotions: {' or '.join(EMOTION_MODELS)}, or your own .onnx or "
        ".keras file.",
    ),
    click.option(
        "--device", type=OneOf(DEVICES), default=JOB.device, show_default=True,
        help="Device that runs the ONNX networks; cuda needs onnxruntime-gpu.",
    ),
)  # fmt: skip

WALKING = options(
    click.option(
        "--every", type=Whole(1), default=WALK.every, show_default=True,
        help="Analyse every N-th frame.",
    ),
    click.option(
        "--detect-every", type=Whole(1, 30), default=WALK.detect_every, show_default=True,
        help="Run the detector on every N-th analysed frame, if N is not 1 on half of these while "
        "faces hold still; follow faces in between.",
    ),
    WIDTH_OPTION,
    click.option(
        "--start", type=Real(0), default=WALK.start, show_default=True,
        help="Begin at this second.",
    ),
    click.option("--end", type=Real(0), help="Stop at this second."),
    click.option("--align", is_flag=True, help="Rotate faces upright for the emotion network."),
    NETWORK_OPTIONS,
    click.option(
        "--workers", type=Whole(1), show_default="all cores, or the whole cluster",
        help="Largest number of parallel processes; the result does not depend on it.",
    ),
    click.option(
        "--ray", type=Cluster(), metavar="local|auto|HOST:PORT",
        help="Walk on a Ray cluster: one on this machine alone, the one that this machine is part "
        "of, or the one with this head; needs the extra `cluster`.",
    ),
    click.option("--rewalk", is_flag=True, help="Walk again and discard the earlier walk."),
)  # fmt: skip

PERSON_OPTION = click.option(
    "--person", "people", multiple=True, default=JOB.people, show_default=True, type=PersonName(),
    help="Person to pick: a known name, unknown, or any; may be repeated.",
)  # fmt: skip


def _emotion_option(*names: str) -> Callable[[Command], Command]:
    """The option of the look, which `--to` names beside `--from`."""
    return click.option(
        *names, "emotions", multiple=True, default=JOB.emotions, show_default=True,
        type=EmotionChoice([*EMOTIONS, ANY], case_sensitive=False), metavar="EMOTION",
        help=f"Emotion to pick: {', '.join(EMOTIONS)}, or any; may be repeated. sad+fear joins "
        "two or more to one.",
    )  # fmt: skip


OTHER_FILTERS = options(
    click.option(
        "--from", "from_", type=EmotionChoice(EMOTIONS, case_sensitive=False), metavar="EMOTION",
        help="Only where a face changes to the emotion from this one; of each change the face "
        "where it is the steepest. sad+fear joins two.",
    ),
    click.option(
        "--within", type=SecondsType(0, MOST_WITHIN), default=PICK.within,
        show_default=f"{PICK.within:g}s",
        help="How long that may take: 2s; also how long --after is after.",
    ),
    click.option(
        "--with", "with_", multiple=True, type=Companion(),
        help="Only where this person is in the same shot, too; may be repeated.",
    ),
    click.option(
        "--without", multiple=True, type=Companion(),
        help="Only where this person is not in the shot; may be repeated.",
    ),
    click.option("--alone", is_flag=True, help="Only where nobody else is in the shot."),
    click.option(
        "--same-frame", is_flag=True,
        help="Have --with, --without and --alone look at the frame, not at the whole shot.",
    ),
    click.option(
        "--repeat", type=Duration(), default=str(PICK.repeat), show_default=True,
        help="How long an emotion must last, in frames (8) or seconds (0.5s); 1 filters nothing.",
    ),
    click.option(
        "--sure", type=Real(0, 1), default=PICK.sure, show_default=True,
        help="Lowest chance that the emotion is right; higher keeps fewer, better faces.",
    ),
    click.option(
        "--smooth", type=SmoothingType(), default=PICK.smooth, show_default=True,
        help="How looks are told from the frames: auto decodes each track as a sequence; a number "
        "of frames averages over them; 1 takes each frame alone.",
    ),
    click.option(
        "--gap", type=Whole(0), default=PICK.gap, show_default=True,
        help="Frames in a row that a run may lack the emotion or the face.",
    ),
    click.option(
        "--min-prob", type=Real(0, 1), default=PICK.min_prob, show_default=True,
        help="Lowest probability of the emotion in a frame; averaged if --smooth is a number.",
    ),
    click.option(
        "--min-margin", type=Real(-1, 1), show_default="no limit",
        help="Lowest lead of that probability over the next emotion's; 0: the frame itself names "
        "the emotion, -1: no limit.",
    ),
    click.option(
        "--min-size", type=Real(0), default=PICK.min_size, show_default=True,
        help="Smallest face to keep, in pixels of its shorter side.",
    ),
    click.option(
        "--min-sharpness", type=Real(0), default=PICK.min_sharpness,
        show_default=True, help="Lowest sharpness to keep, as in faces.csv.",
    ),
    click.option(
        "--max-yaw", type=Real(0, 90), default=PICK.max_yaw, show_default=True,
        help="Largest turn of the face to either side, in degrees.",
    ),
    click.option("--single-face", is_flag=True, help="Keep only frames with one face."),
    click.option(
        "--border", type=Whole(0), show_default="no limit",
        help="Smallest distance of the face from the picture's edge, in pixels.",
    ),
)  # fmt: skip

FILTERS = options(PERSON_OPTION, _emotion_option("--emotion", "--to"), OTHER_FILTERS)

SET_FILTERS = options(PERSON_OPTION, _emotion_option("--emotion"), OTHER_FILTERS)
"""Those of a command whose --to names a folder."""

SPEECH = options(
    click.option(
        "--silent-only", is_flag=True,
        help="Only runs during which nobody speaks, according to --subtitles.",
    ),
    click.option(
        "--after", metavar="WORDS",
        help="Only looks that begin --within so long after a subtitle with these words, of others "
        "than who says it; * stands for anything.",
    ),
    click.option(
        "--subtitles", default=JOB.subtitles, metavar="FILE|own",
        help="Subtitles: a file, or own for the movie's own text track.",
    ),
    click.option(
        "--subtitle-offset", type=Real(-86400, 86400), default=JOB.subtitle_offset,
        show_default=True, help="Seconds added to the times of all subtitles.",
    ),
    click.option(
        "--subtitle-encoding", default=JOB.subtitle_encoding, show_default="detected",
        help="Text encoding of the subtitle file.",
    ),
)  # fmt: skip

LEARN_OPTION = click.option(
    "--learn", is_flag=True,
    help="Correct the network by what was accepted and rejected in this movie, where that gains.",
)  # fmt: skip

MARGIN_OPTION = click.option(
    "--margin", type=Real(0, 10), default=PICK.margin, show_default=True,
    help="Margin around the face in a crop, as a share of the face's longer side.",
)  # fmt: skip

ONE_EACH = options(
    click.option(
        "--peak", is_flag=True, help="Only the face of each run at the height of its look."
    ),
    click.option("--onset", is_flag=True, help="Only the face where the look of a run begins."),
)

PER_RUN_OPTION = click.option(
    "--per-run", type=Whole(0), default=PICK.per_run, show_default=True,
    help="Keep this many faces of each run, the best and most different; 0 keeps all.",
)  # fmt: skip

PICKING = options(
    FILTERS,
    LEARN_OPTION,
    SPEECH,
    ONE_EACH,
    PER_RUN_OPTION,
    MARGIN_OPTION,
    click.option("--explain", is_flag=True, help="Print how many faces each filter leaves."),
    click.option(
        "--compare", is_flag=True,
        help="Also write compare.jpg: the faces with the filters and without.",
    ),
    click.option(
        "--report/--no-report", default=JOB.report, show_default=True,
        help="Write report.html and timeline.png for the movie.",
    ),
)  # fmt: skip


class Places(click.Argument):
    """Movies, or the folders of walked ones; says what to give if there is none."""

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """Returns the paths."""
        try:
            return super().process_value(ctx, value)
        except click.MissingParameter as error:
            place = {"movies": "movie.mp4", "folders": "output/movie"}[str(self.name)]
            message = f"Give one or more, as in: {ctx.command_path} {place}"
            raise click.MissingParameter(message, ctx, self) from error


MOVIES = click.argument(
    "movies", nargs=-1, required=True, type=Anywhere(path_type=Path), cls=Places
)  # fmt: skip

FOLDERS = click.argument(
    "folders", nargs=-1, required=True, type=Here(path_type=Path), cls=Places
)  # fmt: skip

ALLOW_REMOTE = click.option(
    "--allow-remote", is_flag=True,
    help="Connect to another computer if walk.json says that the movie is there.",
)  # fmt: skip

MOVED = options(
    click.option(
        "--movie", type=Anywhere(path_type=Path), help="Path of the movie, if it was moved."
    ),
    ALLOW_REMOTE,
)


JSON_OPTION = click.option(
    "--json", "as_json", is_flag=True,
    help="Print one JSON document instead of tables and paths; its schema is in docs/schemas/.",
)  # fmt: skip


def verbosity(command: Command) -> Command:
    """Adds -q and -v."""
    return options(
        click.option(
            "-q",
            "--quiet",
            is_flag=True,
            help="Print no notes and progress, only results, warnings and errors.",
        ),
        click.option("-v", "--verbose", is_flag=True, help="Print more details."),
    )(command)


def check_single(
    places: Sequence[Path], movie: Path | None = None, subtitles: str = OWN_SUBTITLES
) -> None:
    """Refuses a movie's path or a subtitle file if there are several movies.

    Raises:
        UsageError: `movie` or a subtitle file is given, and `places` are several.
    """
    if len(places) > 1 and movie is not None:
        raise click.UsageError("--movie works with one folder only")
    if len(places) > 1 and subtitles not in ("", OWN_SUBTITLES):
        raise click.UsageError(
            "--subtitles FILE works with one movie only; --subtitles own works with several"
        )


def check_asked(places: Sequence[Path]) -> None:
    """Refuses a pick of everybody with every emotion unless it was asked for.

    An hour of film gives a hundred thousand crops, which nobody wants who typed a movie alone.

    Args:
        places: Movies or folders, of the command that runs.

    Raises:
        UsageError: Neither --person nor --emotion was given.
    """
    context = click.get_current_context()
    sources = {context.get_parameter_source(name) for name in ("people", "emotions")}
    if sources == {ParameterSource.DEFAULT}:
        words = shlex.join(["mine-video", str(context.info_name), *map(str, places[:1])])
        raise click.UsageError(
            f"say whom or which look to crop: {words} --person NAME, or --emotion happy, or both; "
            "--person any crops every face"
        )


def tell_everybody() -> bool:
    """Says that everybody is picked, where nobody was named; returns whether it is so."""
    source = click.get_current_context().get_parameter_source("people")
    if source == ParameterSource.DEFAULT:
        log.info("no --person is given: everybody is picked, each into a folder of their own")
    return source == ParameterSource.DEFAULT


def folders_of(places: Sequence[Path], job: Job, movie: Path | None = None) -> list[Path]:
    """Lists the movies' folders that `places` stand for, without failed walks.

    Args:
        places: Folders, tables or names as the user typed them; see `disk.find.find_walks`.
        job: Its `output` and `subtitles` are used.
        movie: Path of the movie, if there is only one folder.

    Raises:
        UsageError: See `check_single`.
        TableError: None of them holds a walk.
    """
    from pipeline.disk.find import find_walks, without_failed

    # Twice: wrong usage is reported even if the folders do not exist, and one folder may hold many.
    check_single(places, movie, job.subtitles)
    walks = without_failed(find_walks(places, job.output))
    check_single(walks, movie, job.subtitles)
    return walks


def _check_looks(given: dict[str, Any]) -> None:
    """Refuses looks that contradict one another.

    Raises:
        UsageError: They do.
    """
    emotions, before = given.get("emotions", ()), given.get("from_")
    try:
        classes(emotions, before)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--emotion") from error
    if set(emotions) == {before}:
        raise click.BadParameter(f"{before} to {before} is no change", param_hint="--from")
    if given.get("peak") and given.get("onset"):
        raise click.UsageError("give either --peak or --onset")


def _check_stray(given: dict[str, Any]) -> None:
    """Refuses words that seem to belong to an option, and were taken for movies or folders.

    Raises:
        UsageError: It says how to write them.
    """
    context = click.get_current_context(silent=True)
    params = context.params if context else {}
    places = params.get("movies") or params.get("folders") or ()
    emotions, people = given.get("emotions", ()), given.get("people", ())
    for place in places:
        word = str(place)
        # Not Path.exists, which raises if a folder may not be read.
        if is_remote(place) or os.path.exists(place):  # noqa: PTH110
            continue
        if word.casefold() in EMOTIONS and ANY not in emotions:
            each = " ".join(f"--emotion {emotion}" for emotion in (*emotions, word.casefold()))
            raise click.UsageError(f"{word!r} is a look; give the option once for each: {each}")
        if name := _known_as([f"{person} {word}" for person in people], given):
            raise click.UsageError(
                f"{word!r} is part of a name; put that in quotes: --person {shlex.quote(name)}"
            )


def _known_as(beginnings: Sequence[str], given: dict[str, Any]) -> str:
    """The name of somebody with photos that begins so; "" if there is none."""
    from pipeline.people.gallery import photos  # Slow to import.

    names = photos(given.get("known_faces", JOB.known_faces)) if beginnings else ()
    wanted = [normalize("NFC", beginning).casefold().split() for beginning in beginnings]
    found = (n for n in names for words in wanted if n.casefold().split()[: len(words)] == words)
    return next(found, "")


def job_of(given: dict[str, Any]) -> Job:
    """Builds the settings from a command's options; options that it lacks keep their defaults."""
    given |= {"after": given.get("after") or None}
    given |= given.pop("repeat", {})  # `Duration` gives repeat or repeat_seconds.
    if "ray" in given and given["workers"] is None:
        given["workers"] = cores() if given["ray"] in (None, "local") else sys.maxsize
    _check_looks(given)
    _check_stray(given)
    for option in ("silent_only", "after", "subtitle_offset", "subtitle_encoding"):
        if given.get(option) and not given["subtitles"]:
            hint = f"--{option.replace('_', '-')}"
            message = "needs --subtitles FILE or --subtitles own"
            raise click.BadParameter(message, param_hint=hint)
    if given.get("end") is not None and given["end"] <= given["start"]:
        raise click.BadParameter("must be after --start", param_hint="--end")
    return job_from(given)
