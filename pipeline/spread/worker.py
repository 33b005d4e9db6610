"""What one worker of a cluster does: it loads the networks once, and makes what it is asked for.

Nothing here knows Ray: `pool.py` makes actors of it.
"""

import json
import logging
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2

from pipeline.disk import manifest as manifests
from pipeline.disk.manifest import Manifest
from pipeline.disk.parts import has_part
from pipeline.disk.walked import finished, merged_tracks
from pipeline.errors import MiningError, ModelError, MovieError, OutputError, TableError
from pipeline.models import registry
from pipeline.models.cards import Tolerances
from pipeline.models.registry import Models, all_models, identities
from pipeline.movie.remote import is_remote
from pipeline.people.gallery import Gallery
from pipeline.people.naming import name_tracks
from pipeline.settings import WalkSettings
from pipeline.spread.staging import MERGED, WALK_FILES, is_of_walk, staged
from pipeline.walk import walker
from pipeline.walk.processes import make_part

PACKAGES = (
    "mine-video", "av", "dlib-bin", "numpy", "onnxruntime", "opencv-python-headless", "pandas",
    "scenedetect-headless",
)  # fmt: skip
"""Another version of one of them may give other bytes."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What all workers of a walk must have alike.

    Attributes:
        settings: of the walk.
        device: where networks run that can choose.
        entries: the networks that are listed where the walk was begun.
        models: name and hash of each that is used.
        versions: of `PACKAGES` and of the processor's kind.
    """

    settings: WalkSettings
    device: str
    entries: registry.Entries
    models: dict[str, str]
    versions: dict[str, str]

    @classmethod
    def of(cls, settings: WalkSettings, device: str) -> "Terms":
        """Those of this process.

        Raises:
            ModelError: A network cannot be had.
        """
        return cls(settings, device, registry.entries(), identities(settings), versions())


def versions() -> dict[str, str]:
    """What is installed here, of what the bytes of a part depend on."""
    found = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):  # dlib is not everywhere.
            found[name] = version(name)
    return found | {"processor": platform.machine()}


@dataclass(frozen=True, slots=True)
class RayNames:
    """By whom faces are named.

    Attributes:
        gallery: those who are known.
        tolerances: of the network.
        digest: of both; what is named by it already is not named again.
        keep: names that were given before stay: there is no gallery any more.
    """

    gallery: Gallery
    tolerances: Tolerances
    digest: str
    keep: bool


@dataclass(frozen=True, slots=True)
class MoviePlan:
    """What is left to do of a movie.

    Attributes:
        fingerprint: of its walk.
        parts: how many it has.
        missing: the numbers of the parts to make, each with its count of frames.
    """

    fingerprint: str
    parts: int
    missing: dict[int, int]


@dataclass(frozen=True, slots=True)
class WorkerAnswer:
    """How a task ended.

    Attributes:
        value: what it gave.
        error: what in the world stopped it.
        said: warnings for the user.
    """

    value: Any = None
    error: MiningError | None = None
    said: list[str] = field(default_factory=list)


