"""Page Label without a browser: what is drawn, shown, labelled and refused."""

import csv
import io
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from pipeline.disk import manifest
from pipeline.faces import clock
from pipeline.web.safety import CSRF_HEADER
from tests.support.application import app_of_table as app
from tests.support.reviewed import Table, picked_once, table_of

__all__ = ["app", "picked_once", "table_of"]

PAGE = "/label/talk"
API = "/api/label/talk"


def draw(client: TestClient, faces: object = 40) -> Any:
    return client.post(PAGE, data={"faces": faces})


def label(client: TestClient, number: object, emotion: str) -> Any:
    version = client.get(API).json().get("version", "")
    return client.post(
        API, json={"version": version, "number": str(number), "emotion": emotion}
    )  # fmt: skip


def test_a_movie_without_a_sample_offers_to_draw_one(client: TestClient) -> None:
    assert client.get(API).status_code == 404
    assert ">Draw</button>" in client.get(PAGE).text
    answer = draw(client, 7)
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert ">Draw</button>" not in client.get(PAGE).text
    found = client.get(API).json()
    assert found["number"] == [str(n) for n in range(1, 8)]
    assert found["frame"] == sorted(found["frame"])
    assert found["time"] == [clock(frame / 25) for frame in found["frame"]]
    assert found["emotion"] == [""] * 7


def test_the_list_of_picks_leads_there(client: TestClient) -> None:
    assert f'href="{PAGE}"' in client.get("/review").text


def test_labels_are_in_the_file_and_told_again(client: TestClient, table_of: Table) -> None:
    draw(client, 5)
    assert label(client, 2, "sad").json() == {"faces": 5, "labelled": 1}
    assert label(client, 2, "fear").json() == {"faces": 5, "labelled": 1}
    assert label(client, 4, "happy").json() == {"faces": 5, "labelled": 2}
    assert label(client, 4, "").json() == {"faces": 5, "labelled": 1}
    assert client.get(API).json()["emotion"] == ["", "fear", "", "", ""]
    with (table_of.folder / "sample.csv").open(newline="") as file:
        assert [row["emotion"] for row in csv.DictReader(file)] == ["", "fear", "", "", ""]


def test_nothing_tells_the_networks_answer(client: TestClient) -> None:
    draw(client)
    assert set(client.get(API).json()) == {"version", "number", "frame", "time", "emotion"}


def test_a_face_is_a_picture(client: TestClient) -> None:
    draw(client)
    answer = client.get(f"{PAGE}/face/{client.get(API).json()['version']}/3")
    assert answer.headers["content-type"] == "image/jpeg"
    with Pillow.open(io.BytesIO(answer.content)) as picture:
        assert min(picture.size) > 20


@pytest.mark.parametrize(
    ("number", "emotion", "status"),
    [(99, "sad", 404), ("", "sad", 404), (1, "none", 422), (1, "Sad", 422), ("1" * 21, "", 422)],
)
def test_what_is_no_label_is_refused(
    client: TestClient, number: object, emotion: str, status: int
) -> None:
    draw(client, 3)
    assert label(client, number, emotion).status_code == status
    assert client.get(API).json()["emotion"] == [""] * 3


@pytest.mark.parametrize("faces", [0, -1, 1001, "many", ""])
def test_an_odd_number_of_faces_is_refused(client: TestClient, faces: object) -> None:
    assert draw(client, faces).status_code == 422
    assert client.get(API).status_code == 404


def test_labels_are_not_drawn_over(client: TestClient) -> None:
    draw(client, 3)
    label(client, 1, "sad")
    answer = draw(client, 5)
    assert answer.status_code == 409
    assert "holds labels already" in answer.text
    assert client.get(API).json()["emotion"] == ["sad", "", ""]


@pytest.mark.parametrize("movie", ["none", "known", "..%2freviewed%2ftalk", ".hidden"])
def test_there_is_no_other_movie(client: TestClient, movie: str) -> None:
    for address in (f"/label/{movie}", f"/label/{movie}/settings", f"/api/label/{movie}"):
        assert client.get(address).status_code == 404
    assert client.post(f"/label/{movie}", data={"faces": 3}).status_code in (404, 405)


def test_another_page_draws_and_labels_nothing(client: TestClient) -> None:
    draw(client, 3)
    client.headers[CSRF_HEADER] = "guessed"
    assert label(client, 1, "sad").status_code == 403
    assert draw(client, 3).status_code == 403
    assert client.get(API).json()["emotion"] == [""] * 3


def test_the_settings_are_compared_by_the_labels(client: TestClient) -> None:
    draw(client)
    assert "No face is labelled yet" in client.get(f"{PAGE}/settings").text
    found = client.get(API).json()
    for number, frame in zip(found["number"], found["frame"], strict=True):
        label(client, number, "happy" if int(number) % 2 and frame < 10 else "sad")
    text = client.get(f"{PAGE}/settings").text
    assert "By 40 labelled faces." in text
    assert "Recommended here: --repeat" in text
    assert text.count("<b>recommended</b>") == 1
    address = unescape(text.split('<a href="/mine?')[1].split('"')[0])
    assert "movie=talk.mkv&repeat=" in address
    assert 'value="talk.mkv" selected' in client.get(f"/mine?{address}").text


def test_a_page_of_another_draw_is_told_to_reload(client: TestClient) -> None:
    draw(client, 5)
    old = client.get(API).json()["version"]
    draw(client, 6)
    answer = client.post(API, json={"version": old, "number": "1", "emotion": "sad"})
    assert answer.status_code == 404
    assert "reload the page" in answer.json()["detail"]
    assert client.get(f"{PAGE}/face/{old}/1").status_code == 404
    assert client.get(API).json()["emotion"] == [""] * 6


def test_faces_of_an_earlier_walk_are_drawn_anew(client: TestClient, table_of: Table) -> None:
    draw(client, 3)
    label(client, 1, "sad")
    path = table_of.folder / "sample.csv"
    walk = manifest.read(table_of.folder).fingerprint
    path.write_text(path.read_text().replace(walk, "earlier"))
    text = client.get(PAGE).text
    assert "are of an earlier walk" in text
    assert ">Draw</button>" in text
    assert client.get(API).status_code == 404
    assert draw(client, 4).status_code == 303
    assert client.get(API).json()["emotion"] == [""] * 4
    assert "earlier" in (table_of.folder / "sample.old.csv").read_text()


def test_a_movie_that_is_gone_is_told(client: TestClient, table_of: Table) -> None:
    draw(client)
    walk = table_of.folder / "walk.json"
    walk.write_text(walk.read_text().replace("talk.mkv", "lost.mkv"))
    answer = client.get(f"{PAGE}/face/{client.get(API).json()['version']}/1")
    assert answer.status_code == 404
    assert "the movie is gone" in answer.text
