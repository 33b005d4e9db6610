"""Faces without labels: what teachers say of them becomes what a network learns.

Source: Hinton et al., "Distilling the knowledge in a neural network", 2015.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.faces import EMOTIONS, Floats, Image
from pipeline.models import registry
from pipeline.train import dataset
from pipeline.train.dataset import TRAINING, Dataset
from pipeline.train.formats import read_unlabelled


def new_faces(folders: Sequence[Path], known: Image) -> Image:
    """Reads the faces of folders, each once, without those that are among `known` already.

    A test face must not be learnt from a folder either.

    Raises:
        DataError: A folder has no pictures, or one cannot be read.
    """
    faces = np.concatenate([known, *(read_unlabelled(folder) for folder in folders)])
    first = dataset.first_equal_faces(faces)
    return faces[(first == np.arange(len(faces))) & (first >= len(known))]


def answers(faces: Image, teachers: Sequence[str], classes: Sequence[str]) -> Floats:
    """The mean of what networks say of faces, `(n, k)` for these classes; rows sum to 1.

    Args:
        faces: `(n, 48, 48)` grey.
        teachers: Names in `registry.EMOTION_MODELS`, or paths.
        classes: Some of `EMOTIONS`.

    Raises:
        ModelError: A network cannot be loaded.
    """
    models = [registry.emotion_entry(name).build() for name in teachers]
    mean = np.mean([model.classify(faces) for model in models], axis=0)
    wanted = np.maximum(mean[:, [EMOTIONS.index(name) for name in classes]], 1e-6)
    return np.asarray(wanted / wanted.sum(axis=1, keepdims=True), np.float32)


def targets_of(probability: Floats, priors: Floats, tau: float) -> Floats:
    """What each head is to learn of unlabelled faces, `(n, heads, k)`.

    Teachers are told after their prior correction, which the network gets later, too; so it learns
    p prior^tau, scaled to a sum of 1.

    Args:
        probability: `(n, k)`, what the teachers say.
        priors: `(heads, k)`.
        tau: Strength of the network's correction, in its loss or after it.

    >>> targets_of(np.array([[0.5, 0.5]]), np.array([[0.8, 0.2]]), 1.0).round(3)
    array([[[0.8, 0.2]]], dtype=float32)
    """
    powers = probability[:, None] * priors**tau
    return np.asarray(powers / powers.sum(axis=2, keepdims=True), np.float32)


def appended(data: Dataset, faces: Image, probability: Floats) -> Dataset:
    """The data with these faces as training rows, labelled by what the teachers say most."""
    n = len(faces)
    votes = [data.votes, np.zeros((n, data.votes.shape[1]), np.float32)]
    return replace(
        data,
        faces=np.concatenate([data.faces, faces]),
        labels=np.concatenate([data.labels, probability.argmax(axis=1)]),
        usage=np.concatenate([data.usage, np.full(n, TRAINING)]),
        votes=np.concatenate(votes) if data.has_votes else data.votes,
    )
