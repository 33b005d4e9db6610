"""Cuts do not depend on where decoding begins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.movie.frame import RgbFrame
from pipeline.walk.shots import LOOK_AHEAD, LOOK_BACK, mark_cuts
from tests.support.puppet import Shot, Square, frames

MOVING = Square("anna", "happy 3, sad 3, angry", x=10, dx=5)
ROW = [Square("anna", x=x, y=20) for x in (5, 55, 105)]
OTHER_ROW = [Square("anna", x=x, y=80) for x in (5, 55, 105)]
LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=10)


def _cuts(taken: list[RgbFrame]) -> list[int]:
    return [frame.index for frame, cut in mark_cuts(taken) if cut]


def _noisy(lengths: list[int], seed: int) -> list[RgbFrame]:
    """Shots of blotches with high or low contrast, so that some cuts are clear and some faint."""
    random = np.random.default_rng(seed)
    made: list[RgbFrame] = []
    for length in lengths:
        blotches = random.integers(0, random.integers(1, 80), (6, 10)).repeat(4, 0).repeat(4, 1)
        for _ in range(length):
            image = blotches[..., None] + 60 + random.integers(0, 3, (24, 40, 1)).repeat(3, 2)
            made.append(RgbFrame(len(made), len(made) / 25, image.astype(np.uint8)))
    return made


@pytest.mark.parametrize(
    ("shots", "cuts"),
    [
        pytest.param([Shot(20), Shot(20)], [20], id="two takes"),
        pytest.param([Shot(4), Shot(6), Shot(5)], [4, 10], id="short takes"),
        pytest.param([Shot(20, [MOVING])], [], id="a face moves and changes"),
        pytest.param([Shot(8, [MOVING]), Shot(12, [MOVING])], [8], id="same faces in two takes"),
        pytest.param([Shot(9), Shot(1)], [9], id="in the last frame"),
        pytest.param([Shot(1), Shot(9)], [1], id="after the first frame"),
        pytest.param([Shot(12, ROW, 0), Shot(12, OTHER_ROW, 0)], [12], id="alike pictures"),
        pytest.param([Shot(30)], [], id="still"),
        pytest.param([Shot(1)], [], id="one frame"),
        pytest.param([], [], id="no frame"),
    ],
)
def test_finds_the_cuts_of_a_movie(shots: list[Shot], cuts: list[int]) -> None:
    assert _cuts(frames(shots)) == cuts


@given(LENGTHS)
def test_gives_every_frame_once_and_in_order(lengths: list[int]) -> None:
    taken = frames([Shot(n) for n in lengths])
    assert [frame for frame, _ in mark_cuts(taken)] == taken


def test_gives_a_frame_as_soon_as_it_is_decided() -> None:
    taken = frames([Shot(10)])
    read: list[int] = []
    marked = mark_cuts(read.append(f.index) or f for f in taken)  # type: ignore[func-returns-value]
    next(marked)
    assert read == list(range(LOOK_AHEAD + 1))


@settings(max_examples=300)
@given(LENGTHS, st.integers(0, 1 << 30), st.data())
def test_cuts_do_not_depend_on_where_decoding_begins(
    lengths: list[int], seed: int, data: st.DataObject
) -> None:
    whole = _noisy(lengths, seed)
    start = data.draw(st.integers(0, len(whole)), label="decoding begins")
    wanted = [cut for cut in _cuts(whole) if cut >= start + LOOK_BACK]
    assert [cut for cut in _cuts(whole[start:]) if cut >= start + LOOK_BACK] == wanted


@settings(max_examples=300)
@given(LENGTHS, st.integers(0, 1 << 30), st.data())
def test_cuts_do_not_depend_on_where_decoding_ends(
    lengths: list[int], seed: int, data: st.DataObject
) -> None:
    whole = _noisy(lengths, seed)
    stop = data.draw(st.integers(0, len(whole)), label="decoding ends")
    wanted = [cut for cut in _cuts(whole) if cut < stop - LOOK_AHEAD]
    assert [cut for cut in _cuts(whole[:stop]) if cut < stop - LOOK_AHEAD] == wanted
