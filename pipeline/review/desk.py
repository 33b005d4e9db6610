"""Reviews picked crops: lists them, records a decision about a crop, and takes it back."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import pandas as pd

from pipeline import files
from pipeline.disk import manifest as manifests
from pipeline.disk.crop_file import CROP_NAME, read_provenance
from pipeline.disk.crops_csv import ADDED_COLUMNS, CROP_COLUMNS, CROPS
from pipeline.disk.find import visible_names
from pipeline.disk.manifest import Manifest
from pipeline.disk.text_table import Stamp, bad_numbers, file_stamp, read_text
from pipeline.errors import MiningError, TableError
from pipeline.faces import ACCEPTED, BOX, EMOTIONS, REJECTED, UNKNOWN
from pipeline.people.names import check_name
from pipeline.review import labels as decided
from pipeline.review import match
from pipeline.review.labels import ASIDE, LABELS, OPEN, Label, folder_of_label
from pipeline.review.not_photos import NotPhotos
from pipeline.review.reconcile import check_room, reconcile, write_decision

Row = dict[str, str]

STRANGER = ""
"""Stands for "not this person" in place of an emotion; nothing is said about the emotion."""


@dataclass(frozen=True, slots=True)
class ReviewProgress:
    """The progress of the review of one folder.

    Attributes:
        crops: number of crops.
        decided: number of crops with a decision.
        accepted: number of accepted crops.
    """

    crops: int
    decided: int
    accepted: int

    @property
    def precision(self) -> float | None:
        """Share of the decided crops that were accepted; "not this person" counts as wrong."""
        return self.accepted / self.decided if self.decided else None


@dataclass(frozen=True, eq=False)
class Picked:
    """The crops of one person and emotion, and the decisions about them.

    Attributes:
        folder: the movie's folder.
        person: a name or "unknown".
        emotion: one of `EMOTIONS`.
        crops: rows of crops.csv as text, by file name; also crops with a decision that crops.csv no
            longer lists.
        labels: labels of the crops with a decision, by file name.
        gone: crops without a picture: accepted ones that the last pick did not write again.
    """

    folder: Path
    person: str
    emotion: str
    crops: dict[str, dict[str, str]]
    labels: dict[str, dict[str, str]]
    gone: frozenset[str] = frozenset()

    @property
    def place(self) -> Path:
        """The folder of the crops."""
        return self.folder / self.person / self.emotion

    @cached_property
    def progress(self) -> ReviewProgress:
        """The progress of the review of these crops."""
        count = Counter(label["decision"] for label in self.labels.values())
        return ReviewProgress(len(self.crops), sum(count.values()), count[ACCEPTED])

    def path_of(self, file: str) -> Path | None:
        """The present path of a crop; None if there is none, its file was deleted, or is a link.

        A link would show a picture that is not of this movie.
        """
        if file not in self.crops:
            return None
        paths = [self.place / file]
        if file in self.labels:  # A later pick may give the crop another file name.
            label = self.labels[file]
            paths.append(folder_of_label(self.folder, label) / ASIDE / label["file"])
        return next((p for p in paths if p.is_file() and files.is_within(p, self.folder)), None)


def picks(folder: Path) -> Iterator[tuple[str, str]]:
    """The person and emotion of each pick in a movie's folder."""
    for person in sorted(visible_names(folder)):
        for emotion in EMOTIONS:
            if (folder / person / emotion / CROPS).is_file():
                yield person, emotion


def is_pick(folder: Path, person: str, emotion: str) -> bool:
    """Whether the person and emotion are one of `picks`."""
    known = person in visible_names(folder) and emotion in EMOTIONS
    return known and (folder / person / emotion / CROPS).is_file()


def picked(folder: Path, person: str, emotion: str) -> Picked:
    """The crops of one person and emotion from `picks`.

    Raises:
        TableError: crops.csv or labels.csv is damaged.
    """
    return _picked(folder, person, emotion, *_stamps(folder, person, emotion))


def progress(folder: Path, person: str, emotion: str) -> ReviewProgress:
    """The progress of the review of one of `picks`.

    Cached separately from `picked`: thousands of these fit into memory, but few whole picks do.

    Raises:
        TableError: See `picked`.
    """
    return _progress(folder, person, emotion, *_stamps(folder, person, emotion))


def next_open(folder: Path, person: str, emotion: str) -> tuple[str, str] | None:
    """The next pick with undecided crops; after the last pick, the search starts over."""
    all_picks = list(picks(folder))
    here = all_picks.index((person, emotion))
    for pick in (*all_picks[here + 1 :], *all_picks[:here]):
        with suppress(TableError):  # The list of all picks reports a damaged one.
            state = progress(folder, *pick)
            if state.decided < state.crops:
                return pick
    return None


def _stamps(folder: Path, person: str, emotion: str) -> tuple[Stamp, Stamp]:
    """Size and time of the files that a pick is read from: part of the key of the caches below."""
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
    all_labels = decided.labels_as_dicts(labels)
    label_of = {f: all_labels[n] for f, n in zip(crops["file"], of_crop, strict=True) if n >= 0}
    name, used = "" if person == UNKNOWN else person, set(of_crop.tolist())
    # Labels whose crop the last pick did not list: rejected crops, and accepted ones not picked.
    for n, label in enumerate(all_labels):
        if label["person"] == name and label["picked"] == emotion and n not in used:
            rows.setdefault(label["file"], decided.crop_of(label))
            label_of[label["file"]] = label
    gone = (f for f in rows if f not in by_file and label_of[f]["decision"] == ACCEPTED)
    return Picked(folder, person, emotion, rows, label_of, frozenset(gone))


