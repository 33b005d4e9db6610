"""The shipped network rebuilt from its ONNX file, and fooled."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import DataError, ModelError
from pipeline.faces import EMOTIONS, Image
from pipeline.models import registry
from pipeline.models.cards import Card, Input
from pipeline.settings import WalkSettings
from tests.support.stills import still
from tests.support.training import KERAS, two_headed_file

pytest.importorskip("keras", reason="needs the extra `train`")
import keras

from pipeline.train import backend, export, fool, from_onnx, networks

pytestmark = KERAS

SHIPPED = registry.EMOTION_MODELS["two-headed"].path


@pytest.fixture(scope="module")
def smile() -> Image:
    return still("actress.jpg")


def _random(n: int) -> Image:
    return np.random.default_rng(0).integers(0, 256, (n, 48, 48)).astype(np.uint8)


# --- the network out of its ONNX file -----------------------------------------------------------


def test_the_rebuilt_network_answers_as_the_file() -> None:
    network, correction = from_onnx.thawed(SHIPPED)
    faces = _random(64)
    logits = network((faces[..., None].astype(np.float32) - 127.5) / 64, training=False)
    found = backend.to_numpy(export.Probability(correction)(logits))
    wanted = registry.emotion_entry("two-headed").build().classify(faces)
    assert np.abs(found - wanted).max() < 1e-5


@pytest.mark.parametrize("tau", [0.0, 0.75])
def test_what_training_exports_can_be_rebuilt(tau: float, tmp_path: Path) -> None:
    network = networks.build("two-headed")
    draw = np.random.default_rng(1)
    network.set_weights([w + draw.uniform(0, 0.1, w.shape) for w in network.get_weights()])
    priors = draw.dirichlet(np.ones(7), 2).astype(np.float32)
    _, path = export.write_network(
        network, export.card_of("m.keras", EMOTIONS, priors, tau, ""), tmp_path
    )
    rebuilt, correction = from_onnx.thawed(path)
    faces = _random(8)
    logits = rebuilt((faces[..., None].astype(np.float32) - 127.5) / 64, training=False)
    found = backend.to_numpy(export.Probability(correction)(logits))
    assert np.abs(found - registry.emotion_entry(str(path)).build().classify(faces)).max() < 1e-4


@pytest.mark.parametrize("name", ["shallow", "wide"])
def test_another_onnx_network_is_refused(name: str, tmp_path: Path) -> None:
    card = export.card_of("m.keras", EMOTIONS, np.full((1, 7), 1 / 7, np.float32), 0.0, "")
    _, path = export.write_network(networks.build(name), card, tmp_path)
    with pytest.raises(
        ModelError, match=r"is not a two-headed network of mine-video .* give the \.keras file"
    ):
        from_onnx.thawed(path)


def test_what_is_no_onnx_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"not onnx")
    with pytest.raises(ModelError, match=r"m\.onnx: not an ONNX file"):
        from_onnx.thawed(tmp_path / "m.onnx")


# --- gradients ----------------------------------------------------------------------------------


def test_the_slope_is_that_of_small_steps() -> None:
    victim = fool.victim_of("two-headed")
    face = _random(1)[..., None].astype(np.float32)
    slope = np.asarray(victim.slope("sad")(face))
    assert slope.shape == face.shape
    direction = np.sign(slope)

    def loss(x: Image) -> float:
        return -float(np.log(backend.to_numpy(victim.probabilities(x))[0, EMOTIONS.index("sad")]))

    rise = (loss(face + 0.05 * direction) - loss(face - 0.05 * direction)) / 0.1
    assert rise == pytest.approx(np.abs(slope).sum(), rel=0.05)


def test_keras_files_have_the_same_slope(tmp_path: Path) -> None:
    path = two_headed_file(tmp_path)
    face = _random(1)[..., None].astype(np.float32)
    one, other = (
        np.asarray(fool.victim_of(m).slope("sad")(face)) for m in ("two-headed", str(path))
    )
    assert np.abs(one - other).max() < 1e-3 * np.abs(one).max()


# --- fooled -------------------------------------------------------------------------------------


def test_a_smile_becomes_sad_by_little(smile: Image, tmp_path: Path) -> None:
    lines = list(fool.fool(smile, "sad", tmp_path, budget=8))
    assert lines[0].startswith("happy (")
    assert "became sad" in lines[0]
    names = ["input.png", "hacked.png", "difference.png", "fooled.png"]
    assert lines[-4:] == [str(tmp_path / name) for name in names]
    before, after = (cv2.imread(str(tmp_path / n), cv2.IMREAD_GRAYSCALE) for n in names[:2])
    assert before.shape == after.shape == (48, 48)
    change = np.abs(before.astype(int) - after)
    assert 1 <= change.max() <= 8
    assert f"largest change {change.max()} of 255, mean {change.mean():.2f}" in lines[0]
    model = registry.emotion_entry(WalkSettings().emotion).build()
    answers = model.classify(np.stack([before, after]))
    assert [EMOTIONS[i] for i in answers.argmax(axis=1)] == ["happy", "sad"]
    row = next(line for line in lines if line.startswith("happy  "))
    assert row.split()[1:] == [f"{p:.1%}" for p in answers[:, 3]]


def test_too_small_a_budget_is_said_plainly(tmp_path: Path) -> None:
    lines = list(fool.fool(still("actor.jpg"), "disgust", tmp_path, budget=1))
    assert lines[0].startswith("could not make it disgust within 1 of 255: still ")
    assert "--budget" in lines[0]
    before, after = (
        cv2.imread(str(tmp_path / n), cv2.IMREAD_GRAYSCALE).astype(int)
        for n in ("input.png", "hacked.png")
    )
    assert np.abs(before - after).max() == 1


def test_what_it_says_already_needs_no_change(smile: Image, tmp_path: Path) -> None:
    (line,) = fool.fool(smile, "happy", tmp_path)
    assert "calls this face happy already" in line
    assert list(tmp_path.iterdir()) == []


def test_a_crop_is_taken_as_it_is() -> None:
    grey = _random(1)[0]
    assert np.array_equal(fool.face_of(np.repeat(grey[..., None], 3, axis=2)), grey)


def test_a_photo_is_cut_as_a_walk_cuts_it(smile: Image) -> None:
    face = fool.face_of(smile)
    assert face.shape == (48, 48)
    answer = registry.emotion_entry("two-headed").build().classify(face[None])[0]
    assert EMOTIONS[int(answer.argmax())] == "happy"


def test_a_picture_without_a_face_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no face found in the picture of 120x100 pixels"):
        list(fool.fool(np.zeros((100, 120, 3), np.uint8), "sad", tmp_path))


def test_a_network_that_does_not_know_the_target_is_refused(smile: Image, tmp_path: Path) -> None:
    network = networks.build("shallow", 6)
    classes = tuple(e for e in EMOTIONS if e != "disgust")
    card = export.card_of("six.keras", classes, np.full((1, 6), 1 / 6, np.float32), 0.0, "")
    export.write_network(network, card, tmp_path)
    with pytest.raises(ModelError, match="does not know 'disgust'; it knows angry, fear"):
        list(fool.fool(smile, "disgust", tmp_path, model=str(tmp_path / "six.keras")))


def test_a_network_fed_otherwise_is_refused(tmp_path: Path) -> None:
    network = networks.build("shallow")
    network.save(tmp_path / "m.keras")
    Card(file="m.keras", job="emotion", classes=EMOTIONS, output="logits",
         input=Input(dtype="float32", layout="NCHW")).write(tmp_path)  # fmt: skip
    with pytest.raises(ModelError, match=r"its card says .* wanted NHWC and 48x48"):
        fool.differentiable(tmp_path / "m.keras")


def test_probabilities_of_a_network_that_gives_them(tmp_path: Path) -> None:
    """A network with a softmax inside gives the same answers as one with logits."""
    inner = networks.build("shallow")
    whole = keras.Sequential([inner, keras.layers.Softmax()])
    whole.save(tmp_path / "p.keras")
    Card(file="p.keras", job="emotion", classes=EMOTIONS,
         input=Input(dtype="float32", mean=127.5, scale=1 / 64)).write(tmp_path)  # fmt: skip
    faces = _random(4)
    found = fool.differentiable(tmp_path / "p.keras")(faces[..., None].astype(np.float32))
    wanted = registry.emotion_entry(str(tmp_path / "p.keras")).build().classify(faces)
    assert np.abs(backend.to_numpy(found) - wanted).max() < 1e-5
