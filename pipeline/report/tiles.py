"""Packs many small pictures, such as the crops of a movie's folder, into few WebP files."""

import io
import logging
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image as Pillow
from PIL import ImageOps

from pipeline.disk.crop_file import is_crop_name
from pipeline.disk.manifest import Manifest
from pipeline.disk.text_table import unguarded_column
from pipeline.faces import BOX, EMOTIONS, UNKNOWN
from pipeline.files import open_file
from pipeline.report.moments import listed_moments
from pipeline.settings import is_look, members

log = logging.getLogger(__name__)

TILES_ACROSS = 16
"""Tiles in each row and each column of a packed picture."""

TILE_QUALITY, EFFORT = 60, 2
"""WebP's quality and effort.

Source: with these, 64-pixel crops of the demo take 380 (all unlike) to 540 bytes (neighbours). More
effort halves the speed and saves 4 %; quality 70 takes 10 % more bytes.
"""

LARGEST, SMALLEST_TILE, GRAIN = 96, 32, 8
"""Pixels of a tile's side at most and at least, and the step between.

At the largest, an expression is easy to recognise; below the smallest, it cannot be recognised.
"""

TILE_PIXELS = 41_000_000
"""Pixels of all tiles together: 10,000 tiles of 64 pixels, about 7 MB in a page."""

MOST = TILE_PIXELS // SMALLEST_TILE**2
"""Crops in a page at most."""

TILE_GREY = "#808080"
"""Fills the rest of a tile beside a picture that is not square, or that cannot be read."""

TILE_COLUMNS = {
    "file": "str", "time": "float64", "run": "int64", "run_length": "int64",
    "look_sure": "float64", "probability": "float64", "line": "str", "frame": "int64",
    "track": "int64", "video": "str", "shot": "str", "sharpness": "str",
    **dict.fromkeys(BOX, "float64"),
}  # fmt: skip
"""The columns of crops.csv that the report needs, with their types."""

OF_MOMENT = {
    "moment": "int64", "start": "float64", "seconds": "float64", "moment_sure": "float64",
    "moment_probability": "float64", "best": "bool",
}  # fmt: skip
"""What a crop is told of its moment, by number in its list; `best` is whether it is to be shown."""

Opened = Callable[[], AbstractContextManager[Pillow.Image]]
"""Opens a picture; called late, so that only a few are open at the same time."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Square pictures of one size, in order, line by line in `sheets`.

    Attributes:
        side: Pixels of a tile's side.
        sheets: WebP files of `TILES_ACROSS` by `TILES_ACROSS` tiles each.
    """

    side: int
    sheets: tuple[bytes, ...]


def read_crops(folder: Path, rows: pd.DataFrame, walk: Manifest) -> tuple[pd.DataFrame, int]:
    """Lists the crops in a movie's folder that show faces of these rows, whichever pick wrote them.

    Crops that were deleted and unreadable lists are left out.

    Args:
        folder: The folder of a movie.
        rows: The rows of its faces.csv. Crops of an earlier walk, or with an earlier name, match
            none of them.
        walk: The walk of the movie.

    Returns:
        The crops by person, emotion and time, with `person`, `emotion` (of the categories
        `EMOTIONS` and the classes of them that there are), `path`, `TILE_COLUMNS` and `OF_MOMENT`;
        and the number of crops that match no row.
    """
    lists = [_read_list(p, walk) for p in sorted(folder.glob("*/*/crops.csv")) if _is_own(p)]
    columns = [*TILE_COLUMNS, "person", "emotion", "path", *OF_MOMENT]
    empty = pd.DataFrame(columns=columns).astype(TILE_COLUMNS | OF_MOMENT)
    listed = pd.concat([crops for crops in lists if len(crops)] or [empty], ignore_index=True)
    key = ["frame", "track", "person"]
    named = rows[key].astype({"person": "str"}).replace({"person": {"": UNKNOWN}})
    crops = _with_best(listed.merge(named, on=key))
    looks = [*EMOTIONS, *sorted(set(crops["emotion"]) - {*EMOTIONS}, key=members)]
    crops["emotion"] = pd.Categorical(crops["emotion"], looks)
    crops = crops.sort_values(["person", "emotion", "time", "file"], ignore_index=True)
    return crops, len(listed) - len(crops)


def _is_own(path: Path) -> bool:
    """Whether a crops.csv is in a folder that a pick writes, <person>/<emotion>."""
    return is_look(path.parent.name)


