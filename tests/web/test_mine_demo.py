"""Page Mine with the real networks: the demo is mined, and watched to its end."""

import re
from pathlib import Path

import pytest
from fastapi import FastAPI

from pipeline.live.reader import Reader
from pipeline.settings import Job
from pipeline.web.app import WebSettings, create_app
from pipeline.web.safety import Policy
from tests.support.pages import Opened

ROOT = Path(__file__).parents[2]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


@pytest.fixture
def app(output: Path) -> FastAPI:
    job = Job(known_faces=ROOT / "known_faces", output=output, workers=2)
    return create_app(Reader.of(job), WebSettings(job, ROOT / "videos"), Policy())


def test_the_demo_is_mined_from_the_page(opened: Opened, output: Path) -> None:
    page = opened("/mine")
    page.locator("#movie").select_option("demo.mp4")
    page.get_by_role("checkbox", name="actress").check()
    page.get_by_label("happy").check()
    page.get_by_role("button", name="Start").click()
    page.get_by_text(re.compile(r"of 2,466 frames, \d+ a second")).wait_for()
    page.locator(".thumbs img").first.wait_for()
    page.get_by_role("heading", name="demo.mp4: done").wait_for(timeout=120_000)
    told = page.locator(".run tbody tr td").all_inner_texts()
    assert told[:5] == ["actress", "happy", "214", "214", "3"]
    assert len(list(output.glob("demo/actress/happy/*_f*.jpg"))) == 214