class PartWorker:
    """A worker of a cluster.

    Args:
        terms: What it must have like all others.
        host: What its machine is called in messages; its own name if empty.
    """

    def __init__(self, terms: Terms, host: str = "") -> None:
        cv2.setNumThreads(1)  # A worker has one core.
        registry.learn(terms.entries)
        self._terms = terms
        self._host = host or platform.node()

    def ready(self) -> WorkerAnswer:
        """Loads the networks, if what is installed here is what all others have."""
        return _answer(self._checked)

    def prepare(self, movie: Path, folder: Path, rewalk: bool) -> WorkerAnswer:
        """Scans a movie and plans its parts, or finds what is left: a `MoviePlan`."""
        return _answer(lambda: self._prepared(movie, folder, rewalk=rewalk))

    def make(self, movie: Path, folder: Path, fingerprint: str, number: int) -> WorkerAnswer:
        """Makes a part of the walk with this fingerprint; gives its frames and faces."""
        return _answer(lambda: self._made(movie, folder, fingerprint, number))

    def finish(self, movie: Path, folder: Path, fingerprint: str, names: RayNames) -> WorkerAnswer:
        """Writes faces.csv and tracks.npz, named, from the parts."""
        return _answer(lambda: self._finish(movie, folder, fingerprint, names))

    def _checked(self) -> None:
        here, there = versions(), self._terms.versions
        other = [f"{name} {here[name]}, not {there[name]}" for name in there
                 if here.get(name, there[name]) != there[name]]  # fmt: skip
        mine = identities(self._terms.settings)
        other += [f"another {job} network" for job in mine if mine[job] != self._terms.models[job]]
        if other:
            raise ModelError(
                f"node {self._host}: has {'; '.join(other)}, so that parts made there would "
                "differ; install the same on all nodes"
            )
        self._models = self._loaded()

    def _loaded(self) -> Models:
        return all_models(self._terms.settings, device=self._terms.device)

    def _prepared(self, movie: Path, folder: Path, *, rewalk: bool) -> MoviePlan:
        self._check_there(movie)
        with staged(folder, lambda name: name in (*WALK_FILES, *MERGED)) as place:
            walk = walker.prepare_walk(movie, place, self._terms.settings, rewalk=rewalk)
            for warning in walk.scan.warnings:
                logging.getLogger(__name__).warning("%s: %s", movie, warning)
            merged = merged_tracks(place, walk) is not None
            missing = {
                n: stop - first
                for n, (first, stop) in enumerate(walk.parts)
                if not merged and not has_part(place, n)
            }
        return MoviePlan(walk.fingerprint, len(walk.parts), missing)

    def _made(self, movie: Path, folder: Path, fingerprint: str, number: int) -> tuple[int, int]:
        self._check_there(movie)
        walk = self._walk(folder, fingerprint)
        found = [0, 0]

        def count(frames: int, faces: int) -> None:
            found[0] += frames
            found[1] += faces

        with staged(folder, None) as place:
            make_part(movie, place, walk, number, self._models, count)
            _check_same(folder, fingerprint)  # Before it is sent: making it took its time.
        return found[0], found[1]

    def _finish(self, movie: Path, folder: Path, fingerprint: str, names: RayNames) -> None:
        walk = self._walk(folder, fingerprint)
        with staged(folder, is_of_walk) as place:
            if merged_tracks(place, walk) is None:
                walker.walk_movie(movie, place, walk, 1, lambda _: lambda *_: None)
            walked = finished(place)
            kept = names.keep and len(walked.tracks.people)
            if walked.tracks.gallery != names.digest and not kept:
                name_tracks(walked, names.gallery, names.tolerances, names.digest)
            _check_same(folder, fingerprint)

    def _check_there(self, movie: Path) -> None:
        """Says where a movie is missing: there is more than one machine here.

        Raises:
            MovieError: It is not there.
        """
        if not is_remote(movie) and not movie.exists():
            raise MovieError(
                f"{movie}: not there on node {self._host}; put movies where all nodes see them "
                "under the same path, or give a URL (s3://, gs://, https://)"
            )

    def _walk(self, folder: Path, fingerprint: str) -> Manifest:
        """The walk of a folder, as all nodes must see it.

        Raises:
            OutputError: This node does not see it.
            TableError: It is another one now.
        """
        if not is_remote(folder) and not (folder / "walk.json").exists():
            raise OutputError(
                f"{folder}: its walk.json is not there on node {self._host}; choose an --output "
                "that all nodes see under the same path, or a URL"
            )
        _check_same(folder, fingerprint)
        return _read(folder, fingerprint)


def _check_same(folder: Path, fingerprint: str) -> None:
    """Looks anew which walk a folder holds: by URL no lock keeps others from it.

    Raises:
        OutputError: That cannot be read.
        TableError: It is another one now, or none.
    """
    try:
        facts = json.loads((folder / "walk.json").read_text("utf-8", "surrogateescape"))
        found = facts["fingerprint"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        found = ""
    except OSError as error:
        raise OutputError(f"{folder / 'walk.json'}: cannot be read ({error})") from error
    if found != fingerprint:
        raise TableError(
            f"{folder}: holds another walk now; somebody else walks there, too: choose another "
            "--output, and call this again when they are done"
        )


@lru_cache(maxsize=4)
def _read(folder: Path, fingerprint: str) -> Manifest:
    """The manifest, read once for the parts that a worker makes of a movie.

    Raises:
        TableError: The folder holds another walk now.
    """
    with staged(folder, lambda name: name in WALK_FILES) as place:
        walk = manifests.read(place)
    if walk.fingerprint != fingerprint:
        raise TableError(f"{folder}: holds another walk now; somebody else walks there, too")
    return walk


def _answer(work: Callable[[], Any]) -> WorkerAnswer:
    with _heard() as said:
        try:
            return WorkerAnswer(work(), None, said)
        except MiningError as error:
            return WorkerAnswer(None, error, said)


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Collects the warnings that are given meanwhile: nobody sees those of another machine."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("pipeline")
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
