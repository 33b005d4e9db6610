"""Names for tracks: one person is one cluster of tracks, and a name is decided for all of it.

The tracks of a film are sorted into people first (`people.cluster`), and the mean of a cluster is
compared with the photos. Its tracks take its name even where one alone is too far from the photos:
that gives more names, and fewer wrong ones, in every group of people that was measured
(`benchmarks/names.py`).
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

import numpy as np

from pipeline.disk import faces_csv, tracks_npz
from pipeline.disk.npz import AGAIN
from pipeline.disk.report_html import mark_outdated
from pipeline.disk.tracks_npz import Tracks
from pipeline.disk.walked import FACES, TRACKS_FILE, Walked
from pipeline.errors import TableError
from pipeline.faces import Flags, Floats, Ints
from pipeline.models.cards import Tolerances
from pipeline.people.cluster import (
    Pairs,
    between,
    clearness,
    cluster_means,
    clusters,
    neighbours,
    plain_means,
    together,
    unit,
)
from pipeline.people.gallery import Gallery

log = logging.getLogger(__name__)

NEAREST = 3
"""Photos of a person that a face is compared with: the mean of this many nearest."""

TIE = 0.01
"""Two people whose photos are as near as that to one another's distance are equally likely."""

OFFERED = 0.3
"""A name that is not given is offered where it is right with at least this chance."""


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """Who each track is.

    Attributes:
        cluster: `(t,)` numbers from 0; tracks of one number are one person.
        person: `(t,)` positions of people, -1 for nobody.
        distance: `(t,)` of the track's cluster to the nearest person; NaN where nobody has a photo.
        sure: `(t,)` the chance from 0 to 1 that the nearest person is right.
        offer: `(t,)` positions of people whose name a cluster may have and does not get, or -1.
        far: `(t, p)` distance of the track's cluster to each person; inf without a photo.
    """

    cluster: Ints
    person: Ints
    distance: Floats
    sure: Floats
    offer: Ints
    far: Floats


def distances(template: Floats, gallery: Gallery, sure: float) -> Floats:
    """How far each template is from each person: the mean over that person's `NEAREST` photos.

    Photos of several looks would make that mean large for each look, so one photo that is surely of
    the same person counts alone.

    Args:
        template: `(t, d)` unit length.
        gallery: The known people.
        sure: The distance within which one photo is enough.

    Returns:
        `(t, p)` from 0 to 2; inf for a person without photos.
    """
    far = np.full((len(template), len(gallery.people)), np.inf, np.float32)
    for person in np.unique(gallery.owner):
        each = between(template, gallery.embedding[gallery.owner == person])
        each = np.sort(each, axis=1)[:, :NEAREST]
        far[:, person] = np.where(each[:, 0] <= sure, each[:, 0], each.mean(axis=1))
    return far


def vetoes(template: Floats, gallery: Gallery) -> Flags:
    """Which names each may not have: a photo in `not/` is nearer than every one of the person.

    Args:
        template: `(t, d)` unit length.
        gallery: The known people.

    Returns:
        `(t, p)`.
    """
    vetoed = np.zeros((len(template), len(gallery.people)), np.bool_)
    for person in np.intersect1d(gallery.other_owner, gallery.owner):
        own = between(template, gallery.embedding[gallery.owner == person]).min(axis=1)
        other = between(template, gallery.other[gallery.other_owner == person]).min(axis=1)
        vetoed[:, person] = other < own
    return vetoed


