"""Movies with sound and subtitles for tests: flashes and beeps that begin together.

Every picture is another, so that a frame is told from its neighbours even after a lossy codec.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.stream import Disposition
from av.video.frame import VideoFrame
from pysubs2 import SSAFile

from pipeline.faces import Image
from pipeline.movie.sound import Samples
from tests.support.movies import LOSSLESS, SOUND_RATE, TICKS, blocks

BEEP_SECONDS = 0.1
LOUD = 8000
"""Of a beep; a click of a codec before it is a tenth."""


@dataclass(frozen=True, slots=True)
class Voice:
    """The sound of a film.

    Attributes:
        beeps: seconds at which they begin.
        begin: second at which the sound begins, with silence.
        rate: samples a second.
        codec: FFmpeg's name; None is uncompressed, or AAC in MP4.
        layout: FFmpeg's name.
    """

    beeps: Sequence[float]
    begin: float = 0.0
    rate: int = SOUND_RATE
    codec: str | None = None
    layout: str = "stereo"


def flashing(n: int, flashes: Sequence[int]) -> list[Image]:
    """Makes `n` dark pictures of blocks, all unlike; white ones at `flashes`."""
    pictures = [picture // 2 for picture in blocks(n)]
    for flash in flashes:
        pictures[flash] = np.full_like(pictures[flash], 255)
    return pictures


def write_reel(
    path: Path,
    pictures: Sequence[Image],
    voices: Sequence[Voice] = (),
    *,
    rate: Fraction | int = 25,
    times: Sequence[float] | None = None,
    timecode: str = "",
) -> Path:
    """Writes a lossless film with sound tracks, the last of them the default one.

    Args:
        path: Ends in .mkv, .mov or .mp4.
        pictures: All of one size.
        voices: Its sound tracks.
        rate: Frames a second.
        times: Seconds of each picture; None is one after the other.
        timecode: Of the first frame.
    """
    exact = path.suffix == ".mkv"
    base = Fraction(1, TICKS) if times else 1 / Fraction(rate)
    moments: Sequence[float | Fraction] = times or [
        i / Fraction(rate) for i in range(len(pictures))
    ]
    with av.open(str(path), "w") as container:
        codec, options = ("ffv1", {}) if exact else ("libx264rgb", LOSSLESS)
        film: Any = container.add_stream(codec, rate=rate, options=options)
        film.height, film.width = pictures[0].shape[:2]
        film.pix_fmt = "bgr0" if exact else "rgb24"
        film.codec_context.time_base = base
        film.metadata.update({"timecode": timecode} if timecode else {})
        streams = [_voice(container, voice, path, last=voice is voices[-1]) for voice in voices]
        for picture, time in zip(pictures, moments, strict=True):
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = round(time / base), base
            container.mux(film.encode(frame))
        container.mux(film.encode())
        seconds = float(moments[-1]) + 1 / float(rate)
        for stream, voice in zip(streams, voices, strict=True):
            for sound in (*_frames(voice, seconds), None):
                container.mux(stream.encode(sound))
    return path


def _voice(container: Any, voice: Voice, path: Path, *, last: bool) -> Any:
    name = voice.codec or ("pcm_s16le" if path.suffix != ".mp4" else "aac")
    stream = container.add_stream(name, rate=voice.rate, layout=voice.layout)
    stream.disposition = Disposition.default if last else Disposition(0)
    return stream


def _frames(voice: Voice, seconds: float) -> Iterator[AudioFrame]:
    samples = beeping(voice, seconds)[round(voice.begin * voice.rate) :]
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[voice.layout]
    for start in range(0, len(samples), 1024):
        part = np.repeat(samples[None, start : start + 1024], channels, axis=0)
        packed = np.ascontiguousarray(part.T).reshape(1, -1)
        frame = AudioFrame.from_ndarray(packed, "s16", voice.layout)
        frame.sample_rate, frame.time_base = voice.rate, Fraction(1, voice.rate)
        frame.pts = round(voice.begin * voice.rate) + start
        yield frame


def beeping(voice: Voice, seconds: float) -> Samples:
    """The sound from second 0: silence, and beeps of 1 kHz."""
    samples = np.zeros(round(seconds * voice.rate), np.int16)
    length = round(BEEP_SECONDS * voice.rate)
    tone = 20_000 * np.sin(2 * np.pi * 1000 * np.arange(length) / voice.rate)
    for beep in voice.beeps:
        first = round(beep * voice.rate)
        part = samples[first : first + length]
        part[:] = tone[: len(part)]
    return samples


def heard(path: Path) -> tuple[Samples, int]:
    """The first channel of a file's sound from time 0, by its timestamps, and its sample rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames: list[Any] = list(container.decode(stream))
    parts = [(frame.pts * frame.time_base, frame) for frame in frames]
    rate = int(parts[0][1].sample_rate)
    end = max(round(time * rate) + frame.samples for time, frame in parts)
    samples = np.zeros(end, np.int16)
    for time, frame in parts:
        block = frame.to_ndarray()
        one = (
            block[0] if frame.format.is_planar else block.reshape(-1, frame.layout.nb_channels).T[0]
        )
        scaled = one * 32767 if block.dtype.kind == "f" else one
        first = round(time * rate)
        skipped = max(0, -first)
        samples[first + skipped : first + len(one)] = scaled[skipped:]
    return samples, rate


