"""dlib's detectors, with YuNet's framing."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.faces import Detections, Image, iou
from pipeline.models import registry

pytest.importorskip("dlib", reason="needs the extra `dlib`")
from pipeline.models.dlib_detect import (
    LANDMARKS,
    LEAST_MARGIN,
    DlibHog,
    boxes_around,
    margin_of,
    score_of,
)
from pipeline.movie.frame import shrink
from tests.support.stills import DLIB, KNOWN, needs, photo, still

pytestmark = needs(*DLIB)

HOG, CNN, YUNET = (registry.DETECTORS[name] for name in ("hog", "cnn", "yunet"))
PHOTOS = ("astronaut.png", "biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg")


@pytest.fixture(scope="module")
def hog() -> Any:
    return HOG.build()


def side(found: Detections) -> float:
    return float(np.sqrt((found.boxes[0, 2:] - found.boxes[0, :2]).prod()))


def hold_against_yunet(found: Detections, image: Image) -> None:
    (wanted,) = YUNET.build().detect([image])
    assert len(wanted) == 1
    found = Detections(found.boxes[:1], found.scores[:1], found.landmarks[:1])  # The surest.
    assert iou(found.boxes, wanted.boxes)[0, 0] > 0.7
    away = np.linalg.norm(found.landmarks - wanted.landmarks, axis=2)[0] / side(wanted)
    assert away.max() < 0.12


@pytest.mark.parametrize("name", [*KNOWN, *PHOTOS])
def test_hog_frames_faces_as_yunet_does(hog: Any, name: str) -> None:
    image = shrink(still(name) if name in KNOWN else photo(name), 640)
    (found,) = hog.detect([image])
    hold_against_yunet(found, image)


def test_cnn_frames_faces_as_yunet_does() -> None:
    image = shrink(still("guest/2.jpg"), 190)
    (found,) = CNN.build().detect([image])
    hold_against_yunet(found, image)


def test_landmarks_turn_and_grow_with_the_points() -> None:
    assert LANDMARKS.sum(axis=1) == pytest.approx(np.ones(5))
    points = np.random.default_rng(0).normal(size=(5, 2))
    turn = np.array([[0.8, 0.6], [-0.6, 0.8]]) * 3
    moved = LANDMARKS @ (points @ turn + 7)
    assert moved == pytest.approx((LANDMARKS @ points) @ turn + 7)


def test_landmarks_of_a_mirrored_face_are_mirrored() -> None:
    points = np.random.default_rng(0).normal(size=(5, 2))
    mirrored = (points * (-1, 1))[[2, 3, 0, 1, 4]]
    wanted = (LANDMARKS @ points * (-1, 1))[[1, 0, 2, 4, 3]]
    assert LANDMARKS @ mirrored == pytest.approx(wanted, abs=1e-9)


def test_boxes_move_and_grow_with_their_landmarks() -> None:
    landmarks = np.random.default_rng(0).uniform(10, 50, (3, 5, 2)).astype(np.float32)
    boxes = boxes_around(landmarks)
    assert boxes_around(2 * landmarks + 5) == pytest.approx(2 * boxes + 5, rel=1e-5)
    assert boxes_around(landmarks[:0]).shape == (0, 4)


def test_a_face_that_leaves_the_picture_is_found(hog: Any) -> None:
    image = still("actress.jpg")
    (whole,) = hog.detect([image])
    left = int(whole.boxes[0, 0] + 0.15 * side(whole))
    (found,) = hog.detect([np.ascontiguousarray(image[:, left:])])
    assert len(found) == 1
    assert iou(found.boxes + np.array([left, 0, left, 0], np.float32), whole.boxes)[0, 0] > 0.7


def test_two_threads_do_not_mix_their_pictures(hog: Any) -> None:
    images = [shrink(still("actress.jpg"), width) for width in (200, 320)]
    alone = [hog.detect([image])[0].boxes for image in images]
    with ThreadPoolExecutor(2) as pool:
        beside = list(pool.map(lambda n: hog.detect([images[n % 2]])[0].boxes, range(60)))
    assert all(np.array_equal(found, alone[n % 2]) for n, found in enumerate(beside))


def test_a_lower_least_score_finds_more() -> None:
    image = still("actress.jpg")
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 25, 1)
    tilted = cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    found = [HOG.build(min_score=least).detect([tilted])[0].scores for least in (0, 0.7, 0.95)]
    assert [len(scores) for scores in found] == [2, 1, 0]
    assert found[0][0] == found[1][0] > 0.7 > found[0][1], "surest first"


@given(st.floats(-3, 5), st.floats(-3, 5))
def test_scores_rise_with_margins(low: float, high: float) -> None:
    scores = score_of(np.array(sorted((low, high)), np.float32))
    assert 0 <= scores[0] <= scores[1] <= 1


@given(st.floats(0, 1))
def test_the_margin_of_a_score_lets_through_what_has_it(score: float) -> None:
    margin = margin_of(score)
    assert margin >= LEAST_MARGIN
    if margin > LEAST_MARGIN:
        assert score_of(np.array([margin]))[0] == pytest.approx(score, abs=1e-6)


def test_the_usual_least_score_is_dlibs_own_threshold(hog: Any) -> None:
    assert margin_of(0.7) == 0
    assert isinstance(hog, DlibHog)
    image = still("actress.jpg")
    assert len(hog.detect([image])[0]) == len(hog._finder(image, 1))
