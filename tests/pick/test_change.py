"""Tests of a change of look in one track."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.faces import EMOTIONS, REJECTED
from pipeline.pick import select
from pipeline.pick.change import changed
from pipeline.settings import Job, PickSettings, job_from
from tests.support.face_rows import RATE, Face, made, stretch

SMILE = PickSettings(smooth=1, repeat=4, sure=0, from_="neutral", within=1.0)
CALM, GLAD = stretch(range(8), 0, "anna", "neutral"), stretch(range(8, 80), 0, "anna", "happy")


def kept(faces: list[Face], settings: PickSettings, emotion: str = "happy") -> list[int]:
    """The frames of one emotion that are left."""
    rows = select.steadied(made(faces), 1, settings, (emotion,))
    return list(select.steady(select.wanted(rows, "anna", emotion), settings)[0]["frame"])


def test_faces_soon_after_the_look_before_are_a_change() -> None:
    assert kept([*CALM, *GLAD], SMILE) == list(range(8, 8 + RATE))
    assert kept([*CALM, *GLAD], replace(SMILE, within=0.04)) == [8]
    assert kept([*CALM, *GLAD], replace(SMILE, within=0.0)) == []


def test_the_look_before_must_hold_and_be_sure() -> None:
    assert kept([*CALM[:3], *GLAD], SMILE) == []
    assert kept([*CALM, *GLAD], replace(SMILE, sure=0.99)) == []
    rows = made([*CALM, *GLAD]).assign(**{REJECTED: 1 << EMOTIONS.index("neutral")})
    assert not select.steadied(rows, 1, SMILE)["from"].any()


def test_another_look_may_lie_between() -> None:
    between = stretch(range(8, 12), 0, "anna", "surprise")
    assert kept([*CALM, *between, *GLAD[4:]], SMILE) == list(range(12, 8 + RATE))
    assert kept([*CALM, *between, *GLAD[4:]], replace(SMILE, within=0.1)) == []


@pytest.mark.parametrize(
    "faces",
    [GLAD, [*GLAD, *stretch(range(80, 90), 0, "anna", "neutral")],
     [*CALM, *stretch(range(8, 80), 1, "anna", "happy")]],
    ids=["no look before", "it comes after", "another track"],
)  # fmt: skip
def test_what_is_no_change(faces: list[Face]) -> None:
    assert kept(faces, SMILE) == []


def test_a_class_of_looks_is_one_look_before() -> None:
    torn = [(n, 0, "anna", "sad" if n % 2 else "fear") for n in range(8)]
    asked = replace(SMILE, from_="fear+sad")
    assert kept([*torn, *GLAD], asked) == list(range(8, 8 + RATE))
    assert kept([*torn, *GLAD], replace(asked, from_="sad")) == []


def test_a_look_is_no_change_to_itself() -> None:
    assert kept(GLAD, replace(SMILE, from_="happy"), "happy") == []
    with pytest.raises(ValueError, match="sad is in both"):
        Job(emotions=("sad",), pick=PickSettings(from_="fear+sad"))


def test_of_a_change_the_steepest_face_is_kept_unless_the_peak_is_asked_for() -> None:
    rows = made(stretch(range(80), 0, "anna", "neutral"))
    glad = np.interp(np.arange(80), [0, 9, 12, 15, 40, 60], [0.1, 0.1, 0.55, 0.9, 0.9, 0.99])
    glad = glad.astype(np.float32)
    rows = rows.assign(**dict.fromkeys(EMOTIONS, np.float32(0)))
    rows = rows.assign(happy=glad, neutral=1 - glad)
    for peak, frame in ((False, 12), (True, 36)):
        given = {"smooth": 1, "repeat": 4, "sure": 0, "from_": "neutral", "within": 1, "peak": peak}
        settings = job_from(given).pick
        seen = select.wanted(select.steadied(rows, 1, settings), "anna", "happy")
        assert list(select.steady(seen, settings)[0]["frame"]) == [frame]


Parts = st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.integers(0, 2)), max_size=20)


@given(Parts, st.sampled_from([0.0, 0.04, 0.2, 1.0]))
def test_it_is_the_last_held_frame_of_the_track_that_counts(
    faces: list[tuple[int, bool, int]], within: float
) -> None:
    time = np.cumsum([step for step, _, _ in faces]) / RATE
    rows = pd.DataFrame({"time": time, "track": [track for *_, track in faces]})
    rows = rows.assign(held=[held for _, held, _ in faces]).astype({"held": bool, "track": int})
    rows = rows.sort_values("track", kind="stable", ignore_index=True)
    told = list(zip(*(rows[name].tolist() for name in ("time", "track", "held")), strict=True))
    found = changed(rows, rows["held"], within).tolist()
    for (now, one, _), soon in zip(told, found, strict=True):
        before = [then for then, other, held in told if held and other == one and then <= now]
        assert soon == any(round(now - then, 6) <= within for then in before)
