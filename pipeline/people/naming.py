"""Names tracks by the gallery: nearest person, unknown above the tolerance, one frame one name.

Three rules more: a photo of who somebody is not, nearer than all of that person's own, takes the
name away; the second nearest person never gets it; and a track that goes on after an occlusion, in
the same shot, has the name of the track before it.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline.disk import faces_csv, tracks_npz
from pipeline.disk.walked import FACES, TRACKS_FILE, Walked
from pipeline.faces import Flags, Floats, Ints
from pipeline.people.gallery import Gallery

CLEAR = 0.1
"""Least quality of the best face of a track that may go on from another: poor faces of all people
look alike (two of Chaplin's passers-by, 25 pixels across and in one frame, are 0.28 apart).
"""

NEAREST = 3
"""Photos of a person that a face is compared with: the mean of this many nearest."""

SAME_TRACK = 0.30
"""Largest distance of an unknown track to a named one in its shot that it goes on from.

Measured on the demo and thirteen clips (`benchmarks/tolerance.py`), on tracks of at least `CLEAR`:
31 of 34 tracks have halves within it of each other, and none of 9 pairs of people in one frame is,
who look alike for their light and camera are the same; the nearest are 0.34 apart.
"""


def templates(embedding: Floats, track: Ints) -> tuple[Ints, Floats]:
    """One embedding a track, or a cluster: the mean of its own, nearer to the truth than each.

    Half a face behind a hand moves one of them, not all. Measured on the demo: the frontal faces
    named right are .935 with the mean of the embeddings' own distances, 1.000 with the distance of
    their mean.

    Args:
        embedding: `(m, d)` unit length.
        track: `(m,)` whose they are.

    Returns:
        The tracks `(t,)` rising, and `(t, d)` unit length.

    Source: template pooling, Crosswhite et al., "Template adaptation for face verification and
    identification", FG 2017.
    """
    tracks, inverse = np.unique(track, return_inverse=True)
    mean = np.zeros((len(tracks), embedding.shape[1]), np.float32)
    np.add.at(mean, inverse, embedding)
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
    """How far each track is from each person: the mean over that person's `NEAREST` photos.

    Args:
        mean: `(t, d)` of `templates`.
        gallery: The known people.

    Returns:
        `(t, p)` from 0 to 2; inf for a person without photos.
    """
    far = np.full((len(mean), len(gallery.people)), np.inf, np.float32)
    for person in np.unique(gallery.owner):
        each = between(mean, gallery.embedding[gallery.owner == person])
        far[:, person] = np.sort(each, axis=1)[:, :NEAREST].mean(axis=1)
    return far


def vetoes(mean: Floats, gallery: Gallery) -> Flags:
    """Which names each track may not have: a photo of who it is not is nearer than every own one.

    Args:
        mean: `(t, d)` of `templates`.
        gallery: The known people.

    Returns:
        `(t, p)`.
    """
    found = np.zeros((len(mean), len(gallery.people)), np.bool_)
    for person in np.intersect1d(gallery.other_owner, gallery.owner):
        own = between(mean, gallery.embedding[gallery.owner == person]).min(axis=1)
        other = between(mean, gallery.other[gallery.other_owner == person]).min(axis=1)
        found[:, person] = other < own
    return found


def assign(
    far: Floats, vetoed: Flags, together: set[tuple[int, int]], tolerance: float
) -> tuple[Ints, Floats]:
    """Gives each track its nearest person, or nobody.

    Of two tracks that share a frame and are nearest to the same person the nearer one has the
    name; the other is unknown, for its second-nearest person is seldom right. For the same reason
    a track is unknown whose nearest person is vetoed.

    Args:
        far: `(t, p)` distances.
        vetoed: `(t, p)` names that tracks may not have.
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
    beside = _beside(together)
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
    """Gives unknown tracks the name of one that they go on from: an occlusion cuts a track in two.

    Such a track is in the same shot as the named one, within `SAME_TRACK` of it, and in no frame
    with a track of that name. Only names by the gallery are handed on, the nearest pair first, so
    that no chain of likenesses leads from one person to another.

    Args:
        person: `(t,)` of `assign`.
        allowed: `(t,)` the one name that each track may be given: its nearest person, -1 for none,
            as where it is vetoed or too poor.
        mean: `(t, d)` of `templates`.
        shot: `(t,)` where each track is.
        together: pairs of positions of tracks that share a frame, both ways round.

    Returns:
        `(t,)` as `person`, fewer of them -1.
    """
    found, beside = person.copy(), _beside(together)
    pairs: list[tuple[float, int, int]] = []
    for place in np.intersect1d(shot[person < 0], shot[person >= 0]):
        open_ = np.flatnonzero((shot == place) & (person < 0) & (allowed >= 0))
        named = np.flatnonzero((shot == place) & (person >= 0))
        apart = between(mean[open_], mean[named])
        near = (apart <= SAME_TRACK) & (allowed[open_][:, None] == person[named])
        rows, columns = np.nonzero(near)
        triples = np.column_stack([apart[near], open_[rows], named[columns]]).tolist()
        pairs += [(far, int(t), int(other)) for far, t, other in triples]
    for _, t, other in sorted(pairs):
        name = int(person[other])
        if found[t] < 0 and all(found[each] != name for each in beside.get(t, ())):
            found[t] = name
    return found


def margins(far: Floats, person: Ints) -> Floats:
    """How much nearer each track is to its person than to any other; of nobody's, to the nearest.

    Below 0 where a track has a name of which another person is nearer, which naming never gives;
    inf where there is no other person, NaN where there is nobody at all.

    Args:
        far: `(t, p)` distances.
        person: `(t,)` positions of people, -1 for nobody.

    Returns:
        `(t,)`.

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
    """Who each track is.

    Args:
        rows: Of faces.csv, with `track` as positions in `mean`.
        mean: `(t, d)` of `templates`.
        clear: `(t,)` of `clearness`.
        gallery: The known people.
        tolerance: largest distance of a known face.

    Returns:
        `(t,)` positions of people, -1 for nobody; `(t,)` distances to the nearest person, NaN where
        there is nobody; `(t, p)` all distances.
    """
    far, vetoed, pairs = distances(mean, gallery), vetoes(mean, gallery), together(rows)
    person, distance = assign(far, vetoed, pairs, tolerance)
    if (person < 0).all():
        return person, distance, far
    nearest = far.argmin(axis=1)
    barred = vetoed[np.arange(len(far)), nearest] | (clear < CLEAR)
    allowed = np.where(barred, -1, nearest)
    shot = np.full(len(far), -1, np.int64)  # One without rows, which is nowhere, has no name.
    firsts = rows.drop_duplicates("track")
    shot[firsts["track"]] = firsts["shot"]
    return go_on(person, allowed, mean, shot, pairs), distance, far


def name_tracks(walked: Walked, gallery: Gallery, tolerance: float, digest: str) -> Walked:
    """Writes faces.csv again with today's names; the embeddings stay.

    Args:
        walked: The movie.
        gallery: The known people.
        tolerance: largest distance of a known face.
        digest: Of gallery and tolerance, kept in tracks.npz.

    Returns:
        The movie with those names.

    Raises:
        TableError: faces.csv is missing or torn.
        OutputError: A file cannot be written.
    """
    rows, tracks, folder = walked.rows, walked.tracks, walked.folder
    numbers, mean = templates(tracks.embedding, tracks.track)
    place = np.searchsorted(numbers, rows["track"].to_numpy())
    person, distance, far = identify_tracks(
        rows.assign(track=place), mean, clearness(tracks.quality, tracks.track), gallery, tolerance
    )
    names = np.array([*gallery.people, ""], dtype=object)[person]
    named = rows.assign(person=names[place], distance=distance[place])
    if tracks.gallery:  # Until both are written, nothing may say whose names faces.csv holds.
        tracks_npz.write_tracks(folder / TRACKS_FILE, replace(tracks, gallery=""))
    faces_csv.write_faces(folder / FACES, [named])
    people = np.array(gallery.people, np.str_)
    renamed = replace(tracks, people=people, far=far, gallery=digest, person=person)
    tracks_npz.write_tracks(folder / TRACKS_FILE, renamed)
    return replace(walked, tracks=renamed)
