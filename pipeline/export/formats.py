"""The formats of `mine-video export`: one table, from which help and documentation follow.

This module imports no writer, so that `mine-video --help` stays quick.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pipeline.errors import PIP, OutputError

if TYPE_CHECKING:
    from pipeline.export.findings import Writer

CLIPS, SUPERCUT = "clips", "supercut"
"""The formats that are films; `clips.py` encodes them."""


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file that an export writes.

    Attributes:
        ending: What the name of a file ends with, after the movie's name.
        what: What is in it.
        programs: Who reads it.
        writer: Its function as module:name; "" if it is a film.
        whole: Whether one file in the movie's folder holds all wanted people and emotions; else
            each has a file of its own, in its folder.
        without_cuts: Whether it is written also where no moment is kept.
        seconds: Whether it tells time in seconds, exact at any frame rate; else by timecode.
        packages: Packages that must be installed, by the names under which they are imported.
        extra: The extra of setup.cfg which brings them.
    """

    ending: str
    what: str
    programs: str
    writer: str = ""
    whole: bool = True
    without_cuts: bool = False
    seconds: bool = False
    packages: tuple[str, ...] = ()
    extra: str = ""

    @property
    def told(self) -> str:
        """What is in it, and the extra that it needs."""
        return f"{self.what}; needs the extra `{self.extra}`" if self.extra else self.what

    def load(self) -> "Writer":
        """Imports the writer."""
        writer: Writer = load(self.writer)
        return writer


def load(function: str) -> Any:
    """Imports a function, given as module:name."""
    module, _, name = function.partition(":")
    return getattr(import_module(module), name)


_TIMELINES, _MARKERS, _CUES = (
    f"pipeline.export.{module}" for module in ("timelines", "markers", "cues")
)
_OTIO = ("opentimelineio", "otio_cmx3600_adapter", "otio_fcp_adapter")

FORMATS = {
    CLIPS: Format(".mp4", "an MP4 of each stretch", "any player or editor", whole=False),
    SUPERCUT: Format(".mp4", "all stretches in one MP4", "any player or editor", whole=False),
    "edl": Format(
        ".edl", "the stretches as an edit decision list (CMX 3600)", "any editor",
        f"{_TIMELINES}:edl", whole=False, packages=_OTIO, extra="edit",
    ),
    "otio": Format(
        ".otio", "the stretches as an OpenTimelineIO timeline", "Resolve, Premiere, Kdenlive",
        f"{_TIMELINES}:otio_json", whole=False, packages=_OTIO, extra="edit",
    ),
    "xml": Format(
        ".xml", "the stretches as Final Cut Pro 7 XML", "Premiere, Resolve",
        f"{_TIMELINES}:fcp7_xml", whole=False, packages=_OTIO, extra="edit",
    ),
    "tracks-otio": Format(
        "_tracks.otio", "one timeline: a track for each person and emotion, markers",
        "Resolve, Premiere, Kdenlive", f"{_TIMELINES}:tracks_otio", packages=_OTIO, extra="edit",
    ),
    "tracks-xml": Format(
        "_tracks.xml", "the same as Final Cut Pro 7 XML, and a bin for each person",
        "Premiere, Resolve", f"{_TIMELINES}:tracks_xml", packages=_OTIO, extra="edit",
    ),
    "fcpxml": Format(
        ".fcpxml", "the same as FCPXML 1.10, with keywords and events by person",
        "Final Cut Pro, Resolve", "pipeline.export.fcpxml:fcpxml",
    ),
    "resolve-markers": Format(
        "_resolve.edl", "markers, coloured by emotion", "Resolve", f"{_MARKERS}:resolve_markers"
    ),
    "premiere-markers": Format(
        "_premiere.csv", "markers as Premiere lists them", "marker panels for Premiere",
        f"{_MARKERS}:premiere_markers",
    ),
    "avid-markers": Format(
        "_avid.txt", "markers, coloured by emotion", "Media Composer", f"{_MARKERS}:avid_markers"
    ),
    "ale": Format(
        ".ale", "an Avid log (ALE): a clip for each stretch", "Media Composer, Resolve",
        f"{_MARKERS}:avid_log",
    ),
    "subtitles": Format(
        "_moments.srt", "subtitles that say who looks how", "any player or editor",
        f"{_CUES}:subtitles", seconds=True,
    ),
    "chapters": Format(
        "_chapters.vtt", "a chapter for each moment (WebVTT)", "browsers and web players",
        f"{_CUES}:chapters", seconds=True,
    ),
    "elan": Format(
        ".eaf", "an annotation tier for each person, looks from a vocabulary, shots", "ELAN",
        "pipeline.export.annotations:elan", seconds=True,
    ),
    "textgrid": Format(
        ".TextGrid", "the same tiers as Praat has them", "Praat, ELAN",
        "pipeline.export.annotations:textgrid", seconds=True,
    ),
    "moments": Format(
        "_moments.csv", "a row for each moment: frames, seconds, timecode",
        "R, pandas, spreadsheets", "pipeline.export.tables:moment_table",
    ),
    "shots": Format(
        "_shots.csv", "a row for each person in each shot: how long, how they look",
        "R, pandas, spreadsheets", "pipeline.export.tables:shot_table", without_cuts=True,
    ),
}  # fmt: skip
"""All formats by their names on the command line."""


JOINED = {"otio": f"{_TIMELINES}:joined_otio", "xml": f"{_TIMELINES}:joined_xml"}
"""Those in which several films fit into one file, and what writes them."""


def check_installed(kinds: Sequence[str], option: str = "--format") -> None:
    """Refuses formats for which a package is missing, before hours of work.

    Args:
        kinds: Names of formats.
        option: How the user asked for them.

    Raises:
        OutputError: It says what to install.
    """
    for kind in kinds:
        form = FORMATS[kind]
        missing = [package for package in form.packages if find_spec(package) is None]
        if missing:
            raise OutputError(
                f"{option} {kind} needs {missing[0]}, which is not installed; run "
                f"{PIP} install 'mine-video[{form.extra}]'"
            )
