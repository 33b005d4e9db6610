"""Page Mine: one run at a time, others queue; cancelled ones go on where they stopped."""

import csv
import errno
import io
import os
import re
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from pipeline import files, mine
from pipeline.errors import MovieError, OutputError
from pipeline.files import locked
from pipeline.live.reader import Reader
from pipeline.report import crops
from pipeline.report.outcome import Outcome, StartCropping
from pipeline.settings import Job
from pipeline.walk.part import StartProgress
from pipeline.web import jobs
from pipeline.web import mine as mining
from pipeline.web.app import WebSettings, create_app
from pipeline.web.jobs import RUNNING, Jobs, Run, Speed
from pipeline.web.mine import Mining, ShownRun
from pipeline.web.pages import fragment
from pipeline.web.safety import Policy
from tests.support.application import LIMIT, ORIGIN, browsing, trusted
from tests.support.movies import write_sound
from tests.support.puppet import SETTINGS, Shot, Square, film, photo, plug_in
from tests.web.test_broadcast import wait_for

SECONDS = 25


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds film.mkv, of three parts."""
    folder = tmp_path_factory.mktemp("movies")
    film(folder / "film.mkv", [Shot(5 * SECONDS, [Square("anna", "happy", x=40)])], rate=5)
    (folder / "broken.mkv").write_text("no movie")
    return folder


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    plug_in(monkeypatch)
    photo(tmp_path / "known" / "anna.png", "anna")
    return Job(walk=SETTINGS, known_faces=tmp_path / "known", output=tmp_path / "output")


@pytest.fixture
def runs() -> Iterator[Jobs]:
    found = Jobs()
    yield found
    found.close()


def state(runs: Jobs, number: int) -> str:
    return next(run.state for run in runs.all() if run.number == number)


class Gate:
    """In the place of `mine.mine`: runs until it is let go, telling its progress."""

    def __init__(self) -> None:
        self.begun, self.going = Event(), Event()
        self.movies: list[Path] = []

    def __call__(
        self, movie: Path, job: Job, progress: StartProgress, cropping: StartCropping
    ) -> list[Any]:
        self.movies.append(movie)
        tell = progress(100)
        tell(10, 3)
        self.begun.set()
        while not self.going.wait(0.005):
            tell(0, 0)
        tell(90, 7)
        return []


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    found = Gate()
    monkeypatch.setattr(mine, "mine", found)
    monkeypatch.setattr(mining, "finished_frames", lambda work, left: 0)  # There is no walk.
    return found


class HeldCrops:
    """Holds the writing of crops at the 21st, until it is let go."""

    def __init__(self) -> None:
        self.held, self.going = Event(), Event()
        self._written = 0

    def __call__(self, *given: Any) -> bytes:
        if self._written == 20:
            self.held.set()
            assert self.going.wait(20)
        self._written += 1
        return jpeg(*given)


jpeg = crops.crop_jpeg  # type: ignore[attr-defined]


@pytest.fixture
def held_crops(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldCrops]:
    found = HeldCrops()
    monkeypatch.setattr(crops, "crop_jpeg", found)
    yield found
    found.going.set()


# --- the queue ----------------------------------------------------------------------------------


def test_a_run_mines_the_movie(runs: Jobs, job: Job, videos: Path) -> None:
    run = runs.submit(Mining(videos / "film.mkv", job))
    wait_for(lambda: not runs.all()[0].active)
    done = runs.all()[0]
    assert (done.state, done.error, done.number) == ("done", "", run.number)
    assert (done.total, done.frames, done.faces) == (125, 125, 125)
    assert (done.wanted, done.crops, len(done.newest)) == (125, 125, 16)
    assert done.rate > 0
    assert [(o.person, o.emotion, o.steady) for o in done.outcomes] == [("anna", "happy", 125)]
    assert len(list((job.output / "film" / "anna" / "happy").glob("film_*.jpg"))) == 125


def test_one_runs_at_a_time_and_the_others_wait(runs: Jobs, job: Job, gate: Gate) -> None:
    for name in ("a", "b", "c"):
        runs.submit(Mining(Path(name), job))
    assert gate.begun.wait(10)
    assert [run.state for run in runs.all()] == ["waiting", "waiting", "running"]
    assert [run.frames for run in runs.all()] == [0, 0, 10]
    gate.going.set()
    wait_for(lambda: not any(run.active for run in runs.all()))
    assert gate.movies == [Path("a"), Path("b"), Path("c")]


def test_what_runs_can_be_cancelled_and_the_next_begins(runs: Jobs, job: Job, gate: Gate) -> None:
    first, second = runs.submit(Mining(Path("a"), job)), runs.submit(Mining(Path("b"), job))
    assert gate.begun.wait(10)
    runs.cancel(first.number)
    wait_for(lambda: state(runs, second.number) == "running")
    assert state(runs, first.number) == "cancelled"


def test_what_waits_can_be_cancelled(runs: Jobs, job: Job, gate: Gate) -> None:
    runs.submit(Mining(Path("a"), job))
    waiting = runs.submit(Mining(Path("b"), job))
    runs.cancel(waiting.number)
    last = runs.submit(Mining(Path("c"), job))
    gate.going.set()
    wait_for(lambda: state(runs, last.number) == "done")
    assert gate.movies == [Path("a"), Path("c")]


def test_what_is_over_is_not_cancelled(runs: Jobs, job: Job, gate: Gate) -> None:
    gate.going.set()
    run = runs.submit(Mining(Path("a"), job))
    wait_for(lambda: state(runs, run.number) == "done")
    runs.cancel(run.number)
    assert state(runs, run.number) == "done"


def test_a_cancelled_run_goes_on_with_its_parts(
    runs: Jobs, job: Job, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled in the second part: the first one is not walked again, but counted."""
    told: list[int] = []
    tell = Jobs.tell

    def cancelling(self: Jobs, number: int, **changes: Any) -> Run:
        told.append(changes.get("frames", 0))
        if told[-1] > 70:
            self.cancel(number)
        return tell(self, number, **changes)

    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "tell", cancelling)
        run = runs.submit(Mining(videos / "film.mkv", job))
        wait_for(lambda: state(runs, run.number) == "cancelled")
    before = {path.name for path in (job.output / "film" / "parts").glob("*.npz")}
    runs.again(run.number)
    wait_for(lambda: not runs.all()[0].active)
    (over,) = runs.all()
    assert (over.number, over.state) == (run.number, "done"), "it is the run that goes on"
    assert before
    assert (over.total, over.frames) == (125, 125)
    assert 0 < over.faces < 125, "what was finished is not walked again"
    assert over.outcomes[0].steady == 125


