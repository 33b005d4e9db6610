"""Programs as a shell begins them, and what is left of them."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc"
)


def begin(*command: str | Path, folder: Path) -> "subprocess.Popen[str]":
    """Begins a program in `folder`, in a session of its own, as a terminal would."""
    return subprocess.Popen(
        [str(c) for c in command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def of_session(pid: int) -> list[int]:
    """The processes of the program that began as `pid`, also after it has ended.

    Source: proc(5): after the name in parentheses come state, parent, group and session.
    """
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                facts = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # It has just ended.
            if int(facts[3]) == pid and facts[0] != "Z":
                found.append(int(entry.name))
    return found


def children(pid: int) -> list[int]:
    """The worker processes that `pid` has spawned."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                facts = (entry / "stat").read_text().rpartition(")")[2].split()
                call = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if int(facts[1]) == pid and facts[0] != "Z" and b"spawn_main" in call:
                found.append(int(entry.name))
    return found


def until(what: Callable[[], object], seconds: float = 30) -> bool:
    """Waits until something is so; gives whether it came to be."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
