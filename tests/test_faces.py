"""Core types and the overlap of boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.faces import EMOTIONS, Detections, FaceRow, Floats, iou

edge = st.integers(-50, 50)
box = st.tuples(edge, edge, st.integers(1, 40), st.integers(1, 40)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
boxes = st.lists(box, max_size=6).map(lambda x: np.array(x, np.float32).reshape(-1, 4))


def pixels(one: Floats) -> set[tuple[int, int]]:
    x1, y1, x2, y2 = (int(v) for v in one)
    return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}


@given(a=boxes, b=boxes)
def test_iou_counts_shared_pixels(a: Floats, b: Floats) -> None:
    found = iou(a, b)
    assert found.shape == (len(a), len(b))
    assert found.dtype == np.float32
    for i, one in enumerate(a):
        for j, other in enumerate(b):
            p, q = pixels(one), pixels(other)
            assert found[i, j] == pytest.approx(len(p & q) / len(p | q), abs=1e-6)


@given(a=boxes, b=boxes)
def test_iou_is_symmetric(a: Floats, b: Floats) -> None:
    assert np.array_equal(iou(a, b), iou(b, a).T)


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3),
        ((0, 0, 10, 10), (2, 2, 4, 4), 0.04),
        ((3, 3, 3, 9), (3, 3, 3, 9), 0.0),
        ((9, 9, 1, 1), (0, 0, 10, 10), 0.0),
    ],
    ids=["equal", "touching", "half", "inside", "no width", "inside out"],
)
def test_iou_of_two(a: tuple[int, ...], b: tuple[int, ...], wanted: float) -> None:
    found = iou(np.array([a], np.float32), np.array([b], np.float32))
    assert found.item() == pytest.approx(wanted, abs=1e-6)


def test_no_faces() -> None:
    none = Detections()
    assert len(none) == 0
    assert (none.boxes.shape, none.scores.shape) == ((0, 4), (0,))
    assert none.landmarks.shape == (0, 5, 2)
    assert none.boxes is not Detections().boxes


def test_the_columns_end_with_the_emotions_in_order() -> None:
    assert len(EMOTIONS) == 7
    assert FaceRow._fields[-7:] == EMOTIONS
    assert FaceRow._fields[:6] == ("video", "frame", "time", "shot", "track", "detected")
    assert FaceRow._fields[6:10] == ("x1", "y1", "x2", "y2")
    assert FaceRow._fields[10:15] == ("score", "sharpness", "yaw", "pitch", "roll")
    assert FaceRow._fields[15:17] == ("person", "distance")
