"""The card of a network: what its file is, its input and output, and a hash to check the file.

A card is `<stem>.json` beside the file, or `<file>.json` if two files share a stem. Few facts are
required; this is a complete card of a user's own emotion network:

>>> print(Card(file="mine.onnx", job="emotion", classes=("sad", "happy")).text())
{
  "file": "mine.onnx",
  "job": "emotion",
  "classes": ["sad", "happy"]
}

and this one of a network that tells people apart, where `"name"` is the largest distance of a known
face, from 0 to 2, and is measured:

>>> print(recognizer_example(Path("mine.onnx")))
{
  "file": "mine.onnx",
  "job": "identity",
  "input": {"dtype": "float32", "layout": "NCHW", "colour": "RGB", "size": [112, 112],
            "mean": 127.5, "scale": 0.0078125},
  "tolerances": {"name": 1.1}
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

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelError, OutputError
from pipeline.files import content, open_file

WEIGHTS = Path(__file__).parent / "weights"

DTYPES = ("uint8", "float32")
LAYOUTS = ("NHWC", "NCHW")
CHANNEL_ORDERS = ("grey", "RGB", "BGR")
OUTPUTS = ("probabilities", "logits")


@dataclass(frozen=True, slots=True)
class CardSource:
    """Where the weights in a file come from.

    Attributes:
        package: name on the package index, or None for a file made by this project.
        version: version of that package, or None.
        file: path inside the package, or the name of the file.
        sha256: hash of the source file, in hex.
    """

    package: str | None
    version: str | None
    file: str
    sha256: str


MOST_SIDE = 1024
"""The largest side of a network's input: faces are smaller, and batches of larger fill memory."""

MOST_ANSWERS = 10_000
"""The most answers that a network gives for a face."""


