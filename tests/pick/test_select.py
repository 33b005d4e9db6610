"""Selecting rows."""

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PeopleError
from pipeline.faces import EMOTIONS
from pipeline.pick import select
from pipeline.settings import AUTO, PickSettings, Smoothing
from tests.support.examples import examples
from tests.support.face_rows import Face, made, stretch

HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")
PLAIN = PickSettings(repeat=1, smooth=1)


def _frames(rows: pd.DataFrame) -> list[int]:
    return rows["frame"].tolist()


def _picked(rows: pd.DataFrame, settings: PickSettings, stride: int = 1) -> pd.DataFrame:
    done = select.steadied(rows, stride, settings)
    return select.steady(select.wanted(done, "anna", "happy"), settings)[0]


@pytest.mark.parametrize("length", [1, 4, 7])
@pytest.mark.parametrize(
    "around",
    [
        pytest.param([], id="alone"),
        pytest.param(stretch(range(60, 70), 0, "anna", "sad"), id="at the start"),
        pytest.param(stretch(range(10), 0, "anna", "sad"), id="at the end"),
        pytest.param(stretch(range(40), 1, "ben", "happy"), id="beside another person"),
        pytest.param(stretch(range(20), 5, "anna", "happy"), id="before it, another take of hers"),
        pytest.param(stretch(range(40), 1, "", "happy"), id="beside a stranger"),
    ],
)
def test_a_run_of_l_frames_gives_l_rows_or_none(length: int, around: list[Face]) -> None:
    run = stretch(range(20, 20 + length), 0, "anna", "happy")
    rows = made([*around, *run])
    for repeat in range(1, 10):
        kept = _picked(rows, PickSettings(repeat=repeat, smooth=1))
        mine = kept[kept["track"] == 0]
        assert _frames(mine) == ([f[0] for f in run] if repeat <= length else [])
        assert mine["position"].tolist() == list(range(len(mine)))
        assert (mine["run_length"] == length).all()


def test_a_label_that_changes_hands_breaks_no_run_and_makes_none() -> None:
    """Two people alternate: each has every second frame, and neither has a run."""
    rows = made([(n, n % 2, ("anna", "ben")[n % 2], "happy") for n in range(20)])
    assert len(_picked(rows, PickSettings(repeat=2, smooth=1))) == 0
    assert len(_picked(rows, PLAIN)) == 10


def test_smoothing_bridges_one_odd_frame_and_moves_no_other() -> None:
    faces = [(n, 0, "anna", "sad" if n == 10 else "happy") for n in range(20)]
    rows = made(faces)
    assert _frames(_picked(rows, PickSettings(repeat=11, smooth=1))) == []
    kept = _picked(rows, PickSettings(repeat=20, smooth=5))
    assert _frames(kept) == list(range(20))
    # In rows 8 to 12 one of five frames is sad, with probabilities 0.7 and 0.05.
    assert kept["probability"].to_numpy() == pytest.approx(
        [0.57 if 8 <= n <= 12 else 0.7 for n in range(20)], abs=1e-6
    )


@pytest.mark.parametrize(
    ("repeat", "kept"), [(1, 12), (10, 12), (20, 12), (24, 12), (25, 0)], ids=str
)
def test_with_a_stride_runs_count_source_frames(repeat: int, kept: int) -> None:
    rows = made(stretch(range(0, 24, 2), 0, "anna", "happy"))
    assert len(_picked(rows, PickSettings(repeat=repeat, smooth=1), stride=2)) == kept


def test_smoothing_counts_source_frames_too() -> None:
    """Five source frames are three rows at a stride of two."""
    faces = [(n, 0, "anna", "sad" if n == 10 else "happy") for n in range(0, 20, 2)]
    done = select.steadied(made(faces), 2, PickSettings(smooth=5))
    odd = done.loc[done["frame"].isin([8, 10, 12]), "probability"]
    assert odd.to_numpy() == pytest.approx((2 * 0.7 + 0.05) / 3, abs=1e-6)
    assert (done["label"] == HAPPY).all()


def test_min_prob_cuts_after_the_runs_are_counted() -> None:
    sure, unsure = (made(stretch(range(4), 0, "anna", "happy"), sure=s) for s in (0.9, 0.5))
    rows = pd.concat([sure, unsure.assign(frame=unsure["frame"] + 4)])
    kept = _picked(rows, PickSettings(repeat=8, smooth=1, min_prob=0.8))
    assert _frames(kept) == [0, 1, 2, 3]
    assert len(_picked(rows, PickSettings(repeat=8, smooth=1, min_prob=0.95))) == 0


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 30), st.sampled_from(["happy", "sad"])),
        max_size=40,
        unique_by=lambda face: face[:2],
    ),
    st.integers(1, 9),
)
def test_steady_twice_is_once(faces: list[tuple[int, int, str]], repeat: int) -> None:
    rows = made((frame, track, "anna", emotion) for track, frame, emotion in faces)
    settings = PickSettings(repeat=repeat, smooth=1)
    once = _picked(rows, settings)
    twice = _picked(once, settings)
    columns = ["track", "frame", "run_length", "position", "probability"]
    pd.testing.assert_frame_equal(
        twice[columns].reset_index(drop=True), once[columns].reset_index(drop=True)
    )


