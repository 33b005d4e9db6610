"""Runs the server of the pages."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from pipeline.errors import OutputError
from pipeline.live.reader import Reader
from pipeline.movie.camera import check_address
from pipeline.web.app import WebSettings, create_app
from pipeline.web.safety import Policy

GRACE = 2
"""Seconds that open responses have to end when the server stops."""

MOST_AT_ONCE = 64
"""Largest number of connections at a time; each may wait for the networks."""

IDLE_SECONDS = 10.0
"""Seconds after which an idle connection is closed, because idle ones count as connections too."""

ELSEWHERE = "192.0.2.1"
"""An address that is never assigned (RFC 5737). Connecting a UDP socket to it sends nothing, but
makes the system choose the network interface."""


class Prompt(H11Protocol):
    """A connection that closes if no request comes in time, which uvicorn does not check."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts the timer."""
        super().connection_made(transport)
        self.loop.call_later(IDLE_SECONDS, self._close_if_idle, None)

    def _close_if_idle(self, before: object) -> None:
        """Closes the connection if there was no request since the last look."""
        if self.transport.is_closing():
            return
        if self.cycle is before and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()
            return
        self.loop.call_later(IDLE_SECONDS, self._close_if_idle, self.cycle)


class Server(uvicorn.Server):
    """Stops the live stream before it waits for open responses, and heeds only one signal."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handles the first signal only; a second must not break off the closing of files."""
        if not self.should_exit:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops the live stream, which never ends by itself, and then the server."""
        await asyncio.to_thread(self.config.app.state.stage.stop)  # type: ignore[union-attr]
        await super().shutdown(sockets)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the server listens, and by which name it is reached.

    Attributes:
        host: the address to listen on.
        port: the port to listen on; 0 picks a free one.
        certificate: PEM file of the certificate and those that sign it, for HTTPS.
        key: PEM file of its private key.
        public_name: the name in the certificate, or of a proxy in front; "" for none.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    certificate: Path | None = None
    key: Path | None = None
    public_name: str = ""


def serve(
    settings: WebSettings, place: Listening, threads: int, tell: Callable[[str], None]
) -> None:
    """Serves the pages until a signal stops the server.

    Args:
        settings: What the server shows.
        place: Where it listens.
        threads: Number of threads of each network.
        tell: Called with the address to open in a browser.

    Raises:
        OutputError: The server cannot listen there, or the certificate cannot be used.
        MovieError: The camera's address is not valid.
        PeopleError: A name in the known faces cannot be a person's.
        ModelError: A network's file is missing or changed.
    """
    check_address(settings.camera)
    secure = place.certificate is not None
    policy = Policy(place.host, settings.limit, public_name=place.public_name, secure=secure)
    _check_certificate(place)
    with _listening(place.host, place.port) as listener:
        app = create_app(Reader.of(settings.job, threads), settings, policy)
        config = uvicorn.Config(
            app, log_config=None, log_level="warning", access_log=False, server_header=False,
            http=Prompt, ws="none", timeout_graceful_shutdown=GRACE,
            limit_concurrency=MOST_AT_ONCE, ssl_certfile=place.certificate,
            ssl_keyfile=place.key,
            ssl_ciphers=None,  # Python's; earlier versions of uvicorn have older ones.
        )  # fmt: skip
        tell(address(listener, policy))
        Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise OutputError(
            f"{host}, port {port}: cannot listen there ({error.strerror}); "
            "give another --port, or a --host that is an address of this computer"
        ) from error


def _check_certificate(place: Listening) -> None:
    """Refuses files that are no certificate with its key.

    Raises:
        OutputError: They cannot be read, or do not belong together.
    """
    if place.certificate is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            place.certificate, place.key, password=""
        )
    except (OSError, ValueError) as error:  # Errors of OpenSSL are OSErrors.
        raise OutputError(
            f"{place.certificate}, {place.key}: cannot be used for HTTPS ({error}); give a "
            "certificate and its private key without a password, both as PEM"
        ) from error


def address(listener: socket.socket, policy: Policy) -> str:
    """Makes the URL to open in a browser."""
    host, port = listener.getsockname()[:2]
    host = reached(host) if ip_address(host).is_unspecified else host
    name = policy.public_name or (f"[{host}]" if ":" in host else host)
    scheme = "https" if policy.secure else "http"
    return f"{scheme}://{name}:{port}/?token={policy.token}"


def reached(everywhere: str) -> str:
    """Finds the address by which other computers reach this one, if it listens on all addresses.

    Args:
        everywhere: `0.0.0.0` or `::`; returned as it is for IPv6, or if there is no network.
    """
    if ":" in everywhere:
        return everywhere
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((ELSEWHERE, 9))
        except OSError:
            return everywhere
        return str(probe.getsockname()[0])
