"""What training minimises, and what it reports, for networks of one head or two."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from pipeline.faces import Floats

Loss = Callable[[Any, Any], Any]

METRIC_NAMES = ("accuracy", "accuracy_ferplus")
"""Of the heads' accuracies, in their order."""


def cross_entropy(priors: Floats, tau: float) -> Loss:
    """The loss of targets and logits `(n, heads k)`: the mean cross-entropy of the heads.

    With tau the network learns softmax(z + tau log prior), so that z alone favours no class. A head
    without a target (zeros) costs nothing.

    Args:
        priors: `(heads, k)`.
        tau: Strength of the correction, 0 is none.

    Source: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, equation 10.
    """
    correction = np.float32(tau) * np.log(priors)

    def loss(targets: Any, logits: Any) -> Any:
        shape = (-1, *priors.shape)
        logged = ops.log_softmax(ops.reshape(logits, shape) + correction, axis=2)
        return -ops.mean(ops.sum(ops.reshape(targets, shape) * logged, axis=2), axis=1)

    return loss


def accuracies(n_heads: int, n_classes: int) -> list[Any]:
    """For each head how often its likeliest class is the target's.

    For the second head that counts the few faces that no FER+ voter gave one of the classes.
    """

    def of(head: int) -> Loss:
        columns = slice(head * n_classes, (head + 1) * n_classes)

        def right(targets: Any, logits: Any) -> Any:
            found = ops.argmax(logits[:, columns], axis=1)
            return ops.cast(ops.equal(found, ops.argmax(targets[:, columns], axis=1)), "float32")

        return right

    return [
        keras.metrics.MeanMetricWrapper(of(head), name=name)
        for head, name in zip(range(n_heads), METRIC_NAMES, strict=False)
    ]
