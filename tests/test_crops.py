"""Boxes and landmarks to pixels, and the quality measures."""

from collections.abc import Callable
from io import BytesIO

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from pipeline import crops
from pipeline.faces import Floats, Image
from pipeline.movie.frame import RgbFrame
from tests.support.examples import examples
from tests.support.movies import noise

coordinate = st.floats(-60, 90)
small_box = st.tuples(coordinate, coordinate, st.floats(1, 60), st.floats(1, 60)).map(
    lambda b: np.array([b[0], b[1], b[0] + b[2], b[1] + b[3]], np.float32)
)
PICTURE = noise(1, width=40, height=30)[0]


def a_box(*corners: float) -> Floats:
    return np.array(corners, np.float32)


def framed(image: Image) -> RgbFrame:
    return RgbFrame(0, 0.0, image)


def turned(yaw: float = 0, pitch: float = 0, roll: float = 0) -> Floats:
    """Landmarks of a head that tilts by `roll`, then turns right by `yaw`, then down by `pitch`.

    x is to the right, y down, z towards the camera; the nose tip is nearest to it.
    """
    y, p, r = np.radians([yaw, pitch, roll])
    right = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    down = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    tilt = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    points = crops.HEAD_MODEL @ (down @ right @ tilt).T
    return (points[None, :, :2] * 2 + [300, 200]).astype(np.float32)


# --- cutting ------------------------------------------------------------------------------------


@settings(max_examples=examples(60))
@given(x=coordinate, y=coordinate, side=st.floats(0.1, 70), grey=st.booleans())
def test_square_repeats_the_edge_outside(x: float, y: float, side: float, grey: bool) -> None:
    image: Image = PICTURE[..., 0] if grey else PICTURE
    found = crops.square(image, (x, y), side)
    n = max(1, round(side))
    assert found.shape == (n, n, *image.shape[2:])
    rows = np.clip(round(y - n / 2) + np.arange(n), 0, 29)
    columns = np.clip(round(x - n / 2) + np.arange(n), 0, 39)
    assert np.array_equal(found, image[np.ix_(rows, columns)])


@pytest.mark.parametrize("side", [30, 12, 80], ids=["whole", "inside", "beyond"])
def test_square_is_a_copy(side: int) -> None:
    image = noise(1, width=30, height=30)[0]
    before = image.copy()
    found = crops.square(image, (15, 15), side)
    assert found.flags.c_contiguous
    found[:] = 0
    assert np.array_equal(image, before)


@pytest.mark.parametrize("old", [7, 48, 200])
@pytest.mark.parametrize("new", [1, 48, 96])
def test_resized_keeps_an_even_picture(old: int, new: int) -> None:
    image = np.full((old, old, 3), (9, 90, 200), np.uint8)
    found = crops.resized(image, new)
    assert np.array_equal(found, np.full((new, new, 3), (9, 90, 200), np.uint8))


def test_grey_face_is_the_square_that_fer2013_shows() -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    image[:, :, 1] = np.arange(200)
    found = crops.grey_face(framed(image), a_box(50, 60, 110, 160))
    assert found.shape == (96, 96)  # .958 of the longer side, 100
    assert found[0, 0] == pytest.approx(0.587 * (80 - 48), abs=1)
    assert found[95, 95] == pytest.approx(0.587 * (80 + 47), abs=1)


@settings(max_examples=examples(40))
@given(box=small_box)
def test_grey_face_takes_any_box(box: Floats) -> None:
    before = PICTURE.copy()
    found = crops.grey_face(framed(PICTURE), box)
    assert found.dtype == np.uint8
    assert found.ndim == 2
    assert found.shape[0] == found.shape[1]
    assert np.array_equal(PICTURE, before)


@settings(max_examples=examples(60))
@given(box=small_box, margin=st.sampled_from([0, 0.3, 2]))
def test_portrait_lies_in_the_frame_and_makes_nothing_up(box: Floats, margin: float) -> None:
    side = max(1, round(float(max(box[2:] - box[:2])) * (1 + 2 * margin)))
    found = crops.portrait(PICTURE, box, margin)
    assert found.shape == (min(side, 30), min(side, 40), 3)
    places = np.argwhere((found[0, 0] == PICTURE).all(axis=2))
    height, width = found.shape[:2]
    assert any(np.array_equal(PICTURE[y : y + height, x : x + width], found) for y, x in places)


