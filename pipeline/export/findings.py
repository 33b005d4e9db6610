"""What an export tells of a movie, and how a format is written: the protocol of all writers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pandas as pd

from pipeline.export.footage import Footage
from pipeline.export.smpte import Timecode
from pipeline.export.stretches import Cut, Reel, Stretch
from pipeline.faces import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """Everything that a format may tell of a movie.

    Attributes:
        film: The movie: its path, scan (size, timestamps), exact rate, and the second at which each
            frame begins.
        clock: Its timecode.
        stem: What the names of the exported files begin with.
        folder: The movie's folder, in which files of the whole movie lie.
        reels: The cuts of each wanted person and emotion, with padding, in the order of the pick;
            none of them is empty.
        stretches: The moments of all reels, whole and without padding, in order of time.
        faces: All rows of `select.steadied`, of everybody.
        shots: `(s + 1,)` first frame of each shot, and one past the last of the walk; `(0,)` if an
            earlier version walked the movie.
        stride: Source frames between neighbouring rows.
    """

    film: Footage
    clock: Timecode
    stem: str
    folder: Path
    reels: tuple[Reel, ...]
    stretches: tuple[Stretch, ...]
    faces: pd.DataFrame
    shots: Ints
    stride: int

    @property
    def video(self) -> str:
        """The name of the movie's file, with undecodable bytes escaped."""
        return self.film.movie.name.encode(errors="backslashreplace").decode()

    @property
    def cuts(self) -> list[tuple[Reel, Cut]]:
        """The cuts of all reels, reel by reel."""
        return [(reel, cut) for reel in self.reels for cut in reel.cuts]

    def only(self, person: str, emotion: str) -> Self:
        """The findings of one person and emotion."""
        whose = (person, emotion)
        return replace(
            self,
            reels=tuple(r for r in self.reels if (r.person, r.emotion) == whose),
            stretches=tuple(s for s in self.stretches if (s.person, s.emotion) == whose),
        )


@dataclass(frozen=True, slots=True, eq=False)
class FilmCut:
    """A cut on a timeline.

    Attributes:
        found: Its movie.
        reel: Of the movie.
        index: Of the cut in the reel.
        name: What an editor reads of it.
    """

    found: Findings
    reel: Reel
    index: int
    name: str

    @property
    def edges(self) -> tuple[int, int]:
        """Its first frame, and one past its last."""
        cut = self.reel.cuts[self.index]
        return cut.first, cut.stop


Writer = Callable[[Findings], bytes]
"""Makes a file of findings; they have at least one cut, unless the format is `without_cuts`.

It reads no files and writes none. Raises `OutputError` if the format cannot hold what it is given.
"""
