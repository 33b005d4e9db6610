"""Keeps the embeddings of photos in `known_faces/.embeddings.npz`: networks run once per photo."""

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
from pipeline.files import clear_leftovers
from pipeline.models.registry import FaceModels, face_identities, face_models
from pipeline.people.gallery import Gallery, gather
from pipeline.people.photo import MIN_FACE, PHOTO_SIDE, PHOTO_WIDTH, embed, hash_photo
from pipeline.settings import WalkSettings

log = logging.getLogger(__name__)

EMBEDDINGS_NAME = ".embeddings.npz"
EMBEDDINGS_FORMAT = 2

EMBEDDINGS_SCHEMA: Schema = {
    "photo": ("U", (None,)),
    "embedding": ("f", (None, None)),
    "why": ("U", (None,)),
}

StoredEmbeddings = dict[str, tuple[Floats, str]]
"""Maps a hash of photo and networks to the embedding and a remark, or to zeros and why the photo
was refused."""


def load_gallery(
    folder: Path,
    settings: WalkSettings,
    device: str = "cpu",
    hash_of: Callable[[Path], bytes] = hash_photo,
) -> Gallery:
    """Loads the gallery of a folder; the networks embed only photos that are new or changed.

    Args:
        folder: `known_faces`.
        settings: Settings of the walk: only embeddings of the same networks can be compared.
        device: The device of those networks that can run on several.
        hash_of: Returns the hash of a photo's bytes.

    Raises:
        PeopleError: A name is not allowed.
        ModelError: A network's file is missing or changed.
    """
    clear_leftovers(folder)
    memory = Memory(folder / EMBEDDINGS_NAME, network(settings), hash_of)
    # The networks are loaded at the first photo that needs them: often none does.
    models = lru_cache(maxsize=1)(lambda: face_models(settings, device=device))
    try:
        gallery = gather(folder, lambda path: memory.embedding(path, models))
    except BaseException:  # Also on Ctrl-C, keep the embeddings computed so far.
        memory.save(whole=False)
        raise
    memory.save(whole=True)
    return gallery


def network(settings: WalkSettings) -> str:
    """A hash of everything that an embedding depends on, except the photo.

    Raises:
        ModelError: A network is not in the registry, or its card is missing.
    """
    facts = [
        EMBEDDINGS_FORMAT,
        face_identities(settings),
        settings.min_score,
        MIN_FACE,
        PHOTO_WIDTH,
        PHOTO_SIDE,
        PIL.__version__,
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(slots=True)
class Memory:
    """Embeddings of photos by the photos' bytes, so that a renamed photo is still known.

    Attributes:
        path: The file; a damaged, foreign or missing one counts as empty.
        network: A hash of the networks and their settings (see `network`).
        hash_of: Returns the hash of a photo's bytes.
    """

    path: Path
    network: str
    hash_of: Callable[[Path], bytes] = hash_photo
    _kept: StoredEmbeddings = field(init=False)
    _used: StoredEmbeddings = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._kept = _read(self.path)

    def embedding(self, photo: Path, models: Callable[[], FaceModels]) -> tuple[Floats, str]:
        """The embedding `(d,)` of a photo, and a remark on it (see `photo.embed`).

        Raises:
            PeopleError: The photo cannot be read or used; the reason is stored with the photo.
        """
        content = self.hash_of(photo).hex()
        key = hashlib.sha256(f"{self.network} {content}".encode()).hexdigest()
        if key not in self._used:
            self._used[key] = self._kept.get(key) or _embedded(photo, models)
        embedding, why = self._used[key]
        if not embedding.any():
            raise PeopleError(f"{photo}: {why}")
        return embedding, why

    def save(self, *, whole: bool) -> None:
        """Writes the embeddings used, if any is new; does nothing if the file cannot be written.

        Args:
            whole: Whether all photos of the folder were used; the embeddings of others are then
                dropped.
        """
        if self._used.keys() <= self._kept.keys():
            return
        known = self._used if whole else self._kept | self._used
        # Those used are of one network; where it has another length than kept ones, these go.
        length = max((len(one) for one, _ in self._used.values() if one.any()), default=EMBEDDING)
        known = {key: stored for key, stored in known.items() if _is_of(stored[0], length)}
        arrays = {
            "photo": np.array(list(known), np.str_),
            "embedding": np.stack([np.resize(one, length) for one, _ in known.values()]),
            "why": np.array([why for _, why in known.values()], np.str_),
        }
        try:
            write_arrays(self.path, arrays)
        except OutputError as error:  # Photos may be on a read-only disk; embed them every time.
            log.debug("%s", error)


def _embedded(photo: Path, models: Callable[[], FaceModels]) -> tuple[Floats, str]:
    try:
        return embed(photo, models())
    except PeopleError as error:
        # Stored without the path: another photo may have the same bytes.
        return np.zeros(EMBEDDING, np.float32), str(error).removeprefix(f"{photo}: ")


def _is_of(embedding: Floats, length: int) -> bool:
    """Whether an embedding is of this length, or zeros, which are a refused photo's."""
    return len(embedding) == length or not embedding.any()


def _read(path: Path) -> StoredEmbeddings:
    try:
        arrays = read_arrays(path, EMBEDDINGS_SCHEMA)
    except TableError as error:
        log.debug("%s", error)
        return {}
    embedding, why = arrays["embedding"].astype(np.float32), arrays["why"]
    length = np.linalg.norm(embedding, axis=1)  # NaN passes neither check below.
    if not len(arrays["photo"]) == len(embedding) == len(why):
        return {}
    sound = (np.abs(length - 1) < 1e-3) | ((length == 0) & (why != ""))
    entries = zip(arrays["photo"].tolist(), embedding, why.tolist(), sound, strict=True)
    return {key: (vector, reason) for key, vector, reason, good in entries if good}
