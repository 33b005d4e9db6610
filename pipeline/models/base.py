"""The protocols of networks, whatever library runs them.

Every method also accepts zero faces or images, and does not change its input. Constructors take
only paths and numbers, so that each worker process can build its own networks.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from pipeline.faces import Detections, Floats, Image

CHIP_SIDE = 150
"""Pixels."""


class FaceDetector(Protocol):
    """Finds faces."""

    def detect(self, images: list[Image]) -> list[Detections]:
        """Finds the faces of each RGB image; boxes and landmarks are in pixels of that image."""
        ...


class FaceAligner(Protocol):
    """Turns a detected face into a chip, the input of an embedder."""

    def chip(self, image: Image, box: Floats) -> Image:
        """Cuts the upright face `(150, 150, 3)` in `box` out of the RGB image."""
        ...


class FaceEmbedder(Protocol):
    """Maps face chips to descriptors that are close for one person and far apart for two."""

    def embed(self, chips: Image) -> Floats:
        """Returns raw descriptors `(n, d)` of chips `(n, 150, 150, 3)`, not mirrored or scaled."""
        ...


class EmotionModel(Protocol):
    """Tells which emotion a face shows."""

    def classify(self, crops: Image) -> Floats:
        """Returns probabilities `(n, 7)` of grey crops `(n, 48, 48)`, ordered as `EMOTIONS`."""
        ...


def in_batches(run: Callable[[Image], Floats], faces: Image, size: int, columns: int) -> Floats:
    """Runs a network over faces in batches.

    Args:
        run: Maps `b` faces to `(b, columns)`; `b` is 1 to `size`, and the faces are contiguous.
        faces: `(n, ...)`.
        size: The largest batch.
        columns: Columns of the result, needed if there are no faces.

    Returns:
        `(n, columns)`.

    >>> in_batches(lambda b: b.sum(axis=1, keepdims=True), np.eye(3, dtype=np.uint8), 2, 1).shape
    (3, 1)
    """
    parts = [run(np.ascontiguousarray(faces[i : i + size])) for i in range(0, len(faces), size)]
    return np.concatenate([np.zeros((0, columns), np.float32), *parts])


def unit_embeddings(embedder: FaceEmbedder, chips: Image) -> Floats:
    """Averages descriptors with those of the mirrored chips, and scales them to unit length.

    Mirroring raises the share of true accepts at one false accept in a thousand. With unit length
    one tolerance fits all faces.

    Args:
        embedder: Any backend.
        chips: `(n, 150, 150, 3)`.

    Returns:
        `(n, d)`, rows of length 1.
    """
    mirrored = np.ascontiguousarray(chips[:, :, ::-1])
    mean = embedder.embed(chips) + embedder.embed(mirrored)
    length = np.linalg.norm(mean, axis=1, keepdims=True)
    return (mean / np.maximum(length, 1e-12)).astype(np.float32)
