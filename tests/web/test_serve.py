"""The server, from the command line."""

import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPCookieProcessor

import pytest
import uvicorn
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.cli.options import cores
from pipeline.errors import MovieError, OutputError
from pipeline.settings import Job
from pipeline.web import serve as module
from pipeline.web.app import WebSettings
from pipeline.web.safety import Policy
from pipeline.web.serve import Listening, serve
from tests.support.puppet import SETTINGS, Shot, Square, film, plug_in
from tests.web.test_broadcast import PATIENCE, wait_for


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WebSettings:
    plug_in(monkeypatch)
    return WebSettings(Job(walk=SETTINGS, known_faces=tmp_path / "nobody"), tmp_path / "videos")


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Listening:
    own = "certified" in request.fixturenames
    return request.getfixturevalue("certified") if own else Listening(port=0)


Served = Callable[[str, Callable[[str], None]], None]


@pytest.fixture
def served(settings: WebSettings, place: Listening, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Serves at a host, in a thread, while something is asked of the printed address."""
    servers: list[uvicorn.Server] = []

    class Kept(module.Server):
        def __init__(self, config: uvicorn.Config) -> None:
            super().__init__(config)
            servers.append(self)

    monkeypatch.setattr(module, "Server", Kept)

    def run(host: str, ask: Callable[[str], None]) -> None:
        said: Queue[str] = Queue()
        thread = Thread(target=serve, args=(settings, replace(place, host=host), 1, said.put))
        thread.start()
        try:
            ask(said.get(timeout=PATIENCE))
        finally:
            wait_for(lambda: bool(servers))
            servers[0].should_exit = True
            thread.join()

    return run


def entered(address: str) -> tuple[str, urllib.request.OpenerDirector]:
    """Brings the token of a printed address, and keeps the cookie; also the address without it."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(address) as answer:
        assert answer.status == 200
    return address.partition("?")[0], opener


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_printed_address_holds_the_token(served: Served, host: str) -> None:
    def ask(address: str) -> None:
        found = re.fullmatch(r"(http://[\d.]+:\d+/)\?token=[\w-]{43}", address)
        assert found is not None
        with pytest.raises(HTTPError, match="401"):
            urllib.request.urlopen(found[1])
        pages, opener = entered(address)
        with opener.open(pages) as answer:
            assert b"<h1>Photo</h1>" in answer.read()
            assert "server" not in answer.headers

    served(host, ask)


@pytest.fixture
def certified(tmp_path: Path) -> Listening:
    """A place with a certificate of its own for localhost."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    place = Listening(port=0, certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    call = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    files = ["-keyout", str(place.key), "-out", str(place.certificate)]
    subprocess.run([*call.split(), *files], check=True, capture_output=True)
    return replace(place, public_name="localhost")


def test_a_certificate_makes_it_https(
    settings: WebSettings, certified: Listening, served: Served
) -> None:
    def ask(address: str) -> None:
        assert address.startswith("https://localhost:")
        trusting = ssl.create_default_context(cafile=certified.certificate)
        jar = urllib.request.HTTPCookieProcessor()
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trusting), jar)
        with opener.open(address) as answer:
            assert answer.status == 200
        with opener.open(address.partition("?")[0]) as answer:
            assert b"<h1>Photo</h1>" in answer.read()
        assert [(c.name[:7], c.secure) for c in jar.cookiejar] == [("__Host-", True)]
        # Each cipher has forward secrecy and authenticated encryption, as Python's all have.
        trusting.maximum_version = ssl.TLSVersion.TLSv1_2
        trusting.set_ciphers("AES128-SHA:ECDHE+SHA1:@SECLEVEL=0")
        with pytest.raises(URLError):
            urllib.request.urlopen(address, context=trusting)

    served("127.0.0.1", ask)


@pytest.mark.parametrize("kind", ["certificate", "key"])
def test_a_certificate_that_is_none_is_told(
    settings: WebSettings, certified: Listening, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "none.pem").write_text("no PEM")
    none = tmp_path / "none.pem"
    wrong = replace(certified, certificate=none) if kind != "key" else replace(certified, key=none)
    with pytest.raises(OutputError, match=r"cannot be used for HTTPS .*private key without"):
        serve(settings, wrong, 1, print)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--cert", __file__), "--cert and --key need each other"),
        (("--public-name", "https://a.example"), "leave out https://"),
    ],
)
def test_options_of_https_that_do_not_fit_are_told(options: tuple[str, ...], words: str) -> None:
    result = CliRunner().invoke(main, ["web", *options])
    assert result.exit_code == 2
    assert words in result.output


def test_connections_that_ask_for_nothing_are_closed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would keep everybody else out; a stream, of which more is to come, stays open."""
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.05)

    def ask(address: str) -> None:
        host, port = urlsplit(address).hostname, urlsplit(address).port
        for begun in (b"", b"GET / HTTP/1.1\r\nHost: 127"):
            with socket.create_connection((host, port), timeout=PATIENCE) as idle:
                idle.sendall(begun)
                assert idle.recv(1) == b""
        with urllib.request.urlopen(address) as answer:
            assert answer.status == 200

    served("127.0.0.1", ask)


