"""A pipe, a socket or a device in the place of a file: told or left out, and nothing waits for it.

Who unpacks or mounts a folder of others may have such a thing in it, and so may every shared disk.
"""

import ast
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline import files
from pipeline.errors import OutputError, TableError
from pipeline.settings import Job
from pipeline.web.queue_file import LOCK, QUEUE, QueueFile
from tests.support.processes import ROOT
from tests.support.program import Program, beside

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows keeps pipes in no folder")

PATIENCE = 20
"""Seconds; the slowest call takes one."""


@pytest.fixture(autouse=True)
def in_time() -> Iterator[Callable[[], None]]:
    """Ends what waits for ever, by an error; the time begins anew when it is called."""

    def ring(*_: object) -> None:
        pytest.fail("waits for ever")

    before = signal.signal(signal.SIGALRM, ring)

    def begin() -> None:
        signal.alarm(PATIENCE)

    begin()
    yield begin
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def listening(path: Path) -> None:
    """Puts a socket there; its whole path may be too long for one."""
    here = Path.cwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(here)


KINDS: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "socket": listening,
    "device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.fixture(params=KINDS)
def put(request: pytest.FixtureRequest) -> Callable[[Path], Path]:
    """Puts something that is no file in a place, instead of what is there."""

    def instead(path: Path) -> Path:
        path.unlink(missing_ok=True)
        KINDS[request.param](path)
        return path

    return instead


def test_what_is_no_file_is_not_opened(tmp_path: Path, put: Callable[[Path], Path]) -> None:
    path = put(tmp_path / "labels.csv")
    with pytest.raises(OSError, match="not a file, but a pipe, a socket or a device") as caught:
        files.content(path)
    assert str(path) in str(caught.value)
    with pytest.raises(TableError, match=r"labels\.csv: cannot be read \(not a file"):
        files.read_bytes(path)


def test_a_file_is_opened_and_a_folder_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"bytes")
    (tmp_path / "b").symlink_to("a")
    assert files.content(tmp_path / "a") == files.content(tmp_path / "b") == b"bytes"
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        files.content(tmp_path)
    with pytest.raises(FileNotFoundError):
        files.content(tmp_path / "none")


def test_what_takes_the_place_of_a_file_before_it_is_opened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(Path, "stat", lambda path: os.stat(tmp_path / "file"))  # noqa: PTH116
    with pytest.raises(OSError, match="not a file"):
        files.open_file(tmp_path / "pipe")


@pytest.mark.parametrize("name", [".lock", ".lock-holder"])
def test_no_lock_is_written_into_it(tmp_path: Path, name: str, put: Callable[[Path], Path]) -> None:
    path = put(tmp_path / name)
    with pytest.raises(OutputError, match=name), files.locked(tmp_path):
        pass
    assert os.path.lexists(path)


def test_who_holds_a_lock_is_not_asked_of_it(tmp_path: Path, put: Callable[[Path], Path]) -> None:
    assert "another process is writing" in files._holder_message(put(tmp_path / ".lock-holder"))


def test_what_is_written_takes_its_place(tmp_path: Path, put: Callable[[Path], Path]) -> None:
    path = tmp_path / "faces.csv"
    for place in (path, files.beside(path)):
        put(place)
        with files.replacing(path) as file:
            file.write(b"rows")
        assert (path.read_bytes(), path.is_symlink()) == (b"rows", False)
        assert [left.name for left in tmp_path.iterdir()] == ["faces.csv"]


def test_the_queue_is_replaced_and_its_lock_refused(
    tmp_path: Path, put: Callable[[Path], Path], caplog: pytest.LogCaptureFixture
) -> None:
    queue = QueueFile(Job(output=tmp_path), tmp_path)
    put(tmp_path / QUEUE)
    with queue.held():
        assert queue.read() == []
        queue.write([])
    assert not os.path.lexists(tmp_path / QUEUE)
    put(tmp_path / LOCK)
    with queue.held():
        assert queue.read() == []
    assert f"{LOCK}: " in caplog.text
    assert "wait are forgotten" in caplog.text


# --- every file, every command ------------------------------------------------------------------

ANNA = ("--person", "anna", "--emotion", "happy", "--smooth", "1")
WALK = ("walk", "movie.mkv", "--workers", "1")
COMMANDS: tuple[tuple[str, ...], ...] = (
    WALK,
    ("status", "output"),
    ("name", "output/movie"),
    ("pick", "output/movie", *ANNA, "--subtitles", "movie.srt"),
    ("report", "output/movie"),
    ("cast", "output/movie"),
    ("judge", "output/movie", "--truth", "labels.csv"),
    ("judge", "output/movie", "--sample", "5"),
    ("annotate", "output/movie"),
    ("export", "output/movie", *ANNA, "--edl", "--clips"),
    ("search", "output", *ANNA, "--pick", "found"),
    ("dataset", "output/movie", *ANNA, "--to", "faces", "--min-size", "9", "--format", "coco"),
    ("table", "output", "--to", "all.csv"),
    ("stats", "output"),
)  # fmt: skip

