"""Reads one photo as RGB, and finds the one face that it shows."""

import hashlib
import warnings
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError, features

from pipeline.errors import PeopleError
from pipeline.faces import Detections, Floats, Image
from pipeline.files import open_file
from pipeline.models.base import unit_embeddings
from pipeline.models.registry import FaceModels
from pipeline.movie.frame import shrink

PILLOW_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
"""The formats that Pillow may open: its others are seldom used, or start other programs.

There is no second reader. Of these formats OpenCV reads nothing that Pillow does not, except
truncated files, and half a face is no use for recognising somebody.
"""

MIN_FACE = 50
"""Least width in pixels of a face in a photo; a smaller one is no use for recognising a person."""

PHOTO_WIDTH = 800
"""Width in pixels of the picture that the detector sees."""

PHOTO_SIDE = 3 * PHOTO_WIDTH
"""Enough pixels for a photo's shorter side: the smallest face found in it is `MIN_FACE` wide."""

UPRIGHT = 0.91
"""A face with this score stands upright.

Of 228 faces of ten people 220 have it as they stand, and none of them turned by a quarter or a
half: YuNet finds such a face in two of three, with a score of .907 at most, and gives it landmarks
as if it stood upright, so that these tell nothing.
"""

CLEARLY, FAINT = 0.03, 0.77
"""By how much a turned photo must score above the photo as it is, and above which score at least.

As they stand, those faces score .038 to .244 higher than turned. By these two figures no upright
photo of them is turned, neither dark, blurred, grey nor 90 pixels small; two are that are tilted by
30 degrees as well. Laid down, all 684 are set right, and 674 of the blurred.
"""

TURNS = {1: "on its side", 3: "on its side", 2: "on its head"}
"""Quarter turns against the clock that set a photo upright, and how it lies."""

LONGEST_STRIP = 10
"""Largest ratio of a photo's sides: the margin around a longer strip would fill the memory."""

GREY_MODES = (128, 128, 128, 255)
"""The background behind a transparent picture: black could pass for hair or shade."""

REDUCIBLE = frozenset({"L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F"})
"""Pillow's modes whose pixels can be averaged."""

