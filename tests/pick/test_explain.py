"""The hints when nothing is kept, and that following them helps."""

import re
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.disk.tracks_npz import Tracks
from pipeline.pick import select
from pipeline.pick.explain import absent, funnel, held_back
from pipeline.settings import PickSettings
from tests.support.face_rows import made, stretch, tracks_of

SMILE = made(stretch(range(50, 58), 3, "anna", "happy"))
OTHERS = made([*stretch(range(5), 0, "anna", "sad"), *stretch(range(2), 1, "anna", "fear")])
SIZE = (100, 100)
PERCENT = st.integers(0, 100).map(lambda percent: percent / 100)


def _runs(*runs: tuple[int, float]) -> pd.DataFrame:
    """Happy runs of anna, each with a number of frames and a probability."""
    numbered = enumerate(runs)
    parts = [made(stretch(range(n), t, "anna", "happy"), sure) for t, (n, sure) in numbered]
    return pd.concat(parts, ignore_index=True)


SHORT_AND_SURE = _runs((12, 0.25), (6, 0.31))


def _said(
    rows: pd.DataFrame, person: str = "anna", tracks: Tracks | None = None, **asked: Any
) -> str:
    settings = PickSettings(**({"repeat": 1, "smooth": 1, "sure": 0} | asked))
    rows = select.steadied(rows, 1, settings)
    seen = select.wanted(rows, person, "happy")
    steady, _ = select.steady(seen, settings, SIZE)
    assert len(steady) == 0, "there is nothing to explain"
    if len(seen):
        return held_back(seen, settings, SIZE)
    return absent(rows, tracks or tracks_of(rows), (person, "happy"), 0.38)


@pytest.mark.parametrize(
    ("rows", "asked", "wanted"),
    [
        pytest.param(
            SMILE, {"repeat": 9}, "longest run is 8 of 9 frames; try --repeat 8", id="too short"
        ),
        pytest.param(
            SMILE, {"min_prob": 0.75}, "at most 0.69 probable; try --min-prob 0.69",
            id="not probable",
        ),
        pytest.param(
            SHORT_AND_SURE, {"repeat": 8, "min_prob": 0.4},
            "at most 0.31 probable; try --min-prob 0.31 --repeat 6",
            id="neither probable nor long enough",
        ),
        pytest.param(
            SHORT_AND_SURE, {"repeat": 8, "min_prob": 0.3},
            "longest run is 6 of 8 frames; try --repeat 6", id="long ones are not probable",
        ),
        pytest.param(
            _runs((12, 0.4), (6, 0.6)), {"repeat": 13},
            "longest run is 12 of 13 frames; try --repeat 12", id="long ones are less sure",
        ),
        pytest.param(SMILE, {"sure": 0.99}, "at most 0.93 sure; try --sure 0.93", id="not sure"),
        pytest.param(
            SHORT_AND_SURE, {"repeat": 8, "sure": 0.9, "min_prob": 0.4},
            "at most 0.67 sure; try --sure 0.67 --min-prob 0.31 --repeat 6", id="all three",
        ),
        pytest.param(
            SMILE.assign(x2=20.0, y2=24.0), {"min_size": 30},
            "--min-size keeps none of 8 faces; try --min-size 20", id="small",
        ),
        pytest.param(
            SMILE.assign(yaw=[-50.0, 40.2, *[60.0] * (len(SMILE) - 2)]), {"max_yaw": 30},
            "--max-yaw keeps none of 8 faces; try --max-yaw 41", id="turned away",
        ),
        pytest.param(
            SMILE.assign(
                x2=[*[20.0] * (len(SMILE) - 1), 90.0], y2=90.0,
                sharpness=[*[9.0] * (len(SMILE) - 1), 1.0],
            ),
            {"min_size": 80, "min_sharpness": 5},
            "--min-sharpness keeps not the only face that passes the filters before it; "
            "try --min-sharpness 1",
            id="a face that another gate passes",
        ),
        pytest.param(
            SMILE.assign(alone=False), {"repeat": 99},
            "--alone keeps none of 8 faces; leave it out", id="in company",
        ),
        pytest.param(
            SMILE.assign(reacts=False), {"after": "hello", "within": 2},
            "--after keeps none of 8 faces; try other words, a longer --within, or leave it out",
            id="no reaction",
        ),
        pytest.param(
            SHORT_AND_SURE, {"repeat": 8, "border": 9},
            "--border keeps none of 18 faces; leave it out", id="a gate that nothing passes",
        ),
        pytest.param(
            OTHERS, {}, "anna never looks happy here (sad 5 faces, fear 2)", id="other looks"
        ),
        pytest.param(
            made(stretch(range(1575), 0, "anna", "sad")), {},
            "anna never looks happy here (sad 1,575 faces)", id="thousands",
        ),
        pytest.param(made([]), {}, "no such face in the movie", id="nobody at all"),
    ],
)  # fmt: skip
def test_what_is_said(rows: pd.DataFrame, asked: dict[str, Any], wanted: str) -> None:
    assert _said(rows, **asked) == wanted


@given(
    runs=st.lists(st.tuples(st.integers(1, 12), st.floats(0.2, 1)), min_size=1),
    repeat=st.integers(1, 15),
    sure=PERCENT,
    min_prob=PERCENT,
)
def test_what_is_tried_then_helps(
    runs: list[tuple[int, float]], repeat: int, sure: float, min_prob: float
) -> None:
    """Following a hint once is enough to keep faces, whenever nothing was kept without it."""
    asked: dict[str, Any] = {"repeat": repeat, "sure": sure, "min_prob": min_prob, "smooth": 1}
    rows = select.steadied(_runs(*runs), 1, PickSettings(smooth=1))
    seen = select.wanted(rows, "anna", "happy")
    if len(select.steady(seen, PickSettings(**asked), SIZE)[0]):
        return
    options = re.findall(r"--(\S+) (\S+)", _said(_runs(*runs), **asked))
    tried = {name.replace("-", "_"): float(value) for name, value in options}
    assert tried
    assert tried.get("repeat", 0) < repeat
    assert tried.get("sure", 0) < sure or not sure
    assert tried.get("min_prob", 0) < min_prob or not min_prob
    assert len(select.steady(seen, PickSettings(**asked | tried), SIZE)[0])


