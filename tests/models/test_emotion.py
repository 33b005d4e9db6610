"""Emotion networks: the shipped one, and a user's own with a card."""

from collections.abc import Callable
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from pipeline import crops
from pipeline.errors import ModelError
from pipeline.faces import EMOTIONS, Floats, Image
from pipeline.models import registry
from pipeline.models.cards import Card, Input
from pipeline.models.emotion import FACE_BATCH, KerasEmotion, OnnxEmotion, Reading
from pipeline.models.onnx_session import session
from pipeline.movie.frame import RgbFrame, shrink
from tests.support.movies import noise
from tests.support.networks import TRAINED, TRAINED_CARD, onnx_network, with_card
from tests.support.stills import KERAS, KNOWN, box_of, needs, photo, still

SHIPPED = {name: entry.path for name, entry in registry.EMOTION_MODELS.items()}

INT8_DIFFERENCE = 0.06
"""Largest of a probability between the shipped networks; measured: .054 on 6,266 faces of films."""


@pytest.fixture(scope="module", params=SHIPPED.values(), ids=list(SHIPPED))
def path(request: pytest.FixtureRequest) -> Path:
    shipped: Path = request.param
    return shipped


@pytest.fixture(scope="module")
def model(path: Path) -> OnnxEmotion:
    return OnnxEmotion(path)


def faces(n: int) -> Image:
    """Grey crops: the stills' faces, then noise."""
    found = [
        crops.resized(crops.grey_face(RgbFrame(0, 0.0, still(k)), box_of(k)), 48) for k in KNOWN
    ]
    return np.stack([*found, *(x[..., 0] for x in noise(n, width=48, height=48))])[:n]


@pytest.mark.e2e
@pytest.mark.parametrize("size", [2, 16, FACE_BATCH, FACE_BATCH + 1])
@pytest.mark.parametrize("threads", [1, 2])
def test_batches_and_threads_change_no_bit(
    path: Path, model: OnnxEmotion, size: int, threads: int
) -> None:
    crowd = faces(FACE_BATCH + 4)
    wanted = model.classify(crowd)
    other = OnnxEmotion(path, threads)
    found = [other.classify(crowd[i : i + size]) for i in range(0, FACE_BATCH + 4, size)]
    assert np.array_equal(np.concatenate(found), wanted)


def test_slices_of_a_larger_array_are_taken(model: OnnxEmotion) -> None:
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
def test_stills_look_as_they_look(model: OnnxEmotion, name: str, wanted: str) -> None:
    (found,) = model.classify(faces(4)[[KNOWN.index(name)]])
    assert EMOTIONS[int(found.argmax())] == wanted


@pytest.mark.parametrize("name", ["astronaut.png", "obama.jpg"])
def test_official_smiles_look_happy(model: OnnxEmotion, name: str) -> None:
    image = shrink(photo(name), 640)
    (seen,) = registry.DETECTORS["yunet"].build().detect([image])
    face = crops.resized(crops.grey_face(RgbFrame(0, 0.0, image), seen.boxes[0]), 48)
    (found,) = model.classify(face[None])
    assert EMOTIONS[int(found.argmax())] == "happy"
    assert found.max() > 0.6


def test_an_even_picture_is_no_sure_face(model: OnnxEmotion) -> None:
    found = model.classify(np.full((3, 48, 48), 128, np.uint8))
    assert np.array_equal(found[0], found[2])
    assert found.max() < 0.9


def test_int8_answers_as_float_but_for_little(figure: Callable[[str], None]) -> None:
    stills = faces(len(KNOWN))
    crowd = np.concatenate([stills, stills[:, :, ::-1], np.roll(stills, 2, axis=1)])
    rounded, exact = (OnnxEmotion(path).classify(crowd) for path in SHIPPED.values())
    largest, mean = np.abs(rounded - exact).max(), np.abs(rounded - exact).mean()
    figure(f"int8 differs from float by {largest:.3f}, {mean:.4f} in the mean")
    assert 0 < largest <= INT8_DIFFERENCE
    assert mean <= INT8_DIFFERENCE / 10


def test_no_sum_of_int8_products_overflows_on_older_processors() -> None:
    """Without VNNI, products of neighbouring weights and bytes are added in 16 bits."""
    graph = onnx.load(SHIPPED["two-headed-int8"]).graph
    tensors = map(numpy_helper.to_array, graph.initializer)
    weights = [w.astype(int) for w in tensors if w.dtype == np.int8 and w.ndim == 4]
    assert len(weights) == 15
    for w in weights:
        pairs = w.transpose(0, 2, 3, 1).reshape(len(w), -1, 2).sum(axis=2)
        assert 64 < np.abs(w).max() <= 127
        assert np.abs(pairs).max() * 255 < 2**15


