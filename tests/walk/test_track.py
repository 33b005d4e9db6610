"""Tracking boxes."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.faces import Floats, iou
from pipeline.walk.track import MAX_GAP, MIN_IOU, Tracker, assignment, match
from tests.support.examples import examples

Box = tuple[float, float, float, float]


def _boxes(*boxes: Box) -> Floats:
    return np.array(boxes, np.float32).reshape(-1, 4)


def _at(x: float, y: float = 0, side: float = 10) -> Box:
    return x, y, x + side, y + side


@pytest.mark.parametrize(
    ("before", "after", "pairs"),
    [
        pytest.param([], [], [], id="nothing"),
        pytest.param([_at(0)], [], [], id="gone"),
        pytest.param([], [_at(0)], [], id="new"),
        pytest.param([_at(0)], [_at(2)], [(0, 0)], id="moved"),
        pytest.param([_at(0)], [_at(6)], [], id="moved too far"),
        pytest.param([_at(0), _at(30)], [_at(31), _at(1)], [(0, 1), (1, 0)], id="other order"),
        pytest.param([_at(0)], [_at(4), _at(1)], [(0, 1)], id="the nearer of two"),
        # Taking the best pair first (0 with 1, at 8/12) would leave the others without a partner.
        pytest.param([_at(0), _at(4)], [_at(-4), _at(2)], [(0, 0), (1, 1)], id="best in sum"),
    ],
)
def test_match(before: list[Box], after: list[Box], pairs: list[tuple[int, int]]) -> None:
    assert match(_boxes(*before), _boxes(*after)) == pairs


@settings(max_examples=examples(60))
@given(st.data())
def test_match_uses_each_box_once_and_only_where_they_overlap(data: st.DataObject) -> None:
    corner = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 20))
    lists = st.lists(corner, max_size=5)
    before, after = (_boxes(*(_at(*c) for c in data.draw(lists))) for _ in range(2))
    pairs = match(before, after)
    overlap = iou(before, after)
    for side in zip(*pairs, strict=True):
        assert len(set(side)) == len(side)
    assert all(overlap[i, j] >= MIN_IOU for i, j in pairs)
    free = np.delete(np.delete(overlap, [i for i, _ in pairs], 0), [j for _, j in pairs], 1)
    assert (free < MIN_IOU).all()


@settings(max_examples=examples(200))
@given(
    st.integers(0, 5), st.integers(0, 2), st.sampled_from([1, 3, 1000]), st.integers(0, 2**32 - 1)
)
def test_no_assignment_costs_less(rows: int, more: int, values: int, seed: int) -> None:
    """Of few values many are the same, and many assignments the best."""
    cost = np.random.default_rng(seed).integers(-values, values + 1, (rows, rows + more)) / 8
    found = assignment(cost)
    assert len(set(found)) == rows
    every = np.array([*permutations(range(rows + more), rows)], np.int64)
    assert cost[np.arange(rows), found].sum() == cost[np.arange(rows), every].sum(axis=1).min()


def test_the_assignment_that_is_hidden_in_a_crowd_is_found() -> None:
    """What is added to a whole row or column changes no choice; without it the hidden is free."""
    random = np.random.default_rng(2)
    hidden = random.permutation(200)
    left = random.exponential(size=(200, 200))
    left[np.arange(200), hidden] = 0
    cost = left + random.normal(size=(200, 1)) + random.normal(size=200)
    assert assignment(cost) == hidden.tolist()


def test_where_all_want_the_same_the_sum_is_the_least() -> None:
    """By `scipy.optimize.linear_sum_assignment` it is 425; many assignments have it."""
    random = np.random.default_rng(3)
    wanted = random.integers(1, 6, (60, 1)) * random.integers(1, 6, 60)
    cost = (wanted + random.integers(0, 3, (60, 60))).astype(np.float64)
    assert cost[np.arange(60), assignment(cost)].sum() == 425


def test_numbers_rise_in_order_of_appearance_and_stay() -> None:
    tracker = Tracker()
    assert tracker.update(0, _boxes(_at(0), _at(50))).tolist() == [0, 1]
    assert tracker.update(1, _boxes(_at(51), _at(100), _at(1))).tolist() == [1, 2, 0]
    assert tracker.update(2, _boxes()).tolist() == []
    assert tracker.update(3, _boxes(_at(100), _at(0))).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("gap", "number"),
    [
        pytest.param(1, 0, id="next frame"),
        pytest.param(MAX_GAP, 0, id="the longest gap"),
        pytest.param(MAX_GAP + 1, 1, id="one more"),
    ],
)
def test_a_face_is_remembered_for_a_while(gap: int, number: int) -> None:
    tracker = Tracker()
    tracker.update(7, _boxes(_at(0)))
    assert tracker.update(7 + gap, _boxes(_at(0))).tolist() == [number]


def test_a_gap_counts_from_where_the_face_was_seen_last() -> None:
    tracker = Tracker()
    found = [tracker.update(n * MAX_GAP, _boxes(_at(0))).tolist() for n in range(4)]
    assert found == [[0]] * 4


def test_nobody_is_followed_across_a_cut() -> None:
    tracker = Tracker()
    tracker.update(0, _boxes(_at(0)))
    tracker.cut()
    assert tracker.update(1, _boxes(_at(0))).tolist() == [1]


def test_a_longer_gap_for_a_detector_that_runs_seldom() -> None:
    tracker = Tracker(max_gap=40)
    tracker.update(0, _boxes(_at(0)))
    assert tracker.update(40, _boxes(_at(0))).tolist() == [0]
    assert tracker.update(81, _boxes(_at(0))).tolist() == [1]


def test_faces_that_pass_each_other_keep_their_numbers() -> None:
    tracker = Tracker()
    for frame in range(20):
        found = tracker.update(frame, _boxes(_at(2 * frame), _at(38 - 2 * frame, 5)))
        assert found.tolist() == [0, 1]
