"""dlib's face chips and its identity network, the latter as ONNX (20 times faster than dlib)."""

from pathlib import Path

import dlib
import numpy as np

from pipeline.crops import square
from pipeline.errors import ModelError
from pipeline.faces import Floats, Image
from pipeline.models.base import CHIP_SIDE
from pipeline.models.cards import Card
from pipeline.models.onnx_session import session

BOX_SCALE = 0.78
BOX_DOWN = 0.063
"""From YuNet's box to the one that dlib's landmark predictor was trained on."""

CONTEXT = 2.4
"""Side of what is cut around a face before landmarks are found, in faces."""

PADDING = 0.25
BATCH = 16


class DlibAligner:
    """Cuts chips with dlib's five-point predictor.

    Args:
        weights: `dlib_5_point.dat`, its card beside it.

    Raises:
        ModelError: The file is missing, changed, or no landmark predictor.
    """

    def __init__(self, weights: Path) -> None:
        path = Card.beside(weights).checked()
        try:
            self._predictor = dlib.shape_predictor(str(path))
        except RuntimeError as error:
            raise ModelError(f"{path}: not a predictor that can be loaded ({error})") from error

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

    Source: King, dlib_face_recognition_resnet_model_v1, 2017.
    """

    def __init__(self, weights: Path, threads: int = 1) -> None:
        self._session = session(Card.beside(weights).checked(), threads)

    def embed(self, chips: Image) -> Floats:
        """Gives raw descriptors `(n, 128)` of RGB chips `(n, 150, 150, 3)`."""
        parts = [
            self._session.run(None, {"image": np.ascontiguousarray(chips[i : i + BATCH])})[0]
            for i in range(0, len(chips), BATCH)
        ]
        return np.concatenate([np.zeros((0, 128), np.float32), *parts])
