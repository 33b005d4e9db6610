"""Looking through picked crops, on one page: what there is, deciding, and taking back."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import pandas as pd

from pipeline import files
from pipeline.disk import manifest as manifests
from pipeline.disk import parts
from pipeline.disk.crop_file import CROP_NAME
from pipeline.disk.crops_csv import CROP_COLUMNS, CROPS
from pipeline.disk.find import visible_names
from pipeline.disk.text_table import Stamp, bad_numbers, file_stamp, read_text
from pipeline.errors import TableError
from pipeline.faces import ACCEPTED, BOX, EMOTIONS, REJECTED, UNKNOWN
from pipeline.people.names import check_name
from pipeline.review import labels as decided
from pipeline.review import match
from pipeline.review.labels import ASIDE, LABELS, OPEN, Label, folder_of_label
from pipeline.review.not_photos import NotPhotos
from pipeline.review.reconcile import check_room, reconcile, write_decision

Row = dict[str, str]

STRANGER = ""
"""In the place of an emotion: the face of another person, of whom nothing else is said."""


@dataclass(frozen=True, slots=True)
class ReviewProgress:
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
        crops: as text, by file: rows of crops.csv, and decided ones that it lists no longer; of
            these, accepted ones have no picture.
        labels: by file, of those that were decided.
        gone: of the decided ones, which lie nowhere: accepted, but not in the last pick.
    """

    folder: Path
    person: str
    emotion: str
    crops: dict[str, dict[str, str]]
    labels: dict[str, dict[str, str]]
    gone: frozenset[str] = frozenset()

    @property
    def place(self) -> Path:
        """Where the crops lie."""
        return self.folder / self.person / self.emotion

    @cached_property
    def progress(self) -> ReviewProgress:
        """How far it is."""
        count = Counter(label["decision"] for label in self.labels.values())
        return ReviewProgress(len(self.crops), sum(count.values()), count[ACCEPTED])

    def path_of(self, file: str) -> Path | None:
        """Where a crop lies now; None where there is none of that name, or it was deleted."""
        if file not in self.crops:
            return None
        names = [self.place / file]
        if file in self.labels:  # After another pick it may be called otherwise.
            label = self.labels[file]
            names.append(folder_of_label(self.folder, label) / ASIDE / label["file"])
        return next((path for path in names if path.is_file()), None)


def picks(folder: Path) -> Iterator[tuple[str, str]]:
    """Person and emotion of each pick of a movie's folder."""
    for person in sorted(visible_names(folder)):
        for emotion in EMOTIONS:
            if (folder / person / emotion / CROPS).is_file():
                yield person, emotion


def is_pick(folder: Path, person: str, emotion: str) -> bool:
    """Whether it is one of `picks`."""
    known = person in visible_names(folder) and emotion in EMOTIONS
    return known and (folder / person / emotion / CROPS).is_file()


def picked(folder: Path, person: str, emotion: str) -> Picked:
    """The crops of one person and emotion, of `picks`.

    Raises:
        TableError: Their list or the labels are torn.
    """
    return _picked(folder, person, emotion, *_stamps(folder, person, emotion))


def progress(folder: Path, person: str, emotion: str) -> ReviewProgress:
    """How far the review of one of `picks` is; remembered of many more than fit as a whole.

    Raises:
        TableError: See `picked`.
    """
    return _progress(folder, person, emotion, *_stamps(folder, person, emotion))


def next_open(folder: Path, person: str, emotion: str) -> tuple[str, str] | None:
    """The next of `picks` after this one, and then from the first, that is not all decided."""
    every = list(picks(folder))
    here = every.index((person, emotion))
    for pick in (*every[here + 1 :], *every[:here]):
        with suppress(TableError):  # What is wrong with it, the list of all tells.
            found = progress(folder, *pick)
            if found.decided < found.crops:
                return pick
    return None


def _stamps(folder: Path, person: str, emotion: str) -> tuple[Stamp, Stamp]:
    """Of all that a pick is read from."""
    return file_stamp(folder / person / emotion / CROPS), file_stamp(folder / LABELS)


@lru_cache(maxsize=10_000)
def _progress(
    folder: Path, person: str, emotion: str, crops: Stamp, labels: Stamp
) -> ReviewProgress:
    return _picked(folder, person, emotion, crops, labels).progress


@lru_cache(maxsize=4)
def _picked(folder: Path, person: str, emotion: str, listed: Stamp, _: Stamp) -> Picked:
    crops, by_file = _crops(folder / person / emotion / CROPS, listed)
    labels = decided.read_labels(folder)
    labels = labels[labels["decision"] != OPEN]
    of_crop = match.labels_of_crops(crops, labels)
    rows = dict(by_file)
    every = decided.labels_as_dicts(labels)
    told = {file: every[n] for file, n in zip(crops["file"], of_crop, strict=True) if n >= 0}
    name, used = "" if person == UNKNOWN else person, set(of_crop.tolist())
    for n, label in enumerate(every):
        if label["person"] == name and label["picked"] == emotion and n not in used:
            rows.setdefault(label["file"], decided.crop_of(label))
            told[label["file"]] = label
    gone = (f for f in rows if f not in by_file and told[f]["decision"] == ACCEPTED)
    return Picked(folder, person, emotion, rows, told, frozenset(gone))


