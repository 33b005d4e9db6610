"""YuNet, a small face detector that also finds five landmarks, on ONNX Runtime."""

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from pipeline.faces import Detections, Floats, Image
from pipeline.models.cards import Card
from pipeline.models.onnx_session import session

STRIDES = (8, 16, 32)
"""Pixels per cell of each pyramid level."""

OVERLAP = 0.3
"""If two boxes overlap by more than this IoU, the one with the lower score is dropped."""


class YuNet:
    """Finds faces of about 10 to 300 pixels in pictures of any size.

    Args:
        weights: `yunet.onnx` with its card beside it.
        min_score: Smallest score of a face, 0 to 1.
        threads: Threads of ONNX Runtime.
        device: "cpu" or "cuda".

    Source: Wu, Peng and Yu, "YuNet: a tiny millisecond-level face detector", MIR 2023; decoding as
    in OpenCV's FaceDetectorYN.
    """

    def __init__(
        self, weights: Path, min_score: float = 0.7, threads: int = 1, device: str = "cpu"
    ) -> None:
        self._session = session(Card.beside(weights).checked(), threads, device)
        self._names = [o.name for o in self._session.get_outputs()]
        self._min_score = min_score

    def detect(self, images: list[Image]) -> list[Detections]:
        """Finds the faces of each RGB image, highest score first.

        Runs one image at a time: this network silently merges the images of a batch into one.
        """
        return [self._one(image) for image in images]

    def _one(self, image: Image) -> Detections:
        height, width = image.shape[:2]
        # The largest stride must divide both sides; padding keeps coordinates, unlike scaling.
        pad = [0, -height % STRIDES[-1], 0, -width % STRIDES[-1]]
        padded = cv2.copyMakeBorder(image, *pad, cv2.BORDER_CONSTANT, value=(0, 0, 0))
        blob = np.empty((1, 3, *padded.shape[:2]), np.float32)
        blob[0] = cv2.split(padded)[::-1]  # BGR.
        outputs = dict(
            zip(self._names, self._session.run(self._names, {"input": blob}), strict=True)
        )
        levels = [
            self._decode(outputs, stride, padded.shape[0] // stride, padded.shape[1] // stride)
            for stride in STRIDES
        ]
        boxes, scores, landmarks = (np.concatenate(x) for x in zip(*levels, strict=True))
        keep = _suppress(boxes, scores)
        return Detections(boxes[keep], scores[keep], landmarks[keep])

    def _decode(
        self, outputs: dict[str, Floats], stride: int, rows: int, columns: int
    ) -> tuple[Floats, Floats, Floats]:
        """The boxes, scores and landmarks of one pyramid level, from `min_score` on."""
        cls, obj, bbox, kps = (outputs[f"{k}_{stride}"][0] for k in ("cls", "obj", "bbox", "kps"))
        score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        sure = np.flatnonzero(score >= self._min_score)
        origin, bbox = _grid(rows, columns)[sure], bbox[sure]
        centre = (origin + bbox[:, :2]) * stride
        half = np.exp(bbox[:, 2:]) * stride / 2
        landmarks = (kps[sure].reshape(-1, 5, 2) + origin[:, None]) * stride
        return np.concatenate([centre - half, centre + half], axis=1), score[sure], landmarks


@lru_cache(maxsize=16)
def _grid(rows: int, columns: int) -> Floats:
    """The column and row of every cell, row by row, `(rows * columns, 2)`."""
    y, x = np.mgrid[:rows, :columns]
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)


def _suppress(boxes: Floats, scores: Floats) -> list[int]:
    """The positions of the boxes that survive non-maximum suppression, highest score first."""
    if len(boxes) == 0:
        return []
    corners = [(float(x1), float(y1), float(x2 - x1), float(y2 - y1)) for x1, y1, x2, y2 in boxes]
    return [int(i) for i in cv2.dnn.NMSBoxes(corners, scores.tolist(), 0.0, OVERLAP)]
