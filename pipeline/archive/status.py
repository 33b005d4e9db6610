"""Finds out whether each walk of an archive is finished, failed or out of date."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from pipeline.disk import failure
from pipeline.disk import manifest as manifests
from pipeline.disk.manifest import Manifest
from pipeline.disk.parts import has_part
from pipeline.disk.pick_json import unfinished_lines
from pipeline.disk.report_html import outdated_line
from pipeline.disk.tracks_npz import Tracks
from pipeline.disk.walked import merged_tracks
from pipeline.errors import MiningError, TableError
from pipeline.models.registry import as_walked, identities
from pipeline.movie import stream
from pipeline.movie.remote import connects
from pipeline.settings import WalkSettings

Networks = Callable[[WalkSettings], dict[str, str]]
"""Returns the names and hashes of the networks that a walk with these settings would use today."""

WALK_DONE, WALK_UNFINISHED, WALK_FAILED, WALK_OLD = "done", "unfinished", "failed", "out of date"


@dataclass(frozen=True, slots=True)
class State:
    """The state of one walk.

    Attributes:
        folder: Folder of the walk.
        movie: Path of the movie when it was walked; "" if it is not known.
        state: "done", "unfinished", "failed" or "out of date".
        detail: Progress or reason, and an earlier walk of the same film; "" if it is done, its
            names and its report are of now, and it is the only one.
    """

    folder: Path
    movie: str
    state: str
    detail: str


def states(folders: Sequence[Path], gallery: str = "") -> Iterator[State]:
    """Yields the state of each walk; looks at the walk, its movie and the networks.

    Args:
        folders: The folders of the walks.
        gallery: `gallery.digest` of today's photos; "" if names do not matter.
    """
    networks: Networks = lru_cache(identities)  # Read once for all walks of the same settings.
    films: dict[str, Path] = {}
    for folder in folders:
        failed = failure.read_failure(folder)
        try:
            walk = manifests.read(folder)
        except TableError as error:
            reason = failed.reason if failed else str(error)
            yield State(folder, failed.movie if failed else "", WALK_FAILED, reason)
            continue
        movie = os.fsencode(str(walk.movie)).decode(errors="backslashreplace")
        old = _old(walk, networks)
        parts = sum(has_part(folder, n) for n in range(len(walk.parts)))
        state = State(folder, movie, WALK_UNFINISHED, _progress(parts, len(walk.parts)))
        tracks = merged_tracks(folder, walk)
        if tracks is not None:
            state = _picked(replace(state, state=WALK_DONE, detail=_other_names(tracks, gallery)))
            state = replace(state, state=WALK_OLD, detail=old) if old else state
        elif failed:
            state = replace(state, state=WALK_FAILED, detail=failed.reason)
        first = films.setdefault(json.dumps(walk.identity, sort_keys=True), folder)
        yield state if first == folder else _detailed(state, f"the same film as {first}")


def _picked(state: State) -> State:
    """The state of a finished walk, with what its last pick or its report lack."""
    if stopped := unfinished_lines(state.folder):
        return replace(state, state=WALK_UNFINISHED, detail="; ".join(stopped))
    return _detailed(state, outdated_line(state.folder))


def _detailed(state: State, detail: str) -> State:
    """The state with a further detail, unless that is ""."""
    return replace(state, detail="; ".join(filter(None, (state.detail, detail))))


def _progress(done: int, total: int) -> str:
    """The progress of a walk without a valid faces.csv: its parts may be done but not joined."""
    return f"{done} of {total} parts" + ("; walk it again to join them" if done == total else "")


def _old(walk: Manifest, networks: Networks) -> str:
    """The reason why a walk is not one of today's movie and networks; "" if it is.

    Does not ask for a movie on another computer: its address is that of whoever made the walk.
    """
    try:
        if not connects(walk.movie) and stream.fingerprint(walk.movie) != walk.identity:
            return "the movie has changed; walk it again with --rewalk"
    except MiningError as error:
        return f"the movie is gone ({str(error).partition(': ')[2]})"
    try:
        now = as_walked(walk.models, networks(walk.settings))
    except MiningError as error:
        return str(error)
    other = [task for task, identity in walk.models.items() if identity != now.get(task)]
    if not other:
        return ""
    return f"walked with another {', '.join(other)} network; walk it again with --rewalk"


def _other_names(tracks: Tracks, gallery: str) -> str:
    """A note if a walk's names came from other photos than today's; "" if they did not."""
    if not gallery or tracks.gallery == gallery:
        return ""
    return "names from other photos or another --tolerance; update them with mine-video name"
