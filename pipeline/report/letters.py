"""Draws texts in any script: every part of a text in the first font that has all its letters.

The fonts are those of packages: of matplotlib, and with the extra `fonts` of weblate-fonts, so that
pictures are the same everywhere. Only where they lack a letter, installed ones are looked through.
What no font has is drawn as "?".
"""

import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from unicodedata import bidirectional, category

import matplotlib
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from PIL import ImageDraw, ImageFont, features

log = logging.getLogger(__name__)

KURINTO = "static/weblate_fonts/kurinto/ttf"
"""Where the package weblate-fonts keeps Kurinto Sans, which covers most scripts in use (OFL)."""

REGIONS = ("", "SC", "JP", "KR", "TC")
"""Its files: of all scripts but Han; of China, Japan, Korea and Taiwan."""

UNDRAWN = "?"
"""Stands for a letter that no font has."""

FROM_LEFT = "\u200e"
"""Unicode's mark that tells in which direction a text goes whose first letter tells another."""

MARKS, JOINER = ("Mn", "Mc", "Me", "Cf"), "\u200d"
"""Unicode's categories of what is drawn on the letter before, and what joins two letters."""

RIGHT_TO_LEFT = ("R", "AL")
"""Unicode's classes of letters that are written from the right."""


@lru_cache
def shipped() -> tuple[str, ...]:
    """The fonts of packages, the first to use first."""
    latin = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    if find_spec("weblate_fonts") is None:
        return (str(latin),)
    wide = files("weblate_fonts").joinpath(KURINTO)
    return (str(latin), *(str(wide.joinpath(f"KurintoSans{r}-Rg.ttf")) for r in REGIONS))


@lru_cache(maxsize=1024)
def font_parts(text: str) -> tuple[tuple[str, str], ...]:
    """Cuts a text into parts of one font each, in the order in which they are drawn.

    Returns:
        Each part with the path of its font; letters that no font has are replaced by `UNDRAWN`.
    """
    text = drawable(text)
    whole = next((path for path in _fonts(text) if _needed(text) <= _letters(path).keys()), None)
    if whole is not None:
        return ((text, whole),)
    owner, owned = "", []
    for cluster in _clusters(text):
        owner = _font_of(cluster, owner, _fonts(text))
        owned.append((cluster, owner))
    pieces = groupby(owned, key=lambda one: one[1])
    found = [("".join(cluster for cluster, _ in piece), path) for path, piece in pieces]
    return tuple(reversed(found) if _is_from_right(text) else found)


def text_width(text: str, size: int) -> float:
    """The width of a text in pixels, in letters of a size."""
    return sum(_font(path, size).getlength(part) for part, path in font_parts(text))


def draw_text(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    ink: str | tuple[int, int, int],
    size: int,
    anchor: str = "ls",
) -> None:
    """Draws a text.

    Args:
        draw: Where to draw.
        place: x and y, in pixels, of the text's anchor.
        text: A single line.
        ink: Its colour.
        size: Of its letters, in pixels.
        anchor: The point of the text that lies at `place`, as Pillow names it: by default the left
            end of the line on which letters stand, which is the same in all fonts.
    """
    x, y = place
    for part, path in font_parts(text):
        face = _font(path, size)
        draw.text((x, y), part, fill=ink, font=face, anchor=anchor)
        x += face.getlength(part)


def fitted_text(text: str, size: int, room: float) -> str:
    """Shortens a text in its middle until it is at most `room` pixels wide."""
    half = len(text) // 2
    begin, end = text[:half], text[half:]
    while begin and end and text_width(text, size) > room:
        begin, end = begin[:-1], end[1:]
        text = f"{begin}…{end}"
    return text


def from_left(text: str) -> str:
    """An English text, whose first word may be a name in Arabic: that does not turn the others."""
    return FROM_LEFT + text if _is_from_right(text) else text


def families(text: str) -> list[str]:
    """The names by which matplotlib knows the fonts of a text."""
    return [_registered(path) for path in dict.fromkeys(path for _, path in font_parts(text))]


