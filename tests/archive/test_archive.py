"""Tests of an archive's tables: made on first use, updated, and never a reason to fail."""

import logging
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest
from filelock import FileLock

from pipeline import files, mine
from pipeline.archive import index
from pipeline.archive.archive import open_archive
from pipeline.archive.index import TABLE_NAME
from pipeline.archive.search import search, warn_of_old_names
from pipeline.disk import faces_csv
from pipeline.disk.find import find_walks
from pipeline.disk.walked import finished
from pipeline.errors import TableError
from pipeline.faces import FaceRow
from pipeline.pick import decoder, evidence
from pipeline.settings import Job
from tests.archive.conftest import ODD
from tests.support.puppet import photo


def _made(output: Path, place: Path | None = None) -> list[str]:
    """The folders whose tables were made, not reused."""
    made: list[str] = []

    def shown(folders: Sequence[Path]) -> Sequence[Path]:
        made.extend(folder.name for folder in folders)
        return folders

    with open_archive(find_walks([output]), place, shown) as archive:
        assert {entry.folder for entry in archive.entries} <= set(find_walks([output]))
    return made


def test_tables_are_made_once(output: Path) -> None:
    everything = sorted(folder.name for folder in find_walks([output]))
    assert len(everything) == 3
    assert ODD in everything
    assert sorted(_made(output)) == everything
    assert all((output / name / TABLE_NAME).is_file() for name in everything)
    assert _made(output) == []


def test_only_what_changed_is_made_again(output: Path, job: Job) -> None:
    _made(output)
    rows = faces_csv.read_faces(output / "talk" / "faces.csv")
    faces_csv.write_faces(
        output / "talk" / "faces.csv", [rows.replace({"person": {"ben": "benno"}})]
    )
    assert _made(output) == ["talk"]
    with open_archive(find_walks([output])) as archive:
        assert search(archive, replace(job, people=("benno",))).count == 1