def _read_list(path: Path, walk: Manifest) -> pd.DataFrame:
    """Reads the list of one folder.

    A list that cannot be read counts as empty: it must not keep a pick from finishing.
    """
    try:
        with open_file(path) as file:
            crops = pd.read_csv(
                file, usecols=TILE_COLUMNS.__contains__, dtype=TILE_COLUMNS, keep_default_na=False,
                na_values={"look_sure": [""]},
            )  # fmt: skip
        # Picks of earlier versions do not say how sure they are.
        crops = crops.assign(look_sure=crops.get("look_sure", np.nan))[list(TILE_COLUMNS)]
        crops["look_sure"] = crops["look_sure"].fillna(crops["probability"])
    except (ValueError, OverflowError, OSError, KeyError) as error:
        log.warning("%s: no list of crops (%s); its crops are left out of the report", path, error)
        return pd.DataFrame(columns=list(TILE_COLUMNS))
    for name in ("file", "line"):
        crops[name] = unguarded_column(crops[name])
    # The list may have been edited: only names of crops are opened, never another file or path.
    own = [is_crop_name(name) for name in crops["file"]]
    # JSON, in which the page keeps its data, has no infinity.
    numbers = crops[["time", "look_sure", "probability", *BOX]].to_numpy()
    crops = crops.loc[np.array(own, bool) & np.isfinite(numbers).all(axis=1)]
    crops = _with_moments(crops.drop_duplicates("file", ignore_index=True), walk)
    with os.scandir(path.parent) as entries:  # Faster than asking for each crop.
        # A link may lead to a picture of somebody else, who is then part of the report.
        existing = {entry.name for entry in entries if not entry.is_symlink()}
    crops = crops[crops["file"].isin(existing)]
    return crops.assign(
        person=path.parent.parent.name,
        emotion=path.parent.name,
        path=[path.parent / name for name in crops["file"]],
    )


def _with_moments(crops: pd.DataFrame, walk: Manifest) -> pd.DataFrame:
    """Adds to each crop of a list `OF_MOMENT`, also of crops that are not there any more."""
    rows, found = listed_moments(crops, walk)
    moments = found.set_index("run").loc[rows["run"].reindex(crops.index)].set_axis(crops.index)
    return crops.assign(
        moment=rows["run"], start=moments["start"], seconds=moments["seconds"],
        moment_sure=moments["look_sure"], moment_probability=moments["probability"],
        best=moments["best"] == crops.index,
    )  # fmt: skip


def _with_best(crops: pd.DataFrame) -> pd.DataFrame:
    """Chooses the crop that shows each moment.

    Where its best one is not among them, as after a review, that is the most probable of the rest.
    """
    order = crops.sort_values(["best", "probability"], ascending=False, kind="stable")
    first = ~order.duplicated(["person", "emotion", "moment"])
    return crops.assign(best=first.reindex(crops.index))


def tiled(crops: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most `most` of the crops of `read_crops`: of each moment the best, others evenly."""
    if len(crops) <= most:
        return crops
    best, others = crops[crops["best"]], crops[~crops["best"]]
    if len(best) >= most:
        return evenly(best, most)
    return pd.concat([best, evenly(others, most - len(best))]).sort_values(
        ["person", "emotion", "time", "file"], ignore_index=True
    )


def evenly(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Returns at most `most` rows, evenly spread over all.

    >>> evenly(pd.DataFrame({"a": range(5)}), 3)["a"].tolist()
    [0, 2, 4]
    """
    if len(rows) <= most:
        return rows
    positions = [round(i * (len(rows) - 1) / max(1, most - 1)) for i in range(most)]
    return rows.iloc[positions].reset_index(drop=True)


def side_for(count: int) -> int:
    """Pixels of a tile's side with which a page of `count` tiles does not grow too large.

    >>> side_for(100), side_for(10_000), side_for(MOST)
    (96, 64, 32)
    """
    fitting = math.isqrt(TILE_PIXELS // max(1, count)) // GRAIN * GRAIN
    return min(LARGEST, max(SMALLEST_TILE, fitting))


def from_file(path: Path) -> Opened:
    """Makes a function that opens a crop."""
    return partial(_opened, path)


@contextmanager
def _opened(path: Path) -> Iterator[Pillow.Image]:
    with open_file(path) as file, Pillow.open(file) as picture:
        yield picture


def from_bytes(jpeg: bytes) -> Opened:
    """Makes a function that opens a picture in memory."""
    return lambda: Pillow.open(io.BytesIO(jpeg))


def pack(pictures: Sequence[Opened], side: int) -> Tiles:
    """Packs pictures as tiles; a picture that cannot be read leaves its tile grey.

    Args:
        pictures: Functions that open them.
        side: Pixels of a tile's side.
    """
    size = TILES_ACROSS * TILES_ACROSS
    pages = [pictures[i : i + size] for i in range(0, len(pictures), size)]
    # Threads help because Pillow releases Python's lock; map keeps the order.
    with ThreadPoolExecutor() as pool:
        return Tiles(side, tuple(pool.map(lambda page: _sheet(page, side), pages)))


def _sheet(pictures: Sequence[Opened], side: int) -> bytes:
    lines = -(-len(pictures) // TILES_ACROSS)
    sheet = Pillow.new("RGB", (TILES_ACROSS * side, lines * side), TILE_GREY)
    for n, opened in enumerate(pictures):
        try:
            sheet.paste(_tile(opened, side), (n % TILES_ACROSS * side, n // TILES_ACROSS * side))
        except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
            log.warning("a picture cannot be read and stays grey in the report: %s", error)
    file = io.BytesIO()
    sheet.save(file, "WEBP", quality=TILE_QUALITY, method=EFFORT)
    return file.getvalue()


def _tile(opened: Opened, side: int) -> Pillow.Image:
    with opened() as picture:
        picture.draft("RGB", (side, side))  # Decodes a JPEG at a fraction of its size, faster.
        return ImageOps.pad(picture.convert("RGB"), (side, side), color=TILE_GREY)
