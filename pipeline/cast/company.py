"""Who is in a walked movie: the people it names, and its unknown cast by number."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.cast.adopt import pictures
from pipeline.disk import manifest as manifests
from pipeline.disk.find import walked_movies
from pipeline.disk.tracks_npz import Tracks
from pipeline.disk.walked import (
    CAST,
    CAST_TABLE,
    PHOTO_LIST,
    Walked,
    finished,
    merged_tracks,
)
from pipeline.errors import MiningError, TableError
from pipeline.faces import Ints, Numbers
from pipeline.people import gallery
from pipeline.people.presence import Presence, durations, nearest, who_is_who
from pipeline.settings import Job

FACES = 4
"""Small faces of a known person, each of another track where there are so many."""


@dataclass(frozen=True, slots=True)
class ListedMovie:
    """A movie's folder in the list of all.

    Attributes:
        name: the folder's, by which it is asked for.
        movie: what it is called where its walk can be gone on with, else "".
        known: names that are given in it.
        unknown: tracks of nobody.
        problem: why it cannot be shown, "" where it can.
    """

    name: str
    movie: str = ""
    known: tuple[str, ...] = ()
    unknown: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who has a name.

    Attributes:
        presence: screen time, tracks, and how sure the name is.
        photos: in the known faces.
        faces: small ones of the movie, as JPEG, the clearest first.
    """

    presence: Presence
    photos: int
    faces: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class CastMember:
    """One of the unknown cast.

    Attributes:
        number: in the cast.
        seconds: screen time that nobody is named in.
        tracks: likewise.
        photos: that would become known faces.
        nearest: the known person whom the tracks are nearest to on average, "" for none.
        distance: that average, NaN for none.
        offer: a known person who it may be, "" for none.
        sure: the chance from 0 to 1 that it is; NaN for none.
    """

    number: int
    seconds: float
    tracks: int
    photos: int
    nearest: str
    distance: float
    offer: str
    sure: float


@dataclass(frozen=True, slots=True)
class Company:
    """All who are in a movie.

    Attributes:
        movie: what it is called.
        known: the longest on screen first.
        strangers: likewise; empty before the cast is sorted.
        unknown: all faces without a name, None where there are none.
        cast: whether the unknown faces were sorted.
        version: of that cast: its numbers mean others when this is another.
        outdated: whether the known faces are others than those that gave the names.
        old_crops: whether some were picked under other names than their faces have now.
    """

    movie: str
    known: tuple[Known, ...]
    strangers: tuple[CastMember, ...]
    unknown: Presence | None
    cast: bool
    version: str
    outdated: bool
    old_crops: bool

    @property
    def rest(self) -> int:
        """Tracks of nobody that are in no number of the cast."""
        if self.unknown is None:
            return 0
        return self.unknown.tracks - sum(one.tracks for one in self.strangers)


def shown(text: str) -> str:
    r"""A name as text: a file's may hold bytes that are none.

    >>> shown("caf\udce9")
    'caf\\udce9'
    """
    return text.encode(errors="backslashreplace").decode()


def listed_movies(output: Path) -> Iterator[ListedMovie]:
    """All walked movies; of broken ones why they are."""
    for name, folder in walked_movies(output).items():
        try:
            walk = manifests.read(folder)
            tracks = merged_tracks(folder, walk)
        except MiningError as error:
            why = str(error).replace(f"{folder}{os.sep}", "").removeprefix(f"{folder}: ")
            yield ListedMovie(name, problem=shown(why))
            continue
        if tracks is None:
            yield ListedMovie(name, shown(walk.movie.name), problem="its walk is not finished")
            continue
        known = [str(tracks.people[i]) for i in np.unique(tracks.person[tracks.person >= 0])]
        unnamed = len(np.unique(tracks.track)) - int((tracks.person >= 0).sum())
        yield ListedMovie(name, known=tuple(known), unknown=unnamed)


def company(folder: Path, job: Job) -> Company:
    """Who is in a movie, by what lies on disk; names nobody, and waits for nobody.

    Raises:
        TableError: A file is missing or torn.
        PeopleError: The known faces or the cast cannot be read.
    """
    walked = finished(folder)
    walk, rows, tracks = walked.manifest, walked.rows, walked.tracks
    seconds = durations(rows["frame"].to_numpy(), walk.scan.times, walked.stride)
    named = len(tracks.far) > 0  # Not where a walk was stopped just before its names.
    there = list(who_is_who(rows, tracks, seconds)) if named else []
    photos = gallery.photos(job.known_faces)
    known = (
        Known(one, len(photos.get(one.person, ())), _faces(rows, tracks, one.person))
        for one in there
        if one.person
    )
    return Company(
        movie=shown(walk.movie.name),
        known=tuple(known),
        strangers=tuple(_strangers(folder, rows, tracks, seconds)),
        unknown=next((one for one in there if not one.person), None),
        cast=(folder / CAST_TABLE).is_file(),
        version=version(folder),
        outdated=tracks.gallery != gallery.digest(job.known_faces, job.tolerance),
        old_crops=_old_crops(folder, rows),
    )


