"""Embeddings of photos, kept in `known_faces/.embeddings.npz`: networks run once a photo."""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import PIL

from pipeline.disk.npz import Schema, read_arrays, write_arrays
from pipeline.disk.tracks_npz import EMBEDDING
from pipeline.errors import OutputError, PeopleError, TableError
from pipeline.faces import Floats
from pipeline.models.registry import FaceModels, face_identities, face_models
from pipeline.people.gallery import Gallery, gather
from pipeline.people.photo import MIN_FACE, PHOTO_SIDE, PHOTO_WIDTH, embed, hash_photo
from pipeline.settings import WalkSettings

log = logging.getLogger(__name__)

EMBEDDINGS_NAME = ".embeddings.npz"
EMBEDDINGS_FORMAT = 1

EMBEDDINGS_SCHEMA: Schema = {
    "photo": ("U", (None,)),
    "embedding": ("f", (None, EMBEDDING)),
    "why": ("U", (None,)),
}

StoredEmbeddings = dict[str, tuple[Floats, str]]
"""By hash of photo and networks: the embedding, and "" or why the photo was refused."""


def load_gallery(
    folder: Path,
    settings: WalkSettings,
    device: str = "cpu",
    hash_of: Callable[[Path], bytes] = hash_photo,
) -> Gallery:
    """The gallery of a folder, networks asked only for photos that are new or have changed.

    Args:
        folder: `known_faces`.
        settings: Of the walk: only embeddings of the same networks compare.
        device: Where networks run that can choose.
        hash_of: Gives the hash of a photo's bytes.

    Raises:
        PeopleError: A name cannot be a person's.
        ModelError: A network's file is missing or changed.
    """
    memory = Memory(folder / EMBEDDINGS_NAME, network(settings), hash_of)
    models = lru_cache(maxsize=1)(lambda: face_models(settings, device=device))
    try:
        gallery = gather(folder, lambda path: memory.embedding(path, models))
    except BaseException:  # Ctrl-C among a thousand photos: those that are done are kept.
        memory.save(whole=False)
        raise
    memory.save(whole=True)
    return gallery


def network(settings: WalkSettings) -> str:
    """A hash of all that an embedding depends on but the photo.

    Raises:
        ModelError: A name is not in the registry, or a card is missing.
    """
    own = face_identities(settings)
    facts = [
        EMBEDDINGS_FORMAT,
        own,
        settings.min_score,
        MIN_FACE,
        PHOTO_WIDTH,
        PHOTO_SIDE,
        PIL.__version__,
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(slots=True)
class Memory:
    """What is known of photos by their bytes, whatever they are called.

    Attributes:
        path: The file; torn, foreign or missing it is as good as empty.
        network: What the embeddings depend on, see `network`.
        hash_of: Gives the hash of a photo's bytes.
    """

    path: Path
    network: str
    hash_of: Callable[[Path], bytes] = hash_photo
    _kept: StoredEmbeddings = field(init=False)
    _used: StoredEmbeddings = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._kept = _read(self.path)

    def embedding(self, photo: Path, models: Callable[[], FaceModels]) -> Floats:
        """The embedding `(128,)` of a photo.

        Raises:
            PeopleError: The photo cannot be read or used; the words are those of the first time.
        """
        content = self.hash_of(photo).hex()
        key = hashlib.sha256(f"{self.network} {content}".encode()).hexdigest()
        if key not in self._used:
            self._used[key] = self._kept.get(key) or _asked(photo, models)
        embedding, why = self._used[key]
        if why:
            raise PeopleError(f"{photo}: {why}")
        return embedding

    def save(self, *, whole: bool) -> None:
        """Writes what was asked for, where that is something new; not where one may not write.

        Args:
            whole: All photos were asked for, so that what was not is forgotten.
        """
        if self._used.keys() <= self._kept.keys():
            return
        known = self._used if whole else self._kept | self._used
        embeddings, why = zip(*known.values(), strict=True)
        arrays = {
            "photo": np.array(list(known), np.str_),
            "embedding": np.stack(embeddings),
            "why": np.array(why, np.str_),
        }
        try:
            write_arrays(self.path, arrays)
        except OutputError as error:
            log.debug("%s", error)


def _asked(photo: Path, models: Callable[[], FaceModels]) -> tuple[Floats, str]:
    try:
        return embed(photo, models()), ""
    except PeopleError as error:
        return np.zeros(EMBEDDING, np.float32), str(error).removeprefix(f"{photo}: ")


def _read(path: Path) -> StoredEmbeddings:
    if not path.is_file():  # What is a pipe would be waited for.
        return {}
    try:
        found = read_arrays(path, EMBEDDINGS_SCHEMA)
    except TableError as error:
        log.debug("%s", error)
        return {}
    embedding, why = found["embedding"].astype(np.float32), found["why"]
    length = np.linalg.norm(embedding, axis=1)  # NaN is near to nothing.
    if not len(found["photo"]) == len(embedding) == len(why):
        return {}
    sound = np.where(why == "", np.abs(length - 1) < 1e-3, length == 0)
    each = zip(found["photo"].tolist(), embedding, why.tolist(), sound, strict=True)
    return {key: (vector, reason) for key, vector, reason, good in each if good}
