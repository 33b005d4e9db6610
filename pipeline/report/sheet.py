"""Draws contact sheets: many small pictures with captions, readable without enlarging."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from PIL import Image as Pillow
from PIL import ImageDraw

from pipeline.disk.crop_file import crop_name
from pipeline.disk.manifest import Manifest
from pipeline.errors import OutputError
from pipeline.faces import Image, clock
from pipeline.files import open_file, replacing
from pipeline.pick.choose import Choice
from pipeline.report.crops import Selection, cut
from pipeline.report.letters import draw_text, fitted_text, from_left, text_width

CELL_SIDE = 120
"""Pixels on each side of a thumbnail, enough to recognise an expression without enlarging."""

CAPTION = 18
"""Pixels of a caption's height."""

CAPTION_LETTERS, SMALL_LETTERS = 11, 10
"""Pixels of its letters, and of those of a long one."""

SHEET_COLUMNS = 12
DOWN = 8
"""Lines of thumbnails on a sheet."""

TITLE_HEIGHT = 28
PAPER, INK, FAINT, MARK = "#ffffff", "#111111", "#666666", "#c62828"

SHEET_NAME = re.compile(r"sheet(-\d+)?\.jpg|compare\.jpg")
"""The names of sheets; when sheets are replaced, no file with another name is deleted."""

LABEL = 190
"""Pixels of the left column of `line_sheets`, which holds the words."""

LINES_PER_SHEET = 10
"""Lines on a page of `line_sheets`."""

COMPARE = "compare.jpg"
COMPARED_FACES = 60
"""Faces at most on each side of a comparison, evenly spread over all."""


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, eq=False)
class Thumb:
    """A small picture with a caption below it, crossed out if wanted."""

    tile: Pillow.Image
    caption: str
    crossed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class SheetLine:
    """A line of a sheet: words on the left, the first of them in large letters, and faces."""

    words: tuple[str, ...]
    faces: tuple[Image, ...]


def delete_sheets(folder: Path, pattern: str) -> None:
    """Deletes the sheets of an earlier pick, but no other file.

    Args:
        folder: The folder of the sheets.
        pattern: "sheet*.jpg" or `COMPARE`.

    Raises:
        OutputError: A sheet cannot be deleted.
    """
    for old in folder.glob(pattern):
        if SHEET_NAME.fullmatch(old.name):
            try:
                old.unlink()
            except OSError as error:
                raise OutputError(
                    f"{old}: cannot be replaced by a new sheet ({error.strerror}); delete it"
                ) from error


def contact_sheets(selection: Selection, found: pd.DataFrame, stem: str) -> None:
    """Writes sheet.jpg, or sheet-1.jpg and so on: the best face of each moment, the surest first.

    Faces without a crop are left out.

    Args:
        selection: The faces whose crops were written.
        found: Their moments, which `write_crops` returns.
        stem: What the names of the crops begin with, see `crop_stem`.

    Raises:
        OutputError: A sheet cannot be written.
    """
    # The captions say how sure the moments are, by which they are ordered.
    best = selection.rows.loc[found["best"]].assign(look_sure=found["look_sure"].to_numpy())
    named = [(selection.folder / crop_name(stem, row), _caption(row)) for row in best.itertuples()]
    shown = [(path, caption) for path, caption in named if path.exists()]
    title = (
        f"{selection.person}, {selection.emotion}: {_count(len(shown), 'moment')}, "
        f"best face of each ({_count(len(selection.rows), 'face')})"
    )
    picture_sheets(title, shown, selection.folder)


def picture_sheets(title: str, pictures: Sequence[tuple[Path, str]], folder: Path) -> list[str]:
    """Writes sheet.jpg, or sheet-1.jpg and so on, with pictures line by line.

    Args:
        title: The title of all pages.
        pictures: The files of the pictures, and their captions.
        folder: Where to write; sheets that are there already are deleted.

    Returns:
        The names of the sheets.

    Raises:
        OutputError: A sheet cannot be written.
    """
    written = []
    for head, path, page in _pages(title, pictures, SHEET_COLUMNS * DOWN, folder):
        _save(grid(head, [Thumb(_thumbnail(_read(one)), caption) for one, caption in page]), path)
        written.append(path.name)
    return written


