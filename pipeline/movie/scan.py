"""Finds the timestamp of every frame of a movie from its packets, mostly without decoding."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline.errors import MovieError
from pipeline.faces import Ints
from pipeline.movie.stream import (
    HDR_TRANSFERS,
    Stream,
    frames_of,
    open_video,
    packets_from,
    packets_of,
    square_size,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """The timestamps of all frames of a movie.

    Attributes:
        stream: facts of the video stream.
        pts: `(n,)` timestamps in ticks, rising: frame i is the one with `pts[i]`.
        keys: `(m, 2)` pts and dts of the key frames, rising.
        warnings: what the user should know: damage, truncation, HDR.
    """

    stream: Stream
    pts: Ints
    keys: Ints
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def times(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The times `(n,)` of all frames in seconds, float64; computed at each call."""
        numerator, denominator = self.stream.time_base
        # In floating point: timestamps of a damaged file may be so large that integers overflow.
        return (self.pts.astype(np.float64) - self.stream.zero) * numerator / denominator

    @property
    def key_frames(self) -> Ints:
        """Frame numbers of the key frames, `(m,)`, rising."""
        return np.searchsorted(self.pts, self.keys[:, 0])


def scan_movie(path: Path) -> Scan:
    """Finds the timestamp of every frame and the facts of the stream, mostly without decoding.

    Raises:
        MovieError: The movie is missing, unreadable, or has no frames.
    """
    with open_video(path) as (container, stream):  # Reopened below: raw streams cannot seek back.
        first = next(frames_of(packets_of(container, stream)), None)
    if first is None:
        raise MovieError(
            f"{path}: has a video stream, but none of its frames can be decoded; "
            "check that it plays elsewhere and was copied whole"
        )
    with open_video(path) as (container, stream):
        pts, keys, end = _packets(container, stream)
        facts = _facts(container, stream, first, counted=len(pts) == 0)
        if facts.counted:
            pts, keys = np.arange(_count(path)), np.zeros((1, 2), np.int64)
        scan = Scan(facts, pts, keys if _reaches(path, keys) else keys[:1])
        declared = _declared_end(container, stream, float(scan.times[0]))
    return replace(scan, warnings=tuple(_warnings(scan, end, declared)))


def _packets(container: InputContainer, stream: VideoStream) -> tuple[Ints, Ints, int | None]:
    """Reads the timestamps of all frames and of the key frames, and when the last frame ends.

    The timestamps are empty if any packet has none, or if they do not tell the presentation order.
    The end is None if the file breaks off.
    """
    none = np.zeros(0, np.int64), np.zeros((0, 2), np.int64), 0
    if _stores_no_order(container, stream):
        return none
    pts, keys, end = [], [], 0
    whole = True
    try:
        for packet in container.demux(stream):
            # PyAV ends with an empty packet; an edit list hides the frames of discarded ones.
            if packet.size == 0 or packet.is_discard:
                continue
            if packet.pts is None:
                return none
            pts.append(packet.pts)
            end = max(end, packet.pts + (packet.duration or 0))
            if packet.is_keyframe:
                keys.append((packet.pts, packet.pts if packet.dts is None else packet.dts))
    except (av.FFmpegError, OSError, IndexError) as error:  # PyAV's of a stream that begins midway.
        log.debug("demuxing stopped: %s", error)
        whole = False
    # Streams may mark no key frame at all: then decoding always begins at the first frame.
    keys = keys or [(min(pts), min(pts))] if pts else []
    return (
        # It also sorts: packets come in decoding order.
        np.unique(np.array(pts, np.int64)),
        np.array(sorted(keys), np.int64).reshape(-1, 2),
        end if whole else None,
    )


def _stores_no_order(container: InputContainer, stream: VideoStream) -> bool:
    """Whether timestamps only count packets although frames are stored out of order, as in AVI.

    FFmpeg works out the order for older codecs, but not for these.
    """
    codec = stream.codec_context
    return container.format.name == "avi" and codec.has_b_frames and codec.name in ("h264", "hevc")


def _reaches(path: Path, keys: Ints) -> bool:
    """Whether FFmpeg can seek to key frames, which it cannot in an AVI without an index.

    If it cannot, all decoding begins at the beginning, and the movie becomes a single part, since
    each of several would decode it from the beginning.
    """
    for key in keys[:0:-1][:2]:  # `decode._indexed` tries as many.
        with open_video(path) as (container, stream):
            packet = next(packets_from(container, stream, key), None)
            if packet is not None and (packet.pts or 0) >= keys[len(keys) // 2, 0]:
                return True
    return len(keys) < 2


def _count(path: Path) -> int:
    with open_video(path) as (container, stream):
        return sum(1 for _ in frames_of(packets_of(container, stream)))


def _facts(
    container: InputContainer, stream: VideoStream, first: VideoFrame, *, counted: bool
) -> Stream:
    rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
    base = 1 / rate if counted else Fraction(stream.time_base or 1 / rate)
    begin = 0 if counted else container.start_time or 0
    width, height = square_size(stream)
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
    """The second at which the video ends as the file declares it, or 0 if it declares nothing.

    Args:
        container: The movie.
        stream: Its video stream.
        begin: The second at which the video begins.
    """
    if stream.duration and stream.time_base:
        return begin + float(stream.duration * Fraction(stream.time_base))
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if tag:  # Matroska; the container's duration is that of its longest stream, often the sound.
        hours, minutes, seconds = (float(part) for part in tag.groups())
        return 3600 * hours + 60 * minutes + seconds
    return (container.duration or 0) / av.time_base


def _warnings(scan: Scan, end: int | None, declared: float) -> Iterator[str]:
    """Yields what the user should know.

    Args:
        scan: The scan so far.
        end: The tick at which the last frame ends, or None if the file breaks off.
        declared: The second at which the video ends as the file declares it.
    """
    last, broken = float(scan.times[-1]), end is None
    if end is not None and not scan.stream.counted:
        seconds = float((end - scan.stream.zero) * Fraction(*scan.stream.time_base))
        broken = seconds < declared - max(1, 0.02 * declared)
    if broken:
        yield f"the movie breaks off at {last:.3f} s of {declared:.0f} s; rows end there"
    if scan.stream.counted:
        yield (
            "the stream has no timestamps: frames are counted by decoding, and their times follow "
            f"from {scan.stream.rate:g} frames per second"
        )
    if scan.stream.hdr:
        yield f"HDR ({scan.stream.hdr}) is tone-mapped with a simple curve; colours are approximate"
