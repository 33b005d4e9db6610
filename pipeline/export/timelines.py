"""Timelines for editors' programs: EDL (CMX 3600), OTIO, and Final Cut Pro 7's XML.

All are written, and read back in the tests, by OpenTimelineIO and its own adapters. In- and
out-points are the movie's timecode: what its file says of its first frame, else zero, and frames.
"""

import re
from fractions import Fraction

import numpy as np
import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange
from opentimelineio.schema import Clip, ExternalReference, Timeline, Track, TrackKind

from pipeline.export.footage import RATES, Footage, Rate
from pipeline.export.stretches import Cut, Reel
from pipeline.faces import Ints

ADAPTERS = {"edl": "cmx_3600", "otio": "otio_json", "xml": "fcp_xml"}
"""OpenTimelineIO's names of the formats, by the endings of their files."""

REEL = 8
"""Letters of a reel's name in an EDL."""

EVENT = re.compile(r"^(\d+ +\S+ +)V    ", re.M)
"""The beginning of a picture's event in the adapter's EDL."""


def timecode_rate(rate: Rate) -> Fraction:
    """The rate of `RATES` whose frames are the movie's, or the smallest multiple of it; else near.

    >>> [str(timecode_rate(Rate(Fraction(n), True))) for n in ("30000/1001", "12.5", "15", "37")]
    ['30000/1001', '25', '30', '30']
    """
    multiples = [r for r in RATES if (r / rate.value).denominator == 1]
    return multiples[0] if multiples else min(RATES, key=lambda r: abs(r / rate.value - 1))


def frame_numbers(film: Footage, rate: Fraction) -> Ints:
    """The number on a timeline of this rate of each frame, and of the end, `(n + 1,)`.

    That of the frame itself where the rate is constant and goes into this one; else the nearest.
    """
    multiple = rate / film.rate.value
    if film.rate.constant and multiple.denominator == 1:
        return np.arange(len(film.edges)) * multiple.numerator
    return np.round((film.edges - film.edges[0]) * float(rate)).astype(np.int64)


def largest_error(film: Footage, reel: Reel) -> float:
    """Seconds between any in- or out-point and the number that stands for it; 0 where exact."""
    rate = timecode_rate(film.rate)
    if film.rate.constant and (rate / film.rate.value).denominator == 1:
        return 0.0
    points = np.array([p for cut in reel.cuts for p in (cut.first, cut.stop)], np.int64)
    exact = film.edges[points] - film.edges[0]
    off = np.abs(frame_numbers(film, rate)[points] / float(rate) - exact)
    return float(off.max(initial=0.0))


def interchange(film: Footage, reel: Reel, start: str, ending: str) -> bytes:
    """A file for an editor's program, with the cuts of a reel one right after the other.

    Args:
        film: The movie.
        reel: Its cuts, at least one.
        start: The movie's timecode, see `stream.timecode`; "" for zero.
        ending: Of `ADAPTERS`.
    """
    made = otio_timeline(film, reel, start)
    rate = float(timecode_rate(film.rate))
    options = {"rate": rate, "reelname_len": REEL} if ending == "edl" else {}
    text: str = otio.adapters.write_to_string(made, ADAPTERS[ending], **options)
    if ending == "edl":
        text = _completed(text, drop=_drops(rate), sound=bool(film.layout))
    return text.encode()


def _drops(rate: float) -> bool:
    return ";" in RationalTime(0, rate).to_timecode()


def _completed(edl: str, *, drop: bool, sound: bool) -> str:
    """Adds what the adapter leaves out: how timecode counts, and that sound goes with pictures."""
    title, _, events = edl.partition("\n\n")
    if sound:
        events = EVENT.sub(r"\1AA/V ", events)
    return f"{title}\nFCM: {'DROP FRAME' if drop else 'NON-DROP FRAME'}\n\n{events}"


def otio_timeline(film: Footage, reel: Reel, start: str) -> Timeline:
    """A timeline with a track of pictures, and one of sound where the movie has any."""
    rate = timecode_rate(film.rate)
    made = Timeline(f"{reel.stem} {reel.person} {reel.emotion}")
    kinds = (TrackKind.Video, TrackKind.Audio) if film.layout else (TrackKind.Video,)
    made.global_start_time = RationalTime(0, float(rate))
    made.metadata["fcp_xml"] = _fcp_xml(float(rate))
    numbers = frame_numbers(film, rate) + int(_timecode(start, float(rate)).value)
    for kind in kinds:
        track = Track(kind, kind=kind)
        track.extend([_clip(film, reel, cut, numbers, kind) for cut in reel.cuts])
        made.tracks.append(track)
    return made


def _fcp_xml(rate: float) -> dict[str, dict[str, str]]:
    """What the adapter for XML must be told: it would not drop numbers by itself."""
    return {"timecode": {"displayformat": "DF" if _drops(rate) else "NDF"}}


def _timecode(text: str, rate: float) -> RationalTime:
    """A timecode as time of a rate; zero where it is none, or none of this rate."""
    try:
        return RationalTime.from_timecode(text, rate)
    except ValueError:
        return RationalTime(0, rate)


def _clip(film: Footage, reel: Reel, cut: Cut, numbers: Ints, kind: str) -> Clip:
    rate = float(timecode_rate(film.rate))

    def between(first: int, stop: int) -> TimeRange:
        low, high = int(numbers[first]), max(int(numbers[stop]), int(numbers[first]) + 1)
        return TimeRange(RationalTime(low, rate), RationalTime(high - low, rate))

    media = ExternalReference(film.movie.absolute().as_uri(), between(0, len(numbers) - 1))
    media.name = reel.video
    media.metadata["fcp_xml"] = _fcp_xml(rate)
    facts = {
        "person": reel.person, "emotion": reel.emotion, "runs": cut.runs, "kind": kind,
        "first": cut.first, "last": cut.stop - 1,
        "begin": float(film.edges[cut.first]), "end": float(film.edges[cut.stop]),
    }  # fmt: skip
    # Kind, because the adapter for XML writes clips that are alike only once, even over tracks.
    metadata = {"mine-video": facts, "cmx_3600": {"reel": reel_name(reel.stem)}}
    return Clip(reel.video, media, between(cut.first, cut.stop), metadata=metadata)


def reel_name(stem: str) -> str:
    """A movie's name as an EDL may hold it.

    >>> reel_name("The Third Man (1949)"), reel_name("第三の男")
    ('THETHIRD', 'MOVIE')
    """
    return re.sub(r"[^A-Z0-9]", "", stem.upper())[:REEL] or "MOVIE"
