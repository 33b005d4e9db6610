"""The data card: README.md for people, and consent.csv, which they fill in."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Any

import pandas as pd

from pipeline import __version__
from pipeline.dataset.choose import ALIKE_BITS
from pipeline.dataset.film import FilmFaces
from pipeline.dataset.folder import write_file
from pipeline.dataset.formats import DATASET_FORMATS
from pipeline.dataset.listing import Listing
from pipeline.dataset.settings import SUBSETS, TABLE_FILE, DatasetSettings
from pipeline.disk.pick_json import Wanted
from pipeline.disk.text_table import csv_text, read_text
from pipeline.faces import UNKNOWN, visible
from pipeline.models.registry import tolerances
from pipeline.settings import Job, option_words

CONSENT, RIGHTS = "consent.csv", "rights.csv"

CONSENT_COLUMNS = (
    "person", "agreed", "legal_ground", "agreed_on", "may_be_published", "contact", "notes",
)  # fmt: skip
"""The columns of consent.csv: the first is filled, the others are the user's."""

RIGHTS_COLUMNS = (
    "film", "video", "rights_holder", "licence", "may_be_used", "may_be_published", "notes",
)  # fmt: skip
"""The columns of rights.csv: the first two are filled."""

LIMITS = f"""\
* The labels are an emotion network's, and mean *looks happy*, never *feels happy*. Nobody checked
  them but whoever looked through the crops in Review. With `--min-margin` from 0 each picture's own
  frame names its look, unless it was accepted there.
* Names come from photos by a face network, which errs more often for some groups of people.
* Frames of one shot are alike. A shot is in one subset, and near-duplicates (at most {ALIKE_BITS}
  of 256 bits of a difference hash) are left out, but one film may be in several subsets, unless it
  was made with `--split-by film`, and so may one person, unless it was with `--split-by person`, by
  which people of one shot may be parted.
* Whoever is rarely on screen has few faces here, and subsets are shares of shots, films or people:
  small sets may lack a person or an emotion in one of them.
* `inside` in the table is the share of a picture that the film has; beyond it, its edge is
  repeated.
"""


SOURCE_COLUMNS = f"""\
*Number* stands for the film in `{TABLE_FILE}` (column `film`), in `{RIGHTS}` and in the names of
its pictures. *Identity* is the SHA-256 of the first and last megabyte of its file, and the size of
that file in bytes. *Pixels* are the width and height of its picture, *frames* all that it has, and
*pictures* those of it that are here.
"""


def write_forms(to: Path, faces: pd.DataFrame, films: Sequence[FilmFaces]) -> None:
    """Adds people to consent.csv and films to rights.csv.

    What was filled in stays, also of people and films that are no longer there; empty rows go.

    Raises:
        OutputError: A file cannot be written.
        TableError: A file is damaged.
    """
    _add_rows(to / CONSENT, CONSENT_COLUMNS, [[name] for name in sorted(set(faces["person"]))])
    _add_rows(to / RIGHTS, RIGHTS_COLUMNS, [[film.film, film.video] for film in films])


def _add_rows(path: Path, columns: tuple[str, ...], new: Sequence[list[str]]) -> None:
    rows = list[list[str]]()
    if path.exists():
        remedy = "restore its columns, or move it away to have an empty one"
        rows, _ = read_text(path, columns, remedy)
    known, there = {row[0] for row in rows}, {row[0] for row in new}
    rows = [row for row in rows if row[0] in there or any(row[len(new[0]) :])] if new else rows
    rows += [[*row, *[""] * (len(columns) - len(row))] for row in new if row[0] not in known]
    write_file(path, csv_text([columns, *rows]).encode())


