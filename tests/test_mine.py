"""The whole program on puppet movies, with frames computed by hand."""

import io
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pandas as pd
import pytest

from pipeline import files, mine
from pipeline.archive.status import states
from pipeline.cli.printing import crop_bar
from pipeline.disk import faces_csv
from pipeline.disk import manifest as manifests
from pipeline.disk.report_html import is_outdated
from pipeline.errors import MovieError, OutputError, PeopleError, TableError
from pipeline.report import outcome as cropping
from pipeline.report.crops import write_crops
from pipeline.report.outcome import MANY_CROPS, Outcome
from pipeline.review import desk
from pipeline.settings import AUTO, OWN_SUBTITLES, Job, PickSettings
from tests.support import puppet
from tests.support.opens import opens
from tests.support.puppet import Shot, Square, film, photo
from tests.support.reels import write_texts
from tests.support.walks import moved

SLOW = 5
"""Frame rate that gives a movie two parts."""

PLAIN = PickSettings(repeat=1, smooth=1)
STEADY = PickSettings(repeat=8, smooth=1)

TALK = (
    Shot(
        30,
        (
            Square("anna", "happy 12, sad 5, happy 8, fear", x=20, dx=1),
            Square("ben", "happy 4, sad", x=100, y=80),
        ),
    ),
    Shot(20, (Square("anna", "happy 7, neutral", x=30),)),
)
ANNA_HAPPY = [*range(12), *range(17, 25), *range(30, 37)]
ANNA_STEADY = [*range(12), *range(17, 25)]


@pytest.fixture(autouse=True)
def _puppets(monkeypatch: pytest.MonkeyPatch) -> None:
    puppet.plug_in(monkeypatch)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job with photos of Anna and Ben, which writes all but a report to a temporary folder."""
    known = tmp_path / "known"
    photo(known / "anna.png", "anna")
    photo(known / "ben.png", "ben")
    return Job(
        people=("anna",),
        emotions=("happy",),
        walk=puppet.SETTINGS,
        pick=PLAIN,
        output=tmp_path / "output",
        known_faces=known,
        report=False,
    )


@pytest.fixture
def reported(job: Job) -> Job:
    """The job, with a report."""
    return replace(job, report=True)


@pytest.fixture
def unwalked(tmp_path: Path) -> Path:
    return film(tmp_path / "talk.mkv", TALK)


@pytest.fixture(scope="module")
def walked_talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a walk, which knows Anna and Ben."""
    place = tmp_path_factory.mktemp("walked")
    for person in ("anna", "ben"):
        photo(place / "known" / f"{person}.png", person)
    job = Job(walk=puppet.SETTINGS, output=place / "output", known_faces=place / "known")
    with pytest.MonkeyPatch.context() as patch:
        puppet.plug_in(patch)
        return mine.walk(film(place / "talk.mkv", TALK), job, puppet.silent)


@pytest.fixture
def talk(unwalked: Path, job: Job, walked_talk: Path) -> Path:
    """The movie; its walk is where the job writes it."""
    shutil.copytree(walked_talk, job.output / "talk")
    moved(job.output / "talk", unwalked)
    return unwalked


def _mine(movie: Path, job: Job, **changes: Any) -> Outcome:
    """The outcome of the job's only person and emotion."""
    (outcome,) = mine.mine(movie, replace(job, **changes), puppet.silent)
    return outcome


def _cropped(folder: Path) -> list[int]:
    """The frames of the crops in a folder."""
    return sorted(int(p.name.split("_f")[1][:7]) for p in folder.glob("*_f*.jpg"))


def _listed(folder: Path) -> list[int]:
    """The frames of the crops in crops.csv."""
    return sorted(pd.read_csv(folder / "crops.csv")["frame"])


