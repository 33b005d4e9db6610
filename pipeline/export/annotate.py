"""Writes the movie with its faces marked: name, emotion, probability, and whether it is steady."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import faces
from pipeline.errors import MovieError
from pipeline.export.footage import Footage
from pipeline.faces import BOX, EMOTIONS, Image
from pipeline.movie.encode import CRF, write_mp4
from pipeline.movie.frame import Frame
from pipeline.report.panel import Mark, Painter
from pipeline.walk.part import WalkProgress

ANNOTATED = "annotated.mp4"

DRAWN_COLUMNS = ("track", *BOX, "person", "label", "probability", *EMOTIONS, "run_length", "steady")


def write_annotated(
    film: Footage,
    span: tuple[int, int],
    marks: "Marks",
    path: Path,
    progress: WalkProgress,
    *,
    quality: int = CRF,
) -> None:
    """Writes a stretch of a movie with its faces marked, and with its sound.

    Args:
        film: The movie.
        span: First frame and one past the last.
        marks: The faces to draw.
        path: Where to write.
        progress: Called with the number of frames and faces drawn since the last call.
        quality: x264's constant rate factor.

    Raises:
        MovieError: The movie cannot be read, or none of its frames can be decoded.
        OutputError: The file cannot be written.
    """
    painter = Painter(*film.scan.stream.size)

    def draw(frame: Frame) -> Image:
        faces_here = marks.at(frame.index)
        progress(1, len(faces_here))
        return painter.paint(frame.image, faces_here)

    pictures = film.pictures([span], draw)
    if not write_mp4(path, pictures, film.base, film.sound([span]), quality=quality):
        raise MovieError(
            f"{film.movie}: no frame could be decoded; check that it plays in another program"
        )


class Marks:
    """The faces to draw into each frame.

    Marks are made when their frame is asked for, because a long film has a million faces.
    """

    def __init__(self, rows: pd.DataFrame, kept: Sequence[pd.DataFrame], stride: int) -> None:
        """Sorts the faces by frame.

        Args:
            rows: All rows of `select.steadied`.
            kept: Those that are highlighted, one table for each person and emotion.
            stride: Source frames between neighbouring rows.
        """
        steady = [index for chosen in kept for index in chosen.index]
        ordered = rows.assign(steady=rows.index.isin(steady))
        ordered = ordered.sort_values(["frame", "track"], kind="stable")
        self._rows = ordered[list(DRAWN_COLUMNS)].to_records(index=False)
        self._frames = ordered["frame"].to_numpy()
        self._stride = stride

    def at(self, frame: int) -> list[Mark]:
        """The faces of a frame; a row also stands for the frames that its stride skips."""
        low, high = np.searchsorted(self._frames, [frame - self._stride, frame], side="right")
        return list({int(row.track): _mark(row) for row in self._rows[low:high]}.values())


def _mark(row: Any) -> Mark:
    x1, y1, x2, y2 = (round(float(getattr(row, side))) for side in BOX)
    return Mark(
        track=int(row.track),
        box=(x1, y1, x2, y2),
        name=row.person or faces.UNKNOWN,
        label=int(row.label),
        probability=float(row.probability),
        shares=tuple(float(getattr(row, emotion)) for emotion in EMOTIONS),
        run_length=int(row.run_length) if row.steady else 0,
    )
