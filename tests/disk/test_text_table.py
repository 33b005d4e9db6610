"""Tables of this program, as it and spreadsheets write them."""

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pipeline
from pipeline.disk.text_table import (
    cells_of,
    csv_text,
    guarded,
    read_list,
    read_text,
    unguarded,
    write_text,
)
from pipeline.errors import TableError

COLUMNS = ("person", "file", "line")
ROWS = [["Zoë", "a.jpg", 'He said: "no; never"'], ["anna, b", "b.jpg", ""]]
CELLS = st.lists(st.lists(st.text(max_size=5), min_size=3, max_size=3), max_size=4)


def _saved(
    path: Path, *, delimiter: str = ",", head: str = "", pad: str = "", end: str = "\n"
) -> str:
    """The text of the table as a spreadsheet saves it."""
    write_text(path, COLUMNS, ROWS)
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in ROWS]
    lines = [delimiter.join(row) + pad for row in ([*COLUMNS], *quoted)]
    return head + "".join(line + end for line in lines)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "ways",
    [
        {},
        {"delimiter": ";"},
        {"delimiter": "\t", "end": "\r\n"},
        {"delimiter": ";", "head": "sep=;\r\n", "end": "\r\n"},
        {"pad": ",,"},
        {"end": "\n,,\n"},
        {"end": "\r"},
    ],
    ids=str,
)
def test_a_table_that_a_spreadsheet_saved(
    ways: dict[str, str], encoding: str, tmp_path: Path
) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(_saved(path, **ways).encode(encoding))
    rows, lines = read_text(path, COLUMNS, "restore it")
    assert rows == ROWS
    assert lines == sorted(set(lines))
    assert read_list(path) == [[*COLUMNS], *ROWS]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param("person,file\nZoë,a\n".encode("cp1252"), "not in UTF-8; save", id="old"),
        pytest.param(b"PK\x03\x04 a workbook", "is a spreadsheet, no table of text", id="xlsx"),
        pytest.param(b"person,file\na,b\n", r"columns have changed \(line mis", id="columns"),
        pytest.param(b"person,file,line\na,b\n", "line 2: damaged or changed; res", id="cells"),
        pytest.param(b"person,file,line\na,b,c", "last line is incomplete; restore", id="torn"),
        pytest.param(b'person,file,line\n"a"b,c,d\n', "cannot be read .*restore it", id="quotes"),
        pytest.param(b"", "columns have changed", id="empty"),
    ],
)  # fmt: skip
def test_a_table_that_is_damaged_is_refused(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(data)
    with pytest.raises(TableError, match=words):
        read_text(path, COLUMNS, "restore it")


def test_a_list_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_list(tmp_path / "crops.csv") == []
    with pytest.raises(TableError, match=r"cannot be read .*; delete it"):
        read_list(tmp_path)


@given(CELLS)
def test_what_is_written_is_read(rows: list[list[str]]) -> None:
    """Of any cells, whatever they hold: only rows that are blank are left out."""
    kept = [row for row in rows if any(cell.strip() for cell in row)]
    quoted = [",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in rows]
    text = "\n".join([",".join(COLUMNS), *quoted, ""])
    wanted = [[unguarded(cell) for cell in row] for row in kept]
    assert [row for _, row in cells_of(text, by_hand=False)][1:] == wanted


# --- formulas -----------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"])) | st.from_regex(
    r"'*[=+\-@\t\r\n][=+\-@'a1.,;\"\r\n]*", fullmatch=True
)


@given(texts)
def test_no_cell_is_a_formula_and_each_is_read_again(text: str) -> None:
    cell = guarded(text)
    assert unguarded(cell) == text
    if cell[:1] in tuple("=+-@\t\r\n＝＋－＠"):
        float(cell)  # A number is none.
    # Where lists have semicolons, these end a cell, and so do tabs and line breaks.
    assert re.search('[;\t\r\n]"*[=+@＝＋－＠-]', cell) is None


@given(st.lists(st.lists(texts, min_size=3, max_size=3), max_size=4))
def test_rows_are_read_as_they_were_written(rows: list[list[str]]) -> None:
    kept = [row for row in rows if any(cell.strip() for cell in map(guarded, row))]
    text = csv_text([COLUMNS, *rows])
    assert [row for _, row in cells_of(text, by_hand=False)][1:] == kept


def test_files_of_earlier_versions_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("video,x\n=1+1.mp4,-3.5\n'quoted',''\n", encoding="utf-8")
    assert read_text(path, ("video", "x"), "")[0] == [["=1+1.mp4", "-3.5"], ["'quoted'", "''"]]


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    path, row = tmp_path / "a.csv", ["=1+cmd|x.mp4", "-3.5"]
    write_text(path, ("video", "x"), [row])
    (_, cells) = csv.reader(io.StringIO(path.read_text(encoding="utf-8")))
    assert cells == ["'=1+cmd|x.mp4", "-3.5"]
    assert read_text(path, ("video", "x"), "")[0] == [row]


def test_no_other_module_writes_csv() -> None:
    sources = Path(pipeline.__file__).parent.rglob("*.py")
    writers = ("csv.writer(", "csv.DictWriter(", ".to_csv(")
    found = [p.name for p in sources if any(w in p.read_text(encoding="utf-8") for w in writers)]
    assert found == ["text_table.py"]
