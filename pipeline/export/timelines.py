"""Writes timelines for editing programs: EDL (CMX 3600), OTIO, and Final Cut Pro 7's XML.

OpenTimelineIO and its adapters write all of them, and read them back in the tests; they come with
the extra `edit`, so that nothing imports this module but `formats.Format.load`. In- and out-points
are timecodes of the movie, see `smpte.movie_clock`.
"""

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange
from opentimelineio.schema import (
    Clip,
    ExternalReference,
    Gap,
    Marker,
    MarkerColor,
    Timeline,
    Track,
    TrackKind,
)

from pipeline.export.findings import FilmCut, Findings
from pipeline.export.smpte import TIMECODE, Counting
from pipeline.export.stretches import Reel, Stretch
from pipeline.faces import EMOTIONS, visible

MARKER_COLOURS = dict(
    zip(
        EMOTIONS,
        (
            MarkerColor.RED, MarkerColor.GREEN, MarkerColor.PINK, MarkerColor.YELLOW,
            MarkerColor.BLUE, MarkerColor.CYAN, MarkerColor.WHITE,
        ),
        strict=True,
    )
)  # fmt: skip
"""OpenTimelineIO's marker colours that are nearest to `report.colours.EMOTION_COLOURS`."""

REEL = 8
"""Letters of a reel's name in an EDL, at most."""

CLIP_PARTS = ("name", "rate", "in", "out")
"""What a clip in a bin of Final Cut Pro 7's XML has in common with one in a sequence."""

BOTH = (TrackKind.Video, TrackKind.Audio)

JOINED_TITLE = "moments"
"""The name of a timeline of several films."""

EVENT = re.compile(r"^(\d+ +\S+ +)V    ", re.M)
"""The beginning of an event in the EDL that the adapter writes; V means pictures only."""

SPANS = re.compile(r"(?: \d\d:\d\d:\d\d;\d\d){4}$", re.M)
"""The end of an event that is counted with drop-frame: in and out, in the movie and the EDL."""


def edl(found: Findings) -> bytes:
    """Makes an edit decision list (CMX 3600), with the cuts of a reel one right after the other.

    Its clips keep the name of the movie's file, by which programs find it.
    """
    timeline, rate = _of_reel(found, found.video), float(found.clock.rate)
    text: str = otio.adapters.write_to_string(timeline, "cmx_3600", rate=rate, reelname_len=REEL)
    return _completed(text, found).encode()


def otio_json(found: Findings) -> bytes:
    """Makes an OpenTimelineIO timeline, with the cuts of a reel one right after the other."""
    return _written(_of_reel(found), "otio_json")


def fcp7_xml(found: Findings) -> bytes:
    """Makes a sequence in Final Cut Pro 7's XML, with the cuts of a reel one after the other."""
    return _text(_xml(found, _of_reel(found)))


def joined_otio(cuts: Sequence[FilmCut]) -> bytes:
    """Makes an OpenTimelineIO timeline of cuts of several films, one right after the other."""
    return _written(_packed(JOINED_TITLE, cuts), "otio_json")


def joined_xml(cuts: Sequence[FilmCut]) -> bytes:
    """Makes the same as a sequence in Final Cut Pro 7's XML."""
    return _text(_xml(_fastest(cuts), _packed(JOINED_TITLE, cuts)))


def tracks_otio(found: Findings) -> bytes:
    """Makes a timeline as long as the movie, with a track for each person and emotion."""
    return _written(_placed(found), "otio_json")


def tracks_xml(found: Findings) -> bytes:
    """Makes the same in Final Cut Pro 7's XML, and a bin for each person with their clips."""
    root = _xml(found, _placed(found))
    for children in root.iterfind("project/children"):
        for person in dict.fromkeys(reel.person for reel in found.reels):
            children.append(_bin(found, person, root))
    return _text(root)


