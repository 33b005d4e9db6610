"""How strong a look is, against the person's own neutral face in the film."""

from math import log

import numpy as np
import pandas as pd

from pipeline.faces import EMOTIONS, Floats, Ints, Numbers
from pipeline.pick.decoder import LEAST

NEUTRAL = EMOTIONS.index("neutral")

FARTHEST = 2 * log(1 / LEAST)
"""The distance from a face that is surely neutral to one that surely is not: strength 1."""

SMALLEST = 1e-300
"""Stands for 0 in logarithms."""


def strength(means: Numbers, label: Ints, person: "pd.Series[str]", neutral: int) -> Floats:
    """How strong the look of each row is, from 0 (the person's neutral) to 1.

    A row's distance is x = ln(p of its look / p of neutral). The distance of the person's median
    neutral face, the median of the same x over the person's neutral rows in the film, is taken
    from it, and `FARTHEST` is 1: strength = (x - median) / `FARTHEST`, cut off at 0 and 1. A face
    that always looks a little happy must so look happier than that. For somebody who is never
    neutral the median is 0, a face that is as probably neutral. A neutral face has no strength.

    Args:
        means: `(n, 7)` probabilities smoothed as for `evidence.look_sure`, of classes.
        label: `(n,)` classes.
        person: `(n,)` names; faces without a name are one person.
        neutral: The class that neutral belongs to.

    Returns:
        `(n,)` from 0 to 1.
    """
    logs = np.log(np.maximum(means, SMALLEST))
    apart = pd.DataFrame(logs - logs[:, [neutral]], index=person.index)
    usual = apart[label == neutral].groupby(person).median().reindex(person).fillna(0.0)
    rows = np.arange(len(label))
    distance = apart.to_numpy()[rows, label] - usual.to_numpy()[rows, label]
    return np.where(label == neutral, 0, np.clip(distance / FARTHEST, 0, 1)).astype(np.float32)
