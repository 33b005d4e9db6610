"""Page People: who is shown, what names come to, and what they leave."""

import io
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from pipeline import files, mine
from pipeline.cast import cast, changes
from pipeline.cast import cast as casting
from pipeline.cast.changes import NameWish
from pipeline.cast.company import version
from pipeline.cast.folder import PrintedMember
from pipeline.cast.portraits import cut_portraits
from pipeline.disk import tracks_npz
from pipeline.errors import OutputError
from pipeline.live.reader import Reader
from pipeline.people import gallery as galleries
from pipeline.people.rename import rename
from pipeline.settings import Job
from pipeline.web.app import WebSettings, create_app
from pipeline.web.people import MOST_NAMED
from pipeline.web.safety import CSRF_FIELD, Policy
from tests.cast.test_cast import _plug_in as plug_in
from tests.support import puppet
from tests.support.application import HOST, LIMIT, ORIGIN, browsing, trusted
from tests.support.cast_page import app, folder, gallery, job, names, sorted_place
from tests.support.fuzz import MODES, fuzz
from tests.support.program import Program, caller
from tests.support.puppet import TOLERANCES, photo
from tests.web.test_broadcast import wait_for

if TYPE_CHECKING:
    from schemathesis import Case

__all__ = ["app", "folder", "job", "sorted_place"]

HOSTILE = "<img src=x onerror=alert(1)>"
Form = dict[str, Any]
Wishes = tuple[dict[int, str], dict[str, str]]
"""Names for numbers of the cast, and for known people."""

HUES = {"dora": 270, "emil": 45}


def know(job: Job, *people: str) -> None:
    """Puts photos of those who are not in the movie into the known faces."""
    for person in people:
        photo(job.known_faces / f"{person}.png", HUES[person])


def form(
    folder: Path, cast: dict[int, str] | None = None, known: dict[str, str] | None = None
) -> Form:
    """What the page sends."""
    cast, known = cast or {}, known or {}
    return {
        "cast": version(folder), "number": [str(n) for n in cast], "name": list(cast.values()),
        "old": list(known), "new": list(known.values()),
    }  # fmt: skip


def planned(client: TestClient, given: Form) -> dict[str, Any]:
    answer = client.post("/api/people/film/plan", data=given)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def given_names(client: TestClient, given: Form) -> httpx2.Response:
    answer: httpx2.Response = client.post("/people/film", data=given)
    return answer


def page(client: TestClient) -> str:
    """The page's text, as it is read."""
    answer = client.get("/people/film")
    assert answer.status_code == 200
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))


# --- what is shown ------------------------------------------------------------------------------


def test_walked_movies_are_listed_and_broken_ones_told(client: TestClient, job: Job) -> None:
    shutil.copytree(job.output / "film", job.output / "torn & broken")
    (job.output / "torn & broken" / "walk.json").write_text("{")
    shutil.copytree(job.output / "film", job.output / "half")
    (job.output / "half" / "tracks.npz").unlink()
    (job.output / "notes").mkdir()
    answer = client.get("/people")
    assert answer.status_code == 200
    assert answer.text.count('href="/people/') == 1
    assert 'href="/people/film"' in answer.text
    assert "torn &amp; broken" in answer.text
    assert "walk.json: " in answer.text
    assert "its walk is not finished" in answer.text
    assert answer.text.count('href="/mine?movie=') == 1
    assert '<a href="/mine?movie=film.mkv">continue in Mine</a>' in answer.text
    assert str(job.output) not in answer.text  # The row has its name.
    assert "notes" not in answer.text
    assert client.get(f"/people/{quote('torn & broken')}").status_code == 409


@pytest.mark.parametrize("name", ["film\u3000映画", "non\u00a0breaking", "zero\u200dwidth", "née"])
def test_any_name_that_can_be_shown_is(client: TestClient, job: Job, name: str) -> None:
    (job.output / "film").rename(job.output / name)
    assert f'href="/people/{quote(name)}"' in client.get("/people").text
    assert client.get(f"/people/{quote(name)}").status_code == 200


@pytest.mark.parametrize("name", [".hidden", "back\\slash", "new\nline", "by\udce9te"])
def test_a_name_that_no_page_can_show_is_none(client: TestClient, job: Job, name: str) -> None:
    (job.output / "film").rename(job.output / name)
    assert "No movie has been walked yet" in client.get("/people").text
    assert client.get(f"/people/{quote(name, errors='surrogateescape')}").status_code == 404


def test_without_a_walked_movie_the_way_is_shown(client: TestClient, job: Job) -> None:
    shutil.rmtree(job.output)
    assert "No movie has been walked yet" in client.get("/people").text


