"""Finds the frames of a movie, the facts of its picture, and what the user should know."""

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline.faces import Ints, median_step
from pipeline.movie import dolby_vision
from pipeline.movie.choose import choose_film
from pipeline.movie.index import Index, find_frames
from pipeline.movie.stream import (
    HDR_TRANSFERS,
    Stream,
    open_movie,
    open_video,
)

WITH_SHAPE = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mxf", "ogg", "asf", "dv")
"""FFmpeg's names of formats that may say how wide a pixel is, whatever the codec says."""


SHORTEST_PIECE = 0.5
"""Seconds; half of a shortest recording."""


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """The timestamps of all frames of a movie.

    Attributes:
        stream: facts of the video stream.
        pts: `(n,)` ticks at which the frames are shown, rising.
        keys: `(m, 2)` of the key frames: `pts`, rising, and the timestamp to seek.
        warnings: what the user should know: damage, truncation, HDR.
        shifted: `(n,)` the timestamps that the decoder attaches to the frames; empty if they are
            `pts`.
    """

    stream: Stream
    pts: Ints
    keys: Ints
    warnings: tuple[str, ...] = ()
    shifted: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def times(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The times `(n,)` of all frames in seconds, float64; computed at each call."""
        numerator, denominator = self.stream.time_base
        # In floating point: timestamps of a damaged file may be so large that integers overflow.
        return (self.pts.astype(np.float64) - self.stream.zero) * numerator / denominator

    @property
    def marks(self) -> Ints:
        """The timestamps `(n,)` by which a decoder's output is told apart."""
        return self.shifted if len(self.shifted) else self.pts

    @property
    def offsets(self) -> tuple[float, ...]:
        """Seconds by which each piece is later than it says, if time begins again in the movie.

        Frames that only are not in order differ by less than `SHORTEST_PIECE`.
        """
        numerator, denominator = self.stream.time_base
        offsets = [0.0]
        for ticks in np.unique(self.pts - self.marks).tolist():
            if ticks * numerator / denominator > offsets[-1] + SHORTEST_PIECE:
                offsets.append(ticks * numerator / denominator)
        return tuple(offsets)

    @property
    def key_frames(self) -> Ints:
        """Frame numbers of the key frames, `(m,)`, rising."""
        return np.searchsorted(self.pts, self.keys[:, 0])


def scan_movie(path: Path) -> Scan:
    """Finds the timestamp of every frame and the facts of the stream, mostly without decoding.

    Raises:
        MovieError: The movie is missing, unreadable, or has no frames.
    """
    number, several = choose_film(path)
    index = find_frames(path, number)
    with open_video(path, number) as (container, stream):
        facts = _facts(container, stream, index)
        scan = Scan(facts, index.pts, index.keys, shifted=index.shifted)
        scan = replace(scan, stream=replace(facts, rate=_rate(stream, scan)))
        declared = _declared_end(container, stream, facts)
    warnings = filter(None, [several, *_warnings(path, scan, index, declared)])
    return replace(scan, warnings=tuple(warnings))


def _facts(container: InputContainer, stream: VideoStream, index: Index) -> Stream:
    claimed = Fraction(stream.average_rate or stream.guessed_rate or 25)
    base = 1 / claimed if index.timeless else Fraction(stream.time_base or 1 / claimed)
    shown = Fraction(stream.sample_aspect_ratio or 1)
    first = index.first
    # The other formats store no shape; FFmpeg may have found it further on in the movie.
    stretch = shown / first.aspect if container.format.name in WITH_SHAPE else Fraction(1)
    width, height = round(first.frame.width * first.aspect * stretch), first.frame.height
    turns, mirrored = orientation(first.frame)
    if turns % 2:
        width, height = height, width
    return Stream(
        codec=stream.codec_context.name,
        width=max(1, width),
        height=max(1, height),
        rate=round(float(claimed), 6),
        time_base=(base.numerator, base.denominator),
        zero=0 if index.timeless else _zero(container, base, int(index.pts[0])),
        rotation=turns,
        counted=index.counted,
        hdr=HDR_TRANSFERS.get(int(first.frame.color_trc), ""),
        number=stream.index,
        mirrored=mirrored,
        stretch=(stretch.numerator, stretch.denominator),
    )


def orientation(frame: VideoFrame) -> tuple[int, bool]:
    """How a frame must be turned: `Stream.rotation` and `Stream.mirrored`.

    A display matrix moves a point `(p, q)` to `(a p + c q, b p + d q)`; x is to the right and y
    down. Of a matrix that mirrors, only the turn is left if `p` is mirrored before.

    Source: ISO/IEC 14496-12, 8.3.2; FFmpeg's libavutil/display.h.
    """
    try:
        matrix = cast(Any, frame.side_data)["DISPLAYMATRIX"]
    except (KeyError, ValueError):  # PyAV does not know all kinds of side data.
        return round(frame.rotation / 90) % 4, False
    a, b, _, c, d = np.frombuffer(memoryview(matrix), "=i4", 5).astype(np.float64)
    mirrored = bool(a * d - b * c < 0)
    turned = math.atan2(-b, -a) if mirrored else math.atan2(b, a)
    return round(-turned / (math.pi / 2)) % 4, mirrored


def _zero(container: InputContainer, base: Fraction, first: int) -> int:
    """The tick at which the picture or the sound begins, whichever is first."""
    begins = [
        round(sound.start_time * sound.time_base / base)
        for sound in container.streams.audio
        if sound.start_time is not None and sound.time_base
    ]
    return min([first, *begins])


def _rate(stream: VideoStream, scan: Scan) -> float:
    """Frames a second by the median step; the claimed rate if it differs by less than a tick."""
    step = median_step(scan.times) if len(scan) > 1 else 0.0
    tick = scan.stream.time_base[0] / scan.stream.time_base[1]
    claimed = [float(r) for r in (stream.average_rate, stream.guessed_rate) if r]
    near = [rate for rate in claimed if abs(1 / rate - step) <= tick or not step]
    return round([*near, 1 / step if step else scan.stream.rate][0], 6)


# --- what the user should know ------------------------------------------------------------------


def _declared_end(container: InputContainer, stream: VideoStream, facts: Stream) -> float:
    """The second at which the video ends as the file declares it, or 0 if it declares nothing."""
    zero = float(facts.begin)
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if tag:  # Matroska, of which FFmpeg knows only the duration of the longest stream.
        hours, minutes, seconds = (float(part) for part in tag.groups())
        return 3600 * hours + 60 * minutes + seconds - zero
    if stream.duration and stream.time_base:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base) - zero
    return ((container.start_time or 0) + (container.duration or 0)) / av.time_base - zero


