"""What the video codec H.264 does to faces: they go through it and back."""

from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import ColorRange

from pipeline.crops import EMOTION_SIDE
from pipeline.faces import Image

ACROSS = 16
"""Faces side by side in the encoded picture; their sides are whole macroblocks."""

FINEST, COARSEST = 26, 42
"""H.264's quantisers, of which one is drawn a batch; 23 is x264's usual quality."""


def sometimes_encoded(faces: Image, share: float, random: np.random.Generator) -> Image:
    """Sends a share of the faces through H.264.

    Args:
        faces: `(n, 48, 48)` grey.
        share: Probability of each face, 0 to 1.
        random: Draws the faces and the quantiser.

    Returns:
        `(n, 48, 48)`; faces that are not drawn are as they were.
    """
    chosen = np.flatnonzero(random.random(len(faces)) < share)
    quantiser = int(random.integers(FINEST, COARSEST + 1))
    changed = faces.copy()
    if len(chosen):
        changed[chosen] = encoded(faces[chosen], quantiser)
    return changed


def encoded(faces: Image, quantiser: int) -> Image:
    """Encodes and decodes faces as tiles of one picture; the same faces give the same bytes.

    Args:
        faces: `(n, 48, 48)` grey, n from 1.
        quantiser: H.264's, 0 to 51; higher loses more.
    """
    n, side = len(faces), EMOTION_SIDE
    rows = -(-n // ACROSS)
    tiles = np.concatenate([faces, np.repeat(faces[-1:], rows * ACROSS - n, axis=0)])
    picture = tiles.reshape(rows, ACROSS, side, side).transpose(0, 2, 1, 3)
    decoded = _through(np.ascontiguousarray(picture.reshape(rows * side, -1)), quantiser)
    back = decoded.reshape(rows, side, ACROSS, side).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(back.reshape(-1, side, side)[:n])


def _through(picture: Image, quantiser: int) -> Image:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = picture.shape
    encoder.pix_fmt, encoder.time_base = "gray", Fraction(1, 25)
    encoder.color_range = ColorRange.JPEG  # Else black and white are moved on the way back.
    encoder.options = {"qp": str(quantiser), "preset": "veryfast", "threads": "1"}
    frame = av.VideoFrame.from_ndarray(picture, format="gray")
    frame.color_range, frame.pts = ColorRange.JPEG, 0
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    frames = [f for packet in packets for f in decoder.decode(packet)] + decoder.decode(None)
    return np.asarray(frames[0].to_ndarray(format="gray"), np.uint8)
