"""Where crops lie that somebody decided of: a rejected one in the folder `rejected` of its own.

The label is written first, then the crop is moved (see `review.deed`).
"""

from pathlib import Path

from pipeline import files
from pipeline.disk.crops_csv import CROP_COLUMNS, CROPS
from pipeline.errors import OutputError, TableError
from pipeline.faces import REJECTED, UNKNOWN
from pipeline.review.labels import crop_of, read_text, write_text

ASIDE = "rejected"
"""The folder of rejected crops, in that of their person and emotion."""


def folder_of_label(folder: Path, label: dict[str, str]) -> Path:
    """The folder of the person and emotion that a label speaks of."""
    return folder / (label["person"] or UNKNOWN) / label["picked"]


def put(folder: Path, label: dict[str, str]) -> None:
    """Moves the crop of a label to where it belongs: aside, or back; nothing where it is there.

    Raises:
        TableError: A file cannot be read.
        OutputError: It cannot be written, or another crop lies there.
    """
    if label["decision"] == REJECTED:
        place, file = folder_of_label(folder, label), label["file"]
        check_room(folder, label)
        _move(place / file, place / ASIDE / file)
    else:
        put_back(folder, label)


def put_back(folder: Path, label: dict[str, str]) -> None:
    """Moves a crop back to where it was picked, and into the list there.

    Raises:
        TableError: A file cannot be read.
        OutputError: It cannot be written, or another crop lies there.
    """
    place, file = folder_of_label(folder, label), label["file"]
    if (place / ASIDE / file).exists():
        check_room(folder, label)
        rows, _ = read_text(place / CROPS, CROP_COLUMNS)
        if file not in {row[0] for row in rows}:  # It was picked again without this one.
            crop = [crop_of(label)[column] for column in CROP_COLUMNS]
            write_text(place / CROPS, CROP_COLUMNS, [*rows, crop])
        _move(place / ASIDE / file, place / file)


def check_room(folder: Path, label: dict[str, str]) -> None:
    """Refuses to move a crop where another one lies.

    Raises:
        TableError: One of them cannot be read.
        OutputError: They differ.
    """
    place, file = folder_of_label(folder, label), label["file"]
    _check_same(place / file, place / ASIDE / file)


def _check_same(one: Path, other: Path) -> None:
    pictures = [bytes_of(path) for path in (one, other)]
    if None not in pictures and pictures[0] != pictures[1]:
        raise OutputError(f"{other}: is another picture than {one}; move one of them away")


def follow_crop(folder: Path, old: dict[str, str], new: dict[str, str]) -> None:
    """Moves a rejected crop to the folder of the name that its face or the person has by now.

    Raises:
        TableError: A file cannot be read.
        OutputError: It cannot be written, or another crop lies there.
    """
    source, target = (folder_of_label(folder, each) / ASIDE / each["file"] for each in (old, new))
    one = target.exists() and target.samefile(source)  # Where a and A are.
    if source.exists() and not one:
        _check_same(source, target)
        _move(source, target)
    crops = folder_of_label(folder, new) / CROPS
    if not crops.exists():  # Nothing was picked there yet, but what was decided is to be found.
        write_text(crops, CROP_COLUMNS, [])


def bytes_of(path: Path) -> bytes | None:
    """What a file holds; None where there is none.

    Raises:
        TableError: It cannot be read.
    """
    try:
        return path.read_bytes() if path.exists() else None
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror})") from error


def _move(source: Path, target: Path) -> None:
    """Moves a file, on disk before the next step; what `check_room` let be is the same."""
    picture = bytes_of(source)
    if picture is None:
        return
    fresh = not target.exists()
    if fresh:
        with files.replacing(target) as file:
            file.write(picture)
    try:
        files.remove([source])
    except OutputError:
        files.remove([target] if fresh else [])  # It is not to lie in both.
        raise
