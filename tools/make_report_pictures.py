"""Makes docs/timeline.png and docs/report.png for docs/files.md, from the output of the demo run.

mine-video videos/demo.mp4
python tools/make_report_pictures.py output/demo docs

This needs Chromium, and Playwright (in the extra "dev").
"""

import argparse
import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1280, 2200
CHROMIUM = "/usr/bin/chromium"
QUIET = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking")


def screenshot(report: Path) -> Image.Image:
    """Takes a picture of the report while its timeline shows a face."""
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(report.resolve().as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        page.locator("#line").focus()
        for key in ("Home", "ArrowDown", "ArrowDown", "End"):
            page.keyboard.press(key)
        page.locator("#line").blur()
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(500)
        picture = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    return picture


def main() -> None:
    """Reads the command line and writes the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="output/demo")
    parser.add_argument("docs", type=Path, help="docs")
    args = parser.parse_args()
    for name, picture in (
        ("timeline.png", Image.open(args.folder / "timeline.png")),
        ("report.png", screenshot(args.folder / "report.html")),
    ):
        picture.convert("RGB").save(args.docs / name, optimize=True)


if __name__ == "__main__":
    main()
