"""Pictures as pages show them: small ones of files, and those within a page."""

import base64
from functools import lru_cache
from pathlib import Path

from pipeline.frame import shrink
from pipeline.people.photo import read_photo
from pipeline.web.readings import jpeg

WIDTH = 240
"""Pixels across of a small picture: a card is half as wide, on screens with two a point."""

MOST_KEPT = 512
"""Small pictures, of some 10 kB each."""


def small(path: Path) -> bytes:
    """A picture's file as a small JPEG, whatever it is; without its EXIF data.

    Raises:
        PeopleError: It is no picture that a gallery takes.
        OSError: It is gone.
    """
    facts = path.stat()
    return _small(path, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=MOST_KEPT)
def _small(path: Path, changed: int, size: int) -> bytes:  # noqa: ARG001 - tell files apart.
    return jpeg(shrink(read_photo(path), WIDTH))


def jpeg_url(data: bytes) -> str:
    """A JPEG within a page."""
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
