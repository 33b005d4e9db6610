"""Long work on movies: a queue that one thread works through."""

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
STOPPED = "stopped"
"""The server ended before the run did."""

WORKING = frozenset({RUNNING, PICKING, STOPPING})

NEWEST = 16
"""Number of newest crops that the page shows during a run."""

WINDOW = 5.0
"""Seconds over which the speed is averaged."""


class Work(Protocol):
    """Something to do with a movie.

    Attributes:
        kind: one word for it, such as "mine".
        movie: the movie.
        job: what to pick, and the folders.
    """

    @property
    def kind(self) -> str: ...  # noqa: D102 - see above.

    @property
    def movie(self) -> Path: ...  # noqa: D102

    @property
    def job(self) -> Job: ...  # noqa: D102

    def do(self, watch: "Watch", /) -> Sequence[Any]:
        """Does the work and returns its results.

        Args:
            watch: Call it with the progress; it raises `Stopped` to end cancelled work.
        """
        ...


class Stopped(KeyboardInterrupt):
    """The run was cancelled; what it finished is kept.

    A `KeyboardInterrupt`, so that the work ends as after Ctrl-C and no `except Exception` stops it.
    """


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of work and its progress.

    Attributes:
        number: number of the run.
        work: what to do.
        state: "waiting", "running", "picking", "stopping", "done", "cancelled", "failed" or
            "stopped", which means that the server ended before the run did.
        begun: when it left the queue, in seconds since 1970.
        total: frames of the whole walk, 0 until known.
        frames: frames walked so far, including those of an earlier run.
        faces: faces found so far by this run.
        wanted: crops to write, 0 until known.
        crops: crops written so far.
        newest: the crops written last, newest at the end.
        rate: frames per second, or crops per second while picking, over the last seconds.
        outcomes: the results of the work.
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
        """The movie that is worked on."""
        return self.work.movie

    @property
    def job(self) -> Job:
        """The settings of the work."""
        return self.work.job

    @property
    def left(self) -> float | None:
        """Seconds that what it does now will take; None if it is too early to say."""
        if not self.rate:
            return None
        todo = self.wanted - self.crops if self.wanted else self.total - self.frames
        return max(todo, 0) / self.rate

    @property
    def active(self) -> bool:
        """Whether the run waits or works."""
        return self.state == WAITING or self.working

    @property
    def working(self) -> bool:
        """Whether it may be writing into the movie's folder."""
        return self.state in WORKING

    @property
    def unfinished(self) -> bool:
        """Whether it is active, or was when the server ended."""
        return self.active or self.state == STOPPED


