"""Ranges of settings."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from math import inf, nan
from typing import Any

import pytest

from pipeline.models.registry import ALIGNERS, DETECTORS, EMOTION_MODELS, RECOGNIZERS
from pipeline.settings import Job, PickSettings, WalkSettings

Maker = Callable[..., Any]


@pytest.mark.parametrize(
    ("make", "values"),
    [
        (WalkSettings, {"every": 0}),
        (WalkSettings, {"every": -1}),
        (WalkSettings, {"detect_every": 0}),
        (WalkSettings, {"width": 159}),
        (WalkSettings, {"start": -0.1}),
        (WalkSettings, {"start": nan}),
        (WalkSettings, {"start": 2, "end": 2}),
        (WalkSettings, {"start": 2, "end": 1}),
        (WalkSettings, {"end": 0}),
        (WalkSettings, {"end": nan}),
        (WalkSettings, {"min_score": -0.1}),
        (WalkSettings, {"min_score": 1.1}),
        (WalkSettings, {"min_score": nan}),
        (PickSettings, {"repeat": 0}),
        (PickSettings, {"smooth": 0}),
        (PickSettings, {"smooth": 4}),
        (PickSettings, {"smooth": -1}),
        (PickSettings, {"min_prob": -0.01}),
        (PickSettings, {"min_prob": 1.01}),
        (PickSettings, {"min_prob": nan}),
        (PickSettings, {"margin": -0.01}),
        (PickSettings, {"margin": nan}),
    ],
    ids=str,
)
def test_values_out_of_range_are_refused(make: Maker, values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="from") as caught:
        make(**values)
    for name, value in values.items():
        assert f"{name}={value}" in str(caught.value)


@pytest.mark.parametrize(
    ("make", "values"),
    [
        (WalkSettings, {"every": 1, "detect_every": 1, "width": 160}),
        (WalkSettings, {"start": 0, "end": 0.001}),
        (WalkSettings, {"start": 7.5, "end": inf}),
        (WalkSettings, {"min_score": 0}),
        (WalkSettings, {"min_score": 1}),
        (PickSettings, {"repeat": 1, "smooth": 1, "min_prob": 0, "margin": 0}),
        (PickSettings, {"min_prob": 1}),
    ],
    ids=str,
)
def test_the_ends_of_ranges_are_allowed(make: Maker, values: dict[str, Any]) -> None:
    made = make(**values)
    assert {name: getattr(made, name) for name in values} == values


@pytest.mark.parametrize(
    "made", [WalkSettings(), PickSettings(), Job()], ids=lambda m: type(m).__name__
)
def test_settings_cannot_be_changed(made: Any) -> None:
    (name, *_) = made.__dataclass_fields__
    with pytest.raises(FrozenInstanceError):
        setattr(made, name, 5)


def test_default_networks_exist() -> None:
    walk = WalkSettings()
    assert walk.detector in DETECTORS
    assert walk.recognizer in RECOGNIZERS
    assert walk.emotion in EMOTION_MODELS
    assert ALIGNERS.keys() == RECOGNIZERS.keys()
