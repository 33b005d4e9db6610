"""Writes the files of an export: encodes the films, and lists every file in export.csv."""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path

import numpy as np

from pipeline import files
from pipeline.disk.text_table import csv_text, read_list
from pipeline.errors import OutputError
from pipeline.export.findings import Findings
from pipeline.export.footage import Footage, Spans
from pipeline.export.formats import CLIPS, FORMATS, SUPERCUT
from pipeline.export.smpte import largest_error
from pipeline.export.stretches import Cut, Reel
from pipeline.faces import Image, Ints, file_clock
from pipeline.files import replacing
from pipeline.movie.encode import CRF, write_mp4
from pipeline.movie.frame import Frame
from pipeline.walk.part import WalkProgress

log = logging.getLogger(__name__)

EXPORT_LIST = "export.csv"
EXPORT_COLUMNS = (
    "file", "kind", "cut", "video", "person", "emotion", "first", "last", "begin", "end", "at",
    "runs", "sha256",
)  # fmt: skip
WITHOUT_HASH = len(EXPORT_COLUMNS) - 1
"""Columns of lists that earlier versions wrote."""

LONGEST_EXPORT_NAME = 230
"""Bytes of a file's name at most: file systems take 255, and temporary names are longer."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A file of an export.

    Attributes:
        file: Its path in the folder.
        kind: One of `FORMATS`.
        cuts: The cuts in it, in order, and whose they are.
    """

    file: str
    kind: str
    cuts: Sequence[tuple[Reel, Cut]]


def write_export(
    found: Findings,
    folder: Path,
    kinds: Sequence[str],
    progress: WalkProgress,
    *,
    quality: int = CRF,
) -> list[Path]:
    """Exports into `folder` and deletes an earlier export of these kinds; other files stay.

    Tells which files are deleted, and which held other people or looks. What somebody has changed
    since, as ELAN does, is kept under another name.

    Args:
        found: What to export; if it has no cuts, only the earlier export is deleted.
        folder: The folder of a person and emotion, or of the movie.
        kinds: The formats to write: all for a person and emotion, or all for the whole movie.
        progress: Called with the number of frames written since the last call.
        quality: x264's constant rate factor.

    Returns:
        The files that were written.

    Raises:
        MovieError: The movie cannot be read.
        OutputError: A file cannot be written, or would overwrite one that no export wrote.
        TableError: export.csv cannot be read.
    """
    wanted = list(pieces(found, kinds))
    before = _listed(folder)
    names = {piece.file for piece in wanted}
    for name in sorted(names - before.keys()):
        if (folder / name).exists():
            raise OutputError(
                f"{folder / name}: not written by an earlier export, so it is not overwritten; "
                "move or rename it"
            )
    _keep_changed(
        folder, {file: rows[0][-1] for file, (kind, rows) in before.items() if kind in kinds}
    )
    gone = [file for file, (kind, _) in before.items() if kind in kinds and file not in names]
    _tell_gone(folder, gone)
    _tell_replaced(folder, wanted, before)
    files.remove(folder / file for file in gone)
    kept = [row for kind, rows in before.values() if kind not in kinds for row in rows]
    if not (wanted or folder.exists()):
        return []

    def note(hashes: Mapping[str, str | None]) -> None:
        rows = [row for p in wanted for row in _rows(found, p, hashes.get(p.file) or "")]
        _write_list(folder, [*kept, *rows])

    note({})  # Before the files: what is not listed would never be replaced.
    written = {p.file: _write(found, p, folder, quality, progress) for p in wanted}
    if any(written.values()):
        note(written)
    return [folder / file for file, digest in written.items() if digest is not None]


def _keep_changed(folder: Path, hashes: Mapping[str, str]) -> None:
    """Renames those of the files that are no longer what their export wrote."""
    for file, digest in hashes.items():
        path = folder / file
        if digest and path.is_file() and files.sha256_of(path) != digest:
            free = (path.with_name(f"{path.stem}_changed{n}{path.suffix}") for n in count(1))
            kept = next(path for path in free if not path.exists())
            files.move([(path, kept)])
            log.warning("%s was changed since its export, and is kept as %s", path, kept.name)


def _tell_gone(folder: Path, gone: Sequence[str]) -> None:
    """Says which files of the earlier export go, since the new one has no such file."""
    there = [folder / file for file in gone if (folder / file).exists()]
    if there:
        others = f" and {len(there) - 1} more" if len(there) > 1 else ""
        log.warning("removed %s%s of the earlier export", there[0], others)


def _tell_replaced(
    folder: Path, wanted: Sequence[Piece], before: Mapping[str, tuple[str, list[list[str]]]]
) -> None:
    """Says which files held other people or looks until now."""
    for piece in wanted:
        _, rows = before.get(piece.file, ("", []))
        was = dict.fromkeys(f"{row[4]} {row[5]}" for row in rows if row[4])
        now = dict.fromkeys(f"{reel.person} {reel.emotion}" for reel, _ in piece.cuts)
        if now and was.keys() - now.keys() and (folder / piece.file).exists():
            log.warning(
                "replaced %s: it held %s; now %s", folder / piece.file, _few(was), _few(now)
            )


def _few(names: Iterable[str]) -> str:
    """Lists some names, of many the first three.

    >>> _few(["a", "b"]), _few("abcde")
    ('a, b', 'a, b, c and 2 more')
    """
    first, rest = [*names][:3], [*names][3:]
    return ", ".join(first) + (f" and {len(rest)} more" if rest else "")


