"""The faces to label: drawn from everybody and every scene, and written as they are labelled."""

import csv
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import MovieError, OutputError, TableError
from pipeline.judge import sample
from pipeline.judge.judge import advice
from pipeline.judge.score import ENOUGH, POOLED, Score, recommended
from pipeline.settings import AUTO, PickSettings
from tests.support import puppet
from tests.support.reviewed import SHOT, Table, picked_once, table_of

__all__ = ["picked_once", "table_of"]

FACES = 40
"""Of anna and ben, who are in each of 20 frames."""


def drawn(table: Table, count: int = 12) -> list[dict[str, str]]:
    sample.draw_sample(table.folder, count)
    return listed(table)


def listed(table: Table) -> list[dict[str, str]]:
    with (table.folder / "sample.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def label(table: Table, number: str, emotion: str) -> sample.Sample:
    found = sample.read_sample(table.folder)
    return sample.label_face(table.folder, found.version if found else "", number, emotion)


# --- drawing ------------------------------------------------------------------------------------


def movie_of(lengths: dict[tuple[str, int], int]) -> pd.DataFrame:
    """Rows of tracks, each with a person, a number and a length in frames."""
    rows = [(f, track, name) for (name, track), n in lengths.items() for f in range(n)]
    return pd.DataFrame(rows, columns=["frame", "track", "person"])


def test_a_long_scene_of_the_star_does_not_crowd_out_the_others() -> None:
    rows = movie_of({("star", 0): 5000, ("star", 1): 10, ("friend", 2): 30, ("", 3): 8})
    found = sample.spread_sample(rows, 40).groupby("track").size().to_dict()
    # Each of three people in turn, until somebody has no more faces; the star's two scenes alike.
    assert found == {0: 8, 1: 8, 2: 16, 3: 8}


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["", "anna", "ben"]), st.integers(0, 9)), st.integers(1, 30)
    ),
    st.integers(1, 60),
)
def test_a_sample_is_of_different_faces_in_order_and_always_the_same(
    lengths: dict[tuple[str, int], int], count: int
) -> None:
    rows = movie_of({(name, 10 * len(name) + track): n for (name, track), n in lengths.items()})
    found = sample.spread_sample(rows, count)
    assert len(found) == min(count, len(rows))
    assert found.index.is_unique
    assert found.equals(rows.loc[found.index])
    places = list(zip(found["frame"], found["track"], strict=True))
    assert places == sorted(places)
    assert found.equals(sample.spread_sample(rows, count))
    # No track gives a second face before each of the same person has given one.
    for _, mine in rows.groupby("person"):
        taken = found[found["person"] == mine["person"].iloc[0]].groupby("track").size()
        full = mine.groupby("track").size()
        most = taken.max() if len(taken) else 0
        for track, size in full.items():
            assert taken.get(track, 0) >= min(size, most - 1)


# --- labelling ----------------------------------------------------------------------------------


def test_a_label_is_in_the_file_that_judge_reads(table_of: Table) -> None:
    before = drawn(table_of)
    label(table_of, "3", "sad")
    after = listed(table_of)
    assert after[2]["emotion"] == "sad"
    assert [row | {"emotion": ""} for row in after] == before
    found = label(table_of, "3", "")
    assert (found.labelled, listed(table_of)) == (0, before)


def test_a_spreadsheet_may_have_saved_it_in_between(table_of: Table) -> None:
    first = drawn(table_of)[0]
    path = table_of.folder / "sample.csv"
    text = path.read_text().replace(",", ";").replace("\n", "\r\n")
    path.write_text("\ufeff" + text.replace("number;clip", "Number;Clip"), encoding="utf-8")
    label(table_of, "1", "happy")
    found = {name.lower(): cell for name, cell in listed(table_of)[0].items()}
    assert found == first | {"emotion": "happy"}


def test_notes_of_ones_own_are_kept(table_of: Table) -> None:
    drawn(table_of, 2)
    path = table_of.folder / "sample.csv"
    head, *lines = path.read_text().splitlines()
    noted = ["# by me", f"{head},notes", f"{lines[0]},=odd", f"{lines[1]},,beyond", ""]
    path.write_text("\n".join(noted))
    label(table_of, "2", "fear")
    after = path.read_text().splitlines()
    cells = lines[1].split(",")
    cells[5] = "fear"
    line = ",".join(cells)
    assert after == ["# by me", f"{head},notes", f"{lines[0]},'=odd", f"{line},,beyond"]


@pytest.mark.parametrize("number", ["0", "13", "", "1.0", "../1"])
def test_a_face_that_is_not_in_the_sample_has_no_label(table_of: Table, number: str) -> None:
    before = drawn(table_of)
    with pytest.raises(KeyError):
        label(table_of, number, "sad")
    assert listed(table_of) == before


def test_numbers_may_be_as_a_spreadsheet_writes_them(table_of: Table) -> None:
    drawn(table_of, 2)
    path = table_of.folder / "sample.csv"
    head, first, second = path.read_text().splitlines()
    cells = first.split(",")
    cells[3] = cells[4] = f"{cells[3]}.0"
    path.write_text("\n".join([head, ",".join(cells), second, ""]))
    label(table_of, "1", "sad")
    assert [row["emotion"] for row in listed(table_of)] == ["sad", ""]
    cells[3] = ""
    path.write_text("\n".join([head, ",".join(cells), second, ""]))
    with pytest.raises(TableError, match="line 2: first and track must be whole numbers"):
        sample.read_sample(table_of.folder)


