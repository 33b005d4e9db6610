"""Movies at their own speed, and cameras: dropped frames and messages."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest

from pipeline.errors import MovieError
from pipeline.movie import camera, decode
from pipeline.movie.camera import Camera, Movie, paced
from pipeline.movie.frame import Frame, RgbFrame
from tests.support import movies
from tests.support.puppet import Shot, film

RATE = 10


class Clock:
    """A clock that only advances when the test waits or works."""

    def __init__(self) -> None:
        self.time = 100.0
        self.waited = 0.0

    def __call__(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.time += seconds
        self.waited += seconds


def frames(count: int, rate: float = RATE) -> Iterator[RgbFrame]:
    for n in range(count):
        yield RgbFrame(n, 5 + n / rate, np.zeros((4, 4, 3), np.uint8))


def shown(count: int, work: Callable[[int], float]) -> tuple[list[int], list[float]]:
    """The indices that `paced` yields, and how late each is, if frame n takes `work(n)` seconds."""
    clock = Clock()
    begin, indices, late = clock.time - 5, [], []
    for frame in paced(frames(count), clock, clock.sleep):
        indices.append(frame.index)
        late.append(clock.time - begin - frame.time)
        clock.time += work(frame.index)
    return indices, late


# --- movies -------------------------------------------------------------------------------------


def test_who_is_quick_sees_every_frame_in_time() -> None:
    indices, late = shown(30, lambda _: 0.05)
    assert indices == list(range(30))
    assert late == pytest.approx([0] * 30)


def test_frames_for_which_there_is_no_time_are_dropped() -> None:
    """Each frame takes as long as two and a half are shown; none is more than one behind."""
    indices, late = shown(30, lambda _: 0.25)
    assert indices[:5] == [0, 2, 5, 7, 10]
    assert max(late) < 0.1


def test_one_slow_frame_costs_only_those_within() -> None:
    indices, _ = shown(30, lambda n: 1.0 if n == 3 else 0.0)
    assert indices == [0, 1, 2, 3, *range(13, 30)]


def test_the_last_frame_is_given_however_late() -> None:
    assert shown(5, lambda _: 100.0)[0] == [0, 4]


def test_no_frames_are_no_frames() -> None:
    assert shown(0, lambda _: 0.0) == ([], [])


def test_a_movie_plays_as_long_as_it_is(tmp_path: Path) -> None:
    clock = Clock()
    movie = Movie(film(tmp_path / "a.mkv", [Shot(50)]), clock, clock.sleep)
    assert [frame.index for frame in movie.frames()] == list(range(50))
    assert clock.waited == pytest.approx(49 / 25)
    assert movie.delay(49 / 25) == pytest.approx(0)
    assert (movie.name, movie.size) == ("a.mkv", (160, 128))


def test_closing_a_movie_ends_a_wait_within_it(tmp_path: Path) -> None:
    """The second frame is due after an hour."""
    movie = Movie(film(tmp_path / "a.mkv", [Shot(2)]))
    waits = Event()
    played = (RgbFrame(i, 3600.0 * i, np.zeros((1, 1, 3), np.uint8)) for i in range(2))

    def frames(*_: Any) -> Iterator[Frame]:
        yield next(played)
        waits.set()
        yield from played

    seen: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "decode_frames", frames)
        thread = Thread(target=lambda: seen.extend(f.index for f in movie.frames()))
        thread.start()
        assert waits.wait(5)
        movie.close()
        thread.join(5)
    assert not thread.is_alive()
    assert seen == [0]


@pytest.mark.parametrize(
    ("seconds", "moment"), [(0, "00:00:00"), (59.99, "00:00:59"), (3723.5, "01:02:03")]
)
def test_moments_of_a_movie_are_its_own(tmp_path: Path, seconds: float, moment: str) -> None:
    assert Movie(film(tmp_path / "a.mkv", [Shot(1)])).moment(seconds) == moment


def test_a_movie_of_several_streams_plays_the_default_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = (film(tmp_path / f"{n}.mkv", [Shot(n)]) for n in (5, 9))
    path = movies.tracks(tmp_path / "a.mkv", one, two, default=1)
    clock = Clock()
    assert len(list(Movie(path, clock, clock.sleep).frames())) == 9
    (record,) = caplog.records
    assert f"{path}: has 2 video streams; number 1 is used, the default" in record.getMessage()


def test_a_movie_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(MovieError, match="no such movie"):
        Movie(tmp_path / "none.mp4")


# --- cameras ------------------------------------------------------------------------------------


class Capture:
    """Stands in for OpenCV: gives pictures as the test allows."""

    opened: ClassVar[list["Capture"]] = []
    pictures = 0
    there = True

    def __init__(self, *address: Any) -> None:
        self.address, self.given, self.released = address, 0, Event()
        Capture.opened.append(self)

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name.
        return self.there

    def read(self) -> tuple[bool, Any]:
        if self.given >= self.pictures:
            return False, None
        self.given += 1
        return True, np.full((6, 8, 3), (self.given, 0, 200), np.uint8)

    def release(self) -> None:
        self.released.set()


@pytest.fixture
def capture(monkeypatch: pytest.MonkeyPatch) -> type[Capture]:
    class Fresh(Capture):
        opened: ClassVar[list["Capture"]] = []

    Capture.opened = Fresh.opened
    monkeypatch.setattr(cv2, "VideoCapture", Fresh)
    return Fresh


def test_a_camera_gives_rgb_and_ends_with_a_message(capture: type[Capture]) -> None:
    capture.pictures = 3
    found = Camera("1")
    assert capture.opened[0].address == (1,)
    assert found.size == (8, 6)
    seen: list[Frame] = []
    with pytest.raises(MovieError, match="camera 1: sends no more pictures"):
        seen.extend(found.frames())
    assert seen[-1].image[0, 0].tolist() == [200, 0, 3]
    assert [f.index for f in seen] == sorted({f.index for f in seen})
    assert capture.opened[0].released.wait(5)


def test_only_the_newest_picture_of_a_camera_is_given(
    capture: type[Capture], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine more frames arrive while one is analysed; the next one given is the last of them."""
    go, done = Event(), Event()

    def read(self: Capture) -> tuple[bool, Any]:
        self.given += 1
        if self.given == 2:
            go.wait()
        if self.given == 11:
            done.set()
            Event().wait(0.2)  # The tenth stays the newest for a while.
        return True, np.full((6, 8, 3), min(self.given, 255), np.uint8)

    monkeypatch.setattr(capture, "read", read)
    found = Camera("0")
    pictures = found.frames()
    assert next(pictures).index == 0
    go.set()
    assert done.wait(5)
    assert next(pictures).index == 9
    found.close()
    assert capture.opened[0].released.is_set()


