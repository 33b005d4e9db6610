"""Movies and folders by URL, read through fsspec in ranges, never whole (extra: `cluster`).

A `Url` stands in the place of a `Path` wherever a movie or the folder of a walk is only named;
`Ranges` is the file behind it for those who read.
"""

import io
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import unquote

from pipeline.errors import MovieError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem
    from fsspec.caching import BlockCache

Answer = TypeVar("Answer")

SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
"""How a URL begins; one letter would be a drive of Windows."""

WEB = ("http", "https")
"""Schemes whose names are quoted, and may be followed by a query."""

BLOCK_BYTES = 1 << 19
"""What is asked for at once: at 5 Mbit/s a twelfth of a part."""

MOST_BLOCKS = 128
"""Of a movie in memory, the latest: an index of two hours has ten, a part twelve."""

TRIES = 3
"""How often a server is asked, with a longer pause each time."""

PAUSE = 1.0
"""Seconds before it is asked again."""

VERSIONS = ("ETag", "etag", "Last-Modified", "LastModified", "mtime", "updated", "last_modified")
"""What file systems call the facts that change when a file does."""

INSTALL = "pip install 'mine-video[cluster]'"


@dataclass(frozen=True, slots=True)
class Url:
    """An address, with what movies and folders need of a `Path`.

    >>> movie = Url("https://host/films/a%20b.mp4?token=1")
    >>> movie.name, movie.stem, str(Url("s3://bucket/out") / "a b")
    ('a b.mp4', 'a b', 's3://bucket/out/a b')
    """

    text: str

    @property
    def name(self) -> str:
        """The last component, without a query."""
        scheme, _, path = self.text.partition("://")
        if scheme.lower() in WEB:
            path = unquote(re.split(r"[?#]", path)[0])
        return PurePosixPath(path).name

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The ending of the name."""
        return PurePosixPath(self.name).suffix

    def __str__(self) -> str:
        return self.text

    def __fspath__(self) -> str:
        return self.text

    def __truediv__(self, name: str) -> "Url":
        return Url(f"{self.text.rstrip('/')}/{name}")

    def absolute(self) -> "Url":
        """Itself."""
        return self

    def resolve(self) -> "Url":
        """Itself."""
        return self

    def as_uri(self) -> str:
        """Itself, as text."""
        return self.text

    def is_dir(self) -> bool:
        """No: folders by URL are not looked through."""
        return False

    def exists(self) -> bool:
        """Whether something is there.

        Raises:
            MovieError: That cannot be known: no network, or no right to ask.
        """
        system, path = file_system(self)
        try:
            return bool(system.exists(path))
        except Exception as error:
            raise MovieError(_unreachable(self, error)) from error

    def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The whole content, as text.

        Raises:
            OSError: It cannot be read.
        """
        system, path = file_system(self)
        return bytes(system.cat_file(path)).decode(encoding, errors)


def place(text: str) -> Path:
    """What a text names: a `Path`, or a `Url` in its place.

    >>> place("films/a.mp4").name, place("s3://bucket/a.mp4").name, str(place("gs://b/c"))
    ('a.mp4', 'a.mp4', 'gs://b/c')
    """
    return cast("Path", Url(text)) if SCHEME.match(text) else Path(text)


def matching(pattern: Url) -> list[Path]:
    """The files that a pattern with asterisks names, sorted; web servers cannot tell.

    Raises:
        MovieError: They cannot be listed.
    """
    system, path = file_system(pattern)
    found = _asked(pattern, lambda: [str(p) for p in system.glob(path)])
    return [place(system.unstrip_protocol(p)) for p in sorted(found)]


def is_remote(path: Path | Url) -> bool:
    """Whether a movie or folder is named by a URL."""
    return isinstance(path, Url)


def size(url: Url) -> int:
    """Bytes of a file.

    Raises:
        MovieError: It is missing, no file, or cannot be reached.
    """
    return _facts(url)[0]


