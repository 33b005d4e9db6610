"""Opens a walked movie: locks its folder, reads its walk, names its faces by today's photos."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pipeline import files
from pipeline.disk import manifest as manifests
from pipeline.disk.walked import Walked, finished, named_tracks, walk_line
from pipeline.errors import TableError
from pipeline.models.registry import RETIRED, compares, tolerances
from pipeline.people.album import Album
from pipeline.people.naming import name_tracks
from pipeline.settings import Job, WalkSettings

log = logging.getLogger(__name__)


@contextmanager
def opened(folder: Path, job: Job, album: Album | None = None) -> Iterator[Walked]:
    """Opens a movie's folder, and keeps all other processes from writing in it.

    The faces get the names of today's photos. If the folder of known faces does not exist, they
    keep the names they have.

    Args:
        folder: A movie's folder.
        job: The folder of known faces, and the tolerance.
        album: The known faces, if several movies share them.

    Yields:
        The open movie; its folder stays locked until the context ends.

    Raises:
        TableError: The folder holds no walk, a damaged one or an unfinished one.
        PeopleError: A name among the known faces is not allowed.
        ModelError: A network's file is missing or changed.
        OutputError: Another process is writing in the folder, or a file cannot be written.
    """
    manifests.check_there(folder)  # Before the lock, which would create a folder for a wrong path.
    with files.locked(folder, patience=files.LOCK_PATIENCE):
        yield named(finished(folder), job, album or Album(job))


def named(walked: Walked, job: Job, album: Album) -> Walked:
    """Names the faces by today's photos, if these have changed since the faces were named.

    Args:
        walked: A movie whose folder is locked.
        job: With the tolerance.
        album: The known faces.

    Returns:
        The movie with those names.

    Raises:
        PeopleError: A name among the known faces is not allowed.
        TableError: faces.csv is damaged.
        OutputError: A file cannot be written.
    """
    before = walked.tracks
    if len(before.people) and not album.is_there:
        album.warn_of_nobody()
        return walked
    digest = album.digest()
    if before.gallery == digest:
        return walked
    settings = walked.manifest.settings
    if not compares(settings, walked.manifest.models):
        log.warning(
            "%s: another network told its faces apart (--recognizer %s of an earlier version), so "
            "names stay as they are; to name it by today's photos: %s --rewalk",
            walked.folder, settings.recognizer, _anew(walked),
        )  # fmt: skip
        return walked
    gallery = album.gallery(settings)
    if not gallery.people:
        album.warn_of_nobody()
    begin = time.perf_counter()
    walked = name_tracks(walked, gallery, tolerances(settings, job.tolerance), digest)
    seconds = time.perf_counter() - begin
    renamed = named_tracks(walked.tracks) != named_tracks(before)
    if renamed and any(walked.folder.glob("*/*/crops.csv")):
        change = "names have changed" if before.gallery else "the faces were named anew"
        log.warning(
            "%s: %s; earlier crops are out of date until you pick again "
            "(--person any --emotion any picks all)", walked.folder, change,
        )  # fmt: skip
    if gallery.people:
        log.info(
            "%s: named the faces by the photos in %s/, %.1f s", walked.folder, album.folder, seconds
        )
    return walked


def check_nameable(walked: Walked) -> None:
    """Refuses a walk that an earlier version made with another network, before photos are moved.

    Raises:
        TableError: Its faces cannot be compared with photos; says how to walk it again.
        ModelError: What its network needs is not installed.
    """
    if not compares(walked.manifest.settings, walked.manifest.models):
        raise TableError(
            f"{walked.folder}: another network told its faces apart (--recognizer "
            f"{walked.manifest.settings.recognizer} of an earlier version), so they cannot be "
            f"compared with photos or one another; walk it again: {_anew(walked)} --rewalk"
        )


def _anew(walked: Walked) -> str:
    """What to type to walk a movie as it was walked, by a recognizer that there is."""
    walk = walked.manifest
    if walk.settings.recognizer in RETIRED:
        settings = replace(walk.settings, recognizer=WalkSettings().recognizer)
        walk = replace(walk, settings=settings)
    return walk_line(walked.folder, walk)
