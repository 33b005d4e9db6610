"""Reads movies and folders by URL through fsspec, in ranges and never whole (extra: `cluster`).

A `Url` takes the place of a `Path` where code only names a movie or the folder of a walk; `Ranges`
is the open file for code that reads it.
"""

import io
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import unquote

from pipeline import files
from pipeline.errors import PIP, MovieError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem
    from fsspec.caching import BlockCache

Read = TypeVar("Read")

SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)(::[^/]*)?://", re.IGNORECASE)
"""The beginning of a URL, or of a chain of them; a single letter would be a Windows drive."""

WEB = ("http", "https")
"""Schemes whose paths are percent-encoded and may have a query."""

BLOCK_BYTES = 1 << 19
"""The size of one request; a twelfth of a part of the walk at 5 Mbit/s."""

STEADY_BLOCKS = 32
"""After this many blocks in a row the reader is a scan, not a part, which has 12 at 5 Mbit/s."""

AHEAD_BLOCKS = 8
"""Blocks in one request of a scan, so that it does not wait for the server at every block."""

MOST_BLOCKS = 128
"""The most blocks of a movie in memory; the index of two hours takes ten, a part twelve."""

TRIES = 3
"""How often a request is tried, with a longer pause each time."""

PAUSE = 1.0
"""Seconds before the second try; twice as many before the third."""

WAIT = 600.0
"""Seconds that a server may keep the program waiting in all, beside those that its bytes earn."""

SLOWEST = 1 << 16
"""Bytes that earn a second more: a stream of half a megabit per second is slower than any film."""

LONGEST_WAIT = 86_400.0
"""Seconds that a server may keep the program waiting in all, however much it sends: a day."""

FORGIVEN = 3600.0
"""After so many seconds without a request another walk begins, which waits anew."""

VERSIONS = ("ETag", "etag", "Last-Modified", "LastModified", "mtime", "updated", "last_modified")
"""Names that file systems give to the facts that change when a file does."""

INSTALL = f"{PIP} install 'mine-video[cluster]'"

STORES = ("file", "s3", "s3a", "gs", "gcs")
"""Schemes without queries, where ? and # may be part of a name."""

OPENED_SCHEMES = (*WEB, *STORES)
"""All schemes that are opened: fsspec knows more, which unpack archives or run commands."""

BRACKETED = re.compile(r"\[[\da-f:.%]*\]", re.IGNORECASE)
"""The address of a host in IPv6."""

CHAIN = "::"
"""By which fsspec joins addresses, each of which it would open."""

ADDRESS = re.compile(r"""[a-z][a-z0-9+.-]+://[^\s'"<>]+""", re.IGNORECASE)
"""A URL in a sentence."""

GONE = (404, 410)
"""HTTP statuses of a file that does not exist, or no longer exists."""

CUT_PASSWORD = re.compile(r"[^/?#@\[\]:]*:(?!\d*[/?#])[^/?#@]*[/?#].*@")
"""The rest of a URL after ://, if what looks like its port is a password with / or # or ? in it."""

REFUSED_STATUSES = (401, 403)
"""HTTP statuses of missing rights; trying again is as useless as after a 404."""


def bare_address(address: str) -> str:
    """An address that is safe to show: without user, password and tokens.

    >>> bare_address("rtsp://me:secret@door/1?password=secret")
    'rtsp://door/1'
    >>> bare_address("https://host/a.mp4?token=1#t"), bare_address("http://host?to=me@home")
    ('https://host/a.mp4', 'http://host')
    >>> bare_address("s3://key:secret@bucket/#1?.mp4"), bare_address("0")
    ('s3://bucket/#1?.mp4', '0')
    >>> bare_address("rtsp://me:a/b@door/1"), bare_address("rtsp://me:a#b@door:80/1")
    ('rtsp://door/1', 'rtsp://door:80/1')
    >>> bare_address("http://h:80/a@b.mp4"), bare_address("zip://a::http://me:secret@host/b")
    ('http://h:80/a@b.mp4', 'zip://…')
    """
    scheme, mark, rest = address.partition("://")
    if CHAIN in BRACKETED.sub("", rest):
        return f"{scheme}://…"
    if CUT_PASSWORD.match(rest):
        rest = rest.rpartition("@")[2]
    if scheme.lower() not in STORES:
        rest = re.split(r"[?#]", rest)[0]
    host, slash, path = rest.partition("/")
    return scheme + mark + host.rpartition("@")[2] + slash + path


