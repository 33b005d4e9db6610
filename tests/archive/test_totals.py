"""Tests of screen time, shares of emotions, and all rows as one table."""

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from pipeline import mine
from pipeline.archive.archive import open_archive
from pipeline.archive.totals import Total, join, totals
from pipeline.disk import faces_csv
from pipeline.disk.find import find_walks
from pipeline.errors import OutputError
from pipeline.faces import EMOTIONS, FaceRow
from pipeline.settings import Job


def _totals(output: Path) -> dict[tuple[str, str], Total]:
    with open_archive(find_walks([output])) as archive:
        return {(t.entry.folder.name, t.person): t for t in totals(archive)}


def test_screen_time_equals_that_of_identify(output: Path, job: Job) -> None:
    found = _totals(output)
    for folder in find_walks([output]):
        for known in mine.identify(folder, job):
            total = found.pop((folder.name, known.person or "unknown"))
            assert total.seconds == pytest.approx(known.seconds)
            assert (total.tracks, total.faces) == (known.tracks, known.faces)
    assert found == {}


def test_two_strangers_in_one_frame_count_once(output: Path) -> None:
    (third,) = (
        t for (name, who), t in _totals(output).items() if who == "unknown" and "odd" in name
    )
    assert third.faces == 2 * 16
    assert third.seconds == pytest.approx(16 / 25)


def test_shares_of_emotions_sum_to_one(output: Path) -> None:
    found = _totals(output)
    for total in found.values():
        assert list(total.shares) == list(EMOTIONS)
        assert sum(total.shares.values()) == pytest.approx(1)
    anna = found["talk", "anna"].shares
    # 12 + 13 + 9 of 50 frames are happy; five sad ones in between are too few to change her look.
    assert anna["happy"] == pytest.approx(39 / 50)
    assert anna["sad"] == 0
    assert anna["neutral"] == pytest.approx(11 / 50)


def test_a_look_is_kept_and_ordered_by_its_seconds(output: Path) -> None:
    with open_archive(find_walks([output])) as archive:
        everybody, sad = totals(archive), totals(archive, ("sad",))
        both = totals(archive, ("happy", "sad"))
        assert totals(archive, ("disgust",)) == []
    (anna,) = sad
    assert anna.person == "anna"
    assert anna.look_seconds == pytest.approx(5 / 25)
    assert [t.look_seconds for t in both] == sorted((t.look_seconds for t in both), reverse=True)
    assert both[0].look_seconds == pytest.approx(39 / 25)
    for total in everybody:
        assert total.look_seconds >= total.seconds


def test_a_movie_is_the_sum_of_its_people(output: Path) -> None:
    with open_archive(find_walks([output])) as archive:
        people, movies = totals(archive), totals(archive, by_movie=True)
    assert [total.person for total in movies] == ["any"] * 3
    for movie in movies:
        own = [total for total in people if total.entry == movie.entry]
        assert movie.faces == sum(total.faces for total in own)
        assert movie.seconds == pytest.approx(sum(total.seconds for total in own))
        happy = sum(total.look_seconds * total.shares["happy"] for total in own)
        assert movie.look_seconds * movie.shares["happy"] == pytest.approx(happy)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".CSV"])
def test_all_rows_in_one_table(suffix: str, output: Path, tmp_path: Path) -> None:
    path = tmp_path / f"it's{suffix}"
    folders = find_walks([output])
    with open_archive(folders) as archive:
        count = join(archive, path)
    with duckdb.connect() as connection:
        read = connection.read_csv if suffix.lower() == ".csv" else connection.from_parquet
        whole = read(str(path)).df()
    assert list(whole) == ["folder", *FaceRow._fields]
    assert count == len(whole)
    assert list(dict.fromkeys(whole["folder"])) == [str(folder) for folder in folders]
    for folder in folders:
        rows = faces_csv.read_faces(folder / "faces.csv")
        mine_ = whole[whole["folder"] == str(folder)].reset_index(drop=True)
        assert mine_["person"].fillna("").tolist() == rows["person"].tolist()
        for name in faces_csv.NUMBERS:
            pd.testing.assert_series_equal(mine_[name], rows[name], check_dtype=False, rtol=1e-6)


def test_a_table_of_no_known_kind(output: Path, tmp_path: Path) -> None:
    with (
        open_archive(find_walks([output])) as archive,
        pytest.raises(OutputError, match=r"\.csv or \.parquet"),
    ):
        join(archive, tmp_path / "all.xlsx")


def test_a_table_that_cannot_be_written(output: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        open_archive(find_walks([output])) as archive,
        pytest.raises(OutputError, match="cannot be written"),
    ):
        join(archive, tmp_path / "file" / "all.csv")
