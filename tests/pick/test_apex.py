"""Tests of the one face of a run: its peak or its onset."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.faces import EMOTIONS
from pipeline.pick import select
from pipeline.pick.apex import NEARBY, heights, millionths, prominence, prominences, rises
from pipeline.settings import PickSettings, classes
from tests.support.face_rows import RATE, made, stretch

SETTINGS = PickSettings(smooth=1, repeat=1, sure=0)
SMILE = [0.1] * 10 + [0.6] * 10 + [0.8, 0.9, 0.8] + [0.6] * 10
"""How probable happy is: it begins with frame 10, and frame 21 is its height."""


def kept(happy: list[float], settings: PickSettings) -> list[int]:
    """The frames that are kept of a track that is happy or neutral."""
    rows = made(stretch(range(len(happy)), 0, "anna", "neutral"))
    glad = np.array(happy, np.float32)
    rows = rows.assign(**dict.fromkeys(EMOTIONS, np.float32(0)))
    rows = rows.assign(happy=glad, neutral=1 - glad)
    seen = select.wanted(select.steadied(rows, 1, settings), "anna", "happy")
    return list(select.steady(seen, settings)[0]["frame"])


def test_the_peak_is_where_the_look_is_the_most_probable() -> None:
    assert kept(SMILE, replace(SETTINGS, peak=True)) == [21]


def test_the_onset_is_where_it_rises_most_steeply() -> None:
    assert kept(SMILE, replace(SETTINGS, onset=True)) == [10]


@pytest.mark.parametrize("peak", [True, False])
def test_each_run_has_one(peak: bool) -> None:
    asked = replace(SETTINGS, peak=peak, onset=not peak)
    assert len(kept([*SMILE, *SMILE], asked)) == 2
    assert kept([0.1] * 9, asked) == []


@pytest.mark.parametrize("option", ["peak", "onset"])
def test_the_funnel_ends_with_the_option(option: str) -> None:
    asked = replace(SETTINGS, peak=option == "peak", onset=option == "onset")
    rows = select.steadied(made(stretch(range(9), 0, "anna", "happy")), 1, asked)
    _, left = select.steady(select.wanted(rows, "anna", "happy"), asked)
    assert list(left.items())[-1] == (option, 1)


def test_what_no_filter_passes_is_no_peak() -> None:
    glance = [*SMILE[:21], 0.2, *SMILE[22:]]
    assert kept(glance, replace(SETTINGS, peak=True, gap=3, min_prob=0.65))[0] in (20, 22)


def test_of_equal_faces_it_is_the_first() -> None:
    assert kept([0.9] * 20, replace(SETTINGS, peak=True)) == [0]
    assert kept([0.9] * 20, replace(SETTINGS, onset=True)) == [0]


@given(st.lists(st.sampled_from([0.1, 0.5, 0.9]), max_size=40), st.integers(1, 3))
def test_means_are_of_the_frames_of_the_track_nearby(happy: list[float], tracks: int) -> None:
    n = len(happy)
    parts = np.zeros((n, 7), np.int64)
    parts[:, 3] = millionths(np.array(happy))
    track = np.sort(np.arange(n) % tracks)
    time, label = np.arange(n) / RATE, np.full(n, 3)
    high, steep = heights(parts, time, track, label), rises(parts, time, track, label)
    apart = np.rint((time[None] - time[:, None]) * 1e6)
    for i in range(n):
        same = track == track[i]
        around = same & (np.abs(apart[i]) <= NEARBY)
        after, before = around & (apart[i] >= 0), around & (apart[i] <= 0)
        assert high[i] == parts[around, 3].mean()
        assert steep[i] == parts[after, 3].mean() - parts[before, 3].mean()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.data())
def test_the_prominence_is_what_a_flood_must_fall_to_join_higher_ground(
    ground: list[int], data: st.DataObject
) -> None:
    peak = data.draw(st.integers(0, len(ground) - 1))
    level = np.array(ground, np.float64)
    for water in range(ground[peak], min(ground) - 1, -1):
        sea = np.flatnonzero(level < water)
        island = level[max(sea[sea < peak], default=-1) + 1 : min(sea[sea > peak], default=99)]
        if island.max() > level[peak] or water == min(ground):
            break
    assert prominence(level, peak) == ground[peak] - water


def test_a_peak_stands_out_of_its_track_and_not_of_its_run_alone() -> None:
    laugh = [0.1] * 10 + [0.6] * 10 + [0.9] * 15 + [0.6] * 10
    smile = [0.6] * 8 + [0.7] * 12 + [0.6] * 8
    rows = made(stretch(range(73), 0, "anna", "neutral"))
    glad = np.array([*laugh, *smile], np.float32)
    rows = rows.assign(**dict.fromkeys(EMOTIONS, np.float32(0)))
    rows = rows.assign(happy=glad, neutral=1 - glad)
    rows = select.steadied(rows, 1, SETTINGS)
    peaks = rows[rows["frame"].isin([27, 59])]
    found = prominences(rows, peaks, classes(("any",)))
    assert found == pytest.approx([0.8, 0.1], abs=1e-6)
    both = prominences(rows, peaks, classes(("happy+neutral",)))
    assert both == pytest.approx([0, 0], abs=1e-6)
