"""Frames give the same pixels however they are stored."""

from dataclasses import FrozenInstanceError

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.faces import Image
from pipeline.movie.frame import Colours, Frame, RgbFrame, YuvFrame, shrink
from tests.support.examples import examples
from tests.support.movies import noise

BT601 = Colours(0.299, 0.114, full=True)
BT709 = Colours(0.2126, 0.0722, full=False)


def never() -> Image:
    raise AssertionError("the whole picture was made")


def planar(luma: Image, *chromas: Image, colours: Colours = BT601) -> YuvFrame:
    return YuvFrame(0, 0.0, [luma, *chromas], colours, never)


def even(value: int, *size: int) -> Image:
    return np.full(size, value, np.uint8)


@pytest.mark.parametrize("frame", [RgbFrame(3, 0.12, even(9, 2, 2, 3)), planar(even(9, 2, 2))])
def test_a_frame_cannot_be_renumbered(frame: Frame) -> None:
    with pytest.raises(FrozenInstanceError):
        frame.index = 4  # type: ignore[misc]


@pytest.mark.parametrize(
    ("size", "width", "wanted"),
    [
        ((30, 40), 40, (30, 40)),
        ((30, 40), 50, (30, 40)),
        ((30, 40), 20, (15, 20)),
        ((31, 43), 10, (7, 10)),
        ((1, 400), 20, (1, 20)),
        ((300, 4), 3, (225, 3)),
    ],
)
def test_shrink(size: tuple[int, int], width: int, wanted: tuple[int, int]) -> None:
    image = noise(1, height=size[0], width=size[1])[0]
    assert shrink(image, width).shape == (*wanted, 3)
    assert shrink(image[..., 0], width).shape == wanted


@pytest.mark.parametrize("width", [32, 16, 13, 5])
def test_shrink_is_antialiased(width: int) -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    assert np.unique(shrink(stripes, width)).tolist() == [100]


@settings(max_examples=examples(40))
@given(width=st.integers(1, 64), seed=st.integers(0, 9))
def test_shrink_keeps_the_mean_and_leaves_the_picture(width: int, seed: int) -> None:
    image = cv2.GaussianBlur(noise(1, width=64, height=64, seed=seed)[0], (0, 0), 3)
    before = image.copy()
    assert shrink(image, width).mean() == pytest.approx(image.mean(), abs=6)
    assert np.array_equal(image, before)


def test_the_luma_of_rgb_is_its_grey() -> None:
    image = noise(1)[0]
    frame = RgbFrame(0, 0.0, image)
    assert np.array_equal(frame.levels[frame.luma], cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


@pytest.mark.parametrize(
    ("colours", "value", "grey"),
    [(BT601, 0, 0), (BT601, 255, 255), (BT709, 16, 0), (BT709, 235, 255), (BT709, 3, 0),
     (BT709, 250, 255), (BT709, 126, 128)],
)  # fmt: skip
def test_levels_are_those_of_the_screen(colours: Colours, value: int, grey: int) -> None:
    frame = planar(even(value, 4, 4), even(128, 2, 2), even(128, 2, 2), colours=colours)
    assert set(frame.levels[frame.luma].ravel().tolist()) == {grey}
    assert set(frame.shrunk(2).ravel().tolist()) == {grey}


@pytest.mark.parametrize(
    ("colours", "yuv", "rgb"),
    [
        (BT601, (76, 85, 255), (254, 0, 0)),  # JPEG's red, green and blue.
        (BT601, (150, 44, 21), (0, 255, 1)),
        (BT601, (29, 255, 107), (0, 0, 254)),
        (BT709, (63, 102, 240), (255, 1, 0)),  # HDTV's.
        (BT709, (173, 42, 26), (0, 255, 1)),
        (BT709, (32, 240, 118), (1, 0, 255)),
    ],
)
def test_colours_are_those_of_the_standard(
    colours: Colours, yuv: tuple[int, int, int], rgb: tuple[int, int, int]
) -> None:
    y, u, v = yuv
    found = planar(even(y, 8, 8), even(u, 4, 4), even(v, 4, 4), colours=colours).shrunk(4)
    assert found.shape == (4, 4, 3)
    assert found[0, 0].tolist() == pytest.approx(rgb, abs=2)


@pytest.mark.parametrize("width", [63, 40, 32, 16, 7])
@pytest.mark.parametrize("chroma", [(48, 64), (48, 32), (24, 32)], ids=["444", "422", "420"])
def test_a_small_picture_needs_no_large_one(width: int, chroma: tuple[int, int]) -> None:
    y = np.linspace(60, 190, 48 * 64).reshape(48, 64).astype(np.uint8)
    frame = planar(y, even(90, *chroma), even(150, *chroma))
    rgb = cv2.transform(cv2.merge([y, even(90, 48, 64), even(150, 48, 64)]), BT601.to_rgb)
    assert frame.shrunk(width).astype(int) == pytest.approx(shrink(rgb, width).astype(int), abs=4)


def test_the_whole_picture_is_made_once() -> None:
    calls: list[int] = []

    def convert() -> Image:
        calls.append(1)
        return even(7, 4, 4, 3)

    frame = YuvFrame(0, 0.0, [even(0, 4, 4)] * 3, BT601, convert)
    assert frame.image is frame.shrunk(4) is frame.shrunk(9)
    assert calls == [1]
