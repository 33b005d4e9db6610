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

Read = TypeVar("Read")

SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
"""How a URL begins; one letter would be a drive of Windows."""

WEB = ("http", "https")
"""Schemes whose names are quoted, and may be followed by a query."""

BLOCK_BYTES = 1 << 19
"""What is asked for at once: at 5 Mbit/s a twelfth of a part."""

STEADY_BLOCKS = 32
"""Who reads more blocks than this one after the other will read on: a part at 5 Mbit/s has 12."""

AHEAD_BLOCKS = 8
"""So many blocks are asked for at once then: of a scan each request costs its time."""

MOST_BLOCKS = 128
"""Of a movie in memory, the latest: an index of two hours has ten, a part twelve."""

TRIES = 3
"""How often a server is asked, with a longer pause each time."""

PAUSE = 1.0
"""Seconds before it is asked again."""

VERSIONS = ("ETag", "etag", "Last-Modified", "LastModified", "mtime", "updated", "last_modified")
"""What file systems call the facts that change when a file does."""

INSTALL = "pip install 'mine-video[cluster]'"

STORES = ("file", "local", "memory", "s3", "s3a", "gs", "gcs", "hdfs")
"""Schemes without queries: ? and # may be part of a name there."""

ADDRESS = re.compile(r"""[a-z][a-z0-9+.-]+://[^\s'"<>]+""", re.IGNORECASE)
"""An address in a sentence."""

GONE = (404, 410)
"""Statuses of what is not there, or not any more."""

CUT_PASSWORD = re.compile(r"[^/?#@\[\]:]*:(?!\d*[/?#])[^/?#@]*[/?#].*@")
"""An address without its scheme whose port can be none: a password that holds / or # or ?."""

REFUSED_STATUSES = (401, 403)
"""Statuses of those who may not read; asking again helps no more than after a 404."""


def bare_address(address: str) -> str:
    """An address as it may be told: passwords and tokens are nobody's business.

    >>> bare_address("rtsp://me:secret@door/1?password=secret")
    'rtsp://door/1'
    >>> bare_address("https://host/a.mp4?token=1#t"), bare_address("http://host?to=me@home")
    ('https://host/a.mp4', 'http://host')
    >>> bare_address("s3://key:secret@bucket/#1?.mp4"), bare_address("0")
    ('s3://bucket/#1?.mp4', '0')
    >>> bare_address("rtsp://me:a/b@door/1"), bare_address("rtsp://me:a#b@door:80/1")
    ('rtsp://door/1', 'rtsp://door:80/1')
    >>> bare_address("http://h:80/a@b.mp4")
    'http://h:80/a@b.mp4'
    """
    scheme, mark, rest = address.partition("://")
    if CUT_PASSWORD.match(rest):
        rest = rest.rpartition("@")[2]
    if scheme.lower() not in STORES:
        rest = re.split(r"[?#]", rest)[0]
    host, slash, path = rest.partition("/")
    return scheme + mark + host.rpartition("@")[2] + slash + path


def without_secrets(why: object) -> str:
    """What somebody else says of an error, with its addresses as they may be told.

    >>> without_secrets(OSError("no http://me:secret@host/a?token=1, sorry"))
    'no http://host/a sorry'
    """
    return ADDRESS.sub(lambda found: bare_address(found[0]), str(why))


@dataclass(frozen=True, slots=True, repr=False)
class Url:
    """An address, with what movies and folders need of a `Path`.

    As text it is what may be told: `bare_address`. `os.fspath` gives all of it.

    >>> movie = Url("https://me:secret@host/films/a%20b.mp4?token=1")
    >>> movie.name, movie.stem, str(movie), str(Url("s3://bucket/out") / "a b")
    ('a b.mp4', 'a b', 'https://host/films/a%20b.mp4', 's3://bucket/out/a b')
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
        return bare_address(self.text)

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"

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
            _asked(self, lambda: system.info(path))
        except MovieError as error:
            if _is_gone(error.__cause__):
                return False
            raise
        return True

    def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The whole content, as text.

        Raises:
            OSError: It cannot be read.
        """
        system, path = file_system(self)
        try:
            found = bytes(system.cat_file(path))
        except FileNotFoundError as error:
            raise FileNotFoundError(str(self)) from error
        except Exception as error:  # Each file system has its own.
            raise OSError(without_secrets(error)) from error
        return found.decode(encoding, errors)


def path_or_url(text: str) -> Path:
    """What a text names: a `Path`, or a `Url` in its place.

    >>> path_or_url("films/a.mp4").name, path_or_url("s3://bucket/a.mp4").name
    ('a.mp4', 'a.mp4')
    >>> str(path_or_url("gs://b/c"))
    'gs://b/c'
    """
    return cast("Path", Url(text)) if SCHEME.match(text) else Path(text)


