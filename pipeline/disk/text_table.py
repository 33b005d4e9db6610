"""Tables whose cells stay text: crops.csv and labels.csv, which a spreadsheet may have saved."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.errors import TableError
from pipeline.files import replacing

MOST_COLUMNS_LISTED = 3
"""Columns that a message names where they are missing."""

Stamp = tuple[int, int, int]
"""Inode, time and size of a file."""


def file_stamp(path: Path) -> Stamp:
    """Changes when a file is replaced; zeros where there is none.

    Raises:
        TableError: It cannot be looked at.
    """
    try:
        facts = path.stat()
    except FileNotFoundError:
        return 0, 0, 0
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror})") from error
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def read_text(
    path: Path, columns: tuple[str, ...], remedy: str
) -> tuple[list[list[str]], list[int]]:
    """The cells of a table that this program wrote, and the line on which each row ends.

    A spreadsheet may have saved it since, with semicolons and a mark that it is UTF-8.

    Args:
        path: The table.
        columns: What its first line must hold.
        remedy: What to do where it is not so, for the message.

    Raises:
        TableError: It is torn, or has other columns.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        first = text.partition("\n")[0]
        between = ";" if ";" in first and "," not in first else ","
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=between)
        header = next(reader, [])
        numbered = [(row, reader.line_num) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TableError(f"{path}: cannot be read ({error}); {remedy}") from error
    if tuple(header) != columns:
        missing = [column for column in columns if column not in header]
        which = ", ".join(missing[:MOST_COLUMNS_LISTED])
        which += ", …" if len(missing) > MOST_COLUMNS_LISTED else ""
        why = f"{which} missing" if missing else "others are there, or in another order"
        raise TableError(f"{path}: its columns are not those it was made with ({why}); {remedy}")
    for row, line in numbered:
        if len(row) != len(columns):
            raise TableError(f"{path}, line {line}: torn or changed; {remedy}")
    if not text.endswith("\n"):
        raise TableError(f"{path}: its last line is torn; {remedy}")
    return [row for row, _ in numbered], [line for _, line in numbered]


def write_text(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Replaces a table of text.

    Raises:
        OutputError: It cannot be written.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    with replacing(path) as file:
        file.write(text.getvalue().encode())


def bad_numbers(rows: pd.DataFrame, numbers: list[str], counts: list[str]) -> "pd.Series[bool]":
    """Which rows of text hold something else where a number, or a whole one from 0, must be."""
    parsed = rows[numbers].apply(pd.to_numeric, errors="coerce").astype("float64")
    whole = rows[counts].apply(lambda column: column.str.fullmatch(r"\d{1,15}"))
    return ~(np.isfinite(parsed).all(axis=1) & whole.astype(bool).all(axis=1))
