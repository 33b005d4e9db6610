"""pick.json: what the last pick of a movie wanted, and which folders stopped ones left.

It is written before a pick changes anything, and again when all that it writes is there. Whoever
made the folder may have changed it: what does not fit counts as damaged, and so as missing.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from os.path import isdir
from pathlib import Path
from shlex import join, quote
from typing import Any

from pipeline.disk.crop_file import UNSAFE
from pipeline.faces import ANY
from pipeline.files import content, replacing
from pipeline.settings import (
    KNOWN_FACES,
    Job,
    PickSettings,
    classes,
    is_look,
    option_words,
)

PICK_FILE = "pick.json"

MOST_FOLDERS_NAMED = 3
"""Folders that a message names at most."""

KEPT_OF_JOB = ("people", "emotions", "tolerance", "learn", "subtitles", "subtitle_offset",
          "subtitle_encoding")  # fmt: skip
"""What is kept of a `Job` beside its `PickSettings`."""

LONGEST_OFFSET = 86400.0
"""Seconds by which subtitles may be moved to either side."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a pick wanted.

    Attributes:
        values: the values of `KEPT_OF_JOB`.
        settings: the settings of the pick.
        known_faces: the folder of photos, only to be told: nothing is read from there because
            pick.json says so. "" is the usual one.
    """

    values: dict[str, Any]
    settings: PickSettings
    known_faces: str = ""

    @classmethod
    def of(cls, job: Job, known_faces: str = "") -> "Wanted":
        """What a job wants; `known_faces` as above."""
        return cls({name: getattr(job, name) for name in KEPT_OF_JOB}, job.pick, known_faces)

    def job(self, job: Job) -> Job:
        """A job that wants the same, with the folders of another."""
        return replace(job, pick=self.settings, **self.values)

    @property
    def options(self) -> list[str]:
        """The options that want the same: whom and which emotions, and all that is not usual."""
        given = asdict(self.settings) | self.values
        usual = asdict(PickSettings()) | {name: getattr(Job(), name) for name in KEPT_OF_JOB}
        named = [("--person", given.pop("people")), ("--emotion", given.pop("emotions"))]
        words = [f"{option} {quote(name)}" for option, names in named for name in names]
        if seconds := given.pop("repeat_seconds"):
            given["repeat"] = f"{seconds:.15g}s"
        for name, value in given.items():
            words += option_words(name, value) if value != usual[name] else []
        return words + known_faces_option(self.known_faces)


@dataclass(frozen=True, slots=True)
class Stopped:
    """A pick that was stopped.

    Attributes:
        wanted: what it wanted.
        folders: what it began and did not finish, as person/emotion, in order.
    """

    wanted: Wanted
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picks:
    """The contents of pick.json.

    Attributes:
        last: what the last pick wanted.
        stopped: the picks that were stopped, the oldest first; no two have a folder in common.
    """

    last: Wanted
    stopped: tuple[Stopped, ...]


# --- reading ------------------------------------------------------------------------------------


def read_picks(folder: Path) -> Picks | None:
    """Reads pick.json of a movie; None if it is missing, damaged or of another version."""
    # RecursionError: of brackets in brackets.
    with suppress(
        OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError
    ):
        facts = json.loads(content(folder / PICK_FILE))
        return Picks(_wanted(facts["last"]), tuple(map(_stopped, facts["stopped"])))
    return None


def unfinished(folder: Path) -> tuple[str, ...]:
    """The folders, as person/emotion, that stopped picks left unfinished in a movie's folder."""
    return tuple(name for stopped in _left(folder, ()) for name in stopped.folders)


def unfinished_lines(folder: Path, whole: Iterable[Path] = ()) -> list[str]:
    """Says what each stopped pick left unfinished, and what finishes it; empty if all is whole.

    Args:
        folder: The movie's folder.
        whole: Folders that the present pick has filled, and has not noted as finished yet.
    """
    return [_line(folder, stopped) for stopped in _left(folder, whole)]


def line_to_type(*words: str | Path, known_faces: Path | str) -> str:
    """A command of mine-video as a shell takes it, by the same photos.

    >>> line_to_type("name", Path("a film"), "--cast", "1", "NAME", known_faces="faces")
    "mine-video name 'a film' --cast 1 NAME --known-faces faces"
    """
    return " ".join([join(["mine-video", *map(str, words)]), *known_faces_option(known_faces)])


def known_faces_option(known_faces: Path | str) -> list[str]:
    """The option that names the folder of photos, if it is not the usual one."""
    usual = str(known_faces) in ("", str(KNOWN_FACES))
    return [] if usual else [f"--known-faces {quote(str(known_faces))}"]


def _wanted(facts: dict[str, Any]) -> Wanted:
    """Reads what a pick wanted.

    Raises:
        ValueError: A value does not fit.
    """
    values = {name: facts[name] for name in KEPT_OF_JOB}
    settings, usual = facts["settings"], asdict(PickSettings())
    good = (
        _are(values["people"], _is_person)
        and _are(values["emotions"], lambda name: name == ANY or is_look(name))
        and (values["tolerance"] is None or _is_number(values["tolerance"], 0, 2))
        and isinstance(values["learn"], bool)
        and _is_number(values["subtitle_offset"], -LONGEST_OFFSET, LONGEST_OFFSET)
        and all(map(_is_text, (values["subtitles"], values["subtitle_encoding"])))
        and _is_text(facts["known_faces"])
        and all(_fits(v, usual[n], text=n in ("after", "from_")) for n, v in settings.items())
        and (values["subtitles"] or not (settings.get("silent_only") or settings.get("after")))
    )
    if not good:
        raise ValueError(f"not what a pick wants: {facts}")
    values |= {name: tuple(values[name]) for name in ("people", "emotions")}
    classes(values["emotions"], settings.get("from_"))
    settings = {n: tuple(v) if isinstance(v, list) else v for n, v in settings.items()}
    return Wanted(values, PickSettings(**settings), facts["known_faces"])