def test_an_upload_that_the_end_of_the_server_breaks_off_is_no_bug(
    served: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.2)
    sockets: list[socket.socket] = []

    def ask(address: str) -> None:
        pages, opener = entered(address)
        with opener.open(pages) as page:
            csrf = re.search(r'name="csrf" value="([^"]+)"', page.read().decode())
        assert csrf is not None
        handlers = opener.handlers  # type: ignore[attr-defined]
        jar = next(h for h in handlers if isinstance(h, HTTPCookieProcessor)).cookiejar
        (cookie,) = jar
        parts = urlsplit(pages)
        head = (
            f"POST /api/photo HTTP/1.1\r\nHost: {parts.netloc}\r\nOrigin: {pages.rstrip('/')}\r\n"
            f"Cookie: {cookie.name}={cookie.value}\r\nX-CSRF-Token: {csrf[1]}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000\r\n\r\n--x\r\n"
        )
        sockets.append(socket.create_connection((parts.hostname, parts.port)))
        sockets[0].sendall(head.encode())
        time.sleep(0.3)  # Until it waits for the rest.

    served("127.0.0.1", ask)
    with sockets[0] as upload:
        assert upload.recv(100).startswith(b"HTTP/1.1 503")
    assert [record for record in caplog.records if record.exc_info] == []


def streaming(address: str) -> tuple[Any, Callable[[str, str], None]]:
    """Plays a movie; gives its stream, and what posts a form in the browser that watches it."""
    pages, opener = entered(address)
    with opener.open(pages) as page:
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.read().decode())
    assert csrf is not None

    def post(path: str, form: str) -> None:
        own, sent = {"Origin": pages.rstrip("/")}, f"{form}&csrf={csrf[1]}".encode()
        opener.open(urllib.request.Request(f"{pages}{path}", sent, own)).close()

    post("live", "source=film.mkv")
    stream = opener.open(f"{pages}live/stream")
    assert stream.read(7) == b"--frame"
    return stream, post


def test_an_open_stream_ends_when_its_browser_logs_out(
    served: Served, settings: WebSettings
) -> None:
    """Or whoever comes to the browser later would see the camera in another tab."""
    film(settings.videos / "film.mkv", [Shot(2000, [Square("anna", "happy")])])

    def ask(address: str) -> None:
        stream, post = streaming(address)
        post("logout", "")
        assert stream.read().endswith(b"\r\n")
        with pytest.raises(HTTPError, match="401"):
            post("live/stop", "")
        with entered(address)[1].open(f"{address.partition('?')[0]}api/live") as answer:
            assert b'"running":true' in answer.read(), "it was not the movie that ended"

    served("127.0.0.1", ask)


def test_an_open_stream_ends_with_the_server(
    served: Served, settings: WebSettings, caplog: pytest.LogCaptureFixture
) -> None:
    film(settings.videos / "film.mkv", [Shot(2000, [Square("anna", "happy")])])
    streams = []
    served("127.0.0.1", lambda address: streams.append(streaming(address)[0]))
    streams[0].read()  # It ends, and is whole.
    streams[0].close()
    assert caplog.records == []


def test_a_camera_that_can_be_none_is_told_at_once(settings: WebSettings) -> None:
    with pytest.raises(MovieError, match="neither a number"):
        serve(replace(settings, camera="front door"), Listening(port=0), 1, print)


def test_where_there_is_no_network_the_address_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ELSEWHERE", "no address")
    assert module.reached("0.0.0.0") == "0.0.0.0"


def test_a_taken_port_is_told(settings: WebSettings) -> None:
    with module._listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(OutputError, match=rf"127.0.0.1, port {port}: .*another --port"):
            serve(settings, Listening(port=port), 1, print)


def test_an_address_of_ipv6_is_written_as_browsers_want_it() -> None:
    class Listener:
        def getsockname(self) -> tuple[str, int, int, int]:
            return "::1", 80, 0, 0

    assert module.address(Listener(), Policy(token="t")) == "http://[::1]:80/?token=t"  # type: ignore[arg-type]


def test_the_command_passes_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(module, "serve", lambda *args: given.extend(args))
    options = ["--host", "::1", "--port", "0", "--videos", "films", "--max-upload", "5"]
    result = CliRunner().invoke(main, ["web", *options, "--tolerance", "0.5"])
    assert result.exit_code == 0, result.output
    settings, place, _, _ = given
    assert place == Listening("::1", 0)
    assert (settings.videos, settings.limit) == (Path("films"), 5_000_000)
    assert settings.job.tolerance == 0.5
    assert settings.job.workers == cores()


def test_a_missing_folder_of_movies_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "serve", lambda *_: None)
    result = CliRunner().invoke(main, ["web", "--videos", str(tmp_path / "nope")])
    assert result.exit_code == 0
    assert "nope/ here, so there are no movies to choose from" in result.stderr


def test_a_name_is_no_address() -> None:
    result = CliRunner().invoke(main, ["web", "--host", "example.com"])
    assert result.exit_code == 2
    assert "give one of this computer, such as 127.0.0.1" in result.output


@pytest.mark.parametrize("package", ["fastapi", "python_multipart", "uvicorn"])
def test_without_the_extra_the_way_to_it_is_told(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    result = CliRunner().invoke(main, ["web"])
    assert result.exit_code == 1
    assert "pip install 'mine-video[web]'" in result.output
