"""Tests of several emotions that are asked for as one."""

import numpy as np
import pytest

from pipeline.faces import EMOTIONS, REJECTED
from pipeline.pick import select
from pipeline.pick.choose import choose
from pipeline.settings import Job, PickSettings
from tests.support.face_rows import made, stretch, tracks_of

SETTINGS = PickSettings(smooth=1, repeat=12, sure=0)
TORN = [
    *stretch(range(6), 0, "anna", "sad"),
    *stretch(range(6, 12), 0, "anna", "fear"),
    *stretch(range(12, 20), 0, "anna", "happy"),
]


def chosen(*emotions: str) -> dict[str, list[int]]:
    """The frames that are kept of each look."""
    rows, job = made(TORN), Job(emotions=emotions)
    steadied = select.steadied(rows, 1, SETTINGS, emotions)
    choices = choose(steadied, tracks_of(rows), job, SETTINGS, (160, 128), 1.0)
    return {choice.emotion: sorted(choice.kept["frame"]) for choice in choices}


def test_a_run_of_a_class_may_change_among_its_emotions() -> None:
    assert chosen("sad", "fear") == {"sad": [], "fear": []}
    assert chosen("fear+sad", "happy") == {"fear+sad": list(range(12)), "happy": []}


def test_a_class_is_as_probable_as_its_emotions_together() -> None:
    rows = made(TORN, sure=0.4)
    rows[["sad", "fear"]] = np.float32(0.4)
    one, both = (select.steadied(rows, 1, SETTINGS, (e,)) for e in ("sad", "fear+sad"))
    assert both["probability"].iloc[0] == pytest.approx(0.8)
    assert (both["look_sure"] > one["look_sure"])[:12].all()
    assert (both["label"] == one["label"]).all()


def test_a_face_rejected_as_sad_is_no_sad_or_fearful_face() -> None:
    rows = made(TORN).assign(**{REJECTED: 0})
    rows.loc[rows["frame"] < 3, REJECTED] = 1 << EMOTIONS.index("sad")
    seen = select.wanted(select.steadied(rows, 1, SETTINGS, ("fear+sad",)), "anna", "fear+sad")
    kept, left = select.steady(seen, SETTINGS)
    assert left[REJECTED] == 9
    assert sorted(kept["frame"]) == list(range(3, 12))


def test_who_never_looks_so_is_told() -> None:
    rows, job = made(TORN), Job(("anna",), ("angry+disgust",))
    steadied = select.steadied(rows, 1, SETTINGS, job.emotions)
    (choice,) = choose(steadied, tracks_of(rows), job, SETTINGS, (160, 128), 1.0)
    assert choice.hint.startswith("anna never looks angry or disgusted here")


@pytest.mark.parametrize("emotions", [("sad", "fear+sad"), ("any", "fear+sad"), ("glad",)])
def test_no_emotion_is_in_two_classes(emotions: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"glad|in both"):
        Job(emotions=emotions)
