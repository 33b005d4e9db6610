"""Real faults: kills, full disks, replaced movies, errors; then the same command continues.

`docs/faults.md` names the test of each fault. Those marked `slow` are run by `pytest -m slow`.
"""

import errno
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pipeline import cli, mine
from pipeline import files as locks
from pipeline.disk import manifest as manifests
from pipeline.disk.parts import has_part, part_paths
from pipeline.errors import MovieError, OutputError, TableError
from pipeline.files import TEMPORARY
from pipeline.settings import Job
from tests.support import faulty, processes, puppet
from tests.support.processes import ROOT, begin, needs_proc, of_session, until
from tests.support.puppet import Shot, Square, film, photo

DEMO = ROOT / "videos" / "demo.mp4"
SLOW = 5
"""Frames per second of the puppet movies: a part of ten seconds has 50 frames."""

ANNA = Square("anna", "happy 20, gone 7, sad", x=10, dx=0.5)
BEN = Square("ben", "angry", x=60, y=80)
SHOTS = (Shot(70, (ANNA, BEN)), Shot(30, (ANNA, faulty.TROUBLE)), Shot(60, (BEN,)))
PARTS = ((0, 53), (53, 103), (103, 153), (153, 160))
TROUBLED = 1
"""The part with trouble in it: frames 70 to 99."""

Files = dict[str, bytes]


def files(folder: Path) -> Files:
    """All files that a walk writes, except those that say where and when it ran."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name not in ("walk.json", ".lock")
    }


def parts(folder: Path) -> list[int]:
    """The numbers of the finished parts."""
    return [n for n in range(20) if has_part(folder, n)]


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The puppet movie, beside `known`. Tests must not change it."""
    folder = tmp_path_factory.mktemp("faults")
    photo(folder / "known" / "anna.png", "anna")
    photo(folder / "known" / "ben.png", "ben")
    return film(folder / "movie.mkv", SHOTS, SLOW)


@pytest.fixture(scope="module")
def whole(filmed: Path) -> Files:
    """The files that an undisturbed walk of it writes."""
    with pytest.MonkeyPatch.context() as patch:
        puppet.plug_in(patch)
        return files(mine.walk(filmed, _job(filmed, filmed.parent / "whole"), puppet.silent))


def _job(movie: Path, output: Path) -> Job:
    return Job(walk=puppet.SETTINGS, output=output, known_faces=movie.parent / "known")


@pytest.fixture
def movie(filmed: Path, tmp_path: Path) -> Path:
    """A copy of the puppet movie and its people that a test may change."""
    shutil.copytree(filmed.parent / "known", tmp_path / "known")
    return Path(shutil.copy(filmed, tmp_path / filmed.name))


@pytest.fixture
def job(movie: Path, tmp_path: Path) -> Job:
    return _job(movie, tmp_path / "output")


