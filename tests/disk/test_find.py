"""Folders and patterns expand to movies and walks."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline.disk.find import find_movies, find_walks, without_failed
from pipeline.errors import MovieError, TableError
from pipeline.movie.remote import path_or_url


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
    assert find_movies([Path(path) for path in given]) == [Path(path) for path in found]


@pytest.mark.parametrize(
    "name",
    [
        "MOV001.MOD", "MOV001.tod", "phone.3g2", "old.qt", "raw.264", "raw.h264", "raw.h265",
        "camera.dav", "box.trp", "theora.ogg", "glued.TS", "disc.vob", "game.bik", "car.insv",
    ],
)  # fmt: skip
def test_movies_of_many_makers(name: str) -> None:
    Path("empty", name).touch()
    assert find_movies([Path("empty")]) == [Path("empty", name)]


@pytest.mark.parametrize(
    "pattern",
    ["{}/*.mkv", "{}/**/*.mkv", "{}/a[0-9]*.mkv", "ser*/{}/*.mkv", "*/*[[]2020]*/a1.mkv"],
)
@pytest.mark.parametrize("name", ["Heat [2020]", "[x] Heat [2020]", "[2020]", "a [b [2020]"])
def test_brackets_in_the_name_of_a_folder_before_a_pattern(pattern: str, name: str) -> None:
    for folder in (name, f"series/{name}"):
        Path(folder).mkdir(parents=True)
        Path(folder, "a1.mkv").touch()
    in_series = pattern.startswith(("ser", "*"))
    wanted = Path("series" if in_series else "", name, "a1.mkv")
    assert find_movies([Path(pattern.format(name))]) == [wanted]


def test_a_pattern_may_have_brackets_of_its_own() -> None:
    for name in ("a1", "a2", "ab"):
        Path(f"empty/{name}.mkv").touch()
    found = [Path("empty/a1.mkv"), Path("empty/a2.mkv")]
    assert find_movies([Path("empty/a[0-9].mkv")]) == found
    assert find_movies([Path("[e]mpty/a[12].mkv")]) == found


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A disk with a movie and a walk; films/ and out/ have links to it, and one leads back."""
    disk = tmp_path / "disk"
    for name in ("f.mkv", "walks/f/walk.json"):
        (disk / name).parent.mkdir(parents=True, exist_ok=True)
        (disk / name).touch()
    (disk / "films").symlink_to(tmp_path / "films")
    (tmp_path / "films" / "a link").symlink_to(disk)
    (tmp_path / "films" / "another").symlink_to(disk)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "linked").symlink_to(disk / "walks")
    return disk


def test_folders_behind_links_are_searched_once(linked: Path) -> None:
    own = ["films/[x].mkv", "films/a.MP4", "films/b.mkv", "films/deep/er/c.mkv"]
    assert find_movies([Path("films")]) == sorted(map(Path, [*own, "films/a link/f.mkv"]))
    assert find_movies([Path("films/**/f.mkv")])[0].resolve() == linked / "f.mkv"
    assert find_walks([Path("out")]) == [Path("out/linked/f")]


@pytest.mark.parametrize("given", ["films", "films/**/*.mkv", "films/*/*.mkv"])
def test_a_locked_folder_is_told(
    given: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scan = os.scandir

    def locked(place: str) -> object:
        if str(place).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(place))
        return scan(place)

    Path("films/other").mkdir()
    Path("films/other/d.mkv").touch()
    monkeypatch.setattr(os, "scandir", locked)
    found = find_movies([Path(given)])
    assert Path("films/other/d.mkv") in found
    assert Path("films/deep/er/c.mkv") not in found
    told = f"{Path('films/deep')}: cannot be read (Permission denied), so what is in it is left out"
    assert [message.partition(";")[0] for message in caplog.messages] == [told]


