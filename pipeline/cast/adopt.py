"""Names people of the unknown cast by copying their photos into the gallery."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipeline.cast.cast import cast_place
from pipeline.cast.company import numbers, pictures
from pipeline.disk import manifest as manifests
from pipeline.disk.pick_json import line_to_type
from pipeline.disk.walked import CAST, CAST_TABLE, Walked, finished, named_tracks
from pipeline.errors import PeopleError
from pipeline.opened import check_nameable, opened
from pipeline.people import gallery, names
from pipeline.people.album import Album
from pipeline.settings import Job

log = logging.getLogger(__name__)


def adopt(
    folders: Sequence[Path],
    chosen: Sequence[tuple[int, str]],
    job: Job,
    album: Album | None = None,
) -> None:
    """Names people of the cast: copies their photos into the gallery, and names the movies' faces.

    Only photos that are still in a number's folder are copied, so that wrong ones can be deleted
    before. No file of the gallery is overwritten. To undo it, delete the copies and name again.

    Args:
        folders: The folders of the movies that share the cast.
        chosen: Pairs of a number of the cast and a name; one name for two numbers joins them.
        job: With the folder of known faces.
        album: The known faces, if the caller uses them too.

    Raises:
        PeopleError: There is no such number, it has another name already, or a name is not allowed.
        MiningError: A file is missing or damaged, or cannot be written.
    """
    walks = [finished(folder) for folder in manifests.unique(folders)]
    for walked in walks:  # Before anything is copied.
        check_nameable(walked)
    _check_unnamed(walks, chosen, job.known_faces)
    for path in copied(folders, chosen, job.known_faces):
        log.debug("%s: new", path)
    album = album or Album(job)
    for folder in manifests.unique(folders):
        with opened(folder, job, album):
            pass  # Opening a movie names its faces.


def _check_unnamed(
    walks: Sequence[Walked], chosen: Sequence[tuple[int, str]], known_faces: Path
) -> None:
    """Refuses to give a second name to a number all of whose tracks have one by now.

    Raises:
        PeopleError: A number is somebody else already; says how to rename that person.
        TableError: cast.csv is damaged.
    """
    place = cast_place([walked.folder for walked in walks])
    names_of: dict[int, set[str]] = {}
    for walked in walks:
        tracks = np.unique(walked.tracks.track).tolist()
        name_of = dict(zip(tracks, named_tracks(walked.tracks), strict=False))
        movie = walked.manifest.movie.name if len(walks) > 1 else ""
        for track, number in numbers(place, movie).items():
            names_of.setdefault(number, set()).add(name_of.get(track, ""))
    for number, person in chosen:
        others = names_of.get(number, {""})
        if others & {"", person}:
            continue
        known = " and ".join(sorted(others))
        places = [walked.folder for walked in walks]
        rename = line_to_type(
            "name", *places, "--rename", min(others), person, known_faces=known_faces
        )
        raise PeopleError(f"number {number} of the cast is {known} by now; to rename: {rename}")


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
    place = cast_place(folders)
    pictures = [_of_number(place, number, folders, known_faces) for number, _ in chosen]
    known = {*gallery.photos(known_faces), *gallery.others(known_faces)}
    for number, person in chosen:
        names.check_name(person, f"number {number} of the cast")
        names.check_apart(person, known, f"number {number} of the cast")
        known.add(person)
    for (number, person), paths in zip(chosen, pictures, strict=True):
        target, count = known_faces / person, 0
        for name in filter(None, (gallery.add(path, target) for path in paths)):
            yield target / name
            count += 1
        noun = "photo" if count == 1 else "photos"
        log.info("%s: %d new %s from number %d of the cast", target, count, noun, number)


def _of_number(place: Path, number: int, folders: Sequence[Path], known_faces: Path) -> list[Path]:
    """The photos of a number of the cast.

    Raises:
        PeopleError: The number has no photos.
    """
    folder, photos = place / CAST, pictures(place)
    if number in photos:
        return photos[number]
    command = line_to_type("cast", *folders, known_faces=known_faces)
    if not photos:
        shared = len(folders) == 1 and (place.parent / CAST_TABLE).exists()
        hint = f"; {place.parent} has one for all its movies: give them all" if shared else ""
        raise PeopleError(f"{folder}: there is no cast; `{command}` makes one{hint}")
    numbers = ", ".join(map(str, sorted(photos)))
    raise PeopleError(f"{folder}: no photos of number {number}; there are photos of {numbers}")
