"""Saves parts of a live stream: pictures of faces, a table, a recording."""

import io
import os
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
"""Digits of the second in the names of pictures."""

TICKS = 1000
"""Ticks of a recording in a second."""

LAST = 40
"""Milliseconds for which the last picture of a recording is shown."""


class StreamSink(Protocol):
    """Saves something of a stream."""

    def add(self, moment: FollowedFrame) -> None:
        """Called for every analysed frame."""
        ...

    def end(self, second: Second) -> None:
        """Called for every second, after its frames."""
        ...

    def close(self) -> None:
        """Called once at the end, whether or not an error ended the stream."""
        ...


class CropSink:
    """Writes one face a second as the emotion network sees it: 48x48, grey, centred."""

    def __init__(self, folder: Path, source: FrameSource) -> None:
        """Checks the folder, but writes nothing yet.

        Raises:
            OutputError: The folder holds pictures of an earlier stream; those of two streams could
                not be told apart.
        """
        if any(folder.glob(f"{'[0-9]' * DIGITS}_*.png")):
            raise OutputError(
                f"{folder}: already holds pictures of an earlier stream; choose another folder "
                "with --save-crops"
            )
        self._folder, self._source = folder, source

    def add(self, moment: FollowedFrame) -> None:
        """See `StreamSink`."""

    def end(self, second: Second) -> None:
        """See `StreamSink`.

        Raises:
            OutputError: The picture cannot be written.
        """
        if second.best is None:
            return
        frame, row, label, _ = second.best
        box = np.array((row.x1, row.y1, row.x2, row.y2), np.float32)
        face = crops.resized(crops.grey_face(frame, box), crops.EMOTION_SIDE)
        moment = self._source.moment(second.time).replace(":", "-")
        look = f"{EMOTIONS[label]}{round(100 * float(shares(row)[label])):02d}"
        name = f"{second.time:0{DIGITS}d}_{moment}_{row.person or UNKNOWN}_{look}.png"
        data = io.BytesIO()
        Pillow.fromarray(face).save(data, "PNG")
        with files.replacing(self._folder / name) as file:
            file.write(data.getvalue())

    def close(self) -> None:
        """See `StreamSink`."""


class TableSink:
    """Writes a row for each face, as in faces.csv; each second is on disk when the next begins."""

    def __init__(self, path: Path, source: FrameSource) -> None:
        """Starts the file with its header.

        Raises:
            OutputError: The file cannot be written.
        """
        self._path, self._name = path, source.name
        try:
            self._file = path.open("w", encoding="utf-8", newline="", errors="backslashreplace")
        except OSError as error:
            raise _write_error(path, error) from error
        self._write(f"{faces_csv.HEADER}\n")

    def add(self, moment: FollowedFrame) -> None:
        """See `StreamSink`."""

    def end(self, second: Second) -> None:
        """See `StreamSink`.

        Raises:
            OutputError: The file cannot be written.
        """
        named = [row._replace(video=self._name) for rows in second.rows for row in rows]
        self._write(
            "".join(faces_csv.csv_lines(pd.DataFrame(named, columns=list(FaceRow._fields))))
        )

    def _write(self, text: str) -> None:
        try:
            self._file.write(text)
            self._file.flush()
            if self._path.is_file():  # Not a pipe.
                os.fsync(self._file.fileno())
        except OSError as error:
            raise _write_error(self._path, error) from error

    def close(self) -> None:
        """See `StreamSink`.

        Raises:
            OutputError: The rest of the file cannot be written.
        """
        try:
            self._file.close()
        except OSError as error:
            raise _write_error(self._path, error) from error


def _write_error(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or error
    return OutputError(f"{path}: cannot be written ({reason}); choose another file with --csv")


class Recorder:
    """Writes the frames with their faces marked, in a thread of its own."""

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
        """Sends the previous picture to the writer, now that its duration is known.

        Raises:
            OutputError: An earlier picture could not be written.
        """
        if self._failed is not None:
            raise self._failed
        # Cleared before it is sent: after Ctrl-C in between, `close` must not send it again.
        held, self._held = self._held, None
        if held is not None and tick > held[0]:
            self._queue.put(FilmPicture(held[1], held[0], tick - held[0]))

    def _write(self) -> None:
        pictures = iter(self._queue.get, None)
        try:
            write_mp4(self._path, pictures, Fraction(1, TICKS))
        except BaseException as error:  # The main thread raises it at its next call.
            self._failed = error
            # Empties the queue, or the main thread would wait for room in it for ever. It must be
            # the same iterator: it knows whether the end was read already, which comes only once.
            for _ in pictures:
                pass

    def close(self) -> None:
        """Writes what is left.

        Raises:
            OutputError: The recording could not be written.
        """
        try:
            if self._failed is None and self._held is not None:
                self._pass_on(self._held[0] + LAST)
        finally:  # Even after an error: nothing else ends the thread.
            self._queue.put(None)
            self._thread.join()
        if self._failed is not None:
            raise self._failed


@dataclass(frozen=True, slots=True)
class StreamOutputs:
    """Where parts of a stream are saved; None saves nothing.

    Attributes:
        crops: Folder for the picture of one face a second.
        record: File for the recording with marked faces.
        table: File for the table with a row for each face.
    """

    crops: Path | None = None
    record: Path | None = None
    table: Path | None = None

    def keepers(self, source: FrameSource) -> Iterator[StreamSink]:
        """Yields the sinks that write them.

        Raises:
            OutputError: A file cannot be written.
        """
        kinds: tuple[tuple[Path | None, Callable[[Path, FrameSource], StreamSink]], ...] = (
            (self.crops, CropSink), (self.table, TableSink), (self.record, Recorder),
        )  # fmt: skip
        yield from (kind(path, source) for path, kind in kinds if path is not None)
