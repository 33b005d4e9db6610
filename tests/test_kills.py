"""Every writing command, killed before any of its changes, or with a full disk from then on.

The same line then does all of it, to the same bytes; no face of the killed run is left, and a full
disk is told, without a traceback. Seeded; `pytest -m slow tests/test_kills.py` takes minutes.
"""

import multiprocessing
import os
import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from pipeline.settings import Job
from pipeline.web.mine import MineForm
from pipeline.web.queue_file import LOCK, QUEUE, QueueFile
from tests.support import killed
from tests.support.killed import NEVER
from tests.support.puppet import Shot, Square, film, photo

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL"),
]

KILLS, FULL = 28, 8
"""How often a command is killed, and finds the disk full: at most as often as it makes changes.

That is at most 532 kills and 128 full disks in all.
"""

SEED = 26

SIZE = 50
ANNA = ("--person", "anna", "--emotion", "happy", "--smooth", "1")
SHOTS = (
    Shot(24, (Square("anna", "happy", x=10, y=20, size=SIZE), Square("ben", x=100, size=SIZE))),
    Shot(16, (Square("carl", "happy", x=40, y=30, size=SIZE),)),
)

SMALL = ("--smooth", "1", "--min-size", "9", "--size", "32")
DATASET = ("dataset", "output/talk", *ANNA[:4], "--to", "faces", *SMALL)
WALK = ("walk", "talk.mkv", "--workers", "1")
PICK = ("pick", "output/talk", "--person", "any")
COMMANDS: dict[str, tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]] = {
    "walk": ((), WALK),
    "rewalk": ((WALK,), (*WALK, "--rewalk", "--every", "2")),
    "mine": ((), ("mine", "talk.mkv", "--workers", "1", *ANNA)),
    "pick": ((WALK,), ("pick", "output/talk", *ANNA)),
    "pick again": (
        (WALK, ("pick", "output/talk", "--person", "any")),
        ("pick", "output/talk", *ANNA),
    ),
    "report": ((WALK, ("pick", "output/talk", *ANNA)), ("report", "output/talk")),
    "rename": ((WALK,), ("name", "output/talk", "--rename", "anna", "zoe")),
    "cast": ((WALK,), ("cast", "output/talk")),
    "adopt": ((WALK, ("cast", "output/talk")), ("name", "output/talk", "--cast", "1", "ben")),
    "judge": ((WALK,), ("judge", "output/talk", "--sample", "5")),
    "annotate": ((WALK,), ("annotate", "output/talk")),
    "export": ((WALK,), ("export", "output/talk", *ANNA, "--clips", "--edl", "--otio", "--xml")),
    "dataset": ((WALK,), DATASET),
    "dataset again": (
        (WALK, ("dataset", "output/talk", "--person", "any", "--to", "faces", *SMALL)),
        (*DATASET, "--replace", "--format", "yolo"),
    ),
    "search": ((WALK,), ("search", "output", *ANNA, "--csv", "a.csv", "--pick", "found")),
    "table": ((WALK,), ("table", "output", "--to", "all.csv")),
}
"""What was done before, and the command."""

COMPARED = frozenset({".csv", ".npz", ".jpg", ".json", ".html", ".edl", ".otio", ".xml", ".txt"})
"""Files that are the same whenever they are made; films need only be there."""


@dataclass(frozen=True)
class Ended:
    """How a call ended, how many changes it made, and what it said."""

    code: int | None
    count: int
    said: str


class Bench:
    """Runs commands in copies of a folder, each in a process of its own."""

    def __init__(self, start: Path, place: Path) -> None:
        self._start, self._place = start, place
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.support.killed", "pipeline.mine"])

    def fresh(self, before: tuple[tuple[str, ...], ...] = ()) -> Path:
        """A copy of the start in the one folder in which everything is done, for paths' sake."""
        folder = self._place / "work"
        shutil.rmtree(folder, ignore_errors=True)
        kept = self._place / f"before-{abs(hash(before))}"
        if not kept.exists():
            shutil.copytree(self._start, folder)
            for args in before:
                ended = self.run(folder, args)
                assert ended.code == 0, ended.said
            shutil.copytree(folder, kept)
            shutil.rmtree(folder)
        shutil.copytree(kept, folder)
        return folder

    def run(
        self,
        folder: Path,
        work: tuple[str, ...] | Callable[[], int],
        at: int = NEVER,
        *,
        full: bool = False,
    ) -> Ended:
        """Runs a command, or other work, to its end, or to a change."""
        done = work if callable(work) else partial(killed.command, work)
        told = self._place / "told.txt"
        told.with_suffix(".count").unlink(missing_ok=True)
        process = self._context.Process(target=killed.call, args=(folder, done, at, full, told))
        process.start()
        process.join()
        count = told.with_suffix(".count")
        return Ended(
            process.exitcode,
            int(count.read_text()) if count.exists() else -1,
            told.read_text(errors="replace"),
        )


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    start = tmp_path_factory.mktemp("start")
    photo(start / "known_faces" / "anna.png", "anna")
    film(start / "talk.mkv", SHOTS)
    return Bench(start, tmp_path_factory.mktemp("kills"))


def left(folder: Path) -> dict[str, bytes]:
    """All files, with the bytes of those that do not depend on the time."""
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.suffix in COMPARED else b""
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name not in (".lock", ".lock-holder", ".embeddings.npz")
    }


