"""The moments of a pick in the review."""

from dataclasses import dataclass

import pandas as pd

from pipeline.disk.manifest import Manifest
from pipeline.report.moments import listed_moments


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


def reviewed_moments(crops: pd.DataFrame, walk: Manifest) -> list[ReviewedMoment]:
    """Sums up crops by their runs, see `listed_moments`.

    Args:
        crops: Rows of crops.csv as text, of one person and emotion.
        walk: The walk of the movie.

    Returns:
        The moments, the surest first.
    """
    if crops.empty:
        return []
    rows, found = listed_moments(crops, walk)
    files = rows.groupby("run")["file"].agg(tuple)
    return [
        ReviewedMoment(
            files=files[m["run"]], best=rows["file"][m["best"]], start=m["start"],
            seconds=m["seconds"], length=int(m["length"]), look_sure=m["look_sure"],
            probability=m["probability"],
        )
        for m in found.to_dict("records")
    ]  # fmt: skip
