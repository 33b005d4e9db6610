"""Chooses the video stream of a movie that players show."""

from collections import Counter
from contextlib import suppress
from itertools import islice
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from pipeline.movie.stream import films, open_movie

LOOKED_AT = 2000
"""Packets that are read to see which streams have more than one frame."""


def choose_film(path: Path) -> tuple[int, str]:
    """Chooses among several video streams.

    A stream of one frame is a thumbnail. Of the others the one that is flagged as the default wins,
    then the largest picture, then the first.

    Returns:
        FFmpeg's number of the stream, and what to tell the user; "" if there is only one.

    Raises:
        MovieError: The movie is missing, unreadable, or not a movie.
    """
    with open_movie(path) as container:
        found = [s for s in films(container) if s.codec_context is not None] or films(container)
        if len(found) == 1:
            return found[0].index, ""
        moving = _moving(container, found) or found
        best = max(moving, key=_rank)
        if len(moving) == 1:
            return best.index, ""
        why = "the default" if best.disposition & Disposition.default else "the largest or first"
        return best.index, (
            f"has {len(moving)} video streams; number {best.index} is used, {why} "
            f"({best.width} x {best.height}); to use another, copy that one alone into a file"
        )


def _rank(stream: VideoStream) -> tuple[bool, bool, int, int]:
    kinds = stream.disposition
    whole = not kinds & (Disposition.dependent | Disposition.still_image)
    default = bool(kinds & Disposition.default)
    return whole, default, stream.width * stream.height, -stream.index


def _moving(container: InputContainer, found: list[VideoStream]) -> list[VideoStream]:
    """The streams of more than one frame, as the file declares or its first packets show."""
    frames = Counter({s.index: s.frames for s in found})
    unknown = [s for s in found if not s.frames]
    with suppress(av.FFmpegError, OSError, IndexError):
        for packet in islice(container.demux(unknown), LOOKED_AT if unknown else 0):
            frames[packet.stream_index] += packet.size > 0
            if all(frames[s.index] > 1 for s in unknown):
                break
    return [s for s in found if frames[s.index] > 1]
