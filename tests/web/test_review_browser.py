"""Page Review in Chromium: by keyboard, by mouse and by finger; reloaded, and in any width."""

import csv
import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image as Pillow

from pipeline import files
from pipeline.review.labels import ASIDE, LABELS
from pipeline.web import scenes
from tests.support.application import app_of_table as app
from tests.support.pages import Opened, new_page
from tests.support.reviewed import Table, picked_once, table_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["app", "picked_once", "table_of"]

SAD = "/review/talk/unknown/sad"
HAPPY = "/review/talk/anna/happy"


def ready(page: "Page") -> "Page":
    page.wait_for_selector("[data-ready]")
    return page


def frames(page: "Page") -> "Page":
    """Opens the moment there is."""
    ready(page).keyboard.press("Enter")
    page.locator(".frames").wait_for()
    return page


def saved(page: "Page", told: str) -> None:
    """Waits until the server has answered so."""
    page.locator("#count", has_text=told).wait_for()


def states(page: "Page") -> list[str]:
    """What each cell shows, in order."""
    return [
        cell.get_attribute("class") or "" for cell in
        sorted(page.locator(".cell").all(), key=lambda c: int(c.get_attribute("data-index") or 0))
    ]  # fmt: skip


def rejected(page: "Page") -> list[int]:
    return [n for n, state in enumerate(states(page)) if "rejected" in state]


def accepted(page: "Page") -> list[int]:
    return [n for n, state in enumerate(states(page)) if "accepted" in state]


