"""The moments of a list of crops, the same in the report and in the review.

They are derived from crops.csv alone, which all versions wrote, and to which the review adds crops.
"""

import numpy as np
import pandas as pd

from pipeline.disk.manifest import Manifest
from pipeline.faces import BOX
from pipeline.people.presence import durations
from pipeline.pick.moments import EXTREMES, moments

ALIKE = ["run", "shot", "track", "run_length"]
"""Columns alike in all crops of a moment. Runs are numbered by each pick anew, so that for crops
that the last one left out the number alone may be another's."""

SUMMED = ("frame", "time", "look_sure", "probability", *BOX, "sharpness")

POSES = ("yaw", "pitch", "roll")
"""crops.csv does not have them: all faces count as frontal."""


def listed_moments(crops: pd.DataFrame, walk: Manifest) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sums up crops by their runs.

    Args:
        crops: Rows of a crops.csv with `file`, `video`, `ALIKE` and `SUMMED`, as text or numbers.
        walk: The walk of the movie.

    Returns:
        The crops by frame, with a `run` of its own for each moment; and the moments as
        `pick.moments` gives them, in which `best` is an index of `crops`. Where an earlier version
        did not say how sure a crop is, it is as sure as it is probable. `EXTREMES` are not told.
    """
    rows = crops.drop(columns=[*EXTREMES], errors="ignore")
    for column in SUMMED:
        rows[column] = pd.to_numeric(rows[column], errors="coerce").astype("float64")
    rows["look_sure"] = rows["look_sure"].fillna(rows["probability"])
    rows = rows.fillna({"sharpness": 0.0}).assign(**dict.fromkeys(POSES, 0.0))
    rows["run"] = rows.groupby(ALIKE, sort=False).ngroup()
    rows = rows.sort_values("frame", kind="stable")
    # Crops of an earlier walk, which may have had more frames, are shown until the next pick.
    last = len(walk.scan.times) - 1
    frames = rows["frame"].clip(0, last).to_numpy(np.int64)
    return rows, moments(rows, durations(frames, walk.scan.times, walk.settings.every))
