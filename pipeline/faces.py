"""Core types, and the conventions of all modules.

* Images are RGB, uint8, `(h, w, 3)`, C-contiguous, upright, with square pixels.
* Boxes are `x1, y1, x2, y2` in source pixels; `x2` and `y2` are exclusive.
* Landmarks are five `(x, y)` points in source pixels: left eye, right eye, tip of the nose, left
  and right corner of the mouth. Left and right are those of the picture.
* Frames count from 0 in presentation order; times are seconds by the timestamps of the stream.
* Ranges are half open; numbers are float32 unless said otherwise.

Other formats (BGR, planar, normalised) occur only inside `models/` and `movie/`.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.float64]

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The seven classes in the order of FER2013's labels 0 to 6."""

ANY, UNKNOWN = "any", "unknown"
"""Values for a person or an emotion: all of them, or faces without a name."""


def written(person: str) -> str:
    """A person as in the column `person` of a table, which is empty for a face without a name.

    >>> written("anna"), written("unknown")
    ('anna', '')
    """
    return "" if person == UNKNOWN else person


ACCEPTED, REJECTED = "accepted", "rejected"
"""Decisions about a face in the review."""

NO_EMOTION = "none"
"""The value for an emotion other than the predicted one, if nobody said which."""

BOX = ("x1", "y1", "x2", "y2")
"""The columns of a box."""


class FaceRow(NamedTuple):
    """One face in one frame; the field names are the header of faces.csv."""

    video: str
    frame: int
    time: float
    shot: int
    track: int
    detected: int
    x1: float
    y1: float
    x2: float
    y2: float
    score: float
    sharpness: float
    yaw: float
    pitch: float
    roll: float
    person: str
    distance: float
    sure: float
    angry: float
    disgust: float
    fear: float
    happy: float
    sad: float
    surprise: float
    neutral: float


def _no_faces(*shape: int) -> Floats:
    return np.zeros(shape, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The faces of one image as parallel arrays.

    Attributes:
        boxes: `(n, 4)`, see the conventions of this module.
        scores: `(n,)` from 0 to 1.
        landmarks: `(n, 5, 2)`.
    """

    boxes: Floats = field(default_factory=lambda: _no_faces(0, 4))
    scores: Floats = field(default_factory=lambda: _no_faces(0))
    landmarks: Floats = field(default_factory=lambda: _no_faces(0, 5, 2))

    def __len__(self) -> int:
        return len(self.scores)


def iou(a: Floats, b: Floats) -> Floats:
    """The intersection over union of every box of `a` with every box of `b`.

    Args:
        a: `(n, 4)` boxes.
        b: `(m, 4)` boxes.

    Returns:
        `(n, m)` from 0 (apart) to 1 (equal).

    >>> a = np.array([[0, 0, 2, 2]], np.float32)
    >>> iou(a, np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]], np.float32)).round(3).tolist()
    [[1.0, 0.333..., 0.0]]
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [np.clip(x[:, 2:] - x[:, :2], 0, None).prod(axis=1) for x in (a, b)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    return np.where(union > 0, shared / np.maximum(union, 1e-12), 0).astype(np.float32)


def median_step(times: Numbers) -> float:
    """The median of the seconds from one frame to the next; 1/25 s for a movie of a single frame.

    Args:
        times: `(n,)` seconds of all frames, rising.

    >>> median_step(np.array([0.0, 0.5, 1.0])), median_step(np.array([3.0]))
    (0.5, 0.04)
    """
    return float(np.median(np.diff(times))) if len(times) > 1 else 0.04


def file_clock(seconds: float) -> str:
    """A time as part of a file name.

    >>> file_clock(3723.5)
    '01-02-03.500'
    """
    whole, rest = divmod(max(0, round(seconds * 1000)), 1000)
    return f"{whole // 3600:02d}-{whole // 60 % 60:02d}-{whole % 60:02d}.{rest:03d}"


CONTROLS = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe\uffff]"
)
"""Characters that move the cursor, colour or clear a terminal, begin a line, or turn text round;
and the two that no XML may hold."""


def visible(text: str, keep: str = "") -> str:
    r"""A text in which control characters are written out, as names of movies may hold any.

    Args:
        text: The text.
        keep: Control characters that stay.

    >>> visible("a\x1b[2Jb\nc\u202e\uffff"), visible("a\x1b\n", keep="\n")
    ('a\\x1b[2Jb\\nc\\u202e\\uffff', 'a\\x1b\n')
    """
    return CONTROLS.sub(lambda m: m[0] if m[0] in keep else repr(m[0])[1:-1], text)


def clock(seconds: float) -> str:
    """A time as a user reads it.

    >>> clock(51.48), clock(3723.5)
    ('0:51.5', '1:02:03.5')
    """
    tenths = round(max(0.0, seconds) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    begin = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{begin}:{rest / 10:04.1f}"
