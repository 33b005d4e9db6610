"""Shows labelled faces before training: pictures, plots and counts."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from pipeline.errors import OutputError
from pipeline.faces import EMOTIONS
from pipeline.files import beside
from pipeline.train import dataset, plots, split
from pipeline.train.dataset import NO_LABEL, PRIVATE, PUBLIC, TRAINING, Dataset
from pipeline.train.formats import USAGES

PREVIEW = 16
"""The number of faces in preview.png."""

COUNT_ROW = "{:12} {:>10} {:>10} {:>10} {:>10}"


def describe(data: Dataset) -> Iterator[str]:
    """Describes the data: a table of classes and parts, then remarks on the rows.

    Args:
        data: All rows.

    Yields:
        Lines: counts of each class in each part, faces with the same pixels, FER+ agreement.
    """
    yield COUNT_ROW.format("", *USAGES, "share")
    shares = dataset.distribution(data.labels, len(data.classes))
    for i, name in enumerate(data.classes):
        counts = [int(((data.labels == i) & (data.usage == part)).sum()) for part in range(3)]
        yield COUNT_ROW.format(name, *(f"{n:,}" for n in counts), f"{shares[i]:.1%}")
    counts = [int((data.usage == part).sum()) for part in (TRAINING, PUBLIC, PRIVATE)]
    yield COUNT_ROW.format("all", *(f"{n:,}" for n in counts), f"{len(data):,}")
    yield from _repeated(data)
    if data.has_votes:
        majority = dataset.ferplus_majority(data)
        known = majority != NO_LABEL
        agreement = (majority == data.labels)[known].mean() if known.any() else np.nan
        yield (
            f"FER+ majority: one of the classes on {known.sum():,} faces, "
            f"the same as the label on {agreement:.1%} of them"
        )


def _repeated(data: Dataset) -> Iterator[str]:
    """Counts the rows whose pixels are also in another row."""
    first_rows = dataset.first_equal_faces(data.faces)
    repeated = int((first_rows != np.arange(len(data))).sum())
    seen = dataset.seen_in_training(data)
    yield f"rows with the same pixels as an earlier row: {repeated:,}"
    yield (
        f"test rows with the same pixels as a training row: {seen.sum():,} "
        f"(public {(seen & (data.usage == PUBLIC)).sum():,}, "
        f"private {(seen & (data.usage == PRIVATE)).sum():,})"
    )


def check_new(folder: Path) -> None:
    """Checks that `write_pictures` can create the folder.

    Raises:
        OutputError: The folder exists already.
    """
    if folder.exists():
        raise OutputError(f"{folder}: exists already; choose another folder, or delete this one")


def write_pictures(data: Dataset, folder: Path, without: tuple[str, ...] = ()) -> Iterator[str]:
    """Writes every face as a PNG: `Training/happy/00042.png` is the face of row 42, from 0.

    `dataset.read_dataset` can read such a folder. The folder appears when all faces are written, or
    not at all.

    Args:
        data: All rows.
        folder: The folder to create.
        without: Emotions whose faces are left out.

    Yields:
        The folder.

    Raises:
        OutputError: The folder exists already, or cannot be written.
    """
    check_new(folder)
    unfinished = beside(folder)
    try:
        unfinished.mkdir(parents=True)
        for row in np.flatnonzero(dataset.left(data, without)):
            class_folder = unfinished / USAGES[data.usage[row]] / data.classes[data.labels[row]]
            class_folder.mkdir(parents=True, exist_ok=True)
            face = cv2.imencode(".png", data.faces[row])[1]
            (class_folder / f"{row:05d}.png").write_bytes(face.tobytes())
        unfinished.rename(folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    yield str(folder)


def write_plots(
    data: Dataset, folder: Path, *, balance: float, without: tuple[str, ...]
) -> Iterator[str]:
    """Writes preview.png (16 labelled faces) and classes.png (shares of classes before and after).

    Args:
        data: All rows.
        folder: The folder for both files.
        balance: As in `TrainSettings`.
        without: As in `TrainSettings`.

    Yields:
        The files.

    Raises:
        DataError: Too few classes would be left.
        OutputError: A file cannot be written.
    """
    after = dataset.without(data, without) if without else data
    drawn = np.random.default_rng(0).permutation(len(after))[:PREVIEW]
    captions = [plots.labelled(after.classes[after.labels[row]]) for row in drawn]
    plots.write_face_grid(
        after.faces[drawn], captions, folder / "preview.png", f"{len(drawn)} faces"
    )
    shares = {"before": _shares(data, 0.0), _after(balance, without): _shares(after, balance)}
    plots.write_distribution(shares, folder / "classes.png")
    yield str(folder / "preview.png")
    yield str(folder / "classes.png")


def _shares(data: Dataset, balance: float) -> dict[str, float]:
    """Gives the share of each class among the faces that training shows."""
    rows = np.flatnonzero(data.usage == TRAINING)
    weights = split.row_weights(data, rows, balance)
    shares = np.bincount(data.labels[rows], weights, minlength=len(data.classes))
    return dict(zip(data.classes, shares.tolist(), strict=True))


def _after(balance: float, without: tuple[str, ...]) -> str:
    """Names the changes by their options."""
    words = [f"--without {name}" for name in without if name in EMOTIONS]
    words += [f"--balance {balance:g}"] if balance else []
    return f"after {' '.join(words)}" if words else "after (nothing was changed)"
