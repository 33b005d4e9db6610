"""SMPTE timecode: the clock by which editing programs count the frames of a movie."""

import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.export.footage import NTSC, RATES, Footage, Rate
from pipeline.faces import Ints

TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.,])(\d\d)")

DAY = 24 * 60
"""Minutes after which timecode begins again at zero."""


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


def largest_error(film: Footage, frames: Ints) -> float:
    """Largest difference in seconds between frames and their timecodes; 0 if all are exact.

    Args:
        film: The movie.
        frames: Where something begins or ends.
    """
    rate = timecode_rate(film.rate)
    if film.rate.constant and (rate / film.rate.value).denominator == 1:
        return 0.0
    exact = film.edges[frames] - film.edges[0]
    return float(np.abs(frame_numbers(film, rate)[frames] / float(rate) - exact).max(initial=0.0))


@dataclass(frozen=True, slots=True)
class Counting:
    """How timecode of one rate counts.

    Attributes:
        rate: Frames a second, one of `RATES`.
        drop: Whether it leaves out numbers, so that it keeps up with the clock (drop-frame).

    Source: SMPTE ST 12-1:2014, 5.2: drop-frame leaves out numbers 0 and 1 (at 59.94 also 2 and 3)
    at the beginning of each minute, except of those that 10 divides.
    """

    rate: Fraction
    drop: bool

    @property
    def nominal(self) -> int:
        """Numbers of a second: 30 at 29.97."""
        return round(self.rate)

    @property
    def dropped(self) -> int:
        """Numbers that are left out at the beginning of a minute."""
        return self.nominal // 15 if self.drop else 0

    def text(self, number: int) -> str:
        """The timecode of a frame number, counted from 00:00:00:00.

        >>> ntsc = Counting(Fraction(30000, 1001), drop=True)
        >>> ntsc.text(1799), ntsc.text(1800), ntsc.text(17982)
        ('00:00:59;29', '00:01:00;02', '00:10:00;00')
        >>> Counting(Fraction(25), drop=False).text(26)
        '00:00:01:01'
        """
        minute = 60 * self.nominal - self.dropped
        tens, rest = divmod(number, 10 * minute + self.dropped)
        # The first of ten minutes is longer than the others: it leaves out nothing.
        label = number + self.dropped * (9 * tens + max(0, (rest - self.dropped) // minute))
        seconds, frame = divmod(label % (DAY * 60 * self.nominal), self.nominal)
        separator = ";" if self.drop else ":"
        return (
            f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
            f"{separator}{frame:02d}"
        )

    def number(self, text: str) -> int | None:
        """The frame number of a timecode, or None if there is no such timecode at this rate.

        >>> Counting(Fraction(30000, 1001), drop=True).number("01:00:00;00")
        107892
        """
        found = TIMECODE.fullmatch(text)
        if not found:
            return None
        hours, minutes, seconds, frame = (int(found[n]) for n in (1, 2, 3, 5))
        left_out = seconds == 0 and minutes % 10 and frame < self.dropped
        if minutes > 59 or seconds > 59 or frame >= self.nominal or left_out:
            return None
        minutes += 60 * hours
        label = (60 * minutes + seconds) * self.nominal + frame
        return label - self.dropped * (minutes - minutes // 10)


@dataclass(frozen=True, slots=True, eq=False)
class Timecode:
    """The timecode of each frame of a movie.

    Attributes:
        counting: How it counts.
        start: Number of the movie's first frame, from 00:00:00:00.
        numbers: `(n + 1,)` number of each frame, and of the end, counted from the first frame at
            the timecode's rate; see `frame_numbers`.
    """

    counting: Counting
    start: int
    numbers: Ints

    @property
    def rate(self) -> Fraction:
        """Frames a second that the timecode counts."""
        return self.counting.rate

    def at(self, frame: int) -> str:
        """The timecode of a frame; `n` is the end of a movie of `n` frames."""
        return self.counting.text(self.start + int(self.numbers[frame]))

    def span(self, first: int, stop: int) -> tuple[int, int]:
        """Numbers, from the movie's first frame, of a stretch's begin and end; at least one apart.

        A frame may round to nothing if the movie has more frames a second than the timecode.
        """
        low = int(self.numbers[first])
        return low, max(int(self.numbers[stop]), low + 1)


def movie_clock(film: Footage, start: str) -> Timecode:
    """The timecode that an editing program shows for a movie.

    29.97 and 59.94 frames a second are counted with drop-frame, unless the movie's own timecode
    says otherwise by a colon before its frames.

    Args:
        film: The movie.
        start: Timecode of the first frame, see `stream.timecode`; where there is none, or it is not
            valid, the movie begins at zero.
    """
    rate = timecode_rate(film.rate)
    own = TIMECODE.fullmatch(start)
    drop = rate in (30 * NTSC, 60 * NTSC) and not (own and own[4] == ":")
    counting = Counting(rate, drop)
    return Timecode(counting, counting.number(start) or 0, frame_numbers(film, rate))
