"""The whole program on one page: walk the movie (or reuse the walk), name the faces, pick."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import manifest as manifests
from pipeline import table, video
from pipeline.errors import PeopleError
from pipeline.faces import EMOTIONS
from pipeline.models.registry import face_models
from pipeline.people import gallery as galleries
from pipeline.people.naming import name_tracks
from pipeline.pick import select
from pipeline.pick.crop import Selection, write_crops
from pipeline.settings import Job, PickSettings, WalkSettings
from pipeline.walk import walker
from pipeline.walk.part import Progress

log = logging.getLogger(__name__)

StartProgress = Callable[[int], Progress]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What picking one person and emotion gave.

    Attributes:
        person: A name or "unknown".
        emotion: One of `EMOTIONS`.
        seen: faces of the person that look so.
        steady: those kept.
        runs: stretches they lie in.
        folder: where their crops are.
        hint: what to try where nothing was kept.
    """

    person: str
    emotion: str
    seen: int
    steady: int
    runs: int
    folder: Path
    hint: str


def mine(movie: Path, job: Job, progress: StartProgress) -> list[Outcome]:
    """Walks, names and picks; every finished piece of an earlier run is reused.

    Args:
        movie: The movie.
        job: What is wanted.
        progress: Told how far the walk is.

    Raises:
        MiningError: Anything in the world that stands in the way.
    """
    check_wanted(job)
    return pick(walk(movie, job, progress), job, movie)


def check_wanted(job: Job) -> None:
    """Fails before a long walk where somebody is asked for who is not in the gallery.

    Raises:
        PeopleError: A person is not there.
    """
    known = set(galleries.photos(job.known_faces))
    select.check_people(job.people, known, f"{job.known_faces}/")


def walk(movie: Path, job: Job, progress: StartProgress) -> Path:
    """Stage one: gives the movie's folder with faces.csv whole and named.

    Raises:
        MiningError: See `mine`.
    """
    video.fingerprint(movie)  # Says that there is none before there is a folder for it.
    folder = manifests.folder_for(movie, job.output, rewalk=job.rewalk)
    with table.locked(folder):
        _walk(movie, folder, job, progress)
    return folder


def _walk(movie: Path, folder: Path, job: Job, progress: StartProgress) -> None:
    plan = walker.prepare(movie, folder, job.walk, rewalk=job.rewalk)
    for warning in plan.scan.warnings:
        log.warning("%s: %s", movie, warning)
    if walker.is_merged(folder, plan):
        log.info("%s: walked before, reusing %s", movie, folder / "faces.csv")
    else:
        digest = galleries.digest(job.known_faces, job.tolerance)
        gallery = _gallery(job.known_faces, digest, plan.settings)
        _check_photos(job.people, set(gallery.people) - set(galleries.usable(gallery)))
        walker.walk_movie(movie, folder, plan, job.workers, progress)
    name(folder, job)


@lru_cache(maxsize=1)
def _gallery(known_faces: Path, digest: str, settings: WalkSettings) -> galleries.Gallery:
    """The gallery, loaded once for all movies of a call; `digest` tells when it changed.

    By the networks of the walk, for only their embeddings compare.
    """
    log.debug("gallery %s is %s", known_faces, digest)
    return galleries.load(known_faces, face_models(settings))


def _check_photos(wanted: tuple[str, ...], without: set[str]) -> None:
    for person in wanted:
        if person in without:
            raise PeopleError(
                f"no usable photo of {person}; add one where the face looks at the camera, alone, "
                "at least 80 px wide"
            )


def name(folder: Path, job: Job) -> None:
    """Names the faces by today's gallery where it changed since they were named.

    Raises:
        PeopleError: A photo cannot be read, or a name cannot be a person's.
        TableError: A file of the folder is torn.
    """
    digest = galleries.digest(job.known_faces, job.tolerance)
    if table.read_tracks(folder / "tracks.npz").gallery == digest:
        return
    gallery = _gallery(job.known_faces, digest, manifests.read(folder).settings)
    begin = time.perf_counter()
    name_tracks(folder, gallery, job.tolerance, digest)
    seconds = time.perf_counter() - begin
    log.info("%s: faces named after %s/ in %.1f s", folder, job.known_faces, seconds)


