"""The gallery: `known_faces/NAME.jpg` and `known_faces/NAME/*` are photos of the person NAME.

Photos in `known_faces/NAME/not/` show somebody else, who was taken for NAME.
"""

import hashlib
import logging
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.disk.tracks_npz import EMBEDDING
from pipeline.errors import OutputError, PeopleError, TableError
from pipeline.faces import Flags, Floats, Ints
from pipeline.files import LOCK_PATIENCE, content, locked, replacing
from pipeline.models.registry import FaceModels
from pipeline.people.names import check_apart, check_name
from pipeline.people.photo import embed, hash_photo

log = logging.getLogger(__name__)

PHOTO_SUFFIXES = frozenset(
    {
        ".avif", ".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff",
        ".webp",
    }
)  # fmt: skip


UNREAD = frozenset({".heic", ".heif", ".jp2", ".jxl", ".psd", ".svg", ".cr2", ".nef", ".dng"})
"""Kinds of pictures that cannot be read here; such files are skipped with a warning."""


NOT = "not"
"""The folder, within a person's, with photos of others who were taken for that person."""


GALLERY_PLACE = "folder with --known-faces"
"""Ends the advice "choose another …" if a folder cannot be written."""


RULES = "4"
"""Version of the rules of naming: a new one makes every movie's faces be named anew."""


MOST_LISTED = 5
"""A warning lists at most so many photos, or pairs of people who look alike."""


def _no_embeddings() -> Floats:
    return np.zeros((0, EMBEDDING), np.float32)


def _no_owners() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """The known people and the embeddings of their photos.

    Attributes:
        people: names, sorted.
        embedding: `(n, d)` unit length, one for each photo of a person.
        owner: `(n,)` position in `people` of the person in the photo.
        other: `(m, d)` unit length, one for each photo in not/.
        other_owner: `(m,)` position in `people` of the person whom the photo does not show.
        photo: the `n` files; empty if the embeddings are of no files.
    """

    people: tuple[str, ...]
    embedding: Floats
    owner: Ints
    other: Floats = field(default_factory=_no_embeddings)
    other_owner: Ints = field(default_factory=_no_owners)
    photo: tuple[Path, ...] = ()


def photos(folder: Path) -> dict[str, list[Path]]:
    """The photos of each person, names and files sorted; empty if the folder does not exist.

    A person who has only photos in not/ is listed with no photo.

    Raises:
        PeopleError: A name is not allowed (see `check_name`), or a folder cannot be read.
    """
    photos_of: dict[str, list[Path]] = {}
    for person, path in _entries(folder):
        entries = [p for p in _visible(path) if p.name != NOT] if path.is_dir() else [path]
        pictures = [p for p in entries if p.suffix.lower() in PHOTO_SUFFIXES]
        photos_of.setdefault(person, []).extend(pictures)
    return dict(sorted(photos_of.items()))


def others(folder: Path) -> dict[str, list[Path]]:
    """The photos in each person's folder not/, sorted as those of `photos`.

    Raises:
        PeopleError: See `photos`.
    """
    photos_of: dict[str, list[Path]] = {}
    for person, path in _entries(folder):
        if (path / NOT).is_dir():
            pictures = [p for p in _visible(path / NOT) if p.suffix.lower() in PHOTO_SUFFIXES]
            photos_of.setdefault(person, []).extend(pictures)
    return dict(sorted(photos_of.items()))


