"""Naming by the command line: `mine-video name`, photos in not/, crashes between two files."""

import shlex
import shutil
from pathlib import Path

import pytest

from pipeline import files, mine, opened
from pipeline.cli.options import job_of
from pipeline.disk import faces_csv, npz, tracks_npz
from pipeline.errors import OutputError, TableError
from pipeline.settings import Job
from tests.support import puppet
from tests.support.program import Program, caller
from tests.support.puppet import Shot, Square, film, photo
from tests.support.walks import read_walk

FILM = (
    Shot(20, (Square("anna", x=20), Square("ben", y=90))),
    Shot(10, (Square("carl", x=60),), 0),
    Shot(
        15,
        (
            Square(15, "happy 6, gone", x=20),
            Square(20, "gone 9, happy", x=50),
            Square("ben", y=90),
        ),
    ),
)


def _plug_in(patch: pytest.MonkeyPatch) -> None:
    puppet.plug_in(patch, instead=True)
    puppet.set_tolerances(patch, clear=0.002)  # All tracks stand alone.


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where anna and ben are known and movie.mkv was walked and then deleted."""
    place = tmp_path_factory.mktemp("people")
    with pytest.MonkeyPatch.context() as patch:
        _plug_in(patch)
        patch.chdir(place)
        photo(Path("known_faces/anna.png"), "anna")
        photo(Path("known_faces/ben.png"), "ben")
        movie = film(Path("movie.mkv"), FILM)
        mine.walk(movie, Job(), puppet.silent)
        movie.unlink()
    return place


@pytest.fixture
def program(
    walked: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Program:
    """Runs `mine-video` in such a folder."""
    _plug_in(monkeypatch)
    shutil.copytree(walked, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return caller(monkeypatch, capsys)


def _people() -> set[tuple[int, str]]:
    """The shot and name of each face."""
    rows = faces_csv.read_faces(Path("output/movie/faces.csv"))
    return {(int(shot), str(p)) for shot, p in zip(rows["shot"], rows["person"], strict=True)}


WALKED = {(0, "anna"), (0, "ben"), (1, ""), (2, "anna"), (2, "ben")}


def test_name_tells_who_is_who(program: Program) -> None:
    done = program("name", "movie")
    assert done.code == 0
    header = [
        "movie",
        "person",
        "seconds",
        "tracks",
        "faces",
        "sure",
        "distance",
        "nearest",
        "other",
    ]
    assert done.out.splitlines()[0].split() == header
    assert [line[:5] for line in done.table] == [
        ["movie.mkv", "ben", "1.4", "2", "35"],
        ["movie.mkv", "anna", "1.2", "3", "30"],
        ["movie.mkv", "unknown", "0.4", "1", "10"],
    ]
    assert [line[7] for line in done.table] == ["anna", "ben", "ben"]
    assert _people() == WALKED


def test_adding_a_person_needs_no_movie(program: Program) -> None:
    photo(Path("known_faces/carl.png"), "carl")
    done = program("name", "output/movie/faces.csv")
    assert (done.code, [line[1] for line in done.table]) == (0, ["ben", "anna", "carl"])
    assert "output/movie: named the faces by the photos in known_faces/" in done.err
    assert _people() == WALKED - {(1, "")} | {(1, "carl")}
    again = program("name", "output/movie")
    assert again.out == done.out
    assert "named the faces by" not in again.err


def test_a_photo_of_who_it_is_not_takes_a_wrong_name_away(program: Program) -> None:
    photo(Path("known_faces/anna/not/double.png"), 15)
    done = program("name", "movie")
    assert [line[1] for line in done.table] == ["ben", "anna", "unknown"]
    assert _people() == WALKED - {(2, "anna")} | {(2, "")}
    tracks = tracks_npz.read_tracks(Path("output/movie/tracks.npz"))
    assert sorted(tracks.person.tolist()) == [-1, -1, -1, 0, 1, 1]
    assert (tracks.far[:, 0] <= 0.38).sum() == 3, "the distances tell what the photos look like"


def test_the_tolerance_can_be_another(program: Program) -> None:
    done = program("name", "movie", "--tolerance", "0.1")
    people = [line for line in done.table if line[0] == "movie.mkv"]
    assert [line[1] for line in people] == ["ben", "anna", "unknown"]
    assert _people() == WALKED - {(2, "anna")} | {(2, "")}
    assert "1 track from 0:01.2 may be anna (chance 1.00)" in done.out


def test_another_gallery_and_output_folder(program: Program) -> None:
    Path("output").rename("results")
    photo(Path("cast/carla.png"), "carl")
    done = program("name", "movie", "--output", "results", "--known-faces", "cast", "-q")
    assert (done.code, [line[1] for line in done.table]) == (0, ["carla", "unknown"])
    assert done.err == ""


def test_people_who_look_alike_are_told_each_time_in_one_line(program: Program) -> None:
    photo(Path("known_faces/annie.png"), 15)
    photo(Path("known_faces/zoe.png"), "ben")
    for _ in range(2):
        messages = program("name", "movie", "movie", "-q").err
        assert messages.count("ben and zoe (the same photo), anna and annie (0.27)") == 1
        assert len(messages.splitlines()) == 1


def test_photos_that_cannot_be_used_are_told_each_time(program: Program) -> None:
    photo(Path("known_faces/both.png"), "anna", "ben")
    for _ in range(2):
        assert program("name", "movie", "-q").err == (
            "known_faces/both.png: 2 faces found, photo skipped; crop it to one face\n"
        )


def test_rename_moves_photos_and_names_anew(program: Program) -> None:
    done = program("name", "movie", "--rename", "anna", "Åsa", "-v")
    assert [line[1] for line in done.table] == ["ben", "Åsa", "unknown"]
    assert "anna is now Åsa: known_faces/Åsa.png" in done.err
    photo(Path("known_faces/annie.png"), 15)
    assert [line[1] for line in program("name", "movie").table] == [
        "ben",
        "Åsa",
        "annie",
        "unknown",
    ]
    alone = program("name", "--rename", "annie", "Åsa")
    assert (alone.code, alone.out) == (0, "")
    assert "walked movies keep the old name until `mine-video name output`" in alone.err
    assert Path("known_faces/Åsa/annie.png").exists()
    assert [line[1] for line in program("name", "movie").table] == ["ben", "Åsa", "unknown"]


def test_a_rename_that_was_broken_off_goes_on_by_the_same_line(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OutputError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(opened, "name_tracks", full)
        assert program("name", "movie", "--rename", "anna", "zoe").code == 1
    assert Path("known_faces/zoe.png").exists()
    done = program("name", "movie", "--rename", "anna", "zoe")
    assert [line[1] for line in done.table] == ["ben", "zoe", "unknown"]
    assert "belong to zoe already; only the faces are named again" in done.err


def test_a_rename_that_was_killed_at_its_end_is_done_by_the_same_line(program: Program) -> None:
    """All is renamed, but nobody was told."""
    program("name", "movie", "--rename", "anna", "zoe")
    for call in (("movie",), ()):
        again = program("name", *call, "--rename", "anna", "zoe")
        assert again.code == 0
        assert "nobody is called anna, so their photos seem to belong to zoe already" in again.err


def test_a_slip_of_the_pen_is_no_rename_that_was_killed(program: Program) -> None:
    assert "Did you mean 'anna'?" in program("name", "movie", "--rename", "ana", "ben").err


@pytest.mark.parametrize(
    ("who", "changed"), [("dora", False), ("carl", True)], ids=["a stranger", "somebody seen"]
)
def test_only_where_names_change_crops_are_said_to_be_old(
    program: Program, who: str, changed: bool
) -> None:
    """The new name sorts before all others, so that their positions change."""
    _pick_something()
    photo(Path("known_faces/aaron.png"), who)
    assert ("names have changed" in program("name", "movie").err) == changed


def _pick_something() -> None:
    Path("output/movie/anna/happy").mkdir(parents=True)
    Path("output/movie/anna/happy/crops.csv").write_text("file\n")


def test_a_walk_anew_changes_no_names_but_leaves_old_crops(program: Program) -> None:
    _pick_something()
    messages = program("walk", film(Path("movie.mkv"), FILM), "--rewalk").err
    assert "the faces were named anew; earlier crops are out of date" in messages
    assert "names have changed" not in messages


def test_who_may_be_asked_for_has_a_photo_that_can_be_used(program: Program) -> None:
    photo(Path("known_faces/both.png"), "anna", "ben")
    messages = program("pick", "movie", "--person", "carla").err
    assert (
        "No person 'carla' in output/movie. Known: anna, ben; any and unknown work too" in messages
    )
    assert "no usable photo of both" in program("pick", "movie", "--person", "both").err


def test_an_empty_folder_of_photos_is_told(program: Program) -> None:
    for path in Path("known_faces").glob("*.png"):
        path.unlink()
    assert (
        "known_faces/ has no photos, so everybody is unknown"
        in program("pick", "movie", "--person", "any").err
    )


def test_without_photos_names_stay(program: Program) -> None:
    done = program("name", "movie", "--known-faces", "nowhere")
    assert done.code == 0
    assert done.err.splitlines() == [
        "No folder nowhere/ here, so new faces stay unnamed and old names stay; put NAME.jpg "
        "there, give --known-faces, or name people from the movie: mine-video cast output/MOVIE"
    ]
    assert _people() == WALKED


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        pytest.param((), 2, "give the folder of a movie, or --rename OLD NEW", id="nothing"),
        pytest.param(
            ("nowhere",), 1, "nowhere: holds no walk, as there is no such folder", id="no folder"
        ),
        pytest.param(("movie", "--rename", "ana", "x"), 1, "Did you mean 'anna'?", id="nobody"),
        pytest.param(("movie", "--rename", "anna", "a/b"), 1, "--rename: a name", id="no name"),
        pytest.param(("movie", "--rename", "anna"), 2, "--rename", id="one name"),
        pytest.param(("movie", "--tolerance", "3"), 2, "--tolerance", id="tolerance"),
        pytest.param(("movie", "nowhere"), 1, "1 of 2 failed", id="one of two"),
    ],
)
def test_what_is_wrong_is_told(
    args: tuple[str, ...], code: int, words: str, program: Program
) -> None:
    done = program("name", *args)
    assert done.code == code
    assert words in done.err
    assert _people() == WALKED


def test_a_movie_without_a_face_is_told(program: Program) -> None:
    program("walk", film(Path("empty.mkv"), [Shot(9)]))
    done = program("name", "empty")
    assert (done.code, done.table) == (0, [["empty.mkv", "-", "no", "face", "was", "found"]])


def test_a_walk_that_is_not_finished_is_told(program: Program) -> None:
    Path("output/movie/tracks.npz").unlink()
    done = program("name", "movie")
    assert (done.code, done.out) == (1, "")
    assert "its walk is not finished; `mine-video walk" in done.err


def test_a_command_that_is_told_names_the_output(program: Program) -> None:
    program("walk", film(Path("movie.mkv"), FILM), "--output", "else where")
    (Path("else where") / "movie" / "tracks.npz").unlink()
    command = program("name", "else where/movie").err.split("`")[1]
    assert shlex.split(command)[-2:] == ["--output", "else where"]


def test_a_command_that_is_told_can_be_pasted(program: Program) -> None:
    name = "Les Amis & Cie (2012).mkv"
    assert program("walk", film(Path(name), FILM)).code == 0
    folder = Path("output") / Path(name).stem
    (folder / "tracks.npz").unlink()
    command = program("name", folder).err.split("`")[1]
    assert shlex.split(command)[:3] == ["mine-video", "walk", str(Path(name).absolute())]
    assert program(*shlex.split(command)[1:]).code == 0
    sampled = program("judge", folder, "--sample", "3").out
    again = shlex.split(sampled.partition("Then run: ")[2])
    assert again[:2] == ["mine-video", "judge"]
    assert Path(again[-1]).is_file()


class CrashError(Exception):
    """Simulates the end of the program."""


@pytest.mark.parametrize("last", [1, 2, 3])
def test_after_a_crash_between_the_files_the_next_call_names_all(
    last: int, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are written in the order tracks.npz, faces.csv, tracks.npz; a crash before each."""
    folder, calls = Path("output/movie"), []
    photo(Path("known_faces/carl.png"), "carl")
    job = Job(walk=puppet.SETTINGS)
    whole = files.replacing

    def crashing(path: Path) -> object:
        calls.append(path.name)
        if path.parent == folder and len([c for c in calls if c != ".embeddings.npz"]) == last:
            raise CrashError
        return whole(path)

    with monkeypatch.context() as patch:
        for module in (faces_csv, npz):
            patch.setattr(module, "replacing", crashing)
        with pytest.raises(CrashError):
            mine.identify(folder, job)
    rows, _ = read_walk(folder)
    assert len(rows) == 75, "both files are whole"
    mine.identify(folder, job)
    assert _people() == WALKED - {(1, "")} | {(1, "carl")}
    assert sorted(tracks_npz.read_tracks(folder / "tracks.npz").people) == ["anna", "ben", "carl"]


def test_tracks_of_before_people_were_in_them_are_made_anew(
    program: Program, tmp_path: Path
) -> None:
    """Files of an older version."""
    path = Path("output/movie/tracks.npz")
    names = ["embedding", "track", "frame", "quality", "walk", "people", "far", "gallery"]
    npz.write_arrays(path, npz.read_arrays(path, dict.fromkeys(names)))
    with pytest.raises(TableError, match=r"movie: its walk is not finished; `mine-video walk"):
        mine.identify(path.parent, Job(walk=puppet.SETTINGS))
    film(Path("movie.mkv"), FILM)
    assert program("walk", "movie.mkv").code == 0
    assert _people() == WALKED


def test_the_names_of_a_job_are_compared_composed(program: Program) -> None:
    Path("known_faces/anna.png").rename("known_faces/Zoe\u0308.png")
    film(Path("movie.mkv"), FILM)
    job = job_of({"people": ("Zoe\u0308",)})
    assert job.people == ("Zo\u00eb",)
    assert {o.person for o in mine.mine(Path("movie.mkv"), job, puppet.silent)} == {"Zo\u00eb"}