def test_the_cast_is_shown_by_screen_time_with_its_pictures(client: TestClient) -> None:
    text = client.get("/people/film").text
    assert re.findall(r'data-card="([^"]+)"', text) == ["cast-1", "cast-2", "cast-3"]
    assert re.findall(r"<p>(\S+) on screen</p>", text) == ["0:01.6", "0:01.0", "0:00.8"]
    sources = re.findall(r'src="(/pictures/[^"]+)"', text)
    assert len(sources) >= 3
    for source in sources:
        answer = client.get(source)
        assert answer.headers["content-type"] == "image/jpeg"
        with Pillow.open(io.BytesIO(answer.content)) as picture:
            assert picture.format == "JPEG"
            assert "exif" not in picture.info  # Where a crop comes from is nobody's business.


def test_known_people_are_shown_with_how_sure_they_are(
    client: TestClient, job: Job, folder: Path
) -> None:
    photo(job.known_faces / "anna.png", "anna")
    assert "The known faces have changed" in page(client)
    assert client.post("/people/film").status_code == 303
    assert names(folder) == {"anna", ""}
    text = client.get("/people/film").text
    assert re.findall(r'data-card="([^"]+)"', text) == ["known-anna", "cast-2", "cast-3"]
    assert "2 tracks, distance 0.0" in page(client)
    assert re.findall(r"nearest: anna (\S+)", page(client)) == ["1.414", "2.000"]
    assert f"above {TOLERANCES.name} the track gets no name" in page(client)
    assert text.count('src="data:image/jpeg;base64,') == 2  # A face of each track.
    assert client.get("/pictures/known/anna").headers["content-type"] == "image/jpeg"
    assert "The known faces have changed" not in page(client)


def test_looking_changes_nothing(client: TestClient, job: Job, folder: Path) -> None:
    photo(job.known_faces / "anna.png", "anna")
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    page(client)
    with files.locked(folder):  # Nor waits for what is being done there.
        page(client)
    after = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    assert {p: t for p, t in after.items() if ".lock" not in p.name} == {
        p: t for p, t in before.items() if ".lock" not in p.name
    }


def test_a_walk_that_was_never_named_is_shown(client: TestClient, job: Job, folder: Path) -> None:
    """Stopped between the two: there are no distances yet."""
    tracks = tracks_npz.read_tracks(folder / "tracks.npz")
    plain = tracks_npz.Tracks(
        tracks.embedding, tracks.track, tracks.frame, tracks.quality, tracks.walk
    )  # fmt: skip
    tracks_npz.write_tracks(folder / "tracks.npz", plain)
    assert "The known faces have changed" in page(client)
    photo(job.known_faces / "anna.png", "anna")
    assert client.post("/people/film").status_code == 303
    assert "anna 0:01.6 on screen" in page(client)  # Without small faces: there are none.


def test_a_torn_cast_is_told(client: TestClient, folder: Path) -> None:
    (folder / "cast.csv").write_text("cluster,track\n1,x\n")
    answer = client.get("/people/film")
    assert answer.status_code == 409
    assert "cast.csv: damaged or changed" in answer.text


def test_tracks_that_are_on_no_card_are_told(client: TestClient, folder: Path) -> None:
    assert "not shown" not in page(client)
    rows = (folder / "cast.csv").read_text().splitlines(keepends=True)
    (folder / "cast.csv").write_text("".join(rows[:-1]))
    assert "1 other track is not shown: too short, too small" in page(client)
    (folder / "cast.csv").write_text(rows[0])
    assert "4 tracks are not shown" in page(client)


def test_fields_are_called_after_their_cards(client: TestClient, job: Job) -> None:
    photo(job.known_faces / "anna.png", "anna")
    client.post("/people/film")
    told = re.findall(r'aria-label="(Name of [^"]+)"', client.get("/people/film").text)
    assert told == ["Name of anna", "Name of number 2", "Name of number 3"]


def test_photos_that_were_deleted_are_missed(client: TestClient, folder: Path) -> None:
    shutil.rmtree(folder / "cast" / "2")
    assert "Its photos were deleted" in page(client)
    told = planned(client, form(folder, {2: "ben"}))
    assert told["problems"] == [
        {"card": "cast-2", "why": "2 is not in the cast; reload the page"}
    ]  # fmt: skip


# --- sorting ------------------------------------------------------------------------------------


@pytest.fixture
def unsorted(folder: Path) -> Path:
    shutil.rmtree(folder / "cast")
    (folder / "cast.csv").unlink()
    return folder


def state(client: TestClient) -> str:
    runs = client.get("/api/runs").json()
    return next(run["state"] for run in runs if run["kind"] == "cast")


