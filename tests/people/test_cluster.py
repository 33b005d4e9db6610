"""Tracks to people: who may never be one, what does not matter, where clusters end."""

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.faces import Floats, Ints
from pipeline.people import cluster
from pipeline.people.cluster import (
    Pairs,
    average_linkage,
    between,
    clearness,
    cluster_means,
    clusters,
    neighbours,
    numbered,
    plain_means,
    together,
    unit,
)
from tests.support.puppet import TOLERANCES

DIMENSIONS = 16
FAR_APART = 1e9
"""How much tracks that share a frame differ."""

LIMITS = replace(TOLERANCES, cast=1.0, clear=0.2)
POOR = 0.1


def _around(seed: int, people: Sequence[int], spread: float) -> Floats:
    """Points near one axis each: two people are 1.41 apart, two of one person up to `spread`."""
    noise = np.random.default_rng(seed).normal(size=(len(people), DIMENSIONS))
    noise *= spread / 2 / np.linalg.norm(noise, axis=1, keepdims=True)
    return unit((np.eye(DIMENSIONS)[list(people)] + noise).astype(np.float32))


def _ints(*values: int) -> Ints:
    return np.array(values, np.int64)


def _floats(*values: float) -> Floats:
    return np.array(values, np.float32)


def _groups(labels: Ints) -> set[frozenset[int]]:
    """Clusters without their numbers."""
    return {frozenset(np.flatnonzero(labels == n).tolist()) for n in np.unique(labels)}


def _moved(pairs: Pairs, order: list[int]) -> Pairs:
    """The pairs, as they are called after the tracks were put in that order."""
    new = {old: i for i, old in enumerate(order)}
    return {(new[b], new[a]) for a, b in pairs}


@st.composite
def crowds(draw: st.DrawFn, most: int = 12) -> tuple[Floats, Pairs]:
    """Plain means of tracks anywhere, each of several looks, and the tracks that share a frame."""
    count = draw(st.integers(1, most))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    points = random.normal(size=(count, 4)) + draw(st.floats(0, 3))
    length = random.uniform(draw(st.sampled_from([0.7, 1.0])), 1, (count, 1))
    place = st.integers(0, count - 1)
    pairs = draw(st.sets(st.tuples(place, place).filter(lambda p: p[0] != p[1])))
    return (unit(points.astype(np.float32)) * length).astype(np.float32), pairs


def _by_definition(mean: Floats, apart: Pairs, threshold: float) -> set[frozenset[int]]:
    """Joins the two groups whose faces differ least in the mean, until all differ too much."""
    square = 2 - 2 * mean.astype(np.float64) @ mean.T.astype(np.float64)
    for a, b in apart:
        square[a, b] = square[b, a] = FAR_APART
    np.fill_diagonal(square, np.inf)
    groups = [frozenset([track]) for track in range(len(mean))]
    while square.min() <= threshold**2:
        a, b = divmod(int(square.argmin()), len(groups))
        sizes = len(groups[a]), len(groups[b])
        square[a] = square[:, a] = np.average(square[[a, b]], axis=0, weights=sizes)
        square[a, a] = square[b] = square[:, b] = np.inf
        groups[a], groups[b] = groups[a] | groups[b], frozenset()
    return {group for group in groups if group}


# --- average linkage ----------------------------------------------------------------------------


@given(crowds(), st.floats(0.1, 1.9))
def test_clusters_are_those_of_the_whole_matrix(
    crowd: tuple[Floats, Pairs], threshold: float
) -> None:
    mean, apart = crowd
    found = _groups(average_linkage(mean, apart, threshold))
    assert found == _by_definition(mean, apart, threshold)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("threshold", [0.9, 1.04, 1.2])
