"""Decodes a movie and does nothing else; for measuring. HOW is opencv, pyav or pyav-auto.

python benchmarks/decode.py HOW MOVIE
"""

import sys
from pathlib import Path

import av
import cv2
from measure import clock

HOW = {
    "opencv": "OpenCV, its own threads",
    "pyav": "PyAV, one thread",
    "pyav-auto": "PyAV, AUTO threads",
}


def opencv(movie: Path) -> int:
    """Reads all frames with OpenCV's defaults, as BGR."""
    film = cv2.VideoCapture(str(movie))
    frames = 0
    while film.read()[0]:
        frames += 1
    film.release()
    return frames


def pyav(movie: Path, *, threads: bool) -> int:
    """Decodes all frames with PyAV without converting them from YUV."""
    with av.open(str(movie)) as film:
        stream = film.streams.video[0]
        stream.thread_type = "AUTO" if threads else "NONE"
        stream.codec_context.thread_count = 0 if threads else 1
        return sum(1 for _ in film.decode(stream))


def main() -> None:
    """Prints frames, seconds and CPU seconds as JSON."""
    how, movie = sys.argv[1], Path(sys.argv[2])
    clock(lambda: opencv(movie) if how == "opencv" else pyav(movie, threads=how == "pyav-auto"))


if __name__ == "__main__":
    main()
