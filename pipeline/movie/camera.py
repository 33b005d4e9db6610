"""Live frames: from a camera, or from a recorded movie played at its own speed.

`decode` decodes movies, because their frames must be exact. OpenCV reads cameras, where only speed
matters: it has a driver for the webcams of every system, and FFmpeg for network cameras.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Protocol
from urllib.parse import urlsplit

import cv2

from pipeline.errors import MovieError
from pipeline.faces import Image
from pipeline.movie import decode, scan
from pipeline.movie.frame import Frame, RgbFrame
from pipeline.movie.remote import bare_address

log = logging.getLogger(__name__)

SCHEMES = ("http", "https", "rtmp", "rtsp", "rtsps", "udp")
"""The URL schemes of network cameras."""

SILENCE = 10.0
"""Seconds without a picture after which a camera counts as dead."""

MILLISECONDS = round(SILENCE * 1000)

INSTEAD = "play a recorded movie instead: mine-video live --source movie.mp4"

MOST_CAMERAS = 99
"""The highest webcam number: in higher ones OpenCV encodes which driver to use."""

FFMPEG_QUIET = "-8"
"""FFmpeg's AV_LOG_QUIET."""

Clock = Callable[[], float]
"""Returns seconds since an arbitrary moment, like `time.monotonic`."""


class FrameSource(Protocol):
    """A source of live frames, each with its time since the first."""

    @property
    def name(self) -> str:
        """The name to show to the user."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames in pixels."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Yields the newest frame each time; frames that arrived in between are dropped."""
        ...

    def delay(self, seconds: float) -> float:
        """How many seconds ago the frame with this time happened."""
        ...

    def moment(self, seconds: float) -> str:
        """What a clock showed at this frame time, as `11:11:11`."""
        ...

    def close(self) -> None:
        """Releases the source and ends `frames`, even if another thread is waiting in it."""
        ...


def paced(
    frames: Iterator[Frame],
    now: Clock = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Frame]:
    """Yields each frame when it is due; drops it if the next frame is already due.

    The last frame is always yielded, however late.

    Args:
        frames: Frames in order of time; the first is due at once.
        now: The clock.
        sleep: Waits for a number of seconds.
    """
    begin: float | None = None
    for frame, following in pairwise(_with_none_last(frames)):
        if frame is None:
            return
        begin = now() - frame.time if begin is None else begin
        if following is not None and begin + following.time <= now():
            continue
        sleep(max(0.0, begin + frame.time - now()))
        yield frame


def _with_none_last(frames: Iterator[Frame]) -> Iterator[Frame | None]:
    yield from frames
    yield None


