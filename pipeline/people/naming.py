"""Names tracks by the gallery: nearest person, unknown above the tolerance, one frame one name."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import table
from pipeline.faces import Floats, Ints
from pipeline.people.gallery import Gallery

NEAREST = 3
"""Photos of a person that a face is compared with: the mean of this many nearest."""


def distances(embedding: Floats, track: Ints, gallery: Gallery) -> tuple[Ints, Floats]:
    """How far each track is from each person.

    A track's embeddings are averaged into one, which is nearer to the truth than each: half a
    face behind a hand moves one of them, not all. Its distance to a person is the mean over that
    person's `NEAREST` nearest photos. Measured on the demo: the frontal faces named right are .935
    with the mean of the embeddings' own distances, 1.000 with the distance of their mean.

    Args:
        embedding: `(m, d)` unit length.
        track: `(m,)` whose they are.
        gallery: The known people.

    Returns:
        The tracks `(t,)` rising, and `(t, p)` distances from 0 to 2; inf for a person without
        photos.

    Source: template pooling, Crosswhite et al., "Template adaptation for face verification and
    identification", FG 2017.
    """
    tracks, inverse = np.unique(track, return_inverse=True)
    mean = np.zeros((len(tracks), embedding.shape[1]), np.float32)
    np.add.at(mean, inverse, embedding)
    mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
    far = np.full((len(tracks), len(gallery.people)), np.inf, np.float32)
    for person in np.unique(gallery.owner):
        photos = gallery.embedding[gallery.owner == person]
        each = np.sqrt(np.clip(2 - 2 * mean @ photos.T, 0, None))
        far[:, person] = np.sort(each, axis=1)[:, :NEAREST].mean(axis=1)
    return tracks, far


def assign(far: Floats, together: set[tuple[int, int]], tolerance: float) -> tuple[Ints, Floats]:
    """Gives each track its nearest person, or nobody.

    Of two tracks that share a frame and are nearest to the same person the nearer one has the
    name; the other is unknown, for its second-nearest person is seldom right.

    Args:
        far: `(t, p)` distances.
        together: pairs of positions of tracks that share a frame, both ways round.
        tolerance: largest distance of a known face.

    Returns:
        `(t,)` positions of people, -1 for nobody; `(t,)` distances to the nearest person, NaN where
        there is nobody at all.
    """
    person = np.full(len(far), -1, np.int64)
    if far.shape[1] == 0 or not np.isfinite(far).any():
        return person, np.full(len(far), np.nan, np.float32)
    nearest, distance = far.argmin(axis=1), far.min(axis=1)
    beside: dict[int, list[int]] = {}
    for a, b in together:
        beside.setdefault(a, []).append(b)
    for t in np.argsort(distance, kind="stable"):
        taken = {int(person[other]) for other in beside.get(int(t), [])}
        if distance[t] <= tolerance and int(nearest[t]) not in taken:
            person[t] = nearest[t]
    return person, distance.astype(np.float32)


def together(rows: pd.DataFrame) -> set[tuple[int, int]]:
    """Pairs of track numbers that share a frame, both ways round."""
    crowded = rows.loc[rows.duplicated("frame", keep=False), ["frame", "track"]]
    pairs = crowded.merge(crowded, on="frame")
    pairs = pairs.loc[pairs["track_x"] != pairs["track_y"], ["track_x", "track_y"]]
    return {(int(a), int(b)) for a, b in pairs.drop_duplicates().itertuples(index=False)}


def name_tracks(folder: Path, gallery: Gallery, tolerance: float, digest: str) -> None:
    """Writes faces.csv again with today's names; the embeddings stay.

    Args:
        folder: The movie's.
        gallery: The known people.
        tolerance: largest distance of a known face.
        digest: Of gallery and tolerance, kept in tracks.npz.

    Raises:
        TableError: A file is missing or torn.
        OutputError: A file cannot be written.
    """
    rows, tracks = table.read_walk(folder)
    numbers, far = distances(tracks.embedding, tracks.track, gallery)
    place = {int(number): i for i, number in enumerate(numbers)}
    pairs = {(place[a], place[b]) for a, b in together(rows)}
    person, distance = assign(far, pairs, tolerance)
    names = np.array([*gallery.people, ""], dtype=object)[person]
    of_row = np.searchsorted(numbers, rows["track"].to_numpy())
    named = rows.assign(person=names[of_row], distance=distance[of_row])
    if tracks.gallery:  # Until both are written, nothing may say whose names faces.csv holds.
        table.write_tracks(folder / "tracks.npz", replace(tracks, gallery=""))
    table.write_faces(folder / "faces.csv", [named])
    people = np.array(gallery.people, np.str_)
    told = replace(tracks, people=people, far=far, gallery=digest)
    table.write_tracks(folder / "tracks.npz", told)