def test_clusters_of_a_film_are_those_of_the_whole_matrix(seed: int, threshold: float) -> None:
    random = np.random.default_rng(seed)
    people = random.integers(0, 12, 200)
    noise = unit(random.normal(size=(len(people), 128)).astype(np.float32))
    faces = unit(np.eye(12, 128, dtype=np.float32)[people] + 0.8 * noise)
    mean = (faces * random.uniform(0.8, 1, (len(people), 1))).astype(np.float32)
    drawn = random.integers(0, len(people), (80, 2)).tolist()
    apart = {(a, b) for a, b in drawn if a != b}
    labels = average_linkage(mean, apart, threshold)
    assert _groups(labels) == _by_definition(mean, apart, threshold)
    assert 1 < len(_groups(labels)) < len(people)


@given(crowds(), st.floats(0, 2))
def test_tracks_that_share_a_frame_are_never_one_person(
    crowd: tuple[Floats, Pairs], threshold: float
) -> None:
    mean, apart = crowd
    labels = average_linkage(mean, apart, threshold)
    assert len(labels) == len(mean)
    assert all(labels[a] != labels[b] for a, b in apart)


@given(crowds(), st.floats(0, 2))
def test_numbers_rise_from_0_with_the_first_track(
    crowd: tuple[Floats, Pairs], threshold: float
) -> None:
    labels = average_linkage(*crowd, threshold)
    _, first = np.unique(labels, return_index=True)
    assert labels.dtype == np.int64
    assert labels[np.sort(first)].tolist() == list(range(len(first)))


@given(crowds(), st.floats(0, 2), st.randoms(use_true_random=False))
def test_the_order_of_tracks_is_irrelevant(
    crowd: tuple[Floats, Pairs], threshold: float, random: Random
) -> None:
    mean, apart = crowd
    order = list(range(len(mean)))
    random.shuffle(order)
    shuffled = average_linkage(mean[order], _moved(apart, order), threshold)
    found = {frozenset(order[i] for i in group) for group in _groups(shuffled)}
    assert found == _groups(average_linkage(mean, apart, threshold))


