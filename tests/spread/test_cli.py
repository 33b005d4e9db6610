"""`--ray` and movies by URL on the command line: the same results, and errors."""

import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline.cli.options import cores
from pipeline.errors import PIP, WorkerError
from pipeline.settings import Job
from tests.support import faulty, processes, puppet
from tests.support.program import Program, caller
from tests.support.puppet import Shot, Square, film, photo
from tests.support.served import Served, served

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra `cluster`")

SLOW = 5
"""Frames per second of these movies: a part of ten seconds has 50 frames."""

ANNA = Square("anna", "happy 20, sad", x=10, dx=0.5)
HAPPY_ANNA = ("--person", "anna", "--emotion", "happy", "--smooth", "1")
FILES = ("faces.csv", "tracks.npz", "walk.json", "frames.npz")

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    """Runs `mine-video` in a folder with known_faces/, long.mkv and short.mkv, with puppets."""
    puppet.plug_in(monkeypatch, instead=True)
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "known_faces" / "anna.png", "anna")
    film(tmp_path / "films" / "long.mkv", (Shot(70, (ANNA,)), Shot(60)), SLOW)
    film(tmp_path / "films" / "short.mkv", (Shot(30, (ANNA,)),), SLOW)
    return caller(monkeypatch, capsys)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Served]:
    pytest.importorskip("fsspec", reason="needs the extra `cluster`")
    pytest.importorskip("aiohttp", reason="needs the extra `cluster`")
    with served(tmp_path / "films") as found:
        yield found


def _crops(folder: Path) -> dict[str, bytes]:
    """The crops in a folder, without the contact sheets."""
    return {p.name: p.read_bytes() for p in folder.glob("*_f*.jpg")}


# --- on a cluster -------------------------------------------------------------------------------


@needs_ray
def test_a_walk_on_a_cluster_leaves_the_same_and_lists_what_failed(program: Program) -> None:
    assert program("walk", "films", "--output", "alone", "--workers", "1").code == 0
    Path("films/text.mkv").write_text("no movie")
    done = program("walk", "films", "--ray", "local", "--workers", "2")
    assert done.code == 1
    assert sorted(done.out.splitlines()) == ["output/long/faces.csv", "output/short/faces.csv"]
    assert "1 of 3 failed, the others are done:\n  " in done.err
    assert "text.mkv: not a playable movie, or damaged" in done.err
    for name in ("long", "short"):
        for file in FILES:
            assert Path("output", name, file).read_bytes() == Path("alone", name, file).read_bytes()


@needs_ray
def test_mining_on_a_cluster_gives_the_same_crops(program: Program) -> None:
    alone = program("films", *HAPPY_ANNA, "--output", "alone", "--workers", "1")
    done = program("films", *HAPPY_ANNA, "--ray", "local", "--workers", "1")
    assert (alone.code, done.code) == (0, 0)
    assert sorted(row[:6] for row in done.table) == sorted(row[:6] for row in alone.table)
    for name in ("long", "short"):
        crops = _crops(Path("output", name, "anna", "happy"))
        assert crops == _crops(Path("alone", name, "anna", "happy"))
        assert crops


@needs_ray
def test_a_single_movie_that_fails_is_the_error(program: Program) -> None:
    done = program("walk", "nowhere.mkv", "--ray", "local", "--workers", "1")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("mine-video: nowhere.mkv: no such movie")


@processes.needs_proc
@needs_ray
def test_ctrl_c_leaves_parts_and_no_process(program: Program, tmp_path: Path) -> None:
    faults = faulty.folder(tmp_path / "faults", slow="")
    call = ("walk", "films", "--ray", "local", "--workers", "1")
    begun = processes.begin(
        sys.executable, "-m", "tests.support.faulty", faults, *call, folder=tmp_path
    )
    parts = tmp_path / "output" / "long" / "parts"
    # The driver has heard of the first when there is a second.
    assert processes.until(lambda: len(list(parts.glob("*.csv"))) > 1, 60)
    assert len(processes.of_session(begun.pid)) > 3, "Ray's are among them"
    os.killpg(begun.pid, signal.SIGINT)
    out, err = begun.communicate(timeout=60)
    assert (begun.returncode, out) == (130, "")
    assert "Stopped. Run the same command to continue." in err
    assert re.search(
        r"kept [1-9] of \d parts of [12] unfinished movies?; the same command goes on", err
    )
    assert "Traceback" not in err
    assert processes.until(lambda: not processes.of_session(begun.pid))
    shutil.rmtree(faults)
    assert program("walk", "films", "--workers", "1").code == 0


