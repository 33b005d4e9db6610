"""Compares what would be picked with labels: precision, recall and yield for many settings."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.disk.faces_csv import LARGEST_WHOLE
from pipeline.disk.text_table import cells_of, text_of
from pipeline.errors import TableError
from pipeline.faces import EMOTIONS, NO_EMOTION
from pipeline.pick import select
from pipeline.review.labels import TRACK_COLUMN, TRUTH, WALK_COLUMN
from pipeline.settings import AUTO, JOIN, PickSettings, Smoothing, is_look

REPEATS = (1, 2, 5, 8, 10, 15, 25)
MEAN = 5
"""Frames of the moving mean that is compared with the other ways to smooth."""

DRAWS, BLOCK = 1000, 50
EMOTION_NAMES = np.array(EMOTIONS, dtype=object)
POOLED = "all"
NO_TRACK = -1

ENOUGH = 20
"""Picked faces with a label from which a setting can be recommended: fewer tell nothing."""

LONGEST_HEADER = 60
"""The most characters of a wrong first row that a message shows."""

WHOLE_AS_DECIMAL = re.compile(r"[.,]0+$")
"""What some spreadsheets write after whole numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedMovie:
    """One movie's rows, and the source frames from one analysed frame to the next (`stride`)."""

    rows: pd.DataFrame
    stride: int


@dataclass(frozen=True, slots=True)
class Score:
    """How good one setting is for one emotion, or for all of them pooled.

    Attributes:
        emotion: One of `EMOTIONS`, or `POOLED`.
        repeat: `--repeat`, in source frames.
        smooth: `--smooth`; 1 is no smoothing.
        sure: `--sure`; 0 is no gate.
        min_prob: `--min-prob`; 0 is no gate.
        picked: Picked faces that are labelled.
        runs: The runs that contain them.
        precision: Share of them with the label of their emotion; NaN if none is picked.
        precision_low: 2.5 % quantile over resampled runs, or NaN.
        precision_high: 97.5 % quantile, or NaN.
        recall: Share of the faces labelled with the emotion that are picked; NaN if there is none.
        recall_low: 2.5 % quantile over resampled labelled stretches, or NaN.
        recall_high: 97.5 % quantile, or NaN.
        kept: The yield: picked faces as a share of those picked without `repeat`, smoothing and
            gates; NaN if there are none.
    """

    emotion: str
    repeat: int
    smooth: Smoothing
    sure: float
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

    @property
    def f_half(self) -> float:
        """Precision and recall in one number, 0 to 1, in which precision counts twice as much.

        A wrong crop has to be found and thrown away; of right ones there are more than enough.

        Source: van Rijsbergen, Information Retrieval, 2nd edition 1979, chapter 7; beta = 1/2.
        """
        if isnan(self.precision) or isnan(self.recall) or not self.precision + self.recall:
            return 0.0
        return 1.25 * self.precision * self.recall / (0.25 * self.precision + self.recall)


def read_truth(path: Path) -> pd.DataFrame:
    """Reads labels: `clip, person, first, last, emotion`, frames inclusive; or a filled-in sample.

    A column `track`, as in a sample, tells two faces of one frame apart. Lines that begin with #,
    rows without an emotion or with a class of several, and other columns are ignored.

    The emotion `none` is for crops that the review rejected without saying what they look like.
    Every pick of such a face is wrong: it counts in precision, but in no recall. It also counts as
    wrong if the network, with other settings, calls the face something else, although nobody has
    judged that.

    Columns may be separated by commas, semicolons or tabs, and be named in capitals.

    Raises:
        TableError: The file is missing or is no table of labels, or it has a wrong value.
    """
    wanted = f"wanted {', '.join(TRUTH)}"
    try:
        rows = cells_of(text_of(path, wanted, by_hand=True), by_hand=True)
    except csv.Error as error:
        raise TableError(f"{path}: not a table ({error}); {wanted}") from error
    header = [name.strip().lower() for name in rows[0][1]] if rows else []
    missing = sorted(set(TRUTH) - set(header))
    if missing:
        columns = "column" if len(missing) == 1 else "columns"
        found = ", ".join(header)[:LONGEST_HEADER]
        raise TableError(
            f"{path}: missing {columns} {', '.join(missing)}; add them to the first row, "
            f"which is {found!r}"
        )
    place = header.index("emotion")
    labels = [
        # A row that is cut short is an error.
        _labelled(path, line, dict(zip(header, row, strict=False)))
        for line, row in rows[1:]
        if len(row) <= place or _says(row[place].strip().lower())
    ]
    return pd.DataFrame(labels, columns=[*TRUTH, TRACK_COLUMN, WALK_COLUMN])