def _count_detections(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    detect = puppet.Detector.detect

    def counted(self: puppet.Detector, images: list[Any]) -> Any:
        calls.append(len(images))
        return detect(self, images)

    monkeypatch.setattr(puppet.Detector, "detect", counted)
    return calls


# --- picking ------------------------------------------------------------------------------------


def test_the_movies_own_text_is_on_the_clock_of_its_frames(tmp_path: Path, job: Job) -> None:
    """A movie that begins midway has times before the first picture that decodes."""
    srt = "1\n00:00:00,800 --> 00:00:00,920\nHi, you!\n\n"
    shot = [Shot(40, (Square("anna", "happy", x=30),))]
    movie = write_texts(tmp_path / "a.mkv", srt, list(puppet.pictures(shot)), first=3)

    _mine(movie, job, subtitles=OWN_SUBTITLES)

    crops = pd.read_csv(job.output / "a/anna/happy/crops.csv", keep_default_na=False)
    # The first picture is the twelfth of the film, at 0.48 s.
    assert crops["line"].tolist() == ["Hi, you!" if 8 <= f < 11 else "" for f in range(28)]


def test_a_reaction_is_of_another_person_than_who_speaks(tmp_path: Path, job: Job) -> None:
    shots = [Shot(20, (Square(person, "happy", x=30),)) for person in ("anna", "ben", "anna")]
    srt = "1\n00:00:00,200 --> 00:00:00,700\nHi, you!\n\n"
    movie = write_texts(tmp_path / "a.mkv", srt, list(puppet.pictures(shots)))

    for words, kept in (("you", {"ben": 20}), ("they", {}), ("*", {"ben": 20})):
        asked = replace(
            job, people=("any",), subtitles=OWN_SUBTITLES, pick=PickSettings(after=words)
        )
        found = mine.mine(movie, asked, puppet.silent)
        assert {o.person: o.steady for o in found if o.steady} == kept


def test_repeat_8_keeps_strictly_less_than_repeat_1(talk: Path, job: Job) -> None:
    every = _mine(talk, job)
    folder = job.output / "talk" / "anna" / "happy"
    gates = (
        "sure",
        "min-prob",
        "min-size",
        "min-sharpness",
        "max-yaw",
        "single-face",
        "border",
        "per-run",
    )
    seen = {"faces": 80, "person": 50, "emotion": 27}
    funnel = seen | dict.fromkeys(("repeat", *gates), 27)
    assert every == Outcome("anna", "happy", 27, 27, 3, folder, "", funnel)
    assert _cropped(folder) == ANNA_HAPPY
    steady = _mine(talk, job, pick=STEADY)
    funnel = seen | dict.fromkeys(("repeat", *gates), 20)
    assert steady == Outcome("anna", "happy", 27, 20, 2, folder, "", funnel)
    assert list(steady.funnel) == ["faces", "person", "emotion", "repeat", *gates]
    assert _cropped(folder) == ANNA_STEADY
    assert set(ANNA_STEADY) < set(ANNA_HAPPY)


LENGTH = 8
RUNS = (
    Shot(80, (Square("anna", "happy 8, sad 41, happy 8, sad 15, happy 8", x=20),)),
    Shot(
        40,
        (
            Square("ben", "happy", x=110),
            Square("anna", "happy 8, sad 6, happy 8, sad 10, happy 8", x=20),
        ),
    ),
)
BEGINS = {
    0: "at the movie's beginning",
    49: "across the border of two parts",
    72: "up to a cut",
    80: "from a cut",
    94: "beside another person",
    112: "at the movie's end",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Job]]:
    """A walk of the movie above, and the job that made it."""
    folder = tmp_path_factory.mktemp("runs")
    for person in ("anna", "ben"):
        photo(folder / "known" / f"{person}.png", person)
    job = Job(
        ("anna",), ("happy",), puppet.SETTINGS, output=folder, known_faces=folder / "known",
        report=False,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        puppet.plug_in(patch)
        movie = film(folder / "runs.mkv", RUNS, SLOW)
        yield mine.walk(movie, job, puppet.silent), job


@pytest.mark.parametrize("repeat", [1, 2, LENGTH - 1, LENGTH, LENGTH + 1, 2 * LENGTH])
def test_a_run_of_l_frames_gives_l_crops_or_none(repeat: int, runs: tuple[Path, Job]) -> None:
    folder, job = runs
    parts = manifests.read(folder).parts
    assert parts == ((0, 53), (53, 103), (103, 120)), "a run lies across a border"
    settings = PickSettings(repeat=repeat, smooth=1)
    (outcome,) = mine.pick(folder, replace(job, pick=settings))
    wanted = [n + i for n in BEGINS for i in range(LENGTH)] if repeat <= LENGTH else []
    assert _cropped(folder / "anna" / "happy") == wanted
    assert (outcome.seen, outcome.steady) == (len(BEGINS) * LENGTH, len(wanted))
    assert outcome.runs == (len(BEGINS) if wanted else 0)


@pytest.mark.parametrize(
    ("gap", "repeat", "begins"),
    [
        pytest.param(5, LENGTH + 1, [], id="too small"),
        pytest.param(6, LENGTH + 1, [80, 94], id="over six frames of a take"),
        pytest.param(10, 40, [80, 94, 112], id="over ten"),
        pytest.param(40, 41, [], id="not quite forty-one"),
        pytest.param(41, 80, [0, 49, 72], id="over forty-one and a border of parts"),
        pytest.param(100, 81, [], id="never over a cut"),
    ],
)
def test_a_gap_joins_runs_of_one_take_and_keeps_nothing_else(
    gap: int, repeat: int, begins: list[int], runs: tuple[Path, Job]
) -> None:
    folder, job = runs
    settings = PickSettings(repeat=repeat, smooth=1, gap=gap)
    (outcome,) = mine.pick(folder, replace(job, pick=settings))
    assert _cropped(folder / "anna" / "happy") == [n + i for n in begins for i in range(LENGTH)]
    assert outcome.runs == (1 if begins else 0)


@pytest.mark.parametrize("per_run", [1, 3, 8, 9])
def test_thinning_keeps_some_of_each_run(per_run: int, runs: tuple[Path, Job]) -> None:
    folder, job = runs
    settings = PickSettings(repeat=LENGTH, smooth=1, per_run=per_run)
    (outcome,) = mine.pick(folder, replace(job, pick=settings))
    found = _cropped(folder / "anna" / "happy")
    each = [[n for n in found if begin <= n < begin + LENGTH] for begin in BEGINS]
    assert [len(frames) for frames in each] == [min(per_run, LENGTH)] * len(BEGINS)
    assert outcome.runs == len(BEGINS)
    assert outcome.funnel["border"] == len(BEGINS) * LENGTH
    assert outcome.funnel["per-run"] == outcome.steady == len(found)
    if per_run == 3:  # Faces of an unchanging puppet differ only in time.
        assert all(max(frames) - min(frames) == LENGTH - 1 for frames in each)


@pytest.mark.parametrize(("seconds", "kept"), [(1.6, 6), (1.61, 0), (0.2, 6)], ids=str)
def test_repeat_in_seconds_goes_by_the_movies_rate(
    seconds: float, kept: int, runs: tuple[Path, Job]
) -> None:
    """Eight frames at five a second are 1.6 seconds."""
    folder, job = runs
    settings = PickSettings(repeat_seconds=seconds, smooth=1)
    (outcome,) = mine.pick(folder, replace(job, pick=settings))
    assert outcome.runs == kept


@pytest.mark.parametrize(
    ("gates", "kept"),
    [
        pytest.param({"single_face": True}, 3 * LENGTH, id="alone"),
        pytest.param({"min_size": 24.0}, 6 * LENGTH, id="large enough"),
        pytest.param({"min_size": 24.5}, 0, id="too small"),
        pytest.param({"border": 20}, 6 * LENGTH, id="far enough inside"),
        pytest.param({"border": 21}, 0, id="too near to the edge"),
    ],
)
def test_gates(gates: dict[str, Any], kept: int, runs: tuple[Path, Job]) -> None:
    """Anna is 24 pixels wide, 20 from the left edge; in the second take beside Ben."""
    folder, job = runs
    (outcome,) = mine.pick(folder, replace(job, pick=replace(PLAIN, **gates)))
    assert outcome.steady == kept == len(_cropped(folder / "anna" / "happy"))


def test_smoothing_carries_a_smile_over_one_odd_frame(tmp_path: Path, job: Job) -> None:
    movie = film(tmp_path / "m.mkv", [Shot(16, (Square("anna", "happy 8, sad 1, happy"),))])
    assert _mine(movie, job, pick=PickSettings(repeat=10, smooth=1)).steady == 0
    for smooth in (3, AUTO):
        outcome = _mine(movie, job, pick=PickSettings(repeat=16, smooth=smooth))
        assert (outcome.steady, outcome.runs) == (16, 1)


def test_any_is_everybody_and_every_emotion_that_is_there(tmp_path: Path, job: Job) -> None:
    stranger = Square("carl", "angry", x=100, y=10)
    movie = film(tmp_path / "m.mkv", [*TALK, Shot(10, (stranger,), 0)])
    found = mine.mine(movie, replace(job, people=("any",), emotions=("any",)), puppet.silent)
    assert {(o.person, o.emotion): o.steady for o in found} == {
        ("anna", "happy"): 27, ("anna", "sad"): 5, ("anna", "fear"): 5, ("anna", "neutral"): 13,
        ("ben", "happy"): 4, ("ben", "sad"): 26, ("unknown", "angry"): 10,
    }  # fmt: skip
    for outcome in found:
        assert len(_cropped(outcome.folder)) == outcome.steady


def test_a_second_run_reads_each_file_once_and_hashes_each_photo_once(
    talk: Path, reported: Job
) -> None:
    """All that a walk left, the labels of the review, and the photos."""
    _mine(talk, reported)
    folder = reported.output / "talk"
    with opens() as count:
        _mine(talk, reported)
    read = {
        path.name: n for path, n in count.items() if path.parent in (folder, reported.known_faces)
    }
    assert read.pop("walk.json", 1) == 1  # A process that has read it knows it by its time.
    for own in ("pick.json", "report.html"):  # What the pick itself writes; a few hundred bytes.
        read.pop(own)
    wanted = ("anna.png", "ben.png", "faces.csv", "frames.npz", "tracks.npz")
    assert read == dict.fromkeys(wanted, 1)


def test_names_follow_the_gallery_without_another_walk(
    talk: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job.known_faces / "ben.png").unlink()
    stranger = replace(job, people=("unknown",), emotions=("sad",))
    assert mine.mine(talk, stranger, puppet.silent)[0].steady == 26
    photo(job.known_faces / "bernard.png", "ben")
    calls = _count_detections(monkeypatch)
    assert _mine(talk, job, people=("bernard",), emotions=("sad",)).steady == 26
    assert len(calls) == 1, "anna's photo is remembered"
    assert mine.mine(talk, stranger, puppet.silent)[0].seen == 0


def test_pick_names_after_the_gallery_by_the_networks_of_the_walk(talk: Path, job: Job) -> None:
    """Whatever the job's settings are: the walk's settings made its embeddings."""
    folder = mine.walk(talk, job, puppet.silent)
    (job.known_faces / "anna.png").rename(job.known_faces / "annie.png")
    later = Job(("annie",), ("happy",), pick=PLAIN, known_faces=job.known_faces)
    assert mine.pick(folder, later)[0].steady == 27


def test_a_second_call_reuses_the_walk(
    talk: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    _mine(talk, job)
    folder = job.output / "talk"
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*.*")}
    calls = _count_detections(monkeypatch)
    assert _mine(talk, job, pick=STEADY).steady == 20
    assert calls == []
    kept = {p: v for p, v in before.items() if p.suffix in (".csv", ".npz", ".json")}
    for name in ("crops.csv", "moments.csv"):
        kept.pop(folder / "anna" / "happy" / name)
    kept.pop(folder / "pick.json")
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in kept} == kept


# --- hints --------------------------------------------------------------------------------------


def test_where_runs_are_too_short_the_hint_says_how_long_they_are(talk: Path, job: Job) -> None:
    outcome = _mine(talk, job, pick=replace(PLAIN, repeat=13))
    assert outcome.hint == "longest run is 12 of 13 frames; try --repeat 12"
    assert _mine(talk, job, pick=replace(PLAIN, repeat=12)).steady == 12


def test_where_nothing_is_sure_enough_the_hint_says_how_sure(talk: Path, job: Job) -> None:
    outcome = _mine(talk, job, pick=replace(PLAIN, min_prob=0.9))
    assert outcome.hint == "at most 0.81 probable; try --min-prob 0.81"
    assert _mine(talk, job, pick=replace(PLAIN, min_prob=0.81)).steady == 27


def test_where_nobody_looks_so_the_hint_says_how_they_look(talk: Path, job: Job) -> None:
    outcome = _mine(talk, job, emotions=("disgust",))
    assert outcome.hint.startswith("anna never looks disgusted here (happy 27 faces, ")
    for count in ("happy 27", "neutral 13", "sad 5", "fear 5"):
        assert count in outcome.hint


def test_where_nobody_is_near_enough_the_hint_names_the_nearest(tmp_path: Path, job: Job) -> None:
    movie = film(tmp_path / "m.mkv", [Shot(10), Shot(10, (Square(30, "happy"),))])
    outcome = _mine(movie, job)
    assert outcome.seen == 0
    message, _, tolerance = outcome.hint.partition("try --tolerance ")
    assert message.startswith("no face within tolerance 0.38; the nearest is at 0:0")
    assert "0.4" in message, "the take's first second"
    nearest = float(tolerance.split(",")[0])
    assert nearest == pytest.approx(0.52, abs=0.05)
    assert _mine(movie, job, tolerance=nearest).steady == 10


def test_one_frame_one_name_is_told(tmp_path: Path, job: Job) -> None:
    movie = film(tmp_path / "m.mkv", [Shot(9, (Square("carl"), Square("carl", "sad", x=10)))])
    photo(job.known_faces / "carl.png", "carl")
    photo(job.known_faces / "cleo.png", 195)
    assert "it is as near to somebody else" in _mine(movie, job, people=("cleo",)).hint


def test_a_movie_without_faces_is_no_error(tmp_path: Path, job: Job) -> None:
    movie = film(tmp_path / "m.mkv", [Shot(12)])
    assert _mine(movie, job).hint == "no such face in the movie"
    assert faces_csv.read_faces(job.output / "m" / "faces.csv").empty
    found = mine.mine(movie, replace(job, people=("any",), emotions=("any",)), puppet.silent)
    assert all(o.steady == 0 for o in found)


# --- picking again ------------------------------------------------------------------------------


def test_crops_of_an_earlier_pick_go_where_nothing_is_kept(talk: Path, job: Job) -> None:
    _mine(talk, job)
    folder = job.output / "talk" / "anna" / "happy"
    (folder / "notes.txt").write_text("kept")
    talk.unlink()  # Without crops the movie is not needed.
    (outcome,) = mine.pick(folder.parents[1], replace(job, pick=replace(PLAIN, repeat=40)))
    assert outcome.steady == 0
    assert sorted(p.name for p in folder.iterdir()) == ["crops.csv", "moments.csv", "notes.txt"]


def test_a_pick_of_everything_empties_classes_of_who_is_gone(talk: Path, job: Job) -> None:
    _mine(talk, job, emotions=("happy+sad",))
    _mine(talk, job, people=("ben",), emotions=("happy+sad",))
    folder = job.output / "talk"
    (job.known_faces / "anna.png").rename(job.known_faces / "zoe.png")
    mine.pick(folder, replace(job, people=("any",), emotions=("any",)))
    left = {name: list((folder / name / "happy+sad").glob("*.jpg")) for name in ("anna", "ben")}
    assert not left["anna"]
    assert left["ben"], "no emotion replaces a class of somebody who is still there"


class Enough(KeyboardInterrupt):
    """The user cancels the cropping."""


class Crops:
    """Counts crops, and cancels at a given number."""

    def __init__(self, enough: int = -1) -> None:
        self.total, self.written, self._enough = -1, list[Path](), enough

    def __call__(self, total: int) -> Callable[[Path], None]:
        self.total = total
        return self._tell

    def _tell(self, path: Path) -> None:
        assert path.is_file()
        self.written.append(path)
        if len(self.written) == self._enough:
            raise Enough


def test_picking_tells_of_each_crop(talk: Path, job: Job) -> None:
    crops = Crops()
    both = replace(job, people=("anna", "ben"))
    mine.mine(talk, both, puppet.silent, crops)
    assert crops.total == 27 + 4
    assert sorted(crops.written) == sorted((job.output / "talk").glob("*/happy/*_f*.jpg"))
    nothing = Crops()
    mine.pick(job.output / "talk", replace(job, emotions=("disgust",)), cropping=nothing)
    assert (nothing.total, nothing.written) == (0, [])


@pytest.mark.parametrize("quiet", [False, True])
def test_a_bar_on_a_terminal_counts_crops(
    talk: Path, job: Job, monkeypatch: pytest.MonkeyPatch, *, quiet: bool
) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr", terminal)
    mine.mine(talk, job, puppet.silent, crop_bar("talk.mkv", quiet))
    last = terminal.getvalue().rpartition("\r")[2]
    assert ("27/27" in last and "crop/s" in last) is not quiet
    assert last.startswith("" if quiet else "talk.mkv: 100%")


def test_picking_that_is_stopped_leaves_what_is_listed(talk: Path, job: Job) -> None:
    """Earlier crops that are picked again stay; contact sheets of the earlier pick do not."""
    _mine(talk, job, pick=replace(PLAIN, per_run=2), compare=True)
    folder = job.output / "talk" / "anna" / "happy"
    before = _cropped(folder)
    assert (folder / "sheet.jpg").exists()
    with pytest.raises(Enough):
        mine.pick(folder.parents[1], job, cropping=Crops(10))
    assert _cropped(folder) == sorted({*before, *ANNA_HAPPY[:10]})
    assert _listed(folder) == _cropped(folder)
    others = sorted(path.name for path in folder.iterdir() if "_f" not in path.name)
    assert others == ["crops.csv", "moments.csv"]
    assert _mine(talk, job).steady == 27
    assert _listed(folder) == _cropped(folder) == ANNA_HAPPY


def test_a_stopped_pick_is_told_until_it_is_finished(
    talk: Path, reported: Job, caplog: pytest.LogCaptureFixture
) -> None:
    """By the report, by the state of the walk, and by picks of others."""
    _mine(talk, reported)
    folder = reported.output / "talk"
    with pytest.raises(Enough):
        mine.pick(folder, reported, cropping=Crops(10))
    assert is_outdated(folder)
    (state,) = states([folder])
    finish = (
        f"mine-video pick {folder} --person anna --emotion happy --smooth 1 --repeat 1 "
        f"--known-faces {reported.known_faces}"
    )
    assert (state.state, state.detail.endswith(finish)) == ("unfinished", True)
    caplog.clear()
    mine.pick(folder, replace(reported, people=("ben",)))
    assert finish in caplog.text
    assert finish in (folder / "report.html").read_text(encoding="utf-8")
    caplog.clear()
    mine.pick(folder, reported)
    assert "stopped" not in caplog.text
    assert [(s.state, s.detail) for s in states([folder])] == [("done", "")]
    assert "a pick was stopped" not in (folder / "report.html").read_text(encoding="utf-8")


def test_two_stopped_picks_are_told_with_a_line_each(talk: Path, job: Job) -> None:
    _mine(talk, job)
    folder = job.output / "talk"
    mine.pick(folder, replace(job, people=("ben",)))
    for person, repeat in (("anna", 2), ("ben", 3)):
        again = replace(job, people=(person,), pick=replace(PLAIN, repeat=repeat))
        with pytest.raises(Enough):
            mine.pick(folder, again, cropping=Crops(1))
    page = mine.report(folder, job).read_text(encoding="utf-8")
    (state,) = states([folder])
    for text in (page, state.detail):
        assert text.count("a pick was stopped") == 2
        assert "--person anna --emotion happy --smooth 1 --repeat 2" in text
        assert "--person ben --emotion happy --smooth 1 --repeat 3" in text


def test_a_report_names_a_path_that_is_no_text(talk: Path, reported: Job, tmp_path: Path) -> None:
    subtitles = tmp_path / os.fsdecode(b"\xff.srt")
    subtitles.write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    _mine(talk, reported, subtitles=str(subtitles))
    page = (reported.output / "talk" / "report.html").read_text(encoding="utf-8")
    assert r"\udcff.srt" in page


# --- the report on demand -----------------------------------------------------------------------


def test_a_report_on_demand_is_the_one_of_the_pick(talk: Path, reported: Job) -> None:
    _mine(talk, reported, pick=STEADY)
    folder = reported.output / "talk"
    page = (folder / "report.html").read_bytes()
    assert mine.report(folder, replace(reported, people=("any",), pick=PickSettings())) == (
        folder / "report.html"
    )
    assert (folder / "report.html").read_bytes() == page


def test_what_changes_the_folder_outdates_its_report(talk: Path, reported: Job) -> None:
    _mine(talk, reported)
    folder = reported.output / "talk"

    def rename() -> None:
        (reported.known_faces / "ben.png").rename(reported.known_faces / "benny.png")
        mine.identify(folder, reported)

    def decide() -> None:
        file = sorted(path.name for path in (folder / "anna" / "happy").glob("*_f*.jpg"))[0]
        desk.decide(folder, ("anna", "happy"), {file: "sad"}, reported.known_faces)

    def pick() -> None:
        mine.pick(folder, replace(reported, emotions=("sad",), report=False))

    def walk() -> None:
        mine.walk(talk, replace(reported, rewalk=True), puppet.silent)

    for change in (rename, decide, pick, walk):
        assert not is_outdated(folder), change.__name__
        change()
        assert is_outdated(folder), change.__name__
        mine.report(folder, reported)
    mine.identify(folder, reported)
    assert not is_outdated(folder)


def test_a_report_of_somebody_renamed_shows_everybody(talk: Path, job: Job) -> None:
    _mine(talk, job)
    (job.known_faces / "anna.png").rename(job.known_faces / "zoe.png")
    page = mine.report(job.output / "talk", job).read_text(encoding="utf-8")
    assert "--person any" in page
    assert "older crops, from another walk or with other names" in page


def test_people_and_emotions_not_asked_for_stay(talk: Path, job: Job) -> None:
    _mine(talk, job)
    _mine(talk, job, people=("ben",), emotions=("sad",))
    assert _cropped(job.output / "talk" / "anna" / "happy") == ANNA_HAPPY
    assert _cropped(job.output / "talk" / "ben" / "sad") == [*range(4, 30)]


def test_the_same_call_gives_the_same_bytes(unwalked: Path, job: Job, tmp_path: Path) -> None:
    _mine(unwalked, job)
    other = replace(job, output=tmp_path / "other")
    _mine(unwalked, other)
    first, second = (
        {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}
        for out in (job.output, other.output)
    )
    assert first == second
    assert len(first) > 27


def test_picking_twice_leaves_the_same_files(talk: Path, job: Job) -> None:
    again = replace(job, people=("any",), emotions=("happy", "sad"), compare=True)
    for per_run in (0, 2):
        again = replace(again, pick=replace(PLAIN, per_run=per_run))
        left = []
        for _ in range(2):
            mine.mine(talk, again, puppet.silent)
            folder = job.output / "talk"
            left.append({p: p.read_bytes() for p in folder.rglob("*") if p.is_file()})
        assert left[0] == left[1]
        assert {"sheet.jpg", "compare.jpg"} <= {p.name for p in left[0]}


def test_each_crop_that_the_funnel_tells_of_is_written(talk: Path, job: Job) -> None:
    asked = replace(job, people=("any",), emotions=("any",), pick=replace(STEADY, per_run=4))
    found = mine.mine(talk, asked, puppet.silent)
    assert any(o.steady for o in found)
    for outcome in found:
        counts = list(outcome.funnel.values())
        assert counts == sorted(counts, reverse=True)
        assert counts[-1] == len(_cropped(outcome.folder))


def test_sheets_go_with_the_crops_that_they_show(talk: Path, job: Job) -> None:
    folder = _mine(talk, job, compare=True).folder
    for name in ("sheet-mine.jpg", "my sheet.jpg", "my compare.jpg"):
        (folder / name).write_text("kept")
    others = {"crops.csv", "moments.csv", "sheet-mine.jpg", "my sheet.jpg", "my compare.jpg"}
    found = {p.name for p in folder.iterdir() if "_f" not in p.name}
    assert found == {*others, "sheet.jpg", "compare.jpg"}
    _mine(talk, job)
    found = {p.name for p in folder.iterdir() if "_f" not in p.name}
    assert found == {*others, "sheet.jpg"}, "the comparison was of another pick"
    _mine(talk, job, pick=replace(PLAIN, repeat=40))
    assert {p.name for p in folder.iterdir()} == others


def test_a_comparison_is_made_where_nothing_is_kept(talk: Path, job: Job) -> None:
    outcome = _mine(talk, job, compare=True, pick=replace(PLAIN, repeat=40))
    assert [p.name for p in outcome.folder.iterdir()] == ["compare.jpg"]
    assert _mine(talk, job, compare=True, emotions=("disgust",)).seen == 0
    assert not (outcome.folder.parent / "disgust").exists()


@pytest.fixture
def told_before(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged when cropping began, once per pick."""
    before: list[str] = []

    def watched(*args: Any) -> Any:
        before.append(caplog.text)
        return write_crops(*args)

    assert MANY_CROPS == 2000
    monkeypatch.setattr(cropping, "MANY_CROPS", 26)
    monkeypatch.setattr(cropping, "write_crops", watched)
    caplog.set_level(logging.WARNING)
    return before


def test_many_crops_are_warned_of_before_they_are_written(
    talk: Path, job: Job, told_before: list[str]
) -> None:
    _mine(talk, job, pick=STEADY)
    _mine(talk, job, pick=replace(PLAIN, per_run=9))
    assert not any("--per-run" in text for text in told_before)
    _mine(talk, job)
    assert "writing 27 crops; --per-run 3 keeps only the best 3 of each run" in told_before[2]
    assert len(told_before) == 3


def test_lines_are_in_the_order_in_which_people_were_asked_for(talk: Path, job: Job) -> None:
    """Also for people who are not in the movie."""
    names = [f"nobody{n}" for n in range(9)]
    for n, name in enumerate(names):
        photo(job.known_faces / f"{name}.png", 135 + 15 * n)
    people = (*names, "anna", "ben")
    found = mine.mine(talk, replace(job, people=people, emotions=("any",)), puppet.silent)
    missing = [o.person for o in found if not o.seen]
    assert [o.person for o in found[: -len(missing)]] == ["anna"] * 4 + ["ben"] * 2
    assert missing == [name for name in names if name in missing]
    assert len(missing) > 3


# --- the movie ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trouble:
    """What happened to the movie, and the expected message."""

    happens: Callable[[Path], object]
    words: tuple[str, ...]


def _is_changed(movie: Path) -> None:
    film(movie, TALK[1:])


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(
            Trouble(lambda movie: movie.rename(movie.with_name("moved.mkv")), ("gone", "--movie")),
            id="moved",
        ),
        pytest.param(
            Trouble(_is_changed, ("not the movie that was walked", "--movie", "--rewalk")),
            id="another one in its place",
        ),
    ],
)
def test_a_movie_that_is_not_where_it_was(
    trouble: Trouble, talk: Path, job: Job, tmp_path: Path
) -> None:
    folder = mine.walk(talk, job, puppet.silent)
    shutil.copy(talk, tmp_path / "copy.mkv")
    trouble.happens(talk)
    with pytest.raises(MovieError) as raised:
        mine.pick(folder, job)
    for part in (str(talk), *trouble.words):
        assert part in str(raised.value)
    assert not (folder / "anna").exists()
    assert mine.pick(folder, job, tmp_path / "copy.mkv")[0].steady == 27
    other = film(tmp_path / "other.mkv", TALK[:1])
    with pytest.raises(MovieError, match="not the movie that was walked"):
        mine.pick(folder, job, other)


def test_two_movies_with_one_stem_have_a_folder_each(tmp_path: Path, job: Job) -> None:
    one = film(tmp_path / "a" / "m.mkv", TALK[:1])
    two = film(tmp_path / "b" / "m.mkv", TALK[1:])
    first, second = _mine(one, job), _mine(two, job)
    assert (first.steady, second.steady) == (20, 7)
    assert first.folder.parents[1] == job.output / "m"
    assert second.folder.parents[1].name.startswith("m-")
    assert (_mine(one, job).folder, _mine(two, job).folder) == (first.folder, second.folder)


def test_a_missing_movie_leaves_no_folder(tmp_path: Path, job: Job) -> None:
    with pytest.raises(MovieError, match=r"nowhere\.mkv"):
        _mine(tmp_path / "nowhere.mkv", job)
    assert not (job.output / "nowhere").exists()


# --- people -------------------------------------------------------------------------------------


def test_somebody_unknown_stops_before_the_walk(
    unwalked: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = _count_detections(monkeypatch)
    with pytest.raises(PeopleError, match=r"'ana'.*Did you mean 'anna'"):
        _mine(unwalked, job, people=("ana",))
    assert calls == []
    assert not job.output.exists()


@pytest.mark.parametrize("people", [(), ("anna", "ben")], ids=["nobody", "two"])
def test_a_wanted_person_without_a_usable_photo_stops_before_the_walk(
    people: tuple[str, ...], unwalked: Path, job: Job
) -> None:
    photo(job.known_faces / "dora.png", *people)
    with pytest.raises(PeopleError, match="no usable photo of dora; add one"):
        _mine(unwalked, job, people=("dora",))
    assert not (job.output / "talk" / "parts").exists()
    assert _mine(unwalked, job).steady == 27, "the others can be picked"
    with pytest.raises(
        PeopleError, match=r"photo of dora \(`mine-video name .*talk` says why\); add"
    ):
        _mine(unwalked, job, people=("dora",))


# --- torn files ---------------------------------------------------------------------------------


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def _foreign(path: Path) -> None:
    path.write_text("date,weight\n2020-01-01,70\n")


@pytest.mark.parametrize("harm", [_cut_short, _foreign], ids=["torn", "foreign"])
def test_a_broken_faces_csv_is_told_and_the_advice_helps(
    harm: Callable[[Path], None], talk: Path, job: Job
) -> None:
    _mine(talk, job)
    faces = job.output / "talk" / "faces.csv"
    before = faces.read_bytes()
    harm(faces)
    with pytest.raises(TableError, match=r"faces\.csv.*delete it.*run mine-video"):
        mine.pick(faces.parent, job)
    with pytest.raises(TableError, match=r"faces\.csv.*delete it.*run mine-video"):
        _mine(talk, job)
    faces.unlink()
    assert _mine(talk, job).steady == 27
    assert faces.read_bytes() == before


@pytest.mark.parametrize("name", ["00000.csv", "00000.npz"])
def test_a_broken_part_is_told_and_the_advice_helps(name: str, talk: Path, job: Job) -> None:
    _mine(talk, job)
    folder = job.output / "talk"
    before = (folder / "faces.csv").read_bytes()
    (folder / "tracks.npz").unlink()
    _cut_short(folder / "parts" / name)
    with pytest.raises(TableError, match=rf"{name}.*delete it.*run mine-video"):
        _mine(talk, job)
    (folder / "parts" / name).unlink()
    assert _mine(talk, job).steady == 27
    assert (folder / "faces.csv").read_bytes() == before


def test_a_broken_tracks_npz_is_made_anew(talk: Path, job: Job) -> None:
    _mine(talk, job)
    tracks = job.output / "talk" / "tracks.npz"
    before = tracks.read_bytes()
    _cut_short(tracks)
    assert _mine(talk, job).steady == 27
    assert tracks.read_bytes() == before


@pytest.mark.parametrize("name", ["walk.json", "frames.npz"])
def test_a_broken_walk_is_told_and_the_advice_helps(name: str, talk: Path, job: Job) -> None:
    _mine(talk, job)
    _cut_short(job.output / "talk" / name)
    for call in (lambda: _mine(talk, job), lambda: mine.pick(job.output / "talk", job)):
        with pytest.raises(TableError, match=rf"{name}.*--rewalk"):
            call()
    assert _mine(talk, job, rewalk=True).steady == 27


def test_a_folder_without_a_walk_is_told_and_stays_as_it_is(tmp_path: Path, job: Job) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(TableError, match=r"empty: holds no walk.*mine-video walk MOVIE"):
        mine.pick(tmp_path / "empty", job)
    assert list((tmp_path / "empty").iterdir()) == []


def test_an_output_folder_that_is_a_file_is_told(unwalked: Path, job: Job) -> None:
    job.output.mkdir()
    (job.output / "talk").write_text("in the way")
    with pytest.raises(OutputError, match=r"talk.*cannot be written.*--output"):
        _mine(unwalked, job)
    assert (job.output / "talk").read_text() == "in the way"


def test_everybody_and_somebody_who_is_not_in_the_movie(talk: Path, job: Job) -> None:
    photo(job.known_faces / "carl.png", "carl")
    both = replace(job, people=("any", "carl"), emotions=("happy",))
    found = {o.person: o for o in mine.mine(talk, both, puppet.silent)}
    assert set(found) == {"anna", "ben", "carl"}
    assert (found["carl"].seen, found["carl"].steady) == (0, 0)
    assert found["carl"].hint


def test_a_pick_waits_for_a_decision_to_be_written(talk: Path, job: Job) -> None:
    folder = mine.walk(talk, job, puppet.silent)
    taken, released = Event(), Event()

    def decide() -> None:
        with files.locked(folder):
            taken.set()
            released.wait(0.3)

    writer = Thread(target=decide)
    writer.start()
    taken.wait()
    assert mine.pick(folder, job)
    writer.join()


def test_with_everybody_wanted_folders_of_the_gone_are_emptied(talk: Path, job: Job) -> None:
    everything = replace(job, people=("any",), emotions=("any",), compare=True)
    mine.mine(talk, everything, puppet.silent)
    old = job.output / talk.stem / "anna" / "happy"
    mine_own = old / "my notes.txt"
    mine_own.write_text("kept")
    assert len(_cropped(old)) == 27
    (job.known_faces / "anna.png").rename(job.known_faces / "annie.png")
    mine.mine(talk, replace(everything, compare=False), puppet.silent)
    assert sorted(p.name for p in old.iterdir()) == ["crops.csv", "moments.csv", "my notes.txt"]
    assert len(_cropped(job.output / talk.stem / "annie" / "happy")) == 27


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda lines: [*lines, lines[-1]], "the same track twice", id="a line twice"),
        pytest.param(
            lambda lines: [*lines[:-1], lines[-1].replace(",", ",9", 1)], "has frame 9", id="beyond"
        ),
    ],
)
def test_rows_that_no_walk_writes_are_told(
    change: Callable[[list[str]], list[str]], words: str, talk: Path, job: Job
) -> None:
    folder = mine.walk(talk, job, puppet.silent)
    path = folder / "faces.csv"
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")
    with pytest.raises(TableError, match=words):
        mine.pick(folder, job)
