"""Runs emotion networks, ours or a user's own, from a file and a card that describes it."""

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.crops import EMOTION_SIDE, resized
from pipeline.errors import PIP, ModelError
from pipeline.faces import EMOTIONS, Floats, Image
from pipeline.models.base import in_batches
from pipeline.models.cards import Card, Input
from pipeline.models.onnx_session import CardNetwork, cannot_run, first_line

FACE_BATCH = 64

LEAST_CLASSES = 2
"""A network needs this many of `EMOTIONS` among its classes to distinguish anything."""

SUM_SLACK = 1e-3
"""Rows whose sum differs from 1 by more are not probabilities."""

EXACT = 1e-5
"""Rows whose sum differs from 1 by less are not scaled, so that no bit changes."""

TENSORFLOW = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_NUM_INTRAOP_THREADS": "{}",
    "TF_NUM_INTEROP_THREADS": "{}",
}
"""Defaults of the environment: no log output, reproducible rounding, the wanted threads."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Prepares the input of an emotion network and reads its answers, as its card says.

    Attributes:
        card: the card of the network.

    Raises:
        ModelError: The card does not describe a usable emotion network.
    """

    card: Card

    def __post_init__(self) -> None:
        path, size = self.card.path, self.input.size
        if self.card.job != "emotion":
            raise ModelError(f"{path}: its card says job {self.card.job!r}, wanted 'emotion'")
        if len(self.known) < LEAST_CLASSES:
            raise ModelError(
                f"{path}: its card says classes {list(self.card.classes)}, wanted the network's "
                f"classes in their order, with at least {LEAST_CLASSES} of {', '.join(EMOTIONS)}"
            )
        if size is not None and size[0] != size[1]:
            raise ModelError(f"{path}: its card says input.size {size}, wanted a square")

    @property
    def input(self) -> Input:
        """The input that the card describes."""
        return self.card.input or Input()

    @property
    def known(self) -> list[int]:
        """The positions in `EMOTIONS` of those that the network knows."""
        return [i for i, emotion in enumerate(EMOTIONS) if emotion in self.card.classes]

    def fed(self, crops: Image) -> NDArray[Any]:
        """Converts grey crops `(n, 48, 48)` to the network's input."""
        wanted = self.input
        side = wanted.size[0] if wanted.size else EMOTION_SIDE
        faces = crops
        if side != EMOTION_SIDE:
            faces = np.stack([resized(crop, side) for crop in crops])
        faces = np.repeat(faces[..., None], wanted.channels, axis=3)
        return wanted.fed(faces)

    def emotions(self, answers: NDArray[Any], n: int) -> Floats:
        """Converts the network's answers for `n` faces to probabilities `(n, 7)` of `EMOTIONS`.

        Drops classes that are not in `EMOTIONS` and scales the rest to a sum of 1. Emotions that
        the network does not know get 0. If nothing is left, all known emotions are equally likely.

        Raises:
            ModelError: The answers do not have the shape or kind that the card says.
        """
        probabilities = self._probabilities(self._checked(answers, n)).mean(axis=1)
        kept = probabilities[:, [self.card.classes.index(EMOTIONS[i]) for i in self.known]]
        total = kept.sum(axis=1, keepdims=True)
        scaled = np.where(total > 0, kept / np.maximum(total, 1e-30), 1 / len(self.known))
        emotions = np.zeros((n, len(EMOTIONS)), np.float32)
        emotions[:, self.known] = np.where(np.abs(total - 1) > EXACT, scaled, kept)
        return emotions

    def _checked(self, answers: NDArray[Any], n: int) -> Floats:
        """Checks the answers and returns them as `(n, heads, classes)`."""
        path, heads, classes = self.card.path, self.card.heads, len(self.card.classes)
        if np.shape(answers) != (n, heads * classes):
            raise ModelError(
                f"{path}: returns {np.shape(answers)} for {n} faces, wanted "
                f"{(n, heads * classes)}: its card says heads {heads} and {classes} classes"
            )
        if not np.isfinite(answers).all():
            raise ModelError(
                f"{path}: returns {'NaN' if np.isnan(answers).any() else 'infinity'}; "
                "check mean and scale in its card, or train it again"
            )
        return np.asarray(answers, np.float32).reshape(n, heads, classes)

    def _probabilities(self, answers: Floats) -> Floats:
        """The probabilities of each head, `(n, heads, classes)`."""
        if self.card.output == "logits":
            return self._corrected(answers)
        error = np.abs(answers.sum(axis=2) - 1).max(initial=0)
        if error > SUM_SLACK or answers.min(initial=0) < -SUM_SLACK:
            raise ModelError(
                f"{self.card.path}: its card says output probabilities, but its rows do not sum "
                'to 1, or some are below 0; write "output": "logits"'
            )
        return np.maximum(answers, 0)

    def _corrected(self, logits: Floats) -> Floats:
        """The softmax of each head, after its prior correction."""
        if self.card.priors:
            priors = np.asarray(self.card.priors, np.float32)
            logits = logits - (self.card.tau * np.log(priors)).astype(np.float32)
        # Subtracting the maximum keeps the exponential from overflowing.
        powers = np.exp(logits - logits.max(axis=2, keepdims=True))
        return powers / powers.sum(axis=2, keepdims=True)


