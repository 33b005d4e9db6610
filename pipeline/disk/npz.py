"""Arrays on disk: .npz files whose bytes depend on the arrays alone, read against a schema."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import TableError
from pipeline.files import replacing

LARGEST_NPZ = 1 << 31
"""Bytes that an .npz may unpack to: a day's film has a fourth of that."""


AGAIN = "delete it and run mine-video again"


Kind = tuple[str, tuple[int | None, ...]]
"""NumPy's letter for the type of an array, and its shape; None is any length."""

Schema = Mapping[str, Kind | None]
"""The arrays of a file by name; None for one that its reader checks."""


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Writes an .npz with the same bytes for the same arrays (numpy's own holds the time).

    Raises:
        OutputError: It cannot be written.
    """
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, value in arrays.items():
            with bundle.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:
                np.lib.format.write_array(member, np.asarray(value), allow_pickle=False)


def read_arrays(
    path: Path, schema: Schema, absent: Mapping[str, NDArray[Any]] | None = None
) -> dict[str, NDArray[Any]]:
    """Reads the arrays of an .npz that a schema names; never runs what a pickle holds.

    Args:
        path: The file.
        schema: Of these arrays.
        absent: Arrays that files of earlier versions lack, and what stands for them.

    Raises:
        TableError: The file is missing, foreign or torn.
    """
    absent = absent or {}
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as bundle:
            there = set(bundle.namelist())
            old = {n: absent[n] for n in schema if n in absent and f"{n}.npy" not in there}
            arrays = old | {n: _read_array(bundle, f"{n}.npy") for n in schema if n not in old}
    except Exception as error:  # zlib, zipfile and numpy each have their own for a torn file.
        raise TableError(f"{path}: missing, torn or foreign ({error}); {AGAIN}") from error
    for name, array in arrays.items():
        kind = schema[name]
        if kind is not None and not _fits(array, kind):
            raise TableError(f"{path}: foreign: {name} is {array.dtype} {array.shape}; {AGAIN}")
    return arrays


def _fits(array: NDArray[Any], kind: Kind) -> bool:
    """Whether an array has the type and the shape that a schema asks for."""
    letter, shape = kind
    lengths = zip(array.shape, shape, strict=False)
    fits = array.ndim == len(shape) and all(n == want or want is None for n, want in lengths)
    return fits and array.dtype.kind == letter


def _read_array(bundle: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """Reads one array, but none that unpacks to more than is plausible.

    Raises:
        ValueError: It is too large, no array, or holds a pickle.
    """
    size = bundle.getinfo(name).file_size
    if size > LARGEST_NPZ:
        raise ValueError(f"{name} unpacks to {size:,} bytes")
    with bundle.open(name) as member:
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))
