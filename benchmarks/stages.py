"""Runs a walk in one process, and tells how many CPU seconds each of its stages takes.

python benchmarks/stages.py walk MOVIE --workers 1 --rewalk --output FOLDER

The product has no clocks of its own: its functions are wrapped here, while this program runs. What
a function takes is its stage's, less what functions of other stages take that it calls.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import cv2
from movies import length

from pipeline import crops
from pipeline.cli import run
from pipeline.disk import parts
from pipeline.models import emotion, sface, yunet
from pipeline.movie import decode
from pipeline.movie.frame import RgbFrame, YuvFrame
from pipeline.walk import part, track, walker

REST = "start-up and rest"
STAGES: dict[str, list[tuple[Any, str]]] = {
    "scan": [(walker, "scan_movie")],
    "decode": [(decode, "_indexed"), (decode, "_frame")],
    "shrink": [(YuvFrame, "shrunk"), (RgbFrame, "shrunk")],
    "cut": [(part, "mark_cuts")],
    "detect": [(yunet.YuNet, "detect")],
    "track": [(track.Tracker, "update"), (part._Analysis, "_between")],
    "crop": [(part._Analysis, "_read"), (crops, "pose")],
    "emotion": [(emotion.OnnxEmotion, "classify")],
    "identity": [(sface.LandmarkAligner, "chip"), (sface.SFace, "embed"), (crops, "thumbnail")],
    "write": [(parts, "write_part"), (walker, "merge")],
}
"""The functions of each stage, by where the walk looks them up; a generator counts each step."""

INSIDE = "identity"
"""The aligner runs the detector, too: whatever this stage calls is its own."""


class Clock:
    """Adds up the CPU seconds of stages that call each other."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self._open = [REST]
        self._since = time.thread_time()

    def enter(self, stage: str) -> None:
        """Begins a stage, which may be within another."""
        self._charge()
        self._open.append(INSIDE if self._open[-1] == INSIDE else stage)

    def leave(self) -> None:
        """Ends the stage that began last."""
        self._charge()
        self._open.pop()

    def _charge(self) -> None:
        now = time.thread_time()
        self.spent[self._open[-1]] += now - self._since
        self._since = now


def wrapped(function: Callable[..., Any], stage: str, clock: Clock) -> Callable[..., Any]:
    """A function that tells the clock when it works; so does the generator that it gives."""

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        clock.enter(stage)
        try:
            given = function(*args, **options)
        finally:
            clock.leave()
        return stepped(given, stage, clock) if isinstance(given, Iterator) else given

    return call


def stepped(given: Iterator[Any], stage: str, clock: Clock) -> Iterator[Any]:
    """A generator of which each step counts."""
    end = object()
    while True:
        clock.enter(stage)
        try:
            one = next(given, end)
        finally:
            clock.leave()
        if one is end:
            return
        yield one


def watched() -> Clock:
    """Wraps the functions of all stages; gives the clock that they tell."""
    clock = Clock()
    for stage, functions in STAGES.items():
        for owner, name in functions:
            setattr(owner, name, wrapped(getattr(owner, name), stage, clock))
    return clock


def main() -> None:
    """Prints the CPU seconds of each stage as JSON."""
    cv2.setNumThreads(1)  # As in worker processes; of other threads the clock does not know.
    clock = watched()
    try:
        run()
    except SystemExit as end:
        if end.code:
            raise
    clock.spent[REST] += time.process_time() - sum(clock.spent.values())
    print(json.dumps({"frames": length(Path(sys.argv[2])), "note": json.dumps(clock.spent)}))


if __name__ == "__main__":
    main()
