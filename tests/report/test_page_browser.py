"""Tests of report.html in Chromium: no errors, filters filter, pointing at a bar shows a face."""

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageColor

from pipeline.disk.report_html import mark_outdated
from pipeline.report.colours import EMOTION_COLOURS
from pipeline.report.page import NEUTRAL_AT_NIGHT
from pipeline.settings import Job
from tests.support.face_rows import stretch
from tests.support.report_movie import PLAIN, colour, picked, reported, walked

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FRAMES = 250
FACES = [
    *stretch(range(20), 0, "anna", "happy"), *stretch(range(20, 26), 0, "anna", "sad"),
    *stretch(range(30, 90), 0, "anna", "neutral"), *stretch(range(100, 140), 1, "ben", "surprise"),
    *stretch(range(200, 240), 2, "", "angry"), *stretch(range(100, 130), 3, "anna", "happy"),
]  # fmt: skip
CROPS = 20 + 60 + 40 + 40 + 30
HOSTILE = "<b id=x onclick=alert(1)>&'\""

Opened = Callable[..., "Page"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of three people and 190 crops."""
    folder = tmp_path_factory.mktemp("film")
    movie, job = walked(FACES, FRAMES), Job(pick=PLAIN)
    return reported(folder, movie, job, picked(folder, movie, job))


@pytest.fixture
def opened(browser: "Browser", report: Path) -> Iterator[Opened]:
    """Opens pages; at the end, there must be no console errors and no network requests."""
    complaints: list[str] = []
    contexts = []

    def open_it(path: Path = report, **options: Any) -> "Page":
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: _note(complaints, m.type, m.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda r: _note(complaints, r.url.partition(":")[0], r.url))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []


def _note(complaints: list[str], kind: str, text: str) -> None:
    if kind not in ("info", "log", "debug", "file", "data"):
        complaints.append(f"{kind}: {text}")


def _count(page: "Page") -> str:
    return page.locator("#count").inner_text()


def _middle(picture: bytes) -> Any:
    """The colour in the middle of a screenshot."""
    with Pillow.open(io.BytesIO(picture)) as image:
        return image.convert("RGB").getpixel((image.width // 2, image.height // 2))


def _frame(page: "Page") -> dict[str, float]:
    """The rectangle of the timeline's lanes in the window."""
    found: dict[str, float] = page.evaluate("""() => {
        const line = document.querySelector("#line"), box = line.getBoundingClientRect();
        const left = Number(line.dataset.left), lane = Number(line.dataset.lane);
        return { left: box.left + left, top: box.top, width: box.width - left, lane };
    }""")
    return found


def _spot(page: "Page", seconds: float, lane: int) -> tuple[float, float]:
    """The position in the window of a time and a lane, while the whole timeline is shown."""
    page.locator("#line").scroll_into_view_if_needed()
    frame = _frame(page)
    x = frame["left"] + frame["width"] * seconds / (FRAMES / 25)
    return x, frame["top"] + frame["lane"] * (lane + 0.5)


# --- as a whole ---------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_page_fits_its_window_without_console_errors(
    opened: Opened, scheme: str, width: int
) -> None:
    page = opened(viewport={"width": width, "height": 844}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    paper = _middle(page.screenshot(clip={"x": 0, "y": 0, "width": 8, "height": 8}))
    assert (sum(paper) > 600) == (scheme == "light")
    assert page.locator("#line canvas").count() == 1
    assert page.locator("#parts tr").count() == 3


def _drawn(page: "Page") -> list[Any]:
    """The colours of a neutral bar in the timeline and in the shares."""
    x, y = _spot(page, 2.4, 0)
    bar = _middle(page.screenshot(clip={"x": x - 2, "y": y - 2, "width": 5, "height": 5}))
    return [bar, _middle(page.locator("#parts .look-6").first.screenshot())]


def test_the_toggle_turns_page_and_plots(opened: Opened) -> None:
    page = opened(color_scheme="light")
    day, night = (ImageColor.getrgb(c) for c in (EMOTION_COLOURS[-1], NEUTRAL_AT_NIGHT))
    assert _drawn(page) == [day, day]
    page.locator("#theme").click()
    assert _drawn(page) == [night, night]
    page.keyboard.press("d")
    assert _drawn(page) == [day, day]


def test_a_movie_without_faces_opens(opened: Opened, tmp_path: Path) -> None:
    page = opened(reported(tmp_path, walked([], 20), Job(), []))
    assert page.get_by_text("No face was found in this movie.").is_visible()
    assert page.get_by_text("folder holds no crops").is_visible()


def test_names_are_only_ever_text(opened: Opened, tmp_path: Path) -> None:
    """In the cast, on the card, in the shares' titles and in the filters."""
    movie = walked(stretch(range(200), 0, HOSTILE, "happy"), 250, name=f"{HOSTILE}.mkv")
    picked(tmp_path, movie)
    page = opened(reported(tmp_path, movie, Job(), []))
    assert page.locator(".cast h3").inner_text() == HOSTILE
    assert page.locator("#person option").last.inner_text() == HOSTILE
    page.locator("#line").focus()
    page.keyboard.press("Home")
    assert page.locator("#card b").inner_text() == HOSTILE
    page.keyboard.press("Escape")  # The card may lie over the shares.
    assert HOSTILE in _tip(page)
    assert page.locator("#x").count() == 0


def _tip(page: "Page") -> str:
    """What is told at three quarters of the first bar of the shares."""
    bar = page.locator("#parts [role=img]").first
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    assert box is not None
    x, y = box["x"] + 0.75 * box["width"], box["y"] + 5
    return str(page.evaluate("([x, y]) => document.elementFromPoint(x, y).title", [x, y]))


# --- crops --------------------------------------------------------------------------------------


def test_filters_filter(opened: Opened) -> None:
    page = opened()
    assert _count(page) == "5 moments"
    page.locator("#every").check()
    assert _count(page) == f"{CROPS} crops"
    page.locator("#person").select_option("anna")
    assert _count(page) == f"110 of {CROPS} crops"
    page.locator("[name=emotion][value='6']").uncheck()
    assert _count(page) == f"50 of {CROPS} crops"
    page.locator("#run").fill("21")
    assert _count(page) == f"30 of {CROPS} crops"
    page.locator("#sure").fill("93")
    assert _count(page) == f"30 of {CROPS} crops"
    page.locator("#sure").fill("94")
    assert _count(page) == f"0 of {CROPS} crops"
    assert page.locator(".tile").count() == 0
    page.get_by_role("button", name="Show all", exact=True).click()
    page.get_by_text("5 moments", exact=True).wait_for()


def test_with_every_crop_all_numbers_count_crops(opened: Opened) -> None:
    page = opened()
    happy = page.locator("label", has=page.locator("[name=emotion][value='3']")).locator("small")
    assert happy.inner_text() == "2"
    page.locator("#every").check()
    assert happy.inner_text() == "50"
    assert str(page.locator("#grid").get_attribute("aria-label")).startswith("Crops.")
    page.locator("#every").uncheck()
    assert happy.inner_text() == "2"
    assert str(page.locator("#grid").get_attribute("aria-label")).startswith("Moments.")


def test_moments_filter_as_their_crops_do(opened: Opened) -> None:
    page = opened()
    page.locator("#person").select_option("anna")
    assert _count(page) == "3 of 5 moments"
    page.locator("[name=emotion][value='6']").uncheck()
    assert _count(page) == "2 of 5 moments"
    page.locator("#run").fill("21")
    assert _count(page) == "1 of 5 moments"
    page.locator("#sure").fill("94")
    assert _count(page) == "0 of 5 moments"
    assert page.locator(".tile, #grid h3").count() == 0


def test_moments_are_under_headings_of_person_and_emotion(opened: Opened) -> None:
    page = opened()
    headings = page.locator("#grid h3")
    assert [" ".join(text.split()) for text in headings.all_inner_texts()] == [
        "anna, happy 2 moments, 2.0 s", "anna, neutral 1 moment, 2.4 s",
        "ben, surprise 1 moment, 1.6 s", "unknown, angry 1 moment, 1.6 s",
    ]  # fmt: skip
    page.locator("#grid").scroll_into_view_if_needed()
    page.wait_for_selector(".tile")
    tops = "(all) => all.map((one) => [one.textContent, one.getBoundingClientRect().top])"
    shown = page.locator("#grid h3, #grid .tile").evaluate_all(tops)
    order = [text for text, _ in sorted(shown, key=lambda one: one[1])]
    assert [text.startswith(("anna", "ben", "unknown")) for text in order] == [
        True, False, False, True, False, True, False, True, False,
    ]  # fmt: skip
    page.locator("#order").select_option("time")
    assert headings.count() == 0


def test_a_moment_tells_when_how_long_and_how_sure(opened: Opened) -> None:
    page = opened()
    page.locator("#order").select_option("time")
    page.locator("#grid").scroll_into_view_if_needed()
    tile = page.locator(".tile[data-place='1']")
    assert tile.inner_text().split("\n") == ["0:01.2", "2.4 s", "94 % sure", "p 70 %"]
    assert tile.get_attribute("aria-label") == (
        "anna, neutral 70 %, 0:01.2, for 2.4 s, run of 60 frames, 94 % sure"
    )


def test_tiles_show_the_faces_that_passed(opened: Opened) -> None:
    page = opened()
    for person, name in (("anna", "anna"), ("ben", "ben"), ("unknown", "")):
        page.locator("#person").select_option(person)
        page.locator("#grid").scroll_into_view_if_needed()
        tile = page.locator(".tile").first
        assert person in str(tile.get_attribute("aria-label"))
        shown = _middle(tile.locator(".sprite").screenshot())
        assert shown == pytest.approx(colour(name), abs=12)


def test_every_crop_leads_to_its_file(opened: Opened, report: Path) -> None:
    page = opened()
    page.locator("#every").check()
    page.locator("#grid").scroll_into_view_if_needed()
    page.wait_for_selector(".tile")
    hrefs = "(tiles) => tiles.map((tile) => tile.getAttribute('href'))"
    links = page.locator(".tile").evaluate_all(hrefs)
    assert len(links) > 10
    for link in links:
        assert (report.parent / link).is_file()


def test_only_tiles_near_the_window_are_made(opened: Opened) -> None:
    page = opened(viewport={"width": 390, "height": 500})
    page.locator("#every").check()
    page.locator("#filters").scroll_into_view_if_needed()
    page.wait_for_selector(".tile")
    first = page.locator(".tile").count()
    assert 0 < first < CROPS / 2
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    last = f".tile[data-place='{CROPS - 1}']"
    page.wait_for_selector(last)
    assert page.locator(".tile[data-place='0']").count() == 0


@pytest.mark.parametrize(
    ("order", "label"),
    [
        pytest.param("folder", "anna, happy", id="by folder"),
        pytest.param("time", "0:00.0", id="by time"),
        pytest.param("run", "run of 60 frames", id="by run"),
    ],
)
def test_crops_are_ordered(opened: Opened, order: str, label: str) -> None:
    page = opened()
    page.locator("#every").check()
    page.locator("#order").select_option(order)
    page.locator("#grid").scroll_into_view_if_needed()
    assert label in str(page.locator(".tile[data-place='0']").get_attribute("aria-label"))


def test_link_of_a_cast_member_shows_their_crops(opened: Opened) -> None:
    page = opened()
    page.locator(".only").nth(1).click()
    assert page.locator("#person option:checked").inner_text() == "ben"
    assert _count(page) == "1 of 5 moments"


def test_keys_move_through_the_crops(opened: Opened) -> None:
    page = opened()
    page.locator("#every").check()
    page.locator("#order").select_option("time")
    page.locator("h1").click()
    place = "Number(document.activeElement.dataset.place)"
    page.keyboard.press("g")
    assert page.evaluate(place) == 0
    columns = page.evaluate("Math.floor((document.getElementById('grid').clientWidth + 6) / 90)")
    for key, wanted in (
        ("ArrowRight", 1), ("ArrowDown", 1 + columns), ("ArrowLeft", columns), ("ArrowUp", 0),
        ("ArrowUp", 0), ("End", CROPS - 1), ("ArrowDown", CROPS - 1), ("Home", 0),
    ):  # fmt: skip
        page.keyboard.press(key)
        assert page.evaluate(place) == wanted
    assert page.evaluate("document.querySelectorAll('.tile[tabindex=\"0\"]').length") == 1


def test_keys_move_from_row_to_row_under_headings(opened: Opened) -> None:
    page = opened()
    place = "Number(document.activeElement.dataset.place)"
    page.keyboard.press("g")
    for key, wanted in (
        ("ArrowRight", 1), ("ArrowDown", 2), ("ArrowDown", 3), ("ArrowUp", 2), ("ArrowUp", 0),
        ("End", 4), ("ArrowDown", 4), ("PageUp", 0), ("PageDown", 4), ("Home", 0),
    ):  # fmt: skip
        page.keyboard.press(key)
        if key not in ("PageUp", "PageDown"):
            assert page.evaluate(place) == wanted, key


def test_enter_opens_the_crop(opened: Opened) -> None:
    page = opened()
    page.keyboard.press("g")
    with page.context.expect_page() as popup:
        page.keyboard.press("Enter")
    assert popup.value.url.endswith("_happy70.jpg")


def test_keys_lead_to_filters_and_help(opened: Opened) -> None:
    page = opened()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "person"
    page.locator("h1").click()
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()


# --- timeline -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "lane", "person", "words"),
    [
        pytest.param(0.4, 0, "anna", ["anna", "0:00.4", "happy 70 %", "steady"], id="steady"),
        pytest.param(0.9, 0, "anna", ["anna", "sad 70 %", "not steady by the last pick"], id="low"),
        pytest.param(5.0, 1, "ben", ["ben", "0:05.0", "surprise"], id="another lane"),
        pytest.param(9.0, 2, "", ["unknown", "0:09.0", "angry"], id="unknown"),
    ],
)
def test_pointing_at_a_bar_shows_the_face(
    opened: Opened, seconds: float, lane: int, person: str, words: list[str]
) -> None:
    page = opened()
    page.mouse.move(*_spot(page, seconds, lane))
    page.wait_for_selector("#card:not([hidden])")
    told = page.locator("#card").inner_text()
    assert all(word in told for word in words)
    shown = _middle(page.locator("#card .sprite").screenshot())
    assert shown == pytest.approx(colour(person), abs=12)


