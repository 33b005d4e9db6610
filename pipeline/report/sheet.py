"""Contact sheets: many small pictures with captions, dense, readable at their own size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from pipeline.faces import Image
from pipeline.table import replacing

SIDE = 120
"""Pixels of a thumbnail: at its own size a face's expression can still be read."""

CAPTION = 18
ACROSS = 12
DOWN = 8
TITLE = 28
PAPER, INK, FAINT = "#ffffff", "#111111", "#666666"


@dataclass(frozen=True, slots=True, eq=False)
class Thumb:
    """One small picture and the words below it."""

    image: Image
    caption: str


def thumbnail(image: Image) -> Pillow.Image:
    """The picture fitted into a square, centred."""
    small = Pillow.fromarray(image)
    small.thumbnail((SIDE, SIDE))
    tile = Pillow.new("RGB", (SIDE, SIDE), PAPER)
    tile.paste(small, ((SIDE - small.width) // 2, (SIDE - small.height) // 2))
    return tile


def grid(title: str, thumbs: Sequence[Thumb], across: int = ACROSS) -> Pillow.Image:
    """One page: a title, and the thumbs line by line."""
    lines = max(1, -(-len(thumbs) // across))
    page = Pillow.new("RGB", (across * SIDE, TITLE + lines * (SIDE + CAPTION)), PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((6, 6), title, fill=INK, font_size=15)
    for i, thumb in enumerate(thumbs):
        x, y = i % across * SIDE, TITLE + i // across * (SIDE + CAPTION)
        page.paste(thumbnail(thumb.image), (x, y))
        draw.text((x + 4, y + SIDE + 2), thumb.caption, fill=FAINT, font_size=12)
    return page


def pages(title: str, thumbs: Sequence[Thumb]) -> Iterator[Pillow.Image]:
    """As many pages as are needed, numbered where there are several."""
    size = ACROSS * DOWN
    sheets = [thumbs[i : i + size] for i in range(0, len(thumbs), size)]
    for number, some in enumerate(sheets, 1):
        of = f"   page {number} of {len(sheets)}" if len(sheets) > 1 else ""
        yield grid(title + of, some, min(ACROSS, max(4, len(some))))


def beside(left: Pillow.Image, right: Pillow.Image) -> Pillow.Image:
    """Two pages next to each other, a gap between."""
    width = left.width + right.width + SIDE // 4
    both = Pillow.new("RGB", (width, max(left.height, right.height)), PAPER)
    both.paste(left, (0, 0))
    both.paste(right, (width - right.width, 0))
    return both


def save(page: Pillow.Image, path: Path) -> None:
    """Writes a page as JPEG.

    Raises:
        OutputError: It cannot be written.
    """
    with replacing(path) as file:
        page.save(file, "JPEG", quality=90)


def read(path: Path) -> Image:
    """Reads a crop back as RGB.

    Raises:
        OSError: It is gone or no picture.
    """
    with Pillow.open(path) as picture:
        return np.array(picture.convert("RGB"), np.uint8)
