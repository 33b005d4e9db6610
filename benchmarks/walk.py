"""Measures the speed of a walk, beside bare decoding and other programs, by size, faces and length.

python benchmarks/walk.py [--quick] [--peers peers/bin/python]

All movies are made from one: encoded at each size, with one, two or four copies of its picture in
each frame, and looped by copying packets. The first of the sizes, faces, minutes and workers is the
main point, and each of the others changes one of the four. Every figure comes from a process of its
own. Figures that are compared are measured in the same run, as machines and hours differ.
`peers.py` says how to install the peers, and which cannot run.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median_low
from typing import NamedTuple

import agreement
from commands import pick, rows_of, walk
from decode import HOW
from measure import FailedError, Spent, measure, program
from movies import Film, Studio
from peers import PEERS, WHOLE, WORK

PACKAGES = ("mine-video", "numpy", "opencv-python-headless", "onnxruntime", "av")
WALKS = "detect follow name emotion all frames"
FULL = {
    "sizes": [(1280, 720), (640, 360), (1920, 1080)],
    "faces": [1, 2, 4],
    "minutes": [10.0, 2.0, 30.0],
    "workers": [2, 1],
    "sample": 40,
    "rounds": 3,
}
QUICK = FULL | {
    "sizes": [(1280, 720)], "faces": [1, 4], "minutes": [1.5, 0.5], "sample": 8, "rounds": 1,
}  # fmt: skip

NOTES = """
Each row is the median of {rounds} rounds over all of them; the seconds of one row differed by
{spread:.0%} at most. Walks and the pick are whole processes, with start-up and loading of networks;
"without start-up" is the slope between the long movie and one of {short:g} minutes: the seconds
that the long one takes more, for the frames that it has more. Decoding and the other programs are
timed by their own clock, without start-up, and the other programs without decoding: they are given
{sample} frames at even distances as arrays. Memory is that of the largest process. The documents'
way is what tutorials show: each frame through `face_recognition`, then each face alone through
Keras' `predict`. The pick is of everybody's happy faces.
"""

Key = tuple[str, str | int]
"""What is measured, and a variant of it: the decoder, the peer, or the number of workers."""


class Row(NamedTuple):
    """A row of the table of speeds: its parts of `WORK`, and its figures or why it has none."""

    title: str
    does: str
    spent: Spent | str


@dataclass(frozen=True)
class Bench:
    """Measures decoding, walks, picks and peers.

    Attributes:
        studio: Makes the movies; its folder also contains the walks.
        given: The options.
    """

    studio: Studio
    given: argparse.Namespace

    @property
    def main(self) -> Film:
        """The film with the first value of each axis."""
        return Film(self.given.sizes[0], self.given.faces[0], self.given.minutes[0])

    @property
    def short(self) -> Film:
        """The main film with the shortest length."""
        return replace(self.main, minutes=min(self.given.minutes))

    def points(self) -> Iterator[tuple[Film, int]]:
        """Gives the main point, and all points that differ from it in one axis."""
        given, main, workers = self.given, self.main, self.given.workers[0]
        yield main, workers
        yield from ((replace(main, size=size), workers) for size in given.sizes[1:])
        yield from ((replace(main, faces=faces), workers) for faces in given.faces[1:])
        yield from ((replace(main, minutes=minutes), workers) for minutes in given.minutes[1:])
        yield from ((main, workers) for workers in given.workers[1:])

    def decode(self, film: Film, how: str = "opencv") -> Spent:
        """Measures bare decoding."""
        tell(f"decoding {film}: {HOW[how]}")
        return measure((sys.executable, program("decode.py"), how, self.studio.movie(film)))

    def walk(self, film: Film, workers: int) -> Spent:
        """Measures a walk with the defaults."""
        tell(f"walking {film}, workers {workers}")
        return walk(self.studio.movie(film), self.studio.folder, "--workers", workers)

    def stages(self, film: Film) -> dict[str, float]:
        """Measures the CPU milliseconds a frame of each stage of a walk in one process."""
        tell(f"the stages of walking {film}")
        by, movie = (sys.executable, program("stages.py")), self.studio.movie(film)
        spent = walk(movie, self.studio.folder, "--workers", 1, by=by)
        return {stage: 1000 * t / spent.frames for stage, t in json.loads(spent.note).items()}

    def pick(self, film: Film) -> Spent:
        """Measures the pick from the latest walk of a film."""
        tell(f"picking from {film}")
        return pick(self.folder(film), "--emotion", "happy")

    def folder(self, film: Film) -> Path:
        """Gives the folder of a film's walk."""
        return self.studio.folder / str(film)

    def peer(self, name: str) -> Spent | str:
        """Measures a peer on some frames of the main film; gives a reason if it did not run."""
        if self.given.peers is None:
            return "not measured: no `--peers`"
        frames = self.studio.frames(self.main, self.given.sample)
        tell(f"{PEERS[name].title}, {self.given.sample} frames")
        try:
            return measure((self.given.peers, program("peers.py"), name, frames))
        except FailedError as error:
            return f"did not run: {error}"


