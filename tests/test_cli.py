"""The command line: what it prints and where, its exit codes, and the advice in its messages."""

import errno
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest
from wcwidth import wcswidth

from pipeline import __version__, cli, mine
from pipeline.errors import ModelError
from pipeline.report.outcome import Outcome
from pipeline.settings import Job, PickSettings, WalkSettings
from tests.support import puppet
from tests.support.program import Program, caller
from tests.support.puppet import Shot, Square, film, photo

TALK = (Shot(30, (Square("anna", "happy 12, sad 5, happy", x=20, dx=1), Square("ben", y=90))),)


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    """Runs `mine-video` in a folder with known_faces/ and movie.mkv, with puppets for networks."""
    puppet.plug_in(monkeypatch, instead=True)
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "known_faces" / "anna.png", "anna")
    photo(tmp_path / "known_faces" / "ben.png", "ben")
    film(tmp_path / "movie.mkv", TALK)

    return caller(monkeypatch, capsys)


REPORTED = ("--person", "anna", "--emotion", "happy", "--smooth", "1")
HAPPY_ANNA = (*REPORTED, "--no-report")
"""Drawing a report takes longer than all else."""


def _crops(folder: Path) -> list[Path]:
    """The crops in a folder, without the contact sheets."""
    return sorted(folder.glob("*_f*.jpg"))


def _table(out: str) -> list[list[str]]:
    return [line.split() for line in out.splitlines()]


# --- what is printed where ----------------------------------------------------------------------


def test_results_go_to_standard_output_and_nothing_else(program: Program) -> None:
    done = program("movie.mkv", *HAPPY_ANNA)
    assert done.code == 0
    assert _table(done.out) == [
        ["movie", "person", "emotion", "seen", "steady", "runs", "folder"],
        ["movie.mkv", "anna", "happy", "25", "25", "2", "output/movie/anna/happy"],
    ]
    assert len(_crops(Path("output/movie/anna/happy"))) == 25


def test_nothing_kept_is_no_error_and_says_what_to_try(program: Program) -> None:
    done = program("movie.mkv", *HAPPY_ANNA, "--repeat", "20")
    assert done.code == 0
    (line,) = _table(done.out)[1:]
    assert line[:6] == ["movie.mkv", "anna", "happy", "25", "0", "0"]
    assert " ".join(line[6:]) == "- longest run is 13 of 20 frames; try --repeat 13"
    assert "removed" not in done.err
    assert program("movie.mkv", *HAPPY_ANNA).code == 0
    emptied = program("movie.mkv", *HAPPY_ANNA, "--repeat", "20")
    assert "output/movie/anna/happy: crops of an earlier pick removed: 25" in emptied.err


def test_explain_says_how_many_faces_each_step_leaves(program: Program) -> None:
    asked = ("movie.mkv", *HAPPY_ANNA, "--explain", "--repeat", "13", "--per-run", "2")
    header, line, steps = program(*asked).out.splitlines()
    assert header.split()[0] == "movie"
    assert line.split()[3:6] == ["25", "2", "1"]
    assert steps.strip() == (
        "faces 60 > person 30 > emotion 25 > repeat 13 > sure 13 > min-prob 13 > min-size 13 > "
        "min-sharpness 13 > max-yaw 13 > single-face 13 > border 13 > per-run 2"
    )
    assert len(program(*asked[:-5], "--repeat", "13").out.splitlines()) == 2
    *_, steps = program("movie.mkv", *HAPPY_ANNA, "--explain", "--repeat", "20").out.splitlines()
    assert steps.strip() == "faces 60 > person 30 > emotion 25 > repeat 0"


def test_half_a_second_is_thirteen_frames(program: Program) -> None:
    done = program("movie.mkv", *HAPPY_ANNA, "--repeat", "0.5s")
    assert _table(done.out)[1][3:6] == ["25", "13", "1"]
    done = program("movie.mkv", *HAPPY_ANNA, "--repeat", "0.53s")
    assert "longest run lasts 0.52 of 0.53 s; try --repeat 0.52s" in done.out


def test_compare_writes_a_comparison(program: Program) -> None:
    assert program("movie.mkv", *HAPPY_ANNA, "--compare").code == 0
    sheets = [p.name for p in Path("output/movie/anna/happy").glob("*.jpg") if "_f" not in p.name]
    assert sorted(sheets) == ["compare.jpg", "sheet.jpg"]


