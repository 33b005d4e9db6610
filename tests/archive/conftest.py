"""Three puppet movies, walked once: two with the same name, one with a very odd name."""

import shutil
from pathlib import Path

import pytest

from pipeline import mine
from pipeline.settings import Job
from tests.support import puppet
from tests.support.puppet import Shot, Square, film, photo

ODD = 'it\'s "odd"; [x]*?\n\u2603 {a}'

TALK = (
    Shot(
        30,
        (
            Square("anna", "happy 12, sad 5, happy", x=20, dx=1),
            Square("ben", x=100, y=80),
        ),
    ),
    Shot(20, (Square("anna", "happy 9, neutral", x=30),)),
)
OTHER = (Shot(25, (Square("anna", "sad 5, happy", x=40), Square("carl", x=100, y=80))),)
THIRD = (Shot(16, (Square("anna", x=30), Square("carl", y=90), Square("dora", x=110))),)


@pytest.fixture(autouse=True)
def _puppets(monkeypatch: pytest.MonkeyPatch) -> None:
    puppet.plug_in(monkeypatch)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Job]:
    """The folder of the walks, and the job that made them."""
    place = tmp_path_factory.mktemp("archive")
    for person in ("anna", "ben"):
        photo(place / "known" / f"{person}.png", person)
    job = Job(walk=puppet.SETTINGS, output=place / "output", known_faces=place / "known")
    films = {"talk.mkv": TALK, "more/talk.mkv": OTHER, f"{ODD}.mkv": THIRD}
    with pytest.MonkeyPatch.context() as patch:
        puppet.plug_in(patch)
        for name, shots in films.items():
            mine.walk(film(place / "films" / name, shots), job, puppet.silent)
    return job.output, job


@pytest.fixture
def output(made: tuple[Path, Job], tmp_path: Path) -> Path:
    """A copy of the walks for one test; all tests share the movies."""
    return Path(shutil.copytree(made[0], tmp_path / "output"))


@pytest.fixture
def job(made: tuple[Path, Job], output: Path) -> Job:
    """The settings of the walks."""
    return Job(
        ("anna",), ("happy",), walk=puppet.SETTINGS, output=output, known_faces=made[1].known_faces
    )
