"""Judging on one page: what the filters are worth on movies that somebody labelled."""

import csv
import io
import logging
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import files
from pipeline.disk import faces_csv
from pipeline.disk import manifest as manifests
from pipeline.errors import OutputError, TableError
from pipeline.faces import EMOTIONS
from pipeline.judge.plot import write_curve
from pipeline.judge.score import (
    NO_TRACK,
    POOLED,
    JudgedMovie,
    Score,
    read_truth,
    scores,
)
from pipeline.report.sheet import write_sample_sheet
from pipeline.review.labels import TRACK_COLUMN, TRUTH, WALK_COLUMN
from pipeline.settings import PickSettings

log = logging.getLogger(__name__)

SCORE_ROW = "{:>8} {:>7} {:>9} {:>7} {:>6}  {:22} {:22} {:>6}"


def judge(folders: Sequence[Path], truth: Path, settings: PickSettings) -> Iterator[str]:
    """Holds the walks against the labels; writes judge.csv and judge.png.

    Args:
        folders: Of the movies.
        truth: The labels.
        settings: The smoothing and the least probability that are compared with none.

    Yields:
        The lines of a table, and the names of the files.

    Raises:
        TableError: A file is missing or torn, a sample of another walk, or no row is labelled.
        OutputError: A file cannot be written.
    """
    folders, labels = manifests.unique(folders), read_truth(truth)
    walks = [manifests.read(folder) for folder in folders]
    labels = _of_these_walks(labels, {walk.fingerprint for walk in walks}, truth)
    movies = [
        JudgedMovie(faces_csv.read_faces(folder / "faces.csv"), walk.settings.every)
        for folder, walk in zip(folders, walks, strict=True)
    ]
    _warn_of_strangers(movies, labels)
    found = list(scores(movies, labels, settings, settings.min_prob))
    yield SCORE_ROW.format(
        "repeat", "smooth", "min-prob", "faces", "runs", "precision", "recall", "yield"
    )
    for score in found:
        if score.emotion == POOLED:
            yield _line(score)
    place = folders[0] if len(folders) == 1 else folders[0].parent
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in fields(Score)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rounded(score) for score in found)
    with files.replacing(place / "judge.csv") as file:
        file.write(text.getvalue().encode())
    write_curve(found, place / "judge.png")
    yield str(place / "judge.csv")
    yield str(place / "judge.png")


def _of_these_walks(labels: pd.DataFrame, walks: set[str], truth: Path) -> pd.DataFrame:
    """The labels without those of another walk, whose track numbers mean other faces.

    Raises:
        TableError: They are of another walk, all that tell one.
    """
    foreign = ~labels[WALK_COLUMN].isin({"", *walks})
    if foreign.any() and not labels[WALK_COLUMN].isin(walks).any():
        raise TableError(
            f"{truth}: was drawn from another walk than those given; "
            "draw a new sample, pick again, or give the walk that it is of"
        )
    if foreign.any():
        log.warning("%s: %d labels are of another walk, passed over", truth, foreign.sum())
    return labels[~foreign]


def _warn_of_strangers(movies: Sequence[JudgedMovie], labels: pd.DataFrame) -> None:
    """Says whose labels may be lost because the movies know nobody of that name."""
    named = {str(name) for movie in movies for name in movie.rows["person"].unique()}
    clips = {str(clip) for movie in movies for clip in movie.rows["video"].unique()}
    clips |= {Path(clip).stem for clip in clips}
    own = labels[labels["clip"].isin(clips) & (labels[TRACK_COLUMN] == NO_TRACK)]
    strange = sorted(set(own["person"]) - named - {"-"})
    if strange:
        log.warning(
            "%s: nobody is called so in these movies; their labels count only where somebody "
            "unknown is alone in the frame (known_faces/ must name them as the truth does)",
            ", ".join(strange),
        )


def _line(score: Score) -> str:
    return SCORE_ROW.format(
        score.repeat,
        score.smooth,
        f"{score.min_prob:g}",
        score.picked,
        score.runs,
        f"{score.precision:.3f} ({score.precision_low:.3f}-{score.precision_high:.3f})",
        f"{score.recall:.3f} ({score.recall_low:.3f}-{score.recall_high:.3f})",
        f"{score.kept:.3f}",
    )


def _rounded(score: Score) -> dict[str, object]:
    return {
        name: ("" if np.isnan(value) else round(value, 4)) if isinstance(value, float) else value
        for name, value in asdict(score).items()
    }


def write_sample(folder: Path, count: int, moved: Path | None = None) -> str:
    """Writes sample.csv, to be filled in, and sample.jpg, which shows the numbered faces.

    The network's answer stands in neither, so that it leads nobody.

    Args:
        folder: A movie's.
        count: How many faces, drawn at random from all.
        moved: Where the movie is, if not where it was walked.

    Returns:
        What to do with them.

    Raises:
        MiningError: The walk or the movie is missing, or there are labels already.
    """
    path = folder / "sample.csv"
    if path.exists() and len(read_truth(path)):
        raise OutputError(
            f"{path}: holds labels already; judge with --truth {path}, or move it away"
        )
    walk = manifests.read(folder)
    movie = manifests.movie_of(walk, moved)
    rows = faces_csv.read_faces(folder / "faces.csv")
    drawn = rows.sample(min(count, len(rows)), random_state=0).sort_values(["frame", TRACK_COLUMN])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["number", *TRUTH, TRACK_COLUMN, WALK_COLUMN])
    for number, row in enumerate(drawn.itertuples(), 1):
        place = [row.video, row.person, row.frame, row.frame, "", row.track]
        writer.writerow([number, *place, walk.fingerprint])
    write_sample_sheet(movie, walk, drawn, folder / "sample.jpg")
    with files.replacing(path) as file:
        file.write(text.getvalue().encode())
    return (
        f"{folder / 'sample.jpg'}: write what you see into the column emotion of {path}, one of "
        f"{', '.join(EMOTIONS)}, or nothing where you cannot tell; "
        f"then: {shlex.join(['mine-video', 'judge', str(folder), '--truth', str(path)])}"
    )
