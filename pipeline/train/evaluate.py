"""Evaluating on one page: how good emotion networks are on labelled faces, alone or together."""

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
from pipeline.train import dataset, metrics, plots
from pipeline.train.dataset import NO_LABEL, PRIVATE, PUBLIC, TRAINING, Dataset
from pipeline.train.heads import each_head, n_heads
from pipeline.train.metrics import Estimate
from pipeline.train.settings import RANDOM_SPLIT

SHIPPED = "two-headed"

WORST = 48
"""Mistakes in the gallery."""

TIMED_SECONDS = 1.0
"""For how long a network is run, after a first run, to tell milliseconds a face."""

RESULT_ROW = "{:46} {:>6}  {:20} {}"
CLASS = "{:10} {:>6}  {:20} {:20}"
COMPARED_ROW = "{:28} {:20} {:20} {:20} {:>6} {:>6} {:>7} {:>7}"

WILSON, BOOTSTRAP = "Wilson", "bootstrap"


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What a network, or several together, say of all test faces.

    Attributes:
        name: of the file or files.
        data: test faces only, or all where there are no parts, `classes` being `EMOTIONS`.
        seen: which of them stand in the training rows too, `(n,)`; `(0,)` where nobody knows.
        probability: `(n, 7)`.
    """

    name: str
    data: Dataset
    seen: Flags
    probability: Floats

    @property
    def answers(self) -> Ints:
        """The likeliest class of each face, `(n,)`."""
        return self.probability.argmax(axis=1)

    @property
    def test(self) -> Flags:
        """The rows that the headline is about, `(n,)`."""
        return _headline(self.data)


def evaluate(data: Dataset, names: Sequence[str], folder: Path, threads: int = 1) -> Iterator[str]:
    """Holds a network against the labels of the tests; several answer together, by their mean.

    Args:
        data: All rows: the training ones tell which test faces are known from there.
        names: In `registry.EMOTION_MODELS`, or paths of .onnx or .keras files; none is the shipped
            network.
        folder: Where confusion.png and mistakes.png go.
        threads: of each network.

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
        seen = seen[:0]  # Of such a network the training part tells nothing.
    models = [_built(name, threads) for name in names]
    probability = np.mean([model.classify(test.faces) for model in models], axis=0)
    judged = Judged(" + ".join(names), test, seen, np.asarray(probability, np.float32))
    yield from _remarks(cards, test)
    where = "test set" if (test.usage != TRAINING).any() else f"all {len(test):,} faces"
    yield f"Accuracy on {where}: {_right(judged, judged.test).value:.0%}"
    yield ""
    yield RESULT_ROW.format(judged.name, "faces", "with 95 % interval", "by")
    yield from _accuracies(judged)
    for name in names:
        yield from _heads(name, judged)
    yield from _whole(judged)
    yield ""
    yield from _classes(judged)
    yield from _pictures(judged, folder)


def compare_networks(data: Dataset, names: Sequence[str], threads: int = 1) -> Iterator[str]:
    """One table of several networks, the shipped one first.

    Args:
        data: See `evaluate`.
        names: See `evaluate`.
        threads: of each network.

    Yields:
        The lines: accuracy on the private and the public test and on the FER+ majority (with
        Wilson's intervals), balanced accuracy and calibration error on the private test, and
        milliseconds a face, one at a time and 64 at a time.

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
            _told(_right(judged, test.usage == PRIVATE)),
            _told(_right(judged, test.usage == PUBLIC)),
            _told(_majority(judged, judged.probability, judged.test)),
            f"{metrics.balanced_accuracy(labels, probability):.3f}",
            f"{metrics.calibration_error(labels, probability):.3f}",
            *(f"{milliseconds(model, test, n):.2f}" for n in (1, 64)),
        )


def milliseconds(model: EmotionModel, data: Dataset, batch: int) -> float:
    """Milliseconds a face, `batch` at a time: the median of a second's runs."""
    faces = np.resize(data.faces, (batch, *data.faces.shape[1:]))
    model.classify(faces)
    took: list[float] = []
    while sum(took) < TIMED_SECONDS:
        begin = time.perf_counter()
        model.classify(faces)
        took.append(time.perf_counter() - begin)
    return float(np.median(took)) / batch * 1000


def _built(name: str, threads: int) -> EmotionModel:
    model: EmotionModel = registry.emotion_entry(name).build(threads=threads)
    return model


def _card(name: str) -> Card:
    return Card.beside(registry.emotion_entry(name).path)


def _test_rows(data: Dataset) -> tuple[Dataset, Flags]:
    """The rows of both tests, or all where there are no parts; and `seen` of `Judged`."""
    if len(data) == 0:
        raise DataError("there are no faces to evaluate on; wanted labelled faces")
    rows = np.flatnonzero(data.usage != TRAINING)
    if len(rows) in (0, len(data)):
        return data, np.zeros(0, bool)
    return dataset.subset(data, rows), dataset.seen_in_training(data)[rows]


def _headline(test: Dataset) -> Flags:
    """The private test, or what there is, `(n,)`."""
    private = test.usage == PRIVATE
    return private if private.any() else np.ones(len(test), bool)