def test_going_on_begins_with_the_finished_frames(runs: Jobs, job: Job, gate: Gate) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mining, "finished_frames", lambda work, left: 761)
        runs.submit(Mining(Path("a"), job))
        assert gate.begun.wait(10)
        assert (runs.all()[0].frames, runs.all()[0].total) == (771, 861)


def test_what_is_done_again_waits_its_turn_once(runs: Jobs, job: Job, gate: Gate) -> None:
    """Asked for twice, by two tabs: while it waits, runs, and when it is done."""
    first, second = runs.submit(Mining(Path("a"), job)), runs.submit(Mining(Path("b"), job))
    runs.cancel(second.number)
    third = runs.submit(Mining(Path("c"), job))
    for _ in range(2):
        runs.again(second.number)
        assert [run.number for run in runs.all()] == [second.number, third.number, first.number]
    assert gate.begun.wait(10)
    runs.again(first.number)
    gate.going.set()
    wait_for(lambda: not any(run.active for run in runs.all()))
    for run in (first, second, third):
        runs.again(run.number)
    assert [run.state for run in runs.all()] == ["done"] * 3
    assert gate.movies == [Path("a"), Path("c"), Path("b")]


def test_what_was_ordered_anew_does_not_go_on_too(runs: Jobs, job: Job, gate: Gate) -> None:
    runs.submit(Mining(Path("a"), job))
    cancelled = runs.submit(Mining(Path("b"), job))
    runs.cancel(cancelled.number)
    anew = runs.submit(Mining(Path("b"), job))
    runs.again(cancelled.number)
    assert [run.state for run in runs.all()][:2] == ["waiting", "cancelled"]
    assert runs.all()[0].number == anew.number


