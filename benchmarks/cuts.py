"""Measures how many cuts are found, in clips spliced at random and in the same clips unspliced.

python benchmarks/cuts.py CLIP…     (clips of one shot each)
"""

import argparse
import random
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector, ContentDetector

from pipeline.faces import Image
from pipeline.movie import decode
from pipeline.movie.frame import RgbFrame
from pipeline.movie.scan import scan_movie
from pipeline.walk.shots import mark_cuts

SIZE = (160, 90)
SPLICES = 12
MOVIES = 40

Finder = Callable[[list[Image]], set[int]]


def ours(pictures: list[Image]) -> set[int]:
    """Finds cuts as a walk does."""
    frames = (RgbFrame(i, i / 25, picture) for i, picture in enumerate(pictures))
    return {frame.index for frame, cut in mark_cuts(frames) if cut}


def stock(*detectors: Callable[[], ContentDetector]) -> Finder:
    """Makes a finder of the cuts that any of PySceneDetect's detectors finds."""

    def find(pictures: list[Image]) -> set[int]:
        cuts: set[int] = set()
        for detector in (make() for make in detectors):
            for i, picture in enumerate(pictures):
                bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
                time = FrameTimecode(i, fps=Fraction(25))
                cuts |= {cut.frame_num for cut in detector.process_frame(time, bgr)}
        return cuts

    return find


FINDERS: dict[str, Finder] = {
    "content": stock(lambda: ContentDetector(min_scene_len=0)),
    "content + adaptive, min_content_val 10": stock(
        lambda: ContentDetector(min_scene_len=0),
        lambda: AdaptiveDetector(min_scene_len=0, min_content_val=10),
    ),
    "as shipped": ours,
}


def splice(clips: list[list[Image]], rng: random.Random) -> tuple[list[Image], set[int]]:
    """Joins random stretches of the clips; gives the pictures, and the frames of the cuts."""
    pictures: list[Image] = []
    cuts: set[int] = set()
    for _ in range(SPLICES):
        clip = rng.choice(clips)
        length = rng.randint(12, 40)
        begin = rng.randint(0, max(0, len(clip) - length - 1))
        cuts.add(len(pictures))
        pictures += clip[begin : begin + length]
    return pictures, cuts - {0}


def score(find: Finder, movies: Iterable[tuple[list[Image], set[int]]]) -> str:
    """Counts the cuts found, all cuts, and the false ones."""
    hits = total = false = 0
    for pictures, cuts in movies:
        found = find(pictures)
        hits, total = hits + len(found & cuts), total + len(cuts)
        false += len(found - cuts)
    return f"{hits} of {total}, {false} false"


def small(path: Path) -> list[Image]:
    """Reads the frames of a clip, at most 1,400, at the size at which cuts are found."""
    scan = scan_movie(path)
    frames = decode.decode_frames(path, scan, 0, min(len(scan), 1400))
    return [np.asarray(cv2.resize(f.image, SIZE, interpolation=cv2.INTER_AREA)) for f in frames]


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+")
    clips = [small(path) for path in parser.parse_args().clips]
    between = [splice(clips, random.Random(seed)) for seed in range(MOVIES)]
    within = [splice([clips[seed % len(clips)]], random.Random(seed)) for seed in range(MOVIES)]
    alone: list[tuple[list[Image], set[int]]] = [(clip, set()) for clip in clips]
    print("| detectors | spliced clips | spliced stretches of one clip | unspliced |")
    print("|---|---|---|---|")
    for name, find in FINDERS.items():
        print(f"| {name} | {score(find, between)} | {score(find, within)} | {score(find, alone)} |")


if __name__ == "__main__":
    main()
