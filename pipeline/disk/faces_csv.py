"""faces.csv: one row per face, read with fixed types and checked."""

import csv
import io
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.disk.text_table import csv_text, unguarded_column
from pipeline.errors import TableError
from pipeline.faces import EMOTIONS, FaceRow
from pipeline.files import open_file, replacing

HEADER = ",".join(FaceRow._fields)

TEXTS = ("video", "person")

OPTIONAL = ("distance", "sure")
"""The columns that are empty if nobody is known."""

EARLIER_HEADER = ",".join(f for f in FaceRow._fields if f != "sure")
"""The header of earlier versions, which did not say how sure a name is."""

WHOLE = ("frame", "shot", "track", "detected")
"""The columns of whole numbers from 0."""

NUMBERS = tuple(f for f in FaceRow._fields if f not in (*TEXTS, *OPTIONAL))
"""The columns of a part's rows: all but the movie's name and what naming adds."""

REMEDY = "delete it and run mine-video on the movie again: the finished parts make it anew"

NUMBER_FORMATS = {
    "frame": "%d", "time": "%.6f", "shot": "%d", "track": "%d", "detected": "%d",
    "x1": "%.1f", "y1": "%.1f", "x2": "%.1f", "y2": "%.1f",
    "score": "%.4f", "sharpness": "%.1f", "yaw": "%.1f", "pitch": "%.1f", "roll": "%.1f",
}  # fmt: skip
"""The formats of numbers; probabilities have five digits."""

ROW_FORMAT = ",".join(
    "%s" if f in (*TEXTS, *OPTIONAL) else NUMBER_FORMATS.get(f, "%.5f") for f in FaceRow._fields
)

UNIT_COLUMNS = ("score", "sure", *EMOTIONS)
"""The columns of numbers from 0 to 1."""

LATEST_SECOND = 1e18
"""The latest time in seconds: that of the largest timestamps of the shortest time bases."""

LARGEST_WHOLE = 1 << 53
"""The largest whole number: they are read as float64, which is exact up to here."""


def csv_lines(rows: pd.DataFrame) -> Iterator[str]:
    """Yields the lines of faces.csv for a table with `FaceRow`'s columns."""
    columns: list[Iterable[Any]] = [rows[f].tolist() for f in FaceRow._fields]
    for i, name in enumerate(FaceRow._fields):
        if name in TEXTS:
            quoted = {text: _quoted(text) for text in set(columns[i])}
            columns[i] = [quoted[text] for text in columns[i]]
        elif name in OPTIONAL:
            columns[i] = ["" if math.isnan(d) else f"{d:.4f}" for d in columns[i]]
    for values in zip(*columns, strict=True):
        yield ROW_FORMAT % values + "\n"


def _quoted(text: str) -> str:
    # The csv module writes a row of one empty cell as "".
    return csv_text([[text]])[:-1] if text else ""


def write_faces(path: Path, blocks: Iterable[pd.DataFrame]) -> None:
    """Writes a table with `FaceRow`'s columns to `path`, block by block.

    Raises:
        OutputError: The file cannot be written.
    """
    with replacing(path) as file:
        file.write(f"{HEADER}\n".encode())
        for block in blocks:
            # A movie's name may contain bytes that are not UTF-8; only walk.json must keep them.
            file.write("".join(csv_lines(block)).encode(errors="backslashreplace"))


def read_faces(path: Path) -> pd.DataFrame:
    """Reads faces.csv with fixed types, so that a person called `NA` or `007` stays text.

    Returns:
        One row per face; `distance` and `sure` are NaN if nobody is known.

    Raises:
        TableError: The file is missing, not a faces.csv, or damaged.
    """
    try:
        with open_file(path) as file:
            header, ended = _ends(file)
            if header not in (HEADER, EARLIER_HEADER):
                raise TableError(
                    f"{path}: not a faces.csv: its first line is {header[:60]!r}, wanted "
                    f"{HEADER!r}; {REMEDY}"
                )
            rows = _parsed(file)
    except ValueError as error:  # pandas' own errors are ValueErrors.
        raise TableError(f"{_bad_line(path)}: damaged or changed ({error}); {REMEDY}") from error
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error}); {REMEDY}") from error
    if header == EARLIER_HEADER:
        rows = rows.assign(sure=np.float32(np.nan))[list(FaceRow._fields)]
    if not ended or not _complete(rows):
        raise TableError(f"{_bad_line(path)}: a number is missing or wrong; {REMEDY}")
    for name in TEXTS:
        rows[name] = unguarded_column(rows[name])
    return rows.astype(dict.fromkeys(WHOLE, "int64"))


