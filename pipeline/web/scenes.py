"""The whole frame and the sound of what was picked, read from the movie itself, for page Review."""

import io
import wave
from pathlib import Path
from threading import Lock

import numpy as np

from pipeline.disk import manifest as manifests
from pipeline.disk.manifest import Manifest
from pipeline.errors import MovieError, TableError
from pipeline.faces import BOX
from pipeline.movie.decode import decode_frames
from pipeline.movie.frame import shrink
from pipeline.movie.sound import SOUND_RATE, Samples, read_sound, sound_layout
from pipeline.report.panel import colour, outline
from pipeline.settings import Job
from pipeline.web.readings import SHOWN_WIDTH, jpeg_bytes

LONGEST_SOUND = 60.0
"""Seconds of sound that are sent at most: 12 MB."""

OVERTAKEN = "another frame of this movie was asked for since; ask again"

THIN, THICK = 1, 3
"""Pixels of the lines around a face."""


class Scenes:
    """Reads from walked movies, from one at a time: a decoder of a large film takes memory."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._reading = Lock()
        self._asked: dict[Path, object] = {}  # What was asked for last, by the movie's folder.

    def still(self, folder: Path, crop: dict[str, str]) -> bytes:
        """A crop's whole frame as JPEG, with a box around the face.

        While another is read, only the frame of a movie that was asked for last waits.

        Args:
            folder: A movie's folder.
            crop: The crop's row in crops.csv.

        Raises:
            MovieError: The movie is not where it was walked, the frame does not decode, or another
                one was asked for meanwhile.
            TableError: The walk is damaged, or the crop is from an earlier walk.
        """
        walk, number = manifests.read(folder), int(crop["frame"])
        if number >= len(walk.scan):
            raise TableError(f"{folder}: this crop is from an earlier walk; pick again")
        movie = self._movie(walk)
        self._asked[folder] = own = object()
        with self._reading:
            if self._asked[folder] is not own:
                raise MovieError(f"{movie}: {OVERTAKEN}")
            frames = list(decode_frames(movie, walk.scan, number, number + 1))
        if not frames:
            raise MovieError(f"{movie}: frame {number} does not decode; the file is damaged there")
        image = np.array(shrink(frames[0].image, SHOWN_WIDTH))
        scale = image.shape[1] / walk.scan.stream.size[0]
        x1, y1, x2, y2 = (round(float(crop[side]) * scale) for side in BOX)
        outline(image, (x1, y1, x2, y2), colour(crop["emotion"]), THIN, THICK)
        return jpeg_bytes(image)

    def sound(self, folder: Path, start: float, seconds: float) -> bytes:
        """A stretch of a movie's sound as WAV, of `LONGEST_SOUND` at most; empty if it has none.

        Args:
            folder: A movie's folder.
            start: Seconds into the movie.
            seconds: The length.

        Raises:
            MovieError: The movie is not where it was walked.
            TableError: The walk is damaged.
        """
        walk = manifests.read(folder)
        movie, count = self._movie(walk), round(min(seconds, LONGEST_SOUND) * SOUND_RATE)
        with self._reading:
            layout = sound_layout(movie, walk.scan.stream.number)
            blocks = list(read_sound(movie, layout, start, count, walk.scan)) if layout else []
        return _wav(blocks) if blocks else b""

    def _movie(self, walk: Manifest) -> Path:
        """The movie, which is never asked of another computer because walk.json says so."""
        try:
            return manifests.movie_of(walk, None, allow_remote=self._job.allow_remote)
        except MovieError as error:
            why = str(error).partition("; ")[0]
            raise MovieError(f"{why}; only it has the whole frames and the sound") from error


def _wav(blocks: list[Samples]) -> bytes:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(len(blocks[0]))
        file.setsampwidth(2)
        file.setframerate(SOUND_RATE)
        for block in blocks:
            file.writeframesraw(block.T.astype("<i2").tobytes())
    return data.getvalue()
