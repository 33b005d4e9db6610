"""Names crops, and encodes them as JPEG with their provenance."""

import io
import json
import os.path
import re
import struct
import warnings
from pathlib import Path
from typing import Any

from PIL import ExifTags
from PIL import Image as Pillow

from pipeline.disk.manifest import Manifest, safe_name
from pipeline.faces import EMOTIONS, Image, file_clock
from pipeline.files import content

JPEG_QUALITY = 95

CROP_NAME = re.compile(r".*_f\d{7,}_t\d{2,}-\d{2}-\d{2}\.\d{3}_k\d{2,}_[a-z]+\d{2,3}\.jpg")
"""The pattern of crop names: the program deletes no other pictures."""

UNICODE = b"UNICODE\0"
"""What a UserComment in UTF-16 begins with."""

LONG, UNDEFINED = 4, 7
"""Types of EXIF values."""

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


def crop_jpeg(face: Image, provenance: dict[str, Any], xmp: bytes = b"") -> bytes:
    """Encodes a crop as JPEG, with its provenance as JSON in the EXIF UserComment.

    Args:
        face: RGB `(h, w, 3)`.
        provenance: What `read_provenance` gives again.
        xmp: A packet for photo libraries, see `crop_xmp`.
    """
    file = io.BytesIO()
    exif = _exif(json.dumps(provenance, ensure_ascii=False))
    Pillow.fromarray(face).save(file, "JPEG", quality=JPEG_QUALITY, exif=exif, xmp=xmp)
    return file.getvalue()


def _exif(comment: str) -> bytes:
    """EXIF data that hold a UserComment and nothing else.

    Not by Pillow, which gives it the type of a number, which other readers refuse.

    Source: Exif 2.32 (CIPA DC-008), 4.6.2 and 4.6.5: two directories of one entry each.
    """
    text = UNICODE + comment.encode("utf-16-be")
    directory = struct.Struct(">HHHLLL")  # Entries, tag, type, count, value or place, next.
    first = 8
    second, place = first + directory.size, first + 2 * directory.size
    return b"".join([
        b"Exif\0\0", struct.pack(">2sHL", b"MM", 42, first),
        directory.pack(1, ExifTags.IFD.Exif, LONG, 1, second, 0),
        directory.pack(1, ExifTags.Base.UserComment, UNDEFINED, len(text), place, 0), text,
    ])  # fmt: skip


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
    data = content(path)
    try:
        provenance: dict[str, Any] = json.loads(_user_comment(data))
    except Exception as error:  # Of a damaged picture, Pillow raises whatever Python does.
        raise ValueError(f"{path}: holds no provenance ({error})") from error
    if not isinstance(provenance, dict):
        raise ValueError(f"{path}: holds no provenance")
    return provenance


def _user_comment(data: bytes) -> str:
    """The UserComment of a picture, also if another program has written it anew."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Odd EXIF data beside the comment do not harm it.
        exif = Pillow.open(io.BytesIO(data), formats=("JPEG",)).getexif()
        comment: bytes = exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
    # In the order of bytes of the whole file, as Exiv2 and ExifTool have it.
    encoding = "utf-16-le" if exif.endian == "<" else "utf-16-be"
    return comment[len(UNICODE) :].decode(encoding if comment.startswith(UNICODE) else "utf-8")