def test_a_camera_that_falls_silent_is_given_up(
    capture: type[Capture], monkeypatch: pytest.MonkeyPatch
) -> None:
    go = Event()

    def read(self: Capture) -> tuple[bool, Any]:
        self.given += 1
        if self.given > 1:
            go.wait()
        return self.given == 1, np.zeros((6, 8, 3), np.uint8)

    monkeypatch.setattr(capture, "read", read)
    monkeypatch.setattr(camera, "SILENCE", 0.01)
    found = Camera("0")
    pictures = found.frames()
    next(pictures)
    with pytest.raises(MovieError, match="no more pictures"):
        next(pictures)
    go.set()


def test_without_a_camera_the_recorded_way_is_named(
    capture: type[Capture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "there", False)
    with pytest.raises(MovieError, match=r"camera 0: no such camera; .*--source movie.mp4"):
        Camera("0")


def test_a_camera_without_pictures_is_let_go(capture: type[Capture]) -> None:
    capture.pictures = 0
    with pytest.raises(MovieError, match=r"sends no picture; .*--source movie.mp4"):
        Camera("0")
    assert capture.opened[0].released.is_set()


def test_a_network_camera_is_opened_and_its_password_kept(capture: type[Capture]) -> None:
    capture.pictures = 1
    found = Camera("rtsp://me:secret@door/1?pin=42")
    assert capture.opened[0].address[0] == "rtsp://me:secret@door/1?pin=42"
    assert found.name == "camera rtsp://door/1"
    found.close()


@pytest.mark.parametrize(
    "address",
    [
        "movie.mp4",
        "/dev/video0",
        "-1",
        "file:///etc/passwd",
        "",
        "http://[::1",
        "99999999999",
        "rtsp://me:sec/ret@door/1",
        "rtsp://me:sec#ret@door/1",
        "rtsp://door:port/1",
    ],
)
def test_what_is_no_camera_is_refused(capture: type[Capture], address: str) -> None:
    with pytest.raises(MovieError, match="neither a number") as caught:
        Camera(address)
    assert "sec" not in str(caught.value).partition(":")[2].partition("neither")[0]
    assert capture.opened == []


def test_moments_of_a_camera_are_those_of_the_day(capture: type[Capture]) -> None:
    capture.pictures = 1
    found = Camera("0")
    before = time.localtime()
    assert found.moment(0) in {
        time.strftime("%H:%M:%S", t) for t in (before, time.localtime(time.time() - 1))
    }
    found.close()
