"""Tests of crops and sheets of moments from several movies."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

from pipeline import files, mine
from pipeline.archive import gather
from pipeline.archive.archive import open_archive
from pipeline.archive.search import Moment, search
from pipeline.disk import manifest as manifests
from pipeline.disk.crop_file import read_provenance
from pipeline.disk.crops_csv import CROP_COLUMNS
from pipeline.disk.find import find_walks
from pipeline.errors import MovieError, OutputError
from pipeline.faces import EMOTIONS, NO_EMOTION
from pipeline.report.sheet import CELL_SIDE, SheetLine
from pipeline.review.desk import decide
from pipeline.settings import Job, PickSettings

PICK = PickSettings()


@pytest.fixture
def moments(output: Path, job: Job) -> tuple[Moment, ...]:
    with open_archive(find_walks([output])) as archive:
        return search(archive, job).moments


def _crops(folder: Path) -> list[Path]:
    return sorted(folder.glob("*_f*.jpg"))


def _listed(folder: Path) -> list[dict[str, str]]:
    with (folder / "crops.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_crops_of_all_movies_lie_in_one_folder(
    moments: tuple[Moment, ...], job: Job, tmp_path: Path
) -> None:
    films, failed = gather.films(moments, job)
    count, more = gather.write_all(films, tmp_path / "happy", PICK.margin)
    crops, listed = _crops(tmp_path / "happy"), _listed(tmp_path / "happy")
    assert (failed, more) == ([], [])
    assert count == len(crops) == len(listed) == sum(moment.faces for moment in moments)
    assert sorted(row["file"] for row in listed) == [path.name for path in crops]
    assert tuple(listed[0]) == CROP_COLUMNS
    assert {path.name for path in (tmp_path / "happy").iterdir()} == {
        *(path.name for path in crops), "crops.csv", ".lock",
    }  # fmt: skip


def test_crops_are_those_of_pick(
    moments: tuple[Moment, ...], job: Job, output: Path, tmp_path: Path
) -> None:
    """The same pixels, rows and provenance, and different names for two movies called talk."""
    films, _ = gather.films(moments, job)
    gather.write_all(films, tmp_path / "happy", PICK.margin)
    picked = {
        read_provenance(path)["movie"] + str(read_provenance(path)["frame"]) + str(folder):
        path.read_bytes()
        for folder in find_walks([output])
        for outcome in mine.pick(folder, job)
        for path in _crops(outcome.folder)
    }  # fmt: skip
    assert sorted(picked.values()) == sorted(p.read_bytes() for p in _crops(tmp_path / "happy"))
    stems = {path.name.split("_f0")[0] for path in _crops(tmp_path / "happy")}
    assert len(stems) == 3
    assert sum(stem.startswith("talk") for stem in stems) == 2


def test_what_was_rejected_is_not_cropped(
    moments: tuple[Moment, ...], job: Job, tmp_path: Path
) -> None:
    folder = moments[0].entry.folder
    mine.pick(folder, job)
    gone = min(folder.glob(f"{moments[0].person}/happy/*_f*.jpg")).name
    decide(folder, (moments[0].person, "happy"), {gone: NO_EMOTION}, job.known_faces)
    films, _ = gather.films(moments, job)
    count, _ = gather.write_all(films, tmp_path / "happy", PICK.margin)
    assert count == sum(moment.faces for moment in moments) - 1


def test_another_search_replaces_the_crops_and_nothing_else(
    moments: tuple[Moment, ...], job: Job, tmp_path: Path
) -> None:
    films, _ = gather.films(moments, job)
    found = tmp_path / "found"
    gather.write_all(films, found, PICK.margin)
    (found / "mine.jpg").write_bytes(b"mine")
    fewer, _ = gather.films(moments[:1], replace(job, pick=replace(job.pick, per_run=2)))
    count, _ = gather.write_all(fewer, found, PICK.margin)
    assert count == len(_crops(found)) == len(_listed(found)) == 2
    assert (found / "mine.jpg").read_bytes() == b"mine"


@pytest.mark.parametrize("place", ["known", "output/talk", "output/talk/anna/happy"])
def test_what_is_not_an_earlier_search_is_left_alone(
    moments: tuple[Moment, ...], job: Job, tmp_path: Path, place: str
) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ("crops.csv" if "anna" in place else "me.jpg")).write_text("mine")
    if place.startswith("output"):
        (tmp_path / "output" / "talk" / "walk.json").write_text("{}")
    before = sorted(tmp_path.rglob("*"))
    films, _ = gather.films(moments, job)
    with pytest.raises(OutputError, match="is not empty and was not written by an earlier search"):
        gather.write_all(films, folder, PICK.margin)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_sheet_keeps_the_shape_of_faces(
    moments: tuple[Moment, ...], job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A face at the picture's edge is cut off there, so its crop is not square."""
    shown: list[SheetLine] = []
    monkeypatch.setattr(gather, "line_sheets", lambda _, lines, __: shown.extend(lines))
    monkeypatch.setattr(gather, "cut", lambda *_: iter([(0, np.zeros((300, 600, 3), np.uint8))]))
    films, _ = gather.films(moments[:1], job)
    gather.write_sheet(moments[:1], films, tmp_path)
    assert shown[0].faces[0].shape == (CELL_SIDE // 2, CELL_SIDE, 3)


def test_a_movie_that_is_gone_fails_alone(
    moments: tuple[Moment, ...], output: Path, job: Job, tmp_path: Path
) -> None:
    folder = output / "talk"
    walk = manifests.read(folder)
    manifests.write(folder, replace(walk, movie=tmp_path / "gone.mkv"))
    films, failed = gather.films(moments, job)
    assert [type(error) for error in failed] == [MovieError]
    assert "gone.mkv" in str(failed[0])
    assert len(films) == 2
    count, _ = gather.write_all(films, tmp_path / "happy", PICK.margin)
    assert count == sum(m.faces for m in moments if m.entry.folder != folder)


def test_archives_with_folders_of_one_name(output: Path, job: Job, tmp_path: Path) -> None:
    shutil.copytree(output / "talk", tmp_path / "second" / "talk")
    with open_archive(find_walks([output / "talk", tmp_path / "second"])) as archive:
        found = search(archive, job)
    films, _ = gather.films(found.moments, job)
    count, _ = gather.write_all(films, tmp_path / "happy", PICK.margin)
    assert count == len(_crops(tmp_path / "happy")) == sum(m.faces for m in found.moments)


def test_a_folder_in_use_is_reported(moments: tuple[Moment, ...], job: Job, tmp_path: Path) -> None:
    films, _ = gather.films(moments, job)
    with files.locked(tmp_path / "found"), pytest.raises(OutputError, match="writing there"):
        gather.write_all(films, tmp_path / "found", PICK.margin)


def test_a_sheet_has_a_line_for_each_moment(
    moments: tuple[Moment, ...], job: Job, tmp_path: Path
) -> None:
    films, _ = gather.films(moments, job)
    sheets, failed = gather.write_sheet(moments, films, tmp_path / "sheets")
    assert failed == []
    assert [path.name for path in sheets] == ["sheet.jpg"]
    with Pillow.open(sheets[0]) as page:
        wide, high = page.size
    assert high // CELL_SIDE == len(moments) == 4
    assert wide >= gather.STRIP * CELL_SIDE


def test_many_moments_make_many_pages(
    moments: tuple[Moment, ...], job: Job, tmp_path: Path
) -> None:
    many = tuple(replace(m, probability=m.probability - n / 100) for n in range(6) for m in moments)
    films, _ = gather.films(many, job)
    sheets, _ = gather.write_sheet(many, films, tmp_path)
    assert [path.name for path in sheets] == ["sheet-1.jpg", "sheet-2.jpg", "sheet-3.jpg"]
    again, _ = gather.write_sheet(moments, films, tmp_path)
    assert again == [tmp_path / "sheet.jpg"]


def test_faces_that_the_search_did_not_find_are_not_cropped(output: Path, job: Job) -> None:
    """A class that is asked for counts in each film, also where none of its moments is."""
    for path in output.glob("*/faces.csv"):
        table = pd.read_csv(path)
        weak = (table["happy"] > 0.5) & (table["frame"] % 2 == 0)
        table.loc[weak, [*EMOTIONS]] = [0.02, 0.02, 0.2, 0.5, 0.2, 0.03, 0.03]
        table.to_csv(path, index=False)
    settings = PickSettings(repeat=4, sure=0.0, min_margin=0.2)
    asked = replace(job, emotions=("happy", "fear+sad"), pick=settings)
    with open_archive(find_walks([output])) as archive:
        moments = search(archive, asked).moments
    films, _ = gather.films(moments, asked)
    faces = [len(rows) for film in films for rows in film.rows.values()]
    assert sum(faces) == sum(moment.faces for moment in moments) > 0
