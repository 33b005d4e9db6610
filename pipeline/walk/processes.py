"""Worker processes: each makes whole parts, with its own decoder and one-thread networks.

A part depends on nothing but the movie and the settings, so that any number of workers, in any
order, gives the same bytes. Processes are spawned, never forked: a forked process inherits locks
held by threads that it does not have. Each worker has a pipe of its own and they share nothing: a
killed worker leaves nothing locked or half read, and the end of its pipe reveals its death at any
moment.
"""

import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import cast

import cv2

from pipeline.disk import manifest as manifests
from pipeline.disk import parts
from pipeline.disk.manifest import Manifest
from pipeline.errors import MovieError, WorkerError
from pipeline.faces import clock
from pipeline.models import registry
from pipeline.models.registry import Models, all_models
from pipeline.movie import decode, stream
from pipeline.movie.frame import Frame
from pipeline.walk.part import WalkProgress, analyse
from pipeline.walk.shots import LOOK_AHEAD, LOOK_BACK

TELL_SECONDS = 0.2
"""Seconds between a worker's progress messages."""

END_SECONDS = 3.0
"""Seconds that a terminated worker has to end before it is killed."""

DECODED_AHEAD = 8
"""Frames that are decoded in one go, while FFmpeg's tables are in the processor's cache: a walk
takes 6 % less CPU time so, and with 16 no less."""

DEATHS = 2
"""A part is given up after this many workers died over it."""


def make_parts(
    movie: Path,
    folder: Path,
    numbers: Sequence[int],
    workers: int,
    progress: WalkProgress,
    device: str = "cpu",
) -> None:
    """Makes the parts with these numbers and writes each as soon as it is done.

    Args:
        movie: The movie.
        folder: Its folder, with walk.json.
        numbers: The parts to make.
        workers: The number of processes; with 1 this process makes the parts itself.
        progress: Called with the numbers of new frames and faces.
        device: Where networks run that can choose.

    Raises:
        WorkerError: Workers died twice over the same part.
        MiningError: The error that stopped a worker.
    """
    if min(workers, len(numbers)) > 1:
        _Crew(movie, folder, numbers, progress, device).run(workers)
        return
    walk = manifests.read(folder)
    models = all_models(walk.settings, device=device)
    for number in numbers:
        make_part(movie, folder, walk, number, models, progress)


