"""Looking through picked crops, on one page: what there is, deciding, and taking back."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import pandas as pd

from pipeline import manifest as manifests
from pipeline import table
from pipeline.errors import TableError
from pipeline.faces import EMOTIONS
from pipeline.people import gallery as galleries
from pipeline.pick import aside, decisions
from pipeline.pick import labels as decided
from pipeline.pick.aside import ASIDE, CROPS
from pipeline.pick.crop import BOX, COLUMNS, NAME
from pipeline.pick.labels import LABELS, Stamp, bad_numbers
from pipeline.pick.select import ACCEPTED, REJECTED, UNKNOWN

STRANGER = ""
"""In the place of an emotion: the face of another person, of whom nothing else is said."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the review of a folder is.

    Attributes:
        crops: how many there are.
        decided: of how many somebody decided.
        accepted: of how many that they are right.
    """

    crops: int
    decided: int
    accepted: int

    @property
    def precision(self) -> float | None:
        """Share of those decided that are right; another person's face is wrong."""
        return self.accepted / self.decided if self.decided else None


@dataclass(frozen=True, eq=False)
class Picked:
    """The crops of one person and emotion, and what was decided of them.

    Attributes:
        folder: the movie's.
        person: a name or "unknown".
        emotion: one of `EMOTIONS`.
        crops: as text, by file: rows of crops.csv, and rejected ones that it lists no longer.
        labels: by file, of those that were decided.
    """

    folder: Path
    person: str
    emotion: str
    crops: dict[str, dict[str, str]]
    labels: dict[str, dict[str, str]]

    @property
    def place(self) -> Path:
        """Where the crops lie."""
        return self.folder / self.person / self.emotion

    @cached_property
    def progress(self) -> Progress:
        """How far it is."""
        count = Counter(label["decision"] for label in self.labels.values())
        return Progress(len(self.crops), sum(count.values()), count[ACCEPTED])

    def path_of(self, file: str) -> Path | None:
        """Where a crop lies now; None where there is none of that name, or it was deleted."""
        if file not in self.crops:
            return None
        names = [self.place / file]
        if file in self.labels:  # After another pick it may be called otherwise.
            names.append(self.place / ASIDE / self.labels[file]["file"])
        return next((path for path in names if path.is_file()), None)


def movies(output: Path) -> dict[str, Path]:
    """The folders of movies by name: a name that is not among them is nobody's path."""
    return {path.name: path for path in _folders(output) if (path / "walk.json").is_file()}


def picks(folder: Path) -> Iterator[tuple[str, str]]:
    """Person and emotion of each pick of a movie's folder."""
    for person in _folders(folder):
        for emotion in EMOTIONS:
            if (person / emotion / CROPS).is_file():
                yield person.name, emotion


def _folders(folder: Path) -> list[Path]:
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    seen = (path for path in found if path.name.isprintable() and not path.name.startswith("."))
    return [path for path in seen if path.is_dir()]


def picked(folder: Path, person: str, emotion: str) -> Picked:
    """The crops of one person and emotion, of `picks`.

    Raises:
        TableError: Their list or the labels are torn.
    """
    return _picked(
        folder, person, emotion, decided.stamp(folder / person / emotion / CROPS),
        decided.stamp(folder / LABELS),
    )  # fmt: skip


@lru_cache(maxsize=4)
def _picked(folder: Path, person: str, emotion: str, listed: Stamp, _: Stamp) -> Picked:
    crops, by_file = _crops(folder / person / emotion / CROPS, listed)
    labels = decided.read(folder)
    of_crop = decisions.matching(crops, labels)
    rows = dict(by_file)
    every = decided.listed(labels)
    told = {file: every[n] for file, n in zip(crops["file"], of_crop, strict=True) if n >= 0}
    name, used = "" if person == UNKNOWN else person, set(of_crop.tolist())
    for n, label in enumerate(every):
        own = label["person"] == name and label["picked"] == emotion
        if own and label["decision"] == REJECTED and n not in used:
            rows.setdefault(label["file"], decided.crop_of(label))
            told[label["file"]] = label
    return Picked(folder, person, emotion, rows, told)


