"""Movies on a cluster of two nodes of this machine: the bytes of one worker, whatever dies.

Puppets stand in for the networks; `faulty` makes a worker die over a picture.
"""

import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline import mine
from pipeline.disk import failure
from pipeline.disk.parts import all_parts
from pipeline.errors import MiningError, MovieError, WorkerError
from pipeline.files import locked
from pipeline.movie.remote import path_or_url
from pipeline.settings import Job
from tests.support import faulty, processes, puppet
from tests.support.puppet import Shot, Square, film, photo
from tests.support.served import served

pytest.importorskip("ray", reason="needs the extra `cluster`")

from ray.cluster_utils import Cluster

from pipeline.spread import cluster, pool
from pipeline.spread import walk as spread
from pipeline.spread.worker import Terms

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLOW = 5
"""Frames per second of these movies: a part of ten seconds has 50 frames."""

ANNA = Square("anna", "happy 20, gone 7, sad", x=10, dx=0.5)
BEN = Square("ben", "angry", x=60, y=80)
SCRIPTS = {
    "long.mkv": (Shot(70, (ANNA, BEN)), Shot(130, (ANNA,)), Shot(60, (BEN,))),
    "troubled.mkv": (Shot(70, (BEN,)), Shot(30, (ANNA, faulty.TROUBLE)), Shot(60, (BEN,))),
    "short.mkv": (Shot(60, (ANNA,)),),
}
FRAMES = {"long.mkv": 260, "troubled.mkv": 160, "short.mkv": 60}

Files = dict[str, bytes]


def files(folder: Path) -> Files:
    """All files that a walk writes, except those that depend on where it ran."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name not in ("walk.json", ".lock")
    }


@dataclass
class Told:
    """Adds up what it receives, and calls a function at the first part."""

    then: Callable[[], object] = lambda: None
    expected: int = 0
    frames: int = 0
    faces: int = 0
    begun: bool = field(default=False)

    def expect(self, frames: int) -> None:
        self.expected += frames

    def __call__(self, frames: int, faces: int) -> None:
        self.frames += frames
        self.faces += faces
        if not self.begun:
            self.begun = True
            self.then()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three movies beside `known`. Tests must not change them."""
    folder = tmp_path_factory.mktemp("studio")
    photo(folder / "known" / "anna.png", "anna")
    for name, shots in SCRIPTS.items():
        film(folder / name, shots, SLOW)
    return folder


@pytest.fixture(scope="module")
def whole(studio: Path) -> dict[str, Files]:
    """The files that one worker without a cluster writes for each movie."""
    with pytest.MonkeyPatch.context() as patch:
        puppet.plug_in(patch)
        job = _job(studio, studio / "whole")
        return {name: files(mine.walk(studio / name, job, puppet.silent)) for name in SCRIPTS}


def _job(studio: Path, output: Path) -> Job:
    return Job(
        walk=puppet.SETTINGS, output=output, known_faces=studio / "known", workers=sys.maxsize
    )


def _node(two: Cluster) -> Any:
    return two.add_node(num_cpus=1, object_store_memory=cluster.STORE_BYTES)


@pytest.fixture(scope="module")
def two() -> Iterator[Cluster]:
    """A cluster of two nodes with one core each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    head = {
        "num_cpus": 1, "object_store_memory": cluster.STORE_BYTES, "include_dashboard": False,
    }  # fmt: skip
    found = Cluster(initialize_head=True, head_node_args=head)
    _node(found)
    yield found
    found.shutdown()


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of faults."""
    folder = faulty.folder(tmp_path / "faults")
    faulty.plug_in(monkeypatch, folder)
    return folder


@pytest.fixture
def job(studio: Path, tmp_path: Path) -> Job:
    return _job(studio, tmp_path / "output")


@dataclass
class Done:
    """How a walk on the cluster ended: movies in order, errors and bytes by name."""

    order: list[str]
    errors: dict[str, MiningError]
    left: dict[str, Files]
    told: Told