def assign(far: Floats, vetoed: Flags, apart: Pairs, tolerance: float) -> tuple[Ints, Floats]:
    """Gives each face of one picture its nearest person, or nobody.

    Of two faces that are nearest to the same person the nearer one has the name; the other is
    unknown, for its second-nearest person is seldom right. For the same reason a face is unknown
    whose nearest person is vetoed.

    Args:
        far: `(t, p)` distances.
        vetoed: `(t, p)` names that faces may not have.
        apart: pairs of positions that cannot be one person, both ways round.
        tolerance: largest distance of a known face.

    Returns:
        `(t,)` positions of people, -1 for nobody; `(t,)` distances to the nearest person, NaN where
        there is nobody at all.
    """
    person = np.full(len(far), -1, np.int64)
    if far.shape[1] == 0 or not np.isfinite(far).any():
        return person, np.full(len(far), np.nan, np.float32)
    nearest, distance = far.argmin(axis=1), far.min(axis=1)
    beside = neighbours(apart)
    for t in np.argsort(distance, kind="stable"):
        taken = {int(person[other]) for other in beside.get(int(t), ())}
        if distance[t] <= tolerance and nearest[t] not in taken and not vetoed[t, nearest[t]]:
            person[t] = nearest[t]
    return person, distance.astype(np.float32)


def identify_tracks(
    mean: Floats, clear: Floats, apart: Pairs, gallery: Gallery, tolerances: Tolerances
) -> Names:
    """Who each track is.

    Args:
        mean: `(t, d)` of `plain_means`.
        clear: `(t,)` of `clearness`.
        apart: pairs of positions that share a frame.
        gallery: The known people.
        tolerances: The network's.
    """
    label, others = clusters(mean, clear, apart, tolerances), vetoes(unit(mean), gallery)
    # Whom a photo in `not/` shows is another person than the rest of the cluster.
    _, first, label = np.unique(
        np.column_stack([label, others]), axis=0, return_index=True, return_inverse=True
    )
    label = label.ravel()
    count = int(label.max(initial=-1)) + 1
    # Only the clear tracks of a cluster count, but poor ones that are alone count for themselves.
    good = clear >= tolerances.clear
    judged = good | ~np.isin(label, label[good])
    centre = cluster_means(mean[judged], label[judged], count)
    template = unit(centre)
    far = distances(template, gallery, tolerances.sure)
    vetoed = vetoes(template, gallery) | others[first]
    meeting = {(int(label[a]), int(label[b])) for a, b in apart}
    person, sure, offer = _decided(far, vetoed, centre, meeting, tolerances)
    distance = far.min(axis=1) if gallery.people else np.full(count, np.inf, np.float32)
    distance = np.where(np.isfinite(distance), distance, np.nan).astype(np.float32)
    sure = np.where(np.isnan(distance), np.nan, sure).astype(np.float32)
    return Names(label, person[label], distance[label], sure[label], offer[label], far[label])


def chance(numbers: tuple[float, float, float], one: float, other: float) -> float:
    """The chance from 0 to 1 that a name is right, see `Tolerances`.

    >>> round(chance((0.0, -1.0, 1.0), 0.5, 0.5), 2)
    0.5
    """
    constant, first, second = numbers
    return float(1 / (1 + np.exp(-np.clip(constant + first * one + second * other, -50, 50))))


def _decided(
    far: Floats, vetoed: Flags, centre: Floats, meeting: Pairs, tolerances: Tolerances
) -> tuple[Ints, Floats, Ints]:
    """Gives each cluster its nearest person, or nobody; as a rule one name goes to one cluster.

    Of several clusters that are near enough to one person the nearest has the name. Another one
    has it too where it is surely that person: very near to the photos, or near to a cluster of
    that name. A cluster that shares a frame with one of that name is somebody else.

    Args:
        far: `(c, p)` distances.
        vetoed: `(c, p)` names that clusters may not have.
        centre: `(c, d)` plain means.
        meeting: pairs of clusters that share a frame.
        tolerances: The network's.

    Returns:
        `(c,)` each: positions of people or -1; the chance that the nearest one is right; positions
        of people who are offered, or -1.
    """
    count = len(far)
    person, offer = np.full(count, -1, np.int64), np.full(count, -1, np.int64)
    sure = np.zeros(count, np.float32)
    if not np.isfinite(far).any():
        return person, sure, offer
    nearest, distance = far.argmin(axis=1), far.min(axis=1)
    rest = far.copy()
    rest[np.arange(count), nearest] = np.inf
    margin = np.minimum(rest.min(axis=1) - distance, tolerances.margin)
    beside = neighbours(meeting)
    holders: dict[int, list[int]] = {}
    # Of equally near clusters the order is that of their embeddings, not that of their tracks.
    for k in np.lexsort((*centre.round(5).T[::-1], distance.round(5))).tolist():
        name = int(nearest[k])
        held = holders.setdefault(name, [])
        right, surely = chance(tolerances.first, distance[k], margin[k]), not held
        if margin[k] < TIE:
            right = min(right, 0.5)
        if held:
            link = float(between(centre[k : k + 1], centre[held]).min())
            right = min(right, chance(tolerances.second, distance[k], link))
            surely = distance[k] <= tolerances.sure or link <= tolerances.link
        if vetoed[k, name] or beside.get(k, set()) & set(held):
            continue
        sure[k] = right
        if distance[k] <= tolerances.name and surely:
            person[k] = name
            held.append(k)
        elif right >= OFFERED:
            offer[k] = name
    return person, sure, offer


