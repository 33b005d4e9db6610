"""Writes the crops of picked faces with their provenance, and a crops.csv that lists them."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import __version__
from pipeline.crops import box_in_portrait, portrait
from pipeline.disk.crop_file import crop_jpeg, crop_name, crop_stem
from pipeline.disk.crop_xmp import crop_xmp
from pipeline.disk.crops_csv import delete_listed, write_crops_csv
from pipeline.disk.manifest import Manifest
from pipeline.disk.moments_csv import write_moments_csv
from pipeline.faces import BOX, EMOTIONS, Floats, Image, Ints
from pipeline.files import replacing
from pipeline.movie import decode
from pipeline.people.presence import durations
from pipeline.pick.moments import moments

log = logging.getLogger(__name__)

SKIP_FRAMES = 50
"""Frames between two crops that are still decoded; a longer gap is skipped by seeking."""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The picked rows of one person and emotion, and the folder for their crops."""

    person: str
    emotion: str
    folder: Path
    rows: pd.DataFrame


def write_crops(
    movie: Path,
    walk: Manifest,
    selections: list[Selection],
    margin: float,
    tell: Callable[[Path], None] = lambda _: None,
) -> list[pd.DataFrame]:
    """Replaces the crops of each selection; decodes each needed stretch of the movie once.

    If writing stops early, each crops.csv lists only the crops that exist.

    Args:
        movie: Where the movie is now.
        walk: Its manifest.
        selections: What to crop.
        margin: Around the face on each side, as a share of the box.
        tell: Called with the path of each crop after it is written. An exception that it raises
            stops the writing.

    Returns:
        The moments of each selection, see `pick.moments`, of the faces whose crops were written.

    Raises:
        MovieError: The movie cannot be read.
        OutputError: A crop cannot be written.
    """
    jobs: list[tuple[Path, Any, Selection]] = []
    listed: list[tuple[Selection, list[Path], pd.DataFrame]] = []
    try:
        for selection in selections:
            paths, found = _begin(selection, walk)
            listed.append((selection, paths, found))
            rows = selection.rows.itertuples()
            jobs += [(path, row, selection) for path, row in zip(paths, rows, strict=True)]
        for i, face in cut(movie, walk, [row for _, row, _ in jobs], margin):
            path, row, selection = jobs[i]
            _save(path, face, row, selection, walk)
            tell(path)
    finally:
        written = [_without_missing(*one, walk) for one in listed]
    return written


def _begin(selection: Selection, walk: Manifest) -> tuple[list[Path], pd.DataFrame]:
    """Deletes outdated crops and writes the lists; gives the paths of the crops, and moments."""
    names = [crop_name(crop_stem(walk), row) for row in selection.rows.itertuples()]
    gone = delete_listed(selection.folder, set(names))
    if gone and not names:
        log.info("%s: crops of an earlier pick removed: %d", selection.folder, gone)
    # Before the crops: a crop that no list names counts as the user's own and is never deleted.
    found = _list(selection, selection.rows, names, walk)
    return [selection.folder / name for name in names], found


def _without_missing(
    selection: Selection, crops: list[Path], found: pd.DataFrame, walk: Manifest
) -> pd.DataFrame:
    """Writes the lists again if crops do not exist; gives the moments of those that do."""
    exists = np.array([path.is_file() for path in crops], bool)
    if exists.all():
        return found
    names = [path.name for path, kept in zip(crops, exists, strict=True) if kept]
    return _list(selection, selection.rows[exists], names, walk)


def _list(
    selection: Selection, rows: pd.DataFrame, names: list[str], walk: Manifest
) -> pd.DataFrame:
    """Writes crops.csv and moments.csv; gives the moments."""
    write_crops_csv(selection.folder, selection.emotion, rows, names)
    seconds = durations(rows["frame"].to_numpy(), walk.scan.times, walk.settings.every)
    found = moments(rows, seconds)
    files = pd.Series(names, index=rows.index, dtype="str")
    write_moments_csv(selection.folder, selection.person, selection.emotion, found, files)
    return found


def cut(
    movie: Path, walk: Manifest, rows: Sequence[Any], margin: float
) -> Iterator[tuple[int, Image]]:
    """Cuts faces out of the movie, in the order of their frames.

    Args:
        movie: Where the movie is now.
        walk: Its manifest.
        rows: The faces, with `frame`, `x1`, `y1`, `x2`, `y2`.
        margin: Around the face on each side, as a share of the box.

    Yields:
        The position in `rows` and the face; frames that do not decode yield nothing.

    Raises:
        MovieError: The movie cannot be read.
    """
    for i, image in frames_of(movie, walk, rows):
        yield i, portrait(image, box_of(rows[i]), margin)


def frames_of(movie: Path, walk: Manifest, rows: Sequence[Any]) -> Iterator[tuple[int, Image]]:
    """The frames of faces, in their order; decodes each needed stretch of the movie once.

    Args:
        movie: Where the movie is now.
        walk: Its manifest.
        rows: The faces, with `frame`.

    Yields:
        The position in `rows` and its frame `(h, w, 3)`; frames that do not decode yield nothing.

    Raises:
        MovieError: The movie cannot be read.
    """
    by_frame: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        by_frame.setdefault(int(row.frame), []).append(i)
    for first, stop in _stretches(sorted(by_frame), walk.scan.key_frames):
        for frame in decode.decode_frames(movie, walk.scan, first, stop):
            for i in by_frame.pop(frame.index, []):
                yield i, frame.image
    if by_frame:
        frames = f"{len(by_frame)} frame" + ("s" if len(by_frame) > 1 else "")
        log.warning("%s: %s did not decode; faces there are skipped", movie, frames)


def _stretches(frames: list[int], keys: Ints) -> Iterator[tuple[int, int]]:
    """Yields ranges of frames to decode, first and one past the last.

    A new range begins where seeking to a key frame skips more than `SKIP_FRAMES` frames.
    """
    start = 0
    for i in range(1, len(frames) + 1):
        if i < len(frames):
            key = int(keys[np.searchsorted(keys, frames[i], side="right") - 1])
            if key - frames[i - 1] <= SKIP_FRAMES:
                continue
        yield frames[start], frames[i - 1] + 1
        start = i


def provenance(row: Any, emotion: str, walk: Manifest) -> dict[str, Any]:
    """Where a crop is from and what is known of its face, see `crop_file.read_provenance`."""
    return {
        "movie": row.video,
        "frame": int(row.frame),
        "time": round(float(row.time), 6),
        "box": [round(float(getattr(row, side)), 1) for side in BOX],
        "track": int(row.track),
        "person": row.person or None,
        "distance": None if pd.isna(row.distance) else round(float(row.distance), 4),
        "emotion": emotion,
        "look_sure": round(float(row.look_sure), 4),
        "probability": round(float(row.probability), 4),
        "probabilities": {e: round(float(getattr(row, e)), 5) for e in EMOTIONS},
        "models": walk.models,
        "walk": walk.fingerprint,
        "version": __version__,
    }


def _save(path: Path, face: Image, row: Any, selection: Selection, walk: Manifest) -> None:
    box = box_in_portrait(box_of(row), face, walk.scan.stream.size)
    xmp = crop_xmp(row.person, selection.emotion, box, (face.shape[1], face.shape[0]))
    with replacing(path) as file:
        file.write(crop_jpeg(face, provenance(row, selection.emotion, walk), xmp))


def box_of(row: Any) -> Floats:
    """The box of a row, `(4,)`."""
    return np.array([getattr(row, side) for side in BOX], np.float32)
