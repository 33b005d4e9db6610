"""Soups: one network whose weights are the mean of several that began alike.

Networks that were trained on from the same weights lie in one valley of the loss, where the mean of
their weights is a network too, often a better one. The mean of networks that began apart is none:
its answers are no better than chance, and the greedy choice leaves such a member out.

Source: Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves
accuracy without increasing inference time", ICML 2022, recipe 1 (greedy).
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from keras import layers

from pipeline.errors import DataError, ModelError, OutputError
from pipeline.faces import Floats
from pipeline.files import content, locked
from pipeline.models.cards import Card
from pipeline.train import backend, dataset, export, fit, split
from pipeline.train.dataset import Dataset
from pipeline.train.epochs import Batches, mean_accuracy
from pipeline.train.fit import SETTINGS, Lesson
from pipeline.train.settings import TrainSettings

MODEL = "model.keras"

STATISTICS_FACES = 4096
"""Training faces from which the statistics of a mean of weights are computed."""

ROW = "{:>6}  {:>6}  {:9}  {}"


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A finished run.

    Attributes:
        folder: Its folder.
        settings: How it learnt.
        digest: Of what it learnt from, see `fit.data_digest`.
        card: The card of its network.
        network: The network, with its weights.
    """

    folder: Path
    settings: TrainSettings
    digest: str
    card: Card
    network: Any


@dataclass(frozen=True, slots=True)
class Taste:
    """What a member is worth: its score alone, the score with it, and whether it is taken."""

    member: int
    alone: float
    together: float
    taken: bool


def soup(data: Dataset, runs: Sequence[Path], folder: Path) -> Iterator[str]:
    """Averages the weights of runs, each of which is taken only if validation gains by it.

    Args:
        data: What the runs learnt from.
        runs: The folders of two runs or more; one that comes twice counts once.
        folder: Where to write the network.

    Yields:
        A line a run, the best alone first; then the accuracy on the test, and the files.

    Raises:
        DataError: The runs learnt from other data.
        ModelError: A run is not finished, or is no sibling of the others.
        OutputError: The folder holds a run, or cannot be written.
    """
    if (folder / SETTINGS).exists():
        raise OutputError(f"{folder}: holds a run of `train`; choose another folder with --output")
    members = _members(runs)
    first = members[0]
    lesson = _common_lesson(data, members)
    backend.deterministic(first.settings.seed)
    pot = _Pot(first, lesson)
    weights = [member.network.get_weights() for member in members]
    with locked(folder):
        yield ROW.format("alone", "soup", "", "run")
        chosen = []
        for taste in greedy(len(members), lambda some: pot.score([weights[i] for i in some])):
            if taste.taken:
                pot.keep()
                chosen.append(taste)
            verdict = "taken" if taste.taken else "left out"
            run = members[taste.member].folder
            yield ROW.format(f"{taste.alone:.3f}", f"{taste.together:.3f}", verdict, run)
        names = ", ".join(members[taste.member].folder.name for taste in chosen)
        facts = (first.settings.network, f"mean of {len(chosen)} of {len(members)} runs ({names})")
        note = ", ".join(filter(None, (*facts, first.settings.drawn)))
        card = export.card_of(MODEL, first.card.classes, lesson.priors, first.card.tau, note)
        files = export.write_network(pot.kept(), card, folder)
        yield from fit.tested_lines(lesson, files)
        yield from map(str, files)


def greedy(n: int, score: Callable[[list[int]], float]) -> Iterator[Taste]:
    """Adds members, the best first, as long as each gains.

    Args:
        n: The number of members.
        score: What some of them together are worth.

    Yields:
        All members in the order in which they were tried.

    >>> worth = {(0,): 0.5, (1,): 0.6, (2,): 0.4, (1, 0): 0.6, (1, 2): 0.7}
    >>> [taste.member for taste in greedy(3, lambda some: worth[tuple(some)]) if taste.taken]
    [1, 2]
    """
    alone = [score([i]) for i in range(n)]
    chosen: list[int] = []
    best = -np.inf
    for i in sorted(range(n), key=lambda i: -alone[i]):
        together = score([*chosen, i])
        taken = together > best
        if taken:
            chosen, best = [*chosen, i], together
        yield Taste(i, alone[i], together, taken)


