"""The gallery: `known_faces/NAME.jpg` or `known_faces/NAME/*` is a person."""

import hashlib
import logging
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from pipeline.crops import shrink
from pipeline.errors import PeopleError
from pipeline.faces import Floats, Image, Ints
from pipeline.models.base import unit_embeddings
from pipeline.models.registry import FaceModels
from pipeline.table import DEVICES, OWN

log = logging.getLogger(__name__)

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
MIN_FACE = 50
"""Pixels across below which a face in a photo is too small to know a person by."""

PHOTO_WIDTH = 800
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
"""What Pillow may take a photo for: its other formats are seldom used, or start other programs."""

LONGEST_STRIP = 10
"""A photo's longer side is at most so many times the shorter: the room around others would fill
the memory."""

RESERVED = OWN | {"any", "unknown"}
FORBIDDEN_START = tuple("=+-@.")
"""What a spreadsheet takes for a formula, an option, or a hidden file."""

FORBIDDEN = re.compile(
    r"[/\\:\x00-\x1f\x7f-\x9f\ud800-\udfff"
    r"\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
"""Separators, control characters, bytes that are no text, and what is unseen or turns the text."""


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Known people by their photos' embeddings.

    Attributes:
        people: their names, sorted.
        embedding: `(n, 128)` unit length, one a photo.
        owner: `(n,)` position in `people`.
    """

    people: tuple[str, ...]
    embedding: Floats
    owner: Ints


def photos(folder: Path) -> dict[str, list[Path]]:
    """The photos of each person, names and files sorted; empty where there is no folder.

    Raises:
        PeopleError: A name cannot be a person's (see `check_name`).
    """
    found: dict[str, list[Path]] = {}
    if not folder.is_dir():
        return found
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            own = [p for p in sorted(entry.iterdir()) if p.suffix.lower() in SUFFIXES]
            found.setdefault(check_name(entry.name, entry), []).extend(own)
        elif entry.suffix.lower() in SUFFIXES:
            found.setdefault(check_name(entry.stem, entry), []).append(entry)
    return dict(sorted(found.items()))


def check_name(name: str, where: Path | str) -> str:
    """Gives the name back where it can be a person's: a folder, a CSV field, an option's value.

    Raises:
        PeopleError: It is reserved, empty, or begins with or holds what would do harm.
    """
    reserved = name.casefold() in RESERVED or DEVICES.fullmatch(name)
    if reserved or not name.strip() or name != name.strip():
        raise PeopleError(f"{where}: nobody can be called {name!r}; rename it")
    if name.startswith(FORBIDDEN_START) or FORBIDDEN.search(name):
        raise PeopleError(
            f"{where}: a name cannot begin with one of = + - @ . or hold / \\ : or what is no "
            "visible character; rename it"
        )
    return name


def digest(folder: Path, tolerance: float) -> str:
    """A hash of all photos, their people and the tolerance: changes when names may change.

    Raises:
        PeopleError: A photo cannot be read, or a name cannot be a person's.
    """
    whole = hashlib.sha256(f"{tolerance:.6f}".encode())
    for name, paths in photos(folder).items():
        for path in paths:
            whole.update(f"\n{name}\t".encode() + os.fsencode(path.name) + b"\t")
            _check_file(path)
            try:
                with path.open("rb") as file:
                    whole.update(hashlib.file_digest(file, "sha256").digest())
            except OSError as error:
                raise PeopleError(f"{path}: cannot be read ({error.strerror})") from error
    return whole.hexdigest()


def _check_file(path: Path) -> None:
    """Refuses what is no file before it is opened: reading from a pipe may never end.

    Raises:
        PeopleError: It is a folder, pipe or device.
    """
    if path.exists() and not path.is_file():
        raise PeopleError(f"{path}: cannot be read, not a file; remove it")


def load(folder: Path, models: FaceModels) -> Gallery:
    """Embeds every usable photo; says which are not, and why.

    Args:
        folder: `known_faces`.
        models: The networks.

    Raises:
        PeopleError: A name cannot be a person's.
    """
    everyone = photos(folder)
    people = tuple(everyone)
    owners, chips = [], []
    for person, paths in everyone.items():
        for path in paths:
            try:
                chips.append(photo_chip(path, models))
            except PeopleError as error:
                log.warning("%s", error)
            else:
                owners.append(people.index(person))
    stacked = np.stack(chips) if chips else np.zeros((0, 1, 1, 3), np.uint8)
    return Gallery(people, unit_embeddings(models.embedder, stacked), np.array(owners, np.int64))


def usable(gallery: Gallery) -> tuple[str, ...]:
    """The people with at least one usable photo."""
    return tuple(gallery.people[i] for i in np.unique(gallery.owner))


def photo_chip(path: Path, models: FaceModels) -> Image:
    """The one face of a photo, upright, as the embedder wants it.

    Raises:
        PeopleError: The photo cannot be read, or does not show just one large enough face.
    """
    image = read_photo(path)
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *_boxes(image, models)])
    if len(boxes) == 0:
        raise PeopleError(
            f"{path}: no face found, photo skipped; use one where the face looks at the camera "
            "and is at least 80 px wide"
        )
    if len(boxes) > 1:
        raise PeopleError(f"{path}: {len(boxes)} faces found, photo skipped; crop it to the one")
    width = float((boxes[0, 2:] - boxes[0, :2]).min())
    if width < MIN_FACE:
        raise PeopleError(
            f"{path}: the face is only {width:.0f} px wide, photo skipped; wanted at least 80 px"
        )
    return models.aligner.chip(image, boxes[0])


def _boxes(image: Image, models: FaceModels) -> Iterator[Floats]:
    """Face boxes in the photo's pixels; a photo cut close is tried again with room around it."""
    small = shrink(image, PHOTO_WIDTH)
    scale = image.shape[1] / small.shape[1]
    for margin in (0, max(small.shape[:2]) // 2):
        room = ((margin, margin), (margin, margin), (0, 0))
        found = models.detector.detect([np.pad(small, room) if margin else small])[0]
        if len(found):
            yield (found.boxes - margin) * np.float32(scale)
            return


def read_photo(path: Path) -> Image:
    """A photo as RGB, turned as its EXIF data say.

    Raises:
        PeopleError: It is no picture, or one whose pixels would fill the memory.
    """
    _check_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Such as of odd EXIF data: the picture is whole.
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            with Pillow.open(path, formats=FORMATS) as photo:
                _check_strip(path, photo)
                upright = ImageOps.exif_transpose(photo)
                return np.array(upright.convert("RGB"), np.uint8)
    except PeopleError:
        raise
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise PeopleError(f"{path}: too large ({error}), photo skipped; shrink it") from error
    except Exception as error:  # Pillow's readers raise whatever they stumble on.
        raise PeopleError(
            f"{path}: not a photo that can be read ({error}), skipped; save it anew as JPEG or PNG"
        ) from error


def _check_strip(path: Path, photo: Pillow.Image) -> None:
    if max(photo.size) > LONGEST_STRIP * min(photo.size):
        raise PeopleError(
            f"{path}: {photo.width} x {photo.height} pixels are a strip, photo skipped; "
            "crop it to the face"
        )
