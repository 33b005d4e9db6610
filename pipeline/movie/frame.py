"""A decoded frame, whose pixels are converted and shrunk only when needed.

For most frames a walk needs only a small colour picture and the grey of a few squares. Codecs
store luma and chroma in separate planes, chroma at half the size. Reading the planes saves making
a full-size RGB picture, which costs more than half as much as decoding.
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
        """The number of the frame, from 0 in presentation order."""
        ...

    @property
    def time(self) -> float:
        """When the frame is shown, in seconds."""
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
        """A table `(256,)` from values of `luma` to grey, 0 to 255."""
        ...

    def shrunk(self, width: int) -> Image:
        """The RGB picture, shrunk to at most `width` pixels across."""
        ...


@dataclass(frozen=True, eq=False)
class RgbFrame:
    """A frame that is stored as its RGB picture `(h, w, 3)`."""

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
    """How the values in a codec's planes map to colours.

    Attributes:
        red: share of red in the luma.
        blue: share of blue in the luma.
        full: whether luma uses 0 to 255 rather than 16 to 235.

    Source: ITU-R BT.601-7, BT.709-6, BT.2020-2, which share one formula and differ in the shares.
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
        """The affine map `(3, 4)` from luma and both chromas to RGB."""
        return _to_rgb(self)


@lru_cache
def _levels(*, full: bool) -> Image:
    black, scale = _range(full=full)
    return np.clip(np.round((np.arange(256) - black) * scale), 0, 255).astype(np.uint8)


def _range(*, full: bool) -> tuple[int, float]:
    """The luma of black, and how many greys one step of luma is."""
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
        planes: luma `(h, w)`, then both chromas in the same or a smaller size.
        colours: how the planes map to colours.
        convert: makes the RGB picture.
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
        """See `Frame`; works on the planes, so that it makes no full-size picture."""
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
    """Shrinks a picture to at most `width` pixels across, antialiased.

    A picture that is no wider is returned as it is. Others are halved by exact averages as often
    as possible and then interpolated: averaging to the wanted size at once (OpenCV's INTER_AREA)
    costs several times as much.

    Args:
        image: `(h, w)` or `(h, w, 3)`.
        width: In pixels, from 1.

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
