"""Names tracks by the gallery.

A track gets the name of the nearest person; above the tolerance it is unknown. No two tracks of
one frame get the same name. Three more rules:

- A photo in a person's not/ that is nearer than all photos of the person takes the name away.
- A track never gets the name of its second nearest person.
- A track that goes on after an occlusion, in the same shot, gets the name of the track before it.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline.disk import faces_csv, tracks_npz
from pipeline.disk.walked import FACES, TRACKS_FILE, Walked
from pipeline.faces import Flags, Floats, Ints
from pipeline.people.gallery import Gallery

CLEAR = 0.1
"""Least quality of the best face of a track that may continue another: poor faces of all people
look alike (two of Chaplin's passers-by, 25 pixels wide and in one frame, are 0.28 apart).
"""

NEAREST = 3
"""The distance to a person is the mean distance to so many of their nearest photos."""

SAME_TRACK = 0.30
"""Largest distance at which an unknown track continues a named one of its shot.

Measured on the demo and thirteen clips (`benchmarks/tolerance.py`), on tracks of at least `CLEAR`:
the halves of 31 of 34 tracks are within this distance. None of 9 pairs of people in one frame is,
although the same light and camera make them look alike; the nearest are 0.34 apart.
"""


def templates(embedding: Floats, track: Ints) -> tuple[Ints, Floats]:
    """The mean embedding of each track, or cluster; it is more reliable than any single embedding.

    A hand before the face spoils one embedding, not all. Measured on the demo: the share of frontal
    faces named right is .935 by the mean of the embeddings' distances, and 1.000 by the distance of
    their mean.

    Args:
        embedding: `(m, d)` unit length.
        track: `(m,)` track of each embedding.

    Returns:
        The tracks `(t,)`, rising, and their mean embeddings `(t, d)`, unit length.

    Source: template pooling, Crosswhite et al., "Template adaptation for face verification and
    identification", FG 2017.
    """
    tracks, inverse = np.unique(track, return_inverse=True)
    mean = np.zeros((len(tracks), embedding.shape[1]), np.float32)
    np.add.at(mean, inverse, embedding)
    # The sum has the direction of the mean; opposite embeddings may add up to zero.
    mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
    return tracks, mean


def clearness(quality: Floats, track: Ints) -> Floats:
    """The quality of each track's best face `(t,)`, tracks rising."""
    tracks, inverse = np.unique(track, return_inverse=True)
    best = np.zeros(len(tracks), np.float32)
    np.maximum.at(best, inverse, quality)
    return best


def between(one: Floats, other: Floats) -> Floats:
    """Distances `(n, m)` of unit embeddings `(n, d)` and `(m, d)`, from 0 to 2."""
    return np.sqrt(np.clip(2 - 2 * one @ other.T, 0, None))


def distances(mean: Floats, gallery: Gallery) -> Floats:
    """The distance of each track to each person: the mean to that person's `NEAREST` photos.

    Args:
        mean: `(t, d)` from `templates`.
        gallery: The known people.

    Returns:
        `(t, p)` distances from 0 to 2; inf for a person without photos.
    """
    far = np.full((len(mean), len(gallery.people)), np.inf, np.float32)
    for person in np.unique(gallery.owner):
        to_photos = between(mean, gallery.embedding[gallery.owner == person])
        far[:, person] = np.sort(to_photos, axis=1)[:, :NEAREST].mean(axis=1)
    return far


def vetoes(mean: Floats, gallery: Gallery) -> Flags:
    """Which names each track may not have: a photo in the person's not/ is nearer than all others.

    Args:
        mean: `(t, d)` from `templates`.
        gallery: The known people.

    Returns:
        `(t, p)`, true if the track may not have the name.
    """
    vetoed = np.zeros((len(mean), len(gallery.people)), np.bool_)
    for person in np.intersect1d(gallery.other_owner, gallery.owner):
        to_person = between(mean, gallery.embedding[gallery.owner == person]).min(axis=1)
        to_other = between(mean, gallery.other[gallery.other_owner == person]).min(axis=1)
        vetoed[:, person] = to_other < to_person
    return vetoed


def assign(
    far: Floats, vetoed: Flags, together: set[tuple[int, int]], tolerance: float
) -> tuple[Ints, Floats]:
    """Assigns each track its nearest person, or nobody.

    If two tracks share a frame and are nearest to the same person, the nearer one gets the name.
    The other one is unknown, because its second nearest person is seldom right. For the same
    reason, a track whose nearest person is vetoed is unknown.

    Args:
        far: `(t, p)` distances.
        vetoed: `(t, p)` names that tracks may not have.
        together: Pairs of positions of tracks that share a frame, in both orders.
        tolerance: Largest distance at which a track gets a name.

    Returns:
        `(t,)` positions of people, -1 for nobody; `(t,)` distances to the nearest person, NaN if
        the gallery has no photos.
    """
    person = np.full(len(far), -1, np.int64)
    if far.shape[1] == 0 or not np.isfinite(far).any():
        return person, np.full(len(far), np.nan, np.float32)
    nearest, distance = far.argmin(axis=1), far.min(axis=1)
    beside = _beside(together)
    # The nearest track first, so that it takes the name from the others of its frames.
    for t in np.argsort(distance, kind="stable"):
        taken = {int(person[other]) for other in beside.get(int(t), ())}
        if distance[t] <= tolerance and nearest[t] not in taken and not vetoed[t, nearest[t]]:
            person[t] = nearest[t]
    return person, distance.astype(np.float32)


def _beside(together: set[tuple[int, int]]) -> dict[int, list[int]]:
    beside: dict[int, list[int]] = {}
    for a, b in together:
        beside.setdefault(a, []).append(b)
    return beside


def go_on(
    person: Ints, allowed: Ints, mean: Floats, shot: Ints, together: set[tuple[int, int]]
) -> Ints:
    """Names unknown tracks after the named track that they continue: an occlusion cuts a track.

    Such a track is in the same shot as the named one, within `SAME_TRACK` of it, and shares no
    frame with a track of that name. The nearest pair comes first. Only names from the gallery are
    passed on, so that no chain of similar tracks leads from one person to another.

    Args:
        person: `(t,)` from `assign`.
        allowed: `(t,)` the only name that each track may get, its nearest person; -1 for none, as
            when that name is vetoed or the track's faces are too poor.
        mean: `(t, d)` from `templates`.
        shot: `(t,)` shot of each track.
        together: Pairs of positions of tracks that share a frame, in both orders.

    Returns:
        `(t,)` like `person`, with fewer -1.
    """
    names, beside = person.copy(), _beside(together)
    pairs: list[tuple[float, int, int]] = []
    for number in np.intersect1d(shot[person < 0], shot[person >= 0]):
        unknown = np.flatnonzero((shot == number) & (person < 0) & (allowed >= 0))
        named = np.flatnonzero((shot == number) & (person >= 0))
        apart = between(mean[unknown], mean[named])
        near = (apart <= SAME_TRACK) & (allowed[unknown][:, None] == person[named])
        rows, columns = np.nonzero(near)
        triples = np.column_stack([apart[near], unknown[rows], named[columns]]).tolist()
        pairs += [(far, int(t), int(other)) for far, t, other in triples]
    for _, t, other in sorted(pairs):
        name = int(person[other])
        if names[t] < 0 and all(names[neighbour] != name for neighbour in beside.get(t, ())):
            names[t] = name
    return names


def margins(far: Floats, person: Ints) -> Floats:
    """How much nearer each track is to its person than to any other person.

    For a track without a name, how much nearer it is to the nearest person than to the second
    nearest.

    Args:
        far: `(t, p)` distances.
        person: `(t,)` positions of people, -1 for nobody.

    Returns:
        `(t,)` margins: inf if there is no other person, NaN if there is nobody at all, below 0 if
        another person is nearer, which naming never lets happen.

    >>> margins(np.array([[0.25, 1.0], [0.75, 0.5]], np.float32), np.array([0, -1])).tolist()
    [0.75, 0.25]
    """
    if far.shape[1] == 0:
        return np.full(len(far), np.nan, np.float32)
    own = np.where(person >= 0, person, far.argmin(axis=1))[:, None]
    others = far.copy()
    np.put_along_axis(others, own, np.inf, axis=1)
    with np.errstate(invalid="ignore"):  # inf - inf: nobody has a photo.
        return others.min(axis=1) - np.take_along_axis(far, own, axis=1)[:, 0]


def together(rows: pd.DataFrame) -> set[tuple[int, int]]:
    """Pairs of track numbers that share a frame, both ways round."""
    crowded = rows.loc[rows.duplicated("frame", keep=False), ["frame", "track"]]
    pairs = crowded.merge(crowded, on="frame")
    pairs = pairs.loc[pairs["track_x"] != pairs["track_y"], ["track_x", "track_y"]]
    return {(int(a), int(b)) for a, b in pairs.drop_duplicates().itertuples(index=False)}


def identify_tracks(
    rows: pd.DataFrame, mean: Floats, clear: Floats, gallery: Gallery, tolerance: float
) -> tuple[Ints, Floats, Floats]:
    """Decides who each track is.

    Args:
        rows: Rows of faces.csv, with `track` as positions in `mean`.
        mean: `(t, d)` from `templates`.
        clear: `(t,)` from `clearness`.
        gallery: The known people.
        tolerance: Largest distance at which a track gets a name.

    Returns:
        `(t,)` positions of people, -1 for nobody; `(t,)` distances to the nearest person, NaN if
        the gallery has no photos; `(t, p)` all distances.
    """
    far, vetoed, pairs = distances(mean, gallery), vetoes(mean, gallery), together(rows)
    person, distance = assign(far, vetoed, pairs, tolerance)
    if (person < 0).all():
        return person, distance, far
    nearest = far.argmin(axis=1)
    barred = vetoed[np.arange(len(far)), nearest] | (clear < CLEAR)
    allowed = np.where(barred, -1, nearest)
    shot = np.full(len(far), -1, np.int64)  # A track without rows is in no shot.
    firsts = rows.drop_duplicates("track")
    shot[firsts["track"]] = firsts["shot"]
    return go_on(person, allowed, mean, shot, pairs), distance, far


def name_tracks(walked: Walked, gallery: Gallery, tolerance: float, digest: str) -> Walked:
    """Writes faces.csv and tracks.npz again with the names of today's gallery.

    Args:
        walked: The movie.
        gallery: The known people.
        tolerance: Largest distance at which a track gets a name.
        digest: The hash of gallery and tolerance to store in tracks.npz.

    Returns:
        The movie with those names.

    Raises:
        TableError: faces.csv is missing or damaged.
        OutputError: A file cannot be written.
    """
    rows, tracks, folder = walked.rows, walked.tracks, walked.folder
    numbers, mean = templates(tracks.embedding, tracks.track)
    position = np.searchsorted(numbers, rows["track"].to_numpy())
    person, distance, far = identify_tracks(
        rows.assign(track=position),
        mean,
        clearness(tracks.quality, tracks.track),
        gallery,
        tolerance,
    )
    names = np.array([*gallery.people, ""], dtype=object)[person]  # Position -1 is "".
    named = rows.assign(person=names[position], distance=distance[position])
    # Without a digest, a crash between the two files makes the next call name everything again.
    if tracks.gallery:
        tracks_npz.write_tracks(folder / TRACKS_FILE, replace(tracks, gallery=""))
    faces_csv.write_faces(folder / FACES, [named])
    people = np.array(gallery.people, np.str_)
    renamed = replace(tracks, people=people, far=far, gallery=digest, person=person)
    tracks_npz.write_tracks(folder / TRACKS_FILE, renamed)
    return replace(walked, tracks=renamed)
