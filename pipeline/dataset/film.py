"""The faces of one walked film that a data set may take: those that a pick would keep."""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pandas as pd

from pipeline.dataset.choose import best, values
from pipeline.disk.crop_file import crop_name, crop_stem
from pipeline.disk.manifest import Manifest
from pipeline.disk.walked import Walked
from pipeline.models.registry import tolerances
from pipeline.opened import opened
from pipeline.people.album import Album
from pipeline.pick import select
from pipeline.pick.choose import choose
from pipeline.settings import Job
from pipeline.wanted import wanted_rows

SPARE = 2
"""So many times as many faces are cut out of each film as are wanted: some are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class FilmFaces:
    """What a film offers.

    Attributes:
        film: a hash of the film itself, wherever it lies and however it is called.
        video: the name of its file.
        folder: the folder of its walk.
        walk: its manifest.
        rows: of `select.steadied` in order of frame and track, with `film`, `emotion` (or a class
            of them) and `name`, that of the picture.
    """

    film: str
    video: str
    folder: Path
    walk: Manifest
    rows: pd.DataFrame


def film_faces(folder: Path, job: Job, top: int, movie: Path | None, album: Album) -> FilmFaces:
    """Opens a walked film, and chooses the faces that it offers.

    Args:
        folder: Its folder.
        job: The wanted people and emotions, and the filters.
        top: How many faces of each person and emotion the data set keeps; 0 is all.
        movie: Where the movie is, if not where it was walked.
        album: The known faces.

    Raises:
        MiningError: See `mine.pick`.
    """
    with opened(folder, job, album) as walked:
        rows = _kept(walked, job, movie)
    walk = walked.manifest
    film = sha256(json.dumps(walk.identity, sort_keys=True).encode()).hexdigest()[:12]
    rows = rows.assign(film=film)
    rows = rows.iloc[best(rows, values(rows), SPARE * top)]
    rows = rows.sort_values(["frame", "track"], kind="stable", ignore_index=True)
    stem = f"{crop_stem(walk)}-{film}"
    names = [crop_name(stem, row) for row in rows.itertuples()]
    return FilmFaces(
        film, walked.name, folder, walk, rows.assign(name=pd.Series(names, dtype="str"))
    )


def _kept(walked: Walked, job: Job, movie: Path | None) -> pd.DataFrame:
    """The rows that a pick would crop, each with its emotion."""
    settings = job.pick.at(walked.manifest.scan.stream.rate)
    rows = wanted_rows(walked, job, movie)
    rows = select.steadied(rows, walked.stride, settings, job.emotions)
    tolerance = tolerances(walked.manifest.settings, job.tolerance).name
    chosen = choose(rows, walked.tracks, job, settings, walked.size, tolerance)
    kept = [one.kept.assign(emotion=one.emotion) for one in chosen if len(one.kept)]
    return pd.concat(kept) if kept else rows.iloc[:0].assign(emotion="")
