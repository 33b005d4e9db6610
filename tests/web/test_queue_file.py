"""queue.json: what waited when the server died is told by the next one, and begins when asked."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pipeline import mine
from pipeline.live.reader import Reader
from pipeline.web import mine as mining
from pipeline.web.app import WebSettings, create_app
from pipeline.web.queue_file import DAMAGED, LOCK, MOST_QUEUE_BYTES, QUEUE
from pipeline.web.safety import CSRF_HEADER, Policy
from tests.support.application import LIMIT, ORIGIN, trusted
from tests.support.processes import begin, until
from tests.support.puppet import Shot, Square, film, photo

ORDER = {"movie": "film.mkv", "person": ["anna"], "emotion": ["happy"], "repeat": 3, "sure": 0.5}


@pytest.fixture
def settings(settings: WebSettings) -> WebSettings:
    """Anna has a photo, so that she can be ordered."""
    photo(settings.job.known_faces / "anna.png", "anna")
    return settings


@pytest.fixture
def going(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Runs end when it is set."""
    found = Event()

    def held(*given: Any) -> list[Any]:
        tell = given[2](100)
        while not found.wait(0.005):
            tell(0, 0)
        return []

    monkeypatch.setattr(mine, "mine", held)
    monkeypatch.setattr(mining, "finished_frames", lambda work, left: 0)  # There is no walk.
    yield found
    found.set()


@pytest.fixture
def queue(settings: WebSettings) -> Path:
    """Where the list is; its folder exists."""
    settings.job.output.mkdir()
    return settings.job.output / QUEUE


@contextmanager
def server(reader: Reader, settings: WebSettings) -> Iterator[TestClient]:
    """A browser at a new server."""
    policy = Policy(limit=LIMIT)
    app: FastAPI = create_app(reader, settings, policy)
    page = trusted(policy)
    with TestClient(app, base_url=ORIGIN, headers=page, follow_redirects=False) as client:
        yield client


def states(client: TestClient) -> list[str]:
    return [run["state"] for run in client.get("/api/runs").json()]


def listed(queue: Path) -> list[dict[str, Any]]:
    return list(json.loads(queue.read_text())) if queue.exists() else []


# --- what is kept -------------------------------------------------------------------------------


def test_what_is_unfinished_is_listed_and_what_has_ended_is_not(
    reader: Reader, settings: WebSettings, queue: Path, going: Event
) -> None:
    with server(reader, settings) as client:
        for number in range(3):
            client.post("/mine", data=ORDER | {"repeat": number + 1})
        assert [order["repeat"] for order in listed(queue)] == [1, 2, 3]
        assert listed(queue)[2] == ORDER
        client.post("/mine/1/cancel")
        assert [order["repeat"] for order in listed(queue)] == [1, 3]
        going.set()
        assert until(lambda: states(client) == ["done", "cancelled", "done"])
        assert until(lambda: not queue.exists())


def test_a_server_that_ends_keeps_what_was_unfinished(
    reader: Reader, settings: WebSettings, queue: Path, going: Event
) -> None:
    """It begins when it is asked for, is listed until then, and is asked for once."""
    with server(reader, settings) as client:
        for number in range(2):
            client.post("/mine", data=ORDER | {"repeat": number + 1})
    assert len(listed(queue)) == 2
    with server(reader, settings) as client:
        assert states(client) == ["stopped", "stopped"]
        text = client.get("/mine").text
        assert text.count("The program ended before this run did") == 2
        assert "anna · happy · holding for 2 frames · sure 0.5" in text
        assert 'aria-label="Continue: film.mkv"' in text
        client.post("/mine/1/again")
        assert until(lambda: sorted(states(client)) == ["running", "stopped"])
        assert len(listed(queue)) == 2
        client.post("/mine", data=ORDER | {"repeat": 1})
        assert states(client) == ["waiting", "running"], "it is that which was stopped"
        going.set()
        assert until(lambda: states(client) == ["done", "done"])
        assert until(lambda: not queue.exists())


def test_what_was_stopped_can_be_given_up(
    reader: Reader, settings: WebSettings, queue: Path, going: Event
) -> None:
    queue.write_text(json.dumps([ORDER]))
    with server(reader, settings) as client:
        assert 'aria-label="Cancel: film.mkv"' in client.get("/mine").text
        client.post("/mine/0/cancel")
        assert states(client) == ["cancelled"]
        assert not queue.exists()


def test_where_nothing_was_mined_nothing_is_left(reader: Reader, settings: WebSettings) -> None:
    with server(reader, settings):
        pass
    assert not settings.job.output.exists()


# --- a list of others ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[", b"{}", b"\xff", b"[1]", b'[{"movie": 1}]', b'[{"repeat": 0}]',
        b'[{"sure": NaN}]', b'[{"emotion": ["angst"]}]', b"[" * 100_000,
        b"[" + b" " * MOST_QUEUE_BYTES + b"]",
    ],
)  # fmt: skip
def test_a_damaged_list_is_set_aside(
    reader: Reader,
    settings: WebSettings,
    queue: Path,
    caplog: pytest.LogCaptureFixture,
    text: bytes,
) -> None:
    queue.write_bytes(text)
    with server(reader, settings) as client:
        assert states(client) == []
    (line,) = caplog.messages
    assert line.startswith(f"{queue}: damaged")
    assert DAMAGED in line
    assert not queue.exists()
    assert queue.with_name(DAMAGED).read_bytes() == text


