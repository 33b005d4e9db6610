"""Crops and a contact sheet of moments out of many movies, in one folder."""

import csv
import io
import logging
import os
from collections.abc import Iterator, Sequence
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
from pipeline.disk.crops_csv import CROP_COLUMNS
from pipeline.disk.find import in_a_walk
from pipeline.disk.manifest import Manifest
from pipeline.disk.walked import finished
from pipeline.errors import MiningError, OutputError
from pipeline.faces import Image, clock
from pipeline.movie.frame import shrink
from pipeline.pick import select
from pipeline.pick.thin import thin
from pipeline.report.crops import Selection, cut, write_crops
from pipeline.report.sheet import THUMB_SIDE, SheetLine, line_sheets
from pipeline.review import labels, match
from pipeline.settings import PickSettings

log = logging.getLogger(__name__)

STRIP = 6
"""Faces of each moment on the sheet, evenly spread over it."""

PLACE = "folder with --sheet or --pick"
"""What to choose another of, where nothing can be written."""

SHEET_MARGIN = 0.3
"""Around the faces of a sheet, as a share of the box."""


@dataclass(frozen=True, slots=True, eq=False)
class MovieMoments:
    """One movie of which something was found.

    Attributes:
        movie: where it is.
        walk: its manifest, with a movie's name that no other film here has.
        rows: `select.steadied` rows of each moment that are kept.
    """

    movie: Path
    walk: Manifest
    rows: dict[Moment, pd.DataFrame]


def films(
    moments: Sequence[Moment], settings: PickSettings
) -> tuple[list[MovieMoments], list[MiningError]]:
    """The movies of moments with the rows to crop, by the very functions that `pick` uses.

    Args:
        moments: Of `search.search`.
        settings: Those of the search, and how many faces of each run to keep.

    Returns:
        The movies, and why others are missing: gone, changed, or torn since the search.
    """
    of: dict[Path, list[Moment]] = {}
    for moment in moments:
        of.setdefault(moment.entry.folder, []).append(moment)
    found: list[MovieMoments] = []
    failed: list[MiningError] = []
    stems: set[str] = set()
    for folder, own in of.items():
        try:
            found.append(_film(folder, own, settings, stems))
        except MiningError as error:
            log.warning("%s", error)
            failed.append(error)
    return found, failed


def _film(
    folder: Path, moments: list[Moment], settings: PickSettings, stems: set[str]
) -> MovieMoments:
    walked = finished(folder)
    walk, tracks = walked.manifest, walked.tracks
    movie = manifests.movie_of(walk, None)
    asked = settings.at(walk.scan.stream.rate)
    rows = match.applied(walked.rows, labels.read_labels(folder))
    rows = select.steadied(rows, walked.stride, asked)
    kept = {}
    for m in moments:
        seen = select.wanted(rows, m.person, m.emotion)
        steady, _ = select.steady(seen[seen["track"] == m.track], asked, walked.size)
        steady = steady[steady["frame"].between(m.first, m.last)]
        kept[m] = thin(steady, tracks, asked.per_run) if asked.per_run else steady
    return MovieMoments(movie, _alone(walk, folder.resolve(), stems), kept)


def _alone(walk: Manifest, folder: Path, taken: set[str]) -> Manifest:
    """The walk under the name of its folder, which no other of its archive has.

    Folders of several archives may be called the same; those get a part of a hash.
    """
    named = replace(walk, movie=Path(f"{folder.name}.movie"))
    if crop_stem(named).casefold() in taken:
        digest = sha256(os.fsencode(folder)).hexdigest()[:8]
        named = replace(walk, movie=Path(f"{folder.name}-{digest}.movie"))
    taken.add(crop_stem(named).casefold())
    return named


