"""Tests of markers and logs: other programs' readers give back every frame."""

import csv
import io
import re
from fractions import Fraction
from typing import Any

import opentimelineio as otio
import pytest
from opentimelineio.opentime import RationalTime

from pipeline.export.findings import Findings
from pipeline.export.footage import NTSC
from pipeline.export.formats import FORMATS
from pipeline.export.markers import AVID_COLOURS, RESOLVE_COLOURS
from pipeline.export.stretches import Cut, Stretch
from pipeline.faces import EMOTIONS
from tests.support.found import FRAMES, SHOWN_RATES, film_of, findings, reel_of

REELS = [
    reel_of([Cut(0, 1), Cut(100, 160, 2), Cut(1798, 1802), Cut(FRAMES - 5, FRAMES)]),
    reel_of([Cut(17_981, 17_983), Cut(107_891, 107_900)], "bob", "sad"),
]
SPANS = [(0, 1), (100, 160), (1798, 1802), (17_981, 17_983), (107_891, 107_900),
         (FRAMES - 5, FRAMES)]  # fmt: skip
STARTS = ("", "01:00:00:00")


def _found(rate: Fraction, start: str = "") -> Findings:
    dropping = rate in (30 * NTSC, 60 * NTSC)
    own = start[:-3] + ";00" if start and dropping else start
    return findings(film_of(rate), REELS, own)


def _write(kind: str, found: Findings) -> bytes:
    return FORMATS[kind].load()(found)


def _frames(texts: list[str], found: Findings) -> list[int]:
    """Frames of a movie that timecodes mean, as OpenTimelineIO understands them."""
    rate = float(found.clock.rate)
    numbers = (RationalTime.from_timecode(text, rate).value for text in texts)
    return [int(number) - found.clock.start for number in numbers]


def _resolve(text: str) -> list[tuple[str, ...]]:
    """In-point, note, colour, name and length of each marker."""
    event = r"^\d{3}  001      V     C        (\S+) \S+ \1 \S+  \n"
    pattern = event + r"(.*) \|C:ResolveColor(\w+) \|M:(.*) \|D:(\d+)$"
    return re.findall(pattern, text, re.MULTILINE)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("rate", SHOWN_RATES, ids=str)
def test_resolve_markers(rate: Fraction, start: str) -> None:
    found = _found(rate, start)
    text = _write("resolve-markers", found).decode()

    markers = _resolve(text)
    frames = _frames([marker[0] for marker in markers], found)
    lengths = [int(marker[4]) for marker in markers]
    assert [(f, f + n) for f, n in zip(frames, lengths, strict=True)] == SPANS
    assert [marker[2] for marker in markers] == ["Yellow"] * 3 + ["Blue"] * 2 + ["Yellow"]
    assert markers[0][1] == "sure 98 %, frames 0 to 0"
    assert markers[3][3] == "bob · sad · 93 %"
    drops = rate in (30 * NTSC, 60 * NTSC)
    assert text.splitlines()[1] == f"FCM: {'DROP FRAME' if drops else 'NON-DROP FRAME'}"
    read: Any = otio.adapters.read_from_string(text, "cmx_3600", rate=float(rate))
    begins = [int(clip.source_range.start_time.value) for clip in read.find_clips()]
    assert [begin - found.clock.start for begin in begins] == [first for first, _ in SPANS]


def test_resolve_and_avid_have_one_marker_a_frame() -> None:
    reels = [reel_of([Cut(5, 9)], "a|b", "happy"), reel_of([Cut(5, 7)], "bob", "fear")]
    found = findings(film_of(Fraction(25)), reels)

    (marker,) = _resolve(_write("resolve-markers", found).decode())
    (row,) = _write("avid-markers", found).decode().splitlines()

    assert marker[2:] == ("Pink", "bob · fear · 93 % + a/b · happy · 93 %", "4")
    assert row.split("\t")[3:6] == ["magenta", "bob · fear · 93 % + a|b · happy · 93 %", "4"]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("rate", SHOWN_RATES, ids=str)
