"""A network as text: its layers, parameters and operations."""

from math import prod
from typing import Any

from keras import layers

COSTS: dict[int, tuple[Any, ...]] = {
    0: (layers.InputLayer, layers.Flatten, layers.Dropout, layers.Concatenate),
    1: (layers.ReLU, layers.Activation, layers.Add),
    2: (layers.BatchNormalization, layers.Rescaling),
}
"""Operations for each number that these layers give."""


def flops(network: Any) -> int:
    """Floating-point operations for one face, two for each multiply-add.

    Counted from the layers: convolutions, dense layers, normalisation, activations, pools, sums
    and scaling; reshapes and dropout cost nothing.

    Args:
        network: A Keras model that is built.
    """
    return sum(_of_layer(layer) for layer in _leaves(network))


def n_parameters(network: Any) -> tuple[int, int]:
    """How many numbers a network has, and how many of them are learnt."""
    learnt = sum(prod(w.shape) for w in network.trainable_weights)
    return network.count_params(), learnt


def text(network: Any, about: str) -> str:
    """What the network is, the table of its layers, its parameters and operations."""
    lines: list[str] = []
    network.summary(print_fn=lambda line, **_: lines.append(line))
    total, learnt = n_parameters(network)
    return "\n".join(
        [
            about,
            "",
            *lines,
            f"parameters: {total:,}, of which learnt: {learnt:,}",
            f"operations a face (two for each multiply-add): {flops(network):,}",
            "",
        ]
    )


def _leaves(network: Any) -> list[Any]:
    """All layers, those of networks within the network too."""
    found: list[Any] = []
    for layer in network.layers:
        found += _leaves(layer) if hasattr(layer, "layers") else [layer]
    return found


def _of_layer(layer: Any) -> int:
    if isinstance(layer, layers.GlobalAveragePooling2D):
        return prod(layer.input.shape[1:])
    return prod(layer.output.shape[1:]) * _of_number(layer)


def _of_number(layer: Any) -> int:
    """Operations for each number that a layer gives."""
    if isinstance(layer, layers.Conv2D | layers.Dense):
        active = layer.activation.__name__ != "linear"
        return 2 * prod(layer.kernel.shape[:-1]) + int(layer.use_bias) + int(active)
    if isinstance(layer, layers.MaxPooling2D):
        return prod(layer.pool_size)
    for n, kinds in COSTS.items():
        if isinstance(layer, kinds):
            return n
    raise ValueError(f"{type(layer).__name__}: operations are not counted yet; add it here")
