"""Settings of training: the values that are refused."""

import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.train.settings import TrainSettings


@pytest.mark.parametrize(
    "wrong",
    [
        {"split": "some"},
        {"optimizer": "lion"},
        {"folds": 1},
        {"fold": 0},
        {"folds": 3, "fold": 4},
        {"epochs": 0},
        {"batch": 0},
        {"limit": -1},
        {"patience": -1},
        {"seed": -1},
        {"test_share": 0.0},
        {"test_share": 1.0},
        {"validation_share": 0.0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"weight_decay": -1.0},
        {"smoothing": 1.0},
        {"balance": 1.1},
        {"ferplus_share": -0.1},
        {"distill": float("nan")},
        {"erase": 2.0},
        {"blur": -1.0},
        {"compress": 1.5},
        {"small": 1.5},
        {"motion": 1.5},
        {"h264": -0.5},
        {"mouth": 2.0},
        {"average": 1.0},
        {"teacher": ("two-headed",)},
        {"unlabelled": (Path("faces"),)},
        {"tilt": -1.0},
        {"shift": -0.1},
        {"correction": -1.0},
        {"loss_correction": float("nan")},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    name, value = list(wrong.items())[-1]
    with pytest.raises(ValueError, match=re.escape(f"{name} {value!r}")) as caught:
        TrainSettings(**wrong)
    assert "TrainSettings" not in str(caught.value)  # The command line shows it.


def test_the_defaults_are_allowed() -> None:
    assert TrainSettings().network == "two-headed"
