"""Hostile movies through the whole walk: the right rows, or a helpful message, and nothing else.

A case is a movie and what it must give: the times and looks of its frames, as known from how it was
made, or the words of a `MiningError`. Around each, a watch for hangs and for files outside the
output folder.
"""

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import mine
from pipeline.disk import manifest as manifests
from pipeline.disk.manifest import Manifest
from pipeline.errors import MiningError, MovieError
from pipeline.faces import EMOTIONS, Image
from pipeline.movie import decode, index, scan, stream
from pipeline.movie.stream import frames_in
from pipeline.settings import Job
from pipeline.walk import walker
from tests.support import movies, puppet
from tests.support.avi import encoded, packed, unchanged, write_avi
from tests.support.examples import examples
from tests.support.fields import write_fields
from tests.support.movies import write_movie
from tests.support.puppet import HEIGHT, RATE, WIDTH, Shot, Square
from tests.support.walks import read_walk

PATIENCE = 120
"""Seconds after which a walk counts as hanging; each takes a fraction of one."""

EXACT = {"preset": "ultrafast", "qp": "0", "x264-params": "threads=1"}
YUV: dict[str, Any] = {"codec": "libx264", "options": EXACT}
"""H.264 in which puppets keep their colours exactly, although chroma has half the size."""

B_FRAMES: dict[str, Any] = {
    "codec": "libx264",
    "options": {**EXACT, "x264-params": "bframes=2:b-adapt=0:scenecut=0:threads=1"},
}
FAST_START = {"container_options": {"movflags": "faststart"}}
FRAGMENTS = {"container_options": {"movflags": "frag_keyframe+empty_moov"}}

LENGTH = 24
LOOKS: tuple[str, ...] = (*["happy"] * 8, *["gone"] * 4, *["sad"] * 12)
TIMES = tuple(n / RATE for n in range(LENGTH))
BOX = (60, 30, 84, 54)
"""The puppet of most movies here."""

PICTURES = tuple(
    puppet.pictures([Shot(LENGTH, [Square("anna", "happy 8, gone 4, sad", x=60, y=30)])])
)

MOVING = tuple(puppet.pictures([Shot(12, [Square("anna", "happy 8, sad", x=20, y=30, dx=2)])]))


@dataclass(frozen=True)
class Rows:
    """What a walk must find.

    Attributes:
        times: Seconds of every frame.
        looks: Looks of every frame, "gone" if there is no face.
        size: Width and height of the picture.
        box: The box of the face, or None if it differs between frames.
        blur: How far a box may be off if the picture was scaled.
        warning: Part of the warning, or "" if there is none.
    """

    times: Sequence[float] = TIMES
    looks: Sequence[str] = LOOKS
    size: tuple[int, int] = (WIDTH, HEIGHT)
    box: tuple[int, int, int, int] | None = BOX
    blur: float = 0
    warning: str = ""


@dataclass(frozen=True)
class Start:
    """What a walk of a damaged movie must find: everything up to the damage.

    Attributes:
        frames: At least this many of `LOOKS` and `TIMES`, in order, without error.
        less: Fewer than this many in all.
        warning: Part of the warning, or "" if the file has neither a length nor lost frames.
    """

    frames: int
    less: int = LENGTH + 1
    warning: str = ""


@dataclass(frozen=True)
class Refused:
    """Parts of the message beside the movie's path: what is wrong, and what to do."""

    wrong: str
    to_do: str


Wanted = Rows | Start | Refused
Make = Callable[[Path], Path]
Change = Callable[[list[bytes]], list[bytes]]
NO_FACES = ("gone",) * 3


# --- the movies ---------------------------------------------------------------------------------


def plain(name: str, **options: Any) -> Make:
    """A movie of `PICTURES` called `name`."""
    return lambda folder: write_movie(folder / name, PICTURES, **options)


def of(pictures: Sequence[Image], name: str = "a.mkv", **options: Any) -> Make:
    """A movie of other pictures."""
    return lambda folder: write_movie(folder / name, pictures, **options)


def renamed(make: Make, name: str) -> Make:
    """A movie under another name."""
    return lambda folder: make(folder).rename(folder / name)


def changed(make: Make, change: Callable[..., Path], *how: Any) -> Make:
    """A movie whose file a function has changed."""
    return lambda folder: change(make(folder), *how)


def content(name: str, data: bytes) -> Make:
    """A file that is not a movie."""

    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def still(name: str, suffix: str) -> Make:
    """A picture under any name."""
    data = cv2.imencode(suffix, np.ascontiguousarray(PICTURES[0][:, :, ::-1]))[1].tobytes()
    return content(name, data)


def special(name: str, kind: Callable[[Path], Any]) -> Make:
    """Something that is not a file."""

    def make(folder: Path) -> Path:
        kind(folder / name)
        return folder / name

    return make


