"""Which files a command may write over."""

from collections.abc import Callable
from pathlib import Path

from pipeline.disk.find import in_a_walk
from pipeline.errors import OutputError


def check_overwrite(option: str, path: Path, is_own: Callable[[Path], bool]) -> None:
    """Refuses to write over somebody's photo, labels or walk: one slip of a key names them.

    Args:
        option: That names the file.
        path: Of the file, which need not be there.
        is_own: Whether such a call wrote a file; it may raise an `OSError`.

    Raises:
        OutputError: Another file is there, or it lies in a walk's folder.
    """
    if in_a_walk(path):
        raise OutputError(f"{option} {path}: lies in the folder of a movie; choose another place")
    try:
        other = path.is_file() and path.stat().st_size > 0 and not is_own(path)
    except OSError as error:
        raise OutputError(f"{option} {path}: cannot be looked at ({error.strerror})") from error
    if other:
        raise OutputError(
            f"{option} {path}: is there, and something else; delete it, or choose another name"
        )


def begins_with(header: str) -> Callable[[Path], bool]:
    """Whether a table has this header, or one that begins so."""

    def is_own(path: Path) -> bool:
        with path.open("rb") as file:
            return file.read(len(header.encode())) == header.encode()

    return is_own
