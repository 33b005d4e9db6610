"""One worker of a cluster: loads the networks once, then prepares, makes and finishes walks.

Nothing here depends on Ray: `pool.py` turns workers into actors.
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
from pipeline.movie.remote import is_remote, read_whole
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
"""The packages of which another version may give parts with other bytes."""

OPTIONAL = "dlib-bin"
"""The one of them that may be absent."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What must be the same for all workers of a walk.

    Attributes:
        settings: The settings of the walk.
        device: Where networks run that can choose.
        entries: The networks that are registered where the walk was begun.
        models: Name and hash of each network in use.
        versions: The versions of `PACKAGES`, and the kind of processor.
    """

    settings: WalkSettings
    device: str
    entries: registry.Entries
    models: dict[str, str]
    versions: dict[str, str]

    @classmethod
    def of(cls, settings: WalkSettings, device: str) -> "Terms":
        """Gives the terms of this process.

        Raises:
            ModelError: A network cannot be loaded.
        """
        return cls(settings, device, registry.entries(), identities(settings), versions())


def versions() -> dict[str, str]:
    """Gives the versions installed here on which the bytes of a part depend."""
    found = {name: version(name) for name in PACKAGES if name != OPTIONAL}
    with suppress(PackageNotFoundError):
        found[OPTIONAL] = version(OPTIONAL)
    return found | {"processor": platform.machine()}


@dataclass(frozen=True, slots=True)
class RayNames:
    """The people by whom faces are named.

    Attributes:
        gallery: The known people.
        tolerances: The distances of the network.
        digest: Identifies gallery and tolerances; movies that were named by them are not named
            again.
        keep: Keep the names of movies that have some: there is no gallery any more.
    """

    gallery: Gallery
    tolerances: Tolerances
    digest: str
    keep: bool


@dataclass(frozen=True, slots=True)
class MoviePlan:
    """What is left to do for a movie.

    Attributes:
        fingerprint: The fingerprint of its walk.
        parts: The number of its parts.
        missing: The numbers of the parts to make, each with its number of frames.
    """

    fingerprint: str
    parts: int
    missing: dict[int, int]


@dataclass(frozen=True, slots=True)
class WorkerAnswer:
    """The outcome of a task.

    Attributes:
        value: The result.
        error: What stopped it, unless that was a bug.
        said: Warnings for the user.
    """

    value: Any = None
    error: MiningError | None = None
    said: list[str] = field(default_factory=list)


class PartWorker:
    """A worker of a cluster.

    Args:
        terms: What must be the same for all workers.
        host: The name of its machine in messages; that of this machine if empty.
    """

    def __init__(self, terms: Terms, host: str = "") -> None:
        cv2.setNumThreads(1)  # A worker has one core.
        registry.learn(terms.entries)
        self._terms = terms
        self._host = host or platform.node()

    def ready(self) -> WorkerAnswer:
        """Loads the networks, after checking that this node meets the terms."""
        return _answer(self._checked)

    def prepare(self, movie: Path, folder: Path, rewalk: bool) -> WorkerAnswer:
        """Scans a movie and plans its parts, or resumes its walk; gives a `MoviePlan`."""
        return _answer(lambda: self._prepared(movie, folder, rewalk=rewalk))

    def make(self, movie: Path, folder: Path, fingerprint: str, number: int) -> WorkerAnswer:
        """Makes a part of the walk with this fingerprint; gives its frames and faces."""
        return _answer(lambda: self._made(movie, folder, fingerprint, number))

    def finish(self, movie: Path, folder: Path, fingerprint: str, names: RayNames) -> WorkerAnswer:
        """Writes faces.csv and tracks.npz from the parts, and names the faces."""
        return _answer(lambda: self._finish(movie, folder, fingerprint, names))

    def _checked(self) -> None:
        here, there = versions(), self._terms.versions
        differences = [f"{name} {here[name]}, not {there[name]}" for name in there
                       if here.get(name, there[name]) != there[name]]  # fmt: skip
        mine, wanted = identities(self._terms.settings), self._terms.models
        differences += [f"another {job} network" for job in mine if mine[job] != wanted[job]]
        if differences:
            raise ModelError(
                f"node {self._host}: has {'; '.join(differences)}, so parts made there would "
                "differ; install the same on all nodes"
            )
        self._models = self._loaded()

    def _loaded(self) -> Models:
        return all_models(self._terms.settings, device=self._terms.device)

    def _prepared(self, movie: Path, folder: Path, *, rewalk: bool) -> MoviePlan:
        self._check_exists(movie)
        with staged(folder, lambda name: name in (*WALK_FILES, *MERGED)) as local:
            walk = walker.prepare_walk(movie, local, self._terms.settings, rewalk=rewalk)
            for warning in walk.scan.warnings:
                logging.getLogger(__name__).warning("%s: %s", movie, warning)
            merged = merged_tracks(local, walk) is not None
            missing = {
                n: stop - first
                for n, (first, stop) in enumerate(walk.parts)
                if not merged and not has_part(local, n)
            }
        return MoviePlan(walk.fingerprint, len(walk.parts), missing)

    def _made(self, movie: Path, folder: Path, fingerprint: str, number: int) -> tuple[int, int]:
        self._check_exists(movie)
        walk = self._walk(folder, fingerprint)
        counts = [0, 0]

        def count(frames: int, faces: int) -> None:
            counts[0] += frames
            counts[1] += faces

        with staged(folder, None) as local:
            make_part(movie, local, walk, number, self._models, count)
            # Again, before the part is sent: others may have begun another walk meanwhile.
            _check_same(folder, fingerprint)
        return counts[0], counts[1]

    def _finish(self, movie: Path, folder: Path, fingerprint: str, names: RayNames) -> None:
        walk = self._walk(folder, fingerprint)
        with staged(folder, is_of_walk) as local:
            if merged_tracks(local, walk) is None:
                walker.walk_movie(movie, local, walk, 1, lambda _: lambda *_: None)
            walked = finished(local)
            kept = names.keep and len(walked.tracks.people)
            if walked.tracks.gallery != names.digest and not kept:
                name_tracks(walked, names.gallery, names.tolerances, names.digest)
            _check_same(folder, fingerprint)

    def _check_exists(self, movie: Path) -> None:
        """Checks that this node sees the movie; the message names the node.

        Raises:
            MovieError: It does not.
        """
        if not is_remote(movie) and not movie.exists():
            raise MovieError(
                f"{movie}: not found on node {self._host}; put movies where all nodes see them "
                "under the same path, or give a URL (s3://, gs://, https://)"
            )

    def _walk(self, folder: Path, fingerprint: str) -> Manifest:
        """Gives the walk of a folder, which all nodes must see.

        Raises:
            OutputError: This node does not see it.
            TableError: The folder holds another walk now.
        """
        if not is_remote(folder) and not (folder / "walk.json").exists():
            raise OutputError(
                f"{folder}: its walk.json is not found on node {self._host}; choose an --output "
                "that all nodes see under the same path, or a URL"
            )
        _check_same(folder, fingerprint)
        return _read(folder, fingerprint)


def _check_same(folder: Path, fingerprint: str) -> None:
    """Checks that a folder still holds this walk: a folder at a URL has no lock.

    Raises:
        OutputError: The manifest cannot be read.
        TableError: The folder holds another walk now, or none.
    """
    try:
        facts = json.loads(read_whole(folder / "walk.json").decode(errors="surrogateescape"))
        current = facts["fingerprint"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        current = ""
    except OSError as error:
        raise OutputError(f"{folder / 'walk.json'}: cannot be read ({error})") from error
    if current != fingerprint:
        raise TableError(
            f"{folder}: holds another walk now, as another run writes there too; choose another "
            "--output, or run this command again when the other run is done"
        )


@lru_cache(maxsize=4)
def _read(folder: Path, fingerprint: str) -> Manifest:
    """Reads the manifest, once for all parts that a worker makes of a movie.

    Raises:
        TableError: The folder holds another walk now.
    """
    with staged(folder, lambda name: name in WALK_FILES) as local:
        walk = manifests.read(local)
    if walk.fingerprint != fingerprint:
        raise TableError(f"{folder}: holds another walk now, as another run writes there too")
    return walk


def _answer(work: Callable[[], Any]) -> WorkerAnswer:
    with _collected_warnings() as warnings:
        try:
            return WorkerAnswer(work(), None, warnings)
        except MiningError as error:
            return WorkerAnswer(None, error, warnings)


@contextmanager
def _collected_warnings() -> Iterator[list[str]]:
    """Collects the warnings logged meanwhile: the user does not see those of other machines."""
    messages: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("pipeline")
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)
