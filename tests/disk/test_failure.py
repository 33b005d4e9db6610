"""failed.txt, which a failed walk leaves."""

from pathlib import Path

import pytest

from pipeline.disk import failure, walked
from pipeline.disk.failure import FAILURE_FILE, Failure
from pipeline.errors import MovieError, OutputError


def test_a_failure_is_noted_and_success_takes_the_note_away(tmp_path: Path) -> None:
    movie = Path("films/a\nb.mkv")
    with pytest.raises(OutputError), failure.recorded(tmp_path, movie):
        raise OutputError("a.mkv: cannot be read;\nbuy a disk")
    assert failure.read_failure(tmp_path) == Failure(
        "films/a b.mkv", "a.mkv: cannot be read;\nbuy a disk"
    )
    with failure.recorded(tmp_path, movie):
        pass
    assert failure.read_failure(tmp_path) is None
    assert not (tmp_path / FAILURE_FILE).exists()


@pytest.mark.parametrize("walked_before", [True, False])
def test_what_is_no_movie_is_noted_only_where_there_is_a_walk(
    walked_before: bool, tmp_path: Path
) -> None:
    (tmp_path / FAILURE_FILE).write_text("a.mkv\nof an earlier version\n")
    if walked_before:
        (tmp_path / "walk.json").touch()
    with pytest.raises(MovieError), failure.recorded(tmp_path, Path("a.mkv")):
        raise MovieError("a.mkv: has no video stream")
    found = failure.read_failure(tmp_path)
    assert found == (Failure("a.mkv", "a.mkv: has no video stream") if walked_before else None)


def test_a_bug_is_noted_as_one(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), failure.recorded(tmp_path, Path("a.mkv")):
        raise ZeroDivisionError("division by zero")
    found = failure.read_failure(tmp_path)
    assert found is not None
    assert found.reason == "a bug: ZeroDivisionError('division by zero')"


def test_ctrl_c_is_no_failure(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), failure.recorded(tmp_path, Path("a.mkv")):
        raise KeyboardInterrupt
    assert failure.read_failure(tmp_path) is None


def test_a_note_that_cannot_be_written_hides_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OutputError("disk full")

    monkeypatch.setattr(failure, "replacing", full)
    with pytest.raises(MovieError), failure.recorded(tmp_path, Path("a.mkv")):
        raise MovieError("broken")
    assert walked.FOLDER_FILES
