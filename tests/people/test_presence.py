"""The table of the people in a movie."""

from dataclasses import replace
from itertools import combinations
from math import isnan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.disk.tracks_npz import Tracks
from pipeline.people.presence import durations, shared_screen, who_is_who


def test_durations_follow_the_timestamps() -> None:
    times = np.array([0, 0.1, 0.3, 0.4, 1.4])
    assert durations(np.arange(5), times, 1) == pytest.approx([0.1, 0.2, 0.1, 1.0, 0.15])
    assert durations(np.array([0, 2, 4]), times, 2) == pytest.approx([0.3, 1.1, 0.3])
    assert durations(np.array([0]), np.array([5.0]), 3) == pytest.approx([0.12])
    assert durations(np.zeros(0, np.int64), times, 1).shape == (0,)


def _tracks(people: list[str], far: list[list[float]], person: list[int]) -> Tracks:
    count = len(person)
    return Tracks(
        np.eye(count, 128, dtype=np.float32), np.arange(count) * 2, np.zeros(count, np.int64),
        np.ones(count, np.float32), "walk", np.array(people, np.str_),
        np.array(far, np.float32).reshape(count, len(people)), "digest", np.array(person),
    )  # fmt: skip


def _rows(faces: list[tuple[int, int, str, float]]) -> pd.DataFrame:
    rows = pd.DataFrame(faces, columns=["frame", "track", "person", "distance"])
    return rows.assign(time=rows["frame"] / 10, sure=0.9)


def test_who_is_who() -> None:
    tracks = _tracks(["anna", "ben", "carl"], [[0.1, 0.9, 0.7], [0.3, 0.5, 0.5], [0.8, 0.6, 0.7]],
                     [0, 0, -1])  # fmt: skip
    faces = [(0, 0, "anna", 0.1), (1, 0, "anna", 0.1), (2, 0, "anna", 0.1), (3, 2, "anna", 0.3),
             (0, 4, "", 0.6), (9, 4, "", 0.6)]  # fmt: skip
    anna, nobody = who_is_who(_rows(faces), tracks, np.full(6, 0.5))
    assert (anna.person, anna.seconds, anna.tracks, anna.faces) == ("anna", 2.0, 2, 4)
    assert (anna.distance, anna.other_distance) == pytest.approx((0.15, 0.65))
    assert anna.sure == pytest.approx(0.9)
    assert isnan(nobody.sure)
    assert anna.other == "carl", "by the mean over faces, not tracks"
    assert (nobody.person, nobody.seconds, nobody.tracks, nobody.faces) == ("", 1.0, 1, 2)
    assert nobody.other == "ben"
    assert nobody.other_distance == pytest.approx(0.6)


def test_the_longest_comes_first_the_unknown_last_and_a_frame_counts_once() -> None:
    tracks = _tracks(["a", "b"], [[0, 1], [1, 0], [1, 1], [1, 1]], [0, 1, -1, -1])
    faces = [(0, 0, "a", 0), (0, 2, "b", 0), (1, 2, "b", 0)]
    faces += [(n, track, "", 1) for n in range(9) for track in (4, 6)]
    found = list(who_is_who(_rows([(f, t, p, float(d)) for f, t, p, d in faces]), tracks,
                            np.ones(21)))  # fmt: skip
    assert [(p.person, p.seconds, p.tracks, p.faces) for p in found] == [
        ("b", 2, 1, 2), ("a", 1, 1, 1), ("", 9, 2, 18),
    ]  # fmt: skip


def test_with_nobody_known_there_is_no_distance() -> None:
    (found,) = who_is_who(_rows([(0, 0, "", np.nan)]), _tracks([], [[]], [-1]), np.ones(1))
    assert isnan(found.distance)
    assert found.other == ""
    assert isnan(found.other_distance)


def test_a_person_without_a_photo_is_nobodys_neighbour() -> None:
    tracks = _tracks(["a", "b"], [[0.1, np.inf]], [0])
    (found,) = who_is_who(_rows([(0, 0, "a", 0.1)]), tracks, np.ones(1))
    assert found.other == ""


def test_nobody_is_nobody() -> None:
    assert list(who_is_who(_rows([]), _tracks(["a"], [], []), np.ones(0))) == []


def test_offers_are_told_of_the_unknown_the_surest_first() -> None:
    tracks = replace(
        _tracks(["a", "b"], [[0.9, 1.0], [1.0, 0.9], [1.0, 0.9], [0.2, 1.0]], [-1, -1, -1, 0]),
        cluster=np.array([0, 1, 1, 2]),
        sure=np.array([0.4, 0.7, 0.7, 0.99], np.float32),
        offer=np.array([0, 1, 1, -1]),
    )
    faces = [(n, track, "a" if track == 6 else "", 0.9) for n, track in enumerate((6, 4, 2, 0))]
    named, nobody = who_is_who(_rows(faces), tracks, np.ones(4))
    assert named.offers == ()
    told = [(o.person, round(o.sure, 2), o.tracks, o.time) for o in nobody.offers]
    assert told == [("b", 0.7, (2, 4), 0.1), ("a", 0.4, (0,), 0.3)]


# --- who appears with whom ----------------------------------------------------------------------


def _seen(*faces: tuple[int, int, str]) -> pd.DataFrame:
    """Rows of frame, shot and person."""
    return pd.DataFrame(faces, columns=["frame", "shot", "person"])


def test_shared_frames_and_shots_are_counted_by_pairs() -> None:
    rows = _seen(
        (0, 0, "b"), (0, 0, "a"), (1, 0, "a"), (1, 0, "b"), (1, 0, "c"),  # Three in one picture.
        (2, 1, "a"), (3, 1, "c"),  # One after the other in a shot.
        (4, 2, "b"), (5, 3, "c"), (1, 0, ""), (0, 0, ""),
    )  # fmt: skip
    seconds = np.array([{0: 0.5, 1: 0.25}.get(frame, 1.0) for frame in rows["frame"]])
    assert shared_screen(rows, seconds).to_numpy().tolist() == [
        ["a", "b", 0.75, 1], ["a", "c", 0.25, 2], ["b", "c", 0.25, 1],
    ]  # fmt: skip


def test_a_person_twice_in_a_picture_counts_once() -> None:
    rows = _seen((0, 0, "a"), (0, 0, "a"), (0, 0, "b"))
    assert shared_screen(rows, np.full(3, 0.04)).to_numpy().tolist() == [["a", "b", 0.04, 1]]


@pytest.mark.parametrize("people", [[], ["a"], ["", ""], ["a", ""]], ids=str)
def test_nobody_is_with_the_unknown_or_alone(people: list[str]) -> None:
    rows = _seen(*((0, 0, person) for person in people))
    pairs = shared_screen(rows, np.ones(len(people)))
    assert (len(pairs), list(pairs)) == (0, ["person", "other", "seconds", "shots"])


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["", "a", "b", "c"]))))
def test_pairs_are_those_of_a_plain_count(seen: list[tuple[int, str]]) -> None:
    rows = _seen(*((frame, frame // 4, person) for frame, person in seen))
    found = {
        (p, o): (s, n)
        for p, o, s, n in shared_screen(rows, np.full(len(rows), 0.5)).to_numpy().tolist()
    }
    wanted = {}
    for p, o in combinations("abc", 2):
        frames, shots = (
            [{k // step for k, who in seen if who == one} for one in (p, o)] for step in (1, 4)
        )
        if both := len(shots[0] & shots[1]):
            wanted[p, o] = (0.5 * len(frames[0] & frames[1]), both)
    assert found == wanted
