"""Makes the table of one walk: faces.csv as Parquet, decoded and split into runs by default."""

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from glob import escape
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from pipeline.disk.manifest import Manifest
from pipeline.disk.walked import finished
from pipeline.errors import OutputError
from pipeline.files import replacing
from pipeline.people import presence
from pipeline.pick import decoder, evidence, select
from pipeline.settings import PickSettings

TABLE_FORMAT = 4
"""Version of the tables; raise it when a column is added, removed or changes its meaning."""

TABLE_NAME = "faces.parquet"
METADATA_KEY = "mine-video"
"""Key of the facts in the metadata of a Parquet file."""

STORED = PickSettings()
"""Smoothing and gap of the stored runs; a search with other settings computes runs again."""

SOURCES = ("walk.json", "faces.csv", "tracks.npz")
"""A table is up to date while sizes and times of these files are as when it was made."""

COLUMN_TYPES = {
    "detected": "uint8", "label": "uint8", "run": "int32", "run_length": "int64",
    "position": "int32", "faces": "int32", "look_sure": "float32",
    "ahead": "float32", "strength": "float32",
}  # fmt: skip
"""Narrower types for the columns that are read most."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a search must know about a movie before it reads any row.

    Attributes:
        stamp: What the table was made of, see `table_stamp`.
        movie: Name of the movie's file.
        rate: Frames a second.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        stride: Source frames between neighbouring rows.
        people: Names in the rows; "" if some faces have none.
        gallery: Digest of the gallery and tolerance that gave the names.
        emotion: Name and hash of the emotion network.
    """

    stamp: str
    movie: str
    rate: float
    width: int
    height: int
    stride: int
    people: tuple[str, ...]
    gallery: str
    emotion: str


def sql(name: str) -> str:
    """Reads an SQL file of this package."""
    return (files(__package__) / f"{name}.sql").read_text(encoding="utf-8")


def table_stamp(folder: Path) -> str:
    """Describes what a table of this folder would be made of, to tell whether a table is outdated.

    Returns:
        Format, smoothing and its constants, and sizes and times of the files; "missing", which no
        table has, if a file is missing.
    """
    constants = *decoder.DECODING, *evidence.WEIGHING
    facts: list[object] = [TABLE_FORMAT, STORED.smooth, STORED.gap, *constants]
    try:
        for name in SOURCES:
            status = (folder / name).stat()
            facts += [status.st_size, status.st_mtime_ns]
    except OSError:
        return "missing"
    return json.dumps(facts)


def home(folder: Path, index: Path | None) -> Path:
    """The folder for a walk's table: the walk's own, or one inside `index`."""
    if index is None:
        return folder.absolute()
    digest = sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return index.absolute() / digest


def can_be_named(path: Path) -> bool:
    """Whether a path is valid text, which DuckDB needs; names of files may be any bytes."""
    with suppress(UnicodeEncodeError):
        return bool(str(path).encode())
    return False


def facts_of(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> dict[Path, Facts]:
    """Reads the facts of tables; files that are missing or not valid tables are left out."""
    existing = [path for path in paths if can_be_named(path) and path.is_file()]
    if not existing:
        return {}
    query = "SELECT file_name, value FROM parquet_kv_metadata($files) WHERE decode(key) = $key"
    try:
        metadata = connection.execute(
            query, {"files": [escape(str(path)) for path in existing], "key": METADATA_KEY}
        ).fetchall()
    except duckdb.Error:  # One damaged file fails the query for all: read them one by one.
        if len(existing) == 1:
            return {}
        return {p: f for path in existing for p, f in facts_of(connection, [path]).items()}
    return {Path(name): f for name, value in metadata if (f := _parsed(value)) is not None}


def _parsed(value: bytes) -> Facts | None:
    """Reads the facts of a table; returns None if it has another format."""
    with suppress(ValueError, TypeError, KeyError):
        facts = json.loads(value)
        return Facts(**facts | {"people": tuple(facts["people"])})
    return None


def made(folder: Path) -> tuple[Facts, pd.DataFrame]:
    """Makes the facts of a walk, and the rows of its table.

    Raises:
        TableError: The walk is damaged or not finished.
    """
    # Before the files are read: if one changes meanwhile, the table counts as outdated.
    stamp = table_stamp(folder)
    walked = finished(folder)
    walk, rows = walked.manifest, walked.rows
    facts = Facts(
        stamp, walk.movie.name, float(walk.scan.stream.rate), *walked.size, walked.stride,
        tuple(sorted(set(rows["person"]))), walked.tracks.gallery, walk.models.get("emotion", ""),
    )  # fmt: skip
    return facts, timed(steadied_rows(rows, walked.stride), walk)


def steadied_rows(rows: pd.DataFrame, stride: int) -> pd.DataFrame:
    """Adds to the rows of faces.csv, in its order, what `select.steadied` adds by default."""
    steadied = select.steadied(rows, stride, STORED).astype(COLUMN_TYPES)
    return steadied.sort_values(["frame", "track"], ignore_index=True)


def timed(rows: pd.DataFrame, walk: Manifest) -> pd.DataFrame:
    """Adds how long each row's frame lasts (`seconds`), and how much counts as `screen` time.

    A person with several faces in one frame counts once: all faces without a name are one "person".
    """
    frame = rows["frame"].to_numpy(np.int64)
    seconds = presence.durations(frame, walk.scan.times, walk.settings.every)
    again = rows.duplicated(["frame", "person"]).to_numpy()
    return rows.assign(seconds=seconds, screen=np.where(again, 0.0, seconds))


def write_table(
    connection: duckdb.DuckDBPyConnection, file: Path, facts: Facts, rows: pd.DataFrame
) -> None:
    """Writes a table to `file`, replacing an earlier one.

    Raises:
        OutputError: The table cannot be written.
    """
    connection.register("rows", rows)
    try:
        with replacing(file) as target:
            values = {"file": target.name, "facts": json.dumps(asdict(facts))}
            connection.execute(sql("write"), values)
    except duckdb.Error as error:
        raise OutputError(f"{file}: cannot be written ({error}); free some space") from error
    finally:
        connection.unregister("rows")


def names(entries: Iterable[Facts]) -> set[str]:
    """The names of everybody in the movies; "" if some faces have no name."""
    return {person for facts in entries for person in facts.people}