FACE = st.tuples(
    st.integers(20, 90), st.integers(-80, 80), st.integers(0, 20), st.booleans(),
    st.floats(0.2, 1), st.floats(0, 1),
)  # fmt: skip
"""A face's side, turn, sharpness, whether somebody else is there, its probability and chance."""

FILTERS = {
    "repeat": st.integers(1, 15), "sure": PERCENT, "min_prob": PERCENT,
    "min_size": st.integers(0, 100), "max_yaw": st.integers(0, 90),
    "min_sharpness": st.integers(0, 25), "min_margin": st.sampled_from([None, -1.0, 0.3]),
    "without": st.sampled_from([(), ("ben",)]), "single_face": st.booleans(),
}  # fmt: skip


@given(faces=st.dictionaries(st.integers(0, 40), FACE, min_size=1, max_size=12), data=st.data())
def test_what_is_tried_helps_with_all_filters(faces: dict[int, Any], data: st.DataObject) -> None:
    """Numbers that are proposed keep a face at once; else an option is to be left out."""
    asked = {name: data.draw(values) for name, values in FILTERS.items()} | {"smooth": 1}
    seen = partial(_seen, _scene(faces), {frame: face[-1] for frame, face in faces.items()})
    if len(select.steady(*seen(asked), SIZE)[0]):
        return
    hint = held_back(*seen(asked), SIZE)
    options = re.findall(r"--(\S+) ([\d.]+)", hint.partition("try ")[2])
    tried = {name.replace("-", "_"): float(value) for name, value in options}
    assert tried or hint.endswith("leave it out")
    assert not tried or len(select.steady(*seen(asked | tried), SIZE)[0])


def _scene(faces: dict[int, Any]) -> pd.DataFrame:
    """Anna, happy, and in some frames Ben."""
    parts = []
    for frame, (side, yaw, sharpness, _, happy, _) in faces.items():
        box = {"x1": 5, "y1": 5, "x2": 5 + side, "y2": 5 + side}
        row = made([(frame, 0, "anna", "happy")], happy)
        parts.append(row.assign(**box, yaw=yaw, sharpness=sharpness))
    parts.append(made([(frame, 1, "ben", "sad") for frame, face in faces.items() if face[3]]))
    rows = pd.concat(parts, ignore_index=True)
    return rows.assign(shot=rows["frame"] // 10)


def _seen(
    rows: pd.DataFrame, sure: dict[int, float], asked: dict[str, Any]
) -> tuple[pd.DataFrame, PickSettings]:
    settings = PickSettings(**asked)
    seen = select.wanted(select.steadied(rows, 1, settings), "anna", "happy")
    return seen.assign(look_sure=seen["frame"].map(sure)), settings


def test_a_stranger_who_is_not_there() -> None:
    assert _said(SMILE, "unknown") == "no such face in the movie"
    strangers = made(stretch(range(5), 0, "", "sad"))
    assert _said(strangers, "unknown") == "faces without a name never look happy here (sad 5 faces)"


NEAREST = ("track 3", "0:02.0")


@pytest.mark.parametrize(
    ("far", "words"),
    [
        pytest.param(
            [(0.9, 0.3), (0.412, 0.8)],
            (
                "within tolerance 0.38",
                *NEAREST,
                "distance 0.41",
                "try --tolerance 0.42, or add a photo like it",
            ),
            id="too far",
        ),
        pytest.param(
            [(0.5, 0.3), (0.35, 0.2)],
            (
                "no face is named ben",
                *NEAREST,
                "distance 0.35",
                "it is as near to",
                "in one frame with",
            ),
            id="nearer to another",
        ),
        pytest.param([(np.inf, np.inf)] * 2, ("no such face in the movie",), id="no photos"),
    ],
)
def test_the_nearest_track_is_named(far: list[tuple[float, float]], words: tuple[str, ...]) -> None:
    """Ben is in the gallery, but no track has his name; track 3 begins at 2 s."""
    rows = pd.concat([made(stretch(range(4), 1, "anna", "sad")), SMILE], ignore_index=True)
    message = _said(rows, "ben", tracks_of(rows, ("ben", "anna"), far))
    for part in words:
        assert part in message


def test_somebody_who_is_not_in_the_gallery_of_the_walk() -> None:
    assert _said(SMILE, "zoe", tracks_of(SMILE, ("anna",), [(0.1,)])) == "no such face in the movie"


@pytest.mark.parametrize(
    ("person", "counts"),
    [("anna", [5, 3]), ("ben", [5, 1]), ("unknown", [5, 1]), ("zoe", [5, 0])],
)
def test_the_funnel_begins_with_all_faces_and_the_persons(person: str, counts: list[int]) -> None:
    rows = made([*stretch(range(3), 0, "anna", "sad"), (0, 1, "ben", "sad"), (1, 2, "", "fear")])
    rows = select.steadied(rows, 1, PickSettings())
    seen = select.wanted(rows, person, "happy")
    steps = funnel(rows, seen, {"repeat": 0, "min-prob": 0}, 0, person)
    assert list(steps) == ["faces", "person", "emotion", "repeat", "min-prob", "per-run"]
    assert list(steps.values()) == [*counts, 0, 0, 0, 0]