def test_work_that_is_done_before_it_stops_is_done(runs: Jobs, job: Job, gate: Gate) -> None:
    """Its last news was told before."""

    class Done(Mining):
        def do(self, watch: jobs.Watch) -> list[Any]:
            gate.begun.set()
            assert gate.going.wait(10)
            return ["all"]

    run = runs.submit(Done(Path("a"), job))
    assert gate.begun.wait(10)
    runs.cancel(run.number)
    assert state(runs, run.number) == "stopping"
    gate.going.set()
    wait_for(lambda: not runs.all()[0].active)
    assert (runs.all()[0].state, runs.all()[0].outcomes) == ("done", ["all"])


def test_speed_is_that_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten a second for 60 s, then one a second; what came before the first news is left out."""
    now = 1000.0
    monkeypatch.setattr("pipeline.web.jobs.time.monotonic", lambda: now)
    speed = Speed()
    assert speed(100) == 0
    for _ in range(60):
        now += 1
        fast = speed(10)
    assert fast == 10
    slow = []
    for _ in range(6):
        now += 1
        slow.append(speed(1))
    assert slow[0] == pytest.approx((4 * 10 + 1) / 5)
    assert slow[4] == slow[5] == 1
    now += 60
    assert speed(6) == pytest.approx(0.1), "what stands still becomes slow"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MovieError("a: no such movie"), "a: no such movie"),
        (ZeroDivisionError(), "stopped by a bug; please report it, with the lines in the terminal"),
    ],
)
def test_a_failure_is_told_and_the_next_run_begins(
    runs: Jobs, job: Job, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def failing(*_: object) -> list[Any]:
        raise error

    monkeypatch.setattr(mine, "mine", failing)
    first, second = runs.submit(Mining(Path("a"), job)), runs.submit(Mining(Path("b"), job))
    wait_for(lambda: not any(run.active for run in runs.all()))
    assert [(r.number, r.state, r.error) for r in runs.all()] == [
        (second.number, "failed", told), (first.number, "failed", told),
    ]  # fmt: skip


def test_there_is_no_run_of_another_number(runs: Jobs) -> None:
    with pytest.raises(KeyError):
        runs.cancel(7)


# --- the page -----------------------------------------------------------------------------------


@pytest.fixture
def app(reader: Reader, job: Job, videos: Path) -> FastAPI:
    settings = WebSettings(job, videos=videos, limit=LIMIT)
    return create_app(reader, settings, Policy(limit=LIMIT))


@pytest.fixture(scope="module")
def reading(
    reader: Reader, videos: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    """A page of ours, for tests after which nothing is ordered."""
    place = tmp_path_factory.mktemp("reading")
    photo(place / "known" / "anna.png", "anna")
    job = Job(walk=SETTINGS, known_faces=place / "known", output=place / "output")
    settings = WebSettings(job, videos=videos, limit=LIMIT)
    with pytest.MonkeyPatch.context() as patch:
        plug_in(patch)
        with browsing(create_app(reader, settings, Policy(limit=LIMIT))) as found:
            yield found


def test_the_page_offers_what_there_is(client: TestClient) -> None:
    text = client.get("/mine").text
    assert '<option value="film.mkv">film.mkv</option>' in text
    assert 'name="person" value="anna"' in text
    assert 'name="person" value="unknown"' in text
    assert text.count('name="emotion"') == 7


def test_a_movie_is_mined_from_the_page(client: TestClient, job: Job) -> None:
    order = {"movie": "film.mkv", "person": ["anna"], "emotion": ["happy", "sad"], "repeat": "12"}
    assert client.post("/mine", data=order).status_code == 303
    wait_for(lambda: client.get("/api/runs").json()[0]["state"] == "done")
    text = client.get("/mine").text
    assert "anna · happy, sad · holding for 12 frames · sure 0.7" in text
    assert '<a href="/review/film/anna/happy">happy</a>' in text
    assert f"<code>{job.output / 'film'}</code>" in text
    assert "anna never looks " in text


@pytest.mark.parametrize("asked", [{"silent_only": "true"}, {"after": "hello"}])
def test_a_movie_without_words_says_so(client: TestClient, asked: dict[str, str]) -> None:
    """A page reads no file of subtitles, so that what is spoken is asked of the movie."""
    client.post("/mine", data={"movie": "film.mkv"} | asked)
    wait_for(lambda: client.get("/api/runs").json()[0]["state"] == "failed")
    assert "has no text subtitles" in client.get("/api/runs").json()[0]["error"]


def test_who_is_asked_for_must_be_there(client: TestClient) -> None:
    for name in ("with_", "without"):
        order = {"movie": "film.mkv", name: "nobody"}
        assert client.post("/mine", data=order).status_code == 404


def test_a_movie_that_cannot_be_chosen_is_told(client: TestClient) -> None:
    """Or the first one of the list would be mined in its place."""
    told = "is not in the folder of movies: choose another"
    assert f"<bdi>gone.mkv</bdi> {told}" in client.get("/mine?movie=gone.mkv").text
    assert told not in client.get("/mine?movie=film.mkv").text
    assert told not in client.get("/mine").text


def test_who_has_no_photo_of_their_own_is_not_offered(client: TestClient, job: Job) -> None:
    photo(job.known_faces / "thom" / "not" / "somebody.png", "carl")
    assert mining.people(job.known_faces) == ["anna", "unknown"]
    assert client.post("/mine", data={"movie": "film.mkv", "person": "thom"}).status_code == 404


def chosen(text: str) -> list[str]:
    """What a page's form is filled in with."""
    text, _, more = text.partition("<details")
    picked = re.findall(r'<option value="([^"]*)" selected>|value="(\w+)" checked', text)
    numbers = re.findall(r'type="number".* value="([\d.]+)"', text)
    return [movie or box for movie, box in picked] + numbers + changed_filters(more)


