"""What commands print: results to standard output, progress and messages to standard error."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from math import isnan
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any

import click
from wcwidth import wcswidth

from pipeline.cli.sections import CONFIG_META
from pipeline.cli.terminal import LineFormatter
from pipeline.errors import MiningError
from pipeline.faces import clock, visible

if TYPE_CHECKING:
    from pipeline.people.presence import Offer, Presence
    from pipeline.report.outcome import Outcome, StartCropping
    from pipeline.walk.part import StartProgress

MOVIE = 20
"""Width of the column with a movie's name, in characters."""

PICK_ROW = "{:20} {:12} {:8} {:>7} {:>7} {:>5}  {}"
WHO = "{:20} {:12} {:>9} {:>7} {:>7} {:>5} {:>9}  {}"
MOST_OFFERS = 5


class _Aligned(Formatter):
    """Pads texts by the columns that a terminal gives them: letters of East Asia take two."""

    def format_field(self, value: Any, format_spec: str) -> str:
        """Formats a cell; its width is that of `format_spec`, with ">" before it from the right."""
        if not isinstance(value, str):
            return super().format_field(value, format_spec)
        room = " " * (int(format_spec.lstrip("<>") or 0) - _columns(value))
        return room + value if format_spec.startswith(">") else value + room


def aligned(form: str, *cells: object) -> str:
    """A line of a table.

    Args:
        form: The cells with their widths, such as "{:20} {:>7}".
        cells: Their texts and numbers.

    >>> aligned("{:6}|{:>6}|{:>3}", "李小龙", "李", 7)
    '李小龙|    李|  7'
    """
    return _Aligned().vformat(form, cells, {})


def fitted(name: str, width: int = MOVIE) -> str:
    """Makes a name visible, and shortens it in the middle to fit its column.

    The end tells a series' parts apart.

    >>> fitted("The Godfather Part II (1974).mkv"), fitted("demo.mp4")
    ('The Godfat…1974).mkv', 'demo.mp4')
    >>> fitted("宮崎駿 千と千尋の神隠し.mkv")
    '宮崎駿 千と…隠し.mkv'
    """
    whole = name = visible(name)
    middle = (len(name) + 1) // 2
    begin, end = name[:middle], name[middle:]
    while _columns(whole) > width:
        begin, end = (begin[:-1], end) if len(begin) > len(end) else (begin, end[1:])
        whole = f"{begin}…{end}"
    return whole


def _columns(text: str) -> int:
    """Columns that a terminal gives a text."""
    columns = wcswidth(text)
    return columns if columns >= 0 else len(text)  # It has letters that cannot be seen.


def echo_line(text: str) -> None:
    """Prints a line of a table; a name in it cannot begin another."""
    click.echo(visible(text))


class Output:
    """What a command prints: lines as soon as they are known, or at the end a JSON document.

    Args:
        command: The command.
        as_json: Whether to print a document.
    """

    def __init__(self, command: str, *, as_json: bool) -> None:
        self._command, self._as_json = command, as_json
        self._rows: list[dict[str, Any]] = []
        self._files: list[Path] = []
        self._facts: dict[str, Any] = {}

    def add(self, results: Sequence[Any], show: Callable[[], None], **place: str) -> None:
        """Adds rows, see `results.record`, or shows the lines of the same results."""
        if not self._as_json:
            show()
            return
        from pipeline.results import record

        self._rows += [record(result, **place) for result in results]

    def file(self, *paths: Path, line: str = "") -> None:
        """Adds files that were written, or prints their line, which is as a rule their path."""
        self._files += paths
        if not self._as_json:
            click.echo(line or paths[0])

    def tell(self, **facts: Any) -> None:
        """Adds facts of the command's own, see `results.FACTS`, which its lines tell otherwise."""
        self._facts |= facts

    def end(self) -> None:
        """Prints the document."""
        if self._as_json:
            from pipeline.results import document

            click.echo(document(self._command, self._rows, self._files, **self._facts))

    def found(self) -> bool:
        """Whether there is anything to print."""
        return bool(self._rows or self._files)


@contextmanager
def output_of(command: str, *, as_json: bool) -> Iterator[Output]:
    """Yields where a command puts its results, and prints them at the end.

    Where some movies fail, the document has the others; where nothing was done, there is none.
    """
    output = Output(command, as_json=as_json)
    try:
        yield output
    except MiningError:
        if output.found():
            output.end()
        raise
    output.end()


class Failures:
    """Collects the errors of several movies or folders, so that one does not stop the others.

    Args:
        count: Number of movies or folders.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._errors: list[MiningError] = []

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Prints and keeps an error that is raised inside.

        Raises:
            MiningError: The error itself, if there is only one movie or folder.
        """
        try:
            yield
        except MiningError as error:
            if self._count == 1:
                raise
            click.echo(visible(f"mine-video: {error}"), err=True)
            self._errors.append(error)

    def tell(self) -> None:
        """Raises one error for all that were kept.

        Raises:
            MiningError: Some failed; its notes are their reasons.
        """
        if self._errors:
            others = ", the others are done" if len(self._errors) < self._count else ""
            failed = MiningError(f"{len(self._errors)} of {self._count} failed{others}:")
            for error in self._errors:
                failed.add_note(f"  {error}")
            raise failed