def test_names_by_other_photos_are_noticed(
    output: Path, job: Job, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known = Path(shutil.copytree(job.known_faces, tmp_path / "known"))
    job = replace(job, known_faces=known)
    with open_archive(find_walks([output])) as archive:
        warn_of_old_names(archive, job)
        assert "from other photos" not in caplog.text
        photo(known / "carl.png", "carl")
        warn_of_old_names(archive, job)
    assert "the names in 3 of 3 movies are from other photos" in caplog.text
    for folder in find_walks([output]):
        mine.identify(folder, job)
    assert len(_made(output)) == 3
    with open_archive(find_walks([output])) as archive:
        assert search(archive, replace(job, people=("carl",))).count == 2


def test_a_table_holds_what_faces_csv_holds(output: Path) -> None:
    _made(output)
    for folder in find_walks([output]):
        rows = faces_csv.read_faces(folder / "faces.csv")
        with duckdb.connect() as connection:
            relation = connection.from_parquet(str(folder / TABLE_NAME).replace("[", "[[]"))
            stored = relation.df()
        same = stored[list(FaceRow._fields)].astype(rows.dtypes.to_dict())
        assert same.equals(rows[list(FaceRow._fields)])


@pytest.mark.parametrize(("module", "constants"), [(decoder, "DECODING"), (evidence, "WEIGHING")])
def test_a_table_by_other_constants_is_made_again(
    module: ModuleType, constants: str, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(_made(output)) == 3
    assert _made(output) == []
    monkeypatch.setattr(module, constants, (0.5,))
    assert len(_made(output)) == 3


@pytest.mark.parametrize("torn", [b"", b"PAR1", b"text" * 100, None], ids=str)
def test_a_torn_table_is_made_again(torn: bytes | None, output: Path) -> None:
    _made(output)
    file = output / "talk" / TABLE_NAME
    file.write_bytes(file.read_bytes()[:-100] if torn is None else torn)
    assert _made(output) == ["talk"]
    assert _made(output) == []


def test_a_foreign_table_is_made_again(output: Path) -> None:
    _made(output)
    file = str(output / "talk" / TABLE_NAME)
    with duckdb.connect() as connection:
        connection.execute("COPY (SELECT 1 AS one) TO $file (FORMAT parquet)", {"file": file})
    assert _made(output) == ["talk"]


def test_a_table_damaged_inside_is_reported(output: Path, job: Job) -> None:
    _made(output)
    file = output / "talk" / TABLE_NAME
    data = bytearray(file.read_bytes())
    data[4 : len(data) // 2] = bytes(len(data) // 2 - 4)
    file.write_bytes(data)
    with (
        open_archive(find_walks([output])) as archive,
        pytest.raises(TableError, match=r"cannot be read.*delete"),
    ):
        search(archive, job)


def _unfinished(folder: Path) -> None:
    (folder / "faces.csv").unlink()


def _torn_walk(folder: Path) -> None:
    (folder / "walk.json").write_text("{")


def _torn_faces(folder: Path) -> None:
    with (folder / "faces.csv").open("ab") as file:
        file.write(b"talk.mkv,1,2")


@pytest.mark.parametrize("broken", [_unfinished, _torn_walk, _torn_faces])
@pytest.mark.parametrize("before", [True, False], ids=["with a table", "without one"])
def test_a_broken_walk_is_skipped_with_a_warning(
    broken: Callable[[Path], None],
    before: bool,
    output: Path,
    job: Job,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if before:
        _made(output)
    broken(output / "talk")
    with open_archive(find_walks([output])) as archive:
        assert [folder.name for folder, _ in archive.left_out] == ["talk"]
        assert search(archive, job).count == 2
    assert f"skipped: {output / 'talk'}" in caplog.text


def test_no_finished_walk_at_all_is_an_error(output: Path) -> None:
    for folder in find_walks([output]):
        _unfinished(folder)
    with pytest.raises(TableError, match="no finished walk"), open_archive(find_walks([output])):
        pass


def test_tables_may_lie_elsewhere(output: Path, tmp_path: Path) -> None:
    place = tmp_path / "tables"
    assert len(_made(output, place)) == 3
    assert len(list(place.glob(f"*/{TABLE_NAME}"))) == 3
    assert not list(output.glob(f"*/{TABLE_NAME}"))
    assert _made(output, place) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there, a folder cannot be kept from writers")
def test_an_archive_that_cannot_be_written_is_searched_all_the_same(
    output: Path, job: Job, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FileLock.acquire

    def refused(lock: FileLock, *args: Any, **more: Any) -> Any:
        if str(output) in lock.lock_file:
            raise PermissionError(30, "Read-only file system")
        return real(lock, *args, **more)

    monkeypatch.setattr(FileLock, "acquire", refused)
    with open_archive(find_walks([output])) as archive:
        assert search(archive, job).count == 4
    assert not list(output.glob(f"*/{TABLE_NAME}"))
    assert "--index FOLDER" in caplog.text


def test_a_folder_in_use_is_searched_all_the_same(
    output: Path, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    with files.locked(output / "talk"), open_archive(find_walks([output])) as archive:
        assert search(archive, job).count == 4
    assert not (output / "talk" / TABLE_NAME).exists()
    assert "the tables of 1 movie cannot be saved" in caplog.text
    assert _made(output) == ["talk"]


def test_a_table_made_while_names_change_is_old_afterwards(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = finished

    def changed(folder: Path) -> object:
        found = read(folder)
        assert len(found.rows)
        os.utime(folder / "faces.csv", ns=(1, 1))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(index, "finished", changed)
        assert len(_made(output)) == 3
    assert len(_made(output)) == 3
    assert _made(output) == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_a_folder_whose_name_is_no_text(output: Path, job: Job) -> None:
    odd = os.fsdecode(b"caf\xe9")
    (output / "talk").rename(output / odd)
    with open_archive(find_walks([output])) as archive:
        found = search(archive, job)
    assert odd in {moment.entry.folder.name for moment in found.moments}
    assert len(found.moments) == 4


def test_different_networks_are_reported(
    output: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    _made(output)
    real = index.facts_of

    def other(*args: object) -> dict[Path, index.Facts]:
        found = real(*args)  # type: ignore[arg-type]
        file = output / "talk" / TABLE_NAME
        return found | {file: replace(found[file], emotion="another")}

    monkeypatch.setattr(index, "facts_of", other)
    with caplog.at_level(logging.WARNING):
        _made(output)
    assert "2 different emotion networks" in caplog.text
