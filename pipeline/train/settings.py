"""The defaults and ranges of training, in one place; the command line is built from them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

NETWORK_NAMES = ("two-headed", "article", "shallow", "wide", "fakeblock", "resnet34", "vgg16")
SPLITS = ("official", "random", "folds")
OPTIMIZERS = ("sgd", "adam")
SHARES = (
    "balance", "ferplus_share", "distill", "erase", "blur", "motion", "compress", "h264", "small",
    "mouth",
)  # fmt: skip
STRENGTHS = ("tilt", "scale", "shift", "light", "loss_correction", "correction")

RANDOM_SPLIT = "--split "
"""Begins the note in the card of a network whose training rows were drawn from all rows."""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """The settings of a training run, which determine the network.

    The defaults are those of the shipped network. That network was also trained with teachers, and
    for 354 epochs on a graphics card.

    Attributes:
        network: One of `NETWORK_NAMES`.
        weights: A .keras file of the same network to begin with; for `vgg16` the file of its
            frozen features.
        split: "official" (Kaggle's Usage), "random" or "folds".
        test_share: Share of the rows in the test, for a random split.
        validation_share: Share of the rows that choose the best epoch, for a random split, for
            folds, and for official parts without validation rows.
        folds: The number of parts into which `split="folds"` divides the rows.
        fold: The part that is the test, from 1.
        limit: The number of training rows, drawn at random; 0 takes all.
        clean: Leave out training rows that are also in a test, have two labels, or are no face by
            half of their FER+ votes.
        without: Emotions to drop; the network then has fewer classes.
        balance: 0 shows each class as often as the data do, 1 shows all classes equally often.
        ferplus_share: Share of FER+ votes in the targets of a one-headed network, 0 to 1; the
            second head of a two-headed network always learns them.
        smoothing: Share of the target that is spread over all classes.
        teachers: An .npz of other networks' probabilities for every row: `hard` and `fp`, (n, 7).
        distill: Share of the teachers in the target.
        unlabelled: Folders of pictures cropped to the face, without labels, to train on, too.
        teacher: Names or paths of emotion networks; the targets of unlabelled faces are the mean
            of their answers.
        loss_correction: The tau of the prior-corrected loss: the network learns softmax(z + tau
            log prior), so that z itself favours no class.
        correction: The tau of the prior correction after training, softmax(z - tau log prior).
        epochs: The most epochs.
        patience: Stop after this many epochs without a better validation accuracy; 0 never stops
            early.
        batch: Faces per step.
        optimizer: "sgd" (Nesterov momentum 0.9) or "adam" (decoupled weight decay).
        learning_rate: The highest rate; it rises over the first epoch and falls to 0 as a cosine.
        weight_decay: The weight decay of all weights.
        seed: The seed of weights, order and augmentation.
        flip: Mirror half of the faces.
        tilt: Largest angle in degrees by which faces are turned to either side.
        scale: Natural logarithm of the largest factor by which faces are stretched.
        shift: Largest distance by which faces are moved, as a share of the side.
        light: Natural logarithm of the largest factor on contrast, and the largest shift of
            brightness in scaled units.
        erase: Probability that a rectangle is painted over.
        blur: Probability of a blur.
        compress: Probability of JPEG artefacts, as in compressed video.
        motion: Probability of a blur along a line, as of a moving face.
        h264: Probability that a face goes through the video codec H.264.
        small: Probability that a face is shrunk to 20 to 40 pixels and enlarged again, like a
            distant one.
        mouth: Probability that the lower half is another face's, as of a talking mouth.
        average: Momentum of the moving average of the weights, which is what is kept; 0 keeps the
            weights themselves.
        bf16: Calculate in bfloat16; weights, sums and files stay float32.
        tensorboard: Write logs for TensorBoard.
    """

    network: str = "two-headed"
    weights: Path | None = None
    split: str = "official"
    test_share: float = 0.2
    validation_share: float = 0.1
    folds: int = 5
    fold: int = 1
    limit: int = 0
    clean: bool = True
    without: tuple[str, ...] = ()
    balance: float = 0.0
    ferplus_share: float = 0.0
    smoothing: float = 0.02
    teachers: Path | None = None
    distill: float = 0.6
    unlabelled: tuple[Path, ...] = ()
    teacher: tuple[str, ...] = ()
    loss_correction: float = 0.0
    correction: float = 0.75
    epochs: int = 60
    patience: int = 15
    batch: int = 128
    optimizer: str = "sgd"
    learning_rate: float = 0.05
    weight_decay: float = 3e-4
    seed: int = 0
    flip: bool = True
    tilt: float = 20.0
    scale: float = 0.25
    shift: float = 0.12
    light: float = 0.4
    erase: float = 0.5
    blur: float = 0.4
    compress: float = 0.0
    small: float = 0.0
    motion: float = 0.0
    h264: float = 0.0
    mouth: float = 0.0
    average: float = 0.0
    bf16: bool = False
    tensorboard: bool = False

    def __post_init__(self) -> None:
        if self.split not in SPLITS or self.optimizer not in OPTIMIZERS:
            raise ValueError(
                f"split must be one of {SPLITS}, optimizer one of {OPTIMIZERS}; "
                f"got {self._values('split', 'optimizer')}"
            )
        if self.folds < 2 or not 1 <= self.fold <= self.folds:
            raise ValueError(
                "folds must be 2 or more, fold from 1 to folds; "
                f"got {self._values('folds', 'fold')}"
            )
        if min(self.epochs, self.batch) < 1 or min(self.limit, self.patience, self.seed) < 0:
            values = self._values("epochs", "batch", "limit", "patience", "seed")
            raise ValueError(
                "epochs and batch must be 1 or more, limit, patience and seed 0 or more; "
                f"got {values}"
            )
        if not (0 < self.test_share < 1 and 0 < self.validation_share < 1):
            values = self._values("test_share", "validation_share")
            raise ValueError(
                f"test_share and validation_share must be between 0 and 1; got {values}"
            )
        if not (self.learning_rate > 0 and self.weight_decay >= 0 and 0 <= self.smoothing < 1):
            values = self._values("learning_rate", "weight_decay", "smoothing")
            raise ValueError(
                "learning_rate must be above 0, weight_decay 0 or more, smoothing in [0, 1); "
                f"got {values}"
            )
        if bool(self.unlabelled) != bool(self.teacher):
            raise ValueError(
                "unlabelled faces need a teacher, and a teacher needs unlabelled faces; "
                f"got {self._values('unlabelled', 'teacher')}"
            )
        if not 0 <= self.average < 1:
            raise ValueError(f"average must be in [0, 1); got {self._values('average')}")
        if not all(0 <= getattr(self, name) <= 1 for name in SHARES):
            raise ValueError(f"shares must be from 0 to 1; got {self._values(*SHARES)}")
        if not all(getattr(self, name) >= 0 for name in STRENGTHS):
            raise ValueError(f"strengths must be 0 or more; got {self._values(*STRENGTHS)}")

    @classmethod
    def told(cls, facts: Mapping[str, Any]) -> Self:
        """The settings of a run as its settings.json tells them; those that it lacks are defaults.

        Raises:
            ValueError: A setting is out of its range.

        >>> TrainSettings.told({"network": "wide", "without": ["sad"], "data": "9f"}).without
        ('sad',)
        """
        given = {f.name: facts[f.name] for f in fields(cls) if f.name in facts}
        for name, value in given.items():
            if isinstance(value, list):
                given[name] = tuple(map(Path, value)) if name == "unlabelled" else tuple(value)
            elif name in ("weights", "teachers") and value is not None:
                given[name] = Path(value)
        return cls(**given)

    @property
    def drawn(self) -> str:
        """The options by which training rows were drawn; empty for the official parts.

        >>> TrainSettings(split="folds", fold=2).drawn
        '--split folds --folds 5 --fold 2'
        """
        if self.split == "official":
            return ""
        folds = f" --folds {self.folds} --fold {self.fold}" if self.split == "folds" else ""
        return f"{RANDOM_SPLIT}{self.split}{folds}"

    def _values(self, *names: str) -> str:
        """Gives these settings with their values, for messages."""
        return ", ".join(f"{name} {getattr(self, name)!r}" for name in names)
