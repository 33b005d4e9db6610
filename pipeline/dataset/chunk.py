"""Cuts the faces of films out, some hundred at a time; what is done is kept until the set is.

A chunk is a function of its rows and the settings, and says by its stamp which: a data set that was
stopped goes on with the first chunk that is missing.
"""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import __version__
from pipeline.dataset.align import AlignedFace, Hash, difference_hash, upright_face
from pipeline.dataset.film import FilmFaces
from pipeline.dataset.settings import DatasetSettings
from pipeline.disk.crop_file import crop_jpeg
from pipeline.disk.npz import Kind, read_arrays, write_arrays
from pipeline.errors import TableError
from pipeline.faces import Image
from pipeline.models.registry import detector_entry
from pipeline.report.crops import box_of, frames_of, provenance

log = logging.getLogger(__name__)

CHUNK = 500
"""Faces."""

CHUNKS = "parts"
"""The folder of the chunks, which goes when the data set is whole."""

STAMP: dict[str, Kind] = {"stamp": ("U", ())}

CUT_FACES: dict[str, Kind] = {
    "row": ("i", (None,)), "hash": ("u", (None, 4)), "box": ("f", (None, 4)),
    "landmarks": ("f", (None, 5, 2)), "inside": ("f", (None,)),
}  # fmt: skip
"""Of each face that was found again: its row in the chunk, and what `AlignedFace` has."""

JPEGS: dict[str, Kind] = {"ends": ("i", (None,)), "data": ("u", (None,))}
"""The JPEGs one after the other, and where each ends."""

PLACED = ("left", "top", "right", "bottom")
"""The columns of a face's box in its picture."""

POINT_COLUMNS = tuple(
    f"{point}_{axis}"
    for point in ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
    for axis in "xy"
)
"""The columns of its landmarks, in the order of `Detections`."""

HASHES = ("hash0", "hash1", "hash2", "hash3")


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Some faces of a film.

    Attributes:
        path: its file.
        film: whose they are.
        rows: of `FilmFaces`.
        stamp: a hash of all that its file depends on.
    """

    path: Path
    film: FilmFaces
    rows: pd.DataFrame
    stamp: str

    def is_done(self) -> bool:
        """Whether its file is there, whole, and of the same rows and settings; tells of damage."""
        if not self.path.exists():
            return False
        try:
            # All of it is read: a ZIP file tells damage only of the members that are.
            arrays = read_arrays(self.path, STAMP | CUT_FACES | JPEGS)
        except TableError:
            log.warning("%s: is damaged; its faces are cut again", self.path)
            return False
        return str(arrays["stamp"]) == self.stamp

    def found(self) -> pd.DataFrame:
        """The rows of its faces that were found again, and what is known of their pictures."""
        facts = read_arrays(self.path, CUT_FACES)
        more: dict[str, Any] = {"inside": facts["inside"].astype(np.float64).round(4)}
        for names, values in (
            (PLACED, facts["box"]),
            (POINT_COLUMNS, facts["landmarks"].reshape(-1, 10)),
        ):
            numbers = values.astype(np.float64).round(1).T
            more |= dict(zip(names, numbers, strict=True))
        more |= dict(zip(HASHES, facts["hash"].T, strict=True))
        return self.rows.iloc[facts["row"]].assign(**more)

    def pictures(self) -> dict[str, bytes]:
        """The JPEGs of those faces by their names."""
        arrays = read_arrays(self.path, {"row": CUT_FACES["row"], **JPEGS})
        parts = np.split(arrays["data"], arrays["ends"][:-1]) if len(arrays["ends"]) else []
        names = self.rows["name"].iloc[arrays["row"]]
        return {name: part.tobytes() for name, part in zip(names, parts, strict=True)}


def chunks(film: FilmFaces, settings: DatasetSettings, margin: float, to: Path) -> Iterator[Chunk]:
    """The faces of a film in chunks.

    Args:
        film: The film.
        settings: Those of the pictures are used.
        margin: Around a face on each side, as a share of it.
        to: The folder of the data set.

    Raises:
        ModelError: The detector of the walk is missing.
    """
    detector = detector_entry(film.walk.settings.detector).identity()
    facts = [
        __version__, film.walk.fingerprint, detector, settings.size, settings.align, margin,
    ]  # fmt: skip
    for first in range(0, len(film.rows), CHUNK):
        rows = film.rows.iloc[first : first + CHUNK]
        stamp = sha256(json.dumps([facts, rows.to_dict("list")]).encode()).hexdigest()
        path = to / CHUNKS / f"{film.film}-{first // CHUNK:04d}.npz"
        yield Chunk(path, film, rows, stamp)


def cut_chunk(
    chunk: Chunk,
    movie: Path,
    settings: DatasetSettings,
    margin: float,
    tell: Callable[[Path], None],
) -> None:
    """Cuts the faces of a chunk out of the movie, and writes its file.

    Args:
        chunk: The chunk.
        movie: Where the movie is now.
        settings: Those of the pictures.
        margin: Around a face on each side, as a share of it.
        tell: Called with the name of each face.

    Raises:
        MovieError: The movie cannot be read.
        OutputError: The file cannot be written.
        ModelError: The detector is missing.
    """
    walk = chunk.film.walk
    rows: list[Any] = list(chunk.rows.itertuples())
    entry = detector_entry(walk.settings.detector)
    detector = entry.build(min_score=walk.settings.min_score)
    found: dict[int, tuple[AlignedFace, bytes, Hash]] = {}
    for i, image in frames_of(movie, walk, rows):
        box = box_of(rows[i])
        face = upright_face(detector, image, box, settings.size, margin, align=settings.align)
        if face is not None:
            facts = provenance(rows[i], str(rows[i].emotion), walk)
            looks = difference_hash(_without_margin(face.picture, margin))
            jpeg = crop_jpeg(face.picture, facts)
            # Not the pixels: of 500 faces of 2048 pixels they are 6 GB.
            found[i] = replace(face, picture=face.picture[:0].copy()), jpeg, looks
        tell(Path(rows[i].name))
    order = sorted(found)
    _write(chunk, order, [found[i] for i in order])


def _write(chunk: Chunk, order: list[int], found: list[tuple[AlignedFace, bytes, Hash]]) -> None:
    faces, data = [face for face, _, _ in found], [jpeg for _, jpeg, _ in found]
    hashes = [looks for _, _, looks in found]
    arrays = {
        "stamp": np.str_(chunk.stamp),
        "row": np.array(order, np.int64),
        "hash": np.array(hashes, np.uint64).reshape(-1, 4),
        "box": np.array([face.box for face in faces], np.float32).reshape(-1, 4),
        "landmarks": np.array([f.landmarks for f in faces], np.float32).reshape(-1, 5, 2),
        "inside": np.array([face.inside for face in faces], np.float32),
        "ends": np.cumsum([len(jpeg) for jpeg in data], dtype=np.int64),
        "data": np.frombuffer(b"".join(data), np.uint8),
    }
    write_arrays(chunk.path, arrays)


def _without_margin(picture: Image, margin: float) -> Image:
    """The face alone: what is around it must not make two looks alike, or one look two."""
    side = len(picture)
    edge = min(round(side * margin / (1 + 2 * margin)), (side - 1) // 2)
    return np.ascontiguousarray(picture[edge : side - edge, edge : side - edge])
