"""What is spoken while a face is seen."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.faces import Numbers, median_step

if TYPE_CHECKING:
    from pipeline.movie.subtitles import Lines


def borders(times: Numbers) -> Numbers:
    """When each frame begins, and when the last one ends, `(n + 1,)` seconds.

    Args:
        times: `(n,)` seconds of every frame, rising; the last frame is as long as the median one.

    >>> borders(np.array([0.0, 0.5, 1.0])).tolist()
    [0.0, 0.5, 1.0, 1.5]
    """
    return np.append(times, times[-1] + median_step(times))


def with_speech(rows: pd.DataFrame, lines: "Lines", edges: Numbers, stride: int) -> pd.DataFrame:
    """Adds to each face the line that is spoken then, and whether anybody speaks until the next.

    Args:
        rows: As `faces_csv.read_faces` gives them.
        lines: What is spoken.
        edges: Of `borders`.
        stride: source frames between neighbouring rows.

    Returns:
        The rows with `line`, "" in silence, and `spoken`.
    """
    first = rows["frame"].to_numpy()
    stop = np.minimum(first + stride, len(edges) - 1)
    return rows.assign(line=lines.at(edges[first]), spoken=lines.spoken(edges[first], edges[stop]))