def without_secrets(why: object) -> str:
    """The text of another library's error, with its addresses safe to show.

    >>> without_secrets(OSError("no http://me:secret@host/a?token=1, sorry"))
    'no http://host/a sorry'
    """
    return ADDRESS.sub(lambda match: bare_address(match[0]), str(why))


@dataclass(frozen=True, slots=True, repr=False)
class Url:
    """A URL with the part of `Path`'s interface that movies and folders need.

    `str` gives only the `bare_address`; `os.fspath` gives the whole URL, with its secrets.

    >>> movie = Url("https://me:secret@host/films/a%20b.mp4?token=1")
    >>> movie.name, movie.stem, str(movie), str(Url("s3://bucket/out") / "a b")
    ('a b.mp4', 'a b', 'https://host/films/a%20b.mp4', 's3://bucket/out/a b')
    """

    text: str

    @property
    def name(self) -> str:
        """The last component of the path, without a query."""
        scheme, _, path = self.text.partition("://")
        if scheme.lower() in WEB:
            path = unquote(re.split(r"[?#]", path)[0])
        return PurePosixPath(path).name

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The suffix of the name, with its dot."""
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
        """Returns the URL itself."""
        return self

    def resolve(self) -> "Url":
        """Returns the URL itself."""
        return self

    def as_uri(self) -> str:
        """Returns the whole URL as text."""
        return self.text

    def is_dir(self) -> bool:
        """Always False: folders by URL are not searched for movies."""
        return False

    def exists(self) -> bool:
        """Whether the URL leads to a file or folder.

        Raises:
            MovieError: The server cannot be reached, or refuses to answer.
        """
        system, path = file_system(self)
        try:
            _with_retries(self, lambda: system.info(path))
        except MovieError as error:
            if _is_gone(error.__cause__):
                return False
            raise
        return True

    def read_bytes(self) -> bytes:
        """Reads the whole file.

        Raises:
            OSError: The file cannot be read.
        """
        system, path = file_system(self)
        try:
            return bytes(system.cat_file(path))
        except FileNotFoundError as error:
            raise FileNotFoundError(str(self)) from error
        except Exception as error:  # Each file system has its own exceptions.
            raise OSError(without_secrets(error)) from error


def path_or_url(text: str) -> Path:
    """Makes a `Path` of a text, or a `Url` typed as a `Path`.

    >>> path_or_url("films/a.mp4").name, path_or_url("s3://bucket/a.mp4").name
    ('a.mp4', 'a.mp4')
    >>> str(path_or_url("gs://b/c"))
    'gs://b/c'
    """
    return cast("Path", Url(text)) if SCHEME.match(text) else Path(text)


def read_whole(path: Path) -> bytes:
    """All bytes of a file, on disk or by URL.

    Raises:
        OSError: It cannot be read, or is no file.
    """
    return path.read_bytes() if isinstance(path, Url) else files.content(path)


def matching_files(pattern: Url) -> list[Path]:
    """The files that match a pattern with asterisks, sorted; on a web server, those that it lists.

    Raises:
        MovieError: The files cannot be listed.
    """
    system, path = file_system(pattern)
    paths = _with_retries(pattern, lambda: [str(p) for p in system.glob(path)])
    return [path_or_url(system.unstrip_protocol(p)) for p in sorted(paths)]


def is_remote(path: Path | Url) -> bool:
    """Whether a movie or folder is given by URL."""
    return isinstance(path, Url)


def connects(path: Path | Url) -> bool:
    r"""Whether reading from a path connects to another computer.

    >>> [connects(path_or_url(p)) for p in ("https://host/a.mp4", "file:///a.mp4", "a.mp4")]
    [True, False, False]
    >>> connects(PureWindowsPath(r"\\host\films\a.mp4")), connects(PureWindowsPath(r"C:\a.mp4"))
    (True, False)
    """
    text = os.fspath(path)
    if isinstance(path, Url):
        scheme, _, rest = text.partition("://")
        return scheme.lower() != "file" or not rest.startswith("/") or rest[1:2] in ("/", "\\")
    return isinstance(path, PureWindowsPath) and path.drive[:2] in ("\\\\", "//")


def remote_size(url: Url) -> int:
    """The size of a file in bytes.

    Raises:
        MovieError: It is missing, not a file, or cannot be reached.
    """
    return _facts(url)[0]


def file_system(url: Url) -> "tuple[AbstractFileSystem, str]":
    """The fsspec file system of a URL, and the path in it.

    Raises:
        MovieError: The scheme is none of `OPENED_SCHEMES`, no installed package knows it, or the
            URL is a chain of several.
    """
    scheme, mark, rest = url.text.partition("://")
    if scheme.lower() not in OPENED_SCHEMES or CHAIN in url.text:
        what = "it joins several addresses" if CHAIN in url.text else f"{scheme}:// is not opened"
        raise MovieError(
            f"{url}: cannot be reached ({what}); give another address, one of "
            f"{', '.join(f'{known}://' for known in OPENED_SCHEMES)}"
        )
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 - rarely needed, and an extra.
    except ImportError as error:
        raise MovieError(f"{url}: cannot be reached ({error}); {INSTALL}") from error
    try:
        system, path = url_to_fs(scheme.lower() + mark + rest, **_options(scheme.lower()))
    except ImportError as error:  # Its message says which package to install.
        how = f"; {INSTALL}" if scheme.lower() in WEB else ""
        raise MovieError(f"{url}: cannot be reached: {without_secrets(error)}{how}") from error
    except Exception as error:  # Each file system has its own exceptions.
        raise MovieError(
            f"{url}: cannot be reached ({type(error).__name__}: {without_secrets(error)}); check "
            "the address"
        ) from error
    return system, path


def _options(scheme: str) -> dict[str, Any]:
    """The options of a scheme's file system."""
    if scheme not in WEB:
        return {}
    from pipeline.movie.answers import web_options  # noqa: PLC0415 - an extra.

    return web_options()