def _says(emotion: str) -> bool:
    """Whether a cell is to be read: a class of emotions tells of no single one."""
    return emotion != "" and not (JOIN in emotion and is_look(emotion))


def whole_number(text: str) -> int:
    """Reads a whole number as a spreadsheet may have written it.

    Raises:
        ValueError: It is none.

    >>> whole_number(" 12"), whole_number("12,00")
    (12, 12)
    """
    return int(WHOLE_AS_DECIMAL.sub("", text.strip()))


def _labelled(path: Path, line: int, row: dict[str, str]) -> dict[str, object]:
    row = {name: row.get(name, "").strip() for name in (*TRUTH, TRACK_COLUMN, WALK_COLUMN)}
    emotion = row["emotion"].lower()
    if emotion not in (*EMOTIONS, NO_EMOTION):
        raise TableError(f"{path}, line {line}: {emotion!r} is not one of {', '.join(EMOTIONS)}")
    try:
        first, last, track = (
            whole_number(row[name] or default)
            for name, default in (("first", ""), ("last", ""), (TRACK_COLUMN, str(NO_TRACK)))
        )
    except ValueError as error:
        raise TableError(
            f"{path}, line {line}: first, last and track must be whole numbers; found "
            f"{row['first']!r}, {row['last']!r} and {row[TRACK_COLUMN]!r}"
        ) from error
    if not 0 <= first <= LARGEST_WHOLE or not 0 <= last <= LARGEST_WHOLE:
        raise TableError(f"{path}, line {line}: first and last must be frame numbers from 0")
    if first > last:
        raise TableError(f"{path}, line {line}: first ({first}) is after last ({last})")
    return {**row, "first": first, "last": last, "emotion": emotion, TRACK_COLUMN: track}


