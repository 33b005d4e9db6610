"""How far each walk of an archive is."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from pipeline.disk import failure
from pipeline.disk import manifest as manifests
from pipeline.disk.manifest import Manifest
from pipeline.disk.parts import has_part
from pipeline.disk.tracks_npz import Tracks
from pipeline.disk.walked import merged_tracks
from pipeline.errors import MiningError, TableError
from pipeline.models.registry import identities
from pipeline.movie import stream
from pipeline.settings import WalkSettings

Networks = Callable[[WalkSettings], dict[str, str]]
"""Gives today's networks of some settings."""

DONE, UNFINISHED, FAILED, OLD = "done", "unfinished", "failed", "out of date"


@dataclass(frozen=True, slots=True)
class State:
    """What can be said of one walk.

    Attributes:
        folder: of the walk.
        movie: its path when it was walked; empty where nothing tells.
        state: "done", "unfinished", "failed" or "out of date".
        detail: how far, or why; empty where it is done with today's names.
    """

    folder: Path
    movie: str
    state: str
    detail: str


def states(folders: Sequence[Path], gallery: str = "") -> Iterator[State]:
    """Looks at each walk, and at its movie.

    Args:
        folders: Of the walks.
        gallery: `galleries.digest` of today's photos; "" where names do not matter.
    """
    networks: Networks = lru_cache(identities)  # Read once for all walks of the same settings.
    for folder in folders:
        failed = failure.read_failure(folder)
        try:
            walk = manifests.read(folder)
        except TableError as error:
            reason = failed.reason if failed else str(error)
            yield State(folder, failed.movie if failed else "", FAILED, reason)
            continue
        movie = os.fsencode(str(walk.movie)).decode(errors="backslashreplace")
        old = _old(walk, networks)
        parts = sum(has_part(folder, n) for n in range(len(walk.parts)))
        state = State(folder, movie, UNFINISHED, _progress(parts, len(walk.parts)))
        tracks = merged_tracks(folder, walk)
        if tracks is not None:
            detail = old or _other_names(tracks, gallery)
            state = replace(state, state=OLD if old else DONE, detail=detail)
        elif failed:
            state = replace(state, state=FAILED, detail=failed.reason)
        yield state


def _progress(done: int, of: int) -> str:
    """How far a walk is that has no table, or the table of an earlier walk or version."""
    return f"{done} of {of} parts" + ("; walk it again to join them" if done == of else "")


def _old(walk: Manifest, networks: Networks) -> str:
    """Why a walk is not that of today's movie and networks; empty where it is."""
    try:
        if stream.fingerprint(walk.movie) != walk.identity:
            return "the movie has changed; --rewalk walks it anew"
    except MiningError as error:
        return f"the movie is gone ({str(error).partition(': ')[2]})"
    try:
        now = networks(walk.settings)
    except MiningError as error:
        return str(error)
    other = [job for job, identity in walk.models.items() if identity != now.get(job)]
    return f"walked with another {', '.join(other)} network; --rewalk walks anew" if other else ""


def _other_names(tracks: Tracks, gallery: str) -> str:
    """That a walk bears the names of other photos than today's; empty where it does not."""
    if not gallery or tracks.gallery == gallery:
        return ""
    return "named by other photos or another --tolerance; mine-video name names it anew"
