"""Copies of picture files, for the pages: no file is ever sent as it is."""

from functools import lru_cache
from pathlib import Path

from pipeline.crops import encoded
from pipeline.movie.frame import shrink
from pipeline.people.photo import read_photo
from pipeline.web.readings import QUALITY, SHOWN_WIDTH, jpeg_bytes

MOST_KEPT = 2048
"""Number of small pictures that stay in memory, of 3 to 10 kB each."""


def whole(path: Path) -> bytes:
    """Makes a JPEG of a picture of this program at its full size, such as a contact sheet.

    Raises:
        PeopleError: The file is not a picture that a gallery takes.
        OSError: The file does not exist.
    """
    return encoded(read_photo(path), QUALITY)


def large(path: Path) -> bytes:
    """Makes a JPEG of a picture, read whole and without its EXIF data, as `small` does.

    Raises:
        PeopleError: The file is not a picture that a gallery takes.
        OSError: The file does not exist.
    """
    return jpeg_bytes(read_photo(path, SHOWN_WIDTH))


def small(path: Path, width: int) -> bytes:
    """Makes a small JPEG of a picture of any format that a gallery takes, without its EXIF data.

    Args:
        path: The file.
        width: Largest width in pixels.

    Raises:
        PeopleError: The file is not a picture that a gallery takes.
        OSError: The file does not exist.
    """
    facts = path.stat()  # Time and size are part of the key: a changed file is read again.
    return _small(path, width, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=MOST_KEPT)
def _small(path: Path, width: int, changed: int, size: int) -> bytes:  # noqa: ARG001 - cache key.
    return jpeg_bytes(shrink(read_photo(path, width), width))
