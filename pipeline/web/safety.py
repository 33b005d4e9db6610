"""The checks that every request must pass before any page handles it.

The pages show faces and read this computer's camera. Neither other pages in the same browser nor
other people on the network may use them:

* The Host header must name this server. Otherwise another site could point its own name here (DNS
  rebinding), and the browser would take both for the same origin.
* Every request needs a secret: other users and containers of this computer reach its ports, too.
  The printed address holds a random token; a browser that brings it gets a cookie of its own.
* A request that a browser sends for another page is refused, unless it is a link that is followed.
* Requests that change something must come from one of our pages (Origin header), which knows a
  secret (CSRF token).
* Request bodies have a size limit, and response headers restrict what the browser may do.
"""

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fastapi import HTTPException, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.web.sessions import LASTING, Sessions

log = logging.getLogger(__name__)

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""HTTP methods that change nothing."""

UPLOAD_ROUTE = "/mine/movie"
"""The path that movies are uploaded to; its size limit is larger."""

UPLOAD = 20_000_000
"""Default for the largest uploaded picture, in bytes."""

BODY_SECONDS = 30.0
"""Seconds that a body may take beside the time that it takes at `LEAST_RATE`."""

LEAST_RATE = 10_000
"""Bytes a second: at least so fast must a body come."""

CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"

CONTENT_POLICY, FRAMING = "Content-Security-Policy", "X-Frame-Options"
OWN_HEADERS = (CONTENT_POLICY, FRAMING)
"""Those of `HEADERS` that a page may have otherwise."""

HEADERS = {
    CONTENT_POLICY: (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "media-src blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",  # With no-referrer, forms would send "Origin: null".
    "X-Content-Type-Options": "nosniff",
    FRAMING: "DENY",
    "Cache-Control": "no-store",  # Keeps faces out of the browser's cache.
}


HSTS = "max-age=31536000"
"""With HTTPS, browsers never come without it again."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may send requests, and how large.

    Attributes:
        host: the address that the server listens on.
        limit: largest request body, in bytes.
        movie_limit: largest uploaded movie, in bytes.
        token: secret of the printed address.
        csrf: secret that only our own pages know.
        public_name: name by which other computers know this server, in its certificate or in front
            of it; "" for none.
        secure: whether browsers reach it by HTTPS alone.
        sessions: the browsers that brought the token.
    """

    host: str = "127.0.0.1"
    limit: int = UPLOAD
    movie_limit: int = 8_000_000_000
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    public_name: str = ""
    secure: bool = False
    sessions: Sessions = field(default_factory=Sessions)

    @property
    def cookie(self) -> str:
        """The name of the cookie with a browser's secret; each server on this host has its own.

        With HTTPS its prefix makes browsers refuse one that another site of the domain has set.
        """
        prefix = "__Host-" if self.secure else ""
        return f"{prefix}mine-video-{hashlib.sha256(self.token.encode()).hexdigest()[:8]}"

    def limit_of(self, path: str) -> int:
        """The largest request body that a path accepts, in bytes."""
        return self.movie_limit if path == UPLOAD_ROUTE else self.limit

    def lets_in(self, cookies: Mapping[str, str]) -> bool:
        """Whether the cookies of a request hold a browser's secret."""
        return cookies.get(self.cookie, "") in self.sessions

    def allows_host(self, header: str) -> bool:
        """Whether a Host header names this server.

        Beyond this computer, any IP address is allowed: DNS rebinding needs a host name.

        >>> [Policy().allows_host(h) for h in ("localhost:8000", "[::1]:8000", "evil.example")]
        [True, True, False]
        >>> [Policy(h).allows_host("192.168.1.7:8000") for h in ("0.0.0.0", "127.0.0.1")]
        [True, False]
        >>> Policy(public_name="faces.example").allows_host("faces.example")
        True
        """
        try:
            name = urlsplit(f"//{header}").hostname or ""
        except ValueError:
            return False
        own = LOOPBACK | {self.host, self.public_name.lower()} - {""}
        return name in own or (self._is_beyond and _is_address(name))

    @property
    def _is_beyond(self) -> bool:
        """Whether other computers can connect."""
        return self.host not in LOOPBACK and not ip_address(self.host).is_loopback


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


