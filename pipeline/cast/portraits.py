"""Photos of unknown people: of each the best, most different faces, fit for a gallery."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline import __version__
from pipeline.crops import enlarged, portrait
from pipeline.disk.crop_file import crop_jpeg
from pipeline.disk.manifest import Manifest
from pipeline.disk.tracks_npz import EMBEDDING, Tracks
from pipeline.faces import BOX, Floats, Image
from pipeline.models.base import unit_embeddings
from pipeline.models.registry import FaceModels
from pipeline.movie.frame import shrink
from pipeline.pick.thin import qualities, thin
from pipeline.report.crops import cut

NOBODY = np.zeros(EMBEDDING, np.float32)

PHOTOS = 8
"""Of a person at most: with eight a known face is accepted .985 of the time."""

SPARE_PORTRAITS = 4
"""So many more are cut, for some do not show just one face."""

SPACING = 12
"""Source frames for each photo at least: neighbours look alike."""

PORTRAIT_MARGIN = 0.5
"""Around the face, as a share of its box: a detector wants to see the whole head."""

CLOSE, CLOSE_WIDTH = 0.2, 240
"""Room around a face on a sheet, as a share of its box, and the most pixels across."""

DETECTED_WIDTH = 800
"""Pixels that the detector is shown of a photo, as the gallery shows it."""

GOOD = 0.3
"""Quality from which on a face is good enough, whatever the best one's is."""

CROWDED = 0.1
"""What a face with another one beside it in the photo is worth."""


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A face that was cut out.

    Attributes:
        jpeg: the picture's file.
        faces: how many the detector finds in it.
        embedding: `(d,)` of the one face; zeros where there is none.
        close: the face alone, as it is shown on a sheet.
    """

    jpeg: bytes
    faces: int
    embedding: Floats
    close: Image


def crowded(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether another face of the frame would be in the photo of each face.

    Args:
        rows: All faces of a movie.

    Returns:
        `(n,)`.
    """
    boxes = rows[["frame", *BOX]].assign(row=np.arange(len(rows)))
    shared = boxes[boxes.duplicated("frame", keep=False)]
    pairs = shared.merge(shared, on="frame", suffixes=("", "_other"))
    pairs = pairs[pairs["row"] != pairs["row_other"]]
    reach = (0.5 + PORTRAIT_MARGIN) * np.maximum(
        pairs["x2"] - pairs["x1"], pairs["y2"] - pairs["y1"]
    )
    hit = np.ones(len(pairs), bool)
    for low, high in (("x1", "x2"), ("y1", "y2")):
        middle = (pairs[low] + pairs[high]) / 2
        hit &= (pairs[f"{low}_other"] < middle + reach).to_numpy()
        hit &= (pairs[f"{high}_other"] > middle - reach).to_numpy()
    return np.isin(np.arange(len(rows)), pairs["row"].to_numpy()[hit])


def candidates(rows: pd.DataFrame, tracks: Tracks, count: int) -> pd.DataFrame:
    """The faces of one person that are worth cutting out: the best, most different ones.

    Args:
        rows: The person's, with `crowded`.
        tracks: Embeddings of their tracks.
        count: How many there will be, from 1.

    Returns:
        At most `SPARE_PORTRAITS` more than that.
    """
    found = rows[rows["detected"] == 1]
    worth = qualities(found)
    found = found[worth >= min(GOOD, worth.max(initial=0) / 2)]
    worth = np.where(found["crowded"], CROWDED, 1.0)
    return thin(found.assign(run=0, probability=worth), tracks, count + SPARE_PORTRAITS)


def wanted_count(rows: pd.DataFrame, stride: int) -> int:
    """How many photos there should be of somebody who is seen in these rows."""
    return min(PHOTOS, max(1, len(rows) * stride // SPACING))


def chosen(
    rows: pd.DataFrame,
    photos: dict[int, Portrait],
    centre: Floats,
    farthest: float,
    tracks: Tracks,
    count: int,
) -> pd.DataFrame:
    """Those candidates that become photos.

    Args:
        rows: The candidates of one person, as `candidates` gave them.
        photos: What was cut out, by the rows' labels.
        centre: `(d,)` the person's mean embedding, unit length.
        farthest: A photo farther from it would serve others as well.
        tracks: Embeddings of their tracks.
        count: How many there are to be, at most.

    Returns:
        Faces that are alone in their photo and look like the person; of somebody of whom there is
        none, the others.
    """
    there = [label for label in rows.index if label in photos]
    far = {i: np.linalg.norm(photos[i].embedding - centre) for i in there if photos[i].faces == 1}
    nearest = min(far.values(), default=0)
    near = [i for i, distance in far.items() if distance <= max(farthest, nearest)]
    return thin(rows.loc[near or there], tracks, count)


def cut_portraits(
    movie: Path, walk: Manifest, rows: pd.DataFrame, models: FaceModels
) -> Iterator[tuple[int, Portrait]]:
    """Cuts faces out of a movie with room around them.

    Args:
        movie: Where the movie is now.
        walk: Its manifest.
        rows: The faces, of all people.
        models: The networks of the walk.

    Yields:
        The label of a row and its photo, in order of the frames; none for those not decoded.

    Raises:
        MovieError: The movie cannot be read.
    """
    faces: list[Any] = list(rows.itertuples())
    for i, face in cut(movie, walk, faces, PORTRAIT_MARGIN):
        side = min(faces[i].x2 - faces[i].x1, faces[i].y2 - faces[i].y1)
        yield faces[i].Index, _photo(enlarged(face, side), _told(faces[i], walk), models)


def _photo(picture: Image, told: dict[str, Any], models: FaceModels) -> Portrait:
    """A photo as the gallery will see it."""
    small = shrink(picture, DETECTED_WIDTH)
    scale = np.float32(picture.shape[1] / small.shape[1])
    faces = models.detector.detect([small])[0]
    boxes, landmarks = faces.boxes * scale, faces.landmarks * scale
    embedding, close = NOBODY, picture
    if len(boxes):
        chip = models.aligner.chip(picture, boxes[0], landmarks[0])
        embedding = unit_embeddings(models.embedder, chip[None], mirrored=True)[0]
        close = portrait(picture, boxes[0], CLOSE)
    return Portrait(crop_jpeg(picture, told), len(boxes), embedding, shrink(close, CLOSE_WIDTH))


def _told(row: Any, walk: Manifest) -> dict[str, Any]:
    return {
        "movie": row.video,
        "frame": int(row.frame),
        "time": round(float(row.time), 6),
        "box": [round(float(getattr(row, side)), 1) for side in BOX],
        "track": int(row.own),
        "models": walk.models,
        "version": __version__,
    }
