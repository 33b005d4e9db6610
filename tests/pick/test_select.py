"""Which rows are picked."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import table
from pipeline.errors import PeopleError
from pipeline.faces import EMOTIONS
from pipeline.pick import select
from pipeline.settings import PickSettings

HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")
PLAIN = PickSettings(repeat=1, smooth=1)

Face = tuple[int, int, str, str]
"""Frame, track, person, emotion."""


def _rows(faces: Iterable[Face], sure: float = 0.7) -> pd.DataFrame:
    faces = list(faces)
    numbers = np.zeros((len(faces), len(table.NUMBERS)))
    numbers[:, table.NUMBERS.index("frame")] = [f[0] for f in faces]
    numbers[:, table.NUMBERS.index("track")] = [f[1] for f in faces]
    numbers[:, -7:] = (1 - sure) / 6
    for n, face in enumerate(faces):
        numbers[n, -7 + EMOTIONS.index(face[3])] = sure
    rows = table.frame_of(numbers, "movie.mkv").assign(person=[f[2] for f in faces])
    kinds = dict.fromkeys(EMOTIONS, "float32")
    return rows.astype(kinds)


def _run(frames: Iterable[int], track: int, person: str, emotion: str) -> list[Face]:
    return [(frame, track, person, emotion) for frame in frames]


def _frames(rows: pd.DataFrame) -> list[int]:
    return rows["frame"].tolist()


def _picked(rows: pd.DataFrame, settings: PickSettings, stride: int = 1) -> pd.DataFrame:
    done = select.steadied(rows, stride, settings)
    return select.steady(select.wanted(done, "anna", "happy"), settings)


@pytest.mark.parametrize("length", [1, 4, 7])
@pytest.mark.parametrize(
    "around",
    [
        pytest.param([], id="alone"),
        pytest.param(_run(range(60, 70), 0, "anna", "sad"), id="at the start"),
        pytest.param(_run(range(10), 0, "anna", "sad"), id="at the end"),
        pytest.param(_run(range(40), 1, "ben", "happy"), id="beside another person"),
        pytest.param(_run(range(20), 5, "anna", "happy"), id="before it, another take of hers"),
        pytest.param(_run(range(40), 1, "", "happy"), id="beside a stranger"),
    ],
)
def test_a_run_of_l_frames_gives_l_rows_or_none(length: int, around: list[Face]) -> None:
    run = _run(range(20, 20 + length), 0, "anna", "happy")
    rows = _rows([*around, *run])
    for repeat in range(1, 10):
        kept = _picked(rows, PickSettings(repeat=repeat, smooth=1))
        mine = kept[kept["track"] == 0]
        assert _frames(mine) == ([f[0] for f in run] if repeat <= length else [])
        assert mine["position"].tolist() == list(range(len(mine)))
        assert (mine["run_length"] == length).all()


def test_a_label_that_changes_hands_breaks_no_run_and_makes_none() -> None:
    """Two people in turn: each has every second frame, and neither a run."""
    rows = _rows([(n, n % 2, ("anna", "ben")[n % 2], "happy") for n in range(20)])
    assert len(_picked(rows, PickSettings(repeat=2, smooth=1))) == 0
    assert len(_picked(rows, PLAIN)) == 10


def test_smoothing_bridges_one_odd_frame_and_moves_no_other() -> None:
    faces = [(n, 0, "anna", "sad" if n == 10 else "happy") for n in range(20)]
    rows = _rows(faces)
    assert _frames(_picked(rows, PickSettings(repeat=11, smooth=1))) == []
    kept = _picked(rows, PickSettings(repeat=20, smooth=5))
    assert _frames(kept) == list(range(20))
    # In rows 8 to 12 one of five frames is sad; at 0.7 and 0.05.
    assert kept["probability"].to_numpy() == pytest.approx(
        [0.57 if 8 <= n <= 12 else 0.7 for n in range(20)], abs=1e-6
    )


@pytest.mark.parametrize(
    ("repeat", "kept"), [(1, 12), (10, 12), (20, 12), (24, 12), (25, 0)], ids=str
)
def test_with_a_stride_runs_count_source_frames(repeat: int, kept: int) -> None:
    rows = _rows(_run(range(0, 24, 2), 0, "anna", "happy"))
    assert len(_picked(rows, PickSettings(repeat=repeat, smooth=1), stride=2)) == kept


def test_smoothing_counts_source_frames_too() -> None:
    """Five source frames are three rows at a stride of two."""
    faces = [(n, 0, "anna", "sad" if n == 10 else "happy") for n in range(0, 20, 2)]
    done = select.steadied(_rows(faces), 2, PickSettings(smooth=5))
    odd = done.loc[done["frame"].isin([8, 10, 12]), "probability"]
    assert odd.to_numpy() == pytest.approx((2 * 0.7 + 0.05) / 3, abs=1e-6)
    assert (done["label"] == HAPPY).all()


def test_min_prob_cuts_after_the_runs_are_counted() -> None:
    sure, unsure = (_rows(_run(range(4), 0, "anna", "happy"), sure=s) for s in (0.9, 0.5))
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
    rows = _rows((frame, track, "anna", emotion) for track, frame, emotion in faces)
    settings = PickSettings(repeat=repeat, smooth=1)
    once = _picked(rows, settings)
    twice = _picked(once, settings)
    columns = ["track", "frame", "run_length", "position", "probability"]
    pd.testing.assert_frame_equal(
        twice[columns].reset_index(drop=True), once[columns].reset_index(drop=True)
    )


@given(st.permutations(range(12)), st.sampled_from([1, 5]))
def test_the_order_of_rows_does_not_matter(order: list[int], smooth: int) -> None:
    faces = [*_run(range(6), 0, "anna", "happy"), *_run(range(6), 1, "ben", "sad")]
    settings = PickSettings(smooth=smooth)
    wanted = select.steadied(_rows(faces), 1, settings)
    found = select.steadied(_rows(faces[n] for n in order), 1, settings)
    pd.testing.assert_frame_equal(found, wanted)


def test_wanted_is_a_person_or_nobody() -> None:
    faces = [(0, 0, "anna", "happy"), (0, 1, "", "happy"), (0, 2, "ben", "sad")]
    done = select.steadied(_rows(faces), 1, PLAIN)
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
        pytest.param(("ben", "any"), ("any", "sad"), EVERYTHING, id="any among others"),
        pytest.param(
            ("ben", "anna", "ben"), ("sad", "sad"), [("ben", "sad"), ("anna", "sad")], id="twice"
        ),
        pytest.param(("unknown",), ("fear",), [("unknown", "fear")], id="strangers"),
    ],
)
def test_choices(
    people: tuple[str, ...], emotions: tuple[str, ...], wanted: list[tuple[str, str]]
) -> None:
    rows = _rows([(0, 0, "ben", "sad"), (0, 1, "anna", "sad"), (1, 2, "", "sad")])
    assert list(select.choices(rows, people, emotions)) == wanted


def test_no_rows() -> None:
    done = select.steadied(_rows([]), 1, PickSettings())
    assert len(done) == 0
    assert {"label", "probability", "run", "run_length", "position"} <= set(done.columns)
    assert list(select.choices(done, ("any",), ("happy",))) == [("unknown", "happy")]


@pytest.mark.parametrize("asked", [("anna",), ("any",), ("unknown", "ben"), ()], ids=str)
def test_known_people_may_be_asked_for(asked: tuple[str, ...]) -> None:
    assert select.check_people(asked, {"anna", "ben"}, "here") is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("asked", "known", "words"),
    [
        ("ana", {"anna", "ben"}, ["'ana'", "did you mean 'anna'?", "known_faces/ has: anna, ben"]),
        ("Ben", {"anna", "ben"}, ["'Ben'", "did you mean 'ben'?"]),
        ("qqq", {"anna"}, ["'qqq'", "known_faces/ has: anna, any, unknown"]),
        ("anna", set(), ["'anna'", "known_faces/ has: nobody"]),
    ],
    ids=["a letter", "a capital", "nothing like it", "empty gallery"],
)
def test_somebody_unknown_is_told_with_the_nearest(
    asked: str, known: set[str], words: list[str]
) -> None:
    with pytest.raises(PeopleError) as told:
        select.check_people(("any", asked), known, "known_faces/")
    for part in words:
        assert part in str(told.value)
