"""Moves crops and photos to where the labels of the review say.

A decision is a label in labels.csv, and the label is written first. Then the files follow: a
rejected crop moves into the folder `rejected` beside crops.csv, any other crop moves back. For "not
this person" a photo is put into the person's not/, for any other decision it is removed. Every step
may be repeated, so `reconcile` can finish what a crash left undone. Only a photo in not/ that a
crash kept from being added stays out: it cannot be told from one that the user deleted.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import pandas as pd

from pipeline import files
from pipeline.disk.crop_file import is_same_face
from pipeline.disk.crops_csv import ADDED_COLUMNS, CROP_COLUMNS, CROPS
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
    replace_labels,
    taken_back,
    write_labels,
)
from pipeline.review.not_photos import NotPhotos

Change = tuple[Label | None, Label]
"""The label of a crop so far, and the new one."""


def write_decisions(folder: Path, changes: Sequence[Change], photos: NotPhotos) -> None:
    """Writes labels, all at once, and moves their files; if one cannot be moved, restores all.

    Args:
        folder: A movie's folder.
        changes: Each label so far, and the new one or `labels.taken_back` of the old one.
        photos: The photos in the gallery's not/ folders.

    Raises:
        TableError: A file cannot be read.
        OutputError: A file cannot be written, or another crop has the target's name.
    """
    old = [label for label, _ in changes if label]
    new = photos.named([label for _, label in changes], read_labels(folder))
    replace_labels(folder, old, new)
    try:
        _settle(folder, new, photos)
    except MiningError:
        before = [was or taken_back(now) for (was, _), now in zip(changes, new, strict=True)]
        replace_labels(folder, new, before)
        with suppress(MiningError):  # If this fails too, the next `reconcile` tries again.
            _settle(folder, before, photos)
            for label, earlier in zip(new, before, strict=True):
                if is_not_person(label) and not is_not_person(earlier):
                    photos.remove(label)
        raise


def reconcile(folder: Path, photos: NotPhotos) -> list[str]:
    """Moves all crops and photos that are not where the labels say.

    Args:
        folder: A movie's folder.
        photos: The photos in the gallery's not/ folders.

    Returns:
        One message for each crop that could not be moved.

    Raises:
        TableError: The labels are damaged.
    """
    labels = labels_as_dicts(read_labels(folder))
    unclaimed = _unclaimed(folder, labels)
    failed, misplaced = [], []

    @cache  # Lists a folder once, not once for each of its crops.
    def names_in(place: Path) -> frozenset[str]:
        return frozenset(p.name for p in place.iterdir()) if place.is_dir() else frozenset()

    for label in labels:
        home, file = folder_of_label(folder, label), label["file"]
        aside = label["decision"] == REJECTED
        wrong, right = (home, home / ASIDE) if aside else (home / ASIDE, home)
        try:
            if aside and (label["picked"], file) in unclaimed:
                _move([(unclaimed[label["picked"], file], right / file)])
            if file in names_in(wrong) or label["decision"] == OPEN:
                misplaced.append(label)
            # A missing photo of "not this person" is not made again: the user deleted it.
            elif not is_not_person(label):
                photos.remove(label)
        except MiningError as error:
            failed.append(str(error))
    return failed + _settle_each(folder, misplaced, photos)


def _settle_each(folder: Path, labels: list[Label], photos: NotPhotos) -> list[str]:
    """Moves the files of labels, together or as far as they can be moved; says what failed."""
    with suppress(MiningError):
        _settle(folder, labels, photos)
        return []
    failed = []
    for label in labels:
        try:
            _settle(folder, [label], photos)
        except MiningError as error:
            failed.append(str(error))
    return failed


def rename_labels(folder: Path, renamed: pd.DataFrame) -> list[str]:
    """Gives labels the present names of their faces; `reconcile` then moves their crops.

    Args:
        folder: A movie's folder.
        renamed: The labels with those names, from `match.followed`.

    Returns:
        One message for each label that had to keep its old name. A label whose crop already has a
        label under the new name keeps its name without a message: "not this person" was said of it.

    Raises:
        TableError: The labels are damaged.
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
        taken.add(tuple(rows[-1][column] for column in LABEL_KEY))
    write_labels(folder, pd.DataFrame(rows, columns=[*LABEL_COLUMNS], dtype=object))
    return failed


def carry_over(walked: Walked, renamed: pd.DataFrame, photos: NotPhotos) -> list[str]:
    """Updates labels to today's names and this walk's track numbers, and moves their files.

    Args:
        walked: The movie.
        renamed: See `rename_labels`.
        photos: The photos in the gallery's not/ folders.

    Returns:
        The messages of `rename_labels` and `reconcile`.

    Raises:
        TableError: The labels are damaged.
        OutputError: They cannot be written.
    """
    failed = rename_labels(walked.folder, renamed)
    labels, walk = read_labels(walked.folder), walked.manifest.fingerprint
    if (labels[WALK_COLUMN] != walk).any():
        write_labels(walked.folder, match.renewed(labels, walked.rows, walk))
    return failed + reconcile(walked.folder, photos)


