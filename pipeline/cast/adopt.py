"""Names people of the unknown cast by copying their photos into the gallery."""

import logging
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.cast.cast import cast_place
from pipeline.disk import manifest as manifests
from pipeline.disk.walked import CAST, CAST_TABLE, finished
from pipeline.errors import PeopleError
from pipeline.opened import check_nameable, opened
from pipeline.people import gallery, names
from pipeline.people.album import Album
from pipeline.settings import Job

log = logging.getLogger(__name__)


def adopt(folders: Sequence[Path], chosen: Sequence[tuple[int, str]], job: Job) -> None:
    """Names people of the cast: copies their photos into the gallery, and names the movies' faces.

    Only photos that are still in a number's folder are copied, so that wrong ones can be deleted
    before. No file of the gallery is overwritten. To undo it, delete the copies and name again.

    Args:
        folders: The folders of the movies that share the cast.
        chosen: Pairs of a number of the cast and a name; one name for two numbers joins them.
        job: With the folder of known faces.

    Raises:
        PeopleError: There is no such number, or a name is not allowed.
        MiningError: A file is missing or damaged, or cannot be written.
    """
    for folder in folders:
        check_nameable(finished(folder))  # Before anything is copied.
    for path in copied(folders, chosen, job.known_faces):
        log.debug("%s: new", path)
    album = Album(job)
    for folder in manifests.unique(folders):
        with opened(folder, job, album):
            pass  # Opening a movie names its faces.


def copied(
    folders: Sequence[Path], chosen: Sequence[tuple[int, str]], known_faces: Path
) -> Iterator[Path]:
    """Copies photos of the cast into the gallery.

    Args:
        folders: The folders of the movies that share the cast.
        chosen: Pairs of a number of the cast and a name.
        known_faces: The gallery.

    Yields:
        The path of each copy as soon as it is made, so that a caller can undo what was done.

    Raises:
        PeopleError: See `adopt`; raised before anything is copied.
        MiningError: A photo cannot be read or written.
    """
    pictures = [_of_number(cast_place(folders), number, folders) for number, _ in chosen]
    for number, person in chosen:
        names.check_name(person, f"number {number} of the cast")
    for (number, person), paths in zip(chosen, pictures, strict=True):
        target, count = known_faces / person, 0
        for name in filter(None, (gallery.add(path, target) for path in paths)):
            yield target / name
            count += 1
        noun = "photo" if count == 1 else "photos"
        log.info("%s: %d new %s from number %d of the cast", target, count, noun, number)


def pictures(place: Path) -> dict[int, list[Path]]:
    """The photos of each number of a cast.

    Args:
        place: The folder that holds cast/.

    Raises:
        PeopleError: The folder cannot be read.
    """
    photos = gallery.photos(place / CAST)  # cast/ is laid out like a gallery: numbers are names.
    return {int(name): paths for name, paths in photos.items() if name.isdecimal() and paths}


def _of_number(place: Path, number: int, folders: Sequence[Path]) -> list[Path]:
    """The photos of a number of the cast.

    Raises:
        PeopleError: The number has no photos.
    """
    folder, photos = place / CAST, pictures(place)
    if number in photos:
        return photos[number]
    command = shlex.join(["mine-video", "cast", *map(str, folders)])
    if not photos:
        shared = len(folders) == 1 and (place.parent / CAST_TABLE).exists()
        hint = f"; {place.parent} has one for all its movies: give them all" if shared else ""
        raise PeopleError(f"{folder}: there is no cast; `{command}` makes one{hint}")
    numbers = ", ".join(map(str, sorted(photos)))
    raise PeopleError(f"{folder}: no photos of number {number}; there are photos of {numbers}")
