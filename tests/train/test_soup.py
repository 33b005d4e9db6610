"""Soups: the mean of the weights of runs that began alike, and nobody else's."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import DataError, MiningError, ModelError, OutputError
from pipeline.models import registry
from pipeline.models.cards import Card
from pipeline.train.settings import TrainSettings
from tests.support.training import KERAS, squares
from tests.train.test_fit import QUICK

pytest.importorskip("keras", reason="needs the extra `train`")
import keras

from pipeline.train import backend, fit, networks, soup

pytestmark = KERAS

DATA = squares(112)
ROW = re.compile(r" *([\d.]+) +([\d.]+)  (taken|left out) +(.*)")
ON = replace(QUICK, epochs=1, learning_rate=0.005)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, two that went on from it, and one that began elsewhere."""
    folder = tmp_path_factory.mktemp("runs")
    first = replace(ON, weights=folder / "first" / "model.keras")
    settings = {
        "first": QUICK, "bright": replace(first, light=0.4), "turned": replace(first, tilt=10.0),
        "stranger": replace(QUICK, seed=9),
    }  # fmt: skip
    for name, one in settings.items():
        list(fit.train(DATA, one, folder / name))
    return folder


def _weights(folder: Path) -> list[Any]:
    weights: list[Any] = backend.load_network(folder / "model.keras").get_weights()
    return weights


def _verdicts(lines: list[str]) -> dict[str, tuple[float, float, bool]]:
    """What each run is worth alone and in the soup, and whether it was taken."""
    rows = [row.groups() for line in lines if (row := ROW.fullmatch(line))]
    return {Path(run).name: (float(a), float(b), v == "taken") for a, b, v, run in rows}


def test_the_mean_of_those_that_help_is_written(runs: Path, tmp_path: Path) -> None:
    names = ("turned", "first", "bright")
    lines = list(soup.soup(DATA, [runs / name for name in names], tmp_path))
    verdicts = _verdicts(lines)
    assert verdicts.keys() == set(names)
    taken = [name for name, (*_, is_taken) in verdicts.items() if is_taken]
    means = [
        np.mean(arrays, axis=0)
        for arrays in zip(*(_weights(runs / name) for name in taken), strict=True)
    ]
    pairs = zip(_weights(tmp_path), means, strict=True)
    assert all(np.array_equal(found, wanted) for found, wanted in pairs)
    note = Card.beside(tmp_path / "model.onnx").note
    assert note.startswith(f"shallow, mean of {len(taken)} of 3 runs ({', '.join(taken)}); its own")
    assert lines[4].startswith("Accuracy on test set: ")
    assert [Path(line).name for line in lines[-2:]] == ["model.keras", "model.onnx"]


def test_a_member_is_taken_only_if_the_soup_gains(runs: Path, tmp_path: Path) -> None:
    paths = [runs / name for name in ("first", "bright", "turned", "stranger")]
    verdicts = _verdicts(list(soup.soup(DATA, paths, tmp_path)))
    best = 0.0
    for alone, together, taken in verdicts.values():
        assert taken == (together > best)
        best = max(best, together)
        assert alone <= best
    assert not verdicts["stranger"][2] or sum(taken for *_, taken in verdicts.values()) == 1


def test_networks_that_began_apart_have_no_mean(runs: Path) -> None:
    """The reason for a choice: each is good, and their mean is not."""
    members = soup._members([runs / "first", runs / "stranger"])
    pot = soup._Pot(members[0], soup._common_lesson(DATA, members))
    weights = [member.network.get_weights() for member in members]
    assert min(pot.score(weights[:1]), pot.score(weights[1:])) > pot.score(weights) + 0.2


def test_the_score_alone_is_that_of_the_run(runs: Path, tmp_path: Path) -> None:
    lines = list(soup.soup(DATA, [runs / "first", runs / "bright"], tmp_path))
    for name, (alone, *_) in _verdicts(lines).items():
        rows = (runs / name / "training.csv").read_text().splitlines()
        column = rows[0].split(",").index("val_accuracy")
        assert alone == pytest.approx(
            max(float(row.split(",")[column]) for row in rows[1:]), abs=6e-4
        )


def test_a_soup_answers_like_any_network(runs: Path, tmp_path: Path) -> None:
    list(soup.soup(DATA, [runs / "first", runs / "turned"], tmp_path))
    keras_file, onnx_file = (
        registry.emotion_entry(str(tmp_path / f"model.{kind}")).build().classify(DATA.faces)
        for kind in ("keras", "onnx")
    )
    assert np.abs(keras_file - onnx_file).max() < 1e-4
    assert (keras_file.argmax(axis=1) == DATA.labels).mean() > 0.5


# --- batch normalisation ------------------------------------------------------------------------


