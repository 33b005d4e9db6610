"""Measures the review of 10,000 crops in 200 moments in Chromium, and the server's decisions.

python benchmarks/review.py [MOVIE]

The crops are made up: 150 pixels, JPEG, 500 parts of the photos in known_faces/, each 20 times;
every 50 of them are a moment. A key press is measured from the time of its event to the task after
the frame that it changed, which is after Chromium has painted it, and by Chromium itself (Event
Timing, in steps of 8 ms). "Grid shown" is the time at which every picture in the window is painted.
The server's times are for consecutive decisions when all crops are already decided, including
fsync.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server
from typing import Any

import httpx2
import numpy as np
import pandas as pd
import uvicorn
from fastapi import FastAPI
from pick import long_scan, made_up
from playwright.sync_api import Page, sync_playwright
from report import CHROMIUM, QUIET, photos, variant

from pipeline.disk import manifest
from pipeline.disk.crop_file import crop_jpeg, crop_name
from pipeline.disk.crops_csv import write_crops_csv
from pipeline.live.reader import Reader
from pipeline.movie.scan import scan_movie
from pipeline.pick import select
from pipeline.review import labels as written
from pipeline.review.desk import picked
from pipeline.settings import Job, PickSettings, WalkSettings
from pipeline.web.app import WebSettings, create_app
from pipeline.web.safety import CSRF_HEADER, Policy

CROPS, PICTURES, SIDE = 10_000, 500, 150
IN_MOMENT = 50
PRESSES, DECISIONS = 200, 50
KEYS = ("a", "r", "ArrowRight", "ArrowDown", "j", "ArrowLeft", "a", "ArrowUp")
PLACE = "film/anna/happy"

WATCH = """() => {
    window.times = [];
    window.events = [];
    const task = new MessageChannel();
    let begin = 0;
    let done = null;
    task.port1.onmessage = () => { times.push(performance.now() - begin); done(); };
    addEventListener("keydown", (event) => {
        begin = event.timeStamp;
        window.painted = new Promise((resolve) => { done = resolve; });
        requestAnimationFrame(() => task.port2.postMessage(0));
    }, { capture: true });
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
            if (entry.name === "keydown") events.push(entry.duration);
        }
    }).observe({ type: "event", durationThreshold: 16 });
}"""

SHOWN = """async () => {
    const pictures = [...document.querySelectorAll(".cell img")].filter((picture) => {
        const { top, bottom } = picture.getBoundingClientRect();
        return bottom > 0 && top < innerHeight;
    });
    await Promise.all(pictures.map((picture) => picture.decode()));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return pictures.length;
}"""


def write_movie(folder: Path, movie: Path) -> None:
    """Writes a made-up walk and crops picked from it."""
    random, sources = np.random.default_rng(4), photos()
    scan = long_scan(scan_movie(movie), CROPS)
    walk = manifest.Manifest(movie.absolute(), {}, WalkSettings(), {}, scan, ((0, len(scan)),))
    manifest.write(folder, walk)
    rows = select.steadied(made_up(CROPS, scan, movie.name), 1, PickSettings())
    rows = rows.drop_duplicates("frame").iloc[:CROPS].assign(person="anna", label=3)
    run = np.arange(CROPS) // IN_MOMENT
    sure = random.uniform(0.7, 1, run.max() + 1)[run]
    rows = rows.assign(run=run, shot=run, track=run, run_length=IN_MOMENT, look_sure=sure)
    crops = folder / "anna" / "happy"
    crops.mkdir(parents=True)
    pictures = [
        crop_jpeg(variant(sources[int(random.integers(len(sources)))], SIDE, random), {})
        for _ in range(PICTURES)
    ]
    names = [crop_name("film", row) for row in rows.itertuples()]
    for number, name in enumerate(names):
        (crops / name).write_bytes(pictures[number % PICTURES])
    write_crops_csv(crops, "happy", rows, names)


def decide_all(folder: Path) -> None:
    """Accepts every crop."""
    walk = manifest.read(folder).fingerprint
    crops = picked(folder, "anna", "happy").crops.values()
    labels = [written.label_of(crop, "happy", walk) for crop in crops]
    written.write_labels(folder, pd.DataFrame(labels, columns=[*written.LABEL_COLUMNS]))


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Runs a server in a thread; gives its address."""
    with create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def line(what: str, milliseconds: list[float]) -> str:
    """Formats the median, the 95 % quantile, the largest and the number of some times."""
    p50, p95 = np.quantile(milliseconds, [0.5, 0.95])
    figures = f"{p50:.0f} | {p95:.0f} | {max(milliseconds):.0f}"
    return f"| {what} | {figures} | {len(milliseconds)} |"


