"""Precision, recall and yield against figures computed by hand; labels, right and wrong."""

from dataclasses import asdict
from functools import cache
from math import isnan, nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import TableError
from pipeline.faces import EMOTIONS, NO_EMOTION
from pipeline.judge.score import (
    NO_TRACK,
    POOLED,
    REPEATS,
    JudgedMovie,
    Score,
    _ratio,
    label,
    read_truth,
    scores,
)
from pipeline.review.labels import TRACK_COLUMN, TRUTH
from pipeline.settings import AUTO, PickSettings
from tests.support.examples import examples
from tests.support.face_rows import Face, made, stretch

Label = tuple[str, int, int, str]
"""Person, first and last frame, emotion."""


def _truth(*labels: Label, clip: str = "movie.mkv", track: int = NO_TRACK) -> pd.DataFrame:
    return pd.DataFrame([(clip, *one, track) for one in labels], columns=[*TRUTH, TRACK_COLUMN])


def _told(rows: pd.DataFrame, truth: pd.DataFrame) -> dict[tuple[int, int], str]:
    """The label of each frame and track that has one."""
    done = label(rows, truth)
    assert ((done["stretch"] >= 0) == (done["truth"] != "")).all()
    return {
        (int(f), int(t)): e
        for f, t, e in zip(done["frame"], done["track"], done["truth"], strict=True)
        if e
    }


# --- scores -------------------------------------------------------------------------------------

TALK = made(
    [*stretch(range(6), 0, "anna", "happy"), *stretch(range(6, 10), 0, "anna", "sad"),
     *stretch(range(20, 30), 1, "anna", "fear")]
)  # fmt: skip
TALK_TRUTH = _truth(("anna", 0, 3, "happy"), ("anna", 4, 9, "sad"))
"""The network is wrong at 4 and 5; frames 20 to 29 have no labels."""


@cache
def tiny() -> dict[tuple[str, int, float], Score]:
    base = PickSettings(smooth=1, sure=0, min_prob=0.9)
    found = scores([JudgedMovie(TALK, 1)], TALK_TRUTH, base)
    return {(s.emotion, s.repeat, s.min_prob): s for s in found if s.smooth == 1}


@pytest.mark.parametrize(
    ("setting", "faces", "shares"),
    [
        (("happy", 1, 0.0), (6, 1), (4 / 6, 1.0, 1.0)),
        (("sad", 1, 0.0), (4, 1), (1.0, 4 / 6, 1.0)),
        (("all", 1, 0.0), (10, 2), (0.8, 0.8, 1.0)),
        (("happy", 5, 0.0), (6, 1), (4 / 6, 1.0, 1.0)),
        (("sad", 5, 0.0), (0, 0), (nan, 0.0, 0.0)),
        (("all", 5, 0.0), (6, 1), (4 / 6, 0.4, 0.6)),
        (("all", 8, 0.0), (0, 0), (nan, 0.0, 0.0)),
        (("all", 1, 0.9), (0, 0), (nan, 0.0, 0.0)),
        (("fear", 1, 0.0), (0, 0), (nan, nan, nan)),
        (("angry", 25, 0.9), (0, 0), (nan, nan, nan)),
    ],
    ids=str,
)
def test_scores_of_a_tiny_movie(
    setting: tuple[str, int, float], faces: tuple[int, int], shares: tuple[float, float, float]
) -> None:
    """Faces picked and their runs; precision, recall and yield."""
    found = tiny()[setting]
    assert (found.picked, found.runs) == faces
    assert (found.precision, found.recall, found.kept) == pytest.approx(shares, nan_ok=True)


def test_every_setting_is_judged_once_for_each_emotion() -> None:
    found = list(scores([JudgedMovie(TALK, 1)], TALK_TRUTH, PickSettings(sure=0.9, min_prob=0.5)))
    kinds = [(1, 0.0, 0.0), (5, 0.0, 0.0), (AUTO, 0.0, 0.0), (AUTO, 0.9, 0.5)]
    asked = [(r, *kind, e) for kind in kinds for r in REPEATS for e in (*EMOTIONS, POOLED)]
    assert [(s.repeat, s.smooth, s.sure, s.min_prob, s.emotion) for s in found] == asked
    same = scores([JudgedMovie(TALK, 1)], TALK_TRUTH, PickSettings(sure=0))
    assert len(list(same)) == 3 * len(REPEATS) * (len(EMOTIONS) + 1), "kinds that are one"


