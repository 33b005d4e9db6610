"""Which files a piece of the program opens to read, and how often."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_counting: list[Counter[Path]] = []


def _hear(event: str, args: tuple[object, ...]) -> None:
    if event != "open" or not _counting:
        return
    path, mode, flags = args
    reads = (
        mode in (None, "r", "rb")
        and isinstance(flags, int)
        and not flags & (os.O_WRONLY | os.O_RDWR)
    )
    if reads and isinstance(path, str | bytes | os.PathLike):
        _counting[-1][Path(os.fsdecode(path))] += 1


sys.addaudithook(_hear)  # It cannot be removed, and does nothing but within `opens`.


@contextmanager
def opens() -> Iterator[Counter[Path]]:
    """Counts how often each file is opened to be read."""
    _counting.append(Counter())
    try:
        yield _counting[-1]
    finally:
        _counting.pop()
