"""The faces of one picture: found, named and read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Self

import numpy as np

from pipeline.disk import faces_csv
from pipeline.faces import EMOTIONS, FaceRow, Floats
from pipeline.models.registry import Models, all_models, tolerances
from pipeline.movie.frame import Frame
from pipeline.people import naming
from pipeline.people.album import Album
from pipeline.people.gallery import Gallery
from pipeline.settings import Job, WalkSettings
from pipeline.walk.part import analyse


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """The faces of one picture, as a walk would have them, as parallel lists.

    Attributes:
        rows: with the raw probabilities and, where nothing else is known, the names.
        embedding: `(n, 128)` unit length.
        quality: `(n,)` 0 to 1.
    """

    rows: tuple[FaceRow, ...]
    embedding: Floats
    quality: Floats


class Reader:
    """Finds, reads and names the faces of one picture at a time."""

    def __init__(
        self,
        models: Models,
        gallery: Gallery,
        settings: WalkSettings,
        tolerance: float,
        album: Album | None = None,
    ) -> None:
        """Takes what is loaded.

        Args:
            models: The networks.
            gallery: The known faces.
            settings: Of the walk whose faces these are like.
            tolerance: Largest distance of a known face.
            album: Where the known faces of later are found; None for the same always.
        """
        self._models, self._gallery = models, gallery
        self._settings, self._tolerance = settings, tolerance
        self._album = album

    @classmethod
    def of(cls, job: Job, threads: int = 1) -> Self:
        """Builds the networks and loads the known faces.

        Args:
            job: Its walk settings, known faces, tolerance and device are what counts.
            threads: Of each network.

        Raises:
            PeopleError: A name cannot be a person's.
            ModelError: A network's file is missing or changed.
        """
        models, album = all_models(job.walk, threads, job.device), Album(job)
        tolerance = tolerances(job.walk, job.tolerance).name
        return cls(models, album.gallery(job.walk), job.walk, tolerance, album)

    def at(self, width: int) -> "Reader":
        """One with the same networks, whose detector sees pictures of another width."""
        settings = replace(self._settings, width=width)
        return Reader(self._models, self._gallery, settings, self._tolerance, self._album)

    def now(self) -> "Reader":
        """One with the same networks that knows the photos of now.

        Raises:
            PeopleError: A name cannot be a person's.
        """
        if self._album is None:
            return self
        gallery = self._album.gallery(self._settings)
        return Reader(self._models, gallery, self._settings, self._tolerance, self._album)

    def read(self, frame: Frame) -> Faces:
        """The faces of a frame, nobody followed; `shot` and `track` count in this frame only."""
        span = frame.index, frame.index + 1
        part = analyse([frame], span, self._models, self._settings, lambda *_: None)
        found = faces_csv.frame_of(part.rows, "").itertuples(index=False, name=None)
        rows = tuple(FaceRow(*row) for row in found)
        return Faces(self.named(rows, part.embedding), part.embedding, part.quality)

    def named(self, rows: Sequence[FaceRow], embedding: Floats) -> tuple[FaceRow, ...]:
        """The faces of one frame with names, none given twice.

        Args:
            rows: `n` faces.
            embedding: `(n, 128)` unit length, of each face or of all that was seen of it.
        """
        far = naming.distances(embedding, self._gallery)
        vetoed = naming.vetoes(embedding, self._gallery)
        pairs = set(permutations(range(len(rows)), 2))
        person, distance = naming.assign(far, vetoed, pairs, self._tolerance)
        names = [self._gallery.people[i] if i >= 0 else "" for i in person.tolist()]
        told = zip(rows, names, distance.tolist(), strict=True)
        return tuple(row._replace(person=name, distance=away) for row, name, away in told)


def shares(row: FaceRow) -> Floats:
    """A face's probabilities `(7,)`."""
    return np.array([getattr(row, emotion) for emotion in EMOTIONS], np.float32)
