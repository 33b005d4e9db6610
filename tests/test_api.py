"""The way in from Python: the same as the commands, as tables."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline import api
from pipeline.disk.crops_csv import CROPS
from pipeline.disk.walked import finished
from pipeline.faces import EMOTIONS
from pipeline.results import schema
from pipeline.settings import Job, PickSettings, WalkSettings
from tests.support import puppet
from tests.support.processes import ROOT
from tests.support.program import Program, program
from tests.support.puppet import Shot, Square, film

__all__ = ["program"]


@pytest.fixture
def folder(program: Program) -> Path:
    return api.walk("movie.mkv")


def columns(command: str) -> list[str]:
    return list(schema(command)["properties"]["rows"]["items"]["properties"])


def test_there_are_a_dozen_names_and_each_says_what_it_gives() -> None:
    assert len(api.__all__) == len(set(api.__all__)) == 12
    for name in api.__all__:
        thing = getattr(api, name)
        if callable(thing) and not isinstance(thing, type):
            assert "Args:\n" in thing.__doc__
            assert "Returns:\n" in thing.__doc__


def test_types_are_promised() -> None:
    assert (Path(api.__file__).parent / "py.typed").read_text() == ""
    assert "pipeline = py.typed" in (ROOT / "setup.cfg").read_text()


def test_a_walk_gives_its_folder_and_faces(folder: Path) -> None:
    assert folder == Path("output/movie")
    faces = api.faces(folder)
    pd.testing.assert_frame_equal(faces, finished(folder).rows)
    assert faces.shape == (60, 25)
    assert set(faces["person"]) == {"anna", ""}
    assert len(api.faces("movie")) == 60


def test_names_and_picks_are_what_the_commands_print(folder: Path, program: Program) -> None:
    named = api.name(folder)
    assert list(named.columns) == columns("name")
    assert named["person"].tolist() == ["anna", ""]
    assert named["sure"].isna().tolist() == [False, True]
    picked = api.pick(folder, person="anna", emotion=["happy", "sad"], repeat=8)
    assert list(picked.columns) == columns("pick")
    printed = program("pick", "movie", "--person", "anna", "--emotion", "happy", "--emotion", "sad",
                      "--json")  # fmt: skip
    assert picked.to_dict("records") == json.loads(printed.out)["rows"]
    assert len(list(Path(picked["folder"][0]).glob("*_f*.jpg"))) == picked["steady"][0] == 30


def test_moments_stats_and_status_are_of_all_movies(folder: Path) -> None:
    api.walk(film(Path("other.mkv"), [Shot(20, [Square("anna", "happy")])]))
    found = api.moments(emotion="happy", person="anna", order="length")
    assert list(found.columns) == columns("search")
    assert found["length"].tolist() == [30, 20]
    assert len(api.moments(emotion="happy", person="anna", top=1)) == 1
    assert api.moments(folder, person="anna", repeat=99).empty
    assert found["prominence"].isna().all()
    assert api.moments(emotion="happy+sad", peak=True)["prominence"].between(0, 1).all()
    totals = api.stats()
    assert list(totals.columns) == [*columns("stats")[:-1], *EMOTIONS]
    assert totals[list(EMOTIONS)].sum(axis=1).tolist() == pytest.approx([1, 1, 1])
    assert api.stats(folder)["person"].tolist() == ["anna", "unknown"]
    assert api.status()["state"].tolist() == ["done", "done"]
    assert not list(Path("output").rglob(CROPS)), "a search crops nothing"


def test_the_cast_and_the_report(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert api.cast(folder).empty
    assert list(api.cast(folder).columns) == columns("cast")
    puppet.set_tolerances(monkeypatch, clear=0.001)
    large = api.walk(film(Path("large.mkv"), [Shot(30, [Square("ben", size=60)])]))
    assert api.cast(large)["number"].tolist() == [1]
    assert api.report(folder) == folder / "report.html"


def test_settings_are_measured_by_labels(folder: Path) -> None:
    Path("truth.csv").write_text("clip,person,first,last,emotion\nmovie,anna,0,29,happy\n")
    scores = api.judge(folder, truth="truth.csv")
    assert list(scores.columns) == columns("judge")
    pooled = scores[(scores["emotion"] == "all") & (scores["repeat"] == 8)]
    assert pooled["precision"].tolist() == [1, 1, 1, 1]


def test_options_are_those_of_the_command_line(tmp_path: Path) -> None:
    job = api._job("walk", {"emotion_model": "two-headed", "width": np.int64(320)})
    assert (job.walk.emotion, job.walk.width) == ("two-headed", 320)
    given = {"min_prob": np.float32(0.5), "output": str(tmp_path)}
    job = api._job("pick", given, "zoe\u0301", ["sad"])
    assert (job.pick.min_prob, job.output) == (0.5, tmp_path)
    assert (job.people, job.emotions) == (("zo\u00e9",), ("sad",))
    assert api._job("pick", {}) == Job()
    job = api._job(
        "pick", {"with_": "ben", "without": ["carl"], "from_": "happy"}, emotion="fear+sad"
    )
    assert (job.pick.with_, job.pick.without, job.pick.onset) == (("ben",), ("carl",), True)
    assert job.emotions == ("fear+sad",)


@pytest.mark.parametrize("name", sorted(api.TAKES))
def test_the_options_that_a_function_tells_are_those_that_it_takes(name: str) -> None:
    told = getattr(api, name).__doc__.partition("options: ")[2].partition("Returns:")[0]
    options = [*re.findall(r"`(\w+)`", told)]
    if name == "moments":
        picks = api.TAKES["pick"]
        assert options == ["pick", "with_", "border", "output"]
        assert set(api.TAKES[name]) == {*picks[: picks.index("silent_only")], "output"}
    else:
        assert sorted(options) == sorted(api.TAKES[name])
    assert set(api.TAKES[name]) <= set(api.KINDS)


@pytest.mark.parametrize(
    ("ask", "option", "value", "told"),
    [
        (api.pick, "repeat", "0.5s", r"repeat is '0\.5s', wanted a whole number of frames \(rep"),
        (api.pick, "repeat", 0.5, "repeat is 0.5, wanted a whole number"),
        (api.pick, "repeat", True, "repeat is True, wanted a whole number"),
        (api.pick, "peak", 1, "peak is 1, wanted True or False"),
        (api.pick, "sure", "0.9", "sure is '0.9', wanted a number"),
        (api.pick, "smooth", 2.5, "smooth is 2.5, wanted a whole number of frames, or 'auto'"),
        (api.pick, "border", "0", "border is '0', wanted a whole number or None"),
        (api.pick, "with_", 3, "with_ is 3, wanted a name, or a list of names"),
        (api.pick, "person", None, "person is None, wanted a name, or a list of names"),
        (api.pick, "person", b"anna", "person is b'anna', wanted a name, or a list of names"),
        (api.pick, "person", {"anna": 1}, "person is {'anna': 1}, wanted a name, or a list"),
        (api.pick, "output", 1, "output is 1, wanted a path"),
        (api.pick, "person", [1], r"person is \(1,\), wanted a name, or a list of names"),
        (api.moments, "emotion", ["sad", None], r"emotion is \('sad', None\), wanted a name"),
        (api.moments, "top", "5", "top is '5', wanted a whole number"),
        (api.stats, "by_movie", "no", "by_movie is 'no', wanted True or False"),
        (api.pick, "width", 640, "pick has no option 'width'"),
        (api.pick, "preson", "anna", "pick has no option 'preson'; did you mean 'person'"),
        (api.walk, "repeat", 8, "walk has no option 'repeat'"),
        (api.stats, "repeat", 8, r"stats has no option 'repeat' \(its options are output\)"),
        (api.moments, "after", "hi", "moments has no option 'after'"),
        (api.judge, "known_faces", "x", "judge has no option 'known_faces'"),
    ],
)  # fmt: skip
def test_an_option_that_does_not_fit_is_told(
    ask: Callable[..., object], option: str, value: object, told: str
) -> None:
    more = {"truth": "x"} if ask is api.judge else {}
    with pytest.raises(TypeError, match=f"^{told}"):
        ask("movie", **more, **{option: value})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"sure": 90}, "sure=90: wanted sure and min_prob from 0 to 1"),
        ({"repeat": 0, "peak": True}, "repeat=0: wanted repeat from 1"),
        ({"emotion": "happpy"}, "emotion is 'happpy', .*; did you mean 'happy'"),
        ({"from_": "hapy"}, "from_ is 'hapy', .*'fear\\+sad'; did you mean 'happy'"),
        ({"from_": "any"}, "from_ is 'any', wanted some of"),
        ({"emotion": ["happy+sad", "sad"]}, "sad is in both happy\\+sad and sad; ask for one"),
        ({"border": -1, "sure": 0.5}, "border=-1, sure=0.5: wanted seconds, gap, sizes"),
    ],
)
def test_a_value_out_of_range_is_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=f"^{told}"):
        api.pick("movie", **options)


def test_folders_are_given_one_by_one() -> None:
    with pytest.raises(TypeError, match="one by one"):
        api.moments(["a", "b"])  # type: ignore[arg-type]


def test_names_may_come_from_a_table() -> None:
    names = pd.Series(["anna", "ben"], dtype="str")
    for given in (names, names.unique(), pd.Index(names), {"anna": 1}.keys(), {"anna"}, iter("a")):
        api._check_kind("person", given)


def test_every_default_fits() -> None:
    for settings in (Job(), WalkSettings(), PickSettings()):
        for field in fields(settings):
            if field.name not in ("walk", "pick"):
                api._check_kind(field.name, getattr(settings, field.name))


def test_what_is_wrong_is_told(folder: Path) -> None:
    with pytest.raises(TypeError, match="pick has no option 'repeet'; did you mean 'repeat'"):
        api.pick(folder, repeet=8)
    with pytest.raises(ValueError, match="emotion is 'hapy', wanted some of"):
        api.moments(folder, emotion="hapy")
    with pytest.raises(ValueError, match="give the folder of a walked movie"):
        api.name()
    with pytest.raises(api.MiningError, match="nowhere: holds no walk"):
        api.faces("nowhere")
    with pytest.raises(api.MiningError, match="No person 'zoe'"):
        api.pick(folder, person="zoe")
    with pytest.raises(ValueError, match="person and emotion want one or more names"):
        api.moments(folder, person=[])
    with pytest.raises(ValueError, match="top must be 0 or more, not -1"):
        api.moments(folder, top=-1)
    one: Any = np.int64(1)
    assert len(api.moments(folder, top=one)) == 1
    assert len(api.moments(folder, top=10**30)) == len(api.moments(folder))


def test_what_is_of_one_movie_refuses_a_folder_of_several(folder: Path) -> None:
    shutil.copytree(folder, folder.with_name("other"))
    for ask in (api.faces, api.report):
        with pytest.raises(api.MiningError, match="output: holds 2 walks; give the folder of one"):
            ask("output")
