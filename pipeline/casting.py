"""The unknown cast on one page: sort nobody's faces into people, show them, give them names."""

import logging
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import manifest as manifests
from pipeline import mine, table, video
from pipeline.cropping import silent
from pipeline.errors import OutputError, PeopleError, TableError
from pipeline.faces import Ints
from pipeline.manifest import Manifest
from pipeline.models.registry import face_models
from pipeline.people import cast as people
from pipeline.people import gallery as galleries
from pipeline.people.naming import templates, together
from pipeline.people.who import durations
from pipeline.pick.crop import UNSAFE
from pipeline.pick.photos import Photo, candidates, chosen, crowded, photographs, wanted
from pipeline.report.cast import CAST, CAST_TABLE, Member, write_cast
from pipeline.settings import Job
from pipeline.table import Tracks

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A walked movie: its folder, its manifest, and its stem in files' names."""

    folder: Path
    walk: Manifest
    stem: str


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """Nobody's faces of all movies.

    Attributes:
        rows: those of faces.csv, with tracks numbered through all movies, and `own`, the track's
            number in its movie; `film`, the movie's; `seconds`, how long each row stands for;
            `crowded` (see `pick.photos`).
        tracks: their embeddings, numbered alike.
        apart: pairs of tracks that share a frame.
    """

    rows: pd.DataFrame
    tracks: Tracks
    apart: set[tuple[int, int]]


def cast(
    folders: Sequence[Path],
    job: Job,
    moved: Sequence[Path] = (),
    progress: mine.StartProgress = silent,
) -> list[Member]:
    """Sorts the unknown faces of movies into people; replaces an earlier cast of theirs.

    Names follow the gallery of today first. Writes cast.csv, a row a track, and the folder cast/
    with photos and sheets.

    Args:
        folders: The movies'.
        job: Where things lie.
        moved: Movies that are not any more where they were walked.
        progress: Told how many of the faces that may become photos were cut out.

    Returns:
        The cast by screen time; empty where everybody is known, or nobody is seen well enough.

    Raises:
        MiningError: A walk or movie is missing, or something cannot be written.
    """
    place = place_of(folders)
    films = [_film(folder, job) for folder in manifests.unique(folders)]
    _check_networks(films)
    crowd = _crowd(films)
    tracks = _sorted(crowd)
    log.info("%s", _left_out(crowd.rows, tracks))
    rows = crowd.rows.assign(cluster=crowd.rows["track"].map(tracks["cluster"]))
    rows = rows[rows["cluster"].notna()].astype({"cluster": "int64"})
    kept, photos = _photos(films, rows, crowd.tracks, moved, progress)
    # Not the folder of all movies' folders: others may be writing into those.
    with table.locked(place if len(films) == 1 else place / CAST, patience=table.PATIENCE):
        kept = kept.assign(stem=[films[i].stem for i in kept["film"]])
        where = f"{len(films)} movies" if len(films) > 1 else films[0].walk.movie.name
        return write_cast(place, where, tracks, kept, photos)


def place_of(folders: Sequence[Path]) -> Path:
    """Where the cast of these movies lies: in a movie's folder, or that of several's folders.

    Raises:
        OutputError: They lie in different folders, or a movie's folder is in the way.
    """
    own = manifests.unique(folders)
    if len(own) == 1:
        return own[0]
    places = {folder.resolve().parent for folder in own}
    place = own[0].parent if own[0].name not in ("", "..") else own[0].resolve().parent
    if len(places) > 1:
        raise OutputError(
            f"{own[0]} and {next(f for f in own if f.resolve().parent != own[0].resolve().parent)}:"
            " movies that share a cast must have their folders in one folder"
        )
    if (place / CAST / "walk.json").exists():
        raise OutputError(f"{place / CAST}: is a movie's folder; take its cast alone, or rename it")
    return place


def _film(folder: Path, job: Job) -> Film:
    walk = mine.finished(folder)
    with table.locked(folder, patience=table.PATIENCE):
        mine.name(folder, job)
    return Film(folder, walk, UNSAFE.sub("_", folder.resolve().name).lstrip("."))