def _remarks(cards: Mapping[str, Card], test: Dataset) -> Iterator[str]:
    """What should be known of networks before their figures are read."""
    labels = test.labels[_headline(test)]
    for name, card in cards.items():
        if RANDOM_SPLIT in card.note:
            yield f"{name} may have learnt rows that stand here: {card.note}"
        absent = [i for i, emotion in enumerate(EMOTIONS) if emotion not in card.classes]
        absent = [i for i in absent if (labels == i).any()]
        if absent:
            n, emotions = np.isin(labels, absent).sum(), [EMOTIONS[i] for i in absent]
            yield (
                f"{name} has no class for {', '.join(emotions)}, the label of {n:,} of "
                f"{len(labels):,} faces; --without {' --without '.join(emotions)} leaves them out"
            )


def _accuracies(judged: Judged) -> Iterator[str]:
    """Lines for each test, whole and without the faces that stand in the training rows too."""
    parts = {
        "private test": judged.data.usage == PRIVATE,
        "public test": judged.data.usage == PUBLIC,
    }
    parts = {name: rows for name, rows in parts.items() if rows.any()} or {"all": judged.test}
    for name, rows in parts.items():
        kinds = {"": rows}
        if len(judged.seen):
            kinds["without rows seen in training"] = rows & ~judged.seen
        for kind, some in kinds.items():
            yield _line(f"  {kind}" if kind else f"accuracy, {name}", _right(judged, some), WILSON)
        for kind, some in kinds.items() if judged.data.has_votes else ():
            yield _line(
                f"  FER+ majority{kind and ', '}{kind}",
                _majority(judged, judged.probability, some),
                WILSON,
            )


def _heads(name: str, judged: Judged) -> Iterator[str]:
    """Each head of a two-headed Keras network on the labels that it was trained for."""
    if n_heads(registry.emotion_entry(name).path) != 2:
        return
    rows = judged.test
    first, second = each_head(Path(name), judged.data.faces[rows])
    labels = judged.data.labels[rows]
    where = f" of {Path(name).name}"
    yield _line(
        f"head 1 alone{where}, FER2013 labels",
        metrics.share(first.argmax(axis=1) == labels),
        WILSON,
    )
    if judged.data.has_votes:
        wanted = dataset.ferplus_majority(dataset.subset(judged.data, np.flatnonzero(rows)))
        known = wanted != NO_LABEL
        right = second.argmax(axis=1)[known] == wanted[known]
        yield _line(f"head 2 alone{where}, FER+ majority", metrics.share(right), WILSON)


def _whole(judged: Judged) -> Iterator[str]:
    """Lines of the figures that have no simple interval."""
    labels, probability = judged.data.labels[judged.test], judged.probability[judged.test]
    for name, measure in (
        ("balanced accuracy", metrics.balanced_accuracy),
        (f"calibration error ({metrics.BINS} bins)", metrics.calibration_error),
        ("mean squared error", metrics.squared_error),
    ):
        yield _line(name, metrics.resampled(measure, labels, probability), BOOTSTRAP)


def _classes(judged: Judged) -> Iterator[str]:
    """A line for each class that occurs."""
    labels, answers = judged.data.labels[judged.test], judged.answers[judged.test]
    yield CLASS.format("class", "faces", "precision (Wilson)", "recall (Wilson)").rstrip()
    for i, name in enumerate(judged.data.classes):
        if (labels == i).any():
            precision, recall = metrics.precision_and_recall(labels, answers, i)
            yield CLASS.format(name, recall.n, _told(precision), _told(recall)).rstrip()


def _pictures(judged: Judged, folder: Path) -> Iterator[str]:
    """Writes the confusion matrix and the surest mistakes, and names the files."""
    rows = np.flatnonzero(judged.test)
    labels, answers = judged.data.labels[rows], judged.answers[rows]
    counts = metrics.confusion(labels, answers, len(EMOTIONS))
    plots.write_confusion(counts, EMOTIONS, folder / "confusion.png")
    sure = judged.probability[rows].max(axis=1)
    wrong = np.flatnonzero(answers != labels)
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:WORST]
    captions = [
        f"{EMOTIONS[answers[i]]} {sure[i]:.0%}\nlabel: {EMOTIONS[labels[i]]}" for i in worst
    ]
    plots.write_face_grid(
        judged.data.faces[rows[worst]], captions, folder / "mistakes.png",
        f"The surest {len(worst)} of {len(wrong)} mistakes",
    )  # fmt: skip
    yield ""
    yield str(folder / "confusion.png")
    yield str(folder / "mistakes.png")


def _right(judged: Judged, rows: Flags) -> Estimate:
    return metrics.share(judged.answers[rows] == judged.data.labels[rows])


def _majority(judged: Judged, probability: Floats, rows: Flags) -> Estimate:
    """Accuracy on what most FER+ voters saw, where that is one of the seven classes."""
    if not judged.data.has_votes:
        return metrics.share(np.zeros(0, bool))
    wanted = dataset.ferplus_majority(judged.data)
    rows = rows & (wanted != NO_LABEL)
    return metrics.share(probability[rows].argmax(axis=1) == wanted[rows])


def _line(name: str, found: Estimate, how: str) -> str:
    return RESULT_ROW.format(name, found.n, _told(found), how)


def _told(found: Estimate) -> str:
    return str(found) if found.n else "-"
