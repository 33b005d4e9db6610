"""Makes the unknown cast: sorts faces without a name into people, and writes photos of each."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import files
from pipeline.cast.folder import PrintedMember, write_cast
from pipeline.cast.portraits import (
    Portrait,
    candidates,
    chosen,
    crowded,
    cut_portraits,
    wanted_count,
)
from pipeline.disk import manifest as manifests
from pipeline.disk.crop_file import UNSAFE
from pipeline.disk.manifest import Manifest
from pipeline.disk.tracks_npz import Tracks
from pipeline.disk.walked import CAST, Walked
from pipeline.errors import OutputError, TableError
from pipeline.faces import Floats
from pipeline.models.cards import Tolerances
from pipeline.models.registry import face_models, tolerances
from pipeline.movie import stream
from pipeline.opened import check_nameable, opened
from pipeline.people.album import Album
from pipeline.people.cluster import (
    Pairs,
    clearness,
    cluster_means,
    clusters,
    numbered,
    plain_means,
    together,
    unit,
)
from pipeline.people.presence import durations
from pipeline.settings import Job
from pipeline.walk.part import StartProgress, silent

log = logging.getLogger(__name__)

MIN_SIDE = 40
"""Pixels across; who is never seen larger stays out of the cast: nobody could tell who it is."""

MIN_FRAMES = 8
"""Who is seen for less stays out of the cast: mostly a head that passes, or no face."""


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """The faces of all movies.

    Attributes:
        rows: rows of faces.csv, with tracks numbered through all movies. More columns: `own`, the
            track's number in its movie; `film`, the movie's number; `seconds`, the time to the
            next analysed frame; `until`, the end of that time in frames; `crowded` (see
            `cast.portraits`); `offer`, the name that the face may have, "" for none.
        tracks: the embeddings, with the same track numbers.
        apart: pairs of tracks that share a frame.
    """

    rows: pd.DataFrame
    tracks: Tracks
    apart: Pairs


def cast(
    folders: Sequence[Path],
    job: Job,
    moved: Sequence[Path] = (),
    progress: StartProgress = silent,
) -> list[PrintedMember]:
    """Sorts the faces without a name into people; replaces an earlier cast of these movies.

    First names all faces by today's gallery. Writes cast.csv, with one row per track, and the
    folder cast/ with photos and contact sheets.

    Args:
        folders: The movies' folders.
        job: With the folder of known faces.
        moved: Movies that were moved after their walk, where they are now.
        progress: Called with the number of faces to cut out, then after each one.

    Returns:
        The cast by screen time; empty if everybody is known, or no face is good enough.

    Raises:
        MiningError: A walk or movie is missing, or a file cannot be written.
    """
    place = cast_place(folders)
    album = Album(job)
    films = [_named(folder, job, album) for folder in manifests.unique(folders)]
    _check_comparable(films)
    crowd = _crowd(films)
    limits = tolerances(films[0].manifest.settings)
    tracks, centre = _sorted(crowd, limits)
    log.info("%s", _left_out(crowd.rows[crowd.rows["person"] == ""], tracks))
    rows = crowd.rows.assign(cluster=crowd.rows["track"].map(tracks["cluster"]))
    rows = rows[rows["cluster"].notna()].astype({"cluster": "int64"})
    movie_now = partial(_movie, moved=moved, job=job, alone=len(films) == 1)
    kept, photos = _photos(films, rows, crowd.tracks, centre, movie_now, progress)
    # Locks cast/ and not the folder that holds all movies: others may be walking movies there.
    with files.locked(place if len(films) == 1 else place / CAST, patience=files.LOCK_PATIENCE):
        kept = kept.assign(stem=[_stem(films[i]) for i in kept["film"]])
        where = f"{len(films)} movies" if len(films) > 1 else films[0].manifest.movie.name
        return write_cast(place, where, tracks, kept, photos)


def cast_place(folders: Sequence[Path]) -> Path:
    """The folder that holds cast/: a movie's own, or the one that holds the folders of several.

    Raises:
        OutputError: The movies' folders are in different folders, or a movie's folder is called
            cast.
    """
    unique = manifests.unique(folders)
    if len(unique) == 1:
        return unique[0]
    first = unique[0]
    # A parent as it was typed, for messages; "." and ".." have none.
    place = first.parent if first.name not in ("", "..") else first.resolve().parent
    elsewhere = [f for f in unique if f.resolve().parent != first.resolve().parent]
    if elsewhere:
        raise OutputError(
            f"{first} and {elsewhere[0]}: are in different folders; movies that share a cast must "
            "have their folders in one folder"
        )
    if (place / CAST / "walk.json").exists():
        raise OutputError(
            f"{place / CAST}: is a movie's folder, and the cast needs this name; make that movie's "
            "cast alone, or rename its folder"
        )
    return place


def _named(folder: Path, job: Job, album: Album) -> Walked:
    """A movie with today's names. Its folder is unlocked again on return."""
    with opened(folder, job, album) as walked:
        log.debug("%s: %d faces", folder, len(walked.rows))  # Read while the folder is locked.
        return walked


