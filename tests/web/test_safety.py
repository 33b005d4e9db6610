"""Who is let in, and who is not: each check by itself, and on every route that changes things."""

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pipeline import __version__
from pipeline.live.reader import Reader
from pipeline.settings import Job
from pipeline.web import label, live, safety
from pipeline.web.app import WebSettings, create_app
from pipeline.web.safety import CSRF_FIELD, CSRF_HEADER, HEADERS, SAFE, Policy
from pipeline.web.sessions import Sessions
from tests.support.application import HOST, LIMIT, ORIGIN, let_in


@pytest.fixture(scope="module")
def made(
    reader: Reader, videos: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Policy], FastAPI]:
    """Makes the application of a policy, over an empty folder."""
    place = tmp_path_factory.mktemp("safe")
    job = Job(known_faces=place / "known", output=place / "output")
    return lambda policy: create_app(reader, WebSettings(job, videos, limit=LIMIT), policy)


@pytest.fixture(scope="module")
def app(made: Callable[[Policy], FastAPI]) -> FastAPI:
    """One for all tests: none changes what it shows."""
    return made(Policy(limit=LIMIT))


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of all routes, read from the description that clients are given."""
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            yield method.upper(), path


def changes(app: FastAPI) -> list[tuple[str, str]]:
    found = [(method, path) for method, path in routes(app) if method not in SAFE]
    assert len(found) >= 8
    return found


# --- Host ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "10.0.0.1"])
def test_another_host_is_refused(client: TestClient, host: str) -> None:
    """A name that was pointed at this computer is not this computer's."""
    assert client.get("/", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000"])
def test_the_computers_own_names_are_let_in(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


def test_two_hosts_are_refused(client: TestClient) -> None:
    answer = client.get("/", headers=[("Host", HOST), ("Host", "evil.example")])
    assert answer.status_code == 421


# --- Origin and CSRF ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", f"{ORIGIN}.evil.example", "http://127.0.0.1:8001"]
)
def test_no_change_comes_from_another_page(client: TestClient, app: FastAPI, origin: str) -> None:
    for method, path in changes(app):
        assert client.request(method, path, headers={"Origin": origin}).status_code == 403


def test_no_change_comes_from_nowhere(stranger: TestClient, app: FastAPI) -> None:
    known = {CSRF_HEADER: app.state.policy.csrf}
    for method, path in changes(app):
        assert stranger.request(method, path, headers=known).status_code == 403


@pytest.mark.parametrize("token", [None, "", "guessed", "é"])
def test_no_change_without_the_csrf_token(
    stranger: TestClient, app: FastAPI, token: str | None
) -> None:
    """In a whole and well-formed request, so that nothing else refuses it."""
    form = {"source": "camera"} | ({} if token is None else {CSRF_FIELD: token})
    for method, path in changes(app):
        files = {"photo": ("a.png", b"", "image/png"), "movie": ("a.mp4", b"", "video/mp4")}
        answer = stranger.request(method, path, headers={"Origin": ORIGIN}, data=form, files=files)
        assert answer.status_code == 403


def test_a_form_may_bring_the_token(stranger: TestClient, app: FastAPI) -> None:
    form = {CSRF_FIELD: app.state.policy.csrf}
    answer = stranger.post("/live/stop", headers={"Origin": ORIGIN}, data=form)
    assert answer.status_code == 303


def test_every_page_brings_the_token(client: TestClient, app: FastAPI) -> None:
    for path in ("/", "/live", "/mine"):
        text = client.get(path).text
        assert text.count("<form") == text.count(f'value="{app.state.policy.csrf}"') >= 1


def test_two_servers_have_two_tokens() -> None:
    assert Policy().csrf != Policy().csrf


def test_what_is_only_read_needs_no_csrf_token(stranger: TestClient) -> None:
    assert stranger.get("/api/live").status_code == 200


# --- what browsers say of the page that asks ------------------------------------------------------

FROM_ELSEWHERE = [
    pytest.param("cross-site", "no-cors", "image", 403, id="an image of another site"),
    pytest.param("same-site", "no-cors", "image", 403, id="of another port of this computer"),
    pytest.param("cross-site", "navigate", "iframe", 403, id="a frame"),
    pytest.param("cross-site", "navigate", "document", 200, id="a link"),
    pytest.param("none", "navigate", "document", 200, id="typed"),
    pytest.param("same-origin", "cors", "empty", 200, id="our own page"),
]


@pytest.mark.parametrize(("site", "mode", "dest", "status"), FROM_ELSEWHERE)
def test_other_pages_read_nothing(
    client: TestClient, app: FastAPI, site: str, mode: str, dest: str, status: int
) -> None:
    said = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    assert client.get("/", headers=said).status_code == status
    if status == 403:
        for method, path in [*routes(app), ("GET", "/static/web.css"), ("GET", "/live/stream")]:
            assert client.request(method, path, headers=said).status_code == 403


def test_other_pages_change_nothing_by_a_link(client: TestClient) -> None:
    said = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    answer = client.post("/live/stop", headers={**said, "Sec-Fetch-Dest": "document"})
    assert answer.status_code == 403


def test_other_pages_do_not_keep_the_camera_running(client: TestClient, app: FastAPI) -> None:
    said = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    before = app.state.stage._looked
    for path in ("/live/stream", "/live/faces", "/api/live"):
        assert client.get(path, headers={**said, "Sec-Fetch-Dest": "image"}).status_code == 403
    assert app.state.stage._looked == before


# --- the token ----------------------------------------------------------------------------------


@pytest.fixture(
    scope="module", params=[("127.0.0.1", ORIGIN), ("0.0.0.0", "http://192.168.1.7:8000")]
)
def entrance(
    made: Callable[[Policy], FastAPI], request: pytest.FixtureRequest
) -> tuple[FastAPI, str]:
    """An application of this computer alone, or on the network, and its address."""
    host, origin = request.param
    return made(Policy(host, LIMIT)), origin


@pytest.fixture
def outside(entrance: tuple[FastAPI, str]) -> Iterator[tuple[TestClient, Policy]]:
    """A client without a cookie: of another user of this computer, or on the network."""
    app, origin = entrance
    policy = app.state.policy
    own = {"Origin": origin, CSRF_HEADER: policy.csrf}
    with TestClient(app, base_url=origin, headers=own, follow_redirects=False) as found:
        yield found, policy


def test_nothing_is_shown_without_the_token(outside: tuple[TestClient, Policy]) -> None:
    client, policy = outside
    app = client.app
    assert isinstance(app, FastAPI)
    for method, path in [*routes(app), ("GET", "/static/web.css"), ("GET", "/live/stream")]:
        assert client.request(method, path).status_code == 401
    for wrong in ("", "guessed", policy.token[:-1], "é"):
        assert client.get("/", params={"token": wrong}).status_code == 401
        for value in (repr(wrong), policy.token):  # The address's secret is nobody's cookie.
            cookie = {"Cookie": f"{policy.cookie}={value}".encode()}
            assert client.get("/", headers=cookie).status_code == 401  # type: ignore[arg-type]


def test_the_token_becomes_a_cookie_and_leaves_the_address(
    outside: tuple[TestClient, Policy],
) -> None:
    client, policy = outside
    answer = client.get("/", params={"token": policy.token})
    assert (answer.status_code, answer.headers["refresh"]) == (200, "0; url=/mine")
    cookie = answer.headers["set-cookie"].lower()
    assert policy.token.lower() not in cookie
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/").status_code == 200
    assert client.get("/", params={"token": policy.token}).headers["refresh"] == "0; url=/mine"
    assert client.get("/", params={"token": "old"}).status_code == 200
    assert client.post("/live/stop").status_code == 303


def test_each_browser_has_a_secret_of_its_own_which_ends(
    made: Callable[[Policy], FastAPI],
) -> None:
    now = [0.0]
    policy = Policy(limit=LIMIT, sessions=Sessions(60, lambda: now[0]))
    one, two = let_in(policy), let_in(policy)
    with TestClient(made(policy), base_url=ORIGIN) as client:
        now[0] = 59.0
        assert client.get("/", headers=one).status_code == 200
        policy.sessions.end(one["Cookie"].partition("=")[2])
        assert client.get("/", headers=one).status_code == 401
        assert client.get("/", headers=two).status_code == 200
        now[0] = 60.0
        assert client.get("/", headers=two).status_code == 401


def test_who_logs_out_must_bring_the_token_again(
    client: TestClient, stranger: TestClient, app: FastAPI
) -> None:
    answer = client.post("/logout")
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f'{app.state.policy.cookie}="";')
    assert "Max-Age=0" in cookie
    assert client.get("/").status_code == 401, "also with the cookie that was deleted"
    assert stranger.get("/").status_code == 200, "other browsers stay"


