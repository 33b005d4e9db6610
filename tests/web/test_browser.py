"""The pages in Chromium: a photo, the camera, a movie; nothing complains, and all fits."""

import io
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from PIL import Image as Pillow

from tests.support.browser import NAMES, QUIET
from tests.support.pages import Opened, enter
from tests.support.puppet import Shot, Square, film, photo
from tests.web.test_broadcast import wait_for
from tests.web.test_mine import HeldCrops, held_crops

__all__ = ["held_crops"]

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def two(tmp_path: Path) -> Path:
    return photo(tmp_path / "two.png", "anna", "ben")


def bars(page: "Page", face: int) -> dict[str, float]:
    """What a face's bars show: their width in pixels, as a share of the whole.

    In one go: the page of a running movie replaces its faces.
    """
    read = """(face) => {
        const rows = document.querySelectorAll(".face")[face].querySelectorAll("tr");
        return Object.fromEntries([...rows].map((row) => [
            row.querySelector("th").textContent,
            row.querySelector("rect").getBoundingClientRect().width /
            row.querySelector("svg").getBoundingClientRect().width,
        ]));
    }"""
    found: dict[str, float] = page.evaluate(read, face)
    return found


def assert_shown(page: "Page") -> None:
    """Both faces with their bars."""
    page.wait_for_selector(".face")
    page.wait_for_load_state()  # A page is shown while it comes.
    assert page.locator(".face h3").all_inner_texts() == ["1 anna", "2 unknown"]
    for face in range(2):
        shown = bars(page, face)
        assert shown.pop("neutral") == pytest.approx(0.8125, abs=0.01)
        assert all(width == pytest.approx(0.031, abs=0.01) for width in shown.values())
        assert len(shown) == 6


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_an_uploaded_photo_shows_its_bars_and_fits(
    opened: Opened, two: Path, scheme: str, width: int
) -> None:
    page = opened(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.locator("#photo").set_input_files(two)
    assert_shown(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    with Pillow.open(io.BytesIO(page.screenshot())) as shot:
        paper = shot.convert("RGB").getpixel((2, shot.height - 2))
    assert isinstance(paper, tuple)
    assert (sum(paper) > 600) == (scheme == "light")


def test_a_photo_is_shown_without_javascript(opened: Opened, two: Path) -> None:
    page = opened(java_script_enabled=False)
    page.locator("#photo").set_input_files(two)
    page.get_by_role("button", name="Look at it").click()
    page.locator(".face").nth(1).wait_for()
    assert page.locator(".face").count() == 2


def test_boxes_lie_over_the_faces(opened: Opened, two: Path) -> None:
    page = opened()
    page.locator("#photo").set_input_files(two)
    page.wait_for_selector(".box")
    page.wait_for_function("() => document.querySelector('figure img').naturalWidth")
    # Both in one go: the page may still settle between two questions.
    picture, box = page.evaluate(
        """() => ["figure img", ".box"].map((name) => {
            const r = document.querySelector(name).getBoundingClientRect();
            return [r.left, r.width];
        })"""
    )
    assert box[0] == pytest.approx(picture[0] + picture[1] * 20 / 280, abs=2)
    assert box[1] == pytest.approx(picture[1] * 90 / 280, abs=4)


def test_a_dropped_photo_is_sent(opened: Opened, two: Path) -> None:
    page = opened()
    drop = """async (bytes) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(bytes)], "two.png", { type: "image/png" }));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }"""  # noqa: E501
    page.evaluate(drop, list(two.read_bytes()))
    assert_shown(page)


def test_what_is_dropped_and_no_picture_is_told(opened: Opened) -> None:
    page = opened()
    page.evaluate("""() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File(["x"], "a.txt", { type: "text/plain" }));
        const drop = { dataTransfer: transfer, bubbles: true };
        document.body.dispatchEvent(new DragEvent("drop", drop));
    }""")
    assert "not a picture" in page.locator("#problem").inner_text()


def test_names_are_only_ever_text(opened: Opened, two: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>.png"
    page = opened()
    file: Any = {"name": hostile, "mimeType": "image/png", "buffer": two.read_bytes()}
    page.locator("#photo").set_input_files(file)
    page.wait_for_selector(".face")
    assert hostile in page.locator("h2").inner_text()


def test_a_movie_runs_with_its_bars_and_stops(opened: Opened) -> None:
    page = opened("/live")
    page.locator("#source").select_option("film.mkv")
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector(".face")
    assert page.locator(".face h3").all_inner_texts() == ["anna", "unknown"]
    assert bars(page, 0)["happy"] == pytest.approx(0.8125, abs=0.01)
    assert bars(page, 1)["sad"] == pytest.approx(0.8125, abs=0.01)
    wait_for(lambda: page.evaluate("document.getElementById('stream').naturalWidth > 0"))
    page.get_by_text("film.mkv has ended").wait_for()
    page.goto(re.sub("/live.*", "/", page.url))


def test_a_page_follows_what_another_one_begins(opened: Opened, videos: Path) -> None:
    film(videos / "long.mkv", [Shot(1500, [Square("anna", "happy")])])
    film(videos / "other.mkv", [Shot(1500, [Square("ben", "sad")])])
    first, second = opened("/live"), opened("/live")
    for page, movie in ((first, "long.mkv"), (second, "other.mkv")):
        page.locator("#source").select_option(movie)
        page.get_by_role("button", name="Start").click()
        page.wait_for_selector(".face")
    first.get_by_text("other.mkv, ").wait_for()
    first.locator("#stream[src$='?play=2']").wait_for()
    wait_for(lambda: first.evaluate("document.getElementById('stream').naturalWidth > 0"))
    second.get_by_role("button", name="Stop").click()
    for name in ("long.mkv", "other.mkv"):
        (videos / name).unlink()


def test_only_states_are_announced_while_crops_come(opened: Opened, held_crops: HeldCrops) -> None:
    """Not how far it is, twice a second; cancelled while crops are written, it tells when it is."""
    page = opened("/mine")
    page.locator("#movie").select_option("film.mkv")
    page.get_by_label("happy").check()
    page.get_by_role("button", name="Start").click()
    page.get_by_role("heading", name="film.mkv: picking").wait_for()
    page.get_by_text("20 of 50 crops").wait_for()
    assert page.locator("#runs .thumbs img").count() == 16
    live = "[aria-live] #runs, [role] #runs, #runs[aria-live], #runs[role], #runs [aria-live]"
    assert page.locator(live).count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 1280
    page.get_by_role("button", name="Cancel: film.mkv").click()
    page.get_by_role("heading", name="film.mkv: stopping").wait_for()
    assert page.locator("#runs button").count() == 0
    assert page.locator("#told").inner_text() == ""
    held_crops.going.set()
    page.get_by_role("button", name="Continue: film.mkv").wait_for()
    assert page.locator("#told").inner_text() == "film.mkv: cancelled"


def test_a_movie_is_mined_from_the_page(opened: Opened) -> None:
    """A real walk and pick, watched to its end."""
    page = opened("/mine")
    page.locator("#movie").select_option("film.mkv")
    page.get_by_label("happy").check()
    page.locator("#repeat").fill("5")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("heading", name="film.mkv: done").wait_for()
    row = page.locator(".run tbody tr")
    assert row.locator("td").all_inner_texts()[:4] == ["unknown", "happy", "50", "50"]


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_the_page_of_runs_fits(opened: Opened, width: int) -> None:
    """With its links, and hints of which nothing is cut off."""
    page = opened("/mine", viewport={"width": width, "height": 844})
    for box in ("unknown", "happy", "fear"):
        page.get_by_role("checkbox", name=box).check()
    page.locator("#movie").select_option("film.mkv")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("heading", name="film.mkv: done").wait_for()
    assert page.locator("#movie").input_value() == "film.mkv"
    assert page.get_by_label("happy").is_checked()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    cells = page.locator(".run td")
    heights = cells.evaluate_all("(all) => all.slice(0, 5).map((c) => c.clientHeight)")
    assert max(heights) < 35, "unknown stands in one line"
    assert "never look " in page.locator(".run .hint").inner_text()
    assert cells.evaluate_all(
        f"(all) => all.every((c) => c.getBoundingClientRect().right < {width})"
    )
    page.locator("td a", has_text="happy").click()
    page.wait_for_url("**/review/film/unknown/happy")
    page.wait_for_selector("[data-ready]")


def test_a_tab_that_is_looked_at_again_shows_what_another_one_began(opened: Opened) -> None:
    first, second = opened("/mine"), opened("/mine")
    first.locator("#movie").select_option("film.mkv")
    first.get_by_role("button", name="Start").click()
    first.get_by_role("heading", name="film.mkv: ").wait_for()
    assert second.locator(".run").count() == 0
    second.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    second.get_by_role("heading", name="film.mkv: done").wait_for()


def test_a_program_that_has_ended_is_told(
    browser: "Browser", app: FastAPI, address: str, held_crops: HeldCrops
) -> None:
    """And when it answers again, the page goes on by itself."""
    context = browser.new_context()
    enter(context, app, address)
    page = context.new_page()
    page.goto(f"{address}/mine")
    page.locator("#movie").select_option("film.mkv")
    page.get_by_label("happy").check()
    page.get_by_role("button", name="Start").click()
    page.get_by_text("20 of 50 crops").wait_for()
    problem = page.locator("#problem")
    assert problem.is_hidden()
    context.set_offline(True)
    problem.wait_for()
    assert "does not answer" in problem.inner_text()
    held_crops.going.set()
    context.set_offline(False)
    page.get_by_role("heading", name="film.mkv: done").wait_for()
    problem.wait_for(state="hidden")
    context.close()


@pytest.mark.parametrize("path", ["/", "/live", "/mine", "/review", "/people"])
def test_all_pages_are_named_in_one_line_of_a_phone(opened: Opened, path: str) -> None:
    page = opened(path, viewport={"width": 360, "height": 740})
    lines = page.locator("nav a").evaluate_all("(all) => all.map((a) => a.offsetTop)")
    assert len(lines) == 5
    assert len(set(lines)) == 1
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_the_pages_are_reached_by_keyboard(opened: Opened) -> None:
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/people")


def test_the_printed_address_lets_a_browser_in_and_leaves_the_address_bar(
    browser: "Browser", app: FastAPI, address: str
) -> None:
    """Also where it is a link of another site, with which no strict cookie is sent."""
    link = f'<a href="{address}/?token={app.state.policy.token}">x</a>'
    context = browser.new_context()
    page = context.new_page()
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == 401
    page.route("http://other.example/", lambda r: r.fulfill(body=link, content_type="text/html"))
    page.goto("http://other.example/")
    page.locator("a").click()
    page.get_by_role("heading", name="Mine").wait_for()
    assert page.url == f"{address}/mine"
    assert page.evaluate("document.cookie") == ""
    context.close()


def test_another_page_can_change_nothing(browser: "Browser", address: str) -> None:
    """A form of another origin is sent by the browser, and refused here."""
    form = f'<form method="post" action="{address}/live/stop"><button>x</button></form>'
    context = browser.new_context()
    page = context.new_page()
    page.route("http://other.example/", lambda r: r.fulfill(body=form, content_type="text/html"))
    page.goto("http://other.example/")
    with page.expect_response("**/live/stop") as answer:
        page.locator("button").click()
    assert answer.value.request.headers["origin"] == "http://other.example"
    assert answer.value.status == 403
    context.close()


@contextmanager
def launched(browser: "Browser", *args: str) -> "Iterator[Page]":
    """A page in a browser of its own, which is started otherwise."""
    path = next(filter(None, map(shutil.which, NAMES)))
    with browser.browser_type.launch(executable_path=path, args=[*QUIET, *args]) as own:
        yield own.new_page()


def test_a_name_pointed_at_this_computer_is_not_answered(browser: "Browser", address: str) -> None:
    """DNS rebinding: for the browser the pages would be the other site's own."""
    with launched(browser, "--host-resolver-rules=MAP other.example 127.0.0.1") as page:
        answer = page.goto(address.replace("127.0.0.1", "other.example"))
        assert answer is not None
        assert answer.status == 421
        assert "csrf" not in page.content()


def test_the_browsers_camera_takes_a_picture(
    browser: "Browser", app: FastAPI, address: str
) -> None:
    fake = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with launched(browser, *fake) as page:
        enter(page.context, app, address)
        page.goto(address)
        page.get_by_role("button", name="Camera").click()
        page.get_by_role("button", name="Take the picture").click()
        page.get_by_text("camera.jpg").wait_for()
        assert page.locator("figure img").count() == 1