def _ends(file: BinaryIO) -> tuple[str, bool]:
    """The first line, and whether the last line is complete; rewinds the file."""
    first = file.readline(1 << 16)  # The file may have no line breaks.
    # A spreadsheet may have put a byte order mark before it, and quotes around each name.
    text = first.decode("utf-8-sig", errors="replace").strip()
    # A line that breaks off within itself, as in UTF-16, is no header of this program's either.
    header = ",".join(next(csv.reader(io.StringIO(text, newline="")), []))
    file.seek(-1 if header else 0, os.SEEK_END)
    ended = file.read() == b"\n"
    file.seek(0)
    return header, ended


def _parsed(file: BinaryIO) -> pd.DataFrame:
    dtypes: dict[str, Any] = dict.fromkeys(FaceRow._fields, "float32") | {"time": "float64"}
    dtypes |= dict.fromkeys(TEXTS, "str") | dict.fromkeys(WHOLE, "float64")
    with np.errstate(over="ignore"):  # Too large numbers become inf, which is refused later.
        return pd.read_csv(
            file, dtype=dtypes, keep_default_na=False,
            na_values={f: [""] for f in (*NUMBERS, *OPTIONAL)}, encoding="utf-8-sig",
        )  # fmt: skip


def _complete(rows: pd.DataFrame) -> bool:
    """Whether all numbers are present and possible, and no line is longer than the header."""
    numbers, counts = rows[list(NUMBERS)].to_numpy(np.float64), rows[list(WHOLE)].to_numpy()
    good = np.isfinite(numbers).all() and (counts == np.round(counts)).all()
    good &= ((counts >= 0) & (counts <= LARGEST_WHOLE)).all()
    shares = rows[list(UNIT_COLUMNS)].to_numpy(np.float64)
    good &= not ((shares < 0) | (shares > 1)).any()  # NaN, as "sure" may be, is neither.
    good &= bool((rows["time"].abs() <= LATEST_SECOND).all())
    # pandas uses the first cell of longer lines as the name of the row.
    return bool(good) and (len(rows) == 0 or isinstance(rows.index, pd.RangeIndex))


def _bad_line(path: Path) -> str:
    """Names the first line of a damaged table that is not a row, or the last line if all are."""
    with open_file(path) as file:
        rows = csv.reader(io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline=""))
        columns = next(rows)
        with suppress(csv.Error):
            for cells in rows:
                if cells and not _is_row(cells, columns):
                    break
        return f"{path}, line {rows.line_num}"


def _is_row(cells: list[str], columns: list[str]) -> bool:
    if len(cells) != len(columns):
        return False
    row = dict(zip(columns, cells, strict=True))
    try:
        float(row["distance"] or 0)
        shares = [float(row.get(name) or 0) for name in UNIT_COLUMNS]
        if min(shares) < 0 or max(shares) > 1 or not abs(float(row["time"])) <= LATEST_SECOND:
            return False
        counts = [float(row[name]) for name in WHOLE]
        whole = all(0 <= n <= LARGEST_WHOLE and n.is_integer() for n in counts)
        return whole and all(math.isfinite(float(row[name])) for name in NUMBERS)
    except (ValueError, KeyError):
        return False


def frame_of(rows: NDArray[np.float64], video: str) -> pd.DataFrame:
    """Makes a table with `FaceRow`'s columns of rows `(n, len(NUMBERS))`, without names."""
    table = pd.DataFrame(rows, columns=list(NUMBERS)).astype(dict.fromkeys(WHOLE, "int64"))
    named = table.assign(video=video, person="", distance=np.nan, sure=np.nan)
    return named[list(FaceRow._fields)]
