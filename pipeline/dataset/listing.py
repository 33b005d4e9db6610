"""The faces of a data set with their subsets and captions, and the table that lists them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from pipeline.dataset.chunk import PLACED, POINT_COLUMNS
from pipeline.disk.text_table import csv_text
from pipeline.faces import BOX, EMOTIONS

LISTED_FACE = (
    "file_name", "subset", "person", "emotion", "caption", "film", "video", "frame", "time",
    "shot", "track", "look_sure", "probability", "strength", *EMOTIONS, "yaw", "pitch", "roll",
    "sharpness", *BOX, "inside", *PLACED, *POINT_COLUMNS,
)  # fmt: skip
"""The columns of metadata.csv."""

SET_DIGITS = (
    dict.fromkeys(("time",), 6)
    | dict.fromkeys(("look_sure", "probability", "strength", *EMOTIONS), 4)
    | dict.fromkeys(("yaw", "pitch", "roll", "sharpness", *BOX), 1)
)
"""Digits after the point of the columns that are not rounded yet."""


@dataclass(frozen=True, eq=False)
class Listing:
    """What a format may tell of a data set.

    Attributes:
        faces: a row for each picture, with the columns `LISTED_FACE`, in order of `file_name`.
        size: pixels of each picture, both ways.
    """

    faces: pd.DataFrame
    size: int

    @property
    def classes(self) -> list[str]:
        """All emotions in their usual order, so that numbers stay; then classes of several."""
        return [*EMOTIONS, *sorted(set(self.faces["emotion"]).difference(EMOTIONS))]

    @cached_property
    def rows(self) -> list[Any]:
        """The faces as named tuples."""
        return list(self.faces.itertuples(index=False))

    def of(self, subset: str) -> list[Any]:
        """Those of a subset."""
        return [row for row in self.rows if row.subset == subset]


LabelWriter = Callable[[Listing], Mapping[str, bytes]]
"""Makes the files of a format, by their paths below the folder of the data set."""


def rounded(faces: pd.DataFrame) -> pd.DataFrame:
    """The listed columns, with as many digits as they are worth."""
    faces = faces.astype(dict.fromkeys(SET_DIGITS, "float64")).round(SET_DIGITS)
    return faces[list(LISTED_FACE)].sort_values("file_name", ignore_index=True)


def table_bytes(faces: pd.DataFrame) -> bytes:
    """The bytes of metadata.csv."""
    return csv_text([LISTED_FACE, *faces.itertuples(index=False)]).encode()
