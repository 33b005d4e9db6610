"""Every default and every range, in one place; the command line builds these settings."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, fields, replace
from math import ceil
from pathlib import Path
from shlex import quote
from typing import Any, Final, Literal
from unicodedata import normalize

from pipeline.faces import ANY, EMOTIONS

OUTPUT = Path("output")
KNOWN_FACES = Path("known_faces")

PART_SECONDS = 10.0
"""Seconds; each multiple starts a part of the walk at the next key frame."""

ONNX, KERAS = ".onnx", ".keras"
"""Suffixes of network files, which tell a path from a name in the registry."""

NETWORK_FILES = ("recognizer", "emotion")
"""The settings of a walk that may be the path of a network of one's own."""

DEVICES = ("cpu", "cuda")

OWN_SUBTITLES = "own"
"""The value of --subtitles that means the movie's own text track."""

AUTO: Final = "auto"
"""The value of --smooth that decodes each track as a sequence, see `pick.decoder`."""

JOIN = "+"
"""Joins emotions to one class: sad+fear."""

Smoothing = int | Literal["auto"]

MOST_WITHIN = 86_400.0
"""Seconds: a day."""

MOST_FRAMES = 1e15
"""More than any movie has; limits the frames that a number of seconds becomes."""


@dataclass(frozen=True, slots=True)
class WalkSettings:
    """Settings that change the rows of a walk; all are part of the walk's fingerprint.

    Attributes:
        every: analyse every n-th frame, from 1.
        width: frames are shrunk to about this many pixels across for the detector, from 160.
        detect_every: run the detector on every n-th analysed frame, and if n is not 1 only on
            every other of these where faces hold still and they are at most 6 frames apart; boxes
            in between are interpolated.
        start: seconds; the walk begins at the first frame at or after this time.
        end: seconds; the walk ends before the first frame at or after this time, or at the end of
            the movie if it is None.
        min_score: smallest score of a detected face, 0 to 1.
        align: rotate and scale faces to fixed eye and mouth positions before the emotion network.
        detector: name in `models.registry`.
        recognizer: name in `models.registry`, or the path of a network, which becomes absolute.
        emotion: name in `models.registry`, or the path of a network, which becomes absolute.
    """

    every: int = 1
    width: int = 640
    detect_every: int = 3
    start: float = 0.0
    end: float | None = None
    min_score: float = 0.7
    align: bool = False
    detector: str = "yunet"
    recognizer: str = "sface"
    emotion: str = "two-headed-int8"

    def __post_init__(self) -> None:
        if self.every < 1 or self.detect_every < 1 or self.width < 160:
            raise ValueError(f"every and detect_every from 1, width from 160: {self}")
        if not self.start >= 0 or not (self.end is None or self.end > self.start):
            raise ValueError(f"start from 0, end after start: {self}")
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score from 0 to 1: {self}")
        for name in ("start", "end", "min_score"):
            value = getattr(self, name)
            if value is not None:  # Else 1 and 1.0 would give two fingerprints.
                object.__setattr__(self, name, float(value))
        # A later command may run in another folder.
        for name in NETWORK_FILES:
            value = getattr(self, name)
            if Path(value).suffix in (ONNX, KERAS):
                object.__setattr__(self, name, str(Path(value).absolute()))


