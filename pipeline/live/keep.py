"""What is kept of a stream: pictures, a table, a recording."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Protocol

import numpy as np
import pandas as pd
from PIL import Image as Pillow

from pipeline import crops, files
from pipeline.disk import faces_csv
from pipeline.errors import OutputError
from pipeline.faces import EMOTIONS, UNKNOWN, FaceRow, Image
from pipeline.live.follow import FollowedFrame
from pipeline.live.reader import shares
from pipeline.live.summary import Second
from pipeline.movie.camera import FrameSource
from pipeline.movie.encode import FilmPicture, write_mp4
from pipeline.report.panel import Painter

DIGITS = 5
"""Of the second in the names of pictures."""

TICKS = 1000
"""Of a recording, in a second."""

LAST = 40
"""Milliseconds that the last picture of a recording is shown for."""


class StreamSink(Protocol):
    """Keeps something of what is seen."""

    def add(self, moment: FollowedFrame) -> None:
        """Is told of every analysed frame."""
        ...

    def end(self, second: Second) -> None:
        """Is told of every second, after its frames."""
        ...

    def close(self) -> None:
        """Is told that no more is to come."""
        ...


class CropSink:
    """Writes a face a second as the emotion network sees it: 48x48, grey, centred."""

    def __init__(self, folder: Path, source: FrameSource) -> None:
        """Writes nothing yet.

        Raises:
            OutputError: There are such pictures already: nobody could tell which are whose.
        """
        if any(folder.glob(f"{'[0-9]' * DIGITS}_*.png")):
            raise OutputError(
                f"{folder}: holds the pictures of an earlier stream; name another folder"
            )
        self._folder, self._source = folder, source

    def add(self, moment: FollowedFrame) -> None:
        """See `StreamSink`."""

    def end(self, second: Second) -> None:
        """See `StreamSink`.

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
        what = f"{second.time:0{DIGITS}d}_{moment}_{row.person or UNKNOWN}_{look}.png"
        data = io.BytesIO()
        Pillow.fromarray(face).save(data, "PNG")
        with files.replacing(self._folder / what) as file:
            file.write(data.getvalue())

    def close(self) -> None:
        """See `StreamSink`."""


class TableSink:
    """Writes a row a face as faces.csv has them, on disk after each second."""

    def __init__(self, path: Path, source: FrameSource) -> None:
        """Begins the file.

        Raises:
            OutputError: It cannot be written.
        """
        self._path, self._name = path, source.name
        try:
            self._file = path.open("w", encoding="utf-8", newline="", errors="backslashreplace")
        except OSError as error:
            raise _unwritten(path, error) from error
        self._write(f"{faces_csv.HEADER}\n")

    def add(self, moment: FollowedFrame) -> None:
        """See `StreamSink`."""

    def end(self, second: Second) -> None:
        """See `StreamSink`.

        Raises:
            OutputError: It cannot be written.
        """
        named = [row._replace(video=self._name) for rows in second.rows for row in rows]
        self._write(
            "".join(faces_csv.csv_lines(pd.DataFrame(named, columns=list(FaceRow._fields))))
        )

    def _write(self, text: str) -> None:
        try:
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            raise _unwritten(self._path, error) from error

    def close(self) -> None:
        """See `StreamSink`.

        Raises:
            OutputError: What could not be written before cannot be now.
        """
        try:
            self._file.close()
        except OSError as error:
            raise _unwritten(self._path, error) from error


def _unwritten(path: Path, error: OSError) -> OutputError:
    told = error.strerror or error
    return OutputError(f"{path}: cannot be written ({told}); choose another place")


class Recorder:
    """Writes the frames with the faces drawn in, in a thread of its own."""

    def __init__(self, path: Path, source: FrameSource) -> None:
        self._path = path
        self._painter = Painter(*source.size)
        self._queue: Queue[FilmPicture | None] = Queue(maxsize=8)
        self._held: tuple[int, Image] | None = None
        self._failed: BaseException | None = None
        self._thread = Thread(target=self._write)
        self._thread.start()

    def add(self, moment: FollowedFrame) -> None:
        """See `StreamSink`."""
        tick = round(moment.frame.time * TICKS)
        self._pass_on(tick)
        self._held = tick, self._painter.paint(moment.frame.image, moment.marks())

    def end(self, second: Second) -> None:
        """See `StreamSink`."""

    def _pass_on(self, tick: int) -> None:
        """Sends the picture before, now that it is known how long it lasts.

        Raises:
            OutputError: One before could not be written.
        """
        if self._failed is not None:
            raise self._failed
        held, self._held = self._held, None  # At once, or Ctrl-C might have it sent twice.
        if held is not None and tick > held[0]:
            self._queue.put(FilmPicture(held[1], held[0], tick - held[0]))

    def _write(self) -> None:
        pictures = iter(self._queue.get, None)
        try:
            write_mp4(self._path, pictures, Fraction(1, TICKS))
        except BaseException as error:  # Told where it is waited for.
            self._failed = error
            for _ in pictures:  # The same, which knows whether the end was seen.
                pass

    def close(self) -> None:
        """Writes what is left.

        Raises:
            OutputError: It could not be written.
        """
        try:
            if self._failed is None and self._held is not None:
                self._pass_on(self._held[0] + LAST)
        finally:  # Whatever happened: nobody else ends the thread.
            self._queue.put(None)
            self._thread.join()
        if self._failed is not None:
            raise self._failed


@dataclass(frozen=True, slots=True)
class StreamOutputs:
    """Where something of what is seen is kept, None for nowhere.

    Attributes:
        crops: folder of a face a second.
        record: the annotated movie.
        table: a row a face.
    """

    crops: Path | None = None
    record: Path | None = None
    table: Path | None = None

    def keepers(self, source: FrameSource) -> Iterator[StreamSink]:
        """What keeps them."""
        kinds: tuple[tuple[Path | None, Callable[[Path, FrameSource], StreamSink]], ...] = (
            (self.crops, CropSink), (self.table, TableSink), (self.record, Recorder),
        )  # fmt: skip
        yield from (kind(path, source) for path, kind in kinds if path is not None)
