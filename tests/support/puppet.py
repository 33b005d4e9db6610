"""Puppet movies, and puppet networks that read them.

A puppet is a square with two eyes on a dark background. Its hue is the person and its luma the
emotion, so that each network reads its own part of one colour, and exactly. Two hues differ in
embedding by `2 sin(angle / 2)`: 15 degrees are a distance of 0.26, 30 degrees of 0.52. Where one
of the usual size comes or goes there is no cut; several in one frame may pass for one.

    film(path, [Shot(20, [Square("anna", "happy 8, gone 2, sad")]), Shot(5)])

writes a lossless movie (FFV1 in Matroska); `plug_in` makes the whole program see it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline import crops
from pipeline.faces import EMOTIONS, Detections, Floats, Image
from pipeline.models import registry
from pipeline.models.cards import Card, Tolerances
from pipeline.models.registry import Entry
from pipeline.movie.frame import RgbFrame
from pipeline.settings import WalkSettings

WIDTH, HEIGHT, RATE = 160, 128, 25
WEIGHTS = Path(__file__).parents[1] / "data" / "puppet" / "puppet.txt"
SETTINGS = WalkSettings(detector="puppet", recognizer="puppet", emotion="puppet")

PEOPLE = {"anna": 0, "ben": 90, "carl": 180, "dora": 270}
"""Hues in degrees; a `Square` takes any other too, in steps of `HUE_STEP`."""

HUE_STEP = 15
CHROMA = 30.0
DARKEST, LEVEL_STEP = 76, 12
"""Luma of the first emotion, and from each to the next."""

EYE_DEPTH = 12
BACKGROUND_MOST = 50
"""No background is brighter, no puppet as dark."""

BACKGROUNDS = ((50, 0, 0), (0, 0, 80))
SURE = 0.8125
"""Probability of the emotion that is seen; the others share the rest (all exact in binary)."""

SCORE = 0.95
CHIP_SIDE = 150
GONE = "gone"

TOLERANCES = Tolerances(
    name=0.38, sure=0.30, link=0.38, cast=0.36, clear=0.1, alike=0.38, misfit=0.55,
    first=(32.59, -89.5, 21.1), second=(58.27, -18.6, -113.7),
)  # fmt: skip
"""21 degrees are one person's, 17 surely, 22 another's."""


@dataclass(frozen=True, slots=True)
class Square:
    """A puppet through one shot.

    Attributes:
        person: of `PEOPLE`, or a hue in degrees.
        looks: an emotion or "gone", each with the frames it lasts; the last one goes on.
        x, y: left and top edge in the shot's first frame.
        size: side in pixels.
        dx, dy: how far it moves in a frame.
        grow: how much larger it is in each frame than in the one before.
    """

    person: str | int = "anna"
    looks: str = "happy"
    x: float = 60
    y: float = 30
    size: int = 24
    dx: float = 0
    dy: float = 0
    grow: float = 0

    def look(self, frame: int) -> str:
        """What it does in the shot's n-th frame.

        >>> [Square(looks="happy 2, gone 1, sad").look(n) for n in range(5)]
        ['happy', 'happy', 'gone', 'sad', 'sad']
        """
        for piece in self.looks.split(","):
            name, _, length = piece.strip().partition(" ")
            if not length or frame < int(length):
                return name
            frame -= int(length)
        return name

    def box(self, frame: int) -> tuple[int, int, int, int]:
        """Where it is in the shot's n-th frame."""
        x, y = round(self.x + frame * self.dx), round(self.y + frame * self.dy)
        side = round(self.size + frame * self.grow)
        return x, y, x + side, y + side


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames between two cuts; later squares lie over earlier ones."""

    frames: int
    squares: Sequence[Square] = ()
    background: int | None = None


def colour(person: str | int, emotion: str) -> Floats:
    """The RGB of a puppet."""
    hue = np.radians(PEOPLE[person] if isinstance(person, str) else person)
    blue, red = CHROMA * np.cos(hue), CHROMA * np.sin(hue)
    luma = DARKEST + LEVEL_STEP * EMOTIONS.index(emotion)
    # JPEG's YCbCr, as cv2.COLOR_RGB2YCrCb has it.
    return np.array(
        [luma + red / 0.713, luma - 0.714 * red - 0.344 * blue, luma + blue / 0.564], np.float32
    )


def paint(image: Image, person: str | int, emotion: str, box: tuple[int, int, int, int]) -> None:
    """Draws a puppet; what leaves the picture is cut off."""
    x1, y1, x2, y2 = box
    side = x2 - x1
    image[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] = np.round(colour(person, emotion))
    eye, top = max(1, side // 8), y1 + side // 4
    for left in (x1 + side // 4, x2 - side // 4 - eye):
        patch = image[max(top, 0) : max(top + eye, 0), max(left, 0) : max(left + eye, 0)]
        patch[:] = np.round(colour(person, emotion) - EYE_DEPTH)


def background(number: int) -> Image:
    """A dark picture with a faint grid, so that no two places look alike for long."""
    image = np.full((HEIGHT, WIDTH, 3), BACKGROUNDS[number % len(BACKGROUNDS)], np.uint8)
    image[::9] += 12
    image[:, ::13] += 12
    return image


def pictures(shots: Sequence[Shot]) -> Iterator[Image]:
    """The frames of a movie."""
    for number, shot in enumerate(shots):
        ground = number if shot.background is None else shot.background
        for n in range(shot.frames):
            image = background(ground)
            for square in shot.squares:
                if square.look(n) != GONE:
                    paint(image, square.person, square.look(n), square.box(n))
            yield image


def frames(shots: Sequence[Shot], rate: int = RATE) -> list[RgbFrame]:
    """The frames of a movie, without a movie."""
    return [RgbFrame(n, n / rate, image) for n, image in enumerate(pictures(shots))]


_filmed: dict[str, bytes] = {}
"""Movies by their scripts: many tests write the same."""


def film(path: Path, shots: Sequence[Shot], rate: int = RATE) -> Path:
    """Writes a movie: the same script, the same bytes."""
    script = f"{path.suffix} {rate} {shots!r}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if script in _filmed:
        path.write_bytes(_filmed[script])
    else:
        _encode(path, shots, rate)
        _filmed[script] = path.read_bytes()
    return path


def _encode(path: Path, shots: Sequence[Shot], rate: int) -> None:
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("ffv1", rate=rate, options={"flags": "+bitexact", "g": "5"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgr0"
        for image in pictures(shots):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def photo(path: Path, *people: str | int, size: int = 90) -> Path:
    """Writes a photo of people side by side; of nobody where none is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.full((140, 140 * max(1, len(people)), 3), (20, 20, 20), np.uint8)
    for n, person in enumerate(people):
        paint(image, person, "neutral", (20 + 140 * n, 20, 20 + 140 * n + size, 20 + size))
    Pillow.fromarray(image).save(path)
    return path


