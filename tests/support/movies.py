"""Small movies for tests, whole and hostile ones, with every frame known.

FFV1 in Matroska gives back the very pixels that were written; so does H.264 as `LOSSLESS`, in any
container that holds it. Matroska rounds times to milliseconds, MP4 and MPEG-TS to 1/90000 s.
"""

import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image as Pillow

from pipeline.faces import Image

TICKS = 90_000
"""Timestamps are handed to the container in this many ticks a second."""

SOUND_RATE = 48_000

H264 = {"preset": "ultrafast", "x264-params": "bframes=2:b-adapt=0:scenecut=0:threads=1"}
"""Options that make small H.264 with two frames out of order after each other one."""

LOSSLESS = {"preset": "ultrafast", "qp": "0", "x264-params": "threads=1"}
"""Options for codec `libx264rgb` that keep every pixel."""

PIXELS = {"ffv1": "bgr0", "libx264rgb": "rgb24", "png": "rgb24", "mjpeg": "yuvj420p"}
"""Pixel formats of codecs that want another than yuv420p."""


def noise(n: int, *, width: int = 32, height: int = 16, seed: int = 0) -> list[Image]:
    """Makes `n` pictures `(height, width, 3)` of which no two are alike."""
    random = np.random.default_rng(seed)
    return list(random.integers(0, 256, (n, height, width, 3), np.uint8))


