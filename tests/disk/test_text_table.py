"""Cells of text: none is a formula, and each is read as it was given."""

import csv
import io
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import pipeline
from pipeline.disk.text_table import (
    csv_rows,
    csv_text,
    guarded,
    read_text,
    unguarded,
    write_text,
)

texts = st.text(st.characters(exclude_categories=["Cs"])) | st.from_regex(
    r"'*[=+\-@\t\r\n][=+\-@'a1.,;\"\r\n]*", fullmatch=True
)


@given(texts)
def test_no_cell_is_a_formula_and_each_is_read_again(text: str) -> None:
    cell = guarded(text)
    assert unguarded(cell) == text
    if cell[:1] in tuple("=+-@\t\r\n＝＋－＠"):
        float(cell)  # A number is none.


@given(st.lists(st.lists(texts, min_size=2, max_size=2), max_size=4))
def test_rows_are_read_as_they_were_written(rows: list[list[str]]) -> None:
    assert list(csv_rows(csv_text(rows))) == rows


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
