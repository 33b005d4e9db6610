"""Reads the profile of Dolby Vision, which FFmpeg knows and PyAV does not tell."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import MovieError
from pipeline.files import open_file
from pipeline.movie.remote import Ranges, Url

BOXES = (b"dvcC", b"dvvC", b"dvwC")
"""Names of the record that holds the profile, in a sample entry of MP4 and in Matroska."""

ONLY_DOLBY = 5
"""The profile whose colours (IPT-PQ-c2) only decoders of Dolby Vision can show."""

HEADER_BYTES = 1 << 16
"""Bytes at the beginning of Matroska and MPEG-TS that hold the description of the tracks."""

REGISTERED = b"\x05\x04DOVI"
"""The descriptor in MPEG-TS that announces the record, as the next descriptor or a later one."""

RECORD_TAG = 0xB0
"""The tag of the descriptor that is the record."""

MOST_DESCRIPTORS = 16
"""The most descriptors of a stream of MPEG-TS that are looked at."""

LARGEST_ENTRIES = 1 << 20
"""The most bytes of the sample entries of a track; usually a few hundred."""

MOST_BOXES = 1000
"""The most boxes beside each other that are looked at; a film in pieces may have more."""

INSIDE = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
"""Boxes of MP4 around the sample entries."""

MAPPING_DATA = b"\x41\xed"
"""The element BlockAddIDExtraData of Matroska."""


def profile(path: Path) -> int:
    """The profile of Dolby Vision that a movie declares, or 0 if it is none.

    Source: Dolby Vision Streams Within the ISO Base Media File Format, 2.1.2, section 3.1;
    Matroska, Block Additional Mappings, 2.3; Dolby Vision Streams within the MPEG-2 Transport
    Stream Format, 1.2, section 3.3.

    Raises:
        MovieError: The movie cannot be read.
    """
    if isinstance(path, Url):
        with Ranges(path) as remote:
            return _profile(remote)
    try:
        with open_file(path) as file:
            return _profile(file)
    except OSError as error:
        raise MovieError(f"{path}: cannot be read ({error.strerror}); check the path") from error


def _profile(file: "BinaryIO | Ranges") -> int:
    head = file.read(HEADER_BYTES)
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return _in(head, MAPPING_DATA)
    if REGISTERED in head:
        return _in_descriptors(head[head.index(REGISTERED) :])
    return max((_in(entries) for entries in _sample_entries(file, 0, 1 << 62)), default=0)


def _in_descriptors(data: bytes) -> int:
    """The profile in the first record among descriptors: a tag, a length, and so many bytes."""
    for _ in range(MOST_DESCRIPTORS):
        if data[:1] == bytes([RECORD_TAG]):
            return data[4] >> 1 if len(data) > 4 else 0
        data = data[2 + data[1] :] if len(data) > 1 else b""
    return 0


def _sample_entries(file: "BinaryIO | Ranges", begin: int, end: int) -> Iterator[bytes]:
    """Yields the sample entries of each track of an MP4; nothing in files of another kind."""
    for _ in range(MOST_BOXES):
        file.seek(begin)
        head = file.read(16).ljust(16, b"\0")
        size, kind, long_size = struct.unpack(">I4sQ", head)
        header, size = (16, long_size) if size == 1 else (8, size)
        if size < header or not kind.isalnum():
            return
        if kind in INSIDE:
            yield from _sample_entries(file, begin + header, begin + size)
        elif kind == b"stsd":
            file.seek(begin)
            yield file.read(min(size, LARGEST_ENTRIES))
        begin += size
        if begin >= end:
            return


def _in(data: bytes, mark: bytes = b"") -> int:
    """The profile in the first record, whose name another element may part from its content."""
    for name in BOXES:
        place = data.find(name)
        if place >= 0:
            record = data[place + 4 : place + 64]
            if mark:
                record = record.partition(mark)[2][1:]
            return record[2] >> 1 if len(record) > 2 else 0
    return 0
