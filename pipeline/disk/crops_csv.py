"""crops.csv: the crops of one person and emotion, one row each."""

import csv
import io
from pathlib import Path

import pandas as pd

from pipeline.disk.crop_file import CROP_NAME
from pipeline.errors import OutputError
from pipeline.faces import BOX
from pipeline.files import replacing

CROPS = "crops.csv"

CROP_COLUMNS = (
    "file", "video", "frame", "time", "shot", "track", "run", "run_length", "position",
    "person", "distance", "emotion", "probability", *BOX, "sharpness", "line",
)  # fmt: skip


def delete_listed(folder: Path, names: set[str]) -> None:
    """Deletes the crops of an earlier pick that are not made again; no other file.

    Raises:
        OutputError: One cannot be deleted.
    """
    try:
        text = (folder / CROPS).read_text(encoding="utf-8")
        for row in csv.reader(io.StringIO(text)):
            own = row and CROP_NAME.fullmatch(row[0]) and Path(row[0]).name == row[0]
            if own and row[0] not in names:
                (folder / row[0]).unlink(missing_ok=True)
    except (FileNotFoundError, UnicodeDecodeError, csv.Error):
        return
    except OSError as error:
        raise OutputError(
            f"{error.filename}: an earlier crop or their list is in the way ({error.strerror}); "
            "delete it"
        ) from error


def write_crops_csv(folder: Path, emotion: str, rows: pd.DataFrame, names: list[str]) -> None:
    """Replaces crops.csv in a folder.

    Args:
        folder: Of a person and emotion.
        emotion: Of all rows.
        rows: Picked rows (see `select.steadied`).
        names: The crops' file names, one a row.

    Raises:
        OutputError: It cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CROP_COLUMNS)
    rows = rows.assign(file=names, emotion=emotion)
    if "line" not in rows:
        rows["line"] = ""
    for column, digits in (("time", 6), ("distance", 4), ("probability", 4)):
        rows[column] = rows[column].astype("float64").round(digits)
    for column in (*BOX, "sharpness"):
        rows[column] = rows[column].astype("float64").round(1)
    writer.writerows(
        ["" if pd.isna(value) else value for value in row]
        for row in rows[list(CROP_COLUMNS)].itertuples(index=False)
    )
    with replacing(folder / CROPS) as file:
        file.write(text.getvalue().encode())
