"""The gallery: `known_faces/NAME.jpg` or `known_faces/NAME/*` is a person.

In `known_faces/NAME/not/` lie photos of who it is *not*: of somebody who was taken for that person.
"""

import hashlib
import logging
import os
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.disk.tracks_npz import EMBEDDING
from pipeline.errors import OutputError, PeopleError, TableError
from pipeline.faces import Floats, Ints
from pipeline.files import replacing
from pipeline.models.registry import FaceModels
from pipeline.people.names import check_name
from pipeline.people.photo import embed, hash_photo

log = logging.getLogger(__name__)

PHOTO_SUFFIXES = frozenset(
    {
        ".avif", ".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff",
        ".webp",
    }
)  # fmt: skip


UNREAD = frozenset({".heic", ".heif", ".jp2", ".jxl", ".psd", ".svg", ".cr2", ".nef", ".dng"})
"""Pictures too, but none that Pillow or OpenCV reads here: told, not passed over in silence."""


NOT = "not"
"""The folder of photos of who a person is not, in the person's own."""


RULES = "3"
"""Changes when the rules of naming do, so that faces are named anew."""


MOST_PAIRS_LISTED = 5


def _no_embeddings() -> Floats:
    return np.zeros((0, EMBEDDING), np.float32)


def _no_owners() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Known people by their photos' embeddings.

    Attributes:
        people: their names, sorted.
        embedding: `(n, 128)` unit length, one a photo.
        owner: `(n,)` position in `people`.
        other: `(m, 128)` unit length, one for each photo of who somebody is not.
        other_owner: `(m,)` position in `people` of who it is not.
        photo: `n` files; empty where the embeddings are of no files.
    """

    people: tuple[str, ...]
    embedding: Floats
    owner: Ints
    other: Floats = field(default_factory=_no_embeddings)
    other_owner: Ints = field(default_factory=_no_owners)
    photo: tuple[Path, ...] = ()


def photos(folder: Path) -> dict[str, list[Path]]:
    """The photos of each person, names and files sorted; empty where there is no folder.

    Who has only photos of who it is not is there too, without a photo.

    Raises:
        PeopleError: A name cannot be a person's (see `check_name`), or a folder cannot be read.
    """
    found: dict[str, list[Path]] = {}
    for person, path in _entries(folder):
        own = [p for p in _visible(path) if p.name != NOT] if path.is_dir() else [path]
        found.setdefault(person, []).extend(p for p in own if p.suffix.lower() in PHOTO_SUFFIXES)
    return dict(sorted(found.items()))


def others(folder: Path) -> dict[str, list[Path]]:
    """The photos of who each person is not, sorted as those of `photos`.

    Raises:
        PeopleError: See `photos`.
    """
    found: dict[str, list[Path]] = {}
    for person, path in _entries(folder):
        if (path / NOT).is_dir():
            own = [p for p in _visible(path / NOT) if p.suffix.lower() in PHOTO_SUFFIXES]
            found.setdefault(person, []).extend(own)
    return dict(sorted(found.items()))


def _entries(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each person's folder or photo; names composed, for some file systems take é apart."""
    for path in _visible(folder) if folder.is_dir() else ():
        if path.is_dir() or path.suffix.lower() in PHOTO_SUFFIXES:
            name = path.name if path.is_dir() else path.stem
            yield check_name(unicodedata.normalize("NFC", name), path), path