def test_intervals_hold_the_point_and_nothing_is_nan_by_chance() -> None:
    for score in tiny().values():
        for name in ("precision", "recall"):
            point, low, high = (asdict(score)[f"{name}{end}"] for end in ("", "_low", "_high"))
            assert isnan(point) == isnan(low) == isnan(high)
            assert isnan(point) or 0 <= low <= point <= high <= 1
        assert isnan(score.precision) == (score.picked == 0)


def test_movies_are_pooled_and_their_runs_kept_apart() -> None:
    """Two movies with the same tracks, one of them without a face."""
    other = TALK.assign(video="other.mkv")
    truth = pd.concat([TALK_TRUTH, _truth(("anna", 0, 9, "sad"), clip="other")], ignore_index=True)
    empty = JudgedMovie(made([]), 1)
    found = list(
        scores([JudgedMovie(TALK, 1), empty, JudgedMovie(other, 1)], truth, PickSettings())
    )
    both = next(s for s in found if (s.emotion, s.repeat, s.smooth) == (POOLED, 1, 1))
    assert (both.picked, both.runs) == (20, 4)
    assert both.precision == pytest.approx((8 + 4) / 20)
    assert both.recall == pytest.approx((8 + 4) / 20)


def test_runs_are_counted_over_unlabelled_frames_too() -> None:
    """Only two frames of a run of ten are labelled: --repeat 10 keeps them."""
    rows = made(stretch(range(10), 0, "anna", "happy"))
    found = scores([JudgedMovie(rows, 1)], _truth(("anna", 4, 5, "happy")), PickSettings(smooth=1))
    ten = next(s for s in found if (s.emotion, s.repeat, s.min_prob) == (POOLED, 10, 0))
    assert (ten.picked, ten.precision, ten.recall, ten.kept) == (2, 1, 1, 1)


@pytest.mark.parametrize(
    "truth",
    [
        pytest.param(_truth(("anna", 0, 9, "happy"), clip="foreign.mkv"), id="another movie"),
        pytest.param(_truth(("ben", 0, 9, "happy")), id="another person"),
        pytest.param(_truth(("anna", 100, 109, "happy")), id="other frames"),
    ],
)
def test_a_truth_of_something_else_is_told(truth: pd.DataFrame) -> None:
    with pytest.raises(
        TableError, match=r"no face .* has a label: the labels are for .*check .* clip"
    ):
        list(scores([JudgedMovie(TALK, 1)], truth, PickSettings()))


# --- intervals ----------------------------------------------------------------------------------

RUNS = st.lists(
    st.integers(1, 50).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=15
)


@given(RUNS)
@settings(max_examples=examples(60))
def test_an_interval_holds_the_ratio(runs: list[tuple[int, int]]) -> None:
    part, whole = np.array(runs, np.int64).reshape(-1, 2).T
    point, low, high = _ratio(part, whole)
    if not runs:
        assert isnan(point)
        assert isnan(low)
        assert isnan(high)
        return
    assert point == pytest.approx(part.sum() / whole.sum())
    ratios = part / whole
    assert ratios.min() - 1e-12 <= low <= point <= high <= ratios.max() + 1e-12
    assert (point, low, high) == _ratio(part, whole), "the same every time"


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=examples(20))
def test_one_run_has_no_interval(run: tuple[int, int]) -> None:
    assert _ratio(*np.array([run]).T) == (run[0] / run[1],) * 3


