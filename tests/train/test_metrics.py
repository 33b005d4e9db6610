"""Metrics and their intervals, against published numbers and plain counting."""

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.train import metrics


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (15, 148, 0.0624, 0.1605), (10, 10, 0.7225, 1.0), (1, 1, 0.2065, 1.0)],
)
def test_wilson_s_interval(right: int, n: int, low: float, high: float) -> None:
    """Newcombe, Statistics in Medicine 1998, table I, and `statsmodels`."""
    found = metrics.share(np.arange(n) < right)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)
    assert found.n == n


def test_nothing_to_measure_is_no_number() -> None:
    nothing = np.zeros(0, np.int64), np.zeros((0, 7), np.float32)
    for found in (
        metrics.share(np.zeros(0, bool)),
        metrics.resampled(metrics.squared_error, *nothing),
    ):
        assert isnan(found.value)
        assert found.n == 0


PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


@given(PAIRS)
def test_confusion_counts_pairs(pairs: list[tuple[int, int]]) -> None:
    labels, answers = (np.array(side) for side in zip(*pairs, strict=True))
    found = metrics.confusion(labels, answers, 4)
    assert {(i, j): n for (i, j), n in np.ndenumerate(found) if n} == {
        pair: pairs.count(pair) for pair in pairs
    }


@given(PAIRS)
def test_balanced_accuracy_is_the_mean_recall(pairs: list[tuple[int, int]]) -> None:
    labels, answers = (np.array(side) for side in zip(*pairs, strict=True))
    recalls = [
        sum(a == c for label, a in pairs if label == c) / sum(label == c for label, _ in pairs)
        for c in set(labels.tolist())
    ]
    probability = np.eye(4, dtype=np.float32)[answers]
    assert metrics.balanced_accuracy(labels, probability) == pytest.approx(np.mean(recalls))


def test_calibration_error_by_hand() -> None:
    probability = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.45, 0.55]], np.float32)
    labels = np.array([0, 1, 1, 1])
    # 0.9 twice, right once; 0.6 and 0.55 lie in bins 9 and 8 of 15, right both.
    wanted = (2 * abs(0.5 - 0.9) + abs(1 - 0.6) + abs(1 - 0.55)) / 4
    assert metrics.calibration_error(labels, probability) == pytest.approx(wanted, abs=1e-6)


def test_certainty_that_is_right_has_no_error() -> None:
    probability = np.eye(7, dtype=np.float32)
    assert metrics.calibration_error(np.arange(7), probability) == 0
    assert metrics.squared_error(np.arange(7), probability) == 0


def test_the_squared_error_of_knowing_nothing() -> None:
    even = np.full((5, 4), 0.25, np.float32)
    assert metrics.squared_error(np.arange(5) % 4, even) == pytest.approx(
        (0.75**2 + 3 * 0.25**2) / 4
    )


def test_the_bootstrap_repeats_itself_and_holds_the_value() -> None:
    draw = np.random.default_rng(1)
    probability = draw.dirichlet(np.ones(7), 300).astype(np.float32)
    labels = draw.integers(0, 7, 300)
    found = metrics.resampled(metrics.balanced_accuracy, labels, probability)
    assert found == metrics.resampled(metrics.balanced_accuracy, labels, probability)
    assert found.low < found.value < found.high
    assert 0.02 < found.high - found.low < 0.15  # For 300 rows about 4 * sqrt(p q / n).


def test_precision_and_recall_of_a_class() -> None:
    labels, answers = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 0, 1])
    precision, recall = metrics.precision_and_recall(labels, answers, 0)
    assert [precision.value, recall.value] == pytest.approx([2 / 3, 2 / 3])
    assert [precision.n, recall.n] == [3, 3]
