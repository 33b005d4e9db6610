"""Draws the pictures of training and evaluation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.faces import Floats, Image, Ints
from pipeline.files import replacing

EMOJI = {
    "angry": "😠", "disgust": "😖", "fear": "😨", "happy": "😄", "sad": "😢", "surprise": "😲",
    "neutral": "😐",
}  # fmt: skip
"""Emoji that matplotlib's default font contains."""

BLUE, ORANGE = "#0072b2", "#e69f00"
"""Colours that people with colour-blindness tell apart (Okabe and Ito, 2008)."""


def labelled(name: str) -> str:
    """Gives the name of a class with its emoji."""
    return f"{EMOJI.get(name, '')} {name}".strip()


def write_face_grid(faces: Image, captions: Sequence[str], path: Path, title: str) -> None:
    """Draws faces with captions, eight in a row.

    Args:
        faces: `(n, 48, 48)`.
        captions: A caption for each face.
        path: The PNG file to write.
        title: The title of the picture.

    Raises:
        OutputError: The file cannot be written.
    """
    n_rows = max(1, -(-len(faces) // 8))
    figure = Figure(figsize=(12, 0.6 + 1.85 * n_rows), layout="constrained")
    figure.suptitle(title)
    grid = figure.subplots(n_rows, 8, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, face, caption in zip(grid.flat, faces, captions, strict=False):
        axes.imshow(face, cmap="gray", vmin=0, vmax=255)
        axes.set_title(caption, fontsize=8)
    _save(figure, path)


def write_distribution(shares: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Draws the share of each class as bars, in one colour for each data set.

    Args:
        shares: The share of each class for each data set ("before", "after").
        path: The PNG file to write.

    Raises:
        OutputError: The file cannot be written.
    """
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    classes = list(dict.fromkeys(name for of_set in shares.values() for name in of_set))
    width = 0.8 / len(shares)
    colours = BLUE, ORANGE
    for i, ((label, of_set), colour) in enumerate(zip(shares.items(), colours, strict=False)):
        heights = [100 * of_set.get(name, 0.0) for name in classes]
        positions = np.arange(len(classes)) + (i - (len(shares) - 1) / 2) * width
        bars = axes.bar(positions, heights, width, label=label, color=colour)
        axes.bar_label(bars, fmt="%.1f", fontsize=8)
    axes.set_xticks(range(len(classes)), [labelled(name) for name in classes])
    axes.set(ylabel="% of the faces", title="Classes of the training faces")
    figure.legend(loc="outside lower center", ncols=len(shares))  # Inside, it would hide bars.
    _save(figure, path)


def write_confusion(counts: Ints, classes: Sequence[str], path: Path) -> None:
    """Draws the confusion matrix, with each row in shares of the true class.

    Args:
        counts: `(k, k)`, a row for each true class.
        classes: The names of the classes.
        path: The PNG file to write.

    Raises:
        OutputError: The file cannot be written.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(7.5, 6.5), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="share of the true class")
    for (i, j), value in np.ndenumerate(shares):
        ink = "white" if value > 0.5 else "black"  # Readable on dark and light cells.
        axes.text(j, i, f"{value:.2f}\n{counts[i, j]}", ha="center", va="center", color=ink, size=8)
    names = [labelled(name) for name in classes]
    axes.set_xticks(range(len(names)), names, rotation=45)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="answer", ylabel="label", title="Confusion matrix")
    _save(figure, path)


def write_curves(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draws loss and accuracy over the epochs, for training and validation.

    Args:
        history: The metrics of each epoch by name; those of validation begin with `val_`.
        path: The PNG file to write.

    Raises:
        OutputError: The file cannot be written.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    names = [n for n in history[0] if f"val_{n}" in history[0]]
    grid = figure.subplots(1, len(names), squeeze=False)
    for axes, name in zip(grid.flat, names, strict=True):
        for key, label, colour in ((name, "training", BLUE), (f"val_{name}", "validation", ORANGE)):
            axes.plot([e["epoch"] for e in history], [e[key] for e in history], color=colour,
                      label=label, marker="." if len(history) < 40 else None)  # fmt: skip
        axes.set(xlabel="epoch", ylabel=name, title=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    _save(figure, path)


def write_fooled(
    faces: tuple[Image, Image], probabilities: tuple[Floats, Floats], classes: Sequence[str],
    path: Path,
) -> None:  # fmt: skip
    """Draws a face, the changed face, their difference, and the answers for both side by side.

    Args:
        faces: Before and after, `(48, 48)` each.
        probabilities: The answers for both, `(k,)` each.
        classes: The names of the classes.
        path: The PNG file to write.

    Raises:
        OutputError: The file cannot be written.
    """
    figure = Figure(figsize=(12, 4), layout="constrained")
    grid = figure.subplots(1, 4, width_ratios=(1, 1, 1, 1.4))
    change = faces[1].astype(int) - faces[0]
    largest = max(1, int(np.abs(change).max()))
    for axes, face, answer in zip(grid, faces, probabilities, strict=False):
        axes.imshow(face, cmap="gray", vmin=0, vmax=255)
        best = int(answer.argmax())
        axes.set_title(f"{labelled(classes[best])} {answer[best]:.0%}")
    grid[2].imshow(change, cmap="coolwarm", vmin=-largest, vmax=largest)
    grid[2].set_title(f"difference, at most {largest} of 255")
    positions = np.arange(len(classes))
    for shift, answer, label, colour in zip(
        (-0.2, 0.2), probabilities, ("before", "after"), (BLUE, ORANGE), strict=True
    ):
        grid[3].barh(positions + shift, answer, 0.4, label=label, color=colour)
    grid[3].set_yticks(positions, [labelled(name) for name in classes])
    grid[3].invert_yaxis()
    grid[3].set(xlim=(0, 1), xlabel="probability")
    grid[3].legend()
    for axes in grid[:3]:
        axes.set_axis_off()
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=120)
