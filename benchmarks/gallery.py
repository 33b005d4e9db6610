"""Measures how long loading the gallery, sorting a long movie's tracks and naming them take.

python benchmarks/gallery.py [PHOTO]

One photo becomes a thousand photos of fifty people, each with different bytes. The first load
embeds them, later loads find them in `known_faces/.embeddings.npz`. The movie is made up: 2,000
tracks, 260,000 rows, 50 people with 20 photos each; what is sorted into people by itself is 10,000
tracks of 500 people, of which neighbours share a frame.
"""

import argparse
import os
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image as Pillow

from pipeline.disk import faces_csv, tracks_npz
from pipeline.disk.manifest import Manifest
from pipeline.disk.walked import Walked
from pipeline.faces import EMOTIONS, FaceRow, Floats
from pipeline.models.registry import tolerances
from pipeline.movie.scan import Scan
from pipeline.movie.stream import Stream
from pipeline.people import gallery as galleries
from pipeline.people import memory
from pipeline.people.cluster import clusters
from pipeline.people.gallery import Gallery
from pipeline.people.naming import name_tracks
from pipeline.settings import WalkSettings

TOLERANCE = tolerances(WalkSettings()).name
PEOPLE = 50
PHOTOS = 1000
TRACKS = 2000
ROWS = 260_000
EMBEDDINGS = 5
"""Embeddings of each track."""

SORTED = 10_000
"""Tracks that are sorted into people."""

CAST = 500
"""People of these tracks."""

FRAMES = TRACKS * 200
STREAM = Stream("h264", 1280, 720, 25.0, (1, 25), 0, 0, counted=False, hdr="")
KEYS = np.zeros((1, 2), np.int64)
PLAN = Manifest(
    Path("long.mp4"), {}, WalkSettings(), {}, Scan(STREAM, np.arange(FRAMES), KEYS), ((0, FRAMES),)
)
"""The manifest of the made-up movie."""


def timed(what: Callable[[], object]) -> float:
    """Measures the seconds that a call takes."""
    begin = time.perf_counter()
    what()
    return time.perf_counter() - begin


def write_photos(photo: Path, folder: Path) -> None:
    """Writes the photo `PHOTOS` times, with different bytes each time."""
    with Pillow.open(photo) as image:
        for n in range(PHOTOS):
            path = folder / f"person{n % PEOPLE:02}" / f"{n}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            exif = Pillow.Exif()
            exif[0x010E] = f"photo {n}"  # ImageDescription
            image.save(path, exif=exif)


def unit(random: np.random.Generator, count: int) -> Floats:
    """Draws random embeddings of unit length."""
    vectors = random.normal(size=(count, tracks_npz.EMBEDDING)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def write_walk(folder: Path, photos: Floats) -> None:
    """Writes faces.csv and tracks.npz: tracks near the people's photos, three in each shot."""
    random = np.random.default_rng(0)
    track = np.sort(random.integers(0, TRACKS, ROWS))
    since = np.concatenate([np.arange(n) for n in np.bincount(track, minlength=TRACKS)])
    numbers = {name: random.uniform(0, 400, ROWS).round(1) for name in FaceRow._fields}
    numbers |= dict(zip(EMOTIONS, random.dirichlet(np.ones(7), ROWS).T, strict=True))
    rows = pd.DataFrame(numbers).assign(
        frame=track // 3 * 200 + since, shot=track // 3, track=track, detected=1, video="long.mp4",
        person="", distance=np.nan, sure=np.nan,
    )  # fmt: skip
    ordered = rows.sort_values(["frame", "track"], ignore_index=True)[list(FaceRow._fields)]
    faces_csv.write_faces(folder / "faces.csv", [ordered])
    noise = unit(random, TRACKS * EMBEDDINGS)
    near = photos[np.repeat(random.integers(0, len(photos), TRACKS), EMBEDDINGS)] + 0.3 * noise
    tracks = tracks_npz.Tracks(
        (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32),
        np.repeat(np.arange(TRACKS), EMBEDDINGS), np.zeros(len(near), np.int64),
        np.ones(len(near), np.float32), "made up",
    )  # fmt: skip
    tracks_npz.write_tracks(folder / "tracks.npz", tracks)


def loading(photo: Path, known: Path) -> Iterator[str]:
    """Gives lines about loading a thousand photos."""
    write_photos(photo, known)
    load = partial(memory.load_gallery, known, WalkSettings())
    seconds = timed(lambda: galleries.digest(known, None))
    yield f"| {PHOTOS:,} photos, looking for changes | {seconds:.2f} |"
    yield f"| {PHOTOS:,} photos, first load | {timed(load):.2f} |"
    yield f"| {PHOTOS:,} photos, later loads | {timed(load):.2f} |"


def naming(folder: Path) -> Iterator[str]:
    """Gives lines about naming."""
    random = np.random.default_rng(1)
    photos = np.tile(unit(random, PEOPLE), (PHOTOS // PEOPLE, 1)) + 0.2 * unit(random, PHOTOS)
    photos /= np.linalg.norm(photos, axis=1, keepdims=True)
    people = tuple(f"person{n:02}" for n in range(PEOPLE))
    gallery = Gallery(people, photos, np.arange(PHOTOS) % PEOPLE)
    write_walk(folder, photos)
    limits = tolerances(WalkSettings())

    def name(digest: str) -> None:
        tracks = tracks_npz.read_tracks(folder / "tracks.npz")
        name_tracks(Walked(folder, PLAN, tracks), gallery, limits, digest)

    for digest in ("first", "second"):
        seconds = timed(partial(name, digest))
        named = (tracks_npz.read_tracks(folder / "tracks.npz").person >= 0).sum()
        what = f"{TRACKS:,} tracks, {ROWS:,} rows, {PEOPLE} people, named ({named} of them)"
        yield f"| {what} | {seconds:.2f} |"
    seconds = timed(lambda: galleries.alike(gallery, limits.alike))
    yield f"| {PHOTOS:,} photos, who looks alike | {seconds:.2f} |"


def sorting() -> Iterator[str]:
    """Gives lines about sorting the tracks of a very long film into people."""
    random = np.random.default_rng(2)
    people = unit(random, CAST)
    person = random.integers(0, CAST, SORTED)
    mean = (0.8 * people[person] + 0.4 * unit(random, SORTED)).astype(np.float32)
    pairs = np.flatnonzero(person[1:] != person[:-1]).tolist()
    apart = {(a, a + 1) for a in pairs} | {(a + 1, a) for a in pairs}
    clear, limits = np.ones(SORTED, np.float32), tolerances(WalkSettings())
    seconds = timed(lambda: clusters(mean, clear, apart, limits))
    tracemalloc.start()
    found = int(clusters(mean, clear, apart, limits).max()) + 1
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    what = f"{SORTED:,} tracks of {CAST} people, sorted ({found} found; {peak:.0f} MB)"
    yield f"| {what} | {seconds:.2f} |"


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path, nargs="?", default=Path("known_faces/actress.jpg"))
    photo = parser.parse_args().photo
    with tempfile.TemporaryDirectory() as name:
        lines = [*loading(photo, Path(name) / "known"), *naming(Path(name)), *sorting()]
    print(f"{os.cpu_count()} cores, photos of {photo.stat().st_size:,} bytes\n")
    print("| step | seconds |\n|---|---|")
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
