"""Writes FCPXML 1.10 for Final Cut Pro, Resolve and other programs that read it.

Every time is a whole number of frames, as an exact fraction of a second; OpenTimelineIO's adapter
of this format is not exact at NTSC rates, and is no longer maintained.

Source: Apple, "FCP XML Interchange Format, Version 1.10" (its DTD).
"""

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from pipeline.export.findings import Findings
from pipeline.export.stretches import Reel
from pipeline.faces import visible
from pipeline.movie.sound import CHANNELS

FORMAT_ID, ASSET_ID = "r1", "r2"


def fcpxml(found: Findings) -> bytes:
    """Makes a library: an event with a project of all moments, and one (a bin) for each person.

    In a person's event every cut is a clip, with person and emotion as keywords. The project is as
    long as the movie and shows every cut at its place, a lane for each person and emotion, and the
    moments as markers.
    """
    root = ET.Element("fcpxml", version="1.10")
    root.append(_resources(found))
    library = ET.SubElement(root, "library")
    library.append(_project(found))  # First, because some programs read the first event alone.
    for person in dict.fromkeys(reel.person for reel in found.reels):
        library.append(_event(found, person, [r for r in found.reels if r.person == person]))
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{text}\n'.encode(
        errors="backslashreplace"
    )


def _resources(found: Findings) -> ET.Element:
    """The movie's format, and where it is."""
    film = found.film
    width, height = film.scan.stream.size
    resources = ET.Element("resources")
    ET.SubElement(
        resources, "format", id=FORMAT_ID, frameDuration=_time(found, 1), width=str(width),
        height=str(height),
    )  # fmt: skip
    asset = ET.SubElement(
        resources, "asset", id=ASSET_ID, name=visible(found.video), format=FORMAT_ID, hasVideo="1",
        start=_time(found, found.clock.start), duration=_time(found, int(found.clock.numbers[-1])),
    )  # fmt: skip
    if film.layout:
        asset.attrib |= {
            "hasAudio": "1", "audioSources": "1", "audioRate": "48000",
            "audioChannels": str(CHANNELS[film.layout]),
        }  # fmt: skip
    ET.SubElement(asset, "media-rep", kind="original-media", src=film.place.as_uri())
    return resources


def _event(found: Findings, person: str, reels: Iterable[Reel]) -> ET.Element:
    event = ET.Element("event", name=visible(person))
    emotions = []
    for reel in reels:
        emotions.append(reel.emotion)
        for clip, (start, duration) in _clips(found, reel):
            keywords = f"{visible(person).replace(',', ' ')}, {reel.emotion}"
            ET.SubElement(clip, "keyword", start=start, duration=duration, value=keywords)
            event.append(clip)
    for emotion in emotions:
        ET.SubElement(event, "keyword-collection", name=emotion)
    return event


def _clips(found: Findings, reel: Reel) -> Iterable[tuple[ET.Element, tuple[str, str]]]:
    """Yields a clip for each cut, and its start and duration in the movie's time."""
    for name, cut in zip(reel.clip_names, reel.cuts, strict=True):
        low, high = found.clock.span(cut.first, cut.stop)
        times = _time(found, found.clock.start + low), _time(found, high - low)
        clip = ET.Element(
            "asset-clip", ref=ASSET_ID, name=name, start=times[0], duration=times[1],
            format=FORMAT_ID, tcFormat=_counted(found),
        )  # fmt: skip
        yield clip, times


def _project(found: Findings) -> ET.Element:
    """A timeline of the movie's length, on which every clip keeps its time."""
    event = ET.Element("event", name=visible(found.stem))
    begin, length = _time(found, found.clock.start), _time(found, int(found.clock.numbers[-1]))
    project = ET.SubElement(event, "project", name=f"{visible(found.stem)} moments")
    sequence = ET.SubElement(
        project, "sequence", format=FORMAT_ID, duration=length, tcStart=begin,
        tcFormat=_counted(found),
    )  # fmt: skip
    # The gap's own time is the movie's, so that what is anchored to it has equal offset and start.
    gap = ET.SubElement(
        ET.SubElement(sequence, "spine"), "gap", name="Gap", offset=begin, start=begin,
        duration=length,
    )  # fmt: skip
    for lane, reel in enumerate(found.reels, 1):
        for clip, (start, _) in _clips(found, reel):
            clip.set("lane", str(lane))
            clip.set("offset", start)
            gap.append(clip)
    for moment in found.stretches:
        low, high = found.clock.span(moment.first, moment.stop)
        ET.SubElement(
            gap, "marker", start=_time(found, found.clock.start + low),
            duration=_time(found, high - low), value=visible(moment.title), note=moment.note,
        )  # fmt: skip
    return event


def _time(found: Findings, frames: int) -> str:
    """A number of frames as FCPXML's exact fraction of a second."""
    rate = found.clock.rate
    return f"{frames * rate.denominator}/{rate.numerator}s"


def _counted(found: Findings) -> str:
    return "DF" if found.clock.counting.drop else "NDF"
