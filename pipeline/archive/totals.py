"""Sums up screen time and emotions over an archive, and joins all rows into one table."""

from collections.abc import Collection
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import duckdb

from pipeline.archive.archive import Archive, ArchiveMovie, printable
from pipeline.archive.index import sql
from pipeline.disk.text_table import CELL_FORMULA, INNER_FORMULA, NUMBER
from pipeline.errors import OutputError
from pipeline.faces import ANY, EMOTIONS, UNKNOWN
from pipeline.files import clear_earlier, replacing
from pipeline.settings import members

WRITERS = {
    ".csv": "COPY guarded TO $file (FORMAT csv, HEADER, USE_TMP_FILE false)",
    ".parquet": "COPY joined TO $file (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)",
}
"""SQL that writes the joined table, by the ending of the file.

`replacing` already writes a temporary file, so DuckDB need not.
"""


@dataclass(frozen=True, slots=True)
class Total:
    """One person in one movie, or all people of a movie together.

    Attributes:
        entry: The movie.
        person: A name or "unknown"; "any" for all people together.
        seconds: Seconds on screen; two unknown faces in one frame count once, two people twice.
        tracks: Number of tracks.
        faces: Number of rows in faces.csv.
        look_seconds: Seconds of all faces with one of the looks that were asked for, of all looks
            where none was.
        shares: Share of each of `EMOTIONS` in the seconds of all faces; they sum to 1. A face has
            the emotion that the default --smooth gives it, without filters.
    """

    entry: ArchiveMovie
    person: str
    seconds: float
    tracks: int
    faces: int
    look_seconds: float
    shares: dict[str, float]


def totals(
    archive: Archive, emotions: Collection[str] = (ANY,), *, by_movie: bool = False
) -> list[Total]:
    """Sums up screen time and emotions of everybody in each movie.

    Args:
        archive: The movies.
        emotions: The looks to ask for: some of `EMOTIONS`, or classes of them.
        by_movie: Whether all people of a movie are summed up together.

    Returns:
        Where a look is asked for, those who show it, the longest first; else everybody, movie by
        movie, the longest on screen first, unknown last.

    Raises:
        TableError: A table is damaged.
    """
    archive.over(archive.entries)
    rows = archive.ask("faces", "totals", by_movie=by_movie)
    if ANY in emotions:
        return [_total(archive, row, EMOTIONS) for row in rows]
    wanted = {EMOTIONS[label] for emotion in emotions for label in members(emotion)}
    found = [_total(archive, row, wanted) for row in rows]
    return sorted((t for t in found if t.look_seconds), key=lambda t: -t.look_seconds)


def _total(archive: Archive, row: tuple[Any, ...], wanted: Collection[str]) -> Total:
    """A row of totals.sql, with the seconds of the wanted emotions."""
    number, person, seconds, tracks, faces, *lasting = row
    looks = dict(zip(EMOTIONS, lasting, strict=True))
    whole = sum(lasting) or nan
    shares = {emotion: time / whole for emotion, time in looks.items()}
    asked = sum(time for emotion, time in looks.items() if emotion in wanted)
    entry = archive.entries[number]
    return Total(entry, person or UNKNOWN, seconds, tracks, faces, asked, shares)


def is_joined(path: Path) -> bool:
    """Whether `join` wrote a file, judged by its first columns."""
    reader = {".csv": duckdb.read_csv, ".parquet": duckdb.read_parquet}[path.suffix.lower()]
    try:
        return reader(str(path)).columns[:3] == ["folder", "video", "frame"]
    except duckdb.Error:
        return False


def join(archive: Archive, path: Path) -> int:
    """Writes the rows of all movies into one table, each with its folder.

    Args:
        archive: The movies.
        path: Where to write; must end in .csv or .parquet.

    Returns:
        The number of rows.

    Raises:
        OutputError: The path ends in something else, or cannot be written.
    """
    if path.suffix.lower() not in WRITERS:
        raise OutputError(
            f"{path}: must end in {' or '.join(WRITERS)}; choose another file with --to"
        )
    archive.over(archive.entries)
    folders = [printable(entry.folder) for entry in archive.entries]
    given = {
        "folders": folders, "formula": CELL_FORMULA, "inner_formula": INNER_FORMULA,
        "number": NUMBER,
    }  # fmt: skip
    for name, value in given.items():
        archive.connection.execute(f"SET VARIABLE {name} = $value", {"value": value})
    archive.connection.execute(sql("joined"))
    clear_earlier(path.absolute())
    try:
        with replacing(path.absolute(), "file with --to") as file:
            writer = WRITERS[path.suffix.lower()]
            (count,) = archive.connection.execute(writer, {"file": file.name}).fetchall()[0]
    except duckdb.Error as error:
        raise OutputError(
            f"{path}: cannot be written ({error}); choose another file with --to"
        ) from error
    return int(count)
