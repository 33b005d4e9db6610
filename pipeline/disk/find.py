"""What is given on the command line as folders and patterns: movies to walk, walks to search."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from glob import glob, has_magic
from os import walk as descend
from os.path import isdir
from pathlib import Path
from typing import cast

from pipeline.disk import failure
from pipeline.disk.crop_file import UNSAFE
from pipeline.disk.failure import FAILURE_FILE
from pipeline.disk.manifest import folder_for, safe_name, unique
from pipeline.disk.walked import CAST_TABLE, PHOTO_LIST
from pipeline.errors import MiningError, MovieError, TableError
from pipeline.movie.remote import Url, matching_files

log = logging.getLogger(__name__)

MOVIE_SUFFIXES = frozenset(
    {
        ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".h264", ".hevc", ".ivf", ".m1v",
        ".m2t", ".m2ts", ".m2v", ".m4v", ".mj2", ".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg",
        ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv",
        ".wtv", ".y4m",
    }
)  # fmt: skip
"""What a folder's files must end in to be taken for movies; a file that is named may end in any."""

WALK_FILE = "walk.json"

BESIDE = (PHOTO_LIST, "crops.csv", "sheet.jpg", "sheet-1.jpg")
"""One of them lies in each folder that `cast` and `search` leave among those of movies."""


def find_movies(given: Sequence[Path]) -> list[Path]:
    """The movies that paths, patterns (`films/**/*.mkv`) and folders stand for, each once.

    Args:
        given: Files, which need not be there; patterns; folders, of which all movies at any depth
            are taken; URLs of files, or patterns of them. Patterns and folders stand for nothing
            hidden, and for nothing that this program wrote into a walk's folder.

    Returns:
        In the order given; what a folder or a pattern stands for by name.

    Raises:
        MovieError: A pattern or a folder stands for nothing.
    """
    return unique([movie for path in given for movie in _expanded(path)])


def _expanded(path: Path) -> list[Path]:
    if isinstance(path, Url):
        return _addressed(path)
    if path.is_dir():
        there = (
            p for p in path.rglob("*") if p.suffix.lower() in MOVIE_SUFFIXES and _plain(p, path)
        )
        found = [movie for movie in there if not in_a_walk(movie)]
        if not found:
            raise MovieError(
                f"{path}: a folder without movies ({', '.join(sorted(MOVIE_SUFFIXES))}); "
                "give another, or the files themselves"
            )
        return sorted(found)
    if path.exists() or not has_magic(str(path)):  # Brackets may be part of a name.
        return [path]
    named = map(Path, glob(str(path), recursive=True))  # noqa: PTH207
    found = [p for p in named if p.is_file() and not in_a_walk(p)]
    if not found:
        raise MovieError(
            f"{path}: no file is called like this; ** stands for folders at any depth, and a "
            "pattern goes in quotes"
        )
    return sorted(found)


def _addressed(url: Url) -> list[Path]:
    """The movies by URL: it is a pattern where its path has an asterisk, and none hidden."""
    text = str(url)  # Without a query, in which asterisks stand for themselves.
    if "*" not in text:
        return [cast("Path", url)]
    found = [movie for movie in matching_files(url) if str(movie).count("/.") <= text.count("/.")]
    if not found:
        raise MovieError(
            f"{url}: no file is called like this; of a web server that does not list its files, "
            "give each movie"
        )
    return found


def _plain(path: Path, folder: Path) -> bool:
    """Whether it is a file that nobody hid."""
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.is_file()


def in_a_walk(path: Path) -> bool:
    """Whether it lies in a walk's folder, where clips and annotated movies are written."""
    return any((folder / WALK_FILE).is_file() for folder in path.absolute().parents)


