"""Writes moments as cues: subtitles (SubRip) and chapters (WebVTT).

Their times are those of players: seconds from where picture or sound begins, in milliseconds that
are rounded down, so that a cue is shown from its first frame to its last, and in no other.

Source: W3C, WebVTT: The Web Video Text Tracks Format, 1.4 (chapters) and 4.
"""

from html import escape
from itertools import pairwise

from pipeline.export.findings import Findings
from pipeline.export.stretches import Stretch
from pipeline.faces import visible

EXACT = 1e-6
"""Milliseconds by which sums of floating-point numbers may be wrong."""


def subtitles(found: Findings) -> bytes:
    """Makes subtitles (SubRip) that say who looks how, while it is seen."""
    edges = found.film.edges
    cues = (
        f"{number}\n{_time(edges[moment.first], ',')} --> {_time(edges[moment.stop], ',')}\n"
        f"{_untagged(visible(moment.title))}\n"
        for number, moment in enumerate(found.stretches, 1)
    )
    return "\n".join(cues).encode(errors="backslashreplace")


def _untagged(text: str) -> str:
    """A text of which players show every letter.

    SubRip escapes nothing: FFmpeg and pysubs2 take `<anna>` for a tag, and show `&lt;` as these
    letters. With a joiner, which is not seen, after the bracket it is no tag to either.
    """
    return text.replace("<", "<\u2060")


def chapters(found: Findings) -> bytes:
    """Makes chapters (WebVTT), one a moment.

    Chapters do not overlap: one ends where the next begins, and what begins together is one.
    """
    starts: dict[int, list[Stretch]] = {}
    for moment in found.stretches:
        starts.setdefault(moment.first, []).append(moment)
    edges, blocks = found.film.edges, ["WEBVTT\n"]
    for (first, moments), (following, _) in pairwise([*starts.items(), (len(edges) - 1, [])]):
        stop = min(max(moment.stop for moment in moments), following)
        title = escape(visible(" + ".join(moment.title for moment in moments)), quote=False)
        blocks.append(f"{_time(edges[first], '.')} --> {_time(edges[stop], '.')}\n{title}\n")
    return "\n".join(blocks).encode(errors="backslashreplace")


def _time(seconds: float, point: str) -> str:
    """A cue's time.

    >>> _time(3723.0419, ",")
    '01:02:03,041'
    """
    whole, rest = divmod(max(0, int(seconds * 1000 + EXACT)), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{point}{rest:03d}"
