"""Movies in and out: the only module that decodes or encodes.

`scan` reads a movie's packets without decoding them and learns the timestamp of every frame;
`decode` then gives any range of frames, the same pictures wherever decoding begins.
"""

import hashlib
import logging
import math
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import cv2
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream
from numpy.typing import NDArray

from pipeline.errors import MovieError
from pipeline.faces import Image, Ints
from pipeline.frame import Colours, Frame, RgbFrame, YuvFrame
from pipeline.remote import Ranges, Url

log = logging.getLogger(__name__)

ENDS_BYTES = 1 << 20
"""A movie is told from others by its size and this many of its first and last bytes."""

MOST_PIXELS = 1 << 27
"""Of a frame: 16k by 8k. More would be a bomb, of which a few frames fill the memory."""

PLAYLISTS = frozenset({"concat", "dash", "hls", "imf"})
"""FFmpeg's names of formats that only name other files or addresses, and may have no end."""

PLANAR = frozenset(f"{kind}{size}p" for kind in ("yuv", "yuvj") for size in (420, 422, 444))
"""Pixel formats with 8 bits, luma and both chromas apart, chromas at most twice as coarse."""

LUMA_SHARES = {1: (0.2126, 0.0722), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
"""Red's and blue's share of the luma, by ISO/IEC 23091-2 matrix coefficients; else BT.601's."""

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


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """Every frame of a movie by its timestamp.

    Attributes:
        stream: facts of the stream.
        pts: `(n,)` timestamps in ticks, rising: frame i is the one with `pts[i]`.
        keys: `(m, 2)` pts and dts of the key frames, rising.
        warnings: what a user should know: damage, truncation, HDR.
    """

    stream: Stream
    pts: Ints
    keys: Ints
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def times(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Seconds of every frame, `(n,)` float64."""
        numerator, denominator = self.stream.time_base
        # Not as whole numbers: those of a damaged file may be so large that they wrap around.
        return (self.pts.astype(np.float64) - self.stream.zero) * numerator / denominator

    @property
    def key_frames(self) -> Ints:
        """Frame numbers of the key frames, `(m,)`, rising."""
        return np.searchsorted(self.pts, self.keys[:, 0])


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
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
        width, height = _size(films[0])
        if width * height > MOST_PIXELS:
            raise MovieError(
                f"{path}: its frames are {width} x {height} pixels, more than {MOST_PIXELS:,} in "
                "all; check that it plays elsewhere, or make it smaller"
            )
        films[0].thread_type = "NONE"
        films[0].codec_context.options = {"max_pixels": str(MOST_PIXELS)}  # Where it grows midway.
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


def _size(stream: VideoStream) -> tuple[int, int]:
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


def scan(path: Path) -> Scan:
    """Learns every frame's timestamp and the stream's facts, mostly without decoding.

    Raises:
        MovieError: The movie is missing, unreadable, or has no frames.
    """
    with _opened(path) as (container, stream):  # Apart: raw streams cannot be sought in.
        first = next(_frames(_demuxed(container, stream)), None)
    if first is None:
        raise MovieError(
            f"{path}: has a video stream but not one frame that decodes; "
            "check that it plays elsewhere and was copied whole"
        )
    with _opened(path) as (container, stream):
        pts, keys, end = _packets(container, stream)
        facts = _facts(container, stream, first, counted=len(pts) == 0)
        if facts.counted:
            pts, keys = np.arange(_count(path)), np.zeros((1, 2), np.int64)
        found = Scan(facts, pts, keys if _reaches(path, keys) else keys[:1])
        declared = _declared_end(container, stream, float(found.times[0]))
    return replace(found, warnings=tuple(_warnings(found, end, declared)))


def _packets(container: InputContainer, stream: VideoStream) -> tuple[Ints, Ints, int | None]:
    """Timestamps of all frames and of the key frames; and when the last frame ends.

    The timestamps are empty where any packet has none, or not the one of its presentation; the end
    is None where the file breaks.
    """
    none = np.zeros(0, np.int64), np.zeros((0, 2), np.int64), 0
    if _stores_no_order(container, stream):
        return none
    pts, keys, end = [], [], 0
    whole = True
    try:
        for packet in container.demux(stream):
            if packet.size == 0 or packet.is_discard:
                continue
            if packet.pts is None:
                return none
            pts.append(packet.pts)
            end = max(end, packet.pts + (packet.duration or 0))
            if packet.is_keyframe:
                keys.append((packet.pts, packet.pts if packet.dts is None else packet.dts))
    except (av.FFmpegError, OSError) as error:
        log.debug("demuxing stopped: %s", error)
        whole = False
    keys = keys or [(min(pts), min(pts))] if pts else []
    return (
        np.unique(np.array(pts, np.int64)),
        np.array(sorted(keys), np.int64).reshape(-1, 2),
        end if whole else None,
    )


def _stores_no_order(container: InputContainer, stream: VideoStream) -> bool:
    """Whether packets only count up though frames are stored out of order: AVI knows no other way.

    FFmpeg reckons the order for older codecs, but not for these.
    """
    codec = stream.codec_context
    return container.format.name == "avi" and codec.has_b_frames and codec.name in ("h264", "hevc")


def _reaches(path: Path, keys: Ints) -> bool:
    """Whether key frames can be sought, as not in an AVI without index.

    Where they cannot, all decoding begins at the beginning, and the movie is one part: parts would
    decode it again and again.
    """
    for key in keys[:0:-1][:2]:  # `_indexed` tries as many.
        with _opened(path) as (container, stream):
            landed = next(_from_key(container, stream, key), None)
            if landed is not None and (landed.pts or 0) >= keys[len(keys) // 2, 0]:
                return True
    return len(keys) < 2


def _count(path: Path) -> int:
    with _opened(path) as (container, stream):
        return sum(1 for _ in _frames(_demuxed(container, stream)))


def _facts(
    container: InputContainer, stream: VideoStream, first: VideoFrame, *, counted: bool
) -> Stream:
    rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
    base = 1 / rate if counted else Fraction(stream.time_base or 1 / rate)
    begin = 0 if counted else container.start_time or 0
    width, height = _size(stream)
    turns = round(first.rotation / 90) % 4
    if turns % 2:
        width, height = height, width
    return Stream(
        codec=stream.codec_context.name,
        width=width,
        height=height,
        rate=round(float(rate), 6),
        time_base=(base.numerator, base.denominator),
        zero=round(Fraction(begin, av.time_base) / base),
        rotation=turns,
        counted=counted,
        hdr=HDR_TRANSFERS.get(int(first.color_trc), ""),
    )


def _declared_end(container: InputContainer, stream: VideoStream, begin: float) -> float:
    """When the pictures that begin at `begin` end, as the file says; 0 where it does not."""
    if stream.duration and stream.time_base:
        return begin + float(stream.duration * Fraction(stream.time_base))
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if tag:  # Matroska: the container's own length is that of its longest stream, often the sound.
        hours, minutes, seconds = (float(part) for part in tag.groups())
        return 3600 * hours + 60 * minutes + seconds
    return (container.duration or 0) / av.time_base


def _warnings(found: Scan, end: int | None, declared: float) -> Iterator[str]:
    """What a user should know.

    Args:
        found: Frames and facts.
        end: Tick where the last frame ends, None where the file breaks.
        declared: Second where the file says that it ends.
    """
    last, broken = float(found.times[-1]), end is None
    if end is not None and not found.stream.counted:
        seconds = float((end - found.stream.zero) * Fraction(*found.stream.time_base))
        broken = seconds < declared - max(1, 0.02 * declared)
    if broken:
        yield f"the movie breaks off at {last:.3f} s of {declared:.0f} s; rows end there"
    if found.stream.counted:
        yield (
            "the stream has no timestamps: frames are counted by decoding, and times reckoned from "
            f"{found.stream.rate:g} frames a second"
        )
    if found.stream.hdr:
        yield f"HDR ({found.stream.hdr}) is tone-mapped by a simple curve; colours are approximate"


def decode(path: Path, found: Scan, start: int, stop: int) -> Iterator[Frame]:
    """Gives the frames `start <= index < stop` in presentation order.

    Frames that the file does not yield (broken packets) are left out.

    Args:
        path: The movie that `found` was scanned from.
        found: Its timestamps.
        start: First frame.
        stop: One past the last frame.

    Raises:
        MovieError: The movie cannot be opened.
    """
    last, times = start - 1, found.times  # Once: it reckons those of all frames.
    for index, frame in _indexed(path, found, start):
        if index >= stop:
            return
        if index > last:
            yield _frame(index, float(times[index]), frame, found.stream)
            last = index


def _indexed(path: Path, found: Scan, start: int) -> Iterator[tuple[int, VideoFrame]]:
    """Frames with their numbers, from the last usable key frame at or before `start`.

    Some containers land after the place that was sought, and some key frames give no whole picture
    at once: then the key frame before serves, and at last the beginning.
    """
    if found.stream.counted:
        with _opened(path) as (container, stream):
            yield from enumerate(_frames(_demuxed(container, stream)))
        return
    last = int(np.searchsorted(found.key_frames, start, side="right")) - 1
    for key in (last, last - 1, 0):
        border = int(found.key_frames[key]) if key > 0 else 0
        landed = key <= 0
        with _opened(path) as (container, stream):
            packets = _from_key(container, stream, found.keys[key]) if key > 0 else None
            for frame in _frames(packets or _demuxed(container, stream)):
                index = _rank(found.pts, frame.pts)
                if index < border:
                    continue  # Made from frames before the key frame: not whole, or unknown.
                if not landed and index > start:
                    break
                landed = True
                yield index, frame
        if landed:
            return


def _rank(pts: Ints, value: int | None) -> int:
    """Position of a timestamp, -1 where the scan did not have it."""
    if value is None:
        return -1
    place = int(np.searchsorted(pts, value))
    return place if place < len(pts) and pts[place] == value else -1


def _demuxed(
    container: InputContainer, stream: VideoStream | AudioStream | SubtitleStream
) -> "Iterator[Packet[Any]]":
    """Packets from where the container stands to where the file ends or breaks."""
    packets = container.demux(stream)
    while True:
        try:
            yield next(packets)
        except (StopIteration, av.FFmpegError, OSError):
            return


def _from_key(
    container: InputContainer, stream: VideoStream, key: Ints
) -> "Iterator[Packet[VideoStream]]":
    """Packets from the key frame `(pts, dts)` or an earlier one; none if it is missed."""
    try:
        container.seek(int(key[1]), stream=stream)
    except av.FFmpegError as error:
        log.debug("cannot seek to %s: %s", key, error)
        return
    packets = _demuxed(container, stream)
    for packet in packets:
        if packet.is_keyframe and packet.pts is not None:
            if packet.pts <= key[0]:
                yield packet
                yield from packets
            return


def _frames(packets: "Iterator[Packet[VideoStream]]") -> Iterator[VideoFrame]:
    """Decodes, going on after broken packets.

    Packets that an edit list hides are decoded too, since others need them; FFmpeg keeps back
    their frames.
    """
    for packet in packets:
        try:
            yield from packet.decode()
        except av.FFmpegError as error:
            log.debug("packet at %s does not decode: %s", packet.pts, error)


def _frame(index: int, time: float, frame: VideoFrame, stream: Stream) -> Frame:
    """The frame by its planes, if these are all it takes, or else as RGB at once."""
    turned = stream.rotation % 2
    upright = (frame.height, frame.width) if turned else (frame.width, frame.height)
    plain = frame.format.name in PLANAR and not frame.interlaced_frame and not stream.hdr
    if not plain or upright != stream.size:
        return RgbFrame(index, time, _picture(frame, stream))
    planes = [_plane(plane, stream.rotation) for plane in frame.planes]
    return YuvFrame(index, time, planes, _colours(frame), partial(_picture, frame, stream))


def _plane(plane: VideoPlane, rotation: int) -> Image:
    """A plane's pixels, upright; not copied where that can be."""
    lines = np.asarray(memoryview(plane)).reshape(plane.height, plane.line_size)
    return np.ascontiguousarray(np.rot90(lines[:, : plane.width], rotation))


def _colours(frame: VideoFrame) -> Colours:
    full = frame.format.name.startswith("yuvj") or int(frame.color_range) == ColorRange.JPEG
    red, blue = LUMA_SHARES.get(int(frame.colorspace), (0.299, 0.114))
    return Colours(red, blue, full)


def _picture(frame: VideoFrame, stream: Stream) -> Image:
    """RGB, square pixels, upright, progressive, standard dynamic range, of the stream's size."""
    width, height = stream.width, stream.height
    if stream.rotation % 2:
        width, height = height, width
    image = np.asarray(frame.to_ndarray(format="rgb24", width=width, height=height), np.uint8)
    if frame.interlaced_frame:
        # One field, stretched: a picture must not depend on its neighbours: parts begin anywhere.
        image = cv2.resize(image[::2], (width, height), interpolation=cv2.INTER_LINEAR)
    if stream.hdr:
        image = cv2.LUT(image, _tone_curve(stream.hdr))
    return np.ascontiguousarray(np.rot90(image, stream.rotation))


@lru_cache
def _tone_curve(transfer: str) -> Image:
    """Maps 8-bit PQ or HLG values to 8-bit display values, `(256,)`.

    Source: ITU-R BT.2100-2, tables 4 and 5, to linear light; 1 is the reference white of 203 cd/m2
    of BT.2408; then Reinhard's x / (1 + x) scaled to keep white, then gamma 1 / 2.2.
    """
    x = np.arange(256) / 255
    if transfer == "PQ":
        power = x ** (32 / 2523)
        ratio = np.maximum(power - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * power)
        light = ratio ** (8192 / 1305) * 10000 / 203
    else:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(x <= 0.5, x**2 / 3, (np.exp((x - c) / a) + b) / 12)
        light = scene**1.2 * 1000 / 203
    mapped = np.clip(light * 1.8 / (1 + light * 0.8), 0, 1)
    return np.round(255 * mapped ** (1 / 2.2)).astype(np.uint8)


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
        and found.width * found.height <= MOST_PIXELS
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


# --- sound and text -----------------------------------------------------------------------------

SOUND_RATE = 48_000
"""Samples a second of all sound that is read."""

CHANNELS = {"mono": 1, "stereo": 2}
"""Layouts of all sound that is read; more channels are mixed down to two."""

PREROLL = 0.5
"""Seconds before the wanted sound from which it is decoded: codecs need the packets before."""

JUMP = 0.015
"""Seconds that timestamps may differ from the count of samples: less is rounding of containers."""

TEXT_CODECS = frozenset({"ass", "mov_text", "srt", "ssa", "subrip", "text", "webvtt"})
"""FFmpeg's names of subtitles that are text, not pictures of it."""

Samples = NDArray[np.int16]


def sound_layout(path: Path) -> str:
    """Which of `CHANNELS` the movie's sound is read as; "" where it has none that decodes.

    Raises:
        MovieError: The movie cannot be opened.
    """
    with _opened(path) as (container, _):
        stream = _voice(container)
        if stream is None or next(_voiced(container, stream), None) is None:
            return ""
        return "mono" if stream.channels == 1 else "stereo"


def sound(path: Path, layout: str, begin: float, count: int) -> Iterator[Samples]:
    """Gives `count` samples of the movie's sound, by its timestamps; silence where it has none.

    Of several sound tracks the default one, else the first.

    Args:
        path: The movie.
        layout: Of `CHANNELS`.
        begin: Time of the first sample in seconds, on the clock of `Scan.times`.
        count: Samples at `SOUND_RATE`.

    Yields:
        Blocks `(channels, n)` of at most a second, together `count` samples long.

    Raises:
        MovieError: The movie cannot be opened.
    """
    done = 0
    for start, block in _heard(path, layout, begin):
        if start >= count:
            break
        yield from _silence(layout, start - done)
        done = max(done, start)
        part = block[:, done - start : count - start]
        if part.shape[1]:
            yield part
            done += part.shape[1]
    yield from _silence(layout, count - done)


def _silence(layout: str, count: int) -> Iterator[Samples]:
    for start in range(0, count, SOUND_RATE):
        yield np.zeros((CHANNELS[layout], min(SOUND_RATE, count - start)), np.int16)


def _heard(path: Path, layout: str, begin: float) -> Iterator[tuple[int, Samples]]:
    """Blocks of sound and the number of their first sample, counted from `begin`, rising.

    Samples are counted, so that rounded timestamps make no cracks; the count begins anew where
    the timestamps jump, or drift from it.
    """
    resampler, kind, place = None, None, 0
    for time, frame in _sounding(path, begin):
        due = round((time - begin) * SOUND_RATE)
        now = frame.format.name, frame.layout.name, frame.sample_rate
        if resampler is None or now != kind or abs(due - place) > JUMP * SOUND_RATE:
            resampler, kind = AudioResampler("s16p", layout, SOUND_RATE), now
            place = due
        for part in resampler.resample(frame):
            yield place, np.asarray(part.to_ndarray(), np.int16)
            place += part.samples
    for part in resampler.resample(None) if resampler else ():
        yield place, np.asarray(part.to_ndarray(), np.int16)


def _sounding(path: Path, begin: float) -> Iterator[tuple[float, AudioFrame]]:
    """Decoded sound and its times from `PREROLL` before `begin`, or earlier."""
    for place in (begin - PREROLL, 0.0):
        with _opened(path) as (container, _):
            stream = _voice(container)
            if stream is None or (place > 0 and not _sought(container, stream, place)):
                continue
            frames = _timed(container, stream)
            first = next(frames, None)
            if first is not None and (first[0] <= begin or place <= 0):
                yield first
                yield from frames
                return


def _timed(container: InputContainer, stream: AudioStream) -> Iterator[tuple[float, AudioFrame]]:
    """Decoded sound and its times; a frame without one follows on the frame before."""
    zero, time = (container.start_time or 0) / av.time_base, math.nan
    for frame in _voiced(container, stream):
        if frame.pts is not None and frame.time_base is not None:
            time = float(frame.pts * frame.time_base) - zero
        if not math.isnan(time):
            yield time, frame
        time += frame.samples / frame.sample_rate


def _sought(container: InputContainer, stream: AudioStream, place: float) -> bool:
    """Goes to a time of the sound; whether that can be done."""
    zero = Fraction(container.start_time or 0, av.time_base)
    base = stream.time_base or Fraction(1, av.time_base)
    try:
        container.seek(round((Fraction(place) + zero) / base), stream=stream)
    except av.FFmpegError as error:
        log.debug("cannot seek to the sound at %s s: %s", place, error)
        return False
    return True


def _voice(container: InputContainer) -> AudioStream | None:
    """The default sound track, else the first, of those that decode."""
    voices = [s for s in container.streams.audio if s.codec_context is not None]
    return min(voices, key=lambda s: not s.disposition & Disposition.default, default=None)


def _voiced(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Decodes, going on after broken packets."""
    for packet in _demuxed(container, stream):
        try:
            yield from cast(list[AudioFrame], packet.decode())
        except av.FFmpegError as error:
            log.debug("sound at %s does not decode: %s", packet.pts, error)


def texts(path: Path) -> list[tuple[float, float, str]] | None:
    """The movie's own text track: begin and end in seconds, and the text in ASS's notation.

    Of several the default one, else the first; one of forced lines only where there is no other.

    Returns:
        In order of the file; None where the movie has no track that is text.

    Raises:
        MovieError: The movie cannot be opened.
    """
    with _opened(path) as (container, _):
        tracks = [
            s for s in container.streams.subtitles
            if s.codec_context is not None and s.codec_context.name in TEXT_CODECS
        ]  # fmt: skip
        if not tracks:
            return None
        track = min(tracks, key=_text_rank)
        zero = (container.start_time or 0) / av.time_base
        found = []
        for packet in _demuxed(container, track):
            if packet.size and packet.pts is not None and packet.time_base:
                begin = float(packet.pts * packet.time_base) - zero
                end = begin + float((packet.duration or 0) * packet.time_base)
                found += [(begin, end, text) for text in _ass_texts(track, packet)]
    return found


def _text_rank(track: SubtitleStream) -> tuple[bool, bool]:
    kinds = track.disposition
    return bool(kinds & Disposition.forced), not kinds & Disposition.default


def _ass_texts(track: SubtitleStream, packet: "Packet[Any]") -> Iterator[str]:
    """What follows the eight fields of FFmpeg's ASS events."""
    try:
        events = track.decode2(packet) or ()
    except av.FFmpegError as error:
        log.debug("text at %s does not decode: %s", packet.pts, error)
        return
    for event in events:
        if isinstance(event, AssSubtitle):
            yield event.ass.decode(errors="replace").split(",", 8)[-1]


def timecode(path: Path) -> str:
    """The timecode of the first frame that a camera or an editor wrote down; "" where none is.

    Raises:
        MovieError: The movie cannot be opened.
    """
    with _opened(path) as (container, film):
        places = (film.metadata, container.metadata, *(s.metadata for s in container.streams))
        return next((place["timecode"] for place in places if "timecode" in place), "")