@dataclass(frozen=True, slots=True)
class PickSettings:
    """Settings that decide which rows become crops, in the order in which they apply.

    docs/accuracy.md gives the reasons for the defaults ("What the filters are worth").

    Attributes:
        smooth: `AUTO`, or frames in the centred moving average of the probabilities, odd; 1 does
            not smooth.
        repeat: source frames for which a label must hold, from 1; 1 filters nothing.
        repeat_seconds: the same in seconds; replaces `repeat` unless it is 0, see `at`.
        gap: source frames without the emotion or the face that a run may bridge, from 0.
        sure: smallest chance that the emotion is right, 0 to 1, see `pick.evidence`.
        min_prob: smallest probability of the wanted emotion in the frame, 0 to 1; averaged over
            time if `smooth` is a number.
        min_margin: smallest distance of that probability to that of the next emotion, -1 to 1;
            None also lets the next one be more probable.
        min_size: smallest shorter side of the face's box in pixels.
        min_sharpness: smallest variance of the Laplacian.
        max_yaw: largest turn to either side in degrees, 0 to 90.
        single_face: keep only frames with a single face.
        border: smallest distance of a box to the edge of the picture in pixels; None lets boxes
            extend beyond it.
        silent_only: keep only runs during which nobody speaks, by the subtitles.
        after: keep only runs that begin shortly after a subtitle with these words, of others than
            who says it, see `pick.speech`; None asks for none.
        with_: keep only faces in company of all these people, names or "unknown", see
            `pick.company`.
        without: keep only faces where none of these people is there.
        alone: keep only faces where nobody else is there.
        same_frame: company is who is in the same frame, rather than in the same shot.
        from_: keep only faces that looked so shortly before, one of `EMOTIONS` or a class of them,
            see `pick.change`; None asks for none.
        within: seconds that count as shortly, here and for `after`, from 0.
        peak: keep only the face of each run at the height of its look, see `pick.apex`.
        onset: keep only that where the look begins; not together with `peak`.
        per_run: how many of the best and most different faces to keep of each run; 0 keeps all.
        margin: space around the face on each side, as a share of the box.
    """

    smooth: Smoothing = AUTO
    repeat: int = 8
    repeat_seconds: float = 0.0
    gap: int = 0
    sure: float = 0.7
    min_prob: float = 0.0
    min_margin: float | None = None
    min_size: float = 0.0
    min_sharpness: float = 0.0
    max_yaw: float = 90.0
    single_face: bool = False
    border: int | None = None
    silent_only: bool = False
    after: str | None = None
    with_: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    alone: bool = False
    same_frame: bool = False
    from_: str | None = None
    within: float = 3.0
    peak: bool = False
    onset: bool = False
    per_run: int = 0
    margin: float = 0.3

    def __post_init__(self) -> None:
        number = self.smooth if isinstance(self.smooth, int) else 0
        least = (self.repeat_seconds, self.gap, self.min_size, self.min_sharpness)
        counts = (self.border or 0, self.per_run)
        rules = {
            "repeat from 1": self.repeat >= 1,
            "smooth auto, or an odd number of frames from 1": self.smooth == AUTO
            or (number >= 1 and number % 2 == 1),
            "sure and min_prob from 0 to 1": 0 <= self.sure <= 1 and 0 <= self.min_prob <= 1,
            "margin from 0": self.margin >= 0,
            "min_margin from -1 to 1": -1 <= (self.min_margin or 0) <= 1,
            "seconds, gap, sizes and counts from 0": all(n >= 0 for n in (*least, *counts)),
            "max_yaw from 0 to 90 degrees": 0 <= self.max_yaw <= 90,
            f"within from 0 to {MOST_WITHIN:g} seconds": 0 <= self.within <= MOST_WITHIN,
            "either peak or onset": not (self.peak and self.onset),
            f"with_ and without are people, not {ANY!r}": ANY not in (*self.with_, *self.without),
        }
        broken = next((rule for rule, holds in rules.items() if not holds), None)
        if broken:
            raise ValueError(f"{broken}: {self}")
        if self.from_:
            members(self.from_)

    @property
    def whole(self) -> "PickSettings":
        """The settings without thinning: they keep all faces of a run."""
        return replace(self, per_run=0, peak=False, onset=False)

    def at(self, rate: float) -> "PickSettings":
        """The settings with `repeat_seconds` also as frames at this frame rate, rounded up.

        Runs are measured by the times of their frames; the number is for runs of one frame, and to
        show.

        >>> PickSettings(repeat_seconds=0.5).at(25).repeat
        13
        """
        if not self.repeat_seconds:
            return self
        frames = max(1, ceil(round(min(self.repeat_seconds * rate, MOST_FRAMES), 6)))
        return replace(self, repeat=frames)


def members(emotion: str) -> tuple[int, ...]:
    """The positions in `EMOTIONS`, rising, of the emotions that one class joins.

    Raises:
        ValueError: It is neither an emotion nor several joined by `JOIN`.

    >>> members("happy"), members("sad+fear")
    ((3,), (2, 4))
    """
    if unknown := set(emotion.split(JOIN)) - set(EMOTIONS):
        raise ValueError(f"{', '.join(sorted(unknown))}: not one of {', '.join(EMOTIONS)}")
    return tuple(sorted(EMOTIONS.index(name) for name in emotion.split(JOIN)))


def is_look(name: str) -> bool:
    """Whether it is an emotion, or a class of several in their usual order: the name of a folder.

    >>> [is_look(name) for name in ("sad", "fear+sad", "sad+fear", "any", "")]
    [True, True, False, False, False]
    """
    parts = name.split(JOIN)
    return parts == [one for one in EMOTIONS if one in parts]


def classes(emotions: tuple[str, ...], from_: str | None = None) -> tuple[int, ...]:
    """The class of each of `EMOTIONS`: the position of the first emotion that the class joins.

    Args:
        emotions: What is wanted, as in a `Job`; whatever else there is stands alone.
        from_: The look before, as in `PickSettings`; "any" is then any other.

    Raises:
        ValueError: One is unknown, or in two classes.

    >>> classes(("happy", "fear+sad")), classes(("any",))
    ((0, 1, 2, 3, 2, 5, 6), (0, 1, 2, 3, 4, 5, 6))
    >>> classes(("any",), "fear+sad")
    (0, 1, 2, 3, 2, 5, 6)
    """
    first = list(range(len(EMOTIONS)))
    named = [name for name in (*emotions, from_) if name and name != ANY]
    taken: dict[int, str] = {}
    others = [name for name in EMOTIONS if name not in (from_ or "").split(JOIN)]
    for name in dict.fromkeys([*(others if ANY in emotions else ()), *named]):
        for position in (positions := members(name)):
            if position in taken:
                raise ValueError(
                    f"{EMOTIONS[position]} is in both {taken[position]} and {name}; ask for one "
                    "after the other"
                )
            taken[position], first[position] = name, positions[0]
    return tuple(first)