def tell(what: str) -> None:
    """Prints progress to stderr."""
    print(what, file=sys.stderr, flush=True)


def table(*head: str) -> None:
    """Prints the first two lines of a table."""
    print("\n" + line(head) + "\n" + "---".join("|" * (len(head) + 1)), flush=True)


def line(cells: tuple[str, ...]) -> str:
    """Formats a row of a table."""
    return f"| {' | '.join(cells)} |"


def number(value: float) -> str:
    """Formats a number with three digits or more.

    >>> number(1234.5), number(12.345), number(0.01234)
    ('1234', '12.3', '0.012')
    """
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3}f}"


def middle(runs: list[Spent | str]) -> Spent | str:
    """Gives the run with the median seconds, or why one of the runs failed."""
    good = [run for run in runs if isinstance(run, Spent)]
    bad = [run for run in runs if isinstance(run, str)]
    median = median_low(run.seconds for run in good) if good else 0
    return bad[0] if bad else next(run for run in good if run.seconds == median)


def spread(runs: list[Spent | str]) -> float:
    """Measures how much longer the slowest run took than the fastest, as a share."""
    seconds = [run.seconds for run in runs if isinstance(run, Spent)]
    return max(seconds) / min(seconds) - 1 if seconds else 0.0


def slope(long: Spent, short: Spent) -> Spent:
    """Gives what the additional frames of the longer walk took, with that walk's memory."""
    return Spent(
        long.frames - short.frames, long.seconds - short.seconds, long.cpu - short.cpu, long.peak
    )


def measured(bench: Bench) -> dict[Key, list[Spent | str]]:
    """Measures everything at the main point in rounds, so that changing load affects all alike."""
    calls: dict[Key, Callable[[], Spent | str]] = {}
    for how in HOW:
        calls["decode", how] = partial(bench.decode, bench.main, how)
    for workers in bench.given.workers:
        calls["walk", workers] = partial(bench.walk, bench.main, workers)
        calls["short", workers] = partial(bench.walk, bench.short, workers)
    calls["pick", ""] = partial(bench.pick, bench.main)
    for name in PEERS:
        calls["peer", name] = partial(bench.peer, name)
    runs: dict[Key, list[Spent | str]] = {key: [] for key in calls}
    for _ in range(bench.given.rounds):
        for key, call in calls.items():
            runs[key].append(call())
    return runs


def rows(bench: Bench, found: dict[Key, Spent | str]) -> Iterator[Row]:
    """Gives the rows of the table of speeds."""
    for how, title in HOW.items():
        yield Row(f"bare decoding: {title}", "all frames", found["decode", how])
    for workers in bench.given.workers:
        long, short = found["walk", workers], found["short", workers]
        yield Row(f"**`mine-video walk --workers {workers}`**", WALKS, long)
        if bench.short != bench.main and isinstance(long, Spent) and isinstance(short, Spent):
            yield Row("the same without start-up", WALKS, slope(long, short))
    yield Row("`mine-video pick` on it", "", found["pick", ""])
    for name, peer in PEERS.items():
        spent = found["peer", name]
        note = f" {spent.note}" if isinstance(spent, Spent) else ""
        yield Row(peer.title.replace(peer.package, peer.package + note), peer.does, spent)


def speed(bench: Bench) -> None:
    """Prints the table of speeds at the main point."""
    runs = measured(bench)
    found = {key: middle(each) for key, each in runs.items()}
    bare, whole = found["decode", "opencv"], found["peer", WHOLE]
    (width, height), faces, minutes = bench.main.size, bench.main.faces, bench.main.minutes
    print(f"\n## {width} x {height}, faces a frame: {faces}, minutes: {minutes:g}")
    table(
        "", *WORK, "frames a second", "of OpenCV's decoding", "of the documents' way",
        "CPU ms a frame", "peak MB",
    )  # fmt: skip
    for title, does, spent in rows(bench, found):
        marks = tuple("yes" if work in does else "-" for work in WORK)
        print(line((title, *marks, *figures(spent, bare, whole))))
    given, widest = bench.given, max(spread(each) for each in runs.values())
    facts = {"rounds": given.rounds, "sample": given.sample, "short": bench.short.minutes}
    print(NOTES.format(spread=widest, **facts))


def figures(spent: Spent | str, *others: Spent | str) -> tuple[str, ...]:
    """Gives the cells of a row: rate, its ratio to other rates, CPU milliseconds, memory."""
    if isinstance(spent, str):
        return (spent, *("-" for _ in others), "-", "-")
    ratios = (number(spent.rate / o.rate) if isinstance(o, Spent) else "-" for o in others)
    return number(spent.rate), *ratios, number(spent.cost), f"{spent.peak:.0f}"


