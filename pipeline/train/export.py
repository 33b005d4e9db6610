"""Writes a trained network as model.keras and model.onnx, each with a card, and compares them."""

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
from pipeline.files import content, replacing
from pipeline.models import registry
from pipeline.models.cards import Card, Input
from pipeline.train.networks import MEAN, SCALE

EXPORT_TOLERANCE = 1e-4
"""The largest difference allowed between the probabilities of the two files."""

CHECKED = 64
"""The number of random faces on which the files are compared."""

SIZE = (EMOTION_SIDE, EMOTION_SIDE)


class Probability(keras.layers.Layer):  # type: ignore[misc]  # Keras is without types.
    """The mean over heads of softmax(z - tau log prior).

    Args:
        correction: The tau log prior of each head, `(heads, k)`.

    Source: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, post-hoc.
    """

    def __init__(self, correction: Floats) -> None:
        super().__init__(name="probability")
        self._correction = correction

    def call(self, logits: Any) -> Any:
        """Turns logits `(n, heads k)` into probabilities `(n, k)`."""
        z = ops.reshape(logits, (-1, *self._correction.shape)) - self._correction
        return ops.mean(ops.softmax(z), axis=1)


def write_network(network: Any, card: Card, folder: Path) -> list[Path]:
    """Writes `<name>.keras` and `<name>.onnx`, and a card beside each.

    Args:
        network: Maps scaled faces to logits.
        card: The card of the .keras file, with the priors.
        folder: An existing folder.

    Returns:
        The two files.

    Raises:
        OutputError: A file cannot be written.
        ModelError: The answers of the two files differ.
    """
    keras_file = folder / card.file
    onnx_file = keras_file.with_suffix(".onnx")
    with TemporaryDirectory() as scratch:
        for path, save in ((keras_file, _save_keras), (onnx_file, _save_onnx)):
            made = Path(scratch) / path.name
            save(network, card, made)
            with replacing(path) as file:
                file.write(content(made))
    card.write(folder)
    # The ONNX file takes grey bytes and gives probabilities: its card needs no scale and no priors.
    onnx_card = Card(
        file=onnx_file.name, job=card.job, input=Input(size=SIZE), classes=card.classes,
        made_by=card.made_by, note=card.note,
    )  # fmt: skip
    onnx_card.write(folder)
    check_exports([keras_file, onnx_file])
    return [keras_file, onnx_file]


def card_of(file: str, classes: tuple[str, ...], priors: Floats, tau: float, note: str) -> Card:
    """Makes the card of a network that `train` writes as a .keras file.

    Args:
        file: The name of the file.
        classes: The classes of each head.
        priors: The share of each class in the training targets of each head, `(heads, k)`.
        tau: The strength of the prior correction.
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
            f"wanted at most {EXPORT_TOLERANCE:.0e}; use {paths[0].name}, and report this with "
            "the versions of Keras and its backend"
        )
    return worst


def _save_keras(network: Any, _: Card, path: Path) -> None:
    network.save(path)


def _save_onnx(network: Any, card: Card, path: Path) -> None:
    """Writes the network with scaling and prior correction: from grey bytes to probabilities."""
    faces = keras.Input((*SIZE, 1), dtype="uint8", name="faces")
    scaled = keras.layers.Rescaling(SCALE, offset=-MEAN * SCALE)(faces)
    correction = np.float32(card.tau) * np.log(np.array(card.priors, np.float32))
    whole = keras.Model(faces, Probability(correction)(network(scaled)))
    wanted = keras.InputSpec(shape=(None, *SIZE, 1), dtype="uint8", name="faces")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras' copy of tf2onnx raises them.
        try:
            # Without a signature Keras refuses to export a network that was never called.
            whole.export(path, format="onnx", verbose=False, input_signature=[wanted])
        except ImportError as error:
            raise ModelError(
                f"{card.file} is written, but the ONNX file needs another package ({error}); "
                "install it and run this command again, or set KERAS_BACKEND=tensorflow"
            ) from error