def _stem(film: Walked) -> str:
    """The beginning of the file names of a movie's photos."""
    return UNSAFE.sub("_", film.folder.resolve().name).lstrip(".")


def _movie(walk: Manifest, moved: Sequence[Path], job: Job, *, alone: bool) -> Path:
    """Where a movie is now; of several moved movies, the one with the same content."""
    same = [p for p in moved if alone or stream.fingerprint(p) == walk.identity]
    now = same[0] if same else None
    return manifests.movie_of(walk, now, allow_remote=job.allow_remote)


def _check_comparable(films: Sequence[Walked]) -> None:
    """Refuses embeddings that cannot be compared.

    Raises:
        TableError: A movie was walked with networks of an earlier version, or two with different
            ones.
        ModelError: What their network needs is not installed.
    """
    first = films[0]
    for film in films:
        check_nameable(film)
        if film.manifest.settings.recognizer != first.manifest.settings.recognizer:
            raise TableError(
                f"{first.folder} and {film.folder}: walked with different networks, so their "
                "faces cannot be compared; walk one of them again with --rewalk"
            )


def _crowd(films: Sequence[Walked]) -> Crowd:
    """The faces of all movies, with tracks numbered through."""
    parts, seen = [], []
    apart: Pairs = set()
    begin = 0
    for number, film in enumerate(films):
        rows, tracks, every = film.rows, film.tracks, film.stride
        seconds = durations(rows["frame"].to_numpy(), film.manifest.scan.times, every)
        # `crowded` before the named faces go: they may be in a stranger's photo, too.
        rows = rows.assign(crowded=crowded(rows), film=number, own=rows["track"], seconds=seconds)
        rows = rows.assign(until=rows["frame"] + every, offer=_offers(film))
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


def _offers(film: Walked) -> list[str]:
    """The name that each face may have but does not get, "" for none."""
    tracks = film.tracks
    offer = tracks.offer if len(tracks.offer) else np.full(len(np.unique(tracks.track)), -1)
    called = np.array([*tracks.people.tolist(), ""], dtype=object)[offer]
    place = np.searchsorted(np.unique(tracks.track), film.rows["track"].to_numpy())
    return list(called[place])


