"""Decisions follow their faces when people are renamed, get a name or lose it."""

import csv
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import mine
from pipeline.errors import TableError
from pipeline.faces import NO_EMOTION
from pipeline.people import naming
from pipeline.people.rename import rename
from pipeline.review import desk, reconcile
from pipeline.review import labels as decided
from pipeline.review.desk import STRANGER, Picked
from pipeline.review.labels import ASIDE
from tests.support.examples import examples
from tests.support.puppet import photo
from tests.support.reviewed import Table, picked_once, table_of

__all__ = ["picked_once", "table_of"]

UNKNOWN_SAD, BEN_SAD = ("unknown", "sad"), ("ben", "sad")


@pytest.fixture(autouse=True)
def no_vetoes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A puppet's photos are all alike, so a photo in not/ would take the name away."""

    def nobody(mean: Any, known: Any) -> Any:
        return np.zeros((len(mean), len(known.people)), np.bool_)

    monkeypatch.setattr(naming, "vetoes", nobody)


def pick(table_of: Table, *people: str) -> None:
    people = people or ("any",)
    mine.pick(table_of.folder, replace(table_of.job, people=people, emotions=("happy", "sad")))


def name_ben(table_of: Table) -> None:
    photo(table_of.known / "ben.png", "ben")


def unname(table_of: Table, person: str) -> None:
    for path in table_of.known.glob(f"{person}.*"):
        path.unlink()


def decide(table_of: Table, where: tuple[str, str], number: int, looks: str | None) -> None:
    files = sorted(desk.picked(table_of.folder, *where).crops)
    desk.decide(table_of.folder, where, {files[number]: looks}, table_of.known)


def every(table_of: Table) -> Iterator[Picked]:
    for where in desk.picks(table_of.folder):
        yield desk.picked(table_of.folder, *where)


def labels(table_of: Table) -> list[dict[str, str]]:
    return decided.labels_as_dicts(decided.read_labels(table_of.folder))


def counts(table_of: Table) -> dict[str, tuple[int, int, int]]:
    """The crops, decided and accepted ones, of each list with any decision."""
    found = {f"{p.person}/{p.emotion}": p.progress for p in every(table_of)}
    return {w: (p.crops, p.decided, p.accepted) for w, p in found.items() if p.decided}


def reviewed(table_of: Table) -> None:
    """Four crops of the unknown ben are accepted, and three rejected."""
    pick(table_of)
    for number in range(7):
        decide(table_of, UNKNOWN_SAD, number, "sad" if number < 4 else NO_EMOTION)


def test_decisions_go_with_who_gets_a_name_and_come_back_with_who_loses_it(
    table_of: Table,
) -> None:
    reviewed(table_of)
    assert counts(table_of) == {"unknown/sad": (20, 7, 4)}
    for called, other in (("ben", "unknown"), ("unknown", "ben")):
        name_ben(table_of) if called == "ben" else unname(table_of, "ben")
        for _ in range(2):
            pick(table_of)
            assert counts(table_of) == {f"{called}/sad": (20, 7, 4)}
        now = desk.picked(table_of.folder, called, "sad")
        assert now.gone == frozenset()
        assert all(now.path_of(file) is not None for file in now.crops)
        assert len(list((now.place / ASIDE).iterdir())) == 3
        assert list((table_of.folder / other / "sad" / ASIDE).iterdir()) == []
        named = "" if called == "unknown" else called
        assert {label["person"] for label in labels(table_of)} == {named}


@pytest.mark.parametrize("only", ["unknown", "ben"])
def test_where_only_one_of_both_is_picked_all_are_found(table_of: Table, only: str) -> None:
    """The list of the new name always exists; an old one stays as it was."""
    reviewed(table_of)
    name_ben(table_of)
    pick(table_of, only)
    now = desk.picked(table_of.folder, *BEN_SAD)
    assert now.progress.decided == 7
    assert len(now.gone) == (4 if only == "unknown" else 0)
    assert [file for file in now.crops if now.path_of(file) is None] == sorted(now.gone)
    old = desk.picked(table_of.folder, *UNKNOWN_SAD)
    assert old.progress.crops == (0 if only == "unknown" else 20)
    assert all(old.path_of(file) is not None for file in old.crops)


@pytest.mark.parametrize("only", ["any", "unknown"])
def test_what_followed_is_taken_back_where_it_is(table_of: Table, only: str) -> None:
    reviewed(table_of)
    name_ben(table_of)
    pick(table_of, only)
    for file in desk.picked(table_of.folder, *BEN_SAD).labels:
        desk.decide(table_of.folder, BEN_SAD, {file: None}, table_of.known)
    assert labels(table_of) == []
    place = table_of.folder.joinpath(*BEN_SAD)
    assert list((place / ASIDE).iterdir()) == []
    pick(table_of)
    assert len(desk.picked(table_of.folder, *BEN_SAD).crops) == 20


def test_who_somebody_is_not_stays_said_of_that_person(table_of: Table) -> None:
    name_ben(table_of)
    pick(table_of)
    decide(table_of, BEN_SAD, 0, STRANGER)
    decide(table_of, BEN_SAD, 1, NO_EMOTION)
    unname(table_of, "ben")
    pick(table_of)
    assert counts(table_of) == {"ben/sad": (1, 1, 0), "unknown/sad": (20, 1, 0)}
    decide(
        table_of, UNKNOWN_SAD, 0, "sad"
    )  # The same face; only "not this person" was said of it before.
    name_ben(table_of)
    for _ in range(2):
        pick(table_of)
        assert counts(table_of) == {"ben/sad": (20, 2, 0), "unknown/sad": (1, 1, 1)}
        assert [label["person"] for label in labels(table_of)] == ["ben", "ben", ""]


