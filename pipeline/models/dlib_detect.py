"""dlib's two face detectors, the classical one (HOG) and the network (CNN), with YuNet's framing.

All later stages expect YuNet's boxes and five landmarks. dlib gives squares and no landmarks, so
this module computes both from dlib's own five points (two corners of each eye, base of the nose).
The landmarks are a linear map of those points whose rows sum to 1, so that they move, turn, shear
and scale with the face; the box is placed around the landmarks. dlib's points cover the eyes and
the nose but not the corners of the mouth, which are put where a neutral face has them: they do not
follow a smile.

Constants and figures come from `tools/fit_dlib_boxes.py`, on 149 faces of photos and clips for HOG
and 30 for the CNN. Landmarks are 0.02 to 0.04 of the box's side away from YuNet's (median). Boxes
overlap YuNet's by a mean IoU of 0.86 (HOG) and 0.88 (CNN); on the demo, which was not used for
fitting, by 0.90 and 0.89. dlib's own squares, optimally shifted and scaled, give 0.82 and 0.81, on
the demo 0.86 and 0.79, because their sizes come in steps of a fifth.

Source: King, "Dlib-ml", JMLR 2009, and "Max-margin object detection", arXiv:1502.00046.
"""

from abc import ABC, abstractmethod
from math import log
from pathlib import Path
from threading import Lock
from typing import Any

import dlib
import numpy as np

from pipeline.errors import ModelError
from pipeline.faces import Detections, Floats, Image
from pipeline.models.cards import WEIGHTS, Card
from pipeline.models.dlib_face import predictor

UPSAMPLING = 1
"""How often the picture is doubled before the search; once, as in face_recognition.

HOG finds faces from 80 pixels, so it would miss many in frames 640 pixels wide. On 143 frames of
clips, in which YuNet finds 143 faces, HOG finds 129 without doubling and 134 with it, in 12 and
36 ms per frame; the network takes about 1 and 4 s for 640 by 360 pixels.
"""

SCORE_AT_0 = 0.7
"""The score of a face at dlib's own threshold."""

LEAST_MARGIN = -1.0
"""The lowest margin to search for; below it there is a face every few pixels."""

LEAST_SIDE = 32
"""Smaller pictures are padded for the network."""

LANDMARKS = np.array(
    [
        [-0.389, 0.493, 0.271, 0.665, -0.040],
        [0.271, 0.665, -0.389, 0.493, -0.040],
        [0.247, -0.147, 0.247, -0.147, 0.800],
        [1.369, -1.696, 2.388, -2.514, 1.453],
        [2.388, -2.514, 1.369, -1.696, 1.453],
    ]
)
"""The weights of dlib's points in each of YuNet's landmarks."""

BOX_UP, BOX_WIDTH, BOX_HEIGHT = 0.117, 1.484, 2.124
"""How much higher the centre of YuNet's box is than that of its landmarks, and the box's sides.

All are in units of the landmarks' `spread_of_points`.
"""


def spread_of_points(landmarks: Floats) -> Floats:
    """How far apart landmarks are: the root of their summed squared distances to their mean.

    Args:
        landmarks: `(n, 5, 2)`.

    Returns:
        `(n, 1)`.
    """
    away = landmarks - landmarks.mean(axis=1, keepdims=True)
    return np.sqrt((away**2).sum(axis=(1, 2)))[:, None]


def boxes_around(landmarks: Floats) -> Floats:
    """The boxes `(n, 4)` that YuNet would put around landmarks `(n, 5, 2)`."""
    unit = spread_of_points(landmarks)
    centre = landmarks.mean(axis=1) - unit * (0, BOX_UP)
    half = unit * (BOX_WIDTH / 2, BOX_HEIGHT / 2)
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def score_of(margin: Floats) -> Floats:
    """Converts dlib's margins to scores from 0 to 1, with `SCORE_AT_0` at dlib's threshold.

    >>> [f"{score:.2f}" for score in score_of(np.float32([-1, 0, 2]))]
    ['0.46', '0.70', '0.95']
    """
    return (1 / (1 + np.exp(-margin) * (1 / SCORE_AT_0 - 1))).astype(np.float32)


