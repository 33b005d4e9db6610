"""Whole data sets of two puppet films: what is in them, and that they can be stopped anywhere."""

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline import mine
from pipeline.dataset import align, choose, chunk
from pipeline.dataset.card import CONSENT, CONSENT_COLUMNS, RIGHTS, RIGHTS_COLUMNS
from pipeline.dataset.chunk import CHUNKS, PLACED
from pipeline.dataset.dataset import Order
from pipeline.dataset.folder import DATASET_FILE
from pipeline.dataset.listing import LISTED_FACE
from pipeline.dataset.settings import CARD_FILE, SUBSETS, TABLE_FILE
from pipeline.disk import manifest as manifests
from pipeline.disk.crop_file import read_provenance
from pipeline.errors import MovieError, OutputError, TableError
from pipeline.faces import Image
from pipeline.report import sheet
from pipeline.report.sheet import CELL_SIDE, Thumb
from pipeline.review import desk
from tests.dataset.conftest import Bench
from tests.support import puppet

HALF = {"val": 0.3, "test": 0.3}


def pixels(path: Path) -> Image:
    with Pillow.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_a_data_set_has_pictures_captions_labels_a_table_and_a_card(bench: Bench) -> None:
    counted = bench.make(bench.order(**HALF))
    table = bench.table()
    assert tuple(table.columns) == LISTED_FACE
    by = [(c.person, c.emotion, c.train + c.val + c.test) for c in counted]
    assert by == [("anna", "happy", 6), ("anna", "sad", 2), ("anna", "surprise", 2),
                  ("unknown", "happy", 2)]  # fmt: skip
    assert len(table) == sum(count for *_, count in by)
    for row in bench.rows():
        path = bench.to / row.file_name
        assert pixels(path).shape == (48, 48, 3)
        facts = read_provenance(path)
        assert (facts["frame"], facts["emotion"]) == (row.frame, row.emotion)
        assert path.with_suffix(".txt").read_text() == f"{row.caption}\n"
        assert path.parent.name == row.subset
    card = (bench.to / CARD_FILE).read_text()
    for part in (
        "## Counts", "## Consent", "first.mkv", "second.mkv", "sha256", "--per-run 2", "--repeat 4",
        "--sure 0.7", "--tolerance ", "*Identity* is", "## Rights",
    ):  # fmt: skip
        assert part in card
    assert card.count("--repeat") == 1
    inside = table.query("person == 'anna'")["inside"]
    assert f"| anna | 10 | {inside.mean():.2f} | {inside.min():.2f} |" in card
    assert not (bench.to / CHUNKS).exists()


def test_faces_are_where_the_table_says_and_show_who_it_says(bench: Bench) -> None:
    bench.make()
    for row in bench.rows():
        picture = pixels(bench.to / row.file_name)
        x, y = (round((row.left + row.right) / 2), round(row.top + (row.bottom - row.top) * 0.6))
        wanted = puppet.colour("ben" if row.person == "unknown" else "anna", row.emotion)
        assert np.abs(picture[y, x] - wanted).max() < 12
        assert all(0 <= getattr(row, name) <= 48 for name in PLACED)
        assert 4 < row.left_eye_x < row.right_eye_x < 44