def test_the_unknown_faces_are_sorted_from_the_page(client: TestClient, unsorted: Path) -> None:
    text = page(client)
    assert "0:02.4 of faces without a name, in 4 tracks." in text
    assert "Sort the unknown faces into people" in text
    answer = client.post("/people/film/cast")
    assert (answer.status_code, answer.headers["location"]) == (303, "/people/film")
    wait_for(lambda: state(client) == "done")
    assert client.get("/people/film").text.count('data-card="cast-') == 3
    assert (unsorted / "cast" / "sheet.jpg").exists()
    assert client.get("/mine").text.count("<section") == 0  # That page shows what is mined.


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Mining takes until it is let go."""
    going = Event()

    def mining(*_: object) -> list[Any]:
        assert going.wait(20)
        return []

    monkeypatch.setattr(mine, "mine", mining)
    yield going
    going.set()


def test_sorting_waits_for_mining_and_can_be_taken_out(
    client: TestClient, unsorted: Path, held: Event
) -> None:
    client.post("/mine", data={"movie": "film.mkv"})
    client.post("/people/film/cast")
    client.post("/people/film/cast")
    assert [run["kind"] for run in client.get("/api/runs").json()] == ["cast", "mine"]
    piece = client.get("/people/film/cast").text
    assert "wait to be sorted" in piece
    assert "data-active" in piece
    assert client.post("/mine/1/cancel").status_code == 404  # It is none of that page's runs.
    assert client.post("/people/film/cast/cancel").status_code == 303
    assert state(client) == "cancelled"
    assert "data-active" not in client.get("/people/film/cast").text
    held.set()
    wait_for(lambda: not any(r["state"] == "running" for r in client.get("/api/runs").json()))
    assert not (unsorted / "cast.csv").exists()


def test_mining_waits_for_sorting(
    client: TestClient, unsorted: Path, held: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = Event()

    def casting_(*_: object, **__: object) -> list[PrintedMember]:
        begun.set()
        assert held.wait(20)
        return []

    monkeypatch.setattr(cast, "cast", casting_)
    client.post("/people/film/cast")
    assert begun.wait(20)
    client.post("/mine", data={"movie": "film.mkv"})
    assert [r["state"] for r in client.get("/api/runs").json()] == ["waiting", "running"]
    assert "being sorted" in page(client)


def test_sorting_that_is_cancelled_leaves_an_earlier_cast(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its first photo."""
    begun, going = Event(), Event()

    def slowly(*args: Any) -> Iterator[Any]:
        begun.set()
        assert going.wait(20)
        yield from cut_portraits(*args)

    monkeypatch.setattr("pipeline.cast.cast.cut_portraits", slowly)
    before = {p: p.read_bytes() for p in sorted(folder.rglob("cast*/**/*")) if p.is_file()}
    client.post("/people/film/cast")
    assert begun.wait(20)
    assert re.search(
        r'<progress aria-label="Sorting" max="\d+" value="0">', client.get("/people/film/cast").text
    )
    client.post("/people/film/cast/cancel")
    assert state(client) == "stopping"
    assert "data-active" in client.get("/people/film/cast").text
    going.set()
    wait_for(lambda: state(client) == "cancelled")
    client.app.state.jobs.close()  # type: ignore[attr-defined]
    assert before
    assert {p: p.read_bytes() for p in before} == before