@pytest.fixture
def walked(studio: Path, job: Job, two: Cluster) -> Callable[..., Done]:
    """Walks movies on the two nodes."""

    def run(*names: str, told: Told | None = None) -> Done:
        told = told or Told()
        ended = list(spread.walk_on_cluster([studio / n for n in names], job, two.address, told))
        return Done(
            [e.movie.name for e in ended],
            {e.movie.name: e.error for e in ended if e.error is not None},
            {e.movie.name: files(e.folder) for e in ended if e.error is None},
            told,
        )

    return run


@pytest.mark.usefixtures("faults")
def test_two_nodes_give_the_bytes_of_one_worker(
    walked: Callable[..., Done], whole: dict[str, Files]
) -> None:
    done = walked(*SCRIPTS)
    assert done.errors == {}
    assert done.left == whole
    assert done.told.expected == done.told.frames == sum(FRAMES.values())
    rows = sum(left["faces.csv"].count(b"\n") - 1 for left in whole.values())
    assert done.told.faces == rows


@pytest.mark.usefixtures("faults")
def test_paths_are_those_of_the_folder_where_it_is_called(
    studio: Path,
    whole: dict[str, Files],
    job: Job,
    two: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copy(studio / "short.mkv", tmp_path)
    monkeypatch.chdir(tmp_path)
    here = replace(job, output=Path("here"))
    (ended,) = spread.walk_on_cluster([Path("short.mkv")], here, two.address, Told())
    assert (ended.movie, ended.folder, ended.error) == (Path("short.mkv"), Path("here/short"), None)
    assert files(ended.folder) == whole["short.mkv"]


@pytest.mark.usefixtures("faults")
def test_a_second_walk_finds_the_first_one(
    walked: Callable[..., Done], whole: dict[str, Files]
) -> None:
    walked("short.mkv")
    again = walked("short.mkv", "short.mkv")
    assert (again.order, again.left) == (["short.mkv"], {"short.mkv": whole["short.mkv"]})
    assert again.told.expected == 0


def test_a_worker_that_dies_once_costs_nothing(
    walked: Callable[..., Done], whole: dict[str, Files], faults: Path
) -> None:
    (faults / "die-1").touch()
    done = walked(*SCRIPTS)
    assert not (faults / "die-1").exists(), "it has happened"
    assert (done.errors, done.left) == ({}, whole)


def test_a_part_over_which_workers_die_twice_fails_its_movie_alone(
    walked: Callable[..., Done], whole: dict[str, Files], faults: Path, job: Job
) -> None:
    for name in ("die-1", "die-2"):
        (faults / name).touch()
    done = walked(*SCRIPTS)
    assert done.errors.keys() == {"troubled.mkv"}
    error = done.errors["troubled.mkv"]
    assert isinstance(error, WorkerError)
    assert "troubled.mkv, part 1: 2 workers died over it" in str(error)
    assert done.left == {n: whole[n] for n in ("long.mkv", "short.mkv")}
    told = failure.read_failure(job.output / "troubled")
    assert told is not None
    assert told.reason == str(error)
    assert walked("troubled.mkv").left["troubled.mkv"] == whole["troubled.mkv"], "it goes on"
    assert failure.read_failure(job.output / "troubled") is None


def test_a_network_that_raises_fails_its_movie_alone(
    walked: Callable[..., Done], whole: dict[str, Files], faults: Path
) -> None:
    (faults / "fail").write_text("no such layer")
    done = walked(*SCRIPTS)
    assert done.errors.keys() == {"troubled.mkv"}
    words = str(done.errors["troubled.mkv"])
    assert "part 1: a bug in mine-video, please report it" in words
    assert "no such layer" in words
    assert done.left == {n: whole[n] for n in ("long.mkv", "short.mkv")}


@pytest.mark.usefixtures("faults")
def test_broken_and_missing_movies_fail_alone(
    walked: Callable[..., Done], whole: dict[str, Files], studio: Path
) -> None:
    (studio / "text.mkv").write_text("no movie")
    done = walked("short.mkv", "text.mkv", "none.mkv")
    assert done.left == {"short.mkv": whole["short.mkv"]}
    assert all(isinstance(error, MovieError) for error in done.errors.values())
    assert "not a playable movie, or damaged" in str(done.errors["text.mkv"])
    assert "no such movie" in str(done.errors["none.mkv"])


def test_a_node_that_dies_in_mid_run_costs_nothing_but_time(
    walked: Callable[..., Done], whole: dict[str, Files], faults: Path, two: Cluster
) -> None:
    (faults / "slow").touch()
    lost = next(iter(two.worker_nodes))
    done = walked(*SCRIPTS, told=Told(lambda: two.remove_node(lost, allow_graceful=False)))
    try:
        assert done.told.begun
        assert (done.errors, done.left) == ({}, whole)
    finally:
        _node(two)
        two.wait_for_nodes(60)  # A dead node counts until the cluster notices its death.


def test_a_node_that_comes_late_helps(
    walked: Callable[..., Done],
    whole: dict[str, Files],
    faults: Path,
    two: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (faults / "slow").touch()
    monkeypatch.setattr(pool, "LOOK_SECONDS", 0.1)
    sizes: list[int] = []
    seen = cluster.free_workers

    def size(resource: str) -> int:
        sizes.append(seen(resource))
        return sizes[-1]

    monkeypatch.setattr(cluster, "free_workers", size)
    late: list[Any] = []
    done = walked(*SCRIPTS, told=Told(lambda: late.append(_node(two))))
    two.remove_node(late[0], allow_graceful=False)
    assert (done.errors, done.left) == ({}, whole)
    assert (min(sizes), max(sizes)) == (2, 3)


def test_a_node_that_differs_is_left_out(
    walked: Callable[..., Done],
    whole: dict[str, Files],
    faults: Path,
    two: Cluster,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    facts = tmp_path / "other" / "pandas-0.1.dist-info" / "METADATA"
    facts.parent.mkdir(parents=True)
    facts.write_text("Metadata-Version: 2.1\nName: pandas\nVersion: 0.1\n")
    paths = os.pathsep.join(map(str, (processes.ROOT, tmp_path / "other")))
    (faults / "slow").touch()
    other = two.add_node(
        num_cpus=1, object_store_memory=cluster.STORE_BYTES, env_vars={"PYTHONPATH": paths}
    )
    try:
        done = walked(*SCRIPTS)
    finally:
        two.remove_node(other, allow_graceful=False)
    assert (done.errors, done.left) == ({}, whole)
    left_out = [r.getMessage() for r in caplog.records if "leaving this" in r.getMessage()]
    assert len(left_out) == 1
    assert "has pandas 0.1, not" in left_out[0]


@processes.needs_proc
def test_when_the_driver_dies_the_same_line_goes_on(
    walked: Callable[..., Done],
    whole: dict[str, Files],
    faults: Path,
    two: Cluster,
    job: Job,
    studio: Path,
) -> None:
    (faults / "slow").touch()
    call = (
        sys.executable,
        "-m",
        "tests.support.ray_driver",
        two.address,
        faults,
        studio,
        job.output,
    )
    driver = processes.begin(*call, folder=studio)
    parts = job.output / "long" / "parts"
    assert processes.until(lambda: len(list(parts.glob("*.csv"))) >= 2, 60)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate(timeout=30)
    finished = [p for p in all_parts(job.output / "long") if p.with_suffix(".csv").exists()]
    kept = {p.name: p.stat().st_mtime_ns for p in finished}
    assert len(kept) >= 4, "two parts of two files each"
    assert not (job.output / "long" / "faces.csv").exists()
    (faults / "slow").unlink()
    done = walked(*SCRIPTS)
    assert (done.errors, done.left) == ({}, whole)
    assert done.told.expected < sum(FRAMES.values()), "finished parts are not made again"
    now = {p.name: p.stat().st_mtime_ns for p in all_parts(job.output / "long")}
    assert {n: now[n] for n in kept} == kept


@pytest.mark.usefixtures("faults")
def test_movies_and_output_by_url(
    studio: Path, whole: dict[str, Files], job: Job, two: Cluster, tmp_path: Path
) -> None:
    there = replace(job, output=path_or_url(f"file://{tmp_path}/bucket/out"))
    with served(studio) as web:
        movies = [path_or_url(f"{web.address}/{name}") for name in SCRIPTS]
        ended = list(spread.walk_on_cluster(movies, there, two.address, Told()))
    assert [e.error for e in ended] == [None] * 3
    assert {f"{e.movie.stem}.mkv": str(e.folder) for e in ended} == {
        name: f"file://{tmp_path}/bucket/out/{Path(name).stem}" for name in SCRIPTS
    }
    found = {n: files(tmp_path / "bucket" / "out" / Path(n).stem) for n in SCRIPTS}
    assert found == whole
    again = Told()
    list(spread.walk_on_cluster([studio / n for n in SCRIPTS], there, two.address, again))
    assert again.expected == 0, "the same movies, wherever they are"


@pytest.mark.usefixtures("faults")
def test_what_is_walked_and_what_was_is_told(
    walked: Callable[..., Done], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pipeline")
    walked("short.mkv")
    walked("short.mkv")
    told = [r.getMessage() for r in caplog.records if r.name == spread.__name__]
    assert [text.partition("short.mkv: ")[2].partition(" /")[0] for text in told] == [
        "walking 60 frames in 2 parts",
        "walked before, reusing",
    ]


@pytest.mark.usefixtures("faults")
def test_one_name_twice_makes_two_folders(
    studio: Path, whole: dict[str, Files], job: Job, two: Cluster, tmp_path: Path
) -> None:
    twin = tmp_path / "short.mkv"
    shutil.copy(studio / "long.mkv", twin)
    ended = list(spread.walk_on_cluster([studio / "short.mkv", twin], job, two.address, Told()))
    assert [e.error for e in ended] == [None, None]
    folders = {e.movie: e.folder.name for e in ended}
    assert folders[twin] == "short", "the larger one came first"
    assert folders[studio / "short.mkv"].startswith("short-")
    parts = {n: b for n, b in whole["short.mkv"].items() if n.startswith("parts/")}
    again = files(job.output / folders[studio / "short.mkv"])
    assert {n: b for n, b in again.items() if n.startswith("parts/")} == parts


@pytest.mark.usefixtures("faults")
def test_a_folder_that_another_process_writes_to_is_told(
    walked: Callable[..., Done], whole: dict[str, Files], job: Job
) -> None:
    with locked(job.output / "short"):
        done = walked("short.mkv", "long.mkv")
    assert done.left == {"long.mkv": whole["long.mkv"]}
    assert "is writing there" in str(done.errors["short.mkv"])


def test_nodes_with_other_networks_are_told(
    walked: Callable[..., Done], faults: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Terms, "of", _other_terms(Terms.of))
    with pytest.raises(MiningError, match=r"node .*: has numpy .*, not 0\.1.*install the same"):
        walked("short.mkv")


def _other_terms(of: Callable[..., Any]) -> Callable[..., Any]:
    def changed(*args: Any) -> Any:
        terms = of(*args)
        return replace(terms, versions=terms.versions | {"numpy": "0.1"})

    return changed


@pytest.mark.usefixtures("faults")
def test_a_cluster_of_this_machine_alone(
    studio: Path, whole: dict[str, Files], job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    (ended,) = spread.walk_on_cluster(
        [studio / "short.mkv"], replace(job, workers=2), cluster.LOCAL, Told()
    )
    assert (ended.error, files(ended.folder)) == (None, whole["short.mkv"])
    assert capsys.readouterr().out == "", "that is for results"


def test_no_cluster_is_told(studio: Path, job: Job, faults: Path) -> None:
    with pytest.raises(WorkerError, match=r"--ray nowhere: cannot join a Ray cluster there"):
        next(spread.walk_on_cluster([studio / "short.mkv"], job, "nowhere", Told()))
