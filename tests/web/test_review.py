"""Page Review without a browser: what is shown, decided, refused; and never another file."""

import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from pipeline import files, mine
from pipeline.cast.company import ListedMovie, listed_movie
from pipeline.disk.pick_json import begin_pick
from pipeline.faces import EMOTIONS
from pipeline.judge.score import read_truth
from pipeline.live.reader import Reader
from pipeline.review.labels import ASIDE, LABELS
from pipeline.settings import Job, WalkSettings
from pipeline.web import mine as mining
from pipeline.web.app import WebSettings, create_app
from pipeline.web.jobs import Run
from pipeline.web.mine import Mining, ShownRun
from pipeline.web.pages import fragment
from pipeline.web.review import REVIEWED_SIDE, Decision, Desk
from pipeline.web.safety import CSRF_HEADER, HEADERS, Policy
from tests.support import puppet
from tests.support.application import ORIGIN, trusted
from tests.support.application import app_of_table as app
from tests.support.reviewed import Table, picked_once, table_of

__all__ = ["app", "picked_once", "table_of"]

PLACE = "talk/anna/happy"
API = f"/api/review/{PLACE}"


def decide(client: TestClient, file: str, looks: str, place: str = PLACE) -> Any:
    return client.post(f"/api/review/{place}", json={"looks": {file: looks}})


def progress(**values: float | None) -> dict[str, float | None]:
    return {"crops": 10, "moments": 1, "moments_decided": 0} | values


# --- what is shown ------------------------------------------------------------------------------


def test_the_list_tells_how_far_each_pick_is(client: TestClient, table_of: Table) -> None:
    decide(client, table_of.files[0], "happy")
    decide(client, table_of.files[1], "none")
    found = {(p["movie"], p["person"], p["emotion"]): p for p in client.get("/api/review").json()}
    assert set(found) == {("talk", "anna", "happy"), ("talk", "unknown", "sad")}
    wanted = progress(decided=2, accepted=1, precision=0.5)
    assert found["talk", "anna", "happy"]["progress"] == wanted
    assert found["talk", "unknown", "sad"]["progress"]["precision"] is None
    text = client.get("/review").text
    assert f'href="/review/{PLACE}"' in text
    assert "50.0 %" in text
    assert '<a href="/review" aria-current="page">Review</a>' in text


def test_several_emotions_as_one_are_reviewed(client: TestClient, table_of: Table) -> None:
    mine.pick(table_of.folder, replace(table_of.job, emotions=("happy+sad",)))
    assert 'href="/review/talk/anna/happy+sad"' in client.get("/review").text
    place = "talk/anna/happy%2Bsad"
    text = client.get(f"/review/{place}").text
    for look in EMOTIONS:
        button = text.partition(f'data-looks="{look}"')[2].partition(">")[0]
        assert ("disabled" in button) == (look in ("happy", "sad"))
    file = client.get(f"/api/review/{place}").json()["file"][0]
    assert client.get(f"/api/review/{place}/still/{file}").status_code == 200
    for look, told in (("happy+sad", "happy+sad"), ("sad", "happy+sad"), ("none", "none")):
        assert decide(client, file, look, place).json()["looks"] == {file: told}
    assert decide(client, file, "sad+happy", place).status_code == 422


def test_a_stopped_pick_and_an_old_report_are_told(client: TestClient, table_of: Table) -> None:
    pages = ("/review", f"/review/{PLACE}")
    mine.report(table_of.folder, table_of.job)
    assert not [text for text in (client.get(p).text for p in pages) if "out of date" in text]
    decide(client, table_of.files[0], "none")
    begin_pick(table_of.folder, table_of.job, [table_of.place])
    for page in pages:
        text = client.get(page).text
        assert f"write it anew: mine-video report {table_of.folder}" in text
        assert "a pick was stopped, and anna/happy may lack crops" in text


def test_nothing_picked_is_told(client: TestClient, table_of: Table) -> None:
    for path in table_of.folder.glob("*/*/crops.csv"):
        path.unlink()
    assert "Nothing was picked yet" in client.get("/review").text


