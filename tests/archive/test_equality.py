"""Tests with random rows and settings that SQL and `pick` find the same steady runs."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.archive import index
from pipeline.archive.archive import Archive, ArchiveMovie
from pipeline.archive.index import Facts
from pipeline.archive.search import prepare_faces, search
from pipeline.faces import EMOTIONS
from pipeline.pick import select
from pipeline.pick.apex import prominences
from pipeline.pick.moments import moments
from pipeline.settings import AUTO, MOST_WITHIN, Job, PickSettings, classes, members
from tests.support.examples import examples
from tests.support.face_rows import Face, made, stretch

PEOPLE = ("anna", "ben", "")
RATE, SIZE = 25.0, (160, 128)
Movies = list[tuple[pd.DataFrame, int]]
"""Rows as `faces_csv.read_faces` gives them, and the stride, of each movie."""

Key = tuple[Any, ...]


@st.composite
def _movie(draw: st.DrawFn) -> tuple[pd.DataFrame, int]:
    """A movie of a few short tracks with holes; probabilities with the digits of faces.csv."""
    stride = draw(st.integers(1, 3))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    faces: list[Face] = []
    for track in range(draw(st.integers(0, 4))):
        person, first = PEOPLE[int(random.integers(3))], int(random.integers(8))
        there = random.random(int(random.integers(1, 30))) < draw(st.sampled_from([0.7, 0.95, 1]))
        frames = ((first + np.flatnonzero(there)) * stride).tolist()
        faces += stretch(frames, track, person, "happy")
    rows = made(faces).sort_values(["frame", "track"], ignore_index=True)
    # Coarse probabilities give many ties.
    steps = draw(st.sampled_from([4, 20, 100_000]))
    looks = random.multinomial(steps, random.dirichlet(np.full(7, 0.7), len(rows))) / steps
    rows[list(EMOTIONS)] = looks.round(5).astype(np.float32)
    corner, side = (
        random.integers(-20, 900, (2, len(rows))),
        random.integers(100, 900, (2, len(rows))),
    )
    tenths = {
        "x1": corner[0],
        "y1": corner[1],
        "x2": corner[0] + side[0],
        "y2": corner[1] + side[1],
    }
    tenths |= {name: random.integers(0, 900, len(rows)) for name in ("sharpness", "yaw")}
    tenths["yaw"] *= random.choice([-1, 1], len(rows))
    tenths_as_written = {k: (v / 10).astype(np.float32) for k, v in tenths.items()}
    of_shot: int = draw(st.sampled_from([5, 12, 1000]))
    return _at_variable_rate(
        rows.assign(shot=rows["frame"] // of_shot, **tenths_as_written), random
    ), stride


def _at_variable_rate(rows: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Moves the frames in time, and adds how long each is shown (`seconds`)."""
    times = np.cumsum(random.integers(10, 400, rows["frame"].max() + 2 if len(rows) else 2)) / 1000
    frame = rows["frame"].to_numpy()
    return rows.assign(time=times[frame], seconds=times[frame + 1] - times[frame])


SETTINGS = st.builds(
    lambda one_each, **given: PickSettings(**given, **one_each),
    st.sampled_from([{}, {}, {"peak": True}, {"onset": True}]),
    smooth=st.sampled_from([AUTO, AUTO, 1, 3, 5, 5, 7, 25, 10**30 + 1]),
    gap=st.sampled_from([0, 0, 1, 4, 10**30]),
    repeat=st.sampled_from([1, 2, 5, 8, 10**30]),
    repeat_seconds=st.sampled_from([0.0, 0.0, 0.1, 0.3]),
    sure=st.sampled_from([0.0, 0.0, 0.5, 0.65, 0.9]),
    min_prob=st.sampled_from([0.0, 0.25, 0.4, 0.5]),
    min_margin=st.sampled_from([None, None, 0.0, 0.25]),
    min_size=st.sampled_from([0.0, 40.0, 40.1]),
    min_sharpness=st.sampled_from([0.0, 30.0, 1e300]),
    max_yaw=st.sampled_from([90.0, 45.0, 0.0]),
    single_face=st.booleans(),
    border=st.sampled_from([None, None, 0, 3, 10**30]),
    with_=st.sampled_from([(), (), ("ben",), ("unknown",), ("anna", "unknown")]),
    without=st.sampled_from([(), (), ("ben",), ("anna", "unknown")]),
    alone=st.sampled_from([False, False, True]),
    same_frame=st.booleans(),
    from_=st.sampled_from([None, None, "neutral", "happy", "disgust+neutral"]),
    within=st.sampled_from([0.0, 0.3, 3.0, MOST_WITHIN]),
)


