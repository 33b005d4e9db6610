"""Walks a movie part by part; finished parts are kept and not made again."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shlex import quote

import numpy as np

from pipeline import files
from pipeline.disk import manifest as manifests
from pipeline.disk import parts
from pipeline.disk.manifest import Manifest
from pipeline.disk.report_html import mark_outdated
from pipeline.disk.walked import merged_tracks
from pipeline.errors import MovieError, TableError
from pipeline.models.registry import RETIRED, UNROUNDED, as_walked, identities, remarks
from pipeline.movie import stream
from pipeline.movie.scan import Scan, scan_movie
from pipeline.settings import PART_SECONDS, WalkSettings
from pipeline.walk.merge import merge
from pipeline.walk.part import WalkProgress
from pipeline.walk.processes import make_parts
from pipeline.walk.shots import LOOK_BACK
from pipeline.walk.track import longest_gap

log = logging.getLogger(__name__)

PART_RULES = "5"
"""Version of all that makes a part what it is, beside settings and networks: when there is a cut,
when the detector looks, how pixels are averaged. The parts of one walk are made by the same."""

TRIAL_SECONDS = 5.0
"""Seconds after which a walk estimates how long the rest will take."""

LONG_SECONDS = 60.0
"""Estimates below this many seconds are not worth a message."""


def plan_parts(scan: Scan, settings: WalkSettings) -> tuple[tuple[int, int], ...]:
    """Gives the parts of a walk: first frame and one past the last of each.

    A border is `LOOK_BACK` frames after the first key frame at or after each `PART_SECONDS`:
    decoding begins at the key frame, and the cut detectors have seen enough when the part begins.
    With `every` above 1, the frame before a border is always an analysed one: a cut between two
    analysed frames then is in the part of the second, which must know about it.

    Raises:
        MovieError: There is no frame between start and end.
    """
    times = scan.times
    first = int(np.searchsorted(times, settings.start))
    stop = len(times) if settings.end is None else int(np.searchsorted(times, settings.end))
    if first >= stop:
        end = "the end" if settings.end is None else f"{settings.end:g} s"
        raise MovieError(
            f"no frames between --start {settings.start:g} s and {end}; "
            f"the movie has frames from {times[0]:.3f} s to {times[-1]:.3f} s"
        )
    keys = scan.key_frames
    # Timestamps may be negative; such frames belong to the first part.
    passed = np.maximum(times[keys] // PART_SECONDS, 0)
    borders = keys[np.diff(passed, prepend=0) > 0] + LOOK_BACK
    borders += (1 - borders) % settings.every
    inside = [int(b) for b in np.unique(borders) if first < b < stop]
    return tuple(zip([first, *inside], [*inside, stop], strict=True))


def prepare_walk(
    movie: Path, folder: Path, settings: WalkSettings, *, rewalk: bool = False
) -> Manifest:
    """Gives the manifest of the walk in `folder`; plans and writes a new one if there is none.

    Raises:
        MovieError: The movie is missing or unreadable.
        TableError: The folder holds a walk with other settings or of a changed movie, or a damaged
            manifest.
        OutputError: The folder cannot be written.
    """
    identity = stream.fingerprint(movie)
    if (folder / "walk.json").exists() and not rewalk:
        old = manifests.read(folder)
        settings, scan, plan = _with_network_of(old, folder, settings), old.scan, old.parts
        today = identities(settings)
        models = as_walked(old.models, today)
        new = Manifest(movie, identity, settings, models, scan, plan, old.cuts)
        if old.fingerprint != new.fingerprint:
            raise TableError(_other_walk(folder, old, "; ".join(old.differences(new))))
        if old.cuts == PART_RULES or _is_whole(folder, old):
            # The movie or the emotion network has moved: workers and later picks read its new path.
            if (old.movie, old.settings) != (movie.absolute(), settings):
                manifests.write(folder, new)
            return new
        log.warning("%s: begun by an earlier version, by other rules; begun anew", movie)
        new = replace(new, cuts=PART_RULES, models=today)
    else:
        models, scan = identities(settings), scan_movie(movie)
        new = Manifest(
            movie, identity, settings, models, scan, plan_parts(scan, settings), PART_RULES
        )
    # The old walk is removed only now that the movie is known to be walkable. Parts without a
    # walk.json go too: they may be of another walk.
    _clear(folder)
    manifests.write(folder, new)
    return new


def _is_whole(folder: Path, walk: Manifest) -> bool:
    """Whether no part of a walk is missing, so that it serves by whatever rules it was made."""
    every = all(parts.has_part(folder, n) for n in range(len(walk.parts)))
    return every or merged_tracks(folder, walk) is not None


def _with_network_of(old: Manifest, folder: Path, settings: WalkSettings) -> WalkSettings:
    """The settings with a walk's emotion network, if the wanted one only rounds that."""
    emotion = old.settings.emotion
    if emotion != UNROUNDED.get(settings.emotion):
        return settings
    log.info("%s: was walked with --emotion-model %s, and stays so", folder, emotion)
    return replace(settings, emotion=emotion)


