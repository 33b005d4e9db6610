"""Evaluating on one page: measures emotion networks on labelled faces, alone or together."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import DataError
from pipeline.faces import EMOTIONS, Flags, Floats, Ints
from pipeline.models import registry
from pipeline.models.base import EmotionModel
from pipeline.models.cards import Card
from pipeline.settings import WalkSettings
from pipeline.train import dataset, metrics, plots
from pipeline.train.dataset import NO_LABEL, PRIVATE, PUBLIC, TRAINING, Dataset
from pipeline.train.heads import each_head, n_heads
from pipeline.train.metrics import Estimate
from pipeline.train.settings import RANDOM_SPLIT

SHIPPED = WalkSettings().emotion

WORST = 48
"""The number of mistakes in mistakes.png."""

TIMED_SECONDS = 1.0
"""Seconds for which a network is timed, after a first run that is not counted."""

RESULT_ROW = "{:46} {:>6}  {:20} {}"
CLASS = "{:10} {:>6}  {:20} {:20}"
COMPARED_ROW = "{:28} {:20} {:20} {:20} {:>6} {:>6} {:>7} {:>7}"

WILSON, BOOTSTRAP = "Wilson", "bootstrap"


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The answers of a network, or of several together, for all test faces.

    Attributes:
        name: The names of the networks.
        data: The test faces, or all faces if the data name no parts; `classes` is `EMOTIONS`.
        seen: Which of them are in the training rows too, `(n,)`; `(0,)` if that is unknown.
        probability: `(n, 7)`.
    """

    name: str
    data: Dataset
    seen: Flags
    probability: Floats

    @property
    def answers(self) -> Ints:
        """The most likely class of each face, `(n,)`."""
        return self.probability.argmax(axis=1)

    @property
    def test(self) -> Flags:
        """The rows of the headline's accuracy, `(n,)`."""
        return _headline(self.data)


def evaluate(data: Dataset, names: Sequence[str], folder: Path, threads: int = 1) -> Iterator[str]:
    """Evaluates a network on the test faces; several networks answer together, by their mean.

    Args:
        data: All rows; training rows show which test faces were seen in training.
        names: Names in `registry.EMOTION_MODELS`, or paths of .onnx or .keras files; if empty, the
            shipped network.
        folder: The folder for confusion.png and mistakes.png.
        threads: The threads of each network.

    Yields:
        The lines of the report; the first is `Accuracy on test set: 72%`, unless there is a remark
        on a network.

    Raises:
        DataError: There are no test faces.
        ModelError: A network cannot be loaded.
        OutputError: A picture cannot be written.
    """
    test, seen = _test_rows(data)
    names = names or [SHIPPED]
    cards = {name: _card(name) for name in names}
    if any(RANDOM_SPLIT in card.note for card in cards.values()):
        seen = seen[:0]  # Such a network was trained on other rows than the file's training part.
    models = [_built(name, threads) for name in names]
    probability = np.mean([model.classify(test.faces) for model in models], axis=0)
    judged = Judged(" + ".join(names), test, seen, np.asarray(probability, np.float32))
    yield from _remarks(cards, test)
    where = "test set" if (test.usage != TRAINING).any() else f"all {len(test):,} faces"
    yield f"Accuracy on {where}: {_accuracy(judged, judged.test).value:.0%}"
    yield ""
    yield RESULT_ROW.format(judged.name, "faces", "with 95 % interval", "by")
    yield from _accuracies(judged)
    for name in names:
        yield from _heads(name, judged)
    yield from _other_metrics(judged)
    yield ""
    yield from _classes(judged)
    yield from _pictures(judged, folder)


