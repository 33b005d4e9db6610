"""Finds the frames of a movie: from its packets where these are its frames, else by decoding.

Reading packets is a hundred times as fast as decoding. But a packet may hold one field of a frame,
or no picture; and some containers store the order of decoding only, not that in which frames are
shown. So a few stretches are decoded, where such packets are the most likely, and compared.
"""

import logging
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline.errors import MovieError
from pipeline.faces import Flags, Ints
from pipeline.movie.stream import (
    Decoded,
    demuxed,
    frames_in,
    open_video,
    packets_from,
    packets_of,
    pixel_aspect,
)

log = logging.getLogger(__name__)

PROBED = 10
"""Packets that are decoded at the beginning, after the first frame has come out."""

NEAR_KEY = 12
"""Packets after a key frame among which stretches are chosen; later ones take long to reach."""

BEYOND = 4
"""Packets that are decoded after the one for whose sake a stretch was chosen."""

MOST_HELD = 20
"""Packets after which a decoder that has given no frame gives none for some; it may hold 16."""

LONGEST_STRETCH = 300
"""Packets from a key frame to one that is decoded only because it looks unusual."""

TINY = 16
"""Bytes of a packet that may hold no picture, such as MPEG-4's "like the one before"."""

SHORT_STEP = 0.75
"""Share of the usual time between packets below which two may be the fields of one frame."""

JUMP_BACK = 0.5
"""Seconds by which the decoding times of a broadcast fall where it was joined with another."""

LARGEST_TICK = 1 << 59
"""Timestamps of a damaged file may be larger; sums of such would overflow."""

MOST_PUT_OFF = 24
"""Frames that may be shown later than they say, to give one that repeats a timestamp its own."""

TRIED_FRAMES = 24
"""Frames that are decoded after a key frame, to see whether decoding may begin there."""


def _none() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """The frames of a movie.

    Attributes:
        first: the first frame that decodes.
        pts: `(n,)` ticks at which frames are shown, rising; their numbers if timestamps are
            missing.
        keys: `(m, 2)` of the frames at which decoding may begin: `pts`, and the timestamp to seek.
        end: the tick at which the last frame ends; None if the file breaks off.
        shifted: `(n,)` timestamps that the decoder attaches to these frames; empty if they are
            `pts`.
        broken: number of packets that did not decode, if all were tried.
        counted: whether frames can only be counted from the beginning, since some have no `marks`.
        timeless: whether none has a timestamp.
    """

    first: Decoded
    pts: Ints
    keys: Ints
    end: int | None
    shifted: Ints = field(default_factory=_none)
    broken: int = 0
    counted: bool = False
    timeless: bool = False


def find_frames(path: Path, number: int) -> Index:
    """Finds the frames of a movie and their timestamps.

    Args:
        path: The movie.
        number: `Stream.number` of its video stream.

    Raises:
        MovieError: The movie is missing, unreadable, or has no frames.
    """
    opening = _sample(path, number, None, PROBED)
    if opening.first is None:
        raise MovieError(
            f"{path}: has a video stream, but none of its frames can be decoded; "
            "check that it plays elsewhere and was copied whole"
        )
    with open_video(path, number) as (container, stream):
        packets = _read_packets(container, stream)
    if len(packets.pts) == 0:
        return _counted(opening.first, *_all_frames(path, number), whole=packets.whole)
    stamps = packets.stamps
    if packets.tell_times and all(
        sample.agrees and (sample.stamps <= stamps or not packets.made_up)
        for sample in _samples(path, number, opening, packets)
    ):
        return _from_packets(path, number, opening.first, opening, packets)
    log.info("%s: finding its frames by decoding, since its packets do not tell them", path)
    return _from_frames(path, number, opening.first, packets)


# --- packets ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Packets:
    """The packets of a movie in the order of the file, without those that an edit list hides.

    Attributes:
        pts: `(n,)` timestamps; nothing if any packet has none.
        dts: `(n,)` timestamps of decoding, `pts` where there is none.
        size: `(n,)` bytes.
        end: `(n,)` timestamps at which the packets end.
        key: `(n,)` whether decoding may begin at the packet.
        jumps: positions of the packets at which time begins again.
        whole: whether the file could be read to its end.
        made_up: whether some timestamps of frames may be FFmpeg's, since of several frames in a
            packet of the container only one has a timestamp.
    """

    pts: Ints
    dts: Ints
    size: Ints
    end: Ints
    key: Flags
    jumps: Ints
    whole: bool
    made_up: bool

    @property
    def stamps(self) -> set[int]:
        """All timestamps."""
        return set(self.pts.tolist())

    @property
    def tell_times(self) -> bool:
        """Whether the timestamps are those of frames, as far as they show it alone."""
        once = not self.made_up or len(np.unique(self.pts)) == len(self.pts)
        return once and len(self.jumps) == 0


