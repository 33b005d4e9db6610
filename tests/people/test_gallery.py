"""Photos to a gallery."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline.errors import PeopleError
from pipeline.faces import Detections, Image
from pipeline.models.registry import FaceModels
from pipeline.people import gallery as galleries
from tests import puppet
from tests.puppet import photo


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
        pytest.param("any", "nobody can be called 'any'", id="any"),
        pytest.param("unknown", "nobody can be called 'unknown'", id="unknown"),
        pytest.param(" ", "nobody can be called", id="blank"),
        pytest.param("=cmd()", "cannot begin with", id="formula"),
        pytest.param("+1", "cannot begin with", id="plus"),
        pytest.param("-q", "cannot begin with", id="option"),
        pytest.param("@home", "cannot begin with", id="at"),
        pytest.param("..", "cannot begin with", id="parent folder"),
        pytest.param("a/b", "hold / ", id="slash"),
        pytest.param("a\\b", "hold / ", id="backslash"),
        pytest.param("c:d", "hold / ", id="colon"),
        pytest.param("two\nlines", "hold / ", id="line break"),
    ],
)
def test_names_that_would_do_harm_are_refused(name: str, words: str) -> None:
    with pytest.raises(PeopleError, match=words) as told:
        galleries.check_name(name, "known_faces/x.jpg")
    assert "known_faces/x.jpg" in str(told.value)
    assert "rename it" in str(told.value)


@pytest.mark.parametrize("name", ["rdj", "007", "NA", "Zoë", "O'Hara, Jr.", "a-b", "x=y"])
def test_other_names_are_kept(name: str) -> None:
    assert galleries.check_name(name, "here") == name


def test_a_refused_name_is_found_in_the_folder(known: Path) -> None:
    photo(known / "unknown.png", "carl")
    with pytest.raises(PeopleError, match=r"unknown\.png"):
        galleries.photos(known)


def test_load_embeds_every_photo(known: Path) -> None:
    gallery = galleries.load(known, puppet.models())
    assert gallery.people == ("anna", "ben")
    assert gallery.owner.tolist() == [0, 1, 1]
    hues = np.radians([0, 90, 105])
    wanted = np.stack([np.cos(hues), np.sin(hues)], axis=1)
    assert gallery.embedding[:, :2] == pytest.approx(wanted, abs=0.06)
    assert galleries.usable(gallery) == ("anna", "ben")


def test_load_without_photos_is_empty(tmp_path: Path) -> None:
    gallery = galleries.load(tmp_path, puppet.models())
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
        pytest.param(_not_a_picture, "not a photo that can be read", id="no picture"),
        pytest.param(_cut_short, "not a photo that can be read", id="cut short"),
        pytest.param(_nobody, "no face found, photo skipped; use one where", id="nobody"),
        pytest.param(_two, "2 faces found, photo skipped; crop it to the one", id="two faces"),
        pytest.param(_small, "only 30 px wide, photo skipped; wanted at least 80", id="too small"),
    ],
)
def test_a_photo_that_cannot_be_used_is_told_and_skipped(
    make: object, words: str, known: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(make)
    make(known / "carl.png")
    with caplog.at_level(logging.WARNING):
        gallery = galleries.load(known, puppet.models())
    assert f"{known / 'carl.png'}: " in caplog.text
    assert words in caplog.text
    assert gallery.people == ("anna", "ben", "carl")
    assert gallery.owner.tolist() == [0, 1, 1]
    assert galleries.usable(gallery) == ("anna", "ben")


def test_a_photo_cut_close_is_tried_with_room_around_it(tmp_path: Path) -> None:
    class Shy(puppet.Detector):
        """Finds nothing at the edge of a picture."""

        def _one(self, image: Image) -> Detections:
            edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
            return Detections() if edge.max() > 100 else super()._one(image)

    path = tmp_path / "close.png"
    puppet.photo(path, "anna")
    with Pillow.open(path) as whole:
        whole.crop((20, 20, 110, 110)).save(path)
    models = puppet.models()
    shy = FaceModels(Shy(puppet.WEIGHTS), models.aligner, models.embedder)
    chip = galleries.photo_chip(path, shy)
    assert (
        chip
        == models.aligner.chip(galleries.read_photo(path), np.array([0, 0, 90, 90], np.float32))
    ).all()


def test_a_photo_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    lying = np.zeros((40, 60, 3), np.uint8)
    lying[:, :10] = 255
    exif = Pillow.Exif()
    exif[0x0112] = 6  # Turn clockwise: the left edge becomes the top.
    Pillow.fromarray(lying).save(tmp_path / "a.png", exif=exif)
    image = galleries.read_photo(tmp_path / "a.png")
    assert image.shape == (60, 40, 3)
    assert image[:10].min() == 255
    assert image[10:].max() == 0


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_any_colour_mode_is_read_as_rgb(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Pillow.new("RGB", (20, 10), (200, 200, 200)).convert(mode).save(path)
    image = galleries.read_photo(path)
    assert image.shape == (10, 20, 3)
    assert image.dtype == np.uint8
    assert abs(int(image.mean()) - 200) < 3


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


def test_a_photo_that_cannot_be_opened_is_told(known: Path) -> None:
    (known / "carl.png").symlink_to(known / "nowhere.png")
    with pytest.raises(PeopleError, match=r"carl\.png: cannot be read"):
        galleries.digest(known, 0.38)
