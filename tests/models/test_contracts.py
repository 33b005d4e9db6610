"""The contracts that every network in the registry fulfils, whatever library runs it."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import crops
from pipeline.errors import ModelError
from pipeline.faces import EMOTIONS, Detections, Image
from pipeline.models import registry
from pipeline.models.base import FaceEmbedder, unit_embeddings
from pipeline.models.registry import Entry, PackageEntry
from pipeline.movie.frame import RgbFrame, shrink
from pipeline.settings import WalkSettings
from tests.support.movies import noise
from tests.support.networks import users_keras, users_onnx, users_recognizer
from tests.support.stills import KERAS, KNOWN, box_of, chip_of, chips, face_of, needs, still

USERS = {
    "emotion": registry.emotion_entry,
    "aligner": registry.aligner_entry,
    "recognizer": registry.recognizer_entry,
}

JOBS = {
    "detector": registry.DETECTORS,
    "aligner": registry.ALIGNERS,
    "recognizer": registry.RECOGNIZERS,
    "emotion": registry.EMOTION_MODELS,
}
OWN = [
    pytest.param(entry, id=f"{job} {name}")
    for job, entries in JOBS.items()
    for name, entry in entries.items()
    if not isinstance(entry, PackageEntry)
]
"""Backends whose file is mine-video's own."""


def of(job: str) -> Callable[..., Any]:
    """Parametrises over the backends of a job, built once."""
    made = {
        name: pytest.param(entry, id=name, marks=_marks(entry)) for name, entry in JOBS[job].items()
    }
    if job == "emotion":
        made["onnx"] = pytest.param((job, users_onnx), id="users-onnx")
        made["keras"] = pytest.param((job, users_keras), id="users-keras", marks=needs(*KERAS))
    elif job in USERS:
        made["onnx"] = pytest.param((job, users_recognizer), id="users-onnx")
    return pytest.mark.parametrize("model", made.values(), indirect=True)


def _marks(entry: Entry) -> Any:
    return needs(*entry.packages) if isinstance(entry, PackageEntry) else ()


@pytest.fixture(scope="module")
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    if isinstance(request.param, Entry):
        return request.param.build()
    job, make = request.param
    return USERS[job](str(make(tmp_path_factory.mktemp("users")))).build()


def greys(n: int) -> Image:
    """Grey crops `(n, 48, 48)`: the faces of the stills, then noise."""
    faces = [
        crops.resized(crops.grey_face(RgbFrame(0, 0.0, still(k)), box_of(k)), 48) for k in KNOWN
    ]
    return np.stack([*faces, *(x[..., 0] for x in noise(n, width=48, height=48))])[:n]


def stills_for(model: FaceEmbedder) -> Image:
    """The chips of the stills, as the recognizer's own aligner cuts them."""
    kinds = {entry.name: name for name, entry in registry.RECOGNIZERS.items()}
    return chips(kinds.get(type(model).__name__, "sface"))  # The user's has SFace's weights.


def some_chips(model: FaceEmbedder, n: int) -> Image:
    real = stills_for(model)
    side = real.shape[1]
    return np.stack([*real, *noise(n, width=side, height=side)])[:n]


def untouched(inputs: Iterable[NDArray[Any]], call: Callable[[], Any]) -> Any:
    """The call's result, after checking that it changed no byte of its inputs."""
    before = [x.tobytes() for x in inputs]
    result = call()
    assert [x.tobytes() for x in inputs] == before
    return result


# --- detectors ----------------------------------------------------------------------------------

PICTURES = {
    "faces": [shrink(still(name), 150) for name in KNOWN],
    "noise": noise(2, width=200, height=120),
    "black": [np.zeros((90, 160, 3), np.uint8)],
    "white": [np.full((33, 31, 3), 255, np.uint8)],
    "one pixel": [np.zeros((1, 1, 3), np.uint8)],
    "a line": [np.zeros((1, 640, 3), np.uint8), np.zeros((640, 1, 3), np.uint8)],
}


@of("detector")
def test_detect_takes_no_images(model: Any) -> None:
    assert model.detect([]) == []


