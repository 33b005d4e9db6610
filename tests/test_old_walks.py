"""Walks that an earlier version made, with networks that are gone or no longer the default."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.disk import faces_csv, tracks_npz
from pipeline.disk import manifest as manifests
from tests.support import puppet
from tests.support.program import Program, caller
from tests.support.puppet import Shot, Square, film, photo

FOLDER = Path("output/movie")
ANEW = "mine-video walk {} --detect-every 2 --rewalk"


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    """Runs `mine-video` where movie.mkv was walked with dlib-onnx, anna being known."""
    puppet.plug_in(monkeypatch, instead=True)
    monkeypatch.chdir(tmp_path)
    photo(Path("known_faces/anna.png"), "anna")
    run = caller(monkeypatch, capsys)
    for name in ("movie.mkv", "other.mkv"):
        movie = film(Path(name), [Shot(20, (Square("anna", x=20), Square("ben", x=90)))])
        assert run("walk", movie, "--detect-every", "2", "-q").code == 0
    walk = manifests.read(FOLDER)
    models = walk.models | {"aligner": "DlibAligner ab cd", "recognizer": "DlibOnnx ef 01"}
    settings = replace(walk.settings, recognizer="dlib-onnx")
    old = replace(walk, settings=settings, models=models)
    manifests.write(FOLDER, old)
    tracks = tracks_npz.read_tracks(FOLDER / "tracks.npz")
    tracks_npz.write_tracks(FOLDER / "tracks.npz", replace(tracks, walk=old.fingerprint))
    return run


def _names() -> set[str]:
    return set(faces_csv.read_faces(FOLDER / "faces.csv")["person"])


def test_while_the_photos_are_the_same_nothing_is_said(program: Program) -> None:
    done = program("pick", FOLDER, "--person", "anna", "--emotion", "happy")
    assert (done.code, done.table[0][:2]) == (0, ["movie.mkv", "anna"])
    assert "another network" not in done.err


def test_pick_keeps_the_names_and_says_how_to_walk_anew(program: Program, tmp_path: Path) -> None:
    photo(Path("known_faces/ben.png"), "ben")
    done = program("pick", FOLDER, "--person", "anna", "--emotion", "happy")
    assert done.code == 0
    assert list(FOLDER.glob("anna/happy/*.jpg"))
    assert done.err.count("another network told its faces apart (--recognizer dlib-onnx") == 1
    assert _names() == {"anna", ""}
    line = ANEW.format(shlex.quote(str(tmp_path / "movie.mkv")))
    assert f"{line}\n" in done.err
    assert program(*shlex.split(line)[1:], "-q").code == 0
    assert manifests.read(FOLDER).settings.recognizer == "sface"
    assert _names() == {"anna", "ben"}


def test_the_line_says_where_the_folder_is(program: Program) -> None:
    Path("output").rename("old walks")
    photo(Path("known_faces/ben.png"), "ben")
    done = program("name", "old walks/movie")
    assert "--output 'old walks' --rewalk" in done.err


def test_another_walk_is_not_made_of_it_in_silence(program: Program) -> None:
    done = program("movie.mkv", "--person", "anna", "--emotion", "happy", "--detect-every", "2")
    assert done.code == 1
    for told in (
        "--recognizer was dlib-onnx, now sface", "the aligner network is a different one",
        "the recognizer network is a different one", "mine-video pick output/movie", "--rewalk",
    ):  # fmt: skip
        assert told in done.err


def test_an_unfinished_one_cannot_go_on(program: Program) -> None:
    (FOLDER / "faces.csv").unlink()
    done = program("walk", "movie.mkv", "--detect-every", "2")
    assert done.code == 1
    assert "Either walk again with --rewalk, or choose another --output" in done.err
    assert "go on with it" not in done.err


@pytest.mark.parametrize(
    "call",
    [("cast",), ("name", "--rename", "anna", "eve")],
    ids=["cast", "rename"],
)
def test_nothing_is_moved_for_names_that_cannot_be_given(
    program: Program, call: tuple[str, ...]
) -> None:
    done = program(call[0], FOLDER, *call[1:])
    assert done.code == 1
    assert "cannot be compared with photos or one another; walk it again: mine-video" in done.err
    assert Path("known_faces/anna.png").exists()
    assert not (FOLDER / "cast").exists()


def test_it_shares_no_cast_with_a_walk_of_today(program: Program) -> None:
    done = program("cast", FOLDER, "output/other")
    assert done.code == 1
    assert "another network told its faces apart" in done.err
    assert "--rewalk" in done.err


def test_status_tells_it(program: Program) -> None:
    done = program("status", "output")
    assert done.code == 0
    assert "--recognizer dlib-onnx is no longer part of mine-video; --rewalk walks" in done.out


# --- the float network, which was the default before int8 ---------------------------------------


@pytest.fixture
def exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    """Runs `mine-video` where movie.mkv was walked with the float network."""
    puppet.plug_in(monkeypatch, instead=True)
    monkeypatch.chdir(tmp_path)
    photo(Path("known_faces/anna.png"), "anna")
    film(Path("movie.mkv"), [Shot(40, (Square("anna", x=20),))])
    run = caller(monkeypatch, capsys)
    assert run("walk", "movie.mkv", "--emotion-model", "two-headed", "-q").code == 0
    return run


def test_a_walk_by_the_float_network_is_used_as_it_is(exact: Program) -> None:
    kept = {p: p.read_bytes() for p in (FOLDER / "faces.csv", FOLDER / "walk.json")}
    done = exact("movie.mkv", "--person", "anna", "--emotion", "happy")
    assert done.code == 0
    assert "was walked with --emotion-model two-headed, and stays so" in done.err
    assert {p: p.read_bytes() for p in kept} == kept
    assert list(FOLDER.glob("anna/happy/*.jpg"))


def test_an_unfinished_one_goes_on_by_it(exact: Program) -> None:
    whole = (FOLDER / "faces.csv").read_bytes()
    (FOLDER / "faces.csv").unlink()
    assert exact("walk", "movie.mkv", "-q").code == 0
    assert (FOLDER / "faces.csv").read_bytes() == whole
    assert manifests.read(FOLDER).settings.emotion == "two-headed"


def test_rewalk_takes_todays_network(exact: Program) -> None:
    assert exact("walk", "movie.mkv", "--rewalk", "-q").code == 0
    assert manifests.read(FOLDER).settings.emotion == "two-headed-int8"


def test_other_differences_are_told_as_ever(exact: Program) -> None:
    done = exact("walk", "movie.mkv", "--detect-every", "2")
    assert done.code == 1
    assert "--detect-every was 3, now 2. Either" in done.err


def test_a_walk_by_int8_is_none_by_the_float_network(exact: Program) -> None:
    exact("walk", "movie.mkv", "--rewalk", "-q")
    done = exact("walk", "movie.mkv", "--emotion-model", "two-headed")
    assert done.code == 1
    assert "--emotion-model was two-headed-int8, now two-headed" in done.err
