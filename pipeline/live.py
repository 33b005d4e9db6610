"""Faces as they happen: found, followed, named and read frame by frame, without looking ahead.

A frame is analysed as a walk analyses one, so that a face means the same here and there. What a
walk learns from a whole track is here learnt from what was seen of it so far: a name is that of
the mean of all embeddings since the face came into view.
"""

import io
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Protocol, Self

import numpy as np
import pandas as pd
from PIL import Image as Pillow

from pipeline import crops, table
from pipeline.camera import Source
from pipeline.encode import Shown, write_mp4
from pipeline.errors import OutputError
from pipeline.faces import EMOTIONS, FaceRow, Floats, Image
from pipeline.frame import Frame
from pipeline.models.registry import Models, all_models
from pipeline.people import memory, naming
from pipeline.people.gallery import Gallery
from pipeline.pick.select import UNKNOWN
from pipeline.report.panel import Mark, Painter
from pipeline.settings import Job, WalkSettings
from pipeline.walk.part import analyse
from pipeline.walk.track import MAX_GAP, Tracker

log = logging.getLogger(__name__)

SMOOTH = 5
"""Analysed frames over which the shown probabilities are averaged; a walk's default, backwards."""

OTHER = 0.45
"""Distance of a face to its track from which it is somebody else: a cut was not seen.

Of the demo's 2,421 faces that overlap one of the frame before, 2,419 are within 0.33 of the mean
of what that box held before, and the two behind a cut are 0.59 away.
"""

TICKS = 1000
"""Of a recording, in a second."""

LAST = 40
"""Milliseconds that the last picture of a recording is shown for."""


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """The faces of one picture, as a walk would have them, as parallel lists.

    Attributes:
        rows: with the raw probabilities and, where nothing else is known, the names.
        embedding: `(n, 128)` unit length.
        quality: `(n,)` 0 to 1.
    """

    rows: tuple[FaceRow, ...]
    embedding: Floats
    quality: Floats


class Reader:
    """Finds, reads and names the faces of one picture at a time."""

    def __init__(
        self, models: Models, gallery: Gallery, settings: WalkSettings, tolerance: float
    ) -> None:
        self._models, self._gallery = models, gallery
        self._settings, self._tolerance = settings, tolerance

    @classmethod
    def of(cls, job: Job, threads: int = 1) -> Self:
        """Builds the networks and loads the known faces.

        Args:
            job: Its walk settings, known faces, tolerance and device are what counts.
            threads: Of each network.

        Raises:
            PeopleError: A name cannot be a person's.
            ModelError: A network's file is missing or changed.
        """
        models = all_models(job.walk, threads, job.device)
        gallery = memory.load(job.known_faces, job.walk, job.device)
        return cls(models, gallery, job.walk, job.tolerance)

    def at(self, width: int) -> "Reader":
        """One with the same networks, whose detector sees pictures of another width."""
        settings = replace(self._settings, width=width)
        return Reader(self._models, self._gallery, settings, self._tolerance)

    def read(self, frame: Frame) -> Faces:
        """The faces of a frame, nobody followed; `shot` and `track` count in this frame only."""
        span = frame.index, frame.index + 1
        part = analyse([frame], span, self._models, self._settings, lambda *_: None)
        found = table.frame_of(part.rows, "").itertuples(index=False, name=None)
        rows = tuple(FaceRow(*row) for row in found)
        return Faces(self.named(rows, part.embedding), part.embedding, part.quality)

    def named(self, rows: Sequence[FaceRow], embedding: Floats) -> tuple[FaceRow, ...]:
        """The faces of one frame with names, none given twice.

        Args:
            rows: `n` faces.
            embedding: `(n, 128)` unit length, of each face or of all that was seen of it.
        """
        far = naming.distances(embedding, self._gallery)
        vetoed = naming.vetoes(embedding, self._gallery)
        pairs = set(permutations(range(len(rows)), 2))
        person, distance = naming.assign(far, vetoed, pairs, self._tolerance)
        names = [self._gallery.people[i] if i >= 0 else "" for i in person.tolist()]
        told = zip(rows, names, distance.tolist(), strict=True)
        return tuple(row._replace(person=name, distance=away) for row, name, away in told)