def shown_filter(field: mining.FilterField) -> str:
    """What its input holds."""
    if field.value is None:
        return ""
    return f"{field.value:g}" if field.kind == "number" else str(field.value)


def changed_filters(text: str) -> list[str]:
    """What the folded part of a page's form is filled in with, but for what is usual."""
    filled = re.findall(r'name="(\w+)" value="([^"]*)"( checked)?', text)
    selected = re.findall(
        r'name="(\w+)">\s*(?:<option .*\s*)*?<option value="(.+)" selected>', text
    )
    usual = mining.filter_fields(Job())
    numbers = {f.name: shown_filter(f) for f in usual}
    boxes = {f.name for f in usual if f.kind in ("checkbox", "people")}
    return [f"{name}={value}" for name, value in selected] + [
        f"{name}={value}"
        for name, value, checked in filled
        if name in numbers and (bool(checked) if name in boxes else value != numbers[name])
    ]


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        ({"movie": "film.mkv"}, ["film.mkv", "8", "0.7"]),
        (
            {"movie": "film.mkv", "person": ["anna", "unknown"], "emotion": ["sad"]}
            | {"repeat": "3", "sure": "0.25"},
            ["film.mkv", "anna", "unknown", "sad", "3", "0.25"],
        ),
        (
            {"movie": "film.mkv", "repeat": "8", "sure": "0.7", "smooth": "5", "gap": "2"}
            | {"max_yaw": "30.5", "single_face": "true", "per_run": "0", "min_prob": "0"},
            ["film.mkv", "8", "0.7", "smooth=5", "gap=2", "max_yaw=30.5", "single_face=true"],
        ),
        (
            {"movie": "film.mkv", "border": "5", "learn": "true"},
            ["film.mkv", "8", "0.7", "border=5", "learn=true"],
        ),
        (
            {"movie": "film.mkv", "border": "", "from_": "", "after": ""},
            ["film.mkv", "8", "0.7"],
        ),
        (
            {"movie": "film.mkv", "with_": ["unknown"], "without": ["anna"], "peak": "true"},
            ["film.mkv", "8", "0.7", "with_=unknown", "without=anna", "peak=true"],
        ),
        (
            {"movie": "film.mkv", "from_": "neutral", "within": "2", "after": "Hi, *"},
            ["film.mkv", "8", "0.7", "from_=neutral", "within=2", "after=Hi, *", "onset=true"],
        ),
        (
            {"movie": "film.mkv", "from_": "fear+sad"},
            ["film.mkv", "8", "0.7", "from_=fear+sad", "onset=true"],
        ),
    ],
)
def test_what_was_ordered_stays_chosen(
    client: TestClient, gate: Gate, order: dict[str, Any], wanted: list[str]
) -> None:
    """After the start, and after each deed."""
    for deed in ("", "/0/cancel", "/0/again"):
        answer = client.post(f"/mine{deed}", data={} if deed else order)
        assert chosen(client.get(answer.headers["location"]).text) == wanted


