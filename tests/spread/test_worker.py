"""What a worker of a cluster does, in this process and without a cluster."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline import mine
from pipeline.disk import faces_csv, parts
from pipeline.disk import manifest as manifests
from pipeline.errors import ModelError, MovieError, OutputError, TableError
from pipeline.movie.remote import is_remote, path_or_url
from pipeline.people import gallery, memory
from pipeline.settings import Job
from pipeline.spread.staging import staged
from pipeline.spread.worker import MoviePlan, PartWorker, RayNames, Terms, WorkerAnswer
from pipeline.walk import walker
from pipeline.walk.processes import make_part
from tests.support import movies, puppet
from tests.support.puppet import SETTINGS, Shot, Square, film, photo

ANNA = Square("anna", "happy 20, sad", x=10, dx=0.5)


@pytest.fixture(autouse=True)
def _puppets(monkeypatch: pytest.MonkeyPatch) -> None:
    puppet.plug_in(monkeypatch)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    photo(tmp_path / "known" / "anna.png", "anna")
    return film(tmp_path / "movie.mkv", (Shot(70, (ANNA,)), Shot(40)), 5)


@pytest.fixture
def terms() -> Terms:
    return Terms.of(SETTINGS, "cpu")


@pytest.fixture
def maker(terms: Terms) -> PartWorker:
    found = PartWorker(terms, "node-7")
    assert found.ready() == WorkerAnswer()
    return found


def _names(movie: Path, *, keep: bool = False) -> RayNames:
    known = movie.parent / "known"
    digest = gallery.digest(known, None)
    return RayNames(memory.load_gallery(known, SETTINGS), 0.38, digest, keep)


def _plan(answer: WorkerAnswer) -> MoviePlan:
    assert answer.error is None
    assert isinstance(answer.value, MoviePlan)
    return answer.value


def test_prepare_make_and_finish_are_a_walk(maker: PartWorker, movie: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "movie"
    plan = _plan(maker.prepare(movie, folder, False))
    assert plan.missing == {0: 53, 1: 50, 2: 7}
    rows = 0
    for number, frames in plan.missing.items():
        answer = maker.make(movie, folder, plan.fingerprint, number)
        assert answer.value[0] == frames
        rows += answer.value[1]
    assert maker.finish(movie, folder, plan.fingerprint, _names(movie)) == WorkerAnswer()
    job = Job(walk=SETTINGS, output=tmp_path / "local", known_faces=tmp_path / "known")
    local = mine.walk(movie, job, puppet.silent)
    for name in ("faces.csv", "tracks.npz", "frames.npz", "walk.json"):
        assert (folder / name).read_bytes() == (local / name).read_bytes()
    assert len(faces_csv.read_faces(folder / "faces.csv")) == rows
    assert _plan(maker.prepare(movie, folder, False)).missing == {}


def test_names_given_before_stay_where_there_is_no_gallery(
    maker: PartWorker, movie: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "movie"
    plan = _plan(maker.prepare(movie, folder, False))
    for number in plan.missing:
        maker.make(movie, folder, plan.fingerprint, number)
    maker.finish(movie, folder, plan.fingerprint, _names(movie))
    named = (folder / "faces.csv").read_bytes()
    assert b",anna," in named
    empty = memory.load_gallery(tmp_path / "none", SETTINGS)
    nobody = RayNames(empty, 0.38, gallery.digest(tmp_path / "none", None), keep=False)
    maker.finish(movie, folder, plan.fingerprint, replace(nobody, keep=True))
    assert (folder / "faces.csv").read_bytes() == named
    maker.finish(movie, folder, plan.fingerprint, nobody)
    assert b",anna," not in (folder / "faces.csv").read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: replace(t, versions=t.versions | {"numpy": "0.1"}), r"has numpy .*, not 0\.1"),
        (lambda t: replace(t, versions=t.versions | {"processor": "z80"}), "processor .*not z80"),
        (lambda t: replace(t, models=t.models | {"emotion": "x"}), "another emotion network"),
    ],
    ids=["package", "processor", "network"],
)
def test_a_node_that_differs_says_so(
    change: Callable[[Terms], Terms], words: str, terms: Terms
) -> None:
    error = PartWorker(change(terms), "node-7").ready().error
    assert isinstance(error, ModelError)
    with pytest.raises(ModelError, match=f"node node-7: .*{words}.*install the same"):
        raise error


def test_a_movie_that_is_not_on_the_node_is_told(maker: PartWorker, tmp_path: Path) -> None:
    for answer in (
        maker.prepare(tmp_path / "none.mkv", tmp_path / "none", False),
        maker.make(tmp_path / "none.mkv", tmp_path / "none", "", 0),
    ):
        assert isinstance(answer.error, MovieError)
        assert "not there on node node-7" in str(answer.error)
    assert not (tmp_path / "none").exists()


def test_a_folder_that_is_not_on_the_node_is_told(
    maker: PartWorker, movie: Path, tmp_path: Path
) -> None:
    error = maker.make(movie, tmp_path / "none", "", 0).error
    assert isinstance(error, OutputError)
    assert "walk.json is not there on node node-7; choose an --output that all" in str(error)


def test_a_folder_with_another_walk_is_told(maker: PartWorker, movie: Path, tmp_path: Path) -> None:
    maker.prepare(movie, tmp_path / "movie", False)
    error = maker.make(movie, tmp_path / "movie", "another", 0).error
    assert isinstance(error, TableError)
    assert "another walk now" in str(error)


def test_a_walk_that_takes_the_folder_over_gets_no_part_of_another(
    maker: PartWorker, movie: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "movie"
    plan = _plan(maker.prepare(movie, folder, False))
    assert maker.make(movie, folder, plan.fingerprint, 0).error is None, "now it knows the walk"
    other = walker.prepare_walk(movie, folder, replace(SETTINGS, every=2), rewalk=True)
    for answer in (
        maker.make(movie, folder, plan.fingerprint, 1),
        maker.finish(movie, folder, plan.fingerprint, _names(movie)),
    ):
        assert isinstance(answer.error, TableError)
        assert "another walk now" in str(answer.error)
    assert parts.all_parts(folder) == []
    assert manifests.read(folder).fingerprint == other.fingerprint


def test_a_part_is_not_sent_to_a_walk_that_came_while_it_was_made(
    maker: PartWorker, movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec", reason="needs the extra `cluster`")
    folder = tmp_path / "bucket" / "movie"
    there = path_or_url(f"file://{folder}")
    plan = _plan(maker.prepare(movie, there, False))
    made = make_part

    def late(*args: Any) -> None:
        made(*args)
        walker.prepare_walk(movie, folder, replace(SETTINGS, every=2), rewalk=True)

    monkeypatch.setattr("pipeline.spread.worker.make_part", late)
    assert isinstance(maker.make(movie, there, plan.fingerprint, 1).error, TableError)
    assert parts.all_parts(folder) == []


def test_joining_parts_fetches_no_crops(
    maker: PartWorker, movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "movie"
    plan = _plan(maker.prepare(movie, folder, False))
    asked: list[Callable[[str], bool]] = []

    def spy(folder: Path, wanted: Any) -> Any:
        asked.append(wanted)
        return staged(folder, wanted)

    monkeypatch.setattr("pipeline.spread.worker.staged", spy)
    assert maker.finish(movie, folder, plan.fingerprint, _names(movie)).error is None
    names = ("walk.json", "tracks.npz", "parts/00000.npz", "parts/00000.csv")
    assert all(asked[-1](name) for name in names)
    assert not any(asked[-1](name) for name in ("anna/happy/film_f1.jpg", "report.html"))


def test_warnings_come_with_the_answer(maker: PartWorker, tmp_path: Path) -> None:
    whole = movies.write_movie(tmp_path / "broken.mkv", movies.blocks(200), rate=5)
    movies.cut(whole, 0.5)
    answer = maker.prepare(whole, tmp_path / "broken", False)
    assert any("breaks off" in words for words in answer.said)


def test_a_bug_is_no_answer(maker: PartWorker, movie: Path, tmp_path: Path) -> None:
    plan = _plan(maker.prepare(movie, tmp_path / "movie", False))
    with pytest.raises(IndexError):
        maker.make(movie, tmp_path / "movie", plan.fingerprint, 99)


def test_where_manifests_are_read_is_no_url(movie: Path, maker: PartWorker, tmp_path: Path) -> None:
    maker.prepare(movie, tmp_path / "movie", False)
    assert not is_remote(manifests.read(tmp_path / "movie").movie)