def recompute_statistics(trainer: Any, normalisations: Sequence[Any], batches: Batches) -> None:
    """Sets the statistics of batch normalisations to their means over batches of training faces.

    Args:
        trainer: Takes the faces of a batch, and augments them as in training.
        normalisations: The layers of its network whose statistics are computed.
        batches: As many are shown as `STATISTICS_FACES` faces need.

    Source: Izmailov et al., "Averaging weights leads to wider optima and better generalization",
        UAI 2018, section 3.2.
    """
    usual = [layer.momentum for layer in normalisations]
    size = len(batches[0][0])
    for i in range(min(len(batches), ceil(STATISTICS_FACES / size))):
        for layer in normalisations:
            layer.momentum = i / (i + 1)  # So that the moving mean is the mean of all so far.
        trainer(batches[i][0], training=True)
    for layer, momentum in zip(normalisations, usual, strict=True):
        layer.momentum = momentum


class _Pot:
    """A network that takes the mean of weights and is scored on the faces for validation."""

    def __init__(self, member: Member, lesson: Lesson) -> None:
        self._network, self._settings, self._lesson = member.network, member.settings, lesson
        self._trainer = fit.trainer_of(self._network, lesson, self._settings)
        self._normalisations = [
            layer for layer in self._network.layers if isinstance(layer, layers.BatchNormalization)
        ]
        self._kept: list[Floats] = []

    def score(self, weights: Sequence[list[Floats]]) -> float:
        """The mean accuracy of the heads with the mean of these weights."""
        means = [np.mean(arrays, axis=0) for arrays in zip(*weights, strict=True)]
        self._network.set_weights(means)
        if len(weights) > 1 and self._normalisations:
            batches = fit.batches_of(self._lesson, self._settings, 0)
            recompute_statistics(self._trainer, self._normalisations, batches)
        size = self._settings.batch
        told = self._trainer.evaluate(
            *fit.held_out(self._lesson), batch_size=size, verbose=0, return_dict=True
        )
        return mean_accuracy(told)

    def keep(self) -> None:
        """Keeps the weights that were scored last."""
        self._kept = self._network.get_weights()

    def kept(self) -> Any:
        """The network with the weights that were kept last."""
        self._network.set_weights(self._kept)
        return self._network


def _members(runs: Sequence[Path]) -> list[Member]:
    different = {run.resolve(): run for run in reversed(runs)}
    if len(different) < 2:
        raise ModelError(f"a soup needs the folders of two runs or more; got {len(different)}")
    return [_member(run) for run in reversed(different.values())]


def _member(folder: Path) -> Member:
    path = folder / SETTINGS
    try:
        told = json.loads(content(path))
        settings, digest = TrainSettings.told(told), str(told["data"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path}: cannot be read ({error}); give the folder of a run of `train`"
        ) from error
    if not (folder / MODEL).exists():
        raise ModelError(f"{folder}: is not finished; run its `train` again, it goes on there")
    card = Card.beside(folder / MODEL)
    return Member(folder, settings, digest, card, backend.load_network(card.checked()))


def _common_lesson(data: Dataset, members: Sequence[Member]) -> Lesson:
    """Gives the lesson of the first member, which must be that of all.

    Raises:
        DataError: A member learnt from other data.
        ModelError: Its network, classes, priors or held-out faces are others.
    """
    first = members[0]
    lesson = fit.prepared(data, first.settings)
    digest = fit.data_digest(data, lesson, first.settings)
    for member in members:
        if member.digest != digest:
            raise DataError(
                f"{member.folder}: learnt from other data; give those of all runs, with the same "
                "--ferplus and --unlabelled"
            )
        differs = [
            what for what, of in _ALIKE.items() if of(member, data) != of(first, data)
        ]  # fmt: skip
        if differs:
            raise ModelError(
                f"{member.folder}: its {differs[0]} other than those of {first.folder}; train all "
                "runs with the same options but for --seed and how faces are changed and learnt"
            )
    return lesson


def _held_out(member: Member, data: Dataset) -> list[list[int]]:
    settings = member.settings
    parts = split.split(dataset.rows_without(data, settings.without), settings)
    return [parts.validation.tolist(), parts.test.tolist()]


_ALIKE: dict[str, Callable[[Member, Dataset], object]] = {
    "network is": lambda member, _: member.settings.network,
    "classes are": lambda member, _: member.card.classes,
    "faces for validation and test are": _held_out,
    "priors or their correction are": lambda member, _: (member.card.priors, member.card.tau),
}
"""What must be the same in all members, for the mean of their logits to mean something."""
