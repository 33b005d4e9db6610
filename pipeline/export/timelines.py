"""Writes timelines for editing programs: EDL (CMX 3600), OTIO, and Final Cut Pro 7's XML.

OpenTimelineIO and its adapters write all of them, and read them back in the tests. In- and
out-points are timecodes of the movie, counted from the timecode that its file gives for the first
frame, or from zero if it gives none.
"""

import re
from fractions import Fraction

import numpy as np
import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange
from opentimelineio.schema import Clip, ExternalReference, Timeline, Track, TrackKind

from pipeline.export.footage import RATES, Footage, Rate
from pipeline.export.stretches import Cut, Reel
from pipeline.faces import Ints, visible

ADAPTERS = {"edl": "cmx_3600", "otio": "otio_json", "xml": "fcp_xml"}
"""OpenTimelineIO's names of the formats, by the endings of their files."""

REEL = 8
"""Letters of a reel's name in an EDL, at most."""

EVENT = re.compile(r"^(\d+ +\S+ +)V    ", re.M)
"""The beginning of an event in the EDL that the adapter writes; V means pictures only."""


def timecode_rate(rate: Rate) -> Fraction:
    """Chooses the rate of `RATES` for a movie: its own, or the smallest multiple, or the nearest.

    >>> [str(timecode_rate(Rate(Fraction(n), True))) for n in ("30000/1001", "12.5", "15", "37")]
    ['30000/1001', '25', '30', '30']
    """
    multiples = [r for r in RATES if (r / rate.value).denominator == 1]
    return multiples[0] if multiples else min(RATES, key=lambda r: abs(r / rate.value - 1))


def frame_numbers(film: Footage, rate: Fraction) -> Ints:
    """Numbers of the movie's frames, and of its end, on a timeline of this rate, `(n + 1,)`.

    They are exact if the movie's rate is constant and `rate` is a multiple of it, else rounded.
    """
    multiple = rate / film.rate.value
    if film.rate.constant and multiple.denominator == 1:
        return np.arange(len(film.edges)) * multiple.numerator
    return np.round((film.edges - film.edges[0]) * float(rate)).astype(np.int64)


def largest_error(film: Footage, reel: Reel) -> float:
    """Largest difference in seconds between a cut and its timecode; 0 if all are exact."""
    rate = timecode_rate(film.rate)
    if film.rate.constant and (rate / film.rate.value).denominator == 1:
        return 0.0
    points = np.array([p for cut in reel.cuts for p in (cut.first, cut.stop)], np.int64)
    exact = film.edges[points] - film.edges[0]
    off = np.abs(frame_numbers(film, rate)[points] / float(rate) - exact)
    return float(off.max(initial=0.0))


def interchange(film: Footage, reel: Reel, start: str, ending: str) -> bytes:
    """Makes a file for an editing program, with the cuts of a reel one right after the other.

    Args:
        film: The movie.
        reel: Its cuts, at least one.
        start: The movie's timecode, see `stream.timecode`; "" for zero.
        ending: One of `ADAPTERS`.
    """
    timeline = otio_timeline(film, reel, start)
    rate = float(timecode_rate(film.rate))
    options = {"rate": rate, "reelname_len": REEL} if ending == "edl" else {}
    text: str = otio.adapters.write_to_string(timeline, ADAPTERS[ending], **options)
    if ending == "edl":
        text = _completed(text, drop=_drops(rate), sound=bool(film.layout))
    return text.encode()


def _drops(rate: float) -> bool:
    """Whether timecodes of this rate skip numbers (drop-frame), which OTIO writes with a ";"."""
    return ";" in RationalTime(0, rate).to_timecode()


def _completed(edl: str, *, drop: bool, sound: bool) -> str:
    """Adds what the adapter leaves out: the kind of timecode, and that events include sound."""
    title, _, events = edl.partition("\n\n")
    if sound:
        events = EVENT.sub(r"\1AA/V ", events)
    return f"{title}\nFCM: {'DROP FRAME' if drop else 'NON-DROP FRAME'}\n\n{events}"


def otio_timeline(film: Footage, reel: Reel, start: str) -> Timeline:
    """Makes a timeline with a track of pictures, and a track of sound if the movie has any."""
    rate = timecode_rate(film.rate)
    # A line break in a movie's name would begin an event of its own in an EDL.
    timeline = Timeline(visible(f"{reel.stem} {reel.person} {reel.emotion}"))
    kinds = (TrackKind.Video, TrackKind.Audio) if film.layout else (TrackKind.Video,)
    timeline.global_start_time = RationalTime(0, float(rate))
    timeline.metadata["fcp_xml"] = _fcp_xml(float(rate))
    numbers = frame_numbers(film, rate) + int(_timecode(start, float(rate)).value)
    for kind in kinds:
        track = Track(kind, kind=kind)
        track.extend([_clip(film, reel, cut, numbers, kind) for cut in reel.cuts])
        timeline.tracks.append(track)
    return timeline


def _fcp_xml(rate: float) -> dict[str, dict[str, str]]:
    """Metadata for the XML adapter, which by itself never writes drop-frame timecode."""
    return {"timecode": {"displayformat": "DF" if _drops(rate) else "NDF"}}


def _timecode(text: str, rate: float) -> RationalTime:
    """Reads a timecode of this rate; returns zero if it is not valid."""
    try:
        return RationalTime.from_timecode(text, rate)
    except ValueError:
        return RationalTime(0, rate)


def _clip(film: Footage, reel: Reel, cut: Cut, numbers: Ints, kind: str) -> Clip:
    rate = float(timecode_rate(film.rate))

    def between(first: int, stop: int) -> TimeRange:
        # A frame may round to nothing if the movie has more frames a second than the timeline.
        low, high = int(numbers[first]), max(int(numbers[stop]), int(numbers[first]) + 1)
        return TimeRange(RationalTime(low, rate), RationalTime(high - low, rate))

    media = ExternalReference(film.movie.absolute().as_uri(), between(0, len(numbers) - 1))
    media.name = visible(reel.video)
    media.metadata["fcp_xml"] = _fcp_xml(rate)
    facts = {
        "person": reel.person, "emotion": reel.emotion, "runs": cut.runs, "kind": kind,
        "first": cut.first, "last": cut.stop - 1,
        "begin": float(film.edges[cut.first]), "end": float(film.edges[cut.stop]),
    }  # fmt: skip
    # With `kind`, no two clips are alike: the XML adapter writes equal clips of two tracks once.
    metadata = {"mine-video": facts, "cmx_3600": {"reel": reel_name(reel.stem)}}
    return Clip(visible(reel.video), media, between(cut.first, cut.stop), metadata=metadata)


def reel_name(stem: str) -> str:
    """A movie's name in the letters and length that an EDL allows.

    >>> reel_name("The Third Man (1949)"), reel_name("第三の男")
    ('THETHIRD', 'MOVIE')
    """
    return re.sub(r"[^A-Z0-9]", "", stem.upper())[:REEL] or "MOVIE"
