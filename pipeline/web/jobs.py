"""Work on movies that takes its time: one piece after the other, in a thread of their own."""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Condition, Thread
from typing import Any, Protocol

from pipeline.errors import MiningError
from pipeline.settings import Job
from pipeline.walk.part import WalkProgress

log = logging.getLogger(__name__)

WAITING, RUNNING, PICKING, STOPPING = "waiting", "running", "picking", "stopping"
DONE, CANCELLED, FAILED = "done", "cancelled", "failed"

WORKING = frozenset({RUNNING, PICKING, STOPPING})

NEWEST = 16
"""Crops that are remembered, to be shown while they come."""

WINDOW = 5.0
"""Seconds by which it is told how fast it goes."""


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

    def do(self, watch: "Watch", /) -> Sequence[Any]:
        """Does it, and gives what came of it.

        Args:
            watch: Is to be told how far it is; raises what stops the work.
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
        state: "waiting", "running", "picking", "stopping", "done", "cancelled" or "failed".
        begun: when it left the queue, in seconds since 1970.
        total: frames of the whole walk, 0 until it is known.
        frames: walked by now, those that an earlier run finished too.
        faces: found by now, by this run.
        wanted: crops to be written, 0 until it is known.
        crops: written by now.
        newest: those that were written last, the newest at the end.
        rate: frames a second, or crops while it picks, over the last seconds.
        outcomes: what came of it.
        error: why it failed.
    """

    number: int
    work: Work
    state: str = WAITING
    begun: float = 0.0
    total: int = 0
    frames: int = 0
    faces: int = 0
    wanted: int = 0
    crops: int = 0
    newest: tuple[Path, ...] = ()
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
        return self.state == WAITING or self.working

    @property
    def working(self) -> bool:
        """Whether it may be writing into the movie's folder."""
        return self.state in WORKING


class Jobs:
    """One run at a time; the others wait their turn."""

    def __init__(self) -> None:
        self._runs: dict[int, Run] = {}
        self._news = Condition()
        self._closed = False
        self._thread: Thread | None = None

    def all(self) -> list[Run]:
        """All runs, the newest first."""
        with self._news:
            return list(self._runs.values())[::-1]

    def submit(self, work: Work) -> Run:
        """Puts work at the end of the queue."""
        with self._news:
            if self._thread is None:
                self._thread = Thread(target=self._work, daemon=True)
                self._thread.start()
            return self._queue(Run(len(self._runs), work))

    def _queue(self, run: Run) -> Run:
        self._runs[run.number] = run
        self._news.notify()
        return run

    def cancel(self, number: int) -> None:
        """Stops a run, or takes it out of the queue; one that is over stays as it is.

        Work stops when it next tells how far it is; what never does is done to its end.

        Raises:
            KeyError: There is no such run.
        """
        with self._news:
            run = self._runs[number]
            if run.active:
                state = CANCELLED if run.state == WAITING else STOPPING
                self._runs[number] = replace(run, state=state)

    def again(self, number: int) -> None:
        """Goes on with a run that was cancelled or failed: what it finished is not done again.

        It becomes the newest. Where the same is being done, or waits, nothing happens.

        Raises:
            KeyError: There is no such run.
        """
        with self._news:
            run = self._runs[number]
            doing = any(other.active and other.work == run.work for other in self._runs.values())
            if run.state in (CANCELLED, FAILED) and not doing:
                del self._runs[number]
                self._queue(Run(number, run.work))

    def close(self) -> None:
        """Stops what runs, and waits until it has stopped."""
        for run in self.all():
            self.cancel(run.number)
        with self._news:
            self._closed = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join()

    def tell(self, number: int, **changes: object) -> Run:
        """Changes what is known of a run that works; gives all that is.

        Raises:
            Stopped: Somebody cancelled it.
        """
        with self._news:
            run = self._runs[number]
            if run.state in (STOPPING, CANCELLED):
                raise Stopped
            run = self._runs[number] = replace(run, **changes)  # type: ignore[arg-type]
            return run

    def _work(self) -> None:
        while (run := self._next()) is not None:
            try:
                outcomes = run.work.do(Watch(self, run.number))
                self._end(run.number, state=DONE, outcomes=outcomes)
            except Stopped:
                self._end(run.number, state=CANCELLED)
                log.info("%s: cancelled", run.movie)
            except Exception as error:
                self._fail(run.number, error)

    def _next(self) -> Run | None:
        """Begins with the run that has waited longest; None once all is closed."""
        with self._news:
            while not self._closed:
                for run in self._runs.values():
                    if run.state == WAITING:
                        return self.tell(run.number, state=RUNNING, begun=time.time())
                self._news.wait()
        return None

    def _fail(self, number: int, error: Exception) -> None:
        told = str(error)
        if not isinstance(error, MiningError):
            movie = self._runs[number].movie
            log.error("%s: this is a bug; please report it", movie, exc_info=error)
            told = "stopped by a bug; the terminal tells more"
        self._end(number, state=FAILED, error=told)

    def _end(self, number: int, **changes: object) -> None:
        with self._news:
            self._runs[number] = replace(self._runs[number], **changes)  # type: ignore[arg-type]


class Watch:
    """Is told how far a run is; called with the frames of a walk, it is the walk's progress.

    All that is told raises `Stopped` once the run was cancelled.

    Args:
        jobs: Where it runs.
        number: The run's.
    """

    def __init__(self, jobs: Jobs, number: int) -> None:
        self._jobs, self._number = jobs, number
        self._run = jobs.tell(number)

    def __call__(self, left: int, before: int = 0) -> WalkProgress:
        """So many frames are to be walked, after those that an earlier run finished."""
        self._tell(total=before + left, frames=before)
        speed = Speed()

        def tell(frames: int, faces: int) -> None:
            frames_by_now, faces_by_now = self._run.frames + frames, self._run.faces + faces
            self._tell(frames=frames_by_now, faces=faces_by_now, rate=speed(frames))

        return tell

    def cropping(self, total: int) -> Callable[[Path], None]:
        """So many crops are to be written."""
        self._tell(state=PICKING, wanted=total, rate=0.0)
        speed = Speed()

        def tell(crop: Path) -> None:
            newest = (*self._run.newest, crop)[-NEWEST:]
            self._tell(crops=self._run.crops + 1, newest=newest, rate=speed(1))

        return tell

    def _tell(self, **changes: object) -> None:
        self._run = self._jobs.tell(self._number, **changes)


class Speed:
    """How fast something goes, over the last `WINDOW` seconds, without what it took to begin."""

    def __init__(self) -> None:
        self._done = 0
        self._told: deque[tuple[float, int]] = deque()

    def __call__(self, count: int) -> float:
        """So many more are done now; gives how many a second, 0 until that can be told."""
        now = time.monotonic()
        self._done += count
        self._told.append((now, self._done))
        while len(self._told) > 2 and now - self._told[1][0] >= WINDOW:
            self._told.popleft()
        begin, before = self._told[0]
        return (self._done - before) / (now - begin) if now > begin else 0.0
