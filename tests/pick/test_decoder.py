"""Decoding looks over time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.faces import EMOTIONS, Floats, Ints, Numbers
from pipeline.pick import decoder
from pipeline.pick.decoder import decoded, filtered, kept, seconds_since, weight
from tests.support.examples import examples

HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")
Table = tuple[Floats, Numbers, Ints]
"""Probabilities, times and tracks of rows."""


def _looks(*labels: int, sure: float = 0.6) -> Floats:
    rows = np.full((len(labels), len(EMOTIONS)), (1 - sure) / 6, np.float32)
    rows[np.arange(len(labels)), labels] = sure
    return rows


def _at(rate: float, count: int) -> Numbers:
    return np.arange(count) / rate


def _one_track(probabilities: Floats, time: Numbers) -> Floats:
    return decoded(probabilities, seconds_since(time, np.zeros(len(time), np.int64)))


@st.composite
def _tables(draw: st.DrawFn) -> Table:
    """A few tracks with frames of uneven distance, gaps among them."""
    random = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    lengths = draw(st.lists(st.integers(1, 40), min_size=1, max_size=5))
    steps = random.choice([0.0, 0.02, 0.04, 0.04, 0.08, 2.0], sum(lengths))
    track = np.repeat(np.arange(len(lengths)), lengths)
    sharp = draw(st.sampled_from([0.02, 0.3, 5.0]))
    looks = random.dirichlet(np.full(len(EMOTIONS), sharp), sum(lengths)).astype(np.float32)
    return looks, steps.cumsum(), track


def _textbook(probabilities: Floats, since: Numbers) -> Numbers:
    """Forward-backward row by row, with a matrix of transitions for each step."""
    looks = probabilities.shape[1]
    evidence = np.maximum(probabilities.astype(float), decoder.LEAST) ** weight(since)[:, None]
    stays = [share * np.eye(looks) + (1 - share) / looks for share in kept(since)]
    forward, backward = [np.full(looks, 1 / looks)], [np.ones(looks)]
    for n in range(len(since)):
        belief = (forward[-1] @ stays[n]) * evidence[n]
        forward.append(belief / belief.sum())
    for n in range(len(since) - 1, 0, -1):
        belief = stays[n] @ (evidence[n] * backward[0])
        backward.insert(0, belief / belief.sum())
    both = np.array(forward[1:]) * np.array(backward)
    return np.asarray(both / both.sum(axis=1, keepdims=True))


@given(_tables())
@settings(max_examples=examples(40))
def test_it_is_the_textbooks_forward_backward(table: Table) -> None:
    probabilities, time, track = table
    before, since = probabilities.copy(), seconds_since(time, track)
    found = decoded(probabilities, since)
    assert found == pytest.approx(_textbook(probabilities, since), abs=1e-6)
    assert found.dtype == np.float32
    assert (probabilities == before).all()


@given(_tables())
@settings(max_examples=examples(40))
def test_tracks_know_nothing_of_one_another(table: Table) -> None:
    """So it makes no difference how many tracks of which parts are decoded at once."""
    probabilities, time, track = table
    found = decoded(probabilities, seconds_since(time, track))
    for number in np.unique(track):
        mine = track == number
        alone = decoded(probabilities[mine], seconds_since(time[mine], track[mine]))
        assert found[mine] == pytest.approx(alone, abs=1e-6)


@given(_tables())
@settings(max_examples=examples(20))
def test_the_last_row_is_what_the_forward_pass_says(table: Table) -> None:
    """What `live` knows at a frame is what a walk that ends there would say of it."""
    probabilities, time, _ = table
    since = seconds_since(time, np.zeros(len(time), np.int64))
    belief = np.full((1, len(EMOTIONS)), 1 / len(EMOTIONS))
    for n in range(len(time)):
        belief = filtered(belief, probabilities[n : n + 1], since[n : n + 1])
        assert decoded(probabilities[: n + 1], since[: n + 1])[-1] == pytest.approx(
            belief[0], abs=1e-6
        )


@given(_tables(), st.floats(0, 10_000))
@settings(max_examples=examples(20))
def test_when_a_track_begins_does_not_matter(table: Table, later: float) -> None:
    probabilities, time, track = table
    found = decoded(probabilities, seconds_since(time, track))
    moved = decoded(probabilities, seconds_since(time + later, track))
    assert moved == pytest.approx(found, abs=1e-5)


SCRIPT = [HAPPY] * 60 + [SAD] * 30 + [HAPPY] * 5 + [SAD] * 45 + [6] * 60
"""Looks at 50 frames a second; the smile in between lasts a tenth of a second."""


@pytest.mark.parametrize("stride", [2, 3, 4])
def test_strides_and_rates_agree(stride: int) -> None:
    whole = _one_track(_looks(*SCRIPT), _at(50, len(SCRIPT)))
    time = _at(50, len(SCRIPT))[::stride]
    found = _one_track(_looks(*SCRIPT[::stride]), time)
    assert (found.argmax(axis=1) == whole[::stride].argmax(axis=1)).mean() > 0.95
    assert np.abs(found - whole[::stride]).mean() < 0.03


def test_frames_of_uneven_distance_agree_with_even_ones() -> None:
    random = np.random.default_rng(0)
    chosen = np.sort(random.choice(len(SCRIPT), len(SCRIPT) // 2, replace=False))
    whole = _one_track(_looks(*SCRIPT), _at(50, len(SCRIPT)))[chosen]
    found = _one_track(_looks(*SCRIPT)[chosen], _at(50, len(SCRIPT))[chosen])
    assert (found.argmax(axis=1) == whole.argmax(axis=1)).mean() > 0.95
    assert np.abs(found - whole).mean() < 0.03


def test_one_odd_frame_breaks_no_smile_but_a_look_that_holds_does() -> None:
    odd = _one_track(_looks(*[HAPPY] * 10, SAD, *[HAPPY] * 10), _at(25, 21))
    assert (odd.argmax(axis=1) == HAPPY).all()
    holds = _one_track(_looks(*[HAPPY] * 20, *[SAD] * 20), _at(25, 40)).argmax(axis=1)
    assert holds.tolist() == [HAPPY] * 20 + [SAD] * 20


@pytest.mark.parametrize("label", range(len(EMOTIONS)))
def test_a_constant_stays_what_it_is(label: int) -> None:
    found = _one_track(_looks(*[label] * 30, sure=0.3), _at(25, 30))
    assert (found.argmax(axis=1) == label).all()
    assert (found[:, label] >= 0.3).all()


def test_of_equal_looks_the_first_is_taken() -> None:
    nothing = np.full((9, len(EMOTIONS)), 1 / len(EMOTIONS), np.float32)
    assert _one_track(nothing, _at(25, 9)) == pytest.approx(1 / len(EMOTIONS))
    assert (_one_track(nothing, _at(25, 9)).argmax(axis=1) == 0).all()
    two = np.zeros((500, len(EMOTIONS)), np.float32)
    two[:, [HAPPY, SAD]] = 0.5
    assert (_one_track(two, _at(25, 500)).argmax(axis=1) == HAPPY).all()


def test_a_gap_is_time_without_evidence() -> None:
    """The longer nobody looks, the less the frame before it says of the frame after it."""
    looks = _looks(*[HAPPY] * 10, SAD, sure=0.3)
    sad = [
        float(_one_track(looks, np.append(_at(25, 10), 0.36 + gap))[-1, SAD])
        for gap in (0.04, 0.5, 2, 20, 1e6)
    ]
    assert sad == sorted(sad)
    assert sad[0] < 0.1
    assert sad[-1] == pytest.approx(0.3, abs=1e-3), "as if it were a track of its own"


def test_frames_at_one_time_are_one_witness() -> None:
    once = _one_track(_looks(HAPPY), np.zeros(1))
    again = _one_track(_looks(*[HAPPY] * 5), np.zeros(5))
    assert again == pytest.approx(np.tile(once, (5, 1)), abs=1e-6)


def test_no_frame_rules_a_look_out() -> None:
    certain = np.eye(len(EMOTIONS), dtype=np.float32)[[HAPPY] * 10 + [SAD] + [HAPPY] * 10]
    assert (_one_track(certain, _at(25, 21)).argmax(axis=1) == HAPPY).all()


def test_nothing_and_one_row() -> None:
    assert _one_track(_looks(), np.zeros(0)).shape == (0, len(EMOTIONS))
    assert _one_track(_looks(SAD), np.array([7.0]))[0] == pytest.approx(_looks(SAD)[0], abs=1e-6)
