"""Training on one page: split, targets, epochs that survive a kill, and the files that come out."""

import csv
import io
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from hashlib import sha256
from inspect import getdoc
from math import ceil
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.errors import ModelError, OutputError
from pipeline.faces import EMOTIONS, Floats
from pipeline.files import locked, replacing
from pipeline.models import registry
from pipeline.models.cards import Card
from pipeline.train import architecture, backend, dataset, export, metrics, networks, plots, split
from pipeline.train.augment import augmentation
from pipeline.train.dataset import Dataset
from pipeline.train.epochs import Batches, Checkpoint, TrainingProgress, restored
from pipeline.train.losses import accuracies, cross_entropy
from pipeline.train.metrics import Estimate
from pipeline.train.networks import MEAN, SCALE
from pipeline.train.settings import TrainSettings

log = logging.getLogger(__name__)

SETTINGS, HISTORY = "settings.json", "training.csv"


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """All that a run learns from and is held against.

    Attributes:
        data: rows of the wanted classes.
        parts: which of them are for what.
        taught: `(n, heads, k)` what is learnt of each.
        wanted: `(n, heads, k)` the plain labels and votes, for validation.
        priors: `(heads, k)` share of each class in what each head sees.
    """

    data: Dataset
    parts: split.Split
    taught: Floats
    wanted: Floats
    priors: Floats


def train(
    data: Dataset, settings: TrainSettings, folder: Path, *, progress: bool = False
) -> Iterator[str]:
    """Trains a network; a run that was stopped goes on from its last epoch.

    Args:
        data: All rows, with FER+ votes where the network or the settings want them.
        settings: What decides about the outcome.
        folder: Where everything goes; it belongs to one run.
        progress: Show a bar on standard error.

    Yields:
        The accuracy, and the files.

    Raises:
        DataError: The data do not allow it.
        ModelError: There is no such network, or its files differ.
        OutputError: The folder holds another run, or cannot be written.
    """
    _check_folder(folder, data, settings)
    backend.deterministic(settings.seed)
    lesson = prepared(data, settings)
    n_classes = len(lesson.data.classes)
    network = networks.build(settings.network, n_classes, _weights(settings))
    with locked(folder):
        _write(folder / SETTINGS, _settings_text(data, settings))
        keeper = _fitted(network, lesson, settings, folder, progress=progress)
        yield from _write_outcome(network, lesson, settings, keeper)


def prepared(data: Dataset, settings: TrainSettings) -> Lesson:
    """Splits the data and works out what is learnt of each row.

    Raises:
        DataError: The data do not allow it.
        ModelError: There is no such network.
    """
    n_heads = networks.entry(settings.network).n_heads
    if data.has_votes and n_heads == 1 and settings.ferplus_share == 0:
        log.warning(
            "%s has one head and learns no FER+ votes unless --ferplus-share says how much",
            settings.network,
        )
    if settings.without:
        data = dataset.without(data, settings.without)
    parts = split.split(data, settings)
    taught = split.targets(data, n_heads, settings)
    wanted = split.targets(data, n_heads, replace(settings, smoothing=0.0, teachers=None))
    weights = split.row_weights(data, parts.training, settings.balance)
    seen = np.einsum("n,nhk->hk", weights, taught[parts.training])
    priors = np.maximum(seen / seen.sum(axis=1, keepdims=True), 1e-6).astype(np.float32)
    return Lesson(data, parts, taught, wanted, priors)


def trainer_of(network: Any, lesson: Lesson, settings: TrainSettings) -> Any:
    """The network behind scaling and augmentation, with loss and optimizer."""
    faces = keras.Input(network.input_shape[1:], dtype="uint8")
    x = keras.layers.Rescaling(SCALE, offset=-MEAN * SCALE)(faces)
    for layer in augmentation(settings):
        x = layer(x)
    trainer = keras.Model(faces, network(x))
    steps = n_steps(lesson, settings)
    trainer.compile(
        optimizer=_optimizer(settings, steps),
        loss=cross_entropy(lesson.priors, settings.loss_correction),
        metrics=accuracies(*lesson.priors.shape),
    )
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer


def n_steps(lesson: Lesson, settings: TrainSettings) -> int:
    """Batches in an epoch; the last incomplete one is left out, where there are others."""
    return max(1, len(lesson.parts.training) // settings.batch)


def _optimizer(settings: TrainSettings, steps: int) -> Any:
    """Warm-up over the first epoch, or a tenth of a short run, then a cosine."""
    total = steps * settings.epochs
    rise = min(steps, ceil(total / 10))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, total - rise), warmup_target=settings.learning_rate, warmup_steps=rise
    )
    if settings.optimizer == "adam":
        return keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay)
    return keras.optimizers.SGD(
        rate, momentum=0.9, nesterov=True, weight_decay=settings.weight_decay
    )


