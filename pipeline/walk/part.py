"""Analyses one part of a movie: takes frames, gives rows and embeddings. Touches no files."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from pipeline import crops
from pipeline.disk.faces_csv import NUMBERS
from pipeline.disk.parts import Part
from pipeline.faces import Detections, Floats, Image, iou
from pipeline.models.base import unit_embeddings
from pipeline.models.registry import Models
from pipeline.movie.frame import Frame
from pipeline.settings import WalkSettings
from pipeline.walk.shots import mark_cuts
from pipeline.walk.track import BRIDGE, Tracker, longest_gap

CHIPS = 6
"""The most faces of a track that are embedded in each part."""

CHIP_SPACING = 12
"""At most one face is embedded in this many source frames: neighbours look alike."""

EMOTION_BATCH = 64
"""The fewest faces that are classified together; the batch size does not change the result."""

BETTER = 1.1
"""A face replaces another if its quality is higher by this factor: each change cuts a new chip."""

STILL = 0.9
"""Faces whose boxes overlap by this much (IoU) hold still. A look between is left out then: of the
demo's 2,432 faces 507 are detected, and the emotion of 98.9 % is as with a look at every frame."""

STILL_FRAMES = 6
"""Looks that are more than this many source frames apart are all taken, however still faces are."""

WalkProgress = Callable[[int, int], None]
"""Called now and then with the numbers of new frames and new faces."""

StartProgress = Callable[[int], WalkProgress]
"""Called once with the number of frames; returns the `WalkProgress` to call meanwhile."""


def silent(_: int) -> Callable[..., None]:
    """A progress that shows nothing."""
    return lambda *_: None


@dataclass(frozen=True, slots=True, eq=False)
class _Sighting:
    """A face in a frame: detected, or interpolated between two detected ones."""

    frame: Frame
    shot: int
    track: int
    detected: bool
    box: Floats
    score: float
    landmarks: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Unread:
    """Faces that wait for the emotion network: their rows without emotions, and their crops."""

    rows: list[Floats]
    crops: list[Image]


@dataclass(frozen=True, slots=True, eq=False)
class _Chip:
    """A face to embed."""

    quality: float
    frame: int
    image: Image


