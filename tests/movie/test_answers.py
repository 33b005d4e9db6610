"""Web servers that send what was not asked for: little of it is read, and each is told."""

import gzip
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import SimpleNamespace

import pytest

from pipeline.errors import MovieError
from pipeline.movie import remote
from pipeline.movie.remote import Ranges, Url

pytest.importorskip("fsspec", reason="needs the extra `cluster`")
pytest.importorskip("aiohttp", reason="needs the extra `cluster`")
from pipeline.movie import answers

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

SIZE = 1 << 30
"""What each movie says to be long, in bytes."""

ASKED = 1 << 16
BUFFERS = 16 << 20
"""Bytes that sockets may take before anybody reads."""


class _Hostile(BaseHTTPRequestHandler):
    """Each path is another way to answer."""

    protocol_version = "HTTP/1.1"
    sent = 0
    encodings: list[str]

    def log_message(self, *args: object) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(SIZE))
        self.send_header("ETag", "1")
        self.end_headers()

    def do_GET(self) -> None:
        type(self).encodings.append(self.headers.get("Accept-Encoding", ""))
        first, last = self.headers.get("Range", "bytes=0-0").removeprefix("bytes=").split("-")
        getattr(self, self.path.strip("/").partition(".")[0])(int(first), int(last))
        self.close_connection = True

    def _begin(self, status: int, given: str, **headers: str) -> None:
        self.send_response(status)
        if given:
            self.send_header("Content-Range", given)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()

    def _pour(self) -> None:
        try:
            while type(self).sent < SIZE:
                type(self).sent += self.wfile.write(bytes(1 << 20))
        except OSError:  # The client has gone.
            return

    def endless(self, first: int, last: int) -> None:
        self._begin(206, f"bytes {first}-{last}/{SIZE}")
        self._pour()

    def whole(self, first: int, last: int) -> None:
        self._begin(200, "")
        self._pour()

    def other(self, first: int, last: int) -> None:
        self._begin(206, f"bytes {first + 1}-{last + 1}/{SIZE}")
        self.wfile.write(bytes(last + 1 - first))

    def bomb(self, first: int, last: int) -> None:
        body = gzip.compress(bytes(64 << 20), 9)
        self._begin(206, f"bytes {first}-{last}/{SIZE}", Content_Encoding="gzip")
        self.wfile.write(body)

    def slow(self, first: int, last: int) -> None:
        self._begin(206, f"bytes {first}-{last}/{SIZE}")
        try:
            while not stopped.wait(0.05):
                self.wfile.write(b"x")
                self.wfile.flush()
        except OSError:
            return

    def waiting(self, first: int, last: int) -> None:
        """Says again and again that it is at work."""
        try:
            while not stopped.wait(0.05):
                self.send_response_only(102)
                self.end_headers()
        except OSError:
            return

    def right(self, first: int, last: int) -> None:
        self._begin(206, f"bytes {first}-{last}/{SIZE}")
        self.wfile.write(bytes(last + 1 - first))


stopped = threading.Event()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(remote, "BLOCK_BYTES", ASKED)
    monkeypatch.setattr(remote, "PAUSE", 0)
    remote._blocks.cache_clear()
    remote._patience.cache_clear()
    _Hostile.sent, _Hostile.encodings = 0, []
    stopped.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hostile) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        stopped.set()
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("endless", "sends more than the 65,536 bytes that were wanted"),
        ("whole", "sends more than the 65,536 bytes that were wanted.*does not support ranges"),
        ("other", r"sends another range \('bytes 1-65536/1073741824'\) than bytes 0-65535"),
        ("bomb", r"sends its answer compressed \(gzip\), which was not asked for"),
    ],
)
def test_no_more_is_read_than_was_asked_for(path: str, words: str, web: str) -> None:
    with pytest.raises(MovieError, match=words) as caught, Ranges(Url(f"{web}/{path}.mp4")) as file:
        file.read(10)
    assert str(caught.value).endswith("put it on another server, or copy it here")
    assert _Hostile.sent < BUFFERS
    assert _Hostile.encodings == ["identity"], "asked once: it would answer so again"


def test_a_list_without_end_is_not_read_to_its_end(
    web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MOST_PAGE_BYTES", ASKED)
    with pytest.raises(OSError, match="sends more than"):
        Url(f"{web}/endless.json").read_bytes()
    assert _Hostile.sent < BUFFERS


@pytest.mark.parametrize("path", ["slow", "waiting"])
def test_who_answers_for_ever_is_left(path: str, web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte, or another status, now and then keeps a connection alive; all of it has a time."""
    monkeypatch.setattr(answers, "RANGE_SECONDS", 0.5)
    answers.web_options.cache_clear()
    begin = time.monotonic()
    try:
        with (
            pytest.raises(MovieError, match="too slow, or stopped to answer"),
            Ranges(Url(f"{web}/{path}.mp4")) as file,
        ):
            file.read(10)
    finally:
        answers.web_options.cache_clear()
    assert time.monotonic() - begin < 20


# --- the time of a whole movie ------------------------------------------------------------------


@pytest.fixture
def slow(web: str, monkeypatch: pytest.MonkeyPatch) -> Url:
    """A movie whose every answer takes a second by the clock, and which may take five in all."""
    ticks = count()
    clock = SimpleNamespace(monotonic=lambda: float(next(ticks)), sleep=lambda seconds: None)
    monkeypatch.setattr(remote, "time", clock)
    monkeypatch.setattr(remote, "WAIT", 5.0)
    monkeypatch.setattr(remote, "SLOWEST", 1 << 40)
    return Url(f"{web}/right.mp4")


def blocks_until_refused(movie: Url, most: int = 20) -> int:
    """Reads blocks of a movie, one after the other, and says how many came."""
    remote._blocks.cache_clear()
    with Ranges(movie) as file:
        for n in range(most):
            try:
                file.read(ASKED)
            except MovieError:
                return n
    return most


def test_a_movie_whose_every_answer_is_late_ends(slow: Url) -> None:
    """Each answer is in time, and all of them together are not; another walk begins anew."""
    assert [blocks_until_refused(slow) for _ in range(2)] == [5, 5]


def test_the_message_says_how_long_it_was_and_what_to_do(
    slow: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "WAIT", 0.0)
    with pytest.raises(MovieError) as caught, Ranges(slow) as file:
        file.read(10)
    assert str(caught.value) == (
        f"{slow}: its server kept the program waiting for 1 seconds in all, and what it sent earns "
        "0; put it on another server, or copy it here"
    )


def test_what_a_server_sends_earns_it_time(slow: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "SLOWEST", ASKED)  # A second a block.
    assert blocks_until_refused(slow) == 20


def test_however_much_it_sends_it_ends(slow: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "SLOWEST", 1)
    monkeypatch.setattr(remote, "LONGEST_WAIT", 7.0)
    assert blocks_until_refused(slow) == 7


def test_after_a_pause_it_is_another_walk(slow: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FORGIVEN", 0.5)
    assert blocks_until_refused(slow) == 20
