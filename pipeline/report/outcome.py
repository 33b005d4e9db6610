"""What a pick leaves: crops, contact sheets, comparisons, the report; and what is told of it."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline import faces
from pipeline.disk import manifest as manifests
from pipeline.disk.crop_file import crop_stem
from pipeline.disk.manifest import Manifest
from pipeline.disk.walked import Walked
from pipeline.faces import EMOTIONS
from pipeline.models.registry import tolerances
from pipeline.pick import select
from pipeline.pick.choose import Choice, choose
from pipeline.report.crops import Selection, write_crops
from pipeline.report.sheet import COMPARE, contact_sheets, delete_sheets, write_comparison
from pipeline.settings import Job, PickSettings

log = logging.getLogger(__name__)

MANY_CROPS = 2000
"""So many crops are nobody's pleasure to look through: thinning is suggested."""

StartCropping = Callable[[int], Callable[[Path], None]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What picking one person and emotion gave.

    Attributes:
        person: A name or "unknown".
        emotion: One of `EMOTIONS`.
        seen: faces of the person that look so.
        steady: those kept.
        runs: stretches they lie in.
        folder: where their crops are.
        hint: what to try where nothing was kept.
        funnel: faces left after each step.
    """

    person: str
    emotion: str
    seen: int
    steady: int
    runs: int
    folder: Path
    hint: str
    funnel: dict[str, int]


def write_picks(
    walked: Walked, job: Job, movie: Path | None, cropping: StartCropping
) -> list[Outcome]:
    """Chooses, and replaces the crops of each wanted person and emotion.

    Args:
        walked: An open movie, with the rows to choose from.
        job: What is wanted.
        movie: Where the movie is, if not where it was walked.
        cropping: Told how many crops are to be written, then of each.

    Raises:
        MovieError: The movie is missing or cannot be read.
        OutputError: Something cannot be written.
    """
    folder, walk = walked.folder, walked.manifest
    settings = job.pick.at(walk.scan.stream.rate)
    steadied = select.steadied(walked.rows, walked.stride, settings)
    tolerance = tolerances(walk.settings, job.tolerance).name
    choices = [
        (choice, folder / choice.person / choice.emotion)
        for choice in choose(steadied, walked.tracks, job, settings, walked.size, tolerance)
    ]
    stale = _stale(folder, job, {place for _, place in choices})
    selections = list(_selections(choices, stale, steadied.iloc[:0]))
    source = _source(walk, movie, job, choices)
    _write(source, walk, selections, job.pick, cropping)
    for selection in selections:
        contact_sheets(selection, crop_stem(walk), walked.tracks)
    _compare(source, walk, job, choices)
    if job.report:
        from pipeline.report import page  # noqa: PLC0415 - it takes a second to import.

        page.write_report(walked, steadied, job, [c for c, _ in choices])
    return _told(choices, job)


def _source(
    walk: Manifest, movie: Path | None, job: Job, choices: list[tuple[Choice, Path]]
) -> Path:
    """Where the movie is; it may be gone where nothing is to be cut out of it.

    Raises:
        MovieError: It is gone, or another one.
    """
    shown = any(len(choice.kept) or (job.compare and len(choice.seen)) for choice, _ in choices)
    return manifests.movie_of(walk, movie) if shown else walk.movie


def _selections(
    choices: list[tuple[Choice, Path]], stale: Iterable[Path], nothing: pd.DataFrame
) -> Iterator[Selection]:
    """What to crop, and the folders to be emptied, where nothing is kept any more."""
    for place in stale:
        yield Selection(place.parent.name, place.name, place, nothing)
    for choice, place in choices:
        if len(choice.kept) or (place / "crops.csv").exists():
            yield Selection(choice.person, choice.emotion, place, choice.kept)


def _write(
    source: Path,
    walk: Manifest,
    selections: list[Selection],
    settings: PickSettings,
    cropping: StartCropping,
) -> None:
    """Writes crops; sheets and comparisons, which tell of an earlier pick, go before."""
    count = sum(len(selection.rows) for selection in selections)
    if count > MANY_CROPS and not settings.per_run:
        log.warning("writing %d crops; --per-run 3 keeps the best few of each run", count)
    tell = cropping(count)
    for selection in selections:
        delete_sheets(selection.folder, "sheet*.jpg")
        delete_sheets(selection.folder, COMPARE)
    write_crops(source, walk, selections, settings.margin, tell)


def _compare(source: Path, walk: Manifest, job: Job, choices: list[tuple[Choice, Path]]) -> None:
    """Writes the comparisons that are wanted; deletes those of an earlier pick."""
    for choice, place in choices:
        delete_sheets(place, COMPARE)
        if job.compare and len(choice.seen):
            write_comparison(source, walk, choice, place, job.pick.margin)


def _stale(folder: Path, job: Job, places: set[Path]) -> Iterator[Path]:
    """With everybody wanted, the folders of those whom the movie does not show any more."""
    wanted = EMOTIONS if faces.ANY in job.emotions else job.emotions
    for crops in folder.glob("*/*/crops.csv") if faces.ANY in job.people else ():
        if crops.parent not in places and crops.parent.name in wanted:
            yield crops.parent


def _told(choices: list[tuple[Choice, Path]], job: Job) -> list[Outcome]:
    """What to tell: with any emotion wanted only those seen, but of everybody asked for a line."""
    told = [
        Outcome(
            c.person, c.emotion, len(c.seen), len(c.kept), c.kept["run"].nunique(), place, c.hint,
            c.funnel,
        )
        for c, place in choices
        if len(c.seen) or faces.ANY not in job.emotions
    ]  # fmt: skip
    there = {o.person for o in told}
    for person in (p for p in dict.fromkeys(job.people) if p not in (*there, faces.ANY)):
        c, place = next((c, place) for c, place in choices if c.person == person)
        told.append(Outcome(person, faces.ANY, 0, 0, 0, place.parent, c.hint, c.funnel))
    return told
