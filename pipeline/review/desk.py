"""Reviews picked crops: lists them, records a decision about a crop, and takes it back."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import pandas as pd

from pipeline import files
from pipeline.disk import manifest as manifests
from pipeline.disk.crop_file import is_crop_name, read_provenance
from pipeline.disk.crops_csv import ADDED_COLUMNS, CROP_COLUMNS, CROPS
from pipeline.disk.find import visible_names
from pipeline.disk.manifest import Manifest
from pipeline.disk.moments_csv import best_crop
from pipeline.disk.text_table import Stamp, bad_numbers, file_stamp, read_text
from pipeline.errors import TableError
from pipeline.faces import ACCEPTED, BOX, NO_EMOTION, REJECTED, UNKNOWN, written
from pipeline.people.names import check_name
from pipeline.review import labels as decided
from pipeline.review import match
from pipeline.review.labels import ASIDE, LABELS, OPEN, Label, folder_of_label
from pipeline.review.moments import ReviewedMoment, reviewed_moments
from pipeline.review.not_photos import NotPhotos
from pipeline.review.reconcile import Change, check_room, reconcile, write_decisions
from pipeline.settings import JOIN, is_look, members

STRANGER = ""
"""Stands for "not this person" in place of an emotion; nothing is said about the emotion."""


@dataclass(frozen=True, slots=True)
class ReviewProgress:
    """The progress of the review of one folder.

    Attributes:
        crops: number of crops.
        decided: number of crops with a decision.
        accepted: number of accepted crops.
        moments: number of moments.
        moments_decided: number of moments all of whose crops have a decision.
    """

    crops: int
    decided: int
    accepted: int
    moments: int
    moments_decided: int

    @property
    def precision(self) -> float | None:
        """Share of the decided crops that were accepted; "not this person" counts as wrong.

        By crops, not by moments: it is the precision that `judge` finds, in which long moments
        count for more.
        """
        return self.accepted / self.decided if self.decided else None


@dataclass(frozen=True, eq=False)
class Picked:
    """The crops of one person and emotion, and the decisions about them.

    Attributes:
        folder: the movie's folder.
        person: a name or "unknown".
        emotion: one of `EMOTIONS`, or a class of them.
        crops: rows of crops.csv as text, by file name; also crops with a decision that crops.csv no
            longer lists.
        labels: labels of the crops with a decision, by file name.
        moments: the crops by moments, the surest first. Crops that crops.csv no longer lists are
            moments of their own.
        gone: crops without a picture: accepted ones that the last pick did not write again.
    """

    folder: Path
    person: str
    emotion: str
    crops: dict[str, dict[str, str]]
    labels: dict[str, dict[str, str]]
    moments: tuple[ReviewedMoment, ...]
    gone: frozenset[str] = frozenset()

    @property
    def place(self) -> Path:
        """The folder of the crops."""
        return self.folder / self.person / self.emotion

    @cached_property
    def progress(self) -> ReviewProgress:
        """The progress of the review of these crops."""
        count = Counter(label["decision"] for label in self.labels.values())
        whole = sum(self.labels.keys() >= {*moment.files} for moment in self.moments)
        return ReviewProgress(
            len(self.crops), sum(count.values()), count[ACCEPTED], len(self.moments), whole
        )

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
    """The person and emotion of each pick in a movie's folder, classes of emotions last."""
    for person in sorted(visible_names(folder)):
        looks = filter(is_look, visible_names(folder / person))
        for emotion in sorted(looks, key=lambda look: (JOIN in look, members(look))):
            if (folder / person / emotion / CROPS).is_file():
                yield person, emotion


def is_pick(folder: Path, person: str, emotion: str) -> bool:
    """Whether the person and emotion are one of `picks`."""
    known = person in visible_names(folder) and is_look(emotion)
    return known and (folder / person / emotion / CROPS).is_file()


def picked(folder: Path, person: str, emotion: str) -> Picked:
    """The crops of one person and emotion from `picks`.

    Raises:
        TableError: crops.csv, labels.csv or the walk is damaged.
    """
    return _picked(folder, person, emotion, *_stamps(folder, person, emotion))


