"""Writes markers and logs for editing programs: a line for each moment or cut.

Sources: DaVinci Resolve's own "Timeline Markers to EDL" as shown in MarkersExtractor, issue 25, and
read by Subtitle Edit (pull request 13730); Premiere's "Export Markers" as read by Subtitle Edit
(AdobePremiereMarkersCsv.cs); Avid's Film Composer and Xpress guide, "Avid Log Specifications", and
otio-ale-adapter; lists of markers that Media Composer exported, in EDL_tools (Marker_tools), and
mcapi.proto of Avid's scripting interface, by which only the timecode track takes spanned markers.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from pipeline.export.findings import Findings
from pipeline.export.smpte import Timecode
from pipeline.export.stretches import Stretch
from pipeline.faces import EMOTIONS, visible

RESOLVE_COLOURS = dict(
    zip(EMOTIONS, ("Red", "Green", "Pink", "Yellow", "Blue", "Cyan", "Cream"), strict=True)
)
"""Resolve's marker colours that are nearest to `report.colours.EMOTION_COLOURS`."""

AVID_COLOURS = dict(
    zip(EMOTIONS, ("Red", "Green", "Magenta", "Yellow", "Blue", "Cyan", "White"), strict=True)
)
"""The same for Media Composer, in which every version has eight."""

AVID_HEIGHTS = {1080: "1080", 720: "720", 576: "PAL", 486: "NTSC"}
"""Names of Avid's project formats by the picture's height."""


def resolve_markers(found: Findings) -> bytes:
    """Makes an EDL of markers, which Resolve takes by "Import Timeline Markers from EDL".

    Resolve keeps one marker a frame: moments that begin in the same frame share one.
    """
    drop = "DROP FRAME" if found.clock.counting.drop else "NON-DROP FRAME"
    lines = [f"TITLE: {visible(found.stem)}", f"FCM: {drop}", ""]
    for number, moments in enumerate(_at_once(found), 1):
        first = moments[0].first
        low = found.clock.start + found.clock.span(first, first)[0]
        span = f"{found.clock.counting.text(low)} {found.clock.counting.text(low + 1)}"
        length = _longest(found.clock, moments)
        # What stands before the bars is the marker's note; it must not begin with a digit, or
        # Resolve takes it for an event.
        lines += [
            f"{number:03d}  001      V     C        {span} {span}  ",
            f"{_notes(moments)} |C:ResolveColor{RESOLVE_COLOURS[moments[0].emotion]} "
            f"|M:{_titles(moments).replace('|', '/')} |D:{length}",
            "",
        ]
    return "\n".join(lines).encode(errors="backslashreplace")


def premiere_markers(found: Findings) -> bytes:
    """Makes a list of markers as Premiere exports it: tabs and UTF-16, although it ends in .csv."""
    rows = [["Marker Name", "Description", "In", "Out", "Duration", "Marker Type"]]
    for moment in found.stretches:
        low, high = found.clock.span(moment.first, moment.stop)
        start, count = found.clock.start, found.clock.counting
        times = [count.text(n) for n in (start + low, start + high, high - low)]
        # Premiere writes drop-frame with semicolons throughout.
        shown = [time.replace(":", ";") if count.drop else time for time in times]
        rows.append([visible(moment.title), moment.note, *shown, "Comment"])
    text = "".join("\t".join(row) + "\r\n" for row in rows)
    return ("\ufeff" + text).encode("utf-16-le", errors="replace")


def avid_markers(found: Findings) -> bytes:
    """Makes a list of markers, which Media Composer takes by "Import Markers".

    The columns are user, timecode, track, colour, comment, length in frames, nothing, and the
    colour's name in newer versions. A track has one marker a frame, as in Resolve.
    """
    rows = []
    for moments in _at_once(found):
        at, length = found.clock.at(moments[0].first), str(_longest(found.clock, moments))
        colour = AVID_COLOURS[moments[0].emotion]
        told = _titles(moments)
        rows.append(["mine-video", at, "TC1", colour.lower(), told, length, "", colour])
    return "".join("\t".join(row) + "\n" for row in rows).encode(errors="backslashreplace")


def avid_log(found: Findings) -> bytes:
    """Makes an Avid Log Exchange (ALE): a clip for each cut, with person and emotion in columns."""
    width, height = found.film.scan.stream.size
    # A picture that is wider than its name says has no name of its own.
    known = AVID_HEIGHTS.get(height, "CUSTOM") if width <= 1920 else "CUSTOM"
    heading = {
        "FIELD_DELIM": "TABS", "VIDEO_FORMAT": known, "AUDIO_FORMAT": "48khz",
        "FPS": f"{float(found.clock.rate):.5g}",
    }  # fmt: skip
    columns = (
        "Name", "Tracks", "Start", "End", "Duration", "Tape", "Source File", "Person", "Emotion",
        "Runs",
    )  # fmt: skip
    sections = [
        "Heading", *("\t".join(pair) for pair in heading.items()), "", "Column",
        "\t".join(columns), "", "Data", *map("\t".join, _logged(found)), "",
    ]  # fmt: skip
    return "\n".join(sections).encode(errors="backslashreplace")


def _logged(found: Findings) -> Iterator[list[str]]:
    video, clock = visible(found.video), found.clock
    tracks = {"": "V", "mono": "VA1"}.get(found.film.layout, "VA1A2")
    for reel in found.reels:
        for name, cut in zip(reel.clip_names, reel.cuts, strict=True):
            low, high = clock.span(cut.first, cut.stop)
            times = (clock.start + low, clock.start + high, high - low)
            yield [
                name, tracks, *map(clock.counting.text, times), visible(found.stem), video,
                visible(reel.person), reel.emotion, str(cut.runs),
            ]  # fmt: skip


def _at_once(found: Findings) -> Iterator[list[Stretch]]:
    """Yields the moments that begin in the same frame of the timecode."""
    clock = found.clock
    same = groupby(found.stretches, key=lambda moment: clock.span(moment.first, moment.stop)[0])
    yield from (list(moments) for _, moments in same)


def _longest(clock: Timecode, moments: Sequence[Stretch]) -> int:
    """Frames of the longest of some moments."""
    spans = (clock.span(moment.first, moment.stop) for moment in moments)
    return max(high - low for low, high in spans)


def _titles(moments: Sequence[Stretch]) -> str:
    return visible(" + ".join(moment.title for moment in moments))


def _notes(moments: Sequence[Stretch]) -> str:
    return "; ".join(moment.note for moment in moments)
