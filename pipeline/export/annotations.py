"""Writes moments for programs that annotate films: ELAN and Praat.

Both have a tier for each person and one for the shots. A tier holds one thing at a time, so that
moments of one person which overlap (the unknown people are one) go to a further tier.

Sources: ELAN's Annotation Format, EAFv3.0.xsd (Max Planck Institute for Psycholinguistics); Praat's
manual, "TextGrid file formats".
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from math import ceil
from pathlib import Path
from xml.etree import ElementTree as ET

from pipeline.export.cues import EXACT
from pipeline.export.findings import Findings
from pipeline.faces import EMOTIONS, visible
from pipeline.movie.remote import is_remote

SHOTS = "shots"
"""The tier of the shots."""

MEDIA_TYPES = {".mp4": "video/mp4", ".mov": "video/quicktime", ".mpg": "video/mpeg"}
"""Kinds of film that ELAN tells apart, by the ends of their names."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that is said of a stretch of the movie.

    Attributes:
        first: Its first frame.
        stop: One past its last frame.
        text: An emotion, or the number of a shot.
    """

    first: int
    stop: int
    text: str


@dataclass(frozen=True, slots=True)
class Tier:
    """Notes that do not overlap, in order of time.

    Attributes:
        name: Of the tier, and of no other.
        person: Whom the notes are about; "" for shots.
        notes: At least one.
    """

    name: str
    person: str
    notes: tuple[Note, ...]


def tiers(found: Findings) -> list[Tier]:
    """The tiers of all people, in the order of the pick, then that of the shots if they are known.

    A second tier of anna is called "anna (2)".
    """
    taken: set[str] = {SHOTS}
    made: list[Tier] = []
    for person in dict.fromkeys(reel.person for reel in found.reels):
        for notes in _layers(found, person):
            name = next(name for name in _names(visible(person)) if name not in taken)
            taken.add(name)
            made.append(Tier(name, person, tuple(notes)))
    shots = zip(found.shots[:-1].tolist(), found.shots[1:].tolist(), strict=True)
    numbered = tuple(Note(first, stop, str(n)) for n, (first, stop) in enumerate(shots))
    return [*made, Tier(SHOTS, "", numbered)] if numbered else made


def _layers(found: Findings, person: str) -> list[list[Note]]:
    """The moments of a person, as few lists of them as there are moments at once."""
    layers: list[list[Note]] = []
    for moment in found.stretches:
        if moment.person != person:
            continue
        layer = next((notes for notes in layers if notes[-1].stop <= moment.first), None)
        if layer is None:
            layers.append(layer := [])
        layer.append(Note(moment.first, moment.stop, moment.emotion))
    return layers


def _names(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name} ({number})" for number in count(2))


def elan(found: Findings) -> bytes:
    """Makes an ELAN document (EAF 3.0), whose looks are chosen from a controlled vocabulary.

    ELAN counts milliseconds. They are rounded up, so that each lies in the frame where something
    begins, and ELAN shows that frame and not the one before.
    """
    root = ET.Element("ANNOTATION_DOCUMENT", {
        "AUTHOR": "mine-video", "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
        "FORMAT": "3.0", "VERSION": "3.0",
        "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
        "xsi:noNamespaceSchemaLocation": "http://www.mpi.nl/tools/elan/EAFv3.0.xsd",
    })  # fmt: skip
    movie = found.film.place
    header = ET.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    kind = MEDIA_TYPES.get(movie.suffix.lower(), "unknown")
    places = {"MEDIA_URL": movie.as_uri(), **_relative(found)}
    ET.SubElement(header, "MEDIA_DESCRIPTOR", places, MIME_TYPE=kind)
    made = tiers(found)
    times = sorted(time for tier in made for note in tier.notes for time in _times(found, note))
    order, slots = ET.SubElement(root, "TIME_ORDER"), defaultdict[int, list[str]](list)
    for number, time in enumerate(times, 1):
        ET.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=f"ts{number}", TIME_VALUE=f"{time}")
        slots[time].append(f"ts{number}")
    numbers = count(1)
    for tier in made:
        _add_tier(root, tier, found, slots, numbers)
    _add_types(root)
    ET.indent(root)
    return ET.tostring(root, encoding="UTF-8", xml_declaration=True)


def _relative(found: Findings) -> dict[str, str]:
    """Where the movie is from the document, which ELAN tries where it is no longer at MEDIA_URL."""
    movie, folder = found.film.place, found.folder.absolute()
    if is_remote(movie) or movie.anchor != folder.anchor:  # On another computer or drive.
        return {}
    return {"RELATIVE_MEDIA_URL": visible(Path(os.path.relpath(movie, folder)).as_posix())}


def _times(found: Findings, note: Note) -> tuple[int, int]:
    """Where a note begins and ends, in whole milliseconds."""
    begin, end = (
        max(0, ceil(1000 * found.film.edges[frame] - EXACT)) for frame in (note.first, note.stop)
    )
    return begin, max(end, begin + 1)


def _add_tier(
    root: ET.Element,
    tier: Tier,
    found: Findings,
    slots: dict[int, list[str]],
    ids: Iterator[int],
) -> None:
    kind = "look" if tier.person else "shot"
    own = ET.SubElement(root, "TIER", LINGUISTIC_TYPE_REF=kind, TIER_ID=tier.name)
    if tier.person:
        own.set("PARTICIPANT", visible(tier.person))
    for note in tier.notes:
        begin, end = _times(found, note)
        facts = {
            "ANNOTATION_ID": f"a{next(ids)}",
            "TIME_SLOT_REF1": slots[begin].pop(0), "TIME_SLOT_REF2": slots[end].pop(0),
        }  # fmt: skip
        if tier.person:
            facts["CVE_REF"] = f"look{EMOTIONS.index(note.text)}"
        outer = ET.SubElement(own, "ANNOTATION")
        ET.SubElement(
            ET.SubElement(outer, "ALIGNABLE_ANNOTATION", facts), "ANNOTATION_VALUE"
        ).text = note.text


def _add_types(root: ET.Element) -> None:
    """Adds the kinds of tiers, and the vocabulary of looks."""
    fixed = {"GRAPHIC_REFERENCES": "false", "TIME_ALIGNABLE": "true"}
    ET.SubElement(
        root, "LINGUISTIC_TYPE", fixed, LINGUISTIC_TYPE_ID="look", CONTROLLED_VOCABULARY_REF="looks"
    )
    ET.SubElement(root, "LINGUISTIC_TYPE", fixed, LINGUISTIC_TYPE_ID="shot")
    ET.SubElement(root, "LANGUAGE", LANG_ID="eng", LANG_LABEL="English (eng)")
    vocabulary = ET.SubElement(root, "CONTROLLED_VOCABULARY", CV_ID="looks")
    ET.SubElement(vocabulary, "DESCRIPTION", LANG_REF="eng").text = "How a person looks"
    for number, emotion in enumerate(EMOTIONS):
        entry = ET.SubElement(vocabulary, "CV_ENTRY_ML", CVE_ID=f"look{number}")
        words = f"looks {emotion}"
        ET.SubElement(entry, "CVE_VALUE", DESCRIPTION=words, LANG_REF="eng").text = emotion


def textgrid(found: Findings) -> bytes:
    """Makes a Praat TextGrid (the long text format); between moments its intervals are empty."""
    length, made = _seconds(found, len(found.film.edges) - 1), tiers(found)
    lines = [
        'File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {length}",
        "tiers? <exists>", f"size = {len(made)}", "item []:",
    ]  # fmt: skip
    for number, tier in enumerate(made, 1):
        intervals = list(_intervals(found, tier))
        lines += [
            f"    item [{number}]:", '        class = "IntervalTier"',
            f"        name = {_quoted(tier.name)}", "        xmin = 0", f"        xmax = {length}",
            f"        intervals: size = {len(intervals)}",
        ]  # fmt: skip
        for place, (begin, end, text) in enumerate(intervals, 1):
            lines += [
                f"        intervals [{place}]:", f"            xmin = {begin}",
                f"            xmax = {end}", f"            text = {_quoted(text)}",
            ]  # fmt: skip
    return "".join(f"{line}\n" for line in lines).encode(errors="backslashreplace")


def _intervals(found: Findings, tier: Tier) -> Iterator[tuple[float, float, str]]:
    """Yields the notes of a tier, and what is between them, from zero to the movie's end."""
    last = 0.0
    for note in tier.notes:
        begin, end = _seconds(found, note.first), _seconds(found, note.stop)
        if begin > last:
            yield last, begin, ""
        if end > begin:  # Else all of it is before zero.
            yield begin, end, note.text
        last = end
    end = _seconds(found, len(found.film.edges) - 1)
    if end > last:
        yield last, end, ""


def _seconds(found: Findings, frame: int) -> float:
    """When a frame begins; a movie may begin a little before zero."""
    return max(0.0, round(float(found.film.edges[frame]), 6))


def _quoted(text: str) -> str:
    """A text as Praat writes it.

    >>> print(_quoted('a "b" c'))
    "a ""b"" c"
    """
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