def test_premiere_markers(rate: Fraction, start: str) -> None:
    found = _found(rate, start)
    data = _write("premiere-markers", found)

    rows = list(csv.DictReader(io.StringIO(data.decode("utf-16"), newline=""), delimiter="\t"))
    assert data[:2] == b"\xff\xfe"
    assert list(rows[0]) == ["Marker Name", "Description", "In", "Out", "Duration", "Marker Type"]
    shown = [row[name] for row in rows for name in ("In", "Out")]
    dropping = rate in (30 * NTSC, 60 * NTSC)
    assert all(
        (text.count(";"), text.count(":")) == ((3, 0) if dropping else (0, 3)) for text in shown
    )
    plain = [text.replace(";", ":", 2) if dropping else text for text in shown]
    frames = _frames(plain, found)
    assert list(zip(frames[::2], frames[1::2], strict=True)) == SPANS
    assert {row["Marker Type"] for row in rows} == {"Comment"}
    assert rows[3]["Marker Name"] == "bob · sad · 93 %"


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("rate", SHOWN_RATES, ids=str)
def test_avid_markers(rate: Fraction, start: str) -> None:
    found = _found(rate, start)
    text = _write("avid-markers", found).decode()

    rows = list(csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))
    frames = _frames([row[1] for row in rows], found)
    assert [(f, f + int(row[5])) for f, row in zip(frames, rows, strict=True)] == SPANS
    assert rows[3] == ["mine-video", rows[3][1], "TC1", "blue", "bob · sad · 93 %", "2", "", "Blue"]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("rate", SHOWN_RATES, ids=str)
def test_avid_log(rate: Fraction, start: str) -> None:
    found = _found(rate, start)

    read: Any = otio.adapters.read_from_string(_write("ale", found).decode(), "ale")

    first = found.clock.start
    spans = [
        (int(r.start_time.value) - first, int(r.end_time_exclusive().value) - first)
        for r in (clip.source_range for clip in read)
    ]
    assert spans == [(cut.first, cut.stop) for reel in REELS for cut in reel.cuts]
    assert [clip.name for clip in read] == [name for reel in REELS for name in reel.clip_names]
    assert {round(clip.source_range.start_time.rate, 2) for clip in read} == {round(float(rate), 2)}
    told = dict(read[4].metadata["ALE"])
    assert (told["Person"], told["Emotion"], told["Tracks"]) == ("bob", "sad", "VA1A2")
    assert read[4].media_reference.target_url == "a b.mkv"
    assert read.metadata["ALE"]["header"]["VIDEO_FORMAT"] == "CUSTOM"


@pytest.mark.parametrize(("layout", "tracks"), [("", "V"), ("mono", "VA1"), ("stereo", "VA1A2")])
def test_an_avid_log_has_the_tracks_of_the_movie(layout: str, tracks: str) -> None:
    found = findings(film_of(Fraction(25), layout), REELS)

    assert f"\t{tracks}\t" in _write("ale", found).decode()


@pytest.mark.parametrize("colours", [RESOLVE_COLOURS, AVID_COLOURS])
def test_each_emotion_has_a_colour_of_its_own(colours: dict[str, str]) -> None:
    assert list(colours) == list(EMOTIONS)
    assert len(set(colours.values())) == len(EMOTIONS)


@pytest.mark.parametrize(
    "kind", ["resolve-markers", "premiere-markers", "avid-markers", "ale", "subtitles", "chapters"]
)
def test_a_line_break_in_a_name_begins_no_line(kind: str) -> None:
    name = (
        "a\n\n002  001      V     C        00:00:00:00 00:00:00:01 00:00:00:00 00:00:00:01\x1b[2J\t"
    )
    told = Stretch(name, "happy", 5, 9, 0, 0, 0.9, 0.9)
    film, reel = film_of(Fraction(25), name=f"{name}.mkv"), reel_of([Cut(5, 9)], name, stem=name)
    evil = findings(film, [reel], "", [told])
    plain = findings(film_of(Fraction(25)), [reel_of([Cut(5, 9)])])
    encoding = "utf-16" if kind == "premiere-markers" else "utf-8"

    lines, usual = (_write(kind, found).decode(encoding).splitlines() for found in (evil, plain))

    assert len(lines) == len(usual)
    assert [line.count("\t") for line in lines] == [line.count("\t") for line in usual]
    assert "\x1b" not in "".join(lines)
