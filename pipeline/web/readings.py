"""What is told of faces: in JSON, and drawn by the pages."""

import base64
from collections.abc import Sequence
from math import isnan

import numpy as np
from pydantic import BaseModel, Field

from pipeline.crops import encoded
from pipeline.faces import EMOTIONS, FaceRow, Floats, Image
from pipeline.frame import RgbFrame, shrink
from pipeline.live.read import Reader, shares
from pipeline.pick.crop import BOX

PHOTO_WIDTH = 960
"""Pixels across of a photo that the detector sees: groups have small faces."""

LOOKED_WIDTH = 1920
"""Pixels across from which a photo is shrunk first: all its pixels cost more than they tell."""

SHOWN_WIDTH, QUALITY = 1280, 85
"""Of the JPEG that a page shows."""


class FaceReading(BaseModel):
    """One face."""

    box: tuple[float, float, float, float] = Field(description="x1, y1, x2, y2 in pixels")
    score: float = Field(description="how sure the detector is, 0 to 1")
    track: int = Field(description="its number; in a live stream a face keeps it")
    person: str = Field(description="a known name, or empty")
    distance: float | None = Field(description="to the nearest known person, if there is any")
    emotion: str = Field(description="the likeliest of the seven")
    probabilities: dict[str, float] = Field(description="of the seven, together 1")


class PhotoReading(BaseModel):
    """The faces of one picture, from the left."""

    name: str
    width: int
    height: int
    faces: list[FaceReading]


def face_reading(row: FaceRow, each: Floats) -> FaceReading:
    """A face with its probabilities `(7,)`."""
    distance = None if isnan(row.distance) or np.isinf(row.distance) else float(row.distance)
    return FaceReading(
        box=(row.x1, row.y1, row.x2, row.y2), score=row.score, track=row.track, person=row.person,
        distance=distance, emotion=EMOTIONS[int(each.argmax())],
        probabilities=dict(zip(EMOTIONS, map(float, each), strict=True)),
    )  # fmt: skip


def read_photo(small: Image, size: tuple[int, int], name: str, reader: Reader) -> PhotoReading:
    """The faces of a picture.

    One cut so close that no face is found in it is tried again with room around it.

    Args:
        small: `(h, w, 3)`, shrunk or not.
        size: width and height of the picture that is told of.
        name: what it is called.
        reader: the networks and the known faces.
    """
    found = reader.read(RgbFrame(0, 0.0, small)).rows or _with_room(small, reader)
    width, height = size
    scale = width / small.shape[1]
    ordered = sorted((_moved(row, 0, scale) for row in found), key=lambda row: row.x1)
    faces = [face_reading(row, shares(row)) for row in ordered]
    return PhotoReading(name=name, width=width, height=height, faces=faces)


def _with_room(image: Image, reader: Reader) -> Sequence[FaceRow]:
    small = shrink(image, PHOTO_WIDTH // 2)
    room, scale = max(small.shape[:2]) // 2, image.shape[1] / small.shape[1]
    padded = np.pad(small, ((room, room), (room, room), (0, 0)))
    found = reader.read(RgbFrame(0, 0.0, padded)).rows
    return [_moved(row, room, scale) for row in found]


def _moved(row: FaceRow, room: int, scale: float) -> FaceRow:
    """A face in the pixels of the picture that had `room` put around it and was shrunk before."""
    return row._replace(**{s: (getattr(row, s) - room) * scale for s in BOX})


def jpeg(image: Image) -> bytes:
    """The picture as a page shows it."""
    return encoded(shrink(image, SHOWN_WIDTH), QUALITY)


def jpeg_url(data: bytes) -> str:
    """A JPEG within a page."""
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
