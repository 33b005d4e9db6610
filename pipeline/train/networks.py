"""The networks, each built by a short function, from scaled grey faces to logits.

All take `(n, 48, 48, 1)` floats, (grey - 127.5) / 64, and give `(n, k)` logits for k classes; the
two-headed one gives `(n, 2 k)`. The figures for parameters and operations (two for each
multiply-add) are for seven classes, as `architecture.flops` counts them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import layers

from pipeline.crops import EMOTION_SIDE
from pipeline.errors import ModelError
from pipeline.train import backend

MEAN, SCALE = 127.5, 1 / 64
"""The input of all networks is (grey - MEAN) * SCALE."""

IMAGENET_MEAN = (103.939, 116.779, 123.68)
"""Means of blue, green and red, which VGG16's features expect to be subtracted."""


@dataclass(frozen=True, slots=True)
class Network:
    """An entry of `NETWORKS`: the function that builds the network, and its number of heads."""

    build: Callable[..., Any]
    n_heads: int = 1


def build(name: str, n_classes: int = 7, weights: Path | None = None) -> Any:
    """Builds a network, with fresh weights unless some are given.

    Args:
        name: A name in `NETWORKS`.
        n_classes: The number of classes of each head.
        weights: The file of features for `vgg16`; for others a .keras file of the same network.

    Raises:
        ModelError: The name is unknown, or the weights do not fit.
    """
    if name == "vgg16":
        return vgg16(n_classes, weights)
    network = entry(name).build(n_classes)
    if weights is not None:
        _begin_with(network, weights)
    return network


def _begin_with(network: Any, weights: Path) -> None:
    # Not by load_weights, which leaves fresh what the file of another network lacks.
    source = backend.load_network(weights)
    if [w.shape for w in source.weights] != [w.shape for w in network.weights]:
        raise ModelError(
            f"{weights}: not the weights of {network.name} with as many classes; wanted the "
            ".keras file of such a network"
        )
    network.set_weights(source.get_weights())


def entry(name: str) -> Network:
    """Gives the entry of a network.

    Raises:
        ModelError: There is no network of this name.
    """
    if name not in NETWORKS:
        raise ModelError(f"no network {name!r}; choose one of {', '.join(NETWORKS)}")
    return NETWORKS[name]


