"""Lists who is in a walked movie: its named people, and its unknown cast by number."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.disk import manifest as manifests
from pipeline.disk.find import walked_movies
from pipeline.disk.text_table import Stamp, file_stamp, unguarded_column
from pipeline.disk.tracks_npz import Tracks, read_tracks
from pipeline.disk.walked import (
    CAST,
    CAST_TABLE,
    PHOTO_LIST,
    TRACKS_FILE,
    Walked,
    finished,
    merged_tracks,
)
from pipeline.errors import MiningError, TableError
from pipeline.faces import Ints, Numbers
from pipeline.files import content, is_within, open_file
from pipeline.models.registry import compares, tolerances
from pipeline.people import gallery
from pipeline.people.presence import Presence, durations, nearest, who_is_who
from pipeline.settings import Job

FACES = 4
"""Number of small faces shown of a known person, at most one from each track."""


@dataclass(frozen=True, slots=True)
class ListedMovie:
    """A movie's folder in the list of all movies.

    Attributes:
        name: the folder's name, which identifies the movie in addresses.
        movie: the movie's file name if its walk can be continued, else "".
        known: names of the people in it.
        unknown: number of tracks without a name.
        problem: why it cannot be shown, "" if it can.
    """

    name: str
    movie: str = ""
    known: tuple[str, ...] = ()
    unknown: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """A person with a name.

    Attributes:
        presence: screen time, tracks, and how sure the name is.
        photos: number of photos among the known faces.
        faces: small faces from the movie, as JPEG, the clearest first.
    """

    presence: Presence
    photos: int
    faces: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class CastMember:
    """A person of the unknown cast.

    Attributes:
        number: the person's number in the cast.
        seconds: screen time of the tracks that still have no name.
        tracks: number of those tracks.
        photos: number of photos that naming the person would copy to the known faces.
        nearest: the known person nearest to the tracks on average, "" for none.
        distance: mean distance to that person, NaN for none.
        offer: the known person who it may be, "" for none.
        sure: the chance from 0 to 1 that it is, NaN for none.
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
    """Everybody in a movie.

    Attributes:
        movie: the movie's file name.
        known: people with a name, the longest on screen first.
        strangers: people of the unknown cast, in the same order; empty if there is no cast.
        unknown: all faces without a name, None if there are none.
        cast: whether the faces without a name were sorted.
        version: a hash of the cast; its numbers mean other people when this changes.
        tolerance: largest distance of a track that has a name.
        outdated: whether the known faces changed since the movie was named.
        old_crops: whether some crops were picked under a name that their face no longer has.
    """

    movie: str
    known: tuple[Known, ...]
    strangers: tuple[CastMember, ...]
    unknown: Presence | None
    cast: bool
    version: str
    tolerance: float
    outdated: bool
    old_crops: bool

    @property
    def rest(self) -> int:
        """The number of tracks that have neither a name nor a number of the cast."""
        if self.unknown is None:
            return 0
        return self.unknown.tracks - sum(stranger.tracks for stranger in self.strangers)


def shown(text: str) -> str:
    r"""A file's name as valid text: it may hold bytes that are not UTF-8.

    >>> shown("caf\udce9")
    'caf\\udce9'
    """
    return text.encode(errors="backslashreplace").decode()


def listed_movies(output: Path) -> Iterator[ListedMovie]:
    """Lists all walked movies; of damaged ones with the problem."""
    for name, folder in walked_movies(output).items():
        yield listed_movie(name, folder)


def listed_movie(name: str, folder: Path) -> ListedMovie:
    """Lists a walked movie; of a damaged one the problem."""
    try:
        walk = manifests.read(folder)
        tracks = merged_tracks(folder, walk)
    except MiningError as error:
        # The page names the folder already.
        problem = str(error).replace(f"{folder}{os.sep}", "").removeprefix(f"{folder}: ")
        return ListedMovie(name, problem=shown(problem))
    if tracks is None:
        return ListedMovie(name, shown(walk.movie.name), problem="its walk is not finished")
    known = [str(tracks.people[i]) for i in np.unique(tracks.person[tracks.person >= 0])]
    unnamed = len(np.unique(tracks.track)) - int((tracks.person >= 0).sum())
    return ListedMovie(name, known=tuple(known), unknown=unnamed)