@pytest.mark.e2e
def test_huge_numbers_keep_nothing_and_are_no_bug(program: Program) -> None:
    program("walk", "movie.mkv")
    huge = "9" * 30
    for option in ("--repeat", "--min-size", "--min-sharpness", "--border"):
        done = program("pick", "movie", *HAPPY_ANNA, option, huge)
        assert (done.code, _table(done.out)[1][4]) == (0, "0"), option
    for option in ("--gap", "--per-run", "--smooth"):
        assert program("pick", "movie", *HAPPY_ANNA, option, huge).code == 0, option
    assert program("pick", "movie", *HAPPY_ANNA, "--repeat", "1e300s").code == 0


def test_judge_makes_a_sample_and_then_a_table(program: Program) -> None:
    program("walk", "movie.mkv")
    asked = program("judge", "movie", "--sample", "10")
    assert asked.code == 0
    assert "Look at output/movie/sample.jpg and fill in the column emotion" in asked.out
    sample = Path("output/movie/sample.csv")
    sample.write_text(sample.read_text().replace(",,", ",happy,"))
    refused = program("judge", "movie", "--sample", "10")
    assert (refused.code, refused.out) == (1, "")
    assert "sample.csv: holds labels already" in refused.err
    judged = program("judge", "movie", "--truth", sample)
    assert judged.code == 0
    lines = judged.out.splitlines()
    assert lines[0].split()[:4] == ["repeat", "smooth", "sure", "min-prob"]
    assert lines[1].split()[:5] == ["1", "1", "0", "0", "10"]
    assert lines[-2:] == ["output/movie/judge.csv", "output/movie/judge.png"]


def test_mine_is_the_default_command(program: Program) -> None:
    short = program("movie.mkv", *HAPPY_ANNA)
    long = program("mine", "movie.mkv", *HAPPY_ANNA)
    assert (short.out, short.code) == (long.out, long.code)


def test_options_may_come_first(program: Program) -> None:
    assert program(*HAPPY_ANNA, "movie.mkv").code == 0


def test_people_may_be_called_as_commands_are(program: Program) -> None:
    photo(Path("known_faces/data.png"), "anna")
    done = program("--person", "data", "movie.mkv", "--no-report")
    assert done.code == 0, done.err
    done = program("--repeat", "8", "search", "output")
    assert (done.code, "put options after the command: mine-video search" in done.err) == (
        2, True,
    )  # fmt: skip


def test_walk_prints_the_table_it_wrote(program: Program) -> None:
    done = program("walk", "movie.mkv", "--every", "2")
    assert (done.out, done.code) == ("output/movie/faces.csv\n", 0)
    lines = Path("output/movie/faces.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * 15
    assert not Path("output/movie/anna").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--repeat", "8"], []),
        (["--repeat", "8", "--smooth", "5"], ["--smooth 5 averages nothing; try --smooth 13"]),
        (["--repeat", "3", "--smooth", "13"], ["--repeat 3 filters nothing; try --repeat 8"]),
        (["--repeat", "8", "--smooth", "13"], []),
        (["--repeat", "1", "--smooth", "1"], []),
    ],
)
def test_filters_that_a_stride_makes_idle_are_told(
    options: list[str], told: list[str], program: Program
) -> None:
    program("walk", "movie.mkv", "--every", "4")
    err = program("pick", "movie", "--person", "any", "--no-report", *options).err
    found = [line.partition(" analysed, so ")[2] for line in err.splitlines() if "analysed" in line]
    assert found == told


def test_a_pick_of_every_face_is_asked_for(program: Program) -> None:
    program("walk", "movie.mkv")
    done = program("pick", "movie")
    assert done.code == 2
    assert "mine-video pick movie --person NAME, or --emotion happy" in done.err
    assert not list(Path("output").rglob("crops.csv"))
    assert program("pick", "movie", "--person", "any", "--no-report").code == 0
    assert list(Path("output").rglob("crops.csv"))


def test_a_walked_movie_leads_to_pick(program: Program) -> None:
    assert program("walk", "movie.mkv").code == 0
    assert "It was walked before: mine-video pick movie …" in program("movie").err
    for folder in ("output", "output/movie"):
        assert f"{folder}: holds walked movies" in (told := program(folder, *HAPPY_ANNA).err)
        assert f"mine-video pick {folder} …" in told


def test_the_help_of_pick_says_when_everybody_is_picked(program: Program) -> None:
    told = " ".join(program("pick", "--help").out.split())
    assert told.count("[default: (any, where the other one is given)]") == 2