def test_a_label_of_another_draw_is_refused(table_of: Table) -> None:
    drawn(table_of, 5)
    old = sample.read_sample(table_of.folder)
    assert old is not None
    before = drawn(table_of, 6)
    with pytest.raises(KeyError):
        sample.label_face(table_of.folder, old.version, "2", "sad")
    assert listed(table_of) == before


def test_a_label_that_comes_while_faces_are_drawn_is_kept(
    table_of: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(table_of, 5)
    slow = sample.spread_sample

    def labelled_meanwhile(rows: pd.DataFrame, count: int) -> pd.DataFrame:
        label(table_of, "2", "sad")
        return slow(rows, count)

    monkeypatch.setattr(sample, "spread_sample", labelled_meanwhile)
    with pytest.raises(OutputError, match="holds labels already"):
        sample.draw_sample(table_of.folder, 9)
    assert [row["emotion"] for row in listed(table_of)] == ["", "sad", "", "", ""]


def test_labels_of_an_earlier_walk_are_kept_aside(
    table_of: Table, caplog: pytest.LogCaptureFixture
) -> None:
    for n in range(2):
        drawn(table_of, 3)
        label(table_of, "1", "sad")
        path = table_of.folder / "sample.csv"
        text = path.read_text().replace(listed(table_of)[0]["walk"], f"earlier{n}")
        path.write_text(text)
        found = sample.read_sample(table_of.folder)
        assert found is not None
        with pytest.raises(KeyError):
            sample.sampled_face(found, "1")
        drawn(table_of, 4)
        kept = table_of.folder / ("sample.old2.csv" if n else "sample.old.csv")
        assert kept.read_text() == text
        assert kept.name in caplog.text


def test_there_is_no_sample_before_one_is_drawn(table_of: Table) -> None:
    assert sample.read_sample(table_of.folder) is None
    with pytest.raises(KeyError):
        label(table_of, "1", "sad")


def test_labels_of_other_columns_are_no_sample(table_of: Table) -> None:
    (table_of.folder / "sample.csv").write_text("clip,person,first,last,emotion\n")
    with pytest.raises(TableError, match=r"missing number, track, walk; move it away"):
        sample.read_sample(table_of.folder)


def test_the_face_that_is_shown_is_the_one_that_is_listed(table_of: Table) -> None:
    rows = drawn(table_of)
    squares = {square.person: square for square in SHOT.squares}
    found = sample.read_sample(table_of.folder)
    assert found is not None
    for row in rows:
        square = squares[row["person"] or "ben"]
        image = sample.sampled_face(found, row["number"])
        centre = image[image.shape[0] // 2, image.shape[1] // 2 - 2]
        wanted = puppet.colour(square.person, square.look(int(row["first"])))
        assert centre == pytest.approx(np.array(wanted), abs=12)


def test_a_face_of_a_movie_that_is_gone_is_told(table_of: Table) -> None:
    drawn(table_of)
    found = sample.read_sample(table_of.folder)
    assert found is not None
    text = (table_of.folder / "walk.json").read_text()
    (table_of.folder / "walk.json").write_text(text.replace("talk.mkv", "lost.mkv"))
    with pytest.raises(MovieError, match="the movie is gone"):
        sample.sampled_face(found, "1")


# --- advice -------------------------------------------------------------------------------------


def score(
    precision: float, recall: float, *, repeat: int = 8, picked: int = 50, kept: float = 0.5
) -> Score:
    between = (max(0.0, precision - 0.05), min(1.0, precision + 0.05))
    return Score(
        POOLED, repeat, 1, 0.0, 0.0, picked, 9, precision, *between, recall, 0.0, 1.0, kept
    )  # fmt: skip


USUAL = replace(score(0.9, 0.9, kept=0.4), smooth=AUTO, sure=PickSettings().sure)


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        pytest.param([score(0.7, 0.9), score(0.95, 0.6)], 1, id="wrong crops weigh more"),
        pytest.param([score(0.9, 0.9), score(0.92, 0.2)], 0, id="but not everything"),
        pytest.param([score(0.9, 0.9, kept=0.4), score(0.9, 0.9, kept=0.6)], 1, id="keeps more"),
        pytest.param([score(0.9, 0.9, kept=0.6), USUAL], 1, id="the usual one"),
        pytest.param([score(1, 1, picked=ENOUGH - 1), score(0.6, 0.6)], 1, id="too few faces"),
        pytest.param([score(0, 0), score(float("nan"), 0.3, picked=0)], None, id="none is right"),
    ],
)
def test_the_best_balance_is_recommended(scores: list[Score], best: int | None) -> None:
    assert recommended(scores) == (None if best is None else scores[best])


def test_f_half_is_the_weighted_harmonic_mean() -> None:
    assert score(0.5, 0.5).f_half == pytest.approx(0.5)
    # 1 / (0.8 / precision + 0.2 / recall)
    assert score(0.9, 0.3).f_half == pytest.approx(1 / (0.8 / 0.9 + 0.2 / 0.3))


def test_advice_warns_of_few_labels() -> None:
    wide = score(0.8, 0.5)
    narrow = advice([wide])
    assert "--repeat 8 --smooth 1 --sure 0. Of 50 labelled faces that it picks, 80%" in narrow
    assert "label more" not in narrow
    object.__setattr__(wide, "precision_low", 0.4)
    assert advice([wide]).startswith(
        "There are few labels yet (the share below could be 40% to 85%): label more faces"
    )
    assert "none picks 20 or more labelled faces" in advice([score(0.9, 0.9, picked=3)])