@given(st.permutations(range(12)), st.sampled_from([AUTO, 1, 5]))
def test_the_order_of_rows_does_not_matter(order: list[int], smooth: Smoothing) -> None:
    faces = [*stretch(range(6), 0, "anna", "happy"), *stretch(range(6), 1, "ben", "sad")]
    settings = PickSettings(smooth=smooth)
    wanted = select.steadied(made(faces), 1, settings)
    found = select.steadied(made(faces[n] for n in order), 1, settings)
    pd.testing.assert_frame_equal(found, wanted)


def test_wanted_is_a_person_or_nobody() -> None:
    faces = [(0, 0, "anna", "happy"), (0, 1, "", "happy"), (0, 2, "ben", "sad")]
    done = select.steadied(made(faces), 1, PLAIN)
    for person, emotion, tracks in (
        ("anna", "happy", [0]), ("unknown", "happy", [1]), ("ben", "sad", [2]), ("anna", "sad", []),
    ):  # fmt: skip
        assert select.wanted(done, person, emotion)["track"].tolist() == tracks


EVERYTHING = [(p, e) for p in ("anna", "ben", "unknown") for e in EMOTIONS]


@pytest.mark.parametrize(
    ("people", "emotions", "wanted"),
    [
        pytest.param(("anna",), ("happy",), [("anna", "happy")], id="one"),
        pytest.param(("zoe",), ("sad",), [("zoe", "sad")], id="somebody who is not in the movie"),
        pytest.param(("any",), ("any",), EVERYTHING, id="any and any"),
        pytest.param(
            ("zoe", "any"),
            ("any", "sad"),
            [*(("zoe", e) for e in EMOTIONS), *EVERYTHING],
            id="any among others",
        ),
        pytest.param(
            ("ben", "anna", "ben"), ("sad", "sad"), [("ben", "sad"), ("anna", "sad")], id="twice"
        ),
        pytest.param(("unknown",), ("fear",), [("unknown", "fear")], id="strangers"),
    ],
)
def test_choices(
    people: tuple[str, ...], emotions: tuple[str, ...], wanted: list[tuple[str, str]]
) -> None:
    rows = made([(0, 0, "ben", "sad"), (0, 1, "anna", "sad"), (1, 2, "", "sad")])
    assert list(select.choices(rows, people, emotions)) == wanted


def test_nomade() -> None:
    done = select.steadied(made([]), 1, PickSettings())
    assert len(done) == 0
    assert {"label", "probability", "run", "run_length", "position"} <= set(done.columns)
    assert list(select.choices(done, ("any",), ("happy",))) == []


@pytest.mark.parametrize("asked", [("anna",), ("any",), ("unknown", "ben"), ()], ids=str)
def test_known_people_may_be_asked_for(asked: tuple[str, ...]) -> None:
    assert select.check_people(asked, {"anna", "ben"}, "here") is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("asked", "known", "words"),
    [
        ("ana", {"anna", "ben"}, ["'ana'", "Did you mean 'anna'?", "Known: anna, ben"]),
        ("Ben", {"anna", "ben"}, ["'Ben'", "Did you mean 'ben'?"]),
        ("ANNA", {"anna", "ben"}, ["'ANNA'", "Did you mean 'anna'?"]),
        ("qqq", {"anna"}, ["'qqq' in known_faces/. Known: anna; any and unknown"]),
        ("anna", set(), ["'anna'", "Known: nobody"]),
        ("anna, ben", {"anna", "ben"}, ["once for each: --person anna --person ben"]),
    ],
    ids=["a letter", "a capital", "capitals", "nothing like it", "empty gallery", "two"],
)
def test_somebody_unknown_is_told_with_the_nearest(
    asked: str, known: set[str], words: list[str]
) -> None:
    with pytest.raises(PeopleError) as raised:
        select.check_people(("any", asked), known, "known_faces/")
    for part in words:
        assert part in str(raised.value)


# --- gaps and gates -----------------------------------------------------------------------------


