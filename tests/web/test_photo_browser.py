"""Page Photo in Chromium: the browser's camera goes out."""

import shutil
from typing import TYPE_CHECKING

from fastapi import FastAPI

from tests.support.browser import NAMES, QUIET
from tests.support.pages import new_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FAKE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")

WATCHED = """() => {
    window.streams = [];
    const own = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (what) => {
        const stream = await own(what);
        streams.push(stream);
        return stream;
    };
}"""
"""Keeps all streams that a page asks for."""


def test_the_camera_goes_out_however_often_it_was_asked_for(
    browser: "Browser", app: FastAPI, address: str
) -> None:
    path = next(filter(None, map(shutil.which, NAMES)))
    with browser.browser_type.launch(executable_path=path, args=[*QUIET, *FAKE]) as own:
        page = new_page(own, app, address)
        page.goto(address)
        page.evaluate(WATCHED)
        page.evaluate(
            "() => { document.getElementById('drop').onsubmit = () => false; }"
        )  # It stays.
        camera = page.get_by_role("button", name="Camera")
        camera.dblclick()
        shoot = page.get_by_role("button", name="Take the picture")
        shoot.wait_for()
        assert camera.is_hidden()
        shoot.click()
        assert page.evaluate("streams.map((each) => each.active)") == [False]
        assert shoot.is_hidden()
        camera.click()
        shoot.wait_for()
        assert page.evaluate("streams.map((each) => each.active)") == [False, True]
