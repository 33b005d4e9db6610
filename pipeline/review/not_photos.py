"""The photos in not/: the face of a crop that is "not this person", cut out for the gallery."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pandas as pd
from PIL import Image as Pillow

from pipeline import files
from pipeline.crops import box_in_portrait, enlarged, portrait
from pipeline.disk.crop_file import crop_jpeg
from pipeline.errors import TableError
from pipeline.faces import BOX, Image
from pipeline.people.gallery import GALLERY_PLACE, NOT
from pipeline.review.labels import (
    ASIDE,
    TRACK_COLUMN,
    WALK_COLUMN,
    Label,
    folder_of_label,
    is_not_person,
    labels_as_dicts,
)

FACE_MARGIN = 0.1
"""Margin around the face, as a share of its box; with the crop's own, other faces may be in it.

Measured on 90 of the demo's crops: the gallery finds exactly one face in each such photo, but more
than one in 16 of the crops themselves.
"""

PER_TRACK = 2
"""Largest number of photos of one track: neighbouring frames look alike."""


@dataclass(frozen=True, slots=True)
class NotPhotos:
    """The photos that the labels of one movie put into the gallery's not/ folders.

    Attributes:
        folder: The movie's folder.
        size: Width and height of the movie's picture in pixels.
        known_faces: The gallery.
    """

    folder: Path
    size: tuple[int, int]
    known_faces: Path

    def named(self, new: Sequence[Label], labels: pd.DataFrame) -> list[Label]:
        """Gives labels of "not this person" the file names of their photos, as `copy`.

        A label gets none ("") if the person is not in the gallery any more, the crop was deleted,
        the same picture is there already, or the track has `PER_TRACK` photos.

        Args:
            new: Labels, each with the file name of its photo if it had one; other labels stay.
            labels: From `labels.read_labels`.

        Raises:
            TableError: A picture cannot be read.
        """
        shown = _tracks_shown(labels)
        named = [*new]
        # From both ends: neighbouring frames of a moment look alike.
        for at in (*range(min(len(new), 1)), *range(len(new) - 1, 0, -1)):
            label = new[at]
            if is_not_person(label):
                others = shown[_track_of(label)] - {label["file"]}
                copy = self._free_name(label) if len(others) < PER_TRACK else ""
                named[at] = {**label, "copy": copy}
                shown[_track_of(label)] = others | ({label["file"]} if copy else set())
        return named

    def _free_name(self, label: Label) -> str:
        """A file name for the photo of a label; "" if there is no photo to add."""
        home, picture = self._home(label["person"]), self._picture(label)
        if home is None or picture is None:
            return ""
        path = Path(label["file"])
        for n in count(1):
            name = path.name if n == 1 else f"{path.stem}-{n}{path.suffix}"
            existing = files.read_bytes(home / name)
            if existing is None or (existing == picture and name == label["copy"]):
                return name
            if existing == picture:
                break
        return ""

    def add(self, label: Label) -> None:
        """Puts the photo of a "not this person" label into the gallery, unless it is there already.

        Raises:
            TableError: The crop cannot be read.
            OutputError: The photo cannot be written.
        """
        home = self._home(label["person"]) if label["copy"] else None
        if home and not (home / label["copy"]).exists() and (picture := self._picture(label)):
            lock = files.locked(self.known_faces, GALLERY_PLACE, files.LOCK_PATIENCE, own=False)
            with lock, files.replacing(home / label["copy"]) as file:
                file.write(picture)

    def remove(self, label: Label) -> None:
        """Removes the photo of a label from the gallery, unless somebody changed it.

        Raises:
            TableError: A picture cannot be read.
            OutputError: The photo cannot be removed.
        """
        for path in self._photos(label):
            if files.read_bytes(path) == self._picture(label):
                files.remove([path])
                with suppress(OSError):  # The folders have other photos.
                    path.parent.rmdir()
                    path.parent.parent.rmdir()

    def _photos(self, label: Label) -> Iterator[Path]:
        """The paths of a label's photo."""
        if label["copy"]:
            home = self._home(label["person"])
            # If the person was renamed, the photo moved to the folder of the new name.
            folders = [home] if home else self.known_faces.glob(f"*/{NOT}")
            yield from (path for folder in folders if (path := folder / label["copy"]).is_file())

    def _home(self, person: str) -> Path | None:
        """The folder not/ of a person; None if the person is not in the gallery."""
        entries = self.known_faces.iterdir() if self.known_faces.is_dir() else ()
        of_person = [path for path in entries if _name_of(path) == person]
        folder = next((path for path in of_person if path.is_dir()), self.known_faces / person)
        return folder / NOT if of_person else None

    def _picture(self, label: Label) -> bytes | None:
        """The photo made from a label's crop; None if the crop was deleted."""
        place = folder_of_label(self.folder, label)
        paths = (place / label["file"], place / ASIDE / label["file"])
        crop = next((path for path in paths if path.is_file()), None)
        return _photo(crop, label, self.size) if crop else None


def _track_of(label: Label) -> tuple[str, ...]:
    """The person and track of a label, and the walk that numbered the track."""
    return tuple(label[column] for column in ("person", TRACK_COLUMN, WALK_COLUMN))


def _tracks_shown(labels: pd.DataFrame) -> defaultdict[tuple[str, ...], set[str]]:
    """The files of the crops of each track that have a photo in not/."""
    shown: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for label in labels_as_dicts(labels[(labels["emotion"] == "") & (labels["copy"] != "")]):
        shown[_track_of(label)].add(label["file"])
    return shown


def _name_of(path: Path) -> str:
    """The name of the person whose folder or photo this is."""
    # NFC: some file systems store é as e and an accent.
    return normalize("NFC", path.name if path.is_dir() else path.stem)


def _photo(crop: Path, label: Label, size: tuple[int, int]) -> bytes:
    """The face of a crop as JPEG, enlarged if it is too small for the gallery.

    Args:
        crop: A crop written by `crops.write_crops`, with any margin.
        label: With the face's box in the movie's picture.
        size: Width and height of the movie's picture in pixels.

    Raises:
        TableError: The crop cannot be read.
    """
    try:
        with files.open_file(crop) as file, Pillow.open(file, formats=("JPEG",)) as opened:
            picture: Image = np.array(opened.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise TableError(f"{crop}: cannot be read ({error}); pick again") from error
    x1, y1, x2, y2 = box = np.array([float(label[side]) for side in BOX], np.float32)
    face = portrait(picture, box_in_portrait(box, picture, size), FACE_MARGIN)
    provenance = {
        "movie": label["clip"],
        "frame": int(label["first"]),
        "track": int(label[TRACK_COLUMN]),
    }
    return crop_jpeg(enlarged(face, float(min(x2 - x1, y2 - y1))), provenance)
