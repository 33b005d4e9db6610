"""The application with puppet networks, and what asks it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pipeline.live.reader import Reader
from pipeline.people import gallery
from pipeline.settings import Job
from pipeline.web.app import WebSettings, create_app
from pipeline.web.safety import CSRF_HEADER, Policy
from tests.support import puppet
from tests.support.puppet import Shot, Square, film, photo
from tests.support.reviewed import Table, copied

HOST = "127.0.0.1:8000"
ORIGIN = f"http://{HOST}"
LIMIT = 300_000


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Knows anna."""
    folder = tmp_path_factory.mktemp("known")
    photo(folder / "anna.png", "anna")
    known = gallery.embed_gallery(folder, puppet.models())
    return Reader(puppet.models(), known, puppet.SETTINGS, puppet.TOLERANCES)


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds film.mkv, of 2 s: anna is happy beside ben, who is sad."""
    folder = tmp_path_factory.mktemp("videos")
    squares = [Square("anna", "happy", x=30), Square("ben", "sad", x=100)]
    film(folder / "film.mkv", [Shot(50, squares)])
    (folder / "notes.txt").write_text("no movie")
    (folder / ".hidden.mkv").write_text("")
    (folder / "broken.mkv").write_text("no movie either")
    return folder


@pytest.fixture
def settings(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WebSettings:
    puppet.plug_in(monkeypatch)
    job = Job(
        walk=puppet.SETTINGS, known_faces=tmp_path / "known", output=tmp_path / "output"
    )  # fmt: skip
    return WebSettings(job, videos, limit=LIMIT)


@pytest.fixture
def made(reader: Reader, settings: WebSettings) -> Callable[[Policy], FastAPI]:
    """Makes the application of a policy."""
    return lambda policy: create_app(reader, settings, policy)


@pytest.fixture
def app(made: Callable[[Policy], FastAPI]) -> FastAPI:
    return made(Policy(limit=LIMIT))


@pytest.fixture
def app_of_table(reader: Reader, table_of: Table) -> FastAPI:
    """The application over a picked movie; a module imports it as `app`."""
    return app_over(table_of, reader)


def app_over(table: Table, reader: Reader) -> FastAPI:
    settings = WebSettings(table.job, videos=table.folder.parent, limit=LIMIT)
    return create_app(reader, settings, Policy(limit=LIMIT))


def let_in(policy: Policy) -> dict[str, str]:
    """The headers of a browser that brought the token."""
    return {"Cookie": f"{policy.cookie}={policy.sessions.begin()}"}


def trusted(policy: Policy, origin: str = ORIGIN) -> dict[str, str]:
    """The headers of a page of ours: it also knows the CSRF token, and says where it is from."""
    return {"Origin": origin, CSRF_HEADER: policy.csrf} | let_in(policy)


@contextmanager
def browsing(app: FastAPI) -> Iterator[TestClient]:
    """A browser with a page of ours."""
    page = trusted(app.state.policy)
    with TestClient(app, base_url=ORIGIN, headers=page, follow_redirects=False) as found:
        yield found


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """See `browsing`."""
    with browsing(app) as found:
        yield found


@pytest.fixture(scope="module")
def shown_table(picked_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Table:
    """A picked movie that all tests of a module look at, and none changes."""
    return copied(picked_once, tmp_path_factory.mktemp("shown"))


@pytest.fixture(scope="module")
def reading(shown_table: Table, reader: Reader) -> Iterator[TestClient]:
    """A page of ours that shows it: an application takes 50 ms to make, most requests 2."""
    with pytest.MonkeyPatch.context() as patch:
        puppet.plug_in(patch)
        with browsing(app_over(shown_table, reader)) as found:
            yield found


@pytest.fixture
def stranger(app: FastAPI) -> Iterator[TestClient]:
    """A browser that is let in, with a page that knows nothing."""
    with TestClient(
        app, base_url=ORIGIN, headers=let_in(app.state.policy), follow_redirects=False
    ) as found:
        yield found


@pytest.fixture
def nobody(app: FastAPI) -> Iterator[TestClient]:
    """Something that did not bring the token, such as another user of this computer."""
    with TestClient(app, base_url=ORIGIN, follow_redirects=False) as found:
        yield found