def test_sheets_show_every_picture_with_its_line_in_the_table_and_its_label(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[Sequence[Thumb]] = []
    really = sheet.grid

    def grid(title: str, thumbs: Sequence[Thumb]) -> Pillow.Image:
        pages.append(thumbs)
        return really(title, thumbs)

    monkeypatch.setattr(sheet, "DOWN", 1)
    monkeypatch.setattr(sheet, "SHEET_COLUMNS", 5)
    monkeypatch.setattr(sheet, "grid", grid)
    bench.make()
    assert [len(page) for page in pages] == [5, 5, 2]
    assert pixels(bench.to / "sheet-3.jpg").shape == (CELL_SIDE + 46, 4 * CELL_SIDE, 3)
    rows, shown = bench.rows(), [thumb for page in pages for thumb in page]
    lines = [int(thumb.caption.split()[0]) for thumb in shown]
    assert sorted(lines) == list(range(2, len(rows) + 2))
    labels = [thumb.caption.split(maxsplit=1)[1] for thumb in shown]
    assert labels == sorted(labels)
    for line, label, thumb in zip(lines, labels, shown, strict=True):
        row = rows[line - 2]
        assert label == f"{row.person} {row.emotion}"
        middle = np.asarray(thumb.tile)[CELL_SIDE // 2 - 24 : CELL_SIDE // 2 + 24, 36:84]
        assert (middle == pixels(bench.to / row.file_name)).all()


def test_who_deletes_a_sheet_cuts_no_face_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.make()
    before = bench.everything()
    (bench.to / "sheet.jpg").unlink()
    caplog.set_level("INFO")
    bench.make()
    assert "is whole, and nothing has changed" in caplog.text
    (bench.to / CARD_FILE).unlink()
    bench.make()
    assert bench.everything() == before, "with all else that is made again"
    assert "put back" not in caplog.text


def test_no_shot_is_in_two_subsets_and_other_films_move_none(bench: Bench) -> None:
    bench.make(bench.order(**HALF), bench.folders[:1])
    alone = {(row.film, row.shot): row.subset for row in bench.rows()}
    bench.make(bench.order(**HALF))
    found: dict[tuple[str, int], set[str]] = {}
    for row in bench.rows():
        found.setdefault((row.film, row.shot), set()).add(row.subset)
    assert all(len(subsets) == 1 for subsets in found.values())
    assert all(found[place] == {subset} for place, subset in alone.items())


def test_whole_films_are_kept_together_if_asked(bench: Bench) -> None:
    bench.make(bench.order(split_by="film", **HALF))
    assert (bench.table().groupby("film")["subset"].nunique() == 1).all()


def test_near_duplicates_are_left_out_and_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All puppets look alike, whoever they are."""
    monkeypatch.setattr(choose, "ALIKE_BITS", 16)
    bench.make()
    left = len(bench.table())
    assert 1 <= left <= 3
    assert f"{12 - left} near-duplicates" in (bench.to / CARD_FILE).read_text()


@pytest.mark.parametrize(("test", "told"), [(0.3, True), (0.0, False)])
def test_shots_that_are_all_one_are_told_where_a_split_is_wanted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    test: float, told: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr(choose, "ALIKE_BITS", 256)
    bench.make(bench.order(val=0.0, test=test))
    assert ("near-duplicates join all 4 shots to one" in caplog.text) == told


def test_as_many_as_asked_for(bench: Bench) -> None:
    counted = bench.make(bench.order(top=2))
    assert {c.train + c.val + c.test for c in counted} == {2}
    assert bench.table().query("emotion == 'happy' and person == 'anna'")["film"].nunique() == 2


def test_only_the_wanted_person_and_formats(bench: Bench) -> None:
    job = replace(bench.job, people=("anna",), emotions=("happy",))
    bench.make(replace(bench.order(formats=("yolo",)), job=job))
    assert set(bench.table()["person"]) == {"anna"}
    names = {path.name for path in bench.to.iterdir()} - {".lock"}
    assert names == {
        "images",
        "labels",
        "data.yaml",
        "sheet.jpg",
        TABLE_FILE,
        CONSENT,
        RIGHTS,
        CARD_FILE,
        DATASET_FILE,
    }


def test_without_alignment_there_are_as_many(bench: Bench) -> None:
    bench.make(bench.order(align=False))
    assert len(bench.table()) == 12
    assert "--no-align" in (bench.to / CARD_FILE).read_text()


def test_faces_that_are_not_found_again_are_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(align, "LEAST_SHARED", 2.0)
    bench.make()
    assert len(bench.table()) == 0
    assert "12 not found again" in (bench.to / CARD_FILE).read_text()


def test_rejected_faces_stay_out(bench: Bench) -> None:
    first = bench.folders[0]
    job = replace(bench.job, people=("anna",), emotions=("sad",))
    mine.pick(first, job)
    crops = sorted((first / "anna" / "sad").glob("*_f*.jpg"))
    desk.decide(first, ("anna", "sad"), {path.name: "" for path in crops}, job.known_faces)
    rejected = {read_provenance(p)["frame"] for p in (first / "anna" / "sad").rglob("*_f*.jpg")}
    bench.make()
    sad = bench.table().query("video == 'first.mkv' and emotion == 'sad'")
    assert rejected
    assert rejected.isdisjoint(sad["frame"])


# --- stopped, and made again --------------------------------------------------------------------


def test_the_same_call_leaves_a_whole_one_as_it_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counted, before = bench.make(), bench.everything()
    caplog.set_level("INFO")
    monkeypatch.setattr(chunk, "frames_of", lambda *_: pytest.fail("read the movie again"))
    assert bench.make() == counted
    assert bench.everything() == before
    assert "is whole, and nothing has changed" in caplog.text


def test_the_order_of_folders_and_their_place_change_nothing(bench: Bench) -> None:
    bench.make(folders=bench.folders[::-1])
    before = bench.everything()
    shutil.rmtree(bench.to)
    bench.make()
    assert bench.everything() == before


def stopped_at(number: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Stops, as Ctrl-C does, before so many files have taken their place; tells how many have."""
    done, really = [0], Path.replace

    def counting(self: Path, target: Path) -> Path:
        if done[0] == number:
            raise KeyboardInterrupt
        done[0] += 1
        return really(self, target)

    monkeypatch.setattr(Path, "replace", counting)
    return lambda: done[0]


def test_stopped_at_any_file_it_goes_on_to_the_same_bytes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk, "CHUNK", 5)
    order = bench.order(top=1, formats=("coco",))
    bench.make(order)
    wanted, n = bench.everything(), 0
    for n in range(0, 200, 5):  # tests/test_kills.py stops it anywhere.
        shutil.rmtree(bench.to)
        with monkeypatch.context() as patch:
            done = stopped_at(n, patch)
            try:
                bench.make(order)
                break
            except KeyboardInterrupt:
                assert done() == n
        whole = bench.everything()
        assert CARD_FILE not in whole or json.loads(whole[DATASET_FILE])["stamp"] == ""
        bench.make(order)
        assert bench.everything() == wanted
    assert n > 16


def test_what_is_cut_is_told_and_not_cut_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        stopped_at(3, patch)  # dataset.json and both films.
        with pytest.raises(KeyboardInterrupt):
            bench.make()
    assert len(list((bench.to / CHUNKS).glob("*.npz"))) == 2
    assert f"{bench.to}: kept 12 of 12 faces; to continue, run the same command" in caplog.text
    monkeypatch.setattr(chunk, "frames_of", lambda *_: pytest.fail("read the movie again"))
    bench.make()
    assert len(bench.table()) == 12


def cut_off(data: bytes) -> bytes:
    return data[:100]


def changed_in_the_middle(data: bytes) -> bytes:
    """The stamp at the beginning and the directory at the end are whole; the pictures are not."""
    place = len(data) * 3 // 4
    return data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :]


