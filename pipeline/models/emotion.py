"""Emotion networks, ours and anybody's: a file, and a card that says how it is fed and read."""

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
from pipeline.errors import ModelError
from pipeline.faces import EMOTIONS, Floats, Image
from pipeline.models.base import in_batches
from pipeline.models.cards import Card, Input
from pipeline.models.onnx_session import session

FACE_BATCH = 64

LEAST_CLASSES = 2
"""With fewer of `EMOTIONS` among its classes, a network tells nothing."""

SUM_SLACK = 1e-3
"""Rows whose sum is farther from 1 are no probabilities."""

EXACT = 1e-5
"""Rows whose sum is nearer to 1 are left as they are, to the bit."""


TENSORFLOW = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_NUM_INTRAOP_THREADS": "{}",
    "TF_NUM_INTEROP_THREADS": "{}",
}
"""Environment, where it is not set: no chatter, one way of rounding, as many threads as asked."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How an emotion network is fed and read, as its card says.

    Attributes:
        card: The network's.

    Raises:
        ModelError: The card is that of something else.
    """

    card: Card

    def __post_init__(self) -> None:
        path, size = self.card.path, self.input.size
        if self.card.job != "emotion":
            raise ModelError(f"{path}: its card says job {self.card.job!r}, wanted 'emotion'")
        if len(self.known) < LEAST_CLASSES:
            raise ModelError(
                f"{path}: its card says classes {list(self.card.classes)}, wanted the network's, "
                f"in its order, at least {LEAST_CLASSES} of them out of {', '.join(EMOTIONS)}"
            )
        if size is not None and size[0] != size[1]:
            raise ModelError(f"{path}: its card says input.size {size}, wanted a square")

    @property
    def input(self) -> Input:
        """What the network is fed."""
        return self.card.input or Input()

    @property
    def known(self) -> list[int]:
        """Which of `EMOTIONS` the network knows."""
        return [i for i, emotion in enumerate(EMOTIONS) if emotion in self.card.classes]

    def fed(self, crops: Image) -> NDArray[Any]:
        """Grey crops `(n, 48, 48)` as the network wants them."""
        wanted = self.input
        side = wanted.size[0] if wanted.size else EMOTION_SIDE
        faces: NDArray[Any] = crops
        if side != EMOTION_SIDE:
            faces = np.stack([resized(crop, side) for crop in crops])
        faces = np.repeat(faces[..., None], wanted.channels, axis=3)
        if wanted.dtype == "float32":
            mean, scale = (np.asarray(x, np.float32) for x in (wanted.mean, wanted.scale))
            faces = (faces.astype(np.float32) - mean) * scale
        return np.ascontiguousarray(
            faces.transpose(0, 3, 1, 2) if wanted.layout == "NCHW" else faces
        )

    def emotions(self, answers: NDArray[Any], n: int) -> Floats:
        """What the network says of `n` faces, as probabilities `(n, 7)` of `EMOTIONS`.

        Classes that are none of `EMOTIONS` are dropped and the rest made to sum to 1; emotions
        that are none of the classes get 0. Where nothing is left, all known ones are as likely.

        Raises:
            ModelError: The answers are of another shape or kind than the card says.
        """
        given = self._probabilities(self._checked(answers, n)).mean(axis=1)
        kept = given[:, [self.card.classes.index(EMOTIONS[i]) for i in self.known]]
        total = kept.sum(axis=1, keepdims=True)
        whole = np.where(total > 0, kept / np.maximum(total, 1e-30), 1 / len(self.known))
        found = np.zeros((n, len(EMOTIONS)), np.float32)
        found[:, self.known] = np.where(np.abs(total - 1) > EXACT, whole, kept)
        return found

    def _checked(self, answers: NDArray[Any], n: int) -> Floats:
        """The answers as `(n, heads, classes)`."""
        path, heads, classes = self.card.path, self.card.heads, len(self.card.classes)
        if np.shape(answers) != (n, heads * classes):
            raise ModelError(
                f"{path}: gives {np.shape(answers)} for {n} faces, wanted {(n, heads * classes)}: "
                f"its card says heads {heads} and {classes} classes"
            )
        if not np.isfinite(answers).all():
            raise ModelError(
                f"{path}: gives {'NaN' if np.isnan(answers).any() else 'infinity'}; "
                "look at mean and scale in its card, or train it again"
            )
        return np.asarray(answers, np.float32).reshape(n, heads, classes)

    def _probabilities(self, answers: Floats) -> Floats:
        """Of each head, `(n, heads, classes)`."""
        if self.card.output == "logits":
            return self._corrected(answers)
        away = np.abs(answers.sum(axis=2) - 1).max(initial=0)
        if away > SUM_SLACK or answers.min(initial=0) < -SUM_SLACK:
            raise ModelError(
                f"{self.card.path}: its card says output probabilities, but its rows do not sum "
                'to 1, or some are below 0; say "output": "logits"'
            )
        return np.maximum(answers, 0)

    def _corrected(self, logits: Floats) -> Floats:
        """The softmax of each head, after its prior correction."""
        if self.card.priors:
            priors = np.asarray(self.card.priors, np.float32)
            logits = logits - (self.card.tau * np.log(priors)).astype(np.float32)
        powers = np.exp(logits - logits.max(axis=2, keepdims=True))
        return powers / powers.sum(axis=2, keepdims=True)