def _pages(
    title: str, items: Sequence[Item], size: int, folder: Path
) -> Iterator[tuple[str, Path, Sequence[Item]]]:
    """Deletes earlier sheets; yields the title, the path and what is on it of each new one."""
    delete_sheets(folder, "sheet*.jpg")
    pages = [items[i : i + size] for i in range(0, len(items), size)]
    for number, page in enumerate(pages, 1):
        if len(pages) == 1:
            yield title, folder / "sheet.jpg", page
        else:
            head = f"{title}, page {number} of {len(pages)}"
            yield head, folder / f"sheet-{number}.jpg", page


def write_comparison(
    movie: Path, walk: Manifest, choice: Choice, folder: Path, margin: float
) -> None:
    """Writes compare.jpg: faces with the emotion on the left, those that were kept on the right.

    Args:
        movie: Where the movie is.
        walk: Its manifest.
        choice: The faces that were seen and those that were kept.
        folder: Where to write.
        margin: Around the faces, as a share of the box.

    Raises:
        OutputError: The file cannot be written.
    """
    # Drawn from both sets apart: few kept ones would hardly be among the faces drawn from all.
    seen, kept = (_some(rows) for rows in (choice.seen, choice.kept))
    shown = choice.seen[choice.seen.index.isin(seen.union(kept))].sort_values(["frame", "track"])
    rows: list[Any] = list(shown.itertuples())
    left, right = [], []
    for i, face in cut(movie, walk, rows, margin):
        row, tile = rows[i], _thumbnail(face)
        if row.Index in seen:
            crossed = row.Index not in choice.kept.index
            left.append(Thumb(tile, _caption(row), crossed=crossed))
        if row.Index in kept:
            right.append(Thumb(tile, _caption(row)))
    title = f"seen: {_count(len(choice.seen), 'face')}, those crossed out are dropped"
    across = SHEET_COLUMNS // 2
    kept_title = f"kept: {_count(len(choice.kept), 'face')}"
    pages = grid(title, left, across), grid(kept_title, right, across)
    _save(_beside(*pages), folder / COMPARE)


def _some(rows: pd.DataFrame) -> "pd.Index[int]":
    """Index of up to `COMPARED_FACES` rows, evenly spread over all in order of time."""
    count = min(COMPARED_FACES, len(rows))
    positions = np.linspace(0, len(rows) - 1, count).round().astype(int)
    return rows.sort_values(["frame", "track"]).index[positions]


def line_sheets(title: str, lines: Sequence[SheetLine], folder: Path) -> None:
    """Writes sheet.jpg, or sheet-1.jpg and so on, with a line for each person or moment.

    Args:
        title: The title of all pages.
        lines: The lines of all pages.
        folder: Where to write; sheets that are there already are deleted.

    Raises:
        OutputError: A sheet cannot be written.
    """
    for head, path, page in _pages(title, lines, LINES_PER_SHEET, folder):
        _save(_lines(head, page), path)


def _lines(title: str, lines: Sequence[SheetLine]) -> Pillow.Image:
    """Draws one page of `line_sheets`."""
    width = LABEL + CELL_SIDE * max(4, *(len(line.faces) for line in lines))
    page = Pillow.new("RGB", (width, TITLE_HEIGHT + len(lines) * CELL_SIDE), PAPER)
    draw = ImageDraw.Draw(page)
    _title(draw, title, width)
    for i, line in enumerate(lines):
        y = TITLE_HEIGHT + i * CELL_SIDE
        draw.line((0, y, LABEL, y), fill=FAINT)
        for n, words in enumerate(line.words):
            ink, size, base = (INK, 28, 32) if n == 0 else (FAINT, 13, 36 + n * CAPTION)
            draw_text(draw, (6, y + base), fitted_text(words, size, LABEL - 12), ink, size)
        for n, face in enumerate(line.faces):
            page.paste(_thumbnail(face), (LABEL + n * CELL_SIDE, y))
    return page


