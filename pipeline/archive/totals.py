"""Tables over a whole archive: who is how long on screen and looks how, and all rows as one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipeline.archive.archive import Archive, ArchiveMovie, printable
from pipeline.archive.index import sql
from pipeline.errors import OutputError
from pipeline.faces import EMOTIONS, UNKNOWN
from pipeline.files import replacing

WRITERS = {
    ".csv": "COPY joined TO $file (FORMAT csv, HEADER, USE_TMP_FILE false)",
    ".parquet": "COPY joined TO $file (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)",
}


@dataclass(frozen=True, slots=True)
class Total:
    """One person in one movie.

    Attributes:
        entry: the movie.
        person: a name or "unknown".
        seconds: on screen; two unknown faces in one frame count once.
        tracks: how many.
        faces: rows of faces.csv.
        shares: of each of `EMOTIONS` in the seconds of all the faces, by the highest probability
            smoothed as by default, without gates; they sum to 1.
    """

    entry: ArchiveMovie
    person: str
    seconds: float
    tracks: int
    faces: int
    shares: dict[str, float]


def totals(archive: Archive) -> Iterator[Total]:
    """Screen time and looks of everybody, movie by movie, longest first, the unknown last.

    Raises:
        TableError: A table is torn.
    """
    archive.over(archive.entries)
    for number, person, seconds, tracks, faces, *shares in archive.ask("faces", "totals"):
        looks = dict(zip(EMOTIONS, shares, strict=True))
        entry = archive.entries[number]
        yield Total(entry, person or UNKNOWN, seconds, tracks, faces, looks)


def is_joined(path: Path) -> bool:
    """Whether a file is one that `join` wrote."""
    reader = {".csv": duckdb.read_csv, ".parquet": duckdb.read_parquet}[path.suffix.lower()]
    try:
        return reader(str(path)).columns[:3] == ["folder", "video", "frame"]
    except duckdb.Error:
        return False


def join(archive: Archive, path: Path) -> int:
    """Writes the rows of all movies into one table, each with its folder.

    Args:
        archive: The movies.
        path: Where to; ends in .csv or .parquet.

    Returns:
        How many rows.

    Raises:
        OutputError: It ends otherwise, or cannot be written.
    """
    if path.suffix.lower() not in WRITERS:
        raise OutputError(f"{path}: is to end in {' or '.join(WRITERS)}; give such a name")
    archive.over(archive.entries)
    folders = [printable(entry.folder) for entry in archive.entries]
    archive.connection.execute("SET VARIABLE folders = $folders", {"folders": folders})
    archive.connection.execute(sql("joined"))
    try:
        with replacing(path.absolute(), "file with --to") as file:
            writer = WRITERS[path.suffix.lower()]
            (count,) = archive.connection.execute(writer, {"file": file.name}).fetchall()[0]
    except duckdb.Error as error:
        raise OutputError(f"{path}: cannot be written ({error})") from error
    return int(count)
