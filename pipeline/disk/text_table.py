"""Tables of text cells, such as crops.csv and labels.csv, which a spreadsheet may have saved.

Every cell of text in every CSV file goes through `guarded`, and is read through `unguarded`.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from pipeline.errors import TableError
from pipeline.files import replacing

MOST_COLUMNS_LISTED = 3
"""The most missing columns that a message names."""

FORMULA = "^'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
"""The beginning of a text that a spreadsheet would compute, or that `guarded` made of one.

Source: OWASP, "CSV Injection". Also read by DuckDB.
"""

NUMBER = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$|^[-+]?(inf|nan)$"
"""A number, which may begin with a sign. Also read by DuckDB."""

_formula, _number = re.compile(FORMULA), re.compile(NUMBER)

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


def guarded(text: str) -> str:
    """A text as a cell of a CSV file, in which no spreadsheet takes it for a formula.

    >>> [guarded(t) for t in ("=1+cmd|x.mp4", "'=a", "-3.5", "a.mp4", "'a'")]
    ["'=1+cmd|x.mp4", "''=a", '-3.5', 'a.mp4', "'a'"]
    """
    return f"'{text}" if _formula.match(text) and not _number.match(text) else text


def unguarded(cell: str) -> str:
    """The text of which `guarded` made a cell; earlier versions wrote texts as they are.

    >>> all(unguarded(guarded(t)) == t for t in ("=1", "'=1", "''@", "-3.5", "a", "'", ""))
    True
    """
    return cell[1:] if cell.startswith("'") and _formula.match(cell) else cell


def unguarded_column(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """The texts of a column of cells; of the same type, also if there are none."""
    changed = column[column.str.startswith("'")].map(unguarded)
    return column if changed.empty else changed.combine_first(column)


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Writes rows as the text of a CSV file; texts are `guarded`."""
    lines: list[str] = []
    # Only with this ending do all versions of the csv module quote text with \r or \n.
    writer = csv.writer(SimpleNamespace(write=lines.append), lineterminator="\r\n")
    writer.writerows(
        [guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )
    return "".join(f"{line[:-2]}\n" for line in lines)


def csv_rows(text: str) -> Iterator[list[str]]:
    """Yields the rows of what `csv_text` wrote.

    Raises:
        csv.Error: The text is no CSV.
    """
    for row in csv.reader(io.StringIO(text, newline="")):
        yield [unguarded(cell) for cell in row]


def read_text(
    path: Path, columns: tuple[str, ...], remedy: str
) -> tuple[list[list[str]], list[int]]:
    """Reads the cells of a table of this program, and the line on which each row ends.

    A spreadsheet may have saved it since with semicolons and a byte order mark.

    Args:
        path: The table.
        columns: The column names that its first line must have.
        remedy: What to do if the table is wrong, for the message.

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
    if tuple(header) != columns:
        missing = [column for column in columns if column not in header]
        which = ", ".join(missing[:MOST_COLUMNS_LISTED])
        which += ", …" if len(missing) > MOST_COLUMNS_LISTED else ""
        why = f"{which} missing" if missing else "there are more, or in another order"
        raise TableError(f"{path}: its columns have changed ({why}); {remedy}")
    for row, line in numbered:
        if len(row) != len(columns):
            raise TableError(f"{path}, line {line}: damaged or changed; {remedy}")
    if not text.endswith("\n"):
        raise TableError(f"{path}: its last line is incomplete; {remedy}")
    rows = [[unguarded(cell) for cell in row] for row, _ in numbered]
    return rows, [line for _, line in numbered]


def write_text(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes or replaces a table of text.

    Raises:
        OutputError: The file cannot be written.
    """
    with replacing(path) as file:
        file.write(csv_text([columns, *rows]).encode())


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
