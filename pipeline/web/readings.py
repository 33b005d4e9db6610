"""What the pages and their JSON say about faces."""

import base64
from dataclasses import replace
from math import isnan
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, Field

from pipeline.crops import encoded
from pipeline.faces import BOX, EMOTIONS, FaceRow, Image
from pipeline.live.reader import Faces, Reader, shares
from pipeline.movie.frame import RgbFrame, shrink
from pipeline.settings import is_look

READING_WIDTH = 960
"""Pixels across of a photo that the detector sees: groups have small faces."""

LOOKED_WIDTH = 1920
"""Width in pixels to which larger photos are shrunk first: more pixels cost time and add little."""

SHOWN_WIDTH, QUALITY = 1280, 85
"""Largest width in pixels, and the quality, of the JPEG that a page shows."""


ONE = "|".join(EMOTIONS)

Emotion = Annotated[str, Field(pattern=f"^({ONE})$")]


def _in_order(look: str) -> str:
    if not is_look(look):
        raise ValueError("the emotions of a class stand in their usual order, each once")
    return look


Look = Annotated[str, Field(pattern=rf"^({ONE})(\+({ONE}))*$"), AfterValidator(_in_order)]
"""An emotion, or a class of several."""


class FaceReading(BaseModel):
    """One face."""

    box: tuple[float, float, float, float] = Field(description="x1, y1, x2, y2 in pixels")
    score: float = Field(description="how sure the detector is, 0 to 1")
    track: int = Field(description="number of the face; a face keeps it through a live stream")
    person: str = Field(description="a known name, or empty")
    distance: float | None = Field(description="distance to the nearest known person, if any")
    withheld: str = Field(
        "", description="the name that this face would have if no nearer face of the photo had it"
    )
    emotion: str = Field(description="how it looks; in a live stream, by all frames so far")
    probabilities: dict[str, float] = Field(description="of the seven emotions; they sum to 1")


class PhotoReading(BaseModel):
    """The faces of one picture, from left to right."""

    name: str
    width: int
    height: int
    faces: list[FaceReading]


def face_reading(row: FaceRow, label: int, withheld: str = "") -> FaceReading:
    """Describes a face.

    Args:
        row: The face.
        label: How it looks, as a position in `EMOTIONS`.
        withheld: The name that the face would have if no nearer face had it.
    """
    distance = None if isnan(row.distance) or np.isinf(row.distance) else float(row.distance)
    return FaceReading(
        box=(row.x1, row.y1, row.x2, row.y2), score=row.score, track=row.track, person=row.person,
        distance=distance, withheld=withheld, emotion=EMOTIONS[label],
        probabilities=dict(zip(EMOTIONS, map(float, shares(row)), strict=True)),
    )  # fmt: skip


def photo_reading(small: Image, size: tuple[int, int], name: str, reader: Reader) -> PhotoReading:
    """Reads the faces of a picture.

    If no face is found, tries again with a border around the picture: the detector misses faces
    that fill it.

    Args:
        small: The picture `(h, w, 3)`, shrunk or not.
        size: Width and height of the original picture; the boxes are in its pixels.
        name: Name of the picture.
        reader: The networks and the known faces.
    """
    found = reader.read(RgbFrame(0, 0.0, small))
    if not found.rows:
        found = _read_with_border(small, reader)
    width, height = size
    scale = width / small.shape[1]
    faces = [
        face_reading(_moved(row, 0, scale), int(shares(row).argmax()), withheld)
        for row, withheld in zip(found.rows, _withheld(found, reader), strict=True)
    ]
    ordered = sorted(faces, key=lambda face: face.box[0])
    return PhotoReading(name=name, width=width, height=height, faces=ordered)


def _withheld(found: Faces, reader: Reader) -> list[str]:
    """Finds the name that each unnamed face would have if it were alone in the picture."""
    faces = zip(found.rows, found.embedding, strict=True)
    alone = [reader.named([row], embedding[None])[0].person for row, embedding in faces]
    return ["" if row.person else name for row, name in zip(found.rows, alone, strict=True)]


def _read_with_border(image: Image, reader: Reader) -> Faces:
    small = shrink(image, READING_WIDTH // 2)
    border, scale = max(small.shape[:2]) // 2, image.shape[1] / small.shape[1]
    padded = np.pad(small, ((border, border), (border, border), (0, 0)))
    found = reader.read(RgbFrame(0, 0.0, padded))
    return replace(found, rows=tuple(_moved(row, border, scale) for row in found.rows))


def _moved(row: FaceRow, border: int, scale: float) -> FaceRow:
    """Converts a face's box back to the pixels of a picture before it got a border and shrank."""
    return row._replace(**{s: (getattr(row, s) - border) * scale for s in BOX})


def jpeg_bytes(image: Image) -> bytes:
    """Encodes the picture as a page shows it."""
    return encoded(shrink(image, SHOWN_WIDTH), QUALITY)


def jpeg_url(data: bytes) -> str:
    """Makes a data URL of a JPEG."""
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
