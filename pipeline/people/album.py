"""The known faces of today: their photos hashed, and shown to the networks, once."""

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
    """The known faces of a folder, for as long as a program runs.

    A photo is read again only where its file has changed, and the networks see only photos that
    they have not seen (`people.memory`). Threads may share an album.
    """

    def __init__(self, job: Job) -> None:
        """Reads nothing yet.

        Args:
            job: Its known faces, tolerance and device are used.
        """
        self.folder = job.known_faces
        self._tolerance, self._device = job.tolerance, job.device
        self._lock = Lock()
        self._hashes: dict[Path, tuple[Stamp, bytes]] = {}
        self._held: tuple[str, Gallery] | None = None
        self._warned = False

    @property
    def is_there(self) -> bool:
        """Whether there is a folder of known faces at all."""
        return self.folder.is_dir()

    def people(self) -> set[str]:
        """Everybody who has a file or a folder among the known faces.

        Raises:
            PeopleError: A name cannot be a person's.
        """
        return set(galleries.photos(self.folder))

    def digest(self) -> str:
        """See `gallery.digest`."""
        with self._lock:
            return self._digest()

    def gallery(self, settings: WalkSettings) -> Gallery:
        """The known faces of now, with a warning where two people's photos are alike.

        Args:
            settings: Of the walk: only embeddings of the same networks compare.

        Raises:
            PeopleError: A name cannot be a person's.
            ModelError: A network's file is missing or changed.
        """
        with self._lock:
            # Before the photos are read: what changes meanwhile is seen the next time.
            key = f"{self._digest()} {network(settings)}"
            if self._held is None or self._held[0] != key:
                gallery = load_gallery(self.folder, settings, self._device, self._hash_of)
                limits = tolerances(settings)
                galleries.warn_of_alike(gallery, limits.alike, self.folder)
                galleries.warn_of_misfits(gallery, limits.misfit)
                log.debug("gallery %s is %s", self.folder, key)
                self._held = key, gallery
            return self._held[1]

    def warn_of_nobody(self) -> None:
        """Says once that there are no known faces."""
        if not self._warned:
            what = "No folder %s/ here, so faces stay unnamed and names stay as they are"
            if self.is_there:
                what = "%s/ has no photos, so everybody is unknown"
            log.warning(
                f"{what}; put NAME.jpg there, give --known-faces, or name people from the film: "
                "mine-video cast output/FILM", self.folder,
            )  # fmt: skip
        self._warned = True

    def _digest(self) -> str:
        return galleries.digest(self.folder, self._tolerance, self._hash_of)

    def _hash_of(self, photo: Path) -> bytes:
        try:
            now = file_stamp(photo)
        except TableError:  # Reading it says why, in the words for photos.
            return hash_photo(photo)
        known = self._hashes.get(photo)
        if known is None or known[0] != now:
            known = self._hashes[photo] = now, hash_photo(photo)
        return known[1]
