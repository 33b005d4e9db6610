"""Reads what is spoken when, from a file of subtitles or the movie's own text track.

Only spoken words count: `[door slams]`, `(sighs)`, `♪ lyrics ♪` and formatting are left out.
"""

import html
import logging
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.packet import Packet
from av.stream import Disposition
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle
from numpy.typing import NDArray
from pysubs2 import SSAEvent, SSAFile
from pysubs2.exceptions import Pysubs2Error, UnknownFPSError

from pipeline.encodings import decode_text
from pipeline.errors import MiningError, MovieError
from pipeline.files import content
from pipeline.movie.stream import open_movie, packets_of

log = logging.getLogger(__name__)

LARGEST_SUBTITLES = 1 << 26
"""The largest file in bytes; those of the longest films have a hundredth of this."""

UNSPOKEN = re.compile(r"\[[^\]]*\]|\([^)]*\)|（[^）]*）|【[^】]*】|♪[^♪]*(♪|$)|♫[^♫]*(♫|$)")
"""Sounds, stage directions and songs, as subtitles for the hard of hearing write them."""

LINE_END = re.compile(r"\r{0,2}\n|\r")
"""Of Unix, of Windows, of Windows written twice over, and of an old Mac."""

TIME = r"(-?)(?:(\d{1,4}) ?: ?)?(\d{1,2}) ?: ?(\d{1,2})(?: ?[.,:] ?(\d{1,3}))?"
"""Hours, which may be missing, minutes, seconds, and a fraction of a second."""

TIMING = re.compile(rf"^[^\S\n]*{TIME}[^\S\n]*[-–—]+ ?>[^\S\n]*{TIME}(?!\d).*\n?", re.M)
"""The line of SRT and WebVTT that tells when its cue is shown, with what follows: a position."""

COUNTER = re.compile(r"(^|\n)[^\S\n]*\d+\s*$")
"""The number of the next cue in SRT, at the end of what stands before its times."""

TAG = re.compile(r"<rt\b[^<>]*>.*?(</rt>|$)|</?[a-zA-Z][^<>]*>|<\d[\d:.]*>", re.S)
"""Voices, classes and formatting; times within a cue; readings above words, a second text.

Source: W3C, "WebVTT", section 3.3.
"""

SPEAKER = re.compile(r"[-–]?\s*[^\W\d_][\w .'-]{0,30}:")
"""A speaker's name with nothing after it, as is left of `ANNA: (sighs)`."""

FORMULA = "-–—=+@ "
"""Characters cut off the start of a line: dialogue dashes, and what makes a spreadsheet formula."""

DRAWING = re.compile(r"\{[^}]*\\p[1-9]")
"""Starts a drawing in ASS; what follows is not text."""


