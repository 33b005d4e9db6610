"""A program that walks the movies of a folder on a cluster, with networks that may fail.

python -m tests.spread.driver ADDRESS FAULTS MOVIES OUTPUT
"""

import sys
from pathlib import Path

import pytest

from pipeline.settings import Job
from pipeline.spread import walk
from tests.support import faulty, puppet


class _Silent:
    def expect(self, frames: int) -> None:
        """Says nothing."""

    def __call__(self, frames: int, faces: int) -> None:
        """Says nothing."""


def main() -> None:
    """Walks."""
    address, faults, movies, output = sys.argv[1], *map(Path, sys.argv[2:])
    with pytest.MonkeyPatch.context() as patch:
        faulty.plug_in(patch, faults)
        known = movies / "known"
        job = Job(walk=puppet.SETTINGS, output=output, known_faces=known, workers=sys.maxsize)
        list(walk.walk_on_cluster(sorted(movies.glob("*.mkv")), job, address, _Silent()))


if __name__ == "__main__":
    main()
