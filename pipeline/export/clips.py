"""Writes clips, a supercut and timelines of picked runs, and export.csv with their exact cuts."""

import csv
import io
import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline import files
from pipeline.errors import OutputError
from pipeline.export.footage import Footage, Spans
from pipeline.export.stretches import Cut, Reel
from pipeline.export.timelines import ADAPTERS, interchange, largest_error
from pipeline.faces import Image, file_clock
from pipeline.files import replacing
from pipeline.movie import stream
from pipeline.movie.encode import CRF, write_mp4
from pipeline.movie.frame import Frame
from pipeline.walk.part import WalkProgress

log = logging.getLogger(__name__)

CLIPS, SUPERCUT = "clips", "supercut"
EXPORT_KINDS = (CLIPS, SUPERCUT, *ADAPTERS)

EXPORT_LIST = "export.csv"
EXPORT_COLUMNS = (
    "file", "kind", "cut", "video", "person", "emotion", "first", "last", "begin", "end", "at",
    "runs",
)  # fmt: skip
EXPORTED_NAME = re.compile(r"(clips/)?[^/\\]+\.(mp4|edl|otio|xml)")
"""What is listed of an earlier export and looks so is deleted, nothing else ever."""

LONGEST_EXPORT_NAME = 230
"""Bytes of a file's name; file systems take 255, and a temporary one is longer."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A file of an export, the cuts that are in it, and where.

    Attributes:
        file: name in the reel's folder.
        kind: of `EXPORT_KINDS`.
        cuts: in order.
    """

    file: str
    kind: str
    cuts: tuple[Cut, ...]


def export_reel(
    film: Footage,
    reel: Reel,
    folder: Path,
    kinds: Sequence[str],
    progress: WalkProgress,
    *,
    quality: int = CRF,
) -> list[Path]:
    """Replaces an earlier export of these kinds into `folder`; other files stay.

    Args:
        film: The movie.
        reel: What to export; without cuts, what was exported before goes.
        folder: Of the person and emotion.
        kinds: Of `EXPORT_KINDS`.
        progress: Told of the frames that are written.
        quality: x264's constant rate factor.

    Returns:
        The files that were written.

    Raises:
        MovieError: The movie cannot be read.
        OutputError: A file cannot be written, or one that is not ours is in the way.
    """
    wanted = list(pieces(film, reel, kinds))
    before = _listed(folder)
    names = {piece.file for piece in wanted}
    for name in sorted(names - before.keys()):
        if (folder / name).exists():
            raise OutputError(f"{folder / name}: is no file of an earlier export; move it away")
    files.remove(folder / f for f, (k, _) in before.items() if k in kinds and f not in names)
    kept = [row for kind, rows in before.values() if kind not in kinds for row in rows]
    if wanted or folder.exists():
        _write_list(folder, [*kept, *(row for piece in wanted for row in _rows(film, reel, piece))])
    return [folder / p.file for p in wanted if _write(film, reel, p, folder, quality, progress)]


def pieces(film: Footage, reel: Reel, kinds: Sequence[str]) -> Iterator[Piece]:
    """The files that an export consists of."""
    base = f"{reel.person}_{reel.emotion}"
    for kind in kinds if reel.cuts else ():
        if kind == CLIPS:
            for cut in reel.cuts:
                span = f"{file_clock(film.edges[cut.first])}_{file_clock(film.edges[cut.stop])}"
                yield Piece(f"clips/{_named(reel.stem, f'{base}_{span}.mp4')}", kind, (cut,))
        else:
            ending = "mp4" if kind == SUPERCUT else kind
            yield Piece(_named(reel.stem, f"{base}.{ending}"), kind, reel.cuts)


def _named(stem: str, rest: str) -> str:
    room = LONGEST_EXPORT_NAME - len(os.fsencode(rest))
    return f"{os.fsencode(stem)[:room].decode(errors='ignore')}_{rest}"


def _write(
    film: Footage, reel: Reel, piece: Piece, folder: Path, quality: int, progress: WalkProgress
) -> bool:
    """Writes a file; False where nothing of it decodes."""
    path = folder / piece.file
    if piece.kind in ADAPTERS:
        with replacing(path) as file:
            file.write(interchange(film, reel, stream.timecode(film.movie), piece.kind))
        if error := largest_error(film, reel):
            log.warning(
                "%s: its frame rate varies, or no timecode has it; cuts are up to %.1f ms off",
                path, error * 1000,
            )  # fmt: skip
        return True
    return write_spans(film, [(c.first, c.stop) for c in piece.cuts], path, quality, progress)


def write_spans(
    film: Footage, spans: Spans, path: Path, quality: int, progress: WalkProgress
) -> bool:
    """Writes stretches of a movie as one film, pictures and sound joined without a gap.

    Returns:
        Whether anything was written: False where not one frame decodes.

    Raises:
        MovieError: The movie cannot be read.
        OutputError: It cannot be written.
    """

    def draw(frame: Frame) -> Image:
        progress(1, 0)
        return frame.image

    pictures = film.pictures(spans, draw)
    written = write_mp4(path, pictures, film.base, film.sound(spans), quality=quality)
    if not written:
        log.warning("%s: not one frame of it decodes; left out", path)
    return written


def _rows(film: Footage, reel: Reel, piece: Piece) -> Iterator[list[str]]:
    """The lines of a file in the list: frames, first and last, and seconds in both films."""
    begin = 0.0
    for number, cut in enumerate(piece.cuts, 1):
        low, high = film.edges[cut.first], film.edges[cut.stop]
        yield [
            piece.file, piece.kind, str(number), reel.video, reel.person, reel.emotion,
            str(cut.first), str(cut.stop - 1), f"{low:.6f}", f"{high:.6f}", f"{begin:.6f}",
            str(cut.runs),
        ]  # fmt: skip
        begin += float(film.ticks[cut.stop] - film.ticks[cut.first]) * float(film.base)


def _listed(folder: Path) -> dict[str, tuple[str, list[list[str]]]]:
    """The files of an earlier export that may be replaced: kind and lines of each, by name."""
    found: dict[str, tuple[str, list[list[str]]]] = {}
    with suppress(FileNotFoundError, NotADirectoryError, UnicodeDecodeError, csv.Error):
        text = (folder / EXPORT_LIST).read_text(encoding="utf-8")
        for row in csv.reader(io.StringIO(text)):
            if (
                len(row) == len(EXPORT_COLUMNS)
                and EXPORTED_NAME.fullmatch(row[0])
                and row[1] in EXPORT_KINDS
            ):
                found.setdefault(row[0], (row[1], []))[1].append(row)
    return found


def _write_list(folder: Path, rows: list[list[str]]) -> None:
    """Replaces the list; written before the files, so that none lies there unlisted."""
    if not rows:
        files.remove([folder / EXPORT_LIST])
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([EXPORT_COLUMNS, *rows])
    with replacing(folder / EXPORT_LIST) as file:
        file.write(text.getvalue().encode(errors="backslashreplace"))
