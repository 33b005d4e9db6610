"""failed.txt: why the last walk of a movie failed, for `mine-video status`."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import MiningError, MovieError, OutputError
from pipeline.files import content, remove, replacing
from pipeline.movie.remote import without_secrets

FAILURE_FILE = "failed.txt"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a movie could not be walked.

    Attributes:
        movie: the movie as the user gave it.
        reason: the error message.
    """

    movie: str
    reason: str


@contextmanager
def recorded(folder: Path, movie: Path) -> Iterator[None]:
    """Writes failed.txt into the movie's folder if the block fails, or else removes it.

    Ctrl-C is no failure, since the next run continues the walk. Nor is a file that is no movie, as
    after a slip of the pen: nothing was walked that commands for walked movies would have to name.

    Args:
        folder: The movie's folder, locked.
        movie: The movie's path or URL; a URL is noted without passwords and tokens.
    """
    try:
        yield
    except MovieError as error:
        if (folder / "walk.json").exists():
            _note(folder, movie, error)
        else:
            remove([folder / FAILURE_FILE])
        raise
    except Exception as error:
        _note(folder, movie, error)
        raise
    remove([folder / FAILURE_FILE])


def _note(folder: Path, movie: Path, error: Exception) -> None:
    bug = f"a bug: {without_secrets(repr(error))}"
    reason = str(error) if isinstance(error, MiningError) else bug
    text = f"{str(movie).replace(chr(10), ' ')}\n{reason}\n"
    with suppress(OutputError), replacing(folder / FAILURE_FILE) as file:  # The disk may be full.
        file.write(text.encode(errors="backslashreplace"))


def read_failure(folder: Path) -> Failure | None:
    """Reads failed.txt in a movie's folder; None if there is none."""
    try:
        text = content(folder / FAILURE_FILE).decode(errors="backslashreplace")
    except OSError:
        return None
    movie, _, reason = text.partition("\n")
    return Failure(movie, reason.strip())