@dataclass(frozen=True, slots=True)
class Input:
    """The input of a network.

    Attributes:
        name: name of the input in the file; None if there is only one.
        dtype: "uint8" or "float32".
        layout: order of the axes, "NHWC" or "NCHW".
        colour: "grey", "RGB" or "BGR".
        size: height and width in pixels; None if the network takes any.
        mean: the input is (pixel - mean) * scale, with pixels from 0 to 255; one number, or one
            per colour.
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
                raise ValueError(f"input.{name} is {getattr(self, name)!r}, not one of {known}")
        if self.name is not None:
            _check_texts(("input.name", self.name))
        for name in ("mean", "scale"):
            value = getattr(self, name)
            numbers = _numbers(f"input.{name}", value if _is_list(value) else [value])
            if len(numbers) not in (1, self.channels):
                raise ValueError(
                    f"input.{name} has {len(numbers)} numbers for {self.colour}, wanted one, or "
                    "one per channel"
                )
            object.__setattr__(self, name, numbers if _is_list(value) else numbers[0])
        if self.dtype == "uint8" and (self.mean, self.scale) != (0, 1):
            raise ValueError("input.mean and input.scale need dtype float32, not uint8")
        if self.size is not None:
            sides = _numbers("input.size", self.size)
            if len(sides) != 2 or not all(side >= 1 and side == int(side) for side in sides):
                raise ValueError(f"input.size is {self.size!r}, wanted [height, width]")
            if max(sides) > MOST_SIDE:
                raise ValueError(f"input.size is {self.size!r}, wanted at most {MOST_SIDE} pixels")
            object.__setattr__(self, "size", (int(sides[0]), int(sides[1])))

    @property
    def channels(self) -> int:
        """Numbers per pixel."""
        return 1 if self.colour == "grey" else 3

    def fed(self, faces: NDArray[np.uint8]) -> NDArray[Any]:
        """Converts faces to what the network takes.

        Args:
            faces: `(n, height, width, channels)` in the order of `colour`.

        Returns:
            The same in the wanted layout and type, in one piece of memory.
        """
        numbers: NDArray[Any] = faces
        if self.dtype == "float32":
            mean, scale = (np.asarray(x, np.float32) for x in (self.mean, self.scale))
            numbers = (faces.astype(np.float32) - mean) * scale
        planes = self.layout == "NCHW"
        return np.ascontiguousarray(numbers.transpose(0, 3, 1, 2) if planes else numbers)


@dataclass(frozen=True, slots=True)
class Tolerances:
    """What the distances of one identity network mean; those of two networks do not compare.

    Distances are from 0 to 2. The chance that a name is right is the logistic function of a
    constant, a distance and a second number, each of the latter two with its weight.

    Attributes:
        name: largest distance of a person in the film to the photos of who it is.
        sure: the same for a second cluster of tracks that is to get a name; one photo within it is
            enough to tell who somebody is.
        link: largest distance of such a cluster to the one that has the name, if it is not `sure`.
        cast: distance beyond which two clusters of tracks are two people.
        clear: least quality of a track's best face; poorer tracks make no cluster.
        alike: two people whose photos are nearer may have their names mixed up.
        misfit: a photo that is farther from all others of its person may show somebody else.
        first: for the nearest cluster of a name, of its distance to the photos and of how much
            nearer they are than the next person's.
        second: for another cluster of the name, of its distance to the photos and to the first.
        margin: how much nearer than the next person counts at most, and where there is no other.
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
    margin: float = 0.3

    def __post_init__(self) -> None:
        for name in ("name", "sure", "link", "cast", "clear", "alike", "misfit", "margin"):
            (value,) = _numbers(f"tolerances.{name}", [getattr(self, name)])
            if not 0 < value <= 2:
                raise ValueError(f"tolerances.{name} is {value!r}, wanted a number up to 2")
        for name in ("first", "second"):
            numbers = _numbers(f"tolerances.{name}", getattr(self, name))
            if len(numbers) != 3:
                raise ValueError(f"tolerances.{name} are {len(numbers)} numbers, wanted 3")
            object.__setattr__(self, name, numbers)

    @classmethod
    def from_card(cls, facts: dict[str, Any]) -> "Tolerances":
        """The tolerances of a card; what it leaves out is SFace's, in proportion to `name`.

        Raises:
            ValueError: A number is missing or wrong.
            TypeError: There is a fact that no tolerance is.
        """
        if not isinstance(facts, dict) or "name" not in facts:
            raise ValueError(
                f"tolerances is {facts!r}, must be a mapping with name, the largest distance of a "
                "known face"
            )
        (name,) = _numbers("tolerances.name", [facts["name"]])
        sface = cls(**json.loads(content(WEIGHTS / "sface.json"))["tolerances"])
        times = max(name, 1e-6) / sface.name
        usual: dict[str, Any] = {"clear": sface.clear}
        for key in ("sure", "link", "cast", "alike", "misfit", "margin"):
            usual[key] = min(times * getattr(sface, key), 2.0)
        for key in ("first", "second"):
            constant, *slopes = getattr(sface, key)
            usual[key] = (constant, *(slope / times for slope in slopes))
        return cls(**(usual | facts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The contents of a network's card; the fields are its keys, and only two are required.

    Attributes:
        file: name of the file beside the card.
        job: "detect", "landmarks", "identity" or "emotion".
        sha256: hash of that file in hex; if given, a file with another hash is refused.
        input: the input of the network.
        outputs: names of the outputs in the file; empty if there is only one.
        output: what the network returns for each class, "probabilities" or "logits".
        classes: names of the columns of each head, in their order.
        heads: number of heads whose answers are side by side in the output, to be averaged.
        priors: for each head the share of each class in its training data.
        tau: strength of the correction softmax(z - tau log prior); 0 corrects nothing.
        landmarks: where the input of an identity network has the eyes, the nose and the corners of
            the mouth, left to right in the picture: five points `(x, y)` in pixels. Empty for those
            of ArcFace, by which most networks learnt, scaled from 112 pixels.
        tolerances: the distances of an identity network. Its answers are brought to unit length, so
            the distance of two is the root of 2 - 2 cosine, whatever their own length is.
        source: where the weights come from.
        licence: SPDX name, or a short text.
        copyright: holder of the copyright.
        made_by: the tool that wrote the file.
        note: one or two sentences.
        folder: folder of card and file; not written to the card.

    Raises:
        ValueError: A fact has a wrong value, or two facts contradict each other.
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
    landmarks: tuple[tuple[float, ...], ...] = ()
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
            object.__setattr__(self, name, tuple(values))  # JSON gives lists.
        if self.output not in OUTPUTS:
            raise ValueError(f"output is {self.output!r}, not one of {OUTPUTS}")
        if type(self.heads) is not int or self.heads < 1:
            raise ValueError(f"heads is {self.heads!r}, wanted a whole number from 1")
        if self.heads * len(self.classes) > MOST_ANSWERS:
            raise ValueError(
                f"{self.heads} heads of {len(self.classes)} classes, wanted at most {MOST_ANSWERS} "
                "answers in all"
            )
        self._check_priors()
        if not _is_list(self.landmarks) or len(self.landmarks) not in (0, 5):
            raise ValueError(f"landmarks is {self.landmarks!r}, wanted five points [x, y]")
        points = tuple(_numbers("landmarks", point) for point in self.landmarks)
        if any(len(point) != 2 for point in points):
            raise ValueError(f"landmarks is {self.landmarks!r}, wanted five points [x, y]")
        object.__setattr__(self, "landmarks", points)

    def _check_priors(self) -> None:
        (tau,) = _numbers("tau", [self.tau])
        object.__setattr__(self, "tau", tau)
        if not _is_list(self.priors):
            raise ValueError(f"priors is {self.priors!r}, wanted one list per head")
        priors = tuple(_numbers("priors", head) for head in self.priors)
        object.__setattr__(self, "priors", priors)
        if not priors and not tau:
            return
        if self.output != "logits" or not priors:
            raise ValueError("tau needs priors, and both need output logits")
        shape = [len(head) for head in priors]
        if shape != self.heads * [len(self.classes)] or min(map(min, priors), default=0) <= 0:
            raise ValueError(
                f"priors has {shape} numbers, wanted {self.heads} lists of {len(self.classes)}, "
                "all above 0"
            )

    @classmethod
    def beside(cls, path: Path, job: str = "emotion") -> "Card":
        """Reads the card of the network `path`.

        Args:
            path: The network, or its card.
            job: What it is to do, for the example in the message about a missing card.

        Raises:
            ModelError: The card is missing, not a card, or belongs to another file.
        """
        card_path = _card_path(path)
        try:
            facts: dict[str, Any] = json.loads(content(card_path))
            card = cls._from_json(facts, path.parent)
            if path not in (card.path, card_path):
                raise ValueError(f"it belongs to {card.file}, and {path.name} has none")
        except FileNotFoundError as error:
            if not path.exists():
                raise _missing(path) from error
            raise ModelError(
                f"{card_path}: no card beside {path.name}; {_advice(path, job)}"
            ) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(
                f"{card_path}: not a network's card ({error}); wanted file and job, and for an "
                "emotion network classes, for a recognizer input and tolerances"
            ) from error
        return card

    @classmethod
    def _from_json(cls, facts: dict[str, Any], folder: Path) -> "Card":
        known = [f.name for f in fields(cls) if f.name != "folder"]
        unknown = ", ".join(sorted(facts.keys() - set(known)))
        if unknown:
            raise ValueError(f"{unknown}: unknown; a card may have {', '.join(known)}")
        present = {name: value for name, value in facts.items() if value is not None}
        kinds = {"input": Input, "source": CardSource}
        for name, kind in kinds.items():
            if name in present:
                present[name] = kind(**present[name])
        if "tolerances" in present:
            present["tolerances"] = Tolerances.from_card(present["tolerances"])
        return cls(**present, folder=folder)

    @property
    def path(self) -> Path:
        """The network's file."""
        # Not `folder / file`: `with_name` refuses a path to another folder.
        return (self.folder / "x").with_name(self.file)

    @property
    def identity(self) -> str:
        """Hashes of the file and of its input and output facts: everything that changes answers.

        Raises:
            ModelError: The file is missing.
        """
        facts = asdict(self)
        names = ("input", "outputs", "output", "classes", "heads", "priors", "tau")
        how = json.dumps([facts[name] for name in (*names, *["landmarks"][: len(self.landmarks)])])
        return f"{self._hash()} {hashlib.sha256(how.encode()).hexdigest()[:16]}"

    def checked(self) -> Path:
        """Returns the network's file after comparing its hash with the card's, if it has one.

        Raises:
            ModelError: The file is missing, or has another hash.
        """
        got = self._hash()
        if self.sha256 and got != self.sha256:
            raise ModelError(
                f"{self.path}: sha256 is {got[:12]}…, its card says {self.sha256[:12]}…; the file "
                "was changed or cut off: install mine-video again, or, if the network is your "
                "own, delete sha256 from the card"
            )
        return self.path

    def _hash(self) -> str:
        try:
            return sha256(self.path)
        except (OSError, ValueError) as error:  # ValueError: an impossible file name.
            raise _missing(self.path) from error

    def text(self) -> str:
        """The card as JSON, without facts that have their default value."""
        defaults = {f.name: f.default for f in fields(self) if f.name != "folder"}
        facts = [
            f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
            for name, value in asdict(self).items()
            if name in defaults and getattr(self, name) != defaults[name]
        ]
        return "{\n" + ",\n".join(facts) + "\n}"

    def write(self, folder: Path) -> Path:
        """Writes the card with the hash of its file beside it in `folder`, and returns its path.

        >>> from tempfile import mkdtemp
        >>> folder = Path(mkdtemp())
        >>> _ = (folder / "mine.onnx").write_bytes(b"weights")
        >>> Card(file="mine.onnx", job="emotion").write(folder).name
        'mine.json'

        Raises:
            OutputError: The card cannot be written.
            ModelError: The file is missing.
        """
        card = replace(self, folder=folder)
        card = replace(card, sha256=card._hash())
        card_path = card.path.with_suffix(".json")
        with suppress(ModelError):  # There is no card yet, or an unreadable one.
            if Card.beside(card_path).file != self.file:
                card_path = card_path.with_name(f"{self.file}.json")
        try:
            card_path.write_text(card.text() + "\n", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{card_path}: cannot be written ({error.strerror})") from error
        return card_path


def example(path: Path) -> str:
    """A card to edit, for a user's own emotion network."""
    return Card(
        file=path.name,
        job="emotion",
        input=Input(dtype="float32", size=(48, 48), scale=0.00392156862745098),
        classes=("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"),
        output="logits",
    ).text()


def recognizer_example(path: Path) -> str:
    """A card to edit, for a user's own network that tells people apart."""
    return f"""{{
  "file": {json.dumps(path.name)},
  "job": "identity",
  "input": {{"dtype": "float32", "layout": "NCHW", "colour": "RGB", "size": [112, 112],
            "mean": 127.5, "scale": 0.0078125}},
  "tolerances": {{"name": 1.1}}
}}"""


def sha256(path: Path) -> str:
    """The SHA-256 of a file in hex, cached until the file changes.

    Raises:
        OSError: The file cannot be read.
    """
    facts = path.stat()
    return _sha256(path, facts.st_size, facts.st_mtime_ns)


@cache
def _sha256(path: Path, *_: int) -> str:
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _card_path(path: Path) -> Path:
    """The card of a network: `<file>.json` if there is one, else `<stem>.json`."""
    full = path.with_name(f"{path.name}.json")
    return full if full.exists() else path.with_suffix(".json")


def _missing(path: Path) -> ModelError:
    return ModelError(
        f"{path}: missing; install mine-video again, or, if the network is your own, put it back, "
        "or give its path"
    )


def _advice(path: Path, job: str) -> str:
    if path.parent == WEIGHTS:
        return "install mine-video again"
    text = recognizer_example(path) if job == "identity" else example(path)
    return f"write one, for example:\n{text}"


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
