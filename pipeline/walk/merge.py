"""Joins the parts of a walk; shots and tracks continue across a border that is not a cut."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline import files
from pipeline.disk import faces_csv, tracks_npz
from pipeline.disk.faces_csv import NUMBERS
from pipeline.disk.npz import AGAIN
from pipeline.disk.parts import Part, part_paths, read_part
from pipeline.disk.tracks_npz import Bytes, Tracks
from pipeline.errors import TableError
from pipeline.faces import Floats, Ints
from pipeline.walk.track import match

FRAME, SHOT, TRACK, X1, Y2 = (NUMBERS.index(n) for n in ("frame", "shot", "track", "x1", "y2"))

_Kept = tuple[Floats, Ints, Ints, Floats, Bytes, Ints, int]
"""What stays in memory of each part: its embeddings with their tracks, frames, qualities and
pictures; the frames at which new shots start; the number of decoded frames."""


@dataclass(slots=True)
class _Open:
    """The last shot of a part and its tracks (number, frame, box), which the next may continue."""

    shot: int = -1
    tracks: list[tuple[int, int, Floats]] = field(default_factory=list)


@dataclass(slots=True)
class _Numbers:
    """Translates the shot and track numbers of parts, in order, to those of the movie."""

    max_gap: int
    shots: int = 0
    tracks: int = 0
    open: _Open = field(default_factory=_Open)

    def renumber(self, part: Part) -> tuple[Ints, Ints]:
        """Gives the movie's shot numbers and track numbers, indexed by the part's own."""
        goes_on = not part.cut_before and self.open.shot >= 0
        shots = np.arange(part.shots) + self.shots - goes_on
        tracks = np.full(1 + max((int(t) for t in part.track), default=-1), -1)
        if goes_on:
            for number, track in self._joined(part):
                tracks[number] = track
        new = np.flatnonzero(tracks < 0)
        tracks[new] = np.arange(len(new)) + self.tracks
        self._leave_open(part, shots, tracks, goes_on)
        self.shots = max(self.shots, int(shots[-1]) + 1 if part.shots else 0)
        self.tracks += len(new)
        return shots, tracks

    def _joined(self, part: Part) -> Iterator[tuple[int, int]]:
        """Pairs tracks of the part with the open tracks that they continue.

        Goes frame by frame like `track.Tracker`. Matching all tracks at once would give a face
        that appears later, where another one was at the border, that other face's number.
        """
        in_shot = part.rows[part.rows[:, SHOT] == 0]
        numbers, firsts = np.unique(in_shot[:, TRACK], return_index=True)
        begins = in_shot[firsts]
        live = self.open.tracks
        for frame in np.unique(begins[:, FRAME]):
            live = [track for track in live if frame - track[1] <= self.max_gap]
            before = np.array([box for _, _, box in live], np.float32).reshape(-1, 4)
            new = np.flatnonzero(begins[:, FRAME] == frame)
            pairs = match(before, begins[new, X1 : Y2 + 1].astype(np.float32))
            yield from ((int(numbers[new[j]]), live[i][0]) for i, j in pairs)
            gone = {i for i, _ in pairs}
            live = [track for i, track in enumerate(live) if i not in gone]

    def _leave_open(self, part: Part, shots: Ints, tracks: Ints, goes_on: bool) -> None:
        if part.shots == 0:
            return
        old = self.open.tracks if goes_on and part.shots == 1 else []
        latest = {track: (track, frame, box) for track, frame, box in old}
        for row in part.rows[part.rows[:, SHOT] == part.shots - 1]:
            track = int(tracks[int(row[TRACK])])
            latest[track] = (track, int(row[FRAME]), row[X1 : Y2 + 1].astype(np.float32))
        self.open = _Open(int(shots[-1]), list(latest.values()))


def merge(folder: Path, parts: int, video: str, walk: str, max_gap: int) -> int:
    """Writes faces.csv, without names, and tracks.npz from the finished parts.

    Reads one part at a time, so that memory does not grow with the movie's rows.

    Args:
        folder: The movie's folder.
        parts: The number of parts.
        video: The movie's base name.
        walk: The walk's fingerprint.
        max_gap: Source frames after which a face that is no longer seen is forgotten.

    Returns:
        The number of decoded frames.

    Raises:
        TableError: A part is missing or damaged.
        OutputError: The files cannot be written.
    """
    # tracks.npz says which gallery named faces.csv. If it outlived the names, an interrupted merge
    # would leave a faces.csv without names that counts as named.
    files.remove([folder / "tracks.npz"])
    kept: list[_Kept] = []
    numbers = _Numbers(max_gap)
    faces_csv.write_faces(folder / "faces.csv", _blocks(folder, parts, video, numbers, kept))
    embeddings, tracks, frames, qualities, thumbs, begun, decoded = zip(*kept, strict=True)
    # A part without faces does not know how long the network's embeddings are.
    some = [one for one in embeddings if len(one)] or embeddings[:1]
    order, starts = np.argsort(np.concatenate(tracks), kind="stable"), np.concatenate(begun)
    merged = Tracks(
        embedding=np.concatenate(some)[order],
        track=np.concatenate(tracks)[order],
        frame=np.concatenate(frames)[order],
        quality=np.concatenate(qualities)[order],
        thumb=np.concatenate(thumbs)[order],
        walk=walk,
        # Parts of an older version have no starts.
        starts=starts if len(starts) == numbers.shots else starts[:0],
    )
    tracks_npz.write_tracks(folder / "tracks.npz", merged)
    return sum(decoded)


def _blocks(
    folder: Path,
    parts: int,
    video: str,
    numbers: _Numbers,
    kept: list[_Kept],
) -> Iterator[pd.DataFrame]:
    """Gives the rows of each part with the movie's numbers; adds the rest of it to `kept`."""
    for number in range(parts):
        part, before = read_part(folder, number), numbers.shots
        _check_length(folder, number, part, kept)
        shots, tracks = numbers.renumber(part)
        embedded = part.embedding, tracks[part.track], part.frame, part.quality, part.thumb
        starts = part.starts[shots >= before] if len(part.starts) else part.starts
        kept.append((*embedded, starts, part.decoded))
        yield faces_csv.frame_of(_renumbered(part.rows, shots, tracks), video)


def _check_length(folder: Path, number: int, part: Part, kept: list[_Kept]) -> None:
    """Refuses a part whose embeddings are of another network than those before it.

    Raises:
        TableError: They have another length.
    """
    own = part.embedding
    before = next((earlier for earlier, *_ in kept if len(earlier)), own)
    if len(own) and own.shape[1] != before.shape[1]:
        raise TableError(
            f"{part_paths(folder, number)[1]}: has embeddings of {own.shape[1]} numbers, and the "
            f"parts before it of {before.shape[1]}; {AGAIN}"
        )


def _renumbered(rows: NDArray[np.float64], shots: Ints, tracks: Ints) -> NDArray[np.float64]:
    rows = rows.copy()
    rows[:, SHOT] = shots[rows[:, SHOT].astype(np.int64)]
    rows[:, TRACK] = tracks[rows[:, TRACK].astype(np.int64)]
    return rows[np.lexsort((rows[:, TRACK], rows[:, FRAME]))]
