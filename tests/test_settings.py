"""Ranges of settings."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        (PickSettings, {"sure": -0.01}),
        (PickSettings, {"sure": 1.01}),
        (PickSettings, {"sure": nan}),
        (PickSettings, {"min_prob": -0.01}),
        (PickSettings, {"min_prob": 1.01}),
        (PickSettings, {"min_prob": nan}),
        (PickSettings, {"margin": -0.01}),
        (PickSettings, {"margin": nan}),
        (PickSettings, {"repeat_seconds": -0.1}),
        (PickSettings, {"repeat_seconds": nan}),
        (PickSettings, {"gap": -1}),
        (PickSettings, {"min_size": -1}),
        (PickSettings, {"min_size": nan}),
        (PickSettings, {"min_sharpness": -1}),
        (PickSettings, {"max_yaw": -1}),
        (PickSettings, {"max_yaw": nan}),
        (PickSettings, {"max_yaw": 91}),
        (PickSettings, {"border": -1}),
        (PickSettings, {"per_run": -1}),
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
        (PickSettings, {"repeat": 1, "smooth": 1, "sure": 0, "min_prob": 0, "margin": 0}),
        (PickSettings, {"min_prob": 1}),
        (PickSettings, {"gap": 0, "max_yaw": 0, "border": 0, "per_run": 0, "repeat_seconds": 0}),
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


@pytest.mark.parametrize("name", ["mine.onnx", "nets/mine.keras", "../a b.onnx"])
def test_the_path_of_a_network_is_made_absolute(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = WalkSettings(emotion=name)
    assert made.emotion == str(tmp_path / name)
    assert replace(made, every=2).emotion == made.emotion


@pytest.mark.parametrize("name", ["two-headed", "two-headed-int8", "mine", "mine.h5", "onnx"])
def test_the_name_of_a_network_stays(name: str) -> None:
    assert WalkSettings(emotion=name).emotion == name


@pytest.mark.parametrize(
    ("seconds", "rate", "frames"),
    [
        (0.5, 24, 12), (0.5, 25, 13), (0.5, 24000 / 1001, 12), (0.5, 23.976024, 12), (0.5, 30, 15),
        (0.5, 30000 / 1001, 15), (0.04, 25, 1), (0.12, 25, 3), (1, 25, 25), (0.001, 25, 1),
        (2, 59.94006, 120), (1, 0, 1), (1e300, 25, 10**15), (inf, 25, 10**15),
    ],
    ids=str,
)  # fmt: skip
def test_seconds_become_frames_that_last_as_long(seconds: float, rate: float, frames: int) -> None:
    made = PickSettings(repeat_seconds=seconds, gap=2).at(rate)
    assert made == PickSettings(repeat=frames, repeat_seconds=seconds, gap=2)
    assert made.at(rate) == made


@given(st.floats(0.001, 600), st.floats(1, 240))
def test_so_many_frames_and_no_fewer(seconds: float, rate: float) -> None:
    frames = PickSettings(repeat_seconds=seconds).at(rate).repeat
    assert frames / rate >= seconds - 1e-6
    assert frames == 1 or (frames - 1) / rate < seconds + 1e-6
    assert PickSettings(repeat=7).at(rate).repeat == 7
