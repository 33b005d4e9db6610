"""A network of one's own that tells people apart."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pipeline.disk.tracks_npz import read_tracks
from pipeline.errors import ModelError
from pipeline.faces import Image
from pipeline.models import registry
from pipeline.models.cards import WEIGHTS, Card, Tolerances
from pipeline.models.recognizer import CardAligner, OnnxRecognizer
from pipeline.models.sface import SFACE_LANDMARKS, SFace
from pipeline.settings import WalkSettings
from tests.support.movies import noise
from tests.support.networks import users_recognizer
from tests.support.program import beside
from tests.support.stills import KNOWN, ROOT, chip_of, chips

SFACE = registry.RECOGNIZERS["sface"].path
OWN_CARD: dict[str, Any] = {
    "file": "own.onnx",
    "job": "identity",
    "input": {"dtype": "uint8", "layout": "NHWC", "colour": "RGB", "size": [112, 112]},
    "outputs": ["descriptor"],
    "tolerances": {"name": 0.97},
}


def own(folder: Path, **facts: Any) -> Path:
    """SFace's weights under a card of one's own."""
    path = folder / "own.onnx"
    shutil.copy(SFACE, path)
    path.with_suffix(".json").write_text(json.dumps(OWN_CARD | facts))
    return path


def answering(folder: Path, shape: tuple[int, ...], number: float = 1.0, **facts: Any) -> Path:
    """A network that gives the same numbers, in this shape, for every face."""
    path = folder / "own.onnx"
    constant = numpy_helper.from_array(np.full(shape, number, np.float32), "always")
    nodes = [
        helper.make_node("ReduceSum", ["face"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["sum"], ["total"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["total", "total"], ["nothing"]),
        helper.make_node("Add", ["nothing", "always"], ["descriptor"]),
    ]
    face = helper.make_tensor_value_info("face", TensorProto.FLOAT, (1, 112, 112, 3))
    numbers = helper.make_tensor_value_info("descriptor", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "constant", [face], [numbers], [constant])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
              path)  # fmt: skip
    given = OWN_CARD["input"] | {"dtype": "float32"}
    path.with_suffix(".json").write_text(json.dumps(OWN_CARD | {"input": given} | facts))
    return path


def faces() -> Image:
    return np.stack([*chips(), *noise(3, width=112, height=112)])


def test_the_same_weights_give_the_same_embeddings(tmp_path: Path) -> None:
    assert np.array_equal(OnnxRecognizer(own(tmp_path)).embed(faces()), SFace(SFACE).embed(faces()))


def test_a_card_tells_layout_colours_and_scaling(tmp_path: Path) -> None:
    """The other network undoes what its card asks for, and is SFace inside."""
    path = users_recognizer(tmp_path)
    assert np.array_equal(OnnxRecognizer(path).embed(faces()), SFace(SFACE).embed(faces()))
    card = json.loads(path.with_suffix(".json").read_text())
    card["input"]["colour"] = "RGB"
    path.with_suffix(".json").write_text(json.dumps(card))
    assert not np.array_equal(OnnxRecognizer(path).embed(chips()), SFace(SFACE).embed(chips()))


@pytest.mark.parametrize("landmarks", [[], SFACE_LANDMARKS.tolist()], ids=["usual", "told"])
def test_chips_are_cut_as_the_card_says(tmp_path: Path, landmarks: list[list[float]]) -> None:
    aligner = CardAligner(own(tmp_path, landmarks=landmarks))
    for name, wanted in zip(KNOWN, chips(), strict=True):
        assert np.array_equal(chip_of(aligner, name), wanted)


def test_other_points_and_sizes_give_other_chips(tmp_path: Path) -> None:
    double = OWN_CARD["input"] | {"size": [224, 224]}
    large = chip_of(CardAligner(own(tmp_path, input=double)), KNOWN[0])
    assert large.shape == (224, 224, 3)
    inner = (SFACE_LANDMARKS / 2 + 28).tolist()
    small = chip_of(CardAligner(own(tmp_path, landmarks=inner)), KNOWN[0])
    middle, wanted = small[28:84, 28:84].astype(float), chips()[0][::2, ::2].astype(float)
    assert np.corrcoef(middle.ravel(), wanted.ravel())[0, 1] > 0.97


def test_descriptors_may_have_any_length(tmp_path: Path) -> None:
    network = OnnxRecognizer(answering(tmp_path, (1, 512, 1, 1)))
    assert network.embed(chips()).shape == (4, 512)
    assert network.embed(chips()[:0]).shape == (0, 512)


# --- tolerances ---------------------------------------------------------------------------------


def test_tolerances_are_in_proportion_to_the_first(tmp_path: Path) -> None:
    usual = registry.tolerances(WalkSettings(recognizer=str(own(tmp_path))))
    told = json.loads(SFACE.with_suffix(".json").read_text())["tolerances"]
    assert usual == Card.beside(SFACE).tolerances == Tolerances(**told)
    half = Tolerances.from_card({"name": 0.485, "cast": 0.5})
    assert (half.cast, half.clear) == (0.5, usual.clear)
    assert half.sure == pytest.approx(0.435)
    assert half.first[0] == usual.first[0]
    assert list(half.first[1:]) == pytest.approx([2 * slope for slope in usual.first[1:]])
    assert max(Tolerances.from_card({"name": 2}).link, 2) == 2


# --- what does not fit --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"job": "emotion"}, "its card says job 'emotion', wanted 'identity'"),
        ({"input": None}, "its card says input.size None, wanted a square of 32 pixels or more"),
        ({"input": OWN_CARD["input"] | {"size": [112, 96]}}, r"input.size \(112, 96\), wanted a"),
        ({"input": OWN_CARD["input"] | {"size": [8, 8]}}, r"input.size \(8, 8\), wanted a square"),
        ({"outputs": ["embedding"]}, "outputs 'embedding', the file has descriptor"),
        ({"input": OWN_CARD["input"] | {"layout": "NCHW"}}, "cannot run as its card says, on"),
        ({"landmarks": [[1, 2]] * 4}, "wanted five points"),
        ({"landmarks": [[1, 2, 3]] * 5}, "wanted five points"),
        ({"landmarks": [["a", 2]] * 5}, "landmarks is .*, wanted numbers"),
        ({"tolerances": {"cast": 1}}, "not a network's card .*name"),
        ({"tolerances": {"name": 7}}, "tolerances.name is 7.0, wanted a number up to 2"),
        ({"tolerances": {"name": "far"}}, "tolerances.name is .*, wanted numbers"),
    ],
)  # fmt: skip
def test_a_card_that_does_not_fit_is_told(tmp_path: Path, facts: Any, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        OnnxRecognizer(own(tmp_path, **facts))


@pytest.mark.parametrize(
    ("shape", "number", "told"),
    [
        ((1, 1), 1.0, r"returns \(1, 1\) for one face, wanted \(1, numbers\)"),
        ((512,), 1.0, r"returns \(512,\) for one face"),
        ((2, 128), 1.0, r"returns \(2, 128\) for one face"),
        ((1, 128), np.nan, "returns NaN or infinity; check mean and scale"),
    ],
)
def test_answers_that_are_none_are_told(
    tmp_path: Path, shape: tuple[int, ...], number: float, told: str
) -> None:
    with pytest.raises(ModelError, match=told):
        OnnxRecognizer(answering(tmp_path, shape, number))


def test_a_missing_card_comes_with_one_to_edit(tmp_path: Path) -> None:
    path = own(tmp_path)
    path.with_suffix(".json").unlink()
    with pytest.raises(ModelError, match=r"own\.json: no card beside own\.onnx; write") as caught:
        registry.recognizer_entry(str(path))
    example = str(caught.value).partition("example:\n")[2]
    path.with_suffix(".json").write_text(example)
    assert CardAligner(path)
    assert registry.tolerances(WalkSettings(recognizer=str(path))).name == 1.1


def test_what_is_neither_name_nor_path_is_told() -> None:
    for entry in (registry.recognizer_entry, registry.aligner_entry):
        with pytest.raises(ModelError, match=r"sface, or give the path of a file \.onnx"):
            entry("eye")


# --- walks --------------------------------------------------------------------------------------


def test_what_changes_embeddings_makes_a_walk_another(tmp_path: Path) -> None:
    settings = WalkSettings(recognizer=str(own(tmp_path)))
    models = registry.identities(settings)
    assert registry.compares(settings, models)
    assert str(Path(settings.recognizer)) == settings.recognizer
    own(tmp_path, note="other words")
    assert registry.compares(settings, models)
    for facts in ({"landmarks": (SFACE_LANDMARKS + 1).tolist()},
                  {"input": OWN_CARD["input"] | {"colour": "BGR"}}):  # fmt: skip
        own(tmp_path, **facts)
        assert not registry.compares(settings, models)
        assert registry.identities(settings) != models


def test_cards_without_points_have_the_identity_that_they_had() -> None:
    entries = {"recognizer": "SFace", "emotion": "OnnxEmotion", "aligner": "LandmarkAligner"}
    found = registry.identities(WalkSettings())
    assert {job: found[job].split()[0] for job in entries} == entries
    card = Card.beside(WEIGHTS / "sface.onnx")
    assert replace(card, landmarks=((1, 2),) * 5).identity != card.identity


def test_a_film_is_walked_and_named_by_a_network_of_512_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = beside(tmp_path, "movie.mkv", monkeypatch, capsys)
    path = answering(tmp_path, (1, 512))
    shutil.copy(ROOT / "known_faces" / "actress.jpg", tmp_path / "known_faces" / "zoe.jpg")
    done = program("walk", "movie.mkv", "--recognizer", path)
    assert (done.code, done.out) == (0, "output/movie/faces.csv\n"), done.err
    assert read_tracks(Path("output/movie/tracks.npz")).embedding.shape[1] == 512
    assert program("pick", "movie", "--person", "any").code == 0
    (tmp_path / "known_faces" / "zoe.jpg").unlink()
    named = program("name", "movie")
    assert named.code == 0, named.err
    assert named.table[0][:2] == ["movie.mkv", "anna"]  # To this network everybody is the same.
    path.unlink()
    gone = program("walk", "movie.mkv", "--recognizer", path)
    assert gone.code == 1
    assert "own.onnx: missing" in gone.err
    unknown = program("walk", "movie.mkv", "--recognizer", "eye")
    assert (unknown.code, "no network is called 'eye'" in unknown.err) == (1, True)
