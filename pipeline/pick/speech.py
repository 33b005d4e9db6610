"""Adds the subtitles spoken at each face, and whether a look that begins there reacts to one."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from unicodedata import normalize

import numpy as np
import pandas as pd

from pipeline.faces import Flags, Numbers, median_step
from pipeline.pick.evidence import microseconds

if TYPE_CHECKING:
    from pipeline.movie.subtitles import Lines


QUOTES = str.maketrans(
    dict.fromkeys("‘’‚‛ʼ′´`", "'") | dict.fromkeys("“”„‟«»″", '"')
)  # fmt: skip
"""All quotes, and what is typed or read for them, as a keyboard has them."""


def borders(times: Numbers) -> Numbers:
    """The times at which frames begin, and the end of the last frame.

    Args:
        times: `(n,)` timestamps of all frames in seconds, rising.

    Returns:
        `(n + 1,)` seconds; the last frame is taken to last as long as the median one.

    >>> borders(np.array([0.0, 0.5, 1.0])).tolist()
    [0.0, 0.5, 1.0, 1.5]
    """
    return np.append(times, times[-1] + median_step(times))


def with_speech(rows: pd.DataFrame, lines: "Lines", edges: Numbers, stride: int) -> pd.DataFrame:
    """Adds the subtitle at each face, and whether anybody speaks until the next analysed frame.

    Args:
        rows: As `faces_csv.read_faces` returns them.
        lines: The subtitles.
        edges: From `borders`.
        stride: Source frames between neighbouring rows.

    Returns:
        The rows with `line`, which is "" in silence, and `spoken`.
    """
    first = rows["frame"].to_numpy()
    stop = np.minimum(first + stride, len(edges) - 1)
    return rows.assign(line=lines.at(edges[first]), spoken=lines.spoken(edges[first], edges[stop]))


def with_reactions(
    rows: pd.DataFrame, lines: "Lines", within: float, edges: Numbers, stride: int
) -> pd.DataFrame:
    """Adds whether a look that begins at a face is a reaction to one of some lines.

    It begins after the line begins, and at most `within` seconds after it ends. Who is the only one
    on screen while a line is spoken speaks it, as far as the person has a name, and does not react
    to it.

    Args:
        rows: As `faces_csv.read_faces` returns them.
        lines: The lines to react to.
        within: Seconds.
        edges: From `borders`.
        stride: Source frames between neighbouring rows.

    Returns:
        The rows with `reacts`.
    """
    order = np.argsort(rows["frame"].to_numpy(), kind="stable")
    first, person = rows["frame"].to_numpy()[order], rows["person"].to_numpy()[order]
    time = microseconds(edges[first])
    gone = microseconds(edges[np.minimum(first + stride, len(edges) - 1)])
    begin, end, latest = map(microseconds, (lines.begin, lines.end, lines.end + within))
    seen = np.searchsorted(gone, begin, side="right"), np.searchsorted(time, end, side="left")
    after = np.searchsorted(time, begin, side="right"), np.searchsorted(time, latest, side="right")
    reacts: Flags = np.zeros(len(rows), bool)
    for low, high, start, stop in zip(*seen, *after, strict=True):
        there = set(person[low:high])
        speaker = there.pop() if len(there) == 1 else ""
        reacts[order[start:stop]] |= (person[start:stop] != speaker) | (speaker == "")
    return rows.assign(reacts=reacts)


def lines_with(lines: "Lines", words: str) -> "Lines":
    """The lines in which words are spoken, see `spoken_in`."""
    found = np.array([spoken_in(text, words) for text in lines.text], bool)
    texts = tuple(text for text, is_one in zip(lines.text, found, strict=True) if is_one)
    return replace(lines, begin=lines.begin[found], end=lines.end[found], text=texts)


def spoken_in(line: str, words: str) -> bool:
    """Whether words are spoken in a line: whole ones in this order; an asterisk is anything.

    >>> [spoken_in("You'd know, wouldn’t you?", words) for words in ("YOU", "wouldn't you", "no")]
    [True, True, False]
    >>> [spoken_in("I love all of you.", words) for words in ("love*you", "*ve", "ov", "*ov*", "*")]
    [True, True, False, True, True]
    """
    parts = [re.escape(part) for part in _plain(words).split("*")]
    parts[0] = (r"\b" if parts[0][:1].isalnum() else "") + parts[0]
    parts[-1] += r"\b" if parts[-1][-1:].isalnum() else ""
    text, place = _plain(line), 0
    # Piece by piece: one pattern with .* between takes for ever on a long line.
    for part in parts:
        found = re.compile(part).search(text, place)
        if found is None:
            return False
        place = found.end()
    return True


def _plain(text: str) -> str:
    r"""A text as it is compared: case, composition and kinds of quotes and spaces do not matter.

    >>> print(_plain("“Who\u00a0is  it?” It’s ﬁne…"))
    "who is it?" it's fine...
    """
    # Quotes first: NFKC makes a space of an accent that stands for one.
    folded = normalize("NFKC", text.translate(QUOTES)).casefold()
    return " ".join(normalize("NFKC", folded).split())