class Jobs:
    """The queue: one run works at a time, the others wait.

    Args:
        keep: Called with the unfinished work, the oldest first, whenever that changes.
    """

    def __init__(self, keep: Callable[[list[Work]], None] | None = None) -> None:
        self._keep, self._kept = keep, list[Work]()
        self._runs: dict[int, Run] = {}
        self._news = Condition()
        self._closed = False
        self._thread: Thread | None = None

    def all(self) -> list[Run]:
        """Lists all runs, the newest first."""
        with self._news:
            return list(self._runs.values())[::-1]

    def submit(self, work: Work) -> Run:
        """Puts work at the end of the queue."""
        with self._news:
            self._start()
            return self._queue(Run(self._place(work), work))

    def _start(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._work, daemon=True)
            self._thread.start()

    def _place(self, work: Work) -> int:
        """The number of a new run: that of the stopped one that it does again, or the next."""
        for run in self._runs.values():
            if run.state == STOPPED and run.work == work:
                del self._runs[run.number]
                return run.number
        return len(self._runs)

    def restore(self, works: Sequence[Work]) -> None:
        """Lists work that was unfinished when an earlier server ended; it begins by `again`."""
        with self._news:
            for work in works:
                number = len(self._runs)
                self._runs[number] = Run(number, work, STOPPED)
            self._save()

    def _queue(self, run: Run) -> Run:
        self._runs[run.number] = run
        self._news.notify()
        self._save()
        return run

    def _save(self) -> None:
        """Keeps the unfinished work, if it is other work than before."""
        works = [run.work for run in self._runs.values() if run.unfinished]
        if self._keep is not None and works != self._kept:
            self._keep(works)
        self._kept = works

    def cancel(self, number: int) -> None:
        """Stops a run, or takes it out of the queue; a run that has ended stays as it is.

        Work stops when it next reports progress; work that never does goes on to its end.

        Raises:
            KeyError: There is no such run.
        """
        with self._news:
            run = self._runs[number]
            if run.unfinished:
                state = STOPPING if run.working else CANCELLED
                self._runs[number] = replace(run, state=state)
                self._save()

    def again(self, number: int) -> None:
        """Continues a run that did not come to its end; what it finished is not done again.

        The run becomes the newest. Does nothing if the same work is running or waiting.

        Raises:
            KeyError: There is no such run.
        """
        with self._news:
            run = self._runs[number]
            active = any(other.active and other.work == run.work for other in self._runs.values())
            if run.state in (CANCELLED, FAILED, STOPPED) and not active:
                del self._runs[number]
                self._start()
                self._queue(Run(number, run.work))

    def close(self) -> None:
        """Stops the current run, and waits until it has stopped; what waits stays unfinished."""
        with self._news:
            self._closed = True
            for run in list(self._runs.values()):
                if run.active:
                    state = STOPPING if run.working else STOPPED
                    self._runs[run.number] = replace(run, state=state)
            self._news.notify()
        if self._thread is not None:
            self._thread.join()

    def tell(self, number: int, **changes: object) -> Run:
        """Records the progress of a run that works, and returns the run.

        Raises:
            Stopped: The run was cancelled.
        """
        with self._news:
            run = self._runs[number]
            if run.state in (STOPPING, CANCELLED, STOPPED):
                raise Stopped
            run = self._runs[number] = replace(run, **changes)  # type: ignore[arg-type]
            return run

    def _work(self) -> None:
        while (run := self._next()) is not None:
            try:
                outcomes = run.work.do(Watch(self, run.number))
                self._end(run.number, state=DONE, outcomes=outcomes)
            except Stopped:
                self._end(run.number, state=STOPPED if self._closed else CANCELLED)
                log.info("%s: cancelled", run.movie)
            except Exception as error:
                self._fail(run.number, error)

    def _next(self) -> Run | None:
        """Takes the run that has waited longest; None once the queue is closed."""
        with self._news:
            while not self._closed:
                for run in self._runs.values():
                    if run.state == WAITING:
                        return self.tell(run.number, state=RUNNING, begun=time.time())
                self._news.wait()
        return None

    def _fail(self, number: int, error: Exception) -> None:
        message = str(error)
        if not isinstance(error, MiningError):
            movie = self._runs[number].movie
            log.error("%s: this is a bug; please report it", movie, exc_info=error)
            message = "stopped by a bug; please report it, with the lines in the terminal"
        self._end(number, state=FAILED, error=message)

    def _end(self, number: int, **changes: object) -> None:
        with self._news:
            self._runs[number] = replace(self._runs[number], **changes)  # type: ignore[arg-type]
            self._save()


class Watch:
    """Records the progress of a run; called with a walk's frames, it starts the walk's progress.

    Every report raises `Stopped` once the run is cancelled.

    Args:
        jobs: The queue of the run.
        number: The number of the run.
    """

    def __init__(self, jobs: Jobs, number: int) -> None:
        self._jobs, self._number = jobs, number
        self._run = jobs.tell(number)

    def __call__(self, left: int, before: int = 0) -> WalkProgress:
        """Starts a walk's progress.

        Args:
            left: Frames to walk.
            before: Frames that an earlier run finished.
        """
        self._record(total=before + left, frames=before)
        speed = Speed()

        def count_frames(new_frames: int, new_faces: int) -> None:
            frames, faces = self._run.frames + new_frames, self._run.faces + new_faces
            self._record(frames=frames, faces=faces, rate=speed(new_frames))

        return count_frames

    def cropping(self, total: int) -> Callable[[Path], None]:
        """Starts the progress of writing `total` crops."""
        self._record(state=PICKING, wanted=total, rate=0.0)
        speed = Speed()

        def count_crop(crop: Path) -> None:
            newest = (*self._run.newest, crop)[-NEWEST:]
            self._record(crops=self._run.crops + 1, newest=newest, rate=speed(1))

        return count_crop

    def _record(self, **changes: object) -> None:
        self._run = self._jobs.tell(self._number, **changes)


class Speed:
    """Measures a speed over the last `WINDOW` seconds, without the time before the first step."""

    def __init__(self) -> None:
        self._done = 0
        self._samples: deque[tuple[float, int]] = deque()

    def __call__(self, count: int) -> float:
        """Adds `count` finished steps and returns the steps per second, 0 until it is known."""
        now = time.monotonic()
        self._done += count
        self._samples.append((now, self._done))
        while len(self._samples) > 2 and now - self._samples[1][0] >= WINDOW:
            self._samples.popleft()
        begin, before = self._samples[0]
        return (self._done - before) / (now - begin) if now > begin else 0.0
