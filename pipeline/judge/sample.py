"""sample.csv: faces of a movie to label by hand, in a spreadsheet or on the page Label."""

import shlex
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd

from pipeline import files
from pipeline.disk import faces_csv
from pipeline.disk import manifest as manifests
from pipeline.disk.text_table import Stamp, cells_of, csv_text, file_stamp, text_of
from pipeline.errors import MovieError, OutputError, TableError
from pipeline.faces import BOX, EMOTIONS, Image
from pipeline.judge.score import read_truth
from pipeline.report.crops import cut
from pipeline.report.sheet import write_sample_sheet
from pipeline.review.labels import TRACK_COLUMN, TRUTH, WALK_COLUMN

SAMPLE = "sample.csv"
FACE_NUMBER = "number"
SAMPLE_COLUMNS = (FACE_NUMBER, *TRUTH, TRACK_COLUMN, WALK_COLUMN)

MOST_SAMPLED = 1000
"""Faces in a sample at most: more than anybody labels by hand."""

LABELLED_MARGIN = 0.3
"""Around a face to label, as a share of its box."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The faces to label of a movie.

    Attributes:
        folder: The movie's folder.
        rows: The cells of sample.csv as text, with `SAMPLE_COLUMNS` at least.
    """

    folder: Path
    rows: pd.DataFrame

    @property
    def labelled(self) -> int:
        """The number of faces with a label."""
        return int((self.rows["emotion"] != "").sum())


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
        write_sample_sheet(movie, walk, drawn, folder / "sample.jpg")
    path = folder / SAMPLE
    return (
        f"Look at {folder / 'sample.jpg'} and fill in the column emotion of {path}: one of "
        f"{', '.join(EMOTIONS)}, or nothing where you cannot tell; or press a key for each face "
        "on the page Review of `mine-video web`. "
        f"Then run: {shlex.join(['mine-video', 'judge', str(folder), '--truth', str(path)])}"
    )


def draw_sample(folder: Path, count: int) -> pd.DataFrame:
    """Writes sample.csv with faces that nobody has labelled yet.

    Args:
        folder: The folder of a movie.
        count: The number of faces, see `spread_sample`.

    Returns:
        The rows of the faces, in order of time.

    Raises:
        MiningError: The walk is missing or damaged, or there are labels already.
    """
    path = folder / SAMPLE
    if path.exists() and len(read_truth(path)):
        raise OutputError(
            f"{path}: holds labels already; use them with --truth {path}, or move the file away"
        )
    walk = manifests.read(folder)
    drawn = spread_sample(faces_csv.read_faces(folder / "faces.csv"), count)
    lines: list[list[object]] = [[*SAMPLE_COLUMNS]]
    for number, row in enumerate(drawn.itertuples(), 1):
        label = [row.video, row.person, row.frame, row.frame, "", row.track]
        lines.append([number, *label, walk.fingerprint])
    with files.locked(folder, patience=files.LOCK_PATIENCE), files.replacing(path) as file:
        file.write(csv_text(lines).encode())
    return drawn


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
    read_truth(path)  # Names the line of a wrong value.
    (_, header), *lines = cells_of(text_of(path, "draw a new sample", by_hand=True), by_hand=True)
    names = [name.strip().lower() for name in header]
    missing = sorted(set(SAMPLE_COLUMNS) - set(names))
    if missing:
        raise TableError(f"{path}: missing {', '.join(missing)}; move it away and draw a new one")
    cells = [dict(zip(names, row, strict=False)) for _, row in lines]
    rows = pd.DataFrame(cells, columns=names, dtype="str").fillna("")
    return Sample(folder, rows.assign(emotion=rows["emotion"].str.strip().str.lower()))


def label_face(folder: Path, number: str, emotion: str) -> Sample:
    """Writes how a face of the sample looks.

    Args:
        folder: The folder of a movie.
        number: The face's number in sample.csv.
        emotion: One of `EMOTIONS`, or "" for a face that nobody can tell.

    Raises:
        KeyError: There is no such face.
        TableError: sample.csv is damaged.
        OutputError: It cannot be written.
    """
    with files.locked(folder, patience=files.LOCK_PATIENCE):
        sample = read_sample(folder)
        if sample is None or number not in set(sample.rows[FACE_NUMBER]):
            raise KeyError(number)
        rows = sample.rows.copy()
        rows.loc[rows[FACE_NUMBER] == number, "emotion"] = emotion
        with files.replacing(folder / SAMPLE) as file:
            file.write(csv_text([[*rows.columns], *rows.to_numpy().tolist()]).encode())
    return Sample(folder, rows)


def sampled_face(sample: Sample, number: str) -> Image:
    """Cuts a face of the sample out of the movie.

    Raises:
        KeyError: There is no such face in the sample, or in the walk.
        MovieError: The movie is not where it was walked, or the frame does not decode.
        TableError: The walk is missing or damaged.
    """
    walk = manifests.read(sample.folder)
    movie = manifests.movie_of(walk, None)
    chosen = sample.rows[sample.rows[FACE_NUMBER] == number]
    if chosen.empty:
        raise KeyError(number)
    frame, track = (int(chosen[name].iloc[0]) for name in ("first", TRACK_COLUMN))
    boxes = _boxes(sample.folder, file_stamp(sample.folder / "faces.csv"))
    face = boxes.loc[[(frame, track)]].reset_index()
    for _, image in cut(movie, walk, list(face.itertuples()), LABELLED_MARGIN):
        return image
    raise MovieError(f"{movie}: frame {frame} does not decode")


@lru_cache(maxsize=1)
def _boxes(folder: Path, _: Stamp) -> pd.DataFrame:
    """The boxes of a walk by frame and track."""
    rows = faces_csv.read_faces(folder / "faces.csv")
    return rows.set_index(["frame", TRACK_COLUMN])[list(BOX)]
