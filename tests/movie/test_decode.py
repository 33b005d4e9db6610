"""Movies of every kind, decoded from any frame."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import MovieError
from pipeline.faces import Image
from pipeline.movie import decode, stream
from pipeline.movie.frame import YuvFrame, shrink
from pipeline.movie.scan import Scan, scan_movie
from tests.support import movies
from tests.support.examples import examples

ROOT = Path(__file__).parents[2]
OPEN = {**movies.H264, "x264-params": movies.H264["x264-params"] + ":open-gop=1"}
REFRESHED = {"preset": "veryfast", "x264-params": "intra-refresh=1:threads=1:scenecut=0"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}
EXACT: dict[str, Any] = {"codec": "libx264rgb", "options": movies.LOSSLESS}
H264: dict[str, Any] = {"codec": "libx264", "options": movies.H264}

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "ffv1 in mkv": ("a.mkv", {}),
    "h264 with b-frames in mp4": ("a.mp4", H264),
    "h264 with b-frames in mkv": ("a.mkv", H264),
    "h264 with b-frames in ts": ("a.ts", H264),
    "h264 with b-frames in flv": ("a.flv", H264),
    "h264 with b-frames in avi": ("a.avi", H264),
    "h264, raw": ("a.h264", H264),
    "h264, open groups, in mp4": ("a.mp4", {"codec": "libx264", "options": OPEN}),
    "h264, open groups, in ts": ("a.ts", {"codec": "libx264", "options": OPEN}),
    "h264, fragmented": (
        "a.mp4",
        {"codec": "libx264", "options": OPEN, "container_options": FRAGMENTED},
    ),
    "h264, no key frames but the first": ("a.mp4", {"codec": "libx264", "options": REFRESHED}),
    "h264, varying rate": ("a.mp4", {**H264, "times": [i * i / 50 for i in range(40)]}),
    "mpeg2 in mpg": ("a.mpg", {"codec": "mpeg2video", "max_b_frames": 2}),
    "mpeg2 in ts": ("a.ts", {"codec": "mpeg2video", "max_b_frames": 2}),
    "mpeg4 in avi": ("a.avi", {"codec": "mpeg4", "max_b_frames": 2}),
    "mjpeg, raw": ("a.mjpeg", {"codec": "mjpeg"}),
    "vp9 in webm": ("a.webm", {"codec": "libvpx-vp9", "options": {"deadline": "realtime"}}),
}


@dataclass(frozen=True, eq=False)
class Known:
    """A movie of 40 frames, and all frames as decoded from the beginning."""

    path: Path
    scan: Scan
    images: list[Image]


@pytest.fixture(scope="module", params=KINDS.values(), ids=list(KINDS))
def movie(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Known:
    name, options = request.param
    path = tmp_path_factory.mktemp("kinds") / name
    movies.write_movie(path, movies.noise(40), **options)
    scan = scan_movie(path)
    return Known(path, scan, [f.image for f in decode.decode_frames(path, scan, 0, len(scan))])


def picture_of(path: Path) -> Image:
    """The first frame."""
    return next(decode.decode_frames(path, scan_movie(path), 0, 1)).image


def moments(path: Path) -> list[float]:
    return scan_movie(path).times.tolist()


# --- frames and times ---------------------------------------------------------------------------


def test_every_frame_is_scanned_and_decoded(movie: Known) -> None:
    assert len(movie.scan) == len(movie.images) == 40
    assert all(image.shape == (16, 32, 3) for image in movie.images)
    assert all(image.flags.c_contiguous for image in movie.images)
    assert (np.diff(movie.scan.times) > 0).all()


@settings(max_examples=examples(12))
@given(ends=st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted))
def test_any_range_gives_the_pictures_of_a_full_decode(movie: Known, ends: list[int]) -> None:
    start, stop = ends
    frames = list(decode.decode_frames(movie.path, movie.scan, start, stop))
    assert [f.index for f in frames] == list(range(start, stop))
    assert [f.time for f in frames] == movie.scan.times[start:stop].tolist()
    for frame in frames:
        assert np.array_equal(frame.image, movie.images[frame.index])


def test_threads_convert_at_once(tmp_path: Path) -> None:
    """Frames of two sizes, converted by turns in eight threads."""
    sizes = {"small.mkv": (160, 96), "large.mkv": (640, 368)}
    frames = []
    for name, (width, height) in sizes.items():
        movies.write_movie(tmp_path / name, movies.noise(20, width=width, height=height), **H264)
        scan = scan_movie(tmp_path / name)
        frames.append([*decode.decode_frames(tmp_path / name, scan, 0, 20)])
    mixed = [cast(YuvFrame, frame).convert for pair in zip(*frames, strict=True) for frame in pair]
    alone = [convert() for convert in mixed]
    with ThreadPoolExecutor(8) as pool:
        assert pool.submit(lambda: decode._OWN.converter).result() is not decode._OWN.converter
        together = [*pool.map(lambda convert: convert(), mixed * 20)]
    assert all(map(np.array_equal, alone * 20, together))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.flv", "a.avi"])
def test_decoding_begins_at_the_key_frame_itself(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed: list[int | None] = []
    path, own = tmp_path / name, stream.frames_in

    def counted(packet: "av.Packet[VideoStream]") -> list[VideoFrame] | None:
        fed.append(packet.pts)
        return own(packet)

    movies.write_movie(path, movies.noise(40), **H264)
    scan = scan_movie(path)
    monkeypatch.setattr(stream, "frames_in", counted)
    for key in scan.key_frames[1:].tolist():
        fed.clear()
        (frame,) = decode.decode_frames(path, scan, key, key + 1)
        assert frame.index == key
        assert fed[0] == scan.marks[key]


def test_the_last_frame_alone(movie: Known) -> None:
    (frame,) = decode.decode_frames(movie.path, movie.scan, 39, 99)
    assert np.array_equal(frame.image, movie.images[39])


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.mkv", {}), ("a.mp4", EXACT), ("a.mkv", EXACT), ("a.mov", EXACT), ("a.ts", EXACT)],
    ids=["ffv1", "mp4", "mkv", "mov", "ts"],
)
def test_frame_i_is_the_picture_that_was_written_ith(
    tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    pictures = movies.noise(30)
    path = movies.write_movie(tmp_path / name, pictures, **options)
    found = scan_movie(path)
    frames = list(decode.decode_frames(path, found, 0, 30))
    assert [f.index for f in frames] == list(range(30))
    assert all(np.array_equal(f.image, p) for f, p in zip(frames, pictures, strict=True))
    assert found.times == pytest.approx(np.arange(30) / 25, abs=1e-9)
    assert found.key_frames.tolist() == [0, 12, 24]
    assert found.stream.rate == 25


def test_frames_out_of_order_come_back_in_order(tmp_path: Path) -> None:
    pictures = movies.blocks(30)
    path = movies.write_movie(tmp_path / "a.mp4", pictures, **H264)
    for frame in decode.decode_frames(path, scan_movie(path), 0, 30):
        away = [np.abs(frame.image.astype(int) - p).mean() for p in pictures]
        assert int(np.argmin(away)) == frame.index


@settings(max_examples=examples(15))
@given(gaps=st.lists(st.integers(1, 3000), min_size=1, max_size=12))
def test_times_are_the_streams_own_with_a_varying_rate(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("varying")
    times = (np.cumsum([0, *gaps]) / 1000).tolist()
    pictures = movies.noise(len(times))
    for name, options in {"a.mkv": {}, "a.mp4": EXACT}.items():
        path = movies.write_movie(folder / name, pictures, times=times, **options)
        found = scan_movie(path)
        assert found.times == pytest.approx(times, abs=1e-9)
        assert found.warnings == ()
        frames = list(decode.decode_frames(path, found, 0, len(times)))
        assert all(np.array_equal(f.image, p) for f, p in zip(frames, pictures, strict=True))


@pytest.mark.parametrize(
    ("name", "sound", "first"),
    [("a.mp4", 0, 0), ("a.ts", 0, 0), ("a.mp4", 5, 3), ("a.ts", 5, 3), ("a.mkv", 5, 3)],
)
def test_time_zero_is_where_the_first_stream_begins(
    tmp_path: Path, name: str, sound: float, first: float
) -> None:
    times = [3.0, 3.04, 3.08]
    path = movies.write_movie(tmp_path / name, movies.noise(3), times=times, sound=sound, **EXACT)
    found = scan_movie(path).times
    assert found[0] == pytest.approx(first, abs=0.03)  # Less the sound's own delay.
    assert np.diff(found) == pytest.approx([0.04, 0.04], abs=1e-9)


@pytest.mark.parametrize("seconds", [0.04, 30.0])
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_movie_of_one_frame(tmp_path: Path, name: str, seconds: float) -> None:
    (picture,) = movies.noise(1)
    path = movies.write_movie(tmp_path / name, [picture], last=seconds, **EXACT)
    found = scan_movie(path)
    assert (len(found), found.warnings) == (1, ())
    (frame,) = decode.decode_frames(path, found, 0, 1)
    assert (frame.index, frame.time) == (0, 0.0)
    assert np.array_equal(frame.image, picture)


def test_frames_without_timestamps_are_counted(tmp_path: Path) -> None:
    path = movies.write_movie(tmp_path / "a.h264", movies.noise(30), **H264)
    found = scan_movie(path)
    assert found.stream.counted
    assert found.times == pytest.approx(np.arange(30) / 25)
    (warning,) = found.warnings
    assert "counted" in warning
    assert "25 frames per second" in warning


def test_what_an_edit_list_hides_is_not_shown_yet_used(tmp_path: Path) -> None:
    path = movies.write_movie(tmp_path / "a.mp4", movies.noise(40), **H264)
    whole = [f.image for f in decode.decode_frames(path, scan_movie(path), 0, 40)]
    movies.trim(path, 7 / 25)
    found = scan_movie(path)
    assert len(found) == 33
    assert found.times[0] == 0
    for start in (0, 3, 5, 20):
        frames = list(decode.decode_frames(path, found, start, 33))
        assert [f.index for f in frames] == list(range(start, 33))
        assert all(np.array_equal(f.image, whole[f.index + 7]) for f in frames)


def test_reading_leaves_the_movie_alone_and_gives_the_same_twice(tmp_path: Path) -> None:
    path = movies.write_movie(tmp_path / "a.mp4", movies.noise(20), **H264)
    before = hashlib.sha256(path.read_bytes()).digest()
    first, second = (list(decode.decode_frames(path, scan_movie(path), 3, 17)) for _ in range(2))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, second, strict=True))
    assert hashlib.sha256(path.read_bytes()).digest() == before


# --- pictures -----------------------------------------------------------------------------------


def marked() -> Image:
    """A wide picture whose corners are red, green, blue and white, clockwise from top left."""
    picture = np.zeros((32, 48, 3), np.uint8)
    picture[:8, :8], picture[:8, -8:] = (255, 0, 0), (0, 255, 0)
    picture[-8:, -8:], picture[-8:, :8] = (0, 0, 255), (255, 255, 255)
    return picture


ORIENTATIONS = {
    (1, 0, 0, 1): lambda image: image,
    (0, 1, -1, 0): lambda image: np.rot90(image, -1),
    (-1, 0, 0, -1): lambda image: np.rot90(image, 2),
    (0, -1, 1, 0): lambda image: np.rot90(image, 1),
    (-1, 0, 0, 1): np.fliplr,
    (1, 0, 0, -1): np.flipud,
    (0, 1, 1, 0): lambda image: np.swapaxes(image, 0, 1),
    (0, -1, -1, 0): lambda image: np.rot90(np.swapaxes(image, 0, 1), 2),
}
"""What players do with each display matrix `(a, b, c, d)`."""


@pytest.mark.parametrize("matrix", ORIENTATIONS, ids=str)
def test_the_picture_is_turned_as_players_show_it(
    tmp_path: Path, matrix: tuple[int, int, int, int]
) -> None:
    path = movies.write_movie(tmp_path / "a.mp4", [marked()] * 20, **EXACT)
    movies.turn(path, matrix)
    found = scan_movie(path)
    (frame,) = decode.decode_frames(path, found, 15, 16)
    assert np.array_equal(frame.image, ORIENTATIONS[matrix](marked()))
    assert frame.image.flags.c_contiguous
    assert (found.stream.height, found.stream.width) == frame.image.shape[:2]


def gradient() -> Image:
    """A smooth picture of many colours, which half-size chroma does not spoil."""
    coarse = movies.noise(1, width=3, height=2)[0]
    return np.asarray(cv2.resize(coarse, (96, 64), interpolation=cv2.INTER_LINEAR))


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "yuvj420p"])
@pytest.mark.parametrize(
    ("space", "spread"), [(None, None), (1, 1), (1, 2), (5, 1), (6, 2), (7, 1), (9, 1)], ids=str
)
def test_planes_show_what_ffmpeg_shows(
    tmp_path: Path, pixels: str, space: int | None, spread: int | None
) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as target:
        film = target.add_stream("mjpeg" if "j" in pixels else "ffv1", rate=25)
        assert isinstance(film, VideoStream)
        film.width, film.height, film.pix_fmt = 96, 64, pixels
        picture = VideoFrame.from_ndarray(gradient(), format="rgb24").reformat(format=pixels)
        for thing in (film.codec_context, picture):
            if space is not None and spread is not None:
                thing.colorspace, thing.color_range = space, spread
        target.mux([*film.encode(picture), *film.encode()])
    (frame,) = decode.decode_frames(path, scan_movie(path), 0, 1)
    assert isinstance(frame, YuvFrame)
    assert frame.luma.shape == frame.image.shape[:2] == (64, 96)
    away = frame.shrunk(48).astype(int) - shrink(frame.image, 48)
    assert np.abs(away).mean() < 2.5, frame.colours  # FFmpeg rounds; other colours give 5.


@pytest.mark.parametrize("matrix", ORIENTATIONS, ids=str)
def test_planes_are_turned_like_the_picture(
    tmp_path: Path, matrix: tuple[int, int, int, int]
) -> None:
    lossless = {"preset": "ultrafast", "qp": "0", "x264-params": "threads=1"}
    path = movies.write_movie(
        tmp_path / "a.mp4", [gradient()] * 3, codec="libx264", options=lossless
    )
    movies.turn(path, matrix)
    frame = next(decode.decode_frames(path, scan_movie(path), 0, 1))
    assert isinstance(frame, YuvFrame)
    assert all(plane.strides[1] == 1 for plane in frame.planes)  # A row in one piece.
    assert np.abs(frame.shrunk(32).astype(int) - shrink(frame.image, 32)).mean() < 3


@pytest.mark.parametrize(
    ("aspect", "width"), [(Fraction(2), 96), (Fraction(1, 2), 24), (Fraction(4, 3), 64)], ids=str
)
@pytest.mark.parametrize("clockwise", [0, 90])
def test_pixels_become_square(tmp_path: Path, aspect: Fraction, width: int, clockwise: int) -> None:
    path = movies.write_movie(tmp_path / "a.mp4", [marked()] * 3, aspect=aspect, **EXACT)
    movies.turn(path, clockwise)
    image = np.rot90(picture_of(path), clockwise // 90)
    assert image.shape == (32, width, 3)
    assert tuple(image[2, 1]) == (255, 0, 0)
    assert tuple(image[-2, -2]) == (0, 0, 255)


@pytest.mark.parametrize("field", ["tff=1", "bff=1"])
def test_interlaced_frames_are_made_of_one_field(tmp_path: Path, field: str) -> None:
    combed = np.zeros((32, 48, 3), np.uint8)
    combed[::2], combed[1::2] = 200, 40
    options = {**movies.LOSSLESS, "x264-params": f"threads=1:{field}"}
    path = movies.write_movie(tmp_path / "a.mp4", [combed] * 3, codec="libx264rgb", options=options)
    assert np.unique(picture_of(path)).tolist() == [200]


def test_progressive_frames_keep_every_line(tmp_path: Path) -> None:
    combed = np.zeros((32, 48, 3), np.uint8)
    combed[::2], combed[1::2] = 200, 40
    path = movies.write_movie(tmp_path / "a.mp4", [combed] * 3, **EXACT)
    assert np.array_equal(picture_of(path), combed)


@pytest.mark.parametrize(
    ("transfer", "name", "white"),
    [(16, "PQ", 0.5807), (18, "HLG", 0.75)],
    ids=["PQ", "HLG"],
)
def test_hdr_is_said_and_tone_mapped(
    tmp_path: Path, transfer: int, name: str, white: float
) -> None:
    """`white` is the signal of 203 cd/m2, the reference white of ITU-R BT.2408, table 1."""
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)[..., None].repeat(3, axis=2)
    path = movies.write_movie(tmp_path / "a.mp4", [ramp] * 3, color_trc=transfer, **EXACT)
    found = scan_movie(path)
    assert found.stream.hdr == name
    assert name in "".join(found.warnings)
    curve = picture_of(path)[..., 0].ravel().astype(int)
    assert (np.diff(curve) >= 0).all()
    assert curve[0] == 0
    assert curve[round(white * 255)] == pytest.approx(255, abs=4)


def test_ordinary_colours_are_left_alone(tmp_path: Path) -> None:
    path = movies.write_movie(tmp_path / "a.mp4", [marked()] * 3, color_trc=1, **EXACT)
    assert scan_movie(path).stream.hdr == ""
    assert np.array_equal(picture_of(path), marked())


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_cover_art_is_not_taken_for_the_film(tmp_path: Path, name: str) -> None:
    (cover,) = movies.noise(1, width=64, height=64)
    path = movies.write_movie(tmp_path / name, [marked()] * 5, cover=cover, sound=1, **EXACT)
    found = scan_movie(path)
    assert (len(found), found.stream.width, found.stream.height) == (5, 48, 32)
    assert np.array_equal(picture_of(path), marked())


def test_frames_of_another_size_are_brought_to_the_first(tmp_path: Path) -> None:
    small = movies.write_movie(tmp_path / "a.h264", movies.noise(5), **H264)
    large = movies.write_movie(tmp_path / "b.h264", movies.noise(5, width=64, height=48), **H264)
    small.write_bytes(small.read_bytes() + large.read_bytes())
    frames = list(decode.decode_frames(small, scan_movie(small), 0, 10))
    assert [f.index for f in frames] == list(range(10))
    assert {f.image.shape for f in frames} == {(16, 32, 3)}


def bright(width: int, height: int, n: int = 5) -> list[Image]:
    return [np.full((height, width, 3), 250, np.uint8)] * n


@pytest.mark.parametrize(
    ("second", "aspect", "picture"),
    [
        ((64, 32), 1, (0, 64, 16, 48)),
        ((32, 64), 1, (16, 48, 0, 64)),
        ((128, 128), 1, (0, 64, 0, 64)),
        ((64, 64), 2, (0, 64, 16, 48)),
        ((64, 64), Fraction(1, 2), (16, 48, 0, 64)),
    ],
    ids=["wide", "high", "large", "wide pixels", "high pixels"],
)
@pytest.mark.parametrize("start", [0, 12])
def test_a_picture_that_changes_its_shape_is_fitted_in(
    tmp_path: Path,
    second: tuple[int, int],
    aspect: Fraction | int,
    picture: tuple[int, int, int, int],
    start: int,
) -> None:
    one = movies.write_movie(tmp_path / "1.ts", bright(64, 64, 12), **H264)
    times = [(12 + n) / 25 for n in range(12)]
    two = movies.write_movie(
        tmp_path / "2.ts", bright(*second, 12), aspect=aspect, times=times, **H264
    )
    path = movies.glue(tmp_path / "a.ts", one, two)
    found = scan_movie(path)
    frames = {f.index: f.image for f in decode.decode_frames(path, found, start, 24)}
    assert {image.shape for image in frames.values()} == {(64, 64, 3)}
    left, right, top, bottom = picture
    wanted = np.zeros((64, 64), bool)
    wanted[top:bottom, left:right] = True
    assert all((frames[n] > 200).all() for n in range(start, 12))
    assert all(np.array_equal(frames[n].min(axis=2) > 128, wanted) for n in range(12, 24))


def test_a_walk_of_an_earlier_version_goes_on_squeezing(tmp_path: Path) -> None:
    one = movies.write_movie(tmp_path / "1.ts", bright(64, 64, 12), **H264)
    times = [(12 + n) / 25 for n in range(12)]
    two = movies.write_movie(tmp_path / "2.ts", bright(64, 32, 12), times=times, **H264)
    path = movies.glue(tmp_path / "a.ts", one, two)
    found = scan_movie(path)
    facts = stream.stream_json(found.stream)
    for name in ("number", "mirrored", "stretch"):
        del facts[name]
    old = replace(found, stream=stream.stream_from_json(json.loads(json.dumps(facts))))
    assert all((f.image > 200).all() for f in decode.decode_frames(path, old, 0, 24))


# --- damage -------------------------------------------------------------------------------------

FAST_START: dict[str, Any] = {"container_options": {"movflags": "faststart"}}


@pytest.mark.parametrize(("name", "more"), [("a.mp4", FAST_START), ("a.mkv", {})])
def test_a_truncated_movie_gives_frames_up_to_the_break_and_says_where(
    tmp_path: Path, name: str, more: dict[str, Any]
) -> None:
    path = movies.write_movie(tmp_path / name, movies.noise(250), **H264, **more)
    whole = [f.image for f in decode.decode_frames(path, scan_movie(path), 0, 250)]
    movies.cut(path, 0.6)
    found = scan_movie(path)
    frames = list(decode.decode_frames(path, found, 0, len(found)))
    assert 120 < len(frames) <= len(found) < 180
    assert [f.index for f in frames] == list(range(len(frames)))
    assert all(np.array_equal(f.image, whole[f.index]) for f in frames[:-3])
    (warning,) = found.warnings
    assert f"breaks off at {found.times[-1]:.3f} s of 10 s" in warning


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mkv", {"sound": 5}),
        ("a.mp4", {"sound": 5, **H264}),
        ("a.mkv", {"times": [4 + i / 25 for i in range(30)], "sound": 5.2}),
        ("a.mkv", {"last": 20}),
        ("a.mp4", {"last": 20, **H264}),
        ("a.ts", {"sound": 5, **H264}),
    ],
    ids=["mkv, longer sound", "mp4, longer sound", "late start", "mkv, still", "mp4, still", "ts"],
)
def test_a_whole_movie_is_not_called_truncated(
    tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    path = movies.write_movie(tmp_path / name, movies.noise(30), **options)
    assert scan_movie(path).warnings == ()


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_damaged_stretch_costs_its_own_frames_only(tmp_path: Path, name: str) -> None:
    more: dict[str, Any] = FAST_START if name == "a.mp4" else {}
    path = movies.write_movie(tmp_path / name, movies.noise(96), **H264, **more)
    whole = [f.image for f in decode.decode_frames(path, scan_movie(path), 0, 96)]
    movies.spoil(path, 0.5, 0.6)
    found = scan_movie(path)
    frames = list(decode.decode_frames(path, found, 0, len(found)))
    times = {round(f.time * 25): f.image for f in frames}
    assert len(times) == len(frames) > 70
    assert all(np.array_equal(times[i], whole[i]) for i in range(36))
    assert all(np.array_equal(times[i], whole[i]) for i in range(84, 93))
    for start in range(0, len(found), 7):
        indices = [f.index for f in decode.decode_frames(path, found, start, start + 7)]
        assert indices == sorted({*indices} & {*range(start, start + 7)})


@pytest.fixture
def unreadable(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "movie.mp4"
    match request.param:
        case "text":
            path.write_text("This is not a movie, whatever its name says.\n" * 40)
        case "empty":
            path.touch()
        case "folder":
            path.mkdir()
        case "sound":
            movies.write_sound(path)
        case "song":
            movies.write_sound(path, cover=movies.noise(1, width=64, height=64)[0])
        case "no frames":
            movies.write_nothing(path)
        case "no index":
            movies.cut(movies.write_movie(path, movies.noise(50), **H264), 0.6)
        case "zeros":
            movies.write_movie(path, movies.noise(50), **H264, **FAST_START)
            movies.spoil(path, 0.3, 1)
            start = path.read_bytes().index(b"mdat") + 4
            path.write_bytes(path.read_bytes()[:start].ljust(path.stat().st_size, b"\0"))
    return path


@pytest.mark.parametrize(
    ("unreadable", "wanted"),
    [
        ("missing", "no such movie; check the path"),
        ("folder", "not a file; give a movie"),
        ("text", "check that it plays elsewhere"),
        ("empty", "check that it plays elsewhere"),
        ("no index", "copied whole"),
        ("sound", "no video stream; give a movie with pictures"),
        ("song", "no video stream; give a movie with pictures"),
        ("no frames", "no video stream; give a movie with pictures"),
        ("zeros", "none of its frames can be decoded; check that it plays elsewhere"),
    ],
    indirect=["unreadable"],
)
def test_what_is_no_movie_is_refused_in_words(unreadable: Path, wanted: str) -> None:
    with pytest.raises(MovieError, match=wanted) as caught:
        scan_movie(unreadable)
    assert str(caught.value).startswith(str(unreadable))


@pytest.mark.parametrize("name", ["me.jpg", "me.mp4"])
def test_a_picture_is_no_movie(tmp_path: Path, name: str) -> None:
    shutil.copy(ROOT / "known_faces" / "actor.jpg", tmp_path / name)
    with pytest.raises(MovieError, match="is a picture; give a movie"):
        scan_movie(tmp_path / name)


def test_a_movie_that_vanished_is_refused_when_decoded(tmp_path: Path) -> None:
    path = movies.write_movie(tmp_path / "a.mkv", movies.noise(3))
    found = scan_movie(path)
    path.unlink()
    with pytest.raises(MovieError, match="no such movie"):
        list(decode.decode_frames(path, found, 0, 3))


# --- identity and facts -------------------------------------------------------------------------


def test_the_fingerprint_knows_size_and_ends(tmp_path: Path) -> None:
    path, other = tmp_path / "a.bin", tmp_path / "b.bin"
    data = bytearray(3 * stream.ENDS_BYTES)
    path.write_bytes(data)
    assert stream.fingerprint(path)["size"] == len(data)
    for place in (0, stream.ENDS_BYTES - 1, len(data) - stream.ENDS_BYTES, len(data) - 1):
        changed = bytearray(data)
        changed[place] = 1
        other.write_bytes(changed)
        assert stream.fingerprint(other) != stream.fingerprint(path)
    other.write_bytes(data[:-1])
    assert stream.fingerprint(other) != stream.fingerprint(path)
    other.write_bytes(data)
    assert stream.fingerprint(other) == stream.fingerprint(path)


def test_the_fingerprint_of_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MovieError, match="check the path"):
        stream.fingerprint(tmp_path / "a.mp4")


def test_facts_survive_json(movie: Known) -> None:
    facts = json.loads(json.dumps(stream.stream_json(movie.scan.stream)))
    assert stream.stream_from_json(facts) == movie.scan.stream


@pytest.mark.parametrize("change", [{"foreign": 1}, {"codec": None}], ids=["more", "less"])
def test_foreign_facts_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = movies.write_movie(tmp_path / "a.mkv", movies.noise(1))
    facts = stream.stream_json(scan_movie(path).stream)
    changed = {k: v for k, v in (facts | change).items() if v is not None}
    with pytest.raises(TypeError):
        stream.stream_from_json(changed)


def test_a_stream_that_begins_midway_ends_the_packets() -> None:
    """PyAV looks its number up among those that it found at first."""

    class Stub:
        codec_context = None

    @dataclass
    class Packet:
        size = 1

    class Container:
        def demux(self, _: object) -> Iterator[Packet]:
            yield Packet()
            raise IndexError("list index out of range")

    packets = stream.packets_of(cast(Any, Container()), cast(Any, Stub()))
    assert cast(Any, list(packets)) == [Packet()]
