"""Splits that leak nothing, and targets that are what the settings say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DataError
from pipeline.faces import Ints
from pipeline.train import dataset, split
from pipeline.train.dataset import Dataset
from pipeline.train.formats import VOTES
from pipeline.train.settings import TrainSettings
from tests.support.training import fer2013, squares

PLAIN = TrainSettings(smoothing=0.0)


def _repeated(data: Dataset, sources: Ints) -> Dataset:
    """The data with some faces replaced by others."""
    return replace(data, faces=data.faces[sources])


@given(
    st.lists(st.integers(0, 41), min_size=42, max_size=42),
    st.sampled_from([
        TrainSettings(split="random"),
        TrainSettings(split="random", test_share=0.5, validation_share=0.5, seed=3),
        TrainSettings(split="folds", folds=3, fold=2),
    ]),
    st.booleans(),
)  # fmt: skip
def test_parts_share_no_pixels(sources: list[int], settings: TrainSettings, clean: bool) -> None:
    data = _repeated(squares(42), np.array([0, 1, 2, 3, 4, 5, *sources[6:]]))
    settings = replace(settings, clean=clean)
    try:
        parts = split.split(data, settings)
    except DataError:  # So many faces are the same that a part stays empty.
        return
    same = dataset.first_equal_faces(data.faces)
    kinds = [set(same[rows]) for rows in (parts.training, parts.validation, parts.test)]
    assert not kinds[0] & kinds[1] | kinds[0] & kinds[2] | kinds[1] & kinds[2]
    if not clean:
        rows = np.concatenate([parts.training, parts.validation, parts.test])
        assert sorted(rows) == list(range(len(data)))


def test_folds_test_every_row_once() -> None:
    tests = [
        split.split(squares(60), TrainSettings(split="folds", folds=4, fold=k)).test
        for k in range(1, 5)
    ]
    assert sorted(np.concatenate(tests)) == list(range(60))
    assert [len(test) for test in tests] == [15] * 4


def test_a_random_split_has_the_shares_and_follows_the_seed() -> None:
    settings = TrainSettings(split="random", test_share=0.2, validation_share=0.25)
    first = split.split(squares(100), settings)
    assert [len(p) for p in (first.training, first.validation, first.test)] == [60, 20, 20]
    assert np.array_equal(split.split(squares(100), settings).test, first.test)
    other = split.split(squares(100), replace(settings, seed=1))
    assert not np.array_equal(other.test, first.test)


def test_the_official_split_is_kaggle_s() -> None:
    data = squares(56)
    parts = split.split(data, TrainSettings())
    for usage, rows in enumerate((parts.training, parts.validation, parts.test)):
        assert np.array_equal(rows, np.flatnonzero(data.usage == usage))


def test_where_only_train_and_test_are_given_validation_is_drawn() -> None:
    data = squares(56)
    data = replace(data, usage=np.where(data.usage > 0, 2, 0))
    parts = split.split(data, TrainSettings(validation_share=0.5))
    assert np.array_equal(parts.test, np.flatnonzero(data.usage == 2))
    assert len(parts.training) == len(parts.validation) == 21


def test_without_parts_the_official_split_is_refused() -> None:
    data = replace(squares(28), usage=np.zeros(28, np.int64))
    with pytest.raises(DataError, match="use --split random or --split folds"):
        split.split(data, TrainSettings())


def test_a_limit_draws_that_many_rows() -> None:
    data = squares(56)
    few = split.split(data, TrainSettings(limit=10))
    assert len(few.training) == 10
    assert set(few.training) < set(split.split(data, TrainSettings()).training)


def test_nothing_left_to_train_on_is_said() -> None:
    data = squares(28)
    data = _repeated(data, np.full(28, 0))
    with pytest.raises(DataError, match="no rows are left for training"):
        split.split(data, TrainSettings())


# --- clean --------------------------------------------------------------------------------------


def test_clean_drops_leaks_two_labels_and_no_faces() -> None:
    data = squares(56)
    test = int(np.flatnonzero(data.usage == 2)[0])
    sources = np.arange(56)
    sources[[test, 8]] = 7, 1 + 7  # The face of row 7 is in the test too.
    sources[10] = 9  # One face, two labels.
    sources[16] = 23  # One face twice, one label: both stay.
    votes = data.votes.copy()
    votes[11] = 10 * np.eye(len(VOTES))[VOTES.index("NF")]
    data = replace(_repeated(data, sources), votes=votes)
    kept = set(split.split(data, TrainSettings()).training)
    assert set(np.flatnonzero(data.usage == 0)) - kept == {7, 9, 10, 11}
    dirty = split.split(data, TrainSettings(clean=False)).training
    assert np.array_equal(dirty, np.flatnonzero(data.usage == 0))


def test_clean_fer2013_trains_on_no_test_row() -> None:
    data = fer2013()
    parts = split.split(data, TrainSettings())
    same = dataset.first_equal_faces(data.faces)
    assert not np.isin(same[parts.training], same[data.usage > 0]).any()
    assert 27_500 < len(parts.training) < 28_200


# --- targets ------------------------------------------------------------------------------------


def test_plain_targets_are_the_labels_and_the_votes() -> None:
    data = squares(14)
    votes = data.votes.copy()
    votes[0] = 10 * np.eye(len(VOTES))[VOTES.index("contempt")]
    found = split.targets(replace(data, votes=votes), 2, PLAIN)
    assert np.array_equal(found[:, 0], np.eye(7)[data.labels])
    assert np.array_equal(found[1:, 1], np.eye(7)[data.labels[1:]])
    assert not found[0, 1].any()


def test_smoothing_spreads_and_keeps_the_sum() -> None:
    found = split.targets(squares(14), 2, TrainSettings(smoothing=0.14))
    assert np.allclose(np.sort(found[0, 0]), [0.02] * 6 + [0.88])
    assert np.allclose(found.sum(axis=2), 1)


def test_a_share_of_the_votes_goes_into_one_head() -> None:
    data = squares(14)
    votes = np.zeros_like(data.votes)
    votes[:, VOTES.index("sadness")] = 10
    votes[3] = 0
    found = split.targets(replace(data, votes=votes), 1, replace(PLAIN, ferplus_share=0.25))[:, 0]
    assert found[0, 0] == 0.75
    assert found[0, 4] == 0.25
    assert found[3, 3] == 1


@pytest.mark.parametrize("settings", [PLAIN, replace(PLAIN, ferplus_share=0.5)])
def test_missing_votes_are_asked_for(settings: TrainSettings) -> None:
    data = replace(squares(14), votes=np.zeros((0, 10), np.float32))
    with pytest.raises(DataError, match=r"no FER\+ votes.*--ferplus"):
        split.targets(data, 2 if settings is PLAIN else 1, settings)


def test_teachers_are_mixed_in(tmp_path: Path) -> None:
    data = squares(14)
    votes = data.votes.copy()
    votes[0] = 0
    even = np.full((14, 7), 1 / 7, np.float32)
    np.savez(tmp_path / "teachers.npz", hard=even, fp=np.eye(7, dtype=np.float32)[[6] * 14])
    settings = replace(PLAIN, teachers=tmp_path / "teachers.npz", distill=0.7)
    found = split.targets(replace(data, votes=votes), 2, settings)
    assert np.allclose(found[1, 0], 0.1 + 0.3 * np.eye(7)[1])
    assert np.allclose(found[1, 1], 0.7 * np.eye(7)[6] + 0.3 * np.eye(7)[1])
    assert np.allclose(found[0, 1], np.eye(7)[6])  # Without votes only the teachers count.


@pytest.mark.parametrize("kind", ["missing", "other arrays", "other rows", "no npz"])
def test_teachers_of_something_else_are_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "teachers.npz"
    if kind == "other arrays":
        np.savez(path, soft=np.zeros(3))
    elif kind == "other rows":
        np.savez(path, hard=np.ones((3, 7)), fp=np.ones((3, 7)))
    elif kind == "no npz":
        path.write_bytes(b"PK")
    with pytest.raises(DataError, match=r"teachers\.npz: "):
        split.targets(squares(14), 2, replace(PLAIN, teachers=path))


def test_teachers_that_are_not_there_are_not_to_be_deleted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t\.npz: no such file; --teachers is"):
        split.targets(squares(14), 2, replace(PLAIN, teachers=tmp_path / "t.npz"))


def test_teachers_do_not_go_with_fewer_classes(tmp_path: Path) -> None:
    data = dataset.without(squares(14), ("disgust",))
    with pytest.raises(DataError, match="use --teachers without --without"):
        split.targets(data, 1, replace(PLAIN, teachers=tmp_path / "t.npz"))


def test_the_order_is_of_seed_and_epoch_alone() -> None:
    data, rows = squares(56), np.arange(10, 40)
    first = split.order(data, rows, PLAIN, 0)
    assert sorted(first) == rows.tolist()
    assert np.array_equal(split.order(data, rows, PLAIN, 0), first)
    assert not np.array_equal(split.order(data, rows, PLAIN, 1), first)
    assert not np.array_equal(split.order(data, rows, replace(PLAIN, seed=1), 0), first)


def test_balancing_shows_seldom_classes_as_often() -> None:
    data = squares(1000, n_classes=2)
    data = replace(data, labels=(np.arange(1000) < 50).astype(np.int64))
    drawn = split.order(data, np.arange(1000), replace(PLAIN, balance=1.0), 0)
    assert len(drawn) == 1000
    assert data.labels[drawn].mean() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_balance_moves_the_shares(balance: float) -> None:
    data = squares(4, n_classes=2)
    data = replace(data, labels=np.array([0, 0, 0, 1]))
    weights = split.row_weights(data, np.arange(4), balance)
    share = float(weights[3])
    wanted = 0.25 ** (1 - balance) / (0.25 ** (1 - balance) + 0.75 ** (1 - balance))
    assert share == pytest.approx(wanted)
