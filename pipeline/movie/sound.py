"""Reads any stretch of a movie's sound, placed by its timestamps."""

import logging
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from numpy.typing import NDArray

from pipeline.movie.scan import Scan
from pipeline.movie.stream import films, open_movie, packets_of

log = logging.getLogger(__name__)

SOUND_RATE = 48_000
"""Samples per second; all sound is resampled to this."""

CHANNELS = {"mono": 1, "stereo": 2}
"""Channels of each layout; movies with more than two channels are mixed down to stereo."""

PREROLL = 0.5
"""Decoding begins this many seconds before the wanted sound: codecs need the packets before."""

JUMP = 0.015
"""Seconds; smaller gaps between a timestamp and the count of samples are container rounding."""

JUMP_BACK = 0.5
"""Seconds by which timestamps fall where one recording was joined with another."""

Samples = NDArray[np.int16]


def sound_layout(path: Path, number: int = -1) -> str:
    """The layout in `CHANNELS` in which a movie's sound is read, or "" if no sound decodes.

    Args:
        path: The movie.
        number: `Stream.number` of its pictures.

    Raises:
        MovieError: The movie cannot be opened.
    """
    with open_movie(path) as container:
        stream = _sound_track(container, number)
        if stream is None or next(_decoded(container, stream), None) is None:
            return ""
        return "mono" if stream.channels == 1 else "stereo"


def read_sound(
    path: Path, layout: str, begin: float, count: int, scan: Scan | None = None
) -> Iterator[Samples]:
    """Yields `count` samples of a movie's sound by its timestamps, with silence in the gaps.

    Reads the default sound track, or the first one if there is no default.

    Args:
        path: The movie.
        layout: One of `CHANNELS`.
        begin: The time of the first sample in seconds, on the clock of `Scan.times`.
        count: How many samples at `SOUND_RATE`.
        scan: The movie's frames, whose times begin where FFmpeg says if they are not given.

    Yields:
        Blocks `(channels, n)` of at most one second, `count` samples in all.

    Raises:
        MovieError: The movie cannot be opened.
    """
    done = 0
    for start, block in _placed_blocks(path, layout, begin, scan):
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


def _placed_blocks(
    path: Path, layout: str, begin: float, scan: Scan | None
) -> Iterator[tuple[int, Samples]]:
    """Yields blocks of sound and the number of their first sample, counted from `begin`, rising.

    Counting samples avoids the cracks that rounded timestamps would make. Where the timestamps
    jump, or drift away from the count, the count follows them.
    """
    resampler, source_format, position = None, None, 0
    for time, frame in _sound_from(path, begin, scan):
        due = round((time - begin) * SOUND_RATE)
        frame_format = frame.format.name, frame.layout.name, frame.sample_rate
        if (
            resampler is None
            or frame_format != source_format
            or abs(due - position) > JUMP * SOUND_RATE
        ):
            resampler, source_format = AudioResampler("s16p", layout, SOUND_RATE), frame_format
            position = due
        for part in resampler.resample(frame):
            yield position, np.asarray(part.to_ndarray(), np.int16)
            position += part.samples
    for part in resampler.resample(None) if resampler else ():
        yield position, np.asarray(part.to_ndarray(), np.int16)


def _sound_from(path: Path, begin: float, scan: Scan | None) -> Iterator[tuple[float, AudioFrame]]:
    """Yields decoded sound and its times, from `PREROLL` seconds before `begin` or earlier.

    Decodes from the beginning of the movie if seeking fails, or lands behind `begin`.
    """
    number, offsets = (scan.stream.number, scan.offsets) if scan else (-1, (0.0,))
    # Where time begins again, FFmpeg cannot tell the one place from the other.
    for target in (begin - PREROLL, 0.0) if len(offsets) == 1 else (0.0,):
        with open_movie(path) as container:
            stream, zero = _sound_track(container, number), _zero(container, scan)
            if stream is None or (target > 0 and not _seek(container, stream, target + zero)):
                continue
            frames = _timed_sound(container, stream, float(zero), offsets)
            first = next(frames, None)
            if first is not None and (first[0] <= begin or target <= 0):
                yield first
                yield from frames
                return


def _zero(container: InputContainer, scan: Scan | None) -> Fraction:
    """The timestamp in seconds that is time 0."""
    if scan is None:
        return Fraction(container.start_time or 0, av.time_base)
    return scan.stream.begin


def _timed_sound(
    container: InputContainer, stream: AudioStream, zero: float, offsets: tuple[float, ...]
) -> Iterator[tuple[float, AudioFrame]]:
    """Yields decoded sound and its times; a frame without a timestamp follows the one before.

    Args:
        container: The movie.
        stream: Its sound.
        zero: The timestamp in seconds that is time 0.
        offsets: `Scan.offsets`.
    """
    time, piece = math.nan, 0
    for frame in _decoded(container, stream):
        if frame.pts is not None and frame.time_base is not None:
            stamp = float(frame.pts * frame.time_base) - zero
            falls = stamp + offsets[piece] < time - JUMP_BACK
            piece += falls and piece + 1 < len(offsets)
            time = stamp + offsets[piece]
        if not math.isnan(time):
            yield time, frame
        time += frame.samples / frame.sample_rate


def _seek(container: InputContainer, stream: AudioStream, seconds: Fraction | float) -> bool:
    """Seeks to a timestamp of the sound; returns whether that worked."""
    base = stream.time_base or Fraction(1, av.time_base)
    try:
        container.seek(round(Fraction(seconds) / base), stream=stream)
    except av.FFmpegError as error:
        log.debug("cannot seek to the sound at %s s: %s", seconds, error)
        return False
    return True


def _sound_track(container: InputContainer, number: int) -> AudioStream | None:
    """The default sound track, or else the first one of the film; only tracks that FFmpeg decodes.

    Args:
        container: The movie.
        number: `Stream.number`, which tells the programme if a broadcast has several.
    """
    voices = [s for s in container.streams.audio if s.codec_context is not None]
    pictures = [s for s in films(container) if s.index == number]
    if len(films(container)) > 1 and pictures:
        own = container.streams.best("audio", related=pictures[0])
        voices.sort(key=lambda s: own is None or s.index != own.index)
    return min(voices, key=lambda s: not s.disposition & Disposition.default, default=None)


def _decoded(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Decodes the sound, skipping broken packets."""
    for packet in packets_of(container, stream):
        try:
            yield from cast(list[AudioFrame], packet.decode())
        except av.FFmpegError as error:
            log.debug("sound at %s does not decode: %s", packet.pts, error)
