"""Page Mine: one run at a time, others queue; cancelled ones go on where they stopped."""

import io
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from pipeline import mine
from pipeline.errors import MovieError
from pipeline.live.read import Reader
from pipeline.settings import Job
from pipeline.web.app import WebSettings, create_app
from pipeline.web.jobs import Jobs
from pipeline.web.mining import Mining
from pipeline.web.safety import CSRF_HEADER, Policy
from tests.puppet import SETTINGS, Shot, Square, film, photo, plug_in
from tests.web.application import LIMIT, ORIGIN
from tests.web.test_stage import wait_for

SECONDS = 25


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds film.mkv, of three parts."""
    folder = tmp_path_factory.mktemp("movies")
    film(folder / "film.mkv", [Shot(5 * SECONDS, [Square("anna", "happy", x=40)])], rate=5)
    (folder / "broken.mkv").write_text("no movie")
    return folder


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    plug_in(monkeypatch)
    photo(tmp_path / "known" / "anna.png", "anna")
    return Job(walk=SETTINGS, known_faces=tmp_path / "known", output=tmp_path / "output")


@pytest.fixture
def runs() -> Iterator[Jobs]:
    found = Jobs()
    yield found
    found.close()


def state(runs: Jobs, number: int) -> str:
    return next(run.state for run in runs.all() if run.number == number)


class Gate:
    """In the place of `mine.mine`: runs until it is let go, telling its progress."""

    def __init__(self) -> None:
        self.begun, self.going = Event(), Event()
        self.movies: list[Path] = []

    def __call__(self, movie: Path, job: Job, progress: mine.StartProgress) -> list[Any]:
        self.movies.append(movie)
        tell = progress(100)
        tell(10, 3)
        self.begun.set()
        while not self.going.wait(0.005):
            tell(0, 0)
        tell(90, 7)
        return []


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    found = Gate()
    monkeypatch.setattr(mine, "mine", found)
    return found


# --- the queue ----------------------------------------------------------------------------------


def test_a_run_mines_the_movie(runs: Jobs, job: Job, videos: Path) -> None:
    run = runs.submit(Mining(videos / "film.mkv", job))
    wait_for(lambda: not runs.all()[0].active)
    done = runs.all()[0]
    assert (done.state, done.error, done.number) == ("done", "", run.number)
    assert (done.total, done.frames, done.faces) == (125, 125, 125)
    assert done.rate > 0
    assert [(o.person, o.emotion, o.steady) for o in done.outcomes] == [("anna", "happy", 125)]
    assert len(list((job.output / "film" / "anna" / "happy").glob("film_*.jpg"))) == 125


def test_one_runs_at_a_time_and_the_others_wait(runs: Jobs, job: Job, gate: Gate) -> None:
    for name in ("a", "b", "c"):
        runs.submit(Mining(Path(name), job))
    assert gate.begun.wait(10)
    assert [run.state for run in runs.all()] == ["waiting", "waiting", "running"]
    assert [run.frames for run in runs.all()] == [0, 0, 10]
    gate.going.set()
    wait_for(lambda: not any(run.active for run in runs.all()))
    assert gate.movies == [Path("a"), Path("b"), Path("c")]


def test_what_runs_can_be_cancelled_and_the_next_begins(runs: Jobs, job: Job, gate: Gate) -> None:
    first, second = runs.submit(Mining(Path("a"), job)), runs.submit(Mining(Path("b"), job))
    assert gate.begun.wait(10)
    runs.cancel(first.number)
    wait_for(lambda: state(runs, second.number) == "running")
    assert state(runs, first.number) == "cancelled"


def test_what_waits_can_be_cancelled(runs: Jobs, job: Job, gate: Gate) -> None:
    runs.submit(Mining(Path("a"), job))
    waiting = runs.submit(Mining(Path("b"), job))
    runs.cancel(waiting.number)
    last = runs.submit(Mining(Path("c"), job))
    gate.going.set()
    wait_for(lambda: state(runs, last.number) == "done")
    assert gate.movies == [Path("a"), Path("c")]


def test_what_is_over_is_not_cancelled(runs: Jobs, job: Job, gate: Gate) -> None:
    gate.going.set()
    run = runs.submit(Mining(Path("a"), job))
    wait_for(lambda: state(runs, run.number) == "done")
    runs.cancel(run.number)
    assert state(runs, run.number) == "done"


def test_a_cancelled_run_goes_on_with_its_parts(
    runs: Jobs, job: Job, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled in the second part: the first one is not walked again."""
    tell = Jobs._set

    def cancelling(self: Jobs, number: int, **changes: Any) -> None:
        if number == 0 and changes.get("frames", 0) > 70:
            self.cancel(number)
        tell(self, number, **changes)

    monkeypatch.setattr(Jobs, "_set", cancelling)
    first = runs.submit(Mining(videos / "film.mkv", job))
    wait_for(lambda: state(runs, first.number) == "cancelled" and runs._queue.empty())
    second = runs.again(first.number)
    wait_for(lambda: not runs.all()[0].active)
    assert state(runs, second.number) == "done"
    assert 0 < runs.all()[0].total < 125
    assert runs.all()[0].outcomes[0].steady == 125


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MovieError("a: no such movie"), "a: no such movie"),
        (ZeroDivisionError(), "stopped by a bug; the terminal tells more"),
    ],
)
def test_a_failure_is_told_and_the_next_run_begins(
    runs: Jobs, job: Job, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def failing(*_: object) -> list[Any]:
        raise error

    monkeypatch.setattr(mine, "mine", failing)
    first, second = runs.submit(Mining(Path("a"), job)), runs.submit(Mining(Path("b"), job))
    wait_for(lambda: not any(run.active for run in runs.all()))
    assert [(r.number, r.state, r.error) for r in runs.all()] == [
        (second.number, "failed", told), (first.number, "failed", told),
    ]  # fmt: skip


def test_there_is_no_run_of_another_number(runs: Jobs) -> None:
    with pytest.raises(KeyError):
        runs.cancel(7)


# --- the page -----------------------------------------------------------------------------------


@pytest.fixture
def app(reader: Reader, job: Job, videos: Path) -> FastAPI:
    settings = WebSettings(job, videos=videos, limit=LIMIT)
    return create_app(reader, settings, Policy(limit=LIMIT))


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    known = {"Origin": ORIGIN, CSRF_HEADER: app.state.policy.csrf}
    with TestClient(app, base_url=ORIGIN, headers=known, follow_redirects=False) as found:
        yield found


def test_the_page_offers_what_there_is(client: TestClient) -> None:
    text = client.get("/mine").text
    assert "<option>film.mkv</option>" in text
    assert 'name="person" value="anna"' in text
    assert 'name="person" value="unknown"' in text
    assert text.count('name="emotion"') == 7


def test_a_movie_is_mined_from_the_page(client: TestClient, job: Job) -> None:
    order = {"movie": "film.mkv", "person": ["anna"], "emotion": ["happy", "sad"], "repeat": "12"}
    answer = client.post("/mine", data=order)
    assert (answer.status_code, answer.headers["location"]) == (303, "/mine")
    wait_for(lambda: client.get("/api/runs").json()[0]["state"] == "done")
    text = client.get("/mine").text
    assert "anna · happy, sad · 12 frames" in text
    assert str(job.output / "film" / "anna" / "happy") in text


def test_faces_are_shown_as_they_come(
    client: TestClient, gate: Gate, job: Job, videos: Path
) -> None:
    mine.walk(videos / "film.mkv", job, lambda _: lambda *_: None)
    client.post("/mine", data={"movie": "film.mkv"})
    assert gate.begun.wait(10)
    text = client.get("/mine/runs").text
    assert '<progress max="100" value="10"' in text
    assert "10 of 100 frames" in text
    first = text.split('src="data:image/jpeg;base64,')[1].partition('"')[0]
    with Pillow.open(io.BytesIO(b64decode(first))) as picture:
        assert picture.size == (64, 64)
    assert client.post("/mine/0/cancel").status_code == 303
    wait_for(lambda: client.get("/api/runs").json()[0]["state"] == "cancelled")
    assert "Go on" in client.get("/mine/runs").text


def test_a_run_goes_on_from_the_page(client: TestClient, gate: Gate) -> None:
    client.post("/mine", data={"movie": "film.mkv"})
    client.post("/mine/0/cancel")
    assert client.post("/mine/0/again").status_code == 303
    gate.going.set()
    wait_for(lambda: client.get("/api/runs").json()[0]["state"] == "done")


def test_a_failure_is_told_on_the_page(client: TestClient) -> None:
    client.post("/mine", data={"movie": "broken.mkv"})
    wait_for(lambda: client.get("/api/runs").json()[0]["state"] == "failed")
    assert "cannot be read as a movie" in client.get("/mine").text


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"movie": "../film.mkv"}, 404),
        ({"movie": "/etc/passwd"}, 404),
        ({"movie": "film.mkv", "person": "nobody"}, 404),
        ({"movie": "film.mkv", "person": "../anna"}, 404),
        ({"movie": "film.mkv", "emotion": "angst"}, 422),
        ({"movie": "film.mkv", "repeat": "0"}, 422),
        ({"movie": "film.mkv", "repeat": "nan"}, 422),
        ({}, 422),
    ],
)
def test_only_what_is_offered_can_be_ordered(
    client: TestClient, order: dict[str, str], status: int
) -> None:
    assert client.post("/mine", data=order).status_code == status
    assert client.get("/api/runs").json() == []


