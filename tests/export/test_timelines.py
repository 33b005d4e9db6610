"""Tests of EDL, OTIO and XML: the same library reads them back, to the frame."""

from fractions import Fraction
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import opentimelineio as otio
import pytest

from pipeline.export.findings import FilmCut
from pipeline.export.footage import NTSC, RATES, Footage, Rate
from pipeline.export.formats import FORMATS, JOINED, load
from pipeline.export.smpte import frame_numbers, largest_error, timecode_rate
from pipeline.export.stretches import Cut, Reel
from pipeline.movie.scan import Scan
from pipeline.movie.stream import Stream
from tests.support.found import FRAMES, SHOWN_RATES, film_of, film_of_scan, findings, reel_of

ADAPTERS = {"edl": "cmx_3600", "otio": "otio_json", "xml": "fcp_xml"}
"""OpenTimelineIO's names of the formats."""
CUTS = (
    Cut(0, 1), Cut(100, 160, 2), Cut(1798, 1802), Cut(17_981, 17_983), Cut(107_891, 107_900),
    Cut(FRAMES - 5, FRAMES),
)  # fmt: skip
"""The very first and last frame, and both sides of minutes whose timecodes are dropped."""


def _reel(cuts: tuple[Cut, ...] = CUTS, stem: str = "a b") -> Reel:
    return reel_of(cuts, stem=stem)


def _write(film: Footage, reel: Reel, start: str, ending: str) -> bytes:
    return FORMATS[ending].load()(findings(film, [reel], start))


def _error(film: Footage, reel: Reel) -> float:
    return largest_error(film, np.array([p for c in reel.cuts for p in (c.first, c.stop)]))


def _read(film: Footage, reel: Reel, ending: str, start: str = "") -> Any:
    text = _write(film, reel, start, ending).decode()
    options = {"rate": float(timecode_rate(film.rate))} if ending == "edl" else {}
    return otio.adapters.read_from_string(text, ADAPTERS[ending], **options)


def _points(track: Any) -> list[tuple[int, int]]:
    """In- and out-point of each clip; checks that clips follow each other without a gap."""
    clips = list(track.find_clips())
    spans = [clip.trimmed_range_in_parent() for clip in clips]
    assert all(a.end_time_exclusive() == b.start_time for a, b in pairwise(spans))
    ranges = [clip.source_range for clip in clips]
    return [(int(r.start_time.value), int(r.end_time_exclusive().value)) for r in ranges]


@pytest.mark.parametrize("ending", list(ADAPTERS))
@pytest.mark.parametrize("rate", RATES, ids=str)
def test_round_trip(rate: Fraction, ending: str) -> None:
    film = film_of(rate)
    assert film.rate == Rate(rate, constant=True)

    found = _read(film, _reel(), ending)

    video, *sounds = found.tracks
    assert _points(video) == [(cut.first, cut.stop) for cut in CUTS]
    assert [track.kind for track in sounds] == ["Audio"] * (2 if ending == "edl" else 1)
    assert all(_points(sound) == _points(video) for sound in sounds)
    rates = [clip.source_range.start_time.rate for clip in video.find_clips()]
    assert rates == pytest.approx([float(rate)] * len(CUTS), abs=1e-9)
    assert _error(film, _reel()) == 0


def test_every_clip_in_xml_is_complete() -> None:
    text = _write(film_of(30 * NTSC), _reel(), "01:00:00;00", "xml")

    items = list(ET.fromstring(text).iter("clipitem"))
    assert len(items) == 2 * len(CUTS)
    assert [item.findtext("in") for item in items] == [str(cut.first) for cut in CUTS] * 2
    assert text.count(b"<displayformat>DF</displayformat>") == 2
    assert b"<string>01:00:00;00</string>" in text


@pytest.mark.parametrize("ending", list(ADAPTERS))
def test_a_movie_without_sound_has_no_sound_track(ending: str) -> None:
    found = _read(film_of(Fraction(25), layout=""), _reel(), ending)

    assert [track.kind for track in found.tracks] == ["Video"]


