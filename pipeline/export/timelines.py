"""Writes timelines for editing programs: EDL (CMX 3600), OTIO, and Final Cut Pro 7's XML.

OpenTimelineIO and its adapters write all of them, and read them back in the tests; they come with
the extra `edit`, so that nothing imports this module but `formats.Format.load`. In- and out-points
are timecodes of the movie, see `smpte.movie_clock`.
"""

import re

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange
from opentimelineio.schema import Clip, ExternalReference, Timeline, Track, TrackKind

from pipeline.export.findings import Findings
from pipeline.export.stretches import Cut, Reel
from pipeline.faces import visible

REEL = 8
"""Letters of a reel's name in an EDL, at most."""

EVENT = re.compile(r"^(\d+ +\S+ +)V    ", re.M)
"""The beginning of an event in the EDL that the adapter writes; V means pictures only."""


def edl(found: Findings) -> bytes:
    """Makes an edit decision list (CMX 3600), with the cuts of a reel one right after the other."""
    rate = float(found.clock.rate)
    text: str = otio.adapters.write_to_string(
        _timeline(found), "cmx_3600", rate=rate, reelname_len=REEL
    )
    # OTIO counts 29.97 and 59.94 with drop-frame, whatever the movie's own timecode does.
    drop = ";" in RationalTime(0, rate).to_timecode()
    return _completed(text, drop=drop, sound=bool(found.film.layout)).encode()


def otio_json(found: Findings) -> bytes:
    """Makes an OpenTimelineIO timeline, with the cuts of a reel one right after the other."""
    text: str = otio.adapters.write_to_string(_timeline(found), "otio_json")
    return text.encode()


def fcp7_xml(found: Findings) -> bytes:
    """Makes a sequence in Final Cut Pro 7's XML, with the cuts of a reel one after the other."""
    text: str = otio.adapters.write_to_string(_timeline(found), "fcp_xml")
    return text.encode()


def _completed(edl: str, *, drop: bool, sound: bool) -> str:
    """Adds what the adapter leaves out: the kind of timecode, and that events include sound."""
    title, _, events = edl.partition("\n\n")
    if sound:
        events = EVENT.sub(r"\1AA/V ", events)
    return f"{title}\nFCM: {'DROP FRAME' if drop else 'NON-DROP FRAME'}\n\n{events}"


def _timeline(found: Findings) -> Timeline:
    """Makes a timeline with a track of pictures, and a track of sound if the movie has any."""
    (reel,) = found.reels
    # A line break in a movie's name would begin an event of its own in an EDL.
    timeline = Timeline(visible(f"{found.stem} {reel.person} {reel.emotion}"))
    kinds = (TrackKind.Video, TrackKind.Audio) if found.film.layout else (TrackKind.Video,)
    timeline.global_start_time = RationalTime(0, float(found.clock.rate))
    timeline.metadata["fcp_xml"] = _fcp_xml(found)
    for kind in kinds:
        track = Track(kind, kind=kind)
        track.extend([_clip(found, reel, cut, kind) for cut in reel.cuts])
        timeline.tracks.append(track)
    return timeline


def _fcp_xml(found: Findings) -> dict[str, dict[str, str]]:
    """Metadata for the XML adapter, which by itself never writes drop-frame timecode."""
    return {"timecode": {"displayformat": "DF" if found.clock.counting.drop else "NDF"}}


def _clip(found: Findings, reel: Reel, cut: Cut, kind: str) -> Clip:
    film, clock = found.film, found.clock

    def between(first: int, stop: int) -> TimeRange:
        low, high = clock.span(first, stop)
        rate = float(clock.rate)
        return TimeRange(RationalTime(clock.start + low, rate), RationalTime(high - low, rate))

    media = ExternalReference(film.movie.absolute().as_uri(), between(0, len(clock.numbers) - 1))
    media.name = visible(reel.video)
    media.metadata["fcp_xml"] = _fcp_xml(found)
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
