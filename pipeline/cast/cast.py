"""The unknown cast on one page: sort nobody's faces into people, show them, give them names."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from pipeline.opened import opened
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
        rows: those of faces.csv, with tracks numbered through all movies, and `own`, the track's
            number in its movie; `film`, the movie's; `seconds`, how long each row stands for;
            `crowded` (see `cast.portraits`); `offer`, a name that they may have and have not.
        tracks: their embeddings, numbered alike.
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
    place = cast_place(folders)
    album = Album(job)
    films = [_named(folder, job, album) for folder in manifests.unique(folders)]
    _check_networks(films)
    crowd = _crowd(films)
    limits = tolerances(films[0].manifest.settings)
    tracks, centre = _sorted(crowd, limits)
    log.info("%s", _left_out(crowd.rows[crowd.rows["person"] == ""], tracks))
    rows = crowd.rows.assign(cluster=crowd.rows["track"].map(tracks["cluster"]))
    rows = rows[rows["cluster"].notna()].astype({"cluster": "int64"})
    kept, photos = _photos(films, rows, crowd.tracks, centre, moved, progress)
    # Not the folder of all movies' folders: others may be writing into those.
    with files.locked(place if len(films) == 1 else place / CAST, patience=files.LOCK_PATIENCE):
        kept = kept.assign(stem=[_stem(films[i]) for i in kept["film"]])
        where = f"{len(films)} movies" if len(films) > 1 else films[0].manifest.movie.name
        return write_cast(place, where, tracks, kept, photos)


def cast_place(folders: Sequence[Path]) -> Path:
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


def _named(folder: Path, job: Job, album: Album) -> Walked:
    """A movie with today's names; its folder is free again when it is given."""
    with opened(folder, job, album) as walked:
        return walked


def _stem(film: Walked) -> str:
    """What the names of a movie's photos begin with."""
    return UNSAFE.sub("_", film.folder.resolve().name).lstrip(".")


def _movie(walk: Manifest, moved: Sequence[Path], *, alone: bool) -> Path:
    """Where a movie is now; of several that were moved, by what is in them."""
    same = [p for p in moved if alone or stream.fingerprint(p) == walk.identity]
    return manifests.movie_of(walk, same[0] if same else None)


def _check_networks(films: Sequence[Walked]) -> None:
    """Refuses embeddings that do not compare.

    Raises:
        TableError: Movies were walked with different networks.
    """
    first = films[0]
    for film in films[1:]:
        for job in ("aligner", "recognizer"):
            if film.manifest.models.get(job) != first.manifest.models.get(job):
                raise TableError(
                    f"{first.folder} and {film.folder}: walked with different networks, whose "
                    "faces do not compare; walk one of them again with --rewalk"
                )


def _crowd(films: Sequence[Walked]) -> Crowd:
    """All faces, tracks numbered through."""
    parts, seen = [], []
    apart: Pairs = set()
    begin = 0
    for number, film in enumerate(films):
        rows, tracks, every = film.rows, film.tracks, film.stride
        seconds = durations(rows["frame"].to_numpy(), film.manifest.scan.times, every)
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
    """The name that each face may have and has not, "" for none."""
    tracks = film.tracks
    offer = tracks.offer if len(tracks.offer) else np.full(len(np.unique(tracks.track)), -1)
    called = np.array([*tracks.people.tolist(), ""], dtype=object)[offer]
    place = np.searchsorted(np.unique(tracks.track), film.rows["track"].to_numpy())
    return list(called[place])


def _sorted(crowd: Crowd, limits: Tolerances) -> tuple[pd.DataFrame, Floats]:
    """Sorts all tracks into people, and drops those who have a name.

    Who has one takes part: an unnamed track that shares a frame with a known person, and looks
    like one, is not sorted to a stranger who looks less alike.

    Returns:
        The tracks of the cast by number, with `cluster`, from 1 by screen time, and `distance` to
        its middle; the middle of each `(c, d)`, unit length.
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
    told = tracks[
        (tracks["side"] >= MIN_SIDE)
        & (tracks["until"] - tracks["begin"] >= MIN_FRAMES)
        & (tracks["clear"] >= limits.clear)
    ]
    tracks = tracks[tracks["label"].isin(told["label"])]
    number = numbered(tracks["label"].to_numpy(), tracks["seconds"].to_numpy(np.float64))
    own, good = mean[tracks["place"]], (tracks["clear"] >= limits.clear).to_numpy()
    count = int(number.max(initial=0))
    centre = unit(cluster_means(own[good], number[good] - 1, count))
    away = np.linalg.norm(unit(own) - centre[number - 1], axis=1)
    sure = tracks["sure"].where(tracks["offer"] != "")
    return tracks.assign(cluster=number, distance=away, sure=sure), centre


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
    films: Sequence[Walked],
    rows: pd.DataFrame,
    tracks: Tracks,
    centre: Floats,
    moved: Sequence[Path],
    progress: StartProgress,
) -> tuple[pd.DataFrame, dict[int, Portrait]]:
    """The rows that become photos, by number of the cast and in order of time, and the photos."""
    farthest = tolerances(films[0].manifest.settings).alike
    groups = [own for _, own in rows.groupby("cluster")]
    counts = [
        wanted_count(own, max(films[i].stride for i in own["film"].unique())) for own in groups
    ]
    some = [candidates(own, tracks, n) for own, n in zip(groups, counts, strict=True)]
    asked = pd.concat([rows.iloc[:0], *some])
    photos: dict[int, Portrait] = {}
    tell = progress(len(asked))
    for number, film in enumerate(films):
        own = asked[asked["film"] == number]
        if len(own):
            models = face_models(film.manifest.settings)
            movie = _movie(film.manifest, moved, alone=len(films) == 1)
            for row, photo in cut_portraits(movie, film.manifest, own, models):
                photos[row] = photo
                tell(1, 1)
    kept = [
        chosen(own, photos, middle, farthest, tracks, n)
        for own, middle, n in zip(some, centre, counts, strict=True)
    ]
    return pd.concat([rows.iloc[:0], *kept]).sort_values(["cluster", "film", "frame"]), photos
