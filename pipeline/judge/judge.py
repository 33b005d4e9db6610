"""Judging on one page: measures the filters on labelled movies."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import files
from pipeline.disk import faces_csv
from pipeline.disk import manifest as manifests
from pipeline.disk.text_table import csv_text
from pipeline.errors import TableError
from pipeline.judge.plot import write_curve
from pipeline.judge.score import (
    ENOUGH,
    NO_TRACK,
    POOLED,
    JudgedMovie,
    Score,
    read_truth,
    recommended,
    scores,
)
from pipeline.review.labels import TRACK_COLUMN, WALK_COLUMN
from pipeline.settings import PickSettings

log = logging.getLogger(__name__)

WIDE = 0.2
"""A 95 % interval of precision that is wider says little: settings differ by less."""

SCORE_ROW = "{:>8} {:>7} {:>5} {:>9} {:>7} {:>6}  {:22} {:22} {:>6}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """How good many settings are on labelled movies.

    Attributes:
        scores: Every setting, for each emotion and for all of them pooled.
        recommended: The setting that fits best, or None if none can be told.
        advice: The same in words, and whether more labels are needed.
        files: The table and the plot that were written.
    """

    scores: list[Score]
    recommended: Score | None
    advice: str
    files: tuple[Path, Path]


def judge(folders: Sequence[Path], truth: Path, settings: PickSettings) -> Judgement:
    """Compares walks with labels; writes judge.csv and judge.png.

    Args:
        folders: The folders of the movies.
        truth: The file of labels.
        settings: The smoothing and the gates that are compared with none.

    Raises:
        TableError: A file is missing or damaged, the labels are of another walk, or no row is
            labelled.
        OutputError: A file cannot be written.
    """
    folders = manifests.unique(folders)
    every_score = every_setting(folders, truth, settings)
    output = folders[0] if len(folders) == 1 else folders[0].parent
    names = [f.name for f in fields(Score)]
    text = csv_text([names, *(_rounded(score).values() for score in every_score)])
    with files.replacing(output / "judge.csv") as file:
        file.write(text.encode())
    write_curve(every_score, output / "judge.png")
    written = output / "judge.csv", output / "judge.png"
    return Judgement(every_score, recommended(every_score), advice(every_score), written)


def lines(judgement: Judgement) -> Iterator[str]:
    """The lines of a table of the pooled scores, and the advice."""
    yield SCORE_ROW.format(
        "repeat", "smooth", "sure", "min-prob", "faces", "runs", "precision", "recall", "yield"
    )
    for score in judgement.scores:
        if score.emotion == POOLED:
            yield _line(score)
    yield judgement.advice


def every_setting(folders: Sequence[Path], truth: Path, settings: PickSettings) -> list[Score]:
    """Compares walks with labels, see `judge`, and writes nothing."""
    labels = read_truth(truth)
    walks = [manifests.read(folder) for folder in folders]
    labels = _of_these_walks(labels, {walk.fingerprint for walk in walks}, truth)
    movies = [
        JudgedMovie(faces_csv.read_faces(folder / "faces.csv"), walk.settings.every)
        for folder, walk in zip(folders, walks, strict=True)
    ]
    _warn_of_strangers(movies, labels)
    return list(scores(movies, labels, settings))


def advice(every_score: Sequence[Score]) -> str:
    """Says which setting fits the labels best, why, and whether more labels are needed."""
    best = recommended(every_score)
    if best is None:
        return (
            f"No setting can be recommended: none picks {ENOUGH} or more labelled faces, and some "
            "of them rightly; label more faces."
        )
    options = f"--repeat {best.repeat} --smooth {best.smooth} --sure {best.sure:g}"
    options += f" --min-prob {best.min_prob:g}" if best.min_prob else ""
    wide = best.precision_high - best.precision_low > WIDE
    warning = (
        f"There are few labels yet (the share below could be {best.precision_low:.0%} to "
        f"{best.precision_high:.0%}): label more faces before you rely on this. "
    )
    return (
        f"{warning if wide else ''}Recommended here: {options}. Of {best.picked} labelled faces "
        f"that it picks, {best.precision:.0%} are right, and it picks {best.recall:.0%} of those "
        "that are labelled with an emotion: no other setting has a better balance of both, in "
        "which wrong crops weigh twice as much as missed ones."
    )


def _of_these_walks(labels: pd.DataFrame, walks: set[str], truth: Path) -> pd.DataFrame:
    """Gives the labels without those of other walks, whose track numbers mean other faces.

    Raises:
        TableError: There are labels of other walks, and none of these.
    """
    foreign = ~labels[WALK_COLUMN].isin({"", *walks})
    if foreign.any() and not labels[WALK_COLUMN].isin(walks).any():
        raise TableError(
            f"{truth}: its labels are from another walk than those given; draw a new sample, pick "
            "again, or give the folder of that walk"
        )
    if foreign.any():
        n = int(foreign.sum())
        skipped = "1 label of another walk is" if n == 1 else f"{n} labels of other walks are"
        log.warning("%s: %s skipped", truth, skipped)
    return labels[~foreign]


def _warn_of_strangers(movies: Sequence[JudgedMovie], labels: pd.DataFrame) -> None:
    """Warns of labels for people whom no face is named after: most of them will not count."""
    named = {str(name) for movie in movies for name in movie.rows["person"].unique()}
    clips = {str(clip) for movie in movies for clip in movie.rows["video"].unique()}
    clips |= {Path(clip).stem for clip in clips}
    # Labels with a track need no name; "-" labels frames without a person.
    by_name = labels[labels["clip"].isin(clips) & (labels[TRACK_COLUMN] == NO_TRACK)]
    strangers = sorted(set(by_name["person"]) - named - {"-"})
    if strangers:
        log.warning(
            "no face in these movies is named %s; these labels count only where an unknown person "
            "is alone in the frame. Use the same names in known_faces/ and in the labels",
            " or ".join(strangers),
        )


def _line(score: Score) -> str:
    return SCORE_ROW.format(
        score.repeat,
        score.smooth,
        f"{score.sure:g}",
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