class _EmotionNetwork(ABC):
    """What all emotion networks have in common; how one is run, each knows itself."""

    def __init__(self, weights: Path) -> None:
        self._reading = Reading(Card.beside(weights))
        self._path = self._reading.card.checked()

    def _try(self, size: int = FACE_BATCH) -> None:
        """Finds out at once whether file and card go together.

        Raises:
            ModelError: They do not.
        """
        self._size = size
        self.classify(np.arange(2 * EMOTION_SIDE**2).reshape(2, EMOTION_SIDE, -1).astype(np.uint8))

    def classify(self, crops: Image) -> Floats:
        """Gives probabilities `(n, 7)` of grey crops `(n, 48, 48)`, rows summing to 1."""
        return in_batches(self._seven, crops, self._size, len(EMOTIONS))

    def _seven(self, crops: Image) -> Floats:
        try:
            answers = self._run(self._reading.fed(crops))
        except Exception as error:  # What a library raises shares no class.
            wanted = self._reading.fed(crops[:1])
            raise ModelError(
                f"{self._path}: cannot be run as its card says, on {wanted.dtype} {wanted.shape} "
                f"for a face ({_first_line(error)})"
            ) from error
        return self._reading.emotions(answers, len(crops))

    @abstractmethod
    def _run(self, faces: NDArray[Any]) -> NDArray[Any]: ...


class OnnxEmotion(_EmotionNetwork):
    """An emotion network in an ONNX file: the shipped one, or anybody's.

    Args:
        weights: An `.onnx` file, its card beside it.
        threads: of ONNX Runtime.
        device: "cpu" or "cuda".

    Raises:
        ModelError: File or card is missing, or they do not go together.
    """

    def __init__(self, weights: Path, threads: int = 1, device: str = "cpu") -> None:
        super().__init__(weights)
        self._session = session(self._path, threads, device)
        card = self._reading.card
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        self._input = _one([i.name for i in inputs], self._reading.input.name, card, "input.name")
        self._output = _one(
            [o.name for o in outputs], next(iter(card.outputs), None), card, "outputs"
        )
        # Networks are often exported for one face at a time.
        fixed = next(i.shape for i in inputs if i.name == self._input)[:1] == [1]
        self._try(1 if fixed else FACE_BATCH)

    def _run(self, faces: NDArray[Any]) -> NDArray[Any]:
        return self._session.run([self._output], {self._input: faces})[0]


class KerasEmotion(_EmotionNetwork):
    """An emotion network in a Keras file; Keras 3 runs it on whatever backend it is set to.

    Args:
        weights: A `.keras` file, its card beside it.
        threads: of TensorFlow, where that runs it.

    Raises:
        ModelError: File or card is missing, they do not go together, or there is no Keras.
    """

    def __init__(self, weights: Path, threads: int = 1) -> None:
        super().__init__(weights)
        keras = _keras(weights, threads)
        try:
            self._network = keras.saving.load_model(self._path, compile=False)
        except Exception as error:  # It raises whatever it stumbles on.
            raise ModelError(
                f"{weights}: not a Keras network that can be loaded ({_first_line(error)})"
            ) from error
        self._numpy = keras.ops.convert_to_numpy
        self._try()

    def _run(self, faces: NDArray[Any]) -> NDArray[Any]:
        answers: NDArray[Any] = self._numpy(self._network(faces, training=False))
        return answers


def _keras(weights: Path, threads: int) -> Any:
    """Imports Keras, which takes seconds; `KERAS_BACKEND` names its backend, as ever.

    Raises:
        ModelError: It, or the backend, is not installed.
    """
    if find_spec("keras") is None:
        raise ModelError(
            f"{weights}: needs Keras, which is not installed; pip install keras tensorflow-cpu "
            "(or keras and another of its backends, named by KERAS_BACKEND)"
        )
    for name, value in TENSORFLOW.items():
        os.environ.setdefault(name, value.format(threads))
    try:
        return import_module("keras")
    except ImportError as error:
        raise ModelError(
            f"{weights}: Keras cannot be loaded ({error}); pip install tensorflow-cpu, or name "
            "a backend that is installed by KERAS_BACKEND"
        ) from error


def _one(names: list[str], wanted: str | None, card: Card, fact: str) -> str:
    """The input or output that a card means.

    Raises:
        ModelError: The file has none of that name, or several, and the card names none.
    """
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted not in names:
        raise ModelError(
            f"{card.path}: its card says {fact} {wanted!r}, the file has {', '.join(names)}"
        )
    return wanted


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or repr(error)
