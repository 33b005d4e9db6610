"""A cluster beside local workers, what a part of a remote movie costs, and what a driver can do.

python benchmarks/spread.py [MOVIE]

A loop of the movie is walked by two local workers and by two single-core workers on Ray, in turn,
each in a process of its own; then one part of it is read from a web server of this machine, and
its bytes counted; then a driver hands out tasks that do nothing.
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
    """Is told, and says nothing."""

    def expect(self, frames: int) -> None:
        """Another movie was planned."""

    def __call__(self, frames: int, faces: int) -> None:
        """Frames are walked."""


def on_ray(movie: Path, output: Path) -> None:
    """Walks a movie on Ray; what `measure` runs."""
    job = Job(output=output, known_faces=ROOT / "known_faces", workers=WORKERS, rewalk=True)
    for ended in spread.walk_on_cluster([movie], job, cluster.LOCAL, Silent()):
        if ended.error is not None:
            raise ended.error


def same(one: Path, other: Path) -> bool:
    """Whether two walks left the same bytes."""
    names = [p.name for p in all_parts(one)]
    files = [f"parts/{name}" for name in names] + ["faces.csv", "tracks.npz"]
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in files)


def beside(movie: Path, folder: Path) -> None:
    """Prints how fast a cluster is beside local workers, and what a part costs."""
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
    middle = {n: median_low(spent.seconds for spent in found) for n, found in runs.items()}
    print(f"\n| {WORKERS} workers, {MINUTES:g} minutes | seconds | of local | same bytes |")
    print("|---|---|---|---|")
    equal = same(folder / "local" / movie.stem, folder / "ray" / movie.stem)
    for name, seconds in middle.items():
        ratio = middle["local workers"] / seconds
        print(f"| {name} | {seconds:.1f} | {ratio:.2f} | {equal} |")
    for name, found in runs.items():
        print(f"\n{name}: {', '.join(f'{spent.seconds:.1f}' for spent in found)} s")
    cost(folder / "local" / movie.stem, min(s.cpu for s in runs["local workers"]))


def cost(folder: Path, cpu: float) -> None:
    """Prints what a part costs and leaves."""
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
    asked: list[int] = []
    fetch = remote._fetched

    def counted(url: remote.Url, start: int, end: int) -> bytes:
        asked.append(end - start)
        return fetch(url, start, end)

    remote._fetched = counted
    url, size = remote.path_or_url(f"file://{movie}"), movie.stat().st_size
    scan = scan_movie(url)
    print(f"\nremote, {size:,} bytes: scan {sum(asked) / size:.2f} of it", end="")
    remote._blocks.cache_clear()
    spans = plan_parts(scan, WalkSettings())
    middle = len(spans) // 2
    for what, (first, stop) in zip(("first", "next"), spans[middle:], strict=False):
        asked.clear()
        for _ in decode.decode_frames(url, scan, first - LOOK_BACK, stop + LOOK_AHEAD):
            pass
        stream.fingerprint(url)
        share = (stop - first) / len(scan)
        print(
            f"; a worker's {what} part, {share:.4f} of its frames: {sum(asked):,} bytes, ", end=""
        )
        print(f"{sum(asked) / size:.4f} of it, in {len(asked)} requests", end="")
    print()


def dispatch() -> None:
    """Prints how many tasks that do nothing a driver hands out in a second."""

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
    given = parser.parse_args()
    if given.walk:
        on_ray(*given.walk)
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = loop(given.movie, folder / "loop.mp4", MINUTES)
        ranges(film)
        dispatch()
        beside(film, folder)
    print(f"\nload {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