def test_a_pick_without_a_person_says_that_it_picks_everybody(program: Program) -> None:
    words = "no --person is given: everybody is picked"
    assert words in program("movie.mkv", "--emotion", "happy", "--no-report").err
    assert words in program("pick", "movie", "--emotion", "happy", "--no-report").err
    for person in ("anna", "any"):
        assert words not in program("pick", "movie", "--person", person, "--no-report").err


def test_mining_everybody_leads_on_to_a_pick_of_one(program: Program) -> None:
    words = "to pick one of them with one look, from the same walk: mine-video "
    last = program("movie.mkv", "--emotion", "any").err.splitlines()[-1]
    assert last == f"{words}pick output/movie --person anna --emotion happy"
    picked = program(*shlex.split(last.removeprefix(words)))
    assert "output/movie/anna/happy" in picked.out
    Path("known_faces").rename("my faces")
    strict = "--known-faces", "my faces", "--repeat", "1", "--smooth", "1"
    made = program("movie.mkv", *strict, "--emotion", "happy")
    crops = {*Path("output/movie/anna/happy").glob("*.jpg")}
    assert crops
    picked = program(*shlex.split(made.err.splitlines()[-1].removeprefix(words)))
    assert "names have changed" not in picked.err
    assert {*Path("output/movie/anna/happy").glob("*.jpg")} == crops
    Path("my faces").rename("known_faces")
    for other in (("movie.mkv", "--person", "any"), ("movie.mkv", "--repeat", "99"),
                  ("pick", "movie", "--emotion", "any")):  # fmt: skip
        assert words not in program(*other).err


def test_a_run_says_what_to_open_and_what_to_do_next(program: Program) -> None:
    assert program("movie.mkv", *REPORTED).err.endswith("report: output/movie/report.html\n")
    Path("known_faces", "ben.png").unlink()
    err = program("pick", "movie", *REPORTED).err
    assert err.endswith("1 track has no name; to sort it: mine-video cast output/movie\n")


def test_tables_stay_aligned_with_wide_letters(program: Program) -> None:
    film(Path("電影.mkv"), TALK)
    film(Path("宮崎駿 千と千尋の神隠し 第一部.mkv"), TALK)
    Path("known_faces", "ben.png").rename("known_faces/李小龙.png")
    out = program("電影.mkv", "movie.mkv", "宮崎駿 千と千尋の神隠し 第一部.mkv", "--person", "any",
                  "--smooth", "1", "--no-report").out  # fmt: skip
    header, *rows = out.splitlines()
    assert any("…" in row for row in rows)
    assert any("李小龙" in row for row in rows)
    for row in rows:
        for title in ("person", "emotion"):
            before = header.index(title)
            assert wcswidth(row[: _letters_in(row, before)]) == before, row


def _letters_in(text: str, columns: int) -> int:
    """How many letters fill so many columns of a terminal, or the most that do not."""
    return max(n for n in range(len(text)) if wcswidth(text[:n]) <= columns)


def test_a_report_is_written_on_demand_and_told_to_be_out_of_date(program: Program) -> None:
    program("movie.mkv", *REPORTED)
    renamed = program("name", "movie", "--rename", "anna", "zoe").err
    line = "report.html is out of date; write it anew: mine-video report output/movie"
    assert line in renamed
    assert program("status").out == f"done         output/movie: {line}\n"
    assert program("report", "movie").out == "output/movie/report.html\n"
    assert program("status").out == "done         output/movie\n"
    assert "zoe" in Path("output", "movie", "report.html").read_text(encoding="utf-8")
    nothing = program("report", "nowhere")
    assert (nothing.code, nothing.out) == (1, "")


@pytest.mark.parametrize("place", ["output/movie", "output/movie/faces.csv", "movie"])
def test_pick_takes_a_folder_a_table_or_a_name(place: str, program: Program) -> None:
    program("walk", "movie.mkv")
    done = program("pick", place, *HAPPY_ANNA, "--repeat", "13")
    assert done.code == 0
    assert _table(done.out)[1] == [
        "movie.mkv", "anna", "happy", "25", "13", "1", "output/movie/anna/happy",
    ]  # fmt: skip


def test_pick_with_a_moved_movie(program: Program) -> None:
    program("walk", "movie.mkv")
    Path("movie.mkv").rename("moved.mkv")
    gone = program("pick", "movie", *HAPPY_ANNA)
    assert gone.code == 1
    assert "movie.mkv: the movie is gone" in gone.err
    assert "--movie PATH" in gone.err
    assert program("pick", "movie", *HAPPY_ANNA, "--movie", "moved.mkv").code == 0