@lru_cache(maxsize=8)
def _crops(path: Path, _: Stamp) -> tuple[pd.DataFrame, dict[str, dict[str, str]]]:
    """A list of crops, as a table and by file."""
    rows, _lines = read_text(path, CROP_COLUMNS, "pick again")
    own = [row for row in rows if CROP_NAME.fullmatch(row[0]) and Path(row[0]).name == row[0]]
    crops = pd.DataFrame(own, columns=[*CROP_COLUMNS], dtype=object)
    if bad_numbers(crops, ["time", "probability", *BOX], ["frame", "run_length"]).any():
        raise TableError(f"{path}: a number is missing or not one; pick again")
    person = path.parent.parent.name
    crops = crops.assign(person="" if person == UNKNOWN else person, emotion=path.parent.name)
    crops = crops.drop_duplicates("file", ignore_index=True)
    return crops, {
        row[0]: dict(zip(CROP_COLUMNS, row, strict=True)) for row in crops.to_numpy().tolist()
    }


def settle_folder(folder: Path, known_faces: Path) -> None:
    """Ends what an interrupted decision left, as far as crops can be moved.

    Args:
        folder: A movie's.
        known_faces: The gallery.

    Raises:
        TableError: A file is torn.
        OutputError: Another process is writing there.
    """
    with files.locked(folder):
        size = manifests.read(folder).scan.stream.size
        reconcile(folder, NotPhotos(folder, size, known_faces))


def decide(
    folder: Path, pick: tuple[str, str], file: str, emotion: str | None, known_faces: Path
) -> Picked:
    """Decides of a crop, or takes a decision back; on disk before it returns.

    Args:
        folder: A movie's.
        pick: Person and emotion, of `picks`.
        file: A crop's name, of `Picked.crops`.
        emotion: What the face looks like: that of the pick accepts it; any other, `NO_EMOTION` for
            something else and `STRANGER` for another person's reject it; None takes back.
        known_faces: The gallery, where a photo of a stranger is put into `<person>/not/`.

    Returns:
        The pick with what is decided now; `copy` of a stranger's label names that photo, if any.

    Raises:
        KeyError: There is no such crop.
        TableError: A list is torn, or the crops are of an earlier walk or under an earlier name.
        PeopleError: A stranger to a name that cannot be a person's.
        OutputError: Another process is writing there, or it cannot be written.
        ValueError: A stranger was seen where nobody is known.
    """
    if emotion == STRANGER and pick[0] == UNKNOWN:
        raise ValueError("nobody is taken for somebody else where nobody is known")
    with files.locked(folder):
        now = picked(folder, *pick)
        crop, old = now.crops[file], now.labels.get(file)
        if emotion is not None or old is not None:
            _check_place(now, old)
            _decide(now, crop, old, emotion, known_faces)
        return picked(folder, *pick)


def _decide(
    now: Picked, crop: Row, old: Label | None, emotion: str | None, known_faces: Path
) -> None:
    """Decides about a crop that has the label `old`."""
    check_room(now.folder, old or {**crop, "picked": crop["emotion"]})
    walk = manifests.read(now.folder)
    photos = NotPhotos(now.folder, walk.scan.stream.size, known_faces)
    if emotion is not None:
        _check_current(now, emotion)
        new = decided.label_of(crop, emotion, walk.fingerprint, old["copy"] if old else "")
        if emotion != STRANGER:
            _take_back_others(now.folder, crop, old, photos)
        write_decision(now.folder, old, new, photos)
    elif old:
        write_decision(now.folder, old, decided.taken_back(old), photos)


def _take_back_others(folder: Path, crop: Row, old: Label | None, photos: NotPhotos) -> None:
    """Takes back what was decided about the look of the same face under another name."""
    labels = decided.read_labels(folder)
    every = decided.labels_as_dicts(labels)
    for place in match.same_look(crop, labels):
        if every[place] != old:
            write_decision(folder, every[place], decided.taken_back(every[place]), photos)


def _check_place(now: Picked, old: Label | None) -> None:
    """Refuses to decide where a crop lies no more.

    Raises:
        TableError: It lies aside under the name that the person has by now.
    """
    if old and old["decision"] == REJECTED and folder_of_label(now.folder, old) != now.place:
        raise TableError(
            f"{now.place / CROPS}: this crop lies with those of {old['person'] or UNKNOWN} now; "
            "decide there, or pick again"
        )


def _check_current(now: Picked, emotion: str) -> None:
    """Refuses a new decision of crops that are to be picked again.

    Raises:
        TableError: They were picked from an earlier walk.
        PeopleError: A stranger to a name that cannot be a person's.
    """
    if emotion == STRANGER:
        check_name(now.person, now.folder)
    crops, first = now.place / CROPS, parts.part_paths(now.folder, 0)[0]
    if first.exists() and first.stat().st_mtime_ns > crops.stat().st_mtime_ns:
        raise TableError(f"{crops}: was picked from an earlier walk; pick again")
