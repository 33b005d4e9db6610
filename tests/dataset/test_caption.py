"""Captions say what is known, and no more."""

from types import SimpleNamespace

import pytest

from pipeline.dataset.caption import caption

USUAL = {
    "person": "anna", "emotion": "happy", "strength": 0.2, "probability": 0.9, "yaw": 0.0,
    "pitch": 0.0, "video": "film.mkv",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "anna looks happy, facing the camera, a frame of film"),
        ({"strength": 0.1}, "anna looks slightly happy, facing the camera, a frame of film"),
        ({"strength": 0.35}, "anna looks very happy, facing the camera, a frame of film"),
        ({"probability": 0.49}, "anna perhaps looks happy, facing the camera, a frame of film"),
        ({"emotion": "neutral", "strength": 0.0},
         "anna looks neutral, facing the camera, a frame of film"),
        ({"emotion": "fear+sad"}, "anna looks afraid or sad, facing the camera, a frame of film"),
        ({"person": "unknown"}, "somebody looks happy, facing the camera, a frame of film"),
        ({"person": ""}, "somebody looks happy, facing the camera, a frame of film"),
        ({"yaw": 20.0}, "anna looks happy, face turned to the right, a frame of film"),
        ({"yaw": -20.0, "pitch": 20.0},
         "anna looks happy, face turned to the left and down, a frame of film"),
        ({"pitch": -15.0}, "anna looks happy, face turned up, a frame of film"),
        ({"yaw": -60.0, "pitch": 20.0},
         "anna looks happy, face in profile to the left, a frame of film"),
        ({"video": "a\nb.mkv"}, r"anna looks happy, facing the camera, a frame of a\nb"),
    ],
    ids=str,
)  # fmt: skip
def test_a_caption_is_plain_english_on_one_line(changes: dict[str, object], said: str) -> None:
    assert caption(SimpleNamespace(**USUAL | changes)) == said
