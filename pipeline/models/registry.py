"""Lists the available backends by their names on the command line, and builds them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline.errors import PIP, ModelError
from pipeline.faces import EMOTIONS
from pipeline.models.base import EmotionModel, FaceAligner, FaceDetector, FaceEmbedder
from pipeline.models.cards import WEIGHTS, Card, Tolerances, sha256
from pipeline.movie.remote import connects
from pipeline.settings import KERAS, ONNX, WalkSettings


@dataclass(frozen=True, slots=True)
class Entry:
    """One backend: its class and the file it loads.

    Attributes:
        module: module of the class.
        name: name of the class, whose constructor takes the file's path and options.
        weights: the file, in `WEIGHTS` or absolute.
        takes: which of the options "threads" and "device" it takes.
        tolerances: the distances of an identity network whose card does not give them.
    """

    module: str
    name: str
    weights: str
    takes: tuple[str, ...] = ()
    tolerances: Tolerances | None = None

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
        path = self.path  # Tells what is not installed, before the import fails on it.
        return getattr(import_module(self.module), self.name)(path, **options)

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

LOADING = "loads a network"
"""The name of a thread that nothing can stop."""

MODELS = "face_recognition_models"
INSTALL_DLIB = f"{PIP} install 'mine-video[dlib]'"
INSTALL_FACE_RECOGNITION = (
    f"{INSTALL_DLIB}, then {PIP} install --no-deps face_recognition (it asks for dlib, which "
    "needs a compiler; dlib-bin is the same)"
)

DLIB_TOLERANCES = Tolerances(
    name=0.38, sure=0.30, link=0.38, cast=0.36, clear=0.2, alike=0.38, misfit=0.55,
    first=(32.59, -89.5, 21.1), second=(58.27, -18.6, -113.7), margin=0.12,
)  # fmt: skip
"""Name and cast were measured; the others are SFace's, in proportion."""


def _of_dlib(module: str, name: str, file: str, *others: str, install: str = INSTALL_DLIB) -> Entry:
    """A backend whose file is in the package of dlib's models."""
    return PackageEntry(
        f"pipeline.models.{module}", name, f"models/{file}.dat",
        packages=("dlib", *others, MODELS), install=install, tolerances=DLIB_TOLERANCES,
    )  # fmt: skip


LANDMARKS_FILE = "shape_predictor_5_face_landmarks"
RESNET_FILE = "dlib_face_recognition_resnet_model_v1"

DETECTORS: dict[str, Entry] = {
    "yunet": Entry("pipeline.models.yunet", "YuNet", "yunet.onnx", ON_ONNX),
    "hog": _of_dlib("dlib_detect", "DlibHog", LANDMARKS_FILE),
    "cnn": _of_dlib("dlib_detect", "DlibCnn", "mmod_human_face_detector"),
}
ALIGNERS: dict[str, Entry] = {
    "sface": Entry("pipeline.models.sface", "LandmarkAligner", "yunet.onnx"),
    "dlib": _of_dlib("dlib_face", "DlibAligner", LANDMARKS_FILE),
    "face_recognition": _of_dlib("dlib_face", "DlibAligner", LANDMARKS_FILE),
}
RECOGNIZERS: dict[str, Entry] = {
    "sface": Entry("pipeline.models.sface", "SFace", "sface.onnx", ON_ONNX),
    "dlib": _of_dlib("dlib_face", "DlibResnet", RESNET_FILE),
    "face_recognition": _of_dlib(
        "face_recognition", "FaceRecognition", RESNET_FILE, "face_recognition",
        install=INSTALL_FACE_RECOGNITION,
    ),
}  # fmt: skip
RETIRED = {"dlib-onnx": DLIB_TOLERANCES}
"""Recognizers of earlier versions: walks made with them are read and picked from, not made."""

EMOTION_MODELS: dict[str, Entry] = {
    "two-headed-int8": Entry(
        "pipeline.models.emotion", "OnnxEmotion", "emotion_int8.onnx", ON_ONNX
    ),
    "two-headed": Entry("pipeline.models.emotion", "OnnxEmotion", "emotion.onnx", ON_ONNX),
}
UNROUNDED = {"two-headed-int8": "two-headed"}
"""The network that an int8 one only rounds: walks made with it serve as well, and are kept."""

SFACE_UNROUNDED = "SFace bd80c03ff2bf4452c1ea550dfd28730e51d8d5be73846bb5f115906b6f81f70c"
"""The file that today's SFace only rounds: what it told of faces compares with photos of today."""

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
    detector = detector_entry(settings.detector)
    return FaceModels(
        detector.build(threads=threads, device=device, min_score=settings.min_score),
        aligner_entry(settings.recognizer).build(),
        recognizer_entry(settings.recognizer).build(threads=threads, device=device),
    )


