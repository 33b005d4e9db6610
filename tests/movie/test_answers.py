"""Web servers that send what was not asked for: little of it is read, and each is told."""

import gzip
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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


stopped = threading.Event()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(remote, "BLOCK_BYTES", ASKED)
    monkeypatch.setattr(remote, "PAUSE", 0)
    remote._blocks.cache_clear()
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
        Url(f"{web}/endless.json").read_text()  # type: ignore[unused-ignore]
    assert _Hostile.sent < BUFFERS


def test_who_sends_for_ever_is_left(web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then keeps a connection alive; the whole answer has a time."""
    monkeypatch.setattr(answers, "RANGE_SECONDS", 0.5)
    answers.web_options.cache_clear()
    begin = time.monotonic()
    try:
        with (
            pytest.raises(MovieError, match="too slow, or stopped to answer"),
            Ranges(Url(f"{web}/slow.mp4")) as file,
        ):
            file.read(10)
    finally:
        answers.web_options.cache_clear()
    assert time.monotonic() - begin < 20