def _sorted(crowd: Crowd, limits: Tolerances) -> tuple[pd.DataFrame, Floats]:
    """Sorts all tracks into people, and drops those who have a name.

    Named tracks take part: a track without a name that looks like a known person is then not
    sorted to a stranger who is less alike.

    Returns:
        The tracks of the cast, one per row, with `cluster`, the number of the person, from 1 by
        screen time, and `distance`, that to the cluster's centre; the centre of each cluster
        `(c, d)`, unit length.
    """
    rows = crowd.rows
    side = np.minimum(rows["x2"] - rows["x1"], rows["y2"] - rows["y1"])
    tracks = rows.assign(side=side).groupby("track").agg(
        film=("film", "first"), video=("video", "first"), own=("own", "first"),
        person=("person", "first"), offer=("offer", "first"), sure=("sure", "first"),
        shot=("shot", "first"), first=("time", "min"), last=("time", "max"),
        begin=("frame", "min"), until=("until", "max"), faces=("frame", "size"),
        seconds=("seconds", "sum"), side=("side", "max"),
    )  # fmt: skip
    numbers, mean = plain_means(crowd.tracks.embedding, crowd.tracks.track)
    clear = clearness(crowd.tracks.quality, crowd.tracks.track)
    place = {int(number): i for i, number in enumerate(numbers)}
    label = clusters(mean, clear, {(place[a], place[b]) for a, b in crowd.apart}, limits)
    at = np.searchsorted(numbers, tracks.index)
    tracks = tracks.assign(label=label[at], clear=clear[at], place=at)
    tracks = tracks[tracks["person"] == ""]
    known_enough = tracks[
        (tracks["side"] >= MIN_SIDE)
        & (tracks["until"] - tracks["begin"] >= MIN_FRAMES)
        & (tracks["clear"] >= limits.clear)
    ]
    tracks = tracks[tracks["label"].isin(known_enough["label"])]
    number = numbered(tracks["label"].to_numpy(), tracks["seconds"].to_numpy(np.float64))
    own, good = mean[tracks["place"]], (tracks["clear"] >= limits.clear).to_numpy()
    count = int(number.max(initial=0))
    centre = unit(cluster_means(own[good], number[good] - 1, count))
    away = np.linalg.norm(unit(own) - centre[number - 1], axis=1)
    sure = tracks["sure"].where(tracks["offer"] != "")
    return tracks.assign(cluster=number, distance=away, sure=sure), centre


def _left_out(rows: pd.DataFrame, tracks: pd.DataFrame) -> str:
    """Says how many people were found, and how many tracks were too poor to sort."""
    if len(rows) == 0:
        return "no unknown people: there are no faces without a name"
    out = rows[~rows["track"].isin(tracks.index)]
    count, count_out = tracks["cluster"].nunique(), out["track"].nunique()
    return (
        f"{count} unknown {'person' if count == 1 else 'people'} in {len(tracks)} "
        f"{'track' if len(tracks) == 1 else 'tracks'}; {count_out} "
        f"{'track' if count_out == 1 else 'tracks'} ({len(out)} of {len(rows)} faces) "
        f"{'is' if count_out == 1 else 'are'} too short, small or unclear to recognise"
    )


def _photos(
    films: Sequence[Walked],
    rows: pd.DataFrame,
    tracks: Tracks,
    centre: Floats,
    movie_now: Callable[[Manifest], Path],
    progress: StartProgress,
) -> tuple[pd.DataFrame, dict[int, Portrait]]:
    """The rows that become photos, by number of the cast and time, and the photos by row."""
    farthest = tolerances(films[0].manifest.settings).alike
    of_person = [person_rows for _, person_rows in rows.groupby("cluster")]
    counts = [
        wanted_count(person_rows, max(films[i].stride for i in person_rows["film"].unique()))
        for person_rows in of_person
    ]
    options = [candidates(own, tracks, n) for own, n in zip(of_person, counts, strict=True)]
    to_cut = pd.concat([rows.iloc[:0], *options])
    photos: dict[int, Portrait] = {}
    advance = progress(len(to_cut))
    for number, film in enumerate(films):
        film_rows = to_cut[to_cut["film"] == number]
        if len(film_rows):
            models = face_models(film.manifest.settings)
            movie = movie_now(film.manifest)
            for row, photo in cut_portraits(movie, film.manifest, film_rows, models):
                photos[row] = photo
                advance(1, 1)
    kept = [
        chosen(person_rows, photos, middle, farthest, tracks, n)
        for person_rows, middle, n in zip(options, centre, counts, strict=True)
    ]
    return pd.concat([rows.iloc[:0], *kept]).sort_values(["cluster", "film", "frame"]), photos