@pytest.mark.parametrize(
    ("rate", "first", "mode"),
    [
        (30 * NTSC, "00:00:03;10 00:00:05;10", "FCM: DROP FRAME"),
        (60 * NTSC, "00:00:01;40 00:00:02;40", "FCM: DROP FRAME"),
        (24 * NTSC, "00:00:04:04 00:00:06:16", "FCM: NON-DROP FRAME"),
        (Fraction(25), "00:00:04:00 00:00:06:10", "FCM: NON-DROP FRAME"),
    ],
    ids=str,
)
def test_what_stands_in_an_edl(rate: Fraction, first: str, mode: str) -> None:
    text = _write(film_of(rate), _reel((Cut(100, 160),)), "", "edl").decode()

    assert f"001  AB       AA/V  C        {first}" in text
    assert mode in text.splitlines()


def test_an_edl_counts_as_the_movie_does() -> None:
    text = _write(film_of(30 * NTSC), _reel((Cut(1798, 1802),)), "01:00:00:00", "edl").decode()

    assert "C        01:00:59:28 01:01:00:02 00:00:00:00 00:00:00:04" in text
    assert "FCM: NON-DROP FRAME" in text.splitlines()


@pytest.mark.parametrize(
    ("rate", "start", "times"),
    [
        (Fraction(25), "23:59:59:00", "23:59:59:10 00:00:01:10 00:00:00:00 00:00:02:00"),
        (30 * NTSC, "23:59:59;00", "23:59:59;10 00:00:01;00 00:00:00;00 00:00:01;20"),
        (30 * NTSC, "23:59:59:00", "23:59:59:10 00:00:01:00 00:00:00:00 00:00:01:20"),
        (60 * NTSC, "23:59:59:00", "23:59:59:10 00:00:00:00 00:00:00:00 00:00:00:50"),
        (30 * NTSC, "23:58:00:00", "23:58:00:10 23:58:02:00 00:00:00:00 00:00:01:20"),
    ],
)  # fmt: skip
def test_an_edl_counts_on_past_midnight(rate: Fraction, start: str, times: str) -> None:
    """As timecode does: after 23:59:59 comes 00:00:00."""
    text = _write(film_of(rate), _reel((Cut(10, 60),)), start, "edl").decode()
    assert f"C        {times}" in text


@pytest.mark.parametrize(
    ("rate", "start", "first"),
    [
        (Fraction(25), "10:00:00:00", 900_000),
        (30 * NTSC, "01:00:00;00", 107_892),
        (30 * NTSC, "01:00:00:00", 108_000),
        (60 * NTSC, "01:00:00:00", 216_000),
        (24 * NTSC, "01:00:00:00", 86_400),
        (Fraction(25), "nonsense", 0),
        (Fraction(25), "00:00:00:99", 0),
    ],
)
@pytest.mark.parametrize("ending", list(ADAPTERS))
def test_points_count_from_the_movies_own_timecode(
    rate: Fraction, start: str, first: int, ending: str
) -> None:
    (video, *_) = _read(film_of(rate), _reel((Cut(100, 160),)), ending, start).tracks

    assert _points(video) == [(first + 100, first + 160)]


@pytest.mark.parametrize(
    ("rate", "wanted", "factor"),
    [("15", "30", 2), ("12.5", "25", 2), ("10", "30", 3), ("15000/1001", "30000/1001", 2)],
)
def test_a_rate_without_timecode_takes_a_multiple(rate: str, wanted: str, factor: int) -> None:
    film = film_of(Fraction(rate))
    cut = Cut(101, 162)

    (video, *_) = _read(film, _reel((cut,)), "edl").tracks

    assert timecode_rate(film.rate) == Fraction(wanted)
    assert _points(video) == [(101 * factor, 162 * factor)]
    assert _error(film, _reel((cut,))) == 0


