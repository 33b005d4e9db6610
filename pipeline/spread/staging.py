"""A movie's folder as those who work in it see it: where it is, or a copy of one by URL."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pipeline.errors import OutputError
from pipeline.movie.remote import Url, file_system, without_secrets

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

FIRST_TO_LAST = ("", "parts/*.npz", "parts/*.csv", "frames.npz", "walk.json", "faces.csv",
                 "tracks.npz")  # fmt: skip
"""Files go in this order: each is there only when those are that it vouches for."""

WALK_FILES = ("walk.json", "frames.npz")
"""What tells a walk from others."""

MERGED = ("faces.csv", "tracks.npz")
"""What its parts are joined to."""

Times = dict[str, int]
"""Names of files in a folder, and when each was written, in nanoseconds."""


@contextmanager
def staged(folder: Path, wanted: Callable[[str], bool] | None) -> Iterator[Path]:
    """Gives the folder; one by URL as a copy, whose changes are sent back if all goes well.

    Args:
        folder: Of a movie.
        wanted: Whether a file, by its path in the folder, will be read; of a URL's others only the
            names are copied. None copies nothing: the folder is only written to.

    Raises:
        OutputError: It cannot be reached, or not be written.
    """
    if not isinstance(folder, Url):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="mine-video-") as scratch:
        before = _fetched(folder, Path(scratch), wanted) if wanted else {}
        yield Path(scratch)
        _send(folder, Path(scratch), before)


def _fetched(folder: Url, scratch: Path, wanted: Callable[[str], bool]) -> Times:
    system, root = file_system(folder)
    try:
        system.invalidate_cache()  # Others write there too.
        for name in _names(system, root):
            target = scratch / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if wanted(name):
                system.get_file(f"{root}/{name}", str(target))
            else:
                target.touch()
    except Exception as error:  # Each file system has its own.
        raise OutputError(_stuck(folder, error)) from error
    return _times(scratch)


def _names(system: "AbstractFileSystem", root: str) -> set[str]:
    return {path.removeprefix(root).lstrip("/") for path in system.find(root)}


def _times(folder: Path) -> Times:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.stat().st_mtime_ns for p in files}


def _send(folder: Url, scratch: Path, before: Times) -> None:
    system, root = file_system(folder)
    after = _times(scratch)
    gone = sorted(before.keys() - after.keys(), key=_rank, reverse=True)
    changed = sorted((n for n in after if after[n] != before.get(n)), key=_rank)
    try:
        for name in gone:
            system.rm_file(f"{root}/{name}")
        for name in changed:
            _put(system, scratch / name, f"{root}/{name}")
        if "walk.json" in changed:  # What came since is of the walk that was.
            system.invalidate_cache()
            for name in _names(system, root) - after.keys():
                if is_of_walk(name):
                    system.rm_file(f"{root}/{name}")
    except Exception as error:
        raise OutputError(_stuck(folder, error)) from error


def _put(system: "AbstractFileSystem", source: Path, target: str) -> None:
    """Writes a file whole or not at all, as far as the file system can."""
    system.makedirs(target.rpartition("/")[0], exist_ok=True)
    with system.transaction, source.open("rb") as ours, system.open(target, "wb") as theirs:
        shutil.copyfileobj(ours, theirs)


def is_of_walk(name: str) -> bool:
    """Whether a file, by its path in a movie's folder, is one that a walk itself needs.

    >>> [is_of_walk(n) for n in ("walk.json", "parts/00001.csv", "anna/happy/film_f1.jpg")]
    [True, True, False]
    """
    part = PurePosixPath(name)
    return name in (*WALK_FILES, *MERGED) or (str(part.parent) == "parts" and part.stem.isdecimal())


def _rank(name: str) -> tuple[int, str]:
    """Where a file stands in `FIRST_TO_LAST`; what is not there comes first.

    >>> sorted(["walk.json", "parts/00001.csv", "parts/00001.npz", "failed.txt"], key=_rank)
    ['failed.txt', 'parts/00001.npz', 'parts/00001.csv', 'walk.json']
    """
    ranks = (n for n, kind in enumerate(FIRST_TO_LAST) if kind and Path(name).match(kind))
    return next(ranks, 0), name


def _stuck(folder: Url, error: Exception) -> str:
    return (
        f"{folder}: cannot be read or written ({without_secrets(error)}); check the address, "
        "the network and your rights, or choose another --output"
    )
