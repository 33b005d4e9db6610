"""The epochs of a run: which rows come when, what is kept after each, and how far it is."""

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
from pipeline.files import replacing
from pipeline.train.losses import METRIC_NAMES

STATE, BEST = "state.npz", "best.npz"

History = list[Mapping[str, float]]
"""The figures of each epoch by name; "epoch" counts from 1."""


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is without types.
    """Training rows, batch by batch; the last incomplete one is left out, if there are others.

    Args:
        faces: `(n, 48, 48, 1)`.
        targets: `(n, heads k)`.
        order: Gives the rows of an epoch, which counts from 0.
        size: Rows in a batch.
        epoch: The first one.
    """

    def __init__(
        self, faces: Image, targets: Floats, order: Callable[[int], Ints], size: int, epoch: int
    ) -> None:
        super().__init__()
        self._faces, self._targets, self._order, self._size = faces, targets, order, size
        self._next, self._rows = epoch, order(epoch)

    def __len__(self) -> int:
        return max(1, len(self._rows) // self._size)

    def __getitem__(self, index: int) -> tuple[Image, Floats]:
        rows = self._rows[index * self._size : (index + 1) * self._size]
        return self._faces[rows], self._targets[rows]

    def on_epoch_begin(self) -> None:
        """Takes the rows of the next epoch."""
        self._rows = self._order(self._next)
        self._next += 1


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is without types.
    """Keeps the run's state after every epoch, and the weights of the best one.

    Best weights are written before the state: a kill in between repeats the epoch.

    Args:
        network: Whose weights count.
        folder: Where they are kept.
        history: Of the epochs before.
        patience: Stop after so many epochs without a better one; 0 never.
    """

    def __init__(self, network: Any, folder: Path, history: History, patience: int) -> None:
        super().__init__()
        self.network, self.folder, self.history = network, folder, history
        self._patience = patience

    @property
    def best(self) -> int:
        """Position of the best epoch, by the mean validation accuracy of the heads."""
        scores = [
            np.mean([e[f"val_{n}"] for n in METRIC_NAMES if f"val_{n}" in e]) for e in self.history
        ]
        return int(np.argmax(scores))

    def finished(self, epochs: int) -> bool:
        """Whether there is nothing more to do."""
        return len(self.history) >= epochs or self._stale()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Notes the epoch's figures and keeps what the next one needs."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        self.history.append({"epoch": epoch + 1, **figures})
        if self.best == len(self.history) - 1:
            _save(self.folder / BEST, self.network.get_weights())
        _save(self.folder / STATE, _state(self.model), json.dumps(self.history))
        if self._stale():
            self.model.stop_training = True

    def load_best(self) -> None:
        """Gives the network the weights of its best epoch.

        Raises:
            OutputError: They are no longer there.
        """
        found = _load(self.folder / BEST)
        if found is None:
            raise OutputError(
                f"{self.folder / BEST}: was deleted; delete {self.folder}, train anew"
            )
        self.network.set_weights(found[0])

    def _stale(self) -> bool:
        past = len(self.history) - 1 - self.best if self.history else 0
        return self._patience > 0 and past >= self._patience


class TrainingProgress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is without types.
    """A bar over all batches of a run, on standard error.

    Args:
        epochs: Of the whole run.
        steps: Batches of an epoch.
        show: Whether there is a bar at all; it is on a terminal only.
    """

    def __init__(self, epochs: int, steps: int, *, show: bool) -> None:
        super().__init__()
        self._epochs, self._steps, self._show = epochs, steps, show
        self._bar: Any = None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Begins, or goes on from an earlier run."""
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
        """Shows the epoch's figures."""
        self._bar.set_postfix({name: f"{value:.3f}" for name, value in (logs or {}).items()})

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()


def restored(trainer: Any, folder: Path) -> History:
    """Brings a trainer to where an earlier run was; gives the history, empty where none was.

    Raises:
        OutputError: The state is torn or of another network.
    """
    found = _load(folder / STATE)
    if found is None:
        return []
    arrays, text = found
    variables = _variables(trainer)
    shapes = [tuple(v.shape) for v in variables]
    if [a.shape for a in arrays] != shapes:
        raise OutputError(
            f"{folder / STATE}: is of another network or another version of Keras; "
            f"delete {folder} and train anew"
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    history: History = json.loads(text)
    return history


def _variables(trainer: Any) -> list[Any]:
    """All that a step changes: weights, statistics, random seeds, the optimizer's moments."""
    return [*trainer.variables, *trainer.optimizer.variables]


def _state(trainer: Any) -> list[Any]:
    return [keras.ops.convert_to_numpy(variable) for variable in _variables(trainer)]


def _save(path: Path, arrays: list[Any], text: str = "") -> None:
    with replacing(path) as file:
        np.savez(file, text=text, **{f"a{i:04d}": a for i, a in enumerate(arrays)})


def _load(path: Path) -> tuple[list[Any], str] | None:
    """Arrays and text of a file of `_save`; None where there is none."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            names = sorted(name for name in kept.files if name != "text")
            return [kept[name] for name in names], str(kept["text"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise OutputError(
            f"{path}: cannot be read ({error}); delete {path.parent} and train anew"
        ) from error