def test_a_gap_keeps_the_run_and_not_what_lies_in_it() -> None:
    faces = [(n, 0, "anna", "sad" if n in (4, 5) else "happy") for n in range(10)]
    rows = made([*faces, *stretch(range(4, 6), 1, "anna", "happy")])
    assert len(_picked(rows, PickSettings(repeat=10, smooth=1, gap=1))) == 0
    kept = _picked(rows, PickSettings(repeat=10, smooth=1, gap=2))
    assert _frames(kept) == [0, 1, 2, 3, 6, 7, 8, 9]
    assert set(kept["track"]) == {0}
    assert kept["position"].tolist() == list(range(8))
    assert len(_picked(rows, PickSettings(repeat=11, smooth=1, gap=9))) == 0


def test_gaps_count_source_frames_with_a_stride_too() -> None:
    """Between 4 and 8 no row covers the frames 6 and 7: a gap of two."""
    rows = made(stretch((0, 2, 4, 8), 0, "anna", "happy"))
    found = [
        len(_picked(rows, PickSettings(repeat=10, smooth=1, gap=gap), stride=2)) for gap in range(4)
    ]
    assert found == [0, 0, 4, 4]


SIZE = (200, 100)
TENTHS = st.integers(0, 2000)
GATES: dict[str, st.SearchStrategy[PickSettings]] = {
    "sure": st.builds(PickSettings, sure=st.integers(0, 100).map(lambda n: n / 100)),
    "min-prob": st.builds(
        PickSettings, sure=st.just(0), min_prob=st.integers(0, 100).map(lambda n: n / 100)
    ),
    "min-size": st.builds(PickSettings, min_size=st.integers(0, 800).map(lambda n: n / 10)),
    "min-sharpness": st.builds(PickSettings, min_sharpness=TENTHS.map(lambda n: n / 10)),
    "max-yaw": st.builds(PickSettings, max_yaw=st.integers(0, 900).map(lambda n: n / 10)),
    "single-face": st.builds(PickSettings, single_face=st.booleans()),
    "border": st.builds(PickSettings, border=st.none() | st.integers(0, 40)),
}


