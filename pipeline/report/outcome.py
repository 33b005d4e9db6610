"""Writes the results of a pick: crops, contact sheets, comparisons and the report."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline import faces
from pipeline.disk import manifest as manifests
from pipeline.disk.crop_file import crop_stem
from pipeline.disk.manifest import Manifest
from pipeline.disk.pick_json import begin_pick, finish_pick
from pipeline.disk.report_html import mark_outdated
from pipeline.disk.walked import Walked
from pipeline.faces import EMOTIONS
from pipeline.models.registry import tolerances
from pipeline.pick import select
from pipeline.pick.choose import Choice, choose
from pipeline.report.crops import Selection, write_crops
from pipeline.report.sheet import COMPARE, contact_sheets, delete_sheets, write_comparison
from pipeline.settings import Job, PickSettings, is_look

log = logging.getLogger(__name__)

MANY_CROPS = 2000
"""Above this number of crops, which is too many to look through, a warning suggests thinning."""

StartCropping = Callable[[int], Callable[[Path], None]]
"""Called with the number of crops to write; returns what to call with the path of each crop."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of picking one person and emotion.

    Attributes:
        person: A name or "unknown".
        emotion: One of `EMOTIONS`, a class of them, or "any" if the person shows none of those
            that are wanted.
        seen: Number of the person's faces with the emotion.
        steady: Number of those that were kept.
        runs: Number of runs that the kept faces belong to.
        folder: The folder of their crops.
        hint: What to try if nothing was kept, else "".
        funnel: Number of faces left after each step.
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
    """Chooses faces, and replaces the crops of each wanted person and emotion.

    Args:
        walked: An open movie, with the rows to choose from.
        job: What is wanted.
        movie: Where the movie is, if not where it was walked.
        cropping: Called once with the number of crops to write; returns what to call with the path
            of each crop after it is written.

    Raises:
        MovieError: The movie is missing or cannot be read.
        OutputError: Something cannot be written.
    """
    folder, walk = walked.folder, walked.manifest
    steadied, chosen = _chosen(walked, job)
    choices = [(choice, folder / choice.person / choice.emotion) for choice in chosen]
    stale = _stale(folder, job, {crops for _, crops in choices})
    selections = list(_selections(choices, stale, steadied.iloc[:0]))
    source = _source(walk, movie, job, choices)
    changed = [selection.folder for selection in selections]
    begin_pick(folder, job, changed)
    mark_outdated(folder)
    moments = _write(source, walk, selections, job.pick, cropping)
    for selection, found in zip(selections, moments, strict=True):
        contact_sheets(selection, found, crop_stem(walk))
    _compare(source, walk, job, choices)
    if job.report:
        log.info("report: %s", _report(walked, steadied, job, chosen, changed))
    finish_pick(folder, job, changed)
    return _outcomes(choices, job)


def write_report_of(walked: Walked, job: Job) -> Path:
    """Writes report.html and timeline.png for crops that are there already.

    Args:
        walked: An open movie, with the rows that the pick chose from.
        job: What the pick wanted.

    Returns:
        The path of report.html.

    Raises:
        OutputError: One of the files cannot be written.
    """
    steadied, chosen = _chosen(walked, job)
    return _report(walked, steadied, job, chosen)


def _chosen(walked: Walked, job: Job) -> tuple[pd.DataFrame, list[Choice]]:
    """The rows with their runs, and what a job chooses among them."""
    settings = job.pick.at(walked.manifest.scan.stream.rate)
    steadied = select.steadied(walked.rows, walked.stride, settings, job.emotions)
    tolerance = tolerances(walked.manifest.settings, job.tolerance).name
    chosen = choose(steadied, walked.tracks, job, settings, walked.size, tolerance)
    return steadied, list(chosen)


def _report(
    walked: Walked,
    steadied: pd.DataFrame,
    job: Job,
    chosen: list[Choice],
    whole: Sequence[Path] = (),
) -> Path:
    from pipeline.report import page  # noqa: PLC0415 - it takes a second to import.

    return page.write_report(walked, steadied, job, chosen, whole)


