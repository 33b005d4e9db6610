"""The commands `data`, `train` and `evaluate` on the command line."""

import sys
from pathlib import Path

import pytest

from tests.support.program import Program, caller
from tests.support.training import KERAS, csv_text, squares, votes_text

OURS = ("--network", "shallow", "--epochs", "1", "--batch", "14", "--quiet")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    return caller(monkeypatch, capsys)


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "fer2013.csv"
    path.write_text(csv_text(squares(56)))
    return path


@pytest.fixture
def votes(tmp_path: Path) -> Path:
    path = tmp_path / "fer2013new.csv"
    path.write_text(votes_text(squares(56)))
    return path


def test_a_dropped_emotion_is_neither_counted_nor_written(
    run: Program, csv: Path, tmp_path: Path
) -> None:
    done = run("data", csv, "--without", "disgust", "--pictures", tmp_path / "faces")
    assert done.code == 0
    counts = {row[0]: row[1:] for row in done.table}
    assert counts["disgust"] == ["0", "0", "0", "0.0%"]
    assert counts["all"] == ["36", "6", "6", "48"]
    parents = [p.parent.name for p in (tmp_path / "faces").rglob("*.png")]
    assert len(parents) == 48
    assert "disgust" not in parents


def test_a_folder_that_is_there_is_refused_before_the_table(
    run: Program, csv: Path, tmp_path: Path
) -> None:
    done = run("data", csv, "--pictures", tmp_path)
    assert (done.code, done.out) == (1, "")
    assert "exists already" in done.err


def test_a_comparison_writes_no_pictures(run: Program, csv: Path, tmp_path: Path) -> None:
    done = run("evaluate", csv, "--compare", "--output", tmp_path / "pictures")
    assert (done.code, done.out) == (2, "")
    assert "--compare writes no pictures" in done.err
    assert not (tmp_path / "pictures").exists()


def test_without_its_extra_training_says_what_to_install(
    run: Program, csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its options were understood before."""
    monkeypatch.setitem(sys.modules, "keras", None)
    done = run("train", csv, "--without", "disgust", "--without", "fear")
    assert done.code == 1
    assert "pip install 'mine-video[train]'" in done.err


@pytest.mark.train
@KERAS[1]
def test_votes_that_nothing_is_learnt_of_are_said(
    run: Program, csv: Path, votes: Path, tmp_path: Path
) -> None:
    pytest.importorskip("keras", reason="needs the extra `train`")
    done = run("train", csv, "--ferplus", votes, *OURS, "--output", tmp_path / "run")
    assert done.code == 0
    assert (
        done.err.count("shallow has one head and ignores FER+ votes; to use them, set --fer") == 1
    )


@pytest.mark.train
@KERAS[1]
def test_a_network_of_a_random_split_is_evaluated_with_a_warning(
    run: Program, csv: Path, tmp_path: Path
) -> None:
    pytest.importorskip("keras", reason="needs the extra `train`")
    mine = tmp_path / "run" / "model"
    trained = run("train", csv, *OURS, "--split", "random", "--output", mine.parent)
    own = trained.out.splitlines()[1]
    for kind in (".onnx", ".keras"):
        done = run("evaluate", csv, f"{mine}{kind}", "--output", tmp_path / "pictures")
        remark, first, *_ = done.out.splitlines()
        assert remark == (
            f"{mine}{kind} may have been trained on some of these test faces: shallow, seed 0, "
            f"--split random, epoch 1 of 1; its own test: {own}"
        )
        assert first.startswith("Accuracy on test set: ")
        assert "seen in training" not in done.out
