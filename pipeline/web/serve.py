"""The server of the pages."""

import socket
from collections.abc import Callable

import uvicorn

from pipeline.errors import OutputError
from pipeline.live import Reader
from pipeline.web.app import WebSettings, create_app
from pipeline.web.safety import Policy

GRACE = 2
"""Seconds that open streams have to end."""

MOST_AT_ONCE = 64
"""Requests, of which each may wait for the networks."""


def serve(
    settings: WebSettings, host: str, port: int, threads: int, tell: Callable[[str], None]
) -> None:
    """Serves until it is stopped.

    Args:
        settings: What is served.
        host: The address to listen on.
        port: 0 takes a free one.
        threads: Of each network.
        tell: Is given the address to open.

    Raises:
        OutputError: Nothing can listen there.
        PeopleError: A name in the known faces cannot be a person's.
        ModelError: A network's file is missing or changed.
    """
    policy = Policy.listening_on(host, settings.limit)
    with _listening(host, port) as listener:
        app = create_app(Reader.of(settings.job, threads), settings, policy)
        config = uvicorn.Config(
            app, log_config=None, log_level="warning", access_log=False, server_header=False,
            ws="none", timeout_graceful_shutdown=GRACE, limit_concurrency=MOST_AT_ONCE,
        )  # fmt: skip
        tell(address(listener, policy.token))
        uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise OutputError(
            f"{host}, port {port}: cannot be listened on ({error.strerror}); give another --port"
        ) from error


def address(listener: socket.socket, token: str) -> str:
    """What to open in a browser."""
    host, port = listener.getsockname()[:2]
    named = f"[{host}]" if ":" in host else host
    return f"http://{named}:{port}/{f'?token={token}' if token else ''}"
