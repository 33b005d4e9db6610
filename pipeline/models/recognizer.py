"""A user's own network that tells people apart: an ONNX file, and a card that describes it."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelError
from pipeline.faces import Floats, Image
from pipeline.models.base import in_batches
from pipeline.models.cards import WEIGHTS, Card, Input
from pipeline.models.onnx_session import CardNetwork, cannot_run
from pipeline.models.sface import SFACE_LANDMARKS, SFACE_SIDE, Affine, LandmarkAligner

LEAST_SIDE = 32
"""Pixels: faces of fewer tell nobody apart."""


class CardAligner(LandmarkAligner):
    """Cuts the chips that the card of a recognizer asks for.

    Args:
        weights: The recognizer, its card beside it.

    Raises:
        ModelError: The card describes no usable recognizer.
    """

    def __init__(self, weights: Path) -> None:
        card = Card.beside(weights, "identity")
        side = chip_side(card)
        places: Affine = SFACE_LANDMARKS * side / SFACE_SIDE
        if card.landmarks:
            places = np.array(card.landmarks, np.float64)
        super().__init__(WEIGHTS / "yunet.onnx", side, places)


class OnnxRecognizer:
    """A network that tells people apart, run face by face, so that batches change no bit.

    Args:
        weights: An `.onnx` file, its card beside it.
        threads: Threads of ONNX Runtime.
        device: "cpu" or "cuda".

    Raises:
        ModelError: The file or card is missing, or they do not agree.
    """

    def __init__(self, weights: Path, threads: int = 1, device: str = "cpu") -> None:
        card = Card.beside(weights, "identity")
        self._input, self._path, side = card.input or Input(), card.path, chip_side(card)
        self._network = CardNetwork(card, threads, device)
        pixels = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), np.uint8)
        self._numbers = self._run(pixels).shape[1]

    def embed(self, chips: Image) -> Floats:
        """Gives raw descriptors `(n, d)` of RGB chips `(n, side, side, 3)`."""
        return in_batches(self._run, chips, 1, self._numbers)

    def _run(self, chips: Image) -> Floats:
        face = self._input.fed(_coloured(chips, self._input.colour))
        try:
            answer = self._network.run(face)
        except Exception as error:  # ONNX Runtime raises unrelated exceptions.
            raise cannot_run(self._path, face, error) from error
        return self._checked(np.asarray(answer))

    def _checked(self, answer: NDArray[np.generic]) -> Floats:
        if answer.ndim < 2 or len(answer) != 1 or answer[0].size < 2:
            raise ModelError(
                f"{self._path}: returns {answer.shape} for one face, wanted (1, numbers); name the "
                "right one of its outputs in its card"
            )
        numbers = answer.reshape(1, -1).astype(np.float32)
        if not np.isfinite(numbers).all():
            raise ModelError(
                f"{self._path}: returns NaN or infinity; check mean and scale in its card"
            )
        return numbers


def chip_side(card: Card) -> int:
    """Pixels of the chips of a recognizer, both ways, after checking that its card is one.

    Raises:
        ModelError: The card is not a recognizer's, or lacks a fact.
    """
    if card.job != "identity":
        raise ModelError(f"{card.path}: its card says job {card.job!r}, wanted 'identity'")
    size = card.input.size if card.input else None
    if size is None or size[0] != size[1] or size[0] < LEAST_SIDE:
        raise ModelError(
            f"{card.path}: its card says input.size {size}, wanted a square of {LEAST_SIDE} pixels "
            "or more, such as [112, 112]"
        )
    return size[0]


def _coloured(chips: Image, colour: str) -> Image:
    """RGB chips `(n, side, side, 3)` in another order of colours, or grey `(n, side, side, 1)`."""
    if colour == "grey":
        return np.stack([cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY)[..., None] for chip in chips])
    return chips[..., ::-1] if colour == "BGR" else chips
