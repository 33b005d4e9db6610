"""Worker processes: deaths at any moment, errors sent to the parent, no process left behind."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.disk import parts
from pipeline.errors import ModelError
from pipeline.models import registry
from pipeline.movie.frame import Frame
from pipeline.walk import processes as crew
from pipeline.walk import walker
from tests.support import faulty, processes, puppet
from tests.support.puppet import SETTINGS, Shot, Square, film

SLOW = 5
"""Frames per second of these movies: a part of ten seconds has 50 frames."""

ANNA = Square("anna", "happy 20, sad", x=10, dx=0.5)
SHOTS = (Shot(70, (ANNA,)), Shot(30, (ANNA, faulty.TROUBLE)), Shot(70, (ANNA,)))
PARTS = 4
TROUBLED = 1
"""The part with trouble in it: frames 70 to 99."""


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("crew") / "movie.mkv", SHOTS, SLOW)


@pytest.fixture(scope="module")
def whole(movie: Path) -> dict[str, bytes]:
    """The parts that one process makes."""
    with pytest.MonkeyPatch.context() as patch:
        puppet.plug_in(patch)
        folder = _prepared(movie, movie.with_name("whole"))
        crew.make_parts(movie, folder, range(PARTS), 1, lambda *_: None)
    return _parts(folder)


@pytest.fixture(autouse=True)
def _nobody_is_left() -> Iterator[None]:
    yield
    assert not multiprocessing.active_children()


def _prepared(movie: Path, folder: Path) -> Path:
    assert len(walker.prepare_walk(movie, folder, SETTINGS).parts) == PARTS
    return folder


def _parts(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in parts.all_parts(folder)}


class _Sum:
    """A progress that adds up what it receives, and checks that counts never fall."""

    def __init__(self) -> None:
        self.frames = self.faces = 0

    def __call__(self, frames: int, faces: int) -> None:
        assert frames >= 0
        assert faces >= 0
        self.frames += frames
        self.faces += faces


def test_any_number_of_workers_gives_the_same_bytes(
    movie: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    puppet.plug_in(monkeypatch)
    folder, told = _prepared(movie, tmp_path), _Sum()
    crew.make_parts(movie, folder, range(PARTS), 3, told)
    assert _parts(folder) == whole
    rows = sum(len(parts.read_part(folder, n).rows) for n in range(PARTS))
    assert (told.frames, told.faces) == (170, rows)


def test_a_worker_that_dies_once_has_its_part_made_by_another(
    movie: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = faulty.folder(tmp_path / "faults", die_1="")
    faulty.plug_in(monkeypatch, faults)
    folder, told = _prepared(movie, tmp_path / "out"), _Sum()
    crew.make_parts(movie, folder, range(PARTS), 2, told)
    assert not (faults / "die-1").exists(), "it has happened"
    assert _parts(folder) == whole
    assert told.frames == 170, "frames that were walked twice are told once"


@processes.needs_proc
def test_a_worker_killed_while_it_starts_is_replaced(
    movie: Path,
    whole: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    puppet.plug_in(monkeypatch)
    folder = _prepared(movie, tmp_path)
    killed: list[int] = []

    def kill() -> None:
        assert processes.until(lambda: len(processes.children(os.getpid())) == 2)
        killed.append(processes.children(os.getpid())[0])
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    crew.make_parts(movie, folder, range(PARTS), 2, lambda *_: None)
    killer.join()
    assert killed
    assert _parts(folder) == whole


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("fail", r"(?s)^out of memory\nIn a worker process:.*faulty\.py"),
        ("strange", r"(?s)^In a worker process:.*faulty\.py.*LocalError: out of memory"),
    ],
    ids=["error", "error that cannot travel"],
)
def test_what_a_network_raises_comes_out_with_the_lines_where_it_was_raised(
    fault: str,
    words: str,
    movie: Path,
    whole: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faulty.plug_in(monkeypatch, faulty.folder(tmp_path / "faults", **{fault: "out of memory"}))
    folder = _prepared(movie, tmp_path / "out")
    with pytest.raises(RuntimeError, match=words):
        crew.make_parts(movie, folder, [0, TROUBLED], 2, lambda *_: None)
    assert not parts.has_part(folder, TROUBLED)
    for name, content in _parts(folder).items():
        assert whole[name] == content


def test_a_network_that_workers_cannot_have_is_told(
    movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = faulty.folder(tmp_path / "faults")
    faulty.plug_in(monkeypatch, faults)
    folder = _prepared(movie, tmp_path / "out")
    (faults / puppet.WEIGHTS.name).write_text("another one")
    with pytest.raises(ModelError, match=r"puppet\.txt: sha256 is"):
        crew.make_parts(movie, folder, range(PARTS), 2, lambda *_: None)


def test_a_progress_that_raises_ends_all_workers(
    movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    puppet.plug_in(monkeypatch)

    def progress(frames: int, faces: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crew.make_parts(movie, _prepared(movie, tmp_path), range(PARTS), 2, progress)


def test_one_part_needs_no_process(
    movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    puppet.plug_in(monkeypatch)
    folder = _prepared(movie, tmp_path)
    monkeypatch.setattr(crew, "_Crew", lambda *_: pytest.fail("a crew for one"))
    crew.make_parts(movie, folder, [2], 8, lambda *_: None)
    assert parts.has_part(folder, 2)


# --- the worker's side, in this process ---------------------------------------------------------


@pytest.fixture
def hearing() -> Iterator[None]:
    """Restores Ctrl-C: a worker ignores it, and in these tests runs in this process."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hearing")
def test_a_worker_makes_what_it_is_sent_and_tells_what_stops_it(
    movie: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    puppet.plug_in(monkeypatch)
    monkeypatch.setattr(crew, "TELL_SECONDS", 0)
    folder = _prepared(movie, tmp_path)
    ours, theirs = multiprocessing.Pipe()
    ours.send(2)
    ours.send(99)
    crew._work(movie, folder, registry.entries(), theirs)
    heard = list(_all(ours.poll, ours.recv))
    assert heard[-2] is None
    assert heard[-3] == max(heard[:-2]), "counts rise"
    assert isinstance(heard[-1], IndexError)
    assert "In a worker process:" in heard[-1].__notes__[0]
    assert _parts(folder) == {n: b for n, b in whole.items() if n.startswith("00002")}


def _all(there: Callable[[], bool], take: Callable[[], Any]) -> Iterator[Any]:
    while there():
        yield take()


@pytest.mark.usefixtures("hearing")
def test_a_worker_whose_program_is_gone_ends_quietly(
    movie: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    puppet.plug_in(monkeypatch)
    folder = _prepared(movie, tmp_path)
    ours, theirs = multiprocessing.Pipe()
    ours.close()
    crew._work(movie, folder, registry.entries(), theirs)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("count", [0, 1, 8, 9, 21])
def test_frames_are_decoded_some_at_a_time(count: int) -> None:
    taken, decoded = puppet.frames([Shot(count)])[:count], 0

    def decoding() -> Iterator[Frame]:
        nonlocal decoded
        for frame in taken:
            decoded += 1
            yield frame

    for number, frame in enumerate(crew.in_groups(decoding())):
        assert frame is taken[number]
        assert decoded == min(count, (number // crew.DECODED_AHEAD + 1) * crew.DECODED_AHEAD)
    assert decoded == count
