"""Small pictures for a page: the crops of a movie's folder, packed by the hundred into WebP."""

import io
import logging
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image as Pillow
from PIL import ImageOps

from pipeline.disk.crop_file import CROP_NAME
from pipeline.faces import EMOTIONS, UNKNOWN

log = logging.getLogger(__name__)

TILES_ACROSS = 16
"""Tiles beside and below one another in a picture."""

QUALITY, EFFORT = 60, 2
"""Of WebP. Source: 64-pixel crops of the demo take 380 (all unlike) to 540 bytes (neighbours); more
effort halves the speed and saves 4 %, quality 70 costs 10 % more."""

LARGEST, SMALLEST, GRAIN = 96, 32, 8
"""Pixels of a tile's side: at the largest an expression can be read well, below the smallest not at
all."""

TILE_PIXELS = 41_000_000
"""Of all tiles together: 10,000 of 64 pixels, about 7 MB in a page."""

MOST = TILE_PIXELS // SMALLEST**2
"""Crops in a page."""

TILE_GREY = "#808080"
"""Beside what is no square, and where a picture cannot be read."""

TILE_COLUMNS = {
    "file": "str", "time": "float64", "run": "int64", "run_length": "int64",
    "probability": "float64", "line": "str", "frame": "int64", "track": "int64",
}  # fmt: skip
"""Of crops.csv, as they are read."""

Opened = Callable[[], Pillow.Image]


@dataclass(frozen=True, slots=True)
class Tiles:
    """Pictures of one size, in order, line by line in `sheets`.

    Attributes:
        side: pixels of one.
        sheets: WebP files of `TILES_ACROSS` by `TILES_ACROSS` tiles each.
    """

    side: int
    sheets: tuple[bytes, ...]


def read_crops(folder: Path, rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Lists the crops that lie in a movie's folder, of whatever pick from these rows.

    Args:
        folder: A movie's.
        rows: Of its faces.csv: crops of another walk, or picked under another name, are none of
            theirs.

    Returns:
        By person, emotion and time: `person`, `emotion` (position in `EMOTIONS`), `path` and
        `TILE_COLUMNS`; not those that were deleted, and nothing of lists that are no lists. And how
        many lie there that are of no row.
    """
    lists = [_read_list(p) for p in sorted(folder.glob("*/*/crops.csv")) if _is_own(p)]
    empty = pd.DataFrame(columns=[*TILE_COLUMNS, "person", "emotion", "path"]).astype(TILE_COLUMNS)
    listed = pd.concat([crops for crops in lists if len(crops)] or [empty], ignore_index=True)
    key = ["frame", "track", "person"]
    named = rows[key].astype({"person": "str"}).replace({"person": {"": UNKNOWN}})
    found = listed.merge(named, on=key)
    found = found.sort_values(["person", "emotion", "time", "file"], ignore_index=True)
    return found, len(listed) - len(found)


def _is_own(path: Path) -> bool:
    return path.parent.name in EMOTIONS


def _read_list(path: Path) -> pd.DataFrame:
    """One folder's crops; none where the list is torn, for a report must not end a pick."""
    try:
        crops = pd.read_csv(
            path, usecols=list(TILE_COLUMNS), dtype=TILE_COLUMNS, keep_default_na=False
        )
    except (ValueError, OverflowError, OSError) as error:
        log.warning("%s: left out of the report: no list of crops (%s)", path, error)
        return pd.DataFrame(columns=list(TILE_COLUMNS))
    there = {p.name for p in path.parent.iterdir()}  # One look, not one for each crop.
    own = [CROP_NAME.fullmatch(name) is not None and name in there for name in crops["file"]]
    sound = np.isfinite(crops[["time", "probability"]].to_numpy()).all(axis=1)
    crops = crops.loc[np.array(own, bool) & sound]
    return crops.assign(
        person=path.parent.parent.name,
        emotion=EMOTIONS.index(path.parent.name),
        path=[path.parent / name for name in crops["file"]],
    )


def evenly(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many rows, evenly spread over all.

    >>> evenly(pd.DataFrame({"a": range(5)}), 3)["a"].tolist()
    [0, 2, 4]
    """
    if len(rows) <= most:
        return rows
    places = [round(i * (len(rows) - 1) / max(1, most - 1)) for i in range(most)]
    return rows.iloc[places].reset_index(drop=True)


def side_for(count: int) -> int:
    """Pixels of a tile, so that a page with so many does not grow too large.

    >>> side_for(100), side_for(10_000), side_for(MOST)
    (96, 64, 32)
    """
    fitting = math.isqrt(TILE_PIXELS // max(1, count)) // GRAIN * GRAIN
    return min(LARGEST, max(SMALLEST, fitting))


def from_file(path: Path) -> Opened:
    """Opens a crop."""
    return lambda: Pillow.open(path)


def from_bytes(jpeg: bytes) -> Opened:
    """Opens a picture in memory."""
    return lambda: Pillow.open(io.BytesIO(jpeg))


def pack(pictures: Sequence[Opened], side: int) -> Tiles:
    """Packs pictures as tiles; one that cannot be read stays grey.

    Args:
        pictures: What opens each.
        side: Pixels of a tile.
    """
    size = TILES_ACROSS * TILES_ACROSS
    pages = [pictures[i : i + size] for i in range(0, len(pictures), size)]
    # Pillow decodes and encodes without Python's lock; the order, and so the bytes, stay the same.
    with ThreadPoolExecutor() as pool:
        return Tiles(side, tuple(pool.map(lambda page: _sheet(page, side), pages)))


def _sheet(pictures: Sequence[Opened], side: int) -> bytes:
    lines = -(-len(pictures) // TILES_ACROSS)
    sheet = Pillow.new("RGB", (TILES_ACROSS * side, lines * side), TILE_GREY)
    for n, opened in enumerate(pictures):
        try:
            sheet.paste(_tile(opened, side), (n % TILES_ACROSS * side, n // TILES_ACROSS * side))
        except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
            log.warning("a picture in the report stays grey: %s", error)
    file = io.BytesIO()
    sheet.save(file, "WEBP", quality=QUALITY, method=EFFORT)
    return file.getvalue()


def _tile(opened: Opened, side: int) -> Pillow.Image:
    with opened() as picture:
        picture.draft("RGB", (side, side))  # JPEG is decoded at a fraction of its size.
        return ImageOps.pad(picture.convert("RGB"), (side, side), color=TILE_GREY)
