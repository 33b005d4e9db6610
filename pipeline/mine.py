"""The whole program on one page: walks the movie (or reuses the walk), names the faces, picks."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import faces, files
from pipeline.disk import failure, pick_json
from pipeline.disk import manifest as manifests
from pipeline.disk.report_html import outdated_line, report_line
from pipeline.disk.walked import FACES, Walked, finished, merged_tracks
from pipeline.errors import OutputError
from pipeline.movie import stream
from pipeline.opened import named, opened
from pipeline.people import gallery as galleries
from pipeline.people.album import Album
from pipeline.people.presence import Presence, durations, who_is_who
from pipeline.pick import select
from pipeline.report.outcome import Outcome, StartCropping, write_picks, write_report_of
from pipeline.review.not_photos import NotPhotos
from pipeline.review.reconcile import carry_over, reconcile
from pipeline.settings import AUTO, OWN_SUBTITLES, Job, PickSettings
from pipeline.walk import walker
from pipeline.walk.part import StartProgress, silent
from pipeline.wanted import check_photos, current_labels, read_lines, wanted_rows

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
    """Walks, names and picks; reuses every finished part of an earlier run.

    Args:
        movie: The movie.
        job: The settings and the wanted people and emotions.
        progress: Called with the progress of the walk.
        cropping: Called with the number of crops to write, then after each crop.
        album: The known faces, if several movies share them.

    Raises:
        MiningError: A file, folder, photo or network is missing, wrong or cannot be written.
    """
    album = album or Album(job)
    _check_people_known(job, album)
    lines = read_lines(job, movie)  # Read now, to report an error before a walk of hours.
    with _walking(movie, job, progress, album) as walked:
        return _picked(walked, job, movie, cropping, lines)


def check_wanted(job: Job, album: Album) -> None:
    """Fails before a long walk if a wanted person or file of subtitles does not exist.

    Args:
        job: The wanted people and the subtitles.
        album: The known faces.

    Raises:
        PeopleError: A person is not in the gallery.
        SubtitleError: The file of subtitles cannot be read.
    """
    _check_people_known(job, album)
    if job.subtitles != OWN_SUBTITLES:
        read_lines(job, None)


def walk(movie: Path, job: Job, progress: StartProgress, album: Album | None = None) -> Path:
    """Stage one: walks a movie and names its faces.

    Returns:
        The movie's folder, with a complete faces.csv.

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
        folder: A movie's folder.
        job: The wanted people and emotions; its walk settings do not matter.
        movie: Where the movie is now, if it was moved after the walk.
        cropping: See `mine`. An exception that it raises stops the pick; crops written stay.
        album: The known faces, if several movies share them.

    Raises:
        MiningError: See `mine`.
    """
    with opened(folder, job, album) as walked:
        return _picked(walked, job, movie, cropping)


def report(
    folder: Path,
    job: Job,
    movie: Path | None = None,
    album: Album | None = None,
    *,
    read_file: bool = True,
) -> Path:
    """Writes report.html and timeline.png anew, for the names, decisions and crops of now.

    Args:
        folder: A movie's folder.
        job: The folders and the known faces; what is wanted is what the last pick wanted.
        movie: Where the movie is now, if its own subtitles were wanted.
        album: The known faces, if several movies share them.
        read_file: Whether to read the file of subtitles that pick.json names; else it is refused.

    Returns:
        The path of report.html.

    Raises:
        MiningError: See `mine`.
    """
    with opened(folder, job, album) as walked:
        picks = pick_json.read_picks(folder)
        wanted = picks.last.job(job) if picks else job
        if wanted.subtitles not in ("", OWN_SUBTITLES) and not read_file:
            raise OutputError(
                f"{folder}: the last pick read subtitles from a file, which no page does; write "
                f"the report anew: {report_line(folder, job.known_faces)}"
            )
        known = {*walked.rows["person"], faces.ANY, faces.UNKNOWN} - {""}
        there = wanted.among(known)
        rows = wanted_rows(walked, there, movie)
        # Whose company was asked for is still asked for, though nobody has that name any more.
        return write_report_of(walked.with_rows(rows), replace(there, pick=wanted.pick))


def identify(folder: Path, job: Job, album: Album | None = None) -> list[Presence]:
    """Names the faces of a walked movie by today's photos; the movie itself is not needed.

    Returns:
        Everybody in the movie.

    Raises:
        MiningError: See `mine`.
    """
    album = album or Album(job)
    with opened(folder, job, album) as walked:
        if album.people():  # Warns of unusable photos even if no photo has changed.
            album.gallery(walked.manifest.settings)
        rows, scan = walked.rows, walked.manifest.scan
    if outdated := outdated_line(folder):
        log.info("%s: %s", folder, outdated)
    seconds = durations(rows["frame"].to_numpy(), scan.times, walked.stride)
    return list(who_is_who(rows, walked.tracks, seconds))


@contextmanager
def _walking(movie: Path, job: Job, progress: StartProgress, album: Album) -> Iterator[Walked]:
    """Locks the movie's folder, and walks the movie unless it is walked already."""
    stream.fingerprint(movie)  # Fails for a missing movie before a folder is made for it.
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
    # A person without a usable photo is reported before the walk, not after it.
    gallery = album.gallery(manifest.settings)
    check_photos(job.named, set(gallery.people) - set(galleries.usable(gallery)))
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
    failed = list(dict.fromkeys(failed + carry_over(walked, current_labels(walked, job), photos)))
    if failed:
        log.warning(
            "%s: could not move %d reviewed %s; the first: %s",
            walked.folder, len(failed), "crop" if len(failed) == 1 else "crops", failed[0],
        )  # fmt: skip
    if len(rows) == 0:
        log.warning(
            "%s: no faces found; walk again with --width 1280 --rewalk to find smaller ones",
            walked.folder,
        )
    _warn_of_stride(walked, job.pick.at(walked.manifest.scan.stream.rate))
    outcomes = write_picks(walked.with_rows(rows), job, movie, cropping)
    _tell_of_unknown(walked, job.known_faces)
    for left in pick_json.unfinished_lines(walked.folder):
        log.warning("%s: %s", walked.folder, left)
    return outcomes


def _tell_of_unknown(walked: Walked, known_faces: Path) -> None:
    """Says how to give names to whoever has none."""
    nameless = int((walked.tracks.person < 0).sum())
    if nameless:
        tracks = "1 track has no name; to sort it"
        if nameless > 1:
            tracks = f"{nameless} tracks have no name; to sort them into people"
        line = pick_json.line_to_type("cast", walked.folder, known_faces=known_faces)
        log.info("%s: %s", tracks, line)


def _check_people_known(job: Job, album: Album) -> None:
    people = album.people()
    if not people:
        album.warn_of_nobody()
    select.check_people(job.named, people, f"{job.known_faces}/")


def _warn_of_stride(walked: Walked, settings: PickSettings) -> None:
    """Warns of filters that have no effect, because they span fewer frames than the stride."""
    problems, stride = [], walked.stride
    repeat, smooth = settings.repeat, settings.smooth
    if 1 < repeat <= stride:
        problems.append(f"--repeat {repeat} filters nothing; try --repeat {2 * stride}")
    if smooth != AUTO and select.window(smooth, stride) == 1 < smooth:
        problems.append(f"--smooth {smooth} averages nothing; try --smooth {3 * stride | 1}")
    for problem in problems:
        log.warning("%s: only one frame in %d was analysed, so %s", walked.folder, stride, problem)
