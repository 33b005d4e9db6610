"""Pictures that come from a browser: of known kinds, of bounded size, and named by us."""

import io
import re
import tempfile
import time
import warnings
from contextlib import suppress
from pathlib import Path, PurePath

from fastapi import HTTPException
from PIL import Image as Pillow

from pipeline.errors import PeopleError
from pipeline.faces import Image
from pipeline.files import OWN_TEMPORARY, TEMPORARY
from pipeline.people.names import FORBIDDEN
from pipeline.people.photo import read_photo

MAGIC = {"JPEG": rb"\xff\xd8\xff", "PNG": rb"\x89PNG\r\n\x1a\n", "WEBP": rb"RIFF....WEBP"}
"""How files of the kinds that are taken begin."""

MOST_UPLOAD_PIXELS = 50_000_000
"""Of a picture: what a large camera makes. Reading one takes up to 700 MB."""

LONGEST_UPLOAD_NAME = 80

LONGEST_ENDING = 10

ABANDONED = 3600
"""Seconds after which nobody writes a file any more that nobody has written to."""


def read_upload(data: bytes, name: str, width: int) -> tuple[Image, tuple[int, int]]:
    """A picture from the bytes of a JPEG, PNG or WebP.

    Args:
        data: What came.
        name: What it is called in messages, of `clean_name`.
        width: Pixels that are enough for its shorter side.

    Returns:
        The picture `(h, w, 3)`, maybe smaller than it came, and the width and height that it has.

    Raises:
        HTTPException: 415 for another kind, 413 for too many pixels, 422 for a broken one. The
            first two are told from the first bytes, before anything is decoded.
    """
    kind = next((k for k, magic in MAGIC.items() if re.match(magic, data, re.DOTALL)), None)
    if kind is None:
        raise HTTPException(415, f"{name}: not a JPEG, PNG or WebP; save it anew as one of these")
    size = _checked_size(data, kind, name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        path.write_bytes(data)
        try:
            image = read_photo(path, width)
        except PeopleError as error:
            told = str(error).replace(str(path), name).replace(", photo skipped", "")
            raise HTTPException(422, told.replace(", skipped", "")) from error
    turned = (image.shape[1] < image.shape[0]) != (size[0] < size[1])  # As its EXIF data say.
    return image, size[::-1] if turned else size


def _checked_size(data: bytes, kind: str, name: str) -> tuple[int, int]:
    """Width and height by the header; refuses a bomb by it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(io.BytesIO(data), formats=(kind,)) as photo:
                width, height = photo.size
    except Pillow.DecompressionBombError as error:
        raise HTTPException(413, f"{name}: has far too many pixels; shrink it") from error
    except Exception as error:  # Pillow's readers raise whatever they stumble on.
        raise HTTPException(422, f"{name}: broken; save it anew as JPEG or PNG") from error
    if width * height > MOST_UPLOAD_PIXELS:
        raise HTTPException(
            413, f"{name}: {width} x {height} pixels, more than {MOST_UPLOAD_PIXELS:,}; shrink it"
        )
    return width, height


def clean_name(given: str | None) -> str:
    r"""What an upload is called on a page: never a path, nor what turns or hides text.

    >>> clean_name("C:\\fotos\\me.jpg"), clean_name("../../etc/passwd"), clean_name(None)
    ('me.jpg', 'passwd', 'picture')
    >>> len(clean_name("a" * 99 + ".mkv")), clean_name("a" * 99 + ".mkv")[-6:]
    (80, 'aa.mkv')
    """
    last = re.split(r"[/\\]", given or "")[-1]
    named = PurePath(FORBIDDEN.sub("", last).strip())
    ending = named.suffix[:LONGEST_ENDING]
    return (named.stem[: LONGEST_UPLOAD_NAME - len(ending)] + ending).lstrip(".") or "picture"


def delete_abandoned(folder: Path) -> None:
    """Removes what a server that was killed left of uploads; who writes there still is left alone.

    Args:
        folder: Of uploaded movies.
    """
    for left in folder.glob(f".*{TEMPORARY}"):
        with suppress(OSError):
            idle = time.time() - left.stat().st_mtime
            if OWN_TEMPORARY.fullmatch(left.name) and idle > ABANDONED:
                left.unlink()