@pytest.mark.parametrize(
    ("query", "status", "wanted"),
    [
        ("", 200, ["8", "0.7"]),
        ("?movie=film.mkv", 200, ["film.mkv", "8", "0.7"]),
        ("?movie=gone.mkv&person=nobody&added=true", 200, ["8", "0.7"]),
        ("?repeat=0", 422, []),
        ("?sure=2", 422, []),
        ("?emotion=angst", 422, []),
        ("?smooth=4", 422, []),
        ("?max_yaw=91", 422, []),
        ("?min_size=-1", 422, []),
        ("?single_face=perhaps", 422, []),
        ("?peak=true&onset=true", 422, []),
        ("?from_=sad%2Bfear", 422, []),
        ("?from_=fear%2Bsad&emotion=sad", 422, []),
        ("?within=-1", 422, []),
        ("?gap=3&smooth=auto", 200, ["8", "0.7", "gap=3"]),
    ],
)
def test_only_what_there_is_can_be_chosen(
    reading: TestClient, query: str, status: int, wanted: list[str]
) -> None:
    answer = reading.get(f"/mine{query}")
    assert (answer.status_code, chosen(answer.text)) == (status, wanted)
    assert "was added" not in answer.text


def test_hints_are_in_the_words_of_the_form(client: TestClient) -> None:
    """Followed on the page, they help: its puppets are 0.963 sure for 125 frames."""
    order = {"movie": "film.mkv", "emotion": "happy", "repeat": "200", "sure": "0.99"}

    def told() -> str:
        client.post("/mine", data=order)
        wait_for(lambda: client.get("/api/runs").json()[0]["state"] == "done")
        text = client.get("/mine/runs").text
        return text[: text.index("</section>")]

    assert "at most 0.96 sure; try sure 0.96, holding for 125<" in told()
    order["sure"] = "0.8"
    assert "longest run is 125 of 200 frames; try holding for 125<" in told()
    order |= {"sure": "0.96", "repeat": "125"}
    assert "try" not in told()


def test_options_of_the_program_are_told_as_such(job: Job) -> None:
    told = "distance 0.41; try --tolerance 0.42, or add a photo like it"
    outcomes = [Outcome("anna", "any", 0, 0, 0, Path("output/film/anna"), told, {})]
    run = Run(0, Mining(Path("film.mkv"), job), "done", outcomes=outcomes)
    text = fragment("runs.html", runs=[ShownRun(run, [])], csrf="", csrf_field="csrf")
    assert "distance 0.41; start with --tolerance 0.42, or add a photo like it" in text
    assert "<code>" not in text, "no crops lie anywhere"


def part(path: Path, colour: str) -> None:
    """A part of one face."""
    file = io.BytesIO()
    Pillow.new("RGB", (64, 64), colour).save(file, "jpeg")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, thumb=np.array([file.getvalue()], np.bytes_))


def shown(text: str) -> list[str]:
    """The colours of the pictures of a page."""
    found = []
    for data in text.split('src="data:image/jpeg;base64,')[1:]:
        with Pillow.open(io.BytesIO(b64decode(data.partition('"')[0]))) as picture:
            r, _, b = np.array(picture).reshape(-1, 3).mean(axis=0)
            found.append("red" if r > b else "blue")
    return found


