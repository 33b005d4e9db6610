"""Stage two without files: the chosen faces, the funnel and the hints."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.faces import ACCEPTED, EMOTIONS, REJECTED
from pipeline.pick import select
from pipeline.pick.choose import Choice, choose
from pipeline.settings import AUTO, Job, PickSettings
from tests.support.examples import examples
from tests.support.face_rows import made, stretch, tracks_of

SIZE = (200, 200)
STEPS = [
    "faces", "person", "emotion", "repeat", "sure", "min-prob", "min-size", "min-sharpness",
    "max-yaw", "single-face", "border", "per-run",
]  # fmt: skip


def _chosen(rows: pd.DataFrame, job: Job, **changes: Any) -> list[Choice]:
    asked = PickSettings(**({"repeat": 1, "smooth": 1} | changes))
    return list(choose(select.steadied(rows, 1, asked), tracks_of(rows), job, asked, SIZE, 0.38))


TALK = [
    *stretch(range(6), 0, "anna", "happy"),
    *stretch(range(6, 9), 0, "anna", "sad"),
    *stretch(range(4), 1, "ben", "happy"),
    *stretch(range(2), 2, "", "fear"),
]


def test_everybody_and_every_emotion() -> None:
    found = _chosen(made(TALK), Job())
    asked = [(p, e) for p in ("anna", "ben", "unknown") for e in EMOTIONS]
    assert [(c.person, c.emotion) for c in found] == asked
    kept = {(c.person, c.emotion): len(c.kept) for c in found if len(c.kept)}
    assert kept == {
        ("anna", "happy"): 6, ("anna", "sad"): 3, ("ben", "happy"): 4, ("unknown", "fear"): 2,
    }  # fmt: skip


def test_the_funnel_counts_each_step() -> None:
    rows = made(TALK).assign(x2=50.0, y2=50.0, sharpness=10.0)
    rows.loc[rows["frame"] == 1, "sharpness"] = 5.0
    rows.loc[rows["frame"] == 2, "x2"] = 20.0
    rows.loc[rows["frame"] == 3, "yaw"] = -50.0
    (found,) = _chosen(
        rows, Job(("anna",), ("happy",)),
        repeat=6, min_size=30, min_sharpness=6, max_yaw=45, single_face=True, per_run=1,
    )  # fmt: skip
    # Of anna's six happy frames, 1, 2 and 3 fail one gate each; ben is in frames up to 3.
    assert list(found.funnel.values()) == [15, 9, 6, 6, 6, 6, 5, 4, 3, 2, 2, 1]
    assert list(found.funnel) == STEPS
    assert len(found.kept) == 1
    assert found.hint == ""


@st.composite
def _faces(draw: st.DrawFn) -> pd.DataFrame:
    looks = st.lists(st.tuples(st.sampled_from(["happy", "sad"]), st.integers(1, 9)), max_size=4)
    faces = []
    for track in range(draw(st.integers(0, 3))):
        person, frame = draw(st.sampled_from(["anna", "ben", ""])), 0
        for emotion, length in draw(looks):
            faces += stretch(range(frame, frame + length), track, person, emotion)
            frame += length
    random = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    side = random.uniform(20, 90, len(faces)).round(1)
    return made(faces).assign(
        x2=side, y2=side, sharpness=random.uniform(0, 90, len(faces)).round(1),
        yaw=random.uniform(-90, 90, len(faces)).round(1),
    )  # fmt: skip


ASKED = st.fixed_dictionaries(
    {
        "repeat": st.integers(1, 10),
        "smooth": st.sampled_from([AUTO, 1, 5]),
        "gap": st.integers(0, 4),
        "sure": st.sampled_from([0.0, 0.65, 0.95]),
        "min_prob": st.sampled_from([0.0, 0.5, 0.7]),
        "min_size": st.sampled_from([0, 50]),
        "min_sharpness": st.sampled_from([0, 30]),
        "max_yaw": st.sampled_from([90, 40]),
        "single_face": st.booleans(),
        "border": st.sampled_from([None, 0, 5]),
        "per_run": st.integers(0, 4),
    }
)


@given(_faces(), ASKED)
@settings(max_examples=examples(30))
def test_the_funnel_never_rises_and_ends_with_what_is_kept(
    rows: pd.DataFrame, asked: dict[str, Any]
) -> None:
    for choice in _chosen(rows, Job(), **asked):
        counts = list(choice.funnel.values())
        assert list(choice.funnel) == STEPS
        assert counts[0] == len(rows)
        assert counts == sorted(counts, reverse=True)
        assert counts[STEPS.index("emotion")] == len(choice.seen)
        assert counts[-1] == len(choice.kept)
        assert set(choice.kept.index) <= set(choice.seen.index)
        assert (choice.hint == "") == (len(choice.kept) > 0)


@given(_faces(), ASKED)
@settings(max_examples=examples(30))
def test_thinning_changes_no_runs_and_comes_last(rows: pd.DataFrame, asked: dict[str, Any]) -> None:
    whole = _chosen(rows, Job(), **(asked | {"per_run": 0}))
    count = max(1, asked["per_run"])
    for all_, few in zip(whole, _chosen(rows, Job(), **(asked | {"per_run": count})), strict=True):
        sizes = all_.kept.groupby("run").size().clip(upper=count)
        pd.testing.assert_series_equal(few.kept.groupby("run").size(), sizes)
        assert set(few.kept.index) <= set(all_.kept.index)
        assert few.funnel["border"] == len(all_.kept)


@pytest.mark.parametrize("repeat", [1, 5])
def test_each_face_is_chosen_once(repeat: int) -> None:
    rows = made(TALK)
    found = _chosen(rows, Job(), repeat=repeat)
    kept = pd.concat([choice.kept for choice in found])
    assert kept.index.is_unique
    steadied = select.steadied(rows, 1, PickSettings(repeat=repeat, smooth=1))
    assert len(kept) == (steadied["run_length"] >= repeat).sum()


@given(_faces(), ASKED, st.integers(0, 1 << 30))
@settings(max_examples=examples(30))
def test_decisions_go_before_all_filters(
    rows: pd.DataFrame, asked: dict[str, Any], seed: int
) -> None:
    random = np.random.default_rng(seed)
    bits = {name: random.integers(0, 128, len(rows)) for name in (ACCEPTED, REJECTED)}
    bits[REJECTED] &= ~bits[ACCEPTED]
    for choice in _chosen(rows.assign(**bits), Job(), **asked):
        accepted = select.decided(choice.seen, ACCEPTED)
        assert set(choice.seen.index[accepted]) <= set(choice.kept.index)
        assert not select.decided(choice.kept, REJECTED).any()
        counts = list(choice.funnel.values())
        assert counts == sorted(counts, reverse=True)
        assert list(choice.funnel) == [*STEPS[:3], REJECTED, *STEPS[3:]]
        assert (choice.hint == "") == (len(choice.kept) > 0)


def test_the_surest_runs_come_first() -> None:
    unsure, sure = (made(stretch(range(4), t, "anna", "happy"), p) for t, p in ((0, 0.6), (1, 0.9)))
    rows = pd.concat([unsure, sure], ignore_index=True)
    (choice,) = _chosen(rows, Job(("anna",), ("happy",)))
    assert choice.kept["track"].tolist() == [1] * 4 + [0] * 4
    assert choice.kept["frame"].tolist() == [0, 1, 2, 3] * 2