def linked(make: Make) -> Make:
    """A symbolic link to a movie in another folder."""

    def link(folder: Path) -> Path:
        (folder / "far").mkdir()
        (folder / "link.mkv").symlink_to(make(folder / "far"))
        return folder / "link.mkv"

    return link


def glued(*names: str, second: float = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Make:
    """Movies joined as they are: `PICTURES`, then `OTHERS` from the time `second` on.

    Args:
        names: What they are called; the endings choose the container.
        second: The first time of the second movie.
        size: The size of its pictures.
    """

    def make(folder: Path) -> Path:
        options: dict[str, Any] = YUV if names[0].endswith(".ts") else MPEG2
        one = write_movie(folder / names[0], PICTURES, **options)
        other = [cv2.resize(picture, size) for picture in OTHERS]
        times = [second + t for t in TIMES] if second else None
        two = write_movie(folder / names[1], other, times=times, **options)
        return movies.glue(folder / f"glued{one.suffix}", one, two)

    return make


def avi(codec: str, *, between: int = 0, hold: int = 0, change: Change = list) -> Make:
    """`PICTURES` in an AVI chunk by chunk.

    Args:
        codec: FFmpeg's name of the encoder.
        between: Pictures that are stored after the one that follows them.
        hold: Empty chunks after the first eight, which hold the picture.
        change: What is done to the chunks.
    """
    options = EXACT if codec == "libx264" else {"qmin": "1", "qmax": "1"}

    def make(folder: Path) -> Path:
        chunks = change(encoded(PICTURES, codec, between=between, gop=6, **options))
        chunks[8:8] = [b""] * hold
        name = b"H264" if codec == "libx264" else b"XVID"
        return write_avi(folder / "a.avi", name, (WIDTH, HEIGHT), chunks)

    return make


def held(chunks: list[bytes]) -> list[bytes]:
    """Says ten times after the first eight pictures that nothing has changed."""
    return [*chunks[:8], *[unchanged()] * 10, *chunks[8:]]


def fields(name: str, folder: Path, **how: Any) -> Path:
    """`PICTURES` in H.264 by fields."""
    return write_fields(folder / name, PICTURES, **how)


def several(name: str, *makes: Make, default: int | None) -> Make:
    """Several films in one file, see `movies.tracks`."""
    return lambda folder: movies.tracks(
        folder / name, *(make(folder) for make in makes), default=default
    )


def copy(make: Make, name: str, **how: Any) -> Make:
    """The packets of a movie in another container, see `movies.copied`."""
    return lambda folder: movies.copied(make(folder), folder / name, **how)


def live_playlist(folder: Path) -> Path:
    """A playlist without an end, of which players wait for more forever."""
    write_movie(folder / "piece.ts", PICTURES, **YUV)
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"
    (folder / "live.m3u8").write_text(f"{head}#EXTINF:1,\npiece.ts\n")
    return folder / "live.m3u8"


def joined(folder: Path) -> Path:
    """A list of files with the name of a movie."""
    write_movie(folder / "piece.mkv", PICTURES)
    (folder / "list.mp4").write_text("ffconcat version 1.0\nfile piece.mkv\n")
    return folder / "list.mp4"


def titled(folder: Path) -> Path:
    """A movie whose title is Latin-1, as old programs wrote it."""
    path = write_movie(folder / "a.avi", PICTURES, codec="ffv1", title="caf_ au lait")
    return movies.swap(path, b"caf_", b"caf\xe9")


def unix_socket(path: Path) -> None:
    """A socket, bound by its short name."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


def bomb(folder: Path) -> Path:
    """A GIF of a few bytes whose frames would take a gigabyte each."""
    path = movies.write_gif(folder / "bomb.gif", PICTURES[:3])
    data = path.read_bytes()
    path.write_bytes(data[:6] + (16_000).to_bytes(2, "little") * 2 + data[10:])
    return path


def wide(width: int, height: int, box: tuple[int, int, int, int]) -> list[Image]:
    image = np.zeros((height, width, 3), np.uint8)
    puppet.paint(image, "anna", "happy", box)
    return [image] * 3


def scaled(factor: int) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = BOX
    return x1 * factor, y1, x2 * factor, y2


SEEN = ("happy",) * 3
SOON = TIMES[:3]
MINUTES = [*TIMES[:8], *(300 + t for t in TIMES[:4]), *(900 + t for t in TIMES[:12])]
UNEVEN = [0.0, 0.01, 0.05, 0.5, *(0.6 + n * n / 100 for n in range(20))]
OTHER_LOOKS: tuple[str, ...] = (*["angry"] * 14, *["gone"] * 2, *["surprise"] * 8)
OTHERS = tuple(
    puppet.pictures([Shot(LENGTH, [Square("anna", "angry 14, gone 2, surprise", x=60, y=30)])])
)
BOTH = Rows([n / RATE for n in range(2 * LENGTH)], (*LOOKS, *OTHER_LOOKS))
"""What two movies in one file give: `PICTURES`, then `OTHERS`."""

THUMBNAIL = (np.zeros((256, 320, 3), np.uint8),)
SMALL = [cv2.resize(picture, (80, 64)) for picture in OTHERS]
TWO_STREAMS = "has 2 video streams"
MPEG2: dict[str, Any] = {"codec": "mpeg2video", "qmin": 1, "qmax": 1, "max_b_frames": 2}
AFTER_TEN = [*TIMES[:8], *(t + 0.4 for t in TIMES[8:])]
MIDWAY = Rows(TIMES[:12], LOOKS[12:])
"""What is left of `PICTURES` from the key frame in the middle on."""

YEARS = [*TIMES[:8], 60.0, 3600.0, 1e6, 3e9]
MP4 = plain("a.mp4", **B_FRAMES, **FAST_START)
WEBM = {"codec": "libvpx-vp9", "options": {"lossless": "1", "deadline": "realtime"}}
BROKEN = "check that it plays elsewhere and was copied whole"
PICTURE = Refused("is a picture", "give a movie")
NO_FILE = Refused("not a file", "give a movie, not a folder, pipe or device")
COUNTED = "frames are counted by decoding"
LONG = 251 * "x"

CASES: dict[str, tuple[Make, Wanted]] = {
    # Containers and codecs.
    "mp4": (plain("a.mp4", **B_FRAMES), Rows()),
    "mkv": (plain("a.mkv"), Rows()),
    "webm, vp9": (plain("a.webm", **WEBM), Rows()),
    "avi, mpeg4": (plain("a.avi", codec="mpeg4", options={"q": "1"}, qmin=1, qmax=1), Rows()),
    "avi, h264": (
        plain("a.avi", codec="libx264", options={**movies.H264, "crf": "8"}), Rows(blur=3),
    ),
    "ts": (plain("a.ts", **B_FRAMES), Rows()),
    "flv": (plain("a.flv", **B_FRAMES), Rows()),
    "gif": (
        lambda folder: movies.write_gif(folder / "a.gif", MOVING),
        Rows(TIMES[:12], [*["happy"] * 8, *["sad"] * 4], box=None),
    ),
    "gif of equal frames": (
        lambda folder: movies.write_gif(folder / "a.gif", PICTURES[:8]),
        Rows([0], ["happy"]),
    ),
    "fragmented mp4": (plain("a.mp4", **B_FRAMES, **FRAGMENTS), Rows()),
    "open group": (
        plain("a.mp4", codec="libx264", gop=6, options={
            **EXACT, "x264-params": "bframes=2:b-adapt=0:scenecut=0:threads=1:open-gop=1"}),
        Rows(),
    ),
    "one key frame": (plain("a.mp4", **B_FRAMES, gop=999), Rows()),
    "intra refresh": (
        plain("a.mp4", codec="libx264", options={
            "qp": "1", "x264-params": "intra-refresh=1:threads=1:scenecut=0"}),
        Rows(),
    ),
    "h264 without a container": (plain("a.h264", **B_FRAMES), Rows(warning=COUNTED)),
    # Times.
    "varying rate": (plain("a.mkv", times=UNEVEN), Rows(UNEVEN)),
    "gaps of minutes": (plain("a.mkv", times=MINUTES), Rows(MINUTES)),
    "gaps of years": (of(PICTURES[:12], times=YEARS), Rows(YEARS, LOOKS[:12])),
    "negative timestamps": (
        plain("a.mkv", times=[t - 0.2 for t in TIMES],
              container_options={"avoid_negative_ts": "disabled"}),
        Rows(),
    ),
    "very negative timestamps": (
        plain("a.mkv", times=[t - 0.5 for t in TIMES],
              container_options={"avoid_negative_ts": "disabled"}),
        Rows(),
    ),
    "negative timestamps in mp4": (
        plain("a.mp4", times=[t - 0.5 for t in TIMES], **YUV,
              container_options={"avoid_negative_ts": "disabled", "use_editlist": "0"}),
        Rows(),
    ),
    "repeating timestamps": (
        of(PICTURES[:6], times=[0, 0.04, 0.0401, 0.0402, 0.12, 0.16]),
        Rows([0, 0.04, 0.12, 0.16], (*SEEN, "happy")),
    ),
    "timestamps that begin again": (glued("a.ts", "b.ts"), BOTH),
    "timestamps that jump back": (glued("a.ts", "b.ts", second=-1.4), BOTH),
    "timestamps that jump ahead": (
        glued("a.ts", "b.ts", second=60), replace(BOTH, times=[*TIMES, *(60 + t for t in TIMES)])
    ),
    "timestamps that begin again, mpeg2": (glued("a.mpg", "b.mpg"), replace(BOTH, blur=2)),
    # Packets that are not frames, or not in the order of frames.
    **{
        f"fields in {name}": (partial(fields, name), Rows(blur=3)) for name in
        ("a.ts", "a.mkv", "a.mp4", "a.avi")
    },
    **{
        f"frames that share a packet of {name}": (plain(name, **MPEG2), Rows(blur=2))
        for name in ("a.mpg", "a.vob")
    },
    "key frames between packets": (plain("a.vob", **MPEG2, gop=4), Rows(blur=2)),
    "fields in raw h264": (partial(fields, "a.264"), Rows(blur=3, warning=COUNTED)),
    "both fields in a packet": (partial(fields, "a.mkv", together=True), Rows(blur=3)),
    "fields after whole frames": (partial(fields, "a.ts", whole=range(18)), Rows(blur=3)),
    "packed frames": (avi("mpeg4", between=1, change=packed), Rows(blur=2)),
    "packed frames in mkv": (
        copy(avi("mpeg4", between=1, change=packed), "a.mkv", ordered=False), Rows(blur=2)
    ),
    "avi, mpeg4 out of order": (avi("mpeg4", between=2), Rows(blur=2)),
    "avi, h264 out of order": (avi("libx264", between=2), Rows()),
    "avi, mpeg4 with empty chunks": (avi("mpeg4", hold=10), Rows(AFTER_TEN, blur=2)),
    "avi, h264 with empty chunks": (avi("libx264", hold=10), Rows(AFTER_TEN)),
    "avi that repeats pictures": (avi("mpeg4", change=held), Rows(AFTER_TEN, blur=2)),
    **{
        f"{name} without order": (copy(MP4, name, ordered=False), Rows())
        for name in ("a.flv", "a.mkv", "a.mp4", "a.ts")
    },
    **{
        f"{name} from the middle on": (copy(MP4, name, first=3), MIDWAY)
        for name in ("a.ts", "a.mkv", "a.flv")
    },
    "mpeg2 from the middle on": (
        copy(plain("b.ts", **MPEG2), "a.ts", first=3),
        replace(MIDWAY, blur=2),
    ),
    # Pictures.
    "size changes midway": (
        glued("a.ts", "b.ts", second=LENGTH / RATE, size=(80, 64)), replace(BOTH, blur=4)
    ),
    "turned by 90": (changed(MP4, movies.turn, 90), Rows(size=(128, 160), box=(74, 60, 98, 84))),
    "turned by 180": (changed(MP4, movies.turn, 180), Rows(box=(76, 74, 100, 98))),
    "turned by 270": (changed(MP4, movies.turn, 270), Rows(size=(128, 160), box=(30, 76, 54, 100))),
    **{
        f"mirrored as {matrix}": (
            changed(MP4, movies.turn, matrix), Rows(size=size, box=box)
        )
        for matrix, size, box in (
            ((-1, 0, 0, 1), (160, 128), (76, 30, 100, 54)),
            ((1, 0, 0, -1), (160, 128), (60, 74, 84, 98)),
            ((0, 1, 1, 0), (128, 160), (30, 60, 54, 84)),
            ((0, -1, -1, 0), (128, 160), (74, 76, 98, 100)),
        )
    },
    "shape changes midway": (
        glued("a.ts", "b.ts", second=LENGTH / RATE, size=(64, 128)),
        # 64 columns in the middle of 160: the face is less wide, and begins at 48 + 0.4 * 60.
        replace(BOTH, box=None),
    ),
    # Streams.
    "a thumbnail before the film": (
        several("b.mp4", of(THUMBNAIL, "1.mp4", **YUV), MP4, default=0), Rows()
    ),
    "a thumbnail in mkv": (
        several("a.mkv", of(THUMBNAIL, "1.mp4", **YUV), MP4, default=0), Rows()
    ),
    "the second is the default": (
        several("a.mkv", of(OTHERS, "1.mp4", **YUV), MP4, default=1), Rows(warning=TWO_STREAMS)
    ),
    "two programmes": (
        several("a.ts", of(SMALL, "1.mp4", **YUV), MP4, default=None), Rows(warning=TWO_STREAMS)
    ),
    "dolby vision": (
        changed(plain("a.mp4", **YUV), movies.dolby_vision, 5),
        Rows(warning="Dolby Vision profile 5"),
    ),
    "dolby vision in ts": (
        changed(plain("a.ts", **YUV), movies.dolby_vision_ts, 5),
        Rows(warning="Dolby Vision profile 5"),
    ),
    "dolby vision over hdr10 in ts": (
        changed(plain("a.ts", **YUV), movies.dolby_vision_ts, 8), Rows()
    ),
    "dolby vision over hdr10": (changed(plain("a.mp4", **YUV), movies.dolby_vision, 8), Rows()),
    "longer sound": (plain("a.mkv", sound=20), Rows()),
    "wide pixels": (
        plain("a.mp4", **YUV, aspect=2), Rows(size=(2 * WIDTH, HEIGHT), box=scaled(2), blur=2)
    ),
    "interlaced": (
        plain("a.mp4", codec="libx264", options={**EXACT, "x264-params": "threads=1:tff=1"}),
        Rows(blur=3),
    ),
    "ten bits": (plain("a.mp4", **YUV, pix_fmt="yuv420p10le"), Rows(blur=2)),
    "full range": (plain("a.mp4", **YUV, pix_fmt="yuvj420p"), Rows(blur=2)),
    "alpha": (plain("a.mov", codec="qtrle", pix_fmt="argb"), Rows()),
    "cover art": (
        plain("a.mp4", **YUV, cover=movies.noise(1, width=64, height=64)[0], sound=1), Rows()
    ),
    "one pixel": (
        of(movies.noise(3, width=1, height=1)), Rows(SOON, NO_FACES, (1, 1))
    ),
    "a line": (of(movies.noise(3, width=999, height=1)), Rows(SOON, NO_FACES, (999, 1))),
    "odd size": (
        of(wide(97, 61, (20, 10, 50, 40))), Rows(SOON, SEEN, (97, 61), (20, 10, 50, 40))
    ),
    "8192 wide": (
        of(wide(8192, 640, (2000, 100, 2500, 600))),
        Rows(SOON, SEEN, (8192, 640), (2000, 100, 2500, 600), blur=14),
    ),
    "8192 high": (
        of(wide(64, 8192, (10, 7000, 50, 7040))),
        Rows(SOON, SEEN, (64, 8192), (10, 7000, 50, 7040)),
    ),
    "a picture bomb": (bomb, Refused("16000 x 16000 pixels", "make it smaller")),
    "still png": (still("a.png", ".png"), PICTURE),
    "jpeg called mp4": (still("a.mp4", ".jpg"), PICTURE),
    "a pattern for a name": (still("a%03d.jpg", ".jpg"), PICTURE),
    # Damage.
    "truncated mp4, index first": (
        changed(MP4, movies.cut, 0.8),
        Start(4, LENGTH, warning="frames did not decode"),
    ),
    "truncated mp4, index last": (
        changed(plain("a.mp4", **B_FRAMES), movies.cut, 0.8),
        Refused("not a playable movie", BROKEN),
    ),
    "truncated mkv": (changed(plain("a.mkv"), movies.cut, 0.6), Start(10, LENGTH)),
    "truncated ts": (changed(plain("a.ts", **B_FRAMES), movies.cut, 0.7), Start(8, LENGTH)),
    "truncated avi": (
        changed(plain("a.avi", codec="ffv1"), movies.cut, 0.6),
        Start(8, LENGTH, warning="frames did not decode"),
    ),
    "truncated webm": (changed(plain("a.webm", **WEBM), movies.cut, 0.8), Start(6, LENGTH)),
    "truncated by seconds": (
        changed(of(PICTURES[:8] * 10, rate=10), movies.cut, 0.5),
        Start(0, 80, "breaks off at"),
    ),
    "zeros in the middle of mkv": (changed(plain("a.mkv", gop=4), movies.spoil, 0.5, 0.6),
                                   Start(8, LENGTH + 1)),
    "zeros in the middle of mp4": (changed(MP4, movies.spoil, 0.9, 0.95), Start(8, LENGTH + 1)),
    "zeros in the middle of ts": (
        changed(plain("a.ts", **B_FRAMES), movies.spoil, 0.6, 0.7), Start(8, LENGTH + 1)
    ),
    "nothing but zeros": (content("a.mp4", bytes(9999)), Refused("not a playable movie", BROKEN)),
    "empty": (content("a.mkv", b""), Refused("not a playable movie", BROKEN)),
    "no index in mkv": (plain("a.mkv", container_options={"live": "1"}), Rows()),
    "no index in avi": (changed(plain("a.avi", codec="ffv1"), movies.without_index), Rows()),
    "mp4 called avi": (renamed(MP4, "a.avi"), Rows()),
    "text called mp4": (content("a.mp4", b"no movie at all\n" * 99),
                        Refused("not a playable movie", BROKEN)),
    "unknown codec": (
        changed(MP4, movies.swap, b"avc1", b"zzzz"), Refused("FFmpeg cannot decode", "convert it")
    ),
    "a title in latin-1": (titled, Rows()),
    # Files that are not movies.
    "sound only": (
        lambda folder: movies.write_sound(folder / "a.mp4"),
        Refused("has no video stream", "give a movie with pictures"),
    ),
    "a song with its cover": (
        lambda folder: movies.write_sound(folder / "a.mp4", cover=PICTURES[0]),
        Refused("has no video stream", "give a movie with pictures"),
    ),
    "a playlist without end": (live_playlist, Refused("not a playable movie", "is no playlist")),
    "a list of movies": (joined, Refused("not a playable movie", "is no playlist")),
    "pipe": (special("a.mp4", os.mkfifo), NO_FILE),
    "folder": (special("a.mp4", Path.mkdir), NO_FILE),
    "device": (special("a.mp4", lambda path: path.symlink_to("/dev/zero")), NO_FILE),
    "socket": (special("a.mp4", unix_socket), NO_FILE),
    "nothing": (lambda folder: folder / "a.mp4", Refused("cannot be read", "check the path")),
    "a link in a circle": (
        special("a.mp4", lambda path: path.symlink_to(path)),
        Refused("cannot be read", "check the path"),
    ),
    # Names.
    **{
        f"called {name!r}" if len(name) < 30 else f"a name of {len(name)} bytes": (
            renamed(plain("plain.mkv"), name), Rows()
        )
        for name in (
            "映画 é 🎬.mkv", "e\u0301\u202egpj.mkv", f"{LONG}.mkv", 255 * "y", "-a.mkv", "--help",
            "two\nlines.mkv", "\"quotes' .mkv", "a,b;c.mkv", "=1+1.mkv", "...mkv", "..mkv", " .mkv",
            "CON.mkv", "nul", "aux.part.mkv", "a%d.mkv", "file:a.mkv", "~.mkv", "$HOME.mkv",
            "caf\udce9.mkv", "*?.mkv", "walk.json", ".lock",
        )
    },
    "a symbolic link": (linked(plain("a.mkv")), Rows()),
}  # fmt: skip


# --- the walk -----------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for movies, in which the program also runs; beside it known faces and the output."""
    puppet.plug_in(monkeypatch)
    puppet.photo(tmp_path / "known" / "anna.png", "anna")
    (tmp_path / "place").mkdir()
    monkeypatch.chdir(tmp_path / "place")
    return tmp_path / "place"


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(
        walk=replace(puppet.SETTINGS, detect_every=1),
        output=tmp_path / "output",
        known_faces=tmp_path / "known",
    )


def watched(do: Callable[[], Any]) -> Any:
    """Runs a function in a thread, which is abandoned if it hangs.

    Raises:
        BaseException: What it raised.
    """
    result: list[Any] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            result.append(do())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), f"hangs for {PATIENCE} s"
    if raised:
        raise raised[0]
    return result[0]