def test_faces_are_shown_as_they_come(client: TestClient, gate: Gate, job: Job) -> None:
    """Those of this run, of the part that was finished last, whatever its number."""
    parts = job.output / "film" / "parts"
    part(parts / "7.npz", "blue")
    wait_for(lambda: time.time() > (parts / "7.npz").stat().st_mtime + 0.02)
    client.post("/mine", data={"movie": "film.mkv"})
    client.post("/mine", data={"movie": "film.mkv"})
    assert gate.begun.wait(10)
    text = client.get("/mine/runs").text
    assert '<progress max="100" value="10"' in text
    assert "10 of 100 frames" in text
    assert shown(text) == [], "they are of an earlier run"
    part(parts / "5.npz", "blue")
    part(parts / "3.npz", "red")
    later = (parts / "5.npz").stat().st_mtime + 1
    os.utime(parts / "3.npz", (later, later))
    assert shown(client.get("/mine/runs").text) == ["red"], "what waits shows none"
    assert client.post("/mine/1/cancel").status_code == 303
    assert client.post("/mine/0/cancel").status_code == 303
    wait_for(lambda: client.get("/api/runs").json()[0]["state"] == "cancelled")
    text = client.get("/mine/runs").text
    assert "Continue" in text
    assert "10 of 100 frames" in text, "how far it had got"


def test_torn_files_take_no_page_away(client: TestClient, gate: Gate, job: Job) -> None:
    folder = job.output / "film"
    client.post("/mine", data={"movie": "film.mkv"})
    assert gate.begun.wait(10)
    part(folder / "parts" / "0.npz", "red")
    (folder / "walk.json").write_text("{")
    for over in (False, True):
        for path in ("/mine", "/mine/runs"):
            answer = client.get(path)
            assert (answer.status_code, shown(answer.text)) == (200, [])
            assert ("film.mkv</bdi>: done" in answer.text) is over
        (folder / "walk.json").write_text("{")
        gate.going.set()
        wait_for(lambda: client.get("/api/runs").json()[0]["state"] == "done")


def crops_of(folder: Path) -> tuple[list[str], list[str]]:
    """What lies there, and what is listed."""
    with (folder / "crops.csv").open(encoding="utf-8", newline="") as file:
        listed = [row["file"] for row in csv.DictReader(file)]
    return sorted(path.name for path in folder.glob("*_f*.jpg")), sorted(listed)


def test_picking_shows_its_crops_and_stops_at_the_next(
    client: TestClient, held_crops: HeldCrops, job: Job
) -> None:
    client.post("/mine", data={"movie": "film.mkv", "emotion": "happy"})
    assert held_crops.held.wait(20)
    text = client.get("/mine/runs").text
    assert "film.mkv</bdi>: picking" in text
    assert '<progress max="125" value="20" aria-label="Crops written">' in text
    assert "20 of 125 crops" in text
    assert len(shown(text)) == 16
    folder = job.output / "film"
    assert client.post("/mine/0/cancel").status_code == 303
    text = client.get("/mine/runs").text
    assert "film.mkv</bdi>: stopping" in text
    assert "data-active" in text
    assert "<button" not in text
    with pytest.raises(OutputError), locked(folder):
        pass
    held_crops.going.set()
    wait_for(lambda: client.get("/api/runs").json()[0]["state"] == "cancelled")
    with locked(folder):
        there, listed = crops_of(folder / "anna" / "happy")
    assert there == listed
    assert len(there) == 21
    assert "Continue" in client.get("/mine/runs").text
    client.post("/mine/0/again")
    wait_for(lambda: client.get("/api/runs").json()[0]["state"] == "done")
    there, listed = crops_of(folder / "anna" / "happy")
    assert there == listed
    assert len(there) == 125


def test_crops_that_are_gone_take_no_page_away(job: Job, tmp_path: Path) -> None:
    run = Run(0, Mining(Path("film.mkv"), job), RUNNING, newest=(tmp_path / "gone.jpg",))
    assert mining.newest(run) == []
    assert mining.newest(replace(run, work=Mining(tmp_path / "gone.mkv", job), newest=())) == []


