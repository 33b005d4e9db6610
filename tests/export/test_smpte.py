"""Tests of timecode, against OpenTimelineIO's."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentimelineio.opentime import RationalTime

from pipeline.export.footage import NTSC, RATES
from pipeline.export.smpte import Counting, movie_clock
from tests.support.found import FRAMES, SHOWN_RATES, film_of

DROPPING = (30 * NTSC, 60 * NTSC)


def _drops(rate: Fraction) -> Counting:
    return Counting(rate, drop=rate in DROPPING)


@pytest.mark.parametrize("rate", SHOWN_RATES, ids=str)
def test_every_frame_of_two_hours_is_called_as_by_opentimelineio(rate: Fraction) -> None:
    counting = _drops(rate)
    numbers = range(0, FRAMES * 2, 7)

    assert [counting.text(n) for n in numbers] == [
        RationalTime(n, float(rate)).to_timecode() for n in numbers
    ]


@given(st.sampled_from(RATES), st.booleans(), st.integers(0, 2_000_000))
def test_a_timecode_leads_back_to_its_frame(rate: Fraction, drop: bool, number: int) -> None:
    counting = Counting(rate, drop=drop and rate in DROPPING)
    day = 24 * 60 * (60 * counting.nominal) - counting.dropped * 24 * 54

    assert counting.number(counting.text(number)) == number % day


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (Fraction(25), "nonsense"),
        (Fraction(25), "00:00:00:25"),
        (Fraction(25), "00:60:00:00"),
        (Fraction(25), "00:00:60:00"),
        (30 * NTSC, "00:01:00;01"),
        (60 * NTSC, "00:01:00;03"),
    ],
)
def test_what_is_no_timecode(rate: Fraction, text: str) -> None:
    assert _drops(rate).number(text) is None
    assert movie_clock(film_of(rate), text).start == 0


@pytest.mark.parametrize(
    ("rate", "start", "drop", "first"),
    [
        (30 * NTSC, "", True, "00:00:00;00"),
        (30 * NTSC, "01:00:00;00", True, "01:00:00;00"),
        (30 * NTSC, "01:00:00:00", False, "01:00:00:00"),
        (60 * NTSC, "10:00:00;00", True, "10:00:00;00"),
        (24 * NTSC, "01:00:00:00", False, "01:00:00:00"),
        (Fraction(25), "23:59:59:24", False, "23:59:59:24"),
    ],
)
def test_a_movie_counts_as_its_own_timecode_does(
    rate: Fraction, start: str, drop: bool, first: str
) -> None:
    clock = movie_clock(film_of(rate), start)

    assert (clock.counting.drop, clock.at(0)) == (drop, first)


def test_a_day_ends() -> None:
    assert movie_clock(film_of(Fraction(25)), "23:59:59:24").at(1) == "00:00:00:00"


def test_a_stretch_lasts_at_least_a_frame() -> None:
    clock = movie_clock(film_of(Fraction(120)), "")
    lengths = np.array([np.subtract(*clock.span(n, n + 1)[::-1]) for n in range(100)])

    assert set(lengths.tolist()) == {1}
