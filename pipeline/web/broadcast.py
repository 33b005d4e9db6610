"""The live stream: one source at a time, watched by any number of browsers."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from threading import Event, Lock, Thread

from pipeline.errors import MiningError
from pipeline.live.follow import Follower, watch
from pipeline.live.reader import Reader
from pipeline.movie.camera import FrameSource
from pipeline.report.panel import Painter
from pipeline.web.readings import FaceReading, face_reading, jpeg_bytes

log = logging.getLogger(__name__)

UNWATCHED_SECONDS = 15.0
"""Seconds without a viewer after which the camera is released."""

GLANCE = 0.02
"""Seconds between two checks for a new picture."""

BORDER = b"frame"


@dataclass(frozen=True, slots=True)
class BroadcastFrame:
    """The picture that the page shows now.

    Attributes:
        source: name of the camera or movie, "" for none.
        play: counts the sources played; each begins with picture 1 again.
        running: whether more pictures will come.
        number: number of the picture, from 1; 0 if there is none yet.
        picture: JPEG with the faces drawn in.
        faces: the faces in the picture.
        delay: seconds from when it happened to when it was analysed.
        error: why the stream ended, if it failed.
    """

    source: str = ""
    play: int = field(default=0, compare=False)
    running: bool = False
    number: int = 0
    picture: bytes = b""
    faces: list[FaceReading] = field(default_factory=list)
    delay: float = 0.0
    error: str = ""


class Broadcast:
    """Plays a source in a thread, and keeps the newest picture."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._scene, self._plays = BroadcastFrame(), 0
        self._source: FrameSource | None = None
        self._looked = 0.0
        self._stop, self._thread = Event(), Thread()
        self._changing = Lock()

    @property
    def scene(self) -> BroadcastFrame:
        """The newest picture; reading this counts as watching, and keeps the source playing."""
        self._looked = time.monotonic()
        return self._scene

    def play(self, opened: Callable[[], FrameSource]) -> None:
        """Plays a source in place of the current one.

        Args:
            opened: Opens the source. Called once the current one is closed, because a camera can
                be open only once.

        Raises:
            MovieError: The source cannot be opened.
        """
        with self._changing:
            self._end()
            self._source = source = opened()
            self._looked = time.monotonic()
            self._plays += 1
            self._scene = BroadcastFrame(source.name, self._plays, running=True)
            self._stop = Event()
            self._thread = Thread(target=self._run, args=(source, self._stop), daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stops the current source and shows nothing."""
        with self._changing:
            self._end()

    def _end(self) -> None:
        self._stop.set()
        if self._source is not None:
            self._source.close()  # Otherwise the thread might wait long for the next picture.
            self._thread.join()
        self._source = None
        self._scene = BroadcastFrame()

    def _run(self, source: FrameSource, stop: Event) -> None:
        error = ""
        try:
            self._show(source, stop)
        except MiningError as problem:
            error = str(problem)
        except Exception:
            log.exception("%s: this is a bug; please report it", source.name)
            error = "stopped by a bug; please report it, with the lines in the terminal"
        finally:
            source.close()
            self._scene = replace(self._scene, running=False, error=error)

    def _show(self, source: FrameSource, stop: Event) -> None:
        painter = Painter(*source.size)
        for seen in watch(source, Follower(self._reader.now())):
            if stop.is_set() or time.monotonic() - self._looked > UNWATCHED_SECONDS:
                return
            picture = jpeg_bytes(painter.paint(seen.frame.image, seen.marks()))
            pairs = zip(seen.rows, seen.labels, strict=True)
            self._scene = replace(
                self._scene,
                number=self._scene.number + 1,
                picture=picture,
                faces=[face_reading(row, label) for row, label in pairs],
                delay=source.delay(seen.frame.time),
            )

    async def pictures(self) -> AsyncIterator[bytes]:
        """Yields the pictures from now on, each as a part of `multipart/x-mixed-replace`."""
        last = 0, 0
        while (scene := self.scene).running:
            if scene.number and (scene.play, scene.number) != last:
                last = scene.play, scene.number
                yield _part(scene.picture)
            await asyncio.sleep(GLANCE)
        if scene.picture:  # Send the last one twice: browsers show a part when the next begins.
            yield _part(scene.picture)


def _part(picture: bytes) -> bytes:
    head = b"--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
    return head % (BORDER, len(picture)) + picture + b"\r\n"
