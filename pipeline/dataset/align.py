"""Finds the landmarks of a kept face again, and cuts it out upright, in one size.

A walk keeps no landmarks, and finds faces in frames of 640 pixels. Here the detector looks at the
face alone, in a picture of which it takes up half, whatever its size in the frame.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.faces import Floats, Image, iou
from pipeline.models.base import FaceDetector
from pipeline.models.sface import (
    Affine,
    landmark_places,
    moved,
    sampled,
    similarity,
    turn_between,
)

LOOK_SIDE = 320
"""Pixels of the picture in which the landmarks are found; the face takes up half of it."""

LEAST_SHARED = 0.4
"""The least intersection over union of the box found here with that of the walk."""

MOST_TURNS = 6
"""A face is turned upright, and its landmarks are found again, so often at most.

The detector learnt from upright faces, and tells too little of a tilt. Of the four photos of the
demo's people, turned by 10 to 45 degrees to either side, the tilt is wrong by 12.8 degrees in the
mean without a turn, 6.1 with one, 1.95 with three, 1.87 with six; `LandmarkAligner`, which keeps
the first landmarks unless the head is much tilted, leaves 8.7.
"""

UPRIGHT_DEGREES = 1.0
"""If a turn changes the tilt by less, it is the last."""

HASH_SIDE = 16
"""Bits of a hash across, and down."""

Hash = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class AlignedFace:
    """A face as it stands in a data set.

    Attributes:
        picture: RGB `(size, size, 3)`.
        box: `(4,)` the walk's box in pixels of the picture, cut off at its edge.
        landmarks: `(5, 2)` in pixels of the picture; they may leave it.
        inside: share of the picture that the frame has, 0 to 1; beyond it its edge is repeated.
    """

    picture: Image
    box: Floats
    landmarks: Floats
    inside: float


def upright_face(
    detector: FaceDetector, image: Image, box: Floats, size: int, margin: float, *, align: bool
) -> AlignedFace | None:
    """Cuts a face out of a frame.

    Args:
        detector: Finds its landmarks.
        image: RGB `(h, w, 3)`.
        box: `(4,)` in pixels of the image.
        size: Pixels of the picture, both ways.
        margin: Space around the face on each side, as a share of its longer side.
        align: Turn and scale it by its landmarks; else it is the box, made square.

    Returns:
        None if the detector finds no such face there.
    """
    landmarks = _landmarks(detector, image, box)
    if landmarks is None:
        return None
    matrix = squared(box, size, margin)
    if align:
        landmarks = _upright(detector, image, landmarks)
        matrix = similarity(landmarks, landmark_places(size, margin))
    picture = sampled(image, matrix, size, cv2.BORDER_REPLICATE)
    everywhere = np.full(image.shape[:2], 255, np.uint8)
    inside = sampled(everywhere, matrix, size, cv2.BORDER_CONSTANT).mean() / 255
    return AlignedFace(
        picture, _box_in(box, matrix, size), moved(landmarks, matrix), round(float(inside), 4)
    )


def _landmarks(detector: FaceDetector, image: Image, box: Floats) -> Floats | None:
    """The landmarks `(5, 2)` of the face in a box, found again; None if it is not found."""
    matrix = squared(box, LOOK_SIDE, margin=0.5)
    faces = detector.detect([sampled(image, matrix, LOOK_SIDE, cv2.BORDER_REPLICATE)])[0]
    if not len(faces):
        return None
    shared = iou(faces.boxes, _box_in(box, matrix, LOOK_SIDE)[None])[:, 0]
    best = int(shared.argmax())
    if shared[best] < LEAST_SHARED:
        return None
    return moved(faces.landmarks[best], cv2.invertAffineTransform(matrix))


def _upright(detector: FaceDetector, image: Image, landmarks: Floats) -> Floats:
    """The landmarks `(5, 2)` in pixels of the image, found again in the face turned upright."""
    for _ in range(MOST_TURNS):
        matrix = similarity(landmarks, landmark_places(LOOK_SIDE, margin=0.5))
        faces = detector.detect([sampled(image, matrix, LOOK_SIDE, cv2.BORDER_REPLICATE)])[0]
        if not len(faces):
            break
        away = (faces.boxes[:, :2] + faces.boxes[:, 2:] - LOOK_SIDE) / 2
        middle = faces.landmarks[int(np.linalg.norm(away, axis=1).argmin())]
        before, landmarks = landmarks, moved(middle, cv2.invertAffineTransform(matrix))
        if turn_between(landmarks, before) < UPRIGHT_DEGREES:
            break
    return landmarks


def squared(box: Floats, side: int, margin: float) -> Affine:
    """The scale and shift that bring a box, made square, into the middle of a picture.

    Args:
        box: `(4,)`.
        side: Of the picture, in pixels.
        margin: Space around the box on each side, as a share of its longer side.

    Returns:
        `(2, 3)`.

    >>> squared(np.array([10, 20, 30, 60], np.float32), 80, 0.5).tolist()
    [[1.0, 0.0, 20.0], [0.0, 1.0, 0.0]]
    """
    x1, y1, x2, y2 = (float(v) for v in box)
    scale = side / (max(x2 - x1, y2 - y1, 1.0) * (1 + 2 * margin))
    left, top = side / 2 - scale * (x1 + x2) / 2, side / 2 - scale * (y1 + y2) / 2
    return np.array([[scale, 0, left], [0, scale, top]])


def _box_in(box: Floats, matrix: Affine, side: int) -> Floats:
    """A box of the frame in a picture: turned about its centre it keeps its shape."""
    centre = moved((box[:2] + box[2:])[None] / np.float32(2), matrix)[0]
    half = (box[2:] - box[:2]) / 2 * np.float32(np.hypot(*matrix[:, 0]))
    return np.clip(np.concatenate([centre - half, centre + half]), 0, side).astype(np.float32)


def difference_hash(picture: Image) -> Hash:
    """A hash of how brightness changes across a picture; alike pictures differ in few bits.

    Args:
        picture: RGB `(h, w, 3)`.

    Returns:
        `(4,)`, 256 bits.

    Source: Krawetz, "Kind of like that", 2013 (dHash), at 16 times 16 bits.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1]).view(np.uint64)
