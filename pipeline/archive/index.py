"""The table of one walk: faces.csv as Parquet, with smoothing and runs at the default settings."""

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
from pipeline.pick import select
from pipeline.settings import PickSettings

TABLE_FORMAT = 1
"""Of the tables: raise it when a column changes or means something else."""

TABLE_NAME = "faces.parquet"
METADATA_KEY = "mine-video"
"""Where the facts stand in the metadata of a Parquet file."""

STORED = PickSettings()
"""Smoothing and gap of the stored runs; a search with others works them out anew."""

SOURCES = ("walk.json", "faces.csv", "tracks.npz")
"""A table is of today where none of these has another size or time than when it was made."""

COLUMN_TYPES = {
    "detected": "uint8", "label": "uint8", "run": "int32", "run_length": "int64",
    "position": "int32", "faces": "int32",
}  # fmt: skip
"""Narrower types of what is read most."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a search must know of a movie before it reads a row.

    Attributes:
        stamp: what the table was made of, see `table_stamp`.
        movie: name of the movie's file.
        rate: frames a second.
        width: of the picture in pixels.
        height: of the picture in pixels.
        stride: source frames between neighbouring rows.
        people: names in the rows, "" where somebody is unknown.
        gallery: digest of the gallery and tolerance that gave the names.
        emotion: name and hash of the emotion network.
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
    """One of the SQL files of this package."""
    return (files(__package__) / f"{name}.sql").read_text(encoding="utf-8")


def table_stamp(folder: Path) -> str:
    """What a table of this folder would be made of: format, smoothing, sizes and times of files.

    Where a file is missing, of nothing that any table was made of.
    """
    facts: list[object] = [TABLE_FORMAT, STORED.smooth, STORED.gap]
    try:
        for name in SOURCES:
            found = (folder / name).stat()
            facts += [found.st_size, found.st_mtime_ns]
    except OSError:
        return "missing"
    return json.dumps(facts)


def home(folder: Path, index: Path | None) -> Path:
    """The folder where a walk's table lies: its own, or one in the folder of all tables."""
    if index is None:
        return folder.absolute()
    digest = sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return index.absolute() / digest


def can_be_named(path: Path) -> bool:
    """Whether a path is text, as DuckDB needs it: file names may be any bytes."""
    with suppress(UnicodeEncodeError):
        return bool(str(path).encode())
    return False


def facts_of(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> dict[Path, Facts]:
    """The facts in those of the files that are tables; the others are left out."""
    there = [path for path in paths if can_be_named(path) and path.is_file()]
    if not there:
        return {}
    query = "SELECT file_name, value FROM parquet_kv_metadata($files) WHERE decode(key) = $key"
    try:
        found = connection.execute(
            query, {"files": [escape(str(path)) for path in there], "key": METADATA_KEY}
        ).fetchall()
    except duckdb.Error:  # One that is torn takes the others with it.
        if len(there) == 1:
            return {}
        return {p: f for path in there for p, f in facts_of(connection, [path]).items()}
    return {Path(name): f for name, value in found if (f := _parsed(value)) is not None}


def _parsed(value: bytes) -> Facts | None:
    """The facts that a table gives; None where it is of another format."""
    with suppress(ValueError, TypeError, KeyError):
        facts = json.loads(value)
        return Facts(**facts | {"people": tuple(facts["people"])})
    return None


def made(folder: Path) -> tuple[Facts, pd.DataFrame]:
    """The facts of a walk, and the rows of its table.

    Raises:
        TableError: The walk is torn or not finished.
    """
    of = table_stamp(folder)  # Before the files are read: what changes meanwhile makes it stale.
    walked = finished(folder)
    walk, rows = walked.manifest, walked.rows
    facts = Facts(
        of, walk.movie.name, float(walk.scan.stream.rate), *walked.size, walked.stride,
        tuple(sorted(set(rows["person"]))), walked.tracks.gallery, walk.models.get("emotion", ""),
    )  # fmt: skip
    return facts, timed(steadied_rows(rows, walked.stride), walk)


def steadied_rows(rows: pd.DataFrame, stride: int) -> pd.DataFrame:
    """Rows of faces.csv, in its order, with what `select.steadied` adds at the default settings."""
    done = select.steadied(rows, stride, STORED).astype(COLUMN_TYPES)
    return done.sort_values(["frame", "track"], ignore_index=True)


def timed(rows: pd.DataFrame, walk: Manifest) -> pd.DataFrame:
    """Adds how long each row's frame stands (`seconds`), and what of it counts as `screen` time.

    A person with two faces in one frame, as nobody in particular often has, is there once.
    """
    frame = rows["frame"].to_numpy(np.int64)
    seconds = presence.durations(frame, walk.scan.times, walk.settings.every)
    again = rows.duplicated(["frame", "person"]).to_numpy()
    return rows.assign(seconds=seconds, screen=np.where(again, 0.0, seconds))


def write_table(
    connection: duckdb.DuckDBPyConnection, file: Path, facts: Facts, rows: pd.DataFrame
) -> None:
    """Writes a table in the place of `file`.

    Raises:
        OutputError: It cannot be written.
    """
    connection.register("rows", rows)
    try:
        with replacing(file) as target:
            told = {"file": target.name, "facts": json.dumps(asdict(facts))}
            connection.execute(sql("write"), told)
    except duckdb.Error as error:
        raise OutputError(f"{file}: cannot be written ({error}); free some space") from error
    finally:
        connection.unregister("rows")


def names(entries: Iterable[Facts]) -> set[str]:
    """Everybody who is in one of the movies, "" for the unknown."""
    return {person for facts in entries for person in facts.people}