@lru_cache(maxsize=8)
def _crops(path: Path, _: Stamp) -> tuple[pd.DataFrame, dict[str, dict[str, str]]]:
    """A list of crops, as a table and by file."""
    rows, _lines = decided.read_text(path, COLUMNS)
    own = [row for row in rows if NAME.fullmatch(row[0]) and Path(row[0]).name == row[0]]
    crops = pd.DataFrame(own, columns=[*COLUMNS], dtype=object)
    if bad_numbers(crops, ["time", "probability", *BOX], ["frame", "run_length"]).any():
        raise TableError(f"{path}: a number is missing or not one; pick again")
    person = path.parent.parent.name
    crops = crops.assign(person="" if person == UNKNOWN else person, emotion=path.parent.name)
    crops = crops.drop_duplicates("file", ignore_index=True)
    return crops, {
        row[0]: dict(zip(COLUMNS, row, strict=True)) for row in crops.to_numpy().tolist()
    }


def settle(folder: Path) -> None:
    """Ends what an interrupted decision left.

    Raises:
        TableError: A file is torn.
        OutputError: Another process is writing there, or a crop cannot be moved.
    """
    with table.locked(folder):
        aside.settle(folder)


def decide(
    folder: Path, pick: tuple[str, str], file: str, emotion: str | None, known_faces: Path
) -> Picked:
    """Decides of a crop, or takes a decision back; on disk before it returns.

    Args:
        folder: A movie's.
        pick: Person and emotion, of `picks`.
        file: A crop's name, of `Picked.crops`.
        emotion: What the face looks like: that of the pick accepts it; any other, `judge.NONE` for
            something else and `STRANGER` for another person's reject it; None takes back.
        known_faces: The gallery, where a stranger's crop is copied to `<person>/not/`.

    Returns:
        The pick with what is decided now.

    Raises:
        KeyError: There is no such crop.
        TableError: A list is torn, or the crops are of an earlier walk.
        OutputError: Another process is writing there, or it cannot be written.
        ValueError: A stranger was seen where nobody is known.
    """
    if emotion == STRANGER and pick[0] == UNKNOWN:
        raise ValueError("nobody is taken for somebody else where nobody is known")
    with table.locked(folder):
        now = picked(folder, *pick)
        crop, old = now.crops[file], now.labels.get(file)
        if emotion is None and old is None:
            return now
        aside.check_room(folder, old or {**crop, "picked": crop["emotion"]})
        new = None if emotion is None else _label(now, crop, emotion, known_faces)
        if old and emotion != STRANGER:
            _take_back_copy(now, file, known_faces)
        if new is None:  # Every state between has a label, by which `settle` ends it.
            aside.put_back(folder, old or {})
        decided.replace(folder, old, new)
        if new:
            aside.put(folder, new)
        return picked(folder, *pick)


def _label(now: Picked, crop: dict[str, str], emotion: str, known_faces: Path) -> dict[str, str]:
    """The new label; of a stranger after the crop was copied to who the person is not."""
    walk = manifests.read(now.folder)
    first = table.part_paths(now.folder, 0)[0]
    crops = now.place / CROPS
    if first.exists() and first.stat().st_mtime_ns > crops.stat().st_mtime_ns:
        raise TableError(f"{crops}: was picked from an earlier walk; pick again")
    old, copy = now.labels.get(crop["file"]), ""
    if emotion == STRANGER:
        galleries.check_name(now.person, now.folder)
        path = now.path_of(crop["file"])
        again = old["copy"] if old else ""
        folder = known_faces / now.person / galleries.NOT
        copy = again or (galleries.add(path, folder) if path else "")
    return decided.label_of(crop, emotion, walk.fingerprint, copy)


def _take_back_copy(now: Picked, file: str, known_faces: Path) -> None:
    """Removes the photo that a decision put into the gallery, if it is still the same."""
    copy, crop = now.labels[file]["copy"], now.path_of(file)
    path = known_faces / now.person / galleries.NOT / copy
    try:
        if copy and crop and path.is_file() and path.read_bytes() == crop.read_bytes():
            table.remove([path])
    except OSError as error:
        raise TableError(f"{error.filename}: cannot be read ({error.strerror})") from error
