"""Which faces a data set has, and in which subset they are: properties of any faces."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset import choose
from pipeline.dataset.align import Hash
from pipeline.dataset.choose import (
    ALIKE_BITS,
    best,
    distinct,
    subsets,
    united,
    units,
    values,
)
from pipeline.dataset.settings import UNITS, DatasetSettings
from tests.support.face_rows import made

FILMS = ("aa", "bb", "cc")


def faces_of(*places: tuple[str, int, str, str]) -> pd.DataFrame:
    """A face for each film, shot, person and emotion."""
    rows = made([(n, 0, person, look) for n, (_, _, person, look) in enumerate(places)])
    films, shots, _, looks = zip(*places, strict=True)
    size = {"x2": 100.0, "y2": 120.0, "sharpness": 100.0}
    return rows.assign(film=films, shot=shots, emotion=looks, probability=0.7, **size)


PLACE = st.tuples(
    st.sampled_from(FILMS), st.integers(0, 3), st.sampled_from(["anna", "ben"]),
    st.sampled_from(["happy", "sad"]),
)  # fmt: skip
PLACES = st.lists(PLACE, min_size=1, max_size=24)
SHARES = st.sampled_from([(0.1, 0.1), (0.3, 0.3), (0.0, 0.5), (0.0, 0.0)])


@st.composite
def hashed(draw: st.DrawFn, count: int) -> Hash:
    """Hashes of a few pictures and of others nearly the same."""
    random = np.random.default_rng(draw(st.integers(0, 99)))
    pictures = random.integers(0, 1 << 64, (3, 4), np.uint64)
    found = pictures[random.integers(0, 3, count)]
    for row in found:
        for bit in random.integers(0, 64, random.integers(0, 20)):
            row[random.integers(0, 4)] ^= np.uint64(1) << np.uint64(bit)
    return np.asarray(found)


def bits(one: Hash, other: Hash) -> int:
    return int(np.bitwise_count(one ^ other).sum())


@given(st.data(), PLACES, SHARES, st.sampled_from(UNITS))
def test_no_shot_is_in_two_subsets_nor_a_near_duplicate(
    data: st.DataObject, places: list[Any], shares: tuple[float, float], split_by: str
) -> None:
    faces = faces_of(*places)
    hashes = data.draw(hashed(len(faces)))
    _, alike = distinct(hashes, values(faces))
    found = list(subsets(united(units(faces, split_by), alike), *shares))
    whole = {
        "shot": [["film", "shot"]],
        "film": [["film", "shot"], ["film"]],
        "person": [["person"]],
    }
    for column in whole[split_by]:
        assert (faces.assign(subset=found).groupby(column)["subset"].nunique() == 1).all()
    for one, other in alike:
        assert found[one] == found[other]


@given(PLACES, PLACES, SHARES, st.sampled_from(UNITS))
def test_other_films_move_nothing(
    places: list[Any], more: list[Any], shares: tuple[float, float], split_by: str
) -> None:
    alone = list(subsets(united(units(faces_of(*places), split_by), []), *shares))
    both = faces_of(*more, *places)
    assert list(subsets(united(units(both, split_by), []), *shares))[len(more) :] == alone


@given(st.data(), st.integers(1, 30))
def test_what_is_kept_is_distinct_and_what_is_left_out_is_like_something_better(
    data: st.DataObject, count: int
) -> None:
    hashes = data.draw(hashed(count))
    value = np.random.default_rng(count).uniform(size=count)
    kept, alike = distinct(hashes, value)
    assert sorted(kept) == kept.tolist()
    apart = [bits(hashes[i], hashes[k]) for i in kept for k in kept if i < k]
    assert all(distance > ALIKE_BITS for distance in apart)
    assert {one for one, _ in alike} == set(range(count)) - set(kept.tolist())
    for one, other in alike:
        assert other in kept
        assert bits(hashes[one], hashes[other]) <= ALIKE_BITS
        assert value[one] <= value[other]


@given(st.data(), st.integers(0, 60), st.sampled_from([-1, 0, 3, ALIKE_BITS, 40]))
def test_near_duplicates_are_those_that_comparing_each_with_each_finds(
    data: st.DataObject, count: int, bits_apart: int
) -> None:
    hashes = data.draw(hashed(count))
    value = np.random.default_rng(count).integers(0, 5, count).astype(np.float64)
    kept: list[int] = []
    alike: list[tuple[int, int]] = []
    for i in np.argsort(-value, kind="stable").tolist():
        near = [k for k in kept if bits(hashes[i], hashes[k]) <= bits_apart]
        alike += [(i, k) for k in near]
        kept += [] if near else [i]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choose, "ALIKE_BITS", bits_apart)
        found, pairs = distinct(hashes, value)
    assert (found.tolist(), pairs) == (sorted(kept), alike)


@given(PLACES, st.integers(1, 5))
def test_as_many_of_each_person_and_emotion_as_asked_for_or_as_there_are(
    places: list[Any], top: int
) -> None:
    faces = faces_of(*places)
    kept = best(faces, values(faces), top)
    by = ["person", "emotion"]
    wanted = faces.groupby(by).size().clip(upper=top)
    pd.testing.assert_series_equal(faces.iloc[kept].groupby(by).size(), wanted)
    assert best(faces, values(faces), 0).tolist() == list(range(len(faces)))


@given(PLACES)
def test_every_film_has_a_face_before_any_has_two(places: list[Any]) -> None:
    faces = faces_of(*[(film, shot, "anna", "happy") for film, shot, *_ in places])
    films = faces["film"].nunique()
    assert faces.iloc[best(faces, values(faces), films)]["film"].nunique() == films


def test_the_best_comes_first_and_then_the_most_different() -> None:
    faces = faces_of(*[("aa", 0, "anna", "happy")] * 3)
    faces = faces.assign(yaw=[0.0, 2.0, 40.0], sharpness=[100.0, 300.0, 100.0])
    assert best(faces, values(faces), 1).tolist() == [1]
    assert best(faces, values(faces), 2).tolist() == [1, 2]


def test_a_picture_that_lacks_a_part_is_worth_less() -> None:
    faces = faces_of(*[("aa", 0, "anna", "happy")] * 2).assign(inside=[0.5, 1.0])
    half, whole = values(faces)
    assert half == whole / 2


@given(st.floats(0, 0.5), st.floats(0, 0.4))
def test_subsets_have_about_their_shares(val: float, test: float) -> None:
    found = list(subsets([f"{n:012x}/{n % 7}" for n in range(4000)], val, test))
    assert found.count("val") / 4000 == pytest.approx(val, abs=0.04)
    assert found.count("test") / 4000 == pytest.approx(test, abs=0.04)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9))))
def test_what_is_joined_has_one_name_and_nothing_else(pairs: list[tuple[int, int]]) -> None:
    names = [f"{n}" for n in range(10)]
    groups = [{n} for n in range(10)]
    for one, other in pairs:
        joined = groups[one] | groups[other]
        for n in joined:
            groups[n] = joined
    assert united(names, pairs) == [str(min(groups[n])) for n in range(10)]


@pytest.mark.parametrize(
    "wrong",
    [{"size": 8}, {"size": 5000}, {"top": -1}, {"split_by": "emotion"}, {"val": 0.6, "test": 0.4},
     {"val": -0.1}],
    ids=str,
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DatasetSettings(**wrong)


def test_of_nothing_nothing_is_best() -> None:
    nothing = faces_of(("aa", 0, "anna", "happy")).iloc[:0]
    assert best(nothing, values(nothing), 3).tolist() == []
