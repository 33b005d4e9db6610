"""Moving means stay within a segment."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.faces import Floats, Ints
from pipeline.pick.steady import segments, smooth


def _ints(values: list[int]) -> Ints:
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("frame", "track", "stride", "wanted"),
    [
        pytest.param([], [], 1, [], id="nothing"),
        pytest.param([7], [3], 1, [0], id="one row"),
        pytest.param([1, 2, 3], [0, 0, 0], 1, [0, 0, 0], id="unbroken"),
        pytest.param([1, 2, 4], [0, 0, 0], 1, [0, 0, 1], id="a frame is missing"),
        pytest.param([2, 4, 6], [0, 0, 0], 2, [0, 0, 0], id="every second frame"),
        pytest.param([2, 4, 8], [0, 0, 0], 2, [0, 0, 1], id="a second frame is missing"),
        pytest.param([1, 2, 1, 2], [0, 0, 1, 1], 1, [0, 0, 1, 1], id="two tracks"),
        pytest.param([1, 2, 3, 4], [0, 0, 1, 1], 1, [0, 0, 1, 1], id="one track after the other"),
    ],
)
def test_segments(frame: list[int], track: list[int], stride: int, wanted: list[int]) -> None:
    found = segments(_ints(frame), _ints(track), stride)
    assert found.tolist() == wanted
    assert found.dtype == np.int64


@st.composite
def _segmented(draw: st.DrawFn) -> tuple[Floats, Ints]:
    """Probabilities `(n, 7)` and their segments."""
    lengths = draw(st.lists(st.integers(1, 9), max_size=5))
    segment = np.repeat(np.arange(len(lengths)), lengths)
    random = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    return random.dirichlet(np.full(7, 0.3), len(segment)).astype(np.float32), segment


ODD = st.sampled_from([1, 3, 5, 7, 15])


@given(_segmented(), ODD)
def test_rows_still_sum_to_one(given_: tuple[Floats, Ints], rows: int) -> None:
    probabilities, segment = given_
    found = smooth(probabilities, segment, rows)
    assert found.shape == probabilities.shape
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert ((found >= -1e-7) & (found <= 1 + 1e-6)).all()


@given(_segmented(), ODD)
def test_it_is_the_mean_of_the_window_and_never_of_another_stretch(
    given_: tuple[Floats, Ints], rows: int
) -> None:
    probabilities, segment = given_
    found = smooth(probabilities, segment, rows)
    for n in range(len(segment)):
        near = [
            m for m in range(len(segment)) if segment[m] == segment[n] and abs(m - n) <= rows // 2
        ]
        assert found[n] == pytest.approx(probabilities[near].mean(axis=0), abs=1e-5)


@given(_segmented())
def test_one_row_smooths_nothing(given_: tuple[Floats, Ints]) -> None:
    probabilities, segment = given_
    assert (smooth(probabilities, segment, 1) == probabilities).all()


@given(_segmented(), ODD)
def test_backwards_is_the_same_backwards(given_: tuple[Floats, Ints], rows: int) -> None:
    probabilities, segment = given_
    turned = smooth(probabilities[::-1], len(segment) - segment[::-1], rows)
    assert turned[::-1] == pytest.approx(smooth(probabilities, segment, rows), abs=1e-5)


@given(_segmented())
def test_a_window_beyond_all_numbers_is_the_mean_of_each_stretch(
    given_: tuple[Floats, Ints],
) -> None:
    probabilities, segment = given_
    found = smooth(probabilities, segment, 10**30 + 1)
    for number in np.unique(segment):
        mine = segment == number
        assert found[mine] == pytest.approx(
            np.tile(probabilities[mine].mean(axis=0), (mine.sum(), 1)), abs=1e-5
        )


def test_a_constant_stays_and_the_input_is_untouched() -> None:
    probabilities = np.full((6, 7), 1 / 7, np.float32)
    before = probabilities.copy()
    found = smooth(probabilities, _ints([0, 0, 0, 1, 1, 2]), 5)
    assert found == pytest.approx(1 / 7)
    assert (probabilities == before).all()


def test_one_odd_frame_does_not_break_a_smile() -> None:
    smile, frown = [0.8, 0.2], [0.1, 0.9]
    probabilities = np.array([smile, smile, frown, smile, smile], np.float32)
    found = smooth(probabilities, _ints([0] * 5), 5)
    assert (found[:, 0] > found[:, 1]).all()
    assert found[2] == pytest.approx([(4 * 0.8 + 0.1) / 5, (4 * 0.2 + 0.9) / 5])