def test_pointing_beside_a_bar_shows_nothing(opened: Opened) -> None:
    page = opened()
    page.mouse.move(*_spot(page, 0.4, 0))
    page.wait_for_selector("#card:not([hidden])")
    page.mouse.move(*_spot(page, 0.4, 1))
    page.wait_for_selector("#card", state="hidden")


def test_a_click_holds_the_card_and_its_link_opens_the_crop(opened: Opened) -> None:
    page = opened()
    page.mouse.click(*_spot(page, 0.4, 0))
    page.mouse.move(*_spot(page, 9.0, 2))
    assert "anna" in page.locator("#card").inner_text()
    with page.context.expect_page() as popup:
        page.get_by_role("link", name="Open the crop").click()
    assert "t00-00-00.4" in popup.value.url


def test_a_finger_shows_the_face_too(opened: Opened) -> None:
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.touchscreen.tap(*_spot(page, 5.0, 1))
    page.wait_for_selector("#card.held")
    assert "ben" in page.locator("#card").inner_text()
    box = page.locator("#card").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


def _range(page: "Page") -> list[float]:
    """Seconds at both ends of the timeline."""
    shown = page.locator("#line")
    return [float(str(shown.get_attribute(f"data-{side}"))) for side in ("from", "to")]


def test_the_timeline_zooms_and_moves_within_the_movie(opened: Opened) -> None:
    page = opened()
    assert _range(page) == pytest.approx([0, 10])
    page.locator("[data-zoom='0.5']").click()
    assert _range(page) == pytest.approx([2.5, 7.5])
    x, y = _spot(page, 5, 0)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 200, y, steps=4)
    page.mouse.up()
    begin, end = _range(page)
    assert begin < 2.4
    assert end - begin == pytest.approx(5)
    page.locator("[data-zoom='2']").click()
    page.locator("[data-zoom='2']").click()
    assert _range(page) == pytest.approx([0, 10])
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    page.wait_for_timeout(100)
    assert np.diff(_range(page))[0] < 9.9
    page.locator("[data-zoom='0']").click()
    assert _range(page) == pytest.approx([0, 10])