class Detector:
    """Finds squares: pixels too bright for a background, joined where they touch in one hue."""

    def __init__(self, weights: Path, min_score: float = 0.7, threads: int = 1) -> None:
        Card.beside(weights).checked()
        self._sure = min_score <= SCORE

    def detect(self, images: list[Image]) -> list[Detections]:
        """Gives the squares of each picture, by hue and place."""
        return [self._one(image) for image in images]

    def _one(self, image: Image) -> Detections:
        boxes = np.array(list(_boxes(image)) if self._sure else [], np.float32).reshape(-1, 4)
        sides = boxes[:, None, 2:] - boxes[:, None, :2]
        landmarks = boxes[:, None, :2] + crops.ALIGNED.astype(np.float32) * sides
        return Detections(boxes, np.full(len(boxes), SCORE, np.float32), landmarks)


def _boxes(image: Image) -> Iterator[tuple[int, int, int, int]]:
    colours = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)
    face = colours[..., 0] > BACKGROUND_MOST
    hues = np.full(face.shape, 255, np.uint8)
    hues[face] = np.round(_hue(colours[face]) / HUE_STEP) % (360 / HUE_STEP)
    for hue in np.unique(hues[face]).tolist():
        mask = (hues == hue).astype(np.uint8)
        for left, top, width, height, area in cv2.connectedComponentsWithStats(mask)[2][1:]:
            if area >= 64:
                yield int(left), int(top), int(left + width), int(top + height)


