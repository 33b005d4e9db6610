"""What a pick and an export left, as the browser shows it; and never another file."""

import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from pipeline import mine
from pipeline.disk.moments_csv import best_crop
from pipeline.disk.pick_json import PICK_FILE, begin_pick
from pipeline.export import export
from pipeline.live.reader import Reader
from pipeline.people import rename
from pipeline.review import desk
from pipeline.review.labels import ASIDE
from pipeline.settings import PickSettings
from pipeline.web.app import WebSettings, create_app
from pipeline.web.results import FRAME_POLICY, REPORT_POLICY
from pipeline.web.safety import CSRF_HEADER, HEADERS, Policy
from tests.support.application import LIMIT
from tests.support.pages import Opened, new_page
from tests.support.puppet import photo, plug_in, silent
from tests.support.reviewed import Table, copied, picked_once, reported_once

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["picked_once", "reported_once"]

PICK = "talk/anna/happy"


@pytest.fixture
def table_of(reported_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Table:
    plug_in(monkeypatch)
    return copied(reported_once, tmp_path)


@pytest.fixture
def app(reader: Reader, table_of: Table) -> FastAPI:
    settings = WebSettings(table_of.job, videos=table_of.folder.parent, limit=LIMIT)
    return create_app(reader, settings, Policy(limit=LIMIT))


@pytest.fixture
def exported(table_of: Table, app: FastAPI) -> list[str]:
    kinds = export.ExportSettings(kinds=("clips", "edl"))
    (found,) = export.export(table_of.folder, table_of.job, kinds, silent)
    return [str(path.relative_to(table_of.place)) for path in found.files]


def size_of(data: bytes) -> tuple[int, int]:
    with Pillow.open(io.BytesIO(data)) as picture:
        return picture.size


# --- the list -----------------------------------------------------------------------------------


def test_the_list_shows_each_pick_and_leads_to_what_there_is(client: TestClient) -> None:
    text = client.get("/review").text
    for address in ("/report/talk", "/timeline/talk", "/people/talk", f"/sheet/{PICK}/sheet.jpg"):
        assert f'href="{address}"' in text
        assert client.get(address).status_code == 200
    best = text.split(f'<img src="/review/{PICK}/small/')[1].split('"')[0]
    assert client.get(f"/review/{PICK}/small/{best}").status_code == 200
    assert "exported" not in text
    assert "names have changed" not in text


@pytest.mark.parametrize(
    "settings", [{"within": 7200.0}, {"after": 150 * "x "}, {"gap": 200_000}, {"per_run": 200_000}]
)
def test_a_pick_with_more_than_the_form_takes_is_listed(
    settings: dict[str, Any], client: TestClient, table_of: Table
) -> None:
    job = replace(table_of.job, subtitles="own", pick=PickSettings(**settings))
    begin_pick(table_of.folder, job, [table_of.place])
    assert 'href="/mine?movie=talk.mkv"' in client.get("/review").text


def test_a_comparison_is_no_sheet(client: TestClient, table_of: Table) -> None:
    assert "Comparison" not in client.get("/review").text
    shutil.copy(table_of.place / "sheet.jpg", table_of.place / "compare.jpg")
    text = client.get("/review").text
    assert f'href="/sheet/{PICK}/compare.jpg" target="_blank">Comparison<' in text
    assert ">Sheet<" in text
    assert ">Sheet 1<" not in text
    assert client.get(f"/sheet/{PICK}/compare.jpg").status_code == 200


def test_the_report_opens_by_itself(client: TestClient) -> None:
    """The frame prints one page."""
    assert '<a href="/report/talk/page" target="_blank">' in client.get("/report/talk").text


def test_the_best_face_in_the_list_needs_no_list_of_crops(
    client: TestClient, table_of: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    best = client.get("/review").text.split(f'<img src="/review/{PICK}/small/')[1].split('"')[0]
    address = f"/review/{PICK}/small/{best}"
    with monkeypatch.context() as patch:
        patch.setattr(desk, "picked", None)
        assert client.get(address).status_code == 200
        (table_of.place / ASIDE).mkdir()
        (table_of.place / best).rename(table_of.place / ASIDE / best)
        assert client.get(address).status_code == 200
    (table_of.place / ASIDE / best).unlink()
    (table_of.place / best).symlink_to(table_of.movie)
    assert client.get(address).status_code == 404


def test_a_list_of_moments_leads_to_no_other_file(client: TestClient, table_of: Table) -> None:
    path = table_of.place / "moments.csv"
    best = best_crop(table_of.place)
    outside = table_of.folder / best
    shutil.copy(table_of.place / best, outside)
    path.write_text(path.read_text().replace(best, f"../../{best}"))
    assert best_crop(table_of.place) == ""
    assert f'<img src="/review/{PICK}' not in client.get("/review").text
    assert client.get(f"/review/{PICK}/small/..%2f..%2f{best}").status_code == 404


def test_a_movie_without_a_report_leads_to_none(client: TestClient, table_of: Table) -> None:
    for path in ("report.html", "timeline.png", "anna/happy/sheet.jpg", "anna/happy/moments.csv"):
        (table_of.folder / path).unlink()
    text = client.get("/review").text
    assert 'href="/report/' not in text
    assert "/timeline/" not in text
    assert f"/sheet/{PICK}" not in text
    assert f'<img src="/review/{PICK}' not in text
    for address in ("/report/talk", "/timeline/talk", f"/sheet/{PICK}/sheet.jpg"):
        assert client.get(address).status_code == 404


def test_picks_of_other_names_are_marked(client: TestClient, table_of: Table) -> None:
    rename.rename(table_of.known, "anna", "dora")
    mine.identify(table_of.folder, table_of.job)
    text = client.get("/review").text
    assert text.count("names have changed") == 1  # That of anna; those of unknown are as before.
    assert 'href="/mine?movie=talk.mkv&amp;person=anna&amp;emotion=happy&amp;repeat=10' in text
    shutil.rmtree(table_of.folder / "anna")
    assert "names have changed" not in client.get("/review").text


def test_a_report_that_is_out_of_date_is_written_anew(client: TestClient, table_of: Table) -> None:
    before = (table_of.folder / "report.html").read_bytes()
    assert "anew" not in client.get("/review").text
    table_of.decide(0, "sad")
    assert "report.html is out of date" in client.get("/review").text
    assert ">Write the report<" in client.get("/review").text
    answer = client.post("/report/talk")
    assert (answer.status_code, answer.headers["location"]) == (303, "/review")
    assert "anew" not in client.get("/review").text
    after = (table_of.folder / "report.html").read_bytes()
    assert after != before
    client.headers[CSRF_HEADER] = "guessed"
    assert client.post("/report/talk").status_code == 403
    assert client.get("/report/talk/page").content == after


@pytest.mark.parametrize(
    "changes",
    [
        {"tolerance": "abc"}, {"emotions": ["nonsense"]}, {"emotions": "happy"}, {"subtitles": 5},
        {"people": [1]}, {"settings": {"smooth": 10**15 - 1}}, {"settings": {"silent_only": True}},
    ],
    ids=str,
)  # fmt: skip
def test_a_damaged_note_of_the_pick_stops_no_page(
    client: TestClient, table_of: Table, changes: dict[str, object]
) -> None:
    path = table_of.folder / PICK_FILE
    facts = json.loads(path.read_text())
    facts["last"] |= changes
    facts["stopped"] = [1, facts["last"] | {"folders": [f"{5000 * 'a'}/happy", 1]}]
    path.write_text(json.dumps(facts))
    for page in ("/review", f"/review/{PICK.rpartition('/')[0]}/happy"):
        assert client.get(page).status_code == 200
    assert client.post("/report/talk").status_code == 303
    assert client.get("/report/talk/page").status_code == 200


def test_no_page_reads_a_file_of_subtitles_that_a_folder_names(
    client: TestClient, table_of: Table, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.srt"
    secret.write_text("1\n00:00:00,000 --> 00:00:09,000\nsecret\n")
    mine.pick(table_of.folder, replace(table_of.job, subtitles=str(secret), report=True))
    before = (table_of.folder / "report.html").read_bytes()
    answer = client.post("/report/talk")
    assert answer.status_code == 409
    line = f"mine-video report {table_of.folder} --known-faces {table_of.known}"
    assert line in answer.text
    assert (table_of.folder / "report.html").read_bytes() == before


# --- files --------------------------------------------------------------------------------------


def test_the_report_is_in_a_sandbox(client: TestClient, table_of: Table) -> None:
    answer = client.get("/report/talk/page")
    assert answer.content == (table_of.folder / "report.html").read_bytes()
    assert answer.headers["content-security-policy"] == REPORT_POLICY
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    others = HEADERS.keys() - {"Content-Security-Policy", "X-Frame-Options"}
    assert all(answer.headers[name] == HEADERS[name] for name in others)
    framing = client.get("/report/talk")
    assert 'sandbox="allow-scripts"' in framing.text
    assert framing.headers["content-security-policy"] == FRAME_POLICY
    assert framing.headers["x-frame-options"] == "DENY"
    page = client.get("/review")
    assert page.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]


def test_pictures_are_shown_at_their_size(client: TestClient, table_of: Table) -> None:
    for address, path in (
        (f"/sheet/{PICK}/sheet.jpg", "anna/happy/sheet.jpg"),
        ("/timeline/talk", "timeline.png"),
    ):
        answer = client.get(address)
        assert answer.headers["content-type"] == "image/jpeg"
        assert size_of(answer.content) == size_of((table_of.folder / path).read_bytes())


def test_exports_are_sent_to_be_saved(
    client: TestClient, table_of: Table, exported: list[str]
) -> None:
    assert len(exported) == 2
    text = client.get("/review").text
    assert "2 exported files" in text
    for file in exported:
        assert f'href="/export/{PICK}/{file}"' in text
        answer = client.get(f"/export/{PICK}/{file}")
        assert answer.content == (table_of.place / file).read_bytes()
        assert "attachment" in answer.headers["content-disposition"]


def test_exports_of_the_whole_movie_are_sent_too(client: TestClient, table_of: Table) -> None:
    kinds = export.ExportSettings(kinds=("fcpxml",))
    (found,) = export.export(table_of.folder, table_of.job, kinds, silent)
    (path,) = found.files
    assert path.parent == table_of.folder
    assert f'href="/export/talk/{path.name}"' in client.get("/review").text
    answer = client.get(f"/export/talk/{path.name}")
    assert answer.content == path.read_bytes()
    assert "attachment" in answer.headers["content-disposition"]
    path.unlink()
    path.symlink_to(table_of.movie)
    for name in (path.name, "walk.json", "faces.csv"):
        assert client.get(f"/export/talk/{name}").status_code == 404


def test_there_is_nothing_else(client: TestClient, exported: list[str]) -> None:
    assert exported
    for address in (
        "/report/none", "/report/none/page", "/timeline/none", "/sheet/none/anna/happy/sheet.jpg",
        "/sheet/talk/none/happy/sheet.jpg", "/sheet/talk/anna/sad/sheet.jpg",
        f"/sheet/{PICK}/crops.csv", f"/sheet/{PICK}/..%2fhappy%2fsheet.jpg",
        f"/export/{PICK}/crops.csv", f"/export/{PICK}/..%2f..%2fwalk.json",
        f"/export/{PICK}/clips/../../../walk.json", "/export/talk/parts/happy/0.npz",
    ):  # fmt: skip
        assert client.get(address).status_code == 404, address


def test_no_link_is_followed(
    client: TestClient, table_of: Table, exported: list[str], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    Pillow.new("RGB", (8, 8)).save(secret, "JPEG")
    paths = ("report.html", "timeline.png", "anna/happy/sheet.jpg", f"anna/happy/{exported[0]}")
    for path in paths:
        (table_of.folder / path).unlink()
        (table_of.folder / path).symlink_to(secret)
    addresses = ("/report/talk", "/report/talk/page", "/timeline/talk", f"/sheet/{PICK}/sheet.jpg")
    for address in (*addresses, f"/export/{PICK}/{exported[0]}"):
        assert client.get(address).status_code == 404


# --- in Chromium --------------------------------------------------------------------------------


@pytest.mark.e2e
def test_the_report_works_where_the_server_shows_it(opened: Opened) -> None:
    page: Page = opened("/review")
    page.get_by_role("link", name="Report").click()
    report = page.frame_locator("#report")
    report.get_by_role("heading", name="talk.mkv").wait_for()
    report.get_by_role("button", name="Light / dark").click()
    inner = page.frames[1]
    assert inner.evaluate("origin") == "null"
    # The crop that is opened there is shown in Review, where its moment can be played.
    report.get_by_role("navigation").get_by_role("link", name="Moments").click()
    report.locator("a.tile").first.click()
    page.wait_for_url("**/review/talk/anna/happy#*")
    page.wait_for_selector("[data-ready]")
    assert page.locator("#cells .here").count() == 1


@pytest.mark.e2e
@pytest.mark.parametrize(
    "crop",
    [["..", "happy", "x"], ["anna", "..", "x"], ["anna", "happy/../../..", "x"],
     ["anna", "joy", "x"], ["anna", ".", "x"], [".", "happy", "x"]],
)  # fmt: skip
def test_a_report_leads_to_picks_alone(opened: Opened, crop: list[str]) -> None:
    page = opened("/report/talk")
    page.frame_locator("#report").get_by_role("heading", name="talk.mkv").wait_for()
    page.frames[1].evaluate("(crop) => parent.postMessage({ crop }, '*')", crop)
    page.wait_for_timeout(300)
    assert page.url.endswith("/report/talk")


@pytest.mark.e2e
@pytest.mark.parametrize("width", [390, 1280])
def test_the_report_is_printed_whole(opened: Opened, width: int) -> None:
    page = opened("/report/talk", viewport={"width": width, "height": 844})
    frame = page.locator("#report").bounding_box()
    assert frame is not None
    assert frame["width"] == width
    assert frame["y"] + frame["height"] == 844, "all of the window below the bar"
    with page.context.expect_page() as own:
        page.get_by_role("link", name="Open by itself, to print").click()
    own.value.get_by_role("heading", name="talk.mkv").wait_for()
    assert own.value.url.endswith("/report/talk/page")


@pytest.mark.e2e
def test_the_report_can_ask_the_server_for_nothing(
    browser: "Browser", app: FastAPI, address: str
) -> None:
    page = new_page(browser, app, address)  # Chromium complains of what is refused.
    page.goto(f"{address}/report/talk/page")
    asked = page.evaluate("fetch('/api/runs').then(() => 'let in', () => 'refused')")
    assert asked == "refused"
    page.close()


# --- reading ------------------------------------------------------------------------------------


def test_no_page_that_is_only_read_changes_a_file(
    client: TestClient, app: FastAPI, table_of: Table, exported: list[str]
) -> None:
    """Not even where a decision was interrupted, and there are new photos: other sites may link."""
    table_of.decide(1, "sad")
    (table_of.place / ASIDE / table_of.files[1]).rename(table_of.place / table_of.files[1])
    photo(table_of.known / "zoe.png", "ben")
    before, answers = table_of.everything(), []
    given = {"movie": "talk", "person": "anna", "name": "anna", "emotion": "happy"}
    for path, methods in app.openapi()["paths"].items():
        for file in (table_of.files[0], "sheet.jpg", *exported) if "get" in methods else ():
            named = re.sub(r"{(\w+)(:path)?}", lambda m: given.get(m[1], file), path)  # noqa: B023
            if named not in ("/live/stream", "/live/faces"):  # They never end.
                answers.append(client.get(named).status_code)
    assert answers.count(200) > 20
    assert table_of.everything() == before
