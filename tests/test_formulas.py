"""A movie whose name is a formula: no table that is written lets a spreadsheet compute it."""

import csv
import re
from pathlib import Path

import pytest

from pipeline.disk import faces_csv
from pipeline.judge.score import read_truth
from tests.support.program import beside

NAME = "=1+cmd|x;=2+cmd;.mkv"
ANNA = ("--person", "anna", "--emotion", "happy", "--smooth", "1")


def formulas(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    # Where lists have semicolons, these separate cells, and commas and quotes do not.
    cells += re.split(r'[;\n]"*', path.read_text(encoding="utf-8"))
    return [c for c in cells if c.startswith(("=", "+", "-", "@")) and not _is_number(c)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_no_table_holds_a_formula(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = beside(tmp_path, NAME, monkeypatch, capsys)
    folder = f"./output/{Path(NAME).stem}"
    for args in (
        ("walk", f"./{NAME}", "--workers", "1"),
        ("pick", folder, *ANNA),
        ("export", folder, *ANNA, "--clips"),
        ("judge", folder, "--sample", "5"),
        ("search", "output", *ANNA, "--csv", "moments.csv", "--pick", "found"),
        ("table", "output", "--to", "table.csv"),
        ("pick", folder, *ANNA, "--per-run", "3"),  # It finds its earlier crops by their list.
    ):
        ran = program(*args)
        assert ran.code == 0, ran.err
    tables = sorted(tmp_path.rglob("*.csv"))
    assert {"faces.csv", "crops.csv", "export.csv", "sample.csv", "moments.csv", "table.csv"} <= {
        path.name for path in tables
    }
    assert {path: found for path in tables if (found := formulas(path))} == {}
    place = tmp_path / folder
    assert set(faces_csv.read_faces(place / "faces.csv")["video"]) == {NAME}
    sample = (place / "sample.csv").read_text(encoding="utf-8").replace(",,", ",happy,")
    (place / "sample.csv").write_text(sample, encoding="utf-8")
    assert set(read_truth(place / "sample.csv")["clip"]) == {NAME}
    assert len(list((place / "anna" / "happy").glob("*_f*.jpg"))) == 3
