"""Names that are to be given: checked, told in words and as commands, done, and taken back."""

import hashlib
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from unicodedata import normalize

from pipeline import files
from pipeline.cast import adopt
from pipeline.cast.company import owners, shown
from pipeline.disk.manifest import LONGEST_FOLDER_NAME
from pipeline.disk.walked import finished
from pipeline.errors import MiningError, PeopleError
from pipeline.opened import named
from pipeline.people import gallery
from pipeline.people.album import Album
from pipeline.people.names import check_name
from pipeline.people.rename import Move, rename, undo_moves
from pipeline.settings import KNOWN_FACES, Job


@dataclass(frozen=True, slots=True)
class NameWish:
    """A name for a card of the page.

    Attributes:
        who: a number of the cast, or a known person.
        name: what to call them; "" or the same leaves them as they are.
    """

    who: int | str
    name: str

    @property
    def wanted(self) -> bool:
        """Whether it changes anything."""
        return self.name not in ("", self.who)


@dataclass(frozen=True, slots=True)
class NameProblem:
    """Why a wish cannot be fulfilled."""

    who: int | str
    why: str


@dataclass(frozen=True, slots=True)
class NamingPlan:
    """What is to be done, in this order.

    Attributes:
        renames: an old and a new name each.
        adopted: a number of the cast and a name each.
        known: who has photos before.
        problems: where there are any, nothing is done.
    """

    renames: tuple[tuple[str, str], ...]
    adopted: tuple[tuple[int, str], ...]
    known: frozenset[str]
    problems: tuple[NameProblem, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is wanted, not even what cannot be."""
        return not (self.renames or self.adopted or self.problems)

    @property
    def joins(self) -> bool:
        """Whether it makes one known person of two."""
        into = [new for _, new in self.renames]
        return len(set(into)) < len(into) or not self.known.isdisjoint(into)

    def words(self) -> list[str]:
        """What becomes of whom."""
        return [*self._renames(), *self._adoptions()]

    def _renames(self) -> Iterator[str]:
        for new, olds in _by_name(self.renames).items():
            people = [*olds, new] if new in self.known else olds
            if len(people) > 1:
                yield f"{_listed(people)} become one person, called {new}; nothing here parts them"
            else:
                yield f"{olds[0]} becomes {new}"

    def _adoptions(self) -> Iterator[str]:
        named = self.known | {new for _, new in self.renames}
        for name, numbers in _by_name(self.adopted).items():
            verb = "become" if len(numbers) > 1 else "becomes"
            known = ", who is known already" if name in named else ""
            yield f"{_listed(list(map(str, numbers)))} {verb} {name}{known}"

    def commands(self, folder: Path, job: Job) -> list[str]:
        """What to type for the same, where the server was started; "name again" for nothing."""
        call, places = ["mine-video", "name", str(folder)], _places(job)
        lines = [[*call, "--rename", *pair, *places] for pair in self.renames]
        if self.adopted or not lines:
            given = [
                part for number, name in self.adopted for part in ("--cast", str(number), name)
            ]
            lines.append([*call, *given, *places])
        return [shown(shlex.join(line)) for line in lines]


Who = TypeVar("Who", int, str)


def _by_name(pairs: Sequence[tuple[Who, str]]) -> dict[str, list[Who]]:
    """Who is to have each name, in order.

    >>> _by_name([(3, "anna"), (2, "ben"), (1, "anna")])
    {'anna': [1, 3], 'ben': [2]}
    """
    found: dict[str, list[Who]] = {}
    for who, name in sorted(pairs):
        found.setdefault(name, []).append(who)
    return found


def _listed(names: Sequence[str]) -> str:
    """Names in a sentence.

    >>> _listed(["2"]), _listed(["2", "3", "5"])
    ('2', '2, 3 and 5')
    """
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _places(job: Job) -> list[str]:
    """The options of `mine-video name` that are not as usual."""
    known = ["--known-faces", str(job.known_faces)]
    tolerance = ["--tolerance", repr(job.tolerance)]
    return [*known * (job.known_faces != KNOWN_FACES), *tolerance * (job.tolerance is not None)]


def plan_names(wishes: Sequence[NameWish], folder: Path, job: Job) -> NamingPlan:
    """What wishes come to, and which of them cannot be.

    Args:
        wishes: Of the page; names are stripped, and composed as those of photos are.
        folder: The movie's.
        job: Where things lie.

    Raises:
        PeopleError: The known faces or the cast cannot be read.
    """
    cleaned = [NameWish(w.who, normalize("NFC", w.name).strip()) for w in wishes]
    wanted = {w.who: w.name for w in cleaned if w.wanted}
    there = gallery.photos(job.known_faces).keys() | gallery.others(job.known_faces).keys()
    numbers = adopt.pictures(folder)
    problems = tuple(
        NameProblem(who, why)
        for who, name in wanted.items()
        if (why := _why_not(who, name, {*there, *numbers}, wanted))
    )
    bad = {problem.who for problem in problems}
    good = [(who, name) for who, name in wanted.items() if who not in bad]
    return NamingPlan(
        renames=tuple((who, name) for who, name in good if isinstance(who, str)),
        adopted=tuple((who, name) for who, name in good if isinstance(who, int)),
        known=frozenset(there),
        problems=problems,
    )


def _why_not(
    who: int | str, name: str, there: set[int | str], wanted: Mapping[int | str, str]
) -> str:
    """Why somebody cannot be called so, "" where they can."""
    if who not in there:
        gone = "has no photos in the known faces" if isinstance(who, str) else "is not in the cast"
        return f"{who} {gone}; reload the page"
    if name in wanted:
        return f"{name} gets another name, {wanted[name]}: do one after the other"
    if len(name.encode(errors="replace")) > LONGEST_FOLDER_NAME:
        return f"the name is too long: at most {LONGEST_FOLDER_NAME} bytes"
    try:
        check_name(name, str(who))
    except PeopleError as error:
        return str(error).replace("rename it", "choose another")
    return ""


# --- doing it -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Naming:
    """What was done, so that it can be taken back.

    Attributes:
        words: what became of whom.
        taken: whose tracks the names took that were not given to them.
        copies: new photos, with a hash of each.
        renames: an old and a new name each.
        final: whether it cannot be taken back, for two people became one.
    """

    words: tuple[str, ...]
    taken: tuple[str, ...]
    copies: Mapping[Path, str]
    renames: tuple[tuple[str, str], ...]
    final: bool


def apply_names(what: NamingPlan, folder: Path, job: Job) -> Naming:
    """Renames, then adopts, then names the movie by the photos of then; all of it or nothing.

    Raises:
        OutputError: Somebody is writing in the movie's folder, or a photo cannot be moved or
            written.
        MiningError: A file is missing or torn.
    """
    with files.locked(folder):
        walked = finished(folder)
        whose = owners(walked)
        with _kept(job.known_faces, what) as (copies, moves):
            for old, new in what.renames:
                rename(job.known_faces, old, new, moves)
            for path in adopt.copied([folder], what.adopted, job.known_faces):
                copies[path] = _hash(path)
            walked = named(walked, job, Album(job))
        taken = tuple(_taken(what, whose, owners(walked)))
    return Naming(tuple(what.words()), taken, copies, what.renames, what.joins)


@contextmanager
def _kept(known_faces: Path, what: NamingPlan) -> Iterator[tuple[dict[Path, str], list[Move]]]:
    """Takes new photos and moves; where something fails, it removes the ones, undoes the others."""
    copies, moves = dict[Path, str](), list[Move]()
    try:
        yield copies, moves
    except Exception:
        with suppress(MiningError):
            files.remove(copies)
        undo_moves(moves)
        for _, name in (*what.renames, *what.adopted):
            for folder in sorted((known_faces / name).glob("**"), reverse=True):
                with suppress(OSError):  # Something is in there.
                    folder.rmdir()
        raise


def _taken(
    what: NamingPlan, before: Mapping[int, int | str], after: Mapping[int, int | str]
) -> Iterator[str]:
    """Whose tracks have a name that was not meant for them: new photos may match others too."""
    meant: dict[int | str, str] = dict(what.renames) | dict(what.adopted)
    found = Counter((after.get(track), whose) for track, whose in before.items())
    for (name, whose), n in found.items():
        if isinstance(name, str) and name != meant.get(whose, whose):
            of = whose if isinstance(whose, str) else f"number {whose}"
            yield f"{name} also took {n} track{'s' * (n > 1)} of {of}"


def undo_names(deed: Naming, folder: Path, job: Job) -> None:
    """Deletes the copies that are still the same, gives back the old names, and names the movie.

    Raises:
        PeopleError: An old name is somebody's again.
        MiningError: See `apply_names`.
    """
    there = gallery.photos(job.known_faces)
    for old, _ in deed.renames:
        if old in there:
            raise PeopleError(f"{job.known_faces}/: has another {old} by now; move photos by hand")
    with files.locked(folder):
        walked = finished(folder)
        own = [path for path, was in deed.copies.items() if path.is_file() and _hash(path) == was]
        files.remove(own)
        for home in {path.parent for path in own}:
            with suppress(OSError):  # Other photos are in there.
                home.rmdir()
        for old, new in reversed(deed.renames):
            rename(job.known_faces, new, old)
        named(walked, job, Album(job))


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