@given(st.lists(st.integers(0, DIMENSIONS - 1), min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_well_separated_people_are_a_cluster_each(people: list[int], seed: int) -> None:
    labels = average_linkage(_around(seed, people, 0.3), set(), 0.7)
    assert _groups(labels) == _groups(_ints(*people))


@given(crowds(), st.floats(0, 2), st.floats(0, 2))
def test_a_larger_threshold_only_joins(
    crowd: tuple[Floats, Pairs], one: float, other: float
) -> None:
    fine, coarse = (_groups(average_linkage(*crowd, t)) for t in sorted((one, other)))
    assert all(any(group <= whole for whole in coarse) for group in fine)


@given(crowds())
def test_a_pair_that_shares_a_frame_only_parts(crowd: tuple[Floats, Pairs]) -> None:
    """Without a shared frame there are no more people than with some."""
    mean, apart = crowd
    alone = average_linkage(mean, set(), 2.0)
    assert len(_groups(alone)) == 1
    assert len(_groups(average_linkage(mean, apart, 2.0))) >= 1 + bool(apart)


def test_twins_in_one_frame_are_two_and_a_third_track_joins_one() -> None:
    labels = average_linkage(_around(0, [0, 0, 0], 0.1), {(0, 1)}, 0.7)
    assert labels[0] != labels[1]
    assert labels[2] in labels[:2]


@pytest.mark.parametrize("count", [0, 1])
def test_nobody_and_one_track(count: int) -> None:
    labels = average_linkage(_around(0, [0] * count, 0.1), set(), 0.7)
    assert labels.tolist() == [0] * count
    assert labels.dtype == np.int64


@pytest.mark.parametrize(("share", "people"), [(0.99, 1), (1.01, 2)], ids=["within", "beyond"])
@pytest.mark.parametrize("threshold", [0.36, 1.04, 1.9])
def test_the_threshold_is_where_clusters_end(share: float, people: int, threshold: float) -> None:
    angle = 2 * np.arcsin(threshold * share / 2)
    mean = np.array([[1, 0], [np.cos(angle), np.sin(angle)]], np.float32)
    assert len(_groups(average_linkage(mean, [], threshold))) == people


def test_a_thousand_tracks_side_by_side_do_not_wear_the_border_down() -> None:
    """One forbidden pair keeps two clusters apart, however many others would join them."""
    mean = np.tile(np.eye(DIMENSIONS, dtype=np.float32)[:1], (1000, 1))
    labels = average_linkage(mean, {(0, 1)}, 0.7)
    assert labels[0] != labels[1]


def test_long_tracks_are_no_nearer_to_other_people_than_their_faces() -> None:
    """Plain means keep the distance of faces; means of unit length come nearer the longer."""
    random = np.random.default_rng(0)
    people = np.repeat([0, 1], 400)
    noise = unit(random.normal(size=(800, 128)).astype(np.float32))
    shared = np.eye(3, 128, dtype=np.float32)
    faces = unit(shared[people] + shared[2] + 1.5 * noise)
    wanted = float(np.sqrt((between(faces[:400], faces[400:]) ** 2).mean()))
    for length in (1, 4, 40):
        _, mean = plain_means(faces, np.arange(800) // length)
        half = len(mean) // 2
        found = between(mean[:half], mean[half:])
        assert float(np.sqrt((found**2).mean())) == pytest.approx(wanted, abs=1e-3)
        assert (between(unit(mean[:half]), unit(mean[half:])).mean() < 0.9 * wanted) == (length > 1)


def test_many_tracks_need_no_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "BLOCK_COSINES", 1 << 16)
    count = 3000
    people = np.random.default_rng(0).integers(0, DIMENSIONS, count).tolist()
    mean = _around(1, people, 1.2)
    apart = {(n, n + 1) for n in range(0, count - 1, 9)}
    clear = np.where(np.arange(count) % 3 == 0, POOR, 1).astype(np.float32)
    matrix = count * count * mean.itemsize
    for threshold in (1.0, 0.1):  # A few people, and as many as tracks.
        tracemalloc.start()
        try:
            clusters(mean, clear, apart, replace(LIMITS, cast=threshold))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < matrix / 8


def test_a_film_of_one_picture_is_sorted_in_few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all are equally near, they are joined in pairs, not one after another."""
    rounds = []
    look = cluster._Linkage._look

    def counted(self: cluster._Linkage, rows: Ints, active: Ints) -> None:
        rounds.append(len(active))
        look(self, rows, active)

    monkeypatch.setattr(cluster._Linkage, "_look", counted)
    mean = np.repeat(_around(0, [3], 0.5), 500, axis=0)
    assert set(average_linkage(mean, [], 0.7).tolist()) == {0}
    assert len(rounds) < 30


# --- clear and poor tracks ----------------------------------------------------------------------


@st.composite
def films(draw: st.DrawFn) -> tuple[Floats, Floats, Pairs]:
    """Means of tracks, the quality of each one's best face, and which of them share a frame."""
    mean, apart = draw(crowds())
    quality = st.sampled_from([POOR, LIMITS.clear, 0.9])
    clear = draw(st.lists(quality, min_size=len(mean), max_size=len(mean)))
    return mean, _floats(*clear), apart


@given(films())
def test_poor_tracks_make_no_cluster_and_move_none(film: tuple[Floats, Floats, Pairs]) -> None:
    mean, clear, apart = film
    labels = clusters(mean, clear, apart, LIMITS)
    good = np.flatnonzero(clear >= np.float32(LIMITS.clear))
    place = {int(t): n for n, t in enumerate(good)}
    inside = {(place[a], place[b]) for a, b in apart if a in place and b in place}
    assert labels[good].tolist() == average_linkage(mean[good], inside, LIMITS.cast).tolist()
    assert all(labels[a] != labels[b] for a, b in apart)
    assert set(labels.tolist()) == set(range(len(np.unique(labels))))
    clear_tracks = set(good.tolist())
    assert all(len(group) == 1 or group & clear_tracks for group in _groups(labels))


@given(films(), st.randoms(use_true_random=False))
def test_the_order_of_clear_and_poor_tracks_is_irrelevant(
    film: tuple[Floats, Floats, Pairs], random: Random
) -> None:
    mean, clear, apart = film
    order = list(range(len(mean)))
    random.shuffle(order)
    shuffled = clusters(mean[order], clear[order], _moved(apart, order), LIMITS)
    found = {frozenset(order[i] for i in group) for group in _groups(shuffled)}
    assert found == _groups(clusters(mean, clear, apart, LIMITS))


def _at(*degrees: float) -> Floats:
    angle = np.radians(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("degrees", "poor", "apart", "wanted"),
    [
        pytest.param([0, 20], [], set(), [0, 0], id="both are clear"),
        pytest.param([0, 50], [1], set(), [0, 0], id="joins"),
        pytest.param([0, 70], [1], set(), [0, 1], id="too far"),
        pytest.param([0, 0], [0, 1], set(), [0, 1], id="poor tracks alone do not join"),
        pytest.param([0, 80, 50], [2], set(), [0, 1, 1], id="joins the nearest"),
        pytest.param([0, 80, 50], [2], {(1, 2)}, [0, 1, 0], id="or else the next"),
        pytest.param([0, 80, 50], [2], {(2, 0), (1, 2)}, [0, 1, 2], id="or none"),
        pytest.param([0, 40, 30], [1, 2], {(1, 2)}, [0, 1, 0], id="of two in a frame the nearer"),
        pytest.param(
            [0, 100, 46, 53], [2, 3], {(2, 0), (2, 3)}, [0, 1, 2, 1], id="the nearer, though later"
        ),
        pytest.param([0, 58, 100], [1], set(), [0, 1, 1], id="is no bridge"),
    ],
)
def test_poor_tracks(
    degrees: list[float], poor: list[int], apart: Pairs, wanted: list[int]
) -> None:
    clear = np.full(len(degrees), LIMITS.clear, np.float32)
    clear[poor] = POOR
    assert _groups(clusters(_at(*degrees), clear, apart, LIMITS)) == _groups(_ints(*wanted))


def test_no_tracks_at_all() -> None:
    assert clusters(_at(), _floats(), set(), LIMITS).tolist() == []


# --- means and distances ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("faces", "track", "numbers", "means"),
    [
        pytest.param([[1, 0]], [7], [7], [[1, 0]], id="one face"),
        pytest.param([[1, 0], [0, 1]], [7, 7], [7], [[0.5, 0.5]], id="not of unit length"),
        pytest.param([[1, 0], [-1, 0]], [0, 0], [0], [[0, 0]], id="opposites"),
        pytest.param(
            [[0, 1], [1, 0], [0.6, 0.8], [1, 0]], [9, 4, 9, 4], [4, 9], [[1, 0], [0.3, 0.9]],
            id="by rising track",
        ),
        pytest.param([], [], [], [], id="no face"),
    ],
)  # fmt: skip
def test_plain_means(
    faces: list[list[float]], track: list[int], numbers: list[int], means: list[list[float]]
) -> None:
    tracks, found = plain_means(np.array(faces, np.float32).reshape(-1, 2), _ints(*track))
    assert tracks.tolist() == numbers
    assert found == pytest.approx(np.array(means).reshape(-1, 2), abs=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("quality", "track", "wanted"),
    [
        pytest.param([0.2, 0.1, 0.3], [7, 2, 7], [0.1, 0.3], id="the best of each"),
        pytest.param([-0.5], [0], [0], id="no less than nothing"),
        pytest.param([], [], [], id="none"),
    ],
)
def test_clearness(quality: list[float], track: list[int], wanted: list[float]) -> None:
    assert clearness(_floats(*quality), _ints(*track)).tolist() == _floats(*wanted).tolist()


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        pytest.param([1, 0], [1, 0], 0, id="the same"),
        pytest.param([1, 0], [0, 1], np.sqrt(2), id="at a right angle"),
        pytest.param([1, 0], [-1, 0], 2, id="opposites"),
        pytest.param([0.5, 0.5], [0.5, 0.5], 1, id="a mean to itself: its faces differ"),
        pytest.param([0.5, 0.5], [1, 0], 1, id="the root of the mean square"),
        pytest.param([1.0000001, 0], [1.0000001, 0], 0, id="rounded up"),
    ],
)
def test_between(one: list[float], other: list[float], wanted: float) -> None:
    assert between(_floats(*one)[None], _floats(*other)[None]) == pytest.approx(wanted, abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 6))