@pytest.mark.parametrize("damage", [cut_off, changed_in_the_middle])
def test_a_damaged_part_is_told_and_made_again_and_the_others_are_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    damage: Callable[[bytes], bytes],
) -> None:  # fmt: skip
    caplog.set_level("INFO")
    with monkeypatch.context() as patch:
        stopped_at(3, patch)
        with pytest.raises(KeyboardInterrupt):
            bench.make()
    assert "is damaged" not in caplog.text
    path = min((bench.to / CHUNKS).glob("*.npz"))
    path.write_bytes(damage(path.read_bytes()))
    bench.make()
    assert f"{path}: is damaged; its faces are cut again" in caplog.text
    assert re.search(r"\b[48] of 12 faces are cut already", caplog.text)
    assert len(bench.table()) == 12


def test_a_picture_that_was_deleted_is_made_again_and_told(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.make()
    assert "put back" not in caplog.text
    before = bench.everything()
    for name in bench.table()["file_name"][:2]:
        (bench.to / name).unlink()
    bench.make()
    assert bench.everything() == before
    assert "put back 2 pictures that had been deleted; to keep a face out, pick it" in caplog.text


def test_a_changed_setting_is_told_and_nothing_is_touched(bench: Bench) -> None:
    bench.make()
    before = bench.everything()
    with pytest.raises(OutputError, match=r"--size was 48, now 64.*--replace"):
        bench.make(bench.order(size=64))
    with pytest.raises(OutputError, match=r"--min-size was 0\.0, now 9\.0"):
        bench.with_pick(min_size=9.0).make()
    assert bench.everything() == before
    bench.make(replace(bench.order(size=64, formats=("coco",)), replace=True))
    assert pixels(bench.to / bench.table()["file_name"][0]).shape == (64, 64, 3)
    assert not list(bench.to.glob("labels/*/*.txt"))
    assert not (bench.to / "cvat.xml").exists()


def test_a_film_that_was_added_comes_in_and_one_left_out_goes(bench: Bench) -> None:
    bench.make(folders=bench.folders[:1])
    first = bench.everything()
    bench.make()
    assert set(bench.table()["video"]) == {"first.mkv", "second.mkv"}
    own = bench.to / "images" / "train" / "mine.jpg"
    own.write_bytes(b"mine")
    bench.make(folders=bench.folders[:1])
    assert own.read_bytes() == b"mine"
    own.unlink()
    assert bench.everything() == first


def test_the_same_film_counts_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    shutil.copytree(bench.folders[0], bench.root / "again" / "first")
    bench.make(folders=[*bench.folders, bench.root / "again" / "first"])
    assert len(bench.table()) == 12
    assert "the same film as" in caplog.text


def test_consent_that_was_filled_in_stays(bench: Bench) -> None:
    bench.make(folders=bench.folders[1:])
    path = bench.to / CONSENT
    assert path.read_text().splitlines() == [",".join(CONSENT_COLUMNS), "anna,,,,,,"]
    path.write_text(f"{','.join(CONSENT_COLUMNS)}\nanna,yes,Art. 9,2026-01-02,no,a@b.c,fine\n")
    bench.make()
    assert path.read_text().splitlines()[1:] == [
        "anna,yes,Art. 9,2026-01-02,no,a@b.c,fine", "unknown,,,,,,",
    ]  # fmt: skip
    path.write_text("somebody's own\n")
    bench.make()  # It is whole.
    with pytest.raises(TableError, match=r"consent\.csv: its columns have changed"):
        bench.make(folders=bench.folders[:1])


def test_rights_that_were_filled_in_stay(bench: Bench) -> None:
    bench.make(folders=bench.folders[1:])
    path, (film,) = bench.to / RIGHTS, set(bench.table()["film"])
    assert path.read_text().splitlines() == [
        ",".join(RIGHTS_COLUMNS), f"{film},second.mkv,,,,,",
    ]  # fmt: skip
    path.write_text(path.read_text().replace("mkv,,,,,", "mkv,me,CC BY 4.0,yes,yes,"))
    bench.make()
    assert f"{film},second.mkv,me,CC BY 4.0,yes,yes," in path.read_text().splitlines()
    assert path.read_text().count(".mkv") == 2


def test_the_order_of_names_is_no_other_setting(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for people, emotions in (
        (("anna", "unknown"), ("happy", "sad")),
        (("unknown", "anna", "anna"), ("sad", "happy")),
    ):
        bench.make(replace(bench.order(), job=replace(bench.job, people=people, emotions=emotions)))
        assert ("is whole, and nothing has changed" in caplog.text) == (people[0] == "unknown")
    everything = bench.everything()
    shutil.rmtree(bench.to)
    bench.make(replace(bench.order(), job=replace(bench.job, people=people, emotions=emotions)))
    assert bench.everything() == everything


# --- refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["known", "output/first", "output/first/new", "file", "other"])
def test_a_place_that_holds_something_else_is_refused(bench: Bench, place: str) -> None:
    (bench.root / "file").write_text("mine")
    (bench.root / "other").mkdir()
    (bench.root / "other" / DATASET_FILE).write_text('{"format": 9}')
    before = sorted(bench.root.rglob("*"))
    order = Order(bench.job, bench.order().settings, bench.root / place)
    with pytest.raises(OutputError, match="choose another folder with --to"):
        bench.make(order)
    assert sorted(bench.root.rglob("*")) == before


def test_a_movie_that_is_gone_stops_all_and_its_new_place_is_taken(bench: Bench) -> None:
    second = bench.folders[1]
    walk = manifests.read(second)
    manifests.write(second, replace(walk, movie=bench.root / "second.mkv"))
    with pytest.raises(MovieError, match="--movie PATH"):
        bench.make()
    assert not (bench.to / CARD_FILE).exists()
    order = replace(bench.order(), movie=bench.film.with_name("second.mkv"))
    bench.make(order, bench.folders[1:])
    assert set(bench.table()["video"]) == {"second.mkv"}


def test_if_nobody_passes_nothing_is_begun(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    assert bench.with_pick(min_size=999.0).make() == []
    assert "no face passes the filters" in caplog.text
    assert not bench.to.exists()


def test_an_empty_subset_is_told(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.make(bench.order(val=0.0, test=1e-9))
    assert "no face is in test:" in caplog.text
    assert set(bench.table()["subset"]) == {"train"}
    assert set(SUBSETS) == {path.name for path in (bench.to / "images").iterdir()} | {"val", "test"}


def test_a_film_with_an_undecodable_name(bench: Bench) -> None:
    name = b"caf\xe9.mkv".decode(errors="surrogateescape")
    try:
        shutil.copy(bench.film, bench.root / name)
    except OSError:
        pytest.skip("the file system allows only valid text")
    folder = mine.walk(bench.root / name, bench.job, puppet.silent)
    bench.make(folders=[folder])
    assert set(bench.table()["video"]) == {"caf\\udce9.mkv"}


@pytest.mark.parametrize("replaced", [False, True])
def test_faces_that_no_longer_pass_go_even_if_none_is_left(bench: Bench, replaced: bool) -> None:
    """Whoever takes back a consent rejects all crops."""
    bench.make()
    nobody = bench.with_pick(sure=1.0) if replaced else bench
    if not replaced:
        for folder in bench.folders:
            mine.pick(folder, bench.with_pick(per_run=0, min_size=0, border=None).job)
            for person, emotion in desk.picks(folder):
                crops = desk.picked(folder, person, emotion).crops
                none = dict.fromkeys(crops, "none")
                desk.decide(folder, (person, emotion), none, bench.job.known_faces)
    assert nobody.make(replace(nobody.order(), replace=replaced)) == []
    assert not [*bench.to.rglob("*.jpg")]
    assert not (bench.to / CARD_FILE).exists()


def test_files_called_like_labels_of_other_formats_are_the_users(bench: Bench) -> None:
    only = bench.order(formats=("coco",))
    bench.make(only)
    own = [bench.to / name for name in ("data.yaml", "cvat.xml", "label_studio.json")]
    for path in own:
        path.touch()
    bench.make(only, folders=bench.folders[:1])
    assert all(path.exists() for path in own)


def test_labels_of_a_format_that_is_no_longer_wanted_go(bench: Bench) -> None:
    bench.make(bench.order(formats=("coco", "cvat")))
    bench.make(replace(bench.order(formats=("coco",)), replace=True))
    assert not (bench.to / "cvat.xml").exists()
    assert [*bench.to.glob("annotations/*.json")]


def test_names_with_bytes_and_control_characters(bench: Bench) -> None:
    movie = bench.root / "a\x07b.mkv"
    shutil.copy(bench.film, movie)
    folder = mine.walk(movie, bench.job, puppet.silent)
    subtitles = bench.root / os.fsdecode(b"caf\xe9.srt")
    subtitles.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello there.\n")
    odd = replace(bench, job=replace(bench.job, subtitles=str(subtitles)))
    assert odd.make(folders=[folder]) == odd.make(folders=[folder]) != []
    assert len([*ElementTree.parse(bench.to / "cvat.xml").iter("image")]) == len(bench.table())