def progress(folder: Path, person: str, emotion: str) -> ReviewProgress:
    """The progress of the review of one of `picks`.

    Cached separately from `picked`: thousands of these fit into memory, but few whole picks do.

    Raises:
        TableError: See `picked`.
    """
    return _progress(folder, person, emotion, *_stamps(folder, person, emotion))


def best_path(folder: Path, person: str, emotion: str, file: str) -> Path | None:
    """The path of the best crop of one of `picks`, for which no list of crops is read.

    Args:
        folder: A movie's folder.
        person: Of the pick.
        emotion: Of the pick.
        file: A file name.

    Returns:
        None if it is not the name of the best crop, which `picked` may know all the same; or if
        its file was deleted, or is a link.
    """
    place = folder / person / emotion
    if not file or file != best_crop(place):
        return None
    paths = (place / file, place / ASIDE / file)
    return next((p for p in paths if p.is_file() and files.is_within(p, folder)), None)


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


def _stamps(folder: Path, person: str, emotion: str) -> tuple[Stamp, Stamp, Stamp]:
    """Size and time of the files that a pick is read from: part of the key of the caches below."""
    listed = file_stamp(folder / person / emotion / CROPS)
    return listed, file_stamp(folder / LABELS), file_stamp(folder / "walk.json")


@lru_cache(maxsize=10_000)
def _progress(folder: Path, person: str, emotion: str, *stamps: Stamp) -> ReviewProgress:
    return _picked(folder, person, emotion, *stamps).progress


@lru_cache(maxsize=4)
def _picked(
    folder: Path, person: str, emotion: str, listed: Stamp, _: Stamp, walked: Stamp
) -> Picked:
    crops, by_file = _crops(folder / person / emotion / CROPS, listed)
    labels = decided.read_labels(folder)
    labels = labels[labels["decision"] != OPEN]
    of_crop = match.labels_of_crops(crops, labels)
    rows = dict(by_file)
    all_labels = decided.labels_as_dicts(labels)
    label_of = {f: all_labels[n] for f, n in zip(crops["file"], of_crop, strict=True) if n >= 0}
    name, used = written(person), set(of_crop.tolist())
    # Labels whose crop the last pick did not list: rejected crops, and accepted ones not picked.
    for n, label in enumerate(all_labels):
        if label["person"] == name and label["picked"] == emotion and n not in used:
            rows.setdefault(label["file"], decided.crop_of(label))
            label_of[label["file"]] = label
    unlisted = [row for file, row in rows.items() if file not in by_file]
    moments = [
        *_moments(folder, person, emotion, listed, walked),
        *reviewed_moments(_table(unlisted), _walk(folder, walked)),
    ]
    moments.sort(key=lambda moment: round(moment.look_sure, 6), reverse=True)
    gone = (row["file"] for row in unlisted if label_of[row["file"]]["decision"] == ACCEPTED)
    return Picked(folder, person, emotion, rows, label_of, tuple(moments), frozenset(gone))


@lru_cache(maxsize=8)
def _moments(
    folder: Path, person: str, emotion: str, listed: Stamp, walked: Stamp
) -> tuple[ReviewedMoment, ...]:
    """The moments of the crops that crops.csv lists, which no decision changes."""
    crops, _by_file = _crops(folder / person / emotion / CROPS, listed)
    return tuple(reviewed_moments(crops, _walk(folder, walked)))


@lru_cache(maxsize=4)
def _walk(folder: Path, _: Stamp) -> Manifest:
    return manifests.read(folder)


@lru_cache(maxsize=8)
def _crops(path: Path, _: Stamp) -> tuple[pd.DataFrame, dict[str, dict[str, str]]]:
    """Reads crops.csv, as a table and as rows by file name."""
    rows, _lines = read_text(path, CROP_COLUMNS, "pick again", ADDED_COLUMNS)
    unique: dict[str, list[str]] = {}
    for row in rows:
        if is_crop_name(row[0]):
            unique.setdefault(row[0], row)
    crops = _table(unique.values())
    if bad_numbers(crops, ["time", "probability", *BOX], ["frame", "run_length"]).any():
        raise TableError(f"{path}: a number is missing or invalid; pick again")
    person, emotion = path.parent.parent.name, path.parent.name
    of_all = {"person": written(person), "emotion": emotion}
    by_file = {
        file: dict(zip(CROP_COLUMNS, row, strict=True)) | of_all for file, row in unique.items()
    }
    return crops.assign(**of_all), by_file