def onsets(samples: Samples, rate: int) -> list[float]:
    """Seconds at which beeps begin."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > LOUD)
    fresh = np.diff(loud, prepend=-rate) > BEEP_SECONDS * rate / 2
    return [float(n) / rate for n in loud[fresh]]


def shown(path: Path) -> tuple[list[Image], list[float]]:
    """All pictures of a file and their times."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return (
            [np.asarray(f.to_ndarray(format="rgb24"), np.uint8) for f in frames],
            [float(f.pts * f.time_base) for f in frames if f.pts is not None and f.time_base],
        )


def difference(a: Image, b: Image) -> float:
    """Mean difference of two pictures, 0 to 255."""
    return float(np.abs(a.astype(np.float32) - b).mean())


def nearest(picture: Image, pictures: Sequence[Image]) -> int:
    """Which of many pictures is most like one."""
    return int(np.argmin([difference(picture, other) for other in pictures]))


def write_texts(path: Path, srt: str, pictures: Sequence[Image] = (), first: int = 0) -> Path:
    """Writes a film with a text track: subrip in Matroska, mov_text in MP4.

    Args:
        path: Where.
        srt: The text.
        pictures: The film; 100 even ones if none are given.
        first: Packets of the film that are left out at its beginning; every 12th is a key frame.

    Returns:
        `path`.
    """
    pictures = pictures or blocks(100)
    source = path.with_suffix(".srt")
    source.write_text(srt, encoding="utf-8")
    with av.open(str(source)) as texts, av.open(str(path), "w") as container:
        film = container.add_stream("libx264", rate=25, options=LOSSLESS)
        film.height, film.width = pictures[0].shape[:2]
        film.pix_fmt, film.codec_context.gop_size = "yuv420p", 12
        given = texts.streams.subtitles[0]
        write = _copier(container, given) if path.suffix == ".mkv" else _encoder(container, given)
        frames = [VideoFrame.from_ndarray(picture, format="rgb24") for picture in pictures]
        packets = [packet for frame in [*frames, None] for packet in film.encode(frame)]
        container.mux(packets[first:])
        for packet in texts.demux():
            if packet.size:
                container.mux(write(packet))
    return path


def _copier(container: Any, given: Any) -> Callable[[Any], Any]:
    stream = container.add_stream_from_template(given)

    def write(packet: Any) -> Any:
        packet.stream = stream
        return packet

    return write


def _encoder(container: Any, given: Any) -> Callable[[Any], Any]:
    stream = container.add_stream("mov_text")
    stream.codec_context.subtitle_header = SSAFile().to_string("ass").encode()

    def write(packet: Any) -> Any:
        made = stream.codec_context.encode_subtitle(given.decode2(packet))
        made.stream, made.time_base = stream, packet.time_base
        made.pts = made.dts = packet.pts
        made.duration = packet.duration
        return made

    return write
