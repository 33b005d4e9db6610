"""sample.csv: faces of a movie to label by hand, in a spreadsheet or on the page Label."""

import hashlib
import logging
import shlex
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import pandas as pd

from pipeline import files
from pipeline.disk import faces_csv
from pipeline.disk import manifest as manifests
from pipeline.disk.manifest import Manifest
from pipeline.disk.text_table import Stamp, cells_of, csv_text, file_stamp, text_of
from pipeline.errors import MovieError, OutputError, TableError
from pipeline.faces import BOX, EMOTIONS, Image
from pipeline.judge.score import read_truth, whole_number
from pipeline.report.crops import cut
from pipeline.report.sheet import write_sample_sheet
from pipeline.review.labels import TRACK_COLUMN, TRUTH, WALK_COLUMN

log = logging.getLogger(__name__)

SAMPLE, SAMPLE_SHEET = "sample.csv", "sample.jpg"
FACE_NUMBER = "number"
SAMPLE_COLUMNS = (FACE_NUMBER, *TRUTH, TRACK_COLUMN, WALK_COLUMN)

MOST_SAMPLED = 1000
"""Faces in a sample at most: more than anybody labels by hand."""

LABELLED_MARGIN = 0.3
"""Around a face to label, as a share of its box."""


@dataclass(frozen=True, slots=True)
class SampledFace:
    """A face to label.

    Attributes:
        number: Its number in sample.csv.
        frame: Its frame.
        track: Its track.
        walk: Fingerprint of the walk that numbered the track; "" if a spreadsheet lost it.
        emotion: How somebody said that it looks; "" if nobody has.
    """

    number: str
    frame: int
    track: int
    walk: str
    emotion: str


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The faces to label of a movie, and all else in sample.csv, which is kept as it is.

    Attributes:
        folder: The movie's folder.
        faces: The faces, in order of time.
        header: The names of the columns.
        cells: The cells of each face's row.
        comments: The lines that begin with #.
    """

    folder: Path
    faces: tuple[SampledFace, ...]
    header: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    comments: tuple[str, ...]

    @property
    def labelled(self) -> int:
        """The number of faces with a label."""
        return sum(face.emotion != "" for face in self.faces)

    @property
    def version(self) -> str:
        """A hash of which faces there are; another draw has another."""
        drawn = [(face.number, face.frame, face.track, face.walk) for face in self.faces]
        return hashlib.sha256(repr(drawn).encode()).hexdigest()[:16]

    def is_of(self, walk: Manifest) -> bool:
        """Whether the faces are of this walk: tracks of another mean other faces."""
        return {face.walk for face in self.faces} <= {"", walk.fingerprint}

    def face(self, number: str) -> SampledFace:
        """The face of a number.

        Raises:
            KeyError: There is none.
        """
        return {face.number: face for face in self.faces}[number]


def write_sample(
    folder: Path, count: int, moved: Path | None = None, *, allow_remote: bool = False
) -> str:
    """Writes sample.csv, to be filled in, and sample.jpg, which shows the numbered faces.

    Neither shows the network's answer, so that it does not influence the labels.

    Args:
        folder: The folder of a movie.
        count: The number of faces, see `spread_sample`.
        moved: Where the movie is now, if it has moved since it was walked.
        allow_remote: Whether to connect to where walk.json says that the movie is.

    Returns:
        Instructions for the user.

    Raises:
        MiningError: The walk or the movie is missing, or there are labels already.
    """
    walk = manifests.read(folder)
    movie = manifests.movie_of(walk, moved, allow_remote=allow_remote)
    drawn = draw_sample(folder, count)
    with files.locked(folder, patience=files.LOCK_PATIENCE):
        write_sample_sheet(movie, walk, drawn, folder / SAMPLE_SHEET)
    path = folder / SAMPLE
    return (
        f"Look at {folder / SAMPLE_SHEET} and fill in the column emotion of {path}: one of "
        f"{', '.join(EMOTIONS)}, or nothing where you cannot tell; or press a key for each face "
        "in `mine-video web`, where the page Review leads to Label. "
        f"Then run: {shlex.join(['mine-video', 'judge', str(folder), '--truth', str(path)])}"
    )


def draw_sample(folder: Path, count: int) -> pd.DataFrame:
    """Writes sample.csv with faces that nobody has labelled yet.

    Labels of an earlier walk are kept, in a file of another name.

    Args:
        folder: The folder of a movie.
        count: The number of faces, see `spread_sample`.

    Returns:
        The rows of the faces, in order of time.

    Raises:
        MiningError: The walk is missing or damaged, or there are labels already.
    """
    path, walk = folder / SAMPLE, manifests.read(folder)
    drawn = spread_sample(faces_csv.read_faces(folder / "faces.csv"), count)
    lines: list[list[object]] = [[*SAMPLE_COLUMNS]]
    for number, row in enumerate(drawn.itertuples(), 1):
        label = [row.video, row.person, row.frame, row.frame, "", row.track]
        lines.append([number, *label, walk.fingerprint])
    with files.locked(folder, patience=files.LOCK_PATIENCE):
        if path.exists() and len(read_truth(path)):
            _set_aside(path, walk)
        with files.replacing(path) as file:
            file.write(csv_text(lines).encode())
    return drawn


def _set_aside(path: Path, walk: Manifest) -> None:
    """Renames labels of an earlier walk.

    Raises:
        OutputError: They are of this walk.
    """
    sample = read_sample(path.parent)
    if sample is None or sample.is_of(walk):
        raise OutputError(
            f"{path}: holds labels already; use them with --truth {path}, or move the file away"
        )
    names = (path.with_name(f"sample.old{n}.csv") for n in ("", *map(str, range(2, 1000))))
    aside = next(name for name in names if not name.exists())
    path.replace(aside)
    log.warning("%s: its labels are of an earlier walk; it is called %s now", path, aside.name)


def spread_sample(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """Draws faces at random, spread over people and tracks.

    Each person, "" among them, is drawn from in turn, and so is each track of a person. Drawn from
    all faces alike, a sample would show the leading actor's longest scene again and again.

    Args:
        rows: The rows of a movie, with `frame`, `track` and `person`.
        count: The number of faces; all of them if there are fewer.

    Returns:
        The drawn rows, in order of time; the same for the same rows and count.
    """
    shuffled = rows[["frame", TRACK_COLUMN, "person"]].sample(frac=1, random_state=0)
    turn = shuffled.groupby(TRACK_COLUMN, sort=False).cumcount()
    by_track = shuffled.loc[turn.sort_values(kind="stable").index]
    turn = by_track.groupby("person", sort=False).cumcount()
    drawn = turn.sort_values(kind="stable").index[:count]
    return rows.loc[drawn].sort_values(["frame", TRACK_COLUMN])


def read_sample(folder: Path) -> Sample | None:
    """Reads sample.csv, whoever saved it; None if there is none.

    Raises:
        TableError: It is damaged, or lacks a column.
    """
    path = folder / SAMPLE
    if not path.exists():
        return None
    read_truth(path)  # Names the line of a wrong label.
    text = text_of(path, "draw a new sample", by_hand=True)
    (_, header), *lines = cells_of(text, by_hand=True)
    names = [name.strip().lower() for name in header]
    missing = sorted(set(SAMPLE_COLUMNS) - set(names))
    if missing:
        raise TableError(f"{path}: missing {', '.join(missing)}; move it away and draw a new one")
    faces = [
        _sampled_face(path, line, dict(zip(names, [*row, *[""] * len(names)], strict=False)))
        for line, row in lines
    ]
    return Sample(
        folder,
        faces=tuple(faces),
        header=tuple(header),
        cells=tuple(tuple(row) for _, row in lines),
        comments=tuple(line for line in text.splitlines() if line.startswith("#")),
    )


def _sampled_face(path: Path, line: int, row: dict[str, str]) -> SampledFace:
    try:
        frame, track = whole_number(row["first"]), whole_number(row[TRACK_COLUMN])
    except ValueError as error:
        raise TableError(
            f"{path}, line {line}: first and track must be whole numbers; correct them, or move "
            "the file away and draw a new sample"
        ) from error
    emotion = row["emotion"].strip().lower()
    return SampledFace(row[FACE_NUMBER].strip(), frame, track, row[WALK_COLUMN].strip(), emotion)


def label_face(folder: Path, version: str, number: str, emotion: str) -> Sample:
    """Writes how a face of the sample looks.

    Args:
        folder: The folder of a movie.
        version: `Sample.version` of the sample that showed the face.
        number: The face's number in sample.csv.
        emotion: One of `EMOTIONS`, or "" for a face that nobody can tell.

    Raises:
        KeyError: There is no such face, or other faces were drawn since.
        TableError: sample.csv is damaged.
        OutputError: It cannot be written.
    """
    with files.locked(folder, patience=files.LOCK_PATIENCE):
        sample = read_sample(folder)
        if sample is None or sample.version != version:
            raise KeyError(number)
        place = sample.faces.index(sample.face(number))
        column = [name.strip().lower() for name in sample.header].index("emotion")
        row = [*sample.cells[place], *[""] * len(sample.header)]
        row = row[: max(len(sample.cells[place]), column + 1)]
        row[column] = emotion
        cells = (*sample.cells[:place], tuple(row), *sample.cells[place + 1 :])
        text = "".join(f"{line}\n" for line in sample.comments)
        with files.replacing(folder / SAMPLE) as file:
            file.write((text + csv_text([sample.header, *cells])).encode())
        labelled = replace(sample.faces[place], emotion=emotion)
    faces = (*sample.faces[:place], labelled, *sample.faces[place + 1 :])
    return replace(sample, faces=faces, cells=cells)


def sampled_face(sample: Sample, number: str) -> Image:
    """Cuts a face of the sample out of the movie.

    Raises:
        KeyError: There is no such face in the sample, or in the walk.
        MovieError: The movie is not where it was walked, or the frame does not decode.
        TableError: The walk is missing or damaged.
    """
    walk, face = manifests.read(sample.folder), sample.face(number)
    movie = manifests.movie_of(walk, None)
    if not sample.is_of(walk):
        raise KeyError(number)
    boxes = _boxes(sample.folder, file_stamp(sample.folder / "faces.csv"))
    row = boxes.loc[[(face.frame, face.track)]].reset_index()
    for _, image in cut(movie, walk, list(row.itertuples()), LABELLED_MARGIN):
        return image
    raise MovieError(f"{movie}: frame {face.frame} does not decode")


@lru_cache(maxsize=1)
def _boxes(folder: Path, _: Stamp) -> pd.DataFrame:
    """The boxes of a walk by frame and track."""
    rows = faces_csv.read_faces(folder / "faces.csv")
    return rows.set_index(["frame", TRACK_COLUMN])[list(BOX)]
