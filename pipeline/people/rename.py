"""Renames a person by moving the photos in `known_faces/`; never overwrites a photo."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from unicodedata import normalize

from pipeline.errors import OutputError, PeopleError
from pipeline.people.gallery import PHOTO_SUFFIXES, others, photos
from pipeline.people.names import check_apart, check_name

Move = tuple[Path, Path]
"""The old and the new path of a photo, or of a folder of photos."""


def rename(folder: Path, old: str, new: str, moves: list[Move] | None = None) -> list[Path]:
    """Moves the photos of `old` to `new`; if `new` is already known, the two become one person.

    A photo whose file name is taken in the new folder gets a number: `1.jpg` becomes `1-2.jpg`.

    Args:
        folder: `known_faces`.
        old: A person in it.
        new: The new name.
        moves: A list that each move is appended to as soon as it is made, for `undo_moves`.

    Returns:
        The new paths of the photos, or of the folder that holds them all.

    Raises:
        PeopleError: There is no such person, or the new name is not allowed.
        OutputError: A photo cannot be moved.
    """
    old, new = normalize("NFC", old), check_name(normalize("NFC", new), "--rename")
    known = photos(folder).keys() | others(folder).keys()
    if old not in known:
        similar = get_close_matches(old, known, 1)
        suggestion = f" Did you mean {similar[0]!r}?" if similar else ""
        names = ", ".join(sorted(known)) or "nobody"
        raise PeopleError(f"No person {old!r} in {folder}/.{suggestion} Known: {names}")
    if old == new:
        raise PeopleError(f"--rename: the new name {new!r} is the old one; give another name")
    check_apart(new, known - {old}, "--rename")
    try:
        return list(_moved(folder, old, new, [] if moves is None else moves))
    except OSError as error:
        raise OutputError(
            f"{error.filename or folder}: cannot be moved ({error.strerror}); the photos moved so "
            f"far belong to {new}: get write permission, then rename again"
        ) from error


def was_moved(folder: Path, old: str, new: str) -> bool:
    """Whether an interrupted rename moved the photos: nobody has the old name, or one like it.

    Args:
        folder: `known_faces`.
        old: The old name.
        new: The new name.
    """
    old, new = normalize("NFC", old), normalize("NFC", new)
    known = photos(folder).keys() | others(folder).keys()
    return old not in known and new in known and not get_close_matches(old, known - {new}, 1)


def undo_moves(moves: Sequence[Move]) -> None:
    """Moves photos back, the last one first. Photos that cannot be moved stay; none is lost.

    Args:
        moves: The moves that `rename` made, in order.
    """
    for was, now in reversed(moves):
        with suppress(OSError):
            # Another program may have put a new file where the photo was.
            if not _is_taken(was) or _same_name(was, now):
                was.parent.mkdir(parents=True, exist_ok=True)
                _move(now, was, [])


def _moved(folder: Path, old: str, new: str, moves: list[Move]) -> Iterator[Path]:
    home = folder / new
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and normalize("NFC", path.name) == old:
            # `samefile`: on a file system that ignores case, the folders a and A are one.
            is_other_folder = home.exists() and not home.samefile(path)
            yield _merge(path, home, moves) if is_other_folder else _move(path, home, moves)
        elif path.suffix.lower() in PHOTO_SUFFIXES and normalize("NFC", path.stem) == old:
            photo = folder / f"{new}{path.suffix}"
            taken = home.is_dir() or (_is_taken(photo) and not _same_name(photo, path))
            yield _into(home, path, moves) if taken else _move(path, photo, moves)


def _is_taken(path: Path) -> bool:
    """Whether a path is taken, even if only by a broken link."""
    return path.exists() or path.is_symlink()


def _same_name(a: Path, b: Path) -> bool:
    """Whether two paths are one file and differ only in case: the file system ignores case."""
    linked = a.is_symlink() or b.is_symlink()
    return not linked and a.name.casefold() == b.name.casefold() and a.samefile(b)


def _merge(source: Path, target: Path, moves: list[Move]) -> Path:
    """Moves the contents of one folder into another, recursively; removes emptied folders."""
    for path in sorted(source.iterdir()):
        if path.is_dir() and (target / path.name).is_dir():
            _merge(path, target / path.name, moves)
        else:
            _into(target, path, moves)
    with suppress(OSError):
        source.rmdir()
    return target


def _into(home: Path, path: Path, moves: list[Move]) -> Path:
    """Moves a file or folder into a folder, under the first free name."""
    home.mkdir(exist_ok=True)
    target, number = home / path.name, 1
    while _is_taken(target):
        number += 1
        target = home / f"{path.stem}-{number}{path.suffix}"
    return _move(path, target, moves)


def _move(path: Path, target: Path, moves: list[Move]) -> Path:
    """Moves a file or folder to a path that is free."""
    if path.is_symlink() and not path.readlink().is_absolute() and path.parent != target.parent:
        # A relative link leads elsewhere from another folder: make it anew.
        linked = path.parent / path.readlink()
        target.symlink_to(os.path.relpath(linked, target.parent))
        path.unlink()
    else:
        path.rename(target)
    moves.append((path, target))
    return target
