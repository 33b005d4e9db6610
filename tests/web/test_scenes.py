"""Whole frames and sound from the movie itself; never from elsewhere, and never of another file."""

import io
import time
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from pipeline.disk import manifest
from pipeline.errors import MovieError, TableError
from pipeline.movie.decode import decode_frames
from pipeline.movie.scan import Scan, scan_movie
from pipeline.movie.stream import fingerprint
from pipeline.report.panel import colour
from pipeline.settings import Job, WalkSettings
from pipeline.web import scenes
from pipeline.web.scenes import LONGEST_SOUND, Scenes
from tests.support.application import app_of_table as app
from tests.support.reels import Voice, flashing, nearest, onsets, write_reel
from tests.support.reviewed import Table, picked_once, table_of
from tests.support.served import Served, served
from tests.support.walks import moved

__all__ = ["app", "picked_once", "table_of"]

PLACE = "/api/review/talk/anna/happy"


def walked(folder: Path, movie: Path) -> Path:
    """The folder of a walk of a movie."""
    scan, settings = scan_movie(movie), WalkSettings()
    spans = ((0, len(scan)),)
    walk = manifest.Manifest(movie, fingerprint(movie), settings, {}, scan, spans)
    manifest.write(folder, walk)
    return folder


@pytest.fixture
def reel(tmp_path: Path) -> Path:
    """A walk of two seconds: at one second a picture flashes, and the sound beeps."""
    voice = Voice(rate=48_000, layout="mono", beeps=(1.0,))
    movie = write_reel(tmp_path / "reel.mkv", flashing(50, [25]), [voice])
    return walked(tmp_path / "output" / "reel", movie)


def crop(frame: int, *box: float, emotion: str = "happy") -> dict[str, str]:
    sides = dict(zip(("x1", "y1", "x2", "y2"), map(str, box), strict=True))
    return {"frame": str(frame), "emotion": emotion} | sides


def opened(data: bytes) -> Any:
    with Pillow.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"), np.int16)


def samples(data: bytes) -> tuple[Any, int]:
    with wave.open(io.BytesIO(data)) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return frames.reshape(-1, file.getnchannels()), file.getframerate()


@pytest.mark.parametrize("frame", [0, 24, 25, 26, 49])
def test_a_still_is_the_very_frame_with_a_box_around_the_face(reel: Path, frame: int) -> None:
    picture = opened(Scenes(Job()).still(reel, crop(frame, 20, 16, 44, 40)))
    assert nearest(picture, flashing(50, [25])) == frame
    shade = np.array(colour("happy"), np.int16)
    assert np.abs(picture[28, 21] - shade).max() < 60, "the left side of the box"


def test_a_large_frame_is_shrunk_and_its_box_with_it(tmp_path: Path) -> None:
    pictures = [np.zeros((1440, 2560, 3), np.uint8)]
    folder = walked(tmp_path / "large", write_reel(tmp_path / "large.mkv", pictures))
    picture = opened(Scenes(Job()).still(folder, crop(0, 1000, 500, 1600, 1100, emotion="sad")))
    assert picture.shape == (720, 1280, 3)
    assert np.abs(picture[400, 501] - np.array(colour("sad"), np.int16)).max() < 60


@pytest.mark.parametrize(("start", "seconds", "beep"), [(0.0, 2.0, 1.0), (0.8, 0.6, 0.2)])
def test_the_sound_is_that_of_the_stretch(
    reel: Path, start: float, seconds: float, beep: float
) -> None:
    heard, rate = samples(Scenes(Job()).sound(reel, start, seconds))
    assert len(heard) / rate == pytest.approx(seconds, abs=0.001)
    assert onsets(heard[:, 0], rate)[0] == pytest.approx(beep, abs=0.01)


def test_of_a_long_moment_the_beginning_is_heard(reel: Path) -> None:
    heard, rate = samples(Scenes(Job()).sound(reel, 0.0, 1e6))
    assert len(heard) / rate == LONGEST_SOUND