def pieces(found: Findings, kinds: Sequence[str]) -> Iterator[Piece]:
    """Yields the files that an export consists of."""
    for kind in kinds:
        form = FORMATS[kind]
        if not (found.cuts or form.without_cuts):
            continue
        if form.whole:
            yield Piece(_named(found.stem, form.ending), kind, found.cuts)
            continue
        (reel,) = found.reels
        base = f"_{reel.person}_{reel.emotion}"
        if kind != CLIPS:
            yield Piece(_named(found.stem, base + form.ending), kind, found.cuts)
            continue
        for _, cut in found.cuts:
            begin, end = (file_clock(found.film.edges[edge]) for edge in (cut.first, cut.stop))
            name = _named(found.stem, f"{base}_{begin}_{end}{form.ending}")
            yield Piece(f"clips/{name}", kind, [(reel, cut)])


def exported_files(folder: Path) -> list[str]:
    """The files of the last export into a folder of a person and emotion that are there.

    Paths in the folder, none of which leads out of it.
    """
    there = ((name, folder / name) for name in _listed(folder))
    return [name for name, path in there if path.is_file() and files.is_within(path, folder)]


def _named(stem: str, rest: str) -> str:
    """Joins a movie's stem, shortened where necessary, and the rest of a file's name."""
    room = LONGEST_EXPORT_NAME - len(os.fsencode(rest))
    return f"{os.fsencode(stem)[:room].decode(errors='ignore')}{rest}"


def _write(
    found: Findings, piece: Piece, folder: Path, quality: int, progress: WalkProgress
) -> str | None:
    """Writes a file; returns its hash, "" of a film, or None if none of its frames decodes."""
    path, film = folder / piece.file, found.film
    if piece.kind in (CLIPS, SUPERCUT):
        spans = [(c.first, c.stop) for _, c in piece.cuts]
        return "" if write_spans(film, spans, path, quality, progress) else None
    form = FORMATS[piece.kind]
    data = form.load()(found)
    with replacing(path) as file:
        file.write(data)
    edges = np.array([edge for _, cut in piece.cuts for edge in (cut.first, cut.stop)], np.int64)
    if not form.seconds:
        tell_error(path, film, edges)
    return sha256(data).hexdigest()


def tell_error(path: Path, film: Footage, edges: Ints) -> None:
    """Says how far off the cuts of a timeline are, if timecodes cannot tell their frames."""
    if error := largest_error(film, edges):
        log.warning(
            "%s: the frame rate of %s varies, or timecodes do not support it; cuts are up to "
            "%.1f ms off",
            path, film.movie.name, error * 1000,
        )  # fmt: skip


def write_spans(
    film: Footage, spans: Spans, path: Path, quality: int, progress: WalkProgress
) -> bool:
    """Writes stretches of a movie as one film, pictures and sound joined without a gap.

    Returns:
        Whether anything was written: False if none of the frames can be decoded.

    Raises:
        MovieError: The movie cannot be read.
        OutputError: The file cannot be written.
    """

    def draw(frame: Frame) -> Image:
        progress(1, 0)
        return frame.image

    pictures = film.pictures(spans, draw)
    written = write_mp4(path, pictures, film.base, film.sound(spans), quality=quality)
    if not written:
        log.warning("%s: not written, because none of its frames could be decoded", path)
    return written


def _rows(found: Findings, piece: Piece, digest: str = "") -> Iterator[list[str]]:
    """Yields a file's lines in export.csv: frames and seconds in the movie, seconds in the file."""
    film, packed = found.film, 0.0
    if not piece.cuts:  # It is listed all the same: what is not is never replaced.
        yield [piece.file, piece.kind, "0", found.video, *[""] * (WITHOUT_HASH - 4), digest]
    for number, (reel, cut) in enumerate(piece.cuts, 1):
        low, high = film.edges[cut.first], film.edges[cut.stop]
        # A file of the whole movie keeps the movie's time.
        begin = low - film.edges[0] if FORMATS[piece.kind].whole else packed
        yield [
            piece.file, piece.kind, str(number), reel.video, reel.person, reel.emotion,
            str(cut.first), str(cut.stop - 1), f"{low:.6f}", f"{high:.6f}", f"{begin:.6f}",
            str(cut.runs), digest,
        ]  # fmt: skip
        packed += float(film.ticks[cut.stop] - film.ticks[cut.first]) * float(film.base)


def _listed(folder: Path) -> dict[str, tuple[str, list[list[str]]]]:
    """Reads export.csv: the kind and lines of each file that may be replaced, by its name.

    A missing or damaged list counts as empty.
    """
    exported: dict[str, tuple[str, list[list[str]]]] = {}
    for cells in read_list(folder / EXPORT_LIST):
        row = [*cells, *[""] * (len(cells) == WITHOUT_HASH)]
        if len(row) == len(EXPORT_COLUMNS) and row[1] in FORMATS and _is_ours(*row[:2]):
            exported.setdefault(row[0], (row[1], []))[1].append(row)
    return exported


def _is_ours(name: str, kind: str) -> bool:
    """Whether an export may replace a file of this name, if export.csv lists it.

    The list may have been edited, so its names are not trusted: none of them leads out of the
    folder, or is that of a file which another command writes there.
    """
    plain = name.removeprefix("clips/") if kind == CLIPS else name
    return plain.endswith(FORMATS[kind].ending) and plain == Path(plain).name and "\\" not in plain


def _write_list(folder: Path, rows: list[list[str]]) -> None:
    """Replaces export.csv, or removes it if there is nothing to list."""
    if not rows:
        files.remove([folder / EXPORT_LIST])
        return
    text = csv_text([EXPORT_COLUMNS, *rows])
    with replacing(folder / EXPORT_LIST) as file:
        file.write(text.encode(errors="backslashreplace"))