def test_keys_zoom_about_the_pointer(opened: Opened) -> None:
    page = opened()
    page.keyboard.press("t")
    page.mouse.move(*_spot(page, 3.8, 1))
    page.wait_for_timeout(100)
    page.keyboard.press("+")
    assert _range(page) == pytest.approx([1.9, 6.9], abs=0.05)
    page.mouse.move(5, 5)
    page.wait_for_timeout(100)
    page.keyboard.press("-")
    assert _range(page) == pytest.approx([0, 10], abs=0.1)


def test_buttons_zoom_about_the_bar_that_is_held(opened: Opened) -> None:
    page = opened()
    page.mouse.click(*_spot(page, 8.2, 2))
    page.locator("[data-zoom='0.5']").click()
    assert _range(page) == pytest.approx([4.1, 9.1], abs=0.05)


def test_the_wheel_alone_scrolls_the_page(opened: Opened) -> None:
    page = opened(viewport={"width": 1280, "height": 500})
    page.mouse.move(*_spot(page, 5, 0))
    before = page.evaluate("scrollY")
    page.mouse.wheel(0, 120)
    page.wait_for_timeout(300)
    assert page.evaluate("scrollY") > before
    assert _range(page) == pytest.approx([0, 10])


def test_keys_go_from_bar_to_bar(opened: Opened) -> None:
    page = opened()
    page.keyboard.press("t")
    card = page.locator("#card")
    for key, words in (
        ("Home", "happy"), ("ArrowRight", "sad"), ("ArrowRight", "neutral"), ("ArrowLeft", "sad"),
        ("End", "happy"), ("ArrowDown", "surprise"), ("ArrowDown", "angry"), ("ArrowDown", "angry"),
        ("ArrowUp", "surprise"),
    ):  # fmt: skip
        page.keyboard.press(key)
        assert words in card.inner_text()
    with page.context.expect_page() as popup:
        page.keyboard.press("Enter")
    assert "_surprise70.jpg" in popup.value.url
    page.keyboard.press("+")
    assert _range(page) == pytest.approx([2.4, 7.4])  # About the bar of 4 to 5.6 s.
    page.keyboard.press("Escape")
    assert not card.is_visible()


