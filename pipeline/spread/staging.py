"""Gives workers a movie's folder: the folder itself, or a local copy of one at a URL."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pipeline.errors import OutputError
from pipeline.files import open_file, scratch_folder
from pipeline.movie.remote import Url, file_system, without_secrets

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

FIRST_TO_LAST = ("", "parts/*.npz", "parts/*.csv", "frames.npz", "walk.json", "faces.csv",
                 "tracks.npz")  # fmt: skip
"""The order in which files are sent. A file vouches for those before it: it must not exist without
them. Files that are not listed go first."""

WALK_FILES = ("walk.json", "frames.npz")
"""The files that identify a walk."""

MERGED = ("faces.csv", "tracks.npz")
"""The files into which parts are merged."""

Times = dict[str, int]
"""The files in a folder by name, and when each was last written, in nanoseconds."""


@contextmanager
def staged(folder: Path, wanted: Callable[[str], bool] | None) -> Iterator[Path]:
    """Gives the folder, or a copy of one at a URL; sends changes back unless an error is raised.

    Args:
        folder: The folder of a movie.
        wanted: Tells by a file's path in the folder whether it will be read. Other files at the URL
            become empty files. None copies nothing, for a folder that is only written to.

    Raises:
        OutputError: The folder cannot be reached or written.
    """
    if not isinstance(folder, Url):
        yield folder
        return
    with scratch_folder() as scratch:
        before = _fetched(folder, scratch, wanted) if wanted else {}
        yield scratch
        _send(folder, scratch, before)


def _fetched(folder: Url, scratch: Path, wanted: Callable[[str], bool]) -> Times:
    system, root = file_system(folder)
    try:
        system.invalidate_cache()  # Other workers write there too.
        for name in _names(system, root):
            target = scratch / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if wanted(name):
                system.get_file(f"{root}/{name}", str(target))
            else:
                target.touch()
    except Exception as error:  # Each file system raises errors of its own.
        raise OutputError(_unreachable(folder, error)) from error
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
        if "walk.json" in changed:  # Parts that others added meanwhile are of the old walk.
            system.invalidate_cache()
            for name in _names(system, root) - after.keys():
                if is_of_walk(name):
                    system.rm_file(f"{root}/{name}")
    except Exception as error:
        raise OutputError(_unreachable(folder, error)) from error


def _put(system: "AbstractFileSystem", source: Path, target: str) -> None:
    """Writes a file completely or not at all, as far as the file system can."""
    system.makedirs(target.rpartition("/")[0], exist_ok=True)
    with system.transaction, open_file(source) as ours, system.open(target, "wb") as theirs:
        shutil.copyfileobj(ours, theirs)


def is_of_walk(name: str) -> bool:
    """Whether a file, given by its path in a movie's folder, belongs to the walk itself.

    >>> [is_of_walk(n) for n in ("walk.json", "parts/00001.csv", "anna/happy/film_f1.jpg")]
    [True, True, False]
    """
    part = PurePosixPath(name)
    return name in (*WALK_FILES, *MERGED) or (str(part.parent) == "parts" and part.stem.isdecimal())


def _rank(name: str) -> tuple[int, str]:
    """The position of a file in `FIRST_TO_LAST`; files that are not listed come first.

    >>> sorted(["walk.json", "parts/00001.csv", "parts/00001.npz", "failed.txt"], key=_rank)
    ['failed.txt', 'parts/00001.npz', 'parts/00001.csv', 'walk.json']
    """
    ranks = (n for n, kind in enumerate(FIRST_TO_LAST) if kind and Path(name).match(kind))
    return next(ranks, 0), name


def _unreachable(folder: Url, error: Exception) -> str:
    return (
        f"{folder}: cannot be read or written ({without_secrets(error)}); check the address, "
        "the network and your permissions, or choose another --output"
    )
