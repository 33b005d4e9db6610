"""How long a search over thousands of movies takes, and how much memory.

python benchmarks/search.py [--movies 2000] [--rows 25000]

Twenty walks are made up (see benchmarks/pick.py) and hard-linked until there are enough, so that
only the tables of the archive take up disk: about 1.2 MB each. Every movie shows the same three
people and strangers, the worst case for a search, and one of twenty a guest. Each line of the
result is a process of its own, from start to end. "Cold" is with the tables dropped from the
system's cache, where the system does that.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from measure import Spent, measure, program
from pick import long_scan, made_up, write_walk

from pipeline.archive.archive import open_archive
from pipeline.archive.index import TABLE_NAME
from pipeline.archive.search import search
from pipeline.archive.totals import join, totals
from pipeline.disk import faces_csv
from pipeline.disk.find import find_walks
from pipeline.movie.scan import scan_movie
from pipeline.settings import Job, PickSettings

MOVIE = Path(__file__).parents[1] / "videos" / "demo.mp4"
TEMPLATES = 20
CHANGED = 20
"""Movies that are named anew before the tables are brought up to date."""

GUEST = "guest 7"
ASKED = {
    "search": Job(("anna",), ("happy",)),
    "search, --repeat 25 --min-prob 0.6": Job(
        ("anna",), ("happy",), pick=PickSettings(repeat=25, min_prob=0.6)
    ),
    "search, all gates": Job(
        ("anna",),
        ("happy",),
        pick=PickSettings(min_size=80, min_sharpness=50, max_yaw=30, single_face=True, border=5),
    ),
    "search, one person of every 20th movie": Job((GUEST,), ("happy",)),
    "search, any person, any emotion": Job(),
    "search, --smooth 15, that person": Job((GUEST,), ("happy",), pick=PickSettings(smooth=15)),
    "search, --smooth 15": Job(("anna",), ("happy",), pick=PickSettings(smooth=15)),
}


def make(archive: Path, count: int, rows: int) -> None:
    """Makes walks of `rows` rows each."""
    kinds = min(TEMPLATES, count)
    whole = made_up(rows * kinds, long_scan(scan_movie(MOVIE), rows * kinds), MOVIE.name)
    scan = long_scan(scan_movie(MOVIE), rows)
    for n in range(kinds):
        own = whole.iloc[n * rows : (n + 1) * rows]
        frame = own["frame"] - n * rows
        person = own["person"].replace("carl", f"guest {n}")
        own = own.assign(frame=frame, time=scan.times[frame], person=person)
        write_walk(MOVIE, archive / f"{n:04d}", own, scan)
    for n in range(kinds, count):
        template = archive / f"{n % kinds:04d}"
        shutil.copytree(template, archive / f"{n:04d}", copy_function=os.link)


def change(archive: Path) -> None:
    """Gives somebody another name in a few movies."""
    for folder in find_walks([archive])[:CHANGED]:
        rows = faces_csv.read_faces(folder / "faces.csv")
        faces_csv.write_faces(folder / "faces.csv", [rows.replace({"person": {"ben": "benjamin"}})])


def forget(archive: Path) -> None:
    """Drops the tables from the system's cache."""
    os.sync()
    for file in archive.glob(f"*/{TABLE_NAME}"):
        handle = os.open(file, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def answer(archive: Path, what: str) -> str:
    """Does one thing to the archive, and says what it gave."""
    with open_archive(find_walks([archive])) as one:
        if what in ASKED:
            found = search(one, ASKED[what])
            return f"{len(found.moments)} of {found.count:,} moments"
        if what == "stats":
            return f"{len(list(totals(one))):,} lines"
        if what == "table":
            with tempfile.TemporaryDirectory() as place:
                return f"{join(one, Path(place) / 'all.parquet'):,} rows"
        return f"{len(one.entries):,} tables"


def lines(archive: Path) -> Iterator[tuple[str, Spent, str]]:
    """What each thing took, and what it gave."""

    def did(what: str) -> tuple[Spent, str]:
        spent = measure([sys.executable, program("search.py"), "--archive", archive, "--do", what])
        return spent, (archive.parent / "gave").read_text()

    yield "make all tables", *did("index")
    change(archive)
    yield f"search, after {CHANGED} movies were named anew", *did("search")
    forget(archive)
    yield "search, cold", *did("search")
    for what in (*ASKED, "stats", "table"):
        yield what, *did(what)


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--movies", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=25_000, help="of each movie")
    parser.add_argument("--archive", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--do", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.do:
        (given.archive.parent / "gave").write_text(answer(given.archive, given.do))
        return
    with tempfile.TemporaryDirectory() as name:
        archive = Path(name) / "output"
        archive.mkdir()
        begin = time.perf_counter()
        make(archive, given.movies, given.rows)
        rows, seconds = given.movies * given.rows, time.perf_counter() - begin
        print(f"{rows:,} rows of {given.movies:,} movies, {os.cpu_count()} cores;")
        print(f"made up in {seconds:.0f} s\n")
        print("| step | seconds | CPU seconds | peak MB | gives |\n|---|---|---|---|---|")
        for what, spent, gave in lines(archive):
            took = f"{spent.seconds:.1f} | {spent.cpu:.1f} | {spent.peak:.0f}"
            print(f"| {what} | {took} | {gave} |", flush=True)
        size = sum(file.stat().st_size for file in archive.glob(f"*/{TABLE_NAME}"))
        print(f"\nTables: {size / 1e6:,.0f} MB, {size / rows:.0f} bytes a row")


if __name__ == "__main__":
    main()