def test_progress_is_for_terminals_only(program: Program) -> None:
    assert "frame/s" not in program("movie.mkv", *HAPPY_ANNA).err


def test_quiet_says_nothing_and_verbose_more(program: Program) -> None:
    assert "gallery known_faces is " in program("walk", "movie.mkv", "-v").err
    plain = program("walk", "movie.mkv").err
    assert "walked before" in plain
    assert "gallery" not in plain
    assert program("walk", "movie.mkv", "-q").err == ""


def test_the_program_is_installed_by_this_name() -> None:
    (found,) = entry_points(group="console_scripts", name="mine-video")
    assert found.value == "pipeline.cli:run"


def test_version(program: Program) -> None:
    assert program("--version").out == f"mine-video, version {__version__}\n"


# --- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "job"),
    [
        pytest.param([], Job(), id="defaults are those of the settings"),
        pytest.param(
            ["--person", "rdj", "--person", "any", "--emotion", "sad"],
            Job(("rdj", "any"), ("sad",)),
            id="people and emotions",
        ),
        pytest.param(
            ["--repeat", "3", "--smooth", "1", "--min-prob", "0.5", "--margin", "0"],
            Job(pick=PickSettings(repeat=3, smooth=1, min_prob=0.5, margin=0.0)),
            id="picking",
        ),
        pytest.param(
            ["--smooth", "AUTO", "--sure", "0.9"], Job(pick=PickSettings(sure=0.9)), id="surely"
        ),
        pytest.param(
            ["--repeat", "0.5s"], Job(pick=PickSettings(repeat_seconds=0.5)), id="seconds"
        ),
        pytest.param(
            ["--min-size", "60", "--min-sharpness", "20", "--max-yaw", "30", "--single-face"],
            Job(pick=PickSettings(min_size=60, min_sharpness=20, max_yaw=30, single_face=True)),
            id="gates",
        ),
        pytest.param(
            ["--gap", "2", "--border", "0", "--per-run", "3", "--compare"],
            Job(pick=PickSettings(gap=2, border=0, per_run=3), compare=True),
            id="gaps, borders, thinning",
        ),
        pytest.param(
            ["--every", "2", "--width", "320", "--detect-every", "4", "--start", "1", "--end", "2"],
            Job(walk=WalkSettings(2, 320, 4, 1.0, 2.0)),
            id="walking",
        ),
        pytest.param(
            ["--align", "--rewalk"], Job(walk=WalkSettings(align=True), rewalk=True), id="flags"
        ),
        pytest.param(
            ["--detector", "hog", "--recognizer", "face_recognition", "--device", "cuda"],
            Job(walk=WalkSettings(detector="hog", recognizer="face_recognition"), device="cuda"),
            id="backends",
        ),
        pytest.param(
            ["--emotion-model", "/nets/mine.keras"],
            Job(walk=WalkSettings(emotion="/nets/mine.keras")),
            id="an emotion network of one's own",
        ),
        pytest.param(
            ["--output", "a", "--known-faces", "b", "--tolerance", "0.4", "--workers", "3"],
            Job(output=Path("a"), known_faces=Path("b"), tolerance=0.4, workers=3),
            id="places",
        ),
    ],
)
def test_options_become_settings(
    args: list[str], job: Job, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Job] = []

    def ask(movie: Path, job: Job, *progress: object) -> list[Outcome]:
        asked.append(job)
        return []

    monkeypatch.setattr(mine, "check_wanted", lambda job: None)
    monkeypatch.setattr(mine, "mine", ask)
    workers = [] if "--workers" in args else ["--workers", str(job.workers)]
    assert program("movie.mkv", *args, *workers).code == 0
    assert asked == [job]


COMMANDS = sorted(cli.main.commands)


def _example(command: click.Command) -> list[str]:
    lines = (command.help or "").splitlines()
    place = [line.strip() for line in lines].index("Example:")
    return shlex.split(lines[place + 1])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_that_works(name: str) -> None:
    command = cli.main.commands[name]
    program_, *args = _example(command)
    assert program_ == "mine-video"
    if args[0] == name:
        args = args[1:]
    # Without its parent a command would keep for all tests that there is no -h.
    parent = click.Context(cli.main, **cli.main.context_settings)
    assert command.make_context(name, args, parent=parent).params


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained_and_help_is_short_and_plain(name: str, program: Program) -> None:
    for option in cli.main.commands[name].params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.help.endswith("."), option.name
    for flag in ("-h", "--help"):
        shown = program(name, flag)
        assert shown.code == 0
        assert shown.out.startswith(f"Usage: mine-video {name} ")
        assert "\n  Example:\n      mine-video " in shown.out


