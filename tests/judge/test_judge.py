"""Judging a movie's folder, and samples filled in by hand."""

import csv
import re
import shutil
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline import mine
from pipeline.disk import faces_csv
from pipeline.errors import MiningError, MovieError, OutputError, TableError
from pipeline.faces import EMOTIONS
from pipeline.judge import judge, sample
from pipeline.judge.score import POOLED, REPEATS, Score
from pipeline.report import sheet
from pipeline.report.sheet import CAPTION, CELL_SIDE, SHEET_COLUMNS, TITLE_HEIGHT, Thumb
from pipeline.review.labels import TRACK_COLUMN, TRUTH
from pipeline.settings import Job, PickSettings
from tests.support import puppet
from tests.support.puppet import Shot, Square, film, photo

ANNA = Square("anna", "happy 12, sad 5, happy 8, fear", x=20, size=40)
CARL = Square("carl", "angry 20, neutral", x=100, y=70, size=30)
TALK = (Shot(40, (ANNA, CARL)),)
FACES = 80
BASE = PickSettings(min_prob=0.5)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A walked movie with anna, who is known, and an unknown person."""
    place = tmp_path_factory.mktemp("assess")
    photo(place / "known" / "anna.png", "anna")
    movie = film(place / "talk.mkv", TALK)
    job = Job(walk=puppet.SETTINGS, output=place / "output", known_faces=place / "known")
    with pytest.MonkeyPatch.context() as patch:
        puppet.plug_in(patch)
        return mine.walk(movie, job, puppet.silent)


@pytest.fixture
def folder(once: Path, tmp_path: Path) -> Path:
    """A copy of `once` that a test may change."""
    shutil.copytree(once, tmp_path / "talk")
    return tmp_path / "talk"


@dataclass(frozen=True)
class Page:
    """The arguments of a call that writes a sheet."""

    title: str
    thumbs: list[Thumb]


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[Page]:
    """Records the sheets that are drawn."""
    seen: list[Page] = []
    grid = sheet.grid

    def watched(title: str, thumbs: list[Thumb], across: int = SHEET_COLUMNS) -> Pillow.Image:
        seen.append(Page(title, thumbs))
        return grid(title, thumbs, across)

    monkeypatch.setattr(sheet, "grid", watched)
    return seen


def _listed(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _fill_in(path: Path) -> None:
    """Fills the column emotion with what the puppets showed."""
    rows = _listed(path)
    for row in rows:
        square = ANNA if row["person"] == "anna" else CARL
        row["emotion"] = square.look(int(row["first"]))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _judged(folder: Path) -> dict[tuple[str, int, str, float], dict[str, str]]:
    """The rows of judge.csv by emotion, repeat, smoothing and gate."""
    return {
        (r["emotion"], int(r["repeat"]), r["smooth"], float(r["sure"])): r
        for r in _listed(folder / "judge.csv")
    }


# --- samples ------------------------------------------------------------------------------------


def test_a_sample_that_is_filled_in_is_judged(folder: Path) -> None:
    told = sample.write_sample(folder, FACES)
    truth = folder / "sample.csv"
    assert f"mine-video judge {folder} --truth {truth}" in told
    _fill_in(truth)
    assert judge.judge([folder], truth, BASE).files == (folder / "judge.csv", folder / "judge.png")
    judged = _judged(folder)
    # The puppet network is never wrong, and every face is labelled.
    plain = judged[POOLED, 1, "1", 0]
    assert (plain["picked"], plain["precision"], plain["recall"], plain["kept"]) == (
        str(FACES), "1.0", "1.0", "1.0",
    )  # fmt: skip
    happy = judged["happy", 10, "1", 0]
    assert (happy["picked"], happy["runs"]) == ("12", "1")
    assert (happy["precision"], happy["recall"]) == ("1.0", "0.6")
    strangers = judged["angry", 15, "1", 0]
    assert (strangers["picked"], strangers["recall"]) == ("20", "1.0")


def test_a_few_labelled_faces_are_judged_with_the_runs_around_them(folder: Path) -> None:
    sample.write_sample(folder, 9)
    _fill_in(folder / "sample.csv")
    judge.judge([folder], folder / "sample.csv", BASE)
    plain = _judged(folder)[POOLED, 1, "1", 0]
    assert (plain["picked"], plain["precision"]) == ("9", "1.0")
    drawn = _listed(folder / "sample.csv")
    long = [r for r in drawn if r["emotion"] in ("happy", "angry", "neutral", "fear")]
    assert _judged(folder)[POOLED, 8, "1", 0]["picked"] == str(len(long))


def test_a_sample_holds_no_answer_of_the_network(folder: Path, pages: list[Page]) -> None:
    sample.write_sample(folder, 20)
    rows = _listed(folder / "sample.csv")
    assert list(rows[0]) == ["number", *TRUTH, TRACK_COLUMN, "walk"]
    assert {row["emotion"] for row in rows} == {""}
    assert not any(e in (folder / "sample.csv").read_text() for e in EMOTIONS)
    (page,) = pages
    assert page.title == "20 faces to label"
    for number, thumb in enumerate(page.thumbs, 1):
        assert re.fullmatch(rf"{number} +0:0\d\.\d", thumb.caption)
        assert not thumb.crossed


def test_a_sample_is_in_order_of_time_and_shows_the_faces_that_it_lists(folder: Path) -> None:
    sample.write_sample(folder, 20)
    rows = _listed(folder / "sample.csv")
    places = [(int(row["first"]), int(row[TRACK_COLUMN])) for row in rows]
    assert places == sorted(set(places))
    assert all(row["first"] == row["last"] and row["clip"] == "talk.mkv" for row in rows)
    with Pillow.open(folder / "sample.jpg") as picture:
        page = np.array(picture)
    for n, row in enumerate(rows):
        square = ANNA if row["person"] == "anna" else CARL
        x, y = (
            n % SHEET_COLUMNS * CELL_SIDE + CELL_SIDE // 2,
            TITLE_HEIGHT + n // SHEET_COLUMNS * (CELL_SIDE + CAPTION) + CELL_SIDE // 2,
        )
        found = np.median(page[y + 4 : y + 12, x - 4 : x + 4].reshape(-1, 3), axis=0)
        assert found == pytest.approx(
            puppet.colour(square.person, square.look(int(row["first"]))), abs=6
        )


def test_a_sample_of_more_than_there_are_is_all_of_them(folder: Path) -> None:
    sample.write_sample(folder, 1000)
    assert [int(r["number"]) for r in _listed(folder / "sample.csv")] == list(range(1, FACES + 1))


def test_labels_are_never_overwritten(folder: Path) -> None:
    path = folder / "sample.csv"
    sample.write_sample(folder, 20)
    first = path.read_bytes()
    sample.write_sample(folder, 20)
    assert path.read_bytes() == first, "nothing was filled in: the same faces again"
    text = path.read_text().splitlines(keepends=True)
    text[3] = text[3].replace(",,", ",Sad,")
    path.write_text("".join(text))
    before = path.read_bytes(), (folder / "sample.jpg").read_bytes()
    with pytest.raises(
        OutputError, match=r"sample\.csv: holds labels already; use them with --truth"
    ):
        sample.write_sample(folder, 5)
    assert (path.read_bytes(), (folder / "sample.jpg").read_bytes()) == before


@pytest.mark.parametrize("text", ["my notes\n", "clip,person,first,last,emotion\nm,a,1,2,hapy\n"])
def test_a_sample_that_cannot_be_read_is_not_overwritten(text: str, folder: Path) -> None:
    (folder / "sample.csv").write_text(text)
    with pytest.raises(TableError, match=r"sample\.csv"):
        sample.write_sample(folder, 5)
    assert (folder / "sample.csv").read_text() == text


def test_a_movie_without_faces_gives_an_empty_sample(folder: Path) -> None:
    rows = faces_csv.read_faces(folder / "faces.csv")
    faces_csv.write_faces(folder / "faces.csv", [rows[:0]])
    sample.write_sample(folder, 20)
    assert _listed(folder / "sample.csv") == []
    with pytest.raises(TableError, match="there are no labels: fill in the column emotion"):
        judge.judge([folder], folder / "sample.csv", BASE)


def test_a_sample_needs_the_movie(folder: Path, once: Path) -> None:
    movie = once.parents[1] / "talk.mkv"
    movie.rename(movie.with_name("away.mkv"))
    try:
        with pytest.raises(MovieError, match="the movie is gone"):
            sample.write_sample(folder, 5)
    finally:
        movie.with_name("away.mkv").rename(movie)
    assert not (folder / "sample.csv").exists()


# --- judging ------------------------------------------------------------------------------------

SCRIPT = (
    "clip,person,first,last,emotion\n"
    "talk,anna,0,11,happy\ntalk,anna,12,16,sad\ntalk,anna,17,24,happy\ntalk,anna,25,39,fear\n"
)


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Labels of anna, written by hand."""
    (tmp_path / "truth.csv").write_text(SCRIPT)
    return tmp_path / "truth.csv"


