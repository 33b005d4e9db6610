"""Finds cuts, tuned for recall: a missed cut mixes two people, a false one only shortens a run."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import cv2
import numpy as np
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector, ContentDetector

from pipeline.faces import Flags, Floats, Image
from pipeline.movie.frame import Frame

LOOK_BACK = 3
LOOK_AHEAD = 2
"""Frames around a frame that decide whether there is a cut before it. The detectors see no others,
so that a part has the same cuts wherever decoding begins."""

CUT_WIDTH = 160
MIN_CHANGE = 8.0
"""Least change of the mean-free luma (0 to 255) that counts as a cut for the adaptive detector."""

PATTERN = (32, 18)
"""Columns and rows of the coarse picture by which frames are compared: grain averages out."""

NOISE = 8.5
"""Contrast in levels (0 to 255) of which nothing can be said: compressed darkness differs so."""

LUMA_NOISE = 1.0
"""The same of the luma alone, when all that is asked is whether two pictures are related."""

ALIKE = 0.985
"""Two frames with this correlation of their coarse pictures are of one shot."""

UNLIKE = 0.6
"""With less correlation than this, no motion and no lamp explains how two frames differ."""

CORRELATED = 0.65
"""With less correlation of their coarse luma, two nearly black frames have little in common."""

TINT = 8.0
"""Greatest difference of the mean chroma (0 to 255) of two frames of one shot."""

DIMMEST = 1 / 3
"""Least factor by which light may change within a shot."""

LIGHT_STEP = 0.05
"""Share by which the mean luma steps where the light changes."""

BEYOND_MOTION, BEYOND_LIGHT = 1.2, 1.8
"""How many times the change between neighbours is no cut yet: of the luma, where things move; of
the colours, where the light changes."""


def mark_cuts(frames: Iterable[Frame]) -> Iterator[tuple[Frame, bool]]:
    """Gives each frame with whether a new shot starts at it, `LOOK_AHEAD` frames late.

    A cut is what either of two detectors finds: one sees cuts between unlike pictures, the other
    those between similar pictures, where the change stands out from the frames around it. The
    second sees luma without its mean: hue and saturation jump at key frames of dark scenes, and
    brightness when a camera corrects its exposure.

    It is none if a frame before it is like one after it: lamps flicker, flashes pass, and the hue
    of darkness is noise. So is what is put in for one or two frames only. `benchmarks/cuts.py` has
    the figures.

    Dissolves and fades are none, but where a detector sees a step in them: the shots on both sides
    stay one.
    """
    # PySceneDetect's filter of minimum lengths has state, which would differ with where a part
    # begins: it is off, and without it the frame rate has no influence.
    rate = Fraction(25)
    content = ContentDetector(min_scene_len=0)
    adaptive = AdaptiveDetector(min_scene_len=0, min_content_val=MIN_CHANGE, luma_only=True)
    waiting: deque[tuple[Frame, Image]] = deque()
    before: deque[Image] = deque(maxlen=LOOK_BACK)
    cuts: set[int] = set()

    def decided(position: int) -> tuple[Frame, bool]:
        after = [picture for _, picture in waiting]
        frame, picture = waiting.popleft()
        cut = position in cuts and _differ([*before, *after], len(before))
        before.append(picture)
        return frame, cut

    seen = 0
    for frame in frames:
        small = cv2.cvtColor(frame.shrunk(CUT_WIDTH), cv2.COLOR_RGB2BGR)
        timecode = FrameTimecode(seen, fps=rate)
        detected = content.process_frame(timecode, small)
        detected += adaptive.process_frame(timecode, mean_free(small))
        cuts.update(cut.frame_num for cut in detected)
        seen += 1
        waiting.append((frame, small))
        if len(waiting) > LOOK_AHEAD:
            yield decided(seen - len(waiting))
    while waiting:
        yield decided(seen - len(waiting))


def mean_free(bgr: Image) -> Image:
    """The luma with its mean moved to 128, in all three channels."""
    luma = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(np.float32)
    centred = np.clip(luma - luma.mean() + 128, 0, 255).astype(np.uint8)
    return cv2.cvtColor(centred, cv2.COLOR_GRAY2BGR)


def _differ(pictures: Sequence[Image], cut: int) -> bool:
    """Whether the pictures before a cut differ from those from it on, however bright the light is.

    They do where no two across are alike, or even related: the second is asked for the luma of
    nearly black pictures, whose contrast is less than what compression does to colours. Where
    neighbours on one side differ about as much, things move or a lamp flickers, and it is no cut.
    """
    fields = np.stack([_coarse(picture) for picture in pictures])
    mean = fields.mean(axis=(1, 2))
    free = fields - mean[:, None, None]
    return _colours_differ(free, mean, cut) or _unrelated(free[..., :1], cut)


def _colours_differ(free: Floats, mean: Floats, cut: int) -> bool:
    """Whether no two pictures across a cut are alike, given without their mean colours."""
    dimming = _dimming(free)
    colours = _correlations(free, NOISE, dimming)
    if colours[:cut, cut:].max() < UNLIKE:
        return True
    across = np.where(_same_tint(mean[:, 1:], dimming), colours, -1)[:cut, cut:].max()
    before, after = mean[cut - 1, 0], mean[cut, 0]
    lit = abs(after - before) >= LIGHT_STEP * max(min(before, after), NOISE)
    return across < ALIKE and _stands_out(across, colours, cut, BEYOND_LIGHT if lit else 1)


def _unrelated(luma: Floats, cut: int) -> bool:
    """Whether no two pictures across a cut have much in common, given without their mean.

    A codec that holds the picture from one key frame to the next shows at once what has changed
    meanwhile. Of nearly black pictures that cannot be told from a cut, and is none.
    """
    held = not np.delete(np.diff(luma, axis=0), cut - 1, axis=0).any()
    correlations = _correlations(luma, LUMA_NOISE, np.ones((len(luma),) * 2, np.float32))
    across = correlations[:cut, cut:].max()
    stands_out = _stands_out(across, correlations, cut, BEYOND_MOTION)
    return bool(across < CORRELATED and stands_out and not held)


def _coarse(bgr: Image) -> Floats:
    """Luma and chroma of so few pixels that grain averages out, `(18, 32, 3)`."""
    fields = cv2.cvtColor(bgr, cv2.COLOR_BGR2YCrCb)
    return cv2.resize(fields, PATTERN, interpolation=cv2.INTER_AREA).astype(np.float32)


def _dimming(free: Floats) -> Floats:
    """By what to multiply each picture `(n, h, w, c)` so that it has the contrast of each other.

    Only brighter ones are dimmed, as noise would grow with the others: `(n, n)`, up to 1.
    """
    contrast = np.sqrt((free**2).mean(axis=(1, 2, 3)))
    return np.clip(contrast / np.maximum(contrast[:, None], 1e-6), DIMMEST, 1)


def _correlations(free: Floats, noise: float, dimming: Floats) -> Floats:
    """Correlations `(n, n)` of pictures without their mean, dimmed; noise is equal in all."""
    values = free.reshape(len(free), -1)
    products = values @ values.T / float(values.shape[1])
    powers = products.diagonal()[:, None] * dimming**2 + noise**2
    shared = products * dimming * dimming.T + noise**2
    return np.asarray(shared / np.sqrt(powers * powers.T), np.float32)


def _same_tint(chroma: Floats, dimming: Floats) -> Flags:
    """Which of the pictures have the same mean chroma in the same light, `(n, n)`."""
    tint = (chroma - 128)[:, None] * dimming[..., None]
    return np.abs(tint - tint.swapaxes(0, 1)).max(axis=2) <= TINT


def _stands_out(across: float, correlations: Floats, cut: int, factor: float) -> bool:
    """Whether a change is more than this factor times the greatest between neighbours on a side."""
    neighbours = np.delete(np.diagonal(correlations, 1), cut - 1)
    return bool(1 - across > factor * (1 - neighbours.min(initial=1)))
