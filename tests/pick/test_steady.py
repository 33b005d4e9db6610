"""The repeater, compared with a slow implementation of its definition."""

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.faces import Ints
from pipeline.pick.steady import positions, run_lengths, runs, segments

Row = tuple[int, int, int]
"""A row: track, frame, label."""


def _ints(values: list[int]) -> Ints:
    return np.array(values, np.int64)


@st.composite
def _rows(draw: st.DrawFn) -> tuple[list[Row], int]:
    """Rows by track and frame, and their stride; some frames are missing."""
    stride = draw(st.sampled_from([1, 1, 2, 5]))
    rows: list[Row] = []
    for track in range(draw(st.integers(0, 3))):
        frame = 0
        for step, label in draw(
            st.lists(st.tuples(st.sampled_from([1, 1, 1, 2]), st.integers(0, 2)), max_size=14)
        ):
            frame += step * stride
            rows.append((track, frame, label))
    return rows, stride


def _kept(rows: list[Row], stride: int, repeat: int, gap: int = 0) -> list[Row]:
    """The kept rows by the program."""
    track, frame, label = (_ints([row[i] for row in rows]) for i in range(3))
    run = runs(frame, track, label, stride + gap)
    lengths = run_lengths(frame, run, stride)
    return [row for row, length in zip(rows, lengths.tolist(), strict=True) if length >= repeat]


def _defined(rows: list[Row], stride: int, repeat: int) -> list[Row]:
    """The kept rows by definition: search from each row in both directions."""
    there = set(rows)
    kept = []
    for track, frame, label in rows:
        first = last = frame
        while (track, first - stride, label) in there:
            first -= stride
        while (track, last + stride, label) in there:
            last += stride
        if last - first + stride >= repeat:
            kept.append((track, frame, label))
    return kept


REPEATS = st.integers(1, 20)
GAPS = st.integers(0, 12)


def _columns(rows: list[Row]) -> tuple[Ints, Ints, Ints]:
    """Frames, tracks, labels."""
    return _ints([r[1] for r in rows]), _ints([r[0] for r in rows]), _ints([r[2] for r in rows])


def _bridged(rows: list[Row], reach: int) -> list[set[Row]]:
    """The expected runs with gaps: for each track and label, frame by frame."""
    found: list[set[Row]] = []
    for track, label in sorted({(row[0], row[2]) for row in rows}):
        mine = sorted(row for row in rows if (row[0], row[2]) == (track, label))
        for n, row in enumerate(mine):
            if n == 0 or row[1] - mine[n - 1][1] > reach:
                found.append(set())
            found[-1].add(row)
    return found


@given(_rows(), REPEATS)
def test_keeps_what_the_definition_says(given_: tuple[list[Row], int], repeat: int) -> None:
    assert _kept(*given_, repeat) == _defined(*given_, repeat)


@given(_rows(), REPEATS)
def test_twice_is_once(given_: tuple[list[Row], int], repeat: int) -> None:
    rows, stride = given_
    once = _kept(rows, stride, repeat)
    assert _kept(once, stride, repeat) == once


@given(_rows(), REPEATS, REPEATS)
def test_a_longer_run_is_rarer(given_: tuple[list[Row], int], one: int, other: int) -> None:
    rows, stride = given_
    long = _kept(rows, stride, max(one, other))
    assert set(long) <= set(_kept(rows, stride, min(one, other)))
    assert _kept(rows, stride, 1) == rows


@given(_rows())
def test_runs_never_mix_tracks_labels_or_stretches(given_: tuple[list[Row], int]) -> None:
    rows, stride = given_
    track, frame, label = (_ints([row[i] for row in rows]) for i in range(3))
    run = runs(frame, track, label, stride).tolist()
    assert run == sorted(run)
    for _, group in groupby(zip(run, rows, strict=True), key=lambda pair: pair[0]):
        mine = [row for _, row in group]
        assert len({(row[0], row[2]) for row in mine}) == 1
        frames = [row[1] for row in mine]
        assert frames == list(range(frames[0], frames[-1] + 1, stride))