def company(folder: Path, job: Job) -> Company:
    """Lists everybody in a movie by the files on disk; neither names faces nor takes the lock.

    Raises:
        TableError: A file is missing or damaged.
        PeopleError: The known faces or the cast cannot be read.
    """
    walked = finished(folder)
    walk, rows, tracks = walked.manifest, walked.rows, walked.tracks
    seconds = durations(rows["frame"].to_numpy(), walk.scan.times, walked.stride)
    is_named = len(tracks.far) > 0  # False if the walk was stopped just before it named the faces.
    presences = list(who_is_who(rows, tracks, seconds)) if is_named else []
    photos = gallery.photos(job.known_faces)
    known = (
        Known(presence, len(photos.get(presence.person, ())), _faces(rows, tracks, presence.person))
        for presence in presences
        if presence.person
    )
    return Company(
        movie=shown(walk.movie.name),
        known=tuple(known),
        strangers=tuple(_strangers(walked, seconds)),
        unknown=next((presence for presence in presences if not presence.person), None),
        cast=(folder / CAST_TABLE).is_file(),
        version=version(folder),
        tolerance=tolerances(walk.settings, job.tolerance).name,
        outdated=tracks.gallery != gallery.digest(job.known_faces, job.tolerance)
        and compares(walk.settings, walk.models),
        old_crops=bool(renamed_picks(folder)),
    )


def _faces(rows: pd.DataFrame, tracks: Tracks, person: str) -> tuple[bytes, ...]:
    """The clearest face of each of a person's `FACES` clearest tracks."""
    if len(tracks.thumb) == 0:
        return ()
    of_person: Ints = rows.loc[rows["person"] == person, "track"].unique()
    positions = np.flatnonzero(np.isin(tracks.track, of_person))
    positions = positions[np.argsort(-tracks.quality[positions], kind="stable")]
    _, first = np.unique(tracks.track[positions], return_index=True)
    best = tracks.thumb[positions[np.sort(first)][:FACES]].tolist()
    return tuple(best)


def _strangers(walked: Walked, seconds: Numbers) -> Iterator[CastMember]:
    """The people of the cast, without the tracks that got a name since."""
    photos, rows, tracks = pictures(walked.folder), walked.rows, walked.tracks
    number_of = numbers(walked.folder)
    timed = rows.assign(seconds=seconds, number=rows["track"].map(number_of))
    timed = timed[(timed["person"] == "") & timed["number"].notna()]
    members = []
    for key, of_number in timed.astype({"number": "int64"}).groupby("number"):
        number, (known, distance) = int(str(key)), _nearest(tracks, of_number)
        offer, sure = _offered(tracks, of_number)
        members.append(
            CastMember(
                number=number,
                seconds=float(of_number["seconds"].sum()),
                tracks=of_number["track"].nunique(),
                photos=len(photos.get(number, ())),
                nearest=known,
                distance=distance,
                offer=offer,
                sure=sure,
            )
        )
    yield from sorted(members, key=lambda member: (-member.seconds, member.number))


def _nearest(tracks: Tracks, rows: pd.DataFrame) -> tuple[str, float]:
    """The known person nearest to the tracks on average, and the distance; "" and NaN for none."""
    is_in_rows = np.isin(np.unique(tracks.track), rows["track"])[: len(tracks.far)]
    if not is_in_rows.any():
        return "", float("nan")
    return nearest("", tracks.people.tolist(), tracks.far[is_in_rows].mean(axis=0))


def _offered(tracks: Tracks, rows: pd.DataFrame) -> tuple[str, float]:
    """Who faces may be, and how surely; nobody where no name is offered to any of them."""
    own = np.isin(np.unique(tracks.track), rows["track"])[: len(tracks.offer)]
    own &= tracks.offer >= 0
    if not own.any():
        return "", float("nan")
    best = np.flatnonzero(own)[tracks.sure[own].argmax()]
    return str(tracks.people[tracks.offer[best]]), float(tracks.sure[best])


