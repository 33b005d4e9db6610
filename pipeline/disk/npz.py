"""Reads and writes .npz files: the same bytes for the same arrays, checked against a schema."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import TableError
from pipeline.files import open_file, replacing

LARGEST_NPZ = 1 << 31
"""The most bytes an array may unpack to; a film of a whole day has a fourth of this."""

AGAIN = "delete it and run mine-video again"

Kind = tuple[str, tuple[int | None, ...]]
"""NumPy's letter for the type of an array, and its shape; None is any length."""

Schema = Mapping[str, Kind | None]
"""The arrays of a file by name; None for one that the caller checks itself."""


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Writes an .npz with the same bytes for the same arrays (numpy's own contains the time).

    Raises:
        OutputError: The file cannot be written.
    """
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, value in arrays.items():
            # A ZipInfo made from a name has a fixed date.
            with bundle.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:
                np.lib.format.write_array(member, np.asarray(value), allow_pickle=False)


def read_arrays(
    path: Path, schema: Schema, absent: Mapping[str, NDArray[Any]] | None = None
) -> dict[str, NDArray[Any]]:
    """Reads the arrays of an .npz that a schema names, and never unpickles.

    Args:
        path: The file.
        schema: The arrays to read, and what they must be.
        absent: Defaults for arrays that files of earlier versions lack.

    Raises:
        TableError: The file is missing, damaged, or of another program.
    """
    absent = absent or {}
    try:
        with open_file(path) as file, zipfile.ZipFile(file) as bundle:
            members = set(bundle.namelist())
            defaults = {n: absent[n] for n in schema if n in absent and f"{n}.npy" not in members}
            arrays = defaults | {
                n: _read_array(bundle, f"{n}.npy") for n in schema if n not in defaults
            }
    except Exception as error:  # zlib, zipfile and numpy raise unrelated exceptions.
        raise TableError(f"{path}: missing or damaged ({error}); {AGAIN}") from error
    for name, array in arrays.items():
        kind = schema[name]
        if kind is not None and not _fits(array, kind):
            raise TableError(
                f"{path}: damaged: array {name} is {array.dtype} {array.shape}; {AGAIN}"
            )
    return arrays


def _fits(array: NDArray[Any], kind: Kind) -> bool:
    """Whether an array has the type and shape that a schema requires."""
    letter, shape = kind
    lengths = zip(array.shape, shape, strict=False)
    fits = array.ndim == len(shape) and all(n == wanted or wanted is None for n, wanted in lengths)
    return fits and array.dtype.kind == letter


def _read_array(bundle: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """Reads one array, unless it unpacks to an implausible size.

    Raises:
        ValueError: It is too large, not an array, or a pickle.
    """
    size = bundle.getinfo(name).file_size
    if size > LARGEST_NPZ:
        raise ValueError(f"{name} unpacks to {size:,} bytes, more than {LARGEST_NPZ:,}")
    with bundle.open(name) as member:
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))