def growth(bench: Bench) -> None:
    """Prints how speed and memory change with size, faces, length and workers."""
    print("\n## How it grows\n\nThe first line is the main point; each other changes one thing.")
    print("Measured once, each with its decoding just before.")
    table(
        "size", "faces a frame", "minutes", "workers", "frames a second", "of OpenCV's decoding",
        "CPU ms a frame", "peak MB", "CPU ms, of the first line", "peak MB, of the first line",
    )  # fmt: skip
    first: Spent | None = None
    for film, workers in bench.points():
        bare, spent = bench.decode(film), bench.walk(film, workers)
        first = first or spent
        faces = rows_of(bench.folder(film)) / spent.frames
        cells = figures(spent, bare)
        size = f"{film.size[0]}x{film.size[1]}"
        compared = number(spent.cost / first.cost), number(spent.peak / first.peak)
        what = size, f"{faces:.2f}", f"{film.minutes:g}", str(workers)
        print(line((*what, *cells, *compared)), flush=True)


def stages(bench: Bench) -> None:
    """Prints the CPU milliseconds a frame of each stage of a walk in one process."""
    main = bench.short
    films = [main, *(replace(main, size=size) for size in bench.given.sizes[1:])]
    films += [replace(main, faces=faces) for faces in bench.given.faces[1:]]
    print(f"\n## CPU milliseconds a frame of each stage, {main.minutes:g} minutes, one process")
    table("stage", *(f"{f.size[0]}x{f.size[1]}, faces {f.faces}" for f in films))
    costs = [bench.stages(film) for film in films]
    for stage in dict.fromkeys(stage for cost in costs for stage in cost):
        print(line((stage, *(f"{cost.get(stage, 0):.3f}" for cost in costs))))
    print(line(("all", *(f"{sum(cost.values()):.3f}" for cost in costs))), flush=True)


def equal(bench: Bench) -> None:
    """Prints whether the default walk agrees with a walk that detects on every frame."""
    print("\n## The same results as `--detect-every 1`")
    table("movie", "figure", "wanted", "found", "")
    for movie in (bench.studio.movie(bench.main), bench.studio.source):
        rates, folders = [], []
        for options in ((), ("--detect-every", 1)):
            tell(f"walking and picking everybody from {movie.name} {options}")
            output = bench.studio.folder / f"equal{len(options)}"
            spent = walk(movie, output, "--workers", bench.given.workers[0], *options)
            folders.append(output / movie.stem)
            pick(folders[-1], "--person", "any", "--emotion", "any", "--repeat", 8)
            rates.append(number(spent.rate))
        for what, value, wanted, holds in agreement.compare(*folders):
            verdict = "ok" if holds else "**FAILS**"
            print(line((movie.stem, what, wanted, f"{value:.4f}", verdict)))
        print(line((movie.stem, "frames a second", "", " against ".join(rates), "")), flush=True)


def size_of(text: str) -> tuple[int, int]:
    """Reads "1280x720"."""
    width, height = map(int, text.split("x"))
    if width < 64 or height < 64 or width % 4 or height % 4:
        raise ValueError(text)
    return width, height


def options() -> argparse.Namespace:
    """Reads the command line; --quick changes the defaults of the others."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("movie", type=Path, nargs="?", default=Path("videos/demo.mp4"))
    parser.add_argument("--quick", action="store_true", help="small: ten minutes, rough figures")
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter that has the peers")
    parser.add_argument("--only", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--sizes", type=size_of, nargs="+", metavar="WIDTHxHEIGHT")
    parser.add_argument("--faces", type=int, nargs="+", choices=[1, 2, 4])
    parser.add_argument("--minutes", type=float, nargs="+")
    parser.add_argument("--workers", type=int, nargs="+")
    parser.add_argument("--sample", type=int, help="number of frames for the peers")
    parser.add_argument("--rounds", type=int, help="rounds of decoding, walking and picking")
    parser.add_argument("--keep", type=Path, help="folder that keeps the movies for the next run")
    parser.set_defaults(**FULL)
    if parser.parse_known_args()[0].quick:
        parser.set_defaults(**QUICK)
    return parser.parse_args()


def processor() -> str:
    """Gives the model of the CPU."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    models = (each.partition(": ")[2] for each in lines if each.startswith("model name"))
    return next(models, platform.processor() or platform.machine())


def load() -> str:
    """Gives the machine's load over the last minute."""
    return f"load {os.getloadavg()[0]:.1f}"


TABLES = {"speed": speed, "growth": growth, "stages": stages, "equal": equal}


def main() -> None:
    """Prints Markdown tables."""
    given = options()
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    quick = " --quick" if given.quick else ""
    print(f"`python benchmarks/walk.py{quick} --peers PYTHON`: {os.cpu_count()} cores,")
    print(f"{processor()}, {platform.system()}, {load()} before;")
    print(f"Python {platform.python_version()}, {versions}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(Studio(given.movie, folder), given)
        for name in given.only:
            TABLES[name](bench)
    print(f"\n{load()} after.")


if __name__ == "__main__":
    main()