@pytest.mark.parametrize(
    "args", [["--help"], ["-h"], ["mine", "--help"], ["pick", "-h"]], ids=" ".join
)
def test_help_loads_nothing_heavy(args: list[str]) -> None:
    asked = f"import sys; sys.argv = ['mine-video', *{args}]; import pipeline.cli as c; c.run()"
    told = "print('LOADED', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"{asked}; {told}"], capture_output=True, text=True, check=True
    )
    shown, loaded = done.stdout.split("LOADED ")
    assert "Usage: mine-video" in shown
    heavy = {
        "PIL", "av", "cv2", "dlib", "matplotlib", "onnxruntime", "pandas", "scenedetect",
    }  # fmt: skip
    assert heavy & set(loaded.split()) == set()


# --- what goes wrong ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A call that fails, after something was done to the folder."""

    args: tuple[str, ...]
    words: tuple[str, ...]
    code: int = 1
    before: Callable[[Program], object] = lambda program: None


def _no_photo_with_a_face(program: Program) -> None:
    photo(Path("known_faces/anna.png"))


def _photo_with_two_faces(program: Program) -> None:
    photo(Path("known_faces/anna.png"), "anna", "ben")


def _not_a_photo(program: Program) -> None:
    Path("known_faces/anna.png").write_text("hello")


def _text_for_a_movie(program: Program) -> None:
    Path("text.mp4").write_text("this is no movie\n" * 100)


def _sound_only(program: Program) -> None:
    Path("empty.mkv").write_bytes(b"")


def _walked(program: Program) -> None:
    assert program("walk", "movie.mkv").code == 0


def _labelled(program: Program, line: str) -> None:
    _walked(program)
    Path("other.csv").write_text(f"clip,person,first,last,emotion\n{line}\n")


def _torn(program: Program) -> None:
    _walked(program)
    faces = Path("output/movie/faces.csv")
    faces.write_bytes(faces.read_bytes()[:-20])


def _foreign(program: Program) -> None:
    _walked(program)
    Path("output/movie/faces.csv").write_text("date,weight\n2020-01-01,70\n")


def _notes(program: Program) -> None:
    Path("notes.csv").write_text("date,weight\n")
    Path("empty").mkdir()


def _in_the_way(program: Program) -> None:
    Path("output").mkdir()
    Path("output/movie").write_text("in the way")


def _changed(program: Program) -> None:
    _walked(program)
    film(Path("movie.mkv"), [Shot(9)])


def _reserved_name(program: Program) -> None:
    photo(Path("known_faces/unknown.png"), "anna")


ANNA = ("movie.mkv", "--person", "anna")

