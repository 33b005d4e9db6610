"""dlib's face chips and its identity network, the latter as ONNX (20 times faster than dlib)."""

from pathlib import Path

import dlib

from pipeline.crops import square
from pipeline.errors import ModelError
from pipeline.faces import Floats, Image
from pipeline.models.base import CHIP_SIDE, in_batches
from pipeline.models.cards import Card
from pipeline.models.onnx_session import session

BOX_SCALE = 0.78
BOX_DOWN = 0.063
"""From YuNet's box to the one that dlib's landmark predictor was trained on."""

CONTEXT = 2.4
"""Side of what is cut around a face before landmarks are found, in faces."""

PADDING = 0.25
CHIP_BATCH = 16
DESCRIPTOR = 128
"""Numbers a face."""


def predictor(weights: Path) -> dlib.shape_predictor:
    """Loads a landmark predictor, its card beside it.

    Raises:
        ModelError: The file is missing, changed, or no landmark predictor.
    """
    path = Card.beside(weights).checked()
    try:
        return dlib.shape_predictor(str(path))
    except RuntimeError as error:
        raise ModelError(f"{path}: not a predictor that can be loaded ({error})") from error


class DlibAligner:
    """Cuts chips with dlib's five-point predictor.

    Args:
        weights: `dlib_5_point.dat`, its card beside it.

    Raises:
        ModelError: The file is missing, changed, or no landmark predictor.
    """

    def __init__(self, weights: Path) -> None:
        self._predictor = predictor(weights)

    def chip(self, image: Image, box: Floats) -> Image:
        """Gives the upright face `(150, 150, 3)`.

        Args:
            image: RGB `(h, w, 3)`.
            box: a detector's `(4,)`.
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


class DlibOnnx:
    """dlib's ResNet on ONNX Runtime; descriptors within 1e-3 of dlib's own.

    Args:
        weights: `dlib_resnet.onnx`, its card beside it.
        threads: of ONNX Runtime.
        device: "cpu" or "cuda".

    Source: King, dlib_face_recognition_resnet_model_v1, 2017.
    """

    def __init__(self, weights: Path, threads: int = 1, device: str = "cpu") -> None:
        self._session = session(Card.beside(weights).checked(), threads, device)

    def embed(self, chips: Image) -> Floats:
        """Gives raw descriptors `(n, 128)` of RGB chips `(n, 150, 150, 3)`."""
        return in_batches(self._run, chips, CHIP_BATCH, DESCRIPTOR)

    def _run(self, chips: Image) -> Floats:
        descriptors: Floats = self._session.run(None, {"image": chips})[0]
        return descriptors