def tree(folder: Path, without: Path) -> dict[Path, str]:
    """Every file and folder below `folder` with a hash, except `without` and what is in it.

    The memory of the gallery's photos lies beside the photos, and is made by any walk.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        if without not in (path, *path.parents) and path.name != ".embeddings.npz":
            plain_file = path.is_file() and not path.is_symlink()
            data = path.read_bytes() if plain_file else b""
            found[path] = f"{path.lstat().st_mode:o} {hashlib.sha256(data).hexdigest()}"
    return found


def rows_of(folder: Path) -> tuple[Manifest, pd.DataFrame]:
    walk, (rows, tracks) = manifests.read(folder), read_walk(folder)
    assert set(rows["track"]) == set(tracks.track.tolist())
    return walk, rows


def check_rows(walk: Manifest, rows: pd.DataFrame, wanted: Rows) -> None:
    seen = [n for n, look in enumerate(wanted.looks) if look != "gone"]
    assert walk.scan.times.tolist() == pytest.approx(list(wanted.times), abs=6e-4)
    assert walk.scan.stream.size == wanted.size
    assert rows["frame"].tolist() == seen
    assert rows["time"].tolist() == pytest.approx([wanted.times[n] for n in seen], abs=6e-4)
    labels = rows[list(EMOTIONS)].to_numpy().argmax(axis=1)
    assert [EMOTIONS[label] for label in labels] == [wanted.looks[n] for n in seen]
    assert set(rows["person"]) <= {"anna"}
    if wanted.box is not None and len(rows):
        boxes = rows[["x1", "y1", "x2", "y2"]].to_numpy()
        assert np.abs(boxes - np.array(wanted.box)).max() <= wanted.blur


def check_start(walk: Manifest, rows: pd.DataFrame, wanted: Start) -> None:
    assert wanted.frames <= len(walk.scan) < wanted.less
    assert set(rows["frame"]) <= set(range(len(walk.scan)))
    first = rows[rows["frame"] < wanted.frames]
    seen = [n for n in range(wanted.frames) if LOOKS[n] != "gone"]
    assert first["frame"].tolist() == seen
    assert first["time"].tolist() == pytest.approx([TIMES[n] for n in seen], abs=6e-4)
    labels = first[list(EMOTIONS)].to_numpy().argmax(axis=1)
    assert [EMOTIONS[label] for label in labels] == [LOOKS[n] for n in seen]


@pytest.mark.parametrize(("make", "wanted"), CASES.values(), ids=[ascii(name) for name in CASES])
def test_a_hostile_movie(
    make: Make, wanted: Wanted, place: Path, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    movie = make(place)
    before = tree(place.parent, job.output)
    if isinstance(wanted, Refused):
        with pytest.raises(MovieError) as caught:
            watched(lambda: mine.walk(movie, job, puppet.silent))
        message = str(caught.value)
        assert message.startswith(f"{movie}: ")
        assert wanted.wrong in message
        assert wanted.to_do in message
    else:
        folder = watched(lambda: mine.walk(movie, job, puppet.silent))
        assert folder.parent == job.output
        walk, rows = rows_of(folder)
        if isinstance(wanted, Rows):
            check_rows(walk, rows, wanted)
        else:
            check_start(walk, rows, wanted)
        warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
        assert all(w.startswith(f"{movie}: ") for w in warnings)
        assert wanted.warning in "".join(warnings)
        assert bool(warnings) == bool(wanted.warning)
    assert tree(place.parent, job.output) == before


# --- what only root is spared -------------------------------------------------------------------


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file"
)
def test_a_movie_that_may_not_be_read(place: Path, job: Job) -> None:
    movie = plain("a.mkv")(place)
    movie.chmod(0)
    with pytest.raises(MovieError, match=r"a\.mkv: cannot be read \(Permission denied\)"):
        watched(lambda: mine.walk(movie, job, puppet.silent))
    assert not job.output.exists()


def test_a_file_that_is_no_movie_leaves_no_folder(place: Path, job: Job) -> None:
    """Otherwise a slip of the pen would stay in the lists of walked movies for ever."""
    for make in (content("a.mp4", b"no movie"), special("b.mp4", os.mkfifo)):
        movie = make(place)
        with pytest.raises(MovieError):
            watched(partial(mine.walk, movie, job, puppet.silent))
    assert not job.output.exists()


def test_a_file_that_is_no_movie_takes_nothing_away(place: Path, job: Job) -> None:
    mine.walk(plain("good.mkv")(place), job, puppet.silent)
    (job.output / "a").mkdir()
    (job.output / "a" / "mine.txt").touch()
    with pytest.raises(MovieError):
        mine.walk(content("a.mp4", b"no movie")(place), job, puppet.silent)
    assert {p.name for p in job.output.iterdir()} == {"a", "good"}
    assert (job.output / "a" / "mine.txt").exists()


# --- sizes that would fill the memory -----------------------------------------------------------


def test_frames_that_grow_too_large_midway_are_left_out(
    place: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        stream, "MOST_FRAME_PIXELS", 192 * HEIGHT
    )  # FFmpeg counts rows of 64 pixels.
    movie = glued("a.ts", "b.ts", second=LENGTH / RATE, size=(WIDTH, HEIGHT + 2))(place)
    _, rows = rows_of(watched(lambda: mine.walk(movie, job, puppet.silent)))
    assert rows["frame"].tolist() == [n for n in range(LENGTH) if LOOKS[n] != "gone"]


@pytest.mark.parametrize("aspect", [2, Fraction(3, 2)], ids=str)
def test_wide_pixels_count_too(
    aspect: Fraction, place: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_FRAME_PIXELS", WIDTH * HEIGHT)
    movie = plain("a.mp4", **YUV, aspect=aspect)(place)
    with pytest.raises(MovieError, match=r"frames are \d+ x 128 pixels, more than 20,480 in all"):
        mine.walk(movie, job, puppet.silent)


def test_times_that_cannot_be_do_not_wrap_around(place: Path) -> None:
    found = scan.scan_movie(plain("a.mkv")(place))
    stream = replace(found.stream, time_base=(1001, 24000))
    times = replace(found, stream=stream, pts=np.array([0, 1 << 20, 1 << 61])).times
    assert (np.diff(times) > 0).all()
    assert times[1] == pytest.approx((1 << 20) * 1001 / 24000, rel=1e-12)


# --- what cannot be sought in -------------------------------------------------------------------

SLOW = 5
LONG_MOVIE = [Shot(100, [Square("anna", "happy 60, gone 10, sad", x=20, y=30, dx=1)])] * 3


def long_movie(path: Path) -> Path:
    """A minute in 300 frames, with a key frame every two seconds and frames out of order."""
    lossy = {**movies.H264, "crf": "8"}
    pictures = list(puppet.pictures(LONG_MOVIE))
    if path.suffix == ".h264":
        return write_movie(path, pictures, rate=SLOW, gop=10, codec="libx264", options=lossy)
    if path.name == "h264.avi":
        return write_movie(path, pictures, rate=SLOW, gop=10, codec="libx264", options=lossy)
    write_movie(path, pictures, rate=SLOW, gop=10, codec="ffv1")
    return movies.without_index(path) if path.name == "no_index.avi" else path


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The timestamps of all frames that decoders output from now on."""
    seen: list[int | None] = []

    def counted(packet: Any) -> Any:
        frames = frames_in(packet)
        seen.extend(frame.pts for frame in frames or ())
        return frames

    for module in (stream, index):
        monkeypatch.setattr(module, "frames_in", counted)
    return seen


