"""Stills with real faces, for the tests of the networks."""

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.faces import Detections, Floats, Image
from pipeline.models import registry
from pipeline.models.base import FaceAligner

ROOT = Path(__file__).parents[2]
KNOWN = ("actor.jpg", "actress.jpg", "guest/1.jpg", "guest/2.jpg")
PHOTOS = ROOT.parent / "shared" / "data" / "photos"


ALL_BACKENDS = "MINE_VIDEO_ALL_BACKENDS"
"""Where this is set in the environment, tests of backends fail that could not run."""

DLIB = ("dlib", "face_recognition_models")
ORIGINALS = (*DLIB, "face_recognition")
KERAS = ("keras", "tensorflow")


def needs(*packages: str) -> pytest.MarkDecorator:
    """Skips a test where packages are absent that are no part of mine-video."""
    absent = [package for package in packages if find_spec(package) is None]
    return pytest.mark.skipif(
        bool(absent) and ALL_BACKENDS not in os.environ,
        reason=f"not installed: {', '.join(absent)}",
    )


@cache
def still(name: str) -> Image:
    """One of the repository's photos, RGB, read-only: a test that writes on it fails."""
    return _read(ROOT / "known_faces" / name)


def photo(name: str) -> Image:
    """One of the photos that are not in the repository; skips the test where they are absent."""
    path = PHOTOS / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the repository")
    return _read(path)


def _read(path: Path) -> Image:
    image: Image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    image.setflags(write=False)
    return image


@cache
def face_of(name: str) -> Detections:
    """The surest face of a still, as YuNet finds it."""
    (found,) = registry.DETECTORS["yunet"].build().detect([still(name)])
    return Detections(found.boxes[:1], found.scores[:1], found.landmarks[:1])


def box_of(name: str) -> Floats:
    """That face's box."""
    return face_of(name).boxes[0]


def chip_of(aligner: FaceAligner, name: str) -> Image:
    """That face's chip."""
    return aligner.chip(still(name), box_of(name), face_of(name).landmarks[0])


@cache
def chips(recognizer: str = "sface") -> Image:
    """The chips of all stills `(4, side, side, 3)`, as a recognizer is shown them."""
    aligner = registry.ALIGNERS[recognizer].build()
    return np.stack([chip_of(aligner, name) for name in KNOWN])
