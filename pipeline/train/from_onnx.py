"""Rebuilds the shipped network in Keras from its ONNX file, so that it has gradients again.

The file holds the two-headed network with its batch normalisations folded into the convolutions,
followed by the prior correction. The weights are complete and exact in float32, so that the
rebuilt network differs from the file only by rounding (4e-7 in any probability, measured).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from keras import layers

from pipeline.errors import PIP, ModelError
from pipeline.faces import Floats
from pipeline.train import networks


def thawed(path: Path) -> tuple[Any, Floats]:
    """Rebuilds the two-headed network of an ONNX file in Keras.

    Args:
        path: The shipped file, or one that `train` wrote for `two-headed`.

    Returns:
        The network, which maps scaled faces to logits, and the correction to subtract from the
        logits: the tau log prior of its heads, `(heads, k)`.

    Raises:
        ModelError: The file holds another network, or the onnx package is missing.
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
            f"{path}: is not a two-headed network of mine-video ({error}), and other ONNX files "
            "have no gradients; give the .keras file from which it was made"
        ) from error
    return network, correction


def _read(path: Path) -> tuple[Any, dict[str, Floats]]:
    """Reads the graph, and its constants by name."""
    try:
        import onnx  # noqa: PLC0415
        from onnx import numpy_helper  # noqa: PLC0415
    except ImportError as error:
        raise ModelError(
            f"{path}: reading it needs the package onnx; install it with: "
            f"{PIP} install 'mine-video[train]'"
        ) from error
    try:
        graph = onnx.load(path).graph
    except Exception as error:  # onnx raises errors of many types for damaged files.
        raise ModelError(f"{path}: not an ONNX file, or damaged ({error})") from error
    return graph, {i.name: numpy_helper.to_array(i) for i in graph.initializer}


def _feeds(graph: Any, name: str) -> bool:
    """Whether a constant is the bias of the dense layer: it is added to the layer's product."""
    products = {node.output[0] for node in graph.node if node.op_type == "MatMul"}
    return any(name in node.input and products & set(node.input) for node in graph.node)


def _convolutions(graph: Any, weights: dict[str, Floats]) -> Iterator[tuple[Floats, Floats]]:
    """Gives kernel `(h, w, in, out)` and bias of each convolution, in the order they run."""
    for node in graph.node:
        if node.op_type == "Conv":
            yield weights[node.input[1]].transpose(2, 3, 1, 0), weights[node.input[2]]


def _fill(network: Any, folded: list[tuple[Floats, Floats]]) -> None:
    """Sets the kernels of a network to the folded ones, and the normalisations to their biases.

    Network and file have the layers in the order they run, but the two branches of a block may
    come in either order. Kernels of the two branches have different shapes, so that the next
    kernel of a layer's shape is the right one.

    Raises:
        ValueError: The numbers of convolutions differ, or a kernel of some shape is missing.
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
    """Finds the batch normalisation that follows a convolution."""
    return next(
        n for n in network.layers
        if isinstance(n, layers.BatchNormalization) and n.input is layer.output
    )  # fmt: skip


def _set_bias(normalisation: Any, bias: Floats) -> None:
    """Makes a normalisation add `bias` and do nothing else."""
    one, zero = np.ones_like(bias), np.zeros_like(bias)
    # It divides by sqrt(variance + epsilon), which must be 1.
    normalisation.set_weights([one, bias, zero, one - np.float32(normalisation.epsilon)])
