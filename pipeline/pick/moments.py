"""Moments: the steady runs of a pick, in which people think; a frame is too small for that."""

import numpy as np
import pandas as pd

from pipeline.faces import Numbers
from pipeline.pick.thin import qualities

MOMENT_FACTS = (
    "run", "video", "shot", "track", "first", "last", "start", "stop", "seconds", "length", "faces",
    "look_sure", "probability",
)  # fmt: skip
"""What is known of a moment beside its person and emotion."""

EXTREMES = ("strength", "prominence")
"""The greatest of a moment's faces; NaN where the rows do not have them."""


def moments(rows: pd.DataFrame, seconds: Numbers) -> pd.DataFrame:
    """Sums up picked faces by their runs.

    Args:
        rows: The kept rows of one person and emotion, see `select.steady`.
        seconds: `(n,)`, how long each row's frame is shown, from `presence.durations`.

    Returns:
        A row a run, the surest first, with `MOMENT_FACTS`, `best` and `EXTREMES`: `first` and
        `last` are frames of kept faces, `start` and `stop` their times, `seconds` from the first
        until the last is gone from the screen, `length` the source frames that the run covers,
        `faces` how many were kept, `look_sure` and `probability` their means, and `best` the index
        in `rows` of the face that shows the look best.
    """
    worth = rows["probability"].to_numpy(np.float64) * qualities(rows)
    exact = rows.astype({"look_sure": "float64", "probability": "float64"})
    exact = exact.assign(worth=worth, gone=rows["time"] + seconds)
    exact = exact.assign(**{n: rows.get(n, np.nan) for n in EXTREMES})
    of_run = exact.groupby("run", sort=True)
    summed = of_run.agg(
        video=("video", "first"), shot=("shot", "first"), track=("track", "first"),
        first=("frame", "min"), last=("frame", "max"), start=("time", "min"), stop=("time", "max"),
        gone=("gone", "max"), length=("run_length", "first"), faces=("frame", "size"),
        look_sure=("look_sure", "mean"), probability=("probability", "mean"),
        best=("worth", "idxmax"), strength=("strength", "max"), prominence=("prominence", "max"),
    ).reset_index()  # fmt: skip
    summed["seconds"] = summed["gone"] - summed["start"]
    # In the digits of tables: sums of the same numbers differ in the last bits by their order.
    surest = summed["look_sure"].round(6).sort_values(ascending=False, kind="stable")
    return summed.loc[surest.index, [*MOMENT_FACTS, "best", *EXTREMES]]