def _xml(found: Findings, timeline: Timeline) -> ET.Element:
    """What the adapter writes, with the picture's size, which it leaves out, and each rate once."""
    root = ET.fromstring(_written(timeline, "fcp_xml"))  # noqa: S314  It is our own.
    for form in root.iter("format"):
        shape = ET.SubElement(form, "samplecharacteristics")
        for name, pixels in zip(("width", "height"), found.film.scan.stream.size, strict=True):
            ET.SubElement(shape, name).text = str(pixels)
        ET.SubElement(shape, "pixelaspectratio").text = "square"
        ET.SubElement(shape, "fielddominance").text = "none"
    for item in root.iter("clipitem"):
        for rate in item.findall("rate")[1:]:
            item.remove(rate)
    return root


def _text(root: ET.Element) -> bytes:
    ET.indent(root)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n'
    return f"{head}{ET.tostring(root, encoding='unicode')}\n".encode()


def _bin(found: Findings, person: str, root: ET.Element) -> ET.Element:
    """A bin of a person, with a clip for each of their cuts in the sequence.

    Source: Apple, "Final Cut Pro XML Interchange Format" (2010), "Bins" and "Clips".
    """
    names = {name for r in found.reels if r.person == person for name in r.clip_names}
    folder = ET.Element("bin")
    ET.SubElement(folder, "name").text = visible(person)
    children = ET.SubElement(folder, "children")
    for item in root.iterfind("project/children/sequence/media/video/track/clipitem"):
        if item.findtext("name") in names:
            clip = ET.SubElement(children, "clip", id=f"clip-{item.get('id')}")
            clip.extend(part for part in map(item.find, CLIP_PARTS) if part is not None)
            ET.SubElement(clip, "duration").text = str(found.clock.numbers[-1])
            # The sequence, which stands before, says what these files are.
            clip.extend(ET.Element("file", file.attrib) for file in item.iterfind("file"))
    return folder


def _completed(edl: str, found: Findings) -> str:
    """Adds what the adapter leaves out: the kind of timecode, and that events include sound."""
    counting, start = found.clock.counting, found.clock.start
    title, _, events = edl.partition("\n\n")
    if not counting.drop:
        # The adapter counts 29.97 and 59.94 with drop-frame, even where the movie does not.
        dropping = Counting(counting.rate, drop=True)
        day = dropping.number("24:00:00;00") or 1  # Its day is shorter, and it begins again.

        def counted(span: re.Match[str]) -> str:
            numbers = [dropping.number(text[0]) or 0 for text in TIMECODE.finditer(span[0])]
            # In and out in the movie, which begins at `start`, then in the EDL.
            least = zip(numbers, (start, start, 0, 0), strict=True)
            return "".join(f" {counting.text(low + (n - low) % day)}" for n, low in least)

        events = SPANS.sub(counted, events)
    if found.film.layout:
        events = EVENT.sub(r"\1AA/V ", events)
    return f"{title}\nFCM: {'DROP FRAME' if counting.drop else 'NON-DROP FRAME'}\n\n{events}"


def _written(timeline: Timeline, adapter: str) -> bytes:
    text: str = otio.adapters.write_to_string(timeline, adapter)
    return text.encode()


def _of_reel(found: Findings, name: str = "") -> Timeline:
    """A timeline of the only reel of a movie, whose clips have one name or their own."""
    (reel,) = found.reels
    cuts = [FilmCut(found, reel, n, name or own) for n, own in enumerate(reel.clip_names)]
    return _packed(f"{found.stem} {reel.person} {reel.emotion}", cuts)


def _packed(title: str, cuts: Sequence[FilmCut]) -> Timeline:
    """A timeline of cuts, one right after the other, from zero."""
    timeline = _empty(_fastest(cuts), title, start=0)
    kinds = {kind: [kind in _kinds(cut.found) for cut in cuts] for kind in BOTH}
    for kind, there in kinds.items():
        if any(there):
            track = Track(kind, kind=kind)
            clips = [_clip(cut.found, cut.reel, cut.index, cut.name, kind) for cut in cuts]
            # A film without sound is silent on a timeline where others have some.
            track.extend(
                clip if has else Gap(duration=clip.duration())
                for clip, has in zip(clips, there, strict=True)
            )
            timeline.tracks.append(track)
    return timeline


