"""Subtitles at faces, and runs during which nobody speaks."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.movie.subtitles import Lines
from pipeline.pick import select
from pipeline.pick.speech import borders, lines_with, spoken_in, with_reactions, with_speech
from pipeline.settings import PickSettings
from tests.support.face_rows import RATE, Face, made, stretch

EDGES = borders(np.arange(100) / RATE)
SILENT = PickSettings(repeat=1, smooth=1, min_prob=0, silent_only=True)
NOTHING = Lines(np.zeros(0), np.zeros(0), ())


def _line(begin: float, end: float) -> Lines:
    return Lines(np.array([begin]), np.array([end]), ("Hi!",))


def _kept(rows: pd.DataFrame, lines: Lines, stride: int = 1) -> pd.DataFrame:
    spoken = select.steadied(with_speech(rows, lines, EDGES, stride), stride, SILENT)
    return select.steady(spoken, SILENT)[0]


@pytest.mark.parametrize(
    ("begin", "end", "left"),
    [
        (5.0, 6.0, [0, 1]),
        (0.0, 0.4, [0, 1]),
        (0.0, 0.41, [1]),
        (0.79, 1.0, [1]),
        (0.8, 1.6, [0, 1]),
        (1.99, 2.0, [0]),
        (2.0, 2.01, [0, 1]),
        (0.0, 9.0, []),
    ],
)
def test_a_line_in_any_part_of_a_run_drops_it_whole(
    begin: float, end: float, left: list[int]
) -> None:
    faces = [
        *stretch(range(10, 20), 0, "anna", "happy"),
        *stretch(range(40, 50), 1, "anna", "happy"),
    ]
    kept = _kept(made(faces), _line(begin, end))
    assert kept["track"].unique().tolist() == left
    assert len(kept) == 10 * len(left)


def test_without_the_filter_lines_are_only_told() -> None:
    rows = with_speech(made(stretch(range(10, 20), 0, "anna", "happy")), _line(0.5, 0.6), EDGES, 1)
    plain = PickSettings(repeat=1, smooth=1, min_prob=0)
    kept, left = select.steady(select.steadied(rows, 1, plain), plain)
    assert kept["line"].tolist() == [*[""] * 3, *["Hi!"] * 2, *[""] * 5]
    assert "silent-only" not in left


def test_the_stride_counts() -> None:
    rows = made(stretch(range(0, 20, 5), 0, "anna", "happy"))
    assert len(_kept(rows, _line(19 / RATE, 21 / RATE), 5)) == 0
    assert len(_kept(rows, _line(20 / RATE, 21 / RATE), 5)) == 4


def test_the_movie_may_end_within_a_stride() -> None:
    assert len(_kept(made(stretch([95, 99], 0, "anna", "happy")), NOTHING, 4)) == 2


def test_no_rows() -> None:
    assert len(_kept(made([]), NOTHING)) == 0


ASKED = PickSettings(repeat=1, smooth=1, sure=0, after="hi", within=1.0)
SPEAKER = stretch(range(10, 20), 0, "anna", "happy")


def _reacting(faces: list[Face], settings: PickSettings = ASKED) -> list[int]:
    """The tracks that are left after a line from 0.4 until 0.8 seconds."""
    rows = made(faces).sort_values(["frame", "track"], ignore_index=True)
    rows = with_reactions(rows, _line(0.4, 0.8), settings.within, EDGES, 1)
    rows = select.steadied(rows, 1, settings)
    return sorted(set(select.steady(rows, settings)[0]["track"]))


@pytest.mark.parametrize(
    ("first", "reacts"), [(9, False), (10, False), (11, True), (20, True), (45, True), (46, False)]
)
def test_a_reaction_begins_after_the_line_begins_and_soon_after_it_ends(
    first: int, reacts: bool
) -> None:
    look = stretch(range(first, first + 20), 1, "ben", "sad")
    assert _reacting([*SPEAKER, *look]) == [1] * reacts
    assert _reacting([*SPEAKER, *look], replace(ASKED, within=0.96)) == [1] * (
        reacts and first < 45
    )


@pytest.mark.parametrize(
    ("there", "person", "reacts"),
    [
        (SPEAKER, "anna", False),
        (SPEAKER, "ben", True),
        (SPEAKER, "", True),
        ([], "anna", True),
        (stretch(range(10, 20), 0, "", "happy"), "", True),
        ([*SPEAKER, *stretch(range(19, 21), 1, "ben", "happy")], "anna", True),
        (stretch(range(20, 30), 0, "anna", "happy"), "anna", True),
        (stretch(range(19, 20), 0, "anna", "happy"), "anna", False),
    ],
    ids=[
        "the speaker", "another", "somebody", "nobody was there", "somebody after somebody",
        "two were there", "she came after the line", "she was there at its end",
    ],
)  # fmt: skip
def test_who_alone_was_on_screen_does_not_react(
    there: list[Face], person: str, reacts: bool
) -> None:
    look = stretch(range(35, 50), 9, person, "sad")
    assert (9 in _reacting([*there, *look])) == reacts


def test_a_look_that_was_there_before_is_no_reaction() -> None:
    look = stretch(range(5, 40), 1, "ben", "sad")
    assert _reacting(look) == []
    glad = stretch(range(15, 40), 1, "ben", "happy")
    assert _reacting([*SPEAKER, *look[:10], *glad]) == [1]


def test_lines_are_found_by_their_words() -> None:
    lines = Lines(np.array([0.0, 1.0]), np.array([2.0, 3.0]), ("Who’s there?", "Whose?"))
    assert lines_with(lines, "who's").text == ("Who’s there?",)
    assert lines_with(lines, "who*").begin.tolist() == [0.0, 1.0]
    assert len(lines_with(lines, "nobody")) == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Who\u00a0is\u202fit?", "who is it"),
        ("who is it", "Who\u00a0is  it"),
        ("She said \u201cno\u201d.", 'said "no"'),
        ('She said "no".', "said \u201eno\u201c"),
        ("Wouldn\u02bct you?", "wouldn\u2019t"),
        ("Wouldn`t you?", "wouldn\u00b4t"),
        ("\ufb01ne", "fine"),
        ("Wait\u2026 what", "wait... what"),
    ],
)  # fmt: skip
def test_kinds_of_spaces_and_quotes_do_not_matter(line: str, words: str) -> None:
    assert spoken_in(line, words)
    assert not spoken_in(line, f"{words} x")


@given(st.text("ab *'", max_size=12), st.text("ab '", max_size=12))
def test_words_are_found_as_by_one_pattern(words: str, line: str) -> None:
    words, line = (" ".join(text.split()) for text in (words, line))  # Spaces are alike.
    pattern = ".*".join(map(re.escape, words.split("*")))
    pattern = r"\b" * words[:1].isalnum() + pattern + r"\b" * words[-1:].isalnum()
    assert spoken_in(line, words) == bool(re.search(pattern, line))


Spans = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), min_size=1, max_size=5)
Seen = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["anna", "ben", ""])), max_size=30, unique=True
)


@given(Spans, Seen, st.integers(1, 3), st.sampled_from([0.0, 0.1, 1.0]))
def test_reactions_are_to_any_line_of_anybody_else(
    spans: list[tuple[int, int]], seen: list[tuple[int, str]], stride: int, within: float
) -> None:
    faces = [(frame * stride % 99, n, person, "sad") for n, (frame, person) in enumerate(seen)]
    rows = made(faces)
    begin = np.array([first for first, _ in sorted(spans)]) / RATE
    end = begin + np.array([length for _, length in sorted(spans)]) / RATE
    lines = Lines(begin, end, ("Hi!",) * len(spans))
    found = with_reactions(rows, lines, within, EDGES, stride)["reacts"].tolist()
    for (frame, _, person, _), reacts in zip(faces, found, strict=True):
        wanted = False
        for first, length in spans:
            stop = first + length
            there = {who for at, _, who, _ in faces if at < stop and min(at + stride, 100) > first}
            late = round(stop + within * RATE, 6)
            wanted |= first < frame <= late and (there != {person} or person == "")
        assert reacts == wanted
