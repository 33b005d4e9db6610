"""Finds a movie's frame rate, and joins any stretches of it into one film."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.faces import Image, Ints, Numbers
from pipeline.movie import decode
from pipeline.movie.encode import FilmPicture, FilmSound
from pipeline.movie.frame import Frame
from pipeline.movie.remote import is_remote
from pipeline.movie.scan import Scan
from pipeline.movie.sound import SOUND_RATE, Samples, read_sound, sound_layout
from pipeline.pick.speech import borders

Spans = Sequence[tuple[int, int]]
"""First frame and one past the last of each stretch."""

NTSC = Fraction(1000, 1001)
RATES = tuple(
    sorted([*(n * NTSC for n in (24, 30, 48, 60)), *map(Fraction, (24, 25, 30, 48, 50, 60))])
)
"""Frames a second for which timecodes are defined (SMPTE ST 12-1 and 12-3)."""

NEAR = 4e-4
"""Relative difference below which two rates are one: 24 and 24000/1001 are 1e-3 apart."""

ROUNDING = 0.002
"""Seconds by which timestamps of a constant rate may be off: containers store milliseconds."""

VARIABLE_TICKS = 90_000
"""Ticks a second if the frame rate varies."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Frames a second: exact if constant, else the one of `RATES` that fits most frames."""

    value: Fraction
    constant: bool


def frame_rate(scan: Scan) -> Rate:
    """The rate that every timestamp fits, or the nominal one if the rate varies."""
    times = scan.times
    steps = np.diff(times)
    candidates = [scan.stream.rate, *([float(len(steps) / steps.sum())] if len(steps) else [])]
    tick = scan.stream.time_base[0] / scan.stream.time_base[1]
    for guess in (r for r in map(_snapped, candidates) if r > 0):
        off = times - times[0] - np.arange(len(times)) / float(guess)
        # Timestamps are rounded to ticks; but a tick may be as long as a frame, as in AVI.
        if np.abs(off).max() <= min(ROUNDING + tick, 0.5 / float(guess)):
            return Rate(guess, constant=True)
    usual = 1 / float(np.median(steps)) if len(steps) else 25.0
    return Rate(min(RATES, key=lambda r: abs(float(r) / usual - 1)), constant=False)


def _snapped(rate: float) -> Fraction:
    """The standard rate nearest to a number, or a simple fraction if no standard rate is near.

    >>> _snapped(23.976), _snapped(12.5), _snapped(14.985015)
    (Fraction(24000, 1001), Fraction(25, 2), Fraction(15000, 1001))
    """
    near = [r for r in RATES if abs(rate / float(r) - 1) < NEAR]
    return near[0] if near else Fraction(rate).limit_denominator(1001)


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """A movie to cut up.

    Attributes:
        movie: Path of the movie.
        scan: Its frames.
        rate: Its frame rate.
        edges: `(n + 1,)` seconds at which each frame begins and the last one ends.
        layout: Channels of its sound, of `sound.CHANNELS`; "" if it has no sound.
    """

    movie: Path
    scan: Scan
    rate: Rate
    edges: Numbers
    layout: str

    @property
    def place(self) -> Path:
        """The movie's path as other programs take it: absolute, and without `..` if it may be."""
        path = self.movie.absolute()
        if is_remote(path) or ".." not in path.parts:
            return path
        plain = Path(os.path.normpath(path))  # Behind a link, `..` may be another folder.
        return plain if plain.exists() and plain.samefile(path) else path

    @property
    def base(self) -> Fraction:
        """Seconds of one tick of `ticks`."""
        return 1 / self.rate.value if self.rate.constant else Fraction(1, VARIABLE_TICKS)

    @property
    def ticks(self) -> Ints:
        """Ticks at which each frame begins and the last one ends, `(n + 1,)`, rising.

        If the rate is constant, a tick is a frame, which undoes the rounding of the container.
        """
        if self.rate.constant:
            return np.arange(len(self.edges))
        return np.round((self.edges - self.edges[0]) * VARIABLE_TICKS).astype(np.int64)

    def pictures(self, spans: Spans, draw: Callable[[Frame], Image]) -> Iterator[FilmPicture]:
        """Yields the frames of stretches, one stretch right after the other.

        If a frame does not decode, the frame before it lasts longer; at the beginning, the first
        frame that decodes begins earlier.

        Args:
            spans: The stretches, in the order in which they are shown.
            draw: Makes the picture of a frame.
        """
        ticks, offset = self.ticks, 0
        previous: tuple[Image, int] | None = None
        for first, stop in spans:
            for frame in decode.decode_frames(self.movie, self.scan, first, stop):
                tick = offset + int(ticks[frame.index] - ticks[first])
                if previous:
                    yield FilmPicture(*previous, tick - previous[1])
                previous = draw(frame), tick if previous else 0
            offset += int(ticks[stop] - ticks[first])
        if previous:
            yield FilmPicture(*previous, offset - previous[1])

    def sound(self, spans: Spans) -> FilmSound | None:
        """The sound of stretches, as long as `pictures`; None if the movie has no sound."""
        return FilmSound(self.layout, self._samples(spans)) if self.layout else None

    def _samples(self, spans: Spans) -> Iterator[Samples]:
        # Rounds the end of each stretch in the whole film, not its length: rounding errors of many
        # stretches would add up, and the sound would drift away from the pictures.
        ticks, shown, done = self.ticks, 0, 0
        for first, stop in spans:
            shown += int(ticks[stop] - ticks[first])
            until = round(shown * self.base * SOUND_RATE)
            begin, count = float(self.edges[first]), until - done
            yield from read_sound(self.movie, self.layout, begin, count, self.scan)
            done = until


def footage(movie: Path, scan: Scan) -> Footage:
    """Collects what must be known of a movie before it is cut up.

    Raises:
        MovieError: The movie cannot be opened.
    """
    layout = sound_layout(movie, scan.stream.number)
    return Footage(movie, scan, frame_rate(scan), borders(scan.times), layout)
