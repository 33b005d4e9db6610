"""Finds the movies to walk and the walks to search that the command line names."""

import fnmatch
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from glob import has_magic
from os import walk as descend
from os.path import basename, exists, isdir, isfile, islink
from pathlib import Path
from shlex import quote
from typing import cast

from pipeline.disk import failure
from pipeline.disk.crop_file import UNSAFE
from pipeline.disk.failure import FAILURE_FILE
from pipeline.disk.manifest import folder_for, safe_name, unique, why_no_walk
from pipeline.disk.walked import CAST_TABLE, PHOTO_LIST
from pipeline.errors import MiningError, MovieError, TableError
from pipeline.movie.remote import Url, matching_files

# Path's own tests of what is there raise if a folder is locked, or a name is too long.
# ruff: noqa: PTH110, PTH112, PTH113, PTH114

log = logging.getLogger(__name__)

MOVIE_SUFFIXES = frozenset(
    {
        ".264", ".265", ".360", ".3g2", ".3gp", ".3gp2", ".3gpp", ".amv", ".asf", ".av1", ".avc",
        ".avi", ".bik", ".dav", ".dif", ".divx", ".dv", ".dvr-ms", ".evo", ".f4p", ".f4v", ".flc",
        ".fli", ".flv", ".gxf", ".h261", ".h263", ".h264", ".h265", ".h26l", ".hevc", ".insv",
        ".ismv", ".ivf", ".k3g", ".lrv", ".m1v", ".m2p", ".m2t", ".m2ts", ".m2v", ".m4v", ".mj2",
        ".mjpeg", ".mjpg", ".mk3d", ".mkv", ".mod", ".moov", ".mov", ".mp2v", ".mp4", ".mp4v",
        ".mpe", ".mpeg", ".mpeg4", ".mpg", ".mpg2", ".mpg4", ".mpv", ".mpv2", ".mts", ".mxf",
        ".nsv", ".nut", ".nuv", ".obu", ".ogg", ".ogm", ".ogv", ".ogx", ".pva", ".qt", ".rec",
        ".rm", ".rmvb", ".roq", ".skm", ".smk", ".tod", ".tp", ".trp", ".ts", ".ty", ".vc1", ".vdr",
        ".vob", ".vro", ".webm", ".wm", ".wmv", ".wtv", ".xvid", ".y4m",
    }
)  # fmt: skip
"""Suffixes of the movies to take from a folder; a file named by itself may have any."""

WALK_FILE = "walk.json"

BESIDE = (PHOTO_LIST, "crops.csv", "moments.csv", "sheet.jpg", "sheet-1.jpg")
"""Files by which to tell the folders that `cast` and `search` put beside those of movies."""


def find_movies(paths: Sequence[Path]) -> list[Path]:
    """Expands paths, patterns (`films/**/*.mkv`) and folders to movies, each once.

    Args:
        paths: Files, which need not exist; patterns; folders, for all movies in them at any depth;
            URLs of files, or patterns of URLs. Patterns and folders match no hidden files, and
            none that this program wrote into a walk's folder.

    Returns:
        The movies in the order given; those of a folder or pattern by name.

    Raises:
        MovieError: A pattern or a folder matches no movie.
    """
    return unique([movie for path in paths for movie in _expanded(path)])


def _expanded(path: Path) -> list[Path]:
    if isinstance(path, Url):
        return _addressed(path)
    if isdir(path):
        files = (p for _, files in _visible_below(path) for p in files if _is_file(p))
        found = [p for p in files if p.suffix.lower() in MOVIE_SUFFIXES and not in_a_walk(p)]
        if not found and any(
            WALK_FILE in map(basename, files) for _, files in _visible_below(path)
        ):
            raise MovieError(
                f"{path}: holds walked movies, and no movie to walk; to crop their faces: "
                f"mine-video pick {quote(str(path))} …"
            )
        if not found:
            raise MovieError(
                f"{path}: no movies in this folder (files that end as movies do: .mkv, .mp4, …); "
                "give another folder, or the files themselves"
            )
        return sorted(found)
    if exists(path) or not has_magic(str(path)):  # Brackets may be part of a name.
        return [path]
    found = [p for p in _matching(path) if _is_file(p) and not in_a_walk(p)]
    if not found:
        raise MovieError(
            f"{path}: no file matches; put the pattern in quotes, and use ** for folders at any "
            "depth"
        )
    return sorted(found)