class RefusedError(Exception):
    """A request fails a check."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Guard:
    """Middleware around all pages: checks requests, and adds headers to responses.

    Args:
        app: The pages.
        policy: Who may send requests.
        bug: Makes the response to a request that failed by a bug.
    """

    def __init__(self, app: ASGIApp, policy: Policy, bug: Callable[[Request], Response]) -> None:
        self._app, self._policy, self._bug = app, policy, bug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"{scope['type']} is not supported")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                own = {name: headers[name] for name in OWN_HEADERS if name in headers}
                headers.update(HEADERS | own)
                if self._policy.secure:
                    headers["Strict-Transport-Security"] = HSTS
            await send(message)

        sent = Headers(scope=scope)
        try:
            self._check(scope, sent)
        except RefusedError as refused:
            answer = PlainTextResponse(f"{refused}\n", refused.status)
            await answer(scope, receive, send_with_headers)
            return
        if self._brings_token(scope):
            await self._let_in()(scope, receive, send_with_headers)
            return
        if not self._is_let_in(sent):
            answer = PlainTextResponse(
                "open the address with ?token=… that `mine-video web` printed\n", 401
            )
            await answer(scope, receive, send_with_headers)
            return
        body = _limited(receive, self._policy.limit_of(scope["path"]))
        await self._call_app(scope, body, send_with_headers)

    async def _call_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the application; an unexpected exception there becomes a response too."""
        begun = False

        async def send_noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except asyncio.CancelledError:  # The server ends, and will not wait for the rest of a body.
            if not begun:
                answer = PlainTextResponse("the server is ending; try again later\n", 503)
                await answer(scope, receive, send)
        except Exception:
            log.exception("%s: this is a bug; please report it", scope["path"])
            if begun:  # The status has been sent: all that is left is to close the connection.
                raise
            await self._bug(Request(scope))(scope, receive, send)

    def _is_let_in(self, headers: Headers) -> bool:
        """Whether a request brings a browser's secret in its cookie."""
        return self._policy.lets_in(cookie_parser(headers.get("cookie", "")))

    def _check(self, scope: Scope, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._policy.allows_host(hosts[0]):
            raise RefusedError(421, "this server has another name; open it by its address")
        if scope["method"] not in SAFE and not _same_origin(headers.get("origin", ""), hosts[0]):
            raise RefusedError(403, "other pages may not change anything here")
        if not _from_here(headers, scope["method"]):
            raise RefusedError(403, "other pages may not read anything here")
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            raise RefusedError(400, "Content-Length must be a number")
        limit = self._policy.limit_of(scope["path"])
        if int(length) > limit:
            raise RefusedError(413, _too_large(limit))

    def _brings_token(self, scope: Scope) -> bool:
        """Whether a page is asked for with the right token in its address."""
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        return scope["method"] in SAFE and _equals(self._policy.token, token)

    def _let_in(self) -> Response:
        """Swaps the token for a cookie, so that it leaves the address bar."""
        # No redirect: a browser that followed a link from elsewhere, such as a terminal in a page,
        # would send no strict cookie with it.
        answer = HTMLResponse('<a href="/mine">mine-video</a>', headers={"Refresh": "0; url=/mine"})
        answer.set_cookie(
            self._policy.cookie, self._policy.sessions.begin(), max_age=round(LASTING),
            httponly=True, samesite="strict", secure=self._policy.secure,
        )  # fmt: skip
        return answer


def _equals(secret: str, value: object) -> bool:
    """Whether a value equals a secret, in constant time, so that timing reveals nothing."""
    if not isinstance(value, str):
        return False
    return hmac.compare_digest(secret.encode(), value.encode(errors="replace"))


def _from_here(headers: Headers, method: str) -> bool:
    """Whether a browser says that one of our pages, or the user, sends a request.

    Other pages may link to ours, in a window of its own, but not show parts of them: their images
    could tell what is there, and would keep the camera running. Another port of this computer is
    another site, too. Old browsers, and other programs, say nothing.
    """
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return True
    top = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return method in SAFE and top == ("navigate", "document")


def _same_origin(origin: str, host: str) -> bool:
    return origin in (f"http://{host}", f"https://{host}")


def _too_large(limit: int) -> str:
    return f"too large: the limit is {limit / 1e6:g} MB"


def _limited(receive: Receive, limit: int) -> Receive:
    """Counts the bytes of a body as they come: a chunked body has no Content-Length.

    A body must not take for ever, either: each of a few would keep a connection.
    """
    count, whole, begin = 0, False, time.monotonic()

    async def receive_counted() -> Message:
        nonlocal count, whole
        if whole:  # What comes now is only that the browser has gone.
            return await receive()
        left = begin + BODY_SECONDS + count / LEAST_RATE - time.monotonic()
        try:
            message = await asyncio.wait_for(receive(), max(left, 0))
        except TimeoutError as error:
            raise HTTPException(408, "the upload was too slow; try again") from error
        count += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if count > limit:
            raise HTTPException(413, _too_large(limit))
        return message

    return receive_counted


def log_out(request: Request) -> Response:
    """Lets the browser that asks in no longer; it must bring the token again."""
    policy: Policy = request.app.state.policy
    policy.sessions.end(request.cookies.get(policy.cookie, ""))
    answer = PlainTextResponse("logged out; the printed address lets you in again\n")
    answer.delete_cookie(policy.cookie, httponly=True, samesite="strict", secure=policy.secure)
    # Other tabs, and what they keep, are of this browser, too.
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


async def while_let_in(request: Request, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yields the parts of an answer that never ends, until its browser is let in no longer."""
    policy: Policy = request.app.state.policy
    async for part in parts:
        if not policy.lets_in(request.cookies):
            return
        yield part


async def check_csrf(request: Request) -> AsyncIterator[None]:
    """Refuses a change without the CSRF token in a form field or a header.

    Raises:
        HTTPException: 403, the token is missing or wrong.
    """
    try:
        if request.method not in SAFE:
            await _check_csrf(request)
        yield
    finally:
        await request.close()  # Closes the temporary files of the form that `_check_csrf` read.


async def _check_csrf(request: Request) -> None:
    token: object = request.headers.get(CSRF_HEADER)
    kind = request.headers.get("content-type", "")
    if token is None and kind.startswith(("multipart/form-data", "application/x-www-form")):
        token = (await request.form()).get(CSRF_FIELD)
    if not _equals(request.app.state.policy.csrf, token):
        raise HTTPException(403, "the page is older than this server; reload it and try again")


Responses = dict[int | str, dict[str, Any]]

REFUSALS: Responses = {
    401: {
        "description": "From a browser that did not bring the token.",
        "content": {"text/plain": {}},
    },
    408: {"description": "The body comes too slowly."},
    403: {"description": "Not from one of our pages, or without the CSRF token."},
    413: {"description": "Too large."},
    421: {"description": "The Host header names another server.", "content": {"text/plain": {}}},
}
"""Refusals that any change may get, for the OpenAPI description."""
