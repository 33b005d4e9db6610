"""Writes crops and contact sheets of moments from many movies into one folder."""

import logging
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from pipeline import files
from pipeline.archive.search import Moment
from pipeline.disk import manifest as manifests
from pipeline.disk.crop_file import crop_stem
from pipeline.disk.crops_csv import CROP_COLUMNS, delete_listed
from pipeline.disk.find import in_a_walk
from pipeline.disk.manifest import Manifest
from pipeline.disk.text_table import csv_text, read_list
from pipeline.disk.walked import Walked, finished
from pipeline.errors import MiningError, OutputError
from pipeline.faces import Image, clock
from pipeline.movie.frame import shrink
from pipeline.pick import select
from pipeline.pick.thin import thin
from pipeline.report.crops import Selection, cut, write_crops
from pipeline.report.sheet import CELL_SIDE, SheetLine, line_sheets
from pipeline.review import labels, match
from pipeline.settings import Job, classes

log = logging.getLogger(__name__)

STRIP = 6
"""Faces of each moment on the sheet, evenly spread over the moment."""

NEW_FOLDER = re.compile(r"\.new-[a-z0-9_]{8}")
"""Names of the folders in which new crops lie until they replace those of an earlier search."""

PLACE = "folder with --sheet or --pick"
"""Ends the advice "choose another …" if a folder cannot be written."""

SHEET_MARGIN = 0.3
"""Margin around the faces of a sheet, as a share of the box."""


@dataclass(frozen=True, slots=True, eq=False)
class MovieMoments:
    """One movie with moments that were found.

    Attributes:
        movie: Path of the movie.
        walk: Its manifest, in which the movie has a name that no other movie here has.
        rows: The rows to crop for each moment, of `select.steadied`.
    """

    movie: Path
    walk: Manifest
    rows: dict[Moment, pd.DataFrame]


def films(moments: Sequence[Moment], job: Job) -> tuple[list[MovieMoments], list[MiningError]]:
    """Finds the rows to crop for moments, with the functions that `pick` uses.

    Args:
        moments: Returned by `search.search`.
        job: That of the search, with how many faces of each run to keep.

    Returns:
        The movies, and an error for each movie that is missing, changed or damaged.
    """
    by_folder: dict[Path, list[Moment]] = {}
    for moment in moments:
        by_folder.setdefault(moment.entry.folder, []).append(moment)
    movies: list[MovieMoments] = []
    failed: list[MiningError] = []
    stems: set[str] = set()
    for folder, in_movie in by_folder.items():
        try:
            walked = finished(folder)
            movie = manifests.movie_of(walked.manifest, None, allow_remote=job.allow_remote)
            movies.append(_film(walked, movie, in_movie, job, stems))
        except MiningError as error:
            log.warning("%s", error)
            failed.append(error)
    return movies, failed


def _film(
    walked: Walked, movie: Path, moments: list[Moment], job: Job, stems: set[str]
) -> MovieMoments:
    walk, tracks, folder = walked.manifest, walked.tracks, walked.folder
    in_frames = job.pick.at(walk.scan.stream.rate)
    of = classes(job.emotions, job.pick.from_)
    rows = match.applied(walked.rows, labels.read_labels(folder), of)
    rows = select.steadied(rows, walked.stride, in_frames, job.emotions)
    kept = {}
    for m in moments:
        seen = select.wanted(rows, m.person, m.emotion)
        steady, _ = select.steady(seen[seen["track"] == m.track], in_frames, walked.size)
        steady = steady[steady["frame"].between(m.first, m.last)]
        kept[m] = thin(steady, tracks, in_frames.per_run) if in_frames.per_run else steady
    return MovieMoments(movie, _alone(walk, folder.resolve(), stems), kept)


def _alone(walk: Manifest, folder: Path, taken: set[str]) -> Manifest:
    """Renames a walk's movie after its folder, so that crops of two movies have different names.

    Folders are unique within one archive. If those of two archives have the same name, a part of a
    hash is added.
    """
    named = replace(walk, movie=Path(f"{folder.name}.movie"))
    if crop_stem(named).casefold() in taken:
        digest = sha256(os.fsencode(folder)).hexdigest()[:8]
        named = replace(walk, movie=Path(f"{folder.name}-{digest}.movie"))
    taken.add(crop_stem(named).casefold())
    return named


