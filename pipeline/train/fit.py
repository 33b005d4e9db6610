"""Training on one page: split, targets, epochs that survive a kill, and the files it writes."""

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

from pipeline.disk.text_table import csv_text
from pipeline.errors import PIP, ModelError, OutputError
from pipeline.faces import EMOTIONS, Floats, Image
from pipeline.files import content, locked, replacing
from pipeline.models import registry
from pipeline.models.cards import Card
from pipeline.train import (
    architecture,
    backend,
    codec,
    dataset,
    export,
    metrics,
    networks,
    plots,
    split,
    unlabelled,
)
from pipeline.train.augment import augmentation
from pipeline.train.dataset import Dataset
from pipeline.train.epochs import Averaged, Batches, Checkpoint, TrainingProgress, restored
from pipeline.train.losses import accuracies, cross_entropy
from pipeline.train.metrics import Estimate
from pipeline.train.networks import MEAN, SCALE
from pipeline.train.settings import TrainSettings

log = logging.getLogger(__name__)

SETTINGS, HISTORY = "settings.json", "training.csv"


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """The data of a run, for training and validation.

    Attributes:
        data: The rows of the wanted classes.
        parts: Which rows are for training, validation and test.
        taught: `(n, heads, k)`, the targets for training.
        wanted: `(n, heads, k)`, the plain labels and votes, for validation.
        priors: `(heads, k)`, the share of each class in the targets that each head sees.
    """

    data: Dataset
    parts: split.Split
    taught: Floats
    wanted: Floats
    priors: Floats


def train(
    data: Dataset, settings: TrainSettings, folder: Path, *, progress: bool = False
) -> Iterator[str]:
    """Trains a network; a run that was stopped continues from its last epoch.

    Args:
        data: All rows, with FER+ votes if the network or the settings need them.
        settings: All settings that influence the result.
        folder: The folder of this run, for all files.
        progress: Show a progress bar on standard error.

    Yields:
        The accuracy, then the files.

    Raises:
        DataError: The data lack what the settings need.
        ModelError: There is no such network, or its two files differ.
        OutputError: The folder holds another run, or cannot be written.
    """
    lesson = prepared(data, settings)
    text = _settings_text(data, lesson, settings)
    _check_folder(folder, text)
    backend.deterministic(settings.seed)
    with backend.half_precision(wanted=settings.bf16):
        network = _built(lesson, settings)
    with locked(folder):
        _write(folder / SETTINGS, text)
        checkpoint = _fitted(network, lesson, settings, folder, progress=progress)
        if settings.bf16:  # The files are for programs that know nothing of it.
            weights, network = network.get_weights(), _built(lesson, settings)
            network.set_weights(weights)
        yield from _write_outcome(network, lesson, settings, checkpoint)


def prepared(data: Dataset, settings: TrainSettings) -> Lesson:
    """Splits the data and computes the targets of each row.

    Raises:
        DataError: The data lack what the settings need.
        ModelError: There is no such network.
    """
    n_heads = networks.entry(settings.network).n_heads
    if data.has_votes and n_heads == 1 and settings.ferplus_share == 0:
        log.warning(
            "%s has one head and ignores FER+ votes; to use them, set --ferplus-share",
            settings.network,
        )
    if settings.without:
        data = dataset.without(data, settings.without)
    parts = split.split(data, settings)
    taught = split.targets(data, n_heads, settings)
    wanted = split.targets(data, n_heads, replace(settings, smoothing=0.0, teachers=None))
    weights = split.row_weights(data, parts.training, settings.balance)
    shown = np.einsum("n,nhk->hk", weights, taught[parts.training])
    # Not below 1e-6: the losses take the logarithm.
    priors = np.maximum(shown / shown.sum(axis=1, keepdims=True), 1e-6).astype(np.float32)
    return _with_unlabelled(Lesson(data, parts, taught, wanted, priors), settings)


def _with_unlabelled(lesson: Lesson, settings: TrainSettings) -> Lesson:
    """Adds the unlabelled faces of the settings to the training rows."""
    if not settings.unlabelled:
        return lesson
    data, n = lesson.data, len(lesson.data)
    faces = unlabelled.new_faces(settings.unlabelled, data.faces)
    probability = unlabelled.answers(faces, settings.teacher, data.classes)
    tau = settings.loss_correction or settings.correction
    taught = unlabelled.targets_of(probability, lesson.priors, tau)
    return replace(
        lesson,
        data=unlabelled.appended(data, faces, probability),
        parts=replace(
            lesson.parts,
            training=np.concatenate([lesson.parts.training, np.arange(n, n + len(faces))]),
        ),
        taught=np.concatenate([lesson.taught, taught]),
        wanted=np.concatenate([lesson.wanted, np.zeros_like(taught)]),
    )


