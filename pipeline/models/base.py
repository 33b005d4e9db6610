"""What a network must do, whatever is behind it.

Every method takes no faces or no images too, and leaves its input untouched. Constructors take
only paths and numbers, so that a worker process builds its own.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from pipeline.faces import Detections, Floats, Image


class FaceDetector(Protocol):
    """Finds faces."""

    def detect(self, images: list[Image]) -> list[Detections]:
        """Gives the faces of each RGB image, boxes and landmarks in that image's pixels."""
        ...


class FaceAligner(Protocol):
    """Turns a found face into the chip that an embedder is shown."""

    def chip(self, image: Image, box: Floats, landmarks: Floats) -> Image:
        """Gives the upright face `(side, side, 3)` of an RGB image.

        Args:
            image: `(h, w, 3)`.
            box: a detector's `(4,)`.
            landmarks: the same face's `(5, 2)`.
        """
        ...


class FaceEmbedder(Protocol):
    """Maps face chips to descriptors that are close for one person, far for two."""

    def embed(self, chips: Image) -> Floats:
        """Gives raw descriptors `(n, d)` of chips `(n, side, side, 3)`, not of unit length."""
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


def unit_embeddings(embedder: FaceEmbedder, chips: Image, *, mirrored: bool) -> Floats:
    """Descriptors brought to unit length, so that one tolerance serves all faces.

    The mean with the mirrored chip's descriptor lifts the true accepts of single pictures (white
    .882 to .890, East Asian .758 to .790 at a cosine of .449). Tracks, which hold many views of a
    face, gain nothing, and a walk would take 5 % longer; so photos are mirrored, and films not.

    Args:
        embedder: Any backend.
        chips: `(n, side, side, 3)`.
        mirrored: Take the mean with the mirrored chips.

    Returns:
        `(n, d)`, rows of length 1.
    """
    mean = embedder.embed(chips)
    if mirrored:
        mean = mean + embedder.embed(np.ascontiguousarray(chips[:, :, ::-1]))
    length = np.linalg.norm(mean, axis=1, keepdims=True)
    return (mean / np.maximum(length, 1e-12)).astype(np.float32)