# --- cards --------------------------------------------------------------------------------------


def logits(path: Path, crops: Image) -> Floats:
    """The answer of a network of `tests.support.networks` for grey crops as shares of white."""
    shown = (crops[..., None].astype(np.float32) - np.float32(0)) * np.float32(1 / 255)
    found: Floats = session(path).run(["answer"], {"face": shown})[0]
    return found


def softmax(z: NDArray[Any]) -> Floats:
    powers = np.exp(z.astype(np.float64))
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


def test_a_shipped_network_is_shown_and_heard_unchanged(path: Path, model: OnnxEmotion) -> None:
    crowd = faces(FACE_BATCH)
    wanted = session(path).run(None, {"faces": crowd[..., None]})[0]
    assert np.array_equal(model.classify(crowd), wanted)


def test_classes_come_in_any_order_and_strange_ones_go(tmp_path: Path) -> None:
    classes = ("neutral", "contempt", "happy", "sad")
    path = with_card(onnx_network(tmp_path / "a.onnx", 4), classes=classes)
    found = OnnxEmotion(path).classify(faces(6))
    heard = softmax(logits(path, faces(6))[:, [0, 2, 3]])
    for column, name in enumerate(("neutral", "happy", "sad")):
        assert found[:, EMOTIONS.index(name)] == pytest.approx(heard[:, column], abs=1e-6)
    others = [i for i, name in enumerate(EMOTIONS) if name not in classes]
    assert np.array_equal(found[:, others], np.zeros((6, 4)))


def test_the_mean_of_the_heads_counts_after_their_correction(tmp_path: Path) -> None:
    priors = ((0.5, 0.25, 0.25), (0.1, 0.1, 0.8))
    facts = {"classes": ("happy", "sad", "fear"), "heads": 2, "priors": priors, "tau": 0.5}
    path = with_card(onnx_network(tmp_path / "a.onnx", 6), **facts)
    found = OnnxEmotion(path).classify(faces(5))
    z = logits(path, faces(5)).reshape(5, 2, 3) - 0.5 * np.log(priors)
    wanted = softmax(z).mean(axis=1)
    columns = [EMOTIONS.index(name) for name in ("happy", "sad", "fear")]
    assert found[:, columns] == pytest.approx(wanted, abs=1e-6)


def test_nothing_but_strange_classes_leaves_all_as_likely() -> None:
    card = Card(file="a.onnx", job="emotion", classes=("contempt", "happy", "sad"))
    found = Reading(card).emotions(np.array([[1, 0, 0], [0, 0, 1]], np.float32), 2)
    assert found.tolist() == [[0, 0, 0, 0.5, 0.5, 0, 0], [0, 0, 0, 0, 1, 0, 0]]


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("colour", ["grey", "RGB"])
def test_faces_are_shown_as_the_card_says(layout: str, colour: str) -> None:
    wanted = Input(
        dtype="float32", layout=layout, colour=colour, size=(24, 24), mean=100, scale=0.5
    )
    card = Card(file="a.onnx", job="emotion", input=wanted, classes=EMOTIONS)
    crops = np.stack([np.full((48, 48), 120, np.uint8), np.full((48, 48), 80, np.uint8)])
    shown = Reading(card).fed(crops)
    channels = 1 if colour == "grey" else 3
    assert shown.shape == ((2, 24, 24, channels) if layout == "NHWC" else (2, channels, 24, 24))
    assert shown.dtype == np.float32
    assert (shown[0] == 10).all()
    assert (shown[1] == -10).all()


def test_each_colour_may_have_its_mean_and_scale() -> None:
    wanted = Input(dtype="float32", colour="RGB", mean=(0, 20, 40), scale=(1, 0.5, 0.25))
    reading = Reading(Card(file="a.onnx", job="emotion", input=wanted, classes=EMOTIONS))
    shown = reading.fed(np.full((1, 48, 48), 60, np.uint8))
    assert shown[0, 7, 7].tolist() == [60, 20, 5]