def _is_file(path: Path) -> bool:
    """Whether this is a file, or a link to something that is gone, which fails by itself."""
    return isfile(path) or (islink(path) and not exists(path))


def _visible_below(folder: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Each folder at any depth, and its files; none of them hidden. Locked folders are told."""
    for here, folders, files in _descended(folder, _tell_locked):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield here, [here / name for name in files if not name.startswith(".")]


def _descended(
    folder: Path, on_error: Callable[[OSError], None] | None = None
) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Each folder with the names of the folders and files in it, as `os.walk` does.

    Follows links to folders, but enters each folder once: a link may lead back.
    """
    waiting, entered = [folder], set[Path]()
    for start in waiting:
        for place, folders, files in descend(start, onerror=on_error):
            here = Path(place)
            if here.resolve() in entered:
                folders.clear()
                continue
            entered.add(here.resolve())
            folders.sort()  # In place: os.walk then visits them in this order.
            yield here, folders, files
            # After all that is here: what is reached by both ways keeps its own path.
            waiting += [here / name for name in folders if (here / name).is_symlink()]


def _tell_locked(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        log.warning(
            "%s: cannot be read (%s), so what is in it is left out; get read permission",
            error.filename, error.strerror,
        )  # fmt: skip


def _matching(pattern: Path) -> list[Path]:
    """What matches a pattern, in which brackets may also be part of a folder's name."""
    folder, rest = _split(pattern)
    found = list(_globbed(folder, rest.parts))
    if not found and "[" in str(rest):
        found = list(_globbed(folder, [part.replace("[", "[[]") for part in rest.parts]))
    return found


def _globbed(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    """What matches the parts of a pattern in a folder.

    Unlike `glob`, it ends where two links lead back, and tells of locked folders.
    """
    if not parts:
        yield from [folder] if _is_there(folder) else ()
    elif parts[0] == "**":
        for here, files in _visible_below(folder):
            yield from _globbed(here, parts[1:]) if parts[1:] else files
    else:
        for name in _names(folder, parts[0]) if has_magic(parts[0]) else parts[:1]:
            yield from _globbed(folder / name, parts[1:])


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except OSError as error:
        _tell_locked(error)
        return False
    return True


def _names(folder: Path, pattern: str) -> Iterator[str]:
    """The names in a folder that match a part of a pattern; none if there is no such folder."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        _tell_locked(error)
        return
    for name in fnmatch.filter(names, pattern):
        if pattern.startswith(".") or not name.startswith("."):
            yield name


def _split(pattern: Path) -> tuple[Path, Path]:
    """The folder that a pattern begins with, and the rest.

    >>> [part.as_posix() for part in _split(Path("no such folder [1]/*.mkv"))]
    ['.', 'no such folder [1]/*.mkv']
    """
    parents = [place for place in pattern.parents if isdir(place)]
    folder = parents[0] if parents else Path()
    return folder, pattern.relative_to(folder)


def _addressed(url: Url) -> list[Path]:
    """The movies at a URL, which is a pattern if its path has an asterisk; no hidden files."""
    text = str(url)  # Without the query, in which an asterisk is just a character.
    if "*" not in text:
        return [cast("Path", url)]
    found = [movie for movie in matching_files(url) if str(movie).count("/.") <= text.count("/.")]
    if not found:
        raise MovieError(
            f"{url}: no file matches; if the web server does not list its files, give each movie"
        )
    return found


def in_a_walk(path: Path) -> bool:
    """Whether a file is in a walk's folder, where clips and annotated movies are written."""
    return any(isfile(folder / WALK_FILE) for folder in path.absolute().parents)


def find_walks(paths: Sequence[Path], output: Path = Path()) -> list[Path]:
    """Expands paths to the folders of walked movies, searching folders at any depth.

    Args:
        paths: Movies' folders, their faces.csv, their names in `output`, the movies themselves, or
            folders of movies' folders.
        output: The folder of all movies' folders, in which to look for names.

    Returns:
        The folders in the order given; those found in one folder by name. Includes failed and
        unfinished walks, and paths without a walk, whose reader raises the right error. Excludes
        folders of `cast` and `search`, which a pattern such as `output/*/` also matches.

    Raises:
        TableError: None of the paths contains a walk.
    """
    walks: list[Path] = []
    missing: list[Path] = []
    for path in paths:
        folder = _folder(path, output)
        below = list(_walks_in(folder, _tell_locked))
        if not below:
            missing.append(folder)
        walks += below or ([] if _is_beside(folder) else [folder])
    if missing and len(missing) == len(paths):
        raise TableError(
            f"{missing[0]}: {why_no_walk(missing[0])}; give the folder that mine-video made for a "
            "movie, or the one with all such folders (output/), or run `mine-video walk MOVIE` "
            "first"
        )
    return unique(walks)


def _folder(path: Path, output: Path) -> Path:
    """The movie's folder that a path means, or else the path itself."""
    if path.name == "faces.csv":
        return path.parent
    if _holds(path.parent, [path.name]):
        folder = output / safe_name(path.stem)
        with suppress(MiningError):  # The reader of the walk reports that it is damaged.
            folder = folder_for(path, output)  # Another movie may have the same name.
        return folder if _is_walk(folder) else path
    if any(_walks_in(path)):  # First, as a movie's folder in it may have the same name.
        return path
    return output / path if _is_walk(output / path) else path


def _is_walk(folder: Path) -> bool:
    return _holds(folder, [WALK_FILE, FAILURE_FILE])


def all_there(folders: list[Path]) -> list[Path]:
    """Refuses paths that do not exist, such as misspelt names.

    Args:
        folders: What `find_walks` returned.

    Raises:
        TableError: A path is not a folder.
    """
    for folder in folders:
        if not isdir(folder):
            raise TableError(f"{folder}: no such folder; check the path")
    return folders


def _is_beside(path: Path) -> bool:
    return path.name == CAST_TABLE or _holds(path, BESIDE)


def _holds(folder: Path, names: Iterable[str]) -> bool:
    """Whether a folder contains one of these files; False if it cannot be read."""
    with suppress(OSError):
        return any((folder / name).is_file() for name in names)
    return False


def without_failed(folders: list[Path]) -> list[Path]:
    """Leaves out folders that contain only failed.txt, with a warning.

    Args:
        folders: What `find_walks` returned.

    Raises:
        TableError: All walks failed; the message has the reason of the first.
    """
    failed = {
        f: note
        for f in folders
        if not _holds(f, [WALK_FILE]) and (note := failure.read_failure(f)) is not None
    }
    if failed and len(failed) == len(folders):
        folder, note = next(iter(failed.items()))
        raise TableError(f"{folder}: its walk failed: {note.reason}")
    if failed:
        walks = "1 failed walk" if len(failed) == 1 else f"{len(failed)} failed walks"
        log.warning("leaving out %s; `mine-video status` shows why", walks)
    return [folder for folder in folders if folder not in failed]


def _walks_in(folder: Path, on_error: Callable[[OSError], None] | None = None) -> Iterator[Path]:
    for here, folders, files in _descended(folder, on_error):
        if not {WALK_FILE, FAILURE_FILE}.isdisjoint(files):
            folders.clear()  # Below are only crops.
            yield here


def walked_movies(output: Path) -> dict[str, Path]:
    """The folders of walked movies by name, if a page can show the name."""
    folders = ((name, output / name) for name in sorted(visible_names(output)))
    return {name: folder for name, folder in folders if _has_walk(folder)}


def walked_movie(output: Path, name: str) -> Path | None:
    """The folder of one of `walked_movies`, or None.

    A page sends the name, so it is compared with the names there are before it becomes a path.
    """
    return output / name if name in visible_names(output) and _has_walk(output / name) else None


def _has_walk(folder: Path) -> bool:
    return (folder / "walk.json").is_file()


def visible_names(folder: Path) -> set[str]:
    """The names in a folder that a page can show; none if there is no such folder."""
    try:
        names = [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return set()
    return {name for name in names if not name.startswith(".") and not UNSAFE.search(name)}