class Ranges(io.RawIOBase):
    """A remote file, opened for reading, that fetches only the ranges that are read.

    All readers of the same version of a file in this process share its blocks.

    Args:
        url: The URL of the file.

    Raises:
        MovieError: It is missing, not a file, or cannot be reached.
    """

    def __init__(self, url: Url) -> None:
        super().__init__()
        self.size, version = _facts(url)
        self.name = url.name  # FFmpeg guesses the format by it, as by a path.
        self._blocks = _blocks(url, self.size, version)
        self._position = 0

    def readable(self) -> bool:
        """Always True."""
        return True

    def seekable(self) -> bool:
        """Always True."""
        return True

    def tell(self) -> int:
        """The position of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a position without reading."""
        self._position = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}.get(
            whence, self.size
        ) + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Reads `size` bytes, fewer only at the end of the file.

        Raises:
            MovieError: The network failed at every try. It is no OSError, since that would look
                like a damaged movie that ends here.
        """
        end = self.size if size is None or size < 0 else min(self._position + size, self.size)
        data = self._blocks._fetch(self._position, end) if end > self._position else b""
        self._position += len(data)
        return bytes(data)


def _facts(url: Url) -> tuple[int, str]:
    """The size of a file, and its version, which is new each time if the server names none."""
    system, path = file_system(url)

    def ask() -> dict[str, Any]:
        system.invalidate_cache()  # The file may have changed since it was last listed.
        return dict(system.info(path))

    info = _with_retries(url, ask)
    if info.get("type") == "directory" or (_is_page(info) and url.text.endswith("/")):
        raise MovieError(
            f"{url}: is a folder; give its movies, or a pattern: '{str(url).rstrip('/')}/*.mp4'"
        )
    if info.get("type") != "file" or info.get("size") is None:
        raise MovieError(
            f"{url}: not a file of known size; give a movie on a server that sends its length"
        )
    versions = [str(info[name]) for name in VERSIONS if info.get(name)]
    return int(info["size"]), " ".join(versions) or str(time.monotonic_ns())


def _is_page(info: dict[str, Any]) -> bool:
    """Whether a web server sends an HTML page, as it does for folders."""
    return info.get("mimetype") == "text/html"


@lru_cache(maxsize=1)
def _blocks(url: Url, size: int, version: str) -> "BlockCache":
    """The cache of the latest blocks of one version of a file."""
    from fsspec.caching import BlockCache  # noqa: PLC0415 - an extra.

    del version  # It is only part of the key of `lru_cache`.
    return BlockCache(BLOCK_BYTES, _Ahead(url, size), size, MOST_BLOCKS)


class _Ahead:
    """Fetches blocks, several at once for a reader that goes on and on, as a scan does.

    Args:
        url: The URL of the file.
        size: The size of the file in bytes.
    """

    def __init__(self, url: Url, size: int) -> None:
        self._url, self._size = url, size
        self._start, self._data = 0, b""
        self._run = self._last = 0

    def __call__(self, start: int, end: int) -> bytes:
        """The bytes of a range, fewer only at the end of the file."""
        end = min(end, self._size)
        self._run = self._run + 1 if start == self._last else 1
        self._last = end
        if start < self._start or end > self._start + len(self._data):
            blocks = AHEAD_BLOCKS if self._run > STEADY_BLOCKS else 1
            stop = min(max(end, start + blocks * BLOCK_BYTES), self._size)
            self._start, self._data = start, _fetched(self._url, start, stop)
        return self._data[start - self._start : end - self._start]


def _fetched(url: Url, start: int, end: int) -> bytes:
    """Fetches the bytes of a range.

    Raises:
        MovieError: They cannot be read, or the server sends another number of bytes.
    """
    system, path = file_system(url)
    data = _with_retries(url, lambda: bytes(system.cat_file(path, start=start, end=end)))
    if len(data) != end - start:
        raise MovieError(
            f"{url}: got {len(data):,} bytes, wanted {end - start:,}; the movie has changed, or "
            "its server does not support ranges; put it on another server, or copy it here"
        )
    return data


class _Patience:
    """How long a server has kept the program waiting, and what it sent for that.

    Each request ends in time, but a movie takes thousands: a byte before each end would take years.
    """

    def __init__(self) -> None:
        self._waited, self._received, self._last = 0.0, 0, time.monotonic()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Counts how long a request takes.

        Raises:
            MovieError: There is no time left for it.
        """
        begin = time.monotonic()
        if begin - self._last > FORGIVEN:
            self._waited, self._received = 0.0, 0
        allowed = min(LONGEST_WAIT, WAIT + self._received / SLOWEST)
        if self._waited > allowed:
            waited, self._waited, self._received = self._waited, 0.0, 0  # The next walk begins.
            raise MovieError(
                f"its server kept the program waiting for {waited:,.0f} seconds in all, and what "
                f"it sent earns {allowed:,.0f}"
            )
        try:
            yield
        finally:
            self._last = time.monotonic()
            self._waited += self._last - begin

    def receive(self, data: object) -> None:
        """Counts what came."""
        self._received += len(data) if isinstance(data, bytes) else 0


