"""Tests of moments found in several movies, against results computed by hand."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import mine
from pipeline.archive.archive import Archive, open_archive
from pipeline.archive.search import MOMENT_COLUMNS, Moment, search, write_moments
from pipeline.disk.find import find_walks
from pipeline.errors import PeopleError
from pipeline.settings import Job, PickSettings
from tests.archive.conftest import ODD

PLAIN = PickSettings(smooth=1)


def _told(moment: Moment) -> tuple[str, str, str, int, int]:
    folder = moment.entry.folder.name
    name = "more" if folder.startswith("talk-") else folder
    return name, moment.person, moment.emotion, moment.first, moment.last


def _found(output: Path, job: Job, top: int = 0, order: str = "time") -> list[Moment]:
    with open_archive(find_walks([output])) as archive:
        return list(search(archive, job, top, order).moments)


def test_moments_of_all_movies(output: Path, job: Job) -> None:
    found = _found(output, replace(job, pick=PLAIN))
    assert [_told(moment) for moment in found] == [
        (ODD, "anna", "happy", 0, 15),
        ("talk", "anna", "happy", 0, 11),
        ("talk", "anna", "happy", 17, 29),
        ("talk", "anna", "happy", 30, 38),
        ("more", "anna", "happy", 5, 24),
    ]
    for moment in found:
        assert moment.faces == moment.length == moment.last - moment.first + 1
        assert (moment.start, moment.stop) == (moment.first / 25, moment.last / 25)
        assert moment.seconds == pytest.approx(moment.length / 25)
        assert moment.probability == pytest.approx(0.8125)


def test_the_steadier_the_fewer(output: Path, job: Job) -> None:
    counts = [
        len(_found(output, replace(job, pick=replace(PLAIN, repeat=repeat))))
        for repeat in (1, 9, 10, 13, 14, 17, 21)
    ]
    assert counts == [5, 5, 4, 3, 2, 1, 0]


def test_repeat_in_seconds(output: Path, job: Job) -> None:
    pick = replace(PLAIN, repeat_seconds=0.5)
    assert [m.length for m in _found(output, replace(job, pick=pick))] == [16, 13, 20]


def test_the_longest_the_surest_and_the_first(output: Path, job: Job) -> None:
    job = replace(job, pick=PickSettings())
    longest = [m.seconds for m in _found(output, job, order="length")]
    assert longest == sorted(longest, reverse=True)
    surest = [m.probability for m in _found(output, job, order="probability")]
    assert surest == sorted(surest, reverse=True)
    assert len(set(surest)) > 1


def test_top_is_of_all_movies_and_all_are_counted(output: Path, job: Job) -> None:
    with open_archive(find_walks([output])) as archive:
        found = search(archive, replace(job, pick=PLAIN), 2, "length")
    assert [(m.length, found.count) for m in found.moments] == [(20, 5), (16, 5)]


def test_strangers_and_everybody(output: Path, job: Job) -> None:
    job = replace(job, pick=PLAIN)
    strangers = _found(output, replace(job, people=("unknown",)))
    assert {m.person for m in strangers} == {"unknown"}
    everybody = _found(output, replace(job, people=("any",), emotions=("any",)))
    assert {m.person for m in everybody} == {"anna", "ben", "unknown"}
    assert {m.emotion for m in everybody} == {"happy", "neutral"}


def test_an_absent_person_is_reported_with_the_nearest_name(output: Path, job: Job) -> None:
    with pytest.raises(PeopleError, match=r"'anne' in the walked movies\. Did you mean 'anna'"):
        _found(output, replace(job, people=("anne",)))


def test_a_name_is_no_sql(output: Path, job: Job) -> None:
    with pytest.raises(PeopleError):
        _found(output, replace(job, people=("' OR 1=1 --",)))


def test_an_unknown_order_is_an_error(archive: Archive, job: Job) -> None:
    with pytest.raises(ValueError, match="order"):
        search(archive, job, order="best")


@pytest.fixture
def archive(output: Path) -> "Archive":  # type: ignore[misc]
    with open_archive(find_walks([output])) as archive:
        yield archive


def test_no_unknown_people_is_no_error(archive: Archive, job: Job) -> None:
    only = [e for e in archive.entries if "" not in e.facts.people]
    found = search(replace(archive, entries=tuple(only)), replace(job, people=("unknown",)))
    assert (found.moments, found.count) == ((), 0)


def test_one_archive_answers_many_questions(archive: Archive, job: Job) -> None:
    for smooth, count in ((1, 5), (5, 5), (25, 3), (1, 5), (5, 5)):
        pick = PickSettings(smooth=smooth)
        assert search(archive, replace(job, pick=pick)).count >= count - 2


def test_the_list_can_be_read_again(archive: Archive, job: Job, tmp_path: Path) -> None:
    found = search(archive, replace(job, pick=PLAIN), order="time")
    write_moments(found.moments, tmp_path / "found.csv")
    rows = _rows(tmp_path / "found.csv")
    assert tuple(rows[0]) == MOMENT_COLUMNS
    assert [row["movie"] for row in rows] == [m.entry.facts.movie for m in found.moments]
    assert rows[0]["movie"] == f"{ODD}.mkv"
    assert rows[0]["person"] == "anna"
    columns = ("start", "stop", "seconds", "probability")
    assert [rows[1][name] for name in columns] == ["0.000", "0.440", "0.480", "0.8125"]


def test_a_search_lists_what_a_pick_lists(output: Path, job: Job, tmp_path: Path) -> None:
    with open_archive(find_walks([output])) as archive:
        write_moments(search(archive, job).moments, tmp_path / "found.csv")
    for entry in archive.entries:
        mine.pick(entry.folder, job)
    listed = [row for path in output.rglob("moments.csv") for row in _rows(path)]
    numbers = "first", "last", "start", "stop", "seconds", "length", "faces", "track"
    names = "person", "emotion"

    def told(row: dict[str, str]) -> tuple[object, ...]:
        return *(row[name] for name in names), *(round(float(row[name]), 3) for name in numbers)

    assert sorted(map(told, listed)) == sorted(map(told, _rows(tmp_path / "found.csv")))
    assert len(listed) > 3


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
