"""Page People in Chromium: names by keyboard, by drag, and without scripts."""

import io
import shutil
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from PIL import Image as Pillow

from pipeline.cast import cast
from pipeline.cast.company import Company, company
from pipeline.settings import Job
from pipeline.web.people import MOST_NAMED
from tests.support.cast_page import app, folder, gallery, job, names, sorted_place
from tests.support.pages import Opened, new_page
from tests.support.puppet import photo

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

__all__ = ["app", "folder", "job", "sorted_place"]

FILM = "/people/film"


def words(page: "Page") -> list[str]:
    """The changes that are told, when they are."""
    page.locator("#staged.full li, #staged.full #said:not(:empty)").first.wait_for()
    return page.locator("#words li").all_inner_texts()


def cards(page: "Page") -> list[str]:
    return page.locator(".person h3").all_inner_texts()


def focused(page: "Page") -> str:
    """The card or field that has the focus."""
    found: str = page.evaluate(
        "(document.activeElement.closest('.person')?.dataset.card ?? 'none')"
        " + (document.activeElement.matches('input') ? ' field' : '')"
    )
    return found


def in_sight(what: "Locator") -> bool:
    top, bottom, height = what.evaluate(
        "(e) => [e.getBoundingClientRect().top, e.getBoundingClientRect().bottom, innerHeight]"
    )
    return bool(top >= 0 and bottom <= height)


def named(page: "Page", number: int, name: str) -> None:
    page.locator(f"#cast-{number}").fill(name)
    page.locator(f"#cast-{number}").press("Enter")


def applied(page: "Page") -> None:
    page.get_by_role("button", name="Apply").click()
    page.locator("#done").wait_for()


def test_a_member_of_the_cast_is_named_by_keyboard(opened: Opened, folder: Path) -> None:
    page = opened(FILM)
    page.get_by_role("button", name="1 0:01.6 on screen").focus()
    page.keyboard.press("ArrowRight")
    assert focused(page) == "cast-2"
    page.keyboard.press("Enter")
    assert focused(page) == "cast-2 field"
    page.keyboard.type("ben")
    page.keyboard.press("Enter")
    assert focused(page) == "cast-2"
    assert words(page) == ["2 becomes ben"]
    assert names(folder) == {""}  # Nothing is done yet.
    assert page.locator("#commands").inner_text().startswith(f"mine-video name {folder} --cast 2")
    page.get_by_role("button", name="Apply").focus()
    page.keyboard.press("Enter")
    page.locator("#done").wait_for()
    assert cards(page) == ["ben", "1", "3"]
    assert names(folder) == {"ben", ""}


def test_marked_ones_become_one_person_by_keyboard(opened: Opened, folder: Path) -> None:
    page = opened(FILM)
    page.locator("[data-card=cast-1] .who").focus()
    page.keyboard.press("m")
    assert "Mark two or more" in page.locator("#said").inner_text()
    for key in ("Space", "End", "Space"):
        page.keyboard.press(key)
    pressed = page.locator("[aria-pressed=true]")
    assert pressed.count() == 2
    page.keyboard.press("m")
    assert pressed.count() == 0
    assert focused(page) == "cast-3 field"
    assert "name of number 1 and number 3" in page.locator("#said").inner_text()
    page.keyboard.type("both")
    page.keyboard.press("Enter")
    assert words(page) == ["1 and 3 become both"]
    applied(page)
    assert names(folder) == {"both", ""}


def test_escape_leaves_marks_and_names_as_they_were(opened: Opened) -> None:
    page = opened(FILM)
    page.locator("[data-card=cast-1] .who").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    assert page.locator("[aria-pressed=true]").count() == 0
    page.keyboard.press("n")
    page.keyboard.type("anna")
    page.keyboard.press("Escape")
    assert focused(page) == "cast-1"
    assert page.locator("#cast-1").input_value() == ""
    assert page.locator("#words li").count() == 0


def test_arrows_move_as_the_cards_lie(opened: Opened) -> None:
    page = opened(FILM, viewport={"width": 700, "height": 900})  # Two in a row.
    page.locator("[data-card=cast-1] .who").focus()
    for key, card in (
        ("ArrowDown", "cast-3"), ("ArrowUp", "cast-1"), ("ArrowRight", "cast-2"),
        ("ArrowDown", "cast-3"), ("Home", "cast-1"), ("ArrowLeft", "cast-1"),
    ):  # fmt: skip
        page.keyboard.press(key)
        assert focused(page) == card
    page.keyboard.press("Tab")
    assert focused(page) == "cast-1 field"  # One stop for all cards, then the fields.


