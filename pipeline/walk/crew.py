"""Worker processes: each makes whole parts, with its own decoder and one-thread networks.

A part depends on nothing but the movie and the settings, so that any number of workers, in any
order, gives the same bytes. Processes are spawned, never forked: forked ones inherit the locks of
threads that they do not have.
"""

import multiprocessing
import os
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from ctypes import c_int64
from functools import lru_cache
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path
from typing import Any, cast

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from pipeline import manifest as manifests
from pipeline import table, video
from pipeline.errors import MovieError, WorkerError
from pipeline.faces import clock
from pipeline.manifest import Manifest
from pipeline.models.registry import Models, all_models
from pipeline.walk.part import Progress, analyse
from pipeline.walk.shots import LOOK_AHEAD, LOOK_BACK

POLL_SECONDS = 0.2
"""How often the progress of the workers is looked at."""

DEATHS = 2
"""A part whose worker died so often is not tried again."""

_counts: Any = None  # In a worker: frames and faces of each part, shared with the one that waits.


def make_parts(
    movie: Path, folder: Path, numbers: Sequence[int], workers: int, progress: Progress
) -> None:
    """Makes the parts with these numbers and writes each as soon as it is done.

    Args:
        movie: The movie.
        folder: Its folder, with walk.json.
        numbers: Of the parts to make.
        workers: How many processes; with one all is done in this one.
        progress: Told about new frames and faces.

    Raises:
        WorkerError: A worker died twice over the same part.
        MiningError: Whatever stopped a worker.
    """
    if min(workers, len(numbers)) <= 1:
        walk = manifests.read(folder)
        models = all_models(walk.settings)
        for number in numbers:
            make_part(movie, folder, walk, number, models, progress)
        return
    spawn = multiprocessing.get_context("spawn")
    counts = spawn.RawArray(c_int64, 2 * (max(numbers) + 1))
    pool = ProcessPool(
        min(workers, len(numbers)), initializer=_begin_work, initargs=(counts,), context=spawn
    )
    try:
        _Crew(pool, movie, folder, counts, progress).run(numbers)
        pool.close()
    finally:
        pool.stop()
        pool.join()


class _Crew:
    """Hands out parts, watches the counts, and gives a dead worker's part to another."""

    def __init__(
        self, pool: ProcessPool, movie: Path, folder: Path, counts: Any, progress: Progress
    ) -> None:
        self._pool = pool
        self._movie = movie
        self._folder = folder
        self._counts = counts
        self._progress = progress
        self._told = [0, 0]
        self._deaths: dict[int, int] = {}

    def run(self, numbers: Sequence[int]) -> None:
        running = {self._schedule(number): number for number in numbers}
        while running:
            done, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                number = running.pop(cast("ProcessFuture[None]", future))
                try:
                    future.result()
                except ProcessExpired as death:
                    self._bury(number, death)
                    running[self._schedule(number)] = number
            self._tell()

    def _schedule(self, number: int) -> "ProcessFuture[None]":
        return self._pool.schedule(_work, args=(self._movie, self._folder, number))

    def _bury(self, number: int, death: ProcessExpired) -> None:
        """Notes that a worker died over a part.

        Raises:
            WorkerError: Not for the first time.
        """
        self._deaths[number] = self._deaths.get(number, 0) + 1
        if self._deaths[number] < DEATHS:
            return
        walk = manifests.read(self._folder)
        first, stop = walk.parts[number]
        begin, end = (clock(float(walk.scan.times[frame])) for frame in (first, stop - 1))
        raise WorkerError(
            f"{self._movie}: the process that made part {number} ({begin} to {end}) died twice, "
            f"exit code {death.exitcode}; if memory ran out, try --workers 1 or fewer. "
            "The other finished parts are kept"
        ) from death

    def _tell(self) -> None:
        """Passes on what the workers counted since the last time."""
        now = [sum(self._counts[i::2]) for i in range(2)]
        new = [max(0, n - told) for n, told in zip(now, self._told, strict=True)]
        self._told = [max(n, told) for n, told in zip(now, self._told, strict=True)]
        if any(new):
            self._progress(*new)


def _begin_work(counts: Any) -> None:
    """Runs first in each worker."""
    global _counts  # noqa: PLW0603 - a worker has one, and its tasks cannot be sent it.
    _counts = counts
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this worker when the program that spawned it is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_end([parent.sentinel])
        os._exit(1)


def _work(movie: Path, folder: Path, number: int) -> None:
    """Makes one part in a worker, counting its frames and faces."""
    frames, faces = 2 * number, 2 * number + 1
    _counts[frames] = _counts[faces] = 0

    def count(new_frames: int, new_faces: int) -> None:
        _counts[frames] += new_frames
        _counts[faces] += new_faces

    walk, models = _loaded(folder, (folder / "walk.json").stat().st_mtime_ns)
    make_part(movie, folder, walk, number, models, count)


@lru_cache(maxsize=1)
def _loaded(folder: Path, written: int) -> tuple[Manifest, Models]:
    """What a worker needs for all parts; `written` tells when the manifest is another."""
    del written
    walk = manifests.read(folder)
    return walk, all_models(walk.settings)


def make_part(
    movie: Path, folder: Path, walk: Manifest, number: int, models: Models, progress: Progress
) -> None:
    """Makes one part and writes it.

    Raises:
        MovieError: The movie cannot be read, or is another one now.
        OutputError: The part cannot be written.
    """
    part = analyse_span(movie, walk, walk.parts[number], models, progress)
    if video.fingerprint(movie) != walk.identity:
        raise MovieError(
            f"{movie}: was replaced while it was walked; once it is whole, walk it with --rewalk"
        )
    table.write_part(folder, number, part, movie.name)


def analyse_span(
    movie: Path, walk: Manifest, span: tuple[int, int], models: Models, progress: Progress
) -> table.Part:
    """Decodes and analyses the frames `span[0] <= index < span[1]`."""
    start, stop = max(0, span[0] - LOOK_BACK), min(len(walk.scan), span[1] + LOOK_AHEAD)
    frames = video.decode(movie, walk.scan, start, stop)
    return analyse(frames, span, models, walk.settings, progress)
