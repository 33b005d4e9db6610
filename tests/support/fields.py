"""H.264 whose frames are stored as two fields, which no encoder in the test environment makes.

Every macroblock is stored as plain samples, so that each field is exact and decodes alone.

Source: ITU-T H.264, 7.3.2 (parameter sets), 7.3.3 (slice header), 7.3.5 (macroblocks, I_PCM).
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame

from pipeline.faces import Image

START = b"\0\0\0\1"
PCM = 25
"""The type of a macroblock in an I slice that holds plain samples."""

INTRA = 7
"""A slice type: all slices of the picture are I slices."""


class Bits:
    """Writes numbers of any length."""

    def __init__(self) -> None:
        self._text: list[str] = []

    def u(self, value: int, length: int = 1) -> "Bits":
        """A number of `length` bits."""
        self._text.append(f"{value:0{length}b}")
        return self

    def ue(self, *values: int) -> "Bits":
        """Numbers in exponential Golomb code."""
        for value in values:
            code = f"{value + 1:b}"
            self._text.append("0" * (len(code) - 1) + code)
        return self

    def aligned(self, *, end: bool) -> bytes:
        """The bytes so far, filled up; at the end of a unit the first bit to fill is one."""
        text = "".join(self._text) + ("1" if end else "")
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")


def write_fields(
    path: Path,
    pictures: Sequence[Image],
    *,
    whole: range = range(0),
    rate: int = 25,
    gop: int = 12,
    together: bool = False,
) -> Path:
    """Writes H.264 of which each field is a picture of its own, as AVCHD and broadcasts have it.

    Args:
        path: Where; the ending chooses the container.
        pictures: RGB; width a multiple of 16, height of 32.
        whole: The frames that are stored whole instead, as encoders do where nothing moves.
        rate: Frames a second.
        gop: Frames from one key frame to the next.
        together: Whether both fields of a frame lie in one packet.

    Returns:
        `path`.
    """
    units = [_picture(picture, n, whole=n in whole, gop=gop) for n, picture in enumerate(pictures)]
    raw = path.with_suffix(".264")
    raw.write_bytes(b"".join(b"".join(pieces) for pieces in units))
    if path == raw:
        return path
    with av.open(str(raw)) as source, av.open(str(path), "w") as target:
        film = target.add_stream_from_template(source.streams.video[0])
        for n, pieces in enumerate(units):
            for half, piece in enumerate([b"".join(pieces)] if together else pieces):
                packet = Packet(piece)
                packet.pts = packet.dts = 2 * n + half
                packet.duration = 2 if together or len(pieces) == 1 else 1
                packet.time_base, packet.stream = Fraction(1, 2 * rate), film
                packet.is_keyframe = n % gop == 0 and half == 0
                target.mux(packet)
    raw.unlink()
    return path


def _picture(picture: Image, number: int, *, whole: bool, gop: int) -> list[bytes]:
    """The units of a frame: those of each field, or of all lines; parameters before key frames."""
    yuv = VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24").to_ndarray(
        format="yuv420p"
    )
    height, width = picture.shape[:2]
    planes = yuv[:height], *yuv[height:].reshape(2, height // 2, width // 2)
    position = number % gop
    parameters = _parameters(width, height) if position == 0 else b""
    if whole:
        return [parameters + _slice(planes, position, field=None)]
    fields = [tuple(plane[half::2] for plane in planes) for half in (0, 1)]
    top, bottom = (_slice(field, position, field=half) for half, field in enumerate(fields))
    return [parameters + top, bottom]


def _parameters(width: int, height: int) -> bytes:
    sequence = Bits().u(77, 8).u(0, 8).u(40, 8).ue(0, 0, 0, 4, 2).u(0)
    sequence.ue(width // 16 - 1, height // 32 - 1).u(0).u(0).u(1).u(0).u(0)
    picture = Bits().ue(0, 0).u(0).u(0).ue(0, 0, 0).u(0).u(0, 2).ue(0, 0, 0).u(1).u(0).u(0)
    return _unit(0x67, sequence.aligned(end=True)) + _unit(0x68, picture.aligned(end=True))


def _slice(planes: Sequence[Image], position: int, *, field: int | None) -> bytes:
    """One field, or all lines of a frame, as a single slice."""
    key = position == 0 and field != 1  # The second field of a key frame counts as another picture.
    bits = Bits().ue(0, INTRA, 0).u(position % 16, 4).u(field is not None)
    if field is not None:
        bits.u(field)
    if key:
        bits.ue(0)
    bits.u((2 * position + (field or 0)) % 256, 8)
    bits.u(0, 2 if key else 1).ue(0, 1)
    return _unit(0x65 if key else 0x61, _macroblocks(bits, planes))


def _macroblocks(bits: Bits, planes: Sequence[Image]) -> bytes:
    """The data of a slice: its header, then the samples of each macroblock."""
    height, width = planes[0].shape
    data, head = b"", bits.ue(PCM).aligned(end=False)
    for y in range(0, height, 16):
        for x in range(0, width, 16):
            data += head
            for plane, side in zip(planes, (16, 8, 8), strict=True):
                top, left = y * side // 16, x * side // 16
                data += plane[top : top + side, left : left + side].tobytes()
            head = Bits().ue(PCM).aligned(end=False)
    return data + b"\x80"


def _unit(head: int, data: bytes) -> bytes:
    """A unit; a three after two zeros keeps its content apart from the start of the next one."""
    safe, zeros = bytearray(), 0
    for byte in data:
        if zeros == 2 and byte <= 3:
            safe.append(3)
            zeros = 0
        safe.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return START + bytes([head]) + bytes(safe)