def margin_of(score: float) -> float:
    """The margin with this score, but at least `LEAST_MARGIN`.

    >>> round(margin_of(0.95), 2), margin_of(0.7), margin_of(0)
    (2.1, 0.0, -1.0)
    """
    odds = score / max(1 - score, 1e-9) * (1 / SCORE_AT_0 - 1)
    return max(LEAST_MARGIN, round(log(max(odds, 1e-9)), 9))


class _DlibDetector(ABC):
    """The common part of both detectors."""

    def __init__(self, landmarks: Path, min_score: float) -> None:
        self._predictor = predictor(landmarks)
        self._min_score = min_score
        self._lock = Lock()  # dlib's detectors mix up the pictures of two threads.

    def detect(self, images: list[Image]) -> list[Detections]:
        """Finds the faces of each RGB image, highest score first."""
        return [self._one(image) for image in images]

    def _one(self, image: Image) -> Detections:
        _, margins, points = self.raw(image)
        scores = score_of(margins)
        order = np.argsort(-scores, kind="stable")
        sure = order[scores[order] >= self._min_score]
        landmarks = (LANDMARKS @ points[sure]).astype(np.float32)
        return Detections(boxes_around(landmarks), scores[sure], landmarks)

    def raw(self, image: Image) -> tuple[Floats, Floats, Floats]:
        """Returns dlib's own squares `(n, 4)`, margins `(n,)` and points `(n, 5, 2)`."""
        with self._lock:
            found = list(self._find(np.ascontiguousarray(image)))
        squares = [(r.left(), r.top(), r.right() + 1, r.bottom() + 1) for r, _ in found]
        points = [
            [(p.x, p.y) for p in self._predictor(image, rectangle).parts()]
            for rectangle, _ in found
        ]
        return (
            np.array(squares, np.float32).reshape(-1, 4),
            np.array([margin for _, margin in found], np.float32),
            np.array(points, np.float32).reshape(-1, 5, 2),
        )

    @abstractmethod
    def _find(self, image: Image) -> list[tuple[Any, float]]: ...


class DlibHog(_DlibDetector):
    """dlib's frontal face detector, which is part of dlib and has no file.

    Args:
        weights: `dlib_5_point.dat` with its card beside it, for the landmarks.
        min_score: Smallest score of a face, 0 to 1.

    Raises:
        ModelError: The file is missing, changed, or not a landmark predictor.
    """

    def __init__(self, weights: Path, min_score: float = SCORE_AT_0) -> None:
        super().__init__(weights, min_score)
        self._finder = dlib.get_frontal_face_detector()
        self._least = margin_of(min_score)

    def _find(self, image: Image) -> list[tuple[Any, float]]:
        rectangles, margins, _ = self._finder.run(image, UPSAMPLING, self._least)
        return list(zip(rectangles, margins, strict=True))


class DlibCnn(_DlibDetector):
    """dlib's detector network, on the CPU.

    dlib's threshold cannot be lowered from Python, so a `min_score` below 0.7 finds no more faces.

    Args:
        weights: `dlib_mmod.dat` with its card beside it.
        min_score: Smallest score of a face, 0 to 1.

    Raises:
        ModelError: A file is missing, changed, or not a network.
    """

    def __init__(self, weights: Path, min_score: float = SCORE_AT_0) -> None:
        # The walk's fingerprint covers this file too, since the aligner uses it.
        super().__init__(WEIGHTS / "dlib_5_point.dat", min_score)
        path = Card.beside(weights).checked()
        try:
            self._finder = dlib.cnn_face_detection_model_v1(str(path))
        except RuntimeError as error:
            raise ModelError(f"{path}: not a network that can be loaded ({error})") from error

    def _find(self, image: Image) -> list[tuple[Any, float]]:
        # dlib raises, or worse, crashes, on pictures of a few pixels.
        padding = [(0, max(0, LEAST_SIDE - side)) for side in image.shape[:2]]
        image = np.pad(image, (*padding, (0, 0)))
        return [(face.rect, face.confidence) for face in self._finder(image, UPSAMPLING)]
