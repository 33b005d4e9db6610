"""Clustering tracks into people: pairs that must stay apart, invariances, the threshold."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.faces import Floats, Ints
from pipeline.people.cluster import THRESHOLD, cluster, from_centre, numbered
from pipeline.people.naming import templates

DIMENSIONS = 16
Pairs = set[tuple[int, int]]


def _unit(points: Floats) -> Floats:
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    return (points / lengths).astype(np.float32)


def _around(seed: int, people: list[int], spread: float) -> Floats:
    """Points near one axis per person: people are 1.41 apart, tracks of one up to `spread`."""
    noise = np.random.default_rng(seed).normal(size=(len(people), DIMENSIONS))
    noise *= spread / 2 / np.linalg.norm(noise, axis=1, keepdims=True)
    return _unit((np.eye(DIMENSIONS)[people] + noise).astype(np.float32))


def _groups(labels: Ints) -> set[frozenset[int]]:
    """The clusters as sets, without their numbers."""
    return {frozenset(np.flatnonzero(labels == n).tolist()) for n in np.unique(labels)}


@st.composite
def crowds(draw: st.DrawFn) -> tuple[Floats, Pairs]:
    """Random tracks, and the pairs that share a frame."""
    count = draw(st.integers(1, 12))
    seed = draw(st.integers(0, 2**32 - 1))
    points = np.random.default_rng(seed).normal(size=(count, 4)) + draw(st.floats(0, 3))
    place = st.integers(0, count - 1)
    pairs = draw(st.sets(st.tuples(place, place).filter(lambda p: p[0] != p[1])))
    return _unit(points.astype(np.float32)), pairs


@given(crowds(), st.floats(0, 2))
def test_tracks_that_share_a_frame_are_never_one_person(
    crowd: tuple[Floats, Pairs], threshold: float
) -> None:
    mean, apart = crowd
    labels = cluster(mean, apart, threshold)
    assert len(labels) == len(mean)
    assert all(labels[a] != labels[b] for a, b in apart)


@given(crowds(), st.floats(0, 2), st.randoms(use_true_random=False))
def test_the_order_of_tracks_is_irrelevant(
    crowd: tuple[Floats, Pairs], threshold: float, random: Random
) -> None:
    mean, apart = crowd
    order = list(range(len(mean)))
    random.shuffle(order)
    new = {old: i for i, old in enumerate(order)}
    shuffled = cluster(mean[order], {(new[b], new[a]) for a, b in apart}, threshold)
    found = {frozenset(order[i] for i in group) for group in _groups(shuffled)}
    assert found == _groups(cluster(mean, apart, threshold))


@given(st.lists(st.integers(0, DIMENSIONS - 1), min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_well_separated_people_are_a_cluster_each(people: list[int], seed: int) -> None:
    labels = cluster(_around(seed, people, 0.3), set())
    assert _groups(labels) == _groups(np.array(people))


@given(crowds(), st.floats(0, 2), st.floats(0, 2))
def test_a_larger_threshold_only_joins(
    crowd: tuple[Floats, Pairs], one: float, other: float
) -> None:
    small, large = sorted((one, other))
    fine, coarse = (_groups(cluster(*crowd, threshold)) for threshold in (small, large))
    assert all(any(group <= whole for whole in coarse) for group in fine)


@given(crowds())
def test_a_pair_that_shares_a_frame_only_parts(crowd: tuple[Floats, Pairs]) -> None:
    """Without pairs that share a frame, there are no more people than with some."""
    mean, apart = crowd
    alone = cluster(mean, set(), 2.0)
    assert len(_groups(alone)) == 1
    assert len(_groups(cluster(mean, apart, 2.0))) >= 1 + bool(apart)


def test_twins_in_one_frame_are_two_and_a_third_track_joins_one() -> None:
    mean = _around(0, [0, 0, 0], 0.1)
    labels = cluster(mean, {(0, 1)})
    assert labels[0] != labels[1]
    assert labels[2] in labels[:2]


@pytest.mark.parametrize("count", [0, 1])
def test_nobody_and_one_track(count: int) -> None:
    labels = cluster(_around(0, [0] * count, 0.1), set())
    assert labels.tolist() == [0] * count
    assert labels.dtype == np.int64


@pytest.mark.parametrize(("apart", "people"), [(0.9, 1), (1.1, 2)])
def test_the_threshold_is_where_clusters_end(apart: float, people: int) -> None:
    angle = 2 * np.arcsin(THRESHOLD * apart / 2)
    mean = np.array([[1, 0], [np.cos(angle), np.sin(angle)]], np.float32)
    assert len(_groups(cluster(mean, set()))) == people


def test_a_thousand_tracks_side_by_side_do_not_wear_the_border_down() -> None:
    """One forbidden pair keeps two clusters apart, however many others would join them."""
    mean = np.tile(np.eye(DIMENSIONS, dtype=np.float32)[:1], (1000, 1))
    labels = cluster(mean, {(0, 1)})
    assert labels[0] != labels[1]


# --- centres and numbers ------------------------------------------------------------------------


def test_centres_are_unit_means_by_number() -> None:
    embedding = np.array([[0, 1], [1, 0], [0.6, 0.8], [1, 0]], np.float32)
    groups, mean = templates(embedding, np.array([9, 4, 9, 4]))
    assert groups.tolist() == [4, 9]
    assert mean == pytest.approx(np.array([[1, 0], [0.3162, 0.9487]]), abs=1e-4)


def test_centres_of_nobody() -> None:
    groups, mean = templates(np.zeros((0, 128), np.float32), np.zeros(0, np.int64))
    assert (len(groups), mean.shape) == (0, (0, 128))
    assert len(from_centre(mean, groups)) == 0
    assert len(numbered(groups, np.zeros(0))) == 0


def test_who_is_alone_is_at_the_centre() -> None:
    mean = _around(3, [0, 1, 1], 0.3)
    far = from_centre(mean, np.array([0, 1, 1]))
    assert far[0] == pytest.approx(0, abs=1e-6)
    assert far[1] == pytest.approx(far[2], abs=1e-6)
    assert far[1] == pytest.approx(float(np.linalg.norm(mean[1] - mean[2])) / 2, abs=0.01)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 99)), min_size=1))
def test_numbers_fall_with_screen_time(tracks: list[tuple[int, int]]) -> None:
    labels, weight = (np.array(column) for column in zip(*tracks, strict=True))
    numbers = numbered(labels, weight.astype(np.float64))
    assert _groups(numbers) == _groups(labels)
    whole = [weight[numbers == n].sum() for n in range(1, numbers.max() + 1)]
    assert whole == sorted(whole, reverse=True)
    assert min(whole) > 0


def test_of_two_as_long_on_screen_the_first_is_first() -> None:
    assert numbered(np.array([7, 3, 3, 7]), np.array([0.1, 0.2, 0.1, 0.2])).tolist() == [1, 2, 2, 1]
