"""Measures whether memory grows with the length of a movie.

python benchmarks/soak.py [MOVIE]

Walks loops of the movie of 2 and 30 minutes, each in a process of its own with one worker. Speed is
measured by `walk.py`.
"""

import argparse
import os
import tempfile
from pathlib import Path

from commands import rows_of, walk
from movies import loop

SHORT, LONG = 2, 30
"""Minutes of the loops."""


def memory(movie: Path, folder: Path) -> None:
    """Prints how peak memory grows with the length of the movie."""
    print("| minutes | rows | seconds | peak memory, MB | growth |\n|---|---|---|---|---|")
    first = 0.0
    for minutes in (SHORT, LONG):
        film = loop(movie, folder / f"{minutes}.mp4", minutes)
        spent = walk(film, folder / "one", "--workers", 1)
        first = first or spent.peak
        print(
            f"| {minutes} | {rows_of(folder / 'one' / film.stem):,} | {spent.seconds:.0f} "
            f"| {spent.peak:.0f} | {100 * (spent.peak / first - 1):.1f} % |",
            flush=True,
        )


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("movie", type=Path, nargs="?", default=Path("videos/demo.mp4"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before\n")
        memory(args.movie, Path(name))
        print(f"\nload {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
