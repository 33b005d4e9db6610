"""What commands print: results to standard output, progress and messages to standard error."""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.errors import MiningError
from pipeline.faces import clock

if TYPE_CHECKING:
    from pipeline.people.presence import Offer, Presence
    from pipeline.report.outcome import Outcome, StartCropping
    from pipeline.walk.part import StartProgress

MOVIE = 20
"""Letters of a movie's name."""

PICK_ROW = "{:20} {:12} {:8} {:>7} {:>7} {:>5}  {}"
WHO = "{:20} {:12} {:>9} {:>7} {:>7} {:>5} {:>9}  {}"
MOST_OFFERS = 5


def fitted(name: str, width: int = MOVIE) -> str:
    """A name that fits its column, shortened in the middle: ends tell parts of a series apart.

    >>> fitted("The Godfather Part II (1974).mkv"), fitted("demo.mp4")
    ('The Godfat…1974).mkv', 'demo.mp4')
    """
    if len(name) <= width:
        return name
    return f"{name[: width // 2]}…{name[len(name) - (width - 1) // 2 :]}"


class Failures:
    """What fails of several movies or folders, which stops no other.

    Args:
        count: How many there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._errors: list[MiningError] = []

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Tells what is raised meanwhile, and keeps it.

        Raises:
            MiningError: The only one failed.
        """
        try:
            yield
        except MiningError as error:
            if self._count == 1:
                raise
            click.echo(f"mine-video: {error}", err=True)
            self._errors.append(error)

    def tell(self) -> None:
        """Ends it.

        Raises:
            MiningError: Some failed; it lists them with their reasons.
        """
        if self._errors:
            reasons = "".join(f"\n  {error}" for error in self._errors)
            told = f"{len(self._errors)} of {self._count} failed, the others are done:"
            raise MiningError(told + reasons)


def each(paths: Sequence[Path], do: Callable[[Path], None]) -> None:
    """Does something with each movie or folder; one that fails does not stop the others.

    Raises:
        MiningError: See `Failures`.
    """
    failures = Failures(len(paths))
    for path in paths:
        with failures.alone():
            do(path)
    failures.tell()


class Bar:
    """A progress bar on a terminal: frames, frames a second, faces found, time left.

    Args:
        name: What stands before it.
        quiet: Show nothing.
        unit: What is counted.
    """

    def __init__(self, name: str, *, quiet: bool, unit: str = "frame") -> None:
        from tqdm import tqdm

        self._shown = tqdm(
            total=0, desc=name, unit=unit, smoothing=0.05, dynamic_ncols=True,
            disable=True if quiet else None,
        )  # fmt: skip
        self._expected = self._done = self._faces = 0

    def expect(self, frames: int) -> None:
        """So many frames more are to come."""
        self._expected += frames
        self._shown.total = self._expected
        self._shown.refresh()

    def __call__(self, frames: int, faces: int) -> None:
        """So many frames more are done, with so many faces."""
        self._done += frames
        self._faces += faces
        if faces:
            self._shown.set_postfix_str(f"{self._faces} faces", refresh=False)
        self._shown.update(frames)

    @property
    def full(self) -> bool:
        """Whether nothing is to come any more, as far as is known."""
        return self._done >= self._expected

    def aside(self) -> AbstractContextManager[None]:
        """Makes room for results meanwhile."""
        return self._shown.external_write_mode()

    def close(self) -> None:
        """Leaves it as it stands."""
        self._shown.close()


def bar(name: str, quiet: bool, unit: str = "frame") -> "StartProgress":
    """A bar for one movie, which ends when all its frames are done."""

    def begin(total: int) -> Callable[[int, int], None]:
        shown = Bar(name, quiet=quiet or not total, unit=unit)
        shown.expect(total)

        def tell(frames: int, faces: int) -> None:
            shown(frames, faces)
            if shown.full:
                shown.close()

        return tell

    return begin


def crop_bar(name: str, quiet: bool) -> "StartCropping":
    """A bar for the crops of one movie."""

    def begin(total: int) -> Callable[[Path], None]:
        tell = bar(name, quiet, "crop")(total)
        return lambda _: tell(1, 0)

    return begin


class Header:
    """The first line of a table, printed once, when there is something to print below it."""

    def __init__(self, form: str, *names: str) -> None:
        self._line = form.format(*names)

    def show(self) -> None:
        """Prints it, if it was not yet."""
        if self._line:
            click.echo(self._line)
        self._line = ""


class Table:
    """What was picked, one line for each movie, person and emotion, as it comes."""

    def __init__(self, *, explain: bool) -> None:
        names = "movie", "person", "emotion", "seen", "steady", "runs", "folder"
        self._header = Header(PICK_ROW, *names)
        self._explain = explain

    def add(self, name: str, outcomes: Sequence["Outcome"]) -> None:
        """Prints a movie's lines, under a header where they are the first."""
        self._header.show()
        name = fitted(name)
        for o in outcomes:
            what = str(o.folder) if o.steady else f"- {o.hint}"
            click.echo(PICK_ROW.format(name, o.person, o.emotion, o.seen, o.steady, o.runs, what))
            if self._explain:
                steps = " > ".join(f"{step} {count}" for step, count in o.funnel.items())
                click.echo(f"{'':20} {steps}")


class WhoTable:
    """Who is who, one line for each movie and person, as it comes."""

    def __init__(self) -> None:
        names = "movie", "person", "seconds", "tracks", "faces", "sure", "distance", "nearest other"
        self._header = Header(WHO, *names)

    def add(self, movie: str, people: Sequence["Presence"]) -> None:
        """Prints a movie's lines, under a header where they are the first."""
        self._header.show()
        movie = fitted(movie)
        for p in people:
            distance = "-" if isnan(p.distance) else f"{p.distance:.2f}"
            other = f"{p.other} {p.other_distance:.2f}" if p.other else "-"
            sure = "-" if isnan(p.sure) else f"{p.sure:.2f}"
            name = p.person or "unknown"
            row = (movie, name, f"{p.seconds:.1f}", p.tracks, p.faces, sure, distance, other)
            click.echo(WHO.format(*row))
            for offer in p.offers[:MOST_OFFERS]:
                click.echo(f"{'':20} {offered(offer)}")
            if len(p.offers) > MOST_OFFERS:
                click.echo(f"{'':20} and {len(p.offers) - MOST_OFFERS} more")
        if not people:
            click.echo(f"{movie:20} - no face was found")


def offered(offer: "Offer") -> str:
    """What is told of unknown faces that may be somebody known."""
    count = "1 track" if len(offer.tracks) == 1 else f"{len(offer.tracks)} tracks"
    return f"{count} from {clock(offer.time)} may be {offer.person}, too: {offer.sure:.2f}"


def log_to_stderr(quiet: bool, verbose: bool) -> None:
    """Sets how much is said on standard error."""
    level = logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr, force=True)
    logging.getLogger("pipeline").setLevel(level)