def file_system(url: Url) -> "tuple[AbstractFileSystem, str]":
    """The file system of a URL, and what the place is called there.

    Raises:
        MovieError: No package knows the scheme.
    """
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 - seldom needed, and an extra.

        system, path = url_to_fs(url.text)
    except (ImportError, ValueError) as error:
        raise MovieError(f"{url}: cannot be reached ({error}); {INSTALL}") from error
    return system, path


class Ranges(io.RawIOBase):
    """A remote file that is read where somebody looks, as an unbuffered file.

    Blocks are shared by all that read the same version of the file in this process.

    Args:
        url: Where it is.

    Raises:
        MovieError: It is missing, no file, or cannot be reached.
    """

    def __init__(self, url: Url) -> None:
        super().__init__()
        self.size, version = _facts(url)
        self.name = url.name  # FFmpeg guesses formats by it, as by a path.
        self._blocks = _blocks(url, self.size, version)
        self._place = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The place of the next byte."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Goes to a place; nothing is read yet."""
        self._place = {io.SEEK_SET: 0, io.SEEK_CUR: self._place}.get(whence, self.size) + offset
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        """Gives as many bytes, fewer only where the file ends.

        Raises:
            MovieError: The network fails, again and again. No OSError, which would pass for a
                damaged movie that ends here.
        """
        end = self.size if size is None or size < 0 else min(self._place + size, self.size)
        found = self._blocks._fetch(self._place, end) if end > self._place else b""
        self._place += len(found)
        return bytes(found)


def _facts(url: Url) -> tuple[int, str]:
    """Size of a file, and what changes when it does: something new each time, if nothing tells."""
    system, path = file_system(url)

    def ask() -> dict[str, Any]:
        system.invalidate_cache()  # What was listed before may be there no more.
        return dict(system.info(path))

    info = _asked(url, ask)
    if info.get("type") != "file" or info.get("size") is None:
        raise MovieError(
            f"{url}: not a file of known size; give a movie, from a server that tells its length"
        )
    told = [str(info[name]) for name in VERSIONS if info.get(name)]
    return int(info["size"]), " ".join(told) or str(time.monotonic_ns())


@lru_cache(maxsize=1)
def _blocks(url: Url, size: int, version: str) -> "BlockCache":
    """The latest blocks of one version of a file."""
    from fsspec.caching import BlockCache  # noqa: PLC0415 - an extra.

    del version  # It only tells one cache from another.

    def fetch(start: int, end: int) -> bytes:
        return _fetched(url, start, min(end, size))

    return BlockCache(BLOCK_BYTES, fetch, size, MOST_BLOCKS)


def _fetched(url: Url, start: int, end: int) -> bytes:
    """The bytes of a range.

    Raises:
        MovieError: They cannot be had.
    """
    system, path = file_system(url)
    found = _asked(url, lambda: bytes(system.cat_file(path, start=start, end=end)))
    if len(found) != end - start:
        raise MovieError(
            f"{url}: {len(found):,} bytes came for {end - start:,}; the movie has changed, or its "
            "server knows no ranges; put it on another one, or copy it here"
        )
    return found


def _asked(url: Url, ask: Callable[[], Answer]) -> Answer:
    """Asks a server, more than once if need be.

    Raises:
        MovieError: It does not answer, or with an error.
    """
    why: Exception = TimeoutError()
    for attempt in range(TRIES):
        time.sleep(PAUSE * attempt)
        try:
            return ask()
        except Exception as error:  # Each file system has its own.
            why = error
    if isinstance(why, FileNotFoundError):  # Where a server is not found, neither is the file.
        raise MovieError(f"{url}: no such movie, or no such server; check the address") from why
    raise MovieError(_unreachable(url, why)) from why


def _unreachable(url: Url, why: Exception) -> str:
    return f"{url}: cannot be read ({why!r}); check the address, the network and your rights"
