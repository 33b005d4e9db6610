"""Frames as they happen: of a camera, or of a movie played at its own speed.

Files are decoded by `video`. A camera is read by OpenCV, which has a driver for every system's
webcams and FFmpeg for network cameras; a movie must be exact to the frame, a camera only quick.
"""

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

SCHEMES = ("http", "https", "rtmp", "rtsp", "rtsps", "udp")
"""How the address of a network camera begins."""

SILENCE = 10.0
"""Seconds without a picture after which a camera is given up."""

MILLISECONDS = round(SILENCE * 1000)

INSTEAD = "play a recorded movie instead: mine-video live --source movie.mp4"

MOST_CAMERAS = 99
"""The highest number of a webcam: OpenCV takes higher ones for other drivers."""

FFMPEG_QUIET = "-8"

Clock = Callable[[], float]
"""Seconds since some moment, as `time.monotonic` gives them."""


class FrameSource(Protocol):
    """Frames as they happen, each with its time since the first."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its frames."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Gives the newest frame whenever it is asked; those between are dropped."""
        ...

    def delay(self, seconds: float) -> float:
        """How long ago a frame of that time happened, in seconds."""
        ...

    def moment(self, seconds: float) -> str:
        """What a clock showed at that time, as `11:11:11`."""
        ...

    def close(self) -> None:
        """Lets the camera go, and ends `frames`, be it in another thread."""
        ...


def paced(
    frames: Iterator[Frame],
    now: Clock = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Frame]:
    """Gives each frame when it is due, and leaves it out where the one after it is due already.

    Args:
        frames: In order; the first is due at once.
        now: The clock.
        sleep: Waits.
    """
    begin: float | None = None
    for frame, following in pairwise(_and_none(frames)):
        if frame is None:
            return
        begin = now() - frame.time if begin is None else begin
        if following is not None and begin + following.time <= now():
            continue
        sleep(max(0.0, begin + frame.time - now()))
        yield frame


def _and_none(frames: Iterator[Frame]) -> Iterator[Frame | None]:
    yield from frames
    yield None


class Movie:
    """A recorded movie at its own speed, by the timestamps of its frames."""

    def __init__(
        self,
        path: Path,
        now: Clock = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        """Scans it.

        Args:
            path: The movie.
            now: The clock.
            sleep: Waits; without, until it is closed at most.

        Raises:
            MovieError: It is missing or cannot be read.
        """
        self._scan = scan.scan_movie(path)
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
            MovieError: It cannot be opened any more.
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
        """The position in the movie, as a clock."""
        whole = int(seconds)
        return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"

    def close(self) -> None:
        """See `FrameSource`."""
        self._closed.set()


class Camera:
    """A webcam or a network camera; a thread reads it, so that the newest frame is at hand."""

    def __init__(self, address: str) -> None:
        """Opens it.

        Args:
            address: The number of a webcam, from 0, or a URL.

        Raises:
            MovieError: There is no such camera, or it gives no picture.
        """
        check_address(address)
        self._name = _told(address)
        self._capture = _opened(address, self._name)
        good, image = self._capture.read()
        if not good:
            self._capture.release()
            raise MovieError(f"{self._name}: gives no picture; {INSTEAD}")
        self._begin, self._began = time.monotonic(), datetime.now()
        self._size = int(image.shape[1]), int(image.shape[0])
        self._newest: tuple[int, float, Image] = (0, 0.0, image)
        self._changed, self._ended, self._closed = Condition(), False, False
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """See `FrameSource`; without the passwords that a URL may hold."""
        return self._name

    @property
    def size(self) -> tuple[int, int]:
        """See `FrameSource`."""
        return self._size

    def _read(self) -> None:
        for index in count(1):
            good, image = self._capture.read()
            with self._changed:
                if good:
                    self._newest = index, time.monotonic() - self._begin, image
                self._ended |= not good
                self._changed.notify_all()
                if self._ended:
                    break
        self._capture.release()

    def frames(self) -> Iterator[Frame]:
        """See `FrameSource`.

        Raises:
            MovieError: It gives no more pictures.
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
                    f"{self._name}: gives no more pictures; see that it is switched on"
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
        """Ends the thread, which lets the camera go."""
        with self._changed:
            self._ended = self._closed = True
            self._changed.notify_all()
        self._thread.join(SILENCE)


def _told(address: str) -> str:
    """What a camera is called: passwords are nobody's business.

    >>> _told("0"), _told("rtsp://me:secret@door/1?password=secret")
    ('camera 0', 'camera rtsp://door/1')
    """
    return f"camera {bare_address(address)}"


def check_address(address: str) -> None:
    """Refuses what can be no camera, without asking for it.

    Raises:
        MovieError: It is neither a number nor a URL.
    """
    try:
        good = address.isdecimal() and int(address) <= MOST_CAMERAS
        parts = urlsplit(address)
        good |= parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:  # Of what begins as IPv6 does, and of a port that is no number.
        good = False
    if not good:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise MovieError(
            f"{_told(address)}: neither a number from 0 to {MOST_CAMERAS} nor an address that "
            f"begins {known}; in a password write / as %2F, # as %23, ? as %3F and @ as %40"
        )


def _opened(address: str, name: str) -> cv2.VideoCapture:
    # What OpenCV and its FFmpeg print of missing cameras says less than the message below.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", FFMPEG_QUIET)
    if address.isdecimal():
        capture, lost = cv2.VideoCapture(int(address)), "there is none;"
    else:
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, MILLISECONDS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC, MILLISECONDS,
        ]  # fmt: skip
        capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
        lost = "cannot be reached; check the address, or"
    if not capture.isOpened():
        raise MovieError(f"{name}: {lost} {INSTEAD}")
    return capture
