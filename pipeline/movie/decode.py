"""Decodes any range of a movie's frames to the same pictures, wherever decoding begins."""

import threading
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, VideoReformatter

from pipeline.faces import Image, Ints
from pipeline.movie.frame import Colours, Frame, RgbFrame, YuvFrame
from pipeline.movie.scan import Scan
from pipeline.movie.stream import (
    Decoded,
    Stream,
    decoded_of,
    open_video,
    packets_from,
    packets_of,
)

PLANAR = frozenset(f"{kind}{size}p" for kind in ("yuv", "yuvj") for size in (420, 422, 444))
"""Pixel formats with 8 bits and separate planes for luma and chroma.

Chroma has at least half the resolution of luma.
"""


LUMA_SHARES = {1: (0.2126, 0.0722), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
"""Shares of red and blue in the luma by ISO/IEC 23091-2 matrix coefficients; others use BT.601."""


class _Own(threading.local):
    """What a thread has of its own: a converter must not be used by two at once.

    A converter keeps what FFmpeg prepares for a size; to prepare that takes longer than to convert
    a small picture.
    """

    def __init__(self) -> None:
        self.converter = VideoReformatter()


_OWN = _Own()


def decode_frames(path: Path, scan: Scan, start: int, stop: int) -> Iterator[Frame]:
    """Yields the frames `start <= index < stop` in presentation order.

    Frames in broken packets are left out.

    Args:
        path: The movie.
        scan: What `scan_movie` found in it.
        start: The first frame.
        stop: One past the last frame.

    Raises:
        MovieError: The movie cannot be opened.
    """
    last, times = start - 1, scan.times  # The property computes all times: read it only once.
    for index, decoded in _indexed(path, scan, start):
        if index >= stop:
            return
        if index > last:
            yield _frame(index, float(times[index]), decoded, scan.stream)
            last = index


def _indexed(path: Path, scan: Scan, start: int) -> Iterator[tuple[int, Decoded]]:
    """Yields frames with their numbers, from the last usable key frame at or before `start`.

    Some containers seek past the requested place, and some key frames do not give a whole picture
    at once. Then decoding begins at the previous key frame, or else at the beginning.
    """
    number = scan.stream.number
    if scan.stream.counted:  # Without timestamps frames can only be counted from the beginning.
        with open_video(path, number) as (container, stream):
            yield from enumerate(decoded_of(stream, packets_of(container, stream)))
        return
    keys, numbers = scan.key_frames, _Numbers(scan.marks)
    last = int(np.searchsorted(keys, start, side="right")) - 1
    for key in (last, last - 1, 0):
        border = int(keys[key]) if key > 0 else 0
        landed, index = key <= 0, border - 1
        seek = np.array([scan.marks[border], scan.keys[key, 1]])
        with open_video(path, number) as (container, stream):
            if key > 0:
                packets = packets_from(container, stream, seek, numbers=number >= 0)
            else:
                packets = packets_of(container, stream, numbers=number >= 0)
            for decoded in decoded_of(stream, packets):
                found = numbers.following(index, decoded.frame.pts)
                if found < border:
                    # Unknown to the scan, or damaged because it refers to frames before the key.
                    continue
                if not landed and found > start:
                    break  # The seek landed too late: try an earlier key frame.
                landed, index = True, found
                yield index, decoded
        if landed:
            return


class _Numbers:
    """Finds the numbers of frames by the timestamps that the decoder attaches to them."""

    def __init__(self, marks: Ints) -> None:
        self._order = np.argsort(marks, kind="stable")
        self._marks = marks[self._order]

    def following(self, index: int, mark: int | None) -> int:
        """The first frame after `index` with this timestamp, or -1 if there is none."""
        if mark is None:
            return -1
        position = int(np.searchsorted(self._marks, mark))
        while position < len(self._marks) and self._marks[position] == mark:
            if self._order[position] > index:
                return int(self._order[position])
            position += 1
        return -1


def _frame(index: int, time: float, decoded: Decoded, stream: Stream) -> Frame:
    """Keeps a frame as planes where they hold the final picture, or else converts it to RGB."""
    frame, content = decoded.frame, _content(decoded, stream)
    plain = frame.format.name in PLANAR and not frame.interlaced_frame and not stream.hdr
    if not plain or content != (frame.width, frame.height) or content != _canvas(stream):
        return RgbFrame(index, time, _picture(frame, content, stream))
    planes = [_plane(plane, stream) for plane in frame.planes]
    return YuvFrame(index, time, planes, _colours(frame), partial(_picture, frame, content, stream))


def _canvas(stream: Stream) -> tuple[int, int]:
    """The width and height of a frame before it is turned."""
    sideways = stream.rotation % 2
    return (stream.height, stream.width) if sideways else (stream.width, stream.height)


def _content(decoded: Decoded, stream: Stream) -> tuple[int, int]:
    """The width and height of the picture within the frame, before it is turned.

    A picture whose size or shape changes in the middle of a movie is fitted in.
    """
    canvas = _canvas(stream)
    width = decoded.frame.width * decoded.aspect * Fraction(*stream.stretch)
    if not width:
        return canvas
    scale = min(canvas[0] / width, Fraction(canvas[1], decoded.frame.height))
    fitted = max(1, round(width * scale)), max(1, round(decoded.frame.height * scale))
    # Half a pixel is rounding: `canvas` is in whole pixels, too.
    return canvas if max(abs(a - b) for a, b in zip(fitted, canvas, strict=True)) <= 1 else fitted


def _plane(plane: VideoPlane, stream: Stream) -> Image:
    """The pixels of a plane, upright; those of most movies are not copied."""
    # FFmpeg pads each line to `line_size` bytes.
    lines = np.asarray(memoryview(plane)).reshape(plane.height, plane.line_size)
    pixels = lines[:, : plane.width]
    return _upright(pixels, stream) if stream.mirrored or stream.rotation else pixels


def _upright(image: Image, stream: Stream) -> Image:
    """Mirrors and turns a picture as players show it."""
    mirrored = image[:, ::-1] if stream.mirrored else image
    return np.ascontiguousarray(np.rot90(mirrored, stream.rotation))


def _colours(frame: VideoFrame) -> Colours:
    full = frame.format.name.startswith("yuvj") or int(frame.color_range) == ColorRange.JPEG
    red, blue = LUMA_SHARES.get(int(frame.colorspace), (0.299, 0.114))
    return Colours(red, blue, full)


def _picture(frame: VideoFrame, content: tuple[int, int], stream: Stream) -> Image:
    """Converts to RGB: square pixels, upright, progressive, SDR, in the size of the stream."""
    width, height = content
    # In one thread: workers share the cores.
    rgb = _OWN.converter.reformat(frame, width, height, "rgb24", threads=1)
    image = np.asarray(rgb.to_ndarray(), np.uint8)
    if frame.interlaced_frame:
        # Only one field, stretched: better deinterlacers use the frames around, but a picture must
        # not depend on them, since a part may begin at any key frame.
        image = cv2.resize(image[::2], (width, height), interpolation=cv2.INTER_LINEAR)
    if stream.hdr:
        image = cv2.LUT(image, _tone_curve(stream.hdr))
    return _upright(_with_borders(image, _canvas(stream)), stream)


def _with_borders(image: Image, size: tuple[int, int]) -> Image:
    """Centres a picture on black."""
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    canvas[top : top + height, left : left + width] = image
    return canvas


@lru_cache
def _tone_curve(transfer: str) -> Image:
    """Maps 8-bit PQ or HLG values to 8-bit display values, `(256,)`.

    The curve is ITU-R BT.2100-2 to linear light, in which 1 is BT.2408's reference white of
    203 cd/m2; then Reinhard's x / (1 + x), scaled to keep white; then gamma 1 / 2.2.

    Source: ITU-R BT.2100-2, tables 4 and 5; ITU-R BT.2408.
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
