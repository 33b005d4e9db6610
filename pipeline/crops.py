"""Cuts faces out of pictures by boxes and landmarks, and measures their quality and pose.

This module reads and writes no files.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from pipeline.faces import Floats, Image, Numbers
from pipeline.movie.frame import Frame

EMOTION_SIDE = 48
EMOTION_SCALE = 0.958
"""Side of the emotion crop as a share of the box's longer side, matching the crops of FER2013."""

ALIGNED = np.array([[0.304, 0.380], [0.682, 0.381], [0.5, 0.57], [0.338, 0.763], [0.647, 0.763]])
"""Mean landmarks of FER2013's faces as shares of the crop (the nose is not used)."""

THUMB_SIDE, THUMB_QUALITY = 64, 75
"""Pixels and JPEG quality of the small pictures of faces that a walk keeps."""

SHARPNESS_SIDE = 2 * EMOTION_SIDE
"""Sharpness is measured at this size, so that near and far faces are comparable."""

HEAD_MODEL = np.array(
    [[-31, -34, -27], [31, -34, -27], [0, 0, 0], [-26, 31, -23], [26, 31, -23]], np.float64
)
"""Landmarks of a generic head in millimetres, the tip of the nose at 0.

x points right, y down, z to the camera.
"""

HEAD_INVERSE = np.linalg.pinv(HEAD_MODEL - HEAD_MODEL.mean(axis=0))

LEAST_PHOTO_FACE = 90
"""Pixels; faces for photos are enlarged to this, since a gallery refuses smaller ones.

Enlarging changes little, as the network gets 150 pixels in any case.
"""


def square(image: Image, centre: tuple[float, float], side: float) -> Image:
    """Cuts a square of about `side` pixels; repeats edge pixels where it leaves the picture.

    Args:
        image: `(h, w)` or `(h, w, 3)`.
        centre: x and y in pixels.
        side: In pixels; rounded, and at least 1.

    Returns:
        `(side, side)` or `(side, side, 3)`, a copy.
    """
    n = max(1, round(side))
    left, top = (round(c - n / 2) for c in centre)
    height, width = image.shape[:2]
    # At least one pixel, even if the square is outside the picture.
    x1, y1 = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    x2, y2 = max(min(left + n, width), x1 + 1), max(min(top + n, height), y1 + 1)
    inside = image[y1:y2, x1:x2]
    edges = (y1 - top, top + n - y2, x1 - left, left + n - x2)
    if any(edges):
        top_, bottom, left_, right = (max(0, e) for e in edges)
        inside = cv2.copyMakeBorder(inside, top_, bottom, left_, right, cv2.BORDER_REPLICATE)
    return inside[:n, :n].copy()


def resized(image: Image, side: int) -> Image:
    """Scales a square picture to `side` pixels, by averages if smaller and linearly if larger.

    One that is much larger is halved first, which saves two thirds of the time and costs a tenth of
    the sharpness at most in the mean; of a smaller one it would cost up to half.
    """
    while image.shape[0] >= 6 * side:
        half = image.shape[0] // 2
        image = cv2.resize(
            image[: 2 * half, : 2 * half], (half, half), interpolation=cv2.INTER_AREA
        )
    way = cv2.INTER_AREA if image.shape[0] > side else cv2.INTER_LINEAR
    return cv2.resize(image, (side, side), interpolation=way)


def grey_face(frame: Frame, box: Floats) -> Image:
    """Cuts the grey square around a face that the emotion network gets.

    Returns:
        `(n, n)`: at source resolution, or shrunk to `SHARPNESS_SIDE`.

    Source: this project measured the side and centre on the crops of FER2013.
    """
    x1, y1, x2, y2 = (float(v) for v in box)
    centre, side = ((x1 + x2) / 2, (y1 + y2) / 2), EMOTION_SCALE * max(x2 - x1, y2 - y1)
    face = square(frame.luma, centre, side)
    if face.shape[0] > SHARPNESS_SIDE:
        face = resized(face, SHARPNESS_SIDE)
    return cv2.LUT(face, frame.levels)


