"""Augmentation as Keras layers: changes to a face that do not change its emotion.

All layers take and give scaled grey faces `(n, 48, 48, 1)`, do nothing outside training, draw from
Keras' seed generators, and use only `keras.ops`, so that they run on every backend.
"""

from collections.abc import Callable
from math import cos, log, pi, radians, sqrt
from typing import Any

import keras
import numpy as np
from keras import ops

from pipeline.train.networks import MEAN, SCALE
from pipeline.train.settings import TrainSettings

JPEG_BLOCK = 8
"""Side of a JPEG block in pixels."""

LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56], [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)  # fmt: skip
"""JPEG's quantisation of brightness at quality 50. Source: ITU-T T.81, table K.1."""


SMALL_SIDES = (40, 32, 26, 20)
"""Pixels; a walk finds faces from about 20."""

LONGEST = 8.0
"""Pixels of a motion's blur."""

STRONGEST = 5.0
"""The largest factor on the steps of the table; 5 is quality 10."""


def augmentation(settings: TrainSettings) -> list[Any]:
    """Gives the layers that the settings ask for, in order, with seeds from the settings' seed."""
    seeds = iter(range(1000 * settings.seed, 1000 * (settings.seed + 1)))
    strengths_and_layers = [
        (settings.mouth, Mouth(settings.mouth)),
        (settings.flip or settings.tilt or settings.scale or settings.shift, Place(settings)),
        (settings.light, Light(settings.light)),
        (settings.motion, Motion(settings.motion)),
        (settings.small, Small(settings.small)),
        (settings.blur, Blur(settings.blur)),
        (settings.compress, Compress(settings.compress)),
        (settings.erase, Erase(settings.erase)),
    ]
    layers = [layer for strength, layer in strengths_and_layers if strength]
    for layer in layers:
        layer.seeds = keras.random.SeedGenerator(next(seeds))
    return layers


class Augmentation(keras.layers.Layer):  # type: ignore[misc]  # Keras is without types.
    """A layer that changes faces during training only.

    Attributes:
        seeds: The source of its random numbers. It is a variable of the layer, so that checkpoints
            keep its state with the weights.
        change: Gives the changed faces; a method of each kind of layer.
    """

    seeds: Any
    change: Callable[[Any], Any]

    def call(self, faces: Any, training: bool = False) -> Any:
        """Gives the changed faces in training, the same faces otherwise."""
        return self.change(faces) if training else faces

    def uniform(self, n: Any, low: float = 0.0, high: float = 1.0) -> Any:
        """Gives a random number for each face, `(n, 1, 1, 1)`."""
        return keras.random.uniform((n, 1, 1, 1), low, high, seed=self.seeds)

    def sometimes(self, probability: float, changed: Any, faces: Any) -> Any:
        """Takes the changed face with this probability, the original otherwise."""
        return ops.where(self.uniform(ops.shape(faces)[0]) < probability, changed, faces)


class Place(Augmentation):
    """Mirrors, turns, stretches and moves faces in one step; repeats the pixels at the edges."""

    def __init__(self, settings: TrainSettings) -> None:
        super().__init__()
        self._flip, self._angle = settings.flip, radians(settings.tilt)
        self._scale, self._shift = settings.scale, settings.shift

    def change(self, faces: Any) -> Any:
        """Gives the moved faces."""
        return ops.image.affine_transform(
            faces, self._maps(ops.shape(faces)[0], faces.shape[1]), fill_mode="nearest"
        )

    def _maps(self, n: Any, side: int) -> Any:
        """Gives for each face the map from new pixels to old ones, `(n, 8)` as Keras wants it."""
        angle, size, stretch, dx, dy, coin = (
            self.uniform(n, -1.0, 1.0)[:, 0, 0, 0] for _ in range(6)
        )
        mirror = ops.where(coin < 0, -1.0, 1.0) if self._flip else ops.ones_like(coin)
        angle, size = angle * self._angle, ops.exp(size * self._scale)
        stretch = ops.exp(stretch * self._scale / 3)
        a, b = ops.cos(angle) * size * stretch * mirror, -ops.sin(angle) * size
        c, d = ops.sin(angle) * size * mirror, ops.cos(angle) * size / stretch
        middle, move = (side - 1) / 2, self._shift * side
        x = middle - a * middle - b * middle + dx * move
        y = middle - c * middle - d * middle + dy * move
        zero = ops.zeros_like(a)
        return ops.stack([a, b, x, c, d, y, zero, zero], axis=1)


class Light(Augmentation):
    """Changes contrast and brightness."""

    def __init__(self, strength: float) -> None:
        super().__init__()
        self._strength = strength

    def change(self, faces: Any) -> Any:
        """Gives the lighter or darker faces."""
        n = ops.shape(faces)[0]
        gain = ops.exp(self.uniform(n, -self._strength, self._strength))
        return faces * gain + self.uniform(n, -self._strength, self._strength)


