"""Makes people of the unknown cast known: their photos are copied into the gallery."""

import logging
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.cast.cast import cast_place
from pipeline.disk import manifest as manifests
from pipeline.disk.walked import CAST, CAST_TABLE, finished
from pipeline.errors import PeopleError
from pipeline.opened import opened
from pipeline.people import gallery, names
from pipeline.people.album import Album
from pipeline.settings import Job

log = logging.getLogger(__name__)


def adopt(folders: Sequence[Path], chosen: Sequence[tuple[int, str]], job: Job) -> None:
    """Makes people of the cast known: copies their photos into the gallery, and names the movies.

    What lies in the folder of a number is copied: photos that were deleted there are not. Nothing
    in the gallery is overwritten. Deleting the copies and naming again undoes it.

    Args:
        folders: The movies', those whose cast it is.
        chosen: A number of the cast and a name each; one name for two numbers joins them.
        job: Where things lie.

    Raises:
        PeopleError: There is no such number, or nobody can be called so.
        MiningError: A file is missing or torn, or cannot be written.
    """
    for folder in folders:
        finished(folder)  # Says what is wrong before anything is copied.
    for path in copied(folders, chosen, job.known_faces):
        log.debug("%s: new", path)
    album = Album(job)
    for folder in manifests.unique(folders):
        with opened(folder, job, album):
            pass  # That it is open names its faces.


def copied(
    folders: Sequence[Path], chosen: Sequence[tuple[int, str]], known_faces: Path
) -> Iterator[Path]:
    """Copies photos of the cast into the gallery; tells of each copy as soon as it is made.

    Raises:
        PeopleError: See `adopt`, before anything is copied.
        MiningError: A photo cannot be read or written.
    """
    pictures = [_of_number(cast_place(folders), number, folders) for number, _ in chosen]
    for number, person in chosen:
        names.check_name(person, f"number {number} of the cast")
    for (number, person), paths in zip(chosen, pictures, strict=True):
        into, count = known_faces / person, 0
        for name in filter(None, (gallery.add(path, into) for path in paths)):
            yield into / name
            count += 1
        log.info("%s: %d new photos, of number %d of the cast", into, count, number)


def pictures(place: Path) -> dict[int, list[Path]]:
    """The photos of each number of the cast that lies in a folder.

    Raises:
        PeopleError: The folder cannot be read.
    """
    found = gallery.photos(place / CAST)  # It looks like a gallery, with numbers for names.
    return {int(name): paths for name, paths in found.items() if name.isdecimal() and paths}


def _of_number(place: Path, number: int, folders: Sequence[Path]) -> list[Path]:
    """The photos of a number of the cast.

    Raises:
        PeopleError: There are none.
    """
    folder, found = place / CAST, pictures(place)
    if number in found:
        return found[number]
    again = shlex.join(["mine-video", "cast", *map(str, folders)])
    if not found:
        shared = len(folders) == 1 and (place.parent / CAST_TABLE).exists()
        hint = f"; {place.parent} has one: name all its movies" if shared else ""
        raise PeopleError(f"{folder}: holds no cast; `{again}` makes one{hint}")
    there = ", ".join(map(str, sorted(found)))
    raise PeopleError(f"{folder}: has no photos of number {number}; it has: {there}")
