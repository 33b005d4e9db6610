"""Renaming people: moving their photos."""

from pathlib import Path

import pytest

from pipeline.errors import OutputError, PeopleError
from pipeline.people import gallery
from pipeline.people.rename import rename


def _make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def _files(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()
    }


@pytest.mark.parametrize(
    ("before", "moved"),
    [
        pytest.param(["a.jpg"], {"a.jpg": "b.jpg"}, id="a photo"),
        pytest.param(["a.jpg", "a.png"], {"a.jpg": "b.jpg", "a.png": "b.png"}, id="two kinds"),
        pytest.param(["a/1.jpg", "a/x.txt"], {"a/1.jpg": "b/1.jpg", "a/x.txt": "b/x.txt"},
                     id="a folder"),
        pytest.param(["a/1.jpg", "a.jpg"], {"a/1.jpg": "b/1.jpg", "a.jpg": "b/a.jpg"},
                     id="folder and photo"),
        pytest.param(["a/1.jpg", "b/2.jpg"], {"a/1.jpg": "b/1.jpg"}, id="into a folder"),
        pytest.param(["a/1.jpg", "b/1.jpg", "b/1-2.jpg"], {"a/1.jpg": "b/1-3.jpg"},
                     id="a name that is taken"),
        pytest.param(["a/not/1.jpg", "b/not/1.jpg"], {"a/not/1.jpg": "b/not/1-2.jpg"},
                     id="who it is not"),
        pytest.param(["a/not/1.jpg", "b/2.jpg"], {"a/not/1.jpg": "b/not/1.jpg"},
                     id="who it is not, into a folder"),
        pytest.param(["a.jpg", "b.jpg"], {"a.jpg": "b/a.jpg"}, id="beside a photo"),
        pytest.param(["a.jpg", "b.png"], {"a.jpg": "b.jpg"}, id="beside a photo of another kind"),
        pytest.param(["a.jpg", "b/a.jpg"], {"a.jpg": "b/a-2.jpg"}, id="into a folder that has it"),
        pytest.param(["a/.x.jpg", "a/1.jpg", "b/.x.jpg"],
                     {"a/1.jpg": "b/1.jpg", "a/.x.jpg": "b/.x-2.jpg"}, id="hidden files"),
        pytest.param(["a.jpg", "ab.jpg", "a.txt", ".a.jpg"], {"a.jpg": "b.jpg"},
                     id="only that name"),
    ],
)  # fmt: skip
def test_rename_moves_every_photo_and_overwrites_none(
    before: list[str], moved: dict[str, str], tmp_path: Path
) -> None:
    folder = _make(tmp_path / "known", *before)
    places = rename(folder, "a", "b")
    assert _files(folder) == {moved.get(name, name): name for name in before}
    assert all(place.exists() for place in places)
    assert not (folder / "a").exists()
    assert "a" not in gallery.photos(folder)


def test_rename_changes_capitals(tmp_path: Path) -> None:
    folder = _make(tmp_path, "rdj.jpg")
    rename(folder, "rdj", "RDJ")
    assert _files(folder) == {"RDJ.jpg": "rdj.jpg"}


def test_names_are_the_same_however_they_are_composed(tmp_path: Path) -> None:
    folder = _make(tmp_path, "Zoe\u0308.jpg")
    assert list(gallery.photos(folder)) == ["Zo\u00eb"]
    rename(folder, "Zo\u00eb", "Chloe\u0308")
    assert list(gallery.photos(folder)) == ["Chlo\u00eb"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        pytest.param("ana", "b", r"No person 'ana' in .*/\. Did you mean 'anna'\?", id="nobody"),
        pytest.param("", "b", "No person ''", id="empty"),
        pytest.param("../x", "b", r"No person '\.\./x'", id="elsewhere"),
        pytest.param("*", "b", r"No person '\*'", id="a pattern"),
        pytest.param("anna", "anna", "the new name 'anna' is the old one", id="the same"),
        pytest.param("anna", "../x", "--rename: a name cannot begin", id="to elsewhere"),
        pytest.param("anna", "any", "--rename: a person cannot be called 'any'", id="reserved"),
        pytest.param("any", "b", "No person 'any'", id="everybody"),
    ],
)
def test_what_cannot_be_renamed_is_told_and_stays(
    old: str, new: str, words: str, tmp_path: Path
) -> None:
    folder = _make(tmp_path / "known", "anna.jpg", "ben.jpg")
    with pytest.raises(PeopleError, match=words):
        rename(folder, old, new)
    assert _files(tmp_path) == {"known/anna.jpg": "anna.jpg", "known/ben.jpg": "ben.jpg"}


def test_where_one_may_not_write_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path, _: Path) -> Path:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OutputError, match=r"anna\.jpg: cannot be moved \(Permission denied\)"):
        rename(_make(tmp_path, "anna.jpg"), "anna", "b")


@pytest.mark.parametrize("hard", [False, True], ids=["a symbolic link", "a hard link"])
def test_a_photo_is_never_lost_to_a_link_to_it(hard: bool, tmp_path: Path) -> None:
    folder = _make(tmp_path / "known", "b.jpg")
    if hard:
        (folder / "a.jpg").hardlink_to(folder / "b.jpg")
    else:
        (folder / "a.jpg").symlink_to("b.jpg")
    rename(folder, "a", "b")
    assert {p.name: p.read_text() for p in folder.rglob("*.jpg")} == {
        "b.jpg": "b.jpg",
        "a.jpg": "b.jpg",
    }
    assert (folder / "b.jpg").is_file()
    assert not (folder / "b.jpg").is_symlink()


def test_nobody_gets_the_name_of_another_in_other_capitals(tmp_path: Path) -> None:
    folder = _make(tmp_path, "anna.jpg", "ben.jpg")
    with pytest.raises(PeopleError, match="differ only in capital letters"):
        rename(folder, "anna", "BEN")
    assert set(_files(tmp_path)) == {"anna.jpg", "ben.jpg"}
    rename(folder, "anna", "Anna")  # That is who they are.
    assert set(_files(tmp_path)) == {"Anna.jpg", "ben.jpg"}


def test_a_link_that_leads_nowhere_is_not_overwritten(tmp_path: Path) -> None:
    folder = _make(tmp_path / "known", "a.jpg")
    (folder / "b.jpg").symlink_to(tmp_path / "unplugged" / "b.jpg")
    rename(folder, "a", "b")
    assert (folder / "b.jpg").is_symlink()
    assert (folder / "b" / "a.jpg").read_text() == "a.jpg"
