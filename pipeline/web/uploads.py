"""Uploaded pictures: checks their format and size, and cleans their names."""

import io
import re
import warnings
from pathlib import PurePath

from fastapi import HTTPException
from PIL import Image as Pillow

from pipeline.errors import PeopleError
from pipeline.faces import Image
from pipeline.people.names import FORBIDDEN, FORBIDDEN_START
from pipeline.people.photo import photo_memory, read_photo

MAGIC = {"JPEG": rb"\xff\xd8\xff", "PNG": rb"\x89PNG\r\n\x1a\n", "WEBP": rb"RIFF....WEBP"}
"""The accepted formats, and the first bytes of their files."""

MOST_UPLOAD_BYTES = 550_000_000
"""Memory that reading a picture may take: that of 50 million pixels of a large camera."""

LONGEST_UPLOAD_NAME = 80

LONGEST_ENDING = 10


def read_upload(data: bytes, name: str, width: int) -> tuple[Image, tuple[int, int]]:
    """Reads a picture from the bytes of a JPEG, PNG or WebP.

    Args:
        data: The uploaded bytes.
        name: The name for messages, from `clean_name`.
        width: Pixels that are enough for the shorter side.

    Returns:
        The picture `(h, w, 3)`, maybe shrunk, and the width and height of the original.

    Raises:
        HTTPException: 415 for another format, 413 for too many pixels, 422 for a broken file. The
            first two come from the file's header, before anything is decoded.
    """
    kind = next((k for k, magic in MAGIC.items() if re.match(magic, data, re.DOTALL)), None)
    if kind is None:
        raise HTTPException(415, f"{name}: not a JPEG, PNG or WebP; convert it to one of these")
    size = _checked_size(data, kind, name)
    file = io.BytesIO(data)  # Not a file on disk: killed, the server would leave a face there.
    try:
        image = read_photo(file, width)
    except PeopleError as error:
        message = str(error).replace(str(file), name).replace(", photo skipped", "")
        raise HTTPException(422, message.replace(", skipped", "")) from error
    # The header has the size before the rotation that the EXIF data ask for.
    turned = (image.shape[1] < image.shape[0]) != (size[0] < size[1])
    return image, size[::-1] if turned else size


def _checked_size(data: bytes, kind: str, name: str) -> tuple[int, int]:
    """Reads width and height from the header; refuses decompression bombs undecoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(io.BytesIO(data), formats=(kind,)) as photo:
                width, height = photo.size
                needed = photo_memory(photo)
    except Pillow.DecompressionBombError as error:
        raise HTTPException(413, f"{name}: has far too many pixels; shrink it") from error
    except Exception as error:  # Pillow's readers raise many kinds of exceptions.
        raise HTTPException(422, f"{name}: damaged; save it again as JPEG or PNG") from error
    if needed > MOST_UPLOAD_BYTES:
        raise HTTPException(
            413,
            f"{name}: {width} x {height} pixels would take {needed / 1e6:,.0f} MB; shrink it to "
            f"{MOST_UPLOAD_BYTES / 1e6:.0f} MB",
        )
    return width, height


def clean_name(given: str | None) -> str:
    r"""Makes a name to show for an upload: no path, and no characters that turn or hide text.

    >>> clean_name("C:\\fotos\\me.jpg"), clean_name("../../etc/passwd"), clean_name(None)
    ('me.jpg', 'passwd', 'picture')
    >>> len(clean_name("a" * 99 + ".mkv")), clean_name("a" * 99 + ".mkv")[-6:]
    (80, 'aa.mkv')
    >>> clean_name("=1+cmd|x.mp4"), clean_name("-@+= .mp4")
    ('1+cmd|x.mp4', 'mp4')
    """
    last = re.split(r"[/\\]", given or "")[-1]
    name = PurePath(FORBIDDEN.sub("", last).strip())
    ending = name.suffix[:LONGEST_ENDING]
    cut = name.stem[: LONGEST_UPLOAD_NAME - len(ending)] + ending
    return cut.lstrip("".join((*FORBIDDEN_START, " "))) or "picture"