def test_two_become_one_person_by_drag(opened: Opened, folder: Path) -> None:
    page = opened(FILM)
    page.drag_and_drop("[data-card=cast-3] .portrait", "[data-card=cast-1] .portrait")
    assert focused(page) == "cast-1 field"
    page.keyboard.type("both")
    page.keyboard.press("Enter")
    assert words(page) == ["1 and 3 become both"]
    applied(page)
    assert names(folder) == {"both", ""}


def test_a_member_is_dragged_onto_a_known_person(opened: Opened, job: Job) -> None:
    photo(job.known_faces / "anna.png", "anna")
    page = opened(FILM)
    page.get_by_role("button", name="Name again by the current photos").first.click()
    page.locator("[data-card=known-anna]").wait_for()
    page.drag_and_drop("[data-card=cast-2] .portrait", "[data-card=known-anna] .portrait")
    assert words(page) == ["2 becomes anna, who is already known"]
    page.get_by_role("button", name="Discard changes").click()
    page.locator("#staged:not(.full)").wait_for()
    page.drag_and_drop("[data-card=known-anna] .portrait", "[data-card=cast-2] .portrait")
    assert words(page) == ["2 becomes anna, who is already known"]


def test_a_known_person_is_renamed_and_that_taken_back(opened: Opened, job: Job) -> None:
    photo(job.known_faces / "anna.png", "anna")
    page = opened(FILM)
    page.get_by_role("button", name="Name again by the current photos").first.click()
    page.locator("[data-card=known-anna]").wait_for()
    page.locator("#known-1").fill("Anna K")
    page.locator("#known-1").press("Enter")
    assert words(page) == ["anna becomes Anna K"]
    applied(page)
    assert cards(page)[0] == "Anna K"
    page.get_by_role("button", name="Undo").click()
    page.locator("[data-card=known-anna]").wait_for()
    assert set(gallery(job)) == {"anna.png"}


def test_what_is_wrong_stands_at_its_field(opened: Opened) -> None:
    page = opened(FILM)
    field = page.locator("#cast-2")
    field.fill("any")
    field.press("Enter")
    why = page.locator("#why-cast-2")
    why.wait_for()
    assert why.inner_text() == "2: a person cannot be called 'any'; choose another name"
    assert field.get_attribute("aria-invalid") == "true"
    assert field.get_attribute("aria-describedby") == "why-cast-2"
    assert not page.get_by_role("button", name="Apply").is_visible()
    field.fill("ben")
    field.press("Enter")
    why.wait_for(state="hidden")
    assert field.get_attribute("aria-invalid") == "false"
    assert words(page) == ["2 becomes ben"]


def test_a_bad_name_does_not_stop_the_others(opened: Opened, job: Job) -> None:
    page = opened(FILM)
    for field, name in (("#cast-1", "anna"), ("#cast-2", "any")):
        page.locator(field).fill(name)
        page.locator(field).press("Enter")
    page.locator("#why-cast-2").wait_for()
    page.get_by_role("button", name="Apply the others").click()
    page.get_by_text("Done: 1 becomes anna").wait_for()
    left = page.locator("[data-card=cast-2]")
    assert left.locator("input").last.input_value() == "any"
    assert left.locator(".problem").is_visible()
    assert list((job.known_faces / "anna").iterdir())


def test_any_refusal_is_told_and_the_next_plan_counts(
    browser: "Browser", app: FastAPI, address: str
) -> None:
    """Those of the server itself are plain text."""
    page = new_page(browser, app, address)  # What is refused, Chromium complains of.
    page.goto(address + FILM)
    named(page, 1, "anna")
    assert words(page) == ["1 becomes anna"]
    said, apply = page.locator("#said"), page.get_by_role("button", name="Apply")
    refusal = {"status": 413, "content_type": "text/plain", "body": "too large: at most 1 MB\n"}
    page.route("**/plan", lambda route: route.fulfill(**refusal))
    named(page, 1, "ben")
    page.get_by_text("too large: at most 1 MB").wait_for()
    assert apply.is_disabled()
    page.unroute("**/plan")
    page.route("**/plan", lambda route: route.abort())
    named(page, 1, "carl")
    page.get_by_text("the server does not answer").wait_for()
    page.unroute("**/plan")
    named(page, 1, "dora")
    page.get_by_text("1 becomes dora").wait_for()
    assert said.inner_text() == ""
    assert apply.is_enabled()
    page.close()