@pytest.mark.parametrize("rate", [37, 120])
def test_any_other_rate_takes_the_nearest_frame_and_says_how_far_off(rate: int) -> None:
    film = film_of(Fraction(rate))
    nominal = timecode_rate(film.rate)

    assert 0 < _error(film, _reel()) <= 0.5 / float(nominal) + 1e-6
    (video, *_) = _read(film, _reel(), "otio").tracks
    for (low, high), cut in zip(_points(video), CUTS, strict=True):
        assert low / float(nominal) == pytest.approx(cut.first / rate, abs=0.5 / float(nominal))
        assert high > low


def test_a_variable_rate_does_not_drift() -> None:
    random = np.random.default_rng(0)
    pts = np.cumsum(random.choice([33, 34, 40, 50], 100_000)).astype(np.int64)
    facts = Stream("h264", 64, 48, 25.3, (1, 1000), int(pts[0]), 0, counted=False, hdr="")
    film = film_of_scan(Scan(facts, pts, np.zeros((1, 2), np.int64)))
    reel = _reel((Cut(10, 20), Cut(90_000, 90_050)))

    (video, *_) = _read(film, reel, "edl").tracks

    rate = float(timecode_rate(film.rate))
    for (low, high), cut in zip(_points(video), reel.cuts, strict=True):
        assert low / rate == pytest.approx(film.edges[cut.first], abs=0.5 / rate)
        assert high / rate == pytest.approx(film.edges[cut.stop], abs=0.5 / rate)
    assert 0 < _error(film, reel) <= 0.5 / rate


def test_frame_numbers_never_fall() -> None:
    film = film_of(Fraction(120))

    assert (np.diff(frame_numbers(film, Fraction(60))) >= 0).all()


def test_a_cut_in_otio_has_metadata() -> None:
    clip = next(iter(_read(film_of(Fraction(25)), _reel(), "otio").tracks[0].find_clips()))

    facts = clip.metadata["mine-video"]
    assert (facts["person"], facts["emotion"]) == ("anna", "happy")
    assert (facts["first"], facts["last"], facts["begin"], facts["end"]) == (0, 0, 0.0, 0.04)
    assert clip.media_reference.target_url == "file:///films/a%20b.mkv"


def test_a_line_break_in_a_name_is_no_event() -> None:
    event = "002  EVIL     V     C        00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00"
    stem = f"a\n\n{event}\x1b[2J"
    film = film_of(Fraction(25), name=f"{stem}.mkv")
    text = _write(film, _reel((Cut(100, 160),), stem), "", "edl").decode()
    assert len([line for line in text.splitlines() if line[:3].isdecimal()]) == 1
    assert "\x1b" not in text


@pytest.mark.parametrize("stem", ["第三の男", "a\"b<c>&d'", "x" * 200])
@pytest.mark.parametrize("ending", list(ADAPTERS))
def test_any_name(stem: str, ending: str) -> None:
    film = film_of(Fraction(25), name=f"{stem}.mkv")

    (video, *_) = _read(film, _reel((Cut(100, 160),), stem), ending).tracks

    assert _points(video) == [(100, 160)]


# --- one timeline of everybody ------------------------------------------------------------------

REELS = [
    reel_of((Cut(100, 160), Cut(1798, 1802), Cut(FRAMES - 5, FRAMES))),
    reel_of((Cut(0, 7), Cut(150, 170)), "anna", "sad"),
    reel_of((Cut(140, 200),), "bob"),
]


def _placed(kind: str, rate: Fraction, start: str = "", layout: str = "stereo") -> Any:
    data = FORMATS[kind].load()(findings(film_of(rate, layout), REELS, start))
    return otio.adapters.read_from_string(data.decode(), ADAPTERS[kind.removeprefix("tracks-")])


def _span(found: Any) -> tuple[int, int]:
    return int(found.start_time.value), int(found.end_time_exclusive().value)


