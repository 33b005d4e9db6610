"""The whole program on one page: walk the movie (or reuse the walk), name the faces, pick."""

import logging
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline import files
from pipeline.disk import faces_csv, failure, tracks_npz, walked
from pipeline.disk import manifest as manifests
from pipeline.disk.manifest import Manifest
from pipeline.disk.walked import Walked
from pipeline.errors import PeopleError, TableError
from pipeline.movie import stream
from pipeline.people import gallery as galleries
from pipeline.people import memory, names, presence
from pipeline.people.naming import name_tracks
from pipeline.pick import select, speech
from pipeline.report.outcome import Outcome, StartCropping, silent, write_picks
from pipeline.review import deed, labels, match
from pipeline.review.stranger import Strangers
from pipeline.settings import OWN_SUBTITLES, Job, PickSettings, WalkSettings
from pipeline.walk import walker
from pipeline.walk.part import WalkProgress

if TYPE_CHECKING:
    from pipeline.movie.subtitles import Lines

log = logging.getLogger(__name__)

StartProgress = Callable[[int], WalkProgress]


def mine(
    movie: Path, job: Job, progress: StartProgress, cropping: StartCropping = silent
) -> list[Outcome]:
    """Walks, names and picks; every finished piece of an earlier run is reused.

    Args:
        movie: The movie.
        job: What is wanted.
        progress: Told how far the walk is.
        cropping: Told how many crops are to be written, then of each.

    Raises:
        MiningError: Anything in the world that stands in the way.
    """
    check_wanted(job)
    if job.subtitles == OWN_SUBTITLES:  # Rather now than after hours.
        _lines(job, movie)
    return pick(walk(movie, job, progress), job, movie, cropping)


def check_wanted(job: Job) -> None:
    """Fails before a long walk where something is asked for that is not there.

    Raises:
        PeopleError: A person is not in the gallery.
        SubtitleError: The file of subtitles cannot be read.
    """
    known = set(galleries.photos(job.known_faces))
    if not known:
        _warn_of_nobody(job.known_faces)
    select.check_people(job.people, known, f"{job.known_faces}/")
    if job.subtitles not in ("", OWN_SUBTITLES):
        _lines(job, None)


@lru_cache
def _warn_of_nobody(known_faces: Path) -> None:
    """Says once that there is no gallery."""
    what = "has no photos: everybody is unknown"
    if not known_faces.is_dir():
        what = "is no folder here: nobody gets a name, and who has one keeps it"
    log.warning("%s/ %s; put NAME.jpg there, or give --known-faces", known_faces, what)


def walk(movie: Path, job: Job, progress: StartProgress) -> Path:
    """Stage one: gives the movie's folder with faces.csv whole and named.

    Raises:
        MiningError: See `mine`.
    """
    stream.fingerprint(movie)  # Says that there is none before there is a folder for it.
    folder = manifests.folder_for(movie, job.output, rewalk=job.rewalk)
    with files.locked(folder, patience=files.LOCK_PATIENCE), failure.recorded(folder, movie):
        _walk(movie, folder, job, progress)
    return folder


def _walk(movie: Path, folder: Path, job: Job, progress: StartProgress) -> None:
    plan = walker.prepare_walk(movie, folder, job.walk, rewalk=job.rewalk)
    for warning in plan.scan.warnings:
        log.warning("%s: %s", movie, warning)
    if walker.is_merged(folder, plan):
        log.info("%s: walked before, reusing %s", movie, folder / "faces.csv")
    else:
        digest = galleries.digest(job.known_faces, job.tolerance)
        gallery = _gallery(job.known_faces, digest, plan.settings, job.tolerance, job.device)
        _check_photos(job.people, set(gallery.people) - set(galleries.usable(gallery)))
        walker.walk_movie(movie, folder, plan, job.workers, progress, job.device)
    name(folder, job)