class Blur(Augmentation):
    """Mixes a face with its blur by boxes of 3 and 5 pixels, in random shares."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self._probability = probability

    def change(self, faces: Any) -> Any:
        """Gives the blurred faces."""
        blurred = ops.average_pool(ops.average_pool(faces, 3, 1, "same"), 5, 1, "same")
        share = self.uniform(ops.shape(faces)[0])
        return self.sometimes(self._probability, faces + share * (blurred - faces), faces)


class Motion(Augmentation):
    """Takes the mean along a line of up to `LONGEST` pixels, like a moving face."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self._probability = probability

    def change(self, faces: Any) -> Any:
        """Gives the faces blurred by their motion."""
        n = ops.shape(faces)[0]
        angle, length = (self.uniform(n, 0.0, high)[:, 0, 0, 0] for high in (pi, LONGEST))
        one, zero = ops.ones_like(angle), ops.zeros_like(angle)
        moved = [
            ops.image.affine_transform(
                faces,
                ops.stack([one, zero, where * length * ops.cos(angle),
                           zero, one, where * length * ops.sin(angle), zero, zero], axis=1),
                fill_mode="nearest",
            )
            for where in (-0.5, -0.25, 0.0, 0.25, 0.5)
        ]  # fmt: skip
        return self.sometimes(self._probability, sum(moved) / len(moved), faces)


class Mouth(Augmentation):
    """Pastes the lower part of another face of the batch, in its light: a mouth says nothing then.

    Talking mouths look happy, sad or surprised in turn; what is above them keeps the emotion.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self._probability = probability

    def change(self, faces: Any) -> Any:
        """Gives the faces with mouths of others, from about the tip of the nose down."""
        n, side = ops.shape(faces)[0], faces.shape[1]
        rows = ops.reshape(ops.arange(side, dtype="float32") / side, (1, side, 1, 1))
        share = ops.clip((rows - self.uniform(n, 0.55, 0.65)) * 10 + 0.5, 0.0, 1.0)
        others = ops.roll(faces, 1, axis=0)
        light = [
            ops.sum(share * x, axis=(1, 2, 3), keepdims=True)
            / ops.sum(share * ops.ones_like(x), axis=(1, 2, 3), keepdims=True)
            for x in (faces, others)
        ]
        changed = faces + share * (others - light[1] + light[0] - faces)
        return self.sometimes(self._probability, changed, faces)


class Small(Augmentation):
    """Shrinks to one of `SMALL_SIDES` and enlarges again, like a distant face."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self._probability = probability

    def change(self, faces: Any) -> Any:
        """Gives the coarse faces."""
        which, changed = self.uniform(ops.shape(faces)[0], 0.0, len(SMALL_SIDES)), faces
        for number, side in enumerate(SMALL_SIDES):
            small = ops.image.resize(faces, (side, side), antialias=True)
            coarse = ops.image.resize(small, faces.shape[1:3], interpolation="bilinear")
            changed = ops.where(which >= number, coarse, changed)
        return self.sometimes(self._probability, changed, faces)


class Compress(Augmentation):
    """Loses the details that JPEG loses at qualities of 10 to 50.

    Source: ITU-T T.81: cosine transforms of blocks of 8x8 pixels, rounded to steps of table K.1.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self._probability = probability
        self._cosines = np.array(
            [
                [
                    sqrt((1 if k == 0 else 2) / JPEG_BLOCK) * cos(pi * (i + 0.5) * k / JPEG_BLOCK)
                    for i in range(JPEG_BLOCK)
                ]
                for k in range(JPEG_BLOCK)
            ],
            np.float32,
        )

    def change(self, faces: Any) -> Any:
        """Gives the faces after compression."""
        blocks = faces.shape[1] // JPEG_BLOCK
        steps = ops.exp(self.uniform(ops.shape(faces)[0], 0.0, log(STRONGEST)))[..., None]
        table = LUMINANCE[:, None, :] * steps
        grey = ops.reshape(faces / SCALE, (-1, blocks, JPEG_BLOCK, blocks, JPEG_BLOCK))
        waves = ops.einsum("ki,nyixj,lj->nykxl", self._cosines, grey, self._cosines)
        waves = ops.round(waves / table) * table
        grey = ops.einsum("ki,nykxl,lj->nyixj", self._cosines, waves, self._cosines)
        changed = ops.clip(ops.reshape(grey, ops.shape(faces)), -MEAN, MEAN) * SCALE
        return self.sometimes(self._probability, changed, faces)


class Erase(Augmentation):
    """Paints a rectangle over the face, like a hand, hair or a microphone.

    Source: Zhong et al., "Random erasing data augmentation", AAAI 2020.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self._probability = probability

    def change(self, faces: Any) -> Any:
        """Gives faces with rectangles whose height and width are a tenth to half of the side."""
        n, side = ops.shape(faces)[0], faces.shape[1]
        positions = ops.arange(side, dtype="float32") / side
        half_height, half_width = (self.uniform(n, 0.05, 0.25) for _ in range(2))
        rows = ops.abs(positions[None, :, None, None] - self.uniform(n)) < half_height
        columns = ops.abs(positions[None, None, :, None] - self.uniform(n)) < half_width
        painted = ops.where(ops.logical_and(rows, columns), self.uniform(n, -1.5, 1.5), faces)
        return self.sometimes(self._probability, painted, faces)
