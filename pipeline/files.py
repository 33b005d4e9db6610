"""Writes files atomically, and locks a movie's folder."""

import errno
import io
import os
import re
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from hashlib import sha256
from pathlib import Path
from threading import get_native_id
from typing import IO
from zlib import crc32

from filelock import FileLock, Timeout

from pipeline.errors import OutputError, TableError

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None  # type: ignore[assignment]

WINDOWS_DEVICES = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.I | re.S
)
"""Names that Windows reserves for devices, in every folder.

Source: Microsoft, "Naming Files, Paths, and Namespaces".
"""

NO_FILE = "not a file, but a pipe, a socket or a device"

SCRATCH = "mine-video-"
"""The beginning of the names of temporary folders."""

TEMPORARY = ".tmp"

HOST = socket.gethostname()
"""Part of the names of temporary files: a process on another machine may have the same number."""

OWN_TEMPORARY = re.compile(rf"\..+\.\d+{re.escape(TEMPORARY)}")
"""The pattern of temporary names: cleaning up deletes no other files."""


def open_file(path: Path) -> io.BufferedReader:
    """Opens a file to read its bytes: all of the program's own readers do so by this.

    Others may have put a pipe in its place, which would wait for ever, or a link to a device that
    never ends.

    Raises:
        OSError: It cannot be opened, or is no file.
    """
    _check_file(path.stat(), path)  # Before: to be opened alone may move a device.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        _check_file(os.fstat(descriptor), path)  # It may be another one by now.
        return os.fdopen(descriptor, "rb")
    except OSError:
        os.close(descriptor)
        raise


def content(path: Path) -> bytes:
    """All bytes of a file.

    Raises:
        OSError: See `open_file`.
    """
    with open_file(path) as file:
        return file.read()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file in hex.

    Raises:
        OSError: It cannot be read, or is no plain file.
    """
    return sha256(content(path)).hexdigest()


def _check_file(facts: os.stat_result, path: Path) -> None:
    """Refuses what is no file.

    Raises:
        OSError: It is a folder, a pipe, a socket or a device.
    """
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(errno.EINVAL, NO_FILE, str(path))


def beside(path: Path) -> Path:
    """A temporary path beside `path`, used by no other thread, process or machine."""
    # A hash, because it is short: names may be near the limit of the file system.
    writer = crc32(f"{HOST} {os.getpid()} {get_native_id()}".encode())
    return path.with_name(f".{path.name}.{writer}{TEMPORARY}")


@contextmanager
def replacing(path: Path, other: str = "folder with --output") -> Iterator[IO[bytes]]:
    """Opens a temporary file that replaces `path` once it is completely written and on disk.

    Args:
        path: The file to write or replace.
        other: What the error message advises to choose another of.

    Raises:
        OutputError: The folder is not writable, or the disk is full.
    """
    temporary = beside(path)
    try:
        make_folder(path.parent)
        if os.path.lexists(temporary):
            temporary.unlink()
        with temporary.open("xb") as file:  # Nothing that somebody else put there.
            _claim(file)
            yield file
            # Before the rename: a power cut could otherwise leave an empty file in its place.
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); "
            f"free some space or choose another {other}"
        ) from error
    finally:
        with suppress(OSError):  # The folder may not exist.
            temporary.unlink(missing_ok=True)


def clear_earlier(path: Path) -> None:
    """Removes what killed writers of a file left beside it, in a folder that nobody locks."""
    clear_unfinished(path.parent, escape(path.name))


def clear_unfinished(folder: Path, name: str = "*") -> None:
    """Removes what killed writers left in a folder that nobody locks.

    Args:
        folder: The folder.
        name: A pattern of the files that they wrote.
    """
    for left in folder.glob(f".{name}.*{TEMPORARY}"):
        if OWN_TEMPORARY.fullmatch(left.name) and left.is_file() and not left.is_symlink():
            with suppress(OSError), left.open("rb+") as file:
                if _claim(file):
                    left.unlink()


def _claim(file: IO[bytes]) -> bool:
    """Locks a temporary file while it is written; False if another process writes it.

    Windows lacks such locks, but deletes no open file either. Where a disk has none, nothing is
    ever taken for a leftover.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, and flushes each into the one that holds it.

    Otherwise a power cut could take a new folder, and with it files that were flushed.

    Raises:
        OSError: A folder cannot be made.
    """
    missing = [above for above in (folder, *folder.parents) if not above.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in reversed(missing):
        _flush_folder(made.parent)


def move(ways: Iterable[tuple[Path, Path]]) -> None:
    """Moves files to other folders of the same disk, each at once, and flushes the folders.

    Raises:
        OutputError: A file cannot be moved; those before it are.
    """
    folders: dict[Path, None] = {}
    source = target = Path()
    try:
        for source, target in ways:
            make_folder(target.parent)
            source.rename(target)
            folders |= dict.fromkeys((target.parent, source.parent))
        for folder in folders:  # Once, not for each of a thousand files.
            _flush_folder(folder)
    except OSError as error:
        raise OutputError(
            f"{source}: cannot be moved to {target.parent} ({error.strerror or error}); "
            "free some space, or check the rights of both folders"
        ) from error


def remove(paths: Iterable[Path]) -> None:
    """Removes those of the files that exist, and flushes their folders to disk.

    Raises:
        OutputError: A file cannot be removed.
    """
    path = Path()
    try:
        for path in (existing := [p for p in paths if p.exists()]):
            path.unlink()
        for folder in {p.parent for p in existing}:
            _flush_folder(folder)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be removed ({error.strerror or error}); "
            "delete it, or choose another folder with --output"
        ) from error


def read_bytes(path: Path) -> bytes | None:
    """Reads a file; None if it does not exist.

    Raises:
        TableError: The file cannot be read.
    """
    try:
        return content(path) if path.exists() else None
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror}); check its rights") from error


def _flush_folder(folder: Path) -> None:
    """Flushes a folder to disk, so that a power cut does not undo a rename in it (POSIX only)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