def _job(emotions: tuple[str, ...], pick: PickSettings, **given: Any) -> Job:
    """A job in which no emotion is in two classes."""
    with suppress(ValueError):
        return Job(emotions=emotions, pick=pick, **given)
    return Job(emotions=emotions, pick=replace(pick, from_=None), **given)


JOBS = st.builds(
    _job,
    people=st.sampled_from([("any",), ("anna",), ("unknown",), ("anna", "unknown")]),
    emotions=st.sampled_from(
        [
            ("any",),
            ("happy",),
            ("sad", "angry"),
            ("fear+sad",),
            ("angry+happy+sad", "surprise"),
        ]
    ),
    pick=SETTINGS,
)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def _archive(connection: duckdb.DuckDBPyConnection, movies: Movies, place: Path) -> Archive:
    entries = []
    for number, (rows, stride) in enumerate(movies):
        people = tuple(sorted(set(rows["person"])))
        facts = Facts("", f"{number}.mkv", RATE, *SIZE, stride, people, "", "")
        file = place / f"{number}.parquet"
        table = index.steadied_rows(rows, stride).assign(screen=0.04)
        index.write_table(connection, file, facts, table)
        entries.append(ArchiveMovie(place / str(number), file, facts))
    return Archive(connection, tuple(entries), ())


def _by_pick(movies: Movies, job: Job) -> Iterator[tuple[int, pd.DataFrame]]:
    """What `pick` keeps of each movie, run by run."""
    for number, (rows, stride) in enumerate(movies):
        asked = job.pick.at(RATE)
        done = select.steadied(rows, stride, asked, job.emotions)
        for person, emotion in select.choices(done, job.people, job.emotions):
            kept, _ = select.steady(select.wanted(done, person, emotion), asked, SIZE)
            if asked.peak:
                of = classes(job.emotions, asked.from_)
                kept = kept.assign(prominence=prominences(done, kept, of))
            for _, run in kept.groupby("run"):
                yield number, run.assign(label=members(emotion)[0], emotion=emotion)


def _keys(movies: Movies, job: Job) -> set[Key]:
    columns = ["track", "frame", "person", "label", "probability", "run_length"]
    return {
        (number, *row)
        for number, run in _by_pick(movies, job)
        for row in run[columns].itertuples(index=False, name=None)
    }


@given(st.lists(_movie(), min_size=1, max_size=3), JOBS)
@example([(made([]), 1)], Job())
@settings(max_examples=examples(100))
def test_sql_keeps_the_rows_that_pick_keeps(
    connection: duckdb.DuckDBPyConnection, movies: Movies, job: Job
) -> None:
    with TemporaryDirectory() as name:
        archive = _archive(connection, movies, Path(name))
        entries = prepare_faces(archive, job)
        columns = "number, track, frame, person, label, probability, run_length"
        rows = connection.execute(f"SELECT {columns} FROM kept").fetchall() if entries else []
        of = {n: archive.entries.index(entry) for n, entry in enumerate(entries)}
        assert {(of[n], *rest) for n, *rest in rows} == _keys(movies, job)
        assert len(rows) == len(set(rows))


@given(st.lists(_movie(), min_size=1, max_size=3), JOBS)
@settings(max_examples=examples(40))
def test_moments_are_the_runs_that_pick_keeps(
    connection: duckdb.DuckDBPyConnection, movies: Movies, job: Job
) -> None:
    known = {"any", "unknown", *(person for rows, _ in movies for person in rows["person"])}
    job = job.among(known)  # A search refuses other names.
    with TemporaryDirectory() as name:
        archive = _archive(connection, movies, Path(name))
        found = search(archive, job, top=0)

    wanted: dict[Any, Any] = {
        (f"{number}.mkv", m.track, m.first, m.last, run["emotion"].iloc[0],
         run["person"].iloc[0] or "unknown", m.faces, m.length):
        (m.start, m.stop, m.seconds, m.look_sure, m.strength, m.probability, m.prominence)
        for number, run in _by_pick(movies, job)
        for m in moments(run, run["seconds"].to_numpy()).itertuples()
    }  # fmt: skip
    told = {
        (m.entry.facts.movie, m.track, m.first, m.last, m.emotion, m.person, m.faces, m.length):
        (m.start, m.stop, m.seconds, m.look_sure, m.strength, m.probability, m.prominence)
        for m in found.moments
    }  # fmt: skip
    assert told.keys() == wanted.keys()
    for moment, measures in wanted.items():
        assert told[moment] == pytest.approx(measures, abs=1e-6, nan_ok=True)
    assert found.count == len(wanted) == len(found.moments)
    sure = [m.look_sure for m in found.moments]
    assert sure == sorted(sure, reverse=True)