@lru_cache(maxsize=8)
def _crops(path: Path, _: Stamp) -> tuple[pd.DataFrame, dict[str, dict[str, str]]]:
    """Reads crops.csv, as a table and as rows by file name."""
    rows, _lines = read_text(path, CROP_COLUMNS, "pick again", ADDED_COLUMNS)
    # In an edited list, a file name must not lead to another folder.
    valid = [row for row in rows if CROP_NAME.fullmatch(row[0]) and Path(row[0]).name == row[0]]
    crops = pd.DataFrame(valid, columns=[*CROP_COLUMNS], dtype=object)
    if bad_numbers(crops, ["time", "probability", *BOX], ["frame", "run_length"]).any():
        raise TableError(f"{path}: a number is missing or invalid; pick again")
    person = path.parent.parent.name
    crops = crops.assign(person="" if person == UNKNOWN else person, emotion=path.parent.name)
    crops = crops.drop_duplicates("file", ignore_index=True)
    return crops, {
        row[0]: dict(zip(CROP_COLUMNS, row, strict=True)) for row in crops.to_numpy().tolist()
    }


def settle_folder(folder: Path, known_faces: Path) -> None:
    """Finishes moves that an interrupted decision left undone, as far as files can be moved.

    Args:
        folder: A movie's folder.
        known_faces: The gallery.

    Raises:
        TableError: A file is damaged.
        OutputError: Another process is writing in the folder.
    """
    with files.locked(folder):
        size = manifests.read(folder).scan.stream.size
        reconcile(folder, NotPhotos(folder, size, known_faces))


def decide(
    folder: Path, pick: tuple[str, str], file: str, emotion: str | None, known_faces: Path
) -> Picked:
    """Records a decision about a crop, or takes it back. All is on disk when it returns.

    Args:
        folder: A movie's folder.
        pick: Person and emotion, from `picks`.
        file: The file name of a crop, from `Picked.crops`.
        emotion: How the face looks. The emotion of the pick accepts the crop; another emotion,
            `NO_EMOTION` (something else) or `STRANGER` (not this person) rejects it; None takes the
            decision back.
        known_faces: The gallery; "not this person" puts a photo into its folder `<person>/not/`.

    Returns:
        The pick with the new decision. For "not this person", `copy` of the label names the photo
        in not/, if one was added.

    Raises:
        KeyError: There is no such crop.
        TableError: A list is damaged, the crops are from an earlier walk, or the crop belongs to
            another name by now.
        PeopleError: "Not this person" was said of a name that is not allowed.
        OutputError: Another process is writing in the folder, or a file cannot be written.
        ValueError: "Not this person" was said of a face without a name.
    """
    if emotion == STRANGER and pick[0] == UNKNOWN:
        raise ValueError('a face without a name cannot be "not this person"')
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
    """Decides about a crop whose label so far is `old`."""
    check_room(now.folder, old or {**crop, "picked": crop["emotion"]})
    walk = manifests.read(now.folder)
    photos = NotPhotos(now.folder, walk.scan.stream.size, known_faces)
    if emotion is not None:
        if emotion == STRANGER:
            check_name(now.person, now.folder)
        _check_current(now, crop["file"], walk)
        new = decided.label_of(crop, emotion, walk.fingerprint, old["copy"] if old else "")
        others = [] if emotion == STRANGER else _others(now.folder, crop, old)
        gone: list[Label] = []
        try:
            for label in others:
                write_decision(now.folder, label, decided.taken_back(label), photos)
                gone.append(label)
            write_decision(now.folder, old, new, photos)
        except MiningError:
            for label in gone:
                with suppress(MiningError):
                    write_decision(now.folder, None, label, photos)
            raise
    elif old:
        write_decision(now.folder, old, decided.taken_back(old), photos)


def _others(folder: Path, crop: Row, old: Label | None) -> list[Label]:
    """Decisions about the emotion of the same face under other names: a new one replaces them."""
    labels = decided.read_labels(folder)
    all_labels = decided.labels_as_dicts(labels)
    same = [all_labels[position] for position in match.same_look(crop, labels)]
    return [label for label in same if label != old]


def _check_place(now: Picked, old: Label | None) -> None:
    """Refuses to decide about a rejected crop that was moved to another person's folder.

    Raises:
        TableError: The crop was moved to the folder of the name that its face has by now.
    """
    if old and old["decision"] == REJECTED and folder_of_label(now.folder, old) != now.place:
        raise TableError(
            f"{now.place / CROPS}: this crop is among those of {old['person'] or UNKNOWN} now; "
            "decide there, or pick again"
        )


def _check_current(now: Picked, file: str, walk: Manifest) -> None:
    """Refuses a new decision about a crop of an earlier walk.

    Compares what the crop says of its walk, and no times: a clock may be set back. Crops of earlier
    versions name only its networks, and one that was saved by another program nothing.

    Raises:
        TableError: The crop was picked from an earlier walk.
    """
    path, facts = now.path_of(file), {}
    with suppress(OSError, ValueError):
        facts = read_provenance(path) if path else {}
    current = {"walk": walk.fingerprint, "models": walk.models}
    if any(facts.get(name, value) != value for name, value in current.items()):
        raise TableError(f"{now.place / CROPS}: these crops are from an earlier walk; pick again")
