"""Reads and writes the finished parts of a walk: the rows and arrays of a stretch of the movie."""

import re
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.disk.faces_csv import NUMBERS, frame_of, read_faces, write_faces
from pipeline.disk.npz import AGAIN, Schema, read_arrays, write_arrays
from pipeline.disk.tracks_npz import ABSENT, SEEN, Bytes, check_seen
from pipeline.errors import TableError
from pipeline.faces import Floats, Ints

PART: Schema = {**SEEN, "shots": ("i", ()), "cut_before": ("b", ()), "decoded": ("i", ())}

MOST_SHOTS = 1 << 24
"""The most shots of a part; with one per frame it would last a week."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A finished stretch of a movie; its shots and tracks count from 0.

    Attributes:
        rows: `(n, len(NUMBERS))` float64 in order of frame and track.
        shots: number of shots.
        cut_before: whether there is a cut before its first frame.
        embedding: `(m, d)` embeddings of unit length.
        track: `(m,)` track of each embedding.
        frame: `(m,)` frame of each embedding.
        quality: `(m,)` quality of each embedded face, 0 to 1.
        decoded: how many frames could be decoded.
        thumb: `(m,)` small JPEG of each embedded face, or `(0,)` if none are kept.
        starts: `(shots,)` first analysed frame of each shot, or `(0,)` if none are kept.
    """

    rows: NDArray[np.float64]
    shots: int
    cut_before: bool
    embedding: Floats
    track: Ints
    frame: Ints
    quality: Floats
    decoded: int = 0
    thumb: Bytes = field(default_factory=lambda: np.zeros(0, np.bytes_))
    starts: Ints = field(default_factory=lambda: np.zeros(0, np.int64))


def part_paths(folder: Path, number: int) -> tuple[Path, Path]:
    """The files of a part's rows and of its arrays."""
    stem = folder / "parts" / f"{number:05d}"
    return stem.with_suffix(".csv"), stem.with_suffix(".npz")


def write_part(folder: Path, number: int, part: Part, video: str) -> None:
    """Writes a part; the rows come last, so that a part with rows is complete.

    Raises:
        OutputError: The part cannot be written.
    """
    rows, arrays = part_paths(folder, number)
    write_arrays(arrays, {f.name: getattr(part, f.name) for f in fields(part) if f.name != "rows"})
    write_faces(rows, [frame_of(part.rows, video)])


def has_part(folder: Path, number: int) -> bool:
    """Whether a part exists and is complete."""
    return all(path.exists() for path in part_paths(folder, number))


def all_parts(folder: Path) -> list[Path]:
    """The files of all finished parts, of whatever walk, and no other files."""
    files = sorted((folder / "parts").glob("*"))
    return [p for p in files if p.suffix in (".csv", ".npz") and re.fullmatch(r"\d{5,}", p.stem)]


def read_part(folder: Path, number: int) -> Part:
    """Reads a part.

    Raises:
        TableError: The part is missing, damaged, or of another program.
    """
    rows, arrays = part_paths(folder, number)
    contents = read_arrays(arrays, PART, ABSENT)
    check_seen(arrays, contents)
    table = read_faces(rows)
    tracks, shots, starts = np.unique(contents["track"]), int(contents["shots"]), contents["starts"]
    counted = 0 <= shots <= MOST_SHOTS and len(starts) in (0, shots)
    if not np.array_equal(tracks, np.arange(len(tracks))) or not counted:
        raise TableError(f"{arrays}: its shots or tracks do not count from 0; {AGAIN}")
    if not table["track"].isin(tracks).all() or (table["shot"] >= shots).any():
        raise TableError(f"{rows}: has shots or tracks that are not in {arrays.name}; {AGAIN}")
    return Part(
        rows=table[list(NUMBERS)].to_numpy(np.float64),
        shots=shots,
        cut_before=bool(contents["cut_before"]),
        embedding=contents["embedding"].astype(np.float32),
        track=contents["track"].astype(np.int64),
        frame=contents["frame"].astype(np.int64),
        quality=contents["quality"].astype(np.float32),
        decoded=int(contents["decoded"]),
        thumb=contents["thumb"],
        starts=starts.astype(np.int64),
    )
