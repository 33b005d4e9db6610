"""A walk of the demo with the real networks, made once for all tests."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from pipeline import mine
from pipeline.settings import Job
from tests.support.puppet import silent

MOVIE = Path(__file__).parents[2] / "videos" / "demo.mp4"


@pytest.fixture(scope="session")
def walked_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the walk, where nobody has a name; `copied` gives one of one's own.

    Processes of pytest-xdist share one walk: the first makes it, the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "walked_demo"
    (place / "known").mkdir(parents=True, exist_ok=True)
    job = Job(output=place / "output", known_faces=place / "known")
    with FileLock(place / "lock"):
        return mine.walk(MOVIE, job, silent)  # Reuses the walk if there is one.


def copied(walked: Path, job: Job) -> Path:
    """Puts the walk into a job's output, named by the job's gallery; gives its folder."""
    shutil.copytree(walked, job.output / walked.name)
    job.known_faces.mkdir(exist_ok=True)
    return mine.walk(MOVIE, job, silent)