class _EmotionNetwork(ABC):
    """The common part of all emotion networks; subclasses run the network."""

    def __init__(self, weights: Path) -> None:
        self._reading = Reading(Card.beside(weights))
        self._path = self._reading.card.checked()

    def _try(self, size: int = FACE_BATCH) -> None:
        """Runs the network once to check that file and card agree.

        Raises:
            ModelError: They do not agree.
        """
        self._size = size
        self.classify(np.arange(2 * EMOTION_SIDE**2).reshape(2, EMOTION_SIDE, -1).astype(np.uint8))

    def classify(self, crops: Image) -> Floats:
        """Returns probabilities `(n, 7)` of grey crops `(n, 48, 48)`; each row sums to 1."""
        return in_batches(self._seven, crops, self._size, len(EMOTIONS))

    def _seven(self, crops: Image) -> Floats:
        try:
            answers = self._run(self._reading.fed(crops))
        except Exception as error:  # Libraries raise unrelated exceptions.
            raise cannot_run(self._path, self._reading.fed(crops[:1]), error) from error
        return self._reading.emotions(answers, len(crops))

    @abstractmethod
    def _run(self, faces: NDArray[Any]) -> NDArray[Any]: ...


class OnnxEmotion(_EmotionNetwork):
    """An emotion network in an ONNX file: the shipped one, or a user's own.

    Args:
        weights: An `.onnx` file with its card beside it.
        threads: Threads of ONNX Runtime.
        device: "cpu" or "cuda".

    Raises:
        ModelError: The file or card is missing, or they do not agree.
    """

    def __init__(self, weights: Path, threads: int = 1, device: str = "cpu") -> None:
        super().__init__(weights)
        self._network = CardNetwork(self._reading.card, threads, device)
        self._try(1 if self._network.one_by_one else FACE_BATCH)

    def _run(self, faces: NDArray[Any]) -> NDArray[Any]:
        return self._network.run(faces)


class KerasEmotion(_EmotionNetwork):
    """An emotion network in a Keras file, run by Keras 3 on whichever backend it is set to.

    Args:
        weights: A `.keras` file with its card beside it.
        threads: Threads of TensorFlow, if that is the backend.

    Raises:
        ModelError: The file, card or Keras is missing, or file and card do not agree.
    """

    def __init__(self, weights: Path, threads: int = 1) -> None:
        super().__init__(weights)
        keras = _keras(weights, threads)
        try:
            self._network = keras.saving.load_model(self._path, compile=False)
        except Exception as error:  # Keras may raise anything.
            raise ModelError(
                f"{weights}: not a Keras network that can be loaded ({first_line(error)})"
            ) from error
        self._numpy = keras.ops.convert_to_numpy
        self._try()

    def _run(self, faces: NDArray[Any]) -> NDArray[Any]:
        answers: NDArray[Any] = self._numpy(self._network(faces, training=False))
        return answers


def _keras(weights: Path, threads: int) -> Any:
    """Imports Keras, which takes seconds; as usual, `KERAS_BACKEND` names its backend.

    Raises:
        ModelError: Keras or the backend is not installed.
    """
    if find_spec("keras") is None:
        raise ModelError(
            f"{weights}: needs Keras, which is not installed; {PIP} install keras "
            "tensorflow-cpu (or keras and another backend, named in KERAS_BACKEND)"
        )
    for name, value in TENSORFLOW.items():
        os.environ.setdefault(name, value.format(threads))
    try:
        return import_module("keras")
    except ImportError as error:
        raise ModelError(
            f"{weights}: Keras cannot be loaded ({error}); {PIP} install tensorflow-cpu, or "
            "name an installed backend in KERAS_BACKEND"
        ) from error
