"""Folders by URL: wanted files are fetched, changed files are sent back, complete and in order."""

import os
from pathlib import Path

import pytest

from pipeline.errors import OutputError
from pipeline.movie.remote import Url, path_or_url
from pipeline.spread import staging
from pipeline.spread.staging import staged

pytest.importorskip("fsspec", reason="needs the extra `cluster`")

FILES = {"walk.json": "{}", "parts/00000.npz": "arrays", "parts/00000.csv": "rows"}


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    folder = tmp_path / "bucket" / "film"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def _url(folder: Path) -> Path:
    return path_or_url(f"file://{folder}")


def _content(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()
    }


def test_a_folder_that_is_here_is_used_as_it_is(tmp_path: Path) -> None:
    with staged(tmp_path, None) as found:
        assert found == tmp_path


def test_of_what_is_not_read_only_the_name_comes(bucket: Path) -> None:
    with staged(_url(bucket), lambda name: name == "walk.json") as found:
        assert _content(found) == {**dict.fromkeys(FILES, ""), "walk.json": "{}"}
    assert _content(bucket) == FILES, "and names without content do not go back"


def test_what_is_only_written_to_comes_empty(bucket: Path) -> None:
    with staged(_url(bucket), None) as found:
        assert _content(found) == {}
        (found / "parts").mkdir()
        (found / "parts" / "00001.csv").write_text("more rows")
    assert _content(bucket) == FILES | {"parts/00001.csv": "more rows"}


def test_parts_that_came_while_another_walk_was_planned_go(bucket: Path) -> None:
    with staged(_url(bucket), lambda _: False) as found:
        (found / "walk.json").write_text("another")
        (bucket / "parts" / "00001.csv").write_text("of the walk that was")
        (bucket / "report.html").write_text("no part")
    assert _content(bucket) == FILES | {"walk.json": "another", "report.html": "no part"}


def test_what_is_removed_is_removed_there(bucket: Path) -> None:
    with staged(_url(bucket), lambda _: False) as found:
        (found / "parts" / "00000.csv").unlink()
    assert _content(bucket) == {n: t for n, t in FILES.items() if n != "parts/00000.csv"}


def test_where_something_goes_wrong_nothing_goes_back(bucket: Path) -> None:
    def spoil() -> None:
        with staged(_url(bucket), lambda _: True) as found:
            (found / "walk.json").write_text("torn")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        spoil()
    assert _content(bucket) == FILES


def test_files_go_after_those_that_they_vouch_for(
    bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(staging, "_put", lambda system, source, target: sent.append(source.name))
    with staged(_url(bucket), None) as found:
        (found / "parts").mkdir()
        for name in ("tracks.npz", "faces.csv", "walk.json", "frames.npz"):
            (found / name).write_text(name)
        for name in ("00002.csv", "00002.npz", "00001.csv", "00001.npz"):
            (found / "parts" / name).write_text(name)
    parts = ["00001.npz", "00002.npz", "00001.csv", "00002.csv"]
    assert sent == [*parts, "frames.npz", "walk.json", "faces.csv", "tracks.npz"]


def test_a_place_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    stuck = staged(path_or_url(f"file://{tmp_path}/file/film"), None)
    with pytest.raises(OutputError, match="cannot be read or written"), stuck as found:
        (found / "faces.csv").write_text("rows")


def test_a_url_names_what_is_in_it(bucket: Path) -> None:
    folder = Url(f"file://{bucket}")
    assert (folder / "walk.json").exists()
    assert (folder / "walk.json").read_bytes() == b"{}"
    assert not (folder / "none").exists()
    assert (folder.absolute(), os.fspath(folder), folder.name) == (folder, str(folder), "film")
