"""Holds what would be picked against labels: precision, recall and yield for many settings."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import TableError
from pipeline.faces import EMOTIONS
from pipeline.pick import select
from pipeline.settings import PickSettings

REPEATS = (1, 2, 5, 8, 10, 15, 25)
RESAMPLES = 1000
POOLED = "all"
TRUTH = ("clip", "person", "first", "last", "emotion")


@dataclass(frozen=True, slots=True, eq=False)
class Walked:
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

    Lines that begin with # and rows without an emotion are passed over, other columns ignored.

    Raises:
        TableError: The file is missing or foreign, or an emotion or a frame is none.
    """
    try:
        text = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"{path}: cannot be read ({error}); wanted {', '.join(TRUTH)}") from error
    numbered = [(n, line) for n, line in enumerate(text, 1) if line.strip() and line[0] != "#"]
    reader = csv.DictReader(line for _, line in numbered)
    missing = set(TRUTH) - set(reader.fieldnames or ())
    if missing:
        raise TableError(f"{path}: columns {', '.join(sorted(missing))} are missing; add them")
    rows = [_labelled(path, numbered[i + 1][0], row) for i, row in enumerate(reader)]
    return pd.DataFrame([r for r in rows if r["emotion"]], columns=list(TRUTH))


def _labelled(path: Path, line: int, row: dict[str, str]) -> dict[str, object]:
    emotion = (row["emotion"] or "").strip().lower()
    if emotion not in (*EMOTIONS, ""):
        raise TableError(f"{path}, line {line}: {emotion!r} is none of {', '.join(EMOTIONS)}")
    try:
        first, last = int(row["first"]), int(row["last"])
    except (TypeError, ValueError) as error:
        raise TableError(f"{path}, line {line}: first and last must be frame numbers") from error
    who = {k: row[k] for k in ("clip", "person")}
    return {**who, "first": first, "last": last, "emotion": emotion}


def label(rows: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Adds the label and the labelled stretch of each row: `truth` ("" for none) and `stretch`.

    A row is labelled by clip, person and frame. Somebody the gallery does not name is labelled too
    where he is the only one in the frame, in the rows and in the truth.

    Args:
        rows: Of one movie.
        truth: Of `read_truth`.
    """
    told = np.full(len(rows), "", dtype=object)
    stretch = np.full(len(rows), -1, np.int64)
    frame = rows["frame"].to_numpy()
    name = str(rows["video"].iloc[0]) if len(rows) else ""
    mine = truth[truth["clip"].isin({name, Path(name).stem})]
    alone = ~rows.duplicated("frame", keep=False).to_numpy()
    for place, stretch_row in zip(mine.index, mine.itertuples(), strict=True):
        inside = (frame >= int(str(stretch_row.first))) & (frame <= int(str(stretch_row.last)))
        others = mine[(mine["first"] <= stretch_row.last) & (mine["last"] >= stretch_row.first)]
        single = alone & (rows["person"] == "").to_numpy() & (len(others) == 1)
        here = inside & ((rows["person"] == stretch_row.person).to_numpy() | single)
        told[here], stretch[here] = stretch_row.emotion, place
    return rows.assign(truth=told, stretch=stretch)


def scores(
    movies: Sequence[Walked], truth: pd.DataFrame, base: PickSettings, min_prob: float
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
    labelled = [Walked(label(m.rows, truth), m.stride) for m in movies]
    if not any((m.rows["stretch"] >= 0).any() for m in labelled):
        clips = ", ".join(sorted(set(truth["clip"]))) or "nothing"
        raise TableError(
            f"no row is labelled: the truth labels {clips}; check clip, person, frames"
        )
    plain = replace(base, repeat=1, smooth=1, min_prob=0.0)
    whole = _picked(labelled, plain)
    for smooth, gate in ((1, 0.0), (base.smooth, 0.0), (base.smooth, min_prob)):
        for repeat in REPEATS:
            settings = replace(base, repeat=repeat, smooth=smooth, min_prob=gate)
            picked = _picked(labelled, settings)
            for emotion in (*EMOTIONS, POOLED):
                yield _score(emotion, settings, picked, whole, labelled)


def _picked(movies: Sequence[Walked], settings: PickSettings) -> pd.DataFrame:
    """All labelled rows that the settings keep, with runs numbered over all movies."""
    kept, runs = [], 0
    for movie in movies:
        rows = select.steady(select.steadied(movie.rows, movie.stride, settings), settings)
        rows = rows[rows["stretch"] >= 0]
        kept.append(rows.assign(run=rows["run"] + runs))
        runs += int(rows["run"].max()) + 1 if len(rows) else 0
    return pd.concat(kept, ignore_index=True)


def _score(
    emotion: str,
    settings: PickSettings,
    picked: pd.DataFrame,
    whole: pd.DataFrame,
    movies: Sequence[Walked],
) -> Score:
    wanted = range(len(EMOTIONS)) if emotion == POOLED else [EMOTIONS.index(emotion)]
    mine = picked[picked["label"].isin(wanted)]
    names = np.array(EMOTIONS, dtype=object)
    right = (names[mine["label"].to_numpy()] == mine["truth"].to_numpy()).astype(float)
    there = pd.concat([m.rows.loc[m.rows["stretch"] >= 0, ["stretch", "truth"]] for m in movies])
    there = there[there["truth"].isin([EMOTIONS[i] for i in wanted])]
    found = (
        mine["stretch"][right > 0].value_counts().reindex(there["stretch"].unique(), fill_value=0)
    )
    sizes = there["stretch"].value_counts().reindex(found.index)
    by_run = (
        pd.DataFrame({"run": mine["run"], "right": right})
        .groupby("run")["right"]
        .agg(["sum", "size"])
    )
    precision = _ratio(by_run["sum"].to_numpy(), by_run["size"].to_numpy())
    recall = _ratio(found.to_numpy(), sizes.to_numpy())
    all_of_it = int(whole["label"].isin(wanted).sum())
    kept = len(mine) / all_of_it if all_of_it else float("nan")
    return Score(
        emotion, settings.repeat, settings.smooth, settings.min_prob, len(mine), len(by_run),
        *precision, *recall, kept,
    )  # fmt: skip


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> tuple[float, float, float]:
    """Sum over sum, with a 95 % interval from resampling the entries (runs), not the frames.

    Neighbouring frames are no independent samples. NaN where there is nothing.

    Source: Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 1979.
    """
    if whole.sum() == 0:
        return (float("nan"),) * 3
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(whole), (RESAMPLES, len(whole)))
    ratios = part[drawn].sum(axis=1) / np.maximum(whole[drawn].sum(axis=1), 1e-9)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(part.sum() / whole.sum()), float(low), float(high)
