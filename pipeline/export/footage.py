"""A movie as an editor sees it: its frame rate, and any stretches of it as one film."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.faces import Image, Ints, Numbers
from pipeline.movie import decode
from pipeline.movie.encode import FilmPicture, FilmSound
from pipeline.movie.frame import Frame
from pipeline.movie.scan import Scan
from pipeline.movie.sound import SOUND_RATE, Samples, read_sound, sound_layout
from pipeline.pick.speech import borders

Spans = Sequence[tuple[int, int]]
"""First frame and one past the last of each stretch."""

NTSC = Fraction(1000, 1001)
RATES = tuple(
    sorted([*(n * NTSC for n in (24, 30, 48, 60)), *map(Fraction, (24, 25, 30, 48, 50, 60))])
)
"""Frames a second that timecodes are made for (SMPTE ST 12-1 and 12-3)."""

NEAR = 4e-4
"""Rates so close, as a share, are one: a third of what is between 24 and 24000/1001."""

ROUNDING = 0.002
"""Seconds that the timestamps of a constant rate may be off: containers store milliseconds."""

VARIABLE_TICKS = 90_000
"""Ticks a second where the frame rate varies."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Frames a second: exact where it is constant, else that of most frames, of `RATES`."""

    value: Fraction
    constant: bool


def frame_rate(found: Scan) -> Rate:
    """The rate that every timestamp fits to, or the nominal one of a variable rate."""
    times = found.times
    steps = np.diff(times)
    told = [found.stream.rate, *([float(len(steps) / steps.sum())] if len(steps) else [])]
    tick = found.stream.time_base[0] / found.stream.time_base[1]
    for guess in (r for r in map(_snapped, told) if r > 0):
        off = times - times[0] - np.arange(len(times)) / float(guess)
        # A tick more, but no more than half a frame: AVI's tick is a frame.
        if np.abs(off).max() <= min(ROUNDING + tick, 0.5 / float(guess)):
            return Rate(guess, constant=True)
    usual = 1 / float(np.median(steps)) if len(steps) else 25.0
    return Rate(min(RATES, key=lambda r: abs(float(r) / usual - 1)), constant=False)


def _snapped(rate: float) -> Fraction:
    """The standard rate that is meant, or the simplest fraction that is about as much.

    >>> _snapped(23.976), _snapped(12.5), _snapped(14.985015)
    (Fraction(24000, 1001), Fraction(25, 2), Fraction(15000, 1001))
    """
    near = [r for r in RATES if abs(rate / float(r) - 1) < NEAR]
    return near[0] if near else Fraction(rate).limit_denominator(1001)


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """A movie that is cut up.

    Attributes:
        movie: Where it is.
        scan: Its frames.
        rate: Their rate.
        edges: `(n + 1,)` seconds: when each frame begins and the last one ends.
        layout: Of its sound, of `sound.CHANNELS`; "" where it has none.
    """

    movie: Path
    scan: Scan
    rate: Rate
    edges: Numbers
    layout: str

    @property
    def base(self) -> Fraction:
        """Seconds of a tick of `ticks`."""
        return 1 / self.rate.value if self.rate.constant else Fraction(1, VARIABLE_TICKS)

    @property
    def ticks(self) -> Ints:
        """When each frame begins and the last one ends, `(n + 1,)`, rising.

        Frames are counted where the rate is constant: what a container rounded is exact again.
        """
        if self.rate.constant:
            return np.arange(len(self.edges))
        return np.round((self.edges - self.edges[0]) * VARIABLE_TICKS).astype(np.int64)

    def pictures(self, spans: Spans, draw: Callable[[Frame], Image]) -> Iterator[FilmPicture]:
        """The frames of stretches, one stretch right after the other.

        A frame that does not decode is bridged by the one before, at the beginning by the one
        after it.

        Args:
            spans: In the order in which they are shown.
            draw: Makes the picture of a frame.
        """
        ticks, offset = self.ticks, 0
        held: tuple[Image, int] | None = None
        for first, stop in spans:
            for frame in decode.decode_frames(self.movie, self.scan, first, stop):
                tick = offset + int(ticks[frame.index] - ticks[first])
                if held:
                    yield FilmPicture(*held, tick - held[1])
                held = draw(frame), tick if held else 0
            offset += int(ticks[stop] - ticks[first])
        if held:
            yield FilmPicture(*held, offset - held[1])

    def sound(self, spans: Spans) -> FilmSound | None:
        """The sound of stretches, as long as `pictures`; None where the movie has none."""
        return FilmSound(self.layout, self._samples(spans)) if self.layout else None

    def _samples(self, spans: Spans) -> Iterator[Samples]:
        # Rounded in all, not each, so that no sound drifts from its picture over many cuts.
        ticks, shown, done = self.ticks, 0, 0
        for first, stop in spans:
            shown += int(ticks[stop] - ticks[first])
            until = round(shown * self.base * SOUND_RATE)
            yield from read_sound(self.movie, self.layout, float(self.edges[first]), until - done)
            done = until


def footage(movie: Path, found: Scan) -> Footage:
    """What there is to know of a movie before it is cut up.

    Raises:
        MovieError: It cannot be opened.
    """
    layout = sound_layout(movie)
    return Footage(movie, found, frame_rate(found), borders(found.times), layout)