def check_room(folder: Path, label: Label) -> None:
    """Refuses to move a crop onto another picture.

    Raises:
        TableError: One of the pictures cannot be read.
        OutputError: The pictures show different faces.
    """
    home, file = folder_of_label(folder, label), label["file"]
    _check_same(home / file, home / ASIDE / file)


def _settle(folder: Path, labels: Sequence[Label], photos: NotPhotos) -> None:
    """Moves the files of labels, then deletes those that are being taken back."""
    for label in filter(is_not_person, labels):
        photos.add(label)
    for label in labels:
        check_room(folder, label)
    _list_again(folder, labels)
    _move(_way(folder, label) for label in labels)
    for label in labels:
        if not is_not_person(label):
            photos.remove(label)
    if taken := [label for label in labels if label["decision"] == OPEN]:
        replace_labels(folder, taken, [])


def _way(folder: Path, label: Label) -> tuple[Path, Path]:
    """From where to where a label moves its crop, if it lies there."""
    home, file = folder_of_label(folder, label), label["file"]
    here, aside = home / file, home / ASIDE / file
    return (here, aside) if label["decision"] == REJECTED else (aside, here)


def _list_again(folder: Path, labels: Sequence[Label]) -> None:
    """Lists crops that come back from aside, and that a later pick left out as rejected."""
    coming: dict[Path, dict[str, Label]] = {}
    for label in labels:
        home, file = folder_of_label(folder, label), label["file"]
        if label["decision"] != REJECTED and (home / ASIDE / file).exists():
            coming.setdefault(home, {})[file] = label
    for home, by_file in coming.items():
        rows, _ = read_text(home / CROPS, CROP_COLUMNS, "pick again", ADDED_COLUMNS)
        absent = by_file.keys() - {row[0] for row in rows}
        crops = [crop_of(label) for file, label in by_file.items() if file in absent]
        if crops:
            cells = [[crop[column] for column in CROP_COLUMNS] for crop in crops]
            write_text(home / CROPS, CROP_COLUMNS, [*rows, *cells])


def _make_room(folder: Path, old: Label, new: Label) -> None:
    """Makes sure that a label can move to another name, and that the new name has a crops.csv.

    Raises:
        TableError: A file cannot be read.
        OutputError: A file cannot be written, or a different rejected crop has the same file name.
    """
    old_folder, new_folder = (folder_of_label(folder, label) for label in (old, new))
    _check_same(old_folder / ASIDE / new["file"], new_folder / ASIDE / new["file"])
    if not (new_folder / CROPS).exists():  # The review shows only folders with a crops.csv.
        write_text(new_folder / CROPS, CROP_COLUMNS, [])


def _unclaimed(folder: Path, labels: list[Label]) -> dict[tuple[str, str], Path]:
    """Rejected crops without a label of their folder's person, by emotion and file name.

    They are still in the folder of the name that their face had before.
    """
    claimed = {(label["person"] or UNKNOWN, label["picked"], label["file"]) for label in labels}

    def unclaimed() -> Iterator[tuple[tuple[str, str], Path]]:
        for path in folder.glob(f"*/*/{ASIDE}/*.jpg"):
            emotion, person = path.parts[-3], path.parts[-4]
            if (person, emotion, path.name) not in claimed:
                yield (emotion, path.name), path

    return dict(unclaimed()) if labels else {}


def _check_same(one: Path, other: Path) -> None:
    """Refuses two pictures of one file name, unless they are crops of one face.

    Raises:
        TableError: One of them cannot be read.
        OutputError: They show different faces.
    """
    pictures = [files.read_bytes(path) for path in (one, other)]
    if None in pictures or pictures[0] == pictures[1]:
        return
    # Crops of one face differ in their metadata if they were picked under different names.
    if not is_same_face(one, other):
        raise OutputError(f"{other} and {one}: are different pictures; move one of them away")


def _move(ways: Iterable[tuple[Path, Path]]) -> None:
    """Moves files durably; if both paths exist and show the same face, deletes the source."""
    lying = [(source, target) for source, target in ways if source.is_file()]
    for source, target in lying:
        _check_same(source, target)
    fresh = [(source, target) for source, target in lying if not target.exists()]
    files.move(fresh)
    # On file systems that ignore case, `anna` and `Anna` are one folder.
    files.remove(
        source for source, target in lying
        if (source, target) not in fresh and not target.samefile(source)
    )  # fmt: skip