def article(n_classes: int) -> Any:
    """Three convolutions of 256 channels, each with a pool, and two dense layers of 128.

    Source: the network of the article (57 % on FER2013): 3x3, pool 2, dropout 0.2.

    1,724,551 parameters, 608,558,855 operations.
    """
    x = inputs = _faces()
    for _ in range(3):
        x = layers.Conv2D(256, 3, activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dense(128, activation="relu")(x)
        x = layers.Dropout(0.2)(x)
    return keras.Model(inputs, layers.Dense(n_classes)(x), name="article")


def shallow(n_classes: int) -> Any:
    """Two convolutions 5x5 of 16 and 36 channels, a dense layer of 128.

    Source: the students' first network (62 % on FER2013).

    679,435 parameters, 19,933,959 operations.
    """
    return _plain("shallow", (16, 36), n_classes)


def wide(n_classes: int) -> Any:
    """Three convolutions 5x5 of 32, 64 and 64 channels, a dense layer of 128.

    Source: the students' wider network (63.6 % on FER2013).

    450,503 parameters, 93,111,303 operations.
    """
    return _plain("wide", (32, 64, 64), n_classes)


def _plain(name: str, channels: tuple[int, ...], n_classes: int) -> Any:
    x = inputs = _faces()
    for n in channels:
        x = layers.Conv2D(n, 5, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(n_classes)(x), name=name)


def fakeblock(n_classes: int) -> Any:
    """Convolutions 64 at 5x5 twice and 128 at 4x4, pools of 3 at every 2nd pixel, dense 3072.

    Source: FakeBlock's network, after isseu/emotion-recognition-neural-networks, a small AlexNet.

    56,883,015 parameters, 277,201,927 operations.
    """
    x = inputs = _faces()
    for _ in range(2):
        x = layers.Conv2D(64, 5, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = layers.Conv2D(128, 4, padding="same", activation="relu")(x)
    x = layers.Dropout(0.3)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(3072, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(n_classes)(x), name="fakeblock")


def resnet34(n_classes: int) -> Any:
    """The 34-layer residual network, without the pool after its first layer.

    Source: He et al., "Deep residual learning for image recognition", CVPR 2016, table 1; with the
    pool, only 2x2 pixels of a 48x48 face would remain.

    21,299,015 parameters, 1,307,905,031 operations.
    """
    inputs = _faces()
    x = _residual(_convolved(inputs, 64, 7, 2), (64, 128, 256, 512), (3, 4, 6, 3))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(n_classes)(x), name="resnet34")


def two_headed(n_classes: int) -> Any:
    """The shipped network: a small residual trunk; one dense layer gives the logits of both heads.

    The first half of the logits learns FER2013's labels, the second half FER+'s votes.

    Source: our own; residual blocks of He et al., CVPR 2016, on 48x48 without an early stride.

    1,602,478 parameters, 456,033,294 operations.
    """
    inputs = _faces()
    x = _residual(_convolved(inputs, 32), (32, 64, 128, 256), (1, 2, 2, 1))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    return keras.Model(inputs, layers.Dense(2 * n_classes)(x), name="two-headed")


def vgg16(n_classes: int, weights: Path | None = None) -> Any:
    """The frozen features of VGG16, and a dense layer of 256 trained on them.

    Source: Simonyan and Zisserman, "Very deep convolutional networks", ICLR 2015.

    14,847,815 parameters, 1,411,191,815 operations.

    Args:
        n_classes: The number of classes.
        weights: Keras' file of the features (vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5);
            None leaves them random, which is only useful for counting parameters.

    Raises:
        ModelError: The file is missing or does not fit.
    """
    inputs = _faces()
    grey = layers.Rescaling(1 / SCALE, offset=MEAN)(inputs)
    mean = [-value for value in IMAGENET_MEAN]
    colour = layers.Rescaling(1.0, offset=mean)(layers.Concatenate()([grey, grey, grey]))
    features = keras.applications.VGG16(
        include_top=False, weights=None, input_shape=(EMOTION_SIDE, EMOTION_SIDE, 3)
    )
    if weights is not None:
        _load_features(features, weights)
    features.trainable = False
    x = layers.Flatten()(features(colour))
    x = layers.Dense(256, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    return keras.Model(inputs, layers.Dense(n_classes)(x), name="vgg16")


def _load_features(features: Any, weights: Path) -> None:
    try:
        features.load_weights(weights)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{weights}: not the weights of VGG16's features ({error}); wanted Keras' file "
            "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
        ) from error


def _faces() -> Any:
    return keras.Input((EMOTION_SIDE, EMOTION_SIDE, 1), name="faces")


def _convolved(x: Any, n: int, size: int = 3, stride: int = 1, *, active: bool = True) -> Any:
    """A convolution with batch normalisation, followed by a ReLU if `active`."""
    x = layers.Conv2D(
        n, size, stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    return layers.ReLU()(x) if active else x


def _residual(x: Any, channels: tuple[int, ...], blocks: tuple[int, ...]) -> Any:
    """Stages of basic blocks; all stages except the first begin with a stride of 2."""
    for stage, (n, count) in enumerate(zip(channels, blocks, strict=True)):
        for block in range(count):
            x = _block(x, n, 2 if stage and not block else 1)
    return x


def _block(x: Any, n: int, stride: int) -> Any:
    """Two convolutions and a shortcut around them; a 1x1 convolution if the shapes differ."""
    y = _convolved(x, n, 3, stride)
    y = _convolved(y, n, active=False)
    if stride != 1 or x.shape[-1] != n:
        x = _convolved(x, n, 1, stride, active=False)
    return layers.ReLU()(layers.Add()([x, y]))


NETWORKS = {
    "article": Network(article),
    "shallow": Network(shallow),
    "wide": Network(wide),
    "fakeblock": Network(fakeblock),
    "resnet34": Network(resnet34),
    "vgg16": Network(vgg16),
    "two-headed": Network(two_headed, n_heads=2),
}
