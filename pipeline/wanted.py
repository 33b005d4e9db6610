"""What a pick starts from: the rows of the wanted people, with review decisions and subtitles."""

import logging
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING
from unicodedata import normalize

import pandas as pd

from pipeline.disk import manifest as manifests
from pipeline.disk.walked import FACES, Walked, unreachable
from pipeline.errors import PeopleError
from pipeline.people import gallery as galleries
from pipeline.people.names import check_name
from pipeline.pick import learn, select, speech
from pipeline.review import match
from pipeline.review.labels import read_labels
from pipeline.settings import OWN_SUBTITLES, Job, classes

if TYPE_CHECKING:
    from pipeline.movie.subtitles import Lines

log = logging.getLogger(__name__)


def wanted_rows(
    walked: Walked, job: Job, movie: Path | None, lines: "Lines | None" = None
) -> pd.DataFrame:
    """The rows to pick from, with the decisions of the review and, if wanted, the subtitles.

    Args:
        walked: An open movie.
        job: The wanted people and emotions, and the subtitles.
        movie: Where the movie is now, if it was moved after the walk.
        lines: The subtitles, if they were read before.

    Raises:
        TableError: faces.csv or labels.csv is damaged.
        PeopleError: A wanted person does not exist or has no usable photo, or a name in faces.csv
            is not allowed.
        SubtitleError: The subtitles cannot be read.
        MovieError: The movie's own subtitles are wanted, but the movie is missing or has none.
    """
    # A name in an edited faces.csv must not send crops to another folder.
    people = _people_of(walked)
    for person in people:
        check_name(person, walked.folder / FACES)
    without_photo = unreachable(walked.tracks)
    unseen = without_photo | _unread(job, people)
    check_photos(job.named, unseen, f" (`mine-video name {quote(str(walked.folder))}` says why)")
    select.check_people(job.named, people - without_photo, str(walked.folder))
    labels = current_labels(walked, job)
    rows = match.applied(walked.rows, labels, classes(job.emotions, job.pick.from_))
    if job.learn:
        rows = _learnt(rows, labels, walked)
    if job.subtitles:
        if lines is None:
            lines = read_lines(job, _film(walked, job, movie))
        rows = rows if lines is None else _with_speech(rows, lines, walked, job)
    return rows


def _unread(job: Job, known: set[str]) -> set[str]:
    """Those of the wanted people whose only photos are of a kind that nobody can read."""
    absent = set(job.named) - known
    there = job.known_faces.iterdir() if absent and job.known_faces.is_dir() else ()
    return absent & {normalize("NFC", path.stem) for path in there if path.is_file()}


def _film(walked: Walked, job: Job, movie: Path | None) -> Path | None:
    """The movie if its own subtitles are wanted."""
    if job.subtitles != OWN_SUBTITLES:
        return None
    return manifests.movie_of(walked.manifest, movie, allow_remote=job.allow_remote)


def _with_speech(rows: pd.DataFrame, lines: "Lines", walked: Walked, job: Job) -> pd.DataFrame:
    scan = walked.manifest.scan
    if job.subtitles == OWN_SUBTITLES:
        lines = lines.counted_from(float(scan.stream.begin))
    edges, stride = speech.borders(scan.times), walked.stride
    rows = speech.with_speech(rows, lines, edges, stride)
    if job.pick.after is None:
        return rows
    lines = speech.lines_with(lines, job.pick.after)
    if not len(lines):
        log.warning("%s: no subtitle has the words %r of --after", walked.folder, job.pick.after)
    return speech.with_reactions(rows, lines, job.pick.within, edges, stride)


def _learnt(rows: pd.DataFrame, labels: pd.DataFrame, walked: Walked) -> pd.DataFrame:
    """Corrects the rows' probabilities by the review, and says what that is worth."""
    rows, lessons = learn.learnt(rows, match.taught(rows, labels))
    for lesson in lessons:
        log.info("%s: --learn: %s", walked.folder, lesson)
    return rows


def current_labels(walked: Walked, job: Job) -> pd.DataFrame:
    """The labels of the review, with the names of today's gallery."""
    others = galleries.others(job.known_faces)
    owners = {path.name: person for person, paths in others.items() for path in paths}
    labels = read_labels(walked.folder)
    return match.followed(labels, walked.rows, _people_of(walked), owners)


def read_lines(job: Job, film: Path | None) -> "Lines | None":
    """The subtitles from the given file or the movie itself; None if none are wanted."""
    if not job.subtitles:
        return None
    from pipeline.movie import subtitles  # noqa: PLC0415 - rarely used and slow to import.

    if job.subtitles == OWN_SUBTITLES and film is not None:
        return subtitles.movie_subtitles(film, offset=job.subtitle_offset)
    encoding = job.subtitle_encoding or None
    return subtitles.read_subtitles(
        Path(job.subtitles), offset=job.subtitle_offset, encoding=encoding
    )


def check_photos(wanted: tuple[str, ...], without: set[str], why: str = "") -> None:
    """Fails if a wanted person has no usable photo.

    Args:
        wanted: The wanted people.
        without: The people without a usable photo.
        why: Where the reason is told, for the message.

    Raises:
        PeopleError: A wanted person is among them.
    """
    for person in wanted:
        if person in without:
            raise PeopleError(
                f"no usable photo of {person}{why}; add one that shows only {person}, facing the "
                "camera, with a face at least 80 px wide"
            )


def _people_of(walked: Walked) -> set[str]:
    """The names of all known people, seen in the movie or not."""
    return {str(p) for p in walked.tracks.people} | set(walked.rows["person"]) - {""}
