"""Writes the crops of picked faces, each with its provenance, and crops.csv beside them."""

import csv
import io
import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import piexif
import piexif.helper
from PIL import Image as Pillow

from pipeline import __version__, video
from pipeline.crops import portrait
from pipeline.errors import OutputError
from pipeline.faces import EMOTIONS, Image, Ints
from pipeline.manifest import Manifest, safe_name
from pipeline.table import replacing

log = logging.getLogger(__name__)

QUALITY = 95
BOX = ("x1", "y1", "x2", "y2")
COLUMNS = (
    "file", "video", "frame", "time", "shot", "track", "run", "run_length", "position",
    "person", "distance", "emotion", "probability", *BOX, "sharpness", "line",
)  # fmt: skip
NAME = re.compile(r".*_f\d{7,}_t\d{2,}-\d{2}-\d{2}\.\d{3}_k\d{2,}_[a-z]+\d{2,3}\.jpg")
"""What a crop's name looks like: nothing else is ever deleted."""

UNSAFE = re.compile(r"[\\\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, bytes of a file name that are no text, and what is a separator elsewhere."""

SKIP_FRAMES = 50
"""Frames without a crop that are rather jumped over than decoded."""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The picked rows of one person and emotion, and the folder of their crops."""

    person: str
    emotion: str
    folder: Path
    rows: pd.DataFrame


def crop_stem(walk: Manifest) -> str:
    """What the names of a movie's crops begin with: its own, without what no list could hold."""
    return UNSAFE.sub("_", safe_name(walk.movie.stem))


def crop_name(stem: str, row: Any) -> str:
    """A crop's file name: movie, frame, time, track, emotion and its probability in percent.

    >>> from types import SimpleNamespace
    >>> row = SimpleNamespace(frame=1234, time=51.48, track=7, label=3, probability=0.931)
    >>> crop_name("movie", row)
    'movie_f0001234_t00-00-51.480_k07_happy93.jpg'
    """
    share = round(float(row.probability) * 100)
    return f"{place_name(stem, row)}_{EMOTIONS[int(row.label)]}{share:02d}.jpg"


def place_name(stem: str, row: Any) -> str:
    """Where a face was seen, as the beginning of a file's name: movie, frame, time, track."""
    milliseconds = max(0, round(row.time * 1000))
    seconds, rest = divmod(milliseconds, 1000)
    clock = f"{seconds // 3600:02d}-{seconds // 60 % 60:02d}-{seconds % 60:02d}.{rest:03d}"
    return f"{stem}_f{int(row.frame):07d}_t{clock}_k{int(row.track):02d}"


def write_crops(
    movie: Path,
    walk: Manifest,
    selections: list[Selection],
    margin: float,
    tell: Callable[[Path], None] = lambda _: None,
) -> None:
    """Replaces the crops of each selection; decodes each needed stretch of the movie once.

    Where it is ended early, each crops.csv lists the crops that lie there.

    Args:
        movie: Where the movie is now.
        walk: Its manifest.
        selections: What to crop.
        margin: Around the face on each side, as a share of the box.
        tell: Told of each crop that is written; what it raises ends it.

    Raises:
        MovieError: The movie cannot be read.
        OutputError: A crop cannot be written.
    """
    jobs: list[tuple[Path, Any, Selection]] = []
    listed: list[tuple[Selection, list[Path]]] = []
    try:
        for selection in selections:
            paths = _begin(selection, crop_stem(walk))
            listed.append((selection, paths))
            rows = selection.rows.itertuples()
            jobs += [(path, row, selection) for path, row in zip(paths, rows, strict=True)]
        for i, face in cut(movie, walk, [row for _, row, _ in jobs], margin):
            path, row, selection = jobs[i]
            _save(path, face, _provenance(row, selection, walk))
            tell(path)
    finally:
        for selection, paths in listed:
            _leave_out_missing(selection, paths)


def _begin(selection: Selection, stem: str) -> list[Path]:
    """Deletes the crops that are not made again, and lists those that will be: gives their paths.

    Listed first, so that no crop lies there that a list has not.
    """
    names = [crop_name(stem, row) for row in selection.rows.itertuples()]
    _clear(selection.folder, set(names))
    _write_list(selection, names)
    return [selection.folder / name for name in names]


def _leave_out_missing(selection: Selection, crops: list[Path]) -> None:
    """Lists only the crops that lie there."""
    there = np.array([path.is_file() for path in crops], bool)
    if not there.all():
        names = [path.name for path, is_there in zip(crops, there, strict=True) if is_there]
        _write_list(replace(selection, rows=selection.rows[there]), names)


def cut(
    movie: Path, walk: Manifest, rows: Sequence[Any], margin: float
) -> Iterator[tuple[int, Image]]:
    """Cuts faces out of the movie, in order of their frames.

    Args:
        movie: Where the movie is now.
        walk: Its manifest.
        rows: With `frame`, `x1`, `y1`, `x2`, `y2`.
        margin: Around the face on each side, as a share of the box.

    Yields:
        The position in `rows` and the face; nothing for frames that do not decode.

    Raises:
        MovieError: The movie cannot be read.
    """
    wanted: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        wanted.setdefault(int(row.frame), []).append(i)
    for first, stop in _stretches(sorted(wanted), walk.scan.key_frames):
        for frame in video.decode(movie, walk.scan, first, stop):
            for i in wanted.pop(frame.index, []):
                box = np.array([getattr(rows[i], side) for side in BOX], np.float32)
                yield i, portrait(frame.image, box, margin)
    if wanted:
        log.warning("%s: %d frames did not decode; faces there are left out", movie, len(wanted))


def _stretches(frames: list[int], keys: Ints) -> Iterator[tuple[int, int]]:
    """Ranges to decode: a new one where a key frame lies in a long gap."""
    start = 0
    for i in range(1, len(frames) + 1):
        if i < len(frames):
            key = int(keys[np.searchsorted(keys, frames[i], side="right") - 1])
            if key - frames[i - 1] <= SKIP_FRAMES:
                continue
        yield frames[start], frames[i - 1] + 1
        start = i


def _clear(folder: Path, names: set[str]) -> None:
    """Deletes the crops of an earlier pick that are not made again; no other file.

    Raises:
        OutputError: One cannot be deleted.
    """
    try:
        text = (folder / "crops.csv").read_text(encoding="utf-8")
        for row in csv.reader(io.StringIO(text)):
            own = row and NAME.fullmatch(row[0]) and Path(row[0]).name == row[0]
            if own and row[0] not in names:
                (folder / row[0]).unlink(missing_ok=True)
    except (FileNotFoundError, UnicodeDecodeError, csv.Error):
        return
    except OSError as error:
        raise OutputError(
            f"{error.filename}: an earlier crop or their list is in the way ({error.strerror}); "
            "delete it"
        ) from error


def _write_list(selection: Selection, names: list[str]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    rows = selection.rows.assign(file=names, emotion=selection.emotion)
    if "line" not in rows:
        rows["line"] = ""
    for column, digits in (("time", 6), ("distance", 4), ("probability", 4)):
        rows[column] = rows[column].astype("float64").round(digits)
    for column in (*BOX, "sharpness"):
        rows[column] = rows[column].astype("float64").round(1)
    writer.writerows(
        ["" if pd.isna(value) else value for value in row]
        for row in rows[list(COLUMNS)].itertuples(index=False)
    )
    with replacing(selection.folder / "crops.csv") as file:
        file.write(text.getvalue().encode())


def _provenance(row: Any, selection: Selection, walk: Manifest) -> dict[str, Any]:
    return {
        "movie": row.video,
        "frame": int(row.frame),
        "time": round(float(row.time), 6),
        "box": [round(float(getattr(row, side)), 1) for side in BOX],
        "track": int(row.track),
        "person": row.person or None,
        "distance": None if pd.isna(row.distance) else round(float(row.distance), 4),
        "emotion": selection.emotion,
        "smoothed": round(float(row.probability), 4),
        "probabilities": {e: round(float(getattr(row, e)), 5) for e in EMOTIONS},
        "models": walk.models,
        "version": __version__,
    }


def _save(path: Path, face: Image, provenance: dict[str, Any]) -> None:
    with replacing(path) as file:
        file.write(jpeg(face, provenance))


def jpeg(face: Image, provenance: dict[str, Any]) -> bytes:
    """A crop as JPEG, with what it says of itself as JSON in its EXIF UserComment."""
    # piexif, because Pillow writes UserComment with a type that other readers refuse.
    comment = piexif.helper.UserComment.dump(json.dumps(provenance, ensure_ascii=False), "unicode")
    exif = piexif.dump({"Exif": {piexif.ExifIFD.UserComment: comment}})
    file = io.BytesIO()
    Pillow.fromarray(face).save(file, "JPEG", quality=QUALITY, exif=exif)
    return file.getvalue()


def read_provenance(path: Path) -> dict[str, Any]:
    """What a crop says of itself: movie, frame, time, box, person, probabilities, models.

    Raises:
        ValueError: The picture holds no such comment.
        OSError: It cannot be read.
    """
    comment = piexif.load(str(path))["Exif"].get(piexif.ExifIFD.UserComment, b"")
    found: dict[str, Any] = json.loads(piexif.helper.UserComment.load(comment))
    return found
