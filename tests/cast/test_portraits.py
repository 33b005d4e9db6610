"""Photos of unknown people: which faces are chosen, and which share their photo."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cast import portraits
from pipeline.cast.portraits import CROWDED, PHOTOS, PORTRAIT_MARGIN, SPARE_PORTRAITS, Portrait
from pipeline.disk.tracks_npz import EMBEDDING, Tracks
from pipeline.faces import BOX, Floats
from pipeline.people.photo import PHOTO_WIDTH

SIDE = 100
FARTHEST = 0.38
"""Beyond it a photo is not like its person: 22 degrees."""


def _rows(count: int, **columns: Any) -> pd.DataFrame:
    """Faces of one track, alike except for the given columns."""
    given = {
        "frame": np.arange(count), "time": np.arange(count) / 25, "track": 0, "detected": 1,
        "x1": 0.0, "y1": 0.0, "x2": float(SIDE), "y2": float(SIDE), "sharpness": 100.0,
        "yaw": 0.0, "pitch": 0.0, "roll": 0.0, "crowded": False,
        "angry": 0.0, "disgust": 0.0, "fear": 0.0, "happy": 0.0, "sad": 0.0, "surprise": 0.0,
        "neutral": 1.0,
    }  # fmt: skip
    return pd.DataFrame(given | columns, index=range(count))


def _tracks() -> Tracks:
    zeros = np.zeros(1, np.int64)
    return Tracks(_unit(0)[None], zeros, zeros, np.ones(1, np.float32), "walk")


def _unit(angle: float) -> Floats:
    found = np.zeros(EMBEDDING, np.float32)
    found[:2] = np.cos(angle), np.sin(angle)
    return found


def _photo(faces: int = 1, angle: float = 0.0) -> Portrait:
    return Portrait(b"", faces, _unit(angle), np.zeros((1, 1, 3), np.uint8))


# --- beside whom --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "top", "both"),
    [
        pytest.param(149, 0, True, id="beside"),
        pytest.param(151, 0, False, id="a little farther"),
        pytest.param(0, 149, True, id="below"),
        pytest.param(0, 151, False, id="farther below"),
        pytest.param(149, 149, True, id="at the corner"),
        pytest.param(0, 0, True, id="the same place"),
    ],
)
def test_a_face_beside_another_is_crowded(left: float, top: float, both: bool) -> None:
    assert PORTRAIT_MARGIN == 0.5
    boxes = {"x1": [0, left], "y1": [0, top], "x2": [SIDE, left + SIDE], "y2": [SIDE, top + SIDE]}
    assert portraits.crowded(_rows(2, frame=3, **boxes)).tolist() == [both, both]
    assert portraits.crowded(_rows(2, **boxes)).tolist() == [False, False], "in two frames"


def test_a_small_face_beside_a_large_one_may_be_alone() -> None:
    boxes = {"x1": [0, 120], "y1": [0, 0], "x2": [SIDE, 130], "y2": [SIDE, 10]}
    assert portraits.crowded(_rows(2, frame=0, **boxes)).tolist() == [True, False]


@given(st.lists(st.tuples(st.integers(0, 2), *[st.integers(0, 50)] * 2, st.integers(1, 30))))
def test_crowded_is_a_square_that_meets_a_box(faces: list[tuple[int, int, int, int]]) -> None:
    frame, left, top, side = np.array(faces, float).reshape(-1, 4).T
    boxes = {"x1": left, "y1": top, "x2": left + side, "y2": top + side}
    rows = _rows(len(faces), frame=frame.astype(int), **boxes)
    wanted = []
    for i in range(len(faces)):
        room = side[i] * PORTRAIT_MARGIN
        x1, y1, x2, y2 = left[i] - room, top[i] - room, left[i] + side[i] + room, 0.0
        y2 = top[i] + side[i] + room
        wanted.append(
            any(
                frame[i] == frame[j]
                and left[j] < x2 and left[j] + side[j] > x1
                and top[j] < y2 and top[j] + side[j] > y1
                for j in range(len(faces)) if j != i
            )
        )  # fmt: skip
    assert portraits.crowded(rows).tolist() == wanted


# --- which faces --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "stride", "wanted"), [(1, 1, 1), (24, 1, 2), (6, 4, 2), (999, 1, PHOTOS)]
)
def test_how_many_photos(count: int, stride: int, wanted: int) -> None:
    assert portraits.wanted_count(_rows(count), stride) == wanted


def test_candidates_are_found_faces_and_a_few_more_than_photos() -> None:
    rows = _rows(90, detected=np.arange(90) % 3 == 0)
    some = portraits.candidates(rows, _tracks(), 5)
    assert len(some) == 5 + SPARE_PORTRAITS
    assert (some["detected"] == 1).all()
    assert some["frame"].max() - some["frame"].min() > 80, "spread over the track"


def test_candidates_are_sharp_and_to_the_front_where_there_are_such() -> None:
    rows = _rows(60, yaw=np.where(np.arange(60) < 30, 0, 70.0))
    some = portraits.candidates(rows, _tracks(), PHOTOS)
    assert (some["yaw"] == 0).all()
    turned = portraits.candidates(rows[30:], _tracks(), PHOTOS)
    assert len(turned) == PHOTOS + SPARE_PORTRAITS


def test_who_is_good_enough_is_taken_beside_the_best() -> None:
    """A close-up does not displace all other shots of a person."""
    far = np.where(np.arange(60) < 30, 50.0, 400.0)
    rows = _rows(60, x2=far, y2=far, sharpness=500.0)
    some = portraits.candidates(rows, _tracks(), PHOTOS)
    assert set(some["x2"]) == {50, 400}


def test_crowded_faces_are_the_last_choice() -> None:
    rows = _rows(60, crowded=np.arange(60) < 30)
    assert CROWDED < 0.5
    assert not portraits.candidates(rows, _tracks(), 2)["crowded"].any()
    assert len(portraits.candidates(rows[:30], _tracks(), 2)) == 2 + SPARE_PORTRAITS


def test_there_may_be_nobody() -> None:
    assert len(portraits.candidates(_rows(0), _tracks(), 3)) == 0
    assert len(portraits.chosen(_rows(0), {}, _unit(0), FARTHEST, _tracks(), 3)) == 0


def _chosen(rows: pd.DataFrame, cut: dict[int, Portrait], count: int = PHOTOS) -> list[int]:
    some = rows.assign(run=0, probability=1.0)
    return sorted(
        int(i) for i in portraits.chosen(some, cut, _unit(0), FARTHEST, _tracks(), count).index
    )


def test_photos_of_one_face_that_is_the_persons_are_chosen() -> None:
    cut = {0: _photo(), 1: _photo(2), 2: _photo(0), 3: _photo(angle=1.0), 5: _photo(angle=0.2)}
    assert _chosen(_rows(6), cut) == [0, 5], "4 did not decode"


def test_where_none_is_like_the_person_the_nearest_is_chosen() -> None:
    assert _chosen(_rows(3), {0: _photo(2), 1: _photo(angle=1.1), 2: _photo(angle=0.9)}) == [2]


def test_where_none_shows_one_face_others_are_chosen() -> None:
    assert _chosen(_rows(3), {0: _photo(2), 2: _photo(0)}) == [0, 2]
    assert _chosen(_rows(3), {}) == []


def test_of_many_so_many_as_wanted_are_chosen() -> None:
    assert len(_chosen(_rows(12), {i: _photo() for i in range(12)}, 4)) == 4


def test_a_photo_is_looked_at_as_a_gallery_does() -> None:
    assert portraits.DETECTED_WIDTH == PHOTO_WIDTH
    assert set(BOX) <= set(_rows(1))
