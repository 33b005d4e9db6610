"""Findings made up for tests of formats: a long movie at any rate, with cuts and moments."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.export.findings import Findings
from pipeline.export.footage import NTSC, Footage, frame_rate
from pipeline.export.smpte import movie_clock
from pipeline.export.stretches import Cut, Reel, Stretch
from pipeline.movie.scan import Scan
from pipeline.movie.stream import Stream
from pipeline.pick.speech import borders

FRAMES = 220_000
SHOWN_RATES = (24 * NTSC, Fraction(25), 30 * NTSC, 60 * NTSC)
"""23.976, 25, 29.97 and 59.94, at which every format is read back frame by frame."""


def film_of(rate: Fraction, layout: str = "stereo", name: str = "a b.mkv") -> Footage:
    """A movie of `FRAMES` frames whose container rounds times to milliseconds."""
    facts = Stream("h264", 64, 48, round(float(rate), 6), (1, 1000), 0, 0, counted=False, hdr="")
    pts = np.round(np.arange(FRAMES) * 1000 / float(rate)).astype(np.int64)
    return film_of_scan(Scan(facts, pts, np.zeros((1, 2), np.int64)), layout, name)


def film_of_scan(scan: Scan, layout: str = "stereo", name: str = "a b.mkv") -> Footage:
    """A movie in /films with these frames."""
    return Footage(Path("/films") / name, scan, frame_rate(scan), borders(scan.times), layout)


def findings(
    film: Footage,
    reels: Sequence[Reel],
    start: str = "",
    stretches: Sequence[Stretch] | None = None,
) -> Findings:
    """What is exported of a movie.

    Args:
        film: The movie.
        reels: Its cuts.
        start: Its own timecode.
        stretches: Its moments; None makes one of each cut.
    """
    made = [
        Stretch(reel.person, reel.emotion, cut.first, cut.stop, 0, number, 0.934, 0.98)
        for number, reel in enumerate(reels)
        for cut in reel.cuts
    ]
    ordered = sorted(made if stretches is None else stretches, key=lambda s: (s.first, s.stop))
    return Findings(
        film=film,
        clock=movie_clock(film, start),
        stem=reels[0].stem if reels else film.movie.stem,
        folder=Path("/films/output/a b"),
        reels=tuple(reel for reel in reels if reel.cuts),
        stretches=tuple(ordered),
        faces=pd.DataFrame(),
        shots=np.array([0, FRAMES], np.int64),
        stride=1,
    )


def reel_of(
    cuts: Sequence[Cut], person: str = "anna", emotion: str = "happy", stem: str = "a b"
) -> Reel:
    """The cuts of a person and emotion."""
    return Reel(f"{stem}.mkv", stem, person, emotion, tuple(cuts))