def shares(row: FaceRow) -> Floats:
    """A face's probabilities `(7,)`."""
    return np.array([getattr(row, emotion) for emotion in EMOTIONS], np.float32)


@dataclass(slots=True, eq=False)
class _Seen:
    """What is remembered of a track.

    Attributes:
        number: its own, for a box that goes on may hold somebody else.
        frame: where it was seen last.
        total: `(128,)` sum of its embeddings, each weighted by its quality.
        recent: its last probabilities.
    """

    number: int
    frame: int
    total: Floats
    recent: deque[Floats] = field(default_factory=lambda: deque(maxlen=SMOOTH))

    @property
    def mean(self) -> Floats:
        """Its embedding `(128,)`, unit length."""
        length = max(float(np.linalg.norm(self.total)), 1e-12)
        return (self.total / length).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What was seen in one frame.

    Attributes:
        frame: the frame.
        rows: its faces, with track and name.
        smooth: `(n, 7)` probabilities averaged over each face's last frames.
        quality: `(n,)` how clear each face is, 0 to 1.
    """

    frame: Frame
    rows: tuple[FaceRow, ...]
    smooth: Floats
    quality: Floats

    def marks(self) -> list[Mark]:
        """The faces as they are drawn."""
        return [_mark(row, each) for row, each in zip(self.rows, self.smooth, strict=True)]


def _mark(row: FaceRow, each: Floats) -> Mark:
    label = int(each.argmax())
    x1, y1, x2, y2 = (round(v) for v in (row.x1, row.y1, row.x2, row.y2))
    name, bars = row.person or UNKNOWN, tuple(map(float, each))
    return Mark(row.track, (x1, y1, x2, y2), name, label, bars[label], bars)


class Follower:
    """Follows faces from frame to frame, and remembers of each what was seen so far."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._tracker = Tracker()
        self._seen: dict[int, _Seen] = {}
        self._count = 0

    def follow(self, frame: Frame) -> Moment:
        """The faces of the next frame."""
        found = self._reader.read(frame)
        boxes = np.array([(r.x1, r.y1, r.x2, r.y2) for r in found.rows], np.float32)
        numbers = self._tracker.update(frame.index, boxes.reshape(-1, 4)).tolist()
        tracks = [self._remember(number, frame.index, found, i) for i, number in enumerate(numbers)]
        self._seen = {n: t for n, t in self._seen.items() if frame.index - t.frame <= MAX_GAP}
        mean = np.array([t.mean for t in tracks], np.float32).reshape(-1, table.EMBEDDING)
        told = zip(self._reader.named(found.rows, mean), tracks, strict=True)
        rows = tuple(row._replace(track=track.number) for row, track in told)
        smooth = [np.mean(track.recent, axis=0) for track in tracks]
        averaged = np.array(smooth, np.float32).reshape(-1, len(EMOTIONS))
        return Moment(frame, rows, averaged, found.quality)

    def _remember(self, number: int, frame: int, found: Faces, place: int) -> _Seen:
        embedding = found.embedding[place]
        track = self._seen.get(number)
        if track is None or np.linalg.norm(track.mean - embedding) > OTHER:
            track = self._seen[number] = _Seen(self._count, frame, np.zeros_like(embedding))
            self._count += 1
        track.frame = frame
        track.total = track.total + max(float(found.quality[place]), 1e-6) * embedding
        track.recent.append(shares(found.rows[place]))
        return track