def test_of_plain_means_the_distance_is_that_of_the_faces(seed: int, n: int, m: int) -> None:
    random = np.random.default_rng(seed)
    one, other = (unit(random.normal(size=(k, 8)).astype(np.float32)) for k in (n, m))
    found = between(one.mean(axis=0)[None], other.mean(axis=0)[None])
    assert found**2 == pytest.approx((between(one, other) ** 2).mean(), abs=1e-5)


def test_unit_leaves_nothing_but_the_direction() -> None:
    assert unit(np.array([[3, 4], [0, 0]], np.float32)).tolist() == [
        pytest.approx([0.6, 0.8]),
        [0, 0],
    ]


@pytest.mark.parametrize(
    ("label", "count", "wanted"),
    [
        pytest.param([0, 0, 1], 2, [[0.5, 0.5], [1, 0]], id="tracks count alike"),
        pytest.param([2, 2, 2], 3, [[0, 0], [0, 0], [2 / 3, 1 / 3]], id="some have no track"),
    ],
)
def test_cluster_means(label: list[int], count: int, wanted: list[list[float]]) -> None:
    mean = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    assert cluster_means(mean, _ints(*label), count) == pytest.approx(np.array(wanted))
    assert cluster_means(mean[:0], _ints(), 0).shape == (0, 2)


