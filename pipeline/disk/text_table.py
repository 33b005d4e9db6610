"""Tables of text cells, such as crops.csv and labels.csv, which a spreadsheet may have saved.

Every cell of text in every CSV file goes through `guarded`, and is read through `unguarded`.
"""

import csv
import io
import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from pipeline.encodings import decode_text
from pipeline.errors import TableError
from pipeline.files import content, replacing

log = logging.getLogger(__name__)

DELIMITERS = ",;\t"
"""What spreadsheets write between cells, by language and kind of file."""

TOLD_DELIMITER = re.compile(r'"?sep=(.)"?', re.I)
"""A first line that tells Excel the delimiter; Excel hides it, and other programs keep it."""

SPREADSHEET = re.compile(rb"PK\x03\x04|\xd0\xcf\x11\xe0")
"""The first bytes of .xlsx, .ods and .numbers (all ZIP), and of .xls."""

SAVE_AS = 'save the table as "CSV UTF-8"'

Line = tuple[int, list[str]]
"""The number of a line in a file, and the cells of the row that ends there."""

MOST_COLUMNS_LISTED = 3
"""The most missing columns that a message names."""

CELL_FORMULA = "^'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
"""The beginning of a text that a spreadsheet would compute, or that `guarded` made of one.

Source: OWASP, "CSV Injection". Also read by DuckDB.
"""

INNER_FORMULA = "([;\t\r\n]\"*)('*[=+\\-@\uff1d\uff0b\uff0d\uff20])"
"""A formula after what a spreadsheet may take for the end of a cell, and quotes.

Where lists have semicolons, as in German, commas and quotes within a line separate nothing. Also
read by DuckDB.
"""

NUMBER = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$|^[-+]?(inf|nan)$"
"""A number, which may begin with a sign. Also read by DuckDB."""

_plain = re.compile(r"[\w.][\w. /-]*", re.ASCII)
"""Most cells: they can hold no formula, and looking closer at 250,000 takes half a second."""

_formula, _number = re.compile(CELL_FORMULA), re.compile(NUMBER)
_inner = re.compile(INNER_FORMULA)
_inner_guarded = re.compile(INNER_FORMULA.replace(")(", ")'("))

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
    >>> guarded("a;=1+cmd|x;.mp4")
    "a;'=1+cmd|x;.mp4"
    """
    if _plain.fullmatch(text):
        return text
    cell = _inner.sub(r"\1'\2", text)
    return f"'{cell}" if _formula.match(text) and not _number.match(text) else cell


def unguarded(cell: str) -> str:
    """The text of which `guarded` made a cell; earlier versions wrote texts as they are.

    >>> all(unguarded(guarded(t)) == t for t in ("=1", "a;'=1", "''@", "-3.5", "a", "'", ""))
    True
    """
    if "'" not in cell:
        return cell
    text = cell[1:] if cell.startswith("'") and _formula.match(cell) else cell
    return _inner_guarded.sub(r"\1\2", text)


def unguarded_column(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """The texts of a column of cells; of the same type, also if there are none."""
    changed = {cell for cell in column.unique() if unguarded(cell) != cell}
    return column.map(unguarded).astype(column.dtype) if changed else column


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Writes rows as the text of a CSV file; texts are `guarded`."""
    lines: list[str] = []
    # Only with this ending do all versions of the csv module quote text with \r or \n.
    writer = csv.writer(SimpleNamespace(write=lines.append), lineterminator="\r\n")
    writer.writerows(
        [guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )
    return "".join(f"{line[:-2]}\n" for line in lines)


def text_of(path: Path, remedy: str, *, by_hand: bool) -> str:
    """Reads the text of a table.

    Args:
        path: The table.
        remedy: What to do if it cannot be read, for the message.
        by_hand: Whether people write such tables: text that is not Unicode is then read in the
            likeliest encoding, with a warning. A table of this program, which names files and
            people, is refused.

    Raises:
        TableError: The file cannot be read, or is no text.
    """
    try:
        data = content(path)
        decoded = decode_text(data)
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror}); {remedy}") from error
    except UnicodeDecodeError as error:
        raise TableError(
            f"{path}: its first bytes say {error.encoding}, which it is not ({error.reason} at "
            f"byte {error.start}); {SAVE_AS if by_hand else remedy}"
        ) from error
    if SPREADSHEET.match(data):
        raise TableError(f"{path}: is a spreadsheet, no table of text; {SAVE_AS}")
    if not decoded.sure:
        if not by_hand:
            raise TableError(f"{path}: not in UTF-8; {SAVE_AS}")
        log.warning(
            "%s: not in UTF-8, so read as %s, the likeliest encoding; if names in it are wrong, %s",
            path, decoded.encoding, SAVE_AS,
        )  # fmt: skip
    return decoded.text


