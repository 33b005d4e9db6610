"""Tests of subtitles and chapters, as pysubs2 reads them."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.subtitles.subtitle import AssSubtitle
from pysubs2 import SSAFile

from pipeline.export.findings import Findings
from pipeline.export.formats import FORMATS
from pipeline.export.stretches import Cut
from tests.support.found import FRAMES, SHOWN_RATES, film_of, findings, reel_of

CUTS = [Cut(0, 1), Cut(100, 160), Cut(1798, 1802), Cut(107_891, 107_900), Cut(FRAMES - 5, FRAMES)]


def _read(kind: str, found: Findings) -> SSAFile:
    return SSAFile.from_string(FORMATS[kind].load()(found).decode())


def _shown(read: SSAFile, found: Findings) -> list[tuple[int, int]]:
    """First and one past the last frame at whose time a player shows each cue."""
    times = found.film.edges + 1e-6
    return [
        (int(np.searchsorted(times, cue.start / 1000)), int(np.searchsorted(times, cue.end / 1000)))
        for cue in read
    ]


@pytest.mark.parametrize("kind", ["subtitles", "chapters"])
@pytest.mark.parametrize("rate", SHOWN_RATES, ids=str)
def test_a_cue_is_shown_from_its_first_frame_to_its_last(rate: Fraction, kind: str) -> None:
    found = findings(film_of(rate), [reel_of(CUTS)])

    assert _shown(_read(kind, found), found) == [(cut.first, cut.stop) for cut in CUTS]


def test_subtitles_say_who_looks_how() -> None:
    reels = [reel_of([Cut(5, 9)]), reel_of([Cut(7, 12)], "bob", "sad")]
    found = findings(film_of(Fraction(25)), reels)
    text = FORMATS["subtitles"].load()(found).decode()

    assert text == (
        "1\n00:00:00,200 --> 00:00:00,360\nanna · happy · 93 %\n\n"
        "2\n00:00:00,280 --> 00:00:00,480\nbob · sad · 93 %\n"
    )


@pytest.mark.parametrize("name", ["<i>a</i>", "<anna>", "R&B &amp; <"])
def test_subtitles_show_every_letter_of_a_name(name: str, tmp_path: Path) -> None:
    """As FFmpeg reads them, whose text players show, and pysubs2."""
    path = tmp_path / "a.srt"
    found = findings(film_of(Fraction(25)), [reel_of([Cut(5, 9)], name)])
    path.write_bytes(FORMATS["subtitles"].load()(found))
    (cue,) = SSAFile.load(str(path))
    with av.open(path) as container:
        packet = next(container.demux(container.streams.subtitles[0]))
        event = next(iter(container.streams.subtitles[0].decode2(packet) or ()))
    assert isinstance(event, AssSubtitle)
    for text in (event.ass.decode().split(",", 8)[-1], cue.text):
        assert text.replace("\u2060", "") == f"{name} · happy · 93 %"


def test_chapters_do_not_overlap() -> None:
    reels = [
        reel_of([Cut(5, 20), Cut(40, 50)], "a<b>&c"),
        reel_of([Cut(5, 9), Cut(15, 30)], "bob", "sad"),
    ]
    found = findings(film_of(Fraction(25)), reels)
    text = FORMATS["chapters"].load()(found).decode()

    assert _shown(_read("chapters", found), found) == [(5, 15), (15, 30), (40, 50)]
    assert text.startswith("WEBVTT\n\n")
    assert "bob · sad · 93 % + a&lt;b&gt;&amp;c · happy · 93 %\n" in text
