"""Pages of the application, open in Chromium: nothing may complain, or ask another server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import create_server
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from fastapi import FastAPI

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

Opened = Callable[..., "Page"]


@contextmanager
def served(app: FastAPI, host: str = "127.0.0.1") -> Iterator[str]:
    """The address of a server in a thread."""
    with create_server((host, 0)) as listener:
        # A page that a failed test left open must not keep it.
        config = uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=3)
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def enter(context: "BrowserContext", app: FastAPI, address: str) -> None:
    """Gives a browser the cookie of one that brought the token."""
    policy = app.state.policy
    cookie = {"name": policy.cookie, "value": policy.sessions.begin(), "url": address}
    context.add_cookies([cookie])  # type: ignore[list-item]


def new_page(browser: "Browser", app: FastAPI, address: str) -> "Page":
    """A page in a browser that is let in; what it complains of does not matter."""
    page = browser.new_page()
    enter(page.context, app, address)
    return page


@pytest.fixture
def address(app: FastAPI) -> Iterator[str]:
    with served(app) as found:
        yield found


@pytest.fixture
def opened(browser: "Browser", app: FastAPI, address: str) -> Iterator[Opened]:
    """Opens a page in a browser that is let in.

    At the end nothing may have been complained of, or asked of another server.
    """
    complaints: list[str] = []
    contexts = []

    def open_it(path: str = "/", **options: Any) -> "Page":
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        contexts.append(context)
        enter(context, app, address)
        page = context.new_page()
        page.on("console", lambda m: complaints.extend(_complained(m)))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda r: _own(r.url, address, complaints))
        page.goto(address + path)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert not complaints, complaints


def _complained(message: "ConsoleMessage") -> list[str]:
    """What a page complains of; what it merely tells is nothing."""
    return [] if message.type == "info" else [f"{message.type}: {message.text}"]


def _own(url: str, address: str, complaints: list[str]) -> None:
    if not url.startswith((address, "data:", "blob:")):
        complaints.append(f"asked for {url}")
