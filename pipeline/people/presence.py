"""Who is who in a movie: screen time, tracks, and how sure the names are."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.disk.tracks_npz import Tracks
from pipeline.faces import Floats, Numbers, median_step


@dataclass(frozen=True, slots=True)
class Offer:
    """A name that unknown faces may have.

    Attributes:
        person: the name.
        sure: the chance from 0 to 1 that it is theirs.
        tracks: the numbers of their tracks, rising.
        time: seconds into the movie when they are first seen.
    """

    person: str
    sure: float
    tracks: tuple[int, ...]
    time: float


@dataclass(frozen=True, slots=True)
class Presence:
    """One person in a movie, or all unknown ones together.

    Attributes:
        person: a name, "" for the unknown.
        seconds: screen time; a frame with two unknown faces counts once.
        tracks: how many.
        faces: rows of faces.csv.
        distance: mean over the faces of their tracks' distance to the nearest person, NaN where
            nobody is known.
        sure: mean over the faces of the chance from 0 to 1 that the name is right; NaN for the
            unknown, and where an earlier version named them.
        other: the person, but this one, whom the faces are nearest to on average; "" for none.
        other_distance: that average, NaN for none.
        offers: of the unknown: the known people whom some of them may be, the surest first.
    """

    person: str
    seconds: float
    tracks: int
    faces: int
    distance: float
    sure: float
    other: str
    other_distance: float
    offers: tuple[Offer, ...] = ()


def durations(frame: NDArray[np.int64], times: Numbers, stride: int) -> Numbers:
    """How long each row's frame stands for: until the next analysed one, by the timestamps.

    Args:
        frame: `(n,)` of the rows.
        times: `(frames,)` seconds of every frame of the movie, rising.
        stride: source frames between analysed ones.

    Returns:
        `(n,)` seconds; the last frame is as long as the median one.

    >>> durations(np.array([0, 2]), np.array([0.0, 0.5, 1.0]), 1).tolist()
    [0.5, 0.5]
    """
    beyond = float(times[-1]) + median_step(times) * np.arange(1, stride + 1)
    longer = np.concatenate([times, beyond])
    return longer[frame + stride] - longer[frame]


def who_is_who(rows: pd.DataFrame, tracks: Tracks, seconds: Numbers) -> Iterator[Presence]:
    """Everybody who is there, the longest on screen first, the unknown last.

    Args:
        rows: As `faces_csv.read_faces` gives them, named.
        tracks: The movie's, named.
        seconds: `(n,)` of `durations`.
    """
    numbers = np.unique(tracks.track)
    timed = rows.assign(seconds=seconds, place=np.searchsorted(numbers, rows["track"].to_numpy()))
    found = []
    for person, own in timed.groupby("person", sort=True):
        far = tracks.far[own["place"].to_numpy()].mean(axis=0, dtype=np.float64)
        other, other_distance = nearest(str(person), tracks.people.tolist(), far)
        found.append(
            Presence(
                person=str(person),
                seconds=float(own.drop_duplicates("frame")["seconds"].sum()),
                tracks=own["track"].nunique(),
                faces=len(own),
                distance=float(own["distance"].mean()),
                sure=float(own["sure"].mean()) if person else float("nan"),
                other=other,
                other_distance=other_distance,
                offers=() if person else tuple(_offers(rows, tracks)),
            )
        )
    yield from sorted(found, key=lambda one: (not one.person, -one.seconds))


def _offers(rows: pd.DataFrame, tracks: Tracks) -> list[Offer]:
    numbers, begin = np.unique(tracks.track), rows.groupby("track")["time"].min()
    found = []
    for cluster in np.unique(tracks.cluster[tracks.offer >= 0]):
        own = tracks.cluster == cluster
        found.append(
            Offer(
                person=str(tracks.people[tracks.offer[own][0]]),
                sure=float(tracks.sure[own][0]),
                tracks=tuple(numbers[own].tolist()),
                time=float(begin.reindex(numbers[own]).min()),
            )
        )
    return sorted(found, key=lambda one: (-one.sure, one.tracks))


def nearest(person: str, people: list[str], far: Floats | Numbers) -> tuple[str, float]:
    """The nearest but one's self and how near; "" and NaN where no other has a photo.

    Args:
        person: One's self, "" for nobody.
        people: `(p,)` the known.
        far: `(p,)` distances to them, infinite where there is no photo.
    """
    there = [(float(d), name) for name, d in zip(people, far, strict=True) if name != person]
    distance, name = min(there, default=(np.inf, ""))
    return (name, distance) if np.isfinite(distance) else ("", float("nan"))
