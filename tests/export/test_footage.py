"""Tests of frame rates, and of stretches joined to films: pictures, times, sound."""

import shutil
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline.export.footage import Footage, footage, frame_rate
from pipeline.movie import scan, stream
from pipeline.movie.encode import write_mp4
from tests.support.movies import spoil, turn, write_movie
from tests.support.reels import Voice, flashing, heard, nearest, onsets, shown, write_reel

NTSC = Fraction(1000, 1001)
RATES = [24 * NTSC, Fraction(24), Fraction(25), 30 * NTSC, Fraction(60)]
VARIABLE = (np.cumsum([0, 4, 5, 3, 8, 1, 9, 3, 8, 4, 1, 14, 4, 6, 1, 9]) / 100).tolist()


def _filmed(path: Path) -> Footage:
    return footage(path, scan.scan_movie(path))


def test_a_movie_is_where_other_programs_look(tmp_path: Path) -> None:
    """Behind a link, `..` is another folder."""
    (tmp_path / "work").mkdir()
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    near = write_reel(tmp_path / "a.mkv", flashing(4, []))
    shutil.copy(near, tmp_path / "far" / "a.mkv")
    assert _filmed(tmp_path / "work" / ".." / "a.mkv").place == near
    linked = tmp_path / "link" / ".." / "a.mkv"
    near.write_bytes(b"another")
    assert _filmed(linked).place == linked


@pytest.mark.parametrize("ending", ["mkv", "mp4", "mov"])
@pytest.mark.parametrize("rate", [*RATES, Fraction(15), Fraction(25, 2)], ids=str)
def test_a_constant_rate_is_found_exactly(tmp_path: Path, rate: Fraction, ending: str) -> None:
    path = write_reel(tmp_path / f"a.{ending}", flashing(30, []), rate=rate)

    found = frame_rate(scan.scan_movie(path))

    assert (found.value, found.constant) == (rate, True)


def test_24_and_its_ntsc_rate_are_distinguished_in_a_long_movie() -> None:
    facts = stream.Stream("h264", 64, 48, 24.0, (1, 1000), 0, 0, counted=False, hdr="")
    for rate in (Fraction(24), 24 * NTSC):
        pts = np.round(np.arange(100_000) * 1000 / float(rate)).astype(np.int64)
        found = frame_rate(scan.Scan(facts, pts, np.zeros((1, 2), np.int64)))
        assert (found.value, found.constant) == (rate, True)


def test_a_variable_rate_has_a_nominal_one(tmp_path: Path) -> None:
    path = write_reel(tmp_path / "a.mkv", flashing(16, []), times=VARIABLE)

    found = frame_rate(scan.scan_movie(path))

    assert (found.value, found.constant) == (Fraction(25), False)


def test_one_frame(tmp_path: Path) -> None:
    film = _filmed(write_reel(tmp_path / "a.mkv", flashing(1, [])))

    assert film.rate.constant
    assert [s.lasts for s in film.pictures([(0, 1)], lambda f: f.image)] == [1]


@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_stretches_join_frame_by_frame(tmp_path: Path, rate: Fraction, ending: str) -> None:
    pictures = flashing(90, [])
    film = _filmed(write_reel(tmp_path / f"a.{ending}", pictures, rate=rate))
    spans = [(70, 81), (5, 6), (40, 60)]

    write_mp4(tmp_path / "cut.mp4", film.pictures(spans, lambda f: f.image), film.base)

    found, times = shown(tmp_path / "cut.mp4")
    wanted = [i for first, stop in spans for i in range(first, stop)]
    assert [nearest(picture, pictures) for picture in found] == wanted
    assert times == pytest.approx([i / float(rate) for i in range(len(wanted))], abs=1e-4)


def test_a_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    film = _filmed(write_reel(tmp_path / "a.mkv", flashing(16, []), times=VARIABLE))

    write_mp4(tmp_path / "a.mp4", film.pictures([(3, 7), (10, 13)], lambda f: f.image), film.base)

    _, times = shown(tmp_path / "a.mp4")
    first = [VARIABLE[i] - VARIABLE[3] for i in range(3, 7)]
    second = [VARIABLE[7] - VARIABLE[3] + VARIABLE[i] - VARIABLE[10] for i in range(10, 13)]
    assert times == pytest.approx([*first, *second], abs=0.001)


VOICES = [
    ("a.mkv", 25, Voice([])),
    ("a.mp4", 24 * NTSC, Voice([], rate=44_100)),
    ("a.mov", 30 * NTSC, Voice([], layout="mono")),
    ("a.mkv", 60, Voice([], begin=0.3, codec="aac")),
]


@pytest.mark.e2e
@pytest.mark.parametrize(("name", "rate", "voice"), VOICES)
def test_sound_stays_with_its_picture_over_many_joins(
    tmp_path: Path, name: str, rate: Fraction, voice: Voice
) -> None:
    flashes = [round(1.0 * rate), round(2.0 * rate)]
    beeps = [float(flash / Fraction(rate)) for flash in flashes]
    heard_ = Voice(beeps, voice.begin, voice.rate, voice.codec, voice.layout)
    film = _filmed(
        write_reel(tmp_path / name, flashing(round(3 * rate), flashes), [heard_], rate=rate)
    )
    spans = [(flash - before, flash + 9) for before in (7, 3, 8) for flash in flashes] * 5

    pictures_ = film.pictures(spans, lambda f: f.image)
    write_mp4(tmp_path / "cut.mp4", pictures_, film.base, film.sound(spans))

    pictures, times = shown(tmp_path / "cut.mp4")
    lit = [time for picture, time in zip(pictures, times, strict=True) if picture.mean() > 200]
    assert len(lit) == len(spans)
    assert onsets(*heard(tmp_path / "cut.mp4")) == pytest.approx(lit, abs=0.005)


def test_frames_that_do_not_decode_are_bridged(tmp_path: Path) -> None:
    path = write_movie(tmp_path / "a.mp4", flashing(100, []), codec="libx264", gop=10)
    film = _filmed(spoil(path, 0.5, 0.6))

    frames = list(film.pictures([(0, len(film.scan))], lambda f: f.image))

    assert len(frames) < len(film.scan)
    assert sum(frame.lasts for frame in frames) == len(film.scan)
    assert all(a.tick + a.lasts == b.tick for a, b in pairwise(frames))


def test_a_turned_movie_is_upright(tmp_path: Path) -> None:
    path = turn(write_movie(tmp_path / "a.mp4", flashing(5, []), codec="libx264"), 90)
    film = _filmed(path)

    write_mp4(tmp_path / "b.mp4", film.pictures([(0, 5)], lambda f: f.image), film.base)

    assert shown(tmp_path / "b.mp4")[0][0].shape == (64, 48, 3)
