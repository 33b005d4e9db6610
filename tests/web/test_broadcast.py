"""Page Live: what is shown of a movie, by itself and over HTTP."""

import asyncio
import io
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from pipeline.errors import MovieError
from pipeline.live.reader import Reader
from pipeline.movie.camera import Movie
from pipeline.movie.frame import Frame
from pipeline.web import broadcast, live
from pipeline.web.broadcast import Broadcast, BroadcastFrame
from tests.support.pages import Opened
from tests.support.puppet import HEIGHT, SURE, WIDTH, Shot, Square, film

PATIENCE = 20


def wait_for(there: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not there():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


class Held(Movie):
    """A movie that stands still after its first frame, until it is let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.going, self.closed = False, False

    def frames(self) -> Iterator[Frame]:
        for frame in super().frames():
            yield frame
            while not self.going:
                time.sleep(0.005)
                yield frame

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def shown(reader: Reader) -> Iterator[Broadcast]:
    found = Broadcast(reader)
    yield found
    found.stop()


def test_the_newest_picture_is_shown_with_its_faces(shown: Broadcast, videos: Path) -> None:
    shown.play(lambda: Held(videos / "film.mkv"))
    wait_for(lambda: shown.scene.number > 0)
    scene = shown.scene
    assert (scene.source, scene.running, scene.error) == ("film.mkv", True, "")
    assert sorted((f.person, f.emotion) for f in scene.faces) == [("", "sad"), ("anna", "happy")]
    with Pillow.open(io.BytesIO(scene.picture)) as picture:
        assert picture.size == (WIDTH, HEIGHT)


def test_it_ends_with_the_movie_and_keeps_its_last_picture(shown: Broadcast, videos: Path) -> None:
    movie = Movie(videos / "film.mkv", now=lambda: 0.0, sleep=lambda _: None)
    shown.play(lambda: movie)
    wait_for(lambda: not shown.scene.running)
    assert shown.scene.source == "film.mkv"
    assert shown.scene.number == 50
    assert shown.scene.faces[0].probabilities["happy"] == pytest.approx(SURE)


def test_another_source_takes_the_place_of_the_first(shown: Broadcast, videos: Path) -> None:
    first, second = Held(videos / "film.mkv"), Held(videos / "film.mkv")
    shown.play(lambda: first)
    shown.play(lambda: second)
    assert first.closed
    assert not second.closed
    shown.stop()
    assert second.closed
    assert shown.scene == BroadcastFrame()


def test_what_nobody_looks_at_is_let_go(
    shown: Broadcast, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "UNWATCHED_SECONDS", 0.0)
    held = Held(videos / "film.mkv")
    shown.play(lambda: held)
    wait_for(lambda: held.closed)


def test_what_stands_in_the_way_is_told(shown: Broadcast, videos: Path) -> None:
    class Broken(Held):
        def frames(self) -> Iterator[Frame]:
            yield from ()
            raise MovieError("camera 0: gives no more pictures")

    shown.play(lambda: Broken(videos / "film.mkv"))
    wait_for(lambda: not shown.scene.running)
    assert shown.scene.error == "camera 0: gives no more pictures"


def test_a_bug_ends_the_stream_and_not_the_server(
    shown: Broadcast, videos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Buggy(Held):
        def frames(self) -> Iterator[Frame]:
            yield from ()
            raise ZeroDivisionError

    shown.play(lambda: Buggy(videos / "film.mkv"))
    wait_for(lambda: not shown.scene.running)
    assert "bug" in shown.scene.error
    assert "ZeroDivisionError" in caplog.text


def test_a_source_that_cannot_be_opened_leaves_nothing_on(shown: Broadcast, videos: Path) -> None:
    shown.play(lambda: Held(videos / "film.mkv"))
    with pytest.raises(MovieError):
        shown.play(lambda: Movie(videos / "broken.mkv"))
    assert shown.scene == BroadcastFrame()


def test_the_stream_is_a_part_a_picture(shown: Broadcast, videos: Path) -> None:
    held = Held(videos / "film.mkv")
    shown.play(lambda: held)
    held.going = True

    async def parts() -> list[bytes]:
        return [part async for part in shown.pictures()]

    with ThreadPoolExecutor(1) as apart:  # Playwright's loop may run in this thread.
        found = apart.submit(lambda: asyncio.run(parts())).result(PATIENCE)
    assert len(found) >= 2
    for part in found:
        head, _, body = part.partition(b"\r\n\r\n")
        assert head.startswith(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: ")
        assert int(head.rpartition(b" ")[2]) == len(body) - 2
        with Pillow.open(io.BytesIO(body)) as picture:
            assert np.asarray(picture).std() > 0


def test_a_stream_goes_on_with_another_source(shown: Broadcast, videos: Path) -> None:
    """Whose pictures are counted from one again."""
    first = Movie(videos / "film.mkv")
    second = Movie(videos / "film.mkv", now=lambda: 0.0, sleep=lambda _: None)
    seen: list[tuple[int, int]] = []

    async def watched() -> None:
        async for _ in shown.pictures():
            seen.append((shown.scene.play, shown.scene.number))  # noqa: PERF401 - Read meanwhile.

    with ThreadPoolExecutor(1) as apart:
        shown.play(lambda: first)
        watching = apart.submit(lambda: asyncio.run(watched()))
        wait_for(lambda: len(seen) > 5)
        shown.play(lambda: second)
        watching.result(PATIENCE)
    assert seen[-1] == (2, 50)


def test_a_long_wait_for_the_next_picture_is_ended(shown: Broadcast, videos: Path) -> None:
    waits = Event()
    woken: list[bool] = []

    class Gap(Movie):
        def delay(self, seconds: float) -> float:
            waits.set()
            return super().delay(seconds)

    movie = Gap(videos / "film.mkv", now=lambda: 0.0)
    movie._sleep = lambda seconds: woken.append(movie._closed.wait(PATIENCE if seconds else 0))
    shown.play(lambda: movie)
    assert waits.wait(PATIENCE)
    shown.stop()
    assert woken == [False, True]
    assert shown.scene == BroadcastFrame()


# --- over HTTP ----------------------------------------------------------------------------------


def test_only_movies_of_the_folder_can_be_chosen(client: TestClient) -> None:
    text = client.get("/live").text
    for name, there in (("film.mkv", True), ("notes.txt", False), (".hidden.mkv", False)):
        assert (f'<option value="{name}"' in text) == there


def test_a_file_whose_name_is_no_text_is_left_out(client: TestClient, videos: Path) -> None:
    odd = videos / os.fsdecode(b"b\xff.mkv")
    shutil.copy(videos / "film.mkv", odd)
    for page in ("/live", "/mine"):
        answer = client.get(page)
        assert answer.status_code == 200
        assert "film.mkv" in answer.text
    odd.unlink()


@pytest.mark.parametrize(
    "name", ["../videos/film.mkv", "/etc/passwd", "notes.txt", ".hidden.mkv", "film.mkv\0", ""]
)
def test_no_path_of_a_client_is_opened(
    client: TestClient, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "Movie", None)
    assert client.post("/live", data={"source": name}).status_code in (404, 422)


def test_a_movie_is_started_looked_at_and_stopped(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "Movie", Held)
    answer = client.post("/live", data={"source": "film.mkv"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/live")
    wait_for(lambda: bool(client.get("/api/live").json()["faces"]))
    assert client.get("/api/live").json()["running"]
    assert "anna" in client.get("/live/faces").text
    assert 'src="/live/stream"' in client.get("/live").text
    assert client.post("/live/stop").status_code == 303
    assert client.get("/api/live").json()["source"] == ""


def test_what_cannot_be_read_is_told(client: TestClient) -> None:
    answer = client.post("/live", data={"source": "broken.mkv"})
    assert answer.status_code == 409
    assert "not a playable movie, or damaged" in answer.text
    assert '<option value="film.mkv"' in answer.text


@pytest.mark.parametrize(
    ("path", "page"), [("/mine/movie", "/mine"), ("/mine/7/cancel", "/mine"), ("/none", "/")]
)
def test_what_went_wrong_leads_back_to_a_page(client: TestClient, path: str, page: str) -> None:
    answer = client.post(path)
    assert answer.status_code >= 400
    assert f'<a href="{page}">Back</a>' in answer.text


def test_without_a_camera_the_movies_are_named(client: TestClient) -> None:
    answer = client.post("/live", data={"source": "camera"})
    assert answer.status_code == 409
    assert "choose a movie under Watch</p>" in answer.text
    assert "mine-video live" not in answer.text
    assert '<option value="film.mkv"' in answer.text


def test_a_page_follows_what_begins_after_the_end(opened: Opened, videos: Path) -> None:
    """Opened before anything was watched, too; Stop is there while there is something to stop."""
    film(videos / "long.mkv", [Shot(1500, [Square("anna", "happy")])])
    idle, first, second = (opened("/live") for _ in range(3))
    for page, movie in ((first, "film.mkv"), (second, "long.mkv")):
        page.get_by_role("button", name="Stop").wait_for(state="hidden")
        page.locator("#source").select_option(movie)
        page.get_by_role("button", name="Start").click()
        page.get_by_role("button", name="Stop").wait_for()
        if page is first:
            page.get_by_text("film.mkv has ended").wait_for()
            page.get_by_role("button", name="Stop").wait_for(state="hidden")
    for page in (first, idle):
        page.get_by_text("long.mkv, ").wait_for()
        page.locator("#stream[src$='?play=2']").wait_for()
        page.get_by_role("button", name="Stop").wait_for()
        page.wait_for_function("document.getElementById('stream').naturalWidth > 0")
    second.get_by_role("button", name="Stop").click()
    first.locator("#stream").wait_for(state="hidden")
    (videos / "long.mkv").unlink()


def test_nothing_is_streamed_where_nothing_is_shown(client: TestClient) -> None:
    answer = client.get("/live/stream")
    assert answer.content == b""
    assert answer.headers["content-type"].startswith("multipart/x-mixed-replace")