def _built(lesson: Lesson, settings: TrainSettings) -> Any:
    return networks.build(settings.network, len(lesson.data.classes), _weights(settings))


def trainer_of(network: Any, lesson: Lesson, settings: TrainSettings) -> Any:
    """Compiles the network behind scaling and augmentation, with loss and optimizer."""
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
    """Counts the batches of an epoch, without an incomplete last one unless it is the only one."""
    return max(1, len(lesson.parts.training) // settings.batch)


def _optimizer(settings: TrainSettings, steps: int) -> Any:
    """Makes the optimizer: warm-up over one epoch (at most a tenth of the run), then a cosine."""
    total = steps * settings.epochs
    warmup = min(steps, ceil(total / 10))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, total - warmup), warmup_target=settings.learning_rate, warmup_steps=warmup
    )
    kept: dict[str, Any] = {"weight_decay": settings.weight_decay}
    if settings.average:
        kept |= {"use_ema": True, "ema_momentum": settings.average}
    if settings.optimizer == "adam":
        return keras.optimizers.AdamW(rate, **kept)
    return keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **kept)


def _fitted(
    network: Any, lesson: Lesson, settings: TrainSettings, folder: Path, *, progress: bool
) -> Checkpoint:
    """Trains from where an earlier run stopped, and gives the network its best weights."""
    trainer = trainer_of(network, lesson, settings)
    checkpoint = Checkpoint(network, folder, restored(trainer, folder), settings.patience)
    if not checkpoint.finished(settings.epochs):
        begun = len(checkpoint.history)
        batches = batches_of(lesson, settings, begun)
        averaged = [Averaged(resumed=begun > 0)] if settings.average else []
        bar = TrainingProgress(settings.epochs, len(batches), show=progress)
        trainer.fit(
            batches,
            validation_data=held_out(lesson),
            validation_batch_size=settings.batch,
            initial_epoch=begun,
            epochs=settings.epochs,
            callbacks=[*averaged, checkpoint, bar, *_tensorboard(settings, folder)],
            # Keras would shuffle batches by Python's random numbers, which no checkpoint restores.
            shuffle=False,
            verbose=0,
        )
    checkpoint.load_best()
    return checkpoint


def batches_of(lesson: Lesson, settings: TrainSettings, epoch: int) -> Batches:
    """The batches of training rows from an epoch on."""
    order = partial(split.order, lesson.data, lesson.parts.training, settings)
    taught = lesson.taught.reshape(len(lesson.taught), -1)
    faces, change = lesson.data.faces[..., None], partial(_coded, settings)
    return Batches(faces, taught, order, settings.batch, epoch, change)


def held_out(lesson: Lesson) -> tuple[Image, Floats]:
    """The faces `(n, 48, 48, 1)` for validation, and what is wanted of them, `(n, heads k)`."""
    rows = lesson.parts.validation
    return lesson.data.faces[rows][..., None], lesson.wanted[rows].reshape(len(rows), -1)


def _coded(settings: TrainSettings, faces: Image, epoch: int, batch: int) -> Image:
    """The faces of a batch after the codec; the same in every run, however often it was stopped."""
    if not settings.h264:
        return faces
    random = np.random.default_rng((settings.seed, epoch, batch))
    return codec.sometimes_encoded(faces, settings.h264, random)


def _tensorboard(settings: TrainSettings, folder: Path) -> list[Any]:
    if not settings.tensorboard:
        return []
    try:
        return [keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False)]
    except ImportError as error:
        raise ModelError(
            f"--tensorboard needs TensorFlow ({error}); install it with: "
            f"{PIP} install tensorflow-cpu tensorboard"
        ) from error


def _weights(settings: TrainSettings) -> Path | None:
    if settings.network == "vgg16" and settings.weights is None:
        raise ModelError(
            "vgg16 is trained on frozen features; give Keras' file "
            "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 with --weights"
        )
    return settings.weights


