"""The loss and the metrics of training, for networks of one head or two."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from pipeline.faces import Floats

Loss = Callable[[Any, Any], Any]

METRIC_NAMES = ("accuracy", "accuracy_ferplus")
"""Names of the accuracies of the heads, in their order."""


def cross_entropy(priors: Floats, tau: float) -> Loss:
    """Makes the loss of targets and logits `(n, heads k)`: the mean cross-entropy of the heads.

    With tau the network learns softmax(z + tau log prior), so that z alone favours no class. A head
    without a target (zeros) adds nothing to the loss.

    Args:
        priors: `(heads, k)`.
        tau: Strength of the correction; 0 is none.

    Source: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, equation 10.
    """
    correction = np.float32(tau) * np.log(priors)

    def loss(targets: Any, logits: Any) -> Any:
        shape = (-1, *priors.shape)
        z = ops.cast(ops.reshape(logits, shape), "float32")  # Networks may calculate in bfloat16.
        log_probability = ops.log_softmax(z + correction, axis=2)
        return -ops.mean(ops.sum(ops.reshape(targets, shape) * log_probability, axis=2), axis=1)

    return loss


def accuracies(n_heads: int, n_classes: int) -> list[Any]:
    """Makes the accuracy of each head: how often its most likely class is that of the target.

    The accuracy of the second head includes the few faces without a FER+ vote for any class.
    """

    def accuracy_of(head: int) -> Loss:
        columns = slice(head * n_classes, (head + 1) * n_classes)

        def right(targets: Any, logits: Any) -> Any:
            answers = ops.argmax(logits[:, columns], axis=1)
            return ops.cast(ops.equal(answers, ops.argmax(targets[:, columns], axis=1)), "float32")

        return right

    return [
        keras.metrics.MeanMetricWrapper(accuracy_of(head), name=name)
        for head, name in zip(range(n_heads), METRIC_NAMES, strict=False)
    ]
