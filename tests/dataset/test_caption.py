"""Captions say what is known, and no more."""

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.crops import pose
from pipeline.dataset.caption import caption

USUAL = {
    "person": "anna", "emotion": "happy", "strength": 0.2, "probability": 0.9, "yaw": 0.0,
    "pitch": 0.0, "video": "second.mkv",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "anna looks happy, facing the camera"),
        ({"strength": 0.1}, "anna looks slightly happy, facing the camera"),
        ({"strength": 0.35}, "anna looks very happy, facing the camera"),
        ({"probability": 0.49}, "anna perhaps looks happy, facing the camera"),
        ({"emotion": "neutral", "strength": 0.0},
         "anna looks neutral, facing the camera"),
        ({"emotion": "fear+sad"}, "anna looks afraid or sad, facing the camera"),
        ({"person": "unknown"}, "somebody looks happy, facing the camera"),
        ({"person": ""}, "somebody looks happy, facing the camera"),
        ({"yaw": 20.0}, "anna looks happy, face turned to the right of the picture"),
        ({"yaw": -20.0, "pitch": 20.0},
         "anna looks happy, face turned to the left of the picture and down"),
        ({"pitch": -15.0}, "anna looks happy, face turned up"),
        ({"yaw": -60.0, "pitch": 20.0},
         "anna looks happy, face in profile to the left of the picture"),
    ],
    ids=str,
)  # fmt: skip
def test_a_caption_is_plain_english_on_one_line(changes: dict[str, object], said: str) -> None:
    assert caption(SimpleNamespace(**USUAL | changes)) == f"{said}, a frame of the film second"


def test_the_name_of_a_film_cannot_begin_a_line() -> None:
    said = caption(SimpleNamespace(**USUAL | {"video": "a\nb.mkv"}))
    assert said.endswith(r", a frame of the film a\nb")


@pytest.mark.parametrize(("nose", "side"), [(35.0, "left"), (65.0, "right")])
def test_left_and_right_are_those_of_the_picture(nose: float, side: str) -> None:
    """A nose that lies to the left of the eyes' middle in the picture is turned to its left."""
    points = [[30, 40], [70, 40], [nose, 60], [35, 80], [65, 80]]
    yaw, *_ = pose(np.array([points], np.float32))[0]
    said = caption(SimpleNamespace(**USUAL | {"yaw": float(yaw)}))
    assert f"to the {side} of the picture" in said
