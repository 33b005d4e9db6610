"""The moments of a pick in the review: the same as of moments.csv, whatever was picked when."""

import csv
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from pipeline import mine
from pipeline.disk import manifest
from pipeline.faces import NO_EMOTION
from pipeline.review import desk
from pipeline.review.moments import ReviewedMoment, reviewed_moments
from pipeline.settings import PickSettings
from tests.support.reviewed import HAPPY, Table, picked_once, table_of

__all__ = ["picked_once", "table_of"]

SAD = ("unknown", "sad")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def moments_of(table_of: Table, *pick: str) -> tuple[ReviewedMoment, ...]:
    return desk.picked(table_of.folder, *(pick or HAPPY)).moments


def shortened(table_of: Table, *runs: tuple[int, int]) -> list[dict[str, str]]:
    """The rows of crops.csv, of which some frames make other runs."""
    rows = table_of.rows
    for number, (first, stop) in enumerate(runs, 1):
        for row in rows[first:stop]:
            row |= {"run": str(number), "run_length": str(stop - first)}
    return rows


@pytest.mark.parametrize("pick", [HAPPY, SAD])
def test_they_are_those_of_moments_csv(table_of: Table, pick: tuple[str, str]) -> None:
    (listed,) = table(table_of.folder.joinpath(*pick) / "moments.csv")
    (moment,) = moments_of(table_of, *pick)
    assert len(moment.files) == int(listed["faces"]) == int(listed["length"]) == moment.length
    assert [moment.start, moment.seconds, moment.look_sure, moment.probability] == pytest.approx(
        [float(listed[name]) for name in ("start", "seconds", "look_sure", "probability")], abs=1e-3
    )
    assert moment.best in moment.files
    frames = [int(file.split("_f")[1][:7]) for file in moment.files]
    assert frames == [*range(int(listed["first"]), int(listed["last"]) + 1)]


def test_they_need_no_moments_csv(table_of: Table) -> None:
    """Earlier versions did not write it."""
    before = moments_of(table_of)
    (table_of.place / "moments.csv").unlink()
    desk._picked.cache_clear()
    assert moments_of(table_of) == before


def test_the_surest_is_the_first_and_where_none_says_so_the_most_probable(table_of: Table) -> None:
    rows = shortened(table_of, (0, 2), (2, 5), (5, 10))
    walk = manifest.read(table_of.folder)
    for row, sure in zip(rows, (9, 9, 7, 7, 7, 8, 8, 8, 8, 8), strict=True):
        row["look_sure"] = f"0.{sure}"
    assert [m.length for m in reviewed_moments(pd.DataFrame(rows), walk)] == [2, 5, 3]
    for row, share in zip(rows, (7, 7, 9, 9, 9, 8, 8, 8, 8, 8), strict=True):
        row |= {"look_sure": "", "probability": f"0.{share}"}
    found = reviewed_moments(pd.DataFrame(rows), walk)
    assert [m.length for m in found] == [3, 5, 2]
    assert [m.look_sure for m in found] == pytest.approx([0.9, 0.8, 0.7])


def test_the_best_face_is_the_clear_one_and_nothing_ends_at_odd_numbers(table_of: Table) -> None:
    rows = table_of.rows
    rows[0]["sharpness"] = "none"  # Somebody edited the table.
    rows[6]["sharpness"] = "9000"
    (moment,) = reviewed_moments(pd.DataFrame(rows), manifest.read(table_of.folder))
    assert moment.best == rows[6]["file"]
    assert reviewed_moments(pd.DataFrame(), manifest.read(table_of.folder)) == []


def test_crops_of_a_longer_movie_are_still_shown(table_of: Table) -> None:
    """Those of an earlier walk, until the next pick."""
    rows = table_of.rows
    rows[-1]["frame"] = "12345"
    (moment,) = reviewed_moments(pd.DataFrame(rows), manifest.read(table_of.folder))
    assert len(moment.files) == 10


def test_a_rejected_moment_stays_one_after_another_pick(table_of: Table) -> None:
    (before,) = moments_of(table_of)
    table_of.decide_all(dict.fromkeys(range(10), NO_EMOTION))
    mine.pick(table_of.folder, table_of.job)
    assert moments_of(table_of) == (before,)
    progress = desk.progress(table_of.folder, *HAPPY)
    assert (progress.moments, progress.moments_decided, progress.decided) == (1, 1, 10)


def test_what_was_rejected_of_a_moment_is_one_of_its_own_after_another_pick(
    table_of: Table,
) -> None:
    """The number of its run may be that of another by then, of the same length even."""
    table_of.decide_all(dict.fromkeys(range(5), NO_EMOTION))
    (whole,) = moments_of(table_of)
    job = replace(table_of.job, pick=PickSettings(repeat=5, smooth=1))
    mine.pick(table_of.folder, job)
    found = sorted(moments_of(table_of), key=lambda moment: moment.start)
    assert [moment.files for moment in found] == [whole.files[:5], whole.files[5:]]
    progress = desk.progress(table_of.folder, *HAPPY)
    assert (progress.moments, progress.moments_decided, progress.decided) == (2, 1, 5)
    table_of.decide_all(dict.fromkeys(range(5)))
    assert sum(len(moment.files) for moment in moments_of(table_of)) == 10
