"""Moves crops and photos to where the labels of the review say.

A decision is a label in labels.csv, and the label is written first. Then the files follow: a
rejected crop moves into the folder `rejected` beside crops.csv, any other crop moves back. For "not
this person" a photo is put into the person's not/, for any other decision it is removed. Every step
may be repeated, so `reconcile` can finish what a crash left undone. Only a photo in not/ that a
crash kept from being added stays out: it cannot be told from one that the user deleted.
"""

from collections.abc import Iterator
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
    replace_label,
    taken_back,
    write_labels,
)
from pipeline.review.not_photos import NotPhotos


def write_decision(folder: Path, old: Label | None, new: Label, photos: NotPhotos) -> None:
    """Writes a label and moves its files; if they cannot be moved, restores the old decision.

    Args:
        folder: A movie's folder.
        old: The label so far.
        new: The new label, or `labels.taken_back` of the old one.
        photos: The photos in the gallery's not/ folders.

    Raises:
        TableError: A file cannot be read.
        OutputError: A file cannot be written, or another crop has the target's name.
    """
    if is_not_person(new):
        new = {**new, "copy": photos.free_name(new, read_labels(folder))}
    replace_label(folder, old, new)
    try:
        _settle(folder, new, photos)
    except MiningError:
        before = old or taken_back(new)
        replace_label(folder, new, before)
        with suppress(MiningError):  # If this fails too, the next `reconcile` tries again.
            _settle(folder, before, photos)
            if is_not_person(new) and not is_not_person(before):
                photos.remove(new)
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
    failed = []

    @cache  # Lists a folder once, not once for each of its crops.
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
            # A missing photo of "not this person" is not made again: the user deleted it.
            elif not is_not_person(label):
                photos.remove(label)
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


def _settle(folder: Path, label: Label, photos: NotPhotos) -> None:
    """Moves the files of one label, then deletes the label if it is being taken back."""
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
        rows, _ = read_text(home / CROPS, CROP_COLUMNS, "pick again", ADDED_COLUMNS)
        if file not in {row[0] for row in rows}:  # A later pick left the rejected crop out.
            crop = [crop_of(label)[column] for column in CROP_COLUMNS]
            write_text(home / CROPS, CROP_COLUMNS, [*rows, crop])
        _move(home / ASIDE / file, home / file)


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


def _move(source: Path, target: Path) -> None:
    """Moves a file durably; if both paths exist and show the same face, deletes the source."""
    picture = files.read_bytes(source)
    if picture is None:
        return
    _check_same(source, target)
    fresh = not target.exists()
    if fresh:
        with files.replacing(target) as file:
            file.write(picture)
    elif target.samefile(source):
        return  # On file systems that ignore case, `anna` and `Anna` are one folder.
    try:
        files.remove([source])
    except OutputError:
        files.remove([target] if fresh else [])  # A crop must not be in two places.
        raise