def test_a_torn_list_does_not_hide_the_others(client: TestClient, table_of: Table) -> None:
    (table_of.place / "crops.csv").write_text("file\n")
    text = client.get("/review").text
    assert "its columns have changed" in text
    assert 'href="/review/talk/unknown/sad"' in text
    assert client.get(f"/review/{PLACE}").status_code == 409
    assert "pick again" in client.get(API).json()["detail"]


def test_labels_that_are_torn_are_told_once_a_movie(client: TestClient, table_of: Table) -> None:
    (table_of.folder / LABELS).write_text("clip,person\n")
    text = client.get("/review").text
    assert text.count("its columns have changed") == 1
    assert text.count("as above") == 1


def test_crops_come_in_order_with_what_is_decided(client: TestClient, table_of: Table) -> None:
    for number, looks in enumerate(["happy", "none", "stranger", "sad"]):
        decide(client, table_of.files[number], looks)
    crops = client.get(API).json()
    assert crops["file"] == table_of.files
    assert crops["looks"] == ["happy", "none", "stranger", "sad", *[""] * 6]
    assert crops["time"][:3] == [0, 0.04, 0.08]
    assert set(crops["run_length"]) == {10}
    assert crops["progress"]["decided"] == 4


def test_rejected_crops_are_shown_after_another_pick(client: TestClient, table_of: Table) -> None:
    decide(client, table_of.files[4], "none")
    mine.pick(table_of.folder, table_of.job)
    crops = client.get(API).json()
    assert crops["file"] == table_of.files
    assert crops["looks"][4] == "none"
    assert client.get(f"/review/{PLACE}/large/{table_of.files[4]}").status_code == 200
    assert decide(client, table_of.files[4], "").json()["looks"] == {table_of.files[4]: ""}
    assert (table_of.place / table_of.files[4]).exists()


@pytest.mark.parametrize("number", [0, 1])
def test_pictures_come_whole_and_small(client: TestClient, table_of: Table, number: int) -> None:
    decide(client, table_of.files[1], "none")
    large = client.get(f"/review/{PLACE}/large/{table_of.files[number]}")
    place = table_of.place / ASIDE if number else table_of.place
    with Pillow.open(place / table_of.files[number]) as crop:
        size = crop.size
    with Pillow.open(io.BytesIO(large.content)) as picture:
        assert picture.size == size
        assert "exif" not in picture.info
    small = client.get(f"/review/{PLACE}/small/{table_of.files[number]}")
    for answer in (large, small):
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["cache-control"] == HEADERS["Cache-Control"]
    with Pillow.open(io.BytesIO(small.content)) as picture:
        assert max(picture.size) <= REVIEWED_SIDE
        assert "exif" not in picture.info


@pytest.mark.parametrize("kind", ["large", "small"])
def test_no_link_shows_a_picture_from_elsewhere(
    client: TestClient, table_of: Table, tmp_path: Path, kind: str
) -> None:
    """Neither a crop that is one, nor a folder of crops."""
    one, other = table_of.files[:2]
    secret = (table_of.place / one).rename(tmp_path / "secret.jpg")
    (table_of.place / one).symlink_to(secret)
    assert client.get(f"/review/{PLACE}/{kind}/{one}").status_code == 404
    assert client.get(f"/review/{PLACE}/{kind}/{other}").status_code == 200
    moved = table_of.place.rename(tmp_path / "elsewhere")
    table_of.place.symlink_to(moved)
    assert client.get(f"/review/{PLACE}/{kind}/{other}").status_code == 404


