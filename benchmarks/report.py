"""Measures writing the report of a long movie, and opening it in Chromium.

python benchmarks/report.py [MOVIE]

The movie is made up: three hours, 260,000 faces of 50 people, and 10,000 different crops, which are
parts of the photos in known_faces/. The page is opened from disk, without a network, in a new
window, at its crops; "grid shown" is the time at which the first of them are painted.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pick import long_scan, made_up, timed
from PIL import Image as Pillow
from playwright.sync_api import Page, sync_playwright

from pipeline.crops import thumbnail
from pipeline.disk.crop_file import crop_name
from pipeline.disk.crops_csv import CROP_COLUMNS
from pipeline.disk.manifest import Manifest
from pipeline.disk.tracks_npz import Tracks
from pipeline.disk.walked import Walked
from pipeline.faces import EMOTIONS, Floats
from pipeline.models.registry import tolerances
from pipeline.movie.scan import scan_movie
from pipeline.pick import select
from pipeline.pick.choose import choose
from pipeline.report.page import write_report
from pipeline.settings import Job, PickSettings, WalkSettings

ROWS, PEOPLE, CROPS, EMBEDDINGS = 260_000, 50, 10_000, 6
CROP = 300
"""Pixels of a crop's side."""

PHOTOS = Path("known_faces")
CHROMIUM = "/usr/bin/chromium"
QUIET = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
"""Options that turn off what Chromium does in the background."""


def photos() -> list[Pillow.Image]:
    """Opens the photos of the gallery."""
    return [Pillow.open(path).convert("RGB") for path in sorted(PHOTOS.rglob("*.jpg"))]


def variant(photo: Pillow.Image, side: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Cuts a square out of a photo, changes its brightness a little, and adds noise."""
    length = int(min(photo.size) * random.uniform(0.6, 1))
    x, y = (int(random.integers(0, size - length + 1)) for size in photo.size)
    part = photo.resize((side, side), box=(x, y, x + length, y + length))
    noise = random.normal(random.uniform(-30, 30), 5, (side, side, 3))
    return np.clip(np.asarray(part) + noise, 0, 255).astype(np.uint8)


def walked(movie: Path) -> Walked:
    """Makes up a walk, with six small pictures of each track."""
    random = np.random.default_rng(2)
    scan = long_scan(scan_movie(movie), ROWS)
    rows = made_up(ROWS, scan, movie.name)
    names = np.array([f"person {n}" if n else "" for n in range(PEOPLE)], dtype=object)
    rows = rows.assign(person=names[_scenes(rows["track"].max() + 1, random)[rows["track"]]])
    walk = Manifest(movie, {}, WalkSettings(), {"detector": "made up"}, scan, ((0, len(scan)),))
    few = [thumbnail(variant(p, 150, random)) for p in photos() for _ in range(25)]
    seen = rows.groupby("track").head(EMBEDDINGS).sort_values(["track", "frame"])
    tracks = Tracks(
        embedding=np.zeros((len(seen), 128), np.float32),
        track=seen["track"].to_numpy(), frame=seen["frame"].to_numpy(),
        quality=random.uniform(0, 1, len(seen)).astype(np.float32), walk="",
        people=names[1:].astype(np.str_), far=_far(rows["track"].nunique()),
        thumb=np.array([few[n % len(few)] for n in range(len(seen))], np.bytes_),
    )  # fmt: skip
    return Walked(Path(), walk, tracks, rows)


def _scenes(tracks: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Draws who each track is: three people for every twenty tracks, some far more often."""
    weight = 1 / np.arange(1, PEOPLE + 1)
    weight /= weight.sum()
    scenes = [random.choice(PEOPLE, 3, replace=False, p=weight) for _ in range(tracks // 20 + 1)]
    return np.concatenate([scene[random.integers(0, 3, 20)] for scene in scenes])


def _far(tracks: int) -> Floats:
    return np.full((tracks, PEOPLE - 1), 0.2, np.float32)


def write_crops(folder: Path, movie: Walked) -> None:
    """Writes the crops of the first rows that have a name, and their lists."""
    random, sources = np.random.default_rng(3), photos()
    rows = select.steadied(movie.rows, 1, PickSettings())
    rows = rows[rows["person"] != ""].iloc[:CROPS]
    for (person, label), group in rows.groupby(["person", "label"]):
        crops = folder / str(person) / EMOTIONS[int(str(label))]
        crops.mkdir(parents=True)
        names = [crop_name("film", row) for row in group.itertuples()]
        listed = group.assign(file=names, emotion=crops.name)
        listed.assign(line="")[list(CROP_COLUMNS)].to_csv(crops / "crops.csv", index=False)
        for name in names:
            face = variant(sources[int(random.integers(len(sources)))], CROP, random)
            Pillow.fromarray(face).save(crops / name, quality=95)


def written(folder: Path, movie: Walked) -> Iterator[str]:
    """Writes the report; gives lines about that."""
    job = Job()
    movie = replace(movie, folder=folder)
    steadied = select.steadied(movie.rows, 1, job.pick)
    tolerance = tolerances(movie.manifest.settings).name
    choices = list(choose(steadied, movie.tracks, job, job.pick, movie.size, tolerance))
    cpu = time.process_time()
    seconds, path = timed(lambda: write_report(movie, steadied, job, choices))
    yield f"| write report.html and timeline.png | {seconds:.1f} | "
    yield f"| the same, CPU seconds of all cores | {time.process_time() - cpu:.1f} |"
    yield f"| report.html | | {path.stat().st_size / 1e6:.1f} MB"
    yield f"| timeline.png | | {(folder / 'timeline.png').stat().st_size / 1e6:.1f} MB"


def opened(page: Page, address: str) -> Iterator[str]:
    """Opens the report; gives lines about that."""
    begin = time.perf_counter()
    page.goto(address)
    yield f"| loaded | {time.perf_counter() - begin:.2f} |"
    page.wait_for_selector(".tile")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    yield f"| grid shown | {time.perf_counter() - begin:.2f} |"
    page.wait_for_selector("html[data-ready]", state="attached")
    yield f"| plots shown | {time.perf_counter() - begin:.2f} |"
    memory: Any = page.evaluate("performance.memory.usedJSHeapSize / 1e6")
    yield f"| JavaScript's memory | | {memory:.0f} MB"


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("movie", type=Path, nargs="?", default=Path("videos/demo.mp4"))
    parser.add_argument("--keep", type=Path, help="write into this new folder and keep it")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as player:
        folder = args.keep or Path(name) / "film"
        movie = walked(args.movie)
        write_crops(folder, movie)
        os.sync()  # Otherwise writing the page would wait until the crops are on disk.
        lines = list(written(folder, movie))
        browser = player.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        lines += opened(browser.new_page(), (folder / "report.html").resolve().as_uri() + "#crops")
        browser.close()
    people = f"{PEOPLE} people, {ROWS:,} faces, {CROPS:,} crops"
    print(f"{people}, {os.cpu_count()} cores\n\n| what | seconds | size\n|---|---|---")
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
