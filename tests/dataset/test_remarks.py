"""What is told of a data set that was just made."""

import pandas as pd
import pytest

from pipeline.dataset.remarks import remarks
from pipeline.dataset.settings import DatasetSettings

GOOD = (
    ("anna", "happy", "train", 1.0), ("anna", "happy", "val", 0.9), ("anna", "happy", "test", 0.8),
)  # fmt: skip


def told(
    *rows: tuple[str, str, str, float], split_by: str = "shot", margin: float = 0.3
) -> list[str]:
    faces = pd.DataFrame(rows, columns=["person", "emotion", "subset", "inside"])
    return list(remarks(faces, DatasetSettings(split_by=split_by), margin))


def test_nothing_is_told_of_a_good_one_nor_of_an_empty_one() -> None:
    assert told(*GOOD) == told() == []


def test_who_and_which_look_cannot_be_trained_on_is_one_line() -> None:
    (line,) = told(
        *GOOD, ("ben", "sad", "val", 1.0), ("ben", "angry", "test", 1.0),
        ("carl", "happy", "train", 1.0), ("carl", "sad", "test", 1.0),
    )  # fmt: skip
    assert line.startswith("train lacks person ben and emotion angry, sad, whose pictures are all")


def test_split_by_person_only_looks_are_told_as_strangers_are_meant_to_be_elsewhere() -> None:
    rows = *GOOD, ("ben", "happy", "val", 1.0)
    assert told(*rows, split_by="person") == []
    (line,) = told(*rows, ("carl", "sad", "test", 1.0), split_by="person")
    assert line.startswith("train lacks emotion sad, whose")


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (0, "no face is in val and test: .* another --val and --test \\(with --replace\\)"),
        (1, "no face is in train and test: .* another --val and --test \\(with --replace\\)"),
    ],
)
def test_an_empty_subset_is_told_alone(row: int, line: str) -> None:
    (said,) = told(GOOD[row])
    assert pd.Series([said]).str.fullmatch(line).all()


@pytest.mark.parametrize(
    ("margin", "advice"),
    [(0.3, "--margin 0.1 --replace"), (0.05, "--margin 0.0 "), (0.0, "--border 20 ")],
)
def test_streaks_are_told_with_a_smaller_margin(margin: float, advice: str) -> None:
    (line,) = told(*GOOD, ("ben", "happy", "train", 0.7), ("ben", "happy", "val", 0.8),
                   margin=margin)  # fmt: skip
    assert "inside: ben 0.75)" in line
    assert advice in line
