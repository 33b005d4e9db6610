"""Describes a network as text: its layers, parameters and operations."""

from math import prod
from typing import Any

from keras import layers

COSTS: dict[int, tuple[Any, ...]] = {
    0: (layers.InputLayer, layers.Flatten, layers.Dropout, layers.Concatenate),
    1: (layers.ReLU, layers.Activation, layers.Add),
    2: (layers.BatchNormalization, layers.Rescaling),
}
"""Operations for each number in the output of these layers."""


def flops(network: Any) -> int:
    """Counts the floating-point operations for one face, two for each multiply-add.

    Counts convolutions, dense layers, normalisation, activations, pools, sums and scaling;
    reshapes and dropout cost nothing.

    Args:
        network: A Keras model that is built.
    """
    return sum(_operations(layer) for layer in _leaves(network))


def n_parameters(network: Any) -> tuple[int, int]:
    """Gives the number of parameters of a network, and how many of them are trained."""
    trained = sum(prod(w.shape) for w in network.trainable_weights)
    return network.count_params(), trained


def text(network: Any, about: str) -> str:
    """Gives a description of the network, then its layers, parameters and operations."""
    lines: list[str] = []
    network.summary(print_fn=lambda line, **_: lines.append(line))
    total, trained = n_parameters(network)
    return "\n".join(
        [
            about,
            "",
            *lines,
            f"parameters: {total:,} ({trained:,} trained)",
            f"operations per face (two for each multiply-add): {flops(network):,}",
            "",
        ]
    )


def _leaves(network: Any) -> list[Any]:
    """Gives all layers, including those of networks within the network."""
    leaves: list[Any] = []
    for layer in network.layers:
        leaves += _leaves(layer) if hasattr(layer, "layers") else [layer]
    return leaves


def _operations(layer: Any) -> int:
    if isinstance(layer, layers.GlobalAveragePooling2D):  # Its cost depends on the input.
        return prod(layer.input.shape[1:])
    return prod(layer.output.shape[1:]) * _operations_per_output(layer)


def _operations_per_output(layer: Any) -> int:
    """Counts the operations for each number in a layer's output."""
    if isinstance(layer, layers.Conv2D | layers.Dense):
        active = layer.activation.__name__ != "linear"
        return 2 * prod(layer.kernel.shape[:-1]) + int(layer.use_bias) + int(active)
    if isinstance(layer, layers.MaxPooling2D):
        return prod(layer.pool_size)
    for n, kinds in COSTS.items():
        if isinstance(layer, kinds):
            return n
    raise ValueError(f"{type(layer).__name__}: operations are not counted yet; add it here")
