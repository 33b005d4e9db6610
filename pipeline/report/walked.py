"""What is picked from, and reported."""

from dataclasses import dataclass

import pandas as pd

from pipeline.manifest import Manifest
from pipeline.table import Tracks


@dataclass(frozen=True, slots=True, eq=False)
class Walked:
    """A movie that was walked, and whose faces are named.

    Attributes:
        walk: its manifest.
        rows: as `table.read_faces` gives them.
        tracks: of the same walk.
    """

    walk: Manifest
    rows: pd.DataFrame
    tracks: Tracks

    @property
    def name(self) -> str:
        """What the movie is called; a name may hold bytes that are no text."""
        return self.walk.movie.name.encode(errors="backslashreplace").decode()
