"""How far each walk of an archive is."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from pipeline import failure, table, video
from pipeline import manifest as manifests
from pipeline.errors import MiningError, TableError
from pipeline.manifest import Manifest
from pipeline.models.registry import identities
from pipeline.walk import walker

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
    for folder in folders:
        failed = failure.read(folder)
        try:
            walk = manifests.read(folder)
        except TableError as error:
            reason = failed.reason if failed else str(error)
            yield State(folder, failed.movie if failed else "", FAILED, reason)
            continue
        movie, old = os.fsencode(str(walk.movie)).decode(errors="backslashreplace"), _old(walk)
        parts = sum(table.has_part(folder, n) for n in range(len(walk.parts)))
        state = State(folder, movie, UNFINISHED, _progress(parts, len(walk.parts)))
        if walker.is_merged(folder, walk):
            detail = old or _other_names(folder, gallery)
            state = replace(state, state=OLD if old else DONE, detail=detail)
        elif failed:
            state = replace(state, state=FAILED, detail=failed.reason)
        yield state


def _progress(done: int, of: int) -> str:
    """How far a walk is that has no table, or the table of an earlier walk or version."""
    return f"{done} of {of} parts" + ("; walk it again to join them" if done == of else "")


def _old(walk: Manifest) -> str:
    """Why a walk is not that of today's movie and networks; empty where it is."""
    try:
        if video.fingerprint(walk.movie) != walk.identity:
            return "the movie has changed; --rewalk walks it anew"
    except MiningError as error:
        return f"the movie is gone ({str(error).partition(': ')[2]})"
    try:
        now = _networks(walk)
    except MiningError as error:
        return str(error)
    other = [job for job, identity in walk.models.items() if identity != now.get(job)]
    return f"walked with another {', '.join(other)} network; --rewalk walks anew" if other else ""


def _other_names(folder: Path, gallery: str) -> str:
    """That a walk bears the names of other photos than today's; empty where it does not."""
    if not gallery or table.read_tracks(folder / "tracks.npz").gallery == gallery:
        return ""
    return "named by other photos or another --tolerance; mine-video name names it anew"


_identities: Callable[..., dict[str, str]] = lru_cache(identities)


def _networks(walk: Manifest) -> dict[str, str]:
    """Today's networks of the same names; read once for all walks of the same settings."""
    return _identities(walk.settings)
