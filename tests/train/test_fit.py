"""Training: what it learns and writes, and that a kill changes nothing."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import DataError, ModelError, OutputError
from pipeline.models import registry
from pipeline.models.cards import Card
from pipeline.train import evaluate
from pipeline.train.settings import TrainSettings
from tests.support.training import KERAS, squares
from tests.train.test_unlabelled import write_faces

pytest.importorskip("keras", reason="needs the extra `train`")
from pipeline.train import epochs, export, fit, networks

pytestmark = KERAS

FILES = {
    "model.keras", "model.json", "model.onnx", "model.onnx.json", "settings.json", "training.csv",
    "architecture.txt", "learning_curves.png", "state.npz", "best.npz",
}  # fmt: skip
QUICK = TrainSettings(
    network="shallow", epochs=3, batch=21, learning_rate=0.02, clean=False, smoothing=0.0,
    tilt=5.0, shift=0.02, scale=0.05, light=0.2, erase=0.0, flip=False,
)  # fmt: skip


def _run(settings: TrainSettings, folder: Path, n: int = 112) -> list[str]:
    return list(fit.train(squares(n), settings, folder))


def _weights(folder: Path) -> list[Any]:
    found = epochs._load(folder / "state.npz")
    assert found is not None
    return found[0]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """An undisturbed run."""
    folder = tmp_path_factory.mktemp("trained")
    return folder, _run(QUICK, folder)


def test_squares_are_learnt_and_everything_is_written(trained: tuple[Path, list[str]]) -> None:
    folder, lines = trained
    assert {p.name for p in folder.iterdir() if not p.name.startswith(".")} == FILES
    assert lines[0].startswith("Accuracy on test set: ")
    assert int(lines[0].rpartition(" ")[2].rstrip("%")) >= 70
    assert re.match(r"validation, epoch \d, the best of 3: ", lines[2])
    assert {Path(line).name for line in lines[3:]} == FILES - {
        "model.json", "model.onnx.json", "state.npz", "best.npz"
    }  # fmt: skip


def test_the_files_say_what_was_done(trained: tuple[Path, list[str]]) -> None:
    folder, _ = trained
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["network"] == "shallow"
    assert settings["batch"] == 21
    rows = list(csv.DictReader((folder / "training.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert "679,435" in (folder / "architecture.txt").read_text()
    assert (folder / "learning_curves.png").read_bytes().startswith(b"\x89PNG")


def test_both_files_answer_alike_and_can_be_evaluated(
    trained: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, lines = trained
    assert (
        export.check_exports([folder / "model.keras", folder / "model.onnx"])
        < export.EXPORT_TOLERANCE
    )
    card = Card.beside(folder / "model.keras")
    assert (card.heads, card.output, card.tau) == (1, "logits", 0.75)
    assert sum(card.priors[0]) == pytest.approx(1)
    best = lines[2].removeprefix("validation, epoch ")[0]
    note = f"shallow, seed 0, epoch {best} of 3; its own test: {lines[1]}"
    names = [str(folder / "model.onnx"), str(folder / "model.keras")]
    assert [Card.beside(Path(name)).note for name in names] == [note, note]
    for name in names:
        assert next(evaluate.evaluate(squares(112), [name], tmp_path)) == lines[0]


def everything(folder: Path) -> TrainSettings:
    """Settings of all that was added for films, with unlabelled faces in a folder."""
    write_faces(folder, squares(21, seed=9).faces)
    return replace(
        QUICK, unlabelled=(folder,), teacher=("two-headed", "two-headed-int8"), average=0.9,
        motion=0.3, h264=0.5, mouth=0.3, small=0.3, compress=0.3, balance=1.0, bf16=True,
    )  # fmt: skip


class KilledError(Exception):
    """Raised where the process would have died."""


@pytest.mark.parametrize("where", ["in an epoch", "after the best weights", "after the state"])
def test_a_killed_run_ends_as_if_undisturbed(
    where: str, trained: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, end = epochs._save, epochs.TrainingProgress.on_train_batch_end

    def saving(path: Path, arrays: list[Any], text: str = "") -> None:
        save(path, arrays, text)
        if path.name == ("best.npz" if where == "after the best weights" else "state.npz"):
            raise KilledError

    def stepping(self: Any, batch: int, logs: Mapping[str, float] | None = None) -> None:
        end(self, batch, logs)
        if (tmp_path / "state.npz").exists() and batch == 1:
            raise KilledError

    with monkeypatch.context() as patch:
        if where == "in an epoch":
            patch.setattr(epochs.TrainingProgress, "on_train_batch_end", stepping)
        else:
            patch.setattr(epochs, "_save", saving)
        with pytest.raises(KilledError):
            _run(QUICK, tmp_path)
    lines = _run(QUICK, tmp_path)
    folder, wanted = trained
    assert lines[:3] == wanted[:3]
    assert (tmp_path / "training.csv").read_text() == (folder / "training.csv").read_text()
    pairs = list(zip(_weights(tmp_path), _weights(folder), strict=True))
    assert all(np.array_equal(a, b) for a, b in pairs)
    assert len(pairs) > 10


def test_unlabelled_faces_damage_averages_and_bf16_go_on_as_if_undisturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = everything(tmp_path / "faces")
    wanted = _run(settings, tmp_path / "whole")
    save = epochs._save

    def saving(path: Path, arrays: list[Any], text: str = "") -> None:
        save(path, arrays, text)
        if path.name == "state.npz":
            raise KilledError

    for _ in range(2):  # After the first epoch, and after the second.
        with monkeypatch.context() as patch:
            patch.setattr(epochs, "_save", saving)
            with pytest.raises(KilledError):
                _run(settings, tmp_path / "torn")
    assert _run(settings, tmp_path / "torn")[:3] == wanted[:3]
    both = [tmp_path / name for name in ("whole", "torn")]
    one, other = (_weights(folder) for folder in both)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert len({(folder / "best.npz").read_bytes() for folder in both}) == 1


def test_unlabelled_faces_are_learnt_and_never_tested(tmp_path: Path) -> None:
    settings = everything(tmp_path / "faces")
    lesson = fit.prepared(squares(112), settings)
    assert len(lesson.data) == len(lesson.taught) == 112 + 21
    assert lesson.parts.training[-21:].tolist() == list(range(112, 133))
    assert max(lesson.parts.test.max(), lesson.parts.validation.max()) < 112
    assert lesson.taught[112:].sum(axis=2) == pytest.approx(np.ones((21, 1)), abs=1e-5)


def test_other_unlabelled_faces_are_another_run(tmp_path: Path) -> None:
    settings = replace(everything(tmp_path / "faces"), epochs=1)
    _run(settings, tmp_path / "run")
    write_faces(tmp_path / "faces", squares(30, seed=8).faces)
    with pytest.raises(OutputError, match="other data"):
        _run(settings, tmp_path / "run")


def test_a_run_of_an_earlier_version_goes_on(trained: tuple[Path, list[str]]) -> None:
    folder, lines = trained
    told = json.loads((folder / "settings.json").read_text())
    added = ("unlabelled", "teacher", "motion", "h264", "mouth", "average", "bf16")
    old = {name: value for name, value in told.items() if name not in added}
    (folder / "settings.json").write_text(json.dumps(old))
    assert _run(QUICK, folder) == lines


def test_the_average_moves_less_than_the_weights(tmp_path: Path) -> None:
    """With a momentum near 1 the kept network hardly leaves where it began."""
    runs = {share: tmp_path / str(share) for share in (0.0, 0.5, 0.999)}
    for share, folder in runs.items():
        _run(replace(QUICK, epochs=1, average=share), folder)
    kept = {share: _best(folder) for share, folder in runs.items()}
    away = [np.abs(kept[share] - kept[0.0]).mean() for share in (0.5, 0.999)]
    assert 0 < away[0] < away[1]


def _best(folder: Path) -> Any:
    found = epochs._load(folder / "best.npz")
    assert found is not None
    return found[0][0]


@pytest.mark.slow
def test_a_run_that_is_killed_for_good_ends_the_same(
    trained: tuple[Path, list[str]], tmp_path: Path
) -> None:
    """A SIGKILL comes in the second epoch."""
    program = (
        "from pathlib import Path; from tests.train.test_fit import QUICK, _run;"
        f"_run(QUICK, Path({str(tmp_path)!r}))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2]
    ) as process:
        while not (tmp_path / "state.npz").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "model.onnx").exists()
    assert _run(QUICK, tmp_path)[:3] == trained[1][:3]


def test_a_finished_run_is_not_trained_again(
    trained: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, lines = trained
    before = (folder / "state.npz").read_bytes()
    monkeypatch.setattr(epochs.Checkpoint, "on_epoch_end", lambda *_: pytest.fail("trained again"))
    assert _run(QUICK, folder) == lines
    assert (folder / "state.npz").read_bytes() == before


def test_another_run_in_the_same_folder_is_refused(trained: tuple[Path, list[str]]) -> None:
    folder, _ = trained
    with pytest.raises(OutputError, match=r"other settings .batch was 21, now 22"):
        _run(replace(QUICK, batch=22), folder)
    with pytest.raises(OutputError, match="other data"):
        list(fit.train(squares(112, seed=5), QUICK, folder))


@pytest.mark.parametrize("name", ["state.npz", "best.npz"])
def test_a_torn_state_is_said(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04")
    with pytest.raises(OutputError, match=rf"{name}: cannot be read"):
        epochs._load(tmp_path / name)


def test_the_state_of_another_network_is_refused(
    trained: tuple[Path, list[str]], tmp_path: Path
) -> None:
    (tmp_path / "state.npz").write_bytes((trained[0] / "state.npz").read_bytes())
    with pytest.raises(OutputError, match="belongs to another network"):
        _run(replace(QUICK, network="wide"), tmp_path)


def test_patience_stops_and_the_best_epoch_is_kept(tmp_path: Path) -> None:
    """With a learning rate of almost 0 the first epoch stays the best."""
    lines = _run(replace(QUICK, epochs=9, patience=2, learning_rate=1e-12, blur=0.0), tmp_path)
    assert len((tmp_path / "training.csv").read_text().splitlines()) == 1 + 3
    assert lines[2].startswith(
        "validation, epoch 1, the best of 3 (stopped after 2 epochs without gain; --epochs 9): "
    )


def test_two_heads_learn_both(tmp_path: Path) -> None:
    settings = replace(QUICK, network="two-headed", epochs=1, limit=42, smoothing=0.02)
    lines = _run(settings, tmp_path, 56)
    assert "accuracy_ferplus" in lines[2]
    card = Card.beside(tmp_path / "model.keras")
    assert (card.heads, len(card.priors)) == (2, 2)


def test_fewer_classes_are_learnt_and_answered(tmp_path: Path) -> None:
    lines = _run(replace(QUICK, epochs=1, without=("disgust",)), tmp_path)
    assert lines[0].startswith("Accuracy on test set: ")
    found = registry.emotion_entry(str(tmp_path / "model.onnx")).build().classify(squares(7).faces)
    assert not found[:, 1].any()
    assert found.sum(axis=1) == pytest.approx(np.ones(7), abs=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_balancing_correction_and_folds_go_together(optimizer: str, tmp_path: Path) -> None:
    settings = replace(
        QUICK, epochs=1, optimizer=optimizer, balance=0.5, loss_correction=1.0, split="folds",
        folds=4, fold=2, ferplus_share=0.5, learning_rate=0.002,
    )  # fmt: skip
    lines = _run(settings, tmp_path)
    assert " on 28 faces" in lines[1]
    assert Card.beside(tmp_path / "model.keras").tau == 0  # The loss has corrected already.


def test_logs_for_tensorboard_are_written(tmp_path: Path) -> None:
    _run(replace(QUICK, epochs=1, tensorboard=True), tmp_path)
    assert list((tmp_path / "tensorboard").rglob("events.out.tfevents.*"))


def test_the_bar_counts_batches_on_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    list(fit.train(squares(56), replace(QUICK, epochs=2), tmp_path, progress=True))
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch 2 of 2" in err
    assert "4/4" in err


def test_elsewhere_there_is_no_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    list(fit.train(squares(56), replace(QUICK, epochs=1), tmp_path, progress=True))
    assert "epoch" not in capsys.readouterr().err


def test_vgg16_asks_for_its_weights(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="vgg16 is trained on frozen features; give"):
        _run(replace(QUICK, network="vgg16"), tmp_path)


def test_an_unknown_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no network 'alexnet'"):
        _run(replace(QUICK, network="alexnet"), tmp_path)


def test_two_heads_ask_for_votes(tmp_path: Path) -> None:
    data = replace(squares(56), votes=np.zeros((0, 10), np.float32))
    with pytest.raises(DataError, match="second head"):
        list(fit.train(data, replace(QUICK, network="two-headed"), tmp_path))


def test_files_that_differ_are_refused(trained: tuple[Path, list[str]], tmp_path: Path) -> None:
    other = networks.build("shallow")
    card = export.card_of("other.keras", Card.beside(trained[0] / "model.keras").classes,
                          np.full((1, 7), 1 / 7, np.float32), 0.0, "")  # fmt: skip
    plain, _ = export.write_network(other, card, tmp_path)
    with pytest.raises(ModelError, match=r"model\.onnx: differs from other\.keras by .* wanted at"):
        export.check_exports([plain, trained[0] / "model.onnx"])


@pytest.mark.parametrize(
    ("more", "warned"),
    [({}, True), ({"ferplus_share": 0.5}, False), ({"network": "two-headed"}, False)],
    ids=str,
)
def test_votes_are_said_to_be_ignored_where_they_are(
    more: dict[str, Any], warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    fit.prepared(squares(56), replace(QUICK, **more))
    assert ("ignores FER+ votes" in caplog.text) is warned


def test_priors_are_those_of_what_is_shown() -> None:
    data = squares(112)
    even = fit.prepared(data, QUICK).priors
    assert even == pytest.approx(np.full((1, 7), 1 / 7), abs=0.01)
    data = replace(data, labels=np.where(data.labels == 0, 3, data.labels))
    assert fit.prepared(data, QUICK).priors[0, 3] == pytest.approx(2 / 7, abs=0.01)
    balanced = fit.prepared(data, replace(QUICK, balance=1.0)).priors
    assert balanced[0, 3] == pytest.approx(1 / 6, abs=1e-4)