def compare_networks(data: Dataset, names: Sequence[str], threads: int = 1) -> Iterator[str]:
    """Compares several networks in one table, the shipped one first.

    Args:
        data: See `evaluate`.
        names: See `evaluate`.
        threads: The threads of each network.

    Yields:
        The lines: accuracy on the private and the public test and on the FER+ majority (with
        Wilson's intervals), balanced accuracy and calibration error on the private test, and
        milliseconds per face, one at a time and 64 at a time.

    Raises:
        DataError: There are no test faces.
        ModelError: A network cannot be loaded.
    """
    test, seen = _test_rows(data)
    names = list(dict.fromkeys([SHIPPED, *names]))
    yield from _remarks({name: _card(name) for name in names}, test)
    yield COMPARED_ROW.format(
        "network", "private test", "public test", "FER+ majority", "bal.", "cal.", "ms @1", "ms @64"
    )
    for name in names:
        model = _built(name, threads)
        judged = Judged(name, test, seen, model.classify(test.faces))
        labels, probability = test.labels[judged.test], judged.probability[judged.test]
        yield COMPARED_ROW.format(
            name if len(name) <= 28 else f"…{name[-27:]}",
            _formatted(_accuracy(judged, test.usage == PRIVATE)),
            _formatted(_accuracy(judged, test.usage == PUBLIC)),
            _formatted(_majority(judged, judged.probability, judged.test)),
            f"{metrics.balanced_accuracy(labels, probability):.3f}",
            f"{metrics.calibration_error(labels, probability):.3f}",
            *(f"{milliseconds(model, test, n):.2f}" for n in (1, 64)),
        )


def milliseconds(model: EmotionModel, data: Dataset, batch: int) -> float:
    """Measures the milliseconds per face, `batch` at a time: the median of a second's runs."""
    faces = np.resize(data.faces, (batch, *data.faces.shape[1:]))
    model.classify(faces)
    durations: list[float] = []
    while sum(durations) < TIMED_SECONDS:
        begin = time.perf_counter()
        model.classify(faces)
        durations.append(time.perf_counter() - begin)
    return float(np.median(durations)) / batch * 1000


def _built(name: str, threads: int) -> EmotionModel:
    model: EmotionModel = registry.emotion_entry(name).build(threads=threads)
    return model


def _card(name: str) -> Card:
    return Card.beside(registry.emotion_entry(name).path)


def _test_rows(data: Dataset) -> tuple[Dataset, Flags]:
    """Gives the rows of both tests, or all rows if the data name no parts; and `Judged.seen`."""
    if len(data) == 0:
        raise DataError("no faces to evaluate on; give a file or folder with labelled faces")
    rows = np.flatnonzero(data.usage != TRAINING)
    if len(rows) in (0, len(data)):
        return data, np.zeros(0, bool)
    return dataset.subset(data, rows), dataset.seen_in_training(data)[rows]


def _headline(test: Dataset) -> Flags:
    """Selects the private test, or all rows if there is none, `(n,)`."""
    private = test.usage == PRIVATE
    return private if private.any() else np.ones(len(test), bool)


def _remarks(cards: Mapping[str, Card], test: Dataset) -> Iterator[str]:
    """Gives warnings that readers need before they read the figures."""
    labels = test.labels[_headline(test)]
    for name, card in cards.items():
        if RANDOM_SPLIT in card.note:
            yield f"{name} may have been trained on some of these test faces: {card.note}"
        absent = [i for i, emotion in enumerate(EMOTIONS) if emotion not in card.classes]
        absent = [i for i in absent if (labels == i).any()]
        if absent:
            n, emotions = np.isin(labels, absent).sum(), [EMOTIONS[i] for i in absent]
            yield (
                f"{name} has no class for {', '.join(emotions)}, the label of {n:,} of "
                f"{len(labels):,} faces; leave them out with --without "
                f"{' --without '.join(emotions)}"
            )


def _accuracies(judged: Judged) -> Iterator[str]:
    """Gives lines for each test, with and without the faces that are also in training rows."""
    parts = {
        "private test": judged.data.usage == PRIVATE,
        "public test": judged.data.usage == PUBLIC,
    }
    parts = {name: rows for name, rows in parts.items() if rows.any()} or {"all": judged.test}
    for name, rows in parts.items():
        kinds = {"": rows}
        if len(judged.seen):
            kinds["without rows seen in training"] = rows & ~judged.seen
        for kind, chosen in kinds.items():
            title = f"  {kind}" if kind else f"accuracy, {name}"
            yield _line(title, _accuracy(judged, chosen), WILSON)
        for kind, chosen in kinds.items() if judged.data.has_votes else ():
            yield _line(
                f"  FER+ majority{kind and ', '}{kind}",
                _majority(judged, judged.probability, chosen),
                WILSON,
            )


