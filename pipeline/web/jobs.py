"""Work on movies that takes its time: one piece after the other, in a thread of their own."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Queue
from threading import Lock, Thread
from typing import Any, Protocol

from pipeline.errors import MiningError
from pipeline.mine import StartProgress
from pipeline.settings import Job

log = logging.getLogger(__name__)

WAITING, RUNNING, CANCELLED = "waiting", "running", "cancelled"
DONE, FAILED = "done", "failed"

ACTIVE = frozenset({WAITING, RUNNING})


class Work(Protocol):
    """Something to be done with a movie.

    Attributes:
        kind: what it is called: a word.
        movie: the movie.
        job: what is wanted, and where things lie.
    """

    @property
    def kind(self) -> str: ...  # noqa: D102 - see above.

    @property
    def movie(self) -> Path: ...  # noqa: D102

    @property
    def job(self) -> Job: ...  # noqa: D102

    def do(self, progress: StartProgress) -> Sequence[Any]:
        """Does it, and gives what came of it.

        Args:
            progress: Is to be told how far it is; raises what stops the work.
        """
        ...


class Stopped(KeyboardInterrupt):
    """Somebody cancelled the run; what was finished is kept."""


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of work, and how far it is.

    Attributes:
        number: its own.
        work: what is done.
        state: "waiting", "running", "done", "cancelled" or "failed".
        total: frames to be walked, 0 until it is known.
        frames: walked by now.
        faces: found by now.
        rate: frames a second.
        outcomes: what came of it.
        error: why it failed.
    """

    number: int
    work: Work
    state: str = WAITING
    total: int = 0
    frames: int = 0
    faces: int = 0
    rate: float = 0.0
    outcomes: Sequence[Any] = ()
    error: str = ""

    @property
    def movie(self) -> Path:
        """Whose run it is."""
        return self.work.movie

    @property
    def job(self) -> Job:
        """What is wanted."""
        return self.work.job

    @property
    def active(self) -> bool:
        """Whether more is to come."""
        return self.state in ACTIVE


class Jobs:
    """One run at a time; the others wait their turn."""

    def __init__(self) -> None:
        self._runs: dict[int, Run] = {}
        self._queue: Queue[int | None] = Queue()
        self._lock = Lock()
        self._thread: Thread | None = None

    def all(self) -> list[Run]:
        """All runs, the newest first."""
        with self._lock:
            return list(self._runs.values())[::-1]

    def submit(self, work: Work) -> Run:
        """Puts work at the end of the queue."""
        with self._lock:
            run = self._runs[len(self._runs)] = Run(len(self._runs), work)
            if self._thread is None:
                self._thread = Thread(target=self._work, daemon=True)
                self._thread.start()
        self._queue.put(run.number)
        return run

    def cancel(self, number: int) -> None:
        """Stops a run, or takes it out of the queue; one that is over stays as it is.

        Work stops when it tells of its progress; what never does is done to its end.

        Raises:
            KeyError: There is no such run.
        """
        with self._lock:
            run = self._runs[number]
            if run.active:
                self._runs[number] = replace(run, state=CANCELLED)

    def again(self, number: int) -> Run:
        """Does the same once more: what was finished before is not done again.

        Raises:
            KeyError: There is no such run.
        """
        return self.submit(self._runs[number].work)

    def close(self) -> None:
        """Stops what runs, and waits until it has stopped."""
        for run in self.all():
            self.cancel(run.number)
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _set(self, number: int, **changes: object) -> None:
        """Changes a run, unless it was cancelled.

        Raises:
            Stopped: It was.
        """
        with self._lock:
            if self._runs[number].state == CANCELLED:
                raise Stopped
            self._runs[number] = replace(self._runs[number], **changes)  # type: ignore[arg-type]

    def _work(self) -> None:
        for number in iter(self._queue.get, None):
            try:
                self._set(number, state=RUNNING)
                outcomes = self._runs[number].work.do(self._progress(number))
                self._set(number, state=DONE, outcomes=outcomes)
            except Stopped:
                log.info("%s: cancelled", self._runs[number].movie)
            except Exception as error:
                self._fail(number, error)

    def _fail(self, number: int, error: Exception) -> None:
        told = str(error)
        if not isinstance(error, MiningError):
            log.error("%s: this is a bug; please report it", number, exc_info=error)
            told = "stopped by a bug; the terminal tells more"
        with self._lock:
            self._runs[number] = replace(self._runs[number], state=FAILED, error=told)

    def _progress(self, number: int) -> StartProgress:
        def begin(total: int) -> Callable[[int, int], None]:
            start = time.monotonic()
            self._set(number, total=total)

            def tell(frames: int, faces: int) -> None:
                run = self._runs[number]
                done = run.frames + frames
                rate = done / max(time.monotonic() - start, 1e-3)
                self._set(number, frames=done, faces=run.faces + faces, rate=rate)

            return tell

        return begin
