"""The networks: their sizes, inputs and outputs, and the shipped weights in our layers."""

import re
from inspect import getdoc
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ModelError
from pipeline.train import settings
from tests.support.training import KERAS, KERAS_FILE

pytest.importorskip("keras", reason="needs the extra `train`")
import keras

from pipeline.train import architecture, backend, networks
from pipeline.train.networks import NETWORKS

pytestmark = KERAS


@pytest.mark.parametrize("name", NETWORKS)
def test_docstrings_tell_parameters_and_operations(name: str) -> None:
    network = networks.build(name)
    figures = re.search(
        r"([\d,]+) parameters, ([\d,]+) operations", getdoc(NETWORKS[name].build) or ""
    )
    assert figures is not None
    parameters, operations = (int(number.replace(",", "")) for number in figures.groups())
    assert architecture.n_parameters(network)[0] == parameters == network.count_params()
    assert architecture.flops(network) == operations


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("n_classes", [7, 6])
def test_faces_become_logits(name: str, n_classes: int) -> None:
    network = networks.build(name, n_classes)
    assert network.input_shape == (None, 48, 48, 1)
    assert network.output_shape == (None, n_classes * NETWORKS[name].n_heads)


def test_operations_by_hand() -> None:
    """Two 5x5 convolutions of 16 and 36 channels, each with a pool, and dense 128 and 7."""
    convolutions = 48 * 48 * 16 * (2 * 25 + 2) + 24 * 24 * 36 * (2 * 25 * 16 + 2)
    pools = 24 * 24 * 16 * 4 + 12 * 12 * 36 * 4
    dense = 128 * (2 * 12 * 12 * 36 + 2) + 7 * (2 * 128 + 1)
    assert architecture.flops(networks.build("shallow")) == convolutions + pools + dense


def test_a_layer_that_nobody_counted_is_refused() -> None:
    network = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.UpSampling2D()])
    with pytest.raises(ValueError, match="UpSampling2D: operations are not counted yet"):
        architecture.flops(network)


def test_vgg16_learns_its_head_alone() -> None:
    total, learnt = architecture.n_parameters(networks.build("vgg16"))
    assert learnt == 512 * 256 + 256 + 256 * 7 + 7
    assert total - learnt == 14_714_688  # Keras' own figure for VGG16 without its top.


def test_the_shipped_weights_answer_the_same_in_our_network() -> None:
    if not KERAS_FILE.exists():
        pytest.skip("emotion.keras is not beside the repository")
    faces = np.random.default_rng(0).normal(size=(16, 48, 48, 1)).astype(np.float32)
    ours = networks.build("two-headed")
    ours.load_weights(KERAS_FILE)
    theirs = backend.load_network(KERAS_FILE)
    found, wanted = (backend.to_numpy(n(faces, training=False)) for n in (ours, theirs))
    assert np.abs(found - wanted).max() < 1e-5
    assert np.abs(wanted).max() > 1


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ModelError, match="no network 'alexnet'; choose one of article"):
        networks.build("alexnet")


def test_a_network_begins_with_the_weights_of_a_file(tmp_path: Path) -> None:
    first, path = networks.build("two-headed"), tmp_path / "first.keras"
    first.save(path)
    second = networks.build("two-headed", weights=path)
    pairs = zip(first.get_weights(), second.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", ["wide", "two-headed"])
def test_weights_of_another_network_are_refused(name: str, tmp_path: Path) -> None:
    networks.build("shallow").save(tmp_path / "other.keras")
    with pytest.raises(ModelError, match=rf"other\.keras: not the weights of {name} with as many"):
        networks.build(name, weights=tmp_path / "other.keras")


def test_weights_for_other_classes_are_refused(tmp_path: Path) -> None:
    networks.build("shallow", 6).save(tmp_path / "six.keras")
    with pytest.raises(ModelError, match="not the weights of shallow with as many"):
        networks.build("shallow", 7, tmp_path / "six.keras")


def test_missing_weights_are_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.keras: not a Keras network"):
        networks.build("shallow", 7, tmp_path / "none.keras")


@pytest.mark.parametrize("content", [None, b"no weights"])
def test_a_file_that_is_no_vgg16_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "vgg.weights.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"vgg\.weights\.h5: not the weights of VGG16's features"):
        networks.build("vgg16", 7, path)


def test_features_come_from_the_file_and_stay(tmp_path: Path) -> None:
    features = keras.applications.VGG16(include_top=False, weights=None, input_shape=(48, 48, 3))
    path = tmp_path / "vgg.weights.h5"
    features.save_weights(path)
    (inside,) = (n for n in networks.build("vgg16", 7, path).layers if hasattr(n, "layers"))
    assert all(
        np.array_equal(a, b)
        for a, b in zip(inside.get_weights(), features.get_weights(), strict=True)
    )
    assert not inside.trainable_weights


def test_the_text_tells_all(tmp_path: Path) -> None:
    text = architecture.text(networks.build("shallow"), "about it")
    assert text.startswith("about it\n")
    assert "parameters: 679,435 (679,435 trained)" in text
    assert "operations per face (two for each multiply-add): 19,933,959" in text
    assert text.count("Conv2D") == 2


def test_the_command_line_knows_them_all() -> None:
    assert set(settings.NETWORK_NAMES) == set(NETWORKS)
    assert settings.TrainSettings().network in NETWORKS