def counts(faces: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Person, emotion, and the number of faces in each subset, and in all."""
    table = faces.groupby(["person", "emotion", "subset"]).size().unstack(fill_value=0)
    table = table.reindex(columns=list(SUBSETS), fill_value=0)
    return [(*who, *map(int, row), int(sum(row))) for who, row in zip(table.index, table.values)]  # noqa: B905


def data_card(
    listing: Listing,
    films: Sequence[FilmFaces],
    job: Job,
    settings: DatasetSettings,
    left_out: dict[str, int],
) -> bytes:
    """The text of README.md.

    Args:
        listing: The faces.
        films: Where they are from.
        job: What was wanted.
        settings: How the data set was made.
        left_out: How many faces were left out, by the reason.
    """
    faces = listing.faces
    parts = [
        "# Faces by person and emotion\n",
        f"{len(faces):,} pictures of {settings.size} × {settings.size} pixels, made by mine-video "
        f"{__version__}. [{TABLE_FILE}]({TABLE_FILE}) has a row for each.\n",
        "## Counts\n",
        _table(("person", "emotion", *SUBSETS, "all"), counts(faces)),
        f"Left out: {', '.join(f'{n:,} {why}' for why, n in left_out.items())}.\n",
        "How much of the pictures is inside the film; beyond it, its edge is repeated:\n",
        _table(("person", "pictures", "mean inside", "least inside"), _inside(faces)),
        "## Consent\n",
        _consent(sorted(set(faces["person"]))),
        "## Rights\n",
        f"Who holds the rights of the films, and what they allow: *to be filled in*, in "
        f"[{RIGHTS}]({RIGHTS}), which has a row for each film.\n",
        "## Sources\n",
        _sources(films, faces),
        "## Settings\n",
        _settings(films, job, settings),
        "## Files\n",
        _files(settings),
        "## Known limits\n",
        LIMITS,
    ]
    return "\n".join(parts).encode(errors="backslashreplace")


def _inside(faces: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Person, the number of pictures, and the mean and least share that is inside the film."""
    people = faces.groupby("person")["inside"]
    return [(who, len(part), f"{part.mean():.2f}", f"{part.min():.2f}") for who, part in people]


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(value: object) -> str:
    return visible(str(value)).replace("|", "\\|")


def _consent(people: Sequence[str]) -> str:
    unnamed = " Faces of nobody known are `unknown`: nobody can ask them." * (UNKNOWN in people)
    return (
        "Faces are biometric data. Who is shown has agreed to nothing by being in a film. Fill in "
        f"[{CONSENT}]({CONSENT}), which has a row for each of {len(people)} people, before this "
        f"data set is used or passed on: whether they agreed, on which legal ground, when, and "
        f"whether their pictures may be published.{unnamed}\n"
    )


def _sources(films: Sequence[FilmFaces], faces: pd.DataFrame) -> str:
    counted = faces["film"].value_counts()
    rows, networks = [], dict[str, None]()
    for film in films:
        walk, size = film.walk, "×".join(map(str, film.walk.scan.stream.size))
        told = " ".join(f"{key} {value}" for key, value in sorted(walk.identity.items()))
        count = int(counted.get(film.film, 0))
        rows.append((film.video, film.film, told, size, len(walk.scan), count))
        networks |= dict.fromkeys(f"* {job}: {name}" for job, name in sorted(walk.models.items()))
    header = ("film", "number", "identity", "pixels", "frames", "pictures")
    return (
        f"{_table(header, rows)}\n{SOURCE_COLUMNS}\nNetworks, with the hashes of their files:\n\n"
        + "".join(f"{line}\n" for line in networks)
    )


def _settings(films: Sequence[FilmFaces], job: Job, settings: DatasetSettings) -> str:
    wanted = Wanted.of(job)
    own = _usual(films, job, wanted.options)
    for name in ("size", "top", "split_by", "val", "test"):
        own += option_words(name, getattr(settings, name))
    own += [] if settings.align else ["--no-align"]
    own += [f"--format {quote(name)}" for name in settings.formats]
    pictures = "turned and scaled by five landmarks" if settings.align else "the box, made square"
    options = " ".join([*wanted.options, *own])
    return f"    mine-video dataset … {visible(options)}\n\nEach picture is {pictures}.\n"


def _usual(films: Sequence[FilmFaces], job: Job, told: Sequence[str]) -> list[str]:
    """How steady, sure and like the photos faces are, where that is as usual and so not told."""
    words = [f"--repeat {job.pick.repeat}", *option_words("sure", job.pick.sure)]
    found = {tolerances(film.walk.settings, job.tolerance).name for film in films}
    if len(found) == 1:  # Else each recognizer has its own, unless one was given, and so is told.
        words += option_words("tolerance", found.pop())
    names = {word.split()[0] for word in told}
    return [word for word in words if word.split()[0] not in names]


def _files(settings: DatasetSettings) -> str:
    rows = [
        ("`images/`", "the pictures by subset, each with its caption in a .txt", "any program"),
        ("`sheet.jpg` or `sheet-1.jpg` …", "all pictures with their labels", "people"),
        (f"`{TABLE_FILE}`", "a row for each picture", "pandas, R, spreadsheets"),
    ]
    for name in settings.formats:
        form = DATASET_FORMATS[name]
        rows.append((", ".join(f"`{file}`" for file in form.files), form.what, form.programs))
    return _table(("file", "what", "who reads it"), rows)
