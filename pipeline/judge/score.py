"""Holds what would be picked against labels: precision, recall and yield for many settings."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.disk.faces_csv import LARGEST_WHOLE
from pipeline.errors import TableError
from pipeline.faces import EMOTIONS, NO_EMOTION
from pipeline.pick import select
from pipeline.review.labels import TRACK_COLUMN, TRUTH, WALK_COLUMN
from pipeline.settings import PickSettings

REPEATS = (1, 2, 5, 8, 10, 15, 25)
DRAWS, BLOCK = 1000, 50
EMOTION_NAMES = np.array(EMOTIONS, dtype=object)
POOLED = "all"
NO_TRACK = -1


@dataclass(frozen=True, slots=True, eq=False)
class JudgedMovie:
    """One movie's rows, and how far apart neighbouring ones are."""

    rows: pd.DataFrame
    stride: int


@dataclass(frozen=True, slots=True)
class Score:
    """How good one setting is for one emotion, or for all of them pooled.

    Attributes:
        emotion: one of `EMOTIONS`, or `POOLED`.
        repeat: source frames.
        smooth: frames of the moving mean, 1 is none.
        min_prob: least smoothed probability.
        picked: faces picked in labelled frames.
        runs: stretches they lie in.
        precision: share of those that are labelled with that emotion; NaN where none is picked.
        precision_low: 2.5 % quantile over resampled runs.
        precision_high: 97.5 % quantile.
        recall: share of the labelled faces of the emotion that are picked.
        recall_low: 2.5 % quantile over resampled labelled stretches.
        recall_high: 97.5 % quantile.
        kept: yield: faces picked, as a share of those picked without repeater, smoothing and gate.
    """

    emotion: str
    repeat: int
    smooth: int
    min_prob: float
    picked: int
    runs: int
    precision: float
    precision_low: float
    precision_high: float
    recall: float
    recall_low: float
    recall_high: float
    kept: float


def read_truth(path: Path) -> pd.DataFrame:
    """Reads labels: `clip, person, first, last, emotion`, frames inclusive; or a filled-in sample.

    A column `track`, as in a sample, tells two faces of one frame apart. Lines that begin with #
    and rows without an emotion are passed over, other columns ignored.

    The emotion `none`, of crops that were rejected without saying what they look like, is right for
    no pick and missed by none: it counts in precision, and in no recall. It counts as wrong too
    where the network calls the face something else with other settings, which nobody looked at.

    Spreadsheets may have put semicolons between the columns.

    Raises:
        TableError: The file is missing or foreign, or an emotion or a frame is none.
    """
    try:
        text = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"{path}: cannot be read ({error}); wanted {', '.join(TRUTH)}") from error
    numbered = [(n, line) for n, line in enumerate(text, 1) if line.strip() and line[0] != "#"]
    between = ";" if numbered and "," not in numbered[0][1] else ","
    reader = csv.DictReader((line for _, line in numbered), delimiter=between)
    try:
        missing = set(TRUTH) - set(reader.fieldnames or ())
        if missing:
            raise TableError(f"{path}: columns {', '.join(sorted(missing))} are missing; add them")
        rows = [_labelled(path, numbered[reader.line_num - 1][0], row) for row in reader]
    except csv.Error as error:
        raise TableError(f"{path}: not a table ({error}); wanted {', '.join(TRUTH)}") from error
    return pd.DataFrame(
        [r for r in rows if r["emotion"]], columns=[*TRUTH, TRACK_COLUMN, WALK_COLUMN]
    )


def _labelled(path: Path, line: int, row: dict[str, str]) -> dict[str, object]:
    row = {name: (row.get(name) or "").strip() for name in (*TRUTH, TRACK_COLUMN, WALK_COLUMN)}
    emotion = row["emotion"].lower()
    if emotion not in (*EMOTIONS, NO_EMOTION, ""):
        raise TableError(f"{path}, line {line}: {emotion!r} is none of {', '.join(EMOTIONS)}")
    try:
        first, last = int(row["first"]), int(row["last"])
        track = int(row[TRACK_COLUMN] or NO_TRACK)
    except ValueError as error:
        raise TableError(
            f"{path}, line {line}: first, last and track must be whole numbers"
        ) from error
    if not 0 <= first <= LARGEST_WHOLE or not 0 <= last <= LARGEST_WHOLE:
        raise TableError(f"{path}, line {line}: first and last must be frames from 0")
    if first > last:
        raise TableError(f"{path}, line {line}: first ({first}) lies after last ({last})")
    return {**row, "first": first, "last": last, "emotion": emotion, TRACK_COLUMN: track}