def pick(folder: Path, job: Job, movie: Path | None = None) -> list[Outcome]:
    """Stage two: replaces the crops of each wanted person and emotion.

    Names follow the gallery of today; where there is none, those of the walk stay.

    Args:
        folder: A movie's.
        job: What is wanted; its walk settings do not matter.
        movie: Where the movie is, if not where it was walked.

    Raises:
        MiningError: See `mine`.
    """
    manifests.read(folder)  # Says what is wrong before anything is written there.
    with table.locked(folder):
        return _pick(folder, job, movie)


def _pick(folder: Path, job: Job, movie: Path | None) -> list[Outcome]:
    walk = manifests.read(folder)
    if galleries.photos(job.known_faces):
        name(folder, job)
    rows = table.read_faces(folder / "faces.csv")
    tracks = table.read_tracks(folder / "tracks.npz")
    known = {str(p) for p in tracks.people} | set(rows["person"]) - {""}
    select.check_people(job.people, known, str(folder))
    without = np.isinf(tracks.far).all(axis=0) & (len(tracks.far) > 0)
    _check_photos(job.people, {str(p) for p in tracks.people[without]})
    rows = select.steadied(rows, walk.settings.every, job.pick)
    selections, outcomes = [], []
    for person, emotion in select.choices(rows, job.people, job.emotions):
        seen = select.wanted(rows, person, emotion)
        kept = select.steady(seen, job.pick)
        place = folder / person / emotion
        if len(kept) or (place / "crops.csv").exists():
            selections.append(Selection(person, emotion, place, kept))
        if len(seen) or select.ANY not in job.emotions:
            hint = "" if len(kept) else _hint(rows, seen, tracks, person, job)
            runs = kept["run"].nunique()
            outcomes.append(Outcome(person, emotion, len(seen), len(kept), runs, place, hint))
    for person in job.people:
        if person != select.ANY and all(o.person != person for o in outcomes):
            hint = _hint(rows, rows[:0], tracks, person, job)
            outcomes.append(Outcome(person, select.ANY, 0, 0, 0, folder / person, hint))
    needed = any(len(s.rows) for s in selections)
    source = manifests.movie_of(walk, movie) if needed else walk.movie
    write_crops(source, walk, selections, job.pick.margin)
    return outcomes


def _hint(
    rows: pd.DataFrame, seen: pd.DataFrame, tracks: table.Tracks, person: str, job: Job
) -> str:
    """Why nothing was kept, and a line to try."""
    if len(seen):
        return _steadiness_hint(seen, job.pick)
    mine = rows[rows["person"] == ("" if person == select.UNKNOWN else person)]
    if len(mine):
        looks = mine["label"].map(lambda label: EMOTIONS[label]).value_counts()
        there = ", ".join(f"{emotion} {count}" for emotion, count in looks.items())
        return f"never looks so ({there} faces)"
    if person not in tracks.people or not np.isfinite(tracks.far).any():
        return "no such face in the movie"
    return _distance_hint(rows, tracks, person, job.tolerance)


def _steadiness_hint(seen: pd.DataFrame, settings: PickSettings) -> str:
    longest = int(seen["run_length"].max())
    if longest < settings.repeat:
        return f"longest run is {longest} of {settings.repeat} frames; try --repeat {longest}"
    surest = float(seen.loc[seen["run_length"] >= settings.repeat, "probability"].max())
    return f"at most {surest:.2f} sure; try --min-prob {np.floor(surest * 100) / 100:g}"


def _distance_hint(rows: pd.DataFrame, tracks: table.Tracks, person: str, tolerance: float) -> str:
    """Names the track that comes nearest to a person who was not found."""
    far = tracks.far[:, list(tracks.people).index(person)]
    nearest, track = float(far.min()), int(np.unique(tracks.track)[far.argmin()])
    begin = float(rows.loc[rows["track"] == track, "time"].min())
    told = (
        f"no face within tolerance {tolerance:g}; nearest is track {track} at {begin:.1f} s, "
        f"distance {nearest:.2f}"
    )
    if nearest <= tolerance:
        return f"{told}, which is nearer to another person or beside one of that name"
    return f"{told}; try --tolerance {np.ceil(nearest * 100) / 100:g}, or add a photo like it"