def aligned_face(frame: Frame, landmarks: Floats) -> Image:
    """Turns and scales a grey face so that eyes and mouth are where FER2013 has them.

    Args:
        frame: The frame with the face.
        landmarks: `(5, 2)`.

    Returns:
        `(48, 48)` grey.
    """
    keep = [0, 1, 3, 4]
    wanted = ALIGNED[keep] * EMOTION_SIDE
    points = np.asarray(landmarks, np.float64)[keep]
    scale = float(np.ptp(points[:, 0]) / np.ptp(wanted[:, 0])) if np.ptp(points[:, 0]) > 1 else 1.0
    reduce = max(1, round(scale))  # Averaging first avoids aliasing: warpAffine only interpolates.
    centre = points.mean(axis=0)
    side = 3 * EMOTION_SIDE * max(scale, 0.1)
    face = cv2.LUT(square(frame.luma, (centre[0], centre[1]), side), frame.levels)
    small = resized(face, max(1, face.shape[0] // reduce))
    ratio = small.shape[0] / face.shape[0]
    local = (points - centre + face.shape[0] / 2) * ratio
    matrix, _ = cv2.estimateAffinePartial2D(local, wanted, method=cv2.LMEDS)
    if matrix is None:
        return resized(small, EMOTION_SIDE)
    return cv2.warpAffine(
        small, matrix, (EMOTION_SIDE, EMOTION_SIDE), borderMode=cv2.BORDER_REPLICATE
    )


def portrait(image: Image, box: Floats, margin: float) -> Image:
    """Cuts the crop to save: a square around the box with a margin, kept inside the frame.

    At the edge of the frame the square moves, and then shrinks; no pixels are made up.

    Args:
        image: RGB `(h, w, 3)`.
        box: `(4,)`.
        margin: Space on each side as a share of the longer side of the box.
    """
    x1, y1, x2, y2 = (float(v) for v in box)
    side = max(1, round(max(x2 - x1, y2 - y1) * (1 + 2 * margin)))
    left, top = _corner(box, side, image.shape[1::-1])
    return np.ascontiguousarray(image[top : top + side, left : left + side])


def _corner(box: Floats, side: int, size: Sequence[int]) -> tuple[int, int]:
    """The left and top of the square of `side` pixels around a box in a picture of a size."""
    (x1, y1, x2, y2), (width, height) = (float(v) for v in box), size
    left = min(max(0, round((x1 + x2 - side) / 2)), max(0, width - side))
    top = min(max(0, round((y1 + y2 - side) / 2)), max(0, height - side))
    return left, top


def box_in_portrait(box: Floats, cut: Image, size: Sequence[int]) -> Floats:
    """Where a face lies in its portrait.

    Args:
        box: `(4,)` in pixels of the frame.
        cut: The portrait, of any margin.
        size: Width and height of the frame in pixels.

    Returns:
        `(4,)` in pixels of the portrait; may leave it as the box may leave the frame.
    """
    left, top = _corner(box, max(cut.shape[:2]), size)
    return np.asarray(box, np.float32) - np.array([left, top, left, top], np.float32)


def enlarged(face: Image, side: float) -> Image:
    """Enlarges a picture if its face, `side` pixels across, is too small for a gallery."""
    if side >= LEAST_PHOTO_FACE:
        return face
    size = [round(length * LEAST_PHOTO_FACE / max(side, 1)) for length in face.shape[1::-1]]
    return cv2.resize(face, size, interpolation=cv2.INTER_CUBIC)


def thumbnail(chip: Image) -> bytes:
    """A small JPEG of a square RGB picture, about 1.5 kB, enough to recognise a person."""
    return encoded(resized(chip, THUMB_SIDE), THUMB_QUALITY)


def encoded(image: Image, quality: int) -> bytes:
    """Encodes an RGB picture as JPEG.

    Raises:
        ValueError: The array is not a picture.
    """
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"not a picture: {image.shape} {image.dtype}")
    return data.tobytes()


def sharpness(grey: Image) -> float:
    """The variance of the Laplacian of a grey face `(96, 96)`; higher is sharper, 0 is flat.

    Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000.
    """
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def quality(box: Floats, sharp: float | Numbers, angles: Floats) -> Numbers:
    """How well each face can be recognised, 0 to 1; near, sharp and frontal faces have the most.

    Each factor is one half where recognition begins to suffer: 60 pixels, a sharpness of 50, and
    about 45 degrees of yaw or pitch.

    Args:
        box: `(…, 4)`: of one face, or of many.
        sharp: `(…)`, what `sharpness` returns.
        angles: Yaw, pitch and roll in degrees, `(…, 3)`.

    Returns:
        `(…)`.
    """
    side = (box[..., 2:] - box[..., :2]).max(axis=-1).astype(np.float64)
    facing = np.clip(np.cos(np.radians(angles[..., :2])), 0, 1).prod(axis=-1)
    frontal = facing.astype(np.float64) ** 2
    return side / (side + 60) * sharp / (sharp + 50) * frontal


def pose(landmarks: Floats) -> Floats:
    """The yaw, pitch and roll of each face in degrees, from its five landmarks.

    Positive yaw turns the face to the right of the picture, positive pitch down, and positive roll
    clockwise. Five points on a generic head give them to about 10 degrees.

    Args:
        landmarks: `(n, 5, 2)`.

    Returns:
        `(n, 3)`.

    Source: scaled orthographic pose (DeMenthon and Davis, "Model-based object pose in 25 lines of
    code", IJCV 1995), one iteration: the affine map from head to picture, made orthonormal.
    """
    points = np.asarray(landmarks, np.float64)
    centred = points - points.mean(axis=1, keepdims=True)
    rows = np.swapaxes(HEAD_INVERSE @ centred, 1, 2)  # (n, 2, 3)
    lengths = np.maximum(np.linalg.norm(rows, axis=2, keepdims=True), 1e-9)
    i, j = np.moveaxis(rows / lengths, 1, 0)
    j = j - (i * j).sum(axis=1, keepdims=True) * i
    j = j / np.maximum(np.linalg.norm(j, axis=1, keepdims=True), 1e-9)
    k = np.cross(i, j)
    yaw = np.arctan2(i[:, 2], np.hypot(i[:, 0], i[:, 1]))
    pitch = np.arctan2(j[:, 2], np.maximum(k[:, 2], 1e-9))
    roll = np.arctan2(i[:, 1], i[:, 0]) * -1
    return np.degrees(np.stack([yaw, pitch, roll], axis=1)).astype(np.float32)
