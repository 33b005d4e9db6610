"""Sound, text tracks and timecodes of movies, by their timestamps."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import MovieError
from pipeline.movie import decode, sound, stream, subtitles
from pipeline.movie.scan import scan_movie
from pipeline.movie.sound import SOUND_RATE
from tests.support.movies import blocks, cut, glue, spoil, write_movie, write_sound
from tests.support.reels import Voice, flashing, onsets, write_reel, write_texts

CLOSE = 0.003
"""Seconds; codecs and container timestamps in milliseconds cause up to 1.4 ms."""


def _mono(path: Path, begin: float, seconds: float) -> sound.Samples:
    blocks_ = list(sound.read_sound(path, "mono", begin, round(seconds * SOUND_RATE)))
    return np.concatenate(blocks_, axis=1)[0]


@pytest.mark.parametrize(
    ("name", "voice"),
    [
        ("pcm.mkv", Voice([1.0, 2.5])),
        ("pcm.mov", Voice([1.0, 2.5], layout="mono")),
        ("aac.mp4", Voice([1.0, 2.5], rate=44_100)),
        ("late.mkv", Voice([1.0, 2.5], begin=0.7, codec="aac")),
        ("mp3.mkv", Voice([1.0, 2.5], codec="libmp3lame")),
        ("opus.mkv", Voice([1.0, 2.5], codec="libopus")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("begin", [0.0, 0.9, 2.4])
def test_sound_is_where_its_timestamps_say(
    tmp_path: Path, name: str, voice: Voice, begin: float
) -> None:
    path = write_reel(tmp_path / name, flashing(75, []), [voice])

    seconds = 0.6 if begin else 3.0

    found = _mono(path, begin, seconds)

    wanted = [beep - begin for beep in voice.beeps if begin <= beep < begin + seconds]
    assert onsets(found, SOUND_RATE) == pytest.approx(wanted, abs=CLOSE)


def test_sound_is_as_long_as_wanted_though_the_movie_is_not(tmp_path: Path) -> None:
    path = write_reel(tmp_path / "a.mkv", flashing(25, []), [Voice([0.5], begin=0.3)])

    found = _mono(path, -0.5, 4.0)

    assert len(found) == 4 * SOUND_RATE
    assert onsets(found, SOUND_RATE) == pytest.approx([1.0], abs=CLOSE)
    assert not found[2 * SOUND_RATE :].any()


def test_blocks_are_at_most_a_second(tmp_path: Path) -> None:
    path = write_reel(tmp_path / "a.mkv", flashing(25, []), [Voice([0.5])])

    sizes = [b.shape for b in sound.read_sound(path, "stereo", 0.0, 5 * SOUND_RATE)]

    assert all(channels == 2 and n <= SOUND_RATE for channels, n in sizes)


def test_the_default_track_is_heard(tmp_path: Path) -> None:
    path = write_reel(tmp_path / "a.mkv", flashing(50, []), [Voice([0.5]), Voice([1.5])])

    assert onsets(_mono(path, 0, 2), SOUND_RATE) == pytest.approx([1.5], abs=CLOSE)


def test_a_gap_in_the_sound_stays_a_gap(tmp_path: Path) -> None:
    path = write_reel(tmp_path / "a.mkv", flashing(100, []), [Voice([0.5, 3.5])])
    whole = path.read_bytes()
    spoil(path, 0.4, 0.6)
    assert path.read_bytes() != whole

    assert onsets(_mono(path, 0, 4), SOUND_RATE) == pytest.approx([0.5, 3.5], abs=CLOSE)


def test_sound_goes_on_after_broken_packets(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    spoil(write_reel(path, flashing(200, []), [Voice([0.5, 7.5])]), 0.45, 0.55)

    found = _mono(path, 0, 8)

    assert onsets(found, SOUND_RATE) == pytest.approx([0.5, 7.5], abs=CLOSE)
    assert onsets(_mono(path, 7.0, 1), SOUND_RATE) == pytest.approx([0.5], abs=CLOSE)


def test_sound_goes_on_where_time_begins_again(tmp_path: Path) -> None:
    """Two recordings in one file, with the same timestamps: a flash and a beep in each."""
    path = glue(
        tmp_path / "a.ts",
        write_reel(tmp_path / "1.ts", flashing(50, [25]), [Voice([1.0, 2.0], codec="aac")]),
        write_reel(tmp_path / "2.ts", flashing(50, [10]), [Voice([0.4, 2.0], codec="aac")]),
    )
    scan = scan_movie(path)
    frames = decode.decode_frames(path, scan, 0, len(scan))
    flashes = [frame.time for frame in frames if frame.image.min() > 200]
    assert flashes == pytest.approx([1.0, 2.4], abs=0.05)

    def heard(begin: float, seconds: float) -> list[float]:
        count = round(seconds * SOUND_RATE)
        parts = list(sound.read_sound(path, "mono", begin, count, scan))
        return [begin + beep for beep in onsets(np.concatenate(parts, axis=1)[0], SOUND_RATE)]

    # FFmpeg makes no difference between the end of one sound and the beginning of the next.
    assert heard(0.5, 1) == pytest.approx([flashes[0]], abs=0.05)
    assert heard(2.2, 0.6) == pytest.approx([flashes[1]], abs=0.05)


@pytest.mark.parametrize(
    ("layout", "wanted"), [("mono", "mono"), ("stereo", "stereo"), ("5.1", "stereo")]
)
def test_layouts(tmp_path: Path, layout: str, wanted: str) -> None:
    voice = Voice([0.5], layout=layout)

    assert sound.sound_layout(write_reel(tmp_path / "a.mkv", flashing(9, []), [voice])) == wanted


def test_a_movie_without_sound_has_none(tmp_path: Path) -> None:
    path = write_movie(tmp_path / "a.mkv", blocks(3))

    assert sound.sound_layout(path) == ""
    assert not _mono(path, 0, 1).any()


def test_sound_without_a_film_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MovieError, match="has no video stream"):
        sound.sound_layout(write_sound(tmp_path / "a.mp4"))


def test_a_cut_off_movie_is_silent_after_its_end(tmp_path: Path) -> None:
    path = cut(write_reel(tmp_path / "a.mkv", flashing(75, []), [Voice([0.2, 2.8])]), 0.5)

    assert onsets(_mono(path, 0, 3), SOUND_RATE) == pytest.approx([0.2], abs=CLOSE)


SRT = """1
00:00:00,500 --> 00:00:01,200
Hello <i>you</i>

2
00:00:02,000 --> 00:00:03,000
Who is there?

"""


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_the_text_track(tmp_path: Path, name: str) -> None:
    found = subtitles.text_track(write_texts(tmp_path / name, SRT))

    assert found is not None
    assert [pair[:2] for pair in found] == [pytest.approx((0.5, 1.2)), pytest.approx((2.0, 3.0))]
    assert "you" in found[0][2]
    assert found[1][2] == "Who is there?"


def test_no_text_track(tmp_path: Path) -> None:
    assert subtitles.text_track(write_movie(tmp_path / "a.mkv", blocks(3))) is None


@pytest.mark.parametrize("code", ["01:00:00:00", "10:20:30:12", ""])
def test_timecode(tmp_path: Path, code: str) -> None:
    path = write_reel(tmp_path / "a.mov", flashing(5, []), timecode=code)

    assert stream.timecode(path) == code