@dataclass(slots=True, eq=False)
class Second:
    """What was seen in one second; of its frames only the best is kept.

    Attributes:
        time: its begin, a whole number of seconds since the first frame.
        rows: the faces of each frame that was analysed.
        best: the clearest face, its frame and its quality.
        delay: seconds from when its last frame happened to when that was analysed.
    """

    time: int
    rows: list[tuple[FaceRow, ...]] = field(default_factory=list)
    best: tuple[Frame, FaceRow, float] | None = None
    delay: float = 0.0

    def add(self, moment: Moment) -> None:
        """Takes one more frame."""
        self.rows.append(moment.rows)
        for row, quality in zip(moment.rows, moment.quality.tolist(), strict=True):
            if self.best is None or quality > self.best[2]:
                self.best = moment.frame, row, quality

    @property
    def faces(self) -> list[tuple[FaceRow, Floats]]:
        """The faces of its last frame with any, from the left, with their mean probabilities."""
        last = next((rows for rows in reversed(self.rows) if rows), ())
        return [(row, self._mean(row.track)) for row in sorted(last, key=lambda row: row.x1)]

    def _mean(self, track: int) -> Floats:
        own = [shares(row) for rows in self.rows for row in rows if row.track == track]
        return np.asarray(np.mean(own, axis=0), np.float32)


def watch(source: Source, follower: Follower) -> Iterator[Second | Moment]:
    """Gives each analysed frame, and after the last one of a second, the second.

    Raises:
        MovieError: The source breaks.
    """
    second: Second | None = None
    for frame in source.frames():
        if second is not None and int(frame.time) != second.time:
            yield second
            second = None
        second = second or Second(int(frame.time))
        moment = follower.follow(frame)
        second.add(moment)
        second.delay = source.delay(frame.time)
        yield moment
    if second is not None:
        yield second


def line(moment: str, second: Second) -> str:
    """How a second is told: emotion and percent, and names where there are several faces."""
    told = []
    for row, mean in second.faces:
        look = EMOTIONS[int(mean.argmax())].capitalize()
        who = f"{row.person or UNKNOWN} " if len(second.faces) > 1 else ""
        told.append(f"{who}{look} , {round(100 * float(mean.max()))}%")
    return f"{moment}s : {' ; '.join(told) or 'no face'}"


# --- what is kept -------------------------------------------------------------------------------


class Keeper(Protocol):
    """Keeps something of what is seen."""

    def add(self, moment: Moment) -> None:
        """Is told of every analysed frame."""
        ...

    def end(self, second: Second) -> None:
        """Is told of every second, after its frames."""
        ...

    def close(self) -> None:
        """Is told that no more is to come."""
        ...


class CropsKeeper:
    """Writes a face a second as the emotion network sees it: 48x48, grey, centred."""

    def __init__(self, folder: Path, source: Source) -> None:
        self._folder, self._source = folder, source

    def add(self, moment: Moment) -> None:
        """See `Keeper`."""

    def end(self, second: Second) -> None:
        """See `Keeper`.

        Raises:
            OutputError: It cannot be written.
        """
        if second.best is None:
            return
        frame, row, _ = second.best
        box = np.array((row.x1, row.y1, row.x2, row.y2), np.float32)
        face = crops.resized(crops.grey_face(frame, box), crops.EMOTION_SIDE)
        moment, each = self._source.moment(second.time).replace(":", "-"), shares(row)
        look = f"{EMOTIONS[int(each.argmax())]}{round(100 * float(each.max())):02d}"
        data = io.BytesIO()
        Pillow.fromarray(face).save(data, "PNG")
        with table.replacing(self._folder / f"{second.time:05d}_{moment}_{look}.png") as file:
            file.write(data.getvalue())

    def close(self) -> None:
        """See `Keeper`."""


