"""Whole walks of puppet movies: parts, resume, failures on the way, other settings."""

import errno
import json
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.disk import faces_csv
from pipeline.disk import manifest as manifests
from pipeline.disk.manifest import Manifest
from pipeline.disk.parts import has_part, part_paths
from pipeline.disk.walked import merged_tracks
from pipeline.errors import MovieError, OutputError, TableError
from pipeline.models import registry
from pipeline.models.registry import Entry
from pipeline.movie.scan import Scan
from pipeline.movie.stream import Stream
from pipeline.settings import WalkSettings
from pipeline.walk import walker
from pipeline.walk.shots import LOOK_BACK
from tests.support import puppet
from tests.support.puppet import SETTINGS, Shot, Square, film

SLOW = 5
"""Frames per second of these movies: a part of ten seconds has 50 frames."""

MOVIE = (
    Shot(52, (Square("anna", "happy 20, gone 7, sad", x=10, dx=1), Square("ben", y=60))),
    Shot(70, (Square("anna", "fear", x=30), Square("ben", "angry", x=90, y=60, dx=-0.5))),
)
PARTS = ((0, 53), (53, 103), (103, 122))


@pytest.fixture(autouse=True)
def _puppets(monkeypatch: pytest.MonkeyPatch) -> None:
    puppet.plug_in(monkeypatch)


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`MOVIE`, and beside it `walked`, a walk of it. Tests must not change them."""
    folder = tmp_path_factory.mktemp("walker")
    movie = film(folder / "movie.mkv", MOVIE, SLOW)
    with pytest.MonkeyPatch.context() as patch:
        puppet.plug_in(patch)
        _walk(movie, folder / "walked")
    return movie


@pytest.fixture
def movie(filmed: Path, tmp_path: Path) -> Path:
    """A copy of `MOVIE` that a test may change."""
    return Path(shutil.copy(filmed, tmp_path / filmed.name))


@pytest.fixture
def whole(filmed: Path) -> Path:
    """A walk of `MOVIE`. Tests must not change it."""
    return filmed.with_name("walked")


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of a walk of `MOVIE` that a test may change."""
    return Path(shutil.copytree(whole, tmp_path / "out"))


class _Watch:
    """A progress that records what it receives, and can interrupt the walk."""

    def __init__(self, stop_after: int = 1 << 30) -> None:
        self.total = self.frames = 0
        self._stop_after = stop_after

    def __call__(self, total: int) -> Callable[[int, int], None]:
        self.total = total
        return self._tell

    def _tell(self, new_frames: int, new_faces: int) -> None:
        self.frames += new_frames
        if self.frames > self._stop_after:
            raise KeyboardInterrupt


def _walk(
    movie: Path,
    folder: Path,
    settings: WalkSettings = SETTINGS,
    watch: _Watch | None = None,
    *,
    workers: int = 1,
    rewalk: bool = False,
) -> Manifest:
    plan = walker.prepare_walk(movie, folder, settings, rewalk=rewalk)
    walker.walk_movie(movie, folder, plan, workers, watch or puppet.silent)
    return plan


def _tables(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "faces.csv").read_bytes(), (folder / "tracks.npz").read_bytes()


def _scan(times: list[float], keys: list[int]) -> Scan:
    stream = Stream("none", 16, 16, 25.0, (1, 1000), 0, 0, counted=False, hdr="")
    pts = np.round(np.array(times) * 1000).astype(np.int64)
    return Scan(stream, pts, np.stack([pts[keys], pts[keys]], axis=1))


# --- the plan -----------------------------------------------------------------------------------

SECONDS = [float(n) for n in range(36)]