def find_walks(given: Sequence[Path], output: Path = Path()) -> list[Path]:
    """The folders of walked movies that are given, or lie at any depth in the given folders.

    Args:
        given: Movies' folders, their faces.csv, their names in `output`, the movies themselves, or
            folders of movies' folders.
        output: The folder of all movies' folders, where names are looked for.

    Returns:
        In the order given, by name; walks that failed or are not finished too, and what holds no
        walk, for who reads it to tell. Not what `cast` and `search` left beside the movies, which
        a pattern as `output/*/` stands for too.

    Raises:
        TableError: There is no walk in any of them.
    """
    found: list[Path] = []
    missing: list[Path] = []
    for path in given:
        folder = _folder(path, output)
        inside = list(_walks_in(folder))
        if not inside:
            missing.append(folder)
        found += inside or ([] if _is_beside(folder) else [folder])
    if missing and len(missing) == len(given):
        raise TableError(
            f"{missing[0]}: holds no walk; give the folder that mine-video made for a movie, or "
            "that of all such folders (output/), or run `mine-video walk MOVIE` first"
        )
    return unique(found)


def _folder(path: Path, output: Path) -> Path:
    """A movie's folder where a path means one; else the path as it is."""
    if path.name == "faces.csv":
        return path.parent
    if _holds(path.parent, [path.name]):
        folder = output / safe_name(path.stem)
        with suppress(MiningError):  # Who reads the walk tells that it is torn.
            folder = folder_for(path, output)  # Others may be called like it.
        return folder if _is_walk(folder) else path
    if any(_walks_in(path)):  # Also where a movie in it is called like the folder of all.
        return path
    return output / path if _is_walk(output / path) else path


def _is_walk(folder: Path) -> bool:
    return _holds(folder, [WALK_FILE, FAILURE_FILE])


def all_there(folders: list[Path]) -> list[Path]:
    """Refuses what is not there at all: a name with a slip in it.

    Args:
        folders: Of `find_walks`.

    Raises:
        TableError: One is no folder.
    """
    for folder in folders:
        if not isdir(folder):  # noqa: PTH112 - Path's own raises where a name is too long.
            raise TableError(f"{folder}: is no folder; check the path")
    return folders


def _is_beside(place: Path) -> bool:
    return place.name == CAST_TABLE or _holds(place, BESIDE)


def _holds(folder: Path, names: Iterable[str]) -> bool:
    """Whether one of these files is there; none is where one may not look, or too long a name."""
    with suppress(OSError):
        return any((folder / name).is_file() for name in names)
    return False


def without_failed(folders: list[Path]) -> list[Path]:
    """Leaves out what holds no more than the note why its walk failed, and says of how many.

    Args:
        folders: Of `find_walks`.

    Raises:
        TableError: There is nothing else; it tells the reason.
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
        told = "1 failed walk is" if len(failed) == 1 else f"{len(failed)} failed walks are"
        log.warning("%s left out; `mine-video status` tells why", told)
    return [folder for folder in folders if folder not in failed]


def _walks_in(folder: Path) -> Iterator[Path]:
    for here, folders, files in descend(folder):
        folders.sort()
        if not {WALK_FILE, FAILURE_FILE}.isdisjoint(files):
            folders.clear()  # Crops lie below, and no walks.
            yield Path(here)


def walked_movies(output: Path) -> dict[str, Path]:
    """The folders of walked movies by name, of those that a page can show."""
    found = ((name, output / name) for name in sorted(visible_names(output)))
    return {name: folder for name, folder in found if _has_walk(folder)}


def walked_movie(output: Path, name: str) -> Path | None:
    """The folder of one of `walked_movies`: a name that is not among them is nobody's path."""
    return output / name if name in visible_names(output) and _has_walk(output / name) else None


def _has_walk(folder: Path) -> bool:
    return (folder / "walk.json").is_file()


def visible_names(folder: Path) -> set[str]:
    """What lies in a folder, by names that a page can show; nothing where there is none."""
    try:
        found = [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return set()
    return {name for name in found if not name.startswith(".") and not UNSAFE.search(name)}