def _movie(walk: Manifest, moved: Sequence[Path], *, alone: bool) -> Path:
    """Where a movie is now; of several that were moved, by what is in them."""
    same = [p for p in moved if alone or video.fingerprint(p) == walk.identity]
    return manifests.movie_of(walk, same[0] if same else None)


def _check_networks(films: Sequence[Film]) -> None:
    """Refuses embeddings that do not compare.

    Raises:
        TableError: Movies were walked with different networks.
    """
    first = films[0]
    for film in films[1:]:
        for job in ("aligner", "recognizer"):
            if film.walk.models.get(job) != first.walk.models.get(job):
                raise TableError(
                    f"{first.folder} and {film.folder}: walked with different networks, whose "
                    "faces do not compare; walk one of them again with --rewalk"
                )


def _crowd(films: Sequence[Film]) -> Crowd:
    """All unknown faces, tracks numbered through."""
    parts, seen = [], []
    apart: set[tuple[int, int]] = set()
    begin = 0
    for number, film in enumerate(films):
        rows, tracks = table.read_walk(film.folder)
        frame, every = rows["frame"].to_numpy(), film.walk.settings.every
        seconds = durations(frame, film.walk.scan.times, every)
        rows = rows.assign(crowded=crowded(rows), film=number, own=rows["track"], seconds=seconds)
        rows = rows.assign(until=rows["frame"] + every)
        rows = rows[rows["person"] == ""]
        apart |= {(a + begin, b + begin) for a, b in together(rows)}
        parts.append(rows.assign(track=rows["track"] + begin))
        seen.append(replace(tracks, track=tracks.track + begin))
        begin += int(tracks.track.max(initial=-1)) + 1
    whole = replace(
        seen[0],
        embedding=np.concatenate([t.embedding for t in seen]),
        track=np.concatenate([t.track for t in seen]),
        frame=np.concatenate([t.frame for t in seen]),
        quality=np.concatenate([t.quality for t in seen]),
        thumb=np.concatenate([t.thumb for t in seen]),
    )
    return Crowd(pd.concat(parts, ignore_index=True), whole, apart)


def _sorted(crowd: Crowd) -> pd.DataFrame:
    """The tracks of the cast by number, with `cluster`, from 1 by screen time, and `distance`."""
    rows = crowd.rows
    side = np.minimum(rows["x2"] - rows["x1"], rows["y2"] - rows["y1"])
    tracks = rows.assign(side=side).groupby("track").agg(
        film=("film", "first"), video=("video", "first"), own=("own", "first"),
        shot=("shot", "first"), first=("time", "min"), last=("time", "max"),
        begin=("frame", "min"), until=("until", "max"), faces=("frame", "size"),
        seconds=("seconds", "sum"), side=("side", "max"),
    )  # fmt: skip
    good = crowd.tracks.quality >= people.MIN_QUALITY
    tracks = tracks[
        (tracks["side"] >= people.MIN_SIDE)
        & (tracks["until"] - tracks["begin"] >= people.MIN_FRAMES)
        & tracks.index.isin(crowd.tracks.track[good])
    ]
    good &= np.isin(crowd.tracks.track, tracks.index)
    numbers, mean = templates(crowd.tracks.embedding[good], crowd.tracks.track[good])
    place = {int(number): i for i, number in enumerate(numbers)}
    pairs = {(place[a], place[b]) for a, b in crowd.apart if a in place and b in place}
    labels = people.cluster(mean, pairs)
    return tracks.assign(
        cluster=people.numbered(labels, tracks["seconds"].to_numpy(np.float64)),
        distance=people.from_centre(mean, labels),
    )


def _left_out(rows: pd.DataFrame, tracks: pd.DataFrame) -> str:
    """What to tell of those who are nobody."""
    if len(rows) == 0:
        return "no unknown people: every face has a name, or there is none"
    out = rows[~rows["track"].isin(tracks.index)]
    return (
        f"{tracks['cluster'].nunique()} unknown people in {len(tracks)} tracks; "
        f"{out['track'].nunique()} tracks ({len(out)} of {len(rows)} faces) are too short, "
        "small or poor to tell who they are"
    )


