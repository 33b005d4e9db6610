"""Puppet networks that fail when told to, and the program with them in processes of its own.

A folder of faults holds the puppets' card and, by their names, the faults that are still to
happen; `TROUBLE` in the picture makes them happen, and `slow` makes each picture last.

    python -m tests.faulty FAULTS walk movie.mkv …

is `mine-video walk movie.mkv …` with such networks.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline import cli
from pipeline.faces import Detections, Floats, Image
from pipeline.models import registry
from pipeline.models.registry import Entry
from tests.support import puppet

TROUBLE = puppet.Square(300, "happy", x=110, y=10)
"""Who brings trouble: nobody else has this colour."""

COLOUR = np.round(puppet.colour(TROUBLE.person, TROUBLE.looks)).astype(np.uint8)


class Detector(puppet.Detector):
    """A puppet to which the faults of its folder happen; its name is part of its identity."""

    def __init__(self, weights: Path, min_score: float = 0.7, threads: int = 1) -> None:
        super().__init__(weights, min_score, threads)
        self._faults = weights.parent

    def detect(self, images: list[Image]) -> list[Detections]:
        """Finds squares, or fails."""
        if (self._faults / "slow").exists():
            time.sleep(0.05)
        found = super().detect(images)
        if any(_is_trouble(image, box) for image in images for box in found[0].boxes):
            for fault in sorted(self._faults.iterdir()):
                HAPPENS.get(fault.name.partition("-")[0], _nothing)(fault)
        return found


def _is_trouble(image: Image, box: Floats) -> bool:
    x1, y1, x2, y2 = (int(v) for v in box)
    return np.array_equal(image[(y1 + y2) // 2, (x1 + x2) // 2], COLOUR)


def _nothing(fault: Path) -> None:
    """Happens where a file is no fault."""


def _fail(fault: Path) -> None:
    raise RuntimeError(fault.read_text())


def _fail_strangely(fault: Path) -> None:
    class LocalError(Exception):
        """No other process knows this one."""

    raise LocalError(fault.read_text())


def _die(fault: Path) -> None:
    """Kills its own process, as a machine without memory does; each such fault only once."""
    try:
        fault.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _replace(fault: Path) -> None:
    """Puts another movie in the place of the one whose path it holds."""
    other = fault.with_name("other.mkv")
    if other.exists():
        other.replace(fault.read_text())


HAPPENS: dict[str, Callable[[Path], None]] = {
    "fail": _fail,
    "strange": _fail_strangely,
    "die": _die,
    "replace": _replace,
}


def folder(path: Path, **faults: str) -> Path:
    """Makes a folder of faults: `fail="out of memory"`, `die_1=""`, `slow=""`."""
    path.mkdir(parents=True, exist_ok=True)
    for part in (puppet.WEIGHTS, puppet.WEIGHTS.with_suffix(".json")):
        shutil.copy(part, path)
    for name, text in faults.items():
        (path / name.replace("_", "-")).write_text(text)
    return path


def plug_in(patch: pytest.MonkeyPatch, faults: Path, *, instead: bool = False) -> None:
    """Does what `puppet.plug_in` does, with a detector to which `faults` happen."""
    puppet.plug_in(patch, instead=instead)
    entry = Entry("tests.support.faulty", "Detector", str(faults / puppet.WEIGHTS.name))
    for name in [*registry.DETECTORS] if instead else ["puppet"]:
        patch.setitem(registry.DETECTORS, name, entry)


def main() -> None:
    """Runs mine-video with the faults of the folder that is named first."""
    faults = Path(sys.argv.pop(1))
    with pytest.MonkeyPatch.context() as patch:
        plug_in(patch, faults, instead=True)
        cli.run()


if __name__ == "__main__":
    main()