@pytest.mark.parametrize(
    "order",
    [
        {"movie": "gone.mkv"}, {"movie": "../film.mkv"}, {"movie": "/etc/passwd"}, {},
        {"movie": "http://user:secret@host/a.mkv"}, {"movie": "film.mkv", "person": ["../x"]},
    ],
)  # fmt: skip
def test_names_that_are_not_there_are_told_and_no_paths(
    reader: Reader,
    settings: WebSettings,
    queue: Path,
    caplog: pytest.LogCaptureFixture,
    order: dict[str, Any],
) -> None:
    queue.write_text(json.dumps([order, ORDER]))
    with server(reader, settings) as client:
        assert states(client) == ["stopped"]
    (line,) = caplog.messages
    assert "no longer there" in line
    assert "secret" not in line
    assert [made["movie"] for made in listed(queue)] == ["film.mkv"]


@pytest.mark.parametrize("name", [QUEUE, LOCK])
def test_no_link_is_written_through(
    reader: Reader, settings: WebSettings, queue: Path, tmp_path: Path, going: Event, name: str
) -> None:
    diary = tmp_path / "diary"
    diary.write_text("dear diary")
    (queue.parent / name).symlink_to(diary)
    with server(reader, settings) as client:
        client.post("/mine", data=ORDER)
    assert diary.read_text() == "dear diary"


# --- where it cannot be kept ----------------------------------------------------------------------


def test_a_second_server_keeps_no_list(
    reader: Reader,
    settings: WebSettings,
    queue: Path,
    going: Event,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What waits in the first one is not unfinished, and its list stays as it is."""
    with server(reader, settings) as first:
        first.post("/mine", data=ORDER)
        before = queue.read_bytes()
        with server(reader, settings) as second:
            assert states(second) == []
            second.post("/mine", data=ORDER | {"repeat": 9})
            assert queue.read_bytes() == before
        assert "another mine-video web keeps its list of runs there" in caplog.text
        assert queue.read_bytes() == before


def test_what_cannot_be_written_stops_no_work(
    reader: Reader,
    settings: WebSettings,
    queue: Path,
    going: Event,
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue.mkdir()
    with server(reader, settings) as client:
        client.post("/mine", data=ORDER)
        assert until(lambda: states(client) == ["running"])
        assert f"{queue}: cannot be written" in caplog.text
        going.set()
        assert until(lambda: states(client) == ["done"])


def test_an_output_that_is_a_file_is_told(
    reader: Reader, settings: WebSettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.job.output.write_text("no folder")
    with server(reader, settings) as client:
        assert states(client) == []
    assert f"{settings.job.output}: cannot be written" in caplog.text


# --- killed ---------------------------------------------------------------------------------------


class Browser:
    """A browser that was let in by a server in a process of its own."""

    def __init__(self, address: str) -> None:
        self.address = address.partition("?")[0]
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        self._opener.open(address).close()
        found = re.search(r'name="csrf" value="([^"]+)"', self.get("mine"))
        assert found is not None
        self._own = {"Origin": self.address.rstrip("/"), CSRF_HEADER: found[1]}

    def get(self, path: str) -> str:
        with self._opener.open(self.address + path) as answer:
            return str(answer.read().decode())

    def post(self, path: str, form: str = "") -> None:
        asked = urllib.request.Request(self.address + path, form.encode(), self._own)
        self._opener.open(asked).close()

    def states(self) -> list[str]:
        return [run["state"] for run in json.loads(self.get("api/runs"))]


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Callable[[], tuple["subprocess.Popen[str]", Browser]]]:
    """Begins a server in a process of its own, in a folder with two movies."""
    photo(tmp_path / "known_faces" / "anna.png", "anna")
    for name in ("a.mkv", "b.mkv"):
        film(tmp_path / "videos" / name, [Shot(5, [Square("anna", "happy")])])
    programs: list[subprocess.Popen[str]] = []

    def run() -> tuple["subprocess.Popen[str]", Browser]:
        call = (sys.executable, "-m", "tests.support.held_server", "web", "--port", "0")
        programs.append(begin(*call, folder=tmp_path))
        assert programs[-1].stdout is not None
        return programs[-1], Browser(programs[-1].stdout.readline().strip())

    yield run
    for program in programs:
        program.kill()
        program.communicate()


@pytest.mark.e2e
@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
def test_what_a_killed_server_had_waiting_goes_on_when_asked(
    begun: Callable[[], tuple["subprocess.Popen[str]", Browser]],
) -> None:
    program, browser = begun()
    browser.post("mine", "movie=a.mkv&emotion=happy")
    browser.post("mine", "movie=b.mkv&person=anna")
    assert until(lambda: browser.states() == ["waiting", "running"])
    program.send_signal(signal.SIGKILL)
    program.wait()
    _, browser = begun()
    assert browser.states() == ["stopped", "stopped"]
    text = browser.get("mine")
    assert text.index("<bdi>b.mkv</bdi>: stopped") < text.index("<bdi>a.mkv</bdi>: stopped")
    browser.post("mine/1/again")
    assert until(lambda: browser.states() == ["running", "stopped"])
    assert "<bdi>b.mkv</bdi>: running" in browser.get("mine/runs")