def _hue(colours: Image) -> Floats:
    """Degrees of `(n, 3)` YCrCb."""
    red, blue = (colours[:, i].astype(np.float32) - 128 for i in (1, 2))
    return np.degrees(np.arctan2(red, blue)).astype(np.float32)


class Aligner:
    """Cuts the box."""

    def __init__(self, weights: Path) -> None:
        Card.beside(weights).checked()

    def chip(self, image: Image, box: Floats, landmarks: Floats) -> Image:
        """Gives the square `(150, 150, 3)`."""
        x1, y1, x2, y2 = (float(v) for v in box)
        face = crops.square(image, ((x1 + x2) / 2, (y1 + y2) / 2), max(x2 - x1, y2 - y1))
        return crops.resized(face, CHIP_SIDE)


class Embedder:
    """Tells the hue: a point on the unit circle."""

    def __init__(self, weights: Path, threads: int = 1) -> None:
        Card.beside(weights).checked()

    def embed(self, chips: Image) -> Floats:
        """Gives descriptors `(n, 128)`, of which two numbers are not 0."""
        found = np.zeros((len(chips), 128), np.float32)
        for n, chip in enumerate(chips):
            middle = np.median(chip[70:110, 50:100].reshape(-1, 3), axis=0)
            pixel = middle.round().astype(np.uint8).reshape(1, 1, 3)
            hue = np.radians(_hue(cv2.cvtColor(pixel, cv2.COLOR_RGB2YCrCb)[0])[0])
            found[n, :2] = np.cos(hue), np.sin(hue)
        return found


class Emotion:
    """Tells the luma."""

    def __init__(self, weights: Path, threads: int = 1) -> None:
        Card.beside(weights).checked()

    def classify(self, crops: Image) -> Floats:
        """Gives `SURE` to what is seen; a background looks like everything at once."""
        luma = np.median(crops[:, 24:40, 16:32].reshape(len(crops), -1), axis=1)
        seen = np.round((luma - DARKEST) / LEVEL_STEP)
        found = np.full((len(crops), len(EMOTIONS)), (1 - SURE) / 6, np.float32)
        for n in range(len(crops)):
            if luma[n] > BACKGROUND_MOST:
                found[n, int(np.clip(seen[n], 0, 6))] = SURE
            else:
                found[n] = 1 / len(EMOTIONS)
        return found


def plug_in(patch: pytest.MonkeyPatch, *, instead: bool = False) -> None:
    """Adds the puppets to the registry as "puppet".

    Args:
        patch: Undoes it.
        instead: Put them in the place of the shipped networks too: for the command line, which
            asks for those.
    """
    for entries, entry in _entries():
        for name in [*entries, "puppet"] if instead else ["puppet"]:
            patch.setitem(entries, name, entry)


def _entries() -> Iterator[tuple[dict[str, Entry], Entry]]:
    for entries, kind in (
        (registry.DETECTORS, "Detector"),
        (registry.ALIGNERS, "Aligner"),
        (registry.RECOGNIZERS, "Embedder"),
        (registry.EMOTION_MODELS, "Emotion"),
    ):
        own = TOLERANCES if kind == "Embedder" else None
        yield entries, Entry("tests.support.puppet", kind, str(WEIGHTS), tolerances=own)


def set_tolerances(patch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Changes tolerances; puppets are flat, and poor where `clear` is as it is."""
    for name, entry in registry.RECOGNIZERS.items():
        limits = replace(TOLERANCES, **changes)
        patch.setitem(registry.RECOGNIZERS, name, replace(entry, tolerances=limits))


def models() -> registry.Models:
    """The four puppets, without the registry."""
    return registry.Models(Detector(WEIGHTS), Aligner(WEIGHTS), Embedder(WEIGHTS), Emotion(WEIGHTS))


def silent(frames: int) -> Callable[[int, int], None]:
    """A progress that shows nothing."""
    return lambda *_: None