def write_all(
    movies: Sequence[MovieMoments], folder: Path, margin: float
) -> tuple[int, list[MiningError]]:
    """Writes the crops of all movies into one folder with one crops.csv.

    The crops of an earlier search there are deleted.

    Args:
        movies: Returned by `films`.
        folder: Where to write.
        margin: Around the face on each side, as a share of the box.

    Returns:
        The number of crops, and an error for each movie that could not be cropped.

    Raises:
        OutputError: The folder cannot be written, or holds files that no search wrote.
    """
    _check_own(folder)
    failed: list[MiningError] = []
    with files.locked(folder, PLACE), _new_folder(folder) as name:
        lines: list[list[str]] = []
        for number, film in enumerate(movies):
            selections = [
                Selection(m.person, m.emotion, Path(name) / f"{number}-{n}", rows)
                for n, (m, rows) in enumerate(film.rows.items())
            ]
            try:
                write_crops(film.movie, film.walk, selections, margin)
            except OutputError:
                raise
            except MiningError as error:
                log.warning("%s", error)
                failed.append(error)
                continue
            lines += [line for selection in selections for line in _listed(selection.folder)]
        _replace(movies, folder, lines)
    return len(lines), failed


@contextmanager
def _new_folder(folder: Path) -> Iterator[str]:
    """A folder for new crops, within a locked one; removes those that killed searches left."""
    for path in folder.iterdir():
        if NEW_FOLDER.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
    with TemporaryDirectory(dir=folder, prefix=".new-") as name:
        yield name


def _check_own(folder: Path) -> None:
    """Refuses a folder that holds anything else, for example known faces or a movie's walk.

    Raises:
        OutputError: The folder is neither empty nor written by an earlier search.
    """
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    others = [name for name in names if not name.startswith((".", "sheet"))]
    if in_a_walk(folder / "crops.csv") or (others and "crops.csv" not in names):
        raise OutputError(
            f"{folder}: is not empty and was not written by an earlier search; choose a new folder "
            "with --pick"
        )


def _listed(folder: Path) -> Iterator[list[str]]:
    """Yields the lines of a folder's crops.csv, with the paths of the crops."""
    _, *rows = read_list(folder / "crops.csv")
    for row in rows:
        yield [str(folder / row[0]), *row[1:]]


def _replace(movies: Sequence[MovieMoments], folder: Path, lines: list[list[str]]) -> None:
    """Replaces the crops and the list of an earlier search by new ones."""
    if movies:
        delete_listed(folder, set())
    text = csv_text([CROP_COLUMNS, *([Path(path).name, *rest] for path, *rest in lines)])
    try:
        with files.replacing(folder / "crops.csv", PLACE) as file:
            file.write(text.encode())
        for path, *_ in lines:
            Path(path).replace(folder / Path(path).name)
    except OSError as error:
        raise OutputError(
            f"{folder}: the new crops cannot be moved here ({error.strerror}); "
            f"choose another {PLACE}"
        ) from error


# --- sheet --------------------------------------------------------------------------------------


def write_sheet(
    moments: Sequence[Moment], movies: Sequence[MovieMoments], folder: Path
) -> tuple[list[Path], list[MiningError]]:
    """Writes sheet.jpg, or sheet-1.jpg and so on, with a line for each moment in the given order.

    Args:
        moments: Returned by `search.search`.
        movies: Returned by `films`.
        folder: Where to write; sheets that are there already are deleted.

    Returns:
        The sheets, and an error for each movie that is not on them.

    Raises:
        OutputError: The sheets cannot be written.
    """
    faces: dict[Moment, list[Image]] = {}
    failed: list[MiningError] = []
    for film in movies:
        try:
            for moment, face in _strips(film):
                faces.setdefault(moment, []).append(face)
        except MiningError as error:
            log.warning("%s", error)
            failed.append(error)
    lines = [
        SheetLine((str(n), *_words(m)), tuple(faces[m]))
        for n, m in enumerate(moments, 1)
        if m in faces
    ]
    with files.locked(folder, PLACE):
        line_sheets("1 moment" if len(lines) == 1 else f"{len(lines)} moments", lines, folder)
    return sorted(folder.glob("sheet*.jpg")), failed


def _words(moment: Moment) -> tuple[str, ...]:
    """The words to the left of a moment's faces."""
    return (
        Path(moment.entry.facts.movie).stem,
        f"{moment.person}, {moment.emotion}",
        f"{clock(moment.start)}  track {moment.track}",
        f"{moment.look_sure * 100:.0f}% sure  {moment.length} frames",
    )


def _strips(film: MovieMoments) -> Iterator[tuple[Moment, Image]]:
    """Yields a few faces of each moment of a movie, those of one moment in order of time."""
    rows: list[Any] = []
    owners: list[Moment] = []  # The moment of each row.
    for moment, kept in film.rows.items():
        positions = np.unique(np.linspace(0, max(0, len(kept) - 1), STRIP).round().astype(int))
        rows += kept.sort_values("frame").iloc[positions[: len(kept)]].itertuples()
        owners += [moment] * (len(rows) - len(owners))
    for i, face in cut(film.movie, film.walk, rows, SHEET_MARGIN):
        yield owners[i], shrink(face, CELL_SIDE)
