"""The shipped network made learnable, or at least differentiable, again: out of its ONNX file.

The file holds the two-headed network with its batch normalisations folded into the convolutions,
and the prior correction behind it. All of it is there, to the last bit of float32, so that the
rebuilt network differs from the file by rounding alone (4e-7 in any probability, measured).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from keras import layers

from pipeline.errors import ModelError
from pipeline.faces import Floats
from pipeline.train import networks


def thawed(path: Path) -> tuple[Any, Floats]:
    """Rebuilds the two-headed network of an ONNX file in Keras.

    Args:
        path: The shipped file, or one that `train` wrote for `two-headed`.

    Returns:
        The network, from scaled faces to logits, and the correction tau log prior of its heads,
        `(heads, k)`, to be subtracted from them.

    Raises:
        ModelError: The file is another network's, or the onnx package is missing.
    """
    graph, weights = _read(path)
    try:
        dense = next(weights[node.input[1]] for node in graph.node if node.op_type == "MatMul")
        biases = [
            w for name, w in weights.items() if w.shape == dense.shape[1:] and _feeds(graph, name)
        ]
        corrections = [w for w in weights.values() if w.ndim == 2 and w.size == dense.shape[1]]
        network = networks.build("two-headed", dense.shape[1] // 2)
        _fill(network, list(_convolutions(graph, weights)))
        (last,) = (layer for layer in network.layers if isinstance(layer, layers.Dense))
        last.set_weights([dense, *biases])
        (correction,) = corrections or [np.zeros((2, dense.shape[1] // 2), np.float32)]
    except (StopIteration, ValueError, KeyError, IndexError) as error:
        raise ModelError(
            f"{path}: is not a two-headed network as mine-video has it ({error}), and other ONNX "
            "files give no gradients; give the .keras file that it was made from"
        ) from error
    return network, correction


def _read(path: Path) -> tuple[Any, dict[str, Floats]]:
    """The graph, and its constants by name."""
    try:
        import onnx  # noqa: PLC0415
        from onnx import numpy_helper  # noqa: PLC0415
    except ImportError as error:
        raise ModelError(
            f"{path}: needs the package onnx; pip install 'mine-video[train]'"
        ) from error
    try:
        graph = onnx.load(path).graph
    except Exception as error:  # It raises whatever it stumbles on.
        raise ModelError(f"{path}: not an ONNX file that can be read ({error})") from error
    return graph, {i.name: numpy_helper.to_array(i) for i in graph.initializer}


def _feeds(graph: Any, name: str) -> bool:
    """Whether a constant is added to the product of the dense layer."""
    products = {node.output[0] for node in graph.node if node.op_type == "MatMul"}
    return any(name in node.input and products & set(node.input) for node in graph.node)


def _convolutions(graph: Any, weights: dict[str, Floats]) -> Iterator[tuple[Floats, Floats]]:
    """Kernel `(h, w, in, out)` and bias of each convolution, in the order in which they run."""
    for node in graph.node:
        if node.op_type == "Conv":
            yield weights[node.input[1]].transpose(2, 3, 1, 0), weights[node.input[2]]


def _fill(network: Any, folded: list[tuple[Floats, Floats]]) -> None:
    """Puts folded convolutions into a network's own, and their biases into the normalisations.

    Both lists are in the order in which layers run, but for the two ways through a block, which
    are of different shapes: the next one of a shape is the right one.

    Raises:
        ValueError: There are more or fewer than the network has.
        IndexError: One of a shape is missing.
    """
    for layer in network.layers:
        if isinstance(layer, layers.Conv2D):
            i = [kernel.shape for kernel, _ in folded].index(tuple(layer.kernel.shape))
            kernel, bias = folded.pop(i)
            layer.set_weights([kernel])
            _set_bias(_normalisation_of(network, layer), bias)
    if folded:
        raise ValueError(f"{len(folded)} convolutions too many")


def _normalisation_of(network: Any, layer: Any) -> Any:
    """The batch normalisation right behind a convolution."""
    return next(
        n for n in network.layers
        if isinstance(n, layers.BatchNormalization) and n.input is layer.output
    )  # fmt: skip


def _set_bias(normalisation: Any, bias: Floats) -> None:
    """Makes a normalisation add `bias` and do nothing else."""
    one, zero = np.ones_like(bias), np.zeros_like(bias)
    normalisation.set_weights([one, bias, zero, one - np.float32(normalisation.epsilon)])