class SubtitleError(MiningError):
    """A file of subtitles is missing, damaged, or in another encoding."""


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """The spoken lines of a movie.

    Attributes:
        begin: `(n,)` seconds, rising.
        end: `(n,)` seconds, each after its `begin`.
        text: `n` lines, none of them empty.
    """

    begin: NDArray[np.float64]
    end: NDArray[np.float64]
    text: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.text)

    def counted_from(self, zero: float) -> "Lines":
        """The lines with their times from another zero, in seconds.

        >>> Lines(np.array([5.5]), np.array([6.0]), ("Hi!",)).counted_from(5).begin.tolist()
        [0.5]
        """
        # Rounded since 0.8 - 0.48 is later than 0.32, where a frame may begin.
        begin, end = (np.round(times - zero, 9) for times in (self.begin, self.end))
        return replace(self, begin=begin, end=end)

    def at(self, times: Iterable[float]) -> list[str]:
        """The line spoken at each time, or "" if there is none; lines at once are joined by " / ".

        >>> lines = Lines(np.array([1.0, 1.5]), np.array([2.0, 2.0]), ("Hi!", "Who?"))
        >>> lines.at([0.9, 1.0, 1.7, 2.0])
        ['', 'Hi!', 'Hi! / Who?', '']
        """
        moments = np.asarray(list(times), np.float64)
        lines = [""] * len(moments)
        order = np.argsort(moments, kind="stable")
        first = np.searchsorted(moments[order], self.begin, side="left")
        stop = np.searchsorted(moments[order], self.end, side="left")
        for text, low, high in zip(self.text, first, stop, strict=True):
            for index in order[low:high]:
                lines[index] = f"{lines[index]} / {text}" if lines[index] else text
        return lines

    def spoken(self, begin: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether anybody speaks during each stretch, `(m,)`.

        Args:
            begin: `(m,)` seconds.
            end: `(m,)` seconds, exclusive.

        >>> lines = Lines(np.array([1.0]), np.array([2.0]), ("Hi!",))
        >>> lines.spoken(np.array([0.0, 0.0, 2.0]), np.array([1.0, 1.1, 3.0])).tolist()
        [False, True, False]
        """
        # The latest end so far, since a long line may outlast lines that begin after it.
        latest = np.maximum.accumulate(np.concatenate([[-np.inf], self.end]))
        return latest[np.searchsorted(self.begin, end, side="left")] > begin


def read_subtitles(path: Path, *, offset: float = 0.0, encoding: str | None = None) -> Lines:
    """Reads a file in any format that pysubs2 recognises: SRT, WebVTT, ASS and others.

    Args:
        path: The file.
        offset: Seconds added to all times.
        encoding: Encoding of the file; None finds it out (see `encodings.decode_text`).

    Raises:
        SubtitleError: The file cannot be read, or contains no subtitles.
    """
    try:
        if path.stat().st_size > LARGEST_SUBTITLES:
            raise SubtitleError(
                f"{path}: larger than {LARGEST_SUBTITLES >> 20} MB; give a file of subtitles"
            )
        data = content(path)
    except OSError as error:
        raise SubtitleError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    events = _events(path, _decoded(path, data, encoding))
    lines = _lines(events, offset)
    if not len(lines):
        log.warning("%s: %d subtitles, but no spoken words in them", path, len(events))
    return lines


def movie_subtitles(movie: Path, *, offset: float = 0.0) -> Lines:
    """Reads the movie's own text track, whose times are timestamps of the movie.

    Before a walk nothing tells which of these is time 0: see `Lines.counted_from`.

    Args:
        movie: The movie.
        offset: Seconds added to all times.

    Raises:
        MovieError: The movie cannot be opened, or has no text track.
    """
    lines = text_track(movie)
    if lines is None:
        raise MovieError(
            f"{movie}: has no text subtitles (pictures of text do not count); "
            "give a file, for example --subtitles movie.srt"
        )
    return _lines(lines, offset)


def _decoded(path: Path, data: bytes, encoding: str | None) -> str:
    """Decodes the text of a file.

    Raises:
        SubtitleError: The encoding is unknown, or not that of the file.
    """
    try:
        if encoding is not None:
            return data.decode(encoding)
        decoded = decode_text(data)
    except LookupError as error:
        raise SubtitleError(
            f"--subtitle-encoding {encoding}: no such encoding; give one that Python knows, for "
            "example cp1250"
        ) from error
    except UnicodeDecodeError as error:
        raise SubtitleError(
            f"{path}: not in {error.encoding} ({error.reason} at byte {error.start}); "
            "give another --subtitle-encoding, for example cp1250"
        ) from error
    if not decoded.sure:
        log.warning(
            "%s: read as %s, the likeliest encoding; if letters are wrong, give "
            "--subtitle-encoding", path, decoded.encoding,
        )  # fmt: skip
    return decoded.text


def _events(path: Path, text: str) -> list[tuple[float, float, str]]:
    """The subtitles of a file in any format: begin and end in seconds, and ASS markup.

    Raises:
        SubtitleError: The file contains no subtitles.
    """
    text = LINE_END.sub("\n", text.replace("\x00", ""))
    cues = list(_cues(text))
    if cues:
        return cues
    try:
        events = SSAFile.from_string(text).events
    except UnknownFPSError as error:
        raise SubtitleError(
            f"{path}: counts frames, and does not tell how many there are in a second; write the "
            "movie's rate before its first line, for example {1}{1}25"
        ) from error
    except (Pysubs2Error, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        raise SubtitleError(
            f"{path}: contains no readable subtitles ({type(error).__name__}); "
            "give an .srt, .vtt or .ass file, or its --subtitle-encoding"
        ) from error
    return [(e.start / 1000, e.end / 1000, e.text) for e in events if not e.is_comment]


def _cues(text: str) -> Iterator[tuple[float, float, str]]:
    r"""Yields the cues of SRT and WebVTT; nothing if the text is neither.

    pysubs2 takes what stands between the cues of WebVTT, such as comments and styles, for words.

    >>> list(_cues("1\n00:00:01,5 --> 00:02.000\n<i>Who?</i>\n\n2\n00:03 --> 00:04\nMe."))
    [(1.5, 2.0, 'Who?'), (3.0, 4.0, 'Me.')]
    """
    is_web = text.lstrip("\ufeff \n").startswith("WEBVTT")
    timings = list(TIMING.finditer(text))
    ends = [timing.start() for timing in timings[1:]] + [len(text)]
    for timing, end in zip(timings, ends, strict=False):
        words = text[timing.end() : end]
        if is_web:
            words = words.partition("\n\n")[0] if words[:1] != "\n" else ""
        elif end < len(text):
            words = COUNTER.sub("", words)
        parts = timing.groups()
        yield _seconds(*parts[:5]), _seconds(*parts[5:]), TAG.sub("", words).strip()


def _seconds(sign: str, hours: str | None, minutes: str, seconds: str, part: str | None) -> float:
    """Seconds of the groups of `TIME`."""
    time = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{part or 0}")
    return -time if sign else time


def _lines(events: Iterable[tuple[float, float, str]], offset: float) -> Lines:
    """The events that are spoken and last some time, sorted by their beginning."""
    spoken = sorted(_spoken_events(events, offset), key=lambda event: event[:2])
    begin, end = (np.array([event[i] for event in spoken], np.float64) for i in (0, 1))
    return Lines(begin, end, tuple(text for _, _, text in spoken))


def _spoken_events(
    events: Iterable[tuple[float, float, str]], offset: float
) -> Iterator[tuple[float, float, str]]:
    for begin, end, text in events:
        words = spoken_words(text)
        if words and isfinite(begin + end) and begin < end:
            yield begin + offset, end + offset, words


def spoken_words(text: str) -> str:
    r"""The spoken words of a subtitle in ASS markup, on one line, or "" if there are none.

    >>> spoken_words(r"{\i1}- Hello. [door slams]{\i0}\N- JOHN: Who is there?")
    'Hello. - JOHN: Who is there?'
    >>> spoken_words("[thunder]"), spoken_words("♪ la la ♪"), spoken_words("- ANNA: (sighs)")
    ('', '', '')
    """
    if DRAWING.search(text):
        return ""
    plain = html.unescape(SSAEvent(text=text).plaintext)
    lines = (
        " ".join(_without_control(line).split()) for line in UNSPOKEN.sub(" ", plain).split("\n")
    )
    words = " ".join(line for line in lines if not SPEAKER.fullmatch(line)).lstrip(FORMULA)
    return words if any(c.isalnum() for c in words) else ""


def _without_control(text: str) -> str:
    """Replaces control characters by spaces: direction marks, and bytes of a wrong encoding."""
    return "".join(" " if unicodedata.category(c).startswith("C") else c for c in text)


TEXT_CODECS = frozenset({"ass", "mov_text", "srt", "ssa", "subrip", "text", "webvtt"})
"""FFmpeg codecs of subtitles that are text, not pictures."""


def text_track(path: Path) -> list[tuple[float, float, str]] | None:
    """Reads the movie's own text track: timestamps of begin and end in seconds, and ASS markup.

    Prefers the default track, or else the first one; takes a track of forced lines (translations
    of foreign speech only) if there is no other.

    Returns:
        The lines in the order of the file, or None if the movie has no text track.

    Raises:
        MovieError: The movie cannot be opened.
    """
    with open_movie(path) as container:
        tracks = [
            s for s in container.streams.subtitles
            if s.codec_context is not None and s.codec_context.name in TEXT_CODECS
        ]  # fmt: skip
        if not tracks:
            return None
        track = min(tracks, key=_text_rank)
        lines = []
        for packet in packets_of(container, track):
            if packet.size and packet.pts is not None and packet.time_base:
                begin = float(packet.pts * packet.time_base)
                end = begin + float((packet.duration or 0) * packet.time_base)
                lines += [(begin, end, text) for text in _ass_texts(track, packet)]
    return lines


def _text_rank(track: SubtitleStream) -> tuple[bool, bool]:
    kinds = track.disposition
    return bool(kinds & Disposition.forced), not kinds & Disposition.default


def _ass_texts(track: SubtitleStream, packet: "Packet[Any]") -> Iterator[str]:
    """Yields the text of FFmpeg's ASS events, which follows eight other fields."""
    try:
        events = track.decode2(packet) or ()
    except av.FFmpegError as error:
        log.debug("text at %s does not decode: %s", packet.pts, error)
        return
    for event in events:
        if isinstance(event, AssSubtitle):
            yield event.ass.decode(errors="replace").split(",", 8)[-1]