def option_words(name: str, value: object) -> list[str]:
    """The words that set a setting on the command line; none for what is not wanted.

    >>> option_words("with_", ("anna", "john doe")), option_words("alone", True)
    (['--with anna', "--with 'john doe'"], ['--alone'])
    >>> option_words("sure", 0.7), option_words("border", None), option_words("alone", False)
    (['--sure 0.7'], [], [])
    """
    option = f"--{name.rstrip('_').replace('_', '-')}"  # `with` is a word of Python's own.
    if value is True:
        return [option]
    if value is None or value is False:
        return []
    values = value if isinstance(value, tuple) else (value,)
    texts = (f"{one:.15g}" if isinstance(one, float) else str(one) for one in values)
    return [f"{option} {quote(text)}" for text in texts]


@dataclass(frozen=True, slots=True)
class Job:
    """One call of the program: what is wanted, and which folders to use.

    Attributes:
        people: names, "any" or "unknown".
        emotions: some of `EMOTIONS`, classes of several such as "fear+sad", or "any"; no emotion is
            in two of them.
        walk: settings of the walk.
        pick: settings of the pick.
        tolerance: largest distance of a known face, 0 to 2; None for the network's own.
        output: the folder of all movies' folders.
        known_faces: the folder of photos.
        rewalk: discard an earlier walk of the movie.
        workers: processes of the walk.
        compare: also show what passes without the repeater.
        report: also write timeline.png and report.html.
        learn: correct the probabilities by what the review of the movie teaches.
        subtitles: a file of subtitles, "own" for the movie's own text track, "" for none.
        subtitle_offset: seconds added to all times of the subtitles.
        subtitle_encoding: encoding of the file, "" to detect it.
        device: one of `DEVICES`, for the networks that can run on either.
        allow_remote: connect to where a walk.json says that its movie is.
    """

    people: tuple[str, ...] = ("any",)
    emotions: tuple[str, ...] = ("any",)
    walk: WalkSettings = WalkSettings()
    pick: PickSettings = PickSettings()
    tolerance: float | None = None
    output: Path = OUTPUT
    known_faces: Path = KNOWN_FACES
    rewalk: bool = False
    workers: int = 1
    compare: bool = False
    report: bool = True
    learn: bool = False
    subtitles: str = ""
    subtitle_offset: float = 0.0
    subtitle_encoding: str = ""
    device: str = "cpu"
    allow_remote: bool = False

    def __post_init__(self) -> None:
        classes(self.emotions, self.pick.from_)
        if (self.pick.silent_only or self.pick.after) and not self.subtitles:
            raise ValueError(f"subtitles for silent_only and after: {self}")

    @property
    def named(self) -> tuple[str, ...]:
        """Everybody whom the job names: the wanted people, and those of whose company it asks."""
        return (*self.people, *self.pick.with_, *self.pick.without)

    def among(self, known: Set[str]) -> "Job":
        """A job that names only some people; it wants anybody if nobody whom it wants is left."""
        people, with_, without = (
            tuple(name for name in names if name in known)
            for names in (self.people, self.pick.with_, self.pick.without)
        )
        pick = replace(self.pick, with_=with_, without=without)
        return replace(self, people=people or (ANY,), pick=pick)


def job_from(given: Mapping[str, Any]) -> Job:
    """Builds the settings from values by the names of their fields; others are ignored.

    Names of people are composed as those of photos are: some systems type é as e plus an accent.
    A change of look is one face, where it is the steepest, unless another is asked for.

    >>> job_from({"repeat": 3, "width": 320, "explain": True}).pick.repeat
    3
    """

    def of(kind: type[Any]) -> dict[str, Any]:
        return {f.name: given[f.name] for f in fields(kind) if f.name in given}

    names = {name: given[name] for name in ("people", "with_", "without") if name in given}
    composed = {n: tuple(normalize("NFC", one) for one in several) for n, several in names.items()}
    given = {**given, **composed}
    if given.get("from_") and not given.get("peak"):
        given["onset"] = True
    own = of(Job)
    walk, pick = WalkSettings(**of(WalkSettings)), PickSettings(**of(PickSettings))
    return Job(**own | {"walk": walk, "pick": pick})