@lru_cache(maxsize=1)
def _gallery(
    known_faces: Path, digest: str, settings: WalkSettings, tolerance: float, device: str
) -> galleries.Gallery:
    """The gallery, loaded once for all movies of a call; `digest` tells when it changed.

    By the networks of the walk, for only their embeddings compare.
    """
    log.debug("gallery %s is %s", known_faces, digest)
    gallery = memory.load_gallery(known_faces, settings, device)
    galleries.warn_of_alike(gallery, tolerance, known_faces)
    return gallery


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
    tracks = tracks_npz.read_tracks(folder / "tracks.npz")
    if len(tracks.people) and not job.known_faces.is_dir():
        _warn_of_nobody(job.known_faces)
        return
    digest = galleries.digest(job.known_faces, job.tolerance)
    if tracks.gallery == digest:
        return
    settings = manifests.read(folder).settings
    gallery = _gallery(job.known_faces, digest, settings, job.tolerance, job.device)
    if not gallery.people:
        _warn_of_nobody(job.known_faces)
    begin = time.perf_counter()
    name_tracks(folder, gallery, job.tolerance, digest)
    seconds = time.perf_counter() - begin
    renamed = _names(tracks_npz.read_tracks(folder / "tracks.npz")) != _names(tracks)
    if renamed and any(folder.glob("*/*/crops.csv")):
        what = "names have changed" if tracks.gallery else "walked anew"
        log.warning(
            "%s: %s; crops picked before are the old ones until they are picked again "
            "(--person any --emotion any picks all)", folder, what,
        )  # fmt: skip
    if gallery.people:
        log.info("%s: faces named by the photos in %s/, %.1f s", folder, job.known_faces, seconds)


def _names(tracks: tracks_npz.Tracks) -> list[str]:
    """Who each track is, "" for nobody: positions change with every name that is added."""
    people = [*map(str, tracks.people), ""]
    return [people[place] for place in tracks.person.tolist()]


def identify(folder: Path, job: Job) -> list[presence.Presence]:
    """Names the faces of a walked movie by today's gallery, without the movie; tells who is who.

    Raises:
        MiningError: See `mine`.
    """
    walk = finished(folder)
    with files.locked(folder, patience=files.LOCK_PATIENCE):
        if galleries.photos(job.known_faces):  # Says again which photos cannot be used, and why.
            digest = galleries.digest(job.known_faces, job.tolerance)
            _gallery(job.known_faces, digest, walk.settings, job.tolerance, job.device)
        name(folder, job)
        rows, tracks = read_rows(folder, walk)
    seconds = presence.durations(rows["frame"].to_numpy(), walk.scan.times, walk.settings.every)
    return list(presence.who_is_who(rows, tracks, seconds))


def pick(
    folder: Path, job: Job, movie: Path | None = None, cropping: StartCropping = silent
) -> list[Outcome]:
    """Stage two: replaces the crops of each wanted person and emotion.

    Names follow the gallery of today; where there is none, those of the walk stay.

    Args:
        folder: A movie's.
        job: What is wanted; its walk settings do not matter.
        movie: Where the movie is, if not where it was walked.
        cropping: See `mine`; what it raises ends the picking, and crops that are written stay.

    Raises:
        MiningError: See `mine`.
    """
    finished(folder)
    with files.locked(folder, patience=files.LOCK_PATIENCE):
        return _pick(folder, job, movie, cropping)


def finished(folder: Path) -> Manifest:
    """The walk of a movie's folder; says what is wrong before anything is written there.

    Raises:
        TableError: The folder holds no walk, a torn one, or one that is not finished.
    """
    walk = manifests.read(folder)
    if not walker.is_merged(folder, walk):
        where = [] if _is_default(folder.parent) else ["--output", quote(str(folder.parent))]
        again = " ".join(["mine-video walk", quote(str(walk.movie)), *walk.options, *where])
        raise TableError(f"{folder}: its walk is not finished; `{again}` goes on with it")
    return walk


def _is_default(output: Path) -> bool:
    """Whether it is where walks go to unless told otherwise."""
    return output.absolute() == Job().output.absolute()


def read_rows(folder: Path, walk: Manifest) -> tuple[pd.DataFrame, tracks_npz.Tracks]:
    """The rows and tracks of a walk, all of them in frames that the movie has.

    Raises:
        TableError: They are torn, or of another movie.
    """
    rows, tracks = walked.read_walk(folder)
    if len(rows) and int(rows["frame"].max()) >= len(walk.scan):
        raise TableError(
            f"{folder / 'faces.csv'}: has frame {rows['frame'].max()} of a movie with "
            f"{len(walk.scan)}; {faces_csv.REMEDY}"
        )
    return rows, tracks


