"""What is picked from, and reported."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.disk.faces_csv import REMEDY, read_faces
from pipeline.disk.manifest import Manifest
from pipeline.disk.tracks_npz import Tracks, read_tracks
from pipeline.errors import TableError


@dataclass(frozen=True, slots=True, eq=False)
class Walked:
    """A movie that was walked, and whose faces are named.

    Attributes:
        walk: its manifest.
        rows: as `faces_csv.read_faces` gives them.
        tracks: of the same walk.
    """

    walk: Manifest
    rows: pd.DataFrame
    tracks: Tracks

    @property
    def name(self) -> str:
        """What the movie is called; a name may hold bytes that are no text."""
        return self.walk.movie.name.encode(errors="backslashreplace").decode()


FOLDER_FILES = frozenset(
    {
        "parts", "walk.json", "frames.npz", "faces.csv", "tracks.npz", "cast", "cast.csv",
        "judge.csv", "judge.png", "sample.csv", "sample.jpg", "report.html", "timeline.png",
        "annotated.mp4", "faces.parquet", "failed.txt", "labels.csv",
    }
)  # fmt: skip
"""What lies in a movie's folder beside the people's folders."""


def read_walk(folder: Path) -> tuple[pd.DataFrame, Tracks]:
    """Reads faces.csv and tracks.npz of a movie, which belong together.

    Raises:
        TableError: One is missing, foreign, torn, or not of the other.
    """
    rows, tracks = read_faces(folder / "faces.csv"), read_tracks(folder / "tracks.npz")
    strange = rows.loc[~rows["track"].isin(tracks.track), "track"]
    if len(strange):
        raise TableError(
            f"{folder / 'faces.csv'}: has track {strange.iloc[0]}, which tracks.npz has not; "
            f"{REMEDY}"
        )
    twice = rows.duplicated(["frame", "track"])
    if twice.any():
        raise TableError(
            f"{folder / 'faces.csv'}, line {int(twice.to_numpy().argmax()) + 2}: the same track "
            f"twice in one frame; {REMEDY}"
        )
    return rows, tracks
