"""The emotion network."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline import crops
from pipeline.errors import ModelError
from pipeline.faces import EMOTIONS, Image
from pipeline.frame import RgbFrame, shrink
from pipeline.models import registry
from pipeline.models.emotion import BATCH, TwoHeaded
from tests.models import KNOWN, box_of, photo, still
from tests.movies import noise

PATH = registry.EMOTION_MODELS["two-headed"].path


@pytest.fixture(scope="module")
def model() -> TwoHeaded:
    return TwoHeaded(PATH)


def faces(n: int) -> Image:
    """Grey crops: the stills' faces, then noise."""
    found = [crops.resized(crops.grey_face(RgbFrame(0, 0.0, still(k)), box_of(k)), 48) for k in KNOWN]
    return np.stack([*found, *(x[..., 0] for x in noise(n, width=48, height=48))])[:n]


@pytest.mark.parametrize("size", [2, 16, BATCH, BATCH + 1])
@pytest.mark.parametrize("threads", [1, 2])
def test_batches_and_threads_change_no_bit(model: TwoHeaded, size: int, threads: int) -> None:
    crowd = faces(BATCH + 4)
    wanted = model.classify(crowd)
    other = TwoHeaded(PATH, threads)
    found = [other.classify(crowd[i : i + size]) for i in range(0, BATCH + 4, size)]
    assert np.array_equal(np.concatenate(found), wanted)


def test_slices_of_a_larger_array_are_taken(model: TwoHeaded) -> None:
    wide = np.zeros((4, 48, 60), np.uint8)
    wide[:, :, 5:53] = faces(4)
    assert np.array_equal(model.classify(wide[:, :, 5:53]), model.classify(faces(4)))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("actress.jpg", "happy"),
        ("actor.jpg", "neutral"),
        ("guest/1.jpg", "neutral"),
        ("guest/2.jpg", "neutral"),
    ],
)
def test_stills_look_as_they_look(model: TwoHeaded, name: str, wanted: str) -> None:
    (found,) = model.classify(faces(4)[[KNOWN.index(name)]])
    assert EMOTIONS[int(found.argmax())] == wanted


@pytest.mark.parametrize("name", ["astronaut.png", "obama.jpg"])
def test_official_smiles_look_happy(model: TwoHeaded, name: str) -> None:
    image = shrink(photo(name), 640)
    (seen,) = registry.DETECTORS["yunet"].build().detect([image])
    face = crops.resized(crops.grey_face(RgbFrame(0, 0.0, image), seen.boxes[0]), 48)
    (found,) = model.classify(face[None])
    assert EMOTIONS[int(found.argmax())] == "happy"
    assert found.max() > 0.6


def test_an_even_picture_is_no_sure_face(model: TwoHeaded) -> None:
    found = model.classify(np.full((3, 48, 48), 128, np.uint8))
    assert np.array_equal(found[0], found[2])
    assert found.max() < 0.9


@pytest.mark.parametrize(
    "classes",
    [list(reversed(EMOTIONS)), list(EMOTIONS[:6]), [*EMOTIONS, "contempt"], None],
    ids=["another order", "one less", "one more", "none"],
)
def test_other_classes_are_refused(tmp_path: Path, classes: list[str] | None) -> None:
    shutil.copy(PATH, tmp_path)
    facts = json.loads(PATH.with_suffix(".json").read_text())
    (tmp_path / "emotion.json").write_text(json.dumps(facts | {"classes": classes}))
    with pytest.raises(ModelError, match=r"classes are .* wanted \('angry'"):
        TwoHeaded(tmp_path / PATH.name)
