"""Measures how many cuts are found in shots spliced at random, and how many where there are none.

python benchmarks/cuts.py [CLIP…]     (clips of one shot each; without any, the shots of the demo)

The shots are also made dark, noisy and flickering, and compressed as such films are: key frames of
dark scenes jump in hue. A second table counts the dissolves and fades in which a cut is found.
"""

import argparse
import io
import random
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import pandas as pd
from av.video.stream import VideoStream
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector, ContentDetector

from pipeline.faces import Image
from pipeline.movie import decode
from pipeline.movie.frame import RgbFrame, shrink
from pipeline.movie.scan import scan_movie
from pipeline.walk.shots import CUT_WIDTH, MIN_CHANGE, mark_cuts, mean_free

DEMO = Path(__file__).parents[1] / "videos" / "demo.mp4"
SIZE = (320, 180)
"""Of the pictures that are compressed; cuts are found at half of it."""

SPLICES = 12
MOVIES = 10
SLOW = (6, 12, 25, 50)
"""Frames of a dissolve, and of a fade out or in."""

LONGEST = 500
"""The most frames of a clip."""

TEN_MINUTES = 15_000
"""Frames."""

Finder = Callable[[list[Image]], set[int]]


def ours(pictures: list[Image]) -> set[int]:
    """Finds cuts as a walk does."""
    frames = (RgbFrame(i, i / 25, picture) for i, picture in enumerate(pictures))
    return {frame.index for frame, cut in mark_cuts(frames) if cut}


def detectors_alone(pictures: list[Image]) -> set[int]:
    """Finds what either of the detectors of a walk finds, without comparing what lies around."""
    content = ContentDetector(min_scene_len=0)
    adaptive = AdaptiveDetector(min_scene_len=0, min_content_val=MIN_CHANGE, luma_only=True)
    cuts: set[int] = set()
    for i, picture in enumerate(pictures):
        bgr = cv2.cvtColor(shrink(picture, CUT_WIDTH), cv2.COLOR_RGB2BGR)
        time = FrameTimecode(i, fps=Fraction(25))
        found = content.process_frame(time, bgr) + adaptive.process_frame(time, mean_free(bgr))
        cuts |= {cut.frame_num for cut in found}
    return cuts


FINDERS: dict[str, Finder] = {"detectors alone": detectors_alone, "as shipped": ours}


