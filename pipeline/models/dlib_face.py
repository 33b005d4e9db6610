"""dlib's face chips and its identity network, which runs as ONNX 20 times faster than in dlib."""

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
"""Scale and shift from YuNet's box to the one that dlib's landmark predictor was trained on."""

CONTEXT = 2.4
"""Side of the patch around a face in which to find landmarks, as a multiple of the face's side."""

PADDING = 0.25
"""Space around the face in a chip; dlib uses the same for its own descriptors."""

CHIP_BATCH = 16
DESCRIPTOR = 128
"""Numbers per face."""


def predictor(weights: Path) -> dlib.shape_predictor:
    """Loads a landmark predictor with its card beside it.

    Raises:
        ModelError: The file is missing, changed, or not a landmark predictor.
    """
    path = Card.beside(weights).checked()
    try:
        return dlib.shape_predictor(str(path))
    except RuntimeError as error:
        raise ModelError(
            f"{path}: not a landmark predictor that can be loaded ({error})"
        ) from error


class DlibAligner:
    """Cuts chips with dlib's five-point predictor.

    Args:
        weights: `dlib_5_point.dat` with its card beside it.

    Raises:
        ModelError: The file is missing, changed, or not a landmark predictor.
    """

    def __init__(self, weights: Path) -> None:
        self._predictor = predictor(weights)

    def chip(self, image: Image, box: Floats) -> Image:
        """Cuts out the upright face `(150, 150, 3)`.

        Args:
            image: RGB `(h, w, 3)`.
            box: A detector's box `(4,)`.
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
    """dlib's ResNet on ONNX Runtime, with descriptors within 1e-3 of dlib's own.

    Args:
        weights: `dlib_resnet.onnx` with its card beside it.
        threads: Threads of ONNX Runtime.
        device: "cpu" or "cuda".

    Source: King, dlib_face_recognition_resnet_model_v1, 2017.
    """

    def __init__(self, weights: Path, threads: int = 1, device: str = "cpu") -> None:
        self._session = session(Card.beside(weights).checked(), threads, device)

    def embed(self, chips: Image) -> Floats:
        """Returns raw descriptors `(n, 128)` of RGB chips `(n, 150, 150, 3)`."""
        return in_batches(self._run, chips, CHIP_BATCH, DESCRIPTOR)

    def _run(self, chips: Image) -> Floats:
        descriptors: Floats = self._session.run(None, {"image": chips})[0]
        return descriptors