def _read_packets(container: InputContainer, stream: VideoStream) -> _Packets:
    rows: list[tuple[int, int, int, int, int]] = []
    whole = True
    try:
        for packet in demuxed(container, stream):
            # An edit list hides the frames of discarded packets.
            if packet.size and not packet.is_discard:
                if packet.pts is None:
                    rows.clear()
                    break
                rows.append(_row(packet))
    # PyAV raises IndexError for a stream that begins midway.
    except (av.FFmpegError, OSError, IndexError) as error:
        log.debug("demuxing stopped: %s", error)
        whole = False
    table = np.array(rows, np.int64).reshape(-1, 5)
    if len(table) and np.abs(table).max() > LARGEST_TICK:
        table = table[:0]
    pts, dts, size, end, key = table.T
    # In other containers FFmpeg may have made up the times of decoding.
    broadcast = container.format.name in ("mpegts", "mpeg")
    least = JUMP_BACK / float(stream.time_base) if broadcast and stream.time_base else np.inf
    falls = np.flatnonzero(-np.diff(dts) > least) + 1
    return _Packets(pts, dts, size, end, key > 0, _jumps(pts, key > 0, falls), whole, broadcast)


def _row(packet: "Packet[Any]") -> tuple[int, int, int, int, int]:
    pts, dts = packet.pts or 0, packet.dts
    end = pts + (packet.duration or 0)
    return pts, pts if dts is None else dts, packet.size, end, packet.is_keyframe


def _jumps(pts: Ints, key: Flags, falls: Ints) -> Ints:
    """Positions of the packets at which time begins again.

    These are the ones where times of decoding fall, and key frames that would be shown before a
    frame that is stored before them.
    """
    events = np.union1d(np.flatnonzero(key), falls)
    borders = np.unique(np.concatenate([[0], events])).astype(np.int64)
    highest = np.maximum.reduceat(pts, borders).tolist() if len(pts) else []
    jumps: list[int] = []
    fallen, so_far = set(falls.tolist()), None
    for begin, high in zip(borders.tolist(), highest, strict=False):
        again = so_far is not None and (begin in fallen or pts[begin] < so_far)
        if again:
            jumps.append(begin)
        so_far = high if again or so_far is None else max(so_far, high)
    return np.array(jumps, np.int64)


def _from_packets(
    path: Path, number: int, first: Decoded, opening: "_Sample", packets: _Packets
) -> Index:
    """The index if each packet is a frame, but for those before the first that decodes."""
    shown = packets.pts >= (packets.pts.min() if opening.damaged else opening.begin)
    pts, seek = np.unique(packets.pts[shown]), packets.key & shown
    keys = np.column_stack([packets.pts[seek], packets.dts[seek]])
    keys = keys[np.lexsort((keys[:, 1], keys[:, 0]))]
    # Streams may mark no key frame at all: then decoding always begins at the first frame.
    keys = keys if len(keys) else np.array([[pts[0], pts[0]]])
    end = int(packets.end.max()) if packets.whole else None
    return Index(first, pts, keys if _reaches(path, number, keys) else keys[:1], end)


