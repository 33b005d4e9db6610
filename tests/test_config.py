"""mine-video.toml, environment variables, and the command that prints them; completion."""

import os
import re
import tomllib
from pathlib import Path

import click
import pytest

from pipeline import cli, mine
from pipeline.cli.config import CONFIG
from pipeline.cli.sections import SectionedCommand, long_name
from pipeline.report.outcome import Outcome
from pipeline.settings import Job
from tests.support.program import Program, program

__all__ = ["program"]


@pytest.fixture
def jobs(program: Program, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """The jobs of all calls of mine, which does nothing else."""
    asked: list[Job] = []

    def ask(movie: Path, job: Job, *progress: object) -> list[Outcome]:
        asked.append(job)
        return []

    monkeypatch.setattr(mine, "mine", ask)
    return asked


def configure(text: str, path: Path = CONFIG) -> None:
    path.write_text(text, encoding="utf-8")


def set_lines(text: str) -> list[str]:
    """The lines of a file of defaults that set something."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


# --- which default holds ------------------------------------------------------------------------


def test_command_line_over_environment_over_file_over_default(
    program: Program, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    def width(*args: str) -> int:
        done = program("movie.mkv", "--person", "anna", *args)
        assert done.code == 0, done.err
        return jobs[-1].walk.width

    assert width() == 640
    configure("width = 700")
    assert width() == 700
    configure("width = 700\n[mine]\nwidth = 710\n[walk]\nwidth = 720")
    assert width() == 710
    monkeypatch.setenv("MINE_VIDEO_WIDTH", "800")
    assert width() == 800
    monkeypatch.setenv("MINE_VIDEO_MINE_WIDTH", "810")
    monkeypatch.setenv("MINE_VIDEO_WALK_WIDTH", "820")
    assert width() == 810
    assert width("--width", "900") == 900


def test_every_kind_of_value_is_read(program: Program, jobs: list[Job]) -> None:
    configure("""
        person = ["anna", "any"]
        emotion = "sad"
        repeat = "0.5s"
        smooth = 5
        single-face = true
        max-yaw = 30
        output = "films"
        workers = 3

        [mine]
        report = false
    """)
    assert program("movie.mkv").code == 0
    (job,) = jobs
    assert (job.people, job.emotions, job.report) == (("anna", "any"), ("sad",), False)
    assert (job.pick.repeat_seconds, job.pick.smooth, job.pick.max_yaw) == (0.5, 5, 30)
    assert (job.pick.single_face, job.output, job.workers) == (True, Path("films"), 3)


def test_several_values_of_the_environment_are_separated_by_commas(
    program: Program, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE_VIDEO_PERSON", "anna, any")
    monkeypatch.setenv("MINE_VIDEO_EMOTION", "sad,happy")
    monkeypatch.setenv("MINE_VIDEO_MINE_REPORT", "0")
    assert program("movie.mkv").code == 0
    assert (jobs[0].people, jobs[0].emotions) == (("anna", "any"), ("sad", "happy"))
    assert not jobs[0].report


@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_file_may_lie_elsewhere(
    program: Program, jobs: list[Job], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    configure("width = 700")
    configure("\ufeffheight = 1".replace("height", "every"), Path("other.toml"))
    if how == "variable":
        monkeypatch.setenv("MINE_VIDEO_CONFIG", "other.toml")
    given = ["--config", "other.toml"] if how == "option" else []
    done = program("movie.mkv", "--person", "any", *given)
    assert (done.code, "defaults are from other.toml" in done.err) == (0, True)
    assert (jobs[0].walk.every, jobs[0].walk.width) == (1, 640)
    assert "defaults" not in program("movie.mkv", "--person", "any", *given, "-q").err


def test_a_wanted_person_in_the_file_is_one_that_was_asked_for(program: Program) -> None:
    """A pick of every face must be asked for."""
    program("walk", "movie.mkv")
    assert program("pick", "movie").code == 2
    configure('person = ["anna"]')
    done = program("pick", "movie", "--smooth", "1")
    assert (done.code, done.table[0][1]) == (0, "anna")


def test_a_look_that_is_always_picked_leaves_no_other_out_of_stats(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert program("walk", "movie.mkv").code == 0
    everybody = program("stats").out
    configure('emotion = "fear"\nperson = "anna"')
    monkeypatch.setenv("MINE_VIDEO_EMOTION", "fear")
    assert program("stats").out == everybody
    configure('[stats]\nemotion = "fear"')
    assert len(program("stats").out.splitlines()) < len(everybody.splitlines())


def test_training_has_defaults_of_its_own() -> None:
    """Its --output is where a network goes, not where the movies' folders are."""
    train, walk = (cli.main.commands[name] for name in ("train", "walk"))
    assert isinstance(train, SectionedCommand)
    assert isinstance(walk, SectionedCommand)
    variables = {long_name(o): o.envvar for one in (train, walk) for o in one.settable()}
    assert variables["epochs"] == ["MINE_VIDEO_TRAIN_EPOCHS"]
    assert variables["every"] == ["MINE_VIDEO_WALK_EVERY", "MINE_VIDEO_EVERY"]
    (output,) = (o for o in train.settable() if o.name == "output")
    assert output.envvar == ["MINE_VIDEO_TRAIN_OUTPUT"]


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("width = ", "mine-video.toml: cannot be read as TOML"),
        ("widht = 640", "mine-video.toml, widht: no command has such an option; did you mean widt"),
        ("colour = 640", "colour: no command has such an option; mine-video config prints all"),
        ("[mien]\nwidth = 640", "mine-video.toml, [mien]: no such command; did you mean mine?"),
        ("[walk]\ntop = 9", "mine-video.toml, [walk], top: mine-video walk has no --top"),
        ("top = 9", "mine-video.toml, top: put it under [dataset] or [search]"),
        ('movie = "a.mkv"', "movie: put it under [cast] or [pick] or [report] or"),
        ("[name]\nrename = ['a', 'b']", "[name], rename: mine-video name has no --rename"),
        ("config = 'a.toml'", "config: no command has such an option"),
        ("width = '640'", "mine-video.toml, width: is '640', wanted a whole number"),
        ("width = 640.5", "width: is 640.5, wanted a whole number"),
        ("width = true", "width: is True, wanted a whole number"),
        ("width = 3", "width: 3 is not in the range x>=160."),
        ("sure = 'very'", "sure: is 'very', wanted a number"),
        ("sure = nan", "sure: nan is not a number."),
        ("report = false", "report: put it under [mine] or [pick]"),
        ("[pick]\nreport = 1", "[pick], report: is 1, wanted true or false"),
        ("output = ['a']", "output: is ['a'], wanted a text"),
        ("person = [3]", "person: is 3, wanted a text, or a list of them"),
        ("emotion = ['hapy']", "emotion: 'hapy' is not one of"),
        ("repeat = 'long'", "repeat: 'long' is neither frames, such as 8, nor seconds"),
        ("repeat = 0.5", "repeat: is 0.5, wanted a number of frames or a text"),
        ("person = []", "mine-video.toml, person: is [], wanted one or more"),
        ("output = " + "[" * 5000, "mine-video.toml: cannot be read as TOML"),
        ("output = 'movie.mkv'", "output: Directory 'movie.mkv' is a file."),
        ("[search]\norder = 'best'", "[search], order: 'best' is not one of"),
    ],
)  # fmt: skip
def test_what_no_option_takes_is_told_with_file_and_key(
    program: Program, text: str, told: str
) -> None:
    """Also what is for other commands than the one that runs."""
    configure(text)
    done = program("status")
    assert (done.code, done.out) == (1, "")
    assert told in done.err