@settings(max_examples=examples(60))
@given(
    corner=st.tuples(st.integers(0, 25), st.integers(0, 15)), size=st.integers(2, 14),
    margin=st.sampled_from([0.1, 0.3]),
)  # fmt: skip
def test_portrait_holds_the_whole_box(corner: tuple[int, int], size: int, margin: float) -> None:
    """Each pixel encodes its position, so that a crop shows where it was cut."""
    y, x = np.mgrid[:30, :40]
    image = np.stack([x, y, x * 0], axis=2).astype(np.uint8)
    found = crops.portrait(image, a_box(*corner, corner[0] + size, corner[1] + size), margin)
    left, top = found[0, 0, :2].tolist()
    right, bottom = found[-1, -1, :2].tolist()
    assert left <= corner[0]
    assert top <= corner[1]
    assert right >= corner[0] + size - 1
    assert bottom >= corner[1] + size - 1


@settings(max_examples=examples(60))
@given(box=small_box, margin=st.sampled_from([0, 0.3, 2]))
def test_a_box_keeps_its_place_in_its_portrait(box: Floats, margin: float) -> None:
    """Each pixel encodes its position, so that a crop shows where it was cut."""
    y, x = np.mgrid[:30, :40]
    cut = crops.portrait(np.stack([x, y, x * 0], axis=2).astype(np.uint8), box, margin)
    corner = np.tile(cut[0, 0, :2].astype(np.float32), 2)
    assert np.array_equal(crops.box_in_portrait(box, cut, (40, 30)) + corner, box)


def test_portrait_is_centred_where_there_is_room() -> None:
    y, x = np.mgrid[:100, :100]
    image = np.stack([x, y, x * 0], axis=2).astype(np.uint8)
    found = crops.portrait(image, a_box(40, 50, 60, 70), 0.5)
    assert found.shape == (40, 40, 3)
    assert found[0, 0, :2].tolist() == [30, 40]


# --- aligning -----------------------------------------------------------------------------------


def dotted(landmarks: Floats) -> Image:
    """A dark picture with a bright disc on both eyes and both mouth corners."""
    image = np.zeros((400, 400, 3), np.uint8)
    radius = max(2, round(float(np.ptp(landmarks[:, 0])) / 12))
    for x, y in landmarks[[0, 1, 3, 4]]:
        cv2.circle(image, (round(float(x)), round(float(y))), radius, (255, 255, 255), -1)
    return image


@pytest.mark.parametrize("scale", [40, 90, 200])
@pytest.mark.parametrize("degrees", [-30, 0, 20])
def test_aligned_face_brings_eyes_and_mouth_to_their_places(scale: int, degrees: float) -> None:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = ((crops.ALIGNED - 0.5) * scale @ turn.T + [205, 195]).astype(np.float32)
    face = crops.aligned_face(framed(dotted(points)), points)
    assert face.shape == (48, 48)
    assert face.dtype == np.uint8
    _, _, _, centres = cv2.connectedComponentsWithStats((face > 100).astype(np.uint8))
    found = np.array(sorted(centres[1:].tolist(), key=lambda c: (c[1] > 28, c[0])))
    assert found == pytest.approx(crops.ALIGNED[[0, 1, 3, 4]] * 48 - 0.5, abs=1.2)


@pytest.mark.parametrize(
    "points",
    [np.full((5, 2), 20), np.arange(10).reshape(5, 2) * [0, 1] + [15, 0], np.full((5, 2), -500)],
    ids=["one point", "a line", "far outside"],
)
def test_aligned_face_survives_landmarks_that_are_no_face(points: Floats) -> None:
    before = PICTURE.copy()
    face = crops.aligned_face(framed(PICTURE), points.astype(np.float32))
    assert face.shape == (48, 48)
    assert face.dtype == np.uint8
    assert np.array_equal(PICTURE, before)


# --- measures -----------------------------------------------------------------------------------