def _photos(
    films: Sequence[Film],
    rows: pd.DataFrame,
    tracks: Tracks,
    moved: Sequence[Path],
    progress: mine.StartProgress,
) -> tuple[pd.DataFrame, dict[int, Photo]]:
    """The rows that become photos, by number of the cast and in order of time, and the photos."""
    good = (tracks.quality >= people.MIN_QUALITY) & np.isin(tracks.track, rows["track"])
    of_track = rows.drop_duplicates("track").set_index("track")["cluster"]
    numbers: Ints = of_track.reindex(tracks.track[good]).to_numpy(np.int64)
    _, centre = templates(tracks.embedding[good], numbers)
    groups = [own for _, own in rows.groupby("cluster")]
    counts = [
        wanted(own, max(films[i].walk.settings.every for i in own["film"].unique()))
        for own in groups
    ]
    some = [candidates(own, tracks, n) for own, n in zip(groups, counts, strict=True)]
    asked = pd.concat([rows.iloc[:0], *some])
    photos: dict[int, Photo] = {}
    tell = progress(len(asked))
    for number, film in enumerate(films):
        own = asked[asked["film"] == number]
        if len(own):
            models = face_models(film.walk.settings)
            movie = _movie(film.walk, moved, alone=len(films) == 1)
            for row, photo in photographs(movie, film.walk, own, models):
                photos[row] = photo
                tell(1, 1)
    kept = [
        chosen(own, photos, middle, tracks, n)
        for own, middle, n in zip(some, centre, counts, strict=True)
    ]
    return pd.concat([rows.iloc[:0], *kept]).sort_values(["cluster", "film", "frame"]), photos


# --- names --------------------------------------------------------------------------------------


def adopt(folders: Sequence[Path], chosen: Sequence[tuple[int, str]], job: Job) -> None:
    """Makes people of the cast known: copies their photos into the gallery, and names the movies.

    What lies in the folder of a number is copied: photos that were deleted there are not. Nothing
    in the gallery is overwritten. Deleting the copies and naming again undoes it.

    Args:
        folders: The movies', those whose cast it is.
        chosen: A number of the cast and a name each; one name for two numbers joins them.
        job: Where things lie.

    Raises:
        PeopleError: There is no such number, or nobody can be called so.
        MiningError: A file is missing or torn, or cannot be written.
    """
    for folder in folders:
        mine.finished(folder)  # Says what is wrong before anything is copied.
    for path in copied(folders, chosen, job.known_faces):
        log.debug("%s: new", path)
    for folder in manifests.unique(folders):
        with table.locked(folder):
            mine.name(folder, job)


def copied(
    folders: Sequence[Path], chosen: Sequence[tuple[int, str]], known_faces: Path
) -> Iterator[Path]:
    """Copies photos of the cast into the gallery; tells of each copy as soon as it is made.

    Raises:
        PeopleError: See `adopt`, before anything is copied.
        MiningError: A photo cannot be read or written.
    """
    pictures = [_of_number(place_of(folders), number, folders) for number, _ in chosen]
    for number, person in chosen:
        galleries.check_name(person, f"number {number} of the cast")
    for (number, person), paths in zip(chosen, pictures, strict=True):
        into, count = known_faces / person, 0
        for name in filter(None, (galleries.add(path, into) for path in paths)):
            yield into / name
            count += 1
        log.info("%s: %d new photos, of number %d of the cast", into, count, number)


def pictures(place: Path) -> dict[int, list[Path]]:
    """The photos of each number of the cast that lies in a folder.

    Raises:
        PeopleError: The folder cannot be read.
    """
    found = galleries.photos(place / CAST)  # It looks like a gallery, with numbers for names.
    return {int(name): paths for name, paths in found.items() if name.isdecimal() and paths}


def _of_number(place: Path, number: int, folders: Sequence[Path]) -> list[Path]:
    """The photos of a number of the cast.

    Raises:
        PeopleError: There are none.
    """
    folder, found = place / CAST, pictures(place)
    if number in found:
        return found[number]
    again = shlex.join(["mine-video", "cast", *map(str, folders)])
    if not found:
        shared = len(folders) == 1 and (place.parent / CAST_TABLE).exists()
        hint = f"; {place.parent} has one: name all its movies" if shared else ""
        raise PeopleError(f"{folder}: holds no cast; `{again}` makes one{hint}")
    there = ", ".join(map(str, sorted(found)))
    raise PeopleError(f"{folder}: has no photos of number {number}; it has: {there}")
