"""SFace, a network that tells people apart, on ONNX Runtime; and the chips that it is shown.

The turn, scale and shift that bring five landmarks to their places are found in closed form:
points are complex numbers, and turn and scale are one complex factor. That is the least-squares
solution of Umeyama for the plane. `cv2.estimateAffinePartial2D` is not, because it leaves out
landmarks that do not fit.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.faces import Floats, Image
from pipeline.models.base import in_batches
from pipeline.models.cards import Card
from pipeline.models.onnx_session import session
from pipeline.models.yunet import YuNet

Affine = NDArray[np.float64]

SFACE_SIDE = 112
"""Pixels of a chip, both ways."""

SFACE_LANDMARKS = np.array(
    [
        [38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366],
        [41.5493, 92.3655], [70.7299, 92.2041],
    ]
)  # fmt: skip
"""Where a chip has its landmarks, in the order of `Detections`.

Source: Deng et al., "ArcFace", CVPR 2019, as OpenCV's FaceRecognizerSF has it.
"""

SFACE_BATCH = 2
"""Chips a run: more take longer each, as they fill the processor's cache."""

SFACE_NUMBERS = 128
"""Numbers of a descriptor."""

LEAST_SPREAD = 1e-6
"""Square pixels: landmarks that lie closer together have no size, and their chip no scale."""


UPRIGHT_SIDE = 160
"""Pixels of the picture in which landmarks are found again; the face takes up half of it."""

ROUNDS = 6
"""The landmarks of a tilted head are found again so often, at most."""

STILL_DEGREES = 4.0
"""If a round turns the face by less, it is the last."""

TILTED_DEGREES = 8.0
"""A head that is tilted less keeps its first landmarks: they are the better ones."""


class LandmarkAligner:
    """Cuts chips by the detector's landmarks, in the full picture.

    YuNet learnt from upright faces, and tells of a head that is tilted by 30 degrees that it is
    tilted by 10. So the landmarks of a tilted head are found again in the picture turned by that
    much, until it stands still. Of faces tilted by 30 degrees, 39 % were beyond a cosine of .449
    from their own upright chip before, and 6 % are now; upright ones lose nothing.

    Args:
        weights: `yunet.onnx`, its card beside it.
        side: pixels of a chip, both ways.
        places: `(5, 2)` where a chip has its landmarks.

    Raises:
        ModelError: The file is missing or changed.
    """

    def __init__(
        self, weights: Path, side: int = SFACE_SIDE, places: Affine = SFACE_LANDMARKS
    ) -> None:
        self._detector = YuNet(weights)
        self._side, self._places = side, places

    def chip(self, image: Image, box: Floats, landmarks: Floats) -> Image:  # noqa: ARG002 - dlib's.
        """Gives the upright face `(side, side, 3)`; what lies beyond the picture is black.

        Args:
            image: RGB `(h, w, 3)`.
            box: not used.
            landmarks: `(5, 2)` in pixels of the image.
        """
        matrix = similarity(self._settled(image, landmarks), self._places)
        return sampled(image, matrix, self._side, cv2.BORDER_CONSTANT)

    def _settled(self, image: Image, first: Floats) -> Floats:
        """The landmarks of a tilted head, found again in the face turned upright."""
        landmarks = first
        places = landmark_places(UPRIGHT_SIDE, margin=0.5)
        for _ in range(ROUNDS):
            matrix = similarity(landmarks, places)
            upright = sampled(image, matrix, UPRIGHT_SIDE, cv2.BORDER_REPLICATE)
            faces = self._detector.detect([upright])[0]
            if not len(faces):
                break
            away = (faces.boxes[:, :2] + faces.boxes[:, 2:] - UPRIGHT_SIDE) / 2
            middle = faces.landmarks[int(np.linalg.norm(away, axis=1).argmin())]
            after = moved(middle, cv2.invertAffineTransform(matrix))
            if turn_between(after, landmarks) < STILL_DEGREES:
                break
            landmarks = after
        tilted = turn_between(landmarks, first) > TILTED_DEGREES
        return landmarks if tilted else first


def landmark_places(side: int, margin: float) -> Affine:
    """Where a square picture of a face has its landmarks, `(5, 2)` in pixels.

    Args:
        side: Of the picture.
        margin: Space around SFace's chip on each side, as a share of that chip.

    >>> landmark_places(SFACE_SIDE, 0).tolist() == SFACE_LANDMARKS.tolist()
    True
    """
    return (SFACE_LANDMARKS + margin * SFACE_SIDE) * (side / SFACE_SIDE / (1 + 2 * margin))


