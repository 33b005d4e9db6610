"""A walk.json of somebody else, which says that the movie is at an address."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.settings import Job
from tests.support import puppet
from tests.support.program import Program, caller
from tests.support.served import Served, served

pytest.importorskip("fsspec", reason="needs the extra `cluster`")
pytest.importorskip("aiohttp", reason="needs the extra `cluster`")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

ANNA = ("--person", "anna", "--emotion", "happy", "--smooth", "1")

COMMANDS = {
    "pick": ("pick", "output/talk", *ANNA),
    "annotate": ("annotate", "output/talk"),
    "export": ("export", "output/talk", *ANNA, "--clips"),
    "judge": ("judge", "output/talk", "--sample", "5"),
    "search": ("search", "output/talk", *ANNA, "--pick", "found"),
    "subtitles": ("pick", "output/talk", *ANNA, "--subtitles", "own"),
}


@pytest.fixture
def web(output: Path, job: Job, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Serves the movie of output/talk, whose walk.json says so; counts what is asked."""
    puppet.plug_in(monkeypatch, instead=True)
    monkeypatch.chdir(output.parent)
    Path("known_faces").symlink_to(job.known_faces)
    facts = json.loads((output / "talk" / "walk.json").read_text(encoding="utf-8"))
    with served(Path(facts["movie"]["path"]).parent) as found:
        facts["movie"]["path"] = f"{found.address.replace('://', '://me:secret@')}/talk.mkv"
        (output / "talk" / "walk.json").write_text(json.dumps(facts), encoding="utf-8")
        yield found


@pytest.fixture
def program(
    web: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    return caller(monkeypatch, capsys)


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_connects_because_a_file_says_so(name: str, program: Program, web: Served) -> None:
    ran = program(*COMMANDS[name])
    assert (ran.code, web.answers) == (1, 0), ran.err
    assert "walk.json says that the movie is on another computer" in ran.err
    assert "--allow-remote" in ran.err
    assert "secret" not in ran.out + ran.err


@pytest.mark.parametrize("name", ["pick", "judge", "search"])
def test_who_allows_it_lets_it_connect(name: str, program: Program, web: Served) -> None:
    ran = program(*COMMANDS[name], "--allow-remote")
    assert ran.code == 0, ran.err
    assert web.answers > 0


def test_who_gives_the_movie_lets_it_connect(program: Program, web: Served) -> None:
    ran = program(*COMMANDS["pick"], "--movie", f"{web.address}/talk.mkv")
    assert ran.code == 0, ran.err
    assert web.answers > 0


def test_status_never_connects(program: Program, web: Served) -> None:
    ran = program("status", "output")
    assert (ran.code, web.answers) == (0, 0), ran.err
    assert "secret" not in ran.out + ran.err