def _reaches(path: Path, number: int, keys: Ints) -> bool:
    """Whether FFmpeg can seek to key frames, which it cannot in an AVI without an index.

    If it cannot, all decoding begins at the beginning, and the movie becomes a single part, since
    each of several would decode it from the beginning.
    """
    for key in keys[:0:-1][:2]:  # `decode._indexed` tries as many.
        with open_video(path, number) as (container, stream):
            packet = next(packets_from(container, stream, key), None)
            if packet is not None and (packet.pts or 0) >= keys[len(keys) // 2, 0]:
                return True
    return len(keys) < 2


# --- samples ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """A decoded stretch.

    Attributes:
        key: the timestamp of the key frame at which it begins, None at the first packet.
        fed: timestamps of its packets.
        marks: timestamps of the frames that came out, in this order.
        first: the first of these.
        ended: whether the stretch reaches to the end of the movie.
        damaged: whether a packet did not decode; what comes before the first key frame never does.
    """

    key: int | None
    fed: list[int | None]
    marks: list[int | None]
    first: Decoded | None
    ended: bool
    damaged: bool

    @property
    def begin(self) -> int:
        """The timestamp of the first frame."""
        return next((mark for mark in self.marks if mark is not None), 0)

    @property
    def stamps(self) -> set[int]:
        """The timestamps of its packets."""
        return {pts for pts in self.fed if pts is not None}

    @property
    def agrees(self) -> bool:
        """Whether packets and frames are the same, in the order of their timestamps."""
        fed = self.stamps
        marks = [m for m in self.marks if m is not None and (self.key is None or m >= self.key)]
        if not fed or not marks:
            return self.damaged or not self.fed
        last = max(fed) if self.ended else max(marks)
        packets = {pts for pts in fed if marks[0] <= pts <= last}
        rising = None not in self.marks and marks == sorted(marks)
        if self.key is not None and len(fed) - len(set(marks)) >= MOST_HELD:
            return self.damaged
        return rising and (packets == set(marks) or (self.damaged and packets > set(marks)))


def _samples(path: Path, number: int, opening: _Sample, packets: _Packets) -> Iterator[_Sample]:
    """Yields the beginning and then the other stretches."""
    yield opening
    known = [pts for pts in opening.fed if pts is not None]
    for key, count in _stretches(packets, reordered=known != sorted(known)):
        yield _sample(path, number, key, count)


def _stretches(packets: _Packets, *, reordered: bool) -> Iterator[tuple[Ints, int]]:
    """Yields where to decode: a key frame, and how many packets from there.

    The smallest packet may hold no picture, or one that is stored after another that is shown
    later. The two packets with the shortest time between them may be the fields of one frame.

    Args:
        packets: The packets.
        reordered: Whether the timestamps are known to tell such an order.
    """
    keys, size = np.flatnonzero(packets.key), packets.size
    if len(keys) == 0:
        return
    n = np.arange(len(size))
    key = keys[np.maximum(np.searchsorted(keys, n, side="right") - 1, 0)]
    after = n - key
    near = (after >= 0) & (after < NEAR_KEY)
    chosen = [] if reordered else [int(np.argmin(np.where(near, size, size.max() + 1)))]
    if size.min() < TINY:
        chosen.append(int(size.argmin()))
    order = np.argsort(packets.pts, kind="stable")
    steps = np.diff(packets.pts[order])
    if len(steps) and steps.min() < SHORT_STEP * np.median(steps):
        chosen.append(int(order[int(steps.argmin()) + 1]))
    for i in dict.fromkeys(chosen):
        # The stretch at the beginning has been decoded.
        if 0 <= after[i] < LONGEST_STRETCH and i >= PROBED - BEYOND:
            yield np.array([packets.pts[key[i]], packets.dts[key[i]]]), int(after[i]) + BEYOND


def _sample(path: Path, number: int, key: Ints | None, count: int) -> _Sample:
    """Decodes `count` packets from a key frame, and until a later frame comes out.

    Without a key frame it begins with the first packet, and counts from the first frame on.
    """
    fed: list[int | None] = []
    marks: list[int | None] = []
    aspects: dict[int | None, Fraction] = {}
    first, ended, damaged, done = None, False, False, 0
    with open_video(path, number) as (container, stream):
        some = packets_of(container, stream)
        for packet in some if key is None else packets_from(container, stream, key):
            if key is not None and not fed and packet.pts != key[0]:
                continue  # An earlier key frame, and what follows it.
            ended = packet.size == 0
            if not ended and not packet.is_discard:
                fed.append(packet.pts)
            frames = frames_in(packet)
            damaged |= frames is None and (len(marks) > 0 or packet.is_keyframe)
            aspects[packet.pts] = pixel_aspect(stream)
            for frame in frames or ():
                first = first or Decoded(frame, aspects.get(frame.pts, pixel_aspect(stream)))
                marks.append(frame.pts)
            done += first is not None or key is not None
            late = len(fed) - len(marks) >= BEYOND and done < count + MOST_HELD
            if done >= count and (key is None or not late):
                break
    return _Sample(None if key is None else int(key[0]), fed, marks, first, ended, damaged)


# --- decoding -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Frame:
    """What is kept of a decoded frame: its timestamp, whether it is a key frame, a check sum."""

    mark: int | None
    key: bool
    luma: int


def _all_frames(path: Path, number: int) -> tuple[list[_Frame], int]:
    """Decodes the movie: its frames, and the number of packets that do not decode."""
    frames: list[_Frame] = []
    broken = 0
    with open_video(path, number) as (container, stream):
        for packet in packets_of(container, stream):
            decoded = frames_in(packet)
            # What comes before the first key frame never decodes.
            broken += decoded is None and (len(frames) > 0 or packet.is_keyframe)
            frames += map(_kept, decoded or ())
    return frames, broken


def _kept(frame: VideoFrame) -> _Frame:
    return _Frame(frame.pts, bool(frame.key_frame), zlib.crc32(memoryview(frame.planes[0])))


def _counted(first: Decoded, frames: list[_Frame], broken: int, *, whole: bool) -> Index:
    """The index if some or all frames have no timestamp: times follow from the others."""
    known = [(n, frame.mark) for n, frame in enumerate(frames) if frame.mark is not None]
    numbers, ticks = np.array(known, np.int64).reshape(-1, 2).T
    n, one = np.arange(len(frames)), np.zeros((1, 2), np.int64)
    if len(ticks) > 1 and (np.diff(ticks) > 0).all() and np.abs(ticks).max() <= LARGEST_TICK:
        step = max(1, int(np.median(np.diff(ticks) / np.diff(numbers))))
        before, after = ticks[0] - step * (numbers[0] - n), ticks[-1] + step * (n - numbers[-1])
        between = np.interp(n, numbers, ticks).round().astype(np.int64)
        pts = np.where(n < numbers[0], before, np.where(n > numbers[-1], after, between))
        if (np.diff(pts) > 0).all():
            end = int(pts[-1]) + step if whole else None
            return Index(first, pts, one + pts[0], end, _none(), broken, counted=True)
    return Index(first, n, one, len(n), _none(), broken, counted=True, timeless=True)


def _from_frames(path: Path, number: int, first: Decoded, packets: _Packets) -> Index:
    """The index of the frames that the decoder outputs, in that order.

    Their timestamps need not rise: the order of decoding gives the right times, only not to the
    right frames. So the earliest time is that of the first frame, and so on.
    """
    frames, broken = _all_frames(path, number)
    if any(frame.mark is None for frame in frames):
        return _counted(first, frames, broken, whole=packets.whole)
    marks = np.array([frame.mark for frame in frames], np.int64)
    kept, pts = _rising(marks, _pieces(marks, packets), made_up=packets.made_up)
    keys = _key_frames(frames, kept, packets)
    keys = keys[_all_differ(marks[kept], keys[:, 0])]
    seek = np.column_stack([pts[keys[:, 0]], keys[:, 1]])
    if len(packets.jumps) or not _repeats(path, number, frames, kept, keys):
        seek = seek[:1]
    lasts = max(0, int(packets.end.max() - packets.pts.max()))
    end = int(pts[-1]) + lasts if packets.whole else None
    marks = marks[kept] if not np.array_equal(marks[kept], pts) else _none()
    return Index(first, pts, seek if len(seek) else np.array([[pts[0]] * 2]), end, marks, broken)


def _pieces(marks: Ints, packets: _Packets) -> Ints:
    """Numbers the pieces of a movie in which time begins again, `(n,)` rising.

    Args:
        marks: Timestamps of the frames, in the order in which they are shown.
        packets: The packets, which tell where the pieces begin.
    """
    pieces = [set(piece.tolist()) for piece in np.split(packets.pts, packets.jumps)]
    numbers, piece, last = [], 0, None
    for mark in marks.tolist():
        following = next((n for n in range(piece + 1, len(pieces)) if mark in pieces[n]), None)
        falls = last is not None and mark <= last
        if following is not None and (falls or mark not in pieces[piece]):
            piece = following
        last = mark if last is None or numbers[-1] != piece else max(last, mark)
        numbers.append(piece)
    return np.array(numbers, np.int64)


def _rising(marks: Ints, pieces: Ints, *, made_up: bool) -> tuple[Ints, Ints]:
    """Gives each frame a time of its own, later than the one before.

    Args:
        marks: `(n,)` timestamps of the frames, in the order in which they are shown.
        pieces: `(n,)` the pieces in which time begins again.
        made_up: `_Packets.made_up`.

    Returns:
        The frames, and the ticks at which they are shown. A frame that repeats a timestamp is left
        out, unless that may be made up and a time soon after is free: FFmpeg makes up too early
        ones.

    >>> marks, pieces = np.array([3, 5, 4, 6, 3, 4]), np.array([0, 0, 0, 0, 1, 1])
    >>> [found.tolist() for found in _rising(marks, pieces, made_up=False)]
    [[0, 1, 2, 3, 4, 5], [3, 4, 5, 6, 7, 8]]
    """
    kept: list[Ints] = []
    ticks: list[Ints] = []
    for piece in range(int(pieces[-1]) + 1):
        positions = np.flatnonzero(pieces == piece)
        if len(positions) == 0:
            continue
        each_once = _put_off if made_up else _first_of_each
        shown, times = each_once(marks[positions])
        if ticks:
            times = times + max(0, int(ticks[-1][-1]) + _step(ticks[-1]) - int(times[0]))
        kept.append(positions[shown])
        ticks.append(times)
    return np.concatenate(kept), np.concatenate(ticks)


def _step(times: Ints) -> int:
    return int(np.median(np.diff(times))) if len(times) > 1 else 1


def _first_of_each(marks: Ints) -> tuple[Ints, Ints]:
    """The frames of a piece to show, by position, and their ticks; see `_rising`."""
    times, first = np.unique(marks, return_index=True)
    return np.sort(first), times


def _put_off(marks: Ints) -> tuple[Ints, Ints]:
    """The same if frames that repeat a timestamp are shown a little later, where time is free.

    >>> [found.tolist() for found in _put_off(np.array([0, 2, 4, 2, 8, 8, 10]))]
    [[0, 1, 2, 3, 4, 6], [0, 2, 4, 6, 8, 10]]
    """
    ticks, step = np.sort(marks), _step(np.unique(marks))
    shown = np.ones(len(marks), bool)
    for i in np.flatnonzero(np.diff(ticks) == 0) + 1:
        if ticks[i] > ticks[i - 1]:
            continue  # A frame before it was put off, too.
        due = ticks[i - 1] + step * np.arange(1, MOST_PUT_OFF + 1)[: len(ticks) - i]
        in_time = np.flatnonzero(ticks[i : i + len(due)] > due - step * (1 - SHORT_STEP))
        if len(in_time):
            ticks[i : i + in_time[0]] = due[: in_time[0]]
        else:
            shown[i] = False
    return np.flatnonzero(shown), ticks[shown]


def _key_frames(frames: list[_Frame], kept: Ints, packets: _Packets) -> Ints:
    """The key frames `(m, 2)`: the position in `kept`, and the timestamp to seek."""
    seek = dict(zip(packets.pts[packets.key], packets.dts[packets.key], strict=True))
    keys = [
        (i, seek[frame.mark])
        for i, frame in enumerate(frames[n] for n in kept)
        if frame.key and frame.mark in seek
    ]
    return np.array(keys, np.int64).reshape(-1, 2)


def _all_differ(marks: Ints, positions: Ints) -> Flags:
    """Whether the timestamps around each key frame differ; see `_rising`.

    Where they do not, FFmpeg makes up others if reading begins there.
    """
    _, which, counts = np.unique(marks, return_inverse=True, return_counts=True)
    repeated = np.concatenate([[0], np.cumsum(counts[which] > 1)])
    stop = np.minimum(positions + TRIED_FRAMES, len(marks))
    differ = repeated[stop] == repeated[np.maximum(positions - NEAR_KEY, 0)]
    differ[:1] = True  # Decoding begins there anyway.
    return differ


def _repeats(path: Path, number: int, frames: list[_Frame], kept: Ints, keys: Ints) -> bool:
    """Whether decoding gives the same frames if it begins at a key frame; tries two of them."""
    tries = []
    for position, dts in keys[[len(keys) // 2, -1]] if len(keys) > 1 else ():
        begin = int(kept[position])
        wanted = frames[begin : begin + TRIED_FRAMES]
        seek = np.array([wanted[0].mark, dts])
        with open_video(path, number) as (container, stream):
            found = _after(packets_from(container, stream, seek), wanted[0].mark, len(wanted))
        # If a key frame is missed, `decode._indexed` takes an earlier one.
        tries += [found == wanted] if found else []
    return len(tries) > 0 and all(tries)


def _after(packets: "Iterator[Packet[VideoStream]]", mark: int | None, count: int) -> list[_Frame]:
    """Decodes `count` frames from the one with this timestamp on."""
    found: list[_Frame] = []
    for packet in packets:
        for frame in frames_in(packet) or ():
            if found or frame.pts == mark:
                found.append(_kept(frame))
        if len(found) >= count:
            break
    return found[:count]