def _stopped(facts: dict[str, Any]) -> Stopped:
    """Reads a stopped pick.

    Raises:
        ValueError: A value does not fit.
    """
    if not _are(facts["folders"], _is_folder):
        raise ValueError(f"not folders of a pick: {facts['folders']}")
    return Stopped(_wanted(facts), tuple(facts["folders"]))


def _are(values: Any, good: Any) -> bool:
    """Whether it is a list of texts, at least one, that are all good."""
    listed = isinstance(values, list) and len(values) > 0
    return listed and all(isinstance(value, str) and good(value) for value in values)


def _is_person(name: str) -> bool:
    """Whether a page can show a folder of that name; `visible_names` asks the same."""
    return bool(name.strip()) and not (name.startswith(".") or "/" in name or UNSAFE.search(name))


def _is_folder(name: str) -> bool:
    person, _, emotion = name.rpartition("/")
    return _is_person(person) and is_look(emotion)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_number(value: Any, least: float, most: float) -> bool:
    return type(value) in (int, float) and least <= value <= most


def _fits(value: Any, usual: Any, *, text: bool) -> bool:
    """Whether a value of `PickSettings` is of the kind of the usual one."""
    if isinstance(value, bool) or isinstance(usual, bool):
        return type(value) is type(usual)
    if isinstance(usual, tuple):
        return value == [] or _are(value, _is_person)
    if isinstance(value, str) and usual is None:
        return text and _is_text(value)
    if isinstance(value, float) and isinstance(usual, int | str):
        return False
    # Which numbers fit, `PickSettings` knows.
    return value == usual or _is_number(value, -sys.maxsize, sys.maxsize)


# --- writing ------------------------------------------------------------------------------------


def begin_pick(folder: Path, job: Job, changed: Iterable[Path]) -> None:
    """Notes what a pick wants and which folders it is about to change.

    Args:
        folder: The movie's folder.
        job: What is wanted.
        changed: Folders of persons and emotions.

    Raises:
        OutputError: pick.json cannot be written.
    """
    changed = list(changed)
    wanted, names = _wanted_of(job), tuple(sorted(_names(folder, changed)))
    _write(folder, wanted, [*_left(folder, changed), *([Stopped(wanted, names)] if names else [])])


def finish_pick(folder: Path, job: Job, changed: Iterable[Path]) -> None:
    """Notes that the folders of a pick are whole.

    Raises:
        OutputError: pick.json cannot be written.
    """
    _write(folder, _wanted_of(job), _left(folder, changed))


def _names(folder: Path, changed: Iterable[Path]) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in changed)


def _wanted_of(job: Job) -> Wanted:
    known_faces = "" if job.known_faces == KNOWN_FACES else str(job.known_faces.absolute())
    return Wanted.of(job, known_faces)


def _facts(wanted: Wanted) -> dict[str, Any]:
    return wanted.values | {
        "settings": asdict(wanted.settings), "known_faces": wanted.known_faces,
    }  # fmt: skip


def _write(folder: Path, last: Wanted, stopped: Iterable[Stopped]) -> None:
    left = [_facts(one.wanted) | {"folders": one.folders} for one in stopped]
    with replacing(folder / PICK_FILE) as file:
        file.write(json.dumps({"last": _facts(last), "stopped": left}, indent=1).encode())


# --- what is left -------------------------------------------------------------------------------


def _left(folder: Path, whole: Iterable[Path]) -> list[Stopped]:
    """What stopped picks left, without folders that are whole by now or were deleted."""
    picks, done = read_picks(folder), {*_names(folder, whole)}
    parts = (_without(folder, stopped, done) for stopped in (picks.stopped if picks else ()))
    return [part for several in parts for part in several]


def _without(folder: Path, stopped: Stopped, done: set[str]) -> Iterator[Stopped]:
    """A stopped pick without some folders, in parts that want what is left and nothing else."""
    # Not Path.is_dir, which raises if a name is too long or a folder is locked.
    left = [n for n in stopped.folders if n not in done and isdir(folder / n)]  # noqa: PTH112
    if len(left) == len(stopped.folders):
        yield stopped
        return
    emotions: dict[str, list[str]] = {}  # By person.
    for person, _, emotion in (name.rpartition("/") for name in left):
        emotions.setdefault(person, []).append(emotion)
    for looks in dict.fromkeys(map(tuple, emotions.values())):
        people = tuple(person for person, theirs in emotions.items() if tuple(theirs) == looks)
        values = stopped.wanted.values | {"people": people, "emotions": looks}
        names = tuple(f"{person}/{emotion}" for person in people for emotion in looks)
        yield Stopped(replace(stopped.wanted, values=values), names)


def _line(folder: Path, stopped: Stopped) -> str:
    """Says what a stopped pick left, and what to type to pick it again with the same settings."""
    left = stopped.folders
    named = ", ".join(left[:MOST_FOLDERS_NAMED]) + (", …" if len(left) > MOST_FOLDERS_NAMED else "")
    line = " ".join(["mine-video pick", quote(str(folder)), *stopped.wanted.options])
    return f"a pick was stopped, and {named} may lack crops; finish it: {line}"
