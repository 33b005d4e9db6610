"""What folders and patterns stand for."""

import os
from pathlib import Path

import pytest

from pipeline.archive.movies import movies, walks
from pipeline.errors import MovieError, TableError
from pipeline.remote import place


@pytest.fixture(autouse=True)
def _films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        "films/b.mkv", "films/a.MP4", "films/notes.txt", "films/deep/er/c.mkv", "films/[x].mkv",
        "films/.hidden/d.mkv", "films/.e.mkv", "odd.name",
    ):  # fmt: skip
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("empty").mkdir()


@pytest.mark.parametrize(
    ("given", "found"),
    [
        pytest.param(["films/b.mkv"], ["films/b.mkv"], id="a file"),
        pytest.param(["odd.name"], ["odd.name"], id="a file that ends as none"),
        pytest.param(["gone.mkv"], ["gone.mkv"], id="one that is missing, which fails alone"),
        pytest.param(["films/[x].mkv"], ["films/[x].mkv"], id="brackets in a name"),
        pytest.param(["films/*.mkv"], ["films/[x].mkv", "films/b.mkv"], id="a pattern"),
        pytest.param(
            ["films/**/*.mkv"],
            ["films/[x].mkv", "films/b.mkv", "films/deep/er/c.mkv"],
            id="a pattern at any depth",
        ),
        pytest.param(
            ["films"],
            ["films/[x].mkv", "films/a.MP4", "films/b.mkv", "films/deep/er/c.mkv"],
            id="a folder",
        ),
        pytest.param(
            ["films/b.mkv", "films/*.mkv", "films/b.mkv"],
            ["films/b.mkv", "films/[x].mkv"],
            id="each once, in the order given",
        ),
    ],
)
def test_movies(given: list[str], found: list[str]) -> None:
    assert movies([Path(path) for path in given]) == [Path(path) for path in found]


@pytest.mark.parametrize(
    ("given", "told"),
    [("films/*.avi", "no file is called like this"), ("empty", "a folder without movies")],
)
def test_what_stands_for_nothing_is_told_before_hours_of_work(given: str, told: str) -> None:
    with pytest.raises(MovieError, match=told):
        movies([Path("films/b.mkv"), Path(given)])


@pytest.mark.parametrize("given", [".", "**/*.mkv"])
def test_what_was_written_into_a_walks_folder_is_no_movie(given: str) -> None:
    """Clips, annotated movies, supercuts."""
    clips = Path("output/b/anna/happy/clips")
    clips.mkdir(parents=True)
    (clips / "1.mkv").touch()
    Path("output/b/walk.json").touch()
    Path("output/c.mkv").touch()
    found = movies([Path(given)])
    assert Path("output/c.mkv") in found
    assert not any("clips" in path.parts for path in found)


def test_movies_by_url(tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="needs the extra `cluster`")
    named = ["https://host/b.mkv?x=[1]", "s3://bucket/gone.mkv"]
    pattern = place(f"file://{tmp_path}/films/**/*.mkv")
    found = movies([*map(place, named), pattern, place(named[0])])
    assert [os.fspath(movie) for movie in found[:2]] == named
    inside = [str(movie).removeprefix(f"file://{tmp_path}/films/") for movie in found[2:]]
    assert inside == ["[x].mkv", "b.mkv", "deep/er/c.mkv"]
    with pytest.raises(MovieError, match="no file is called like this; of a web server"):
        movies([place(f"file://{tmp_path}/films/*.nothing")])


def test_walks_lie_at_any_depth_but_not_in_each_other() -> None:
    for name in ("out/b", "out/a", "out/a/anna/happy", "more/out/c"):
        (Path(name)).mkdir(parents=True)
        (Path(name) / "walk.json").touch()
    (Path("out/broken")).mkdir()
    (Path("out/broken/failed.txt")).touch()
    (Path("out/nothing")).mkdir()
    assert walks([Path("out"), Path("more"), Path("out/a/faces.csv")]) == [
        Path("out/a"), Path("out/b"), Path("out/broken"), Path("more/out/c"),
    ]  # fmt: skip
    with pytest.raises(TableError, match="empty: holds no walk"):
        walks([Path("out"), Path("empty")])
