"""The loss and the accuracies, against plain numpy."""

import numpy as np
import pytest

from tests.support.training import KERAS

pytest.importorskip("keras", reason="needs the extra `train`")
from pipeline.train import backend, losses

pytestmark = KERAS

DRAW = np.random.default_rng(0)
LOGITS = DRAW.normal(size=(5, 14)).astype(np.float32)
TARGETS = DRAW.dirichlet(np.ones(7), (5, 2)).astype(np.float32).reshape(5, 14)
PRIORS = DRAW.dirichlet(np.ones(7), 2).astype(np.float32)


def _plain(targets: np.ndarray, logits: np.ndarray, shift: np.ndarray) -> np.ndarray:
    z = logits.reshape(-1, 2, 7).astype(np.float64) + shift
    logged = z - np.log(np.exp(z).sum(axis=2, keepdims=True))
    return np.asarray(-(targets.reshape(-1, 2, 7) * logged).sum(axis=2).mean(axis=1))


@pytest.mark.parametrize("tau", [0.0, 1.0])
def test_the_loss_is_the_mean_cross_entropy_of_corrected_logits(tau: float) -> None:
    found = backend.to_numpy(losses.cross_entropy(PRIORS, tau)(TARGETS, LOGITS))
    assert found == pytest.approx(_plain(TARGETS, LOGITS, tau * np.log(PRIORS)), rel=1e-5)


def test_a_head_without_target_costs_nothing() -> None:
    half = TARGETS.copy()
    half[:, 7:] = 0
    wild = LOGITS.copy()
    wild[:, 7:] *= 100
    loss = losses.cross_entropy(PRIORS, 0.0)
    assert np.allclose(backend.to_numpy(loss(half, wild)), backend.to_numpy(loss(half, LOGITS)))


def test_each_head_has_its_accuracy() -> None:
    targets = np.eye(7, dtype=np.float32)[[[0, 1], [2, 3], [4, 5], [6, 6]]].reshape(4, 14)
    logits = np.eye(7, dtype=np.float32)[[[0, 0], [2, 3], [4, 0], [0, 0]]].reshape(4, 14)
    first, second = losses.accuracies(2, 7)
    for metric in (first, second):
        metric.update_state(targets, logits)
    assert (first.name, float(first.result())) == ("accuracy", 0.75)
    assert (second.name, float(second.result())) == ("accuracy_ferplus", 0.25)