class _Worker:
    """A process, our end of its pipe, and the part that it makes."""

    def __init__(self, movie: Path, folder: Path, part: int, device: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process: SpawnProcess = spawn.Process(
            target=_work, args=(movie, folder, registry.entries(), theirs, device), daemon=True
        )
        with _deaf_to_ctrl_c():
            self.process.start()
        theirs.close()  # Then only the worker holds it open, and its death closes the pipe.
        self.give(part)

    def give(self, part: int) -> None:
        """Sends the number of the next part to make."""
        self.part = part
        with suppress(OSError):  # It died: `_Crew` notices when it waits for the answer.
            self.pipe.send(part)

    def end(self) -> int | None:
        """Ends the process if it still runs; gives its exit code."""
        self.process.terminate()
        self.process.join(END_SECONDS)
        self.process.kill()
        self.process.join()
        self.pipe.close()
        return self.process.exitcode


class _Crew:
    """Hands out parts, passes on progress, and gives a dead worker's part to another worker."""

    def __init__(
        self, movie: Path, folder: Path, numbers: Sequence[int], progress: WalkProgress, device: str
    ) -> None:
        self._movie = movie
        self._folder = folder
        self._progress = progress
        self._device = device
        self._waiting = deque(numbers)
        self._workers: dict[Connection, _Worker] = {}
        self._reported = dict.fromkeys(numbers, (0, 0))
        self._deaths = dict.fromkeys(numbers, 0)

    def run(self, workers: int) -> None:
        try:
            for _ in range(min(workers, len(self._waiting))):
                self._hire(self._waiting.popleft())
            while self._workers:
                for pipe in wait(list(self._workers)):
                    self._hear(self._workers[cast("Connection", pipe)])
        finally:
            for worker in self._workers.values():
                worker.end()

    def _hire(self, part: int) -> None:
        worker = _Worker(self._movie, self._folder, part, self._device)
        self._workers[worker.pipe] = worker

    def _hear(self, worker: _Worker) -> None:
        """Handles one message (counts, the end of a part, or an error) or the worker's death."""
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            self._replace(worker)
            return
        if isinstance(message, BaseException):
            raise message
        if message is not None:
            self._report(worker.part, message)
        elif self._waiting:
            worker.give(self._waiting.popleft())
        else:
            del self._workers[worker.pipe]
            worker.end()

    def _report(self, part: int, counts: tuple[int, int]) -> None:
        """Passes new counts on; a part made anew reports nothing until it gets further."""
        before = self._reported[part]
        now = max(counts[0], before[0]), max(counts[1], before[1])
        self._reported[part] = now
        self._progress(now[0] - before[0], now[1] - before[1])

    def _replace(self, worker: _Worker) -> None:
        """Has a new worker make the part of a dead one.

        Raises:
            WorkerError: Too many workers died over the part.
        """
        del self._workers[worker.pipe]
        code, part = worker.end(), worker.part
        self._deaths[part] += 1
        if self._deaths[part] < DEATHS:
            self._hire(part)
            return
        walk = manifests.read(self._folder)
        first, stop = walk.parts[part]
        begin, end = (clock(float(walk.scan.times[frame])) for frame in (first, stop - 1))
        raise WorkerError(
            f"{self._movie}: the worker process for part {part} ({begin} to {end}) died twice "
            f"(exit code {code}); if memory ran out, try --workers 1. Finished parts are kept"
        )


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Starts processes with SIGINT blocked: a terminal sends Ctrl-C to the whole process group.

    The parent ends its workers itself. A worker ignores SIGINT as soon as its code runs; before
    that, Ctrl-C would make it print a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # If it started meanwhile, it would unblock the signal.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(
    movie: Path, folder: Path, entries: registry.Entries, pipe: Connection, device: str = "cpu"
) -> None:
    """Runs in a worker: makes the parts whose numbers it receives, until the parent ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)  # Workers share the cores: more threads in each would only take turns.
    try:
        registry.learn(entries)
        walk = manifests.read(folder)
        models = all_models(walk.settings, device=device)
        while True:
            count = _Count(pipe)
            make_part(movie, folder, walk, pipe.recv(), models, count)
            count.send()
            pipe.send(None)
    except Exception as error:
        error.add_note(f"In a worker process:\n{traceback.format_exc()}")
        with suppress(OSError):  # The parent is gone; that was the error.
            pipe.send(_sendable(error))


def _end_with_parent() -> None:
    """Ends this worker when its parent process has ended, for whatever reason."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _sendable(error: Exception) -> Exception:
    """The error, or its text if it cannot be pickled, as some errors of libraries cannot."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - its own bytes.
    except Exception:
        return RuntimeError("\n".join(error.__notes__))
    return error


class _Count:
    """Sends the numbers of frames and faces of one part every `TELL_SECONDS`."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._frames = self._faces = 0
        self._sent = time.monotonic()

    def __call__(self, frames: int, faces: int) -> None:
        self._frames += frames
        self._faces += faces
        if time.monotonic() - self._sent >= TELL_SECONDS:
            self.send()

    def send(self) -> None:
        self._pipe.send((self._frames, self._faces))
        self._sent = time.monotonic()


def make_part(
    movie: Path, folder: Path, walk: Manifest, number: int, models: Models, progress: WalkProgress
) -> None:
    """Makes one part and writes it.

    Raises:
        MovieError: The movie cannot be read, or changed meanwhile.
        OutputError: The part cannot be written.
    """
    part = analyse_span(movie, walk, walk.parts[number], models, progress)
    if stream.fingerprint(movie) != walk.identity:
        raise MovieError(
            f"{movie}: changed during the walk; once it is complete, walk it again with --rewalk"
        )
    parts.write_part(folder, number, part, movie.name)


def analyse_span(
    movie: Path, walk: Manifest, span: tuple[int, int], models: Models, progress: WalkProgress
) -> parts.Part:
    """Decodes and analyses the frames `span[0] <= index < span[1]`."""
    start, stop = max(0, span[0] - LOOK_BACK), min(len(walk.scan), span[1] + LOOK_AHEAD)
    frames = in_groups(decode.decode_frames(movie, walk.scan, start, stop))
    return analyse(frames, span, models, walk.settings, progress)


def in_groups(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Gives the same frames, `DECODED_AHEAD` of which are decoded before the first of them."""
    source = iter(frames)
    while group := list(islice(source, DECODED_AHEAD)):
        yield from group
