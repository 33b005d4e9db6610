"""Fools a network: changes pixels so little that nobody sees it, until the answer changes.

Source: Madry et al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018
(projected gradient descent, largest change as the norm), aimed at one target class.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from keras import ops

from pipeline import crops
from pipeline.errors import DataError, ModelError
from pipeline.faces import EMOTIONS, Floats, Image
from pipeline.files import replacing
from pipeline.models import registry
from pipeline.models.base import EmotionModel
from pipeline.models.cards import Card
from pipeline.movie.frame import RgbFrame, shrink
from pipeline.settings import WalkSettings
from pipeline.train import backend, from_onnx, plots
from pipeline.train.networks import MEAN, SCALE

FOOLED_SIDE = crops.EMOTION_SIDE

DESCENT_STEPS = 60
"""Gradient steps for each size of change."""

FOOLED_WIDTH = 640
"""Width of the picture for the detector, as in a walk."""

AMPLIFIED = 16
"""Factor by which difference.png shows the change."""

Probabilities = Callable[[Any], Any]
"""Maps grey faces `(n, 48, 48, 1)`, 0 to 255, to probabilities `(n, k)`, in `keras.ops`."""


@dataclass(frozen=True, slots=True, eq=False)
class Victim:
    """A network to fool.

    Attributes:
        judge: The network as mining uses it; its answer on whole grey values counts.
        probabilities: The same network with gradients.
        classes: The classes of the columns of `probabilities`.
    """

    judge: EmotionModel
    probabilities: Probabilities
    classes: tuple[str, ...]

    def says(self, face: Image) -> str:
        """Gives the most likely emotion of a face `(48, 48)`."""
        return EMOTIONS[int(self.judge.classify(face[None])[0].argmax())]

    def slope(self, target: str) -> Callable[[Any], Any]:
        """Gives the gradient of -log(probability of `target`) by the pixels of one face.

        The gradient maps `(1, 48, 48, 1)` to the same shape.
        """
        column = self.classes.index(target)
        return backend.gradient(lambda x: -ops.log(self.probabilities(x)[0, column] + 1e-12))


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """A face, the changed face, and the network's answers for both.

    Attributes:
        faces: Before and after, `(48, 48)` each.
        answers: The probabilities for both, `(7,)` each.
    """

    faces: tuple[Image, Image]
    answers: tuple[Floats, Floats]

    @property
    def change(self) -> Floats:
        """How much each pixel changed, `(48, 48)`."""
        return (self.faces[1].astype(np.float32) - self.faces[0]).astype(np.float32)

    def says(self, which: int) -> str:
        """Gives the most likely emotion before (0) or after (1)."""
        return EMOTIONS[int(self.answers[which].argmax())]


def fool(
    image: Image, target: str, folder: Path, *, budget: int = 8, model: str = WalkSettings().emotion
) -> Iterator[str]:
    """Changes a face until the network calls it `target`, and shows how little that takes.

    The result counts only if the network, as mining uses it, gives that answer for the picture read
    back from disk.

    Args:
        image: RGB `(h, w, 3)` with a face, or a 48x48 crop of a face.
        target: One of `EMOTIONS`.
        folder: The folder for the pictures.
        budget: The largest change of a pixel, of 255; the smallest change that suffices is used.
        model: A name in `registry.EMOTION_MODELS`, or the path of a .keras file.

    Yields:
        The outcome, then the files.

    Raises:
        DataError: There is no face.
        ModelError: The network cannot be loaded, gives no gradients, or does not know `target`.
        OutputError: A picture cannot be written.
    """
    victim = victim_of(model)
    if target not in victim.classes:
        raise ModelError(f"{model}: does not know {target!r}; it knows {', '.join(victim.classes)}")
    face = face_of(image)
    (before,) = victim.judge.classify(face[None])
    if victim.says(face) == target:
        yield f"the network calls this face {target} already ({before.max():.0%}); nothing to do"
        return
    hacked = _write(folder / "hacked.png", changed_face(face, victim, target, budget))
    after = cv2.imread(str(hacked), cv2.IMREAD_GRAYSCALE)
    attempt = Attempt((face, after), (before, victim.judge.classify(after[None])[0]))
    yield from _report(attempt, target, budget)
    yield from _pictures(attempt, folder)


def victim_of(model: str) -> Victim:
    """Loads a network twice: as mining uses it, and with gradients.

    Args:
        model: A name in `registry.EMOTION_MODELS`, or the path of a .keras file.

    Raises:
        ModelError: It cannot be loaded, or gives no gradients.
    """
    backend.require()
    entry = registry.emotion_entry(model)
    card = Card.beside(entry.path)
    return Victim(entry.build(), differentiable(_unrounded(card)), card.classes)


def _unrounded(card: Card) -> Path:
    """The file of a network, or the one beside it from which it was made by rounding to int8."""
    made_of = card.path.with_name(card.source.file) if card.source else card.path
    return made_of if made_of.exists() else card.path


def face_of(image: Image) -> Image:
    """Cuts out the largest face as a walk does, grey `(48, 48)`; takes a 48x48 picture as it is.

    Raises:
        DataError: There is no face.
    """
    if image.shape[:2] == (FOOLED_SIDE, FOOLED_SIDE):
        return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = shrink(image, FOOLED_WIDTH)
    (faces,) = registry.DETECTORS["yunet"].build().detect([small])
    if len(faces) == 0:
        raise DataError(
            f"no face found in the picture of {image.shape[1]}x{image.shape[0]} pixels; use one "
            f"that shows a face with room around it, or a crop of {FOOLED_SIDE}x{FOOLED_SIDE}"
        )
    boxes = faces.boxes * np.float32(image.shape[1] / small.shape[1])
    largest = boxes[(boxes[:, 2:] - boxes[:, :2]).max(axis=1).argmax()]
    return crops.resized(crops.grey_face(RgbFrame(0, 0.0, image), largest), FOOLED_SIDE)


def changed_face(face: Image, victim: Victim, target: str, budget: int) -> Image:
    """Changes the face as little as possible so that the network says `target`.

    Args:
        face: `(48, 48)`.
        victim: The network.
        target: One of its classes.
        budget: The largest change of a pixel, of 255.

    Returns:
        The changed face `(48, 48)`; if the budget does not suffice, the last attempt.
    """
    slope, changed = victim.slope(target), face
    for reach in range(1, budget + 1):
        for changed in _descent(face.astype(np.float32), slope, reach):
            if victim.says(changed) == target:
                return changed
    return changed


def _descent(face: Floats, slope: Callable[[Any], Any], reach: int) -> Iterator[Image]:
    """Gives ever better faces within `reach` of every pixel, in whole greys, `(48, 48)` each."""
    low, high = np.maximum(face - reach, 0), np.minimum(face + reach, 255)
    x, step = face.copy(), max(0.5, reach / 8)
    for _ in range(DESCENT_STEPS):
        x = np.clip(x - step * np.sign(np.asarray(slope(x[None, ..., None]))[0, ..., 0]), low, high)
        yield np.rint(x).astype(np.uint8)


def differentiable(path: Path) -> Probabilities:
    """Loads a network as a function to probabilities that has gradients.

    Args:
        path: A .keras file with its card, or the shipped .onnx file.

    Raises:
        ModelError: The network gives no gradients.
    """
    if path.suffix != ".keras":
        network, correction = from_onnx.thawed(path)
        return _corrected(lambda x: network((x - MEAN) * SCALE, training=False), correction)
    card = Card.beside(path)
    network, fed = backend.load_network(card.checked()), card.input
    if fed is None or fed.layout != "NHWC" or fed.size not in (None, (FOOLED_SIDE, FOOLED_SIDE)):
        raise ModelError(
            f"{path}: its card says that it takes {fed}; wanted NHWC and "
            f"{FOOLED_SIDE}x{FOOLED_SIDE}"
        )

    def answers(x: Any) -> Any:
        x = ops.repeat(x, fed.channels, axis=3)
        return network((x - np.array(fed.mean, np.float32)) * np.array(fed.scale, np.float32))

    shape = card.heads, len(card.classes)
    if card.output == "probabilities":
        return lambda x: ops.mean(ops.reshape(answers(x), (-1, *shape)), axis=1)
    priors = np.array(card.priors or np.ones(shape), np.float32)
    return _corrected(answers, np.float32(card.tau) * np.log(priors))


def _corrected(logits: Callable[[Any], Any], correction: Floats) -> Probabilities:
    """Gives the mean over heads of the softmax of corrected logits."""

    def probabilities(x: Any) -> Any:
        z = ops.reshape(logits(x), (-1, *correction.shape)) - correction
        return ops.mean(ops.softmax(z), axis=1)

    return probabilities


def _report(attempt: Attempt, target: str, budget: int) -> Iterator[str]:
    """Gives the outcome in words, then the probabilities side by side."""
    largest, mean = np.abs(attempt.change).max(), np.abs(attempt.change).mean()
    first, last = attempt.says(0), attempt.says(1)
    changes = f"largest change {largest:.0f} of 255, mean {mean:.2f}"
    if last == target:
        shares = tuple(f"{answer.max():.0%}" for answer in attempt.answers)
        yield f"{first} ({shares[0]}) became {target} ({shares[1]}): {changes}"
    else:
        yield (
            f"could not make it {target} within {budget} of 255: still {last} "
            f"({attempt.answers[1].max():.0%}); {changes}; try a larger --budget"
        )
    yield "{:10} {:>7} {:>7}".format("", "before", "after")
    for name, old, new in zip(EMOTIONS, *attempt.answers, strict=True):
        yield f"{name:10} {old:7.1%} {new:7.1%}"


def _pictures(attempt: Attempt, folder: Path) -> Iterator[str]:
    """Writes input.png, difference.png and fooled.png; gives the paths of all files."""
    difference = np.clip(128 + AMPLIFIED * attempt.change, 0, 255).astype(np.uint8)
    files = [
        _write(folder / "input.png", attempt.faces[0]),
        folder / "hacked.png",
        _write(folder / "difference.png", difference),
        folder / "fooled.png",
    ]
    plots.write_fooled(attempt.faces, attempt.answers, EMOTIONS, files[-1])
    yield from (str(path) for path in files)


def _write(path: Path, grey: Image) -> Path:
    """Writes a grey picture without loss."""
    with replacing(path) as file:
        file.write(cv2.imencode(".png", grey)[1].tobytes())
    return path