def test_few_long_runs_tell_less_than_many_short_ones() -> None:
    """The same 600 frames, half of them right."""
    widths = []
    for length in (1, 10, 100):
        whole = np.full(600 // length, length)
        part = np.where(np.arange(len(whole)) % 2, whole, 0)
        point, low, high = _ratio(part, whole)
        assert point == 0.5
        widths.append(high - low)
    assert widths[0] < widths[1] < widths[2]
    # The width for a binomial distribution: 2 * 1.96 * sqrt(.25 / n).
    assert widths[0] == pytest.approx(3.92 * np.sqrt(0.25 / 600), rel=0.1)
    assert widths[1] == pytest.approx(3.92 * np.sqrt(0.25 / 60), rel=0.1)


# --- labels -------------------------------------------------------------------------------------

PAIR = [*stretch(range(4), 0, "anna", "happy"), *stretch(range(4), 1, "", "sad")]


@pytest.mark.parametrize(
    ("faces", "labels", "wanted"),
    [
        pytest.param(
            PAIR, [("anna", 1, 2, "sad")], {(1, 0): "sad", (2, 0): "sad"}, id="by person"
        ),
        pytest.param(PAIR, [("carl", 0, 3, "sad")], {}, id="nobody of that name, two in the frame"),
        pytest.param(
            stretch(range(4), 5, "", "sad"), [("carl", 2, 9, "fear")],
            {(2, 5): "fear", (3, 5): "fear"}, id="alone in the frame and in the truth",
        ),
        pytest.param(
            stretch(range(4), 5, "", "sad"), [("carl", 0, 3, "fear"), ("dora", 2, 3, "sad")],
            {(0, 5): "fear", (1, 5): "fear"}, id="alone only where nobody else is labelled",
        ),
        pytest.param(
            stretch(range(4), 5, "ben", "sad"), [("carl", 0, 3, "fear")], {},
            id="alone, but called otherwise",
        ),
        pytest.param(
            stretch(range(4), 0, "anna", "sad"), [("anna", 0, 3, "sad"), ("anna", 1, 1, "fear")],
            {(0, 0): "sad", (1, 0): "fear", (2, 0): "sad", (3, 0): "sad"}, id="the lower counts",
        ),
        pytest.param(
            stretch(range(4), 0, "anna", "sad"), [("anna", 3, 3, "sad"), ("anna", 0, 0, "fear")],
            {(0, 0): "fear", (3, 0): "sad"}, id="ranges in no order",
        ),
        pytest.param([], [("anna", 0, 9, "sad")], {}, id="no rows"),
    ],
)  # fmt: skip
def test_label(faces: list[Face], labels: list[Label], wanted: dict[tuple[int, int], str]) -> None:
    assert _told(made(faces), _truth(*labels)) == wanted


@pytest.mark.parametrize(
    ("clip", "labelled"),
    [("movie.mkv", True), ("movie", True), ("movie.mp4", False), ("Movie.mkv", False)],
)
def test_a_clip_is_a_file_name_with_or_without_its_ending(clip: str, labelled: bool) -> None:
    assert bool(_told(made(PAIR), _truth(("anna", 0, 3, "sad"), clip=clip))) is labelled


@pytest.mark.parametrize("track", [0, 1, 7])
def test_a_track_tells_faces_of_one_frame_apart_whatever_their_names(track: int) -> None:
    told = _told(made(PAIR), _truth(("", 2, 2, "fear"), track=track))
    assert told == ({(2, track): "fear"} if track < 2 else {})


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3), st.sampled_from(["anna", ""])),
             max_size=15, unique_by=lambda face: face[:2]),
    st.lists(st.tuples(st.sampled_from(["anna", "ben"]), st.integers(0, 12), st.integers(0, 5)),
             max_size=4),
)  # fmt: skip
@settings(max_examples=examples(60))
def test_labels_are_those_of_each_frame_by_itself(
    faces: list[tuple[int, int, str]], spans: list[tuple[str, int, int]]
) -> None:
    labels = [(who, first, first + more, EMOTIONS[n]) for n, (who, first, more) in enumerate(spans)]
    wanted = {}
    for frame, track, person in faces:
        here = [one for one in labels if one[1] <= frame <= one[2]]
        alone = person == "" and len(here) == 1 and [f[0] for f in faces].count(frame) == 1
        for one in here:
            if person == one[0] or alone:
                wanted[frame, track] = one[3]
    rows = made((frame, track, person, "sad") for frame, track, person in faces)
    assert _told(rows, _truth(*labels)) == wanted


