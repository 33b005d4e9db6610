"""The card of a network: what its file is, how it is fed and read, and that it is still that file.

A card is `<stem>.json` beside the file, or `<file>.json` where two files share a stem. Few facts
are needed; this is a whole card of somebody's own emotion network:

>>> print(Card(file="mine.onnx", job="emotion", classes=("sad", "happy")).text())
{
  "file": "mine.onnx",
  "job": "emotion",
  "classes": ["sad", "happy"]
}
"""

import hashlib
import json
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.errors import ModelError, OutputError

WEIGHTS = Path(__file__).parent / "weights"

DTYPES = ("uint8", "float32")
LAYOUTS = ("NHWC", "NCHW")
CHANNEL_ORDERS = ("grey", "RGB", "BGR")
OUTPUTS = ("probabilities", "logits")


@dataclass(frozen=True, slots=True)
class CardSource:
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
        name: of the input in the file; None where there is only one.
        dtype: "uint8" or "float32".
        layout: order of the axes, "NHWC" or "NCHW".
        colour: "grey", "RGB" or "BGR".
        size: height and width in pixels, None where they are free.
        mean: the network is fed (pixel - mean) * scale, pixels being 0 to 255; a number, or one
            for each colour.
        scale: see mean.
    """

    name: str | None = None
    dtype: str = "uint8"
    layout: str = "NHWC"
    colour: str = "grey"
    size: tuple[int, int] | None = None
    mean: float | tuple[float, ...] = 0.0
    scale: float | tuple[float, ...] = 1.0

    def __post_init__(self) -> None:
        for name, known in (("dtype", DTYPES), ("layout", LAYOUTS), ("colour", CHANNEL_ORDERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"input.{name} is {getattr(self, name)!r}, not of {known}")
        if self.name is not None:
            _check_texts(("input.name", self.name))
        for name in ("mean", "scale"):
            value = getattr(self, name)
            numbers = _numbers(f"input.{name}", value if _is_list(value) else [value])
            if len(numbers) not in (1, self.channels):
                raise ValueError(f"input.{name} are {len(numbers)} numbers for {self.colour}")
            object.__setattr__(self, name, numbers if _is_list(value) else numbers[0])
        if self.dtype == "uint8" and (self.mean, self.scale) != (0, 1):
            raise ValueError("input.mean and input.scale go with float32, not with uint8")
        if self.size is not None:
            sides = _numbers("input.size", self.size)
            if len(sides) != 2 or not all(side >= 1 and side == int(side) for side in sides):
                raise ValueError(f"input.size is {self.size!r}, wanted [height, width]")
            object.__setattr__(self, "size", (int(sides[0]), int(sides[1])))

    @property
    def channels(self) -> int:
        """Numbers a pixel."""
        return 1 if self.colour == "grey" else 3


@dataclass(frozen=True, slots=True)
class Tolerances:
    """What the distances of one identity network mean; those of two networks do not compare.

    Distances are from 0 to 2. The chance that a name is right is the logistic function of a
    constant, a distance and a second number, each of the latter two with its weight.

    Attributes:
        name: largest distance of a person in the film to the photos of who it is.
        sure: the same for a second cluster of tracks that is to get a name.
        link: largest distance of such a cluster to the one that has the name, if it is not `sure`.
        cast: distance beyond which two clusters of tracks are two people.
        clear: least quality of a track's best face; poorer tracks make no cluster.
        alike: two people whose photos are nearer may have their names mixed up.
        misfit: a photo that is farther from all others of its person may show somebody else.
        first: for the nearest cluster of a name, of its distance to the photos and of how much
            nearer they are than the next person's.
        second: for another cluster of the name, of its distance to the photos and to the first.
    """

    name: float
    sure: float
    link: float
    cast: float
    clear: float
    alike: float
    misfit: float
    first: tuple[float, float, float]
    second: tuple[float, float, float]

    def __post_init__(self) -> None:
        for name in ("name", "sure", "link", "cast", "clear", "alike", "misfit"):
            (value,) = _numbers(f"tolerances.{name}", [getattr(self, name)])
            if not 0 < value <= 2:
                raise ValueError(f"tolerances.{name} is {value!r}, wanted a number up to 2")
        for name in ("first", "second"):
            numbers = _numbers(f"tolerances.{name}", getattr(self, name))
            if len(numbers) != 3:
                raise ValueError(f"tolerances.{name} are {len(numbers)} numbers, wanted 3")
            object.__setattr__(self, name, numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What stands in a network's card; the fields are the keys, and all but two may be left out.

    Attributes:
        file: name of the file beside the card.
        job: "detect", "landmarks", "identity" or "emotion".
        sha256: of that file in hex; where it is there, another file is refused.
        input: what the file is fed.
        outputs: names of the outputs in the file; none where there is only one.
        output: what comes out for each class: "probabilities" or "logits".
        classes: what the columns of each head mean, in their order.
        heads: how many answers stand side by side in the output; their mean counts.
        priors: of each head, the share of each class in what it learnt from.
        tau: strength of the correction softmax(z - tau log prior), 0 is none.
        tolerances: of an identity network.
        source: where the numbers come from.
        licence: SPDX name, or a short text.
        copyright: who holds it.
        made_by: the tool that wrote the file.
        note: one or two sentences.
        folder: where card and file lie; not written.

    Raises:
        ValueError: A fact is of another kind, or two do not go together.
        TypeError: The same.

    Source: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021 (tau and priors).
    """

    file: str
    job: str
    sha256: str = ""
    input: Input | None = None
    outputs: tuple[str, ...] = ()
    output: str = "probabilities"
    classes: tuple[str, ...] = ()
    heads: int = 1
    priors: tuple[tuple[float, ...], ...] = ()
    tau: float = 0.0
    tolerances: Tolerances | None = None
    source: CardSource | None = None
    licence: str = ""
    copyright: str = ""
    made_by: str = ""
    note: str = ""
    folder: Path = field(default=Path(), compare=False)

    def __post_init__(self) -> None:
        for name in ("file", "job", "sha256", "output", "licence", "copyright", "made_by", "note"):
            _check_texts((name, getattr(self, name)))
        for name in ("outputs", "classes"):
            values = getattr(self, name)
            if not _is_list(values) or len(set(values)) != len(values):
                raise ValueError(f"{name} is {values!r}, wanted a list of different names")
            _check_texts(*((name, value) for value in values))
            object.__setattr__(self, name, tuple(values))
        if self.output not in OUTPUTS:
            raise ValueError(f"output is {self.output!r}, not of {OUTPUTS}")
        if type(self.heads) is not int or self.heads < 1:
            raise ValueError(f"heads is {self.heads!r}, wanted a whole number from 1")
        self._check_priors()

    def _check_priors(self) -> None:
        (tau,) = _numbers("tau", [self.tau])
        object.__setattr__(self, "tau", tau)
        if not _is_list(self.priors):
            raise ValueError(f"priors is {self.priors!r}, wanted a list for each head")
        priors = tuple(_numbers("priors", head) for head in self.priors)
        object.__setattr__(self, "priors", priors)
        if not priors and not tau:
            return
        if self.output != "logits" or not priors:
            raise ValueError("tau goes with priors, and both with output logits")
        shape = [len(head) for head in priors]
        if shape != self.heads * [len(self.classes)] or min(map(min, priors), default=0) <= 0:
            raise ValueError(
                f"priors has {shape} numbers, wanted {self.heads} lists of {len(self.classes)}, "
                "all above 0"
            )

    @classmethod
    def beside(cls, path: Path) -> "Card":
        """Reads the card of the network `path`.

        Raises:
            ModelError: The card is missing, not a card, or that of another file.
        """
        place = _place(path)
        try:
            facts: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
            card = cls._of(facts, path.parent)
            if path not in (card.path, place):
                raise ValueError(f"it is that of {card.file}, and {path.name} has none")
        except FileNotFoundError as error:
            if not path.exists():
                raise _missing(path) from error
            raise ModelError(f"{place}: no card beside {path.name}; {_advice(path)}") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(
                f"{place}: not a network's card ({error}); wanted file and job, and of an emotion "
                "network classes"
            ) from error
        return card

    @classmethod
    def _of(cls, facts: dict[str, Any], folder: Path) -> "Card":
        known = [f.name for f in fields(cls) if f.name != "folder"]
        strange = ", ".join(sorted(facts.keys() - set(known)))
        if strange:
            raise ValueError(f"{strange}: there is no such fact; there are {', '.join(known)}")
        given = {name: value for name, value in facts.items() if value is not None}
        kinds = {"input": Input, "source": CardSource, "tolerances": Tolerances}
        for name, kind in kinds.items():
            if name in given:
                given[name] = kind(**given[name])
        return cls(**given, folder=folder)

    @property
    def path(self) -> Path:
        """The network's file."""
        return (self.folder / "x").with_name(self.file)

    @property
    def identity(self) -> str:
        """Hashes of the file and of how it is fed and read: all that changes its answers.

        Raises:
            ModelError: The file is missing.
        """
        facts = asdict(self)
        names = ("input", "outputs", "output", "classes", "heads", "priors", "tau")
        how = json.dumps([facts[name] for name in names]).encode()
        return f"{self._hash()} {hashlib.sha256(how).hexdigest()[:16]}"

    def checked(self) -> Path:
        """The network's file, after its hash was compared with the card's, where that gives one.

        Raises:
            ModelError: The file is missing or another one.
        """
        got = self._hash()
        if self.sha256 and got != self.sha256:
            raise ModelError(
                f"{self.path}: sha256 is {got[:12]}…, its card says {self.sha256[:12]}…; the file "
                "was changed or cut: install mine-video again, or, if the network is your own, "
                "take sha256 out of the card"
            )
        return self.path

    def _hash(self) -> str:
        try:
            return sha256(self.path)
        except (OSError, ValueError) as error:  # The latter where no file can be called so.
            raise _missing(self.path) from error

    def text(self) -> str:
        """The card as JSON, without the facts that are as usual."""
        usual = {f.name: f.default for f in fields(self) if f.name != "folder"}
        facts = [
            f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
            for name, value in asdict(self).items()
            if name in usual and getattr(self, name) != usual[name]
        ]
        return "{\n" + ",\n".join(facts) + "\n}"

    def write(self, folder: Path) -> Path:
        """Writes the card beside its file in `folder`, with that file's hash; gives where.

        >>> from tempfile import mkdtemp
        >>> folder = Path(mkdtemp())
        >>> _ = (folder / "mine.onnx").write_bytes(b"weights")
        >>> Card(file="mine.onnx", job="emotion").write(folder).name
        'mine.json'

        Raises:
            OutputError: It cannot be written.
            ModelError: The file is missing.
        """
        card = replace(self, folder=folder)
        card = replace(card, sha256=card._hash())
        place = card.path.with_suffix(".json")
        with suppress(ModelError):  # There is no card yet, or none that anybody can read.
            if Card.beside(place).file != self.file:
                place = place.with_name(f"{self.file}.json")
        try:
            place.write_text(card.text() + "\n", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{place}: cannot be written ({error.strerror})") from error
        return place


def example(path: Path) -> str:
    """A card to edit, for an emotion network of somebody's own."""
    return Card(
        file=path.name,
        job="emotion",
        input=Input(dtype="float32", size=(48, 48), scale=0.00392156862745098),
        classes=("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"),
        output="logits",
    ).text()


def sha256(path: Path) -> str:
    """Of a file, in hex; not reckoned again until the file changes.

    Raises:
        OSError: It cannot be read.
    """
    facts = path.stat()
    return _sha256(path, facts.st_size, facts.st_mtime_ns)


@cache
def _sha256(path: Path, *_: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _place(path: Path) -> Path:
    """Where the card of a network is: `<file>.json`, if there is one, before `<stem>.json`."""
    own = path.with_name(f"{path.name}.json")
    return own if own.exists() else path.with_suffix(".json")


def _missing(path: Path) -> ModelError:
    return ModelError(
        f"{path}: missing; install mine-video again, or, if the network is your own, "
        "say where it is"
    )


def _advice(path: Path) -> str:
    if path.parent == WEIGHTS:
        return "install mine-video again"
    return f"write one, for example:\n{example(path)}"


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _check_texts(*named: tuple[str, Any]) -> None:
    for name, value in named:
        if not isinstance(value, str):
            raise ValueError(f"{name} is {value!r}, wanted a text")


def _numbers(name: str, values: Sequence[Any]) -> tuple[float, ...]:
    if not _is_list(values) or not all(
        isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values
    ):
        raise ValueError(f"{name} is {values!r}, wanted numbers")
    return tuple(float(v) for v in values)
