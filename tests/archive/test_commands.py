"""Tests of commands over many movies, given by their common folder or by a pattern."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import opentimelineio as otio
import pandas as pd
import pytest

from pipeline.disk import failure
from pipeline.disk import manifest as manifests
from pipeline.disk.find import find_walks
from pipeline.disk.walked import CAST, CAST_TABLE, PHOTO_LIST
from pipeline.errors import OutputError
from pipeline.settings import Job
from tests.support import puppet
from tests.support.program import Program, caller
from tests.support.puppet import Shot, Square

ANNA = ("--person", "anna", "--emotion", "happy", "--smooth", "1")
LEFT_OUT = "leaving out 1 failed walk; `mine-video status` shows why"

Given = Callable[[Path], list[Path]]


@pytest.fixture
def program(
    output: Path, job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    """Runs `mine-video` in the folder of output/, with three walks and a failed one."""
    puppet.plug_in(monkeypatch, instead=True)
    monkeypatch.chdir(output.parent)
    with pytest.raises(OutputError), failure.recorded(output / "actor", Path("actor.jpg")):
        raise OutputError("actor.jpg: is a picture; give a movie")
    Path("known_faces").symlink_to(job.known_faces)
    return caller(monkeypatch, capsys)


def _cast(output: Path) -> None:
    """Makes the files that `cast` of several movies leaves beside them."""
    (output / CAST).mkdir()
    for path in (output / CAST_TABLE, output / CAST / PHOTO_LIST, output / CAST / "sheet.jpg"):
        path.touch()


def _pattern(output: Path) -> list[Path]:
    return sorted(path for path in output.iterdir() if path.is_dir())


def _names(output: Path) -> list[Path]:
    return [Path(path.name) for path in _pattern(output) if path.name not in (CAST, "actor")]


@pytest.mark.parametrize(
    "given", [lambda output: [output], _pattern, _names], ids=["output/", "output/*/", "names"]
)
@pytest.mark.parametrize(
    ("command", "args"),
    [
        ("search", ANNA),
        ("stats", ()),
        ("pick", (*ANNA, "--no-report")),
        ("name", ()),
        ("judge", ("--sample", "9")),
        ("export", ("--edl", *ANNA)),
    ],
)
def test_all_movies_are_given_in_one_way_for_all_commands(
    command: str, args: tuple[str, ...], given: Given, program: Program, output: Path
) -> None:
    _cast(output)
    done = program(command, *given(Path("output")), *args)
    assert done.code == 0, done.err
    assert "holds no walk" not in done.err
    assert (LEFT_OUT in done.err) == (given is not _names)
    assert done.out.count("talk") >= 2
    assert "odd" in done.out


def test_the_example_of_table_works(program: Program, output: Path) -> None:
    _cast(output)
    done = program("table", *_pattern(Path("output")), "--to", "all.csv")
    assert (done.code, done.out) == (0, "all.csv: 178 rows of 3 movies\n")


@pytest.mark.parametrize("ending", [".otio", ".XML"])
def test_a_search_writes_one_timeline_of_all_films(program: Program, ending: str) -> None:
    line = ("search", "output", "--person", "any", "--emotion", "happy", "--smooth", "1",
            "--timeline", f"happy{ending}", "--csv", "happy.csv")  # fmt: skip
    done = program(*line)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == f"happy{ending}"
    adapter = "otio_json" if ending == ".otio" else "fcp_xml"
    text = Path(f"happy{ending}").read_text()
    clips = list(otio.adapters.read_from_string(text, adapter).tracks[0].find_clips())
    rows = pd.read_csv("happy.csv")
    assert len(rows) > 2
    assert rows["movie"].nunique() > 1
    for n, (row, clip) in enumerate(zip(rows.itertuples(), clips, strict=True), 1):
        assert clip.name == f"{row.person} {row.emotion} {n:03d}"
        assert clip.media_reference.target_url.endswith(f"/{quote(str(row.movie))}")
        assert int(clip.source_range.start_time.value) == row.first
        assert clip.source_range.duration.to_seconds() == pytest.approx(row.seconds, abs=0.01)
    assert program(*line).code == 0, "it may replace its own"


def test_a_timeline_is_refused_where_it_cannot_be(program: Program) -> None:
    Path("own.otio").write_text("mine")
    kinds = {"premiere.xml": "<!DOCTYPE xmeml><xmeml><sequence><name>mine</name>",
             "resolve.otio": '{"OTIO_SCHEMA": "Timeline.1", "name": "mine", '}  # fmt: skip
    for name, text in kinds.items():
        Path(name).write_text(text)
    for path, told in (
        ("cuts.edl", "cuts.edl must end in .otio or .xml"),
        ("own.otio", "is not a file that this command wrote"),
        *((name, "is not a file that this command wrote") for name in kinds),
        ("output/talk/cuts.otio", "is in the folder of a movie"),
    ):
        done = program("search", "output", *ANNA, "--timeline", path)
        assert done.code != 0
        assert told in done.err
    assert Path("own.otio").read_text() == "mine"
    assert all(Path(name).read_text() == text for name, text in kinds.items())


def test_a_timeline_without_moments_goes_and_leaves_out_films_that_are_gone(
    program: Program,
) -> None:
    line = "search", "output", "--person", "any", "--smooth", "1", "--timeline", "happy.otio"
    assert program(*line, "--emotion", "happy").code == 0
    whole = Path("happy.otio").read_text()
    walk = manifests.read(Path("output/talk"))
    manifests.write(Path("output/talk"), replace(walk, movie=Path("gone.mkv").absolute()))
    done = program(*line, "--emotion", "happy")
    assert done.code == 1
    assert "gone.mkv: the movie is gone" in done.err
    assert "left out of happy.otio" in done.err
    assert done.err.endswith("1 movie is missing, see above; the others are done\n")
    assert "/films/talk.mkv" in whole
    assert "/films/talk.mkv" not in Path("happy.otio").read_text()
    assert "/more/talk.mkv" in Path("happy.otio").read_text()
    program(*line, "--emotion", "happy", "--sheet", "sheets")
    assert any(Path("sheets").iterdir())
    done = program(*line, "--emotion", "happy", "--repeat", "999", "--sheet", "sheets")
    assert done.code == 0
    assert "sheets: nothing is added; what is there is of an earlier search" in done.err
    assert not Path("happy.otio").exists()
    assert "happy.otio: removed, since no moment is left to show" in done.err


@pytest.mark.parametrize("command", ["pick", "name", "cast", "judge", "annotate", "export"])
def test_a_failed_folder_shows_the_reason(command: str, program: Program) -> None:
    args = {"judge": ("--sample", "9"), "export": ("--edl",)}.get(command, ())
    done = program(command, "output/actor", *args)
    assert done.code == 1
    assert "output/actor: its walk failed: actor.jpg: is a picture; give a movie" in done.err


def test_status_shows_all_walks(program: Program) -> None:
    done = program("status")
    assert done.code == 0
    assert "output/actor: actor.jpg: is a picture" in done.out
    assert "3 done, 1 failed" in done.err
    (other,) = (line for line in done.out.splitlines() if "output/talk-" in line)
    assert other.endswith("/films/more/talk.mkv)")


def test_somebody_with_photos_whom_no_walk_knows(program: Program, job: Job) -> None:
    Path("faces").mkdir()
    shutil.copy(job.known_faces / "anna.png", "faces/zoe.png")
    done = program("search", "--person", "zoe", "--known-faces", "faces")
    assert done.code == 1
    assert "zoe is in none of the walked movies, or they were named before zoe" in done.err
    assert "then run `mine-video name output --known-faces faces`" in done.err
    Path("faces/zoe.png").unlink()
    none = program("search", "--person", "zoe", "--known-faces", "faces")
    assert "No person 'zoe'" in none.err


def test_a_failed_walk_is_counted_with_no_tables(program: Program, output: Path) -> None:
    first, later = program("stats"), program("stats")
    assert first.err.splitlines() == [LEFT_OUT, "making the tables of 3 of 3 movies"]
    assert later.err.splitlines() == [LEFT_OUT]
    assert len(find_walks([output])) == 4


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--person", "anna", "--emotion", "disgust"), "anna never looks disgusted here (happy"),
        (
            ("--person", "ben", "--repeat", "99"),
            "talk.mkv, ben happy: longest run is 30 of 99 frames; try",
        ),
        (
            ("--person", "anna", "--with", "unknown", "--without", "unknown"),
            "--with keeps none of 39 faces; leave it out",
        ),
    ],
)
def test_a_search_that_finds_nothing_says_why(
    args: tuple[str, ...], told: str, program: Program
) -> None:
    done = program("search", *args)
    assert done.code == 0
    assert len(done.out.splitlines()) == 1
    assert done.err.splitlines()[-1].startswith("no moments; ")
    assert told in done.err


def test_which_film_has_most_of_a_look(program: Program) -> None:
    done = program("stats", "--emotion", "happy", "--by-movie")
    head, most, *_, least = done.out.splitlines()
    assert head.split()[:6] == ["movie", "person", "on", "screen", "happy", "tracks"]
    assert most.split()[:6] == ["talk", "any", "3.2", "s", "2.8", "s"]
    # Two films have one name, and so their folders'.
    movies = sorted(line.split()[0].partition("-")[0] for line in done.out.splitlines()[1:])
    assert movies == ["it's", "talk", "talk"]
    assert float(least.split(" s ")[1]) <= 2.8
    nothing = program("stats", "--emotion", "disgust")
    assert nothing.code == 0
    assert "no face in any of 3 movies looks disgusted" in nothing.err


def test_if_all_walks_failed_the_reason_is_shown(program: Program) -> None:
    done = program("stats", "output/actor")
    assert done.code == 1
    assert "its walk failed: actor.jpg: is a picture" in done.err


def test_what_belongs_to_one_movie_does_not_go_with_a_folder_of_many(program: Program) -> None:
    done = program("export", "output", "--edl", "--movie", "talk.mkv")
    assert (done.code, done.out) == (2, "")
    assert "--movie works with one folder only" in done.err
    done = program("annotate", "output", "--subtitles", "talk.srt")
    assert (done.code, done.out) == (2, "")
    assert "--subtitles FILE works with one movie only" in done.err


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("search", "--csv", "file/x.csv"), "file/x.csv: cannot be written"),
        (("search", "--pick", "file/x"), "file/x: cannot be written"),
        (("table", "--to", "file/x.csv"), "file/x.csv: cannot be written"),
    ],
)
def test_a_file_that_cannot_be_written_names_its_option(
    args: tuple[str, ...], told: str, program: Program
) -> None:
    Path("file").touch()
    done = program(*args)
    assert done.code == 1
    assert told in done.err
    assert args[1] in done.err
    assert "--output" not in done.err


def test_a_table_of_an_unknown_kind_is_refused_before_any_is_made(
    program: Program, output: Path
) -> None:
    done = program("table", "--to", "all.xlsx")
    assert done.code == 2
    assert "Invalid value for --to: all.xlsx must end in .csv or .parquet" in done.err
    assert not list(output.glob("*/faces.parquet"))


def test_a_list_of_an_earlier_version_is_replaced(program: Program) -> None:
    Path("a.csv").write_text("movie,folder,person,emotion,start,stop,first,last,track\n")
    assert program("search", "--csv", "a.csv").code == 0
    assert ",stop,seconds," in Path("a.csv").read_text()


@pytest.mark.parametrize("call", [("search", "--csv", "a.csv"), ("table", "--to", "a.csv"),
                                  ("table", "--to", "a.parquet")])  # fmt: skip
def test_a_list_replaces_only_a_list_of_its_kind(
    call: tuple[str, ...], program: Program, output: Path
) -> None:
    assert program(*call).code == 0
    assert program(*call).code == 0, "a second time"
    Path(call[2]).write_text("clip,person,emotion\n")
    done = program(*call)
    assert (done.code, Path(call[2]).read_text()) == (1, "clip,person,emotion\n")
    assert f"{call[1]} {call[2]}: exists, and is not a file that this command wrote" in done.err
    inside = output / "talk" / "faces.csv"
    before = inside.read_bytes()
    done = program(call[0], call[1], inside)
    assert (done.code, inside.read_bytes()) == (1, before)
    assert "is in the folder of a movie" in done.err


def test_a_movie_named_like_the_output_folder_hides_no_other(
    program: Program, output: Path
) -> None:
    (output / "talk").rename(output / "output")
    done = program("status", "output")
    assert done.code == 0
    assert "3 done, 1 failed" in done.err


def test_a_movie_given_by_path_is_not_another_of_its_name(program: Program, output: Path) -> None:
    movie = puppet.film(Path("else") / "talk.mkv", [Shot(30, [Square("anna", "happy")])])
    assert program("walk", movie).code == 0
    own = manifests.folder_for(movie, output)
    assert own.name != "talk"
    done = program("status", movie)
    assert f"output/{own.name}" in done.out
    assert "1 done" in done.err


def test_a_photo_with_a_bad_name_takes_no_status_away(program: Program) -> None:
    puppet.photo(Path("others") / "unknown.png", "anna")
    done = program("status", "--known-faces", "others")
    assert done.code == 0
    assert "a person cannot be called 'unknown'" in done.err
    assert "3 done, 1 failed" in done.err


def test_a_folder_that_is_not_there_is_no_folder_without_a_walk(program: Program) -> None:
    done = program("table", "output", "nosuch", "--to", "all.csv")
    assert done.code == 1
    assert "nosuch: no such folder" in done.err
    assert not Path("all.csv").exists()


def test_a_walk_above_the_current_folder_is_seen(
    program: Program, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (output / "talk" / "anna").mkdir()
    monkeypatch.chdir(output / "talk" / "anna")
    done = program("table", output, "--to", "all.csv")
    assert (done.code, Path("all.csv").exists()) == (1, False)


def test_what_a_killed_search_left_is_cleared(program: Program, output: Path) -> None:
    assert program("search", output, *ANNA, "--pick", "found").code == 0
    left, mine = Path("found/.new-abcd1234"), Path("found/.newest")
    for folder in (left, mine):
        folder.mkdir()
        (folder / "face.jpg").touch()
    assert program("search", output, *ANNA, "--pick", "found").code == 0
    assert (left.exists(), mine.exists()) == (False, True)
