"""Deciding step by step, so that whatever ends it between two steps, `settle_labels` can finish.

The label comes first, with the name of its photo; then the photo of a stranger goes to the
gallery, or, where it is none any more, comes from there; then the crop is moved. Taking back goes
the other way, the label last. So every state between has a label, and a stranger whose crop lies
aside has been told to the gallery: a photo that is missing there was deleted by somebody.
"""

from pathlib import Path

import pandas as pd

from pipeline.errors import MiningError
from pipeline.faces import REJECTED
from pipeline.review import aside
from pipeline.review.aside import ASIDE, folder_of_label
from pipeline.review.labels import (
    LABEL_COLUMNS,
    LABEL_KEY,
    labels_as_dicts,
    read_labels,
    replace_label,
    write_labels,
)
from pipeline.review.stranger import Label, Strangers, is_stranger


def change(folder: Path, old: Label | None, new: Label, strangers: Strangers) -> None:
    """Decides; where that fails, what was decided before stands again.

    Args:
        folder: A movie's.
        old: The label that there was.
        new: The one to be; with the photo's name that the old one had, if any, as `copy`.
        strangers: The gallery's photos of who somebody is not.

    Raises:
        TableError: A file cannot be read.
        OutputError: It cannot be written.
    """
    before = old if old and is_stranger(old) else None
    if is_stranger(new):
        new = {**new, "copy": strangers.free_name(new, read_labels(folder))}
    replace_label(folder, old, new)
    try:
        _finish(folder, new, strangers)
    except MiningError:
        if before:
            strangers.add(before)
        else:
            strangers.remove(new)
        replace_label(folder, new, old)
        raise


def take_back_label(folder: Path, old: Label, strangers: Strangers) -> None:
    """Undoes a decision.

    Raises:
        TableError: A file cannot be read.
        OutputError: It cannot be written.
    """
    aside.put_back(folder, old)
    strangers.remove(old)
    replace_label(folder, old, None)


def settle_labels(folder: Path, strangers: Strangers) -> list[str]:
    """Ends what a crash left: moves every crop to where its label says.

    Returns:
        Why crops could not be moved, of each.

    Raises:
        TableError: The labels are torn.
    """
    names: dict[Path, set[str]] = {}
    failed = []
    for label in labels_as_dicts(read_labels(folder)):
        place = folder_of_label(folder, label)
        there = place if label["decision"] == REJECTED else place / ASIDE
        if there not in names:  # One look, not one for each crop.
            names[there] = {p.name for p in there.iterdir()} if there.is_dir() else set()
        try:
            if label["file"] in names[there]:
                _finish(folder, label, strangers)
            elif not is_stranger(label):
                strangers.remove(label)
        except MiningError as error:
            failed.append(str(error))
    return failed


def _finish(folder: Path, label: Label, strangers: Strangers) -> None:
    if is_stranger(label):
        strangers.add(label)
    else:
        strangers.remove(label)
    aside.put(folder, label)


def follow_names(folder: Path, told: pd.DataFrame) -> list[str]:
    """Gives labels the names that people have by now, and moves their rejected crops along.

    Args:
        folder: A movie's.
        told: Of `match.followed`.

    Returns:
        Why crops could not be moved, of each; their labels keep the old name. So does one whose
        crop has a label under the new name: somebody said that it is not that person.

    Raises:
        TableError: The labels are torn.
        OutputError: They cannot be written.
    """
    labels = read_labels(folder)
    if labels["person"].equals(told["person"]):
        return []
    taken = {*map(tuple, labels[LABEL_KEY].to_numpy().tolist())}
    rows, failed = [], []
    for old, new in zip(labels_as_dicts(labels), labels_as_dicts(told), strict=True):
        moves = old != new and tuple(new[column] for column in LABEL_KEY) not in taken
        try:
            if moves:
                aside.follow_crop(folder, old, new)  # First: done twice, it is the same.
        except MiningError as error:
            moves = False
            failed.append(str(error))
        rows.append(new if moves else old)
    write_labels(folder, pd.DataFrame(rows, columns=[*LABEL_COLUMNS], dtype=object))
    return failed