def _faces(rows: pd.DataFrame, tracks: Tracks, person: str) -> tuple[bytes, ...]:
    """The clearest face of each of somebody's clearest tracks."""
    if len(tracks.thumb) == 0:
        return ()
    own: Ints = rows.loc[rows["person"] == person, "track"].unique()
    places = np.flatnonzero(np.isin(tracks.track, own))
    places = places[np.argsort(-tracks.quality[places], kind="stable")]
    _, first = np.unique(tracks.track[places], return_index=True)
    best = tracks.thumb[places[np.sort(first)][:FACES]].tolist()
    return tuple(best)


def _strangers(
    folder: Path, rows: pd.DataFrame, tracks: Tracks, seconds: Numbers
) -> Iterator[CastMember]:
    """The cast, without those who have a name by now."""
    photos = pictures(folder)
    timed = rows.assign(seconds=seconds, number=rows["track"].map(numbers(folder)))
    timed = timed[(timed["person"] == "") & timed["number"].notna()]
    found = []
    for key, own in timed.astype({"number": "int64"}).groupby("number"):
        number, (known, distance) = int(str(key)), _nearest(tracks, own)
        offer, sure = _offered(tracks, own)
        found.append(
            CastMember(
                number=number,
                seconds=float(own["seconds"].sum()),
                tracks=own["track"].nunique(),
                photos=len(photos.get(number, ())),
                nearest=known,
                distance=distance,
                offer=offer,
                sure=sure,
            )
        )
    yield from sorted(found, key=lambda one: (-one.seconds, one.number))


def _nearest(tracks: Tracks, rows: pd.DataFrame) -> tuple[str, float]:
    """Whom faces are nearest to on average, and how near; nobody where nobody has a photo."""
    own = np.isin(np.unique(tracks.track), rows["track"])[: len(tracks.far)]
    if not own.any():
        return "", float("nan")
    return nearest("", tracks.people.tolist(), tracks.far[own].mean(axis=0))


def _offered(tracks: Tracks, rows: pd.DataFrame) -> tuple[str, float]:
    """Who faces may be, and how surely; nobody where no name is offered to any of them."""
    own = np.isin(np.unique(tracks.track), rows["track"])[: len(tracks.offer)]
    own &= tracks.offer >= 0
    if not own.any():
        return "", float("nan")
    best = np.flatnonzero(own)[tracks.sure[own].argmax()]
    return str(tracks.people[tracks.offer[best]]), float(tracks.sure[best])


def owners(walked: Walked) -> dict[int, str | int]:
    """Whose each track is: the name it has, or else its number in the cast.

    Raises:
        TableError: A file is missing or torn.
    """
    tracks, cast = walked.tracks, numbers(walked.folder)
    person = np.full(len(np.unique(tracks.track)), -1)
    person[: len(tracks.person)] = tracks.person  # There are none before a walk is named.
    named = zip(np.unique(tracks.track).tolist(), person.tolist(), strict=True)
    found = {t: str(tracks.people[i]) if i >= 0 else cast.get(t, "") for t, i in named}
    return {track: whose for track, whose in found.items() if whose}


def numbers(folder: Path) -> dict[int, int]:
    """The number in the cast of each track.

    Raises:
        TableError: cast.csv is torn or foreign.
    """
    path = folder / CAST_TABLE
    if not path.is_file():
        return {}
    try:
        found = pd.read_csv(path, usecols=["cluster", "track"], dtype="int64")
    except (ValueError, OSError) as error:  # pandas' own are ValueErrors.
        raise TableError(f"{path}: torn or changed ({error}); delete it, and sort again") from error
    return dict(zip(found["track"].tolist(), found["cluster"].tolist(), strict=True))


def version(folder: Path) -> str:
    """A hash of a movie's cast, "" where there is none."""
    whole = hashlib.sha256()
    for path in (folder / CAST_TABLE, folder / CAST / PHOTO_LIST):
        with suppress(OSError):
            whole.update(path.read_bytes())
    return whole.hexdigest()[:16] if (folder / CAST_TABLE).is_file() else ""


def _old_crops(folder: Path, rows: pd.DataFrame) -> bool:
    """Whether a face was picked under another name than its track has now."""
    names = rows.drop_duplicates("track").set_index("track")["person"]
    kinds: Any = {"track": "int64", "person": "str"}
    for path in folder.glob("*/*/crops.csv"):
        with suppress(ValueError, OSError):  # Who reads the crops tells what is wrong with them.
            found = pd.read_csv(path, usecols=list(kinds), dtype=kinds, keep_default_na=False)
            if (found["track"].map(names) != found["person"]).any():
                return True
    return False