def blocks(n: int, *, width: int = 64, height: int = 48, seed: int = 0) -> list[Image]:
    """Makes `n` pictures of large even blocks, which lossy codecs keep telling apart."""
    small = noise(n, width=4, height=3, seed=seed)
    return [p.repeat(height // 3, axis=0).repeat(width // 4, axis=1) for p in small]


def write_movie(
    path: Path,
    pictures: Sequence[Image],
    *,
    times: Sequence[float] | None = None,
    rate: Fraction | int = 25,
    codec: str = "ffv1",
    gop: int = 12,
    options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    aspect: Fraction | int = 1,
    last: float | None = None,
    sound: float = 0,
    cover: Image | None = None,
    title: str = "",
    **context: Any,
) -> Path:
    """Writes a movie; the name's ending chooses the container.

    Args:
        path: Where.
        pictures: RGB `(h, w, 3)`, all of the first one's size.
        times: Seconds of each picture, rising; None is one after the other at `rate`.
        rate: Frames a second that the file names.
        codec: FFmpeg's name of the encoder.
        gop: Frames from one key frame to the next.
        options: Of the encoder.
        container_options: Of the muxer.
        aspect: Width of a pixel by its height.
        last: Seconds that the last picture stays, where the container can say so.
        sound: Seconds of silence beside the pictures.
        cover: Cover art, as players show it for a song (MP4 and Matroska).
        title: Of the stream.
        context: Attributes of the encoder's context, such as `color_trc=16`.

    Returns:
        `path`.
    """
    moments: Sequence[float | Fraction] = times or [
        i / Fraction(rate) for i in range(len(pictures))
    ]
    base = Fraction(1, TICKS) if times else 1 / Fraction(rate)
    with av.open(str(path), "w", container_options=dict(container_options or {})) as container:
        film = _film(container, codec, rate, options, pictures[0])
        film.metadata["title"] = title
        film.codec_context.time_base = base
        film.codec_context.gop_size = gop
        film.codec_context.sample_aspect_ratio = Fraction(aspect)
        for name, value in context.items():
            setattr(film.codec_context, name, value)
        voice = _voice(container) if sound else None
        art = None if cover is None else _art(container, cover)
        packets = [
            packet
            for picture, time in zip(pictures, moments, strict=True)
            for packet in film.encode(_frame(picture, round(time / base), base))
        ]
        packets += film.encode()
        if last is not None:
            packets[-1].duration = round(last / base)
        container.mux(packets)
        container.mux(art or [])
        if voice is not None:
            _silence(container, voice, sound)
    return path


def write_sound(path: Path, seconds: float = 1, *, cover: Image | None = None) -> Path:
    """Writes a file without a film: silence, and cover art if given."""
    with av.open(str(path), "w") as container:
        voice = _voice(container)
        art = None if cover is None else _art(container, cover)
        container.mux(art or [])
        _silence(container, voice, seconds)
    return path


def write_nothing(path: Path, *, width: int = 32, height: int = 16) -> Path:
    """Writes a movie with a video stream that holds no frame."""
    with av.open(str(path), "w") as container:
        _film(container, "libx264", 25, None, np.zeros((height, width, 3), np.uint8))
        container.start_encoding()
    return path


def cut(path: Path, share: float) -> Path:
    """Drops the end of a file, as a broken download does, keeping `share` of its bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def spoil(path: Path, begin: float, end: float) -> Path:
    """Overwrites the bytes between two shares of a file, as a bad disk does."""
    data = path.read_bytes()
    first, last = (int(len(data) * share) for share in (begin, end))
    path.write_bytes(data[:first] + bytes(last - first) + data[last:])
    return path


def without_index(path: Path) -> Path:
    """Drops the index at the end of an AVI, as a recorder without power does."""
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"idx1")])
    return path


def swap(path: Path, old: bytes, new: bytes) -> Path:
    """Overwrites bytes by as many others, everywhere."""
    data = path.read_bytes()
    if old not in data or len(old) != len(new):
        raise ValueError(f"{path} does not hold {old!r}, or {new!r} is not as long")
    path.write_bytes(data.replace(old, new))
    return path


def glue(path: Path, *others: Path) -> Path:
    """Writes files one behind the other into `path`, as some cameras and recorders do."""
    path.write_bytes(b"".join(other.read_bytes() for other in others))
    return path


def copied(source: Path, path: Path, *, first: int = 0, ordered: bool = True) -> Path:
    """Copies the packets of a movie into another container.

    Args:
        source: The movie.
        path: Where; the ending chooses the container.
        first: Packets that are left out at the beginning, as in the middle of a broadcast.
        ordered: Whether the copy stores when frames are shown, not only when they are decoded.

    Returns:
        `path`.
    """
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        film = old.streams.video[0]
        copy = new.add_stream_from_template(film)
        step = 1 / Fraction(film.average_rate or 25) / Fraction(film.time_base or 1)
        packets = [packet for packet in old.demux(film) if packet.size]
        for number, packet in enumerate(packets):
            if not ordered:
                packet.pts = packet.dts = round(number * step)
            packet.stream = copy
            if number >= first:
                new.mux(packet)
    return path


def tracks(path: Path, *sources: Path, default: int | None = 0) -> Path:
    """Copies the films of several movies into one file, one track each.

    Args:
        path: Where; the ending chooses the container.
        sources: The movies.
        default: The track that is flagged as the default, where the container has such a flag.

    Returns:
        `path`.
    """
    with av.open(str(path), "w") as target:
        packets = []
        for number, source in enumerate(sources):
            with av.open(str(source)) as old:
                film = old.streams.video[0]
                copy = target.add_stream_from_template(film)
                copy.disposition = Disposition.default if number == default else Disposition(0)
                for packet in old.demux(film):
                    if packet.size:
                        packet.stream = copy
                        packets.append(packet)
        for packet in sorted(packets, key=lambda p: float((p.dts or 0) * p.time_base)):
            target.mux(packet)
    return path


def dolby_vision(path: Path, profile: int) -> Path:
    """Says in an H.264 MP4 whose index is last that it is Dolby Vision of this profile.

    Source: Dolby Vision Streams Within the ISO Base Media File Format, 2.1.2, section 3.1.
    """
    record = bytes([1, 0, profile << 1, 0b00101101]) + bytes(20)
    box = struct.pack(">I", 8 + len(record)) + b"dvcC" + record
    data = path.read_bytes()
    end = data.index(b"moov")
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        place = data.index(name, data.index(b"moov")) - 4
        (size,) = struct.unpack_from(">I", data, place)
        data = data[:place] + struct.pack(">I", size + len(box)) + data[place + 4 :]
        end = place + size
    path.write_bytes(data[:end] + box + data[end:])
    return path


def dolby_vision_ts(path: Path, profile: int) -> Path:
    """Says the same in each table of an MPEG-TS with one stream.

    Source: Dolby Vision Streams within the MPEG-2 Transport Stream Format, 1.2, section 3.3;
    ISO/IEC 13818-1, 2.4.4.9.
    """
    record = bytes([0xB0, 5, 1, 0, profile << 1, 0b00101101, 0])
    added = b"\x05\x04DOVI" + record
    data = path.read_bytes()
    place = data.index(b"\x00\x02\xb0") + 1
    old = data[place : place + 3 + data[place + 2]]
    head = old[:2] + bytes([old[2] + len(added)]) + old[3:-6]
    section = head + struct.pack(">H", 0xF000 + len(added)) + added
    new = section + struct.pack(">I", _crc(section))
    path.write_bytes(data.replace(old + b"\xff" * len(added), new))
    return path


def _crc(data: bytes) -> int:
    """The check sum of a table of MPEG-TS."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x104C11DB7 if value & 0x80000000 else 0)
    return value


def write_gif(path: Path, pictures: Sequence[Image], milliseconds: int = 40) -> Path:
    """Writes a GIF of pictures of few colours, each of them exact."""
    frames = [Pillow.fromarray(picture).quantize(colors=64) for picture in pictures]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=milliseconds)
    return path


def trim(path: Path, seconds: float) -> Path:
    """Hides the beginning of an MP4 or MOV with frames out of order, as phones do when they trim.

    The hidden frames stay in the file, and those after them are made from them.

    Source: ISO/IEC 14496-12, 8.6.6: an edit list's media time is where playing begins.
    """
    data = path.read_bytes()
    scale = struct.unpack_from(">I", data, data.index(b"mdhd") + 16)[0]
    place = data.index(b"elst") + 16
    (begin,) = struct.unpack_from(">i", data, place)
    later = struct.pack(">i", begin + round(seconds * scale))
    path.write_bytes(data[:place] + later + data[place + 4 :])
    return path


TURNS = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
"""Display matrices that turn a picture clockwise by degrees."""


def turn(path: Path, matrix: int | tuple[int, int, int, int]) -> Path:
    """Tells players of an MP4 or MOV to turn or mirror the picture.

    Args:
        path: The movie.
        matrix: Degrees clockwise, see `TURNS`; or `(a, b, c, d)`.

    Returns:
        `path`.

    Source: ISO/IEC 14496-12, 8.3.2: a player moves point (p, q) to (a p + c q, b p + d q); x is to
    the right and y down, so that a = 0, b = 1, c = -1, d = 0 brings the top edge to the right.
    """
    a, b, c, d = TURNS[matrix] if isinstance(matrix, int) else matrix
    data = path.read_bytes()
    still = _matrix(1, 0, 0, 1)
    place = data.index(still, data.index(b"tkhd"))
    path.write_bytes(data[:place] + _matrix(a, b, c, d) + data[place + len(still) :])
    return path


def _matrix(a: int, b: int, c: int, d: int) -> bytes:
    one = 1 << 16
    return struct.pack(">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)


def _film(
    container: OutputContainer,
    codec: str,
    rate: Fraction | int,
    options: Mapping[str, str] | None,
    picture: Image,
) -> VideoStream:
    stream = cast(VideoStream, container.add_stream(codec, rate=rate, options=dict(options or {})))
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = PIXELS.get(codec, "yuv420p")
    stream.codec_context.thread_count = 1
    return stream


def _art(container: OutputContainer, cover: Image) -> "list[Packet[VideoStream]]":
    """Adds the cover's stream, or file in Matroska; the packets are to be muxed with the film's."""
    if container.format.name == "matroska":
        png = cv2.imencode(".png", np.ascontiguousarray(cover[:, :, ::-1]))[1].tobytes()
        container.add_attachment("cover.png", "image/png", png)
        return []
    stream = _film(container, "png", 1, None, cover)
    stream.disposition = Disposition.attached_pic
    return stream.encode(_frame(cover, 0, Fraction(1))) + stream.encode()


def _voice(container: OutputContainer) -> AudioStream:
    return container.add_stream("aac", rate=SOUND_RATE, layout="mono")


def _frame(picture: Image, tick: int, base: Fraction) -> VideoFrame:
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    frame.pts, frame.time_base = tick, base
    return frame


def _silence(container: OutputContainer, stream: AudioStream, seconds: float) -> None:
    for start in range(0, round(seconds * SOUND_RATE), 1024):
        frame = AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())
