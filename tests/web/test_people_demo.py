"""Page People on the demo movie with the real networks: a name from the page stands in its rows."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from pipeline import mine
from pipeline.cast.company import version
from pipeline.disk import faces_csv
from pipeline.live.reader import Reader
from pipeline.settings import Job, WalkSettings
from pipeline.web.app import WebSettings, create_app
from pipeline.web.safety import Policy
from tests.support.application import ORIGIN, trusted
from tests.web.test_broadcast import wait_for

VIDEOS = Path(__file__).parents[2] / "videos"
EVERY = 4
"""Frames: who is who does not need them all."""


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A walk with an empty gallery."""
    place = tmp_path_factory.mktemp("people")
    settings = WalkSettings(every=EVERY)
    job = Job(walk=settings, output=place / "output", known_faces=place / "known")
    mine.walk(VIDEOS / "demo.mp4", job, lambda total: lambda frames, faces: None)
    return job


def test_the_cast_is_sorted_and_named_from_the_page(job: Job) -> None:
    policy, folder = Policy(), job.output / "demo"
    app = create_app(Reader.of(job), WebSettings(job, VIDEOS), policy)
    with TestClient(
        app, base_url=ORIGIN, headers=trusted(policy), follow_redirects=False
    ) as client:
        client.post("/people/demo/cast")
        wait_for(lambda: client.get("/api/runs").json()[0]["state"] == "done")
        text = client.get("/people/demo").text
        assert text.count('data-card="cast-') == 3
        given = {"cast": version(folder), "number": ["1", "2", "3"], "name": ["guest", "", "actor"]}
        assert client.post("/people/demo", data=given).status_code == 303
        text = client.get("/people/demo").text
        assert text.count('data-card="known-') == 2
        assert text.count('data-card="cast-') == 1
        picture = next((job.known_faces / "guest").iterdir()).read_bytes()
        told = client.post("/api/photo", files={"photo": ("a.jpg", picture)}).json()
        assert [face["person"] for face in told["faces"]] == ["guest"]
    rows = faces_csv.read_faces(folder / "faces.csv")
    assert set(rows["person"]) == {"guest", "actor", ""}
    assert (rows["person"] == "guest").sum() > (rows["person"] == "actor").sum() > 30
