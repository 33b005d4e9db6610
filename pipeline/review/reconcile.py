"""Files where the labels say: the one way in which a decision of the review reaches the disk.

A decision is a label in labels.csv, and the label is written first. Then files move: a rejected
crop into the folder `rejected` beside its list, every other crop back; the photo of "not this
person" into the gallery's folder `not`, that of any other label out of it. Each step may be done
twice, so `reconcile` finishes whatever a crash left.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pandas as pd

from pipeline import files
from pipeline.disk.crop_file import is_same_face
from pipeline.disk.crops_csv import CROP_COLUMNS, CROPS
from pipeline.disk.text_table import read_text, write_text
from pipeline.disk.walked import Walked
from pipeline.errors import MiningError, OutputError
from pipeline.faces import REJECTED, UNKNOWN
from pipeline.review import match
from pipeline.review.labels import (
    ASIDE,
    LABEL_COLUMNS,
    LABEL_KEY,
    OPEN,
    WALK_COLUMN,
    Label,
    crop_of,
    folder_of_label,
    is_not_person,
    labels_as_dicts,
    read_labels,
    replace_label,
    taken_back,
    write_labels,
)
from pipeline.review.not_photos import NotPhotos


def write_decision(folder: Path, old: Label | None, new: Label, photos: NotPhotos) -> None:
    """Writes a label and moves its files; where they cannot move, the decision before stands.

    Args:
        folder: A movie's.
        old: The label so far.
        new: The label to be, or `labels.taken_back` of the old one.
        photos: The gallery's photos of who somebody is not.

    Raises:
        TableError: A file cannot be read.
        OutputError: A file cannot be written, or another crop lies where this one belongs.
    """
    if is_not_person(new):
        new = {**new, "copy": photos.free_name(new, read_labels(folder))}
    replace_label(folder, old, new)
    try:
        _settle(folder, new, photos)
    except MiningError:
        before = old or taken_back(new)
        replace_label(folder, new, before)
        with suppress(MiningError):  # Where it fails too, the next `reconcile` tries again.
            _settle(folder, before, photos)
            if is_not_person(new) and not is_not_person(before):
                photos.remove(new)
        raise


def reconcile(folder: Path, photos: NotPhotos) -> list[str]:
    """Moves crops and photos to where the labels say; does nothing where they lie there.

    Args:
        folder: A movie's.
        photos: The gallery's photos of who somebody is not.

    Returns:
        Why crops could not be moved, one line each.

    Raises:
        TableError: The labels are torn.
    """
    labels = labels_as_dicts(read_labels(folder))
    unclaimed = _unclaimed(folder, labels)
    failed = []

    @cache  # One look at a folder, not one for each of its crops.
    def names_in(place: Path) -> frozenset[str]:
        return frozenset(p.name for p in place.iterdir()) if place.is_dir() else frozenset()

    for label in labels:
        home, file = folder_of_label(folder, label), label["file"]
        aside = label["decision"] == REJECTED
        wrong, right = (home, home / ASIDE) if aside else (home / ASIDE, home)
        try:
            if aside and (label["picked"], file) in unclaimed:
                _move(unclaimed[label["picked"], file], right / file)
            if file in names_in(wrong) or label["decision"] == OPEN:
                _settle(folder, label, photos)
            # A photo of "not this person" that is missing was deleted by somebody, and stays so.
            elif not is_not_person(label):
                photos.remove(label)
        except MiningError as error:
            failed.append(str(error))
    return failed


def rename_labels(folder: Path, renamed: pd.DataFrame) -> list[str]:
    """Gives labels the names that their faces have by now; `reconcile` then moves their crops.

    Args:
        folder: A movie's.
        renamed: Its labels with those names, of `match.followed`.

    Returns:
        Why labels keep the name they had, one line each. A label whose crop has a label under the
        new name keeps its own without a word: somebody said that it is not that person.

    Raises:
        TableError: The labels are torn.
        OutputError: They cannot be written.
    """
    labels = read_labels(folder)
    if labels["person"].equals(renamed["person"]):
        return []
    taken = {*map(tuple, labels[LABEL_KEY].to_numpy().tolist())}
    rows, failed = [], []
    for old, new in zip(labels_as_dicts(labels), labels_as_dicts(renamed), strict=True):
        keeps = tuple(new[column] for column in LABEL_KEY) in taken
        try:
            if not keeps:
                _make_room(folder, old, new)
        except MiningError as error:
            keeps = True
            failed.append(str(error))
        rows.append(old if keeps else new)
    write_labels(folder, pd.DataFrame(rows, columns=[*LABEL_COLUMNS], dtype=object))
    return failed


def carry_over(walked: Walked, renamed: pd.DataFrame, photos: NotPhotos) -> list[str]:
    """Brings labels to today's names and to this walk's tracks, and their files after them.

    Args:
        walked: The movie.
        renamed: See `rename_labels`.
        photos: The gallery's photos of who somebody is not.

    Returns:
        See `rename_labels` and `reconcile`.

    Raises:
        TableError: The labels are torn.
        OutputError: They cannot be written.
    """
    failed = rename_labels(walked.folder, renamed)
    labels, walk = read_labels(walked.folder), walked.manifest.fingerprint
    if (labels[WALK_COLUMN] != walk).any():
        write_labels(walked.folder, match.renewed(labels, walked.rows, walk))
    return failed + reconcile(walked.folder, photos)


def check_room(folder: Path, label: Label) -> None:
    """Refuses to move a crop where another one lies.

    Raises:
        TableError: One of them cannot be read.
        OutputError: They differ.
    """
    home, file = folder_of_label(folder, label), label["file"]
    _check_same(home / file, home / ASIDE / file)


def _settle(folder: Path, label: Label, photos: NotPhotos) -> None:
    """Moves the files of one label; then a label that is being taken back goes."""
    if is_not_person(label):
        photos.add(label)
    _settle_crop(folder, label)
    if not is_not_person(label):
        photos.remove(label)
    if label["decision"] == OPEN:
        replace_label(folder, label, None)


def _settle_crop(folder: Path, label: Label) -> None:
    home, file = folder_of_label(folder, label), label["file"]
    check_room(folder, label)
    if label["decision"] == REJECTED:
        _move(home / file, home / ASIDE / file)
    elif (home / ASIDE / file).exists():
        rows, _ = read_text(home / CROPS, CROP_COLUMNS, "pick again")
        if file not in {row[0] for row in rows}:  # It was picked again without this one.
            crop = [crop_of(label)[column] for column in CROP_COLUMNS]
            write_text(home / CROPS, CROP_COLUMNS, [*rows, crop])
        _move(home / ASIDE / file, home / file)


def _make_room(folder: Path, old: Label, new: Label) -> None:
    """Makes the list of crops that a label of another name belongs to, where it is missing.

    Raises:
        TableError: A file cannot be read.
        OutputError: It cannot be written, or another rejected crop lies where this one belongs.
    """
    here, there = (folder_of_label(folder, label) for label in (old, new))
    _check_same(here / ASIDE / new["file"], there / ASIDE / new["file"])
    if not (there / CROPS).exists():  # Nothing was picked there yet, but the review shows it.
        write_text(there / CROPS, CROP_COLUMNS, [])


def _unclaimed(folder: Path, labels: list[Label]) -> dict[tuple[str, str], Path]:
    """Rejected crops that no label of their folder's person is about, by emotion and name.

    They lie with those of the name that their face had before.
    """
    claimed = {(label["person"] or UNKNOWN, label["picked"], label["file"]) for label in labels}

    def each() -> Iterator[tuple[tuple[str, str], Path]]:
        for path in folder.glob(f"*/*/{ASIDE}/*.jpg"):
            emotion, person = path.parts[-3], path.parts[-4]
            if (person, emotion, path.name) not in claimed:
                yield (emotion, path.name), path

    return dict(each()) if labels else {}


def _check_same(one: Path, other: Path) -> None:
    """Refuses two pictures of one name, unless they are crops of one face.

    Raises:
        TableError: One of them cannot be read.
        OutputError: They are of different faces.
    """
    pictures = [files.read_bytes(path) for path in (one, other)]
    if None in pictures or pictures[0] == pictures[1]:
        return
    if not is_same_face(one, other):  # They may have been picked under different names.
        raise OutputError(f"{other}: is another picture than {one}; move one of them away")


def _move(source: Path, target: Path) -> None:
    """Moves a file, on disk before the next step; where both lie there, they are the same."""
    picture = files.read_bytes(source)
    if picture is None:
        return
    _check_same(source, target)
    fresh = not target.exists()
    if fresh:
        with files.replacing(target) as file:
            file.write(picture)
    elif target.samefile(source):
        return  # Where case does not count, `anna` and `Anna` are one folder.
    try:
        files.remove([source])
    except OutputError:
        files.remove([target] if fresh else [])  # It must not lie in both.
        raise
