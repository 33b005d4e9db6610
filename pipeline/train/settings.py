"""Every default and range of training, once. The command line builds these."""

from dataclasses import dataclass
from pathlib import Path

NETWORK_NAMES = ("two-headed", "article", "shallow", "wide", "fakeblock", "resnet34", "vgg16")
SPLITS = ("official", "random", "folds")
OPTIMIZERS = ("sgd", "adam")
SHARES = ("balance", "ferplus_share", "distill", "erase", "blur", "compress", "small")
STRENGTHS = ("tilt", "scale", "shift", "light", "loss_correction", "correction")

RANDOM_SPLIT = "--split "
"""Stands in the card of a network whose training rows were drawn out of all rows."""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """What decides which network comes out of a training run.

    The defaults are those of the shipped network's run as far as one run goes; it learnt from
    teachers too, and for 354 epochs on a graphics card.

    Attributes:
        network: one of `NETWORK_NAMES`.
        weights: file of the frozen features, for `vgg16` alone.
        split: "official" (Kaggle's Usage), "random" or "folds".
        test_share: of a random split, share of the rows in the test.
        validation_share: of a random split or folds, share of the rows that choose the best epoch.
        folds: into how many parts `split="folds"` cuts the rows.
        fold: which of them is the test, from 1.
        limit: train on so many rows, drawn at random; 0 takes all.
        clean: leave out of training what stands in a test too, has two labels, or is no face by
            half of its FER+ votes.
        without: emotions to drop; the network then has fewer classes.
        balance: 0 shows each class as often as it is in the data, 1 all equally often.
        ferplus_share: share of the FER+ votes in what a one-headed network learns, 0 to 1; the
            second head of a two-headed one learns them anyway.
        smoothing: share of the target that is spread over all classes.
        teachers: an .npz of other networks' probabilities for every row: `hard` and `fp`, (n, 7).
        distill: share of the teachers in the target.
        loss_correction: tau of the prior-corrected loss: the network learns softmax(z + tau log
            prior), and z itself then favours no class.
        correction: tau of the prior correction behind a trained network, softmax(z - tau log
            prior).
        epochs: most of them.
        patience: stop after so many epochs without a better validation accuracy; 0 never.
        batch: faces a step.
        optimizer: "sgd" (Nesterov momentum 0.9) or "adam" (decoupled weight decay).
        learning_rate: the highest; it rises over the first epoch and falls to 0 as a cosine.
        weight_decay: of all weights.
        seed: of weights, order and augmentation.
        flip: mirror half of the faces.
        tilt: degrees by which faces are turned to either side.
        scale: natural logarithm of the most by which faces are stretched.
        shift: by how much they are moved, as a share of the side.
        light: natural logarithm of the most by which contrast changes; half of it for brightness.
        erase: probability that a rectangle is painted over.
        blur: probability of a blur.
        compress: probability of JPEG's losses, as in compressed video.
        small: probability that a face is shrunk by 2 to 4 and blown up again, as in the distance.
        tensorboard: write logs for TensorBoard.
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
    tensorboard: bool = False

    def __post_init__(self) -> None:
        if self.split not in SPLITS or self.optimizer not in OPTIMIZERS:
            raise ValueError(
                f"split one of {SPLITS}, optimizer one of {OPTIMIZERS}; "
                f"got {self._given('split', 'optimizer')}"
            )
        if self.folds < 2 or not 1 <= self.fold <= self.folds:
            raise ValueError(
                f"folds from 2, fold from 1 to folds; got {self._given('folds', 'fold')}"
            )
        if min(self.epochs, self.batch) < 1 or min(self.limit, self.patience, self.seed) < 0:
            given = self._given("epochs", "batch", "limit", "patience", "seed")
            raise ValueError(f"epochs, batch from 1, limit, patience, seed from 0; got {given}")
        if not (0 < self.test_share < 1 and 0 < self.validation_share < 1):
            given = self._given("test_share", "validation_share")
            raise ValueError(f"test_share and validation_share between 0 and 1; got {given}")
        if not (self.learning_rate > 0 and self.weight_decay >= 0 and 0 <= self.smoothing < 1):
            given = self._given("learning_rate", "weight_decay", "smoothing")
            raise ValueError(
                f"learning_rate above 0, weight_decay from 0, smoothing in [0, 1); got {given}"
            )
        if not all(0 <= getattr(self, name) <= 1 for name in SHARES):
            raise ValueError(f"shares from 0 to 1; got {self._given(*SHARES)}")
        if not all(getattr(self, name) >= 0 for name in STRENGTHS):
            raise ValueError(f"strengths from 0; got {self._given(*STRENGTHS)}")

    @property
    def drawn(self) -> str:
        """How training rows were drawn, as it is typed; nothing where the data's parts say it.

        >>> TrainSettings(split="folds", fold=2).drawn
        '--split folds --folds 5 --fold 2'
        """
        if self.split == "official":
            return ""
        folds = f" --folds {self.folds} --fold {self.fold}" if self.split == "folds" else ""
        return f"{RANDOM_SPLIT}{self.split}{folds}"

    def _given(self, *names: str) -> str:
        """Those settings with their values."""
        return ", ".join(f"{name} {getattr(self, name)!r}" for name in names)
