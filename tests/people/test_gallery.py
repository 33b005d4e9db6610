"""Reading photos into a gallery."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import PeopleError
from pipeline.people import gallery as galleries
from pipeline.people.names import check_apart, check_name
from tests.support import puppet
from tests.support.puppet import photo


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """Two people: one with a photo, one with a folder of two."""
    folder = tmp_path / "known"
    photo(folder / "anna.png", "anna")
    photo(folder / "ben" / "a.PNG", "ben")
    photo(folder / "ben" / "b.png", 105)
    return folder


def test_photos_are_files_and_folders_by_name(known: Path) -> None:
    photo(known / "ben.jpg", "ben")
    (known / "ben" / "notes.txt").write_text("not a photo")
    (known / ".hidden.png").write_bytes(b"")
    (known / "README.md").write_text("nor this")
    found = galleries.photos(known)
    names = {
        person: [p.relative_to(known).as_posix() for p in own] for person, own in found.items()
    }
    assert names == {"anna": ["anna.png"], "ben": ["ben/a.PNG", "ben/b.png", "ben.jpg"]}


def test_no_folder_is_nobody(tmp_path: Path) -> None:
    assert galleries.photos(tmp_path / "nowhere") == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("any", "a person cannot be called 'any'", id="any"),
        pytest.param("unknown", "a person cannot be called 'unknown'", id="unknown"),
        pytest.param(" ", "a person cannot be called", id="blank"),
        pytest.param("=cmd()", "cannot begin with", id="formula"),
        pytest.param("+1", "cannot begin with", id="plus"),
        pytest.param("-q", "cannot begin with", id="option"),
        pytest.param("@home", "cannot begin with", id="at"),
        pytest.param("..", "cannot begin with", id="parent folder"),
        pytest.param("a/b", "contain / ", id="slash"),
        pytest.param("a\\b", "contain / ", id="backslash"),
        pytest.param("c:d", "contain / ", id="colon"),
        pytest.param("two\nlines", "contain / ", id="line break"),
    ],
)
def test_names_that_would_do_harm_are_refused(name: str, words: str) -> None:
    with pytest.raises(PeopleError, match=words) as raised:
        check_name(name, "known_faces/x.jpg")
    assert "known_faces/x.jpg" in str(raised.value)
    assert "choose another name" in str(raised.value)


def test_names_that_differ_only_in_case_are_one_folder_elsewhere(known: Path) -> None:
    check_apart("anna", ["anna", "ben"], "here")
    words = "here: 'Anna' and 'anna' differ only in capital letters.*write 'anna' if"
    with pytest.raises(PeopleError, match=words):
        check_apart("Anna", ["ben", "anna"], "here")
    (known / "ANNA").mkdir()
    with pytest.raises(PeopleError, match="differ only in capital letters"):
        galleries.photos(known)


@pytest.mark.parametrize("name", ["rdj", "007", "NA", "Zoë", "O'Hara, Jr.", "a-b", "x=y"])
def test_other_names_are_kept(name: str) -> None:
    assert check_name(name, "here") == name


def test_a_refused_name_is_found_in_the_folder(known: Path) -> None:
    photo(known / "unknown.png", "carl")
    with pytest.raises(PeopleError, match=r"unknown\.png"):
        galleries.photos(known)


def test_load_embeds_every_photo(known: Path) -> None:
    gallery = galleries.embed_gallery(known, puppet.models())
    assert gallery.people == ("anna", "ben")
    assert gallery.owner.tolist() == [0, 1, 1]
    hues = np.radians([0, 90, 105])
    wanted = np.stack([np.cos(hues), np.sin(hues)], axis=1)
    assert gallery.embedding[:, :2] == pytest.approx(wanted, abs=0.06)
    assert galleries.usable(gallery) == ("anna", "ben")


def test_load_without_photos_is_empty(tmp_path: Path) -> None:
    gallery = galleries.embed_gallery(tmp_path, puppet.models())
    assert gallery.people == ()
    assert gallery.embedding.shape == (0, 128)
    assert galleries.usable(gallery) == ()


def _not_a_picture(path: Path) -> None:
    path.write_text("hello")


def _nobody(path: Path) -> None:
    photo(path)


def _two(path: Path) -> None:
    photo(path, "carl", "dora")


def _small(path: Path) -> None:
    photo(path, "carl", size=30)


def _cut_short(path: Path) -> None:
    photo(path, "carl")
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(_not_a_picture, "not a readable photo", id="no picture"),
        pytest.param(_cut_short, "not a readable photo", id="cut short"),
        pytest.param(_nobody, "no face found, photo skipped; use one where", id="nobody"),
        pytest.param(_two, "2 faces found, photo skipped; crop it to one face", id="two faces"),
        pytest.param(_small, "only 30 px wide, photo skipped; use one with a", id="too small"),
    ],
)
def test_a_photo_that_cannot_be_used_is_told_and_skipped(
    make: object, words: str, known: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(make)
    make(known / "carl.png")
    with caplog.at_level(logging.WARNING):
        gallery = galleries.embed_gallery(known, puppet.models())
    assert f"{known / 'carl.png'}: " in caplog.text
    assert words in caplog.text
    assert gallery.people == ("anna", "ben", "carl")
    assert gallery.owner.tolist() == [0, 1, 1]
    assert galleries.usable(gallery) == ("anna", "ben")


def test_the_digest_changes_when_names_may_change(known: Path) -> None:
    def digest(tolerance: float = 0.38) -> str:
        return galleries.digest(known, tolerance)

    first = digest()
    assert digest() == first
    assert digest(0.4) != first
    (known / "notes.txt").write_text("no photo")
    assert digest() == first
    (known / "ben" / "b.png").rename(known / "ben" / "c.png")
    renamed = digest()
    assert renamed != first
    photo(known / "ben" / "c.png", "carl")
    assert digest() not in (first, renamed)


def test_a_photo_that_cannot_be_opened_is_told_and_stops_nothing(
    known: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = galleries.digest(known, 0.38)
    (known / "carl.png").symlink_to(known / "nowhere.png")
    there = galleries.digest(known, 0.38)
    assert there != before
    assert galleries.embed_gallery(known, puppet.models()).owner.tolist() == [0, 1, 1]
    assert f"{known / 'carl.png'}: not a readable photo" in caplog.text
    photo(known / "nowhere.png", "carl")
    assert galleries.digest(known, 0.38) != there


# --- photos in not/, hidden files, other kinds --------------------------------------------------


def test_photos_of_who_it_is_not_are_no_photos_of_who_it_is(known: Path) -> None:
    photo(known / "ben" / "not" / "x.png", "carl")
    photo(known / "carl" / "not" / "y.png", "ben")
    assert [p.name for p in galleries.photos(known)["ben"]] == ["a.PNG", "b.png"]
    assert galleries.photos(known)["carl"] == []
    assert galleries.others(known) == {
        "ben": [known / "ben" / "not" / "x.png"],
        "carl": [known / "carl" / "not" / "y.png"],
    }
    gallery = galleries.embed_gallery(known, puppet.models())
    assert gallery.people == ("anna", "ben", "carl")
    assert gallery.owner.tolist() == [0, 1, 1]
    assert gallery.other_owner.tolist() == [1, 2]
    wanted = np.array([[-1, 0], [0, 1]])
    assert gallery.other[:, :2] == pytest.approx(wanted, abs=0.06)
    assert galleries.usable(gallery) == ("anna", "ben")


def test_a_photo_of_who_it_is_not_changes_the_digest(known: Path) -> None:
    before = galleries.digest(known, 0.38)
    path = photo(known / "anna" / "not" / "x.png", "carl")
    there = galleries.digest(known, 0.38)
    path.rename(known / "anna" / "x.png")
    assert len({before, there, galleries.digest(known, 0.38)}) == 3


def test_hidden_files_are_passed_over_everywhere(
    known: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = galleries.digest(known, 0.38)
    for place in (known, known / "ben", known / "ben" / "not", known / ".trash"):
        place.mkdir(exist_ok=True)
        (place / "._a.png").write_text("what a Mac leaves")
    assert galleries.digest(known, 0.38) == before
    assert galleries.embed_gallery(known, puppet.models()).owner.tolist() == [0, 1, 1]
    assert caplog.messages == []


def test_pictures_of_kinds_that_are_not_read_are_told(
    known: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (known / "zoe.HEIC").write_text("a telephone's")
    (known / "ben" / "c.heic").write_text("another")
    (known / "ben" / "not").mkdir()
    (known / "ben" / "not" / "d.jxl").write_text("of somebody else")
    assert galleries.embed_gallery(known, puppet.models()).people == ("anna", "ben")
    assert [text.partition(": ")[0] for text in caplog.messages] == [
        str(known / "ben" / "c.heic"),
        str(known / "ben" / "not" / "d.jxl"),
        str(known / "zoe.HEIC"),
    ]
    assert "cannot read this kind of picture, skipped; save it as JPEG" in caplog.text


def test_a_folder_that_cannot_be_read_is_told(known: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(PeopleError, match=r"known: cannot be read \(Permission denied\); get"):
        galleries.photos(known)


# --- people who look alike ----------------------------------------------------------------------


def _gallery(*hues: list[float]) -> galleries.Gallery:
    angles = np.radians([hue for own in hues for hue in own])
    embedding = np.zeros((len(angles), 128), np.float32)
    embedding[:, 0], embedding[:, 1] = np.cos(angles), np.sin(angles)
    owner = np.array([n for n, own in enumerate(hues) for _ in own], np.int64)
    return galleries.Gallery(tuple("abcdefgh"[: len(hues)]), embedding, owner)


def test_alike_are_people_whose_nearest_photos_are_within_the_tolerance() -> None:
    found = galleries.alike(_gallery([0, 90], [180, 110], [200], [], [110]), 0.38)
    assert [(a, b) for a, b, _ in found] == [("b", "e"), ("a", "b"), ("a", "e"), ("b", "c")]
    assert [far for _, _, far in found] == pytest.approx([0, 0.347, 0.347, 0.347], abs=1e-3)
    assert galleries.alike(_gallery([0, 10, 20]), 0.38) == [], "one person is no pair"
    assert galleries.alike(_gallery(), 0.38) == []


def test_alike_are_told_by_name_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    galleries.warn_of_alike(_gallery([0], [0], [20]), 0.38, Path("known_faces"))
    (message,) = caplog.messages
    assert "a and b (the same photo), a and c (0.35), b and c (0.35); remove" in message
    caplog.clear()
    galleries.warn_of_alike(_gallery([0], [90], [180]), 0.38, Path("known_faces"))
    assert caplog.messages == []
    galleries.warn_of_alike(_gallery(*([[0.0]] * 8)), 0.38, Path("known_faces"))
    assert "and 23 more pairs" in caplog.text


# --- photos of somebody else, and of nobody ------------------------------------------------------


def _of_one(**hues: int) -> galleries.Gallery:
    """One person with photos of these hues."""
    gallery = _gallery([float(hue) for hue in hues.values()])
    return replace(gallery, photo=tuple(Path("known/anna") / f"{name}.jpg" for name in hues))


@pytest.mark.parametrize(
    ("hues", "groups"),
    [
        pytest.param({"a": 0}, [], id="one photo"),
        pytest.param({"a": 0, "b": 20}, [], id="alike"),
        pytest.param({"a": 0, "b": 90}, [["a"], ["b"]], id="two photos of two people"),
        pytest.param({"a": 0, "b": 90, "c": 10}, [["a", "c"], ["b"]], id="one of another"),
        pytest.param(
            {"a": 0, "b": 9, "c": 90, "d": 99}, [["a", "b"], ["c", "d"]], id="two of each"
        ),
        pytest.param({"a": 0, "b": 60, "c": 30}, [], id="one that lies between"),
        pytest.param({"a": 0, "b": 120, "c": 240}, [["a"], ["b"], ["c"]], id="three people"),
    ],
)
def test_photos_of_several_people_in_one_folder(
    hues: dict[str, int], groups: list[list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    found = galleries.strangers(_of_one(**hues), 0.55)
    assert [[[p.stem for p in one] for one in person] for person in found] == (
        [groups] if groups else []
    )
    galleries.warn_of_strangers(_of_one(**hues), 0.55)
    told = " | ".join(", ".join(f"{name}.jpg" for name in one) for one in groups)
    assert [f"show {len(groups)} people: {told}; give each" in m for m in caplog.messages] == (
        [True] if groups else []
    )


def test_a_warning_lists_no_endless_names(caplog: pytest.LogCaptureFixture) -> None:
    hues = {f"{n:02}": 0 for n in range(20)} | {"z": 90}
    galleries.warn_of_strangers(_of_one(**hues), 0.55)
    assert "00.jpg, 01.jpg, 02.jpg, 03.jpg, 04.jpg and 15 more | z.jpg" in caplog.text


@pytest.mark.parametrize("place", ["family/anna", "ben/holidays/2020", "ben/not/others"])
def test_photos_that_lie_too_deep_are_told(
    place: str, known: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = galleries.digest(known, 0.38)
    photo(known / place / "1.png", "carl")
    assert galleries.digest(known, 0.38) != before, "so that a walk named before tells it, too"
    gallery = galleries.embed_gallery(known, puppet.models())
    assert gallery.owner.tolist()[-2:] == [gallery.people.index("ben")] * 2
    (message,) = caplog.messages
    assert "1.png is not used, as a person's folder holds no other folders than not/" in message
    assert message.startswith(f"{known / place.removesuffix('/2020')}/: ")


@pytest.mark.parametrize("file", ["", "portrait", "photos.zip", ".trash/1.png"])
def test_a_person_without_photos_is_told(
    file: str, known: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (known / "zoe" / file).parent.mkdir(parents=True, exist_ok=True)
    (known / "zoe" / file).touch() if file else (known / "zoe").mkdir()
    galleries.embed_gallery(known, puppet.models())
    (message,) = caplog.messages
    assert message.startswith(f"{known / 'zoe'}/: holds no photo, so nobody gets this name; put")


@pytest.mark.parametrize("place", ["zoe/holidays/1.heic", "zoe/1.heic", "zoe/not/1.png"])
def test_a_person_whose_pictures_are_told_of_is_told_once(
    place: str, known: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photo(known / place.replace(".heic", ".png"), "carl").rename(known / place)
    galleries.embed_gallery(known, puppet.models())
    assert len(caplog.messages) == (0 if "not" in place else 1)


def test_hidden_and_empty_folders_are_not_told(
    known: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photo(known / "ben" / ".trash" / "1.png", "carl")
    photo(known / "ben" / "raw" / ".cache" / "1.png", "carl")
    (known / "ben" / "notes" / "more").mkdir(parents=True)
    galleries.embed_gallery(known, puppet.models())
    assert caplog.messages == []
