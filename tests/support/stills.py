"""Stills with real faces, for the tests of the networks."""

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.faces import Floats, Image
from pipeline.models import registry

ROOT = Path(__file__).parents[2]
KNOWN = ("actor.jpg", "actress.jpg", "guest/1.jpg", "guest/2.jpg")
PHOTOS = ROOT.parent / "shared" / "data" / "photos"


ALL_BACKENDS = "MINE_VIDEO_ALL_BACKENDS"
"""Where this is set in the environment, tests of backends fail that could not run."""

ORIGINALS = ("face_recognition", "face_recognition_models")
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
def box_of(name: str) -> Floats:
    """The surest face of a still, as YuNet finds it."""
    (found,) = registry.DETECTORS["yunet"].build().detect([still(name)])
    return found.boxes[0]


@cache
def chips() -> Image:
    """The chips of all stills `(4, 150, 150, 3)`."""
    aligner = registry.ALIGNERS["dlib-onnx"].build()
    return np.stack([aligner.chip(still(name), box_of(name)) for name in KNOWN])