def _other_walk(folder: Path, old: Manifest, differences: str) -> str:
    ways = ["walk again with --rewalk", "choose another --output"]
    if merged_tracks(folder, old) is not None:
        ways.insert(0, f"use it as it is with `mine-video pick {quote(str(folder))}`")
    elif old.settings.recognizer not in RETIRED:
        options = " ".join(old.options)
        ways.insert(
            0, f"continue it with {options}" if options else "continue it without these options"
        )
    return f"{folder} holds another walk: {differences}. Either {', or '.join(ways)}"


def _clear(folder: Path) -> None:
    """Removes the files that a walk wrote, and nothing else.

    The manifest goes last: without it a later call would not know whose the other files are.
    """
    mark_outdated(folder)
    files.remove(folder / name for name in ("tracks.npz", "faces.csv"))
    files.remove(parts.all_parts(folder))
    files.remove(folder / name for name in ("walk.json", "frames.npz"))


def walk_movie(
    movie: Path,
    folder: Path,
    walk: Manifest,
    workers: int,
    progress: Callable[[int], WalkProgress],
    device: str = "cpu",
) -> None:
    """Makes the missing parts, then faces.csv and tracks.npz.

    Args:
        movie: The movie.
        folder: Its folder.
        walk: The manifest from `prepare_walk`.
        workers: The number of worker processes.
        progress: Called once with the number of frames to walk; returns the function to call with
            new frames and faces.
        device: Where networks run that can choose.

    Raises:
        MiningError: See `processes.make_parts` and `merge.merge`.
    """
    missing = [n for n in range(len(walk.parts)) if not parts.has_part(folder, n)]
    if missing:
        frames = sum(walk.parts[n][1] - walk.parts[n][0] for n in missing)
        for remark in remarks(walk.settings, device):
            log.warning("%s", remark)
        log.info("%s: walking %s frames in %s", movie, f"{frames:,}", _parts(len(missing)))
        estimate = _Estimate(movie, frames, progress(frames))
        try:
            make_parts(movie, folder, missing, workers, estimate, device)
        except KeyboardInterrupt:
            _log_kept_parts(movie, folder, walk)
            raise
    gap = longest_gap(walk.settings)
    decoded = merge(folder, len(walk.parts), movie.name, walk.fingerprint, gap)
    frames = walk.span[1] - walk.span[0]
    if decoded < frames:
        log.warning(
            "%s: %d of %d frames did not decode and have no rows: the file is damaged",
            movie, frames - decoded, frames,
        )  # fmt: skip


class _Estimate:
    """Passes progress on; after `TRIAL_SECONDS` logs once how long the rest will take."""

    def __init__(self, movie: Path, frames: int, progress: WalkProgress) -> None:
        self._movie = movie
        self._left = frames
        self._progress = progress
        self._done = 0
        self._begin = 0.0
        self._logged = False

    def __call__(self, frames: int, faces: int) -> None:
        self._progress(frames, faces)
        now = time.monotonic()
        self._begin = self._begin or now  # At the first call: before it, networks load.
        self._done += frames
        self._left -= frames
        if not self._logged and now - self._begin >= TRIAL_SECONDS:
            self._logged = True
            self._log((now - self._begin) / max(self._done, 1) * self._left)

    def _log(self, seconds: float) -> None:
        if seconds >= LONG_SECONDS:
            log.info(
                "%s: about %s left; you can stop with Ctrl-C and continue with the same command",
                self._movie.name, _rough(seconds),
            )  # fmt: skip


def _log_kept_parts(movie: Path, folder: Path, walk: Manifest) -> None:
    kept = [n for n in range(len(walk.parts)) if parts.has_part(folder, n)]
    frames = sum(walk.parts[n][1] - walk.parts[n][0] for n in kept)
    log.warning(
        "%s: kept %d of %s (%d of %d frames); the same command goes on there, without --rewalk",
        movie, len(kept), _parts(len(walk.parts)), frames, walk.span[1] - walk.span[0],
    )  # fmt: skip


def _parts(count: int) -> str:
    return "1 part" if count == 1 else f"{count} parts"


def _rough(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
