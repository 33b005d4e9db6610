"""The folder of a data set: what is in it, whether it is ours, and whether it is whole.

`dataset.json` is written before anything else, and again when all is there; the data card, which
people look at, is removed first and written last.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline import files
from pipeline.dataset.chunk import CHUNKS
from pipeline.dataset.formats import DATASET_FORMATS
from pipeline.dataset.settings import CARD_FILE, IMAGES, SUBSETS, DatasetSettings
from pipeline.disk.crop_file import is_crop_name
from pipeline.disk.find import in_a_walk
from pipeline.disk.pick_json import KEPT_OF_JOB
from pipeline.errors import OutputError
from pipeline.settings import Job

DATASET_FILE = "dataset.json"
DATASET_FORMAT = 1

DATASET_PLACE = "folder with --to"
"""Ends the advice "choose another …" if the folder cannot be written."""

UNTOLD = object()
"""Stands for a setting that dataset.json lacks."""


@dataclass(frozen=True, slots=True)
class SetMark:
    """The contents of dataset.json.

    Attributes:
        settings: what the data set was asked for, by the names of options' parameters.
        stamp: a hash of all that it was made of; "" until it is whole.
        facts: what else is told of a whole one.
    """

    settings: dict[str, Any]
    stamp: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def recipe(job: Job, settings: DatasetSettings) -> dict[str, Any]:
    """What a data set is asked for, as dataset.json has it."""
    wanted = {name: getattr(job, name) for name in KEPT_OF_JOB} | asdict(job.pick)
    own = asdict(settings)
    own["no_align"] = not own.pop("align")  # As the option has it.
    told: dict[str, Any] = json.loads(json.dumps(wanted | own))
    return told


def read_mark(to: Path) -> SetMark | None:
    """Reads dataset.json; None if the folder is empty, or is not there.

    Raises:
        OutputError: The folder holds something else, or a damaged dataset.json.
    """
    if in_a_walk(to / DATASET_FILE):
        raise OutputError(f"{to}: is in the folder of a movie; choose another {DATASET_PLACE}")
    path = to / DATASET_FILE
    if not path.is_file():
        if to.exists() and (not to.is_dir() or any(_others(to))):
            raise OutputError(
                f"{to}: is not empty, and holds no data set; choose another {DATASET_PLACE}"
            )
        return None
    try:
        facts = json.loads(files.content(path))
        if facts["format"] != DATASET_FORMAT:
            raise ValueError(f"its format is {facts['format']}, not {DATASET_FORMAT}")
        return SetMark(dict(facts["settings"]), str(facts["stamp"]), dict(facts["facts"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise OutputError(
            f"{path}: damaged or of another program ({error!r}); choose another {DATASET_PLACE}, "
            "or delete the data set"
        ) from error


def _others(to: Path) -> Iterator[Path]:
    """What is in a folder beside what a killed run may leave before its first file is there."""
    for path in to.iterdir():
        ours = path.name in (".lock", ".lock-holder") or files.OWN_TEMPORARY.fullmatch(path.name)
        if not ours:
            yield path


def check_same(to: Path, before: SetMark | None, settings: Mapping[str, Any]) -> None:
    """Refuses to change the settings of a data set that is there.

    Raises:
        OutputError: It says which.
    """
    if before is None or before.settings == settings:
        return
    names = dict.fromkeys([*settings, *before.settings])
    changes = "; ".join(
        f"{_option(name)} was {_said(before.settings, name)}, now {_said(settings, name)}"
        for name in names
        if before.settings.get(name, UNTOLD) != settings.get(name, UNTOLD)
    )
    raise OutputError(
        f"{to}: holds a data set with other settings ({changes}); give those again, choose another "
        f"{DATASET_PLACE}, or make it anew with --replace"
    )


def _option(name: str) -> str:
    """The option of a parameter.

    >>> _option("people"), _option("with_"), _option("min_size")
    ('--person', '--with', '--min-size')
    """
    own = {
        "people": "person", "emotions": "emotion", "formats": "format",
        "repeat_seconds": "repeat",
    }  # fmt: skip
    return f"--{own.get(name, name).rstrip('_').replace('_', '-')}"


def _said(settings: Mapping[str, Any], name: str) -> str:
    value = settings.get(name)
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "unset" if value is None or not text else text


def begin_set(to: Path, settings: dict[str, Any], before: SetMark | None) -> None:
    """Says that a data set is being made, and removes the labels of formats that it has no more.

    Args:
        to: The folder.
        settings: What it is asked for.
        before: The data set that is there.

    Raises:
        OutputError: A file cannot be written or removed.
    """
    earlier = set(before.settings.get("formats", ())) if before else set()
    files.remove(_labels(to, earlier.difference(settings["formats"])))
    write_mark(to, SetMark(settings))
    files.remove([to / CARD_FILE])


def write_mark(to: Path, mark: SetMark) -> None:
    """Writes dataset.json.

    Raises:
        OutputError: It cannot be written.
    """
    text = json.dumps({"format": DATASET_FORMAT, **asdict(mark)}, indent=1)
    write_file(to / DATASET_FILE, text.encode())


def write_file(path: Path, data: bytes) -> None:
    """Writes a file of a data set.

    Raises:
        OutputError: It cannot be written.
    """
    with files.replacing(path, DATASET_PLACE) as file:
        file.write(data)


def remove_stale(to: Path, written: Iterable[str], formats: Iterable[str]) -> None:
    """Removes the pictures and labels of an earlier data set that are not in this one.

    Args:
        to: The folder.
        written: The paths of this one, below the folder.
        formats: Those of its labels: what is called like a file of another one is the user's.

    Raises:
        OutputError: A file cannot be removed.
    """
    new = {to / name for name in written}
    pictures = (p for s in SUBSETS for p in (to / IMAGES / s).glob("*") if _is_ours(p))
    files.remove(p for p in chain(pictures, _labels(to, formats)) if p not in new)


def _labels(to: Path, formats: Iterable[str]) -> Iterator[Path]:
    """The files that this program may have written in some formats."""
    for form in (form for name, form in DATASET_FORMATS.items() if name in formats):
        for pattern in form.files:
            yield from (p for p in to.glob(pattern) if "*" not in pattern or _is_ours(p))


def _is_ours(path: Path) -> bool:
    listed = path.suffix == ".json" and path.stem.removeprefix("instances_") in SUBSETS
    return listed or (path.suffix in (".jpg", ".txt") and is_crop_name(f"{path.stem}.jpg"))


def remove_chunks(to: Path) -> None:
    """Removes the chunks, and their folder if nothing else is in it.

    Raises:
        OutputError: A file cannot be removed.
    """
    folder = to / CHUNKS
    files.remove(folder.glob("[0-9a-f]*-[0-9]*.npz"))
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