def write_all(
    found: Sequence[MovieMoments], folder: Path, margin: float
) -> tuple[int, list[MiningError]]:
    """Writes the crops of all films into one folder, with one crops.csv; an earlier search's go.

    Args:
        found: Of `films`.
        folder: Where to.
        margin: Around the face on each side, as a share of the box.

    Returns:
        How many crops, and why some movies gave none.

    Raises:
        OutputError: Nothing can be written there, or what lies there is not an earlier search's.
    """
    _check_own(folder)
    failed: list[MiningError] = []
    with files.locked(folder, PLACE), TemporaryDirectory(dir=folder, prefix=".new-") as name:
        lines: list[list[str]] = []
        for number, film in enumerate(found):
            places = [
                Selection(m.person, m.emotion, Path(name) / f"{number}-{n}", rows)
                for n, (m, rows) in enumerate(film.rows.items())
            ]
            try:
                write_crops(film.movie, film.walk, places, margin)
            except OutputError:
                raise
            except MiningError as error:
                log.warning("%s", error)
                failed.append(error)
                continue
            lines += [line for place in places for line in _listed(place.folder)]
        _replace(found, folder, Path(name), lines)
    return len(lines), failed


def _check_own(folder: Path) -> None:
    """Refuses a folder that holds something else, as the known faces, or a movie's walk.

    Raises:
        OutputError: It does.
    """
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    others = [name for name in names if not name.startswith((".", "sheet"))]
    if in_a_walk(folder / "crops.csv") or (others and "crops.csv" not in names):
        raise OutputError(
            f"{folder}: is not empty, nor of an earlier search; name a new folder for the crops"
        )


def _listed(folder: Path) -> Iterator[list[str]]:
    with (folder / "crops.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for row in rows:
            yield [str(folder / row[0]), *row[1:]]


def _replace(
    found: Sequence[MovieMoments], folder: Path, staged: Path, lines: list[list[str]]
) -> None:
    """Puts new crops and their list in the place of those of an earlier search."""
    for film in found[:1]:  # With nothing to crop it removes those that the list there names.
        nothing = next(iter(film.rows.values())).iloc[:0]
        write_crops(film.movie, film.walk, [Selection("", "", folder, nothing)], 0)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CROP_COLUMNS)
    writer.writerows([Path(path).name, *rest] for path, *rest in lines)
    try:
        with files.replacing(folder / "crops.csv", PLACE) as file:
            file.write(text.getvalue().encode())
        for path, *_ in lines:
            Path(path).replace(folder / Path(path).name)
    except OSError as error:
        raise OutputError(f"{staged}: cannot be moved to {folder} ({error.strerror})") from error


# --- sheet --------------------------------------------------------------------------------------


def write_sheet(
    moments: Sequence[Moment], found: Sequence[MovieMoments], folder: Path
) -> tuple[list[Path], list[MiningError]]:
    """Writes sheet.jpg, or sheet-1.jpg and so on: a line for each moment, in the order given.

    Args:
        moments: Of `search.search`.
        found: Of `films`.
        folder: Where to; sheets that lie there are deleted.

    Returns:
        The sheets, and why some movies are not on them.

    Raises:
        OutputError: They cannot be written.
    """
    faces: dict[Moment, list[Image]] = {}
    failed: list[MiningError] = []
    for film in found:
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
        line_sheets(f"{len(lines)} moments", lines, folder)
    return sorted(folder.glob("sheet*.jpg")), failed


def _words(moment: Moment) -> tuple[str, ...]:
    return (
        Path(moment.entry.facts.movie).stem,
        f"{moment.person}, {moment.emotion}",
        f"{clock(moment.start)}  track {moment.track}",
        f"{moment.probability * 100:.0f}%  {moment.length} frames",
    )


def _strips(film: MovieMoments) -> Iterator[tuple[Moment, Image]]:
    """A few faces of each moment of a movie, those of one moment in order of time."""
    rows: list[Any] = []
    of: list[Moment] = []
    for moment, kept in film.rows.items():
        places = np.unique(np.linspace(0, max(0, len(kept) - 1), STRIP).round().astype(int))
        rows += kept.sort_values("frame").iloc[places[: len(kept)]].itertuples()
        of += [moment] * (len(rows) - len(of))
    for i, face in cut(film.movie, film.walk, rows, SHEET_MARGIN):
        yield of[i], shrink(face, THUMB_SIDE)