def each(paths: Sequence[Path], do: Callable[[Path], None]) -> None:
    """Calls `do` with each movie or folder; one that fails does not stop the others.

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
        name: The text before the bar.
        quiet: Show no bar.
        unit: What the bar counts.
    """

    def __init__(self, name: str, *, quiet: bool, unit: str = "frame") -> None:
        from tqdm import tqdm

        self._shown = tqdm(
            total=0, desc=visible(name), unit=unit, smoothing=0.05, dynamic_ncols=True,
            disable=True if quiet else None,
        )  # fmt: skip
        self._expected = self._done = self._faces = 0

    def expect(self, frames: int) -> None:
        """Adds frames to the expected total."""
        self._expected += frames
        self._shown.total = self._expected
        self._shown.refresh()

    def __call__(self, frames: int, faces: int) -> None:
        """Counts frames as done, and the faces found in them."""
        self._done += frames
        self._faces += faces
        if faces:
            self._shown.set_postfix_str(f"{self._faces} faces", refresh=False)
        self._shown.update(frames)

    @property
    def full(self) -> bool:
        """Whether all frames expected so far are done."""
        return self._done >= self._expected

    def aside(self) -> AbstractContextManager[None]:
        """Hides the bar while results are printed."""
        return self._shown.external_write_mode()

    def close(self) -> None:
        """Ends the bar and leaves its last state on the terminal."""
        self._shown.close()


def bar(name: str, quiet: bool, unit: str = "frame") -> "StartProgress":
    """Makes a bar for one movie, which ends when all its frames are done."""

    def begin(total: int) -> Callable[[int, int], None]:
        progress = Bar(name, quiet=quiet or not total, unit=unit)
        progress.expect(total)

        def advance(frames: int, faces: int) -> None:
            progress(frames, faces)
            if progress.full:
                progress.close()

        return advance

    return begin


def crop_bar(name: str, quiet: bool) -> "StartCropping":
    """Makes a bar for the crops of one movie."""

    def begin(total: int) -> Callable[[Path], None]:
        advance = bar(name, quiet, "crop")(total)
        return lambda _: advance(1, 0)

    return begin


class Header:
    """The first line of a table, printed once, before the first row."""

    def __init__(self, form: str, *names: str) -> None:
        self._line = form.format(*names)

    def show(self) -> None:
        """Prints the line, unless it was printed before."""
        if self._line:
            click.echo(self._line)
        self._line = ""


class Table:
    """The table of what was picked: a line for each movie, person and emotion."""

    def __init__(self, output: Output, *, explain: bool) -> None:
        self._output = output
        names = "movie", "person", "emotion", "seen", "steady", "runs", "folder"
        self._header = Header(PICK_ROW, *names)
        self._explain = explain

    def add(self, name: str, outcomes: Sequence["Outcome"]) -> None:
        """Prints a movie's lines, and before the first movie the header."""
        self._output.add(outcomes, lambda: self._show(name, outcomes), movie=name)

    def _show(self, name: str, outcomes: Sequence["Outcome"]) -> None:
        self._header.show()
        name = fitted(name)
        for o in outcomes:
            last = str(o.folder) if o.steady else f"- {o.hint}"
            echo_line(aligned(PICK_ROW, name, o.person, o.emotion, o.seen, o.steady, o.runs, last))
            if self._explain:
                click.echo(f"{'':20} {' > '.join(_steps(o.funnel))}")


def _steps(funnel: dict[str, int]) -> Iterator[str]:
    """The steps of a funnel, until one leaves nothing."""
    for step, count in funnel.items():
        yield f"{step} {count}"
        if not count:
            return


class WhoTable:
    """The table of who is who: a line for each movie and person."""

    def __init__(self, output: Output) -> None:
        self._output = output
        names = "movie", "person", "seconds", "tracks", "faces", "sure", "distance", "nearest other"
        self._header = Header(WHO, *names)

    def add(self, movie: str, people: Sequence["Presence"]) -> None:
        """Prints a movie's lines, and before the first movie the header."""
        self._output.add(people, lambda: self._show(movie, people), movie=movie)

    def _show(self, movie: str, people: Sequence["Presence"]) -> None:
        self._header.show()
        movie = fitted(movie)
        for p in people:
            distance = "-" if isnan(p.distance) else f"{p.distance:.2f}"
            other = f"{p.other} {p.other_distance:.2f}" if p.other else "-"
            sure = "-" if isnan(p.sure) else f"{p.sure:.2f}"
            name = p.person or "unknown"
            row = (movie, name, f"{p.seconds:.1f}", p.tracks, p.faces, sure, distance, other)
            echo_line(aligned(WHO, *row))
            for offer in p.offers[:MOST_OFFERS]:
                click.echo(f"{'':20} {offered(offer)}")
            if len(p.offers) > MOST_OFFERS:
                click.echo(f"{'':20} and {len(p.offers) - MOST_OFFERS} more")
        if not people:
            click.echo(aligned("{:20} - no face was found", movie))


def offered(offer: "Offer") -> str:
    """What is told of unknown faces that may be somebody known."""
    count = "1 track" if len(offer.tracks) == 1 else f"{len(offer.tracks)} tracks"
    return f"{count} from {clock(offer.time)} may be {offer.person} (chance {offer.sure:.2f})"


def log_to_stderr(quiet: bool, verbose: bool) -> None:
    """Sets how much is logged on standard error."""
    level = logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("pipeline").setLevel(level)
    if (path := click.get_current_context().meta.get(CONFIG_META)) is not None:
        logging.getLogger(__name__).info("defaults are from %s", path)
