"""dlib's two face detectors, the classical one (HOG) and the network (CNN), framed as YuNet frames.

All later stages know faces as YuNet gives them: its box, and five landmarks. dlib gives squares
and no landmarks, so that both are reckoned here out of dlib's own five points (two corners of each
eye, the base of the nose). The landmarks are a linear map of those points whose rows sum to 1, and
therefore turn, shear and scale with the face; the box lies around the landmarks. Eyes and nose tip
are among the points; the corners of the mouth are not: they are where they would be in a neutral
face, and know nothing of a smile.

Source: King, "Dlib-ml", JMLR 2009, and "Max-margin object detection", arXiv:1502.00046. Constants
and figures by `tools/fit_dlib_boxes.py`, on 149 faces of photos and clips by HOG and 30 by the
CNN: landmarks are 0.02 to 0.04 of the box's side away from YuNet's (median), boxes overlap with
YuNet's by an IoU of 0.86 (HOG) and 0.88 (CNN) in the mean; on the demo, which was not fitted on,
by 0.90 and 0.89. dlib's squares themselves, shifted and scaled as well as can be, give 0.82 and
0.81, on the demo 0.86 and 0.79: they come in steps of a fifth.
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
from pipeline.models.dlib_face import predictor

UPSAMPLING = 1
"""Doublings of the picture before the search, one as in face_recognition: HOG finds faces from 80
pixels on, so that at 640 across many would be missed. Measured on 143 frames of clips with as many
faces by YuNet: HOG finds 129 without and 134 with it, in 12 and 36 ms a frame of the same size; the
network takes about 1 and 4 s for 640 by 360 pixels."""

SCORE_AT_0 = 0.7
"""Score of a face at dlib's own threshold."""

LEAST_MARGIN = -1.0
"""No unsurer face is looked for: below, every few pixels are one."""


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
"""Weights of dlib's points in each of YuNet's landmarks."""

BOX_UP, BOX_WIDTH, BOX_HEIGHT = 0.117, 1.484, 2.124
"""Of YuNet's box around its landmarks: how much higher its centre is than theirs, and its sides,
all in `spread_of_points`s of the landmarks."""


def spread_of_points(landmarks: Floats) -> Floats:
    """How far apart landmarks lie: the root of their summed squared distances to their mean.

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
    """Margins of dlib as scores, rising from 0 to 1 with `SCORE_AT_0` at dlib's threshold.

    >>> [f"{score:.2f}" for score in score_of(np.float32([-1, 0, 2]))]
    ['0.46', '0.70', '0.95']
    """
    return (1 / (1 + np.exp(-margin) * (1 / SCORE_AT_0 - 1))).astype(np.float32)


def margin_of(score: float) -> float:
    """The margin that has this score, not below `LEAST_MARGIN`.

    >>> round(margin_of(0.95), 2), margin_of(0.7), margin_of(0)
    (2.1, 0.0, -1.0)
    """
    odds = score / max(1 - score, 1e-9) * (1 / SCORE_AT_0 - 1)
    return max(LEAST_MARGIN, round(log(max(odds, 1e-9)), 9))


class _DlibDetector(ABC):
    """What both have in common."""

    def __init__(self, landmarks: Path, min_score: float) -> None:
        self._predictor = predictor(landmarks)
        self._min_score = min_score
        self._turn = Lock()  # dlib's finders mix up the pictures of two threads.

    def detect(self, images: list[Image]) -> list[Detections]:
        """Gives the faces of each RGB image, surest first."""
        return [self._one(image) for image in images]

    def _one(self, image: Image) -> Detections:
        _, margins, points = self.raw(image)
        scores = score_of(margins)
        order = np.argsort(-scores, kind="stable")
        sure = order[scores[order] >= self._min_score]
        landmarks = (LANDMARKS @ points[sure]).astype(np.float32)
        return Detections(boxes_around(landmarks), scores[sure], landmarks)

    def raw(self, image: Image) -> tuple[Floats, Floats, Floats]:
        """What dlib itself finds: squares `(n, 4)`, margins `(n,)` and its points `(n, 5, 2)`."""
        with self._turn:
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
    """dlib's frontal face detector; it is part of dlib and has no file.

    Args:
        weights: `shape_predictor_5_face_landmarks.dat`, whose points the landmarks come from.
        min_score: faces with a lower score are dropped, 0 to 1.

    Raises:
        ModelError: The file is missing, changed, or no landmark predictor.
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

    dlib lets nobody lower its threshold from Python: a `min_score` below 0.7 finds nothing more.

    Args:
        weights: `mmod_human_face_detector.dat`; the landmark predictor lies beside it.
        min_score: faces with a lower score are dropped, 0 to 1.

    Raises:
        ModelError: A file is missing, changed, or no network.
    """

    def __init__(self, weights: Path, min_score: float = SCORE_AT_0) -> None:
        super().__init__(weights.with_name("shape_predictor_5_face_landmarks.dat"), min_score)
        try:
            self._finder = dlib.cnn_face_detection_model_v1(str(weights))
        except RuntimeError as error:
            raise ModelError(f"{weights}: not a network that can be loaded ({error})") from error

    def _find(self, image: Image) -> list[tuple[Any, float]]:
        # It raises, or worse, crashes, on pictures of a few pixels.
        room = [(0, max(0, LEAST_SIDE - side)) for side in image.shape[:2]]
        image = np.pad(image, (*room, (0, 0)))
        return [(found.rect, found.confidence) for found in self._finder(image, UPSAMPLING)]
