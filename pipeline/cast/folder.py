"""Writes the unknown cast: a table of its tracks, photos of each person, and contact sheets."""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.cast.portraits import Portrait
from pipeline.disk.crop_file import UNSAFE, face_name
from pipeline.disk.text_table import csv_text, read_list
from pipeline.disk.walked import CAST, CAST_TABLE, PHOTO_LIST
from pipeline.faces import BOX, clock
from pipeline.files import remove, replacing
from pipeline.report.sheet import SheetLine, delete_sheets, line_sheets

CAST_COLUMNS = (
    "cluster", "video", "track", "shot", "first", "last", "faces", "distance", "offer", "sure",
)  # fmt: skip
LISTED = ("file", "video", "frame", "time", "track", *BOX)
CAST_PHOTO_NAME = re.compile(r"\d+/[^/\\]*_f\d{7,}_t\d{2,}-\d{2}-\d{2}\.\d{3}_k\d{2,}\.jpg")
"""The name of a photo of the cast; files with other names are never deleted."""


@dataclass(frozen=True, slots=True)
class PrintedMember:
    """A person of the cast, as written to disk.

    Attributes:
        number: from 1, by screen time.
        seconds: screen time.
        tracks: number of tracks.
        movies: names of the movies that the person is in.
        folder: the folder of the person's photos.
        photos: file names of the photos.
        offer: the known person who it may be, "" for none.
        sure: the chance from 0 to 1 that it is, NaN for none.
    """

    number: int
    seconds: float
    tracks: int
    movies: tuple[str, ...]
    folder: Path
    photos: tuple[str, ...]
    offer: str
    # Not compared: NaN differs even from itself.
    sure: float = field(compare=False)

    @property
    def may_be(self) -> str:
        """What to tell of the offer, "" for none."""
        return f"may be {self.offer}: {self.sure:.2f}" if self.offer else ""


def write_cast(
    place: Path, where: str, tracks: pd.DataFrame, kept: pd.DataFrame, photos: dict[int, Portrait]
) -> list[PrintedMember]:
    """Replaces cast.csv and the folder cast/; touches no other file.

    Args:
        place: The folder that holds both.
        where: The name of the movies on the contact sheet.
        tracks: The tracks of the cast, one per row, with `CAST_COLUMNS` and `own`, the track's
            number in its movie.
        kept: The faces that become photos, with `cluster` and their movies' `stem`.
        photos: The photos by index label of `kept`; may hold more.

    Returns:
        The cast, by number.

    Raises:
        OutputError: A file cannot be written or deleted.
    """
    folder = place / CAST
    _clear(folder)
    _write_table(place / CAST_TABLE, tracks)
    if len(tracks) == 0:
        return []
    kept = kept.assign(track=kept["own"])
    kept = kept.assign(file=[f"{r.cluster}/{face_name(r.stem, r)}.jpg" for r in _each(kept)])
    # The list first: only listed photos are ever deleted, also after a crash.
    _write_list(folder / PHOTO_LIST, kept, LISTED)
    for row in _each(kept):
        with replacing(folder / row.file) as file:
            file.write(photos[row.Index].jpeg)
    cast = list(_members(folder, tracks, kept))
    noun = "person" if len(cast) == 1 else "people"
    title = f"{len(cast)} unknown {noun} in {where}, by screen time"
    line_sheets(title, [_line(member, kept, photos) for member in cast], folder)
    return cast


def _each(rows: pd.DataFrame) -> Iterator[Any]:
    yield from rows.itertuples()


def _members(folder: Path, tracks: pd.DataFrame, kept: pd.DataFrame) -> Iterator[PrintedMember]:
    for key, member_tracks in tracks.groupby("cluster"):
        number = int(str(key))
        offered = member_tracks[member_tracks["offer"] != ""]
        best = offered.nlargest(1, "sure")[["offer", "sure"]].itertuples(index=False, name=None)
        offer, sure = next(best, ("", math.nan))
        files = kept.loc[kept["cluster"] == number, "file"]
        yield PrintedMember(
            number=number,
            seconds=float(member_tracks["seconds"].sum()),
            tracks=len(member_tracks),
            movies=tuple(member_tracks.drop_duplicates("film")["video"]),
            folder=folder / str(number),
            photos=tuple(Path(file).name for file in files),
            offer=str(offer),
            sure=sure,
        )


def _line(member: PrintedMember, kept: pd.DataFrame, photos: dict[int, Portrait]) -> SheetLine:
    """A person's line on the contact sheet."""
    count = f"{member.tracks} track{'s' * (member.tracks > 1)}"
    movies = [UNSAFE.sub("_", movie) for movie in member.movies]
    listed = movies if len(movies) <= 2 else [movies[0], f"and {len(movies) - 1} more movies"]
    words = (str(member.number), f"{clock(member.seconds)} on screen", count, *listed)
    words += (member.may_be,) * bool(member.offer)
    labels = kept.index[kept["cluster"] == member.number]
    return SheetLine(words, tuple(photos[int(label)].close for label in labels))


def _write_table(path: Path, tracks: pd.DataFrame) -> None:
    """Writes one line per track, sorted by number of the cast, then by time."""
    rows = tracks.sort_values(["cluster", "film", "begin", "own"]).drop(columns="begin")
    _write_list(path, rows.assign(track=rows["own"]), CAST_COLUMNS)


def _write_list(path: Path, rows: pd.DataFrame, columns: Sequence[str]) -> None:
    digits = {"time": 6, "first": 6, "last": 6, "distance": 4, "sure": 4}
    digits |= dict.fromkeys(BOX, 1)
    shown = rows[list(columns)].astype({c: "float64" for c in columns if c in digits})
    told = shown.round(digits).astype(object).where(shown.notna(), "")
    text = csv_text([columns, *told.itertuples(index=False)])
    with replacing(path) as file:
        file.write(text.encode(errors="backslashreplace"))


def _clear(folder: Path) -> None:
    """Deletes the photos and sheets of an earlier cast, and no other file.

    Raises:
        OutputError: A file cannot be deleted.
        TableError: photos.csv cannot be read.
    """
    rows = read_list(folder / PHOTO_LIST)
    names = [row[0] for row in rows if CAST_PHOTO_NAME.fullmatch(row[0])]
    remove([folder / name for name in names])
    remove([folder / PHOTO_LIST])
    delete_sheets(folder, "sheet*.jpg")
    for place in (*{(folder / name).parent for name in names}, folder):
        with suppress(OSError):  # The folder has files of the user.
            place.rmdir()