LOCK_PATIENCE = 2.0
"""Seconds; long enough for another process to write a decision on a crop in the review."""


@contextmanager
def locked(
    folder: Path, other: str = "folder with --output", patience: float = 0.0, *, own: bool = True
) -> Iterator[None]:
    """Locks a folder against all other processes, and clears what killed ones left there.

    Args:
        folder: The folder, which is created if it is missing, and goes again if it stays empty.
        other: What the error message advises to choose another of.
        patience: Seconds to wait for a process that holds the lock, see `LOCK_PATIENCE`.
        own: Whether this program made the folder, so that links in it are none of the user's.

    Raises:
        OutputError: Another process is writing there, or the folder cannot be written.
    """
    lock, holder = FileLock(folder / ".lock", timeout=patience), folder / ".lock-holder"
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        make_folder(folder)
        for path in (folder / ".lock", holder):
            check_lock(path)
        if own:
            check_links(folder)
        lock.acquire()
    except Timeout as error:
        raise OutputError(f"{folder}: {_holder_message(holder)}") from error
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another {other}"
        ) from error
    try:
        # Only for the message of other processes; the lock itself does not depend on it.
        with suppress(OSError):
            holder.write_text(_myself(), encoding="utf-8")
        _clear_temporary(folder)
        yield
    finally:
        _clear_temporary(folder)  # Workers that were killed leave some too.
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()
        _remove_empty(made)


def _remove_empty(made: list[Path]) -> None:
    """Removes folders, each the parent of the one before, as far as only a lock is left in them."""
    with suppress(OSError):
        if made and [path.name for path in made[0].iterdir()] == [".lock"]:
            (made[0] / ".lock").unlink()
        for folder in made:
            folder.rmdir()


def _myself() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _holder_message(holder: Path) -> str:
    """Says who holds a lock, and what to do; the file is missing just before and after."""
    who = ""
    with suppress(OSError):
        who = content(holder).decode(errors="replace")
    if who == _myself():  # "Stop it" would mean this server itself.
        return (
            "this program itself is writing there; wait until it is done (what was begun on the "
            "pages Mine and People can be cancelled there)"
        )
    return f"{who or 'another process'} is writing there; wait until it is done, or stop it"


def _clear_temporary(folder: Path) -> None:
    """Removes the temporary files that interrupted writers left in a movie's folder."""
    for entry in _entries(folder):
        if OWN_TEMPORARY.fullmatch(entry.name):
            with suppress(OSError):
                Path(entry).unlink(missing_ok=True)


def clear_leftovers(folder: Path) -> None:
    """Removes what killed writers left in a folder of the user's, unless one is at work there."""
    if any(OWN_TEMPORARY.fullmatch(entry.name) for entry in _entries(folder)):
        with suppress(OutputError), locked(folder, own=False):
            pass


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder of this process; removes those of processes that were killed.

    They may hold pictures of faces. Only POSIX can tell whether a process lives without harming it.
    """
    if os.name == "posix":
        for left in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*-*"):
            with suppress(FileNotFoundError):  # Its process has just ended, and removed it.
                if _is_left(left):
                    shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{SCRATCH}{os.getpid()}-") as name:
        yield Path(name)


def _is_left(folder: Path) -> bool:
    """Whether a temporary folder is one of this user's, of a process that ended without it.

    Raises:
        FileNotFoundError: It is not there.
    """
    number = folder.name.removeprefix(SCRATCH).partition("-")[0]
    ours = number.isdecimal() and not folder.is_symlink() and folder.stat().st_uid == os.getuid()
    return ours and not _lives(int(number))


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # It is another user's.
        return True
    return True


def check_links(folder: Path) -> None:
    """Refuses a folder in which a link would lead a writer elsewhere.

    Folders that link to others of the same movie are harmless, and so are links to files, which
    are replaced or removed themselves; but what locks a folder is written into.

    Raises:
        OutputError: A folder in it is a link to one outside, or a file of the lock is a link.
    """
    home = folder.resolve()
    for entry in _entries(folder):
        if entry.name in (".lock", ".lock-holder") or (
            entry.is_symlink() and entry.is_dir() and not is_within(Path(entry), home)
        ):
            check_no_link(Path(entry))


def check_no_link(path: Path) -> None:
    """Refuses to write into a file, or a folder, to which a link leads.

    Raises:
        OutputError: It is a link.
    """
    if path.is_symlink():
        raise OutputError(
            f"{path}: is a link to {path.resolve()}; nothing is written through it, as "
            "whoever made the folder may have meant another; remove it"
        )


def check_lock(path: Path) -> None:
    """Refuses to lock, or to write into, what somebody else put in the place of a lock's file.

    Raises:
        OutputError: It is a link, or no file.
    """
    check_no_link(path)
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: {NO_FILE}; remove it")


def is_within(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder, wherever links lead."""
    return path.resolve().is_relative_to(folder.resolve())


def _entries(folder: Path, depth: int = 3) -> "Iterator[os.DirEntry[str]]":
    """Yields all that lies in a movie's folder, to some depth; follows no links."""
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        return
    for entry in found:
        yield entry
        if depth and entry.is_dir(follow_symlinks=False):
            yield from _entries(Path(entry), depth - 1)