def _write_outcome(
    network: Any, lesson: Lesson, settings: TrainSettings, checkpoint: Checkpoint
) -> Iterator[str]:
    """Writes all files; gives the accuracy on the test and the paths of the files."""
    folder, best = checkpoint.folder, checkpoint.history[checkpoint.best]
    # A loss with prior correction leaves nothing to correct afterwards.
    tau = 0.0 if settings.loss_correction else settings.correction
    facts = [settings.network, f"seed {settings.seed}", settings.drawn]
    facts += [f"epoch {best['epoch']:g} of {len(checkpoint.history)}"]
    note = ", ".join(filter(None, facts))
    card = export.card_of("model.keras", lesson.data.classes, lesson.priors, tau, note)
    files = export.write_network(network, card, folder)
    plots.write_curves(checkpoint.history, folder / "learning_curves.png")
    _write(folder / HISTORY, _history_text(checkpoint.history))
    about = getdoc(networks.entry(settings.network).build) or settings.network
    _write(folder / "architecture.txt", architecture.text(network, about))
    yield from tested_lines(lesson, files)
    scores = ", ".join(f"{name[4:]} {best[name]:.3f}" for name in best if name.startswith("val_"))
    yield f"validation, {_best(checkpoint, settings)}: {scores}"
    names = (SETTINGS, HISTORY, "architecture.txt", "learning_curves.png")
    yield from (str(path) for path in (*files, *(folder / name for name in names)))


def _best(checkpoint: Checkpoint, settings: TrainSettings) -> str:
    """Says which epoch was kept, and why the run ended if that was early."""
    n = len(checkpoint.history)
    best = f"epoch {checkpoint.best + 1}, the best of {n}"
    if n < settings.epochs:
        epochs = "1 epoch" if settings.patience == 1 else f"{settings.patience} epochs"
        best += f" (stopped after {epochs} without gain; --epochs {settings.epochs})"
    return best


def tested_lines(lesson: Lesson, files: Sequence[Path]) -> Iterator[str]:
    """Measures the accuracy on the test rows of this split, which `evaluate` cannot know.

    Adds it to the cards of both files.
    """
    if len(lesson.parts.test) == 0:
        return
    accuracy = _tested(lesson, files[-1])
    result = f"{accuracy} on {accuracy.n} faces, 95 % interval by Wilson"
    for path in files:
        card = Card.beside(path)
        replace(card, note=f"{card.note}; its own test: {result}").write(path.parent)
    yield f"Accuracy on test set: {accuracy.value:.0%}"
    yield result


def _tested(lesson: Lesson, path: Path) -> Estimate:
    """Measures the accuracy of a file on the test rows."""
    rows = lesson.parts.test
    columns = [EMOTIONS.index(name) for name in lesson.data.classes]
    model = registry.emotion_entry(str(path)).build()
    answers = model.classify(lesson.data.faces[rows])[:, columns].argmax(axis=1)
    return metrics.share(answers == lesson.data.labels[rows])


def _check_folder(folder: Path, text: str) -> None:
    """Checks that a folder holds no other run: its weights must not mix with these settings.

    Args:
        folder: The folder of the run.
        text: From `_settings_text`.

    Raises:
        OutputError: The folder belongs to a run with other settings or data.
    """
    path = folder / SETTINGS
    try:
        old: dict[str, Any] = json.loads(content(path))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: cannot be read ({error}); choose another folder") from error
    new: dict[str, Any] = json.loads(text)
    # A run of an earlier version knows fewer settings, which were then as they are by default.
    old = json.loads(json.dumps(asdict(TrainSettings()), default=str)) | old
    changed = [
        "other data" if name == "data" else f"{name} was {old.get(name)}, now {value}"
        for name, value in new.items()
        if old.get(name) != value
    ]
    if changed:
        raise OutputError(
            f"{folder}: holds a run with other settings ({'; '.join(changed)}); "
            "choose another folder, or delete this one"
        )


def data_digest(data: Dataset, lesson: Lesson, settings: TrainSettings) -> str:
    """The SHA-256 of all that a run learns from, in hex."""
    total = sha256()
    added = (lesson.data.faces, lesson.taught) if settings.unlabelled else ()
    for part in (data.faces, data.labels, data.usage, data.votes, *added):
        total.update(part.tobytes())
    return total.hexdigest()


def _settings_text(data: Dataset, lesson: Lesson, settings: TrainSettings) -> str:
    """Gives all settings with a digest of the data, as JSON."""
    told = {"data": data_digest(data, lesson, settings), "backend": keras.backend.backend()}
    facts = {**asdict(settings), **told}
    return json.dumps(facts, indent=2, default=str) + "\n"


def _history_text(history: list[Mapping[str, float]]) -> str:
    return csv_text([list(history[0]), *([f"{row[k]:.6g}" for k in history[0]] for row in history)])


def _write(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())
