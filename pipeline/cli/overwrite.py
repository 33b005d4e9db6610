"""Which files a command may write over."""

from pathlib import Path

from pipeline.archive.movies import in_a_walk
from pipeline.errors import OutputError

MP4 = b"ftyp"
"""What stands in an MP4 after the length of its first box (ISO/IEC 14496-12)."""


def check(option: str, path: Path, *kinds: bytes) -> None:
    """Refuses to write over somebody's photo, labels or walk: one slip of a key names them.

    Args:
        option: That names the file.
        path: Of the file, which need not be there.
        kinds: How files begin that such a command wrote; `MP4` stands behind four other bytes.

    Raises:
        OutputError: Another file is there, or it lies in a walk's folder.
    """
    if in_a_walk(path):
        raise OutputError(f"{option} {path}: lies in the folder of a movie; choose another place")
    if not path.is_file():
        return
    try:
        with path.open("rb") as file:
            start = file.read(8 + max(map(len, kinds)))
    except OSError as error:
        raise OutputError(f"{option} {path}: cannot be looked at ({error.strerror})") from error
    if start and not any(start.startswith(kind) or start[4:8] == kind == MP4 for kind in kinds):
        raise OutputError(
            f"{option} {path}: is there, and something else; delete it, or choose another name"
        )