class Movie:
    """A recorded movie, played at its own speed by the timestamps of its frames."""

    def __init__(
        self,
        path: Path,
        now: Clock = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        """Scans the movie.

        Args:
            path: The movie.
            now: The clock.
            sleep: Waits for a number of seconds. The default also returns as soon as the movie
                is closed.

        Raises:
            MovieError: The movie is missing or cannot be read.
        """
        self._scan = scan.scan_movie(path)
        for warning in self._scan.warnings:
            log.warning("%s: %s", path, warning)
        self._closed = Event()
        self._path, self._now, self._sleep = path, now, sleep or self._closed.wait
        self._begin = now()

    @property
    def name(self) -> str:
        """See `FrameSource`."""
        return self._path.name

    @property
    def size(self) -> tuple[int, int]:
        """See `FrameSource`."""
        return self._scan.stream.size

    def frames(self) -> Iterator[Frame]:
        """See `FrameSource`.

        Raises:
            MovieError: The movie can no longer be opened.
        """
        decoded = decode.decode_frames(self._path, self._scan, 0, len(self._scan))
        self._begin = self._now() - float(self._scan.times[0])
        for frame in paced(decoded, self._now, self._sleep):
            if self._closed.is_set():
                return
            yield frame

    def delay(self, seconds: float) -> float:
        """See `FrameSource`."""
        return self._now() - self._begin - seconds

    def moment(self, seconds: float) -> str:
        """The position in the movie, as `01:02:03`."""
        whole = int(seconds)
        return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"

    def close(self) -> None:
        """See `FrameSource`."""
        self._closed.set()


class Camera:
    """A webcam or a network camera.

    A thread reads it all the time, so that `frames` gives the newest picture, not the oldest one
    in the queue of the driver.
    """

    def __init__(self, address: str) -> None:
        """Opens the camera and waits for its first picture.

        Args:
            address: The number of a webcam, from 0, or a URL.

        Raises:
            MovieError: There is no such camera, or it sends no picture.
        """
        check_address(address)
        self._name = _camera_name(address)
        self._capture = _open_capture(address, self._name)
        received, image = self._capture.read()
        if not received:
            self._capture.release()
            raise MovieError(f"{self._name}: sends no picture; {INSTEAD}")
        self._begin, self._began = time.monotonic(), datetime.now()
        self._size = int(image.shape[1]), int(image.shape[0])
        self._newest: tuple[int, float, Image] = (0, 0.0, image)
        self._changed, self._ended, self._closed = Condition(), False, False
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """See `FrameSource`; contains no password from the URL."""
        return self._name

    @property
    def size(self) -> tuple[int, int]:
        """See `FrameSource`."""
        return self._size

    def _read(self) -> None:
        for index in count(1):
            received, image = self._capture.read()
            with self._changed:
                if received:
                    self._newest = index, time.monotonic() - self._begin, image
                self._ended |= not received
                self._changed.notify_all()
                if self._ended:
                    break
        self._capture.release()

    def frames(self) -> Iterator[Frame]:
        """See `FrameSource`.

        Raises:
            MovieError: The camera sends no more pictures.
        """
        last = -1
        while True:
            with self._changed:
                self._changed.wait_for(partial(self._is_new, last), SILENCE)
                index, seconds, image = self._newest
            if self._closed:
                return
            if index == last:
                raise MovieError(
                    f"{self._name}: sends no more pictures; check that it is switched on"
                )
            last = index
            yield RgbFrame(index, seconds, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))

    def _is_new(self, last: int) -> bool:
        return self._ended or self._newest[0] > last

    def delay(self, seconds: float) -> float:
        """See `FrameSource`."""
        return time.monotonic() - self._begin - seconds

    def moment(self, seconds: float) -> str:
        """The time of day."""
        return datetime.fromtimestamp(self._began.timestamp() + seconds).strftime("%H:%M:%S")

    def close(self) -> None:
        """Ends the thread, which then releases the camera."""
        with self._changed:
            self._ended = self._closed = True
            self._changed.notify_all()
        self._thread.join(SILENCE)


def _camera_name(address: str) -> str:
    """The name of a camera to show to the user, without passwords.

    >>> _camera_name("0"), _camera_name("rtsp://me:secret@door/1?password=secret")
    ('camera 0', 'camera rtsp://door/1')
    """
    return f"camera {bare_address(address)}"


def check_address(address: str) -> None:
    """Refuses an address that cannot be a camera, without connecting to it.

    Raises:
        MovieError: The address is neither a number nor a URL.
    """
    try:
        valid = address.isdecimal() and int(address) <= MOST_CAMERAS
        parts = urlsplit(address)
        valid |= parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:  # Raised for a malformed IPv6 address or a port that is not a number.
        valid = False
    if not valid:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise MovieError(
            f"{_camera_name(address)}: neither a number from 0 to {MOST_CAMERAS} nor an address "
            f"that starts with one of {known}; in a password write / as %2F, # as %23, ? as %3F "
            "and @ as %40"
        )


def _open_capture(address: str, name: str) -> cv2.VideoCapture:
    # OpenCV and its FFmpeg print less useful messages about missing cameras than the one below.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", FFMPEG_QUIET)
    if address.isdecimal():
        capture, reason = cv2.VideoCapture(int(address)), "no such camera;"
    else:
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, MILLISECONDS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC, MILLISECONDS,
        ]  # fmt: skip
        capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
        reason = "cannot be reached; check the address, or"
    if not capture.isOpened():
        raise MovieError(f"{name}: {reason} {INSTEAD}")
    return capture