def test_a_movie_is_added_and_offered(client: TestClient, videos: Path) -> None:
    data = (videos / "film.mkv").read_bytes()
    answer = client.post("/mine/movie", files={"movie": ("../x/Mein Film.MKV", data)})
    assert answer.status_code == 303
    (added,) = [path for path in videos.iterdir() if "Film" in path.name]
    assert added.suffix == ".mkv"
    assert added.read_bytes() == data
    assert f"<option>{added.name}</option>" in client.get("/mine").text
    again = client.post("/mine/movie", files={"movie": ("Mein Film.mkv", b"other")})
    assert again.status_code == 409
    assert added.read_bytes() == data
    added.unlink()


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.exe", b"MZ"), ("a.mp4", b"no movie"), ("a", b""), ("..", b""), ("a.m3u8", b"#EXTM3U")],
)
def test_what_is_no_movie_is_not_kept(
    client: TestClient, videos: Path, name: str, data: bytes
) -> None:
    before = sorted(videos.rglob("*"))
    answer = client.post("/mine/movie", files={"movie": (name, data)})
    assert answer.status_code == 415
    assert str(videos) not in answer.text
    assert sorted(videos.rglob("*")) == before


@pytest.mark.parametrize(("path", "status"), [("/mine/movie", 415), ("/api/photo", 413)])
def test_only_movies_may_be_large(client: TestClient, path: str, status: int) -> None:
    files = {"movie": ("a.mp4", bytes(2 * LIMIT)), "photo": ("a.png", b"")}
    assert client.post(path, files=files).status_code == status


def test_movies_end_at_a_limit_too(made: Callable[[Policy], FastAPI], job: Job) -> None:
    policy = Policy(limit=LIMIT, movie_limit=LIMIT)
    known = {"Origin": ORIGIN, CSRF_HEADER: policy.csrf}
    with TestClient(made(policy), base_url=ORIGIN, headers=known) as client:
        files = {"movie": ("a.mp4", bytes(2 * LIMIT))}
        assert client.post("/mine/movie", files=files).status_code == 413


@pytest.mark.parametrize("deed", ["cancel", "again"])
def test_there_is_no_other_run(client: TestClient, deed: str) -> None:
    assert client.post(f"/mine/7/{deed}").status_code == 404


def test_closing_the_server_stops_what_runs(
    made: Callable[[Policy], FastAPI], app: FastAPI, gate: Gate
) -> None:
    known = {"Origin": ORIGIN, CSRF_HEADER: app.state.policy.csrf}
    with TestClient(app, base_url=ORIGIN, headers=known) as client:
        client.post("/mine", data={"movie": "film.mkv"})
        assert gate.begun.wait(10)
    assert not gate.going.is_set()
