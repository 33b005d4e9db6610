"""Opens a movie's video stream safely, reads its packets, and holds the facts of walk.json."""

import hashlib
import logging
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, cast

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
from pipeline.files import open_file
from pipeline.movie.remote import Ranges, Url

log = logging.getLogger(__name__)

ENDS_BYTES = 1 << 20
"""`fingerprint` hashes this many bytes at each end of a movie."""

MOST_FRAME_PIXELS = 1 << 27
"""The largest frame, 16k by 8k; a few larger ones would fill the memory."""

MOST_DELAYED = 64
"""Packets that a decoder may hold back; H.264 and HEVC allow 16."""

EARLIER = 1
"""Seconds before a key frame to which is sought if seeking to the key frame misses it."""

BY_PTS = frozenset({"mov", "mp4", "matroska", "webm"})

PLAYLISTS = frozenset({"concat", "dash", "hls", "imf"})
"""FFmpeg formats that only name other files or addresses, and may never end."""

LENIENT: dict[str, Any] = (
    {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "replace"}
)
"""Options that keep titles in Latin-1, which old programs wrote, from ending in an error."""

HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
"""ISO/IEC 23091-2 transfer characteristics that need tone mapping to fit 8 bits."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Facts of the video stream that walk.json stores.

    Attributes:
        codec: FFmpeg's name of the codec.
        width: columns of a decoded frame, in square pixels and after rotation.
        height: rows of a decoded frame.
        rate: frames per second of the median step, 0 if unknown.
        time_base: seconds of one tick, as `[numerator, denominator]`.
        zero: the tick that is time 0, where the picture or the sound begins.
        rotation: counter-clockwise quarter turns that make the picture upright, 0 to 3.
        counted: whether timestamps are missing, so that frames are counted from the beginning.
        hdr: "PQ" or "HLG" if the picture is tone-mapped, else "".
        number: FFmpeg's number of the stream; -1 for the first that is no cover, which earlier
            versions took.
        mirrored: whether left and right are swapped before the picture is turned.
        stretch: by what the file widens the pixels of its codec. Pictures of another shape than
            the first are fitted in with borders; earlier versions squeezed them, and have `[0, 1]`.
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
    number: int = -1
    mirrored: bool = False
    stretch: tuple[int, int] = (0, 1)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a decoded frame."""
        return self.width, self.height

    @property
    def begin(self) -> Fraction:
        """The timestamp in seconds that is time 0."""
        return self.zero * Fraction(*self.time_base)


@contextmanager
def open_movie(path: Path) -> Iterator[InputContainer]:
    """Opens a movie.

    Raises:
        MovieError: The movie is missing, unreadable, or not a movie.
    """
    source = _source(path)
    try:
        container = av.open(source, "r", options=_no_other_files(), **LENIENT)
    except (av.FFmpegError, OSError) as error:
        log.debug("%s: FFmpeg cannot open it: %s", path, error)
        raise MovieError(
            f"{path}: not a playable movie, or damaged; "
            "check that it plays elsewhere and was copied whole, and is no playlist"
        ) from error
    with container:
        # FFmpeg's demuxers of still pictures, which would be movies of a single frame.
        if container.format.name == "image2" or container.format.name.endswith("_pipe"):
            raise MovieError(f"{path}: is a picture; give a movie")
        if not films(container):
            raise MovieError(f"{path}: has no video stream; give a movie with pictures")
        yield container


def films(container: InputContainer) -> list[VideoStream]:
    """The video streams that are no cover art."""
    return [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]