def _sharpness(grey: Image) -> float:
    return crops.sharpness(crops.resized(grey, crops.SHARPNESS_SIDE))


def test_a_large_face_may_be_shrunk_in_two_steps() -> None:
    size = (crops.EMOTION_SIDE, crops.EMOTION_SIDE)
    for side in (97, 150, 201, 400, 575, 700, 1201):
        grey = cv2.GaussianBlur(noise(1, width=side, height=side)[0][..., 0], (0, 0), 1)
        at_once = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(int)
        halved = crops.resized(crops.resized(grey, crops.SHARPNESS_SIDE), crops.EMOTION_SIDE)
        assert np.abs(at_once - halved).max() <= 2


@pytest.mark.parametrize("side", [576, 640, 760, 900, 1152, 1200])
def test_a_large_face_loses_little_sharpness(side: int) -> None:
    grey = cv2.GaussianBlur(noise(1, width=side, height=side)[0][..., 0], (0, 0), side / 150)
    size = (crops.SHARPNESS_SIDE, crops.SHARPNESS_SIDE)
    at_once = crops.sharpness(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
    found = crops.grey_face(framed(grey[..., None].repeat(3, axis=2)), a_box(0, 0, side, side))
    assert found.shape == size
    assert crops.sharpness(crops.resized(grey, size[0])) == pytest.approx(at_once, rel=0.15)


def test_sharpness_falls_with_blur_and_is_0_for_nothing() -> None:
    grey = cv2.resize(noise(1, width=24, height=24)[0][..., 0], (96, 96))
    found = [_sharpness(cv2.GaussianBlur(grey, (0, 0), s)) for s in (0.5, 1, 2, 4)]
    assert found == sorted(found, reverse=True)
    assert _sharpness(np.full((50, 50), 77, np.uint8)) == 0


def test_sharpness_does_not_ask_how_near_a_face_is() -> None:
    near = cv2.resize(noise(1, width=24, height=24)[0][..., 0], (384, 384))
    far = cv2.resize(near, (192, 192), interpolation=cv2.INTER_AREA)
    assert _sharpness(far) == pytest.approx(_sharpness(near), rel=0.2)


FRONTAL = np.zeros(3, np.float32)


@settings(max_examples=examples(60))
@given(
    side=st.floats(1, 2000), sharp=st.floats(0, 1e5), yaw=st.floats(-180, 180),
    pitch=st.floats(-180, 180),
)  # fmt: skip
def test_quality_is_a_share(side: float, sharp: float, yaw: float, pitch: float) -> None:
    angles = np.array([yaw, pitch, 0], np.float32)
    assert 0 <= crops.quality(a_box(0, 0, side, side), sharp, angles) <= 1


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ((80, 100, 0, 0), (40, 100, 0, 0)),
        ((80, 100, 0, 0), (80, 20, 0, 0)),
        ((80, 100, 10, 0), (80, 100, 40, 0)),
        ((80, 100, 0, -10), (80, 100, 0, -40)),
        ((80, 100, 60, 0), (80, 100, 130, 0)),
    ],
    ids=["size", "sharpness", "yaw", "pitch", "turned away"],
)
def test_quality_prefers(
    better: tuple[float, float, float, float], worse: tuple[float, float, float, float]
) -> None:
    def of(side: float, sharp: float, yaw: float, pitch: float) -> float:
        angles = np.array([yaw, pitch, 90], np.float32)
        return float(crops.quality(a_box(5, 5, 5 + side, 9), sharp, angles))

    assert of(*better) > of(*worse)


@pytest.mark.parametrize(
    ("box", "sharp", "angles"),
    [
        (a_box(0, 0, 60, 30), np.inf, FRONTAL),
        (a_box(0, 0, np.inf, 30), 50, FRONTAL),
        (a_box(0, 0, np.inf, 1), np.inf, np.array([45, 0, 0], np.float32)),
    ],
    ids=["60 pixels", "a sharpness of 50", "45 degrees"],
)
def test_each_factor_of_quality_is_one_half_where_it_says(
    box: Floats, sharp: float, angles: Floats
) -> None:
    limited = np.minimum(box, np.float32(1e9))
    assert float(crops.quality(limited, min(sharp, 1e9), angles)) == pytest.approx(0.5, abs=1e-3)


