"""What commands print: results to standard output, progress and messages to standard error."""

import logging
import sys
from collections.abc import Callable, Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.errors import MiningError

if TYPE_CHECKING:
    from pipeline.mine import Outcome, StartProgress
    from pipeline.people.who import Presence

ROW = "{:20} {:12} {:8} {:>7} {:>7} {:>5}  {}"
WHO = "{:20} {:12} {:>9} {:>7} {:>7} {:>9}  {}"


def each(paths: Sequence[Path], do: Callable[[Path], None]) -> None:
    """Does something with each movie or folder; one that fails does not stop the others.

    Raises:
        MiningError: The only one failed, or some of several did; it lists them with their reasons.
    """
    failed: list[MiningError] = []
    for path in paths:
        try:
            do(path)
        except MiningError as error:
            if len(paths) == 1:
                raise
            click.echo(f"mine-video: {error}", err=True)
            failed.append(error)
    if failed:
        reasons = "".join(f"\n  {error}" for error in failed)
        raise MiningError(f"{len(failed)} of {len(paths)} failed, the others are done:{reasons}")


def bar(name: str, quiet: bool) -> "StartProgress":
    """A progress bar on a terminal: frames, frames a second, faces found, time left."""

    def begin(total: int) -> Callable[[int, int], None]:
        from tqdm import tqdm

        shown = tqdm(
            total=total, desc=name, unit="frame", smoothing=0.05, dynamic_ncols=True,
            disable=True if quiet or not total else None,
        )  # fmt: skip
        found = 0

        def tell(frames: int, faces: int) -> None:
            nonlocal found
            found += faces
            if faces:
                shown.set_postfix_str(f"{found} faces", refresh=False)
            shown.update(frames)
            if shown.n >= total:
                shown.close()

        return tell

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
        self._header = Header(ROW, *names)
        self._explain = explain

    def add(self, name: str, outcomes: Sequence["Outcome"]) -> None:
        """Prints a movie's lines, under a header where they are the first."""
        self._header.show()
        for o in outcomes:
            what = str(o.folder) if o.steady else f"- {o.hint}"
            click.echo(ROW.format(name, o.person, o.emotion, o.seen, o.steady, o.runs, what))
            if self._explain:
                steps = " > ".join(f"{step} {count}" for step, count in o.funnel.items())
                click.echo(f"{'':20} {steps}")


class WhoTable:
    """Who is who, one line for each movie and person, as it comes."""

    def __init__(self) -> None:
        names = "movie", "person", "seconds", "tracks", "faces", "distance", "nearest other"
        self._header = Header(WHO, *names)

    def add(self, movie: str, people: Sequence["Presence"]) -> None:
        """Prints a movie's lines, under a header where they are the first."""
        self._header.show()
        for p in people:
            distance = "-" if isnan(p.distance) else f"{p.distance:.2f}"
            other = f"{p.other} {p.other_distance:.2f}" if p.other else "-"
            name = p.person or "unknown"
            row = (movie, name, f"{p.seconds:.1f}", p.tracks, p.faces, distance, other)
            click.echo(WHO.format(*row))
        if not people:
            click.echo(f"{movie:20} - no face was found")


def log_to_stderr(quiet: bool, verbose: bool) -> None:
    """Sets how much is said on standard error."""
    level = logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr, force=True)
    logging.getLogger("pipeline").setLevel(level)