# --- the file -----------------------------------------------------------------------------------

HEADER = "clip,person,first,last,emotion"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{HEADER}\nm,anna,1,2,happy\n", id="plain"),
        pytest.param(f"{HEADER}\r\nm,anna,1,2,happy\r\n", id="Windows"),
        pytest.param(f"# by hand\n\n{HEADER}\n# more\nm,anna,1,2,happy\n\n", id="comments"),
        pytest.param(f"{HEADER}\nm, anna ,1, 2,Happy \n", id="spaces and capitals"),
        pytest.param(f"{HEADER}\nm,anna,1,2,happy\nm,ben,3,4,\n", id="not labelled"),
        pytest.param(f"{HEADER}\nm,anna,1,2,happy\nm,ben,,, \nm,,?,,\n", id="begun rows"),
        pytest.param(f"{HEADER},frontal\nm,anna,1,2,happy,1\n", id="another column"),
        pytest.param("emotion,last,first,person,clip\nhappy,2,1,anna,m\n", id="another order"),
        pytest.param("clip;person;first;last;emotion\nm;anna;1;2;happy\n", id="semicolons"),
        pytest.param(f'{HEADER}\n"m","anna","1","2","happy"', id="quoted, no last line end"),
        pytest.param(f"{HEADER},track\nm,anna,1,2,happy,\n", id="an empty track"),
        pytest.param(f"{HEADER}\nm,anna,1,2,happy\n,,,,\n,,,,\n", id="rows of commas"),
        pytest.param(f"{HEADER},,\nm,anna,1,2,happy,,\n,,,,,,\n", id="columns of commas"),
        pytest.param(f"{HEADER}\n,,,,\nm,anna,1,2,happy\n", id="a blank row in the middle"),
        pytest.param(f"{HEADER}\n# note,,,,\nm,anna,1,2,happy\n", id="a comment of a spreadsheet"),
        pytest.param(",,,,\n" + f"{HEADER}\nm,anna,1,2,happy\n", id="a blank row first"),
        pytest.param("Clip;Person;FIRST;Last;Emotion\nm;anna;1;2;HAPPY\n;;;;\n", id="capitals"),
        pytest.param(f"{HEADER}\nm,anna,1,2,happy\n".replace(",", "\t"), id="tabs"),
        pytest.param("sep=;\nclip;person;first;last;emotion\nm;anna;1;2;happy\n", id="sep"),
        pytest.param(f'"sep=,"\r\n{HEADER}\r\nm,anna,1,2,happy\r\n', id="quoted sep"),
        pytest.param(f"sep=\t\n{HEADER}\nm,anna,1,2,happy\n".replace(",", "\t"), id="sep tab"),
        pytest.param(f"{HEADER} \nm ,anna,1 , 2,happy\xa0\n", id="blanks after cells"),
        pytest.param(f"{HEADER}\nm,anna,1.0,2.00,happy\n", id="decimals"),
        pytest.param("clip;person;first;last;emotion\nm;anna;1,0;2,0;happy\n", id="commas"),
        pytest.param(f"{HEADER}\rm,anna,1,2,happy\r", id="an old Mac"),
        pytest.param(f'{HEADER},"a,b"\nm,anna,1,2,happy,"x;y;z;1;2;3"\n', id="delimiters in cells"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_read_truth(text: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_bytes(text.encode(encoding))
    found = read_truth(tmp_path / "truth.csv")
    assert list(found.columns) == [*TRUTH, TRACK_COLUMN, "walk"]
    assert found.to_dict("records") == [
        {
            "clip": "m",
            "person": "anna",
            "first": 1,
            "last": 2,
            "emotion": "happy",
            TRACK_COLUMN: NO_TRACK,
            "walk": "",
        }
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("clip,person,first,emotion\n", "missing column last; add", id="last"),
        pytest.param("", "missing columns clip, emotion, first, last, person; add", id="empty"),
        pytest.param("date,weight\n2020-01-01,70\n", "columns clip, emotion, first", id="foreign"),
        pytest.param(
            f"# note\n{HEADER}\nm,anna,1,2,happy\nm,anna,3,4,hapy\n",
            "truth.csv, line 4: 'hapy' is not one of angry, disgust", id="unknown emotion",
        ),
        pytest.param(f"{HEADER}\nm,anna,1.5,2,sad\n", "line 2: first, last and track must be whole",
                     id="no frame"),
        pytest.param(f"{HEADER}\n\nm,anna\n", "line 3: '' is not one of angry", id="short"),
        pytest.param(f"{HEADER}\nm,anna,9,2,sad\n", r"line 2: first \(9\) is after last \(2\)",
                     id="backwards"),
        pytest.param(f"{HEADER},track\nm,anna,1,2,sad,left\n", "line 2: first, last and track",
                     id="no track"),
        pytest.param(f"{HEADER}\n{'x' * 200_000},anna,1,2,sad\n", "not a table", id="a huge cell"),
        pytest.param("date,weight\n", "to the first row, which is 'date, weight'", id="found"),
        pytest.param(f"{HEADER}\nm,a,x,2,sad\n", "numbers; found 'x', '2' and ''", id="letter"),
        pytest.param(
            "\udcff\udcfea", 'say utf-16-le, which it is not .* save the table as "CSV UTF-8"',
            id="no text",
        ),
        pytest.param("PK\x03\x04", 'is a spreadsheet.*save the table as "CSV UTF-8"', id="xlsx"),
    ],
)  # fmt: skip
def test_a_truth_that_is_none_is_told(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(TableError, match=words):
        read_truth(tmp_path / "truth.csv")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
def test_a_truth_in_another_encoding_is_read_and_told(
    encoding: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = f"{HEADER}\r\nm,Zoë,1,2,happy\r\nm,François,3,4,sad\r\n"
    (tmp_path / "truth.csv").write_bytes(text.encode(encoding))
    assert read_truth(tmp_path / "truth.csv")["person"].tolist() == ["Zoë", "François"]
    told = "truth.csv: not in UTF-8, so read as cp1252, the likeliest encoding; if names in it"
    assert (told in caplog.text) == (encoding == "cp1252")


@pytest.mark.parametrize("name", ["nowhere.csv", ""], ids=["missing", "a folder"])
def test_a_truth_that_is_not_there_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be read"):
        read_truth(tmp_path / name)


# --- what was rejected --------------------------------------------------------------------------


def test_something_else_is_wrong_and_missed_by_none() -> None:
    truth = _truth(("anna", 0, 3, "happy"), ("anna", 4, 5, NO_EMOTION), ("anna", 6, 9, "sad"))
    found = scores([JudgedMovie(TALK, 1)], truth, PickSettings())
    plain = {s.emotion: s for s in found if (s.repeat, s.smooth) == (1, 1)}
    assert plain["happy"].picked == 6
    assert plain["happy"].precision == pytest.approx(4 / 6)
    assert (plain["happy"].recall, plain["sad"].recall, plain[POOLED].recall) == (1, 1, 1)
    assert plain[POOLED].precision == pytest.approx(8 / 10)


@pytest.mark.parametrize("order", [1, -1])
def test_what_a_face_looks_like_counts_more_than_what_it_does_not(order: int) -> None:
    labels = [("anna", 0, 0, NO_EMOTION), ("anna", 0, 0, "sad")]
    assert _told(made(stretch([0], 0, "anna", "happy")), _truth(*labels[::order])) == {
        (0, 0): "sad"
    }


def test_something_else_is_read_from_a_truth(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("clip,person,first,last,emotion\na.mp4,anna,1,1,None\na.mp4,anna,2,2,\n")
    assert read_truth(path)["emotion"].tolist() == [NO_EMOTION]
