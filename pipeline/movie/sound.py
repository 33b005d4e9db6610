"""Movies in and out: the only module that decodes or encodes.

`scan_movie` reads a movie's packets without decoding them and learns the timestamp of every frame;
`decode_frames` then gives any range of frames, the same pictures wherever decoding begins.
"""

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

from pipeline.movie.stream import open_video, packets_of

log = logging.getLogger(__name__)

SOUND_RATE = 48_000
"""Samples a second of all sound that is read."""


CHANNELS = {"mono": 1, "stereo": 2}
"""Layouts of all sound that is read; more channels are mixed down to two."""


PREROLL = 0.5
"""Seconds before the wanted sound from which it is decoded: codecs need the packets before."""


JUMP = 0.015
"""Seconds that timestamps may differ from the count of samples: less is rounding of containers."""


Samples = NDArray[np.int16]


def sound_layout(path: Path) -> str:
    """Which of `CHANNELS` the movie's sound is read as; "" where it has none that decodes.

    Raises:
        MovieError: The movie cannot be opened.
    """
    with open_video(path) as (container, _):
        stream = _voice(container)
        if stream is None or next(_voiced(container, stream), None) is None:
            return ""
        return "mono" if stream.channels == 1 else "stereo"


def read_sound(path: Path, layout: str, begin: float, count: int) -> Iterator[Samples]:
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
        with open_video(path) as (container, _):
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
    for packet in packets_of(container, stream):
        try:
            yield from cast(list[AudioFrame], packet.decode())
        except av.FFmpegError as error:
            log.debug("sound at %s does not decode: %s", packet.pts, error)
