"""Runs `mine-video dataset`: faces of many walked films become one data set."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
import pandas as pd

from pipeline import files
from pipeline.dataset import folder as place
from pipeline.dataset.caption import caption
from pipeline.dataset.card import CONSENT, RIGHTS, counts, data_card, write_forms
from pipeline.dataset.choose import best, distinct, subsets, united, units, values
from pipeline.dataset.chunk import HASHES, Chunk, chunks, cut_chunk
from pipeline.dataset.film import FilmFaces, film_faces
from pipeline.dataset.folder import DATASET_PLACE, SetMark, write_file
from pipeline.dataset.formats import DATASET_FORMATS
from pipeline.dataset.listing import Listing, rounded, table_bytes
from pipeline.dataset.remarks import remarks
from pipeline.dataset.settings import CARD_FILE, IMAGES, TABLE_FILE, DatasetSettings
from pipeline.disk import manifest as manifests
from pipeline.disk.pick_json import MOST_FOLDERS_NAMED, Wanted
from pipeline.faces import UNKNOWN, visible
from pipeline.people.album import Album
from pipeline.report.outcome import StartCropping
from pipeline.report.sheet import delete_sheets, picture_sheets
from pipeline.settings import Job, option_words

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SetCount:
    """How many faces of a person and emotion a data set has.

    Attributes:
        person: A name or "unknown".
        emotion: One of `EMOTIONS`, or a class of them.
        train: Faces to train on.
        val: Faces to validate with.
        test: Faces to test with.
    """

    person: str
    emotion: str
    train: int
    val: int
    test: int


@dataclass(frozen=True, slots=True)
class Order:
    """A call for a data set.

    Attributes:
        job: the wanted people and emotions, and the filters.
        settings: how it is made.
        to: its folder.
        movie: where the movie is, if there is one film, not where it was walked.
        replace: make it anew if `to` holds one with other settings.
    """

    job: Job
    settings: DatasetSettings
    to: Path
    movie: Path | None = None
    replace: bool = False

    @property
    def recipe(self) -> dict[str, Any]:
        """What is asked for, as dataset.json has it."""
        return place.recipe(self.job, self.settings)


def make_dataset(
    folders: Sequence[Path], order: Order, cropping: Callable[[str], StartCropping]
) -> list[SetCount]:
    """Makes a data set, or goes on with one that was stopped.

    The same films, decisions, names and settings give the same bytes. A data set that is whole is
    left as it is unless one of them has changed.

    Args:
        folders: The folders of walked films.
        order: What is wanted, and where.
        cropping: Called with a film's name; gives what is called with the number of faces to cut,
            which gives what is called after each.

    Raises:
        OutputError: The folder holds something else, or a data set with other settings; or a file
            cannot be written.
        MiningError: See `mine.pick`; one film that fails stops all, and what is cut is kept.
    """
    order, to = _in_one_order(order), order.to
    _before(order)  # Also before the lock, which would make a folder.
    with files.locked(to, DATASET_PLACE):
        mark = _before(order)
        films = _films(folders, order)
        parts = [
            part for film in films for part in chunks(film, order.settings, _margin(order), to)
        ]
        if not parts:
            log.warning("%s", _nobody(folders, order))
            _empty(order, mark)
            return []
        stamp = _stamp(order.recipe, parts)
        if mark and mark.stamp == stamp and _is_whole(to, mark):
            log.info("%s: is whole, and nothing has changed", to)
        else:
            deleted = _deleted(to, mark)
            place.begin_set(to, order.recipe, mark)
            with _telling_what_is_kept(to, parts):
                _cut(parts, order, cropping)
                mark = _written(films, parts, order, stamp)
            _tell_put_back(deleted.intersection(mark.facts["files"]))
        place.remove_chunks(to)
    return [SetCount(*row[:5]) for row in mark.facts["counts"]]


def _empty(order: Order, mark: SetMark | None) -> None:
    """Removes what is there: faces that no longer pass, such as rejected ones."""
    if mark:
        place.begin_set(order.to, order.recipe, mark)
        files.remove([order.to / TABLE_FILE])
        place.remove_stale(order.to, [], order.settings.formats)
        delete_sheets(order.to, "sheet*.jpg")
        place.remove_chunks(order.to)


def _in_one_order(order: Order) -> Order:
    """The same order, however its names stand on the command line."""
    people, emotions, with_, without = (
        tuple(sorted(set(names)))
        for names in (
            order.job.people, order.job.emotions, order.job.pick.with_, order.job.pick.without,
        )
    )  # fmt: skip
    pick = replace(order.job.pick, with_=with_, without=without)
    return replace(order, job=replace(order.job, people=people, emotions=emotions, pick=pick))


def _margin(order: Order) -> float:
    return order.job.pick.margin


def _before(order: Order) -> SetMark | None:
    """The data set that is there.

    Raises:
        OutputError: It must not be replaced.
    """
    mark = place.read_mark(order.to)
    if not order.replace:
        place.check_same(order.to, mark, order.recipe)
    return mark


def _films(folders: Sequence[Path], order: Order) -> list[FilmFaces]:
    """The films in an order that does not depend on where they lie; each once."""
    found: dict[str, FilmFaces] = {}
    album = Album(order.job)
    for folder in folders:
        film = film_faces(folder, order.job, order.settings.top, order.movie, album)
        if other := found.get(film.film):
            log.warning("%s: the same film as %s; it is left out", folder, other.folder)
        found.setdefault(film.film, film)
    return [film for _, film in sorted(found.items())]


def _stamp(recipe: dict[str, Any], parts: Sequence[Chunk]) -> str:
    facts = json.dumps([recipe, [part.stamp for part in parts]], sort_keys=True)
    return sha256(facts.encode()).hexdigest()


def _is_whole(to: Path, mark: SetMark) -> bool:
    """Whether every file that a finished data set lists is still there."""
    return all((to / name).is_file() for name in [CARD_FILE, *mark.facts["files"]])


def _nobody(folders: Sequence[Path], order: Order) -> str:
    """Says that there is nothing to make a data set of, and which line tells why."""
    job = order.job
    words = ["mine-video pick", *(quote(str(folder)) for folder in folders[:MOST_FOLDERS_NAMED])]
    words += Wanted.of(job, str(job.known_faces)).options
    words += option_words("movie", order.movie and str(order.movie))
    words += option_words("allow_remote", job.allow_remote)
    return (
        "no face passes the filters; this line says why, film by film, and replaces the crops of "
        f"an earlier pick: {' '.join(words)} --explain"
    )


def _deleted(to: Path, mark: SetMark | None) -> set[str]:
    """The pictures that somebody deleted from a whole data set."""
    listed = mark.facts.get("files", []) if mark else []
    pictures = (name for name in listed if name.startswith(IMAGES) and name.endswith(".jpg"))
    return {name for name in pictures if not (to / name).exists()}


def _tell_put_back(names: set[str]) -> None:
    if names:
        count = "1 picture" if len(names) == 1 else f"{len(names):,} pictures"
        log.warning(
            "put back %s that had been deleted; to keep a face out, pick it and reject its crop in "
            "Review (mine-video web)", count,
        )  # fmt: skip


@contextmanager
def _telling_what_is_kept(to: Path, parts: Sequence[Chunk]) -> Iterator[None]:
    """Says after Ctrl-C how much need not be done again."""
    try:
        yield
    except KeyboardInterrupt:
        kept = sum(len(part.rows) for part in parts if part.is_done())
        faces = sum(len(part.rows) for part in parts)
        log.warning(
            "%s: kept %s of %s faces; to continue, run the same command", to, f"{kept:,}",
            f"{faces:,}",
        )  # fmt: skip
        raise


def _cut(parts: Sequence[Chunk], order: Order, cropping: Callable[[str], StartCropping]) -> None:
    """Cuts the faces of all chunks that are not done."""
    missing = [part for part in parts if not part.is_done()]
    if len(missing) < len(parts):
        faces, left = (sum(len(part.rows) for part in some) for some in (parts, missing))
        log.info("%s of %s faces are cut already", f"{faces - left:,}", f"{faces:,}")
    for part in missing:
        walk = part.film.walk
        source = manifests.movie_of(walk, order.movie, allow_remote=order.job.allow_remote)
        tell = cropping(part.film.video)(len(part.rows))
        cut_chunk(part, source, order.settings, _margin(order), tell)


def _written(
    films: Sequence[FilmFaces], parts: Sequence[Chunk], order: Order, stamp: str
) -> SetMark:
    """Chooses among the faces that are cut, and writes the data set."""
    to, settings = order.to, order.settings
    faces, left_out = _chosen(parts, settings)
    listing = Listing(rounded(faces), settings.size)
    written = _write_pictures(to, listing, parts)
    sheets = _write_sheets(to, listing)
    labels = {TABLE_FILE: table_bytes(listing.faces)}
    for name in settings.formats:
        labels |= DATASET_FORMATS[name].load()(listing)
    for path, data in labels.items():
        write_file(to / path, data)
    write_forms(to, listing.faces, films)
    place.remove_stale(to, [*written, *sheets, *labels], settings.formats)
    write_file(to / CARD_FILE, data_card(listing, films, order.job, settings, left_out))
    facts = {
        "films": {film.film: film.video for film in films},
        "counts": counts(listing.faces),
        "files": [*written, *labels, CONSENT, RIGHTS],
    }
    mark = SetMark(order.recipe, stamp, json.loads(json.dumps(facts)))
    place.write_mark(to, mark)
    for remark in remarks(listing.faces, settings, _margin(order)):
        log.warning("%s", remark)
    return mark


def _chosen(
    parts: Sequence[Chunk], settings: DatasetSettings
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The faces of the data set, and how many were left out, by the reason."""
    offered = sum(len(part.rows) for part in parts)
    found = [part.found() for part in parts]
    faces = pd.concat([some for some in found if len(some)] or found[:1], ignore_index=True)
    kept, alike = distinct(faces[list(HASHES)].to_numpy(np.uint64), values(faces))
    own = units(faces, settings.split_by)
    names = united(own, alike)
    if len(set(names)) == 1 < len(set(own)) and settings.val + settings.test:
        log.warning(
            "near-duplicates join all %d %ss to one, which is wholly in one subset; add films",
            len(set(own)), settings.split_by,
        )  # fmt: skip
    shares = list(subsets(names, settings.val, settings.test))
    faces = faces.assign(subset=pd.Series(shares, dtype="str")).iloc[kept]
    chosen = faces.iloc[best(faces, values(faces), settings.top)]
    left_out = {
        "not found again": offered - len(names),
        "near-duplicates": len(names) - len(kept),
        "beyond the number wanted": len(faces) - len(chosen),
    }
    return _named(chosen), left_out


