"""Walks movies on a cluster: every part of every movie is a task; the largest movies come first.

Workers call the same functions as a walk on one machine. They write parts into the movie's folder,
which all nodes see, or to its URL. This process only learns how each task ended, and holds the lock
of each folder that is worked in.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipeline import files
from pipeline.disk import failure
from pipeline.disk import manifest as manifests
from pipeline.errors import MiningError, MovieError
from pipeline.models.registry import remarks, tolerances
from pipeline.movie import remote
from pipeline.people.album import Album
from pipeline.settings import Job
from pipeline.spread import cluster
from pipeline.spread.worker import MoviePlan, RayNames, Terms, WorkerAnswer

log = logging.getLogger(__name__)

MOST_OPEN = 256
"""The most movies at a time: each holds a lock, and a process may open only so many files."""

ASKING = 32
"""The number of threads that look up the sizes of movies."""


class ProgressSink(Protocol):
    """Receives the progress of all movies together."""

    def expect(self, frames: int) -> None:
        """Called when a movie was planned, with the number of frames to walk."""

    def __call__(self, frames: int, faces: int) -> None:
        """Called when a part is done, with its numbers of frames and faces."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The outcome of a movie.

    Attributes:
        movie: The movie as it was given.
        folder: The folder with its faces.csv, if there was no error.
        error: What stopped this movie; the others continue.
    """

    movie: Path
    folder: Path
    error: MiningError | None


def walk_on_cluster(
    movies: Sequence[Path], job: Job, address: str, progress: ProgressSink
) -> Iterator[Ended]:
    """Walks movies on a cluster and names their faces; yields each movie as soon as it has ended.

    Args:
        movies: Paths that all nodes see, or URLs.
        job: The settings; `workers` is the most workers at a time.
        address: See `cluster.joined`.
        progress: Receives the progress of all movies together.

    Raises:
        MiningError: There is no cluster, all its nodes have other packages than this process, or
            the gallery cannot be used.
    """
    with cluster.joined(address, job.workers):
        for remark in remarks(job.walk, job.device):
            log.warning("%s", remark)
        yield from _Walk(job, progress).run(movies)


@dataclass(eq=False)
class _Film:
    """A movie in work.

    Attributes:
        movie: The movie as it was given.
        folder: Its folder.
        lock: Holds the lock of the folder until the movie ends.
        plan: What is left to do, once it is prepared.
        tasks: The number of tasks that have not ended.
        made: The number of parts made.
        error: The first error.
        finishing: Whether its parts are being merged.
    """

    movie: Path
    folder: Path
    lock: ExitStack
    plan: MoviePlan | None = None
    tasks: int = 0
    made: int = 0
    error: MiningError | None = None
    finishing: bool = False


class _Walk:
    """Opens movies, hands out their tasks, and closes them."""

    def __init__(self, job: Job, progress: ProgressSink) -> None:
        import ray  # noqa: PLC0415 - an extra, and it takes seconds.

        from pipeline.spread.pool import Pool, Task  # noqa: PLC0415 - see above.

        self._job = job
        self._progress = progress
        self._pool = Pool(Terms.of(job.walk, job.device), job.workers)
        self._task: Callable[..., Any] = Task
        self._names = ray.put(_names(job))
        self._films: dict[Path, _Film] = {}

    def run(self, movies: Sequence[Path]) -> Iterator[Ended]:
        waiting: deque[Path] = deque()
        for movie, size in _sizes(movies):
            if isinstance(size, MiningError):
                yield Ended(movie, Path(), size)
            else:
                waiting.append(movie)
        try:
            while waiting or self._films:
                yield from self._open(waiting)
                if self._films:
                    yield from self._hear(*self._pool.next())
        except KeyboardInterrupt:
            self._log_kept_parts()
            raise
        finally:
            for film in self._films.values():
                film.lock.close()

    def _log_kept_parts(self) -> None:
        plans = [(film.plan, film.made) for film in self._films.values() if film.plan is not None]
        if not plans:
            return
        kept = sum(plan.parts - len(plan.missing) + made for plan, made in plans)
        log.warning(
            "kept %d of %d parts of %s; the same command goes on there, without --rewalk",
            kept, sum(plan.parts for plan, _ in plans),
            "1 unfinished movie" if len(plans) == 1 else f"{len(plans)} unfinished movies",
        )  # fmt: skip

    def _open(self, waiting: deque[Path]) -> Iterator[Ended]:
        """Queues the preparation of more movies while workers would be idle."""
        postponed = 0
        while postponed < len(waiting) and len(self._films) < MOST_OPEN and self._pool.hungry:
            movie, lock, folder = waiting.popleft(), ExitStack(), Path()
            try:
                folder = manifests.folder_for(movie, self._job.output, rewalk=self._job.rewalk)
                # Another movie of this name has the folder for now. Once that one has ended, its
                # walk.json says whose folder it is, and this movie gets another one.
                if folder in self._films:
                    waiting.append(movie)
                    postponed += 1
                    continue
                if not remote.is_remote(folder):
                    lock.enter_context(files.locked(folder))
            except MiningError as error:
                yield Ended(movie, folder, error)
                continue
            film = self._films[folder] = _Film(movie, folder, lock)
            self._add(film, "prepare", self._job.rewalk)

    def _add(
        self, film: _Film, method: str, *args: object, what: str = "", first: bool = False
    ) -> None:
        film.tasks += 1
        # Workers have another current folder: relative paths would mislead them.
        paths = film.movie.absolute(), film.folder.absolute()
        task = self._task(film, method, (*paths, *args), what or str(film.movie))
        self._pool.add(task, first=first)

    def _hear(self, task: Any, answer: WorkerAnswer) -> Iterator[Ended]:
        film: _Film = task.of
        film.tasks -= 1
        for warning in answer.said:
            log.warning("%s", warning)
        if answer.error is not None:
            film.error = film.error or answer.error
            film.tasks -= self._pool.forget(film)
        elif task.method == "prepare":
            self._planned(film, answer.value)
        elif task.method == "make":
            film.made += 1
            self._progress(*answer.value)
        if film.tasks:
            return
        if film.error is None and not film.finishing and film.plan is not None:
            film.finishing = True
            args = (film.plan.fingerprint, self._names)
            self._add(film, "finish", *args, first=True)
            return
        yield self._close(film)

    def _planned(self, film: _Film, plan: MoviePlan) -> None:
        film.plan = plan
        frames, parts = sum(plan.missing.values()), len(plan.missing)
        if parts:
            in_parts = "1 part" if parts == 1 else f"{parts} parts"
            log.info("%s: walking %s frames in %s", film.movie, f"{frames:,}", in_parts)
        else:
            log.info("%s: walked before, reusing %s", film.movie, film.folder / "faces.csv")
        self._progress.expect(frames)
        for number in plan.missing:
            what = f"{film.movie}, part {number}"
            self._add(film, "make", plan.fingerprint, number, what=what)

    def _close(self, film: _Film) -> Ended:
        """Ends a movie; if it failed, a note in its folder says why."""
        del self._films[film.folder]
        with film.lock:
            if not remote.is_remote(film.folder):
                with suppress(MiningError), failure.recorded(film.folder, film.movie):
                    if film.error is not None:
                        raise film.error
        return Ended(film.movie, film.folder, film.error)


def _sizes(movies: Sequence[Path]) -> list[tuple[Path, int | MiningError]]:
    """Gives each movie once with its size in bytes or an error, the largest first."""
    unique = list(dict.fromkeys(movies))
    with ThreadPoolExecutor(ASKING) as threads:
        sizes = list(zip(unique, threads.map(_size, unique), strict=True))
    return sorted(sizes, key=lambda pair: -pair[1] if isinstance(pair[1], int) else 0)


def _size(movie: Path) -> int | MiningError:
    try:
        return remote.remote_size(movie) if isinstance(movie, remote.Url) else movie.stat().st_size
    except MiningError as error:
        return error
    except OSError as error:
        return MovieError(f"{movie}: no such movie ({error.strerror}); check the path")


def _names(job: Job) -> RayNames:
    """Gives the people by whom the faces of all movies are named.

    Raises:
        PeopleError: A name cannot be a person's.
        ModelError: A network cannot be loaded.
    """
    album = Album(job)
    digest = album.digest()  # First: a photo that changes meanwhile is seen the next time.
    gallery = album.gallery(job.walk)
    limits = tolerances(job.walk, job.tolerance)
    return RayNames(gallery, limits, digest, keep=not album.is_there)
