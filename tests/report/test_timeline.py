"""Tests of the timeline: its bars, and that its picture can be read."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow

from pipeline.disk.walked import Walked
from pipeline.errors import OutputError
from pipeline.faces import EMOTIONS, Ints
from pipeline.people.presence import durations, who_is_who
from pipeline.pick import select
from pipeline.report.colours import EMOTION_COLOURS
from pipeline.report.page import NEUTRAL_AT_NIGHT
from pipeline.report.timeline import (
    MOST_TICKS,
    Timeline,
    cut_alpha,
    drawn,
    step,
    timeline,
    write_timeline,
)
from pipeline.settings import PickSettings, WalkSettings
from tests.support.face_rows import Face, stretch
from tests.support.report_movie import spans, walked
from tests.support.walks import scan_of

Numbers = NDArray[np.float64]
ANGRY, HAPPY, NEUTRAL = (EMOTIONS.index(name) for name in ("angry", "happy", "neutral"))


def _timeline(movie: Walked, settings: PickSettings | None = None) -> Timeline:
    settings = settings or PickSettings(smooth=1)
    walk, rows, stride = movie.manifest, movie.rows, movie.manifest.settings.every
    seconds = durations(rows["frame"].to_numpy(), walk.scan.times, stride)
    people = list(who_is_who(rows, movie.tracks, seconds))
    rows = select.steadied(rows, stride, settings)
    return timeline(rows, people, walk, settings, movie.tracks.starts)


# --- bars ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("faces", "wanted"),
    [
        pytest.param([], [], id="no faces"),
        pytest.param(stretch([3], 0, "a", "happy"), [(0, 0.12, 0.16, HAPPY, False)], id="a frame"),
        pytest.param(
            stretch(range(10), 0, "a", "happy"), [(0, 0, 0.4, HAPPY, True)], id="one steady bar"
        ),
        pytest.param(
            stretch(range(10), 0, "a", "happy") + stretch(range(10, 14), 0, "a", "angry"),
            [(0, 0, 0.4, HAPPY, True), (0, 0.4, 0.56, ANGRY, False)],
            id="a look that does not last",
        ),
        pytest.param(
            stretch(range(10), 0, "a", "happy") + stretch(range(12, 22), 0, "a", "happy"),
            [(0, 0, 0.4, HAPPY, True), (0, 0.48, 0.88, HAPPY, True)],
            id="away for two frames",
        ),
        pytest.param(
            stretch(range(10), 0, "a", "happy") + stretch(range(10, 20), 1, "a", "happy"),
            [(0, 0, 0.8, HAPPY, True)],
            id="two tracks that follow one another",
        ),
        pytest.param(
            stretch(range(30), 0, "b", "happy") + stretch(range(10), 1, "a", "angry"),
            [(0, 0, 1.2, HAPPY, True), (1, 0, 0.4, ANGRY, True)],
            id="the longest on screen first",
        ),
        pytest.param(
            stretch(range(90), 0, "", "happy") + stretch(range(10), 1, "a", "angry"),
            [(0, 0, 0.4, ANGRY, True), (1, 0, 3.6, HAPPY, True)],
            id="the unknown last",
        ),
    ],
)
def test_neighbouring_faces_that_look_the_same_are_one_bar(
    faces: list[Face], wanted: list[tuple[int, float, float, int, bool]]
) -> None:
    assert spans(_timeline(walked(faces, 100)).bars) == wanted


def test_the_unknown_share_a_lane_and_the_largest_is_shown() -> None:
    movie = walked(stretch(range(20), 0, "", "happy") + stretch(range(5, 30), 1, "", "angry"), 40)
    nearer = movie.rows["track"] == 1
    rows = movie.rows.assign(x2=np.where(nearer, 80.0, 40.0))
    line = _timeline(movie.with_rows(rows))
    assert line.people == ("unknown",)
    assert spans(line.bars) == [(0, 0, 0.2, HAPPY, True), (0, 0.2, 1.2, ANGRY, True)]


def test_a_stride_is_no_gap_and_bars_last_until_the_next_analysed_frame() -> None:
    movie = walked(stretch(range(0, 40, 4), 0, "a", "happy"), 100, WalkSettings(every=4))
    assert spans(_timeline(movie).bars) == [(0, 0, 1.6, HAPPY, True)]


def test_times_are_the_streams_own() -> None:
    movie = walked(stretch(range(3), 0, "a", "happy"), 4)
    scan = scan_of(4, [1000, 1500, 3000, 3100])
    rows = movie.rows.assign(time=scan.times[movie.rows["frame"]])
    line = _timeline(replace(movie.with_rows(rows), manifest=replace(movie.manifest, scan=scan)))
    assert spans(line.bars) == [(0, 1, 3.1, HAPPY, False)]
    assert (line.begin, line.end) == pytest.approx((1, 3.6))


def test_a_part_of_a_movie_fills_the_timeline() -> None:
    movie = walked(stretch(range(50, 60), 0, "a", "happy"), 100)
    line = _timeline(replace(movie, manifest=replace(movie.manifest, parts=((25, 50), (50, 75)))))
    assert (line.begin, line.end) == (1, 3)


def _cut(starts: Ints, faces: list[Face]) -> Walked:
    """A movie of 100 frames with shots that start at these frames."""
    movie = walked(faces, 100)
    shots = np.searchsorted(starts, movie.rows["frame"], side="right") - 1
    tracks = replace(movie.tracks, starts=starts)
    return replace(movie.with_rows(movie.rows.assign(shot=shots)), tracks=tracks)


TALK = stretch(range(15, 30), 0, "a", "happy") + stretch(range(60, 70), 1, "a", "sad")


def test_all_cuts_are_drawn_also_beside_shots_without_a_face() -> None:
    line = _timeline(_cut(np.array([0, 10, 20, 35, 40, 60, 90]), TALK))
    assert line.cuts.tolist() == [0.4, 0.8, 1.4, 1.6, 2.4, 3.6]
    assert line.tick == "cut"


def test_without_a_cut_none_is_drawn() -> None:
    line = _timeline(_cut(np.array([0]), TALK))
    assert line.cuts.tolist() == []
    assert line.tick == "cut"


def test_walks_of_earlier_versions_know_only_cuts_before_faces() -> None:
    """Also the cut before the first face, if the movie's first shot has none."""
    movie = _cut(np.array([0, 10, 20, 35, 40, 60, 90]), TALK)
    line = _timeline(replace(movie, tracks=replace(movie.tracks, starts=np.zeros(0, np.int64))))
    assert line.cuts.tolist() == [0.6, 0.8, 2.4]
    assert line.tick == "cut before a face"


