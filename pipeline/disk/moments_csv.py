"""moments.csv: the moments of one person and emotion, one row a steady run."""

from functools import lru_cache
from pathlib import Path

import pandas as pd

from pipeline.disk.crop_file import is_crop_name
from pipeline.disk.text_table import Stamp, csv_text, file_stamp, read_list
from pipeline.errors import TableError
from pipeline.files import replacing

MOMENTS = "moments.csv"

LISTED_MOMENT = (
    "run", "video", "person", "emotion", "shot", "track", "first", "last", "start", "stop",
    "seconds", "length", "faces", "look_sure", "probability", "best", "strength", "prominence",
)  # fmt: skip

BEST = LISTED_MOMENT.index("best")
"""The columns after it are missing in files of earlier versions."""


def best_crop(folder: Path) -> str:
    """The crop of a folder's surest moment, as moments.csv says; "" if it says none."""
    return _best_crop(folder / MOMENTS, file_stamp(folder / MOMENTS))


@lru_cache(maxsize=10_000)
def _best_crop(path: Path, _: Stamp) -> str:
    try:
        rows = read_list(path)
    except TableError:
        return ""
    listed = [*LISTED_MOMENT]
    if len(rows) < 2 or rows[0] not in (listed, listed[: BEST + 1]) or len(rows[1]) <= BEST:
        return ""
    name = rows[1][BEST]
    return name if is_crop_name(name) else ""


def write_moments_csv(
    folder: Path, person: str, emotion: str, moments: pd.DataFrame, names: "pd.Series[str]"
) -> None:
    """Replaces moments.csv in a folder.

    Args:
        folder: The folder of a person and emotion.
        person: A name or "unknown".
        emotion: The emotion of all of them.
        moments: As `pick.moments` gives them.
        names: The file name of each crop, by the index of its row.

    Raises:
        OutputError: The file cannot be written.
    """
    best = moments["best"].map(names).fillna("")
    table = moments.assign(person=person, emotion=emotion, best=best)
    for column, digits in (("start", 6), ("stop", 6), ("seconds", 3)):
        table[column] = table[column].astype("float64").round(digits)
    for column in ("look_sure", "probability", "strength", "prominence"):
        table[column] = table[column].astype("float64").round(4)
    cells = table[list(LISTED_MOMENT)].astype(object)
    rows = cells.where(cells.notna(), "").itertuples(index=False)
    with replacing(folder / MOMENTS) as file:
        file.write(csv_text([LISTED_MOMENT, *rows]).encode(errors="backslashreplace"))
