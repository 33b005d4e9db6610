"""Tests of who else is there."""

import pytest

from pipeline.faces import ACCEPTED
from pipeline.pick import select
from pipeline.settings import PickSettings
from tests.support.face_rows import Face, made, stretch

ANNA = stretch(range(8), 0, "anna", "happy")
BEN = stretch(range(4), 1, "ben", "sad")
STRANGER = stretch(range(6, 8), 2, "", "sad")
LATER = stretch(range(20, 24), 3, "anna", "happy")


def kept(faces: list[Face], settings: PickSettings, person: str = "anna") -> list[int]:
    """The frames that are left of a film whose second shot begins with frame 10."""
    rows = made(faces).sort_values(["frame", "track"], ignore_index=True)
    rows = rows.assign(shot=rows["frame"] // 10, **{ACCEPTED: 0b1000})
    steadied = select.steadied(rows, 1, settings)
    looks = [select.wanted(steadied, person, emotion) for emotion in ("happy", "sad")]
    return [frame for seen in looks for frame in select.steady(seen, settings)[0]["frame"]]


SHOT, NEXT = list(range(8)), list(range(20, 24))


@pytest.mark.parametrize(
    ("asked", "frames"),
    [
        (PickSettings(), SHOT + NEXT),
        (PickSettings(with_=("ben",)), SHOT),
        (PickSettings(with_=("ben",), same_frame=True), SHOT[:4]),
        (PickSettings(with_=("ben", "unknown")), SHOT),
        (PickSettings(with_=("ben", "unknown"), same_frame=True), []),
        (PickSettings(with_=("unknown",), same_frame=True), SHOT[6:]),
        (PickSettings(with_=("anna",)), []),
        (PickSettings(without=("ben",)), NEXT),
        (PickSettings(without=("ben",), same_frame=True), SHOT[4:] + NEXT),
        (PickSettings(without=("ben", "unknown"), same_frame=True), [4, 5, *NEXT]),
        (PickSettings(without=("anna",)), []),
        (PickSettings(with_=("ben",), without=("unknown",), same_frame=True), SHOT[:4]),
        (PickSettings(alone=True), NEXT),
        (PickSettings(alone=True, same_frame=True), [4, 5, *NEXT]),
    ],
    ids=str,
)
def test_company_counts_everybody_in_the_shot_or_frame(
    asked: PickSettings, frames: list[int]
) -> None:
    assert kept([*ANNA, *BEN, *STRANGER, *LATER], asked) == frames


def test_two_faces_of_one_name_in_a_frame_are_not_alone() -> None:
    strangers = [*stretch(range(8), 0, "", "sad"), *stretch(range(8, 9), 1, "", "sad")]
    asked = PickSettings(alone=True, repeat=1, sure=0)
    assert kept(strangers, asked, "unknown") == list(range(9))
    assert kept([*strangers, (8, 2, "", "sad")], asked, "unknown") == []


def test_a_film_without_faces_answers() -> None:
    asked = PickSettings(with_=("ben",), without=("carl",), alone=True)
    assert kept([], asked) == []


def test_any_is_nobody_in_particular() -> None:
    with pytest.raises(ValueError, match="not 'any'"):
        PickSettings(without=("any",))