def test_while_faces_are_sorted_numbers_name_nobody(
    client: TestClient, job: Job, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, going = Event(), Event()

    def sorting(*_: object, **__: object) -> list[PrintedMember]:
        begun.set()
        assert going.wait(20)
        return []

    monkeypatch.setattr(cast, "cast", sorting)
    client.post("/people/film/cast")
    assert begun.wait(20)
    answer = given_names(client, form(folder, {1: "anna"}))
    going.set()
    assert answer.status_code == 409
    assert "are being sorted again; wait" in answer.text
    assert gallery(job) == {}
    wait_for(lambda: state(client) == "done")
    assert given_names(client, form(folder, {1: "anna"})).status_code == 303


def test_why_nothing_was_sorted_is_told(client: TestClient, unsorted: Path) -> None:
    walk = unsorted / "walk.json"
    walk.write_text(walk.read_text().replace("/film.mkv", "/gone.mkv"))
    client.post("/people/film/cast")
    wait_for(lambda: state(client) == "failed")
    assert "The faces could not be sorted" in page(client)
    assert "gone.mkv: the movie is gone" in client.get("/people/film/cast").text


# --- what names come to -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wishes", "words", "commands"),
    [
        pytest.param(({}, {}), [], [], id="nothing"),
        pytest.param(({2: "", 3: " "}, {"dora": "dora"}), [], [], id="nothing new"),
        pytest.param(({2: "ben"}, {}), ["2 becomes ben"], ["--cast 2 ben"], id="one"),
        pytest.param(
            ({2: "ben", 1: "ben"}, {}), ["1 and 2 become ben"], ["--cast 2 ben --cast 1 ben"],
            id="two are one",
        ),
        pytest.param(
            ({2: "dora"}, {}), ["2 becomes dora, who is already known"], ["--cast 2 dora"],
            id="known",
        ),
        pytest.param(
            ({}, {"dora": "Dora M"}), ["dora becomes Dora M"], ["--rename dora 'Dora M'"],
            id="renamed",
        ),
        pytest.param(
            ({}, {"dora": "emil"}),
            ["dora and emil become one person, emil; this cannot be undone here"],
            ["--rename dora emil"], id="joined",
        ),
        pytest.param(
            ({}, {"dora": "x", "emil": "x"}),
            ["dora and emil become one person, x; this cannot be undone here"],
            ["--rename dora x", "--rename emil x"], id="both renamed",
        ),
        pytest.param(
            ({1: "o'hara"}, {"dora": "x", "emil": "y"}),
            ["dora becomes x", "emil becomes y", "1 becomes o'hara"],
            ["--rename dora x", "--rename emil y", "--cast 1 'o'\"'\"'hara'"], id="all at once",
        ),
        pytest.param(
            ({1: "  ane\u0301  "}, {}), ["1 becomes ané"], ["--cast 1 'ané'"], id="composed"
        ),
    ],
)  # fmt: skip
def test_names_are_told_in_words_and_as_commands(
    client: TestClient, job: Job, folder: Path, wishes: Wishes, words: list[str],
    commands: list[str],
) -> None:  # fmt: skip
    know(job, "dora", "emil")
    before = gallery(job)
    told = planned(client, form(folder, *wishes))
    assert told["changes"] == words
    call, places = f"mine-video name {folder}", f"--known-faces {job.known_faces}"
    assert told["commands"] == [f"{call} {command} {places}" for command in commands]
    assert told["problems"] == []
    assert gallery(job) == before


@pytest.mark.parametrize(
    ("wishes", "card", "why"),
    [
        (({2: "any"}, {}), "cast-2", "2: a person cannot be called 'any'; choose another"),
        (({2: "../x"}, {}), "cast-2", "2: a name cannot begin with = + - @ or ."),
        (({2: "a/b"}, {}), "cast-2", "nor contain / \\ :"),
        (({2: "a\u202eb"}, {}), "cast-2", "invisible characters"),
        (({2: "CON"}, {}), "cast-2", "a person cannot be called"),
        (({2: "EMIL"}, {}), "cast-2", "'EMIL' and 'emil' differ only in capital letters"),
        (({}, {"dora": "Emil"}), "known-dora", "'Emil' and 'emil' differ only in capital letters"),
        (({2: "é" * 100}, {}), "cast-2", "the name is too long: at most 180 bytes"),
        (({7: "ben"}, {}), "cast-7", "7 is not in the cast"),
        (({}, {"dora": "=1"}), "known-dora", "dora: a name cannot begin"),
        (({}, {"nobody": "x"}), "known-nobody", "nobody has no photos among the known faces"),
        (({}, {"../dora": "x"}), "known-../dora", "has no photos among the known faces"),
        (({2: "dora"}, {"dora": "emil"}), "cast-2", "dora becomes emil at the same time"),
        (
            ({}, {"dora": "emil", "emil": "dora"}),
            "known-dora",
            "emil becomes dora at the same time",
        ),
    ],
)
def test_what_cannot_be_is_told_at_its_card_and_stops_no_other_name(
    client: TestClient, job: Job, folder: Path, wishes: Wishes, card: str, why: str
) -> None:
    know(job, "dora", "emil")
    before = gallery(job)
    cast, known = wishes
    given = form(folder, cast | {1: "anna"}, known)
    told = planned(client, given)
    assert told["problems"][0]["card"] == card
    assert why in told["problems"][0]["why"]
    assert "1 becomes anna" in told["changes"]
    answer = given_names(client, given)
    assert answer.status_code == 200
    text = unescape(answer.text)
    assert why in text
    assert "<bdi>1 becomes anna</bdi>" in text.split("Done: ")[1]
    assert "<li><bdi>" not in text  # No changes are left.
    if card == "cast-2":
        assert f'value="{cast[2]}"' in text
    after = gallery(job)
    assert any(name.startswith("anna/") for name in after)
    if "dora" not in known:  # Who becomes emil meanwhile.
        assert {n: photo for n, photo in after.items() if not n.startswith("anna/")} == before


@pytest.mark.parametrize("cast", [{2: "any"}, {1: "anna", 2: "Anna"}], ids=["any", "by case"])
def test_bad_names_alone_change_nothing(
    client: TestClient, job: Job, folder: Path, cast: dict[int, str]
) -> None:
    before = gallery(job), (folder / "tracks.npz").read_bytes()
    answer = given_names(client, form(folder, cast))
    assert answer.status_code == 422
    assert f'value="{cast[2]}"' in answer.text
    assert "Done:" not in answer.text
    assert (gallery(job), (folder / "tracks.npz").read_bytes()) == before


