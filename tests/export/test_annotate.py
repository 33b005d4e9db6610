"""Tests of the annotated movie: which faces are marked in which frames, and its sound."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import MovieError
from pipeline.export.annotate import Marks, write_annotated
from pipeline.export.footage import footage
from pipeline.movie import scan
from pipeline.pick import select
from pipeline.settings import PickSettings
from tests.support.face_rows import made, stretch
from tests.support.movies import write_movie
from tests.support.reels import Voice, heard, onsets, shown, write_reel

SIZE = (160, 128)
BOX = {"x1": 20.4, "y1": 30.6, "x2": 60.0, "y2": 80.0}
STEADY = PickSettings(repeat=8, smooth=1, min_prob=0.0)
FACES = [
    *stretch(range(10), 0, "anna", "happy"),
    *stretch(range(10, 15), 0, "anna", "sad"),
    *stretch(range(20, 30), 1, "", "neutral"),
]


def _marks(stride: int = 1, faces: list = FACES, settings: PickSettings = STEADY) -> Marks:  # type: ignore[type-arg]
    rows = select.steadied(made(faces).assign(**BOX), stride, settings)
    return Marks(rows, [select.steady(rows, settings, SIZE)[0]], stride)


def test_marks_have_names_boxes_and_steady_runs() -> None:
    marks = _marks()

    (happy,), (sad,), (nobody,) = (marks.at(frame) for frame in (3, 12, 29))
    assert (happy.name, happy.label, happy.run_length) == ("anna", 3, 10)
    assert happy.box == (20, 31, 60, 80)
    assert happy.probability == pytest.approx(0.7, abs=1e-6)
    assert happy.shares[3] == pytest.approx(0.7, abs=1e-6)
    assert (sad.label, sad.run_length) == (4, 0)
    assert (nobody.name, nobody.run_length) == ("unknown", 10)
    assert [marks.at(frame) for frame in (15, 19, 30)] == [[], [], []]


def test_gates_count_too() -> None:
    marks = _marks(settings=PickSettings(repeat=1, smooth=1, min_prob=0.9))

    assert [mark.run_length for frame in range(30) for mark in marks.at(frame)] == [0] * 25


def test_a_row_stands_for_its_stride() -> None:
    marks = _marks(3, stretch(range(0, 12, 3), 0, "anna", "happy"))

    assert [len(marks.at(frame)) for frame in range(13)] == [1] * 12 + [0]


def test_the_stretch_is_drawn_and_sounds(tmp_path: Path) -> None:
    pictures = [np.full((128, 160, 3), 90, np.uint8)] * 50
    path = write_reel(tmp_path / "a.mp4", pictures, [Voice([1.0])])
    told: list[tuple[int, int]] = []
    film = footage(path, scan.scan_movie(path))

    write_annotated(film, (5, 50), _marks(), tmp_path / "out.mp4", lambda *n: told.append(n))

    found, times = shown(tmp_path / "out.mp4")
    assert len(found) == 45
    assert times[0] == 0.0
    drawn = [n for n, picture in enumerate(found) if np.abs(picture[55, 14:66] - 90.0).max() > 40]
    assert drawn == [*range(10), *range(15, 25)]
    assert onsets(*heard(tmp_path / "out.mp4")) == pytest.approx([0.8], abs=0.005)
    assert (sum(f for f, _ in told), sum(n for _, n in told)) == (45, 20)


def test_a_movie_that_does_not_decode_is_reported(tmp_path: Path) -> None:
    path = write_movie(tmp_path / "a.mkv", [np.zeros((128, 160, 3), np.uint8)] * 5)
    film = footage(path, scan.scan_movie(path))

    with pytest.raises(MovieError, match="no frame could be decoded"):
        write_annotated(film, (5, 5), _marks(), tmp_path / "out.mp4", lambda *_: None)
    assert not (tmp_path / "out.mp4").exists()
