"""The names that a shell may complete: those of the photos, and those of walked movies."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import numpy as np

from pipeline.disk.find import find_walks
from pipeline.disk.npz import read_arrays
from pipeline.disk.tracks_npz import TRACKS
from pipeline.disk.walked import TRACKS_FILE
from pipeline.errors import MiningError
from pipeline.faces import ANY, UNKNOWN
from pipeline.people.gallery import photos
from pipeline.settings import KNOWN_FACES, OUTPUT

MOST_WALKS = 50
"""A shell waits for the names: those of more movies are left out."""


def known_names(ctx: click.Context) -> list[str]:
    """The names of everybody known, sorted, then any and unknown.

    Args:
        ctx: The command line so far; its movies' folders are asked, or those of --output.
    """
    found: set[str] = set()
    with suppress(MiningError):
        found |= set(photos(Path(ctx.params.get("known_faces") or KNOWN_FACES)))
    output = Path(ctx.params.get("output") or OUTPUT)
    with suppress(MiningError):
        # Click has not told arguments from options yet: the last option has no value.
        walks = find_walks([*map(Path, ctx.args)] or [output], output)
        for folder in walks[:MOST_WALKS]:
            found |= set(_named(folder))
    return [*sorted(found), ANY, UNKNOWN]


def _named(folder: Path) -> Iterator[str]:
    """Whom the tracks of a walked movie show."""
    schema = {name: TRACKS[name] for name in ("people", "person")}
    with suppress(MiningError):
        arrays = read_arrays(folder / TRACKS_FILE, schema)
        people, person = arrays["people"], np.unique(arrays["person"])
        yield from (str(people[i]) for i in person if 0 <= i < len(people))
