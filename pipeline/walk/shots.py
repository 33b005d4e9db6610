"""Finds cuts, tuned for recall: a missed cut mixes two people, a false one only shortens a run."""

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

import cv2
import numpy as np
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector, ContentDetector

from pipeline.faces import Floats, Image
from pipeline.movie.frame import Frame

LOOK_BACK = 3
LOOK_AHEAD = 2
"""Frames around a frame that decide whether there is a cut before it. The detectors see no others,
so that a part has the same cuts wherever decoding begins."""

CUTS = "2"
"""Version of the rules of cuts: parts of one walk are all made by the same one."""

CUT_WIDTH = 160
MIN_CHANGE = 8.0
"""Least change of the mean-free luma (0 to 255) that counts as a cut for the adaptive detector."""

PATTERN = (32, 18)
"""Columns and rows of the coarse picture by which frames are compared: grain averages out."""

NOISE = 8.5
"""Contrast in levels (0 to 255) of which nothing can be said: compressed darkness differs so."""

ALIKE = 0.985
"""Two frames with this correlation of their coarse pictures are of one shot."""


MOVING = 0.93
"""The same where things move so fast that neighbours are less alike."""

TINT = 8.0
"""Greatest difference of the mean chroma (0 to 255) of two frames of one shot."""


def mark_cuts(frames: Iterable[Frame]) -> Iterator[tuple[Frame, bool]]:
    """Gives each frame with whether a new shot starts at it, `LOOK_AHEAD` frames late.

    A cut is what either of two detectors finds: one sees cuts between unlike pictures, the other
    those between similar pictures, where the change stands out from the frames around it. The
    second sees luma without its mean: hue and saturation jump at key frames of dark scenes, and
    brightness when a camera corrects its exposure.

    It is none if a frame before it is like one after it: lamps flicker, flashes pass, and the hue
    of darkness is noise. So is what is put in for one or two frames only. `benchmarks/cuts.py` has
    the figures.
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
        cut = position in cuts and not _any_alike(before, after)
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


def _any_alike(before: Iterable[Image], after: Iterable[Image]) -> bool:
    """Whether a picture before a cut is like one after it, however bright the light is.

    Where things move, neighbours on one side are less alike, and so may pictures across be.
    """
    (one, tint), (other, other_tint) = _patterns(before), _patterns(after)
    neighbours = [side[:-1] * side[1:] for side in (one, other)]
    moving = min(float(pair.sum(axis=1).min(initial=1)) for pair in neighbours)
    tinted = np.abs(tint[:, None] - other_tint).max(axis=2)
    across = np.where(tinted <= TINT, one @ other.T, -1).max()
    return bool(across >= max(MOVING, min(ALIKE, moving)))


def _patterns(pictures: Iterable[Image]) -> tuple[Floats, Floats]:
    """Coarse pictures, of which products are correlations, `(n, 1729)`; mean chroma, `(n, 2)`.

    Each has its mean colour taken off, and one more number, equal in all of them, for `NOISE`.
    """
    fields = np.stack(
        [
            cv2.resize(cv2.cvtColor(p, cv2.COLOR_BGR2YCrCb), PATTERN, interpolation=cv2.INTER_AREA)
            for p in pictures
        ]
    ).astype(np.float32)
    mean = fields.mean(axis=(1, 2), keepdims=True)
    free = (fields - mean).reshape(len(fields), -1)
    free = np.pad(free, ((0, 0), (0, 1)), constant_values=NOISE * free.shape[1] ** 0.5)
    return free / np.linalg.norm(free, axis=1, keepdims=True), mean[:, 0, 0, 1:]