def test_a_large_crop_becomes_small(client: TestClient, table_of: Table) -> None:
    Pillow.new("RGB", (1000, 900), "red").save(table_of.place / table_of.files[0], "JPEG")
    answer = client.get(f"/review/{PLACE}/small/{table_of.files[0]}")
    with Pillow.open(io.BytesIO(answer.content)) as picture:
        assert picture.size == (REVIEWED_SIDE, REVIEWED_SIDE * 9 // 10)


def test_what_is_no_picture_is_not_shown(client: TestClient, table_of: Table) -> None:
    (table_of.place / table_of.files[0]).write_bytes(b"GIF89a")
    (table_of.place / table_of.files[1]).unlink()
    for number in (0, 1):
        answer = client.get(f"/review/{PLACE}/small/{table_of.files[number]}")
        assert answer.status_code == 404
        assert str(table_of.folder) not in answer.text


def test_what_an_interrupted_decision_left_is_ended(client: TestClient, table_of: Table) -> None:
    decide(client, table_of.files[0], "none")
    (table_of.place / ASIDE / table_of.files[0]).rename(table_of.place / table_of.files[0])
    client.get(API)
    assert not (table_of.place / ASIDE / table_of.files[0]).exists(), "reading moves nothing"
    assert client.post(f"{API}/settle").json()["looks"][0] == "none"
    assert (table_of.place / ASIDE / table_of.files[0]).exists()


# --- deciding -----------------------------------------------------------------------------------


def test_a_decision_is_on_disk_when_it_is_answered(client: TestClient, table_of: Table) -> None:
    answer = decide(client, table_of.files[0], "sad").json()
    assert answer == {
        "looks": {table_of.files[0]: "sad"}, "told": "",
        "progress": progress(decided=1, accepted=0, precision=0.0),
    }  # fmt: skip
    assert read_truth(table_of.folder / LABELS)["emotion"].tolist() == ["sad"]
    assert decide(client, table_of.files[0], "").json()["progress"]["precision"] is None


def test_a_stranger_is_told_what_it_means(client: TestClient, table_of: Table) -> None:
    answer = decide(client, table_of.files[0], "stranger").json()
    assert "names change with the next pick" in answer["told"]
    assert (table_of.known / "anna" / "not" / table_of.files[0]).exists()
    decide(client, table_of.files[0], "")
    assert not (table_of.known / "anna" / "not" / table_of.files[0]).exists()


def test_of_a_third_stranger_of_a_track_it_is_told_that_no_photo_was_added(
    client: TestClient, table_of: Table
) -> None:
    told = [decide(client, file, "stranger").json()["told"] for file in table_of.files[:3]]
    assert ["no photo was added" in words for words in told] == [False, False, True]


def test_what_cannot_be_moved_is_not_saved(client: TestClient, table_of: Table) -> None:
    (table_of.place / ASIDE).write_text("a file")
    answer = decide(client, table_of.files[0], "none")
    assert (answer.status_code, ASIDE in answer.json()["detail"]) == (409, True)
    crops = client.get(API).json()
    assert crops["looks"] == [""] * 10
    assert crops["progress"]["decided"] == 0


def test_accepted_ones_that_are_picked_no_more_are_shown_so(
    client: TestClient, table_of: Table
) -> None:
    decide(client, table_of.files[2], "happy")
    path = table_of.place / "crops.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if table_of.files[2] not in line))
    (table_of.place / table_of.files[2]).unlink()
    crops = client.get(API).json()
    assert crops["gone"] == [False, False, True, *[False] * 7]
    wanted = progress(decided=1, accepted=1, precision=1.0, moments=2, moments_decided=1)
    assert crops["progress"] == wanted
    assert decide(client, table_of.files[2], "").json()["progress"]["crops"] == 9


def test_a_crop_that_is_gone_meanwhile_is_told(table_of: Table) -> None:
    """Two pages take back what the last pick dropped: for the second there is no such crop."""
    file, desk = table_of.files[2], Desk(table_of.job)
    table_of.decide(2, "happy")
    path = table_of.place / "crops.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if file not in line))
    now = desk.find(*PLACE.split("/"))
    assert file not in desk.decide(now, Decision(looks={file: ""})).crops
    with pytest.raises(HTTPException, match="this crop no longer exists"):
        desk.decide(now, Decision(looks={file: ""}))


def test_every_emotion_is_a_decision(table_of: Table) -> None:
    for looks in (*EMOTIONS, "none", "stranger", ""):
        assert Decision(looks={"a": looks}).looks == {"a": looks}


def test_a_class_that_was_not_picked_is_no_decision(client: TestClient, table_of: Table) -> None:
    answer = decide(client, table_of.files[0], "happy+sad")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(
        "looks: happy+sad is not what was picked; give happy, which accepts the crop, or a single"
    )
    assert client.get(f"/api/review/{PLACE}").json()["looks"] == [""] * 10


def test_nobody_is_a_stranger_where_nobody_is_known(client: TestClient) -> None:
    place = "talk/unknown/sad"
    file = client.get(f"/api/review/{place}").json()["file"][0]
    answer = decide(client, file, "stranger", place)
    assert (answer.status_code, "strangers" in answer.json()["detail"]) == (422, True)
    assert 'data-do="stranger"' not in client.get(f"/review/{place}").text
    assert decide(client, file, "sad", place).json()["progress"]["accepted"] == 1


def test_a_pick_under_way_is_told(client: TestClient, table_of: Table) -> None:
    with files.locked(table_of.folder):
        answer = decide(client, table_of.files[0], "happy")
        assert client.get(API).status_code == 200
    assert answer.status_code == 409
    assert "is writing there; wait until it is done" in answer.json()["detail"]
    assert not (table_of.folder / LABELS).exists()


def test_labels_of_somebody_else_are_told(client: TestClient, table_of: Table) -> None:
    (table_of.folder / LABELS).write_text("clip,person\n")
    answer = decide(client, table_of.files[0], "happy")
    assert answer.status_code == 409
    assert "move it away" in answer.json()["detail"]
    assert (table_of.folder / LABELS).read_text() == "clip,person\n"


def test_crops_of_an_earlier_walk_are_told(client: TestClient, table_of: Table) -> None:
    other = WalkSettings(**{**table_of.settings(), "min_score": 0.6})
    job = replace(table_of.job, walk=other, rewalk=True)
    mine.walk(table_of.movie, job, puppet.silent)
    answer = decide(client, table_of.files[0], "happy")
    assert (answer.status_code, "pick again" in answer.json()["detail"]) == (409, True)


# --- safety -------------------------------------------------------------------------------------

HOSTILE = [
    "..", "%2e%2e", "..%2f..", "talk%00", "talk%5c..", "/etc", "nobody", ".",
    "talk%2Fanna", "~",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("position", range(3))
@pytest.mark.parametrize("route", ["/review/{}", "/api/review/{}", "/review/{}/small/x.jpg"])
def test_a_pick_is_only_one_that_is_there(
    reading: TestClient, name: str, position: int, route: str
) -> None:
    parts = PLACE.split("/")
    parts[position] = name
    assert reading.get(route.format("/".join(parts))).status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        "crops.csv", "..%2fcrops.csv", "%2e%2e%2f%2e%2e%2ffaces.csv", "sheet.jpg", "labels.csv",
        "rejected%2fx.jpg", "%00", "x" * 300, "secret_f0000001_t00-00-00.000_k00_happy90.jpg",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["small", "large"])
def test_a_picture_is_only_a_crop_that_is_listed(
    reading: TestClient, shown_table: Table, kind: str, name: str
) -> None:
    secret = shown_table.place / "secret_f0000001_t00-00-00.000_k00_happy90.jpg"
    secret.write_bytes((shown_table.place / shown_table.files[0]).read_bytes())
    assert reading.get(f"/review/{PLACE}/{kind}/{name}").status_code == 404


def test_a_list_cannot_name_other_files(client: TestClient, table_of: Table) -> None:
    path = table_of.place / "crops.csv"
    for name in ("../../walk.json", "sheet.jpg", "../happy/" + table_of.files[0]):
        path.write_text(path.read_text().replace(table_of.files[0], name))
        assert len(client.get(API).json()["file"]) == 9
        assert decide(client, name, "none").status_code == 404
        path.write_text(path.read_text().replace(name, table_of.files[0]))
    assert (table_of.folder / "walk.json").exists()


@pytest.mark.parametrize(
    "body",
    [
        {}, {"looks": "happy"}, {"looks": {}}, {"looks": ["x"]}, {"file": "x"}, [], None, "x",
        {"looks": {"x": "angst"}}, {"looks": {"x" * 2000: "happy"}}, {"looks": {"x": None}},
        {"looks": {"x": "happy", "y": "angst"}},
    ],
    ids=str,
)  # fmt: skip
def test_only_decisions_are_taken(reading: TestClient, body: Any) -> None:
    answer = reading.post(API, json=body)
    assert answer.status_code == 422
    assert set(answer.json()) == {"detail"}


def test_a_form_is_no_decision(client: TestClient, table_of: Table) -> None:
    data = {"file": table_of.files[0], "looks": "happy"}
    assert client.post(API, data=data).status_code == 422
    assert not (table_of.folder / LABELS).exists()


@pytest.mark.parametrize("missing", ["Origin", CSRF_HEADER])
def test_another_page_decides_nothing(client: TestClient, table_of: Table, missing: str) -> None:
    del client.headers[missing]
    assert decide(client, table_of.files[0], "happy").status_code == 403
    assert not (table_of.folder / LABELS).exists()


def test_names_are_only_ever_text(client: TestClient, table_of: Table) -> None:
    name = "<img src=x onerror=alert(1)>&'\""
    table_of.place.parent.rename(table_of.folder / name)
    text = client.get("/review").text
    assert "<img src=x" not in text
    href = text.split('href="/review/talk/')[1].split('"')[0]
    assert "<img src=x" not in client.get(f"/review/talk/{href}").text
    assert client.get(f"/api/review/talk/{href}").status_code == 200


def test_hidden_folders_and_others_are_no_movies(client: TestClient, table_of: Table) -> None:
    root = table_of.folder.parent
    (root / ".hidden" / "anna" / "happy").mkdir(parents=True)
    (root / ".hidden" / "walk.json").touch()
    (root / ".hidden" / "anna" / "happy" / "crops.csv").touch()
    (root / "other" / "anna" / "happy").mkdir(parents=True)
    (root / "other" / "anna" / "happy" / "crops.csv").touch()
    assert {p["movie"] for p in client.get("/api/review").json()} == {"talk"}


def test_without_an_output_folder_there_is_nothing(reader: Reader, tmp_path: Path) -> None:
    settings = WebSettings(Job(output=tmp_path / "none"), videos=tmp_path)
    policy = Policy()
    app = create_app(reader, settings, policy)
    with TestClient(app, base_url=ORIGIN, headers=trusted(policy)) as client:
        assert client.get("/api/review").json() == []


def test_what_was_mined_leads_to_its_review(table_of: Table) -> None:
    outcomes = mine.pick(table_of.folder, table_of.job)
    work = Mining(table_of.movie, table_of.job)
    run = Run(0, work, state="done", outcomes=outcomes)
    text = fragment("runs.html", runs=[ShownRun(run, [])], csrf="", csrf_field="csrf")
    assert f'<a href="/review/{PLACE}">' in text


def test_a_finished_run_is_read_once(table_of: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page asks twice a second."""
    read: list[Path] = []

    def counted(name: str, folder: Path) -> ListedMovie:
        read.append(folder)
        return listed_movie(name, folder)

    monkeypatch.setattr(mining, "listed_movie", counted)
    run = Run(0, Mining(table_of.movie, table_of.job), state="done")
    first = mining._shown_run(run)
    assert first.mined is not None
    assert mining._shown_run(run) == first
    assert read == [table_of.folder]
    mine.identify(table_of.folder, table_of.job)
    os.utime(table_of.folder / "tracks.npz")
    assert mining._shown_run(run) == first
    assert read == [table_of.folder] * 2


@pytest.mark.parametrize(("rate", "told"), [(0.24, "0.2"), (9.96, "10"), (124.6, "125")])
def test_a_slow_walk_is_not_said_to_stand_still(table_of: Table, rate: float, told: str) -> None:
    work = Mining(table_of.movie, table_of.job)
    run = Run(0, work, state="running", total=1000, frames=7, rate=rate)
    text = fragment("runs.html", runs=[ShownRun(run, [])], csrf="", csrf_field="csrf")
    assert f", {told} a second" in text


def test_a_folder_that_was_renamed_by_hand_goes_by_its_name(
    client: TestClient, table_of: Table
) -> None:
    table_of.place.parent.rename(table_of.folder / "anne")
    place = "talk/anne/happy"
    assert decide(client, table_of.files[0], "none", place).status_code == 200
    assert (table_of.folder / "anne" / "happy" / ASIDE / table_of.files[0]).exists()
    assert client.get(f"/api/review/{place}").json()["looks"][0] == "none"
