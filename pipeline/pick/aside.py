"""Where crops lie that somebody decided of: a rejected one in the folder `rejected` of its own.

The label is written first, then the crop is moved; `settle` ends what was interrupted between.
"""

from pathlib import Path

from pipeline import table
from pipeline.errors import OutputError, TableError
from pipeline.pick.crop import COLUMNS as CROP_COLUMNS
from pipeline.pick.labels import crop_of, listed, read, read_text, write_text
from pipeline.pick.select import REJECTED, UNKNOWN

ASIDE = "rejected"
"""The folder of rejected crops, in that of their person and emotion."""

CROPS = "crops.csv"


def place_of(folder: Path, label: dict[str, str]) -> Path:
    """The folder of the person and emotion that a label's crop was picked for."""
    return folder / (label["person"] or UNKNOWN) / label["picked"]


def put(folder: Path, label: dict[str, str]) -> None:
    """Moves the crop of a label to where it belongs: aside, or back; nothing where it is there.

    Raises:
        TableError: A file cannot be read.
        OutputError: It cannot be written, or another crop lies there.
    """
    if label["decision"] == REJECTED:
        place, file = place_of(folder, label), label["file"]
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
    place, file = place_of(folder, label), label["file"]
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
    place, file = place_of(folder, label), label["file"]
    pictures = [_bytes(path) for path in (place / file, place / ASIDE / file)]
    if None not in pictures and pictures[0] != pictures[1]:
        raise OutputError(
            f"{place / ASIDE / file}: is another picture than {place / file}; move one of them away"
        )


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.exists() else None
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror})") from error


def _move(source: Path, target: Path) -> None:
    """Moves a file, on disk before the next step; what `check_room` let be is the same."""
    picture = _bytes(source)
    if picture is None:
        return
    if not target.exists():
        with table.replacing(target) as file:
            file.write(picture)
    table.remove([source])


def settle(folder: Path) -> None:
    """Moves every crop to where its label says: what a crash left, ends here.

    Raises:
        TableError: The labels or a crop cannot be read.
        OutputError: A crop cannot be moved.
    """
    names: dict[Path, set[str]] = {}
    for label in listed(read(folder)):
        place = place_of(folder, label)
        there = place if label["decision"] == REJECTED else place / ASIDE
        if there not in names:  # One look, not one for each crop.
            names[there] = {p.name for p in there.iterdir()} if there.is_dir() else set()
        if label["file"] in names[there]:
            put(folder, label)
