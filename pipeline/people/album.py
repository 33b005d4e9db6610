"""Keeps the known faces up to date while a program runs; reads and embeds each photo once."""

import logging
from pathlib import Path
from threading import Lock

from pipeline.disk.text_table import Stamp, file_stamp
from pipeline.errors import TableError
from pipeline.models.registry import tolerances
from pipeline.people import gallery as galleries
from pipeline.people.gallery import Gallery
from pipeline.people.memory import load_gallery, network
from pipeline.people.photo import hash_photo
from pipeline.settings import Job, WalkSettings

log = logging.getLogger(__name__)


class Album:
    """The known faces of a folder, always as the folder is now.

    A photo is read again only if its file has changed, and the networks embed only photos that are
    not in `people.memory` yet. Threads may share an album.
    """

    def __init__(self, job: Job) -> None:
        """Creates the album without reading anything.

        Args:
            job: Its `known_faces`, `tolerance` and `device` are used.
        """
        self.folder = job.known_faces
        self._tolerance, self._device = job.tolerance, job.device
        self._lock = Lock()
        self._hashes: dict[Path, tuple[Stamp, bytes]] = {}
        self._held: tuple[str, Gallery] | None = None
        self._warned = False

    @property
    def is_there(self) -> bool:
        """Whether the folder of known faces exists."""
        return self.folder.is_dir()

    def people(self) -> set[str]:
        """The names of all people who have a photo or a folder among the known faces.

        Raises:
            PeopleError: A name is not allowed (see `check_name`).
        """
        return set(galleries.photos(self.folder))

    def digest(self) -> str:
        """A hash that changes when names may change (see `gallery.digest`)."""
        with self._lock:
            return self._digest()

    def gallery(self, settings: WalkSettings) -> Gallery:
        """The known faces as they are now; warns if photos of two people are alike.

        Args:
            settings: Settings of the walk: only embeddings of the same networks can be compared.

        Raises:
            PeopleError: A name is not allowed.
            ModelError: A network's file is missing or changed.
        """
        with self._lock:
            # Hashed before the photos are embedded: a photo that changes meanwhile changes the
            # key of the next call.
            key = f"{self._digest()} {network(settings)}"
            if self._held is None or self._held[0] != key:
                gallery = load_gallery(self.folder, settings, self._device, self._hash_of)
                limits = tolerances(settings)
                galleries.warn_of_alike(gallery, limits.alike, self.folder)
                galleries.warn_of_strangers(gallery, limits.misfit)
                log.debug("gallery %s is %s", self.folder, key)
                self._held = key, gallery
            return self._held[1]

    def warn_of_nobody(self) -> None:
        """Warns, once only, that there are no known faces."""
        if not self._warned:
            problem = "No folder %s/ here, so new faces stay unnamed and old names stay"
            if self.is_there:
                problem = "%s/ has no photos, so everybody is unknown"
            log.warning(
                f"{problem}; put NAME.jpg there, give --known-faces, or name people from the "
                "movie: mine-video cast output/MOVIE", self.folder,
            )  # fmt: skip
        self._warned = True

    def _digest(self) -> str:
        return galleries.digest(self.folder, self._tolerance, self._hash_of)

    def _hash_of(self, photo: Path) -> bytes:
        try:
            now = file_stamp(photo)
        except TableError:  # `hash_photo` fails too, with the message that fits a photo.
            return hash_photo(photo)
        known = self._hashes.get(photo)
        if known is None or known[0] != now:
            known = self._hashes[photo] = now, hash_photo(photo)
        return known[1]
