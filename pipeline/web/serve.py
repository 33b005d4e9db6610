"""The server of the pages."""

import asyncio
import socket
from collections.abc import Callable
from ipaddress import ip_address
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from pipeline.errors import OutputError
from pipeline.live.reader import Reader
from pipeline.movie.camera import check_address
from pipeline.web.app import WebSettings, create_app
from pipeline.web.safety import Policy

GRACE = 2
"""Seconds that open streams have to end."""

MOST_AT_ONCE = 64
"""Connections, of which each may wait for the networks."""

IDLE_SECONDS = 10.0
"""Seconds after which a connection that asks for nothing is closed: others wait for its place."""

ELSEWHERE = "192.0.2.1"
"""An address that is nobody's (RFC 5737): which way there would be taken is asked, nothing is sent.
"""


class Prompt(H11Protocol):
    """A connection that must ask for something soon, which uvicorn does not see to."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to look at the clock."""
        super().connection_made(transport)
        self.loop.call_later(IDLE_SECONDS, self._look, None)

    def _look(self, before: object) -> None:
        """Closes it where nothing was asked since it was looked at before."""
        if self.transport.is_closing():
            return
        if self.cycle is before and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()
            return
        self.loop.call_later(IDLE_SECONDS, self._look, self.cycle)


class Server(uvicorn.Server):
    """Ends the live stream before it waits for all answers to end; ends once."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Is told of a signal; a second one does not break off what the first began to close."""
        if not self.should_exit:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends all."""
        await asyncio.to_thread(self.config.app.state.stage.stop)  # type: ignore[union-attr]
        await super().shutdown(sockets)


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
        MovieError: The camera's address can be none.
        PeopleError: A name in the known faces cannot be a person's.
        ModelError: A network's file is missing or changed.
    """
    check_address(settings.camera)
    policy = Policy.listening_on(host, settings.limit)
    with _listening(host, port) as listener:
        app = create_app(Reader.of(settings.job, threads), settings, policy)
        config = uvicorn.Config(
            app, log_config=None, log_level="warning", access_log=False, server_header=False,
            http=Prompt, ws="none", timeout_graceful_shutdown=GRACE,
            limit_concurrency=MOST_AT_ONCE,
        )  # fmt: skip
        tell(address(listener, policy.token))
        Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise OutputError(
            f"{host}, port {port}: cannot be listened on ({error.strerror}); "
            "give another --port, or a --host that is this computer's"
        ) from error


def address(listener: socket.socket, token: str) -> str:
    """What to open in a browser."""
    host, port = listener.getsockname()[:2]
    host = reached(host) if ip_address(host).is_unspecified else host
    named = f"[{host}]" if ":" in host else host
    return f"http://{named}:{port}/{f'?token={token}' if token else ''}"


def reached(everywhere: str) -> str:
    """The address by which others reach this computer, where it listens to all of its own.

    Args:
        everywhere: `0.0.0.0` or `::`, which is given back where there is no network.
    """
    if ":" in everywhere:
        return everywhere
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect((ELSEWHERE, 9))
        except OSError:
            return everywhere
        return str(way.getsockname()[0])