def test_statistics_are_the_means_over_batches_whatever_they_were() -> None:
    """Against NumPy, for the first normalisation; the others follow from it."""
    settings = TrainSettings(
        batch=14, flip=False, tilt=0, scale=0, shift=0, light=0, erase=0, blur=0
    )
    lesson = fit.prepared(DATA, settings)
    network = networks.build("two-headed")
    layers = [x for x in network.layers if isinstance(x, keras.layers.BatchNormalization)]
    for layer in layers:
        layer.moving_mean.assign(np.full(layer.moving_mean.shape, 9, np.float32))
    batches = fit.batches_of(lesson, settings, 0)
    soup.recompute_statistics(fit.trainer_of(network, lesson, settings), layers, batches)
    before = keras.Model(network.input, layers[0].input)
    shown = [np.float32((batches[i][0] - 127.5) / 64) for i in range(len(batches))]
    answers = [backend.to_numpy(before(faces)) for faces in shown]
    means = np.mean([x.mean(axis=(0, 1, 2)) for x in answers], axis=0)
    variances = np.mean([x.var(axis=(0, 1, 2)) for x in answers], axis=0)
    assert backend.to_numpy(layers[0].moving_mean) == pytest.approx(means, abs=1e-4)
    assert backend.to_numpy(layers[0].moving_variance) == pytest.approx(variances, rel=1e-3)
    assert all(np.abs(backend.to_numpy(layer.moving_mean)).max() < 9 for layer in layers)
    assert {layer.momentum for layer in layers} == {0.9}


def test_a_mean_has_its_own_statistics_and_a_member_keeps_its_own(tmp_path: Path) -> None:
    settings = replace(QUICK, network="two-headed", epochs=1, batch=14)
    list(fit.train(DATA, settings, tmp_path / "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    members = soup._members([tmp_path / "a", tmp_path / "b"])
    gone_on = [1.01 * weights for weights in members[1].network.get_weights()]
    members[1].network.set_weights(gone_on)
    pot = soup._Pot(members[0], soup._common_lesson(DATA, members))
    weights = [member.network.get_weights() for member in members]
    for some, same in ((weights[:1], True), (weights, False)):
        pot.score(some)
        pot.keep()
        pairs = list(zip(pot.kept().get_weights(), *some, strict=True))
        equal = [np.array_equal(found, np.mean(arrays, axis=0)) for found, *arrays in pairs]
        assert all(equal) == same
        # Kernels, gains and offsets are the means; only statistics differ.
        trained = {id(w) for w in pot.kept().trainable_weights}
        is_trained = [id(w) in trained for w in pot.kept().weights]
        assert all(e for e, t in zip(equal, is_trained, strict=True) if t)


# --- what is refused ----------------------------------------------------------------------------


def _other_settings(folder: Path, **changes: object) -> None:
    path = folder / "settings.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _other_network(folder: Path) -> None:
    _other_settings(folder, network="wide")


def _other_priors(folder: Path) -> None:
    replace(Card.beside(folder / "model.keras"), tau=0.5).write(folder)


def _other_faces_held_out(folder: Path) -> None:
    _other_settings(folder, split="random", seed=3)


def _unfinished(folder: Path) -> None:
    (folder / "model.keras").unlink()


def _no_settings(folder: Path) -> None:
    (folder / "settings.json").write_text("[]")


def _nothing(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_other_network, "its network is other than"),
        (_other_priors, "its priors or their correction are other than"),
        (_other_faces_held_out, "its faces for validation and test are other than"),
        (_unfinished, "is not finished; run its `train` again"),
        (_no_settings, r"settings\.json: cannot be read .* give the folder of a run"),
        (_nothing, r"settings\.json: cannot be read .* give the folder of a run"),
    ],
)
def test_no_sibling_is_refused(spoil: Any, message: str, runs: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(runs / "bright", tmp_path / "other"))
    spoil(other)
    with pytest.raises(ModelError, match=message):
        list(soup.soup(DATA, [runs / "first", other], tmp_path / "soup"))
    assert not (tmp_path / "soup").exists()


def test_other_data_are_refused(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="first: learnt from other data"):
        list(soup.soup(squares(112, seed=5), [runs / "first", runs / "bright"], tmp_path))


def test_one_run_twice_is_no_soup(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="two runs or more; got 1"):
        list(soup.soup(DATA, [runs / "first", runs / "." / "first"], tmp_path))


def test_a_run_is_never_written_over(runs: Path) -> None:
    before = (runs / "first" / "model.keras").read_bytes()
    with pytest.raises(OutputError, match="holds a run of `train`; choose another folder"):
        list(soup.soup(DATA, [runs / "first", runs / "bright"], runs / "first"))
    assert (runs / "first" / "model.keras").read_bytes() == before


def test_a_torn_member_is_said(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "bright", tmp_path / "torn")
    path = tmp_path / "torn" / "model.keras"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(MiningError, match=r"torn.*model\.keras"):
        list(soup.soup(DATA, [runs / "first", tmp_path / "torn"], tmp_path / "soup"))


def test_the_settings_of_a_run_are_read_back(runs: Path) -> None:
    told = json.loads((runs / "bright" / "settings.json").read_text())
    wanted = replace(ON, light=0.4, weights=runs / "first" / "model.keras")
    assert TrainSettings.told(told) == wanted