class TableKeeper:
    """Writes a row a face as faces.csv has them, on disk after each second."""

    def __init__(self, path: Path, source: Source) -> None:
        """Begins the file.

        Raises:
            OutputError: It cannot be written.
        """
        self._path, self._name = path, source.name
        try:
            self._file = path.open("w", encoding="utf-8", newline="", errors="backslashreplace")
        except OSError as error:
            raise _unwritten(path, error) from error
        self._write(f"{table.HEADER}\n")

    def add(self, moment: Moment) -> None:
        """See `Keeper`."""

    def end(self, second: Second) -> None:
        """See `Keeper`.

        Raises:
            OutputError: It cannot be written.
        """
        named = [row._replace(video=self._name) for rows in second.rows for row in rows]
        self._write("".join(table.lines(pd.DataFrame(named, columns=list(FaceRow._fields)))))

    def _write(self, text: str) -> None:
        try:
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            raise _unwritten(self._path, error) from error

    def close(self) -> None:
        """See `Keeper`."""
        self._file.close()


def _unwritten(path: Path, error: OSError) -> OutputError:
    told = error.strerror or error
    return OutputError(f"{path}: cannot be written ({told}); choose another place")


class Recorder:
    """Writes the frames with the faces drawn in, in a thread of its own."""

    def __init__(self, path: Path, source: Source) -> None:
        self._path = path
        self._painter = Painter(*source.size)
        self._queue: Queue[Shown | None] = Queue(maxsize=8)
        self._held: tuple[int, Image] | None = None
        self._failed: BaseException | None = None
        self._thread = Thread(target=self._write)
        self._thread.start()

    def add(self, moment: Moment) -> None:
        """See `Keeper`."""
        tick = round(moment.frame.time * TICKS)
        self._pass_on(tick)
        self._held = tick, self._painter.paint(moment.frame.image, moment.marks())

    def end(self, second: Second) -> None:
        """See `Keeper`."""

    def _pass_on(self, tick: int) -> None:
        """Sends the picture before, now that it is known how long it lasts."""
        if self._held is not None and tick > self._held[0]:
            begin, image = self._held
            self._queue.put(Shown(image, begin, tick - begin))

    def _write(self) -> None:
        try:
            write_mp4(self._path, iter(self._queue.get, None), Fraction(1, TICKS))
        except BaseException as error:  # Told where it is waited for.
            self._failed = error
            for _ in iter(self._queue.get, None):
                pass

    def close(self) -> None:
        """Writes what is left.

        Raises:
            OutputError: It could not be written.
        """
        self._pass_on(self._held[0] + LAST if self._held else 0)
        self._queue.put(None)
        self._thread.join()
        if self._failed is not None:
            raise self._failed


@dataclass(frozen=True, slots=True)
class Kept:
    """Where something of what is seen is kept, None for nowhere.

    Attributes:
        crops: folder of a face a second.
        record: the annotated movie.
        table: a row a face.
    """

    crops: Path | None = None
    record: Path | None = None
    table: Path | None = None

    def keepers(self, source: Source) -> Iterator[Keeper]:
        """What keeps them."""
        kinds: tuple[tuple[Path | None, Callable[[Path, Source], Keeper]], ...] = (
            (self.crops, CropsKeeper), (self.table, TableKeeper), (self.record, Recorder),
        )  # fmt: skip
        yield from (kind(path, source) for path, kind in kinds if path is not None)


def live(source: Source, reader: Reader, kept: Kept, tell: Callable[[str], None]) -> None:
    """Tells once a second how the faces look, until the source ends.

    Args:
        source: The camera or movie.
        reader: The networks and the known faces.
        kept: What is kept.
        tell: Is given a line a second.

    Raises:
        MovieError: The source breaks.
        OutputError: Something cannot be written.
    """
    with ExitStack() as stack:
        keepers: list[Keeper] = []
        for keeper in kept.keepers(source):
            stack.callback(keeper.close)
            keepers.append(keeper)
        for seen in watch(source, Follower(reader)):
            if isinstance(seen, Moment):
                for keeper in keepers:
                    keeper.add(seen)
                continue
            for keeper in keepers:
                keeper.end(seen)
            tell(line(source.moment(seen.time), seen))
            log.debug("delay %.2f s, %d frames analysed", seen.delay, len(seen.rows))
