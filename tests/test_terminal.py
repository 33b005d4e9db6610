"""Names of movies with control characters: the terminal shows them, and obeys none."""

import sys
from pathlib import Path

import pytest

from pipeline.faces import CONTROLS
from tests.support.program import Program, beside

NAME = "a\x1b[2J\x9b31m\u202e\nmine-video: all is well\r.mkv"
ANNA = ("--person", "anna", "--emotion", "happy", "--smooth", "1")


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    return beside(tmp_path, NAME, monkeypatch, capsys)


def harmful(text: str) -> set[str]:
    return set(CONTROLS.findall(text)) - set("\n\r\t")


def test_no_name_moves_the_cursor_or_begins_a_line(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    calls = [
        (NAME, *ANNA, "--workers", "1", "-v"), ("status", "output"), ("stats", "output"),
        ("search", "output", *ANNA), ("name", "output"),
        ("export", "output", *ANNA, "--edl", "--format", "fcpxml", "--format", "resolve-markers"),
        ("walk", "no\x1b\nsuch.mkv"), ("walk", "no\x1b\nsuch.mkv", NAME),
    ]  # fmt: skip
    for args in calls:
        ran = program(*args)
        assert harmful(ran.out + ran.err) == set(), args
        assert not any(line.startswith("mine-video: all") for line in ran.err.splitlines()), args
        if args[0] != "walk":
            assert "\\x1b" in ran.out, args


def test_a_missing_movie_is_told_in_one_line(program: Program) -> None:
    ran = program("walk", "no\x1b\nsuch.mkv")
    assert ran.code == 1
    assert ran.err.startswith("mine-video: no\\x1b\\nsuch.mkv: cannot be read")
    assert ran.err.count("\n") == 1


def test_what_is_piped_on_stays_as_it_is(program: Program) -> None:
    ran = program("walk", NAME, "--workers", "1")
    assert Path(ran.out.removesuffix("\n")).is_file()
