"""Judging on one page: what the filters are worth on movies that somebody labelled."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from pipeline import manifest as manifests
from pipeline import table
from pipeline.errors import OutputError
from pipeline.pick.judge import POOLED, TRACK, TRUTH, Score, Walked, read_truth, scores
from pipeline.report.curve import write_curve
from pipeline.report.sheet import write_sample_sheet
from pipeline.settings import PickSettings

LINE = "{:>8} {:>7} {:>9} {:>7} {:>6}  {:22} {:22} {:>6}"


def judge(folders: Sequence[Path], truth: Path, settings: PickSettings) -> Iterator[str]:
    """Holds the walks against the labels; writes judge.csv and judge.png.

    Args:
        folders: Of the movies.
        truth: The labels.
        settings: The smoothing and the least probability that are compared with none.

    Yields:
        The lines of a table, and the names of the files.

    Raises:
        TableError: A file is missing or torn, or no row is labelled.
        OutputError: A file cannot be written.
    """
    movies = [_walked(folder) for folder in folders]
    found = list(scores(movies, read_truth(truth), settings, settings.min_prob))
    yield LINE.format(
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
    with table.replacing(place / "judge.csv") as file:
        file.write(text.getvalue().encode())
    write_curve(found, place / "judge.png")
    yield str(place / "judge.csv")
    yield str(place / "judge.png")


def _walked(folder: Path) -> Walked:
    walk = manifests.read(folder)
    return Walked(table.read_faces(folder / "faces.csv"), walk.settings.every)


def _line(score: Score) -> str:
    return LINE.format(
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


def write_sample(folder: Path, count: int) -> str:
    """Writes sample.csv, to be filled in, and sample.jpg, which shows the numbered faces.

    The network's answer stands in neither, so that it leads nobody.

    Args:
        folder: A movie's.
        count: How many faces, drawn at random from all.

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
    movie = manifests.movie_of(walk, None)
    rows = table.read_faces(folder / "faces.csv")
    drawn = rows.sample(min(count, len(rows)), random_state=0).sort_values(["frame", TRACK])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["number", *TRUTH, TRACK])
    for number, row in enumerate(drawn.itertuples(), 1):
        writer.writerow([number, row.video, row.person, row.frame, row.frame, "", row.track])
    write_sample_sheet(movie, walk, drawn, folder / "sample.jpg")
    with table.replacing(path) as file:
        file.write(text.getvalue().encode())
    return (
        f"{folder / 'sample.jpg'}: write what you see into the column emotion of {path}, "
        f"then: mine-video judge {folder} --truth {path}"
    )
