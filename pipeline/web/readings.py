"""What is told of faces: in JSON, and drawn by the pages."""

import base64
from dataclasses import replace
from math import isnan
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field

from pipeline.crops import encoded
from pipeline.faces import BOX, EMOTIONS, FaceRow, Floats, Image
from pipeline.live.reader import Faces, Reader, shares
from pipeline.movie.frame import RgbFrame, shrink

SHOWN_WIDTH = 960
"""Pixels across of a photo that the detector sees: groups have small faces."""

LOOKED_WIDTH = 1920
"""Pixels across from which a photo is shrunk first: all its pixels cost more than they tell."""

SHOWN_WIDTH, QUALITY = 1280, 85
"""Of the JPEG that a page shows."""


Emotion = Annotated[str, Field(pattern=f"^({'|'.join(EMOTIONS)})$")]


class FaceReading(BaseModel):
    """One face."""

    box: tuple[float, float, float, float] = Field(description="x1, y1, x2, y2 in pixels")
    score: float = Field(description="how sure the detector is, 0 to 1")
    track: int = Field(description="its number; in a live stream a face keeps it")
    person: str = Field(description="a known name, or empty")
    distance: float | None = Field(description="to the nearest known person, if there is any")
    withheld: str = Field("", description="a name that only a nearer face of the photo has")
    emotion: str = Field(description="the likeliest of the seven")
    probabilities: dict[str, float] = Field(description="of the seven, together 1")


class PhotoReading(BaseModel):
    """The faces of one picture, from the left."""

    name: str
    width: int
    height: int
    faces: list[FaceReading]


def face_reading(row: FaceRow, each: Floats, withheld: str = "") -> FaceReading:
    """A face with its probabilities `(7,)`, and the name that only a nearer face has."""
    distance = None if isnan(row.distance) or np.isinf(row.distance) else float(row.distance)
    return FaceReading(
        box=(row.x1, row.y1, row.x2, row.y2), score=row.score, track=row.track, person=row.person,
        distance=distance, withheld=withheld, emotion=EMOTIONS[int(each.argmax())],
        probabilities=dict(zip(EMOTIONS, map(float, each), strict=True)),
    )  # fmt: skip


def photo_reading(small: Image, size: tuple[int, int], name: str, reader: Reader) -> PhotoReading:
    """The faces of a picture.

    One cut so close that no face is found in it is tried again with room around it.

    Args:
        small: `(h, w, 3)`, shrunk or not.
        size: width and height of the picture that is told of.
        name: what it is called.
        reader: the networks and the known faces.
    """
    found = reader.read(RgbFrame(0, 0.0, small))
    if not found.rows:
        found = _with_room(small, reader)
    width, height = size
    scale = width / small.shape[1]
    faces = [
        face_reading(_moved(row, 0, scale), shares(row), withheld)
        for row, withheld in zip(found.rows, _withheld(found, reader), strict=True)
    ]
    ordered = sorted(faces, key=lambda face: face.box[0])
    return PhotoReading(name=name, width=width, height=height, faces=ordered)


def _withheld(found: Faces, reader: Reader) -> list[str]:
    """The name that each face without one would have if it were alone in the picture."""
    each = zip(found.rows, found.embedding, strict=True)
    alone = [reader.named([row], embedding[None])[0].person for row, embedding in each]
    return ["" if row.person else name for row, name in zip(found.rows, alone, strict=True)]


def _with_room(image: Image, reader: Reader) -> Faces:
    small = shrink(image, SHOWN_WIDTH // 2)
    room, scale = max(small.shape[:2]) // 2, image.shape[1] / small.shape[1]
    padded = np.pad(small, ((room, room), (room, room), (0, 0)))
    found = reader.read(RgbFrame(0, 0.0, padded))
    return replace(found, rows=tuple(_moved(row, room, scale) for row in found.rows))


def _moved(row: FaceRow, room: int, scale: float) -> FaceRow:
    """A face in the pixels of the picture that had `room` put around it and was shrunk before."""
    return row._replace(**{s: (getattr(row, s) - room) * scale for s in BOX})


def jpeg_bytes(image: Image) -> bytes:
    """The picture as a page shows it."""
    return encoded(shrink(image, SHOWN_WIDTH), QUALITY)


def jpeg_url(data: bytes) -> str:
    """A JPEG within a page."""
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
