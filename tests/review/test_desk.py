"""Lists of movies and picks, and the progress of each review."""

import csv
import shutil
from pathlib import Path

import pytest

from pipeline import mine
from pipeline.disk import find
from pipeline.review import desk, match
from pipeline.review.desk import ReviewProgress
from pipeline.review.labels import LABELS
from tests.support.reviewed import HAPPY, Table, picked_once, table_of

__all__ = ["picked_once", "table_of"]

SHOWN = ["film\u3000映画", "non\u00a0breaking", "zero\u200dwidth", "née", "talk"]
UNSHOWN = [".hidden", "back\\slash", "new\nline", "by\udce9te"]


def test_movies_go_by_names_that_can_be_shown(table_of: Table) -> None:
    output = table_of.folder.parent
    for name in [*SHOWN[:-1], *UNSHOWN]:
        shutil.copytree(table_of.folder, output / name)
    (output / "no movie").mkdir()
    (output / "file").touch()
    assert find.walked_movies(output) == {name: output / name for name in sorted(SHOWN)}
    for name in SHOWN:
        assert find.walked_movie(output, name) == output / name
    for name in [*UNSHOWN, "no movie", "file", "", ".", "..", "talk/", "./talk", "talk/../talk"]:
        assert find.walked_movie(output, name) is None


def test_picks_go_by_names_that_can_be_shown(table_of: Table) -> None:
    for person in [*SHOWN, *UNSHOWN]:
        shutil.copytree(table_of.folder / "anna", table_of.folder / person)
    expected = {(person, "happy") for person in [*SHOWN, "anna"]} | {("unknown", "sad")}
    assert set(desk.picks(table_of.folder)) == expected
    for pick in expected:
        assert desk.is_pick(table_of.folder, *pick)
    others = [
        ("anna", "sad"),
        ("nobody", "happy"),
        ("anna", "../anna/happy"),
        ("../talk/anna", "happy"),
    ]
    for person, emotion in [*others, *((person, "happy") for person in UNSHOWN)]:
        assert not desk.is_pick(table_of.folder, person, emotion)


def test_nothing_is_in_a_folder_that_is_none(table_of: Table, tmp_path: Path) -> None:
    for place in (tmp_path / "none", table_of.movie):
        assert find.walked_movies(place) == {}
        assert find.walked_movie(place, "talk") is None
        assert list(desk.picks(place)) == []


def test_one_movie_is_found_without_looking_at_the_others(
    table_of: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = table_of.folder.parent
    for number in range(5):
        shutil.copytree(table_of.folder, output / f"other {number}")
    looked_at = []
    is_file = Path.is_file

    def spy(path: Path) -> bool:
        looked_at.append(path)
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", spy)
    assert find.walked_movie(output, "talk") == table_of.folder
    assert desk.is_pick(table_of.folder, *HAPPY)
    assert looked_at == [table_of.folder / "walk.json", table_of.place / "crops.csv"]


def test_how_far_picks_are_is_remembered_of_many(
    table_of: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [table_of.folder.parent / f"other {number}" for number in range(12)]
    for folder in folders:
        shutil.copytree(table_of.folder, folder)
    matching, matched = match.labels_of_crops, []

    def spy(*given: object) -> object:
        matched.append(given)
        return matching(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(match, "labels_of_crops", spy)
    first = [desk.progress(folder, *HAPPY) for folder in folders]
    assert first == [ReviewProgress(10, 0, 0, 1, 0)] * 12
    assert len(matched) == 12
    assert [desk.progress(folder, *HAPPY) for folder in folders] == first
    assert len(matched) == 12
    desk.decide(folders[3], HAPPY, {table_of.files[0]: "happy"}, table_of.known)
    matched.clear()
    found = [desk.progress(folder, *HAPPY) for folder in folders]
    assert found == [*first[:3], ReviewProgress(10, 1, 1, 1, 0), *first[4:]]
    assert len(matched) <= 1


def test_the_next_pick_is_one_with_something_to_decide(table_of: Table) -> None:
    folder, sad = table_of.folder, ("unknown", "sad")
    for person in ("ben", "carl"):
        shutil.copytree(folder / "anna", folder / person)
    (folder / "ben" / "happy" / "crops.csv").write_text("torn")
    assert desk.next_open(folder, *HAPPY) == ("carl", "happy")
    shutil.rmtree(folder / "carl")
    assert desk.next_open(folder, *HAPPY) == sad
    assert desk.next_open(folder, *sad) == HAPPY
    for number in range(10):
        table_of.decide(number, "happy")
    assert desk.next_open(folder, *sad) is None


def _without(path: Path, column: str) -> None:
    """Writes a table as a version wrote it that did not know the column."""
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    at = header.index(column)
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [*row[:at], *row[at + 1 :]] for row in [header, *rows]
        )


def test_lists_and_labels_of_earlier_versions_are_read(table_of: Table) -> None:
    first, second = table_of.files[:2]
    desk.decide(table_of.folder, HAPPY, {first: "sad"}, table_of.known)
    for path in (table_of.folder / LABELS, table_of.place / "crops.csv"):
        _without(path, "look_sure")
    old = desk.picked(table_of.folder, *HAPPY)
    assert list(old.labels) == [first]
    assert old.crops[second]["look_sure"] == ""
    desk.decide(table_of.folder, HAPPY, {second: "happy"}, table_of.known)
    desk.decide(table_of.folder, HAPPY, {first: None}, table_of.known)  # Lists the crop again.
    assert (table_of.place / first).is_file()
    mine.pick(table_of.folder, table_of.job)
    new = desk.picked(table_of.folder, *HAPPY)
    assert list(new.labels) == [second]
    assert float(new.crops[first]["look_sure"]) > 0.9
