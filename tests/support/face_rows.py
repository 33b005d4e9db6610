"""Tests of stage two, and rows for them."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline.disk import faces_csv
from pipeline.disk.tracks_npz import Tracks
from pipeline.faces import EMOTIONS

Face = tuple[int, int, str, str]
"""Frame, track, person, emotion."""

RATE = 25


def made(faces: Iterable[Face], sure: float = 0.7) -> pd.DataFrame:
    """Rows as `faces_csv.read_faces` gives them, the emotion of each `sure`; the rest is 0."""
    faces = list(faces)
    numbers = np.zeros((len(faces), len(faces_csv.NUMBERS)))
    numbers[:, faces_csv.NUMBERS.index("frame")] = [f[0] for f in faces]
    numbers[:, faces_csv.NUMBERS.index("track")] = [f[1] for f in faces]
    numbers[:, -7:] = (1 - sure) / 6
    for n, face in enumerate(faces):
        numbers[n, -7 + EMOTIONS.index(face[3])] = sure
    rows = faces_csv.frame_of(numbers, "movie.mkv").assign(person=[f[2] for f in faces])
    return rows.assign(time=rows["frame"] / RATE).astype(dict.fromkeys(EMOTIONS, "float32"))


def stretch(frames: Iterable[int], track: int, person: str, emotion: str) -> list[Face]:
    """One face through some frames."""
    return [(frame, track, person, emotion) for frame in frames]


def tracks_of(
    rows: pd.DataFrame, people: tuple[str, ...] = (), far: Iterable[Iterable[float]] = ()
) -> Tracks:
    """Two embeddings for each track: one at its beginning, its opposite at its end."""
    spans = rows.groupby("track")["frame"].agg(["min", "max"])
    track = np.repeat(spans.index.to_numpy(np.int64), 2)
    embedding = np.zeros((len(track), 128), np.float32)
    embedding[::2, 0], embedding[1::2, 0] = 1, -1
    frame = spans.to_numpy(np.int64).reshape(-1)
    distances = np.array([list(row) for row in far], np.float32)
    names = np.array(people, np.str_)
    quality = np.full(len(track), 0.5, np.float32)
    distances = distances.reshape(len(distances), len(people))
    return Tracks(embedding, track, frame, quality, "walk", names, distances)


def without_embeddings(rows: pd.DataFrame) -> Tracks:
    """As if all faces looked alike."""
    tracks = tracks_of(rows)
    return replace(tracks, embedding=np.zeros_like(tracks.embedding))
