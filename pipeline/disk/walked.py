"""One walked movie on disk: the files in its folder, and the walk as read from them."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import Self

import numpy as np
import pandas as pd

from pipeline.disk import manifest as manifests
from pipeline.disk.faces_csv import REMEDY, read_faces
from pipeline.disk.manifest import Manifest
from pipeline.disk.tracks_npz import Tracks, read_tracks
from pipeline.errors import TableError
from pipeline.settings import Job

FACES, TRACKS_FILE = "faces.csv", "tracks.npz"

CAST, CAST_TABLE, PHOTO_LIST = "cast", "cast.csv", "photos.csv"
"""The folder of the cast's photos, the table of its tracks, and the list of its photos."""

FOLDER_FILES = frozenset(
    {
        "parts", "walk.json", "frames.npz", FACES, TRACKS_FILE, CAST, CAST_TABLE,
        "judge.csv", "judge.png", "sample.csv", "sample.jpg", "report.html", "timeline.png",
        "annotated.mp4", "faces.parquet", "failed.txt", "labels.csv", "pick.json",
        "export.csv",
    }
)  # fmt: skip
"""Everything in a movie's folder but the people's folders."""


@dataclass(frozen=True, eq=False)
class Walked:
    """A movie whose walk is finished.

    Attributes:
        folder: the movie's folder.
        manifest: which movie it is, and how it was walked.
        tracks: who each track is, and its embeddings.
        given: rows to use instead of those in faces.csv, or None.
    """

    folder: Path
    manifest: Manifest
    tracks: Tracks
    given: pd.DataFrame | None = None

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The rows of faces.csv, read at the first access.

        Raises:
            TableError: The file is missing or damaged, or belongs to other tracks or another movie.
        """
        return self._read_rows() if self.given is None else self.given

    @property
    def name(self) -> str:
        """The movie's name, with undecodable bytes escaped."""
        return self.manifest.movie.name.encode(errors="backslashreplace").decode()

    @property
    def stride(self) -> int:
        """The number of source frames from one analysed frame to the next."""
        return self.manifest.settings.every

    @property
    def size(self) -> tuple[int, int]:
        """The width and height of the movie's picture in pixels."""
        return self.manifest.scan.stream.size

    def with_rows(self, rows: pd.DataFrame) -> Self:
        """The same movie with other rows, for example with more columns."""
        return replace(self, given=rows)

    def _read_rows(self) -> pd.DataFrame:
        path, frames = self.folder / FACES, len(self.manifest.scan)
        rows = read_faces(path)
        unknown = rows.loc[~rows["track"].isin(self.tracks.track), "track"]
        if len(unknown):
            raise TableError(
                f"{path}: has track {unknown.iloc[0]}, which is not in tracks.npz; {REMEDY}"
            )
        twice = rows.duplicated(["frame", "track"])
        if twice.any():
            # Lines count from 1; the first is the header.
            line = int(twice.to_numpy().argmax()) + 2
            raise TableError(f"{path}, line {line}: the same track twice in one frame; {REMEDY}")
        if len(rows) and int(rows["frame"].max()) >= frames:
            raise TableError(
                f"{path}: has frame {rows['frame'].max()} of a movie with {frames} frames; {REMEDY}"
            )
        return rows


def merged_tracks(folder: Path, manifest: Manifest) -> Tracks | None:
    """The tracks of a walk whose parts are merged, or None if they or faces.csv are missing."""
    try:
        tracks = read_tracks(folder / TRACKS_FILE)
    except TableError:
        return None
    whole = tracks.walk == manifest.fingerprint and (folder / FACES).exists()
    return tracks if whole else None


def finished(folder: Path) -> Walked:
    """Opens the finished walk in a movie's folder.

    Raises:
        TableError: The folder holds no walk, a damaged one, or an unfinished one.
    """
    manifest = manifests.read(folder)
    tracks = merged_tracks(folder, manifest)
    if tracks is None:
        again = walk_line(folder, manifest)
        raise TableError(f"{folder}: its walk is not finished; `{again}` continues it")
    return Walked(folder, manifest, tracks)


def walk_line(folder: Path, manifest: Manifest) -> str:
    """What to type to walk a movie again as it was walked, into the same folder."""
    default = folder.parent.absolute() == Job().output.absolute()
    where = [] if default else ["--output", quote(str(folder.parent))]
    return " ".join(["mine-video walk", quote(str(manifest.movie)), *manifest.options, *where])


def named_tracks(tracks: Tracks) -> list[str]:
    """The name of each track in rising order, "" for nobody."""
    people = [*map(str, tracks.people), ""]
    return [people[i] for i in tracks.person.tolist()]


def unreachable(tracks: Tracks) -> set[str]:
    """The people of the gallery without a usable photo, at an infinite distance from all tracks."""
    far = np.isinf(tracks.far).all(axis=0) & (len(tracks.far) > 0)
    return {str(person) for person in tracks.people[far]}
