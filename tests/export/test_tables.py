"""Tests of the tables of moments and of shots, read back by pandas."""

import io
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import OutputError
from pipeline.export.findings import Findings
from pipeline.export.stretches import Cut
from pipeline.export.tables import moment_table, shot_table
from pipeline.faces import EMOTIONS
from tests.support.found import FRAMES, SHOWN_RATES, film_of, findings, reel_of

CUTS = (Cut(0, 5), Cut(1799, 1802), Cut(17_981, 17_983), Cut(107_892, FRAMES))


def _read(table: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(table), keep_default_na=False)


@pytest.mark.parametrize("rate", SHOWN_RATES, ids=lambda rate: f"{float(rate):.5g}")
def test_a_moment_is_told_in_frames_seconds_and_timecode(rate: Fraction) -> None:
    found = findings(film_of(rate), [reel_of(CUTS)], "01:00:00:00")
    table = _read(moment_table(found))
    counting = found.clock.counting
    for row, cut in zip(table.itertuples(), CUTS, strict=True):
        assert (row.first, row.last) == (cut.first, cut.stop - 1)
        numbers = [counting.number(str(t)) for t in (row.timecode_in, row.timecode_out)]
        assert [n - found.clock.start for n in numbers if n is not None] == [cut.first, cut.stop]
        edges = found.film.edges[[cut.first, cut.stop]]
        assert [row.begin, row.end] == pytest.approx(edges.tolist(), abs=1e-6)
        assert row.seconds == pytest.approx(edges[1] - edges[0], abs=1e-6)
    assert set(table["person"]) == {"anna"}
    assert table["probability"].tolist() == [0.934] * len(CUTS)
    assert table["shot"].tolist() == [0] * len(CUTS)


def test_a_name_is_no_formula() -> None:
    found = findings(film_of(Fraction(25)), [reel_of([Cut(0, 5)], "=HYPERLINK(1)")])
    assert _read(moment_table(found))["person"].tolist() == ["'=HYPERLINK(1)"]


def _rows(*faces: tuple[int, str, str, int, float]) -> pd.DataFrame:
    """Rows of frame, person, look, track, and side of the face."""
    table = pd.DataFrame(faces, columns=["frame", "person", "look", "track", "side"])
    label = table["look"].map(EMOTIONS.index).astype("int64")
    return table.assign(label=label, x1=0.0, y1=0.0, x2=table["side"], y2=table["side"])


def _shown(rows: pd.DataFrame, shots: list[int], stride: int = 1) -> Findings:
    found = findings(film_of(Fraction(25)), [reel_of([Cut(0, 5)])])
    return replace(found, faces=rows, shots=np.array(shots, np.int64), stride=stride)


def test_each_shot_tells_who_is_in_it_how_long_and_how_they_look() -> None:
    rows = _rows(
        *((frame, "ben", "sad", 0, 9.0) for frame in range(5)),
        *((frame, "anna", "happy", 1, 9.0) for frame in range(10)),
        *((frame, "anna", "sad", 1, 9.0) for frame in range(10, 14)),
        (19, "anna", "angry", 2, 9.0),
        *((frame, "", "fear", 3 + frame, 9.0) for frame in (30, 31)),
    )
    table = _read(shot_table(_shown(rows, [0, 20, 30, 50])))
    told = table[["shot", "person", "on_screen", "tracks", "look"]].to_numpy().tolist()
    assert told == [
        [0, "anna", 0.6, 2, "happy"], [0, "ben", 0.2, 1, "sad"], [1, "", 0.0, 0, ""],
        [2, "unknown", 0.08, 2, "fear"],
    ]  # fmt: skip
    assert table.loc[0, list(EMOTIONS)].to_dict() == {
        **dict.fromkeys(EMOTIONS, 0.0), "happy": 0.4, "sad": 0.16, "angry": 0.04,
    }  # fmt: skip
    assert table["first"].tolist() == [0, 0, 20, 30]
    assert table["last"].tolist() == [19, 19, 29, 49]
    assert table["timecode_out"].tolist() == [
        "00:00:00:20",
        "00:00:00:20",
        "00:00:01:05",
        "00:00:02:00",
    ]
    assert table["seconds"].tolist() == [0.8, 0.8, 0.4, 0.8]


def test_of_several_unknown_faces_in_a_frame_the_largest_counts() -> None:
    rows = _rows((3, "", "sad", 0, 20.0), (3, "", "happy", 1, 30.0), (3, "", "fear", 2, 10.0))
    (row,) = _read(shot_table(_shown(rows, [0, 10]))).itertuples()
    assert (row.on_screen, row.tracks, row.look) == (0.04, 1, "happy")


def test_a_face_lasts_until_the_next_analysed_frame() -> None:
    rows = _rows((0, "anna", "sad", 0, 9.0), (2, "anna", "sad", 0, 9.0))
    (row,) = _read(shot_table(_shown(rows, [0, 10], stride=2))).itertuples()
    assert row.on_screen == 0.16


def test_a_walk_without_shots_is_refused() -> None:
    with pytest.raises(OutputError, match=r"noted no shots.*--rewalk"):
        shot_table(_shown(_rows(), []))
