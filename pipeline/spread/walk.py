"""Walks movies on a cluster: every part of every movie is a task; the largest movies come first.

What is done on one machine is done here by the same functions, only by whom and when differs.
Parts go from workers into the movie's folder, which all nodes see, or to its URL; this process
hears of each how it ended, no more, and holds the lock of each folder that is worked in.
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
"""Movies that are worked on at once: each holds a lock, and processes may open few files."""

ASKING = 32
"""Threads that ask for the sizes of movies."""


class ProgressSink(Protocol):
    """Who is told how far all movies together are."""

    def expect(self, frames: int) -> None:
        """So many frames more are to be walked: another movie was planned."""

    def __call__(self, frames: int, faces: int) -> None:
        """So many frames more are walked, with so many faces."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a movie ended.

    Attributes:
        movie: as it was given.
        folder: where its faces.csv is, if nothing went wrong.
        error: what went wrong; the other movies go on.
    """

    movie: Path
    folder: Path
    error: MiningError | None


def walk_on_cluster(
    movies: Sequence[Path], job: Job, address: str, told: ProgressSink
) -> Iterator[Ended]:
    """Walks and names movies on a cluster; gives each as soon as it has ended.

    Args:
        movies: Paths that all nodes see, or URLs.
        job: What is wanted; there are no more workers than it says.
        address: See `cluster.joined`.
        told: Hears how far it is.

    Raises:
        MiningError: There is no cluster, all its nodes have other packages than this process, or
            the gallery cannot be used.
    """
    with cluster.joined(address, job.workers):
        for remark in remarks(job.walk, job.device):
            log.warning("%s", remark)
        yield from _Walk(job, told).run(movies)


@dataclass(eq=False)
class _Film:
    """A movie that is worked on.

    Attributes:
        movie: as it was given.
        folder: its folder.
        lock: is released when it ends.
        plan: once it is prepared.
        tasks: how many are still to be heard of.
        made: how many parts were made.
        error: the first that happened.
        finishing: whether its parts are being joined.
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

    def __init__(self, job: Job, told: ProgressSink) -> None:
        import ray  # noqa: PLC0415 - an extra, and it takes seconds.

        from pipeline.spread.pool import Pool, Task  # noqa: PLC0415 - see above.

        self._job = job
        self._told = told
        self._pool = Pool(Terms.of(job.walk, job.device), job.workers)
        self._task: Callable[..., Any] = Task
        self._names = ray.put(_names(job))
        self._films: dict[Path, _Film] = {}

    def run(self, movies: Sequence[Path]) -> Iterator[Ended]:
        waiting: deque[Path] = deque()
        for movie, found in _sizes(movies):
            if isinstance(found, MiningError):
                yield Ended(movie, Path(), found)
            else:
                waiting.append(movie)
        try:
            while waiting or self._films:
                yield from self._open(waiting)
                if self._films:
                    yield from self._hear(*self._pool.next())
        except KeyboardInterrupt:
            self._say_kept()
            raise
        finally:
            for film in self._films.values():
                film.lock.close()

    def _say_kept(self) -> None:
        plans = [(film.plan, film.made) for film in self._films.values() if film.plan is not None]
        if not plans:
            return
        kept = sum(plan.parts - len(plan.missing) + made for plan, made in plans)
        log.warning(
            "%d of %d parts of %d unfinished movies are kept; the same line goes on, without "
            "--rewalk",
            kept, sum(plan.parts for plan, _ in plans), len(plans),
        )  # fmt: skip

    def _open(self, waiting: deque[Path]) -> Iterator[Ended]:
        """Has movies prepared while workers have nothing better to do."""
        passed = 0
        while passed < len(waiting) and len(self._films) < MOST_OPEN and self._pool.hungry:
            movie, lock, folder = waiting.popleft(), ExitStack(), Path()
            try:
                folder = manifests.folder_for(movie, self._job.output, rewalk=self._job.rewalk)
                # Whose folder it is, is known when the other one of this name has ended.
                if folder in self._films:
                    waiting.append(movie)
                    passed += 1
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
        # Other nodes begin in other folders.
        where = film.movie.absolute(), film.folder.absolute()
        task = self._task(film, method, (*where, *args), what or str(film.movie))
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
            self._told(*answer.value)
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
            log.info("%s: walking %s frames in %d parts", film.movie, f"{frames:,}", parts)
        else:
            log.info("%s: walked before, reusing %s", film.movie, film.folder / "faces.csv")
        self._told.expect(frames)
        for number in plan.missing:
            what = f"{film.movie}, part {number}"
            self._add(film, "make", plan.fingerprint, number, what=what)

    def _close(self, film: _Film) -> Ended:
        """Ends a movie; a note in its folder says why, if it failed."""
        del self._films[film.folder]
        with film.lock:
            if not remote.is_remote(film.folder):
                with suppress(MiningError), failure.recorded(film.folder, film.movie):
                    if film.error is not None:
                        raise film.error
        return Ended(film.movie, film.folder, film.error)


def _sizes(movies: Sequence[Path]) -> list[tuple[Path, int | MiningError]]:
    """Each movie once, with its bytes, the largest first; or why it has none."""
    once = list(dict.fromkeys(movies))
    with ThreadPoolExecutor(ASKING) as threads:
        found = list(zip(once, threads.map(_size, once), strict=True))
    return sorted(found, key=lambda pair: -pair[1] if isinstance(pair[1], int) else 0)


def _size(movie: Path) -> int | MiningError:
    try:
        return remote.remote_size(movie) if isinstance(movie, remote.Url) else movie.stat().st_size
    except MiningError as error:
        return error
    except OSError as error:
        return MovieError(f"{movie}: no such movie ({error.strerror}); check the path")


def _names(job: Job) -> RayNames:
    """By whom all faces are named.

    Raises:
        PeopleError: A name cannot be a person's.
        ModelError: A network cannot be had.
    """
    album = Album(job)
    gallery = album.gallery(job.walk)
    return RayNames(
        gallery, tolerances(job.walk, job.tolerance), album.digest(), keep=not album.is_there
    )