@lru_cache(maxsize=1024)
def drawable(text: str) -> str:
    """A text as one line, with `UNDRAWN` for letters that no font has; says which, once a text."""
    text = "".join(" " if letter.isspace() else letter for letter in text)
    needed, fonts = _needed(text), _fonts(text)
    absent = "".join(
        letter for letter in dict.fromkeys(text)
        if ord(letter) in needed and not any(ord(letter) in _letters(path) for path in fonts)
    )  # fmt: skip
    if absent:
        log.warning(
            "%s: no font here has %s, drawn as %s; install one that does, such as Noto, or the "
            "extra `fonts`",
            text, " ".join(absent), UNDRAWN,
        )  # fmt: skip
    if not features.check("fribidi"):
        if any(_is_shaped(letter) for letter in text):
            _tell_unshaped(text)
        text = text.replace(FROM_LEFT, "")
    return "".join(UNDRAWN if letter in absent else letter for letter in text)


def _tell_unshaped(text: str) -> None:
    log.warning(
        "%s: its letters are not joined or ordered as they should be, as Pillow finds no FriBiDi; "
        "install it (Debian: libfribidi0)", text,
    )  # fmt: skip


def _is_shaped(letter: str) -> bool:
    return bidirectional(letter) in RIGHT_TO_LEFT or category(letter) in MARKS


def _is_from_right(text: str) -> bool:
    """Whether the first letter that has a direction is written from the right."""
    classes = (bidirectional(letter) for letter in text)
    return next((c for c in classes if c in ("L", *RIGHT_TO_LEFT)), "L") in RIGHT_TO_LEFT


def _clusters(text: str) -> list[str]:
    """The letters of a text, each with the marks that are drawn on it."""
    found: list[str] = []
    for letter in text:
        if found and (category(letter) in MARKS or found[-1].endswith(JOINER)):
            found[-1] += letter
        else:
            found.append(letter)
    return found


def _font_of(cluster: str, before: str, fonts: Sequence[str]) -> str:
    """The font of a letter with its marks: that of the one before, if it has these, too."""
    wanted = (before, *fonts) if before else fonts
    whole = (path for path in wanted if _needed(cluster) <= _letters(path).keys())
    some = (path for path in wanted if _needed(cluster[0]) <= _letters(path).keys())
    return next(whole, next(some, fonts[0]))


@lru_cache(maxsize=1024)
def _needed(text: str) -> frozenset[int]:
    """The letters that a font must have: neither spaces, nor what only joins or varies letters."""
    return frozenset(
        ord(c) for c in text if not c.isspace() and category(c) != "Cf"
        and not 0xFE00 <= ord(c) <= 0xFE0F
    )  # fmt: skip


def _fonts(text: str) -> tuple[str, ...]:
    """The fonts for a text: the installed ones are read only if they are needed."""
    return shipped() if _needed(text) <= _shipped_letters() else (*shipped(), *_installed())


@lru_cache
def _shipped_letters() -> frozenset[int]:
    return frozenset[int]().union(*(_letters(path) for path in shipped()))


@lru_cache
def _installed() -> tuple[str, ...]:
    # Matplotlib's own LastResort font claims every letter, but draws only the name of its script.
    entries = font_manager.fontManager.ttflist
    return tuple(sorted({entry.fname for entry in entries if "LastResort" not in entry.fname}))


@lru_cache(maxsize=1024)
def _letters(path: str) -> Mapping[int, int]:
    """The letters that a font has; empty if the font cannot be read."""
    try:
        return FT2Font(path).get_charmap()
    except (OSError, RuntimeError):
        return {}


@lru_cache(maxsize=64)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


@lru_cache(maxsize=64)
def _registered(path: str) -> str:
    """A name by which matplotlib finds this font and no other; families share theirs.

    It holds the whole path: two installed files may have one name in different folders.
    """
    name = f"mine-video {path}"
    entry = font_manager.FontEntry(
        fname=path, name=name, style="normal", variant="normal", weight=400, stretch="normal",
        size="scalable",
    )  # fmt: skip
    font_manager.fontManager.ttflist.append(entry)
    return name