def delimiter_of(header: str) -> str:
    """What separates the cells of a table with this first line."""
    return max(DELIMITERS, key=header.count)  # A comma where there is none of them.


def cells_of(text: str, *, by_hand: bool) -> list[Line]:
    r"""The rows of a table as any spreadsheet writes it, each with the line on which it ends.

    Texts are `unguarded`.

    Semicolons or tabs may separate the cells, and `sep=;` may stand before the table. Blank rows
    and blank columns at the right are left out.

    Args:
        text: The table.
        by_hand: Whether people write such tables: then lines that begin with # are comments, and
            any quotes are right.

    Raises:
        csv.Error: Its quotes are wrong, or a cell is too long.

    >>> cells_of("sep=;\na;b;;\n1;2;;\n;;;\n", by_hand=False)
    [(2, ['a', 'b']), (3, ['1', '2'])]
    """
    lines = list(enumerate(io.StringIO(text, newline=""), 1))
    told = TOLD_DELIMITER.fullmatch(lines[0][1].strip("\r\n")) if lines else None
    lines = lines[1:] if told else lines
    if by_hand:
        lines = [(n, line) for n, line in lines if not line.startswith("#")]
    first = next((line for _, line in lines if line.strip(f"{DELIMITERS}\r\n ")), "")
    delimiter = told[1] if told else delimiter_of(first)
    reader = csv.reader((line for _, line in lines), strict=not by_hand, delimiter=delimiter)
    rows = [(lines[reader.line_num - 1][0], row) for row in reader]
    rows = [(line, row) for line, row in rows if "".join(row).strip()]
    header = rows[0][1] if rows else []
    width = max((n for n, name in enumerate(header, 1) if name.strip()), default=0)
    rows = [(n, row if any(row[width:]) else row[:width]) for n, row in rows]
    if "'" not in text:  # Most tables; looking at each of 200,000 cells takes a tenth of a second.
        return rows
    return [(n, [unguarded(cell) for cell in row]) for n, row in rows]


def read_list(path: Path) -> list[list[str]]:
    """The rows of a list of files that this program wrote; none if it is missing or damaged.

    Raises:
        TableError: The list is there and cannot be read.
    """
    try:
        text = decode_text(content(path)).text
        return [row for _, row in cells_of(text, by_hand=True)]
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError, csv.Error):
        return []
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror}); delete it") from error


def read_text(
    path: Path, columns: tuple[str, ...], remedy: str, added: tuple[str, ...] = ()
) -> tuple[list[list[str]], list[int]]:
    """Reads the cells of a table of this program, and the line on which each row ends.

    Args:
        path: The table, which a spreadsheet may have saved since.
        columns: The column names that its first line must have.
        remedy: What to do if the table is wrong, for the message.
        added: Those of the columns that tables of earlier versions lack; they are empty then.

    Raises:
        TableError: The table is damaged, or has other columns.
    """
    text = text_of(path, remedy, by_hand=False)
    try:
        (_, header), *numbered = cells_of(text, by_hand=False) or [(0, [""])]
    except csv.Error as error:
        raise TableError(f"{path}: cannot be read ({error}); {remedy}") from error
    absent = [column for column in columns if column in added and column not in header]
    written = tuple(column for column in columns if column not in absent)
    if tuple(header) != written:
        missing = [column for column in columns if column not in header]
        which = ", ".join(missing[:MOST_COLUMNS_LISTED])
        which += ", …" if len(missing) > MOST_COLUMNS_LISTED else ""
        why = f"{which} missing" if missing else "there are more, or in another order"
        raise TableError(f"{path}: its columns have changed ({why}); {remedy}")
    for line, row in numbered:
        if len(row) != len(written):
            raise TableError(f"{path}, line {line}: damaged or changed; {remedy}")
    if not text.endswith(("\n", "\r")):
        raise TableError(f"{path}: its last line is incomplete; {remedy}")
    for column in absent:
        for _, row in numbered:
            row.insert(columns.index(column), "")
    return [row for _, row in numbered], [line for line, _ in numbered]


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