# --- pairs and numbers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "tracks", "wanted"),
    [
        pytest.param([0, 0, 1, 2, 2, 2], [0, 1, 0, 1, 2, 3], [(0, 1), (1, 2), (1, 3), (2, 3)],
                     id="two and three in a frame"),
        pytest.param([0, 0, 5, 5], [4, 9, 9, 4], [(4, 9)], id="once, however often"),
        pytest.param([0, 1, 2], [0, 0, 1], [], id="never"),
        pytest.param([], [], [], id="no face"),
    ],
)  # fmt: skip
def test_together(frames: list[int], tracks: list[int], wanted: list[tuple[int, int]]) -> None:
    rows = pd.DataFrame({"frame": _ints(*frames), "track": _ints(*tracks)})
    assert together(rows) == {*wanted, *((b, a) for a, b in wanted)}


def test_neighbours_are_on_both_sides_of_a_pair() -> None:
    assert neighbours([(0, 1), (1, 0), (2, 1)]) == {0: {1}, 1: {0, 2}, 2: {1}}
    assert neighbours([]) == {}


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 99)), min_size=1))
def test_numbers_fall_with_screen_time(tracks: list[tuple[int, int]]) -> None:
    labels, weight = (np.array(column) for column in zip(*tracks, strict=True))
    numbers = numbered(labels, weight.astype(np.float64))
    assert _groups(numbers) == _groups(labels)
    whole = [weight[numbers == n].sum() for n in range(1, numbers.max() + 1)]
    assert whole == sorted(whole, reverse=True)
    assert min(whole) > 0


def test_of_two_as_long_on_screen_the_first_is_first() -> None:
    assert numbered(_ints(7, 3, 3, 7), np.array([0.1, 0.2, 0.1, 0.2])).tolist() == [1, 2, 2, 1]
    assert numbered(_ints(), np.zeros(0)).tolist() == []