@pytest.fixture(autouse=True)
def _puppets(faults: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty.plug_in(monkeypatch, faults)


@dataclass(frozen=True)
class Run:
    """Exit code and output of a run of the program."""

    code: int
    out: str
    err: str


def mine_video(*args: str | Path, folder: Path) -> "subprocess.Popen[str]":
    """Starts the program with the real networks."""
    return begin(Path(sys.executable).with_name("mine-video"), *args, folder=folder)


def ended(program: "subprocess.Popen[str]", seconds: float = 120) -> Run:
    """Waits until a program ends."""
    out, err = program.communicate(timeout=seconds)
    return Run(program.returncode, out, err)


@pytest.fixture
def faults(tmp_path: Path) -> Path:
    """An empty folder of faults."""
    return faulty.folder(tmp_path / "faults")


@pytest.fixture
def puppet_video(movie: Path, faults: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Starts the program with puppets for networks, in a process of its own."""

    def run(*args: str | Path) -> "subprocess.Popen[str]":
        command = (sys.executable, "-W", "error", "-m", "tests.support.faulty", faults)
        return begin(*command, *args, "-q", "--known-faces", "known", folder=movie.parent)

    return run


@pytest.fixture
def here(
    movie: Path, faults: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Run]:
    """Runs the program with puppets for networks in this process."""
    faulty.plug_in(monkeypatch, faults, instead=True)
    monkeypatch.chdir(movie.parent)

    def run(*args: str | Path) -> Run:
        call = ["mine-video", *map(str, args), "-q", "--known-faces", "known"]
        monkeypatch.setattr(sys, "argv", call)
        code = 0
        try:
            cli.run()
        except SystemExit as leaving:
            code = int(str(leaving.code))
        printed = capsys.readouterr()
        return Run(code, printed.out, printed.err)

    return run


@pytest.fixture(scope="module")
def by_name(filmed: Path, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files that an undisturbed walk writes with puppets in place of the shipped networks."""
    with pytest.MonkeyPatch.context() as patch:
        puppet.plug_in(patch, instead=True)
        job = replace(_job(filmed, tmp_path_factory.mktemp("by_name")), walk=Job().walk)
        return files(mine.walk(filmed, job, puppet.silent))


# --- killed, with the real networks -------------------------------------------------------------

STRETCH = ("--start", "9", "--end", "21", "--every", "2")
"""Three parts of the demo, the second one whole."""

GROUP, PARENT = True, False


@pytest.fixture(scope="module")
def stretch(tmp_path_factory: pytest.TempPathFactory) -> tuple[Files, float]:
    """The files that an undisturbed walk of the stretch by one worker writes, and its seconds."""
    folder = tmp_path_factory.mktemp("stretch")
    begun = time.monotonic()
    done = ended(_stretch(folder, 1))
    assert done.code == 0, done.err
    return files(folder / "output" / "demo"), time.monotonic() - begun


def _stretch(
    folder: Path, workers: int, span: tuple[str, ...] = STRETCH
) -> "subprocess.Popen[str]":
    known = ROOT / "known_faces"
    place = ("--output", folder / "output", "--known-faces", known)
    return mine_video("walk", DEMO, *span, *place, "--workers", str(workers), folder=ROOT)


def _kill(program: "subprocess.Popen[str]", *, group: bool) -> None:
    """Kills a program with its group or alone; either way none of its processes survives."""
    if group:
        os.killpg(program.pid, signal.SIGKILL)
    else:
        program.kill()
    program.communicate(timeout=30)
    assert until(lambda: not of_session(program.pid), 10), "orphans end by themselves"


@needs_proc
@pytest.mark.parametrize(
    ("workers", "group", "finished"),
    [(1, GROUP, 1), (2, GROUP, 0), (2, PARENT, 1)],
    ids=["one worker", "two workers", "two workers, orphaned"],
)
def test_a_killed_walk_goes_on_to_the_same_bytes(
    workers: int,
    group: bool,
    finished: int,
    stretch: tuple[Files, float],
    tmp_path: Path,
) -> None:
    """The kill comes some time after a number of parts were finished."""
    delay = random.Random(workers + 2 * group).uniform(0, 0.1) * stretch[1]
    folder = tmp_path / "output" / "demo"
    program = _stretch(tmp_path, workers)
    assert until(lambda: (folder / "walk.json").exists() and len(parts(folder)) >= finished)
    time.sleep(delay)
    assert not (folder / "faces.csv").exists(), "it was still walking"
    _kill(program, group=group)
    kept = {p: p.stat().st_mtime_ns for n in parts(folder) for p in part_paths(folder, n)}
    assert len(kept) >= 2 * finished
    done = ended(_stretch(tmp_path, workers))
    assert done.code == 0, done.err
    assert files(folder) == stretch[0]
    assert {p: p.stat().st_mtime_ns for p in kept} == kept, "finished parts are not done again"


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("moment", range(25))
def test_a_walk_killed_at_any_moment_goes_on_to_the_same_bytes(
    moment: int, stretch: tuple[Files, float], tmp_path: Path
) -> None:
    """Up to three kills between the first import and the last file; then a run to the end."""
    chance = random.Random(moment)
    workers = 1 + moment % 2
    for _ in range(chance.randint(1, 3)):
        program = _stretch(tmp_path, workers)
        time.sleep(chance.uniform(0, stretch[1]))
        _kill(program, group=chance.random() < 0.5)
    done = ended(_stretch(tmp_path, workers))
    assert done.code == 0, done.err
    assert files(tmp_path / "output" / "demo") == stretch[0]


@pytest.mark.slow
def test_two_workers_walk_the_demo_to_the_bytes_of_one(tmp_path: Path) -> None:
    for workers in (1, 2):
        assert ended(_stretch(tmp_path / str(workers), workers, ())).code == 0
    one, two = (files(tmp_path / n / "output" / "demo") for n in ("1", "2"))
    assert len(one) == 2 * 10 + 3
    assert one == two


def test_three_workers_make_many_parts_to_the_bytes_of_one(
    movie: Path, job: Job, tmp_path: Path
) -> None:
    film(movie, [*SHOTS, *SHOTS], SLOW)
    one, three = (
        files(mine.walk(movie, replace(job, output=tmp_path / str(n), workers=n), puppet.silent))
        for n in (1, 3)
    )
    assert len(one) == 2 * 7 + 3
    assert one == three


# --- Ctrl-C -------------------------------------------------------------------------------------


@needs_proc
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_says_what_is_kept_and_ends_all_workers(
    workers: int,
    faults: Path,
    movie: Path,
    puppet_video: Callable[..., "subprocess.Popen[str]"],
    here: Callable[..., Run],
    by_name: Files,
) -> None:
    (faults / "slow").touch()
    folder = movie.parent / "output" / "movie"
    program = puppet_video("walk", "movie.mkv", "--workers", str(workers))
    assert until(lambda: parts(folder))
    os.killpg(program.pid, signal.SIGINT)
    done = ended(program, 20)
    assert until(lambda: not of_session(program.pid), 10)
    assert done.code == 130
    assert done.out == ""
    kept = parts(folder)
    frames = sum(PARTS[n][1] - PARTS[n][0] for n in kept)
    assert f"movie.mkv: kept {len(kept)} of 4 parts ({frames} of 160 frames)" in done.err
    assert "mine-video: Stopped. Run the same command to continue." in done.err
    assert len([line for line in done.err.splitlines() if line]) == 2, "no line of a worker's"
    assert 0 < len(kept) < 4
    (faults / "slow").unlink()
    assert here("walk", "movie.mkv", "--workers", "1").code == 0
    assert files(folder) == by_name


@needs_proc
def test_ctrl_c_while_workers_start_prints_nothing_of_theirs(
    movie: Path, puppet_video: Callable[..., "subprocess.Popen[str]"]
) -> None:
    program = puppet_video("walk", "movie.mkv", "--workers", "2")
    assert until(lambda: len(processes.children(program.pid)) == 2)
    time.sleep(0.1)
    os.killpg(program.pid, signal.SIGINT)
    done = ended(program, 20)
    assert until(lambda: not of_session(program.pid), 10)
    assert done.code == 130
    assert "Traceback" not in done.err
    assert "kept 0 of 4 parts (0 of 160 frames)" in done.err


# --- no space -----------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount") or "/bin/mount"
    call = [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    try:
        subprocess.run(call, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a file system")
    yield place
    subprocess.run([mount.replace("mount", "umount"), "-l", str(place)], check=True)


def _fill(disk: Path, left: int) -> Path:
    """Fills a file system until `left` bytes are free."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert shutil.disk_usage(disk).free == 0
    os.truncate(ballast, max(0, ballast.stat().st_size - left))
    return ballast


def test_a_full_disk_is_told_and_with_space_the_same_line_goes_on(
    small_disk: Path, here: Callable[..., Run], by_name: Files
) -> None:
    """There is no space at first, then more and more, until the walk can finish."""
    call = ("walk", "movie.mkv", "--workers", "1", "--output", small_disk)
    folder = small_disk / "movie"
    finished = set()
    for kilobytes in range(0, 400, 16):
        ballast = _fill(small_disk, kilobytes * 1024)
        done = here(*call)
        if done.code == 0:
            break
        assert done.code == 1, done.err
        assert "No space left on device" in done.err
        assert "free some space or choose another folder with --output" in done.err
        assert "Traceback" not in done.err
        assert not [p for p in folder.rglob("*") if p.suffix == TEMPORARY]
        finished.add(len(parts(folder)))
        ballast.unlink()
        assert here(*call).code == 0
        assert files(folder) == by_name
        shutil.rmtree(folder)
    assert finished >= {0, 1, 2, 4}
    assert files(folder) == by_name


def test_a_full_disk_is_told_by_workers_too(
    small_disk: Path, here: Callable[..., Run], by_name: Files
) -> None:
    call = ("walk", "movie.mkv", "--output", small_disk, "--workers")
    ballast = _fill(small_disk, 32 * 1024)
    done = here(*call, "2")
    assert done.code == 1
    assert "No space left on device); free some space" in done.err
    folder = small_disk / "movie"
    assert len(parts(folder)) < 4
    assert not [p for p in folder.rglob("*") if p.suffix == TEMPORARY]
    ballast.unlink()
    assert here(*call, "1").code == 0
    assert files(folder) == by_name


def test_a_file_that_may_not_grow_is_told(
    movie: Path, here: Callable[..., Run], by_name: Files
) -> None:
    """The same without a file system of its own, by a limit of 8 KB on the size of files."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        done = here("walk", "movie.mkv", "--workers", "1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert done.code == 1, done.err
    assert "cannot be written (File too large)" in done.err
    folder = movie.parent / "output" / "movie"
    assert not [p for p in folder.rglob("*") if p.suffix == TEMPORARY]
    assert here("walk", "movie.mkv", "--workers", "1").code == 0
    assert files(folder) == by_name


# --- networks and workers -----------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_a_network_that_raises_is_a_bug_and_finished_parts_are_kept(
    workers: int, faults: Path, movie: Path, here: Callable[..., Run], by_name: Files
) -> None:
    call = ("walk", "movie.mkv", "--workers")
    (faults / "fail").write_text("the network failed")
    done = here(*call, str(workers))
    assert done.code == 3
    for words in ("Traceback", "faulty.py", "RuntimeError: the network failed", "this is a bug"):
        assert words in done.err
    folder = movie.parent / "output" / "movie"
    kept = parts(folder)
    assert TROUBLED not in kept
    assert workers > 1 or kept == [0]
    assert not (folder / "faces.csv").exists()
    (faults / "fail").unlink()
    assert here(*call, "1").code == 0
    assert files(folder) == by_name


def test_workers_that_die_twice_over_a_part_are_told_with_its_time(
    faults: Path, movie: Path, here: Callable[..., Run], by_name: Files
) -> None:
    (faults / "die-1").touch()
    (faults / "die-2").touch()
    (faults / "die-3").touch()
    done = here("walk", "movie.mkv", "--workers", "2")
    assert done.code == 1
    part = "the worker process for part 1 (0:10.6 to 0:20.4)"
    assert f"{part} died twice (exit code -9)" in done.err
    assert "try --workers 1" in done.err
    assert "Traceback" not in done.err
    assert [p.name for p in faults.glob("die-*")] == ["die-3"], "there was no third try"
    assert TROUBLED not in parts(movie.parent / "output" / "movie")
    (faults / "die-3").unlink()
    assert here("walk", "movie.mkv", "--workers", "1").code == 0
    assert files(movie.parent / "output" / "movie") == by_name


# --- the movie ----------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_a_movie_replaced_while_it_is_walked_gives_no_mixed_rows(
    workers: int,
    faults: Path,
    movie: Path,
    job: Job,
    whole: Files,
    tmp_path: Path,
) -> None:
    film(faults / "other.mkv", SHOTS[1:], SLOW)
    fresh = Path(shutil.copy(faults / "other.mkv", tmp_path / "fresh.mkv"))
    (faults / "replace").write_text(str(movie))
    job = replace(job, workers=workers)
    with pytest.raises(MovieError, match=r"movie\.mkv: changed during the walk.*--rewalk"):
        mine.walk(movie, job, puppet.silent)
    folder = job.output / "movie"
    assert not (folder / "faces.csv").exists()
    for number in parts(folder):
        for path in part_paths(folder, number):
            assert path.read_bytes() == whole[f"parts/{path.name}"], "from before it was replaced"
    with pytest.raises(TableError, match=r"the movie has changed.*--rewalk"):
        mine.walk(movie, job, puppet.silent)
    mine.walk(movie, replace(job, rewalk=True), puppet.silent)
    wanted = files(mine.walk(fresh, replace(job, output=tmp_path / "fresh"), puppet.silent))
    found = files(folder)
    assert found.keys() == wanted.keys()
    assert found["faces.csv"] == wanted["faces.csv"].replace(b"fresh.mkv", b"movie.mkv")


# --- two at once --------------------------------------------------------------------------------


def test_the_second_of_two_walks_says_who_is_writing(
    faults: Path,
    movie: Path,
    puppet_video: Callable[..., "subprocess.Popen[str]"],
    here: Callable[..., Run],
    by_name: Files,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locks, "LOCK_PATIENCE", 0.0)  # The first may end within it.
    (faults / "slow").touch()
    folder = movie.parent / "output" / "movie"
    first = puppet_video("walk", "movie.mkv", "--workers", "1")
    assert until((folder / "walk.json").exists)
    second = here("walk", "movie.mkv", "--workers", "1")
    assert second.code == 1
    told = f"process {first.pid} on {socket.gethostname()} is writing there; wait until it is done"
    assert f"output/movie: {told}" in second.err
    assert told in here("pick", "movie", "--person", "any").err
    (faults / "slow").unlink()
    done = ended(first)
    assert (done.code, done.err) == (0, "")
    assert files(folder) == by_name


def test_the_lock_of_a_dead_process_is_no_obstacle(
    movie: Path, job: Job, whole: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = job.output / "movie"
    folder.mkdir(parents=True)
    (folder / ".lock").write_text("1234567\n")
    (folder / ".lock-holder").write_text("process 1234567 on elsewhere")
    left = [folder / ".faces.csv.1234567.tmp", folder / "anna" / "sad" / ".crops.csv.1234567.tmp"]
    own = [folder / ".notes.tmp", folder / "anna" / "sad" / "crops.tmp"]
    for path in (*left, *own):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    mine.walk(movie, job, puppet.silent)
    assert not any(path.exists() for path in left), "what a dead process left is cleared"
    assert all(path.exists() for path in own), "nothing else is"
    for path in own:
        path.unlink()
    assert files(folder) == whole


# --- power cuts ---------------------------------------------------------------------------------


class PowerCut(BaseException):
    """Stands for the end of a process between two changes of the folder."""


class _Power:
    """Counts the changes of files in the folder, and fails after one of them."""

    def __init__(self, patch: pytest.MonkeyPatch, after: int = 1 << 30) -> None:
        self.changes: list[str] = []
        for name in ("replace", "unlink"):
            patch.setattr(Path, name, self._counted(getattr(Path, name), after))

    def _counted(self, change: Callable[..., object], after: int) -> Callable[..., object]:
        def counted(path: Path, *args: object, **options: bool) -> object:
            done = change(path, *args, **options)
            target = Path(str(args[0])) if args else path
            if not target.name.startswith("."):
                self.changes.append(target.name)
                if len(self.changes) == after:
                    raise PowerCut
            return done

        return counted


def _cut_everywhere(do: Callable[[], object], again: Callable[[int], None]) -> list[str]:
    """Does something with a cut after its first change, then its second, and so on to the last.

    Returns:
        The changes.
    """
    after = 0
    while True:
        after += 1
        with pytest.MonkeyPatch.context() as patch:
            power = _Power(patch, after)
            try:
                do()
            except PowerCut:
                pass
            else:
                return power.changes
        again(after)


@pytest.fixture
def brief(movie: Path, job: Job, tmp_path: Path) -> Files:
    """Makes the movie one of two parts; gives what an unbroken walk of it leaves."""
    film(movie, [Shot(60, (ANNA, BEN))], SLOW)
    return files(mine.walk(movie, replace(job, output=tmp_path / "unbroken"), puppet.silent))


PARTS_OF_BRIEF = [f"0000{n}.{kind}" for n in range(2) for kind in ("npz", "csv")]
TABLES = ["faces.csv", "tracks.npz"]


def test_a_power_cut_between_any_two_changes_of_a_walk(movie: Path, job: Job, brief: Files) -> None:
    folder = job.output / "movie"

    def go_on(after: int) -> None:
        mine.walk(movie, job, puppet.silent)
        assert files(folder) == brief, f"after change {after}"
        shutil.rmtree(folder)

    changes = _cut_everywhere(lambda: mine.walk(movie, job, puppet.silent), go_on)
    assert changes == ["frames.npz", "walk.json", *PARTS_OF_BRIEF, *TABLES, *TABLES]


def test_a_power_cut_between_any_two_changes_of_a_rewalk(
    movie: Path, job: Job, brief: Files, tmp_path: Path
) -> None:
    """Remains of an earlier walk never get into the rows of the next."""
    folder = job.output / "movie"
    before = replace(job, walk=replace(job.walk, every=2), output=tmp_path / "before")
    walked = mine.walk(movie, before, puppet.silent)
    shutil.copytree(walked, folder)

    def go_on(after: int) -> None:
        there = (folder / "walk.json").exists()
        other = there and manifests.read(folder).settings != job.walk
        if other:
            with pytest.raises(TableError, match=r"every was 2, now 1.*--rewalk"):
                mine.walk(movie, job, puppet.silent)
        mine.walk(movie, replace(job, rewalk=other), puppet.silent)
        assert files(folder) == brief, f"after change {after}"
        shutil.rmtree(folder)
        shutil.copytree(walked, folder)

    rewalk = replace(job, rewalk=True)
    changes = _cut_everywhere(lambda: mine.walk(movie, rewalk, puppet.silent), go_on)
    gone = [*reversed(TABLES), *sorted(PARTS_OF_BRIEF), "walk.json", "frames.npz"]
    assert changes == [*gone, "frames.npz", "walk.json", *PARTS_OF_BRIEF, *TABLES, *TABLES]


@pytest.mark.parametrize("back", [False, True], ids=["new names", "old names again"])
def test_a_power_cut_between_any_two_changes_of_naming(
    back: bool, movie: Path, job: Job, whole: Files, tmp_path: Path
) -> None:
    """Whichever gallery there is afterwards, the names come from it."""
    other = replace(job, known_faces=tmp_path / "other", output=tmp_path / "renamed")
    photo(other.known_faces / "bernard.png", "ben")
    renamed = files(mine.walk(movie, other, puppet.silent))
    folder = mine.walk(movie, job, puppet.silent)
    other = replace(other, output=job.output)

    def go_on(after: int) -> None:
        mine.walk(movie, job if back else other, puppet.silent)
        assert files(folder) == (whole if back else renamed), f"after change {after}"
        mine.walk(movie, job, puppet.silent)

    changes = _cut_everywhere(lambda: mine.walk(movie, other, puppet.silent), go_on)
    assert changes == ["tracks.npz", "faces.csv", "tracks.npz"]


def test_a_power_cut_between_any_two_changes_of_a_second_merge(
    movie: Path, job: Job, whole: Files
) -> None:
    """If faces.csv was deleted, its rows are named again, although tracks.npz was named before."""
    folder = mine.walk(movie, job, puppet.silent)
    (folder / "faces.csv").unlink()

    def go_on(after: int) -> None:
        mine.walk(movie, job, puppet.silent)
        assert files(folder) == whole, f"after change {after}"
        (folder / "faces.csv").unlink()

    changes = _cut_everywhere(lambda: mine.walk(movie, job, puppet.silent), go_on)
    assert changes == ["tracks.npz", "faces.csv", "tracks.npz", "faces.csv", "tracks.npz"]


def test_parts_without_a_walk_are_not_taken_for_this_one(
    movie: Path, job: Job, whole: Files
) -> None:
    folder = mine.walk(movie, replace(job, walk=replace(job.walk, every=2)), puppet.silent)
    (folder / "walk.json").unlink()
    (folder / "parts" / "mine.csv").write_text("kept")
    mine.walk(movie, job, puppet.silent)
    assert (folder / "parts" / "mine.csv").read_text() == "kept"
    (folder / "parts" / "mine.csv").unlink()
    assert files(folder) == whole


def test_a_walk_that_cannot_be_cleared_is_told(
    movie: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = mine.walk(movie, job, puppet.silent)
    before = files(folder)

    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(OutputError, match=r"tracks\.npz: cannot be removed .*delete it"):
            mine.walk(movie, replace(job, rewalk=True), puppet.silent)
    (folder / ".lock-holder").unlink()
    left = files(folder)
    assert "tracks.npz: cannot be removed" in left.pop("failed.txt").decode()
    assert left == before


# --- the page about all this --------------------------------------------------------------------


def test_every_test_that_the_page_of_faults_names_is_there() -> None:
    page = (ROOT / "docs" / "faults.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) >= 15
    for file, name in named:
        assert f"def {name}(" in (ROOT / file).read_text(), f"{file}::{name}"