def test_one_of_many_cards_is_named(
    browser: "Browser", app: FastAPI, address: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A form with all of them would hold more fields than are read."""

    def crowded(*args: Any) -> Company:
        found = company(*args)
        more = tuple(replace(found.strangers[-1], number=n) for n in range(4, MOST_NAMED + 2))
        return replace(found, strangers=(*found.strangers, *more))

    monkeypatch.setattr("pipeline.web.people.company", crowded)
    page = new_page(browser, app, address)  # Of the others there are no pictures.
    page.goto(address + FILM)
    assert page.locator(".name input").count() == MOST_NAMED + 1
    named(page, 2, "ben")
    assert words(page) == ["2 becomes ben"]
    applied(page)
    assert names(folder) == {"ben", ""}
    page.close()


def test_without_scripts_names_are_given_too(opened: Opened, folder: Path) -> None:
    page = opened(FILM, java_script_enabled=False)
    page.locator("#cast-1").fill("anna")
    page.get_by_role("button", name="Look at the changes").click()
    page.locator("#words li").wait_for()
    assert page.locator("#words li").all_inner_texts() == ["1 becomes anna"]
    assert page.locator("#cast-1").input_value() == "anna"
    applied(page)
    assert cards(page) == ["anna", "2", "3"]
    assert names(folder) == {"anna", ""}


def test_the_faces_are_sorted_while_one_looks_on(opened: Opened, folder: Path) -> None:
    for path in (folder / "cast").rglob("*.jpg"):
        path.unlink()
    (folder / "cast.csv").unlink()
    page = opened(FILM)
    page.get_by_role("button", name="Sort the unknown faces into people").click()
    page.locator("[data-card=cast-3] .portrait").wait_for()
    assert cards(page) == ["1", "2", "3"]


def test_what_is_typed_while_faces_are_sorted_stays(
    opened: Opened, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = Event()
    monkeypatch.setattr(cast, "cast", lambda *_, **__: going.wait(20) and [])
    page = opened(FILM)
    page.get_by_role("button", name="Sort them again").click()
    page.get_by_text("being sorted").wait_for()
    page.get_by_role("combobox", name="Name of number 2").press_sequentially("ben")
    going.set()
    page.get_by_text("The sorting has ended.").wait_for()
    assert page.locator("#cast-2").input_value() == "ben"
    page.get_by_role("link", name="Reload the page to see the people").click()
    page.get_by_role("button", name="Sort them again").wait_for()
    assert page.locator("#cast-2").input_value() == ""


def test_two_become_one_person_by_finger(opened: Opened, folder: Path) -> None:
    phone = {"viewport": {"width": 390, "height": 600}, "has_touch": True, "is_mobile": True}
    page = opened(FILM, **phone)
    assert "press the button" in page.locator("#keys").inner_text()
    assert "keyboard" not in page.locator("#keys").inner_text()
    for card in ("cast-1", "cast-3"):
        page.locator(f"[data-card={card}] .who").tap()
    join = page.get_by_role("button", name="Make the marked cards one person")
    for place in (9999, 0):
        page.evaluate(f"scrollTo(0, {place})")
        assert in_sight(join)
    join.tap()
    assert focused(page) == "cast-3 field"
    assert in_sight(page.locator("#said"))
    page.keyboard.type("both")
    page.keyboard.press("Enter")
    assert words(page) == ["1 and 3 become both"]
    applied(page)
    assert names(folder) == {"both", ""}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits(opened: Opened, folder: Path, scheme: str, width: int) -> None:
    page = opened(FILM, viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.locator("#cast-1").fill("n" * 100)
    page.locator("#cast-1").press("Enter")
    words(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    with Pillow.open(io.BytesIO(page.screenshot())) as shot:
        paper = shot.convert("RGB").getpixel((2, 200))
    assert isinstance(paper, tuple)
    assert (sum(paper) > 600) == (scheme == "light")
    shutil.copytree(folder, folder.with_name("half"))
    (folder.with_name("half") / "tracks.npz").unlink()
    page.goto(page.url.replace("/film", ""))
    assert page.evaluate("document.documentElement.scrollWidth") == width
    on = page.get_by_role("link", name="continue in Mine").bounding_box()
    assert on is not None
    assert on["x"] + on["width"] <= width


def test_a_movie_of_any_name_is_reached(opened: Opened, folder: Path) -> None:
    folder.rename(folder.with_name("50 % ä#? <b>&amp;"))
    page = opened("/people")
    page.get_by_role("link", name="50 %").click()
    page.locator("[data-card=cast-1]").wait_for()
    page.locator("#cast-1").fill("<b>anna</b>".replace("/", ""))
    page.locator("#cast-1").press("Enter")
    assert words(page) == ["1 becomes <b>anna<b>"]
    applied(page)
    assert cards(page)[0] == "<b>anna<b>"
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.querySelector('.portrait').naturalWidth") > 0
