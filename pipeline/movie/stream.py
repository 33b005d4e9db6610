"""Movies in and out: the only module that decodes or encodes.

`scan_movie` reads a movie's packets without decoding them and learns the timestamp of every frame;
`decode_frames` then gives any range of frames, the same pictures wherever decoding begins.
"""

import hashlib
import logging
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.subtitles.stream import SubtitleStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline.errors import MovieError
from pipeline.faces import Ints
from pipeline.movie.remote import Ranges, Url

log = logging.getLogger(__name__)

ENDS_BYTES = 1 << 20
"""A movie is told from others by its size and this many of its first and last bytes."""


MOST_FRAME_PIXELS = 1 << 27
"""Of a frame: 16k by 8k. More would be a bomb, of which a few frames fill the memory."""


PLAYLISTS = frozenset({"concat", "dash", "hls", "imf"})
"""FFmpeg's names of formats that only name other files or addresses, and may have no end."""


HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
"""ISO/IEC 23091-2 transfer characteristics that an 8-bit picture does not hold."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Facts of the video stream that stand in walk.json.

    Attributes:
        codec: FFmpeg's name of the codec.
        width: columns of a decoded frame: square pixels, after rotation.
        height: rows of a decoded frame.
        rate: average frames per second, 0 where unknown.
        time_base: seconds of one tick, as `[numerator, denominator]`.
        zero: the tick that is time 0: where the container's streams begin.
        rotation: quarter turns that make the picture upright, counter-clockwise, 0 to 3.
        counted: timestamps are missing, so that frames are counted and `rate` gives their times.
        hdr: "PQ" or "HLG" where the picture was tone-mapped, else "".
    """

    codec: str
    width: int
    height: int
    rate: float
    time_base: tuple[int, int]
    zero: int
    rotation: int
    counted: bool
    hdr: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a decoded frame."""
        return self.width, self.height


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Opens the film's video stream (never cover art), single-threaded."""
    source = _source(path)
    try:
        container = av.open(source, "r", options=_only_this(), metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise MovieError(
            f"{path}: cannot be read as a movie ({error}); "
            "check that it plays elsewhere and was copied whole, and is no playlist"
        ) from error
    with container:
        if container.format.name == "image2" or container.format.name.endswith("_pipe"):
            raise MovieError(f"{path}: is a picture; give a movie")
        films = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not films:
            raise MovieError(f"{path}: has no video stream; give a movie with pictures")
        if films[0].codec_context is None:
            raise MovieError(
                f"{path}: its pictures are coded in a way that FFmpeg cannot decode; convert it"
            )
        width, height = square_size(films[0])
        if width * height > MOST_FRAME_PIXELS:
            raise MovieError(
                f"{path}: its frames are {width} x {height} pixels, more than "
                f"{MOST_FRAME_PIXELS:,} in all; check that it plays elsewhere, or make it smaller"
            )
        films[0].thread_type = "NONE"
        films[0].codec_context.options = {
            "max_pixels": str(MOST_FRAME_PIXELS)
        }  # Where it grows midway.
        yield container, films[0]


def _source(path: Path) -> str | Ranges:
    """What FFmpeg opens: the file, or the remote one as a file that is read in ranges."""
    if isinstance(path, Url):
        return Ranges(path)
    if not path.exists():
        raise MovieError(f"{path}: no such movie; check the path")
    _check_file(path, path.stat())
    return str(path.absolute())


@lru_cache
def _only_this() -> dict[str, str]:
    """Options that keep FFmpeg to the file it is given, for only that one's hash is known."""
    formats = ",".join(sorted(av.formats_available - PLAYLISTS))
    return {"protocol_whitelist": "file", "format_whitelist": formats, "pattern_type": "none"}


def square_size(stream: VideoStream) -> tuple[int, int]:
    """Width and height in square pixels, before rotation."""
    return max(1, round(stream.width * (stream.sample_aspect_ratio or 1))), stream.height


def _check_file(path: Path, facts: os.stat_result) -> None:
    """Refuses what is no file before it is opened: reading from a pipe may never end.

    Raises:
        MovieError: It is a folder, pipe or device.
    """
    if not stat.S_ISREG(facts.st_mode):
        raise MovieError(f"{path}: not a file; give a movie, not a folder, pipe or device")


def fingerprint(path: Path) -> dict[str, Any]:
    """Size and hash of the first and last megabyte: enough to tell movies apart in no time.

    Raises:
        MovieError: It is missing, no file, or cannot be read.
    """
    if isinstance(path, Url):
        with Ranges(path) as remote:
            return _ends(remote, remote.size)
    try:
        facts = path.stat()
        _check_file(path, facts)
        with path.open("rb") as file:
            return _ends(file, facts.st_size)
    except OSError as error:
        raise MovieError(f"{path}: cannot be read ({error.strerror}); check the path") from error


def _ends(file: BinaryIO | Ranges, size: int) -> dict[str, Any]:
    digest = hashlib.sha256(file.read(ENDS_BYTES))
    file.seek(max(0, size - ENDS_BYTES))
    digest.update(file.read(ENDS_BYTES))
    return {"size": size, "sha256_of_ends": digest.hexdigest()}


def packets_of(
    container: InputContainer, stream: VideoStream | AudioStream | SubtitleStream
) -> "Iterator[Packet[Any]]":
    """Packets from where the container stands to where the file ends or breaks."""
    packets = container.demux(stream)
    while True:
        try:
            yield next(packets)
        except (StopIteration, av.FFmpegError, OSError):
            return


def packets_from(
    container: InputContainer, stream: VideoStream, key: Ints
) -> "Iterator[Packet[VideoStream]]":
    """Packets from the key frame `(pts, dts)` or an earlier one; none if it is missed."""
    try:
        container.seek(int(key[1]), stream=stream)
    except av.FFmpegError as error:
        log.debug("cannot seek to %s: %s", key, error)
        return
    packets = packets_of(container, stream)
    for packet in packets:
        if packet.is_keyframe and packet.pts is not None:
            if packet.pts <= key[0]:
                yield packet
                yield from packets
            return


def frames_of(packets: "Iterator[Packet[VideoStream]]") -> Iterator[VideoFrame]:
    """Decodes, going on after broken packets.

    Packets that an edit list hides are decoded too, since others need them; FFmpeg keeps back
    their frames.
    """
    for packet in packets:
        try:
            yield from packet.decode()
        except av.FFmpegError as error:
            log.debug("packet at %s does not decode: %s", packet.pts, error)


def stream_json(stream: Stream) -> dict[str, Any]:
    """The facts as they stand in walk.json."""
    return asdict(stream)


def stream_from_json(facts: dict[str, Any]) -> Stream:
    """The reverse of `stream_json`.

    Raises:
        TypeError: A field is missing or foreign.
        ValueError: A field holds what no movie has.
    """
    found = Stream(**{**facts, "time_base": tuple(facts["time_base"])})
    whole = (found.width, found.height, found.zero, found.rotation, *found.time_base)
    sound = (
        all(type(n) is int and abs(n) < 1 << 62 for n in whole)
        and len(found.time_base) == 2
        and min(found.width, found.height, *found.time_base) >= 1
        and found.width * found.height <= MOST_FRAME_PIXELS
        and found.rotation in range(4)
        and isinstance(found.rate, int | float)
        and 0 <= found.rate < math.inf
        and type(found.counted) is bool
        and isinstance(found.codec, str)
        and found.hdr in ("", *HDR_TRANSFERS.values())
    )
    if not sound:
        raise ValueError(f"no facts of a video stream: {facts}")
    return found


def timecode(path: Path) -> str:
    """The timecode of the first frame that a camera or an editor wrote down; "" where none is.

    Raises:
        MovieError: The movie cannot be opened.
    """
    with open_video(path) as (container, film):
        places = (film.metadata, container.metadata, *(s.metadata for s in container.streams))
        return next((place["timecode"] for place in places if "timecode" in place), "")
