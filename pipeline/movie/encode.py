"""Writes MP4 files with H.264 and AAC, which every browser and editor plays."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from pipeline.faces import Image
from pipeline.files import replacing
from pipeline.movie.sound import SOUND_RATE, Samples

CRF = 18
"""x264's constant rate factor; at about 18 viewers no longer see a difference."""

PRESET = "veryfast"

KEY_SECONDS = 2
"""Seconds between key frames, to which a player can jump."""

BT709 = 1
"""The number of BT.709 in ISO/IEC 23091-2, the same for primaries, transfer and matrix."""


@dataclass(frozen=True, slots=True, eq=False)
class FilmPicture:
    """A picture of a film.

    Attributes:
        image: `(h, w, 3)`.
        tick: when it appears, from 0.
        lasts: how many ticks it stays.
    """

    image: Image
    tick: int
    lasts: int


@dataclass(frozen=True, slots=True, eq=False)
class FilmSound:
    """The sound of a film.

    Attributes:
        layout: one of `sound.CHANNELS`.
        blocks: as `sound.read_sound` yields them.
    """

    layout: str
    blocks: Iterator[Samples]


MADE_HERE = "made by mine-video"
"""The comment in written films, by which `is_own` recognises them."""


def is_own(path: Path) -> bool:
    """Whether `write_mp4` wrote this file."""
    try:
        with av.open(str(path)) as container:
            return container.metadata.get("comment") == MADE_HERE
    except (av.FFmpegError, ValueError):
        return False


def write_mp4(
    path: Path,
    pictures: Iterator[FilmPicture],
    base: Fraction,
    sound: FilmSound | None = None,
    *,
    quality: int = CRF,
) -> bool:
    """Writes a film to `path`, taking pictures and sound in turn.

    Args:
        path: The file to write or replace.
        pictures: Pictures in order, all of the same size. An odd height or width is padded with
            a copy of the last row or column.
        base: Seconds of one tick.
        sound: The sound from tick 0, or None.
        quality: x264's constant rate factor, 0 (lossless) to 51.

    Returns:
        Whether there was any picture; if not, nothing is written.

    Raises:
        OutputError: The file cannot be written.
    """
    first = next(pictures, None)
    if first is None:
        return False
    with replacing(
        path
    ) as file:  # By its name: faststart reopens it to move the index to the front.
        options = {"movflags": "+faststart"}
        with av.open(file.name, "w", format="mp4", container_options=options) as container:
            container.metadata["comment"] = MADE_HERE
            film = _Film(container, first, base, quality)
            voice = _Voice(container, sound) if sound else None
            while first is not None:
                film.add(first)
                if voice:
                    voice.add_until((first.tick + first.lasts) * base)
                first = next(pictures, None)
            film.close()
            if voice:
                voice.close()
    return True


class _Film:
    """The video stream."""

    def __init__(
        self, container: OutputContainer, first: FilmPicture, base: Fraction, quality: int
    ) -> None:
        rate = 1 / (base * max(1, first.lasts))
        # No B-frames: they need an edit list in MP4, which some editors do not follow exactly.
        options = {"preset": PRESET, "crf": str(quality), "bf": "0"}
        self._container, self._base = container, base
        self._stream: VideoStream = container.add_stream("libx264", rate, options)
        height, width = first.image.shape[:2]
        self._odd = height % 2, width % 2
        context = self._stream.codec_context
        context.width, context.height = width + self._odd[1], height + self._odd[0]
        context.pix_fmt, context.time_base = "yuv420p", base
        context.gop_size = max(1, round(KEY_SECONDS * rate))
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = ColorRange.MPEG
        self._reformatter = VideoReformatter()  # Keeps what FFmpeg prepares for a size.
        self._lasts: dict[int, int] = {}

    def add(self, shown: FilmPicture) -> None:
        """Encodes a picture."""
        down, right = self._odd  # yuv420p needs an even width and height.
        image = np.pad(shown.image, ((0, down), (0, right), (0, 0)), "edge")
        frame = self._reformatter.reformat(
            VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        frame.pts, frame.time_base = shown.tick, self._base
        self._lasts[shown.tick] = shown.lasts
        self._mux(self._stream.encode(frame))

    def close(self) -> None:
        """Writes the packets that the encoder held back."""
        self._mux(self._stream.encode())

    def _mux(self, packets: "list[Packet[VideoStream]]") -> None:
        for packet in packets:
            # The encoder sets no duration, and the last picture would be shown for none.
            packet.duration = self._lasts.pop(packet.pts or 0, packet.duration or 0)
        self._container.mux(packets)


@dataclass(eq=False)
class _Voice:
    """The audio stream.

    Attributes:
        container: the file.
        sound: what is encoded.
        done: samples encoded so far.
        stream: FFmpeg's stream.
    """

    container: OutputContainer
    sound: FilmSound
    done: int = 0
    stream: AudioStream = field(init=False)

    def __post_init__(self) -> None:
        self.stream = self.container.add_stream("aac", SOUND_RATE, layout=self.sound.layout)
        self.stream.codec_context.bit_rate = 192_000

    def add_until(self, seconds: Fraction) -> None:
        """Encodes the sound up to a time."""
        while self.done < seconds * SOUND_RATE:
            block = next(self.sound.blocks, None)
            if block is None:
                return
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), "s16p", self.sound.layout)
            frame.sample_rate, frame.pts = SOUND_RATE, self.done
            frame.time_base = Fraction(1, SOUND_RATE)
            self.container.mux(self.stream.encode(frame))
            self.done += block.shape[1]

    def close(self) -> None:
        """Encodes the rest of the sound."""
        self.add_until(Fraction(1 << 40))
        self.container.mux(self.stream.encode())
