"""`mine-video` in a process of its own that is killed, or has no disk, before one of its changes.

A change is a file that is opened to be written, renamed or removed, or a folder that is made or
removed, below the folder of the call.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pipeline import cli
from tests.cast.test_cast import _plug_in as plug_in

NEVER = 1 << 30

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

CHANGES = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink"})


class Fate:
    """Counts changes below a folder; before one of them the process is killed, or the disk full.

    Args:
        folder: The folder.
        at: The number of that change, from 1.
        full: Whether the disk is full from then on; else the process is killed.
    """

    def __init__(self, folder: Path, at: int, *, full: bool) -> None:
        self.count = 0
        self._folder, self._at, self._full = f"{folder}{os.sep}", at, full

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        if event not in CHANGES or not self._is_change(event, args):
            return
        self.count += 1
        if self.count < self._at:
            return
        if not self._full:
            os.kill(os.getpid(), signal.SIGKILL)
        if event in ("open", "os.mkdir"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(args[0]))

    def _is_change(self, event: str, args: tuple[object, ...]) -> bool:
        if not isinstance(args[0], str | bytes | os.PathLike):
            return False
        path = os.path.abspath(os.fsdecode(args[0]))  # noqa: PTH100 - resolves no links.
        writes = event != "open" or (isinstance(args[2], int) and bool(args[2] & WRITES))
        return writes and path.startswith(self._folder)


def command(args: Sequence[str]) -> int:
    """Runs `mine-video` in its current folder, and gives its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        plug_in(patch)
        patch.setattr(sys, "argv", ["mine-video", *args])
        try:
            cli.run()
        except SystemExit as leaving:
            return leaving.code if isinstance(leaving.code, int) else 1
    return 0


def call(folder: Path, work: Callable[[], int], at: int, full: bool, told: Path) -> None:
    """Does something in a folder; writes what it said, and, if it lives, its changes.

    Args:
        folder: Where; it becomes the current one.
        work: What to do; gives the exit code.
        at: See `Fate`.
        full: See `Fate`.
        told: The file for what it said; the number of changes goes into one beside it.
    """
    os.chdir(folder)
    with told.open("w") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
        sys.stdout = sys.stderr = out
        fate = Fate(folder, at, full=full)
        sys.addaudithook(fate)
        code = work()
        out.flush()
        told.with_suffix(".count").write_text(str(fate.count))
    os._exit(code)
