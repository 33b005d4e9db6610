"""The trained network as files: model.keras and model.onnx, each with its card, held together."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
from keras import ops

from pipeline.crops import EMOTION_SIDE
from pipeline.errors import ModelError
from pipeline.faces import Floats
from pipeline.files import replacing
from pipeline.models import registry
from pipeline.models.cards import Card, Input
from pipeline.train.networks import MEAN, SCALE

EXPORT_TOLERANCE = 1e-4
"""By how much the two files may differ in any probability."""

CHECKED = 64
"""Random faces that they are compared on."""

SIZE = (EMOTION_SIDE, EMOTION_SIDE)


class Probability(keras.layers.Layer):  # type: ignore[misc]  # Keras is without types.
    """The mean over heads of softmax(z - tau log prior).

    Args:
        correction: tau log prior of each head, `(heads, k)`.

    Source: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, post-hoc.
    """

    def __init__(self, correction: Floats) -> None:
        super().__init__(name="probability")
        self._correction = correction

    def call(self, logits: Any) -> Any:
        """Gives `(n, k)` of logits `(n, heads k)`."""
        z = ops.reshape(logits, (-1, *self._correction.shape)) - self._correction
        return ops.mean(ops.softmax(z), axis=1)


def write_network(network: Any, card: Card, folder: Path) -> list[Path]:
    """Writes `<name>.keras` and `<name>.onnx`, and a card beside each.

    Args:
        network: From scaled faces to logits.
        card: Of the .keras file, with the priors.
        folder: Where they go; it is there.

    Returns:
        The two files.

    Raises:
        OutputError: One cannot be written.
        ModelError: The files do not answer alike.
    """
    plain = folder / card.file
    exact = plain.with_suffix(".onnx")
    with TemporaryDirectory() as place:
        for path, save in ((plain, _save_keras), (exact, _save_onnx)):
            made = Path(place) / path.name
            save(network, card, made)
            with replacing(path) as file:
                file.write(made.read_bytes())
    card.write(folder)
    answers = Card(
        file=exact.name, job=card.job, input=Input(size=SIZE), classes=card.classes,
        made_by=card.made_by, note=card.note,
    )  # fmt: skip
    answers.write(folder)
    check_exports([plain, exact])
    return [plain, exact]


def card_of(file: str, classes: tuple[str, ...], priors: Floats, tau: float, note: str) -> Card:
    """The card of a network of ours in a .keras file.

    Args:
        file: Its name.
        classes: Of each head.
        priors: Share of each class in what each head learnt from, `(heads, k)`.
        tau: Strength of the correction by them.
        note: One or two sentences.
    """
    return Card(
        file=file,
        job="emotion",
        input=Input(dtype="float32", size=SIZE, mean=MEAN, scale=SCALE),
        output="logits",
        classes=classes,
        heads=len(priors),
        priors=tuple(tuple(float(p) for p in head) for head in priors),
        tau=tau,
        made_by="mine-video train",
        note=note,
    )


def check_exports(paths: Sequence[Path]) -> float:
    """Compares the answers of both files on random faces; gives the largest difference.

    Raises:
        ModelError: They differ by more than `EXPORT_TOLERANCE`.
    """
    faces = np.random.default_rng(0).integers(0, 256, (CHECKED, *SIZE), np.uint8)
    first, second = (registry.emotion_entry(str(p)).build().classify(faces) for p in paths)
    worst = float(np.abs(first - second).max())
    if not worst <= EXPORT_TOLERANCE:
        raise ModelError(
            f"{paths[1]}: differs from {paths[0].name} by {worst:.1e} on {CHECKED} random faces, "
            f"wanted at most {EXPORT_TOLERANCE:.0e}; use {paths[0].name}, and tell us the "
            "versions of Keras and its backend"
        )
    return worst


def _save_keras(network: Any, _: Card, path: Path) -> None:
    network.save(path)


def _save_onnx(network: Any, card: Card, path: Path) -> None:
    """As it is used: from grey bytes to probabilities."""
    faces = keras.Input((*SIZE, 1), dtype="uint8", name="faces")
    scaled = keras.layers.Rescaling(SCALE, offset=-MEAN * SCALE)(faces)
    correction = np.float32(card.tau) * np.log(np.array(card.priors, np.float32))
    whole = keras.Model(faces, Probability(correction)(network(scaled)))
    wanted = keras.InputSpec(shape=(None, *SIZE, 1), dtype="uint8", name="faces")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras' own, of its copy of tf2onnx.
        try:
            # Without the signature Keras refuses a network that was never called.
            whole.export(path, format="onnx", verbose=False, input_signature=[wanted])
        except ImportError as error:
            raise ModelError(
                f"{card.file} is written, but ONNX needs another package ({error}); install it "
                "and call again, or set KERAS_BACKEND=tensorflow"
            ) from error