def wanted_rows(
    folder: Path, walk: Manifest, job: Job, movie: Path | None
) -> tuple[pd.DataFrame, tracks_npz.Tracks]:
    """The rows and the tracks, for this job.

    With what was decided in the review, and what is spoken where subtitles are given.

    Raises:
        TableError: They are torn, or of another movie.
        PeopleError: Somebody is wanted who is not there, or a name leads elsewhere.
        SubtitleError: The subtitles cannot be read.
        MovieError: The movie is wanted for its own subtitles, and is missing or has none.
    """
    rows, tracks = read_rows(folder, walk)
    known = _known(rows, tracks)
    for person in known:  # Who edits these files must not send crops to another folder.
        names.check_name(person, folder / "faces.csv")
    far = np.isinf(tracks.far).all(axis=0) & (len(tracks.far) > 0)
    without = {str(p) for p in tracks.people[far]}
    _check_photos(job.people, without)
    select.check_people(job.people, known - without, "The gallery")
    rows = match.applied(rows, _labels(folder, rows, known, job))
    if job.subtitles:
        film = manifests.movie_of(walk, movie) if job.subtitles == OWN_SUBTITLES else None
        edges = speech.borders(walk.scan.times)
        rows = speech.with_speech(rows, _lines(job, film), edges, walk.settings.every)
    return rows, tracks


def _labels(folder: Path, rows: pd.DataFrame, known: set[str], job: Job) -> pd.DataFrame:
    """What was decided, of people as they are called in today's gallery."""
    others = galleries.others(job.known_faces)
    owners = {path.name: person for person, paths in others.items() for path in paths}
    return match.followed(labels.read_labels(folder), rows, known, owners)


def strangers(folder: Path, walk: Manifest, known_faces: Path) -> Strangers:
    """The photos of who somebody is not that decisions of a movie's crops put into the gallery."""
    return Strangers(folder, walk.scan.stream.size, known_faces, galleries.NOT)


def _lines(job: Job, film: Path | None) -> "Lines":
    """What is spoken: by the file of subtitles, or by the movie's own."""
    from pipeline.movie import subtitles  # noqa: PLC0415 - seldom used, and slow to import.

    if film is not None:
        return subtitles.movie_subtitles(film, offset=job.subtitle_offset)
    encoding = job.subtitle_encoding or None
    return subtitles.read_subtitles(
        Path(job.subtitles), offset=job.subtitle_offset, encoding=encoding
    )


def movie_name(folder: Path) -> str:
    """What the movie of a folder is called.

    Raises:
        TableError: The folder holds no walk, or a torn one.
    """
    return manifests.read(folder).movie.name


def _pick(folder: Path, job: Job, movie: Path | None, cropping: StartCropping) -> list[Outcome]:
    walk = manifests.read(folder)
    name(folder, job)
    rows, tracks = _settled_rows(folder, walk, job, movie)
    if len(rows) == 0:
        log.warning("%s: not one face was found; a walk with --width 1280 finds small ones", folder)
    _warn_of_stride(folder, job.pick.at(walk.scan.stream.rate), walk.settings.every)
    return write_picks(folder, Walked(walk, rows, tracks), job, movie, cropping)


def _settled_rows(
    folder: Path, walk: Manifest, job: Job, movie: Path | None
) -> tuple[pd.DataFrame, tracks_npz.Tracks]:
    """`wanted_rows`, after the labels were brought up to this walk and today's names."""
    failed = deed.settle_labels(folder, strangers(folder, walk, job.known_faces))
    rows, tracks = wanted_rows(folder, walk, job, movie)
    failed += deed.follow_names(folder, _labels(folder, rows, _known(rows, tracks), job))
    match.renew(folder, rows, walk.fingerprint)
    if failed:
        log.warning(
            "%s: picked, but crops that were decided on lie where they were: %d cannot be moved, "
            "the first: %s", folder, len(failed), failed[0],
        )  # fmt: skip
    return rows, tracks


def _known(rows: pd.DataFrame, tracks: tracks_npz.Tracks) -> set[str]:
    """Who has a name, seen or not."""
    return {str(p) for p in tracks.people} | set(rows["person"]) - {""}


def _warn_of_stride(folder: Path, asked: PickSettings, stride: int) -> None:
    """Says which filters count fewer source frames than lie between two analysed ones."""
    idle = []
    if 1 < asked.repeat <= stride:
        idle.append(f"--repeat {asked.repeat} filters nothing; try --repeat {2 * stride}")
    if select.window(asked.smooth, stride) == 1 < asked.smooth:
        idle.append(f"--smooth {asked.smooth} averages nothing; try --smooth {3 * stride | 1}")
    for what in idle:
        log.warning("%s: of %d frames one was analysed, so that %s", folder, stride, what)