@contextmanager
def open_video(path: Path, number: int = -1) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Opens a video stream of a movie for decoding in a single thread.

    Args:
        path: The movie.
        number: `Stream.number`.

    Raises:
        MovieError: The movie is missing, unreadable, not a movie, or its frames are too large.
    """
    with open_movie(path) as container:
        found = films(container)
        film = next((s for s in found if s.index == number), found[0])
        if film.codec_context is None:
            raise MovieError(
                f"{path}: has a video codec that FFmpeg cannot decode; convert it to another"
            )
        width, height = square_size(film)
        if width * height > MOST_FRAME_PIXELS:
            raise MovieError(
                f"{path}: its frames are {width} x {height} pixels, more than "
                f"{MOST_FRAME_PIXELS:,} in all; check that it plays elsewhere, or make it smaller"
            )
        film.thread_type = "NONE"
        # The size may also grow in the middle of a movie.
        film.codec_context.options = {"max_pixels": str(MOST_FRAME_PIXELS)}
        yield container, film


def _source(path: Path) -> str | Ranges:
    """What FFmpeg opens: the path of a file, or a remote file that is read in ranges."""
    if isinstance(path, Url):
        return Ranges(path)
    try:
        _check_file(path, path.stat())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MovieError(f"{path}: no such movie; check the path") from error
    except OSError as error:
        raise MovieError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    return str(path.absolute())


@lru_cache
def _no_other_files() -> dict[str, str]:
    """Options that keep FFmpeg from opening other files, which `fingerprint` would not cover."""
    formats = ",".join(sorted(av.formats_available - PLAYLISTS))
    return {"protocol_whitelist": "file", "format_whitelist": formats, "pattern_type": "none"}


def square_size(stream: VideoStream) -> tuple[int, int]:
    """The width and height in square pixels, before rotation."""
    return max(1, round(stream.width * (stream.sample_aspect_ratio or 1))), stream.height


def _check_file(path: Path, status: os.stat_result) -> None:
    """Refuses anything but a file before it is opened, since reading from a pipe may never end.

    Raises:
        MovieError: The path is a folder, pipe or device.
    """
    if not stat.S_ISREG(status.st_mode):
        raise MovieError(f"{path}: not a file; give a movie, not a folder, pipe or device")


def fingerprint(path: Path) -> dict[str, Any]:
    """The size of a movie and a hash of its first and last megabyte, to tell movies apart quickly.

    Raises:
        MovieError: The movie is missing, not a file, or cannot be read.
    """
    if isinstance(path, Url):
        with Ranges(path) as remote:
            return _ends(remote, remote.size)
    try:
        facts = path.stat()
        _check_file(path, facts)
        with open_file(path) as file:
            return _ends(file, facts.st_size)
    except OSError as error:
        raise MovieError(f"{path}: cannot be read ({error.strerror}); check the path") from error


def _ends(file: BinaryIO | Ranges, size: int) -> dict[str, Any]:
    digest = hashlib.sha256(file.read(ENDS_BYTES))
    file.seek(max(0, size - ENDS_BYTES))
    digest.update(file.read(ENDS_BYTES))
    return {"size": size, "sha256_of_ends": digest.hexdigest()}


def packets_of(
    container: InputContainer,
    stream: VideoStream | AudioStream | SubtitleStream,
    *,
    numbers: bool = True,
) -> "Iterator[Packet[Any]]":
    """Yields packets from the current position to where the file ends or breaks off.

    Args:
        container: The movie.
        stream: One of its streams.
        numbers: See `demuxed`.
    """
    packets = demuxed(container, stream, numbers=numbers)
    while True:
        try:
            yield next(packets)
        except (StopIteration, av.FFmpegError, OSError):
            return
        except IndexError:  # PyAV does not know streams that begin midway.
            log.debug("a stream begins midway; packets after it are not read")
            return


def demuxed(
    container: InputContainer,
    stream: VideoStream | AudioStream | SubtitleStream,
    *,
    numbers: bool = True,
) -> "Iterator[Packet[Any]]":
    """Yields packets from the current position to the end; then one without data or time.

    Args:
        container: The movie.
        stream: One of its streams.
        numbers: Whether the times of H.264 in AVI are the numbers of the packets. AVI stores no
            others, and FFmpeg's own times are wrong; earlier versions took these.

    Raises:
        av.FFmpegError: The file breaks off.
    """
    codec = stream.codec_context
    numbers = numbers and codec is not None and codec.name in ("h264", "hevc")
    numbers = numbers and container.format.name == "avi"
    for packet in container.demux(stream):
        if numbers and packet.size:
            packet.pts = packet.dts
        # FFmpeg takes a packet without data for the end of the stream.
        if packet.size or packet.pts is None:
            yield packet


def packets_from(
    container: InputContainer, stream: VideoStream, key: Ints, *, numbers: bool = True
) -> "Iterator[Packet[VideoStream]]":
    """Yields packets from the key frame `(pts, dts)` or an earlier one, or none if it is missed.

    FFmpeg takes the time for `pts` in MP4 and Matroska, where `dts` leads to the key frame before,
    and a whole group of frames would be decoded for nothing; in other formats for `dts`, where
    `pts` leads too far. In MPEG program streams a packet of the container begins within a frame, so
    that seeking may land behind the beginning of the key frame, which is then unknown as one.
    """
    early = round(EARLIER / (stream.time_base or 1))
    tries = [(key[1], False), (key[1] - early, False)]
    if BY_PTS & set(container.format.name.split(",")):
        tries.insert(0, (key[0], True))
    for time, exact in tries:
        try:
            container.seek(int(time), stream=stream)
        except av.FFmpegError as error:
            log.debug("cannot seek to %s: %s", time, error)
            continue
        packets = packets_of(container, stream, numbers=numbers)
        first = next((p for p in packets if p.is_keyframe and p.pts is not None), None)
        if first is not None and (first.pts == key[0] or (not exact and first.pts <= key[0])):
            yield first
            yield from packets
            return


def frames_in(packet: "Packet[VideoStream]") -> list[VideoFrame] | None:
    """Decodes a packet: the frames that are due next, which are often of earlier packets.

    Returns:
        The frames; None if the packet is broken.
    """
    try:
        return packet.decode()
    except av.FFmpegError as error:
        log.debug("packet at %s does not decode: %s", packet.pts, error)
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A frame as FFmpeg gives it, and the width of its pixels by their height."""

    frame: VideoFrame
    aspect: Fraction