def _named(faces: pd.DataFrame) -> pd.DataFrame:
    """Adds the captions and the paths of the pictures."""
    captions = [caption(row) for row in faces.itertuples()]
    names = [f"{IMAGES}/{row.subset}/{row.name}" for row in faces.itertuples()]
    return faces.assign(
        person=faces["person"].replace("", UNKNOWN), caption=captions, file_name=names
    )


def _write_pictures(to: Path, listing: Listing, parts: Sequence[Chunk]) -> list[str]:
    """Writes the pictures and captions; gives their paths."""
    paths = {row.file_name.rpartition("/")[2]: row for row in listing.rows}
    written: list[str] = []
    for part in parts:
        for name, data in part.pictures().items():
            if name in paths:
                row = paths[name]
                text = f"{row.file_name.removesuffix('.jpg')}.txt"
                write_file(to / text, f"{row.caption}\n".encode())
                write_file(to / row.file_name, data)
                written += [row.file_name, text]
    return written


def _write_sheets(to: Path, listing: Listing) -> list[str]:
    """Writes the contact sheets, the pictures of a person and emotion together; gives their names.

    The number before a label is the picture's line in the table, of which the first is the header.
    """
    numbered = sorted(
        enumerate(listing.rows, 2), key=lambda one: (one[1].person, one[1].emotion, one[0])
    )
    pictures = [
        (to / row.file_name, visible(f"{line} {row.person} {row.emotion}"))
        for line, row in numbered
    ]
    title = f"{len(pictures):,} pictures; the number is the line in {TABLE_FILE}"
    return picture_sheets(title, pictures, to)