@pytest.mark.parametrize("kind", ["tracks-otio", "tracks-xml"])
@pytest.mark.parametrize("rate", RATES, ids=str)
def test_every_cut_of_everybody_keeps_its_frames(rate: Fraction, kind: str) -> None:
    found = _placed(kind, rate)

    assert [track.kind for track in found.tracks] == ["Video"] * 3 + ["Audio"] * 3
    for track, reel in zip(found.tracks, [*REELS, *REELS], strict=True):
        clips = list(track.find_clips())
        cuts = [(cut.first, cut.stop) for cut in reel.cuts]
        assert [clip.name for clip in clips] == reel.clip_names
        assert [_span(clip.source_range) for clip in clips] == cuts
        assert [_span(clip.trimmed_range_in_parent()) for clip in clips] == cuts


@pytest.mark.parametrize("kind", ["tracks-otio", "tracks-xml"])
def test_cuts_shorter_than_a_frame_of_timecode_move_nothing_behind_them(kind: str) -> None:
    """At 1000 frames a second 16 of the movie's are one of the timecode's 60."""
    reel = reel_of([*(Cut(n, n + 1) for n in range(0, 8, 2)), Cut(1000, 2000)])
    data = FORMATS[kind].load()(findings(film_of(Fraction(1000), ""), [reel]))
    found = otio.adapters.read_from_string(data.decode(), ADAPTERS[kind.removeprefix("tracks-")])
    *_, last = found.tracks[0].find_clips()
    assert _span(last.trimmed_range_in_parent()) == _span(last.source_range) == (60, 120)


@pytest.mark.parametrize("kind", ["tracks-otio", "tracks-xml"])
def test_the_timeline_of_everybody_has_the_movies_timecode(kind: str) -> None:
    found = _placed(kind, 30 * NTSC, "01:00:00;00", layout="")

    assert int(found.global_start_time.value) == 107_892
    assert [track.kind for track in found.tracks] == ["Video"] * 3
    (first, *_) = found.tracks[1].find_clips()
    assert _span(first.source_range) == (107_892, 107_899)
    assert _span(first.trimmed_range_in_parent()) == (0, 7)


def test_moments_are_markers_in_the_timeline_of_everybody() -> None:
    markers = _placed("tracks-otio", Fraction(25)).tracks.markers

    told = [(m.name, m.color, *_span(m.marked_range)) for m in markers]
    assert told == [
        ("anna · sad · 93 %", "BLUE", 0, 7),
        ("anna · happy · 93 %", "YELLOW", 100, 160),
        ("bob · happy · 93 %", "YELLOW", 140, 200),
        ("anna · sad · 93 %", "BLUE", 150, 170),
        ("anna · happy · 93 %", "YELLOW", 1798, 1802),
        ("anna · happy · 93 %", "YELLOW", FRAMES - 5, FRAMES),
    ]


@pytest.mark.parametrize("rate", SHOWN_RATES, ids=str)
def test_xml_of_everybody_has_bins_and_markers(rate: Fraction) -> None:
    root = ET.fromstring(FORMATS["tracks-xml"].load()(findings(film_of(rate), REELS)))

    bins = {
        folder.findtext("name"): [clip.findtext("name") for clip in folder.iter("clip")]
        for folder in root.iter("bin")
    }
    assert bins == {
        "anna": REELS[0].clip_names + REELS[1].clip_names, "bob": REELS[2].clip_names
    }  # fmt: skip
    files = {file.get("id") for file in root.iter("file") if file.find("pathurl") is not None}
    assert {file.get("id") for file in root.iterfind(".//clip/file")} <= files
    spans = [(clip.findtext("in"), clip.findtext("out")) for clip in root.iter("clip")]
    assert spans == [(str(c.first), str(c.stop)) for reel in REELS for c in reel.cuts]
    markers = [(m.findtext("in"), m.findtext("out")) for m in root.iter("marker")]
    assert markers == [("0", "7"), ("100", "160"), ("140", "200"), ("150", "170"),
                       ("1798", "1802"), (str(FRAMES - 5), str(FRAMES))]  # fmt: skip
    notes = [m.findtext("comment") for m in root.iter("marker")]
    assert notes[:2] == ["sure 98 %, frames 0 to 6", "sure 98 %, frames 100 to 159"]
    assert {len(item.findall("rate")) for item in root.iter("clipitem")} == {1}
    assert root.findtext(".//format/samplecharacteristics/width") == "64"


