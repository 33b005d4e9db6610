"""Photos of who somebody is not: the face of a crop alone, in the gallery's folder for them."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pandas as pd
from PIL import Image as Pillow

from pipeline import files
from pipeline.crops import enlarged, portrait
from pipeline.disk.crop_file import crop_jpeg
from pipeline.errors import TableError
from pipeline.faces import BOX, Image
from pipeline.people.gallery import NOT
from pipeline.review.labels import (
    ASIDE,
    TRACK_COLUMN,
    WALK_COLUMN,
    Label,
    folder_of_label,
)

FACE_MARGIN = 0.1
"""Around the face, as a share of its box: with the crop's own, others are in the picture too.

Measured on 90 of the demo's crops: a gallery finds one face in each such photo, and more than one
in 16 of the crops themselves.
"""

PER_TRACK = 2
"""Photos of one track at most: neighbouring frames look alike."""


@dataclass(frozen=True, slots=True)
class NotPhotos:
    """The photos of who somebody is not that the labels of a movie's folder put into the gallery.

    Attributes:
        folder: The movie's.
        size: Width and height of its picture in pixels.
        known_faces: The gallery.
    """

    folder: Path
    size: tuple[int, int]
    known_faces: Path

    def free_name(self, label: Label, labels: pd.DataFrame) -> str:
        """What the photo of a label can be called; "" where there is to be none.

        There is none of who is nobody in the gallery any more, where the same picture is there
        already, and where there are `PER_TRACK` of the track.

        Args:
            label: With the name that its photo had, if any, as `copy`.
            labels: Of `labels.read_labels`.

        Raises:
            TableError: A picture cannot be read.
        """
        home, picture = self._home(label["person"]), self._picture(label)
        if home is None or picture is None or self._enough(label, labels):
            return ""
        path = Path(label["file"])
        for n in count(1):
            name = path.name if n == 1 else f"{path.stem}-{n}{path.suffix}"
            there = files.read_bytes(home / name)
            if there is None or (there == picture and name == label["copy"]):
                return name
            if there == picture:
                break
        return ""

    def add(self, label: Label) -> None:
        """Puts the photo of a stranger's label into the gallery where it is not there.

        Raises:
            TableError: The crop cannot be read.
            OutputError: The photo cannot be written.
        """
        home, picture = self._home(label["person"]), self._picture(label)
        if home and picture and label["copy"] and not (home / label["copy"]).exists():
            with files.replacing(home / label["copy"]) as file:
                file.write(picture)

    def remove(self, label: Label) -> None:
        """Takes the photo of a label out of the gallery, if it is still the same.

        Raises:
            TableError: A picture cannot be read.
            OutputError: The photo cannot be removed.
        """
        for path in self._photos(label):
            if files.read_bytes(path) == self._picture(label):
                files.remove([path])
                with suppress(OSError):  # Others are in there.
                    path.parent.rmdir()
                    path.parent.parent.rmdir()

    def _photos(self, label: Label) -> Iterator[Path]:
        """Where the photo of a label is: with whoever is called otherwise now, too."""
        if label["copy"]:
            home = self._home(label["person"])
            found = [home] if home else self.known_faces.glob(f"*/{NOT}")
            yield from (path for each in found if (path := each / label["copy"]).is_file())

    def _home(self, person: str) -> Path | None:
        """The folder for photos of who a person is not; None where nobody is called so."""
        there = self.known_faces.iterdir() if self.known_faces.is_dir() else ()
        of_name = [path for path in there if _whose(path) == person]
        own = next((path for path in of_name if path.is_dir()), self.known_faces / person)
        return own / NOT if of_name else None

    def _enough(self, label: Label, labels: pd.DataFrame) -> bool:
        key = ["person", TRACK_COLUMN, WALK_COLUMN]
        same = (labels[key] == [label[column] for column in key]).all(axis=1)
        others = same & (labels["emotion"] == "") & (labels["file"] != label["file"])
        return int((others & (labels["copy"] != "")).sum()) >= PER_TRACK

    def _picture(self, label: Label) -> bytes | None:
        """The photo that is made of a label's crop; None where the crop was deleted."""
        place = folder_of_label(self.folder, label)
        paths = (place / label["file"], place / ASIDE / label["file"])
        crop = next((path for path in paths if path.is_file()), None)
        return _photo(crop, label, self.size) if crop else None


def _whose(path: Path) -> str:
    """Whose folder or photo it is; some file systems take é apart."""
    return normalize("NFC", path.name if path.is_dir() else path.stem)


def _photo(crop: Path, label: Label, size: tuple[int, int]) -> bytes:
    """The face of a crop as JPEG, larger where a gallery would refuse it.

    Args:
        crop: Of `crops.write_crops`, with any margin.
        label: With the face's box in the movie's picture.
        size: Of that picture.

    Raises:
        TableError: The crop cannot be read.
    """
    try:
        with Pillow.open(crop, formats=("JPEG",)) as file:
            picture: Image = np.array(file.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise TableError(f"{crop}: cannot be read ({error}); pick again") from error
    x1, y1, x2, y2 = box = np.array([float(label[side]) for side in BOX], np.float32)
    side = max(picture.shape[:2])  # From here on as `portrait` placed it.
    middles = (x1 + x2, y1 + y2)
    left, top = (
        min(max(0, round((float(middle) - side) / 2)), max(0, length - side))
        for middle, length in zip(middles, size, strict=True)
    )
    face = portrait(picture, box - np.array([left, top, left, top], np.float32), FACE_MARGIN)
    told = {"movie": label["clip"], "frame": int(label["first"]), "track": int(label[TRACK_COLUMN])}
    return crop_jpeg(enlarged(face, float(min(x2 - x1, y2 - y1))), told)