@st.composite
def _measured(draw: st.DrawFn) -> pd.DataFrame:
    """Steadied rows with boxes, sharpness and angles in tenths, as in faces.csv."""
    count = draw(st.integers(0, 8))
    random = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    rows = made((n // 2 * 2, n, "anna", "happy") for n in range(count))
    x1, y1 = random.integers(-200, 1200, (2, count))
    width, height = random.integers(1, 800, (2, count))
    numbers = {
        "x1": x1, "y1": y1, "x2": x1 + width, "y2": y1 + height,
        "sharpness": random.integers(0, 2000, count), "yaw": random.integers(-900, 901, count),
    }  # fmt: skip
    if count > 2:  # One face is alone in its frame.
        rows.loc[count - 1, "frame"] = 99
    rows = rows.assign(**{name: (n / 10).astype(np.float32) for name, n in numbers.items()})
    return select.steadied(rows, 1, PLAIN)


def _passes(row: dict[Hashable, Any], faces: int, settings: PickSettings) -> bool:
    """The expected result of a gate, in whole tenths."""
    tenths = {name: round(10 * row[name]) for name in ("x1", "y1", "x2", "y2", "sharpness", "yaw")}
    side = min(tenths["x2"] - tenths["x1"], tenths["y2"] - tenths["y1"])
    width, height = (10 * n for n in SIZE)
    edge = min(tenths["x1"], tenths["y1"], width - tenths["x2"], height - tenths["y2"])
    return bool(
        row["look_sure"] >= np.float32(settings.sure)
        and row["probability"] >= np.float32(settings.min_prob)
        and side >= round(10 * settings.min_size)
        and tenths["sharpness"] >= round(10 * settings.min_sharpness)
        and abs(tenths["yaw"]) <= round(10 * settings.max_yaw)
        and (faces == 1 or not settings.single_face)
        and (settings.border is None or edge >= 10 * settings.border)
    )


@pytest.mark.parametrize("gate", GATES)
@given(data=st.data())
@settings(max_examples=examples(40))
def test_each_gate_keeps_what_its_definition_says(gate: str, data: st.DataObject) -> None:
    rows = data.draw(_measured())
    asked = replace(data.draw(GATES[gate]), repeat=1)
    kept, left = select.steady(rows, asked, SIZE)
    counts = rows["frame"].value_counts()
    wanted = [
        n for n, row in zip(rows.index, rows.to_dict("records"), strict=True)
        if _passes(row, int(counts[row["frame"]]), asked)
    ]  # fmt: skip
    assert kept.index.tolist() == wanted
    assert left[gate] == len(wanted)
    names = list(left)
    assert all(left[name] == len(rows) for name in names[: names.index(gate)])


@given(_measured(), st.tuples(*GATES.values()), st.permutations(range(len(GATES))))
@settings(max_examples=examples(40))
def test_gates_commute_and_the_funnel_never_rises(
    rows: pd.DataFrame, asked: tuple[PickSettings, ...], order: list[int]
) -> None:
    whole = PickSettings(
        repeat=1, sure=asked[0].sure, min_prob=asked[1].min_prob, min_size=asked[2].min_size,
        min_sharpness=asked[3].min_sharpness, max_yaw=asked[4].max_yaw,
        single_face=asked[5].single_face, border=asked[6].border,
    )  # fmt: skip
    together, left = select.steady(rows, whole, SIZE)
    one_by_one = rows
    for n in order:
        one_by_one, _ = select.steady(one_by_one, replace(asked[n], repeat=1), SIZE)
    assert one_by_one.index.tolist() == together.index.tolist()
    counts = [len(rows), *left.values()]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == len(together)


def test_sizes_are_measured_as_they_stand_in_the_table() -> None:
    """In float32 1100.1 - 1050.1 is a little less than 50."""
    rows = made([(0, 0, "anna", "happy")]).assign(
        **{k: np.float32(v) for k, v in (("x1", 1050.1), ("x2", 1100.1), ("y1", 0), ("y2", 90))}
    )
    done = select.steadied(rows, 1, PLAIN)
    for least, kept in ((50, 1), (50.1, 0)):
        settings = PickSettings(repeat=1, min_size=least)
        assert len(select.steady(done, settings, (1300, 90))[0]) == kept
    for border, kept in ((0, 1), (1, 0)):
        settings = PickSettings(repeat=1, border=border)
        assert len(select.steady(done, settings, (1300, 90))[0]) == kept


@pytest.mark.parametrize(
    "huge", [{"min_size": 1e300}, {"min_sharpness": 1e300}, {"border": 10**30}]
)
def test_gates_beyond_all_numbers_keep_nothing(huge: dict[str, Any]) -> None:
    done = select.steadied(made([(0, 0, "anna", "happy")]), 1, PLAIN)
    assert len(select.steady(done, PickSettings(repeat=1, **huge), SIZE)[0]) == 0


def test_faces_counts_everybody_in_the_frame() -> None:
    faces = [(0, 0, "anna", "happy"), (0, 1, "", "sad"), (1, 0, "anna", "happy")]
    done = select.steadied(made(faces), 1, PLAIN)
    assert done.set_index(["frame", "track"])["faces"].to_dict() == {
        (0, 0): 2,
        (0, 1): 2,
        (1, 0): 1,
    }
    alone = _picked(made(faces), PickSettings(repeat=1, smooth=1, single_face=True))
    assert _frames(alone) == [1]


# --- seconds ------------------------------------------------------------------------------------


def _in_slow_film() -> pd.DataFrame:
    """Twelve happy frames in 0.48 s, within a film of one picture a second."""
    rows = made(stretch(range(20, 32), 0, "anna", "happy"))
    return rows.assign(time=20 + (rows["frame"] - 20) * 0.04)


@pytest.mark.parametrize(("seconds", "kept"), [(0.3, 12), (0.48, 12), (0.5, 0), (2, 0)])
def test_a_run_lasts_as_long_as_its_own_frames(seconds: float, kept: int) -> None:
    asked = PickSettings(repeat_seconds=seconds, smooth=1).at(1.0)
    assert len(_picked(_in_slow_film(), asked)) == kept


@pytest.mark.parametrize(("seconds", "kept"), [(0.5, 1), (1, 1), (1.5, 0)])
def test_a_run_of_one_frame_lasts_as_long_as_the_median_one(seconds: float, kept: int) -> None:
    rows = made([(7, 0, "anna", "happy")]).assign(time=7.0)
    assert len(_picked(rows, PickSettings(repeat_seconds=seconds, smooth=1).at(1.0))) == kept


@given(
    st.integers(2, 60),
    st.sampled_from([12, 23.976, 24, 25, 29.97, 30, 50, 60]),
    st.sampled_from([0.2, 0.5, 1, 1.5]),
    st.integers(1, 4),
)
def test_at_a_constant_rate_seconds_are_frames(
    length: int, rate: float, seconds: float, stride: int
) -> None:
    rows = made(stretch(range(0, length * stride, stride), 0, "anna", "happy"))
    rows = rows.assign(time=(rows["frame"] / rate).round(3))  # As Matroska stores it.
    asked = PickSettings(repeat_seconds=seconds, smooth=1).at(rate)
    frames = PickSettings(repeat=asked.repeat, smooth=1)
    assert len(_picked(rows, asked, stride)) == len(_picked(rows, frames, stride))