def points(name: str, count: int, share: int) -> list[int]:
    """The changes before which something happens: so many of them, seeded, or all."""
    every = list(range(1, count + 1))
    dice = random.Random(f"{SEED} {name}")
    return sorted(every if count <= share else dice.sample(every, share))


def undisturbed(name: str, bench: Bench) -> tuple[Ended, dict[str, bytes]]:
    """A run to its end, and what it leaves."""
    before, args = COMMANDS[name]
    folder = bench.fresh(before)
    whole = bench.run(folder, args)
    assert whole.code == 0, whole.said
    return whole, left(folder)


@pytest.mark.parametrize("name", COMMANDS)
def test_whenever_it_is_killed_the_same_line_does_the_rest(
    name: str, bench: Bench, figure: Callable[[str], None]
) -> None:
    before, args = COMMANDS[name]
    whole, wanted = undisturbed(name, bench)
    chosen = points(name, whole.count, KILLS)
    for at in chosen:
        folder = bench.fresh(before)
        assert bench.run(folder, args, at).code == -9
        again = bench.run(folder, args)
        assert again.code == 0, f"killed before change {at}: {again.said}"
        found = left(folder)
        assert found.keys() == wanted.keys(), f"killed before change {at}"
        wrong = [path for path, data in wanted.items() if found[path] != data]
        assert wrong == [], f"killed before change {at}"
    figure(f"{name}: {whole.count} changes, {len(chosen)} kills, 0 wrong bytes")


@pytest.mark.parametrize("name", ["pick", "pick again", "report"])
def test_a_killed_pick_is_told_or_left_no_trace(
    name: str, bench: Bench, figure: Callable[[str], None]
) -> None:
    """Whatever differs from before and from the whole pick, `status` says so."""
    before, args = COMMANDS[name]
    first = _shown(bench.fresh(before))
    whole, _ = undisturbed(name, bench)
    last = _shown(bench.fresh((*before, args)))
    chosen, told = points(name, whole.count, KILLS), 0
    for at in chosen:
        folder = bench.fresh(before)
        assert bench.run(folder, args, at).code == -9
        said = bench.run(folder, ("status", "output")).said
        if _shown(folder) not in (first, last):
            told += 1
            assert "a pick was stopped" in said or "is out of date" in said, f"at {at}: {said}"
    figure(f"{name}: {len(chosen)} kills, {told} left half of the files, and are told")


def _shown(folder: Path) -> dict[str, bytes]:
    """What people look at: crops, lists, sheets and the report."""
    return {
        path: data for path, data in left(folder).items()
        if path.endswith((".jpg", ".html", "crops.csv", "moments.csv")) and ".tmp" not in path
    }  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_told_and_the_same_line_does_the_rest(
    name: str, bench: Bench, figure: Callable[[str], None]
) -> None:
    before, args = COMMANDS[name]
    whole, wanted = undisturbed(name, bench)
    chosen = points(name, whole.count, FULL)
    for at in chosen:
        folder = bench.fresh(before)
        full = bench.run(folder, args, at, full=True)
        assert full.code in (0, 1), f"full before change {at}: {full.said}"
        assert "Traceback" not in full.said, f"full before change {at}: {full.said}"
        again = bench.run(folder, args)
        assert again.code == 0, f"full before change {at}: {again.said}"
        assert left(folder).keys() >= wanted.keys(), f"full before change {at}"
    figure(f"{name}: {whole.count} changes, {len(chosen)} full disks, no traceback")


# --- the list of what waits ---------------------------------------------------------------------

LISTS = ((), (1,), (1, 2), (1, 2, 3), (2, 3), (3,), ())
"""What waits in a server, one list after the other; each piece of work by its `repeat`."""


def serve(lists: tuple[tuple[int, ...], ...] = LISTS[1:]) -> int:
    """A server: says what waits in its list, and after each change that it is kept."""
    job = Job(output=Path("output"), known_faces=Path("known_faces"))
    queue = QueueFile(job, Path())
    with queue.held():
        sys.stdout.write(f"found {' '.join(str(w.job.pick.repeat) for w in queue.read())}\n")
        for numbers in lists:
            orders = [{"movie": "talk.mkv", "repeat": number} for number in numbers]
            forms = map(MineForm.model_validate, orders)
            queue.write([work for form in forms if (work := form.work(job, Path()))])
            sys.stdout.write("kept\n")
            sys.stdout.flush()
    return 0


@pytest.mark.parametrize("full", [False, True], ids=["killed", "full"])
def test_the_list_of_what_waits_is_that_of_before_or_after(
    full: bool, bench: Bench, figure: Callable[[str], None]
) -> None:
    """Whenever a server is killed, the next finds what was kept last, or what was being kept."""
    count = bench.run(bench.fresh(), serve).count
    assert count >= 3 * (len(LISTS) - 1)
    seen = set()
    for at in range(1, count + 1):
        folder = bench.fresh()
        ended = bench.run(folder, serve, at, full=full)
        assert ended.code == (0 if full else -9), ended.said
        assert "Traceback" not in ended.said
        kept = ended.said.count("kept")
        found = bench.run(folder, partial(serve, ())).said
        assert "damaged" not in found, f"before change {at}"
        numbers = tuple(map(int, found.split()[1:]))
        seen.add(numbers)
        assert full or numbers in LISTS[kept : kept + 2], f"before change {at}"
        names = {path.name for path in folder.glob("output/*")}
        assert names <= {QUEUE, LOCK}, f"before change {at}"
    assert full or seen == set(LISTS)
    figure(f"queue.json: {count} changes, {count} {'full disks' if full else 'kills'}, none lost")
