"""crops.csv: the crops of one person and emotion, one row per crop."""

from os.path import lexists
from pathlib import Path

import pandas as pd

from pipeline.disk.crop_file import is_crop_name
from pipeline.disk.text_table import csv_text, read_list
from pipeline.errors import OutputError
from pipeline.faces import BOX
from pipeline.files import replacing

CROPS = "crops.csv"

CROP_COLUMNS = (
    "file", "video", "frame", "time", "shot", "track", "run", "run_length", "position",
    "person", "distance", "emotion", "look_sure", "probability", *BOX, "sharpness", "line",
    "strength",
)  # fmt: skip

ADDED_COLUMNS = ("look_sure", "strength")
"""Those that the files of earlier versions lack."""


def delete_listed(folder: Path, names: set[str]) -> int:
    """Deletes the crops of an earlier pick that are not made again, and no other file.

    Args:
        folder: The folder of a person and emotion.
        names: File names of the crops of the new pick.

    Returns:
        How many there were.

    Raises:
        OutputError: A crop cannot be deleted.
        TableError: crops.csv cannot be read.
    """
    rows = read_list(folder / CROPS)
    # Somebody may have edited the table: delete nothing outside this folder.
    outdated = [row[0] for row in rows if is_crop_name(row[0]) and row[0] not in names]
    there = [folder / name for name in outdated if lexists(folder / name)]
    try:
        for path in there:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{error.filename}: cannot be deleted, as others take its place "
            f"({error.strerror}); delete it"
        ) from error
    return len(there)


def write_crops_csv(folder: Path, emotion: str, rows: pd.DataFrame, names: list[str]) -> None:
    """Replaces crops.csv in a folder.

    Args:
        folder: The folder of a person and emotion.
        emotion: The emotion of all rows.
        rows: Picked rows (see `select.steadied`).
        names: File names of the crops, one per row.

    Raises:
        OutputError: The file cannot be written.
    """
    rows = rows.assign(file=names, emotion=emotion)
    if "line" not in rows:
        rows["line"] = ""
    rows["time"] = rows["time"].astype("float64").round(6)
    for column in ("distance", "look_sure", "probability", "strength"):
        rows[column] = rows[column].astype("float64").round(4)
    for column in (*BOX, "sharpness"):
        rows[column] = rows[column].astype("float64").round(1)
    cells = (
        ["" if pd.isna(value) else value for value in row]
        for row in rows[list(CROP_COLUMNS)].itertuples(index=False)
    )
    with replacing(folder / CROPS) as file:
        file.write(csv_text([CROP_COLUMNS, *cells]).encode())
