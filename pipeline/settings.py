"""Every default and every range, once. The command line builds these; a worker is sent them."""

from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

OUTPUT = Path("output")
KNOWN_FACES = Path("known_faces")

PART_SECONDS = 10.0
"""A part of the walk begins at the first key frame at or after each multiple of this."""

ONNX, KERAS = ".onnx", ".keras"
"""How files of networks end; what ends so is a path, not a name."""

DEVICES = ("cpu", "cuda")

OWN_SUBTITLES = "own"
"""In the place of a file of subtitles: the movie's own text track."""

MOST_FRAMES = 1e15
"""No movie has so many: seconds beyond become these."""


@dataclass(frozen=True, slots=True)
class WalkSettings:
    """What changes the rows of a walk; all of it is part of the walk's fingerprint.

    Attributes:
        every: analyse every n-th frame, from 1.
        width: frames are shrunk to about this many pixels across for the detector, from 160.
        detect_every: run the detector on every n-th analysed frame; boxes between are
            interpolated.
        start: seconds; the walk begins at the first frame at or after it.
        end: seconds; the walk ends before the first frame at or after it; None is the whole movie.
        min_score: faces of which the detector is less sure are dropped, 0 to 1.
        align: rotate and scale faces to fixed eye and mouth positions before the emotion network.
        detector: name in `models.registry`.
        recognizer: name in `models.registry`.
        emotion: name in `models.registry`, or the path of a network, which is made absolute.
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
    emotion: str = "two-headed"

    def __post_init__(self) -> None:
        if self.every < 1 or self.detect_every < 1 or self.width < 160:
            raise ValueError(f"every and detect_every from 1, width from 160: {self}")
        if not self.start >= 0 or not (self.end is None or self.end > self.start):
            raise ValueError(f"start from 0, end after start: {self}")
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score from 0 to 1: {self}")
        for name in ("start", "end", "min_score"):
            value = getattr(self, name)
            if value is not None:  # 1 and 1.0 are one setting, with one fingerprint.
                object.__setattr__(self, name, float(value))
        if Path(self.emotion).suffix in (ONNX, KERAS):  # Found again from another folder.
            object.__setattr__(self, "emotion", str(Path(self.emotion).absolute()))


@dataclass(frozen=True, slots=True)
class PickSettings:
    """What decides which rows become crops, in the order in which it is applied.

    The defaults are argued in the README ("What the filters are worth"): on all labelled clips a
    least probability of 0.4 costs 3 points of recall and gives 10 of precision; smoothing and the
    repeater then matter for what is left.

    Attributes:
        smooth: frames of the centred moving mean over the probabilities, odd, 1 is none.
        repeat: source frames that a label must hold for, from 1 (1 filters nothing).
        repeat_seconds: the same in seconds; where it is not 0 it takes the place of `repeat`.
        gap: source frames of another label, or of none, that a run may go on over, from 0.
        min_prob: smallest smoothed probability of the wanted emotion, 0 to 1.
        min_size: smallest shorter side of the face's box in pixels.
        min_sharpness: smallest variance of the Laplacian.
        max_yaw: largest turn to either side in degrees.
        single_face: only frames with one face.
        border: pixels that a box must keep from the edge of the picture; None lets it leave.
        silent_only: only runs while which nobody speaks, by the subtitles.
        per_run: faces of each run, the best and most different; 0 keeps all.
        margin: added around the face on each side, as a share of the box.
    """

    smooth: int = 5
    repeat: int = 8
    repeat_seconds: float = 0.0
    gap: int = 0
    min_prob: float = 0.4
    min_size: float = 0.0
    min_sharpness: float = 0.0
    max_yaw: float = 90.0
    single_face: bool = False
    border: int | None = None
    silent_only: bool = False
    per_run: int = 0
    margin: float = 0.3

    def __post_init__(self) -> None:
        if self.repeat < 1 or self.smooth < 1 or self.smooth % 2 == 0:
            raise ValueError(f"repeat from 1, smooth odd and from 1: {self}")
        if not 0 <= self.min_prob <= 1 or not self.margin >= 0:
            raise ValueError(f"min_prob from 0 to 1, margin from 0: {self}")
        least = (self.repeat_seconds, self.gap, self.min_size, self.min_sharpness, self.max_yaw)
        if not all(number >= 0 for number in (*least, self.border or 0, self.per_run)):
            raise ValueError(f"seconds, gap, sizes, angles and counts from 0: {self}")

    def at(self, rate: float) -> "PickSettings":
        """The settings with `repeat_seconds` as frames of a movie with this rate, rounded up.

        >>> PickSettings(repeat_seconds=0.5).at(25).repeat
        13
        """
        if not self.repeat_seconds:
            return self
        frames = max(1, ceil(round(min(self.repeat_seconds * rate, MOST_FRAMES), 6)))
        return replace(self, repeat=frames, repeat_seconds=0.0)


@dataclass(frozen=True, slots=True)
class Job:
    """One call of the program: what is wanted, and where things lie.

    Attributes:
        people: names, "any" or "unknown".
        emotions: of `EMOTIONS`, or "any".
        walk: settings of stage one.
        pick: settings of stage two.
        tolerance: largest distance of a known face, 0 to 2; None is the network's own.
        output: the folder of all movies' folders.
        known_faces: the folder of photos.
        rewalk: drop an earlier walk of the movie.
        workers: processes of stage one.
        compare: also show what passes without the repeater beside what passes with it.
        report: also write timeline.png and report.html.
        subtitles: a file of them, "own" for the movie's own text track, "" for none.
        subtitle_offset: seconds added to all their times.
        subtitle_encoding: of the file, "" finds out.
        device: of `DEVICES`, where networks run that can choose.
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
    subtitles: str = ""
    subtitle_offset: float = 0.0
    subtitle_encoding: str = ""
    device: str = "cpu"
