"""Writes moments of several films as one timeline."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import files
from pipeline.disk import manifest as manifests
from pipeline.disk.crop_file import crop_stem
from pipeline.errors import MiningError
from pipeline.export.clips import tell_error
from pipeline.export.findings import FilmCut, Findings
from pipeline.export.footage import footage
from pipeline.export.formats import JOINED, load
from pipeline.export.smpte import movie_clock
from pipeline.export.stretches import Cut, Reel
from pipeline.movie import stream

log = logging.getLogger(__name__)

Shown = tuple[Path, str, str, int, int]
"""A moment: the movie's folder, person, emotion, first and last frame."""


def write_joined(
    moments: Sequence[Shown], path: Path, *, allow_remote: bool
) -> tuple[bool, list[MiningError]]:
    """Writes a timeline with a clip for each moment, one right after the other.

    Films that are gone, or cannot be opened, are told and left out.

    Args:
        moments: In the order in which they are shown.
        path: The file; its ending is one of `formats.JOINED`.
        allow_remote: See `manifest.movie_of`.

    Returns:
        Whether there was anything to write, and why films were left out.

    Raises:
        OutputError: The file cannot be written.
    """
    films: dict[Path, Findings] = {}
    failed: list[MiningError] = []
    for folder in dict.fromkeys(folder for folder, *_ in moments):
        try:
            films[folder] = _film(folder, allow_remote=allow_remote)
        except MiningError as error:
            log.warning("%s; left out of %s", error, path)
            failed.append(error)
    cuts = []
    shown = [moment for moment in moments if moment[0] in films]
    for number, (folder, person, emotion, first, last) in enumerate(shown, 1):
        found = films[folder]
        stop = min(last + found.stride, len(found.film.scan))
        reel = Reel(found.video, found.stem, person, emotion, (Cut(first, stop),))
        cuts.append(FilmCut(found, reel, 0, f"{person} {emotion} {number:03d}"))
    if not cuts:
        return False, failed
    data = load(JOINED[path.suffix.lower().removeprefix(".")])(cuts)
    for found in films.values():
        edges = [edge for cut in cuts if cut.found is found for edge in cut.edges]
        tell_error(path, found.film, np.array(edges, np.int64))
    with files.replacing(path, "file with --timeline") as file:
        file.write(data)
    return True, failed


def _film(folder: Path, *, allow_remote: bool) -> Findings:
    """What a timeline tells of a movie."""
    walk = manifests.read(folder)
    film = footage(manifests.movie_of(walk, None, allow_remote=allow_remote), walk.scan)
    clock = movie_clock(film, stream.timecode(film.movie))
    return Findings(
        film=film, clock=clock, stem=crop_stem(walk), folder=folder, reels=(), stretches=(),
        faces=pd.DataFrame(), shots=np.zeros(0, np.int64), stride=walk.settings.every,
    )  # fmt: skip