@of("detector")
@pytest.mark.parametrize("images", PICTURES.values(), ids=PICTURES.keys())
def test_detections_keep_the_conventions(model: Any, images: list[Image]) -> None:
    found: list[Detections] = untouched(images, lambda: model.detect(images))
    assert len(found) == len(images)
    for faces in found:
        n = len(faces)
        assert faces.boxes.shape == (n, 4)
        assert faces.scores.shape == (n,)
        assert faces.landmarks.shape == (n, 5, 2)
        assert {x.dtype for x in (faces.boxes, faces.scores, faces.landmarks)} == {
            np.dtype(np.float32)
        }
        assert ((faces.scores >= 0) & (faces.scores <= 1)).all()
        size = faces.boxes[:, 2:] - faces.boxes[:, :2]
        assert (size > 0).all()
        middle = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
        away = np.abs(faces.landmarks - middle[:, None]) / size[:, None]
        assert (away < 0.75).all()


@of("detector")
def test_each_still_holds_one_face_the_right_way_up(model: Any) -> None:
    for name, faces in zip(KNOWN, model.detect(PICTURES["faces"]), strict=True):
        assert len(faces) == 1, name
        left_eye, right_eye, nose, left_mouth, right_mouth = faces.landmarks[0]
        assert left_eye[0] < nose[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


@of("detector")
def test_detecting_together_is_detecting_one_by_one(model: Any) -> None:
    images = [*PICTURES["faces"], PICTURES["black"][0]]
    for together, image in zip(model.detect(images), images, strict=True):
        (alone,) = model.detect([image])
        assert np.array_equal(together.boxes, alone.boxes)
        assert np.array_equal(together.scores, alone.scores)
        assert np.array_equal(together.landmarks, alone.landmarks)


@pytest.mark.parametrize(
    "entry",
    [pytest.param(e, id=name, marks=_marks(e)) for name, e in registry.DETECTORS.items()],
)
def test_a_higher_least_score_only_drops_faces(entry: Entry) -> None:
    images = PICTURES["faces"][:2]
    counts = []
    for least in (0.3, 0.7, 0.999):
        found = entry.build(min_score=least).detect(images)
        assert all((faces.scores >= least).all() for faces in found)
        counts.append(sum(len(faces) for faces in found))
    assert counts == sorted(counts, reverse=True)


# --- aligners -----------------------------------------------------------------------------------


@of("aligner")
@pytest.mark.parametrize("name", KNOWN)
def test_a_chip_is_a_small_picture_of_the_face(model: Any, name: str) -> None:
    face = face_of(name)
    inputs: list[NDArray[Any]] = [still(name), face.boxes, face.landmarks]
    chip = untouched(inputs, lambda: chip_of(model, name))
    side = len(chip)
    assert (chip.shape, chip.dtype) == ((side, side, 3), np.uint8)
    assert np.array_equal(chip, chip_of(model, name))
    assert chip.std() > 20


@of("aligner")
@pytest.mark.parametrize(
    "box",
    [(-50, -50, 30, 30), (5, 5, 5.5, 5.5), (-900, -900, -800, -800), (0, 0, 4000, 4000)],
    ids=["half outside", "tiny", "far outside", "huge"],
)
def test_a_chip_is_cut_from_any_box(model: Any, box: tuple[float, ...]) -> None:
    image, place = still("guest/1.jpg"), np.array(box, np.float32)
    landmarks = place[:2] + crops.ALIGNED.astype(np.float32) * (place[2:] - place[:2])
    inputs: list[NDArray[Any]] = [image, place, landmarks]
    chip = untouched(inputs, lambda: model.chip(image, place, landmarks))
    assert (chip.shape, chip.dtype) == (chip_of(model, KNOWN[0]).shape, np.uint8)


# --- embedders ----------------------------------------------------------------------------------


@of("recognizer")
@pytest.mark.parametrize("n", [0, 1, 5])
def test_embeddings_keep_the_conventions(model: Any, n: int) -> None:
    faces = some_chips(model, n)
    found = untouched([faces], lambda: model.embed(faces))
    assert found.shape == (n, model.embed(stills_for(model)).shape[1])
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


@of("recognizer")
def test_embedding_together_is_embedding_one_by_one(model: Any) -> None:
    faces = some_chips(model, 18)
    together = model.embed(faces)
    alone = np.concatenate([model.embed(faces[i : i + 1]) for i in range(18)])
    assert np.array_equal(together, alone)


@of("recognizer")
def test_one_person_is_nearer_than_two(model: Any) -> None:
    actor, actress, guest, guest_again = unit_embeddings(model, stills_for(model), mirrored=True)
    near = np.linalg.norm(guest - guest_again)
    assert all(np.linalg.norm(guest - other) > 2 * near for other in (actor, actress))


# --- emotion models -----------------------------------------------------------------------------


@of("emotion")
@pytest.mark.parametrize("n", [0, 1, 7])
def test_probabilities_keep_the_conventions(model: Any, n: int) -> None:
    faces = greys(n)
    found = untouched([faces], lambda: model.classify(faces))
    assert (found.shape, found.dtype) == ((n, len(EMOTIONS)), np.float32)
    assert ((found >= 0) & (found <= 1)).all()
    assert found.sum(axis=1) == pytest.approx(np.ones(n), abs=1e-5)


@of("emotion")
def test_classifying_together_is_classifying_one_by_one(model: Any) -> None:
    faces = greys(70)
    together = model.classify(faces)
    alone = np.concatenate([model.classify(faces[i : i + 1]) for i in range(70)])
    if type(model).__name__ == "KerasEmotion":  # TensorFlow rounds by batch: 2.4e-7 measured.
        assert together == pytest.approx(alone, abs=1e-6)
    else:
        assert np.array_equal(together, alone)


# --- files and names ----------------------------------------------------------------------------


def copied(entry: Entry, folder: Path) -> Entry:
    """The entry with a copy of its file and card that a test may change."""
    for path in (entry.path, entry.path.with_suffix(".json")):
        shutil.copy(path, folder)
    return replace(entry, weights=str(folder / entry.weights))


@pytest.mark.parametrize("entry", OWN)
def test_a_network_loads_from_anywhere(entry: Entry, tmp_path: Path) -> None:
    assert type(copied(entry, tmp_path).build()).__name__ == entry.name


@pytest.mark.parametrize("entry", OWN)
def test_a_missing_file_is_refused(entry: Entry, tmp_path: Path) -> None:
    copy = copied(entry, tmp_path)
    copy.path.unlink()
    with pytest.raises(ModelError, match=r"missing; install mine-video again") as caught:
        copy.build()
    assert str(copy.path) in str(caught.value)


@pytest.mark.parametrize("entry", OWN)
def test_a_missing_card_is_refused(entry: Entry, tmp_path: Path) -> None:
    copy = copied(entry, tmp_path)
    copy.path.with_suffix(".json").unlink()
    with pytest.raises(ModelError, match="no card beside"):
        copy.build()


@pytest.mark.parametrize("entry", OWN)
def test_a_changed_file_is_refused(entry: Entry, tmp_path: Path) -> None:
    copy = copied(entry, tmp_path)
    with copy.path.open("r+b") as file:
        file.seek(1000)
        byte = file.read(1)[0]
        file.seek(1000)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(ModelError, match="the file was changed or cut"):
        copy.build()


@pytest.mark.parametrize("entry", OWN)
def test_a_file_that_is_no_network_is_refused(entry: Entry, tmp_path: Path) -> None:
    """Even if its card agrees."""
    copy = copied(entry, tmp_path)
    copy.path.write_bytes(b"no network")
    card = copy.path.with_suffix(".json")
    digest = hashlib.sha256(b"no network").hexdigest()
    card.write_text(json.dumps(json.loads(card.read_text()) | {"sha256": digest}))
    with pytest.raises(ModelError, match="can be loaded"):
        copy.build()


@pytest.mark.parametrize("entry", OWN)
def test_the_identity_is_the_cards(entry: Entry) -> None:
    facts = json.loads(entry.path.with_suffix(".json").read_text())
    assert entry.identity().startswith(f"{entry.name} {facts['sha256']} ")


def test_all_models_are_those_that_were_asked_for() -> None:
    models = registry.all_models(WalkSettings())
    assert type(models.detector).__name__ == "YuNet"
    assert type(models.aligner).__name__ == "LandmarkAligner"
    assert type(models.embedder).__name__ == "SFace"
    assert type(models.emotion).__name__ == "OnnxEmotion"
    assert list(registry.identities(WalkSettings())) == list(JOBS)


@pytest.mark.parametrize("job", ["detector", "recognizer", "emotion"])
@pytest.mark.parametrize("make", [registry.all_models, registry.identities])
def test_an_unknown_name_is_refused(job: str, make: Callable[[WalkSettings], Any]) -> None:
    change: dict[str, Any] = {job: "eye"}
    settings = replace(WalkSettings(), **change)
    with pytest.raises(ModelError, match="no network is called 'eye'; there are ") as caught:
        make(settings)
    assert all(name in str(caught.value) for name in JOBS[job])
