"""The whole program on one page: walk the movie (or reuse the walk), name the faces, pick."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from pipeline import files
from pipeline.disk import failure
from pipeline.disk import manifest as manifests
from pipeline.disk.walked import FACES, Walked, finished, merged_tracks, unreachable
from pipeline.errors import PeopleError
from pipeline.movie import stream
from pipeline.opened import named, opened
from pipeline.people import gallery as galleries
from pipeline.people.album import Album
from pipeline.people.names import check_name
from pipeline.people.presence import Presence, durations, who_is_who
from pipeline.pick import select, speech
from pipeline.report.outcome import Outcome, StartCropping, write_picks
from pipeline.review import match
from pipeline.review.labels import read_labels
from pipeline.review.not_photos import NotPhotos
from pipeline.review.reconcile import carry_over, reconcile
from pipeline.settings import OWN_SUBTITLES, Job, PickSettings
from pipeline.walk import walker
from pipeline.walk.part import StartProgress, silent

if TYPE_CHECKING:
    from pipeline.movie.subtitles import Lines

log = logging.getLogger(__name__)


def mine(
    movie: Path,
    job: Job,
    progress: StartProgress,
    cropping: StartCropping = silent,
    album: Album | None = None,
) -> list[Outcome]:
    """Walks, names and picks; every finished piece of an earlier run is reused.

    Args:
        movie: The movie.
        job: What is wanted.
        progress: Told how far the walk is.
        cropping: Told how many crops are to be written, then of each.
        album: The known faces, where several movies share them.

    Raises:
        MiningError: Anything in the world that stands in the way.
    """
    album = album or Album(job)
    _check_people_known(job, album)
    lines = _lines(job, movie)  # A fault in them is better told now than after hours.
    with _walking(movie, job, progress, album) as walked:
        return _picked(walked, job, movie, cropping, lines)


def check_wanted(job: Job, album: Album) -> None:
    """Fails before a long walk where something is asked for that is not there.

    Args:
        job: What is wanted.
        album: The known faces.

    Raises:
        PeopleError: A person is not in the gallery.
        SubtitleError: The file of subtitles cannot be read.
    """
    _check_people_known(job, album)
    if job.subtitles != OWN_SUBTITLES:
        _lines(job, None)


def walk(movie: Path, job: Job, progress: StartProgress, album: Album | None = None) -> Path:
    """Stage one: gives the movie's folder with faces.csv whole and named.

    Raises:
        MiningError: See `mine`.
    """
    with _walking(movie, job, progress, album or Album(job)) as walked:
        return walked.folder


def pick(
    folder: Path,
    job: Job,
    movie: Path | None = None,
    cropping: StartCropping = silent,
    album: Album | None = None,
) -> list[Outcome]:
    """Stage two: replaces the crops of each wanted person and emotion.

    Args:
        folder: A movie's.
        job: What is wanted; its walk settings do not matter.
        movie: Where the movie is, if not where it was walked.
        cropping: See `mine`; what it raises ends the picking, and crops that are written stay.
        album: The known faces, where several movies share them.

    Raises:
        MiningError: See `mine`.
    """
    with opened(folder, job, album) as walked:
        return _picked(walked, job, movie, cropping)


def identify(folder: Path, job: Job, album: Album | None = None) -> list[Presence]:
    """Names the faces of a walked movie by today's photos, without the movie; tells who is who.

    Raises:
        MiningError: See `mine`.
    """
    album = album or Album(job)
    with opened(folder, job, album) as walked:
        if album.people():  # Says again which photos cannot be used, and why.
            album.gallery(walked.manifest.settings)
        rows, scan = walked.rows, walked.manifest.scan
    seconds = durations(rows["frame"].to_numpy(), scan.times, walked.stride)
    return list(who_is_who(rows, walked.tracks, seconds))


def wanted_rows(
    walked: Walked, job: Job, movie: Path | None, lines: "Lines | None" = None
) -> pd.DataFrame:
    """The rows to pick from, with what the review decided and, with subtitles, what is spoken.

    Args:
        walked: An open movie.
        job: Whom and what is wanted.
        movie: Where the movie is, if not where it was walked.
        lines: The subtitles, where they were read before.

    Raises:
        TableError: faces.csv or labels.csv is torn.
        PeopleError: Somebody is wanted who is not there, or a name leads elsewhere.
        SubtitleError: The subtitles cannot be read.
        MovieError: The movie is wanted for its own subtitles, and is missing or has none.
    """
    for person in _people_of(walked):  # Edited files must not send crops to another folder.
        check_name(person, walked.folder / FACES)
    without = unreachable(walked.tracks)
    _check_photos(job.people, without)
    select.check_people(job.people, _people_of(walked) - without, "The gallery")
    rows = match.applied(walked.rows, _labels(walked, job))
    if job.subtitles:
        own = job.subtitles == OWN_SUBTITLES and lines is None
        film = manifests.movie_of(walked.manifest, movie) if own else None
        edges = speech.borders(walked.manifest.scan.times)
        lines = lines or _lines(job, film)
        rows = rows if lines is None else speech.with_speech(rows, lines, edges, walked.stride)
    return rows


@contextmanager
def _walking(movie: Path, job: Job, progress: StartProgress, album: Album) -> Iterator[Walked]:
    """Locks the movie's folder, and walks the movie unless that is done."""
    stream.fingerprint(movie)  # Says that there is none before there is a folder for it.
    folder = manifests.folder_for(movie, job.output, rewalk=job.rewalk)
    with files.locked(folder, patience=files.LOCK_PATIENCE):
        with failure.recorded(folder, movie):
            walked = _walked(movie, folder, job, progress, album)
        yield walked