def label(rows: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Adds the label and the labelled stretch of each row: `truth` ("" for none) and `stretch`.

    A label applies to the rows of its clip, its frames, and its track, or its person if it has no
    track. It also applies to a face without a name if that face is the only one in the frame and
    the label the only one of the frame. Of several labels for one face the last one counts; `none`
    counts only if there is no other.

    Args:
        rows: The rows of one movie.
        truth: The labels from `read_truth`.
    """
    labels_of_rows = np.full(len(rows), "", dtype=object)
    stretch = np.full(len(rows), -1, np.int64)
    frame = rows["frame"].to_numpy()
    name = str(rows["video"].iloc[0]) if len(rows) else ""
    mine = truth[truth["clip"].isin({name, Path(name).stem})]
    # Later labels overwrite earlier ones below, so `none` goes first.
    mine = pd.concat([mine[mine["emotion"] == NO_EMOTION], mine[mine["emotion"] != NO_EMOTION]])
    first, last = (np.sort(mine[end].to_numpy(np.int64)) for end in ("first", "last"))
    n_labels = np.searchsorted(first, frame, "right") - np.searchsorted(last, frame, "left")
    alone = ~rows.duplicated("frame", keep=False).to_numpy() & (n_labels == 1)
    person, track = rows["person"].to_numpy(), rows[TRACK_COLUMN].to_numpy()
    for number, row in zip(mine.index, mine.to_dict("records"), strict=True):
        here = (frame >= row["first"]) & (frame <= row["last"])
        if row[TRACK_COLUMN] == NO_TRACK:
            here &= (person == row["person"]) | (alone & (person == ""))
        else:
            here &= track == row[TRACK_COLUMN]
        labels_of_rows[here], stretch[here] = row["emotion"], number
    return rows.assign(truth=labels_of_rows, stretch=stretch)


def scores(
    movies: Sequence[JudgedMovie], truth: pd.DataFrame, base: PickSettings
) -> Iterator[Score]:
    """Scores each of `REPEATS` for each of `compared`.

    Args:
        movies: The walked movies.
        truth: The labels from `read_truth`.
        base: The settings to compare.

    Yields:
        A score for each emotion, then one for all of them, for each of these settings.

    Raises:
        TableError: No row of the movies is labelled.
    """
    labelled = [JudgedMovie(label(m.rows, truth), m.stride) for m in movies]
    if not any((m.rows["stretch"] >= 0).any() for m in labelled):
        if len(truth) == 0:
            raise TableError(
                f"there are no labels: fill in the column emotion with one of {', '.join(EMOTIONS)}"
            )
        clips = ", ".join(sorted(set(truth["clip"]))) or "nothing"
        raise TableError(
            f"no face of these movies has a label: the labels are for {clips}; check their "
            "columns clip, person, first and last"
        )
    faces = pd.concat([m.rows.loc[m.rows["stretch"] >= 0, ["stretch", "truth"]] for m in labelled])
    ways = compared(base)
    unfiltered = _picked(labelled, replace(ways[0], repeat=1))
    for way in ways:
        for repeat in REPEATS:
            settings = replace(way, repeat=repeat)
            picked = _picked(labelled, settings)
            for emotion in (*EMOTIONS, POOLED):
                yield _score(emotion, settings, picked, unfiltered, faces)


def compared(base: PickSettings) -> list[PickSettings]:
    """The settings that are compared: no smoothing, the mean, `auto`, and `base` with its gates.

    >>> [(s.smooth, s.sure) for s in compared(PickSettings(sure=0.7))]
    [(1, 0.0), (5, 0.0), ('auto', 0.0), ('auto', 0.7)]
    """
    open_ = replace(base, sure=0.0, min_prob=0.0)
    smooth = dict.fromkeys((1, MEAN, AUTO, base.smooth))
    return list(dict.fromkeys([*(replace(open_, smooth=way) for way in smooth), base]))


def recommended(every_score: Sequence[Score]) -> Score | None:
    """The setting with the best `f_half` over all emotions.

    Of equals it is the usual one, or else the one that keeps most.

    Returns:
        One of the pooled scores; None if none picks `ENOUGH` labelled faces, and some rightly.
    """
    pooled = [s for s in every_score if s.emotion == POOLED and s.picked >= ENOUGH and s.f_half > 0]
    usual = PickSettings()

    def worth(score: Score) -> tuple[float, bool, float]:
        own = score.repeat, score.smooth, score.sure
        as_ever = own == (usual.repeat, usual.smooth, usual.sure)
        return round(score.f_half, 3), as_ever, score.kept

    return max(pooled, key=worth, default=None)


def _picked(movies: Sequence[JudgedMovie], settings: PickSettings) -> pd.DataFrame:
    """Gives the labelled rows that the settings keep, with runs numbered over all movies."""
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
    unfiltered: pd.DataFrame,
    faces: pd.DataFrame,
) -> Score:
    """Scores the picked rows against those picked without filters and all labelled faces."""
    wanted = range(len(EMOTIONS)) if emotion == POOLED else [EMOTIONS.index(emotion)]
    mine = picked[picked["label"].isin(wanted)]
    right = (EMOTION_NAMES[mine["label"].to_numpy()] == mine["truth"].to_numpy()).astype(np.int64)
    truth = faces.loc[faces["truth"].isin(EMOTION_NAMES[list(wanted)]), "stretch"].to_numpy()
    stretches, sizes = np.unique(truth, return_counts=True)
    hits = np.searchsorted(stretches, mine["stretch"].to_numpy()[right > 0])
    hits_of_stretch = np.bincount(hits, minlength=len(stretches))
    _, run, lengths = np.unique(mine["run"].to_numpy(), return_inverse=True, return_counts=True)
    hits_of_run = np.bincount(run, right, minlength=len(lengths))
    n_unfiltered = int(unfiltered["label"].isin(wanted).sum())
    return Score(
        emotion, settings.repeat, settings.smooth, settings.sure, settings.min_prob,
        len(mine), len(lengths),
        *_ratio(hits_of_run, lengths), *_ratio(hits_of_stretch, sizes),
        len(mine) / n_unfiltered if n_unfiltered else float("nan"),
    )  # fmt: skip


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> tuple[float, float, float]:
    """Sum over sum, with a 95 % interval from resampling the entries (runs), not the frames.

    Neighbouring frames are not independent samples. Gives NaN if the sum of `whole` is 0.

    Source: Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 1979.
    """
    if whole.sum() == 0:
        return (float("nan"),) * 3
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(DRAWS // BLOCK):  # In blocks: all at once would need too much memory.
        drawn = rng.integers(0, len(whole), (BLOCK, len(whole)))
        ratios.append(part[drawn].sum(axis=1) / whole[drawn].sum(axis=1))
    low, high = np.quantile(np.concatenate(ratios), [0.025, 0.975])
    ratio = float(part.sum() / whole.sum())
    return ratio, min(ratio, float(low)), max(ratio, float(high))
