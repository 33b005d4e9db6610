"""Cuts photos of unknown people: the best and most different faces of each, fit for a gallery."""

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
"""The embedding of a photo in which no face is found."""

PHOTOS = 8
"""Largest number of photos of a person: with eight, .985 of the known faces are accepted."""

SPARE_PORTRAITS = 4
"""Number of portraits cut in addition, because some do not show exactly one face."""

SPACING = 12
"""Source frames that must be on screen for each photo: faces of neighbouring frames look alike."""

PORTRAIT_MARGIN = 0.5
"""Margin around the face, as a share of its box: the detector needs to see the whole head."""

CLOSE, CLOSE_WIDTH = 0.2, 240
"""Margin around a face on a contact sheet, as a share of its box, and largest width in pixels."""

DETECTED_WIDTH = 800
"""Width in pixels of the picture that the detector sees, the same as for photos of the gallery."""

GOOD = 0.3
"""A face of this quality or more is good enough, whatever the quality of the best one."""

CROWDED = 0.1
"""The worth of a face with another face in its photo; that of a face alone is 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A face cut out of a movie.

    Attributes:
        jpeg: the picture as a JPEG file.
        faces: number of faces that the detector finds in it.
        embedding: `(d,)` embedding of the first face; zeros if there is none.
        close: the face alone, as shown on a contact sheet.
    """

    jpeg: bytes
    faces: int
    embedding: Floats
    close: Image


def crowded(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether the photo of each face would show another face of the frame, too.

    Args:
        rows: All faces of a movie.

    Returns:
        `(n,)`, true if it would.
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
    """Chooses the faces of one person to cut out: the best and most different ones.

    Args:
        rows: The person's faces, with `crowded`.
        tracks: The embeddings of their tracks.
        count: Number of photos wanted, at least 1.

    Returns:
        At most `count + SPARE_PORTRAITS` rows.
    """
    detected = rows[rows["detected"] == 1]
    quality = qualities(detected)
    good = detected[quality >= min(GOOD, quality.max(initial=0) / 2)]
    worth = np.where(good["crowded"], CROWDED, 1.0)
    # `thin` takes all faces for one run, and multiplies their quality by `probability`.
    return thin(good.assign(run=0, probability=worth), tracks, count + SPARE_PORTRAITS)


def wanted_count(rows: pd.DataFrame, stride: int) -> int:
    """The number of photos wanted of a person seen in these rows."""
    return min(PHOTOS, max(1, len(rows) * stride // SPACING))


def chosen(
    rows: pd.DataFrame,
    photos: dict[int, Portrait],
    centre: Floats,
    farthest: float,
    tracks: Tracks,
    count: int,
) -> pd.DataFrame:
    """Chooses the candidates that become photos.

    Args:
        rows: The candidates of one person, from `candidates`.
        photos: The portraits cut out, by index label of the rows.
        centre: `(d,)` the person's mean embedding, unit length.
        farthest: A photo farther from the mean would fit others as well.
        tracks: The embeddings of their tracks.
        count: Largest number of photos.

    Returns:
        Faces that are alone in their photo and look like the person; if there is none, the
        others, so that everybody has a photo.
    """
    cut_out = [label for label in rows.index if label in photos]
    far = {i: np.linalg.norm(photos[i].embedding - centre) for i in cut_out if photos[i].faces == 1}
    nearest = min(far.values(), default=0)
    near = [i for i, distance in far.items() if distance <= max(farthest, nearest)]
    return thin(rows.loc[near or cut_out], tracks, count)


def cut_portraits(
    movie: Path, walk: Manifest, rows: pd.DataFrame, models: FaceModels
) -> Iterator[tuple[int, Portrait]]:
    """Cuts faces out of a movie, with a margin.

    Args:
        movie: Where the movie is now.
        walk: Its manifest.
        rows: The faces of all people.
        models: The networks of the walk.

    Yields:
        The index label of a row and its photo, in order of the frames; rows whose frame cannot be
        decoded are skipped.

    Raises:
        MovieError: The movie cannot be read.
    """
    faces: list[Any] = list(rows.itertuples())
    for i, face in cut(movie, walk, faces, PORTRAIT_MARGIN):
        side = min(faces[i].x2 - faces[i].x1, faces[i].y2 - faces[i].y1)
        yield faces[i].Index, _photo(enlarged(face, side), _provenance(faces[i], walk), models)


def _photo(picture: Image, provenance: dict[str, Any], models: FaceModels) -> Portrait:
    """A portrait, with the face that the gallery would find in it."""
    small = shrink(picture, DETECTED_WIDTH)
    scale = np.float32(picture.shape[1] / small.shape[1])
    faces = models.detector.detect([small])[0]
    boxes, landmarks = faces.boxes * scale, faces.landmarks * scale
    embedding, close = NOBODY, picture
    if len(boxes):
        chip = models.aligner.chip(picture, boxes[0], landmarks[0])
        embedding = unit_embeddings(models.embedder, chip[None], mirrored=True)[0]
        close = portrait(picture, boxes[0], CLOSE)
    jpeg = crop_jpeg(picture, provenance)
    return Portrait(jpeg, len(boxes), embedding, shrink(close, CLOSE_WIDTH))


def _provenance(row: Any, walk: Manifest) -> dict[str, Any]:
    return {
        "movie": row.video,
        "frame": int(row.frame),
        "time": round(float(row.time), 6),
        "box": [round(float(getattr(row, side)), 1) for side in BOX],
        "track": int(row.own),
        "models": walk.models,
        "version": __version__,
    }
