"""tracks.npz: a few embeddings of each track of a movie, and who each track is."""

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
"""Numbers of an embedding by the networks that ship, and where no face is embedded."""

SEEN: Schema = {
    "embedding": ("f", (None, None)), "track": ("i", (None,)), "frame": ("i", (None,)),
    "quality": ("f", (None,)), "thumb": ("S", (None,)), "starts": ("i", (None,)),
}  # fmt: skip
"""The arrays that parts and tracks.npz share: of each embedded face, and of each shot."""

ABSENT: dict[str, NDArray[Any]] = {
    "starts": np.zeros(0, np.int64), "cluster": np.zeros(0, np.int64),
    "sure": np.zeros(0, np.float32), "offer": np.zeros(0, np.int64),
}  # fmt: skip
"""Defaults for arrays that files of earlier versions lack."""

TRACKS: Schema = {
    **SEEN, "walk": ("U", ()), "people": ("U", (None,)), "far": ("f", (None, None)),
    "gallery": ("U", ()), "person": ("i", (None,)),
    "cluster": ("i", (None,)), "sure": ("f", (None,)), "offer": ("i", (None,)),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """All tracks of a movie, and a few embeddings of each.

    Attributes:
        embedding: `(m, d)` embeddings of unit length.
        track: `(m,)` track of each embedding.
        frame: `(m,)` frame of each embedding.
        quality: `(m,)` quality of each embedded face, 0 to 1.
        walk: fingerprint of the walk that the tracks belong to.
        people: `(p,)` names in the gallery that named the tracks; empty before naming.
        far: `(t, p)` distance of each track, in rising order, to each of `people`.
        gallery: digest of the gallery and tolerance that named the tracks; "" before naming.
        person: `(t,)` position in `people` of each track's person, -1 for nobody; empty before
            naming.
        cluster: `(t,)` tracks of one number are one person; empty before naming and in files of
            earlier versions, as are the next two.
        sure: `(t,)` chance from 0 to 1 that the nearest person is right; NaN if nobody is known.
        offer: `(t,)` position in `people` of the name that the track may have but does not get,
            or -1.
        thumb: `(m,)` small JPEG of each embedded face, or `(0,)` if none are kept.
        starts: `(s,)` first analysed frame of each shot of the movie, or `(0,)` if an earlier
            version walked it.
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
    """Writes tracks.npz to `path`.

    Raises:
        OutputError: The file cannot be written.
    """
    write_arrays(path, {f.name: getattr(tracks, f.name) for f in fields(tracks)})


def read_tracks(path: Path) -> Tracks:
    """Reads tracks.npz.

    Raises:
        TableError: The file is missing, damaged, or of another program.
    """
    arrays = read_arrays(path, TRACKS, ABSENT)
    check_seen(path, arrays)
    far, people, person = arrays["far"], arrays["people"], arrays["person"]
    count = len(np.unique(arrays["track"]))
    named = far.shape == (count, len(people)) and len(person) == count
    if not (named or far.shape == (0, len(people)) == (len(person), 0)) or not (far >= 0).all():
        raise TableError(f"{path}: needs one distance for each track and person; {AGAIN}")
    cluster, sure, offer = arrays["cluster"], arrays["sure"], arrays["offer"]
    if len({len(cluster), len(sure), len(offer)}) > 1 or len(cluster) not in (0, len(person)):
        raise TableError(f"{path}: needs one cluster for each track; {AGAIN}")
    if (cluster < 0).any() or (offer < -1).any() or (offer >= len(people)).any():
        raise TableError(f"{path}: offers people that are not in its list; {AGAIN}")
    if not ((sure >= 0) & (sure <= 1) | np.isnan(sure)).all():
        raise TableError(f"{path}: a chance is not between 0 and 1; {AGAIN}")
    if (person < -1).any() or (person >= len(people)).any():
        raise TableError(f"{path}: has tracks of people that are not in its list; {AGAIN}")
    return Tracks(
        embedding=arrays["embedding"].astype(np.float32),
        track=arrays["track"].astype(np.int64),
        frame=arrays["frame"].astype(np.int64),
        quality=arrays["quality"].astype(np.float32),
        walk=str(arrays["walk"]),
        people=arrays["people"].astype(np.str_),
        far=arrays["far"].astype(np.float32),
        gallery=str(arrays["gallery"]),
        person=person.astype(np.int64),
        cluster=cluster.astype(np.int64),
        sure=sure.astype(np.float32),
        offer=offer.astype(np.int64),
        thumb=arrays["thumb"],
        starts=arrays["starts"].astype(np.int64),
    )


def check_seen(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Checks the arrays of `SEEN`.

    Raises:
        TableError: The arrays have different lengths, or impossible values.
    """
    seen = [arrays[name] for name in ("embedding", "track", "frame", "quality")]
    if len({len(array) for array in seen}) > 1:
        raise TableError(
            f"{path}: its arrays have different lengths {[len(array) for array in seen]}; {AGAIN}"
        )
    if len(arrays["thumb"]) not in (0, len(seen[0])):
        raise TableError(
            f"{path}: has {len(arrays['thumb'])} pictures of {len(seen[0])} faces; {AGAIN}"
        )
    embedding, track, frame, quality = seen
    valid = (np.abs(embedding) <= 1.01).all() and (np.abs(quality) <= 1).all()  # Also refuses NaN.
    if not valid or (track < 0).any() or (frame < 0).any():
        raise TableError(f"{path}: has an impossible embedding, track or frame; {AGAIN}")
    starts = arrays["starts"]
    if (starts < 0).any() or (starts[1:] <= starts[:-1]).any():
        raise TableError(f"{path}: its shots are not in order; {AGAIN}")
