"""Tests of documents for ELAN and Praat, read back by pympi frame by frame."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.export.annotations import elan, textgrid, tiers
from pipeline.export.findings import Findings
from pipeline.export.stretches import Cut, Stretch
from pipeline.faces import EMOTIONS
from pipeline.movie.remote import Url
from tests.support.examples import examples
from tests.support.found import FRAMES, SHOWN_RATES, film_of, findings, reel_of

pympi = pytest.importorskip("pympi", reason="extra `test` is not installed")

CUTS = (Cut(0, 5), Cut(5, 6), Cut(1799, 1802), Cut(17_981, 17_983), Cut(107_892, FRAMES))
HOSTILE = ["<b>&amp;", 'say "hi"', "Zoë שלום 😀", "shots", "a\x07b"]

Spans = list[tuple[int, int, str]]


def _found(rate: Fraction, shots: Sequence[int] = (0, 100, FRAMES)) -> Findings:
    reels = [reel_of(CUTS), reel_of([Cut(3, 9)], "ben", "sad")]
    return replace(findings(film_of(rate), reels), shots=np.array(shots, np.int64))


def _elan(found: Findings, folder: Path) -> Any:
    (folder / "a.eaf").write_bytes(elan(found))
    return pympi.Elan.Eaf(str(folder / "a.eaf"))


def _praat(found: Findings, folder: Path) -> Any:
    (folder / "a.TextGrid").write_bytes(textgrid(found))
    return pympi.Praat.TextGrid(str(folder / "a.TextGrid"))


def _frames(found: Findings, spans: Sequence[tuple[float, float, str]]) -> Spans:
    """The first frame of each span of seconds and the one after its last: where a player stops."""
    edges = found.film.edges

    def frame(seconds: float) -> int:
        return int(np.searchsorted(edges, seconds + 1e-6, side="right")) - 1

    return [(frame(begin), frame(end), text) for begin, end, text in spans]


def _in_elan(found: Findings, document: Any, tier: str) -> Spans:
    spans = document.get_annotation_data_for_tier(tier)
    return _frames(found, sorted((b / 1000, e / 1000, text) for b, e, text in spans))


def _in_praat(found: Findings, grid: Any, tier: str) -> Spans:
    intervals = list(grid.get_tier(tier).get_all_intervals())
    # Praat's intervals fill the tier.
    assert [end for _, end, _ in intervals[:-1]] == [begin for begin, _, _ in intervals[1:]]
    assert (intervals[0][0], intervals[-1][1]) == (0, pytest.approx(found.film.edges[-1]))
    return _frames(found, [interval for interval in intervals if interval[2]])


@pytest.mark.parametrize("rate", SHOWN_RATES, ids=lambda rate: f"{float(rate):.5g}")
def test_every_annotation_is_where_it_was_seen(rate: Fraction, tmp_path: Path) -> None:
    found = _found(rate)
    wanted = {
        "anna": [(cut.first, cut.stop, "happy") for cut in CUTS],
        "ben": [(3, 9, "sad")],
        "shots": [(0, 100, "0"), (100, FRAMES, "1")],
    }
    document, grid = _elan(found, tmp_path), _praat(found, tmp_path)
    assert list(document.get_tier_names()) == [t.name for t in grid.get_tiers()] == [*wanted]
    for name, spans in wanted.items():
        assert _in_elan(found, document, name) == spans
        assert _in_praat(found, grid, name) == spans


def test_elan_offers_the_looks_as_a_vocabulary(tmp_path: Path) -> None:
    document = _elan(_found(Fraction(25)), tmp_path)
    entries = document.get_cv_entries("looks")
    assert [value for values, _ in entries.values() for value, *_ in values] == [*EMOTIONS]
    assert document.get_parameters_for_linguistic_type("look")["CONTROLLED_VOCABULARY_REF"] == (
        "looks"
    )
    root = ET.fromstring((tmp_path / "a.eaf").read_bytes())
    for tier in root.iter("TIER"):
        for one in tier.iter("ALIGNABLE_ANNOTATION"):
            reference = one.get("CVE_REF")
            text = one.findtext("ANNOTATION_VALUE")
            assert (reference and entries[reference][0][0][0]) == (
                text if tier.get("PARTICIPANT") else None
            )


def test_elan_finds_the_film_and_who_is_meant(tmp_path: Path) -> None:
    document = _elan(_found(Fraction(25)), tmp_path)
    (media,) = document.get_linked_files()
    assert (media["MEDIA_URL"], media["MIME_TYPE"]) == ("file:///films/a%20b.mkv", "unknown")
    assert media["RELATIVE_MEDIA_URL"] == "../../a b.mkv"
    assert document.get_parameters_for_tier("anna")["PARTICIPANT"] == "anna"


def test_elan_finds_a_film_on_another_computer_by_its_address_alone(tmp_path: Path) -> None:
    found = _found(Fraction(25))
    address = "https://host/a%20b.mkv?token=1"
    film = replace(found.film, movie=cast(Path, Url(address)))
    (media,) = _elan(replace(found, film=film), tmp_path).get_linked_files()
    assert media["MEDIA_URL"] == address
    assert "RELATIVE_MEDIA_URL" not in media


def test_every_id_is_given_once_and_slots_are_in_order() -> None:
    root = ET.fromstring(elan(_found(Fraction(25))))
    slots = {s.get("TIME_SLOT_ID"): int(str(s.get("TIME_VALUE"))) for s in root.iter("TIME_SLOT")}
    assert list(slots.values()) == sorted(slots.values())
    used = [
        one.get(f"TIME_SLOT_REF{n}") for one in root.iter("ALIGNABLE_ANNOTATION") for n in (1, 2)
    ]
    assert sorted(used, key=str) == sorted(slots, key=str)
    ids = [one.get("ANNOTATION_ID") for one in root.iter("ALIGNABLE_ANNOTATION")]
    assert len(set(ids)) == len(ids) == len(CUTS) + 1 + 2


def _moment(first: int, stop: int, person: str = "unknown") -> Stretch:
    return Stretch(person, "happy", first, stop, 0, 0, 0.9, 0.9)


@settings(max_examples=examples(60))
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), min_size=1, max_size=20))
def test_what_overlaps_goes_to_as_many_tiers_as_there_are_at_once(
    spans: list[tuple[int, int]],
) -> None:
    moments = [_moment(first, first + length) for first, length in spans]
    found = findings(film_of(Fraction(25)), [reel_of([Cut(0, 9)], "unknown")], "", moments)
    made = tiers(found)[:-1]
    at_once = max(sum(first <= n < first + length for first, length in spans) for n in range(70))
    assert [tier.name for tier in made] == [
        "unknown", *(f"unknown ({n})" for n in range(2, at_once + 1)),
    ]  # fmt: skip
    for tier in made:
        assert all(a.stop <= b.first for a, b in zip(tier.notes, tier.notes[1:], strict=False))
    notes = [(n.first, n.stop) for tier in made for n in tier.notes]
    assert sorted(notes) == sorted((first, first + length) for first, length in spans)


def test_a_further_tier_takes_nobodys_name() -> None:
    people = ("anna", "anna (2)", "shots")
    moments = [
        _moment(0, 9, "anna"),
        _moment(3, 5, "anna"),
        *(_moment(0, 4, p) for p in people[1:]),
    ]
    reels = [reel_of([Cut(0, 9)], person) for person in people]
    made = tiers(findings(film_of(Fraction(25)), reels, "", moments))
    assert [(tier.name, tier.person) for tier in made] == [
        ("anna", "anna"), ("anna (2)", "anna"), ("anna (2) (2)", "anna (2)"),
        ("shots (2)", "shots"), ("shots", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_a_tiers(name: str, tmp_path: Path) -> None:
    found = findings(film_of(Fraction(25)), [reel_of([Cut(0, 9)], name)])
    shown = {"shots": "shots (2)", "a\x07b": "a\\x07b"}.get(name, name)
    assert _in_elan(found, _elan(found, tmp_path), shown) == [(0, 9, "happy")]
    assert _in_praat(found, _praat(found, tmp_path), shown) == [(0, 9, "happy")]


def test_a_walk_of_an_earlier_version_has_no_tier_of_shots(tmp_path: Path) -> None:
    found = _found(Fraction(25), [])
    assert list(_elan(found, tmp_path).get_tier_names()) == ["anna", "ben"]


def test_a_film_that_begins_before_zero_has_no_times_before_it(tmp_path: Path) -> None:
    found = _found(Fraction(25))
    film = replace(found.film, edges=found.film.edges - 0.1)
    early = replace(found, film=film)
    first = sorted(_elan(early, tmp_path).get_annotation_data_for_tier("anna"))[0]
    assert first == (0, 100, "happy")
    assert next(iter(_praat(early, tmp_path).get_tier("anna").get_all_intervals())) == (
        0, 0.1, "happy",
    )  # fmt: skip


def test_praat_has_no_interval_of_no_length(tmp_path: Path) -> None:
    """Also where a whole moment lies before zero."""
    reels = [reel_of([Cut(0, 2), Cut(2, 4), Cut(9, 12)])]
    film = film_of(Fraction(25))
    found = findings(replace(film, edges=film.edges - 0.1), reels)
    intervals = list(_praat(found, tmp_path).get_tier("anna").get_all_intervals())
    assert intervals[0] == (0, 0.06, "happy")
    assert all(begin < end for begin, end, _ in intervals)
