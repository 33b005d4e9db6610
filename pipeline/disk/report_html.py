"""report.html: whether it still tells what is in its folder; the page itself shows it."""

import re
from contextlib import suppress
from pathlib import Path

from pipeline.disk.pick_json import line_to_type, read_picks
from pipeline.files import content, open_file, replacing
from pipeline.settings import KNOWN_FACES

REPORT = "report.html"

MADE_NOW, MADE_BEFORE = "now", "before"
"""Whether the page was made after the last change in its folder, in the attribute `data-made`."""

_BEGIN = re.compile(rb'<html lang="en"(?: data-made="(\w+)")?>')

_HEAD = 512
"""Bytes from the beginning, within which the element `html` begins."""


def is_outdated(folder: Path) -> bool:
    """Whether a movie's folder has a report that was made before names, decisions or crops changed.

    Reports of earlier versions, which do not say it, count as new until something changes.
    """
    with suppress(OSError), open_file(folder / REPORT) as file:
        begin = _BEGIN.search(file.read(_HEAD))
        return begin is not None and begin[1] == MADE_BEFORE.encode()
    return False


def outdated_line(folder: Path) -> str:
    """Says that a movie's report is out of date, and what writes it anew; "" if it is not."""
    if not is_outdated(folder):
        return ""
    picks = read_picks(folder)
    line = report_line(folder, picks.last.known_faces if picks else KNOWN_FACES)
    return f"{REPORT} is out of date; write it anew: {line}"


def report_line(folder: Path, known_faces: Path | str = KNOWN_FACES) -> str:
    """What to type to write a movie's report anew.

    Args:
        folder: The movie's folder.
        known_faces: The folder of photos.
    """
    return line_to_type("report", folder, known_faces=known_faces)


def mark_outdated(folder: Path) -> None:
    """Notes in a movie's report, if there is one, that what it was made from is about to change.

    Called before the change: whenever the program is killed, no old report looks new.

    Raises:
        OutputError: The report cannot be written.
    """
    path = folder / REPORT
    if is_outdated(folder) or path.is_symlink():
        return
    with suppress(OSError):
        page = content(path)
        begin = _BEGIN.search(page, 0, _HEAD)
        if begin is not None:
            mark = f'<html lang="en" data-made="{MADE_BEFORE}">'.encode()
            with replacing(path) as file:
                file.write(page[: begin.start()] + mark + page[begin.end() :])
