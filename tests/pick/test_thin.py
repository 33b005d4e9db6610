"""Thinning runs to their best and most different faces."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.crops import quality
from pipeline.faces import EMOTIONS
from pipeline.pick import select
from pipeline.pick.thin import apart_by, spread, thin
from pipeline.settings import PickSettings
from tests.support.examples import examples
from tests.support.face_rows import made, stretch, tracks_of, without_embeddings

PLAIN = PickSettings(repeat=1, smooth=1)
COUNTS = st.integers(1, 6)


@st.composite
def _picked(draw: st.DrawFn) -> pd.DataFrame:
    """Steadied rows of several runs, tracks and qualities; a gate dropped some of them."""
    looks = st.lists(st.tuples(st.sampled_from(["happy", "sad"]), st.integers(1, 6)), max_size=4)
    faces = []
    for track in range(draw(st.integers(0, 3))):
        frame = 10 * track
        for emotion, length in draw(looks):
            faces += stretch(range(frame, frame + length), track, "anna", emotion)
            frame += length
    random = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    rows = made(faces)
    side = random.uniform(10, 200, len(rows))
    rows = rows.assign(
        x2=side, y2=side * 1.2, sharpness=random.uniform(0, 300, len(rows)),
        yaw=random.uniform(-80, 80, len(rows)), pitch=random.uniform(-30, 30, len(rows)),
    )  # fmt: skip
    rows = select.steadied(rows, 1, PLAIN)
    return rows[random.uniform(size=len(rows)) < 0.9]


def _worth(row: "pd.Series[float]") -> float:
    box = row[["x1", "y1", "x2", "y2"]].to_numpy(np.float32)
    angles = row[["yaw", "pitch", "roll"]].to_numpy(np.float32)
    return float(row["probability"]) * float(quality(box, float(row["sharpness"]), angles))


@given(_picked(), COUNTS)
@settings(max_examples=examples(40))
def test_as_many_of_each_run_as_asked_for_or_as_there_are(rows: pd.DataFrame, count: int) -> None:
    kept = thin(rows, tracks_of(rows), count)
    assert kept.index.is_unique
    assert kept.index.tolist() == [n for n in rows.index if n in set(kept.index)]
    pd.testing.assert_frame_equal(kept, rows.loc[kept.index])
    assert not kept.duplicated(["track", "frame"]).any()
    wanted = rows.groupby("run").size().clip(upper=count)
    pd.testing.assert_series_equal(kept.groupby("run").size(), wanted)


@given(_picked())
@settings(max_examples=examples(40))
def test_one_of_a_run_is_the_best(rows: pd.DataFrame) -> None:
    kept = thin(rows, tracks_of(rows), 1)
    for _, mine in rows.groupby("run"):
        worth = {index: _worth(row) for index, row in mine.iterrows()}
        (best,) = (n for n in kept.index if n in worth)
        assert worth[best] == pytest.approx(max(worth.values()), rel=1e-5)


@given(_picked(), COUNTS)
@settings(max_examples=examples(40))
def test_more_never_loses_one(rows: pd.DataFrame, count: int) -> None:
    tracks = tracks_of(rows)
    few, more = (set(thin(rows, tracks, n).index) for n in (count, count + 1))
    assert few <= more
    assert set(thin(rows, tracks, 10_000).index) == set(rows.index)


def _alike(length: int, **changes: Any) -> pd.DataFrame:
    """One run of equally good faces that differ only in time."""
    rows = made(stretch(range(length), 0, "anna", "happy"))
    rows = rows.assign(x2=60.0, y2=60.0, sharpness=50.0).assign(**changes)
    return select.steadied(rows, 1, PLAIN)


@pytest.mark.parametrize(
    ("count", "frames"),
    [(1, [0]), (2, [0, 100]), (3, [0, 50, 100]), (5, [0, 25, 50, 75, 100])],
    ids=str,
)
def test_equal_faces_are_spread_in_time(count: int, frames: list[int]) -> None:
    rows = _alike(101)
    assert thin(rows, without_embeddings(rows), count)["frame"].tolist() == frames


def test_a_turned_face_is_more_different_than_a_later_one() -> None:
    """A face turned by 70 degrees is farther than the whole run, but worth little unless sharp."""
    turned = np.arange(40) == 12
    rows = _alike(40, yaw=np.where(turned, 70.0, 0.0))
    tracks = without_embeddings(rows)
    assert thin(rows, tracks, 2)["frame"].tolist() == [0, 39]
    clear = rows.assign(sharpness=np.where(turned, 5000.0, 1.0))
    assert thin(clear, tracks, 1)["frame"].tolist() == [12]


def test_faces_of_another_embedding_are_different() -> None:
    """The first half of the run looks like the first embedding, the second like its opposite."""
    rows = _alike(10).assign(time=0.0)  # Nothing else differs.
    assert thin(rows, tracks_of(rows), 2)["frame"].tolist() == [0, 5]


def test_a_better_face_comes_first_but_a_blurred_one_never_for_being_different() -> None:
    sharpness = np.where(np.arange(20) == 7, 500.0, 100.0)
    sharpness[19] = 0  # Worth nothing, although it is the last face.
    rows = _alike(20, sharpness=sharpness)
    tracks = tracks_of(rows)
    assert thin(rows, tracks, 1)["frame"].tolist() == [7]
    assert 19 not in thin(rows, tracks, 19)["frame"].tolist()
    assert len(thin(rows, tracks, 20)) == 20


def test_a_track_without_embeddings_is_thinned_too() -> None:
    rows = _alike(9)
    none = tracks_of(rows[:0])
    assert len(thin(rows, none, 4)) == 4


def test_nothing_is_thinned_to_nothing() -> None:
    rows = select.steadied(made([]), 1, PLAIN)
    assert len(thin(rows, tracks_of(rows), 3)) == 0


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12),
    st.integers(1, 14),
)
def test_spread_gives_each_point_once_the_best_first(
    points: list[tuple[float, float]], count: int
) -> None:
    features, worth = np.array([[p[0]] for p in points]), np.array([p[1] for p in points])
    found = spread(apart_by(features), worth, count)
    assert len(found) == len(set(found)) == min(count, len(points))
    assert worth[found[0]] == worth.max()


def test_of_equally_good_faces_the_other_look_is_picked_next() -> None:
    rows = _alike(30)
    rows.loc[20, list(EMOTIONS)] = [0.3, 0, 0, 0.7, 0, 0, 0]
    rows.loc[rows.index != 20, list(EMOTIONS)] = [0, 0, 0, 0.7, 0, 0, 0.3]
    within = thin(rows.assign(time=0.0), without_embeddings(rows), 2)
    assert within["frame"].tolist() == [0, 20]