def test_the_quality_of_many_faces_is_that_of_each() -> None:
    random = np.random.default_rng(5)
    boxes = random.uniform([0, 0, 50, 50], [50, 50, 200, 200], (999, 4)).astype(np.float32)
    angles = random.uniform(-180, 180, (999, 3)).astype(np.float32)
    sharp = random.uniform(0, 500, 999)
    each = [float(crops.quality(*face)) for face in zip(boxes, sharp, angles, strict=True)]
    np.testing.assert_array_equal(crops.quality(boxes, sharp, angles), each)


# --- pose ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "angles",
    [
        (0, 0, 0), (30, 0, 0), (-30, 0, 0), (60, 0, 0), (0, 25, 0), (0, -25, 0),
        (0, 0, 40), (0, 0, -40), (20, 15, 0), (-20, 15, 10),
    ],
)  # fmt: skip
def test_pose_of_the_generic_head(angles: tuple[float, float, float]) -> None:
    found = crops.pose(turned(*angles))
    assert found.shape == (1, 3)
    assert found.dtype == np.float32
    assert found[0] == pytest.approx(angles, abs=2)


def moved(point: int, by: tuple[float, float]) -> Floats:
    landmarks = turned()
    landmarks[0, point] += by
    return landmarks


@pytest.mark.parametrize(
    ("landmarks", "axis", "sign"),
    [
        (moved(2, (20, 0)), 0, 1),
        (moved(2, (-20, 0)), 0, -1),
        (moved(2, (0, 15)), 1, 1),
        (moved(2, (0, -15)), 1, -1),
    ],
    ids=["nose right", "nose left", "nose down", "nose up"],
)
def test_pose_follows_the_nose(landmarks: Floats, axis: int, sign: int) -> None:
    assert crops.pose(landmarks)[0, axis] * sign > 5


@pytest.mark.parametrize("change", [lambda p: p * 7, lambda p: p + 1000, lambda p: p * 0.1])
def test_pose_does_not_ask_where_or_how_large(change: Callable[[Floats], Floats]) -> None:
    landmarks = turned(20, -10, 5)
    assert crops.pose(change(landmarks)) == pytest.approx(crops.pose(landmarks), abs=0.05)


@settings(max_examples=examples(40))
@given(yaw=st.floats(-60, 60), pitch=st.floats(-30, 30), roll=st.floats(-60, 60))
def test_pose_of_the_mirrored_face(yaw: float, pitch: float, roll: float) -> None:
    landmarks = turned(yaw, pitch, roll)
    mirrored = landmarks[:, [1, 0, 2, 4, 3]] * np.array([-1, 1], np.float32)
    found = crops.pose(landmarks)
    assert crops.pose(mirrored) == pytest.approx(found * [-1, 1, -1], abs=0.05)


def test_pose_of_several_faces_is_that_of_each() -> None:
    faces = np.concatenate([turned(i, -i / 2, 3 * i) for i in range(5)])
    together = crops.pose(faces)
    assert together.shape == (5, 3)
    for face, angles in zip(faces, together, strict=True):
        assert crops.pose(face[None])[0] == pytest.approx(angles, abs=1e-5)
    assert crops.pose(faces[:0]).shape == (0, 3)


def test_pose_of_a_point_is_finite() -> None:
    assert np.isfinite(crops.pose(np.zeros((1, 5, 2), np.float32))).all()


def test_a_thumbnail_is_a_small_jpeg_of_the_picture() -> None:
    chip = np.full((150, 150, 3), (200, 40, 90), np.uint8)
    data = crops.thumbnail(chip)
    with Pillow.open(BytesIO(data)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 64))
        assert picture.getpixel((30, 30)) == pytest.approx((200, 40, 90), abs=4)
    assert len(data) < 2000
    assert crops.thumbnail(chip) == data
    # numpy drops zeros at the end of bytes; a JPEG ends with other bytes.
    assert np.array([data, data + b"longer"], np.bytes_)[0] == data
