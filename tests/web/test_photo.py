"""Page Photo: what is told of a picture."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from pipeline.faces import EMOTIONS, Detections, Image
from pipeline.live.reader import Reader
from pipeline.movie.frame import RgbFrame
from pipeline.people import gallery
from pipeline.people.photo import read_photo as pixels
from pipeline.web.readings import photo_reading
from pipeline.web.uploads import read_upload
from tests.support import puppet
from tests.support.pages import Opened
from tests.support.puppet import SURE, photo


@pytest.fixture
def two(tmp_path: Path) -> Path:
    return photo(tmp_path / "two.png", "anna", "ben")


def test_every_face_has_box_name_and_seven_probabilities(client: TestClient, two: Path) -> None:
    answer = client.post("/api/photo", files={"photo": ("two.png", two.read_bytes())})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["name"], told["width"], told["height"]) == ("two.png", 280, 140)
    anna, ben = told["faces"]
    assert anna["box"] == [20, 20, 110, 110]
    assert ben["box"] == [160, 20, 250, 110]
    assert (anna["person"], ben["person"]) == ("anna", "")
    assert anna["distance"] < 0.01
    assert ben["distance"] > 0.38
    for face in (anna, ben):
        assert face["emotion"] == "neutral"
        assert tuple(face["probabilities"]) == EMOTIONS
        assert face["probabilities"]["neutral"] == pytest.approx(SURE)
        assert sum(face["probabilities"].values()) == pytest.approx(1)


def test_one_picture_is_read_at_a_time(
    client: TestClient, two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small files of huge pictures, sent side by side, would fill the memory."""
    reading, most = [0], [0]

    def counted(data: bytes, name: str, width: int) -> tuple[Image, tuple[int, int]]:
        reading[0] += 1
        most[0] = max(most[0], reading[0])
        time.sleep(0.02)
        reading[0] -= 1
        return read_upload(data, name, width)

    monkeypatch.setattr("pipeline.web.photo.read_upload", counted)
    data = two.read_bytes()
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(client.post, "/api/photo", files={"photo": data}) for _ in range(8)]
    assert [answer.result().status_code for answer in sent] == [200] * 8
    assert most == [1]


def test_the_page_shows_them(client: TestClient, two: Path) -> None:
    answer = client.post("/", files={"photo": ("<b>.png", two.read_bytes())})
    assert answer.status_code == 200
    assert "2 faces" in answer.text
    assert "&lt;b&gt;.png" in answer.text
    assert "<b>.png" not in answer.text
    assert answer.text.count("<rect width=") == 2 * len(EMOTIONS)
    assert answer.text.count('<rect width="81.2"') == 2
    assert answer.text.count('class="box"') == 2


def test_a_name_that_only_a_nearer_face_has_is_told(client: TestClient, tmp_path: Path) -> None:
    once = "No two faces of a picture get the same name"
    for people, withheld in ((("anna", "anna", "ben"), 1), (("anna", "ben", "carl"), 0)):
        data = photo(tmp_path / "three.png", *people).read_bytes()
        told = client.post("/api/photo", files={"photo": ("three.png", data)}).json()["faces"]
        assert [f["person"] for f in told].count("anna") == 1
        assert [f["withheld"] for f in told].count("anna") == withheld
        assert [f["withheld"] for f in told].count("") == 3 - withheld
        text = client.post("/", files={"photo": ("three.png", data)}).text
        assert "The distance says" in text
        assert (once in text) == bool(withheld)
        assert text.count("to <bdi>anna</bdi>") == withheld


@pytest.mark.parametrize(("width", "sticks"), [(1280, True), (390, False)])
def test_beside_many_faces_the_picture_stays_in_sight(
    opened: Opened, tmp_path: Path, width: int, *, sticks: bool
) -> None:
    many = photo(tmp_path / "many.png", *(["anna", "ben"] * 3))
    page = opened(viewport={"width": width, "height": 500})
    page.locator("#photo").set_input_files(many)
    page.locator(".face").last.scroll_into_view_if_needed()
    picture = page.locator("figure img").bounding_box()
    assert picture is not None
    assert (picture["y"] >= 0) == sticks


def test_a_picture_without_faces_says_so(client: TestClient, tmp_path: Path) -> None:
    picture = photo(tmp_path / "none.png")
    answer = client.post("/", files={"photo": ("none.png", picture.read_bytes())})
    assert answer.status_code == 200
    assert "No face was found" in answer.text
    assert client.post("/api/photo", files={"photo": picture.read_bytes()}).json()["faces"] == []


def test_what_is_no_picture_is_told_on_the_page(client: TestClient) -> None:
    answer = client.post("/", files={"photo": ("a.txt", b"hello")})
    assert answer.status_code == 415
    assert "a.txt: not a JPEG, PNG or WebP" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


def test_no_picture_at_all_is_told(client: TestClient) -> None:
    assert client.post("/api/photo", data={"other": "x"}).status_code == 422
    assert client.post("/", data={"other": "x"}).status_code == 422


def test_who_is_nobody_in_an_empty_gallery_has_no_distance(tmp_path: Path, two: Path) -> None:
    empty = gallery.embed_gallery(tmp_path / "nobody", puppet.models())
    reader = Reader(puppet.models(), empty, puppet.SETTINGS, puppet.TOLERANCES)
    assert len(reader.read(RgbFrame(0, 0, pixels(two))).rows) == 2
    told = photo_reading(pixels(two), (280, 140), "two", reader)
    assert [face.distance for face in told.faces] == [None, None]


def test_boxes_are_those_of_the_picture_however_large(
    client: TestClient, two: Path, tmp_path: Path
) -> None:
    """What is shrunk before it is looked at is told of as it came."""
    with Pillow.open(two) as picture:
        picture.resize((4200, 2100), Pillow.Resampling.NEAREST).save(tmp_path / "large.png")
    data = (tmp_path / "large.png").read_bytes()
    told = client.post("/api/photo", files={"photo": ("large.png", data)}).json()
    assert (told["width"], told["height"]) == (4200, 2100)
    boxes = [face["box"] for face in told["faces"]]
    assert np.abs(np.subtract(boxes, [[300, 300, 1650, 1650], [2400, 300, 3750, 1650]])).max() < 12


def test_a_face_cut_close_is_found_with_room_around_it() -> None:
    """The detector of this test sees only what lies well within the picture."""

    class Inner(puppet.Detector):
        def detect(self, images: list[Image]) -> list[Detections]:
            (found,) = super().detect(images)
            inside = (found.boxes[:, :2] > 5).all(axis=1)
            return [Detections(found.boxes[inside], found.scores[inside], found.landmarks[inside])]

    image = np.zeros((90, 90, 3), np.uint8)
    puppet.paint(image, "anna", "sad", (0, 0, 90, 90))
    models = replace(puppet.models(), detector=Inner(puppet.WEIGHTS))
    nobody = gallery.embed_gallery(Path("none"), models)
    told = photo_reading(
        image, (180, 180), "a", Reader(models, nobody, puppet.SETTINGS, puppet.TOLERANCES)
    )
    assert [(face.box, face.emotion) for face in told.faces] == [((0, 0, 180, 180), "sad")]
