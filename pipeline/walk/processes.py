"""Worker processes: each makes whole parts, with its own decoder and one-thread networks.

A part depends on nothing but the movie and the settings, so that any number of workers, in any
order, gives the same bytes. Processes are spawned, never forked: forked ones inherit the locks of
threads that they do not have. Each talks through a pipe of its own: where nothing is shared,
nothing stays locked or half read when one is killed, and its pipe's end tells its death, at
whatever moment.
"""

import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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
from pipeline.walk.part import WalkProgress, analyse
from pipeline.walk.shots import LOOK_AHEAD, LOOK_BACK

TELL_SECONDS = 0.2
"""How often a worker says how far it is."""

END_SECONDS = 3.0
"""What a worker that is told to end is given before it is killed."""

DEATHS = 2
"""A part whose worker died so often is not tried again."""


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
        numbers: Of the parts to make.
        workers: How many processes; with one all is done in this one.
        progress: Told about new frames and faces.
        device: Where networks run that can choose.

    Raises:
        WorkerError: A worker died twice over the same part.
        MiningError: Whatever stopped a worker.
    """
    if min(workers, len(numbers)) > 1:
        _Crew(movie, folder, numbers, progress, device).run(workers)
        return
    walk = manifests.read(folder)
    models = all_models(walk.settings, device=device)
    for number in numbers:
        make_part(movie, folder, walk, number, models, progress)


class _Worker:
    """A process, this end of its pipe, and the part that it was given."""

    def __init__(self, movie: Path, folder: Path, part: int, device: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process: SpawnProcess = spawn.Process(
            target=_work, args=(movie, folder, registry.entries(), theirs, device), daemon=True
        )
        with _deaf_to_ctrl_c():
            self.process.start()
        theirs.close()  # Now only the worker's death closes it.
        self.give(part)

    def give(self, part: int) -> None:
        """Sends the number of the next part to make."""
        self.part = part
        with suppress(OSError):  # It died: that is seen where its answer is waited for.
            self.pipe.send(part)

    def end(self) -> int | None:
        """Ends the process, if it has not ended; gives its exit code."""
        self.process.terminate()
        self.process.join(END_SECONDS)
        self.process.kill()
        self.process.join()
        self.pipe.close()
        return self.process.exitcode


class _Crew:
    """Hands out parts, passes on the workers' counts, and gives a dead one's part to another."""

    def __init__(
        self, movie: Path, folder: Path, numbers: Sequence[int], progress: WalkProgress, device: str
    ) -> None:
        self._movie = movie
        self._folder = folder
        self._progress = progress
        self._device = device
        self._waiting = deque(numbers)
        self._workers: dict[Connection, _Worker] = {}
        self._told = dict.fromkeys(numbers, (0, 0))
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
        """Takes one message: counts, a part's end, or what went wrong; or the worker's death."""
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            self._replace(worker)
            return
        if isinstance(message, BaseException):
            raise message
        if message is not None:
            self._tell(worker.part, message)
        elif self._waiting:
            worker.give(self._waiting.popleft())
        else:
            del self._workers[worker.pipe]
            worker.end()

    def _tell(self, part: int, counts: tuple[int, int]) -> None:
        """Passes on what is new; a part that is made again tells nothing new for a while."""
        before = self._told[part]
        now = max(counts[0], before[0]), max(counts[1], before[1])
        self._told[part] = now
        self._progress(now[0] - before[0], now[1] - before[1])

    def _replace(self, worker: _Worker) -> None:
        """Has another worker make a dead one's part.

        Raises:
            WorkerError: Not for the first time.
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
            f"{self._movie}: the process that made part {part} ({begin} to {end}) died twice, "
            f"exit code {code}; if memory ran out, try --workers 1 or fewer. "
            "The other finished parts are kept"
        )


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that begin here never hear Ctrl-C, which a terminal sends to all of a program.

    They are ended by the one that began them; until they can say so themselves they would print
    where it struck them.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # Begun later, it would take the mask away.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(
    movie: Path, folder: Path, entries: registry.Entries, pipe: Connection, device: str = "cpu"
) -> None:
    """What a worker does: makes the parts whose numbers it is sent, until it is ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)  # Workers share the cores out; threads of each would only take turns.
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
        with suppress(OSError):  # Nobody is there any more: that was the error.
            pipe.send(_sendable(error))


def _end_with_parent() -> None:
    """Ends this worker when the program that spawned it is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _sendable(error: Exception) -> Exception:
    """The error, or its text where it cannot travel: those of libraries sometimes cannot."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - its own bytes.
    except Exception:
        return RuntimeError("\n".join(error.__notes__))
    return error


class _Count:
    """Sends the frames and faces of one part, now and then."""

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
        MovieError: The movie cannot be read, or is another one now.
        OutputError: The part cannot be written.
    """
    part = analyse_span(movie, walk, walk.parts[number], models, progress)
    if stream.fingerprint(movie) != walk.identity:
        raise MovieError(
            f"{movie}: was replaced while it was walked; once it is whole, walk it with --rewalk"
        )
    parts.write_part(folder, number, part, movie.name)


def analyse_span(
    movie: Path, walk: Manifest, span: tuple[int, int], models: Models, progress: WalkProgress
) -> parts.Part:
    """Decodes and analyses the frames `span[0] <= index < span[1]`."""
    start, stop = max(0, span[0] - LOOK_BACK), min(len(walk.scan), span[1] + LOOK_AHEAD)
    frames = decode.decode_frames(movie, walk.scan, start, stop)
    return analyse(frames, span, models, walk.settings, progress)
