"""dlib's original identity network, run by the `face_recognition` package on the CPU."""

from importlib import import_module
from pathlib import Path

import numpy as np
from PIL import ImageFile

from pipeline.errors import ModelError
from pipeline.faces import Floats, Image
from pipeline.models.base import in_batches
from pipeline.models.dlib_face import CHIP_BATCH, DESCRIPTOR

PACKAGE = "face_recognition"


class FaceRecognition:
    """The package's own `face_encoder`, which gets the same chips as `DlibOnnx`.

    Args:
        weights: The network in the package `face_recognition_models`; only for messages, as the
            package loads its own.

    Raises:
        ModelError: The packages are missing or broken.

    Source: Geitgey, face_recognition 1.3.0.
    """

    def __init__(self, weights: Path) -> None:
        lenient = ImageFile.LOAD_TRUNCATED_IMAGES
        try:
            self._encoder = import_module(f"{PACKAGE}.api").face_encoder
        # If its models are missing, the package ends the program.
        except (Exception, SystemExit) as error:
            raise ModelError(f"{weights}: {PACKAGE} cannot be loaded ({error})") from error
        finally:  # The package makes Pillow accept truncated photos in the whole process.
            ImageFile.LOAD_TRUNCATED_IMAGES = lenient

    def embed(self, chips: Image) -> Floats:
        """Returns raw descriptors `(n, 128)` of RGB chips `(n, 150, 150, 3)`."""
        return in_batches(self._run, chips, CHIP_BATCH, DESCRIPTOR)

    def _run(self, chips: Image) -> Floats:
        return np.array(self._encoder.compute_face_descriptor(list(chips)), np.float32)