@pytest.mark.parametrize(
    ("args", "workers"),
    [
        (("--ray", "local"), cores()),
        (("--ray", "local", "--workers", "3"), 3),
        (("--ray", "auto"), sys.maxsize),
        (("--ray", "head:6379", "--workers", "3"), 3),
    ],
    ids=lambda case: " ".join(case) if isinstance(case, tuple) else "",
)
def test_workers_are_the_most_there_are(
    args: tuple[str, ...], workers: int, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, str]] = []

    def ask(movies: list[Path], job: Job, address: str, told: object) -> Iterator[object]:
        asked.append((job.workers, address))
        return iter(())

    monkeypatch.setattr("pipeline.spread.walk.walk_on_cluster", ask)
    assert program("walk", "films", *args).code == 0
    assert asked == [(workers, args[1])]


# --- by URL, on one machine ---------------------------------------------------------------------


def test_a_movie_by_url_is_mined_like_any_other(program: Program, web: Served) -> None:
    here = program("films/long.mkv", *HAPPY_ANNA, "--output", "here", "--workers", "1")
    there = program(f"{web.address}/long.mkv", *HAPPY_ANNA, "--workers", "2")
    assert (here.code, there.code) == (0, 0)
    assert there.table[0][:6] == here.table[0][:6]
    assert _crops(Path("output/long/anna/happy")) == _crops(Path("here/long/anna/happy"))
    again = program("pick", "long", *HAPPY_ANNA, "--allow-remote")
    assert (again.code, again.table) == (0, there.table)
    for kind in ("--otio", "--edl", "--xml"):
        assert program("export", "long", *HAPPY_ANNA, kind, "--allow-remote").code == 0


def test_a_movie_by_url_that_is_gone_may_be_elsewhere(program: Program, web: Served) -> None:
    assert program("walk", f"{web.address}/short.mkv", "--workers", "1").code == 0
    Path("films/short.mkv").rename("moved.mkv")
    gone = program("pick", "short", *HAPPY_ANNA, "--allow-remote")
    assert gone.code == 1
    assert f"{web.address}/short.mkv: the movie is gone" in gone.err
    assert program("pick", "short", *HAPPY_ANNA, "--movie", "moved.mkv").code == 0


# --- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("walk", "films", "--ray", "nowhere"), "'nowhere' is not local, auto or HOST:PORT"),
        (("walk", "films", "--ray", ":6379"), "':6379' is not local"),
        (("walk", "films", "--ray", "a:b"), "'a:b' is not local"),
        (("walk", "films", "--output", "s3://b/out"), "--ray local"),
        (("films", "--output", "s3://b/out"), "s3://b/out is a URL: only movies may be URLs, and"),
        (("films", "--ray", "local", "--output", "s3://b/out"), "s3://b/out is a URL"),
        (("pick", "s3://b/out/film"), "s3://b/out/film is a URL: only movies may be"),
        (("walk", "films", "--known-faces", "s3://b/known"), "Copy the folder to this machine"),
    ],
    ids=lambda case: " ".join(case) if isinstance(case, tuple) else "",
)
def test_what_cannot_be_is_misuse(args: tuple[str, ...], words: str, program: Program) -> None:
    done = program(*args)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


@needs_ray
@pytest.mark.parametrize(
    ("address", "why"), [("127.0.0.1:9", "refused"), ("no.such.host.invalid:6379", "Errno")]
)
def test_a_cluster_that_is_not_there_is_told_at_once(
    address: str, why: str, program: Program
) -> None:
    done = program("walk", "films", "--ray", address)
    assert (done.code, done.out) == (1, "")
    assert f"mine-video: --ray {address}: cannot join a Ray cluster there" in done.err
    assert why in done.err
    assert "`ray start --head`" in done.err
    assert "Traceback" not in done.err


def test_without_ray_it_says_what_to_install(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = program("walk", "films", "--ray", "local")
    assert (done.code, done.out) == (1, "")
    assert f"--ray needs Ray: {PIP} install 'mine-video[cluster]'" in done.err
    assert WorkerError.__name__ not in done.err


def test_without_fsspec_a_url_says_what_to_install(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("fsspec", "fsspec.core"):
        monkeypatch.setitem(sys.modules, name, None)
    done = program("walk", "https://host.invalid/a.mp4")
    assert (done.code, done.out) == (1, "")
    assert "https://host.invalid/a.mp4: cannot be reached" in done.err
    assert "pip install 'mine-video[cluster]'" in done.err
