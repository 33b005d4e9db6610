"""Lists who is in a movie, and with whom: screen time, tracks, and how sure the names are."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.disk.tracks_npz import Tracks
from pipeline.faces import Floats, Ints, Numbers, median_step


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
    """One person in a movie, or all unknown people together.

    Attributes:
        person: a name, "" for the unknown people.
        seconds: screen time; a frame with two unknown faces counts once.
        tracks: number of tracks.
        faces: number of faces (rows of faces.csv).
        distance: mean distance of the faces' tracks to the nearest person, NaN if nobody is known.
        sure: mean chance from 0 to 1 that the name is right; NaN for the unknown people, and if an
            earlier version named them.
        other: the nearest other person on average; "" for none.
        other_distance: mean distance to that person, NaN for none.
        offers: for the unknown people: whom some of them may be, the surest first.
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
    """The time from each row's frame to the next analysed frame, by the timestamps.

    Args:
        frame: `(n,)` frame numbers of the rows.
        times: `(frames,)` timestamps of all frames of the movie in seconds, rising.
        stride: Source frames between analysed ones.

    Returns:
        `(n,)` seconds; the last frame is taken to last as long as the median one.

    >>> durations(np.array([0, 2]), np.array([0.0, 0.5, 1.0]), 1).tolist()
    [0.5, 0.5]
    """
    beyond = float(times[-1]) + median_step(times) * np.arange(1, stride + 1)
    longer = np.concatenate([times, beyond])
    return longer[frame + stride] - longer[frame]


def one_a_frame(rows: pd.DataFrame) -> pd.DataFrame:
    """Keeps the largest face of each person in each frame.

    Several unknown people may be in one frame, but count as one person.
    """
    area = (rows["x2"] - rows["x1"]) * (rows["y2"] - rows["y1"])
    ordered = rows.assign(area=area).sort_values(["frame", "area"], kind="stable")
    return ordered.drop_duplicates(["person", "frame"], keep="last")


def who_is_who(rows: pd.DataFrame, tracks: Tracks, seconds: Numbers) -> Iterator[Presence]:
    """Everybody in the movie, the longest on screen first, the unknown people last.

    Args:
        rows: Rows as `faces_csv.read_faces` returns them, named.
        tracks: The movie's tracks, named.
        seconds: `(n,)` from `durations`.
    """
    numbers = np.unique(tracks.track)
    position = np.searchsorted(numbers, rows["track"].to_numpy())
    timed = rows.assign(seconds=seconds, position=position)
    presences = []
    for person, of_person in timed.groupby("person", sort=True):
        far = tracks.far[of_person["position"].to_numpy()].mean(axis=0, dtype=np.float64)
        other, other_distance = nearest(str(person), tracks.people.tolist(), far)
        presences.append(
            Presence(
                person=str(person),
                seconds=float(of_person.drop_duplicates("frame")["seconds"].sum()),
                tracks=of_person["track"].nunique(),
                faces=len(of_person),
                distance=float(of_person["distance"].mean()),
                sure=float(of_person["sure"].mean()) if person else float("nan"),
                other=other,
                other_distance=other_distance,
                offers=() if person else tuple(_offers(rows, tracks)),
            )
        )
    yield from sorted(presences, key=lambda presence: (not presence.person, -presence.seconds))


def shared_screen(rows: pd.DataFrame, seconds: Numbers) -> pd.DataFrame:
    """Who appears with whom, among people with a name.

    Args:
        rows: Rows as `faces_csv.read_faces` returns them, named.
        seconds: `(n,)` from `durations`.

    Returns:
        A row for each pair that shares a shot, the longest in one picture first: `person` and
        `other`, `seconds` of the frames that show both, and `shots` that show both, in one picture
        or one after the other.
    """
    known = rows.assign(seconds=seconds)[(rows["person"] != "").to_numpy()]
    people, who = np.unique(known["person"].to_numpy(str), return_inverse=True)
    both = _together(known["frame"].to_numpy(), who, len(people), known["seconds"].to_numpy())
    shots = _together(known["shot"].to_numpy(), who, len(people), np.ones(len(known)))
    one, other = np.nonzero(shots)
    pairs = pd.DataFrame({
        "person": people[one], "other": people[other],
        "seconds": both[one, other], "shots": shots[one, other].astype(np.int64),
    })  # fmt: skip
    return pairs.sort_values(["seconds", "shots"], ascending=False, kind="stable").reset_index(
        drop=True
    )


def _together(place: Ints, who: Ints, people: int, weight: Numbers) -> Numbers:
    """The weight of the frames, or shots, that show two people, `(people, people)`.

    Args:
        place: `(n,)` the frame or shot of each row.
        who: `(n,)` positions of people.
        people: How many there are.
        weight: `(n,)` the same for all rows of a frame or shot.

    Returns:
        Weights where the row is before the column, else 0.
    """
    cells, first = np.unique(place.astype(np.int64) * people + who, return_index=True)
    place, who = np.divmod(cells, max(1, people))
    both = np.zeros(people**2)
    for apart in range(1, people):  # Of the people at a place, all who are so far apart in order.
        same = place[apart:] == place[:-apart]
        if not same.any():
            break
        pair = who[:-apart][same] * people + who[apart:][same]
        both += np.bincount(pair, weight[first[apart:]][same], people**2)
    return both.reshape(people, people)


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
    """The nearest other person and the distance; "" and NaN if no other person has a photo.

    Args:
        person: The person to leave out, "" for none.
        people: `(p,)` names of the known people.
        far: `(p,)` distances to them, infinite for a person without a photo.
    """
    others = [(float(d), name) for name, d in zip(people, far, strict=True) if name != person]
    distance, name = min(others, default=(np.inf, ""))
    return (name, distance) if np.isfinite(distance) else ("", float("nan"))