def _entries(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each photo or folder in `known_faces`, with the name of its person."""
    by_folded: dict[str, str] = {}
    for path in _visible(folder) if folder.is_dir() else ():
        if path.is_dir() or path.suffix.lower() in PHOTO_SUFFIXES:
            # NFC: some file systems store é as e and an accent.
            name = unicodedata.normalize("NFC", path.name if path.is_dir() else path.stem)
            check_apart(name, [by_folded.setdefault(name.casefold(), name)], path)
            yield check_name(name, path), path


def _visible(folder: Path) -> list[Path]:
    try:
        return [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    except OSError as error:
        raise PeopleError(
            f"{folder}: cannot be read ({error.strerror}); get read permission, or move it away"
        ) from error


def digest(
    folder: Path, tolerance: float | None, hash_of: Callable[[Path], bytes] = hash_photo
) -> str:
    """A hash of all photos, their people and the tolerance: changes when names may change.

    Args:
        folder: `known_faces`.
        tolerance: Largest distance at which a face gets a name; None for the network's own.
        hash_of: Returns the hash of a photo's bytes, as `photo.hash_photo` does.

    Raises:
        PeopleError: See `photos`.
    """
    hasher = hashlib.sha256(f"{RULES} {tolerance}".encode())
    for kind, photos_of in (("is", photos(folder)), (NOT, others(folder))):
        for name, paths in photos_of.items():
            for path in paths:
                hasher.update(f"\n{kind}\t{name}\t".encode() + os.fsencode(path.name) + b"\t")
                with suppress(PeopleError):  # Embedding the photo warns that it is unusable.
                    hasher.update(hash_of(path))
    for place in nested(folder):  # They change no name, but a gallery that is read anew warns.
        hasher.update(b"\nnested\t" + os.fsencode(place))
    return hasher.hexdigest()


def embed_gallery(folder: Path, models: FaceModels) -> Gallery:
    """Embeds every usable photo; warns of the others.

    Args:
        folder: `known_faces`.
        models: The networks.

    Raises:
        PeopleError: See `photos`.
    """
    return gather(folder, lambda path: embed(path, models))


def gather(folder: Path, read: Callable[[Path], tuple[Floats, str]]) -> Gallery:
    """Builds the gallery; skips unusable photos with a warning.

    Args:
        folder: `known_faces`.
        read: Returns the embedding of a photo and a remark, as `photo.embed` does, or raises
            `PeopleError` if it is unusable.

    Raises:
        PeopleError: See `photos`.
    """
    shown, not_shown = photos(folder), others(folder)
    _warn_of_nested(folder)
    _warn_of_empty(folder, shown)
    for path in _unread(folder):
        log.warning("%s: cannot read this kind of picture, skipped; save it as JPEG", path)
    people = tuple(shown)
    embedding, owner, files = _embedded(shown, people, read)
    not_embedding, not_owner, _ = _embedded(not_shown, people, read)
    return Gallery(people, embedding, owner, not_embedding, not_owner, files)


def _unread(folder: Path) -> Iterator[Path]:
    """Pictures of kinds that cannot be read; nobody would notice otherwise that they are unused."""
    for path in _visible(folder) if folder.is_dir() else ():
        own = _visible(path) if path.is_dir() else []
        others = _visible(path / NOT) if (path / NOT).is_dir() else []
        yield from (p for p in (path, *own, *others) if p.suffix.lower() in UNREAD)


def _warn_of_empty(folder: Path, photos_of: dict[str, list[Path]]) -> None:
    """Tells of people in whose folder nothing looks like a photo."""
    for person, path in _entries(folder):
        if not photos_of[person] and not any(_pictures_below(path)):
            log.warning(
                "%s/: holds no photo, so nobody gets this name; put photos there that end as "
                "pictures do (.jpg, .png, …)",
                path,
            )


def _embedded(
    photos_of: dict[str, list[Path]],
    people: tuple[str, ...],
    read: Callable[[Path], tuple[Floats, str]],
) -> tuple[Floats, Ints, tuple[Path, ...]]:
    embeddings, owners, files = [], [], []
    for person, paths in photos_of.items():
        for path in paths:
            try:
                embedding, remark = read(path)
            except PeopleError as error:
                log.warning("%s", error)
            else:
                if remark:
                    log.warning("%s: %s", path, remark)
                embeddings.append(embedding)
                owners.append(people.index(person))
                files.append(path)
    stacked = np.stack(embeddings) if embeddings else _no_embeddings()
    return stacked.astype(np.float32), np.array(owners, np.int64), tuple(files)


def add(path: Path, folder: Path) -> str:
    """Copies a photo into a folder under its own name, or that name with a number if it is taken.

    Returns:
        The name of the copy, or "" if the folder already has the same picture under such a name.

    Raises:
        OutputError: The copy cannot be written.
        TableError: The photo cannot be read.
    """
    try:
        picture = content(path)
        for n in range(1, 1000):
            copy = folder / (path.name if n == 1 else f"{path.stem}-{n}{path.suffix}")
            if not copy.exists():
                with (
                    locked(folder.parent, GALLERY_PLACE, LOCK_PATIENCE, own=False),
                    replacing(copy) as file,
                ):
                    file.write(picture)
                return copy.name
            if content(copy) == picture:
                return ""
    except OSError as error:
        raise TableError(f"{error.filename}: cannot be read ({error.strerror})") from error
    raise OutputError(f"{folder}: has 999 photos named like {path.name}; move some away")


def usable(gallery: Gallery) -> tuple[str, ...]:
    """The people with at least one usable photo."""
    return tuple(gallery.people[i] for i in np.unique(gallery.owner))


def alike(gallery: Gallery, tolerance: float) -> list[tuple[str, str, float]]:
    """Pairs of people whose nearest photos are within the tolerance, the nearest pair first.

    Returns:
        The two names, sorted, and the distance of their nearest photos: 0 if both have the same.
    """
    pairs = []
    for a, b, distance in _nearest(gallery):
        if distance <= tolerance:
            pairs.append((gallery.people[a], gallery.people[b], distance))
    return sorted(pairs, key=lambda pair: (pair[2], pair[0], pair[1]))


def _nearest(gallery: Gallery) -> Iterator[tuple[int, int, float]]:
    """Each pair of people with the distance of their nearest photos."""
    # One pair at a time: the distances of all photos to all would fill the memory.
    of_person = [(int(p), gallery.embedding[gallery.owner == p]) for p in np.unique(gallery.owner)]
    for n, (a, first) in enumerate(of_person):
        for b, second in of_person[n + 1 :]:
            product = float((first @ second.T).max())
            # Of unit vectors |a - b|² = 2 - 2ab; rounding may make it a little less than 0.
            yield a, b, float(np.sqrt(max(0.0, 2 - 2 * product)))


def strangers(gallery: Gallery, farthest: float) -> list[list[list[Path]]]:
    """The people whose photos seem to show several people.

    Args:
        gallery: With files.
        farthest: Photos that are farther apart may show two people, if no others lie between.

    Returns:
        For each of these people the photos of each that they seem to show, the most photos first.
    """
    found = []
    for person in np.unique(gallery.owner):
        own = np.flatnonzero(gallery.owner == person)
        cosine = gallery.embedding[own] @ gallery.embedding[own].T
        group = _connected(2 - 2 * cosine <= farthest**2)
        files = [[gallery.photo[i] for i in own[group == k]] for k in np.unique(group)]
        if len(files) > 1:
            found.append(sorted(files, key=lambda one: (-len(one), one)))
    return found


def _connected(near: Flags) -> Ints:
    """The group of each, as the first position in it, where a chain of near pairs joins a group.

    >>> _connected(np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]], bool)).tolist()
    [0, 1, 0]
    """
    near, group = near | np.eye(len(near), dtype=bool), np.arange(len(near))
    while True:
        first = np.where(near, group, len(near)).min(axis=1)
        if (first == group).all():
            return group
        group = first


def warn_of_strangers(gallery: Gallery, farthest: float) -> None:
    """Says which photos may show somebody else than their person."""
    for groups in strangers(gallery, farthest):
        log.warning(
            "%s: the photos seem to show %d people: %s; give each person a folder or a photo "
            "of that name; if it is one person, add more photos, which lie between",
            groups[0][0].parent, len(groups), " | ".join(map(_listed, groups[:MOST_LISTED])),
        )  # fmt: skip


def _listed(paths: Sequence[Path]) -> str:
    more = len(paths) - MOST_LISTED
    return ", ".join(p.name for p in paths[:MOST_LISTED]) + f" and {more} more" * (more > 0)


def nested(folder: Path) -> dict[Path, list[Path]]:
    """Photos that nobody gets, as they lie deeper than a person's folder and its not/, by folder.

    Raises:
        PeopleError: See `photos`.
    """
    found: dict[Path, list[Path]] = {}
    for _, path in _entries(folder):
        for below in _visible(path) if path.is_dir() else ():
            inside = _visible(below) if below.is_dir() else ()
            deeper = [p for p in inside if p.is_dir()] if below.name == NOT else [below]
            for place in deeper:
                pictures = sorted(_pictures_below(place)) if place.is_dir() else []
                found |= {place: pictures} if pictures else {}
    return found


def _pictures_below(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in PHOTO_SUFFIXES | UNREAD and not hidden:
            yield path


def _warn_of_nested(folder: Path) -> None:
    for place, pictures in nested(folder).items():
        log.warning(
            "%s/: %s not used, as a person's folder holds no other folders than not/; to make %s a "
            "person, move it to %s/",
            place, f"{_listed(pictures)} {'is' if len(pictures) == 1 else 'are'}", place.name,
            folder / place.name,
        )  # fmt: skip


def warn_of_alike(gallery: Gallery, tolerance: float, where: Path) -> None:
    """Warns of people who look alike: a face of one may get the name of the other."""
    pairs = alike(gallery, tolerance)
    if pairs:
        listed = ", ".join(
            f"{a} and {b} ({'the same photo' if far < 1e-3 else f'{far:.2f}'})"
            for a, b, far in pairs[:MOST_LISTED]
        )
        more = f" and {len(pairs) - MOST_LISTED} more pairs" if len(pairs) > MOST_LISTED else ""
        log.warning(
            "%s/: photos of different people are nearer than %g, so their names may be mixed up: "
            "%s%s; remove the wrong photo, or add more photos of each",
            where, tolerance, listed, more,
        )  # fmt: skip
