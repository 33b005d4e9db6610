"""Merging parts: a border without a cut leaves no trace."""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.disk import faces_csv, tracks_npz
from pipeline.disk.parts import part_paths, read_part, write_part
from pipeline.errors import TableError
from pipeline.settings import WalkSettings
from pipeline.walk.merge import merge
from pipeline.walk.part import analyse
from pipeline.walk.shots import LOOK_AHEAD, LOOK_BACK
from pipeline.walk.track import MAX_GAP, longest_gap
from tests.support import puppet
from tests.support.examples import examples
from tests.support.puppet import SETTINGS, Shot, Square, frames

EVERY_FRAME = replace(SETTINGS, detect_every=1)
BOX = ["x1", "y1", "x2", "y2"]

Shots = tuple[Shot, ...]

TAKE: Shots = (
    Shot(40, (Square("anna", x=20, y=8, dx=2), Square("ben", "sad", x=120, y=55, dx=-1))),
)
CUTS: Shots = (
    Shot(14, (Square("anna"), Square("ben", x=10))),
    Shot(3, (Square("anna"),)),
    Shot(20, (Square("anna", "gone 6, happy"), Square("carl", x=100))),
)
COMES_AND_GOES: Shots = (
    Shot(48, (Square("anna", "happy 12, gone 14, sad"), Square("ben", "gone 5, fear 30, gone", 5))),
)


def _walked(
    folder: Path, shots: Shots, borders: list[int], walk: WalkSettings
) -> tuple[pd.DataFrame, tracks_npz.Tracks]:
    """faces.csv and tracks.npz of a movie walked in parts."""
    taken = frames(shots)
    spans = list(pairwise([0, *borders, len(taken)]))
    for number, (start, stop) in enumerate(spans):
        seen = taken[max(0, start - LOOK_BACK) : stop + LOOK_AHEAD]
        part = analyse(seen, (start, stop), puppet.models(), walk, lambda *_: None)
        write_part(folder, number, part, "movie.mkv")
    merge(folder, len(spans), "movie.mkv", "walk", longest_gap(walk))
    return faces_csv.read_faces(folder / "faces.csv"), tracks_npz.read_tracks(folder / "tracks.npz")


