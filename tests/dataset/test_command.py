"""`mine-video dataset` on the command line."""

import shlex
from pathlib import Path

import pandas as pd
import pytest

from pipeline.dataset.formats import DATASET_FORMATS
from pipeline.dataset.settings import TABLE_FILE
from tests.support.program import Program, program

__all__ = ["program"]

ANNA = ("--person", "anna", "--smooth", "1", "--min-size", "9", "--size", "32")


@pytest.fixture
def walked(program: Program) -> Program:
    assert program("walk", "movie.mkv").code == 0
    return program


def test_counts_are_printed_and_then_the_folder(walked: Program) -> None:
    done = walked("dataset", "output/movie", *ANNA, "--to", "faces")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0].split() == ["person", "emotion", "train", "val", "test"]
    (anna, (place,)) = done.table
    assert (anna[:2], place) == (["anna", "happy"], "faces")
    assert sum(map(int, anna[2:])) == len(pd.read_csv(Path("faces") / TABLE_FILE)) > 0


def test_the_same_line_again_says_so_and_another_is_refused(walked: Program) -> None:
    line = ("dataset", "movie", *ANNA, "--to", "faces")
    first = walked(*line)
    again = walked(*line)
    assert again.out == first.out
    assert "is whole, and nothing has changed" in again.err
    other = walked(*line, "--no-align", "--format", "yolo")
    assert other.code == 1
    for word in (
        "--no-align was False, now True",
        "--format was coco, yolo",
        "now yolo",
        "--replace",
    ):
        assert word in other.err
    assert walked(*line, "--no-align", "--format", "yolo", "--replace").code == 0
    assert not Path("faces/cvat.xml").exists()


def test_nobody_passes(walked: Program) -> None:
    done = walked("dataset", "movie", *ANNA, "--to", "faces", "--min-size", "500")
    assert (done.code, done.out) == (0, "")
    assert "no face passes the filters" in done.err
    assert not Path("faces").exists()
    line = shlex.split(done.err.partition("earlier pick: mine-video ")[2].splitlines()[0])
    explained = walked(*line)
    assert explained.code == 0, explained.err
    assert "min-size 0" in explained.out


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("--to", "faces"), "say whom or which look to crop: mine-video dataset movie --person"),
        (("--person", "anna"), "Missing option '--to'"),
        ((*ANNA, "--to", "faces", "--val", "0.5", "--test", "0.5"), "leaves nothing to train on"),
        ((*ANNA, "--to", "faces", "--val", "20"), "20 is not a share; 20 % is 0.2."),
        ((*ANNA, "--to", "faces", "--test", "15%"), "15% is not a share; 15 % is 0.15."),
        ((*ANNA, "--to", "faces", "--val", "-1"), "is not in the range 0<=x<=1"),
        ((*ANNA, "--to", "faces", "--val", "half"), "'half' is not a number"),
        ((*ANNA, "--to", "faces", "--format", "coko"), "Did you mean 'coco'?"),
        ((*ANNA, "--to", "faces", "--size", "4000"), "is not in the range 32<=x<=2048"),
        (
            (*ANNA, "--to", "faces", "--split-by", "emotion"),
            "is not one of 'shot', 'film', 'person'",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_misuse_is_told(walked: Program, args: tuple[str, ...], word: str) -> None:
    done = walked("dataset", "movie", *args)
    assert done.code == 2
    assert word in done.err
    assert not Path("faces").exists()


def test_help_lists_the_formats_and_defaults_of_its_own(program: Program) -> None:
    shown = program("dataset", "--help").out
    assert all(f"\n  {name} " in shown for name in DATASET_FORMATS)
    words = " ".join(shown.split())
    for default in (
        "0 keeps all. [default: 3; x>=0]",
        "edge, in pixels. [default: 0; x>=0]",
        "-1: no limit. [default: 0.0; -1<=x<=1]",
    ):
        assert default in words
    assert "keeps all. [default: 0; x>=0]" in " ".join(program("pick", "--help").out.split())
