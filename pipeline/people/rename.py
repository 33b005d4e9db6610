"""Gives a person another name: moves the photos in `known_faces/`, overwriting none."""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from unicodedata import normalize

from pipeline.errors import OutputError, PeopleError
from pipeline.people.gallery import PHOTO_SUFFIXES, others, photos
from pipeline.people.names import check_name

Move = tuple[Path, Path]
"""Where a photo, or a folder of them, was and is."""


def rename(folder: Path, old: str, new: str, moves: list[Move] | None = None) -> list[Path]:
    """Moves `old`'s photos to `new`; where that is somebody too, the two become one.

    A name that is taken in the new folder gets a number: `1.jpg` becomes `1-2.jpg`.

    Args:
        folder: `known_faces`.
        old: A person in it.
        new: What that person is to be called.
        moves: Is given each move as soon as it is made, for `undo_moves`.

    Returns:
        Where the photos, or the folder of all of them, now are.

    Raises:
        PeopleError: There is no such person, or the new name cannot be one.
        OutputError: A photo cannot be moved.
    """
    old, new = normalize("NFC", old), check_name(normalize("NFC", new), "--rename")
    known = photos(folder).keys() | others(folder).keys()
    if old not in known:
        near = "".join(f" did you mean {name!r}?" for name in get_close_matches(old, known, 1))
        there = ", ".join(sorted(known)) or "nobody"
        raise PeopleError(f"nobody is called {old!r}.{near} {folder}/ has: {there}")
    if old == new:
        raise PeopleError(f"--rename: {old!r} is called so already; give another name")
    try:
        return list(_moved(folder, old, new, [] if moves is None else moves))
    except OSError as error:
        raise OutputError(
            f"{error.filename or folder}: cannot be moved ({error.strerror}); photos moved before "
            f"are {new}'s now: give yourself the right, and rename again"
        ) from error


def was_moved(folder: Path, old: str, new: str, named: Collection[str]) -> bool:
    """Whether a call that was broken off moved the photos, but left movies with the old name.

    Args:
        folder: `known_faces`.
        old: As `rename` was given it.
        new: Likewise.
        named: Names that movies' faces have.
    """
    old, new = normalize("NFC", old), normalize("NFC", new)
    known = photos(folder).keys() | others(folder).keys()
    return old in named and old not in known and new in known


def undo_moves(moves: Sequence[Move]) -> None:
    """Moves photos back to where they were, the last first; what cannot be stays, nothing is lost.

    Args:
        moves: Of `rename`.
    """
    for was, now in reversed(moves):
        with suppress(OSError):
            if not _there(was) or _same_name(was, now):
                was.parent.mkdir(parents=True, exist_ok=True)
                _move(now, was, [])


def _moved(folder: Path, old: str, new: str, moves: list[Move]) -> Iterator[Path]:
    home = folder / new
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and normalize("NFC", path.name) == old:
            # `samefile`: where a and A are one folder, which is to be called A.
            there = home.exists() and not home.samefile(path)
            yield _merge(path, home, moves) if there else _move(path, home, moves)
        elif path.suffix.lower() in PHOTO_SUFFIXES and normalize("NFC", path.stem) == old:
            alone = folder / f"{new}{path.suffix}"
            taken = home.is_dir() or (_there(alone) and not _same_name(alone, path))
            yield _into(home, path, moves) if taken else _move(path, alone, moves)


def _there(path: Path) -> bool:
    """Whether a name is taken, be it by a link that leads nowhere."""
    return path.exists() or path.is_symlink()


def _same_name(a: Path, b: Path) -> bool:
    """Whether two names are one where case does not count: a, which is to be called A."""
    linked = a.is_symlink() or b.is_symlink()
    return not linked and a.name.casefold() == b.name.casefold() and a.samefile(b)


def _merge(source: Path, target: Path, moves: list[Move]) -> Path:
    """Moves what is in one folder into another, folders in it likewise; removes what is empty."""
    for path in sorted(source.iterdir()):
        if path.is_dir() and (target / path.name).is_dir():
            _merge(path, target / path.name, moves)
        else:
            _into(target, path, moves)
    with suppress(OSError):
        source.rmdir()
    return target


def _into(home: Path, path: Path, moves: list[Move]) -> Path:
    """Moves a file or folder into a folder, under the first name that is free."""
    home.mkdir(exist_ok=True)
    place, number = home / path.name, 1
    while _there(place):
        number += 1
        place = home / f"{path.stem}-{number}{path.suffix}"
    return _move(path, place, moves)


def _move(path: Path, place: Path, moves: list[Move]) -> Path:
    """Moves a file or folder to where nothing is."""
    if path.is_symlink() and not path.readlink().is_absolute() and path.parent != place.parent:
        target = path.parent / path.readlink()  # Relative to where the link is, which changes.
        place.symlink_to(os.path.relpath(target, place.parent))
        path.unlink()
    else:
        path.rename(place)
    moves.append((path, place))
    return place