def moved(points: Floats, matrix: Affine) -> Floats:
    """Points `(n, 2)` of one picture as those of another, by the matrix `(2, 3)` between them."""
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def roll(landmarks: Floats) -> float:
    """By how many degrees eyes and mouth lie clockwise of level, of landmarks `(5, 2)`."""
    across = landmarks[1] - landmarks[0] + landmarks[4] - landmarks[3]
    return float(np.degrees(np.arctan2(across[1], across[0])))


def turn_between(one: Floats, other: Floats) -> float:
    """By how many degrees, from 0 to 180, two sets of landmarks are turned against each other.

    >>> round(turn_between(SFACE_LANDMARKS, -SFACE_LANDMARKS))
    180
    """
    return abs((roll(one) - roll(other) + 180) % 360 - 180)


class SFace:
    """SFace, most of it in int8; descriptors have a cosine of .998 to the original's.

    Args:
        weights: `sface.onnx`, its card beside it.
        threads: of ONNX Runtime.
        device: "cpu" or "cuda".

    Source: Zhong et al., "SFace: Sigmoid-constrained hypersphere loss for robust face
    recognition", TIP 2021; OpenCV Zoo's face_recognition_sface_2021dec.
    """

    def __init__(self, weights: Path, threads: int = 1, device: str = "cpu") -> None:
        self._session = session(Card.beside(weights).checked(), threads, device)

    def embed(self, chips: Image) -> Floats:
        """Gives raw descriptors `(n, 128)` of RGB chips `(n, 112, 112, 3)`."""
        return in_batches(self._run, chips, SFACE_BATCH, SFACE_NUMBERS)

    def _run(self, chips: Image) -> Floats:
        (descriptors,) = self._session.run(None, {"image": chips})
        return np.asarray(descriptors, np.float32)


def similarity(landmarks: Floats, places: Affine = SFACE_LANDMARKS) -> Affine:
    """The turn, scale and shift that bring landmarks nearest to the places where they belong.

    Args:
        landmarks: `(n, 2)` in pixels of a picture.
        places: `(n, 2)` in pixels of a chip.

    Returns:
        `(2, 3)`, from the picture to the chip.

    Source: Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns", PAMI 1991; in the plane its minimum over turns without mirroring is a quotient.

    >>> similarity(2 * SFACE_LANDMARKS + 10).round(6).tolist()
    [[0.5, -0.0, -5.0], [0.0, 0.5, -5.0]]
    """
    points = np.asarray(landmarks, np.float64) @ (1, 1j)
    targets = np.asarray(places, np.float64) @ (1, 1j)
    spread = points - points.mean()
    size = float((spread * spread.conj()).real.sum())
    factor = 1 + 0j
    if size > LEAST_SPREAD:
        factor = ((targets - targets.mean()) * spread.conj()).sum() / size
    shift = targets.mean() - factor * points.mean()
    return np.array(
        [[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]]
    )


def sampled(image: Image, matrix: Affine, side: int, border: int) -> Image:
    """A square of a picture, by the matrix from the picture to it.

    Args:
        image: `(h, w, 3)` or `(h, w)`.
        matrix: `(2, 3)`.
        side: Of the square, in pixels.
        border: OpenCV's, what lies beyond the picture.

    Where it is at least twice as coarse as the picture, whole squares of pixels are averaged
    first: sampling alone would skip pixels. Of 196 faces of 190 to 1,174 px, the true accepts at
    one false accept in a thousand are .836 so, and .828 without.
    """
    step = max(1, int(1 / max(float(np.hypot(*matrix[:, 0])), 1e-3)))
    if step > 1:
        image, (left, top) = _shrunk_around(image, matrix, side, step)
        offset = (step - 1) / 2  # Pixels have their centres on whole numbers.
        matrix = matrix @ np.array([[step, 0, left + offset], [0, step, top + offset], [0, 0, 1]])
    size, flags = (side, side), cv2.INTER_LINEAR
    square: Image = cv2.warpAffine(image, matrix, size, flags=flags, borderMode=border)
    return square


def _shrunk_around(
    image: Image, matrix: Affine, side: int, step: int
) -> tuple[Image, tuple[int, int]]:
    """The part of a picture that a square shows, shrunk, and where it begins in the picture."""
    inverse = cv2.invertAffineTransform(matrix)
    corners = np.array([(x, y, 1) for x in (0, side) for y in (0, side)]) @ inverse.T
    height, width = image.shape[:2]
    left, top = np.floor(corners.min(axis=0)).astype(int) - step
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + step
    left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    columns = max(1, -(-(min(right, width) - left) // step))
    rows = max(1, -(-(min(bottom, height) - top) // step))
    inside = image[top : top + rows * step, left : left + columns * step]
    below, beside = rows * step - inside.shape[0], columns * step - inside.shape[1]
    # Whole squares only: the last row and column are repeated.
    whole = cv2.copyMakeBorder(inside, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    small: Image = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    return small, (int(left), int(top))
