"""Thinning: of each run the few best and most different faces."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.crops import quality
from pipeline.disk.tracks_npz import Tracks
from pipeline.faces import EMOTIONS, Floats

Matrix = NDArray[np.float64]


def thin(rows: pd.DataFrame, tracks: Tracks, per_run: int) -> pd.DataFrame:
    """Keeps at most `per_run` faces of each run.

    Args:
        rows: Picked rows with `run`, `probability` and the columns of faces.csv, rising in frame
            within a run.
        tracks: Embeddings of a few faces of each track.
        per_run: from 1.

    Returns:
        The kept rows in their order.
    """
    if len(rows) == 0:
        return rows
    worth = rows["probability"].to_numpy(np.float64) * qualities(rows)
    features = _features(rows, tracks)
    kept: list[int] = []
    for places in rows.reset_index(drop=True).groupby("run", sort=False).indices.values():
        kept += [int(places[i]) for i in spread(features[places], worth[places], per_run)]
    return rows.iloc[sorted(kept)]


def qualities(rows: pd.DataFrame) -> Matrix:
    """How well each face of a table can be recognised, `(n,)`, 0 to 1 (see `crops.quality`)."""
    boxes = rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float32)
    angles = rows[["yaw", "pitch", "roll"]].to_numpy(np.float32)
    triples = zip(boxes, rows["sharpness"].tolist(), angles, strict=True)
    return np.array([quality(*triple) for triple in triples])


def spread(features: Matrix, worth: Matrix, count: int) -> list[int]:
    """Picks points of high worth that lie far apart.

    The best comes first; then, again and again, the one with the greatest product of its worth and
    its distance to the nearest that was picked.

    Args:
        features: `(n, k)`.
        worth: `(n,)` from 0.
        count: how many at most.

    Returns:
        Positions, in order of picking.

    Source: farthest-point sampling, Gonzalez, "Clustering to minimize the maximum intercluster
    distance", TCS 1985, weighted.

    >>> spread(np.array([[0.0], [0.1], [1.0]]), np.array([0.9, 1.0, 0.5]), 2)
    [1, 2]
    """
    picked = [int(np.argmax(worth))]
    nearest = np.full(len(worth), np.inf)
    while len(picked) < min(count, len(worth)):
        nearest = np.minimum(nearest, np.linalg.norm(features - features[picked[-1]], axis=1))
        score = worth * nearest
        score[picked] = -1
        picked.append(int(np.argmax(score)))
    return picked


def _features(rows: pd.DataFrame, tracks: Tracks) -> Matrix:
    """What makes two faces of a run different, each part about 0 to 1 across.

    Time within the run, pose over 45 degrees, the seven probabilities, and the embedding that was
    taken nearest in time.
    """
    time = rows["time"].to_numpy(np.float64)
    runs = rows.groupby("run")["time"]
    length = np.maximum((runs.transform("max") - runs.transform("min")).to_numpy(), 1e-6)
    within = (time - runs.transform("min").to_numpy()) / length
    pose = rows[["yaw", "pitch"]].to_numpy(np.float64) / 45
    looks = rows[list(EMOTIONS)].to_numpy(np.float64)
    return np.column_stack([within, pose, looks, _embeddings(rows, tracks)])


def _embeddings(rows: pd.DataFrame, tracks: Tracks) -> Floats:
    """The embedding of each row's track that lies nearest in time, `(n, d)`."""
    found = np.zeros((len(rows), tracks.embedding.shape[1]), np.float32)
    frame, track = rows["frame"].to_numpy(), rows["track"].to_numpy()
    for number in np.unique(track):
        mine, theirs = np.flatnonzero(track == number), np.flatnonzero(tracks.track == number)
        if len(theirs):
            apart = np.abs(frame[mine][:, None] - tracks.frame[theirs][None])
            found[mine] = tracks.embedding[theirs[apart.argmin(axis=1)]]
    return found
