"""A walked puppet movie whose unknown faces are sorted, and the application that shows it."""

import shutil
from pathlib import Path

import pytest
from fastapi import FastAPI

from pipeline import mine
from pipeline.cast.cast import cast
from pipeline.disk import faces_csv
from pipeline.live.reader import Reader
from pipeline.settings import Job
from pipeline.web.app import WebSettings, create_app
from pipeline.web.safety import Policy
from tests.cast.test_cast import _plug_in as plug_in
from tests.support import puppet
from tests.support.application import LIMIT
from tests.support.puppet import Shot, Square, film

SHOTS = (
    Shot(24, (Square("anna", x=10, y=20, size=50), Square("ben", "sad", x=100, y=40, size=50))),
    Shot(16, (Square("anna", "fear", x=40, y=30, size=52),)),
    Shot(20, (Square("carl", "happy", x=40, y=30, size=52),)),
)
WHO = {1: "anna", 2: "ben", 3: "carl"}
"""By screen time: 40, 24 and 20 frames."""


@pytest.fixture(scope="session")
def sorted_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """film.mkv, walked with nobody known, and its cast."""
    place = tmp_path_factory.mktemp("people")
    job = Job(walk=puppet.SETTINGS, output=place / "output", known_faces=place / "known")
    with pytest.MonkeyPatch.context() as patch:
        plug_in(patch)
        movie = film(place / "videos" / "film.mkv", SHOTS)
        assert len(cast([mine.walk(movie, job, puppet.silent)], job)) == len(WHO)
    return place


@pytest.fixture
def job(sorted_place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A copy of one's own; the movie is where it was."""
    plug_in(monkeypatch)
    shutil.copytree(sorted_place / "output", tmp_path / "output")
    return Job(walk=puppet.SETTINGS, output=tmp_path / "output", known_faces=tmp_path / "known")


@pytest.fixture
def folder(job: Job) -> Path:
    return job.output / "film"


@pytest.fixture
def app(reader: Reader, job: Job, sorted_place: Path) -> FastAPI:
    settings = WebSettings(job, videos=sorted_place / "videos", limit=LIMIT)
    return create_app(reader, settings, Policy(limit=LIMIT))


def names(folder: Path) -> set[str]:
    """The names in faces.csv."""
    return set(faces_csv.read_faces(folder / "faces.csv")["person"])


def gallery(job: Job) -> dict[str, bytes]:
    """All photos of the known faces."""
    found = (p for p in job.known_faces.rglob("*") if p.is_file() and not p.name.startswith("."))
    return {p.relative_to(job.known_faces).as_posix(): p.read_bytes() for p in found}
