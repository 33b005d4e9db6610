"""Finds cuts, tuned for recall: a missed cut mixes two people, a false one only shortens a run."""

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

import cv2
import numpy as np
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector, ContentDetector

from pipeline.faces import Image
from pipeline.movie.frame import Frame

LOOK_BACK = 3
LOOK_AHEAD = 2
"""Frames around a frame that decide whether there is a cut before it. The detectors see no others,
so that a part has the same cuts wherever decoding begins."""

CUT_WIDTH = 160
MIN_CHANGE = 8.0
"""Least change of the mean-free luma (0 to 255) that counts as a cut for the adaptive detector."""


def mark_cuts(frames: Iterable[Frame]) -> Iterator[tuple[Frame, bool]]:
    """Gives each frame with whether a new shot starts at it, `LOOK_AHEAD` frames late.

    A cut is what either of two detectors finds: one sees cuts between unlike pictures, the other
    those between similar pictures, where the change stands out from the frames around it. The
    second sees luma without its mean: hue and saturation jump at key frames of dark scenes, and
    brightness when a camera corrects its exposure. `benchmarks/cuts.py` has the figures.
    """
    # PySceneDetect's filter of minimum lengths has state, which would differ with where a part
    # begins: it is off, and without it the frame rate has no influence.
    rate = Fraction(25)
    content = ContentDetector(min_scene_len=0)
    adaptive = AdaptiveDetector(min_scene_len=0, min_content_val=MIN_CHANGE, luma_only=True)
    waiting: deque[Frame] = deque()
    cuts: set[int] = set()
    seen = 0
    for frame in frames:
        small = cv2.cvtColor(frame.shrunk(CUT_WIDTH), cv2.COLOR_RGB2BGR)
        timecode = FrameTimecode(seen, fps=rate)
        detected = content.process_frame(timecode, small)
        detected += adaptive.process_frame(timecode, _mean_free(small))
        cuts.update(cut.frame_num for cut in detected)
        seen += 1
        waiting.append(frame)
        if len(waiting) > LOOK_AHEAD:
            yield waiting.popleft(), seen - 1 - LOOK_AHEAD in cuts
    for position, frame in enumerate(waiting, seen - len(waiting)):
        yield frame, position in cuts


def _mean_free(bgr: Image) -> Image:
    """The luma with its mean moved to 128, in all three channels."""
    luma = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(np.float32)
    centred = np.clip(luma - luma.mean() + 128, 0, 255).astype(np.uint8)
    return cv2.cvtColor(centred, cv2.COLOR_GRAY2BGR)
