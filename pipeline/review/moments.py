"""The moments of a pick in the review, derived from crops.csv, which all versions wrote."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.disk.crops_csv import CROP_COLUMNS
from pipeline.disk.manifest import Manifest
from pipeline.faces import BOX
from pipeline.people.presence import durations
from pipeline.pick.moments import moments

OF_MOMENT = ["run", "shot", "track", "run_length"]
"""Columns alike in all crops of a moment. Runs are numbered by each pick anew, so that for crops
that the last one left out the number alone may be another's."""

SUMMED = ("frame", "time", "look_sure", "probability", *BOX, "sharpness")

POSES = ("yaw", "pitch", "roll")
"""crops.csv does not have them: all faces count as frontal."""


@dataclass(frozen=True, slots=True)
class ReviewedMoment:
    """The crops of one steady run.

    Attributes:
        files: their file names, by frame.
        best: the one that shows the look best.
        start: seconds into the movie.
        seconds: how long it is on screen.
        length: source frames that the run covers.
        look_sure: chance that the emotion is right; 0 to 1.
        probability: the network's mean.
    """

    files: tuple[str, ...]
    best: str
    start: float
    seconds: float
    length: int
    look_sure: float
    probability: float


def reviewed_moments(crops: Iterable[dict[str, str]], walk: Manifest) -> list[ReviewedMoment]:
    """Sums up crops by their runs, see `pick.moments`.

    Args:
        crops: Rows of crops.csv as text, of one person and emotion.
        walk: The walk of the movie.

    Returns:
        The moments, the surest first. Crops of earlier versions do not say how sure they are: by
        their probability.
    """
    rows = _rows(crops)
    if len(rows) == 0:
        return []
    files = rows.groupby("run")["file"].agg(tuple)
    times = walk.scan.times
    # Crops of an earlier walk, which may have had more frames, are shown until the next pick.
    frames = np.minimum(rows["frame"].to_numpy(np.int64), len(times) - 1)
    found = moments(rows, durations(frames, times, walk.settings.every))
    return [
        ReviewedMoment(
            files=files[m["run"]], best=rows["file"][m["best"]], start=m["start"],
            seconds=m["seconds"], length=int(m["length"]), look_sure=m["look_sure"],
            probability=m["probability"],
        )
        for m in found.to_dict("records")
    ]  # fmt: skip


def _rows(crops: Iterable[dict[str, str]]) -> pd.DataFrame:
    """The crops by frame as `moments` takes them, with a number of its own for each run."""
    rows = pd.DataFrame([*crops], columns=[*CROP_COLUMNS], dtype=object)
    for column in SUMMED:
        rows[column] = pd.to_numeric(rows[column], errors="coerce").astype("float64")
    rows["look_sure"] = rows["look_sure"].fillna(rows["probability"])
    rows = rows.fillna({"sharpness": 0.0}).assign(**dict.fromkeys(POSES, 0.0))
    rows["run"] = rows.groupby(OF_MOMENT, sort=False).ngroup()
    return rows.sort_values("frame", kind="stable", ignore_index=True)
