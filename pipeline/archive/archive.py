"""Opens an archive: finds the walks, makes the tables that are missing or old, asks them as one."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pandas as pd

from pipeline.archive import index
from pipeline.archive.index import Facts, sql
from pipeline.errors import MiningError, OutputError, TableError
from pipeline.files import locked

log = logging.getLogger(__name__)

MEMORY = "1GB"
"""What DuckDB may take; what does not fit goes to a temporary folder."""

ShowProgress = Callable[[Sequence[Path]], Iterable[Path]]
"""Goes through folders and shows how far it is, as tqdm does."""


@dataclass(frozen=True, slots=True)
class ArchiveMovie:
    """One movie of the archive: the folder of its walk, its table, and what is known of it."""

    folder: Path
    file: Path
    facts: Facts


@dataclass(frozen=True, slots=True, eq=False)
class Archive:
    """Walked movies that can be asked as one, and the folders that were passed over, with why."""

    connection: duckdb.DuckDBPyConnection
    entries: tuple[ArchiveMovie, ...]
    left_out: tuple[tuple[Path, str], ...]

    def ask(self, *scripts: str, **values: Any) -> list[tuple[Any, ...]]:
        """Runs SQL files of this package, the last of which is the question.

        Args:
            scripts: Their names without `.sql`.
            values: What `getvariable` gives in them. Never part of the SQL.

        Raises:
            TableError: A table is torn.
        """
        for name, value in values.items():
            self.connection.execute(f"SET VARIABLE {name} = $value", {"value": value})
        try:
            for script in scripts:
                found = self.connection.execute(sql(script))
            return found.fetchall()
        except duckdb.Error as error:
            raise TableError(
                f"the archive's tables cannot be read ({error}); delete the {index.TABLE_NAME} "
                "that is named here, it is made anew"
            ) from error

    def over(self, entries: Sequence[ArchiveMovie], repeats: Sequence[int] = ()) -> None:
        """Says which movies the next questions are about, and how long a run of each must be.

        Args:
            entries: Of this archive.
            repeats: source frames, for each of them; none filters nothing.
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


def printable(path: Path) -> str:
    """A path as text, though a file's name may be none."""
    return os.fsencode(path).decode(errors="backslashreplace")


@contextmanager
def open_archive(
    folders: Sequence[Path], place: Path | None = None, shown: ShowProgress = iter
) -> Iterator[Archive]:
    """Opens walked movies as one archive, and closes it.

    Where a table cannot be kept beside its walk (the archive is read-only, or somebody writes
    there) it is made for this one time.

    Args:
        folders: Of the walks.
        place: Keep the tables in this folder rather than in those of the walks.
        shown: Told of the walks whose tables are made.

    Raises:
        TableError: Not one of the folders holds a finished walk.
    """
    with TemporaryDirectory(prefix="mine-video-") as name, _connected(Path(name)) as connection:
        scratch = Path(name)
        found = _found(connection, {f: index.home(f, place) / index.TABLE_NAME for f in folders})
        stale = [folder for folder in folders if folder not in found]
        if stale:
            log.info("making the tables of %d of %d movies", len(stale), len(folders))
        left_out: list[tuple[Path, str]] = []
        for folder in shown(stale):
            try:
                found[folder] = _made(connection, folder, index.home(folder, place), scratch)
            except MiningError as error:
                left_out.append((folder, str(error)))
        entries = tuple(found[folder] for folder in folders if folder in found)
        _tell(entries, left_out, scratch)
        yield Archive(connection, entries, tuple(left_out))


def _found(
    connection: duckdb.DuckDBPyConnection, files: dict[Path, Path]
) -> dict[Path, ArchiveMovie]:
    """The movies whose tables are there and of today, by folder."""
    known = index.facts_of(connection, list(files.values()))
    return {
        folder: ArchiveMovie(folder, file, known[file])
        for folder, file in files.items()
        if file in known and known[file].stamp == index.table_stamp(folder)
    }


def _tell(
    entries: Sequence[ArchiveMovie], left_out: Sequence[tuple[Path, str]], scratch: Path
) -> None:
    """Says what a question to this archive will not see, or what it costs each time.

    Raises:
        TableError: It would see nothing.
    """
    for _, why in left_out:
        log.warning("passed over: %s", why)
    if not entries:
        raise TableError("no finished walk among these folders; `mine-video walk MOVIE…` makes one")
    lost = [entry.folder for entry in entries if entry.file.parent == scratch]
    if lost:
        log.warning(
            "the tables of %d movies cannot be kept (%s and on: read-only, or in use) and are made "
            "again each time; --index FOLDER keeps them elsewhere", len(lost), lost[0],
        )  # fmt: skip
    networks = {entry.facts.emotion for entry in entries}
    if len(networks) > 1:
        log.warning(
            "these movies were walked with %d different emotion networks, whose probabilities do "
            "not quite compare", len(networks),
        )  # fmt: skip


def _made(
    connection: duckdb.DuckDBPyConnection, folder: Path, home: Path, scratch: Path
) -> ArchiveMovie:
    """Makes the table of a walk, in `scratch` where `home` is not to be had.

    Raises:
        MiningError: The walk is torn or not finished, or the disk is full.
    """
    facts, rows = index.made(folder)
    file = home / index.TABLE_NAME
    try:
        if not index.can_be_named(file):
            raise OutputError(f"{file}: its name is no text")
        with locked(home):
            index.write_table(connection, file, facts, rows)
    except OutputError as error:
        log.debug("%s", error)
        file = scratch / f"{len(list(scratch.glob('*.parquet')))}.parquet"
        index.write_table(connection, file, facts, rows)
    return ArchiveMovie(folder, file, facts)


@contextmanager
def _connected(scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB in memory, which asks nobody on the network for extensions."""
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
