"""One part: boxes between detections, gaps, cuts, emotions, and what is embedded."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

from pipeline import crops
from pipeline.disk.faces_csv import NUMBERS
from pipeline.disk.parts import Part
from pipeline.faces import EMOTIONS, Detections, Floats, Image
from pipeline.movie.frame import Frame, RgbFrame
from pipeline.settings import WalkSettings
from pipeline.walk import part as parts
from pipeline.walk.part import CHIP_SPACING, CHIPS, analyse
from pipeline.walk.track import MAX_GAP
from tests.support import puppet
from tests.support.movies import noise
from tests.support.puppet import SETTINGS, SURE, Shot, Square, frames

EVERY_FRAME = replace(SETTINGS, detect_every=1)
DRIFTING = Square("anna", x=20, dx=1.5, y=20, dy=0.5)


def _part(
    shots: list[Shot], settings: WalkSettings = SETTINGS, span: tuple[int, int] | None = None
) -> Part:
    taken = frames(shots)
    whole = span or (0, len(taken))
    inside = taken[max(0, whole[0] - 3) : whole[1] + 2]
    return analyse(inside, whole, puppet.models(), settings, lambda *_: None)


def _rows(part: Part) -> pd.DataFrame:
    rows = pd.DataFrame(part.rows, columns=list(NUMBERS))
    return rows.assign(look=[EMOTIONS[i] for i in part.rows[:, -7:].argmax(axis=1)])


def _seen(part: Part, track: int = 0) -> list[int]:
    rows = _rows(part)
    return [int(frame) for frame in rows.loc[rows["track"] == track, "frame"]]


def test_boxes_between_detections_lie_on_the_way() -> None:
    rows = _rows(_part([Shot(8, [DRIFTING])]))
    assert rows["frame"].tolist() == list(range(8))
    assert rows["detected"].tolist() == [1, 0, 0, 1, 0, 0, 1, 1]  # The shot ends at the last frame.
    boxes = rows[["x1", "y1", "x2", "y2"]].to_numpy()
    for frame in (0, 3, 6, 7):
        assert boxes[frame].tolist() == list(DRIFTING.box(frame))
    for before, frame, after in ((0, 1, 3), (0, 2, 3), (3, 4, 6), (3, 5, 6)):
        share = (frame - before) / (after - before)
        wanted = (1 - share) * boxes[before] + share * boxes[after]
        assert boxes[frame] == pytest.approx(wanted, abs=1e-4)


STANDING = Square("anna", x=40)


@pytest.mark.parametrize(
    ("squares", "detect_every", "looks"),
    [
        pytest.param([STANDING], 3, [0, 6, 12, 18, 20], id="still"),
        pytest.param([STANDING], 1, range(21), id="still, but every frame is wanted"),
        pytest.param([STANDING], 7, [0, 7, 14, 20], id="still, but seldom looked at"),
        pytest.param([], 3, [0, 6, 12, 18, 20], id="nobody"),
        pytest.param([DRIFTING], 3, [*range(0, 21, 3), 20], id="moving"),
        pytest.param([STANDING, DRIFTING], 3, [*range(0, 21, 3), 20], id="one of two moves"),
        pytest.param([Square("anna", "gone 10, happy")], 3, [0, 6, 9, 12, 18, 20], id="appearing"),
        pytest.param([Square("anna", "happy 5, gone")], 3, [0, 3, 6, 12, 18, 20], id="vanishing"),
        pytest.param(
            [Square("anna", "happy 19, gone")], 3, [0, 6, 12, 18, 20], id="vanishing at the end"
        ),
        pytest.param(
            [Square("anna", "happy 16, gone")], 3, [0, 6, 12, 15, 18, 20], id="near the end"
        ),
    ],
)
def test_the_detector_looks_less_often_while_faces_hold_still(
    squares: list[Square], detect_every: int, looks: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    own = parts._Analysis._find

    def find(self: parts._Analysis, frame: Frame) -> Detections:
        looked.append(frame.index)
        return own(self, frame)

    monkeypatch.setattr(parts._Analysis, "_find", find)
    _part([Shot(21, squares)], replace(SETTINGS, detect_every=detect_every))
    assert sorted(looked) == list(looks)


@pytest.mark.parametrize("detect_every", [1, 2, 3, 7, 50])
def test_every_face_of_every_frame_has_its_emotion(detect_every: int) -> None:
    shot = Shot(20, [Square("anna", "happy 7, sad 5, angry"), Square("ben", "fear 9, happy", x=5)])
    rows = _rows(_part([shot], replace(SETTINGS, detect_every=detect_every)))
    for number, looks in enumerate((shot.squares[0].look, shot.squares[1].look)):
        mine = rows[rows["track"] == number]
        assert mine["look"].tolist() == [looks(n) for n in range(20)]
    probabilities = rows[list(EMOTIONS)].to_numpy()
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert probabilities.max(axis=1) == pytest.approx(SURE)


@pytest.mark.parametrize(
    ("looks", "seen"),
    [
        # The detector runs at 0, 3, 6, 9, 12, 14.
        pytest.param("happy", range(15), id="always there"),
        pytest.param("happy 3, gone 1, happy", range(15), id="missed once: bridged"),
        pytest.param("happy 4, gone 2, happy", range(15), id="away between detections: unnoticed"),
        pytest.param("happy 3, gone 4, happy", [0, *range(9, 15)], id="missed twice: a gap"),
        pytest.param("happy 1, gone 8, happy", [0, *range(9, 15)], id="missed twice, longer"),
        pytest.param("happy 1, gone 12, happy", [0, 14], id="missed to the end"),
        pytest.param("happy 7, gone", range(7), id="gone for good"),
        pytest.param("gone 5, happy", range(6, 15), id="there from the next detection on"),
    ],
)
def test_a_face_missed_once_is_bridged_twice_is_not(looks: str, seen: list[int]) -> None:
    part = _part([Shot(15, [Square("anna", looks)])])
    assert _seen(part) == list(seen)
    assert set(part.rows[:, NUMBERS.index("track")]) == {0}


@pytest.mark.parametrize(
    ("away", "tracks"),
    [
        pytest.param(MAX_GAP - 1, 1, id="longest gap"),
        pytest.param(MAX_GAP, 2, id="one more frame"),
    ],
)
def test_a_track_goes_on_after_a_gap(away: int, tracks: int) -> None:
    shot = Shot(away + 10, [Square("anna", f"happy 5, gone {away}, happy")])
    rows = _rows(_part([shot], EVERY_FRAME))
    # A face missed once is interpolated; one missed for longer is not.
    assert rows["frame"].tolist() == [*range(5), *range(5 + away, 10 + away)]
    assert rows["track"].nunique() == tracks


@pytest.mark.parametrize(("every", "detect_every"), [(10, 3), (30, 1), (4, 10)])
def test_faces_are_followed_where_the_detector_runs_seldom(every: int, detect_every: int) -> None:
    seldom = replace(SETTINGS, every=every, detect_every=detect_every)
    rows = _rows(_part([Shot(125, [Square()])], seldom))
    assert rows["frame"].tolist() == list(range(0, 125, every))
    assert set(rows["track"]) == {0}


def test_nobody_is_followed_across_a_cut() -> None:
    stays = Square("anna")
    part = _part([Shot(8, [stays]), Shot(7, [stays]), Shot(3, [stays]), Shot(5, [stays])])
    rows = _rows(part)
    assert rows["shot"].tolist() == [0] * 8 + [1] * 7 + [2] * 3 + [3] * 5
    assert rows["track"].tolist() == rows["shot"].tolist()
    assert part.shots == 4
    # Both ends of a shot are detected, so that none of its frames lacks the face.
    ends = rows.groupby("shot")["detected"].agg(["first", "last"])
    assert (ends == 1).all(axis=None)


def test_two_faces_side_by_side_are_two_tracks() -> None:
    left, right = Square("anna", x=40), Square("ben", "sad", x=64)
    rows = _rows(_part([Shot(12, [left, right])]))
    looks = rows.groupby("track")["look"].agg(set)
    assert looks.tolist() == [{"happy"}, {"sad"}]
    assert rows.groupby("track")["x1"].agg(set).tolist() == [{40.0}, {64.0}]


def test_two_faces_that_pass_each_other_keep_their_tracks() -> None:
    right = Square("anna", x=10, y=20, dx=3)
    left = Square("ben", "sad", x=110, y=10, dx=-3)
    rows = _rows(_part([Shot(34, [right, left])], EVERY_FRAME))
    looks = rows.groupby("track")["look"].agg(set)
    assert looks.tolist() == [{"happy"}, {"sad"}]
    assert (rows.groupby("track")["frame"].count() == 34).all()


def test_rows_are_ordered_by_frame_and_track() -> None:
    part = _part([Shot(9, [Square("ben", x=100), Square("anna", x=10)]), Shot(6, [Square()])])
    keys = [(int(row[0]), int(row[NUMBERS.index("track")])) for row in part.rows]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys) == 24


@pytest.mark.parametrize("every", [1, 2, 3, 4, 5, 6])
def test_every_takes_frames_by_their_number_and_sees_cuts_between(every: int) -> None:
    shots = [Shot(13, [Square()]), Shot(12, [Square()])]
    rows = _rows(_part(shots, replace(SETTINGS, every=every), span=(5, 25)))
    assert rows["frame"].tolist() == [n for n in range(5, 25) if n % every == 0]
    assert rows["shot"].tolist() == [int(n >= 13) for n in rows["frame"]]


@pytest.mark.parametrize(
    ("span", "cut"),
    [((0, 20), False), ((9, 20), False), ((10, 20), True), ((11, 20), False)],
    ids=["at the movie's beginning", "before a cut", "at a cut", "after a cut"],
)
def test_a_part_knows_whether_a_cut_lies_before_it(span: tuple[int, int], cut: bool) -> None:
    part = _part([Shot(10, [Square()]), Shot(10, [Square()])], span=span)
    assert part.cut_before is cut
    assert _rows(part)["frame"].min() == span[0]


def test_a_chip_stays_unless_a_face_is_better_by_a_tenth() -> None:
    cut: list[int] = []

    def chip(n: int) -> Callable[[], Image]:
        def make() -> Image:
            cut.append(n)
            return noise(1)[0]

        return make

    chips = parts._Chips()
    for n, quality in enumerate([0.50, 0.54, 0.55, 0.56, 0.60, 0.62]):
        chips.offer(quality, n, chip(n))
    assert cut == [0, 3, 5]
    assert [c.frame for c in chips.best.values()] == [5]


def test_the_emotions_of_many_faces_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    together: list[int] = []
    own = puppet.Emotion.classify

    def classify(self: puppet.Emotion, crops: Image) -> Floats:
        together.append(len(crops))
        return own(self, crops)

    monkeypatch.setattr(puppet.Emotion, "classify", classify)
    shots = [Shot(40, [Square("ben", x=100), Square("anna", x=10)])]
    at_once = _part(shots).rows
    assert sum(together) == len(at_once) == 80
    assert together[0] >= parts.EMOTION_BATCH
    monkeypatch.setattr(parts, "EMOTION_BATCH", 1)
    assert np.array_equal(_part(shots).rows, at_once)


@pytest.mark.parametrize("length", [10, 12, 13, 70, 130])
def test_a_track_embeds_the_best_face_of_each_stretch(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crops, "sharpness", lambda grey: 50.0)  # Only the size counts.
    monkeypatch.setattr(parts, "BETTER", 1.0)
    nearer = Square("anna", size=20, grow=0.2, x=40, y=20)
    part = _part([Shot(length, [nearer, Square("ben", x=5, y=5, size=24)])])
    stretch = CHIP_SPACING
    while (length - 1) // stretch >= CHIPS:
        stretch *= 2
    rows = _rows(part).query("detected == 1 and track == 0")
    size = (rows["x2"] - rows["x1"]).set_axis(rows["frame"].astype(int))
    largest = size.groupby(size.index // stretch).max()
    assert size[part.frame[part.track == 0]].tolist() == largest.tolist()
    for track, hue in ((0, 0), (1, np.pi / 2)):
        own = part.track == track
        assert (part.frame[own] // stretch).tolist() == list(range(len(largest)))
        wanted = np.broadcast_to([np.cos(hue), np.sin(hue)], (own.sum(), 2))
        assert part.embedding[own][:, :2] == pytest.approx(wanted, abs=0.06)
    assert np.linalg.norm(part.embedding, axis=1) == pytest.approx(1, abs=1e-6)
    assert len(part.thumb) == len(part.embedding)
    with Pillow.open(BytesIO(part.thumb[0])) as first, Pillow.open(BytesIO(part.thumb[-1])) as last:
        assert first.getpixel((32, 32)) != pytest.approx(last.getpixel((32, 32)), abs=20)


def test_only_found_faces_are_embedded() -> None:
    rows_and_chips = _part([Shot(40, [DRIFTING])])
    rows = _rows(rows_and_chips)
    found = set(rows.loc[rows["detected"] == 1, "frame"])
    assert len(rows_and_chips.frame) > 0
    assert set(rows_and_chips.frame.tolist()) <= found


def test_a_small_picture_is_searched_but_boxes_are_the_sources() -> None:
    big = [
        RgbFrame(f.index, f.time, np.ascontiguousarray(f.image.repeat(2, axis=0).repeat(2, axis=1)))
        for f in frames([Shot(4, [Square("anna", "sad", x=30, y=20, size=32)])])
    ]
    small = replace(SETTINGS, width=puppet.WIDTH)
    part = analyse(big, (0, 4), puppet.models(), small, lambda *_: None)
    rows = _rows(part)
    assert rows[["x1", "y1", "x2", "y2"]].round(3).to_numpy().tolist() == [[60, 40, 124, 104]] * 4
    assert set(rows["look"]) == {"sad"}


def test_aligned_faces_are_read_too() -> None:
    part = _part([Shot(7, [Square("anna", "sad", size=40)])], replace(SETTINGS, align=True))
    assert _rows(part)["look"].tolist() == ["sad"] * 7


class _Outside(puppet.Detector):
    """Finds faces where there cannot be any: outside the picture, or without an area."""

    def detect(self, images: list[Image]) -> list[Detections]:
        boxes = np.array(
            [[-40, 10, -5, 40], [150, 10, 200, 40], [10, 10, 10, 40], [60, 10, 90, 40]], np.float32
        )
        marks = np.zeros((4, 5, 2), np.float32)
        return [Detections(boxes, np.ones(4, np.float32), marks) for _ in images]


def test_boxes_outside_the_picture_or_empty_are_dropped() -> None:
    models = replace(puppet.models(), detector=_Outside(puppet.WEIGHTS))
    part = analyse(frames([Shot(3)]), (0, 3), models, SETTINGS, lambda *_: None)
    assert _rows(part)["x1"].tolist() == [60.0] * 3


def test_progress_is_told_every_frame_and_face_once() -> None:
    told: Counter[str] = Counter()

    def tell(new_frames: int, new_faces: int) -> None:
        told.update(frames=new_frames, faces=new_faces)

    shots = [Shot(11, [Square(), Square("ben", x=10)]), Shot(4), Shot(9, [Square()])]
    part = analyse(frames(shots), (2, 22), puppet.models(), SETTINGS, tell)
    assert told == {"frames": 20, "faces": len(part.rows)}
    assert len(part.rows) == 2 * 9 + 7


@pytest.mark.parametrize(
    ("shots", "shots_found"),
    [
        pytest.param([], 0, id="no frame"),
        pytest.param([Shot(1)], 1, id="one empty frame"),
        pytest.param([Shot(9), Shot(9)], 2, id="nobody"),
    ],
)
def test_nothing_to_find_gives_empty_arrays(shots: list[Shot], shots_found: int) -> None:
    part = _part(shots)
    assert part.rows.shape == (0, len(NUMBERS))
    assert part.embedding.shape == (0, 128)
    assert (len(part.track), len(part.frame), len(part.quality)) == (0, 0, 0)
    assert part.shots == shots_found


def test_one_frame_with_a_face() -> None:
    part = _part([Shot(1, [Square("carl", "fear")])])
    rows = _rows(part)
    assert rows[["frame", "shot", "track", "detected"]].to_numpy().tolist() == [[0, 0, 0, 1]]
    assert rows["look"].tolist() == ["fear"]
    assert part.track.tolist() == [0]


def test_an_exception_of_a_model_comes_through() -> None:
    class Broken(puppet.Emotion):
        def classify(self, crops: Image) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
            raise RuntimeError("out of order")

    models = replace(puppet.models(), emotion=Broken(puppet.WEIGHTS))
    with pytest.raises(RuntimeError, match="out of order"):
        analyse(frames([Shot(5, [Square()])]), (0, 5), models, SETTINGS, lambda *_: None)
