"""Tests of texts in any script: which fonts draw them, and what is said where none can."""

import io
import logging
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure
from PIL import Image as Pillow
from PIL import ImageDraw, features

from pipeline.faces import Flags
from pipeline.report import letters
from pipeline.report.letters import (
    FROM_LEFT,
    draw_text,
    drawable,
    families,
    fitted_text,
    font_parts,
    from_left,
    shipped,
    text_width,
)

NAMES = {
    "arabic": "محمد علي", "hebrew": "דוד בן־גוריון", "devanagari": "अमिताभ बच्चन",
    "bengali": "সত্যজিৎ", "tamil": "ரஜினி", "thai": "สมชาย น้ำ", "simplified": "李小龙",
    "traditional": "張學友", "japanese": "宮崎駿 さくら カタカナ", "korean": "김연아",
    "cyrillic": "Чулпан Ёлка", "greek": "Μελίνα Άλφα", "georgian": "ნინო", "armenian": "Շառլ",
    "ethiopic": "አበበ", "vietnamese": "Nguyễn", "decomposed": normalize("NFD", "Nguyễn"),
    "emoji": "😀 🎬", "mixed": "Ёлка 李 محمد अ 😀",
}  # fmt: skip
NOWHERE = "\ue123"
"""A letter of private use, which no font has."""


def _inked(text: str, size: int = 32) -> Flags:
    page = Pillow.new("L", (round(text_width(text, size)) + 40, 3 * size), 255)
    draw_text(ImageDraw.Draw(page), (20, 2 * size), text, "#000000", size)
    return np.asarray(np.array(page) < 128)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without fonts of its own."""
    monkeypatch.setattr(letters, "_installed", lambda: ())
    for cached in (font_parts, drawable):
        cached.cache_clear()


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_names_in_any_script_are_drawn_by_fonts_that_are_shipped(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    parts = font_parts(name)
    assert {path for _, path in parts} <= set(shipped())
    assert sorted("".join(part for part, _ in parts)) == sorted(name)
    for part, path in parts:
        assert letters._needed(part) <= letters._letters(path).keys()
    assert _inked(name).any()
    assert caplog.text == ""


@pytest.mark.usefixtures("alone")
def test_without_the_extra_names_in_most_of_europe_are_drawn_and_others_are_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(letters, "find_spec", lambda _: None)
    shipped.cache_clear()
    try:
        for script in ("cyrillic", "greek", "georgian", "armenian", "vietnamese", "hebrew"):
            assert drawable(NAMES[script]) == NAMES[script]
        assert caplog.messages == []
        assert drawable("李小龙") == "???"
        assert "extra `fonts`" in caplog.text
    finally:
        for cached in (shipped, font_parts, drawable):
            cached.cache_clear()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_the_timeline_draws_them_too(name: str) -> None:
    """Warnings are errors, and matplotlib warns of every letter that its fonts lack."""
    figure = Figure()
    figure.text(0, 0.5, drawable(name), family=families(name), parse_math=False)
    figure.savefig(io.BytesIO())


def test_two_fonts_of_one_file_name_are_two(tmp_path: Path) -> None:
    latin, wide, *_ = shipped()
    copies = [tmp_path / folder / "font.ttf" for folder in "ab"]
    for copy, font in zip(copies, (latin, wide), strict=True):
        copy.parent.mkdir()
        copy.write_bytes(Path(font).read_bytes())
    for copy in copies:
        family = [letters._registered(str(copy))]
        found = font_manager.findfont(font_manager.FontProperties(family=family))
        assert found == str(copy)


@pytest.mark.skipif(not features.check("fribidi"), reason="Pillow finds no FriBiDi")
def test_arabic_is_joined_and_written_from_the_right() -> None:
    joined, apart = text_width("ههه", 40), 3 * text_width("ه", 40)
    assert abs(joined - apart) > 1
    # Alef is a stroke, and the first letter; so it stands at the right end.
    page = _inked("اس")
    columns = np.flatnonzero(page.any(axis=0))
    page = page[:, columns[0] : columns[-1] + 1]
    assert page[:, -4:].any(axis=1).sum() > page[:, :4].any(axis=1).sum()


def test_parts_of_a_name_from_the_right_are_drawn_from_the_right() -> None:
    assert [part.strip() for part, _ in font_parts("محمد 李")] == ["李", "محمد"]
    assert [part.strip() for part, _ in font_parts("Շառլ 李")] == ["Շառլ", "李"]
    assert font_parts(from_left("محمد, 李"))[-1][0] == "李"
    assert from_left("Anna, محمد") == "Anna, محمد"


def test_a_mark_stays_with_its_letter() -> None:
    """U+0301 is in many fonts, but belongs into that of the letter before it."""
    parts = font_parts("李e\u0301अ\u0947")
    assert [part for part, _ in parts] == ["李", "e\u0301", "अ\u0947"]
    assert "👩\u200d🎬 Anna " in [part for part, _ in font_parts("👩\u200d🎬 Anna 李")]


@pytest.mark.usefixtures("alone")
def test_letters_that_no_font_has_are_named_once_and_drawn_as_question_marks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for _ in range(2):
        assert drawable(f"Anna {NOWHERE}{NOWHERE}សុ") == "Anna ????"
    assert caplog.messages == [
        f"Anna {NOWHERE}{NOWHERE}សុ: no font here has {NOWHERE} ស ុ, drawn as ?; install one that "
        "does, such as Noto, or the extra `fonts`"
    ]
    assert _inked(NOWHERE).tolist() == _inked("?").tolist()


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    "text", ["a\nb", "a\tb\r\x0b\x85", "\u2028b\u2029", "\x07\x00\x1b", "\udce9", ""]
)
def test_a_text_is_one_line_whatever_is_in_it(text: str) -> None:
    assert not any(letter in drawable(text) for letter in "\n\r\t\x0b\x85\u2028\u2029\x00\x07")
    assert _inked(f"{text}x").any()
    assert text_width(text, 20) >= 0


def test_without_fribidi_it_is_told_that_letters_are_not_joined(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(features, "check", lambda feature: feature != "fribidi")
    drawable.cache_clear()
    assert drawable(f"{FROM_LEFT}محمد") == "محمد"
    assert drawable("Anna") == "Anna"
    drawable.cache_clear()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "libfribidi0" in caplog.text


@pytest.mark.parametrize("text", ["", "a", "anna", "a long name that is shortened", 30 * "李"])
@pytest.mark.parametrize("room", [60, 150])
def test_what_is_too_long_keeps_its_two_ends(text: str, room: int) -> None:
    found = fitted_text(text, 13, room)
    assert text_width(found, 13) <= room
    if found != text:
        begin, end = found.split("…")
        assert text.startswith(begin)
        assert text.endswith(end)
        assert abs(len(begin) - len(end)) <= 1
    else:
        assert text_width(text, 13) <= room
