"""How sure a look is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.faces import EMOTIONS, Floats, Ints, Numbers
from pipeline.pick.decoder import LEAST
from pipeline.pick.evidence import REACH, look_sure, microseconds, nearby_means
from tests.support.examples import examples

Table = tuple[Floats, Numbers, Ints]
"""Probabilities, times and runs of rows."""


def _looks(*sure: float, label: int = 3) -> Floats:
    rows = np.tile((1 - np.array(sure, np.float32)[:, None]) / 6, (1, len(EMOTIONS)))
    rows[:, label] = sure
    return rows.astype(np.float32)


def _of_one_run(probabilities: Floats, time: Numbers) -> Floats:
    same = np.zeros(len(time), np.int64)
    return look_sure(nearby_means(probabilities, time, same), same + 3)


@st.composite
def _tables(draw: st.DrawFn) -> Table:
    """Rows of a few runs that may lie within one another, as `--gap` lets them."""
    random = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    count, rate = draw(st.integers(0, 60)), draw(st.sampled_from([12, 24, 25, 30]))
    probabilities = random.dirichlet(np.full(len(EMOTIONS), 0.3), count).astype(np.float32)
    return probabilities, np.arange(count) / rate, random.integers(0, 4, count)


@given(_tables())
@settings(max_examples=examples(40))
def test_the_frames_of_the_run_nearby_are_the_evidence(table: Table) -> None:
    probabilities, time, run = table
    found, micro = nearby_means(probabilities, time, run), microseconds(time)
    for n in range(len(run)):
        near = (run == run[n]) & (np.abs(micro - micro[n]) <= REACH)
        logs = np.log(np.maximum(probabilities[near].astype(float), LEAST))
        wanted = np.exp(logs.mean(axis=0))
        assert found[n] == pytest.approx(wanted / wanted.sum(), abs=1e-9)


def test_a_surer_network_is_a_surer_look() -> None:
    time = np.arange(20) / 25
    sure = [float(_of_one_run(_looks(*[s] * 20), time)[10]) for s in (0.2, 0.4, 0.6, 0.8, 1)]
    assert sure == sorted(sure)
    assert all(0 <= s <= 1 for s in sure)
    assert sure[0] < 0.55 < sure[2]


def test_doubt_nearby_counts_and_far_away_does_not() -> None:
    time = np.arange(100) / 25
    doubtful = _looks(*[0.9] * 50, *[0.3] * 50)
    sure, certain = _of_one_run(doubtful, time), _of_one_run(_looks(*[0.9] * 100), time)
    assert sure[0] == pytest.approx(certain[0])
    assert sure[45] < certain[45]
    assert sure[99] < sure[45]


def test_another_label_than_the_networks_is_hardly_sure() -> None:
    same = np.zeros(9, np.int64)
    means = nearby_means(_looks(*[0.9] * 9), np.arange(9) / 25, same)
    assert (look_sure(means, same) < 0.05).all()


@pytest.mark.parametrize("stride", [2, 3])
def test_strides_agree(stride: int) -> None:
    looks, time = _looks(*np.linspace(0.3, 0.9, 90)), np.arange(90) / 30
    whole, few = _of_one_run(looks, time), _of_one_run(looks[::stride], time[::stride])
    assert few == pytest.approx(whole[::stride], abs=0.03)


def test_nothing() -> None:
    none = np.zeros(0, np.int64)
    assert look_sure(nearby_means(_looks(), np.zeros(0), none), none).shape == (0,)
