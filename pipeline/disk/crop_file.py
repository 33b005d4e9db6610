"""Names crops, and encodes them as JPEG with their provenance."""

import io
import json
import os.path
import re
from pathlib import Path
from typing import Any

import piexif
import piexif.helper
from PIL import Image as Pillow

from pipeline.disk.manifest import Manifest, safe_name
from pipeline.faces import EMOTIONS, Image, file_clock

JPEG_QUALITY = 95

CROP_NAME = re.compile(r".*_f\d{7,}_t\d{2,}-\d{2}-\d{2}\.\d{3}_k\d{2,}_[a-z]+\d{2,3}\.jpg")
"""The pattern of crop names: the program deletes no other pictures."""

UNSAFE = re.compile(r"[\\\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, undecodable bytes of a file name, and the separator of Windows."""


def is_crop_name(name: str) -> bool:
    """Whether a name from a list, which somebody may have edited, is of a crop beside the list."""
    # Not `Path(name).name`, which takes four times as long, for each of 10,000 crops.
    return CROP_NAME.fullmatch(name) is not None and os.path.split(name) == ("", name)


def crop_stem(walk: Manifest) -> str:
    """The beginning of the names of a movie's crops: the movie's stem without `UNSAFE`."""
    return UNSAFE.sub("_", safe_name(walk.movie.stem))


def crop_name(stem: str, row: Any) -> str:
    """The file name of a crop: movie, frame, time, track, emotion and its probability in percent.

    >>> from types import SimpleNamespace
    >>> row = SimpleNamespace(frame=1234, time=51.48, track=7, label=3, probability=0.931)
    >>> crop_name("movie", row)
    'movie_f0001234_t00-00-51.480_k07_happy93.jpg'
    """
    share = round(float(row.probability) * 100)
    return f"{face_name(stem, row)}_{EMOTIONS[int(row.label)]}{share:02d}.jpg"


def face_name(stem: str, row: Any) -> str:
    """The beginning of a face's file name, which says where it is: movie, frame, time, track."""
    return f"{stem}_f{int(row.frame):07d}_t{file_clock(row.time)}_k{int(row.track):02d}"


def crop_jpeg(face: Image, provenance: dict[str, Any]) -> bytes:
    """Encodes a crop as JPEG, with its provenance as JSON in the EXIF UserComment."""
    # Not by Pillow, which gives UserComment a type that other readers refuse.
    comment = piexif.helper.UserComment.dump(json.dumps(provenance, ensure_ascii=False), "unicode")
    exif = piexif.dump({"Exif": {piexif.ExifIFD.UserComment: comment}})
    file = io.BytesIO()
    Pillow.fromarray(face).save(file, "JPEG", quality=JPEG_QUALITY, exif=exif)
    return file.getvalue()


def is_same_face(one: Path, other: Path) -> bool:
    """Whether two crops have the same movie, frame and box in their provenance."""
    places = []
    for path in (one, other):
        try:
            facts = read_provenance(path)
        except (OSError, ValueError):  # Not a crop of this program.
            return False
        places.append([facts.get(name) for name in ("movie", "frame", "box")])
    return places[0] == places[1] and None not in places[0]


def read_provenance(path: Path) -> dict[str, Any]:
    """Reads a crop's provenance: movie, frame, time, box, person, probabilities, models.

    Raises:
        ValueError: The picture has no provenance, or is damaged.
        OSError: The picture cannot be read.
    """
    try:
        comment = piexif.load(str(path))["Exif"].get(piexif.ExifIFD.UserComment, b"")
        provenance: dict[str, Any] = json.loads(piexif.helper.UserComment.load(comment))
    except OSError:
        raise
    except Exception as error:  # Of a damaged picture, piexif raises whatever Python does.
        raise ValueError(f"{path}: holds no provenance ({error})") from error
    if not isinstance(provenance, dict):
        raise ValueError(f"{path}: holds no provenance")
    return provenance
