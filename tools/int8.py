"""Helpers of the tools that make networks calculate in int8: the scales of weights. Not a program.

Processors without VNNI or its like add products of activation and weight in pairs of 16 bits,
which overflow where two large weights meet. The scale of each channel keeps every such pair of
weights within `PAIR`, so that all processors give the same integers. ONNX Runtime's `reduce_range`
does that, too, but halves all weights, which costs more.

Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html ("When and why
do I need to try reduce range?").
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from pipeline.faces import Floats

LARGEST, PAIR = 127, 128
"""Of one weight, and of the sum of two neighbours: 255 * 128 is less than 2**15."""


def channel_scales(weights: Floats) -> Floats:
    """The scale of each output channel that keeps weights and neighbours' sums in their ranges.

    Neighbours are those of the order input channel, row, column and of row, column, input channel:
    ONNX Runtime packs weights in the second, and its code for other shapes in the first.

    Args:
        weights: of a convolution, `(out, in, rows, columns)`.

    Returns:
        `(out,)`.
    """
    n = len(weights)
    scales = np.abs(weights).reshape(n, -1).max(axis=1) / LARGEST
    for order in (weights, weights.transpose(0, 2, 3, 1)):
        flat = order.reshape(n, -1)
        pairs = np.pad(flat, ((0, 0), (0, flat.shape[1] % 2))).reshape(n, -1, 2).sum(axis=2)
        # Half a step less, because two weights may both be rounded up.
        scales = np.maximum(scales, np.abs(pairs).max(axis=1) / (PAIR - 0.5))
    return np.maximum(scales, np.finfo(np.float32).tiny).astype(np.float32)


def check_pairs(data: bytes) -> None:
    """Checks that no sum of neighbouring weights can overflow.

    Raises:
        SystemExit: one can, or no weights are int8.
    """
    tensors = map(numpy_helper.to_array, onnx.load_from_string(data).graph.initializer)
    weights = [w.astype(int) for w in tensors if w.dtype == np.int8 and w.ndim > 1]
    worst = max((_largest_pair(w) for w in weights), default=PAIR + 1)
    print(f"{len(weights)} sets of int8 weights; largest sum of neighbouring weights: {worst}")
    if worst > PAIR:
        raise SystemExit(f"the largest sum of neighbouring weights is {worst}, wanted {PAIR}")


def _largest_pair(weights: NDArray[Any]) -> int:
    """The largest sum of two weights of a channel that either order of packing puts together."""
    weights = weights.reshape(*weights.shape[:2], *weights.shape[2:] or (1, 1))
    sums = []
    for order in (weights, weights.transpose(0, 2, 3, 1)):
        flat = order.reshape(len(order), -1)
        flat = np.pad(flat, ((0, 0), (0, flat.shape[1] % 2)))
        sums.append(np.abs(flat.reshape(len(flat), -1, 2).sum(axis=2)).max())
    return int(max(sums))