Names = tuple[str, str]

CALLED = st.tuples(st.sampled_from(["anna", "zoe", ""]), st.sampled_from(["ben", ""]))
DECISION = st.tuples(
    st.integers(0, 3), st.integers(0, 4), st.sampled_from(["sad", NO_EMOTION, STRANGER])
)
ROUND = st.tuples(
    CALLED, st.sampled_from([(), ("unknown",), ("any",)]), st.lists(DECISION, max_size=6)
)


def call(table_of: Table, now: Names, wanted: Names) -> None:
    """Changes the known faces as the page People does: renames, adds and deletes photos."""
    for old, new, hue in zip(now, wanted, ("anna", "ben"), strict=True):
        if old and new and old != new:
            rename(table_of.known, old, new)
        elif old != new:
            photo(table_of.known / f"{new}.png", hue) if new else unname(table_of, old)


def _decide_or_leave(table_of: Table, now: Picked, number: int, looks: str) -> None:
    """Decides about a crop, unless its face was decided on under another name."""
    before, refused = labels(table_of), ""
    try:
        decide(table_of, (now.person, now.emotion), number, looks)
    except TableError as error:
        refused = str(error)
    if refused:
        assert "this crop is among those of" in refused
        assert labels(table_of) == before


def sorted_keys(those: Iterable[dict[str, str]]) -> list[tuple[str, ...]]:
    return sorted((x["first"], x["x1"], x["picked"], x["emotion"]) for x in those)


def check(table_of: Table) -> None:
    """After everybody is picked, each decision is in one list: that of the face's name."""
    found, all_labels = list(every(table_of)), labels(table_of)
    assert sorted_keys(label for now in found for label in now.labels.values()) == sorted_keys(
        all_labels
    )
    doubted = {label["file"] for label in all_labels if label["emotion"] == STRANGER}
    names = {(row["person"], row["track"]) for now in found for row in listed(now)}
    for now in found:
        assert now.gone <= doubted
        assert all(now.path_of(file) for file in now.crops if file not in now.gone)
    for label in all_labels:
        assert label["file"] in doubted or (label["person"], label["track"]) in names


def listed(now: Picked) -> list[dict[str, str]]:
    """The crops of the last pick."""
    with (now.place / "crops.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def pictures(table_of: Table) -> dict[str, bytes]:
    """All crops, and all lists with at least one."""
    found = {n: data for n, data in table_of.everything().items() if n.startswith("talk/")}
    lists = {n: d for n, d in found.items() if n.endswith("/crops.csv") and d.count(b"\n") > 1}
    return {n: data for n, data in found.items() if n.endswith(".jpg")} | lists


@pytest.fixture
def fresh(table_of: Table, tmp_path: Path) -> Callable[[], Table]:
    """Returns a new copy each time, so that examples do not affect each other."""
    number = count()

    def copied() -> Table:
        root = tmp_path / f"example-{next(number)}"
        shutil.copytree(table_of.job.output, root)
        job = replace(table_of.job, output=root, known_faces=root / "known")
        return Table(table_of.movie, root / "talk", job)

    return copied


@pytest.mark.e2e
@given(st.lists(ROUND, min_size=1, max_size=3))
@settings(max_examples=examples(8), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whoever_is_called_how_nothing_is_lost_and_all_can_be_taken_back(
    fresh: Callable[[], Table], rounds: list[tuple[Names, Any, list[tuple[int, int, str]]]]
) -> None:
    table_of = fresh()
    pick(table_of)
    before, called = pictures(table_of), ("anna", "")
    for wanted, people, decisions in [*rounds, (("anna", ""), (), [])]:
        call(table_of, called, wanted)
        called = wanted
        pick(table_of, *people)
        for place, number, looks in decisions:
            lists = [now for now in every(table_of) if len(now.crops) > number]
            if not lists:
                continue
            now = lists[place % len(lists)]
            if looks != STRANGER or now.person in called:
                _decide_or_leave(table_of, now, number, looks)
        known = sorted_keys(labels(table_of))
        pick(table_of)
        assert sorted_keys(labels(table_of)) == known
        check(table_of)
    for now in every(table_of):
        for file in now.labels:
            desk.decide(table_of.folder, (now.person, now.emotion), {file: None}, table_of.known)
    assert labels(table_of) == []
    pick(table_of)
    assert pictures(table_of) == before


def test_where_case_does_not_count_a_rejected_crop_stays(tmp_path: Path) -> None:
    """As on a Mac, `Anna` is the folder `anna`."""
    place = tmp_path / "anna" / "sad" / ASIDE
    place.mkdir(parents=True)
    (place / "a.jpg").write_bytes(b"a crop")
    (tmp_path / "Anna").symlink_to("anna")
    reconcile._move([(place / "a.jpg", tmp_path / "Anna" / "sad" / ASIDE / "a.jpg")])
    assert (place / "a.jpg").read_bytes() == b"a crop"
