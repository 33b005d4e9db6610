"""A pool of Ray actors, each with one task at most; Ray places them, and says when one dies.

Ray would restart actors and repeat their tasks by itself, but a restarted one waits for room while
others idle: here a dead one's task goes to whoever is free, and a new actor comes when there is
room.
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
"""How often the pool looks whether the cluster has grown or shrunk."""

WORKER_PATIENCE = 60.0
"""Seconds without one worker after which that is said."""

STILLBORN = 8
"""So many workers that die one after the other before they begin: there will be none."""

SLOW = 10
"""A task that takes so many times as long as the median of its kind may hang: that is said."""

SHORT = 300.0
"""Seconds after which it is said at the earliest."""

UNKNOWN_SECONDS = 3600.0
"""Seconds after which it is said where none of its kind has ended yet."""

LATEST = 999
"""So many tasks of a kind are remembered."""

SPARE_WORKERS = 8
"""So many workers more than there are tasks: they start while the first movie is scanned."""


@dataclass(eq=False)
class Task:
    """What an actor is to do.

    Attributes:
        of: whose it is, for `Pool.forget`.
        method: of `Maker`.
        args: for it.
        what: the task in words.
        deaths: how many workers died over it.
    """

    of: object
    method: str
    args: tuple[Any, ...]
    what: str
    deaths: int = 0


class _Actor(PartWorker):
    """A `Maker` that knows where it is."""

    def ready(self) -> WorkerAnswer:
        """See `Maker`; gives the node, and the process there."""
        place = ray.get_runtime_context().get_node_id(), os.getpid()
        return replace(super().ready(), value=place)


@dataclass(eq=False)
class _Worker:
    """An actor, where it is, and what it does since when."""

    actor: Any
    node: str = ""
    process: int = 0
    task: Task | None = None
    begun: float = 0.0
    told: bool = False


class _Watch:
    """How long tasks take, and which of them take far longer than others of their kind."""

    def __init__(self) -> None:
        self._taken: dict[str, deque[float]] = {}

    def ended(self, task: Task, seconds: float) -> None:
        """Hears of one that ended."""
        self._taken.setdefault(task.method, deque(maxlen=LATEST)).append(seconds)

    def patience(self) -> dict[str, float]:
        """Seconds after which tasks are suspicious, of each kind of which some have ended."""
        return {kind: max(SHORT, SLOW * median(taken)) for kind, taken in self._taken.items()}


class Pool:
    """Has tasks done, by as many actors as the cluster has room for.

    Args:
        terms: What all workers must have alike.
        most: No more workers than this.

    Attributes:
        size: how many workers there is room for, on nodes that are like this one.
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
        """Takes a task, to be done when its turn comes, or before all others."""
        (self._waiting.appendleft if first else self._waiting.append)(task)

    def forget(self, of: object) -> int:
        """Drops the tasks of somebody that nobody has begun; gives how many."""
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
        """Waits until a task has ended, whichever.

        Raises:
            WorkerError: Workers cannot be had.
            ModelError: All have other packages or networks than this process.
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
        """Sees now and then how large the cluster is, and hires up to that."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        self._look_after()
        tasks = len(self._waiting) + sum(w.task is not None for w in self._busy.values())
        for _ in range(min(self.size, tasks + SPARE_WORKERS) - len(self._busy) - len(self._idle)):
            self._hire()

    def _look_after(self) -> None:
        """Sees who is there, and says who may hang."""
        nodes = cluster.alive()
        self._refused = [worker for worker in self._refused if worker.node in nodes]
        self.size = min(cluster.free_workers(self._resource) - len(self._refused), self._most)
        patience = self._watch.patience()
        for worker in self._busy.values():
            if worker.task is None or worker.told:
                continue
            seconds = time.monotonic() - worker.begun
            if seconds > patience.get(worker.task.method, UNKNOWN_SECONDS):
                worker.told = True
                log.warning(
                    "%s (%s): for %.0f min now on node %s, process %d, far longer than others; "
                    "if it hangs, kill that process: another one does it",
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
            worker.task, worker.begun, worker.told = task, time.monotonic(), False
            self._busy[getattr(worker.actor, task.method).remote(*task.args)] = worker

    def _wait(self) -> list[Any]:
        """Who has something to say; nobody, if the cluster is to be looked at first."""
        if self._idle or any(worker.task for worker in self._busy.values()):
            self._heard = time.monotonic()
        elif time.monotonic() - self._heard > WORKER_PATIENCE:
            self._heard = time.monotonic()
            log.warning(
                "no worker for %.0f s: the cluster has %d %ss, which others may use; waiting, "
                "Ctrl-C keeps what is done",
                WORKER_PATIENCE, self.size, self._resource,
            )  # fmt: skip
        if not self._busy:
            time.sleep(LOOK_SECONDS)
            return []
        ready, rest = ray.wait(list(self._busy), num_returns=1, timeout=LOOK_SECONDS)
        if ready and rest:  # All that are: each look at thousands takes its time.
            ready += ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        return list(ready)

    def _ended(self, ref: Any, worker: _Worker) -> tuple[Task, WorkerAnswer] | None:
        """Takes what an actor gave, or its death."""
        task, worker.task = worker.task, None
        try:
            answer: WorkerAnswer = ray.get(ref)
        except RayTaskError as error:
            what = task.what if task else "a worker that starts"
            told = remote.without_secrets(cluster.TERMINAL_COLOURS.sub("", str(error)))
            answer = WorkerAnswer(error=WorkerError(f"{what}: a bug, please report it: {told}"))
        except RayError as error:
            return self._died(worker, task, error)
        if task is not None:
            self._watch.ended(task, time.monotonic() - worker.begun)
            self._idle.append(worker)
            return task, answer
        if answer.value is None:
            raise answer.error or WorkerError("a worker did not say where it is")
        worker.node, worker.process = answer.value
        if answer.error is not None:
            self._refuse(worker, answer.error)
            return None
        self._stillborn = 0
        self._idle.append(worker)
        return None

    def _refuse(self, worker: _Worker, error: MiningError) -> None:
        """Gives a worker no task, and keeps it: no other one can begin in its place.

        Raises:
            MiningError: There is no other place.
        """
        if worker.node not in {other.node for other in self._refused}:
            log.warning("%s; the node is left out", error)
        self._refused.append(worker)
        self.size = min(cluster.free_workers(self._resource) - len(self._refused), self._most)
        if self.size < 1:
            raise error
        self._looked = -LOOK_SECONDS

    def _died(
        self, worker: _Worker, task: Task | None, error: RayError
    ) -> tuple[Task, WorkerAnswer] | None:
        """Has another worker do the task, if not too many have died over it.

        A node that dies with its workers is not the task's fault.

        Raises:
            WorkerError: None of many workers has come so far as to take a task.
        """
        ray.kill(worker.actor)  # It may only be out of reach, and must not come back.
        self._looked = -LOOK_SECONDS
        why = str(error).strip().partition("\n")[0]
        if task is None:
            self._stillborn += 1
            if self._stillborn >= STILLBORN:
                raise WorkerError(f"workers die while they start: {why}") from error
            return None
        task.deaths += worker.node in cluster.alive()
        if task.deaths >= DEATHS:
            told = f"{task.what}: workers died {DEATHS} times over it ({why})"
            return task, WorkerAnswer(
                error=WorkerError(f"{told}; the other finished parts are kept")
            )
        log.info("%s: its worker died; another one does it", task.what)
        self.add(task, first=True)
        return None
