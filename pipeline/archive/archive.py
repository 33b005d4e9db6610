"""Opens many walks as one archive, makes missing or outdated tables, and runs SQL over all."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from pipeline.archive import index
from pipeline.archive.index import Facts, sql
from pipeline.errors import MiningError, OutputError, TableError
from pipeline.files import locked, scratch_folder

log = logging.getLogger(__name__)

MEMORY = "1GB"
"""Memory that DuckDB may use; what does not fit goes to a temporary folder."""

ShowProgress = Callable[[Sequence[Path]], Iterable[Path]]
"""Yields the folders and shows the progress, as tqdm does."""


@dataclass(frozen=True, slots=True)
class ArchiveMovie:
    """One movie of the archive: the folder of its walk, its table, and its facts."""

    folder: Path
    file: Path
    facts: Facts


@dataclass(frozen=True, slots=True, eq=False)
class Archive:
    """Walked movies that are searched as one.

    Attributes:
        connection: DuckDB.
        entries: The movies.
        left_out: Folders that were skipped, each with the reason.
    """

    connection: duckdb.DuckDBPyConnection
    entries: tuple[ArchiveMovie, ...]
    left_out: tuple[tuple[Path, str], ...]

    def ask(self, *scripts: str, **values: Any) -> list[tuple[Any, ...]]:
        """Runs SQL files of this package and returns the rows of the last one.

        Args:
            scripts: Names of the files without `.sql`.
            values: What `getvariable` returns in them. Values are bound, never part of the SQL, so
                a name cannot become SQL.

        Raises:
            TableError: A table is damaged.
        """
        for name, value in values.items():
            self.connection.execute(f"SET VARIABLE {name} = $value", {"value": value})
        try:
            for script in scripts:
                result = self.connection.execute(sql(script))
            return result.fetchall()
        except duckdb.Error as error:
            raise TableError(
                f"the archive's tables cannot be read ({error}); delete the {index.TABLE_NAME} "
                "named in this message, and it is made again"
            ) from error

    def over(self, entries: Sequence[ArchiveMovie], repeats: Sequence[int] = ()) -> None:
        """Chooses the movies of the next queries, and how long a run in each of them must be.

        Args:
            entries: Movies of this archive.
            repeats: Source frames that a run must last, for each movie; empty for any length.
        """
        movies = [entry.facts for entry in entries]
        walk = pd.DataFrame(
            {
                "number": range(len(entries)),
                "file": [str(entry.file) for entry in entries],
                "stride": [facts.stride for facts in movies],
                "width": [facts.width for facts in movies],
                "height": [facts.height for facts in movies],
                "repeat": list(repeats) or 1,
            }
        )
        self.connection.register("movies", walk)
        self.connection.execute("CREATE OR REPLACE TEMP TABLE walk AS FROM movies")
        self.connection.unregister("movies")
        patterns = [escape(str(entry.file)) for entry in entries]
        self.connection.execute("SET VARIABLE files = $files", {"files": patterns})


def printable(path: Path | str) -> str:
    """A path as text; bytes that are not valid text, which names may contain, are escaped."""
    return os.fsencode(path).decode(errors="backslashreplace")


@contextmanager
def open_archive(
    folders: Sequence[Path], tables_folder: Path | None = None, shown: ShowProgress = iter
) -> Iterator[Archive]:
    """Opens walked movies as one archive, and closes it.

    A table that cannot be saved beside its walk, because the folder is read-only or another
    process writes there, goes to a temporary folder.

    Args:
        folders: The folders of the walks.
        tables_folder: Keep the tables in this folder instead of in those of the walks.
        shown: Goes through the walks whose tables are made, and shows the progress.

    Raises:
        TableError: None of the folders holds a finished walk.
    """
    with scratch_folder() as scratch, _connected(scratch) as connection:
        tables = {f: index.home(f, tables_folder) / index.TABLE_NAME for f in folders}
        movies = _current_tables(connection, tables)
        stale = [folder for folder in folders if folder not in movies]
        if stale:
            log.info("making the tables of %d of %d movies", len(stale), len(folders))
        left_out: list[tuple[Path, str]] = []
        for folder in shown(stale):
            try:
                movies[folder] = _made(
                    connection, folder, index.home(folder, tables_folder), scratch
                )
            except MiningError as error:
                left_out.append((folder, str(error)))
        entries = tuple(movies[folder] for folder in folders if folder in movies)
        _warn(entries, left_out, scratch)
        yield Archive(connection, entries, tuple(left_out))


def _current_tables(
    connection: duckdb.DuckDBPyConnection, files: dict[Path, Path]
) -> dict[Path, ArchiveMovie]:
    """The movies whose tables exist and are up to date, by the folders of their walks."""
    known = index.facts_of(connection, list(files.values()))
    return {
        folder: ArchiveMovie(folder, file, known[file])
        for folder, file in files.items()
        if file in known and known[file].stamp == index.table_stamp(folder)
    }


def _warn(
    entries: Sequence[ArchiveMovie], left_out: Sequence[tuple[Path, str]], scratch: Path
) -> None:
    """Warns of skipped folders, of tables that cannot be saved, and of different networks.

    Raises:
        TableError: No movie is left.
    """
    for _, reason in left_out:
        log.warning("skipped: %s", reason)
    if not entries:
        raise TableError("no finished walk in these folders; make one with `mine-video walk MOVIE`")
    unsaved = [entry.folder for entry in entries if entry.file.parent == scratch]
    if unsaved:
        log.warning(
            "the tables of %s cannot be saved because folders are read-only, in use or have no "
            "plain name (the first is %s), and are made again each time; save them elsewhere by "
            "--index FOLDER",
            "1 movie" if len(unsaved) == 1 else f"{len(unsaved)} movies", printable(unsaved[0]),
        )  # fmt: skip
    networks = {entry.facts.emotion for entry in entries}
    if len(networks) > 1:
        log.warning(
            "these movies were walked with %d different emotion networks; their probabilities are "
            "only roughly comparable", len(networks),
        )  # fmt: skip


def _made(
    connection: duckdb.DuckDBPyConnection, folder: Path, home: Path, scratch: Path
) -> ArchiveMovie:
    """Makes the table of a walk in `home`, or in `scratch` if that cannot be written.

    Raises:
        MiningError: The walk is damaged or not finished, or the disk is full.
    """
    facts, rows = index.made(folder)
    file = home / index.TABLE_NAME
    try:
        if not index.can_be_named(file):
            raise OutputError(f"{file}: the path is not valid text, which DuckDB needs")
        with locked(home):
            index.write_table(connection, file, facts, rows)
    except OutputError as error:
        log.debug("%s", error)
        file = scratch / f"{len(list(scratch.glob('*.parquet')))}.parquet"
        index.write_table(connection, file, facts, rows)
    return ArchiveMovie(folder, file, facts)


@contextmanager
def _connected(scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Opens DuckDB in memory, without its automatic download of extensions."""
    connection = duckdb.connect(
        config={
            "memory_limit": MEMORY,
            "temp_directory": str(scratch / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    try:
        yield connection
    finally:
        connection.close()
