"""Tests of how strong a look is, and how far it is ahead of the next."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.faces import EMOTIONS
from pipeline.pick import select
from pipeline.pick.strength import FARTHEST, NEUTRAL, strength
from pipeline.settings import PickSettings
from tests.support.face_rows import Face, made, stretch

HAPPY = EMOTIONS.index("happy")


def strengths(faces: list[Face], *happy: float) -> list[float]:
    """The strengths of faces that are neutral or happy, given how probable happy is."""
    rows = made(faces)
    rows[list(EMOTIONS)] = np.float32(0)
    glad = np.array(happy, np.float32)
    rows["happy"], rows["neutral"] = glad, 1 - glad
    return select.steadied(rows, 1, PickSettings(smooth=1))["strength"].tolist()


def faces(*looks: str, person: str = "anna", track: int = 0) -> list[Face]:
    """A face in each frame."""
    return [(n, track, person, look) for n, look in enumerate(looks)]


def test_strength_is_the_distance_from_the_persons_own_neutral_face() -> None:
    calm, one = strengths(faces("neutral", "happy"), 0.01, 0.8)
    glad, other = strengths(faces("neutral", "happy"), 0.4, 0.8)
    assert calm == glad == 0
    assert one == pytest.approx((np.log(0.8 / 0.2) - np.log(0.01 / 0.99)) / FARTHEST, abs=1e-5)
    assert other < one


def test_the_neutral_face_is_the_median_of_the_film() -> None:
    usual = strengths(faces("neutral", "happy"), 0.1, 0.8)[1]
    rows = [*faces("neutral", "happy"), (5, 1, "anna", "neutral"), (9, 2, "anna", "neutral")]
    assert strengths(rows, 0.1, 0.8, 0.49, 0.001)[1] == pytest.approx(usual)


def test_another_persons_neutral_face_does_not_count() -> None:
    usual = strengths(faces("neutral", "happy"), 0.1, 0.8)[1]
    other = faces("neutral", person="ben", track=1)
    assert strengths([*faces("neutral", "happy"), *other], 0.1, 0.8, 0.49)[1] == usual


def test_who_is_never_neutral_is_compared_with_a_face_as_neutral() -> None:
    (one,) = strengths(faces("happy"), 0.8)
    assert one == pytest.approx(np.log(0.8 / 0.2) / FARTHEST, abs=1e-5)


@given(st.floats(0.51, 1), st.floats(0.51, 1), st.floats(0, 0.49))
def test_more_of_a_look_is_stronger_and_all_of_it_is_one(a: float, b: float, calm: float) -> None:
    means = np.zeros((3, 7))
    means[:, HAPPY] = [calm, *sorted((a, b))]
    means[:, NEUTRAL] = 1 - means[:, HAPPY]
    person = made(faces("neutral", "happy", "happy"))["person"]
    found = strength(means, np.array([NEUTRAL, HAPPY, HAPPY]), person, NEUTRAL)
    assert 0 == found[0] <= found[1] <= found[2] <= 1


def test_nothing_is_no_strength() -> None:
    assert strengths([]) == []


def test_min_margin_is_the_lead_over_the_next_emotion_in_a_frame() -> None:
    rows = made(stretch(range(8), 0, "anna", "happy"))
    rows = rows.assign(happy=np.float32(0.5), sad=np.array([0.1] * 4 + [0.4] * 4, np.float32))
    for least, left in ((None, 8), (0.05, 8), (0.3, 4), (0.5, 0)):
        settings = PickSettings(repeat=1, sure=0, min_margin=least)
        steadied = select.steadied(rows, 1, settings)
        assert len(select.steady(steadied, settings)[0]) == left


def test_min_margin_0_drops_a_face_whose_own_frame_says_another_look_unless_a_class_has_both() -> (
    None
):
    rows = made(stretch(range(30), 0, "anna", "sad"))
    rows.loc[15, ["happy", "sad", "fear"]] = np.array([0.4, 0.3, 0.3], np.float32)
    for emotions, least, left in (
        (("any",), None, 30),
        (("any",), -1, 30),
        (("any",), 0, 29),
        (("fear+sad",), 0, 30),
    ):
        settings = PickSettings(sure=0, min_margin=least)
        steadied = select.steadied(rows, 1, settings, emotions)
        assert len(select.steady(steadied, settings)[0]) == left