CASES = {
    "missing movie": Case(("nowhere.mkv",), ("nowhere.mkv", "check the path")),
    "a folder for a movie": Case(("known_faces",), ("known_faces",)),
    "text named .mp4": Case(
        ("text.mp4",),
        ("text.mp4: not a playable movie, or damaged", "check that it plays"),
        before=_text_for_a_movie,
    ),
    "an empty file": Case(("empty.mkv",), ("empty.mkv: not a playable movie",), before=_sound_only),
    "a file where the folder is to be": Case(
        ("movie.mkv",), ("output/movie", "cannot be written", "--output"), before=_in_the_way
    ),
    "no photo of a person": Case(
        ("movie.mkv", "--person", "zoe"),
        ("No person 'zoe' in known_faces/.", "Known: anna, ben", "put a photo NAME.jpg"),
    ),
    "no photos at all": Case(
        (*ANNA, "--known-faces", "nowhere"),
        ("No person 'anna' in nowhere/.", "Known: nobody", "put a photo NAME.jpg"),
    ),
    "unknown person": Case(
        ("movie.mkv", "--person", "ana"), ("No person 'ana' in known_faces/. Did you mean 'anna'?",)
    ),
    "photo without a face": Case(
        ANNA,
        ("anna.png: no face found", "no usable photo of anna; add one"),
        before=_no_photo_with_a_face,
    ),
    "photo with several faces": Case(
        ANNA,
        ("anna.png: 2 faces found", "crop it to one face", "no usable photo of anna; add one"),
        before=_photo_with_two_faces,
    ),
    "a photo that is none": Case(
        ANNA, ("anna.png: not a readable photo", "no usable photo"), before=_not_a_photo
    ),
    "a name that cannot be": Case(
        ("movie.mkv",),
        ("unknown.png", "a person cannot be called", "choose another name"),
        before=_reserved_name,
    ),
    "other settings": Case(
        ("movie.mkv", "--every", "2"),
        ("--every was 1, now 2", "mine-video pick output/movie", "--rewalk", "--output"),
        before=_walked,
    ),
    "changed movie": Case(("movie.mkv",), ("the movie has changed", "--rewalk"), before=_changed),
    "start after the end": Case(
        ("movie.mkv", "--start", "99"),
        ("no frames between --start 99 s and", "the movie has frames from"),
    ),
    "torn faces.csv": Case(
        ("pick", "movie", *HAPPY_ANNA),
        ("faces.csv, line 61:", "delete it and run mine-video"),
        before=_torn,
    ),
    "foreign faces.csv": Case(
        ("pick", "output/movie/faces.csv", *HAPPY_ANNA),
        ("not a faces.csv", "'date,weight'", "delete it and run mine-video"),
        before=_foreign,
    ),
    "foreign CSV": Case(
        ("pick", "notes.csv"), ("notes.csv: holds no walk", "mine-video walk MOVIE"), before=_notes
    ),
    "no walk in the folder": Case(
        ("pick", "empty"), ("empty: holds no walk", "mine-video walk MOVIE"), before=_notes
    ),
    "no such folder": Case(
        ("pick", "nowhere"), ("nowhere: holds no walk", "mine-video walk MOVIE")
    ),
    "unknown detector": Case(
        ("movie.mkv", "--detector", "haar"), ("'haar' is not one of", "'yunet'", "'hog'"), 2
    ),
    "unknown emotion": Case(
        ("movie.mkv", "--emotion", "hapy"), ("'hapy' is not one of", "Did you mean 'happy'?"), 2
    ),
    **{
        f"repeat of {text}": Case(
            ("movie.mkv", "--repeat", text),
            ("Invalid value for '--repeat'", f"{text!r} is neither frames, such as 8, nor"),
            2,
        )
        for text in ("0", "-3", "0s", "-1s", "infs", "nans", "s", "8.5", "1e400s", "8 s 9", "")
    },
    **{
        f"{option} that is no number": Case(
            ("movie.mkv", option, "nan"), (f"Invalid value for '{option}'", "'nan' is not a"), 2
        )
        for option in (
            "--sure",
            "--min-prob",
            "--min-size",
            "--max-yaw",
            "--margin",
            "--tolerance",
            "--end",
        )
    },
    "neither labels nor a sample": Case(
        ("judge", "movie"), ("give either --truth FILE or --sample N",), 2
    ),
    "labels and a sample": Case(
        ("judge", "movie", "--truth", "a.csv", "--sample", "9"),
        ("give either --truth FILE or --sample N",),
        2,
    ),
    "a sample of none": Case(("judge", "movie", "--sample", "0"), ("--sample", "0 is not in"), 2),
    "a sample too large for a picture": Case(
        ("judge", "movie", "--sample", "1001"), ("--sample", "1001 is not in"), 2
    ),
    "labels that are not there": Case(
        ("judge", "movie", "--truth", "nowhere.csv"),
        ("nowhere.csv: cannot be read", "wanted clip, person, first, last, emotion"),
        before=_walked,
    ),
    "labels that are none": Case(
        ("judge", "movie", "--truth", "output/movie/faces.csv"),
        ("faces.csv: missing columns clip, emotion, first, last",),
        before=_walked,
    ),
    "labels of another movie": Case(
        ("judge", "movie", "--truth", "other.csv"),
        ("the labels are for other.mkv; check their columns clip, person, first and last",),
        before=lambda program: _labelled(program, "other.mkv,anna,0,9,happy"),
    ),
    "a judge without a walk": Case(
        ("judge", "nowhere", "--sample", "9"), ("nowhere: holds no walk",)
    ),
    "even smoothing": Case(
        ("movie.mkv", "--smooth", "4"), ("--smooth", "'4' is neither auto nor an odd number"), 2
    ),
    "no smoothing": Case(("movie.mkv", "--smooth", "much"), ("--smooth", "'much' is neither"), 2),
    "end before start": Case(
        ("movie.mkv", "--start", "2", "--end", "1"), ("--end", "must be after --start"), 2
    ),
    "unknown option": Case(("movie.mkv", "--repat", "8"), ("--repat", "--repeat"), 2),
    "no movie": Case(("mine",), ("Missing argument", "MOVIES", "mine-video mine movie.mp4"), 2),
    "no folder": Case(("pick",), ("Missing argument", "mine-video pick output/movie"), 2),
    "one movie for two walks": Case(
        ("pick", "a", "b", "--movie", "m.mkv"), ("--movie works with one folder only",), 2
    ),
    "a file for --output": Case(
        ("movie.mkv", "--output", "movie.mkv"), ("--output", "is a file"), 2
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_goes_wrong_is_told_with_what_to_do(case: Case, program: Program) -> None:
    case.before(program)
    done = program(*case.args)
    assert done.code == case.code
    for words in case.words:
        assert words in done.err
    assert "Traceback" not in done.err
    assert done.out == "", "a failure prints no result"


def test_a_folder_that_may_not_be_written_is_told(program: Program) -> None:
    Path("output").mkdir(mode=0o500)
    if os.access("output", os.W_OK):
        pytest.skip("this user may write everywhere")
    done = program("movie.mkv")
    assert done.code == 1
    assert "output/movie: cannot be written (Permission denied)" in done.err
    assert "--output" in done.err


def test_a_folder_that_may_not_be_written_is_told_to_root_too(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        done = program("movie.mkv")
    assert done.code == 1
    assert "output/movie: cannot be written (Permission denied)" in done.err
    assert "--output" in done.err


def test_one_of_several_movies_fails_and_the_others_are_done(program: Program) -> None:
    film(Path("other.mkv"), TALK)
    done = program("movie.mkv", "nowhere.mkv", "other.mkv", *HAPPY_ANNA)
    assert done.code == 1
    assert [line[0] for line in _table(done.out)] == ["movie", "movie.mkv", "other.mkv"]
    assert "nowhere.mkv" in done.err
    assert "1 of 3 failed, the others are done:" in done.err


def test_where_all_fail_no_others_are_done(program: Program) -> None:
    done = program("nowhere.mkv", "neither.mkv", *HAPPY_ANNA)
    assert "2 of 2 failed:\n" in done.err


@pytest.mark.parametrize("line", [("movie.mkv",), ("pick", "movie")])
def test_a_name_without_its_quotes_is_told(line: tuple[str, ...], program: Program) -> None:
    Path("known_faces/anna.png").rename("known_faces/Anna Maria.png")
    done = program(*line, "--person", "anna", "maria", "--emotion", "happy")
    assert done.code == 2
    assert "'maria' is part of a name; put that in quotes: --person 'Anna Maria'" in done.err


def test_a_picture_that_is_no_photo_is_told_with_the_name(program: Program) -> None:
    Path("known_faces/zoe.heic").write_bytes(b"ftypheic")
    assert program("walk", "movie.mkv").code == 0
    done = program("pick", "movie", "--person", "zoe")
    assert done.code == 1
    assert "no usable photo of zoe (`mine-video name output/movie` says why)" in done.err
    assert "zoe.heic: cannot read this kind of picture" in program("name", "output/movie").err


def test_two_movies_with_one_stem(program: Program) -> None:
    film(Path("a/m.mkv"), TALK)
    film(Path("b/m.mkv"), [Shot(12, (Square("anna"),))])
    done = program("a/m.mkv", "b/m.mkv", *HAPPY_ANNA)
    assert done.code == 0
    first, second = (line[6] for line in _table(done.out)[1:])
    assert first == "output/m/anna/happy"
    assert second.startswith("output/m-")
    assert len(_crops(Path(first))) == 25
    assert len(_crops(Path(second))) == 12


def test_ctrl_c_says_that_finished_parts_are_kept(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(mine, "mine", stopped)
    done = program("movie.mkv")
    assert done.code == 130
    assert "Stopped. Run the same command to continue." in done.err
    assert "Traceback" not in done.err


def test_a_bug_is_told_as_such(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: puppet.Detector, images: object) -> None:
        raise ZeroDivisionError("the fault")

    monkeypatch.setattr(puppet.Detector, "detect", broken)
    done = program("movie.mkv")
    assert done.code == 3
    assert "Traceback" in done.err
    assert "ZeroDivisionError: the fault" in done.err
    assert "this is a bug; please report it" in done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_list_that_does_not_fit_its_disk_is_no_bug(program: Program) -> None:
    program("walk", "movie.mkv")
    with Path("/dev/full").open("w") as full:
        call = [sys.executable, "-c", "from pipeline.cli import run; run()", "status"]
        done = subprocess.run(call, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "mine-video: cannot write output (No space left on device)\n"


def test_a_reader_that_leaves_is_no_bug(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*args: object, **options: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(mine, "mine", closed)
    monkeypatch.setattr(sys.stderr, "close", lambda: None)
    assert program("movie.mkv").code == 1


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("a.mkv", "--subtitle-offset", "nan"), "not a number"),
        (("a.mkv", "--subtitle-offset", "2"), "needs --subtitles"),
        (("a.mkv", "--silent-only"), "needs --subtitles"),
        (("a.mkv", "--after", "hello"), "needs --subtitles"),
        (("a.mkv", "--within", "nan"), "not a number"),
        (("a.mkv", "--from", "happy", "--to", "happy"), "no change"),
        (("a.mkv", "--emotion", "happy,sad"), "to one: --emotion happy+sad"),
        (("a.mkv", "--emotion", "any+sad"), "any is all of them"),
        (("a.mkv", "--emotion", "sad+nothing"), "'nothing' is not one of"),
        (("a.mkv", "--emotion", "Sad+fear", "--emotion", "sad"), "both fear+sad and sad"),
        (("a.mkv", "--emotion", "sad+fear", "--emotion", "any"), "both fear and fear+sad"),
        (("a.mkv", "--emotion", "joy"), "Did you mean 'happy'?"),
        (("a.mkv", "--emotion", "sad+Happiness"), "Did you mean 'happy'?"),
        (("a.mkv", "happy", "--emotion", "sad"), "once for each: --emotion sad --emotion happy"),
        (("judge", "a", "--after", "x"), "an option of: mine, pick, annotate, export, dataset\n"),
        (("search", "--explain"), "No such option '--explain'. It is an option of: mine, pick\n"),
        (("search", "--oder", "time"), "Did you mean one of: '--border', '--onset', '--order'?"),
        (("search", "--top", "ten"), "'ten' is not a whole number"),
        (("a.mkv", "--sure", "much"), "'much' is not a number"),
        (("a.mkv", "--peak", "--onset"), "either --peak or --onset"),
        (("a.mkv", "--with", "any"), "whom stands in the movie's report.html"),
        (("a.mkv", "b.mkv", "--subtitles", "a.srt"), "works with one movie only"),
        (("exprot", "movie.mkv"), "no command and no movie 'exprot'. Did you mean 'export'?"),
        (("movies",), "There is no command and no movie 'movies'."),
        (("export", "output"), "choose what to write: --format clips, supercut, edl"),
        (("export", "output", "--format", "aaf"), "'aaf' is not one of"),
        (("export", "output", "--format", "premiere"), "Did you mean 'premiere-markers'?"),
        (("a.mkv", "--emotion", "happy,sad"), "once for each: --emotion happy --emotion sad"),
    ],
)
def test_options_that_do_not_go_together(
    args: tuple[str, ...], told: str, program: Program
) -> None:
    done = program(*args)
    assert done.code == 2
    assert told in done.err


def test_missing_subtitles_are_told_before_the_walk(program: Program) -> None:
    done = program("movie.mkv", "--subtitles", "gone.srt")
    assert done.code == 1
    assert "gone.srt: cannot be read" in done.err
    assert "walking" not in done.err


@pytest.mark.parametrize(
    "options", [("--silent-only",), ("--subtitles", "own"), ("--after", "hello")]
)
def test_an_archive_is_not_searched_by_what_is_spoken(
    options: tuple[str, ...], program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines belong to one movie, and no table of the archive holds them."""
    done = program("search", "output", *options)
    assert done.code == 2
    assert "hold no subtitles" in done.err
    # A default for all commands is none that a search was asked for.
    monkeypatch.setenv("MINE_VIDEO_" + options[0][2:].replace("-", "_").upper(), "1")
    assert "hold no subtitles" not in program("search", "output").err


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ImportError("libfoo.so: failed to map segment from shared object: Cannot allocate memory"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("can't start new thread"),
        BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)),
        ModelError("a.onnx: cannot run ([ONNXRuntimeError] : Failed to allocate memory)"),
    ],
    ids=["Python's", "of an import", "of a library", "of a thread", "of FFmpeg", "of a network"],
)
def test_too_little_memory_is_no_bug(
    program: Program, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(mine, "walk", fail)
    done = program("walk", "movie.mkv")
    assert (done.code, "there is too little memory" in done.err) == (1, True)
    assert "Traceback" not in done.err
