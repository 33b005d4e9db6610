"""What is given on the command line as folders and patterns: movies to walk, walks to search."""

from collections.abc import Iterator, Sequence
from glob import glob, has_magic
from os import walk as descend
from pathlib import Path
from typing import cast

from pipeline.errors import MovieError, TableError
from pipeline.failure import FAILED
from pipeline.manifest import unique
from pipeline.remote import Url, matching

SUFFIXES = frozenset(
    {
        ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".h264", ".hevc", ".ivf", ".m1v",
        ".m2t", ".m2ts", ".m2v", ".m4v", ".mj2", ".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg",
        ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv",
        ".wtv", ".y4m",
    }
)  # fmt: skip
"""What a folder's files must end in to be taken for movies; a file that is named may end in any."""


def movies(given: Sequence[Path]) -> list[Path]:
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
        there = (p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and _plain(p, path))
        found = [movie for movie in there if not in_a_walk(movie)]
        if not found:
            raise MovieError(
                f"{path}: a folder without movies ({', '.join(sorted(SUFFIXES))}); give another, "
                "or the files themselves"
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
    found = [movie for movie in matching(url) if str(movie).count("/.") <= text.count("/.")]
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
    return any((folder / "walk.json").is_file() for folder in path.parents)


def walks(given: Sequence[Path]) -> list[Path]:
    """The folders of walked movies that are given, or lie at any depth in the given folders.

    Args:
        given: Movies' folders, their faces.csv, or folders of movies' folders.

    Returns:
        In the order given, by name; walks that failed or are not finished too.

    Raises:
        TableError: There is none in one of them.
    """
    found: list[Path] = []
    for path in given:
        folder = path.parent if path.name == "faces.csv" else path
        inside = list(_walks_in(folder))
        if not inside:
            raise TableError(
                f"{folder}: holds no walk; give the folder that mine-video made for a movie, or "
                "that of all such folders (output/)"
            )
        found += inside
    return unique(found)


def _walks_in(folder: Path) -> Iterator[Path]:
    for here, folders, files in descend(folder):
        folders.sort()
        if not {"walk.json", FAILED}.isdisjoint(files):
            folders.clear()  # Crops lie below, and no walks.
            yield Path(here)