def pressed(page: Page, what: str) -> Iterator[str]:
    """Presses keys; gives lines about the time until what they change is painted."""
    page.evaluate("() => { times.length = events.length = 0; }")
    for number in range(PRESSES):
        page.keyboard.press(KEYS[number % len(KEYS)])
        page.evaluate("() => painted")
    yield line(f"key press to paint, {what}", page.evaluate("() => times"))
    page.wait_for_timeout(1000)
    slow: list[float] = page.evaluate("() => events")
    yield line("the same by Event Timing, those from 16 ms on", slow or [0.0])


def looked_through(page: Page, address: str) -> Iterator[str]:
    """Opens the page and presses keys; gives lines about that."""
    begin = time.perf_counter()
    page.goto(f"{address}/review/{PLACE}")
    page.wait_for_selector("[data-ready]")
    count = page.evaluate(SHOWN)
    yield line(f"grid shown, {count} moments in the window", [1e3 * (time.perf_counter() - begin)])
    page.evaluate(WATCH)
    yield from pressed(page, "moments")
    begin = time.perf_counter()
    page.keyboard.press("End")
    page.evaluate(SHOWN)
    yield line("to the last moment, all pictures painted", [1e3 * (time.perf_counter() - begin)])
    begin = time.perf_counter()
    page.keyboard.press("Enter")
    count = page.evaluate(SHOWN)
    yield line(f"its {count} frames, painted", [1e3 * (time.perf_counter() - begin)])
    yield from pressed(page, "frames")
    yield f"| cells in the page | {page.locator('.cell').count()} | | | |"


def decided(client: Any, files: list[list[str]], count: int) -> Iterator[float]:
    """Sends decisions about some files at a time; gives the milliseconds of each."""
    for number in range(count):
        looks = ("none", "happy")[number % 2]
        body = {"looks": dict.fromkeys(files[number // 2], looks)}
        begin = time.perf_counter()
        client.post(f"/api/review/{PLACE}", json=body).raise_for_status()
        yield 1e3 * (time.perf_counter() - begin)


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("movie", type=Path, nargs="?", default=Path("videos/demo.mp4"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as player:
        folder = Path(name) / "film"
        write_movie(folder, args.movie)
        job, policy = Job(output=Path(name), known_faces=Path(name) / "known"), Policy()
        os.sync()
        with served(create_app(Reader.of(job, 1), WebSettings(job), policy)) as address:
            browser = player.chromium.launch(executable_path=CHROMIUM, args=QUIET)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(f"{address}/?token={policy.token}")
            lines = list(looked_through(page, address))
            browser.close()
            decide_all(folder)
            cookie = f"{policy.cookie}={policy.sessions.begin()}"
            known = {"Origin": address, CSRF_HEADER: policy.csrf, "Cookie": cookie}
            with httpx2.Client(base_url=address, headers=known, timeout=60) as client:
                files = client.get(f"/api/review/{PLACE}").json()["file"]
                for what, size, count in (("crop", 1, DECISIONS), ("moment", IN_MOMENT, 20)):
                    parts = [files[n : n + size] for n in range(0, 2500, size)]
                    taken = list(decided(client, parts, count))
                    lines.append(line(f"a decision on a {what}, on the server", taken))
    print(f"{CROPS:,} crops in {CROPS // IN_MOMENT} moments, {os.cpu_count()} cores\n")
    print("| milliseconds | median | 95 % | most | of |\n|---|---|---|---|---|")
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
