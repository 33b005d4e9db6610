"""Follows faces from frame to frame."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from pipeline.faces import EMOTIONS, UNKNOWN, FaceRow, Floats, Numbers
from pipeline.live.reader import Faces, Reader, shares
from pipeline.movie.camera import FrameSource
from pipeline.movie.frame import Frame
from pipeline.pick.decoder import filtered
from pipeline.report.panel import Mark
from pipeline.walk.track import MAX_GAP, Tracker

OTHER = 0.45
"""Distance between a face and its track above which the face starts a new track.

A cut may put another person where somebody was. Of the demo's 2,421 faces that overlap one of the
frame before, 2,419 are within 0.33 of the mean of their track, and the two behind a cut are 0.59
away.
"""


@dataclass(slots=True, eq=False)
class _Seen:
    """What is remembered of a track.

    Attributes:
        number: Its number. It differs from the tracker's, which follows boxes only and does not
            notice when a box holds another person.
        frame: The frame in which it was seen last.
        total: `(d,)` sum of its embeddings, each weighted by its quality.
        time: Seconds of that frame; minus infinity before the first.
        belief: `(7,)` how probable each look is, by all frames so far.
    """

    number: int
    frame: int
    total: Floats
    time: float = -np.inf
    belief: Numbers = field(default_factory=lambda: np.full(len(EMOTIONS), 1 / len(EMOTIONS)))

    @property
    def mean(self) -> Floats:
        """Its mean embedding `(d,)`, unit length."""
        length = max(float(np.linalg.norm(self.total)), 1e-12)
        return (self.total / length).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class FollowedFrame:
    """The faces of one frame.

    Attributes:
        frame: The frame.
        rows: Its faces, with track and name, and the network's own probabilities.
        belief: `(n, 7)` how probable each look is, by all frames so far: the forward pass of what
            `--smooth auto` does with a walk, which knows the frames to come too.
        quality: `(n,)` how clear each face is, 0 to 1.
    """

    frame: Frame
    rows: tuple[FaceRow, ...]
    belief: Floats
    quality: Floats

    @property
    def labels(self) -> list[int]:
        """How each face looks: positions in `EMOTIONS`."""
        return [int(label) for label in self.belief.argmax(axis=1)]

    def marks(self) -> list[Mark]:
        """The faces as they are drawn into the frame."""
        return [_mark(row, label) for row, label in zip(self.rows, self.labels, strict=True)]


def _mark(row: FaceRow, label: int) -> Mark:
    x1, y1, x2, y2 = (round(v) for v in (row.x1, row.y1, row.x2, row.y2))
    name, bars = row.person or UNKNOWN, tuple(map(float, shares(row)))
    return Mark(row.track, (x1, y1, x2, y2), name, label, bars[label], bars)


class Follower:
    """Follows faces from frame to frame, and remembers the embeddings and emotions of each."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._tracker = Tracker()
        self._seen: dict[int, _Seen] = {}
        self._count = 0

    def follow(self, frame: Frame) -> FollowedFrame:
        """Finds, tracks and names the faces of the next frame."""
        faces = self._reader.read(frame)
        boxes = np.array([(r.x1, r.y1, r.x2, r.y2) for r in faces.rows], np.float32)
        numbers = self._tracker.update(frame.index, boxes.reshape(-1, 4)).tolist()
        tracks = [self._remember(number, frame, faces, i) for i, number in enumerate(numbers)]
        self._seen = {n: t for n, t in self._seen.items() if frame.index - t.frame <= MAX_GAP}
        mean = np.array([t.mean for t in tracks], np.float32).reshape(-1, faces.embedding.shape[1])
        pairs = zip(self._reader.named(faces.rows, mean), tracks, strict=True)
        rows = tuple(row._replace(track=track.number) for row, track in pairs)
        belief = np.array([t.belief for t in tracks], np.float32).reshape(-1, len(EMOTIONS))
        return FollowedFrame(frame, rows, belief, faces.quality)

    def _remember(self, number: int, frame: Frame, faces: Faces, index: int) -> _Seen:
        """Adds a face to its track, or to a new one if it looks like another person."""
        embedding = faces.embedding[index]
        track = self._seen.get(number)
        if track is None or np.linalg.norm(track.mean - embedding) > OTHER:
            track = self._seen[number] = _Seen(self._count, frame.index, np.zeros_like(embedding))
            self._count += 1
        since = np.array([frame.time - track.time])
        seen = shares(faces.rows[index])[None]
        track.belief = filtered(track.belief[None], seen, np.maximum(since, 0))[0]
        track.frame, track.time = frame.index, frame.time
        # Not 0, or a track of nothing but faces of quality 0 would have no mean.
        track.total = track.total + max(float(faces.quality[index]), 1e-6) * embedding
        return track


def watch(source: FrameSource, follower: Follower) -> Iterator[FollowedFrame]:
    """Yields the faces of each frame for which there is time; the source drops the others.

    Raises:
        MovieError: The source fails.
    """
    for frame in source.frames():
        yield follower.follow(frame)