def _fastest(cuts: Sequence[FilmCut]) -> Findings:
    """The film with the most frames a second: at its rate no cut is shorter than a frame."""
    return max((cut.found for cut in cuts), key=lambda found: found.clock.rate)


def _placed(found: Findings) -> Timeline:
    """A timeline on which every cut keeps its timecode, and the moments as markers."""
    timeline = _empty(found, f"{found.stem} moments", start=found.clock.start)
    for kind in _kinds(found):
        for reel in found.reels:
            track, end = Track(visible(f"{reel.person} {reel.emotion}"), kind=kind), 0
            for n, cut in enumerate(reel.cuts):
                low, high = found.clock.span(cut.first, cut.stop)
                if low > end:
                    track.append(Gap(duration=_time(found, low - end)))
                track.append(_clip(found, reel, n, reel.clip_names[n], kind))
                end = max(low, end) + high - low
            timeline.tracks.append(track)
    timeline.tracks.markers.extend([_marker(found, moment) for moment in found.stretches])
    return timeline


def _marker(found: Findings, moment: Stretch) -> Marker:
    low, high = found.clock.span(moment.first, moment.stop)
    return Marker(
        name=visible(moment.title),
        marked_range=TimeRange(_time(found, low), _time(found, high - low)),
        color=MARKER_COLOURS[moment.emotion],
        metadata={"fcp_xml": {"comment": moment.note}},
    )


def _empty(found: Findings, name: str, start: int) -> Timeline:
    # A line break in a movie's name would begin an event of its own in an EDL.
    timeline = Timeline(visible(name))
    timeline.global_start_time = _time(found, start)
    timeline.metadata["fcp_xml"] = _fcp_xml(found)
    return timeline


def _kinds(found: Findings) -> Sequence[str]:
    """Pictures, and sound if the movie has any."""
    return BOTH if found.film.layout else BOTH[:1]


def _time(found: Findings, frames: int) -> RationalTime:
    return RationalTime(frames, float(found.clock.rate))


def _fcp_xml(found: Findings) -> dict[str, dict[str, str]]:
    """Metadata for the XML adapter, which by itself never writes drop-frame timecode."""
    return {"timecode": {"displayformat": "DF" if found.clock.counting.drop else "NDF"}}


def _clip(found: Findings, reel: Reel, index: int, name: str, kind: str) -> Clip:
    film, cut, start = found.film, reel.cuts[index], found.clock.start

    def between(low: int, high: int) -> TimeRange:
        return TimeRange(_time(found, start + low), _time(found, high - low))

    whole = between(0, max(1, int(found.clock.numbers[-1])))
    media = ExternalReference(film.place.as_uri(), whole)
    media.name = visible(reel.video)
    media.metadata["fcp_xml"] = _fcp_xml(found)
    facts = {
        "person": reel.person, "emotion": reel.emotion, "runs": cut.runs, "kind": kind,
        "first": cut.first, "last": cut.stop - 1,
        "begin": float(film.edges[cut.first]), "end": float(film.edges[cut.stop]),
    }  # fmt: skip
    # With `kind`, no two clips are alike: the XML adapter writes equal clips of two tracks once.
    metadata = {"mine-video": facts, "cmx_3600": {"reel": reel_name(reel.stem)}}
    span = between(*found.clock.span(cut.first, cut.stop))
    return Clip(visible(name), media, span, metadata=metadata)


def reel_name(stem: str) -> str:
    """A movie's name in the letters and length that an EDL allows.

    >>> reel_name("The Third Man (1949)"), reel_name("第三の男")
    ('THETHIRD', 'MOVIE')
    """
    return re.sub(r"[^A-Z0-9]", "", stem.upper())[:REEL] or "MOVIE"
