"""Adds the subtitles spoken at each face."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.faces import Numbers, median_step

if TYPE_CHECKING:
    from pipeline.movie.subtitles import Lines


def borders(times: Numbers) -> Numbers:
    """The times at which frames begin, and the end of the last frame.

    Args:
        times: `(n,)` timestamps of all frames in seconds, rising.

    Returns:
        `(n + 1,)` seconds; the last frame is taken to last as long as the median one.

    >>> borders(np.array([0.0, 0.5, 1.0])).tolist()
    [0.0, 0.5, 1.0, 1.5]
    """
    return np.append(times, times[-1] + median_step(times))


def with_speech(rows: pd.DataFrame, lines: "Lines", edges: Numbers, stride: int) -> pd.DataFrame:
    """Adds the subtitle at each face, and whether anybody speaks until the next analysed frame.

    Args:
        rows: As `faces_csv.read_faces` returns them.
        lines: The subtitles.
        edges: From `borders`.
        stride: Source frames between neighbouring rows.

    Returns:
        The rows with `line`, which is "" in silence, and `spoken`.
    """
    first = rows["frame"].to_numpy()
    stop = np.minimum(first + stride, len(edges) - 1)
    return rows.assign(line=lines.at(edges[first]), spoken=lines.spoken(edges[first], edges[stop]))