def _walked(movie: Path, folder: Path, job: Job, progress: StartProgress, album: Album) -> Walked:
    manifest = walker.prepare_walk(movie, folder, job.walk, rewalk=job.rewalk)
    for warning in manifest.scan.warnings:
        log.warning("%s: %s", movie, warning)
    tracks = merged_tracks(folder, manifest)
    if tracks is not None:
        log.info("%s: walked before, reusing %s", movie, folder / FACES)
        return named(Walked(folder, manifest, tracks), job, album)
    gallery = album.gallery(manifest.settings)
    _check_photos(job.people, set(gallery.people) - set(galleries.usable(gallery)))
    walker.walk_movie(movie, folder, manifest, job.workers, progress, job.device)
    return named(finished(folder), job, album)


def _picked(
    walked: Walked,
    job: Job,
    movie: Path | None,
    cropping: StartCropping,
    lines: "Lines | None" = None,
) -> list[Outcome]:
    photos = NotPhotos(walked.folder, walked.size, job.known_faces)
    failed = reconcile(walked.folder, photos)
    rows = wanted_rows(walked, job, movie, lines)
    failed = list(dict.fromkeys(failed + carry_over(walked, _labels(walked, job), photos)))
    if failed:
        log.warning(
            "%s: %d reviewed crops cannot be moved and stay where they are, the first: %s",
            walked.folder, len(failed), failed[0],
        )  # fmt: skip
    if len(rows) == 0:
        log.warning(
            "%s: no face was found; a walk with --width 1280 finds small ones", walked.folder
        )
    _warn_of_stride(walked, job.pick.at(walked.manifest.scan.stream.rate))
    return write_picks(walked.with_rows(rows), job, movie, cropping)


def _labels(walked: Walked, job: Job) -> pd.DataFrame:
    """What the review decided, of people as they are called in today's gallery."""
    others = galleries.others(job.known_faces)
    owners = {path.name: person for person, paths in others.items() for path in paths}
    labels = read_labels(walked.folder)
    return match.followed(labels, walked.rows, _people_of(walked), owners)


def _lines(job: Job, film: Path | None) -> "Lines | None":
    """The subtitles: of the file that was given, or the movie's own; None where none are wanted."""
    if not job.subtitles:
        return None
    from pipeline.movie import subtitles  # noqa: PLC0415 - seldom used, and slow to import.

    if job.subtitles == OWN_SUBTITLES and film is not None:
        return subtitles.movie_subtitles(film, offset=job.subtitle_offset)
    encoding = job.subtitle_encoding or None
    return subtitles.read_subtitles(
        Path(job.subtitles), offset=job.subtitle_offset, encoding=encoding
    )


def _people_of(walked: Walked) -> set[str]:
    """Everybody with a name, whether seen or not."""
    return {str(p) for p in walked.tracks.people} | set(walked.rows["person"]) - {""}


def _check_people_known(job: Job, album: Album) -> None:
    people = album.people()
    if not people:
        album.warn_of_nobody()
    select.check_people(job.people, people, f"{job.known_faces}/")


def _check_photos(wanted: tuple[str, ...], without: set[str]) -> None:
    for person in wanted:
        if person in without:
            raise PeopleError(
                f"no usable photo of {person}; add one where the face looks at the camera, alone, "
                "at least 80 px wide"
            )


def _warn_of_stride(walked: Walked, asked: PickSettings) -> None:
    """Warns of filters that count fewer source frames than lie between two analysed ones."""
    idle, stride = [], walked.stride
    if 1 < asked.repeat <= stride:
        idle.append(f"--repeat {asked.repeat} filters nothing; try --repeat {2 * stride}")
    if select.window(asked.smooth, stride) == 1 < asked.smooth:
        idle.append(f"--smooth {asked.smooth} averages nothing; try --smooth {3 * stride | 1}")
    for what in idle:
        log.warning("%s: every %dth frame was analysed, so %s", walked.folder, stride, what)
