"""The epochs of a training run: their batches, checkpoints and progress."""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from pipeline.errors import OutputError
from pipeline.faces import Floats, Image, Ints
from pipeline.files import open_file, replacing
from pipeline.train.losses import METRIC_NAMES

STATE, BEST = "state.npz", "best.npz"

History = list[Mapping[str, float]]
"""The metrics of each epoch by name; "epoch" counts from 1."""


def mean_accuracy(metrics: Mapping[str, float], prefix: str = "") -> float:
    """The mean accuracy of the heads, by which epochs and the members of soups are chosen.

    >>> mean_accuracy({"val_loss": 2.0, "val_accuracy": 0.5, "val_accuracy_ferplus": 0.75}, "val_")
    0.625
    """
    names = (prefix + name for name in METRIC_NAMES)
    return float(np.mean([metrics[name] for name in names if name in metrics]))


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is without types.
    """Training rows in batches; an incomplete last batch is dropped unless it is the only one.

    Args:
        faces: `(n, 48, 48, 1)`.
        targets: `(n, heads k)`.
        order: Gives the order of the rows in an epoch; epochs count from 0.
        size: Rows per batch.
        epoch: The first epoch.
        change: Changes the faces `(b, 48, 48)` of a batch, given the epoch and the batch's number.
    """

    def __init__(
        self, faces: Image, targets: Floats, order: Callable[[int], Ints], size: int, epoch: int,
        change: Callable[[Image, int, int], Image] = lambda faces, *_: faces,
    ) -> None:  # fmt: skip
        super().__init__()
        self._faces, self._targets, self._order, self._size = faces, targets, order, size
        self._change = change
        self._epoch, self._next, self._rows = epoch, epoch, order(epoch)

    def __len__(self) -> int:
        return max(1, len(self._rows) // self._size)

    def __getitem__(self, index: int) -> tuple[Image, Floats]:
        rows = self._rows[index * self._size : (index + 1) * self._size]
        faces = self._change(self._faces[rows, ..., 0], self._epoch, index)
        return faces[..., None], self._targets[rows]

    def on_epoch_begin(self) -> None:
        """Switches to the rows of the next epoch."""
        self._epoch, self._rows = self._next, self._order(self._next)
        self._next += 1


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is without types.
    """Saves the state of the run after every epoch, and the weights of the best epoch.

    The best weights are written before the state: if the run is killed in between, it repeats the
    epoch.

    Args:
        network: The network whose weights are saved.
        folder: The folder for both files.
        history: The metrics of earlier epochs.
        patience: Stop after this many epochs without a better one; 0 never stops early.
    """

    def __init__(self, network: Any, folder: Path, history: History, patience: int) -> None:
        super().__init__()
        self.network, self.folder, self.history = network, folder, history
        self._patience = patience

    @property
    def best(self) -> int:
        """The position of the best epoch, by the mean validation accuracy of the heads."""
        return int(np.argmax([mean_accuracy(epoch, "val_") for epoch in self.history]))

    def finished(self, epochs: int) -> bool:
        """Whether the run has ended."""
        return len(self.history) >= epochs or self._stale()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Records the epoch's metrics and saves what the next epoch needs."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        self.history.append({"epoch": epoch + 1, **values})
        if self.best == len(self.history) - 1:
            _save(self.folder / BEST, self.network.get_weights())
        _save(self.folder / STATE, _state(self.model), json.dumps(self.history))
        if self._stale():
            self.model.stop_training = True

    def load_best(self) -> None:
        """Gives the network the weights of its best epoch.

        Raises:
            OutputError: The file is missing or damaged.
        """
        saved = _load(self.folder / BEST)
        if saved is None:
            raise OutputError(
                f"{self.folder / BEST}: was deleted; delete {self.folder} and train again"
            )
        self.network.set_weights(saved[0])

    def _stale(self) -> bool:
        since_best = len(self.history) - 1 - self.best if self.history else 0
        return self._patience > 0 and since_best >= self._patience


class Averaged(keras.callbacks.SwapEMAWeights):  # type: ignore[misc]  # Keras is without types.
    """Validates and saves the moving average of the weights, which the optimizer keeps.

    It comes before `Checkpoint`. Between two epochs the average is in the network and the weights
    are in the optimizer, also in the saved state.

    Args:
        resumed: Whether the trainer was restored to the state between two epochs.

    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    """

    def __init__(self, *, resumed: bool) -> None:
        super().__init__(swap_on_epoch=True)
        self._ema_weights_in_model = resumed


class TrainingProgress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is without types.
    """A progress bar over all batches of a run, on standard error.

    Args:
        epochs: The epochs of the whole run.
        steps: Batches per epoch.
        show: Show the bar, if standard error is a terminal.
    """

    def __init__(self, epochs: int, steps: int, *, show: bool) -> None:
        super().__init__()
        self._epochs, self._steps, self._show = epochs, steps, show
        self._bar: Any = None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Starts the bar, where an earlier run stopped if there was one."""
        if self._bar is None:
            total = self._epochs * self._steps
            self._bar = tqdm(
                total=total, initial=epoch * self._steps, unit="batch",
                disable=None if self._show else True,
            )  # fmt: skip
        self._bar.set_description(f"epoch {epoch + 1} of {self._epochs}")

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Counts a batch."""
        self._bar.update()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Shows the epoch's metrics."""
        self._bar.set_postfix({name: f"{value:.3f}" for name, value in (logs or {}).items()})

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Closes the bar."""
        if self._bar is not None:
            self._bar.close()


def restored(trainer: Any, folder: Path) -> History:
    """Restores a trainer to the state of an earlier run; gives its history, empty if none ran.

    Raises:
        OutputError: The state is damaged or of another network.
    """
    saved = _load(folder / STATE)
    if saved is None:
        return []
    arrays, text = saved
    variables = _variables(trainer)
    shapes = [tuple(v.shape) for v in variables]
    if [a.shape for a in arrays] != shapes:
        raise OutputError(
            f"{folder / STATE}: belongs to another network or another version of Keras; "
            f"delete {folder} and train again"
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    history: History = json.loads(text)
    return history


def _variables(trainer: Any) -> list[Any]:
    """Gives all that a step changes: weights, statistics, random seeds, the optimizer's moments."""
    return [*trainer.variables, *trainer.optimizer.variables]


def _state(trainer: Any) -> list[Any]:
    return [keras.ops.convert_to_numpy(variable) for variable in _variables(trainer)]


def _save(path: Path, arrays: list[Any], text: str = "") -> None:
    with replacing(path) as file:
        np.savez(file, text=text, **{f"a{i:04d}": a for i, a in enumerate(arrays)})


def _load(path: Path) -> tuple[list[Any], str] | None:
    """Reads the arrays and the text of a file of `_save`; None if there is no such file."""
    try:
        with open_file(path) as file, np.load(file, allow_pickle=False) as saved:
            names = sorted(name for name in saved.files if name != "text")
            return [saved[name] for name in names], str(saved["text"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise OutputError(
            f"{path}: cannot be read ({error}); delete {path.parent} and train again"
        ) from error
