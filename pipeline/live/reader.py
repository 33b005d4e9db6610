"""Finds and names the faces of single pictures and reads their emotions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Self

import numpy as np

from pipeline.disk import faces_csv
from pipeline.faces import EMOTIONS, FaceRow, Floats
from pipeline.models.cards import Tolerances
from pipeline.models.registry import Models, all_models, tolerances
from pipeline.movie.frame import Frame
from pipeline.people import naming
from pipeline.people.album import Album
from pipeline.people.gallery import Gallery
from pipeline.settings import Job, WalkSettings
from pipeline.walk.part import analyse


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """The faces of one picture, as a walk would find them, as parallel lists.

    Attributes:
        rows: Rows with raw probabilities, and with the names that this picture alone suggests.
        embedding: `(n, d)` unit length.
        quality: `(n,)` how clear each face is, 0 to 1.
    """

    rows: tuple[FaceRow, ...]
    embedding: Floats
    quality: Floats


class Reader:
    """Finds and names the faces of one picture at a time and reads their emotions."""

    def __init__(
        self,
        models: Models,
        gallery: Gallery,
        settings: WalkSettings,
        limits: Tolerances,
        album: Album | None = None,
    ) -> None:
        """Takes networks and known faces that are already loaded.

        Args:
            models: The networks.
            gallery: The known faces.
            settings: Settings of the walk that would find the same faces.
            limits: The network's distances of known faces.
            album: Where `now` finds changed photos; None if the known faces never change.
        """
        self._models, self._gallery = models, gallery
        self._settings, self._limits = settings, limits
        self._album = album

    @classmethod
    def of(cls, job: Job, threads: int = 1) -> Self:
        """Builds the networks and loads the known faces.

        Args:
            job: Its walk settings, known faces, tolerance and device are used.
            threads: Number of threads for each network.

        Raises:
            PeopleError: A photo or folder has a name that people cannot have.
            ModelError: A network's file is missing or changed.
        """
        models, album = all_models(job.walk, threads, job.device), Album(job)
        limits = tolerances(job.walk, job.tolerance)
        return cls(models, album.gallery(job.walk), job.walk, limits, album)

    def at(self, width: int) -> "Reader":
        """A reader with the same networks that shrinks pictures to another width to detect."""
        settings = replace(self._settings, width=width)
        return Reader(self._models, self._gallery, settings, self._limits, self._album)

    def now(self) -> "Reader":
        """A reader with the same networks that knows the photos as they are now.

        Raises:
            PeopleError: A photo or folder has a name that people cannot have.
        """
        if self._album is None:
            return self
        gallery = self._album.gallery(self._settings)
        return Reader(self._models, gallery, self._settings, self._limits, self._album)

    def read(self, frame: Frame) -> Faces:
        """Finds and names the faces of one frame; `shot` and `track` count within it only."""
        span = frame.index, frame.index + 1
        part = analyse([frame], span, self._models, self._settings, lambda *_: None)
        records = faces_csv.frame_of(part.rows, "").itertuples(index=False, name=None)
        rows = tuple(FaceRow(*record) for record in records)
        return Faces(self.named(rows, part.embedding), part.embedding, part.quality)

    def named(self, rows: Sequence[FaceRow], embedding: Floats) -> tuple[FaceRow, ...]:
        """Names the faces of one frame; no name is given twice.

        Args:
            rows: `n` faces.
            embedding: `(n, d)` unit length, of each face alone or the mean of its track.
        """
        far = naming.distances(embedding, self._gallery, self._limits.sure)
        vetoed = naming.vetoes(embedding, self._gallery)
        pairs = set(permutations(range(len(rows)), 2))
        person, distance = naming.assign(far, vetoed, pairs, self._limits.name)
        names = [self._gallery.people[i] if i >= 0 else "" for i in person.tolist()]
        named = zip(rows, names, distance.tolist(), strict=True)
        return tuple(row._replace(person=name, distance=far) for row, name, far in named)


def shares(row: FaceRow) -> Floats:
    """A face's seven probabilities `(7,)`, in the order of `EMOTIONS`."""
    return np.array([getattr(row, emotion) for emotion in EMOTIONS], np.float32)