NAMES = ["h264.avi", "raw.h264", "no_index.avi", "index.avi", "film.mkv"]
IN_PARTS = ("h264.avi", "index.avi", "film.mkv")
BY_DECODING = ("h264.avi", "raw.h264")


@pytest.mark.parametrize("name", NAMES)
def test_no_movie_is_decoded_again_for_each_part(
    name: str, place: Path, job: Job, decoded: list[int | None]
) -> None:
    movie = long_movie(place / name)
    walk, _ = rows_of(watched(lambda: mine.walk(movie, job, puppet.silent)))
    assert len(walk.scan) == 300
    assert len(walk.parts) == (6 if name in IN_PARTS else 1)
    finding = 300 + 2 * index.TRIED_FRAMES if name in BY_DECODING else 2 * index.PROBED
    assert 300 <= len(decoded) <= 300 + finding + 20 * len(walk.parts)


END = 11.0
"""Raw H.264 has no frame rate; at 25 frames per second the movie lasts twelve seconds."""


@pytest.mark.parametrize("name", NAMES)
def test_start_and_end_give_those_frames_of_the_whole(name: str, place: Path, job: Job) -> None:
    movie = long_movie(place / name)
    _, whole = rows_of(mine.walk(movie, job, puppet.silent))
    some = replace(job, walk=replace(job.walk, start=7.0, end=END), output=place.parent / "some")
    walk, rows = rows_of(mine.walk(movie, some, puppet.silent))
    assert walk.span == tuple(np.searchsorted(walk.scan.times, [7.0, END]))
    wanted = whole[whole["time"].between(7.0, END, inclusive="left")]
    same = ["frame", "time", "detected", "x1", "y1", "x2", "y2", "person", *EMOTIONS]
    pd.testing.assert_frame_equal(
        rows[same].reset_index(drop=True), wanted[same].reset_index(drop=True)
    )
    assert len(rows) >= 20