def _title(draw: ImageDraw.ImageDraw, title: str, width: int) -> None:
    """Draws the title of a page of a width; a long one keeps its two ends."""
    draw_text(draw, (6, 19), fitted_text(from_left(title), 14, width - 12), INK, 14)


def write_sample_sheet(movie: Path, walk: Manifest, rows: pd.DataFrame, path: Path) -> None:
    """Writes a sheet of faces with their numbers, from 1, and times.

    Args:
        movie: Where the movie is.
        walk: Its manifest.
        rows: The faces, in order of their numbers.
        path: Where to write.

    Raises:
        OutputError: The file cannot be written.
    """
    faces: list[Any] = list(rows.itertuples())
    thumbs = [
        Thumb(_thumbnail(face), f"{i + 1}    {clock(faces[i].time)}")
        for i, face in cut(movie, walk, faces, 0.3)
    ]
    _save(grid(f"{_count(len(thumbs), 'face')} to label", thumbs), path)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _caption(row: Any) -> str:
    """Time, how sure the look is, and the run's length in frames."""
    return f"{clock(row.time)}  {row.look_sure * 100:.0f}%  {row.run_length}f"


def grid(title: str, thumbs: Sequence[Thumb], across: int = SHEET_COLUMNS) -> Pillow.Image:
    """Draws a page with a title and the thumbs line by line, at most `across` in a line."""
    lines = max(1, -(-len(thumbs) // across))
    columns = max(4, min(across, len(thumbs)))
    page = Pillow.new(
        "RGB", (columns * CELL_SIDE, TITLE_HEIGHT + lines * (CELL_SIDE + CAPTION)), PAPER
    )
    draw = ImageDraw.Draw(page)
    _title(draw, title, page.width)
    for i, thumb in enumerate(thumbs):
        x, y = i % columns * CELL_SIDE, TITLE_HEIGHT + i // columns * (CELL_SIDE + CAPTION)
        page.paste(thumb.tile, (x, y))
        words = from_left(thumb.caption)
        room = CELL_SIDE - 6
        fits = text_width(words, CAPTION_LETTERS) <= room
        size = CAPTION_LETTERS if fits else SMALL_LETTERS
        words = fitted_text(words, size, room)
        draw_text(draw, (x + 4, y + CELL_SIDE + 13), words, FAINT, size)
        if thumb.crossed:
            draw.line((x, y, x + CELL_SIDE, y + CELL_SIDE), fill=MARK, width=3)
            draw.line((x + CELL_SIDE, y, x, y + CELL_SIDE), fill=MARK, width=3)
    return page


def _thumbnail(image: Image) -> Pillow.Image:
    """Shrinks a picture into a square and centres it; small pictures are not enlarged."""
    small = Pillow.fromarray(image)
    small.thumbnail((CELL_SIDE, CELL_SIDE))
    tile = Pillow.new("RGB", (CELL_SIDE, CELL_SIDE), PAPER)
    tile.paste(small, ((CELL_SIDE - small.width) // 2, (CELL_SIDE - small.height) // 2))
    return tile


def _beside(left: Pillow.Image, right: Pillow.Image) -> Pillow.Image:
    """Puts two pages next to each other with a gap between them."""
    width = left.width + right.width + CELL_SIDE // 4
    both = Pillow.new("RGB", (width, max(left.height, right.height)), PAPER)
    both.paste(left, (0, 0))
    both.paste(right, (width - right.width, 0))
    return both


def _save(page: Pillow.Image, path: Path) -> None:
    with replacing(path) as file:
        page.save(file, "JPEG", quality=90)


def _read(path: Path) -> Image:
    with open_file(path) as file, Pillow.open(file) as picture:
        return np.array(picture.convert("RGB"), np.uint8)
