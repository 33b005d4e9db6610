"""queue.json: the movies that wait to be mined, or are, so that a server that died can tell them.

It holds what the form of page Mine holds: names that are looked up again, no paths, and no
addresses. Sorting a cast, which takes seconds, is not kept.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from pipeline import files
from pipeline.errors import OutputError
from pipeline.movie.remote import without_secrets
from pipeline.settings import Job
from pipeline.web.jobs import Work
from pipeline.web.mine import MineForm, Mining

log = logging.getLogger(__name__)

QUEUE = "queue.json"

DAMAGED = "queue.damaged.json"
"""What a damaged list is called afterwards."""

LOCK = f".{QUEUE}.lock"

MOST_QUEUE_BYTES = 1_000_000
"""The largest list that is read; a movie takes about a hundred bytes."""

_forms = TypeAdapter(list[MineForm])


class QueueFile:
    """The list of unfinished work in the output folder.

    Only one server at a time reads and writes it: what another one has waiting is not unfinished.

    Args:
        job: The folders, and the settings that no form has.
        videos: The folder of movies.
    """

    def __init__(self, job: Job, videos: Path) -> None:
        self._job, self._videos = job, videos
        self._path = job.output / QUEUE
        self._holds = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other servers from the list; if one has it already, this one keeps none."""
        output = self._path.parent
        lock, made = FileLock(output / LOCK, timeout=0), not output.exists()
        try:
            files.make_folder(output)
            files.check_lock(output / LOCK)
            lock.acquire()
            self._holds = True
            files.clear_earlier(self._path)
        except Timeout:
            self._warn("another mine-video web keeps its list of runs there")
        except OSError as error:
            self._warn(f"cannot be written ({error.strerror or error})")
        except OutputError as error:
            self._warn(str(error))
        try:
            yield
        finally:
            self._holds = False
            lock.release()
            if made and [path.name for path in output.glob("*")] == [LOCK]:
                with suppress(OSError):
                    (output / LOCK).unlink()
                    output.rmdir()

    def read(self) -> list[Mining]:
        """Reads what was unfinished; a list that is damaged is set aside."""
        if not self._holds or not self._path.is_file():
            return []
        try:
            forms = _forms.validate_json(self._text())
        except (OSError, ValueError) as error:
            self._set_aside(error)
            return []
        works = [(form, form.work(self._job, self._videos)) for form in forms]
        for form, work in works:
            if work is None:
                log.warning(
                    "%s: %s was to be mined, but the movie or a person is no longer there",
                    self._path, without_secrets(form.movie),
                )  # fmt: skip
        return [work for _, work in works if work is not None]

    def write(self, works: Sequence[Work]) -> None:
        """Writes the work; a list that cannot be written stops no work."""
        if not self._holds:
            return
        forms = [MineForm.of(work) for work in works if isinstance(work, Mining)]
        try:
            if forms:
                with files.replacing(self._path) as file:
                    file.write(_forms.dump_json(forms, indent=1, exclude_none=True))
            else:
                files.remove([self._path])
        except OutputError as error:
            log.warning("%s; until then, runs that wait are forgotten when this ends", error)

    def _text(self) -> bytes:
        with files.open_file(self._path) as file:
            text = file.read(MOST_QUEUE_BYTES + 1)
        if len(text) > MOST_QUEUE_BYTES:
            raise ValueError(f"larger than {MOST_QUEUE_BYTES:,} bytes")
        return text

    def _set_aside(self, error: Exception) -> None:
        why = f"{error.error_count()} wrong" if isinstance(error, ValidationError) else error
        log.warning(
            "%s: damaged (%s), so what was to be mined is not known; it is called %s now",
            self._path, why, DAMAGED,
        )  # fmt: skip
        try:
            self._path.replace(self._path.with_name(DAMAGED))
        except OSError as wrong:
            self._warn(f"cannot be renamed ({wrong.strerror})")
            self._holds = False

    def _warn(self, why: str) -> None:
        log.warning(
            "%s: %s; runs of this one that wait are forgotten when it ends", self._path.parent, why
        )