def _break(path: Path, scan: Scan, index: Index, declared: float) -> str:
    """Says where a movie breaks off, "" if it does not.

    Args:
        path: The movie.
        scan: Its frames.
        index: How its frames were found.
        declared: The second at which the video ends as the file declares it.
    """
    if index.timeless:
        return ""
    least = declared - max(1, 0.02 * declared)
    if index.end is not None:
        zero, base = scan.stream.begin, Fraction(*scan.stream.time_base)
        if float(index.end * base - zero) >= least or _sound_end(path) - float(zero) >= least:
            return ""
    last = float(scan.times[-1])
    return f"the movie breaks off at {last:.3f} s of {declared:.0f} s; rows end there"


def _sound_end(path: Path) -> float:
    """The timestamp in seconds at which the sound ends; minus infinity if there is none."""
    end = -math.inf
    with open_movie(path) as container, suppress(av.FFmpegError, OSError, IndexError):
        for packet in container.demux(container.streams.audio) if container.streams.audio else ():
            if packet.size and packet.pts is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return end


def _warnings(path: Path, scan: Scan, index: Index, declared: float) -> Iterator[str]:
    """Yields what the user should know, or ""."""
    yield _break(path, scan, index, declared)
    if index.timeless:
        yield (
            "the stream has no timestamps: frames are counted by decoding, and their times follow "
            f"from {scan.stream.rate:g} frames per second"
        )
    if index.broken:
        packets = "1 packet" if index.broken == 1 else f"{index.broken} packets"
        yield f"{packets} did not decode and have no rows: the file is damaged"
    if scan.stream.hdr:
        yield f"HDR ({scan.stream.hdr}) is tone-mapped with a simple curve; colours are approximate"
    if dolby_vision.profile(path) == dolby_vision.ONLY_DOLBY:
        yield (
            "Dolby Vision profile 5 is read without its colour transform: colours are wrong (green "
            "and purple), and emotions less sure; convert the movie to SDR or HDR10"
        )
