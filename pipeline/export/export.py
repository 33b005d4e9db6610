"""Runs `mine-video annotate` and `mine-video export` on one movie."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from pipeline.disk import manifest as manifests
from pipeline.disk.crop_file import crop_stem
from pipeline.disk.manifest import Manifest
from pipeline.disk.walked import Walked
from pipeline.export.annotate import ANNOTATED, Marks, write_annotated
from pipeline.export.clips import CLIPS, SUPERCUT, export_reel
from pipeline.export.footage import Footage, footage
from pipeline.export.stretches import Cut, Reel, cuts
from pipeline.models.registry import tolerances
from pipeline.movie.encode import CRF
from pipeline.opened import opened
from pipeline.people.album import Album
from pipeline.pick import select
from pipeline.pick.choose import Choice, choose
from pipeline.settings import Job
from pipeline.walk.part import StartProgress, WalkProgress
from pipeline.wanted import wanted_rows

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What is exported, and how.

    Attributes:
        kinds: Some of `export.clips.EXPORT_KINDS`.
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
    """The result of exporting one person and emotion.

    Attributes:
        person: A name or "unknown".
        emotion: One of `EMOTIONS`.
        runs: Number of steady runs that were exported.
        cuts: Number of stretches that they make up.
        seconds: Length of all stretches together.
        files: The files that were written.
        hint: What to try if nothing was kept, else "".
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
    """Exports the steady runs of each wanted person and emotion into <person>/<emotion>/.

    If one face of a run passes every filter, the whole run is exported, but faces that were
    rejected in the review split it. Faces get the names that today's photos give them.

    Args:
        folder: The movie's folder.
        job: The wanted people and emotions, and the filters; --per-run is ignored.
        settings: What to write.
        progress: Called once with the number of frames to write; returns what to call as frames
            are written.
        movie: Where the movie is, if not where it was walked.
        album: The known faces, if several movies share them.

    Raises:
        MiningError: A file is missing, damaged or cannot be written, or a name is wrong.
    """
    with opened(folder, job, album) as walked:
        walk = walked.manifest
        film = footage(manifests.movie_of(walk, movie, allow_remote=job.allow_remote), walk.scan)
        reels = [
            (choice, _reel(choice, walk, film, settings))
            for choice in _kept(walked, job, film.movie)[1]
        ]
    # The folder is free again: encoding may take hours.
    frame_done = progress(_frames([reel for _, reel in reels], settings.kinds))
    return [_exported(choice, reel, film, folder, settings, frame_done) for choice, reel in reels]


def _kept(walked: Walked, job: Job, movie: Path) -> tuple[pd.DataFrame, list[Choice]]:
    """The rows of `select.steadied`, and what a pick without thinning would keep of them."""
    rows = wanted_rows(walked, job, movie)
    settings = replace(job.pick, per_run=0).at(walked.manifest.scan.stream.rate)
    steadied = select.steadied(rows, walked.stride, settings)
    tolerance = tolerances(walked.manifest.settings, job.tolerance).name
    return steadied, list(choose(steadied, walked.tracks, job, settings, walked.size, tolerance))


def _reel(choice: Choice, walk: Manifest, film: Footage, settings: ExportSettings) -> Reel:
    runs: tuple[Cut, ...] = cuts(choice, film.edges, walk.settings.every, settings.padding)
    return Reel(walk.movie.name, crop_stem(walk), choice.person, choice.emotion, runs)


def _frames(reels: Sequence[Reel], kinds: Sequence[str]) -> int:
    """Number of frames to write; timelines need none."""
    films = sum(kind in (CLIPS, SUPERCUT) for kind in kinds)
    return films * sum(stop - first for reel in reels for first, stop in reel.spans)


def _exported(
    choice: Choice,
    reel: Reel,
    film: Footage,
    folder: Path,
    settings: ExportSettings,
    progress: WalkProgress,
) -> Exported:
    target = folder / reel.person / reel.emotion
    files = export_reel(film, reel, target, settings.kinds, progress, quality=settings.quality)
    return Exported(
        person=reel.person,
        emotion=reel.emotion,
        runs=sum(cut.runs for cut in reel.cuts),
        cuts=len(reel.cuts),
        seconds=sum(float(film.edges[c.stop] - film.edges[c.first]) for c in reel.cuts),
        files=tuple(files),
        hint=choice.hint,
    )