def test_shots_beyond_the_movie_are_not_drawn(tmp_path: Path) -> None:
    """An edited tracks.npz must not make a pick fail."""
    line = _timeline(_cut(np.array([0, 10, 100, 1 << 40]), TALK))
    assert line.cuts.tolist() == [0.4]
    write_timeline(tmp_path / "t.png", line, "film.mkv")


@pytest.mark.parametrize(
    ("settings", "steady"),
    [
        pytest.param(PickSettings(smooth=1, repeat=10), True, id="long enough"),
        pytest.param(PickSettings(smooth=1, repeat=11), False, id="too short"),
        pytest.param(PickSettings(smooth=1, min_prob=0.71), False, id="not sure enough"),
        pytest.param(PickSettings(smooth=1, min_size=41), False, id="too small"),
    ],
)
def test_steady_is_what_the_pick_lets_pass(settings: PickSettings, steady: bool) -> None:
    movie = walked(stretch(range(10), 0, "a", "happy"), 20)
    assert _timeline(movie, settings).bars["steady"].tolist() == [steady]


@st.composite
def _faces(draw: st.DrawFn) -> list[Face]:
    looks = draw(st.lists(st.sampled_from(["happy", "sad", ""]), min_size=1, max_size=60))
    person = draw(st.sampled_from(["a", ""]))
    return [(n, 0, person, look) for n, look in enumerate(looks) if look]


@given(_faces())
def test_bars_cover_every_face_once(faces: list[Face]) -> None:
    line = _timeline(walked(faces, 60))
    lengths = line.bars["end"] - line.bars["begin"]
    assert lengths.sum() == pytest.approx(len(faces) / 25)
    assert (lengths > 0).all()
    assert (line.bars["begin"].diff().dropna() > 0).all()


def test_what_is_steady_and_rare_is_drawn_last() -> None:
    bars = pd.DataFrame({
        "begin": [0.0, 5, 6, 7], "end": [5.0, 6, 7, 9], "label": [NEUTRAL, HAPPY, ANGRY, HAPPY],
        "steady": [True, True, False, False], "lane": 0, "probability": 0.5,
    })  # fmt: skip
    order = drawn(bars)
    assert order["begin"].tolist() == [7, 6, 0, 5]
    assert list(order.columns) == list(bars.columns)


# --- colours ------------------------------------------------------------------------------------