@pytest.fixture(scope="module")
def judged(once: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, judge.Judgement]:
    """A folder that was judged, and what was found; tests do not change it."""
    folder = tmp_path_factory.mktemp("judged") / "talk"
    shutil.copytree(once, folder)
    (folder.parent / "truth.csv").write_text(SCRIPT)
    return folder, judge.judge([folder], folder.parent / "truth.csv", BASE)


def test_the_table_has_a_line_for_each_pooled_setting(judged: tuple[Path, judge.Judgement]) -> None:
    head, *lines, advice = judge.lines(judged[1])
    words = ["repeat", "smooth", "sure", "min-prob"]
    words += ["faces", "runs", "precision", "recall", "yield"]
    assert head.split() == words
    kinds = [("1", "0", "0"), ("5", "0", "0"), ("auto", "0", "0"), ("auto", "0.7", "0.5")]
    assert [tuple(line.split()[:4]) for line in lines] == [
        (str(repeat), *kind) for kind in kinds for repeat in REPEATS
    ]
    assert lines[0].split()[4:] == ["40", "4", "1.000", "(1.000-1.000)", "1.000", "(1.000-1.000)",
                                    "1.000"]  # fmt: skip
    assert "nan (nan-nan)" in lines[REPEATS.index(25)]
    # Without a filter the puppet network is right about every face, and none is missed.
    assert advice.startswith(
        "Recommended here: --repeat 1 --smooth 1 --sure 0. Of 40 labelled faces that it picks, "
        "100% are right, and it picks 100% of those that are labelled with an emotion"
    )
    assert "label more faces" not in advice


