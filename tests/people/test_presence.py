"""The table of the people in a movie."""

from dataclasses import replace
from math import isnan

import numpy as np
import pandas as pd
import pytest

from pipeline.disk.tracks_npz import Tracks
from pipeline.people.presence import durations, who_is_who


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