def test_the_plan_is_shown_without_scripts_with_what_was_typed(
    client: TestClient, folder: Path
) -> None:
    answer = client.post("/people/film/plan", data=form(folder, {1: "anna", 2: HOSTILE}))
    assert answer.status_code == 200
    text = unescape(answer.text)
    assert "<li><bdi>1 becomes anna</bdi></li>" in text
    assert shlex.quote(HOSTILE) in text
    assert 'name="name" value="anna"' in text
    assert 'formaction="/people/film">Apply' in text
    assert HOSTILE not in answer.text


# --- giving them --------------------------------------------------------------------------------


def test_a_member_of_the_cast_is_named(client: TestClient, job: Job, folder: Path) -> None:
    answer = given_names(client, form(folder, {1: "anna", 2: ""}))
    assert (answer.status_code, answer.headers["location"]) == (303, "/people/film")
    assert names(folder) == {"anna", ""}
    assert set(gallery(job).values()) == {p.read_bytes() for p in (folder / "cast/1").iterdir()}
    text = page(client)
    assert "Done: 1 becomes anna" in text
    cards = re.findall(r'data-card="([^"]+)"', client.get("/people/film").text)
    assert cards == ["known-anna", "cast-2", "cast-3"]


def test_whom_a_name_took_besides_is_told(
    job: Job, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A known person too; and what was given to it is none of that."""
    puppet.set_tolerances(monkeypatch, sure=2.0)
    photo(job.known_faces / "carl.png", "carl")
    mine.identify(folder, job)
    lax = replace(job, tolerance=2.0)
    deed = changes.apply_names(changes.plan_names([NameWish(2, "ben")], folder, lax), folder, lax)
    assert deed.taken == ("ben also got 1 track of number 1",)  # She is not beside carl there.
    deed = changes.apply_names(
        changes.plan_names([NameWish("carl", "dan")], folder, lax), folder, lax
    )
    assert deed.taken == ()


def test_the_notice_tells_whom_a_name_took(
    reader: Reader, job: Job, folder: Path, sorted_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    puppet.set_tolerances(monkeypatch, sure=2.0)
    settings = WebSettings(replace(job, tolerance=2.0), sorted_place / "videos")
    policy = Policy(limit=LIMIT)
    app = create_app(reader, settings, policy)
    with TestClient(
        app, base_url=ORIGIN, headers=trusted(policy), follow_redirects=False
    ) as client:
        assert given_names(client, form(folder, {1: "anna"})).status_code == 303
        assert "anna also got 1 track of number 3 . Look at the faces" in page(client)


def test_two_are_one_person(client: TestClient, folder: Path) -> None:
    assert given_names(client, form(folder, {1: "both", 3: "both"})).status_code == 303
    assert names(folder) == {"both", ""}
    assert "1 and 3 become both" in page(client)


def test_a_known_person_is_renamed_and_added_to(client: TestClient, job: Job, folder: Path) -> None:
    photo(job.known_faces / "anna.png", "anna")
    client.post("/people/film")
    given = form(folder, {1: "bea"}, {"anna": "bea"})
    assert given_names(client, given).status_code == 303
    assert names(folder) == {"bea", ""}
    assert {path.split("/")[0].split(".")[0] for path in gallery(job)} == {"bea"}


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    return caller(monkeypatch, capsys)


@pytest.mark.parametrize(
    "wishes",
    [({1: "anna", 2: "o'hara & co"}, {}), ({}, {"dora": "$(x) y"}), ({3: "dora"}, {"emil": "fay"})],
    ids=["cast", "rename", "both"],
)
def test_the_commands_do_the_same(
    client: TestClient, job: Job, folder: Path, program: Program, wishes: Wishes
) -> None:
    know(job, "dora", "emil")
    given = form(folder, *wishes)
    commands = planned(client, given)["commands"]
    before = job.output.parent / "before"
    for place in (job.output, job.known_faces):
        shutil.copytree(place, before / place.name)
    assert given_names(client, given).status_code == 303
    by_page = gallery(job), (folder / "faces.csv").read_bytes()
    for place in (job.output, job.known_faces):
        shutil.rmtree(place)
        shutil.move(before / place.name, place)
    for command in commands:
        name, *args = shlex.split(command)
        assert name == "mine-video"
        assert program(*args).code == 0
    assert (gallery(job), (folder / "faces.csv").read_bytes()) == by_page


def test_crops_that_are_older_than_the_names_are_told(
    client: TestClient, job: Job, folder: Path
) -> None:
    mine.pick(folder, job)
    assert "Some crops were picked before" not in page(client)
    given_names(client, form(folder, {1: "anna"}))
    assert "Some crops were picked before" in page(client)
    assert 'href="/mine?movie=film.mkv' in client.get("/people/film").text
    client.post("/people/film/undo")
    assert "Some crops were picked before" not in page(client)
    given_names(client, form(folder, {1: "anna"}))
    mine.pick(folder, job)
    assert "Some crops were picked before" not in page(client)


def test_a_busy_folder_is_told_and_nothing_moves(
    client: TestClient, job: Job, folder: Path
) -> None:
    know(job, "dora")
    before = gallery(job)
    with files.locked(folder):
        answer = given_names(client, form(folder, {1: "anna"}, {"dora": "x"}))
        assert answer.status_code == 409
        told = "this program itself is writing there; wait until it is done (what was begun on"
        assert told in unescape(answer.text)  # By its number somebody might stop the server.
        assert 'value="anna"' in answer.text  # What was typed is not lost.
    assert gallery(job) == before


def test_numbers_of_an_earlier_cast_name_nobody(client: TestClient, job: Job, folder: Path) -> None:
    given = form(folder, {2: "ben"})
    photo(job.known_faces / "anna.png", "anna")
    casting.cast([folder], job)
    before = gallery(job)
    for path in ("/people/film", "/people/film/plan", "/api/people/film/plan"):
        answer = client.post(path, data=given)
        assert answer.status_code == 409
        assert "sorted again" in answer.text
        assert 'value="ben"' not in answer.text  # It would be given to another face.
    assert gallery(job) == before


@pytest.mark.parametrize("lone", ["number", "name", "old", "new"])
def test_what_stands_alone_is_refused(client: TestClient, folder: Path, lone: str) -> None:
    given = form(folder) | {lone: ["1"]}
    assert given_names(client, given).status_code == 422


def test_a_photo_that_cannot_be_written_is_told(client: TestClient, job: Job, folder: Path) -> None:
    job.known_faces.write_text("in the way")
    answer = given_names(client, form(folder, {1: "anna"}))
    assert answer.status_code == 409
    assert "cannot be written" in unescape(answer.text)


def fails(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Has the disk be full when the third photo is copied, or when the movie is named."""
    real, calls = galleries.add, iter(range(1000))

    def full(*args: Any) -> Any:
        if what == "naming" or next(calls) == 2:
            raise OutputError("the disk is full")
        return real(*args)

    where = "pipeline.cast.changes.named" if what == "naming" else "pipeline.people.gallery.add"
    monkeypatch.setattr(where, full)


@pytest.mark.parametrize("what", ["copying", "naming"])
@pytest.mark.parametrize(
    "known",
    [{}, {"dora": "zora"}, {"dora": "emil"}, {"dora": "x", "emil": "x"}, {"dora": "Dora"}],
    ids=["named", "renamed", "joined", "both renamed", "case"],
)
def test_what_fails_is_not_done_at_all(
    client: TestClient, job: Job, folder: Path, monkeypatch: pytest.MonkeyPatch,
    what: str, known: dict[str, str],
) -> None:  # fmt: skip
    know(job, "dora", "emil")
    for path in ("dora/a.png", "dora/not/a.png", "emil/a.png"):
        photo(job.known_faces / path, 45)
    photo(job.known_faces.parent / "linked.png", 45)
    (job.known_faces / "dora" / "soft.png").symlink_to("../../linked.png")
    (job.known_faces / "dora" / "hard.png").hardlink_to(job.known_faces / "emil" / "a.png")
    before = gallery(job), sorted(job.known_faces.rglob("[!.]*"))
    given = form(folder, {1: "anna", 2: next(iter(known.values()), "anna")}, known)
    with monkeypatch.context() as patch:
        fails(patch, what)
        answer = given_names(client, given)
    assert answer.status_code == 409
    assert "the disk is full" in answer.text
    assert (gallery(job), sorted(job.known_faces.rglob("[!.]*"))) == before
    assert client.post("/people/film/undo").status_code == 409
    assert given_names(client, given).status_code == 303


def test_nobody_else_writes_while_names_are_given(
    client: TestClient, job: Job, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = galleries.add

    def add(path: Path, into: Path) -> str:
        with pytest.raises(OutputError, match="is writing there"), files.locked(folder):
            pass
        return real(path, into)

    monkeypatch.setattr("pipeline.people.gallery.add", add)
    assert given_names(client, form(folder, {1: "anna"})).status_code == 303
    assert names(folder) == {"anna", ""}


def test_as_many_names_as_are_said_are_taken(client: TestClient, folder: Path) -> None:
    many = {number: f"p{number}" for number in range(1, MOST_NAMED + 1)}
    token = {CSRF_FIELD: "its field counts too"}
    told = planned(client, form(folder, many) | token)
    assert len(told["problems"]) == MOST_NAMED - 3
    answer = client.post("/people/film", data=form(folder, many | {500: "p"}) | token)
    assert (answer.status_code, "Too many fields" in answer.text) == (400, True)


def test_that_there_are_too_many_cards_without_scripts_is_told(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "cannot be sent without JavaScript" not in page(client)
    monkeypatch.setattr("pipeline.web.people.MOST_NAMED", 2)
    assert "More than 2 cards cannot be sent without JavaScript" in page(client)


# --- taking back --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wishes",
    [
        ({1: "anna", 2: "ben"}, {}),
        ({2: "dora"}, {}),
        ({}, {"dora": "x"}),
        ({1: "x"}, {"dora": "x"}),
    ],
    ids=["named", "added", "renamed", "both"],
)
def test_what_was_done_is_taken_back(
    client: TestClient, job: Job, folder: Path, wishes: Wishes
) -> None:
    know(job, "dora")
    client.post("/people/film")
    before = gallery(job), (folder / "faces.csv").read_bytes()
    assert given_names(client, form(folder, *wishes)).status_code == 303
    assert gallery(job) != before[0]
    assert ". Undo" in page(client)
    assert client.post("/people/film/undo").status_code == 303
    assert "Undone: " in page(client)
    assert (gallery(job), (folder / "faces.csv").read_bytes()) == before
    assert [p for p in job.known_faces.iterdir() if p.is_dir()] == []
    assert client.post("/people/film/undo").status_code == 409


def test_what_was_changed_since_is_not_deleted(client: TestClient, job: Job, folder: Path) -> None:
    given_names(client, form(folder, {1: "anna"}))
    first, *others = sorted((job.known_faces / "anna").iterdir())
    photo(first, "anna")
    own = photo(job.known_faces / "anna" / "own.png", "anna")
    assert client.post("/people/film/undo").status_code == 303
    assert sorted((job.known_faces / "anna").iterdir()) == sorted([first, own])
    assert others


def test_two_who_became_one_stay_so(client: TestClient, job: Job, folder: Path) -> None:
    know(job, "dora", "emil")
    assert given_names(client, form(folder, {}, {"dora": "emil"})).status_code == 303
    assert "cannot be undone here" in page(client)
    before = gallery(job)
    answer = client.post("/people/film/undo")
    assert answer.status_code == 409
    assert "there is nothing to undo" in answer.text
    assert gallery(job) == before


def test_an_old_name_that_is_somebodys_again_is_not_given_back(
    client: TestClient, job: Job, folder: Path
) -> None:
    know(job, "dora")
    given_names(client, form(folder, {}, {"dora": "x"}))
    photo(job.known_faces / "dora.png", 45)
    before = gallery(job)
    answer = client.post("/people/film/undo")
    assert answer.status_code == 409
    assert "there is another dora by now" in answer.text
    assert gallery(job) == before


# --- safety -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reading(
    sorted_place: Path, reader: Reader, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    """A page of ours over a movie that tests do not change, and over files that are no photos."""
    place = tmp_path_factory.mktemp("shown")
    shutil.copytree(sorted_place / "output", place / "output")
    job = Job(walk=puppet.SETTINGS, output=place / "output", known_faces=place / "known")
    photo(job.known_faces / "anna.png", "anna")
    for name in ("broken.jpg", "notes.txt"):
        (job.known_faces / name).write_text("no picture")
    settings = WebSettings(job, videos=sorted_place / "videos", limit=LIMIT)
    with pytest.MonkeyPatch.context() as patch:
        plug_in(patch)
        with browsing(create_app(reader, settings, Policy(limit=LIMIT))) as found:
            yield found


@pytest.mark.parametrize("movie", ["..", ".", "../output/film", "film/../film", "no", "", "film\0"])
def test_only_walked_movies_are_shown(reading: TestClient, movie: str) -> None:
    named = quote(movie, safe="").replace(".", "%2E")
    assert reading.get(f"/people/{named}").status_code in (404, 307)
    for deed in ("", "/plan", "/undo", "/cast", "/cast/cancel"):
        assert reading.post(f"/people/{named}{deed}").status_code in (404, 405, 307)
    assert reading.post(f"/api/people/{named}/plan").status_code in (404, 405)


@pytest.mark.parametrize(
    "path",
    [
        "known/..", "known/%2E%2E%2Foutput%2Ffilm%2Ffaces.csv", "known/nobody", "known/.embeddings",
        "known/broken", "cast/film/1/99", "cast/film/0/0", "cast/film/9/0", "cast/%2E%2E/1/0",
        "cast/no/1/0", "known/notes",
    ],
)  # fmt: skip
def test_only_listed_pictures_are_served(reading: TestClient, path: str) -> None:
    assert reading.get("/pictures/known/anna").status_code == 200
    assert reading.get(f"/pictures/{path}").status_code == 404


@pytest.mark.parametrize("place", ["-1", "x", "1.5"])
def test_a_place_is_a_number(reading: TestClient, place: str) -> None:
    assert reading.get(f"/pictures/cast/film/1/{place}").status_code == 422


def test_names_are_only_ever_text(client: TestClient, job: Job, folder: Path) -> None:
    person = '"onload=x <b>{{7*7}}'
    shutil.copytree(folder, job.output / f"a {HOSTILE} {person}")
    assert given_names(client, form(folder, {1: person})).status_code == 303
    assert person in names(folder)
    for path in ("/people", "/people/film"):
        text = client.get(path).text
        assert person not in text
        assert HOSTILE not in text
        assert "49" not in re.sub(r'="[^"]*"', "", text).split("<main")[1].split("<footer")[0]
        assert person in unescape(text)
    address = re.findall(r'href="(/people/a[^"]+)"', client.get("/people").text)[0]
    assert client.get(address).status_code == 200


def test_every_form_brings_the_token(client: TestClient, app: FastAPI) -> None:
    text = client.get("/people/film").text
    assert text.count("<form") == text.count(f'value="{app.state.policy.csrf}"') == 6
    assert "style=" not in text
    assert "onclick" not in text


def test_a_link_out_of_the_known_faces_shows_only_pictures(
    client: TestClient, job: Job, tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    job.known_faces.mkdir()
    (job.known_faces / "eve.jpg").symlink_to(tmp_path / "secret.txt")
    answer = client.get("/pictures/known/eve")
    assert answer.status_code == 404
    assert "secret" not in answer.text


@pytest.mark.e2e
@pytest.mark.parametrize("mode", MODES)
def test_of_a_movie_that_is_there_all_is_answered_as_described(
    app: FastAPI, job: Job, mode: str
) -> None:
    checks = pytest.importorskip("schemathesis.specs.openapi.checks")
    know(job, "dora")
    page_headers = trusted(app.state.policy) | {"Host": HOST}
    there = {"movie": "film", "person": "dora", "number": 1, "place": 0}

    def check(case: "Case[Any]") -> None:
        if case.path.startswith(("/people", "/api/people", "/pictures")):
            own = case.path_parameters or {}
            case.path_parameters = own | {k: v for k, v in there.items() if k in own}
            case.call_and_validate(
                headers=page_headers, excluded_checks=[checks.positive_data_acceptance]
            )

    assert fuzz(app, mode, 20, check) >= len(MODES)
    assert set(gallery(job)) >= {"dora.png"}


# --- the other pages know the new people --------------------------------------------------------


@pytest.fixture
def knowing(job: Job, sorted_place: Path) -> Iterator[TestClient]:
    """An application whose readers follow the known faces."""
    policy = Policy(limit=LIMIT)
    own = create_app(Reader.of(job), WebSettings(job, sorted_place / "videos"), policy)
    with TestClient(own, base_url=ORIGIN, headers=trusted(policy), follow_redirects=False) as found:
        yield found


def told_of(client: TestClient, picture: Path) -> list[str]:
    answer = client.post("/api/photo", files={"photo": ("a.png", picture.read_bytes())})
    assert answer.status_code == 200, answer.text
    return [face["person"] for face in answer.json()["faces"]]


def test_a_photo_is_read_by_the_known_faces_of_now(
    knowing: TestClient, job: Job, folder: Path, tmp_path: Path
) -> None:
    both = photo(tmp_path / "both.png", "anna", "ben")
    assert told_of(knowing, both) == ["", ""]
    given_names(knowing, form(folder, {1: "anna"}))
    assert told_of(knowing, both) == ["anna", ""]
    photo(job.known_faces / "ben.png", "ben")
    assert told_of(knowing, both) == ["anna", "ben"]
    rename(job.known_faces, "ben", "bob")
    assert told_of(knowing, both) == ["anna", "bob"]
    (job.known_faces / "=x.png").write_bytes(b"")
    answer = knowing.post("/api/photo", files={"photo": ("a.png", both.read_bytes())})
    assert answer.status_code == 409
    assert "a name cannot begin" in answer.json()["detail"]


def test_a_stream_begins_with_the_known_faces_of_now(knowing: TestClient, folder: Path) -> None:
    def seen() -> set[str]:
        knowing.post("/live", data={"source": "film.mkv"})
        wait_for(lambda: bool(knowing.get("/api/live").json()["faces"]))
        found = {face["person"] for face in knowing.get("/api/live").json()["faces"]}
        knowing.post("/live/stop")
        return found

    assert seen() == {""}
    given_names(knowing, form(folder, {1: "anna"}))
    assert "anna" in seen()
