"""YuNet, against OpenCV's own use of the same network."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.faces import Floats, Image, iou
from pipeline.models import registry
from pipeline.models.yunet import OVERLAP, YuNet, _suppress
from pipeline.movie.frame import shrink
from tests.support.examples import examples
from tests.support.stills import KNOWN, photo, still

ENTRY = registry.DETECTORS["yunet"]
STILLS = [*KNOWN, "astronaut.png", "biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg"]


@pytest.fixture(scope="module")
def yunet() -> YuNet:
    return YuNet(ENTRY.path)


def by_opencv(image: Image, min_score: float = 0.7) -> Floats:
    """Rows of x, y, width, height, ten landmark coordinates and a score."""
    height, width = image.shape[:2]
    detector = cv2.FaceDetectorYN.create(
        str(ENTRY.path), "", (width, height), min_score, OVERLAP, 5000
    )
    found = detector.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    return np.zeros((0, 15), np.float32) if found is None else np.asarray(found, np.float32)


@pytest.mark.parametrize("name", STILLS)
@pytest.mark.parametrize("width", [640, 333])
def test_faces_are_those_that_opencv_finds(yunet: YuNet, name: str, width: int) -> None:
    image = shrink(still(name) if name in KNOWN else photo(name), width)
    (found,) = yunet.detect([image])
    wanted = by_opencv(image)
    assert len(found) == len(wanted) == 1
    corners = np.concatenate([wanted[:, :2], wanted[:, :2] + wanted[:, 2:4]], axis=1)
    assert found.boxes == pytest.approx(corners, abs=0.01)
    assert found.landmarks.reshape(-1, 10) == pytest.approx(wanted[:, 4:14], abs=0.01)
    assert found.scores == pytest.approx(wanted[:, 14], abs=1e-5)


def test_unsure_faces_are_those_that_opencv_finds() -> None:
    """Many overlapping boxes, so that suppression has work."""
    image = np.concatenate([shrink(still(name), 150)[:150] for name in KNOWN[:2]], axis=1)
    (found,) = YuNet(ENTRY.path, min_score=0.001).detect([image])
    wanted = by_opencv(image, 0.001)
    # OpenCV rounds boxes to whole pixels before it compares them, which decides a few close cases.
    assert len(found) == pytest.approx(len(wanted), rel=0.05)
    assert len(found) > 100
    assert found.scores[:15] == pytest.approx(wanted[:15, 14], abs=1e-5)
    assert found.boxes[:15, :2] == pytest.approx(wanted[:15, :2], abs=0.01)


def test_several_faces_come_surest_first(yunet: YuNet) -> None:
    image = np.concatenate([shrink(still(name), 180)[:200] for name in KNOWN[2:]], axis=1)
    (found,) = yunet.detect([np.ascontiguousarray(image)])
    assert len(found) == 2
    assert found.scores[0] >= found.scores[1]
    assert {int(x > 180) for x in found.boxes[:, 0]} == {0, 1}


@pytest.mark.parametrize("shift", [(32, 0), (0, 64), (96, 32)])
def test_a_face_that_moves_is_found_where_it_went(yunet: YuNet, shift: tuple[int, int]) -> None:
    x, y = shift
    image = still("guest/1.jpg")
    moved = cv2.copyMakeBorder(image, y, 0, x, 0, cv2.BORDER_CONSTANT)
    (before,), (after,) = yunet.detect([image]), yunet.detect([moved])
    assert after.boxes - [x, y, x, y] == pytest.approx(before.boxes, abs=3)
    assert after.landmarks - [x, y] == pytest.approx(before.landmarks, abs=3)


def test_colours_are_not_swapped(yunet: YuNet) -> None:
    image = still("guest/2.jpg")
    (right,), (swapped,) = (
        yunet.detect([x]) for x in (image, np.ascontiguousarray(image[:, :, ::-1]))
    )
    assert right.scores[0] == pytest.approx(by_opencv(image)[0, 14], abs=1e-5)
    assert len(swapped) == 0 or swapped.scores[0] != pytest.approx(right.scores[0], abs=1e-4)


corners = st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(5, 40)] * 2)


@settings(max_examples=examples(50))
@given(
    faces=st.lists(st.tuples(corners, st.integers(1, 1000)), max_size=12, unique_by=lambda f: f[1])
)
def test_suppression_keeps_the_surest_of_each_heap(
    faces: list[tuple[tuple[int, ...], int]],
) -> None:
    boxes = np.array([(x, y, x + w, y + h) for (x, y, w, h), _ in faces], np.float32).reshape(-1, 4)
    scores = np.array([s / 1000 for _, s in faces], np.float32)
    kept = _suppress(boxes, scores)
    wanted: list[int] = []
    for i in np.argsort(-scores).tolist():
        if not wanted or iou(boxes[[i]], boxes[wanted]).max() <= OVERLAP + 1e-6:
            wanted.append(i)
    assert kept == wanted