def type_keys(page: "Page", keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def type_keys_at_once(page: "Page", keys: str) -> None:
    typed = """(keys) => {
        for (const key of keys)
            document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    }"""
    page.evaluate(typed, keys)


def lying(place: Path) -> list[int]:
    return sorted(int(p.name.split("_f")[1][:7]) for p in place.glob("*_f*.jpg"))


# --- moments ------------------------------------------------------------------------------------


@pytest.fixture
def moments(table_of: Table) -> Table:
    """With anna's happy crops as runs of 2, 3 and 5 frames, which are .9, .7 and .8 sure."""
    path = table_of.place / "crops.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        run = 0 if number < 2 else 1 if number < 5 else 2
        row |= {"run": str(run), "look_sure": ("0.9", "0.7", "0.8")[run]}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return table_of


def labels_of(page: "Page") -> list[str]:
    return [
        cell.get_attribute("aria-label") or "" for cell in
        sorted(page.locator(".cell").all(), key=lambda c: int(c.get_attribute("data-index") or 0))
    ]  # fmt: skip


def test_the_page_shows_moments_the_surest_first(opened: Opened, moments: Table) -> None:
    page = ready(opened(HAPPY))
    assert labels_of(page) == [
        "0:00.0, 0.1 s, 2 frames, happy, sure 90 %, probability 81 %, not decided",
        "0:00.2, 0.2 s, 5 frames, happy, sure 80 %, probability 81 %, not decided",
        "0:00.1, 0.1 s, 3 frames, happy, sure 70 %, probability 81 %, not decided",
    ]
    assert page.locator("#cells").get_attribute("aria-label") == "Moments, the surest first"
    assert "0 of 3 moments, 0 of 10 crops decided" in page.locator("#count").inner_text()
    page.keyboard.press("j")
    assert page.locator(".cell.here").get_attribute("data-index") == "2"


def test_a_key_decides_a_moment_and_undo_takes_it_back(opened: Opened, moments: Table) -> None:
    page = ready(opened(HAPPY))
    sent = []
    page.on("request", lambda r: sent.append(r) if r.method == "POST" else None)
    type_keys(page, "ar")
    saved(page, "2 of 3 moments, 7 of 10 crops decided · precision so far 28.6 %")
    assert [len(request.post_data_json["looks"]) for request in sent] == [2, 5]
    assert lying(moments.place / ASIDE) == [5, 6, 7, 8, 9]
    assert (accepted(page), rejected(page)) == ([0], [1])
    type_keys(page, "n")
    saved(page, "3 of 3 moments, 10 of 10 crops decided · precision so far 20.0 %")
    page.get_by_text("2 photos of the face were added").wait_for()
    for left, aside in (("7 of 10", 5), ("2 of 10", 0), ("0 of 10", 0)):
        page.keyboard.press("u")
        saved(page, f"{left} crops decided")
        assert len(lying(moments.place / ASIDE)) == aside
    assert len(sent) == 6
    assert moments.labels() == []


def test_a_moment_is_opened_decided_in_parts_and_closed(opened: Opened, moments: Table) -> None:
    page = ready(opened(HAPPY))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator(".cell").count() == 5
    assert page.locator("#of").inner_text().endswith("5 frames of the moment at 0:00.2, 0.2 s")
    type_keys(page, "ar")
    saved(page, "0 of 3 moments, 2 of 10 crops decided")
    page.keyboard.press("Escape")
    assert page.locator("#of").is_hidden()
    here = page.locator(".cell.here")
    assert here.get_attribute("data-index") == "1"
    assert "mixed" in states(page)[1]
    assert here.locator(".badge").inner_text() == "1 ✓ 1 ✗ 3 ?"
    assert labels_of(page)[1].endswith("1 accepted, 1 rejected, 3 not decided")
    page.locator("#then").select_option("stay")
    page.keyboard.press("a")
    saved(page, "1 of 3 moments, 5 of 10 crops decided")
    assert accepted(page) == [1]
    page.keyboard.press("u")  # Of the moment: its parts are as they were.
    saved(page, "0 of 3 moments, 2 of 10 crops decided")
    assert labels_of(page)[1].endswith("1 accepted, 1 rejected, 3 not decided")
    page.reload()
    assert labels_of(ready(page))[1].endswith("1 accepted, 1 rejected, 3 not decided")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("u")
    saved(page, "0 of 3 moments, 0 of 10 crops decided")


def test_undo_goes_to_the_moment_of_the_last_decision(opened: Opened, moments: Table) -> None:
    page = ready(opened(HAPPY))
    page.keyboard.press("a")
    saved(page, "1 of 3 moments")
    page.keyboard.press("Enter")
    assert page.locator(".cell").count() == 5
    page.keyboard.press("u")
    saved(page, "0 of 3 moments, 0 of 10 crops decided")
    assert page.locator(".cell").count() == 3
    assert page.locator(".cell.here").get_attribute("data-index") == "0"


def test_a_refused_moment_is_taken_back_whole(
    browser: "Browser", app: FastAPI, address: str, moments: Table
) -> None:
    page = new_page(browser, app, address)  # What is refused, Chromium complains of.
    page.goto(address + HAPPY)
    ready(page).keyboard.press("a")
    saved(page, "1 of 3 moments")
    with files.locked(moments.folder):
        type_keys_at_once(page, "ru")  # Or the refusal of the first may come before the second.
        page.get_by_text("Not saved").wait_for()
        page.wait_for_function("() => !document.querySelector('.rejected')")
    assert (accepted(page), rejected(page)) == ([0], [])
    page.keyboard.press("Home")
    page.keyboard.press("u")
    saved(page, "0 of 3 moments, 0 of 10 crops decided")
    page.close()


def test_moments_are_opened_by_mouse_and_finger(opened: Opened, moments: Table) -> None:
    page = ready(opened(HAPPY))
    page.locator(".cell").nth(1).dblclick()
    assert page.locator(".cell").count() == 5
    page.get_by_role("button", name="All moments").click()
    assert page.locator(".cell").count() == 3
    size = {"width": 390, "height": 844}
    phone = ready(opened(HAPPY, viewport=size, has_touch=True, is_mobile=True))
    phone.locator(".cell").nth(2).tap()
    phone.get_by_role("button", name="Frames").tap()
    assert phone.locator(".cell").count() == 3
    phone.get_by_role("button", name="All moments").tap()
    assert phone.locator(".cell.here").get_attribute("data-index") == "2"


def test_a_link_leads_to_the_moment_of_a_crop(opened: Opened, moments: Table) -> None:
    page = ready(opened(f"{HAPPY}#{moments.files[3]}"))
    assert page.locator(".cell.here").get_attribute("data-index") == "2"


WATCHED = """(picture) => {
    window.seen = [];
    const watch = new MutationObserver(() => seen.push(picture.src));
    watch.observe(picture, { attributeFilter: ["src"] });
}"""

# --- playing ------------------------------------------------------------------------------------


def test_a_tile_plays_under_the_mouse(opened: Opened, moments: Table) -> None:
    page = ready(opened(HAPPY))
    picture = page.locator("#moment-1 img")
    own = picture.get_attribute("src")
    picture.hover()
    page.wait_for_function("(own) => document.querySelector('#moment-1 img').src !== own", arg=own)
    page.mouse.move(1, 1)
    page.wait_for_function(
        "(own) => document.querySelector('#moment-1 img').src.endsWith(own)", arg=own
    )
    still = ready(opened(HAPPY, reduced_motion="reduce"))
    still.locator("#moment-1 img").hover()
    still.wait_for_timeout(400)
    assert still.locator("#moment-1 img").get_attribute("src") == own


def test_a_moment_plays_with_its_sound(opened: Opened, moments: Table) -> None:
    page = ready(opened(HAPPY))
    play, told = page.get_by_role("button", name="Play"), page.locator("#told")
    page.keyboard.press("p")
    page.get_by_text("The movie has no sound.").wait_for()
    page.locator('[data-do="play"][aria-pressed="false"]').wait_for()
    wav = scenes._wav([np.zeros((1, 4800), np.int16)])
    page.route(
        "**/sound/**", lambda route: route.fulfill(body=wav, content_type="audio/wav"), times=2
    )
    page.evaluate("""() => {
        window.played = [];
        const play = Audio.prototype.play;
        Audio.prototype.play = function () { played.push(this.src); return play.call(this); };
    }""")
    for _ in range(2):  # Also in the large view.
        play.click()
        page.locator('[data-do="play"][aria-pressed="true"]').wait_for()
        page.locator('[data-do="play"][aria-pressed="false"]').wait_for()
        page.keyboard.press(" ")
    assert len(page.evaluate("played")) == 2
    assert told.inner_text() == "The movie has no sound."


def test_in_the_frames_view_the_moment_plays_from_its_frame(opened: Opened, moments: Table) -> None:
    page = ready(opened(HAPPY))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    picture = page.locator(".cell.here img")
    own = picture.evaluate("(i) => i.src")
    page.evaluate(WATCHED, picture.element_handle())
    page.keyboard.press("p")
    page.locator('[data-do="play"][aria-pressed="true"]').wait_for()
    page.locator('[data-do="play"][aria-pressed="false"]').wait_for()
    assert len(set(page.evaluate("seen"))) > 1
    assert picture.evaluate("(i) => i.src") == own


def test_a_tile_that_plays_under_the_mouse_gets_its_own_face_back(
    opened: Opened, moments: Table
) -> None:
    page = ready(opened(HAPPY))
    picture = page.locator("#moment-0 img")
    own = picture.evaluate("(i) => i.src")
    page.evaluate(WATCHED, picture.element_handle())
    for hovered_first in (True, False):
        if hovered_first:
            picture.hover()
            page.wait_for_timeout(300)
        page.keyboard.press("p")
        page.locator('[data-do="play"][aria-pressed="true"]').wait_for()
        picture.hover()
        page.locator('[data-do="play"][aria-pressed="false"]').wait_for()
        page.mouse.move(1, 1)
        page.wait_for_timeout(300)
        assert picture.evaluate("(i) => i.src") == own
    assert len(set(page.evaluate("seen"))) > 1


def test_held_arrows_ask_for_the_last_whole_frame(opened: Opened, moments: Table) -> None:
    page = ready(opened(HAPPY))
    asked = []
    page.on("request", lambda r: asked.append(r.url) if "/still/" in r.url else None)
    page.keyboard.press("Enter")
    page.keyboard.press("f")
    page.locator("#large.whole").wait_for()
    for key in ("End", "Home", "End"):
        page.keyboard.press(key)
    page.locator("#large.whole").wait_for()
    page.wait_for_timeout(300)
    assert len(asked) == 2
    assert page.locator("#large img").evaluate("(i) => i.src").startswith("blob:")


def test_an_address_that_names_nothing_shows_the_page(opened: Opened, moments: Table) -> None:
    page = ready(opened(f"{HAPPY}#50%"))
    assert page.locator(".cell.here").get_attribute("data-index") == "0"


def test_the_whole_frame_is_shown(opened: Opened, moments: Table) -> None:
    page = ready(opened(HAPPY))
    large = page.locator("#large")
    page.keyboard.press("f")
    page.locator("#large.whole").wait_for()
    assert large.locator("img").evaluate("(i) => i.decode().then(() => i.naturalWidth)") == 160
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('#large img').src.startsWith('blob:')")
    page.keyboard.press("a")
    saved(page, "1 of 3 moments")
    page.keyboard.press("f")
    page.wait_for_function("() => document.querySelector('#large img').src.includes('/large/')")
    assert not large.evaluate("(d) => d.classList.contains('whole')")
    page.keyboard.press("Escape")
    page.keyboard.press(" ")
    page.wait_for_function("() => document.querySelector('#large img').src.includes('/large/')")


def test_a_movie_that_is_gone_is_told(
    browser: "Browser", app: FastAPI, address: str, moments: Table
) -> None:
    walk = moments.folder / "walk.json"
    walk.write_text(walk.read_text().replace("talk.mkv", "gone.mkv"))
    page = new_page(browser, app, address)  # What is refused, Chromium complains of.
    page.goto(address + HAPPY)
    ready(page).keyboard.press("f")
    page.get_by_text("No whole frame: ").wait_for()
    assert "the movie is gone" in page.locator("#told").inner_text()
    assert page.locator("#large img").evaluate("(i) => i.src").endswith(moments.files[0])
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    page.get_by_text("No sound: ").wait_for()
    page.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(opened: Opened, moments: Table, width: int, scheme: str) -> None:
    """In the list, among moments and frames, decided in all ways, and enlarged."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    viewport = {"width": width, "height": 844}

    def faults(page: "Page") -> list[tuple[str, str]]:
        found = axe.Axe().run(page).response["violations"]
        return [(fault["id"], fault["nodes"][0]["html"]) for fault in found]

    page = opened("/review", viewport=viewport, color_scheme=scheme)
    assert faults(page) == []
    page = ready(opened(HAPPY, viewport=viewport, color_scheme=scheme))
    type_keys(page, "ar")
    page.keyboard.press("Enter")
    type_keys(page, "ar")
    saved(page, "9 of 10 crops")
    assert faults(page) == []
    page.keyboard.press("Escape")
    assert faults(page) == []
    page.keyboard.press(" ")
    assert faults(page) == []
    type_keys(page, "o")
    assert faults(page) == []


# --- crops --------------------------------------------------------------------------------------


def test_twenty_crops_are_reviewed_by_keyboard(opened: Opened, table_of: Table) -> None:
    page = frames(opened(SAD))
    assert page.locator(".cell").count() == 20
    type_keys(page, "aaraaraaaaraaaaaaaro")
    type_keys(page, "4")
    saved(page, "20 of 20 crops decided · precision so far 75.0 %")
    wrong = [2, 5, 10, 18, 19]
    assert rejected(page) == wrong
    place = table_of.folder / "unknown" / "sad"
    assert lying(place / ASIDE) == wrong
    page.reload()
    frames(page)
    assert rejected(page) == wrong
    assert accepted(page) == sorted(set(range(20)) - set(wrong))
    assert "75.0 %" in page.locator("#count").inner_text()
    looks = page.locator(".cell").nth(19).get_attribute("aria-label")
    assert looks is not None
    assert looks.endswith("rejected: happy")


def test_what_was_decided_is_taken_back(opened: Opened, table_of: Table) -> None:
    page = frames(opened(HAPPY))
    type_keys(page, "aru")
    saved(page, "1 of 10 crops decided")
    assert (accepted(page), rejected(page)) == ([0], [])
    type_keys(page, "n")
    saved(page, "2 of 10 crops decided · precision so far 50.0 %")
    page.get_by_text("names change with the next pick").wait_for()
    page.reload()
    frames(page)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("u")
    saved(page, "1 of 10 crops decided")
    assert rejected(page) == []
    assert lying(table_of.place) == [*range(10)]
    assert not (table_of.known / "anna" / "not").exists()


def test_arrows_go_over_the_grid(opened: Opened) -> None:
    page = frames(opened(SAD, viewport={"width": 532, "height": 700}))
    here = page.locator(".cell.here")
    for key, place in [
        ("ArrowRight", 1), ("ArrowDown", 6), ("ArrowDown", 11), ("ArrowUp", 6), ("ArrowLeft", 5),
        ("End", 19), ("ArrowRight", 19), ("Home", 0), ("ArrowUp", 0),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert here.get_attribute("data-index") == str(place)
        assert here.get_attribute("aria-selected") == "true"
        active = page.locator("#cells").get_attribute("aria-activedescendant")
        assert active == here.get_attribute("id")


def test_the_next_unsure_one_is_the_least_probable(opened: Opened, table_of: Table) -> None:
    path = table_of.place / "crops.csv"
    rows = path.read_text().splitlines()
    rows[8] = rows[8].replace(",0.8125,", ",0.41,")
    rows[5] = rows[5].replace(",0.8125,", ",0.51,")
    path.write_text("\n".join(rows) + "\n")
    page = frames(opened(HAPPY))
    page.locator("#then").focus()
    page.locator("#then").select_option("unsure")  # Keys are those of the crops again.
    for key, place in [("j", 7), ("a", 4), ("r", 0)]:
        page.keyboard.press(key)
        assert page.locator(".cell.here").get_attribute("data-index") == str(place)


@pytest.mark.parametrize("key", ["Enter", " "])
def test_the_key_that_enlarges_closes_again_and_decides_nothing(opened: Opened, key: str) -> None:
    page = frames(opened(HAPPY))
    before = page.locator("#count").inner_text()
    large = page.get_by_role("dialog", name="Enlarged")
    page.keyboard.press(key)
    large.wait_for()
    page.keyboard.press(key)
    large.wait_for(state="hidden")
    assert page.locator("#count").inner_text() == before


def test_a_crop_is_enlarged_and_decided_on(opened: Opened) -> None:
    page = frames(opened(HAPPY))
    page.keyboard.press("Enter")
    large = page.locator("#large")
    assert large.evaluate("(d) => d.open")
    page.locator("#large img").evaluate("(picture) => picture.decode()")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("r")
    saved(page, "1 of 10 crops decided")
    assert rejected(page) == [1]
    page.keyboard.press("Escape")
    assert not large.evaluate("(d) => d.open")
    page.keyboard.press("?")
    assert page.get_by_role("heading", name="Keys").is_visible()


def test_fingers_review_too(opened: Opened) -> None:
    size = {"width": 390, "height": 844}
    page = frames(opened(HAPPY, viewport=size, has_touch=True, is_mobile=True))
    page.locator(".cell").nth(3).tap()
    page.get_by_role("button", name="Reject").tap()
    page.get_by_role("button", name="Other").tap()
    page.get_by_role("button", name="sad").tap()
    page.get_by_role("button", name="Accept").tap()
    saved(page, "3 of 10 crops decided")
    assert (rejected(page), accepted(page)) == ([3, 4], [5])
    page.get_by_role("button", name="Undo").tap()
    saved(page, "2 of 10 crops decided")


def test_a_decision_that_is_not_taken_is_told_and_taken_back(
    browser: "Browser", app: FastAPI, address: str, table_of: Table
) -> None:
    page = new_page(browser, app, address)  # What is refused, Chromium complains of.
    page.goto(address + HAPPY)
    frames(page)
    with files.locked(table_of.folder):
        page.keyboard.press("r")
        page.get_by_text("Not saved").wait_for()
    assert "this program itself is writing there" in page.locator("#problem").inner_text()
    assert "process" not in page.locator("#problem").inner_text()
    assert rejected(page) == []
    told = page.locator("#told").inner_text()  # What was announced is so no more.
    assert told.startswith("Last: 0:00.0, ")
    assert told.endswith("not decided")
    page.keyboard.press("Home")
    page.keyboard.press("a")
    saved(page, "1 of 10 crops decided")
    assert page.locator("#problem").is_hidden()
    page.close()


def looked_at_again(page: "Page") -> None:
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_undo_takes_back_the_crop_itself_after_another_pick(
    opened: Opened, table_of: Table
) -> None:
    page = frames(opened(HAPPY))
    for key in ("End", "a", "ArrowLeft", "ArrowLeft", "r"):
        page.keyboard.press(key)
    saved(page, "2 of 10 crops decided")
    here = page.locator(".cell.here").get_attribute("aria-label")
    page.wait_for_load_state("networkidle")  # Pictures of those that go are there by now.
    path = table_of.place / "crops.csv"
    head, *rows = path.read_text().splitlines()
    few = [row for n, row in enumerate(rows) if n in (7, 8, 9)]
    path.write_text("\n".join([head, *few]) + "\n")
    looked_at_again(page)
    saved(page, "2 of 3 crops decided")
    assert page.locator(".cell.here").get_attribute("aria-label") == here  # The ninth.
    assert rejected(page) == [0]
    assert accepted(page) == [2]
    type_keys(page, "u")
    saved(page, "1 of 3 crops decided")
    type_keys(page, "ru")
    page.keyboard.press("End")
    page.keyboard.press("u")
    saved(page, "0 of 3 crops decided")
    page.reload()
    frames(page)
    assert rejected(page) == accepted(page) == []
    assert page.locator("#problem").is_hidden()


def test_what_was_picked_away_is_not_undone_on_another(opened: Opened, table_of: Table) -> None:
    page = frames(opened(HAPPY))
    page.keyboard.press("a")
    saved(page, "1 of 10 crops decided")
    page.wait_for_load_state("networkidle")
    path = table_of.place / "crops.csv"
    head, _, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *rows]) + "\n")
    (table_of.folder / LABELS).unlink()
    looked_at_again(page)
    saved(page, "0 of 9 crops decided")
    page.keyboard.press("u")
    page.keyboard.press("r")
    saved(page, "1 of 9 crops decided")
    assert len(rejected(page)) == 1
    assert [label["file"] for label in table_of.labels()] == [table_of.files[1]]


def test_a_late_answer_does_not_cover_a_decision(opened: Opened) -> None:
    page = frames(opened(HAPPY))
    held = []
    page.route("**/api/review/**", lambda route: held.append((route, route.fetch())), times=1)
    looked_at_again(page)
    while not held:
        page.wait_for_timeout(10)
    page.keyboard.press("r")
    saved(page, "1 of 10 crops decided")
    ((route, answer),) = held
    route.fulfill(response=answer)  # It is from before the decision.
    with page.expect_response("**/api/review/**"):
        looked_at_again(page)
    assert rejected(page) == [0]
    assert "1 of 10 crops" in page.locator("#count").inner_text()


@pytest.mark.parametrize("key", ["a", "r", "n", "Enter", " "])
def test_a_held_key_is_pressed_once(opened: Opened, key: str) -> None:
    page = frames(opened(HAPPY))
    for _ in range(24):  # All but the first are repeats.
        page.keyboard.down(key)
    page.keyboard.up(key)
    opens = key in ("Enter", " ")
    assert page.locator("#large").evaluate("(d) => d.open") == opens
    if opens:
        page.keyboard.press("Escape")
    page.keyboard.press("End")
    page.keyboard.press("a")
    saved(page, "of 10 crops decided")
    assert len(rejected(page) + accepted(page)) == (1 if opens else 2)


def test_a_held_undo_takes_back_one(opened: Opened) -> None:
    page = frames(opened(HAPPY))
    type_keys(page, "aaa")
    for _ in range(10):
        page.keyboard.down("u")
    page.keyboard.up("u")
    assert accepted(page) == [0, 1]


def test_a_held_arrow_goes_on(opened: Opened) -> None:
    page = frames(opened(HAPPY))
    for _ in range(4):
        page.keyboard.down("ArrowRight")
    assert page.locator(".cell.here").get_attribute("data-index") == "4"


def test_after_a_click_keys_are_the_crops(opened: Opened) -> None:
    page = frames(opened(HAPPY))
    page.get_by_role("button", name="Accept").click()
    saved(page, "1 of 10 crops decided")
    page.keyboard.press("Enter")
    assert page.locator("#large").evaluate("(d) => d.open")
    assert accepted(page) == [0]
    page.get_by_role("button", name="Accept").click()
    saved(page, "2 of 10 crops decided")
    page.keyboard.press("Enter")
    assert not page.locator("#large").evaluate("(d) => d.open")
    assert accepted(page) == [0, 1]
    page.get_by_role("button", name="Accept").focus()
    page.keyboard.press("Enter")  # By keyboard a button is one, and stays it.
    page.keyboard.press("Enter")
    saved(page, "4 of 10 crops decided")


def test_fingers_enlarge_and_decide_there(opened: Opened) -> None:
    size = {"width": 375, "height": 700}
    page = frames(opened(HAPPY, viewport=size, has_touch=True, is_mobile=True))
    page.get_by_role("button", name="Enlarge").tap()
    large = page.get_by_role("dialog", name="Enlarged")
    large.get_by_role("button", name="Reject").tap()
    large.get_by_role("button", name="Other").tap()
    large.get_by_role("button", name="sad").tap()
    saved(page, "2 of 10 crops decided")
    assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
    for each in [*large.get_by_role("button").all(), large.locator("img")]:
        box = each.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size["width"]
        assert box["y"] + box["height"] <= size["height"]
    large.get_by_role("button", name="Close").tap()
    assert large.is_hidden()
    assert rejected(page) == [0, 1]
    page.get_by_role("button", name="Accept").tap()
    saved(page, "3 of 10 crops decided")


def test_what_is_decided_of_an_enlarged_crop_is_read_out(opened: Opened) -> None:
    page = frames(opened(HAPPY))
    page.keyboard.press("Enter")
    page.keyboard.press("r")
    large = page.get_by_role("dialog", name="Enlarged")
    told = large.get_by_role("status").inner_text()
    assert told.startswith("Last: 0:00.0, ")
    assert told.endswith("rejected: something else")
    larger = large.locator("[aria-live=polite]").inner_text()
    assert larger.endswith("not decided")


def test_an_enlarged_crop_that_was_not_saved_is_told_so(
    browser: "Browser", app: FastAPI, address: str, table_of: Table
) -> None:
    page = new_page(browser, app, address)  # What is refused, Chromium complains of.
    page.goto(address + HAPPY)
    frames(page).locator("#then").select_option("stay")
    page.keyboard.press("Enter")
    with files.locked(table_of.folder):
        page.keyboard.press("r")
        page.locator("#problem", has_text="Not saved").wait_for(state="attached")
    assert page.locator("#larger").inner_text().endswith("not decided")
    page.close()


def test_crops_without_a_picture_are_told_in_words(opened: Opened, table_of: Table) -> None:
    """Asked for, their pictures would be missing, of which Chromium complains."""
    table_of.decide(1, "happy")
    path = table_of.place / "crops.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if table_of.files[1] not in line))
    (table_of.place / table_of.files[1]).unlink()
    page = ready(opened(HAPPY))
    (gone,) = page.locator(".cell", has_text="not in the last pick").all()  # A moment of its own.
    assert gone.locator("img").count() == 0
    assert page.locator(".cell img").count() == 1
    first = gone.get_attribute("data-index") == "0"
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    picture, words = page.locator("#large img"), page.locator("#large #absent")
    for key, there in (("Home", not first), ("ArrowRight", first), ("ArrowLeft", not first)):
        page.keyboard.press(key)
        assert (picture.is_visible(), words.is_visible()) == (there, not there)
    page.keyboard.press("Escape")
    path.write_text("".join(lines))
    (table_of.place / table_of.files[1]).write_bytes(
        (table_of.place / table_of.files[0]).read_bytes()
    )
    looked_at_again(page)
    saved(page, "0 of 1 moment, 1 of 10 crops decided")
    page.locator("#moment-0 img").wait_for()


def test_where_all_are_decided_the_next_pick_is_offered(opened: Opened, table_of: Table) -> None:
    page = frames(opened(HAPPY))
    type_keys(page, "aaaaaaaaa")
    saved(page, "9 of 10 crops decided")
    done = page.get_by_text("All are decided.")
    assert done.is_hidden()
    page.keyboard.press("Enter")
    page.keyboard.press("a")
    done.wait_for()  # Also in the large view, with the buttons.
    page.keyboard.press("u")
    done.wait_for(state="hidden")
    page.keyboard.press("a")
    page.get_by_role("link", name="unknown, sad").click()
    assert "unknown, sad" in frames(page).locator("h1").inner_text()
    type_keys(page, "a" * 20)
    page.get_by_text("All are decided.").wait_for()
    page.reload()
    page.get_by_text("All are decided. See all picks").wait_for()
    page.get_by_role("link", name="all picks", exact=True).locator("visible=true").click()
    page.get_by_role("heading", name="Review").wait_for()


def test_where_nothing_was_picked_there_is_nothing_to_press(
    opened: Opened, table_of: Table
) -> None:
    path = table_of.place / "crops.csv"
    text = path.read_text()
    path.write_text(text.partition("\n")[0] + "\n")
    page = ready(opened(HAPPY))
    words = page.get_by_text("Nothing was picked")
    assert words.get_by_role("link", name="mine").get_attribute("href") == "/mine"
    for key in "aruj":
        page.keyboard.press(key)
    for hidden in ("#tools", "#bar", "#count"):
        assert page.locator(hidden).is_hidden()
    path.write_text(text)
    looked_at_again(page)
    saved(page, "0 of 10 crops decided")
    assert words.is_hidden()
    assert page.locator(".cell").count() == 1
    page.keyboard.press("a")
    saved(page, "10 of 10 crops decided")


@pytest.mark.parametrize("width", [320, 390])
def test_the_list_has_a_heading_for_each_movie_and_all_in_sight(
    opened: Opened, table_of: Table, width: int
) -> None:
    name = "Les Amis & Cie – (2012)"
    shutil.copytree(table_of.folder, table_of.folder.parent / name)
    (table_of.folder.parent / name / "anna").rename(
        table_of.folder.parent / name / "Anna Maria von Hohenstein-Ansbach"
    )
    page = opened("/review", viewport={"width": width, "height": 844})
    assert page.get_by_role("heading", level=2).all_inner_texts() == [name, "talk"]
    links = page.locator("main table a")
    names = [link.inner_text() for link in links.all()]
    assert len(set(names)) == len(names) == 8  # Each pick, and its sheet.
    page.get_by_role("link", name=f"unknown, sad in {name}", exact=True).wait_for()
    cells = page.locator("main table :is(th, td)").all()
    for box in [cell.bounding_box() for cell in cells]:
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


@pytest.mark.parametrize("width", [320, 375])
@pytest.mark.parametrize("path", ["/", "/review", HAPPY])
def test_all_pages_are_in_sight(opened: Opened, width: int, path: str) -> None:
    page = opened(path, viewport={"width": width, "height": 700})
    for link in page.locator("nav a").all():
        box = link.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width


def test_another_pages_decisions_are_seen(opened: Opened) -> None:
    first, second = frames(opened(HAPPY)), frames(opened(HAPPY))
    first.keyboard.press("r")
    saved(first, "1 of 10 crops decided")
    looked_at_again(second)
    saved(second, "1 of 10 crops decided")
    assert rejected(second) == [0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("path", ["/review", HAPPY])
def test_it_fits(opened: Opened, scheme: str, width: int, path: str) -> None:
    page = opened(path, viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.wait_for_selector("[data-ready], table")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    with Pillow.open(io.BytesIO(page.screenshot())) as shot:
        paper = shot.convert("RGB").getpixel((2, shot.height - 2))
    assert isinstance(paper, tuple)
    assert (sum(paper) > 600) == (scheme == "light")


def test_names_in_any_writing_are_reviewed(opened: Opened, table_of: Table) -> None:
    movie, person = table_of.folder.parent / "film\u3000映画", "anna\u00a0👩\u200d🎤"
    table_of.folder.rename(movie)
    (movie / "anna").rename(movie / person)
    page = opened("/review")
    page.locator("a.pick", has_text="happy").click()
    assert person in frames(page).locator("h1").inner_text()
    page.keyboard.press("r")
    saved(page, "1 of 10 crops decided")
    assert lying(movie / person / "happy" / ASIDE) == [0]


def test_it_is_reached_from_the_list(opened: Opened) -> None:
    page = opened("/review")
    page.locator("a.pick", has_text="happy").click()
    frames(page)
    assert page.locator("nav [aria-current]").inner_text() == "Review"
