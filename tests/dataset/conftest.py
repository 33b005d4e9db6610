"""Two walked puppet films, of which data sets are made."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline import mine
from pipeline.dataset import choose
from pipeline.dataset.dataset import Order, SetCount, make_dataset
from pipeline.dataset.formats import DATASET_FORMATS
from pipeline.dataset.settings import TABLE_FILE, DatasetSettings
from pipeline.settings import Job, PickSettings
from tests.support import puppet
from tests.support.puppet import Shot, Square, film, photo

SIZE = 40
FIRST = (
    Shot(20, (Square("anna", "happy 10, sad", x=20, y=20, size=SIZE),
              Square("ben", "happy", x=100, y=60, size=SIZE))),
    Shot(12, (Square("anna", "happy", x=60, y=40, size=SIZE),)),
)  # fmt: skip
SECOND = (
    Shot(12, (Square("anna", "happy", x=90, y=20, size=SIZE, dx=-1),), background=1),
    Shot(12, (Square("anna", "surprise", x=50, y=50, size=SIZE),), background=0),
)


@dataclass(frozen=True)
class Bench:
    """Makes data sets of one's own two films."""

    root: Path
    job: Job
    film: Path

    @property
    def folders(self) -> list[Path]:
        return [self.job.output / "first", self.job.output / "second"]

    @property
    def to(self) -> Path:
        return self.root / "faces"

    def order(self, **settings: Any) -> Order:
        own: dict[str, Any] = {"size": 48, "formats": tuple(DATASET_FORMATS)} | settings
        return Order(self.job, DatasetSettings(**own), self.to)

    def make(self, order: Order | None = None, folders: list[Path] | None = None) -> list[SetCount]:
        return make_dataset(folders or self.folders, order or self.order(), lambda _: silently)

    def with_pick(self, **settings: Any) -> "Bench":
        return replace(self, job=replace(self.job, pick=replace(self.job.pick, **settings)))

    def table(self) -> pd.DataFrame:
        return pd.read_csv(self.to / TABLE_FILE)

    def rows(self) -> list[Any]:
        return list(self.table().itertuples())

    def everything(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.to)): path.read_bytes()
            for path in sorted(self.to.rglob("*"))
            if path.is_file() and not path.name.startswith(".lock")
        }


def silently(_: int) -> Callable[[Path], None]:
    return lambda _: None


@pytest.fixture(scope="session")
def walked_films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both films, their walks, and a photo of anna."""
    root = tmp_path_factory.mktemp("films")
    photo(root / "known" / "anna.png", "anna")
    with pytest.MonkeyPatch.context() as patch:
        puppet.plug_in(patch)
        for name, shots in (("first", FIRST), ("second", SECOND)):
            mine.walk(film(root / f"{name}.mkv", shots), job_in(root), puppet.silent)
    return root


def job_in(root: Path) -> Job:
    return Job(
        walk=puppet.SETTINGS, output=root / "output", known_faces=root / "known",
        pick=PickSettings(repeat=4, smooth=1, per_run=2), report=False,
    )  # fmt: skip


@pytest.fixture
def bench(walked_films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """All puppets look alike, so nothing counts as a near-duplicate here."""
    puppet.plug_in(monkeypatch)
    monkeypatch.setattr(choose, "ALIKE_BITS", -1)
    for name in ("known", "output"):
        shutil.copytree(walked_films / name, tmp_path / name)
    return Bench(tmp_path, job_in(tmp_path), walked_films / "first.mkv")