def label(rows: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Adds the label and the labelled stretch of each row: `truth` ("" for none) and `stretch`.

    A row is labelled by clip, frame, and track where the truth tells it, else person. Somebody the
    gallery does not name is labelled too where he is the only one in the frame, in the rows and in
    the truth. Of two labels for one face the one further down counts, `none` for want of others.

    Args:
        rows: Of one movie.
        truth: Of `read_truth`.
    """
    told = np.full(len(rows), "", dtype=object)
    stretch = np.full(len(rows), -1, np.int64)
    frame = rows["frame"].to_numpy()
    name = str(rows["video"].iloc[0]) if len(rows) else ""
    mine = truth[truth["clip"].isin({name, Path(name).stem})]
    mine = pd.concat([mine[mine["emotion"] == NO_EMOTION], mine[mine["emotion"] != NO_EMOTION]])
    first, last = (np.sort(mine[end].to_numpy(np.int64)) for end in ("first", "last"))
    labels = np.searchsorted(first, frame, "right") - np.searchsorted(last, frame, "left")
    alone = ~rows.duplicated("frame", keep=False).to_numpy() & (labels == 1)
    person, track = rows["person"].to_numpy(), rows[TRACK_COLUMN].to_numpy()
    for place, row in zip(mine.index, mine.to_dict("records"), strict=True):
        here = (frame >= row["first"]) & (frame <= row["last"])
        if row[TRACK_COLUMN] == NO_TRACK:
            here &= (person == row["person"]) | (alone & (person == ""))
        else:
            here &= track == row[TRACK_COLUMN]
        told[here], stretch[here] = row["emotion"], place
    return rows.assign(truth=told, stretch=stretch)


def scores(
    movies: Sequence[JudgedMovie], truth: pd.DataFrame, base: PickSettings, min_prob: float
) -> Iterator[Score]:
    """Judges every repeat, with and without smoothing and with a gate, per emotion and pooled.

    Args:
        movies: What was walked.
        truth: Of `read_truth`.
        base: `smooth` is the smoothing that is compared with none.
        min_prob: the gate that is compared with none.

    Raises:
        TableError: No row of the movies is labelled.
    """
    labelled = [JudgedMovie(label(m.rows, truth), m.stride) for m in movies]
    if not any((m.rows["stretch"] >= 0).any() for m in labelled):
        if len(truth) == 0:
            raise TableError(
                "no row is labelled: write what you see into the column emotion, one of "
                f"{', '.join(EMOTIONS)}"
            )
        clips = ", ".join(sorted(set(truth["clip"]))) or "nothing"
        raise TableError(
            f"no row is labelled: the truth labels {clips}; check clip, person, frames"
        )
    there = pd.concat([m.rows.loc[m.rows["stretch"] >= 0, ["stretch", "truth"]] for m in labelled])
    plain = replace(base, repeat=1, smooth=1, min_prob=0.0)
    whole = _picked(labelled, plain)
    for smooth, gate in dict.fromkeys(((1, 0.0), (base.smooth, 0.0), (base.smooth, min_prob))):
        for repeat in REPEATS:
            settings = replace(base, repeat=repeat, smooth=smooth, min_prob=gate)
            picked = _picked(labelled, settings)
            for emotion in (*EMOTIONS, POOLED):
                yield _score(emotion, settings, picked, whole, there)


def _picked(movies: Sequence[JudgedMovie], settings: PickSettings) -> pd.DataFrame:
    """All labelled rows that the settings keep, with runs numbered over all movies."""
    kept, runs = [], 0
    for movie in movies:
        rows, _ = select.steady(select.steadied(movie.rows, movie.stride, settings), settings)
        rows = rows[rows["stretch"] >= 0]
        kept.append(rows.assign(run=rows["run"] + runs))
        runs += int(rows["run"].max()) + 1 if len(rows) else 0
    return pd.concat(kept, ignore_index=True)


def _score(
    emotion: str,
    settings: PickSettings,
    picked: pd.DataFrame,
    whole: pd.DataFrame,
    there: pd.DataFrame,
) -> Score:
    """Scores rows: those picked, those picked without filters, and all that are labelled."""
    wanted = range(len(EMOTIONS)) if emotion == POOLED else [EMOTIONS.index(emotion)]
    mine = picked[picked["label"].isin(wanted)]
    right = (EMOTION_NAMES[mine["label"].to_numpy()] == mine["truth"].to_numpy()).astype(np.int64)
    truth = there.loc[there["truth"].isin(EMOTION_NAMES[list(wanted)]), "stretch"].to_numpy()
    stretches, sizes = np.unique(truth, return_counts=True)
    hits = np.searchsorted(stretches, mine["stretch"].to_numpy()[right > 0])
    found = np.bincount(hits, minlength=len(stretches))
    _, run, lengths = np.unique(mine["run"].to_numpy(), return_inverse=True, return_counts=True)
    hits_of_run = np.bincount(run, right, minlength=len(lengths))
    all_of_it = int(whole["label"].isin(wanted).sum())
    return Score(
        emotion, settings.repeat, settings.smooth, settings.min_prob, len(mine), len(lengths),
        *_ratio(hits_of_run, lengths), *_ratio(found, sizes),
        len(mine) / all_of_it if all_of_it else float("nan"),
    )  # fmt: skip


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> tuple[float, float, float]:
    """Sum over sum, with a 95 % interval from resampling the entries (runs), not the frames.

    Neighbouring frames are no independent samples. NaN where there is nothing.

    Source: Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 1979.
    """
    if whole.sum() == 0:
        return (float("nan"),) * 3
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(DRAWS // BLOCK):  # All at once, many runs would fill the memory.
        drawn = rng.integers(0, len(whole), (BLOCK, len(whole)))
        ratios.append(part[drawn].sum(axis=1) / whole[drawn].sum(axis=1))
    low, high = np.quantile(np.concatenate(ratios), [0.025, 0.975])
    ratio = float(part.sum() / whole.sum())
    return ratio, min(ratio, float(low)), max(ratio, float(high))
