"""Tests of the frames of cuts: runs, padding, merging."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.export.stretches import Cut, cuts, exported_runs, merged
from pipeline.faces import ACCEPTED, EMOTIONS, REJECTED
from pipeline.pick import select
from pipeline.pick.choose import choose
from pipeline.pick.speech import borders
from pipeline.settings import Job, PickSettings
from tests.support.face_rows import RATE, made, stretch, tracks_of

EDGES = borders(np.arange(100) / RATE)
FACES = [
    *stretch(range(10, 20), 0, "anna", "happy"),
    *stretch(range(20, 22), 0, "anna", "sad"),
    *stretch(range(22, 25), 0, "anna", "happy"),
    *stretch(range(60, 70), 1, "anna", "happy"),
    *stretch(range(92, 100), 2, "anna", "happy"),
]


def _cuts(padding: float = 0.0, stride: int = 1, faces: list = FACES, **asked: object) -> list[Cut]:  # type: ignore[type-arg]
    rows = made(faces)
    settings = PickSettings(**({"repeat": 8, "smooth": 1} | asked))  # type: ignore[arg-type]
    job = Job(people=("anna",), emotions=("happy",))
    (choice,) = choose(
        select.steadied(rows, stride, settings), tracks_of(rows), job, settings, (200, 200), 0.38
    )
    return list(cuts(exported_runs(choice, 100, stride), EDGES, padding))


@pytest.mark.parametrize(
    ("padding", "wanted"),
    [
        (0.0, [Cut(10, 20), Cut(60, 70), Cut(92, 100)]),
        (0.04, [Cut(9, 21), Cut(59, 71), Cut(91, 100)]),
        (0.05, [Cut(9, 21), Cut(59, 71), Cut(91, 100)]),
        (0.44, [Cut(0, 31), Cut(49, 100, 2)]),
        (99.0, [Cut(0, 100, 3)]),
    ],
)
def test_padding_is_whole_frames_and_merges(padding: float, wanted: list[Cut]) -> None:
    assert _cuts(padding) == wanted


def test_only_runs_of_which_a_face_is_kept() -> None:
    assert _cuts(repeat=1) == [Cut(10, 20), Cut(22, 25), Cut(60, 70), Cut(92, 100)]
    assert _cuts(repeat=9) == [Cut(10, 20), Cut(60, 70)]
    assert _cuts(min_prob=0.9) == []


def test_thinning_does_not_shorten_a_run() -> None:
    assert _cuts(per_run=1) == _cuts()


def _decided(looks: str, frames: Iterable[int]) -> list[Cut]:
    settings = PickSettings(repeat=8, smooth=1, min_prob=0.8)
    happy = 1 << EMOTIONS.index("happy")
    rows = made(FACES, sure=0.7 if looks == ACCEPTED else 0.9)
    rows = rows.assign(**{looks: rows["frame"].isin(frames) * happy})
    job = Job(people=("anna",), emotions=("happy",))
    (choice,) = choose(
        select.steadied(rows, 1, settings), tracks_of(rows), job, settings, (200, 200), 0.38
    )
    return list(cuts(exported_runs(choice, 100, 1), EDGES, 0.0))


def test_a_rejected_frame_cuts_a_run_in_two() -> None:
    found = _decided(REJECTED, [10, 13, 14, 60, 62, *range(65, 70), *range(92, 100)])
    assert found == [Cut(11, 13), Cut(15, 20), Cut(61, 62), Cut(63, 65)]


def test_an_accepted_face_keeps_its_run() -> None:
    assert _decided(ACCEPTED, [12, 22]) == [Cut(10, 20), Cut(22, 25)]


def test_a_run_covers_its_last_stride_as_far_as_the_movie_goes() -> None:
    faces = stretch(range(10, 30, 5), 0, "anna", "happy") + stretch([92, 97], 1, "anna", "happy")

    assert _cuts(faces=faces, stride=5) == [Cut(10, 30), Cut(92, 100)]


def test_two_at_once_are_one_cut() -> None:
    faces = stretch(range(10, 30), 0, "anna", "happy") + stretch(range(20, 40), 1, "anna", "happy")

    assert _cuts(faces=faces) == [Cut(10, 40, 2)]


def test_padding_follows_the_clock_not_the_count() -> None:
    edges = np.array([0.0, 1.0, 2.0, 2.1, 2.2, 2.3, 5.0, 6.0])
    rows = made(stretch([3], 0, "anna", "happy"))
    job = Job(people=("anna",), emotions=("happy",))
    settings = PickSettings(repeat=1, smooth=1)
    (choice,) = choose(
        select.steadied(rows, 1, settings), tracks_of(rows), job, settings, (200, 200), 0.38
    )

    runs = exported_runs(choice, len(edges) - 1, 1)
    assert cuts(runs, edges, 0.1) == (Cut(2, 5),)
    assert cuts(runs, edges, 2.0) == (Cut(1, 5),)
    assert cuts(runs, edges, 2.8) == (Cut(0, 6),)


def test_a_stretch_says_who_looks_how_and_how_surely() -> None:
    rows = made(FACES)
    job = Job(people=("anna",), emotions=("happy",))
    settings = PickSettings(repeat=8, smooth=1)
    steadied = select.steadied(rows, 1, settings)
    (choice,) = choose(steadied, tracks_of(rows), job, settings, (200, 200), 0.38)

    first, *_ = exported_runs(choice, 100, 1)

    kept = choice.kept[choice.kept["frame"] < 20]
    assert (first.first, first.stop, first.track) == (10, 20, 0)
    assert first.probability == pytest.approx(kept["probability"].mean())
    assert first.look_sure == pytest.approx(kept["look_sure"].mean())
    assert first.title == f"anna · happy · {round(100 * first.probability)} %"


SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)), max_size=12)


@given(SPANS)
def test_merged_cuts_cover_the_same_frames_and_lie_apart(spans: list[tuple[int, int]]) -> None:
    given_ = [Cut(first, first + n) for first, n in sorted(spans)]

    found = list(merged(iter(given_)))

    assert {f for c in found for f in range(c.first, c.stop)} == {
        f for c in given_ for f in range(c.first, c.stop)
    }
    assert all(a.stop < b.first for a, b in pairwise(found))
    assert sum(c.runs for c in found) == len(given_)
