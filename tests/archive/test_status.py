"""Tests of the state of walks."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.archive.status import State, states
from pipeline.disk import manifest as manifests
from pipeline.disk import tracks_npz
from pipeline.disk.failure import FAILURE_FILE
from pipeline.disk.find import find_walks


def _of(output: Path, name: str = "talk") -> State:
    (state,) = (s for s in states(find_walks([output])) if s.folder.name == name)
    return state


def _no_rows(folder: Path) -> None:
    (folder / "faces.csv").unlink()


def _no_part(folder: Path) -> None:
    _no_rows(folder)
    (folder / "parts" / "00000.csv").unlink()


def _gone(folder: Path) -> None:
    manifests.write(folder, replace(manifests.read(folder), movie=folder / "gone.mkv"))


def _changed(folder: Path) -> None:
    movie = folder / "new.mkv"
    movie.write_bytes(b"another")
    manifests.write(folder, replace(manifests.read(folder), movie=movie))


def _torn(folder: Path) -> None:
    (folder / "walk.json").write_text("{")


def _failed(folder: Path) -> None:
    _no_rows(folder)
    (folder / FAILURE_FILE).write_text("films/talk.mkv\nits disk is full\n")


def _failed_later(folder: Path) -> None:
    (folder / FAILURE_FILE).write_text("films/talk.mkv\nit holds another walk\n")


def _failed_at_once(folder: Path) -> None:
    _failed(folder)
    (folder / "walk.json").unlink()


@pytest.mark.parametrize(
    ("happen", "state", "detail"),
    [
        pytest.param(lambda folder: None, "done", "", id="done"),
        pytest.param(
            _no_rows, "unfinished", "1 of 1 parts; walk it again to join them", id="not merged"
        ),
        pytest.param(_no_part, "unfinished", "0 of 1 parts", id="no part"),
        pytest.param(_gone, "out of date", "the movie is gone", id="gone"),
        pytest.param(_changed, "out of date", "the movie has changed", id="changed"),
        pytest.param(_torn, "failed", "walk.json: damaged", id="torn"),
        pytest.param(_failed, "failed", "its disk is full", id="failed"),
        pytest.param(_failed_later, "done", "", id="done, and failed with other options"),
        pytest.param(_failed_at_once, "failed", "its disk is full", id="failed before it began"),
    ],
)
def test_states(happen: Callable[[Path], None], state: str, detail: str, output: Path) -> None:
    happen(output / "talk")
    found = _of(output)
    assert found.state == state
    assert detail in found.detail
    assert bool(found.detail) == bool(detail)
    assert sum(s.state == "done" for s in states(find_walks([output]))) == (
        3 if state == "done" else 2
    )


def test_a_second_walk_of_the_same_film_is_told(output: Path) -> None:
    shutil.copytree(output / "talk", output / "zoo", copy_function=shutil.copy)
    first, second = (_of(output, name) for name in ("talk", "zoo"))
    assert (first.state, first.detail) == ("done", "")
    assert (second.state, second.detail) == ("done", f"the same film as {output / 'talk'}")


def test_another_network_is_out_of_date(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = manifests.read(output / "talk")
    monkeypatch.setattr(
        "pipeline.archive.status.identities", lambda settings: walk.models | {"emotion": "new"}
    )
    found = _of(output)
    assert (found.state, found.detail.partition(";")[0]) == (
        "out of date", "walked with another emotion network",
    )  # fmt: skip


def test_a_network_that_is_only_rounded_is_not_out_of_date(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = manifests.read(output / "talk").models
    kind, file, _ = models["recognizer"].split()
    today = models | {"recognizer": f"{kind} rounded 1"}
    monkeypatch.setattr("pipeline.archive.status.identities", lambda _: today)
    assert _of(output).state == "out of date"
    monkeypatch.setattr("pipeline.models.registry.SFACE_UNROUNDED", f"{kind} {file}")
    assert _of(output).state == "done"


def test_names_from_other_photos_are_reported(output: Path) -> None:
    gallery = tracks_npz.read_tracks(output / "talk" / "tracks.npz").gallery
    details = {s.folder.name: s.detail for s in states(find_walks([output]), gallery)}
    assert details["talk"] == ""
    found = {s.folder.name: s for s in states(find_walks([output]), "of other photos")}
    assert found["talk"].state == "done"
    assert "names from other photos or another --tolerance; update them" in found["talk"].detail
