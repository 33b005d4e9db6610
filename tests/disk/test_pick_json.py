"""Tests of pick.json: what a stopped pick left, and the line that finishes it."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.disk.pick_json import (
    PICK_FILE,
    begin_pick,
    finish_pick,
    read_pick,
    unfinished,
    unfinished_line,
)
from pipeline.settings import Job, PickSettings

JOB = Job(
    people=("anna",), emotions=("happy", "sad"), tolerance=0.9, learn=True, subtitles="a b.srt",
    subtitle_offset=-1.5, pick=PickSettings(smooth=5, repeat_seconds=0.5, single_face=True),
)  # fmt: skip


def _places(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
    return [folder / name for name in names]


def test_a_pick_is_read_as_it_was_wanted(tmp_path: Path) -> None:
    begin_pick(tmp_path, JOB, [])
    last = read_pick(tmp_path)
    assert last is not None
    assert last.job(Job()) == JOB


def test_what_is_begun_is_unfinished_until_it_is_whole(tmp_path: Path) -> None:
    places = _places(tmp_path, "anna/happy", "anna/sad")
    begin_pick(tmp_path, JOB, places)
    assert unfinished(tmp_path) == ("anna/happy", "anna/sad")
    finish_pick(tmp_path, JOB, places)
    assert unfinished(tmp_path) == ()
    assert unfinished_line(tmp_path) == ""


def test_another_pick_does_not_finish_what_was_stopped(tmp_path: Path) -> None:
    (stopped,) = _places(tmp_path, "anna/happy")
    (other,) = _places(tmp_path, "ben/sad")
    begin_pick(tmp_path, JOB, [stopped])
    begin_pick(tmp_path, JOB, [other])
    assert unfinished(tmp_path) == ("anna/happy", "ben/sad")
    finish_pick(tmp_path, JOB, [other])
    assert unfinished(tmp_path) == ("anna/happy",)


def test_a_folder_that_was_deleted_needs_no_finish(tmp_path: Path) -> None:
    (place,) = _places(tmp_path, "anna/happy")
    begin_pick(tmp_path, JOB, [place])
    place.rmdir()
    assert unfinished(tmp_path) == ()


def test_the_line_finishes_it_with_the_same_settings(tmp_path: Path) -> None:
    folder = tmp_path / "a film"
    begin_pick(folder, JOB, _places(folder, "anna/happy", "anna/sad"))
    assert unfinished_line(folder) == (
        "a pick was stopped, and anna/happy, anna/sad may lack crops; finish it: mine-video pick "
        f"'{folder}' --person anna --emotion happy --emotion sad --smooth 5 --repeat 0.5s "
        "--single-face --tolerance 0.9 --learn --subtitles 'a b.srt' --subtitle-offset -1.5"
    )


def test_of_many_folders_the_line_names_none(tmp_path: Path) -> None:
    begin_pick(tmp_path, Job(), _places(tmp_path, *(f"{name}/happy" for name in "abcd")))
    assert "a/happy, b/happy, c/happy, … may" in unfinished_line(tmp_path)
    assert unfinished_line(tmp_path).endswith("--person any --emotion happy")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("[]", id="a list"),
        pytest.param('{"people": ["anna"]}', id="little"),
        pytest.param("\x00\xff", id="no text"),
    ],
)
def test_a_damaged_file_says_nothing_and_is_replaced(text: str, tmp_path: Path) -> None:
    (tmp_path / PICK_FILE).write_text(text, encoding="latin-1")
    assert read_pick(tmp_path) is None
    assert unfinished_line(tmp_path) == ""
    begin_pick(tmp_path, JOB, _places(tmp_path, "anna/happy"))
    assert unfinished(tmp_path) == ("anna/happy",)


def test_a_setting_of_a_later_version_is_no_error(tmp_path: Path) -> None:
    begin_pick(tmp_path, replace(JOB, pick=PickSettings()), [])
    path = tmp_path / PICK_FILE
    path.write_text(path.read_text().replace('"smooth"', '"smoothness"'))
    assert read_pick(tmp_path) is None
