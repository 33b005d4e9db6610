"""Small pictures of files, as pages show them."""

from functools import lru_cache
from pathlib import Path

from pipeline.movie.frame import shrink
from pipeline.people.photo import read_photo
from pipeline.web.readings import jpeg_bytes

MOST_KEPT = 2048
"""Small pictures, of 3 to 10 kB each."""


def small(path: Path, width: int) -> bytes:
    """A picture's file as a small JPEG, whatever it is; without its EXIF data.

    Args:
        path: The file.
        width: Pixels across, at most.

    Raises:
        PeopleError: It is no picture that a gallery takes.
        OSError: It is gone.
    """
    facts = path.stat()
    return _small(path, width, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=MOST_KEPT)
def _small(path: Path, width: int, changed: int, size: int) -> bytes:  # noqa: ARG001 - which file.
    return jpeg_bytes(shrink(read_photo(path, width), width))