@pytest.mark.parametrize(
    ("keys", "settings", "parts"),
    [
        pytest.param(range(36), {}, [(0, 13), (13, 23), (23, 33), (33, 36)], id="all key frames"),
        pytest.param([0, 7, 14, 28], {}, [(0, 17), (17, 31), (31, 36)], id="few key frames"),
        pytest.param([0, 31], {}, [(0, 34), (34, 36)], id="one key frame serves three borders"),
        pytest.param([0], {}, [(0, 36)], id="one key frame"),
        pytest.param([0, 34], {}, [(0, 36)], id="key frame near the end"),
        pytest.param(
            range(36), {"start": 11.5}, [(12, 13), (13, 23), (23, 33), (33, 36)], id="start"
        ),
        pytest.param(range(36), {"start": 13.0}, [(13, 23), (23, 33), (33, 36)], id="start at one"),
        pytest.param(range(36), {"end": 13.0}, [(0, 13)], id="end at a border"),
        pytest.param(range(36), {"start": 5.0, "end": 5.5}, [(5, 6)], id="one frame"),
        pytest.param(range(36), {"every": 5}, [(0, 16), (16, 26), (26, 36)], id="every fifth"),
        pytest.param(range(36), {"every": 30}, [(0, 31), (31, 36)], id="every thirtieth"),
    ],
)
def test_plan(keys: list[int], settings: dict[str, Any], parts: list[tuple[int, int]]) -> None:
    found = walker.plan_parts(_scan(SECONDS, list(keys)), replace(SETTINGS, **settings))
    assert list(found) == parts


@given(
    st.integers(1, 200),
    st.lists(st.integers(0, 199), max_size=20),
    st.integers(1, 40),
    st.integers(0, 199),
)
def test_parts_cover_the_movie_and_leave_no_cut_between_them(
    length: int, keys: list[int], every: int, start: int
) -> None:
    scan = _scan([n / 2 for n in range(length)], sorted({0, *(k for k in keys if k < length)}))
    begin = min(start, length - 1) / 2
    parts = walker.plan_parts(scan, replace(SETTINGS, every=every, start=begin))
    assert [n for a, b in parts for n in range(a, b)] == list(range(round(2 * begin), length))
    for border, _ in parts[1:]:
        assert any(border - every < k + LOOK_BACK <= border for k in scan.key_frames)
        # The frame before the border is analysed: the part that needs it finds a cut after it.
        assert (border - 1) % every == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"start": 40.0},
            "no frames between --start 40 s and the end; the movie has frames from 0.000 s to",
        ),
        ({"start": 3.2, "end": 3.8}, "no frames between --start 3.2 s and 3.8 s"),
    ],
    ids=["after the end", "between two frames"],
)
def test_a_plan_without_frames_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(MovieError, match=words):
        walker.plan_parts(_scan(SECONDS, [0]), replace(SETTINGS, **settings))


# --- walking ------------------------------------------------------------------------------------


def test_a_walk_reads_every_face(movie: Path, tmp_path: Path) -> None:
    plan = _walk(movie, tmp_path / "out")
    assert plan.parts == PARTS
    rows = faces_csv.read_faces(tmp_path / "out" / "faces.csv")
    assert rows["shot"].tolist() == [int(n >= 52) for n in rows["frame"]]
    assert rows["time"].to_numpy() == pytest.approx(rows["frame"].to_numpy() / SLOW)
    seen = rows.groupby("track")["frame"].agg(["min", "max", "count"]).to_numpy().tolist()
    # Anna is away from 20 to 26; the detections at 21 and 24 miss her.
    first = [0, 51, 1 + 18 + 25]
    assert seen == [first, [0, 51, 52], [52, 121, 70], [52, 121, 70]]
    assert (rows["video"] == "movie.mkv").all()


