"""The report on the shipped network, which needs no Keras, and on several together."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from shutil import copy

import numpy as np
import pytest

from pipeline.errors import DataError, ModelError
from pipeline.faces import EMOTIONS, Floats, Image
from pipeline.models import registry
from pipeline.models.cards import Card
from pipeline.train import dataset, evaluate, plots
from pipeline.train.dataset import Dataset
from tests.support.training import fer2013, squares

SHIPPED = registry.EMOTION_MODELS[evaluate.SHIPPED].path


class Fixed:
    """A network that answers `table[k % 7]` for the k-th face of `squares`."""

    def __init__(self, table: Floats) -> None:
        self.table = table

    def classify(self, crops: Image) -> Floats:
        bright = [
            int(np.argmax([c[16 * y : 16 * y + 14, 16 * x : 16 * x + 14].sum()
                           for y in range(3) for x in range(3)]))
            for c in crops
        ]  # fmt: skip
        return self.table[bright]


RIGHT = (0.9 * np.eye(7) + 0.1 / 7).astype(np.float32)
CALLS_SAD_HAPPY = RIGHT[[0, 1, 2, 3, 3, 5, 6]]
ODD = np.roll(RIGHT, 1, axis=1)


OFFICIAL = Card(file="a.onnx", job="emotion", classes=EMOTIONS, note="shallow, seed 0")
DRAWN = replace(OFFICIAL, note="shallow, seed 0, --split random; its own test: 0.250")


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, cards: dict[str, Card]) -> dict[str, Fixed]:
    known: dict[str, Fixed] = {}
    monkeypatch.setattr(evaluate, "_built", lambda name, _: known[name])
    monkeypatch.setattr(evaluate, "_heads", lambda *_: iter(()))
    monkeypatch.setattr(evaluate, "_card", lambda name: cards.get(name, OFFICIAL))
    return known


@pytest.fixture
def cards() -> dict[str, Card]:
    """Cards of models; those without one know all classes and were trained on the training part."""
    return {}


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out both pictures, which take most of the time of a small report."""
    for name in ("write_confusion", "write_face_grid"):
        monkeypatch.setattr(plots, name, lambda *_: None)


def _report(data: Dataset, names: list[str], folder: Path) -> list[str]:
    return list(evaluate.evaluate(data, names, folder))


def test_the_first_line_is_that_of_the_documents(models: dict[str, Fixed], tmp_path: Path) -> None:
    models["a"] = Fixed(CALLS_SAD_HAPPY)
    lines = _report(squares(56), ["a"], tmp_path)
    assert lines[0] == "Accuracy on test set: 86%"


def test_the_report_has_every_figure(models: dict[str, Fixed], tmp_path: Path) -> None:
    models["a"] = Fixed(CALLS_SAD_HAPPY)
    data = squares(56)
    faces = data.faces.copy()
    faces[int(np.flatnonzero((data.usage == 2) & (data.labels == 4))[0])] = faces[4]
    lines = _report(replace(data, faces=faces), ["a"], tmp_path)
    text = "\n".join(lines)
    assert re.search(r"accuracy, private test +7 +0\.857 \(0\.487-0\.974\) +Wilson", text)
    assert re.search(r"accuracy, private test.*\n +without rows seen in training +6 +1\.000", text)
    assert re.search(r"accuracy, public test +7 +0\.857", text)
    assert re.search(r"FER\+ majority +7 +0\.857", text)
    assert re.search(r"balanced accuracy +7 +0\.857 .*bootstrap", text)
    assert re.search(r"calibration error \(15 bins\) +7 +0\.\d+ .*bootstrap", text)
    assert re.search(r"mean squared error +7 ", text)
    assert re.search(r"happy +1 +0\.500 \(.*\) +1\.000", text)
    assert re.search(r"sad +1 +- +0\.000", text)
    assert lines[-2:] == [str(tmp_path / "confusion.png"), str(tmp_path / "mistakes.png")]
    assert all(Path(line).read_bytes().startswith(b"\x89PNG") for line in lines[-2:])


@pytest.mark.usefixtures("undrawn")
def test_several_models_answer_by_their_mean(models: dict[str, Fixed], tmp_path: Path) -> None:
    models |= {
        "a": Fixed(RIGHT),
        "b": Fixed(np.float32(0.55) * RIGHT + np.float32(0.45) * ODD),
        "c": Fixed(ODD),
    }
    accuracies = {
        names: _report(squares(56), list(names), tmp_path)[0] for names in ("a", "c", "ab", "abc")
    }
    assert accuracies["a"] == accuracies["ab"] == accuracies["abc"] == "Accuracy on test set: 100%"
    assert accuracies["c"] == "Accuracy on test set: 0%"


@pytest.mark.usefixtures("undrawn")
def test_without_votes_and_parts_all_rows_are_the_test(
    models: dict[str, Fixed], tmp_path: Path
) -> None:
    models["a"] = Fixed(RIGHT)
    data = squares(28)
    data = replace(data, usage=np.zeros(28, np.int64), votes=np.zeros((0, 10), np.float32))
    lines = _report(data, ["a"], tmp_path)
    text = "\n".join(lines)
    assert lines[0] == "Accuracy on all 28 faces: 100%"
    assert re.search(r"accuracy, all +28 +1\.000", text)
    assert "test set" not in text
    assert "seen in training" not in text
    assert "FER+" not in text