def test_judge_csv_has_every_score_and_empty_cells_for_nothing(
    judged: tuple[Path, judge.Judgement],
) -> None:
    folder, _ = judged
    rows = _listed(folder / "judge.csv")
    assert list(rows[0]) == [f.name for f in fields(Score)]
    assert [r["emotion"] for r in rows[:8]] == [*EMOTIONS, POOLED]
    assert len(rows) == 4 * len(REPEATS) * 8
    # Runs of 12, 5, 8 and 15 frames.
    assert [r["picked"] for r in rows if r["emotion"] == POOLED][:7] == [
        "40", "40", "40", "35", "27", "15", "0",
    ]  # fmt: skip
    assert rows[0]["precision"] == rows[0]["recall"] == rows[0]["kept"] == ""
    assert "nan" not in (folder / "judge.csv").read_text()
    with Pillow.open(folder / "judge.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (1632, 504))


def test_judging_again_gives_the_same_bytes(
    judged: tuple[Path, judge.Judgement], folder: Path, truth: Path
) -> None:
    before, judgement = judged
    again = judge.judge([folder], truth, BASE)
    assert [*judge.lines(again)] == [*judge.lines(judgement)]
    for name in ("judge.csv", "judge.png"):
        assert (folder / name).read_bytes() == (before / name).read_bytes()


def test_several_movies_are_pooled_beside_their_folders(folder: Path, truth: Path) -> None:
    other = folder.with_name("other")
    shutil.copytree(folder, other)
    rows = faces_csv.read_faces(other / "faces.csv").assign(video="other.mkv")
    faces_csv.write_faces(other / "faces.csv", [rows])
    truth.write_text(SCRIPT + "other.mkv,anna,0,11,sad\n")
    judgement = judge.judge([folder, other], truth, BASE)
    assert judgement.files == (folder.parent / "judge.csv", folder.parent / "judge.png")
    lines = [*judge.lines(judgement)]
    assert lines[1].split()[4:7] == ["52", "5", f"{40 / 52:.3f}"]
    assert not (folder / "judge.csv").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("date,weight\n", "missing columns clip, emotion, first", id="foreign"),
        pytest.param(
            SCRIPT.replace("talk", "talk.mp4"), "the labels are for talk.mp4", id="other clip"
        ),
        pytest.param(SCRIPT.replace("sad", "bored"), "line 3: 'bored' is not one of", id="emotion"),
    ],
)
def test_a_truth_of_something_else_writes_nothing(
    text: str, words: str, folder: Path, truth: Path
) -> None:
    truth.write_text(text)
    with pytest.raises(TableError, match=words):
        judge.judge([folder], truth, BASE)
    assert not (folder / "judge.csv").exists()


def test_a_folder_without_a_walk_is_told(tmp_path: Path, truth: Path) -> None:
    with pytest.raises(MiningError, match="none: holds no walk"):
        judge.judge([tmp_path / "none"], truth, BASE)
    with pytest.raises(MiningError, match="none: holds no walk"):
        sample.write_sample(tmp_path / "none", 3)
    assert not (tmp_path / "none").exists()