def test_a_counted_movie_is_picked_from_in_one_pass(
    place: Path, job: Job, decoded: list[int | None]
) -> None:
    movie = long_movie(place / "raw.h264")
    folder = mine.walk(movie, job, puppet.silent)
    decoded.clear()
    mine.pick(folder, replace(job, people=("anna",), emotions=("happy", "sad")))
    assert list((folder / "anna").rglob("*.jpg"))
    assert len(decoded) <= 300


# --- bytes at random ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One small movie of each container, as bytes."""
    folder = tmp_path_factory.mktemp("originals")
    makes: dict[str, Make] = {
        "a.mp4": MP4, "a.mkv": plain("a.mkv"), "a.ts": plain("a.ts", **B_FRAMES),
        "a.avi": plain("a.avi", **B_FRAMES), "a.webm": plain("a.webm", **WEBM),
        "a.gif": lambda f: movies.write_gif(f / "a.gif", PICTURES),
    }  # fmt: skip
    return {name: make(folder).read_bytes() for name, make in makes.items()}


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi", "a.webm", "a.gif"])
@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_damage_gives_frames_or_words(
    name: str, data: st.DataObject, originals: dict[str, bytes], tmp_path: Path
) -> None:
    content = bytearray(originals[name])
    for _ in range(data.draw(st.integers(1, 8), label="changes")):
        # Half of the changes are in the headers, where they do the most damage.
        end = data.draw(st.sampled_from([min(1000, len(content) - 1), len(content) - 1]))
        content[data.draw(st.integers(0, end))] = data.draw(st.integers(0, 255))
    path = tmp_path / name
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])

    def walk() -> list[int]:
        found = scan.scan_movie(path)
        walker.plan_parts(found, puppet.SETTINGS)
        assert (np.diff(found.times) > 0).all()
        return [frame.index for frame in decode.decode_frames(path, found, 0, len(found))]

    message = None
    frames: list[int] = []
    try:
        frames = watched(walk)
    except MiningError as error:
        message = str(error)
    assert message is None or message.startswith(f"{path}: ")
    assert frames == sorted(set(frames))
