"""A movie whose picks are looked through: anna is happy for ten frames, then sad beside ben."""

import csv
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline import mine
from pipeline.review import desk
from pipeline.review.desk import Picked
from pipeline.review.labels import LABELS
from pipeline.settings import Job, PickSettings
from tests.support import puppet
from tests.support.puppet import Shot, Square, film, photo

HAPPY = ("anna", "happy")
SHOT = Shot(20, (Square("anna", "happy 10, sad", x=20), Square("ben", "sad", x=100, y=70)))


@dataclass(frozen=True)
class Table:
    """What lies on the table of somebody who reviews."""

    movie: Path
    folder: Path
    job: Job

    @property
    def known(self) -> Path:
        return self.job.known_faces

    @property
    def place(self) -> Path:
        return self.folder / "anna" / "happy"

    @property
    def rows(self) -> list[dict[str, str]]:
        """Of crops.csv as it was picked first, by frame."""
        with (self.folder.parent / "crops.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    @property
    def files(self) -> list[str]:
        return [row["file"] for row in self.rows]

    def settings(self) -> dict[str, Any]:
        return asdict(self.job.walk)

    def decide(self, number: int, looks: str | None) -> Picked:
        return self.decide_all({number: looks})

    def decide_all(self, looks: dict[int, str | None]) -> Picked:
        named = {self.files[number]: look for number, look in looks.items()}
        return desk.decide(self.folder, HAPPY, named, self.known)

    def labels(self) -> list[dict[str, str]]:
        with (self.folder / LABELS).open(newline="") as file:
            return list(csv.DictReader(file))

    def everything(self) -> dict[str, bytes]:
        """All files of the movie and the gallery."""
        root = self.folder.parent
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        }


@pytest.fixture(scope="session")
def picked_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a movie that was picked from, its gallery, and the list of its crops."""
    root = tmp_path_factory.mktemp("reviewed")
    photo(root / "known" / "anna.png", "anna")
    movie = film(root / "talk.mkv", [SHOT])
    job = _job(root)
    with pytest.MonkeyPatch.context() as patch:
        puppet.plug_in(patch)
        mine.mine(movie, job, puppet.silent)
        mine.pick(root / "talk", replace(job, people=("unknown",), emotions=("sad",)))
    shutil.copy(root / "talk" / "anna" / "happy" / "crops.csv", root)
    return root


@pytest.fixture(scope="session")
def reported_once(picked_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, picked with a report."""
    root = tmp_path_factory.mktemp("reported")
    shutil.copytree(picked_once, root, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        puppet.plug_in(patch)
        mine.pick(root / "talk", replace(_job(root), report=True))
    return root


@pytest.fixture
def table_of(picked_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Table:
    """A copy of one's own."""
    puppet.plug_in(monkeypatch)
    return copied(picked_once, tmp_path)


def copied(once: Path, place: Path) -> Table:
    """A table with a copy of such a folder."""
    root = place / "reviewed"
    shutil.copytree(once, root)
    return Table(root / "talk.mkv", root / "talk", _job(root))


def _job(root: Path) -> Job:
    return Job(
        people=("anna",), walk=puppet.SETTINGS, output=root, known_faces=root / "known",
        report=False, pick=PickSettings(repeat=10, smooth=1), emotions=("happy",),
    )  # fmt: skip