@pytest.mark.parametrize("every", [1, 3, 5])
@pytest.mark.parametrize("cut", [52, 53, 54])
def test_many_parts_give_the_bytes_of_one(
    every: int, cut: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The border is at frame 53, or some frames later."""
    faces = (Square("anna", x=10, dx=1), Square("ben", "sad", y=60))
    movie = film(tmp_path / "movie.mkv", [Shot(cut, faces), Shot(70 - cut, faces)], SLOW)
    settings = replace(SETTINGS, every=every, detect_every=1)
    parts = _walk(movie, tmp_path / "parts", settings)
    monkeypatch.setattr(walker, "PART_SECONDS", 1000.0)
    one = _walk(movie, tmp_path / "one", settings)
    assert (len(parts.parts), len(one.parts)) == (2, 1)
    assert _tables(tmp_path / "parts")[0] == _tables(tmp_path / "one")[0]


def test_worker_processes_give_the_same_bytes(movie: Path, whole: Path, tmp_path: Path) -> None:
    watch = _Watch()
    _walk(movie, tmp_path / "two", watch=watch, workers=2)
    assert _tables(tmp_path / "two") == _tables(whole)
    for path in (whole / "parts").iterdir():
        assert (tmp_path / "two" / "parts" / path.name).read_bytes() == path.read_bytes()
    assert watch.frames == watch.total == 122


def test_a_stretch_has_the_rows_of_the_whole(movie: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, detect_every=1)
    _walk(movie, tmp_path / "whole", settings)
    _walk(movie, tmp_path / "stretch", replace(settings, start=8.1, end=13.0))
    whole, stretch = (
        faces_csv.read_faces(tmp_path / n / "faces.csv") for n in ("whole", "stretch")
    )
    same = [c for c in whole.columns if c not in ("shot", "track")]
    wanted = whole.loc[whole["frame"].between(41, 64), same].sort_values(["frame", "x1"])
    found = stretch[same].sort_values(["frame", "x1"])
    assert found.to_csv(index=False) == wanted.to_csv(index=False)
    assert stretch["shot"].tolist() == [int(n >= 52) for n in stretch["frame"]]
    assert stretch["track"].unique().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("shots", "rows"),
    [
        pytest.param([Shot(1)], 0, id="one frame, nobody"),
        pytest.param([Shot(1, [Square()])], 1, id="one frame"),
        pytest.param([Shot(2, [Square()])], 2, id="two frames"),
        pytest.param([Shot(60)], 0, id="two parts, nobody"),
    ],
)
def test_small_and_empty_movies(shots: list[Shot], rows: int, tmp_path: Path) -> None:
    movie = film(tmp_path / "movie.mkv", shots, SLOW)
    plan = _walk(movie, tmp_path / "out")
    assert len(faces_csv.read_faces(tmp_path / "out" / "faces.csv")) == rows
    assert merged_tracks(tmp_path / "out", plan) is not None


# --- what is finished stays ---------------------------------------------------------------------


@pytest.mark.parametrize("lost", [[0], [1, 2], [0, 1, 2]], ids=str)
def test_lost_parts_are_made_again_byte_for_byte(
    lost: list[int], movie: Path, folder: Path
) -> None:
    before = _tables(folder)
    parts = {p: p.read_bytes() for p in sorted((folder / "parts").iterdir())}
    for number in lost:
        rows, arrays = part_paths(folder, number)
        (rows if number % 2 else arrays).unlink()
    (folder / "faces.csv").unlink()
    (folder / "tracks.npz").unlink()
    watch = _Watch()
    _walk(movie, folder, watch=watch)
    wanted = sum(PARTS[n][1] - PARTS[n][0] for n in lost)
    assert (watch.total, watch.frames) == (wanted, wanted)
    assert _tables(folder) == before
    assert {p: p.read_bytes() for p in sorted((folder / "parts").iterdir())} == parts


def test_a_model_that_raises_keeps_the_finished_parts(
    movie: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    calls = 0

    def broken(self: puppet.Detector, images: list[Any]) -> list[Any]:
        nonlocal calls
        calls += 1
        if calls > 30:
            raise RuntimeError("out of memory")
        return sound(self, images)

    sound = puppet.Detector.detect
    with monkeypatch.context() as patch:
        patch.setattr(puppet.Detector, "detect", broken)
        with pytest.raises(RuntimeError, match="out of memory"):
            _walk(movie, folder)
    assert [has_part(folder, n) for n in range(3)] == [True, False, False]
    assert not (folder / "faces.csv").exists()
    watch = _Watch()
    _walk(movie, folder, watch=watch)
    assert watch.total == PARTS[2][1] - PARTS[1][0]
    assert _tables(folder) == _tables(whole)


def test_ctrl_c_keeps_the_finished_parts(movie: Path, whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        _walk(movie, folder, watch=_Watch(stop_after=110))
    assert [has_part(folder, n) for n in range(3)] == [True, True, False]
    _walk(movie, folder)
    assert _tables(folder) == _tables(whole)


def test_a_full_disk_is_told_and_leaves_no_pieces(
    movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"

    def full(number: int) -> None:
        if has_part(folder, 0):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match=r"No space left on device.*free some space"):
            _walk(movie, folder)
    assert [has_part(folder, n) for n in range(3)] == [True, False, False]
    assert not [p for p in folder.rglob("*") if "tmp" in p.name]
    _walk(movie, folder)
    assert len(faces_csv.read_faces(folder / "faces.csv")) > 0


def test_a_walk_is_merged_only_with_both_tables_of_this_walk(movie: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    plan = walker.prepare_walk(movie, folder, SETTINGS)
    assert merged_tracks(folder, plan) is None
    walker.walk_movie(movie, folder, plan, 1, puppet.silent)
    assert merged_tracks(folder, plan) is not None
    assert merged_tracks(folder, replace(plan, settings=replace(SETTINGS, every=2))) is None
    (folder / "faces.csv").rename(folder / "kept.csv")
    assert merged_tracks(folder, plan) is None
    (folder / "kept.csv").rename(folder / "faces.csv")
    (folder / "tracks.npz").write_bytes(b"torn")
    assert merged_tracks(folder, plan) is None


def test_a_long_walk_says_once_how_long_it_will_take(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = iter([100.0, 102.0, 106.0, 107.0])
    monkeypatch.setattr("pipeline.walk.walker.time.monotonic", lambda: next(clock))
    heard: list[tuple[int, int]] = []
    estimate = walker._Estimate(Path("movie.mkv"), 10_000, lambda *news: heard.append(news))
    with caplog.at_level(logging.INFO, "pipeline"):
        for news in ((0, 0), (100, 3), (50, 1), (50, 0)):
            estimate(*news)
    assert heard == [(0, 0), (100, 3), (50, 1), (50, 0)]
    # 150 frames took 6 s, and 9,850 are left.
    (message,) = [r.getMessage() for r in caplog.records]
    rest = "you can stop with Ctrl-C and continue with the same command"
    assert message == f"movie.mkv: about 7 min left; {rest}"


def test_a_short_walk_is_not_estimated(
    filmed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(walker, "TRIAL_SECONDS", 0.0)
    watch = _Watch()
    with caplog.at_level(logging.INFO, "pipeline"):
        _walk(filmed, tmp_path / "out", watch=watch)
    assert "about" not in caplog.text
    assert watch.frames == 122


# --- another walk -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"every": 2}, "--every was 1, now 2", id="every"),
        pytest.param({"detect_every": 5}, "--detect-every was 3, now 5", id="detect every"),
        pytest.param({"width": 320}, "--width was 640, now 320", id="width"),
        pytest.param({"start": 1.5}, "--start was 0.0, now 1.5", id="start"),
        pytest.param({"end": 9.0}, "--end was unset, now 9.0", id="end"),
        pytest.param({"align": True}, "--align was False, now True", id="align"),
        pytest.param({"every": 2, "width": 320}, "--every was 1, now 2; --width", id="two"),
    ],
)
def test_other_settings_are_refused_with_what_differs_and_what_to_type(
    changes: dict[str, Any], words: str, movie: Path, folder: Path
) -> None:
    before = _tables(folder)
    with pytest.raises(TableError) as told:
        walker.prepare_walk(movie, folder, replace(SETTINGS, **changes))
    for part in (str(folder), words, f"mine-video pick {folder}", "--rewalk", "--output"):
        assert part in str(told.value)
    assert _tables(folder) == before


@pytest.mark.parametrize("lost", [[], [2]], ids=["whole", "unfinished"])
def test_parts_of_two_rules_are_not_mixed(
    lost: list[int], movie: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = _tables(folder)
    path = folder / "walk.json"
    facts = json.loads(path.read_text())
    assert facts.pop("cuts") == walker.PART_RULES
    path.write_text(json.dumps(facts), encoding="utf-8")  # As an earlier version left it.
    for number in lost:
        part_paths(folder, number)[0].unlink()
        (folder / "tracks.npz").unlink()
    walk = walker.prepare_walk(movie, folder, SETTINGS)
    assert [has_part(folder, n) for n in range(3)] == [not lost] * 3
    assert walk.cuts == manifests.read(folder).cuts
    assert ("begun by an earlier version, by other rules" in caplog.text) == bool(lost)
    _walk(movie, folder)
    assert _tables(folder) == before
    assert manifests.read(folder).cuts == (walker.PART_RULES if lost else "1")


def test_a_walk_stays_whose_network_today_s_only_rounds(
    movie: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, models = _tables(folder), manifests.read(folder).models
    kind, file, _ = models["recognizer"].split()
    today = models | {"recognizer": f"{kind} rounded 1"}
    monkeypatch.setattr(walker, "identities", lambda _: today)
    with pytest.raises(TableError, match="the recognizer network is a different one"):
        walker.prepare_walk(movie, folder, SETTINGS)
    monkeypatch.setattr(registry, "SFACE_UNROUNDED", f"{kind} {file}")
    assert walker.prepare_walk(movie, folder, SETTINGS).models == models
    _walk(movie, folder)
    assert _tables(folder) == before
    monkeypatch.setattr(walker, "PART_RULES", "later")
    (folder / "tracks.npz").unlink()
    part_paths(folder, 1)[0].unlink()
    assert walker.prepare_walk(movie, folder, SETTINGS).models == today


def test_a_changed_movie_is_told(movie: Path, folder: Path) -> None:
    film(movie, MOVIE[:1], SLOW)
    with pytest.raises(TableError, match="the movie has changed"):
        walker.prepare_walk(movie, folder, SETTINGS)


def test_another_network_is_told(
    movie: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Entry("tests.support.puppet", "Other", str(puppet.WEIGHTS))
    monkeypatch.setitem(registry.EMOTION_MODELS, "puppet", other)
    with pytest.raises(TableError, match="another walk: the emotion network is a different one"):
        walker.prepare_walk(movie, folder, SETTINGS)


def test_a_moved_movie_is_the_same_movie(movie: Path, folder: Path) -> None:
    first = manifests.read(folder)
    moved = movie.rename(movie.with_name("elsewhere.mkv"))
    assert walker.prepare_walk(moved, folder, SETTINGS).fingerprint == first.fingerprint


def test_rewalk_replaces_the_walk_and_nothing_else(
    movie: Path, folder: Path, tmp_path: Path
) -> None:
    for name in ("notes.txt", "anna/happy/mine.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("kept")
    other = replace(SETTINGS, every=2)
    _walk(movie, folder, other, rewalk=True)
    assert manifests.read(folder).settings == other
    assert (faces_csv.read_faces(folder / "faces.csv")["frame"] % 2 == 0).all()
    for name in ("notes.txt", "anna/happy/mine.jpg"):
        assert (folder / name).read_text() == "kept"
    _walk(movie, tmp_path / "fresh", other)
    assert _tables(folder) == _tables(tmp_path / "fresh")