# --- one timeline of several films --------------------------------------------------------------


def _joined(kind: str, *films: Footage) -> str:
    cuts = []
    for n, film in enumerate(films):
        reel = reel_of((Cut(100 + n, 150 + n),), stem=film.movie.stem)
        cuts.append(FilmCut(findings(film, [reel], "01:00:00:00"), reel, 0, f"anna happy {n}"))
    return load(JOINED[kind])(cuts).decode()


def _in_seconds(track: Any) -> list[tuple[float, float]]:
    spans = [clip.trimmed_range_in_parent() for clip in track.find_clips()]
    return [
        (span.start_time.to_seconds(), span.end_time_exclusive().to_seconds()) for span in spans
    ]


@pytest.mark.parametrize("kind", ["otio", "xml"])
def test_films_of_one_rate_follow_one_another_each_with_its_own_file(kind: str) -> None:
    first, second = (film_of(Fraction(25), name=f"{name}.mkv") for name in ("one", "two"))
    text = _joined(kind, first, second, first)
    found = otio.adapters.read_from_string(text, ADAPTERS[kind])
    assert [track.kind for track in found.tracks] == ["Video", "Audio"]
    for track in found.tracks:
        assert _points(track) == [(90_100, 90_150), (90_101, 90_151), (90_102, 90_152)]
        clips = list(track.find_clips())
        assert [clip.name for clip in clips] == [f"anna happy {n}" for n in range(3)]
        files = [clip.media_reference.target_url for clip in clips]
        assert files == [f"file:///films/{name}.mkv" for name in ("one", "two", "one")]
        assert _in_seconds(track) == [(0, 2), (2, 4), (4, 6)]


@pytest.mark.parametrize("kind", ["otio", "xml"])
def test_films_of_several_rates_keep_their_frames_and_leave_no_gap(kind: str) -> None:
    """On the timeline they are as long as in their films, to a frame of the quickest."""
    rates = [Fraction(25), 24 * NTSC, Fraction(50)]
    text = _joined(kind, *(film_of(rate, name=f"{n}.mkv") for n, rate in enumerate(rates)))
    found = otio.adapters.read_from_string(text, ADAPTERS[kind])
    places = _in_seconds(found.tracks[0])
    assert all(a[1] == pytest.approx(b[0], abs=1e-6) for a, b in pairwise(places))
    for (begin, end), rate, clip in zip(places, rates, found.tracks[0].find_clips(), strict=True):
        assert end - begin == pytest.approx(50 / rate, abs=0.02)
        # The reader of XML takes the length from the timeline, where it is rounded.
        assert clip.source_range.duration.value == pytest.approx(50, abs=0.5 * (kind == "xml"))
        assert clip.source_range.duration.rate == pytest.approx(float(rate))
    assert found.global_start_time.rate == 50
    if kind == "xml":
        items = ET.fromstring(text).iterfind(".//video/track/clipitem")
        spans = [(item.findtext("in"), item.findtext("out")) for item in items]
        assert spans == [("100", "150"), ("101", "151"), ("102", "152")]


@pytest.mark.parametrize("kind", ["otio", "xml"])
def test_a_film_without_sound_is_silent_among_others(kind: str) -> None:
    with_sound, without = film_of(Fraction(25)), film_of(Fraction(25), "", "silent.mkv")
    text = _joined(kind, without, with_sound, without)
    found = otio.adapters.read_from_string(text, ADAPTERS[kind])
    assert len(list(found.tracks[0].find_clips())) == 3
    assert _in_seconds(found.tracks[1]) == [(2, 4)]
    silent = otio.adapters.read_from_string(_joined(kind, without, without), ADAPTERS[kind])
    assert [track.kind for track in silent.tracks] == ["Video"]