@given(_rows())
def test_without_a_gap_runs_are_as_before_there_were_gaps(given_: tuple[list[Row], int]) -> None:
    rows, stride = given_
    frame, track, label = _columns(rows)
    broken = (np.diff(label) != 0) | (np.diff(segments(frame, track, stride)) != 0)
    old = np.concatenate([np.zeros(min(len(rows), 1), np.int64), np.cumsum(broken)])
    assert runs(frame, track, label, stride).tolist() == old.tolist()


@given(_rows(), GAPS)
def test_a_gap_joins_what_is_at_most_so_many_other_frames_apart(
    given_: tuple[list[Row], int], gap: int
) -> None:
    rows, stride = given_
    run = runs(*_columns(rows), stride + gap).tolist()
    found = [
        {row for row, number in zip(rows, run, strict=True) if number == wanted}
        for wanted in range(len(set(run)))
    ]
    assert sorted(map(sorted, found)) == sorted(map(sorted, _bridged(rows, stride + gap)))
    assert [run.index(n) for n in range(len(found))] == sorted(run.index(n) for n in set(run))


@given(_rows(), GAPS, GAPS, REPEATS)
def test_a_larger_gap_never_keeps_fewer(
    given_: tuple[list[Row], int], one: int, other: int, repeat: int
) -> None:
    rows, stride = given_
    small, large = (_kept(rows, stride, repeat, gap) for gap in sorted((one, other)))
    assert set(small) <= set(large)


@given(_rows(), GAPS)
def test_positions_count_the_rows_of_each_run(given_: tuple[list[Row], int], gap: int) -> None:
    rows, stride = given_
    run = runs(*_columns(rows), stride + gap)
    found = positions(run).tolist()
    for number in set(run.tolist()):
        places = np.flatnonzero(run == number)
        assert [found[n] for n in places] == list(range(len(places)))


@pytest.mark.parametrize("gap", [0, 1, 2, 3, 4])
@pytest.mark.parametrize(
    "between",
    [
        pytest.param([(0, n, 1) for n in (5, 6, 7)], id="another label"),
        pytest.param([], id="no rows"),
        pytest.param([(0, 5, 1), (0, 7, 2)], id="some of each"),
    ],
)
def test_three_other_frames_are_bridged_by_a_gap_of_three(gap: int, between: list[Row]) -> None:
    run = [(0, n, 0) for n in (2, 3, 4, 8, 9)]
    rows = sorted([*run, *between, *((1, n, 0) for n in range(5, 8))])
    kept = [row for row in _kept(rows, 1, 8, gap) if row[0] == 0]
    assert kept == (run if gap >= 3 else [])
    assert _kept(rows, 1, 9, gap) == []


@pytest.mark.parametrize("length", [1, 2, 5, 8])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([], [(0, 100, 1)], id="at the start"),
        pytest.param([(0, 1, 1)], [], id="at the end"),
        pytest.param([(0, 9, 1)], [(0, None, 1)], id="between others"),
        pytest.param([(0, 8, 0)], [], id="after a gap"),
    ],
)
def test_a_run_of_l_frames_is_kept_whole_up_to_l(
    length: int, before: list[Row], after: list[tuple[int, int | None, int]]
) -> None:
    run = [(0, 10 + n, 0) for n in range(length)]
    rest = [
        (track, 10 + length if frame is None else frame, label) for track, frame, label in after
    ]
    rows = [*before, *run, *rest]
    for repeat in range(1, 12):
        kept = [row for row in _kept(rows, 1, repeat) if row in run]
        assert kept == (run if repeat <= length else [])


def test_no_rows() -> None:
    empty = np.zeros(0, np.int64)
    assert runs(empty, empty, empty, 1).tolist() == []
    assert positions(empty).tolist() == []
    assert run_lengths(empty, empty, 3).tolist() == []