def test_with_https_the_cookie_is_sent_by_it_alone(made: Callable[[Policy], FastAPI]) -> None:
    policy = Policy(limit=LIMIT, public_name="faces.example", secure=True)
    with TestClient(made(policy), base_url="https://faces.example:8000") as client:
        answer = client.get("/", params={"token": policy.token})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-mine-video-")
        assert {"Secure", "Path=/", "HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
        assert "max-age" in client.get("/").headers["strict-transport-security"]
        assert client.get("/", headers={"Host": "other.example"}).status_code == 421


@pytest.mark.parametrize("before", ['prefs={"a":1}; ', "=; ", "a b=c; ", "mine-video-0=x; "])
def test_cookies_of_other_servers_are_in_nobodys_way(
    outside: tuple[TestClient, Policy], before: str
) -> None:
    """Browsers send those of all servers of a computer, whatever their port."""
    client, policy = outside
    cookie = before + let_in(policy)["Cookie"]
    assert client.get("/", headers={"Cookie": cookie}).status_code == 200


def test_a_token_in_the_address_changes_nothing(outside: tuple[TestClient, Policy]) -> None:
    client, policy = outside
    assert client.post("/live/stop", params={"token": policy.token}).status_code == 401


def test_names_stay_refused(outside: tuple[TestClient, Policy]) -> None:
    client, _ = outside
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 421


# --- sizes and headers --------------------------------------------------------------------------


def test_a_body_that_says_it_is_too_large_is_not_read(client: TestClient) -> None:
    head = {"Content-Length": str(LIMIT + 1), "Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/api/photo", headers=head, content=iter([b""]))
    assert answer.status_code == 413


def test_a_body_that_does_not_say_is_counted(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\n\r\n'
        for _ in range(2 * LIMIT // 10_000):
            yield bytes(10_000)

    head = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/api/photo", headers=head, content=chunks())
    assert answer.status_code == 413
    assert "0.3 MB" in answer.json()["detail"]


def test_a_body_that_never_ends_does(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "BODY_SECONDS", 0.2)
    begin = time.monotonic()

    async def ask() -> int:
        sent: list[Any] = []
        head = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
        pieces = chain([head], repeat(b"x"))

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0.05)
            return {"type": "http.request", "body": next(pieces), "more_body": True}

        async def send(message: Any) -> None:
            sent.append(message)

        own = {name.lower(): value for name, value in client.headers.items()}
        own |= {"host": HOST, "content-type": "multipart/form-data; boundary=x"}
        headers = [(name.encode(), value.encode()) for name, value in own.items()]
        scope = {
            "type": "http", "method": "POST", "path": "/api/photo", "query_string": b"",
            "headers": headers, "http_version": "1.1", "scheme": "http", "raw_path": b"/api/photo",
            "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
        }  # fmt: skip
        await client.app(scope, receive, send)
        return int(sent[0]["status"])

    assert asyncio.run(ask()) == 408
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/live", 200), ("/static/web.css", 200), ("/api/live", 200), ("/none", 404)],
)
def test_every_answer_is_marked(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert HEADERS.items() <= dict_of(answer.headers).items()


@pytest.mark.parametrize("charset", ["utf-7", "raw_unicode_escape"])
def test_what_is_no_text_is_no_token(stranger: TestClient, charset: str) -> None:
    """Half a character, as only odd encodings can write it."""
    half = {"utf-7": "+2AA-", "raw_unicode_escape": "\\ud800"}[charset]
    form = f'--x\r\nContent-Disposition: form-data; name="{CSRF_FIELD}"\r\n\r\n{half}\r\n--x--\r\n'
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    answer = stranger.post(
        "/live/stop", headers={"Origin": ORIGIN, "Content-Type": kind}, content=form
    )
    assert answer.status_code == 403


def test_a_bug_is_an_answer_as_others_are(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live, "playable_movies", None)
    answer = client.get("/live")
    assert answer.status_code == 500
    assert HEADERS.items() <= dict_of(answer.headers).items()
    assert "NoneType" not in answer.text
    assert "Please report it" in answer.text
    assert f"mine-video {__version__}, GET /live" in answer.text
    assert '<nav aria-label="Pages">' in answer.text
    assert "this is a bug" in caplog.text
    monkeypatch.setattr(label, "movie_folder", None)
    assert "Please report it" in client.get("/api/label/film").json()["detail"]


def dict_of(headers: object) -> dict[str, str]:
    """Headers by the names that `HEADERS` writes."""
    return {name: headers[name] for name in HEADERS}  # type: ignore[index]


def test_refusals_are_marked_too(client: TestClient) -> None:
    answer = client.get("/", headers={"Host": "evil.example"})
    assert HEADERS.items() <= dict_of(answer.headers).items()


def test_pages_load_nothing_from_elsewhere_and_run_no_inline_script(client: TestClient) -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for path in ("/", "/live", "/mine"):
        text = client.get(path).text
        assert "style=" not in text
        assert "http://" not in text
        assert "https://" not in text


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/static/report/..%2f..%2ferrors.py"],
)
def test_only_static_files_are_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
