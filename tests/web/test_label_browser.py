"""Page Label in Chromium: by keyboard, by mouse, and on a phone."""

import csv
from typing import Any

from tests.support.application import app_of_table as app
from tests.support.pages import Opened
from tests.support.reviewed import Table, picked_once, table_of

__all__ = ["app", "picked_once", "table_of"]

PAGE = "/label/talk"


def labels(table: Table) -> list[str]:
    with (table.folder / "sample.csv").open(newline="") as file:
        return [row["emotion"] for row in csv.DictReader(file)]


def test_a_sample_is_labelled_by_keyboard(opened: Opened, table_of: Table) -> None:
    page = opened("/review")
    page.get_by_role("link", name="Label a sample of its faces").click()
    page.get_by_label("Faces").fill("24")
    page.get_by_label("Faces").press("Enter")
    page.wait_for_selector("[data-ready]")
    for n, key in enumerate("45" * 11 + "40"):
        page.wait_for_selector(f'[data-shown="{n}"]')
        page.keyboard.press(key)
    page.get_by_text("You have seen all the faces.").wait_for()
    page.locator("#count", has_text="Face 24 of 24").wait_for()
    page.wait_for_selector("[data-saved]")
    assert labels(table_of) == ["happy", "sad"] * 11 + ["happy", ""]
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector('[data-shown="22"]')
    assert page.locator('[aria-pressed="true"]').text_content() == "4 happy"
    page.keyboard.press("7")
    page.wait_for_selector("[data-saved]")
    assert labels(table_of)[22:] == ["neutral", ""]
    page.reload()
    page.get_by_text(
        "You have seen all the faces."
    ).wait_for()  # Also the one that nobody can tell.
    page.get_by_role("link", name="which settings fit this movie").click()
    page.get_by_text("Recommended here: --repeat").wait_for()


def test_a_page_that_is_opened_again_goes_on(opened: Opened, table_of: Table) -> None:
    page = opened(PAGE)
    page.get_by_role("button", name="Draw").click()
    page.wait_for_selector("[data-ready]")
    page.keyboard.press("4")
    page.locator("#count", has_text="1 labelled").wait_for()
    page.wait_for_selector("[data-saved]")
    page.reload()
    page.locator("#count", has_text="Face 2 of 40").wait_for()
    assert labels(table_of)[:2] == ["happy", ""]


def test_a_phone_has_all_of_it_without_scrolling_sideways(opened: Opened, table_of: Table) -> None:
    page = opened(PAGE, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Draw").tap()
    page.wait_for_selector("[data-ready]")
    page.get_by_role("button", name="sad").tap()
    page.locator("#count", has_text="Face 2 of 40").wait_for()
    page.wait_for_selector("[data-saved]")
    assert labels(table_of)[0] == "sad"
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_label_that_is_not_saved_is_told_and_sent_again(opened: Opened, table_of: Table) -> None:
    page = opened(PAGE)
    page.get_by_role("button", name="Draw").click()
    page.wait_for_selector("[data-ready]")
    page.route("**/api/label/talk", lambda route: route.fulfill(status=200, body="busy"))
    page.keyboard.press("4")
    page.get_by_text("Not saved: busy").wait_for()
    page.unroute("**/api/label/talk")
    page.wait_for_selector('[data-shown="1"]')
    page.keyboard.press("5")
    page.wait_for_selector("[data-saved]")
    page.locator("#problem").wait_for(state="hidden")
    assert labels(table_of)[:2] == ["happy", "sad"]


def test_no_key_is_about_a_face_that_is_not_shown_yet(opened: Opened, table_of: Table) -> None:
    page = opened(PAGE)
    page.get_by_role("button", name="Draw").click()
    page.wait_for_selector('[data-shown="0"]')
    held: list[Any] = []
    page.route("**/face/*/3", lambda route: held.insert(0, route))
    for n in (0, 1):
        page.wait_for_selector(f'[data-shown="{n}"]')
        page.keyboard.press("4")
    page.locator("#count", has_text="Face 3 of 40").wait_for()
    assert page.locator("#face img").is_hidden()
    page.keyboard.press("5")
    page.wait_for_selector("[data-saved]")
    assert labels(table_of)[:3] == ["happy", "happy", ""]
    held[0].continue_()
    page.wait_for_selector('[data-shown="2"]')
    page.keyboard.press("5")
    page.wait_for_selector("[data-saved]")
    assert labels(table_of)[:3] == ["happy", "happy", "sad"]