@lru_cache(maxsize=1024)
def _patience(url: Url) -> _Patience:
    """The patience with a movie's server."""
    del url  # It is only the key of `lru_cache`.
    return _Patience()


def _with_retries(url: Url, ask: Callable[[], Read]) -> Read:
    """Sends a request to a server, up to `TRIES` times.

    Raises:
        MovieError: The server does not answer, or answers with an error, or was too slow in all.
    """
    patience = _patience(url)
    why: Exception = TimeoutError()
    for attempt in range(TRIES):
        time.sleep(PAUSE * attempt)
        try:
            with patience.request():
                found = ask()
        except Exception as error:  # Each file system has its own exceptions.
            why = error
            if _is_final(why):
                break
        else:
            patience.receive(found)
            return found
    raise MovieError(_unreachable(url, why)) from why


def _answer(why: BaseException) -> tuple[BaseException, int | None]:
    """The error with a web server's answer, perhaps the cause of this one; and its HTTP status."""
    cause: BaseException | None = why
    while cause is not None:
        status = getattr(cause, "status", None)
        if isinstance(status, int):
            return cause, status
        cause = cause.__cause__
    return why, None


def _is_gone(why: BaseException | None) -> bool:
    """Whether the file does not exist, as fsspec also says of a web server that is not found."""
    return isinstance(why, FileNotFoundError) and (why.__cause__ is None or _answer(why)[1] in GONE)


def _is_final(why: Exception) -> bool:
    """Whether trying again is useless."""
    return (
        _is_gone(why)
        or isinstance(why, (PermissionError, MovieError))
        or _answer(why)[1] in (*REFUSED_STATUSES, *GONE)
    )


def _unreachable(url: Url, why: Exception) -> str:
    error, status = _answer(why)
    if isinstance(why, MovieError):
        return f"{url}: {why}; put it on another server, or copy it here"
    if isinstance(why, TimeoutError):
        return f"{url}: its server was too slow, or stopped to answer; check the network"
    if status in REFUSED_STATUSES or isinstance(why, PermissionError):
        what = f"{status}: " if status else ""
        return f"{url}: {what}no right to read; has the link, or your login, expired?"
    if len(getattr(error, "history", ())) > 1:
        return f"{url}: redirects too often; give the movie's own address"
    # fsspec raises FileNotFoundError also for a server that is not found.
    if status in GONE or (isinstance(why, FileNotFoundError) and status is None):
        return f"{url}: no such movie, or no such server; check the address"
    # Not its `repr`, which also shows headers.
    what = f"{type(error).__name__}: {without_secrets(error)}"
    return f"{url}: cannot be read ({what}); check the address, the network and your rights"
