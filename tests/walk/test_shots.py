"""Cuts do not depend on where decoding begins, nor on the light."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.faces import Image
from pipeline.movie import decode
from pipeline.movie.frame import RgbFrame, shrink
from pipeline.movie.scan import Scan, scan_movie
from pipeline.walk.shots import LOOK_AHEAD, LOOK_BACK, mark_cuts
from tests.support.examples import examples
from tests.support.movies import write_movie
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


@settings(max_examples=examples(300))
@given(LENGTHS, st.integers(0, 1 << 30), st.data())
def test_cuts_do_not_depend_on_where_decoding_begins(
    lengths: list[int], seed: int, data: st.DataObject
) -> None:
    whole = _noisy(lengths, seed)
    start = data.draw(st.integers(0, len(whole)), label="decoding begins")
    wanted = [cut for cut in _cuts(whole) if cut >= start + LOOK_BACK]
    assert [cut for cut in _cuts(whole[start:]) if cut >= start + LOOK_BACK] == wanted


@settings(max_examples=examples(300))
@given(LENGTHS, st.integers(0, 1 << 30), st.data())
def test_cuts_do_not_depend_on_where_decoding_ends(
    lengths: list[int], seed: int, data: st.DataObject
) -> None:
    whole = _noisy(lengths, seed)
    stop = data.draw(st.integers(0, len(whole)), label="decoding ends")
    wanted = [cut for cut in _cuts(whole) if cut < stop - LOOK_AHEAD]
    assert [cut for cut in _cuts(whole[:stop]) if cut < stop - LOOK_AHEAD] == wanted


# --- films that are dark, or lit by turns ---------------------------------------------------------

DEMO = Path(__file__).parents[2] / "videos" / "demo.mp4"
STILL = (120, 1100, 2130)
"""Frames of the demo from which 100 are of one shot."""

MOVING_STILL = (*STILL, 0, 600, 2400)
"""The same, in some of which people or the camera move, and 60 frames are of one shot."""

STRONG = np.random.default_rng(1).uniform(0.5, 1.5, 60)
MILD = 0.5 + STRONG / 2

LIT: dict[str, Callable[[int], Any]] = {
    "flicker": lambda i: 1 + 0.25 * np.sin(7.1 * i),
    "flicker by a quarter": lambda i: MILD[i],
    "flicker by a half": lambda i: STRONG[i],
    "half the light in every other frame": lambda i: 1 - i % 2 / 2,
    "a lamp at the right": lambda i: 1 + 0.5 * np.sin(2.1 * i) * np.linspace(0, 1, 320) ** 2,
    "a lamp that is switched off and on": lambda i: 1 - 0.6 * (i in (40, 41)),
}


@cache
def _scan() -> Scan:
    return scan_movie(DEMO)


@cache
def _demo(begin: int, stop: int) -> tuple[Image, ...]:
    """Frames of the demo, at 320 x 180."""
    frames = decode.decode_frames(DEMO, _scan(), begin, stop)
    return tuple(np.asarray(shrink(frame.image, 320)) for frame in frames)


def _dark(gain: float, grain: float, frames: tuple[Image, ...]) -> list[Image]:
    random = np.random.default_rng(0)
    noisy = (gain * f + 2 + random.normal(0, grain, f.shape) for f in frames)
    return [np.clip(f, 0, 255).astype(np.uint8) for f in noisy]


def _read(pictures: list[Image]) -> list[RgbFrame]:
    return [RgbFrame(i, i / 25, picture) for i, picture in enumerate(pictures)]


def _compressed(pictures: list[Image], path: Path, bits: int) -> list[RgbFrame]:
    write_movie(path, pictures, codec="mpeg4", gop=24, bit_rate=bits)
    scan = scan_movie(path)
    return [
        RgbFrame(f.index, f.time, f.image) for f in decode.decode_frames(path, scan, 0, len(scan))
    ]


@pytest.mark.parametrize("begin", STILL, ids=str)
@pytest.mark.parametrize(("gain", "grain", "bits"), [(0.03, 3, 150_000), (0.05, 4, 120_000)])
def test_a_dark_still_shot_has_no_cuts(
    begin: int, gain: float, grain: float, bits: int, tmp_path: Path
) -> None:
    """Its key frames jump in hue."""
    pictures = _dark(gain, grain, _demo(begin, begin + 100))
    assert _cuts(_compressed(pictures, tmp_path / "a.mkv", bits)) == []


@pytest.mark.parametrize("begin", MOVING_STILL, ids=str)
@pytest.mark.parametrize("light", LIT.values(), ids=LIT.keys())
def test_lamps_make_no_cuts(begin: int, light: Callable[[int], Any]) -> None:
    lit = (
        frame * np.reshape(np.asarray(light(i)), (1, -1, 1))
        for i, frame in enumerate(_demo(begin, begin + 60))
    )
    assert _cuts(_read([np.clip(frame, 0, 255).astype(np.uint8) for frame in lit])) == []


@pytest.mark.parametrize("gain", [1, 0.15])
@pytest.mark.parametrize(("begin", "length"), [(0, 1), (120, 1), (120, 2), (600, 1), (600, 2)])
def test_a_flash_is_no_cut(length: int, gain: float, begin: int) -> None:
    pictures = _dark(gain, 1, _demo(begin, begin + 40))
    for i in range(20, 20 + length):
        pictures[i] = (pictures[i] * 0.4 + 130).astype(np.uint8)
    assert _cuts(_read(pictures)) == []


@pytest.mark.parametrize("gain", [1, 0.5, 0.15])
def test_cuts_are_found_in_the_dark_and_under_a_lamp(gain: float) -> None:
    pictures = _dark(gain, 1, (*_demo(320, 380), *_demo(700, 730)))
    flickering = [(p * (1 - 0.05 * (i % 3))).astype(np.uint8) for i, p in enumerate(pictures)]
    assert _cuts(_read(flickering)) == [30, 60]


def test_cuts_are_found_under_strong_flicker() -> None:
    pictures = (*_demo(320, 380), *_demo(700, 730))
    lit = (STRONG[i % 60] * picture for i, picture in enumerate(pictures))
    assert _cuts(_read([np.clip(p, 0, 255).astype(np.uint8) for p in lit])) == [30, 60]


def test_cuts_between_nearly_black_shots_are_found(tmp_path: Path) -> None:
    """Their contrast is less than what compression does to colours."""
    pictures = _dark(0.03, 3, (*_demo(80, 140), *_demo(1080, 1110)))
    assert _cuts(_compressed(pictures, tmp_path / "a.mkv", 150_000)) == [30, 60, 75]


@pytest.mark.parametrize(("grain", "cuts"), [(0, []), (1, [12])], ids=["held", "alive"])
def test_a_nearly_black_picture_that_a_codec_held_is_no_cut(grain: int, cuts: list[int]) -> None:
    random = np.random.default_rng(2)
    greys, tints = random.integers(2, 7, (2, 9, 16, 1)), random.integers(0, 2, (2, 9, 16, 3))
    blotches = (greys + tints).repeat(10, 1).repeat(10, 2)
    noise = random.integers(0, grain + 1, (24, 90, 160, 1))
    pictures = blotches.repeat(12, 0) + noise
    assert _cuts(_read(list(pictures.astype(np.uint8)))) == cuts


def test_a_cut_to_black_and_one_from_it_are_found() -> None:
    picture, black = _demo(120, 121)[0], np.zeros((180, 320, 3), np.uint8)
    assert _cuts(_read([picture] * 8 + [black] * 8 + [picture] * 8)) == [8, 16]


def test_a_dissolve_is_no_cut() -> None:
    """As the documentation says."""
    one, other = _demo(320, 350), _demo(440, 470)
    shares = np.clip((np.arange(30) - 9) / 12, 0, 1)
    mixed = [a * (1 - s) + b * s for a, b, s in zip(one, other, shares, strict=True)]
    assert _cuts(_read([m.astype(np.uint8) for m in mixed])) == []
