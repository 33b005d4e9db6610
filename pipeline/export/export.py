"""Runs `mine-video annotate` and `mine-video export` on one movie."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.disk import manifest as manifests
from pipeline.disk.crop_file import crop_stem
from pipeline.disk.walked import Walked
from pipeline.export.annotate import ANNOTATED, Marks, write_annotated
from pipeline.export.clips import write_export
from pipeline.export.findings import Findings
from pipeline.export.footage import footage
from pipeline.export.formats import CLIPS, FORMATS, SUPERCUT, check_installed
from pipeline.export.smpte import movie_clock
from pipeline.export.stretches import Cut, Reel, Stretch, cuts, exported_runs
from pipeline.faces import ANY
from pipeline.models.registry import tolerances
from pipeline.movie import stream
from pipeline.movie.encode import CRF
from pipeline.opened import opened
from pipeline.people.album import Album
from pipeline.pick import select
from pipeline.pick.choose import Choice, choose
from pipeline.settings import Job
from pipeline.walk.part import StartProgress
from pipeline.wanted import wanted_rows

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What is exported, and how.

    Attributes:
        kinds: Some of `export.formats.FORMATS`.
        padding: Seconds added before and after each run, 0 or more.
        quality: x264's constant rate factor, 0 (lossless) to 51.
    """

    kinds: tuple[str, ...]
    padding: float = 0.0
    quality: int = CRF

    def __post_init__(self) -> None:
        if not self.padding >= 0 or not 0 <= self.quality <= 51:
            raise ValueError(f"padding must be 0 or more, and quality from 0 to 51: {self}")


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of exporting one person and emotion, or all of them into files of the movie.

    Attributes:
        person: A name or "unknown"; for files of the movie those that were asked for, or "any".
        emotion: One of `EMOTIONS`, or a class of them; likewise.
        runs: Number of steady runs that were exported.
        cuts: Number of stretches that they make up.
        seconds: Length of all stretches together.
        files: The files that were written.
        hint: What to try if no moment was kept, else "".
    """

    person: str
    emotion: str
    runs: int
    cuts: int
    seconds: float
    files: tuple[Path, ...]
    hint: str


def annotate(
    folder: Path,
    job: Job,
    progress: StartProgress,
    movie: Path | None = None,
    album: Album | None = None,
    *,
    quality: int = CRF,
) -> Path:
    """Writes annotated.mp4 into a movie's folder: every face with its name, emotion and bars.

    Faces get the names that today's photos give them.

    Args:
        folder: The movie's folder.
        job: Its pick settings decide what is highlighted as steady.
        progress: Called once with the number of frames to write; returns what to call as frames
            are written.
        movie: Where the movie is, if not where it was walked.
        album: The known faces, if several movies share them.
        quality: x264's constant rate factor.

    Raises:
        MiningError: A file is missing, damaged or cannot be written, or a name is wrong.
    """
    with opened(folder, job, album) as walked:
        walk = walked.manifest
        film = footage(manifests.movie_of(walk, movie, allow_remote=job.allow_remote), walk.scan)
        rows, kept = _kept(walked, job, film.movie)
        marks = Marks(rows, [choice.kept for choice in kept], walked.stride)
    # The folder is free again: encoding may take hours.
    path, frame_done = folder / ANNOTATED, progress(walk.span[1] - walk.span[0])
    write_annotated(film, walk.span, marks, path, frame_done, quality=quality)
    return path


def export(
    folder: Path,
    job: Job,
    settings: ExportSettings,
    progress: StartProgress,
    movie: Path | None = None,
    album: Album | None = None,
) -> list[Exported]:
    """Exports the steady runs of the wanted people and emotions.

    If one face of a run passes every filter, the whole run is exported, but faces that were
    rejected in the review split it. Faces get the names that today's photos give them. Formats that
    hold the whole movie go into its folder, the others into <person>/<emotion>/.

    Args:
        folder: The movie's folder.
        job: The wanted people and emotions, and the filters; --per-run is ignored.
        settings: What to write.
        progress: Called once with the number of frames to write; returns what to call as frames
            are written.
        movie: Where the movie is, if not where it was walked.
        album: The known faces, if several movies share them.

    Raises:
        MiningError: A file is missing, damaged or cannot be written, a name is wrong, or a package
            is not installed.
    """
    check_installed(settings.kinds)
    with opened(folder, job, album) as walked:
        found, choices = _findings(walked, job, settings, movie)
    # The folder is free again: encoding may take hours.
    frame_done = progress(_frames(found, settings.kinds))
    apart, whole = _sorted(settings.kinds)
    outcomes = []
    for choice in choices if apart else ():
        own = found.only(choice.person, choice.emotion)
        place = folder / choice.person / choice.emotion
        files = write_export(own, place, apart, frame_done, quality=settings.quality)
        outcomes.append(_exported(own, choice.person, choice.emotion, files, choice.hint))
    if whole:
        files = write_export(found, folder, whole, frame_done, quality=settings.quality)
        hint = "" if found.cuts else next((choice.hint for choice in choices), "")
        asked = _asked(job.people), _asked(job.emotions)
        outcomes.append(_exported(found, *asked, files, hint))
    return outcomes


def _asked(names: Sequence[str]) -> str:
    """What was asked for, in one word."""
    return ANY if ANY in names else ",".join(names)


def _sorted(kinds: Sequence[str]) -> tuple[list[str], list[str]]:
    """The formats with a file for each person and emotion, and those with one for the movie."""
    whole = [kind for kind in kinds if FORMATS[kind].whole]
    return [kind for kind in kinds if kind not in whole], whole


def _kept(walked: Walked, job: Job, movie: Path) -> tuple[pd.DataFrame, list[Choice]]:
    """The rows of `select.steadied`, and what a pick without thinning would keep of them."""
    rows = wanted_rows(walked, job, movie)
    settings = job.pick.whole.at(walked.manifest.scan.stream.rate)
    steadied = select.steadied(rows, walked.stride, settings, job.emotions)
    tolerance = tolerances(walked.manifest.settings, job.tolerance).name
    return steadied, list(choose(steadied, walked.tracks, job, settings, walked.size, tolerance))


def _findings(
    walked: Walked, job: Job, settings: ExportSettings, movie: Path | None
) -> tuple[Findings, list[Choice]]:
    """What is to be exported, and the choices that it comes from."""
    walk = walked.manifest
    film = footage(manifests.movie_of(walk, movie, allow_remote=job.allow_remote), walk.scan)
    rows, choices = _kept(walked, job, film.movie)
    stem, reels, starts = crop_stem(walk), [], walked.tracks.starts
    runs: list[Stretch] = []
    for choice in choices:
        own = exported_runs(choice, len(walk.scan), walked.stride)
        padded = cuts(own, film.edges, settings.padding)
        reels.append(Reel(walked.name, stem, choice.person, choice.emotion, padded))
        runs += own
    found = Findings(
        film=film,
        clock=movie_clock(film, stream.timecode(film.movie)),
        stem=stem,
        folder=walked.folder,
        reels=tuple(reel for reel in reels if reel.cuts),
        stretches=tuple(sorted(runs, key=lambda run: (run.first, run.stop))),
        faces=rows,
        shots=np.append(starts, walk.span[1]) if len(starts) else starts,
        stride=walked.stride,
    )
    return found, choices


def _frames(found: Findings, kinds: Sequence[str]) -> int:
    """Number of frames to write; only films need any."""
    films = sum(kind in (CLIPS, SUPERCUT) for kind in kinds)
    return films * sum(cut.stop - cut.first for _, cut in found.cuts)


def _exported(
    found: Findings, person: str, emotion: str, files: Sequence[Path], hint: str
) -> Exported:
    edges = found.film.edges
    every: list[Cut] = [cut for _, cut in found.cuts]
    return Exported(
        person=person,
        emotion=emotion,
        runs=sum(cut.runs for cut in every),
        cuts=len(every),
        seconds=sum(float(edges[cut.stop] - edges[cut.first]) for cut in every),
        files=tuple(files),
        hint=hint,
    )
