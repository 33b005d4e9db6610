"""Subtitles at faces, and runs during which nobody speaks."""

import numpy as np
import pandas as pd
import pytest

from pipeline.movie.subtitles import Lines
from pipeline.pick import select
from pipeline.pick.speech import borders, with_speech
from pipeline.settings import PickSettings
from tests.support.face_rows import RATE, made, stretch

EDGES = borders(np.arange(100) / RATE)
SILENT = PickSettings(repeat=1, smooth=1, min_prob=0, silent_only=True)
NOTHING = Lines(np.zeros(0), np.zeros(0), ())


def _line(begin: float, end: float) -> Lines:
    return Lines(np.array([begin]), np.array([end]), ("Hi!",))


def _kept(rows: pd.DataFrame, lines: Lines, stride: int = 1) -> pd.DataFrame:
    spoken = select.steadied(with_speech(rows, lines, EDGES, stride), stride, SILENT)
    return select.steady(spoken, SILENT)[0]


@pytest.mark.parametrize(
    ("begin", "end", "left"),
    [
        (5.0, 6.0, [0, 1]),
        (0.0, 0.4, [0, 1]),
        (0.0, 0.41, [1]),
        (0.79, 1.0, [1]),
        (0.8, 1.6, [0, 1]),
        (1.99, 2.0, [0]),
        (2.0, 2.01, [0, 1]),
        (0.0, 9.0, []),
    ],
)
def test_a_line_in_any_part_of_a_run_drops_it_whole(
    begin: float, end: float, left: list[int]
) -> None:
    faces = [
        *stretch(range(10, 20), 0, "anna", "happy"),
        *stretch(range(40, 50), 1, "anna", "happy"),
    ]
    kept = _kept(made(faces), _line(begin, end))
    assert kept["track"].unique().tolist() == left
    assert len(kept) == 10 * len(left)


def test_without_the_filter_lines_are_only_told() -> None:
    rows = with_speech(made(stretch(range(10, 20), 0, "anna", "happy")), _line(0.5, 0.6), EDGES, 1)
    plain = PickSettings(repeat=1, smooth=1, min_prob=0)
    kept, left = select.steady(select.steadied(rows, 1, plain), plain)
    assert kept["line"].tolist() == [*[""] * 3, *["Hi!"] * 2, *[""] * 5]
    assert "silent-only" not in left


def test_the_stride_counts() -> None:
    rows = made(stretch(range(0, 20, 5), 0, "anna", "happy"))
    assert len(_kept(rows, _line(19 / RATE, 21 / RATE), 5)) == 0
    assert len(_kept(rows, _line(20 / RATE, 21 / RATE), 5)) == 4


def test_the_movie_may_end_within_a_stride() -> None:
    assert len(_kept(made(stretch([95, 99], 0, "anna", "happy")), NOTHING, 4)) == 2


def test_no_rows() -> None:
    assert len(_kept(made([]), NOTHING)) == 0