def _visible(folder: Path) -> list[Path]:
    try:
        return [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    except OSError as error:
        raise PeopleError(
            f"{folder}: cannot be read ({error.strerror}); give yourself the right, or move it away"
        ) from error


def digest(
    folder: Path, tolerance: float | None, hash_of: Callable[[Path], bytes] = hash_photo
) -> str:
    """A hash of all photos, their people and the tolerance: changes when names may change.

    Args:
        folder: `known_faces`.
        tolerance: Largest distance of a known face; None is the network's own.
        hash_of: Gives the hash of a photo's bytes, as `photo.hash_photo` does.

    Raises:
        PeopleError: See `photos`.
    """
    whole = hashlib.sha256(f"{RULES} {tolerance}".encode())
    for kind, of_person in (("is", photos(folder)), (NOT, others(folder))):
        for name, paths in of_person.items():
            for path in paths:
                whole.update(f"\n{kind}\t{name}\t".encode() + os.fsencode(path.name) + b"\t")
                with suppress(PeopleError):  # An unusable photo counts as none; loading says why.
                    whole.update(hash_of(path))
    return whole.hexdigest()


def embed_gallery(folder: Path, models: FaceModels) -> Gallery:
    """Embeds every usable photo; says which are not, and why.

    Args:
        folder: `known_faces`.
        models: The networks.

    Raises:
        PeopleError: See `photos`.
    """
    return gather(folder, lambda path: embed(path, models))


def gather(folder: Path, read: Callable[[Path], Floats]) -> Gallery:
    """The gallery, with embeddings from `read`, which refuses a photo by a `PeopleError`.

    Raises:
        PeopleError: See `photos`.
    """
    own, other = photos(folder), others(folder)
    for path in _unread(folder):
        log.warning("%s: not a kind of picture that is read, skipped; save it anew as JPEG", path)
    people = tuple(own)
    embedding, owner, files = _embedded(own, people, read)
    not_embedding, not_owner, _ = _embedded(other, people, read)
    return Gallery(people, embedding, owner, not_embedding, not_owner, files)


def _unread(folder: Path) -> Iterator[Path]:
    """Pictures of kinds that are not read, which else would seem to be there in vain."""
    for path in _visible(folder) if folder.is_dir() else ():
        yield from (
            p
            for p in ([path, *_visible(path)] if path.is_dir() else [path])
            if p.suffix.lower() in UNREAD
        )


def _embedded(
    found: dict[str, list[Path]], people: tuple[str, ...], read: Callable[[Path], Floats]
) -> tuple[Floats, Ints, tuple[Path, ...]]:
    embeddings, owners, files = [], [], []
    for person, paths in found.items():
        for path in paths:
            try:
                embeddings.append(read(path))
            except PeopleError as error:
                log.warning("%s", error)
            else:
                owners.append(people.index(person))
                files.append(path)
    stacked = np.concatenate([_no_embeddings(), *(e[None] for e in embeddings)])
    return stacked.astype(np.float32), np.array(owners, np.int64), tuple(files)


def add(path: Path, folder: Path) -> str:
    """Copies a photo into a folder under its own name, or the next free one; not a second time.

    Returns:
        The copy's name, "" where the same picture is there already.

    Raises:
        OutputError: It cannot be written.
        TableError: It cannot be read.
    """
    try:
        picture = path.read_bytes()
        for n in range(1, 1000):
            into = folder / (path.name if n == 1 else f"{path.stem}-{n}{path.suffix}")
            if not into.exists():
                with replacing(into) as file:
                    file.write(picture)
                return into.name
            if into.read_bytes() == picture:
                return ""
    except OSError as error:
        raise TableError(f"{error.filename}: cannot be read ({error.strerror})") from error
    raise OutputError(f"{folder}: holds a thousand photos called {path.name}; move some away")


def usable(gallery: Gallery) -> tuple[str, ...]:
    """The people with at least one usable photo."""
    return tuple(gallery.people[i] for i in np.unique(gallery.owner))


def alike(gallery: Gallery, tolerance: float) -> list[tuple[str, str, float]]:
    """Pairs of people with photos nearer to each other than the tolerance, nearest first.

    Returns:
        The two names, sorted, and the distance of their nearest photos: 0 where it is the same one.
    """
    found = []
    for a, b, distance in _nearest(gallery):
        if distance <= tolerance:
            found.append((gallery.people[a], gallery.people[b], distance))
    return sorted(found, key=lambda pair: (pair[2], pair[0], pair[1]))


def _nearest(gallery: Gallery) -> Iterator[tuple[int, int, float]]:
    """Two people each, and the distance of their nearest photos; never all pairs in memory."""
    own = [(int(p), gallery.embedding[gallery.owner == p]) for p in np.unique(gallery.owner)]
    for n, (a, first) in enumerate(own):
        for b, second in own[n + 1 :]:
            product = float((first @ second.T).max())
            yield a, b, float(np.sqrt(max(0.0, 2 - 2 * product)))


def misfits(gallery: Gallery, farthest: float) -> list[tuple[Path, float]]:
    """Photos that are like no other of their person, the least alike first.

    Args:
        gallery: With files.
        farthest: A photo farther from every other one is a misfit.

    Returns:
        The files, and how far each is from the nearest other photo.
    """
    found = []
    for person in np.unique(gallery.owner):
        own = np.flatnonzero(gallery.owner == person)
        if len(own) < 2:
            continue
        cosine = gallery.embedding[own] @ gallery.embedding[own].T
        np.fill_diagonal(cosine, -1)
        far = np.sqrt(np.clip(2 - 2 * cosine.max(axis=1), 0, None))
        found += [
            (gallery.photo[i], float(d)) for i, d in zip(own, far, strict=True) if d > farthest
        ]
    return sorted((f for f in found if f[1] < 2), key=lambda one: (-one[1], one[0]))


def warn_of_misfits(gallery: Gallery, farthest: float) -> None:
    """Says which photos may show somebody else than their person."""
    found = misfits(gallery, farthest)
    if found:
        told = ", ".join(f"{path} ({far:.2f})" for path, far in found[:MOST_PAIRS_LISTED])
        more = f" and {len(found) - MOST_PAIRS_LISTED} more" * (len(found) > MOST_PAIRS_LISTED)
        log.warning(
            "photos unlike all others of their person, who may show somebody else: %s%s; take away "
            "what is wrong, or add photos between them", told, more,
        )  # fmt: skip


def warn_of_alike(gallery: Gallery, tolerance: float, where: Path) -> None:
    """Says who cannot be told apart: the faces of one may get the name of the other."""
    pairs = alike(gallery, tolerance)
    if pairs:
        told = ", ".join(
            f"{a} and {b} ({'the same photo' if far < 1e-3 else f'{far:.2f}'})"
            for a, b, far in pairs[:MOST_PAIRS_LISTED]
        )
        more = (
            f" and {len(pairs) - MOST_PAIRS_LISTED} more pairs"
            if len(pairs) > MOST_PAIRS_LISTED
            else ""
        )
        log.warning(
            "%s/: photos of two people are nearer than the tolerance %g, and their names may be "
            "mixed up: %s%s; take away the photo that is wrong, or lower --tolerance",
            where, tolerance, told, more,
        )  # fmt: skip
