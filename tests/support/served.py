"""A web server of one folder, which counts what it sends and fails when told to."""

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Served:
    """A folder on the web.

    Attributes:
        folder: what is served.
        address: URL of the folder.
        sent: bytes of bodies so far.
        asked: first byte and one past the last of each range that was asked for.
        failures: so many of the next requests fail.
        ranges: whether it knows ranges.
        versions: whether it tells which version of a file it sends.
        status: what it answers whatever is asked for, if not 0.
        answers: how many requests it has answered.
    """

    folder: Path
    address: str = ""
    sent: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)
    failures: int = 0
    ranges: bool = True
    versions: bool = True
    status: int = 0
    answers: int = 0

    def forget(self) -> None:
        """Counts from 0 again."""
        self.sent = self.answers = 0
        self.asked.clear()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # Else each answer waits for the last one's receipt.

    def __init__(self, served: Served, *args: object) -> None:
        self._served = served
        super().__init__(*args)  # type: ignore[arg-type]

    def do_HEAD(self) -> None:
        self._give(head=True)

    def do_GET(self) -> None:
        self._give(head=False)

    def log_message(self, *args: object) -> None:
        """Says nothing."""

    def _give(self, *, head: bool) -> None:
        served = self._served
        path = served.folder / self.path.lstrip("/").partition("?")[0]
        served.answers += 1
        if served.status:
            self._answer(served.status)
        elif served.failures > 0 and not head:
            served.failures -= 1
            self._answer(503)
        elif path.is_dir():
            self._list(path, head=head)
        elif not path.is_file():
            self._answer(404)
        else:
            self._send(path, head=head)

    def _send(self, path: Path, *, head: bool) -> None:
        served, content = self._served, path.read_bytes()
        size, begin, stop = len(content), 0, len(content)
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked and served.ranges:
            begin, stop = int(asked[1]), min(int(asked[2]) + 1, size)
            served.asked.append((begin, stop))
        self.send_response(206 if asked and served.ranges else 200)
        if asked and served.ranges:
            self.send_header("Content-Range", f"bytes {begin}-{stop - 1}/{size}")
        if served.versions:
            self.send_header("ETag", f'"{path.stat().st_mtime_ns}"')
        self.send_header("Content-Length", str(stop - begin))
        self.end_headers()
        if not head:
            served.sent += stop - begin  # Before: who has it all may look at once.
            self.wfile.write(content[begin:stop])

    def _list(self, folder: Path, *, head: bool) -> None:
        """Sends a page of links, as web servers do of folders."""
        links = "".join(f'<a href="{p.name}">{p.name}</a>' for p in sorted(folder.iterdir()))
        page = f"<html><body>{links}</body></html>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if not head:
            self.wfile.write(page)

    def _answer(self, code: int) -> None:
        self.send_response(code)
        if 300 <= code < 400:
            self.send_header("Location", self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        """Says nothing of clients that have gone."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*args)  # type: ignore[arg-type]


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Serves a folder meanwhile."""
    state = Served(folder)
    with _Server(("127.0.0.1", 0), partial(_Handler, state)) as server:
        state.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield state
        server.shutdown()
