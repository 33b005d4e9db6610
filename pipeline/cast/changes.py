"""Plans a change of names: checks it, describes it, shows its commands, applies and undoes it."""

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
from pipeline.cast.company import owners, pictures, shown
from pipeline.disk.manifest import LONGEST_FOLDER_NAME
from pipeline.disk.walked import finished
from pipeline.errors import MiningError, PeopleError
from pipeline.opened import check_nameable, named
from pipeline.people import gallery
from pipeline.people.album import Album
from pipeline.people.names import check_apart, check_name
from pipeline.people.rename import Move, rename, undo_moves
from pipeline.settings import KNOWN_FACES, Job


@dataclass(frozen=True, slots=True)
class NameWish:
    """A name that the user typed on a card of the page.

    Attributes:
        who: a number of the cast, or a known person.
        name: the new name; "" or the present name changes nothing.
    """

    who: int | str
    name: str

    @property
    def wanted(self) -> bool:
        """Whether the wish changes anything."""
        return self.name not in ("", self.who)


@dataclass(frozen=True, slots=True)
class NameProblem:
    """The reason why a wish cannot be fulfilled."""

    who: int | str
    why: str


@dataclass(frozen=True, slots=True)
class NamingPlan:
    """The steps of a change, in this order.

    Attributes:
        renames: pairs of an old and a new name.
        adopted: pairs of a number of the cast and a name.
        known: the people who have photos before the change.
        problems: the wishes that are left out, and why.
    """

    renames: tuple[tuple[str, str], ...]
    adopted: tuple[tuple[int, str], ...]
    known: frozenset[str]
    problems: tuple[NameProblem, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do and no problem either."""
        return not (self.renames or self.adopted or self.problems)

    @property
    def joins(self) -> bool:
        """Whether two known people become one, which cannot be undone."""
        new_names = [new for _, new in self.renames]
        return len(set(new_names)) < len(new_names) or not self.known.isdisjoint(new_names)

    def words(self) -> list[str]:
        """Describes the change, one sentence for each new name."""
        return [*self._renames(), *self._adoptions()]

    def _renames(self) -> Iterator[str]:
        for new, olds in _by_name(self.renames).items():
            people = [*olds, new] if new in self.known else olds
            if len(people) > 1:
                yield f"{_listed(people)} become one person, {new}; this cannot be undone here"
            else:
                yield f"{olds[0]} becomes {new}"

    def _adoptions(self) -> Iterator[str]:
        named = self.known | {new for _, new in self.renames}
        for name, numbers in _by_name(self.adopted).items():
            verb = "become" if len(numbers) > 1 else "becomes"
            known = ", who is already known" if name in named else ""
            yield f"{_listed(list(map(str, numbers)))} {verb} {name}{known}"

    def commands(self, folder: Path, job: Job) -> list[str]:
        """The commands that do the same, typed where the server was started.

        Without any change, the command that names the movie again.
        """
        call, options = ["mine-video", "name", str(folder)], _options(job)
        commands = [[*call, "--rename", *pair, *options] for pair in self.renames]
        if self.adopted or not commands:
            cast_options = [
                part for number, name in self.adopted for part in ("--cast", str(number), name)
            ]
            commands.append([*call, *cast_options, *options])
        return [shown(shlex.join(command)) for command in commands]


Who = TypeVar("Who", int, str)


def _by_name(pairs: Sequence[tuple[Who, str]]) -> dict[str, list[Who]]:
    """Groups the old names or numbers by new name, in order.

    >>> _by_name([(3, "anna"), (2, "ben"), (1, "anna")])
    {'anna': [1, 3], 'ben': [2]}
    """
    by_name: dict[str, list[Who]] = {}
    for who, name in sorted(pairs):
        by_name.setdefault(name, []).append(who)
    return by_name


def _listed(names: Sequence[str]) -> str:
    """Joins names as in a sentence.

    >>> _listed(["2"]), _listed(["2", "3", "5"])
    ('2', '2, 3 and 5')
    """
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _options(job: Job) -> list[str]:
    """The options of `mine-video name` that differ from the defaults."""
    known = ["--known-faces", str(job.known_faces)]
    tolerance = ["--tolerance", repr(job.tolerance)]
    return [*known * (job.known_faces != KNOWN_FACES), *tolerance * (job.tolerance is not None)]


def plan_names(wishes: Sequence[NameWish], folder: Path, job: Job) -> NamingPlan:
    """Checks the wishes and turns them into a plan.

    Args:
        wishes: From the page. Names are stripped and normalised to NFC, like those of photos.
        folder: The movie's folder.
        job: With the folder of known faces.

    Raises:
        PeopleError: The known faces or the cast cannot be read.
    """
    cleaned = [NameWish(w.who, normalize("NFC", w.name).strip()) for w in wishes]
    wanted = {w.who: w.name for w in cleaned if w.wanted}
    known = gallery.photos(job.known_faces).keys() | gallery.others(job.known_faces).keys()
    numbers = pictures(folder)
    problems = tuple(
        NameProblem(who, why)
        for who, name in wanted.items()
        if (why := _why_not(who, name, {*known, *numbers}, wanted))
    )
    bad = {problem.who for problem in problems}
    good = [(who, name) for who, name in wanted.items() if who not in bad]
    return NamingPlan(
        renames=tuple((who, name) for who, name in good if isinstance(who, str)),
        adopted=tuple((who, name) for who, name in good if isinstance(who, int)),
        known=frozenset(known),
        problems=problems,
    )


def _why_not(
    who: int | str, name: str, existing: set[int | str], wanted: Mapping[int | str, str]
) -> str:
    """Why a person or number cannot get this name, "" if it can."""
    if who not in existing:
        gone = (
            "has no photos among the known faces" if isinstance(who, str) else "is not in the cast"
        )
        return f"{who} {gone}; reload the page"
    if name in wanted:  # Whether both become one person would depend on the order.
        return f"{name} becomes {wanted[name]} at the same time; do one after the other"
    if len(name.encode(errors="replace")) > LONGEST_FOLDER_NAME:
        return f"the name is too long: at most {LONGEST_FOLDER_NAME} bytes"
    stay = {known for known in existing if isinstance(known, str) and known not in wanted}
    try:
        check_name(name, str(who))
        check_apart(name, {*stay, *wanted.values()}, str(who))
    except PeopleError as error:
        return str(error)
    return ""


# --- apply and undo -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Naming:
    """A change that was applied, with all that is needed to undo it.

    Attributes:
        words: a description of the change.
        taken: for each name that also matched tracks of others, a sentence that says so.
        copies: new photos, with a hash of each.
        renames: pairs of an old and a new name.
        final: whether it cannot be undone, because two people became one.
    """

    words: tuple[str, ...]
    taken: tuple[str, ...]
    copies: Mapping[Path, str]
    renames: tuple[tuple[str, str], ...]
    final: bool


def apply_names(what: NamingPlan, folder: Path, job: Job) -> Naming:
    """Renames, adopts, then names the movie by the changed photos; all or nothing.

    Args:
        what: The plan; its problems are left alone.
        folder: The movie's folder.
        job: With the folder of known faces.

    Raises:
        OutputError: Another process is writing in the movie's folder, or a photo cannot be moved
            or written.
        MiningError: A file is missing or damaged.
    """
    with files.locked(folder):
        walked = finished(folder)
        check_nameable(walked)
        before = owners(walked)
        with _kept(job.known_faces, what) as (copies, moves):
            for old, new in what.renames:
                rename(job.known_faces, old, new, moves)
            for path in adopt.copied([folder], what.adopted, job.known_faces):
                copies[path] = files.sha256_of(path)
            walked = named(walked, job, Album(job))
        taken = tuple(_taken(what, before, owners(walked)))
    return Naming(tuple(what.words()), taken, copies, what.renames, what.joins)


@contextmanager
def _kept(known_faces: Path, what: NamingPlan) -> Iterator[tuple[dict[Path, str], list[Move]]]:
    """Collects new photos and moves; after an error, removes the photos and undoes the moves."""
    copies, moves = dict[Path, str](), list[Move]()
    try:
        yield copies, moves
    except Exception:
        with suppress(MiningError):
            files.remove(copies)
        undo_moves(moves)
        for _, name in (*what.renames, *what.adopted):
            for folder in sorted((known_faces / name).glob("**"), reverse=True):
                with suppress(OSError):  # The folder is not empty.
                    folder.rmdir()
        raise


def _taken(
    what: NamingPlan, before: Mapping[int, int | str], after: Mapping[int, int | str]
) -> Iterator[str]:
    """Says which tracks got a name not meant for them: new photos may match other people too."""
    meant: dict[int | str, str] = dict(what.renames) | dict(what.adopted)
    counts = Counter((after.get(track), owner) for track, owner in before.items())
    for (name, owner), n in counts.items():
        if isinstance(name, str) and name != meant.get(owner, owner):
            previous = owner if isinstance(owner, str) else f"number {owner}"
            yield f"{name} also got {n} track{'s' * (n > 1)} of {previous}"


def undo_names(deed: Naming, folder: Path, job: Job) -> None:
    """Deletes the copies that nobody changed, restores the old names, and names the movie.

    Raises:
        PeopleError: An old name belongs to another person by now.
        MiningError: See `apply_names`.
    """
    known = gallery.photos(job.known_faces)
    for old, _ in deed.renames:
        if old in known:
            raise PeopleError(
                f"{job.known_faces}/: there is another {old} by now; move the photos by hand"
            )
    with files.locked(folder):
        walked = finished(folder)
        unchanged = [
            p for p, was in deed.copies.items() if p.is_file() and files.sha256_of(p) == was
        ]
        files.remove(unchanged)
        for home in {path.parent for path in unchanged}:
            with suppress(OSError):  # The folder has other photos.
                home.rmdir()
        for old, new in reversed(deed.renames):
            rename(job.known_faces, new, old)
        named(walked, job, Album(job))
