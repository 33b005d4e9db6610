"""Tables of text cells, such as crops.csv and labels.csv, which a spreadsheet may have saved."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.errors import TableError
from pipeline.files import replacing

MOST_COLUMNS_LISTED = 3
"""The most missing columns that a message names."""

Stamp = tuple[int, int, int]
"""The inode, modification time and size of a file."""


def file_stamp(path: Path) -> Stamp:
    """A stamp that changes when a file is replaced; zeros if there is no file.

    Raises:
        TableError: The file's status cannot be read.
    """
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return 0, 0, 0
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror}); check its rights") from error
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def read_text(
    path: Path, columns: tuple[str, ...], remedy: str, added: tuple[str, ...] = ()
) -> tuple[list[list[str]], list[int]]:
    """Reads the cells of a table of this program, and the line on which each row ends.

    A spreadsheet may have saved it since with semicolons and a byte order mark.

    Args:
        path: The table.
        columns: The column names that its first line must have.
        remedy: What to do if the table is wrong, for the message.
        added: Those of the columns that tables of earlier versions lack; they are empty then.

    Raises:
        TableError: The table is damaged, or has other columns.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        first = text.partition("\n")[0]
        delimiter = ";" if ";" in first and "," not in first else ","
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
        header = next(reader, [])
        numbered = [(row, reader.line_num) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TableError(f"{path}: cannot be read ({error}); {remedy}") from error
    absent = [column for column in columns if column in added and column not in header]
    written = tuple(column for column in columns if column not in absent)
    if tuple(header) != written:
        missing = [column for column in columns if column not in header]
        which = ", ".join(missing[:MOST_COLUMNS_LISTED])
        which += ", …" if len(missing) > MOST_COLUMNS_LISTED else ""
        why = f"{which} missing" if missing else "there are more, or in another order"
        raise TableError(f"{path}: its columns have changed ({why}); {remedy}")
    for row, line in numbered:
        if len(row) != len(written):
            raise TableError(f"{path}, line {line}: damaged or changed; {remedy}")
    if not text.endswith("\n"):
        raise TableError(f"{path}: its last line is incomplete; {remedy}")
    for column in absent:
        for row, _ in numbered:
            row.insert(columns.index(column), "")
    return [row for row, _ in numbered], [line for _, line in numbered]


def write_text(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes or replaces a table of text.

    Raises:
        OutputError: The file cannot be written.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    with replacing(path) as file:
        file.write(text.getvalue().encode())


def bad_numbers(rows: pd.DataFrame, numbers: list[str], counts: list[str]) -> "pd.Series[bool]":
    """Marks the rows of text in which a number, or a whole number from 0, is something else.

    Args:
        rows: Cells of text.
        numbers: Columns of finite numbers.
        counts: Columns of whole numbers from 0.
    """
    parsed = rows[numbers].apply(pd.to_numeric, errors="coerce").astype("float64")
    whole = rows[counts].apply(lambda column: column.str.fullmatch(r"\d{1,15}"))
    return ~(np.isfinite(parsed).all(axis=1) & whole.astype(bool).all(axis=1))
