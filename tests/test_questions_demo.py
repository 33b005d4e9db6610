"""The examples in docs/questions.md and docs/archive.md print what stands there."""

import re
import shlex
import shutil
from pathlib import Path
from textwrap import dedent

import pytest

from pipeline.settings import Job
from tests.support.demo import copied
from tests.support.processes import ROOT
from tests.support.program import caller

PAGE = ROOT / "docs" / "questions.md"
EXAMPLE = re.compile(r"^    mine-video (.+)\n((?:^    .+\n)+)", re.MULTILINE)
EXAMPLES = EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))
OF_ARCHIVE = EXAMPLE.findall((ROOT / "docs" / "archive.md").read_text(encoding="utf-8"))
SUBTITLES = re.compile(r"^    1\n(?:^    .+\n)+", re.MULTILINE)
NUMBER = re.compile(r"(?:\d+:)?\d+(?:\.\d+)?")

CLOSE = 0.1
"""By how much a number may differ: other processors round the networks' answers otherwise."""


@pytest.fixture(scope="module")
def place(walked_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the known faces, the page's subtitles, and with the demo in output/."""
    place = tmp_path_factory.mktemp("questions")
    shutil.copytree(ROOT / "known_faces", place / "known_faces")
    (subtitles,) = SUBTITLES.findall(PAGE.read_text(encoding="utf-8"))
    (place / "demo.srt").write_text(dedent(subtitles), encoding="utf-8")
    copied(walked_demo, Job(output=place / "output", known_faces=place / "known_faces"))
    return place


def _words(text: str) -> list[str | float]:
    """The words of a table; numbers and times, of which only the seconds, as numbers."""
    return [
        float(word.rpartition(":")[2]) if NUMBER.fullmatch(word) else word for word in text.split()
    ]


def test_the_page_has_examples() -> None:
    assert OF_ARCHIVE
    assert len(EXAMPLES) >= PAGE.read_text(encoding="utf-8").count("\n    mine-video ") >= 2


@pytest.mark.parametrize(
    ("line", "printed"),
    [*EXAMPLES, *OF_ARCHIVE],
    ids=[line for line, _ in [*EXAMPLES, *OF_ARCHIVE]],
)
def test_an_example_prints_what_stands_there(
    line: str,
    printed: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(place)
    done = caller(monkeypatch, capsys)(*shlex.split(line))
    assert done.code == 0, done.err
    told, wanted = _words(done.out), _words(printed)
    assert len(told) == len(wanted), done.out
    for one, other in zip(told, wanted, strict=True):
        assert one == (pytest.approx(other, CLOSE) if isinstance(other, float) else other), done.out