def owners(walked: Walked) -> dict[int, str | int]:
    """The owner of each track: its name, or else its number in the cast.

    Raises:
        TableError: A file is missing or damaged.
    """
    tracks, cast = walked.tracks, numbers(walked.folder)
    person = np.full(len(np.unique(tracks.track)), -1)
    person[: len(tracks.person)] = tracks.person  # Empty if the walk is not named yet.
    pairs = zip(np.unique(tracks.track).tolist(), person.tolist(), strict=True)
    owner_of = {t: str(tracks.people[i]) if i >= 0 else cast.get(t, "") for t, i in pairs}
    return {track: owner for track, owner in owner_of.items() if owner}


def pictures(place: Path) -> dict[int, list[Path]]:
    """The photos of each number of a cast; none to which a link leads from outside.

    Whoever made the folder could name any file by it, and adopting the number would copy that.

    Args:
        place: The folder that holds cast/.

    Raises:
        PeopleError: The folder cannot be read.
    """
    photos = gallery.photos(place / CAST)  # cast/ is laid out like a gallery: numbers are names.
    own = {name: [p for p in paths if is_within(p, place)] for name, paths in photos.items()}
    return {int(name): paths for name, paths in own.items() if name.isdecimal() and paths}


def numbers(place: Path, movie: str = "") -> dict[int, int]:
    """The number in the cast of each track of a movie; empty if there is no cast.

    Args:
        place: The folder with cast.csv, see `cast.cast_place`.
        movie: Name of the movie's file, where several share a cast.

    Raises:
        TableError: cast.csv is damaged, or not a list of the cast.
    """
    path = place / CAST_TABLE
    if not path.is_file():
        return {}
    columns = {"cluster": "int64", "video": "str", "track": "int64"}
    try:
        with open_file(path) as file:
            table = pd.read_csv(file, usecols=list(columns), dtype=columns, keep_default_na=False)
    except (ValueError, OSError) as error:  # Errors of pandas are ValueErrors.
        raise TableError(
            f"{path}: damaged or changed ({error}); delete it, and sort the faces again"
        ) from error
    if movie:
        table = table[unguarded_column(table["video"]) == movie]
    return dict(zip(table["track"].tolist(), table["cluster"].tolist(), strict=True))


def version(folder: Path) -> str:
    """A hash of a movie's cast, "" if there is none."""
    digest = hashlib.sha256()
    for path in (folder / CAST_TABLE, folder / CAST / PHOTO_LIST):
        with suppress(OSError):
            digest.update(content(path))
    return digest.hexdigest()[:16] if (folder / CAST_TABLE).is_file() else ""


def renamed_picks(folder: Path) -> frozenset[Path]:
    """The folders of a movie's picks with crops of somebody who has another name by now.

    None are known of a movie whose tracks cannot be read.
    """
    path = folder / TRACKS_FILE
    lists = sorted(folder.glob("*/*/crops.csv"))
    return _renamed_picks(path, file_stamp(path), tuple((p, file_stamp(p)) for p in lists))


@lru_cache(maxsize=256)
def _renamed_picks(
    tracks_file: Path, _: Stamp, lists: tuple[tuple[Path, Stamp], ...]
) -> frozenset[Path]:
    try:
        tracks = read_tracks(tracks_file)
    except TableError:
        return frozenset()
    numbers_of_tracks = np.unique(tracks.track)
    if len(tracks.person) != len(numbers_of_tracks):
        return frozenset()  # Not named yet.
    called = np.append(tracks.people, "")[tracks.person]
    names = pd.Series(called, index=numbers_of_tracks, dtype="str")
    kinds: Any = {"track": "int64", "person": "str"}
    renamed = set()
    for path, _ in lists:
        with suppress(ValueError, OSError):  # The review reports a damaged list.
            with open_file(path) as file:
                crops = pd.read_csv(file, usecols=list(kinds), dtype=kinds, keep_default_na=False)
            if (crops["track"].map(names) != unguarded_column(crops["person"])).any():
                renamed.add(path.parent)
    return frozenset(renamed)
