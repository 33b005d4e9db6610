"""Frames found from packets where these are the frames, and by decoding where not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipeline.movie import decode, index
from pipeline.movie.frame import Frame
from pipeline.movie.scan import Scan, scan_movie
from pipeline.movie.stream import frames_in
from tests.support import movies
from tests.support.avi import encoded, packed, write_avi
from tests.support.fields import write_fields

H264: dict[str, Any] = {"codec": "libx264", "options": movies.H264}
PICTURES = movies.blocks(60, width=64, height=96)
SMALL = movies.blocks(110)
MPEG2: dict[str, Any] = {"codec": "mpeg2video", "max_b_frames": 2, "qmin": 1, "qmax": 1}


def by_fields(path: Path) -> Path:
    return write_fields(path.with_suffix(".ts"), PICTURES)


def by_some_fields(path: Path) -> Path:
    return write_fields(path.with_suffix(".mkv"), PICTURES, whole=range(40))


def with_packed_frames(path: Path) -> Path:
    chunks = packed(encoded(PICTURES, "mpeg4", between=1))
    return write_avi(path.with_suffix(".avi"), b"XVID", (64, 96), chunks)


def in_avi(path: Path) -> Path:
    return movies.write_movie(path.with_suffix(".avi"), PICTURES, **H264)


def without_order(path: Path) -> Path:
    whole = movies.write_movie(path.with_suffix(".mp4"), PICTURES, **H264)
    return movies.copied(whole, path.with_suffix(".flv"), ordered=False)


def joined(path: Path) -> Path:
    return movies.glue(
        path.with_suffix(".ts"),
        movies.write_movie(path.parent / "1.ts", PICTURES[:30], **H264),
        movies.write_movie(path.parent / "2.ts", PICTURES[30:], **H264),
    )


def late_in_the_second(path: Path) -> Path:
    whole = movies.write_movie(path.parent / "whole.ts", PICTURES[30:], **H264)
    return movies.glue(
        path.with_suffix(".ts"),
        movies.write_movie(path.parent / "1.ts", PICTURES[:30], **H264),
        movies.copied(whole, path.parent / "late.ts", first=5),
    )


def negative(path: Path) -> Path:
    times = [n / 25 - 0.5 for n in range(60)]
    options = H264 | {"container_options": {"avoid_negative_ts": "disabled"}}
    return movies.write_movie(path.with_suffix(".mkv"), PICTURES, times=times, **options)


def in_packs(path: Path) -> Path:
    """Packets of the container begin within frames, so that seeking misses their beginning."""
    return movies.write_movie(path.with_suffix(".mpg"), PICTURES, **MPEG2)


def in_shared_packs(path: Path) -> Path:
    """Several frames lie in a packet of the container, of which only the first has a timestamp."""
    return movies.write_movie(path.with_suffix(".mpg"), SMALL, **MPEG2)


KINDS: dict[str, Callable[[Path], Path]] = {
    make.__name__.replace("_", " "): make
    for make in (
        by_fields, by_some_fields, with_packed_frames, in_avi, without_order, joined, negative,
        in_packs, in_shared_packs,
    )
}  # fmt: skip


def reading(path: Path) -> list[np.ndarray[Any, Any]]:
    """The frames that FFmpeg shows, one after the other."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


@pytest.fixture(params=KINDS.values(), ids=list(KINDS))
def movie(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made: Path = request.param(tmp_path / "a")
    return made


def away(frame: Frame, picture: np.ndarray[Any, Any]) -> float:
    """The mean difference of grey."""
    return float(np.abs(frame.levels[frame.luma].astype(int) - picture).mean())


def frames(path: Path, scan: Scan, start: int, stop: int) -> list[Any]:
    return list(decode.decode_frames(path, scan, start, stop))


def test_the_frames_are_those_that_ffmpeg_shows_in_that_order(movie: Path) -> None:
    scan, shown = scan_movie(movie), reading(movie)
    found = frames(movie, scan, 0, len(scan))
    assert len(scan) == len(found) == len(shown)
    assert (np.diff(scan.times) > 0).all()
    assert scan.times[0] == 0
    for frame, picture in zip(found, shown, strict=True):
        assert away(frame, picture) < 8  # Of interlaced frames one field is taken.


def test_a_part_gives_the_pictures_of_the_whole(movie: Path) -> None:
    scan = scan_movie(movie)
    whole = [frame.image for frame in frames(movie, scan, 0, len(scan))]
    for start in range(0, len(scan), 7):
        part = frames(movie, scan, start, start + 9)
        assert [frame.index for frame in part] == list(range(start, min(start + 9, len(scan))))
        assert all(np.array_equal(frame.image, whole[frame.index]) for frame in part)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.mov"])
def test_packets_are_enough_for_an_ordinary_movie(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = movies.write_movie(tmp_path / name, movies.noise(300), **H264)
    monkeypatch.setattr(index, "_all_frames", None)
    decoded: list[int] = []

    def counted(packet: Any) -> Any:
        decoded.append(packet.size)
        return frames_in(packet)

    monkeypatch.setattr(index, "frames_in", counted)
    assert len(scan_movie(path)) == 300
    assert len(decoded) < 2 * (index.PROBED + index.NEAR_KEY + index.BEYOND)


@pytest.mark.parametrize(
    "kind",
    ["by fields", "with packed frames", "in avi", "by some fields", "in packs", "in shared packs"],
)
def test_decoding_may_begin_at_key_frames_where_it_gives_the_same(
    tmp_path: Path, kind: str
) -> None:
    assert len(scan_movie(KINDS[kind](tmp_path / "a")).keys) > 2


def test_joined_recordings_follow_each_other_after_a_frame(tmp_path: Path) -> None:
    scan = scan_movie(joined(tmp_path / "a"))
    assert scan.times == pytest.approx(np.arange(60) / 25)
    assert list(scan.offsets) == pytest.approx([0, 1.2])


def test_a_second_recording_may_begin_between_key_frames(tmp_path: Path) -> None:
    """Decoders show some of its first pictures, made from the last of the other recording."""
    path = late_in_the_second(tmp_path / "a")
    scan, first, second = (
        scan_movie(path),
        reading(tmp_path / "1.ts"),
        reading(tmp_path / "whole.ts"),
    )
    found = frames(path, scan, 0, len(scan))
    assert 30 + 17 <= len(found) == len(scan) <= 30 + 25
    assert (np.diff(scan.times) > 0).all()
    pairs = [
        *zip(found[:28], first[:28], strict=True),
        *zip(found[-12:], second[-13:-1], strict=True),
    ]
    assert all(away(frame, picture) < 1 for frame, picture in pairs)


@pytest.mark.parametrize("claimed", [1000, 12_000])
def test_the_rate_is_that_of_the_frames_not_the_one_claimed(tmp_path: Path, claimed: int) -> None:
    path = movies.write_movie(tmp_path / "a.mkv", movies.noise(30))
    true, wrong = (b"\x23\xe3\x83\x84" + (10**9 // n).to_bytes(4) for n in (25, claimed))
    movies.swap(path, true, wrong)
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == pytest.approx(claimed, rel=0.01)
    assert scan_movie(path).stream.rate == 25


def test_a_rounded_rate_is_shown_as_it_is_meant(tmp_path: Path) -> None:
    path = movies.write_movie(tmp_path / "a.mkv", movies.noise(30), rate=24)
    assert scan_movie(path).stream.rate == 24