def _heads(name: str, judged: Judged) -> Iterator[str]:
    """Gives a line for each head of a two-headed Keras network, on the labels it was trained on."""
    if n_heads(registry.emotion_entry(name).path) != 2:
        return
    rows = judged.test
    first, second = each_head(Path(name), judged.data.faces[rows])
    labels = judged.data.labels[rows]
    of_file = f" of {Path(name).name}"
    yield _line(
        f"head 1 alone{of_file}, FER2013 labels",
        metrics.share(first.argmax(axis=1) == labels),
        WILSON,
    )
    if judged.data.has_votes:
        wanted = dataset.ferplus_majority(dataset.subset(judged.data, np.flatnonzero(rows)))
        known = wanted != NO_LABEL
        right = second.argmax(axis=1)[known] == wanted[known]
        yield _line(f"head 2 alone{of_file}, FER+ majority", metrics.share(right), WILSON)


def _other_metrics(judged: Judged) -> Iterator[str]:
    """Gives lines for the metrics without a simple interval, which are resampled."""
    labels, probability = judged.data.labels[judged.test], judged.probability[judged.test]
    for name, measure in (
        ("balanced accuracy", metrics.balanced_accuracy),
        (f"calibration error ({metrics.BINS} bins)", metrics.calibration_error),
        ("mean squared error", metrics.squared_error),
    ):
        yield _line(name, metrics.resampled(measure, labels, probability), BOOTSTRAP)


def _classes(judged: Judged) -> Iterator[str]:
    """Gives a line for each class that occurs."""
    labels, answers = judged.data.labels[judged.test], judged.answers[judged.test]
    yield CLASS.format("class", "faces", "precision (Wilson)", "recall (Wilson)").rstrip()
    for i, name in enumerate(judged.data.classes):
        if (labels == i).any():
            precision, recall = metrics.precision_and_recall(labels, answers, i)
            yield CLASS.format(name, recall.n, _formatted(precision), _formatted(recall)).rstrip()


def _pictures(judged: Judged, folder: Path) -> Iterator[str]:
    """Writes the confusion matrix and the most confident mistakes; gives the paths."""
    rows = np.flatnonzero(judged.test)
    labels, answers = judged.data.labels[rows], judged.answers[rows]
    counts = metrics.confusion(labels, answers, len(EMOTIONS))
    plots.write_confusion(counts, EMOTIONS, folder / "confusion.png")
    confidence = judged.probability[rows].max(axis=1)
    wrong = np.flatnonzero(answers != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:WORST]
    captions = [
        f"{EMOTIONS[answers[i]]} {confidence[i]:.0%}\nlabel: {EMOTIONS[labels[i]]}" for i in worst
    ]
    plots.write_face_grid(
        judged.data.faces[rows[worst]], captions, folder / "mistakes.png",
        f"The {len(worst)} most confident of {len(wrong)} mistakes",
    )  # fmt: skip
    yield ""
    yield str(folder / "confusion.png")
    yield str(folder / "mistakes.png")


def _accuracy(judged: Judged, rows: Flags) -> Estimate:
    return metrics.share(judged.answers[rows] == judged.data.labels[rows])


def _majority(judged: Judged, probability: Floats, rows: Flags) -> Estimate:
    """Measures the accuracy on the FER+ majority, where that is one of the seven classes."""
    if not judged.data.has_votes:
        return metrics.share(np.zeros(0, bool))
    wanted = dataset.ferplus_majority(judged.data)
    rows = rows & (wanted != NO_LABEL)
    return metrics.share(probability[rows].argmax(axis=1) == wanted[rows])


def _line(name: str, estimate: Estimate, method: str) -> str:
    return RESULT_ROW.format(name, estimate.n, _formatted(estimate), method)


def _formatted(estimate: Estimate) -> str:
    return str(estimate) if estimate.n else "-"
