"""Joins a Ray cluster, or starts one of this machine alone."""

import logging
import os
import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import IO, Any, cast

from pipeline.errors import WorkerError
from pipeline.movie.remote import INSTALL

log = logging.getLogger(__name__)

LOCAL = "local"
"""The address of a cluster that is this machine, for as long as the program runs."""

AUTO = "auto"
"""The address of the cluster that this machine is part of."""

KNOCK_SECONDS = 10.0
"""How long the head of a cluster is waited for; Ray itself would wait for minutes."""

TERMINAL_COLOURS = re.compile("\x1b\\[[0-9;]*m")
"""Of terminals, in Ray's messages."""

SIGN_IN = (
    "If `ray start` said there that token authentication is enabled, set RAY_AUTH_MODE=token here, "
    "too, and have its ~/.ray/auth_token here"
)
"""The likeliest reason: Ray asks for a token where one lies, and who joins must say so."""

STORE_BYTES = 100 << 20
"""Of Ray's shared memory: parts go through files, so that it holds little but the gallery."""


@contextmanager
def joined(address: str, workers: int) -> Iterator[None]:
    """Is part of a cluster meanwhile.

    Args:
        address: `local` starts one here; `auto` finds the one that this machine is part of; else
            the HOST:PORT of its head.
        workers: CPUs of a local one; others have what they have.

    Raises:
        WorkerError: Ray is not installed, or there is no such cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray  # noqa: PLC0415 - an extra, and it takes seconds.
    except ImportError as error:
        raise WorkerError(f"--ray needs Ray: {INSTALL}") from error
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        options |= {
            "num_cpus": workers, "include_dashboard": False, "object_store_memory": STORE_BYTES,
        }  # fmt: skip
    # Ray has a thread that prints what happens to nodes, and no option against it; what it holds
    # back as repeated, `shutdown` prints.
    voice = _OneVoice(sys.stdout)
    with redirect_stdout(cast("IO[str]", voice)):
        try:
            _knock(address)
            ray.init(address, **options)
        except (ray.exceptions.RayError, RuntimeError, ValueError, OSError) as error:
            raise WorkerError(
                f"--ray {address}: no Ray cluster can be joined there, though somebody answers "
                f"({error}). {SIGN_IN}; else give the HOST:PORT that `ray start --head` printed, "
                "have the same Ray here and there, or use --ray local"
            ) from error
        try:
            yield
        finally:
            voice.mute()
            ray.shutdown()


def _knock(address: str) -> None:
    """Says at once that nobody listens there.

    Raises:
        WorkerError: Nobody does, or it is no address.
    """
    if address in (LOCAL, AUTO):
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS).close()
    except (ValueError, OSError) as error:
        raise WorkerError(
            f"--ray {address}: no Ray cluster can be joined there ({error}); start one with "
            "`ray start --head`, give the HOST:PORT that it prints, or use --ray local"
        ) from error


class _OneVoice:
    """A stream for the thread that made it; what others print is told with -v only."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._thread: int | None = threading.get_ident()

    def mute(self) -> None:
        """From now on it is nobody's."""
        self._thread = None

    def write(self, text: str) -> int:
        """Writes, or tells."""
        if threading.get_ident() == self._thread:
            return self._stream.write(text)
        if text.strip():
            log.debug("Ray: %s", TERMINAL_COLOURS.sub("", text).strip())
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def free_workers(resource: str) -> int:
    """How many workers the cluster has room for now: its CPUs or GPUs."""
    import ray  # noqa: PLC0415 - an extra, and it takes seconds.

    return int(ray.cluster_resources().get(resource, 0))


def alive() -> dict[str, str]:
    """The nodes of the cluster that live, each with the name of its machine."""
    import ray  # noqa: PLC0415 - an extra, and it takes seconds.

    return {n["NodeID"]: n["NodeManagerHostname"] for n in ray.nodes() if n["Alive"]}
