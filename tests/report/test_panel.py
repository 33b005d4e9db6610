"""Tests of panels: where they are, what they never cover, and that they can be read."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageDraw

from pipeline.faces import EMOTIONS, Image
from pipeline.report.panel import PANEL_DARK, PLAIN, Mark, Painter, colour
from tests.support.examples import examples

SHARES = (0.06, 0.15, 0.11, 0.31, 0.2, 0.14, 0.03)
GREY = 90


def _mark(box: tuple[int, int, int, int], **changes: object) -> Mark:
    return replace(Mark(0, box, "anna", 3, 0.8, SHARES, 24), **changes)  # type: ignore[arg-type]


def _frame(width: int = 640, height: int = 360) -> Image:
    return np.full((height, width, 3), GREY, np.uint8)


def _inner(image: Image, box: tuple[int, int, int, int], rim: int) -> Image:
    x1, y1, x2, y2 = box
    height, width = image.shape[:2]
    rows, columns = (
        slice(max(low + rim, 0), max(min(high - rim, end), 0))
        for low, high, end in ((y1, y2, height), (x1, x2, width))
    )
    return image[rows, columns]


def test_a_steady_face_is_outlined_in_its_emotions_colour() -> None:
    box = (200, 100, 300, 220)
    painter = Painter(640, 360)

    steady = painter.paint(_frame(), [_mark(box)])
    passing = painter.paint(_frame(), [_mark(box, run_length=0)])

    assert tuple(steady[160, 200]) == colour("happy")
    assert tuple(passing[160, 200]) == PLAIN
    assert _changed(steady) > _changed(passing)


def _changed(image: Image) -> int:
    """Number of pixels of the outline, counted on the side without a panel."""
    return int((image[90:230, 190:200] != GREY).any(axis=2).sum())


def test_bars_are_as_long_as_their_shares() -> None:
    image = Painter(640, 360).paint(_frame(), [_mark((200, 100, 300, 220), run_length=0)])

    bars = image[128:, 304:]
    lengths = [int(_near(bars, colour(emotion)).sum(axis=1).max()) for emotion in EMOTIONS]
    wanted = [round(share * lengths[3] / SHARES[3]) for share in SHARES]
    assert lengths[3] > 15
    assert lengths[:-1] == pytest.approx(wanted[:-1], abs=2)  # Letters' edges have neutral's grey.


def _near(
    image: Image, wanted: tuple[int, int, int]
) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    """Pixels of a colour that was blended over the frame."""
    blended = 0.8 * np.array(wanted) + 0.2 * GREY
    return np.abs(image - blended).max(axis=2) < 3


@settings(max_examples=examples(60))
@given(
    st.lists(
        st.tuples(st.integers(-40, 620), st.integers(-40, 340), st.integers(8, 500)), max_size=5
    ),
    st.sampled_from([(640, 360), (360, 640), (160, 128), (32, 32)]),
)
def test_no_panel_covers_a_face(faces: list[tuple[int, int, int]], size: tuple[int, int]) -> None:
    marks = [_mark((x, y, x + s, y + s), track=n) for n, (x, y, s) in enumerate(faces)]
    boxes = [mark.box for mark in marks]
    rim = max(11, round(min(size) / 28)) // 8 * 3 + 2

    image = Painter(*size).paint(_frame(*size), marks)

    for mark in marks:
        inner = _inner(image, mark.box, rim)
        others = [b for b in boxes if b != mark.box]
        if not any(_meet(mark.box, other, rim) for other in others):
            assert (inner == GREY).all()


def _meet(a: tuple[int, ...], b: tuple[int, ...], rim: int) -> bool:
    return a[0] < b[2] + rim and b[0] < a[2] + rim and a[1] < b[3] + rim and b[1] < a[3] + rim


def test_a_face_that_fills_the_picture_has_no_panel() -> None:
    image = Painter(640, 360).paint(_frame(), [_mark((5, 5, 635, 355))])

    assert (_inner(image, (5, 5, 635, 355), 8) == GREY).all()


def test_two_panels_do_not_overlap() -> None:
    marks = [_mark((100, 60, 200, 180)), _mark((330, 60, 430, 180), track=1)]

    both = Painter(640, 360).paint(_frame(), marks)
    one, other = (Painter(640, 360).paint(_frame(), [mark]) for mark in marks)

    changed = [(image != GREY).any(axis=2).sum() for image in (both, one, other)]
    assert changed[0] >= 0.9 * (changed[1] + changed[2])


def test_a_panel_stays_on_its_side() -> None:
    painter = Painter(640, 360)
    narrow, wide = (470, 100, 560, 200), (300, 100, 390, 200)

    first = painter.paint(_frame(), [_mark(narrow)])
    second = painter.paint(_frame(), [_mark(wide)])
    fresh = Painter(640, 360).paint(_frame(), [_mark(wide)])

    assert (first[120, 440] != GREY).any()
    assert (second[120, 290] != GREY).any()
    assert (fresh[120, 290] == GREY).all()


@pytest.mark.parametrize(("width", "height"), [(640, 360), (1920, 1080), (3840, 2160), (360, 640)])
def test_letters_grow_with_the_picture(
    width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[float] = []
    text = ImageDraw.ImageDraw.text

    def heard(self: ImageDraw.ImageDraw, *given: Any, **options: Any) -> None:
        sizes.append(options["font"].size)
        text(self, *given, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", heard)
    side = min(width, height) // 4
    mark = _mark((10, 10, 10 + side, 10 + side), name=f"n{width}x{height}")
    Painter(width, height).paint(_frame(width, height), [mark])

    assert len(sizes) >= 2
    assert max(sizes) == pytest.approx(min(width, height) / 28, abs=1)
    assert min(sizes) >= 9


@pytest.mark.parametrize(
    "name", ["Zoë", "Ωμέγα", "Юлия", "שלמה", "علي", "第三", "x" * 300, "\U0001fae0"]
)
def test_names_of_any_script_are_drawn(name: str) -> None:
    image = Painter(640, 360).paint(_frame(), [_mark((20, 100, 80, 200), name=name)])

    assert (image[100:126, 86:] != GREY).any()


def test_the_frame_itself_stays() -> None:
    frame = _frame()

    Painter(640, 360).paint(frame, [_mark((200, 100, 300, 220))])

    assert (frame == GREY).all()
    assert PANEL_DARK != (GREY,) * 3
