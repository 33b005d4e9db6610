"""failed.txt: why the last walk of a movie ended, for `mine-video status`."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import MiningError, OutputError
from pipeline.files import remove, replacing
from pipeline.movie.remote import without_secrets

FAILURE_FILE = "failed.txt"


@dataclass(frozen=True, slots=True)
class Failure:
    """The movie that could not be walked, as it was given, and why."""

    movie: str
    reason: str


@contextmanager
def recorded(folder: Path, movie: Path) -> Iterator[None]:
    """Leaves a note in the movie's folder where what is done here fails, and takes it away else.

    Ctrl-C is no failure: the walk is unfinished, and goes on.

    Args:
        folder: The movie's, locked.
        movie: Its path, or its URL, which is noted without passwords and tokens.
    """
    try:
        yield
    except Exception as error:
        why = (
            str(error)
            if isinstance(error, MiningError)
            else f"a bug: {without_secrets(repr(error))}"
        )
        text = f"{str(movie).replace(chr(10), ' ')}\n{why}\n"
        with (
            suppress(OutputError),
            replacing(folder / FAILURE_FILE) as file,
        ):  # The disk may be full.
            file.write(text.encode(errors="backslashreplace"))
        raise
    remove([folder / FAILURE_FILE])


def read_failure(folder: Path) -> Failure | None:
    """The note in a movie's folder; None where there is none."""
    try:
        text = (folder / FAILURE_FILE).read_text(encoding="utf-8", errors="backslashreplace")
    except OSError:
        return None
    movie, _, reason = text.partition("\n")
    return Failure(movie, reason.strip())