def name_tracks(walked: Walked, gallery: Gallery, tolerances: Tolerances, digest: str) -> Walked:
    """Writes faces.csv again with today's names; the embeddings stay.

    Args:
        walked: The movie.
        gallery: The known people.
        tolerances: The network's.
        digest: Of gallery and tolerance, kept in tracks.npz.

    Returns:
        The movie with those names.

    Raises:
        TableError: faces.csv is missing or damaged, or tracks.npz is of another network.
        OutputError: A file cannot be written.
    """
    rows, tracks, folder = walked.rows, walked.tracks, walked.folder
    _check_length(folder, tracks, gallery)
    numbers, mean = plain_means(tracks.embedding, tracks.track)
    place = np.searchsorted(numbers, rows["track"].to_numpy())
    clear = clearness(tracks.quality, tracks.track)
    apart = together(rows.assign(track=place))
    names = identify_tracks(mean, clear, apart, gallery, tolerances)
    called = np.array([*gallery.people, ""], dtype=object)[names.person]
    named = rows.assign(
        person=called[place], distance=names.distance[place], sure=names.sure[place]
    )
    mark_outdated(folder)
    if tracks.gallery:  # Until both are written, nothing may say whose names faces.csv holds.
        tracks_npz.write_tracks(folder / TRACKS_FILE, replace(tracks, gallery=""))
    faces_csv.write_faces(folder / FACES, [named])
    renamed = replace(
        tracks, people=np.array(gallery.people, np.str_), far=names.far, gallery=digest,
        person=names.person, cluster=names.cluster, sure=names.sure, offer=names.offer,
    )  # fmt: skip
    tracks_npz.write_tracks(folder / TRACKS_FILE, renamed)
    _advise_more_photos(folder, names.offer, gallery)
    return replace(walked, tracks=renamed)


def _check_length(folder: Path, tracks: Tracks, gallery: Gallery) -> None:
    """Refuses tracks of another network than the photos.

    Raises:
        TableError: Their embeddings have another length.
    """
    photos = gallery.embedding if len(gallery.embedding) else gallery.other
    has, wants = tracks.embedding.shape[1], photos.shape[1]
    if len(tracks.embedding) and len(photos) and has != wants:
        raise TableError(
            f"{folder / TRACKS_FILE}: has embeddings of {has} numbers, and those of the photos "
            f"have {wants}; {AGAIN}"
        )


def _advise_more_photos(folder: Path, offer: Ints, gallery: Gallery) -> None:
    """Says whose name rests on a single photo where others may have it, too."""
    count = np.bincount(gallery.owner, minlength=len(gallery.people))
    single = [gallery.people[i] for i in np.unique(offer[offer >= 0]) if count[i] == 1]
    if single:
        log.warning(
            "%s: there is a single photo of %s, and some faces without a name may be theirs; three "
            "photos make names surer (mine-video cast %s shows who may be whom)",
            folder, ", ".join(single), quote(str(folder)),
        )  # fmt: skip