def test_one_frame_is_called_one(client: TestClient, gate: Gate) -> None:
    client.post("/mine", data={"movie": "film.mkv", "repeat": "1"})
    text = client.get("/mine/runs").text
    assert "everybody · any emotion · holding for 1 frame ·" in text


def test_buttons_say_whose_they_are(client: TestClient, gate: Gate) -> None:
    client.post("/mine", data={"movie": "film.mkv"})
    assert 'aria-label="Cancel: film.mkv" aria-describedby="order-0"' in client.get("/mine").text


def test_a_run_goes_on_from_the_page(client: TestClient, gate: Gate) -> None:
    client.post("/mine", data={"movie": "film.mkv"})
    client.post("/mine/0/cancel")
    wait_for(lambda: client.get("/api/runs").json()[0]["state"] == "cancelled")
    for _ in range(2):
        assert client.post("/mine/0/again").status_code == 303
    assert len(client.get("/api/runs").json()) == 1
    gate.going.set()
    wait_for(lambda: client.get("/api/runs").json()[0]["state"] == "done")


def test_a_failure_is_told_on_the_page(client: TestClient) -> None:
    client.post("/mine", data={"movie": "broken.mkv"})
    wait_for(lambda: client.get("/api/runs").json()[0]["state"] == "failed")
    assert "not a playable movie, or damaged" in client.get("/mine").text


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"movie": "../film.mkv"}, 404),
        ({"movie": "/etc/passwd"}, 404),
        ({"movie": "film.mkv", "person": "nobody"}, 404),
        ({"movie": "film.mkv", "person": "../anna"}, 404),
        ({"movie": "film.mkv", "emotion": "angst"}, 422),
        ({"movie": "film.mkv", "repeat": "0"}, 422),
        ({"movie": "film.mkv", "repeat": "nan"}, 422),
        ({"movie": "film.mkv", "sure": "nan"}, 422),
        ({"movie": "film.mkv", "sure": "1.1"}, 422),
        ({}, 404),
    ],
)
def test_only_what_is_offered_can_be_ordered(
    reading: TestClient, order: dict[str, str], status: int
) -> None:
    assert reading.post("/mine", data=order).status_code == status
    assert reading.get("/api/runs").json() == []


def test_a_movie_is_added_and_offered(client: TestClient, videos: Path) -> None:
    data = (videos / "film.mkv").read_bytes()
    answer = client.post("/mine/movie", files={"movie": ("../x/Mein Film.MKV", data)})
    assert answer.status_code == 303
    told = client.get(answer.headers["location"]).text
    (added,) = [path for path in videos.iterdir() if "Film" in path.name]
    assert added.suffix == ".mkv"
    assert added.read_bytes() == data
    assert f">{added.name}</option>" in client.get("/mine").text
    assert f"<bdi>{added.name}</bdi> was added" in told
    assert f'<option value="{added.name}" selected>' in told
    again = client.post("/mine/movie", files={"movie": ("Mein Film.mkv", b"other")})
    assert again.status_code == 409
    assert added.read_bytes() == data
    added.unlink()


def test_a_long_name_keeps_its_ending(client: TestClient, videos: Path) -> None:
    data = (videos / "film.mkv").read_bytes()
    name = "The.Lord.of.the.Rings.The.Fellowship.of.the.Ring.2001.EXTENDED.1080p.BluRay.x264-A.MKV"
    answer = client.post("/mine/movie", files={"movie": (name, data)})
    assert answer.status_code == 303
    (added,) = videos.glob("The*")
    assert added.suffix == ".mkv"
    added.unlink()


def test_a_name_is_sent_as_it_is(client: TestClient, videos: Path) -> None:
    """A browser makes one space of two in what has no value of its own."""
    path = videos / "my  film .mkv"
    path.symlink_to(videos / "film.mkv")
    assert f'<option value="{path.name}">' in client.get("/mine").text
    path.unlink()


