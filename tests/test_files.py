"""Files of a movie's folder: no link in it leads a writer elsewhere."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pipeline import files
from pipeline.errors import OutputError

OWN = ".faces.csv.123.tmp"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "film" / "anna" / "happy").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "film"


@pytest.mark.parametrize("place", ["parts", "anna/sad", "anna/happy/rejected", "cast"])
def test_a_folder_that_leads_elsewhere_is_refused(folder: Path, tmp_path: Path, place: str) -> None:
    other = tmp_path / "elsewhere" / OWN
    other.touch()
    (folder / place).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match=r"is a link to .*elsewhere"), files.locked(folder):
        pass
    assert other.exists(), "nor is anything cleared there"


@pytest.mark.parametrize("own", [True, False], ids=["our folder", "the user's"])
@pytest.mark.parametrize("name", [".lock", ".lock-holder"])
def test_the_lock_writes_into_no_other_file(
    folder: Path, tmp_path: Path, name: str, own: bool
) -> None:
    other = tmp_path / "elsewhere" / "diary.txt"
    other.write_text("mine")
    (folder / name).symlink_to(other)
    refused = pytest.raises(OutputError, match=r"is a link to .*diary")
    with refused, files.locked(folder, own=own):
        pass
    assert other.read_text() == "mine"


def test_a_linked_output_folder_and_links_within_it_are_written(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "anna" / "sad").symlink_to(folder / "anna" / "happy")
    (tmp_path / "output").symlink_to(tmp_path)
    with files.locked(tmp_path / "output" / "film"):
        pass


def test_a_temporary_file_that_is_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "diary.txt"
    other.write_text("mine")
    files.beside(folder / "faces.csv").symlink_to(other)
    with files.replacing(folder / "faces.csv") as file:
        file.write(b"rows")
    assert (other.read_text(), (folder / "faces.csv").read_bytes()) == ("mine", b"rows")


def test_what_killed_writers_left_is_cleared(folder: Path) -> None:
    places = (".", "parts", "anna/happy", "cast/1")
    for place in places:
        (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / place / OWN).touch()
    (folder / ".mine.tmp").touch()
    with files.locked(folder):
        assert [p.name for p in folder.rglob("*.tmp")] == [".mine.tmp"]


def test_folders_of_killed_processes_are_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not those of others that live, nor what only looks so."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    names = {
        f"mine-video-{ended.pid}-a": False, f"mine-video-{os.getppid()}-b": True,
        "mine-video-x-c": True, "other": True,
    }  # fmt: skip
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "face.jpg").touch()
    with files.scratch_folder() as own:
        assert own.parent == tmp_path
        assert {name: (tmp_path / name / "face.jpg").exists() for name in names} == names
    assert not own.exists()


@pytest.mark.skipif(os.name != "posix", reason="only POSIX clears the folders of others")
def test_a_temporary_folder_that_goes_while_it_is_looked_at_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "glob", lambda *_: iter([tmp_path / f"{files.SCRATCH}1-gone"]))
    with files.scratch_folder() as own:
        assert own.is_dir()


def test_what_killed_writers_left_in_the_gallery_is_cleared(tmp_path: Path) -> None:
    """But not while another writer is at work; and links there are the user's own."""
    left = tmp_path / "known" / "anna" / "not" / ".1.jpg.7.tmp"
    left.parent.mkdir(parents=True)
    (tmp_path / "known" / "ben").symlink_to(tmp_path)
    left.touch()
    with files.locked(tmp_path / "known", own=False):
        left.touch()
        files.clear_leftovers(tmp_path / "known")
        assert left.exists()
    left.touch()
    files.clear_leftovers(tmp_path / "known")
    assert not left.exists()


def test_a_new_folder_is_flushed_into_the_one_that_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut would take it, and all that was flushed in it."""
    flushed: list[Path] = []
    monkeypatch.setattr(files, "_flush_folder", flushed.append)
    with files.replacing(tmp_path / "a" / "b" / "file"):
        pass
    assert flushed == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
    flushed.clear()
    with files.locked(tmp_path / "c"):
        assert flushed == [tmp_path]


def test_what_killed_writers_of_a_file_left_beside_it_is_cleared(tmp_path: Path) -> None:
    """In the user's own folders, which nobody locks; not what another writes just now."""
    (tmp_path / ".a.csv.7.tmp").touch()
    (tmp_path / ".b.csv.7.tmp").touch()
    with files.replacing(tmp_path / "a.csv"):
        files.clear_earlier(tmp_path / "a.csv")
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {".b.csv.7.tmp", files.beside(tmp_path / "a.csv").name}
    assert {path.name for path in tmp_path.iterdir()} == {".b.csv.7.tmp", "a.csv"}
