"""Compares a cluster with local workers, and measures remote reading and the driver of a cluster.

python benchmarks/spread.py [MOVIE]

Two local workers and two single-core workers on Ray walk a loop of the movie in turn, each in a
process of its own. Two parts of the movie are read by URL, and the bytes counted. A driver hands
out tasks that do nothing.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median_low
from typing import Any

import ray
from commands import ROOT, rows_of, walk
from measure import Spent, measure
from movies import length, loop

from pipeline.disk import manifest, tracks_npz
from pipeline.disk.parts import all_parts
from pipeline.movie import decode, remote, stream
from pipeline.movie.scan import scan_movie
from pipeline.settings import Job, WalkSettings
from pipeline.spread import cluster
from pipeline.spread import walk as spread
from pipeline.walk.shots import LOOK_AHEAD, LOOK_BACK
from pipeline.walk.walker import plan_parts

MINUTES, WORKERS, ROUNDS = 10.0, 2, 2
TASKS = 2000


class Silent:
    """A progress that shows nothing."""

    def expect(self, frames: int) -> None:
        """Ignores the plan of a movie."""

    def __call__(self, frames: int, faces: int) -> None:
        """Ignores a finished part."""


def on_ray(movie: Path, output: Path) -> None:
    """Walks a movie on Ray; `measure` runs this in a process."""
    job = Job(output=output, known_faces=ROOT / "known_faces", workers=WORKERS, rewalk=True)
    for ended in spread.walk_on_cluster([movie], job, cluster.LOCAL, Silent()):
        if ended.error is not None:
            raise ended.error


def same(one: Path, other: Path) -> bool:
    """Tells whether two walks wrote the same bytes."""
    names = [p.name for p in all_parts(one)]
    files = [f"parts/{name}" for name in names] + ["faces.csv", "tracks.npz"]
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in files)


def beside(movie: Path, folder: Path) -> None:
    """Prints how fast a cluster is compared with local workers, and what a part costs."""
    ray = (sys.executable, __file__, "--walk", movie, folder / "ray")
    calls: dict[str, Callable[[], Spent]] = {
        "local workers": partial(walk, movie, folder / "local", "--workers", WORKERS),
        "Ray": partial(measure, ray, length(movie)),
    }
    runs: dict[str, list[Spent]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            runs[name].append(call())
            print(f"{name}: {runs[name][-1]}", file=sys.stderr, flush=True)
    middle = {name: median_low(s.seconds for s in rounds) for name, rounds in runs.items()}
    print(f"\n| {WORKERS} workers, {MINUTES:g} minutes | seconds | of local | same bytes |")
    print("|---|---|---|---|")
    equal = same(folder / "local" / movie.stem, folder / "ray" / movie.stem)
    for name, seconds in middle.items():
        ratio = middle["local workers"] / seconds
        print(f"| {name} | {seconds:.1f} | {ratio:.2f} | {equal} |")
    for name, rounds in runs.items():
        print(f"\n{name}: {', '.join(f'{spent.seconds:.1f}' for spent in rounds)} s")
    cost(folder / "local" / movie.stem, min(s.cpu for s in runs["local workers"]))


def cost(folder: Path, cpu: float) -> None:
    """Prints what a part costs in CPU time and disk space."""
    walked = manifest.read(folder)
    parts = len(walked.parts)
    stored = sum(p.stat().st_size for p in all_parts(folder))
    merged = sum((folder / name).stat().st_size for name in ("faces.csv", "tracks.npz"))
    tracks = tracks_npz.read_tracks(folder / "tracks.npz")
    print(f"\n{parts} parts, {len(walked.scan):,} frames, {rows_of(folder):,} rows, ", end="")
    print(f"{len(tracks.embedding):,} embeddings of {len(set(tracks.track.tolist())):,} tracks; ")
    print(f"a part: {cpu / parts:.2f} CPU s, {stored / parts / 1000:.0f} kB; ", end="")
    print(f"faces.csv and tracks.npz: {merged / 1e6:.1f} MB")


def ranges(movie: Path) -> None:
    """Prints how much of a remote movie is read for its scan and for a part of it."""
    requests: list[int] = []
    fetch = remote._fetched

    def counted(url: remote.Url, start: int, end: int) -> bytes:
        requests.append(end - start)
        return fetch(url, start, end)

    remote._fetched = counted
    url, size = remote.path_or_url(f"file://{movie}"), movie.stat().st_size
    scan = scan_movie(url)
    print(f"\nremote, {size:,} bytes: scan {sum(requests) / size:.2f} of it", end="")
    remote._blocks.cache_clear()
    spans = plan_parts(scan, WalkSettings())
    middle = len(spans) // 2
    for what, (first, stop) in zip(("first", "next"), spans[middle:], strict=False):
        requests.clear()
        for _ in decode.decode_frames(url, scan, first - LOOK_BACK, stop + LOOK_AHEAD):
            pass
        stream.fingerprint(url)
        share = (stop - first) / len(scan)
        print(
            f"; a worker's {what} part, {share:.4f} of its frames: {sum(requests):,} bytes, ",
            end="",
        )
        print(f"{sum(requests) / size:.4f} of it, in {len(requests)} requests", end="")
    print()


def dispatch() -> None:
    """Prints how many tasks a driver hands out per second when the tasks do nothing."""

    class Idle:
        def nothing(self) -> None:
            """Does nothing."""

    with cluster.joined(cluster.LOCAL, WORKERS):
        kind: Any = ray.remote(Idle)
        actors = [kind.options(num_cpus=1).remote() for _ in range(WORKERS)]
        ray.get([actor.nothing.remote() for actor in actors])
        begin = time.perf_counter()
        busy = {actor.nothing.remote(): actor for actor in actors}
        for _ in range(TASKS):
            (ready, *_), _ = ray.wait(list(busy), num_returns=1)
            ray.get(ready)
            actor = busy.pop(ready)
            busy[actor.nothing.remote()] = actor
        seconds = time.perf_counter() - begin
    print(f"\na driver hands out {TASKS / seconds:.0f} tasks a second")


def main() -> None:
    """Prints Markdown tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("movie", type=Path, nargs="?", default=ROOT / "videos" / "demo.mp4")
    parser.add_argument("--walk", type=Path, nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.walk:
        on_ray(*args.walk)
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = loop(args.movie, folder / "loop.mp4", MINUTES)
        ranges(film)
        dispatch()
        beside(film, folder)
    print(f"\nload {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