def test_a_file_that_is_not_there_is_told(program: Program) -> None:
    done = program("status", "--config", "gone.toml")
    assert (done.code, "'gone.toml' does not exist" in done.err) == (2, True)


def test_a_folder_in_place_of_the_file_is_told(program: Program) -> None:
    CONFIG.mkdir()
    done = program("status")
    assert (done.code, "mine-video.toml: cannot be read as TOML" in done.err) == (1, True)


def test_a_wrong_variable_is_told_by_its_name(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE_VIDEO_WIDTH", "wide")
    done = program("movie.mkv")
    assert done.code == 2
    assert "Invalid value for '--width'" in done.err
    assert "MINE_VIDEO_MINE_WIDTH or MINE_VIDEO_WIDTH" in done.err
    assert "from the environment" not in program("movie.mkv", "--width", "wider").err


# --- the command config -------------------------------------------------------------------------


def test_config_says_what_holds_and_why(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set_lines(program("config").out) == [
        line for line in program("config").out.splitlines() if line.startswith("[")
    ]
    configure('width = 700\n[mine]\nevery = 2\n[train]\noutput = "nets"\n[search]\nperson = "ben"')
    monkeypatch.setenv("MINE_VIDEO_EMOTION", "sad,happy")
    monkeypatch.setenv("MINE_VIDEO_PICK_REPEAT", "0.5s")
    monkeypatch.setenv("MINE_VIDEO_ALL_BACKENDS", "1")
    out = program("config").out
    assert "# Width in pixels of the frames" in out
    assert "\n# tolerance is not set: the recognizer's: sface .97, dlib .38\n" in out
    lines = [line for line in set_lines(out) if not line.startswith("[")]
    assert lines == [
        'emotion = ["sad", "happy"]  # from MINE_VIDEO_EMOTION',
        "width = 700  # from mine-video.toml",
        "every = 2  # from mine-video.toml",
        'repeat = "0.5s"  # from MINE_VIDEO_PICK_REPEAT',
        'person = ["ben"]  # from mine-video.toml',
        'output = "nets"  # from mine-video.toml',
    ]
    facts = tomllib.loads(out)
    assert facts["mine"] == {"every": 2}
    assert (facts["search"], facts["pick"]) == ({"person": ["ben"]}, {"repeat": "0.5s"})


def test_what_config_prints_is_a_file_with_the_same_defaults(program: Program) -> None:
    """And with its comments taken away it is one that says all defaults aloud."""
    configure('person = ["anna"]\n[mine]\nwidth = 320\n[live]\nwidth = 800')
    printed = program("config").out
    configure(printed)
    assert set_lines(program("config").out) == set_lines(printed)
    CONFIG.unlink()
    bare = program("config").out
    aloud = re.sub(r"(?m)^# ([a-z0-9-]+ = )", r"\1", bare)
    assert aloud.count(" = ") > 100
    configure(aloud)
    spoken = program("config").out
    assert re.sub(r"  # from mine-video.toml", "", spoken) == aloud


def test_odd_values_are_printed_as_toml_reads_them(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE_VIDEO_PERSON", '😀,"Zoë"')
    monkeypatch.setenv("MINE_VIDEO_OUTPUT", "a\x7f\\b\n")
    monkeypatch.setenv("MINE_VIDEO_MIN_SIZE", "inf")
    monkeypatch.setenv("MINE_VIDEO_KNOWN_FACES", os.fsdecode(b"photos\xff"))
    configure("every = 2", Path("a\x07b.toml"))
    out = program("config", "--config", "a\x07b.toml").out
    facts = tomllib.loads(out)
    assert (facts["person"], facts["output"]) == (["😀", '"Zoë"'], "a\x7f\\b\n")
    assert (facts["min-size"], facts["every"]) == (float("inf"), 2)
    assert "known-faces" not in facts
    assert "from MINE_VIDEO_KNOWN_FACES, which no TOML can hold" in out


def test_config_lists_every_option_of_every_command(program: Program) -> None:
    keys = re.findall(r"(?m)^(?:# )?([a-z0-9-]+) (?:=|is not set)", program("config").out)
    wanted = {
        long_name(option)
        for command in cli.main.commands.values()
        for option in command.params
        if isinstance(option, click.Option) and option.name not in ("config", "rename", "adopted")
    }
    assert set(keys) == wanted


# --- completion ---------------------------------------------------------------------------------


def completed(
    program: Program, monkeypatch: pytest.MonkeyPatch, line: str
) -> list[tuple[str, str]]:
    """What a shell offers at the end of a line: kinds and values."""
    words = line.split()
    count = len(words) if line.endswith(" ") else len(words) - 1
    monkeypatch.setenv("_MINE_VIDEO_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(count))
    out = program().out
    return [(kind, value) for kind, _, value in (one.partition(",") for one in out.splitlines())]


def test_people_are_completed_from_photos_and_walks(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("walk", "movie.mkv")
    Path("known_faces/anna.png").rename("known_faces/zoe.png")

    def names(line: str) -> list[str]:
        return [value for _, value in completed(program, monkeypatch, line)]

    everybody = ["anna", "zoe", "any", "unknown"]
    assert names("mine-video pick output/movie --person ") == everybody
    assert names("mine-video movie.mkv --person ") == everybody
    assert names("mine-video movie.mkv --person an") == ["anna", "any"]
    assert names("mine-video name output/movie --rename z") == ["zoe"]
    assert names("mine-video search nowhere --person ") == ["zoe", "any", "unknown"]
    assert names("mine-video mine movie.mkv --known-faces nowhere --person a") == ["anna", "any"]


def test_emotions_commands_and_files_are_completed(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert completed(program, monkeypatch, "mine-video movie.mkv --emotion s") == [
        ("plain", "sad"), ("plain", "surprise"),
    ]  # fmt: skip
    assert completed(program, monkeypatch, "mine-video st") == [
        ("plain", "stats"), ("plain", "status"), ("file", "st"),
    ]  # fmt: skip
    assert ("plain", "--person") in completed(program, monkeypatch, "mine-video pick --per")
