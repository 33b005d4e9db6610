"""The emotion network: a two-headed ResNet on FER2013's and FER+'s labels."""

from pathlib import Path

import numpy as np

from pipeline.errors import ModelError
from pipeline.faces import EMOTIONS, Floats, Image
from pipeline.models.cards import Card
from pipeline.models.onnx_session import session

BATCH = 64


class TwoHeaded:
    """Seven probabilities for a grey 48×48 face.

    Args:
        weights: `emotion.onnx`, its card beside it.
        threads: of ONNX Runtime.

    Raises:
        ModelError: The card's classes are not `EMOTIONS`.
    """

    def __init__(self, weights: Path, threads: int = 1) -> None:
        card = Card.beside(weights)
        if card.classes != EMOTIONS:
            raise ModelError(f"{weights}: classes are {card.classes}, wanted {EMOTIONS}")
        self._session = session(card.checked(), threads)

    def classify(self, crops: Image) -> Floats:
        """Gives probabilities `(n, 7)` of grey crops `(n, 48, 48)`, rows summing to 1."""
        parts = [
            self._session.run(
                None, {"faces": np.ascontiguousarray(crops[i : i + BATCH, ..., None])}
            )[0]
            for i in range(0, len(crops), BATCH)
        ]
        return np.concatenate([np.zeros((0, len(EMOTIONS)), np.float32), *parts])
