"""Makes movies for the benchmarks from another: of any length, size and number of faces."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, islice
from math import ceil, sqrt
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream

from pipeline.faces import Image

X264 = {"preset": "veryfast", "crf": "20"}


def loop(movie: Path, path: Path, minutes: float) -> Path:
    """Repeats a movie's packets without decoding, up to the first key frame after `minutes`."""
    with av.open(str(movie)) as source, av.open(str(path), "w") as target:
        film = source.streams.video[0]
        copy = target.add_stream_from_template(film)
        assert isinstance(copy, VideoStream)
        packets = [p for p in source.demux(film) if p.pts is not None and p.dts is not None]
        end = max((p.pts or 0) + (p.duration or 0) for p in packets)
        length = end - min(p.pts or 0 for p in packets)
        last = round(60 * minutes / Fraction(film.time_base or 1))
        for turn in count():
            source.seek(0)  # Writing a packet consumes it, so each turn reads them again.
            for packet in source.demux(film):
                if packet.pts is None or packet.dts is None:
                    continue
                packet.pts += turn * length
                packet.dts += turn * length
                if packet.is_keyframe and packet.pts >= last:
                    return path
                packet.stream = copy
                target.mux(packet)
    return path


def length(movie: Path) -> int:
    """Counts the frames of a movie by its packets."""
    with av.open(str(movie)) as film:
        return sum(1 for packet in film.demux(video=0) if packet.size)


def pictures(movie: Path, first: int, size: tuple[int, int]) -> Iterator[Image]:
    """Gives all pictures of a movie, scaled to (width, height): from `first` on, then the rest."""
    for begin, stop in ((first, None), (0, first)):
        with av.open(str(movie)) as film:
            for frame in islice(film.decode(video=0), begin, stop):
                picture = frame.reformat(*size, format="rgb24", interpolation=Interpolation.BICUBIC)
                yield np.asarray(picture.to_ndarray(), np.uint8)


def tiled(movie: Path, size: tuple[int, int], copies: int) -> Iterator[Image]:
    """Gives frames that each show several pictures from different times of the movie.

    Two pictures are side by side, four are two by two, shrunk to fit; the rest of the frame is
    black.
    """
    (width, height), columns = size, ceil(sqrt(copies))
    small = (width // columns, height // columns)
    top = (height - small[1] * ceil(copies / columns)) // 2
    shift = length(movie) // copies
    for tiles in zip(*(pictures(movie, n * shift, small) for n in range(copies)), strict=True):
        canvas = np.zeros((height, width, 3), np.uint8)
        for n, tile in enumerate(tiles):
            row, column = divmod(n, columns)
            y, x = top + row * small[1], column * small[0]
            canvas[y : y + small[1], x : x + small[0]] = tile
        yield canvas


def encode(movie: Path, path: Path, size: tuple[int, int], copies: int) -> Path:
    """Writes the movie as H.264 at another size, with copies of its picture in each frame."""
    with av.open(str(movie)) as source, av.open(str(path), "w") as target:
        rate = source.streams.video[0].average_rate
        assert rate is not None
        stream = target.add_stream("libx264", rate, options=X264)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for picture in tiled(movie, size, copies):
            target.mux(stream.encode(VideoFrame.from_ndarray(picture, "rgb24")))
        target.mux(stream.encode(None))
    return path


def sample(movie: Path, folder: Path, frames: int) -> Path:
    """Writes `frames` evenly spaced frames of the movie as RGB arrays, one per file."""
    folder.mkdir(exist_ok=True)
    wanted = set(np.linspace(0, length(movie) - 1, frames).round().astype(int).tolist())
    with av.open(str(movie)) as film:
        for number, frame in enumerate(film.decode(video=0)):
            if number in wanted:
                np.save(folder / f"{number:06}.npy", frame.to_ndarray(format="rgb24"))
    return folder


@dataclass(frozen=True)
class Film:
    """A movie that can be made.

    Attributes:
        size: Width and height in pixels.
        faces: Copies of the picture in each frame.
        minutes: The length.
    """

    size: tuple[int, int]
    faces: int
    minutes: float

    def __str__(self) -> str:
        return f"{self.size[0]}x{self.size[1]}-faces{self.faces}-{self.minutes:g}min"


@dataclass(frozen=True)
class Studio:
    """Makes movies from one movie, each when it is first needed.

    Attributes:
        source: The movie from which all are made.
        folder: The folder for the movies.
    """

    source: Path
    folder: Path

    def movie(self, film: Film) -> Path:
        """Gives the path of the film, looped to its length."""
        path = self.folder / f"{film}.mp4"
        if not path.exists():
            loop(self._turn(film), path.with_suffix(".part.mp4"), film.minutes).rename(path)
        return path

    def frames(self, film: Film, count: int) -> Path:
        """Gives a folder with `count` frames of the film, as arrays."""
        folder = self.folder / f"{film}-{count}frames"
        if not folder.exists():
            sample(self._turn(film), folder.with_suffix(".part"), count).rename(folder)
        return folder

    def _turn(self, film: Film) -> Path:
        """Gives the movie that the film repeats: the source at its size, with its copies."""
        (width, height), faces = film.size, film.faces
        path = self.folder / f"{width}x{height}-faces{faces}.mp4"
        if not path.exists():
            encode(self.source, path.with_suffix(".part.mp4"), film.size, faces).rename(path)
        return path