def _source(
    walk: Manifest, movie: Path | None, job: Job, choices: list[tuple[Choice, Path]]
) -> Path:
    """Finds the movie; it may be missing if nothing is to be cut out of it.

    Raises:
        MovieError: The movie is needed but missing, or it is another one.
    """
    shown = any(len(choice.kept) or (job.compare and len(choice.seen)) for choice, _ in choices)
    if not shown:
        return walk.movie
    return manifests.movie_of(walk, movie, allow_remote=job.allow_remote)


def _selections(
    choices: list[tuple[Choice, Path]], stale: Iterable[Path], nothing: pd.DataFrame
) -> Iterator[Selection]:
    """Yields what to crop; folders of earlier picks that must be emptied come without rows."""
    for folder in stale:
        yield Selection(folder.parent.name, folder.name, folder, nothing)
    for choice, folder in choices:
        if len(choice.kept) or (folder / "crops.csv").exists():
            yield Selection(choice.person, choice.emotion, folder, choice.kept)


def _write(
    source: Path,
    walk: Manifest,
    selections: list[Selection],
    settings: PickSettings,
    cropping: StartCropping,
) -> list[pd.DataFrame]:
    """Deletes the sheets and comparisons of an earlier pick, then writes the crops.

    Returns:
        The moments of each selection.
    """
    count = sum(len(selection.rows) for selection in selections)
    if count > MANY_CROPS and not settings.per_run:
        log.warning("writing %d crops; --per-run 3 keeps only the best 3 of each run", count)
    crop_done = cropping(count)
    for selection in selections:
        delete_sheets(selection.folder, "sheet*.jpg")
        delete_sheets(selection.folder, COMPARE)
    return write_crops(source, walk, selections, settings.margin, crop_done)


def _compare(source: Path, walk: Manifest, job: Job, choices: list[tuple[Choice, Path]]) -> None:
    """Deletes the comparisons of an earlier pick and writes the wanted ones."""
    for choice, folder in choices:
        delete_sheets(folder, COMPARE)
        if job.compare and len(choice.seen):
            write_comparison(source, walk, choice, folder, job.pick.margin)


def _stale(folder: Path, job: Job, chosen: set[Path]) -> Iterator[Path]:
    """Yields the folders of earlier crops, in the wanted emotions, that no choice replaces.

    They belong to people whom the movie no longer shows, for example because names changed. If only
    some people are wanted, there are none: the crops of the others stay.
    """
    emotions = EMOTIONS if faces.ANY in job.emotions else job.emotions
    people = {place.parent for place in chosen}
    for crops in folder.glob("*/*/crops.csv") if faces.ANY in job.people else ():
        place = crops.parent
        # Classes, such as fear+sad, are no emotions that a pick of any replaces.
        gone = faces.ANY in job.emotions and place.parent not in people and is_look(place.name)
        if place not in chosen and (place.name in emotions or gone):
            yield place


def _outcomes(choices: list[tuple[Choice, Path]], job: Job) -> list[Outcome]:
    """Sums up the choices.

    If any emotion is wanted, emotions that a person never shows are left out; but every person
    asked for by name gets at least one outcome.
    """
    outcomes = [
        Outcome(
            c.person, c.emotion, len(c.seen), len(c.kept), c.kept["run"].nunique(), folder, c.hint,
            c.funnel,
        )
        for c, folder in choices
        if len(c.seen) or faces.ANY not in job.emotions
    ]  # fmt: skip
    listed = {outcome.person for outcome in outcomes}
    for person in (p for p in dict.fromkeys(job.people) if p not in (*listed, faces.ANY)):
        c, folder = next((c, folder) for c, folder in choices if c.person == person)
        outcomes.append(Outcome(person, faces.ANY, 0, 0, 0, folder.parent, c.hint, c.funnel))
    return outcomes
