"""Which backends there are, by the names that the command line takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from pipeline.errors import ModelError
from pipeline.models.base import EmotionModel, FaceAligner, FaceDetector, FaceEmbedder
from pipeline.models.cards import WEIGHTS, Card
from pipeline.settings import WalkSettings


@dataclass(frozen=True, slots=True)
class Entry:
    """One backend: its class and the file it loads."""

    module: str
    name: str
    weights: str

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return WEIGHTS / self.weights

    def build(self, **options: Any) -> Any:
        """Imports the backend (late: each import costs) and makes one."""
        return getattr(import_module(self.module), self.name)(self.path, **options)

    def identity(self) -> str:
        """What the walk's fingerprint holds of this backend."""
        return f"{self.name} {Card.beside(self.path).sha256}"


DETECTORS: dict[str, Entry] = {"yunet": Entry("pipeline.models.yunet", "YuNet", "yunet.onnx")}
ALIGNERS: dict[str, Entry] = {
    "dlib-onnx": Entry("pipeline.models.dlib_face", "DlibAligner", "dlib_5_point.dat")
}
RECOGNIZERS: dict[str, Entry] = {
    "dlib-onnx": Entry("pipeline.models.dlib_face", "DlibOnnx", "dlib_resnet.onnx")
}
EMOTION_MODELS: dict[str, Entry] = {
    "two-headed": Entry("pipeline.models.emotion", "TwoHeaded", "emotion.onnx")
}

Entries = tuple[dict[str, Entry], ...]


def entries() -> Entries:
    """All backends that are listed in this process, to be sent to another: see `learn`."""
    return DETECTORS, ALIGNERS, RECOGNIZERS, EMOTION_MODELS


def learn(given: Entries) -> None:
    """Lists here what `entries` gave elsewhere: a spawned process knows only this file's own."""
    for own, others in zip(entries(), given, strict=True):
        own.update(others)


@dataclass(frozen=True, slots=True)
class FaceModels:
    """The networks that find and name a face: all that a gallery needs."""

    detector: FaceDetector
    aligner: FaceAligner
    embedder: FaceEmbedder


@dataclass(frozen=True, slots=True)
class Models(FaceModels):
    """All networks of a walk."""

    emotion: EmotionModel


def face_models(settings: WalkSettings, threads: int = 1) -> FaceModels:
    """Builds the networks that find and name faces.

    Raises:
        ModelError: A name is not in the registry, or a file is missing or changed.
    """
    return FaceModels(
        _get(DETECTORS, settings.detector).build(min_score=settings.min_score, threads=threads),
        _get(ALIGNERS, settings.recognizer).build(),
        _get(RECOGNIZERS, settings.recognizer).build(threads=threads),
    )


def all_models(settings: WalkSettings, threads: int = 1) -> Models:
    """Builds every network of a walk.

    Raises:
        ModelError: A name is not in the registry, or a file is missing or changed.
    """
    faces = face_models(settings, threads)
    emotion = _get(EMOTION_MODELS, settings.emotion).build(threads=threads)
    return Models(faces.detector, faces.aligner, faces.embedder, emotion)


def identities(settings: WalkSettings) -> dict[str, str]:
    """Name and hash of every network that `settings` choose, for the walk's fingerprint.

    Raises:
        ModelError: A name is not in the registry, or a card is missing.
    """
    return {
        "detector": _get(DETECTORS, settings.detector).identity(),
        "aligner": _get(ALIGNERS, settings.recognizer).identity(),
        "recognizer": _get(RECOGNIZERS, settings.recognizer).identity(),
        "emotion": _get(EMOTION_MODELS, settings.emotion).identity(),
    }


def _get(entries: Mapping[str, Entry], name: str) -> Entry:
    if name not in entries:
        raise ModelError(f"no network is called {name!r}; there are {', '.join(sorted(entries))}")
    return entries[name]