def _fitted(
    network: Any, lesson: Lesson, settings: TrainSettings, folder: Path, *, progress: bool
) -> Checkpoint:
    """Trains from where an earlier call was stopped; the network then has its best weights."""
    trainer = trainer_of(network, lesson, settings)
    keeper = Checkpoint(network, folder, restored(trainer, folder), settings.patience)
    if not keeper.finished(settings.epochs):
        rows, validation = lesson.data.faces[..., None], lesson.parts.validation
        taught, wanted = (t.reshape(len(t), -1) for t in (lesson.taught, lesson.wanted))
        order = partial(split.order, lesson.data, lesson.parts.training, settings)
        batches = Batches(rows, taught, order, settings.batch, len(keeper.history))
        bar = TrainingProgress(settings.epochs, len(batches), show=progress)
        trainer.fit(
            batches,
            validation_data=(rows[validation], wanted[validation]),
            validation_batch_size=settings.batch,
            initial_epoch=len(keeper.history),
            epochs=settings.epochs,
            callbacks=[keeper, bar, *_tensorboard(settings, folder)],
            shuffle=False,  # Of the batches, by Python's own random numbers: not to be repeated.
            verbose=0,
        )
    keeper.load_best()
    return keeper


def _tensorboard(settings: TrainSettings, folder: Path) -> list[Any]:
    if not settings.tensorboard:
        return []
    try:
        return [keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False)]
    except ImportError as error:
        raise ModelError(
            f"--tensorboard needs TensorFlow ({error}); pip install tensorflow-cpu tensorboard"
        ) from error


def _weights(settings: TrainSettings) -> Path | None:
    if settings.network == "vgg16" and settings.weights is None:
        raise ModelError(
            "vgg16 learns on frozen features; give Keras' "
            "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 with --weights"
        )
    return settings.weights


def _write_outcome(
    network: Any, lesson: Lesson, settings: TrainSettings, keeper: Checkpoint
) -> Iterator[str]:
    """Writes all files, and tells the test's accuracy and where the files are."""
    folder, best = keeper.folder, keeper.history[keeper.best]
    tau = 0.0 if settings.loss_correction else settings.correction
    note = [settings.network, f"seed {settings.seed}", settings.drawn]
    note += [f"epoch {best['epoch']:g} of {len(keeper.history)}"]
    told = ", ".join(filter(None, note))
    card = export.card_of("model.keras", lesson.data.classes, lesson.priors, tau, told)
    files = export.write_network(network, card, folder)
    plots.write_curves(keeper.history, folder / "learning_curves.png")
    _write(folder / HISTORY, _history_text(keeper.history))
    about = getdoc(networks.entry(settings.network).build) or settings.network
    _write(folder / "architecture.txt", architecture.text(network, about))
    yield from _test_lines(lesson, files)
    scores = ", ".join(f"{name[4:]} {best[name]:.3f}" for name in best if name.startswith("val_"))
    yield f"validation, {_best(keeper, settings)}: {scores}"
    names = (SETTINGS, HISTORY, "architecture.txt", "learning_curves.png")
    yield from (str(path) for path in (*files, *(folder / name for name in names)))


def _best(keeper: Checkpoint, settings: TrainSettings) -> str:
    """Which epoch was kept, and why there were no more."""
    n = len(keeper.history)
    found = f"epoch {keeper.best + 1}, the best of {n}"
    if n < settings.epochs:
        found += f" (stopped after {settings.patience} without gain; --epochs {settings.epochs})"
    return found


def _test_lines(lesson: Lesson, files: Sequence[Path]) -> Iterator[str]:
    """The accuracy on the test rows of this very split, which `evaluate` cannot know.

    The cards of both files tell it too.
    """
    if len(lesson.parts.test) == 0:
        return
    right = _tested(lesson, files[-1])
    told = f"{right} on {right.n} faces, 95 % interval by Wilson"
    for path in files:
        card = Card.beside(path)
        replace(card, note=f"{card.note}; its own test: {told}").write(path.parent)
    yield f"Accuracy on test set: {right.value:.0%}"
    yield told


def _tested(lesson: Lesson, path: Path) -> Estimate:
    """How often a file is right on the test rows."""
    rows = lesson.parts.test
    places = [EMOTIONS.index(name) for name in lesson.data.classes]
    model = registry.emotion_entry(str(path)).build()
    found = model.classify(lesson.data.faces[rows])[:, places].argmax(axis=1)
    return metrics.share(found == lesson.data.labels[rows])


def _check_folder(folder: Path, data: Dataset, settings: TrainSettings) -> None:
    """A folder belongs to one run: other settings or data must not go on with its weights.

    Raises:
        OutputError: It belongs to another run.
    """
    place = folder / SETTINGS
    try:
        old: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise OutputError(f"{place}: cannot be read ({error}); choose another folder") from error
    new: dict[str, Any] = json.loads(_settings_text(data, settings))
    changed = [
        "other data" if name == "data" else f"{name} was {old.get(name)}, now {value}"
        for name, value in new.items()
        if old.get(name) != value
    ]
    if changed:
        raise OutputError(
            f"{folder}: holds a run with other settings ({'; '.join(changed)}); "
            "choose another folder, or delete it"
        )


def _settings_text(data: Dataset, settings: TrainSettings) -> str:
    """All settings, and what the data were."""
    digest = sha256()
    for part in (data.faces, data.labels, data.usage, data.votes):
        digest.update(part.tobytes())
    facts = {**asdict(settings), "data": digest.hexdigest(), "backend": keras.backend.backend()}
    return json.dumps(facts, indent=2, default=str) + "\n"


def _history_text(history: list[Mapping[str, float]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.6g}" for k, v in row.items()} for row in history)
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())
