"""Files that are there whole or not at all, and the lock of a movie's folder."""

import os
import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_native_id
from typing import IO
from zlib import crc32

from filelock import FileLock, Timeout

from pipeline.errors import OutputError, TableError

WINDOWS_DEVICES = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.I | re.S
)
"""Names that Windows takes for devices, whatever folder they are in.

Source: Microsoft, "Naming Files, Paths, and Namespaces".
"""


TEMPORARY = ".tmp"


HOST = socket.gethostname()
"""In the names of temporary files: on another machine a process of the same number may write too.
"""


OWN_TEMPORARY = re.compile(rf"\..+\.\d+{re.escape(TEMPORARY)}")
"""What the name of a temporary file looks like: nothing else is ever deleted for one."""


def beside(path: Path) -> Path:
    """Where to write what will take the place of `path`: nobody else's, on no other machine."""
    # One number, and a short one: names may be near the file system's limit.
    writer = crc32(f"{HOST} {os.getpid()} {get_native_id()}".encode())
    return path.with_name(f".{path.name}.{writer}{TEMPORARY}")


@contextmanager
def replacing(path: Path, other: str = "folder with --output") -> Iterator[IO[bytes]]:
    """Opens a temporary file that takes the place of `path` when all is written and on disk.

    Args:
        path: Where to write.
        other: What to choose another of, where that cannot be.

    Raises:
        OutputError: The folder is not writable or the disk is full.
    """
    temporary = beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
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
        with suppress(OSError):  # Where the place itself cannot be, neither can the file.
            temporary.unlink(missing_ok=True)


def remove(paths: Iterable[Path]) -> None:
    """Removes those files that are there, and brings that to disk.

    Raises:
        OutputError: One cannot be removed.
    """
    path = Path()
    try:
        for path in (there := [p for p in paths if p.exists()]):
            path.unlink()
        for folder in {p.parent for p in there}:
            _flush_folder(folder)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be removed ({error.strerror or error}); "
            "delete it, or choose another folder with --output"
        ) from error


def read_bytes(path: Path) -> bytes | None:
    """What a file holds; None where there is none.

    Raises:
        TableError: It cannot be read.
    """
    try:
        return path.read_bytes() if path.exists() else None
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror})") from error


def _flush_folder(folder: Path) -> None:
    """Brings a renaming to disk, so that a power cut does not undo it (POSIX only)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


LOCK_PATIENCE = 2.0
"""Seconds in which somebody's decision of a crop is written, for which hours of work can wait."""


@contextmanager
def locked(
    folder: Path, other: str = "folder with --output", patience: float = 0.0
) -> Iterator[None]:
    """Keeps every other process from writing into a movie's folder.

    Args:
        folder: Made where it is missing.
        other: What to choose another of, where that cannot be.
        patience: Seconds that are waited for who is writing there, see `LOCK_PATIENCE`.

    Raises:
        OutputError: Another process is writing there, or the folder cannot be written.
    """
    lock, holder = FileLock(folder / ".lock", timeout=patience), folder / ".lock-holder"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise OutputError(f"{folder}: {_holder_message(holder)}") from error
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another {other}"
        ) from error
    try:
        # For the message only: that the lock is held is what counts, whatever stands here.
        with suppress(OSError):
            holder.write_text(_myself(), encoding="utf-8")
        _clear_temporary(folder)
        yield
    finally:
        _clear_temporary(folder)  # Workers that were ended in the middle leave some too.
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _myself() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _holder_message(holder: Path) -> str:
    """Who holds a lock, and what to do; they may be just taking it, or leaving."""
    who = ""
    with suppress(OSError):
        who = holder.read_text(encoding="utf-8")
    if who == _myself():  # Nobody is to stop the server that tells this.
        return (
            "this program itself is writing there; wait until it is done, or cancel it on the "
            "page Mine or People"
        )
    return f"{who or 'another process'} is writing there; wait until it is done, or stop it"


def _clear_temporary(folder: Path) -> None:
    """Removes what interrupted writers left in a movie's folder."""
    for place in ("", "parts/", "*/*/", "*/*/*/"):
        for left in folder.glob(f"{place}.*{TEMPORARY}"):
            if OWN_TEMPORARY.fullmatch(left.name):
                with suppress(OSError):
                    left.unlink(missing_ok=True)
