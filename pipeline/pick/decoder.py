"""Decodes how a face looks over time: forward-backward over the seven emotions.

A hidden Markov chain in continuous time. A look changes now and then, to any of the others alike,
and what the network says of a frame is evidence for the look of that moment. Neighbouring frames
are no independent witnesses, so a frame weighs the more, the longer ago the one before it was.

Source: Rabiner, "A tutorial on hidden Markov models", Proceedings of the IEEE 1989, section III.
"""

from math import isqrt

import numpy as np

from pipeline.faces import EMOTIONS, Floats, Ints, Numbers

CHANGES = 0.25
"""How often a look changes, a second."""

RELATED = 0.065
"""Seconds over which the errors of two frames are related: by 1 / e after this time."""

LEAST = 1e-3
"""Least probability that counts as evidence, so that no single frame rules a look out."""


DECODING = (CHANGES, RELATED, LEAST)
"""What a table of decoded looks depends on."""


def seconds_since(time: Numbers, track: Ints) -> Numbers:
    """The seconds from each row's predecessor in its track to the row; infinite for the first.

    Args:
        time: `(n,)` seconds, rising within a track.
        track: `(n,)` track numbers, the rows of a track together.

    >>> seconds_since(np.array([0.0, 0.5, 0.0]), np.array([0, 0, 1])).tolist()
    [inf, 0.5, inf]
    """
    apart = np.where(np.diff(track) != 0, np.inf, np.maximum(np.diff(time), 0))
    return np.concatenate([np.full(min(len(time), 1), np.inf), apart])


def kept(since: Numbers) -> Numbers:
    """The share of a belief that the past still decides after some seconds; the rest is uniform.

    With it the chance of another look after a short time `t` is `CHANGES * t`.
    """
    n = len(EMOTIONS)
    return np.asarray(np.exp(-n / (n - 1) * CHANGES * since))


def weight(since: Numbers) -> Numbers:
    """What a frame is worth as a witness, from 0 to 1, by the seconds since the frame before.

    Source: the information that each further sample of a first-order autoregressive process gives
    about its mean is (1 - r) / (1 + r) of the first one's, with correlation r = exp(-t / RELATED).
    """
    return np.asarray(np.tanh(since / (2 * RELATED)))


def filtered(belief: Numbers, probabilities: Floats, since: Numbers) -> Numbers:
    """One step of the forward pass: what is believed after one more frame of each face.

    Args:
        belief: `(n, 7)` what was believed of each of `n` faces before.
        probabilities: `(n, 7)` what the network says of each.
        since: `(n,)` seconds since the frame before; infinite for the first.

    Returns:
        `(n, 7)`, rows sum to 1.
    """
    believed = _passed(belief, kept(since)) * _evidence(probabilities, since)
    return np.asarray(believed / believed.sum(axis=1, keepdims=True))


def decoded(probabilities: Floats, since: Numbers) -> Floats:
    """The probability of each look at each row, by all rows of its track.

    Args:
        probabilities: `(n, 7)` what the network says; tracks follow one another.
        since: `(n,)` of `seconds_since`.

    Returns:
        `(n, 7)`, rows sum to 1.
    """
    evidence = _evidence(probabilities, since)
    share = kept(since)
    # Time between two rows is the same in both directions; after the last row there is none.
    back = np.concatenate([share[1:], np.zeros(min(len(share), 1))])
    ahead, behind = _predicted(evidence, share), _predicted(evidence[::-1], back[::-1])[::-1]
    believed = ahead * evidence * behind
    return np.asarray(believed / believed.sum(axis=1, keepdims=True), np.float32)


def _evidence(probabilities: Floats, since: Numbers) -> Numbers:
    likely = np.maximum(probabilities.astype(np.float64), LEAST)
    return np.asarray(likely ** weight(since)[:, None])


def _passed(belief: Numbers, share: Numbers) -> Numbers:
    """Lets time pass: `share` of each belief stays, the rest spreads evenly over all looks."""
    spread = belief.sum(axis=-1, keepdims=True) / len(EMOTIONS)
    share = share.reshape(share.shape + (1,) * (belief.ndim - share.ndim))
    return np.asarray(share * belief + (1 - share) * spread)


def _predicted(evidence: Numbers, share: Numbers) -> Numbers:
    """The forward pass: what is believed of each row before its own evidence, `(n, 7)`.

    All rows are one chain, in which nothing of the past is left where a track begins. It is cut
    into as many blocks as each has rows, which are passed through together: once for what each
    block does to any belief, and once more from the belief that it really begins with. Python's
    loop is then as long as a block, whether there are many short tracks or one long one.
    """
    n, looks = evidence.shape
    length = isqrt(max(n - 1, 0)) + 1
    filled = length * length - n
    evidence = np.concatenate([evidence, np.ones((filled, looks))]).reshape(length, length, looks)
    share = np.concatenate([share, np.ones(filled)]).reshape(length, length)
    effect = np.broadcast_to(np.eye(looks), (length, looks, looks))
    for row in range(length):
        effect = _passed(effect, share[:, row]) * evidence[:, row, None]
        effect = effect / effect.sum(axis=(1, 2), keepdims=True)
    belief = np.full((length, looks), 1 / looks)
    for block in range(1, length):
        begun = belief[block - 1] @ effect[block - 1]
        belief[block] = begun / begun.sum()
    predicted = np.empty_like(evidence)
    for row in range(length):
        predicted[:, row] = _passed(belief, share[:, row])
        belief = predicted[:, row] * evidence[:, row]
        belief /= belief.sum(axis=1, keepdims=True)
    return predicted.reshape(-1, looks)[:n]
