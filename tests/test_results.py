"""What commands print with --json: valid by its schema, alone on standard output, and complete."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from pipeline import __version__, cli
from pipeline.judge.score import Score
from pipeline.people.presence import Presence
from pipeline.results import RESULTS, document, record, schema, table
from tests.support import puppet
from tests.support.processes import ROOT
from tests.support.program import Program, Run, program
from tests.support.puppet import Shot, Square, film

__all__ = ["program"]

SCHEMAS = ROOT / "docs" / "schemas"
HAPPY_ANNA = ("--person", "anna", "--emotion", "happy", "--smooth", "1")


def closed(part: Any) -> Any:
    """A schema that allows no field that it does not list."""
    if isinstance(part, list):
        return [closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    part = {key: closed(one) for key, one in part.items()}
    return {"additionalProperties": False} | part if "properties" in part else part


def valid(command: str, text: str) -> dict[str, Any]:
    """A document, checked by the schema of its command, which has all of its fields."""
    found = json.loads(text)
    jsonschema.validate(found, closed(deepcopy(schema(command))))
    assert (found["command"], found["version"]) == (command, __version__)
    return dict(found)


def told(command: str, done: Run) -> dict[str, Any]:
    assert done.code == 0, done.err
    return valid(command, done.out)


# --- schemas ------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", RESULTS)
def test_schemas_are_written_down_and_whole(command: str) -> None:
    """`python tools/make_schemas.py` writes them."""
    written = (SCHEMAS / f"{command}.json").read_text(encoding="utf-8")
    assert json.loads(written) == schema(command)
    jsonschema.Draft202012Validator.check_schema(schema(command))
    row = schema(command)["properties"]["rows"]["items"]
    assert row["required"] == list(row["properties"])
    assert all(field["description"] for field in row["properties"].values())


def test_no_schema_is_of_nothing() -> None:
    assert {path.stem for path in SCHEMAS.glob("*.json")} == set(RESULTS)
    having = {
        name for name, command in cli.main.commands.items()
        if any(parameter.name == "as_json" for parameter in command.params)
    }  # fmt: skip
    assert having == set(RESULTS)


@pytest.mark.parametrize(
    ("value", "told"),
    [(np.float32(0.3), 0.3), (7200.0000004, 7200.0), (2.760000000000005, 2.76), (1 / 3, 0.333333)],
)
def test_numbers_have_the_digits_that_are_meant(value: float, told: float) -> None:
    row = record(Presence("anna", float(value), 2, 3, value, 0.5, "", 0.1))
    assert [repr(row[name]) for name in ("seconds", "distance")] == [repr(told)] * 2


def test_what_is_no_json_becomes_some() -> None:
    nobody = Presence("", 1.5, 2, 3, float("nan"), float("inf"), "", float("nan"))
    row = record(nobody, movie="caf\udce9.mkv")
    assert row["movie"] == "caf\\xe9.mkv"
    assert (row["distance"], row["sure"], row["other_distance"]) == (None, None, None)
    counted = record(replace(nobody, tracks=np.int64(7), seconds=np.float64(2.5)))  # type: ignore[arg-type]
    assert [type(counted[name]) for name in ("tracks", "seconds")] == [int, float]
    found = valid("name", document("name", [row], [Path("a"), Path("b\udcff")]))
    assert found["files"] == ["a", "b\\xff"]


@pytest.mark.parametrize("command", RESULTS)
def test_a_table_without_rows_has_all_columns(command: str) -> None:
    empty = table(command, [])
    assert list(empty.columns) == schema(command)["properties"]["rows"]["items"]["required"]
    assert len(empty) == 0


def test_a_table_has_numbers_where_the_document_has_null() -> None:
    nan = float("nan")
    score = Score("all", 8, "auto", 0.7, 0.0, 0, 0, nan, nan, nan, nan, nan, nan, 0.0)
    frame = table("judge", [record(score), record(replace(score, smooth=1, picked=9))])
    assert frame["precision"].dtype == np.float64
    assert frame["precision"].isna().all()
    assert frame["picked"].tolist() == [0, 9]
    assert frame["smooth"].tolist() == ["auto", 1]


# --- commands -----------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["mine", "pick"])
def test_picks_are_told(program: Program, command: str) -> None:
    program("walk", "movie.mkv")
    place = "movie.mkv" if command == "mine" else "movie"
    done = program(command, place, *HAPPY_ANNA, "--emotion", "sad", "--json")
    happy, sad = told(command, done)["rows"]
    assert "report: output/movie/report.html" in done.err
    assert happy["funnel"]["repeat"] == 30
    assert (happy["movie"], happy["person"], happy["seen"]) == ("movie.mkv", "anna", 30)
    assert (happy["steady"], happy["runs"], happy["hint"]) == (30, 1, "")
    assert happy["folder"] == "output/movie/anna/happy"
    assert (sad["steady"], bool(sad["hint"])) == (0, True)
    line = program(command, place, *HAPPY_ANNA).table[0]
    assert line == [str(happy[name]) for name in
                    ("movie", "person", "emotion", "seen", "steady", "runs", "folder")]  # fmt: skip


def test_people_are_told(program: Program) -> None:
    program("walk", "movie.mkv")
    anna, unknown = told("name", program("name", "movie", "--json"))["rows"]
    assert (anna["movie"], anna["person"], anna["tracks"], anna["faces"]) == (
        "movie.mkv", "anna", 1, 30,
    )  # fmt: skip
    assert anna["seconds"] == pytest.approx(1.2)
    assert (unknown["person"], unknown["sure"], unknown["offers"]) == ("", None, [])


def test_the_cast_is_told(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    puppet.set_tolerances(monkeypatch, clear=0.001)
    film(Path("large.mkv"), [Shot(30, [Square("ben", size=60), Square("anna", x=5, y=5)])])
    program("walk", "large.mkv")
    found = told("cast", program("cast", "large", "--json"))
    (ben,) = found["rows"]
    assert (ben["number"], ben["movies"], ben["folder"]) == (
        1, ["large.mkv"], "output/large/cast/1",
    )  # fmt: skip
    assert len(ben["photos"]) >= 1
    assert (ben["offer"], ben["sure"]) == ("", None)
    assert told("cast", program("cast", "large", "--json"))["rows"] == [ben]


def test_measures_are_told(program: Program) -> None:
    program("walk", "movie.mkv")
    asked = told("judge", program("judge", "movie", "--sample", "10", "--json"))
    assert asked["files"] == ["output/movie/sample.csv", "output/movie/sample.jpg"]
    assert (asked["rows"], asked["recommended"]) == ([], None)
    assert "fill in the column emotion" in asked["advice"]
    sample = Path("output/movie/sample.csv")
    sample.write_text(sample.read_text().replace(",,", ",happy,"))
    judged = told("judge", program("judge", "movie", "--truth", sample, "--json"))
    assert judged["files"] == ["output/movie/judge.csv", "output/movie/judge.png"]
    assert len(judged["rows"]) == 4 * 7 * 8
    assert judged["rows"][0]["precision"] is None
    plain = next(row for row in judged["rows"] if row["emotion"] == "all")
    assert (plain["repeat"], plain["smooth"], plain["picked"]) == (1, 1, 10)
    assert judged["recommended"] is None
    assert "label more faces" in judged["advice"]


def test_the_archive_is_told(program: Program) -> None:
    film(Path("other.mkv"), [Shot(20, [Square("anna", "happy")])])
    program("walk", "movie.mkv", "other.mkv")
    asked = ("search", *HAPPY_ANNA, "--top", "1", "--csv", "m.csv", "--pick", "shown", "--json")
    done = program(*asked)
    found = told("search", done)
    (best,) = found["rows"]
    assert found["count"] == 2
    assert "1 of 2 moments" in done.err
    assert found["files"] == ["m.csv", "shown", "shown/sheet.jpg"]
    assert (best["person"], best["emotion"], best["folder"]) == (
        "anna", "happy", f"output/{Path(best['movie']).stem}",
    )  # fmt: skip
    stats = told("stats", program("stats", "--json"))["rows"]
    assert [(row["movie"], row["person"]) for row in stats] == [
        ("movie.mkv", "anna"), ("movie.mkv", "unknown"), ("other.mkv", "anna"),
    ]  # fmt: skip
    assert sum(stats[0]["shares"].values()) == pytest.approx(1)
    Path("output/other/faces.csv").unlink()
    status = told("status", program("status", "--json"))["rows"]
    assert [(Path(row["folder"]).name, row["state"]) for row in status] == [
        ("movie", "done"), ("other", "unfinished"),
    ]  # fmt: skip
    assert Path(status[0]["movie"]).name == "movie.mkv"


def test_nothing_found_is_a_document_without_rows(program: Program) -> None:
    program("walk", "movie.mkv")
    found = told("search", program("search", *HAPPY_ANNA, "--repeat", "99", "--json"))
    assert (found["rows"], found["count"], found["files"]) == ([], 0, [])


def test_a_failure_prints_what_is_done_and_keeps_its_code(program: Program) -> None:
    some = program("movie.mkv", "nowhere.mkv", *HAPPY_ANNA, "--json")
    assert (some.code, "nowhere.mkv" in some.err) == (1, True)
    assert [row["movie"] for row in valid("mine", some.out)["rows"]] == ["movie.mkv"]
    nothing = program("nowhere.mkv", *HAPPY_ANNA, "--json")
    assert (nothing.code, nothing.out) == (1, "")
    misused = program("movie.mkv", "--repeat", "0", "--json")
    assert (misused.code, misused.out) == (2, "")


def test_a_file_of_defaults_may_ask_for_it(program: Program) -> None:
    program("walk", "movie.mkv")
    Path("mine-video.toml").write_text("json = true\n")
    assert told("stats", program("stats"))["rows"]
