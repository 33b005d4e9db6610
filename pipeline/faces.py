"""Core types, and the conventions that hold in every module.

* Images are RGB, uint8, `(h, w, 3)`, C-contiguous, square pixels, the right way up.
* Boxes are `x1, y1, x2, y2` in source pixels; `x2` and `y2` are exclusive.
* Landmarks are five `(x, y)` points in source pixels: the eye on the left of the picture, the
  eye on the right, the nose tip, the mouth corner on the left, the one on the right.
* Frames count from 0 in presentation order; times are seconds from the stream's own timestamps.
* Ranges are half open; numbers are float32 unless said otherwise.

Other formats (BGR, planar, normalised) live only inside `models/` and `video.py`.
"""

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
"""In the place of a person or an emotion: everybody or every one; and faces without a name."""

ACCEPTED, REJECTED = "accepted", "rejected"
"""What somebody decided about a face in the review."""

NO_EMOTION = "none"
"""In the place of an emotion: the face shows something else, and nobody said what."""

BOX = ("x1", "y1", "x2", "y2")
"""The columns of a box."""


class FaceRow(NamedTuple):
    """One face in one frame. The field names are the header of faces.csv."""

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
        boxes: `(n, 4)`, see the module's conventions.
        scores: `(n,)` from 0 to 1.
        landmarks: `(n, 5, 2)`.
    """

    boxes: Floats = field(default_factory=lambda: _no_faces(0, 4))
    scores: Floats = field(default_factory=lambda: _no_faces(0))
    landmarks: Floats = field(default_factory=lambda: _no_faces(0, 5, 2))

    def __len__(self) -> int:
        return len(self.scores)


def iou(a: Floats, b: Floats) -> Floats:
    """Intersection over union of every box of `a` with every box of `b`.

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
    """Seconds from one frame to the next, as a rule; a movie of one frame lasts a 25th of a second.

    Args:
        times: `(n,)` seconds of every frame, rising.

    >>> median_step(np.array([0.0, 0.5, 1.0])), median_step(np.array([3.0]))
    (0.5, 0.04)
    """
    return float(np.median(np.diff(times))) if len(times) > 1 else 0.04


def file_clock(seconds: float) -> str:
    """A time as part of a file's name.

    >>> file_clock(3723.5)
    '01-02-03.500'
    """
    whole, rest = divmod(max(0, round(seconds * 1000)), 1000)
    return f"{whole // 3600:02d}-{whole // 60 % 60:02d}-{whole % 60:02d}.{rest:03d}"


def clock(seconds: float) -> str:
    """A time as a viewer reads it.

    >>> clock(51.48), clock(3723.5)
    ('0:51.5', '1:02:03.5')
    """
    tenths = round(max(0.0, seconds) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    begin = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{begin}:{rest / 10:04.1f}"