def decoded_of(stream: VideoStream, packets: "Iterator[Packet[VideoStream]]") -> Iterator[Decoded]:
    """Decodes packets, skipping broken ones.

    Packets that an edit list hides are decoded too, since other frames may refer to them; FFmpeg
    does not output their frames. It tells the shape of pixels only of the newest packet, whose
    frame may come out much later.
    """
    waiting: list[tuple[int | None, Fraction]] = []
    for packet in packets:
        frames = frames_in(packet) or ()
        newest = pixel_aspect(stream)
        waiting = [*waiting[-MOST_DELAYED:], (packet.pts, newest)]
        for frame in frames:
            # The earliest: where time begins again, there may be two.
            own = next((n for n, (pts, _) in enumerate(waiting) if pts == frame.pts), None)
            yield Decoded(frame, newest if own is None else waiting.pop(own)[1])


def pixel_aspect(stream: VideoStream) -> Fraction:
    """The width of a pixel by its height in the newest packet, as the codec gives it."""
    return Fraction(stream.codec_context.sample_aspect_ratio or 1)


def stream_json(stream: Stream) -> dict[str, Any]:
    """The facts of a stream as walk.json stores them."""
    return asdict(stream)


def stream_from_json(facts: dict[str, Any]) -> Stream:
    """The reverse of `stream_json`.

    Raises:
        TypeError: A field is missing or unknown.
        ValueError: A field has a value that no movie has.
    """
    stream = Stream(**facts)
    base, stretch = (tuple(pair) for pair in (stream.time_base, stream.stretch))
    stream = replace(stream, time_base=cast(Any, base), stretch=cast(Any, stretch))
    integers = (
        stream.width, stream.height, stream.zero, stream.rotation, stream.number,
        *stream.time_base, *stream.stretch,
    )  # fmt: skip
    valid = (
        all(type(n) is int and abs(n) < 1 << 62 for n in integers)
        and len(stream.time_base) == len(stream.stretch) == 2
        and min(stream.width, stream.height, *stream.time_base, stream.stretch[1]) >= 1
        and stream.stretch[0] >= 0
        and stream.width * stream.height <= MOST_FRAME_PIXELS
        and stream.rotation in range(4)
        and isinstance(stream.rate, int | float)
        and 0 <= stream.rate < math.inf
        and type(stream.counted) is type(stream.mirrored) is bool
        and isinstance(stream.codec, str)
        and stream.hdr in ("", *HDR_TRANSFERS.values())
    )
    if not valid:
        raise ValueError(f"not the facts of a video stream: {facts}")
    return stream


def timecode(path: Path) -> str:
    """The timecode of the first frame from a camera or an editor, or "" if there is none.

    Raises:
        MovieError: The movie cannot be opened.
    """
    with open_movie(path) as container:
        film, others = films(container)[0], container.streams
        sources = (film.metadata, container.metadata, *(s.metadata for s in others))
        return next((metadata["timecode"] for metadata in sources if "timecode" in metadata), "")
