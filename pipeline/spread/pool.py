"""A pool of Ray actors, each with at most one task; Ray places them, and says when one dies.

Ray can restart actors and repeat their tasks by itself, but a restarted actor waits for room while
others idle. Here the task of a dead actor goes to one that is free, and a new actor starts when
there is room.
"""

import logging
import os
import sys
import time
from collections import deque
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from pipeline.errors import MiningError, WorkerError
from pipeline.movie import remote
from pipeline.spread import cluster
from pipeline.spread.worker import PartWorker, Terms, WorkerAnswer
from pipeline.walk.processes import DEATHS

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""Seconds between checks of whether the cluster has grown or shrunk."""

WORKER_PATIENCE = 60.0
"""Seconds without any worker after which the user is warned."""

STILLBORN = 8
"""The pool gives up when this many workers in a row die before they are ready."""

SLOW = 10
"""The user is warned of a task that takes this many times the median of its kind: it may hang."""

SHORT = 300.0
"""Seconds before which no task is called slow."""

UNKNOWN_SECONDS = 3600.0
"""Seconds after which a task is called slow while no task of its kind has ended."""

LATEST = 999
"""The number of tasks of each kind whose durations are remembered."""

SPARE_WORKERS = 8
"""Workers beyond the number of tasks: they start while the first movie is scanned."""


@dataclass(eq=False)
class Task:
    """Work for an actor.

    Attributes:
        of: The owner, for `Pool.forget`.
        method: The method of `PartWorker` to call.
        args: The arguments of the method.
        what: The task in words, for messages.
        deaths: The number of workers that died over it.
    """

    of: object
    method: str
    args: tuple[Any, ...]
    what: str
    deaths: int = 0


class _Actor(PartWorker):
    """A `PartWorker` that knows where it runs."""

    def ready(self) -> WorkerAnswer:
        """Does what `PartWorker.ready` does; gives the ids of the node and the process."""
        node_and_process = ray.get_runtime_context().get_node_id(), os.getpid()
        return replace(super().ready(), value=node_and_process)


@dataclass(eq=False)
class _Worker:
    """An actor, where it runs, its task, when that began, and whether the user was warned of it."""

    actor: Any
    node: str = ""
    process: int = 0
    task: Task | None = None
    begun: float = 0.0
    warned: bool = False


class _Watch:
    """Records how long tasks take, to tell which ones take far longer than others of their kind."""

    def __init__(self) -> None:
        self._durations: dict[str, deque[float]] = {}

    def ended(self, task: Task, seconds: float) -> None:
        """Records the duration of a task."""
        self._durations.setdefault(task.method, deque(maxlen=LATEST)).append(seconds)

    def patience(self) -> dict[str, float]:
        """Seconds after which a task is slow, for each kind of task of which some have ended."""
        return {kind: max(SHORT, SLOW * median(taken)) for kind, taken in self._durations.items()}


class Pool:
    """Runs tasks on as many actors as the cluster has room for.

    Args:
        terms: What must be the same for all workers.
        most: The most workers.

    Attributes:
        size: The number of workers for which there is room on nodes that meet the terms.
    """

    def __init__(self, terms: Terms, most: int = sys.maxsize) -> None:
        self._terms = ray.put(terms)
        self._most = most
        self._resource = "GPU" if terms.device == "cuda" else "CPU"
        self._waiting: deque[Task] = deque()
        self._idle: list[_Worker] = []
        self._busy: dict[Any, _Worker] = {}
        self._ready: deque[Any] = deque()
        self._refused: list[_Worker] = []
        self._watch = _Watch()
        self._stillborn = 0
        self._looked = -LOOK_SECONDS
        self._heard = time.monotonic()
        self.size = 0

    def add(self, task: Task, *, first: bool = False) -> None:
        """Queues a task behind all others, or before them if `first`."""
        (self._waiting.appendleft if first else self._waiting.append)(task)

    def forget(self, of: object) -> int:
        """Drops the tasks of an owner that have not begun; gives their number."""
        kept = [task for task in self._waiting if task.of is not of]
        dropped = len(self._waiting) - len(kept)
        self._waiting = deque(kept)
        return dropped

    @property
    def hungry(self) -> bool:
        """Whether fewer tasks wait than there are workers."""
        self._look()
        return len(self._waiting) < max(1, self.size)

    def next(self) -> tuple[Task, WorkerAnswer]:
        """Waits until any task has ended; gives it with its answer.

        Raises:
            WorkerError: Workers die while they start.
            ModelError: All nodes have other packages or networks than this process.
        """
        while True:
            self._look()
            self._hand_out()
            if not self._ready:
                self._ready.extend(self._wait())
            if self._ready:
                ref = self._ready.popleft()
                ended = self._ended(ref, self._busy.pop(ref))
                if ended is not None:
                    return ended

    def _look(self) -> None:
        """Checks every `LOOK_SECONDS` how large the cluster is, and starts workers up to that."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        self._look_after()
        tasks = len(self._waiting) + sum(w.task is not None for w in self._busy.values())
        for _ in range(min(self.size, tasks + SPARE_WORKERS) - len(self._busy) - len(self._idle)):
            self._hire()

    def _look_after(self) -> None:
        """Updates the size of the pool, and warns of tasks that may hang."""
        nodes = cluster.alive()
        self._refused = [worker for worker in self._refused if worker.node in nodes]
        self.size = min(cluster.free_workers(self._resource) - len(self._refused), self._most)
        patience = self._watch.patience()
        for worker in self._busy.values():
            if worker.task is None or worker.warned:
                continue
            seconds = time.monotonic() - worker.begun
            if seconds > patience.get(worker.task.method, UNKNOWN_SECONDS):
                worker.warned = True
                log.warning(
                    "%s (%s): has taken %.0f min on node %s, process %d, far longer than others; "
                    "if it hangs, kill that process and another worker will take over",
                    worker.task.what, worker.task.method, seconds / 60,
                    nodes.get(worker.node, worker.node), worker.process,
                )  # fmt: skip

    def _hire(self) -> None:
        kind = ray.remote(_Actor).options(
            num_cpus=1, num_gpus=int(self._resource == "GPU"), max_restarts=0,
            scheduling_strategy="SPREAD",
        )  # fmt: skip
        worker = _Worker(kind.remote(self._terms))
        self._busy[worker.actor.ready.remote()] = worker

    def _hand_out(self) -> None:
        while self._idle and self._waiting:
            worker, task = self._idle.pop(), self._waiting.popleft()
            worker.task, worker.begun, worker.warned = task, time.monotonic(), False
            self._busy[getattr(worker.actor, task.method).remote(*task.args)] = worker

    def _wait(self) -> list[Any]:
        """Gives the calls that have ended; none if the cluster must be checked first."""
        if self._idle or any(worker.task for worker in self._busy.values()):
            self._heard = time.monotonic()
        elif time.monotonic() - self._heard > WORKER_PATIENCE:
            self._heard = time.monotonic()
            log.warning(
                "no worker has started for %.0f s: the cluster has %d %s, which others may use. "
                "Still waiting; you can stop with Ctrl-C, which keeps finished parts",
                WORKER_PATIENCE, self.size, self._resource + "s" * (self.size != 1),
            )  # fmt: skip
        if not self._busy:
            time.sleep(LOOK_SECONDS)
            return []
        ready, rest = ray.wait(list(self._busy), num_returns=1, timeout=LOOK_SECONDS)
        if ready and rest:  # Take all at once: each `wait` on thousands of calls takes its time.
            ready += ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        return list(ready)

    def _ended(self, ref: Any, worker: _Worker) -> tuple[Task, WorkerAnswer] | None:
        """Handles the answer of an actor, or its death."""
        task, worker.task = worker.task, None
        try:
            answer: WorkerAnswer = ray.get(ref)
        except RayTaskError as error:
            what = task.what if task else "a starting worker"
            message = remote.without_secrets(cluster.TERMINAL_COLOURS.sub("", str(error)))
            answer = WorkerAnswer(
                error=WorkerError(f"{what}: a bug in mine-video, please report it: {message}")
            )
        except RayError as error:
            return self._died(worker, task, error)
        if task is not None:
            self._watch.ended(task, time.monotonic() - worker.begun)
            self._idle.append(worker)
            return task, answer
        if answer.value is None:
            raise answer.error or WorkerError("a worker did not say on which node it runs")
        worker.node, worker.process = answer.value
        if answer.error is not None:
            self._refuse(worker, answer.error)
            return None
        self._stillborn = 0
        self._idle.append(worker)
        return None

    def _refuse(self, worker: _Worker, error: MiningError) -> None:
        """Gives a worker no tasks, but keeps it alive so that no other starts in its place.

        Raises:
            MiningError: No node is left.
        """
        if worker.node not in {other.node for other in self._refused}:
            log.warning("%s; leaving this node out", error)
        self._refused.append(worker)
        self.size = min(cluster.free_workers(self._resource) - len(self._refused), self._most)
        if self.size < 1:
            raise error
        self._looked = -LOOK_SECONDS

    def _died(
        self, worker: _Worker, task: Task | None, error: RayError
    ) -> tuple[Task, WorkerAnswer] | None:
        """Queues the task of a dead worker again, unless too many workers died over it.

        A death counts only if the node is still alive: otherwise the task is not to blame.

        Raises:
            WorkerError: `STILLBORN` workers in a row died before they were ready.
        """
        ray.kill(worker.actor)  # It may only be out of reach, and must not come back.
        self._looked = -LOOK_SECONDS
        why = str(error).strip().partition("\n")[0]
        if task is None:
            self._stillborn += 1
            if self._stillborn >= STILLBORN:
                raise WorkerError(
                    f"{STILLBORN} workers in a row died while they started: {why}"
                ) from error
            return None
        task.deaths += worker.node in cluster.alive()
        if task.deaths >= DEATHS:
            message = f"{task.what}: {DEATHS} workers died over it ({why})"
            return task, WorkerAnswer(error=WorkerError(f"{message}; finished parts are kept"))
        log.info("%s: its worker died; another worker takes over", task.what)
        self.add(task, first=True)
        return None