def test_where_uploads_find_no_room_it_is_told(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: object, *_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("starlette.datastructures.UploadFile.write", full)
    answer = client.post("/mine/movie", files={"movie": ("a.mp4", b"a movie")})
    assert answer.status_code == 507
    assert "cannot be stored (No space left on device); free some space in" in answer.text


def test_where_movies_find_no_room_the_folder_is_told(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pipeline.web.mine.shutil.copyfileobj", full)
    answer = client.post("/mine/movie", files={"movie": ("a.mp4", b"a movie")})
    assert "another folder with --videos" in answer.text


def test_what_a_killed_server_left_is_removed(app: FastAPI, settings: WebSettings) -> None:
    """And not what another one writes just now, whatever the clock says."""
    videos = settings.videos
    old, other = (videos / name for name in (".a.mkv.123.tmp", ".hidden.tmp"))
    for path in (old, other):
        path.write_bytes(b"a part")
    with files.replacing(videos / "b.mkv"):
        new = files.beside(videos / "b.mkv")
        os.utime(new, (0, 0))
        with TestClient(app, base_url=ORIGIN):
            pass
        assert [path.exists() for path in (old, new, other)] == [False, True, True]
    other.unlink()
    (videos / "b.mkv").unlink()


def test_words_that_are_no_text_are_told_all_the_same(client: TestClient, job: Job) -> None:
    job.known_faces.mkdir(exist_ok=True)
    photo(Path(os.fsdecode(os.fsencode(job.known_faces) + b"/-caf\xe9.png")), "anna")
    answer = client.get("/mine")
    assert answer.status_code == 409
    assert r"-caf\udce9" in answer.text


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (lambda _: b"no movie", "a.mp4: not a playable movie, or damaged; check that it plays"),
        (
            lambda folder: write_sound(folder / "a.mp4").read_bytes(),
            "a.mp4: has no video stream; give a movie with pictures",
        ),
    ],
    ids=["broken", "sound"],
)
def test_a_movie_that_cannot_be_read_is_told_with_what_to_do(
    client: TestClient, tmp_path: Path, data: Callable[[Path], bytes], told: str
) -> None:
    answer = client.post("/mine/movie", files={"movie": ("a.mp4", data(tmp_path))})
    assert answer.status_code == 415
    assert told in answer.text
    assert "Errno" not in answer.text


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.exe", b"MZ"), ("a.mp4", b"no movie"), ("a", b""), ("..", b""), ("a.m3u8", b"#EXTM3U")],
)
def test_what_is_no_movie_is_not_kept(
    reading: TestClient, videos: Path, name: str, data: bytes
) -> None:
    before = sorted(videos.rglob("*"))
    answer = reading.post("/mine/movie", files={"movie": (name, data)})
    assert answer.status_code == 415
    assert str(videos) not in answer.text
    assert sorted(videos.rglob("*")) == before


@pytest.mark.parametrize(("path", "status"), [("/mine/movie", 415), ("/api/photo", 413)])
def test_only_movies_may_be_large(client: TestClient, path: str, status: int) -> None:
    files = {"movie": ("a.mp4", bytes(2 * LIMIT)), "photo": ("a.png", b"")}
    assert client.post(path, files=files).status_code == status


def test_movies_end_at_a_limit_too(made: Callable[[Policy], FastAPI], job: Job) -> None:
    policy = Policy(limit=LIMIT, movie_limit=LIMIT)
    with TestClient(made(policy), base_url=ORIGIN, headers=trusted(policy)) as client:
        files = {"movie": ("a.mp4", bytes(2 * LIMIT))}
        assert client.post("/mine/movie", files=files).status_code == 413


@pytest.mark.parametrize("deed", ["cancel", "again"])
def test_there_is_no_other_run(reading: TestClient, deed: str) -> None:
    assert reading.post(f"/mine/7/{deed}").status_code == 404


def test_closing_the_server_stops_what_runs(
    made: Callable[[Policy], FastAPI], app: FastAPI, gate: Gate
) -> None:
    with TestClient(app, base_url=ORIGIN, headers=trusted(app.state.policy)) as client:
        client.post("/mine", data={"movie": "film.mkv"})
        assert gate.begun.wait(10)
    assert not gate.going.is_set()