def test_a_crop_of_an_earlier_walk_has_no_frame(reel: Path) -> None:
    with pytest.raises(TableError, match="an earlier walk; pick again"):
        Scenes(Job()).still(reel, crop(50, 0, 0, 9, 9))


def test_another_file_in_its_place_is_not_shown(reel: Path) -> None:
    movie = manifest.read(reel).movie
    write_reel(movie, flashing(50, []))
    refused = pytest.raises(MovieError, match=r"not the movie that was walked .* only it has")
    with refused:
        Scenes(Job()).still(reel, crop(0, 0, 0, 9, 9))
    with refused:
        Scenes(Job()).sound(reel, 0.0, 1.0)


def test_of_frames_that_wait_only_the_last_is_read(
    reel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms, read = Scenes(Job()), list[int]()
    begun, going = Event(), Event()

    def decode(movie: Path, scan: Scan, first: int, stop: int) -> Iterator[Any]:
        read.append(first)
        begun.set()
        assert going.wait(20)
        yield from decode_frames(movie, scan, first, stop)

    monkeypatch.setattr(scenes, "decode_frames", decode)
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(rooms.still, reel, crop(0, 0, 0, 9, 9))]
        assert begun.wait(20)
        for frame in (1, 2, 3):
            last = rooms._asked[reel]
            asked.append(pool.submit(rooms.still, reel, crop(frame, 0, 0, 9, 9)))
            while rooms._asked[reel] is last:
                time.sleep(0.01)
        going.set()
        told = [answer.exception() for answer in asked]
    assert read == [0, 3]
    assert [str(error).endswith(scenes.OVERTAKEN) for error in told] == [False, True, True, False]
    assert told[0] is told[3] is None


# --- by the pages -------------------------------------------------------------------------------


def test_the_frame_of_a_crop_comes_from_the_movie(client: TestClient, table_of: Table) -> None:
    answer = client.get(f"{PLACE}/still/{table_of.files[0]}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    assert opened(answer.content).shape == (128, 160, 3)


def test_a_movie_without_sound_has_none(client: TestClient, table_of: Table) -> None:
    answer = client.get(f"{PLACE}/sound/{table_of.files[0]}")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("kind", ["still", "sound"])
def test_a_movie_that_is_gone_is_told_in_a_line(
    client: TestClient, table_of: Table, kind: str
) -> None:
    moved(table_of.folder, "/nowhere/talk.mkv")
    answer = client.get(f"{PLACE}/{kind}/{table_of.files[0]}")
    assert answer.status_code == 409
    assert answer.json()["detail"] == (
        "/nowhere/talk.mkv: the movie is gone, but is needed; only it has the whole "
        "frames and the sound"
    )


@pytest.fixture
def web(table_of: Table) -> Iterator[Served]:
    pytest.importorskip("fsspec", reason="needs the extra `cluster`")
    with served(table_of.folder.parent) as found:
        yield found


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("kind", ["still", "sound"])
def test_no_page_connects_because_a_file_says_so(
    client: TestClient, table_of: Table, web: Served, kind: str
) -> None:
    moved(table_of.folder, f"{web.address.replace('://', '://me:secret@')}/talk.mkv")
    answer = client.get(f"{PLACE}/{kind}/{table_of.files[0]}")
    assert (answer.status_code, web.answers) == (409, 0)
    assert "walk.json says that the movie is on another computer" in answer.json()["detail"]
    assert "secret" not in answer.text


@pytest.mark.parametrize("kind", ["still", "sound"])
@pytest.mark.parametrize("file", ["x.jpg", "..%2fcrops.csv", "%00", "walk.json"])
def test_only_crops_that_are_listed_have_a_scene(reading: TestClient, kind: str, file: str) -> None:
    assert reading.get(f"{PLACE}/{kind}/{file}").status_code == 404


@pytest.mark.parametrize("kind", ["still", "sound"])
def test_nobody_is_shown_a_scene(nobody: TestClient, table_of: Table, kind: str) -> None:
    assert nobody.get(f"{PLACE}/{kind}/{table_of.files[0]}").status_code == 401