def test_a_network_for_one_face_at_a_time_is_run_so(tmp_path: Path) -> None:
    single = with_card(onnx_network(tmp_path / "one.onnx", 7, (1, 48, 48, 1)))
    many = with_card(onnx_network(tmp_path / "many.onnx", 7))
    found = [OnnxEmotion(path).classify(faces(9)) for path in (single, many)]
    assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_one_output_of_several_is_named(tmp_path: Path) -> None:
    path = onnx_network(tmp_path / "a.onnx", 7, other=1.0)
    found = OnnxEmotion(with_card(path, outputs=("answer",))).classify(faces(3))
    assert found == pytest.approx(softmax(logits(path, faces(3))), abs=1e-6)
    for outputs, message in (((), "outputs None, the file has answer, other"), (("x",), "'x'")):
        with pytest.raises(ModelError, match=message):
            OnnxEmotion(with_card(path, outputs=outputs))


FLOAT = Input(dtype="float32", scale=1 / 255)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"job": "identity"}, "its card says job 'identity', wanted 'emotion'"),
        (
            {"classes": ()},
            r"classes \[\], wanted the network's classes in their order, with at least 2",
        ),
        ({"classes": ("happiness", "sadness", "fear")}, "at least 2 of angry, disg"),
        ({"classes": EMOTIONS[:6]}, r"returns \(2, 7\) for 2 faces, wanted \(2, 6\).*6 classes"),
        ({"classes": (*EMOTIONS, "contempt")}, r"wanted \(2, 8\)"),
        ({"heads": 2}, r"wanted \(2, 14\): its card says heads 2 and 7 classes"),
        ({"output": "probabilities"}, 'do not sum to 1.*write "output": "logits"'),
        ({"input": Input()}, r"cannot run as its card says, on uint8 \(1, 48, 48, 1\)"),
        ({"input": replace(FLOAT, size=(40, 40))}, r"on float32 \(1, 40, 40, 1\) for one face \("),
        ({"input": replace(FLOAT, layout="NCHW")}, r"on float32 \(1, 1, 48, 48\)"),
        ({"input": replace(FLOAT, size=(40, 48))}, "wanted a square"),
        ({"input": replace(FLOAT, name="image")}, "input.name 'image', the file has face"),
    ],
    ids=str,
)
def test_a_card_of_another_network_is_told_at_once(
    tmp_path: Path, facts: dict[str, Any], message: str
) -> None:
    path = onnx_network(tmp_path / "a.onnx", 7)
    with_card(path, **facts)
    with pytest.raises(ModelError, match=message) as caught:
        OnnxEmotion(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("more", "message"), [(nan, "returns NaN; check"), (inf, "returns infinity; check")]
)
def test_answers_that_are_no_numbers_are_told(tmp_path: Path, more: float, message: str) -> None:
    path = onnx_network(tmp_path / "a.onnx", 7, other=more)
    with pytest.raises(ModelError, match=message):
        OnnxEmotion(with_card(path, outputs=("other",)))


def test_what_is_no_network_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"a\.onnx: not an ONNX network that can be loaded"):
        OnnxEmotion(with_card(path))


# --- Keras --------------------------------------------------------------------------------------


@needs(*KERAS)
def test_keras_says_what_onnx_says(tmp_path: Path, figure: Callable[[str], None]) -> None:
    """The network from which the shipped ones were made, with a card."""
    if not TRAINED.exists():
        pytest.skip("emotion.keras is not beside the repository")
    path = tmp_path / TRAINED.name
    path.write_bytes(TRAINED.read_bytes())
    TRAINED_CARD.write(tmp_path)
    crowd = faces(40)
    found, wanted = (
        KerasEmotion(path).classify(crowd),
        OnnxEmotion(SHIPPED["two-headed"]).classify(crowd),
    )
    figure(
        f"largest difference of emotion.keras from emotion.onnx: {np.abs(found - wanted).max():.1e}"
    )
    assert found == pytest.approx(wanted, abs=1e-4)


@needs(*KERAS)
def test_what_is_no_keras_network_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.keras"
    path.write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"a\.keras: not a Keras network that can be loaded"):
        KerasEmotion(with_card(path))


def test_without_keras_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.keras"
    path.write_bytes(b"a network")
    monkeypatch.setattr("pipeline.models.emotion.find_spec", lambda _: None)
    with pytest.raises(
        ModelError, match=r"needs Keras.*pip install keras tensorflow-cpu"
    ) as caught:
        KerasEmotion(with_card(path))
    assert "\n" not in str(caught.value)


def test_without_its_backend_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.keras"
    path.write_bytes(b"a network")

    def absent(name: str) -> None:
        raise ModuleNotFoundError("No module named 'tensorflow'")

    monkeypatch.setattr("pipeline.models.emotion.find_spec", lambda _: True)
    monkeypatch.setattr("pipeline.models.emotion.import_module", absent)
    with pytest.raises(ModelError, match=r"Keras cannot be loaded \(No module named 'tensorflow'"):
        KerasEmotion(with_card(path))
