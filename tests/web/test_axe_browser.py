"""Every page by axe-core, in light and dark and on a phone: nothing that it knows of is wrong."""

from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI

from pipeline import mine
from pipeline.judge.sample import draw_sample, label_face, read_sample
from pipeline.live.reader import Reader
from pipeline.web.app import WebSettings, create_app
from pipeline.web.safety import Policy
from tests.support.application import LIMIT
from tests.support.pages import Opened
from tests.support.reviewed import Table, picked_once, table_of

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
)

__all__ = ["picked_once", "table_of"]

PAGES = (
    "/", "/live", "/mine", "/mine?smooth=5", "/people", "/people/talk", "/review",
    "/review/talk/anna/happy", "/label/talk", "/label/talk/settings", "/report/talk",
    "/report/talk/page",
)  # fmt: skip

OPTIONS = {"preload": False, "iframes": False}
"""The report lies in a sandbox, where axe cannot look: it is a page by itself, too."""

SCREENS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True},
}


@pytest.fixture
def app(reader: Reader, table_of: Table) -> FastAPI:
    mine.pick(table_of.folder, replace(table_of.job, report=True))
    draw_sample(table_of.folder, 30)
    sample = read_sample(table_of.folder)
    for number in range(1, 26):
        label_face(table_of.folder, sample.version if sample else "", str(number), "happy")
    settings = WebSettings(table_of.job, videos=table_of.folder.parent, limit=LIMIT)
    return create_app(reader, settings, Policy(limit=LIMIT))


@pytest.mark.parametrize("screen", SCREENS)
def test_no_page_has_a_fault_that_axe_knows(opened: Opened, screen: str) -> None:
    page = opened("/mine", **SCREENS[screen])
    address = page.url.removesuffix("/mine")
    faults: list[Any] = []
    wide: list[str] = []
    for path in PAGES:
        page.goto(address + path)
        page.wait_for_load_state("networkidle")
        found = axe.Axe().run(page, options=OPTIONS).response["violations"]
        faults += [(path, fault["id"], fault["nodes"][0]["html"][:200]) for fault in found]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(path)
    assert faults == []
    assert wide == []
