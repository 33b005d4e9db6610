"""Runs the heads of a Keras network one by one, without prior correction."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.faces import Floats, Image
from pipeline.models.base import in_batches
from pipeline.models.cards import Card
from pipeline.models.emotion import Reading

HEAD_BATCH = 256


def n_heads(path: Path) -> int:
    """Counts the heads that can be run one by one: those of a .keras file; 1 for other files.

    Raises:
        ModelError: There is no card beside it.
    """
    return Card.beside(path).heads if path.suffix == ".keras" else 1


def each_head(path: Path, faces: Image) -> Iterator[Floats]:
    """Gives the probabilities `(n, 7)` of `EMOTIONS` from each head alone, as softmax(z).

    Args:
        path: A .keras file that gives logits, with its card beside it.
        faces: `(n, 48, 48)` grey.

    Raises:
        ModelError: The file cannot be loaded, or its output is not what its card says.
    """
    from pipeline.train import backend  # noqa: PLC0415 - ONNX models must load without Keras.

    card = Card.beside(path)
    network = backend.load_network(card.checked())
    reading, k = Reading(card), len(card.classes)

    def run(crops: Image) -> Floats:
        answers: Floats = np.asarray(
            backend.to_numpy(network(reading.fed(crops), training=False)), np.float32
        )
        return answers

    logits = in_batches(run, faces, HEAD_BATCH, card.heads * k)
    one_head = Reading(replace(card, heads=1, priors=(), tau=0.0))
    for head in range(card.heads):
        yield one_head.emotions(logits[:, head * k : (head + 1) * k], len(faces))
