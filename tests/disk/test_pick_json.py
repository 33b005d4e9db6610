"""Tests of pick.json: what a stopped pick left, and the line that finishes it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.disk.pick_json import (
    PICK_FILE,
    begin_pick,
    finish_pick,
    read_picks,
    unfinished,
    unfinished_lines,
)
from pipeline.settings import Job, PickSettings

JOB = Job(
    people=("anna",), emotions=("happy", "fear+sad"), tolerance=0.9, learn=True,
    subtitles="a b.srt", subtitle_offset=-1.5, pick=PickSettings(
        smooth=5, repeat_seconds=0.5, min_margin=0.25, single_face=True,
        with_=("ben", "c d"), without=("unknown",),
    ),
)  # fmt: skip


def _places(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
    return [folder / name for name in names]


def test_a_pick_is_read_as_it_was_wanted(tmp_path: Path) -> None:
    begin_pick(tmp_path, JOB, [])
    picks = read_picks(tmp_path)
    assert picks is not None
    assert picks.last.job(Job()) == JOB


@pytest.mark.parametrize(
    "pick",
    [PickSettings(min_margin=-0.5), PickSettings(per_run=10**18), PickSettings(gap=3, within=0)],
    ids=["below zero", "large", "none"],
)
def test_all_that_can_be_asked_is_read(pick: PickSettings, tmp_path: Path) -> None:
    begin_pick(tmp_path, replace(JOB, pick=pick), [])
    picks = read_picks(tmp_path)
    assert picks is not None
    assert picks.last.job(Job()) == replace(JOB, pick=pick)


def test_what_is_begun_is_unfinished_until_it_is_whole(tmp_path: Path) -> None:
    places = _places(tmp_path, "anna/happy", "anna/sad")
    begin_pick(tmp_path, JOB, places)
    assert unfinished(tmp_path) == ("anna/happy", "anna/sad")
    finish_pick(tmp_path, JOB, places)
    assert unfinished(tmp_path) == ()
    assert unfinished_lines(tmp_path) == []


def test_another_pick_does_not_finish_what_was_stopped(tmp_path: Path) -> None:
    (stopped,) = _places(tmp_path, "anna/happy")
    (other,) = _places(tmp_path, "ben/sad")
    begin_pick(tmp_path, JOB, [stopped])
    begin_pick(tmp_path, JOB, [other])
    assert unfinished(tmp_path) == ("anna/happy", "ben/sad")
    finish_pick(tmp_path, JOB, [other])
    assert unfinished(tmp_path) == ("anna/happy",)


def test_a_folder_that_was_deleted_needs_no_finish(tmp_path: Path) -> None:
    (place,) = _places(tmp_path, "anna/happy")
    begin_pick(tmp_path, JOB, [place])
    place.rmdir()
    assert unfinished(tmp_path) == ()


def test_the_line_finishes_it_with_the_same_settings(tmp_path: Path) -> None:
    folder = tmp_path / "a film"
    begin_pick(folder, JOB, _places(folder, "anna/happy", "anna/fear+sad"))
    assert unfinished_lines(folder) == [
        "a pick was stopped, and anna/fear+sad, anna/happy may lack crops; finish it: mine-video "
        f"pick '{folder}' --person anna --emotion happy --emotion fear+sad --smooth 5 "
        "--repeat 0.5s --min-margin 0.25 --single-face --with ben --with 'c d' --without "
        "unknown --tolerance 0.9 --learn --subtitles 'a b.srt' --subtitle-offset -1.5"
    ]


def test_of_many_folders_the_message_names_three(tmp_path: Path) -> None:
    everybody = Job(emotions=("happy",))
    begin_pick(tmp_path, everybody, _places(tmp_path, *(f"{name}/happy" for name in "abcd")))
    (line,) = unfinished_lines(tmp_path)
    assert "a/happy, b/happy, c/happy, … may" in line
    assert line.endswith("--person any --emotion happy")


def _endings(folder: Path) -> list[str]:
    """What the lines to type say beside the folder."""
    return [line.partition(f"mine-video pick {folder} ")[2] for line in unfinished_lines(folder)]


def test_each_stopped_pick_has_a_line_with_its_own_settings(tmp_path: Path) -> None:
    anna = Job(("anna",), ("happy",), pick=PickSettings(repeat=20))
    bob = Job(("bob",), ("sad",), pick=PickSettings(gap=2))
    places = _places(tmp_path, "anna/happy", "bob/sad", "anna/sad")
    begin_pick(tmp_path, anna, places[:1])
    first, second = (
        "--person anna --emotion happy --repeat 20", "--person bob --emotion sad --gap 2",
    )  # fmt: skip
    begin_pick(tmp_path, bob, places[1:2])
    assert _endings(tmp_path) == [first, second]
    finish_pick(tmp_path, bob, places[1:2])
    assert _endings(tmp_path) == [first]
    finish_pick(tmp_path, anna, places[:1])
    assert _endings(tmp_path) == []


def test_the_lines_pick_nothing_that_is_whole(tmp_path: Path) -> None:
    """Not even by a pick of everybody with other settings, or of a folder that was deleted."""
    places = _places(
        tmp_path, "anna/happy", "anna/sad", "bob/happy", "bob/sad", "carl/happy", "carl/sad"
    )
    everybody = Job(emotions=("happy", "sad"), pick=PickSettings(repeat=20))
    begin_pick(tmp_path, everybody, places)
    assert _endings(tmp_path) == ["--person any --emotion happy --emotion sad --repeat 20"]
    begin_pick(tmp_path, Job(("bob",), ("sad",)), [places[3]])
    finish_pick(tmp_path, Job(("bob",), ("sad",)), [places[3]])
    both = "--person anna --person carl --emotion happy --emotion sad --repeat 20"
    assert _endings(tmp_path) == [both, "--person bob --emotion happy --repeat 20"]
    places[2].rmdir()
    assert _endings(tmp_path) == [both]


def test_who_picks_a_stopped_folder_again_decides_how_it_is_finished(tmp_path: Path) -> None:
    (place,) = _places(tmp_path, "anna/happy")
    begin_pick(tmp_path, Job(("anna",), ("happy",), pick=PickSettings(repeat=20)), [place])
    begin_pick(tmp_path, Job(("anna",), ("happy",)), [place])
    assert _endings(tmp_path) == ["--person anna --emotion happy"]


def test_the_line_says_which_known_faces_unless_they_are_the_usual(tmp_path: Path) -> None:
    known = tmp_path / "known faces"
    job = Job(("anna",), ("happy",), known_faces=known)
    begin_pick(tmp_path, job, _places(tmp_path, "anna/happy"))
    assert _endings(tmp_path) == [f"--person anna --emotion happy --known-faces '{known}'"]
    picks = read_picks(tmp_path)
    assert picks is not None
    assert picks.last.job(Job()).known_faces == Job().known_faces  # Nothing is read from there.


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("[]", id="a list"),
        pytest.param('{"people": ["anna"]}', id="little"),
        pytest.param("\x00\xff", id="no text"),
        pytest.param(100_000 * "[", id="deep"),
        pytest.param('{"unfinished": ["anna/happy"], "people": ["anna"]}', id="of another version"),
    ],
)
def test_a_damaged_file_says_nothing_and_is_replaced(text: str, tmp_path: Path) -> None:
    (tmp_path / PICK_FILE).write_text(text, encoding="latin-1")
    assert read_picks(tmp_path) is None
    assert unfinished_lines(tmp_path) == []
    begin_pick(tmp_path, JOB, _places(tmp_path, "anna/happy"))
    assert unfinished(tmp_path) == ("anna/happy",)


DAMAGE: list[tuple[str, Any]] = [
    ("people", []), ("people", "anna"), ("people", [1]), ("people", ["a/b"]), ("people", [".."]),
    ("people", ["a\nb"]), ("people", None), ("emotions", "happy"), ("emotions", ["nonsense"]),
    ("emotions", ["sad+fear"]), ("emotions", ["fear", "fear+sad"]), ("emotions", ["any", "a+b"]),
    ("emotions", []), ("emotions", [["happy"]]), ("tolerance", "abc"), ("tolerance", 3),
    ("tolerance", True), ("tolerance", float("nan")), ("learn", "yes"), ("subtitles", 5),
    ("subtitles", "a\0b"), ("subtitle_offset", None), ("subtitle_offset", 1e9),
    ("subtitle_encoding", 8), ("known_faces", ["x"]), ("settings", []), ("settings", None),
    ("settings", {"smooth": "much"}), ("settings", {"smooth": 2}), ("settings", {"smooth": 5.0}),
    ("settings", {"repeat": "8"}), ("settings", {"repeat": 8.5}), ("settings", {"repeat": None}),
    ("settings", {"repeat": 10**30}), ("settings", {"gap": True}), ("settings", {"gap": -1}),
    ("settings", {"sure": float("nan")}), ("settings", {"margin": float("inf")}),
    ("settings", {"single_face": 1}), ("settings", {"border": "0"}), ("settings", {"border": []}),
    ("settings", {"max_yaw": [90]}), ("settings", {"silent_only": True}),
    ("settings", {"with_": "ben"}), ("settings", {"border": ""}), ("settings", {"min_margin": ""}),
    ("settings", {"from_": "happy+happy"}), ("settings", {"from_": "happy+sad"}),
    ("settings", {"within": 1e6}), ("settings", {"with_": ["any"]}), ("settings", {"with_": [1]}),
    ("settings", {"min_margin": 1.5}), ("settings", {"without": ["a/b"]}),
    ("settings", {"alone": []}), ("settings", {"peak": True, "onset": True}),
    ("settings", {"later": 1}),
    ("folders", "anna/happy"), ("folders", [1]), ("folders", [None]),
    ("folders", ["anna/any"]), ("folders", ["anna/sad+fear"]),
    ("folders", ["anna"]), ("folders", ["/happy"]), ("folders", ["anna/nonsense"]),
    ("folders", ["../happy"]), ("folders", [".hidden/happy"]), ("folders", ["a/b/happy"]),
    ("folders", ["/etc/happy"]), ("folders", ["a\x1b/happy"]), ("folders", None), ("folders", []),
]  # fmt: skip


@pytest.mark.parametrize("part", ["last", "stopped"])
@pytest.mark.parametrize(("name", "value"), DAMAGE, ids=str)
def test_a_value_that_does_not_fit_is_damage(
    name: str, value: Any, part: str, tmp_path: Path
) -> None:
    begin_pick(tmp_path, Job(("anna",), ("happy",)), _places(tmp_path, "anna/happy"))
    path = tmp_path / PICK_FILE
    facts = json.loads(path.read_text())
    assert read_picks(tmp_path) is not None
    (facts["stopped"][0] if part == "stopped" or name == "folders" else facts["last"])[name] = value
    path.write_text(json.dumps(facts))
    assert read_picks(tmp_path) is None
    assert unfinished_lines(tmp_path) == []
    begin_pick(tmp_path, JOB, _places(tmp_path, "anna/happy"))
    assert unfinished(tmp_path) == ("anna/happy",)


@pytest.mark.parametrize("name", [5000 * "a", "\u200c".join("ab")], ids=["long", "joined"])
def test_a_person_who_has_no_folder_needs_no_finish(name: str, tmp_path: Path) -> None:
    begin_pick(tmp_path, JOB, [tmp_path / name / "happy"])
    assert read_picks(tmp_path) is not None
    assert unfinished(tmp_path) == ()


def test_a_setting_of_a_later_version_is_no_error(tmp_path: Path) -> None:
    begin_pick(tmp_path, replace(JOB, pick=PickSettings()), [])
    path = tmp_path / PICK_FILE
    path.write_text(path.read_text().replace('"smooth"', '"smoothness"'))
    assert read_picks(tmp_path) is None
