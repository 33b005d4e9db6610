"""Aligned faces: eyes level, one size, and the box where the face is."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from pipeline.dataset.align import AlignedFace, difference_hash, squared, upright_face
from pipeline.faces import Detections, Floats, Image, iou
from pipeline.models.registry import detector_entry
from pipeline.models.sface import landmark_places, moved, roll
from tests.support import puppet
from tests.support.processes import ROOT

PHOTOS = sorted((ROOT / "known_faces").rglob("*.jpg"))


def turned(image: Image, degrees: float) -> Image:
    """A photo, turned clockwise about its middle, on a wider ground."""
    wide = cv2.copyMakeBorder(image, *[max(image.shape) // 4] * 4, cv2.BORDER_REPLICATE)
    middle = wide.shape[1] / 2, wide.shape[0] / 2
    matrix = cv2.getRotationMatrix2D(middle, -degrees, 1)
    return np.asarray(cv2.warpAffine(wide, matrix, wide.shape[1::-1]), np.uint8)


@pytest.mark.parametrize("degrees", [-30, 0, 20])
@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_eyes_are_level_and_in_their_places(photo: Path, degrees: int) -> None:
    detector = detector_entry("yunet").build(min_score=0.5)
    image = turned(np.array(Pillow.open(photo).convert("RGB")), degrees)
    found = detector.detect([image])[0]
    face = upright_face(detector, image, found.boxes[0], 256, 0.3, align=True)
    assert face is not None
    assert face.picture.shape == (256, 256, 3)
    assert abs(roll(face.landmarks)) < 3
    again = detector.detect([face.picture])[0].landmarks[0]
    assert abs(roll(again)) < 4
    assert np.abs(again - landmark_places(256, 0.3)).max() < 12  # Pixels of 256.


def test_a_face_that_is_not_aligned_is_its_box_made_square() -> None:
    image = np.full((200, 300, 3), 20, np.uint8)
    puppet.paint(image, "anna", "happy", (100, 60, 160, 120))
    face = cut(image, np.array([100, 60, 160, 120], np.float32), align=False)
    assert face.inside == 1
    assert face.box == pytest.approx([24, 24, 104, 104])
    assert (face.picture[28:100, 28:100].max(axis=2) > puppet.BACKGROUND_MOST).all()
    assert (face.picture[:20].max(axis=2) <= puppet.BACKGROUND_MOST).all()


def cut(image: Image, box: Floats, *, align: bool) -> AlignedFace:
    """Cuts a puppet of a size of which four thirds are three fifths more."""
    face = upright_face(puppet.Detector(puppet.WEIGHTS), image, box, 128, 0.3, align=align)
    assert face is not None
    return face


@pytest.mark.parametrize("align", [False, True])
def test_beyond_the_picture_its_edge_is_repeated_and_told(align: bool) -> None:
    image = np.full((200, 300, 3), 20, np.uint8)
    puppet.paint(image, "anna", "happy", (4, 60, 64, 120))
    face = cut(image, np.array([4, 60, 64, 120], np.float32), align=align)
    assert 0.6 < face.inside < 0.95
    assert face.picture.shape == (128, 128, 3)
    assert face.picture.min() > 0  # No black corner.


@pytest.mark.parametrize("found", [(), ((0, 0, 20, 20),)], ids=["none", "elsewhere"])
def test_a_face_that_is_not_found_again_is_none(found: tuple[tuple[int, ...], ...]) -> None:
    class Blind:
        def detect(self, images: list[Image]) -> list[Detections]:
            boxes = np.array(found, np.float32).reshape(-1, 4)
            shape = (len(boxes), 5, 2)
            return [Detections(boxes, np.ones(len(boxes), np.float32), np.zeros(shape, np.float32))]

    image = np.zeros((200, 300, 3), np.uint8)
    assert (
        upright_face(Blind(), image, np.array([100, 60, 160, 120], np.float32), 64, 0, align=True)
        is None
    )


@given(
    st.floats(-50, 400), st.floats(-50, 400), st.floats(1, 300), st.floats(1, 300),
    st.integers(32, 512), st.floats(0, 2),
)  # fmt: skip
def test_a_box_comes_into_the_middle(
    x: float, y: float, width: float, height: float, side: int, margin: float
) -> None:
    box = np.array([x, y, x + width, y + height], np.float32)
    (left, top), (right, bottom) = moved(box.reshape(2, 2), squared(box, side, margin)).tolist()
    assert left + right == pytest.approx(side, abs=0.1)
    assert top + bottom == pytest.approx(side, abs=0.1)
    longest = max(right - left, bottom - top)
    assert longest == pytest.approx(side / (1 + 2 * margin), rel=1e-3, abs=0.1)
    again = moved(box.reshape(2, 2), squared(box, side, margin)).reshape(1, 4)
    assert iou(again, again)[0, 0] == pytest.approx(1, abs=1e-3)


def test_alike_pictures_have_hashes_that_differ_little() -> None:
    random = np.random.default_rng(0)
    small = random.integers(0, 255, (12, 12, 3)).astype(np.uint8)
    picture = cv2.resize(small, (96, 96), interpolation=cv2.INTER_CUBIC)
    brighter = cv2.convertScaleAbs(picture, alpha=0.8, beta=20)
    other = cv2.resize(small[::-1], (96, 96), interpolation=cv2.INTER_CUBIC)
    one, same, third = map(difference_hash, (picture, brighter, np.ascontiguousarray(other)))
    assert one.shape == (4,)
    assert np.bitwise_count(one ^ same).sum() < 10
    assert np.bitwise_count(one ^ third).sum() > 60
