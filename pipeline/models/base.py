"""What a network must do, whatever is behind it.

Every method takes no faces or no images too, and leaves its input untouched. Constructors take
only paths and numbers, so that a worker process builds its own.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from pipeline.faces import Detections, Floats, Image

CHIP_SIDE = 150


class FaceDetector(Protocol):
    """Finds faces."""

    def detect(self, images: list[Image]) -> list[Detections]:
        """Gives the faces of each RGB image, boxes and landmarks in that image's pixels."""
        ...


class FaceAligner(Protocol):
    """Turns a found face into the chip that an embedder is shown."""

    def chip(self, image: Image, box: Floats) -> Image:
        """Gives the upright face `(150, 150, 3)` in `box` of the RGB image."""
        ...


class FaceEmbedder(Protocol):
    """Maps face chips to descriptors that are close for one person, far for two."""

    def embed(self, chips: Image) -> Floats:
        """Gives raw descriptors `(n, d)` of chips `(n, 150, 150, 3)`: not mirrored, not scaled."""
        ...


class EmotionModel(Protocol):
    """Tells how a face looks."""

    def classify(self, crops: Image) -> Floats:
        """Gives probabilities `(n, 7)` in the order of `EMOTIONS` of grey crops `(n, 48, 48)`."""
        ...


def in_batches(run: Callable[[Image], Floats], faces: Image, size: int, columns: int) -> Floats:
    """Runs a network over faces, some at a time.

    Args:
        run: Gives `(b, columns)` for `b` faces in one piece of memory, `b` from 1 to `size`.
        faces: `(n, ...)`.
        size: Faces a run, at most.
        columns: Of the result, which with no faces nobody else can tell.

    Returns:
        `(n, columns)`.

    >>> in_batches(lambda b: b.sum(axis=1, keepdims=True), np.eye(3, dtype=np.uint8), 2, 1).shape
    (3, 1)
    """
    parts = [run(np.ascontiguousarray(faces[i : i + size])) for i in range(0, len(faces), size)]
    return np.concatenate([np.zeros((0, columns), np.float32), *parts])


def unit_embeddings(embedder: FaceEmbedder, chips: Image) -> Floats:
    """Descriptors averaged with those of the mirrored chips and brought to unit length.

    Mirroring lifts true accepts at one false accept in a thousand; unit length makes one
    tolerance serve all faces.

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