@pytest.mark.usefixtures("undrawn")
def test_of_tests_alone_nobody_knows_what_was_seen(
    models: dict[str, Fixed], tmp_path: Path
) -> None:
    models["a"] = Fixed(RIGHT)
    data = squares(56)
    lines = _report(dataset.subset(data, np.flatnonzero(data.usage)), ["a"], tmp_path)
    assert lines[0] == "Accuracy on test set: 100%"
    assert "seen in training" not in "\n".join(lines)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("names", [["a"], ["b", "a"]])
def test_a_network_that_may_have_learnt_the_test_is_said(
    names: list[str], models: dict[str, Fixed], cards: dict[str, Card], tmp_path: Path
) -> None:
    models |= {"a": Fixed(RIGHT), "b": Fixed(RIGHT)}
    cards["a"] = DRAWN
    lines = _report(squares(56), names, tmp_path)
    assert lines[0] == f"a may have been trained on some of these test faces: {DRAWN.note}"
    assert lines[1] == "Accuracy on test set: 100%"
    assert "seen in training" not in "\n".join(lines)
    assert re.search(r"\n  FER\+ majority +7 +1\.000", "\n".join(lines))


@pytest.mark.usefixtures("undrawn")
def test_a_missing_class_is_said(
    models: dict[str, Fixed], cards: dict[str, Card], tmp_path: Path
) -> None:
    models["a"] = Fixed(RIGHT[[0, 0, 2, 3, 4, 5, 6]])
    cards["a"] = replace(OFFICIAL, classes=tuple(e for e in EMOTIONS if e != "disgust"))
    data = squares(56)
    lines = _report(data, ["a"], tmp_path)
    assert lines[:2] == [
        "a has no class for disgust, the label of 1 of 7 faces; "
        "leave them out with --without disgust",
        "Accuracy on test set: 86%",
    ]
    left = dataset.rows_without(data, ("disgust",))
    assert _report(left, ["a"], tmp_path)[0] == "Accuracy on test set: 100%"


def test_no_mistake_at_all_still_gives_both_pictures(
    models: dict[str, Fixed], tmp_path: Path
) -> None:
    models["a"] = Fixed(RIGHT)
    _report(squares(56), ["a"], tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"confusion.png", "mistakes.png"}


def test_the_comparison_has_a_line_for_each(
    models: dict[str, Fixed], cards: dict[str, Card], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "TIMED_SECONDS", 0.0)
    monkeypatch.setattr(evaluate, "milliseconds", lambda _model, _data, batch: 10 / batch)
    models |= {evaluate.SHIPPED: Fixed(RIGHT), "b": Fixed(CALLS_SAD_HAPPY)}
    cards["b"] = DRAWN
    remark, header, *lines = evaluate.compare_networks(squares(56), ["b", "b"])
    assert remark == f"b may have been trained on some of these test faces: {DRAWN.note}"
    assert header.split()[0] == "network"
    assert [line.split()[0] for line in lines] == [evaluate.SHIPPED, "b"]
    assert lines[1].split()[1] == "0.857"
    assert lines[1].split()[-2:] == ["10.00", "0.16"]


def test_milliseconds_are_of_one_face(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "TIMED_SECONDS", 0.1)

    class Slow(Fixed):
        calls = 0

        def classify(self, crops: Image) -> Floats:
            Slow.calls += 1
            assert len(crops) == 4
            return super().classify(crops)

    found = evaluate.milliseconds(Slow(RIGHT), squares(7), 4)
    assert 0 < found < evaluate.TIMED_SECONDS * 1000
    assert Slow.calls > 2


def test_no_faces_are_refused(tmp_path: Path) -> None:
    nothing = dataset.subset(squares(7), np.zeros(0, np.int64))
    with pytest.raises(DataError, match="no faces to evaluate on; give"):
        _report(nothing, [], tmp_path)


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nobody"):
        _report(squares(28), ["nobody"], tmp_path)


@pytest.mark.usefixtures("undrawn")
def test_onnx_files_are_evaluated_like_the_shipped_one(tmp_path: Path) -> None:
    copy(SHIPPED, tmp_path)
    copy(SHIPPED.with_suffix(".json"), tmp_path)
    own = _report(squares(28), [], tmp_path)
    other = _report(squares(28), [str(tmp_path / SHIPPED.name)], tmp_path)
    assert own[3:] == other[3:]


def test_the_shipped_network_is_judged_without_keras(tmp_path: Path) -> None:
    """Runs in a process of its own, in which keras and tensorflow cannot be imported."""
    program = (
        "import sys; sys.modules['keras'] = sys.modules['tensorflow'] = None\n"
        "from pathlib import Path\n"
        "from tests.support.training import squares\n"
        "from pipeline.train import evaluate, preview, split, settings\n"
        f"print(next(evaluate.evaluate(squares(28), [], Path({str(tmp_path)!r}))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert re.fullmatch(r"Accuracy on test set: \d+%\n", done.stdout)


@pytest.mark.slow
def test_the_shipped_network_on_fer2013(tmp_path: Path) -> None:
    lines = _report(fer2013(), [], tmp_path)
    text = "\n".join(lines)
    assert lines[0] == "Accuracy on test set: 71%"
    assert re.search(r"accuracy, private test +3589 +0\.710", text)
    assert re.search(r"without rows seen in training +3301 +0\.702", text)
    assert re.search(r"FER\+ majority +3519 +0\.751", text)
    assert all(re.search(rf"{name} +\d+ +0\.\d+", text) for name in EMOTIONS)