SUBTITLES = "1\n00:00:00,000 --> 00:00:00,500\nHello\n"
LABELS = "clip,person,first,last,emotion\nmovie.mkv,anna,0,29,happy\n"

KEPT = ("failed.txt", "parts/000000.csv", "cast.csv", "labels.csv", ".lock", ".lock-holder")
"""Files that a movie's folder may have, and lacks here."""


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    found = beside(tmp_path, "movie.mkv", monkeypatch, capsys)
    (tmp_path / "movie.srt").write_text(SUBTITLES)
    (tmp_path / "labels.csv").write_text(LABELS)
    return found


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_command_waits_whatever_file_is_none(
    program: Program, tmp_path: Path, in_time: Callable[[], None], figure: Callable[[str], None]
) -> None:
    for args in COMMANDS:
        in_time()
        ran = program(*args)
        assert ran.code == 0, f"{args}: {ran.err}"
    made = {p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file()}
    places = made | {Path("output/movie", name) for name in KEPT}
    seen: dict[str, Path] = {}  # One crop stands for all in its folder.
    for place in sorted(places):
        seen.setdefault(f"{place.parent}/*.jpg" if place.suffix == ".jpg" else str(place), place)
    original = tmp_path.with_name("original")
    tmp_path.rename(original)
    said = 0
    for place in seen.values():
        for args in COMMANDS:
            in_time()
            shutil.rmtree(tmp_path, ignore_errors=True)
            shutil.copytree(original, tmp_path)
            os.chdir(tmp_path)
            place.unlink(missing_ok=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.mkfifo(place)
            ran = program(*args)
            assert ran.code in (0, 1), f"{place}, {args}: {ran.err}"
            said += ran.code
    figure(f"{len(seen)} pipes, {len(COMMANDS)} commands each: {said} refusals, none waits")


# --- every reader -------------------------------------------------------------------------------

BY_NAME = frozenset({"fromfile", "imread", "load_model"})
"""Calls of libraries that open a file themselves."""

OPENED = frozenset({"file", "data", "io.BytesIO(data)", "io.BytesIO(jpeg)"})
"""What `Pillow.open` and `pd.read_csv` are given."""

EXEMPT = {
    "files.py": "opens files, and what it wrote",
    "archive/index.py": "a file of the package",
    "movie/remote.py": "a URL",
    "models/emotion.py": "by Keras, after `sha256` opened it",
    "train/backend.py": "by Keras, as above",
    "train/fool.py": "a picture that it has just written",
}


def opens_by_name(call: ast.Call) -> bool:
    """Whether a call opens a file by its name, to read it."""
    if not isinstance(call.func, ast.Attribute):
        return False
    name, first = call.func.attr, call.args[0] if call.args else None
    if name == "read_csv" or ast.unparse(call.func) == "Pillow.open":
        return first is None or ast.unparse(first) not in OPENED
    if name == "open":
        mode = first.value if isinstance(first, ast.Constant) else None
        return first is None or str(mode).startswith("r")
    whole = name in ("read_bytes", "read_text") and not ast.unparse(call).startswith("files.")
    return whole or name in BY_NAME


@pytest.mark.parametrize(
    ("code", "opens"),
    [
        ("path.open()", True), ("path.open('rb')", True), ("path.open(newline='')", True),
        ("path.read_text('utf-8')", True), ("path.read_bytes()", True), ("pd.read_csv(path)", True),
        ("Pillow.open(path)", True), ("np.fromfile(path)", True),
        ("path.open('xb')", False), ("files.read_bytes(path)", False), ("bundle.open(name)", False),
        ("Pillow.open(file)", False), ("pd.read_csv(file)", False),
    ],
)  # fmt: skip
def test_a_call_that_opens_by_name_is_known(code: str, opens: bool) -> None:
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call)
    assert opens_by_name(call) is opens


def test_all_readers_open_files_by_the_one_piece_that_refuses_others() -> None:
    folder, found = ROOT / "pipeline", set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and opens_by_name(node):
                found.add((path.relative_to(folder).as_posix(), ast.unparse(node)))
    assert {module for module, _ in found} == EXEMPT.keys(), sorted(found)
