"""Augmentation: what stays, what changes, and that the same seed repeats it."""

from typing import Any

import numpy as np
import pytest

from pipeline.train.settings import TrainSettings
from tests.support.training import KERAS, squares

pytest.importorskip("keras", reason="needs the extra `train`")
from pipeline.train import augment, backend

pytestmark = KERAS

NONE: dict[str, Any] = {
    "flip": False, "tilt": 0.0, "scale": 0.0, "shift": 0.0, "light": 0.0, "erase": 0.0, "blur": 0.0
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "flip": {"flip": True},
    "tilt": {"tilt": 20.0},
    "scale": {"scale": 0.25},
    "shift": {"shift": 0.12},
    "light": {"light": 0.4},
    "erase": {"erase": 1.0},
    "blur": {"blur": 1.0},
    "compress": {"compress": 1.0},
    "small": {"small": 1.0},
    "motion": {"motion": 1.0},
    "mouth": {"mouth": 1.0},
}
FACES = ((squares(28).faces.astype(np.float32) - 127.5) / 64)[..., None]


def _changed(settings: TrainSettings, faces: Any = FACES) -> Any:
    for layer in augment.augmentation(settings):
        faces = layer(faces, training=True)
    return backend.to_numpy(faces)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_changes_faces_in_training_alone(kind: str) -> None:
    settings = TrainSettings(**NONE | KINDS[kind])
    (layer,) = augment.augmentation(settings)
    assert np.array_equal(backend.to_numpy(layer(FACES)), FACES)
    changed = _changed(settings)
    assert changed.shape == FACES.shape
    assert np.isfinite(changed).all()
    assert (np.abs(changed - FACES).max(axis=(1, 2, 3)) > 0.01).mean() > 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_repeats_it_and_another_does_not(kind: str) -> None:
    settings = {**NONE, **KINDS[kind]}
    first = _changed(TrainSettings(**settings))
    assert np.array_equal(_changed(TrainSettings(**settings)), first)
    if kind not in ("flip",):
        assert not np.array_equal(_changed(TrainSettings(**settings, seed=1)), first)


def test_nothing_wanted_is_no_layer() -> None:
    assert augment.augmentation(TrainSettings(**NONE)) == []


def test_flipping_mirrors_about_half_exactly() -> None:
    many = np.repeat(FACES[:1], 200, axis=0)
    changed = _changed(TrainSettings(**NONE | KINDS["flip"]), many)
    kept = np.abs(changed - many).max(axis=(1, 2, 3)) < 1e-5
    mirrored = np.abs(changed - many[:, :, ::-1]).max(axis=(1, 2, 3)) < 1e-5
    assert (kept ^ mirrored).all()
    assert 60 < mirrored.sum() < 140


def test_shifting_moves_by_at_most_its_share() -> None:
    dot = np.zeros((100, 48, 48, 1), np.float32)
    dot[:, 24, 24] = 1.0
    changed = _changed(TrainSettings(**NONE | {"shift": 0.125}), dot)
    y, x = np.indices((48, 48))
    moved = [(changed[..., 0] * axis).sum(axis=(1, 2)) - 24 for axis in (y, x)]
    assert np.abs(moved).max() < 6.01
    assert np.std(moved[0]) > 2
    assert np.std(moved[1]) > 2


def test_compression_keeps_what_is_even_and_loses_what_is_fine() -> None:
    layer = augment.Compress(1.0)
    even = np.full((1, 48, 48, 1), 0.0, np.float32)
    (made,) = augment.augmentation(TrainSettings(**NONE | KINDS["compress"]))
    assert np.abs(backend.to_numpy(made(even, training=True))).max() < 1e-5
    cosines = layer._cosines
    assert np.allclose(cosines @ cosines.T, np.eye(8), atol=1e-6)
    noise = np.random.default_rng(0).normal(0, 0.2, (8, 48, 48, 1)).astype(np.float32)
    assert backend.to_numpy(made(noise, training=True)).std() < 0.7 * noise.std()


def test_a_strange_mouth_is_below_and_in_the_light_of_the_face() -> None:
    draw = np.random.default_rng(0)
    faces = draw.normal(0, 0.3, (6, 48, 48, 1)).astype(np.float32)
    faces[3] += 1.0
    changed = _changed(TrainSettings(**NONE | KINDS["mouth"]), faces)
    assert np.array_equal(changed[:, :24], faces[:, :24])
    others = np.roll(faces, 1, axis=0)
    for face, made, other in zip(faces, changed, others, strict=True):
        pasted = made[34:]
        assert np.corrcoef(pasted.ravel(), other[34:].ravel())[0, 1] > 0.99
        assert pasted.mean() == pytest.approx(face[34:].mean(), abs=0.1)


def test_motion_is_along_one_line() -> None:
    dot = np.zeros((50, 48, 48, 1), np.float32)
    dot[:, 24, 24] = 1.0
    changed = _changed(TrainSettings(**NONE | KINDS["motion"]), dot)[..., 0]
    assert changed.sum(axis=(1, 2)) == pytest.approx(np.ones(50), abs=1e-3)
    y, x = np.indices((48, 48)) - 24
    reach = [(changed * axis**2).sum(axis=(1, 2)) for axis in (y, x)]
    assert np.sqrt(reach).max() <= augment.LONGEST / 2
    assert np.std(reach[0] - reach[1]) > 0.5


def test_small_faces_lose_what_is_fine_and_keep_what_is_large() -> None:
    y, x = np.indices((48, 48))
    fine, large = ((-1.0) ** x, np.sin(x / 8) + np.cos(y / 8))
    both = np.stack([fine, large]).astype(np.float32)[..., None].repeat(20, axis=0)
    changed = _changed(TrainSettings(**NONE | KINDS["small"]), both)
    lost = np.abs(changed - both)[:, 4:-4, 4:-4].mean(axis=(1, 2, 3))
    assert lost[:20].min() > 0.2
    assert lost[20:].max() < 0.1
