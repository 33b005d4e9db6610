"""AVI files chunk by chunk, and what other programs have put into their chunks.

Source: Microsoft, "AVI RIFF File Reference"; ISO/IEC 14496-2, 6.2.5 (VOP header).
"""

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from pipeline.faces import Image

KEY = 0x10
"""The flag of a key frame in the index."""

VOP = b"\0\0\1\xb6"
PACKED = b"\0\0\1\xb2DivX503b1393p"
"""User data which says that a chunk may hold two pictures."""


def write_avi(
    path: Path, codec: bytes, size: tuple[int, int], chunks: Sequence[bytes], rate: int = 25
) -> Path:
    """Writes an AVI.

    Args:
        path: Where.
        codec: Four characters that name the codec.
        size: Width and height.
        chunks: What each frame interval holds; nothing keeps the picture of the one before. The
            first one is a key frame.
        rate: Chunks a second.

    Returns:
        `path`.
    """
    (width, height), n = size, len(chunks)
    header = struct.pack(
        "<14I", 10**6 // rate, 0, 0, KEY, n, 0, 1, 1 << 20, width, height, *[0] * 4
    )
    layout, most = "<4s4sI2H8I4h", 1 << 20
    stream = struct.pack(
        layout, b"vids", codec, 0, 0, 0, 0, 1, rate, 0, n, most, 0, 0, 0, 0, width, height
    )
    shape = struct.pack("<IiiHH4s5I", 40, width, height, 1, 24, codec, 3 * width * height, *[0] * 4)
    tracks = _list(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", shape))
    data, index = b"", b""
    for number, chunk in enumerate(chunks):
        index += struct.pack("<4s3I", b"00dc", 0 if number else KEY, 4 + len(data), len(chunk))
        data += _chunk(b"00dc", chunk)
    body = _list(b"hdrl", _chunk(b"avih", header) + tracks) + _list(b"movi", data)
    path.write_bytes(_chunk(b"RIFF", b"AVI " + body + _chunk(b"idx1", index)))
    return path


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _list(name: bytes, data: bytes) -> bytes:
    return _chunk(b"LIST", name + data)


def encoded(
    pictures: Sequence[Image], codec: str, *, between: int = 0, gop: int = 12, **options: str
) -> list[bytes]:
    """Encodes pictures; gives their packets in the order of decoding.

    Args:
        pictures: RGB, all of one size.
        codec: FFmpeg's name of the encoder.
        between: Pictures that are stored after the one that follows them.
        gop: Pictures from one key frame to the next.
        options: Of the encoder.
    """
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.height, encoder.width = pictures[0].shape[:2]
    encoder.pix_fmt, encoder.framerate, encoder.time_base = "yuv420p", Fraction(25), Fraction(1, 25)
    encoder.max_b_frames, encoder.gop_size, encoder.thread_count = between, gop, 1
    encoder.options = options
    packets = []
    for n, picture in enumerate(pictures):
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
        frame.pts = n
        packets += encoder.encode(frame)
    return [bytes(packet) for packet in [*packets, *encoder.encode()]]


def packed(packets: Sequence[bytes]) -> list[bytes]:
    """Puts each picture that is stored late into one chunk with the one before, as XviD does.

    Decoders for Windows gave one picture for each chunk: the second picture of a chunk came out at
    the next, which only says so.

    Args:
        packets: MPEG-4 with at most one picture between two others.
    """
    chunks: list[bytes] = []
    for number, packet in enumerate(packets):
        late = packet[packet.index(VOP) + 4] >> 6 == 2
        if late:
            chunks[-1] += packet
            chunks.append(unchanged())
        else:
            place = packet.index(VOP)
            chunks.append(packet[:place] + PACKED + packet[place:] if number == 0 else packet)
    return chunks


def unchanged() -> bytes:
    """An MPEG-4 picture that only says it is like the one before, at 25 frames a second."""
    return VOP + bytes([0b01010000, 0b01001111])
