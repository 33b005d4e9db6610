"""pick.json: what the last pick of a movie wanted, and which folders a stopped one left.

It is written before a pick changes anything, and again when all that it writes is there.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

from pipeline.faces import ANY
from pipeline.files import replacing
from pipeline.settings import Job, PickSettings

PICK_FILE = "pick.json"

MOST_FOLDERS_NAMED = 3
"""Folders that a message names, and people or emotions that a line to type names, at most."""

KEPT_OF_JOB = ("people", "emotions", "tolerance", "learn", "subtitles", "subtitle_offset",
          "subtitle_encoding")  # fmt: skip
"""What is kept of a `Job` beside its `PickSettings`."""


@dataclass(frozen=True, slots=True)
class LastPick:
    """The contents of pick.json.

    Attributes:
        wanted: the values of `KEPT_OF_JOB`.
        settings: the settings of the pick.
        unfinished: the folders that a stopped pick began and did not finish, as person/emotion.
    """

    wanted: dict[str, Any]
    settings: PickSettings
    unfinished: tuple[str, ...]

    def job(self, job: Job) -> Job:
        """A job that wants the same as the last pick, with the folders of another."""
        return replace(job, pick=self.settings, **self.wanted)


def read_pick(folder: Path) -> LastPick | None:
    """Reads pick.json of a movie; None if it is missing, damaged or of a later version."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        facts = json.loads((folder / PICK_FILE).read_text(encoding="utf-8"))
        wanted = {name: facts[name] for name in KEPT_OF_JOB}
        for name in ("people", "emotions"):
            wanted[name] = tuple(map(str, wanted[name]))
        return LastPick(wanted, PickSettings(**facts["settings"]), tuple(facts["unfinished"]))
    return None


def unfinished(folder: Path) -> tuple[str, ...]:
    """The folders, as person/emotion, that a stopped pick left unfinished in a movie's folder."""
    last = read_pick(folder)
    return tuple(name for name in last.unfinished if (folder / name).is_dir()) if last else ()


def unfinished_line(folder: Path, whole: Iterable[Path] = ()) -> str:
    """Says what a stopped pick left unfinished, and what finishes it; "" if all is whole.

    Args:
        folder: The movie's folder.
        whole: Folders that the present pick has filled, and has not noted as finished yet.
    """
    done = {*_names(folder, whole)}
    left = tuple(name for name in unfinished(folder) if name not in done)
    if not left:
        return ""
    named = ", ".join(left[:MOST_FOLDERS_NAMED]) + (", …" if len(left) > MOST_FOLDERS_NAMED else "")
    return f"a pick was stopped, and {named} may lack crops; finish it: {_line(folder, left)}"


def begin_pick(folder: Path, job: Job, changed: Iterable[Path]) -> None:
    """Notes what a pick wants and which folders it is about to change.

    Args:
        folder: The movie's folder.
        job: What is wanted.
        changed: Folders of persons and emotions.

    Raises:
        OutputError: pick.json cannot be written.
    """
    last = read_pick(folder)
    _write(folder, job, {*_names(folder, changed), *(last.unfinished if last else ())})


def finish_pick(folder: Path, job: Job, changed: Iterable[Path]) -> None:
    """Notes that the folders of a pick are whole.

    Raises:
        OutputError: pick.json cannot be written.
    """
    _write(folder, job, set(unfinished(folder)) - {*_names(folder, changed)})


def _names(folder: Path, changed: Iterable[Path]) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in changed)


def _write(folder: Path, job: Job, names: set[str]) -> None:
    wanted = {name: getattr(job, name) for name in KEPT_OF_JOB}
    facts = wanted | {"settings": asdict(job.pick), "unfinished": sorted(names)}
    with replacing(folder / PICK_FILE) as file:
        file.write(json.dumps(facts, indent=1).encode())


def _line(folder: Path, left: tuple[str, ...]) -> str:
    """What to type to pick these folders again, with the settings of the last pick."""
    people, emotions = ((*dict.fromkeys(names),) for names in zip(*map(_parts, left), strict=True))
    words = ["mine-video pick", quote(str(folder))]
    for option, names in (("--person", people), ("--emotion", emotions)):
        wanted = names if len(names) <= MOST_FOLDERS_NAMED else (ANY,)
        words += [f"{option} {quote(name)}" for name in wanted]
    last = read_pick(folder)
    return " ".join([*words, *(_options(last) if last else ())])


def _parts(name: str) -> tuple[str, str]:
    person, _, emotion = name.rpartition("/")
    return person, emotion


def _options(last: LastPick) -> Iterator[str]:
    """The options of a pick, but for whom and which emotions, that are not the usual."""
    names = KEPT_OF_JOB[2:]
    given = asdict(last.settings) | {name: last.wanted[name] for name in names}
    usual = asdict(PickSettings()) | {name: getattr(Job(), name) for name in names}
    if seconds := given.pop("repeat_seconds"):
        given["repeat"] = f"{seconds:.15g}s"
    for name, value in given.items():
        if value != usual[name]:
            yield f"--{name.replace('_', '-')}" + ("" if value is True else f" {quote(str(value))}")