def matching_files(pattern: Url) -> list[Path]:
    """The files that a pattern with asterisks names, sorted; of a web server, what it lists.

    Raises:
        MovieError: They cannot be listed.
    """
    system, path = file_system(pattern)
    found = _asked(pattern, lambda: [str(p) for p in system.glob(path)])
    return [path_or_url(system.unstrip_protocol(p)) for p in sorted(found)]


def is_remote(path: Path | Url) -> bool:
    """Whether a movie or folder is named by a URL."""
    return isinstance(path, Url)


def remote_size(url: Url) -> int:
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
    scheme, mark, rest = url.text.partition("://")
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 - seldom needed, and an extra.
    except ImportError as error:
        raise MovieError(f"{url}: cannot be reached ({error}); {INSTALL}") from error
    try:
        system, path = url_to_fs(scheme.lower() + mark + rest)
    except ImportError as error:  # It says which package to install.
        how = f"; {INSTALL}" if scheme.lower() in WEB else ""
        raise MovieError(f"{url}: cannot be reached: {without_secrets(error)}{how}") from error
    except ValueError as error:
        raise MovieError(
            f"{url}: cannot be reached ({without_secrets(error)}); give another address, as "
            "https:// or s3://"
        ) from error
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
    if info.get("type") == "directory" or (_is_page(info) and url.text.endswith("/")):
        raise MovieError(
            f"{url}: a folder; give its movies, or a pattern: '{str(url).rstrip('/')}/*.mp4'"
        )
    if info.get("type") != "file" or info.get("size") is None:
        raise MovieError(
            f"{url}: not a file of known size; give a movie, from a server that tells its length"
        )
    versions = [str(info[name]) for name in VERSIONS if info.get(name)]
    return int(info["size"]), " ".join(versions) or str(time.monotonic_ns())


def _is_page(info: dict[str, Any]) -> bool:
    """Whether a web server sends a page to be looked at, as it does of folders."""
    return info.get("mimetype") == "text/html"


@lru_cache(maxsize=1)
def _blocks(url: Url, size: int, version: str) -> "BlockCache":
    """The latest blocks of one version of a file."""
    from fsspec.caching import BlockCache  # noqa: PLC0415 - an extra.

    del version  # It only tells one cache from another.
    return BlockCache(BLOCK_BYTES, _Ahead(url, size), size, MOST_BLOCKS)


class _Ahead:
    """Fetches blocks, and several at once for those who read on and on, as a scan does.

    Args:
        url: Of the file.
        size: Its bytes.
    """

    def __init__(self, url: Url, size: int) -> None:
        self._url, self._size = url, size
        self._start, self._found = 0, b""
        self._run = self._last = 0

    def __call__(self, start: int, end: int) -> bytes:
        """The bytes of a range, fewer only where the file ends."""
        end = min(end, self._size)
        self._run = self._run + 1 if start == self._last else 1
        self._last = end
        if start < self._start or end > self._start + len(self._found):
            blocks = AHEAD_BLOCKS if self._run > STEADY_BLOCKS else 1
            stop = min(max(end, start + blocks * BLOCK_BYTES), self._size)
            self._start, self._found = start, _fetched(self._url, start, stop)
        return self._found[start - self._start : end - self._start]


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


def _asked(url: Url, ask: Callable[[], Read]) -> Read:
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
            if _is_final(why):
                break
    raise MovieError(_unreachable(url, why)) from why


def _answer(why: BaseException) -> tuple[BaseException, int | None]:
    """The error that says what a web server answered, perhaps the cause of this one; its status."""
    here: BaseException | None = why
    while here is not None:
        status = getattr(here, "status", None)
        if isinstance(status, int):
            return here, status
        here = here.__cause__
    return why, None


def _is_gone(why: BaseException | None) -> bool:
    """Whether nothing is there; where a web server is not found, fsspec finds no file either."""
    return isinstance(why, FileNotFoundError) and (why.__cause__ is None or _answer(why)[1] in GONE)


def _is_final(why: Exception) -> bool:
    """Whether asking again helps nothing."""
    return (
        _is_gone(why)
        or isinstance(why, PermissionError)
        or _answer(why)[1] in (*REFUSED_STATUSES, *GONE)
    )


def _unreachable(url: Url, why: Exception) -> str:
    error, status = _answer(why)
    if status in REFUSED_STATUSES or isinstance(why, PermissionError):
        what = f"{status}: " if status else ""
        return f"{url}: {what}no right to read; is the link, or what you log in with, expired?"
    if len(getattr(error, "history", ())) > 1:
        return f"{url}: leads from one address to the next, and nowhere; give the movie's own"
    # Where a server is not found, fsspec finds no file.
    if status in GONE or (isinstance(why, FileNotFoundError) and status is None):
        return f"{url}: no such movie, or no such server; check the address"
    # Its `repr` would tell headers, too.
    what = f"{type(error).__name__}: {without_secrets(error)}"
    return f"{url}: cannot be read ({what}); check the address, the network and your rights"
