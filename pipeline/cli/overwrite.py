"""Which existing files a command may overwrite."""

from collections.abc import Callable
from pathlib import Path

from pipeline.disk.find import in_a_walk
from pipeline.errors import OutputError


def check_overwrite(option: str, path: Path, is_own: Callable[[Path], bool]) -> None:
    """Refuses to overwrite photos, labels or walks, which a typing error may name.

    Args:
        option: The option that names the file.
        path: The file; it need not exist.
        is_own: Whether this command wrote a file, and may overwrite it; may raise an `OSError`.

    Raises:
        OutputError: A file of another kind exists there, or the path is in a walk's folder.
    """
    if in_a_walk(path):
        raise OutputError(f"{option} {path}: is in the folder of a movie; choose another path")
    try:
        foreign = path.is_file() and path.stat().st_size > 0 and not is_own(path)
    except OSError as error:
        raise OutputError(f"{option} {path}: cannot be read ({error.strerror})") from error
    if foreign:
        raise OutputError(
            f"{option} {path}: exists, and is not a file that this command wrote; delete it, or "
            "choose another name"
        )


def begins_with(header: str) -> Callable[[Path], bool]:
    """Returns a check for `check_overwrite`: whether a file begins with this header."""

    def is_own(path: Path) -> bool:
        from pipeline.files import open_file

        with open_file(path) as file:
            return file.read(len(header.encode())) == header.encode()

    return is_own
