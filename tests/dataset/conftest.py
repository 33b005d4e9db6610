"""Two walked puppet films, of which data sets are made."""

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


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """All puppets look alike, so nothing counts as a near-duplicate here."""
    puppet.plug_in(monkeypatch)
    monkeypatch.setattr(choose, "ALIKE_BITS", -1)
    photo(tmp_path / "known" / "anna.png", "anna")
    job = Job(
        walk=puppet.SETTINGS, output=tmp_path / "output", known_faces=tmp_path / "known",
        pick=PickSettings(repeat=4, smooth=1, per_run=2), report=False,
    )  # fmt: skip
    for name, shots in (("first", FIRST), ("second", SECOND)):
        mine.walk(film(tmp_path / f"{name}.mkv", shots), job, puppet.silent)
    return Bench(tmp_path, job)
