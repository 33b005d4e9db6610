"""Thins each run to its few best and most different faces."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.crops import quality
from pipeline.disk.tracks_npz import Tracks
from pipeline.faces import BOX, EMOTIONS, Floats, Numbers

Matrix = NDArray[np.float64]

Apart = Callable[[int], Matrix]


def thin(rows: pd.DataFrame, tracks: Tracks, per_run: int) -> pd.DataFrame:
    """Keeps at most `per_run` faces of each run.

    Args:
        rows: Picked rows with `run`, `probability` and the columns of faces.csv; frames rise
            within a run.
        tracks: With the embeddings of a few faces of each track.
        per_run: At least 1.

    Returns:
        The kept rows in their original order.
    """
    if len(rows) == 0:
        return rows
    value, features = worth(rows), _features(rows, tracks)
    kept: list[int] = []
    for positions in rows.reset_index(drop=True).groupby("run", sort=False).indices.values():
        chosen = spread(apart_by(features[positions]), value[positions], per_run)
        kept += [int(positions[i]) for i in chosen]
    return rows.iloc[sorted(kept)]


def worth(rows: pd.DataFrame) -> Numbers:
    """How much each picked face is worth: its probability times its quality, `(n,)`, 0 to 1."""
    return rows["probability"].to_numpy(np.float64) * qualities(rows)


def qualities(rows: pd.DataFrame) -> Numbers:
    """How well each face can be recognised (see `crops.quality`): `(n,)`, from 0 to 1."""
    boxes = rows[list(BOX)].to_numpy(np.float32)
    angles = rows[["yaw", "pitch", "roll"]].to_numpy(np.float32)
    return quality(boxes, rows["sharpness"].to_numpy(np.float64), angles)


def spread(apart: Apart, worth: Matrix, count: int) -> list[int]:
    """Picks points that are worth much and lie far apart.

    Picks the point of highest worth first, then repeatedly the one with the greatest product of
    its worth and its distance to the nearest picked point.

    Args:
        apart: Gives the distances of all points to one.
        worth: `(n,)`, from 0.
        count: Largest number of points.

    Returns:
        Positions, in order of picking.

    Source: farthest-point sampling, Gonzalez, "Clustering to minimize the maximum intercluster
    distance", TCS 1985, weighted.

    >>> points = np.array([[0.0], [0.1], [1.0]])
    >>> spread(apart_by(points), np.array([0.9, 1.0, 0.5]), 2)
    [1, 2]
    """
    picked = [int(np.argmax(worth))]
    nearest = np.full(len(worth), np.inf)
    while len(picked) < min(count, len(worth)):
        nearest = np.minimum(nearest, apart(picked[-1]))
        score = worth * nearest
        score[picked] = -1  # Below the 0 of a worthless point, so that no point is picked twice.
        picked.append(int(np.argmax(score)))
    return picked


def apart_by(features: Matrix) -> Apart:
    """The distances of points `(n, k)` to one of them, for `spread`."""
    return lambda i: np.linalg.norm(features - features[i], axis=1)


def appearance(rows: pd.DataFrame) -> Matrix:
    """How faces are turned and look: pose over 45 degrees, the seven probabilities, `(n, 9)`."""
    pose = rows[["yaw", "pitch"]].to_numpy(np.float64) / 45
    return np.column_stack([pose, rows[list(EMOTIONS)].to_numpy(np.float64)])


def _features(rows: pd.DataFrame, tracks: Tracks) -> Matrix:
    """The features by which two faces of a run differ, each from about 0 to 1.

    Time within the run, pose over 45 degrees, the seven probabilities, and the embedding nearest
    in time: `(n, k)`.
    """
    time = rows["time"].to_numpy(np.float64)
    runs = rows.groupby("run")["time"]
    length = np.maximum((runs.transform("max") - runs.transform("min")).to_numpy(), 1e-6)
    within = (time - runs.transform("min").to_numpy()) / length
    return np.column_stack([within, appearance(rows), _embeddings(rows, tracks)])


def _embeddings(rows: pd.DataFrame, tracks: Tracks) -> Floats:
    """The embedding of each row's track that is nearest in time: `(n, d)`, zeros if it has none."""
    nearest = np.zeros((len(rows), tracks.embedding.shape[1]), np.float32)
    frame, track = rows["frame"].to_numpy(), rows["track"].to_numpy()
    for number in np.unique(track):
        in_rows = np.flatnonzero(track == number)
        embedded = np.flatnonzero(tracks.track == number)  # Only a few faces of a track are.
        if len(embedded):
            apart = np.abs(frame[in_rows][:, None] - tracks.frame[embedded][None])
            nearest[in_rows] = tracks.embedding[embedded[apart.argmin(axis=1)]]
    return nearest