@dataclass(slots=True)
class _Chips:
    """The best face of each stretch of one track.

    Stretches have equal lengths, which double whenever there are more than `CHIPS`. Chips are
    spread over the whole track, so that a hand before the face, or a turned head, spoils only some
    of them.
    """

    best: dict[int, _Chip] = field(default_factory=dict)
    length: int = CHIP_SPACING

    def offer(self, quality: float, frame: int, cut: Callable[[], Image]) -> None:
        """Keeps a face if it is the best of its stretch."""
        rival = self.best.get(frame // self.length)
        if rival is None or quality > BETTER * rival.quality:
            self.best[frame // self.length] = _Chip(quality, frame, cut())
        while len(self.best) > CHIPS:
            self._halve()

    def _halve(self) -> None:
        self.length *= 2
        chips, self.best = self.best.values(), {}
        # The best of two chips comes last and overwrites the other.
        for chip in sorted(chips, key=lambda c: c.quality):
            self.best[chip.frame // self.length] = chip


def analyse(
    frames: Iterable[Frame],
    span: tuple[int, int],
    models: Models,
    settings: WalkSettings,
    progress: WalkProgress,
) -> Part:
    """Detects, tracks, classifies and embeds the faces of frames `span[0] <= index < span[1]`.

    Args:
        frames: The frames of the span, with `LOOK_BACK` before and `LOOK_AHEAD` after it where the
            movie has them: they decide whether there is a cut at a frame.
        span: First frame and one past the last.
        models: The networks.
        settings: The settings of the walk.
        progress: Called with the numbers of new frames and faces.

    Returns:
        Rows in order of frame and track, with shots and tracks counted from 0 in this part.
    """
    return _Analysis(models, settings, progress).run(frames, span)


def _mixed(a: Floats, b: Floats, t: float) -> Floats:
    return (np.float32(1 - t) * a + np.float32(t) * b).astype(np.float32)


def _still(before: Detections, after: Detections) -> bool:
    """Whether there are the same faces at the same places, so that the frames between tell none."""
    overlap = iou(before.boxes, after.boxes)
    same = len(before) == len(after)
    return same and bool((overlap.max(axis=1, initial=0) >= STILL).all())


class _Analysis:
    """The state of one pass over one part."""

    def __init__(self, models: Models, settings: WalkSettings, progress: WalkProgress) -> None:
        self._models = models
        self._settings = settings
        self._progress = progress
        self._tracker = Tracker(longest_gap(settings))
        self._shot = 0
        self._starts: list[int] = []
        self._decoded = 0
        self._window: list[Frame] = []  # Frames since the oldest of `_detections`.
        self._detections: list[int] = []  # Frames of the latest detections, at most BRIDGE.
        self._waiting: Frame | None = None
        """A frame that is due, but is looked at only if the faces move."""
        self._found = Detections()
        self._last: dict[int, _Sighting] = {}
        self._chips: dict[int, _Chips] = {}
        self._unread = _Unread([], [])
        self._rows: list[Floats] = []

    def run(self, decoded: Iterable[Frame], span: tuple[int, int]) -> Part:
        frames = self._analysed(decoded, span)
        cut_before = False
        current = next(frames, None)
        if current is not None:
            cut_before = current[1]
        first = True
        while current is not None:
            frame, following = current[0], next(frames, None)
            last = following is None or following[1]
            if first:
                self._starts.append(frame.index)
            self._window.append(frame)
            # Shots begin and end with a detection: there is nothing to interpolate from beyond.
            if first or last:
                self._look(frame)
            elif self._due(frame):
                self._look_or_wait(frame)
            first = last
            if last:
                self._end_shot()
            current = following
        return self._part(cut_before)

    def _analysed(
        self, frames: Iterable[Frame], span: tuple[int, int]
    ) -> Iterator[tuple[Frame, bool]]:
        """Gives the frames to analyse, each with whether there is a cut before it.

        A cut at a skipped frame counts for the next analysed frame.
        """
        cut = False
        for frame, starts_shot in mark_cuts(frames):
            if not span[0] <= frame.index < span[1]:
                continue
            self._decoded += 1
            self._progress(1, 0)
            cut |= starts_shot
            if frame.index % self._settings.every == 0:
                yield frame, cut
                cut = False

    def _end_shot(self) -> None:
        self._shot += 1
        self._tracker.cut()
        self._window, self._detections, self._last = [], [], {}

    def _due(self, frame: Frame) -> bool:
        return (frame.index // self._settings.every) % self._settings.detect_every == 0

    def _look_or_wait(self, frame: Frame) -> None:
        """Leaves out every other look, until the next tells whether it was needed."""
        often = self._settings.every * self._settings.detect_every <= STILL_FRAMES
        if self._waiting is None and often and self._settings.detect_every > 1:
            self._waiting = frame
        else:
            self._look(frame)

    def _look(self, frame: Frame) -> None:
        """Detects faces; if they do not hold still, in the frame that waits first."""
        faces = self._find(frame)
        if self._waiting is not None and not _still(self._found, faces):
            self._take(self._waiting, self._find(self._waiting))
        self._take(frame, faces)
        self._waiting = None

    def _take(self, frame: Frame, faces: Detections) -> None:
        """Tracks found faces, interpolates them in the frames between, and reads them all."""
        self._found = faces
        numbers = self._tracker.update(frame.index, faces.boxes)
        sightings: list[_Sighting] = []
        for i, number in enumerate(int(n) for n in numbers):
            now = _Sighting(
                frame, self._shot, number, True, faces.boxes[i], float(faces.scores[i]),
                faces.landmarks[i],
            )  # fmt: skip
            before = self._last.get(number)
            if before is not None and before.frame.index in self._detections:
                sightings += self._between(before, now)
            sightings.append(now)
            self._last[number] = now
        self._read(sightings)
        self._progress(0, len(sightings))
        self._detections = [*self._detections[1 - BRIDGE :], frame.index]
        self._window = [f for f in self._window if f.index >= self._detections[0]]

    def _find(self, frame: Frame) -> Detections:
        """Detects faces on a smaller picture; gives them in the frame's own pixels."""
        small = frame.shrunk(self._settings.width)
        faces = self._models.detector.detect([small])[0]
        height, width = frame.luma.shape
        scale = np.array([width / small.shape[1], height / small.shape[0]], np.float32)
        boxes = faces.boxes * np.tile(scale, 2)
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2
        inside = ((centre >= 0) & (centre < (width, height))).all(axis=1)
        inside &= (boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)
        landmarks = faces.landmarks * scale
        return Detections(boxes[inside], faces.scores[inside], landmarks[inside])

    def _between(self, a: _Sighting, b: _Sighting) -> Iterator[_Sighting]:
        """Interpolates the face in the frames between two sightings, linearly in time."""
        for frame in self._window:
            if a.frame.index < frame.index < b.frame.index:
                t = (frame.time - a.frame.time) / (b.frame.time - a.frame.time)
                box, landmarks = _mixed(a.box, b.box, t), _mixed(a.landmarks, b.landmarks, t)
                score = (1 - t) * a.score + t * b.score
                yield _Sighting(frame, a.shot, a.track, False, box, score, landmarks)

    def _read(self, sightings: list[_Sighting]) -> None:
        """Measures each face, queues its crop to be classified, and offers detected ones' chips."""
        if not sightings:
            return
        poses = crops.pose(np.stack([s.landmarks for s in sightings]))
        for s, pose in zip(sightings, poses, strict=True):
            grey = crops.grey_face(s.frame, s.box)
            sharp = crops.sharpness(crops.resized(grey, crops.SHARPNESS_SIDE))
            numbers = (s.frame.index, s.frame.time, s.shot, s.track, s.detected)
            self._unread.rows.append(np.array([*numbers, *s.box, s.score, sharp, *pose]))
            self._unread.crops.append(self._emotion_crop(s, grey))
            if s.detected:
                chips = self._chips.setdefault(s.track, _Chips())
                quality = float(crops.quality(s.box, sharp, pose))
                chips.offer(quality, s.frame.index, partial(self._chip, s))
        if len(self._unread.rows) >= EMOTION_BATCH:
            self._classify()

    def _emotion_crop(self, s: _Sighting, grey: Image) -> Image:
        if self._settings.align:
            return crops.aligned_face(s.frame, s.landmarks)
        return crops.resized(grey, crops.EMOTION_SIDE)

    def _chip(self, s: _Sighting) -> Image:
        return self._models.aligner.chip(s.frame.image, s.box, s.landmarks)

    def _classify(self) -> None:
        """Classifies the queued faces and adds their rows, many at once to keep a GPU busy."""
        if self._unread.rows:
            emotions = self._models.emotion.classify(np.stack(self._unread.crops))
            self._rows += list(np.column_stack([np.stack(self._unread.rows), emotions]))
        self._unread = _Unread([], [])

    def _part(self, cut_before: bool) -> Part:
        self._classify()
        best = [
            (track, chip)
            for track, chips in sorted(self._chips.items())
            for chip in sorted(chips.best.values(), key=lambda c: c.frame)
        ]
        images = [chip.image for _, chip in best] or [np.zeros((1, 1, 3), np.uint8)]
        return Part(
            rows=np.array(sorted(self._rows, key=lambda r: (r[0], r[3]))).reshape(-1, len(NUMBERS)),
            shots=self._shot,
            cut_before=cut_before,
            decoded=self._decoded,
            embedding=unit_embeddings(
                self._models.embedder, np.stack(images)[: len(best)], mirrored=False
            ),
            track=np.array([track for track, _ in best], np.int64),
            frame=np.array([chip.frame for _, chip in best], np.int64),
            quality=np.array([chip.quality for _, chip in best], np.float32),
            thumb=np.array([crops.thumbnail(chip.image) for _, chip in best], np.bytes_),
            starts=np.array(self._starts, np.int64),
        )
