"""A frame's pixels, converted and shrunk only as far as somebody looks.

Of most frames a walk needs three things: a small colour picture, the grey of a few squares, and
nothing else. Codecs store luma and chroma apart, and chroma at half the size: taking these from
the planes saves a full-size RGB picture, which costs more than half of what decoding does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import cv2
import numpy as np

from pipeline.faces import Floats, Image


class Frame(Protocol):
    """One decoded frame."""

    @property
    def index(self) -> int:
        """Its number, from 0 in presentation order."""
        ...

    @property
    def time(self) -> float:
        """When it is shown, in seconds."""
        ...

    @property
    def image(self) -> Image:
        """The RGB picture `(h, w, 3)`."""
        ...

    @property
    def luma(self) -> Image:
        """The brightness of every pixel `(h, w)`, on the scale of `levels`."""
        ...

    @property
    def levels(self) -> Image:
        """The grey, 0 to 255, that each value of `luma` stands for, `(256,)`."""
        ...

    def shrunk(self, width: int) -> Image:
        """The RGB picture at most `width` pixels wide."""
        ...


@dataclass(frozen=True, eq=False)
class RgbFrame:
    """A frame whose RGB picture `(h, w, 3)` is there anyway."""

    index: int
    time: float
    image: Image

    @property
    def levels(self) -> Image:
        """See `Frame`."""
        return _levels(full=True)

    @cached_property
    def luma(self) -> Image:
        """See `Frame`."""
        return cv2.cvtColor(self.image, cv2.COLOR_RGB2GRAY)

    def shrunk(self, width: int) -> Image:
        """See `Frame`."""
        return shrink(self.image, width)


@dataclass(frozen=True)
class Colours:
    """How the numbers of a codec's planes mean colours.

    Attributes:
        red: share of red in the luma.
        blue: share of blue in the luma.
        full: luma uses 0 to 255, not 16 to 235.

    Source: ITU-R BT.601-7, BT.709-6, BT.2020-2; all are one formula with other shares.
    """

    red: float
    blue: float
    full: bool

    @property
    def levels(self) -> Image:
        """See `Frame`."""
        return _levels(full=self.full)

    @property
    def to_rgb(self) -> Floats:
        """The affine map from luma and both chromas to RGB, `(3, 4)`."""
        return _to_rgb(self)


@lru_cache
def _levels(*, full: bool) -> Image:
    black, scale = _range(full=full)
    return np.clip(np.round((np.arange(256) - black) * scale), 0, 255).astype(np.uint8)


def _range(*, full: bool) -> tuple[int, float]:
    """The luma of black, and the greys that one step of it is."""
    return (0, 1.0) if full else (16, 255 / 219)


@lru_cache
def _to_rgb(colours: Colours) -> Floats:
    black, luma = _range(full=colours.full)
    chroma = 1.0 if colours.full else 255 / 224
    green = 1 - colours.red - colours.blue
    to_red, to_blue = 2 * (1 - colours.red) * chroma, 2 * (1 - colours.blue) * chroma
    turn = np.array(
        [
            [luma, 0, to_red],
            [luma, -to_blue * colours.blue / green, -to_red * colours.red / green],
            [luma, to_blue, 0],
        ]
    )
    return np.column_stack([turn, -turn @ (black, 128, 128)]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class YuvFrame:
    """A frame as its codec stores it.

    Attributes:
        index: see `Frame`.
        time: see `Frame`.
        planes: luma `(h, w)` and both chromas, these as large or smaller.
        colours: what their numbers mean.
        convert: gives the RGB picture.
    """

    index: int
    time: float
    planes: Sequence[Image]
    colours: Colours
    convert: Callable[[], Image]

    @cached_property
    def image(self) -> Image:
        """See `Frame`."""
        return self.convert()

    @property
    def luma(self) -> Image:
        """See `Frame`."""
        return self.planes[0]

    @property
    def levels(self) -> Image:
        """See `Frame`."""
        return self.colours.levels

    def shrunk(self, width: int) -> Image:
        """See `Frame`; from the planes, so that no larger picture is made."""
        if self.luma.shape[1] <= width:
            return self.image
        luma = shrink(self.luma, width)
        size = luma.shape[1::-1]
        chromas = [
            cv2.resize(shrink(plane, width), size, interpolation=cv2.INTER_LINEAR)
            for plane in self.planes[1:]
        ]
        return cv2.transform(cv2.merge([luma, *chromas]), self.colours.to_rgb)


def shrink(image: Image, width: int) -> Image:
    """The picture at most `width` pixels wide, antialiased; itself where it is no wider.

    Halved by exact means as often as it can be, and then sampled in between: averaging to the
    wanted size at once (OpenCV's INTER_AREA) costs several times as much.

    Args:
        image: `(h, w)` or `(h, w, 3)`.
        width: in pixels, from 1.

    >>> shrink(np.zeros((90, 160, 3), np.uint8), 50).shape
    (28, 50, 3)
    """
    if image.shape[1] <= width:
        return image
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    while image.shape[1] >= 2 * width and image.shape[0] >= 2 * height:
        half = max(width, image.shape[1] // 2), max(height, image.shape[0] // 2)
        image = cv2.resize(image, half, interpolation=cv2.INTER_AREA)
    if image.shape[:2] == (height, width):
        return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
