"""Labelled faces: the cache beside the CSV, classes, duplicates, votes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DataError, OutputError
from pipeline.faces import EMOTIONS
from pipeline.train import dataset
from pipeline.train.dataset import NO_LABEL, Dataset
from pipeline.train.formats import VOTES
from tests.support.training import csv_text, fer2013, squares, votes_text


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "fer2013.csv"
    path.write_text(csv_text(squares(28)))
    return path


def _same(a: Dataset, b: Dataset) -> bool:
    return all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("faces", "labels", "usage")
    )


def test_the_second_call_reads_the_arrays(csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = dataset.read_dataset(csv)
    monkeypatch.setattr(dataset, "read_csv", lambda _: pytest.fail("parsed again"))
    assert _same(dataset.read_dataset(csv), first)
    assert (csv.parent / ".fer2013.csv.npz").exists()


def test_a_changed_csv_is_read_again(csv: Path) -> None:
    dataset.read_dataset(csv)
    other = squares(14, seed=1)
    csv.write_text(csv_text(other))
    assert _same(dataset.read_dataset(csv), other)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: p.write_bytes(p.read_bytes()[:1000]),
        lambda p: p.write_bytes(b""),
        lambda p: np.savez(p, mark="other"),
        lambda p: p.unlink(),
        lambda p: (p.unlink(), p.mkdir()),
    ],
    ids=["torn", "empty", "foreign", "gone", "a folder"],
)
def test_spoilt_arrays_are_made_anew(csv: Path, spoil: Callable[[Path], object]) -> None:
    first = dataset.read_dataset(csv)
    spoil(csv.parent / ".fer2013.csv.npz")
    assert _same(dataset.read_dataset(csv), first)


def test_a_place_that_cannot_be_written_does_no_harm(
    csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise OutputError("disk full")

    monkeypatch.setattr(dataset, "replacing", full)
    assert len(dataset.read_dataset(csv)) == 28


def test_votes_come_with_the_rows(csv: Path) -> None:
    votes = csv.with_name("fer2013new.csv")
    votes.write_text(votes_text(squares(28)))
    assert np.array_equal(dataset.read_dataset(csv, votes).votes, squares(28).votes)
    assert not dataset.read_dataset(csv).has_votes


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file; download fer2013"):
        dataset.read_dataset(tmp_path / "fer2013.csv")


# --- classes ------------------------------------------------------------------------------------


def test_dropped_classes_are_gone_and_the_rest_counted_anew() -> None:
    data = squares(28)
    left = dataset.without(data, ("disgust", "sad"))
    assert left.classes == ("angry", "fear", "happy", "surprise", "neutral")
    kept = ~np.isin(data.labels, [1, 4])
    assert np.array_equal(left.faces, data.faces[kept])
    names = [left.classes[i] for i in left.labels]
    assert names == [EMOTIONS[i] for i in data.labels[kept]]
    assert np.array_equal(dataset.ferplus_majority(left), left.labels)


def test_rows_go_and_numbers_stay() -> None:
    data = squares(28)
    left = dataset.rows_without(data, ("disgust", "sad"))
    assert left.classes == EMOTIONS
    assert np.array_equal(left.labels, data.labels[~np.isin(data.labels, [1, 4])])


def test_one_class_is_too_few() -> None:
    with pytest.raises(DataError, match="1 class left, wanted at least 2"):
        dataset.without(squares(28), EMOTIONS[1:])


# --- duplicates ---------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 3), max_size=20))
def test_identities_are_the_first_equal_row(values: list[int]) -> None:
    faces = np.array(values, np.uint8).reshape(-1, 1, 1)
    assert dataset.first_equal_faces(faces).tolist() == [values.index(v) for v in values]


def test_test_rows_known_from_training_are_found() -> None:
    data = squares(56)
    faces = data.faces.copy()
    public, private = (int(np.flatnonzero(data.usage == part)[0]) for part in (1, 2))
    faces[private] = faces[3]
    faces[public] = faces[int(np.flatnonzero(data.usage == 2)[1])]  # In both tests only.
    changed = Dataset(faces, data.labels, data.usage, data.votes)
    assert np.flatnonzero(dataset.seen_in_training(changed)).tolist() == [private]


def test_fer2013_has_568_such_rows() -> None:
    data = fer2013()
    assert len(data) == 35_887
    assert dataset.seen_in_training(data).sum() == 568


# --- votes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("votes", "wanted"),
    [
        ({"happiness": 6, "neutral": 4}, "happy"),
        ({"contempt": 6, "neutral": 4}, None),
        ({"NF": 10}, None),
        ({}, None),
        ({"neutral": 5, "anger": 5}, "neutral"),
    ],
)
def test_the_majority_is_one_of_ours_or_none(votes: dict[str, int], wanted: str | None) -> None:
    given = np.array([[votes.get(name, 0) for name in VOTES]], np.float32)
    data = Dataset(np.zeros((1, 48, 48), np.uint8), np.array([0]), np.array([0]), given)
    label = EMOTIONS.index(wanted) if wanted else NO_LABEL
    assert dataset.ferplus_majority(data).tolist() == [label]


def test_shares_leave_out_what_is_no_class() -> None:
    data = squares(14)
    assert np.array_equal(dataset.ferplus_shares(data), np.eye(7)[data.labels])