def test_pointing_at_a_share_tells_it(opened: Opened) -> None:
    told = _tip(opened())
    assert told == "anna, neutral: 51.7%"
    bar = opened().locator("#parts [role=img]").first
    assert bar.get_attribute("aria-label") == "happy 43.1%, sad 5.2%, neutral 51.7%"


# --- print, and access for all ------------------------------------------------------------------


def _printed(page: "Page") -> list[Pillow.Image]:
    """The pages that would come out of a printer, as they look."""
    pdfium = pytest.importorskip("pypdfium2")
    pages = pdfium.PdfDocument(page.pdf(prefer_css_page_size=True))
    return [one.render(scale=1).to_pil().convert("RGB") for one in pages]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_print_has_portraits_charts_and_crops_in_colour(opened: Opened, scheme: str) -> None:
    page = opened(color_scheme=scheme)
    pages = _printed(page)
    assert all(one.width > one.height for one in pages)
    colours = set[Any]()
    for one in pages:
        assert one.getpixel((3, 3)) == (255, 255, 255)
        colours |= {shade for _, shade in one.getcolors(one.width * one.height) or []}
    for name in ("anna", "ben"):
        assert any(np.abs(np.subtract(shade, colour(name))).max() < 12 for shade in colours), name
    for look in EMOTION_COLOURS:
        assert ImageColor.getrgb(look) in colours, look


def test_a_print_has_every_tile_that_passes_the_filters(opened: Opened) -> None:
    page = opened()
    page.locator("#every").check()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".tile").count() == CROPS
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".tile").count() < CROPS


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")], ids=str
)
def test_axe_finds_no_fault(opened: Opened, width: int, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = opened(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.locator("#grid").scroll_into_view_if_needed()
    page.wait_for_selector(".tile")
    found = axe.Axe().run(page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == []


def test_an_outdated_page_says_so(opened: Opened, report: Path, tmp_path: Path) -> None:
    assert not opened().locator("#outdated").is_visible()
    copy = Path(shutil.copy(report, tmp_path))
    mark_outdated(tmp_path)
    page = opened(copy)
    assert page.locator("#outdated").is_visible()
    assert "mine-video report" in page.locator("#outdated").inner_text()
