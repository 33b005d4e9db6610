"""Calls `mine-video` in the tests' own process."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline import cli
from tests.support import puppet


@dataclass(frozen=True)
class Run:
    """What a call of the program left."""

    code: int
    out: str
    err: str

    @property
    def table(self) -> list[list[str]]:
        """The cells, without the header."""
        return [line.split() for line in self.out.splitlines()[1:]]


Program = Callable[..., Run]


def beside(
    folder: Path,
    movie: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Program:
    """Runs `mine-video` in a folder where anna is known, and happy in a movie beside ben."""
    puppet.plug_in(monkeypatch, instead=True)
    monkeypatch.chdir(folder)
    puppet.photo(folder / "known_faces" / "anna.png", "anna")
    squares = [puppet.Square("anna", "happy", x=20), puppet.Square("ben", x=100)]
    puppet.film(folder / movie, [puppet.Shot(30, squares)])
    return caller(monkeypatch, capsys)


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    """Runs `mine-video` in a folder of one's own, beside `movie.mkv`."""
    return beside(tmp_path, "movie.mkv", monkeypatch, capsys)


def caller(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """Gives what runs `mine-video` with the arguments that it is given."""

    def run(*args: str | Path) -> Run:
        monkeypatch.setattr(sys, "argv", ["mine-video", *map(str, args)])
        code = 0
        try:
            cli.run()
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 1
        told = capsys.readouterr()
        return Run(code, told.out, told.err)

    return run
