"""Measures time and memory of a search over thousands of movies.

python benchmarks/search.py [--movies 2000] [--rows 25000]

Twenty walks are made up (see benchmarks/pick.py) and hard-linked until there are enough, so that
only the tables of the archive take up disk space, about 1.2 MB each. Every movie shows the same
three people and strangers, which is the worst case for a search, and one in twenty shows a guest.
Each line of the result is a whole process. "Cold" is with the tables dropped from the system's
cache, if the system supports that.
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
"""The number of movies renamed before the tables are updated."""

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
        part = whole.iloc[n * rows : (n + 1) * rows]
        frame = part["frame"] - n * rows
        person = part["person"].replace("carl", f"guest {n}")
        part = part.assign(frame=frame, time=scan.times[frame], person=person)
        write_walk(MOVIE, archive / f"{n:04d}", part, scan)
    for n in range(kinds, count):
        template = archive / f"{n % kinds:04d}"
        shutil.copytree(template, archive / f"{n:04d}", copy_function=os.link)


def change(archive: Path) -> None:
    """Renames one person in a few movies."""
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
    """Runs one query on the archive, and describes its result."""
    with open_archive(find_walks([archive])) as opened:
        if what in ASKED:
            result = search(opened, ASKED[what])
            return f"{len(result.moments)} of {result.count:,} moments"
        if what == "stats":
            return f"{len(list(totals(opened))):,} lines"
        if what == "table":
            with tempfile.TemporaryDirectory() as scratch:
                return f"{join(opened, Path(scratch) / 'all.parquet'):,} rows"
        return f"{len(opened.entries):,} tables"


def lines(archive: Path) -> Iterator[tuple[str, Spent, str]]:
    """Gives the name of each query, what it took, and its result."""

    def measured(what: str) -> tuple[Spent, str]:
        spent = measure([sys.executable, program("search.py"), "--archive", archive, "--do", what])
        return spent, (archive.parent / "gave").read_text()

    yield "make all tables", *measured("index")
    change(archive)
    yield f"search, after {CHANGED} movies were named anew", *measured("search")
    forget(archive)
    yield "search, cold", *measured("search")
    for what in (*ASKED, "stats", "table"):
        yield what, *measured(what)


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--movies", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=25_000, help="of each movie")
    parser.add_argument("--archive", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--do", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.do:
        (args.archive.parent / "gave").write_text(answer(args.archive, args.do))
        return
    with tempfile.TemporaryDirectory() as name:
        archive = Path(name) / "output"
        archive.mkdir()
        begin = time.perf_counter()
        make(archive, args.movies, args.rows)
        rows, seconds = args.movies * args.rows, time.perf_counter() - begin
        print(f"{rows:,} rows of {args.movies:,} movies, {os.cpu_count()} cores;")
        print(f"made up in {seconds:.0f} s\n")
        print("| step | seconds | CPU seconds | peak MB | gives |\n|---|---|---|---|---|")
        for what, spent, gave in lines(archive):
            took = f"{spent.seconds:.1f} | {spent.cpu:.1f} | {spent.peak:.0f}"
            print(f"| {what} | {took} | {gave} |", flush=True)
        size = sum(file.stat().st_size for file in archive.glob(f"*/{TABLE_NAME}"))
        print(f"\nTables: {size / 1e6:,.0f} MB, {size / rows:.0f} bytes a row")


if __name__ == "__main__":
    main()