@pytest.mark.parametrize("given", ["films/deep/er/c.mkv", "films/dee[p]/er/c.mkv"])
def test_what_is_in_a_locked_folder_has_no_other_error(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = os.stat

    def locked(place: str | Path, **how: Any) -> os.stat_result:
        if "deep" in Path(place).parts[:-1]:
            raise PermissionError(13, "Permission denied", str(place))
        return stat(place, **how)

    monkeypatch.setattr(os, "stat", locked)
    monkeypatch.setattr(os, "lstat", partial(locked, follow_symlinks=False))
    if "[" in given:
        with pytest.raises(MovieError, match="no file matches"):
            find_movies([Path(given)])
    else:
        assert find_movies([Path(given)]) == [Path(given)]


@pytest.mark.parametrize("given", ["films", "films/*.mkv"])
def test_a_link_to_what_is_gone_is_not_left_out(given: str) -> None:
    Path("films/gone.mkv").symlink_to("unplugged/gone.mkv")
    assert Path("films/gone.mkv") in find_movies([Path(given)])


@pytest.mark.parametrize(
    ("given", "message"),
    [("films/*.avi", "no file matches"), ("empty", "no movies in this folder")],
)
def test_what_stands_for_nothing_is_told_before_hours_of_work(given: str, message: str) -> None:
    with pytest.raises(MovieError, match=message):
        find_movies([Path("films/b.mkv"), Path(given)])


@pytest.mark.parametrize("given", [".", "**/*.mkv"])
def test_what_was_written_into_a_walks_folder_is_no_movie(given: str) -> None:
    """Clips, annotated movies, supercuts."""
    clips = Path("output/b/anna/happy/clips")
    clips.mkdir(parents=True)
    (clips / "1.mkv").touch()
    Path("output/b/walk.json").touch()
    Path("output/c.mkv").touch()
    found = find_movies([Path(given)])
    assert Path("output/c.mkv") in found
    assert not any("clips" in path.parts for path in found)


def test_movies_by_url(tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="needs the extra `cluster`")
    named = ["https://host/b.mkv?x=[1]", "s3://bucket/gone.mkv"]
    pattern = path_or_url(f"file://{tmp_path}/films/**/*.mkv")
    found = find_movies([*map(path_or_url, named), pattern, path_or_url(named[0])])
    assert [os.fspath(movie) for movie in found[:2]] == named
    inside = [str(movie).removeprefix(f"file://{tmp_path}/films/") for movie in found[2:]]
    assert inside == ["[x].mkv", "b.mkv", "deep/er/c.mkv"]
    with pytest.raises(MovieError, match="no file matches; if the web server"):
        find_movies([path_or_url(f"file://{tmp_path}/films/*.nothing")])


def test_walks_lie_at_any_depth_but_not_in_each_other() -> None:
    for name in ("out/b", "out/a", "out/a/anna/happy", "more/out/c"):
        (Path(name)).mkdir(parents=True)
        (Path(name) / "walk.json").touch()
    (Path("out/broken")).mkdir()
    (Path("out/broken/failed.txt")).touch()
    (Path("out/nothing")).mkdir()
    assert find_walks([Path("out"), Path("more"), Path("out/a/faces.csv")]) == [
        Path("out/a"), Path("out/b"), Path("out/broken"), Path("more/out/c"),
    ]  # fmt: skip
    with pytest.raises(TableError, match=r"empty: holds no walk.*mine-video walk MOVIE"):
        find_walks([Path("empty"), Path("out/nothing")])


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("out/b", id="its folder"),
        pytest.param("out/b/faces.csv", id="its faces.csv"),
        pytest.param("b", id="its name"),
        pytest.param("films/b.mkv", id="the movie"),
    ],
)
def test_a_walk_is_given_in_many_ways(given: str) -> None:
    Path("out/b").mkdir(parents=True)
    Path("out/b/walk.json").touch()
    assert find_walks([Path(given)], Path("out")) == [Path("out/b")]


def test_what_is_walked_here_goes_before_a_name_elsewhere() -> None:
    for name in ("b", "out/b"):
        Path(name).mkdir(parents=True)
        (Path(name) / "walk.json").touch()
    assert find_walks([Path("b")], Path("out")) == [Path("b")]


def test_one_folder_without_a_walk_stops_no_other() -> None:
    _walked("out/b", "walk.json")
    assert find_walks([Path("empty"), Path("out"), Path(300 * "x")]) == [
        Path("empty"), Path("out/b"), Path(300 * "x"),
    ]  # fmt: skip


@pytest.mark.parametrize("file", ["photos.csv", "crops.csv", "sheet.jpg", "sheet-1.jpg"])
def test_a_pattern_stands_for_what_other_commands_left_too(file: str) -> None:
    """`cast` of several movies, `search --pick` and `--sheet` into the folder of all movies."""
    _walked("out/b", "walk.json")
    _walked("out/cast", file)
    Path("out/cast.csv").touch()
    assert find_walks(sorted(Path("out").iterdir())) == [Path("out/b")]
    with pytest.raises(TableError, match="cast: holds no walk"):
        find_walks([Path("out/cast")])


def test_failed_walks_are_left_out_with_a_line(caplog: pytest.LogCaptureFixture) -> None:
    for name, file in (("a", "failed.txt"), ("b", "walk.json"), ("c", "failed.txt")):
        _walked(f"out/{name}", file)
    _walked("out/b", "failed.txt")  # Left by an earlier walk.
    every = find_walks([Path("out")])
    assert len(every) == 3
    assert without_failed(every) == [Path("out/b")]
    assert caplog.messages == ["leaving out 2 failed walks; `mine-video status` shows why"]
    assert without_failed([]) == []


def test_of_failed_walks_alone_the_reason_is_told() -> None:
    _walked("out/a", "failed.txt")
    Path("out/a/failed.txt").write_text("my films/a.mkv\na.mkv: has no video stream\n")
    with pytest.raises(TableError, match=r"^out/a: its walk failed: a\.mkv: has no video stream$"):
        without_failed(find_walks([Path("out")]))


def _walked(folder: str, file: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / file).touch()