SIGHTS = {
    "usual": np.eye(3),
    "no red cones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                     [-0.003882, -0.048116, 1.051998]],
    "no green cones": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                       [-0.011820, 0.042940, 0.968881]],
    "no blue cones": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                      [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
"""Linear RGB to what is seen. Source: Machado et al., TVCG 2009, the table for severity 1.0."""


def _linear(colour: str) -> Numbers:
    encoded = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def _lab(linear: Numbers) -> Numbers:
    """CIELAB of linear sRGB, D65."""
    xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                    [0.0193339, 0.1191920, 0.9503041]]) @ linear.clip(0, 1)  # fmt: skip
    ratio = xyz / [0.95047, 1, 1.08883]
    cube = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * cube[1] - 16, 500 * (cube[0] - cube[1]), 200 * (cube[1] - cube[2])])


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("neutral", [EMOTION_COLOURS[-1], NEUTRAL_AT_NIGHT])
def test_colours_differ_also_with_colour_blindness(sight: str, neutral: str) -> None:
    seen = [_lab(np.asarray(SIGHTS[sight]) @ _linear(c)) for c in (*EMOTION_COLOURS[:-1], neutral)]
    nearest = min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2))
    assert len(seen) == len(EMOTIONS)
    assert nearest > 15


# --- the picture --------------------------------------------------------------------------------


def _pixels(path: Path) -> NDArray[np.uint8]:
    with Pillow.open(path) as picture:
        return np.array(picture.convert("RGB"))


def _share(path: Path, colour: str) -> float:
    """Share of the pixels that have exactly this colour."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return float((_pixels(path) == wanted).all(axis=2).mean())


def test_bars_have_the_colours_of_their_emotions(tmp_path: Path) -> None:
    faces = stretch(range(50), 0, "a", "happy") + stretch(range(50, 100), 0, "a", "sad")
    write_timeline(tmp_path / "t.png", _timeline(walked(faces, 200)), "film.mkv")
    happy, sad, angry = (
        _share(tmp_path / "t.png", EMOTION_COLOURS[EMOTIONS.index(e)])
        for e in ("happy", "sad", "angry")
    )
    assert happy == pytest.approx(sad, rel=0.1)
    assert happy > 0.02
    assert angry == 0


def test_a_short_look_is_seen_in_three_hours(tmp_path: Path) -> None:
    frames = 3 * 3600 * 25
    line = _timeline(walked(stretch(range(1000, 1010), 0, "a", "angry"), frames))
    long = Timeline(line.people, line.bars, line.cuts, 0.0, frames / 25)
    write_timeline(tmp_path / "t.png", long, "film.mkv")
    pixels = _pixels(tmp_path / "t.png")
    assert pixels.shape[1] > 2500
    red, green, blue = pixels[:-60].astype(int).transpose(2, 0, 1)  # Above the legend.
    assert ((red - blue > 150) & (red - green > 80)).any()


@pytest.mark.parametrize("people", [0, 1, 50])
def test_the_picture_grows_with_the_people(people: int, tmp_path: Path) -> None:
    faces = [f for n in range(people) for f in stretch(range(10), n, f"person {n}", "happy")]
    write_timeline(tmp_path / "t.png", _timeline(walked(faces, 100)), "film.mkv")
    height, width, _ = _pixels(tmp_path / "t.png").shape
    assert width == 1440
    assert height == pytest.approx(180 + 36 * max(1, people), abs=2)


def test_one_frame_is_a_timeline_too(tmp_path: Path) -> None:
    line = _timeline(walked(stretch([0], 0, "a", "happy"), 1))
    write_timeline(tmp_path / "t.png", line, "film.mkv")
    assert _pixels(tmp_path / "t.png").shape[1] == 1440


@pytest.mark.parametrize("name", ["$x^$ <b>", "שלום", "演员", "😀", "\x07", 300 * "long "])
def test_any_name_can_be_drawn(name: str, tmp_path: Path) -> None:
    line = _timeline(walked(stretch(range(10), 0, name, "happy"), 20))
    write_timeline(tmp_path / "t.png", line, name)
    assert _share(tmp_path / "t.png", EMOTION_COLOURS[HAPPY]) > 0.01


def test_the_same_movie_gives_the_same_picture(tmp_path: Path) -> None:
    line = _timeline(walked(stretch(range(10), 0, "a", "happy"), 20))
    for name in ("one.png", "two.png"):
        write_timeline(tmp_path / name, line, "film.mkv")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_a_picture_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("in the way")
    line = _timeline(walked([], 20))
    with pytest.raises(OutputError, match=r"t\.png: cannot be written"):
        write_timeline(tmp_path / "folder" / "t.png", line, "film.mkv")


@given(st.floats(0.02, 1e6))
def test_the_clock_has_few_marks_but_some(seconds: float) -> None:
    assert seconds / step(seconds) <= MOST_TICKS + 1e-6
    assert seconds < 2 or seconds / step(seconds) >= 4


def test_many_cuts_are_fainter() -> None:
    line = _timeline(walked([], 20))
    alphas = [cut_alpha(replace(line, cuts=np.zeros(n))) for n in (0, 100, 1000, 10**6)]
    assert alphas == [1, 1, 0.3, 0.15]