def compressed(
    pictures: list[Image], codec: str, options: Mapping[str, str], gop: int, bits: int = 0
) -> list[Image]:
    """Encodes pictures and decodes them again."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        film = cast("VideoStream", container.add_stream(codec, rate=25, options=dict(options)))
        film.width, film.height, film.pix_fmt = *SIZE, "yuv420p"
        film.codec_context.gop_size = gop
        if bits:
            film.codec_context.bit_rate = bits
        for picture in pictures:
            container.mux(film.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(film.encode())
    buffer.seek(0)
    with av.open(buffer, "r") as read:
        frames = [frame.to_ndarray(format="rgb24") for frame in read.decode(video=0)]
    return [np.asarray(frame, np.uint8) for frame in frames]


def usual(pictures: list[Image]) -> list[Image]:
    """As films are usually compressed."""
    return compressed(pictures, "libx264", {"crf": "28", "preset": "veryfast"}, 50)


def dark(pictures: list[Image], gain: float, grain: float) -> list[Image]:
    """Darkens pictures and adds grain, in levels of 0 to 255."""
    rng = np.random.default_rng(0)
    noise = (grain * rng.standard_normal(p.shape, np.float32) for p in pictures)
    return [
        np.clip(p * np.float32(gain) + 2 + n, 0, 255).astype(np.uint8)
        for p, n in zip(pictures, noise, strict=True)
    ]


def lit(pictures: list[Image], light: Callable[[int, np.random.Generator], object]) -> list[Image]:
    """Multiplies each picture by the light at its number: a factor, or one for each column."""
    rng = np.random.default_rng(0)
    factors = (np.reshape(np.asarray(light(i, rng)), (1, -1, 1)) for i in range(len(pictures)))
    return [
        np.clip(p * factor, 0, 255).astype(np.uint8)
        for p, factor in zip(pictures, factors, strict=True)
    ]


def flashed(pictures: list[Image], length: int) -> list[Image]:
    """Adds a flash of so many frames every 60 frames."""
    return [
        (p * 0.4 + 130).astype(np.uint8) if i >= 60 and i % 60 < length else p
        for i, p in enumerate(pictures)
    ]


def woven(pictures: list[Image], most: float) -> list[Image]:
    """Shifts each picture by up to so many pixels, as a worn gate does."""
    rng = np.random.default_rng(0)
    shifts = rng.uniform(-most, most, (len(pictures), 2))
    turns = (np.array([[1, 0, x], [0, 1, y]], np.float32) for x, y in shifts)
    border = cv2.BORDER_REPLICATE
    return [
        np.asarray(cv2.warpAffine(p, turn, SIZE, borderMode=border), np.uint8)
        for p, turn in zip(pictures, turns, strict=True)
    ]


def old_film(pictures: list[Image]) -> list[Image]:
    """Makes pictures unsteady, flickering and grainy."""
    return dark(lit(woven(pictures, 1.5), lambda _, rng: rng.uniform(0.8, 1.2)), 1, 10)


SIDE = np.linspace(0, 1, SIZE[0]) ** 2
"""How much light each column has from a lamp at the right."""

CHEAP, POOR = {"crf": "36", "preset": "veryfast"}, {"crf": "40", "preset": "veryfast"}

MATERIAL: dict[str, Callable[[list[Image]], list[Image]]] = {
    "as it is": usual,
    "grain": lambda p: usual(dark(p, 1, 15)),
    "heavy grain": lambda p: usual(dark(p, 1, 25)),
    "old film": lambda p: usual(old_film(p)),
    "dark": lambda p: usual(dark(p, 0.1, 3)),
    "darker": lambda p: usual(dark(p, 0.06, 1)),
    "dark, MPEG-4": lambda p: compressed(dark(p, 0.05, 4), "mpeg4", {}, 24, 120_000),
    "nearly black, MPEG-4": lambda p: compressed(dark(p, 0.03, 3), "mpeg4", {}, 24, 150_000),
    "nearly black, H.264": lambda p: compressed(dark(p, 0.03, 1), "libx264", CHEAP, 25),
    "nearly black, poor H.264": lambda p: compressed(dark(p, 0.04, 1.5), "libx264", POOR, 25),
    "flicker by a tenth": lambda p: usual(lit(p, lambda _, rng: rng.uniform(0.9, 1.1))),
    "flicker by a quarter": lambda p: usual(lit(p, lambda _, rng: rng.uniform(0.75, 1.25))),
    "flicker by a half": lambda p: usual(lit(p, lambda _, rng: rng.uniform(0.5, 1.5))),
    "half the light, every other frame": lambda p: usual(lit(p, lambda i, _: 1 - i % 2 / 2)),
    "a lamp that flickers": lambda p: usual(
        lit(p, lambda i, _: 1 + SIDE * 0.5 * np.sin(2 * np.pi * 8.3 * i / 25 + 0.3))
    ),
    "flashes of one frame": lambda p: usual(flashed(p, 1)),
    "flashes of two frames": lambda p: usual(flashed(p, 2)),
    "flashes in the dark": lambda p: usual(flashed(dark(p, 0.1, 3), 1)),
}
"""How films may look."""


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


Mix = Callable[[list[Image], list[Image]], list[Image]]
Spans = list[tuple[int, int]]


def dissolved(one: list[Image], other: list[Image]) -> list[Image]:
    """Mixes two stretches of one length, from the first to the second."""
    shares = np.linspace(0, 1, len(one) + 2, dtype=np.float32)[1:-1]
    return [
        (a * (1 - share) + b * share).astype(np.uint8)
        for a, b, share in zip(one, other, shares, strict=True)
    ]


def faded(one: list[Image], other: list[Image]) -> list[Image]:
    """Darkens the first of two stretches to black, then lightens the second."""
    black = [np.zeros_like(one[0])] * len(one)
    return dissolved(one, black) + dissolved(black, other)


def join(
    clips: list[list[Image]], rng: random.Random, n: int, mix: Mix
) -> tuple[list[Image], Spans]:
    """Joins stretches of different clips by mixing `n` frames; gives where they are mixed."""
    long = [clip for clip in clips if len(clip) >= 2 * n + 20]
    pictures = list(rng.choice(long)[: n + 20])
    spans: Spans = []
    for clip in rng.sample(long, min(6, len(long))):
        begin = len(pictures) - n
        pictures[begin:] = mix(pictures[begin:], clip[:n])
        spans.append((begin, len(pictures)))
        pictures += clip[n : 2 * n + 20]
    return pictures, spans


def score(find: Finder, spliced: Iterable[tuple[list[Image], set[int]]]) -> str:
    """Counts the cuts found, and all cuts."""
    hits = total = 0
    for pictures, cuts in spliced:
        hits, total = hits + len(find(pictures) & cuts), total + len(cuts)
    return f"{hits} of {total}"


def false_cuts(find: Finder, shots: Iterable[list[Image]]) -> str:
    """Counts the cuts found in shots without any, in ten minutes."""
    found = frames = 0
    for pictures in shots:
        found, frames = found + len(find(pictures)), frames + len(pictures)
    return f"{found / frames * TEN_MINUTES:.1f}"


def mixed(shots: list[list[Image]], mix: Mix, n: int) -> str:
    """Counts the dissolves or fades of `n` frames with a cut in them, and all."""
    hits = total = 0
    for seed in range(MOVIES):
        pictures, spans = join(shots, random.Random(seed), n, mix)
        found = ours(usual(pictures))
        hits += sum(any(a <= cut <= b for cut in found) for a, b in spans)
        total += len(spans)
    return f"{hits} of {total}"


def shots_of(paths: list[Path]) -> list[list[Image]]:
    """Reads clips of one shot each, or the shots of the demo if there are none."""
    if paths:
        return [small(path, LONGEST) for path in paths]
    cuts = pd.read_csv(DEMO.with_name("demo_cuts.csv"))["frame"].tolist()
    pictures = small(DEMO, None)
    return [pictures[a:b][:LONGEST] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]


def small(path: Path, most: int | None) -> list[Image]:
    """Reads the first frames of a movie, shrunk; None is all of them."""
    scan = scan_movie(path)
    frames = decode.decode_frames(path, scan, 0, min(len(scan), most or len(scan)))
    return [np.asarray(cv2.resize(f.image, SIZE, interpolation=cv2.INTER_AREA)) for f in frames]


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="*")
    shots = shots_of(parser.parse_args().clips)
    between = [splice(shots, random.Random(seed)) for seed in range(MOVIES)]
    within = [splice([shots[seed % len(shots)]], random.Random(seed)) for seed in range(MOVIES)]
    print("| material | cuts by | spliced shots | spliced stretches of one | false in 10 min |")
    print("|---|---|---|---|---|")
    for kind, make in MATERIAL.items():
        joined, same = ([(make(p), cuts) for p, cuts in some] for some in (between, within))
        alone = [make(shot) for shot in shots]
        for name, find in FINDERS.items():
            told = score(find, joined), score(find, same), false_cuts(find, alone)
            print(f"| {kind} | {name} | {' | '.join(told)} |", flush=True)
    print("\n| frames | dissolves with a cut in them | fades out and in |\n|---|---|---|")
    for n in SLOW:
        print(f"| {n} | {mixed(shots, dissolved, n)} | {mixed(shots, faded, n)} |", flush=True)


if __name__ == "__main__":
    main()
