"""A crop as a file: its name, and the JPEG with its provenance."""

import io
import json
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
"""What a crop's name looks like: nothing else is ever deleted."""


UNSAFE = re.compile(r"[\\\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, bytes of a file name that are no text, and what is a separator elsewhere."""


def crop_stem(walk: Manifest) -> str:
    """What the names of a movie's crops begin with: its own, without what no list could hold."""
    return UNSAFE.sub("_", safe_name(walk.movie.stem))


def crop_name(stem: str, row: Any) -> str:
    """A crop's file name: movie, frame, time, track, emotion and its probability in percent.

    >>> from types import SimpleNamespace
    >>> row = SimpleNamespace(frame=1234, time=51.48, track=7, label=3, probability=0.931)
    >>> crop_name("movie", row)
    'movie_f0001234_t00-00-51.480_k07_happy93.jpg'
    """
    share = round(float(row.probability) * 100)
    return f"{face_name(stem, row)}_{EMOTIONS[int(row.label)]}{share:02d}.jpg"


def face_name(stem: str, row: Any) -> str:
    """Where a face was seen, as the beginning of a file's name: movie, frame, time, track."""
    return f"{stem}_f{int(row.frame):07d}_t{file_clock(row.time)}_k{int(row.track):02d}"


def crop_jpeg(face: Image, provenance: dict[str, Any]) -> bytes:
    """A crop as JPEG, with what it says of itself as JSON in its EXIF UserComment."""
    # piexif, because Pillow writes UserComment with a type that other readers refuse.
    comment = piexif.helper.UserComment.dump(json.dumps(provenance, ensure_ascii=False), "unicode")
    exif = piexif.dump({"Exif": {piexif.ExifIFD.UserComment: comment}})
    file = io.BytesIO()
    Pillow.fromarray(face).save(file, "JPEG", quality=JPEG_QUALITY, exif=exif)
    return file.getvalue()


def is_same_face(one: Path, other: Path) -> bool:
    """Whether two crops say that they are of one face: of one movie, frame and box."""
    told = []
    for path in (one, other):
        try:
            facts = read_provenance(path)
        except (OSError, ValueError, KeyError):  # No crop of ours.
            return False
        told.append([facts.get(name) for name in ("movie", "frame", "box")])
    return told[0] == told[1] and None not in told[0]


def read_provenance(path: Path) -> dict[str, Any]:
    """What a crop says of itself: movie, frame, time, box, person, probabilities, models.

    Raises:
        ValueError: The picture holds no such comment.
        OSError: It cannot be read.
    """
    comment = piexif.load(str(path))["Exif"].get(piexif.ExifIFD.UserComment, b"")
    found: dict[str, Any] = json.loads(piexif.helper.UserComment.load(comment))
    return found