def _starts(shots: Shots, borders: list[int], walk: WalkSettings, old: int = -1) -> list[int]:
    """The starts of shots of a movie walked in parts, one of them by an earlier version."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        _, tracks = _walked(folder, shots, borders, walk)
        if old >= 0:
            part = read_part(folder, old)
            write_part(folder, old, replace(part, starts=part.starts[:0]), "movie.mkv")
            merge(folder, len(borders) + 1, "movie.mkv", "walk", longest_gap(walk))
            tracks = tracks_npz.read_tracks(folder / "tracks.npz")
        return [int(start) for start in tracks.starts]


def _in_parts(shots: Shots, borders: list[int], walk: WalkSettings) -> pd.DataFrame:
    with TemporaryDirectory() as folder:
        return _walked(Path(folder), shots, borders, walk)[0]


@cache
def _unbroken(shots: Shots, walk: WalkSettings) -> pd.DataFrame:
    return _in_parts(shots, [], walk)


def _borders(frames_in_all: int, every: int = 1) -> st.SearchStrategy[list[int]]:
    """Borders as `walker.plan_parts` puts them: just after an analysed frame."""
    places = range(every + 1 if every > 1 else 1, frames_in_all, every)
    if not places:
        return st.just([])
    return st.lists(st.sampled_from(places), max_size=4, unique=True).map(sorted)


@pytest.mark.parametrize("every", [1, 2, 5])
@pytest.mark.parametrize(
    "shots",
    [
        pytest.param(TAKE, id="inside a take"),
        pytest.param(CUTS, id="with cuts"),
        pytest.param(COMES_AND_GOES, id="with gaps"),
    ],
)
@settings(max_examples=examples(6))
@given(data=st.data())
def test_borders_leave_no_trace(shots: Shots, every: int, data: st.DataObject) -> None:
    walk = replace(EVERY_FRAME, every=every)
    borders = data.draw(_borders(sum(s.frames for s in shots), every), label="borders")
    pd.testing.assert_frame_equal(_in_parts(shots, borders, walk), _unbroken(shots, walk))


@settings(max_examples=examples(12))
@given(st.data())
def test_all_cuts_are_kept_whether_faces_are_there_or_not(data: st.DataObject) -> None:
    shots = (Shot(9), Shot(12, (Square("anna"),)), Shot(6), Shot(3), Shot(20, (Square("ben"),)))
    every = data.draw(st.sampled_from([1, 2, 5]), label="every")
    walk = replace(EVERY_FRAME, every=every)
    borders = data.draw(_borders(50, every), label="borders")
    cuts = np.cumsum([0, *(shot.frames for shot in shots[:-1])])
    seen = np.unique(-(-cuts // every) * every)  # Two cuts between analysed frames are one.
    assert _starts(shots, borders, walk) == seen.tolist()


@pytest.mark.parametrize(
    ("old", "known"),
    [
        pytest.param(0, [], id="the first"),
        pytest.param(2, [], id="with a cut"),
        pytest.param(1, [0, 20], id="which begins no shot"),
    ],
)
def test_beside_parts_of_an_earlier_version_cuts_are_not_known(old: int, known: list[int]) -> None:
    shots = (Shot(20, (Square("anna"),)), Shot(20, (Square("ben"),)))
    assert _starts(shots, [8, 14], EVERY_FRAME) == [0, 20]
    assert _starts(shots, [8, 14], EVERY_FRAME, old) == known


LOOKS = st.lists(
    st.tuples(st.sampled_from(["happy", "sad", "gone", "gone"]), st.integers(1, 30)),
    min_size=1,
    max_size=4,
).map(lambda pieces: ", ".join([*(f"{name} {n}" for name, n in pieces), "neutral"]))


@st.composite
def _movies(draw: st.DrawFn) -> Shots:
    """Shots of up to three faces that appear and disappear, each in a lane of its own."""
    shots = []
    for length in draw(st.lists(st.integers(1, 45), min_size=1, max_size=3)):
        lanes = draw(st.lists(st.sampled_from(["anna", "ben", "carl"]), unique=True))
        squares = tuple(
            Square(who, draw(LOOKS), 40, 4 + 31 * n, 24, draw(st.integers(-1, 2)))
            for n, who in enumerate(lanes)
        )
        shots.append(Shot(length, squares))
    return tuple(shots)


@settings(max_examples=examples(25))
@given(_movies(), st.data())
def test_borders_leave_no_trace_in_any_movie(shots: Shots, data: st.DataObject) -> None:
    """But for a face that is missed once, just there: neither part knows it on both sides."""
    borders = data.draw(_borders(sum(s.frames for s in shots)), label="borders")
    whole = _in_parts(shots, [], EVERY_FRAME)
    beside = whole["frame"].isin([*borders, *(border - 1 for border in borders)])
    assume(whole["detected"][beside].all())
    pd.testing.assert_frame_equal(_in_parts(shots, borders, EVERY_FRAME), whole)


@settings(max_examples=examples(12))
@given(st.data())
def test_with_boxes_between_detections_rows_and_numbers_stay_too(data: st.DataObject) -> None:
    """At a border the detector runs one more time, so that only `detected` may differ."""
    borders = data.draw(_borders(40), label="borders")
    parts, whole = _in_parts(TAKE, borders, SETTINGS), _unbroken(TAKE, SETTINGS)
    same = ["frame", "time", "shot", "track", "happy", "sad"]
    pd.testing.assert_frame_equal(parts[same], whole[same])
    assert parts[BOX].to_numpy() == pytest.approx(whole[BOX].to_numpy(), abs=1)
    assert (parts["detected"] >= whole["detected"]).all()


@pytest.mark.parametrize(
    ("border", "shots", "tracks"),
    [
        pytest.param(9, [0] * 10 + [1] * 10, [0] * 10 + [1] * 10, id="before the cut"),
        pytest.param(10, [0] * 10 + [1] * 10, [0] * 10 + [1] * 10, id="at the cut"),
        pytest.param(11, [0] * 10 + [1] * 10, [0] * 10 + [1] * 10, id="after the cut"),
    ],
)
def test_no_join_over_a_cut(border: int, shots: list[int], tracks: list[int]) -> None:
    movie = (Shot(10, (Square(),)), Shot(10, (Square(),)))
    rows = _in_parts(movie, [border], SETTINGS)
    assert rows["frame"].tolist() == list(range(20))
    assert rows["shot"].tolist() == shots
    assert rows["track"].tolist() == tracks


@pytest.mark.parametrize(
    ("away", "border", "tracks"),
    [
        pytest.param(6, 13, 1, id="border in a gap"),
        pytest.param(6, 10, 1, id="gap begins at the border"),
        pytest.param(6, 16, 1, id="gap ends at the border"),
        pytest.param(MAX_GAP - 1, 20, 1, id="the longest gap"),
        pytest.param(MAX_GAP, 20, 2, id="one frame too long"),
    ],
)
def test_a_face_away_at_the_border(away: int, border: int, tracks: int) -> None:
    movie = (Shot(away + 20, (Square("anna", f"happy 10, gone {away}, happy"),)),)
    rows = _in_parts(movie, [border], EVERY_FRAME)
    assert rows["frame"].tolist() == [*range(10), *range(10 + away, 20 + away)]
    assert rows["track"].nunique() == tracks
    assert rows["shot"].unique().tolist() == [0]


def test_a_face_away_for_a_whole_part() -> None:
    movie = (Shot(40, (Square("anna", "happy 10, gone 15, happy"),)),)
    rows = _in_parts(movie, [12, 17, 22], EVERY_FRAME)
    assert set(rows["track"]) == {0}


def test_the_face_that_goes_on_is_joined_not_one_that_comes_to_its_place_later() -> None:
    """At the border the first face leaves; the second is where the first one was last seen."""
    leaves = Square("anna", "happy 16, gone", x=20, dx=3)
    comes = Square("ben", "gone 28, sad", x=20 + 3 * 9)
    movie = (Shot(40, (leaves, comes)),)
    rows = _in_parts(movie, [10], EVERY_FRAME)
    pd.testing.assert_frame_equal(rows, _unbroken(movie, EVERY_FRAME))
    assert rows["track"].tolist() == [0] * 16 + [1] * 12
    assert set(rows["shot"]) == {0}


def test_a_long_stride_is_joined_too() -> None:
    seldom = replace(SETTINGS, every=30, detect_every=1)
    movie = (Shot(150, (Square(),)),)
    assert set(_in_parts(movie, [31, 91], seldom)["track"]) == {0}


def test_a_last_part_without_an_analysed_frame_leaves_no_trace() -> None:
    seldom = replace(SETTINGS, every=30, detect_every=1)
    movie = (Shot(150, (Square(),)),)
    found = _in_parts(movie, [91, 121], seldom)
    pd.testing.assert_frame_equal(found, _unbroken(movie, seldom))
    assert found["frame"].tolist() == [0, 30, 60, 90, 120]


def test_tracks_hold_the_embeddings_of_all_their_parts(tmp_path: Path) -> None:
    rows, tracks = _walked(tmp_path, TAKE, [20], EVERY_FRAME)
    assert tracks.walk == "walk"
    assert tracks.gallery == ""
    assert tracks.track.tolist() == sorted(tracks.track.tolist())
    assert set(tracks.track.tolist()) == {0, 1}
    for track, hue in ((0, 0.0), (1, np.pi / 2)):
        own = tracks.track == track
        assert (tracks.frame[own] < 20).any()
        assert (tracks.frame[own] >= 20).any()
        wanted = np.broadcast_to([np.cos(hue), np.sin(hue)], (own.sum(), 2))
        assert tracks.embedding[own][:, :2] == pytest.approx(wanted, abs=0.06)
    assert rows["person"].tolist() == [""] * 80
    assert rows["distance"].isna().all()
    assert set(rows["video"]) == {"movie.mkv"}


def test_a_movie_without_faces_has_empty_tables(tmp_path: Path) -> None:
    rows, tracks = _walked(tmp_path, (Shot(12), Shot(12)), [5], SETTINGS)
    assert len(rows) == 0
    assert tracks.embedding.shape == (0, 128)


def _rewrite_embeddings(path: Path, length: int) -> None:
    with np.load(path) as bundle:
        arrays = {name: bundle[name] for name in bundle.files}
    arrays["embedding"] = np.resize(arrays["embedding"], (len(arrays["track"]), length))
    np.savez(path, **arrays)


def test_a_part_of_another_network_is_told(tmp_path: Path) -> None:
    _walked(tmp_path, TAKE, [20], SETTINGS)
    path = part_paths(tmp_path, 1)[1]
    _rewrite_embeddings(path, 64)
    with pytest.raises(TableError, match="64 numbers, and the parts before it of 128") as caught:
        merge(tmp_path, 2, "movie.mkv", "walk", MAX_GAP)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_part_without_faces_has_embeddings_of_any_length(tmp_path: Path) -> None:
    _walked(tmp_path, (Shot(12, (Square(),)), Shot(12)), [12], SETTINGS)
    assert len(read_part(tmp_path, 1).embedding) == 0
    _rewrite_embeddings(part_paths(tmp_path, 0)[1], 64)
    merge(tmp_path, 2, "movie.mkv", "walk", MAX_GAP)
    assert tracks_npz.read_tracks(tmp_path / "tracks.npz").embedding.shape[1] == 64


def test_a_missing_part_is_told(tmp_path: Path) -> None:
    _walked(tmp_path, TAKE, [20], SETTINGS)
    part_paths(tmp_path, 1)[0].unlink()
    before = (tmp_path / "faces.csv").read_bytes()
    with pytest.raises(TableError, match=r"00001\.csv"):
        merge(tmp_path, 2, "movie.mkv", "walk", MAX_GAP)
    assert (tmp_path / "faces.csv").read_bytes() == before, "the old table stays whole"
