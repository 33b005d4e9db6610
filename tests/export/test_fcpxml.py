"""Tests of FCPXML: every time is a whole number of frames, exactly."""

from fractions import Fraction
from xml.etree import ElementTree as ET

import pytest

from pipeline.export.footage import NTSC, RATES
from pipeline.export.formats import FORMATS
from pipeline.export.stretches import Cut
from tests.support.found import FRAMES, film_of, findings, reel_of

REELS = [
    reel_of([Cut(0, 1), Cut(100, 160), Cut(1798, 1802), Cut(FRAMES - 5, FRAMES)]),
    reel_of([Cut(17_981, 17_983)], "anna", "sad"),
    reel_of([Cut(107_891, 107_900)], "bob"),
]


def _root(rate: Fraction, start: str = "", layout: str = "stereo") -> ET.Element:
    data = FORMATS["fcpxml"].load()(findings(film_of(rate, layout), REELS, start))
    assert data.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n')
    return ET.fromstring(data)


def _frames(text: str | None, rate: Fraction) -> int:
    """The number of frames that a time is; it must be a whole one."""
    assert text is not None
    assert text.endswith("s")
    frames = Fraction(text[:-1]) * rate
    assert frames.denominator == 1
    return frames.numerator


def _span(element: ET.Element, rate: Fraction) -> tuple[int, int]:
    first = _frames(element.get("start"), rate)
    return first, first + _frames(element.get("duration"), rate)


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_the_project_has_every_cut_at_its_frame(rate: Fraction) -> None:
    root = _root(rate)
    gap = root.find("library/event/project/sequence/spine/gap")
    assert gap is not None

    assert _span(gap, rate) == (0, FRAMES)
    clips = gap.findall("asset-clip")
    wanted = [(c.first, c.stop) for reel in REELS for c in reel.cuts]
    assert [_span(clip, rate) for clip in clips] == wanted
    assert [_frames(clip.get("offset"), rate) for clip in clips] == [first for first, _ in wanted]
    assert [clip.get("lane") for clip in clips] == ["1"] * 4 + ["2", "3"]
    assert [_span(m, rate) for m in gap.findall("marker")] == sorted(wanted)
    assert any(m.get("note") == "sure 98 %, frames 100 to 159" for m in gap.findall("marker"))
    form = root.find("resources/format")
    assert form is not None
    assert _frames(form.get("frameDuration"), rate) == 1


def test_each_person_has_an_event_with_keywords() -> None:
    _, *events = _root(Fraction(25)).findall("library/event")

    assert [event.get("name") for event in events] == ["anna", "bob"]
    names = [clip.get("name") for clip in events[0].findall("asset-clip")]
    assert names == REELS[0].clip_names + REELS[1].clip_names
    keywords = [(k.get("value"), *_span(k, Fraction(25))) for k in events[0].iter("keyword")]
    assert keywords[-1] == ("anna, sad", 17_981, 17_983)
    assert [c.get("name") for c in events[0].findall("keyword-collection")] == ["happy", "sad"]


@pytest.mark.parametrize(
    ("rate", "start", "first", "counted"),
    [
        (30 * NTSC, "01:00:00;00", 107_892, "DF"),
        (30 * NTSC, "01:00:00:00", 108_000, "NDF"),
        (60 * NTSC, "", 0, "DF"),
        (24 * NTSC, "01:00:00:00", 86_400, "NDF"),
    ],
)
def test_times_count_from_the_movies_own_timecode(
    rate: Fraction, start: str, first: int, counted: str
) -> None:
    root = _root(rate, start)

    asset, sequence = root.find("resources/asset"), root.find(".//sequence")
    assert asset is not None
    assert sequence is not None
    assert _span(asset, rate) == (first, first + FRAMES)
    assert (_frames(sequence.get("tcStart"), rate), sequence.get("tcFormat")) == (first, counted)
    clips = root.findall(".//gap/asset-clip")
    assert _span(clips[1], rate) == (first + 100, first + 160)


@pytest.mark.parametrize(("layout", "channels"), [("", None), ("mono", "1"), ("stereo", "2")])
def test_the_movie_has_the_sound_that_it_has(layout: str, channels: str | None) -> None:
    asset = _root(Fraction(25), layout=layout).find("resources/asset")

    assert asset is not None
    assert asset.get("audioChannels") == channels
    media = asset.find("media-rep")
    assert media is not None
    assert media.get("src") == "file:///films/a%20b.mkv"


def test_any_name_is_well_formed() -> None:
    reels = [reel_of([Cut(5, 9)], 'a"b<c>&d,\udc80\x1b', stem="第三の男")]

    root = ET.fromstring(FORMATS["fcpxml"].load()(findings(film_of(Fraction(25)), reels)))

    assert [k.get("value") for k in root.iter("keyword")] == ['a"b<c>&d \\udc80\\x1b, happy']
