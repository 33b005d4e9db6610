"""`mine-video walk` and `mine-video pick`, each measured from start to end."""

import json
import sys
from pathlib import Path

from measure import Spent, measure
from movies import length

ROOT = Path(__file__).parents[1]
MINE_VIDEO = (sys.executable, "-c", "from pipeline.cli import run; run()")


def walk(movie: Path, output: Path, *options: object, by: tuple[object, ...] = MINE_VIDEO) -> Spent:
    """Walks a movie into a folder with --rewalk, and measures that.

    Args:
        movie: The movie.
        output: The folder.
        options: More options of the command line.
        by: The program that takes the command line.

    Raises:
        FailedError: The walk ended with an error.
    """
    known = ("--known-faces", ROOT / "known_faces")
    call = (*by, "walk", movie, "--output", output, "--rewalk", "-q", *known, *options)
    return measure(call, length(movie))


def pick(folder: Path, *options: object) -> Spent:
    """Picks from the folder of a walked movie, and measures that.

    Raises:
        FailedError: The pick ended with an error.
    """
    frames = json.loads((folder / "walk.json").read_text(encoding="utf-8"))["frames"]
    known = ("--known-faces", ROOT / "known_faces", "--output", folder.parent)
    return measure((*MINE_VIDEO, "pick", folder, "-q", *known, *options), frames)


def rows_of(folder: Path) -> int:
    """Counts the rows of faces that the walk in a folder found."""
    with (folder / "faces.csv").open() as lines:
        return sum(1 for _ in lines) - 1
