"""tracks.npz: a few embeddings of each track of a movie, and who the track is."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.disk.npz import AGAIN, Schema, read_arrays, write_arrays
from pipeline.errors import TableError
from pipeline.faces import Floats, Ints

Text = NDArray[np.str_]


Bytes = NDArray[np.bytes_]


EMBEDDING = 128
"""Numbers of an embedding."""

SEEN: Schema = {
    "embedding": ("f", (None, EMBEDDING)), "track": ("i", (None,)), "frame": ("i", (None,)),
    "quality": ("f", (None,)), "thumb": ("S", (None,)), "starts": ("i", (None,)),
}  # fmt: skip
"""What parts and tracks.npz hold of each embedded face, and of each shot."""

ABSENT: dict[str, NDArray[Any]] = {
    "starts": np.zeros(0, np.int64), "cluster": np.zeros(0, np.int64),
    "sure": np.zeros(0, np.float32), "offer": np.zeros(0, np.int64),
}  # fmt: skip
"""Files of earlier versions lack these."""

TRACKS: Schema = {
    **SEEN, "walk": ("U", ()), "people": ("U", (None,)), "far": ("f", (None, None)),
    "gallery": ("U", ()), "person": ("i", (None,)),
    "cluster": ("i", (None,)), "sure": ("f", (None,)), "offer": ("i", (None,)),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """All tracks of a movie, and a few embeddings of each.

    Attributes:
        embedding: `(m, 128)` unit length.
        track: `(m,)` whose embedding it is.
        frame: `(m,)` where it was seen.
        quality: `(m,)` 0 to 1.
        walk: fingerprint of the walk that they belong to.
        people: `(p,)` the gallery's names when the tracks were named; empty before.
        far: `(t, p)` distance of each track, in rising order, to each of those people.
        gallery: digest of the gallery and tolerance that named them, "" before naming.
        person: `(t,)` position in `people` of who each track is, -1 for nobody; empty before.
        cluster: `(t,)` tracks of one number are one person; empty before, and in files of earlier
            versions, as are the next two.
        sure: `(t,)` the chance from 0 to 1 that the nearest person is right; NaN without any.
        offer: `(t,)` position in `people` of a name that the track may have and has not, or -1.
        thumb: `(m,)` small JPEG of each embedded face, or `(0,)` where none are kept.
        starts: `(s,)` first analysed frame of each shot of the movie, or `(0,)` where an earlier
            version walked it, which kept none.
    """

    embedding: Floats
    track: Ints
    frame: Ints
    quality: Floats
    walk: str
    people: Text = field(default_factory=lambda: np.zeros(0, np.str_))
    far: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    gallery: str = ""
    person: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    cluster: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    sure: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    offer: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    thumb: Bytes = field(default_factory=lambda: np.zeros(0, np.bytes_))
    starts: Ints = field(default_factory=lambda: np.zeros(0, np.int64))


def write_tracks(path: Path, tracks: Tracks) -> None:
    """Writes tracks.npz in the place of `path`.

    Raises:
        OutputError: It cannot be written.
    """
    write_arrays(path, {f.name: getattr(tracks, f.name) for f in fields(tracks)})


def read_tracks(path: Path) -> Tracks:
    """Reads tracks.npz.

    Raises:
        TableError: It is missing, foreign or torn.
    """
    found = read_arrays(path, TRACKS, ABSENT)
    check_seen(path, found)
    far, people, person = found["far"], found["people"], found["person"]
    count = len(np.unique(found["track"]))
    named = far.shape == (count, len(people)) and len(person) == count
    if not (named or far.shape == (0, len(people)) == (len(person), 0)) or not (far >= 0).all():
        raise TableError(f"{path}: its distances are not one for each track and person; {AGAIN}")
    cluster, sure, offer = found["cluster"], found["sure"], found["offer"]
    if len({len(cluster), len(sure), len(offer)}) > 1 or len(cluster) not in (0, len(person)):
        raise TableError(f"{path}: its people are not one for each track; {AGAIN}")
    if (cluster < 0).any() or (offer < -1).any() or (offer >= len(people)).any():
        raise TableError(f"{path}: has tracks of people whom it does not list; {AGAIN}")
    if not ((sure >= 0) & (sure <= 1) | np.isnan(sure)).all():
        raise TableError(f"{path}: a chance is not between 0 and 1; {AGAIN}")
    if (person < -1).any() or (person >= len(people)).any():
        raise TableError(f"{path}: has tracks of people whom it does not list; {AGAIN}")
    return Tracks(
        embedding=found["embedding"].astype(np.float32),
        track=found["track"].astype(np.int64),
        frame=found["frame"].astype(np.int64),
        quality=found["quality"].astype(np.float32),
        walk=str(found["walk"]),
        people=found["people"].astype(np.str_),
        far=found["far"].astype(np.float32),
        gallery=str(found["gallery"]),
        person=person.astype(np.int64),
        cluster=found["cluster"].astype(np.int64),
        sure=found["sure"].astype(np.float32),
        offer=found["offer"].astype(np.int64),
        thumb=found["thumb"],
        starts=found["starts"].astype(np.int64),
    )


def check_seen(path: Path, found: dict[str, NDArray[Any]]) -> None:
    """Checks what parts and tracks.npz hold of each embedded face, and of each shot.

    Raises:
        TableError: The arrays are of unlike lengths, or hold what cannot be.
    """
    seen = [found[name] for name in ("embedding", "track", "frame", "quality")]
    if len({len(array) for array in seen}) > 1:
        raise TableError(f"{path}: lengths differ: {[len(array) for array in seen]}; {AGAIN}")
    if len(found["thumb"]) not in (0, len(seen[0])):
        raise TableError(f"{path}: has {len(found['thumb'])} pictures of {len(seen[0])}; {AGAIN}")
    embedding, track, frame, quality = seen
    sound = (np.abs(embedding) <= 1.01).all() and (np.abs(quality) <= 1).all()  # NaN is neither.
    if not sound or (track < 0).any() or (frame < 0).any():
        raise TableError(f"{path}: holds what is no face's embedding, track or frame; {AGAIN}")
    starts = found["starts"]
    if (starts < 0).any() or (starts[1:] <= starts[:-1]).any():
        raise TableError(f"{path}: its shots do not follow one another; {AGAIN}")