def tolerances(settings: WalkSettings, name: float | None = None) -> Tolerances:
    """The distances that the recognizer of a walk needs.

    Args:
        settings: Of the walk.
        name: Largest distance of a known face, 0 to 2; None for the network's own.

    Raises:
        ModelError: A name is not in the registry, a card is missing or has none.
    """
    found = RETIRED.get(settings.recognizer)
    if found is None:
        entry = recognizer_entry(settings.recognizer)
        found = entry.tolerances or Card.beside(entry.path).tolerances
        if found is None:
            raise ModelError(f"{entry.path}: its card has no tolerances; add them")
    if name is None:
        return found
    return replace(found, name=max(name, 1e-6))  # A card's is above 0; a user may want 0.


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
        "detector": detector_entry(settings.detector).identity(),
        "aligner": aligner_entry(settings.recognizer).identity(),
        "recognizer": recognizer_entry(settings.recognizer).identity(),
    }


def compares(settings: WalkSettings, models: Mapping[str, str]) -> bool:
    """Whether a walk's embeddings can be compared with photos: today's networks made them.

    Args:
        settings: of the walk.
        models: what `identities` gave when it was made.

    Raises:
        ModelError: See `identities`.
    """
    if settings.recognizer in RETIRED:
        return False
    now = as_walked(models, face_identities(settings))
    # Of ours class and file: how the file is fed was told by a card that some had, and have not.
    facts = None if settings.recognizer not in RECOGNIZERS else 2
    pairs = ((models.get(job, now[job]), now[job]) for job in ("aligner", "recognizer"))
    return all(was.split()[:facts] == new.split()[:facts] for was, new in pairs)


def as_walked(models: Mapping[str, str], now: dict[str, str]) -> dict[str, str]:
    """Today's networks, or instead of one that of a walk, if today's only rounds it.

    Args:
        models: name and hash of each network of the walk.
        now: those of today's.
    """
    was, kind = models.get("recognizer", ""), SFACE_UNROUNDED.split(maxsplit=1)[0]
    rounds = was.startswith(SFACE_UNROUNDED) and now["recognizer"].startswith(f"{kind} ")
    return now | {"recognizer": was} if rounds else now


def identities(settings: WalkSettings) -> dict[str, str]:
    """The name and hash of every network that `settings` choose, for the walk's fingerprint.

    Raises:
        ModelError: A name is not in the registry, or a card, a file or a package is missing.
    """
    return face_identities(settings) | {"emotion": emotion_entry(settings.emotion).identity()}


def detector_entry(name: str) -> Entry:
    """The network that finds faces with this name.

    Raises:
        ModelError: The name is not in the registry.
    """
    return _get(DETECTORS, name)


def emotion_entry(name: str) -> Entry:
    """The emotion network with this name, or in this file.

    Raises:
        ModelError: The name is not in the registry, and not the path of a network.
    """
    kinds = {ONNX: ("OnnxEmotion", ON_ONNX), KERAS: ("KerasEmotion", ("threads",))}
    kind = kinds.get(Path(name).suffix)
    if name in EMOTION_MODELS or kind is None:
        return _get(EMOTION_MODELS, name, f", or give the path of a file {' or '.join(kinds)}")
    return Entry("pipeline.models.emotion", kind[0], str(_own(name)), kind[1])


def recognizer_entry(name: str) -> Entry:
    """The network that tells people apart with this name, or in this file.

    Raises:
        ModelError: The name is not in the registry, and not the path of a network with a card.
    """
    if name in RECOGNIZERS or Path(name).suffix != ONNX:
        return _get(RECOGNIZERS, name, f", or give the path of a file {ONNX}")
    path = _own(name)
    Card.beside(path, "identity")  # Says what to write where there is none.
    return Entry("pipeline.models.recognizer", "OnnxRecognizer", str(path), ON_ONNX)


def aligner_entry(recognizer: str) -> Entry:
    """What cuts the chips of a recognizer, by its name or path.

    Raises:
        ModelError: See `recognizer_entry`.
    """
    if recognizer in ALIGNERS or Path(recognizer).suffix != ONNX:
        return _get(ALIGNERS, recognizer, f", or give the path of a file {ONNX}")
    entry = recognizer_entry(recognizer)
    return replace(entry, name="CardAligner", takes=())


def remarks(settings: WalkSettings, device: str) -> Iterator[str]:
    """Yields what the user should know about the chosen networks before they run for hours.

    Raises:
        ModelError: See `identities`.
    """
    chosen = {
        f"--detector {settings.detector}": detector_entry(settings.detector),
        f"--recognizer {settings.recognizer}": recognizer_entry(settings.recognizer),
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


def _own(name: str) -> Path:
    """The path of a network of one's own.

    Raises:
        ModelError: It is on another computer, to which a walk.json of others must not connect.
    """
    path = Path(name).absolute()
    if connects(path):
        raise ModelError(f"{path}: is on another computer; copy network and card to this one")
    return path


def _get(entries: Mapping[str, Entry], name: str, otherwise: str = "") -> Entry:
    if name in RETIRED:
        raise ModelError(
            f"--recognizer {name} is no longer part of mine-video; --rewalk walks the movie anew"
        )
    if name not in entries:
        known = ", ".join(sorted(entries))
        raise ModelError(f"no network is called {name!r}; there are {known}{otherwise}")
    return entries[name]
