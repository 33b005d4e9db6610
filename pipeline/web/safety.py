"""Who may ask for what: the checks that every request passes before any page sees it.

The pages show faces and read this computer's camera, so that no other page open in the same
browser, and nobody else on the network, may use them:

* the Host must be one of ours, or else a name that was pointed here (DNS rebinding) would make
  another site and this one the same origin;
* beyond this computer a random token must be known;
* what changes something must come from a page of ours (Origin) that knows a secret (CSRF token);
* bodies end at a limit, and answers tell the browser what it may do with them.
"""

import hashlib
import hmac
import logging
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fastapi import HTTPException, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

UPLOAD_ROUTE = "/mine/movie"
"""Where movies are sent, which are larger than all else."""

UPLOAD = 20_000_000
"""Bytes of a picture, at most, where nothing else is asked for."""

CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",  # With no-referrer, forms would send "Origin: null".
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",  # Faces do not stay in a browser's cache.
}


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may ask.

    Attributes:
        host: the address that is listened on.
        limit: bytes of a body, at most.
        movie_limit: the same of a movie.
        token: what must be known beyond this computer; "" where only it can ask.
        csrf: what a page of ours knows.
    """

    host: str = "127.0.0.1"
    limit: int = UPLOAD
    movie_limit: int = 8_000_000_000
    token: str = ""
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @classmethod
    def listening_on(cls, host: str, limit: int) -> "Policy":
        """A policy with a new token where others than this computer can ask.

        >>> bool(Policy.listening_on("127.0.0.1", 1).token)
        False
        >>> len(Policy.listening_on("0.0.0.0", 1).token) > 40
        True
        """
        alone = host in LOOPBACK or ip_address(host).is_loopback
        return cls(host, limit, token="" if alone else secrets.token_urlsafe(32))

    @property
    def cookie(self) -> str:
        """The name of the cookie that keeps the token: another server's here has another one."""
        return f"mine-video-{hashlib.sha256(self.token.encode()).hexdigest()[:8]}"

    def limit_of(self, path: str) -> int:
        """Bytes of a body that is sent to a path, at most."""
        return self.movie_limit if path == UPLOAD_ROUTE else self.limit

    def allows_host(self, header: str) -> bool:
        """Whether a Host header names this server.

        With a token any address will do, for DNS rebinding needs a name.

        >>> [Policy().allows_host(h) for h in ("localhost:8000", "[::1]:8000", "evil.example")]
        [True, True, False]
        >>> Policy("0.0.0.0", token="t").allows_host("192.168.1.7:8000")
        True
        """
        try:
            name = urlsplit(f"//{header}").hostname or ""
        except ValueError:
            return False
        return name in LOOPBACK or name == self.host or (bool(self.token) and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


class RefusedError(Exception):
    """A request is not let in."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Guard:
    """Middleware around all pages: checks what comes in, and marks what goes out."""

    def __init__(self, app: ASGIApp, policy: Policy) -> None:
        self._app, self._policy = app, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request in, or answers it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"no {scope['type']} is served here")

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        try:
            self._check(scope, headers)
        except RefusedError as refused:
            answer = PlainTextResponse(f"{refused}\n", refused.status)
            await answer(scope, receive, marked)
            return
        if self._policy.token and not self._known(headers):
            await self._let_in(scope)(scope, receive, marked)
            return
        await self._pass(scope, _limited(receive, self._policy.limit_of(scope["path"])), marked)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Asks the application; what goes wrong there unforeseen is an answer as others are."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            log.exception("%s: this is a bug; please report it", scope["path"])
            if begun:
                raise
            answer = PlainTextResponse("stopped by a bug; the terminal tells more\n", 500)
            await answer(scope, receive, send)

    def _known(self, headers: Headers) -> bool:
        """Whether a request brings the token."""
        cookies = cookie_parser(headers.get("cookie", ""))
        return _knows(self._policy.token, cookies.get(self._policy.cookie))

    def _check(self, scope: Scope, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._policy.allows_host(hosts[0]):
            raise RefusedError(421, "this server is not called so; open it by its address")
        if scope["method"] not in SAFE and not _same_origin(headers.get("origin", ""), hosts[0]):
            raise RefusedError(403, "another page may not change anything here")
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            raise RefusedError(400, "no Content-Length is called so")
        limit = self._policy.limit_of(scope["path"])
        if int(length) > limit:
            raise RefusedError(413, _too_large(limit))

    def _let_in(self, scope: Scope) -> ASGIApp:
        """Swaps the right token in the address for a cookie, so that it is not seen any longer."""
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["method"] not in SAFE or not _knows(self._policy.token, given):
            return PlainTextResponse(
                "open the address with ?token=… that `mine-video web` printed\n", 401
            )
        answer = RedirectResponse("/", 303)
        # With "strict" a link in somebody's mail would lead to a page that asks for the token.
        answer.set_cookie(self._policy.cookie, self._policy.token, httponly=True, samesite="lax")
        return answer


def _knows(secret: str, given: object) -> bool:
    """Whether a secret is known; how long that takes tells nothing of it."""
    if not isinstance(given, str):
        return False
    return hmac.compare_digest(secret.encode(), given.encode(errors="replace"))


def _same_origin(origin: str, host: str) -> bool:
    return origin in (f"http://{host}", f"https://{host}")


def _too_large(limit: int) -> str:
    return f"too large: at most {limit / 1e6:g} MB are taken"


def _limited(receive: Receive, limit: int) -> Receive:
    """Counts what comes, for a chunked body tells no length before."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(413, _too_large(limit))
        return message

    return counted


async def check_csrf(request: Request) -> AsyncIterator[None]:
    """Refuses a change that does not bring the CSRF token, as a field of a form or a header.

    Raises:
        HTTPException: 403.
    """
    try:
        if request.method not in SAFE:
            await _check_csrf(request)
        yield
    finally:
        await request.close()  # What of its form nobody else read.


async def _check_csrf(request: Request) -> None:
    given: object = request.headers.get(CSRF_HEADER)
    kind = request.headers.get("content-type", "")
    if given is None and kind.startswith(("multipart/form-data", "application/x-www-form")):
        given = (await request.form()).get(CSRF_FIELD)
    if not _knows(request.app.state.policy.csrf, given):
        raise HTTPException(403, "the page is older than this server; reload it and try again")


Responses = dict[int | str, dict[str, Any]]

REFUSALS: Responses = {
    401: {"description": "The token is missing.", "content": {"text/plain": {}}},
    403: {"description": "Not from a page of ours, or without its CSRF token."},
    413: {"description": "Too large."},
    421: {"description": "Another Host.", "content": {"text/plain": {}}},
}
"""What any change may be answered with, for the OpenAPI description."""