def _table(crops: Iterable[Sequence[str] | Mapping[str, str]]) -> pd.DataFrame:
    return pd.DataFrame([*crops], columns=[*CROP_COLUMNS], dtype=object)


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
    folder: Path, pick: tuple[str, str], looks: Mapping[str, str | None], known_faces: Path
) -> Picked:
    """Records decisions about crops, or takes them back: all or none. On disk when it returns.

    Args:
        folder: A movie's folder.
        pick: Person and emotion, from `picks`.
        looks: How the faces look, by the file name of each crop, from `Picked.crops`; for a moment
            those of all its crops. The emotion of the pick accepts a crop; another emotion,
            `NO_EMOTION` (something else) or `STRANGER` (not this person) rejects it; None takes the
            decision back.
        known_faces: The gallery; "not this person" puts photos into its folder `<person>/not/`.

    Returns:
        The pick with the new decisions. For "not this person", `copy` of a label names the photo
        in not/, if one was added.

    Raises:
        KeyError: There is no such crop.
        TableError: A list is damaged, the crops are from an earlier walk, or a crop belongs to
            another name by now.
        PeopleError: "Not this person" was said of a name that is not allowed.
        OutputError: Another process is writing in the folder, or a file cannot be written.
        ValueError: See `check_looks`.
    """
    check_looks(pick, looks)
    with files.locked(folder):
        now, walk = picked(folder, *pick), manifests.read(folder)
        if STRANGER in looks.values():
            check_name(now.person, folder)
        changes = list(_changes(now, looks, walk))
        if changes:
            photos = NotPhotos(folder, walk.scan.stream.size, known_faces)
            write_decisions(folder, [*_others(now, looks), *changes], photos)
        return picked(folder, *pick)


def check_looks(pick: tuple[str, str], looks: Mapping[str, str | None]) -> None:
    """Checks that decisions make sense for a pick.

    Args:
        pick: Person and emotion.
        looks: As for `decide`.

    Raises:
        ValueError: "Not this person" was said of a face without a name; or a class of emotions was
            said that is not the pick's: whether it accepts or rejects would be unclear.
    """
    person, emotion = pick
    if STRANGER in looks.values() and person == UNKNOWN:
        raise ValueError("unknown people cannot be rejected as strangers")
    for look in looks.values():
        if look and JOIN in look and look != emotion:
            raise ValueError(
                f"{look} is not what was picked; give {emotion}, which accepts the crop, or a "
                f"single emotion or {NO_EMOTION}, which rejects it"
            )


def _changes(now: Picked, looks: Mapping[str, str | None], walk: Manifest) -> Iterator[Change]:
    """Checks decisions, and yields the labels so far and the new ones.

    Raises:
        KeyError, TableError, OutputError: See `decide`.
    """
    for file, look in looks.items():
        crop, old = now.crops[file], now.labels.get(file)
        if look is None and old is None:
            continue
        _check_place(now, old)
        check_room(now.folder, old or {**crop, "picked": crop["emotion"]})
        if look is not None:
            _check_current(now, file, walk)
            copy = old["copy"] if old else ""
            yield old, decided.label_of(crop, look, walk.fingerprint, copy)
        elif old:
            yield old, decided.taken_back(old)


def _others(now: Picked, looks: Mapping[str, str | None]) -> Iterator[Change]:
    """Decisions about the emotion of the same faces under other names: new ones replace them."""
    crops = [now.crops[file] for file, look in looks.items() if look not in (STRANGER, None)]
    labels = decided.read_labels(now.folder)
    own = {decided.label_key(now.labels[file]) for file in looks if file in now.labels}
    for label in decided.labels_as_dicts(labels.iloc[match.same_look(crops, labels)]):
        if decided.label_key(label) not in own:
            yield label, decided.taken_back(label)


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
