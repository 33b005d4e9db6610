"""Joins a Ray cluster, or starts one on this machine."""

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
"""The address of a cluster of this machine alone, which ends with the program."""

AUTO = "auto"
"""The address of the cluster that this machine is part of."""

KNOCK_SECONDS = 10.0
"""How long to wait for the head of a cluster; Ray itself would wait for minutes."""

TERMINAL_COLOURS = re.compile("\x1b\\[[0-9;]*m")
"""Matches the escape codes for colours in Ray's messages."""

SIGN_IN = (
    "If `ray start` said there that token authentication is enabled, set RAY_AUTH_MODE=token here "
    "too and copy its ~/.ray/auth_token to this machine"
)
"""Advice on the likeliest reason: a head that has a token asks for it, and those who join must set
the mode themselves."""

STORE_BYTES = 100 << 20
"""Size of Ray's shared memory. Parts go through files, so that it holds little but the gallery."""


@contextmanager
def joined(address: str, workers: int) -> Iterator[None]:
    """Joins a cluster for the length of the context.

    Args:
        address: `local` starts a cluster here; `auto` finds the one that this machine is part of;
            otherwise the HOST:PORT of the cluster's head.
        workers: The CPUs of a local cluster; has no effect on others.

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
    # A thread of Ray prints events of nodes to stdout, without an option to turn that off;
    # `shutdown` prints the repeated lines that it held back. Stdout belongs to our results.
    stdout = _OneThreadStream(sys.stdout)
    with redirect_stdout(cast("IO[str]", stdout)):
        try:
            _knock(address)
            ray.init(address, **options)
        except (ray.exceptions.RayError, RuntimeError, ValueError, OSError) as error:
            raise WorkerError(
                f"--ray {address}: cannot join a Ray cluster there, though the port answers "
                f"({error}). {SIGN_IN}. Otherwise give the HOST:PORT that `ray start --head` "
                "printed, install the same version of Ray here and there, or use --ray local"
            ) from error
        try:
            yield
        finally:
            stdout.mute()
            ray.shutdown()


def _knock(address: str) -> None:
    """Checks that the address accepts connections, which fails faster than Ray does.

    Raises:
        WorkerError: Nothing listens there, or it is not an address.
    """
    if address in (LOCAL, AUTO):
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS).close()
    except (ValueError, OSError) as error:
        raise WorkerError(
            f"--ray {address}: cannot join a Ray cluster there ({error}); start one with "
            "`ray start --head` and give the HOST:PORT that it prints, or use --ray local"
        ) from error


class _OneThreadStream:
    """Passes on what its own thread prints; logs at debug level what other threads print."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._thread: int | None = threading.get_ident()

    def mute(self) -> None:
        """Logs everything from now on, whichever thread prints it."""
        self._thread = None

    def write(self, text: str) -> int:
        """Writes the text, or logs it."""
        if threading.get_ident() == self._thread:
            return self._stream.write(text)
        if text.strip():
            log.debug("Ray: %s", TERMINAL_COLOURS.sub("", text).strip())
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def free_workers(resource: str) -> int:
    """The number of workers that the cluster has room for now: its CPUs or GPUs."""
    import ray  # noqa: PLC0415 - an extra, and it takes seconds.

    return int(ray.cluster_resources().get(resource, 0))


def alive() -> dict[str, str]:
    """The ids of the nodes that are alive, each with the name of its machine."""
    import ray  # noqa: PLC0415 - an extra, and it takes seconds.

    return {n["NodeID"]: n["NodeManagerHostname"] for n in ray.nodes() if n["Alive"]}
