"""One photo: read as RGB, and the one face that it shows."""

import hashlib
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError, features

from pipeline.errors import PeopleError
from pipeline.faces import Detections, Floats, Image
from pipeline.models.base import unit_embeddings
from pipeline.models.registry import FaceModels
from pipeline.movie.frame import shrink

PILLOW_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
"""What Pillow may take a photo for: its other formats are seldom used, or start other programs.

There is no second reader: of these formats OpenCV reads nothing that Pillow does not, but for
files that are cut short, and what is half a face is no photo to know somebody by.
"""

MIN_FACE = 50
"""Pixels across below which a face in a photo is too small to know a person by."""

PHOTO_WIDTH = 800
"""Pixels across that the detector sees."""

PHOTO_SIDE = 3 * PHOTO_WIDTH
"""Of the shorter side: in so many the smallest face that is found there is `MIN_FACE` wide."""

LONGEST_STRIP = 10
"""A photo's longer side is at most so many times the shorter: the room around others would fill
the memory."""

GREY_MODES = (128, 128, 128, 255)
"""What lies behind a cut-out face: black would pass for hair or shade."""

REDUCIBLE = frozenset({"L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F"})
"""Pillow's modes whose pixels can be averaged."""

DEEP = frozenset({"I", "I;16", "I;16B", "I;16L", "F"})
"""Pillow's modes of more than 8 bits, which it clips, not scales, when it is asked for RGB."""


def embed(path: Path, models: FaceModels) -> Floats:
    """The embedding `(128,)` of a photo's one face, unit length.

    Raises:
        PeopleError: See `photo_chip`.
    """
    return unit_embeddings(models.embedder, photo_chip(path, models)[None], mirrored=True)[0]


def photo_chip(path: Path, models: FaceModels) -> Image:
    """The one face of a photo, upright, as the embedder wants it.

    Raises:
        PeopleError: The photo cannot be read, or does not show just one large enough face.
    """
    image = read_photo(path, PHOTO_SIDE)
    faces = _faces_in(image, models)
    if len(faces) == 0:
        raise PeopleError(
            f"{path}: no face found, photo skipped; use one where the face looks at the camera "
            "and is at least 80 px wide"
        )
    if len(faces) > 1:
        raise PeopleError(f"{path}: {len(faces)} faces found, photo skipped; crop it to the one")
    box = faces.boxes[0]
    width = float((box[2:] - box[:2]).min())
    if width < MIN_FACE:
        raise PeopleError(
            f"{path}: the face is only {width:.0f} px wide, photo skipped; wanted at least 80 px"
        )
    return models.aligner.chip(image, box, faces.landmarks[0])


def _faces_in(image: Image, models: FaceModels) -> Detections:
    """Faces in the photo's pixels; a photo cut close is tried again with room around it."""
    small = shrink(image, PHOTO_WIDTH)
    scale = np.float32(image.shape[1] / small.shape[1])
    for margin in (0, max(small.shape[:2]) // 2):
        room = ((margin, margin), (margin, margin), (0, 0))
        faces = models.detector.detect([np.pad(small, room) if margin else small])[0]
        if len(faces):
            boxes, landmarks = faces.boxes - margin, faces.landmarks - margin
            return Detections(boxes * scale, faces.scores, landmarks * scale)
    return Detections()


def check_file(path: Path) -> None:
    """Refuses what is no file before it is opened: reading from a pipe may never end.

    Raises:
        PeopleError: It is a folder, pipe or device.
    """
    if path.exists() and not path.is_file():
        raise PeopleError(f"{path}: cannot be read, not a file, skipped; remove it")


def hash_photo(path: Path) -> bytes:
    """A hash of a photo's bytes.

    Raises:
        PeopleError: It cannot be read.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise PeopleError(f"{path}: cannot be read ({error.strerror}), skipped") from error


def read_photo(path: Path, width: int | None = None) -> Image:
    """A photo as RGB `(h, w, 3)`, turned as its EXIF data say; of an animation the first picture.

    Args:
        path: The photo.
        width: Pixels that are enough for its shorter side: one of twice as many is halved before
            anything else is done, which saves nine tenths of a JPEG's time and most of the memory.
            Without, all its pixels are given.

    Raises:
        PeopleError: It is no picture, or one whose pixels would fill the memory.
    """
    check_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Such as of odd EXIF data: the picture is whole.
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            avif = ("AVIF",) if features.check("avif") else ()  # Pillow has it since 11.3.
            with Pillow.open(path, formats=PILLOW_FORMATS + avif) as photo:
                _check_strip(path, photo)
                return _rgb(photo if width is None else _reduced(photo, width))
    except PeopleError:
        raise
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise PeopleError(f"{path}: too large ({error}), photo skipped; shrink it") from error
    except Exception as error:  # Pillow's readers raise whatever they stumble on.
        # Its words would name this path where another photo of the same bytes is told of.
        why = "of no known kind" if isinstance(error, UnidentifiedImageError) else error
        raise PeopleError(
            f"{path}: not a photo that can be read ({why}), skipped; save it anew as JPEG or PNG"
        ) from error


def _reduced(photo: Pillow.Image, width: int) -> Pillow.Image:
    """A photo at a half, a third, … of its size, as long as its shorter side has `width` pixels."""
    photo.draft(None, (width, width))  # A JPEG is not even decoded at its full size.
    factor = min(photo.size) // width
    return photo.reduce(factor) if factor > 1 and photo.mode in REDUCIBLE else photo


def _rgb(photo: Pillow.Image) -> Image:
    """A picture of any mode as RGB, upright.

    Deep ones are scaled to 8 bits, transparent ones laid on grey.
    """
    with suppress(Exception):  # Damaged EXIF data: the picture is whole.
        ImageOps.exif_transpose(photo, in_place=True)
    if photo.mode in DEEP:
        grey = _scaled(np.array(photo, np.float32))
        return np.repeat(grey[..., None], 3, axis=2)
    if photo.has_transparency_data:
        below = Pillow.new("RGBA", photo.size, GREY_MODES)
        photo = Pillow.alpha_composite(below, photo.convert("RGBA"))
    return np.array(photo.convert("RGB"), np.uint8)


def _scaled(deep: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Image:
    """Numbers to 0 to 255, by the least of the usual ranges that holds them.

    >>> _scaled(np.float32([[0, 65535]])).tolist(), _scaled(np.float32([[0.5, 1]])).tolist()
    ([[0, 255]], [[128, 255]])
    """
    deep = np.nan_to_num(deep, nan=0.0, posinf=0.0, neginf=0.0).clip(0)
    most = float(deep.max(initial=0))
    whole = next((top for top in (1.0, 255.0, 65535.0) if most <= top), most)
    return np.round(deep * (255 / whole)).astype(np.uint8)


def _check_strip(path: Path, photo: Pillow.Image) -> None:
    if max(photo.size) > LONGEST_STRIP * min(photo.size):
        raise PeopleError(
            f"{path}: {photo.width} x {photo.height} pixels are a strip, photo skipped; "
            "crop it to the face"
        )