STORED_BYTES = {"1": 1, "L": 1, "P": 1, "LA": 4, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Bytes in which Pillow stores a pixel, by its mode; 4 in all others."""

DECODED_BYTES = {"WEBP": 17, "AVIF": 14}
"""Bytes a pixel that decoding takes, measured, where it has canvases of its own."""

MOST_PHOTO_BYTES = 1_000_000_000
"""Memory that reading a photo may take, see `photo_memory`: that of 90 million pixels of RGB."""

BAND_ROWS = 64
"""Rows that are converted at a time."""

DEEP = frozenset({"I", "I;16", "I;16B", "I;16L", "F"})
"""Pillow's modes of more than 8 bits; on conversion to RGB it clips them and does not scale."""


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFace:
    """The one face of a photo.

    Attributes:
        chip: the face, aligned for the embedder.
        remark: what is odd about the photo, which was used all the same; mostly empty.
    """

    chip: Image
    remark: str


def embed(path: Path, models: FaceModels) -> tuple[Floats, str]:
    """The embedding `(d,)` of a photo's one face, unit length, and a remark on the photo or "".

    Raises:
        PeopleError: See `photo_face`.
    """
    face = photo_face(path, models)
    return unit_embeddings(models.embedder, face.chip[None], mirrored=True)[0], face.remark


def photo_face(path: Path, models: FaceModels) -> PhotoFace:
    """The one face of a photo, which is turned upright if it plainly lies.

    Raises:
        PeopleError: The photo cannot be read, or does not show exactly one large enough face.
    """
    turns, image, faces = _upright(read_photo(path, PHOTO_SIDE), models)
    if len(faces) == 0:
        raise PeopleError(
            f"{path}: no face found, photo skipped; use one where the face looks at the camera "
            "and is at least 80 px wide"
        )
    if len(faces) > 1:
        raise PeopleError(f"{path}: {len(faces)} faces found, photo skipped; crop it to one face")
    box = faces.boxes[0]
    width = float((box[2:] - box[:2]).min())
    if width < MIN_FACE:
        raise PeopleError(
            f"{path}: the face is only {width:.0f} px wide, photo skipped; use one with a face at "
            "least 80 px wide"
        )
    remark = f"lies {TURNS[turns]}, so it was turned; save it upright" if turns else ""
    return PhotoFace(models.aligner.chip(image, box, faces.landmarks[0]), remark)


def _upright(image: Image, models: FaceModels) -> tuple[int, Image, Detections]:
    """The quarter turns that set a photo upright, the turned photo, and its faces.

    Source: measured, see `UPRIGHT`; a detector sees faces as they usually stand.
    """
    best = 0, image, _faces_in(image, models)
    most = float(best[2].scores.max(initial=FAINT))
    if len(best[2]) > 1 or most >= UPRIGHT:
        return best
    most += CLEARLY
    for turns in TURNS:
        turned = np.ascontiguousarray(np.rot90(image, turns))
        faces = _faces_in(turned, models)
        score = float(faces.scores.max(initial=0))
        if score >= most:
            most, best = score, (turns, turned, faces)
    return best


def _faces_in(image: Image, models: FaceModels) -> Detections:
    """Faces in the photo's pixels; if none is found, tries again with a margin around it."""
    small = shrink(image, PHOTO_WIDTH)
    scale = np.float32(image.shape[1] / small.shape[1])
    # The detector misses a face that fills the picture, as in a photo cropped close.
    for margin in (0, max(small.shape[:2]) // 2):
        padding = ((margin, margin), (margin, margin), (0, 0))
        faces = models.detector.detect([np.pad(small, padding) if margin else small])[0]
        if len(faces):
            boxes, landmarks = faces.boxes - margin, faces.landmarks - margin
            return Detections(boxes * scale, faces.scores, landmarks * scale)
    return Detections()


def hash_photo(path: Path) -> bytes:
    """A hash of a photo's bytes.

    Raises:
        PeopleError: It cannot be read.
    """
    try:
        with open_file(path) as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise PeopleError(f"{path}: cannot be read ({error.strerror}), skipped") from error


def photo_memory(photo: Pillow.Image) -> int:
    """Bytes that reading an opened picture takes at most: twice as it is stored, and as RGB."""
    stored = 2 * STORED_BYTES.get(photo.mode, 4) + 3
    return photo.width * photo.height * max(stored, DECODED_BYTES.get(photo.format or "", 0))


def read_photo(path: Path | BinaryIO, width: int | None = None) -> Image:
    """Reads a photo as upright RGB `(h, w, 3)`, by its EXIF data; of an animation the first frame.

    Args:
        path: The photo, or a file with its bytes.
        width: Number of pixels that is enough for the shorter side. A photo of twice that size or
            more is reduced while it is read, which saves nine tenths of a JPEG's time and most of
            the memory. None reads it at full size.

    Raises:
        PeopleError: The file is no picture, or its pixels would fill the memory.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Odd EXIF data, for example, do not harm the picture.
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            avif = ("AVIF",) if features.check("avif") else ()  # In Pillow since 11.3.
            with (
                open_file(path) if isinstance(path, Path) else nullcontext(path) as file,
                Pillow.open(file, formats=PILLOW_FORMATS + avif) as photo,
            ):
                _check_size(path, photo, width)
                return _rgb(photo if width is None else _reduced(photo, width))
    except PeopleError:
        raise
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise PeopleError(f"{path}: too large ({error}), photo skipped; shrink it") from error
    except Exception as error:  # Pillow's readers raise all kinds of errors.
        # Pillow's own message has the path in it, and `people.memory` stores ours without one.
        told = getattr(error, "strerror", None) or error
        reason = "unknown format" if isinstance(error, UnidentifiedImageError) else told
        raise PeopleError(
            f"{path}: not a readable photo ({reason}), skipped; save it again as JPEG or PNG"
        ) from error


def _reduced(photo: Pillow.Image, width: int) -> Pillow.Image:
    """Shrinks a photo by a whole number, as far as its shorter side keeps `width` pixels."""
    factor = min(photo.size) // width
    return photo.reduce(factor) if factor > 1 and photo.mode in REDUCIBLE else photo


def _rgb(photo: Pillow.Image) -> Image:
    """Converts a picture of any mode to upright RGB.

    Scales pictures of more than 8 bits to 8, and lays transparent ones on grey. Does so a few rows
    at a time: the steps between need up to twenty bytes a pixel.
    """
    with suppress(Exception):  # Damaged EXIF data do not harm the picture.
        ImageOps.exif_transpose(photo, in_place=True)
    rgb = np.empty((photo.height, photo.width, 3), np.uint8)
    bands = [(top, min(top + BAND_ROWS, photo.height)) for top in range(0, photo.height, BAND_ROWS)]
    if photo.mode in DEEP:
        largest = max((float(_numbers(photo, *band).max()) for band in bands), default=0.0)
        for top, bottom in bands:
            rgb[top:bottom] = _scaled(_numbers(photo, top, bottom), largest)[..., None]
        return rgb
    for top, bottom in bands:
        rgb[top:bottom] = _on_grey(photo.crop((0, top, photo.width, bottom)))
    return rgb


def _on_grey(photo: Pillow.Image) -> Image:
    if photo.has_transparency_data:
        background = Pillow.new("RGBA", photo.size, GREY_MODES)
        photo = Pillow.alpha_composite(background, photo.convert("RGBA"))
    return np.array(photo.convert("RGB"), np.uint8)


def _numbers(photo: Pillow.Image, top: int, bottom: int) -> Floats:
    """Rows of a picture of more than 8 bits, as numbers from 0."""
    deep = np.array(photo.crop((0, top, photo.width, bottom)), np.float32)
    return np.nan_to_num(deep, copy=False, nan=0.0, posinf=0.0, neginf=0.0).clip(0)


def _scaled(deep: Floats, largest: float) -> Image:
    """Scales numbers to 0 to 255, from the smallest of the usual ranges that holds the largest.

    >>> _scaled(np.float32([[0, 65535]]), 65535).tolist()
    [[0, 255]]
    >>> _scaled(np.float32([[0.5, 1]]), 1).tolist()
    [[128, 255]]
    """
    range_end = next((top for top in (1.0, 255.0, 65535.0) if largest <= top), largest)
    return np.round(deep * (255 / range_end)).astype(np.uint8)


def _check_size(path: Path | BinaryIO, photo: Pillow.Image, width: int | None) -> None:
    if width is not None:
        photo.draft(None, (width, width))  # A JPEG is then decoded at a fraction of its size.
    if photo_memory(photo) > MOST_PHOTO_BYTES:
        raise PeopleError(
            f"{path}: {photo.width} x {photo.height} pixels ({photo.mode}) would take more than "
            f"{MOST_PHOTO_BYTES / 1e6:.0f} MB, photo skipped; shrink it"
        )
    if max(photo.size) > LONGEST_STRIP * min(photo.size):
        raise PeopleError(
            f"{path}: {photo.width} x {photo.height} pixels are too long and narrow, photo "
            "skipped; crop it to the face"
        )
